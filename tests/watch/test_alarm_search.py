"""What holds of every alarm, whatever it is told: restarts, ids, silence, recovery, blindness."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import Level, Runway
from openrouter_credits.history import OPENROUTER
from openrouter_credits.watch import Alarm
from tests.kit.looks import (
    ACME,
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

if TYPE_CHECKING:
    from openrouter_credits.history import Reading

AMOUNTS = st.sampled_from(["-1", "0", "0.5", "4.99", "5", "6", "9.99", "10", "11.99", "12", "50", "100"])
RESETS = st.sampled_from([None, START, START + timedelta(days=30)])
EXPIRES = st.sampled_from([None, *(START + timedelta(days=days) for days in (1, 6, 20, 40))])
VERDICTS = st.sampled_from(["accumulating", "idle", "lasts_until_reset", "runs_out"])


@frozen
class Look:
    """One look, as it is drawn."""

    minutes: float
    readings: tuple[Reading, ...]
    runway: Any
    is_complete: bool
    is_partial: bool

    def at(self, story: Story) -> list[str]:
        """Take this look, and return what is said."""
        options: dict[str, Any] = {"is_complete": self.is_complete, "is_partial": self.is_partial}
        verdict, hours = self.runway
        end = story.now + timedelta(minutes=self.minutes, hours=hours) if verdict == "runs_out" else None
        lasting = Runway(verdict, None, end, None, None, "history")
        runways = {reading.subject: lasting for reading in self.readings}
        return story.look(*self.readings, after=self.minutes, runways=runways, **options)


def maybe_unread(reading: Reading) -> st.SearchStrategy[Reading | None]:
    """Draw what a look may make of a subject: read, unread, hidden or missing."""
    return st.sampled_from([reading, reading, reading, unread(reading), hidden(reading), None])


WALLETS = st.builds(wallet, AMOUNTS, st.just("a"), bought=st.sampled_from([100, 101, 200])).flatmap(
    maybe_unread
)
BUDGETS = st.builds(budget, AMOUNTS, st.just("a"), limit=st.sampled_from([9, 100]), resets_at=RESETS).flatmap(
    maybe_unread
)


def keys(name: str) -> st.SearchStrategy[Reading | None]:
    """Draw what a look makes of a key."""
    limited = st.builds(
        key,
        st.none() | AMOUNTS,
        st.sampled_from([5, 20, 100]),
        st.just(name),
        under=st.sampled_from([(), (ACME,), (ACME, TEAM)]),
        resets_at=RESETS,
        expires_at=EXPIRES,
        label=st.sampled_from([None, "one", "two"]),
    )
    stopped = st.builds(
        lambda reading, stop: evolve(reading, stop=stop),
        limited,
        st.sampled_from(["disabled", "expired", "no_region"]),
    )
    return st.one_of(limited.flatmap(maybe_unread), limited, st.just(refused(name)), stopped)


READINGS = st.tuples(WALLETS, BUDGETS, keys("a"), keys("b")).map(
    lambda found: tuple(reading for reading in found if reading is not None)
)
MINUTES = st.sampled_from([0, 1, 5, 5, 5, 10, 20, 600, 1500, -60])
LOOKS = st.builds(
    Look,
    MINUTES,
    READINGS | READINGS | READINGS | st.just(()),
    st.tuples(VERDICTS, st.sampled_from([1, 23, 25, 40])),
    st.sampled_from([True, True, False]),
    st.sampled_from([False, False, False, True]),
)
STORIES = st.lists(LOOKS, max_size=20)
SPACINGS = st.sampled_from([0, 150])


@given(STORIES, SPACINGS)
def test_restarts_change_nothing(looks: list[Look], spacing: float) -> None:
    """An alarm that is restarted after each look says the very same as one that is not."""
    stories = [Story(has_restarts=has_restarts, spacing=spacing) for has_restarts in (False, True)]

    for look in looks:
        for story in stories:
            look.at(story)

    assert stories[0].events == stories[1].events
    assert [event.text for event in stories[0].events] == [event.text for event in stories[1].events]
    assert stories[0].alarm.state == stories[1].alarm.state
    assert stories[0].alarm.state == Alarm(state=stories[0].alarm.state).state


@given(STORIES)
def test_ids_are_unique(looks: list[Look]) -> None:
    """No id occurs twice, and `since` of a subject's events rises, but for reminders and expiries."""
    story = Story()

    for look in looks:
        look.at(story)

    others = [event for event in story.events if event.kind != "expiring"]
    assert len(others) == len({event.id for event in others})
    moments = defaultdict(list)
    for event in others:
        if not is_reminder(event):
            moments[event.subject].append(event.since)
    for each in moments.values():
        assert sorted(set(each)) == each


