"""The account of a management key: all of its keys, though they come and go, and parts of it may fail."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal

import pytest

from openrouter_credits import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    CheckReport,
    ClientClosedError,
    CreditsClient,
    InvalidResponseError,
    Level,
    ManagedKey,
    ManagementKeyRequiredError,
    MissingKeyError,
    OpenRouterError,
    PermissionDeniedError,
    ServerError,
)
from tests.kit.clock import settle
from tests.kit.values import KEY, levels_of
from tests.kit.wire import (
    CLOSE,
    HANG,
    Connect,
    Received,
    Serve,
    Step,
    Wire,
    bound_socket,
    refusal,
    reply,
    sends,
)

from ._ledger import DEFAULT, OTHER, PAGE, Ledger, entries, entry, hash_of, number_of, path_of, workspace_of

if TYPE_CHECKING:
    from ._sinks import Watch
    from .conftest import Manage

pytestmark = pytest.mark.row(74)

DOWN = refusal(503, "Down")
FORBIDDEN = refusal(403, "Only management keys can perform this operation")


async def listed(client: CreditsClient, **options: Any) -> list[int]:
    """List the keys of the account by their numbers."""
    return [number_of(key) async for key in client.account.keys(**options)]


async def read_into(numbers: list[int], client: CreditsClient, **options: Any) -> None:
    """Note the number of each key as it comes."""
    async for key in client.account.keys(**options):
        numbers.append(number_of(key))  # noqa: PERF401 - an error must not take the list with it


async def listed_before_the_error(
    client: CreditsClient, fault: Watch, kind: type[OpenRouterError], **options: Any
) -> tuple[list[int], OpenRouterError]:
    """List the keys of the account that are yielded before it raises an error of this class."""
    numbers: list[int] = []

    error = await fault.error(kind, read_into(numbers, client, **options))
    return numbers, error


# What it costs.


async def test_a_thousand_keys_take_a_dozen_requests(serve: Serve, manage: Manage, fault: Watch) -> None:
    """1,000 keys in one workspace take at most 13 requests to list and 14 to check; the order is kept."""
    server = await serve(Ledger({DEFAULT: entries(*range(1000))}).wire)
    client = manage(server)

    numbers = await fault.value(listed(client))
    listing = server.hits
    report = await fault.value(client.account.check())

    assert numbers == list(range(1000))
    assert listing <= 13
    assert server.hits - listing <= 14
    assert [number_of(check.managed_key) for check in report.checks] == numbers
    assert {asked.key for asked in server.received} == {KEY}


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 199, 200, 300])
async def test_a_list_of_any_length_is_whole(count: int, serve: Serve, manage: Manage, fault: Watch) -> None:
    """A list that just fills its pages, or is empty, is read to its end, with a page too many at most."""
    server = await serve(Ledger({DEFAULT: entries(*range(count))}).wire)

    numbers = await fault.value(listed(manage(server)))

    assert numbers == list(range(count))
    assert server.hits <= 2 + -(-count // (PAGE - 1))


async def test_the_keys_of_all_workspaces_are_listed(serve: Serve, manage: Manage, fault: Watch) -> None:
    """1,000 keys in 120 workspaces, most of them empty, are all listed, and checked against one wallet."""
    workspaces: dict[str, list[dict[str, Any]]] = {f"{place}-workspace": [] for place in range(120)}
    for place, (first, last) in {0: (0, 400), 7: (400, 401), 50: (401, 900), 119: (900, 1000)}.items():
        workspaces[f"{place}-workspace"] = entries(*range(first, last))
    server = await serve(Ledger(workspaces).wire)
    client = manage(server)

    numbers = await fault.value(listed(client))
    listing = server.hits
    report = await fault.value(client.account.check())

    assert sorted(numbers) == list(range(1000))
    assert listing <= 2 + 120 + 12
    assert server.hits - listing <= 2 + 120 + 12 + 1 + 120
    assert len(report.checks) == 1000
    assert len({check.wallet_id for check in report.checks}) == 1
    assert [path_of(asked) for asked in server.received].count("/credits") == 1


@pytest.mark.parametrize(
    ("workspaces", "numbers"),
    [("default", [1, 2]), ([OTHER], [3]), ([OTHER, DEFAULT], [3, 1, 2]), ((), [])],
    ids=["default", "one", "two", "none"],
)
async def test_workspaces_can_be_chosen(
    workspaces: Any, numbers: list[int], serve: Serve, manage: Manage, fault: Watch
) -> None:
    """With `workspaces=`, only those are read, and nobody asks which ones there are."""
    server = await serve(Ledger({DEFAULT: entries(1, 2), OTHER: entries(3)}).wire)
    client = manage(server)

    found = await fault.value(listed(client, workspaces=workspaces))
    report = await fault.value(client.account.check(workspaces=workspaces))

    assert found == numbers
    assert [number_of(check.managed_key) for check in report.checks if check.managed_key] == numbers
    assert "/workspaces" not in {path_of(asked) for asked in server.received}


# Keys that come and go.


def new_ones(count: int) -> Callable[[list[Any], int], None]:
    """Create keys before each page, which come first."""
    return lambda keys, page: keys.__setitem__(slice(0, 0), entries(*_fresh(page, count)))


def gone_ones(first: int, last: int) -> Callable[[list[Any], int], None]:
    """Delete the keys of these places before each page."""
    return lambda keys, _: keys.__delitem__(slice(first, last))


def _fresh(page: int, count: int) -> list[int]:
    return [10_000 * page + place for place in range(count)]


def last_read(keys: list[Any], page: int) -> None:
    """Delete the last key that was read."""
    del keys[page * (PAGE - 1) - (page - 1)]


CHANGES: dict[str, tuple[Callable[[list[Any], int], None], int]] = {
    "1 new": (new_ones(1), 5),
    "7 new": (new_ones(7), 5),
    "99 new": (new_ones(99), 3),
    "100 new": (new_ones(100), 3),
    "150 new": (new_ones(150), 1),
    "1 gone": (gone_ones(0, 1), 5),
    "50 gone": (gone_ones(0, 50), 5),
    "99 gone": (gone_ones(0, 99), 5),
    "150 gone": (gone_ones(0, 150), 5),
    "20 gone around the place": (gone_ones(90, 110), 5),
    "4 gone at the end": (gone_ones(-5, -1), 5),
    "the last one that was read": (last_read, 5),
}
"""Changes, and before how many pages they happen."""


@pytest.mark.parametrize(("change", "times"), CHANGES.values(), ids=CHANGES)
async def test_keys_that_come_and_go_hide_and_double_no_other(
    change: Callable[[list[Any], int], None], times: int, serve: Serve, manage: Manage, fault: Watch
) -> None:
    """Keys created or deleted before some pages: all others are listed once, and nothing twice."""
    ledger = Ledger({DEFAULT: entries(*range(1000))})
    pages = 0

    def before(asked: Received) -> None:
        nonlocal pages
        pages += path_of(asked) == "/keys"
        if 2 <= pages <= 1 + times and path_of(asked) == "/keys":
            change(ledger.keys[DEFAULT], pages - 1)

    ledger.before = before
    server = await serve(ledger.wire)

    numbers = await fault.value(listed(manage(server)))

    left = {int(key["hash"], 16) for key in ledger.keys[DEFAULT]} & set(range(1000))
    assert len(set(numbers)) == len(numbers)
    assert left - set(numbers) == set()
    assert server.hits <= 40


@pytest.mark.parametrize("seed", range(12))
async def test_a_busy_account_hides_and_doubles_no_key(
    seed: int, serve: Serve, manage: Manage, fault: Watch
) -> None:
    """Up to 30 keys created and 30 deleted, anywhere, before each page: the others are listed once."""
    chance = random.Random(seed)
    ledger = Ledger({DEFAULT: entries(*range(600))})
    fresh = iter(range(10_000, 20_000))

    def before(asked: Received) -> None:
        keys = ledger.keys[DEFAULT]
        if path_of(asked) == "/keys" and len(keys) > 100:
            for _ in range(chance.randrange(30)):
                del keys[chance.randrange(len(keys))]
            keys[:0] = entries(*(next(fresh) for _ in range(chance.randrange(30))))

    ledger.before = before
    server = await serve(ledger.wire)

    numbers = await fault.value(listed(manage(server)))

    left = {int(key["hash"], 16) for key in ledger.keys[DEFAULT]} & set(range(600))
    assert len(set(numbers)) == len(numbers)
    assert left - set(numbers) == set()


async def test_a_page_that_vanishes_is_never_passed_over_in_silence(
    serve: Serve, manage: Manage, fault: Watch
) -> None:
    """If 400 keys around the place are deleted at once, the others are listed once, or it is an error."""
    ledger = Ledger({DEFAULT: entries(*range(1000))})
    pages = 0

    def before(asked: Received) -> None:
        nonlocal pages
        pages += path_of(asked) == "/keys"
        if pages == 6:
            del ledger.keys[DEFAULT][250:650]

    ledger.before = before
    server = await serve(ledger.wire)
    numbers: list[int] = []

    outcome = await fault(read_into(numbers, manage(server)))

    left = {int(key["hash"], 16) for key in ledger.keys[DEFAULT]}
    assert len(set(numbers)) == len(numbers)
    assert isinstance(outcome.error, InvalidResponseError) or left <= set(numbers)


# Lists that are none.


def same_page(_: int) -> list[dict[str, Any]]:
    """Take no notice of the offset."""
    return entries(*range(PAGE))


def circle(offset: int) -> list[dict[str, Any]]:
    """Begin anew behind the last key."""
    return entries(*((offset + place) % 250 for place in range(PAGE)))


def shuffled(offset: int) -> list[dict[str, Any]]:
    """Take no notice of the offset, nor of any order."""
    numbers = list(range(PAGE))
    random.Random(offset).shuffle(numbers)
    return entries(*numbers)


def one_key(_: int) -> list[dict[str, Any]]:
    """Fill a page with one key."""
    return entries(*[7] * PAGE)


@pytest.mark.parametrize("page", [same_page, circle, shuffled, one_key])
async def test_pages_without_end_are_an_error_within_ten_requests(
    page: Callable[[int], list[dict[str, Any]]], serve: Serve, manage: Manage, fault: Watch
) -> None:
    """A list that brings the same keys again and again raises InvalidResponseError; no key comes twice."""
    ledger = Ledger({DEFAULT: []})
    ledger.before = lambda asked: (
        reply(200, {"data": page(int(asked.target.partition("offset=")[2].partition("&")[0]))})
        if path_of(asked) == "/keys"
        else None
    )
    server = await serve(ledger.wire)

    numbers, _ = await listed_before_the_error(manage(server), fault, InvalidResponseError)

    assert server.hits <= 10
    assert len(set(numbers)) == len(numbers)


async def test_workspaces_without_end_are_an_error_within_ten_requests(
    serve: Serve, manage: Manage, fault: Watch
) -> None:
    """A list of workspaces that never ends raises InvalidResponseError, after the keys that could be read."""
    endless = {"data": [{"id": f"w{number}", "name": "w"} for number in range(PAGE)], "total_count": 10**6}
    ledger = Ledger({f"w{number}": entries(number) for number in range(PAGE)})
    ledger.before = lambda asked: reply(200, endless) if path_of(asked) == "/workspaces" else None
    server = await serve(ledger.wire)

    numbers, _ = await listed_before_the_error(manage(server), fault, InvalidResponseError)

    assert numbers in ([], list(range(PAGE)))
    assert [path_of(asked) for asked in server.received].count("/workspaces") <= 10


BROKEN: dict[str, object] = {
    "no data": {},
    "a list": [],
    "null": {"data": None},
    "an object": {"data": {}},
    "a text": {"data": "x"},
    "null inside": {"data": [None]},
    "a list inside": {"data": [[]]},
    "no hash": {"data": [{"name": "a"}]},
    "a blank hash": {"data": [{**entry(1), "hash": ""}]},
    "a number as hash": {"data": [{**entry(1), "hash": 5}]},
    "no usage": {"data": [{**entry(1), "usage": None}]},
    "a text as usage": {"data": [{**entry(1), "usage": "x"}]},
    "NaN as limit": {"data": [{**entry(1), "limit": float("nan")}]},
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
async def test_a_page_that_is_none_is_an_error(
    body: object, serve: Serve, manage: Manage, fault: Watch
) -> None:
    """A page of `/keys` without entries that have a hash and amounts raises InvalidResponseError."""
    ledger = Ledger({DEFAULT: []})
    ledger.before = lambda asked: reply(200, body) if path_of(asked) == "/keys" else None
    server = await serve(ledger.wire)

    await fault.error(InvalidResponseError, listed(manage(server)))

    assert server.hits <= 3


# Servers that are a little different.


async def test_smaller_pages_lose_no_key(serve: Serve, manage: Manage, fault: Watch) -> None:
    """A server whose pages are smaller than documented is read to its end."""
    for size in (2, 3, 10, 50, 99):
        ledger = Ledger({DEFAULT: entries(*range(250))}, page=size)
        server = await serve(ledger.wire)

        assert await fault.value(listed(manage(server))) == list(range(250))
        assert server.hits <= 3 + 250 // (size - 1)


async def test_a_server_that_ignores_the_query_lists_nothing_twice(
    serve: Serve, manage: Manage, fault: Watch
) -> None:
    """If workspace and filters are ignored, each key that was asked for is there once, and no other one."""
    every = [
        entry(1, workspace_id=DEFAULT),
        entry(2, workspace_id=OTHER),
        entry(3, workspace_id=OTHER, disabled=True),
        entry(4, workspace_id=OTHER, expires_at="2026-01-01T00:00:00Z"),
    ]
    server = await serve(Ledger({DEFAULT: every, OTHER: every}).wire)
    client = manage(server)

    default = await fault.value(listed(client))
    enabled = await fault.value(listed(client, include_disabled=False))
    report = await fault.value(client.account.check(include_disabled=False, include_expired=True))

    assert default == [1, 2, 3]
    assert enabled == [1, 2]
    assert sorted(number_of(check.managed_key) for check in report.checks) == [1, 2, 4]


async def test_a_long_listing_is_no_single_call(serve: Serve, manage: Manage, fault: Watch) -> None:
    """The policy's deadline is for each request: with one of 5 s, 20 pages of a second each are read."""
    ledger = Ledger({DEFAULT: entries(*range(1900))})
    server = await serve(late(1.0, ledger))
    client = manage(server)

    numbers = await fault.value(listed(client), deadline=30)
    report = await fault.value(client.account.check(), deadline=30)

    assert len(numbers) == len(report.checks) == 1900


