"""The tables of a history, and what is written in them."""

from __future__ import annotations

import decimal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits.history import History, HistoryError, Subject, _schema
from openrouter_credits.history._schema import (
    VERSION,
    dollars,
    find,
    find_or_add,
    migrate,
    milliseconds,
    moment,
    version_of,
    written,
)
from tests.kit.values import AMOUNTS, HARSH, KEY, NOW

COLUMNS = {
    "subject": "id kind account name hash label",
    "reading": "subject at remaining used granted resets_at error",
    "rollup": "subject at remaining used granted resets_at error",
    "alert": "subject state",
    "event": "number id at subject kind body",
    "delivery": "event channel tries next_at claimed_until sent_at error",
}


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Open an empty file in memory."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


def columns(connection: sqlite3.Connection) -> dict[str, str]:
    """List the columns of each table."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    return {
        table: " ".join(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
        for (table,) in connection.execute(query).fetchall()
    }


def test_the_tables_are_made(connection: sqlite3.Connection) -> None:
    """An empty file has version 0, and gets the tables and the newest version; twice changes nothing."""
    assert 0 == version_of(connection)

    migrate(connection, 0)
    migrate(connection, VERSION)

    assert VERSION == version_of(connection)
    assert columns(connection) == COLUMNS


async def test_an_older_file_is_brought_to_the_newest_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of an older version gets what has been added to the tables since, and keeps what it has."""
    path = tmp_path / "history.db"
    async with History(path) as history:
        await history._run("BEGIN IMMEDIATE", lambda file: find_or_add(file, Subject("wallet", "acme")))
    added = ("ALTER TABLE subject ADD COLUMN colour TEXT", "UPDATE subject SET colour = 'red'")
    monkeypatch.setattr(_schema, "MIGRATIONS", (*_schema.MIGRATIONS, added))
    monkeypatch.setattr(_schema, "VERSION", VERSION + 1)

    async with History(path) as history:
        found = await history._read(
            lambda file: file.execute("SELECT account, colour FROM subject").fetchall()
        )

    assert [("acme", "red")] == found
    with closing(sqlite3.connect(path)) as file:
        assert VERSION + 1 == version_of(file)


async def test_a_step_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If one step to a new version fails, the file stays at the old one."""
    path = tmp_path / "history.db"
    async with History(path):
        pass
    with monkeypatch.context() as patch:
        patch.setattr(_schema, "MIGRATIONS", (*_schema.MIGRATIONS, ("CREATE TABLE more (id)", "NONSENSE")))
        patch.setattr(_schema, "VERSION", VERSION + 1)
        history = History(path)
        with pytest.raises(HistoryError, match="the file is damaged"):
            await history.open()
        await history.close()

    async with History(path) as history:
        assert COLUMNS == await history._read(columns)


@given(AMOUNTS | st.decimals(allow_nan=False, allow_infinity=False, places=30, min_value=-9, max_value=9))
def test_amounts_are_written_exactly(amount: Decimal) -> None:
    """An amount is read as it was written, and its text has no exponent."""
    text = written(amount)

    assert text is not None
    assert "E" not in text
    assert amount == dollars(text)


def test_an_amount_that_is_not_known_stays_so() -> None:
    """An amount that is not known is written as nothing, never as 0."""
    assert written(None) is None
    assert dollars(None) is None


@pytest.mark.parametrize("text", ["", "9.x", "1 2", b"9", "NaN", "Infinity"])
def test_an_amount_that_is_no_number_is_damage(text: str) -> None:
    """A text that is no finite number is an error of the file, and no amount."""
    with pytest.raises(sqlite3.DataError):
        dollars(text)


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5.75))])))
def test_moments_are_written_in_milliseconds(at: datetime) -> None:
    """A moment is read as it was written, less what is shorter than a millisecond."""
    assert timedelta(0) <= at - moment(milliseconds(at)) < timedelta(milliseconds=1)


def test_a_naive_moment_is_refused() -> None:
    """A moment without a zone is refused: nobody knows when it is."""
    with pytest.raises(ValueError, match="an aware datetime is needed"):
        milliseconds(NOW.replace(tzinfo=None))


def test_subjects_are_told_apart(connection: sqlite3.Connection) -> None:
    """Subjects that differ in anything have ids of their own; equal ones have the same."""
    migrate(connection, 0)
    different = [
        Subject("wallet", "acme"),
        Subject("wallet", None, "acme"),
        Subject("wallet", "acme", ""),
        Subject("key", "acme", "bot"),
        Subject("key", "acme", "bot", hash="a"),
        Subject("key", "acme", "bot", hash="b"),
        Subject("openrouter"),
    ]

    ids = [find_or_add(connection, subject) for subject in different]

    assert len(different) == len(set(ids))
    assert ids == [find(connection, subject) for subject in different]
    assert find(connection, Subject("wallet", "other")) is None


def test_a_key_as_a_name_is_masked_and_found(connection: sqlite3.Connection) -> None:
    """A subject that is named by a key is found again, though the file has a mask."""
    migrate(connection, 0)
    subject = Subject("key", None, f"bot {KEY}")

    assert find_or_add(connection, subject) == find(connection, subject)
    assert [("bot sk-or-***",)] == connection.execute("SELECT name FROM subject").fetchall()


def test_no_context_changes_an_amount() -> None:
    """A decimal context that rounds changes no amount that is written or read."""
    amount = Decimal("12345.678901234")
    with decimal.localcontext(HARSH):
        assert "12345.678901234" == written(amount)
        assert amount == dollars("12345.678901234")
