"""A batch whose host fails: a budget for retries, and a breaker that lets single probes through.

Every decision is synchronous; the caller tells the time. All times are in seconds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from attrs import define, field

from openrouter_credits._batch.turn import Seat, Turn

CAPACITY = 100.0
START = 50.0
PER_ANSWER = 0.2
"""A retry costs 1, each answer earns a fifth: so retries add at most a fifth to all requests, ..."""
PER_SECOND = 2.0
"""... or two a second, which harms no host, and ends the waiting of the last keys."""

_ROUNDING = 1e-9
"""What sums of floats may lack: a timer for so little would come at once, again and again."""

MOST_KEYS_TO_OPEN = 20
FEWEST_KEYS_TO_OPEN = 3
_FIRST_REACH = 20
_MOST_REACH = 1_000
PROBE_FIRST = 0.5
PROBE_MAX = 8.0


@define(eq=False)
class RetryBudget:
    """Tokens for retries, shared by all calls of a batch."""

    tokens: float = field(init=False, default=START)
    _filled_at: float = field(init=False, default=math.inf)

    def delay(self, now: float) -> float:
        """Return when a retry can be paid, in seconds from now."""
        self.tokens = min(CAPACITY, self.tokens + PER_SECOND * max(0.0, now - self._filled_at))
        self._filled_at = now
        missing = 1 - self.tokens
        return missing / PER_SECOND if missing > _ROUNDING else 0.0

    def spend(self) -> None:
        """Pay a retry."""
        self.tokens = max(0.0, self.tokens - 1)

    def earn(self) -> None:
        """Note an answer."""
        if self.tokens < CAPACITY:
            self.tokens = min(CAPACITY, self.tokens + PER_ANSWER)


@define(eq=False)
class Breaker:
    """Opens when the first tries of different keys had no answer; then single probes ask until one has.

    One key that hangs says nothing of the host, so retries are not counted.
    """

    keys_to_open: int = MOST_KEYS_TO_OPEN
    """Keys whose first tries have to fail, with no answer between."""
    draw: Callable[[], float] = random.random
    """Numbers from 0 to 1 for the jitter."""

    opened_at: float | None = field(init=False, default=None)
    """Start of the outage; `None` while the breaker is closed."""
    reach: int = field(init=False, default=0)
    """How many keys further on probes may choose from; more with each that fails.

    In a list, keys that hang may stand side by side.
    """
    probes: int = field(init=False, default=0)
    """Requests that were sent in this outage."""
    silent: set[str] = field(init=False, factory=set)
    """Paths for which there was no answer lately."""
    _failed: set[Seat] = field(init=False, factory=set)
    """Keys whose first tries failed since the last answer."""
    _probe_at: float = field(init=False, default=-math.inf)
    _probe_delay: float = field(init=False, default=PROBE_FIRST)
    _probe: Turn | None = field(init=False, default=None)
    """The turn of the probe that is under way."""

    @staticmethod
    def of(concurrency: int, draw: Callable[[], float]) -> Breaker:
        """Make one for a batch with so many keys under way at once."""
        return Breaker(max(FEWEST_KEYS_TO_OPEN, min(MOST_KEYS_TO_OPEN, concurrency)), draw)

    @property
    def is_open(self) -> bool:
        """Whether there is an outage."""
        return self.opened_at is not None

    @property
    def is_suspicious(self) -> bool:
        """Whether nothing was answered since the last first try that failed."""
        return bool(self._failed)

    def delay(self, now: float) -> float:
        """Return how long the next request has to wait; infinity while a probe is under way."""
        if self.opened_at is None:
            return 0.0
        return self._probe_at - now if self._probe is None else math.inf

    def sent(self, turn: Turn) -> None:
        """Note that a request goes out; while the breaker is open it is a probe."""
        if self.opened_at is not None:
            self._probe = turn
            self.probes += 1

    def answered(self) -> None:
        """Note that the host answered, and close."""
        if not self._failed:  # nearly always
            return
        self._failed.clear()
        self.silent.clear()
        self.opened_at, self.probes, self.reach = None, 0, 0
        self._probe_delay, self._probe = PROBE_FIRST, None

    def failed(self, turn: Turn, now: float) -> bool:
        """Note that a request had no answer; tell whether the breaker opened with it."""
        if self.opened_at is not None:
            self.silent.add(turn.path)
            if turn is self._probe:
                self._probe_delay = min(PROBE_MAX, self._probe_delay * 2)
                self.reach = min(_MOST_REACH, self.reach * 2)
                self._plan(now)
            return False
        if turn.is_retry:
            return False
        self._failed.add(turn.seat)
        self.silent.add(turn.path)
        if len(self._failed) < self.keys_to_open:
            return False
        self.opened_at, self.reach = now, _FIRST_REACH
        self._plan(now)
        return True

    def ended(self, turn: Turn) -> None:
        """Note that a request is over, however it ended."""
        if turn is self._probe:
            self._probe = None

    def _plan(self, now: float) -> None:
        self._probe_at = now + self._probe_delay * (0.5 + self.draw() / 2)
