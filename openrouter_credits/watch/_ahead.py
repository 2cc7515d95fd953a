"""What is to come: an amount that runs out, a key that expires. Pure decisions on plain data, no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from attrs import define, field

from openrouter_credits import Level, Runway
from openrouter_credits.history import Reading
from openrouter_credits.watch._counts import Count, Mark
from openrouter_credits.watch._rules import DAY, Rules

_MOST_MOMENTS = 9
"""Further moments that are remembered of a key whose expiry is moved and moved back."""


@define
class Outlook:
    """Whether it was said that an amount runs out."""

    is_told: bool = False
    mark: Mark = field(factory=Mark)
    """What the amount was made of then."""
    calm: Count = field(factory=Count)
    """Looks in a row at which there was time enough."""

    def judge(
        self, amount: Decimal, reading: Reading, runway: Runway, time: datetime, now: datetime, rules: Rules
    ) -> bool:
        """Tell whether it is to be said: once, until there is time again or the amount was filled up.

        Args:
            amount: what is left.
            reading: of this look.
            runway: how long the amount lasts.
            time: the time of this look, which the runway is made for.
            now: the same by the alarm's own clock.
            rules: when something is said.
        """
        if self.is_told and self._is_over(amount, reading, runway, time, now, rules):
            self.is_told = False
        if self.is_told or amount <= 0 or not _runs_out_within(DAY, runway, time):
            return False
        self.is_told, self.mark, self.calm = True, Mark.of(reading), Count()
        return True

    def _is_over(
        self, amount: Decimal, reading: Reading, runway: Runway, time: datetime, now: datetime, rules: Rules
    ) -> bool:
        if self.mark.is_filled_up(reading) and rules.is_enough(Level.LOW, amount, reading.granted):
            return True
        if runway.verdict == "accumulating":
            return False
        if _runs_out_within(rules.rearmed(DAY), runway, time):
            self.calm = Count()
            return False
        return self.calm.add(now, rules.spacing) >= rules.clear_after


def _runs_out_within(span: timedelta, runway: Runway, time: datetime) -> bool:
    """Tell whether readings show that nothing is left so soon, and before any reset."""
    if runway.verdict != "runs_out" or runway.basis != "history" or runway.runs_out_at is None:
        return False
    is_renewed_before = runway.resets_at is not None and runway.resets_at <= runway.runs_out_at
    return not is_renewed_before and runway.runs_out_at - time < span


@define
class Expiry:
    """What was said of the moments at which a key was to expire, of late."""

    told: dict[str, int] = field(factory=dict)
    """For each moment the threshold that was said last, in days."""

    def judge(self, expires_at: datetime, time: datetime, thresholds: Iterable[int]) -> int | None:
        """Return the threshold, in days, that is to be said: once each, of several the nearest."""
        left = expires_at - time
        days = min((each for each in thresholds if left <= each * DAY), default=None)
        moment = expires_at.astimezone(UTC).isoformat()
        if days is None or left <= timedelta(0) or days >= self.told.get(moment, math.inf):
            return None
        others = [each for each in self.told.items() if each[0] != moment]
        self.told = dict([*others[-_MOST_MOMENTS:], (moment, days)])
        return days
