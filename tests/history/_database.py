"""A history whose readings are written by hand, for tests of what is read from it."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

from openrouter_credits.history import Subject
from openrouter_credits.history._schema import find_or_add, migrate, milliseconds

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ACME = Subject("wallet", "acme")
BOT = Subject("key", "acme", "bot")


class Database(sqlite3.Connection):
    """A connection that is closed when its test has ended: from Python 3.13 on, one that is not warns."""

    def __del__(self) -> None:
        self.close()


def make_database(path: str = ":memory:") -> sqlite3.Connection:
    """Make the tables of a history."""
    db = sqlite3.connect(path, factory=Database)
    migrate(db, 0)
    return db


def ago(**time: float) -> datetime:
    """Return a moment before `NOW`."""
    return NOW - timedelta(**time)


def put(
    db: sqlite3.Connection,
    at: datetime,
    remaining: str | None = None,
    used: str | None = None,
    *,
    subject: Subject = ACME,
    granted: str | None = None,
    resets_at: datetime | None = None,
    error: str | None = None,
    table: str = "reading",
) -> None:
    """Write a reading."""
    reset = None if resets_at is None else milliseconds(resets_at)
    row = (find_or_add(db, subject), milliseconds(at), remaining, used, granted, reset, error)
    db.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?)", row)
