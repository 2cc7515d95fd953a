"""Blindness: it speaks once, for its cause, and ends with the first look that reads again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from openrouter_credits import Level
from tests.kit.looks import (
    ACME,
    NOTHING,
    START,
    TEAM,
    Story,
    budget,
    hidden,
    key,
    refused,
    unread,
    wallet,
)
from tests.kit.values import DOWN, FORBIDDEN, UNAUTHORIZED

if TYPE_CHECKING:
    from collections.abc import Callable

    from openrouter_credits.history import Reading

RICH, BOT = wallet(90), key(50, under=(ACME,))


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([5, 5], []),
        ([5, 5, 4.9], []),
        ([5, 5, 5], ["stale"]),
        ([20], []),
        ([20, 20], []),
        ([20, 20, 20], ["stale"]),
        ([1] * 14, []),
        ([1] * 15, ["stale"]),
        ([5] * 50, ["stale"]),
        ([480, 5], []),
    ],
)
def test_blindness_speaks_after_three_looks_and_15_minutes(
    story: Story, minutes: list[float], expected: list[str]
) -> None:
    """A subject is stale after three failed looks in a row and 15 minutes without a good one, once."""
    story.look(RICH, key(50))

    assert expected == [kind for after in minutes for kind in story.look(unread(RICH), key(50), after=after)]


def test_close_looks_count_once(told: Callable[..., Story]) -> None:
    """Failed looks within `spacing` count as one, so that an impatient caller is not blind sooner."""
    story = told(spacing=150)
    story.look(RICH, key(50))

    assert [] == story.looks(unread(RICH), key(50), count=4, after=1)
    assert ["stale"] == story.looks(unread(RICH), key(50), count=2, after=6)


def test_stale_after_is_as_the_caller_wants_it(told: Callable[..., Story]) -> None:
    """With `stale_after=1`, 15 minutes are enough."""
    story = told(stale_after=1)
    story.look(RICH, key(50))

    assert ["stale"] == story.look(unread(RICH), key(50), after=15)


def test_stale_and_fresh(story: Story, described: list[dict[str, Any]]) -> None:
    """`stale` tells since when, why and the last known amount; `fresh` how long, before any other event."""
    story.look(wallet(9, "a", "b"), key(50))

    said = story.looks(unread(wallet(9, "a", "b")), key(50), count=4)
    said += story.look(wallet(4, "a", "b"), key(50))

    assert ["stale", "fresh", "critical"] == said
    low, stale, fresh, critical = story.events
    assert (Level.UNKNOWN, Level.LOW, None) == (stale.level, stale.previous, stale.amount)
    assert (Level.LOW, Level.UNKNOWN, "4") == (fresh.level, fresh.previous, str(fresh.amount))
    assert (Level.CRITICAL, Level.LOW) == (critical.level, critical.previous)
    assert ("a", "b") == stale.keys
    assert low.since < stale.since < fresh.since < critical.since
    assert timedelta(microseconds=1) == stale.since - low.at
    told = described[1]
    assert ("9", timedelta(minutes=15), DOWN) == (
        str(told["reading"].remaining),
        told["lasted"],
        told["error"],
    )
    assert timedelta(minutes=25) == described[2]["lasted"]


def test_a_host_that_is_dead_for_an_hour(story: Story) -> None:
    """Nothing is read for an hour: one event of the host, and one when it is back."""
    story.look(RICH, BOT)

    said = story.looks(unread(RICH), unread(BOT), count=12)
    said += story.look(RICH, BOT)

    assert ["stale openrouter", "fresh openrouter"] == said
    stale, fresh = story.events
    assert (Level.UNKNOWN, Level.OK, None, None) == (
        stale.level,
        stale.previous,
        stale.amount,
        stale.bound_by,
    )
    assert (Level.OK, Level.UNKNOWN) == (fresh.level, fresh.previous)
    assert ("bot",) == stale.keys == fresh.keys
    assert START + timedelta(minutes=5) == stale.since


def test_looks_that_fail_as_a_whole(story: Story, described: list[dict[str, Any]]) -> None:
    """A look that raised is a failed look of the host, whatever it raised."""
    story.look(RICH, BOT)

    assert ["stale openrouter"] == story.looks(count=3, error=ZeroDivisionError("an error of the caller"))
    assert {"wallet:acme": "UNKNOWN", "key:acme/bot": "UNKNOWN"} == story.levels
    assert ["an error of the caller"] == [str(facts["error"]) for facts in described]


def test_a_host_that_never_answers(story: Story) -> None:
    """The first look counts as the last good one while nothing was ever read."""
    assert ["stale openrouter"] == story.looks(unread(RICH), unread(BOT), count=4)
    assert {"wallet:acme": "UNKNOWN", "key:acme/bot": "UNKNOWN"} == story.levels
    assert ["fresh openrouter", "low"] == story.look(wallet(9), BOT)


def test_who_is_still_unread_when_the_host_is_back(story: Story) -> None:
    """While the host is stale it alone speaks; who is unread even then speaks after it."""
    story.look(RICH, key(50))

    assert ["stale openrouter"] == story.looks(unread(RICH), unread(key(50)), count=4)
    assert ["fresh openrouter", "stale key:acme/bot"] == story.look(RICH, unread(key(50)))
    assert ["fresh key:acme/bot"] == story.look(RICH, key(50))


def test_a_wallet_speaks_for_its_keys(story: Story) -> None:
    """If a wallet and keys under it are unread, the wallet's event names them; one left over speaks next."""
    other = key(60, name="other", under=(ACME,))
    ours = wallet(90, "bot", "other")
    apart = evolve(key(70, name="apart"))
    story.look(ours, BOT, other, apart)

    assert ["stale"] == story.looks(unread(ours), unread(BOT), unread(other), apart, count=4)
    assert ("bot", "other") == story.events[-1].keys
    assert ["fresh", "stale key:acme/bot"] == story.look(ours, unread(BOT), other, apart)


