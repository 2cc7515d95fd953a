"""How fast a batch asks: the caller's rate, and what refusals (429) teach. All times are in seconds."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Hashable

    from openrouter_credits._errors import RateLimitError

LONGEST_PAUSE = 60.0
"""A longer hint is about the key (a daily limit), not about how fast the host is asked."""
_OWN_LIMIT = re.compile(r"\b(key|daily|per-day|free)\b|free-models|openrouter_key_limit", re.IGNORECASE)
_SAME_MOMENT = 1.0

_SMALL_BATCH = 100
_SMALLEST_WAVE = 8
_UNHEARD = 64
_WAVE_ANSWERS = 150

_TELLING = 0.5
"""What passes in a shorter time is a burst, and tells nothing of the rate."""
_RESUME_AT = 32.0
"""Requests a second after the first pause, at least: a burst that was allowed says little of the rate that is."""
_SPEED_UP = 0.35
_CREEP = 0.01
"""What each answer adds to the pace: a third more in a second, or next to nothing above a pace that was too fast before."""
_TIMERS_ARE_LATE = 0.005
"""Event loops are late by up to a few milliseconds; what is lost to that is made up for."""


def is_own_limit(error: RateLimitError) -> bool:
    """Tell a limit of the key itself, which no pacing can help, from one that all keys share."""
    source = error.metadata.get("limit_source")
    return (error.retry_after or 0) > LONGEST_PAUSE or _OWN_LIMIT.search(
        f"{error.message} {source}"
    ) is not None


@frozen
class Wave:
    """How many requests may be under way, as long as nothing is known of the host's limit.

    When a limit is met, whatever is under way is refused: that must not be more than 2 % of the keys, of which later refusals take a dozen.
    So a wave begins small, and grows after 150 answers, each of which adds `growth`.
    """

    size: float
    growth: float

    @staticmethod
    def of(keys: int | None) -> Wave:
        """Choose it for a number of keys; `None` if nobody knows it."""
        if keys is not None and keys <= _SMALL_BATCH:
            return NO_WAVE
        keys = keys or 1000
        return Wave(max(_SMALLEST_WAVE, keys // 50 - 12), keys / 10_000)


NO_WAVE = Wave(math.inf, 0)


@define(eq=False)
class Pace:
    """Tells when the next request may go."""

    rate: float | None
    """Requests a second at most, if the caller said so."""
    wave: Wave
    """How many requests may be under way until a limit is met; but no more than 64 until the host has said anything."""

    per_second: float | None = field(init=False)
    """Requests a second at present; `None` for no limit."""
    paused_until: float = field(init=False, default=-math.inf)
    _next_at: float = field(init=False, default=-math.inf)
    _most: float = field(init=False)
    """Requests under way at most."""
    _is_heard: bool = field(init=False, default=False)
    _answers: int = field(init=False, default=0)
    _counted_from: float | None = field(init=False, default=None)
    _ceiling: float = field(init=False, default=math.inf)
    """The pace above which a limit is known to be near."""
    _limited: tuple[Hashable, float] | None = field(init=False, default=None)
    """The last key that met a short 429, and when."""

    def __attrs_post_init__(self) -> None:
        self.per_second = self.rate
        self._most = self.wave.size

    def delay(self, now: float, in_flight: int) -> float:
        """Tell how long the next request has to wait; infinity if only the end of another one can tell."""
        if in_flight >= self._most or (in_flight >= _UNHEARD and not self._is_heard):
            return math.inf
        until = self.paused_until if self.per_second is None else max(self.paused_until, self._next_at)
        return until - now

    def sent(self, now: float) -> None:
        """Note that a request goes out."""
        if self._counted_from is None:
            self._counted_from = now
        if self.per_second is not None:
            due = self._next_at if now - self._next_at < _TIMERS_ARE_LATE else now
            self._next_at = due + 1 / self.per_second

    def answered(self) -> None:
        """Note that a request was answered, and speed up."""
        self._is_heard = True
        self._answers += 1
        if self._answers > _WAVE_ANSWERS:
            self._most += self.wave.growth
        if self.per_second is not None and self.per_second != self.rate:
            step = _SPEED_UP if self.per_second < self._ceiling else _CREEP
            self.per_second = min(self.per_second + step, self.rate or math.inf)

    def refused(self, now: float, sent_at: float, error: RateLimitError, key: Hashable) -> bool:
        """Note a short 429, and pause if it is about the host; tell whether that is news."""
        self._is_heard = True
        before, self._limited = self._limited, (key, now)
        is_shared = before is not None and before[0] != key and now - before[1] <= _SAME_MOMENT
        if (
            error.code is not None and not is_shared
        ):  # without a code it is not OpenRouter's JSON, but from what stands before it
            return False
        is_news = sent_at >= self.paused_until  # the others were sent before we knew
        self.paused_until = max(self.paused_until, now + min(error.retry_after or 1.0, LONGEST_PAUSE))
        if is_news:
            self._slow_down(now)
        return is_news

    def _slow_down(self, now: float) -> None:
        """Go on after the pause, somewhat slower than answers came before it."""
        seconds = now - (self._counted_from or now)
        measured = self._answers / max(1.0, seconds)
        if self.per_second is None:
            self.per_second = max(0.85 * measured, _RESUME_AT)
            if seconds >= _TELLING:
                self._ceiling = max(measured, _RESUME_AT)
        else:
            self.per_second = self._ceiling = max(
                0.6 * self.per_second, min(0.7 * measured, 0.95 * self.per_second)
            )
        self._most = math.inf  # from here on the pace is what holds requests back
        self._answers, self._counted_from = 0, self.paused_until
