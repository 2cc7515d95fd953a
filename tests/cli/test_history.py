"""The command `openrouter-credits history`: a table of all subjects, a chart of one, JSON and CSV."""

from __future__ import annotations

import io
import json
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from openrouter_credits import Runway
from openrouter_credits.cli import main
from openrouter_credits.cli._chart import draw_chart
from openrouter_credits.cli._spans import lasts, span
from openrouter_credits.history import Point, Subject
from openrouter_credits.history._schema import VERSION
from tests.cli.conftest import Run
from tests.history._database import ACME, BOT, make_database, put

GLOBEX = Subject("wallet", "globex")
NEVER_READ, UNLIMITED = Subject("key", "acme", "new"), Subject("key", "acme", "search")
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)

Filled = Callable[..., str]


@pytest.fixture
def now() -> datetime:
    """Return the time, as the command will know it a moment later."""
    return datetime.now(UTC)


@pytest.fixture
def made(tmp_path: Path, now: datetime) -> Filled:
    """Return a function that makes a history: of each subject, the hours before now, amount and counter."""

    def fill(**subjects: tuple[Subject, list[tuple[float, str | None, str | None]]]) -> str:
        path = str(tmp_path / "history.db")
        db = make_database(path)
        db.execute("PRAGMA journal_mode = WAL")
        for subject, rows in subjects.values():
            for hours, left, used in rows:
                error = None if left or used else "APITimeoutError"
                put(db, now - timedelta(hours=hours), left, used, subject=subject, error=error)
        db.commit()
        db.close()
        return path

    return fill


@pytest.fixture
def usual(made: Filled) -> str:
    """Make a history of two wallets and three keys."""
    hours = [hour / 4 for hour in range(24 * 4, 0, -1)]
    return made(
        acme=(ACME, [(hour, str(6 + hour), str(94 - hour)) for hour in hours]),
        globex=(GLOBEX, [(hour, "-1.20", "51.20") for hour in hours]),
        bot=(BOT, [(hour, "4", "6") for hour in hours]),
        new=(NEVER_READ, [(1, None, None)]),
        search=(UNLIMITED, [(50, None, "3.17")]),
    )


def test_all_subjects_are_a_table(run: Run, usual: str) -> None:
    """What is there comes first, then wallets and keys by what is left; a curve has blanks for gaps."""
    outcome = run("history", "--history", usual)

    expected = """\
$6.25 in 2 wallets, $1.20 owed; 3 keys.

Subject            Left  In 7 days   A day  Lasts    Read
wallet:globex    -$1.20      $0.00   $0.00  empty  15 min
wallet:acme       $6.25    -$23.75  $24.00  5 h    15 min               ▇▅▂
key:acme/bot      $4.00      $0.00   $0.00  idle   15 min
key:acme/new          -          -       -  -       never
key:acme/search    none                            2 days
"""
    assert (0, expected, "") == outcome


