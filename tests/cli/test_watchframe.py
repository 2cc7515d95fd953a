"""The picture of `watch`: which subjects and events it shows, in what order, and how it explains silence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from openrouter_credits import APITimeoutError, Level, Runway
from openrouter_credits.cli._seen import Seen, Sight
from openrouter_credits.cli._watchframe import View, draw_frame, explain_silence
from openrouter_credits.history import Reading, Subject
from openrouter_credits.watch import Event

NOW = datetime(2026, 11, 26, 12, 5, 20, tzinfo=UTC)
NEXT = NOW + timedelta(minutes=5)
WALLET = Subject("wallet", "acme")
KEY = Subject("key", "acme", "bot")
BUDGET = Subject("budget", "acme", "0191d2c7-9f7e-7000-8000-000000000000")


def sight(subject: Subject, remaining: object, age: float = 20, **facts: Any) -> Sight:
    """Make what was seen of a subject so many seconds ago."""
    amount = None if remaining is None else Decimal(str(remaining))
    return Sight(Reading(subject, amount, **facts), NOW - timedelta(seconds=age))


def seen(*sights: tuple[Subject, Sight], error: Exception | None = None) -> Seen:
    """Make what was seen of several subjects."""
    return Seen(dict(sights), NOW, error)


def view(levels: Mapping[Subject, str], next_at: datetime | None = NEXT, **runways: Runway) -> View:
    """Make a view; the runways are given by the kinds of the subjects."""
    return View(
        {subject: Level(level) for subject, level in levels.items()},
        {subject: runways[subject.kind] for subject in levels if subject.kind in runways},
        next_at,
    )


def runway(
    verdict: Any, per_day: object = None, hours: float = 0, resets_at: datetime | None = None
) -> Runway:
    """Make a runway that ends in so many hours."""
    ends = NOW + timedelta(hours=hours) if hours else None
    rate = None if per_day is None else Decimal(str(per_day))
    return Runway(verdict, rate, ends, ends, resets_at, "history")


def event(text: str, minutes: int = 1, level: Level = Level.LOW) -> Event:
    """Make an event of so many minutes ago."""
    at = NOW - timedelta(minutes=minutes)
    return Event(text, "low", WALLET, level, Level.OK, None, None, None, None, None, (), at, at, text)


def lines(picture: View, saw: Seen, *events: Event, width: int = 100, height: int = 40) -> list[str]:
    """Draw a picture, and return its lines without the blanks at their ends."""
    console = Console(width=width, height=height, force_terminal=True, color_system=None, _environ={})
    frame = draw_frame(console, picture, saw, events, NOW, height)
    with console.capture() as captured:
        console.print(frame)
    return [line.rstrip() for line in captured.get().splitlines()]


def words(line: str) -> str:
    """Put one blank between the words of a line."""
    return " ".join(line.split())


@pytest.mark.parametrize(
    ("levels", "saw", "told"),
    [
        (
            {WALLET: "OK", KEY: "OK"},
            seen((WALLET, sight(WALLET, 30, keys=("a", "b", "c"))), (KEY, sight(KEY, 5))),
            "acme OK, $30.00 for 3 keys; the next look is at 12:10.",
        ),
        (
            {WALLET: "LOW"},
            seen((WALLET, sight(WALLET, "9.9", keys=("a",)))),
            "acme LOW, $9.90 for 1 key; the next look is at 12:10.",
        ),
        ({KEY: "OK"}, seen((KEY, sight(KEY, "26.83"))), "acme/bot OK, $26.83; the next look is at 12:10."),
        ({KEY: "OK"}, seen((KEY, sight(KEY, None))), "acme/bot OK; the next look is at 12:10."),
        (
            {Subject("wallet"): "OK"},
            seen((Subject("wallet"), sight(Subject("wallet"), 3))),
            "the wallet OK, $3.00; the next look is at 12:10.",
        ),
        (
            {WALLET: "OK", KEY: "LOW"},
            seen((WALLET, sight(WALLET, 30)), (KEY, sight(KEY, 5))),
            "1 LOW, 1 OK; the next look is at 12:10.",
        ),
        ({}, seen(), "there is nothing to watch; the next look is at 12:10."),
        (
            {WALLET: "OK"},
            seen((WALLET, sight(WALLET, 30, 1500)), error=APITimeoutError("no answer")),
            "nothing was read: no answer; the last answer is 25 min old; the next look is at 12:10.",
        ),
        ({}, seen(error=ValueError("x")), "nothing was read: ValueError; the next look is at 12:10."),
    ],
    ids=["wallet", "low", "key", "no limit", "unnamed", "several", "nothing", "unread", "a bug"],
)
def test_silence_is_explained(levels: dict[Subject, str], saw: Seen, told: str) -> None:
    """One line says how all is, as of when (UTC), and when the next look is."""
    assert f"12:05 UTC {told}" == explain_silence(view(levels), saw, NOW)


@pytest.mark.parametrize(("next_at", "end"), [(None, "."), (NOW - timedelta(seconds=1), "; looking again.")])
def test_without_a_next_look_there_is_no_time(next_at: datetime | None, end: str) -> None:
    """After the only look, and during a look, no time of the next one is told."""
    saw = seen((KEY, sight(KEY, 12)))

    assert f"12:05 UTC acme/bot OK, $12.00{end}" == explain_silence(view({KEY: "OK"}, next_at), saw, NOW)


def test_the_worst_come_first() -> None:
    """Subjects in the worst state come first; then wallets, budgets and keys, the poorest first."""
    more, none = Subject("key", "acme", "more"), Subject("key", None, "sk-or-v1-abc...123")
    saw = seen(
        (more, sight(more, 90)),
        (KEY, sight(KEY, 30)),
        (BUDGET, sight(BUDGET, 50, bound_by="workspace")),
        (WALLET, sight(WALLET, 70)),
    )
    levels = {more: "OK", KEY: "OK", BUDGET: "OK", WALLET: "OK", none: "UNKNOWN"}

    rows = lines(view(levels), saw)[1:6]

    assert [
        "UNKNOWN key sk-or-v1-abc...123 - - - -",
        "OK wallet acme $70.00 - - 20 s",
        "OK workspace budget acme 0191d2c7 $50.00 - - 20 s",
        "OK key acme/bot $30.00 - - 20 s",
        "OK key acme/more $90.00 - - 20 s",
    ] == list(map(words, rows))


@pytest.mark.parametrize(
    ("given", "cells"),
    [
        (runway("runs_out", "12.5", 9.5), "$12.50 9 h"),
        (runway("runs_out", 1, 0.9), "$1.00 54 min"),
        (runway("runs_out", 1, 0.01), "$1.00 36 s"),
        (runway("runs_out", 1, 80 * 24), "$1.00 80 days"),
        (runway("runs_out", "0.01", 9999 * 24), "$0.01 years"),
        (runway("idle", 0), "$0.00 idle"),
        (runway("accumulating"), "- -"),
        (
            runway("lasts_until_reset", 3, 99, datetime(2026, 12, 1, tzinfo=UTC)),
            "$3.00 till reset 1 Dec",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_burn_and_runway(given: Runway, cells: str) -> None:
    """The table tells dollars a day, and how long that lasts; `-` is what is not known yet."""
    saw = seen((WALLET, sight(WALLET, 30)))

    row = lines(view({WALLET: "OK"}, wallet=given), saw)[1]

    assert f"OK wallet acme $30.00 {cells} 20 s" == words(row)


def test_a_key_without_a_limit_has_no_amount() -> None:
    """A key without a limit of its own has neither amount nor runway, but an age."""
    saw = seen((KEY, sight(KEY, None, 125)))

    assert "OK key acme/bot 2 min" == words(lines(view({KEY: "OK"}), saw)[1])


def test_a_sparkline_stands_where_there_is_room() -> None:
    """A terminal with room for it shows the amounts over time; a narrower one has none."""
    falling = sight(WALLET, 10)
    falling.amounts = [
        (NOW - timedelta(minutes=4 - number), Decimal(40 - 10 * number)) for number in range(4)
    ]
    saw = seen((WALLET, falling))

    wide, narrow = (lines(view({WALLET: "OK"}), saw, width=width)[1] for width in (80, 60))

    assert wide.endswith("20 s  ▇▇▇▇▇▆▆▆▆▆▄▄▄▄▄▂")
    assert narrow.endswith("20 s")


def test_many_subjects_fit_the_screen() -> None:
    """Of a thousand subjects, as many as fit are shown, and the others are counted."""
    keys = [Subject("key", "acme", f"bot-{number:03}") for number in range(1000)]
    levels = {**dict.fromkeys(keys, "OK"), keys[700]: "LOW"}
    saw = seen(*((key, sight(key, 20)) for key in keys))

    drawn = lines(view(levels), saw, height=15)

    assert 15 == len(drawn)
    assert "LOW key acme/bot-700 $20.00 - - 20 s" == words(drawn[1])
    assert ["and 989 more, all OK", ""] == drawn[-3:-1]
    assert drawn[-1].startswith("12:05 UTC 1 LOW, 999 OK;")


def test_those_that_are_not_shown_are_counted_by_level() -> None:
    """If those without room have several levels, each is counted."""
    levels = {Subject("key", "acme", str(number)): "LOW" if number < 5 else "OK" for number in range(9)}

    drawn = lines(view(levels), seen(), height=6)

    assert "and 7 more, 3 LOW, 4 OK" == drawn[3]


def test_the_last_events_are_shown_whole() -> None:
    """Events stand below the table, newest last; those for which there is no room are left out whole."""
    story = "has a very long story to tell, " * 5
    told = [event(f"{name} {story}", minutes) for name, minutes in (("a", 3), ("b", 2), ("c", 1))]

    drawn = lines(view({WALLET: "LOW"}), seen((WALLET, sight(WALLET, 3))), *told, height=9)

    assert ["12:03 b", "12:04 c", "12:05 U"] == [line[:7] for line in drawn if line.startswith("12:")]
    assert 9 == len(drawn)
    assert "12:05 UTC acme LOW, $3.00; the next look is at 12:10." == drawn[-1]


@pytest.mark.parametrize("width", [20, 40, 59, 60, 80])
@pytest.mark.parametrize("height", [5, 12, 24])
def test_no_terminal_is_too_small(width: int, height: int) -> None:
    """Nothing is wider than the terminal, and but for the smallest ones nothing is higher."""
    subjects = [Subject("key", "acme", f"bot-{number}") for number in range(30)]
    saw = seen(*((each, sight(each, 20)) for each in subjects))

    drawn = lines(
        view(dict.fromkeys(subjects, "OK")), saw, event("acme has $9.90 left."), width=width, height=height
    )

    assert max(map(len, drawn)) <= width
    assert len(drawn) <= max(height, 10)


def test_what_strangers_wrote_is_safe() -> None:
    """A name or sentence with an escape sequence does not reach the terminal as one."""
    evil = Subject("key", "acme", "a\x1b[2Jb")

    drawn = lines(view({evil: "OK"}), seen((evil, sight(evil, 20))), event("a\x1b[2Jb"))

    assert not any("\x1b" in line for line in drawn)
