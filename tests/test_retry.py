"""The policy decides, one loop obeys; time is virtual here."""

from __future__ import annotations

import asyncio
import gc
import pickle
import weakref
from decimal import Decimal
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
    ConfigurationError,
    Credits,
    InvalidResponseError,
    LocalResourceError,
    NotFoundError,
    OpenRouterError,
    RateLimitError,
    RedirectError,
    ResponseTooLargeError,
    RetryPolicy,
    ServerError,
    TLSError,
    UnconfirmedCreditsError,
)
from openrouter_credits._retry import after_write, retry
from tests.kit.clock import FakeTime
from tests.kit.values import outcome

if TYPE_CHECKING:
    from collections.abc import Callable


def busy(hint: float | None = None, status: int = 503) -> ServerError:
    """Make a refusal that passes."""
    return ServerError("Busy", status=status, retry_after=hint)


def limited(hint: float | None = None) -> RateLimitError:
    """Make a 429."""
    return RateLimitError("Slow down", status=429, retry_after=hint)


class Script:
    """An attempt that does what it is told, and takes as long as it is told."""

    def __init__(self, time: FakeTime, *outcomes: object, takes: float = 0.0) -> None:
        self._time = time
        self._outcomes = list(outcomes)
        self._takes = takes
        self.left: list[float] = []
        """The seconds that each attempt was given."""

    async def __call__(self, left: float) -> object:
        """Do the next."""
        self.left.append(left)
        self._time.now += self._takes
        if isinstance(self._outcomes[0], BaseException):
            raise self._outcomes.pop(0)  # type: ignore[misc]  # from no local: a traceback would keep it
        return self._outcomes.pop(0)


async def failure(script: Script, time: FakeTime, policy: RetryPolicy, **options: Any) -> OpenRouterError:
    """Retry until the error that ends it."""
    with pytest.raises(OpenRouterError) as caught:
        await retry(script, policy, **time.injected(), **options)
    return caught.value


async def test_the_first_answer_is_the_value() -> None:
    """Nothing waits where nothing fails."""
    time = FakeTime()
    script = Script(time, "value")

    assert await retry(script, RetryPolicy(), **time.injected()) == "value"
    assert (time.slept, script.left) == ([], [30.0])


async def test_what_passes_is_tried_again() -> None:
    """Two failures, then the value; each try is told what is left of the deadline."""
    time = FakeTime(draw=1.0)
    script = Script(time, busy(), APIConnectionError("Lost"), "value", takes=2.0)

    assert await retry(script, RetryPolicy(), **time.injected()) == "value"
    assert time.slept == [0.5, 1.0]
    assert script.left == [30.0, 27.5, 24.5]


@pytest.mark.parametrize("attempts", [1, 2, 3, 7])
async def test_attempts_counts_the_first_try(attempts: int) -> None:
    """One means no retries; the last error is raised as it is."""
    time = FakeTime()
    errors = [busy() for _ in range(attempts + 1)]
    script = Script(time, *errors)

    error = await failure(script, time, RetryPolicy(attempts=attempts))

    assert error is errors[attempts - 1]
    assert len(error.attempts) == len(script.left) == attempts
    assert len(time.slept) == attempts - 1


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError(status=401),
        NotFoundError(status=404),
        ServerError(status=501),
        RedirectError(status=302),
        APIStatusError(status=422),
        TLSError("Wrong"),
        LocalResourceError("Full"),
        InvalidResponseError("Odd"),
        ResponseTooLargeError("Big"),
        ClientClosedError("Closed"),
        ConfigurationError("Wrong"),
        UnconfirmedCreditsError(Credits(Decimal(0), Decimal(0))),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_does_not_pass_is_raised_at_once(error: OpenRouterError) -> None:
    """A refusal, a wrong certificate and a closed client stay what they are."""
    time = FakeTime()

    assert await failure(Script(time, error), time, RetryPolicy()) is error
    assert time.slept == []
    assert [attempt.status for attempt in error.attempts] == [getattr(error, "status", None)]


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, ZeroDivisionError])
async def test_other_exceptions_pass_untouched(kind: type[BaseException]) -> None:
    """A cancellation is nobody's failure, and a bug is not tried again."""
    time = FakeTime()
    problem = kind()

    with pytest.raises(kind) as caught:
        await retry(Script(time, problem), RetryPolicy(), **time.injected())

    assert caught.value is problem
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("draw", [0.0, 0.25, 1.0])
@pytest.mark.parametrize(("make", "factor"), [(busy, 1), (APIConnectionError, 1), (limited, 2)])
async def test_the_wait_is_full_jitter_and_doubled_for_429(draw: float, make: Callable[[], OpenRouterError], factor: int) -> None:
    """From 0 to `min(wait_max, wait_initial * 2**(n - 1))`; a 429 without a hint twice that."""
    time = FakeTime(draw)
    script = Script(time, *(make() for _ in range(8)))

    await failure(script, time, RetryPolicy(attempts=8, deadline=1000))

    assert time.slept == [factor * draw * most for most in (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)]


