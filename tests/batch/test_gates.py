"""The retry budget, the gates and the pace that the requests of a batch share; the tests set the clock."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from attrs import define, field
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
    RateLimitError,
    RetryPolicy,
    ServerError,
    TLSError,
)
from openrouter_credits._batch.gates import CAPACITY, FAILURES_TO_CLOSE, PER_ANSWER, START, Flow, Ticket
from openrouter_credits._batch.pace import LONGEST_PAUSE, NO_WAVE, Wave, is_own_limit
from tests.kit.clock import VirtualLoop, lap, now, timers, virtual
from tests.kit.values import made_up_keys


def down() -> APIConnectionError:
    """Make the error of a host that is down."""
    return APIConnectionError("Could not connect", sent=False)


def limited(
    retry_after: float | None = 1.0,
    message: str = "Rate limit exceeded",
    code: int | None = 429,
    **metadata: Any,
) -> RateLimitError:
    """Make the error of a 429; one whose code is None was not made by OpenRouter itself."""
    return RateLimitError(message, status=429, code=code, retry_after=retry_after, metadata=metadata)


@define(eq=False)
class Desk:
    """A flow whose clock is set by the test."""

    rate: float | None = None
    wave: Wave = NO_WAVE
    now: float = 1000.0
    flow: Flow = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.flow = Flow(rate=self.rate, wave=self.wave, clock=lambda: self.now, draw=lambda: 0.5)

    def go(self, *, is_retry: bool = False) -> Ticket:
        """Return the ticket of a request, which must be allowed to go now."""
        ticket = self.flow.take(is_retry=is_retry)
        assert ticket is not None
        return ticket

    def is_free(self) -> bool:
        """Return whether a request could go now, without sending it."""
        return self.flow._delay(self.now) <= 0

    def is_probe(self, ticket: Ticket) -> bool:
        """Return whether a request in flight is the probe."""
        return self.flow._probe is ticket

    def silent_since(self) -> float | None:
        """Return the start of the host's current silence, or None if no request waits for an answer."""
        return self.flow.silent_since

    def answer(self, times: int = 1) -> None:
        """Send requests that are answered."""
        for _ in range(times):
            self.flow.answered(self.go())

    def fail(self, times: int = 1, error: Callable[[], OpenRouterError] = down, key: str = "a") -> list[bool]:
        """Send requests that fail; return for each whether it closed a gate."""
        return [self.flow.failed(self.go(), error(), key) for _ in range(times)]

    def lose_host(self) -> None:
        """Let requests fail until the outage gate closes."""
        assert self.fail(FAILURES_TO_CLOSE)[-1]

    def meet_limit(self, **options: Any) -> bool:
        """Let two keys meet a 429 at the same time; return whether that closed a gate."""
        first, second = self.go(), self.go()
        return any(
            [
                self.flow.failed(first, limited(**options), "a"),
                self.flow.failed(second, limited(**options), "b"),
            ]
        )


# Whose limit a 429 reports, and how a batch begins.


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (limited(), False),
        (limited(retry_after=None), False),
        (limited(retry_after=60), False),
        (limited(retry_after=60.5), True),
        (limited(message="Rate limit exceeded: free-models-per-min"), True),
        (limited(message="Daily limit reached"), True),
        (limited(message="This key has a limit of 10 requests a minute"), True),
        (limited(message="Too many requests from the monkey house"), False),
        (limited(limit_source="openrouter_key_limit"), True),
        (limited(limit_source="openrouter_credits"), False),
    ],
)
def test_a_limit_of_the_key_itself_is_told_by_its_length_or_its_words(
    error: RateLimitError, expected: bool
) -> None:
    """A 429 is about the key alone if its hint is over 60 s or it names a key, daily or free-tier limit."""
    assert is_own_limit(error) is expected


@pytest.mark.parametrize(
    ("size", "expected"), [(0, math.inf), (100, math.inf), (101, 8), (5_000, 88), (None, 8)]
)
def test_the_first_wave_costs_two_keys_in_a_hundred_at_most(size: int | None, expected: float) -> None:
    """A batch of over 100 keys, or of unknown size, begins with a wave: 2 % of the keys less 12, or 8."""
    assert Wave.of(size).size == expected


