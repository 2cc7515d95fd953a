"""Tests of `watch/_looks.py`: the looks of a client, with hosts made of functions."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from openrouter_credits import CheckReport, CreditsClient, KeySpec
from openrouter_credits.history import read_subjects
from openrouter_credits.watch._looks import Looks, count_requests, renewed
from tests.kit.clock import now, virtual
from tests.kit.hosts import client_of
from tests.kit.reports import allowance, listed, managed, report
from tests.kit.values import DOWN, KEY, NOW, OTHER_KEY, made_up, made_up_keys

MANAGER, OTHER_MANAGER = made_up("a manager"), made_up("another manager")


@pytest.mark.parametrize(
    ("specs", "requests"),
    [
        ([KeySpec(KEY)], 2),  # the key, and its wallet
        ([KeySpec(KEY), KeySpec(OTHER_KEY)], 4),
        ([KeySpec(KEY), KeySpec(KEY, name="again")], 2),
        ([KeySpec(KEY, management_key=MANAGER), KeySpec(OTHER_KEY, management_key=MANAGER)], 3),
        ([KeySpec(KEY, account="acme", management_key=MANAGER), KeySpec(OTHER_KEY, account="acme")], 3),
        ([KeySpec(KEY, management_key=MANAGER), KeySpec(OTHER_KEY)], 4),
        ([KeySpec(KEY, management_key=MANAGER), KeySpec(OTHER_KEY, management_key=OTHER_MANAGER)], 4),
        ([KeySpec("no key"), KeySpec(KEY)], 2),
        ([KeySpec(MANAGER, management_key=MANAGER)], 2),
    ],
)
def test_the_requests_of_a_look_are_counted(specs: list[KeySpec], requests: int) -> None:
    """A look asks once for each key, and once for each wallet that is read with one key."""
    assert count_requests(specs) == requests


@pytest.mark.parametrize("spec", [KeySpec(KEY), KeySpec(KEY, management_key=MANAGER), KeySpec("no key")])
async def test_as_many_requests_are_made_as_were_counted(spec: KeySpec) -> None:
    """The number of requests that is counted before a look is the number that it makes."""
    async with client_of() as (client, wire):
        looks = looks_at(client, spec)
        await looks.at_all()

    assert len(wire.hits) == count_requests([spec])


def looks_at(client: CreditsClient, *keys: str | KeySpec, every: float = 300) -> Looks:
    """Make the looks at some keys."""
    looks = Looks(client, every)
    looks.begin(tuple([key if isinstance(key, KeySpec) else KeySpec(key) for key in keys]))
    return looks


@virtual
async def test_later_looks_at_many_keys_are_spread() -> None:
    """The first look at 1,000 keys is at once; a later one takes 95 % of the time, at an even pace."""
    async with client_of() as (client, wire):
        looks = looks_at(client, *made_up_keys(1000))
        await looks.at_all()
        began = now()
        assert wire.hits[-1].at < 60
        wire.hits.clear()

        found = await looks.at_all()

        assert 0.94 * 300 <= now() - began <= 300
    assert len(found.checks) == 1000
    minutes = Counter(int(hit.at - wire.hits[0].at) // 60 for hit in wire.hits)
    assert max(minutes.values()) <= 1.1 * len(wire.hits) / 5


async def test_looks_at_few_keys_are_not_spread() -> None:
    """A look at some keys takes no longer than its answers."""
    async with client_of(latency=0.05) as (client, _):
        looks = looks_at(client, KEY, OTHER_KEY)
        for _ in range(2):
            began = now()
            await looks.at_all()
            assert now() - began < 1


async def test_subjects_are_looked_at_alone() -> None:
    """A look at some subjects asks for one key of each, and names the outcomes as the look at all did."""
    specs = [
        KeySpec(made_up(name), name, account, MANAGER)
        for name, account in [("a", "acme"), ("b", "acme"), ("c", None)]
    ]
    async with client_of() as (client, wire):
        looks = looks_at(client, *specs, KeySpec(KEY, "alone"), KeySpec(OTHER_KEY, "another"))
        everything = await looks.at_all()
        subjects = {str(reading.subject): reading.subject for reading in read_subjects(everything).readings}
        wire.hits.clear()

        part = await looks.alone([subjects["wallet:alone"], subjects["wallet:acme"]])

    assert {hit.key for hit in wire.hits} == {made_up("a"), MANAGER, KEY}
    assert [(check.index, check.name, check.account) for check in part.checks] == [
        (0, "a", "acme"),
        (3, "alone", None),
    ]
    found = {str(reading.subject) for reading in read_subjects(part).readings}
    assert found >= {"wallet:acme", "wallet:alone"}


async def test_a_subject_that_is_gone_is_not_looked_at() -> None:
    """Subjects that the last look did not have are left out."""
    async with client_of() as (client, wire):
        looks = looks_at(client, KEY)
        (reading, *_) = read_subjects(await looks.at_all()).readings
        wire.hits.clear()

        part = await looks.alone([evolve(reading.subject, name="gone")])

    assert (part, wire.hits) == (CheckReport(()), [])


async def test_before_a_look_at_all_nothing_is_looked_at_alone() -> None:
    """Without a look at all, no subject is known."""
    async with client_of() as (client, _):
        assert await looks_at(client, KEY).alone([]) == CheckReport(())


def amounts(found: CheckReport) -> list[str]:
    """List the amounts that the wallets hold."""
    return [str(wallet.credits and wallet.credits.remaining) for wallet in found.wallets()]


LATER = NOW + timedelta(seconds=1)


def test_a_newer_outcome_takes_the_place_of_an_older_one() -> None:
    """Of a key that was looked at alone meanwhile, the newer outcome counts; so it does for its wallet."""
    old = report("4.80", ["a", "b"], at=NOW)
    new = CheckReport(report("30", ["a"], at=LATER).checks)

    found = renewed(old, new)

    assert amounts(found) == ["30"]
    assert [check.name for check in found.checks] == ["a", "b"]
    assert found.checks[1] is old.checks[1]


@pytest.mark.parametrize(
    "part",
    [
        report("30", ["a"], at=NOW - timedelta(seconds=1)),
        report("30", ["c"], at=LATER),
        report("30", ["a"], account="other", at=LATER),
        report("30", {"a": allowance()}, masks={"a": "sk-or-v1-oth...oth"}, at=LATER),
        report(DOWN, {"a": DOWN}, at=LATER),
    ],
    ids=["older", "another name", "another account", "another key", "unread"],
)
def test_other_outcomes_change_nothing(part: CheckReport) -> None:
    """Older outcomes, those of other keys, and those that read nothing do not count."""
    old = report("4.80", ["a", "b"], at=NOW)

    assert renewed(old, part).checks == old.checks


def test_an_outcome_takes_the_place_of_none() -> None:
    """A key that the look at all could not read is known if a look at it alone could."""
    old = report(DOWN, {"a": DOWN}, at=LATER)

    assert amounts(renewed(old, report("30", ["a"], at=NOW))) == ["30"]


def test_listed_keys_are_told_apart_by_their_hash() -> None:
    """Keys of an account may have the same name."""
    same: Any = {"name": "bot", "label": "sk-or-v1-bot...bot"}
    first, second = (evolve(managed(name, "5"), **same) for name in "12")
    old = listed("30", first, second, at=NOW)
    new = listed("30", evolve(second, limit_remaining=Decimal(1)), at=LATER)

    found = renewed(old, new)

    left = [check.managed_key and check.managed_key.limit_remaining for check in found.checks]
    assert left == [Decimal(5), Decimal(1)]
