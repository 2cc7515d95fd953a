"""Keys that are made, changed and deleted: each write is sent once, and a secret is shown nowhere."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import (
    AmbiguousWriteError,
    APIStatusError,
    CreditsClient,
    ManagementKeyRequiredError,
    NewKey,
    NotFoundError,
)
from tests.kit.values import KEY, made_up
from tests.kit.wire import CLOSE, HANG, Connect, Serve, Server, Step, refusal, reply, sends

from ._ledger import entry, hash_of

if TYPE_CHECKING:
    from ._sinks import Watch

pytestmark = pytest.mark.row(75)

SECRET = made_up("new")
CREATED = reply(201, {"data": entry(7, name="bot"), "key": SECRET})
CUT = sends(CREATED[:-30], end="close")

Manage = Callable[..., CreditsClient]


@pytest.fixture
def manage(connect: Connect, fault: Watch) -> Manage:
    """Make clients that have a management key alone; no sink may show the secret that a server tells."""
    fault.secrets.add(SECRET)
    return lambda server, **options: connect(server, None, management_key=KEY, **options)


async def make(client: CreditsClient, **settings: Any) -> str:
    """Make a key, and tell what is known of it."""
    made = await client.account.create_key("bot", **settings)
    return f"{made!r} {made}"


WRITES: dict[str, Callable[[CreditsClient], Any]] = {
    "create": make,
    "update": lambda client: client.account.update_key(hash_of(7), limit=5),
    "delete": lambda client: client.account.delete_key(hash_of(7)),
}


@pytest.mark.parametrize(
    "step",
    [CLOSE, sends(end="reset"), CUT, HANG, refusal(500, "Oops"), refusal(503, "Down"), reply(201, b"")],
    ids=["disconnect", "reset", "cut", "silence", "500", "503", "empty"],
)
@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_fails_after_it_was_sent_is_ambiguous_and_sent_once(
    write: str, step: Step, serve: Serve, manage: Manage, fault: Watch
) -> None:
    """It raises AmbiguousWriteError after one request, and the remedy says how to look what became of it."""
    server = await serve(step)

    error = await fault.error(AmbiguousWriteError, WRITES[write](manage(server, timeout=0.2)))

    assert server.hits == 1
    assert "account.key" in error.remedy


async def test_a_created_key_may_exist_although_its_answer_is_odd(
    serve: Serve, manage: Manage, fault: Watch
) -> None:
    """A 201 without a secret, or without the key's hash, is ambiguous: a key was made."""
    for body in ({"data": entry(7)}, {"data": entry(7), "key": None}, {"key": ""}, {"data": {}, "key": ""}):
        server = await serve(reply(201, body))

        await fault.error(AmbiguousWriteError, make(manage(server)))

        assert server.hits == 1


async def test_the_secret_of_a_new_key_is_shown_nowhere(serve: Serve, manage: Manage, fault: Watch) -> None:
    """A new key's secret is an ApiKey: in no repr, sentence, JSON, copy or log; it cannot be pickled."""
    server = await serve(CREATED)
    made: list[NewKey] = []

    async def create() -> None:
        made.append(await manage(server).account.create_key("bot", limit=Decimal("12.50")))

    await fault.value(create())

    (new,) = made
    assert new.secret.reveal() == SECRET
    assert new.info.hash == hash_of(7)
    shown = [
        *(repr(new), str(new), f"{new}", new.to_json(), repr(new.info)),
        *(repr(copy.copy(new)), repr(copy.deepcopy(new)), json.dumps(json.loads(new.to_json()))),
        *(json.dumps(vars(each), default=repr) for each in fault._records.seen),
    ]
    for text in shown:
        assert SECRET[12:-4] not in text
    with pytest.raises(TypeError):
        pickle.dumps(new)


async def test_a_server_that_echoes_the_secret_is_not_believed(
    serve: Serve, manage: Manage, fault: Watch
) -> None:
    """A server that writes the new secret into name, label and unknown fields shows it in no text."""
    told = entry(7, name=f"bot {SECRET}", label=SECRET, note=SECRET)
    server = await serve(reply(201, {"data": told, "key": SECRET}))

    text = await fault.value(make(manage(server)))

    assert SECRET[12:-4] not in text


@pytest.mark.parametrize("after", [0.03, 0.09, 0.119])
async def test_a_create_that_is_cut_short_shows_nothing(
    after: float, serve: Serve, manage: Manage, fault: Watch
) -> None:
    """A time-out of the caller's own, whatever has arrived by then, shows neither key nor secret."""
    server = await serve(sends(CREATED[:100], CREATED[100:-1], CREATED[-1:], every=0.06))

    ended = await fault.cut_short(make(manage(server)), after=after)

    assert isinstance(ended, TimeoutError)
    assert server.hits == 1


