"""A key in the place of another argument: it is refused before anything is sent, and is shown nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import CreditsClient
from tests.kit.values import KEY, made_up
from tests.kit.wire import HANG, Connect, Serve

if TYPE_CHECKING:
    from ._sinks import Watch

MISTAKE = made_up("a key in the place of an argument")
HASH = "0e6f" * 16

Calls = dict[str, Callable[[Any], Any]]


async def listed(keys: AsyncIterator[object]) -> None:
    """List all keys."""
    async for _ in keys:
        pass


async def reserved(client: Any, *arguments: Any, **options: Any) -> None:
    """Reserve an amount for a block that does nothing."""
    async with client.reserve(*arguments, **options):
        pass


async def watched(client: Any, **options: Any) -> None:
    """Enter a watch, and leave it."""
    async with client.watch(**options):
        pass


PLAIN: Calls = {
    "key": lambda client: client.account.key(MISTAKE),
    "key, as bytes": lambda client: client.account.key(MISTAKE.encode()),
    "delete_key": lambda client: client.account.delete_key(MISTAKE),
    "update_key": lambda client: client.account.update_key(MISTAKE, disabled=True),
    "create_key": lambda client: client.account.create_key(MISTAKE),
    "create_key, limit": lambda client: client.account.create_key("bot", limit=MISTAKE),
    "create_key, limit_reset": lambda client: client.account.create_key("bot", limit_reset=MISTAKE),
    "create_key, expires_at": lambda client: client.account.create_key("bot", expires_at=MISTAKE),
    "update_key, name": lambda client: client.account.update_key(HASH, name=f"bot {MISTAKE}"),
    "update_key, workspace_id": lambda client: client.account.update_key(HASH, workspace_id=MISTAKE),
    "update_key, disabled": lambda client: client.account.update_key(HASH, disabled=MISTAKE),
    "activity": lambda client: client.account.activity(MISTAKE),
    "activity, by": lambda client: client.account.activity(by=MISTAKE),
    "check, include_disabled": lambda client: client.account.check(include_disabled=MISTAKE),
    "check, include_expired": lambda client: client.account.check(include_expired=[MISTAKE]),
    "check, workspaces": lambda client: client.account.check(workspaces=MISTAKE),
    "check, a workspace": lambda client: client.account.check(workspaces=[MISTAKE]),
    "require": lambda client: client.require(MISTAKE),
    "require, as a list": lambda client: client.require([MISTAKE]),
    "require, read": lambda client: client.require(5, read=[MISTAKE]),
    "require, unknown": lambda client: client.require(5, unknown=MISTAKE),
    "require, max_age": lambda client: client.require(5, max_age=MISTAKE),
    "generation": lambda client: client.generation(MISTAKE),
    "generation, wait": lambda client: client.generation("gen-1", wait=MISTAKE),
}
"""Calls of plain functions, whose coroutine holds no argument even before it begins."""
CALLS: Calls = PLAIN | {
    "keys, include_disabled": lambda client: listed(client.account.keys(include_disabled=MISTAKE)),
    "keys, include_expired": lambda client: listed(client.account.keys(include_expired=[MISTAKE])),
    "keys, workspaces": lambda client: listed(client.account.keys(workspaces=MISTAKE)),
    "reserve": lambda client: reserved(client, MISTAKE),
    "reserve, read": lambda client: reserved(client, 5, read=MISTAKE),
    "reserve, unknown": lambda client: reserved(client, 5, unknown=[MISTAKE]),
    "reserve, max_age": lambda client: reserved(client, 5, max_age=MISTAKE),
    "watch, keys": lambda client: watched(client, keys=MISTAKE),
    "watch, account": lambda client: watched(client, account=MISTAKE),
    "watch, account and keys": lambda client: watched(client, keys=[MISTAKE], account=True),
    "watch, every": lambda client: watched(client, every=MISTAKE),
    "watch, warn": lambda client: watched(client, warn=MISTAKE),
    "watch, critical": lambda client: watched(client, critical=MISTAKE),
    "watch, rearm": lambda client: watched(client, rearm=MISTAKE),
    "watch, clear_after": lambda client: watched(client, clear_after=MISTAKE),
    "watch, stale_after": lambda client: watched(client, stale_after=[MISTAKE]),
    "watch, remind": lambda client: watched(client, remind=MISTAKE),
    "watch, expiring": lambda client: watched(client, expiring=MISTAKE),
    "watch, days": lambda client: watched(client, expiring=[MISTAKE]),
    "watch, store": lambda client: watched(client, store=MISTAKE),
    "status, read": lambda client: client.status(read=MISTAKE),
    "status, names to read": lambda client: client.status(read=[[MISTAKE]]),
    "status, max_age": lambda client: client.status(max_age=MISTAKE),
}


@pytest.fixture(autouse=True)
def secret(fault: Watch) -> None:
    """Count the key that is passed by mistake as a secret of the test."""
    fault.secrets.add(MISTAKE)


@pytest.mark.row(34, 38)
@pytest.mark.parametrize("key", [KEY, None], ids=["with a key", "without"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_key_in_place_of_an_argument_shows_nothing(
    call: Callable[[CreditsClient], Awaitable[Any]],
    key: str | None,
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """A key that is passed by mistake is refused before anything is sent, and is in no message or frame."""
    server = await serve(HANG)

    outcome = await fault(call(connect(server, key)), also=(ValueError, TypeError))

    assert isinstance(outcome.error, ValueError | TypeError)
    assert server.hits == 0


@pytest.mark.row(39)
@pytest.mark.parametrize("call", PLAIN.values(), ids=PLAIN)
async def test_a_call_that_never_began_shows_nothing(
    call: Callable[[CreditsClient], Awaitable[Any]], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A call that is cancelled before its first step has a key that was passed by mistake in no frame."""
    server = await serve(HANG)
    waiting: Any = call(connect(server))

    async def cut() -> None:
        waiting.throw(ValueError("never mind"))

    await fault.error(ValueError, cut())

    assert server.hits == 0
