"""The gates that the requests of a batch share; the tests set the clock."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from attrs import Factory, define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from openrouter_credits import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    ClientClosedError,
    InvalidResponseError,
    LocalResourceError,
    OpenRouterError,
    RetryPolicy,
    ServerError,
    TLSError,
)
from openrouter_credits._batch.breaker import CAPACITY, PER_ANSWER, PER_SECOND, START, RetryBudget
from openrouter_credits._batch.gates import Gates
from openrouter_credits._batch.pace import NO_SLOW_START, SlowStart
from openrouter_credits._batch.turn import Seat, Turn
from openrouter_credits._call.retry import retry
from tests.kit.clock import VirtualLoop, lap, now, timers, virtual
from tests.kit.values import busy, down, limited

PATH = "/key"
HELD_BACK = "requests of this batch are held back "
TO_OPEN = 20
"""Keys whose first tries fail, which open the breaker of a batch of 32 at once."""
POLICY = RetryPolicy(attempts=3, deadline=30.0)


@define(eq=False)
class Desk:
    """Gates whose clock is set by the test."""

    rate: float | None = None
    slow_start: SlowStart = NO_SLOW_START
    policy: RetryPolicy = POLICY
    concurrency: int = 32
    most: float = math.inf
    now: float = 1000.0
    gates: Gates = field(
        init=False,
        default=Factory(
            lambda self: Gates(
                self.policy,
                lambda: self.now,
                concurrency=self.concurrency,
                most=self.most,
                rate=self.rate,
                slow_start=self.slow_start,
                draw=lambda: 0.5,
            ),
            takes_self=True,
        ),
    )

    def call(self, seat: Seat | None = None) -> Turn:
        """Begin a call, by default of another key than all others."""
        return self.gates.turn(seat or Seat(), PATH)

    def send(self, turn: Turn, *, is_retry: bool = False) -> Turn:
        """Send a try of a call, which must be allowed to go now."""
        assert self.gates.take(turn, is_retry=is_retry)
        return turn

    def go(self, seat: Seat | None = None) -> Turn:
        """Send the first try of a call, which must be allowed to go now."""
        return self.send(self.call(seat))

    def is_free(self) -> bool:
        """Return whether a request could go now, without sending it."""
        return self.gates._delay(self.now) <= 0

    def is_shut(self) -> bool:
        """Return whether neither a first try nor a retry may go now; if one may, it is sent."""
        return not any(self.gates.take(self.call(), is_retry=is_retry) for is_retry in (False, True))

    def is_probe(self, turn: Turn) -> bool:
        """Return whether a request in flight is the probe."""
        return self.gates.breaker._probe is turn

    def answer(self, times: int = 1) -> None:
        """Send requests that are answered."""
        for _ in range(times):
            self.gates.answered(self.go())

    def fail(self, times: int = 1, error: Callable[[], OpenRouterError] = down) -> list[bool]:
        """Send requests of as many keys that fail; return for each whether that is news."""
        return [self.gates.failed(self.go(), error()) for _ in range(times)]

    def lose_host(self) -> None:
        """Let requests fail until the breaker opens."""
        assert self.fail(TO_OPEN)[-1]

    def meet_limit(self, hint: float | None = 1.0) -> None:
        """Let four keys meet a 429, so that all pause."""
        assert [False] * 3 + [True] == self.fail(4, lambda: limited(hint))

    def refuse(self, turn: Turn, hint: float | None = 1.0) -> Turn:
        """Send a try of a call, which is refused; other keys are answered around it."""
        self.answer(3)
        assert not self.gates.failed(self.send(turn, is_retry=turn.is_shared), limited(hint))
        return turn


def gate(gates: Gates, turn: Turn) -> Callable[[bool], Awaitable[Turn]]:
    """Make the gate of a call, as a batch does."""

    async def ask(is_retry: bool) -> Turn:
        if is_retry:
            if turn.fault is not None:
                raise turn.fault
            await asyncio.sleep(max(0.0, turn.not_before - gates.clock()))
        if not gates.take(turn, is_retry=is_retry):
            await gates.wait(turn, is_retry=is_retry)
        return turn

    return ask


def gates_of(policy: RetryPolicy = POLICY, **options: Any) -> Gates:
    """Make gates on the running event loop's clock."""
    return Gates(policy, now, draw=lambda: 0.5, **options)


def sent(gates: Gates) -> Turn:
    """Send the first try of a new key's call, which must be allowed to go now."""
    turn = gates.turn(Seat(), PATH)
    assert gates.take(turn, is_retry=False)
    return turn


def sent_anyway(gates: Gates) -> Turn:
    """Send the first try of a new key's call, whatever holds it back."""
    turn = gates.turn(Seat(), PATH)
    gates._grant(turn, gates.clock())
    return turn


def waiting(gates: Gates, turn: Turn | None = None, *, is_retry: bool = False) -> asyncio.Task[None]:
    """Let a call wait for its turn, by default one of a new key."""
    return asyncio.create_task(gates.wait(turn or gates.turn(Seat(), PATH), is_retry=is_retry))


# Turns.


def test_a_turn_knows_its_key_and_when_it_went() -> None:
    """A turn holds the seat of its key, what it asks for, and the time at which its request may go."""
    desk, seat = Desk(), Seat()

    turn = desk.go(seat)

    assert (seat, PATH) == (turn.seat, turn.path)
    assert 1000.0 == turn.sent_at
    assert not turn.is_shared
    assert 1 == desk.gates.in_flight


def test_a_try_without_an_error_is_an_answer() -> None:
    """A try that ends without an error counts as an answer and is over."""
    desk = Desk()

    with desk.go():
        assert 1 == desk.gates.in_flight

    assert 0 == desk.gates.in_flight
    assert pytest.approx(START + PER_ANSWER) == desk.gates.budget.tokens


def test_the_error_of_a_try_counts_and_passes(caplog: pytest.LogCaptureFixture) -> None:
    """The error of a try passes unchanged, counts as the try's failure, and is no warning by itself."""
    desk = Desk()
    error = down()

    with pytest.raises(APIConnectionError) as caught, desk.go():
        raise error

    assert caught.value is error
    assert 0 == desk.gates.in_flight
    assert desk.gates.breaker.is_suspicious
    assert caplog.record_tuples == []