def test_the_wait_stays_finite_after_any_number_of_tries() -> None:
    """No power of two overflows."""
    policy = RetryPolicy(attempts=10**9)

    assert policy.wait(busy(), 10**9, lambda: 1.0) == 8.0
    assert RetryPolicy(wait_initial=0).wait(busy(), 10**9, lambda: 1.0) == 0.0


@pytest.mark.parametrize(
    ("hint", "attempt", "draw", "expected"),
    [
        (10.0, 1, 0.0, 10.0),
        (10.0, 1, 1.0, 11.0),  # a hint's own jitter is a second at most
        (2.0, 1, 1.0, 2.5),  # and a quarter of the hint
        (0.0, 1, 1.0, 0.5),  # `Retry-After: 0` leaves the back-off
        (0.0, 1, 0.0, 0.0),
        (1.0, 5, 1.0, 8.0),  # the back-off may be longer
        (1.0, 5, 0.0, 1.0),
        (100000.0, 1, 0.5, 100000.5),
    ],
)
@pytest.mark.parametrize("make", [busy, limited])
def test_a_hint_is_a_minimum(make: Callable[[float], OpenRouterError], hint: float, attempt: int, draw: float, expected: float) -> None:
    """The longer of back-off and hint, with a little jitter on the hint, so that not all come back at once."""
    assert RetryPolicy().wait(make(hint), attempt, lambda: draw) == expected


@given(st.integers(1, 50), st.none() | st.floats(0, 1e10), st.floats(0, 1), st.booleans())
def test_no_wait_is_below_the_hint_or_above_its_bounds(attempt: int, hint: float | None, draw: float, is_limit: bool) -> None:
    """Whatever is drawn."""
    wait = RetryPolicy().wait(limited(hint) if is_limit else busy(hint), attempt, lambda: draw)

    most = min(8.0, 0.5 * 2 ** (attempt - 1))
    assert (hint or 0) <= wait <= max(2 * most, (hint or 0) + 1)


async def test_each_wait_is_drawn_anew() -> None:
    """The back-off and the jitter of a hint are drawn separately."""
    time, drawn = FakeTime(), iter([0.0, 1.0])
    script = Script(time, busy(4.0), "value")

    await retry(script, RetryPolicy(), clock=time.clock, sleep=time.sleep, draw=lambda: next(drawn))

    assert time.slept == [5.0]


@pytest.mark.parametrize("make", [busy, limited])
async def test_a_hint_past_the_deadline_is_raised_at_once(make: Callable[[float], OpenRouterError]) -> None:
    """No wait and no early retry; the error says exactly when to come back."""
    time = FakeTime(draw=0.0)
    script = Script(time, make(30.0), "never")

    error = await failure(script, time, RetryPolicy(deadline=30.0))

    assert (error.retry_after, time.slept, len(error.attempts)) == (30.0, [], 1)


async def test_no_sleep_ends_past_the_deadline() -> None:
    """The real error is raised early rather than a time-out late."""
    time = FakeTime(draw=1.0)
    script = Script(time, *(busy() for _ in range(9)), takes=1.0)

    error = await failure(script, time, RetryPolicy(attempts=9, deadline=6.0))

    assert isinstance(error, ServerError)
    assert time.slept == [0.5, 1.0]  # a third sleep, of 2 s, would end 6.5 s after the start
    assert time.now <= 1006.0


async def test_a_deadline_given_from_outside_counts() -> None:
    """`credits()` is one call with one deadline, even where it takes two requests."""
    time = FakeTime(draw=1.0)
    script = Script(time, busy(), "never")

    await failure(script, time, RetryPolicy(), ends=time.now + 0.25)

    assert script.left == [0.25]
    assert time.slept == []


