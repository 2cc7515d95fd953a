"""The gate that all calls of a batch share: a retry budget, a breaker for outages, and a pace.

Every decision is synchronous and takes the time from an injected clock; `wait` alone awaits. All times are in
seconds.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from types import TracebackType

from attrs import Factory, define, field

from openrouter_credits._batch.breaker import Breaker, RetryBudget
from openrouter_credits._batch.pace import NO_SLOW_START, Pace, SlowStart
from openrouter_credits._errors import (
    APIConnectionError,
    APIStatusError,
    InvalidResponseError,
    LocalResourceError,
    OpenRouterError,
    RateLimitError,
    ServerError,
    TLSError,
)

logger = logging.getLogger("openrouter_credits")


@define(eq=False)
class Turn:
    """Permission to send one try of a key's call; the gates learn how it ended."""

    gates: Gates
    key: Hashable
    sent_at: float
    is_shared: bool = False

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.gates.answered(self)
        elif isinstance(error, OpenRouterError):
            if self.gates.failed(self, error):
                logger.warning("requests of this batch are held back: %s", error.summary)
        else:
            self.gates.ended(self)


@define(eq=False)
class _Waiter:
    """A call that waits for its turn."""

    key: Hashable
    turn: asyncio.Future[Turn]


@define(eq=False)
class Gates:
    """Decides when the next request of a batch may go."""

    rate: float | None = None
    """Requests a second at most, if the caller set a rate."""
    slow_start: SlowStart = NO_SLOW_START
    """How carefully to begin."""
    clock: Callable[[], float] = field(kw_only=True)
    draw: Callable[[], float] = random.random
    """Numbers from 0 to 1 for the jitter."""

    pace: Pace = field(
        init=False, default=Factory(lambda self: Pace(self.rate, self.slow_start), takes_self=True)
    )
    breaker: Breaker = field(init=False, default=Factory(lambda self: Breaker(self.draw), takes_self=True))
    budget: RetryBudget = field(init=False, factory=RetryBudget)
    in_flight: int = field(init=False, default=0)
    silent_since: float | None = field(init=False, default=None)
    """Start of the current silence of the host; `None` if nothing waits for an answer."""
    _fresh: deque[_Waiter] = field(init=False, factory=deque)
    _retries: deque[_Waiter] = field(init=False, factory=deque)
    _timer: asyncio.TimerHandle | None = field(init=False, default=None)

    def take(self, key: Hashable, *, is_retry: bool) -> Turn | None:
        """Let a request go now, if nothing holds it back and no other one waits."""
        if self._fresh or self._retries or (is_retry and not self.budget.has_token()):
            return None
        now = self.clock()
        return None if self._delay(now) > 0 else self._grant(key, now, is_retry=is_retry)

    async def wait(self, key: Hashable, *, is_retry: bool) -> Turn:
        """Wait until a request may go; a retry waits for a token, too."""
        queue = self._retries if is_retry else self._fresh
        waiter = _Waiter(key, asyncio.get_running_loop().create_future())
        queue.append(waiter)
        self._pump()
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.done() and not waiter.turn.cancelled():
                self.ended(waiter.turn.result())
            else:
                with suppress(ValueError):  # it was passed over already
                    queue.remove(waiter)
                self._pump()
            raise

    def answered(self, turn: Turn) -> None:
        """Note that the host answered, whatever the answer was."""
        self.budget.earn()
        self.breaker.answered()
        self.silent_since = max(self.clock(), self.pace.paused_until) if self.in_flight > 1 else None
        self.pace.answered()
        self.ended(turn)

    def failed(self, turn: Turn, error: OpenRouterError) -> bool:
        """Note the error of a request, and hold the others back if need be; tell whether that is news."""
        is_news = False
        match error:
            case RateLimitError():
                is_news = self._limit(turn, error)
            case TLSError() | LocalResourceError():
                pass
            case APIConnectionError() | ServerError():
                is_news = self.breaker.failed(turn, self.clock())
            case APIStatusError(is_retryable=True):  # 408
                is_news = self.breaker.failed(turn, self.clock())
            case APIStatusError() | InvalidResponseError():
                self.answered(turn)
                return False
            case _:
                pass
        self.ended(turn)
        return is_news

    def ended(self, turn: Turn) -> None:
        """Note that a request is over; the next one that waits may go."""
        self.in_flight -= 1
        self.breaker.ended(turn)
        if self._fresh or self._retries:
            self._pump()

    def rest(self) -> None:
        """Note that no key is under way: nothing waits for an answer."""
        self.silent_since = None

    def _grant(self, key: Hashable, now: float, *, is_retry: bool) -> Turn:
        if is_retry:
            self.budget.spend()
        if self.silent_since is None:
            self.silent_since = now
        self.pace.sent(now)
        self.in_flight += 1
        turn = Turn(self, key, now)
        self.breaker.sent(turn)
        return turn

    def _delay(self, now: float) -> float:
        """Return how long the next request has to wait; infinity if the end of another one decides."""
        probe_at = self.breaker.probe_at()
        if probe_at is None:
            return self.pace.delay(now, self.in_flight)
        return max(probe_at, self.pace.paused_until) - now

    def _pump(self) -> None:
        """Let all requests go that may go, and come back when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while queue := self._next_queue():
            now = self.clock()
            delay = self._delay(now)
            if delay > 0:
                if delay < math.inf:
                    self._timer = asyncio.get_running_loop().call_later(delay, self._pump)
                return
            waiter = queue.popleft()
            if not waiter.turn.done():
                waiter.turn.set_result(self._grant(waiter.key, now, is_retry=queue is self._retries))

    def _next_queue(self) -> deque[_Waiter] | None:
        """Choose the queue whose first request goes next.

        Retries without a token are parked, but never for good: one goes when nothing else is under way.
        """
        if self._retries and (self.budget.has_token() or not (self._fresh or self.in_flight)):
            return self._retries
        return self._fresh or None

    def _limit(self, turn: Turn, error: RateLimitError) -> bool:
        now = self.clock()
        is_news = False
        if not error.is_key_limit:
            is_news = self.pace.refused(now, turn.sent_at, error, turn.key)
        self.silent_since = max(now, self.pace.paused_until)
        return is_news
