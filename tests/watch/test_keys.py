"""Tests of `client.watch` (`watch/_keys.py`): the watch of a client, its keys and its account."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from openrouter_credits import (
    AuthenticationError,
    CreditsClient,
    KeySpec,
    Level,
    ManagementKeyRequiredError,
    MissingKeyError,
)
from openrouter_credits._call.request import Request
from openrouter_credits.history import History
from openrouter_credits.testing import FakeOpenRouter
from openrouter_credits.watch import Event, Watch
from openrouter_credits.watch._keys import WatchOfKeys
from tests.kit.clock import now, settle, timers, virtual
from tests.kit.hosts import (
    Answer,
    by_key,
    client_of,
    credits_of,
    dead,
    healthy,
    key_of,
    lazily,
    others,
    refusal,
    sent_key,
)
from tests.kit.values import KEY, MASK, ONCE, OTHER_KEY, QUICK, made_up, made_up_keys
from tests.kit.wire import in_this_loop

FORBIDDEN = refusal(403, "Only management keys can perform this operation")
LIMITED = key_of(limit=20, limit_remaining=12)

SOURCES: dict[str, Callable[[], Any]] = {
    "a list": lambda: [KEY, OTHER_KEY],
    "a mapping": lambda: {"a": KEY, "b": OTHER_KEY},
    "specs": lambda: [KeySpec(KEY, "a"), KeySpec(OTHER_KEY, "b", "acme")],
    "an iterator": lambda: iter([KEY, OTHER_KEY]),
    "a generator": lambda: (key for key in (KEY, OTHER_KEY)),
    "an asynchronous source": lambda: lazily([KEY, OTHER_KEY], 0.1),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@virtual
async def test_keys_are_read_once(source: Callable[[], Any]) -> None:
    """Whatever gives the keys is read when the watch is entered, and each look asks for all of them."""
    async with client_of() as (client, wire), client.watch(source()) as watch:
        assert watch.report is not None
        assert len(watch.report.checks) == 2
        await asyncio.sleep(700)

    assert {wire.hits_of(key) for key in (KEY, OTHER_KEY)} == {6}
    assert wire.hits_of(KEY, "/key") == 3


@virtual
async def test_without_keys_the_clients_own_is_watched() -> None:
    """`client.watch()` watches the client's own key, with its management key."""
    async with client_of() as (client, wire):
        async with client.watch() as watch:
            assert [str(subject) for subject in watch.levels] == [f"wallet:{MASK}", f"key:{MASK}"]
        both = client.with_key(KEY, management_key=OTHER_KEY)
        async with both.watch() as watch:
            assert watch.report is not None
            assert wire.hits_of(OTHER_KEY, "/credits") == 1
        manager = client.with_key(KEY, management_key=KEY)
        async with manager.watch() as watch:
            assert watch.report is not None


def test_a_client_without_a_key_watches_keys_of_others() -> None:
    """A client without a key of its own can make a watch; only entering it needs the key."""
    assert isinstance(CreditsClient().watch(), WatchOfKeys)


@pytest.mark.parametrize("keys", [None, [], {}, iter(())])
@virtual
async def test_without_any_key_entering_raises(keys: Any) -> None:
    """Without a key there is nothing to watch."""
    async with CreditsClient() as client:
        with pytest.raises(MissingKeyError):
            async with client.watch(keys):
                raise AssertionError

    assert (others(), timers()) == (set(), [])


def failing() -> Iterable[str]:
    """Give a key, and fail."""
    yield KEY
    raise OSError("the vault is shut")


async def failing_late() -> AsyncIterator[str]:
    """Give a key, and fail."""
    yield KEY
    raise OSError("the vault is shut")


@pytest.mark.parametrize("source", [failing, failing_late])
@virtual
async def test_what_the_keys_raise_entering_raises(source: Callable[[], Any]) -> None:
    """What a source of keys raises is raised when the watch is entered, and is no failed look."""
    async with client_of() as (client, wire):
        with pytest.raises(OSError, match="the vault is shut"):
            async with client.watch(source()):
                raise AssertionError

    assert (wire.hits, others()) == ([], set())


@virtual
async def test_an_account_with_two_management_keys_is_not_watched() -> None:
    """What every look would raise of the list, entering raises."""
    specs = [KeySpec(KEY, "a", "acme", made_up("x")), KeySpec(OTHER_KEY, "b", "acme", made_up("y"))]
    async with client_of() as (client, wire):
        with pytest.raises(ValueError, match="account 'acme' has two management keys"):
            async with client.watch(specs):
                raise AssertionError

    assert wire.hits == []