@given(STORIES)
def test_thresholds_of_an_expiry_are_said_once(looks: list[Look]) -> None:
    """As long as a key is not gone, nothing is said twice of one moment at which it expires."""
    story = Story()

    for look in looks:
        evolve(look, is_complete=False).at(story)

    said = [event.id for event in story.events if event.kind == "expiring"]
    assert len(said) == len(set(said))


def is_reminder(event: Any) -> bool:
    """Tell whether an event says again what was said."""
    return event.kind in ("depleted", "invalid") and event.level == event.previous


@given(STORIES)
def test_nothing_is_said_twice(looks: list[Look]) -> None:
    """An event tells of a change; reminders are a day apart; `stale` and `fresh` take turns."""
    story = Story()

    for look in looks:
        evolve(look, minutes=abs(look.minutes), is_complete=False).at(story)

    blind: set[Any] = set()
    reminded: dict[Any, Any] = {}
    for event in story.events:
        if event.kind in ("low", "critical", "depleted", "invalid"):
            assert is_reminder(event) or event.level > event.previous or event.previous is Level.UNKNOWN
            if is_reminder(event):
                last = reminded.get((event.subject, event.since))
                assert last is None or event.at - last >= timedelta(days=1)
                reminded[event.subject, event.since] = event.at
        if event.kind == "stale":
            assert event.subject not in blind
            blind.add(event.subject)
        if event.kind == "fresh":
            blind.remove(event.subject)


@given(STORIES)
def test_recovery_is_from_trouble(looks: list[Look]) -> None:
    """Nothing recovers of which no trouble was told since it was OK."""
    story = Story()

    for look in looks:
        look.at(story)

    troubled = set()
    for event in story.events:
        if event.kind in ("low", "critical", "depleted", "invalid"):
            troubled.add(event.subject)
        if event.kind == "recovered":
            assert Level.OK is event.level
            troubled.remove(event.subject)


@given(STORIES)
def test_a_worse_level_is_never_silent(looks: list[Look]) -> None:
    """A wallet, which nothing covers, is never better than its amount, and speaks whenever it is worse."""
    story = Story()
    last = Level.OK

    for look in looks:
        before = len(story.events)
        look.at(story)
        amounts = [each.remaining for each in look.readings if each.subject == ACME and each.is_read]
        level = Level(story.levels.get(str(ACME), "UNKNOWN"))
        if amounts and amounts[0] is not None:
            assert level >= amount_level(amounts[0])
            kinds = [event.kind for event in story.events[before:] if event.subject == ACME]
            assert level <= last or {"low", "critical", "depleted"} & set(kinds)
            last = level


def amount_level(amount: Decimal) -> Level:
    """Judge an amount by the default thresholds."""
    if amount <= 0:
        return Level.DEPLETED
    if amount < 5:
        return Level.CRITICAL
    return Level.LOW if amount < 10 else Level.OK


UNREAD = st.sampled_from([unread(wallet(90)), hidden(wallet(90)), None])


@given(
    st.lists(st.tuples(st.sampled_from([4, 5, 7, 20]), UNREAD, st.booleans()), min_size=3, max_size=12),
    SPACINGS,
)
def test_blindness_speaks(looks: list[tuple[float, Reading | None, bool]], spacing: float) -> None:
    """After 20 minutes and 3 failed looks, it was said that the wallet, or everything, is not read."""
    story = Story(spacing=spacing)
    story.look(wallet(90), key(50))
    since, failures_of_host = story.now, 0

    for number, (minutes, reading, is_host_dead) in enumerate(looks, 1):
        found = [each for each in (reading,) if each is not None]
        story.look(*found, *([] if is_host_dead else [key(50)]), after=minutes, is_complete=False)
        failures_of_host = failures_of_host + 1 if is_host_dead else 0
        is_long = number >= 3 and story.now - since >= timedelta(minutes=20)
        if is_long and failures_of_host in (0, number):
            assert {ACME, OPENROUTER} & {event.subject for event in story.events if event.kind == "stale"}
