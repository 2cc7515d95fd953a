"""Calls: sent by the transport, tried as the policy says, decoded, and given a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest

from openrouter_credits import (
    AmbiguousWriteError,
    ApiKey,
    APITimeoutError,
    AuthenticationError,
    ClientClosedError,
    Credits,
    InvalidResponseError,
    KeyInfo,
    OpenRouterError,
    RetryPolicy,
    ServerError,
)
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.gate import FREE_TURN, Turn
from openrouter_credits._call.protocol import Reply
from openrouter_credits._call.request import Request, make_request
from tests.kit.clock import lap, now
from tests.kit.hosts import FUNDED, INFO, NO_ANSWER, UNAUTHORIZED, Answer, StandIn, refusal
from tests.kit.values import KEY, MASK, OTHER_KEY, QUICK, WALLET, outcome

HOUR = 3600.0


class CallerOf(Protocol):
    """Makes a caller whose host gives these answers, one after another, and the last one for ever."""

    def __call__(self, *answers: Answer, policy: RetryPolicy = QUICK) -> tuple[Caller, StandIn]:
        """Return the caller and its transport."""
        ...


@pytest.fixture
async def caller_of() -> AsyncIterator[CallerOf]:
    """Make callers that are closed when the test ends."""
    async with AsyncExitStack() as stack:

        def make(*answers: Answer, policy: RetryPolicy = QUICK) -> tuple[Caller, StandIn]:
            left = list(answers)

            def host(request: Request, at: float) -> Answer:
                return left.pop(0) if len(left) > 1 else left[0]

            wire = StandIn(host, latency=0.0)
            caller = Caller(wire, policy)
            stack.push_async_callback(caller.close)
            return caller, wire

        yield make


# What it knows


async def test_a_caller_has_a_policy_and_an_address(caller_of: CallerOf) -> None:
    """A caller has its retry policy, and the base URL of its transport."""
    caller, _ = caller_of(FUNDED)

    assert caller.policy is QUICK
    assert caller.base_url == "http://127.0.0.1/api/v1"


async def test_a_deadline_is_counted_from_now(caller_of: CallerOf) -> None:
    """deadline_at() is the event loop's time plus the policy's deadline, at each call anew."""
    caller, _ = caller_of(FUNDED, policy=RetryPolicy(deadline=12.5))
    first = caller.deadline_at()

    await asyncio.sleep(3)

    assert first == now() + 9.5
    assert caller.deadline_at() == now() + 12.5


# get


async def test_get_reads_the_data_of_a_path(caller_of: CallerOf) -> None:
    """get() sends one GET with the key, and returns the `data` of the answer as the type asked for."""
    caller, wire = caller_of(FUNDED, INFO)

    wallet = await caller.get("/credits", Credits, ApiKey(KEY))
    info = await caller.get("/key", KeyInfo, ApiKey(OTHER_KEY))

    assert wallet == WALLET
    assert isinstance(info, KeyInfo)
    assert [(hit.path, hit.key) for hit in wire.hits] == [("/credits", KEY), ("/key", OTHER_KEY)]


async def test_get_retries_as_the_policy_says(caller_of: CallerOf) -> None:
    """get() tries what passes again, and raises the last error with all attempts when the policy gives up."""
    caller, _ = caller_of(refusal(503), FUNDED)
    hopeless, _ = caller_of(refusal(503), policy=RetryPolicy(attempts=2, wait_initial=0))

    assert await caller.get("/credits", Credits, ApiKey(KEY)) == WALLET
    error = await outcome(hopeless.get("/credits", Credits, ApiKey(KEY)))

    assert isinstance(error, ServerError)
    assert len(error.attempts) == 2


@pytest.mark.parametrize(("given", "expected"), [(None, 4.0), (2.5, 2.5), (HOUR, 10.0)])
async def test_get_ends_at_its_deadline(given: float | None, expected: float, caller_of: CallerOf) -> None:
    """A call ends at `deadline_at`, by default at the policy's deadline; a try ends at its own time-out."""
    caller, _ = caller_of(NO_ANSWER, policy=RetryPolicy(attempts=1, deadline=4.0))
    deadline_at = None if given is None else now() + given

    with lap() as taken:
        error = await outcome(caller.get("/credits", Credits, ApiKey(KEY), deadline_at=deadline_at))

    assert isinstance(error, APITimeoutError)
    assert taken.elapsed == pytest.approx(expected)


