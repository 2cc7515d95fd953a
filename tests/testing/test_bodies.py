"""The bodies about a key have the fields that OpenRouter sends."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from openrouter_credits.testing import FakeAccount, FakeBudget, FakeOpenRouter
from tests.kit.values import sample
from tests.testing.conftest import TUESDAY, Caller, calling


async def test_a_key_says_what_openrouter_says_of_one() -> None:
    """GET /key has every field of October 2026, with exact amounts; the label is the key's mask."""
    async with FakeOpenRouter(now=lambda: TUESDAY) as fake, calling(fake) as call:
        budgets = (FakeBudget("workspace", "60", "48.25", "weekly"), FakeBudget("member", 100))
        key = fake.add_account(credits=100).add_key(
            limit="30", limit_reset="monthly", usage="3.17", budgets=budgets
        )

        data = await call.data("/key", key)

    workspace = {
        "scope": "workspace",
        "budget_id": data["budgets"][1]["budget_id"],
        "guardrail_id": None,
        "include_byok": False,
        "limit_usd": 60,
        "spend_usd": Decimal("48.25"),
        "remaining_usd": Decimal("11.75"),
        "reset_interval": "weekly",
        "resets_at": "2026-10-26T00:00:00Z",
    }
    own = {
        **workspace,
        "scope": "key_limit",
        "budget_id": None,
        "limit_usd": 30,
        "spend_usd": Decimal("3.17"),
        "remaining_usd": Decimal("26.83"),
        "reset_interval": "monthly",
        "resets_at": "2026-11-01T00:00:00Z",
    }
    member = {
        **own,
        "scope": "member",
        "guardrail_id": data["budgets"][0]["guardrail_id"],
        "limit_usd": 100,
        "spend_usd": 0,
        "remaining_usd": 100,
        "reset_interval": None,
        "resets_at": None,
    }
    usage = Decimal("3.17")
    expected = {
        "label": str(key),
        "limit": 30,
        "limit_remaining": Decimal("26.83"),
        "limit_reset": "monthly",
        **dict.fromkeys(("usage", "usage_daily", "usage_weekly", "usage_monthly"), usage),
        **dict.fromkeys(("byok_usage", "byok_usage_daily", "byok_usage_weekly", "byok_usage_monthly"), 0),
        "creator_user_id": None,
        "organization_id": None,
        "workspace_id": data["workspace_id"],
        "allowed_data_regions": ["global"],
        "expires_at": None,
        "include_byok_in_limit": False,
        "is_free_tier": False,
        "is_management_key": False,
        "is_provisioning_key": False,
        "rate_limit": {"interval": "10s", "note": "deprecated", "requests": -1},
        "free_model_daily_requests": {"limit": 1000, "used": 0, "remaining": 1000},
        "budgets": [member, workspace, own],
        "effective_budget": workspace,
    }
    assert expected == data
    assert isinstance(data["budgets"][1]["budget_id"], str)
    assert isinstance(data["budgets"][0]["guardrail_id"], str)


async def test_a_key_without_limits_has_no_budgets(call: Caller) -> None:
    """/key has null limits and no budgets for a key without a limit; a free account has 50 free requests."""
    key = call.fake.add_account(free_tier=True).add_key(expires_at=datetime(2100, 1, 1, tzinfo=UTC))

    data = await call.data("/key", key)

    assert (None, None, [], None) == (
        data["limit"],
        data["limit_remaining"],
        data["budgets"],
        data["effective_budget"],
    )
    assert "2100-01-01T00:00:00Z" == data["expires_at"]
    assert data["is_free_tier"] is True
    assert 50 == data["free_model_daily_requests"]["remaining"]


@pytest.mark.parametrize("shape", ["2026-10", "2026-08", "2025"])
async def test_a_shape_has_the_fields_of_the_recorded_body(
    call: Caller, acme: FakeAccount, shape: Any
) -> None:
    """Each `shape` has exactly the fields of the recorded body of its time, in the budgets too."""
    key = acme.add_key(limit=5, budgets=[FakeBudget("workspace", 5)], shape=shape)
    recorded = json.loads(sample(f"key-{shape}"))["data"]

    data = await call.data("/key", key)

    assert recorded.keys() == data.keys()
    assert [budget.keys() for budget in recorded.get("budgets", ())] == [
        budget.keys() for budget in data.get("budgets", ())
    ]


async def test_the_shape_of_2025_has_six_fields(call: Caller, acme: FakeAccount) -> None:
    """The shape "2025" has six fields, and none for windows or management keys."""
    key = acme.add_key(limit=5, usage="0.65017511", shape="2025")

    data = await call.data("/key", key)

    assert {
        "label": str(key),
        "limit": 5,
        "usage": Decimal("0.65017511"),
        "limit_remaining": Decimal("4.34982489"),
        "is_free_tier": False,
        "rate_limit": {"requests": 40, "interval": "10s"},
    } == data


async def test_a_listed_key_has_every_field(call: Caller, acme: FakeAccount) -> None:
    """GET /keys gives every field of a key; `hash` is its text's SHA-256, `last_used_at` its latest use."""
    boss, key = acme.add_key(management=True), acme.add_key(name="bot", limit="30", usage="3.17")

    (unused,) = await call.data("/keys", boss)
    call.fake.spend(key, 1)
    (used,) = await call.data("/keys", boss)

    assert hashlib.sha256(key.reveal().encode()).hexdigest() == used["hash"]
    assert (str(key), "bot", False, Decimal("25.83")) == (
        used["label"],
        used["name"],
        used["disabled"],
        used["limit_remaining"],
    )
    assert unused["last_used_at"] is None
    assert used["last_used_at"].endswith("Z")
    assert used["created_at"].endswith("Z")
    assert {"updated_at", "expires_at", "creator_user_id", "external_user", "workspace_id"} <= used.keys()
