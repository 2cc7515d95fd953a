"""A month and a quarter of a service, and worlds at random: nothing false, nothing missed, nothing twice."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from openrouter_credits import CheckReport, OpenRouterError
from openrouter_credits.watch import Alarm, Event

from ._world import APART, DAY, Auditor, Key, World

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SPACING = APART.total_seconds()


def say(alarm: Alarm, look: CheckReport | OpenRouterError, at: datetime) -> tuple[Event, ...]:
    """Let an alarm consider a look."""
    if isinstance(look, CheckReport):
        return alarm.consider(look, at)
    return alarm.consider(None, at, error=look)


@define
class Watching:
    """An alarm, another that is restarted before each look, and the auditor who hears them."""

    world: World
    alarm: Alarm = field(factory=lambda: Alarm(spacing=SPACING))
    auditor: Auditor = field(factory=Auditor)
    state: str = "{}"

    def look(self, *, hides: str = "", refuses: tuple[str, ...] = ()) -> tuple[Event, ...]:
        """Take a look, and let the auditor hear what is said of it."""
        look, at = self.world.show(hides=hides, refuses=refuses), self.world.clock
        events = say(self.alarm, look, at)
        restarted = Alarm(spacing=SPACING, state=json.loads(self.state))
        assert events == say(restarted, look, at)
        self.state = json.dumps(restarted.state)
        self.auditor.hear(look, at, events)
        return events


def make_world() -> World:
    """Make an account with a wallet of $60, and three keys: one without a limit, two that are renewed."""
    keys = {
        "ci": Key(),
        "night": Key(limit=Decimal(12), reset="daily"),
        "prod": Key(limit=Decimal(40), reset="monthly"),
    }
    return World(datetime(2026, 11, 1, tzinfo=UTC), Decimal(60), keys)


def live(world: World, rng: random.Random, time: timedelta) -> None:
    """Let time pass in which keys spend: most by day, one by night."""
    world.wait(time)
    hours = Decimal(int(time.total_seconds())) / 3600
    is_day = 8 <= world.now.hour < 20
    for name, by_day, by_night in (("ci", 40, 2), ("night", 0, 90), ("prod", 18, 3)):
        cents = rng.randint(0, 2 * (by_day if is_day else by_night))
        world.spend(name, (hours * cents / 100).quantize(Decimal("0.000001")))


def nuisances(rng: random.Random, every: timedelta, days: int) -> Iterator[tuple[str, int]]:
    """Yield what is wrong at each look, and an outage's length in looks when it begins."""
    looks_a_day = int(DAY / every)
    wrong, left = "", 0
    for _ in range(days * looks_a_day):
        begins = 0
        if left == 0:
            wrong = ""
            if rng.random() < 1.5 / looks_a_day:
                wrong = rng.choice(["host", "all", "wallet", "prod", "refused"])
                left = begins = rng.choice([1, 1, 2, 2, 3, 5, 12])
        if left:
            left -= 1
        yield wrong, begins


def run(seed: int, every: timedelta, days: int) -> tuple[Counter[str], Auditor]:
    """Watch a service for some days, and count what has happened to it."""
    rng, watching = random.Random(seed), Watching(make_world())
    world, happened = watching.world, Counter[str]()
    owed = timedelta(0)
    buys_in: int | None = None
    for wrong, begins in nuisances(rng, every, days):
        is_refused = wrong == "refused"
        happened[f"{wrong} for long"] += begins > 3
        events = watching.look(hides="" if is_refused else wrong, refuses=("ci",) if is_refused else ())
        if any(event.kind in {"low", "critical"} and event.subject.kind == "wallet" for event in events):
            buys_in = buys_in or rng.randint(1, int(1.5 * DAY / every))
        if buys_in is not None:
            buys_in -= 1
            if buys_in == 0:
                buys_in = None
                happened["purchase"] += 1
                world.bought += 50
        pause = every
        if rng.random() < 1 / (5 * (DAY / every)):
            happened["sleep"] += 1
            pause = 8 * HOUR
        if rng.random() < 1 / (9 * (DAY / every)):
            happened["set back"] += 1
            world.behind += HOUR
            owed = HOUR
        elif owed:
            world.behind -= owed  # it is set right at the next look
            owed = timedelta(0)
        live(world, rng, pause)
    return happened, watching.auditor


