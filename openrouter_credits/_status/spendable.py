"""The limits on a key, and the one that stops it first: pure decisions, no I/O."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Literal

from attrs import field, frozen

from openrouter_credits._arguments import Dollars, require_dollars
from openrouter_credits._models import Credits, KeyInfo
from openrouter_credits._public import public


@frozen(slots=False)  # faster to make
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


_Limit = tuple[str, Decimal, Decimal | None, Decimal | None, str | None, datetime | None]
"""The fields of a `Bound`, as long as it is not known which one binds; a batch makes thousands of them."""

_remaining = itemgetter(1)


def spendable(wallet: Credits | None, key: KeyInfo | None, now: datetime) -> Spendable:
    """Find the smallest known limit; on a tie the wallet goes before the key's limit, that before budgets."""
    limits: list[_Limit] = []
    if wallet is not None:
        limits.append(("wallet", wallet.remaining, wallet.total_credits, wallet.total_usage, None, None))
    # A management key cannot spend: only its wallet is of interest.
    if key is not None and not key.is_management_key:
        limits += _limits_of_key(key, now)
    if not limits:
        return Spendable(None, None, None, "unknown")
    smallest = min(limits, key=_remaining)  # the first of equals
    bounds = tuple([Bound(*limit, limit is smallest) for limit in limits])
    certainty: Literal["complete", "at_most"] = "at_most" if wallet is None or key is None else "complete"
    name, amount, *_, resets_at = smallest
    return Spendable(amount, name, resets_at, certainty, bounds)


def _limits_of_key(key: KeyInfo, now: datetime) -> list[_Limit]:
    own: list[_Limit] = []
    others: list[_Limit] = []
    if key.limit is not None and key.limit_remaining is not None:
        amounts = key.limit_remaining, key.limit, key.used_in_window
        own.append(("key_limit", *amounts, key.limit_reset, key.next_reset(now)))
    for budget in (key.effective_budget,) if key.budgets is None else key.budgets:
        if budget is None or budget.remaining_usd is None:
            continue
        of_budget = budget.remaining_usd, budget.limit_usd, budget.spend_usd
        # The key's own limit is one of the budgets, too.
        limits = own if budget.scope == "key_limit" else others
        limits.append((budget.scope, *of_budget, budget.reset_interval, budget.resets_at))
    return [min(own, key=_remaining), *others] if own else others


public(Bound, Spendable)
