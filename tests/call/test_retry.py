"""The retry policy decides, one loop obeys; these tests inject a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import pickle
import weakref
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import (
    AmbiguousWriteError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    InvalidResponseError,
    NotFoundError,
    OpenRouterError,
    RateLimitError,
    RetryPolicy,
    ServerError,
    TLSError,
)
from openrouter_credits._call.retry import after_write, retry
from tests.kit.clock import FakeTime
from tests.kit.hosts import Script, failure
from tests.kit.values import busy, limited, outcome

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_the_first_answer_is_the_value() -> None:
    """A call whose first attempt succeeds returns its value without any wait."""
    time = FakeTime()
    script = Script(time, "value")

    assert await retry(script, RetryPolicy(), **time.injected()) == "value"
    assert (time.slept, script.left) == ([], [30.0])


async def test_what_passes_is_tried_again() -> None:
    """A retryable error leads to another try, which gets the seconds that are left before the deadline."""
    time = FakeTime(draw=1.0)
    script = Script(time, busy(), APIConnectionError("Lost"), "value", takes=2.0)

    assert await retry(script, RetryPolicy(), **time.injected()) == "value"
    assert time.slept == [0.5, 1.0]
    assert script.left == [30.0, 27.5, 24.5]


@pytest.mark.parametrize("attempts", [1, 3])
async def test_attempts_counts_the_first_try(attempts: int) -> None:
    """`attempts` is the number of all tries, the first one included; the last error is raised unchanged."""
    time = FakeTime()
    errors = [busy() for _ in range(attempts + 1)]
    script = Script(time, *errors)

    error = await failure(script, time, RetryPolicy(attempts=attempts))

    assert error is errors[attempts - 1]
    assert len(error.attempts) == len(script.left) == attempts
    assert len(time.slept) == attempts - 1


@pytest.mark.parametrize(
    "error", [AuthenticationError(status=401), ServerError(status=501), TLSError("Wrong")], ids=repr
)
async def test_what_does_not_pass_is_raised_at_once(error: OpenRouterError) -> None:
    """An error that is not retryable is raised unchanged after one try, with its status in `attempts`."""
    time = FakeTime()

    assert await failure(Script(time, error), time, RetryPolicy()) is error
    assert time.slept == []
    assert [attempt.status for attempt in error.attempts] == [getattr(error, "status", None)]


@pytest.mark.parametrize("kind", [asyncio.CancelledError, ZeroDivisionError])
async def test_other_exceptions_pass_untouched(kind: type[BaseException]) -> None:
    """A cancellation or a bug in an attempt is raised unchanged and is not tried again."""
    time = FakeTime()
    problem = kind()

    with pytest.raises(kind) as caught:
        await retry(Script(time, problem), RetryPolicy(), **time.injected())

    assert caught.value is problem
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("make", "draw", "factor"), [(busy, 1.0, 1), (busy, 0.25, 1), (partial(limited, None), 0.25, 2)]
)
async def test_the_wait_is_full_jitter_and_doubled_for_429(
    make: Callable[[], OpenRouterError], draw: float, factor: int
) -> None:
    """The n-th wait is drawn from 0 to `min(wait_max, wait_initial * 2**(n - 1))`; a 429 doubles it."""
    time = FakeTime(draw)
    script = Script(time, *(make() for _ in range(8)))

    await failure(script, time, RetryPolicy(attempts=8, deadline=1000))

    assert time.slept == [factor * draw * most for most in (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)]


def test_the_wait_stays_finite_after_any_number_of_tries() -> None:
    """The wait after a thousand million tries is `wait_max`: the power of two does not overflow."""
    policy = RetryPolicy(attempts=10**9)

    assert policy.wait(busy(), 10**9, lambda: 1.0) == 8.0
    assert RetryPolicy(wait_initial=0).wait(busy(), 10**9, lambda: 1.0) == 0.0


@pytest.mark.parametrize(
    ("error", "attempt", "draw", "expected"),
    [
        (busy(10.0), 1, 0.0, 10.0),
        (busy(10.0), 1, 1.0, 11.0),  # the jitter of a hint is a second at most,
        (busy(2.0), 1, 1.0, 2.5),  # and a quarter of the hint at most
        (busy(1.0), 5, 1.0, 8.0),  # the back-off is longer than the hint
        (busy(100000.0), 1, 0.5, 100000.5),  # `wait_max` does not cut a hint
        (limited(0.0), 1, 1.0, 0.5),  # `Retry-After: 0` is a hint too: the back-off is not doubled
        (limited(1.0), 5, 1.0, 8.0),
    ],
    ids=lambda value: (
        f"{type(value).__name__}({value.retry_after})" if isinstance(value, OpenRouterError) else None
    ),
)
def test_a_hint_is_a_minimum(error: OpenRouterError, attempt: int, draw: float, expected: float) -> None:
    """The wait is the longer of back-off and hint; a little jitter on the hint keeps clients apart."""
    assert RetryPolicy().wait(error, attempt, lambda: draw) == expected


@given(st.integers(1, 50), st.none() | st.floats(0, 1e10), st.floats(0, 1), st.booleans())
def test_no_wait_is_below_the_hint_or_above_its_bounds(
    attempt: int, hint: float | None, draw: float, is_limit: bool
) -> None:
    """No wait is shorter than the hint, nor longer than back-off and hint allow, whatever number is drawn."""
    wait = RetryPolicy().wait(limited(hint) if is_limit else busy(hint), attempt, lambda: draw)

    most = min(8.0, 0.5 * 2 ** (attempt - 1))
    assert (hint or 0) <= wait <= max(2 * most, (hint or 0) + 1)


async def test_each_wait_is_drawn_anew() -> None:
    """The back-off and the jitter of the hint use two separate random numbers."""
    time, drawn = FakeTime(), iter([0.0, 1.0])
    script = Script(time, busy(4.0), "value")

    await retry(script, RetryPolicy(), clock=time.clock, sleep=time.sleep, draw=lambda: next(drawn))

    assert time.slept == [5.0]


async def test_a_hint_past_the_deadline_is_raised_at_once() -> None:
    """An error whose hint reaches past the deadline is raised without any wait, with its `retry_after`."""
    time = FakeTime(draw=0.0)
    script = Script(time, limited(30.0), "never")

    error = await failure(script, time, RetryPolicy(deadline=30.0))

    assert (error.retry_after, time.slept, len(error.attempts)) == (30.0, [], 1)


async def test_no_sleep_ends_past_the_deadline() -> None:
    """A call raises its last error rather than begin a wait that would end after the deadline."""
    time = FakeTime(draw=1.0)
    script = Script(time, *(busy() for _ in range(9)), takes=1.0)

    error = await failure(script, time, RetryPolicy(attempts=9, deadline=6.0))

    assert isinstance(error, ServerError)
    assert time.slept == [0.5, 1.0]  # a third sleep, of 2 s, would end 6.5 s after the start
    assert time.now <= 1006.0


async def test_a_deadline_given_from_outside_counts() -> None:
    """`deadline_at` replaces the policy's deadline, so that two requests of one call share one deadline."""
    time = FakeTime(draw=1.0)
    script = Script(time, busy(), "never")

    await failure(script, time, RetryPolicy(), deadline_at=time.now + 0.25)

    assert script.left == [0.25]
    assert time.slept == []


