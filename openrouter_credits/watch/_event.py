"""What is told: one event for one cause."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID, uuid5

from attrs import field, frozen

from openrouter_credits import Level, Runway
from openrouter_credits._documents import Value
from openrouter_credits._public import public
from openrouter_credits.history import Subject

Kind = Literal[
    "low", "critical", "depleted", "invalid", "recovered", "running_out", "expiring", "stale", "fresh"
]
_NAMESPACE = UUID("6f1d6a1e-5a0b-5b8e-9d54-0c7f3c6a7c15")
"""Of the ids. It never changes: an id is the same for all versions that share a history."""


@frozen
class Event(Value):
    """Something to be told: one sentence, and what to do. Amounts are US dollars, times are in UTC."""

    id: str = field(repr=False)
    """A UUID: the same in every retry, after every restart, and for all watchers of one history."""
    kind: Kind
    """What happened.

    `low`, `critical`, `depleted`, `invalid`: the level became that, or still is so a day later. `recovered`:
    the level is OK again. `running_out`: at the pace of the last hours, nothing is left within a day.
    `expiring`: the key expires soon. `stale`: it could not be read for a while. `fresh`: it was read again.
    """
    subject: Subject = field(repr=str)
    """The wallet, key or budget that it is about; `openrouter` if it is about all."""
    level: Level
    """The level now; UNKNOWN if it could not be read."""
    previous: Level = field(repr=False)
    """The level before."""
    amount: Decimal | None
    """The amount left, negative if it is overdrawn; `None` if there is no limit, or if it is not known."""
    threshold: Decimal | None = field(repr=False)
    """The amount that was crossed; `None` if it is not about an amount."""
    bound_by: str | None = field(repr=False)
    """The `Bound.name` of what limits: `wallet`, `key_limit`, a budget's scope; or why a key cannot spend."""
    resets_at: datetime | None = field(repr=False)
    """When the limit is renewed; `None` if never, or if that is not known."""
    runway: Runway | None = field(repr=False)
    """How long the amount lasts; `None` if that is not known."""
    keys: tuple[str, ...] = field(repr=False)
    """The names of the keys that it concerns."""
    at: datetime = field(repr=str)
    """When it was noticed."""
    since: datetime = field(repr=False)
    """When the state that it tells of began."""
    text: str
    """All of it in plain English: what happened, and what to do."""

    def __str__(self) -> str:
        return self.text


def event_id(subject: Subject, kind: str, since: datetime, ordinal: int = 0) -> str:
    """Make the id of an event.

    Args:
        subject: what it is about.
        kind: its kind.
        since: when the state that it tells of began (aware).
        ordinal: 0; of reminders 1, 2, …; of `expiring` the days.
    """
    parts = [subject.kind, subject.account, subject.name, subject.hash, kind]
    return str(uuid5(_NAMESPACE, json.dumps([*parts, since.astimezone(UTC).isoformat(), ordinal])))


public(Event, door="openrouter_credits.watch")
