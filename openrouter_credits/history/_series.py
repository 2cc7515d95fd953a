"""The amount left of a subject over time, in evenly spaced points. Functions that only read."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from decimal import Decimal

from attrs import frozen

from openrouter_credits._arguments import require_count
from openrouter_credits._documents import Value
from openrouter_credits._public import public
from openrouter_credits.history._find import find
from openrouter_credits.history._schema import dollars, milliseconds, moment
from openrouter_credits.history._subjects import Subject

_HOUR = 3_600_000
HOLD = 35 * 60_000
"""How long a reading says what is left, in milliseconds.

An amount that stays the same is written every 15 minutes, which may take one more look, 5 minutes by default.
One such reading may be missing, and the next one comes another 15 minutes later.
"""
_MOST_POINTS = 10_000
_NEVER = -(10**15)
"""Before the year 1, in milliseconds."""

# A row of the rollup is the last reading of its hour, and stands for the whole of it. A bucket holds what was
# read after its beginning and until its end; -1 is all that was read before the first one, or when it began.
# SQLite takes the other columns from the row that has the maximum.
_LAST_OF_EACH_BUCKET = f"""
WITH known (at, until, remaining) AS (
    SELECT at - at % {_HOUR} + 1, at + {HOLD}, remaining FROM rollup
    WHERE subject = :subject AND at >= :start - {HOLD} AND at - at % {_HOUR} < :end
    UNION ALL
    SELECT at, at + {HOLD}, remaining FROM reading
    WHERE subject = :subject AND at >= :start - {HOLD} AND at <= :end
)
SELECT
    CASE WHEN at <= :start THEN -1 ELSE ((at - :start) * :points - 1) / (:end - :start) END AS bucket,
    remaining IS NULL AS is_gap,
    max(at), until, remaining
FROM known GROUP BY bucket, is_gap
"""  # noqa: S608 - of constants
_LAST = """
SELECT * FROM (
    SELECT at, remaining, resets_at FROM reading
    WHERE subject = :subject AND error IS NULL ORDER BY at DESC LIMIT 1
) UNION ALL SELECT * FROM (
    SELECT at, remaining, resets_at FROM rollup WHERE subject = :subject ORDER BY at DESC LIMIT 1
) ORDER BY at DESC LIMIT 1
"""


@frozen
class Point(Value):
    """One point of a series, or a reading."""

    at: datetime
    """The moment (UTC); of a series, the end of the time that the point stands for."""
    remaining: Decimal | None
    """The amount left, in US dollars, as it was last read by then; `None` for a gap, and without a limit."""


def series(
    db: sqlite3.Connection, subject: Subject | str, start: datetime, end: datetime, points: int = 400
) -> tuple[Point, ...]:
    """Return that many points, evenly spaced: the last one is at `end`.

    A point is `None` if the last look before it failed, or if nothing was read in its time and for 35 minutes
    before it. What is older than 30 days has one reading an hour.

    Raises:
        TypeError: a wrong type.
        ValueError: the history has no reading of the subject; a time is naive; `end` is not after `start`; or
            `points` is not from 1 to 10,000.
    """
    require_count("points", points)
    if points > _MOST_POINTS:
        raise ValueError(f"points is at most {_MOST_POINTS:,}, not {points}")
    first, last = milliseconds(start), milliseconds(end)
    if last <= first:
        raise ValueError("end is after start")
    bounds = {"subject": find(db, subject), "start": first, "end": last, "points": points}
    known, failed = {}, {}
    for bucket, is_gap, at, until, remaining in db.execute(_LAST_OF_EACH_BUCKET, bounds):
        if is_gap:
            failed[bucket] = at
        else:
            known[bucket] = (at, until, remaining)
    drawn = []
    until, held = first, None
    for bucket in range(-1, points):
        end_at = first + (last - first) * (bucket + 1) // points
        at, until, held = known.get(bucket, (_NEVER, until, held))
        failed_at = failed.get(bucket, _NEVER)
        is_known = bucket in known or (failed_at == _NEVER and end_at <= until)
        drawn.append(Point(moment(end_at), dollars(held) if is_known else None))
        if failed_at > at:
            held = None
    return tuple(drawn[1:])


def last(db: sqlite3.Connection, subject: Subject | str) -> Point | None:
    """Return the last reading of a subject that did not fail; `None` if each of them did.

    Raises:
        TypeError: a wrong type.
        ValueError: the history has no reading of the subject.
    """
    row = last_row(db, find(db, subject))
    return None if row is None else Point(moment(row[0]), dollars(row[1]))


def last_row(db: sqlite3.Connection, number: int) -> tuple[int, str | None, int | None] | None:
    """Return time, amount and reset of the same, as they are written, for the id of a subject."""
    row: tuple[int, str | None, int | None] | None = db.execute(_LAST, {"subject": number}).fetchone()
    return row


public(Point, door="openrouter_credits.history")