@virtual
async def test_a_key_that_sees_nothing_is_not_watched() -> None:
    """A key without a limit that may not read its wallet is an error when the watch is entered."""
    async with client_of(by_key({KEY: {"/credits": FORBIDDEN}})) as (client, _):
        with pytest.raises(ManagementKeyRequiredError):
            async with client.watch():
                raise AssertionError


@virtual
async def test_a_limit_is_watched_without_the_wallet() -> None:
    """A key with a limit that may not read its wallet is watched by that, and the wallet is `unwatched`."""
    host = by_key({KEY: {"/credits": FORBIDDEN, "/key": LIMITED}})
    async with client_of(host) as (client, _), client.watch(warn=15) as watch:
        event = await anext(watch)
        assert (event.kind, event.subject.kind) == ("low", "key")
        assert [reading.subject.kind for reading in watch.unwatched] == ["wallet"]


@virtual
async def test_a_dead_host_is_watched_until_it_answers() -> None:
    """A watch that begins while the host is down says so once, and goes on when it answers."""
    async with client_of(dead(3000), retry=ONCE) as (client, _), client.watch() as watch:
        assert watch.age is None
        kinds = [(await anext(watch)).kind, (await anext(watch)).kind]

    assert kinds == ["stale", "fresh"]


@virtual
async def test_a_client_that_is_closed_is_a_failed_look() -> None:
    """If the client is closed while the watch runs, the watch goes on, and says that it is blind."""
    async with client_of() as (client, _), client.watch() as watch:
        await client.close()
        assert (await anext(watch)).kind == "stale"


@virtual
async def test_requests_are_no_burst() -> None:
    """With 1,000 keys, no minute after the first look has more than 1.1 times the mean of all."""
    async with client_of() as (client, wire), client.watch(made_up_keys(1000)):
        first = len(wire.hits)
        assert wire.hits[-1].at < 60
        await asyncio.sleep(1500)

    assert first == 2000
    later = [hit.at for hit in wire.hits[first:]]
    mean = len(later) * 60 / (later[-1] - later[0])
    starts = range(int(later[0]), int(later[-1]) - 60, 10)
    most = max(bisect_left(later, start + 60) - bisect_left(later, start) for start in starts)
    assert most <= 1.1 * mean
    assert mean == pytest.approx(2000 / 5, rel=0.06)


@virtual
async def test_a_wallet_below_critical_is_looked_at_each_minute() -> None:
    """A wallet below critical is asked for each minute, and none of the keys beside it."""
    poor = by_key({made_up("manager"): {"/credits": credits_of(100, 97)}})
    specs = [KeySpec(made_up(name), name, "acme", made_up("manager")) for name in "abc"]
    async with client_of(poor) as (client, wire), client.watch([*specs, KeySpec(KEY, "rich")]):
        await asyncio.sleep(250)

    assert wire.hits_of(made_up("manager"), "/credits") == 5
    assert wire.hits_of(made_up("a"), "/key") == 5
    assert wire.hits_of(made_up("b"), "/key") == 1
    assert wire.hits_of(KEY) == 2


@virtual
async def test_keys_of_one_name_are_told_apart_when_one_is_looked_at_alone() -> None:
    """Alone, a key has the same subject as beside the other of its name: nothing is said twice."""
    poor = by_key({KEY: {"/key": key_of(limit=10, limit_remaining=3)}})
    specs = [KeySpec(KEY, "bot"), KeySpec(OTHER_KEY, "bot")]
    async with client_of(poor) as (client, wire), client.watch(specs) as watch:
        before = dict(watch.levels)
        assert (await anext(watch)).kind == "critical"
        await asyncio.sleep(200)
        assert watch.levels == before
        assert list(watch._feed._events) == []
        assert watch.report is not None
        assert [check.name for check in watch.report.checks] == ["bot", "bot"]

    assert wire.hits_of(KEY, "/key") == 4


@pytest.mark.parametrize("is_first", [True, False])
@virtual
async def test_alone_a_wallet_is_read_with_the_management_key_of_its_account(is_first: bool) -> None:
    """A key that is looked at alone sees the wallet by the management key that stands beside another key."""
    manager = made_up("manager")
    host = by_key(
        {
            KEY: {"/key": key_of(limit=10, limit_remaining=3), "/credits": FORBIDDEN},
            manager: {"/credits": credits_of(100, 20)},
        }
    )
    specs = [KeySpec(KEY, "poor", "acme"), KeySpec(OTHER_KEY, "rich", "acme", manager)]
    async with client_of(host) as (client, _), client.watch(specs if is_first else specs[::-1]) as watch:
        await asyncio.sleep(100)
        assert {str(subject): level for subject, level in watch.levels.items()} == {
            "wallet:acme": Level.OK,
            "key:acme/poor": Level.CRITICAL,
            "key:acme/rich": Level.OK,
        }


