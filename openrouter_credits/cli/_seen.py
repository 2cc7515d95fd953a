"""What a watch has seen of each subject: the last reading, its time, and the amounts over time."""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from itertools import dropwhile
from typing import TYPE_CHECKING

from attrs import define, field

from openrouter_credits.history import read_subjects

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from openrouter_credits import CheckReport
    from openrouter_credits.history import Point, Reading, Subject

Amounts = list[tuple["datetime", "Decimal | None"]]
"""Amounts by time, oldest first; `None` where it was not read."""

_MOST = 512
"""Amounts that are kept of a subject; above that, every other one goes."""
_BARS = "▁▂▃▄▅▆▇"
"""Without the full block, which would run into the line above."""
_GAP = " "


@define
class Sight:
    """What was seen of one subject."""

    reading: Reading | None = None
    """The last one that was read."""
    read_at: datetime | None = None
    unread: Reading | None = None
    """That of the last look, if it did not read it."""
    amounts: Amounts = field(factory=list)

    def add(self, at: datetime, amount: Decimal | None) -> None:
        """Take an amount; `None` if it was not read."""
        self.amounts.append((at, amount))
        if len(self.amounts) > _MOST:
            del self.amounts[-3::-2]  # the newest two stay


@define
class Seen:
    """What was seen of all subjects."""

    sights: dict[Subject, Sight] = field(factory=dict)
    looked_at: datetime | None = None
    """When the last look ended, whatever it read."""
    error: BaseException | None = None
    """Why the last look at all of them read nothing; `None` if it read something."""

    def take(self, report: CheckReport, at: datetime, *, is_partial: bool = False) -> None:
        """Take a report; subjects that are missing from a complete one are gone."""
        found = read_subjects(report)
        for reading in found.readings:
            sight = self.sights.setdefault(reading.subject, Sight())
            sight.unread = None if reading.is_read else reading
            if reading.is_read:
                sight.reading, sight.read_at = reading, at
            sight.add(at, reading.remaining if reading.is_read else None)
        self.looked_at = at
        if is_partial:
            return
        errors = [reading.error for reading in found.readings if reading.error is not None]
        self.error = errors[0] if found.read_nothing and errors else None
        if found.is_complete:
            there = {reading.subject for reading in found.readings}
            self.sights = {subject: sight for subject, sight in self.sights.items() if subject in there}

    def fail(self, error: BaseException, at: datetime) -> None:
        """Take in that a look failed as a whole."""
        self.looked_at, self.error = at, error

    def read(self) -> set[Subject]:
        """Return what was read at least once."""
        return {subject for subject, sight in self.sights.items() if sight.reading is not None}

    def remember(self, subject: Subject, points: Sequence[Point]) -> None:
        """Put what a history has, from its first amount on, before what was seen."""
        sight = self.sights[subject]
        before = dropwhile(lambda point: point.remaining is None, points)
        sight.amounts = [*((point.at, point.remaining) for point in before), *sight.amounts]


def sparkline(amounts: Amounts, width: int) -> str:
    """Draw amounts over time, from nothing left up to the most there was; a blank where nothing was read.

    It is empty as long as nothing has changed.
    """
    known = {amount for _, amount in amounts if amount is not None}
    most = max(known, default=Decimal(0))
    if len(known) < 2 or most <= 0 or amounts[0][0] >= amounts[-1][0]:
        return ""
    (first, _), *_, (last, _) = amounts
    times = [(at - first) / (last - first) for at, _ in amounts]
    text = ""
    for place in range(1, width + 1):
        amount = amounts[bisect_right(times, place / width) - 1][1]
        text += _GAP if amount is None else _bar(amount / most)
    return text


def _bar(part: Decimal) -> str:
    return _BARS[min(max(int(part * len(_BARS)), 0), len(_BARS) - 1)]
