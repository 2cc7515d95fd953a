"""Tests of `watch/_journal.py`: decisions that are kept in a history, with an alarm that only counts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from openrouter_credits import CheckReport, Level
from openrouter_credits.history import History, HistoryError, Subject
from openrouter_credits.watch import Event
from openrouter_credits.watch._event import event_id
from openrouter_credits.watch._journal import Journal
from tests.kit.reports import report
from tests.kit.values import NOW

WALLET = Subject("wallet", "acme")
SOON = NOW + timedelta(minutes=1)


class Counting:
    """An alarm that says the number of each thing once."""

    def __init__(self) -> None:
        self._said: dict[str, list[int]] = {}

    @property
    def state(self) -> dict[str, Any]:
        """What was said, as plain data."""
        return {name: {"said": list(numbers)} for name, numbers in self._said.items()}

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        self._said = {name: list(entry["said"]) for name, entry in state.items()}

    def say(self, name: str, number: int) -> tuple[Event, ...]:
        """Say a number of something, unless it was said already."""
        said = self._said.setdefault(name, [])
        if number in said:
            return ()
        said.append(number)
        return (event(f"{name} {number}"),)


def event(text: str) -> Event:
    """Make an event whose id is that of its text."""
    made = event_id(Subject("key", None, text), "low", NOW)
    return Event(made, "low", WALLET, Level.LOW, Level.OK, None, None, None, None, None, (), NOW, NOW, text)


class Failing(History):
    """A history that fails when it is told to."""

    why: HistoryError | None = None
    add_fails = False
    """Whether readings alone cannot be written."""

    async def decide(self, function: Any) -> tuple[str, ...]:
        """Decide, and perhaps fail to write it."""
        if self.why is None:
            return await super().decide(function)
        function({})
        raise self.why

    async def add(self, found: CheckReport, at: datetime | None = None) -> None:
        """Add, or fail."""
        if self.why is not None or self.add_fails:
            raise self.why or HistoryError("full", reason="full")
        await super().add(found, at)

    async def counters(self, since: datetime) -> Mapping[Subject, Any]:
        """Read, or fail."""
        if self.why is not None:
            raise self.why
        return await super().counters(since)


LOCKED = HistoryError("locked", reason="locked")


class Writer:
    """An alarm with its journal."""

    def __init__(self, store: History | None) -> None:
        self.alarm = Counting()
        alarm: Any = self.alarm
        self.journal = Journal(alarm, store)

    async def say(self, number: int, name: str = "a") -> list[str]:
        """Decide to say a number, and return what is told."""
        found = report("30")
        told = await self.journal.decide(lambda: self.alarm.say(name, number), found, NOW)
        return [each.text for each in told]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Failing]:
    """Open a history."""
    async with Failing(tmp_path / "history.db") as opened:
        yield opened


async def test_without_a_history_the_alarm_decides_alone() -> None:
    """Without a history, decisions are those of the alarm."""
    writer = Writer(None)

    assert await writer.journal.open(NOW) == {}
    assert [await writer.say(1), await writer.say(1), await writer.say(2)] == [["a 1"], [], ["a 2"]]
    assert writer.journal.error is None
    await writer.journal.close()


async def test_a_restart_says_nothing_twice(store: Failing) -> None:
    """What one alarm has said, the next one of the same history does not say again."""
    assert await Writer(store).say(1) == ["a 1"]

    assert await Writer(store).say(1) == []
    assert await Writer(store).say(2) == ["a 2"]


async def test_readings_are_kept(store: Failing) -> None:
    """What a look read is in the history, and a runway begins with it."""
    writer = Writer(store)

    await writer.say(1)

    counters = await Writer(store).journal.open(SOON)
    assert {str(subject) for subject in counters} == {"wallet:acme", "key:acme/bot"}


async def test_a_look_that_read_nothing_is_decided_about(store: Failing) -> None:
    """A failed look has no readings, but a decision."""
    writer = Writer(store)

    told = await writer.journal.decide(lambda: writer.alarm.say("a", 1), None, NOW)

    assert [each.text for each in told] == ["a 1"]
    assert await store.subjects() == ()


@pytest.mark.parametrize("writers", [2, 4])
async def test_several_watchers_say_each_thing_once(writers: int, store: Failing) -> None:
    """Of several watchers that decide at the same time, one says it."""
    several = [Writer(store) for _ in range(writers)]

    for number in range(3):
        said = await asyncio.gather(*(writer.say(number) for writer in several))
        assert [text for texts in said for text in texts] == [f"a {number}"]


async def test_an_event_that_is_recorded_is_not_told(store: Failing) -> None:
    """An event whose id is in the history was told by somebody else, whatever the states say."""
    await Writer(store).say(1)
    other = Writer(store)

    told = await other.journal.decide(lambda: (event("a 1"), event("a 2")), None, NOW)

    assert [each.text for each in told] == ["a 2"]


async def test_while_the_history_fails_decisions_go_on(
    store: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    """While the history fails, each thing is said once, and the fault is shown and logged once."""
    writer = Writer(store)
    assert await writer.say(1) == ["a 1"]

    store.why = LOCKED
    said = [await writer.say(1), await writer.say(2), await writer.say(2)]

    assert said == [[], ["a 2"], []]
    assert writer.journal.error is LOCKED
    assert [(record.levelno, "locked" in record.message) for record in caplog.records] == [
        (logging.WARNING, True)
    ]


async def test_another_reason_is_logged(store: Failing, caplog: pytest.LogCaptureFixture) -> None:
    """If the history fails for another reason than before, that is logged as well."""
    writer = Writer(store)
    for reason in ("locked", "locked", "full"):
        store.why = HistoryError(reason, reason=reason)
        await writer.say(1)

    assert [record.message.rsplit(": ")[1][:4] for record in caplog.records] == ["lock", "full"]


async def test_what_was_said_meanwhile_is_recorded_later(
    store: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    """When the history works again, it learns what was said, and nobody says it again."""
    writer = Writer(store)
    await writer.say(1)
    store.why = LOCKED
    await writer.say(2)

    store.why = None
    assert await writer.say(3) == ["a 3"]

    assert writer.journal.error is None
    assert "the history is written again" in caplog.text
    other = Writer(store)
    assert [await other.say(number) for number in (1, 2, 3)] == [[], [], []]
    events = await store.decide(lambda states: _nothing(states, event("a 2")))
    assert events == ()


def _nothing(states: Mapping[str, Any], *events: Event) -> Any:
    from openrouter_credits.history import Decision, Recorded

    recorded = [Recorded(each.id, each.at, each.subject, each.kind, each.to_json()) for each in events]
    return Decision(states, tuple(recorded))


async def test_what_another_watcher_did_meanwhile_is_kept(store: Failing) -> None:
    """When the history works again, states that another watcher has changed are its own."""
    writer, other = Writer(store), Writer(store)
    for name in "ab":
        await writer.say(1, name)
    store.why = LOCKED
    await writer.say(2, "a")
    await writer.say(2, "b")

    store.why = None
    await other.say(3, "b")
    await writer.say(4, "a")

    assert writer.alarm.state == {"a": {"said": [1, 2, 4]}, "b": {"said": [1, 3]}}


async def test_what_is_gone_meanwhile_is_forgotten(store: Failing) -> None:
    """A state that is dropped while the history fails is dropped from the history, too."""
    writer = Writer(store)
    await writer.say(1, "a")
    await writer.say(1, "b")
    store.why = LOCKED
    writer.alarm.state = {"a": writer.alarm.state["a"]}
    await writer.say(2, "a")

    store.why = None
    await writer.say(3, "a")

    assert writer.alarm.state == {"a": {"said": [1, 2, 3]}}


async def test_a_history_that_failed_from_the_start_learns_everything(store: Failing) -> None:
    """What was said before the history could be read for the first time is not said again."""
    await Writer(store).say(1)
    writer = Writer(store)
    store.why = LOCKED
    assert await writer.journal.open(NOW) == {}
    assert await writer.say(5) == ["a 5"]

    store.why = None

    assert await writer.say(5) == []


async def test_readings_that_cannot_be_written_are_a_fault(
    store: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    """If only readings cannot be written, what is said is kept, and the fault is logged once."""
    writer = Writer(store)
    store.add_fails = True

    assert [await writer.say(1), await writer.say(2)] == [["a 1"], ["a 2"]]

    assert writer.journal.error is not None
    assert writer.journal.error.reason == "full"
    assert len(caplog.records) == 1


async def test_a_history_is_closed_by_whoever_opened_it(tmp_path: Path) -> None:
    """A journal that opened the history closes it, and leaves one that was open before."""
    closed, opened = History(tmp_path / "a"), History(tmp_path / "b")
    await opened.open()

    for store in (closed, opened):
        writer = Writer(store)
        await writer.journal.open(NOW)
        await writer.say(1)
        await writer.journal.close()

    assert (closed.is_open, opened.is_open) == (False, True)
    await opened.close()


async def test_a_bug_of_the_alarm_is_raised(store: Failing) -> None:
    """What the alarm raises is no fault of the history, and is raised."""
    writer = Writer(store)

    with pytest.raises(ZeroDivisionError):
        await writer.journal.decide(lambda: 1 // 0, None, NOW)  # type: ignore[arg-type, return-value]  # a bug

    assert writer.journal.error is None