async def test_a_page_of_long_names_fits(serve: Serve, manage: Manage, fault: Watch) -> None:
    """100 keys whose names have 1,000 characters each are one page, and are listed."""
    names = ["\N{LATIN SMALL LETTER A WITH DIAERESIS}" * 1000, '"\\' * 500, "a, b: c " * 30]
    ledger = Ledger({DEFAULT: [entry(number, name=names[number % 3]) for number in range(PAGE)]})
    server = await serve(ledger.wire)

    assert await fault.value(listed(manage(server))) == list(range(PAGE))


async def test_what_is_not_told_of_a_key_is_never_ok(serve: Serve, manage: Manage, fault: Watch) -> None:
    """A limit without what is left of it, or a key that may be disabled, is not OK; without it, it is."""
    bare = {name: entry(1)[name] for name in ("hash", "label", "usage", "limit", "name")}
    entries_ = [
        entry(1),
        entry(2, limit=30, limit_remaining=None),
        {**bare, "hash": hash_of(3)},
        entry(4, disabled="perhaps"),
        entry(5, expires_at="soon"),
    ]
    server = await serve(Ledger({DEFAULT: entries_}).wire)

    report = await fault.value(manage(server).account.check())

    assert [check.level() for check in report.checks] == [Level.OK, *[Level.UNKNOWN] * 4]


