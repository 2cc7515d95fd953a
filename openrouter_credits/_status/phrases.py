"""The parts of a status's sentence, each about one thing that was read or was not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from openrouter_credits._errors import ManagementKeyRequiredError, OpenRouterError, UnconfirmedCreditsError
from openrouter_credits._models import KeyInfo
from openrouter_credits._words import format_usd, moment, told_once

BLIND = "this key cannot see the wallet"

_SOON = timedelta(days=7)
"""An expiry that is nearer than this is told in the sentence."""
_A_CENT = Decimal("0.01")
_NO_LIMITS = frozenset(
    {
        "limit_reset",
        "reset_interval",
        "resets_at",
        "expires_at",
        "is_management_key",
        "is_provisioning_key",
        "allowed_data_regions",
        "disabled",
    }
)
"""Fields that may be unread although each amount was read."""


def expiry(key: KeyInfo | None, now: datetime) -> str:
    """Tell an expiry within a week."""
    expires_at = None if key is None else key.expires_at
    if expires_at is None or expires_at - now >= _SOON:
        return ""
    return f"; the key expires {moment(expires_at, now)}"


def is_blind(problems: Iterable[OpenRouterError]) -> bool:
    """Tell whether the wallet is unread because the key itself may not read it, as is usual."""
    blind = (ManagementKeyRequiredError, UnconfirmedCreditsError)
    return any(isinstance(each, blind) and not each.is_of_management_key for each in problems)


def unread(key: KeyInfo | None) -> list[str]:
    """Tell what could not be read of the key's answer; empty if nothing."""
    if key is None or not key.unread:
        return []
    if _limits_are_unread(key):
        return ["not all limits could be read"]
    return [f"{', '.join(told_once(key.unread))} could not be read"]


def no_limit(key: KeyInfo) -> str:
    """Tell why a key has no limit that is known."""
    return "the key's limits could not all be read" if _limits_are_unread(key) else "the key has no limit"


def _limits_are_unread(key: KeyInfo) -> bool:
    return any(path.rpartition(".")[2] not in _NO_LIMITS for path in key.unread)


def spent(key: KeyInfo) -> str:
    """Tell what a key has spent: today, this month and in all, as far as that is known."""
    if not key.usage:
        return "this key has spent nothing yet"
    windows = ((key.usage_daily, "today"), (key.usage_monthly, "this month"))
    parts = [f"{_spent_usd(amount)} {window}" for amount, window in windows if amount is not None]
    in_all = f"{_spent_usd(key.usage)} in all"
    return f"this key has spent {', '.join(parts)}{' and ' if parts else ''}{in_all}"


def _spent_usd(amount: Decimal) -> str:
    """Show what was spent; less than a cent, which a small request costs, is not nothing."""
    return "less than $0.01" if 0 < amount < _A_CENT else format_usd(amount)


def reasons(problems: Iterable[OpenRouterError]) -> str:
    """Tell each fault once, without the blanks and full stops that a server may put around its words."""
    return "; ".join(told_once(" ".join(problem.summary.split()).rstrip(" .") for problem in problems))
