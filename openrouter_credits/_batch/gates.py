"""The gate that all calls of a batch share: a retry budget, a breaker, a throttle and a pace.

Every decision is synchronous and takes the time from an injected clock; `wait` alone awaits. All times are in
seconds.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable

from attrs import Factory, define, field

from openrouter_credits._batch.breaker import Breaker, RetryBudget
from openrouter_credits._batch.ending import Ending, verdict, warn
from openrouter_credits._batch.outcome import Outcome, outcome_of
from openrouter_credits._batch.pace import NO_SLOW_START, Pace, SlowStart
from openrouter_credits._batch.queues import Queues, Waiter
from openrouter_credits._batch.strikes import Strikes
from openrouter_credits._batch.throttle import Throttle
from openrouter_credits._batch.turn import Seat, Seats, Turn
from openrouter_credits._call.retry import RetryPolicy
from openrouter_credits._errors import APITimeoutError, OpenRouterError, detached


@define(eq=False)
class Gates:
    """Decides when the next request of a batch may go."""

    policy: RetryPolicy
    clock: Callable[[], float]
    concurrency: int = 32
    """Keys under way at once; it tells how many failures are an outage."""
    most: float = math.inf
    """Requests under way at once."""
    rate: float | None = None
    """Requests a second at most, if the caller set a rate."""
    slow_start: SlowStart = NO_SLOW_START
    """How carefully to begin."""
    draw: Callable[[], float] = random.random
    """Numbers from 0 to 1 for the jitter."""

    on_room: Callable[[], None] = lambda: None
    """Called when more keys may be under way: others wait for a retry, or a probe may choose among more."""

    pace: Pace = field(
        init=False, default=Factory(lambda self: Pace(self.rate, self.slow_start), takes_self=True)
    )
    breaker: Breaker = field(
        init=False, default=Factory(lambda self: Breaker.of(self.concurrency, self.draw), takes_self=True)
    )
    throttle: Throttle = field(init=False, factory=Throttle)
    budget: RetryBudget = field(init=False, factory=RetryBudget)
    in_flight: int = field(init=False, default=0)
    strikes: Strikes = field(
        init=False, default=Factory(lambda self: Strikes(self.policy, self.draw), takes_self=True)
    )
    seats: Seats = field(init=False, factory=Seats)
    resumed_at: float = field(init=False, default=-math.inf)  # after this process had been stopped
    last_fault: OpenRouterError | None = field(init=False, default=None)
    """The last failure or refusal since the host last answered."""
    _last_refusal: OpenRouterError | None = field(init=False, default=None)
    _queues: Queues = field(init=False, factory=Queues)
    _timer: asyncio.TimerHandle | None = field(init=False, default=None)

    def turn(self, seat: Seat, path: str) -> Turn:
        """Begin a call of a key."""
        seat.calls += 1
        return Turn(seat, path, self._note)

    def leave(self, turn: Turn) -> None:
        """Note that a call is over."""
        turn.seat.calls -= 1
        if turn.seat.away:
            self.seats.come_back(turn)
            self.on_room()  # its other call may wait

    def give_back(self, turn: Turn) -> None:
        """Note that a call waits, and needs no worker meanwhile."""
        self.seats.give_back(turn)
        self.on_room()

    def take(self, turn: Turn, *, is_retry: bool) -> bool:
        """Let a request go now, if nothing holds it back and no other one waits; tell whether it goes."""
        now = self.clock()
        if self._queues.size or (is_retry and not turn.is_shared) or self._delay(now) > 0:
            return False
        turn.is_retry = is_retry
        self._grant(turn, now)
        return True

    async def wait(self, turn: Turn, *, is_retry: bool) -> None:
        """Wait until a request may go; a retry waits for a token, too."""
        turn.is_retry = is_retry
        future = asyncio.get_running_loop().create_future()
        # A wait that the host asked for is paid with time.
        waiter = Waiter(turn, future, needs_token=is_retry and not turn.is_shared)
        self._queues.add(waiter)
        self._pump()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.ended(turn)
            else:
                self._queues.remove(waiter)
                self._pump()
            raise

    def answered(self, turn: Turn) -> None:
        """Note that the host answered, whatever the answer was."""
        now = self.clock()
        self.budget.earn()
        self.breaker.answered()
        self.throttle.answered(turn.sent_at)
        self.pace.answered(now)
        self.strikes.answered()
        self.last_fault = None
        self._end(turn)

    def failed(self, turn: Turn, error: OpenRouterError) -> bool:
        """Note the error of a request, and hold the others back if need be; tell whether that is news."""
        now, is_news = self.clock(), False
        match outcome_of(error):
            case Outcome.ANSWER:
                self.answered(turn)
                return False
            case Outcome.REFUSAL:
                return self._refused(turn, error, now)
            case Outcome.OWN_LIMIT:
                self.breaker.answered()
                self.pace.heard()
            case Outcome.FAILURE if isinstance(error, APITimeoutError) and turn.sent_at < self.resumed_at:
                turn.is_shared = True  # nobody's fault: this process did not run
            case Outcome.FAILURE:
                self.last_fault = detached(error)
                turn.strikes = ()
                self.pace.failed()
                is_news = self.breaker.failed(turn, now)
        self.ended(turn)
        return is_news

    def ended(self, turn: Turn) -> None:
        """Note that a request is over, and that nothing was learnt of the host's limits."""
        self.throttle.ended(turn.sent_at)
        self._end(turn)

    def verdict(self) -> str | None:
        """Say why there is no use in going on, if so."""
        return verdict(self.breaker, self.throttle, self.policy.deadline, self.clock())

    def ending(self, why: str) -> Ending:
        """Tell how a batch ends now."""
        last = self._last_refusal if self.throttle.is_refusing else self.last_fault
        return Ending(why, last, self.throttle.is_refusing)

    def _note(self, turn: Turn, error: BaseException | None) -> None:
        """Note how a try ended."""
        if error is None:
            self.answered(turn)
        elif isinstance(error, OpenRouterError):
            if self.failed(turn, error):
                warn(error, self.breaker, self.throttle, self.clock())
            if turn.is_shared or error.is_retryable:
                self.give_back(turn)
        else:
            self.ended(turn)

    def _refused(self, turn: Turn, error: OpenRouterError, now: float) -> bool:
        """Note that the host refused a request: whether all wait for that, or its own call alone."""
        self.last_fault = self._last_refusal = detached(error)
        self.breaker.answered()
        self.pace.heard()
        is_news = self.throttle.refused(turn, now, is_faster=self.pace.is_faster)
        self.throttle.pause(error.retry_after, sent_at=turn.sent_at, now=now)
        self.strikes.refused()
        turn.refusals += 1
        turn.is_shared = self.policy.attempts > 1
        if is_news:
            self.pace.pause(now)
        if not self.throttle.is_refusing:
            self.pace.refused()
            self.strikes.judge(turn, error, now, has_limit=self.throttle.has_paused)
        self._end(turn)
        return is_news

    def _end(self, turn: Turn) -> None:
        self.in_flight -= 1
        self.breaker.ended(turn)
        if self._queues.size:
            self._pump()

    def _grant(self, turn: Turn, now: float) -> None:
        if turn.is_away:
            self.seats.come_back(turn)
        self.pace.sent(now)
        self.throttle.sent()
        self.in_flight += 1
        turn.sent_at = now
        self.breaker.sent(turn)

    def _delay(self, now: float) -> float:
        """Return how long the next request has to wait; infinity if another one must end before."""
        if self.in_flight >= self.most:
            return math.inf
        if self.breaker.opened_at is not None or self.throttle.refusing_since is not None:
            # Only the caller's rate holds back the few tries that ask.
            by_rate = 0.0 if self.rate is None else self.pace.delay(now)
            return max(self.breaker.delay(now), self.throttle.delay(now), by_rate)
        return math.inf if self.pace.is_full(self.in_flight) else self.pace.delay(now)

    def _pump(self) -> None:
        """Let all requests go that may go, and come back when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._queues.size:
            now = self.clock()
            takes_retry, delay = self._takes_retry(now), self._delay(now)
            if takes_retry and not self.breaker.is_open:
                delay = max(delay, self.budget.delay(now))
            if delay > 0:
                if delay < math.inf:
                    self._timer = asyncio.get_running_loop().call_later(delay, self._pump)
                return
            waiter = self._next(takes_retry=takes_retry)
            if not waiter.future.done():
                if waiter.needs_token:
                    self.budget.spend()
                self._grant(waiter.turn, now)
                waiter.future.set_result(None)

    def _takes_retry(self, now: float) -> bool:
        """Tell whether a retry that needs a token goes next."""
        if not self._queues.retries or not self._queues.others:
            return bool(self._queues.retries)
        # While the host may be dead, keys that were not asked yet tell more.
        return not self.breaker.is_suspicious and self.budget.delay(now) == 0

    def _next(self, *, takes_retry: bool) -> Waiter:
        if self.breaker.is_open:
            return self._queues.probe(self.breaker.silent)
        if self.throttle.is_refusing:
            return self._queues.least_refused(self.throttle.paths)
        return self._queues.first(of_retries=takes_retry)
