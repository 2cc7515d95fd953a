"""Tests of `watch/_runways.py`: how long each subject lasts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from attrs import evolve

from openrouter_credits import CheckReport, Runway
from openrouter_credits.history import Reading, Readings, Subject, read_subjects
from openrouter_credits.watch._runways import Runways
from tests.kit.reports import allowance, listed, managed, purse, report
from tests.kit.values import NOW, budget

WALLET, BOT = Subject("wallet", "acme"), Subject("key", "acme", "bot")
HOURS = [NOW + timedelta(hours=number) for number in range(30)]


def taken(burns: Runways, found: CheckReport, now: datetime, *, is_partial: bool = False) -> Readings:
    """Take in a report."""
    readings = read_subjects(found)
    burns.take(readings, now, is_partial=is_partial)
    return readings


def known(burns: Runways, found: CheckReport, now: datetime = NOW) -> dict[Subject, Runway]:
    """Tell what is known of a report."""
    return burns.known(found, read_subjects(found).readings, now)


def falling(burns: Runways, times: Iterable[datetime], left: int = 90) -> CheckReport:
    """Take in a wallet that loses a dollar with each look."""
    found = report(str(left))
    for number, now in enumerate(times):
        found = report(str(left - number))
        taken(burns, found, now)
    return found


def test_readings_tell_how_long_a_wallet_lasts() -> None:
    """After a day of readings, the runway is that of the history."""
    burns = Runways()
    found = falling(burns, HOURS[:25])

    runway = known(burns, found, HOURS[24])[WALLET]

    assert (runway.verdict, runway.basis, runway.per_day) == ("runs_out", "history", 24)


def test_counters_tell_it_before() -> None:
    """As long as too little was seen, the counters of a key tell how long its limit lasts."""
    burns = Runways()
    found = report("90", {"bot": allowance("20", usage_daily=Decimal(5))})
    taken(burns, found, NOW)

    runway = known(burns, found)[BOT]

    assert (runway.verdict, runway.basis) == ("runs_out", "counters")


def test_the_counters_of_all_keys_tell_it_of_a_wallet() -> None:
    """The report of a whole account has a runway for its wallet at the first look."""
    burns = Runways()
    found = listed("90", managed("a", usage_daily=Decimal(5)), managed("b", usage_daily=Decimal(8)))
    taken(burns, found, NOW)

    runway = known(burns, found)[WALLET]

    assert (runway.verdict, runway.basis) == ("runs_out", "counters")


def test_what_no_counter_tells_is_accumulating() -> None:
    """Of a budget there are no counters; so its runway needs readings."""
    burns = Runways()
    shared = budget("workspace", "5")
    found = report("90", {"bot": allowance(budgets=(evolve(shared, spend_usd=Decimal(1)),))})
    readings = taken(burns, found, NOW).readings

    runways = known(burns, found)

    (subject,) = [reading.subject for reading in readings if reading.subject.kind == "budget"]
    assert runways[subject].verdict == "accumulating"
    assert BOT not in runways  # which has no limit


@pytest.mark.parametrize("reading", [Reading(WALLET, Decimal(1)), Reading(WALLET, is_read=False)])
def test_a_subject_without_readings_has_no_runway(reading: Reading) -> None:
    """What was not read, or not in a report, has no runway."""
    burns = Runways()
    burns.take(Readings((reading,), True, False, False), NOW, is_partial=False)

    assert burns.recent([reading], NOW) == {}
    assert burns.known(CheckReport(()), [reading], NOW) == {}


def test_a_history_is_where_it_begins() -> None:
    """Readings of a history count as if they had been seen."""
    burns = Runways()
    burns.seed({WALLET: [(now, Decimal(number)) for number, now in enumerate(HOURS[:24])]})

    found = report(purse("76"))
    taken(burns, found, HOURS[24])

    assert known(burns, found, HOURS[24])[WALLET].per_day == 24


def test_another_counter_in_a_history_is_no_rise() -> None:
    """Where a history says that another counter begins, a rise is not spent."""
    burns = Runways()
    row = [(now, Decimal(0)) for now in HOURS[:12]]
    burns.seed({WALLET: [*row, (HOURS[12], None), *((now, Decimal(50)) for now in HOURS[12:25])]})

    found = report(purse("50"))

    assert known(burns, found, HOURS[24])[WALLET].verdict == "idle"


def test_a_key_that_was_made_again_has_another_counter() -> None:
    """A key with another mask under the same name has not spent what the former one had not."""
    burns = Runways()
    old = report("90", {"bot": allowance("20", usage=Decimal(1))})
    new = report("90", {"bot": allowance("20", usage=Decimal(9))}, masks={"bot": "sk-or-v1-new...new"})
    for now in HOURS[:12]:
        taken(burns, old, now)
    for now in HOURS[12:25]:
        taken(burns, new, now)

    assert known(burns, new, HOURS[24])[BOT].verdict == "idle"


def test_the_last_hours_alone_are_told_to_the_alarm() -> None:
    """The runway that an alarm is given is that of the last hour and the last six."""
    burns = Runways()
    times = [NOW + timedelta(minutes=5 * number) for number in range(80)]
    found = falling(burns, times)

    recent = burns.recent(read_subjects(found).readings, times[-1])

    assert recent[WALLET].verdict == "runs_out"
    assert list(recent) == [WALLET]  # the key has no limit


def test_what_is_gone_is_forgotten() -> None:
    """A subject that a complete report does not have any more is forgotten; it is not after a partial one."""
    burns = Runways()
    both = listed("90", managed("a", "5"), managed("b", "5"))
    one = listed("90", managed("a", "5"))
    taken(burns, both, NOW)

    taken(burns, one, NOW, is_partial=True)
    assert len(burns.recent(read_subjects(both).readings, NOW)) == 3
    taken(burns, one, NOW)
    assert len(burns.recent(read_subjects(both).readings, NOW)) == 2


def test_a_budget_that_one_look_cannot_read_is_not_forgotten() -> None:
    """The readings of a budget count on after a look in which the budgets of its keys were not read."""
    burns, shared = Runways(), budget("workspace", "50")
    hidden = report("90", {"bot": allowance(budgets=None, unread=("budgets",))})
    for number, now in enumerate(HOURS[:13]):
        spent = evolve(shared, spend_usd=Decimal(number), remaining_usd=Decimal(50 - number))
        found = report("90", {"bot": allowance(budgets=(spent,))})
        taken(burns, hidden if number == 11 else found, now)

    (subject,) = [each for each in known(burns, found) if each.kind == "budget"]

    assert known(burns, found, HOURS[12])[subject].per_day == 24
