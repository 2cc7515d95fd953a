"""What is written of a look, and what becomes of it after 30 days."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from openrouter_credits.history import Reading, Subject
from openrouter_credits.history._schema import dollars, migrate, milliseconds, moment
from openrouter_credits.history._writing import add_readings
from tests.kit.values import DOWN, FORBIDDEN, MASK, NOVEMBER, NOW, OTHER_MASK, UNAUTHORIZED

ACME = Subject("wallet", "acme")
BOT = Subject("key", "acme", "bot")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LOOK = 5 * MINUTE
UNREAD = Reading(ACME, error=DOWN, is_read=False)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Make an empty history in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, 0)
    yield connection
    connection.close()


def left(amount: str, subject: Subject = ACME) -> Reading:
    """Make a reading of a wallet into which $100 were paid."""
    return Reading(subject, Decimal(amount), Decimal(100) - Decimal(amount), Decimal(100))


def look(connection: sqlite3.Connection, at: datetime, *readings: Reading) -> None:
    """Write what a look tells."""
    add_readings(connection, readings, milliseconds(at))


def rows(
    connection: sqlite3.Connection, table: str = "reading"
) -> list[tuple[float, Decimal | None, str | None]]:
    """List what is written: the minutes since `NOW`, the amount left, the error."""
    query = f"SELECT at, remaining, error FROM {table} ORDER BY subject, at"
    return [
        ((moment(at) - NOW) / MINUTE, dollars(remaining), error)
        for at, remaining, error in connection.execute(query)
    ]


@pytest.mark.parametrize(
    ("looks", "written"),
    [
        pytest.param([(0, "9"), (5, "8"), (10, "8"), (15, "7")], [0, 5, 15], id="each change"),
        pytest.param([(at, "9") for at in range(0, 40, 5)], [0, 15, 30], id="else each quarter of an hour"),
        pytest.param([(0, "9"), (10, "8"), (20, "8"), (25, "8")], [0, 10, 25], id="counted from the last"),
        pytest.param([(0, "9.0"), (5, "9.00"), (10, "9")], [0], id="an amount is compared, not its text"),
    ],
)
def test_a_reading_is_written_on_change_else_every_15_minutes(
    connection: sqlite3.Connection, looks: list[tuple[int, str]], written: list[int]
) -> None:
    """A reading is written if it differs from the last one, or if that is 15 minutes old."""
    for minute, amount in looks:
        look(connection, NOW + minute * MINUTE, left(amount))

    assert written == [at for at, _, _ in rows(connection)]


def test_a_reading_is_written_exactly(connection: sqlite3.Connection) -> None:
    """A reading is written with exact amounts, its reset, and no error."""
    reading = Reading(BOT, Decimal("-0.000000001"), Decimal("1E+3"), Decimal("10.10"), resets_at=NOVEMBER)

    look(connection, NOW, reading)

    query = "SELECT at, remaining, used, granted, resets_at, error FROM reading"
    expected = (milliseconds(NOW), "-0.000000001", "1000", "10.1", milliseconds(NOVEMBER), None)
    assert expected == connection.execute(query).fetchone()


def test_what_is_not_read_is_written_as_a_gap(connection: sqlite3.Connection) -> None:
    """A failed look is written as no amount and the error's class; so is a key that was refused."""
    refused = Reading(BOT, stop="refused", error=UNAUTHORIZED)
    nothing = Reading(Subject("budget", "acme", "b1"), is_read=False)

    look(connection, NOW, left("9"), refused, nothing)
    look(connection, NOW + 5 * MINUTE, UNREAD)
    look(connection, NOW + 10 * MINUTE, UNREAD)
    look(connection, NOW + 15 * MINUTE, left("9"))

    assert [
        (0, Decimal(9), None),
        (5, None, "ServerError"),
        (15, Decimal(9), None),
        (0, None, "AuthenticationError"),
        (0, None, "OpenRouterError"),
    ] == rows(connection)


