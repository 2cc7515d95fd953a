"""How fast a batch asks: the caller's rate, and what refusals (429) teach. All times are in seconds."""

from __future__ import annotations

import math
from collections.abc import Hashable

from attrs import Factory, define, field, frozen

from openrouter_credits._errors import RateLimitError

_SAME_MOMENT = 1.0
"""Refusals of two keys within this time are about the host."""

_SMALL_BATCH = 100
_SMALLEST_WINDOW = 8
_MOST_UNHEARD = 64
"""Requests under way at most, until the host has answered anything."""
_ANSWERS_BEFORE_GROWTH = 150

_SHORTEST_SAMPLE = 0.5
"""Shorter samples are bursts: do not estimate a rate from them."""
_SLOWEST_START = 32.0
"""Requests a second after the first pause, at least: a burst before it says little of the allowed rate."""
_INCREASE = 0.35
_INCREASE_ABOVE_THRESHOLD = 0.01
"""Additive increase: each answer adds it to the pace; below the threshold that is a third in a second."""
_LATE_TIMERS = 0.005
"""Event loops are late by up to a few milliseconds; a pace makes up for that."""


@frozen
class SlowStart:
    """A window of requests under way, for as long as nothing is known of the host's limit.

    When a limit is met, the server refuses all requests under way. They must not be more than 2 % of the
    keys, of which later refusals take a dozen. So the window is small at first; after 150 answers, each
    answer adds `growth`.
    """

    window: float
    growth: float

    @staticmethod
    def of(keys: int | None) -> SlowStart:
        """Choose it for a number of keys; `None` if the number is not known."""
        if keys is not None and keys <= _SMALL_BATCH:
            return NO_SLOW_START
        keys = keys or 1000
        return SlowStart(max(_SMALLEST_WINDOW, keys // 50 - 12), keys / 10_000)


NO_SLOW_START = SlowStart(math.inf, 0)


@define(eq=False)
class Pace:
    """Tells when the next request may go."""

    rate: float | None
    """Requests a second at most, if the caller set a rate."""
    slow_start: SlowStart
    """Requests that may be under way until a limit is met; at most 64 until the host has answered."""

    per_second: float | None = field(init=False, default=Factory(lambda self: self.rate, takes_self=True))
    """Requests a second at present; `None` for no limit."""
    paused_until: float = field(init=False, default=-math.inf)
    _next_at: float = field(init=False, default=-math.inf)
    _window: float = field(init=False, default=Factory(lambda self: self.slow_start.window, takes_self=True))
    """Requests under way at most."""
    _is_heard: bool = field(init=False, default=False)
    _answers: int = field(init=False, default=0)
    _counted_from: float | None = field(init=False, default=None)
    _threshold: float = field(init=False, default=math.inf)
    """The pace above which a limit is known to be near."""
    _last_refusal: tuple[Hashable, float] | None = field(init=False, default=None)
    """The key that met the last short 429, and when."""

    def delay(self, now: float, in_flight: int) -> float:
        """Return how long the next request has to wait; infinity if the end of another one decides."""
        if in_flight >= self._window or (in_flight >= _MOST_UNHEARD and not self._is_heard):
            return math.inf
        until = self.paused_until if self.per_second is None else max(self.paused_until, self._next_at)
        return until - now

    def sent(self, now: float) -> None:
        """Note that a request goes out."""
        if self._counted_from is None:
            self._counted_from = now
        if self.per_second is not None:
            due = self._next_at if now - self._next_at < _LATE_TIMERS else now
            self._next_at = due + 1 / self.per_second

    def answered(self) -> None:
        """Note that a request was answered, and speed up."""
        self._is_heard = True
        self._answers += 1
        if self._answers > _ANSWERS_BEFORE_GROWTH:
            self._window += self.slow_start.growth
        if self.per_second is not None and self.per_second != self.rate:
            step = _INCREASE if self.per_second < self._threshold else _INCREASE_ABOVE_THRESHOLD
            self.per_second = min(self.per_second + step, self.rate or math.inf)

    def refused(self, now: float, sent_at: float, error: RateLimitError, key: Hashable) -> bool:
        """Note a 429 that is no limit of its key; pause if it is about the host, and tell if that is news."""
        self._is_heard = True
        before, self._last_refusal = self._last_refusal, (key, now)
        is_shared = before is not None and before[0] != key and now - before[1] <= _SAME_MOMENT
        # Without a code it is not OpenRouter's JSON, but from what stands before it.
        if error.code is not None and not is_shared:
            return False
        is_news = sent_at >= self.paused_until  # the others were sent before we knew
        self.paused_until = max(self.paused_until, now + (error.retry_after or 1.0))
        if is_news:
            self._decrease(now)
        return is_news

    def _decrease(self, now: float) -> None:
        """Go on after the pause somewhat slower than answers came before it: multiplicative decrease."""
        seconds = 0.0 if self._counted_from is None else now - self._counted_from
        measured = self._answers / max(1.0, seconds)
        if self.per_second is None:
            self.per_second = max(0.85 * measured, _SLOWEST_START)
            if seconds >= _SHORTEST_SAMPLE:
                self._threshold = max(measured, _SLOWEST_START)
        else:
            self.per_second = max(0.6 * self.per_second, min(0.7 * measured, 0.95 * self.per_second))
            self._threshold = self.per_second
        self._window = math.inf  # from here on the pace is what holds requests back
        self._answers, self._counted_from = 0, self.paused_until
