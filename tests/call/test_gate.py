"""A gate that calls share: retry asks it before each try, and learns from the turn whose wait comes next."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import pytest

from openrouter_credits import (
    AmbiguousWriteError,
    APIConnectionError,
    AuthenticationError,
    ClientClosedError,
    OpenRouterError,
    RateLimitError,
    RetryPolicy,
    ServerError,
)
from openrouter_credits._call.gate import FREE_TURN
from openrouter_credits._call.retry import retry
from tests.kit.clock import FakeTime
from tests.kit.hosts import Script, failure
from tests.kit.values import busy, limited, outcome


class NotedTurn:
    """A turn that tells its gate how the try ended."""

    def __init__(self, gate: NotedGate) -> None:
        self._gate = gate
        self.is_shared = False

    def __enter__(self) -> None:
        self._gate.steps.append("enter")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._gate.steps.append("exit")
        self._gate.ended.append(error)
        self.is_shared = isinstance(error, self._gate.shared)


class NotedGate:
    """A gate that notes what it is asked. In seconds.

    Args:
        time: the clock.
        waits: how long it holds each try back; after the last of them, not at all.
        shared: the errors after which the wait is the gate's.
    """

    def __init__(
        self, time: FakeTime, waits: Iterable[float] = (), shared: type[Exception] | tuple[()] = ()
    ) -> None:
        self._time = time
        self._waits = list(waits)
        self.shared = shared
        self.asked: list[bool] = []
        self.ended: list[BaseException | None] = []
        self.steps: list[str] = []

    async def __call__(self, is_retry: bool) -> NotedTurn:
        """Wait, and give leave."""
        self.steps.append("ask")
        self.asked.append(is_retry)
        self._time.now += self._waits.pop(0) if self._waits else 0.0
        return NotedTurn(self)


def daily_limit() -> RateLimitError:
    """Make a 429 about the key's own limit."""
    return RateLimitError("Rate limit exceeded: free-models-per-day", status=429, retry_after=3.0)


# When the gate is asked


async def test_the_gate_is_asked_before_each_try() -> None:
    """A gate is asked before each try, and is told if the call was tried before."""
    time = FakeTime()
    gate = NotedGate(time)
    script = Script(time, busy(), APIConnectionError("Lost"), "value")

    assert await retry(script, RetryPolicy(), gate=gate, **time.injected()) == "value"
    assert gate.asked == [False, True, True]
    assert gate.steps == ["ask", "enter", "exit"] * 3


async def test_a_call_sleeps_before_it_asks_the_gate_again() -> None:
    """A call with a gate waits between its tries as the policy says, and asks the gate after that."""
    time = FakeTime(draw=1.0)
    gate = NotedGate(time)

    async def sleep(seconds: float) -> None:
        gate.steps.append(f"sleep {seconds}")

    value = await retry(
        Script(time, busy(), busy(), "value"),
        RetryPolicy(),
        gate=gate,
        **time.injected() | {"sleep": sleep},
    )

    assert value == "value"
    tries = [step for step in gate.steps if step not in {"enter", "exit"}]
    assert tries == ["ask", "sleep 0.5", "ask", "sleep 1.0", "ask"]


async def test_a_call_that_is_given_up_does_not_ask_again() -> None:
    """A call that its policy gives up raises its last error, and does not ask the gate any more."""
    time = FakeTime()
    gate = NotedGate(time)

    error = await failure(Script(time, busy(), busy(), "never"), time, RetryPolicy(attempts=2), gate=gate)

    assert gate.asked == [False, True]
    assert len(error.attempts) == 2


async def test_calls_through_one_gate_are_held_back_together() -> None:
    """Two calls that share a gate go when it lets them, and each tells the gate how its own try ended."""
    time = FakeTime()
    gate = NotedGate(time)
    is_open = asyncio.Event()

    async def hold(is_retry: bool) -> NotedTurn:
        await is_open.wait()
        return await gate(is_retry)

    calls = [
        asyncio.ensure_future(
            outcome(retry(Script(time, value), RetryPolicy(), gate=hold, **time.injected()))
        )
        for value in ("one", busy(status=501))
    ]
    await asyncio.sleep(10)
    assert gate.asked == []
    is_open.set()
    first, second = await asyncio.gather(*calls)

    assert first == "one"
    assert gate.ended == [None, second]


# What waiting there costs


@pytest.mark.parametrize("waits", [[100.0, 0.0, 0.0], [0.0, 0.0, 100.0], [7.0, 70.0, 700.0]])
async def test_waiting_in_the_gate_moves_the_deadline(waits: list[float]) -> None:
    """The time that a call waits in a gate, before its first try or between two, is not charged to it."""
    time = FakeTime(draw=1.0)
    script = Script(time, busy(), busy(), "value", takes=2.0)

    value = await retry(script, RetryPolicy(), gate=NotedGate(time, waits), **time.injected())

    assert value == "value"
    assert script.left == [30.0, 27.5, 24.5]
    assert time.now == 1000.0 + sum(waits) + 3 * 2.0 + 0.5 + 1.0


