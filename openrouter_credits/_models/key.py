"""One key's allowance, and the budgets and quotas that limit it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import Factory, field, frozen

from openrouter_credits._models.allowance import BEARS, Allowance
from openrouter_credits._models.amounts import finite_or_none
from openrouter_credits._models.sparse import Sparse
from openrouter_credits._public import public


@frozen(repr=False)
class Budget(Sparse):
    """One layer of spending limits on a key; the layer rejects requests while nothing of it remains."""

    scope: str
    """Whose budget it is: `workspace`, `member`, `api_key`, `key_limit`, …; an open set."""
    limit_usd: Decimal | None = field(default=None, validator=finite_or_none)
    """The most that the layer lets each window spend."""
    spend_usd: Decimal | None = field(default=None, validator=finite_or_none)
    """Spent in the current window."""
    remaining_usd: Decimal | None = field(default=None, validator=finite_or_none)
    """Left in the current window; may be negative."""
    reset_interval: str | None = field(default=None, metadata=BEARS)
    """`daily`, `weekly`, `monthly`, or `None` or `lifetime` for never; an open set."""
    resets_at: datetime | None = field(default=None, metadata=BEARS)
    """When the window ends (UTC)."""
    include_byok: bool | None = None
    """Whether spending with your own providers' keys (BYOK) counts too."""
    budget_id: str | None = None
    """OpenRouter's name for it."""
    guardrail_id: str | None = None
    """The guardrail it belongs to, if it does."""
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """Fields of the answer that this version does not know."""


@frozen(repr=False)
class FreeModelQuota(Sparse):
    """Requests to free models in the current UTC day."""

    limit: int | None = None
    """Requests allowed in the day."""
    used: int | None = None
    """Requests made."""
    remaining: int | None = None
    """Requests left."""
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """Fields of the answer that this version does not know."""


_older_name = Factory(lambda key: key.is_provisioning_key, takes_self=True)


@frozen(repr=False)
class KeyInfo(Allowance):
    """One key's allowance and use: `GET /key`. It says nothing about the wallet."""

    is_free_tier: bool | None = None
    """Whether the account has never paid for credits."""
    is_provisioning_key: bool | None = field(default=None, metadata=BEARS)
    """The older name of `is_management_key`."""
    is_management_key: bool | None = field(default=_older_name, metadata=BEARS)
    """Whether the key manages the account and cannot run inference; by default what its older name says."""
    organization_id: str | None = None
    """The organization that the key belongs to."""
    allowed_data_regions: tuple[str, ...] | None = field(default=None, metadata=BEARS)
    """Regions where data may be processed, such as `global`, `europe`, `us`; an open set. Empty: nowhere."""
    free_model_daily_requests: FreeModelQuota | None = None
    """Requests to free models that are left today."""
    budgets: tuple[Budget, ...] | None = field(default=None, metadata=BEARS)
    """All layers of limits on the key, in the order of enforcement; the key limit may be among them.

    An element that cannot be read is left out; `unread` names it, and `extra` keeps it.
    """
    effective_budget: Budget | None = field(default=None, metadata=BEARS)
    """The budget that limits the key first, as OpenRouter sees it."""
    unread: tuple[str, ...] = field(default=(), kw_only=True)
    """Parts of the answer that bear on how much can be spent, and that are missing or not as documented.

    Such as `limit_remaining`, `budgets[1]` or `budgets[0].remaining_usd`. Without them, what is left is an
    upper limit. The limits of a management key do not bear on anything: it cannot spend.
    """
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """Fields of the answer that this version does not know, or that are not as documented."""


public(Budget, FreeModelQuota, KeyInfo)
