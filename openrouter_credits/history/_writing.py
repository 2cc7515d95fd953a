"""Writes readings into a history: each change, and old ones by the hour."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from openrouter_credits import OpenRouterError
from openrouter_credits.history._schema import REMADE, find, find_or_add, masked, milliseconds, written
from openrouter_credits.history._subjects import Reading

_HOUR = 3_600_000
_DAY = 24 * _HOUR
MANY = 100
"""Above so many subjects, changes are written no more often than anything else."""
QUARTER = _HOUR // 4
"""In milliseconds: a reading is written so long after the last one, even if nothing has changed."""
KEPT = 30 * _DAY
"""In milliseconds: readings are kept as they are for so long, then one an hour."""
_REST = 100

# The outer loop is over subjects, each of which is a step in the index: nothing is searched or sorted.
_OLD = "SELECT reading.* FROM subject CROSS JOIN reading ON subject = id AND at < ? ORDER BY id, at LIMIT ?"

_Row = tuple[str | None, str | None, str | None, int | None, str | None]


def add_readings(connection: sqlite3.Connection, readings: Iterable[Reading], at: int) -> None:
    """Write what one look tells of each subject, where it changed or 15 minutes have passed.

    Args:
        connection: the history, in a transaction.
        readings: what was read, and what was not.
        at: when, in milliseconds since 1970.
    """
    looked_at = list(readings)
    are_many = max(len(looked_at), _count_lately_read(connection, at)) > MANY
    count = sum(_add(connection, reading, at, are_many=are_many) for reading in looked_at)
    roll_up(connection, at - KEPT, 2 * count + _REST)  # more than was written, so that it keeps up


def _add(connection: sqlite3.Connection, reading: Reading, at: int, *, are_many: bool) -> int:
    """Write a reading if it is time to, and return how many rows that took."""
    if reading.is_hidden and find(connection, reading.subject) is None:
        return 0  # it may never be read: its history would be empty
    subject = find_or_add(connection, reading.subject)
    rows = [_row_of(reading)]
    if _is_remade(connection, subject, reading.label):
        rows.insert(0, (None, None, None, None, REMADE))
    last = _last(connection, subject, at)
    if last is not None:
        last_at, before = last
        is_due = at - last_at >= QUARTER
        is_too_soon = are_many and 0 <= at - last_at < QUARTER
        if len(rows) == 1 and not is_due and (before == rows[0] or is_too_soon):
            return 0
        at = max(at, last_at + 1)  # a clock that was set back: the order is that of writing
    connection.executemany(
        "INSERT OR IGNORE INTO reading (subject, at, remaining, used, granted, resets_at, error) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(subject, at + place, *row) for place, row in enumerate(rows)],
    )
    return len(rows)


def _row_of(reading: Reading) -> _Row:
    """Return what is written of a reading; a key that was refused tells no amount, so it is not read here."""
    if reading.error is not None or not reading.is_read:
        return None, None, None, None, type(reading.error or OpenRouterError()).__name__
    resets_at = None if reading.resets_at is None else milliseconds(reading.resets_at)
    return written(reading.remaining), written(reading.used), written(reading.granted), resets_at, None


def _is_remade(connection: sqlite3.Connection, subject: int, label: str | None) -> bool:
    """Note a key's mask, and tell whether it had another one: it is another key under the same name."""
    if label is None:
        return False
    mask = masked(label)
    before = connection.execute("SELECT label FROM subject WHERE id = ?", (subject,)).fetchone()[0]
    if before != mask:
        connection.execute("UPDATE subject SET label = ? WHERE id = ?", (mask, subject))
    return before not in {None, mask}


def _last(connection: sqlite3.Connection, subject: int, at: int) -> tuple[int, _Row] | None:
    """Return the last reading of a subject; one of a clock that was days ahead must not hold up the rest."""
    found = connection.execute(
        "SELECT at, remaining, used, granted, resets_at, error FROM reading "
        "WHERE subject = ? AND at <= ? ORDER BY at DESC LIMIT 1",
        (subject, at + _DAY),
    ).fetchone()
    return None if found is None else (found[0], found[1:])


def _count_lately_read(connection: sqlite3.Connection, at: int) -> int:
    """Count the subjects of the last hour, of which a look at some subjects alone has but a few."""
    query = (
        "SELECT count(*) FROM subject WHERE EXISTS "
        "(SELECT 1 FROM reading WHERE subject = subject.id AND at > ?)"
    )
    return int(connection.execute(query, (at - _HOUR,)).fetchone()[0])


def roll_up(connection: sqlite3.Connection, before: int, most: int) -> None:
    """Put the last reading of each hour in the place of those before a moment, `most` of them at once."""
    old = connection.execute(_OLD, (before - before % _HOUR, most)).fetchall()
    hours: dict[tuple[int, int], tuple[Any, ...]] = {}
    ends: dict[int, int] = {}
    for row in old:
        subject, at, *_, error = row
        ends[subject] = at
        if error is None:
            hours[subject, at - at % _HOUR] = row
    connection.executemany(  # an hour of which the last step has left a part
        "DELETE FROM rollup WHERE subject = ? AND at >= ? AND at < ?",
        [(subject, hour, hour + _HOUR) for subject, hour in hours],
    )
    connection.executemany("INSERT INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?)", hours.values())
    connection.executemany("DELETE FROM reading WHERE subject = ? AND at <= ?", ends.items())