def test_a_key_without_a_limit_is_no_gap(connection: sqlite3.Connection) -> None:
    """Of a key without a limit, the counter is written, and no error."""
    look(connection, NOW, Reading(BOT, None, Decimal(3)))

    assert [(None, "3", None)] == connection.execute("SELECT remaining, used, error FROM reading").fetchall()


def test_what_may_not_be_read_has_no_history(connection: sqlite3.Connection) -> None:
    """A wallet that a key may not read is not written, unless it was once read."""
    hidden = Reading(ACME, error=FORBIDDEN, is_read=False, is_hidden=True)

    look(connection, NOW, hidden)
    assert [] == connection.execute("SELECT * FROM subject").fetchall()

    look(connection, NOW, left("9"))
    look(connection, NOW + MINUTE, hidden)
    assert [(0, Decimal(9), None), (1, None, "ManagementKeyRequiredError")] == rows(connection)


def many(amount: str) -> list[Reading]:
    """Make the readings of 101 wallets."""
    return [left(amount, Subject("wallet", f"account {number}")) for number in range(101)]


def test_of_many_subjects_each_is_written_every_15_minutes(connection: sqlite3.Connection) -> None:
    """Above 100 subjects, changes are written at most every 15 minutes, also if few are looked at alone."""
    for minute in range(0, 35, 5):
        look(connection, NOW + minute * MINUTE, *many(f"{50 - minute}"))
    look(connection, NOW + 31 * MINUTE, many("1")[0])

    assert {0, 15, 30} == {at for at, _, _ in rows(connection)}
    assert 303 == len(rows(connection))


def test_subjects_that_are_gone_are_not_counted(connection: sqlite3.Connection) -> None:
    """An hour after others were last read, one subject is written at each change again."""
    look(connection, NOW, *many("9"))

    look(connection, NOW + 2 * HOUR, left("9"))
    look(connection, NOW + 2 * HOUR + MINUTE, left("8"))

    assert [(120, Decimal(9), None), (121, Decimal(8), None)] == rows(connection)[-2:]


def test_a_key_that_is_made_anew_begins_another_counter(connection: sqlite3.Connection) -> None:
    """Another mask under the same name is marked by a row of its own, before the first reading."""
    amounts = Decimal(5), Decimal(5), Decimal(10)
    look(connection, NOW, Reading(BOT, *amounts, label=MASK))
    look(connection, NOW + MINUTE, Reading(BOT, error=DOWN, is_read=False))
    look(connection, NOW + 2 * MINUTE, Reading(BOT, *amounts, label=OTHER_MASK))
    look(connection, NOW + 3 * MINUTE, Reading(BOT, *amounts, label=OTHER_MASK))

    assert [
        (0, Decimal(5), None),
        (1, None, "ServerError"),
        (2, None, "remade"),
        (2 + 1 / 60_000, Decimal(5), None),
    ] == rows(connection)


def test_a_key_that_is_given_another_name_goes_on(connection: sqlite3.Connection) -> None:
    """A key that is known by its hash has one history, whose name is the last one."""
    for minute, name in enumerate(("bot", "web", "web")):
        look(connection, NOW + minute * MINUTE, left(f"{9 - minute}", Subject("key", "acme", name, hash="h")))

    assert [9, 8, 7] == [remaining for _, remaining, _ in rows(connection)]
    assert [("web",)] == connection.execute("SELECT name FROM subject").fetchall()


def test_a_clock_that_is_set_back_keeps_the_order(connection: sqlite3.Connection) -> None:
    """A clock that is set back by an hour leaves the readings in the order in which they were written."""
    amounts = [str(amount) for amount in range(20, 0, -1)]
    for place, amount in enumerate(amounts):
        at = NOW + place * 5 * MINUTE
        look(connection, at if place < 10 else at - HOUR, left(amount))

    written = rows(connection)
    assert amounts == [str(amount) for _, amount, _ in written]
    assert len(amounts) == len({at for at, _, _ in written})


