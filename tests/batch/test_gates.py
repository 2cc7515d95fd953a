"""The gates that the requests of a batch share; the tests set the clock."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

import pytest
from attrs import Factory, define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from openrouter_credits import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    ClientClosedError,
    InvalidResponseError,
    LocalResourceError,
    OpenRouterError,
    RetryPolicy,
    ServerError,
    TLSError,
)
from openrouter_credits._batch.breaker import CAPACITY, FAILURES_TO_OPEN, PER_ANSWER, START
from openrouter_credits._batch.gates import Gates, Turn
from openrouter_credits._batch.pace import NO_SLOW_START, SlowStart
from openrouter_credits._call.retry import retry
from tests.kit.clock import VirtualLoop, lap, now, timers, virtual
from tests.kit.values import down, limited, made_up_keys

HELD_BACK = "requests of this batch are held back: "


@define(eq=False)
class Desk:
    """Gates whose clock is set by the test."""

    rate: float | None = None
    slow_start: SlowStart = NO_SLOW_START
    now: float = 1000.0
    gates: Gates = field(
        init=False,
        default=Factory(
            lambda self: Gates(self.rate, self.slow_start, clock=lambda: self.now, draw=lambda: 0.5),
            takes_self=True,
        ),
    )

    def go(self, key: Hashable = "a", *, is_retry: bool = False) -> Turn:
        """Return the turn of a request, which must be allowed to go now."""
        turn = self.gates.take(key, is_retry=is_retry)
        assert turn is not None
        return turn

    def is_free(self) -> bool:
        """Return whether a request could go now, without sending it."""
        return self.gates._delay(self.now) <= 0

    def is_shut(self) -> bool:
        """Return whether neither a first try nor a retry may go now; if one may, it is sent."""
        return all(self.gates.take("a", is_retry=is_retry) is None for is_retry in (False, True))

    def is_probe(self, turn: Turn) -> bool:
        """Return whether a request in flight is the probe."""
        return self.gates.breaker._probe is turn

    def silent_since(self) -> float | None:
        """Return the start of the host's current silence, or None if no request waits for an answer."""
        return self.gates.silent_since

    def answer(self, times: int = 1) -> None:
        """Send requests that are answered."""
        for _ in range(times):
            self.gates.answered(self.go())

    def fail(self, times: int = 1, error: Callable[[], OpenRouterError] = down, key: str = "a") -> list[bool]:
        """Send requests that fail; return for each whether that is news, so that others are held back."""
        return [self.gates.failed(self.go(key), error()) for _ in range(times)]

    def lose_host(self) -> None:
        """Let requests fail until the breaker opens."""
        assert self.fail(FAILURES_TO_OPEN)[-1]

    def meet_limit(self, **options: Any) -> bool:
        """Let two keys meet a 429 at the same time; return whether that is news."""
        turns = self.go("a"), self.go("b")
        news = [self.gates.failed(turn, limited(**options)) for turn in turns]
        return any(news)


def gate(gates: Gates, key: Hashable) -> Callable[[bool], Awaitable[Turn]]:
    """Make the gate of a key's calls, as a batch does."""

    async def turn(is_retry: bool) -> Turn:
        return gates.take(key, is_retry=is_retry) or await gates.wait(key, is_retry=is_retry)

    return turn


# Turns.


def test_a_turn_knows_its_key_and_when_it_came() -> None:
    """A turn holds the key that asked for it and the time at which its request may go."""
    desk = Desk()

    turn = desk.go("key")

    assert ("key", 1000.0) == (turn.key, turn.sent_at)
    assert not turn.is_shared
    assert desk.gates.in_flight == 1


def test_a_try_without_an_error_is_an_answer() -> None:
    """A try that ends without an error counts as an answer and is over."""
    desk = Desk()

    with desk.go():
        assert desk.gates.in_flight == 1

    assert desk.gates.in_flight == 0
    assert pytest.approx(START + PER_ANSWER) == desk.gates.budget.tokens


def test_the_error_of_a_try_counts_and_passes(caplog: pytest.LogCaptureFixture) -> None:
    """The error of a try passes unchanged, counts as the try's failure, and is no warning by itself."""
    desk = Desk()
    error = down()

    with pytest.raises(APIConnectionError) as caught, desk.go():
        raise error

    assert caught.value is error
    assert desk.gates.in_flight == 0
    assert desk.gates.breaker._failures == 1
    assert caplog.record_tuples == []


