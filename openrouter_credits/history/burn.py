"""How fast an amount is spent, from readings of a counter that only grows: pure decisions, no I/O."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from attrs import define, field

from openrouter_credits import Runway

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


@define(eq=False)
class Burn:
    """The readings of one counter, oldest first, in bounded memory."""

    _readings: list[tuple[datetime, Decimal]] = field(factory=list)

    def add(self, at: datetime, used: Decimal) -> None:
        """Take a reading of the counter, such as `total_usage`."""
        self._readings.append((at, used))

    def restart(self) -> None:
        """Begin a new segment: the next reading is of another counter."""
        self._readings.clear()

    def rate(self, now: datetime, window: timedelta) -> tuple[Decimal | None, timedelta]:
        """Return dollars a day over the window that ends at `now`, and the time in it that readings cover."""
        raise NotImplementedError

    def runway(self, remaining: Decimal, now: datetime, resets_at: datetime | None = None) -> Runway:
        """Tell how long it lasts: by the slower of 24 h and 7 d, at the earliest by the fastest of 1 h too."""
        return Runway("accumulating", None, None, None, resets_at, "history")

    def recent(self, remaining: Decimal, now: datetime, resets_at: datetime | None = None) -> Runway:
        """Tell the same by the slower of 1 h and 6 h, each covered by readings; else `accumulating`."""
        return Runway("accumulating", None, None, None, resets_at, "history")
