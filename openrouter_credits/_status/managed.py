"""The amount that a listed key of an account can spend: pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

import attrs
from attrs import field, frozen

from openrouter_credits._errors import InvalidResponseError, OpenRouterError
from openrouter_credits._models import Budget, Credits, KeyInfo, ManagedKey, WorkspaceBudget
from openrouter_credits._models.allowance import Allowance
from openrouter_credits._models.amounts import subtract
from openrouter_credits._models.moments import end_of_window
from openrouter_credits._status.runway import spent_by
from openrouter_credits._status.spendable import spendable
from openrouter_credits._status.status import KeyStatus
from openrouter_credits._words import quote

_NAMES = [each.name for each in attrs.fields(Allowance)]
_allowance = attrgetter(*_NAMES)
_COUNTERS = {
    "daily": ("usage_daily", "byok_usage_daily"),
    "weekly": ("usage_weekly", "byok_usage_weekly"),
    "monthly": ("usage_monthly", "byok_usage_monthly"),
    "lifetime": ("usage", "byok_usage"),
    None: ("usage", "byok_usage"),
}
"""The counters of a key that tell what it has spent of a budget, by the budget's interval."""

_HOW_TO_READ_ALL = "Mend the problem that is told of this workspace, or try again."


@frozen
class Shared:
    """The budgets that all keys of a workspace share."""

    budgets: tuple[Budget, ...] | None = ()
    """`None` if nothing is known of them."""
    faults: Mapping[str, OpenRouterError] = field(factory=dict)
    """Why a part of them is not known, by its path in `KeyInfo.unread`."""


def shared_by(
    keys: Sequence[ManagedKey],
    entries: Sequence[WorkspaceBudget | OpenRouterError],
    now: datetime,
    *,
    include_byok: bool,
    is_whole: bool,
) -> Shared:
    """Tell what is left of a workspace's budgets: OpenRouter tells their limits alone.

    What the keys have spent in the current window is subtracted. Keys that were deleted in it have spent,
    too, so that what is left is an upper limit.

    Args:
        keys: all keys of the workspace that were listed, also those that are disabled or have expired.
        entries: the budgets, or the errors that they are.
        now: the time (aware).
        include_byok: whether spending with one's own providers' keys (BYOK) counts, too.
        is_whole: whether these are all the keys; else nobody knows what the others have spent.
    """
    budgets: list[Budget] = []
    faults: dict[str, OpenRouterError] = {}
    sums: dict[tuple[str, ...], Decimal | None] = {}
    for place, entry in enumerate(entries):
        if isinstance(entry, OpenRouterError):
            faults[f"budgets[{place}]"] = entry
            continue
        names: tuple[str, ...] = ()
        if "reset_interval" not in entry.extra:  # which keeps what could not be read
            names = _COUNTERS.get(entry.reset_interval, ())[: 2 if include_byok else 1]
        if names not in sums:
            sums[names] = spent_by(keys, names) if is_whole and names else None
        spent = sums[names]
        if spent is None:
            faults[f"budgets[{place}].remaining_usd"] = _why_unknown(keys, names, entry, is_whole=is_whole)
        budgets.append(
            Budget(
                "workspace",
                limit_usd=entry.limit_usd,
                spend_usd=spent,
                remaining_usd=None if spent is None else subtract(entry.limit_usd, spent),
                reset_interval=entry.reset_interval,
                resets_at=end_of_window(entry.reset_interval, now),
                include_byok=include_byok,
                budget_id=entry.id,
            )
        )
    return Shared(tuple(budgets), faults)


def _why_unknown(
    keys: Sequence[ManagedKey], names: Sequence[str], budget: WorkspaceBudget, *, is_whole: bool
) -> InvalidResponseError:
    """Tell why nobody knows what is left of a budget."""
    remedy = None
    if not names:
        interval = budget.extra.get("reset_interval", budget.reset_interval)
        why = f"how it is renewed ({quote(str(interval), None)}) is not known"
    elif not is_whole:
        why, remedy = "not all keys of the workspace could be read", _HOW_TO_READ_ALL
    else:
        counter, key = next((each, key) for each in names for key in keys if getattr(key, each) is None)
        why = f"{counter} of {quote(key.label, None)} is missing"
    return InvalidResponseError(f"The spending of a workspace budget is unknown: {why}", remedy=remedy)


def managed_status(
    key: ManagedKey, wallet: Credits | OpenRouterError, shared: Shared, now: datetime
) -> KeyStatus:
    """Tell what a listed key can spend.

    Args:
        key: the key.
        wallet: the wallet, or why it could not be read.
        shared: the budgets of its workspace.
        now: the time (aware).
    """
    unread = [InvalidResponseError(f"GET /keys: {path} could not be read") for path in key.unread]
    problems: tuple[OpenRouterError, ...] = (*unread, *shared.faults.values())
    allowance: dict[str, Any] = dict(zip(_NAMES, _allowance(key), strict=True))
    info = KeyInfo(
        **allowance,
        is_management_key=False,
        budgets=shared.budgets,
        unread=(*key.unread, *shared.faults),
    )
    credits: Credits | None = None
    if isinstance(wallet, Credits):
        credits = wallet
    else:
        problems = (*problems, wallet)
    found = spendable(credits, info, now, stop="disabled" if key.disabled else None, is_listed=True)
    return KeyStatus(info, credits, found, problems, now)


def wallet_status(wallet: Credits, now: datetime) -> KeyStatus:
    """Tell what is in the wallet of a management key; `now` is the time (aware)."""
    return KeyStatus(None, wallet, spendable(wallet, None, now, is_manager=True), (), now)
