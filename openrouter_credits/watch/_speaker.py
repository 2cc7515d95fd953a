"""Makes the events of one look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from attrs import define, field

from openrouter_credits import Level, Runway
from openrouter_credits.history import OPENROUTER, Reading, Subject
from openrouter_credits.watch._event import Event, Kind, event_id
from openrouter_credits.watch._rules import DAY, Rules
from openrouter_credits.watch._sentences import describe
from openrouter_credits.watch._standing import News
from openrouter_credits.watch._states import State


@define(eq=False)
class Speaker:
    """Makes the events of one look, in the order in which they are said."""

    rules: Rules
    runways: Mapping[Subject, Runway]
    time: datetime
    """The time of the look."""
    events: list[Event] = field(factory=list)

    def level(self, state: State, reading: Reading, news: News | None) -> None:
        """Say what is new of a subject's level."""
        standing = state.standing
        if news is None or standing.level is None:
            return
        is_of_amount = Level.INVALID not in (standing.level, news.previous)
        self._say(
            news.kind,
            reading,
            (standing.level, news.previous),
            standing.since,
            news.repeat,
            amount=reading.remaining,
            threshold=self.rules.threshold(standing.level) if is_of_amount else None,
            lasted=news.lasted,
            bought=news.bought,
            error=reading.error,
            repeat=news.repeat,
        )
        state.last_since = standing.since

    def fresh(self, state: State, reading: Reading, level: Level, now: datetime, lasted: timedelta) -> None:
        """Say that a subject is read again."""
        state.last_since = state.later(now)
        levels = level, Level.UNKNOWN
        self._say("fresh", reading, levels, state.last_since, amount=reading.remaining, lasted=lasted)

    def stale(
        self, state: State, reading: Reading, level: Level, lasted: timedelta, error: Exception | None
    ) -> None:
        """Say that a subject cannot be read, which had this level before."""
        state.last_since = state.later(state.sight.good_at)
        levels = Level.UNKNOWN, level
        self._say("stale", reading, levels, state.last_since, amount=None, lasted=lasted, error=error)

    def running_out(self, state: State, reading: Reading, level: Level, now: datetime) -> None:
        """Say that nothing is left soon."""
        state.last_since = state.later(now)
        self._say("running_out", reading, (level, level), state.last_since, amount=reading.remaining)

    def expiring(self, reading: Reading, expires_at: datetime, level: Level, days: int) -> None:
        """Say that a key expires within so many days."""
        since = expires_at - days * DAY
        self._say("expiring", reading, (level, level), since, days, amount=reading.remaining)

    def _say(
        self,
        kind: Kind,
        reading: Reading,
        levels: tuple[Level, Level],
        since: datetime,
        ordinal: int = 0,
        *,
        amount: Decimal | None,
        threshold: Decimal | None = None,
        **facts: Any,
    ) -> None:
        level, previous = levels
        subject, runway = reading.subject, self.runways.get(reading.subject)
        bound_by = None if subject == OPENROUTER else reading.bound_by
        text = describe(
            kind,
            reading,
            level,
            previous,
            self.time,
            threshold=threshold,
            runway=runway,
            since=since,
            **facts,
        )
        self.events.append(
            Event(
                event_id(subject, kind, since, ordinal),
                kind,
                subject,
                level,
                previous,
                amount,
                threshold,
                reading.stop or bound_by,
                reading.resets_at,
                runway,
                reading.keys,
                self.time,
                since,
                text,
            )
        )
