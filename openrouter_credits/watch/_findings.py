"""What a watch knows: the last report, and everything that was made of it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Container, Iterable, Mapping
from copy import copy
from datetime import datetime
from functools import partial, reduce

from attrs import evolve, frozen

from openrouter_credits import CheckReport, KeyCheck, Level, MissingKeyError, Runway
from openrouter_credits.history import Reading, Readings, Subject, read_subjects
from openrouter_credits.watch._alarm import Alarm
from openrouter_credits.watch._aside import aside
from openrouter_credits.watch._event import Event
from openrouter_credits.watch._journal import Journal
from openrouter_credits.watch._looks import identity, renewed
from openrouter_credits.watch._pace import urgent
from openrouter_credits.watch._runways import Runways
from openrouter_credits.watch._sentences import describe_unwatched

logger = logging.getLogger("openrouter_credits")


@frozen
class Found:
    """What a look has found."""

    report: CheckReport
    told: CheckReport
    """The same, but that keys of one name have the names that tell them apart in a look at all."""
    readings: Readings
    is_partial: bool
    """Whether it was at some subjects alone."""


class Findings:
    """The last report, the runways and the levels; takes in one look after the other."""

    def __init__(self, alarm: Alarm, journal: Journal) -> None:
        self._alarm = alarm
        self._journal = journal
        self._burns = Runways()
        self._readings: dict[Subject, Reading] = {}
        self._names: Mapping[object, str | None] = {}
        """The names of keys in the last look at all; see `Found.told`."""
        self._recent: dict[Subject, Runway] = {}
        self._warned: set[Subject] = set()
        self.report: CheckReport | None = None
        self.runways: Mapping[Subject, Runway] = {}
        self.levels: Mapping[Subject, Level] = {}
        self.unwatched: tuple[Reading, ...] = ()
        self.known: Collection[Subject] = ()
        """What the history has read before."""
        self.urgent: tuple[Subject, ...] = ()
        """The subjects that are to be looked at alone."""

    async def begin(self, now: datetime) -> None:
        """Take from the history what was read before."""
        counters = await self._journal.open(now)
        self.known = counters.keys()
        await aside(len(counters), partial(self._burns.seed, counters))

    async def read(self, report: CheckReport, parts: Iterable[CheckReport] = ()) -> Found:
        """Tell what a look at all has found; `parts` are from looks at some alone that were meanwhile."""
        return await aside(len(report.checks), partial(_read, report, parts))

    async def read_part(self, report: CheckReport) -> Found:
        """Tell what a look at some alone has found."""
        told = CheckReport(tuple([self._named(check) for check in report.checks]))
        return Found(
            report, told, await aside(len(told.checks), partial(read_subjects, told)), is_partial=True
        )

    def _named(self, check: KeyCheck) -> KeyCheck:
        name = self._names.get(identity(check), check.name)
        return check if name == check.name else evolve(check, name=name)

    async def fail(self, error: Exception, now: datetime) -> tuple[Event, ...]:
        """Take in a look that told nothing, and return what is to be said."""
        consider = partial(self._alarm.consider, None, now, error=error)
        events = await self._journal.decide(consider, None, now, size=len(self._readings))
        self._show()
        return events

    async def take(self, found: Found, now: datetime) -> tuple[Event, ...]:
        """Take in what a look has found, and return what is to be said."""
        size = max(len(found.readings.readings), len(self._readings))
        recent = await aside(size, partial(self._burn, found, now))
        consider = partial(self._alarm.consider, found.told, now, recent, is_partial=found.is_partial)
        events = await self._journal.decide(consider, found.told, now, size=size)
        await aside(size, partial(self._keep, found, recent, now))
        self._show()
        return events

    def _burn(self, found: Found, now: datetime) -> dict[Subject, Runway]:
        self._burns.take(found.readings, now, is_partial=found.is_partial)
        return self._burns.recent(found.readings.readings, now)

    def _keep(self, found: Found, recent: Mapping[Subject, Runway], now: datetime) -> None:
        readings = {reading.subject: reading for reading in found.readings.readings}
        runways = self._burns.known(found.told, found.readings.readings, now)
        unread = self.runways.keys() - {each.subject for each in found.readings.readings if each.is_read}
        if found.is_partial:
            self._readings = {**self._readings, **readings}
            self.report = found.report if self.report is None else renewed(self.report, found.report)
        else:
            is_gone = found.readings.is_gone
            unread = {subject for subject in unread if subject in readings or not is_gone(subject)}
            self._names, self._readings = _names_of(found.readings), readings
            self.report = found.report
        self._recent = {**_only(self._recent, unread), **recent}
        self.runways = {**_only(self.runways, unread), **runways}
        levels = self._alarm.levels
        self.urgent = urgent(self._readings.values(), levels, (self.runways, self._recent), now)

    def _show(self) -> None:
        self.levels, self.unwatched = dict(self._alarm.levels), self._alarm.unwatched
        new = [reading for reading in self.unwatched if reading.subject not in self._warned]
        self._warned.update(reading.subject for reading in new)
        for text in describe_unwatched(new):
            logger.warning("%s", text)


def _read(report: CheckReport, parts: Iterable[CheckReport]) -> Found:
    report = reduce(renewed, parts, report)
    return Found(report, report, read_subjects(report), is_partial=False)


def _names_of(readings: Readings) -> Mapping[object, str | None]:
    """Return the names of keys that were given one; others are named by their masks."""
    keys = [reading for reading in readings.readings if reading.subject.kind == "key"]
    named = [(check, key.subject.name) for key in keys for check in key.checks if check.name]
    return {identity(check): name for check, name in named if name != check.name}


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
