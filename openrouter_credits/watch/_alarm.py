"""When to speak: decided from reports, without a clock and without I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from openrouter_credits import CheckReport, Level, Runway
from openrouter_credits._arguments import Dollars
from openrouter_credits._public import public
from openrouter_credits.history import Reading, Readings, Subject, read_subjects
from openrouter_credits.watch._counts import Clock
from openrouter_credits.watch._event import Event
from openrouter_credits.watch._judgement import Judgement
from openrouter_credits.watch._rules import require_rules
from openrouter_credits.watch._speaker import Speaker
from openrouter_credits.watch._states import Memory

_NONE: Mapping[Subject, Runway] = MappingProxyType({})
_NOTHING_READ = Readings((), is_complete=False, read_nothing=True, are_all_refused=False)


class Alarm:
    """Decides what is to be said of each report, and remembers what was said. All times are in seconds.

    Each wallet, each key with a limit of its own and each budget is judged by its own amount, in US dollars.
    A worse level is said at the first look. It is left when there is enough again: at `clear_after` looks, or
    at one if credits were bought, the limit was raised or its window began anew.

    Args:
        warn: below this amount, the level is LOW.
        critical: below this amount, it is CRITICAL; half of `warn` unless given.
        rearm: a level is left when the amount is this many times its threshold, or the whole limit; from 1.
        clear_after: at so many looks in a row, there must be enough to leave a level.
        stale_after: a subject is `stale` after so many looks in a row that could not read it, and 15 minutes.
        remind: DEPLETED and INVALID are said again after this time.
        expiring: so many days before a key expires, it is said.
        spacing: looks that are closer together count as one for `clear_after` and `stale_after`.
        refused_after: at so many looks in a row that were refused (401), a key is INVALID.
        state: what another alarm remembered; see the attribute.

    Raises:
        TypeError: an argument is not a number.
        ValueError: `warn` is below `critical`, `rearm` or a count is below 1, or a time is not above 0.
    """

    def __init__(
        self,
        warn: Dollars = 10,
        critical: Dollars | None = None,
        rearm: Dollars = "1.2",
        clear_after: int = 2,
        stale_after: int = 3,
        remind: float = 86400,
        expiring: Collection[int] = (30, 7, 1),
        *,
        spacing: float = 0,
        refused_after: int = 2,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._rules = require_rules(
            warn, critical, rearm, clear_after, stale_after, remind, expiring, spacing, refused_after
        )
        self._memory = Memory.read(state)
        self._unwatched: dict[Subject, Reading] = {}
        self._levels: dict[Subject, Level] = {}

    @property
    def state(self) -> dict[str, Any]:
        """All that it remembers, as plain data which JSON takes and gives back: an entry for each subject.

        One entry more is for the whole. Assigned, it replaces all that was remembered; an entry that is
        damaged, or of another version, counts as a first look.
        """
        return self._memory.write()

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        self._memory = Memory.read(state)

    @property
    def levels(self) -> Mapping[Subject, Level]:
        """The level of each subject after the last look; `UNKNOWN` for one that it did not read."""
        return MappingProxyType(self._levels)

    @property
    def unwatched(self) -> tuple[Reading, ...]:
        """What may not be read, and was never read: nothing is said of it."""
        return tuple(self._unwatched.values())

    def consider(
        self,
        report: CheckReport | None,
        now: datetime,
        runways: Mapping[Subject, Runway] = _NONE,
        *,
        is_partial: bool = False,
        error: Exception | None = None,
    ) -> tuple[Event, ...]:
        """Take in a look, and return what is to be said of it.

        Args:
            report: what was read; `None` if the look failed as a whole, for the reason `error`.
            now: the time (aware), the only clock; time that runs back counts as none.
            runways: how long each amount lasts, by the slower of the last hour and the last six.
            is_partial: whether the look was at some subjects alone: the others are neither gone nor unread.
            error: see `report`; also the reason for what a report lacks, unless it tells that itself.

        Raises:
            ValueError: `now` is naive.
        """
        found = _NOTHING_READ if report is None else read_subjects(report)
        error = error or _why_incomplete(report)
        return self._consider(found, now, runways, is_partial=is_partial, error=error)

    def _consider(
        self,
        found: Readings,
        now: datetime,
        runways: Mapping[Subject, Runway] = _NONE,
        *,
        is_partial: bool = False,
        error: Exception | None = None,
    ) -> tuple[Event, ...]:
        if now.utcoffset() is None:
            raise ValueError("an aware datetime is needed, such as datetime.now(UTC)")
        now = now.astimezone(UTC)
        memory = self._memory
        memory.clock = memory.clock or Clock(now, now)
        speaker = Speaker(self._rules, runways, now)
        look = Judgement(memory, self._rules, speaker, memory.clock.advance(now), is_partial, error)
        if found.read_nothing:
            look.take_nothing(found.readings)
        else:
            look.take(found)
        is_whole = not (is_partial or found.read_nothing)
        self._levels = look.levels if not is_partial else self._levels | look.levels
        unwatched = look.hidden if is_whole else self._unwatched | look.hidden
        self._unwatched = {subject: each for subject, each in unwatched.items() if subject not in look.levels}
        return tuple(speaker.events)


def _why_incomplete(report: CheckReport | None) -> Exception | None:
    """Return the error of an outcome that stands for keys which could not be listed; it has no mask."""
    checks = () if report is None else report.checks
    errors = [check.error for check in checks if check.label is None and check.status is None]
    return next((error for error in errors if error is not None), None)


public(Alarm, door="openrouter_credits.watch")
