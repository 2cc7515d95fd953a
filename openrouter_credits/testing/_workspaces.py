"""Workspaces, and the budgets that their keys share."""

from __future__ import annotations

import re
import uuid
from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from attrs import define, field

from openrouter_credits._models.amounts import subtract
from openrouter_credits._public import public
from openrouter_credits.testing._amounts import Amount, not_negative, to_amount
from openrouter_credits.testing._arguments import one_of, optional
from openrouter_credits.testing._budgets import Layer
from openrouter_credits.testing._settings import to_limit_usd
from openrouter_credits.testing._spending import INTERVALS, Clock, Interval, Spending

BudgetInterval: TypeAlias = Literal["daily", "weekly", "monthly", "lifetime"]

_check_interval = optional(one_of((*INTERVALS, "lifetime")))


@define(eq=False)
class FakeWorkspaceBudget:
    """A budget that all keys of a workspace share, made by `FakeWorkspace.add_budget`.

    Amounts are in US dollars.
    """

    id: str
    """The budget's id: the `budget_id` in the reply of `/key`, the same for all keys of the workspace."""
    limit_usd: Decimal = field(converter=to_limit_usd)
    """Amount that each window allows; assign another amount to change it."""
    reset_interval: Interval | None
    """Interval after which a new window starts; `None` if the budget never resets."""
    created_at: datetime
    """When the budget was made."""
    _spending: Spending = field(repr=False)
    _clock: Clock = field(repr=False)
    _lock: AbstractContextManager[object] = field(repr=False)

    @property
    def spend_usd(self) -> Decimal:
        """Amount spent in the current window by all keys together."""
        return self._spending.within(self.reset_interval, self._clock())

    @property
    def remaining_usd(self) -> Decimal:
        """Amount left in the current window; may be negative."""
        return subtract(self.limit_usd, self.spend_usd)

    def spend(self, amount: Amount) -> None:
        """Count an amount against this budget alone, as if another key of the workspace had spent it."""
        dollars = to_amount(amount, "amount")
        with self._lock:
            self._spending.add(dollars, self._clock())


@define(eq=False)
class FakeWorkspace:
    """A workspace of an account, made by `FakeAccount.add_workspace`; its keys share its budgets."""

    id: str
    """The workspace's id, by which `/keys` and `/activity` choose it."""
    name: str
    """The workspace's name."""
    slug: str
    """The workspace's name in paths: `/workspaces/{slug}` is `/workspaces/{id}`."""
    created_at: datetime
    """When the workspace was made."""
    created_by: str | None
    """The user who made the workspace."""
    budgets: dict[Interval | None, FakeWorkspaceBudget] = field(factory=dict, init=False)
    """The budgets by interval; `None` for the one that never resets."""
    _clock: Clock = field(repr=False)
    _lock: AbstractContextManager[object] = field(repr=False)

    def add_budget(
        self, limit: Amount, interval: BudgetInterval | None = None, *, spend: Amount = 0
    ) -> FakeWorkspaceBudget:
        """Add a budget and return it: what any key of the workspace spends counts for all of them.

        A workspace has at most four budgets, one for each interval. Amounts are in US dollars.

        Args:
            limit: the amount that each window allows.
            interval: `daily`, `weekly` or `monthly`; `lifetime` or `None` for a budget that never resets.
            spend: the amount already spent in the current window.

        Raises:
            ValueError: an amount is negative, or the workspace already has a budget for the interval.
            TypeError: an amount is a float, or of another type that is not exact.
        """
        _check_interval("interval", interval)
        reset_interval = None if interval == "lifetime" else interval
        now = self._clock()
        budget = FakeWorkspaceBudget(
            str(uuid.uuid5(uuid.UUID(self.id), f"{reset_interval} budget")),
            not_negative(limit, "limit"),
            reset_interval,
            now,
            Spending(not_negative(spend, "spend"), now),
            self._clock,
            self._lock,
        )
        with self._lock:
            if reset_interval in self.budgets:
                known = reset_interval or "lifetime"
                raise ValueError(f"interval: the workspace already has a {known} budget")
            # a new dictionary: a thread may be reading the old one
            self.budgets = {**self.budgets, reset_interval: budget}
        return budget


def layers(workspace: FakeWorkspace) -> list[Layer]:
    """List the budgets of a workspace as they are now."""
    return [
        Layer("workspace", budget.limit_usd, budget.spend_usd, budget.reset_interval, budget_id=budget.id)
        for budget in workspace.budgets.values()
    ]


def to_slug(name: str) -> str:
    """Make a workspace's name in paths of its name: small letters, digits and hyphens."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-") or "workspace"


public(FakeWorkspace, FakeWorkspaceBudget, door="openrouter_credits.testing")
