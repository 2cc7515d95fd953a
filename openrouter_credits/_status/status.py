"""The status of a key: its level, and the whole of it in one sentence."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from attrs import frozen

from openrouter_credits._arguments import Dollars, require_dollars
from openrouter_credits._errors import AuthenticationError, OpenRouterError
from openrouter_credits._models import Credits, KeyInfo
from openrouter_credits._public import public
from openrouter_credits._status.spendable import Spendable
from openrouter_credits._words import format_usd, limit_in_sentence, moment

_SOON = timedelta(days=7)
"""An expiry that is nearer than this is told in the sentence."""


class Level(StrEnum):
    """How urgent a key's state is, for alerts and exit codes."""

    OK = "OK"
    """At or above the warning threshold."""
    LOW = "LOW"
    """Below the warning threshold."""
    CRITICAL = "CRITICAL"
    """Below the critical threshold."""
    DEPLETED = "DEPLETED"
    """Nothing is left."""
    INVALID = "INVALID"
    """The key is unknown, disabled or expired."""
    UNKNOWN = "UNKNOWN"
    """The level is not known; do not take it for OK."""


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

    def level(self, warn: Dollars = 10, critical: Dollars = 5) -> Level:
        """Judge the amount by two thresholds in US dollars.

        If a part is missing, the amount is an upper limit: it can show that too little is left, but not that
        enough is. So it is OK only if that part was not asked for.
        """
        warn, critical = require_dollars(warn), require_dollars(critical)
        if self.is_invalid:
            return Level.INVALID
        amount = self.spendable.amount
        if amount is None:
            return Level.UNKNOWN
        if amount <= 0:
            return Level.DEPLETED
        if amount < critical:
            return Level.CRITICAL
        if amount < warn:
            return Level.LOW
        return Level.UNKNOWN if self.problems else Level.OK

    @property
    def is_invalid(self) -> bool:
        """Whether the key has expired, or was refused as unknown or disabled."""
        if self.key is not None:
            return self.key.is_expired(self.checked_at)
        return any(isinstance(problem, AuthenticationError) for problem in self.problems)

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
        return f"{left}{_until(self)}: {limit} binds{_other_limit(self)}{_expiry(self)}."


def _until(status: KeyStatus) -> str:
    resets_at, now = status.spendable.resets_at, status.checked_at
    return f" until {moment(resets_at, now)}" if resets_at is not None and resets_at > now else ""


def _other_limit(status: KeyStatus) -> str:
    """Add the wallet if another limit is the smallest. If the wallet is, add only that the key is unknown."""
    if status.spendable.bound_by == "wallet":
        return " (key: unknown)" if status.key is None and status.problems else ""
    if status.credits is not None:
        return f" (wallet: {format_usd(status.credits.remaining)})"
    return " (wallet: unknown)" if status.problems else ""


def _expiry(status: KeyStatus) -> str:
    expires_at = None if status.key is None else status.key.expires_at
    if expires_at is None or expires_at - status.checked_at >= _SOON:
        return ""
    return f"; the key expires {moment(expires_at, status.checked_at)}"


def _what_is_missing(status: KeyStatus) -> str:
    unread = "the wallet" if status.key is not None else "the key"
    reasons = f" ({_reasons(status)})" if status.problems else ""
    has_no_limit = status.key is not None and not status.key.is_management_key
    return f"{unread} was not read{reasons}{', and the key has no limit' if has_no_limit else ''}"


def _why_invalid(status: KeyStatus) -> str:
    if status.key is not None and status.key.expires_at is not None:
        return f"The key has expired: {moment(status.key.expires_at, status.checked_at)}."
    return f"The key is not valid: {_reasons(status)}."


def _reasons(status: KeyStatus) -> str:
    return "; ".join(problem.summary.rstrip(".") for problem in status.problems)


public(Level, KeyStatus)