async def test_get_asks_its_gate_before_each_try(caller_of: CallerOf) -> None:
    """get() asks its gate before each try, and does not charge the wait there to the deadline."""
    caller, _ = caller_of(refusal(503), FUNDED)
    asked: list[bool] = []

    async def gate(is_retry: bool) -> Turn:
        asked.append(is_retry)
        await asyncio.sleep(HOUR)
        return FREE_TURN

    assert await caller.get("/credits", Credits, ApiKey(KEY), gate=gate) == WALLET
    assert asked == [False, True]


@pytest.mark.parametrize("whole", [False, True], ids=["get", "call"])
async def test_a_call_can_have_a_clock_of_its_own(whole: bool, caller_of: CallerOf) -> None:
    """The deadline of get() and call() is measured by the clock they are given, here one that stands."""
    policy = RetryPolicy(attempts=3, wait_initial=20.0, wait_max=20.0, deadline=30.0)
    caller, wire = caller_of(refusal(503, Retry_After="20"), policy=policy)
    stood_still, key = now(), ApiKey(KEY)

    with lap() as taken:
        if whole:
            call = caller.call(Request("GET", "/credits", key), Credits, clock=lambda: stood_still)
        else:
            call = caller.get("/credits", Credits, key, clock=lambda: stood_still)
        error = await outcome(call)

    assert isinstance(error, ServerError)
    assert (3, 3) == (len(error.attempts), len(wire.hits))
    assert taken.elapsed > 40, "by the event loop's clock, the second wait ends too late"


async def test_an_answer_that_echoes_the_key_is_scrubbed(caller_of: CallerOf) -> None:
    """An error of a call shows its key masked, if the server echoes the key."""
    caller, _ = caller_of(refusal(401, f"Bad key {KEY}"))

    error = await outcome(caller.get("/credits", Credits, ApiKey(KEY)))

    assert isinstance(error, AuthenticationError)
    assert error.message == f"Bad key {MASK}"


# call


async def test_call_structures_the_data_or_the_whole_body(caller_of: CallerOf) -> None:
    """call() structures the `data` of an answer, or its whole body if `whole` says so."""
    caller, _ = caller_of(Reply(200, {}, b'{"data": {"a": 1}, "more": {}}'))
    request = make_request("GET", "/x", ApiKey(KEY))
    into: Any = dict[str, Any]

    assert await caller.call(request, into) == {"a": 1}
    assert await caller.call(request, into, whole=True) == {"data": {"a": 1}, "more": {}}


@pytest.mark.parametrize(
    ("method", "kind", "hits"), [("GET", ServerError, 3), ("POST", AmbiguousWriteError, 1)]
)
async def test_call_sends_a_write_once(
    method: str, kind: type[Exception], hits: int, caller_of: CallerOf
) -> None:
    """call() sends a GET as often as the policy allows, and anything else that may have happened once."""
    caller, wire = caller_of(refusal(500))

    error = await outcome(caller.call(Request(method, "/keys", ApiKey(KEY)), Credits))

    assert type(error) is kind
    assert len(wire.hits) == hits


async def test_call_has_a_deadline_and_a_gate(caller_of: CallerOf) -> None:
    """call() ends at the deadline it is given, moved by the time that it waits in its gate."""
    caller, _ = caller_of(NO_ANSWER, policy=RetryPolicy(attempts=1))

    async def gate(is_retry: bool) -> Turn:
        await asyncio.sleep(100)
        return FREE_TURN

    with lap() as taken:
        error = await outcome(
            caller.call(Request("GET", "/x", ApiKey(KEY)), Credits, deadline_at=now() + 1.5, gate=gate)
        )

    assert isinstance(error, APITimeoutError)
    assert taken.elapsed == pytest.approx(101.5)


async def test_an_invalid_answer_is_tried_again_if_it_was_cut(caller_of: CallerOf) -> None:
    """A body that was cut is tried again, as a refusal is: decoding is a part of the try."""
    caller, _ = caller_of(Reply(200, {}, b'{"data": {"total_cr'), FUNDED)

    assert await caller.get("/credits", Credits, ApiKey(KEY)) == WALLET


# read


async def test_read_returns_a_value(caller_of: CallerOf) -> None:
    """read() returns what get() returns."""
    caller, _ = caller_of(FUNDED)

    assert await caller.read("/credits", Credits, ApiKey(KEY), caller.deadline_at()) == WALLET


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(UNAUTHORIZED, AuthenticationError), (refusal(503), ServerError), (INFO, InvalidResponseError)],
    ids=["401", "503", "no wallet"],
)
async def test_read_returns_a_fault_as_a_value(
    answer: Answer, kind: type[OpenRouterError], caller_of: CallerOf
) -> None:
    """read() returns an error with its attempts and without its traceback, which would keep frames alive."""
    caller, _ = caller_of(answer)

    error = await caller.read("/credits", Credits, ApiKey(KEY), caller.deadline_at())

    assert type(error) is kind
    assert error.attempts != ()
    assert error.__traceback__ is None


