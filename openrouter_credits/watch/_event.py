"""What is said: one event for one cause."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID, uuid5

from attrs import frozen

from openrouter_credits import Level, Runway
from openrouter_credits._documents import Value
from openrouter_credits.history import Subject

Kind = Literal[
    "low", "critical", "depleted", "invalid", "recovered", "running_out", "expiring", "stale", "fresh"
]
_NAMESPACE = UUID("6f1d6a1e-5a0b-5b8e-9d54-0c7f3c6a7c15")


@frozen
class Event(Value):
    """Something to be told: one sentence, and what to do."""

    id: str
    """The same in every retry, after every restart, and for all watchers of one history."""
    kind: Kind
    subject: Subject
    level: Level
    previous: Level
    amount: Decimal | None
    threshold: Decimal | None
    bound_by: str | None
    resets_at: datetime | None
    runway: Runway | None
    keys: tuple[str, ...]
    at: datetime
    since: datetime
    text: str

    def __str__(self) -> str:
        return self.text


def event_id(subject: Subject, kind: str, since: datetime, ordinal: int = 0) -> str:
    """Make the id of an event."""
    return str(
        uuid5(
            _NAMESPACE, "\n".join([str(subject), subject.hash or "", kind, since.isoformat(), str(ordinal)])
        )
    )
