"""All readings as plain data."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from openrouter_credits.history import History, Subject
from openrouter_credits.history._export import begin, read_chunk
from openrouter_credits.history._schema import find_or_add, milliseconds
from tests.history._database import ACME, BOT, NOW, ago, put


def chunks(
    db: sqlite3.Connection, subject: Subject | str | None = None, since: datetime | None = None
) -> list[list[dict[str, Any]]]:
    """Read all chunks."""
    place = begin(db, subject, since)
    read: list[list[dict[str, Any]]] = []
    while True:
        rows, place = read_chunk(db, place)
        if not rows:
            return read
        read.append(rows)


def amounts(*read: Any) -> list[str]:
    """Return the amounts of an export."""
    [found] = [chunks(*read)] if read else [[]]
    return [str(row["remaining"]) for rows in found for row in rows]


def test_a_reading_is_plain_data(db: sqlite3.Connection) -> None:
    """A reading has the subject's text, exact amounts, moments in UTC, and the class of its error."""
    put(db, ago(hours=1), "9.90", "0.10", subject=BOT, granted="10", resets_at=NOW)
    put(db, ago(minutes=1), error="APITimeoutError", subject=BOT)

    unread = dict.fromkeys(("remaining", "used", "granted", "resets_at"))
    assert chunks(db) == [
        [
            {
                "subject": "key:acme/bot",
                "at": ago(hours=1),
                "remaining": Decimal("9.9"),
                "used": Decimal("0.1"),
                "granted": Decimal(10),
                "resets_at": NOW,
                "error": None,
            },
            {"subject": "key:acme/bot", "at": ago(minutes=1), **unread, "error": "APITimeoutError"},
        ]
    ]


def test_an_empty_history_has_nothing_to_export(db: sqlite3.Connection) -> None:
    """A history without readings gives no chunk."""
    assert [] == chunks(db)


def test_the_oldest_comes_first_whosever_it_is(db: sqlite3.Connection) -> None:
    """Hours and readings of all subjects come in the order of time; years without any are skipped."""
    put(db, ago(hours=1), "6")
    put(db, ago(hours=1), "7", subject=BOT)
    put(db, ago(days=40), "2", table="rollup")
    put(db, ago(days=50), "1", table="rollup", subject=BOT)
    put(db, ago(days=4000), "0", table="rollup", subject=BOT)
    put(db, ago(hours=2), "5", subject=BOT)
    put(db, ago(days=39), "3", table="rollup")

    assert ["0", "1", "2", "3", "5", "6", "7"] == amounts(db)
    assert ["2", "3", "6"] == amounts(db, "wallet:acme")
    assert ["3", "5", "6", "7"] == amounts(db, None, ago(days=39))
    assert ["7"] == amounts(db, BOT, ago(hours=1))
    assert [] == amounts(db, BOT, NOW)


def test_many_readings_come_in_chunks(db: sqlite3.Connection) -> None:
    """No chunk has more than 1,000 readings; none is lost between two, or told twice, even of one moment."""
    numbers = [find_or_add(db, Subject("key", "acme", str(number))) for number in range(700)]
    moments = [milliseconds(ago(minutes=minutes)) for minutes in (0, 15, 30, 45, 60 * 24 * 90)]
    rows = [(number, at, f"{number}.{at}", None, None, None, None) for number in numbers for at in moments]
    lone = [(numbers[0], moments[-1] + place, str(place), None, None, None, None) for place in range(1, 300)]
    db.executemany("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?)", [*rows, *lone])

    read = chunks(db)

    every = [(row["at"], row["subject"], row["remaining"]) for rows in read for row in rows]
    assert len(rows) + len(lone) == len(every) == len(set(every))
    assert [at for at, *_ in every] == sorted(at for at, *_ in every)
    assert max(map(len, read)) == 1000


def test_what_is_written_meanwhile_is_no_harm(db: sqlite3.Connection) -> None:
    """A subject and readings that are added between two chunks are read if they are later."""
    put(db, ago(days=3), "1")
    rows, place = read_chunk(db, begin(db, None, None))
    put(db, ago(days=1), "2", subject=BOT)

    more, place = read_chunk(db, place)

    assert ["wallet:acme", "key:acme/bot"] == [row["subject"] for row in (*rows, *more)]
    assert ([], place) == read_chunk(db, place)


def test_an_unknown_subject_and_a_naive_time_are_refused(db: sqlite3.Connection) -> None:
    """An export of a subject that is not there, or from a naive time on, is a ValueError."""
    put(db, ago(days=3), "1")

    with pytest.raises(ValueError, match="did you mean 'wallet:acme'"):
        begin(db, "wallet:acne", None)
    with pytest.raises(ValueError, match="an aware datetime"):
        begin(db, None, NOW.replace(tzinfo=None))


async def test_a_history_exports_what_its_file_has(tmp_path: Path) -> None:
    """The methods of `History` read the same in its thread."""
    path = str(tmp_path / "history.db")
    async with History(path) as history:  # which makes the file
        db = sqlite3.connect(path)
        for minutes in range(600, 0, -15):
            put(db, ago(minutes=minutes), str(minutes), str(1000 - minutes))
        db.commit()
        db.close()

        assert (ACME,) == await history.subjects()
        exported = [row async for row in history.export()]
        assert [Decimal(minutes) for minutes in range(600, 0, -15)] == [row["remaining"] for row in exported]
        since = NOW - timedelta(hours=1)
        assert 4 == len([row async for row in history.export("wallet:acme", since)])
        [*_, point] = await history.series(ACME, since, NOW, 4)
        assert (NOW, Decimal(15)) == (point.at, point.remaining)
        read_last = await history.last("wallet:acme")
        assert read_last is not None
        assert ago(minutes=15) == read_last.at
        runway = await history.runway(ACME)
        assert runway is not None
        assert Decimal(1440) == runway.per_day
        assert {ACME} == set(await history.counters(since))


def test_readings_that_cannot_be_put_in_order_are_damage(db: sqlite3.Connection) -> None:
    """A reading whose time is a text is an error of the file, and no end of the export."""
    put(db, ago(minutes=1), "1")
    db.execute("UPDATE reading SET at = 'noon'")

    with pytest.raises(sqlite3.DataError):
        chunks(db)
