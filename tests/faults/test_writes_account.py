"""Keys of an account that are made, changed and deleted: sent once, and no secret is in any sink."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import (
    Account,
    AmbiguousWriteError,
    APIConnectionError,
    APIStatusError,
    BadRequestError,
    ClientClosedError,
    ManagedKey,
    NotFoundError,
    OpenRouterError,
    PermissionDeniedError,
    RedirectError,
    RetryPolicy,
)
from tests.kit.values import KEY, OTHER_MASK, made_up
from tests.kit.wire import CLOSE, HANG, Connect, Serve, Server, Step, bound_socket, refusal, reply, sends

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._sinks import Watch

pytestmark = pytest.mark.row(75)

NEW_KEY = made_up("a key that was made")
HASH = "0e6f" * 16
DATA = {"hash": HASH, "name": "bot", "label": OTHER_MASK, "limit": None, "usage": 0, "disabled": False}
CREATED = reply(201, {"data": DATA, "key": NEW_KEY}, f"X-Request-Id: {NEW_KEY}")

WRITES: dict[str, Callable[[Account], Awaitable[Any]]] = {
    "create": lambda account: account.create_key("bot", limit=5),
    "update": lambda account: account.update_key(HASH, disabled=True),
    "delete": lambda account: account.delete_key(HASH),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


@pytest.fixture(autouse=True)
def secrets(fault: Watch) -> None:
    """Count the new key as a secret of the test."""
    fault.secrets.add(NEW_KEY)


def echo(status: int) -> bytes:
    """Refuse with words that have both keys in them."""
    words = f"{NEW_KEY} was made by {KEY}"
    metadata = {"made": [NEW_KEY]}
    return reply(
        status,
        {"error": {"code": status, "message": words, "metadata": metadata}},
        f"X-Request-Id: {NEW_KEY}",
        f"Location: /{NEW_KEY}",
    )


@pytest.mark.row(20, 35)
@pytest.mark.parametrize(
    "step",
    [
        CLOSE,
        sends(end="reset"),
        sends(CREATED[:-9], end="close"),
        sends(CREATED[:-9], end="hang"),
        HANG,
        echo(500),
        refusal(503, "Down", "Retry-After: 0"),
        reply(502, f"<html>{NEW_KEY}</html>"),
        refusal(408, "Slow"),
        reply(200, {"error": {"code": 500, "message": NEW_KEY}, "key": NEW_KEY}),
        reply(201, b""),
        reply(201, json.dumps({"data": DATA, "key": NEW_KEY})[:-1]),
        reply(201, [NEW_KEY]),
        reply(201, {NEW_KEY: NEW_KEY}),
        reply(201, {"data": {**DATA, "usage": NEW_KEY}, "key": [NEW_KEY], "deleted": NEW_KEY}),
    ],
    ids=[
        *("disconnect", "reset", "cut", "stalled", "silence", "500", "503", "a page", "408", "500 in a 200"),
        *("empty", "cut JSON", "a list", "other names", "wrong fields"),
    ],
)
@each_write
async def test_a_write_that_fails_after_it_was_sent_is_sent_once(
    write: Callable[[Account], Awaitable[Any]], step: Step, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A write that fails after it was sent is one request, and its error says how to look."""
    server = await serve(step)

    error = await fault.error(AmbiguousWriteError, write(connect(server, timeout=0.2).account))

    assert server.hits == len(error.attempts) == 1
    assert "client.account.key" in error.remedy