def test_an_unchanged_amount_waits_for_a_clock_that_was_set_back(connection: sqlite3.Connection) -> None:
    """After a clock is set back, an unchanged amount is written when it is 15 minutes later than before."""
    look(connection, NOW, left("9"))

    for minute in range(-60, 20, 5):
        look(connection, NOW + minute * MINUTE, left("9"))

    assert [0, 15] == [at for at, _, _ in rows(connection)]


def test_a_clock_that_was_years_ahead_holds_up_nothing(connection: sqlite3.Connection) -> None:
    """Readings of a clock that was a year ahead keep no later ones from being written at their time."""
    look(connection, NOW + 365 * DAY, left("9"))

    look(connection, NOW, left("8"))
    look(connection, NOW + MINUTE, left("7"))

    assert [0, 1, 365 * 24 * 60] == [at for at, _, _ in rows(connection)]


def fill(connection: sqlite3.Connection, days: int, start: datetime = NOW) -> int:
    """Write looks at a wallet from which something is spent all the time, and return how many there were."""
    looks = days * DAY // LOOK
    for place in range(looks):
        at = start + place * LOOK
        used = Decimal((at - NOW) // LOOK).scaleb(-2)
        look(connection, at, Reading(ACME, Decimal(1000) - used, used, Decimal(1000)))
    return looks


def test_readings_are_kept_for_30_days_and_then_one_an_hour(connection: sqlite3.Connection) -> None:
    """After 30 days, of each hour its last reading is kept, at its own time."""
    fill(connection, 32)

    kept, hours = rows(connection), rows(connection, "rollup")
    cut = timedelta(minutes=kept[0][0])
    newest = timedelta(minutes=kept[-1][0])
    assert newest - cut <= 30 * DAY + HOUR
    assert 30 * 288 <= len(kept) <= 30 * 288 + 12
    assert 48 == len(hours)
    assert [50, 110, 170] == [at for at, _, _ in hours[:3]]
    assert Decimal("999.9") == hours[0][1]


def test_an_hour_in_which_nothing_was_read_is_a_gap_for_ever(connection: sqlite3.Connection) -> None:
    """After 30 days, an hour in which each look failed has no reading; no failed look replaces a good one."""
    at_ten = NOW.replace(hour=10, minute=0)
    look(connection, at_ten, left("9"))
    for minute in range(30, 130, 15):
        look(connection, at_ten + minute * MINUTE, UNREAD)

    look(connection, at_ten + 31 * DAY, left("8"))

    assert [(-185, Decimal(9), None)] == rows(connection, "rollup")
    assert 1 == len(rows(connection))


def test_old_readings_are_rolled_up_in_small_steps(connection: sqlite3.Connection) -> None:
    """After a month away, each look rolls up 102 readings, even if that divides an hour."""
    fill(connection, 10)
    later = NOW + 45 * DAY

    steps = []
    for place in range(40):
        before = len(rows(connection))
        look(connection, later + place * MINUTE, left(f"{40 - place}"))
        steps.append(before + 1 - len(rows(connection)))

    assert [102] * 28 + [24] + [0] * 11 == steps
    assert 40 == len(rows(connection))
    assert 241 == len(rows(connection, "rollup"))
    assert [50, 110, 170] == [at for at, _, _ in rows(connection, "rollup")[:3]]


@pytest.mark.no_cover  # 105,120 looks take some seconds, and thrice as long under a tracer
def test_a_year_of_a_wallet_is_small(tmp_path: Path) -> None:
    """A year of looks at one wallet, each of which finds another amount, stays under 30 MB."""
    connection = sqlite3.connect(tmp_path / "history.db", isolation_level=None)
    migrate(connection, 0)
    connection.execute("PRAGMA journal_mode = WAL")

    looks = 0
    for day in range(365):
        connection.execute("BEGIN")
        looks += fill(connection, 1, NOW + day * DAY)
        connection.execute("COMMIT")
    megabytes = sum(file.stat().st_size for file in tmp_path.iterdir()) / 1e6
    connection.close()

    print(f"{looks:,} looks: {megabytes:.1f} MB")  # noqa: T201 - shown by -s, and if it fails
    assert 105_120 == looks
    assert megabytes < 30