@pytest.mark.parametrize(
    ("errors", "summary"),
    [
        ([down()] * FAILURES_TO_OPEN, "Could not connect"),
        ([limited(code=None)], "429 Rate limit exceeded"),
    ],
    ids=["outage", "limit"],
)
def test_an_error_that_holds_others_back_is_a_warning(
    errors: list[OpenRouterError], summary: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The one error that opens the breaker or begins a pause is logged as a warning, without its remedy."""
    desk = Desk()

    for turn, error in [(desk.go(), error) for error in [*errors, down()]]:
        with pytest.raises(OpenRouterError), turn:
            raise error

    assert [("openrouter_credits", logging.WARNING, HELD_BACK + summary)] == caplog.record_tuples


@pytest.mark.parametrize(
    "error", [KeyError("a bug"), asyncio.CancelledError(), KeyboardInterrupt()], ids=repr
)
def test_a_try_that_is_given_up_is_over_and_tells_nothing(error: BaseException) -> None:
    """A try that ends by cancellation or by a bug is over, and is neither an answer nor a failure."""
    desk = Desk()
    desk.fail(5)

    with pytest.raises(type(error)) as caught, desk.go():
        raise error

    assert caught.value is error
    assert desk.gates.in_flight == 0
    assert (START, 5) == (desk.gates.budget.tokens, desk.gates.breaker._failures)


# The retry budget.


def test_a_retry_is_paid_and_an_answer_earns() -> None:
    """A retry costs one token, and waits if there is none until answers have earned one."""
    desk = Desk()

    for _ in range(50):
        desk.gates.ended(desk.go(is_retry=True))
    assert desk.gates.budget.tokens == 0
    assert desk.gates.take("a", is_retry=True) is None

    desk.answer(5)
    assert pytest.approx(1) == desk.gates.budget.tokens
    desk.gates.ended(desk.go(is_retry=True))
    assert pytest.approx(0) == desk.gates.budget.tokens


def test_a_first_try_costs_nothing() -> None:
    """The first try of a key goes although the retry budget is empty, and costs no token."""
    desk = Desk()
    desk.gates.budget.tokens = 0.0

    desk.answer(3)

    assert pytest.approx(3 * PER_ANSWER) == desk.gates.budget.tokens


NOT_OPENROUTERS = limited(code=None)
ERRORS = [
    (AuthenticationError("No", status=401), True),
    (InvalidResponseError("Odd"), True),
    (APIStatusError("Timed out", status=408), False),
    (ServerError("Down", status=503), False),
    (limited(), False),
    (NOT_OPENROUTERS, False),
    (limited(message="free-models-per-day"), False),
    (limited(retry_after=90), False),
    (down(), False),
    (TLSError("Expired", sent=False), False),
    (LocalResourceError("Too many open files", sent=False), False),
    (ClientClosedError("Closed"), False),
]
"""Errors, and whether they say that the host has answered."""


@pytest.mark.parametrize(("error", "is_answer"), ERRORS, ids=repr)
def test_any_reply_but_408_429_and_5xx_is_an_answer(error: OpenRouterError, is_answer: bool) -> None:
    """Every reply but 408, 429 and 5xx earns a fifth of a token and ends a row of failures."""
    desk = Desk()
    desk.fail(5)

    desk.gates.failed(desk.go(), error)

    assert desk.gates.in_flight == 0
    assert pytest.approx(START + (PER_ANSWER if is_answer else 0)) == desk.gates.budget.tokens
    assert is_answer is (desk.gates.breaker._failures == 0)


@pytest.mark.parametrize("error", [error for error, _ in ERRORS if error is not NOT_OPENROUTERS], ids=repr)
def test_a_single_error_holds_nobody_back(error: OpenRouterError) -> None:
    """One error, unless it is a 429 without OpenRouter's code, is no news and holds no other request back."""
    desk = Desk()

    assert [False] == desk.fail(1, lambda: error)

    assert desk.is_free()


@pytest.mark.parametrize("error", [error for error, _ in ERRORS], ids=repr)
def test_gates_do_not_change_an_error(error: OpenRouterError) -> None:
    """Gates leave all attributes of an error as they are, such as `is_retryable`."""
    names = ("args", "is_retryable", "retry_after", "attempts", "problems", "remedy")

    def facts() -> dict[str, Any]:
        return {**vars(error), **{name: getattr(error, name) for name in names}}

    desk = Desk()
    before = facts()

    desk.gates.failed(desk.go(), error)
    desk.now += 61
    with pytest.raises(OpenRouterError), desk.go():
        raise error

    assert before == facts()


# Outages.


def test_twenty_failures_in_a_row_hold_back_all() -> None:
    """Twenty failures in a row hold back first tries and retries; nineteen do not; an answer ends the row."""
    desk = Desk()

    assert not any(desk.fail(19))
    desk.answer()
    assert not any(desk.fail(19))
    assert [True] == desk.fail()

    assert desk.is_shut()


@pytest.mark.parametrize(
    "error", [ServerError("Down", status=503), APIStatusError("Timed out", status=408)], ids=repr
)
def test_a_host_that_answers_5xx_or_408_is_as_good_as_dead(error: OpenRouterError) -> None:
    """Twenty answers of 5xx or 408 in a row open the breaker like lost connections."""
    desk = Desk()

    assert [False] * 19 + [True] == desk.fail(20, lambda: error)

    assert desk.is_shut()


@pytest.mark.parametrize(
    "error", [TLSError("Expired"), LocalResourceError("Too many open files"), ClientClosedError("Closed")]
)
def test_errors_that_are_not_the_hosts_fault_hold_nobody_back(error: OpenRouterError) -> None:
    """A wrong certificate, too many open files or a closed client never holds other requests back."""
    desk = Desk()

    assert not any(desk.fail(100, lambda: error))

    assert desk.is_free()


def test_one_probe_at_a_time_goes_to_a_dead_host() -> None:
    """In an outage one request goes after the wait and is the probe; all others wait until it has failed."""
    desk = Desk()
    desk.lose_host()

    for wait in [0.375, 0.75, 1.5]:
        desk.now += wait - 0.001
        assert desk.is_shut()
        desk.now += 0.002
        probe = desk.go()
        assert desk.is_probe(probe)
        desk.now += 60
        assert desk.is_shut()
        assert not desk.gates.failed(probe, down())


@pytest.mark.parametrize("is_probe", [True, False])
def test_the_first_answer_lets_all_go(is_probe: bool) -> None:
    """The answer to a probe or to an older request ends an outage: other requests go at once."""
    desk = Desk()
    from_before = desk.go()
    desk.lose_host()
    desk.now += 0.5
    probe = desk.go()
    assert desk.is_probe(probe)

    desk.gates.answered(probe if is_probe else from_before)

    assert [False] * 5 == [desk.is_probe(desk.go()) for _ in range(5)]


def test_a_probe_that_is_cancelled_makes_room_for_the_next() -> None:
    """After a probe that is cancelled, the next request is the next probe."""
    desk = Desk()
    desk.lose_host()
    desk.now += 0.5

    with pytest.raises(asyncio.CancelledError), desk.go():
        raise asyncio.CancelledError

    assert desk.is_probe(desk.go())
    assert desk.is_shut()


def test_an_outage_does_not_cut_a_pause_short() -> None:
    """If an outage begins during a pause, the first probe waits for the end of the pause."""
    desk = Desk()
    from_before = [desk.go() for _ in range(FAILURES_TO_OPEN)]
    assert [True] == desk.fail(1, lambda: limited(code=None, retry_after=30))
    for turn in from_before:
        desk.gates.failed(turn, down())

    desk.now += 29
    assert desk.is_shut()

    desk.now += 2
    assert desk.is_probe(desk.go())


# Rate limits.


def test_a_window_holds_requests_back_until_one_is_over() -> None:
    """While the window is full of requests in flight, another one waits until one of these is over."""
    desk = Desk(slow_start=SlowStart(2, 0))
    desk.go()
    turn = desk.go()

    assert desk.is_shut()

    desk.gates.ended(turn)
    desk.go()
    assert desk.is_shut()


def test_a_rate_spaces_requests_out() -> None:
    """At a rate of 10 a second, the next request may go a tenth of a second after the last one."""
    desk = Desk(rate=10.0)
    desk.answer()

    desk.now += 0.099
    assert desk.is_shut()
    desk.now += 0.002
    assert desk.is_free()


def test_a_keys_own_limit_slows_nobody() -> None:
    """A 429 about the key's own limit does not slow down the other keys, however many of them meet one."""
    desk = Desk()
    errors = [limited(retry_after=3, message="free-models-per-day") for _ in range(50)]

    is_news = [desk.gates.failed(desk.go(f"key {number}"), error) for number, error in enumerate(errors)]

    assert not any(is_news)
    assert desk.is_free()
    assert desk.gates.pace.per_second is None


def test_two_keys_with_a_short_429_hold_back_all() -> None:
    """Short 429s of two keys pause the whole batch; five of one key do not."""
    one, two = Desk(), Desk()

    assert [False] * 5 == one.fail(5, limited, "a")
    assert [False, True] == two.fail(1, limited, "a") + two.fail(1, limited, "b")

    assert one.is_free()
    two.now += 0.99
    assert two.is_shut()
    two.now += 0.02
    assert two.is_free()


def test_refusals_of_requests_from_before_the_pause_are_no_news() -> None:
    """Later 429s to requests sent before the pause can lengthen it, but do not lower the pace again."""
    desk = Desk()
    late = [desk.go(f"late {number}") for number in range(3)]
    desk.now += 0.1
    assert desk.meet_limit(retry_after=1)
    pace = desk.gates.pace.per_second

    assert not any(desk.gates.failed(turn, limited(retry_after=2)) for turn in late)

    assert pace == desk.gates.pace.per_second
    desk.now += 1.9
    assert desk.is_shut()


# Silence: how long no request has been answered.


def test_a_silence_begins_with_a_request_and_ends_with_an_answer() -> None:
    """A silence begins with the first request after an answer; failures do not end it, an answer does."""
    desk = Desk()
    assert desk.silent_since() is None

    first, since = desk.go(), desk.now
    assert since == desk.silent_since()
    desk.now += 5
    desk.fail(3)
    assert since == desk.silent_since()

    desk.gates.answered(first)
    assert desk.silent_since() is None


def test_a_silence_begins_anew_with_an_answer_while_others_wait_for_theirs() -> None:
    """An answer while other requests are in flight begins a new silence: these wait for an answer still."""
    desk = Desk()
    desk.go()
    answered = desk.go()
    desk.now += 5

    desk.gates.answered(answered)

    assert desk.now == desk.silent_since()


def test_a_silence_ends_when_no_key_is_under_way() -> None:
    """After failures the silence goes on until no key is under way."""
    desk = Desk()
    since = desk.now
    desk.fail(3)
    assert since == desk.silent_since()

    desk.gates.rest()

    assert desk.silent_since() is None


def test_a_pause_is_no_silence() -> None:
    """During a pause no silence begins, even if requests from before the pause are answered or refused."""
    desk = Desk()
    from_before = [desk.go("capped") for _ in range(3)]
    assert desk.meet_limit(retry_after=60)
    pause_ends = desk.now + 60

    desk.now += 0.1
    desk.gates.failed(from_before.pop(), limited(message="free-models-per-day"))
    assert pause_ends == desk.silent_since()

    desk.gates.answered(from_before.pop())
    assert pause_ends == desk.silent_since()


def test_waiting_for_the_pace_is_no_silence() -> None:
    """A host is not silent while no request is in flight, even if the next one has to wait for the pace."""
    desk = Desk(rate=0.01)

    desk.answer()

    assert not desk.is_free()
    assert desk.silent_since() is None


# Waiting.


@virtual
async def test_waiting_requests_go_in_order() -> None:
    """Waiting requests go in their order, one each second at a rate of 1; a cancelled one leaves no gap."""
    gates = Gates(rate=1.0, clock=now)
    first = gates.take("first", is_retry=False)
    assert first is not None
    order: list[tuple[str, float]] = []
    began_at = now()

    async def wait(name: str) -> None:
        turn = await gates.wait(name, is_retry=False)
        assert name == turn.key
        gates.ended(turn)
        order.append((name, now() - began_at))

    tasks = [asyncio.create_task(wait(name)) for name in "abcde"]
    await asyncio.sleep(0.5)
    tasks[2].cancel()
    await asyncio.wait(tasks)
    gates.ended(first)

    names, times = [name for name, _ in order], [at for _, at in order]
    assert ["a", "b", "d", "e"] == names
    assert all(pytest.approx(1) == later - earlier for earlier, later in itertools.pairwise(times))
    assert gates.in_flight == 0


@pytest.mark.parametrize("is_retry", [False, True])
@virtual
async def test_nobody_overtakes_a_waiting_request(is_retry: bool) -> None:
    """While a request waits for its turn, no other one is let go before it, even if nothing holds it back."""
    gates = Gates(clock=now)
    gates.pace.paused_until = now() + 1
    waiting = asyncio.create_task(gates.wait("waits", is_retry=is_retry))
    await asyncio.sleep(0.5)

    gates.pace.paused_until = now()

    assert gates._delay(now()) <= 0
    assert gates.take("late", is_retry=False) is None
    assert "waits" == (await waiting).key
    assert gates.take("late", is_retry=False) is not None


def cancel_as_the_turn_comes(task: asyncio.Task[Any]) -> None:
    """Cancel a task after its turn has come, but before it runs."""
    (timer,) = timers()
    # both timers fire in one run of the loop
    asyncio.get_running_loop().call_at(timer.when() + 1e-10, task.cancel)


@virtual
async def test_a_turn_that_comes_to_a_cancelled_call_is_given_back() -> None:
    """A call that is cancelled just as it may send leaves its turn to the next call."""
    gates = Gates(rate=1.0, clock=now)
    for _ in range(2):
        gates.ended(await gate(gates, "a")(False))
    first, second = (asyncio.create_task(gates.wait("a", is_retry=False)) for _ in range(2))
    await asyncio.sleep(0)
    waiter = gates._fresh[0]
    cancel_as_the_turn_comes(first)

    await asyncio.wait([first])

    assert first.cancelled()
    assert waiter.turn.result(), "the turn came"
    assert gates.in_flight == 0
    gates.ended(await asyncio.wait_for(second, 5))
    assert gates.in_flight == 0


@virtual
async def test_a_cancelled_call_is_passed_over() -> None:
    """A call whose turn comes just after it was cancelled is passed over, and the next one goes at once."""
    gates = Gates(slow_start=SlowStart(1, 0), clock=now)
    under_way = gates.take("a", is_retry=False)
    assert under_way is not None
    first, second = (asyncio.create_task(gates.wait(key, is_retry=False)) for key in "bc")
    await asyncio.sleep(0)

    first.cancel()
    gates.ended(under_way)

    turn = await asyncio.wait_for(second, 0.1)
    assert first.cancelled()
    assert ("c", 1) == (turn.key, gates.in_flight)


@pytest.mark.parametrize("comes_its_turn", [False, True])
@virtual
async def test_a_probe_that_is_given_up_lets_the_next_one_go(comes_its_turn: bool) -> None:
    """If the call next in line is cancelled in an outage, even as its turn comes, the one after it probes."""
    gates = Gates(clock=now, draw=lambda: 0.5)
    for _ in range(FAILURES_TO_OPEN):
        failing = gates.take("a", is_retry=False)
        assert failing is not None
        gates.failed(failing, down())
    first, second = (asyncio.create_task(gates.wait("a", is_retry=False)) for _ in range(2))
    await asyncio.sleep(0.1)
    if comes_its_turn:
        cancel_as_the_turn_comes(first)
    else:
        first.cancel()

    await asyncio.wait([first])
    turn = await asyncio.wait_for(second, 5)

    assert first.cancelled()
    assert gates.breaker._probe is turn
    gates.answered(turn)
    assert gates.in_flight == 0


@virtual
async def test_a_parked_retry_goes_when_a_token_is_there() -> None:
    """A retry without a token waits for five answers, and fresh keys go before it."""
    gates = Gates(clock=now)
    gates.budget.tokens = 0.0
    under_way = [gates.take("a", is_retry=False) for _ in range(7)]
    parked = asyncio.create_task(gates.wait("a", is_retry=True))
    await asyncio.sleep(1)

    for turn in under_way[:4]:
        assert turn is not None
        gates.answered(turn)
        await asyncio.sleep(0.1)
        assert not parked.done()
    fresh = await gates.wait("b", is_retry=False)
    assert not parked.done()
    gates.answered(fresh)

    gates.ended(await asyncio.wait_for(parked, 0.1))
    assert pytest.approx(0) == gates.budget.tokens


@virtual
async def test_a_parked_retry_goes_when_nothing_else_is_under_way() -> None:
    """Retries without a token go one at a time if nothing is in flight: no answer could earn a token."""
    gates = Gates(clock=now)
    gates.budget.tokens = 0.0
    last = gates.take("a", is_retry=False)
    assert last is not None
    parked = [asyncio.create_task(gates.wait("a", is_retry=True)) for _ in range(3)]
    await asyncio.sleep(1)
    assert not any(task.done() for task in parked)

    gates.failed(last, down())
    for number in range(1, 4):
        await asyncio.sleep(1)
        assert number == sum(task.done() for task in parked)
        gates.failed(parked[number - 1].result(), down())

    assert gates.in_flight == 0


# Calls.


@virtual
async def test_waiting_in_a_gate_is_not_charged_to_the_call() -> None:
    """Time spent waiting in a closed gate does not count against the call's deadline."""
    gates = Gates(clock=now)
    turn = gates.take("a", is_retry=False)
    assert turn is not None
    gates.failed(turn, limited(code=None, retry_after=60))
    left: list[float] = []

    async def attempt(seconds: float) -> str:
        left.append(seconds)
        await asyncio.sleep(0.5)
        if len(left) < 3:
            raise down()
        return "value"

    with lap() as taken:
        value = await retry(attempt, RetryPolicy(wait_initial=0, deadline=5), gate=gate(gates, "b"))

    assert "value" == value
    assert pytest.approx([5, 4.5, 4]) == left
    assert pytest.approx(61.5) == taken.elapsed


@virtual
async def test_a_wait_in_the_middle_of_a_call_is_not_charged_either() -> None:
    """The deadline of a call does not count the time in a gate that closes between two of its tries."""
    gates = Gates(clock=now)
    tries: list[float] = []

    async def attempt(seconds: float) -> str:
        tries.append(seconds)
        await asyncio.sleep(1)
        if len(tries) == 1:
            raise limited(code=None, retry_after=2)
        return "value"

    def hold_on() -> None:
        gates.pace.paused_until = now() + 50

    asyncio.get_running_loop().call_later(2, hold_on)
    value = await retry(attempt, RetryPolicy(deadline=5), gate=gate(gates, "a"))

    assert "value" == value
    assert 1 < tries[1] <= 2, "5 s but for the first try of 1 s and the hint of 2 to 2.5 s"


@virtual
async def test_a_call_pays_for_each_try_but_the_first() -> None:
    """A call of three tries costs two tokens of the retry budget."""
    gates = Gates(clock=now)

    async def attempt(_: float) -> None:
        raise down()

    with pytest.raises(APIConnectionError) as caught:
        await retry(attempt, RetryPolicy(attempts=3), gate=gate(gates, "a"))

    assert 3 == len(caught.value.attempts)
    assert START - 2 == gates.budget.tokens


@pytest.mark.parametrize(
    ("message", "is_gated", "tries"),
    [
        ("free-models-per-day", True, 1),
        ("free-models-per-day", False, 3),
        ("Rate limit exceeded", True, 3),
        ("Rate limit exceeded", False, 3),
    ],
)
@virtual
async def test_a_limit_of_the_key_is_final_behind_a_gate_alone(
    message: str, is_gated: bool, tries: int
) -> None:
    """With a gate, a 429 about the key's own limit is not tried again; without one it is, like any 429."""
    error = limited(message=message)
    own_gate = gate(Gates(clock=now), "a") if is_gated else None
    sent_at: list[float] = []

    async def attempt(_: float) -> None:
        sent_at.append(now())
        raise error

    with pytest.raises(type(error)) as caught:
        await retry(attempt, RetryPolicy(attempts=3), gate=own_gate)

    assert caught.value is error
    assert tries == len(sent_at) == len(error.attempts)
    assert error.is_retryable


@virtual
async def test_a_wait_that_all_calls_share_is_the_gates_alone() -> None:
    """A try whose turn is shared does not count; the gate alone waits, even for longer than the deadline."""
    gates = Gates(clock=now)
    left: list[float] = []

    async def turn(is_retry: bool) -> Turn:
        turn = await gate(gates, "a")(is_retry)
        turn.is_shared = len(left) < 4
        return turn

    async def attempt(seconds: float) -> str:
        left.append(seconds)
        if len(left) < 5:
            raise limited(code=None, retry_after=40)
        return "value"

    with lap() as taken:
        value = await retry(attempt, RetryPolicy(attempts=1, deadline=5), gate=turn)

    assert "value" == value
    assert pytest.approx([5] * 5) == left
    assert pytest.approx(160) == taken.elapsed


@virtual
async def test_a_call_that_is_cancelled_leaves_nothing_under_way() -> None:
    """A call cancelled in a try, in the wait after a try or in a gate leaves no request in flight."""
    gates = Gates(rate=1.0, clock=now)
    calls = []

    async def attempt(_: float) -> None:
        calls.append(now())
        if len(calls) == 1:
            raise limited(retry_after=25)
        await asyncio.sleep(100)

    tasks = [
        asyncio.create_task(retry(attempt, RetryPolicy(), gate=gate(gates, f"key {number}")))
        for number in range(4)
    ]
    await asyncio.sleep(2.5)
    assert len(calls) in {3, 4}
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert gates.in_flight == 0
    assert [] == [*gates._fresh, *gates._retries]
    gates.rest()
    assert gates.silent_since is None
    assert all(task.cancelled() for task in tasks)


@virtual
async def test_calls_that_are_given_up_leave_no_timer() -> None:
    """Cancelled calls leave no timer on the loop, which would keep the batch in memory for a minute."""
    gates = Gates(rate=0.1, clock=now)
    tasks = [
        asyncio.create_task(
            retry(lambda _: asyncio.sleep(1), RetryPolicy(), gate=gate(gates, f"key {number}"))
        )
        for number in range(4)
    ]
    await asyncio.sleep(2)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert timers() == []


@virtual
async def test_a_pause_is_a_warning_once(caplog: pytest.LogCaptureFixture) -> None:
    """A pause logs one warning for the whole batch, which contains no key."""
    gates = Gates(clock=now)

    async def attempt(_: float) -> None:
        await asyncio.sleep(0.1)
        raise limited(code=None, retry_after=0.5)

    calls = [retry(attempt, RetryPolicy(attempts=1), gate=gate(gates, key)) for key in made_up_keys(5)]
    await asyncio.gather(*calls, return_exceptions=True)

    message = f"{HELD_BACK}429 Rate limit exceeded"
    assert [("openrouter_credits", logging.WARNING, message)] == caplog.record_tuples


@virtual
async def test_an_exception_of_another_kind_passes_through() -> None:
    """An exception of another kind, such as a bug, passes through unchanged and ends its request."""
    gates = Gates(clock=now)

    async def attempt(_: float) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await retry(attempt, RetryPolicy(), gate=gate(gates, "a"))

    assert gates.in_flight == 0


# All of it together.


class Watched(Gates):
    """Gates that call a function before each grant, after each grant, and before each end."""

    on_grant: Callable[[bool], None]
    on_granted: Callable[[Turn], None]
    on_end: Callable[[Turn], None]

    def _grant(self, key: Hashable, now: float, *, is_retry: bool) -> Turn:
        self.on_grant(is_retry)
        turn = super()._grant(key, now, is_retry=is_retry)
        self.on_granted(turn)
        return turn

    def ended(self, turn: Turn) -> None:
        """Call `on_end`, then end the request, which may let others go."""
        self.on_end(turn)
        super().ended(turn)


class GatesRules(RuleBasedStateMachine):
    """The gates obey their rules and agree with an independent model for any sequence of events."""

    @initialize(
        rate=st.sampled_from([None, 2.0, 50.0]),
        slow_start=st.sampled_from([NO_SLOW_START, SlowStart(3, 0.1)]),
        jitter=st.floats(0, 1),
    )
    def begin(self, rate: float | None, slow_start: SlowStart, jitter: float) -> None:
        """Start a batch."""
        self.loop = VirtualLoop()
        self.gates = Watched(rate, slow_start, clock=self.loop.time, draw=lambda: jitter)
        self.gates.on_grant, self.gates.on_granted, self.gates.on_end = (
            self.check_grant,
            self.note_grant,
            self.note_end,
        )
        self.waiting: list[asyncio.Task[Turn]] = []
        self.under_way: list[Turn] = []
        self.granted: dict[int, Turn] = {}
        """Turns of requests in flight, by identity."""
        self.since_outage: set[int] = set()
        """Identities of the turns that were granted during the current outage."""
        self.answers = self.paid = self.failures = 0
        self.paused_until = -math.inf
        self.is_out = False
        self.last_limit: tuple[Hashable, float] | None = None

    def check_grant(self, is_retry: bool) -> None:
        """Check that the rules allow a grant."""
        assert self.loop.time() >= self.paused_until - 1e-6, "granted in a pause"
        assert not (self.is_out and self.since_outage), "a second probe"
        if is_retry and self.gates.budget.tokens >= 1:
            self.paid += 1
        elif is_retry:
            assert not self.granted, "a retry without a token, while something is under way"
            assert all(waiter.turn.done() for waiter in self.gates._fresh), (
                "a retry without a token, while a fresh key waits"
            )
        assert self.paid <= START + PER_ANSWER * self.answers + 1e-6

    def note_grant(self, turn: Turn) -> None:
        """Count a request as in flight."""
        self.granted[id(turn)] = turn
        if self.is_out:
            self.since_outage.add(id(turn))

    def note_end(self, turn: Turn) -> None:
        """Stop counting a request; a second end of one request is a KeyError here."""
        del self.granted[id(turn)]
        self.since_outage.discard(id(turn))

    def step(self, action: Callable[[], object] = lambda: None, seconds: float = 0.0) -> None:
        """Run an action inside the loop, let some seconds pass, and collect the turns that were granted."""

        async def act() -> None:
            action()
            await asyncio.sleep(seconds)
            for _ in range(4):
                await asyncio.sleep(0)

        self.loop.run_until_complete(act())
        for task in [task for task in self.waiting if task.done()]:
            self.waiting.remove(task)
            if not task.cancelled():
                self.under_way.append(task.result())

    def answer_one(self, place: int = 0) -> None:
        """Answer one request."""
        self.answers += 1
        self.failures, self.is_out = 0, False
        self.since_outage.clear()
        self.gates.answered(self.under_way.pop(place % len(self.under_way)))

    def lose_one(self, place: int) -> None:
        """Let one request fail; check that only the twentieth failure in a row opens the breaker."""
        self.failures += 1
        if self.failures == FAILURES_TO_OPEN:
            self.is_out = True
        is_news = self.gates.failed(self.under_way.pop(place % len(self.under_way)), down())
        assert is_news == (self.failures == FAILURES_TO_OPEN)

    def times(self, count: int, action: Callable[[int], None], place: int) -> None:
        """Repeat an action with `count` of the requests in flight, or with all if there are fewer."""

        def act() -> None:
            for _ in range(min(count, len(self.under_way))):
                action(place)

        self.step(act)

    @rule(key=st.integers(0, 2), is_retry=st.booleans(), count=st.sampled_from([1, 3, 25]))
    def ask(self, key: int, is_retry: bool, count: int) -> None:
        """Ask for turns for one key after another, as the gate of `retry()` does."""

        def act() -> None:
            for number in range(count):
                whose = (key + number) % 3
                turn = self.gates.take(whose, is_retry=is_retry)
                if turn is not None:
                    self.under_way.append(turn)
                else:
                    self.waiting.append(self.loop.create_task(self.gates.wait(whose, is_retry=is_retry)))

        self.step(act)

    @precondition(lambda self: self.under_way)
    @rule(place=st.integers(0, 50), count=st.integers(1, 5))
    def answer(self, place: int, count: int) -> None:
        """Answer some requests."""
        self.times(count, self.answer_one, place)

    @precondition(lambda self: self.under_way)
    @rule(place=st.integers(0, 50), count=st.sampled_from([1, 3, 25]))
    def lose(self, place: int, count: int) -> None:
        """Let some requests fail as if the host were down."""
        self.times(count, self.lose_one, place)

    @precondition(lambda self: self.under_way)
    @rule(
        place=st.integers(0, 50),
        hint=st.sampled_from([None, 0.2, 2.0, 60.0, 90.0]),
        is_edge=st.booleans(),
    )
    def limit(self, place: int, hint: float | None, is_edge: bool) -> None:
        """Let a request meet a 429."""
        at = self.loop.time()
        turn = self.under_way.pop(place % len(self.under_way))
        if hint != 90:  # a limit over 60 s is the key's own
            before, self.last_limit = self.last_limit, (turn.key, at)
            if is_edge or (before is not None and before[0] != turn.key and at - before[1] <= 1):
                self.paused_until = max(self.paused_until, at + (hint or 1))
        self.step(lambda: self.gates.failed(turn, limited(hint, code=None if is_edge else 429)))

    @precondition(lambda self: self.under_way)
    @rule(place=st.integers(0, 50))
    def give_up(self, place: int) -> None:
        """Cancel a request in flight."""
        self.times(1, lambda place: self.gates.ended(self.under_way.pop(place % len(self.under_way))), place)

    @precondition(lambda self: self.waiting)
    @rule(place=st.integers(0, 50))
    def stop_waiting(self, place: int) -> None:
        """Cancel a request that waits for its turn."""
        self.step(self.waiting[place % len(self.waiting)].cancel)

    @precondition(lambda self: self.waiting and self.under_way)
    @rule(place=st.integers(0, 50))
    def stop_waiting_as_the_turn_comes(self, place: int) -> None:
        """Cancel all waiting requests just as the turn of the first one comes."""

        def act() -> None:
            self.gates.ended(self.under_way.pop(place % len(self.under_way)))
            for task in self.waiting:
                task.cancel()

        self.step(act)

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 8.0, 61.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.step(seconds=seconds)

    @invariant()
    def counts_agree(self) -> None:
        """Tokens and pace stay within bounds; gates and model count the same requests in flight."""
        if hasattr(self, "gates"):
            assert 0 <= self.gates.budget.tokens <= CAPACITY
            assert len(self.granted) == self.gates.in_flight == len(self.under_way)
            assert self.gates.pace.per_second is None or 0 < self.gates.pace.per_second <= (
                self.gates.rate or math.inf
            )

    def teardown(self) -> None:
        """Answer everything, and check that no request waits for ever or stays in flight."""
        if not hasattr(self, "gates"):
            return
        try:
            for _ in range(500):
                if not (self.waiting or self.under_way):
                    break
                self.times(len(self.under_way), self.answer_one, 0)
                self.step(seconds=10.0)
            assert not self.waiting, "a request waits for ever"
            assert self.gates.in_flight == 0
        finally:
            self.step(lambda: [task.cancel() for task in self.waiting])
            self.loop.close()


TestAllTogether = GatesRules.TestCase
TestAllTogether.settings = settings(max_examples=60, stateful_step_count=30)
