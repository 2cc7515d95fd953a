"""The check of a whole account on a socket: the wallet, and what is told of each key."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import CheckReport, KeySpec, Level, ServerError
from openrouter_credits.testing import FakeOpenRouter
from tests.kit.values import KEY, MASK, levels_of, stopped_clock
from tests.kit.wire import Connect, Serve, in_this_loop, refusal, reply

from ._ledger import DEFAULT, Ledger, entries, entry, hash_of, path_of

if TYPE_CHECKING:
    from ._sinks import Watch
    from .conftest import Manage

pytestmark = pytest.mark.row(74)

DOWN = refusal(503, "Down")


async def test_an_account_without_keys_is_told_by_its_wallet(
    serve: Serve, manage: Manage, fault: Watch
) -> None:
    """The check of an account without keys tells its wallet, and has its level."""
    ledger = Ledger({DEFAULT: []})
    server = await serve(ledger.wire)
    client = manage(server)

    full = await fault.value(client.account.check())
    ledger.credits = {"total_credits": 5, "total_usage": "5.01"}
    empty = await fault.value(client.account.check())

    assert (full.level(), full.total().known) == (Level.OK, Decimal("74.75"))
    assert (empty.level(), empty.total().owed) == (Level.DEPLETED, Decimal("0.01"))


async def test_a_report_is_json_without_a_secret(serve: Serve, manage: Manage, fault: Watch) -> None:
    """The JSON of a report has the hash of each key, its name and amounts as numbers, and no key."""
    server = await serve(Ledger({DEFAULT: [entry(7, limit=30, limit_remaining=12.5)]}).wire)

    report = await fault.value(manage(server).account.check())
    text = report.to_json()

    (check,) = json.loads(text)["checks"]
    assert check["managed_key"]["hash"] == hash_of(7)
    assert check["managed_key"]["limit_remaining"] == 12.5
    assert (check["name"], check["account"]) == ("key 7", MASK)
    assert KEY[12:-4] not in text


async def test_a_wallet_that_cannot_be_read_is_a_problem_of_each_key(
    serve: Serve, manage: Manage, fault: Watch
) -> None:
    """If `/credits` is down, no key is OK by its limit alone, and a low limit is told all the same."""
    capped = entry(2, limit=20, limit_remaining=15.5)
    low = entry(3, limit=20, limit_remaining=1)
    ledger = Ledger({DEFAULT: [entry(1), capped, low]})
    ledger.before = lambda asked: DOWN if path_of(asked) == "/credits" else None
    server = await serve(ledger.wire)

    report = await fault.value(manage(server).account.check())

    assert [check.level() for check in report.checks] == [Level.UNKNOWN, Level.UNKNOWN, Level.CRITICAL]
    assert all(check.status is not None for check in report.checks)
    assert {
        type(problem) for check in report.checks if check.status for problem in check.status.problems
    } == {ServerError}


async def test_a_zero_wallet_is_confirmed_once(serve: Serve, manage: Manage, fault: Watch) -> None:
    """A wallet of 0/0 is asked about with one `/key`; only if that is a management key, it is a balance."""
    ledger = Ledger({DEFAULT: entries(*range(150))}, credits={"total_credits": 0, "total_usage": 0})
    info = {"label": MASK, "usage": 0, "limit": None, "is_management_key": True}
    ledger.before = lambda asked: reply(200, {"data": info}) if path_of(asked) == "/key" else None
    server = await serve(ledger.wire)

    sure = await fault.value(manage(server).account.check())
    asked = [path_of(asked) for asked in server.received]
    info["is_management_key"] = False
    unsure = await fault.value(manage(server).account.check())

    assert levels_of(sure.checks) == {Level.DEPLETED: 150}
    assert asked.count("/key") == 1
    assert levels_of(unsure.checks) == {Level.UNKNOWN: 150}


# What is told of each key.


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenRouter]:
    """Run a stand-in for OpenRouter, whose day does not end during a test."""
    async with in_this_loop(FakeOpenRouter(now=stopped_clock())) as fake:
        yield fake


async def test_each_key_is_judged_as_it_would_be_by_itself(
    fake: FakeOpenRouter, connect: Connect, fault: Watch
) -> None:
    """A disabled and an expired key are INVALID; a limit is the key's own; without one, the wallet counts."""
    acme = fake.add_account(credits="100.50", usage="25.75")
    boss = acme.add_key(management=True)
    secrets = [
        acme.add_key(name="free"),
        acme.add_key(name="capped", limit=30, limit_reset="monthly", usage="27.25"),
        acme.add_key(name="spent", limit=5, usage=5),
        acme.add_key(name="off", disabled=True),
        acme.add_key(name="old", expires_at=datetime(2026, 1, 1, tzinfo=UTC)),
        acme.add_key(name="soon", expires_at=datetime(2100, 1, 1, tzinfo=UTC)),
    ]
    fault.secrets.update(key.reveal() for key in (boss, *secrets))
    client = connect(fake, None, management_key=boss)

    report = await fault.value(client.account.check(include_expired=True))

    told = {
        check.name: (check.level(), str(check.status.spendable.amount), check.status.spendable.bound_by)
        for check in report.checks
        if check.status is not None
    }
    assert told == {
        "free": (Level.OK, "74.75", "wallet"),
        "capped": (Level.CRITICAL, "2.75", "key_limit"),
        "spent": (Level.DEPLETED, "0", "key_limit"),
        "off": (Level.INVALID, "0", "disabled"),
        "old": (Level.INVALID, "0", "expired"),
        "soon": (Level.OK, "74.75", "wallet"),
    }
    assert {check.account for check in report.checks} == {str(boss)}
    assert [check.name for check in report.checks] == ["soon", "old", "off", "spent", "capped", "free"]
    assert {check.label for check in report.checks} == {str(key) for key in secrets}
    assert len(report.wallets()) == 1
    assert report.total().known == Decimal("74.75")


