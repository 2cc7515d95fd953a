"""When to look: decided from how the last look ended. All times are in seconds, by one clock; no I/O."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from openrouter_credits import Level, Runway
from openrouter_credits.history import Reading, Subject
from openrouter_credits.watch._sight import BLIND_AFTER

ALONE_EVERY = 60.0
"""OpenRouter caches its values for so long [observed by users]: more looks would see nothing new."""
MOST_ALONE = 30
"""Subjects in a look at some alone: with two requests each, it takes no more than one request a second."""
_JITTER = 0.05
"""The part of `every` by which looks come later, so that many watches do not ask at once; never earlier, for
`every` may be as short as the figures are cached."""
_SPREAD = 0.95
"""The part of `every` over which a large look is spread: it ends before the next one."""
LONGEST_AFTER_FAILURE = 300.0
"""From the beginning of a failed look to the next one, whatever `every` is."""
_LONGEST_WAIT = 86400.0
_BLIND_AFTER = BLIND_AFTER.total_seconds()
_LATE = 1.1
"""A look takes part of `every`, and may be late by the jitter: a slot without a look is a little longer."""
_SHORT_RUNWAY = timedelta(hours=1)


class Pace:
    """Tells when the next look is due.

    Args:
        every: the time from the beginning of one look to the next.
        draw: returns a number from 0 to 1, each time another.
    """

    def __init__(self, every: float, draw: Callable[[], float] = random.random) -> None:
        self._every = every
        self._soon = min(every, LONGEST_AFTER_FAILURE)
        self._draw = draw
        self._began_at = 0.0
        self.due_at = 0.0
        """When the next look at all begins."""
        self.slot_at = math.inf
        """When the time without a good look counts as one more failed look."""
        self.alone_at = math.inf
        """When some subjects are looked at alone."""
        self.is_spread = False
        """Whether a look at all takes most of the time, so that it tells nothing soon of any one subject."""
        self._blind_at: float | None = None
        """When blindness is told, if it lasts until then; `None` before the first look has ended."""

    def begin(self, now: float) -> None:
        """Note that a look at all begins."""
        self._began_at = now
        self.due_at = now + self._every * self._jitter()
        self.slot_at = now + self._every * _LATE
        if not self.is_spread:
            self.alone_at = max(self.alone_at, now + ALONE_EVERY)

    def succeed(self, now: float) -> None:
        """Note that a look at all has read something."""
        self.slot_at = math.inf
        self._blind_at = now + _BLIND_AFTER

    def fail(self, now: float, retry_after: float | None) -> None:
        """Note that a look at all has failed, and how long the server asked us to wait, if it did."""
        self._blind_at = self._blind_at or now + _BLIND_AFTER
        self.due_at = self._began_at + min(self._every * self._jitter(), LONGEST_AFTER_FAILURE)
        if now < self._blind_at:  # a look tells it then, and not the usual one up to five minutes later
            self.due_at = min(self.due_at, max(self._blind_at, self._began_at + ALONE_EVERY))
        self.slot_at = self._began_at + self._soon * _LATE
        if retry_after is not None:
            self.due_at = max(self.due_at, now + min(retry_after, _LONGEST_WAIT))
        self.alone_at = math.inf  # until the host answers again

    def want_alone(self, since: float, *, is_wanted: bool) -> None:
        """Note whether some subjects are to be looked at alone, a minute after they were looked at."""
        next_at = math.inf
        if self.is_spread:  # the look at all tells nothing soon, so it puts nothing off
            next_at = self.alone_at
        else:
            since = max(since, self._began_at)
        self.alone_at = min(next_at, since + ALONE_EVERY) if is_wanted else math.inf

    def is_due(self, now: float) -> bool:
        """Tell whether a look at all is due."""
        return now >= self.due_at

    def take_slot(self, now: float) -> bool:
        """Tell whether one more slot has passed without a good look; however much passed at once is one."""
        has_passed = now >= self.slot_at
        if has_passed:
            self.slot_at = now + self._soon
        return has_passed

    def take_alone(self, now: float) -> bool:
        """Tell whether a look at some subjects alone is to begin; each is begun once."""
        if now < self.alone_at:
            return False
        is_worth_it = self.is_spread or self.due_at - now >= ALONE_EVERY
        self.alone_at = math.inf if is_worth_it else self.due_at + ALONE_EVERY
        return is_worth_it

    def next_at(self, *, is_looking: bool) -> float:
        """Return when there is something to do; while a look at all is under way, no other is."""
        due_at = math.inf if is_looking else self.due_at
        return min(due_at, self.slot_at, self.alone_at)

    def _jitter(self) -> float:
        return 1 + _JITTER * self._draw()


def spread(requests: int, every: float) -> float | None:
    """Return the requests a second over which a look is spread; `None` for a small one, which is not."""
    return requests / (_SPREAD * every) if requests > every else None


def urgent(
    readings: Iterable[Reading],
    levels: Mapping[Subject, Level],
    runways: Collection[Mapping[Subject, Runway]],
    now: datetime,
) -> tuple[Subject, ...]:
    """List the subjects that are looked at alone, at most 30.

    First those that were refused for the first time, then those that are CRITICAL or run dry within an hour,
    then those that are DEPLETED. A key is left out while a wallet or budget above it is among them.
    """
    hurried = {reading.subject: reading for reading in readings if _is_urgent(reading, levels, runways, now)}
    alone = [reading for reading in hurried.values() if hurried.keys().isdisjoint(reading.under)]
    alone.sort(key=lambda reading: (reading.stop is None, levels.get(reading.subject) == Level.DEPLETED))
    return tuple(reading.subject for reading in alone[:MOST_ALONE])


def _is_urgent(
    reading: Reading,
    levels: Mapping[Subject, Level],
    runways: Collection[Mapping[Subject, Runway]],
    now: datetime,
) -> bool:
    level = levels.get(reading.subject)
    if reading.stop is not None:
        return reading.stop == "refused" and level != Level.INVALID
    if level in {Level.CRITICAL, Level.DEPLETED}:
        return True
    known = [runway for each in runways if (runway := each.get(reading.subject)) is not None]
    return any(
        runway.verdict == "runs_out"
        and runway.runs_out_at is not None
        and runway.runs_out_at - now < _SHORT_RUNWAY
        for runway in known
    )