async def test_the_attempts_say_what_happened() -> None:
    """Error, status, how long each took, and how long the call had slept before it."""
    time = FakeTime(draw=1.0)
    script = Script(time, busy(), APITimeoutError("Late"), AuthenticationError("No", status=401), takes=0.25)

    error = await failure(script, time, RetryPolicy())

    assert [(type(a.error), a.status, a.elapsed, a.waited) for a in error.attempts] == [
        (ServerError, 503, 0.25, 0.0),
        (APITimeoutError, None, 0.25, 0.5),
        (AuthenticationError, 401, 0.25, 1.0),
    ]


async def test_attempts_hold_neither_tracebacks_nor_attempts() -> None:
    """The records of a failure are small, make no cycle, and pickle."""
    time = FakeTime()

    error = await failure(Script(time, busy(), busy(), busy()), time, RetryPolicy())

    assert [(a.error.__traceback__, a.error.attempts) for a in error.attempts] == [(None, ())] * 3
    assert len(pickle.loads(pickle.dumps(error)).attempts) == 3
    assert error not in [a.error for a in error.attempts]


async def test_nothing_is_chained() -> None:
    """The error that ends a call stands alone: earlier ones are in `attempts`."""
    time = FakeTime()

    error = await failure(Script(time, APIConnectionError("Lost"), busy(), busy()), time, RetryPolicy())

    assert error.__cause__ is None
    assert error.__context__ is None


async def test_a_raised_error_is_freed_without_the_garbage_collector() -> None:
    """No frame of ours and error keep each other alive."""
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
    """The sleep may end with `ClientClosedError`: the call is over."""
    time = FakeTime()

    async def closed(seconds: float) -> None:
        raise ClientClosedError("Closed")

    with pytest.raises(ClientClosedError):
        await retry(Script(time, busy(), "never"), RetryPolicy(), clock=time.clock, sleep=closed, draw=time.draw)


@pytest.mark.parametrize(("wait", "sleeps"), [(0.98, 1), (0.995, 0)])
async def test_a_wait_that_leaves_no_time_for_a_try_is_not_begun(wait: float, sleeps: int) -> None:
    """A try needs 10 ms at least: the last real error says more than a time-out after the wait would."""
    time = FakeTime(draw=0.0)
    error = busy(hint=wait)

    said = await outcome(retry(Script(time, error, "value"), RetryPolicy(deadline=1.0), **time.injected()))

    assert said == ("value" if sleeps else error)
    assert len(time.slept) == sleeps


async def test_a_jump_of_the_wall_clock_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the monotonic clock counts."""
    monkeypatch.setattr("time.time", lambda: 0.0)
    time = FakeTime(draw=0.0)

    assert await retry(Script(time, busy(), "value"), RetryPolicy(), sleep=time.sleep, draw=time.draw) == "value"


# What may be sent twice

DOUBTFUL: list[OpenRouterError] = [
    APIConnectionError("Lost"),
    APITimeoutError("Late"),
    InvalidResponseError("Odd"),
    InvalidResponseError("Cut", is_retryable=True),
    ResponseTooLargeError("Big"),
    *(ServerError("Oh", status=status) for status in (500, 501, 502, 503, 504, 505, 520, 529)),
    APIStatusError("Late", status=408),
    ServerError("Oh", status=200, code=500),
]
CERTAIN: list[OpenRouterError] = [
    BadRequestError("No", status=400),
    AuthenticationError("No", status=401),
    NotFoundError("No", status=404),
    APIStatusError("No", status=409),
    APIStatusError("No", status=422),
    RedirectError("No", status=302),
    AuthenticationError("No", status=200, code=401),
    RateLimitError("No", status=429),
    TLSError("No", sent=False),
    LocalResourceError("No", sent=False),
    APIConnectionError("Refused", sent=False),
    APITimeoutError("Queued", sent=False),
    ClientClosedError("No"),
    ConfigurationError("No"),
]


@pytest.mark.parametrize("error", DOUBTFUL, ids=repr)
async def test_a_write_that_may_have_happened_is_not_sent_again(error: OpenRouterError) -> None:
    """It becomes an AmbiguousWriteError that holds the reason; nothing is chained."""
    time = FakeTime()
    script = Script(time, error, "never")

    raised = await failure(script, time, RetryPolicy(), is_write=True)

    assert type(raised) is AmbiguousWriteError
    assert [str(problem) for problem in raised.problems] == [str(error)]
    assert error.summary in raised.summary
    assert (len(script.left), len(raised.attempts), raised.is_retryable) == (1, 1, False)
    assert raised.__cause__ is raised.__context__ is None


@pytest.mark.parametrize("error", [ServerError("Oh", status=500), APIStatusError("Late", status=408), APIConnectionError("Lost")], ids=repr)
async def test_the_attempt_of_a_doubtful_write_has_its_status(error: OpenRouterError) -> None:
    """If there was an answer, its status is in `attempts`."""
    time = FakeTime()

    raised = await failure(Script(time, error), time, RetryPolicy(), is_write=True)

    assert [attempt.status for attempt in raised.attempts] == [getattr(error, "status", None)]


@pytest.mark.parametrize("error", CERTAIN, ids=repr)
def test_a_write_that_certainly_did_not_happen_keeps_its_error(error: OpenRouterError) -> None:
    """A server's refusal is an answer, and what was not sent did nothing."""
    assert after_write(error) is error


