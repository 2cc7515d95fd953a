"""Whether a subject is seen: blindness speaks. Pure decisions on plain data, no I/O."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import define, field

from openrouter_credits.watch._counts import NEVER, Count
from openrouter_credits.watch._rules import Rules

BLIND_AFTER = timedelta(minutes=15)


@define
class Sight:
    """When a subject was read last, and how often it could not be read since."""

    good_at: datetime = NEVER
    """The last look that read it; until there is one, the first look."""
    failed: Count = field(factory=Count)
    """Looks in a row that could not read it."""
    is_told: bool = False

    def hit(self, now: datetime) -> timedelta | None:
        """Take in a look that read it; return how long it was out of sight, if that had been said."""
        lasted = now - self.good_at if self.is_told else None
        self.good_at, self.failed, self.is_told = now, Count(), False
        return lasted

    def miss(self, now: datetime, rules: Rules) -> None:
        """Take in a look that could not read it."""
        if self.good_at == NEVER:
            self.good_at = now
        self.failed.add(now, rules.spacing)

    def excuse(self) -> None:
        """Take in a look that could not read it for a reason which the events of others tell."""
        self.failed = Count()

    def report(self, now: datetime, rules: Rules) -> timedelta | None:
        """Return how long it was not read, if that is to be said: once, until it is read again."""
        lasted = now - self.good_at
        if self.is_told or self.failed.number < rules.stale_after or lasted < BLIND_AFTER:
            return None
        self.is_told = True
        return lasted
