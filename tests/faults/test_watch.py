"""A watch whose host dies and comes back, or that is left in any way: it shows no key, and leaves nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from openrouter_credits import ApiKey, CreditsClient, ManagementKeyRequiredError
from openrouter_credits.watch import Event
from tests.kit.clock import settle, timers
from tests.kit.values import KEY, OTHER_KEY, PATIENT
from tests.kit.wire import (
    FUNDED,
    HANG,
    KEY_INFO,
    Connect,
    Received,
    Serve,
    Server,
    answers,
    bound_socket,
    refusal,
    reply,
)

from ._sinks import Watch

pytestmark = pytest.mark.row(78)

A_WHILE = 1000.0
"""Seconds: a little longer than nothing may be read without a word."""


def healthy(received: Received) -> bytes:
    """Answer both paths well."""
    return FUNDED if received.target.endswith("/credits") else KEY_INFO


UNLIMITED = reply(200, {"data": {"label": "sk-or-v1-0e6...1c96", "usage": 1, "limit": None}})
FORBIDDEN = refusal(403, "Only management keys can perform this operation")


def blind(received: Received) -> bytes:
    """Let a key without a limit see itself alone."""
    return FORBIDDEN if received.target.endswith("/credits") else UNLIMITED


class SourceError(Exception):
    """What a source raises."""


async def watched(client: CreditsClient, events: int) -> list[Event]:
    """Watch a client's key until so many events were told."""
    told: list[Event] = []
    async with client.watch(every=60) as watch:
        async for event in watch:
            told.append(event)
            if len(told) == events:
                break
    return told


async def for_ever(client: CreditsClient) -> None:
    """Watch a client's key."""
    async with client.watch(every=60) as watch:
        async for _ in watch:
            pass


async def nothing_is_left(server: Server) -> None:
    """Assert that only the server's own tasks are left, and no connection to it."""
    await settle()
    assert server.open == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert timers() == []


async def test_a_host_that_dies_and_comes_back_is_told_twice(connect: Connect, fault: Watch) -> None:
    """A host whose port is closed for a while, and then open again, makes `stale` and `fresh`: no more."""
    async with Server(answers(healthy)) as first:
        watching = asyncio.ensure_future(fault.value(watched(connect(first), 2), deadline=3 * A_WHILE))
        await first.arrived(6)
        port = first.port
    await asyncio.sleep(A_WHILE)
    with socket.create_server(("127.0.0.1", port)) as sock:
        async with Server(answers(healthy), sock=sock):
            events = await watching

    assert ["stale", "fresh"] == [event.kind for event in events]
    assert {"openrouter"} == {str(event.subject) for event in events}


async def test_a_host_that_is_dead_at_first_is_no_end(connect: Connect, fault: Watch) -> None:
    """A watch that begins while nobody listens tells that it is blind, and when it is not."""
    with bound_socket() as sock:
        client = connect(f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1")
        watching = asyncio.ensure_future(fault.value(watched(client, 2), deadline=3 * A_WHILE))
        await asyncio.sleep(A_WHILE)
        async with Server(answers(healthy), sock=sock):
            events = await watching

    assert ["stale", "fresh"] == [event.kind for event in events]


@pytest.mark.parametrize("after", [130.0, None], ids=["by a timeout", "by a cancellation"])
@pytest.mark.parametrize("hangs_from", [0, 2, 1000], ids=["first look", "later look", "between looks"])
async def test_a_watch_that_is_cut_short_leaves_nothing(
    hangs_from: int, after: float | None, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """Left in mid-look or between looks, a watch shows no key, and leaves no task, timer or connection."""
    server = await serve(*[answers(healthy)] * hangs_from, HANG)
    client = connect(server, management_key=OTHER_KEY, retry=PATIENT)

    fault.deadline = max(fault.deadline, after or 0)
    await fault.cut_short(for_ever(client), after=after)

    await client.close()
    await nothing_is_left(server)


async def test_a_watch_that_has_nothing_to_watch_shows_no_key(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """The error of entering says what to do; it shows no key, and nothing is left."""
    server = await serve(answers(blind))

    await fault.error(ManagementKeyRequiredError, watched(connect(server), 1))


class Failing:
    """A list of keys that fails."""

    def __iter__(self) -> Iterator[ApiKey]:
        yield ApiKey(KEY)
        raise SourceError


async def test_a_source_that_fails_ends_the_entering(serve: Serve, connect: Connect, fault: Watch) -> None:
    """What the source of keys raises, entering raises; no key that it gave before is shown."""
    server = await serve(answers(healthy))
    client = connect(server)

    async def watch_all() -> None:
        async with client.watch(Failing(), every=60):
            pytest.fail("the source has failed")

    await fault.error(SourceError, watch_all())

    assert server.hits == 0


async def test_a_closed_client_makes_its_watch_blind_not_silent(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A watch whose client is closed meanwhile tells that nothing is read any more."""
    server = await serve(answers(healthy))
    client = connect(server)
    watching = asyncio.ensure_future(fault.value(watched(client, 1), deadline=3 * A_WHILE))
    await server.arrived(2)
    await asyncio.sleep(1)

    await client.close()

    with suppress(TimeoutError):
        async with asyncio.timeout(A_WHILE):
            assert ["stale"] == [event.kind for event in await watching]