async def test_names_of_others_break_no_line(serve: Serve, manage: Manage, fault: Watch) -> None:
    """A name with line breaks and terminal escapes is one printable line in each sentence."""
    server = await serve(Ledger({DEFAULT: [entry(1, name="a\x1b[31m\nb: OK\u202e")]}).wire)

    report = await fault.value(manage(server).account.check())

    assert str(report.checks[0]).isprintable()
    assert str(report).isprintable()


@pytest.mark.parametrize("wrong", [KEY, [KEY], [OTHER, f"x{KEY}"], "team", [5], 5, [""], ["a/b"], ["a&b=c"]])
async def test_wrong_workspaces_are_not_sent(wrong: Any, serve: Serve, manage: Manage, fault: Watch) -> None:
    """A text that is no id of a workspace, such as a key, is refused before any request, and not shown."""
    server = await serve(DOWN)
    client = manage(server)

    for call in (lambda: listed(client, workspaces=wrong), lambda: client.account.check(workspaces=wrong)):
        outcome = await fault(call(), also=(TypeError, ValueError))
        assert isinstance(outcome.error, TypeError | ValueError)

    assert server.hits == 0


def late(wait: float, ledger: Ledger) -> Step:
    """Answer as a ledger does, some seconds later."""

    async def behave(wire: Wire) -> None:
        await asyncio.sleep(wait)
        await ledger.wire(wire)

    return behave


