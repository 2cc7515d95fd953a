"""What a wallet and a key together allow: pure decisions, no I/O."""

from __future__ import annotations

from copy import copy
from decimal import Decimal
from enum import StrEnum
from operator import itemgetter
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from openrouter_credits._errors import AuthenticationError, OpenRouterError, UnconfirmedCreditsError, detached
from openrouter_credits._status.status import explain

if TYPE_CHECKING:
    from datetime import datetime

    from openrouter_credits._models.key import Credits, KeyInfo

Dollars = Decimal | int | float | str


class Level(StrEnum):
    """How urgent a key's state is, for alerts and exit codes."""

    OK = "OK"
    """At or above the warning threshold."""
    LOW = "LOW"
    """Below the warning threshold."""
    CRITICAL = "CRITICAL"
    """Below the critical threshold."""
    DEPLETED = "DEPLETED"
    """Nothing is left."""
    INVALID = "INVALID"
    """The key is unknown, disabled or expired."""
    UNKNOWN = "UNKNOWN"
    """It could not be told; never to be taken for OK."""


@frozen
class Spendable:
    """How much a key can spend from now until something changes, and what stops it first."""

    amount: Decimal | None
    """The smallest known bound in US dollars, negative if something is overdrawn; `None` if no bound is known."""
    bound_by: str | None
    """What that bound is: `wallet`, `key_limit`, or the scope of a budget."""
    resets_at: datetime | None
    """When that bound is renewed (UTC); `None` if never, or if it is not known."""
    certainty: Literal["complete", "at_most", "unknown"]
    """`complete`: wallet and key were both read. `at_most`: one is missing, and could allow less. `unknown`: no bound is known."""

    def covers(self, amount: Dollars) -> bool | None:
        """Tell whether so many dollars can be spent; `None` if what is missing could decide it."""
        wanted = _dollars(amount)
        if self.amount is None:
            return None
        if self.amount < wanted:
            return False
        return True if self.certainty == "complete" else None


@frozen
class KeyStatus:
    """All that one look at a key told."""

    key: KeyInfo | None
    """What `/key` said, or `None` if it was not read."""
    credits: Credits | None
    """What `/credits` said of the wallet, or `None` if it was not read or is not believed."""
    spendable: Spendable
    """What the two come to."""
    problems: tuple[OpenRouterError, ...]
    """Why something is missing; empty if nothing is that was asked for."""
    checked_at: datetime
    """When that was (UTC)."""

    def level(self, warn: Dollars = 10, critical: Dollars = 5) -> Level:
        """Judge the amount by two thresholds in US dollars.

        An amount that is only an upper bound can be too low, but not good enough, unless what is missing was not asked for.
        """
        warn, critical = _dollars(warn), _dollars(critical)
        if self.is_invalid:
            return Level.INVALID
        amount = self.spendable.amount
        if amount is None:
            return Level.UNKNOWN
        if amount <= 0:
            return Level.DEPLETED
        if amount < critical:
            return Level.CRITICAL
        if amount < warn:
            return Level.LOW
        return Level.UNKNOWN if self.problems else Level.OK

    @property
    def is_invalid(self) -> bool:
        """Whether the key has expired, or was refused as unknown or disabled."""
        if self.key is not None:
            return self.key.is_expired(self.checked_at)
        return any(isinstance(problem, AuthenticationError) for problem in self.problems)

    def explain(self) -> str:
        """Say it in one plain sentence.

        Such as: `$11.75 left until Monday 00:00 UTC: the workspace budget binds (wallet: $74.75).`
        """
        return explain(self)


