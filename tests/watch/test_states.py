"""What an alarm remembers: plain data, exact, an entry a subject; damaged entries are a first look."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from openrouter_credits import Runway
from openrouter_credits.history import Subject
from openrouter_credits.watch import Alarm
from tests.kit.looks import (
    ACME,
    BOT,
    START,
    TEAM,
    Story,
    budget,
    hidden,
    key,
    look,
    refused,
    unread,
    wallet,
)

WHOLE, HOST = "alarm", '["openrouter", null, null, null]'
OF_WALLET, OF_KEY = '["wallet", "acme", null, null]', '["key", "acme", "bot", null]'


def busy() -> Story:
    """Tell a story after which every field has a value."""
    story = Story(clear_after=3)
    bot = key(9, 20, under=(ACME, TEAM), expires_at=START + timedelta(days=5), resets_at=START)
    runway = Runway("runs_out", Decimal(10), START + timedelta(hours=5), None, None, "history")
    story.look(wallet(90), budget(50, "bot"), bot, hidden(budget(5, "bot", name="secret")))
    story.look(wallet(12), budget(4, "bot"), bot, runways={ACME: runway})
    story.look(wallet(4), refused(), key(8, 8, name="small"))
    story.look(wallet("1E-12"), refused(), unread(budget(4, "bot")))
    story.look(unread(wallet(4)), key(9, 20, under=(ACME,)))
    story.looks(count=4)
    story.look(wallet(20, bought=120), bot)
    return story


def test_an_entry_for_each_subject() -> None:
    """There is an entry for each subject, one for all together, and one for the whole."""
    state = busy().alarm.state

    names = [WHOLE, HOST, OF_WALLET, OF_KEY, '["budget", "acme", "team", null]']
    assert {*names, '["budget", "acme", "secret", null]', '["key", "acme", "small", null]'} == set(state)
    assert {1} == {entry["version"] for entry in state.values()}
    assert {} == Alarm().state


def test_json_gives_it_back() -> None:
    """JSON takes the state and gives it back, lists and all; another alarm has the same."""
    state = busy().alarm.state

    assert state == json.loads(json.dumps(state))
    assert state == Alarm(state=state).state


def test_it_can_be_assigned() -> None:
    """A state that is assigned replaces all that was remembered."""
    first, second = busy().alarm, Story().alarm

    second.state = first.state

    assert first.state == second.state


def test_keys_of_one_name_have_entries_of_their_own() -> None:
    """Keys that their hash alone tells apart are remembered apart, and names with slashes, too."""
    story = Story()
    subjects = [
        Subject("key", "acme", "bot", hash="1"),
        Subject("key", "acme", "bot", hash="2"),
        Subject("key", "acme/bot"),
        Subject("key", "a\ud800", "✓"),
    ]

    story.alarm._consider(look(*[key(9, 20, subject=subject) for subject in subjects]), START)

    assert 4 + 2 == len(story.alarm.state)
    assert story.alarm.state == Alarm(state=json.loads(json.dumps(story.alarm.state))).state


@pytest.mark.parametrize("state", [None, {}, [], "text", 5, {"": {}}, {"[]": None}, {5: 5}, {"null": {}}])
def test_what_is_no_state(state: Any) -> None:
    """What is no state at all is taken for none."""
    assert {} == Alarm(state=state).state


DAMAGES: list[Any] = [
    None,
    5,
    "text",
    [],
    {},
    {"version": 2},
    {"version": 1, "later": 5},
    {"version": 1, "standing": None},
    {"version": 1, "standing": {"level": "SHAKY"}},
    {"version": 1, "standing": {"since": "2026-11-02T12:00:00"}},
    {"version": 1, "standing": {"since": "9999-12-31T23:59:59+00:00"}},
    {"version": 1, "standing": {"since": "0001-01-01T00:00:00+14:00"}},
    {"version": 1, "standing": {"since": 5}},
    {"version": 1, "standing": {"refusals": None}},
    {"version": 1, "standing": {"mark": {"granted": "NaN"}}},
    {"version": 1, "standing": {"mark": {"granted": "a lot"}}},
    {"version": 1, "under": ["wallet:acme"]},
    {"version": 1, "under": ['["planet", "acme", null, null]']},
    {"version": 1, "under": ['["key", "acme", 5, null]']},
    {"version": 1, "under": [[[[]]]]},
    {"version": 1, "under": ["[" * 100_000]},
]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", [WHOLE, HOST, OF_WALLET, OF_KEY])
def test_damaged_entries_are_a_first_look(name: str, damage: Any) -> None:
    """An entry that is damaged, or of another version, is left out, and the others are kept."""
    story = Story()
    story.look(wallet(9), key(4, 20))
    state = story.alarm.state
    state[name] = damage

    restored = Alarm(state=state)

    assert {each: entry for each, entry in state.items() if each != name} == restored.state
    events = restored._consider(look(wallet(9), key(4, 20)), story.now + timedelta(minutes=5))
    expected = {OF_WALLET: ["low"], OF_KEY: ["critical"]}
    assert expected.get(name, []) == [event.kind for event in events]


def test_a_state_is_a_copy() -> None:
    """A state that was taken does not change with the alarm."""
    story = Story()
    story.look(wallet(9))
    state = story.alarm.state
    before = copy.deepcopy(state)

    story.look(wallet(-1), key(4, 20))

    assert before == state


def test_what_is_gone_is_forgotten_a_day_later() -> None:
    """The entry of a subject that is gone is kept for a day, and then no longer."""
    story = Story()
    story.look(wallet(90), key(50))

    for hours, is_kept in ((1, True), (23, True), (1, False)):
        story.look(wallet(90), after=60 * hours)
        assert is_kept == (OF_KEY in story.alarm.state)
        assert str(BOT) not in story.levels


def test_watchers_of_different_keys_share_a_state() -> None:
    """Two watchers of different keys that share a state do not make each other say anything twice."""
    story = Story(has_restarts=True)

    said = []
    for _ in range(5):
        said += story.look(key(9, 20, name="ours"))
        said += story.look(key(4, 20, name="theirs"))

    assert ["low key:acme/ours", "critical key:acme/theirs"] == said
