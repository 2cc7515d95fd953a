"""Levels: down at once, up slowly; what is proven, what is known already, what is repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import Level
from tests.kit.looks import START, Story, budget, hidden, key, refused, unread, wallet
from tests.kit.values import HARSH

if TYPE_CHECKING:
    from collections.abc import Callable

NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2027, 2, 1, tzinfo=UTC)

DAY = 1440
"""In minutes."""


def test_the_wallet_of_three_keys(story: Story) -> None:
    """A wallet falls, flaps, is filled up a little, is overdrawn, is lost from sight and is filled up."""
    shared = ("a", "b", "c")

    said = story.look(wallet(30, *shared))
    said += story.look(wallet("9.90", *shared))
    for cents in range(10):
        said += story.look(wallet("11.80", *shared, bought=102 + cents))
        said += story.look(wallet("9.90", *shared, bought=102 + cents))
    said += story.look(wallet("4.80", *shared, bought=112))
    said += story.looks(wallet("7.80", *shared, bought=115), count=3)
    said += story.look(wallet("-1.20", *shared, bought=115))
    said += story.looks(wallet("-1.20", *shared, bought=115), count=289)
    said += story.looks(count=5)
    said += story.look(wallet("-1.20", *shared, bought=115))
    said += story.look(wallet("38.80", *shared, bought=155))

    on_host = ["stale openrouter", "fresh openrouter"]
    assert ["low", "critical", "depleted", "depleted", *on_host, "recovered"] == said
    assert {shared} == {event.keys for event in story.events}
    assert [
        (Level.LOW, Level.OK, "9.90", "10"),
        (Level.CRITICAL, Level.LOW, "4.80", "5.0"),
        (Level.DEPLETED, Level.LOW, "-1.20", "0"),
        (Level.DEPLETED, Level.DEPLETED, "-1.20", "0"),
        (Level.UNKNOWN, Level.OK, "None", "None"),
        (Level.OK, Level.UNKNOWN, "None", "None"),
        (Level.OK, Level.DEPLETED, "38.80", "10"),
    ] == [(event.level, event.previous, str(event.amount), str(event.threshold)) for event in story.events]


FALLS = [
    # what the wallet holds at each look; what is said
    ("30 9.99", "low"),
    ("30 10", ""),
    ("30 4.99", "critical"),
    ("30 5", "low"),
    ("30 0", "depleted"),
    ("30 0.01", "critical"),
    ("9 4 -1", "low critical depleted"),
    ("4 9 9 4", "critical critical"),
    ("9 10 11.99 10 9", "low"),
    ("9 12 9 12 9", "low"),
    ("9 12 12", "low recovered"),
    ("9 12 11 12 12", "low recovered"),
    ("4 6 6 4", "critical critical"),
    ("4 5.99 5.99 4", "critical"),
    ("4 12 12", "critical recovered"),
    ("-1 1 1 5.99 -1", "depleted"),
    ("-1 6 6 4", "depleted critical"),
    ("-1 6 6 12 12", "depleted recovered"),
]


@pytest.mark.parametrize(("amounts", "expected"), FALLS)
def test_down_at_once_up_slowly(story: Story, amounts: str, expected: str) -> None:
    """A worse level speaks at the first look; enough on two looks ends it, and only OK speaks then."""
    said = [kind for amount in amounts.split() for kind in story.look(wallet(amount))]

    assert expected.split() == said


def test_unread_looks_are_neither_good_nor_bad(story: Story) -> None:
    """A look that does not read the wallet neither clears a level nor breaks the row of good looks."""
    said = story.look(wallet(9), key(50))
    said += story.look(wallet(12), key(50))
    said += story.look(unread(wallet(12)), key(50))
    said += story.look(wallet(12), key(50))

    assert ["low", "recovered"] == said


def test_close_looks_count_once(told: Callable[..., Story]) -> None:
    """Looks within `spacing` count once for recovery, but a worse level speaks at any of them."""
    story = told(spacing=150)

    said = story.look(wallet(9))
    said += story.looks(wallet(12), count=3, after=1)
    said += story.look(wallet(4), after=1)

    assert ["low", "critical"] == said
    assert ["recovered"] == story.look(wallet(12)) + story.look(wallet(12), after=2.5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "low recovered"),
        ({"rearm": 1}, "low recovered"),
        ({"rearm": 1.5}, "low"),
        ({"clear_after": 3}, "low"),
        ({"warn": 4}, ""),
        ({"warn": 30, "critical": 9.5}, "critical"),
    ],
)
def test_options_of_a_level(told: Callable[..., Story], options: dict[str, Any], expected: str) -> None:
    """Thresholds, `rearm` and `clear_after` are as the caller wants them."""
    story = told(**options)

    assert expected.split() == story.look(wallet(9)) + story.looks(wallet(12), count=2)


REFILLS = [
    (wallet(9, bought=100), wallet(12, bought="100.01"), ["recovered"]),
    (wallet(9, bought=100), wallet("11.99", bought=103), []),
    (wallet(9, bought=100), wallet(12, bought=100), []),
    (key(9, 20), key(12, 23), ["recovered key:acme/bot"]),
    (key(9, 20), key(12, 20), []),
    (key(9, 20), key(), ["recovered key:acme/bot"]),
    (key(9, 10), key(10, 10), []),
    (key(9, 20), key(12, 20, label="sk-or-v1-other"), ["recovered key:acme/bot"]),
    (key(9, 20), key(12, 20, label=None), []),
    (key(9, 20, resets_at=DECEMBER), key(12, 20, resets_at=JANUARY), ["recovered key:acme/bot"]),
    (key(9, 20, resets_at=DECEMBER), key(12, 20, resets_at=NOVEMBER), []),
    (key(9, 20), key(12, 20, resets_at=JANUARY), []),
    (budget(9, "a", limit=20), budget(20, "a", limit=40), ["recovered budget:acme/team"]),
]


@pytest.mark.parametrize(("before", "after", "expected"), REFILLS)
def test_a_proven_refill_needs_one_look(story: Story, before: Any, after: Any, expected: list[str]) -> None:
    """Credits bought, a limit raised or gone, a new window, another key: one look with enough is enough."""
    story.look(before)

    assert expected == story.look(after)


def test_a_refill_is_measured_from_the_entry_of_the_level(story: Story) -> None:
    """Credits that show up before the amount does still prove the refill when the amount is there."""
    story.look(wallet(9, bought=100))
    story.look(wallet(9, bought=140))

    assert ["recovered"] == story.look(wallet(49, bought=140))


def test_recovery_tells_how_long_it_lasted_and_what_was_bought(
    story: Story, described: list[dict[str, Any]]
) -> None:
    """`recovered` counts from the first event of the trouble, whatever levels it went through."""
    story.look(wallet(9, bought=100))
    story.look(wallet(4, bought=100))
    story.look(wallet(-1, bought=103))
    story.look(wallet(40, bought=144))
    story.look(key(9, 20), wallet(40, bought=144))
    story.look(key(40, 60), wallet(50, bought=144))

    assert [(None, None), (None, None), (None, None), (timedelta(minutes=15), Decimal(44))] == [
        (facts["lasted"], facts["bought"]) for facts in described[:4]
    ]
    assert (timedelta(minutes=5), None) == (described[5]["lasted"], described[5]["bought"])


def test_nothing_bought_is_not_told(story: Story, described: list[dict[str, Any]]) -> None:
    """A wallet that recovers without a purchase, or whose purchases are not known, tells of none."""
    story.look(wallet(9))
    story.looks(wallet(12), count=2)

    assert [None, None] == [facts["bought"] for facts in described]


FIRST_LOOKS = [
    (wallet(30), []),
    (wallet(9), ["low"]),
    (wallet(9, bought=9), ["low"]),
    (wallet(0, bought=0), ["depleted"]),
    (key(9, 20), ["low key:acme/bot"]),
    (key(9, 9), []),
    (key(9, 8), []),
    (key(0, 0), []),
    (key(4, 9), ["critical key:acme/bot"]),
    (key(), []),
    (budget(9, "a", limit=9), []),
    (budget(4, "a", limit=9), ["critical budget:acme/team"]),
    (key(9, 20, stop="disabled"), []),
    (key(9, 20, stop="expired"), []),
    (key(9, 20, stop="no_region"), ["invalid key:acme/bot"]),
    (refused(), []),
]


@pytest.mark.parametrize(("reading", "expected"), FIRST_LOOKS)
def test_first_look(story: Story, reading: Any, expected: list[str]) -> None:
    """At a first look bad levels speak; a full limit and a key that is already disabled or expired do not."""
    assert expected == story.look(reading)
    assert [Level.UNKNOWN] * len(expected) == [event.previous for event in story.events]


def test_quiet_levels_are_left_quietly(story: Story) -> None:
    """Nothing recovers of which nothing was said, and what was quiet is not repeated."""
    said = story.look(key(0, 0), key(9, 20, name="off", stop="disabled"), key(8, 8, name="small"))
    for _ in range(3):
        said += story.look(
            key(0, 0), key(9, 20, name="off", stop="disabled"), key(8, 8, name="small"), after=DAY
        )
    said += story.looks(key(50, 50), key(15, 20, name="off"), key(50, 50, name="small"), count=2)

    assert [] == said


def test_a_worse_level_than_a_quiet_one_speaks(story: Story) -> None:
    """A small limit that was full is LOW in silence; below the critical threshold it speaks."""
    story.look(key(8, 8))

    assert ["critical key:acme/bot"] == story.look(key(4, 8))
    assert [Level.LOW] == [event.previous for event in story.events]
    assert ["recovered key:acme/bot"] == story.look(key(50, 50))


def test_a_key_that_was_off_is_looked_at_for_the_first_time(story: Story) -> None:
    """The amount of a key that was disabled all the time is new when it is enabled."""
    story.look(key(4, 20, stop="disabled"))

    assert ["critical key:acme/bot"] == story.look(key(4, 20))


def test_a_limit_that_is_new_may_be_full(story: Story) -> None:
    """A small limit on a key that had none is full, and says nothing; one that is spent does."""
    story.look(key(), key(name="other"))

    assert ["critical key:acme/other"] == story.look(key(8, 8), key(4, 8, name="other"))


def test_three_months_of_an_ordinary_key(told: Callable[..., Story]) -> None:
    """A key that may not see its wallet says `low` each month, and each reset ends that at once."""
    story = told(start=NOVEMBER)
    blind = hidden(wallet(90))

    months = []
    for reset in (DECEMBER, JANUARY, FEBRUARY):
        said = []
        for left in (50, 40, 25, 12, "9.5", 7, 6):
            said += story.look(blind, key(left, 50, resets_at=reset), after=4 * DAY)
        months.append(said)

    low, recovered = "low key:acme/bot", "recovered key:acme/bot"
    assert [[low], [recovered, low], [recovered, low]] == months
    assert DECEMBER == story.events[0].resets_at


def test_a_cap_of_10_with_7_spent_a_month(told: Callable[..., Story]) -> None:
    """A cap of $10 says `low` at the first dollar, `critical` below $5, and recovers at the reset."""
    story = told(start=NOVEMBER)

    months = []
    for reset in (DECEMBER, JANUARY):
        said = []
        for left in (10, "9.9", 8, 6, "4.9", 4, 3):
            said += story.look(key(left, 10, resets_at=reset), after=4 * DAY)
        months.append([kind.split()[0] for kind in said])

    assert [["low", "critical"], ["recovered", "low", "critical"]] == months


SMALL_CAPS = [
    # the limit; what is left of it from look to look, a day's behind "|"; what is said
    (11, "9.9 9 | 10.97 10.5 9.9 | 10.97 9.9", "low low low"),
    (11, "9.9 | 10.97 | 11 10", "low recovered"),
    (11, "9.9 | 10.97 4 | 10.97", "low critical recovered"),
    (3, "1 0 | 2.97 1 0 0 | 2.97 0", "critical depleted depleted depleted"),
    (3, "1 0 | 0 2.97 0 | 0 0", "critical depleted depleted"),
    (5.5, "4.9 | 5.4 4.9 5.4 4.9", "critical critical"),
]


@pytest.mark.parametrize(("limit", "amounts", "expected"), SMALL_CAPS)
def test_a_new_window_is_told_anew(story: Story, limit: float, amounts: str, expected: str) -> None:
    """A reset of which a bit was used before the next look ends no level, but levels speak again in it."""
    said, reset = [], DECEMBER
    for day in amounts.split(" | "):
        for left in day.split():
            said += story.look(key(left, limit, resets_at=reset))
        reset += timedelta(days=1)

    assert expected.split() == [kind.split()[0] for kind in said]
    assert not [event for event in story.events if event.level is event.previous]


def test_a_key_made_anew_may_have_a_small_limit(story: Story) -> None:
    """A key that was made anew is looked at for the first time: a limit that is full says nothing."""
    story.look(key(30, 40, label="one"), key(30, 40, name="other", label="one"))

    said = story.look(key(8, 8, label="two"), key(7, 8, name="other", label="two"))
    assert ["low key:acme/other"] == said


def test_counters_decide_nothing(story: Story) -> None:
    """Own providers' use, a counter that falls or is not known: levels are of amounts alone."""
    said = [
        kind
        for used in ("100", "500", "3", None, "4")
        for kind in story.look(key(50, used=None if used is None else Decimal(used)))
    ]

    assert [] == said