async def test_the_attempts_say_what_happened() -> None:
    """Each attempt records its error, its status, how long it took, and the wait before it."""
    time = FakeTime(draw=1.0)
    script = Script(time, busy(), APITimeoutError("Late"), AuthenticationError("No", status=401), takes=0.25)

    error = await failure(script, time, RetryPolicy())

    assert [(type(a.error), a.status, a.elapsed, a.waited) for a in error.attempts] == [
        (ServerError, 503, 0.25, 0.0),
        (APITimeoutError, None, 0.25, 0.5),
        (AuthenticationError, 401, 0.25, 1.0),
    ]


async def test_attempts_hold_neither_tracebacks_nor_attempts() -> None:
    """Errors in `attempts` have no traceback and no attempts, so that the records are small and pickle."""
    time = FakeTime()

    error = await failure(Script(time, busy(), busy(), busy()), time, RetryPolicy())

    assert [(a.error.__traceback__, a.error.attempts) for a in error.attempts] == [(None, ())] * 3
    assert len(pickle.loads(pickle.dumps(error)).attempts) == 3
    assert error not in [a.error for a in error.attempts]


async def test_nothing_is_chained() -> None:
    """The error that ends a call has neither cause nor context: earlier errors are in `attempts`."""
    time = FakeTime()

    error = await failure(Script(time, APIConnectionError("Lost"), busy(), busy()), time, RetryPolicy())

    assert error.__cause__ is None
    assert error.__context__ is None