def assess(
    credits: Credits | OpenRouterError | None,  # noqa: A002 - the API's own name
    key: KeyInfo | OpenRouterError | None,
    *,
    reader: KeyInfo | OpenRouterError | None,
    now: datetime,
) -> KeyStatus:
    """Put together what was read of a wallet and a key.

    Args:
        credits: the wallet; the error that hid it; or `None` if it was not asked for.
        key: the same of the key.
        reader: what `/key` said of the key that read the wallet; it is looked at only if the wallet was 0/0.
        now: the time (aware).

    Raises:
        OpenRouterError: nothing was readable; the key's error, if there is one, with the wallet's in its `problems`.
    """
    problems: tuple[OpenRouterError, ...] = ()
    info, wallet = None, None
    if isinstance(key, OpenRouterError):
        problems = (key,)
    else:
        info = key
    if isinstance(credits, OpenRouterError):
        problems += (credits,)
    elif credits is not None:
        if doubt := unconfirmed(credits, reader):
            problems += (doubt,)
        else:
            wallet = credits
    if wallet is None and info is None:
        first, *others = map(copy, problems)  # they may be other keys' outcomes too
        first.problems += tuple(others)
        raise first
    return KeyStatus(info, wallet, spendable(wallet, info, now), problems, now)


def spendable(wallet: Credits | None, key: KeyInfo | None, now: datetime) -> Spendable:
    """Find the smallest of all known bounds; on a tie the wallet goes before the key's limit, and that before the budgets."""
    bounds = _bounds(wallet, key, now)
    if not bounds:
        return Spendable(None, None, None, "unknown")
    amount, bound_by, resets_at = min(bounds, key=itemgetter(0))  # the first of equals
    return Spendable(amount, bound_by, resets_at, "at_most" if wallet is None or key is None else "complete")


def _bounds(
    wallet: Credits | None, key: KeyInfo | None, now: datetime
) -> list[tuple[Decimal, str, datetime | None]]:
    bounds: list[tuple[Decimal, str, datetime | None]] = []
    if wallet is not None:
        bounds.append((wallet.remaining, "wallet", None))
    if (
        key is None or key.is_management_key
    ):  # a management key cannot run inference: only the wallet is of interest
        return bounds
    if key.limit is not None and key.limit_remaining is not None:
        bounds.append((key.limit_remaining, "key_limit", key.next_reset(now)))
    budgets = (key.effective_budget,) if key.budgets is None else key.budgets
    bounds += [
        (budget.remaining_usd, budget.scope, budget.resets_at)
        for budget in budgets
        if budget and budget.remaining_usd is not None
    ]
    return bounds


def unconfirmed(credits: Credits, reader: KeyInfo | OpenRouterError | None) -> UnconfirmedCreditsError | None:  # noqa: A002 - as above
    """Doubt a 0/0, unless what `/key` says of the key that read it makes it plausible.

    `/credits` answers 0/0 to some keys that may not read it (seen in 2026-09). It is true of a management key, and of an account that
    has never paid and never used anything. A key's `usage` of 0 alone proves nothing: a fresh key in a funded account has it too.
    """
    if not credits.is_zero:
        return None
    if reader is None:
        return UnconfirmedCreditsError(credits)
    if isinstance(reader, OpenRouterError):
        return UnconfirmedCreditsError(credits, problems=[detached(reader)])
    counters = (
        reader.usage,
        reader.usage_daily,
        reader.usage_weekly,
        reader.usage_monthly,
        reader.byok_usage,
        reader.byok_usage_daily,
        reader.byok_usage_weekly,
        reader.byok_usage_monthly,
    )
    if reader.is_management_key or (reader.is_free_tier and not any(counters)):
        return None
    return UnconfirmedCreditsError(credits)


def _dollars(amount: Dollars) -> Decimal:
    """Read a threshold as it was written: 0.1 is a tenth."""
    if isinstance(amount, bool) or not isinstance(amount, Dollars):
        raise TypeError(f"an amount is a number, not {type(amount).__name__}")
    try:
        exact = Decimal(
            float.__repr__(amount) if isinstance(amount, float) else amount
        )  # numpy's floats show themselves otherwise
    except ArithmeticError:
        exact = Decimal("NaN")
    if not exact.is_finite():
        raise ValueError("an amount is a finite number of dollars")
    return exact
