"""A batch whose host fails: a budget for retries, and a breaker that lets single probes through.

Every decision is synchronous; the caller tells the time. All times are in seconds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from attrs import define, field

CAPACITY = 100.0
START = 50.0
PER_ANSWER = 0.2
"""A retry costs 1, each answer earns a fifth: so retries add at most a fifth to all requests."""

FAILURES_TO_OPEN = 20
PROBE_FIRST = 0.5
PROBE_MAX = 8.0


@define(eq=False)
class RetryBudget:
    """Tokens for retries, shared by all calls of a batch."""

    tokens: float = field(init=False, default=START)

    def has_token(self) -> bool:
        """Tell whether a retry can be paid."""
        return self.tokens >= 1

    def spend(self) -> None:
        """Pay a retry, as far as there are tokens."""
        self.tokens = max(0.0, self.tokens - 1)

    def earn(self) -> None:
        """Note an answer."""
        self.tokens = min(CAPACITY, self.tokens + PER_ANSWER)


@define(eq=False)
class Breaker:
    """Opens when many requests in a row had no answer; then single probes find out when the host is back."""

    draw: Callable[[], float] = random.random
    """Numbers from 0 to 1 for the jitter."""

    _failures: int = field(init=False, default=0)
    _probe_at: float | None = field(init=False, default=None)
    """When the next probe may go; `None` while the breaker is closed."""
    _probe_delay: float = field(init=False, default=PROBE_FIRST)
    _probe: object = field(init=False, default=None)
    """The turn of the probe that is under way."""

    def probe_at(self) -> float | None:
        """Return when the next probe may go: infinity while one is under way, `None` while closed."""
        return self._probe_at if self._probe is None else math.inf

    def sent(self, turn: object) -> None:
        """Note that a request goes out; while the breaker is open it is a probe."""
        if self._probe_at is not None:
            self._probe = turn

    def answered(self) -> None:
        """Note that the host answered, and close."""
        self._failures = 0
        self._probe_at, self._probe_delay, self._probe = None, PROBE_FIRST, None

    def failed(self, turn: object, now: float) -> bool:
        """Note that a request had no answer; tell whether the breaker opened with it."""
        self._failures += 1
        was_open = self._probe_at is not None
        if turn is self._probe:
            self._probe_delay = min(PROBE_MAX, self._probe_delay * 2)
        elif was_open or self._failures < FAILURES_TO_OPEN:
            return False
        self._probe_at = now + self._probe_delay * (0.5 + self.draw() / 2)
        return not was_open

    def ended(self, turn: object) -> None:
        """Note that a request is over, however it ended."""
        if turn is self._probe:
            self._probe = None