def test_a_key_that_was_made_anew_under_its_name(story: Story) -> None:
    """A key that was deleted, and made anew under its name, is good again when it is read."""
    story.look(key(4, 20, label="one"))
    said = story.looks(refused(label="one"), count=2)
    said += story.look(key(20, 20, label="two"))

    assert ["invalid key:acme/bot", "recovered key:acme/bot"] == said


def test_a_reset_whose_amount_is_a_minute_late(story: Story) -> None:
    """At 00:00 UTC the window is new, but upstream may tell the old amount for a minute."""
    story.look(key(3, 50, resets_at=DECEMBER))

    assert [] == story.look(key(3, 50, resets_at=JANUARY), after=0.5)
    assert ["recovered key:acme/bot"] == story.look(key(50, 50, resets_at=JANUARY), after=1)


def test_reminders(told: Callable[..., Story]) -> None:
    """DEPLETED and INVALID are said again each day, at a look that shows that they still hold."""
    story = told(refused_after=1)
    empty, low, off = wallet(0, "a"), wallet(9), key(50, 60, name="off")

    said = story.look(empty, off)
    said += story.look(empty, refused("off"))
    for _ in range(3):
        said += story.look(empty, refused("off"), after=DAY / 2)
    said += story.look(unread(low), unread(off), after=DAY / 2)
    said += story.look(empty, refused("off"))
    said += story.look(wallet(1, "a"), refused("off"), after=DAY)
    said += story.look(low, off)

    invalid = "invalid key:acme/off"
    assert [
        "depleted",
        invalid,
        "depleted",
        invalid,
        "depleted",
        invalid,
        invalid,
        "recovered key:acme/off",
    ] == said
    depleted = [event for event in story.events if event.kind == "depleted"]
    assert 1 == len({event.since for event in depleted})
    assert 3 == len({event.id for event in depleted})


