"""The subjects of a history, and the one that a caller means."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from openrouter_credits._masking import scrub
from openrouter_credits.history import OPENROUTER, Subject
from openrouter_credits.history._find import by_id, find, subjects
from openrouter_credits.history._schema import find_or_add
from tests.history._database import ACME, BOT, ago, put
from tests.kit.values import KEY

OLD, NEW = (Subject("key", "acme", "bot", hash=text) for text in ("a1", "b2"))
GLOBEX = Subject("wallet", "globex")


def test_subjects_that_were_read_last_come_first(db: sqlite3.Connection) -> None:
    """A failed look does not count as read; a subject that was never read comes last; others are not told."""
    find_or_add(db, OPENROUTER)
    put(db, ago(minutes=1), error="APITimeoutError", subject=BOT)
    put(db, ago(days=40), "3", table="rollup", subject=Subject("wallet", "old"))
    put(db, ago(hours=3), "1")
    put(db, ago(hours=2), "2", subject=GLOBEX)
    put(db, ago(hours=1), error="APITimeoutError", subject=GLOBEX)

    assert (GLOBEX, ACME, Subject("wallet", "old"), BOT) == subjects(db)


def test_an_empty_history_has_no_subjects(db: sqlite3.Connection) -> None:
    """A history without readings lists nothing."""
    assert () == subjects(db)


@pytest.mark.parametrize("subject", [ACME, "wallet:acme"])
def test_a_subject_is_found_by_itself_or_its_text(db: sqlite3.Connection, subject: Subject | str) -> None:
    """A subject and its text mean the same."""
    put(db, ago(hours=1), "1", subject=GLOBEX)
    put(db, ago(hours=2), "1")

    assert ACME == by_id(db)[find(db, subject)]


def test_of_several_with_one_text_the_last_one_is_meant(db: sqlite3.Connection) -> None:
    """The text of a key that was made anew means the new one; a subject with a hash means just that one."""
    put(db, ago(hours=1), "1", subject=NEW)
    put(db, ago(hours=2), "1", subject=OLD)

    known = by_id(db)
    assert NEW.hash == known[find(db, "key:acme/bot")].hash
    assert NEW.hash == known[find(db, BOT)].hash
    assert OLD.hash == known[find(db, OLD)].hash


@pytest.mark.parametrize(
    ("names", "meant", "message"),
    [
        ([], "wallet:acme", "the history has no reading of 'wallet:acme', nor of anything else"),
        (
            ["acme", "acme-2", "other"],
            "key:acm",
            "the history has no reading of 'key:acm'; did you mean 'wallet:acme' or 'wallet:acme-2'?",
        ),
        (["acme"], "x", "the history has no reading of 'x'; it has 'wallet:acme'"),
        (
            ["a", "b", "c", "d", "e"],
            "x",
            "the history has no reading of 'x'; it has 'wallet:a', 'wallet:b', 'wallet:c' and 2 more",
        ),
        (["acme"], KEY, f"the history has no reading of {scrub(KEY)!r}; it has 'wallet:acme'"),
        (
            ["acme"],
            "x" * 99,
            f"the history has no reading of '{'x' * 57}...'; it has 'wallet:acme'",
        ),
    ],
)
def test_the_error_names_those_that_are_like_it(
    db: sqlite3.Connection, names: list[str], meant: str, message: str
) -> None:
    """For a name that is not there, the nearest ones are suggested; keys are masked, long texts are cut."""
    for hours, name in enumerate(names):
        put(db, ago(hours=hours), "1", subject=Subject("wallet", name))

    with pytest.raises(ValueError, match=r"^the history") as caught:
        find(db, meant)

    assert message == str(caught.value)


def test_a_subject_without_readings_is_not_there(db: sqlite3.Connection) -> None:
    """What was told of, but has no reading, such as OpenRouter as a whole, is not found."""
    find_or_add(db, OPENROUTER)
    put(db, ago(hours=1), "1")

    with pytest.raises(ValueError, match="no reading of 'openrouter'; it has 'wallet:acme'"):
        find(db, OPENROUTER)


def test_a_subject_is_no_other_value(db: sqlite3.Connection) -> None:
    """Anything but a subject or a text is a TypeError."""
    subject: Any = 1
    with pytest.raises(TypeError, match=r"^subject is a Subject or its text, not int$"):
        find(db, subject)
