"""The events that wait for their reader, and how the reader learns that there will be no more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from openrouter_credits.watch._event import Event


class Feed:
    """Events in their order; whoever adds them waits for nobody."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()
        self._is_over = False
        self._fault: BaseException | None = None

    def add(self, events: Iterable[Event]) -> None:
        """Add events."""
        self._events.extend(events)
        self._news.set()

    def end(self, fault: BaseException | None = None) -> None:
        """Let the reader end after the events that are there, or raise what ended the watch."""
        self._is_over, self._fault = True, self._fault or fault
        self._news.set()

    async def get(self) -> Event:
        """Return the next event, when there is one.

        Raises:
            StopAsyncIteration: there will be no more.
        """
        while not self._events:
            if self._is_over:
                self.raise_fault()
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._events.popleft()

    def raise_fault(self) -> None:
        """Raise what ended the watch, once."""
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault
