"""Response bodies about a key: the known shapes of `/key`, and an entry of `/keys`."""

from __future__ import annotations

from datetime import datetime

from openrouter_credits.testing._accounts import Key
from openrouter_credits.testing._settings import FakeBudget
from openrouter_credits.testing._spending import iso, window

_BUDGET_ID = "00000000-0000-4000-9000-000000000001"
_GUARDRAIL_ID = "00000000-0000-4000-a000-000000000001"
_GUARDRAIL_SCOPES = frozenset({"workspace_default_member", "workspace_default_key", "member", "api_key"})


def key_info(key: Key, now: datetime) -> dict[str, object]:
    """Build the `data` of `/key` in the key's shape."""
    if key.shape == "2025":
        return _info_of_2025(key, now)
    info = {
        **_allowance(key, now),
        "creator_user_id": None,
        "expires_at": _iso_or_none(key.settings.expires_at),
        "is_free_tier": key.account.free_tier,
        "is_management_key": key.management,
        "is_provisioning_key": key.management,
    }
    if key.shape == "2026-08":
        note = "This field is deprecated and safe to ignore."
        return {**info, "rate_limit": {"interval": "1h", "note": note, "requests": 1000}}
    budgets = key.budgets_at(now)
    binding = min(budgets, key=lambda budget: budget.remaining_usd, default=None)
    free_requests = 50 if key.account.free_tier else 1000
    return {
        **info,
        "rate_limit": {"interval": "10s", "note": "deprecated", "requests": -1},
        "organization_id": None,
        "workspace_id": key.account.workspace_id,
        "allowed_data_regions": ["global"],
        "free_model_daily_requests": {"limit": free_requests, "used": 0, "remaining": free_requests},
        "budgets": [_budget(budget, now) for budget in budgets],
        "effective_budget": binding and _budget(binding, now),
    }


def managed_key(key: Key, now: datetime) -> dict[str, object]:
    """Build one entry of `/keys`."""
    return {
        "hash": key.hash,
        "name": key.settings.name,
        "disabled": key.settings.disabled,
        **_allowance(key, now),
        "created_at": iso(key.created_at),
        "updated_at": _iso_or_none(key.updated_at),
        "last_used_at": _iso_or_none(key.last_used_at),
        "expires_at": _iso_or_none(key.settings.expires_at),
        "creator_user_id": None,
        "external_user": None,
        "workspace_id": key.account.workspace_id,
    }


def _info_of_2025(key: Key, now: datetime) -> dict[str, object]:
    return {
        "label": str(key.api_key),
        "limit": key.settings.limit,
        "usage": key.spending.total,
        "limit_remaining": key.limit_remaining(now),
        "is_free_tier": key.account.free_tier,
        "rate_limit": {"requests": 40, "interval": "10s"},
    }


def _allowance(key: Key, now: datetime) -> dict[str, object]:
    return {
        "label": str(key.api_key),
        "limit": key.settings.limit,
        "limit_remaining": key.limit_remaining(now),
        "limit_reset": key.settings.limit_reset,
        "include_byok_in_limit": key.settings.include_byok_in_limit,
        "usage": key.spending.total,
        "usage_daily": key.spending.within("daily", now),
        "usage_weekly": key.spending.within("weekly", now),
        "usage_monthly": key.spending.within("monthly", now),
        "byok_usage": 0,
        "byok_usage_daily": 0,
        "byok_usage_weekly": 0,
        "byok_usage_monthly": 0,
    }


def _budget(budget: FakeBudget, now: datetime) -> dict[str, object]:
    return {
        "scope": budget.scope,
        "budget_id": _BUDGET_ID if budget.scope == "workspace" else None,
        "guardrail_id": _GUARDRAIL_ID if budget.scope in _GUARDRAIL_SCOPES else None,
        "include_byok": budget.include_byok,
        "limit_usd": budget.limit_usd,
        "spend_usd": budget.spend_usd,
        "remaining_usd": budget.remaining_usd,
        "reset_interval": budget.reset_interval,
        "resets_at": budget.reset_interval and iso(window(budget.reset_interval, now)[1]),
    }


def _iso_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