def test_nothing_is_held_back_for_long_before_the_host_has_spoken() -> None:
    """Until the host has answered once, 64 requests may be in flight; then there is no such bound."""
    desk = Desk()
    tickets = [desk.go() for _ in range(64)]

    assert desk.flow.take(is_retry=False) is None
    desk.flow.answered(tickets.pop())
    assert [desk.go() for _ in range(200)]


def test_a_wave_grows_with_the_answers() -> None:
    """The number of requests that may be under way at first (the wave) grows after 150 answers."""
    desk = Desk(wave=Wave(2, 0.5))

    desk.answer(150)
    tickets = [desk.go(), desk.go()]
    assert desk.flow.take(is_retry=False) is None
    desk.flow.answered(tickets.pop())
    desk.go()
    desk.go()
    assert desk.flow.take(is_retry=False) is None


def test_a_wave_is_over_when_a_limit_is_met() -> None:
    """After a limit is met, the pace alone holds requests back: the wave no longer counts."""
    desk = Desk(wave=Wave(2, 0.5))

    assert desk.meet_limit()
    desk.now += 1.5
    for _ in range(20):
        desk.go()
        desk.now += 0.1


# The retry budget.


def test_a_retry_costs_a_token_and_an_answer_earns_a_fifth() -> None:
    """A retry costs one token and an answer earns a fifth; there are 50 at first, 100 at most, 0 at least."""
    desk = Desk()
    assert desk.flow.tokens == START == 50

    for _ in range(50):
        desk.flow.end(desk.go(is_retry=True))
    assert desk.flow.tokens == 0
    assert desk.flow.take(is_retry=True) is None

    desk.answer(5)
    assert desk.flow.tokens == pytest.approx(1)
    desk.flow.end(desk.go(is_retry=True))

    desk.answer(1000)
    assert desk.flow.tokens == CAPACITY == 100


def test_a_first_try_costs_nothing() -> None:
    """The first try of a key goes although the retry budget is empty, and costs no token."""
    desk = Desk()
    desk.flow.tokens = 0.0

    desk.answer(3)

    assert desk.flow.tokens == pytest.approx(3 * PER_ANSWER)


@pytest.mark.parametrize(
    ("error", "is_answer"),
    [
        (AuthenticationError("No", status=401), True),
        (InvalidResponseError("Odd"), True),
        (APIStatusError("Timed out", status=408), False),
        (ServerError("Down", status=503), False),
        (limited(), False),
        (down(), False),
        (TLSError("Expired", sent=False), False),
        (ClientClosedError("Closed"), False),
    ],
    ids=repr,
)
def test_any_reply_but_408_429_and_5xx_is_an_answer(error: OpenRouterError, is_answer: bool) -> None:
    """Every reply but 408, 429 and 5xx earns a fifth of a token and ends a row of failures."""
    desk = Desk()
    desk.fail(5)

    closed = desk.flow.failed(desk.go(), error, "a")

    assert not closed
    assert desk.flow.tokens == pytest.approx(START + (PER_ANSWER if is_answer else 0))
    assert (desk.flow._failures == 0) is is_answer


# Outages.


def test_twenty_failures_in_a_row_close_the_host() -> None:
    """Twenty failures in a row close the outage gate; nineteen do not, and an answer ends the row."""
    desk = Desk()

    assert not any(desk.fail(19))
    desk.answer()
    assert not any(desk.fail(19))
    assert desk.fail() == [True]

    assert desk.flow.take(is_retry=False) is None
    assert desk.flow.take(is_retry=True) is None


@pytest.mark.parametrize(
    "error", [ServerError("Down", status=503), APIStatusError("Timed out", status=408)], ids=repr
)
def test_a_host_that_answers_5xx_or_408_is_as_good_as_dead(error: OpenRouterError) -> None:
    """Twenty answers of 5xx or 408 in a row close the outage gate like lost connections."""
    assert Desk().fail(FAILURES_TO_CLOSE, lambda: error)[-1]


@pytest.mark.parametrize(
    "error", [TLSError("Expired"), LocalResourceError("Too many open files"), ClientClosedError("Closed")]
)
def test_what_is_not_the_hosts_fault_closes_no_gate(error: OpenRouterError) -> None:
    """A wrong certificate, too many open files or a closed client never closes a gate."""
    desk = Desk()

    assert not any(desk.fail(100, lambda: error))
    assert desk.is_free()


