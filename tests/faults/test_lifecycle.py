"""The life of a client: closed, closed again, used after that, shared, moved to another event loop, or forgotten."""

from __future__ import annotations

import asyncio
import gc

import aiohttp
import pytest

from openrouter_credits import ClientClosedError, ConfigurationError, CreditsClient
from tests.kit.values import KEY, OTHER_KEY, PATIENT, QUICK
from tests.kit.wire import FUNDED, HANG, Connect, Serve, Step, drips, refusal, sends

from ._sinks import Watch


@pytest.mark.row(46)
@pytest.mark.parametrize(
    "step",
    [
        refusal(503, "Down", "Retry-After: 20"),
        HANG,
        sends(b"HTTP/1.1 200 OK\r\nContent-Le", end="hang"),
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{", every=0.02),
        drips(b"HTTP/1.1 503 Down\r\nContent-Length: 5000\r\n\r\n{", every=0.02),
    ],
    ids=["sleeping", "before the headers", "in the headers", "in mid-body", "in a refusal's body"],
)
@pytest.mark.parametrize("is_borrowed", [False, True], ids=["own session", "borrowed session"])
async def test_closing_ends_every_call_under_way(step: Step, is_borrowed: bool, serve: Serve, connect: Connect, fault: Watch) -> None:
    """Calls in flight, queued and asleep end at once, each with ClientClosedError; a borrowed session stays open."""
    server = await serve(step)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=2)) as session:
        client = connect(server, session=session, retry=PATIENT) if is_borrowed else connect(server, max_connections=2, retry=PATIENT)
        other = client.with_key(OTHER_KEY)
        calls = [asyncio.ensure_future(fault(each.credits(), deadline=2.0)) for each in (client, client, client, other, other)]
        while server.hits < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.02)
        await fault.value(client.close(), deadline=1.0)
        outcomes = await asyncio.gather(*calls)

        assert [type(outcome.error) for outcome in outcomes] == [ClientClosedError] * 5
        assert session.closed is False


@pytest.mark.row(46)
async def test_a_closed_client_stays_closed(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Closing twice does no harm; whatever is called later raises ClientClosedError, and never makes a session again."""
    server = await serve(FUNDED)
    client = connect(server)
    other = client.with_key(OTHER_KEY)
    await fault.value(client.credits())

    await asyncio.gather(client.close(), client.close())
    await client.close()
    for call in (client.credits, client.key, other.credits, lambda: client.request("POST", "/keys", into=dict, json={})):
        await fault.error(ClientClosedError, call())

    assert server.hits == 1


@pytest.mark.row(46)
async def test_a_client_may_be_closed_before_its_first_call(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Nothing was made yet, and nothing is made after that."""
    server = await serve(FUNDED)
    client = connect(server)

    await client.close()
    error = await fault.error(ClientClosedError, client.credits())

    assert "closed" in str(error)
    assert server.connections == 0


@pytest.mark.row(46)
async def test_closing_a_client_for_another_key_closes_nothing(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Who shares a session does not end it."""
    server = await serve(FUNDED)
    client = connect(server)

    async with client.with_key(OTHER_KEY) as other:
        await fault.value(other.credits())
    await fault.value(client.credits())
    await fault.value(other.credits())

    assert server.connections == 1


@pytest.mark.row(46)
async def test_leaving_the_block_while_a_call_runs_ends_the_call(serve: Serve, fault: Watch) -> None:
    """`async with` closes, whatever is still under way."""
    server = await serve(HANG)

    async with CreditsClient(KEY, base_url=server.url, retry=PATIENT) as client:
        call = asyncio.ensure_future(client.credits())
        await asyncio.sleep(0.05)

    await fault.error(ClientClosedError, call, deadline=1.0)


@pytest.mark.row(46)
async def test_a_client_whose_loop_still_runs_refuses_another(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A second running loop, in a thread, is a mistake that is named; the first goes on."""
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
    ends = await asyncio.gather(*calls, client.credits(), return_exceptions=True)
    print({type(end).__name__ for end in ends})

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
    """In development mode, with warnings as errors, there is no ResourceWarning; a client follows its program from loop to loop."""
    server = await serve(FUNDED)
    silent, refusing = await serve(HANG), await serve(refusal(503, "Down", "Retry-After: 20"))
    programs = {
        "loops in turn": (IN_TURN, server, "74.75 74.75\n74.75 74.75\n"),
        "loops by hand": (BY_HAND.replace("SHUT_DOWN", "loop.run_until_complete(loop.shutdown_asyncgens())"), server, "74.75\n74.75\n"),
        "closed twice": (CLOSED_TWICE, server, "74.75 74.75\n"),
        "closed in flight": (IN_FLIGHT, silent, "{'ClientClosedError'}\n"),
        "closed asleep": (IN_FLIGHT, refusing, "{'ClientClosedError'}\n"),
    }

    outputs = await asyncio.gather(*(fault.child(program, key=KEY, url=where.url) for program, where, _ in programs.values()))

    assert dict(zip(programs, outputs, strict=True)) == {name: printed for name, (_, _, printed) in programs.items()}


@pytest.mark.row(46)
async def test_a_loop_that_was_closed_without_care_does_no_harm(serve: Serve, fault: Watch) -> None:
    """A loop closed over an open session leaves that session to the garbage collector, which may say so; the client works on."""
    server = await serve(FUNDED)

    output = await fault.child(BY_HAND.replace("SHUT_DOWN", ""), key=KEY, url=server.url, options=("-X", "dev", "-W", "always"))

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
from openrouter_credits import CreditsClient, OpenRouterError

async def main():
    client = CreditsClient(timeout=0.2)
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
async def test_a_client_that_is_never_closed_says_so(program: str, step: Step, serve: Serve, fault: Watch) -> None:
    """Whoever forgets to close is told by a ResourceWarning, and no warning shows the key."""
    server = await serve(step)

    output = await fault.child(program, key=KEY, url=server.url, options=("-X", "dev", "-W", "always"))

    assert "ResourceWarning" in output
    assert "close" in output


@pytest.mark.row(47)
async def test_a_client_that_was_never_used_may_be_dropped(serve: Serve, connect: Connect, fault: Watch) -> None:
    """There is nothing to close before the first call; nor is there with a session that somebody else closes."""
    server = await serve(FUNDED)

    CreditsClient(KEY, base_url=server.url)
    async with aiohttp.ClientSession() as session:
        await fault.value(CreditsClient(KEY, base_url=server.url, session=session).credits(), deadline=1.0)
        gc.collect()
    await fault.value(connect(server).credits())

    assert server.hits == 2
