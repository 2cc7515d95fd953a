"""The life of a client: closed twice, used after that, shared, moved to another event loop, or forgotten."""

from __future__ import annotations

import asyncio
import gc

import aiohttp
import pytest

from openrouter_credits import ClientClosedError, ConfigurationError, Credits, CreditsClient
from tests.kit.clock import settle
from tests.kit.values import KEY, OTHER_KEY, PATIENT, QUICK
from tests.kit.wire import FUNDED, HANG, Connect, Serve, Server, Step, drips, refusal

from ._sinks import Outcome, Watch

SOON = 1.0
"""Bound for the end of a call that close() ends. In seconds."""


@pytest.mark.row(46)
@pytest.mark.parametrize(
    "step",
    [
        refusal(503, "Down", "Retry-After: 20"),
        HANG,
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{", every=0.02),
        drips(b"HTTP/1.1 503 Down\r\nContent-Length: 5000\r\n\r\n{", every=0.02),
    ],
    ids=["sleeping", "before the headers", "in mid-body", "in a refusal's body"],
)
async def test_closing_ends_every_call_under_way(
    step: Step, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """close() ends calls in flight, queued or asleep, those of other keys too, with ClientClosedError."""
    server = await serve(step)
    client = connect(server, max_connections=2, retry=PATIENT)

    outcomes = await close_with_five_calls(client, server, fault)

    assert [type(outcome.error) for outcome in outcomes] == [ClientClosedError] * 5


@pytest.mark.row(46)
@pytest.mark.parametrize(
    "step", [refusal(503, "Down", "Retry-After: 20"), HANG], ids=["sleeping", "before the headers"]
)
async def test_closing_leaves_a_borrowed_session_open(
    step: Step, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """close() ends calls over a borrowed session with ClientClosedError, and leaves the session open."""
    server = await serve(step)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=2)) as session:
        outcomes = await close_with_five_calls(connect(server, session=session, retry=PATIENT), server, fault)

        assert [type(outcome.error) for outcome in outcomes] == [ClientClosedError] * 5
        assert session.closed is False


async def close_with_five_calls(
    client: CreditsClient, server: Server, fault: Watch
) -> list[Outcome[Credits]]:
    """Start five calls with two keys over two connections, close the client, and return their outcomes."""
    other = client.with_key(OTHER_KEY)
    calls = [
        asyncio.ensure_future(fault(each.credits(), deadline=SOON))
        for each in (client, client, client, other, other)
    ]
    await server.arrived(2)
    await settle()
    await fault.value(client.close(), deadline=SOON)
    return await asyncio.gather(*calls)


@pytest.mark.row(46)
async def test_a_closed_client_stays_closed(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A client may be closed twice; every later call raises ClientClosedError and makes no new session."""
    server = await serve(FUNDED)
    client = connect(server)
    other = client.with_key(OTHER_KEY)
    await fault.value(client.credits())

    await asyncio.gather(client.close(), client.close())
    await client.close()
    for call in (
        client.credits,
        client.key,
        other.credits,
        lambda: client.request("POST", "/keys", into=dict, json={}),
    ):
        await fault.error(ClientClosedError, call())

    assert server.hits == 1


@pytest.mark.row(46)
async def test_a_client_may_be_closed_before_its_first_call(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A client that is closed before its first call raises ClientClosedError and never connects."""
    server = await serve(FUNDED)
    client = connect(server)

    await client.close()
    error = await fault.error(ClientClosedError, client.credits())

    assert "closed" in str(error)
    assert server.connections == 0


@pytest.mark.row(46)
async def test_closing_a_client_for_another_key_closes_nothing(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """Closing a client made by with_key() leaves the session open: both clients go on over one connection."""
    server = await serve(FUNDED)
    client = connect(server)

    async with client.with_key(OTHER_KEY) as other:
        await fault.value(other.credits())
    await fault.value(client.credits())
    await fault.value(other.credits())

    assert server.connections == 1


@pytest.mark.row(46)
async def test_leaving_the_block_while_a_call_runs_ends_the_call(serve: Serve, fault: Watch) -> None:
    """Leaving the `async with` block of a client ends a call that still runs with ClientClosedError."""
    server = await serve(HANG)

    async with CreditsClient(KEY, base_url=server.url, retry=PATIENT) as client:
        call = asyncio.ensure_future(client.credits())
        await server.arrived()

    await fault.error(ClientClosedError, call, deadline=SOON)


@pytest.mark.row(46)
async def test_a_client_whose_loop_still_runs_refuses_another(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A call from a second running event loop raises ConfigurationError; the client goes on in its first."""
    server = await serve(FUNDED)
    client = connect(server)
    await fault.value(client.credits())

    def elsewhere() -> BaseException | None:
        async def call() -> BaseException | None:
            async with Watch({KEY}, deadline=QUICK.deadline) as watch:
                return (await watch(client.credits())).error

        return asyncio.run(call())

    error = await asyncio.to_thread(elsewhere)
    await fault.value(client.credits())

    assert type(error) is ConfigurationError
    assert "event loop" in str(error)


IN_TURN = """
import asyncio, gc
from openrouter_credits import CreditsClient

client = CreditsClient()

async def main():
    return (await client.credits()).remaining

async def close():
    await client.close()

print(asyncio.run(main()), asyncio.run(main()))
with asyncio.Runner() as runner:
    print(runner.run(main()), runner.run(main()))
asyncio.run(close())
del client
gc.collect()
"""

BY_HAND = """
import asyncio, gc
from openrouter_credits import CreditsClient

client = CreditsClient()

async def main():
    return (await client.credits()).remaining

async def close():
    await client.close()

for _ in range(2):
    loop = asyncio.new_event_loop()
    print(loop.run_until_complete(main()))
    SHUT_DOWN
    loop.close()
asyncio.run(close())
del client
gc.collect()
"""

IN_FLIGHT = """
import asyncio, gc
from openrouter_credits import ClientClosedError, CreditsClient, RetryPolicy

async def main():
    client = CreditsClient(max_connections=2, retry=RetryPolicy(wait_initial=20, wait_max=20))
    calls = [asyncio.ensure_future(client.credits()) for _ in range(6)]
    await asyncio.sleep(0.2)
    await client.close()
    await client.close()
    outcomes = await asyncio.gather(*calls, client.credits(), return_exceptions=True)
    print({type(outcome).__name__ for outcome in outcomes})

asyncio.run(main())
gc.collect()
"""

CLOSED_TWICE = """
import asyncio, gc
from openrouter_credits import CreditsClient

async def main():
    async with CreditsClient() as client, client.with_key("sk-or-v1-other") as other:
        print((await client.credits()).remaining, (await other.credits()).remaining)
        await client.close()

asyncio.run(main())
gc.collect()
"""


@pytest.mark.row(46)
async def test_a_program_that_closes_its_client_is_told_nothing(serve: Serve, fault: Watch) -> None:
    """A program that closes its client gets no warning in development mode, even with several event loops."""
    server = await serve(FUNDED)
    silent, refusing = await serve(HANG), await serve(refusal(503, "Down", "Retry-After: 20"))
    programs = {
        "loops in turn": (IN_TURN, server, "74.75 74.75\n74.75 74.75\n"),
        "loops by hand": (
            BY_HAND.replace("SHUT_DOWN", "loop.run_until_complete(loop.shutdown_asyncgens())"),
            server,
            "74.75\n74.75\n",
        ),
        "closed twice": (CLOSED_TWICE, server, "74.75 74.75\n"),
        "closed in flight": (IN_FLIGHT, silent, "{'ClientClosedError'}\n"),
        "closed asleep": (IN_FLIGHT, refusing, "{'ClientClosedError'}\n"),
    }

    outputs = await asyncio.gather(
        *(fault.child(program, key=KEY, url=where.url) for program, where, _ in programs.values())
    )

    assert dict(zip(programs, outputs, strict=True)) == {
        name: printed for name, (_, _, printed) in programs.items()
    }


@pytest.mark.row(46)
async def test_a_loop_that_was_closed_without_care_does_no_harm(serve: Serve, fault: Watch) -> None:
    """A client whose event loop closed without a shutdown works in the next; at most warnings remain."""
    server = await serve(FUNDED)

    output = await fault.child(
        BY_HAND.replace("SHUT_DOWN", ""), key=KEY, url=server.url, options=("-X", "dev", "-W", "always")
    )

    assert output.count("74.75\n") == server.hits == 2
    assert "Error" not in output


DROPPED = """
import asyncio, gc
from openrouter_credits import CreditsClient

async def main():
    client = CreditsClient()
    print((await client.credits()).remaining)
    del client
    gc.collect()

asyncio.run(main())
"""

FORGOTTEN = """
import asyncio
from openrouter_credits import CreditsClient

client = CreditsClient()

async def main():
    print((await client.credits()).remaining)

asyncio.run(main())
"""

DROPPED_IN_FLIGHT = """
import asyncio
from openrouter_credits import CreditsClient

async def main():
    client = CreditsClient()
    call = asyncio.ensure_future(client.credits())
    await asyncio.sleep(0.1)
    call.cancel()

asyncio.run(main())
"""


@pytest.mark.row(47)
@pytest.mark.parametrize(
    ("program", "step"),
    [(DROPPED, FUNDED), (FORGOTTEN, FUNDED), (DROPPED_IN_FLIGHT, HANG)],
    ids=["dropped in a loop", "forgotten after its loop", "dropped in mid-call"],
)
async def test_a_client_that_is_never_closed_says_so(
    program: str, step: Step, serve: Serve, fault: Watch
) -> None:
    """A client dropped without close() causes a ResourceWarning that says to close it and hides the key."""
    server = await serve(step)

    output = await fault.child(program, key=KEY, url=server.url, options=("-X", "dev", "-W", "always"))

    assert "ResourceWarning" in output
    assert "close" in output


@pytest.mark.row(47)
async def test_a_client_that_was_never_used_may_be_dropped(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A client that made no session, unused or with a borrowed one, is dropped without a warning."""
    server = await serve(FUNDED)

    CreditsClient(KEY, base_url=server.url)
    async with aiohttp.ClientSession() as session:
        await fault.value(CreditsClient(KEY, base_url=server.url, session=session).credits(), deadline=SOON)
        gc.collect()
    await fault.value(connect(server).credits())

    assert server.hits == 2
