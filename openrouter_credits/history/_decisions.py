"""Decides on what was remembered, and writes what is remembered from now on, in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from openrouter_credits._documents import Value
from openrouter_credits._public import public
from openrouter_credits.history._schema import find_or_add, masked, milliseconds
from openrouter_credits.history._subjects import Subject


@frozen
class Recorded(Value):
    """An event as it is kept."""

    id: str
    """Its id; what has the same one is the same event, and is kept once."""
    at: datetime
    """When it was said (aware)."""
    subject: Subject
    """Of what it speaks."""
    kind: str
    """Its kind, such as `low`."""
    body: str
    """The event as JSON."""


@frozen
class Decision(Value):
    """What a look changes."""

    states: Mapping[str, Any]
    """All that is to be remembered, by `str(subject)` or any name, as plain data of JSON."""
    events: tuple[Recorded, ...]
    """What is to be said; some of it may be recorded already."""


Decide = Callable[[Mapping[str, Any]], Decision]


def decide(connection: sqlite3.Connection, function: Decide) -> tuple[str, ...]:
    """Hand the states to a function, and write what it decides; return the ids of the new events.

    Args:
        connection: the history, in a transaction that may write.
        function: decides; what it raises is raised.
    """
    kept = dict(connection.execute("SELECT subject, state FROM alert"))
    decision = function({name: _parsed(text) for name, text in kept.items()})
    states = {masked(name): masked(_json(state)) for name, state in decision.states.items()}
    connection.executemany(
        "INSERT OR REPLACE INTO alert (subject, state) VALUES (?, ?)", states.items() - kept.items()
    )
    connection.executemany(
        "DELETE FROM alert WHERE subject = ?", [(name,) for name in kept.keys() - states.keys()]
    )
    return tuple(event.id for event in decision.events if _record(connection, event))


def _record(connection: sqlite3.Connection, event: Recorded) -> bool:
    """Write an event unless it is there already, and tell whether it is new."""
    subject = find_or_add(connection, event.subject)
    cursor = connection.execute(
        "INSERT OR IGNORE INTO event (id, at, subject, kind, body) VALUES (?, ?, ?, ?, ?)",
        (event.id, milliseconds(event.at), subject, event.kind, masked(event.body)),
    )
    return cursor.rowcount > 0


def _json(state: Any) -> str:
    return json.dumps(state, allow_nan=False, separators=(",", ":"))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        raise sqlite3.DataError("a state is no JSON") from None


public(Recorded, Decision, door="openrouter_credits.history")
