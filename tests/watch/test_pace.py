"""Tests of `watch/_pace.py`: when the next look is due, as tables."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from openrouter_credits import Level, Runway
from openrouter_credits.history import Reading, Subject
from openrouter_credits.watch._pace import ALONE_EVERY, MOST_ALONE, Pace, spread, urgent
from tests.kit.values import NOW

EARLY, USUAL, LATE = 0.0, 0.5, 1.0
"""What the jitter is drawn from: no later, 2.5 % later, 5 % later."""


def pace(every: float = 300, draw: float = EARLY) -> Pace:
    """Make a pace whose jitter is not by chance."""
    return Pace(every, lambda: draw)


def test_the_first_look_is_due_at_once() -> None:
    """Before any look, one is due."""
    assert pace().is_due(0)
    assert pace().next_at(is_looking=False) == 0


@pytest.mark.parametrize(("draw", "due_at"), [(EARLY, 300), (USUAL, 307.5), (LATE, 315)])
def test_looks_begin_every_so_many_seconds(draw: float, due_at: float) -> None:
    """The time from the beginning of one look to the next is `every` at least, and up to 5 % more."""
    looks = pace(draw=draw)

    looks.begin(0)
    looks.succeed(0)

    assert looks.due_at == pytest.approx(due_at)
    assert not looks.is_due(due_at - 1)
    assert looks.is_due(due_at + 1)
    assert looks.next_at(is_looking=False) == looks.due_at


@pytest.mark.parametrize(
    ("every", "retry_after", "due_at"),
    [
        (300, None, 300),
        (3600, None, 300),  # blindness is not left for an hour
        (60, None, 60),
        (300, 5.0, 300),  # no sooner than usual
        (300, 1000.0, 1010),
        (300, 1e18, 10 + 86400),
    ],
)
def test_a_failed_look_is_repeated_soon(every: float, retry_after: float | None, due_at: float) -> None:
    """After a failed look the next begins in 5 minutes at most, but not before the server allows it."""
    looks = pace(every)
    looks.begin(0)

    looks.fail(10, retry_after)

    assert looks.due_at == due_at


def test_a_failed_look_is_repeated_in_five_minutes_at_most() -> None:
    """After a failed look the next one is no later than five minutes, and never within one."""
    assert [_after_a_failure(every, LATE) for every in (60, 290, 300, 3600)] == [63, 300, 300, 300]


def _after_a_failure(every: float, draw: float) -> float:
    looks = pace(every, draw)
    looks.begin(1000)
    looks.fail(1001, None)
    return looks.due_at - 1000


@pytest.mark.parametrize(
    ("good_at", "failed_at", "due_at"),
    [
        (0, [305, 605], 900),  # not at 905
        (0, [305, 605, 899], 959),  # a minute between two looks
        (7, [305, 605], 905),
        (0, [305, 605, 901], 1201),  # it has been told
        (None, [0, 300, 600], 900),  # nothing was ever read
        (None, [2, 300, 600], 900),
        (None, [2, 299, 599, 899], 959),
    ],
)
def test_a_look_tells_blindness_in_time(good_at: float | None, failed_at: list[float], due_at: float) -> None:
    """A look begins when nothing was read for 15 minutes, or a minute after the last one if that is later."""
    looks = pace()
    if good_at is not None:
        looks.begin(0)
        looks.succeed(good_at)

    for at in failed_at:
        looks.begin(at)
        looks.fail(at, None)

    assert looks.due_at == due_at


def test_a_slot_without_a_good_look_counts() -> None:
    """A look that does not end, or may not begin, counts as failed once in each `every`."""
    looks = pace()
    looks.begin(0)

    passed = [now for now in range(0, 1000, 10) if looks.take_slot(now)]

    assert passed == [330, 630, 930]
    assert looks.next_at(is_looking=True) == 1230


def test_after_a_failed_look_slots_are_short() -> None:
    """While the server forbids the next look, each five minutes count, although looks are an hour apart."""
    looks = pace(3600)
    looks.begin(0)
    looks.fail(10, 86400)

    passed = [now for now in range(0, 1000, 10) if looks.take_slot(now)]

    assert passed == [330, 630, 930]


def test_a_long_sleep_is_one_slot() -> None:
    """However much time has passed at once, it counts as one failed look."""
    looks = pace()
    looks.begin(0)

    assert [looks.take_slot(now) for now in (8 * 3600, 8 * 3600 + 1)] == [True, False]


def test_a_good_look_ends_the_slots() -> None:
    """After a good look no time counts as a failed one, until the next look takes too long."""
    looks = pace()
    looks.begin(0)

    looks.succeed(0)

    assert not looks.take_slot(10_000)


def test_some_are_looked_at_alone_each_minute() -> None:
    """Subjects that are to be looked at alone are so a minute later."""
    looks = pace()
    looks.begin(0)
    looks.succeed(0)

    looks.want_alone(5, is_wanted=True)

    assert looks.next_at(is_looking=False) == 5 + ALONE_EVERY
    assert [looks.take_alone(now) for now in (64, 65, 66)] == [False, True, False]


def test_nobody_is_looked_at_alone_unless_it_is_wanted() -> None:
    """Without subjects that need it, there is no look at some alone."""
    looks = pace()
    looks.begin(0)
    looks.succeed(0)

    looks.want_alone(5, is_wanted=False)

    assert looks.alone_at == math.inf
    assert not looks.take_alone(10_000)


def test_a_look_at_some_alone_is_left_out_before_a_look_at_all() -> None:
    """A minute before a look at all, no subject is looked at alone: the figures would be the same."""
    looks = pace(every=120)
    looks.begin(0)
    looks.succeed(0)
    looks.want_alone(1, is_wanted=True)

    assert not looks.take_alone(61)


def test_a_look_at_all_puts_off_a_look_at_some_alone() -> None:
    """A look at all that has just begun sees the same subjects, unless it lasts for longer than a minute."""
    looks = pace()
    looks.begin(0)
    looks.succeed(0)
    looks.want_alone(290, is_wanted=True)

    looks.begin(300)

    assert looks.alone_at == 300 + ALONE_EVERY


def test_a_look_that_is_spread_puts_nothing_off() -> None:
    """A look at all that takes minutes tells nothing of a subject soon: others go on beside it."""
    looks = pace()
    looks.is_spread = True
    looks.begin(0)
    looks.want_alone(5, is_wanted=True)
    assert looks.take_alone(65)
    looks.want_alone(230, is_wanted=True)

    looks.want_alone(285, is_wanted=True)

    assert looks.alone_at == 290
    looks.begin(289)
    assert looks.alone_at == 290
    assert looks.take_alone(290)


def test_a_look_at_some_alone_that_is_left_out_is_not_the_last() -> None:
    """If the look at all that was awaited hangs, there is a look at some alone a minute after its time."""
    looks = pace(every=120)
    looks.begin(0)
    looks.succeed(1)
    looks.want_alone(31, is_wanted=True)

    assert not looks.take_alone(91)
    looks.begin(120)

    assert looks.alone_at == 120 + ALONE_EVERY


def test_a_look_at_all_that_has_begun_meanwhile_puts_off_the_next_alone() -> None:
    """A look at some alone that ends in a look at all is followed by one a minute after that has begun."""
    looks = pace()
    looks.begin(300)

    looks.want_alone(290, is_wanted=True)

    assert looks.alone_at == 300 + ALONE_EVERY


def test_after_a_failed_look_nobody_is_looked_at_alone() -> None:
    """While the host does not answer, subjects are not looked at alone either."""
    looks = pace()
    looks.begin(0)
    looks.succeed(0)
    looks.want_alone(5, is_wanted=True)

    looks.fail(5, None)

    assert looks.alone_at == math.inf


@pytest.mark.parametrize("every", [60.0, 300.0, 3600.0])
def test_large_looks_are_spread(every: float) -> None:
    """A look of more than one request a second is spread over 95 % of the time; no look is slower."""
    assert spread(int(every), every) is None
    rate = spread(2000 * int(every), every)
    assert rate is not None
    assert rate * 0.95 * every == pytest.approx(2000 * every)
    slowest = spread(int(every) + 1, every)
    assert slowest is not None
    assert slowest > 1


WALLET, BOT = Subject("wallet", "acme"), Subject("key", "acme", "bot")
IN_HALF_AN_HOUR = Runway(
    "runs_out", Decimal(1), NOW + timedelta(minutes=30), NOW + timedelta(minutes=20), None, "history"
)
IN_A_DAY = evolve(IN_HALF_AN_HOUR, runs_out_at=NOW + timedelta(days=1))
TILL_A_RESET = Runway("lasts_until_reset", Decimal(1), NOW, NOW, NOW, "history")


@pytest.mark.parametrize(
    ("reading", "level", "runway", "is_urgent"),
    [
        ({}, Level.OK, None, False),
        ({}, None, None, False),
        ({}, Level.LOW, None, False),
        ({}, Level.UNKNOWN, None, False),
        ({}, Level.CRITICAL, None, True),
        ({}, Level.DEPLETED, None, True),
        ({}, Level.OK, IN_HALF_AN_HOUR, True),
        ({}, Level.OK, IN_A_DAY, False),
        ({}, Level.OK, TILL_A_RESET, False),
        ({"stop": "refused"}, Level.OK, None, True),
        ({"stop": "refused"}, Level.INVALID, None, False),
        ({"stop": "disabled"}, Level.OK, None, False),
        ({"stop": "disabled"}, Level.INVALID, None, False),
    ],
)
def test_what_is_urgent(reading: Any, level: Level | None, runway: Runway | None, is_urgent: bool) -> None:
    """Amounts below critical, first refusals and runways under an hour are looked at alone, nothing else."""
    levels = {} if level is None else {BOT: level}
    runways = {} if runway is None else {BOT: runway}

    found = urgent([Reading(BOT, **reading)], levels, ({}, runways), NOW)

    assert found == ((BOT,) if is_urgent else ())


def test_a_key_under_an_urgent_wallet_is_not_looked_at_itself() -> None:
    """While a wallet is looked at alone, the keys that spend from it are not."""
    readings = [Reading(WALLET), Reading(BOT, under=(WALLET,))]

    assert urgent(readings, {WALLET: Level.CRITICAL, BOT: Level.CRITICAL}, (), NOW) == (WALLET,)
    assert urgent(readings, {WALLET: Level.LOW, BOT: Level.CRITICAL}, (), NOW) == (BOT,)


def test_few_are_looked_at_alone() -> None:
    """At most 30 subjects are looked at alone, and those go first that still have something to lose."""
    subjects = [Subject("key", "acme", f"bot {number}") for number in range(100)]
    levels = dict.fromkeys(subjects, Level.DEPLETED) | {subjects[-1]: Level.CRITICAL}

    found = urgent([Reading(subject) for subject in subjects], levels, (), NOW)

    assert found == (subjects[-1], *subjects[: MOST_ALONE - 1])


def test_a_key_that_was_refused_is_looked_at_first() -> None:
    """Whether a key is refused for good is told by one more look, which is not put off for amounts."""
    readings = [Reading(Subject("key", "acme", f"bot {number}")) for number in range(100)]
    levels = dict.fromkeys([reading.subject for reading in readings], Level.CRITICAL)

    found = urgent([*readings, Reading(BOT, stop="refused")], levels, (), NOW)

    assert (found[0], len(found)) == (BOT, MOST_ALONE)
