"""A batch whose host refuses requests (429): all keys pause together, then a few tries ask again.

Every decision is synchronous; the caller tells the time. All times are in seconds.
"""

from __future__ import annotations

import math
from collections import deque

from attrs import define, field

from openrouter_credits._batch.turn import Seat, Turn

_RECENT = 20
"""The last answers of the host, by which it is judged."""
_MANY = 6
"""Refusals among them that mean the host and not single keys, unless they are as many at a slower pace."""
_IN_A_ROW = 4
"""Refusals without another answer between, which mean the host, too."""
_MANY_REPEATS = 12
"""Refusals in a row, of calls refused before too, which mean the host all the same."""
_KEYS = 3
"""Different keys that must have been refused: fewer may be about these keys."""
_TRIES = 4
"""Requests that ask after a pause whether the host answers again."""
_PAUSE = 1.0
"""The shortest pause."""
_LONG_PAUSE = 4.0
"""The shortest pause after `_PATIENCE` seconds of nothing but refusals."""
_PATIENCE = 10.0


@define(eq=False)
class Throttle:
    """Pauses when refusals are a good part of what the host answers; the first other answer ends that."""

    refusing_since: float | None = field(init=False, default=None)
    """Start of the present stretch of nothing but refusals; `None` while requests go."""
    has_paused: bool = field(init=False, default=False)
    """Whether there was such a stretch before: then the host is known to have a limit for all."""
    longest: float = field(init=False, default=0.0)
    """The longest wait that the host asked for in this stretch."""
    paths: set[str] = field(init=False, factory=set)
    """Paths that were refused in this stretch."""
    _recent: deque[Seat | None] = field(init=False, factory=lambda: deque(maxlen=_RECENT))
    """For each of the last answers the place of the key, if it was a refusal."""
    _in_a_row: int = field(init=False, default=0)
    """First refusals without an answer between."""
    _with_repeats: int = field(init=False, default=0)
    """All refusals without an answer between."""
    _paused_at: float = field(init=False, default=-math.inf)
    _paused_until: float = field(init=False, default=-math.inf)
    _tries: int = field(init=False, default=0)
    """Requests that may still go before the next pause."""

    @property
    def is_refusing(self) -> bool:
        """Whether the host refuses requests."""
        return self.refusing_since is not None

    def delay(self, now: float) -> float:
        """Return how long the next request has to wait; infinity if the end of another one decides."""
        if self.refusing_since is None:
            return 0.0
        if now < self._paused_until:
            return self._paused_until - now
        return 0.0 if self._tries > 0 else math.inf

    def sent(self) -> None:
        """Note that a request goes out."""
        self._tries -= 1

    def answered(self, sent_at: float) -> None:
        """Note an answer that is no refusal, of a request that was sent at `sent_at`."""
        self._with_repeats = 0
        if self.refusing_since is None:
            if self._recent:
                self._recent.append(None)
                self._in_a_row = 0
        elif sent_at > self.refusing_since:  # those sent earlier were answered before the limit was met
            self.refusing_since = None
            self.has_paused = True
            self.paths.clear()
            self._recent.clear()
            self._in_a_row = 0

    def refused(self, turn: Turn, now: float, *, is_faster: bool) -> bool:
        """Note a refusal; tell whether all requests pause because of it.

        Only the first refusal of a call counts, as long as there are answers between: one that comes back to
        be refused again may have a limit of its own. `is_faster` tells whether requests go faster than after
        the last pause.
        """
        if self.refusing_since is not None:
            self.paths.add(turn.path)
            return False
        if turn.sent_at <= self._paused_at:
            return False
        self._with_repeats += 1
        if turn.refusals and self._with_repeats < _MANY_REPEATS:
            return False
        self._recent.append(turn.seat)
        self._in_a_row += 1
        refused = [seat for seat in self._recent if seat is not None]
        is_much = len(refused) >= _MANY and is_faster
        if (self._in_a_row < _IN_A_ROW and not is_much) or len(set(refused)) < _KEYS:
            return False
        self.refusing_since, self.longest, self._paused_until = now, 0.0, now
        self.paths.add(turn.path)
        return True

    def pause(self, hint: float | None, *, sent_at: float, now: float) -> None:
        """Pause, as long as the host asked (`hint`), because of a refusal of a request sent at `sent_at`."""
        if self.refusing_since is None:
            return
        hint = hint or 0.0
        self.longest = max(self.longest, hint)
        until = now + hint
        if sent_at > self._paused_at:  # else it was sent before the present pause, and refused with others
            shortest = _PAUSE if now - self.refusing_since < _PATIENCE else _LONG_PAUSE
            until = now + max(hint, shortest)
            self._paused_at, self._tries = now, _TRIES
        self._paused_until = max(self._paused_until, until)

    def ended(self, sent_at: float) -> None:
        """Note that a request is over, and its answer said nothing of a limit: another one may ask."""
        if sent_at > self._paused_at:
            self._tries += 1