@virtual
async def test_alone_a_key_that_does_not_see_its_wallet_takes_another_along() -> None:
    """The wallet is not taken for unread because one of its keys may not see it."""
    host = by_key({KEY: {"/key": key_of(limit=10, limit_remaining=3), "/credits": FORBIDDEN}})
    third = made_up("third")
    specs = [KeySpec(key, name, "acme") for key, name in [(KEY, "a"), (OTHER_KEY, "b"), (third, "c")]]
    async with client_of(host) as (client, wire), client.watch(specs, every=3600) as watch:
        await asyncio.sleep(1500)
        assert {str(subject): level for subject, level in watch.levels.items()}["wallet:acme"] == Level.OK
        assert [event.kind for event in watch._feed._events] == ["critical"]

    assert wire.hits_of(OTHER_KEY) == wire.hits_of(KEY) > 40
    assert wire.hits_of(third) == 2


@virtual
async def test_beside_a_look_that_is_spread_some_are_looked_at_each_minute() -> None:
    """A look at 1,000 keys holds up no look at some alone, whose requests are no burst either."""
    keys = made_up_keys(1000)
    poor = by_key({key: {"/key": key_of(limit=10, limit_remaining=3)} for key in keys[:200]})
    async with client_of(poor) as (client, wire), client.watch(keys):
        await asyncio.sleep(290)
        first = len(wire.hits)
        await asyncio.sleep(3000)

    later = [hit.at for hit in wire.hits[first:]]
    mean = len(later) * 60 / (later[-1] - later[0])
    starts = range(int(later[0]), int(later[-1]) - 60, 10)
    most = max(bisect_left(later, start + 60) - bisect_left(later, start) for start in starts)
    assert most <= 1.1 * mean
    of_one = [hit.at for hit in wire.hits[first:] if (hit.key, hit.path) == (keys[0], "/key")]
    assert max(later - earlier for earlier, later in pairwise(of_one)) < 65


@virtual
async def test_a_wallet_of_many_keys_is_looked_at_with_one_of_them() -> None:
    """A wallet that 1,000 keys share is two requests a minute; filled up, it is looked at with all others."""
    manager, left = made_up("manager"), 3
    specs = [KeySpec(key, f"key {place}", "acme", manager) for place, key in enumerate(made_up_keys(1000))]

    def host(request: Request, at: float) -> Answer:
        return credits_of(100, 100 - left) if request.target == "/credits" else healthy(request, at)

    async with client_of(host) as (client, wire), client.watch(specs) as watch:
        assert (await anext(watch)).kind == "critical"
        first = len(wire.hits)
        await asyncio.sleep(200)
        assert len(wire.hits) - first == 2 * 3
        left = 90
        assert (await anext(watch)).kind == "recovered"
        assert watch.report is not None
        assert [str(wallet.credits and wallet.credits.remaining) for wallet in watch.report.wallets()] == [
            "90"
        ]
        await asyncio.sleep(600)
        first = wire.hits_of(manager)
        await asyncio.sleep(600)
        assert wire.hits_of(manager) - first <= 3


@virtual
async def test_a_key_and_the_wallet_that_was_read_with_it_agree() -> None:
    """What a look at a key alone has read of its wallet is what the report shows of it."""
    manager, left = made_up("manager"), 50

    def host(request: Request, at: float) -> Answer:
        if request.target == "/credits":
            return credits_of(100, 100 - left)
        return key_of(limit=10, limit_remaining=3) if sent_key(request) == OTHER_KEY else healthy(request, at)

    specs = [KeySpec(KEY, "rich", "acme", manager), KeySpec(OTHER_KEY, "poor", "acme", manager)]
    async with client_of(host) as (client, _), client.watch(specs) as watch:
        assert (await anext(watch)).subject.name == "poor"
        left = 8
        event = await anext(watch)
        assert (event.kind, event.amount) == ("low", 8)
        assert watch.report is not None
        assert [wallet.credits and wallet.credits.remaining for wallet in watch.report.wallets()] == [8]


@virtual
async def test_a_look_at_a_wallet_alone_names_all_its_keys() -> None:
    """What is learnt from one key of a wallet names all keys that spend from it."""
    spent = 97

    def host(request: Request, at: float) -> Answer:
        is_wallet = request.target == "/credits"
        return credits_of(100, spent) if is_wallet else healthy(request, at)

    specs = [KeySpec(made_up(name), name, "acme", made_up("manager")) for name in "abc"]
    async with client_of(host) as (client, _), client.watch(specs) as watch:
        began, spent = now(), 101
        events = [await anext(watch), await anext(watch)]

    assert now() - began < 100
    assert [(event.kind, event.keys) for event in events] == [
        ("critical", ("a", "b", "c")),
        ("depleted", ("a", "b", "c")),
    ]


