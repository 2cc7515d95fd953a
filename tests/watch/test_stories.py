"""All that is said in each story, however often the program is started anew.

Each story is told by `Alarm` alone, by one that is restarted after each look, and by `Watch` over one file of
history: by one watcher, two and four, all restarted after each look. They say the same, each thing once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from openrouter_credits import (
    CheckReport,
    ManagementKeyRequiredError,
    OpenRouterError,
    UnconfirmedCreditsError,
)
from openrouter_credits.history import History
from openrouter_credits.watch import Alarm, Event, Watch
from tests.kit.reports import allowance, failed, own_key
from tests.kit.values import DOWN, FORBIDDEN, NOW, UNAUTHORIZED, ZERO, down

from ._stories import EVERY, STORIES, THREE, Look, Story, Told

T = TypeVar("T")

EACH_STORY = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)


def found(event: Event) -> Told:
    """Return what stands in the table of a story."""
    return event.kind, str(event.subject), " ".join(event.keys)


def by_alarm(story: Story, *, restarts: bool) -> list[Event]:
    """Let an alarm tell a story; perhaps its state goes through JSON after each look."""
    alarm, events = Alarm(), list[Event]()
    for at, look in story.looks():
        if restarts:
            alarm = Alarm(state=json.loads(json.dumps(alarm.state)))
        if isinstance(look, CheckReport):
            said = alarm.consider(look, at)
        else:
            said = alarm.consider(None, at, error=look)
        events += sorted(said, key=found)
    return events


async def by_watchers(story: Story, file: Path, watchers: int) -> list[Event]:
    """Let watchers of one file tell a story; each is restarted after each look."""
    events = list[Event]()
    for at, look in story.looks():
        said = list[Event]()
        for _ in range(watchers):
            async with Watch(finds(look), store=History(file), clock=partial(identity, at)) as watch:
                said += [event async for event in told_now(watch)]
                assert watch.store_error is None
        events += sorted(said, key=found)
    return events


def identity(value: T) -> T:
    """Return it."""
    return value


def finds(look: Look) -> Callable[[], Awaitable[CheckReport]]:
    """Make a look that finds this."""

    async def find() -> CheckReport:
        if isinstance(look, CheckReport):
            return look
        raise look

    return find


async def told_now(watch: Watch) -> AsyncIterator[Event]:
    """Yield what a watch has to tell without another look."""
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(1):
                event = await anext(watch)
            yield event


def assert_told(story: Story, events: list[Event]) -> None:
    """Assert that a story was told whole, and each thing once."""
    assert list(story.says) == [found(event) for event in events]
    assert len({event.id for event in events}) == len(events)
    assert all(event.text for event in events)


@EACH_STORY
def test_an_alarm_tells_each_story(story: Story) -> None:
    """An alarm says what the story says: no more, no less."""
    assert_told(story, by_alarm(story, restarts=False))


@EACH_STORY
def test_a_restart_changes_no_event(story: Story) -> None:
    """An alarm that is restarted after each look makes the same events, with the same ids and texts."""
    assert by_alarm(story, restarts=False) == by_alarm(story, restarts=True)


@EACH_STORY
@pytest.mark.parametrize("watchers", [1, 2, 4])
async def test_watchers_of_one_file_tell_each_story_once(story: Story, watchers: int, tmp_path: Path) -> None:
    """Watchers that share a history say each thing once between them, however often they are restarted."""
    events = await by_watchers(story, tmp_path / "history.db", watchers)

    assert_told(story, events)
    assert [event.id for event in by_alarm(story, restarts=False)] == [event.id for event in events]


def test_what_may_not_be_read_is_not_stale() -> None:
    """A wallet that the key may not read is in `unwatched`; no event speaks of it."""
    alarm = Alarm()

    said = [
        event
        for number in range(24)
        for event in alarm.consider(own_key(allowance("40")), NOW + number * EVERY)
    ]

    assert [] == said
    assert ["wallet"] == [reading.subject.kind for reading in alarm.unwatched]


@pytest.mark.parametrize(
    ("hidden", "raised"),
    [(FORBIDDEN, ManagementKeyRequiredError), (ZERO, UnconfirmedCreditsError)],
    ids=["403", "0 of 0"],
)
async def test_nothing_to_watch_is_an_error_at_once(hidden: Any, raised: type[OpenRouterError]) -> None:
    """Entering raises why a key without a limit, which may not see its wallet, cannot be watched."""
    key = allowance(usage=Decimal(5), is_free_tier=False)

    with pytest.raises(raised):
        async with Watch(finds(own_key(key, hidden))):
            pytest.fail("there is nothing to watch")

    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    "look",
    [down(), failed(DOWN, *THREE), failed(UNAUTHORIZED, *THREE)],
    ids=["no answer", "503", "401"],
)
async def test_what_may_pass_does_not_keep_a_watch_from_starting(look: Look) -> None:
    """A watch begins although the host is dead or refuses all keys, and looks again."""
    async with Watch(finds(look)) as watch:
        assert watch.next_at is not None