def test_one_probe_at_a_time_goes_to_a_dead_host() -> None:
    """A dead host gets one probe at a time; waits double from 0.5 s to 8 s, and up to half is taken off."""
    desk = Desk()
    desk.lose_host()
    waited = []

    for _ in range(7):
        before = desk.now
        while not desk.is_free():
            desk.now += 1 / 64
        waited.append(desk.now - before)
        probe = desk.go()
        assert desk.is_probe(probe)
        desk.now += 60
        assert desk.flow.take(is_retry=False) is None
        assert not desk.flow.failed(probe, down(), "a")

    assert waited == pytest.approx([0.375, 0.75, 1.5, 3, 6, 6, 6], abs=1 / 32)


@pytest.mark.parametrize("is_probe", [True, False])
def test_the_first_answer_reopens_the_host(is_probe: bool) -> None:
    """The answer to a probe or to an older request ends an outage; the next outage waits 0.5 s again."""
    desk = Desk()
    from_before = desk.go()
    desk.lose_host()
    desk.now += 0.5
    probe = desk.go()

    desk.flow.answered(probe if is_probe else from_before)

    assert [desk.is_probe(desk.go()) for _ in range(5)] == [False] * 5
    desk.lose_host()
    desk.now += 0.374
    assert not desk.is_free()
    desk.now += 0.002
    assert desk.is_probe(desk.go())


def test_a_probe_that_ends_without_a_word_makes_room_for_the_next() -> None:
    """After a probe that is cancelled, the host stays closed and the next request is the next probe."""
    desk = Desk()
    desk.lose_host()
    desk.now += 0.5
    probe = desk.go()

    desk.flow.end(probe)

    assert desk.is_probe(desk.go())


def test_a_probe_from_an_earlier_outage_does_not_make_room_for_a_second_one() -> None:
    """A probe that outlives its outage does not let a second probe go in the next outage when it ends."""
    desk = Desk()
    from_before = desk.go()
    desk.lose_host()
    desk.now += 1
    old_probe = desk.go()
    desk.flow.answered(from_before)
    desk.lose_host()
    desk.now += 10
    assert desk.is_probe(desk.go())

    desk.flow.end(old_probe)

    assert desk.flow.take(is_retry=False) is None


def test_a_probe_that_fails_after_the_host_is_back_closes_nothing() -> None:
    """A probe that fails after the host has answered again counts as one failure and closes no gate."""
    desk = Desk()
    from_before = desk.go()
    desk.lose_host()
    desk.now += 1
    probe = desk.go()
    desk.flow.answered(from_before)

    assert not desk.flow.failed(probe, down(), "a")

    assert desk.is_free()


# Rate limits.


def test_a_keys_own_limit_is_final_and_slows_nobody() -> None:
    """A 429 about the key's own limit is not retried, and does not slow down the other keys."""
    desk = Desk()
    errors = [limited(retry_after=3, message="free-models-per-day") for _ in range(50)]

    closed = [desk.flow.failed(desk.go(), error, f"key {number}") for number, error in enumerate(errors)]

    assert not any(closed)
    assert not any(error.is_retryable for error in errors)
    assert desk.is_free()
    assert desk.flow.pace.per_second is None


def test_one_keys_short_429_holds_back_that_key_alone() -> None:
    """Short 429s of one key, however many, close no gate for the other keys."""
    desk = Desk()

    assert desk.fail(5, limited, "a") == [False] * 5

    assert desk.is_free()


def test_two_keys_with_a_short_429_within_a_second_hold_back_all() -> None:
    """Short 429s of two keys pause the whole batch for the hint only if they are at most a second apart."""
    apart, together = Desk(), Desk()

    assert apart.fail(1, limited, "a") == [False]
    apart.now += 1.01
    assert apart.fail(1, limited, "b") == [False]
    assert together.fail(1, limited, "a") == [False]
    together.now += 0.99
    assert together.fail(1, limited, "b") == [True]

    assert apart.is_free()
    together.now += 0.99
    assert not together.is_free()
    together.now += 0.02
    assert together.is_free()


