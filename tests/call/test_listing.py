"""Workspaces and keys of an account, as `Account.keys()` and `.workspaces()` list them."""

from __future__ import annotations

import asyncio
import json
import pickle
import traceback
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakSet

import attrs
import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import (
    APIConnectionError,
    AuthenticationError,
    ClientClosedError,
    EdgeRefusedError,
    InvalidResponseError,
    ManagedKey,
    ManagementKeyRequiredError,
    NotFoundError,
    OpenRouterError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    Workspace,
)
from openrouter_credits._call.listing import DEFAULT, Faults, Listing
from openrouter_credits._call.pages import MOST_ELEMENTS
from openrouter_credits._call.protocol import Reply
from openrouter_credits._call.request import Request
from openrouter_credits._call.selection import Selection, require_workspaces
from tests.kit.clock import run, settle, virtual
from tests.kit.hosts import Answer, client_of, others, refusal, reply
from tests.kit.values import KEY, QUICK

ONLY_MANAGEMENT = refusal(403, "Only management keys can perform this operation")
NO_SUCH_PATH = refusal(404, "Not Found")
DOWN = refusal(503, "Service temporarily unavailable")


def entry(name: object, **fields: object) -> dict[str, Any]:
    """Make an entry of `/keys`."""
    return {
        "hash": f"hash-{name}",
        "name": str(name),
        "label": "sk-or-v1-0e6...1c96",
        "usage": 1.5,
        "limit": None,
        "disabled": False,
        **fields,
    }


def entries(count: int, first: str = "", **fields: object) -> list[dict[str, Any]]:
    """Make entries of `/keys`."""
    return [entry(f"{first}{number}", **fields) for number in range(count)]


@define
class Host:
    """Lists the keys of workspaces, 100 a page; what it does otherwise is set by a test."""

    keys: dict[str, Any] = field(factory=dict)
    """The entries of each workspace, or what it answers instead; "" is the default one."""
    workspaces: Any = NO_SUCH_PATH
    """The entries of `/workspaces`, or what it answers instead."""
    before: Callable[[int], Answer] = lambda _: None
    """Answers instead of the host, or lets it answer; told the number of the request, from 1."""
    requests: list[tuple[str, dict[str, str]]] = field(factory=list)
    filters: bool = True
    """Whether it knows the parameters of `/keys`, but for the offset."""

    def __call__(self, request: Request, _: float) -> Answer:
        """Answer a request."""
        url = urlsplit(request.target)
        params = dict(parse_qsl(url.query))
        self.requests.append((url.path, params))
        answer = self.before(len(self.requests))
        if answer is not None:
            return answer
        offset = int(params["offset"])
        if url.path == "/workspaces":
            return self._page(self.workspaces, offset, total=True)
        if not self.filters:
            return self._page([each for keys in self.keys.values() for each in keys], offset)
        return self._page(self.keys[params.get("workspace_id", "")], offset)

    @staticmethod
    def _page(found: Any, offset: int, *, total: bool = False) -> Answer:
        if not isinstance(found, list):
            answer: Answer = found
            return answer
        count = {"total_count": len(found)} if total else {}
        return reply(200, {"data": found[offset : offset + 100], **count})

    @property
    def paths(self) -> list[str]:
        """The paths of all requests, with the workspace that was asked for."""
        return [f"{path} {params.get('workspace_id', '')}".rstrip() for path, params in self.requests]


async def listed(
    host: Host, latency: float = 0.0, **options: Any
) -> tuple[list[str | None], OpenRouterError | None]:
    """Read the names of all keys, and the error at the end."""
    names: list[str | None] = []
    async with client_of(host, latency, QUICK) as (client, _):
        try:
            async for key in client.account.keys(**options):
                names.append(key.name)  # noqa: PERF401 - what came before the error is kept
        except OpenRouterError as error:
            return names, error
    return names, None


async def collected(found: AsyncGenerator[Any, None]) -> list[Any]:
    """Read all that a generator yields."""
    return [each async for each in found]


def names(count: int, first: str = "") -> list[str]:
    """Name the keys of `entries`."""
    return [f"{first}{number}" for number in range(count)]


# How many requests, and what is sent.


async def test_a_thousand_keys_take_twelve_requests() -> None:
    """One request lists the workspaces, and eleven the keys of the only one."""
    host = Host({"w": entries(1000, workspace_id="w")}, [{"id": "w", "name": "Default"}])

    assert await listed(host) == (names(1000), None)
    assert host.paths == ["/workspaces"] + ["/keys w"] * 11