@pytest.mark.parametrize("error", [APIConnectionError("Refused", sent=False), limited()], ids=repr)
async def test_a_write_that_did_nothing_is_tried_again(error: OpenRouterError) -> None:
    """A refused connection and a 429."""
    time = FakeTime()
    script = Script(time, error, "value")

    assert await retry(script, RetryPolicy(), is_write=True, **time.injected()) == "value"
    assert len(script.left) == 2


async def test_a_write_may_become_doubtful_later() -> None:
    """Refused first, lost afterwards: the attempts tell both."""
    time = FakeTime()

    raised = await failure(Script(time, limited(), busy()), time, RetryPolicy(), is_write=True)

    assert type(raised) is AmbiguousWriteError
    assert [type(attempt.error) for attempt in raised.attempts] == [RateLimitError, ServerError]


@pytest.mark.parametrize("error", [*DOUBTFUL, *CERTAIN], ids=repr)
async def test_a_read_is_never_ambiguous(error: OpenRouterError) -> None:
    """A GET changes nothing."""
    time = FakeTime()

    assert await failure(Script(time, error), time, RetryPolicy(attempts=1)) is error


# The policy's own numbers


def test_the_defaults_are_the_documented_ones() -> None:
    """Three attempts, half a second, eight seconds, half a minute."""
    assert RetryPolicy() == RetryPolicy(attempts=3, wait_initial=0.5, wait_max=8.0, deadline=30.0)


@pytest.mark.parametrize("name", ["attempts", "wait_initial", "wait_max", "deadline"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, TypeError),
        ("3", TypeError),
        (True, TypeError),
        ([], TypeError),
        (Decimal(3), TypeError),
        (-1, ValueError),
    ],
)
def test_a_number_of_the_wrong_type_or_below_zero_is_refused(name: str, value: Any, kind: type[Exception]) -> None:
    """At construction, where the mistake is."""
    with pytest.raises(kind, match=name):
        RetryPolicy(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("attempts", 0, ValueError),
        ("attempts", 2.0, TypeError),
        ("deadline", 0, ValueError),
        ("deadline", 0.0, ValueError),
        *((name, value, ValueError) for name in ("wait_initial", "wait_max", "deadline") for value in (float("inf"), float("nan"), -0.5)),
    ],
)
def test_impossible_numbers_are_refused(name: str, value: Any, kind: type[Exception]) -> None:
    """NaN and infinity silently mean "no limit" elsewhere."""
    with pytest.raises(kind, match=name):
        RetryPolicy(**{name: value})


def test_waits_of_zero_are_possible() -> None:
    """For tests, and for who knows what they do."""
    assert RetryPolicy(attempts=1, wait_initial=0, wait_max=0, deadline=0.001).wait(busy(), 3, lambda: 1.0) == 0


def test_a_policy_is_frozen_and_compares() -> None:
    """It may be shared."""
    policy = RetryPolicy()

    with pytest.raises(AttributeError):
        policy.attempts = 4  # type: ignore[misc]
    assert hash(policy) == hash(RetryPolicy())
    assert pickle.loads(pickle.dumps(policy)) == policy
