"""`Watch`: looks at keys again and again, and gives the events; it adds tasks and time to `Alarm`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from openrouter_credits import CheckReport, Runway
from openrouter_credits._arguments import Dollars
from openrouter_credits.history import History, Reading, Subject
from openrouter_credits.watch._alarm import Alarm
from openrouter_credits.watch._event import Event

logger = logging.getLogger("openrouter_credits")


class Watch:
    """Looks at keys every so many seconds, and gives an event for each thing to be told. Use `async with`."""

    def __init__(
        self,
        look: Callable[[], Awaitable[CheckReport]],
        *,
        alone: Callable[[Collection[Subject]], Awaitable[CheckReport]] | None = None,
        every: float = 300,
        warn: Dollars = 10,
        critical: Dollars | None = None,
        rearm: Dollars = "1.2",
        clear_after: int = 2,
        stale_after: int = 3,
        remind: float = 86400,
        expiring: Collection[int] = (30, 7, 1),
        store: History | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._look = look
        self._every = every
        self._alarm = Alarm(warn, critical, rearm, clear_after, stale_after, remind, tuple(expiring))
        self._clock = clock or (lambda: datetime.now(UTC))
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.report: CheckReport | None = None
        """The last report; `None` before the first."""
        self.age: float | None = None
        """Seconds since the last look that read something; `None` before the first."""
        self.runways: Mapping[Subject, Runway] = {}
        self.unwatched: tuple[Reading, ...] = ()
        self.levels: Mapping[Subject, str] = {}
        self.next_at: datetime | None = None
        """When the next look begins."""
        self.store_error: Exception | None = None
        """Why the history is not written; `None` while it is."""

    async def _take(self) -> None:
        report = await self._look()
        self.report, self.age = report, 0.0
        self._events.extend(self._alarm.consider(report, self._clock()))
        self._news.set()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self._take()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            self._news.clear()
            await self._news.wait()
        return self._events.popleft()

    async def __aenter__(self) -> Self:
        await self._take()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
