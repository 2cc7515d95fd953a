"""Counters for a watch that begins, and the runway of a subject, from its readings."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from openrouter_credits import Runway
from openrouter_credits.history import Burn
from openrouter_credits.history._counters import counters, runway
from openrouter_credits.history._schema import REMADE
from tests.history._database import ACME, BOT, NOW, ago, put

WEEK = timedelta(days=7)


def test_counters_are_those_of_each_subject_oldest_first(db: sqlite3.Connection) -> None:
    """Failed looks, older readings and subjects without any are left out; `None` begins another counter."""
    put(db, ago(days=8), "9", "1")
    put(db, ago(minutes=10), "7", "3.50")
    put(db, ago(minutes=20), "8", "2")
    put(db, ago(minutes=15), error="APITimeoutError")
    put(db, ago(minutes=5), None, "40", subject=BOT)
    put(db, ago(minutes=4), error=REMADE, subject=BOT)
    put(db, ago(minutes=3), None, "0", subject=BOT)

    read = counters(db, ago(days=7))

    assert read == {
        BOT: ((ago(minutes=5), Decimal(40)), (ago(minutes=4), None), (ago(minutes=3), Decimal(0))),
        ACME: ((ago(minutes=20), Decimal(2)), (ago(minutes=10), Decimal("3.5"))),
    }
    assert {BOT} == set(counters(db, ago(minutes=6)))
    assert {} == counters(db, NOW)


def test_old_counters_are_thinned(db: sqlite3.Connection) -> None:
    """Before a subject's last 6 hours there is one reading an hour, and each place where another begins."""
    for minutes in range(0, 24 * 60, 5):
        put(db, ago(days=1, minutes=minutes), "1", str(10_000 - minutes))
    put(db, ago(days=1, hours=20, minutes=7), error=REMADE)

    [counter] = counters(db, ago(days=3)).values()

    moments = [at for at, used in counter if used is not None]
    assert 6 * 12 + 1 == len([at for at in moments if at >= ago(days=1, hours=6)])
    assert 18 + 1 == len([at for at in moments if at < ago(days=1, hours=6)])  # and the first of all
    assert ago(days=1, minutes=24 * 60 - 5) == moments[0]
    assert [ago(days=1, hours=20, minutes=7)] == [at for at, used in counter if used is None]
    assert sorted(counter) == list(counter)


def test_the_runway_is_that_of_all_readings(db: sqlite3.Connection) -> None:
    """The runway is what a `Burn` says of all readings of 7 days, as of the last one that did not fail."""
    burn = Burn()
    for minutes in range(9 * 24 * 60, 0, -15):
        used = Decimal(100_000 - minutes) / 1000
        put(db, ago(minutes=minutes), str(100 - used), str(used))
        if minutes <= 7 * 24 * 60:
            burn.add(ago(minutes=minutes), used)
    put(db, ago(minutes=2), error="APITimeoutError")

    told = runway(db, "wallet:acme")

    expected = burn.runway(Decimal("0.015"), ago(minutes=15))
    assert expected == told
    assert told is not None
    assert ("runs_out", Decimal("1.44"), "history") == (told.verdict, told.per_day, told.basis)


def test_what_was_spent_at_first_is_not_forgotten(db: sqlite3.Connection) -> None:
    """What was spent in the first minutes of a history counts, whatever hour of the clock it was."""
    for minutes in range(8 * 60, -1, -15):
        put(db, ago(minutes=minutes), "50", "0" if minutes > 7.5 * 60 else "8")

    told = runway(db, "wallet:acme")

    assert told is not None
    assert ("runs_out", Decimal(24)) == (told.verdict, told.per_day)


def test_a_counter_of_another_key_is_not_subtracted(db: sqlite3.Connection) -> None:
    """A key that was made anew begins with another counter: its fall is no burn, nor its first amount."""
    for hours in range(20, 0, -1):
        put(db, ago(hours=hours), "5", str(50 if hours > 10 else 60), subject=BOT)
    put(db, ago(hours=10, minutes=1), error=REMADE, subject=BOT)

    told = runway(db, BOT)

    assert told is not None
    assert "idle" == told.verdict


@pytest.mark.parametrize("resets_at", [None, NOW])
def test_the_next_reset_is_known_to_the_runway(db: sqlite3.Connection, resets_at: datetime | None) -> None:
    """The runway has the reset that was read last."""
    for hours in range(20, 0, -1):
        put(db, ago(hours=hours), str(hours * 9), str(100 - hours), subject=BOT, resets_at=resets_at)

    told = runway(db, BOT)

    assert told is not None
    assert ("lasts_until_reset" if resets_at else "runs_out", resets_at) == (told.verdict, told.resets_at)


def test_what_has_no_amount_has_no_runway(db: sqlite3.Connection) -> None:
    """There is no runway without a limit, or without a reading; of a few readings it is accumulating."""
    put(db, ago(hours=1), None, "5", subject=BOT)
    put(db, ago(hours=1), error="APITimeoutError")

    assert (None, None) == (runway(db, BOT), runway(db, ACME))

    put(db, ago(minutes=1), "5", None)
    assert Runway("accumulating", None, None, None, None, "history") == runway(db, ACME)


def test_what_is_older_than_the_readings_has_a_runway_that_accumulates(db: sqlite3.Connection) -> None:
    """If only hours are left of a subject, too little is known of its pace."""
    put(db, ago(days=40), "5", "1", table="rollup")

    assert Runway("accumulating", None, None, None, None, "history") == runway(db, ACME)