async def test_a_name_that_is_a_key_is_not_sent(serve: Serve, manage: Manage, fault: Watch) -> None:
    """A key in the place of a name or a hash is refused before anything is sent, and shown nowhere."""
    server = await serve(CREATED)
    account = manage(server).account

    for call in (
        lambda: account.create_key(SECRET),
        lambda: account.create_key(f"bot {SECRET}"),
        lambda: account.update_key(SECRET, name="bot"),
        lambda: account.update_key(hash_of(7), name=SECRET),
        lambda: account.delete_key(SECRET),
        lambda: account.key(SECRET),
    ):
        await fault.error(ValueError, call())

    assert server.hits == 0


def sent(server: Server) -> dict[str, Any]:
    """Return the JSON of the last request."""
    body: dict[str, Any] = json.loads(server.received[-1].body)
    return body


async def test_only_what_is_given_is_changed(serve: Serve, manage: Manage, fault: Watch) -> None:
    """`...` leaves a setting as it is, `None` removes a limit; amounts and times go out exactly."""
    server = await serve(reply(200, {"data": entry(7)}))
    account = manage(server).account

    await fault.value(account.update_key(hash_of(7), limit=None))
    removed = sent(server)
    await fault.value(account.update_key(hash_of(7), disabled=True))
    disabled = sent(server)
    await fault.value(account.update_key(hash_of(7), limit="0.10", limit_reset=None, name="b"))
    several = sent(server)

    assert (removed, disabled) == ({"limit": None}, {"disabled": True})
    assert several == {"limit": 0.1, "limit_reset": None, "name": "b"}
    assert set(server.lines) == {f"PATCH /api/v1/keys/{hash_of(7)}"}


async def test_a_new_key_has_what_was_asked_for(serve: Serve, manage: Manage, fault: Watch) -> None:
    """The body of a create has the settings that were given, and no others."""
    server = await serve(CREATED)

    await fault.value(make(manage(server)))
    bare = sent(server)
    await fault.value(
        make(
            manage(server),
            limit=Decimal("12.50"),
            limit_reset="monthly",
            expires_at=datetime(2027, 1, 1, tzinfo=UTC),
            include_byok_in_limit=False,
            workspace_id="w-1",
        )
    )

    assert bare == {"name": "bot"}
    assert sent(server) == {
        "name": "bot",
        "limit": 12.5,
        "limit_reset": "monthly",
        "expires_at": "2027-01-01T00:00:00Z",
        "include_byok_in_limit": False,
        "workspace_id": "w-1",
    }


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(403, "Only management keys can perform this operation"), ManagementKeyRequiredError),
        (refusal(404, "Resource not found"), NotFoundError),
        (refusal(409, "Conflict"), APIStatusError),
    ],
)
@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_is_refused_has_its_own_error(
    write: str, answer: bytes, kind: Any, serve: Serve, manage: Manage, fault: Watch
) -> None:
    """A refusal is no doubt: nothing was changed, and it is asked for once."""
    server = await serve(answer)

    await fault.error(kind, WRITES[write](manage(server)))

    assert server.hits == 1


async def test_a_deletion_that_is_not_confirmed_is_no_success(
    serve: Serve, manage: Manage, fault: Watch
) -> None:
    """Only `{"deleted": true}` says that a key is gone."""
    server = await serve(reply(200, {"deleted": True}))
    await fault.value(manage(server).account.delete_key(hash_of(7)))

    for body in ({"deleted": False}, {}, {"deleted": "yes"}, {"data": entry(7)}):
        server.script(reply(200, body))
        outcome = await fault(manage(server).account.delete_key(hash_of(7)))
        assert outcome.error is not None


async def test_many_creates_at_once_are_each_sent_once(serve: Serve, manage: Manage, fault: Watch) -> None:
    """20 creates at once, of which every second one is cut off, are 20 requests."""
    server = await serve(*[CREATED, CLOSE] * 10)
    client = manage(server)

    async def crowd() -> set[str]:
        every = await asyncio.gather(
            *(client.account.create_key(f"bot {number}") for number in range(20)), return_exceptions=True
        )
        return {type(each).__name__ for each in every}

    assert await fault.value(crowd()) == {"NewKey", "AmbiguousWriteError"}
    assert server.hits == 20
