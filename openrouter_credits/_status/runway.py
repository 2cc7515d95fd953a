"""How long an amount lasts at the pace of late: pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from attrs import frozen

from openrouter_credits._documents import Value
from openrouter_credits._models.amounts import divide
from openrouter_credits._public import public

_DAY = Decimal(86400)


@frozen
class Runway(Value):
    """How long an amount lasts at the pace of late."""

    verdict: Literal["accumulating", "idle", "lasts_until_reset", "runs_out"]
    """`accumulating`: too little was seen yet. `idle`: nothing was spent. Else whether a reset comes first."""
    per_day: Decimal | None
    """US dollars a day: the slower of the paces seen; `None` if too little was seen."""
    runs_out_at: datetime | None
    """When nothing is left at that pace (UTC), resets aside; `None` if never, or not known."""
    earliest: datetime | None
    """When nothing is left at the fastest pace seen (UTC)."""
    resets_at: datetime | None
    """When the limit is renewed (UTC); `None` if never, or not known."""
    basis: Literal["counters", "history"]
    """What it is made of: the key's own counters, or readings over time."""

    @staticmethod
    def of(
        remaining: Decimal,
        rates: Iterable[Decimal],
        now: datetime,
        *,
        basis: Literal["counters", "history"],
        resets_at: datetime | None = None,
        fast: Iterable[Decimal] = (),
    ) -> Runway:
        """Tell how long an amount lasts.

        Args:
            remaining: the amount left, in US dollars.
            rates: dollars a day, of different windows; the slowest decides. Empty: too little was seen.
            now: the time (aware).
            basis: what the rates were made of.
            resets_at: when the limit is renewed.
            fast: further rates, that `earliest` alone is made of.
        """
        slow = list(rates)
        if not slow:
            return Runway("accumulating", None, None, None, resets_at, basis)
        rate, fastest = min(slow), max([*slow, *fast])
        ends, earliest = _end(remaining, rate, now), _end(remaining, fastest, now)
        if ends is None:
            return Runway("idle", rate, None, earliest, resets_at, basis)
        verdict: Literal["lasts_until_reset", "runs_out"] = "runs_out"
        if resets_at is not None and ends >= resets_at:
            verdict = "lasts_until_reset"
        return Runway(verdict, rate, ends, earliest, resets_at, basis)


def _end(remaining: Decimal, rate: Decimal, now: datetime) -> datetime | None:
    if rate <= 0:
        return None
    return now + timedelta(seconds=float(divide(remaining * _DAY, rate)))


public(Runway)
