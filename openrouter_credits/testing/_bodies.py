"""Response bodies: the known shapes of `/key`, and entries of `/keys` and `/workspaces`."""

from __future__ import annotations

import uuid
from datetime import datetime

from openrouter_credits.testing._budgets import Layer, effective
from openrouter_credits.testing._keys import Key, free_quota
from openrouter_credits.testing._spending import iso, window
from openrouter_credits.testing._workspaces import FakeWorkspace


def key_info(key: Key, now: datetime) -> dict[str, object]:
    """Build the `data` of `/key` in the key's shape."""
    if key.shape == "2025":
        return _info_of_2025(key, now)
    info = {
        **_allowance(key, now),
        "creator_user_id": key.creator_user_id,
        "expires_at": _iso_or_none(key.settings.expires_at),
        "is_free_tier": key.account.free_tier,
        "is_management_key": key.management,
        "is_provisioning_key": key.management,
    }
    if key.shape == "2026-08":
        note = "This field is deprecated and safe to ignore."
        return {**info, "rate_limit": {"interval": "1h", "note": note, "requests": 1000}}
    layers = key.layers(now)
    binding = effective(layers)
    quota, used = free_quota(key.account, now)
    return {
        **info,
        "rate_limit": {"interval": "10s", "note": "deprecated", "requests": -1},
        "organization_id": key.account.organization_id,
        "workspace_id": key.workspace.id,
        "allowed_data_regions": key.regions,
        "free_model_daily_requests": {"limit": quota, "used": used, "remaining": max(quota - used, 0)},
        "budgets": [_budget(layer, now) for layer in layers],
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
        "creator_user_id": key.creator_user_id,
        "external_user": key.settings.external_user,
        "workspace_id": key.workspace.id,
    }


def workspace_data(workspace: FakeWorkspace) -> dict[str, object]:
    """Build one entry of `/workspaces`."""
    return {
        "id": workspace.id,
        "name": workspace.name,
        "slug": workspace.slug,
        "description": None,
        "created_at": iso(workspace.created_at),
        "created_by": workspace.created_by,
        "updated_at": None,
        "default_guardrail_id": str(uuid.uuid5(uuid.UUID(workspace.id), "default guardrail")),
        "default_image_model": None,
        "default_text_model": None,
        "default_provider_sort": None,
        "disabled_server_tools": None,
        "include_byok_in_budgets": False,
        "io_logging_api_key_ids": None,
        "io_logging_sampling_rate": 1,
        "is_data_discount_logging_enabled": False,
        "is_observability_broadcast_enabled": False,
        "is_observability_io_logging_enabled": False,
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


def _budget(layer: Layer, now: datetime) -> dict[str, object]:
    return {
        "scope": layer.scope,
        "budget_id": layer.budget_id,
        "guardrail_id": layer.guardrail_id,
        "include_byok": layer.include_byok,
        "limit_usd": layer.limit_usd,
        "spend_usd": layer.spend_usd,
        "remaining_usd": layer.remaining_usd,
        "reset_interval": layer.reset_interval,
        "resets_at": layer.reset_interval and iso(window(layer.reset_interval, now)[1]),
    }


def _iso_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