async def test_a_page_is_asked_for_with_its_filters() -> None:
    """Each page is asked for with its offset, both filters and the workspace."""
    host = Host({"w": entries(101)}, [{"id": "w"}])

    await listed(host, include_disabled=False, include_expired=True)

    filters = {"include_disabled": "false", "include_expired": "true", "workspace_id": "w"}
    assert host.requests == [
        ("/workspaces", {"offset": "0", "limit": "100"}),
        ("/keys", {"offset": "0", **filters}),
        ("/keys", {"offset": "99", **filters}),
    ]


async def test_a_key_is_listed_with_all_that_is_known_of_it() -> None:
    """A listed key has its hash, name, limit and times, and holds no secret."""
    host = Host({"": [entry("bot", limit=100, limit_remaining=45.5, last_used_at="2026-11-25T10:00:00Z")]})

    async with client_of(host) as (client, _):
        (key,) = await collected(client.account.keys())

    assert (key.hash, key.name, str(key.limit_remaining)) == ("hash-bot", "bot", "45.5")
    assert key.last_used_at == datetime(2026, 11, 25, 10, tzinfo=UTC)


async def test_filters_are_applied_here_if_the_server_ignores_them() -> None:
    """Disabled and expired keys are left out as asked for, even if the server lists them all."""
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    keys = [entry("on"), entry("off", disabled=True), entry("over", expires_at=past)]
    keys += [entry("unsure", disabled=None)]

    assert (await listed(Host({"": keys})))[0] == ["on", "off", "unsure"]
    assert (await listed(Host({"": keys}), include_disabled=False))[0] == ["on", "unsure"]
    assert (await listed(Host({"": keys}), include_expired=True))[0] == ["on", "off", "over", "unsure"]


# Which workspaces.


async def test_all_workspaces_are_read_one_after_another() -> None:
    """The keys of all workspaces are listed, in the order of the workspaces, of which there may be pages."""
    ids = [f"w{number}" for number in range(120)]
    host = Host({each: [entry(each)] for each in ids}, [{"id": each} for each in ids])

    assert await listed(host) == (ids, None)


async def test_the_default_workspace_alone_is_read_on_request() -> None:
    """`workspaces="default"` asks for no workspaces, and names none."""
    host = Host({"": entries(2)}, DOWN)

    assert await listed(host, workspaces="default") == (names(2), None)
    assert host.paths == ["/keys", "/keys"]


async def test_workspaces_may_be_named_by_their_ids() -> None:
    """Ids are read in their order, each once, without a list of all workspaces."""
    host = Host({"a": entries(1, "a"), "b": entries(1, "b")}, DOWN)

    assert await listed(host, workspaces=iter(["b", "a", "b"])) == (["b0", "a0"], None)
    assert host.paths == ["/keys b", "/keys a"]


async def test_no_workspaces_are_no_keys() -> None:
    """An empty list of ids reads nothing, and sends nothing."""
    host = Host()

    assert await listed(host, workspaces=[]) == ([], None)
    assert host.requests == []


@pytest.mark.parametrize("answer", [ONLY_MANAGEMENT, refusal(403, "Forbidden"), NO_SUCH_PATH, []])
async def test_without_workspaces_the_default_one_is_read(answer: Any) -> None:
    """403, 404 and an empty list at `/workspaces` mean that there is the default workspace alone."""
    host = Host({"": entries(3)}, answer)

    assert await listed(host) == (names(3), None)
    assert host.paths == ["/workspaces", "/keys", "/keys"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (DOWN, ServerError),
        (refusal(429, "Rate limit exceeded", Retry_After="3600"), RateLimitError),
        (Reply(403, {}, b"<html>Sorry, you have been blocked</html>"), EdgeRefusedError),
        (reply(200, {"data": "none"}), InvalidResponseError),
        (reply(200, {"workspaces": []}), InvalidResponseError),
        (reply(200, {"data": [{"name": "without an id"}]}), InvalidResponseError),
        (reply(200, {"data": [{"id": "../credits"}]}), InvalidResponseError),
    ],
)
async def test_an_error_that_hides_the_workspaces_is_raised_at_the_end(
    answer: Answer, kind: type[OpenRouterError]
) -> None:
    """If `/workspaces` fails otherwise, the default workspace is read, and then that error is raised."""
    found, error = await listed(Host({"": [*entries(3), {}]}, answer))

    assert found == names(3)
    assert error is not None
    assert type(error) is kind
    assert [type(each) for each in error.problems] == [InvalidResponseError]


