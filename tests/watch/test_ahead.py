"""What is to come: an amount that runs out within a day, and a key that expires."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from openrouter_credits import Level, Runway
from tests.kit.looks import ACME, START, Story, key, refused, unread, wallet

if TYPE_CHECKING:
    from collections.abc import Callable

RICH = wallet(90)


def lasting(hours: float | None, verdict: Any = "runs_out", basis: Any = "history") -> Runway:
    """Make a runway of so many hours from the next look on."""
    end = None if hours is None else timedelta(hours=hours)
    return Runway(verdict, Decimal(10), None if end is None else START + end, None, None, basis)


def looks_with(story: Story, *hours: Any, reading: Any = RICH) -> list[str]:
    """Look every five minutes; each time the amount lasts so many hours, or is of that verdict."""
    said = []
    for each in hours:
        runway = lasting(None, each)
        if not isinstance(each, str):
            end = story.now + timedelta(minutes=5, hours=each)
            runway = Runway("runs_out", Decimal(10), end, None, None, "history")
        said += story.look(reading, runways={reading.subject: runway})
    return [kind.split()[0] for kind in said]


@pytest.mark.parametrize(
    ("hours", "times"),
    [
        ((30, 24, 25), 0),
        ((23.9,), 1),
        ((23, 20, 10, 1), 1),
        ((23, 25, 28, 23), 1),
        ((23, 29, 23), 1),
        ((23, 29, 28, 29, 23), 1),
        ((23, 29, 29, 23), 2),
        ((23, "idle", "idle", 23), 2),
        ((23, "lasts_until_reset", "lasts_until_reset", 23), 2),
        ((23, "accumulating", "accumulating", 23), 1),
        ((23, 29, "accumulating", 29, 23), 2),
        (("accumulating", "idle", "lasts_until_reset"), 0),
    ],
)
def test_running_out_is_said_once(story: Story, hours: tuple[Any, ...], times: int) -> None:
    """It is said below 24 hours; again only after it was over 28.8 hours, or idle, on two looks."""
    assert ["running_out"] * times == looks_with(story, *hours)


def test_running_out_tells_the_runway(story: Story) -> None:
    """The event has level, amount and runway of its look."""
    runway = lasting(5)

    story.look(wallet(9), runways={ACME: runway})

    low, out = story.events
    assert ["low", "running_out"] == [low.kind, out.kind]
    assert (Level.LOW, Level.LOW, Decimal(9), runway) == (out.level, out.previous, out.amount, out.runway)
    assert low.since < out.since


@pytest.mark.parametrize(
    "runway",
    [
        lasting(5, basis="counters"),
        lasting(None),
        lasting(5, verdict="lasts_until_reset"),
        evolve(lasting(5), resets_at=START + timedelta(hours=4)),
        lasting(30),
    ],
)
def test_what_is_not_running_out(story: Story, runway: Runway) -> None:
    """Counters say nothing of the last hours; a reset may come first; a day is long enough."""
    assert [] == story.look(RICH, runways={ACME: runway})


def test_who_does_not_run_out(story: Story) -> None:
    """What is empty, unread, covered, limitless or invalid does not run out."""
    story.look(wallet(-1), key(50, 50, name="b"))
    bots = [
        key(5, 50, name="a", under=(ACME,)),
        unread(key(50, 50, name="b")),
        key(name="c"),
        refused("d"),
    ]
    runways = {reading.subject: lasting(5) for reading in (RICH, *bots)}

    assert [] == story.look(wallet(-1), *bots, runways=runways)


@pytest.mark.parametrize(
    ("refilled", "expected"),
    [
        (wallet(90, bought=200), ["running_out"]),
        (wallet(11, bought=200), []),
        (wallet(90, bought=100), []),
    ],
)
def test_running_out_after_a_refill(story: Story, refilled: Any, expected: list[str]) -> None:
    """A refill that is worth it makes it new; purchases of cents do not."""
    looks_with(story, 20, reading=wallet(12, bought=100))

    assert expected == looks_with(story, 20, 20, reading=refilled)


def test_expiring_at_30_7_and_1(story: Story) -> None:
    """Each threshold is said once, with the time that it stands for."""
    end = START + timedelta(days=40)
    bot = key(50, expires_at=end)

    for _ in range(400):
        story.look(bot, after=144)
    story.look(key(50, expires_at=end, stop="expired"), after=144)

    said = [event for event in story.events if event.kind == "expiring"]
    assert [30, 7, 1] == [(end - event.since).days for event in said]
    assert 3 == len({event.id for event in said})
    assert ["invalid"] == [event.kind for event in story.events[3:]]
    assert (Level.OK, Level.OK, Decimal(50)) == (said[0].level, said[0].previous, said[0].amount)


@pytest.mark.parametrize(
    ("left", "expected"), [(31, []), (30, [30]), (29, [30]), (5, [7]), (0.5, [1]), (0, []), (-3, [])]
)
def test_first_look_says_the_nearest(story: Story, left: float, expected: list[int]) -> None:
    """At a first look the nearest threshold is said alone."""
    end = START + timedelta(minutes=5, days=left)

    story.looks(key(50, expires_at=end), count=2, after=5)

    assert expected == [round((end - event.since) / timedelta(days=1)) for event in story.events]


def test_an_expiry_that_is_moved(story: Story) -> None:
    """A key that is extended is told of anew; so is one that expires sooner than before."""
    said = story.look(key(50, expires_at=START + timedelta(days=5)))
    said += story.look(key(50, expires_at=START + timedelta(days=90)))
    said += story.look(key(50))
    said += story.look(key(50, expires_at=START + timedelta(days=90)))
    assert ["expiring key:acme/bot"] == said

    said = story.look(key(50, expires_at=START + timedelta(days=90)), after=1440 * 84)
    said += story.look(key(50, expires_at=START + timedelta(days=85)))

    assert ["expiring key:acme/bot", "expiring key:acme/bot"] == said


def test_an_expiry_that_is_moved_back(story: Story) -> None:
    """What was said of a moment is not said again when the key is to expire then after all."""
    soon, later = (key(50, expires_at=START + timedelta(days=days)) for days in (5, 20))

    assert ["expiring key:acme/bot"] * 2 == story.look(soon) + story.look(later)
    assert [] == story.look(soon) + story.look(later)


def test_thresholds_of_the_caller(told: Callable[..., Story]) -> None:
    """The days are sorted, and none is a choice as well."""
    three = told(expiring=[1, 14, 3])
    none = told(expiring=())
    soon = key(50, expires_at=START + timedelta(days=2))

    assert ["expiring key:acme/bot"] == three.look(soon)
    assert [3] == [(START + timedelta(days=2) - event.since).days for event in three.events]
    assert [] == none.look(soon)


def test_covered_keys_expire(story: Story) -> None:
    """A key under a lower wallet, or without a limit, expires all the same, unless it is disabled."""
    end: dict[str, Any] = {"expires_at": START + timedelta(days=2), "under": (ACME,)}

    said = story.look(wallet(90), key(name="a", **end), key(95, name="b", **end), key(stop="disabled", **end))

    assert ["expiring key:acme/a", "expiring key:acme/b"] == said


def test_a_clock_set_back_repeats_no_expiry(story: Story) -> None:
    """A threshold is not said again when the wall clock passes it again."""
    bot = key(50, expires_at=START + timedelta(days=1, minutes=2))
    story.look(bot)

    assert [] == story.look(bot, after=-60) + story.looks(bot, count=20)
