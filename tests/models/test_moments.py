"""Moments are in UTC, and windows end at midnight UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest

from openrouter_credits._models.moments import end_of_window, utc


@pytest.mark.parametrize(
    ("reset", "now", "expected"),
    [
        ("daily", datetime(2026, 10, 21, 13, 5, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)),
        ("daily", datetime(2026, 10, 21, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)),
        ("daily", datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("daily", datetime(2028, 2, 28, 12, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC)),
        # a Wednesday
        ("weekly", datetime(2026, 10, 21, 13, 5, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)),
        # a Sunday
        ("weekly", datetime(2026, 10, 25, 23, 59, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)),
        # a Monday, at the reset
        ("weekly", datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)),
        ("weekly", datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2027, 1, 4, tzinfo=UTC)),
        ("monthly", datetime(2026, 10, 21, 13, 5, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        ("monthly", datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("monthly", datetime(2027, 1, 31, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)),
        ("monthly", datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        ("monthly", datetime(2100, 2, 28, 23, tzinfo=UTC), datetime(2100, 3, 1, tzinfo=UTC)),  # no leap year
        ("daily", datetime(9999, 12, 30, 23, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
        ("daily", datetime(9999, 12, 31, tzinfo=UTC), None),
        ("weekly", datetime(9999, 12, 26, tzinfo=UTC), datetime(9999, 12, 27, tzinfo=UTC)),
        ("weekly", datetime(9999, 12, 27, tzinfo=UTC), None),
        ("monthly", datetime(9999, 11, 30, tzinfo=UTC), datetime(9999, 12, 1, tzinfo=UTC)),
        ("monthly", datetime(9999, 12, 1, tzinfo=UTC), None),
        (None, datetime(2026, 10, 21, tzinfo=UTC), None),
        ("fortnightly", datetime(2026, 10, 21, tzinfo=UTC), None),
    ],
)
def test_windows_end_at_midnight_utc(reset: str | None, now: datetime, expected: datetime | None) -> None:
    """Windows end at 00:00 UTC: weekly on Monday, monthly on the 1st; None if the window is unknown."""
    assert end_of_window(reset, now) == expected


def test_a_local_time_is_converted_first() -> None:
    """A window is that of the UTC day: Thursday in Auckland can be Wednesday in UTC."""
    now = datetime(2026, 10, 22, 1, tzinfo=timezone(timedelta(hours=13)))

    end = end_of_window("daily", now)

    assert end == datetime(2026, 10, 22, tzinfo=UTC)
    assert end is not None
    assert end.tzinfo is UTC


def test_an_aware_time_is_converted_to_utc() -> None:
    """utc() returns the same moment with the zone UTC."""
    local = datetime(2026, 10, 22, 1, tzinfo=timezone(timedelta(hours=13)))

    converted = utc(local)

    assert (converted, converted.tzinfo, converted.hour) == (local, UTC, 12)


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), datetime.min.replace(tzinfo=UTC)),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_time_beyond_the_calendar_is_its_end(local: datetime, expected: datetime) -> None:
    """utc() returns the first or the last moment of the calendar for a time that is beyond it in UTC."""
    assert utc(local) == expected


NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - a naive time is what is refused


@pytest.mark.parametrize("interval", ["daily", None, "fortnightly"])
def test_a_window_around_a_naive_time_is_refused(interval: str | None) -> None:
    """end_of_window() raises ValueError for a naive time, whatever the interval is."""
    with pytest.raises(ValueError, match="aware"):
        end_of_window(interval, NAIVE)


class Nowhere(tzinfo):
    """A zone that does not know how far it is from UTC."""

    def utcoffset(self, _: datetime | None) -> None:
        """Return nothing, which makes a time naive."""

    dst = utcoffset

    def tzname(self, _: datetime | None) -> None:
        """Return no name."""


@pytest.mark.parametrize("moment", [NAIVE, NAIVE.replace(tzinfo=Nowhere())])
def test_a_naive_time_is_refused(moment: datetime) -> None:
    """utc() raises ValueError for a naive time, also for one whose zone has no offset."""
    with pytest.raises(ValueError, match="aware"):
        utc(moment)
