"""What the calls of one batch share: a retry budget, a gate for outages, and a pace.

Every decision is synchronous and takes the time from an injected clock; `retry` and `turn` alone await. All times are in seconds.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import Factory, define, field

from openrouter_credits._batch.pace import NO_WAVE, Pace, Wave, is_own_limit
from openrouter_credits._call.retry import RetryPolicy, retry
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

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

CAPACITY = 100.0
START = 50.0
PER_ANSWER = 0.2
"""The retry budget: a retry costs 1, and every answer earns a fifth, so that a fifth more requests is all that retries can add."""

FAILURES_TO_CLOSE = 20
PROBE_FIRST = 0.5
PROBE_MAX = 8.0

T = TypeVar("T")

logger = logging.getLogger("openrouter_credits")


@define(eq=False)
class Ticket:
    """Leave to send one request."""

    at: float


@define(eq=False)
class Flow:
    """Decides when the next request of a batch may go."""

    rate: float | None = None
    """Requests a second at most, if the caller said so."""
    wave: Wave = NO_WAVE
    """How carefully to begin."""
    clock: Callable[[], float] = field(kw_only=True)
    draw: Callable[[], float] = random.random

    pace: Pace = field(init=False, default=Factory(lambda self: Pace(self.rate, self.wave), takes_self=True))
    tokens: float = field(init=False, default=START)
    in_flight: int = field(init=False, default=0)
    silent_since: float | None = field(init=False, default=None)
    """Since when the host owes an answer; `None` if it owes none."""
    _calls: int = field(init=False, default=0)
    _fresh: deque[asyncio.Future[Ticket]] = field(init=False, factory=deque)
    _retries: deque[asyncio.Future[Ticket]] = field(init=False, factory=deque)
    _timer: asyncio.TimerHandle | None = field(init=False, default=None)
    _failures: int = field(init=False, default=0)
    _probe_at: float | None = field(init=False, default=None)
    """When the next probe may go; `None` while there is no outage."""
    _probe_delay: float = field(init=False, default=PROBE_FIRST)
    _probe: Ticket | None = field(init=False, default=None)
    """The probe that is under way."""

    async def retry(
        self,
        attempt: Callable[[float], Awaitable[T]],
        policy: RetryPolicy,
        key: Hashable,
        *,
        wait: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]],
    ) -> T:
        """Do what `retry()` does, and ask here before each try; the time that takes is not charged to the call's deadline.

        Args:
            attempt: one try, as for `retry()`.
            policy: decides about this call alone.
            key: whose call it is.
            wait: awaits what it is given a function for, unless the client is closed.
        """
        gated, tries = 0.0, 0

        def own_clock() -> float:
            return self.clock() - gated

        async def guarded(left: float) -> T:
            nonlocal gated, tries
            tries += 1
            ticket = self.take(is_retry=tries > 1)
            if ticket is None:
                asked = self.clock()
                ticket = await wait(partial(self.turn, is_retry=tries > 1))
                gated += self.clock() - asked
            try:
                value = await attempt(left)
            except OpenRouterError as error:
                if self.failed(ticket, error, key):
                    logger.warning("requests of this batch are held back: %s", error.summary)
                raise
            except BaseException:
                self.end(ticket)
                raise
            self.answered(ticket)
            return value

        async def sleep(seconds: float) -> None:
            await wait(partial(asyncio.sleep, seconds))

        self._calls += 1
        try:
            return await retry(guarded, policy, clock=own_clock, sleep=sleep)
        finally:
            self._calls -= 1
            if self._calls == 0:
                self.silent_since = None

    def take(self, *, is_retry: bool) -> Ticket | None:
        """Let a request go now, if nothing holds it back and nobody waits."""
        now = self.clock()
        if self._fresh or self._retries or (is_retry and self.tokens < 1) or self._delay(now) > 0:
            return None
        return self._grant(now, is_retry=is_retry)

    async def turn(self, *, is_retry: bool) -> Ticket:
        """Wait until a request may go; a retry waits for a token too."""
        queue = self._retries if is_retry else self._fresh
        turn: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._pump()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.end(turn.result())
            else:
                with suppress(ValueError):  # it was passed over already
                    queue.remove(turn)
                self._pump()
            raise

    def answered(self, ticket: Ticket) -> None:
        """Note that the host answered: whatever it said, it is alive."""
        self.tokens = min(CAPACITY, self.tokens + PER_ANSWER)
        self._failures = 0
        self._probe_at, self._probe_delay, self._probe = None, PROBE_FIRST, None
        self.silent_since = max(self.clock(), self.pace.paused_until) if self.in_flight > 1 else None
        self.pace.answered()
        self.end(ticket)

    def failed(self, ticket: Ticket, error: OpenRouterError, key: Hashable) -> bool:
        """Note how a request failed, and close a gate if need be; tell whether one was closed."""
        match error:
            case RateLimitError():
                closed = self._limit(ticket, error, key)
            case TLSError() | LocalResourceError():
                closed = False
            case APIConnectionError() | ServerError():
                closed = self._lose(ticket)
            case APIStatusError(is_retryable=True):  # 408
                closed = self._lose(ticket)
            case APIStatusError() | InvalidResponseError():
                self.answered(ticket)
                return False
            case _:
                closed = False
        self.end(ticket)
        return closed

    def end(self, ticket: Ticket) -> None:
        """Note that a request is over; whoever waits may go."""
        self.in_flight -= 1
        if ticket is self._probe:
            self._probe = None
        self._pump()

    def _grant(self, now: float, *, is_retry: bool) -> Ticket:
        if is_retry:
            self.tokens = max(0.0, self.tokens - 1)
        if self.silent_since is None:
            self.silent_since = now
        self.pace.sent(now)
        self.in_flight += 1
        ticket = Ticket(now)
        if self._probe_at is not None:
            self._probe = ticket
        return ticket

    def _delay(self, now: float) -> float:
        """Tell how long the next request has to wait; infinity if only the end of another one can tell."""
        if self._probe_at is None:
            return self.pace.delay(now, self.in_flight)
        return math.inf if self._probe is not None else max(self._probe_at, self.pace.paused_until) - now

    def _pump(self) -> None:
        """Let go whoever may go, and come back when the next one may."""
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
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(self._grant(now, is_retry=queue is self._retries))

    def _next_queue(self) -> deque[asyncio.Future[Ticket]] | None:
        """Choose who goes next; retries without a token are parked, but never for good: one goes when nothing else is under way."""
        if self._retries and (self.tokens >= 1 or not (self._fresh or self.in_flight)):
            return self._retries
        return self._fresh or None

    def _lose(self, ticket: Ticket) -> bool:
        self._failures += 1
        is_outage = self._probe_at is not None
        if ticket is self._probe:
            self._probe_delay = min(PROBE_MAX, self._probe_delay * 2)
        elif is_outage or self._failures < FAILURES_TO_CLOSE:
            return False
        self._probe_at = self.clock() + self._probe_delay * (0.5 + self.draw() / 2)
        return not is_outage

    def _limit(self, ticket: Ticket, error: RateLimitError, key: Hashable) -> bool:
        now = self.clock()
        is_news = False
        if is_own_limit(error):
            error.is_retryable = False
        else:
            is_news = self.pace.refused(now, ticket.at, error, key)
        self.silent_since = max(now, self.pace.paused_until)
        return is_news