def test_a_budget_speaks_for_its_keys(story: Story) -> None:
    """If all keys of a budget are unread, the budget speaks for them; of two budgets one does."""
    monthly = budget(80, "bot", "other", name="monthly")
    daily = budget(80, "bot", "other", name="daily")
    keys = [key(85, name=name, under=(monthly.subject, daily.subject)) for name in ("bot", "other")]
    apart = key(70, name="apart")
    story.look(monthly, daily, *keys, apart)

    said = story.looks(*map(unread, keys), apart, count=4, is_complete=False)

    assert ["stale budget:acme/monthly"] == said
    assert ["fresh budget:acme/monthly"] == story.look(monthly, daily, *keys, apart)


def test_a_budget_that_is_unread_alone(story: Story) -> None:
    """A budget whose keys are read may be unread; it speaks, unless no key shares it any more."""
    team, bot = budget(40, "bot"), key(50, under=(TEAM,))
    story.look(team, bot)

    assert ["stale budget:acme/team"] == story.looks(unread(team), bot, count=3)
    assert [] == story.looks(unread(budget(40, name="empty")), bot, budget(40, "bot"), count=9)[1:]


def test_covered_keys_are_silent(story: Story) -> None:
    """A key with no limit, or under a lower wallet, says nothing of its own blindness; others do."""
    free, rich = key(name="free", under=(ACME,)), key(500, 500, name="rich", under=(ACME,))
    story.look(RICH, BOT, free, rich)

    assert ["stale key:acme/bot"] == story.looks(RICH, unread(BOT), unread(free), unread(rich), count=9)


def test_a_key_that_was_never_read_is_stale(story: Story) -> None:
    """A key that fails from the first look on is stale 15 minutes later, and may be read after all."""
    said = story.looks(RICH, unread(BOT), count=4)

    assert ["stale key:acme/bot"] == said
    assert (Level.UNKNOWN, Level.UNKNOWN) == (story.events[0].level, story.events[0].previous)
    assert ["fresh key:acme/bot", "low key:acme/bot"] == story.look(RICH, key(9, 20))
    assert (Level.LOW, Level.UNKNOWN) == (story.events[1].level, story.events[1].previous)


@pytest.mark.parametrize("after", [RICH, wallet(9)])
def test_out_of_sight_is_not_stale(story: Story, after: Reading) -> None:
    """What may not be read is never stale, also if a look fails otherwise; once read, it is watched."""
    said = story.looks(hidden(RICH), BOT, count=4)
    assert (["wallet:acme"], {"key:acme/bot": "OK"}) == (story.unwatched, story.levels)
    said += story.looks(unread(RICH), BOT, count=4)
    assert ["wallet:acme"] == story.unwatched
    assert [] == said

    story.look(after, BOT)

    assert [] == story.unwatched
    assert ["stale"] == story.looks(hidden(RICH), BOT, count=4)