async def test_waiting_in_the_gate_moves_a_deadline_from_outside_too() -> None:
    """A deadline that is given as `deadline_at` moves by the wait in the gate, as the policy's does."""
    time = FakeTime()
    script = Script(time, "value")

    await retry(
        script,
        RetryPolicy(),
        deadline_at=time.now + 5.0,
        gate=NotedGate(time, [100.0]),
        **time.injected(),
    )

    assert script.left == [5.0]


async def test_an_attempt_does_not_record_the_wait_in_the_gate() -> None:
    """The attempts of an error record neither as `elapsed` nor as `waited` the time that the gate took."""
    time = FakeTime(draw=1.0)
    gate = NotedGate(time, [100.0, 200.0])

    error = await failure(Script(time, busy(), busy(), takes=0.25), time, RetryPolicy(attempts=2), gate=gate)

    assert [(attempt.elapsed, attempt.waited) for attempt in error.attempts] == [(0.25, 0.0), (0.25, 0.5)]


async def test_the_deadline_counts_beside_a_gate() -> None:
    """A wait that would end after the deadline is not begun, whatever the gate took before."""
    time = FakeTime(draw=0.0)
    error = limited(30.0)
    gate = NotedGate(time, [100.0])

    raised = await failure(Script(time, error, "never"), time, RetryPolicy(deadline=30.0), gate=gate)

    assert raised is error
    assert time.slept == []


# What the turn sees


@pytest.mark.parametrize(
    "problem",
    [AuthenticationError("No", status=401), ZeroDivisionError(), asyncio.CancelledError()],
    ids=lambda problem: type(problem).__name__,
)
async def test_the_turn_sees_what_ends_a_try(problem: BaseException) -> None:
    """A turn is told of the error, bug or cancellation that ends its try; each is raised unchanged."""
    time = FakeTime()
    gate = NotedGate(time)

    with pytest.raises(type(problem)) as caught:
        await retry(Script(time, problem), RetryPolicy(), gate=gate, **time.injected())

    assert caught.value is problem
    assert gate.ended == [problem]


async def test_the_turn_sees_that_a_try_gave_a_value() -> None:
    """The turns of a call that is answered at the second try are told of an error, then of none."""
    time = FakeTime()
    gate = NotedGate(time)
    error = busy()

    await retry(Script(time, error, "value"), RetryPolicy(), gate=gate, **time.injected())

    assert gate.ended == [error, None]


@pytest.mark.parametrize("asks_in_vain", [0, 1])
async def test_a_cancelled_call_leaves_no_turn_open(asks_in_vain: int) -> None:
    """A call cancelled in a try has left its turn; a call cancelled in the gate never had one."""
    time = FakeTime()
    gate = NotedGate(time)

    async def hold(is_retry: bool) -> NotedTurn:
        await asyncio.sleep(100 * asks_in_vain)
        return await gate(is_retry)

    call = asyncio.ensure_future(retry(lambda _: asyncio.sleep(100), RetryPolicy(), gate=hold))
    await asyncio.sleep(1)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert gate.steps == ["ask", "enter", "exit"] * (1 - asks_in_vain)


async def test_a_free_turn_tells_nobody() -> None:
    """The turn of a call without a gate lets every exception through, and is never shared."""
    with pytest.raises(ZeroDivisionError), FREE_TURN:
        raise ZeroDivisionError

    assert FREE_TURN.is_shared is False


# Turns that are shared


async def test_after_a_shared_turn_the_gate_is_asked_again_at_once() -> None:
    """After a shared turn a call does not sleep: it asks the gate again, which knows how long to wait."""
    time = FakeTime(draw=1.0)
    gate = NotedGate(time, shared=RateLimitError)
    script = Script(time, limited(5.0), limited(5.0), "value")

    assert await retry(script, RetryPolicy(), gate=gate, **time.injected()) == "value"
    assert time.slept == []
    assert gate.asked == [False, True, True]


async def test_a_shared_turn_is_not_counted_as_an_attempt() -> None:
    """A policy of one attempt outlasts any number of tries whose turns were shared."""
    time = FakeTime()
    gate = NotedGate(time, shared=RateLimitError)
    script = Script(time, *(limited(None) for _ in range(50)), "value")

    assert await retry(script, RetryPolicy(attempts=1), gate=gate, **time.injected()) == "value"
    assert len(script.left) == 51


async def test_the_hint_of_a_shared_turn_is_not_compared_with_the_deadline() -> None:
    """A hint past the deadline does not end a call whose turn is shared: the gate's wait is not charged."""
    time = FakeTime()
    gate = NotedGate(time, [0.0, 1000.0], shared=RateLimitError)
    script = Script(time, limited(1000.0), "value")

    assert await retry(script, RetryPolicy(deadline=30.0), gate=gate, **time.injected()) == "value"
    assert script.left == [30.0, 30.0]


