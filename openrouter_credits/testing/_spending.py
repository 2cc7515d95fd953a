"""What was spent, in the windows that OpenRouter counts: UTC days, weeks from Monday, months."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypeAlias

from openrouter_credits.testing._amounts import add

if TYPE_CHECKING:
    from collections.abc import Callable

Clock: TypeAlias = "Callable[[], datetime]"
Interval: TypeAlias = Literal["daily", "weekly", "monthly"]
INTERVALS: tuple[Interval, ...] = ("daily", "weekly", "monthly")


def window(interval: Interval, now: datetime) -> tuple[datetime, datetime]:
    """Find the start and the end of the window that `now` lies in."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "daily":
        return today, today + timedelta(days=1)
    if interval == "weekly":
        monday = today - timedelta(days=today.weekday())
        return monday, monday + timedelta(days=7)
    first = today.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def iso(moment: datetime) -> str:
    """Write a time as OpenRouter does."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Spending:
    """Counts dollars, all-time and in each current window."""

    def __init__(self, amount: Decimal, now: datetime) -> None:
        self.total = Decimal(0)
        self._windows: dict[Interval, tuple[datetime, datetime, Decimal]] = {}
        self.add(amount, now)

    def add(self, amount: Decimal, now: datetime) -> None:
        """Count what is spent at `now`."""
        self._windows = {
            interval: (*window(interval, now), add(self.within(interval, now), amount))
            for interval in INTERVALS
        }
        self.total = add(self.total, amount)

    def within(self, interval: Interval | None, now: datetime) -> Decimal:
        """Tell what the window that `now` lies in has seen; without an interval, everything."""
        if interval is None:
            return self.total
        start, end, amount = self._windows.get(interval, (now, now, Decimal(0)))
        return amount if start <= now < end else Decimal(0)
