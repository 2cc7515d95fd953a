"""The status of a key: its level, and the whole of it in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import frozen

from openrouter_credits._arguments import Dollars, require_thresholds
from openrouter_credits._errors import (
    AuthenticationError,
    ManagementKeyRequiredError,
    OpenRouterError,
    UnconfirmedCreditsError,
)
from openrouter_credits._models import Credits, KeyInfo
from openrouter_credits._public import public
from openrouter_credits._status.level import Level
from openrouter_credits._status.spendable import Spendable, is_stopped
from openrouter_credits._words import format_usd, limit_in_sentence, moment, told_once

_SOON = timedelta(days=7)
"""An expiry that is nearer than this is told in the sentence."""
_NO_LIMITS = frozenset(
    {
        "limit_reset",
        "reset_interval",
        "resets_at",
        "expires_at",
        "is_management_key",
        "is_provisioning_key",
        "allowed_data_regions",
    }
)
"""Fields that may be unread although each amount was read."""


@frozen
class KeyStatus:
    """Everything that one look at a key found."""

    key: KeyInfo | None
    """The answer of `/key`, or `None` if it was not read."""
    credits: Credits | None
    """The answer of `/credits`, or `None` if it was not read or is not believed."""
    spendable: Spendable
    """How much the key can spend, as both together say."""
    problems: tuple[OpenRouterError, ...]
    """Why something is missing; empty if everything was read that was asked for."""
    checked_at: datetime
    """When the look was taken (UTC)."""

    def level(self, warn: Dollars = 10, critical: Dollars | None = None) -> Level:
        """Judge the amount by two thresholds in US dollars; `critical` is half of `warn` unless it is given.

        If a part is missing, the amount is an upper limit: it can show that too little is left, but not that
        enough is. So it is OK only if that part was not asked for.

        Raises:
            ValueError: `warn` is below `critical`, or one is not finite.
        """
        low, lower = require_thresholds(warn, critical)
        if self.is_invalid:
            return Level.INVALID
        amount = self.spendable.amount
        if amount is None:
            return Level.UNKNOWN
        if amount <= 0:
            return Level.DEPLETED
        if amount < lower:
            return Level.CRITICAL
        if amount < low:
            return Level.LOW
        return Level.UNKNOWN if self.problems else Level.OK

    @property
    def is_invalid(self) -> bool:
        """Whether the key cannot spend at all, whatever is left; `spendable.bound_by` is the reason."""
        return is_stopped(self.spendable)

    def explain(self) -> str:
        """Describe the status in one plain sentence.

        Such as: `$11.75 left until Monday 00:00 UTC: the workspace budget binds (wallet: $74.75).`
        """
        if self.is_invalid:
            return _why_invalid(self)
        amount = self.spendable.amount
        if amount is None:
            return f"Unknown: {_what_is_missing(self)}{_expiry(self)}."
        left = f"{format_usd(amount)} left" if amount > 0 else f"Nothing left ({format_usd(amount)})"
        if self.spendable.certainty == "at_most" and amount > 0:
            left = f"At most {left}"
        limit = limit_in_sentence(self.spendable.bound_by or "")
        if amount > 0 and self.spendable.bound_by != "wallet" and _is_blind(self):
            ways = f"{_BLIND}, or judge by the key alone{_unread(self, '; ')}"
            return f"{left}{_until(self)}: {limit} ({ways}){_expiry(self)}."
        return f"{left}{_until(self)}: {limit} binds{_other_parts(self)}{_expiry(self)}."

    def __str__(self) -> str:
        return self.explain()


_BLIND = "this key cannot see the wallet: add a management key"


def _is_blind(status: KeyStatus) -> bool:
    """Tell whether the wallet is unread because the key itself may not read it, as is usual."""
    blind = (ManagementKeyRequiredError, UnconfirmedCreditsError)
    return any(isinstance(each, blind) and not each.is_of_management_key for each in status.problems)


def _until(status: KeyStatus) -> str:
    resets_at, now = status.spendable.resets_at, status.checked_at
    return f" until {moment(resets_at, now)}" if resets_at is not None and resets_at > now else ""


def _other_parts(status: KeyStatus) -> str:
    """Add the wallet if another limit binds, and what could not be read."""
    parts = []
    if status.spendable.bound_by != "wallet":
        parts += _wallet(status)
    elif status.key is None and status.problems:
        parts.append("key: unknown")
    if unread := _unread(status):
        parts.append(unread)
    return f" ({', '.join(parts)})" if parts else ""


def _unread(status: KeyStatus, before: str = "") -> str:
    if status.key is None or not status.key.unread:
        return ""
    if _limits_are_unread(status.key):
        return f"{before}not all limits could be read"
    return f"{before}{', '.join(told_once(status.key.unread))} could not be read"


def _limits_are_unread(key: KeyInfo) -> bool:
    return any(path.rpartition(".")[2] not in _NO_LIMITS for path in key.unread)


def _wallet(status: KeyStatus) -> list[str]:
    if status.credits is not None:
        return [f"wallet: {format_usd(status.credits.remaining)}"]
    unread = 0 if status.key is None else len(status.key.unread)
    return ["wallet: unknown"] if len(status.problems) > unread else []


def _expiry(status: KeyStatus) -> str:
    expires_at = None if status.key is None else status.key.expires_at
    if expires_at is None or expires_at - status.checked_at >= _SOON:
        return ""
    return f"; the key expires {moment(expires_at, status.checked_at)}"


def _what_is_missing(status: KeyStatus) -> str:
    if _is_blind(status):
        return f"{_no_limit(status)}, and {_BLIND}"
    unread = "the wallet" if status.key is not None else "the key"
    reasons = f" ({_reasons(status.problems)})" if status.problems else ""
    has_no_limit = status.key is not None and not status.key.is_management_key
    return f"{unread} was not read{reasons}{f', and {_no_limit(status)}' if has_no_limit else ''}"


def _no_limit(status: KeyStatus) -> str:
    is_unread = status.key is not None and _limits_are_unread(status.key)
    return "the key's limits could not all be read" if is_unread else "the key has no limit"


def _why_invalid(status: KeyStatus) -> str:
    known = f" ({', '.join(_wallet(status))})" if status.credits is not None else ""
    match status.spendable.bound_by:
        case "expired":
            expires_at = None if status.key is None else status.key.expires_at
            when = "" if expires_at is None else f": {moment(expires_at, status.checked_at)}"
            return f"The key has expired{when}{known}."
        case "disabled":
            return f"The key is disabled{known}."
        case "no_region":
            return f"The key cannot be used: no data region is allowed{known}."
        case "management_key":
            return (
                f"This is a management key, which cannot run inference{known}: move it to "
                'OPENROUTER_MANAGEMENT_KEY, or, to look at several wallets, use read=("credits",).'
            )
        case _:
            refusals = [each for each in status.problems if isinstance(each, AuthenticationError)]
            reasons = f": {_reasons(refusals[:1])}" if refusals else ""
            return f"The key is not valid{reasons}{known}."


def _reasons(problems: Sequence[OpenRouterError]) -> str:
    return "; ".join(told_once(problem.summary.rstrip(".") for problem in problems))


public(KeyStatus)
