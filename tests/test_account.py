"""Calls about single keys of an account, and about its usage: `client.account`."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from openrouter_credits import (
    Account,
    AmbiguousWriteError,
    ApiKey,
    CreditsClient,
    InvalidResponseError,
    ManagedKey,
    ManagementKeyRequiredError,
    MissingKeyError,
    NewKey,
    NotFoundError,
    RateLimitError,
)
from openrouter_credits.testing import FakeOpenRouter
from tests.kit.values import KEY, OTHER_KEY, OTHER_MASK, outcome, stopped_clock
from tests.kit.wire import CLOSE, HANG, Connect, Serve, Server, in_this_loop, refusal, reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HASH = "0e6f" * 16
DATA = {"hash": HASH, "name": "bot", "label": OTHER_MASK, "limit": 5, "limit_remaining": 5, "usage": 0}
DATA |= {"disabled": False}


def created(**data: Any) -> bytes:
    """Answer as `POST /keys` does."""
    return reply(201, {"data": {**DATA, **data}, "key": OTHER_KEY})


CALLS: dict[str, Callable[[Account], Awaitable[Any]]] = {
    "key": lambda account: account.key(HASH),
    "create_key": lambda account: account.create_key("bot"),
    "update_key": lambda account: account.update_key(HASH, disabled=True),
    "delete_key": lambda account: account.delete_key(HASH),
    "activity": lambda account: account.activity(),
}
WRITES = ["create_key", "update_key", "delete_key"]


async def test_a_key_is_made_changed_read_and_deleted() -> None:
    """A key of an account can be made, read, changed and deleted; each is one request."""
    async with in_this_loop(FakeOpenRouter(now=stopped_clock())) as fake:
        account = fake.add_account()
        manager = account.add_key(management=True)
        async with CreditsClient(management_key=manager, base_url=fake.url) as client:
            made = await client.account.create_key("bot", limit=Decimal("0.1"), limit_reset="monthly")
            read = await client.account.key(made.info.hash)
            changed = await client.account.update_key(read.hash, disabled=True, limit=None, name="bot 2")
            await client.account.delete_key(read.hash)
            gone = await outcome(client.account.key(read.hash))

    assert isinstance(made, NewKey)
    assert (made.info.name, made.info.limit, made.info.limit_reset) == ("bot", Decimal("0.1"), "monthly")
    assert made.info.label == str(made.secret)
    assert read == made.info
    assert (changed.hash, changed.name, changed.disabled, changed.limit) == (read.hash, "bot 2", True, None)
    assert type(gone) is NotFoundError
    assert [(each.method, each.path.rpartition("/")[2]) for each in fake.requests] == [
        ("POST", "keys"),
        ("GET", read.hash),
        ("PATCH", read.hash),
        ("DELETE", read.hash),
        ("GET", read.hash),
    ]


async def test_the_activity_of_the_account_is_read() -> None:
    """activity() gives what was used on completed days of a range, and says what it has left out."""
    clock = stopped_clock()
    today = clock().date()
    async with in_this_loop(FakeOpenRouter(now=clock)) as fake:
        account = fake.add_account()
        manager = account.add_key(management=True)
        for age in (3, 5, 7):
            account.add_activity(today - timedelta(age), usage="0.5", requests=age)
        async with CreditsClient(manager, base_url=fake.url) as client:
            some = await client.account.activity(today - timedelta(6), today - timedelta(2))
            one = await client.account.activity(today - timedelta(5), today - timedelta(5), by="workspace")
            old = await client.account.activity(today - timedelta(50), today - timedelta(4))

    assert [item.requests for item in some] == [3, 5]
    assert (some.total, some.start, some.is_cut) == (Decimal(1), today - timedelta(6), False)
    assert [item.workspace_id for item in one] == [account.workspace_id]
    assert [item.requests for item in old] == [5, 7]
    assert old.is_cut
    assert len(fake.requests) == 3


async def test_a_range_is_cut_to_what_there_is(connect: Connect) -> None:
    """The last 30 completed days are told; a range that has other days is cut, and says so; no 400 is met."""
    clock = stopped_clock()
    today = clock().date()
    async with in_this_loop(FakeOpenRouter(now=clock)) as fake:
        acme = fake.add_account()
        boss = acme.add_key(management=True)
        for days in range(40):
            acme.add_activity(today - timedelta(days=days), usage=f"0.{days + 10}")
        account = connect(fake, None, management_key=boss).account

        async def told(*days: int | None) -> tuple[list[int], bool]:
            start, end = (None if each is None else today - timedelta(days=each) for each in days)
            activity = await account.activity(start, end)
            assert activity.start is None or activity.start >= today - timedelta(days=30)
            assert activity.end is None or activity.end <= today - timedelta(days=1)
            return [(today - item.date).days for item in activity], activity.is_cut

        assert await told(None, None) == (list(range(1, 31)), False)
        assert await told(3, 1) == ([1, 2, 3], False)
        assert await told(7, 7) == ([7], False)
        assert await told(30, 30) == ([30], False)
        assert await told(2, 0) == ([1, 2], True)
        assert await told(40, 29) == ([29, 30], True)
        assert await told(40, -5) == (list(range(1, 31)), True)
        before = len(fake.requests)
        assert await told(0, 0) == ([], True)
        assert await told(50, 31) == ([], True)
        assert len(fake.requests) == before


async def test_the_key_of_the_client_is_the_management_key(serve: Serve, connect: Connect) -> None:
    """The account is asked with the management key, or with the client's only key."""
    server = await serve(created())

    await connect(server, KEY, management_key=OTHER_KEY).account.create_key("bot")
    await connect(server, KEY).account.create_key("bot")

    assert server.keys == [OTHER_KEY, KEY]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_without_a_key_nothing_is_sent(
    call: Callable[[Account], Awaitable[Any]], serve: Serve, connect: Connect
) -> None:
    """Each call of the account raises MissingKeyError, when it is awaited, if the client has no key.

    It tells of the management key: with an ordinary one, the next call would be refused.
    """
    server = await serve(HANG)
    waiting = call(connect(server, None).account)

    with pytest.raises(MissingKeyError, match=r"no management key.*OPENROUTER_MANAGEMENT_KEY") as caught:
        await waiting

    assert "OPENROUTER_API_KEY" not in str(caught.value)

    assert server.hits == 0


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_an_ordinary_key_may_not_manage(
    call: Callable[[Account], Awaitable[Any]], serve: Serve, connect: Connect
) -> None:
    """The 403 of an ordinary key says where to make a management key."""
    server = await serve(refusal(403, "Only management keys can perform this operation"))

    with pytest.raises(ManagementKeyRequiredError, match=r"openrouter\.ai/settings/management-keys"):
        await call(connect(server).account)

    assert server.hits == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("key", "Look for the hash of the key (its name does not do) with client.account.keys("),
        ("update_key", "Look for the hash of the key (its name does not do) with client.account.keys("),
        ("delete_key", "Look for the hash of the key (its name does not do) with client.account.keys("),
        ("create_key", "client.account.workspaces()"),
    ],
)
async def test_a_404_says_where_to_look(call: str, words: str, serve: Serve, connect: Connect) -> None:
    """The remedy of a key that is not there is to list the keys; of a workspace, to list the workspaces."""
    server = await serve(refusal(404, "Resource not found"))

    with pytest.raises(NotFoundError, match="404 Resource not found") as caught:
        await CALLS[call](connect(server).account)

    assert words in caught.value.remedy
    assert server.hits == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("create_key", ("its name", "client.account.keys()", "openrouter-credits keys", "secret is lost")),
        ("update_key", ("client.account.key(hash)",)),
        ("delete_key", ("client.account.key(hash)", "NotFoundError")),
    ],
)
@pytest.mark.parametrize("answer", [CLOSE, refusal(500, "Oops"), reply(200, b"{"), reply(200, {})])
async def test_a_write_whose_end_is_unknown_says_how_to_look(
    call: str, words: tuple[str, ...], answer: Any, serve: Serve, connect: Connect
) -> None:
    """A write that fails after it was sent is sent once, and its AmbiguousWriteError says how to look."""
    server = await serve(answer)

    with pytest.raises(AmbiguousWriteError, match="unknown whether the change took place") as caught:
        await CALLS[call](connect(server).account)

    assert [word for word in words if word not in caught.value.remedy] == []
    assert str(caught.value).endswith(caught.value.remedy)
    assert server.hits == 1


