"""The readings of a history as plain data, in chunks of bounded size. Functions that only read."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from attrs import evolve, frozen

from openrouter_credits.history._find import find
from openrouter_credits.history._schema import dollars, milliseconds, moment
from openrouter_credits.history._subjects import Subject

_CHUNK = 1000
_DAY, _MINUTE = 86_400_000, 60_000
_EVER = -(10**15)
"""Before the year 1, in milliseconds."""

# Both tables have an index by subject and time, so a span of time is one step for each subject. An index by
# time alone would be half as large as the readings. CROSS JOIN keeps SQLite from reading the whole table.
_FIRST = """
SELECT min((SELECT at FROM {table} WHERE subject = id AND at >= :at + (id <= :id) ORDER BY at LIMIT 1))
FROM subject WHERE :only IS NULL OR id = :only
"""
_ROWS = """
SELECT at, id, kind, account, name, remaining, used, granted, resets_at, error
FROM subject CROSS JOIN {table} ON subject = id AND at >= :at + (id <= :id) AND at < :first + :span
WHERE :only IS NULL OR id = :only
"""
_ALL = (
    f"{_ROWS.format(table='rollup')} UNION ALL {_ROWS.format(table='reading')} ORDER BY 1, 2 LIMIT {_CHUNK}"
)


@frozen
class Place:
    """A place in the readings: behind those of this time, up to this subject."""

    only: int | None
    """The id of the subject that is wanted; `None` for all."""
    at: int
    id: int = -1
    span: int = _DAY
    """How much time to read next, in milliseconds: a chunk or a little more."""


def begin(db: sqlite3.Connection, subject: Subject | str | None, since: datetime | None) -> Place:
    """Return the place before the first reading: of one subject or of all, from a moment on or of all times.

    Raises:
        TypeError: a wrong type.
        ValueError: the history has no reading of the subject, or the time is naive.
    """
    only = None if subject is None else find(db, subject)
    return Place(only, _EVER if since is None else milliseconds(since))


def read_chunk(db: sqlite3.Connection, place: Place) -> tuple[list[dict[str, Any]], Place]:
    """Return the next readings, oldest first, and the place behind them; none at the end.

    Each is a dictionary: `subject` (its text), `at`, `remaining`, `used`, `granted`, `resets_at`, `error`.
    """
    values = {"only": place.only, "at": place.at, "id": place.id, "span": place.span}
    found = (db.execute(_FIRST.format(table=table), values).fetchone()[0] for table in ("rollup", "reading"))
    first = min((at for at in found if at is not None), default=None)  # years without any are skipped
    if first is None:
        return [], place
    rows = db.execute(_ALL, {**values, "first": first}).fetchall()
    if not rows:  # there is one at this time
        raise sqlite3.DataError("the index of the readings is wrong")
    span = place.span
    if len(rows) == _CHUNK:  # what is behind it in the span was sorted for nothing
        span = max(span // 2, _MINUTE)
    elif len(rows) < _CHUNK // 2:
        span *= 2
    at, number, *_ = rows[-1]
    return [_plain(*row) for row in rows], evolve(place, at=at, id=number, span=span)


def _plain(
    at: int,
    _: int,
    kind: str,
    account: str | None,
    name: str | None,
    remaining: str | None,
    used: str | None,
    granted: str | None,
    resets_at: int | None,
    error: str | None,
) -> dict[str, Any]:
    return {
        "subject": str(Subject(kind, account, name)),
        "at": moment(at),
        "remaining": dollars(remaining),
        "used": dollars(used),
        "granted": dollars(granted),
        "resets_at": None if resets_at is None else moment(resets_at),
        "error": error,
    }
