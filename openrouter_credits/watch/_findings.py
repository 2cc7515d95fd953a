"""What a watch knows: the last report, and everything that was made of it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Container, Mapping
from copy import copy
from datetime import datetime

from openrouter_credits import CheckReport, Level, MissingKeyError, Runway
from openrouter_credits.history import Reading, Readings, Subject
from openrouter_credits.watch._alarm import Alarm
from openrouter_credits.watch._event import Event
from openrouter_credits.watch._journal import Journal
from openrouter_credits.watch._looks import renewed
from openrouter_credits.watch._pace import urgent
from openrouter_credits.watch._runways import Runways
from openrouter_credits.watch._sentences import describe_unwatched

logger = logging.getLogger("openrouter_credits")


class Findings:
    """The last report, the runways and the levels; takes in one look after the other."""

    def __init__(self, alarm: Alarm, journal: Journal) -> None:
        self._alarm = alarm
        self._journal = journal
        self._burns = Runways()
        self._readings: dict[Subject, Reading] = {}
        self._recent: dict[Subject, Runway] = {}
        self._warned: set[Subject] = set()
        self.report: CheckReport | None = None
        self.runways: Mapping[Subject, Runway] = {}
        self.levels: Mapping[Subject, Level] = {}
        self.unwatched: tuple[Reading, ...] = ()
        self.known: Collection[Subject] = ()
        """What the history has read before."""

    async def begin(self, now: datetime) -> None:
        """Take from the history what was read before."""
        counters = await self._journal.open(now)
        self.known = counters.keys()
        self._burns.seed(counters)

    async def fail(self, error: Exception, now: datetime) -> tuple[Event, ...]:
        """Take in a look that told nothing, and return what is to be said."""
        events = await self._journal.decide(lambda: self._alarm.consider(None, now, error=error), None, now)
        self._show()
        return events

    async def take(
        self, report: CheckReport, readings: Readings, now: datetime, *, is_partial: bool = False
    ) -> tuple[Event, ...]:
        """Take in a report, and return what is to be said."""
        self._burns.take(readings, now, is_partial=is_partial)
        recent = self._burns.recent(readings.readings, now)
        events = await self._journal.decide(
            lambda: self._alarm.consider(report, now, recent, is_partial=is_partial), report, now
        )
        found = {reading.subject: reading for reading in readings.readings}
        kept = self._readings.keys() if is_partial else found.keys()
        runways = self._burns.known(report, readings.readings, now)
        self._readings = {**self._readings, **found} if is_partial else found
        self._recent = {**_only(self._recent, kept), **recent}
        self.runways = {**_only(self.runways, kept), **runways}
        if is_partial and self.report is not None:
            report = renewed(self.report, report)
        self.report = report
        self._show()
        return events

    def urgent(self, now: datetime) -> tuple[Subject, ...]:
        """List the subjects that are to be looked at alone."""
        return urgent(self._readings.values(), self.levels, (self.runways, self._recent), now)

    def _show(self) -> None:
        self.levels, self.unwatched = dict(self._alarm.levels), self._alarm.unwatched
        new = [reading for reading in self.unwatched if reading.subject not in self._warned]
        self._warned.update(reading.subject for reading in new)
        for text in describe_unwatched(new):
            logger.warning("%s", text)


def _only(runways: Mapping[Subject, Runway], kept: Container[Subject]) -> dict[Subject, Runway]:
    return {subject: runway for subject, runway in runways.items() if subject in kept}


def require_watchable(readings: Readings, known: Container[Subject] = ()) -> None:
    """Accept a first look that shows something to watch, or that there may be something.

    Args:
        readings: what the look has read.
        known: what was read before. That it may not be read any more is a fault like any other.

    Raises:
        OpenRouterError: nothing can be watched: why that is so.
    """
    hidden = [reading.error for reading in readings.readings if reading.is_hidden and reading.error]
    if any(
        _is_watchable(reading) or (reading.is_hidden and reading.subject in known)
        for reading in readings.readings
    ):
        return
    if not hidden:
        raise MissingKeyError("There is nothing to watch: the first look found no key and no wallet")
    raise copy(hidden[0])


def _is_watchable(reading: Reading) -> bool:
    """Tell whether there is an amount, a key that was stopped, or a fault that may pass."""
    if reading.remaining is not None or reading.stop is not None:
        return True
    return not reading.is_read and not reading.is_hidden
