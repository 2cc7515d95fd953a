"""Two looks at one unchanged world, one of them with faults: each limit is the same subject in both."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from attrs import define

from openrouter_credits import ApiKey, CheckReport, CreditsClient, KeySpec, OpenRouterError
from openrouter_credits.history import Reading, Readings, Subject, read_subjects
from openrouter_credits.testing import Disconnect, FakeAccount, FakeBudget, FakeOpenRouter, Reply
from openrouter_credits.testing._scripts import Scripts
from openrouter_credits.watch import Alarm
from tests.kit.values import QUICK
from tests.kit.wire import in_this_loop

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOOK = timedelta(minutes=5)
PATHS = ["/credits", "/key", "/keys", "/workspaces", "/workspaces/{workspace_ref}/budgets"]
CLOUDFLARE = Reply(403, b"<html>", (("cf-ray", "1"),))
FAULTS: list[Reply | Disconnect] = [
    Reply(500),
    Reply(401),
    Reply(429),
    Reply(200, b"{}"),
    Reply(200, b"[]"),
    CLOUDFLARE,
    Disconnect(),
]


@define
class World:
    """Two accounts on a fake server."""

    fake: FakeOpenRouter
    acme: FakeAccount
    boss: ApiKey
    keys: list[ApiKey]
    other_boss: ApiKey
    others: list[ApiKey]

    async def look(self, way: str) -> CheckReport:
        """Read the world in one of the ways there are."""
        if way == "accounts":
            return CheckReport.merged([await self._account(self.boss), await self._account(self.other_boss)])
        if way == "account":
            return await self._account(self.boss)
        async with CreditsClient(base_url=self.fake.url, retry=QUICK) as client:
            return await client.check_all(self._specs(way))

    async def look_at_faults(self, way: str) -> CheckReport:
        """Do as `look` does; a look that fails as a whole has an empty report. Scripts end with it."""
        try:
            return await self.look(way)
        except OpenRouterError:
            return CheckReport(())
        finally:
            self.fake._scripts = Scripts()

    async def _account(self, boss: ApiKey) -> CheckReport:
        async with CreditsClient(management_key=boss, base_url=self.fake.url, retry=QUICK) as client:
            return await client.account.check(include_expired=True)

    def _specs(self, way: str) -> list[KeySpec]:
        match way:
            case "named":
                mine = [KeySpec(key, f"k{place}", "acme", self.boss) for place, key in enumerate(self.keys)]
                theirs = [KeySpec(key, f"o{place}", "other") for place, key in enumerate(self.others)]
                return [*mine, *theirs, KeySpec(self.keys[0], "again", "acme")]
            case "unnamed":
                return [KeySpec(key) for key in (*self.keys, *self.others, self.keys[0])]
            case "of one name":
                return [KeySpec(key, "bot") for key in (*self.keys, *self.others, self.boss)]
            case _:  # management keys among the others
                managers = [KeySpec(self.boss), KeySpec(self.other_boss, "boss"), KeySpec(self.boss, "x")]
                return [*managers, *[KeySpec(key, "bot", "acme") for key in self.keys]]


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    """Make keys of one name, disabled and expired ones, budgets that are shared and budgets of one key."""
    async with in_this_loop(FakeOpenRouter(now=lambda: NOW)) as fake:
        acme, other = fake.add_account(credits=100, usage=95), fake.add_account(credits=5)
        boss, other_boss = acme.add_key(management=True), other.add_key(management=True)
        team = acme.add_workspace("team")
        team.add_budget(5, "monthly")
        team.add_budget(500)
        own = [FakeBudget("member", 10, 5, "daily"), FakeBudget("api_key", 10, 7, "weekly")]
        keys = [
            *[acme.add_key(name="bot", workspace=team, limit=3, limit_reset="monthly") for _ in range(2)],
            acme.add_key(name="a/b:c", limit=20, usage=16, budgets=own),
            acme.add_key(name="ci", workspace=team),
            acme.add_key(name="off", disabled=True, limit=5),
            acme.add_key(name="old", expires_at=NOW - timedelta(days=3)),
        ]
        others = [
            other.add_key(name="bot", limit=4),
            other.add_key(name="bot", credits_reply="zeros"),
            other.add_key(name="bot", credits_reply="real"),
        ]
        yield World(fake, acme, boss, keys, other_boss, others)


def may_be_new(reading: Reading) -> bool:
    """Tell whether a look with faults may find a subject more: a management key that /key did not tell of."""
    return reading.subject.kind == "key" and (not reading.is_read or reading.stop == "refused")


def by_subject(found: Readings) -> dict[Subject, Reading]:
    """Return the readings by their subjects, each of which is told once."""
    readings = {reading.subject: reading for reading in found.readings}
    assert len(readings) == len(found.readings)
    return readings


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("way", ["account", "accounts", "named", "unnamed", "of one name", "with managers"])
async def test_faults_change_no_subject(way: str, seed: int) -> None:
    """Whatever fails, nothing is new, nothing that was listed is gone, and no amount is told again."""
    chance = random.Random(seed)
    async with a_world() as world:
        alarm = Alarm()
        good = by_subject(read_subjects(first := await world.look(way)))
        alarm.consider(first, NOW)

        for number in range(1, 6):
            for path in PATHS:
                times = chance.choice([0, 0, 1, 3, 6])
                world.fake.script(path, *[chance.choice(FAULTS) for _ in range(times)])
            report = await world.look_at_faults(way)
            found = read_subjects(report)
            told = by_subject(found)

            assert all(may_be_new(told[subject]) for subject in told.keys() - good.keys())
            gone = {each for each in good.keys() - told.keys() if found.is_gone(each)}
            assert {each.kind for each in gone} <= {"budget"}  # of a key that is refused
            kinds = {event.kind for event in alarm.consider(report, NOW + number * LOOK)}
            assert kinds <= {"stale", "fresh", "invalid", "recovered"}

        assert by_subject(read_subjects(await world.look(way))).keys() == good.keys()


@pytest.mark.parametrize("way", ["account", "accounts"])
async def test_another_name_of_a_listed_key_is_no_news(way: str) -> None:
    """A key that is given another name in its account goes on as it was, also after a restart."""
    async with a_world() as world:
        alarm = Alarm()
        first = await world.look(way)
        said = alarm.consider(first, NOW)
        assert "low" in {event.kind for event in said} or "critical" in {event.kind for event in said}
        async with CreditsClient(management_key=world.boss, base_url=world.fake.url, retry=QUICK) as client:
            for check in first.checks:
                if check.managed_key is not None and check.account == str(world.boss):
                    await client.account.update_key(check.managed_key.hash, name=f"new {check.name}")

        second = await world.look(way)
        other = Alarm(state=alarm.state)

        assert other.consider(second, NOW + LOOK) == ()
        assert any(str(subject).endswith("/new bot") for subject in other.levels)