@pytest.mark.parametrize("call", WRITES)
async def test_a_write_is_sent_again_after_a_429(call: str, serve: Serve, connect: Connect) -> None:
    """A write is sent again after a 429, and for ever refused it is a RateLimitError."""
    server = await serve(refusal(429))

    with pytest.raises(RateLimitError):
        await CALLS[call](connect(server).account)

    assert server.hits == 3


async def test_a_key_that_is_not_deleted_is_no_success(serve: Serve, connect: Connect) -> None:
    """An answer to a deletion that says `deleted: false` is an AmbiguousWriteError, too."""
    server = await serve(reply(200, {"deleted": False}))

    with pytest.raises(AmbiguousWriteError, match=r"200, but \$: the key is not deleted") as caught:
        await connect(server).account.delete_key(HASH)

    assert [type(problem) for problem in caught.value.problems] == [InvalidResponseError]
    assert len(caught.value.attempts) == server.hits == 1
    assert "client.account.key(hash)" in caught.value.remedy


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"data": {}, "key": OTHER_KEY}, r"\$\.data\."),
        ({"data": None, "key": OTHER_KEY}, r"\$\.data: "),
        ({"data": {**DATA, "usage": "much"}, "key": OTHER_KEY}, r"\$\.data\.usage: "),
        ({"data": {**DATA, "hash": None}, "key": OTHER_KEY}, r"\$\.data\.hash: "),
        ({"key": OTHER_KEY}, r"\$\.data: required, but missing"),
        ({"data": DATA}, r"\$\.key: required, but missing"),
        ({"data": DATA, "key": None}, r"\$\.key: an API key is needed"),
        ({"data": DATA, "key": f"{OTHER_KEY} {OTHER_KEY}"}, r"\$\.key: an API key is needed"),
    ],
)
async def test_a_new_key_that_cannot_be_read_is_not_lost_silently(
    body: dict[str, Any], path: str, serve: Serve, connect: Connect
) -> None:
    """A 201 without a key or a secret that can be read raises AmbiguousWriteError: the secret is lost."""
    server = await serve(reply(201, body))

    with pytest.raises(AmbiguousWriteError, match=path) as caught:
        await connect(server).account.create_key("bot")

    assert "its secret is lost" in str(caught.value)
    assert OTHER_KEY not in f"{caught.value!r} {caught.value.problems}"
    assert server.hits == 1