def test_a_429_that_is_not_openrouters_holds_back_all_at_once() -> None:
    """One 429 without OpenRouter's code pauses the whole batch: a proxy limits this machine, not a key."""
    desk = Desk()

    assert desk.fail(1, lambda: limited(code=None, retry_after=5)) == [True]

    desk.now += 4.9
    assert not desk.is_free()
    desk.now += 0.2
    assert desk.is_free()


@pytest.mark.parametrize(("hint", "pause"), [(None, 1.0), (0.25, 0.25), (LONGEST_PAUSE, 60.0)])
def test_a_pause_lasts_as_long_as_the_hint(hint: float | None, pause: float) -> None:
    """A pause lasts as long as the hint, which is 60 s at most, and one second if there is no hint."""
    desk = Desk()

    assert desk.meet_limit(retry_after=hint)

    desk.now += pause - 0.01
    assert not desk.is_free()
    desk.now += 0.02
    assert desk.is_free()


@pytest.mark.parametrize(("late", "next_at"), [(0.004, 0.2), (0.006, 0.206)])
def test_an_event_loop_that_is_a_little_late_loses_no_pace(late: float, next_at: float) -> None:
    """Up to 5 ms by which a timer is late are made up for; a longer delay shifts the requests that follow."""
    desk = Desk(rate=10.0, now=0.0)
    desk.go()
    desk.now = 0.1 + late
    desk.go()

    desk.now = next_at - 0.001
    assert not desk.is_free()
    desk.now = next_at + 0.001
    assert desk.is_free()


def test_refusals_of_requests_from_before_the_pause_are_no_news() -> None:
    """Later 429s to requests sent before the pause can lengthen it, but do not lower the pace again."""
    desk = Desk()
    late = [desk.go() for _ in range(3)]
    assert desk.meet_limit(retry_after=1)
    pace = desk.flow.pace.per_second

    assert not any(
        desk.flow.failed(ticket, limited(retry_after=2), f"late {number}")
        for number, ticket in enumerate(late)
    )

    assert desk.flow.pace.per_second == pace
    desk.now += 1.9
    assert not desk.is_free()


def test_after_a_pause_requests_go_slower_and_speed_up_again() -> None:
    """The pace drops after a pause and rises with answers; after a second pause it hardly rises any more."""
    desk = Desk()
    desk.answer(100)
    assert desk.meet_limit()
    resumed = desk.flow.pace.per_second
    assert resumed == pytest.approx(85)  # of the 100 in the last second

    for _ in range(100):
        desk.now += 1.1
        desk.answer()
    faster = desk.flow.pace.per_second
    assert faster is not None
    assert resumed is not None
    assert faster > 1.2 * resumed

    desk.now += 1.1
    first = desk.go()
    desk.now += 0.5
    second = desk.go()
    assert [desk.flow.failed(first, limited(), "a"), desk.flow.failed(second, limited(), "b")] == [
        False,
        True,
    ]
    slower = desk.flow.pace.per_second
    assert slower is not None
    assert slower < faster

    desk.now += 2
    desk.answer()
    crept = desk.flow.pace.per_second
    assert crept is not None
    assert slower < crept < slower + 0.1


@pytest.mark.parametrize("rate", [5.0, 200.0])
def test_after_a_pause_a_given_rate_goes_down_too(rate: float) -> None:
    """After a pause the pace is below the caller's rate, and never rises above it again."""
    desk = Desk(rate=rate)
    for _ in range(20):
        desk.now += 2 / rate
        desk.answer()
    desk.now += 2 / rate
    first = desk.go()
    desk.now += 1 / rate
    second = desk.go()

    closed = [desk.flow.failed(first, limited(), "a"), desk.flow.failed(second, limited(), "b")]

    assert closed == [False, True]
    assert desk.flow.pace.per_second is not None
    assert desk.flow.pace.per_second < rate
    for _ in range(2000):
        desk.now += 5
        desk.answer()
    assert desk.flow.pace.per_second <= rate


def test_a_pause_takes_at_most_two_fifths_of_the_pace() -> None:
    """After a pause the pace is still three fifths of what it was, even if no request was answered before."""
    desk = Desk(rate=5.0)
    assert desk.fail(1, lambda: limited(code=None)) == [True]

    assert desk.flow.pace.per_second == pytest.approx(3)


