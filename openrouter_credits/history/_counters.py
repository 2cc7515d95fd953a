"""What subjects have spent, from their readings: counters, and the runway. Functions that only read."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from openrouter_credits import Runway
from openrouter_credits.history._find import by_id, find
from openrouter_credits.history._schema import REMADE, dollars, milliseconds, moment
from openrouter_credits.history._series import last_row
from openrouter_credits.history._subjects import Subject
from openrouter_credits.history.burn import Burn

Counter = tuple[tuple[datetime, Decimal | None], ...]
"""The readings of a counter, oldest first; `None` where another counter begins."""

_HOUR = 3_600_000
_FINE = 6 * _HOUR
"""Only these last hours are judged by windows of less than a day."""
_LONGEST = timedelta(days=7)

_ENDS = "SELECT min(at), max(at) FROM reading WHERE subject = ? AND at >= ? AND used IS NOT NULL"
# Rows that are to be thinned have the number of their hour, the others their own time. SQLite takes `used`
# from the row that has the maximum.
_USED = f"""
SELECT max(at), used FROM reading
WHERE subject = :subject AND at >= :since AND (used IS NOT NULL OR error = '{REMADE}')
GROUP BY CASE WHEN at > :oldest AND at < :fine AND used IS NOT NULL THEN at / {_HOUR} ELSE at END ORDER BY 1
"""  # noqa: S608 - of constants


def counters(db: sqlite3.Connection, since: datetime) -> Mapping[Subject, Counter]:
    """Read each subject's counter since then; after the first, one an hour before the last 6 hours.

    A subject without a reading since then is left out.

    Raises:
        ValueError: the time is naive.
    """
    read = {subject: _counter(db, number, milliseconds(since)) for number, subject in by_id(db).items()}
    return {subject: counter for subject, counter in read.items() if counter}


def runway(db: sqlite3.Connection, subject: Subject | str) -> Runway | None:
    """Tell how long a subject's amount lasts, as of its last reading that did not fail.

    `None` if it has no limit, or was never read.

    Raises:
        TypeError: a wrong type.
        ValueError: the history has no reading of the subject.
    """
    number = find(db, subject)
    row = last_row(db, number)
    if row is None:
        return None
    at, left, resets_at = moment(row[0]), dollars(row[1]), row[2]
    if left is None:
        return None
    burn = Burn()
    for read_at, used in _counter(db, number, milliseconds(at - _LONGEST)):
        if used is None:
            burn.restart()
        else:
            burn.add(read_at, used)
    return burn.runway(left, at, None if resets_at is None else moment(resets_at))


def _counter(db: sqlite3.Connection, number: int, since: int) -> Counter:
    oldest, newest = db.execute(_ENDS, (number, since)).fetchone()
    bounds = {"subject": number, "since": since, "oldest": oldest, "fine": (newest or 0) - _FINE}
    return tuple((moment(at), dollars(used)) for at, used in db.execute(_USED, bounds))