async def test_disabled_and_expired_keys_are_left_out_if_so_asked(
    fake: FakeOpenRouter, connect: Connect, fault: Watch
) -> None:
    """By default disabled keys are listed and expired ones are not; each can be chosen, also in a check."""
    acme = fake.add_account(credits=50)
    boss = acme.add_key(management=True)
    acme.add_key(name="good")
    acme.add_key(name="off", disabled=True)
    acme.add_key(name="old", expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    client = connect(fake, None, management_key=boss)
    choices: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {"good", "off"}),
        ({"include_disabled": False}, {"good"}),
        ({"include_expired": True}, {"good", "off", "old"}),
        ({"include_disabled": False, "include_expired": True}, {"good", "old"}),
    ]

    for options, names in choices:
        found = {key.name async for key in client.account.keys(**options)}
        report = await fault.value(client.account.check(**options))

        assert found == names
        assert {check.name for check in report.checks} == names


async def test_a_budget_of_the_workspace_limits_its_keys(
    fake: FakeOpenRouter, connect: Connect, fault: Watch
) -> None:
    """The spending of a workspace's keys is subtracted from its budget; it limits no other workspace."""
    acme = fake.add_account(credits=100)
    boss, team = acme.add_key(management=True), acme.add_workspace("Team")
    team.add_budget(20, "monthly")
    first, second = acme.add_key(name="a", workspace=team), acme.add_key(name="b", workspace=team)
    acme.add_key(name="c")
    fake.spend(first, 12)
    fake.spend(second, "5.50")

    report = await fault.value(connect(fake, None, management_key=boss).account.check())

    told = {check.name: check.status.spendable for check in report.checks if check.status is not None}
    for name in ("a", "b"):
        assert (told[name].amount, told[name].bound_by) == (Decimal("2.5"), "workspace")
        assert told[name].resets_at is not None
    assert (told["c"].amount, told["c"].bound_by) == (Decimal("82.5"), "wallet")
    paths = [request.path for request in fake.requests]
    assert paths.count(f"/workspaces/{team.id}/budgets") == 1


async def test_a_key_is_told_as_check_all_tells_it(
    fake: FakeOpenRouter, connect: Connect, fault: Watch
) -> None:
    """The check of an account gives the levels, amounts and limits that a check of its secrets gives."""
    acme = fake.add_account(credits="100.50", usage="25.75")
    boss, team = acme.add_key(management=True), acme.add_workspace("Team")
    team.add_budget(60, "weekly")
    secrets = [
        acme.add_key(name="free"),
        acme.add_key(name="capped", limit=30, limit_reset="daily", usage="3.17"),
        acme.add_key(name="team", workspace=team, limit=500),
        acme.add_key(name="spent", limit=5, usage="5.01"),
    ]
    fake.spend(secrets[2], 5)
    names = ("free", "capped", "team", "spent")
    client = connect(fake, None, management_key=boss)

    whole = await fault.value(client.account.check())
    single = await fault.value(
        client.check_all(
            [KeySpec(secret, name, management_key=boss) for secret, name in zip(secrets, names, strict=True)]
        )
    )

    def told(report: CheckReport) -> dict[str | None, Any]:
        return {
            check.name: (check.level(), check.status.spendable.amount, check.status.spendable.bound_by)
            for check in report.checks
            if check.status is not None
        }

    assert told(whole) == told(single)
    assert len(told(whole)) == 4


async def test_reports_of_accounts_can_be_merged(
    fake: FakeOpenRouter, connect: Connect, fault: Watch
) -> None:
    """Two accounts in one report have two wallets, an exact sum, and outcomes that are numbered anew."""
    bosses = []
    for credits in ("0.10", "0.20"):
        acme = fake.add_account(credits=credits)
        bosses.append(acme.add_key(management=True))
        acme.add_key(name="a")
        acme.add_key(name="b")

    reports = [await fault.value(connect(fake, None, management_key=boss).account.check()) for boss in bosses]
    merged = CheckReport.merged(reports)

    assert merged.total().known == Decimal("0.30")
    assert len(merged.wallets()) == 2
    assert [check.index for check in merged.checks] == [0, 1, 2, 3]
    assert [check.account for check in merged.checks] == [str(boss) for boss in bosses for _ in range(2)]
