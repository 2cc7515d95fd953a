"""A key's own limit, and what it has spent: what all that is told of a key has in common."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from openrouter_credits._models.amounts import finite, finite_or_none, subtract
from openrouter_credits._models.moments import end_of_window, utc
from openrouter_credits._models.sparse import Sparse

BEARS_ON_SPENDING = "bears"
"""Marks a field, in its metadata, that has a say in how much can be spent."""
BEARS = {BEARS_ON_SPENDING: True}


@frozen(repr=False)
class Allowance(Sparse):
    """A key's own limit, and what it has spent. Amounts are US dollars."""

    label: str
    """The key, masked by OpenRouter."""
    usage: Decimal = field(validator=finite)
    """Spent with this key since it was made: not since the last reset."""
    limit: Decimal | None = field(validator=finite_or_none)
    """The key limit for each window, or `None` for no limit."""
    limit_remaining: Decimal | None = field(default=None, validator=finite_or_none)
    """The part of the key limit that is left in this window; may be negative.

    `None` for a key that has a limit: not known.
    """
    limit_reset: str | None = field(default=None, metadata=BEARS)
    """The window: `daily`, `weekly` (from Monday) or `monthly` (from the 1st), from 00:00 UTC.

    `None` for ever; an open set.
    """
    usage_daily: Decimal | None = field(default=None, validator=finite_or_none)
    """Spent in the current UTC day."""
    usage_weekly: Decimal | None = field(default=None, validator=finite_or_none)
    """Spent in the current week, from Monday."""
    usage_monthly: Decimal | None = field(default=None, validator=finite_or_none)
    """Spent in the current month."""
    byok_usage: Decimal | None = field(default=None, validator=finite_or_none)
    """Spent with your own providers' keys (BYOK) since the key was made."""
    byok_usage_daily: Decimal | None = field(default=None, validator=finite_or_none)
    """Spent with your own providers' keys in the current UTC day."""
    byok_usage_weekly: Decimal | None = field(default=None, validator=finite_or_none)
    """Spent with your own providers' keys in the current week."""
    byok_usage_monthly: Decimal | None = field(default=None, validator=finite_or_none)
    """Spent with your own providers' keys in the current month."""
    include_byok_in_limit: bool | None = None
    """Whether spending with your own providers' keys (BYOK) counts towards the key limit."""
    creator_user_id: str | None = None
    """The user that made the key."""
    expires_at: datetime | None = field(default=None, metadata=BEARS)
    """When the key expires (UTC); it is refused from then on."""
    workspace_id: str | None = None
    """The workspace that the key belongs to."""

    @property
    def used_in_window(self) -> Decimal | None:
        """The used part of the key limit in this window: `limit - limit_remaining`; `None` without one."""
        if self.limit is None or self.limit_remaining is None:
            return None
        return subtract(self.limit, self.limit_remaining)

    def next_reset(self, now: datetime) -> datetime | None:
        """Return when the window around `now` (aware) ends, in UTC; `None` if never, or if it is unknown."""
        return end_of_window(self.limit_reset, now)

    def is_expired(self, now: datetime) -> bool:
        """Tell whether the key has expired at `now` (aware)."""
        return self.expires_at is not None and self.expires_at <= utc(now)

    def _layout(self) -> dict[str, Any]:
        return {**super()._layout(), "used_in_window": self.used_in_window}
