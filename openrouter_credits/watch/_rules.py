"""What an alarm is asked for, checked: thresholds, counts and times."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from decimal import Context, Decimal

from attrs import frozen

from openrouter_credits import Level
from openrouter_credits._arguments import (
    Dollars,
    require_count,
    require_dollars,
    require_seconds,
    require_thresholds,
)

EXACT = Context(prec=250)
"""Enough digits for any threshold times any `rearm`, whatever the process's own context is."""
DAY = timedelta(days=1)
_LONGEST_NOTICE = 3650
"""In days: ten years before the key expires."""


@frozen
class Rules:
    """When something is said. Amounts are US dollars; `remind` and `spacing` are in seconds."""

    warn: Decimal
    critical: Decimal
    rearm: Decimal
    clear_after: int
    stale_after: int
    remind: float
    expiring: tuple[int, ...]
    """Days, the fewest first."""
    spacing: float
    refused_after: int

    def level(self, amount: Decimal) -> Level:
        """Judge an amount, as `KeyStatus.level` does."""
        if amount <= 0:
            return Level.DEPLETED
        if amount < self.critical:
            return Level.CRITICAL
        return Level.LOW if amount < self.warn else Level.OK

    def threshold(self, level: Level) -> Decimal:
        """Return the amount below which a level begins, or above which it is OK; INVALID has none."""
        amounts = {Level.CRITICAL: self.critical, Level.DEPLETED: Decimal(0)}
        return amounts.get(level, self.warn)

    def is_enough(self, level: Level, amount: Decimal, limit: Decimal | None) -> bool:
        """Tell whether an amount is enough to leave a level: well above its threshold, or the whole limit.

        DEPLETED is left as CRITICAL is, so that a few cents do not end it.
        """
        threshold = self.warn if level is Level.LOW else self.critical
        enough = EXACT.multiply(self.rearm, threshold)
        return amount >= enough or (limit is not None and amount >= limit)

    def rearmed(self, span: timedelta) -> timedelta:
        """Return a span of time made longer by `rearm`."""
        return span * min(float(self.rearm), 1000.0)


def require_rules(
    warn: Dollars,
    critical: Dollars | None,
    rearm: Dollars,
    clear_after: int,
    stale_after: int,
    remind: float,
    expiring: Collection[int],
    spacing: float,
    refused_after: int,
) -> Rules:
    """Return the rules that arguments stand for.

    Raises:
        TypeError: one is not a number, or `expiring` is not a collection of whole numbers.
        ValueError: one is out of its domain.
    """
    low, lower = require_thresholds(warn, critical)
    factor = require_dollars(rearm)
    if factor < 1:
        raise ValueError(f"rearm is at least 1, not {factor}")
    counts = {"clear_after": clear_after, "stale_after": stale_after, "refused_after": refused_after}
    for name, count in counts.items():
        require_count(name, count)
    return Rules(
        low,
        lower,
        factor,
        clear_after,
        stale_after,
        require_seconds("remind", remind),
        _require_days(expiring),
        require_seconds("spacing", spacing, zero=True),
        refused_after,
    )


def _require_days(expiring: object) -> tuple[int, ...]:
    if isinstance(expiring, str) or not isinstance(expiring, Collection):
        raise TypeError(f"expiring is a tuple of days such as (30, 7, 1), not {type(expiring).__name__}")
    for days in expiring:
        require_count("expiring", days)
        if days > _LONGEST_NOTICE:
            raise ValueError(f"expiring is at most {_LONGEST_NOTICE} days, not {days}")
    return tuple(sorted(set(expiring)))
