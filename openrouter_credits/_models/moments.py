"""Moments in UTC, and the windows in which limits are renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def utc(moment: datetime) -> datetime:
    """Convert an aware datetime to UTC; beyond the years 1 to 9999 in UTC, it is their first or last moment.

    Raises:
        ValueError: the datetime is naive.
    """
    if moment.utcoffset() is None:  # also a zone that does not know its own
        raise ValueError("an aware datetime is needed, such as datetime.now(UTC)")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return _FIRST if moment.year == 1 else _LAST


def end_of_window(interval: str | None, now: datetime) -> datetime | None:
    """Return the end (UTC) of the window that contains `now` (aware).

    `None` if there is no window, if the interval is not `daily`, `weekly` (from Monday) or `monthly` (from
    the 1st), or if the end is beyond the year 9999. Windows begin at 00:00 UTC (OpenRouter's documentation
    of `limit_reset`).
    """
    today = utc(now).replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return _next_begin(interval, today)
    except OverflowError:
        return None


def _next_begin(interval: str | None, today: datetime) -> datetime | None:
    match interval:
        case "daily":
            return today + timedelta(days=1)
        case "weekly":
            return today + timedelta(days=7 - today.weekday())
        case "monthly":
            return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        case _:
            return None
