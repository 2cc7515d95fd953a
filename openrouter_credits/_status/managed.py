"""The status of a key that its account's management key has listed: pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from openrouter_credits._errors import OpenRouterError
from openrouter_credits._models import Budget, Credits, KeyInfo, ManagedKey, WorkspaceBudget
from openrouter_credits._models.allowance import Allowance
from openrouter_credits._models.amounts import add, subtract
from openrouter_credits._models.moments import end_of_window
from openrouter_credits._status.look import Listed, assess
from openrouter_credits._status.status import KeyStatus

_SHARED = tuple(field.name for field in attrs.fields(Allowance))
_COUNTERS = {
    "daily": ("usage_daily", "byok_usage_daily"),
    "weekly": ("usage_weekly", "byok_usage_weekly"),
    "monthly": ("usage_monthly", "byok_usage_monthly"),
    "lifetime": ("usage", "byok_usage"),
    None: ("usage", "byok_usage"),
}
"""The counters of a key that count what it has spent of a budget, by the budget's interval."""


def budgets_of(
    budgets: Sequence[WorkspaceBudget], keys: Sequence[ManagedKey], now: datetime, *, include_byok: bool
) -> tuple[Budget, ...]:
    """Tell how much of a workspace's budgets is left: OpenRouter tells the limits alone.

    What the listed keys have spent in the current window is subtracted. Keys that were deleted in the window
    have spent, too, so that what is left is an upper limit.
    """
    return tuple([_budget(budget, keys, now, include_byok=include_byok) for budget in budgets])


def _budget(
    budget: WorkspaceBudget, keys: Sequence[ManagedKey], now: datetime, *, include_byok: bool
) -> Budget:
    names = _COUNTERS.get(budget.reset_interval)
    spent: Decimal | None = None
    if names is not None:
        wanted = names if include_byok else names[:1]
        amounts = [getattr(key, name) for key in keys for name in wanted]
        if None not in amounts:
            spent = Decimal(0)
            for amount in amounts:
                spent = add(spent, amount)
    remaining = None if spent is None else subtract(budget.limit_usd, spent)
    resets_at = end_of_window(budget.reset_interval, now)
    return Budget(
        "workspace",
        budget.limit_usd,
        spent,
        remaining,
        budget.reset_interval,
        resets_at,
        include_byok,
        budget.id,
    )


def managed_status(
    key: ManagedKey,
    credits: Credits | OpenRouterError,
    wallet_reader: KeyInfo | OpenRouterError | None,
    budgets: tuple[Budget, ...] | OpenRouterError,
    now: datetime,
) -> KeyStatus:
    """Tell what a listed key can spend.

    Args:
        key: the key.
        credits: the wallet, or the error that hid it.
        wallet_reader: the answer of `/key` to the management key, if the wallet is 0/0.
        budgets: the budgets of the key's workspace, or the error that hid them.
        now: the time (aware).
    """
    unread, faults, known = key.unread, _no_faults(), ()
    if isinstance(budgets, OpenRouterError):
        unread, faults = (*unread, "budgets"), {"budgets": budgets}
    else:
        known = budgets
        for place, budget in enumerate(budgets):
            if budget.remaining_usd is None:
                unread = (*unread, f"budgets[{place}].remaining_usd")
    shared: dict[str, Any] = {name: getattr(key, name) for name in _SHARED}
    info = KeyInfo(**shared, is_management_key=False, budgets=known, unread=unread)
    return assess(
        credits,
        info,
        wallet_reader=wallet_reader,
        now=now,
        has_manager=True,
        listed=Listed(key.disabled is True, faults),
    )


def _no_faults() -> Mapping[str, OpenRouterError]:
    return {}
