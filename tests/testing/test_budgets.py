"""Limits stand in the order in which OpenRouter enforces them, and one of them is effective."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from openrouter_credits.testing import FakeAccount, FakeBudget
from tests.testing.conftest import Caller


async def test_limits_stand_in_the_order_of_enforcement(call: Caller, acme: FakeAccount) -> None:
    """`budgets` has the guardrails, the budgets of the workspace and others; the key's limit is last."""
    acme.workspace.add_budget(5, "daily")
    scopes = ("new", "workspace", "api_key", "member", "workspace_default_key", "workspace_default_member")
    key = acme.add_key(limit=1, budgets=[FakeBudget(scope, 7) for scope in scopes])

    budgets = (await call.data("/key", key))["budgets"]

    assert [
        ("workspace_default_member", 7),
        ("workspace_default_key", 7),
        ("member", 7),
        ("api_key", 7),
        ("workspace", 5),
        ("workspace", 7),
        ("new", 7),
        ("key_limit", 1),
    ] == [(budget["scope"], budget["limit_usd"]) for budget in budgets]
    ids = [budget["budget_id"] or budget["guardrail_id"] for budget in budgets]
    assert 6 == len({*ids} - {None})
    assert [None, None] == ids[-2:]


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ({"member": 5, "workspace": 3, "key_limit": 4}, "workspace"),  # the least left
        ({"member": 5, "workspace": 5, "key_limit": 5}, "member"),  # a tie
        ({"member": 1, "workspace": 0, "key_limit": -3}, "workspace"),  # the first that is spent
        ({"member": 5, "workspace": 3, "key_limit": 0}, "key_limit"),
        ({"key_limit": 9}, "key_limit"),
    ],
)
async def test_the_first_spent_limit_is_effective(
    call: Caller, acme: FakeAccount, left: dict[str, int], expected: str
) -> None:
    """`effective_budget` is the first limit that is spent, else the first one with the least left."""
    own = left.pop("key_limit")
    budgets = [FakeBudget(scope, 10, 10 - remaining) for scope, remaining in left.items()]
    key = acme.add_key(limit=10, usage=10 - own, budgets=budgets)

    data = await call.data("/key", key)

    assert expected == data["effective_budget"]["scope"]
    assert data["effective_budget"] in data["budgets"]


def test_a_budget_says_what_is_left_of_it() -> None:
    """A FakeBudget has the amount that is left when the key is made; it may be negative."""
    assert Decimal("-0.5") == FakeBudget("member", 5, "5.50").remaining_usd


async def test_a_key_says_who_made_it_and_where_it_may_run(call: Caller) -> None:
    """/key has the account's organization, the user who made the key, and its permitted regions."""
    account = call.fake.add_account(organization_id="org_1", user_id="user_1")
    first, second = account.add_key(), account.add_key(creator_user_id="user_2", regions=[])

    answers = [await call.data("/key", key) for key in (first, second)]

    names = ("organization_id", "creator_user_id", "allowed_data_regions")
    expected: list[tuple[Any, ...]] = [("org_1", "user_1", ["global"]), ("org_1", "user_2", [])]
    assert expected == [tuple(answer[name] for name in names) for answer in answers]
