"""Workspaces, and the budgets that their keys share."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest

from openrouter_credits.testing import FakeAccount, FakeOpenRouter
from tests.testing.conftest import TUESDAY, Caller, Clock, calling


async def test_keys_of_a_workspace_share_its_budget(call: Caller, acme: FakeAccount) -> None:
    """The spending of one key counts for all keys of its workspace, which show the same `budget_id`."""
    team = acme.add_workspace("Team")
    budget = team.add_budget(20, "monthly", spend="2.50")
    keys = [acme.add_key(workspace=team), acme.add_key(workspace=team, limit=5)]
    stranger = acme.add_key()

    call.fake.spend(keys[0], "3.20")
    call.fake.spend(stranger, 9)
    budget.spend(1)
    shared = [(await call.data("/key", key))["budgets"][0] for key in keys]

    assert shared[0] == shared[1]
    assert ("workspace", budget.id, Decimal("6.7"), Decimal("13.3"), "monthly") == tuple(
        shared[0][name] for name in ("scope", "budget_id", "spend_usd", "remaining_usd", "reset_interval")
    )
    assert (Decimal("6.7"), Decimal("13.3")) == (budget.spend_usd, budget.remaining_usd)
    assert [] == (await call.data("/key", stranger))["budgets"]


async def test_a_shared_budget_starts_anew_and_can_be_raised() -> None:
    """A workspace's budget is whole again in its next window; another limit may be assigned."""
    clock = Clock(TUESDAY)
    async with FakeOpenRouter(now=clock) as fake, calling(fake) as call:
        acme = fake.add_account()
        budget = acme.workspace.add_budget(5, "daily")
        key = acme.add_key()
        fake.spend(key, 6)
        before = (await call.data("/key", key))["effective_budget"]["remaining_usd"]
        budget.limit_usd += 2
        raised = budget.remaining_usd
        clock.now += timedelta(days=1)
        after = (await call.data("/key", key))["effective_budget"]["remaining_usd"]

    assert (-1, 1, 7) == (before, raised, after)


def test_two_threads_do_not_both_add_a_budget() -> None:
    """If two threads add a budget for one interval at once, the second one gets a ValueError."""
    begun: list[Callable[[], object]] = []

    def now() -> datetime:
        while begun:
            other = Thread(target=begun.pop())
            other.start()
            other.join()
        return TUESDAY

    workspace = FakeOpenRouter(now=now).add_account().workspace
    begun.append(lambda: workspace.add_budget(5, "daily"))

    with pytest.raises(ValueError, match="already has a daily budget"):
        workspace.add_budget(7, "daily")

    assert [5] == [budget.limit_usd for budget in workspace.budgets.values()]


async def test_a_key_that_moves_shares_the_budgets_of_its_new_workspace(
    call: Caller, acme: FakeAccount
) -> None:
    """PATCH with `workspace_id` moves a key; an unknown workspace is 404 and changes nothing."""
    boss, key = acme.add_key(management=True), acme.add_key()
    team = acme.add_workspace("Team")
    budget = team.add_budget(5)
    path = f"/keys/{(await call.data('/keys', boss))[0]['hash']}"

    refused = await call.message(path, boss, method="PATCH", body='{"name": "x", "workspace_id": "none"}')
    moved = await call.data(path, boss, method="PATCH", body=json.dumps({"workspace_id": team.id}))
    call.fake.spend(key, 2)

    assert (404, "Workspace not found") == refused
    assert ("key", team.id) == (moved["name"], moved["workspace_id"])
    assert 2 == budget.spend_usd
    assert team.id == (await call.data("/key", key))["workspace_id"]


