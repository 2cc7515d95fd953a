"""One look after the other: the tasks of a watch. All times are in seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from copy import copy
from functools import partial
from typing import Any

from openrouter_credits import (
    APITimeoutError,
    AuthenticationError,
    CheckReport,
    ClientClosedError,
    ConfigurationError,
    EdgeRefusedError,
    OpenRouterError,
    PermissionDeniedError,
)
from openrouter_credits.history import Subject
from openrouter_credits.watch._clock import LONGEST_NAP, SHORTEST_NAP, Clock
from openrouter_credits.watch._event import Event
from openrouter_credits.watch._findings import Findings, Found, require_watchable
from openrouter_credits.watch._pace import Pace

logger = logging.getLogger("openrouter_credits")

Look = Callable[[], Awaitable[CheckReport]]
LookAlone = Callable[[Collection[Subject]], Awaitable[CheckReport]]

_FINAL = (ClientClosedError, ConfigurationError)
"""What ends a watch at the first look: there is nothing to watch."""
_REFUSED = (AuthenticationError, PermissionDeniedError)
"""What ends it, too, unless a history knows that it could be read before; anything else may pass."""
_TOO_LONG = "Give a look of your own a time limit; with very many keys, look less often (every)."


class Rounds:
    """Looks again and again, and hands on what is to be said.

    One task decides, and is never held up by a look: each look is a task of its own.
    """

    def __init__(
        self,
        look: Look,
        alone: LookAlone | None,
        pace: Pace,
        clock: Clock,
        findings: Findings,
        tell: Callable[[Iterable[Event]], None],
    ) -> None:
        self._look = look
        self._look_alone = alone
        self._pace = pace
        self._clock = clock
        self._findings = findings
        self._tell = tell
        self._at_all: asyncio.Task[Any] | None = None
        self._alone: asyncio.Task[Any] | None = None
        self._parts: list[CheckReport] = []
        """What looks at some alone have read while a look at all was under way."""
        self._why: Exception | None = None
        """Why the last look failed."""
        self._began_at = self._alone_began_at = 0.0
        self.read_at: float | None = None
        """When a look at all last read something, by the clock."""
        self.has_begun = asyncio.Event()
        """Set when the first look has ended, or takes too long."""

    async def run(self) -> BaseException:
        """Look until this is cancelled, or until a look ends the program; return what it raised then."""
        try:
            await self._findings.begin(self._clock.now())
            while True:
                await self._begin()
                await self._wait()
                for task in (self._at_all, self._alone):
                    if task is not None and task.done():
                        error = None if task.cancelled() else task.exception()
                        if isinstance(error, KeyboardInterrupt | SystemExit):
                            return error
                        await self._take(task)
        finally:
            await self._close()

    async def _begin(self) -> None:
        """Begin what is due."""
        now = self._clock.passed()
        if self._at_all is None and self._pace.is_due(now):
            self._pace.begin(now)
            self._began_at = now
            self._parts.clear()
            self._at_all = _start(self._look)
        if self._pace.take_slot(now):
            await self._fail(self._why or self._too_long(now))
        if self._pace.take_alone(now) and self._alone is None and self._look_alone is not None:
            self._alone_began_at = now
            self._alone = _start(partial(self._look_alone, self._findings.urgent))

    async def _wait(self) -> None:
        """Wait until a look has ended, or something is due."""
        due_at = self._pace.next_at(is_looking=self._at_all is not None)
        nap = max(SHORTEST_NAP, min(due_at - self._clock.passed(), LONGEST_NAP))
        if looks := [task for task in (self._at_all, self._alone) if task is not None]:
            await asyncio.wait(looks, timeout=nap, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(nap)

    async def _take(self, task: asyncio.Task[Any]) -> None:
        found = _ending(task)
        if isinstance(found, Exception):
            text = str(found) if isinstance(found, OpenRouterError) else type(found).__name__
            logger.info("a look failed: %s", text)
        if task is self._at_all:
            self._at_all = None
            await self._take_at_all(found)
            self.has_begun.set()
        else:
            self._alone = None
            if isinstance(found, CheckReport):
                await self._take_alone(found)

    async def _take_at_all(self, found: CheckReport | Exception) -> None:
        now = self._clock.passed()
        is_first = not self.has_begun.is_set()
        if isinstance(found, Exception):
            if is_first and self._is_final(found):
                raise copy(found)
            self._why = found
            self._pace.fail(now, found.retry_after if isinstance(found, OpenRouterError) else None)
            await self._fail(found)
            return
        look = await self._findings.read(found, tuple(self._parts))
        report = look.report
        if is_first:
            require_watchable(look.readings, self._findings.known)
        if look.readings.read_nothing:
            self._why = next((check.error for check in report.checks if check.error is not None), None)
            self._pace.fail(now, _retry_after(report))
        else:
            self._why, self.read_at = None, now
            self._pace.succeed(now)
        await self._tell_of(look)

    def _is_final(self, fault: Exception) -> bool:
        """Tell whether the first look shows that nothing can be watched."""
        if isinstance(fault, EdgeRefusedError) or (isinstance(fault, _REFUSED) and self._findings.known):
            return False
        return isinstance(fault, (*_FINAL, *_REFUSED))

    async def _take_alone(self, report: CheckReport) -> None:
        look = await self._findings.read_part(report)
        if look.readings.read_nothing:  # the next look at all tells whether that is so of everything
            return
        if self._at_all is not None:
            self._parts.append(report)
        await self._tell_of(look)

    async def _tell_of(self, look: Found) -> None:
        self._tell(await self._findings.take(look, self._clock.now()))
        is_wanted = self._why is None and bool(self._findings.urgent)
        since = self._alone_began_at if look.is_partial else self._clock.passed()
        self._pace.want_alone(since, is_wanted=is_wanted)

    async def _fail(self, error: Exception) -> None:
        self._tell(await self._findings.fail(error, self._clock.now()))

    def _too_long(self, now: float) -> Exception:
        self.has_begun.set()
        took = now - self._began_at
        return APITimeoutError(f"The look has not ended after {took:.0f} s", remedy=_TOO_LONG)

    async def _close(self) -> None:
        looks = [task for task in (self._at_all, self._alone) if task is not None]
        for task in looks:
            task.cancel()
        await asyncio.gather(*looks, return_exceptions=True)


def _start(look: Look) -> asyncio.Task[CheckReport]:
    async def take() -> CheckReport:  # also if `look` raises before it returns anything to be awaited
        return await look()

    return asyncio.get_running_loop().create_task(take())


def _ending(task: asyncio.Task[Any]) -> CheckReport | Exception:
    """Return what a look has found, or why it failed."""
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    if error is None:
        if isinstance(found := task.result(), CheckReport):
            return found
        return TypeError(f"a look returns a CheckReport, not {type(found).__name__}")
    if not isinstance(error, Exception):
        return RuntimeError(f"the look ended with {type(error).__name__}")
    return error.with_traceback(None)  # which would keep every frame alive


def _retry_after(report: CheckReport) -> float | None:
    """Return how long the server asked us to wait: the least time that it said to any key."""
    waits = [check.error.retry_after for check in report.checks if check.error is not None]
    return min((wait for wait in waits if wait is not None), default=None)
