"""The tasks of a batch: one for each key under way, and more in the place of keys that only wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

_MOST_OTHERS = 1_000
"""Keys beyond those under way, at most: each takes memory."""


class Workers:
    """Starts tasks, and tells them when there are too many.

    Args:
        loop: the running event loop.
        work: the coroutine of a task. It goes on with the next key as long as `have_room()` says so.
        concurrency: keys under way at once.
        others: tells how many keys may be taken beyond that, such as in the place of those that only wait.
        on_end: called after the last task.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[], Coroutine[Any, Any, None]],
        *,
        concurrency: int,
        others: Callable[[], int],
        on_end: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._work = work
        self._concurrency = concurrency
        self._others = others
        self._on_end = on_end
        self._tasks: set[asyncio.Task[None]] = set()
        self._working = 0
        """Those that go on to the next key."""
        self._has_keys = True
        self._is_cancelled = False
        self._fault: BaseException | None = None

    def start(self, count: int) -> None:
        """Start the first ones."""
        for _ in range(count):
            self._start()
        if not self._tasks:
            self._on_end()

    def have_room(self) -> bool:
        """Tell whether there are no more workers than there should be."""
        return self._working <= self._seats()

    def no_more_keys(self) -> None:
        """Note that all keys were taken."""
        self._has_keys = False

    def leave(self) -> None:
        """Note that one takes no more keys."""
        self._working -= 1

    def replace(self) -> None:
        """Start as many as there is room for now, unless that is over at once."""
        self._loop.call_soon(self._fill)

    def raise_fault(self) -> None:
        """Raise what ended one of them before its time."""
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    async def cancel(self) -> None:
        """End all of them."""
        self._is_cancelled, self._has_keys = True, False  # and a call of `_fill` may still come
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _seats(self) -> int:
        return self._concurrency + min(self._others(), _MOST_OTHERS)

    def _fill(self) -> None:
        while self._has_keys and self._tasks and self._working < self._seats():
            self._start()

    def _start(self) -> None:
        self._working += 1
        task = self._loop.create_task(self._work())
        self._tasks.add(task)
        task.add_done_callback(self._count_out)

    def _count_out(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            fault = task.exception()  # read in any case: asyncio reports what nobody reads
            self._fault = self._fault or fault
        elif not self._is_cancelled:  # or its key would have no outcome, and nobody would know
            self._fault = self._fault or RuntimeError("somebody else cancelled a task of the batch")
        if not self._tasks:
            self._on_end()