# Faults in the middle.


@pytest.mark.parametrize(
    "step",
    [DOWN, CLOSE, sends(end="reset"), sends(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", end="close")],
    ids=["503", "disconnect", "reset", "cut"],
)
async def test_a_fault_in_the_middle_is_tried_again(
    step: Step, serve: Serve, manage: Manage, fault: Watch
) -> None:
    """If one page fails once, it is asked for again: no key is lost or twice."""
    ledger = Ledger({DEFAULT: entries(*range(300))})
    server = await serve(*[ledger.wire] * 3, step, ledger.wire)

    numbers = await fault.value(listed(manage(server)))

    assert numbers == list(range(300))
    assert server.lines[3] == server.lines[4]
    assert len(set(server.lines)) == server.hits - 1


@pytest.mark.parametrize(
    ("answer", "kind", "hits"),
    [
        (FORBIDDEN, ManagementKeyRequiredError, 1),
        (refusal(403, "No"), PermissionDeniedError, 1),
        (DOWN, ServerError, 3),
    ],
    ids=["a management key is needed", "forbidden", "down"],
)
async def test_a_workspace_that_fails_hides_no_other(
    answer: bytes, kind: type[OpenRouterError], hits: int, serve: Serve, manage: Manage, fault: Watch
) -> None:
    """The keys of the other workspaces are listed, then its error is raised; its check is one UNKNOWN."""
    ledger = Ledger({DEFAULT: entries(1, 2), OTHER: entries(3), "3-third": entries(4)})
    ledger.before = lambda asked: (
        answer if path_of(asked) == "/keys" and workspace_of(asked) == OTHER else None
    )
    server = await serve(ledger.wire)

    numbers, _ = await listed_before_the_error(manage(server), fault, kind)
    asked = [workspace_of(asked) for asked in server.received if path_of(asked) == "/keys"]
    report: CheckReport = await fault.value(manage(server).account.check())

    assert numbers == [1, 2, 4]
    assert asked.count(OTHER) == hits
    assert levels_of(report.checks) == {Level.OK: 3, Level.UNKNOWN: 1}
    (failed,) = (check for check in report.checks if check.error is not None)
    assert (type(failed.error), failed.name, failed.managed_key) == (kind, "Team 2", None)
    assert "Team 2" in str(failed)
    assert report.level() is Level.UNKNOWN
    assert [check.index for check in report.checks] == [0, 1, 2, 3]


async def test_a_workspace_that_fails_in_the_middle_keeps_what_was_read(
    serve: Serve, manage: Manage, fault: Watch
) -> None:
    """If the second page of a workspace fails, the keys of its first page are there, and so is its error."""
    ledger = Ledger({DEFAULT: entries(*range(150)), OTHER: entries(900)})
    ledger.before = lambda asked: DOWN if "offset=99" in asked.target else None
    server = await serve(ledger.wire)

    numbers, _ = await listed_before_the_error(manage(server), fault, ServerError)
    report = await fault.value(manage(server).account.check())

    assert numbers == [*range(100), 900]
    assert levels_of(report.checks) == {Level.OK: 101, Level.UNKNOWN: 1}


async def test_a_key_that_is_refused_in_the_middle_ends_at_once(
    serve: Serve, manage: Manage, fault: Watch
) -> None:
    """If the management key is deleted meanwhile, that request raises AuthenticationError at once."""
    ledger = Ledger({DEFAULT: entries(*range(150)), OTHER: entries(900)})
    ledger.before = lambda asked: refusal(401, "User not found.") if "offset=99" in asked.target else None
    server = await serve(ledger.wire)

    numbers, _ = await listed_before_the_error(manage(server), fault, AuthenticationError)
    listing = server.hits
    await fault.error(AuthenticationError, manage(server).account.check())

    assert numbers == list(range(100))
    assert listing == 3


async def test_a_page_that_never_comes_is_one_unknown(serve: Serve, manage: Manage, fault: Watch) -> None:
    """If a page hangs for ever, what was read is told, and one UNKNOWN outcome for the rest."""
    ledger = Ledger({DEFAULT: entries(*range(150)), OTHER: entries(900)})

    async def behave(wire: Wire) -> None:
        await (HANG if "offset=99" in wire.received.target else ledger.wire)(wire)

    client = manage(await serve(behave), timeout=0.5)

    report = await fault.value(client.account.check(), deadline=6)

    assert levels_of(report.checks) == {Level.OK: 101, Level.UNKNOWN: 1}
    assert [type(check.error) for check in report.checks if check.error] == [APITimeoutError]


async def test_a_limit_of_requests_is_waited_for(serve: Serve, manage: Manage, fault: Watch) -> None:
    """A 429 with Retry-After on every third request is waited for; no key is lost or twice."""
    ledger = Ledger({DEFAULT: entries(*range(500))})
    asked = 0

    def before(_: Received) -> bytes | None:
        nonlocal asked
        asked += 1
        return refusal(429, "Slow", "Retry-After: 1") if asked % 3 == 0 else None

    ledger.before = before
    server = await serve(ledger.wire)

    assert await fault.value(listed(manage(server)), deadline=30) == list(range(500))


async def test_of_several_errors_none_is_lost(serve: Serve, manage: Manage, fault: Watch) -> None:
    """If two workspaces fail, the report has an outcome for each, with its own error and name."""
    ledger = Ledger({DEFAULT: entries(1), OTHER: [], "3-third": []})
    failing = {OTHER: DOWN, "3-third": refusal(403, "No")}
    ledger.before = lambda asked: failing.get(str(workspace_of(asked))) if path_of(asked) == "/keys" else None
    server = await serve(ledger.wire)

    report = await fault.value(manage(server).account.check())

    assert {check.name: type(check.error) for check in report.checks if check.error} == {
        "Team 2": ServerError,
        "Team 3": PermissionDeniedError,
    }


@pytest.mark.parametrize("status", [403, 404])
async def test_without_a_list_of_workspaces_the_default_one_is_read(
    status: int, serve: Serve, manage: Manage, fault: Watch
) -> None:
    """If `/workspaces` is forbidden or missing, the keys of the default workspace are listed and checked."""
    ledger = Ledger({DEFAULT: entries(1, 2), OTHER: entries(3)})
    ledger.before = lambda asked: refusal(status, "No") if path_of(asked) == "/workspaces" else None
    server = await serve(ledger.wire)

    numbers = await fault.value(listed(manage(server)))
    report = await fault.value(manage(server).account.check())

    assert numbers == [1, 2]
    assert levels_of(report.checks) == {Level.OK: 2}
    assert {workspace_of(asked) for asked in server.received if path_of(asked) == "/keys"} == {None}


async def test_workspaces_that_cannot_be_read_now_are_an_error(
    serve: Serve, manage: Manage, fault: Watch
) -> None:
    """If `/workspaces` is down, the default workspace is read, but not taken for all: the error is told."""
    ledger = Ledger({DEFAULT: entries(1, 2), OTHER: entries(3)})
    ledger.before = lambda asked: DOWN if path_of(asked) == "/workspaces" else None
    server = await serve(ledger.wire)

    numbers, _ = await listed_before_the_error(manage(server), fault, ServerError)
    report = await fault.value(manage(server).account.check())

    assert numbers == [1, 2]
    assert levels_of(report.checks) == {Level.OK: 2, Level.UNKNOWN: 1}
    assert [type(check.error) for check in report.checks if check.error] == [ServerError]


async def test_a_refused_management_key_is_one_error(serve: Serve, manage: Manage, fault: Watch) -> None:
    """A management key that OpenRouter does not know raises AuthenticationError, and is not used again."""
    server = await serve(refusal(401, "User not found."))

    numbers, _ = await listed_before_the_error(manage(server), fault, AuthenticationError)
    listing = server.hits
    await fault.error(AuthenticationError, manage(server).account.check())

    assert numbers == []
    assert listing == 1
    assert server.hits <= 1 + 2


async def test_an_ordinary_key_is_told_what_it_needs(serve: Serve, connect: Connect, fault: Watch) -> None:
    """An ordinary key raises ManagementKeyRequiredError, whose remedy says where to make a management key."""
    server = await serve(FORBIDDEN)
    client = connect(server)

    for call in (lambda: listed(client), lambda: client.account.key("abc"), client.account.check):
        error = await fault.error(ManagementKeyRequiredError, call())
        assert "management key" in error.remedy


async def test_without_a_key_nothing_is_sent(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A client without any key raises MissingKeyError for each method of its account, before any request."""
    server = await serve(DOWN)
    client = connect(server, None)
    account = client.account

    for call in (
        lambda: listed(client),
        account.check,
        lambda: account.key("abc"),
        lambda: account.create_key("bot"),
        lambda: account.update_key("abc", name="bot"),
        lambda: account.delete_key("abc"),
    ):
        await fault.error(MissingKeyError, call())

    assert server.hits == 0


# Streams.


class _Endless:
    """A list of 10,000 keys of which nothing is kept."""

    count = 10_000

    def __getitem__(self, place: slice) -> list[dict[str, Any]]:
        return entries(*range(place.start, min(place.stop, self.count)))


async def test_ten_thousand_keys_are_streamed(serve: Serve, manage: Manage, fault: Watch) -> None:
    """While 10,000 keys are listed, those of three pages are held at most; each page is one request."""
    keys: Any = _Endless()
    server = await serve(Ledger({DEFAULT: keys}).wire)

    async def count_keys() -> tuple[int, int]:
        most = count = 0
        async for key in manage(server).account.keys():
            assert number_of(key) == count
            count += 1
            if count % 995 == 0:
                most = max(most, sum(isinstance(each, ManagedKey) for each in gc.get_objects()))
        return count, most

    count, most = await fault.value(count_keys())

    assert count == 10_000
    assert 0 < most <= 3 * PAGE
    assert server.hits <= 2 + 10_000 // (PAGE - 1) + 1


async def test_a_listing_that_is_left_early_asks_for_no_more(
    serve: Serve, manage: Manage, fault: Watch
) -> None:
    """A caller who takes ten keys of 1,000 and leaves has caused one page, and leaves nothing behind."""
    server = await serve(Ledger({DEFAULT: entries(*range(1000))}).wire)
    client = manage(server)

    async def first_ten() -> list[int]:
        numbers = []
        async with aclosing(client.account.keys()) as keys:
            async for key in keys:
                numbers.append(number_of(key))
                if len(numbers) == 10:
                    break
        return numbers

    assert await fault.value(first_ten()) == list(range(10))
    assert server.hits == 2


@pytest.mark.parametrize("what", ["keys", "check"])
async def test_a_cancelled_call_leaves_nothing(
    what: Literal["keys", "check"], serve: Serve, manage: Manage, fault: Watch
) -> None:
    """A listing or a check that is cancelled at its third page ends at once; the next call works."""
    ledger = Ledger({DEFAULT: entries(*range(300))})
    server = await serve(*[ledger.wire] * 3, sends(end="hang"), ledger.wire)
    client = manage(server)

    before = asyncio.all_tasks()

    ended = await fault.cut_short(listed(client) if what == "keys" else client.account.check())
    await settle()

    assert isinstance(ended, asyncio.CancelledError)
    assert asyncio.all_tasks() - before - server._tasks == set()
    assert len(await fault.value(listed(client))) == 300


@pytest.mark.parametrize("what", ["keys", "check"])
async def test_a_client_that_closes_ends_a_listing(
    what: Literal["keys", "check"], serve: Serve, manage: Manage, fault: Watch
) -> None:
    """A listing and a check whose client is closed raise ClientClosedError, as each other call does."""
    ledger = Ledger({DEFAULT: entries(*range(300))})
    server = await serve(*[ledger.wire] * 3, sends(end="hang"))
    client = manage(server)

    ended = await fault.cut_short(
        listed(client) if what == "keys" else client.account.check(), by=client.close
    )

    assert type(ended) is ClientClosedError


async def test_a_dead_host_is_one_error(manage: Manage, fault: Watch) -> None:
    """If nothing listens, keys and check raise APIConnectionError."""
    with bound_socket() as sock:
        client = manage(f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1")

        for call in (lambda: listed(client), client.account.check, lambda: client.account.key(hash_of(1))):
            await fault.error(APIConnectionError, call())