def test_a_narrow_terminal_has_lines(run: Run, usual: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below 60 columns each subject is a paragraph, without curves."""
    monkeypatch.setenv("COLUMNS", "40")

    lines = run("history", "--history", usual, "--days", "30").out.splitlines()

    assert ["wallet:acme", "  Left: $6.25   In 30 days: -$23.25"] == lines[7:9]
    assert max(map(len, lines)) <= 40


def test_a_terminal_without_blocks_has_ascii(usual: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the encoding has no blocks, there are no curves, and the chart is made of ASCII."""
    for words in ([], ["wallet:acme"]):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
        code = main(["history", *words, "--history", usual])
        sys.stdout.flush()
        assert 0 == code
        assert b"\\u" not in raw.getvalue()


def test_one_subject_is_a_chart(run: Run, usual: str) -> None:
    """With a subject, the amount comes first, then the chart, and the forecast below it."""
    code, out, err = run("history", "wallet:acme", "--history", usual, "--days", "1")

    lines = out.splitlines()
    assert (0, "") == (code, err)
    assert "wallet:acme: $6.25 left, -$23.75 in 1 day; last read 15 min ago." == lines[0]
    assert ["", "$30 ┤▇▆"] == [lines[1], lines[2][:7]]
    assert lines[11].startswith(" $0 └")
    assert lines[-1].startswith("Runs out on ")
    assert lines[-1].endswith(" (UTC) at $24.00 a day.")
    assert max(map(len, lines)) <= 100


def test_only_a_terminal_has_colours(run: Run, usual: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chart is coloured on a terminal; a pipe has none (`run` looks at each output)."""
    run("history", "wallet:acme", "--history", usual)
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert "\x1b[38;5;30m" in run("history", "wallet:acme", "--history", usual).out


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ([(1, None, None)], [], ["wallet:acme was never read."]),
        ([(3, None, "5")], [], ["wallet:acme has no limit; last read 3 h ago."]),
        (
            [(240, "5", "1")],
            ["--days", "3"],
            ["wallet:acme: $5.00 left, and nothing was read in 3 days; last read 10 days ago."],
        ),
        ([(2, "-1", "9"), (1, "-1", "9")], [], ["Nothing is left."]),
        ([(0.9, "5", "1")], [], ["Too little was seen yet."]),
        ([(30, "5", "1"), (24, "5", "1")], [], ["As of the last reading: Nothing was spent."]),
    ],
)
def test_what_cannot_be_drawn_is_told(
    run: Run,
    made: Filled,
    rows: list[tuple[float, str | None, str | None]],
    options: list[str],
    expected: list[str],
) -> None:
    """Without amounts there is a sentence instead of a chart; the forecast says what it is made of."""
    path = made(acme=(ACME, rows))

    outcome = run("history", "wallet:acme", "--history", path, *options)

    assert (0, "") == (outcome.code, outcome.err)
    lines = outcome.out.splitlines()
    assert expected == [lines[0] if len(lines) == 1 else lines[-1]]


def test_a_forecast_that_is_over_is_not_known(run: Run, made: Filled) -> None:
    """If it should have run out since it was last read, nobody knows how long it lasts."""
    hours = [40 - place for place in range(30)]
    path = made(acme=(ACME, [(hour, str(hour - 10.5), str(100 - hour)) for hour in hours]))

    row = run("history", "--history", path).out.splitlines()[3]

    assert ["wallet:acme", "$0.50", "-$29.00", "$24.00", "-", "11", "h"] == row.split()[:7]


def test_without_readings_there_is_a_sentence(run: Run, made: Filled) -> None:
    """A history in which nothing was written yet is no fault."""
    assert (0, "Nothing was read yet.\n", "") == run("history", "--history", made())


@pytest.mark.parametrize(
    ("subjects", "expected"),
    [
        ({"bot": (BOT, "4"), "budget": (Subject("budget", "acme", "b1"), "4")}, "1 budget, 1 key."),
        ({"acme": (ACME, None)}, "1 wallet not read."),
        ({"acme": (ACME, "1234.567"), "globex": (GLOBEX, None)}, "$1,234.56 in 1 wallet; 1 wallet not read."),
    ],
)
def test_what_is_there_is_told_in_one_sentence(
    run: Run, made: Filled, subjects: dict[str, tuple[Subject, str | None]], expected: str
) -> None:
    """The sum is of wallets alone, and only of those that were read; keys and budgets are counted."""
    path = made(**{name: (subject, [(1, left, None)]) for name, (subject, left) in subjects.items()})

    assert expected == run("history", "--history", path).out.splitlines()[0]


def test_what_was_not_read_in_these_days_has_no_change(run: Run, made: Filled) -> None:
    """Of a subject that was read before these days, the amount is told, but not how it changed."""
    path = made(acme=(ACME, [(90, "5", "1")]))

    row = run("history", "--history", path, "--days", "1").out.splitlines()[3]

    assert ["wallet:acme", "$5.00", "-", "-", "-", "3", "days"] == row.split()


def test_json_has_exact_readings(run: Run, made: Filled, now: datetime) -> None:
    """--json has the readings of these days, oldest first, of one subject or of all."""
    path = made(
        acme=(ACME, [(900, "5", "1"), (2, "43.628104995", "0.10"), (1, None, None)]),
        bot=(BOT, [(1.5, "4", "6")]),
    )

    document = json.loads(run("history", "--history", path, "--json").out, parse_float=Decimal)

    assert [Decimal("43.628104995"), 4, None] == [row["remaining"] for row in document["readings"]]
    assert [None, None, "APITimeoutError"] == [row["error"] for row in document["readings"]]
    one = json.loads(run("history", "key:acme/bot", "--history", path, "--json").out)
    at = (now - timedelta(hours=1.5)).replace(microsecond=now.microsecond // 1000 * 1000)
    assert one == {
        "schema_version": 2,
        "readings": [
            {
                "subject": "key:acme/bot",
                "at": at.isoformat().replace("+00:00", "Z"),
                "remaining": 4,
                "used": 6,
                "granted": None,
                "resets_at": None,
                "error": None,
            }
        ],
    }
    everything = json.loads(run("history", "--history", path, "--json", "--days", "60").out)
    assert 4 == len(everything["readings"])


def test_csv_has_the_same(run: Run, made: Filled, now: datetime) -> None:
    """--csv has one line for each reading below the names; what is not known is empty."""
    path = made(acme=(ACME, [(2, "43.628104995", "0.10"), (1, None, None)]))

    outcome = run("history", "wallet:acme", "--history", path, "--csv")

    at = [
        (now - timedelta(hours=hours))
        .replace(microsecond=now.microsecond // 1000 * 1000, tzinfo=None)
        .isoformat()
        for hours in (2, 1)
    ]
    assert outcome.out == (
        "subject,at,remaining,used,granted,resets_at,error\n"
        f"wallet:acme,{at[0]}Z,43.628104995,0.1,,,\n"
        f"wallet:acme,{at[1]}Z,,,,,APITimeoutError\n"
    )
    assert (0, "") == (outcome.code, outcome.err)


@pytest.mark.parametrize("style", [[], ["--json"], ["--csv"]])
def test_a_file_that_is_not_there_is_not_made(run: Run, tmp_path: Path, style: list[str]) -> None:
    """No such file, or one that is no history: exit code 3, one line with the remedy, and nothing is made."""
    (tmp_path / "notes.txt").write_text("No history at all. " * 99)
    for name, told in (("typo.db", "There is no history"), ("notes.txt", "is damaged, or is no SQLite file")):
        code, out, err = run("history", "--history", str(tmp_path / name), *style)

        assert (3, 1) == (code, err.count("\n"))
        assert told in err
        assert out in ("", "subject,at,remaining,used,granted,resets_at,error\n")
    assert ["notes.txt"] == [path.name for path in tmp_path.iterdir()]


def test_a_newer_file_is_told(run: Run, made: Filled) -> None:
    """A file that a newer version wrote is exit code 3, with the remedy, and stays as it is."""
    path = made(acme=(ACME, [(1, "5", "1")]))
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()

    outcome = run("history", "--history", path)

    assert 3 == outcome.code
    assert "pip install --upgrade openrouter-credits" in outcome.err


def test_it_reads_while_a_watch_writes(run: Run, usual: str) -> None:
    """A watch that is about to write does not hold up the command."""
    watch = sqlite3.connect(usual, isolation_level=None)
    watch.execute("BEGIN IMMEDIATE")
    put(watch, datetime.now(UTC), "1", "99")

    outcome = run("history", "--history", usual)

    watch.rollback()
    watch.close()
    assert (0, "") == (outcome.code, outcome.err)
    assert "$6.25 in 2 wallets" in outcome.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["history"], "There is no default file. Name the one that a watch writes: "),
        (["history", "--history", ""], "There is no default file."),
        (["history", "--history"], "--history needs a value."),
        (
            ["history", "wallet:acne", "--history", "FILE"],
            "did you mean 'wallet:acme'? Without SUBJECT, all are",
        ),
        (
            ["history", "x", "--history", "FILE", "--csv"],
            "has no reading of 'x'; it has 'wallet:acme'. Without",
        ),
        (["history", "a", "b"], "history takes one SUBJECT (in quotes, if it has blanks): 'b' is too many."),
        (["history", "--days", "0"], "--days takes a whole number of days from 1 to 3,650, not '0'."),
        (["history", "--days", "1.5"], "--days takes a whole number of days from 1 to 3,650, not '1.5'."),
        (["history", "--json", "--csv"], "--json and --csv exclude each other."),
        (["history", "--jsno"], "history has no option '--jsno'. Did you mean --json?"),
        (["histroy"], "There is no command 'histroy'. Did you mean history?"),
    ],
)
def test_wrong_usage_is_told_in_one_line(run: Run, made: Filled, words: list[str], told: str) -> None:
    """What cannot be done is exit code 3 and one line that says what can."""
    path = made(acme=(ACME, [(1, "5", "1")]))

    outcome = run(*(path if word == "FILE" else word for word in words))

    assert (3, 1) == (outcome.code, outcome.err.count("\n"))
    assert told in outcome.err


def points(hours: float, *amounts: str | None) -> list[Point]:
    """Make a series that ends at midnight."""
    step = timedelta(hours=hours) / len(amounts)
    return [
        Point(MIDNIGHT - step * (len(amounts) - place), None if left is None else Decimal(left))
        for place, left in enumerate(amounts, 1)
    ]


CHART = """\
$40 ┤      █
    │      █
    │      █
$30 ┤      █
    │      █
    │▇▂    █▄
$20 ┤██    ████
    │██    ████
    │███   ████
$10 ┤███   ████
    │███   ████
    │████  ████
 $0 └────··───┴
          today
     ··· not read
"""
IN_ASCII = """\
$40 +      #
    |      #
    |      #
$30 +      #
    |      #
    |:     #.
$20 +##    ####
    |##    ####
    |###   ####
$10 +###   ####
    |###   ####
    |####  ####
 $0 +----..---+
          today
     ... not read
"""


@pytest.mark.parametrize(("is_ascii", "expected"), [(False, CHART), (True, IN_ASCII)])
def test_a_chart_has_axes_and_gaps(*, is_ascii: bool, expected: str) -> None:
    """A chart has dollars and hours at its axes; a gap is empty, above a dotted axis, and is explained."""
    drawn = draw_chart(
        points(10, "23", "21", "13.34", "3.4", None, None, "40", "22", "20", "20"), 15, is_ascii=is_ascii
    )

    assert expected == "".join(f"{line.plain}\n" for line in drawn)


@pytest.mark.parametrize(
    ("amounts", "labels"),
    [
        (["0", "0"], ["$1.00", "$0.50", "$0.00"]),
        (["10", "10"], ["$10", "$5", "$0"]),
        (["100", "60"], ["$100", "$50", "$0"]),
        (["100", "90"], ["$100", "$95", "$90"]),
        (["100", "99"], ["$100", "$50", "$0"]),
        (["3", "-1.2"], ["$4", "$2", "$0", "-$2"]),
        (["-5", "-4.9"], ["$0", "-$2", "-$4", "-$6"]),
        (["0.0004", "0.0001"], ["$0.0004", "$0.0003", "$0.0002", "$0.0001", "$0.00"]),
        (["1234567", "0"], ["$1,500,000", "$1,000,000", "$500,000", "$0"]),
    ],
)
def test_the_axis_of_dollars_has_round_amounts(amounts: list[str], labels: list[str]) -> None:
    """The axis begins at 0 unless all amounts are far from it, and has at most four intervals."""
    drawn = draw_chart(points(24, *amounts), 60, is_ascii=False)

    assert labels == [
        line.plain.split()[0] for line in drawn[::3] if line.plain[:1].strip() or "$" in line.plain
    ]


def test_an_amount_of_nothing_is_no_gap() -> None:
    """Where nothing is left, a line is drawn, as thin as it can be."""
    *_, lowest, _, _ = draw_chart(points(24, "8", "0", "8"), 7, is_ascii=False)

    assert "   │█▁█" == lowest.plain


@pytest.mark.parametrize(
    ("hours", "labels"),
    [
        (6, "21:00 today"),
        (24 * 4, "23 Nov 24 Nov 25 Nov today"),
        (24 * 90, "8 Sep 8 Oct 7 Nov"),
        (24 * 500, "27 Oct 2025 27 Apr 26 Oct"),
        (24 * 3650, "24 Dec 2019 22 Dec 2024"),
    ],
)
def test_the_axis_of_time_has_as_many_marks_as_there_is_room_for(hours: float, labels: str) -> None:
    """Hours, days or years are marked, with the year where it is not the same everywhere."""
    drawn = draw_chart(points(hours, *["1"] * 50), 45, is_ascii=False)

    assert labels == " ".join(drawn[-1].plain.split())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172800, "2 days"),
        (9e7, "years"),
    ],
)
def test_a_length_of_time_is_short(seconds: float, text: str) -> None:
    """A length of time is a whole number of the largest unit of which there are two."""
    assert text == span(seconds)


@pytest.mark.parametrize(
    ("runway", "text"),
    [
        (None, "-"),
        (Runway("accumulating", None, None, None, None, "history"), "-"),
        (Runway("idle", Decimal(0), None, None, None, "history"), "idle"),
        (Runway("runs_out", Decimal(1), MIDNIGHT + timedelta(days=3), None, None, "history"), "3 days"),
        (
            Runway("lasts_until_reset", Decimal(1), None, None, MIDNIGHT + timedelta(days=5), "history"),
            "till reset 1 Dec",
        ),
    ],
)
def test_a_forecast_is_short(runway: Runway | None, text: str) -> None:
    """A forecast is a length of time, a reset or `idle`; if it is not known, it is a dash."""
    assert text == lasts(runway, MIDNIGHT)