async def test_workspaces_that_could_be_read_are_read_if_the_others_are_hidden() -> None:
    """If the second page of `/workspaces` fails, the workspaces of the first are read before the error."""
    ids = [f"w{number}" for number in range(101)]
    host = Host({each: [entry(each)] for each in ids}, [{"id": each} for each in ids])
    host.before = lambda number: DOWN if 2 <= number <= 4 else None

    found, error = await listed(host)

    assert found == ids[:100]
    assert isinstance(error, ServerError)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(401, "User not found."), AuthenticationError),
        (APIConnectionError("Could not connect", sent=False), APIConnectionError),
    ],
)
async def test_a_refused_key_and_a_dead_host_end_the_list_at_once(
    answer: Answer, kind: type[OpenRouterError]
) -> None:
    """If `/workspaces` says that the key is refused, or nothing, no keys are asked for."""
    host = Host({"": entries(3)}, answer)

    found, error = await listed(host)

    assert found == []
    assert type(error) is kind
    assert set(host.paths) == {"/workspaces"}


async def test_a_server_that_ignores_the_workspace_doubles_no_key() -> None:
    """A key is listed in its own workspace alone, even if the server lists all keys in each."""
    keys = {each: entries(2, each, workspace_id=each) for each in "abc"}
    host = Host(keys, [{"id": "a"}, {"id": "b"}, {"id": "c"}], filters=False)

    assert await listed(host) == (["a0", "a1", "b0", "b1", "c0", "c1"], None)


async def test_a_key_without_a_workspace_belongs_to_the_one_that_lists_it() -> None:
    """A key whose workspace is unknown, or is none of those that are read, is kept."""
    keys = [entry("nowhere", workspace_id=None), entry("slug", workspace_id="the id")]

    assert (await listed(Host({"a": keys}), workspaces=["a"]))[0] == ["nowhere", "slug"]


# The argument.


@pytest.mark.parametrize(
    ("which", "checked"),
    [
        ("all", "all"),
        ("default", "default"),
        ([], ()),
        (["a", "b", "a"], ("a", "b")),
        ({"0df9e665-d932-5740-b2c7-b52af166bc11": 1}, ("0df9e665-d932-5740-b2c7-b52af166bc11",)),
    ],
)
def test_workspaces_are_all_the_default_one_or_ids(which: object, checked: object) -> None:
    """The two words and any iterable of ids are accepted; an id that is there twice counts once."""
    assert require_workspaces(which) == checked


@pytest.mark.parametrize(
    ("which", "kind"),
    [
        ("", ValueError),
        ("production", ValueError),
        (None, TypeError),
        (b"all", TypeError),
        ([None], TypeError),
        ([["a"]], TypeError),
        ([DEFAULT], TypeError),
        ([""], ValueError),
        (["a b"], ValueError),
        (["a/../b"], ValueError),
        ([".."], ValueError),
        (["a?b"], ValueError),
        (["ü"], ValueError),
        (["a\n"], ValueError),
        (["a" * 201], ValueError),
        ([KEY], ValueError),
        (KEY, ValueError),
    ],
)
async def test_other_workspaces_are_an_error(which: Any, kind: type[Exception]) -> None:
    """Any other text or value is an error before anything is sent, and no frame of ours holds it."""
    host = Host()
    async with client_of(host) as (client, _):
        keys = client.account.keys(workspaces=which)
        with pytest.raises(kind) as caught:
            await anext(keys)

    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in shown.stack if "openrouter_credits" in frame.filename]
    assert ours
    assert KEY not in str(caught.value) + str([frame.locals for frame in ours])
    assert host.requests == []


# What cannot be read.


async def test_an_entry_that_cannot_be_read_does_not_hide_the_others() -> None:
    """Entries without a hash or with wrong money are named by their paths, after all others were listed."""
    nameless = {name: value for name, value in entry("d").items() if name != "hash"}
    wrong = [entry("a", limit="much"), {**entry("b"), "hash": None}, "c", nameless, nameless]
    wrong += [entry("e", hash=""), entry("f", hash=" ")]
    host = Host({"": [entry("first"), *wrong, entry("last")]})

    found, error = await listed(host)

    assert found == ["first", "last"]
    assert isinstance(error, InvalidResponseError)
    assert [each.summary for each in (error, *error.problems)] == [
        "200, but $.data[1].limit: an amount is needed, not a text",
        "200, but $.data[2].hash: a text is needed, not null",
        "200, but $.data[3]: an object is needed, not a text",
        "200, but $.data[4].hash: required, but missing",
        "200, but $.data[6].hash: it is blank, or has characters that no hash has",
        "200, but $.data[7].hash: it is blank, or has characters that no hash has",
    ]