async def test_keys_are_listed_by_workspace(call: Caller, acme: FakeAccount) -> None:
    """/keys has the keys of the default workspace, or of the one in `workspace_id`; POST makes them there."""
    boss, team = acme.add_key(management=True), acme.add_workspace("Team")
    acme.add_key(name="default")
    acme.add_key(name="team", workspace=team)
    body = json.dumps({"name": "made", "workspace_id": team.id})
    await call.data("/keys", boss, method="POST", body=body)

    here, there = await call.data("/keys", boss), await call.data(f"/keys?workspace_id={team.id}", boss)
    same = await call.data(f"/keys?workspace_id={acme.workspace_id}", boss)
    unknown = await call.message("/keys?workspace_id=none", boss)

    assert ["default"] == [key["name"] for key in here]
    assert ["made", "team"] == [key["name"] for key in there]
    assert here == same
    assert (404, "Workspace not found") == unknown
    assert acme.workspace_id == acme.workspace.id == here[0]["workspace_id"]


async def test_workspaces_are_listed_in_pages(call: Caller, acme: FakeAccount) -> None:
    """/workspaces has 50 entries a page, or as many as `limit` says, and counts all of them."""
    boss = acme.add_key(management=True)
    for number in range(60):
        acme.add_workspace(f"Team {number}")
    call.fake.add_account().add_workspace("Stranger")

    pages = [
        json.loads((await call(f"/workspaces{query}", boss))[1])
        for query in ("", "?offset=50", "?limit=100", "?offset=1&limit=2", "?offset=99")
    ]

    assert [50, 11, 61, 2, 0] == [len(page["data"]) for page in pages]
    assert {61} == {page["total_count"] for page in pages}
    assert "default" == pages[0]["data"][0]["slug"]
    assert ["team-0", "team-1"] == [workspace["slug"] for workspace in pages[3]["data"]]


async def test_a_workspace_is_found_by_its_id_and_its_slug(call: Caller, acme: FakeAccount) -> None:
    """/workspaces/{ref} and its budgets take an id or a slug; a workspace without budgets has no budgets."""
    boss = acme.add_key(management=True)
    team = acme.add_workspace("Team Ä 1", slug="ä")
    budgets = [team.add_budget(5, interval) for interval in ("daily", "weekly", "monthly", "lifetime")]

    by_slug, by_id = [await call.data(f"/workspaces/{ref}", boss) for ref in ("%C3%A4", team.id)]
    listed = await call.data("/workspaces/%C3%A4/budgets", boss)

    assert by_slug == by_id
    assert (team.id, "Team Ä 1", "ä") == tuple(by_id[name] for name in ("id", "name", "slug"))
    assert [
        (budget.id, 5, interval)
        for budget, interval in zip(budgets, ("daily", "weekly", "monthly", None), strict=True)
    ] == [(budget["id"], budget["limit_usd"], budget["reset_interval"]) for budget in listed]
    assert (404, "Resource not found") == await call.message("/workspaces/default/budgets", boss)
    assert (404, "Workspace not found") == await call.message("/workspaces/none/budgets", boss)
    assert (404, "Workspace not found") == await call.message("/workspaces/none", boss)


@pytest.mark.parametrize("path", ["/workspaces", "/workspaces/default", "/workspaces/x/budgets", "/activity"])
async def test_only_management_keys_look_things_up(call: Caller, acme: FakeAccount, path: str) -> None:
    """Workspaces, budgets and activity are for management keys."""
    refused = await call.message(path, acme.add_key())

    assert (403, "Only management keys can perform this operation") == refused


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("offset=-1", "offset is a whole number, at least 0"),
        ("limit=0", "limit is a whole number, from 1 to 100"),
        ("limit=101", "limit is a whole number, from 1 to 100"),
        ("limit=\u0661", "limit is a whole number, from 1 to 100"),
        ("offset=" + "9" * 5000, "offset is a whole number, at least 0"),
    ],
)
async def test_a_wrong_page_is_400(call: Caller, acme: FakeAccount, query: str, message: Any) -> None:
    """/workspaces answers 400 to an offset or a limit that is out of range or no number."""
    boss = acme.add_key(management=True)

    assert (400, message) == await call.message(f"/workspaces?{query}", boss)
