"""Amounts spent in OpenRouter's windows: days, weeks from Monday, and months, all in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias

from openrouter_credits._models.amounts import add

Clock: TypeAlias = Callable[[], datetime]
Interval: TypeAlias = Literal["daily", "weekly", "monthly"]
INTERVALS: tuple[Interval, ...] = ("daily", "weekly", "monthly")


def window(interval: Interval, now: datetime) -> tuple[datetime, datetime]:
    """Return the start and the end of the window that contains `now`."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "daily":
        return today, today + timedelta(days=1)
    if interval == "weekly":
        monday = today - timedelta(days=today.weekday())
        return monday, monday + timedelta(days=7)
    first = today.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def iso(moment: datetime) -> str:
    """Format a time as OpenRouter does, such as `2026-10-01T00:00:00Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Spending:
    """Counts US dollars: in total, and in the current window of each interval."""

    def __init__(self, amount: Decimal, now: datetime) -> None:
        self.total = Decimal(0)
        self._windows: dict[Interval, tuple[datetime, datetime, Decimal]] = {}
        self.add(amount, now)

    def add(self, amount: Decimal, now: datetime) -> None:
        """Count an amount spent at `now`."""
        self._windows = {
            interval: (*window(interval, now), add(self.within(interval, now), amount))
            for interval in INTERVALS
        }
        self.total = add(self.total, amount)

    def within(self, interval: Interval | None, now: datetime) -> Decimal:
        """Return the amount spent in the window that contains `now`; without an interval, the total."""
        if interval is None:
            return self.total
        start, end, amount = self._windows.get(interval, (now, now, Decimal(0)))
        return amount if start <= now < end else Decimal(0)