async def test_an_error_of_an_entry_quotes_no_key() -> None:
    """A key that the server echoes where an amount belongs is in no error."""
    found, error = await listed(Host({"": [entry("a", usage=KEY)]}))

    assert found == []
    assert KEY not in str(error)
    assert KEY not in repr(pickle.dumps(error))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([each.name for each in attrs.fields(ManagedKey)])
ENTRIES = JSON | st.builds(
    lambda fields, name: entry(name) | fields,
    st.dictionaries(FIELDS, JSON | st.sampled_from(["daily", "2026-11-25T10:00:00Z", "1.5"]), max_size=3),
    st.integers(0, 5),
)


@given(st.lists(ENTRIES, max_size=8) | JSON, JSON)
def test_any_page_is_keys_and_errors(data: object, total: object) -> None:
    """`keys()` yields keys, each hash once, and raises none but our errors, for any JSON that is listed."""

    async def hashes() -> list[str]:
        found = []
        answer = reply(200, {"data": data, "total_count": total})
        async with client_of(lambda _, __: answer, 0.0, QUICK) as (client, _):
            with suppress(OpenRouterError):
                async for key in client.account.keys():
                    found.append(key.hash)  # noqa: PERF401 - what came before the error is kept
        return found

    found = run(hashes())

    assert len(found) == len(set(found))


async def test_wrong_entries_on_several_pages_are_told_once() -> None:
    """An entry that cannot be read is known again when it stands on two pages."""
    keys: list[Any] = entries(250)
    keys[99] = {"name": "without a hash"}

    found, error = await listed(Host({"": keys}))

    assert len(found) == 249
    assert error is not None
    assert error.problems == ()


async def test_of_very_many_wrong_entries_the_first_hundred_are_told() -> None:
    """A list of nothing but wrong entries does not fill the memory with errors."""
    found, error = await listed(Host({"": [{"number": number} for number in range(1000)]}))

    assert found == []
    assert error is not None
    assert len(error.problems) == 99


async def test_a_workspace_that_is_forbidden_does_not_hide_the_others() -> None:
    """The keys of all other workspaces are listed, then the error of the forbidden one is raised."""
    keys = {"a": entries(1, "a"), "b": refusal(403, "Forbidden"), "c": entries(1, "c")}

    found, error = await listed(Host(keys), workspaces=["a", "b", "c"])

    assert found == ["a0", "c0"]
    assert type(error) is PermissionDeniedError
    assert error.problems == ()


async def test_further_errors_are_problems_of_the_first() -> None:
    """With several errors the first one is raised; it has the others in its problems, and what it had."""
    keys = {"a": refusal(404, "Gone"), "b": [entry("b"), {}], "c": DOWN}

    found, error = await listed(Host(keys), workspaces=["a", "b", "c"])

    assert found == ["b"]
    assert isinstance(error, NotFoundError)
    assert [type(each) for each in error.problems] == [InvalidResponseError, ServerError]
    assert error.__context__ is None


def test_an_error_that_other_code_shares_is_not_changed() -> None:
    """The error that is raised for several is a copy of the first."""
    first, second, third = NotFoundError("1", status=404), ServerError("2", status=500), OpenRouterError("3")
    first.problems = (third,)
    faults = Faults()
    faults.add(first)
    faults.add(second)

    error = faults.joined()

    assert isinstance(error, NotFoundError)
    assert error.problems == (third, second)
    assert first.problems == (third,)


async def test_a_fault_in_the_middle_is_tried_again_and_doubles_nothing() -> None:
    """A 503 and a broken connection between two pages are tried again, and each key comes once."""
    host = Host({"": entries(350)})
    faults: dict[int, Answer] = {3: DOWN, 4: APIConnectionError("Connection reset"), 6: DOWN}
    host.before = faults.get

    assert await listed(host) == (names(350), None)
    assert len(host.requests) == 1 + 4 + 3