def test_a_management_key_that_loses_its_right(story: Story) -> None:
    """A 403 after good looks is blindness like any other: the wallet is stale, not out of sight."""
    story.look(RICH, BOT)

    assert ["stale"] == story.looks(hidden(RICH), BOT, count=4)
    assert [] == story.unwatched
    assert ["fresh"] == story.look(RICH, BOT)


def test_all_is_out_of_sight() -> None:
    """A look at which nothing may be read is no failed look of the host; an empty one is."""
    story = Story()
    assert [] == story.looks(hidden(RICH), count=9)
    assert ["wallet:acme"] == story.unwatched
    assert ["stale openrouter"] == story.looks(count=4)
    assert ["wallet:acme"] == story.unwatched
    assert ["fresh openrouter"] == story.look(hidden(RICH), BOT)


def test_a_wallet_that_refused_keys_cannot_read(story: Story) -> None:
    """A wallet that nobody reads since its key is refused has no event of its own."""
    blocked = unread(RICH, error=UNAUTHORIZED)
    story.look(RICH, BOT)

    said = story.looks(blocked, refused(), count=9)
    assert {"wallet:acme": "UNKNOWN", "key:acme/bot": "INVALID"} == story.levels
    said += story.look(RICH, BOT)

    assert ["invalid key:acme/bot", "recovered key:acme/bot"] == said


def test_a_wallet_that_is_silent_names_nobody(story: Story) -> None:
    """A wallet that failed before its key was refused does not speak for the other keys any more."""
    refusing, other = unread(RICH, error=UNAUTHORIZED), key(60, name="other", under=(ACME,))
    story.look(RICH, BOT, other, key(70, name="apart"))
    story.look(unread(RICH), unread(BOT), unread(other), key(70, name="apart"))

    said = story.looks(refusing, refused(under=(ACME,)), unread(other), key(70, name="apart"), count=4)

    assert ["invalid key:acme/bot", "stale key:acme/other"] == said


def test_a_budget_of_refused_keys(story: Story) -> None:
    """A budget that nobody reads since its keys are refused has no event of its own."""
    team, bot, other = budget(80, "bot"), key(50, under=(TEAM,)), key(40, name="other")
    story.look(team, bot, other)

    assert ["invalid key:acme/bot"] == story.looks(refused(), other, count=9, is_complete=False)


def test_a_refusal_ends_blindness(story: Story) -> None:
    """A key that is invalid is not stale any more, and is read again without `fresh`."""
    story.look(RICH, BOT)
    story.looks(RICH, unread(BOT), count=4)

    said = story.looks(RICH, refused(), count=3)
    said += story.looks(RICH, BOT, count=2)

    assert ["invalid key:acme/bot", "recovered key:acme/bot"] == said


def test_one_refusal_hides_no_blindness(story: Story) -> None:
    """A key that was refused once, and is unread from then on, is stale."""
    story.look(RICH, BOT)
    story.look(RICH, refused())

    assert ["stale key:acme/bot"] == story.looks(RICH, unread(BOT), count=4)


def test_a_disabled_key_was_read(story: Story) -> None:
    """A key that is found disabled is read again: `fresh`, then `invalid`."""
    story.look(RICH, BOT)
    story.looks(RICH, unread(BOT), count=4)

    assert ["fresh key:acme/bot", "invalid key:acme/bot"] == story.look(RICH, key(50, stop="disabled"))
    assert Level.OK is story.events[-2].level


def test_missing_subjects(story: Story) -> None:
    """What is missing from a complete report is gone, and silent; from any other it is unread."""
    other = key(60, name="other")
    story.look(RICH, BOT, other)

    assert [] == story.looks(RICH, BOT, count=9)
    assert {"wallet:acme": "OK", "key:acme/bot": "OK"} == story.levels
    assert ["stale key:acme/bot"] == story.looks(RICH, count=9, is_complete=False)
    assert ("bot",) == story.events[-1].keys


