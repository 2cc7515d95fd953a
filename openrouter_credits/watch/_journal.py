"""What was said, kept in a history: one transaction a look; while the history fails, in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from openrouter_credits import CheckReport
from openrouter_credits.history import Decision, History, HistoryError, Recorded
from openrouter_credits.watch._alarm import Alarm
from openrouter_credits.watch._aside import aside
from openrouter_credits.watch._event import Event
from openrouter_credits.watch._runways import Counters

logger = logging.getLogger("openrouter_credits")

_SEEN = timedelta(days=7)
"""The longest window of a runway."""

Consider = Callable[[], tuple[Event, ...]]
"""Lets the alarm decide about a look."""


class Journal:
    """The memory of an alarm: in a history, if there is one.

    Several watchers may share a history. Each decision begins with the states that are in it, and ends with
    new ones, in one transaction; an event is told by the watcher that records it. While the history fails,
    decisions go on in memory, and what they said is recorded when it works again.
    """

    def __init__(self, alarm: Alarm, store: History | None) -> None:
        self.error: HistoryError | None = None
        """Why the history is not written; `None` while it is."""
        self._alarm = alarm
        self._store = store
        self._is_ours = False
        self._known: Mapping[str, Any] | None = None
        """The states that were last in the history; `None` if it was not read yet."""
        self._unrecorded: dict[str, Event] = {}
        """Events that were told while the history failed."""

    async def open(self, now: datetime) -> Counters:
        """Open the history, and read the counters of the last 7 days."""
        if self._store is None:
            return {}
        self._is_ours = not self._store.is_open
        try:
            return await self._store.counters(now - _SEEN)
        except HistoryError as error:
            self._note(error)
            return {}

    async def decide(
        self, consider: Consider, report: CheckReport | None, now: datetime, *, size: int = 0
    ) -> tuple[Event, ...]:
        """Decide about a look, keep what it read, and return the events that nobody has told before.

        `size` is the number of subjects: deciding about very many holds up no event loop.
        """
        if self._store is None:
            return await aside(size, consider)
        before = await aside(size, lambda: self._alarm.state)
        try:
            events = await self._decide(self._store, consider, before)
        except HistoryError as error:
            self._note(error)
            events = await aside(size, partial(self._in_memory, consider, before))
            self._unrecorded.update({event.id: event for event in events})
            return events
        try:
            if report is not None:
                await self._store.add(report, now)
        except HistoryError as error:
            self._note(error)
        else:
            self._note(None)
        return events

    def _in_memory(self, consider: Consider, before: Mapping[str, Any]) -> tuple[Event, ...]:
        self._alarm.state = before
        return consider()

    async def _decide(
        self, store: History, consider: Consider, before: Mapping[str, Any]
    ) -> tuple[Event, ...]:
        found: dict[str, Event] = {}
        known: dict[str, Any] = {}

        def in_history(states: Mapping[str, Any]) -> Decision:
            self._alarm.state = self._joined(states, before)
            found.clear()  # it may be called again, if the file was locked
            known.clear()
            found.update({event.id: event for event in consider()})
            known.update(self._alarm.state)
            events = (*self._unrecorded.values(), *found.values())
            return Decision(known, tuple(map(_recorded, events)))

        # another watch of it may have closed it; then nobody but this one closes it again
        self._is_ours = self._is_ours or not store.is_open
        new = await store.decide(in_history)
        self._known = known
        self._unrecorded.clear()
        return tuple([event for event in found.values() if event.id in new])

    async def close(self) -> None:
        """Close the history, if nobody else had opened it."""
        if self._store is not None and self._is_ours:
            await self._store.close()

    def _joined(self, states: Mapping[str, Any], memory: Mapping[str, Any]) -> dict[str, Any]:
        """Take the states of the history, but for those that only this watch changed, while it failed."""
        if self.error is None:
            return dict(states)
        if self._known is None:
            return {**states, **memory}
        joined = dict(states)
        for name in memory.keys() | self._known.keys():
            if states.get(name) == self._known.get(name):  # nobody else has changed it
                joined.pop(name, None)
                if name in memory:
                    joined[name] = memory[name]
        return joined

    def _note(self, error: HistoryError | None) -> None:
        before, self.error = self.error, error
        if error is None:
            if before is not None:
                logger.warning("the history is written again")
        elif before is None or before.reason != error.reason:
            logger.warning("the history is not written, but the watch goes on: %s", error)


def _recorded(event: Event) -> Recorded:
    return Recorded(event.id, event.at, event.subject, event.kind, event.to_json())
