"""Settings of keys, and their budgets."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from attrs import Attribute, converters, field, frozen
from attrs.validators import in_, instance_of, optional

from openrouter_credits._models.amounts import subtract
from openrouter_credits._public import public
from openrouter_credits.testing._amounts import to_amount
from openrouter_credits.testing._spending import INTERVALS, Interval

CreditsReply: TypeAlias = Literal["forbidden", "zeros", "real"]
Shape: TypeAlias = Literal["2026-10", "2026-08", "2025"]

_is_interval = optional(in_(INTERVALS))


def _is_aware(_: object, attribute: Attribute[Any], value: datetime) -> None:
    if value.tzinfo is None:
        raise ValueError(f"{attribute.name} needs a time zone, such as datetime(2026, 12, 31, tzinfo=UTC)")


@frozen
class FakeBudget:
    """A further limit on a key, such as the budget of its workspace. Amounts are in US dollars.

    Each key has its own count: two keys made with the same `FakeBudget` do not share it.
    """

    scope: str
    """Owner of the budget: `workspace`, `member`, `api_key`, `workspace_default_member`, …"""
    limit_usd: Decimal = field(converter=to_amount)
    """Amount that each window allows."""
    spend_usd: Decimal = field(default=Decimal(0), converter=to_amount)
    """Amount already spent in the current window."""
    reset_interval: Interval | None = field(default=None, validator=_is_interval)
    """Interval after which a new window starts; `None` if the budget never resets."""
    include_byok: bool = False
    """Whether usage with other providers' keys (BYOK) counts; the server only reports this value."""

    @property
    def remaining_usd(self) -> Decimal:
        """Amount left in the current window; may be negative."""
        return subtract(self.limit_usd, self.spend_usd)


@frozen
class KeySettings:
    """The settings of a key that a management key can change."""

    name: str = field(validator=instance_of(str))
    limit: Decimal | None = field(default=None, converter=converters.optional(to_amount))
    limit_reset: Interval | None = field(default=None, validator=_is_interval)
    expires_at: datetime | None = field(default=None, validator=optional([instance_of(datetime), _is_aware]))
    disabled: bool = field(default=False, validator=instance_of(bool))
    include_byok_in_limit: bool = field(default=False, validator=instance_of(bool))


public(FakeBudget, door="openrouter_credits.testing")