def test_an_outage_does_not_cut_a_pause_short() -> None:
    """If an outage begins during a pause, the first probe waits for the end of the pause."""
    desk = Desk()
    from_before = [desk.go() for _ in range(FAILURES_TO_CLOSE)]
    assert desk.fail(1, lambda: limited(code=None, retry_after=30)) == [True]
    for ticket in from_before:
        desk.flow.failed(ticket, down(), "a")

    desk.now += 29
    assert desk.flow.take(is_retry=False) is None

    desk.now += 2
    assert desk.is_probe(desk.go())


# Silence: how long the host has owed an answer.


def test_a_host_that_is_asked_nothing_owes_nothing() -> None:
    """A silence begins with the first request after an answer; failures do not end it, an answer does."""
    desk = Desk()
    desk.flow._calls = 3  # as from three calls of `retry()`
    assert desk.silent_since() is None

    first, since = desk.go(), desk.now
    assert desk.silent_since() == since
    desk.now += 5
    desk.fail(3)
    assert desk.silent_since() == since

    desk.flow.answered(first)
    assert desk.silent_since() is None


def test_a_pause_is_no_silence() -> None:
    """During a pause no silence begins, even if requests from before the pause are answered or refused."""
    desk = Desk()
    desk.flow._calls = 32
    from_before = [desk.go() for _ in range(3)]
    assert desk.meet_limit(retry_after=60)
    pause_ends = desk.now + 60

    desk.now += 0.1
    desk.flow.failed(from_before.pop(), limited(message="free-models-per-day"), "capped")
    assert desk.silent_since() == pause_ends

    desk.flow.answered(from_before.pop())
    assert desk.silent_since() == pause_ends


def test_waiting_for_the_pace_is_no_silence() -> None:
    """A host is not silent while no request is in flight, however many calls wait for the pace."""
    desk = Desk(rate=0.01)
    desk.flow._calls = 32

    desk.answer()

    assert desk.silent_since() is None


# Turns.


@virtual
async def test_who_waits_goes_in_order() -> None:
    """Waiting requests go in their order, one each second at a rate of 1; a cancelled one leaves no gap."""
    flow = Flow(rate=1.0, clock=now)
    first = flow.take(is_retry=False)
    assert first is not None
    order: list[tuple[str, float]] = []
    began = now()

    async def wait(name: str) -> None:
        flow.end(await flow.turn(is_retry=False))
        order.append((name, now() - began))

    tasks = [asyncio.create_task(wait(name)) for name in "abcde"]
    await asyncio.sleep(0.5)
    tasks[2].cancel()
    await asyncio.wait(tasks)
    flow.end(first)

    names, times = [name for name, _ in order], [at for _, at in order]
    assert names == ["a", "b", "d", "e"]
    assert all(later - earlier == pytest.approx(1) for earlier, later in itertools.pairwise(times))
    assert flow.in_flight == 0


def cancel_as_the_turn_comes(task: asyncio.Task[Any]) -> None:
    """Cancel a task after its turn has come, but before it runs."""
    (timer,) = timers()
    asyncio.get_running_loop().call_at(
        timer.when() + 1e-10, task.cancel
    )  # both timers fire in one run of the loop


@virtual
async def test_a_turn_that_comes_to_a_cancelled_call_is_given_back() -> None:
    """A call that is cancelled just as it may send leaves its turn to the next call."""
    flow = Flow(rate=1.0, clock=now)
    for _ in range(2):
        flow.end(flow.take(is_retry=False) or await flow.turn(is_retry=False))
    first, second = (asyncio.create_task(flow.turn(is_retry=False)) for _ in range(2))
    await asyncio.sleep(0)
    turn = flow._fresh[0]
    cancel_as_the_turn_comes(first)

    await asyncio.wait([first])

    assert first.cancelled()
    assert turn.result(), "the turn came"
    assert flow.in_flight == 0
    flow.end(await asyncio.wait_for(second, 5))
    assert flow.in_flight == 0


