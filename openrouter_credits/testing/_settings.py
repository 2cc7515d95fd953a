"""Settings of keys, and budgets of single keys."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from openrouter_credits._models.amounts import subtract
from openrouter_credits._public import public
from openrouter_credits.testing._amounts import Amount, not_negative
from openrouter_credits.testing._arguments import (
    one_of,
    optional,
    require_bool,
    require_moment,
    require_text,
    validator,
)
from openrouter_credits.testing._spending import INTERVALS, Interval

CreditsReply: TypeAlias = Literal["forbidden", "zeros", "real"]
Shape: TypeAlias = Literal["2026-10", "2026-08", "2025"]

is_interval = validator(optional(one_of(INTERVALS)))


def _require_scope(name: str, value: Any) -> None:
    require_text(name, value)
    if value == "key_limit":
        raise ValueError(f"{name} is not 'key_limit': pass `limit` to `add_key` instead")


def to_limit_usd(value: Amount) -> Decimal:
    """Convert the value of a field `limit_usd`."""
    return not_negative(value, "limit_usd")


def _to_spend_usd(value: Amount) -> Decimal:
    return not_negative(value, "spend_usd")


def to_limit(value: Amount | None) -> Decimal | None:
    """Convert a key's own limit; `None` is no limit."""
    return None if value is None else not_negative(value, "limit")


@frozen
class FakeBudget:
    """A further limit on one key, such as the guardrail of a member. Amounts are in US dollars.

    Each key has its own count: two keys made with the same `FakeBudget` do not share it. Keys of one
    workspace share the budgets of `FakeWorkspace.add_budget`.
    """

    scope: str = field(validator=validator(_require_scope))
    """Owner of the budget: `workspace`, `member`, `api_key`, `workspace_default_member`, …"""
    limit_usd: Decimal = field(converter=to_limit_usd)
    """Amount that each window allows."""
    spend_usd: Decimal = field(default=Decimal(0), converter=_to_spend_usd)
    """Amount already spent in the current window."""
    reset_interval: Interval | None = field(default=None, validator=is_interval)
    """Interval after which a new window starts; `None` if the budget never resets."""
    include_byok: bool = field(default=False, validator=validator(require_bool))
    """Whether usage with other providers' keys (BYOK) counts; the server only reports this value."""

    @property
    def remaining_usd(self) -> Decimal:
        """Amount left in the current window; may be negative."""
        return subtract(self.limit_usd, self.spend_usd)


@frozen
class KeySettings:
    """The settings of a key that a management key can make and change."""

    name: str = field(validator=validator(require_text))
    limit: Decimal | None = field(default=None, converter=to_limit)
    limit_reset: Interval | None = field(default=None, validator=is_interval)
    expires_at: datetime | None = field(default=None, validator=validator(optional(require_moment)))
    disabled: bool = field(default=False, validator=validator(require_bool))
    include_byok_in_limit: bool = field(default=False, validator=validator(require_bool))
    creator_user_id: str | None = field(default=None, validator=validator(optional(require_text)))
    external_user: str | None = field(default=None, validator=validator(optional(require_text)))


public(FakeBudget, door="openrouter_credits.testing")
