"""The limits on a key, and the one that stops it first: pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Literal, get_args

from attrs import field, frozen

from openrouter_credits._arguments import Dollars, require_dollars
from openrouter_credits._documents import Value
from openrouter_credits._models import Budget, Credits, KeyInfo
from openrouter_credits._models.moments import end_of_window
from openrouter_credits._public import public

Stop = Literal["refused", "expired", "disabled", "no_region", "management_key"]
"""Why a key cannot spend at all, whatever its limits are."""
_STOPS = frozenset(get_args(Stop))


@frozen(slots=False)  # faster to make
class Bound(Value):
    """One limit on what a key can spend. Amounts are US dollars."""

    name: str
    """`wallet`, `key_limit`, or the scope of a budget: an open set.

    A budget whose scope is `wallet` is named `wallet_budget`.
    """
    remaining: Decimal
    """The amount left below the limit; negative if it is overdrawn."""
    limit: Decimal | None = None
    """Of a wallet everything ever bought, of the others the limit of each window; `None` if not known."""
    used: Decimal | None = None
    """The used part of it; `None` if not known."""
    reset: str | None = None
    """How often it is renewed: `daily`, `weekly`, `monthly` (an open set); `None` for never.

    `unknown` if the server's answer could not be read.
    """
    resets_at: datetime | None = None
    """When it is renewed next (UTC); `None` if never, or if that is not known."""
    binds: bool = False
    """Whether it is the one that stops the key first."""
    budget_id: str | None = field(default=None, eq=False, repr=False)
    """Of a budget, OpenRouter's name for it: keys that share it tell the same one; `None` if not known."""


@frozen
class Spendable(Value):
    """How much a key can spend from now until something changes, and what stops it first."""

    amount: Decimal | None
    """US dollars: the smallest known limit, negative if it is overdrawn; `None` if no limit is known.

    If limits are spent, it is the one that keeps the key shut longest. 0 if the key cannot spend at all.
    """
    bound_by: str | None
    """The `Bound.name` of that limit: `wallet`, `key_limit`, or the scope of a budget.

    If the key cannot spend at all, it is the reason: `refused`, `expired`, `disabled`, `no_region` or
    `management_key`.
    """
    resets_at: datetime | None
    """When that limit is renewed (UTC); `None` if never, or if it is not known."""
    certainty: Literal["complete", "at_most", "unknown"]
    """How much of it is known.

    `complete`: wallet and key were read whole, or the key cannot spend at all. `at_most`: one is missing, or
    a part of the key's answer (`KeyInfo.unread`), and could allow less; so it is of each key of
    `Account.check()`, since guardrails of members and keys are in no list. `unknown`: no limit is known.
    """
    bounds: tuple[Bound, ...] = field(default=(), eq=False, repr=False)
    """All known limits: the wallet, the key's own limit, then the budgets in OpenRouter's order.

    They take no part in `==` and `repr`.
    """

    def covers(self, amount: Dollars) -> bool | None:
        """Tell whether `amount` dollars can be spent; `None` if a part that is missing could decide it.

        A key that cannot spend at all covers nothing, not even 0.
        """
        wanted = require_dollars(amount)
        if self.amount is None:
            return None
        if self.amount < wanted or is_stopped(self):
            return False
        return True if self.certainty == "complete" else None


_Limit = tuple[str, Decimal, Decimal | None, Decimal | None, str | None, str | None, datetime | None]
"""The fields of a `Bound`, as long as it is not known which one binds; a batch makes thousands of them.

The budget's id stands before the reset.
"""

_remaining = itemgetter(1)
_RESETS = frozenset({"reset_interval", "resets_at"})
_NEVER = datetime.max.replace(tzinfo=UTC)
_UNTOLD = 1
"""The place of a reset that cannot be told: after all dates, before never."""


def spendable(
    wallet: Credits | None,
    key: KeyInfo | None,
    now: datetime,
    *,
    stop: Stop | None = None,
    is_manager: bool = False,
    is_listed: bool = False,
) -> Spendable:
    """Find the limit that stops a key first; on a tie the wallet goes first, then the key's limit.

    Args:
        wallet: the wallet, if it was read.
        key: the key, if it was read.
        now: the time (aware).
        stop: why the key cannot spend at all, if that is known from elsewhere than `key`.
        is_manager: whether the key is there to read the wallet, and not to spend.
        is_listed: whether the key comes from a list of keys, which does not tell all of its limits.
    """
    limits: list[_Limit] = []
    if wallet is not None:
        limits.append(
            ("wallet", wallet.remaining, wallet.total_credits, wallet.total_usage, None, None, None)
        )
    if key is not None:
        stop = stop or _stop(key, now, is_manager=is_manager)
        # A management key cannot spend: only its wallet is of interest.
        if not key.is_management_key:
            limits += _limits_of_key(key, now)
    if stop is not None:
        return Spendable(Decimal(0), stop, None, "complete", _bounds(limits, None))
    if not limits:
        return Spendable(None, None, None, "unknown")
    first = _first(limits)
    is_whole = wallet is not None and key is not None and not key.unread and not is_listed
    name, amount, *_, resets_at = first
    return Spendable(amount, name, resets_at, "complete" if is_whole else "at_most", _bounds(limits, first))


