"""The forecast: how far `Runway` is from the truth, over a simulated month."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from statistics import median
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from openrouter_credits import KeyInfo, KeyStatus, Runway, Spendable
from openrouter_credits.history import Burn

from .report import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sizes import Sizes

_BEGINS = datetime(2026, 6, 29, tzinfo=UTC)
"""A Monday. The month is July; before it readings are collected, and after it amounts run out."""
_JULY = datetime(2026, 7, 1, tzinfo=UTC)
_STEP = timedelta(minutes=5)
_DAYS = 2 + 31 + 8
_A_DAY = 24 * 12
_HORIZONS = {"under 1 day": (2, 4, 8, 12, 20), "1 to 3 days": (28, 40, 56, 70), "3 to 7 days": (80, 120, 160)}
"""Hours until an amount is spent."""
_HISTORY, _COUNTERS, _LAST_HOUR = "readings, `Burn`", "counters, first look", "the last hour alone"


def tables(sizes: Sizes) -> Iterator[Table]:
    """Make every forecast of a month."""
    errors: dict[tuple[str, str], _Errors] = defaultdict(_Errors)
    for seed in range(sizes.services):
        _forecast(_Service(random.Random(seed)), sizes.forecast_days, errors)
    yield Table(
        "How long an amount lasts",
        f"{sizes.services} simulated services, read every 5 minutes: busy by day, quiet on weekends, with a "
        f"burst of some hours now and then. Each hour for {sizes.forecast_days} days, each forecast is asked "
        "about amounts that the service then spends in 2 to 160 hours. The error of `runs_out_at` is a share "
        "of the time that the amount lasts. *In range* is how often that time ends from `earliest` to "
        "`runs_out_at`, *too late* how often it ends before `earliest`.",
        ("forecast", "spent in", "median error", "90 % of errors below", "in range", "too late"),
        [
            (name, horizon, *errors[name, horizon].told())
            for name in (_HISTORY, _COUNTERS, _LAST_HOUR)
            for horizon in _HORIZONS
        ],
    )


@define
class _Errors:
    """The errors of one forecast at one horizon, as shares of the truth."""

    errors: list[float] = field(factory=list)
    in_range: int = 0
    too_late: int = 0

    def add(self, runway: Runway, truth: datetime, now: datetime) -> None:
        if runway.runs_out_at is None or runway.earliest is None:
            self.errors.append(math.inf)  # nothing was spent, it says
            return
        self.errors.append(abs(runway.runs_out_at - truth) / (truth - now))
        # The truth is known to one step.
        self.in_range += runway.earliest - _STEP <= truth <= runway.runs_out_at + _STEP
        self.too_late += truth < runway.earliest - _STEP

    def told(self) -> tuple[str, ...]:
        number = len(self.errors)
        return (
            f"{median(self.errors):.0%}",
            f"{sorted(self.errors)[number * 9 // 10]:.0%}",
            f"{self.in_range / number:.0%}",
            f"{self.too_late / number:.0%}",
        )


@frozen
class _Service:
    """The sum of what a service has spent after each step, in US dollars."""

    chance: random.Random
    spent: list[float] = field(init=False)

    @spent.default
    def _spend(self) -> list[float]:
        bursts = {self.chance.randrange(_DAYS * 24): self.chance.uniform(3, 8) for _ in range(6)}
        pace, steps = 1.0, [0.0]
        for step in range(_DAYS * _A_DAY):
            day, hour = divmod(step / 12, 24)
            if step % 12 == 0:
                pace = bursts.get(step // 12, pace if pace > 1 and self.chance.random() < 0.6 else 1.0)
            rhythm = 1 - 0.9 * math.cos((hour - 3) / 24 * math.tau)
            weekend = 0.35 if day % 7 >= 5 else 1.0
            steps.append(0.07 * rhythm * weekend * pace * self.chance.gammavariate(2, 0.5))
        return list(accumulate(steps))

    def at(self, step: int) -> Decimal:
        """Return the counter after a step."""
        return Decimal(f"{self.spent[step]:.6f}")

    def within(self, step: int, begin: datetime) -> Decimal:
        """Return what was spent since the begin of a window."""
        return self.at(step) - self.at(max(0, (begin - _BEGINS) // _STEP))


def _forecast(service: _Service, days: int, errors: dict[tuple[str, str], _Errors]) -> None:
    burn = Burn()
    for step in range((2 + days) * _A_DAY):
        now = _BEGINS + step * _STEP
        burn.add(now, service.at(step))
        if now < _JULY or now.minute:
            continue
        for horizon, hours in _HORIZONS.items():
            for hour in hours:
                remaining = service.at(step + hour * 12) - service.at(step)
                truth = _BEGINS + _STEP * bisect_right(service.spent, service.spent[step + hour * 12] - 1e-9)
                last_hour = (service.at(step) - service.at(step - 12)) * 24
                forecasts = {
                    _HISTORY: burn.runway(remaining, now),
                    _COUNTERS: _first_look(service, step, now, remaining),
                    _LAST_HOUR: Runway.of(remaining, [last_hour], now, basis="history"),
                }
                for name, runway in forecasts.items():
                    errors[name, horizon].add(runway, truth, now)


def _first_look(service: _Service, step: int, now: datetime, remaining: Decimal) -> Runway:
    today = now.replace(hour=0)
    key = KeyInfo(
        label="bot",
        usage=service.at(step),
        limit=remaining,
        limit_remaining=remaining,
        usage_daily=service.within(step, today),
        usage_weekly=service.within(step, today - timedelta(days=today.weekday())),
        usage_monthly=service.within(step, today.replace(day=1)),
    )
    found = KeyStatus(key, None, Spendable(remaining, "key_limit", None, "at_most"), (), now).runway()
    assert found is not None
    return found