async def test_a_fault_that_stays_is_raised_after_what_was_read() -> None:
    """A page that fails at every try ends its workspace: what was read before was listed."""
    host = Host({"a": entries(150, "a"), "b": entries(1, "b")})
    host.before = lambda number: DOWN if 2 <= number <= 4 else None

    found, error = await listed(host, workspaces=["a", "b"])

    assert found == [*names(100, "a"), "b0"]
    assert isinstance(error, ServerError)
    assert len(error.attempts) == 3


async def test_a_key_that_is_refused_in_the_middle_ends_the_list() -> None:
    """A 401 is raised at once: other workspaces would answer the same."""
    host = Host({"a": entries(150, "a"), "b": entries(1, "b")})
    host.before = lambda number: refusal(401, "User not found.") if number == 2 else None

    found, error = await listed(host, workspaces=["a", "b"])

    assert found == names(100, "a")
    assert isinstance(error, AuthenticationError)
    assert host.paths == ["/keys a", "/keys a"]


async def test_an_ordinary_key_lists_nothing() -> None:
    """An ordinary key is refused with the advice to use a management key."""
    found, error = await listed(Host({"": ONLY_MANAGEMENT}, ONLY_MANAGEMENT))

    assert found == []
    assert isinstance(error, ManagementKeyRequiredError)
    assert "management-keys" in error.remedy


async def test_a_list_that_never_ends_is_an_error_within_ten_requests() -> None:
    """A server that sends the same page for ever is asked ten times at most."""
    host = Host(workspaces=[{"id": "w"}])
    host.before = lambda number: reply(200, {"data": entries(100)}) if number > 1 else None

    found, error = await listed(host)

    assert found == names(100)
    assert isinstance(error, InvalidResponseError)
    assert "does not end" in str(error)
    assert len(host.requests) <= 10


# What a page may have.


async def test_a_full_page_of_long_entries_is_read() -> None:
    """A hundred keys with all documented fields, long names and full amounts fit into the bounds."""
    name = "team: infrastructure, cost centre 4711 / [production] {europe} " * 3
    full = {
        **dict.fromkeys(["usage_daily", "usage_weekly", "usage_monthly"], 123456.789012),
        **dict.fromkeys(["byok_usage", "byok_usage_daily", "byok_usage_weekly"], 123456.789012),
        **dict.fromkeys(["created_at", "updated_at", "last_used_at"], "2026-11-25T10:00:00.123Z"),
        "byok_usage_monthly": 123456.789012,
        "expires_at": "2999-12-31T23:59:59.999Z",
        "limit": 1000000,
        "limit_remaining": 123456.789012,
        "limit_reset": "monthly",
        "include_byok_in_limit": True,
        "creator_user_id": "user_2dHFtVWx2n56w6HkM0000000000",
        "external_user": "customer " * 10,
        "workspace_id": "0df9e665-d932-5740-b2c7-b52af166bc11",
        "external": {"user": "customer " * 10, "id": "1"},
    }
    keys = [entry(f"{number} {name}", **full) for number in range(100)]
    page = json.dumps({"data": keys}).encode()

    found, error = await listed(Host({"": keys}))

    assert error is None
    assert len(found) == 100
    assert sum(page.count(each) for each in b",:[{") < MOST_ELEMENTS / 2
    assert len(page) < 2**20 / 4


async def test_a_page_of_very_many_elements_is_refused_unread() -> None:
    """A page of a third of a million empty objects, a thousand bytes when compressed, is not parsed."""
    body = b'{"data":[' + b"{}," * 340_000 + b"{}]}"

    found, error = await listed(Host(before=lambda _: Reply(200, {}, body)), workspaces="default")

    assert found == []
    assert isinstance(error, InvalidResponseError)
    assert "40000 elements" in str(error)


# Leaving, closing, memory.


async def test_leaving_the_loop_leaves_nothing_running() -> None:
    """After the generator is closed no task is left, and nothing more is asked for."""
    host = Host({"": entries(300)})
    async with client_of(host) as (client, wire):
        async with aclosing(client.account.keys()) as keys:
            async for key in keys:
                if key.name == "150":
                    break

        assert others() == set()
        assert wire.under_way == 0
        await asyncio.sleep(60)
        assert len(host.requests) == 3


async def test_a_loop_that_is_left_without_closing_leaves_nothing_running() -> None:
    """The generators below hold nothing that needs to be ended."""
    host = Host({"": entries(300)})
    async with client_of(host) as (client, wire):
        async for _ in client.account.keys():
            break

        await settle()
        assert others() == set()
        assert wire.under_way == 0


