"""The limits of a key, in the order in which OpenRouter enforces them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from attrs import frozen

from openrouter_credits._models.amounts import subtract
from openrouter_credits.testing._settings import FakeBudget
from openrouter_credits.testing._spending import Interval, Spending

GUARDRAILS = ("workspace_default_member", "workspace_default_key", "member", "api_key")
_ORDER = {scope: place for place, scope in enumerate((*GUARDRAILS, "workspace", "another", "key_limit"))}


@frozen
class Layer:
    """A limit at one moment: what it allows, and what is spent of it. Amounts are in US dollars."""

    scope: str
    limit_usd: Decimal
    spend_usd: Decimal
    reset_interval: Interval | None
    include_byok: bool = False
    budget_id: str | None = None
    guardrail_id: str | None = None

    @property
    def remaining_usd(self) -> Decimal:
        """Amount left in the current window; may be negative."""
        return subtract(self.limit_usd, self.spend_usd)


@frozen
class Count:
    """A budget of one key, and what the key has spent of it."""

    budget: FakeBudget
    spending: Spending
    id: str

    def layer(self, now: datetime) -> Layer:
        """Return the budget as it is at `now`."""
        budget = self.budget
        return Layer(
            budget.scope,
            budget.limit_usd,
            self.spending.within(budget.reset_interval, now),
            budget.reset_interval,
            budget.include_byok,
            budget_id=self.id if budget.scope == "workspace" else None,
            guardrail_id=self.id if budget.scope in GUARDRAILS else None,
        )


def in_order(layers: Iterable[Layer]) -> list[Layer]:
    """Sort limits as OpenRouter enforces them: guardrails, budgets of the workspace, the key's own limit."""
    return sorted(layers, key=lambda layer: _ORDER.get(layer.scope, _ORDER["another"]))


def first_spent(layers: Iterable[Layer]) -> Layer | None:
    """Return the first limit of which nothing is left: the one that refuses; `None` if there is none."""
    return next((layer for layer in layers if layer.remaining_usd <= 0), None)


def effective(layers: list[Layer]) -> Layer | None:
    """Return the first limit that is spent, else the first of those with the least left; `None` if empty."""
    least = min(layers, key=lambda layer: layer.remaining_usd, default=None)
    return first_spent(layers) or least