async def test_the_time_of_a_try_with_a_shared_turn_is_not_charged() -> None:
    """The time of a try whose turn was shared does not count against the deadline; that of others does."""
    time = FakeTime(draw=0.0)
    script = Script(time, limited(None), busy(), limited(None), "value", takes=2.0)
    gate = NotedGate(time, [1.0, 10.0, 100.0, 1000.0], shared=RateLimitError)

    await retry(script, RetryPolicy(), gate=gate, **time.injected())

    assert script.left == [30.0, 30.0, 28.0, 28.0]


async def test_attempts_hold_no_tries_with_shared_turns() -> None:
    """The attempts of the final error are those that count: none whose turn was shared."""
    time = FakeTime(draw=1.0)
    gate = NotedGate(time, shared=RateLimitError)
    script = Script(
        time,
        limited(None),
        busy(),
        limited(None),
        limited(None),
        busy(),
        AuthenticationError("No", status=401),
    )

    error = await failure(script, time, RetryPolicy(), gate=gate)

    assert type(error) is AuthenticationError
    assert [(type(attempt.error), attempt.waited) for attempt in error.attempts] == [
        (ServerError, 0.0),
        (ServerError, 0.5),
        (AuthenticationError, 1.0),
    ]
    assert time.slept == [0.5, 1.0]


async def test_a_shared_turn_decides_before_the_error_does() -> None:
    """After a shared turn a call is tried again even if its error is not retryable: the gate knows more."""
    time = FakeTime()
    gate = NotedGate(time, shared=AuthenticationError)

    value = await retry(
        Script(time, AuthenticationError("No", status=401), "value"),
        RetryPolicy(),
        gate=gate,
        **time.injected(),
    )

    assert value == "value"


# Limits of a key


async def test_with_a_gate_the_limit_of_a_key_is_final() -> None:
    """A call with a gate raises a 429 about its key's own limit at once, unchanged and still retryable."""
    time = FakeTime()
    error = daily_limit()

    raised = await failure(Script(time, error, "never"), time, RetryPolicy(), gate=NotedGate(time))

    assert raised is error
    assert raised.is_retryable
    assert (len(raised.attempts), time.slept) == (1, [])


@pytest.mark.parametrize(
    ("make", "gated"), [(daily_limit, False), (limited, True)], ids=["no gate", "short limit"]
)
async def test_any_other_429_is_tried_again(make: Callable[[], RateLimitError], gated: bool) -> None:
    """A 429 is tried again if it is not about the key's own limit, or if the call has no gate."""
    time = FakeTime()
    options: dict[str, Any] = {"gate": NotedGate(time)} if gated else {}

    assert await retry(Script(time, make(), "value"), RetryPolicy(), **options, **time.injected()) == "value"
    assert len(time.slept) == 1


# Gates that raise


@pytest.mark.parametrize(
    "problem",
    [ClientClosedError("Closed"), ZeroDivisionError(), asyncio.CancelledError()],
    ids=lambda problem: type(problem).__name__,
)
@pytest.mark.parametrize("shared", [(), ServerError], ids=["own turn", "shared turn"])
@pytest.mark.parametrize("after", [0, 1])
async def test_what_the_gate_raises_goes_on_unchanged(
    problem: BaseException, shared: Any, after: int
) -> None:
    """An exception that the gate raises, before the first try or a later one, ends the call unchanged."""
    time = FakeTime()
    gate = NotedGate(time, shared=shared)
    script = Script(time, busy(), "never")

    async def closing(is_retry: bool) -> NotedTurn:
        if len(gate.asked) == after:
            raise problem
        return await gate(is_retry)

    with pytest.raises(type(problem)) as caught:
        await retry(script, RetryPolicy(), gate=closing, **time.injected())

    assert caught.value is problem
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert getattr(problem, "attempts", ()) == ()
    assert len(script.left) == after


# Memory


class ForgetfulTurn:
    """A turn that keeps nothing of what it is told."""

    def __init__(self, shared: type[Exception] | tuple[()]) -> None:
        self._shared = shared
        self.is_shared = False

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.is_shared = isinstance(error, self._shared)


@pytest.mark.parametrize("shared", [(), RateLimitError], ids=["own turns", "shared turns"])
async def test_an_error_that_went_through_a_gate_is_freed_at_once(shared: Any) -> None:
    """The final error of a call with a gate is freed without the garbage collector."""
    time = FakeTime()

    async def gate(is_retry: bool) -> ForgetfulTurn:
        return ForgetfulTurn(shared)

    gc.disable()
    try:
        try:
            await retry(
                Script(time, limited(None), busy(), busy(), busy()),
                RetryPolicy(),
                gate=gate,
                **time.injected(),
            )
        except OpenRouterError as error:
            gone = weakref.ref(error)

        assert gone() is None
    finally:
        gc.enable()


async def test_a_write_is_not_sent_again_because_its_turn_is_shared() -> None:
    """A write that may have happened is not sent again, although the gate takes over the wait."""
    time = FakeTime()
    gate = NotedGate(time, shared=ServerError)
    script = Script(time, busy(status=500), "never")

    error = await failure(script, time, RetryPolicy(), is_write=True, gate=gate)

    assert isinstance(error, AmbiguousWriteError)
    assert gate.asked == [False]