@pytest.mark.parametrize("comes_its_turn", [False, True])
@virtual
async def test_a_probe_that_is_given_up_lets_the_next_one_go(comes_its_turn: bool) -> None:
    """If the call next in line is cancelled in an outage, even as its turn comes, the one after it probes."""
    flow = Flow(clock=now, draw=lambda: 0.5)
    for _ in range(FAILURES_TO_CLOSE):
        ticket = flow.take(is_retry=False)
        assert ticket is not None
        flow.failed(ticket, down(), "a")
    first, second = (asyncio.create_task(flow.turn(is_retry=False)) for _ in range(2))
    await asyncio.sleep(0.1)
    if comes_its_turn:
        cancel_as_the_turn_comes(first)
    else:
        first.cancel()

    await asyncio.wait([first])
    ticket = await asyncio.wait_for(second, 5)

    assert first.cancelled()
    assert flow._probe is ticket
    flow.answered(ticket)
    assert flow.in_flight == 0


@virtual
async def test_a_parked_retry_goes_when_a_token_is_there() -> None:
    """A retry without a token waits for five answers, and fresh keys go before it."""
    flow = Flow(clock=now)
    flow.tokens = 0.0
    under_way = [flow.take(is_retry=False) for _ in range(7)]
    parked = asyncio.create_task(flow.turn(is_retry=True))
    await asyncio.sleep(1)

    for ticket in under_way[:4]:
        assert ticket is not None
        flow.answered(ticket)
        await asyncio.sleep(0.1)
        assert not parked.done()
    fresh = await flow.turn(is_retry=False)
    assert not parked.done()
    flow.answered(fresh)

    flow.end(await asyncio.wait_for(parked, 0.1))
    assert flow.tokens == pytest.approx(0)


@virtual
async def test_a_parked_retry_goes_when_nothing_else_is_under_way() -> None:
    """Retries without a token go one at a time if nothing is in flight: no answer could earn a token."""
    flow = Flow(clock=now)
    flow.tokens = 0.0
    last = flow.take(is_retry=False)
    assert last is not None
    parked = [asyncio.create_task(flow.turn(is_retry=True)) for _ in range(3)]
    await asyncio.sleep(1)
    assert not any(task.done() for task in parked)

    flow.failed(last, down(), "a")
    for number in range(1, 4):
        await asyncio.sleep(1)
        assert sum(task.done() for task in parked) == number
        flow.failed(parked[number - 1].result(), down(), "a")

    assert flow.in_flight == 0


# Calls.


async def plainly(wait: Callable[[], Awaitable[Any]]) -> Any:
    """Await the result of a function, as an open client does."""
    return await wait()


@virtual
async def test_waiting_in_a_gate_is_not_charged_to_the_call() -> None:
    """Time spent waiting in a closed gate does not count against the call's deadline."""
    flow = Flow(clock=now)
    ticket = flow.take(is_retry=False)
    assert ticket is not None
    flow.failed(ticket, limited(code=None, retry_after=60), "a")
    left: list[float] = []

    async def attempt(seconds: float) -> str:
        left.append(seconds)
        await asyncio.sleep(0.5)
        if len(left) < 3:
            raise down()
        return "value"

    with lap() as taken:
        value = await flow.retry(attempt, RetryPolicy(wait_initial=0, deadline=5), "b", wait=plainly)

    assert value == "value"
    assert left == pytest.approx([5, 4.5, 4])
    assert taken.elapsed == pytest.approx(61.5)


@virtual
async def test_a_wait_in_the_middle_of_a_call_is_not_charged_either() -> None:
    """The deadline of a call does not count the time in a gate that closes between two of its tries."""
    flow = Flow(clock=now)
    tries: list[float] = []

    async def attempt(seconds: float) -> str:
        tries.append(seconds)
        await asyncio.sleep(1)
        if len(tries) == 1:
            raise limited(code=None, retry_after=2)
        return "value"

    def hold_on() -> None:
        flow.pace.paused_until = now() + 50

    asyncio.get_running_loop().call_later(2, hold_on)
    value = await flow.retry(attempt, RetryPolicy(deadline=5), "a", wait=plainly)

    assert value == "value"
    assert 1 < tries[1] <= 2, "5 s but for the first try of 1 s and the hint of 2 to 2.5 s"