def test_low_and_critical_are_not_repeated(story: Story) -> None:
    """Levels at which money is left are said once."""
    story.look(wallet(9), key(4, 20, name="poor"))

    assert [] == story.looks(wallet(9), key(4, 20, name="poor"), count=5, after=DAY)


def test_depleted_after_invalid_is_repeated(told: Callable[..., Story]) -> None:
    """A key that was invalid and is empty now is better and silent, but it is said the next day."""
    story = told(refused_after=1)
    story.look(refused())

    assert [] == story.look(key(0, 20))
    assert ["depleted key:acme/bot"] == story.look(key(0, 20), after=DAY)


def test_refusals(story: Story) -> None:
    """A 401 is INVALID at the second look in a row; unread looks are not in the row, good ones end it."""
    good, no = key(50), refused()
    said = story.look(good)
    said += story.look(no, after=1) + story.look(good, after=1)
    said += story.look(no, after=1)
    assert {"key:acme/bot": "UNKNOWN"} == story.levels
    said += story.look(unread(good), wallet(90), after=1)
    assert [] == said

    assert ["invalid key:acme/bot"] == story.look(no, after=1)
    assert "refused" == story.events[-1].bound_by
    assert None is story.events[-1].threshold
    assert (Level.INVALID, Level.OK) == (story.events[-1].level, story.events[-1].previous)
    assert [] == story.looks(no, count=5)
    assert ["recovered key:acme/bot"] == story.look(good)
    assert None is story.events[-1].threshold