async def test_the_secret_of_a_new_key_is_an_api_key(serve: Serve, connect: Connect) -> None:
    """A secret is shown by reveal() alone; where the server echoes it or the management key, it is masked."""
    server = await serve(created(name=f"bot {OTHER_KEY} {KEY}", notes=[{OTHER_KEY: KEY}]))

    made = await connect(server).account.create_key("bot")

    assert made.secret == ApiKey(OTHER_KEY)
    assert made.info.name == f"bot {OTHER_MASK} sk-or-***"
    assert made.info.extra == {"notes": [{OTHER_MASK: "sk-or-***"}]}
    assert OTHER_KEY not in f"{made!r} {made} {made.to_json()} {attrs.asdict(made)}"
    assert json.loads(made.to_json())["secret"] == OTHER_MASK
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(made)


async def test_a_new_key_of_any_shape_is_masked(serve: Serve, connect: Connect) -> None:
    """A new key that does not begin with `sk-` is masked in what the server says of it, too."""
    text = "token.0123456789abcdefghij"
    server = await serve(
        reply(201, {"data": {**DATA, "label": text, "creator_user_id": f"x{text}"}, "key": text})
    )

    made = await connect(server).account.create_key("bot")

    assert made.secret.reveal() == text
    assert text not in repr(made.info)


