"""The amount left over time: points, gaps, and the seam between readings and hours."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from openrouter_credits.history import Point
from openrouter_credits.history._schema import find_or_add, milliseconds
from openrouter_credits.history._series import last, series
from tests.history._database import ACME, BOT, NOW, ago, make_database, put

Rows = list[tuple[float, str | None, str | None]]
"""Minutes before now, the amount, and the error."""


def left(rows: Rows, minutes: int, points: int) -> list[str | None]:
    """Return the amounts of a series over these last minutes."""
    with closing(make_database()) as db:
        for before, remaining, error in rows:
            put(db, ago(minutes=before), remaining, error=error)
        drawn = series(db, ACME, ago(minutes=minutes), NOW, points)
    return [None if point.remaining is None else str(point.remaining) for point in drawn]


@pytest.mark.parametrize(
    ("rows", "minutes", "points", "expected"),
    [
        pytest.param([(25, "9.90", None), (5, "10.10", None)], 30, 3, ["9.9", "9.9", "10.1"], id="held"),
        pytest.param([(40, "1", None), (25, "2", None)], 30, 3, ["2", "2", "2"], id="the last of a bucket"),
        pytest.param([(35, "1", None), (15, "2", None)], 30, 3, ["1", "2", "2"], id="read before the start"),
        pytest.param([(20, "1", None), (0, "2", None)], 30, 3, ["1", "1", "2"], id="read at both edges"),
        pytest.param([(30, "1", None)], 30, 3, ["1", "1", "1"], id="read at the start"),
        pytest.param([(66, "1", None)], 30, 3, ["None"] * 3, id="too long before the start"),
        pytest.param([(60, "1", None)], 60, 6, ["1", "1", "1", "None", "None", "None"], id="held for 35 min"),
        pytest.param([(-5, "1", None)], 30, 3, ["None"] * 3, id="read after the end"),
        pytest.param([(25, "1", None), (15, None, "E")], 30, 3, ["1", "None", "None"], id="failed"),
        pytest.param(
            [(25, "1", None), (22, None, "E")], 30, 3, ["1", "None", "None"], id="failed in its bucket"
        ),
        pytest.param([(25, None, "E"), (22, "1", None)], 30, 3, ["1", "1", "1"], id="mended in its bucket"),
        pytest.param([(35, "1", None), (31, None, "E")], 30, 3, ["None"] * 3, id="failed before the start"),
        pytest.param([(35, None, "E"), (31, "1", None)], 30, 3, ["1"] * 3, id="mended before the start"),
        pytest.param([(25, None, "remade"), (24.99, "1", None)], 30, 3, ["1"] * 3, id="made anew"),
        pytest.param([(25, "5", None), (15, None, None)], 30, 3, ["5", "None", "None"], id="the limit went"),
        pytest.param(
            [(25, "-1.2", None), (15, "0", None)], 30, 3, ["-1.2", "0", "0"], id="nothing, and less"
        ),
        pytest.param([(90, "1", None), (30, "2", None)], 120, 2, ["1", "2"], id="wider than 35 min"),
        pytest.param([(110, "1", None)], 180, 3, ["None", "1", "None"], id="wider, with gaps"),
    ],
)
def test_a_point_is_the_last_amount_that_is_known(
    rows: Rows, minutes: int, points: int, expected: list[str]
) -> None:
    """A point has the last amount, for 35 minutes and until a look fails; a gap is `None`, never 0."""
    assert expected == [str(amount) for amount in left(rows, minutes, points)]


def test_points_are_evenly_spaced_up_to_the_end(db: sqlite3.Connection) -> None:
    """The last point is at the end, and all are equally far from each other."""
    put(db, ago(minutes=1), "1")

    drawn = series(db, "wallet:acme", ago(hours=1), NOW, 4)

    assert [ago(minutes=minutes) for minutes in (45, 30, 15, 0)] == [point.at for point in drawn]
    assert 400 == len(series(db, ACME, ago(hours=1), NOW))


def test_an_old_reading_stands_for_its_hour(db: sqlite3.Connection) -> None:
    """Of an hour that was rolled up there is the last reading, which stands for all of it."""
    put(db, ago(days=40, minutes=2), "1", table="rollup")  # 11:58
    put(db, ago(days=40, minutes=-30), "2", table="rollup")  # 12:30
    day = ago(days=40)

    drawn = series(db, ACME, day - timedelta(hours=2), day + timedelta(hours=2), 16)

    expected = [None] * 4 + ["1"] * 4 + ["2"] * 4 + [None] * 4
    assert expected == [point.remaining and str(point.remaining) for point in drawn]


def test_there_is_no_seam_between_hours_and_readings(db: sqlite3.Connection) -> None:
    """Where the hours end and the readings begin, even within an hour, no point is missing."""
    for minutes in range(0, 240, 15):
        at = ago(days=30, minutes=minutes)
        if minutes < 110:
            put(db, at, str(minutes))
        elif minutes % 60 == 15 or minutes == 120:
            put(db, at, str(minutes), table="rollup")

    drawn = series(db, ACME, ago(days=30, minutes=180), ago(days=30), 36)

    assert [] == [point for point in drawn if point.remaining is None]
    assert ["135", "120", "0"] == [str(drawn[place].remaining) for place in (11, 12, -1)]


def test_subjects_are_kept_apart(db: sqlite3.Connection) -> None:
    """A series has the readings of its own subject only."""
    put(db, ago(minutes=2), "1")
    put(db, ago(minutes=1), "2", subject=BOT)

    assert Decimal(1) == series(db, ACME, ago(hours=1), NOW, 1)[0].remaining
    assert Decimal(2) == series(db, BOT, ago(hours=1), NOW, 1)[0].remaining


@pytest.mark.parametrize(
    ("start", "end", "points", "error", "message"),
    [
        (NOW, NOW, 4, ValueError, "end is after start"),
        (NOW, ago(hours=1), 4, ValueError, "end is after start"),
        (NOW.replace(tzinfo=None), NOW, 4, ValueError, "an aware datetime is needed"),
        (ago(hours=1), NOW.replace(tzinfo=None), 4, ValueError, "an aware datetime is needed"),
        (ago(hours=1), NOW, 0, ValueError, "points is at least 1, not 0"),
        (ago(hours=1), NOW, 10_001, ValueError, "points is at most 10,000, not 10001"),
        (ago(hours=1), NOW, 2.5, TypeError, "points is a whole number, not float"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    db: sqlite3.Connection, start: datetime, end: datetime, points: Any, error: type[Exception], message: str
) -> None:
    """A range that is empty or naive, and a number of points out of range, are errors in plain words."""
    put(db, ago(minutes=1), "1")

    with pytest.raises(error, match=f"^{message}"):
        series(db, ACME, start, end, points)


def test_the_last_reading_that_did_not_fail_is_told(db: sqlite3.Connection) -> None:
    """`last` leaves out failed looks, finds old hours, and is `None` if nothing was ever read."""
    put(db, ago(minutes=9), error="APITimeoutError")
    assert last(db, ACME) is None

    put(db, ago(days=40), "1", table="rollup")
    assert Point(ago(days=40), Decimal(1)) == last(db, ACME)

    put(db, ago(minutes=20), "2")
    assert Point(ago(minutes=20), Decimal(2)) == last(db, ACME)


def fill_a_year(path: str) -> None:
    """Write a year of one wallet that changes every 5 minutes: 8,040 hours, and 8,640 readings."""
    db = make_database(path)
    number = find_or_add(db, ACME)
    start, minute = milliseconds(ago(days=365)), 60_000
    old = milliseconds(ago(days=30))
    rows = [
        (
            number,
            at,
            str(Decimal(10_000) - Decimal(place) / 100),
            str(Decimal(place) / 100),
            "10000",
            None,
            None,
        )
        for place, at in enumerate(range(start, milliseconds(NOW) + 1, 5 * minute))
    ]
    hours = {row[1] // (60 * minute): row for row in rows if row[1] < old}
    db.executemany("INSERT INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?)", hours.values())
    db.executemany("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?)", [row for row in rows if row[1] >= old])
    db.commit()
    db.close()


def test_a_year_is_read_in_no_time(tmp_path: Path) -> None:
    """400 points of a year have no gap; reading them takes the time of the processor that it should."""
    path = str(tmp_path / "year.db")
    fill_a_year(path)
    taken = []
    for _ in range(5):
        db = sqlite3.connect(path)
        began = time.process_time()
        drawn = series(db, ACME, ago(days=365), NOW, 400)
        taken.append(time.process_time() - began)
        db.close()

    print(f"a series of 400 points over a year: {min(taken) * 1000:.1f} ms")  # noqa: T201 - shown by pytest -s
    assert [] == [point for point in drawn if point.remaining is None]
    assert min(taken) < 0.05
