"""Keys and their budgets, as the server knows them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from attrs import Attribute, Factory, converters, define, evolve, field, frozen
from attrs.validators import in_, instance_of, optional

from openrouter_credits.testing._amounts import subtract, to_amount
from openrouter_credits.testing._spending import INTERVALS, Interval, Spending

if TYPE_CHECKING:
    from openrouter_credits import ApiKey
    from openrouter_credits.testing._accounts import FakeAccount

CreditsReply: TypeAlias = Literal["forbidden", "zeros", "real"]
Shape: TypeAlias = Literal["2026-10", "2026-08", "2025"]

_is_interval = optional(in_(INTERVALS))


def _is_aware(_: object, attribute: Attribute[Any], value: datetime) -> None:
    if value.tzinfo is None:
        raise ValueError(f"{attribute.name} needs a time zone, such as datetime(2026, 12, 31, tzinfo=UTC)")


@frozen
class FakeBudget:
    """A limit on a key beside the key's own, such as that of its workspace. Amounts are US dollars.

    Each key counts its budgets for itself: two keys made with the same `FakeBudget` do not share it.
    """

    scope: str
    """Whose budget it is: `workspace`, `member`, `api_key`, `workspace_default_member`, `workspace_default_key`, …"""
    limit_usd: Decimal = field(converter=to_amount)
    """What each window allows."""
    spend_usd: Decimal = field(default=Decimal(0), converter=to_amount)
    """What the current window has already spent."""
    reset_interval: Interval | None = field(default=None, validator=_is_interval)
    """`None`: it never resets."""
    include_byok: bool = False
    """What `/key` says about it; the server itself has no use of other providers' keys."""

    @property
    def remaining_usd(self) -> Decimal:
        """What is left of it; may be negative."""
        return subtract(self.limit_usd, self.spend_usd)


@frozen
class KeySettings:
    """What a management key may set on a key."""

    name: str = field(validator=instance_of(str))
    limit: Decimal | None = field(default=None, converter=converters.optional(to_amount))
    limit_reset: Interval | None = field(default=None, validator=_is_interval)
    expires_at: datetime | None = field(default=None, validator=optional([instance_of(datetime), _is_aware]))
    disabled: bool = field(default=False, validator=instance_of(bool))
    include_byok_in_limit: bool = field(default=False, validator=instance_of(bool))


@define(eq=False)
class Key:
    """One key with everything that it has spent."""

    api_key: ApiKey
    account: FakeAccount = field(repr=False)
    settings: KeySettings
    created_at: datetime
    spending: Spending
    management: bool = False
    credits_reply: CreditsReply = field(default="forbidden", validator=in_(("forbidden", "zeros", "real")))
    shape: Shape = field(default="2026-10", validator=in_(("2026-10", "2026-08", "2025")))
    budgets: tuple[tuple[FakeBudget, Spending], ...] = ()
    updated_at: datetime | None = None
    last_used_at: datetime | None = None
    hash: str = Factory(
        lambda self: hashlib.sha256(self.api_key.reveal().encode()).hexdigest(), takes_self=True
    )

    def spend(self, amount: Decimal, now: datetime) -> None:
        """Move the key's counters and budgets."""
        self.spending.add(amount, now)
        for _, spending in self.budgets:
            spending.add(amount, now)
        self.last_used_at = now

    def limit_remaining(self, now: datetime) -> Decimal | None:
        """Tell what the key's own limit leaves in this window."""
        limit = self.settings.limit
        return (
            limit if limit is None else subtract(limit, self.spending.within(self.settings.limit_reset, now))
        )

    def budgets_at(self, now: datetime) -> list[FakeBudget]:
        """List every layer with what its window has spent; the key's own limit is the first."""
        settings = self.settings
        layers = [
            evolve(budget, spend_usd=spending.within(budget.reset_interval, now))
            for budget, spending in self.budgets
        ]
        if settings.limit is None:
            return layers
        spent = self.spending.within(settings.limit_reset, now)
        return [
            FakeBudget(
                "key_limit", settings.limit, spent, settings.limit_reset, settings.include_byok_in_limit
            ),
            *layers,
        ]

    def is_expired(self, now: datetime) -> bool:
        """Tell whether the key's time is over."""
        return self.settings.expires_at is not None and self.settings.expires_at <= now