def test_a_subject_that_is_gone_for_a_while(story: Story) -> None:
    """A subject that was gone for less than a day goes on as it stood; after a day it is new."""
    story.look(RICH, key(9, 20))

    assert [] == story.looks(RICH, count=3, after=400)
    assert [] == story.look(RICH, key(9, 20))
    assert [] == story.looks(RICH, count=4, after=480)
    assert ["low key:acme/bot"] == story.look(RICH, key(9, 20))


def test_a_laptop_that_slept(story: Story) -> None:
    """After eight hours of sleep one good look says nothing, and neither does one that fails."""
    story.look(RICH, BOT)

    assert [] == story.look(RICH, BOT, after=480)
    assert [] == story.look(unread(RICH), unread(BOT), after=480)
    assert [] == story.look(RICH, BOT)


def test_gaps_of_a_day(story: Story) -> None:
    """Looks a day apart judge amounts as ever; three failed ones are blindness."""
    story.look(RICH, BOT)

    said = [kind for amount in (9, 9, 12, 12) for kind in story.look(wallet(amount), BOT, after=1440)]
    said += story.looks(unread(RICH), unread(BOT), count=3, after=1440)

    assert ["low", "recovered", "stale openrouter"] == said


@pytest.mark.parametrize("jump", [-60, 60])
def test_a_wall_clock_that_is_set(story: Story, jump: float) -> None:
    """A clock that is set back or forward an hour says nothing by itself, and blindness lasts as long."""
    story.look(RICH, BOT)

    assert [] == story.look(RICH, BOT, after=jump)
    assert [] == story.looks(unread(RICH), BOT, count=2)
    assert ["stale"] == story.looks(unread(RICH), BOT, count=2)


def test_a_wall_clock_set_back_while_blind(story: Story) -> None:
    """Blindness is not shorter for a clock that is set back: the time until then still counts."""
    story.look(RICH, BOT)
    story.looks(unread(RICH), BOT, count=2)

    assert [] == story.look(unread(RICH), BOT, after=-60)
    assert ["stale"] == story.look(unread(RICH), BOT)


def test_looks_at_some_subjects() -> None:
    """A look at some subjects alone says nothing of the others, and keeps their levels."""
    story = Story()
    other, poor = key(60, name="other"), key(4, 20, name="poor")
    story.look(RICH, BOT, other, poor)
    story.look(hidden(budget(5, "x", name="secret")), is_partial=True)

    said = story.looks(unread(poor), is_partial=True, count=2)
    said += story.looks(unread(poor), other, is_partial=True, count=2)

    assert ["stale key:acme/poor"] == said
    assert {"key:acme/poor": "UNKNOWN", "key:acme/bot": "OK"}.items() <= story.levels.items()
    assert ["budget:acme/secret"] == story.unwatched
    assert ["fresh key:acme/poor"] == story.look(poor, is_partial=True)
    assert ["stale openrouter"] == story.looks(unread(poor), is_partial=True, count=3)
    assert {"key:acme/bot": "OK"}.items() <= story.levels.items()


def test_looks_at_a_part_of_the_keys(story: Story) -> None:
    """A look at one key alone still names all keys that share the wallet, in every event of it."""
    ours, part, new = wallet(90, "a", "b"), wallet(9, "a"), budget(9, "a", name="new")
    story.look(ours, key(95, name="a"), key(95, name="b"))

    said = story.look(part, new, is_partial=True)
    said += story.looks(unread(part), count=4, is_partial=True)

    assert ["low", "low budget:acme/new", "stale openrouter"] == said
    assert [("a", "b"), ("a",), ("a", "b")] == [event.keys for event in story.events]


def test_reasons_of_a_host(story: Story, described: list[dict[str, Any]]) -> None:
    """The host's event tells the first reason that is known."""
    story.look(RICH, BOT)

    story.looks(unread(RICH, error=None), unread(BOT, error=FORBIDDEN), count=4)

    assert [FORBIDDEN] == [facts["error"] for facts in described]


def test_nothing_is_known_of_a_host() -> None:
    """A first look that failed as a whole knows no subjects."""
    story = Story()

    assert ["stale openrouter"] == [kind for _ in range(4) for kind in story.take(NOTHING)]
    assert ({}, [], ()) == (story.levels, story.unwatched, story.events[0].keys)