def is_stopped(found: Spendable) -> bool:
    """Tell whether a key cannot spend at all. A budget whose scope is named like a reason is a limit."""
    return found.bound_by in _STOPS and not any(bound.binds for bound in found.bounds)


def _stop(key: KeyInfo, now: datetime, *, is_manager: bool) -> Stop | None:
    if key.is_expired(now):
        return "expired"
    if is_manager and key.is_management_key is not False:
        return None
    if key.is_management_key:
        return "management_key"
    return "no_region" if key.allowed_data_regions == () else None


def _bounds(limits: list[_Limit], first: _Limit | None) -> tuple[Bound, ...]:
    return tuple(
        [
            Bound(name, remaining, limit, used, reset, resets_at, each is first, budget_id)
            for each in limits
            for name, remaining, limit, used, budget_id, reset, resets_at in (each,)
        ]
    )


def _first(limits: list[_Limit]) -> _Limit:
    """Choose the smallest limit, or, if some are spent, the one that keeps a key shut longest."""
    first = min(limits, key=_remaining)  # the first of equals
    if first[1] <= 0:
        first = max((limit for limit in limits if limit[1] <= 0), key=_shut)
    return first


def _shut(limit: _Limit) -> tuple[int, datetime]:
    """Order limits that are spent by how long they keep a key shut; what cannot be told counts as long."""
    *_, reset, resets_at = limit
    if resets_at is not None:
        return 0, resets_at
    return (_UNTOLD, _NEVER) if reset is not None else (2, _NEVER)


def _limits_of_key(key: KeyInfo, now: datetime) -> list[_Limit]:
    own: list[_Limit] = []
    others: list[_Limit] = []
    if key.limit_remaining is not None:  # also without a limit: so much is left, says the server
        amounts = key.limit_remaining, key.limit, key.used_in_window
        reset, resets_at = key.limit_reset, key.next_reset(now)
        if resets_at is None:
            reset = _reset(reset, is_unread="limit_reset" in key.unread)
        own.append(("key_limit", *amounts, None, reset, resets_at))
    for budget in _budgets(key):
        remaining, scope = budget.remaining_usd, budget.scope
        if remaining is None:
            continue
        reset, resets_at = budget.reset_interval, budget.resets_at
        if resets_at is None:
            is_unread = not _RESETS.isdisjoint(budget.extra)  # which keeps what could not be read
            resets_at = None if is_unread else end_of_window(reset, now)
            reset = _reset(reset, is_unread=is_unread)
        # The key's own limit is one of the budgets, too.
        limits = own if scope == "key_limit" else others
        name = "wallet_budget" if scope == "wallet" else scope
        amounts = remaining, budget.limit_usd, budget.spend_usd
        limits.append((name, *amounts, budget.budget_id, reset, resets_at))
    if len(own) > 1:
        own = [_same(own)]
    return own + others


def _budgets(key: KeyInfo) -> Sequence[Budget]:
    """List the budgets; if some are missing, also the one that limits first, as the server says."""
    budgets, first = key.budgets, key.effective_budget
    if budgets is not None and not (key.unread and any(path.startswith("budgets[") for path in key.unread)):
        return budgets
    budgets = budgets or ()
    return budgets if first is None or first in budgets else (*budgets, first)


def _reset(interval: str | None, *, is_unread: bool) -> str | None:
    """Return the interval of a limit without a date: `None` for never, a text if it cannot be told."""
    if interval is None:
        return "unknown" if is_unread else None
    return None if interval == "lifetime" else interval


def _same(limits: list[_Limit]) -> _Limit:
    """Choose between reports of one limit; of equal amounts, one whose reset is known."""
    first = _first(limits)
    if _shut(first)[0] != _UNTOLD:
        return first
    told = [limit for limit in limits if _shut(limit)[0] != _UNTOLD and limit[1] == first[1]]
    return _first(told or [first])


public(Bound, Spendable)
