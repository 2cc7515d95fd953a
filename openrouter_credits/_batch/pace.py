"""How fast a batch asks: the caller's rate, and what pauses teach. All times are in seconds."""

from __future__ import annotations

import math

from attrs import Factory, define, field, frozen

_SMALLEST_WINDOW = 8
_UNKNOWN_KEYS = 1_000
"""Assumed for a source without a length."""
_KEYS_AT_FULL_SPEED = 100
"""A batch of so many keys starts at full speed; a larger one starts the more carefully, the larger it is."""
_MOST_UNHEARD = 64
"""Requests under way at most, until the host has answered anything."""
_ANSWERS_BEFORE_GROWTH = 150

_SHORTEST_SAMPLE = 0.5
"""Shorter samples are bursts: do not estimate a rate from them."""
_UNMEASURED = 32.0
"""Requests a second after a first pause before which nothing was measured."""
_SLOWEST = 2.0
"""Requests a second at least; pauses come on top."""
_DECREASE = 0.75
"""Multiplicative decrease: a pace begins with this share of what was measured before the pause."""
_THRESHOLD = 0.8
"""The share of what was measured, above which the limit is near."""
_INCREASE = 0.35
_INCREASE_ABOVE_THRESHOLD = 0.01
"""Additive increase: each answer adds it to the pace; below the threshold that is a third in a second."""
_BACK = 0.97
"""A refusal among answers takes so much of a pace above the threshold."""
_FORGET_AFTER = 30.0
"""A threshold is forgotten so long after the pause that taught it."""
_FASTER = 1.25
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
    def of(keys: int | None, most: int) -> SlowStart:
        """Choose it for a number of keys (`None`: not known) and for `most` requests under way at once."""
        keys = keys or _UNKNOWN_KEYS
        window = max(_SMALLEST_WINDOW, keys // 50 - 12, most * _KEYS_AT_FULL_SPEED / keys)
        return SlowStart(window, keys / 10_000)


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
    _resumed_with: float = field(init=False, default=0.0)
    """Requests a second after the last pause."""
    _next_at: float = field(init=False, default=-math.inf)
    _window: float = field(init=False, default=Factory(lambda self: self.slow_start.window, takes_self=True))
    """Requests under way at most."""
    _is_heard: bool = field(init=False, default=False)
    _answers: int = field(init=False, default=0)
    _counted: int = field(init=False, default=0)
    """Answers since `_counted_from`: for a second."""
    _counted_from: float | None = field(init=False, default=None)
    _measured: float = field(init=False, default=0.0)
    """Answers a second, in the last second that was counted to its end; 0 if there was none."""
    _threshold: float = field(init=False, default=math.inf)
    """The pace above which a limit is known to be near."""
    _forget_at: float = field(init=False, default=math.inf)

    @property
    def is_faster(self) -> bool:
        """Whether it has become notably faster since the last pause: then it may be too fast."""
        return self.per_second is None or self.per_second >= _FASTER * self._resumed_with

    def delay(self, now: float) -> float:
        """Return how long the next request has to wait for its time."""
        return 0.0 if self.per_second is None else self._next_at - now

    def is_full(self, in_flight: int) -> bool:
        """Tell whether another request must end before the next one may go."""
        return in_flight >= self._window or (in_flight >= _MOST_UNHEARD and not self._is_heard)

    def sent(self, now: float) -> None:
        """Note that a request goes out."""
        if self._counted_from is None:
            self._counted_from = now
        if self.per_second is not None:
            due = self._next_at if now - self._next_at < _LATE_TIMERS else now
            self._next_at = due + 1 / self.per_second

    def heard(self) -> None:
        """Note that the host said something, be it a refusal."""
        self._is_heard = True

    def failed(self) -> None:
        """Note that a request had no answer: requests that hang must not fill the window."""
        self._window = math.inf

    def answered(self, now: float) -> None:
        """Note that a request was answered, and speed up."""
        self._is_heard = True
        self._answers += 1
        if self._answers > _ANSWERS_BEFORE_GROWTH:
            self._window += self.slow_start.growth
        self._counted += 1
        if self._counted_from is not None and now - self._counted_from >= 1:
            self._measured = self._counted / (now - self._counted_from)
            self._counted, self._counted_from = 0, now
        if self.per_second is not None and self.per_second != self.rate:
            if now >= self._forget_at:
                self._threshold = math.inf
            step = _INCREASE if self.per_second < self._threshold else _INCREASE_ABOVE_THRESHOLD
            self.per_second = min(self.per_second + step, self.rate or math.inf)

    def refused(self) -> None:
        """Note a refusal among answers: above the threshold, requests go a little slower."""
        if self.per_second is not None and self.per_second > self._threshold:
            self.per_second = max(_BACK * self.per_second, self._threshold)

    def pause(self, now: float) -> None:
        """Note that a pause begins; after it, requests go slower than they were answered before it."""
        seconds = 0.0 if self._counted_from is None else now - self._counted_from
        measured = self._measured
        if seconds >= _SHORTEST_SAMPLE:
            measured = max(measured, self._counted / max(1.0, seconds))
        slower = self.per_second or _UNMEASURED
        if measured:
            slower = _DECREASE * measured
            self._threshold, self._forget_at = max(_SLOWEST, _THRESHOLD * measured), now + _FORGET_AFTER
        if self.per_second is not None:
            slower = max(self.per_second / 2, min(slower, 0.95 * self.per_second))
        self.per_second = self._resumed_with = min(max(slower, _SLOWEST), self.rate or math.inf)
        self._window = math.inf  # from here on the pace is what holds requests back
        self._counted, self._counted_from, self._measured = 0, None, 0.0