@pytest.mark.parametrize(("seconds", "expected"), [(1, []), (29, []), (60, ["invalid key:acme/bot"])])
def test_refusals_at_the_same_time(told: Callable[..., Story], seconds: float, expected: list[str]) -> None:
    """Two watchers that are refused at the same time are one refusal; one a minute later is another."""
    story = told(spacing=150)
    story.look(refused())

    assert expected == story.look(refused(), after=seconds / 60)


def test_once_a_refusal_is_enough(told: Callable[..., Story]) -> None:
    """With `refused_after=1`, as a single look has it, a key is invalid at the first 401."""
    story = told(refused_after=1)

    assert ["invalid key:acme/bot"] == story.look(refused())
    assert ["critical key:acme/new", "recovered key:acme/bot"] == sorted(
        story.look(key(50), key(4, name="new"))
    )


def test_levels(story: Story) -> None:
    """`levels` has the level of each subject after the last look."""
    levels = []
    for reading in (wallet(30), wallet(9), wallet(11), unread(wallet(9)), wallet(12), wallet(12)):
        story.look(reading, key(50))
        levels.append(story.levels["wallet:acme"])

    assert ["OK", "LOW", "LOW", "UNKNOWN", "LOW", "OK"] == levels
    assert "OK" == story.levels["key:acme/bot"]


def test_amounts_are_exact_in_any_context(story: Story) -> None:
    """The process's own decimal context changes neither thresholds nor what was bought."""
    with localcontext(HARSH):
        said = story.look(wallet("9.99999999", bought="100.00000001"))
        said += story.look(wallet("11.9999999999999", bought="140.00000002"))
        said += story.look(wallet("12.0", bought="140.00000002"))

    assert ["low", "recovered"] == said


def test_moments_of_events(story: Story) -> None:
    """An event tells when it was said and since when it is so; `since` of a subject's events rises."""
    story.look(wallet(9))
    story.look(wallet(4))

    assert [START + timedelta(minutes=5), START + timedelta(minutes=10)] == [each.at for each in story.events]
    assert [event.at for event in story.events] == [event.since for event in story.events]
