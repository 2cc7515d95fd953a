"""How long the machine kept this process waiting: what a call could do nothing about, and is not charged with."""

from __future__ import annotations

import threading
import time

_PERIOD = 0.005
_USUAL = 0.006
"""Seconds that a thread may take to wake up, above all for the lock that it needs to run Python."""


class Stalls(threading.Thread):
    """A thread that does nothing but sleep, and adds up what it overslept.

    A busy event loop does not hold it up, so what a call wastes by itself stays with the call.
    """

    def __init__(self) -> None:
        super().__init__(name="stalls", daemon=True)
        self._seconds = 0.0
        self._woken = time.monotonic()

    def seconds(self) -> float:
        """Return all that was overslept since the start."""
        return self._seconds + self._overslept()

    def run(self) -> None:
        """Sleep."""
        while True:
            time.sleep(_PERIOD)
            late = self._overslept()
            self._woken = time.monotonic()
            self._seconds += late

    def _overslept(self) -> float:
        return max(0.0, time.monotonic() - self._woken - _PERIOD - _USUAL)


STALLS = Stalls()
STALLS.start()
