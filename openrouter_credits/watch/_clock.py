"""The time of a watch: it never stands still, and shows when a machine has slept. In seconds, and in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

LONGEST_NAP = 10.0
"""How long a watch waits before it looks at the clock again: so soon it sees that the machine has slept."""
SHORTEST_NAP = 0.001
"""A wait that is lost in rounding would be begun again and again."""
_JUMP = 1.0
"""What a clock is ahead of the event loop by less than this is no sleep, but the clock being set right."""


def wall() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


class Clock:
    """The time in UTC, and the seconds that have passed since the clock was made.

    An event loop does not count the time in which the machine slept, and its own time goes on when somebody
    sets the clock of the machine back. So the seconds are those of the loop, but for jumps of the clock.

    Args:
        seconds: the time of the event loop.
        utc: the time of the caller; by default that of this machine, but never behind the event loop: it goes
            on when the clock of the machine is set back.
    """

    def __init__(self, seconds: Callable[[], float], utc: Callable[[], datetime] | None = None) -> None:
        self._seconds = seconds
        self._utc = utc
        self._read_at = seconds()
        self._now = wall() if utc is None else utc()
        self._passed = 0.0

    def now(self) -> datetime:
        """Return the time in UTC."""
        self._read()
        return self._now

    def passed(self) -> float:
        """Return the seconds since the clock was made, those in which the machine slept included."""
        self._read()
        return self._passed

    def _read(self) -> None:
        at, before = self._seconds(), self._now
        running, self._read_at = at - self._read_at, at
        if self._utc is None:
            self._now = max(wall(), before + timedelta(seconds=running))
        else:
            self._now = self._utc()
        ahead = (self._now - before).total_seconds()
        self._passed += ahead if ahead > running + _JUMP else running
