"""How one subject stands: down at once, up slowly. Pure decisions on plain data, no I/O."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from attrs import define, field, frozen

from openrouter_credits import Level
from openrouter_credits.history import Reading
from openrouter_credits.watch._counts import NEVER, Count, Mark, is_another
from openrouter_credits.watch._rules import EXACT, Rules

LevelKind = Literal["low", "critical", "depleted", "invalid", "recovered"]
_KINDS: dict[Level, LevelKind] = {
    Level.LOW: "low",
    Level.CRITICAL: "critical",
    Level.DEPLETED: "depleted",
    Level.INVALID: "invalid",
}

_APART = 30.0
"""In seconds: a key that was refused is looked at again a minute later."""


@frozen
class News:
    """What is to be said of a level."""

    kind: LevelKind
    previous: Level
    lasted: timedelta | None = None
    """Of `recovered`: how long the trouble lasted. Of a reminder: how long the level has."""
    bought: Decimal | None = None
    """Of `recovered`: the credits bought since the trouble began; `None` for none."""
    repeat: int = 0
    """Of a reminder: its number, from 1."""


@define
class Standing:
    """The level of one subject. Moments are of the alarm's own clock."""

    level: Level | None = None
    """`None` if it was not judged yet."""
    since: datetime = NEVER
    """When the level was entered."""
    mark: Mark = field(factory=Mark)
    """What the amount was made of then."""
    clear: Count = field(factory=Count)
    """Looks in a row at which there was enough to leave the level."""
    renewed: Level | None = None
    """The better level of the amount in a new window, or of a new key, that was not enough to leave this one.

    Nothing is said of that, but then the level has to be told anew: it has another cause.
    """
    refusals: Count = field(factory=Count)
    """Looks in a row at which the key was refused (401)."""
    is_quiet: bool = False
    """Whether the level was found so at a first look, and nothing was said: it is not repeated either."""
    told_at: datetime = NEVER
    """When the level was entered or last repeated."""
    repeats: int = 0
    is_told: bool = False
    """Whether anything was said since the subject was OK."""
    trouble_at: datetime = NEVER
    """When that was said first."""
    granted: Decimal | None = None
    """What had been bought until then, or the limit."""

    def refuse(self, now: datetime, rules: Rules) -> None:
        """Take in that the key was refused; looks of two watchers at the same time count once."""
        self.refusals.add(now, min(rules.spacing, _APART))

    def stop(self, reading: Reading, now: datetime, rules: Rules, *, is_first: bool) -> News | None:
        """Take in that the key cannot spend at all."""
        if reading.stop == "refused":
            self.refuse(now, rules)
            if self.refusals.number < rules.refused_after:
                return None
        if self.level is Level.INVALID:
            return self._repeat(Level.INVALID, now, rules)
        is_old_news = is_first and reading.stop in ("disabled", "expired")
        return self._enter(Level.INVALID, reading, now, is_quiet=is_old_news)

    def judge(self, reading: Reading, now: datetime, rules: Rules, *, is_covered: bool) -> News | None:
        """Take in an amount, or that there is no limit; a level stands still while it is covered."""
        self.refusals = Count()
        amount = reading.remaining
        found = Level.OK if amount is None else rules.level(amount)
        if self.level is Level.INVALID and not self.is_quiet:
            return self._enter(Level.OK if is_covered else found, reading, now)
        if self.level is Level.INVALID:
            self.level = None  # nobody was told: this is the first look at its amount
        if amount is None or (self.level is None and found is Level.OK):
            return self._enter(Level.OK, reading, now) if self.level is not Level.OK else None
        return None if is_covered else self._weigh(amount, found, reading, now, rules)

    def _weigh(
        self, amount: Decimal, found: Level, reading: Reading, now: datetime, rules: Rules
    ) -> News | None:
        if self.level is None or found > self.level:
            is_quiet = self._is_new(reading) and _is_full(amount, reading)
            return self._enter(found, reading, now, is_quiet=is_quiet)
        if found < self.level and rules.is_enough(self.level, amount, reading.granted):
            looks = self.clear.add(now, rules.spacing)
            is_over = looks >= rules.clear_after or self.mark.is_filled_up(reading)
            return self._enter(found, reading, now) if is_over else None
        self.clear = Count()
        if found < self.level:
            self.renewed = found if self.mark.is_renewed(reading) else self.renewed
            return None
        return self._repeat(found, now, rules) if self.renewed is None else self._enter(found, reading, now)

    def _is_new(self, reading: Reading) -> bool:
        """Tell whether this is the first look at a limit: of a subject, or of a key made anew."""
        if self.level is not Level.OK:
            return self.level is None
        return self.mark.granted is None or is_another(self.mark.label, reading.label)

    def _enter(self, level: Level, reading: Reading, now: datetime, *, is_quiet: bool = False) -> News | None:
        is_left = self.level is not None and level < self.level
        previous = self.level if is_left or self.renewed is None else self.renewed
        self.level, self.since, self.mark, self.clear = level, now, Mark.of(reading), Count()
        self.renewed = None
        self.is_quiet, self.told_at, self.repeats = is_quiet, now, 0
        if level is Level.OK:
            return self._recover(previous, reading, now)
        if is_quiet or is_left:
            return None
        if not self.is_told:
            self.is_told, self.trouble_at, self.granted = True, now, reading.granted
        return News(_KINDS[level], previous or Level.UNKNOWN)

    def _recover(self, previous: Level | None, reading: Reading, now: datetime) -> News | None:
        if not self.is_told or previous is None:
            return None
        self.is_told = False
        return News("recovered", previous, now - self.trouble_at, _bought(self.granted, reading))

    def _repeat(self, level: Level, now: datetime, rules: Rules) -> News | None:
        is_due = (now - self.told_at).total_seconds() >= rules.remind
        if self.is_quiet or level < Level.DEPLETED or not is_due:
            return None
        self.told_at = now
        self.repeats += 1
        return News(_KINDS[level], level, now - self.since, repeat=self.repeats)


def _is_full(amount: Decimal, reading: Reading) -> bool:
    """Tell whether nothing of a limit is used; a wallet has none."""
    return reading.bound_by != "wallet" and reading.granted is not None and amount >= reading.granted


def _bought(before: Decimal | None, reading: Reading) -> Decimal | None:
    if reading.bound_by != "wallet" or before is None or reading.granted is None:
        return None
    return EXACT.subtract(reading.granted, before) if reading.granted > before else None
