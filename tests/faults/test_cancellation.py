"""Calls that are cancelled: nothing is kept, nothing is swallowed, and the next call works."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import APITimeoutError, RetryPolicy
from tests.kit.clock import settle, until
from tests.kit.values import PATIENT
from tests.kit.wire import FUNDED, HANG, Behaviour, Connect, Serve, Server, Step, Wire, drips, refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._sinks import Watch

TASKS, SLOTS = 500, 100


def gathering(count: int) -> Behaviour:
    """Answer nothing until `count` requests are open at once, on every connection; then answer them all."""
    here: list[Wire] = []

    async def behave(wire: Wire) -> None:
        here.append(wire)
        if len(here) == count:
            for each in here:
                await each.write(FUNDED)

    return behave


STAGES: dict[str, tuple[Step, Callable[[Server], bool]]] = {
    "in back-off": (refusal(503, "Down", "Retry-After: 20"), lambda server: server.hits == TASKS),
    "before the headers": (HANG, lambda server: server.hits == SLOTS),
    "in mid-body": (
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{", every=0.02),
        lambda server: server.hits == SLOTS,
    ),
}


@pytest.mark.row(39)
@pytest.mark.parametrize(("step", "is_there"), STAGES.values(), ids=STAGES)
async def test_five_hundred_cancelled_calls_leave_nothing_behind(
    step: Step, is_there: Callable[[Server], bool], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """500 calls cancelled asleep, queued or in flight raise CancelledError, and free every connection."""
    server = await serve(step)
    client = connect(server, max_connections=SLOTS, retry=PATIENT)
    tasks = [asyncio.ensure_future(client.credits()) for _ in range(TASKS)]
    await until(lambda: is_there(server))
    await settle()

    for task in tasks:
        task.cancel()
    ended = await fault.value(asyncio.gather(*tasks, return_exceptions=True), deadline=0)

    assert [type(end) for end in ended] == [asyncio.CancelledError] * TASKS
    # only connections whose answer arrived whole may be kept
    kept = SLOTS if step == STAGES["in back-off"][0] else 0
    await asyncio.sleep(0.1)  # a server that drips learns from its next bytes that the client has gone
    assert server.open <= kept
    server.script(gathering(SLOTS))
    values = await fault.value(asyncio.gather(*(client.credits() for _ in range(SLOTS))), deadline=5.0)
    assert {str(wallet.remaining) for wallet in values} == {"74.75"}


@pytest.mark.row(39)
async def test_a_call_cancelled_while_it_waits_for_a_slot_sends_nothing(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A cancelled call that waits for a connection sends nothing, and the calls queued behind it go on."""
    server = await serve(HANG, FUNDED)
    client = connect(server, max_connections=1, retry=PATIENT)
    first = asyncio.ensure_future(client.credits())
    await server.arrived()
    queued = [asyncio.ensure_future(client.credits()) for _ in range(10)]
    await settle()

    for task in queued[:9]:
        task.cancel()
    first.cancel()
    ends: list[Any] = await fault.value(asyncio.gather(first, *queued, return_exceptions=True), deadline=1.0)
    *cancelled, wallet = ends

    assert [type(end) for end in cancelled] == [asyncio.CancelledError] * 10
    assert str(wallet.remaining) == "74.75"
    assert server.hits == 2


@pytest.mark.row(39)
@pytest.mark.parametrize(
    "step",
    [
        refusal(503, "Down", "Retry-After: 20"),
        HANG,
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{", every=0.02),
    ],
    ids=["in back-off", "before the headers", "in mid-body"],
)
async def test_a_cancelled_call_passes_the_cancellation_on(
    step: Step, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A cancelled call raises the caller's CancelledError with its message, and no frame shows the key."""
    server = await serve(step)
    client = connect(server, retry=PATIENT)
    task = asyncio.ensure_future(client.credits())
    await server.arrived()
    await settle()
    task.cancel("enough")

    error = await fault.error(asyncio.CancelledError, task)

    assert error.args == ("enough",)
    assert server.hits == 1


@pytest.mark.row(39)
async def test_a_timeout_of_the_caller_is_the_callers(serve: Serve, connect: Connect, fault: Watch) -> None:
    """`asyncio.timeout` and `asyncio.wait_for` around a call raise their own TimeoutError."""
    server = await serve(HANG)
    client = connect(server, retry=PATIENT)

    async def patiently() -> None:
        async with asyncio.timeout(0.1):
            await client.credits()

    for kind, call in (("timeout", patiently()), ("wait_for", asyncio.wait_for(client.credits(), 0.1))):
        outcome = await fault(_flat(call), deadline=0.5)

        assert outcome.value == "TimeoutError", kind


async def _flat(call: Awaitable[object]) -> str:
    """Return the exception's name: asyncio's TimeoutError has a cause, which the shared assertion rejects."""
    try:
        await call
    except TimeoutError as error:
        return type(error).__name__
    return "nothing"


@pytest.mark.row(39)
async def test_a_cancellation_at_the_deadline_is_one_or_the_other(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A call cancelled near its time-out ends with the earlier of the two, and loses no cancellation."""
    server = await serve(HANG)
    client = connect(server, timeout=0.1, retry=RetryPolicy(attempts=1, deadline=5))

    async def call(later: float) -> tuple[str, int]:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(0.1 + later, task.cancel)
        try:
            await client.credits()
        except APITimeoutError:
            left = task.cancelling()
            if left:  # both came: the cancellation is still to be seen
                return "time-out", left
            try:
                await asyncio.sleep(0.02)  # where a cancellation that came a moment later arrives
            except asyncio.CancelledError:
                return "time-out, then cancelled", task.uncancel()
            return "time-out", left
        except asyncio.CancelledError:
            return "cancelled", task.uncancel()
        return "value", 0

    ends = await fault.value(asyncio.gather(*(call(later / 10_000) for later in range(-50, 50))))

    assert set(ends[:50]) == {("cancelled", 0)}
    assert ends[50] in {("cancelled", 0), ("time-out, then cancelled", 0)}
    assert set(ends[51:]) == {("time-out, then cancelled", 0)}


@pytest.mark.row(39)
async def test_a_call_goes_on_while_others_are_cancelled(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """If half of the calls are cancelled, the other half return their values."""

    async def slow(wire: Wire) -> None:
        await asyncio.sleep(0.02)
        await wire.write(FUNDED)

    server = await serve(slow)
    client = connect(server, max_connections=5)
    tasks = [asyncio.ensure_future(client.credits()) for _ in range(60)]
    await server.arrived(8)

    for task in tasks[::2]:
        task.cancel()
    ends: list[Any] = await fault.value(asyncio.gather(*tasks, return_exceptions=True))

    assert all(str(end.remaining) == "74.75" for end in ends[1::2])
    assert sum(task.cancelled() for task in tasks[::2]) > 20