async def test_a_raised_error_is_freed_without_the_garbage_collector() -> None:
    """An error of `retry()` is freed as soon as it is dropped: it is in no reference cycle."""
    time = FakeTime()
    gc.disable()
    try:
        try:
            await retry(Script(time, busy(), busy(), busy()), RetryPolicy(), **time.injected())
        except ServerError as error:
            gone = weakref.ref(error)

        assert gone() is None
    finally:
        gc.enable()


async def test_an_error_during_the_sleep_passes() -> None:
    """A ClientClosedError that the sleep between two tries raises ends the call."""
    time = FakeTime()

    async def closed(seconds: float) -> None:
        raise ClientClosedError("Closed")

    with pytest.raises(ClientClosedError):
        await retry(
            Script(time, busy(), "never"), RetryPolicy(), clock=time.clock, sleep=closed, draw=time.draw
        )


@pytest.mark.parametrize(("wait", "sleeps"), [(0.98, 1), (0.995, 0)])
async def test_a_wait_that_leaves_no_time_for_a_try_is_not_begun(wait: float, sleeps: int) -> None:
    """A wait that leaves less than 10 ms for the next try is not begun: the last error is raised instead."""
    time = FakeTime(draw=0.0)
    error = busy(hint=wait)

    result = await outcome(retry(Script(time, error, "value"), RetryPolicy(deadline=1.0), **time.injected()))

    assert result == ("value" if sleeps else error)
    assert len(time.slept) == sleeps


async def test_a_sleep_that_ends_late_raises_the_last_real_error() -> None:
    """If the loop was busy until the deadline, no try follows whose time-out would hide the error's hint."""
    time = FakeTime(draw=0.0)
    error = limited(1.0)
    script = Script(time, error, "value")

    async def oversleep(seconds: float) -> None:
        await time.sleep(seconds + 0.5)

    raised = await outcome(retry(script, RetryPolicy(deadline=1.5), **time.injected() | {"sleep": oversleep}))

    assert raised is error
    assert (error.retry_after, len(error.attempts), len(script.left)) == (1.0, 1, 1)


async def test_a_jump_of_the_wall_clock_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jumps of the wall clock do not end a call: its deadline is measured by the event loop's clock."""
    hours = itertools.count(step=3600)
    monkeypatch.setattr("time.time", lambda: float(next(hours)))
    time = FakeTime(draw=0.0)

    assert (
        await retry(Script(time, busy(), "value"), RetryPolicy(), sleep=time.sleep, draw=time.draw) == "value"
    )


# What may be sent twice

DOUBTFUL: list[OpenRouterError] = [
    APIConnectionError("Lost"),
    APITimeoutError("Late"),
    InvalidResponseError("Odd"),
    ServerError("Oh", status=500),
    ServerError("Oh", status=501),  # a 5xx that is not retryable
    ServerError("Oh", status=200, code=500),
    APIStatusError("Late", status=408),
]
CERTAIN: list[OpenRouterError] = [
    BadRequestError("No", status=400),
    AuthenticationError("No", status=200, code=401),
    RateLimitError("No", status=429),
    APIConnectionError("Refused", sent=False),
    ClientClosedError("No"),
]


@pytest.mark.parametrize("error", DOUBTFUL, ids=repr)
async def test_a_write_that_may_have_happened_is_not_sent_again(error: OpenRouterError) -> None:
    """A write that may have happened raises AmbiguousWriteError after one try, with its reason and status."""
    time = FakeTime()
    script = Script(time, error, "never")

    raised = await failure(script, time, RetryPolicy(), is_write=True)

    assert type(raised) is AmbiguousWriteError
    assert [str(problem) for problem in raised.problems] == [str(error)]
    assert error.summary in raised.summary
    assert (len(script.left), len(raised.attempts), raised.is_retryable) == (1, 1, False)
    assert [attempt.status for attempt in raised.attempts] == [getattr(error, "status", None)]
    assert raised.__cause__ is raised.__context__ is None


