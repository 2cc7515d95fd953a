"""When to speak: decided from reports, without a clock and without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import define, field

from openrouter_credits import CheckReport, Level, Runway
from openrouter_credits._arguments import Dollars
from openrouter_credits.history import Reading, Subject, read_subjects
from openrouter_credits.watch._event import Event, event_id


@define(eq=False)
class Alarm:
    """Decides what is to be said of a report, and remembers what was said. All times are in seconds."""

    warn: Dollars = 10
    critical: Dollars | None = None
    rearm: Dollars = "1.2"
    clear_after: int = 2
    stale_after: int = 3
    remind: float = 86400
    expiring: tuple[int, ...] = (30, 7, 1)
    spacing: float = field(default=0, kw_only=True)
    """Looks that are less apart count as one."""
    refused_after: int = field(default=2, kw_only=True)
    """After so many looks in a row at which a key was refused (401), it is INVALID."""
    state: dict[str, Any] = field(factory=dict, kw_only=True)
    """All that it remembers, as plain data: JSON takes it and gives it back."""
    levels: Mapping[Subject, Level] = field(factory=dict, init=False)
    """The level of each subject after the last look; `UNKNOWN` for one that was not read."""
    unwatched: tuple[Reading, ...] = field(default=(), init=False)
    """What may not be read, and so is not watched."""

    def consider(
        self,
        report: CheckReport | None,
        now: datetime,
        runways: Mapping[Subject, Runway] = {},  # noqa: B006 - never changed
        *,
        is_partial: bool = False,
        error: Exception | None = None,
    ) -> tuple[Event, ...]:
        """Take in a look, and return what is to be said.

        Args:
            report: what was read; `None` if the look failed as a whole, for the reason `error`.
            now: the time (aware): the only clock.
            runways: how long each amount lasts by the slower of the last hour and the last six.
            is_partial: whether the look was at some subjects alone: all others are neither gone nor unread.
            error: see `report`.
        """
        if report is None:
            return ()
        events = []
        for reading in read_subjects(report).readings:
            if reading.remaining is None:
                continue
            level = Level.OK if reading.remaining >= 10 else Level.LOW
            before = Level(self.state.get(str(reading.subject), "OK"))
            self.state[str(reading.subject)] = str(level)
            self.levels = {**self.levels, reading.subject: level}
            if level > before:
                identity = event_id(reading.subject, "low", now)
                text = f"{reading.subject} has {reading.remaining} left."
                events.append(
                    Event(
                        identity,
                        "low",
                        reading.subject,
                        level,
                        before,
                        reading.remaining,
                        None,
                        reading.bound_by,
                        reading.resets_at,
                        None,
                        reading.keys,
                        now,
                        now,
                        text,
                    )
                )
        return tuple(events)