@pytest.mark.row(2, 20, 35)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (307, RedirectError),
        (400, BadRequestError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, APIStatusError),
    ],
)
@each_write
async def test_a_refused_write_has_its_own_error(
    write: Callable[[Account], Awaitable[Any]],
    status: int,
    kind: type[OpenRouterError],
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """A write that is refused raises the error of its status, without the keys that the server repeats."""
    server = await serve(echo(status))

    await fault.error(kind, write(connect(server).account))

    assert server.hits == 1


@pytest.mark.row(20)
async def test_a_refused_connection_is_tried_again_until_one_key_is_made(
    connect: Connect, fault: Watch
) -> None:
    """A create whose connections are refused is tried again, and then sent exactly once."""
    sock = bound_socket()
    server = Server(CREATED, sock=sock)
    client = connect(
        f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1",
        retry=RetryPolicy(attempts=4, wait_initial=0.05, wait_max=0.05, deadline=5),
    )

    refused = await fault.error(APIConnectionError, client.account.create_key("bot"))
    async with server:
        made = await fault.value(hashed(client.account.create_key("bot")))

    assert len(refused.attempts) == 4
    assert made == HASH
    assert [json.loads(asked.body) for asked in server.received] == [{"name": "bot"}]


async def hashed(call: Awaitable[Any]) -> str:
    """Return the hash of a new key: the key itself, with its secret, cannot be pickled."""
    made = await call
    assert made.secret.reveal() == NEW_KEY
    info: ManagedKey = made.info
    return info.hash


@pytest.mark.row(20, 35)
async def test_a_new_key_is_shown_nowhere(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A new key is an ApiKey: in no log, text, copy or JSON, even if the server repeats it everywhere."""
    repeated = {**DATA, "name": NEW_KEY, "creator_user_id": KEY, "new": {NEW_KEY: [NEW_KEY, KEY]}}
    server = await serve(
        reply(201, {"data": repeated, "key": NEW_KEY, "other": NEW_KEY}, f"X-Key: {NEW_KEY}")
    )
    shown: list[str] = []

    async def call() -> ManagedKey:
        made = await connect(server).account.create_key("bot")
        assert made.secret.reveal() == NEW_KEY
        shown.extend([f"{made} {made!r}", made.to_json(), repr(copy.copy(made)), repr(copy.deepcopy(made))])
        info: ManagedKey = made.info
        return info

    info = await fault.value(call())

    assert NEW_KEY[12:-4] not in f"{shown} {info!r} {info.extra!r}"
    assert fault.logged("openrouter_credits")


@pytest.mark.row(39)
@pytest.mark.parametrize("step", [HANG, sends(CREATED[:-2], end="hang"), sends(CREATED, end="hang")])
@pytest.mark.parametrize("after", [None, 0.5], ids=["cancelled", "timed out"])
async def test_a_create_that_is_cut_short_shows_nothing(
    step: Step, after: float | None, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A create that is cancelled, or ended by a time-out around it, has the new key in no frame."""
    server = await serve(step)

    async def made() -> None:
        new = await connect(server).account.create_key("bot")
        await asyncio.sleep(1)
        new.secret.reveal()

    await fault.cut_short(made(), after=after)

    assert server.hits == 1


@pytest.mark.row(20, 46)
@each_write
async def test_a_write_that_close_ends_says_that_its_end_is_unknown(
    write: Callable[[Account], Awaitable[Any]], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """close() ends a write under way with a ClientClosedError that tells of the doubt."""
    server = await serve(sends(CREATED[:-9], end="hang"))
    client = connect(server)

    ended = await fault.cut_short(write(client.account), by=client.close)
    later = await fault.error(ClientClosedError, write(client.account))

    assert isinstance(ended, ClientClosedError)
    assert "it is unknown whether the change took place" in str(ended)
    assert "unknown" not in str(later)
    assert server.hits == 1


@pytest.mark.row(20, 23)
async def test_a_deletion_that_is_not_confirmed_is_no_success(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """Only `{"deleted": true}` says that a key is gone."""
    server = await serve(reply(200, {"deleted": True}))
    await fault.value(connect(server).account.delete_key(HASH))

    for body in ({"deleted": False}, {}, {"deleted": "yes"}, {"data": DATA}):
        server.script(reply(200, body))
        await fault.error(AmbiguousWriteError, connect(server).account.delete_key(HASH))


@pytest.mark.row(18, 20)
async def test_many_creates_at_once_are_each_sent_once(serve: Serve, connect: Connect, fault: Watch) -> None:
    """20 creates at once, of which every second one is cut off, are 20 requests."""
    server = await serve(*[CREATED, CLOSE] * 10)
    client = connect(server)

    async def crowd() -> set[str]:
        every = await asyncio.gather(
            *(client.account.create_key(f"bot {number}") for number in range(20)), return_exceptions=True
        )
        return {type(each).__name__ for each in every}

    assert await fault.value(crowd()) == {"NewKey", "AmbiguousWriteError"}
    assert server.hits == 20