@pytest.mark.parametrize("error", CERTAIN, ids=repr)
def test_a_write_that_certainly_did_not_happen_keeps_its_error(error: OpenRouterError) -> None:
    """A write that the server refused, or that was never sent, keeps its error."""
    assert after_write(error) is error


async def test_a_write_that_did_nothing_is_tried_again() -> None:
    """A write whose connection was refused is tried again, because nothing was sent."""
    time = FakeTime()
    script = Script(time, APIConnectionError("Refused", sent=False), "value")

    assert await retry(script, RetryPolicy(), is_write=True, **time.injected()) == "value"
    assert len(script.left) == 2


async def test_a_write_may_become_doubtful_later() -> None:
    """A write is tried again after a 429; if the second try is doubtful, the attempts hold both errors."""
    time = FakeTime()

    raised = await failure(Script(time, limited(None), busy()), time, RetryPolicy(), is_write=True)

    assert type(raised) is AmbiguousWriteError
    assert [type(attempt.error) for attempt in raised.attempts] == [RateLimitError, ServerError]


async def test_a_read_is_never_ambiguous() -> None:
    """A read that times out keeps its APITimeoutError, because a GET changes nothing."""
    time = FakeTime()
    error = APITimeoutError("Late")

    assert await failure(Script(time, error), time, RetryPolicy(attempts=1)) is error


# The policy's own numbers


def test_the_defaults_are_the_documented_ones() -> None:
    """The default policy has 3 attempts, waits from 0.5 to 8 s, and a deadline of 30 s."""
    assert RetryPolicy() == RetryPolicy(attempts=3, wait_initial=0.5, wait_max=8.0, deadline=30.0)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("attempts", "3", TypeError),
        ("attempts", True, TypeError),
        ("attempts", 2.0, TypeError),
        ("attempts", 0, ValueError),
        ("deadline", None, TypeError),
        ("deadline", True, TypeError),
        ("deadline", Decimal(3), TypeError),
        ("deadline", 0, ValueError),
        ("deadline", float("inf"), ValueError),
        ("deadline", float("nan"), ValueError),
        ("wait_initial", None, TypeError),
        ("wait_initial", -0.5, ValueError),
        ("wait_max", None, TypeError),
        ("wait_max", -0.5, ValueError),
    ],
)
def test_impossible_numbers_are_refused(name: str, value: Any, kind: type[Exception]) -> None:
    """RetryPolicy refuses a number of the wrong type or out of range, and names the argument."""
    with pytest.raises(kind, match=name):
        RetryPolicy(**{name: value})


def test_waits_of_zero_are_possible() -> None:
    """A policy with waits of 0 is valid and never waits."""
    assert (
        RetryPolicy(attempts=1, wait_initial=0, wait_max=0, deadline=0.001).wait(busy(), 3, lambda: 1.0) == 0
    )


def test_a_policy_is_frozen_and_compares() -> None:
    """A policy is immutable, hashable and equal to another one with the same numbers, also after pickling."""
    policy = RetryPolicy()

    with pytest.raises(AttributeError):
        policy.attempts = 4  # type: ignore[misc]  # read-only: the test proves that it is
    assert hash(policy) == hash(RetryPolicy())
    assert pickle.loads(pickle.dumps(policy)) == policy


# What is not there yet


def absent(hint: float | None = None) -> NotFoundError:
    """Make the error of something that the server does not know, or not yet."""
    return NotFoundError("Generation not found", status=404, retry_after=hint)


