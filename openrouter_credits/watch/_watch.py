"""`Watch`: looks at keys again and again, and gives the events; it adds tasks and time to `Alarm`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self

from openrouter_credits import CheckReport, Level, Runway
from openrouter_credits._arguments import Dollars, require_seconds
from openrouter_credits._public import public
from openrouter_credits.history import History, HistoryError, Reading, Subject
from openrouter_credits.watch._alarm import Alarm
from openrouter_credits.watch._clock import Clock
from openrouter_credits.watch._event import Event
from openrouter_credits.watch._feed import Feed
from openrouter_credits.watch._findings import Findings
from openrouter_credits.watch._journal import Journal
from openrouter_credits.watch._pace import LONGEST_AFTER_FAILURE, Pace
from openrouter_credits.watch._rounds import Look, LookAlone, Rounds

logger = logging.getLogger("openrouter_credits")


class Watch:
    """Looks at keys again and again, and gives an event for each thing to be told. All times are in seconds.

    Use it as `async with Watch(look) as watch: async for event in watch: ...`, or `client.watch()`. Entering
    takes the first look. The looks go on however slowly the events are read; each event is given once, so
    there should be one reader. The loop ends when the block is left. A watch is entered once, and its
    attributes are read in its event loop.

    Args:
        look: looks at everything, such as `client.account.check`. A look that raises, whatever it raises, is
            a failed look, and so is each `every` in which it does not end.
        alone: looks at these subjects and no others. It is asked every 60 s for those that are CRITICAL or
            DEPLETED, run dry within an hour, or were refused for the first time. `None` for no such looks.
        every: from the beginning of one look to the next, and up to 5 % longer. After a failed look it is 5
            minutes at most, or as long as the server asks for.
        warn: US dollars below which an amount is LOW.
        critical: US dollars below which it is CRITICAL; half of `warn` unless it is given.
        rearm: how many times its threshold an amount must reach before a level is left.
        clear_after: the looks in a row that must see so much, if nothing shows that more was bought.
        stale_after: the failed looks in a row after which blindness is told, 15 minutes after the last good
            one at the earliest.
        remind: after this time DEPLETED and INVALID are told again.
        expiring: the days before a key expires on which that is told.
        store: remembers what was said over restarts, and for other watchers of the same file. While it fails,
            the watch goes on without it.
        clock: the time in UTC; by default the time of this machine.

    Raises:
        TypeError: an argument of a wrong type.
        ValueError: a number out of range.
    """

    def __init__(
        self,
        look: Look,
        *,
        alone: LookAlone | None = None,
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
        require_seconds("every", every)
        if store is not None and not isinstance(store, History):
            raise TypeError(f"store is a History, not {type(store).__name__}")
        self._alarm = Alarm(
            warn,
            critical,
            rearm,
            clear_after,
            stale_after,
            remind,
            tuple(expiring),
            spacing=min(every, LONGEST_AFTER_FAILURE) / 2,
        )
        self._look = look
        self._alone = alone
        self._every = every
        self._store = store
        self._utc = clock
        self._journal = Journal(self._alarm, store)
        self._findings = Findings(self._alarm, self._journal)
        self._pace = Pace(every)
        self._feed = Feed()
        self._clock: Clock | None = None
        self._rounds: Rounds | None = None
        self._exits = AsyncExitStack()

    @property
    def report(self) -> CheckReport | None:
        """The last report; `None` before the first. A look that raises leaves it as it is."""
        return self._findings.report

    @property
    def age(self) -> float | None:
        """The seconds since the last look that read something, as of now; `None` before the first."""
        if self._clock is None or self._rounds is None or self._rounds.read_at is None:
            return None
        return self._clock.passed() - self._rounds.read_at

    @property
    def runways(self) -> Mapping[Subject, Runway]:
        """How long each amount lasts: by its readings; by OpenRouter's counters while these are too few."""
        return self._findings.runways

    @property
    def unwatched(self) -> tuple[Reading, ...]:
        """What may not be read, and so is not watched; each is logged once as a warning."""
        return self._findings.unwatched

    @property
    def levels(self) -> Mapping[Subject, Level]:
        """The level of each subject; `UNKNOWN` for one that the last look did not read."""
        return self._findings.levels

    @property
    def next_at(self) -> datetime | None:
        """When the next look begins; `None` before the first has begun."""
        if self._clock is None:
            return None
        return self._clock.now() + timedelta(seconds=self._pace.due_at - self._clock.passed())

    @property
    def store_error(self) -> HistoryError | None:
        """Why the history is not written; `None` while it is."""
        return self._journal.error

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Return the next event, when there is one.

        Raises:
            RuntimeError: this watch was not entered.
        """
        if self._rounds is None:
            raise RuntimeError("enter the watch before you read it: async with watch, then async for")
        return await self._feed.get()

    async def __aenter__(self) -> Self:
        """Take the first look, and go on.

        Raises:
            OpenRouterError: there is nothing that can be watched, such as a key without a limit that may not
                read its wallet. A refused key or a dead host is no such thing.
            RuntimeError: this watch was entered before.
        """
        self._require_new()
        loop = asyncio.get_running_loop()
        clock = self._clock = Clock(loop.time, self._utc)
        rounds = self._rounds = Rounds(
            self._look, self._alone, self._pace, clock, self._findings, self._feed.add
        )
        task = loop.create_task(rounds.run())
        task.add_done_callback(partial(self._end, rounds))
        self._exits.push_async_callback(self._journal.close)
        self._exits.push_async_callback(_cancel, task)
        try:
            await rounds.has_begun.wait()
        except BaseException:
            await self._exits.aclose()
            raise
        if task.done():
            await self._exits.aclose()
            self._feed.raise_fault()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._exits.aclose()
        if kind is None:
            self._feed.raise_fault()

    def _require_new(self) -> None:
        if self._rounds is not None:
            raise RuntimeError("a watch is entered once; make another one")

    def _end(self, rounds: Rounds, task: asyncio.Task[BaseException]) -> None:
        """Let the reader know that the looks have ended, and why."""
        fault = None if task.cancelled() else task.exception() or task.result()
        if fault is not None and rounds.has_begun.is_set():
            logger.error("the watch has ended, because of a fault in it: %s", type(fault).__name__)
        rounds.has_begun.set()
        self._feed.end(fault)


async def _cancel(task: asyncio.Task[Any]) -> None:
    """End a task, and wait until it has ended, however often we are cancelled meanwhile."""
    cancelled = None
    task.cancel()
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


public(Watch, door="openrouter_credits.watch")