def test_a_month_of_a_service() -> None:
    """In a month with outages, refusals, sleep, a clock set back and purchases each cause is told once."""
    happened, auditor = run(1, 20 * MINUTE, 30)

    told = Counter(auditor.kinds)
    assert min(happened[each] for each in ("purchase", "sleep", "set back")) > 0
    assert min(told[kind] for kind in ("low", "critical", "recovered", "stale", "fresh")) > 0
    assert told["stale"] - told["fresh"] in {0, 1}


def test_a_quarter_of_a_service() -> None:
    """So it is over a quarter, with three monthly resets and ninety daily ones."""
    _, auditor = run(2, HOUR, 91)

    told = Counter(auditor.kinds)
    assert told["recovered"] > 3
    assert told["invalid"] > 0


CENTS = st.integers(1, 1500).map(lambda cents: Decimal(cents) / 100)
FEW = st.integers(1, 5).map(Decimal)
ACTS = st.one_of(
    st.tuples(st.just("spend"), st.sampled_from(["ci", "night", "prod"]), CENTS),
    st.tuples(st.just("refund"), st.sampled_from(["ci", "night", "prod"]), CENTS),
    st.tuples(st.just("buy"), st.just(""), CENTS),
    st.tuples(st.just("limit"), st.sampled_from(["night", "prod"]), st.integers(0, 60).map(Decimal)),
    st.tuples(st.just("wait"), st.just(""), st.integers(5, 3000).map(Decimal)),
    st.tuples(st.just("back"), st.just(""), st.integers(1, 120).map(Decimal)),
    st.tuples(
        st.just("hide"), st.sampled_from(["host", "all", "wallet", "prod"]), st.integers(1, 5).map(Decimal)
    ),
    st.tuples(st.just("refuse"), st.just("ci"), st.integers(1, 4).map(Decimal)),
)
"""What happens to a world before a look: an act, a key or a part, and how much."""


@settings(max_examples=150)
@given(st.lists(ACTS, max_size=30))
def test_whatever_happens_each_cause_is_told_once(acts: list[tuple[str, str, Decimal]]) -> None:
    """Whatever happens, each cause is told when it is there, and once, also by an alarm that is restarted."""
    watching = Watching(make_world())
    world = watching.world
    watching.look()
    for act, what, amount in acts:
        looks = 1
        match act:
            case "spend":
                world.spend(what, amount)
            case "refund":
                world.spend(what, -amount)
            case "buy":
                world.bought += amount
            case "limit":
                world.keys[what].limit = amount
            case "wait":
                world.wait(timedelta(minutes=int(amount)))
            case "back":
                world.behind += timedelta(minutes=int(amount))
            case _:
                looks = int(amount)
        for _ in range(looks):
            world.wait(5 * MINUTE)
            watching.look(hides=what if act == "hide" else "", refuses=(what,) if act == "refuse" else ())


@settings(max_examples=30)
@given(st.lists(ACTS, max_size=20))
def test_a_second_watcher_finds_nothing_to_add(acts: list[tuple[str, str, Decimal]]) -> None:
    """Of a look that another watcher has taken a moment ago, nothing is left to be said."""
    world, alarm = make_world(), Alarm(spacing=SPACING)
    for act, what, amount in acts:
        match act:
            case "spend":
                world.spend(what, amount)
            case "refund":
                world.spend(what, -amount)
            case "buy":
                world.bought += amount
            case "wait":
                world.wait(timedelta(minutes=int(amount)))
        world.wait(6 * MINUTE)  # at the third look that fails, it is more than 15 minutes for both
        look = world.show(hides=what if act == "hide" else "", refuses=(what,) if act == "refuse" else ())
        say(alarm, look, world.clock)

        assert () == say(alarm, look, world.clock + timedelta(seconds=1))
