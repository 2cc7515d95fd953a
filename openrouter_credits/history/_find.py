"""The subjects of a history, and the one that a caller means. Functions that only read."""

from __future__ import annotations

import sqlite3
from difflib import get_close_matches

from openrouter_credits._masking import scrub
from openrouter_credits.history import _schema
from openrouter_credits.history._subjects import Subject

# Both tables have an index by subject and time, so each of these looks at one row.
_SUBJECTS = """
SELECT id, kind, account, name, hash FROM (
    SELECT *, coalesce(
        (SELECT at FROM reading WHERE subject = id AND error IS NULL ORDER BY at DESC LIMIT 1),
        (SELECT at FROM rollup WHERE subject = id ORDER BY at DESC LIMIT 1),
        (SELECT -1 FROM reading WHERE subject = id LIMIT 1)
    ) AS read_at FROM subject WHERE :kind IS NULL OR kind = :kind
) WHERE read_at IS NOT NULL ORDER BY read_at DESC, id DESC
"""
_IS_READ = """
SELECT EXISTS (SELECT 1 FROM reading WHERE subject = :id) OR EXISTS (SELECT 1 FROM rollup WHERE subject = :id)
"""
_NAMED = 3
"""How many names an error suggests."""
_ALIKE = 0.6
_LONGEST_SHOWN = 60


def subjects(db: sqlite3.Connection) -> tuple[Subject, ...]:
    """List the subjects that have readings, those read last first."""
    return tuple(by_id(db).values())


def by_id(db: sqlite3.Connection, kind: str | None = None) -> dict[int, Subject]:
    """Return the same by their ids; of one kind, or all."""
    rows = db.execute(_SUBJECTS, {"kind": kind})
    return {number: Subject(kind, account, name, hash=hash) for number, kind, account, name, hash in rows}  # noqa: A001 - the column's name


def find(db: sqlite3.Connection, subject: Subject | str) -> int:
    """Return the id of a subject; if several have this text, of the one that was read last.

    Args:
        db: the history.
        subject: the subject, or its text such as `wallet:acme`.

    Raises:
        TypeError: something else.
        ValueError: the history has no reading of it.
    """
    if not isinstance(subject, Subject | str):
        raise TypeError(f"subject is a Subject or its text, not {type(subject).__name__}")
    if isinstance(subject, Subject):
        number = _schema.find(db, subject)
        if number is not None and db.execute(_IS_READ, {"id": number}).fetchone()[0]:
            return number
    text = scrub(str(subject))
    known = by_id(db, text.partition(":")[0])
    for number, one in known.items():
        if str(one) == text:
            return number
    raise ValueError(_unknown(text, [str(one) for one in subjects(db)]))


def _unknown(text: str, known: list[str]) -> str:
    shown = text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
    sentence = f"the history has no reading of {shown!r}"
    if not known:
        return f"{sentence}, nor of anything else"
    by_name: dict[str, list[str]] = {}
    for one in known:
        by_name.setdefault(_name(one), []).append(one)
    close = get_close_matches(_name(text), by_name, n=_NAMED, cutoff=_ALIKE)
    if near := [one for name in close for one in by_name[name]]:
        return f"{sentence}; did you mean {' or '.join(map(repr, near[:_NAMED]))}?"
    more = f" and {len(known) - _NAMED:,} more" if len(known) > _NAMED else ""
    return f"{sentence}; it has {', '.join(map(repr, known[:_NAMED]))}{more}"


def _name(text: str) -> str:
    """Leave out the kind, which makes all of one kind alike."""
    return text.partition(":")[2] or text
