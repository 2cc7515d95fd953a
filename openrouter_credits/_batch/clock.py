"""The time in which this process runs: a batch blames no host for the rest. All times are in seconds."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

BEAT = 0.25
_LATE = 0.5
"""An event loop that is later than this did not run: the process was stopped, or something blocked it."""


class RunningClock:
    """The event loop's clock, without the times in which the loop did not run."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_beat: Callable[[], None]) -> None:
        self._loop = loop
        self._time = loop.time
        self._on_beat = on_beat
        self._stopped = 0.0
        """Seconds in which the loop did not run."""
        self._next_at = loop.time() + BEAT
        self._timer = loop.call_at(self._next_at, self._beat)
        self.resumed_at = -math.inf
        """The last moment, by this clock, at which the loop ran again."""

    def now(self) -> float:
        """Return the time."""
        now, latest = self._time(), self._next_at + _LATE
        # A standstill that no beat has found yet must not make the clock go back later.
        if now > latest:  # noqa: PLR1730 - min() takes twice as long, and this is called for each step
            now = latest
        return now - self._stopped

    def close(self) -> None:
        """Stop beating."""
        self._timer.cancel()

    def _beat(self) -> None:
        now = self._loop.time()
        late = now - self._next_at
        self._next_at = now + BEAT
        if late > _LATE:
            self._stopped += late - _LATE
            self.resumed_at = self.now()
        self._timer = self._loop.call_at(self._next_at, self._beat)
        self._on_beat()