async def test_a_setting_of_an_answer_is_read_as_it_is(serve: Serve, connect: Connect) -> None:
    """update_key() returns the key as the answer has it, other fields included."""
    server = await serve(reply(200, {"data": {**DATA, "disabled": True, "new": 1}}))

    changed = await connect(server).account.update_key(HASH, disabled=True, limit=20)

    assert isinstance(changed, ManagedKey)
    assert (changed.disabled, changed.limit, changed.extra) == (True, Decimal(5), {"new": 1})
    assert json.loads(server.received[0].body) == {"disabled": True, "limit": 20}


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda account: account.key(KEY), ValueError),
        (lambda account: account.key(None), TypeError),
        (lambda account: account.delete_key("../credits"), ValueError),
        (lambda account: account.update_key(HASH), ValueError),
        (lambda account: account.update_key(HASH, limit=-1), ValueError),
        (lambda account: account.create_key(""), ValueError),
        (lambda account: account.create_key(KEY), ValueError),
        (lambda account: account.create_key("bot", expires_at="soon"), TypeError),
        (lambda account: account.activity(KEY), TypeError),
        (lambda account: account.activity(by="model"), ValueError),
        (lambda account: account.check(include_disabled=1), TypeError),
        (lambda account: account.check(include_expired="false"), TypeError),
        (lambda account: account.check(workspaces=KEY), ValueError),
        (lambda account: anext(account.keys(include_disabled="true")), TypeError),
        (lambda account: anext(account.keys(include_expired=None)), TypeError),
    ],
)
async def test_wrong_arguments_are_refused_when_awaited(
    call: Callable[[Any], Awaitable[Any]], kind: type[Exception], serve: Serve, connect: Connect
) -> None:
    """A wrong argument raises TypeError or ValueError when the call is awaited; nothing is sent."""
    server = await serve(HANG)
    waiting = call(connect(server).account)

    with pytest.raises(kind) as caught:
        await waiting

    assert KEY not in str(caught.value)
    assert server.hits == 0


async def test_the_activity_of_today_is_not_asked_for(serve: Serve, connect: Connect) -> None:
    """A range that begins today or later is empty and cut, without a request."""
    server = await serve(HANG)

    activity = await connect(server).account.activity(datetime.now(UTC) + timedelta(days=1))

    assert (len(activity), activity.start, activity.is_cut) == (0, None, True)
    assert server.hits == 0


def sent(server: Server) -> dict[str, Any]:
    """Return the JSON of the last request."""
    body: dict[str, Any] = json.loads(server.received[-1].body)
    return body


async def test_only_what_is_given_is_changed(serve: Serve, connect: Connect) -> None:
    """`...` leaves a setting as it is, `None` removes a limit; amounts and times go out exactly."""
    server = await serve(reply(200, {"data": DATA}))
    account = connect(server).account

    await account.update_key(HASH, limit=None)
    removed = sent(server)
    await account.update_key(HASH, disabled=True)
    disabled = sent(server)
    await account.update_key(HASH, limit="0.10", limit_reset=None, name="b")
    several = sent(server)

    assert (removed, disabled) == ({"limit": None}, {"disabled": True})
    assert several == {"limit": 0.1, "limit_reset": None, "name": "b"}
    assert set(server.lines) == {f"PATCH /api/v1/keys/{HASH}"}


async def test_a_new_key_has_what_was_asked_for(serve: Serve, connect: Connect) -> None:
    """The body of a create has the settings that were given, and no others."""
    server = await serve(created())

    await connect(server).account.create_key("bot")
    bare = sent(server)
    await connect(server).account.create_key(
        "bot",
        limit=Decimal("12.50"),
        limit_reset="monthly",
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
        include_byok_in_limit=False,
        workspace_id="w-1",
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
