"""How long an amount lasts, from the pace at which it is spent: pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from attrs import frozen

from openrouter_credits._documents import Value
from openrouter_credits._models.allowance import Allowance
from openrouter_credits._models.amounts import EXACT, divide, plain, scale
from openrouter_credits._models.moments import utc
from openrouter_credits._public import public
from openrouter_credits._words import day, format_usd

_ZERO = Decimal(0)
_CENT = Decimal("0.01")
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_NEVER = datetime.max.replace(tzinfo=UTC)
_SEEN = timedelta(hours=6)
"""The time of a window that must have passed: the first minutes of a day say nothing of its pace."""


@frozen
class Runway(Value):
    """How long an amount lasts, from the pace at which it was spent lately.

    Paces of several windows are known. The slowest decides, and the fastest tells the earliest date.
    """

    verdict: Literal["accumulating", "idle", "lasts_until_reset", "runs_out"]
    """The forecast.

    `accumulating`: too little was seen. `idle`: nothing was spent in one of the windows.
    `lasts_until_reset`: the limit is renewed first. `runs_out`: it is not; so it is if nothing is left now.
    """
    per_day: Decimal | None
    """The slowest pace, in US dollars a day; `None` if too little was seen."""
    runs_out_at: datetime | None
    """When nothing is left at that pace (UTC), as if there were no reset.

    `None` if never, or if too little was seen. After the year 9999 it is the last moment of that year.
    """
    earliest: datetime | None
    """The same at the fastest pace."""
    resets_at: datetime | None
    """When the limit is renewed (UTC); `None` if never, or if that is not known."""
    basis: Literal["counters", "history"]
    """Where the paces come from: `counters` of the key's day, week and month, or readings over time."""

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
            remaining: the amount that is left, in US dollars.
            rates: the paces, in dollars a day; if there are none, too little was seen.
            now: the time (aware).
            basis: where the paces come from.
            resets_at: when the limit is renewed (aware); in the past, it counts as not known.
            fast: further paces, which only `earliest` is made of.
        """
        now = utc(now)
        resets_at = None if resets_at is None or resets_at <= now else utc(resets_at)
        paces = [max(rate, _ZERO) for rate in rates]
        per_day = plain(min(paces)) if paces else None
        if remaining <= 0:
            return Runway("runs_out", per_day, now, now, resets_at, basis)
        if per_day is None:
            return Runway("accumulating", None, None, None, resets_at, basis)
        runs_out_at = _end(remaining, per_day, now)
        earliest = _end(remaining, max(*paces, _ZERO, *fast), now)
        verdict: Literal["idle", "lasts_until_reset", "runs_out"] = "runs_out"
        if runs_out_at is None:
            verdict = "idle"
        elif resets_at is not None and resets_at <= runs_out_at:
            verdict = "lasts_until_reset"
        return Runway(verdict, per_day, runs_out_at, earliest, resets_at, basis)

    def __str__(self) -> str:
        """Tell the forecast in one sentence."""
        if self.verdict == "accumulating":
            return "Too little was seen yet."
        if self.verdict == "idle":
            return f"Nothing was spent{_on(self.earliest, ' lately; it runs out on {} at the earliest')}."
        pace = "" if self.per_day is None else f" at {_usd(self.per_day)} a day"
        if self.verdict == "lasts_until_reset":
            return f"Lasts until the reset{_on(self.resets_at, ' on {}')}{pace}."
        earliest = None if self.earliest == self.runs_out_at else self.earliest
        return f"Runs out{_on(self.runs_out_at, ' on {}')}{pace}{_on(earliest, ', on {} at the earliest')}."


def _end(remaining: Decimal, per_day: Decimal, now: datetime) -> datetime | None:
    """Return when an amount above 0 is spent, in UTC; `None` for never."""
    if not per_day:
        return None
    if scale(per_day, _NEVER - now, _DAY) <= remaining:
        return _NEVER
    microseconds = divide(EXACT.multiply(remaining, Decimal(_DAY // _MICROSECOND)), per_day)
    return now + timedelta(microseconds=int(microseconds))


def _on(when: datetime | None, words: str) -> str:
    return "" if when is None else words.format(f"{day(when)} (UTC)")


def _usd(per_day: Decimal) -> str:
    return "less than $0.01" if 0 < per_day < _CENT else format_usd(per_day)


def runway_of_limit(key: Allowance, now: datetime) -> Runway | None:
    """Tell how long a key's own limit lasts, from its counters; `None` if none is known."""
    if key.limit_remaining is None:
        return None
    rates = paces([key], now, with_byok=bool(key.include_byok_in_limit))
    return Runway.of(key.limit_remaining, rates, now, basis="counters", resets_at=key.next_reset(now))


def paces(keys: Sequence[Allowance], now: datetime, *, with_byok: bool = False) -> list[Decimal]:
    """Return how fast keys spend together in the current UTC day, week and month, in dollars a day.

    A window counts if 6 hours of it have passed, and if each key has its counter. One in which nothing was
    spent counts only if nothing was spent in the others either: it may be a night, or a weekend.

    Args:
        keys: all that spend from one amount.
        now: when the counters were read (aware).
        with_byok: whether spending with one's own providers' keys (BYOK) counts, too.
    """
    rates = []
    for window, began_at in _windows(utc(now)):
        elapsed = utc(now) - began_at
        if elapsed < _SEEN:
            continue
        spent = spent_by(keys, (f"usage_{window}", f"byok_usage_{window}")[: 2 if with_byok else 1])
        if spent is not None:
            rates.append(scale(spent, _DAY, elapsed))
    return [rate for rate in rates if rate > 0] or rates


def _windows(now: datetime) -> Iterator[tuple[str, datetime]]:
    """Yield the windows of a key's counters, and when they began."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    yield "daily", today
    yield "weekly", today - timedelta(days=today.weekday())
    yield "monthly", today.replace(day=1)


def spent_by(keys: Iterable[Allowance], names: Sequence[str]) -> Decimal | None:
    """Add up these counters of all keys; `None` if one is missing."""
    spent = _ZERO
    for key in keys:
        for name in names:
            amount: Decimal | None = getattr(key, name)
            if amount is None:
                return None
            spent = EXACT.add(spent, amount)
    return plain(spent)


public(Runway)
