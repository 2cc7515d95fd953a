"""Moments in UTC, and the windows in which limits are renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def utc(moment: datetime) -> datetime:
    """Convert an aware datetime to UTC.

    Raises:
        ValueError: the datetime is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("an aware datetime is needed, such as datetime.now(UTC)")
    return moment.astimezone(UTC)


def end_of_window(interval: str | None, now: datetime) -> datetime | None:
    """Return the end (UTC) of the window that contains `now` (aware).

    `None` if there is no window, or if the interval is not `daily`, `weekly` (from Monday) or `monthly` (from
    the 1st). Windows begin at 00:00 UTC (OpenRouter's documentation of `limit_reset`).
    """
    now = utc(now)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    match interval:
        case "daily":
            return today + timedelta(days=1)
        case "weekly":
            return today + timedelta(days=7 - today.weekday())
        case "monthly":
            return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        case _:
            return None
