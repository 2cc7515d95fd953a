"""The limits on a key, and the one that stops it first: pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Literal

from attrs import field, frozen

from openrouter_credits._arguments import Dollars, require_dollars
from openrouter_credits._models import Budget, Credits, KeyInfo
from openrouter_credits._public import public


@frozen
class Bound:
    """One limit on what a key can spend. Amounts are US dollars."""

    name: str
    """`wallet`, `key_limit`, or the scope of a budget: an open set."""
    remaining: Decimal
    """The amount left below the limit; negative if it is overdrawn."""
    limit: Decimal | None = None
    """Of a wallet everything ever bought, of the others the limit of each window; `None` if not known."""
    used: Decimal | None = None
    """The used part of it; `None` if not known."""
    reset: str | None = None
    """How often it is renewed: `daily`, `weekly`, `monthly` (an open set); `None` for never."""
    resets_at: datetime | None = None
    """When it is renewed next (UTC); `None` if never, or if that is not known."""
    binds: bool = False
    """Whether it is the one that stops the key first."""


@frozen
class Spendable:
    """How much a key can spend from now until something changes, and what stops it first."""

    amount: Decimal | None
    """The smallest known limit in US dollars, negative if it is overdrawn; `None` if no limit is known."""
    bound_by: str | None
    """The name of that limit: `wallet`, `key_limit`, or the scope of a budget."""
    resets_at: datetime | None
    """When that limit is renewed (UTC); `None` if never, or if it is not known."""
    certainty: Literal["complete", "at_most", "unknown"]
    """How much of it is known.

    `complete`: wallet and key were both read. `at_most`: one is missing, and could allow less. `unknown`: no
    limit is known.
    """
    bounds: tuple[Bound, ...] = field(default=(), eq=False, repr=False)
    """All known limits: the wallet, the key's own limit, then the budgets in OpenRouter's order.

    They take no part in `==` and `repr`.
    """

    def covers(self, amount: Dollars) -> bool | None:
        """Tell whether `amount` dollars can be spent; `None` if a part that is missing could decide it."""
        wanted = require_dollars(amount)
        if self.amount is None:
            return None
        if self.amount < wanted:
            return False
        return True if self.certainty == "complete" else None


def spendable(wallet: Credits | None, key: KeyInfo | None, now: datetime) -> Spendable:
    """Find the smallest known limit; on a tie the wallet goes before the key's limit, that before budgets."""
    limits = list(_limits(wallet, key, now))
    if not limits:
        return Spendable(None, None, None, "unknown")
    smallest = min(range(len(limits)), key=lambda place: limits[place][1])  # the first of equals
    bounds = tuple(Bound(*limit, binds=place == smallest) for place, limit in enumerate(limits))
    first = bounds[smallest]
    certainty: Literal["complete", "at_most"] = "at_most" if wallet is None or key is None else "complete"
    return Spendable(first.remaining, first.name, first.resets_at, certainty, bounds)


_Limit = tuple[str, Decimal, Decimal | None, Decimal | None, str | None, datetime | None]
"""The fields of a `Bound`, before it is known which one binds."""


def _limits(wallet: Credits | None, key: KeyInfo | None, now: datetime) -> Iterator[_Limit]:
    if wallet is not None:
        yield "wallet", wallet.remaining, wallet.total_credits, wallet.total_usage, None, None
    if (
        key is None or key.is_management_key
    ):  # a management key cannot run inference: only the wallet is of interest
        return
    budgets = (key.effective_budget,) if key.budgets is None else key.budgets
    known = [limit for budget in budgets if budget is not None and (limit := _of_budget(budget))]
    # The key's own limit is one of the budgets, too.
    own = [limit for limit in known if limit[0] == "key_limit"]
    if key.limit is not None and key.limit_remaining is not None:
        reset, resets_at = key.limit_reset, key.next_reset(now)
        own = [("key_limit", key.limit_remaining, key.limit, key.used_in_window, reset, resets_at), *own]
    if own:
        yield min(own, key=lambda limit: limit[1])
    yield from (limit for limit in known if limit[0] != "key_limit")


def _of_budget(budget: Budget) -> _Limit | None:
    if budget.remaining_usd is None:
        return None
    scope, reset, resets_at = budget.scope, budget.reset_interval, budget.resets_at
    return scope, budget.remaining_usd, budget.limit_usd, budget.spend_usd, reset, resets_at


public(Bound, Spendable)
