"""The tables of a history, and how subjects, moments and amounts are written in them."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from openrouter_credits._masking import scrub
from openrouter_credits._models.amounts import plain
from openrouter_credits.history._subjects import Subject

APPLICATION_ID = 0x4F524372
"""`ORCr`: tells a history from SQLite files of other programs."""

_READ = """(
    subject INTEGER NOT NULL REFERENCES subject, at INTEGER NOT NULL, remaining TEXT, used TEXT, granted TEXT,
    resets_at INTEGER, error TEXT, PRIMARY KEY (subject, at)
) WITHOUT ROWID"""
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE subject (
            id INTEGER PRIMARY KEY, kind TEXT NOT NULL, account TEXT, name TEXT, hash TEXT, label TEXT
        )""",
        "CREATE INDEX subject_of_name ON subject (kind, account, hash, name)",
        f"CREATE TABLE reading {_READ}",
        f"CREATE TABLE rollup {_READ}",
        "CREATE TABLE alert (subject TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID",
        """CREATE TABLE event (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL,
            subject INTEGER NOT NULL REFERENCES subject, kind TEXT NOT NULL, body TEXT NOT NULL
        )""",
        """CREATE TABLE delivery (
            event TEXT NOT NULL REFERENCES event (id), channel TEXT NOT NULL,
            tries INTEGER NOT NULL DEFAULT 0, next_at INTEGER, claimed_until INTEGER, sent_at INTEGER,
            error TEXT, PRIMARY KEY (event, channel)
        ) WITHOUT ROWID""",
    ),
)
"""The n-th leads from version n to the next. What was once released is never changed.

Moments are in milliseconds since 1970 (UTC). Amounts are exact decimal texts, which SQL must neither compare
nor add: as texts, '9.90' > '10.10'.

- `subject`: `label` is the mask of a key; another one means that the key was made anew under its name.
- `reading`: if the subject was not read, `error` is the error's class, and the amounts are `NULL`. So they
  are where `error` is `remade`: the counter is another key's from there on. `remaining` alone is `NULL` for
  a key without a limit.
- `rollup`: of each hour whose readings were removed, the last one that did not fail.
- `alert`: what the alarm remembers, as JSON. `event`: what was said; `number` is the order in which that was
  recorded. `delivery`: to whom; a channel is a name, never a URL.
"""
VERSION = len(MIGRATIONS)

REMADE = "remade"
"""In `reading.error`: the next reading is of another counter."""

_BY_HASH = "SELECT id FROM subject WHERE kind = ? AND account IS ? AND hash IS ?"
_BY_NAME = f"{_BY_HASH} AND name IS ?"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def version_of(connection: sqlite3.Connection) -> int | None:
    """Return the version of a history, 0 for an empty file, and `None` for a file of another program."""
    application, version, tables = (
        connection.execute(query).fetchone()[0]
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    if application == APPLICATION_ID:
        return int(version)
    return None if application or version or tables else 0


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables from a version to the newest, within a transaction."""
    if version == VERSION:
        return
    for steps in MIGRATIONS[version:]:
        for step in steps:
            connection.execute(step)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def find(connection: sqlite3.Connection, subject: Subject) -> int | None:
    """Return the id of a subject; `None` if the history does not know it."""
    kind, account, name, hash_ = _named(subject)
    values = [kind, account, hash_, name]
    is_named = kind != "key" or hash_ is None  # as subjects are equal
    query = (_BY_NAME, values) if is_named else (_BY_HASH, values[:-1])
    found = connection.execute(*query).fetchone()
    number: int | None = None if found is None else found[0]
    return number


def find_or_add(connection: sqlite3.Connection, subject: Subject) -> int:
    """Return the id of a subject, within a transaction that may write."""
    number = find(connection, subject)
    if number is None:
        cursor = connection.execute(
            "INSERT INTO subject (kind, account, name, hash) VALUES (?, ?, ?, ?)", _named(subject)
        )
        return int(cursor.lastrowid or 0)
    if subject.hash is not None:  # the key may have another name by now
        renamed = {"name": _named(subject)[2], "id": number}
        connection.execute("UPDATE subject SET name = :name WHERE id = :id AND name IS NOT :name", renamed)
    return number


def _named(subject: Subject) -> tuple[str | None, ...]:
    texts = (subject.kind, subject.account, subject.name, subject.hash)
    return tuple(None if text is None else masked(text) for text in texts)


def masked(text: str) -> str:
    """Mask what looks like a key, and replace halves of surrogate pairs, which no file can hold."""
    return scrub(text).encode("utf-8", "replace").decode("utf-8")


def milliseconds(moment: datetime) -> int:
    """Return an aware datetime as it is written.

    Raises:
        ValueError: the datetime is naive.
    """
    if moment.utcoffset() is None:
        raise ValueError("an aware datetime is needed, such as datetime.now(UTC)")
    return (moment - _EPOCH) // _MILLISECOND


def moment(written: int) -> datetime:
    """Return a moment (UTC) that was written.

    Raises:
        sqlite3.DataError: the file is damaged.
    """
    try:
        return _EPOCH + written * _MILLISECOND
    except (OverflowError, TypeError):
        raise sqlite3.DataError("a moment is no time") from None


def written(amount: Decimal | None) -> str | None:
    """Return an amount as it is written: exact, without exponent."""
    return None if amount is None else str(plain(amount))


def dollars(text: str | None) -> Decimal | None:
    """Return an amount that was written.

    Raises:
        sqlite3.DataError: the file is damaged.
    """
    if text is None:
        return None
    try:
        amount = plain(Decimal(text))
    except (ArithmeticError, TypeError, ValueError):
        amount = None
    if amount is None or not amount.is_finite():
        raise sqlite3.DataError("an amount is no number")
    return amount