@virtual
async def test_a_call_that_is_cancelled_leaves_nothing_under_way() -> None:
    """A call cancelled in a try, in the wait after a try or in a gate leaves no request in flight."""
    flow = Flow(rate=1.0, clock=now)
    calls = []

    async def attempt(_: float) -> None:
        calls.append(now())
        if len(calls) == 1:
            raise limited(retry_after=25)
        await asyncio.sleep(100)

    tasks = [
        asyncio.create_task(flow.retry(attempt, RetryPolicy(), f"key {number}", wait=plainly))
        for number in range(4)
    ]
    await asyncio.sleep(2.5)
    assert len(calls) in {3, 4}
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert flow.in_flight == 0
    assert flow.silent_since is None
    assert all(task.cancelled() for task in tasks)


@virtual
async def test_calls_that_are_given_up_leave_no_timer() -> None:
    """Cancelled calls leave no timer on the loop, which would keep the batch in memory for a minute."""
    flow = Flow(rate=0.1, clock=now)
    tasks = [
        asyncio.create_task(
            flow.retry(lambda _: asyncio.sleep(1), RetryPolicy(), f"key {number}", wait=plainly)
        )
        for number in range(4)
    ]
    await asyncio.sleep(2)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert timers() == []


@virtual
async def test_a_gate_that_closes_is_a_warning_once(caplog: pytest.LogCaptureFixture) -> None:
    """A gate that closes logs one warning for the whole batch, which contains no key."""
    flow = Flow(clock=now)

    async def attempt(_: float) -> None:
        await asyncio.sleep(0.1)
        raise limited(code=None, retry_after=0.5)

    calls = [flow.retry(attempt, RetryPolicy(attempts=1), key, wait=plainly) for key in made_up_keys(5)]
    await asyncio.gather(*calls, return_exceptions=True)

    message = "requests of this batch are held back: 429 Rate limit exceeded"
    assert caplog.record_tuples == [("openrouter_credits", logging.WARNING, message)]


@virtual
async def test_what_is_none_of_our_errors_passes_through() -> None:
    """An exception of another kind, such as a bug, passes through unchanged and ends its request."""
    flow = Flow(clock=now)

    async def attempt(_: float) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await flow.retry(attempt, RetryPolicy(), "a", wait=plainly)

    assert flow.in_flight == 0


# All of it together.


class Watched(Flow):
    """A flow that calls a function before each grant, after each grant, and before each end."""

    on_grant: Callable[[bool], None]
    on_granted: Callable[[Ticket], None]
    on_end: Callable[[Ticket], None]

    def _grant(self, now: float, *, is_retry: bool) -> Ticket:
        self.on_grant(is_retry)
        ticket = super()._grant(now, is_retry=is_retry)
        self.on_granted(ticket)
        return ticket

    def end(self, ticket: Ticket) -> None:
        """Call `on_end`, then end the request, which may let others go."""
        self.on_end(ticket)
        super().end(ticket)