@pytest.mark.parametrize(
    ("errors", "summary"),
    [
        ([down()] * TO_OPEN, "until the host answers: Could not connect"),
        ([limited(code=None)] * 4, "for 1 s: 429 Rate limit exceeded"),
        ([limited(7.0)] * 4, "for 7 s: 429 Rate limit exceeded"),
        ([busy(2.5)] * 4, "for 2.5 s: 503 Busy"),
    ],
    ids=["outage", "limit", "limit with a hint", "503 with a hint"],
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
    desk.fail(1)
    fault = desk.gates.last_fault

    with pytest.raises(type(error)) as caught, desk.go():
        raise error

    assert caught.value is error
    assert 0 == desk.gates.in_flight
    assert START == desk.gates.budget.tokens
    assert desk.gates.breaker.is_suspicious
    assert desk.gates.last_fault is fault
    assert 0 == desk.gates.seats.away


# Errors.

TIMED_OUT = APITimeoutError("Timed out")
ERRORS: list[tuple[OpenRouterError, str]] = [
    (AuthenticationError("No", status=401), "answer"),
    (InvalidResponseError("Odd"), "answer"),
    (limited(), "refusal"),
    (limited(code=None), "refusal"),
    (busy(5.0), "refusal"),
    (limited(message="free-models-per-day"), "own limit"),
    (limited(retry_after=90), "own limit"),
    (APIStatusError("Timed out", status=408), "failure"),
    (busy(), "failure"),
    (down(), "failure"),
    (TIMED_OUT, "failure"),
    (TLSError("Expired", sent=False), "nothing"),
    (LocalResourceError("Too many open files", sent=False), "nothing"),
    (ClientClosedError("Closed"), "nothing"),
]
"""Errors, and what they say of the host."""


@pytest.mark.parametrize(("error", "what"), ERRORS, ids=repr)
def test_a_single_error_holds_nobody_back(error: OpenRouterError, what: str) -> None:
    """One error, of whatever kind, is no news, holds no other request back, and is over."""
    desk = Desk()

    assert [False] == desk.fail(1, lambda: error)

    assert 0 == desk.gates.in_flight
    assert desk.is_free()
    assert desk.gates.pace.per_second is None


@pytest.mark.parametrize(("error", "what"), ERRORS, ids=repr)
def test_an_error_changes_what_is_known_of_the_host(error: OpenRouterError, what: str) -> None:
    """Any reply but 408, 429 and 5xx earns a fifth of a token; any word of the host ends an outage."""
    desk = Desk()
    desk.fail(TO_OPEN - 1)
    before = desk.gates.last_fault

    desk.gates.failed(desk.go(), error)

    assert pytest.approx(START + PER_ANSWER * (what == "answer")) == desk.gates.budget.tokens
    assert desk.gates.breaker.is_suspicious is (what in {"failure", "nothing"})
    assert desk.gates.breaker.is_open is (what == "failure")
    match what:
        case "answer":
            assert desk.gates.last_fault is None
        case "failure" | "refusal":
            last = desk.gates.last_fault
            assert last is not error
            assert (type(error), str(error)) == (type(last), str(last))
        case _:
            assert desk.gates.last_fault is before


@pytest.mark.parametrize(("error", "what"), ERRORS, ids=repr)
def test_more_than_64_requests_go_when_the_host_has_said_anything(error: OpenRouterError, what: str) -> None:
    """Any word of the host, be it a refusal, ends the bound of 64 requests for a silent host."""
    desk = Desk()
    turns = [desk.go() for _ in range(64)]

    desk.gates.failed(turns[0], error)
    desk.go()

    assert desk.is_free() is (what in {"answer", "refusal", "own limit"})


@pytest.mark.parametrize(("error", "what"), ERRORS, ids=repr)
def test_a_failure_ends_the_window(error: OpenRouterError, what: str) -> None:
    """A request without an answer ends the window of the start: others that hang must not fill it."""
    desk = Desk(slow_start=SlowStart(2, 0))
    desk.go()

    desk.gates.failed(desk.go(), error)

    desk.go()
    assert desk.is_free() is (what == "failure")


@pytest.mark.parametrize(("error", "what"), ERRORS, ids=repr)
def test_a_key_whose_call_will_be_tried_again_gives_its_seat_back(error: OpenRouterError, what: str) -> None:
    """After an error that may pass a key needs no worker until its next try, or until its call is over."""
    desk = Desk()
    turn = desk.go()

    with pytest.raises(OpenRouterError), turn:
        raise error

    assert int(error.is_retryable) == desk.gates.seats.away
    desk.gates.leave(turn)
    assert 0 == desk.gates.seats.away


@pytest.mark.parametrize(("error", "what"), ERRORS, ids=repr)
def test_gates_tell_when_there_is_room_for_another_key(error: OpenRouterError, what: str) -> None:
    """After an error that may pass gates tell once that there is room; after any other end they do not."""
    desk = Desk()
    told: list[int] = []
    desk.gates.on_room = lambda: told.append(desk.gates.seats.away)
    with desk.go():
        pass

    with pytest.raises(OpenRouterError), desk.go():
        raise error

    assert [1] * error.is_retryable == told


def test_a_call_that_needs_no_request_gives_its_seat_back() -> None:
    """A call that waits for another's answer is away, and gates tell of the room, until it is over."""
    desk = Desk()
    told: list[int] = []
    desk.gates.on_room = lambda: told.append(desk.gates.seats.away)
    turn = desk.call()

    desk.gates.give_back(turn)
    assert ([1], 1, 0) == (told, desk.gates.seats.away, desk.gates.in_flight)

    desk.gates.leave(turn)
    assert ([1, 0], 0) == (told, desk.gates.seats.away)


def test_a_key_whose_last_request_is_over_while_it_waits_needs_no_worker() -> None:
    """Gates tell of the room when one call of a key ends and its other one only waits."""
    desk = Desk()
    told: list[int] = []
    desk.gates.on_room = lambda: told.append(desk.gates.seats.away)
    seat = Seat()
    waits, asks = desk.gates.turn(seat, "/credits"), desk.gates.turn(seat, "/key")

    desk.gates.give_back(waits)
    desk.gates.leave(asks)

    assert [0, 1] == told


def test_an_outage_is_room_for_keys_that_probes_may_choose_from() -> None:
    """The failure that opens the breaker tells of room for 20 keys, each probe that fails of twice that."""
    desk = Desk()
    reach: list[int] = []
    desk.gates.on_room = lambda: reach.append(desk.gates.breaker.reach)
    for turn in [desk.go() for _ in range(TO_OPEN)]:
        turn.__exit__(None, down(), None)
    desk.now += 0.5

    desk.go().__exit__(None, down(), None)

    assert [0] * (TO_OPEN - 1) + [20, 40] == reach


def test_a_key_takes_its_seat_again_with_its_next_try() -> None:
    """A key is not away any more when the next try of its call goes."""
    desk = Desk()
    turn = desk.call()
    with pytest.raises(OpenRouterError), desk.send(turn):
        raise limited()
    assert 1 == desk.gates.seats.away

    desk.send(turn, is_retry=True)

    assert 0 == desk.gates.seats.away


def test_a_shared_wait_gives_the_seat_back_whatever_the_error() -> None:
    """A key whose next wait is the gate's has no need of its worker, even if its error is not retryable."""
    desk = Desk()
    final = busy(5.0, status=501)
    assert not final.is_retryable

    with pytest.raises(ServerError), desk.go():
        raise final

    assert 1 == desk.gates.seats.away


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


def test_an_answer_ends_the_last_fault() -> None:
    """The host's last fault is forgotten when it answers."""
    desk = Desk()
    desk.fail()
    assert desk.gates.last_fault is not None

    desk.answer()

    assert desk.gates.last_fault is None


# The retry budget.


def test_a_first_try_costs_nothing() -> None:
    """The first try of a key goes although the retry budget is empty, and costs no token."""
    desk = Desk()
    desk.gates.budget.tokens = 0.0

    desk.answer(3)

    assert pytest.approx(3 * PER_ANSWER) == desk.gates.budget.tokens


def test_a_retry_never_goes_without_paying() -> None:
    """A retry that costs a token does not go at once: it waits in its queue, if only for a moment."""
    desk = Desk()

    assert not desk.gates.take(desk.call(), is_retry=True)

    assert (START, 0) == (desk.gates.budget.tokens, desk.gates.in_flight)


def test_a_try_after_a_wait_that_is_shared_costs_nothing() -> None:
    """A retry after a wait that the host asked for goes at once, and costs no token."""
    desk = Desk()
    turn = desk.refuse(desk.call())
    tokens = desk.gates.budget.tokens

    desk.send(turn, is_retry=True)

    assert turn.is_retry
    assert tokens == desk.gates.budget.tokens


@virtual
async def test_a_retry_is_paid() -> None:
    """A retry goes at once if there is a token, and costs one."""
    gates = gates_of()

    with lap() as taken:
        for _ in range(50):
            await gates.wait(gates.turn(Seat(), PATH), is_retry=True)

    assert (0, 0, 50) == (taken.elapsed, gates.budget.tokens, gates.in_flight)


# Outages.


@pytest.mark.parametrize(("concurrency", "keys"), [(32, 20), (20, 20), (5, 5), (1, 3)])
def test_failures_of_many_keys_in_a_row_hold_back_all(concurrency: int, keys: int) -> None:
    """The failures of 20 keys, or of as many as are under way at once, hold back all; an answer ends it."""
    desk = Desk(concurrency=concurrency)

    assert not any(desk.fail(keys - 1))
    desk.answer()
    assert not any(desk.fail(keys - 1))
    assert [True] == desk.fail()

    assert desk.is_shut()


def test_two_calls_of_a_key_are_one_key() -> None:
    """The breaker counts keys, not calls: two calls of ten keys fail without opening it."""
    desk = Desk()

    for seat in [Seat() for _ in range(10)]:
        for _ in range(2):
            assert not desk.gates.failed(desk.go(seat), down())

    assert not desk.gates.breaker.is_open


def test_retries_that_fail_hold_nobody_back() -> None:
    """Retries that fail do not open the breaker, however many they are."""
    desk = Desk()
    turns = [desk.refuse(desk.call()) for _ in range(TO_OPEN)]

    for turn in turns:
        assert not desk.gates.failed(desk.send(turn, is_retry=True), down())

    assert desk.is_free()


@pytest.mark.parametrize("error", [busy(), APIStatusError("Timed out", status=408)], ids=repr)
def test_a_host_that_answers_5xx_or_408_is_as_good_as_dead(error: OpenRouterError) -> None:
    """Twenty answers of 5xx or 408 in a row open the breaker like lost connections."""
    desk = Desk()

    assert [False] * 19 + [True] == desk.fail(20, lambda: error)

    assert desk.is_shut()


@pytest.mark.parametrize(
    "error",
    [
        TLSError("Expired"),
        LocalResourceError("Too many open files"),
        ClientClosedError("Closed"),
        limited(3, message="free-models-per-day"),
    ],
    ids=repr,
)
def test_errors_that_are_not_the_hosts_fault_hold_nobody_back(error: OpenRouterError) -> None:
    """A wrong certificate, too many open files, a closed client or a key's limit holds no other key back."""
    desk = Desk()

    assert not any(desk.fail(100, lambda: error))

    assert desk.is_free()
    assert desk.gates.pace.per_second is None


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


def test_a_refusal_ends_an_outage_too() -> None:
    """A host that refuses a probe is there: other requests go at once."""
    desk = Desk()
    desk.lose_host()
    desk.now += 0.5

    desk.gates.failed(desk.go(), limited())

    assert not desk.gates.breaker.is_open
    assert desk.is_free()


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
    from_before = [desk.go() for _ in range(TO_OPEN)]
    desk.now += 0.1
    desk.meet_limit(30)
    for turn in from_before:
        desk.gates.failed(turn, down())
    assert desk.gates.breaker.is_open

    desk.now += 29
    assert desk.is_shut()

    desk.now += 2
    assert desk.is_probe(desk.go())


def test_a_probe_waits_for_the_callers_rate_too() -> None:
    """In an outage the caller's rate still holds: a probe does not go before its time."""
    desk = Desk(rate=0.1, concurrency=3)
    desk.now += 60
    for _ in range(3):
        desk.fail()
        desk.now += 10
    assert desk.gates.breaker.is_open
    desk.gates.failed(desk.go(), down())

    desk.now += 9.9
    assert desk.is_shut()
    desk.now += 0.2
    assert desk.is_free()


def test_requests_that_hang_do_not_keep_a_probe_back() -> None:
    """In an outage a probe goes although 64 requests of a silent host are under way."""
    desk = Desk()
    turns = [desk.go() for _ in range(64)]
    for turn in turns[:TO_OPEN]:
        desk.gates.failed(turn, TIMED_OUT)
        desk.gates.in_flight += 1  # as if they hung still
    desk.now += 0.5

    assert desk.is_probe(desk.go())


# A process that was stopped.


@pytest.mark.parametrize(
    ("error", "sent_at", "is_shared"),
    [
        (TIMED_OUT, 999.0, True),
        (TIMED_OUT, 1000.0, False),
        (TIMED_OUT, 1001.0, False),
        (down(), 999.0, False),
        (busy(), 999.0, False),
    ],
    ids=repr,
)
def test_a_time_out_after_a_standstill_is_nobodys_fault(
    error: OpenRouterError, sent_at: float, is_shared: bool
) -> None:
    """A request that timed out because this process was stopped goes again, and tells nothing of the host."""
    desk = Desk(now=sent_at)
    turn = desk.go()
    desk.now = 1010.0
    desk.gates.resumed_at = 1000.0

    assert not desk.gates.failed(turn, error)

    assert is_shared is turn.is_shared
    assert is_shared is not desk.gates.breaker.is_suspicious
    assert is_shared is (desk.gates.last_fault is None)
    assert 0 == desk.gates.in_flight


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


@pytest.mark.parametrize("is_dead", [False, True])
def test_no_more_requests_are_under_way_than_the_caller_allows(is_dead: bool) -> None:
    """There are never more than `most` requests under way, in an outage neither."""
    desk = Desk(most=3, concurrency=3)
    turns = [desk.go() for _ in range(3)]
    assert desk.is_shut()
    if is_dead:
        for turn in turns:
            desk.gates.failed(turn, down())
            desk.gates.in_flight += 1  # as if they hung still
        desk.now += 1

    assert desk.is_shut()
    assert math.inf == desk.gates._delay(desk.now)
    desk.gates.in_flight -= 1
    desk.go()


def test_a_rate_spaces_requests_out() -> None:
    """At a rate of 10 a second, the next request may go a tenth of a second after the last one."""
    desk = Desk(rate=10.0)
    desk.answer()

    desk.now += 0.099
    assert desk.is_shut()
    desk.now += 0.002
    assert desk.is_free()


@pytest.mark.parametrize(
    "make", [limited, lambda: limited(code=None), lambda: busy(1.0)], ids=["429", "429 of the edge", "503"]
)
def test_four_refusals_in_a_row_pause_all(make: Callable[[], OpenRouterError]) -> None:
    """Four keys that are refused in a row pause the whole batch; the pace begins with the pause."""
    desk = Desk()

    assert [False, False, False, True] == desk.fail(4, make)

    assert desk.gates.pace.per_second == 32
    desk.now += 0.99
    assert desk.is_shut()
    desk.now += 0.02
    assert desk.is_free()


def test_refusals_of_requests_from_before_the_pause_are_no_news() -> None:
    """Later 429s to requests sent before the pause can lengthen it, but do not lower the pace again."""
    desk = Desk()
    late = [desk.go() for _ in range(3)]
    desk.now += 0.1
    desk.meet_limit(1)
    pace = desk.gates.pace.per_second

    assert not any(desk.gates.failed(turn, limited(2)) for turn in late)

    assert pace == desk.gates.pace.per_second
    desk.now += 1.9
    assert desk.is_shut()


def test_a_stretch_of_refusals_lowers_the_pace_once() -> None:
    """Tries that are refused after a pause begin the next one, but do not lower the pace again."""
    desk = Desk()
    desk.meet_limit()

    for _ in range(5):
        desk.now += 5
        assert not desk.gates.failed(desk.go(), limited())

    assert 32 == desk.gates.pace.per_second


def test_many_refusals_at_a_slower_pace_pause_nobody() -> None:
    """Many refusals among answers pause all once; at the slower pace after that they do not."""
    desk = Desk()
    news = []
    for number in range(90):
        desk.now += max(0.1, desk.gates._delay(desk.now))
        if number % 3 < 2:
            desk.answer()
        else:
            news.append(desk.gates.failed(desk.go(), limited()))

    assert [5] == [number for number, is_news in enumerate(news) if is_news]


# Stray refusals: each key waits for itself.


@pytest.mark.parametrize(
    ("hint", "refusals", "expected"),
    [(None, 1, 0.5), (None, 2, 1.0), (0.0, 1, 0.25), (4.0, 1, 4.5), (20.0, 2, 20.5)],
)
def test_a_stray_refusal_is_the_wait_of_its_own_call(
    hint: float | None, refusals: int, expected: float
) -> None:
    """A call that is refused among answers waits its own hint, or its own back-off, which grows."""
    desk = Desk()
    turn = desk.call()

    for _ in range(refusals):
        desk.refuse(turn, hint)

    assert pytest.approx(expected) == turn.not_before - desk.now
    assert (refusals, refusals, True, None) == (turn.refusals, len(turn.strikes), turn.is_shared, turn.fault)
    assert desk.is_free()


@pytest.mark.parametrize("attempts", [1, 2, 3, 5])
def test_a_call_is_given_up_after_as_many_stray_refusals_as_it_has_attempts(attempts: int) -> None:
    """A call that is refused among answers as often as the policy has attempts has a refusal as its fault."""
    desk = Desk(policy=RetryPolicy(attempts=attempts))
    turn = desk.call()

    errors = [limited() for _ in range(attempts)]
    for error in errors:
        assert turn.fault is None
        desk.answer(3)
        desk.gates.failed(desk.send(turn, is_retry=turn.is_shared), error)

    assert turn.fault is errors[-1]
    assert attempts == len(errors[-1].attempts)
    assert turn.is_shared is (attempts > 1)


def test_a_failure_ends_a_row_of_stray_refusals() -> None:
    """Only refusals in a row count: after a failure of another kind a call may be refused anew."""
    desk = Desk()
    turn = desk.call()
    desk.refuse(turn)
    desk.refuse(turn)

    desk.gates.failed(desk.send(turn, is_retry=True), down())
    turn.is_shared = True
    desk.refuse(turn)

    assert (1, 3, None) == (len(turn.strikes), turn.refusals, turn.fault)


def test_refusals_of_all_are_charged_to_nobody() -> None:
    """Refusals while the host refuses everything are no strikes: neither of the start, nor of later tries."""
    desk = Desk()
    late = desk.go()
    desk.now += 0.1
    desk.meet_limit()
    news = desk.call()

    for turn in [late, news, news, news, news]:
        desk.now += 5
        if turn is news:
            desk.send(turn, is_retry=turn.is_shared)
        desk.gates.failed(turn, limited())

    assert [(1, ()), (4, ())] == [(turn.refusals, turn.strikes) for turn in (late, news)]
    assert -math.inf == news.not_before
    assert news.is_shared


def test_refusals_that_begin_a_pause_are_charged_to_nobody() -> None:
    """The refusal that begins a pause is the limit of all: its call has no strike, and no wait of its own."""
    desk = Desk()
    turns = [desk.go() for _ in range(4)]

    for turn in turns:
        desk.gates.failed(turn, limited(2.0))

    assert desk.gates.throttle.is_refusing
    assert [1, 1, 1, 0] == [len(turn.strikes) for turn in turns]
    assert -math.inf == turns[-1].not_before


def test_refusals_that_outnumber_answers_are_charged_to_nobody() -> None:
    """A call has no strike as long as no more requests are answered than refused; it waits each time."""
    desk = Desk()
    turn = desk.call()

    for _ in range(10):
        desk.answer()
        desk.gates.failed(desk.send(turn, is_retry=turn.is_shared), limited(2.0))

    assert (10, (), None) == (turn.refusals, turn.strikes, turn.fault)
    assert pytest.approx(desk.now + 2.25) == turn.not_before


@pytest.mark.parametrize(("has_limit", "strikes"), [(False, 3), (True, 5)])
def test_a_call_may_be_refused_more_often_where_there_is_a_limit_for_all(
    *, has_limit: bool, strikes: int
) -> None:
    """A call of three attempts is given up after three stray refusals, or five if all have paused before."""
    desk = Desk()
    desk.gates.throttle.has_paused = has_limit
    turn = desk.call()

    for _ in range(strikes):
        assert turn.fault is None
        desk.refuse(turn)

    assert isinstance(turn.fault, OpenRouterError)
    assert strikes == len(turn.fault.attempts)


def test_a_stray_refusal_slows_a_pace_near_the_limit() -> None:
    """A refusal at a pace above what was measured before the last pause slows that pace; a pause does not."""
    desk = Desk()
    desk.gates.pace.per_second, desk.gates.pace._threshold = 50.0, 32.0

    desk.gates.failed(desk.go(), limited())

    assert 48.5 == desk.gates.pace.per_second


def test_one_call_that_is_refused_again_and_again_pauses_nobody() -> None:
    """Only the first refusal of a call is evidence of a limit of all: a key may have a limit of its own."""
    desk = Desk(policy=RetryPolicy(attempts=100))
    turns = [desk.call() for _ in range(3)]

    for _ in range(20):
        for turn in turns:
            assert not desk.gates.failed(desk.send(turn, is_retry=turn.is_shared), limited())
        desk.answer()

    assert not desk.gates.throttle.is_refusing
    assert desk.is_free()


def test_a_refusal_is_final_where_retries_are_turned_off() -> None:
    """A policy of one attempt waits for no refusal: neither for a stray one, nor for a limit of all."""
    desk = Desk(policy=RetryPolicy(attempts=1))

    turns = [desk.go() for _ in range(5)]
    for turn in turns:
        desk.gates.failed(turn, limited())

    assert desk.gates.throttle.is_refusing
    assert not any(turn.is_shared for turn in turns)


@pytest.mark.parametrize(("rate", "goes"), [(None, 4), (2.0, 1)])
def test_tries_after_a_pause_wait_for_the_callers_rate_alone(rate: float | None, goes: int) -> None:
    """After a pause four tries ask at once, however slow the pace is by then; the caller's rate holds."""
    desk = Desk(rate=rate)
    for turn in [sent_anyway(desk.gates) for _ in range(4)]:
        desk.gates.failed(turn, limited())
    desk.gates.pace.per_second = rate or 2.0
    desk.now += 5

    assert goes == sum(desk.gates.take(desk.call(), is_retry=False) for _ in range(8))


@pytest.mark.parametrize("ends", ["answer", "own limit", "failure", "given up"])
def test_a_try_after_a_pause_makes_room_when_it_is_over(ends: str) -> None:
    """After a pause four tries ask; one that ends without an answer of its own makes room for another."""
    desk = Desk()
    desk.meet_limit()
    desk.now += 2
    tries = []
    for _ in range(4):
        tries.append(desk.go())
        desk.now += 0.1
    assert desk.is_shut()
    assert math.inf == desk.gates._delay(desk.now)

    match ends:
        case "answer":
            desk.gates.answered(tries[0])
        case "own limit":
            desk.gates.failed(tries[0], limited(message="free-models-per-day"))
        case "failure":
            desk.gates.failed(tries[0], down())
        case _:
            desk.gates.ended(tries[0])

    desk.go()
    desk.now += 0.1
    assert desk.is_free() is (ends == "answer")


# When there is no use in going on.


def test_at_first_a_batch_goes_on() -> None:
    """A batch goes on as long as its host is there."""
    desk = Desk()
    assert desk.gates.verdict() is None

    desk.fail(5)
    desk.now += 1e6

    assert desk.gates.verdict() is None


@pytest.mark.parametrize("is_probed", [False, True])
@pytest.mark.parametrize(("seconds", "is_over"), [(29.9, False), (30.0, True)])
def test_an_outage_ends_a_batch_when_it_has_lasted(seconds: float, is_over: bool, is_probed: bool) -> None:
    """An outage of `retry.deadline` ends the batch, if the host was asked in it at least once."""
    desk = Desk()
    desk.lose_host()
    if is_probed:
        desk.now += 0.5
        desk.gates.failed(desk.go(), down())
    desk.now = 1000 + seconds

    assert ("the host gave no answer for 30 s" if is_over and is_probed else None) == desk.gates.verdict()


def test_an_answer_is_a_reason_to_go_on() -> None:
    """After an answer the time of an outage begins anew."""
    desk = Desk()
    desk.lose_host()
    desk.now += 29
    desk.answer()
    desk.lose_host()
    desk.now += 29
    desk.gates.failed(desk.go(), down())

    assert desk.gates.verdict() is None
    desk.now += 1
    assert desk.gates.verdict() is not None


@pytest.mark.parametrize(("hint", "seconds"), [(None, 60), (2.5, 62.5), (40.0, 100)])
def test_nothing_but_refusals_ends_a_batch_later(hint: float | None, seconds: float) -> None:
    """A batch ends after twice `retry.deadline` of nothing but refusals, and the longest hint on top."""
    desk = Desk()
    desk.meet_limit(hint)

    desk.now += seconds - 0.1
    assert desk.gates.verdict() is None
    desk.now += 0.1
    assert f"the host refused all requests for {seconds:g} s" == desk.gates.verdict()

    desk.answer()
    assert desk.gates.verdict() is None


def test_an_ending_has_the_last_fault() -> None:
    """The ending of a batch has the reason, the host's last fault, and whether the host was refusing."""
    desk = Desk()
    assert ("why", None, False) == _facts(desk.gates)
    desk.fail()
    assert ("why", "Could not connect", False) == _facts(desk.gates)
    desk.meet_limit()
    assert ("why", "429 Rate limit exceeded", True) == _facts(desk.gates)


def test_an_ending_has_the_last_refusal_while_the_host_refuses() -> None:
    """While all is refused an ending has the last refusal, even if a request failed since."""
    desk = Desk()
    from_before = desk.go()
    desk.now += 0.1
    desk.meet_limit()
    desk.gates.failed(from_before, down())
    assert ("why", "429 Rate limit exceeded", True) == _facts(desk.gates)

    desk.now += 2
    desk.answer()
    desk.now += 2
    desk.fail()
    assert ("why", "Could not connect", False) == _facts(desk.gates)


def _facts(gates: Gates) -> tuple[str, str | None, bool]:
    ending = gates.ending("why")
    last = ending.last_fault
    return ending.why, None if last is None else last.summary, ending.is_refusing


# Waiting.


@virtual
async def test_waiting_requests_go_in_order() -> None:
    """Waiting requests go in their order, one each second at a rate of 1; a cancelled one leaves no gap."""
    gates = gates_of(rate=1.0)
    first = sent(gates)
    order: list[tuple[str, float]] = []
    began_at = now()

    async def wait(name: str) -> None:
        turn = gates.turn(Seat(), PATH)
        await gates.wait(turn, is_retry=False)
        assert now() == turn.sent_at
        gates.ended(turn)
        order.append((name, now() - began_at))

    tasks = [asyncio.create_task(wait(name)) for name in "abcde"]
    await asyncio.sleep(0.5)
    tasks[2].cancel()
    await asyncio.wait(tasks)
    gates.ended(first)

    names, times = [name for name, _ in order], [at for _, at in order]
    assert ["a", "b", "d", "e"] == names
    assert pytest.approx(1) == times[0]
    assert all(pytest.approx(1) == later - earlier for earlier, later in itertools.pairwise(times))
    assert 0 == gates.in_flight


@pytest.mark.parametrize("is_retry", [False, True])
@virtual
async def test_nobody_overtakes_a_waiting_request(is_retry: bool) -> None:
    """While a request waits for its turn, no other one is let go before it, even if nothing holds it back."""
    gates = gates_of(most=1)
    under_way = sent(gates)
    task = waiting(gates, is_retry=is_retry)
    await asyncio.sleep(0.5)

    gates.in_flight -= 1
    assert gates._delay(now()) <= 0
    assert not gates.take(gates.turn(Seat(), PATH), is_retry=False)
    gates.in_flight += 1

    gates.ended(under_way)
    await task
    gates.in_flight -= 1
    assert gates.take(gates.turn(Seat(), PATH), is_retry=False)


def cancel_as_the_turn_comes(task: asyncio.Task[Any]) -> None:
    """Cancel a task after its turn has come, but before it runs."""
    (timer,) = timers()
    # both timers fire in one run of the loop
    asyncio.get_running_loop().call_at(timer.when() + 1e-10, task.cancel)


@virtual
async def test_a_turn_that_comes_to_a_cancelled_call_is_given_back() -> None:
    """A call that is cancelled just as it may send leaves its turn to the next call."""
    gates = gates_of(rate=1.0)
    gates.ended(sent(gates))
    turn = gates.turn(Seat(), PATH)
    first, second = waiting(gates, turn), waiting(gates)
    await asyncio.sleep(0)
    cancel_as_the_turn_comes(first)

    await asyncio.wait([first])

    assert first.cancelled()
    assert turn.sent_at == now(), "the turn came"
    assert 0 == gates.in_flight
    await asyncio.wait_for(second, 5)
    assert 1 == gates.in_flight


@virtual
async def test_a_cancelled_call_is_passed_over() -> None:
    """A call whose turn comes just after it was cancelled is passed over, and the next one goes at once."""
    gates = gates_of(slow_start=SlowStart(1, 0))
    under_way = sent(gates)
    first, second = waiting(gates), waiting(gates)
    await asyncio.sleep(0)

    first.cancel()
    gates.ended(under_way)

    await asyncio.wait_for(second, 0.1)
    assert first.cancelled()
    assert 1 == gates.in_flight


@virtual
async def test_a_cancelled_call_is_forgotten() -> None:
    """A call that is cancelled while it waits is in no queue any more, and others may go."""
    gates = gates_of(most=1)
    sent(gates)
    tasks = [waiting(gates, is_retry=is_retry) for is_retry in (False, True)]
    await asyncio.sleep(1)
    assert timers() == [], "they wait for the end of another request, not for a time"

    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert 0 == gates._queues.size
    assert 1 == gates.in_flight


@pytest.mark.parametrize("comes_its_turn", [False, True])
@virtual
async def test_a_probe_that_is_given_up_lets_the_next_one_go(comes_its_turn: bool) -> None:
    """If the call next in line is cancelled in an outage, even as its turn comes, the next one probes."""
    gates = gates_of()
    for _ in range(TO_OPEN):
        gates.failed(sent(gates), down())
    turn = gates.turn(Seat(), PATH)
    first, second = waiting(gates, turn), waiting(gates)
    await asyncio.sleep(0.1)
    if comes_its_turn:
        cancel_as_the_turn_comes(second)
    else:
        second.cancel()

    await asyncio.wait([second])
    await asyncio.wait_for(first, 5)

    assert second.cancelled()
    assert gates.breaker._probe is turn
    gates.answered(turn)
    assert 0 == gates.in_flight


@virtual
async def test_the_newest_key_probes() -> None:
    """In an outage the key that came last probes, and no retry as long as another key waits."""
    gates = gates_of()
    gates.budget.tokens = 0.0
    retry_waits = waiting(gates, is_retry=True)
    await asyncio.sleep(0)
    for _ in range(TO_OPEN):
        gates.failed(sent_anyway(gates), down())
    turns = [gates.turn(Seat(), PATH) for _ in range(2)]
    tasks = [waiting(gates, turn) for turn in turns]

    await asyncio.sleep(0.4)
    assert [False, True, False] == [task.done() for task in [*tasks, retry_waits]]
    gates.failed(turns[1], down())
    await asyncio.sleep(0.8)
    assert [True, True, False] == [task.done() for task in [*tasks, retry_waits]]
    gates.failed(turns[0], down())
    await asyncio.sleep(1.6)
    assert retry_waits.done()


@virtual
async def test_a_probe_asks_for_a_path_that_was_not_silent() -> None:
    """In an outage the newest call of another path probes: perhaps that path alone is dead."""
    gates = gates_of()
    for _ in range(TO_OPEN):
        gates.failed(sent(gates), down())
    turns = [gates.turn(Seat(), path) for path in (PATH, "/credits", "/credits", PATH)]
    tasks = [waiting(gates, turn) for turn in turns]

    await asyncio.sleep(0.4)
    assert [False, False, True, False] == [task.done() for task in tasks]
    gates.failed(turns[2], down())
    await asyncio.sleep(0.8)
    assert [False, False, True, True] == [task.done() for task in tasks], "both paths are silent now"
    gates.answered(turns[3])
    await asyncio.wait_for(asyncio.gather(*tasks), 1)


@virtual
async def test_the_least_refused_call_asks_after_a_pause() -> None:
    """After a pause calls that were refused least ask first, whichever queue they wait in."""
    gates = gates_of(concurrency=1)
    for _ in range(4):
        gates.failed(sent(gates), limited())
    turns = [gates.turn(Seat(), PATH) for _ in range(6)]
    for turn, refusals in zip(turns, [3, 0, 2, 1, 0, 5], strict=True):
        turn.refusals = refusals
        turn.is_shared = refusals > 0
    tasks = [waiting(gates, turn, is_retry=turn.is_shared) for turn in turns]

    await asyncio.sleep(1.5)

    assert [False, True, True, True, True, False] == [task.done() for task in tasks]
    gates.answered(turns[1])
    await asyncio.sleep(1)
    assert all(task.done() for task in tasks)


@virtual
async def test_a_parked_retry_goes_when_a_token_is_there() -> None:
    """A retry without a token goes after five answers; keys that were not asked yet go before it."""
    gates = gates_of()
    gates.budget.tokens = 0.0
    under_way = [sent(gates) for _ in range(5)]
    parked = waiting(gates, is_retry=True)
    await asyncio.sleep(0)

    for turn in under_way[:4]:
        gates.answered(turn)
        await asyncio.sleep(0)
        assert not parked.done()
    fresh = gates.turn(Seat(), PATH)
    await gates.wait(fresh, is_retry=False)
    assert not parked.done()
    gates.answered(fresh)

    await asyncio.sleep(0)
    assert parked.done()
    assert pytest.approx(0) == gates.budget.tokens


@virtual
async def test_retries_without_a_token_go_at_two_a_second() -> None:
    """Retries go on at two a second without any answer, each as soon as it can be paid."""
    gates = gates_of()
    gates.budget.tokens = 0.0
    began_at = now()
    went: list[float] = []
    tasks = [waiting(gates, is_retry=True) for _ in range(5)]
    for task in tasks:
        task.add_done_callback(lambda _: went.append(now() - began_at))

    await asyncio.sleep(5)

    assert pytest.approx([0.5, 1.0, 1.5, 2.0, 2.5]) == went


@pytest.mark.parametrize(("is_suspicious", "tokens", "first"), [(False, 9, 1), (True, 9, 0), (False, 0, 0)])
@virtual
async def test_keys_that_were_not_asked_yet_tell_more(is_suspicious: bool, tokens: float, first: int) -> None:
    """A retry that can be paid goes before keys not asked yet, unless the host may be dead."""
    gates = gates_of(most=2)
    gates.budget.tokens = tokens
    under_way = [sent(gates) for _ in range(2)]
    tasks = [waiting(gates), waiting(gates, is_retry=True)]
    await asyncio.sleep(0)

    if is_suspicious:
        gates.failed(under_way[0], down())
    else:
        gates.ended(under_way[0])
    await asyncio.sleep(0)

    assert [number == first for number in range(2)] == [task.done() for task in tasks]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@virtual
async def test_a_waiting_retry_is_known_as_one() -> None:
    """A call that waits for a retry is no first try, so that its failure does not count for the breaker."""
    gates = gates_of()
    turn = gates.turn(Seat(), PATH)

    await gates.wait(turn, is_retry=True)
    gates.failed(turn, down())

    assert turn.is_retry
    assert not gates.breaker.is_suspicious


@virtual
async def test_a_retry_waits_for_the_pace_and_for_a_token() -> None:
    """A retry goes when both the pace and the budget let it: the later of the two decides."""
    slow, poor = gates_of(rate=0.5), gates_of(rate=10.0)
    for gates in (slow, poor):
        gates.answered(sent(gates))
    poor.budget.tokens = 0.0
    tasks = [waiting(gates, is_retry=True) for gates in (slow, poor)]

    await asyncio.sleep(0.49)
    assert [False, False] == [task.done() for task in tasks]
    await asyncio.sleep(0.02)
    assert [False, True] == [task.done() for task in tasks]
    await asyncio.sleep(1.5)
    assert [True, True] == [task.done() for task in tasks]


# Calls.


@virtual
async def test_waiting_in_a_gate_is_not_charged_to_the_call() -> None:
    """Time spent waiting in a closed gate does not count against the call's deadline."""
    gates = gates_of()
    for _ in range(4):
        gates.failed(sent(gates), limited(code=None, retry_after=60))
    left: list[float] = []

    async def attempt(seconds: float) -> str:
        left.append(seconds)
        await asyncio.sleep(0.5)
        if len(left) < 3:
            raise down()
        return "value"

    with lap() as taken:
        value = await retry(
            attempt, RetryPolicy(wait_initial=0, deadline=5), gate=gate(gates, gates.turn(Seat(), PATH))
        )

    assert "value" == value
    assert pytest.approx([5, 4.5, 4]) == left
    assert pytest.approx(61.5) == taken.elapsed


@virtual
async def test_a_call_pays_for_each_try_but_the_first() -> None:
    """A call of three tries costs two tokens of the retry budget."""
    gates = gates_of()

    async def attempt(_: float) -> None:
        raise down()

    with pytest.raises(APIConnectionError) as caught:
        await retry(
            attempt, RetryPolicy(attempts=3, wait_initial=0), gate=gate(gates, gates.turn(Seat(), PATH))
        )

    assert 3 == len(caught.value.attempts)
    assert START - 2 == gates.budget.tokens


@virtual
async def test_a_call_that_is_refused_again_and_again_ends_with_its_refusal() -> None:
    """A call that is refused three times among answers ends with the last refusal, and asks no more."""
    gates = gates_of()
    turn = gates.turn(Seat(), PATH)
    errors = [limited(1.0) for _ in range(4)]
    sent_at: list[float] = []

    async def attempt(_: float) -> None:
        sent_at.append(now())
        for _ in range(2):
            gates.answered(sent(gates))
        raise errors[len(sent_at) - 1]

    with pytest.raises(OpenRouterError) as caught:
        await retry(attempt, POLICY, gate=gate(gates, turn))

    assert caught.value is errors[2]
    assert pytest.approx([0, 1.125, 1.125]) == [attempt.waited for attempt in errors[2].attempts]
    assert pytest.approx([1.125, 1.125]) == [b - a for a, b in itertools.pairwise(sent_at)]


@pytest.mark.parametrize(("message", "tries"), [("free-models-per-day", 1), ("Rate limit exceeded", 3)])
@virtual
async def test_a_limit_of_the_key_is_final(message: str, tries: int) -> None:
    """A 429 about the key's own limit is not tried again behind a gate; another one is, among answers."""
    gates = gates_of()
    error = limited(message=message)
    hits = 0

    async def attempt(_: float) -> None:
        nonlocal hits
        hits += 1
        for _ in range(2):
            gates.answered(sent(gates))
        raise error

    with pytest.raises(type(error)) as caught:
        await retry(attempt, POLICY, gate=gate(gates, gates.turn(Seat(), PATH)))

    assert caught.value is error
    assert tries == hits


@virtual
async def test_a_wait_that_all_calls_share_is_charged_to_nobody() -> None:
    """Refusals of everything cost no attempt and no time of a call, however long they last."""
    gates = gates_of(RetryPolicy(attempts=2, deadline=5))
    well_at = now() + 100
    left: dict[int, list[float]] = {number: [] for number in range(8)}

    async def call(number: int) -> str:
        async def attempt(seconds: float) -> str:
            left[number].append(seconds)
            await asyncio.sleep(0.25)
            if now() < well_at:
                raise limited(code=None, retry_after=8)
            return "value"

        turn = gates.turn(Seat(), PATH)
        try:
            return await retry(attempt, gates.policy, gate=gate(gates, turn))
        finally:
            gates.leave(turn)

    with lap() as taken:
        values = await asyncio.gather(*map(call, left))

    assert ["value"] * 8 == values
    assert {5.0} == {round(seconds, 6) for each in left.values() for seconds in each}
    assert 100 < taken.elapsed < 110
    assert (0, 0) == (gates.in_flight, gates.seats.away)


@virtual
async def test_a_call_that_is_cancelled_leaves_nothing_under_way() -> None:
    """A call cancelled in a try, in the wait after a try or in a gate leaves no request and no timer."""
    gates = gates_of(rate=1.0)
    calls = []

    async def attempt(_: float) -> None:
        calls.append(now())
        if len(calls) == 1:
            raise limited(retry_after=25)
        await asyncio.sleep(100)

    async def call() -> None:
        turn = gates.turn(Seat(), PATH)
        try:
            await retry(attempt, RetryPolicy(), gate=gate(gates, turn))
        finally:
            gates.leave(turn)

    tasks = [asyncio.create_task(call()) for _ in range(4)]
    await asyncio.sleep(2.5)
    assert 3 == len(calls)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert (0, 0) == (gates.in_flight, gates.seats.away)
    assert 0 == gates._queues.size
    assert timers() == []
    assert all(task.cancelled() for task in tasks)


@virtual
async def test_a_pause_is_a_warning_once(caplog: pytest.LogCaptureFixture) -> None:
    """A pause logs one warning for the whole batch."""
    gates = gates_of(RetryPolicy(attempts=1))

    async def attempt(_: float) -> None:
        await asyncio.sleep(0.1)
        raise limited(code=None, retry_after=0.5)

    calls = [retry(attempt, gates.policy, gate=gate(gates, gates.turn(Seat(), PATH))) for _ in range(8)]
    await asyncio.gather(*calls, return_exceptions=True)

    message = f"{HELD_BACK}for 1 s: 429 Rate limit exceeded"
    assert [("openrouter_credits", logging.WARNING, message)] == caplog.record_tuples


# All of it together.


class WatchedBudget(RetryBudget):
    """A budget that calls a function before each payment."""

    on_spend: Callable[[float], None]

    def spend(self) -> None:
        """Tell how many tokens there are, then pay."""
        self.on_spend(self.tokens)
        super().spend()


class Watched(Gates):
    """Gates that call a function before each grant."""

    on_grant: Callable[[Turn], None]

    def _grant(self, turn: Turn, now: float) -> None:
        self.on_grant(turn)
        super()._grant(turn, now)


class GatesRules(RuleBasedStateMachine):
    """The gates obey their rules for any sequence of events: bounds hold, and no call waits for ever."""

    @initialize(
        rate=st.sampled_from([None, 2.0, 50.0]),
        slow_start=st.sampled_from([NO_SLOW_START, SlowStart(3, 0.1)]),
        most=st.sampled_from([4, 30, math.inf]),
        tokens=st.sampled_from([0.0, 2.5, START]),
        jitter=st.floats(0, 1),
    )
    def begin(
        self, rate: float | None, slow_start: SlowStart, most: float, tokens: float, jitter: float
    ) -> None:
        """Start a batch."""
        self.loop = VirtualLoop()
        self.began_at = self.loop.time()
        self.gates = Watched(
            RetryPolicy(),
            self.loop.time,
            concurrency=4,
            most=most,
            rate=rate,
            slow_start=slow_start,
            draw=lambda: jitter,
        )
        self.gates.on_grant = self.check_grant
        self.had = 0.0
        """The tokens before the last payment."""
        self.gates.budget = WatchedBudget()
        self.gates.budget.on_spend = lambda tokens: setattr(self, "had", tokens)
        self.gates.budget.tokens = self.tokens = tokens
        self.seats = [Seat() for _ in range(6)]
        self.waiting: dict[asyncio.Task[None], Turn] = {}
        self.under_way: list[Turn] = []
        self.granted: list[Turn] = []
        self.failed: list[Turn] = []
        """Turns of calls that may be tried again."""
        self.joined: list[Turn] = []
        """Turns of calls that wait for another's answer."""
        self.answers = self.paid = 0

    def check_grant(self, turn: Turn) -> None:
        """Check that the rules allow a grant."""
        gates = self.gates
        assert turn not in self.granted, "two requests of one call"
        assert gates.breaker._probe is None or not gates.breaker.is_open, "a second probe"
        assert not gates.throttle.is_refusing or self.loop.time() >= gates.throttle._paused_until - 1e-6, (
            "granted in a pause"
        )
        assert gates.in_flight < gates.most
        if turn.is_retry and not turn.is_shared:
            self.paid += self.had >= 1 - 1e-6
            assert self.had >= 1 - 1e-6 or gates.breaker.is_open or gates.throttle.is_refusing, (
                "a retry without a token, and not one of the few that ask whether the host is back"
            )
        self.granted.append(turn)

    def step(self, action: Callable[[], object] = lambda: None, seconds: float = 0.0) -> None:
        """Run an action inside the loop, let some seconds pass, and collect the turns that were granted."""

        async def act() -> None:
            action()
            await asyncio.sleep(seconds)
            for _ in range(4):
                await asyncio.sleep(0)

        self.loop.run_until_complete(act())
        for task in [task for task in self.waiting if task.done()]:
            turn = self.waiting.pop(task)
            if task.cancelled():
                self.gates.leave(turn)
                if turn in self.granted:
                    self.granted.remove(turn)
            else:
                self.under_way.append(turn)

    def ask(self, turn: Turn, *, is_retry: bool) -> None:
        """Ask for a turn, as the gate of a batch does."""
        if self.gates.take(turn, is_retry=is_retry):
            self.under_way.append(turn)
        else:
            self.waiting[self.loop.create_task(self.gates.wait(turn, is_retry=is_retry))] = turn

    def end(self, place: int, error: BaseException | None) -> None:
        """End a try; a call that failed may be tried again, all others are over."""
        turn = self.under_way.pop(place % len(self.under_way))
        self.granted.remove(turn)
        self.answers += error is None
        turn.__exit__(type(error) if error else None, error, None)
        if isinstance(error, OpenRouterError):
            self.failed.append(turn)
        else:
            self.gates.leave(turn)

    def times(self, count: int, place: int, make: Callable[[], BaseException | None]) -> None:
        """End `count` of the tries under way, or all if there are fewer."""

        def act() -> None:
            for _ in range(min(count, len(self.under_way))):
                self.end(place, make())

        self.step(act)

    @rule(place=st.integers(0, 5), count=st.sampled_from([1, 3, 25]))
    def call(self, place: int, count: int) -> None:
        """Begin calls of one key after another."""

        def act() -> None:
            for number in range(count):
                seat = self.seats[(place + number) % len(self.seats)]
                self.ask(self.gates.turn(seat, ("/key", "/credits")[number % 2]), is_retry=False)

        self.step(act)

    @rule(place=st.integers(0, 5))
    def join(self, place: int) -> None:
        """Begin a call that waits for the answer to another one."""
        turn = self.gates.turn(self.seats[place], PATH)
        self.gates.give_back(turn)
        self.joined.append(turn)

    @precondition(lambda self: self.joined)
    @rule(place=st.integers(0, 50))
    def share(self, place: int) -> None:
        """End such a call."""
        self.gates.leave(self.joined.pop(place % len(self.joined)))

    @precondition(lambda self: self.failed)
    @rule(count=st.sampled_from([1, 3, 25]))
    def try_again(self, count: int) -> None:
        """Try calls again that failed."""

        def act() -> None:
            for turn in self.failed[:count]:
                self.ask(turn, is_retry=True)
            del self.failed[:count]

        self.step(act)

    @rule(
        error=st.sampled_from([down, limited, lambda: limited(code=None)]), tokens=st.sampled_from([0.0, 0.9])
    )
    def break_down(self, error: Callable[[], OpenRouterError], tokens: float) -> None:
        """Let all that is under way fail just as the retry budget is used up, and ask again."""
        self.call(0, 6)
        self.tokens -= max(0.0, self.gates.budget.tokens - tokens)
        self.gates.budget.tokens = min(self.gates.budget.tokens, tokens)
        self.times(25, 0, error)
        if self.failed:
            self.try_again(25)

    @precondition(lambda self: self.failed)
    @rule(place=st.integers(0, 50))
    def give_up(self, place: int) -> None:
        """Give a call up that failed."""
        self.gates.leave(self.failed.pop(place % len(self.failed)))

    @precondition(lambda self: self.under_way)
    @rule(place=st.integers(0, 50), count=st.integers(1, 5))
    def answer(self, place: int, count: int) -> None:
        """Answer some requests."""
        self.times(count, place, lambda: None)

    @precondition(lambda self: self.under_way)
    @rule(place=st.integers(0, 50), count=st.sampled_from([1, 3, 25]))
    def lose(self, place: int, count: int) -> None:
        """Let some requests fail as if the host were down."""
        self.times(count, place, down)

    @precondition(lambda self: self.under_way)
    @rule(
        place=st.integers(0, 50),
        count=st.sampled_from([1, 4]),
        hint=st.sampled_from([None, 0.2, 2.0, 60.0, 90.0]),
    )
    def limit(self, place: int, count: int, hint: float | None) -> None:
        """Let some requests meet a 429."""
        self.times(count, place, lambda: limited(hint))

    @precondition(lambda self: self.under_way)
    @rule(place=st.integers(0, 50))
    def cancel(self, place: int) -> None:
        """Cancel a request in flight."""
        self.times(1, place, asyncio.CancelledError)

    @precondition(lambda self: self.waiting)
    @rule(place=st.integers(0, 50))
    def stop_waiting(self, place: int) -> None:
        """Cancel a call that waits for its turn."""
        self.step([*self.waiting][place % len(self.waiting)].cancel)

    @precondition(lambda self: self.waiting and self.under_way)
    @rule(place=st.integers(0, 50))
    def stop_waiting_as_the_turn_comes(self, place: int) -> None:
        """Cancel all waiting calls just as the turn of the first one comes."""

        def act() -> None:
            self.end(place, asyncio.CancelledError())
            for task in self.waiting:
                task.cancel()

        self.step(act)

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 8.0, 61.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.step(seconds=seconds)

    @invariant()
    def counts_agree(self) -> None:
        """Tokens, pace and counts stay within bounds; gates and test count the same requests in flight."""
        if not hasattr(self, "gates"):
            return
        gates, seconds = self.gates, self.loop.time() - self.began_at
        assert 0 <= gates.budget.tokens <= CAPACITY
        assert self.paid <= self.tokens + PER_ANSWER * self.answers + PER_SECOND * seconds + 1e-6
        assert len(self.granted) == gates.in_flight == len(self.under_way) <= gates.most
        assert len(gates._queues.others) + len(gates._queues.retries) == len(self.waiting)
        assert gates.pace.per_second is None or 0 < gates.pace.per_second <= (gates.rate or math.inf)
        assert 0 <= gates.seats.away <= len(self.seats)
        assert len(gates._queues.others) + len(gates._queues.retries) == gates._queues.size
        if not (self.failed or self.waiting or self.joined):
            assert 0 == gates.seats.away

    def teardown(self) -> None:
        """Answer everything, and check that no call waits for ever or leaves anything behind."""
        if not hasattr(self, "gates"):
            return
        try:
            for turn in [*self.failed, *self.joined]:
                self.gates.leave(turn)
            self.failed.clear()
            for _ in range(500):
                if not (self.waiting or self.under_way):
                    break
                self.times(len(self.under_way), 0, lambda: None)
                self.step(seconds=10.0)
            assert not self.waiting, "a call waits for ever"
            assert (0, 0) == (self.gates.in_flight, self.gates.seats.away)
            assert all((0, 0) == (seat.calls, seat.away) for seat in self.seats)
        finally:
            self.step(lambda: [task.cancel() for task in self.waiting])
            self.loop.close()


TestAllTogether = GatesRules.TestCase
TestAllTogether.settings = settings(max_examples=60, stateful_step_count=30)