async def test_a_cancelled_list_leaves_nothing_running() -> None:
    """A task that is cancelled while a page is under way ends at once."""
    host = Host({"": entries(300)})
    async with client_of(host, 5.0) as (client, wire):

        async def count() -> int:
            return len(await collected(client.account.keys()))

        counting = asyncio.create_task(count())
        await asyncio.sleep(7)
        counting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await counting

        assert wire.under_way == 0


async def test_closing_the_client_ends_the_list() -> None:
    """The page that is under way when the client is closed, or the next one, is a ClientClosedError."""
    found = []
    async with client_of(Host({"a": entries(300), "b": entries(1)})) as (client, _):
        with pytest.raises(ClientClosedError):
            async for key in client.account.keys(workspaces=["a", "b"]):
                found.append(key)
                await client.close()

    assert len(found) == 100


@pytest.mark.no_cover  # it is quick only without a tracer
@virtual
async def test_a_hundred_thousand_keys_pass_through_a_few_pages_of_memory() -> None:
    """While 100,000 keys are streamed, at most three pages of them are alive at any time."""
    alive: WeakSet[ManagedKey] = WeakSet()
    most = count = 0

    def page(request: Request, _: float) -> Answer:
        offset = int(dict(parse_qsl(urlsplit(request.target).query))["offset"])
        numbers = range(offset, min(100_000, offset + 100))
        keys = ",".join([f'{{"hash":"{each}","label":"k","usage":1,"limit":null}}' for each in numbers])
        return Reply(200, {}, f'{{"data":[{keys}]}}'.encode())

    async with client_of(page) as (client, wire):
        async for key in client.account.keys(workspaces="default"):
            alive.add(key)
            count += 1
            most = max(most, len(alive))

    assert count == 100_000
    assert most <= 300
    assert len(wire.hits) == 1011


# Workspaces.


async def workspaces_of(host: Host) -> AsyncGenerator[Workspace, None]:
    """Read the workspaces of an account."""
    async with client_of(host, 0.0, QUICK) as (client, _), aclosing(client.account.workspaces()) as found:
        async for workspace in found:
            yield workspace


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (99, 1), (100, 2), (101, 2), (250, 3)])
async def test_workspaces_are_listed_a_hundred_a_page(count: int, requests: int) -> None:
    """`workspaces()` yields all in the server's order; the total tells that a short page is the last one."""
    host = Host(workspaces=[{"id": f"w{number}", "name": "Team"} for number in range(count)])

    found = [workspace.id async for workspace in workspaces_of(host)]

    assert found == [f"w{number}" for number in range(count)]
    assert len(host.requests) == requests


async def test_a_workspace_that_cannot_be_read_does_not_hide_the_others() -> None:
    """Workspaces without an id, or with one that no path may have, are an error after all others."""
    host = Host(workspaces=[{"id": "a"}, {"name": "b"}, {"id": "c/../d"}, {"id": "e"}])
    found = []

    with pytest.raises(InvalidResponseError) as caught:
        async for workspace in workspaces_of(host):
            found.append(workspace.id)  # noqa: PERF401 - what came before the error is kept

    assert found == ["a", "e"]
    assert "$.data[1].id" in str(caught.value)
    assert "$.data[2].id" in str(caught.value.problems[0])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(ONLY_MANAGEMENT, ManagementKeyRequiredError), (NO_SUCH_PATH, NotFoundError), (DOWN, ServerError)],
)
async def test_workspaces_that_are_hidden_are_an_error(answer: Answer, kind: type[OpenRouterError]) -> None:
    """`workspaces()` itself raises what it is answered, and stands in for nothing."""
    with pytest.raises(kind):
        await anext(workspaces_of(Host(workspaces=answer)))


# For the check of an account.


async def test_a_listing_yields_errors_beside_keys() -> None:
    """The listing itself yields an entry's error in its place, and what hides the rest as its last item."""
    host = Host({"a": [entry("first"), {}, *entries(99)]})
    host.before = lambda number: DOWN if number > 1 else None
    async with client_of(host, 0.0, QUICK) as (client, _):
        listing = Listing(client._caller, client._managing_key())
        chosen, fault = await listing.choose(("a",))
        selection = Selection(("a",), include_disabled=True, include_expired=True)
        found = await collected(listing.keys_of(chosen[0], selection))

    kinds: Iterable[type] = [type(each) for each in found]
    assert (chosen, fault) == ([Workspace("a")], None)
    assert kinds == [ManagedKey, InvalidResponseError, *[ManagedKey] * 98, ServerError]