# The fake.


def moving(fake_began: float) -> Callable[[], datetime]:
    """Return a clock for a fake, that goes with the virtual time."""
    began = datetime(2026, 11, 25, 12, tzinfo=UTC)
    return lambda: began + timedelta(seconds=now() - fake_began)


async def test_an_account_is_watched() -> None:
    """`account=True` watches all keys of the account, those that are made later too, and names them."""
    async with in_this_loop(FakeOpenRouter(now=moving(now()))) as fake:
        acme = fake.add_account(credits="100", usage="70")
        manager = acme.add_key(management=True)
        acme.add_key(name="bot", limit="50")
        acme.add_key(name="off", disabled=True)
        async with CreditsClient(management_key=manager, base_url=fake.url) as client:
            async with client.watch(account=True) as watch:
                assert watch.report is not None
                assert [check.name for check in watch.report.checks] == ["bot"]
                fake.spend(acme.add_key(name="late", limit="5"), "4.5")
                event = await anext(watch)
                assert (event.kind, event.subject.name) == ("critical", "late")
                await asyncio.sleep(100)
            before = len(fake.requests)
            await asyncio.sleep(1000)
            assert len(fake.requests) == before
    await settle()


async def test_an_ordinary_key_watches_no_account() -> None:
    """`account=True` needs a management key: without one, entering raises."""
    async with in_this_loop(FakeOpenRouter()) as fake:
        key = fake.add_account(credits="100").add_key()
        async with CreditsClient(key, base_url=fake.url) as client:
            with pytest.raises(ManagementKeyRequiredError):
                async with client.watch(account=True):
                    raise AssertionError
        async with CreditsClient(management_key=made_up("x"), base_url=fake.url) as client:
            with pytest.raises(AuthenticationError):
                async with client.watch(account=True):
                    raise AssertionError
    await settle()


async def test_two_watches_of_one_client() -> None:
    """One client serves two watches, each of which says everything."""
    async with in_this_loop(FakeOpenRouter()) as fake:
        acme = fake.add_account(credits="100", usage="95.5")
        manager, key = acme.add_key(management=True), acme.add_key()
        client = CreditsClient(key, management_key=manager, base_url=fake.url)
        async with client, client.watch() as one, client.watch(account=True, warn=5) as other:
            assert [(await anext(one)).kind, (await anext(other)).kind] == ["critical", "low"]
    await settle()


@pytest.mark.real_time
async def test_a_watch_in_real_time(tmp_path: Any) -> None:
    """Over real sockets, with a history: a wallet runs low, is filled up, and nothing is left behind."""
    async with FakeOpenRouter() as fake:
        acme = fake.add_account(credits="100", usage="70")
        manager, key = acme.add_key(management=True), acme.add_key(limit="500")
        heard: list[Event] = []
        async with CreditsClient(key, management_key=manager, base_url=fake.url, retry=QUICK) as client:
            async with client.watch(every=0.2, store=History(tmp_path / "history.db")) as watch:
                assert set(watch.levels.values()) == {Level.OK}
                fake.spend(key, "25.50")
                heard.append(await anext(watch))
                acme.credits += 50
                heard.append(await anext(watch))
            assert others() == set()
        assert [event.kind for event in heard] == ["critical", "recovered"]


# Arguments.


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"account": True, "keys": [KEY]}, TypeError, "account=True"),
        ({"account": "yes"}, TypeError, "account is True or False"),
        ({"keys": KEY}, TypeError, "keys come in a list"),
        ({"every": 59}, ValueError, "at least 60"),
        ({"every": 0}, ValueError, "every is a finite number of seconds above 0"),
        ({"warn": 1, "critical": 2}, ValueError, "warn is at least critical"),
        ({"clear_after": 0}, ValueError, "clear_after"),
        ({"expiring": "7"}, TypeError, "expiring"),
        ({"store": "history.db"}, TypeError, "store is a History"),
    ],
)
def test_arguments_are_checked_at_the_call(options: Any, kind: type[Exception], message: str) -> None:
    """A wrong argument is refused when the watch is made, not when it is entered."""
    with pytest.raises(kind, match=message):
        CreditsClient(KEY).watch(**options)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/api", "http://localhost/api", "https://[::1]/api"])
def test_a_server_on_this_machine_may_be_asked_more_often(url: str) -> None:
    """Only a server on this machine is looked at more often than each minute."""
    assert isinstance(CreditsClient(KEY, base_url=url).watch(every=0.2), Watch)
    assert isinstance(CreditsClient(KEY).watch(every=60), Watch)