async def test_read_ends_at_its_deadline(caller_of: CallerOf) -> None:
    """read() returns an APITimeoutError at the deadline it is given."""
    caller, _ = caller_of(NO_ANSWER)

    with lap() as taken:
        error = await caller.read("/credits", Credits, ApiKey(KEY), now() + 1.5)

    assert isinstance(error, APITimeoutError)
    assert taken.elapsed == pytest.approx(1.5)


async def test_read_raises_if_the_client_is_closed(caller_of: CallerOf) -> None:
    """read() raises ClientClosedError if the client was closed before it, or is closed meanwhile."""
    caller, _ = caller_of(NO_ANSWER)
    during = asyncio.ensure_future(caller.read("/credits", Credits, ApiKey(KEY), caller.deadline_at()))
    await asyncio.sleep(1)
    await caller.close()

    with pytest.raises(ClientClosedError):
        await during
    with pytest.raises(ClientClosedError):
        await caller.read("/credits", Credits, ApiKey(KEY), caller.deadline_at())


async def test_read_raises_what_is_none_of_our_errors(caller_of: CallerOf) -> None:
    """read() raises a bug or a cancellation: only an OpenRouterError is a fault of the call."""
    caller, _ = caller_of(NO_ANSWER)
    call = asyncio.ensure_future(caller.read("/credits", Credits, ApiKey(KEY), caller.deadline_at()))
    await asyncio.sleep(1)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    no_key: Any = None
    with pytest.raises(AttributeError):
        await caller.read("/credits", Credits, no_key, caller.deadline_at())


# Closing


async def test_unless_closed_returns_what_it_awaits(caller_of: CallerOf) -> None:
    """unless_closed() returns the value, and raises the exception, of what it awaits."""
    caller, _ = caller_of(FUNDED)

    async def late() -> None:
        raise TimeoutError("Mine")

    assert await caller.unless_closed(lambda: asyncio.sleep(2, "value")) == "value"
    with pytest.raises(TimeoutError, match="Mine"):
        await caller.unless_closed(late)


async def test_unless_closed_ends_when_the_client_is_closed(caller_of: CallerOf) -> None:
    """unless_closed() raises ClientClosedError as soon as the client is closed, with nothing chained."""
    caller, _ = caller_of(FUNDED)
    wait = asyncio.ensure_future(outcome(caller.unless_closed(lambda: asyncio.sleep(HOUR))))
    await asyncio.sleep(1)

    with lap() as taken:
        await caller.close()
        error = await wait

    assert isinstance(error, ClientClosedError)
    assert error.__cause__ is error.__context__ is None
    assert taken.elapsed == 0


async def test_unless_closed_awaits_nothing_for_a_closed_client(caller_of: CallerOf) -> None:
    """unless_closed() of a closed client raises ClientClosedError, and does not begin to wait."""
    caller, _ = caller_of(FUNDED)
    await caller.close()
    begun: list[bool] = []

    async def wait() -> None:
        begun.append(True)

    assert isinstance(await outcome(caller.unless_closed(wait)), ClientClosedError)
    assert begun == []


async def test_sleep_passes_the_time(caller_of: CallerOf) -> None:
    """sleep() returns after so many seconds."""
    caller, _ = caller_of(FUNDED)

    with lap() as taken:
        await caller.sleep(12.5)

    assert taken.elapsed == 12.5


async def test_sleep_ends_when_the_client_is_closed(caller_of: CallerOf) -> None:
    """sleep() raises ClientClosedError as soon as the client is closed."""
    caller, _ = caller_of(FUNDED)
    sleep = asyncio.ensure_future(outcome(caller.sleep(HOUR)))
    await asyncio.sleep(1)

    with lap() as taken:
        await caller.close()
        error = await sleep

    assert isinstance(error, ClientClosedError)
    assert taken.elapsed == 0


async def test_close_ends_a_call_that_sleeps_between_two_tries(caller_of: CallerOf) -> None:
    """A call that sleeps between two tries raises ClientClosedError as soon as the client is closed."""
    policy = RetryPolicy(wait_initial=HOUR, wait_max=HOUR, deadline=9 * HOUR)
    caller, _ = caller_of(refusal(503), policy=policy)
    call = asyncio.ensure_future(outcome(caller.get("/credits", Credits, ApiKey(KEY))))
    await asyncio.sleep(0.01)

    with lap() as taken:
        await caller.close()
        error = await call

    assert isinstance(error, ClientClosedError)
    assert taken.elapsed == 0