@pytest.mark.parametrize(
    ("policy", "wait", "slept"),
    [
        (RetryPolicy(), 10.0, [0.5, 1.0, 2.0, 4.0, 2.5]),  # the last try is made when the time is over
        (RetryPolicy(attempts=1), 2.0, [0.5, 1.0, 0.5]),  # the policy's attempts are for faults
        (RetryPolicy(wait_initial=0.0), 0.35, [0.1, 0.1, 0.1, 0.05]),
        (RetryPolicy(), 0.0, []),
        (RetryPolicy(deadline=4.0), 10.0, [0.5, 1.0, 2.0]),  # 4 s more would be beyond the deadline
    ],
)
async def test_what_is_not_there_yet_is_asked_for_again(
    policy: RetryPolicy, wait: float, slept: list[float]
) -> None:
    """A 404 is tried again until `absent_until`, with the policy's back-off, but at least 0.1 s apart."""
    time = FakeTime(draw=1.0)
    script = Script(time, *(absent() for _ in range(20)))

    error = await failure(script, time, policy, absent_until=time.clock() + wait)

    assert type(error) is NotFoundError
    assert time.slept == pytest.approx(slept)
    assert len(error.attempts) == len(slept) + 1


async def test_a_fault_while_waiting_has_the_tries_of_the_policy() -> None:
    """Faults between 404s are counted by themselves, and the answer that comes at last is the value."""
    time = FakeTime(draw=0.0)
    script = Script(time, absent(), absent(), absent(), busy(), absent(), busy(), "value")

    value = await retry(script, RetryPolicy(), absent_until=time.clock() + 10, **time.injected())

    assert value == "value"
    assert len(script.left) == 7


async def test_too_many_faults_while_waiting_end_the_call() -> None:
    """The third fault ends a call of three attempts, however many 404s there were."""
    time = FakeTime(draw=0.0)
    script = Script(time, busy(), absent(), busy(), absent(), busy(), "value")

    error = await failure(script, time, RetryPolicy(), absent_until=time.clock() + 10)

    assert type(error) is ServerError
    assert [attempt.status for attempt in error.attempts] == [503, 404, 503, 404, 503]


@pytest.mark.parametrize(("hint", "tries"), [(3.0, 2), (6.0, 1)])
async def test_a_hint_longer_than_the_wait_ends_it(hint: float, tries: int) -> None:
    """A 404 that asks for more time than is left is raised at once, and one that asks for less is obeyed."""
    time = FakeTime(draw=0.0)
    script = Script(time, absent(hint), absent(hint))

    error = await failure(script, time, RetryPolicy(), absent_until=time.clock() + 5)

    assert len(error.attempts) == tries


async def test_a_404_of_any_other_call_is_final() -> None:
    """Without `absent_until` a 404 is raised at once."""
    time = FakeTime()

    error = await failure(Script(time, absent()), time, RetryPolicy())

    assert (len(error.attempts), time.slept) == (1, [])


# The log


async def test_each_retry_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Each retry is one INFO line: the number of the try, the wait, class and text of the error."""
    time = FakeTime(draw=1.0)
    script = Script(time, busy(), APIConnectionError("Lost"), "value")

    with caplog.at_level(logging.INFO):
        await retry(script, RetryPolicy(), **time.injected())

    assert caplog.record_tuples == [
        (
            "openrouter_credits",
            logging.INFO,
            "try 1 of 3 failed, the next one is in 0.5 s: ServerError: 503 Busy",
        ),
        (
            "openrouter_credits",
            logging.INFO,
            "try 2 of 3 failed, the next one is in 1 s: APIConnectionError: Lost",
        ),
    ]
    assert [record.exc_info for record in caplog.records] == [None, None]


async def test_a_retry_of_what_is_not_there_yet_is_of_no_known_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A 404 that is tried again for a time is logged without the policy's number of tries."""
    time = FakeTime(draw=1.0)

    with caplog.at_level(logging.INFO):
        script = Script(time, absent(), "value")
        await retry(script, RetryPolicy(), absent_until=time.clock() + 9, **time.injected())

    assert [record.getMessage().partition(", ")[0] for record in caplog.records] == ["try 1 failed"]


@pytest.mark.parametrize("errors", [[], [AuthenticationError(status=401)], [busy(), busy(), busy()]], ids=len)
async def test_only_retries_are_logged(
    errors: list[OpenRouterError], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither an answer nor the error that ends a call is logged: the caller has them."""
    time = FakeTime()

    with caplog.at_level(logging.INFO):
        await outcome(retry(Script(time, *errors, "value"), RetryPolicy(), **time.injected()))

    assert len(caplog.records) == max(0, len(errors) - 1)