class FlowRules(RuleBasedStateMachine):
    """The flow obeys its rules and agrees with an independent model for any sequence of events."""

    @initialize(
        rate=st.sampled_from([None, 2.0, 50.0]),
        wave=st.sampled_from([NO_WAVE, Wave(3, 0.1)]),
        jitter=st.floats(0, 1),
    )
    def begin(self, rate: float | None, wave: Wave, jitter: float) -> None:
        """Start a batch."""
        self.loop = VirtualLoop()
        self.flow = Watched(rate=rate, wave=wave, clock=self.loop.time, draw=lambda: jitter)
        self.flow.on_grant, self.flow.on_granted, self.flow.on_end = (
            self.check_grant,
            self.note_grant,
            self.note_end,
        )
        self.waiting: list[asyncio.Task[Ticket]] = []
        self.under_way: list[Ticket] = []
        self.granted: dict[int, Ticket] = {}
        """Tickets of requests in flight, by identity."""
        self.since_outage: set[int] = set()
        """Identities of the tickets that were granted during the current outage."""
        self.answers = self.paid = self.failures = 0
        self.paused_until = -math.inf
        self.is_out = False
        self.last_limit: tuple[int, float] | None = None

    def check_grant(self, is_retry: bool) -> None:
        """Check that the rules allow a grant."""
        assert self.loop.time() >= self.paused_until - 1e-6, "granted in a pause"
        assert not (self.is_out and self.since_outage), "a second probe"
        if is_retry and self.flow.tokens >= 1:
            self.paid += 1
        elif is_retry:
            assert not self.granted, "a retry without a token, while something is under way"
            assert all(turn.done() for turn in self.flow._fresh), (
                "a retry without a token, while a fresh key waits"
            )
        assert self.paid <= START + PER_ANSWER * self.answers + 1e-6

    def note_grant(self, ticket: Ticket) -> None:
        """Count a request as in flight."""
        self.granted[id(ticket)] = ticket
        if self.is_out:
            self.since_outage.add(id(ticket))

    def note_end(self, ticket: Ticket) -> None:
        """Stop counting a request; a second end of one request is a KeyError here."""
        del self.granted[id(ticket)]
        self.since_outage.discard(id(ticket))

    def step(self, action: Callable[[], object] = lambda: None, seconds: float = 0.0) -> None:
        """Run an action inside the loop, let some seconds pass, and collect the tickets that were granted."""

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
        self.flow.answered(self.under_way.pop(place % len(self.under_way)))

    def lose_one(self, place: int) -> None:
        """Let one request fail; check that only the twentieth failure in a row closes the gate."""
        self.failures += 1
        if self.failures == FAILURES_TO_CLOSE:
            self.is_out = True
        is_closed = self.flow.failed(self.under_way.pop(place % len(self.under_way)), down(), "a")
        assert is_closed == (self.failures == FAILURES_TO_CLOSE)

    def times(self, count: int, action: Callable[[int], None], place: int) -> None:
        """Repeat an action with `count` of the requests in flight, or with all if there are fewer."""

        def act() -> None:
            for _ in range(min(count, len(self.under_way))):
                action(place)

        self.step(act)

    @rule(is_retry=st.booleans(), count=st.sampled_from([1, 3, 25]))
    def ask(self, is_retry: bool, count: int) -> None:
        """Ask for turns, as `retry()` does."""

        def act() -> None:
            for _ in range(count):
                ticket = self.flow.take(is_retry=is_retry)
                if ticket is not None:
                    self.under_way.append(ticket)
                else:
                    self.waiting.append(self.loop.create_task(self.flow.turn(is_retry=is_retry)))

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
        key=st.integers(0, 2),
        hint=st.sampled_from([None, 0.2, 2.0, 60.0, 90.0]),
        is_edge=st.booleans(),
    )
    def limit(self, place: int, key: int, hint: float | None, is_edge: bool) -> None:
        """Let a request meet a 429."""
        at = self.loop.time()
        if hint != 90:  # a limit over 60 s is the key's own
            before, self.last_limit = self.last_limit, (key, at)
            if is_edge or (before is not None and before[0] != key and at - before[1] <= 1):
                self.paused_until = max(self.paused_until, at + (hint or 1))
        ticket = self.under_way.pop(place % len(self.under_way))
        self.step(lambda: self.flow.failed(ticket, limited(hint, code=None if is_edge else 429), key))

    @precondition(lambda self: self.under_way)
    @rule(place=st.integers(0, 50))
    def give_up(self, place: int) -> None:
        """Cancel a request in flight."""
        self.times(1, lambda place: self.flow.end(self.under_way.pop(place % len(self.under_way))), place)

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
            self.flow.end(self.under_way.pop(place % len(self.under_way)))
            for task in self.waiting:
                task.cancel()

        self.step(act)

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 8.0, 61.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.step(seconds=seconds)

    @invariant()
    def counts_agree(self) -> None:
        """Tokens and pace stay within bounds; flow and model count the same requests in flight."""
        if hasattr(self, "flow"):
            assert 0 <= self.flow.tokens <= CAPACITY
            assert len(self.granted) == self.flow.in_flight == len(self.under_way)
            assert self.flow.pace.per_second is None or 0 < self.flow.pace.per_second <= (
                self.flow.rate or math.inf
            )

    def teardown(self) -> None:
        """Answer everything, and check that no request waits for ever or stays in flight."""
        if not hasattr(self, "flow"):
            return
        try:
            for _ in range(500):
                if not (self.waiting or self.under_way):
                    break
                self.times(len(self.under_way), self.answer_one, 0)
                self.step(seconds=10.0)
            assert not self.waiting, "a request waits for ever"
            assert self.flow.in_flight == 0
        finally:
            self.step(lambda: [task.cancel() for task in self.waiting])
            self.loop.close()


TestAllTogether = FlowRules.TestCase
TestAllTogether.settings = settings(max_examples=60, stateful_step_count=30)
