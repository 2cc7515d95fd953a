"""The looks of `watch`: keys and whole accounts together, spread, and at some subjects alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from openrouter_credits import ApiKey, AuthenticationError, CheckReport, CreditsClient, KeySpec
from openrouter_credits.cli._keyspecs import WholeAccount
from openrouter_credits.cli._looks import Looks, spread
from openrouter_credits.cli._options import Reading
from openrouter_credits.cli._seen import Seen
from openrouter_credits.history import Subject
from openrouter_credits.testing import FakeOpenRouter
from tests.kit.clock import lap
from tests.kit.wire import in_this_loop

Entries = list[KeySpec | WholeAccount]


@asynccontextmanager
async def world() -> AsyncIterator[tuple[FakeOpenRouter, CreditsClient, Entries, Seen]]:
    """Make two keys of acme, and all keys of globex."""
    async with in_this_loop(FakeOpenRouter()) as fake:
        acme, globex = fake.add_account(credits=30), fake.add_account(credits=50)
        manager = acme.add_key(management=True)
        for number in range(3):
            globex.add_key(name=f"web-{number}", limit=5)
        entries: Entries = [KeySpec(acme.add_key(limit=7), name, "acme", manager) for name in "ab"]
        entries.append(WholeAccount("globex", globex.add_key(management=True)))
        async with CreditsClient("unused", base_url=fake.url) as client:
            yield fake, client, entries, Seen()


def names(report: CheckReport) -> list[tuple[int, str | None, str | None]]:
    """List the index, account and name of each outcome."""
    return [(check.index, check.account, check.name) for check in report.checks]


async def test_a_look_reads_keys_and_accounts_together() -> None:
    """One report has the keys in their order, and then the keys of the accounts."""
    async with world() as (_, client, entries, seen):
        report = await Looks(client, entries, Reading(), 300, seen).whole()

    assert [("acme", "a"), ("acme", "b")] == [each[1:] for each in names(report)[:2]]
    assert {("globex", f"web-{number}") for number in range(3)} == {each[1:] for each in names(report)[2:]}
    assert list(range(5)) == [each[0] for each in names(report)]
    assert {Subject("wallet", "acme"), Subject("wallet", "globex")} <= set(seen.sights)


async def test_some_subjects_are_looked_at_alone() -> None:
    """A key is looked at again by itself, under its name; a listed key with all keys of its account."""
    async with world() as (fake, client, entries, seen):
        looks = Looks(client, entries, Reading(), 300, seen)
        whole = await looks.whole()
        listed = next(each for each in seen.sights if each.kind == "key" and each.account == "globex")
        before = len(fake.requests)
        one = await looks.alone([Subject("key", "acme", "b")])
        of_key = [request.path for request in fake.requests[before:]]
        wallet = await looks.alone([Subject("wallet", "acme")])
        others = await looks.alone([listed])
        none = await Looks(client, entries, Reading(), 300, seen).alone([listed])

    assert [("acme", "b")] == [each[1:] for each in names(one)]
    assert {"/credits", "/key"} == set(of_key)
    assert [("acme", "a")] == [each[1:] for each in names(wallet)]
    assert [each[1:] for each in names(whole)[2:]] == [each[1:] for each in names(others)]
    assert () == none.checks
    assert len(seen.sights) == 7


@pytest.mark.parametrize(
    ("keys", "every", "rate"),
    [(299, 300, None), (300, 300, 301 / 285), (1000, 300, 1001 / 285), (0, 60, None)],
)
def test_only_a_large_look_is_spread(keys: int, every: float, rate: float | None) -> None:
    """A look of more than one request a second is spread over 95 % of the time; a wallet is one request."""
    manager = ApiKey("sk-or-v1-made-up-manager")
    specs = [KeySpec(f"sk-or-v1-made-up-{number}", None, "acme", manager) for number in range(keys)]

    assert rate == spread(specs, every)


async def test_the_first_look_is_at_once_and_later_ones_are_spread() -> None:
    """With 3 requests and looks every 2 s, the first look takes no time, and the second is spread."""
    async with world() as (_, client, entries, seen):
        looks = Looks(client, entries[:2], Reading(), 2, seen)
        with lap() as first:
            await looks.whole()
        with lap() as second:
            await looks.whole()

    assert first.elapsed < 0.1
    assert 1 < second.elapsed < 1.9


async def test_an_account_alone_that_cannot_be_listed_raises() -> None:
    """If there is nothing but one account, and its management key is refused, the look raises that."""
    async with world() as (_, client, entries, seen):
        refused = WholeAccount("acme", ApiKey("sk-or-v1-nobody"))
        with pytest.raises(AuthenticationError) as raised:
            await Looks(client, [refused], Reading(), 300, seen).whole()
        report = await Looks(client, [*entries[:2], refused], Reading(), 300, seen).whole()

    assert raised.value.is_of_management_key
    assert 3 == len(report.checks)


async def test_a_look_that_is_broken_is_seen() -> None:
    """A look that raises leaves its error to be shown."""
    async with world() as (_, client, entries, seen):
        looks = Looks(client, entries, Reading(concurrency=0), 300, seen)
        with pytest.raises(Exception, match="concurrency"):
            await looks.whole()

    assert "concurrency" in str(seen.error)
