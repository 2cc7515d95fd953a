"""Workspaces of an account, and the budgets that their keys share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import field, frozen, resolve_types

from openrouter_credits._models.amounts import finite
from openrouter_credits._models.sparse import Sparse
from openrouter_credits._public import public


@frozen(repr=False)
class Workspace(Sparse):
    """A workspace of an account: an entry of `GET /workspaces`."""

    id: str
    """The workspace's id, as `ManagedKey.workspace_id` and `KeyInfo.workspace_id` have it."""
    name: str | None = None
    """The name that people gave it."""
    slug: str | None = None
    """Its name in addresses."""
    description: str | None = None
    """The text that people wrote about it."""
    created_at: datetime | None = None
    """When it was made (UTC)."""
    created_by: str | None = None
    """The user that made it."""
    updated_at: datetime | None = None
    """When it was changed last (UTC); `None` for never."""
    include_byok_in_budgets: bool | None = None
    """Whether spending with your own providers' keys (BYOK) counts towards its budgets."""
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """Fields of the entry that this version does not know, or that are not as documented."""


@frozen(repr=False)
class WorkspaceBudget(Sparse):
    """A budget that the keys of a workspace share: an entry of `GET /workspaces/{id}/budgets`.

    OpenRouter does not say there how much of it is spent.
    """

    id: str
    """The budget's id, as `Budget.budget_id` has it."""
    limit_usd: Decimal = field(validator=finite)
    """The amount that each window allows, in US dollars."""
    reset_interval: str | None = None
    """`daily`, `weekly`, `monthly`, or `None` or `lifetime` for never; an open set."""
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """Fields of the entry that this version does not know, or that are not as documented."""


public(Workspace)
resolve_types(WorkspaceBudget)
