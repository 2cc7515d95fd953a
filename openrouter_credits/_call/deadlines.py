"""Deadlines of many calls at once, on one timer.

`asyncio.timeout()` makes and cancels a timer for each use: a tenth of the time that a call to a near server
takes. The deadlines of one client are nearly all equally far away, so that the earliest one seldom changes,
and one timer can serve them all.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from types import TracebackType
from typing import Self

from openrouter_credits._errors import APITimeoutError

MIN_ATTEMPT_TIME = 0.01
"""Seconds that an attempt needs at least. With less left nothing is sent: no answer could arrive in time."""

_NO_SLOT = "Raise max_connections, make fewer calls at once, or allow more time (deadline)."
_FEW = 64
"""Outdated entries that the heap may keep in any case."""


class Deadline:
    """A block that ends with `TimeoutError` at a moment of the loop's clock, or when all of them expire.

    It may be entered again until it expires.
    """

    __slots__ = ("_cancelling", "_deadlines", "_is_due", "task", "when")

    def __init__(self, deadlines: Deadlines, when: float) -> None:
        self.when = when
        """The moment, by the event loop's clock; `move` sets another one."""
        self._deadlines = deadlines
        self._is_due = False
        self._cancelling = 0
        self.task: asyncio.Task[object] | None = None
        """The task inside the block. It is forgotten at the end, or its exception's frames would live on."""

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("call this from a task: with asyncio.run(), or in an async test")
        self.task = task
        self._cancelling = task.cancelling()
        self._deadlines.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._deadlines.discard(self)
        task, self.task = self.task, None
        # As in asyncio.Timeout: our own cancellation ends here, anybody else's goes on.
        was_ours = self._is_due and task is not None and task.uncancel() <= self._cancelling
        if was_ours and kind is asyncio.CancelledError:
            raise TimeoutError

    def move(self, when: float) -> None:
        """Set another moment."""
        self._deadlines.discard(self)
        self.when = when
        self._deadlines.add(self)

    def expire(self) -> None:
        """Leave the block now, if a task is inside."""
        self._is_due = True
        self._deadlines.discard(self)
        if self.task is not None:
            self.task.cancel()


class Deadlines:
    """A group of deadlines on one event loop: of a client, or of a batch.

    Most calls end long before their deadline, so a new one is not sorted: adding and discarding it is a step
    in a dictionary. Only those that are still open when the timer fires go into a heap. However many are
    open, each costs O(log n), and those that have ended take no memory.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._new: dict[Deadline, None] = {}
        """Open since the timer fired last, in the order of their beginning; not in the heap."""
        self._old: dict[Deadline, None] = {}
        """The other open ones: in the heap, unless they are at infinity."""
        self._heap: list[tuple[float, int, Deadline]] = []
        """Moments of `_old`, earliest first; also of deadlines that have been moved or have ended."""
        self._numbers = itertools.count()
        """Decide between equal moments: first come, first expired."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        """Never later than the earliest moment of an open deadline."""

    def at(self, when: float) -> Deadline:
        """Make a deadline; `math.inf` for one that only `expire_all` reaches."""
        return Deadline(self, when)

    def add(self, deadline: Deadline) -> None:
        """Watch over a deadline."""
        self._new[deadline] = None
        if deadline.when < self._timer_at:
            self._set_timer(deadline.when)

    def discard(self, deadline: Deadline) -> None:
        """Forget a deadline; the timer stays, and finds nothing to do."""
        if deadline in self._new:
            del self._new[deadline]
        elif deadline in self._old:
            del self._old[deadline]
            if len(self._heap) > 2 * len(self._old) + _FEW:
                self._heap.clear()
                self._push(self._old)

    def expire_all(self) -> None:
        """End every block now."""
        for deadline in [*self._old, *self._new]:
            deadline.expire()
        self._set_timer(math.inf)

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if when == math.inf else self._loop.call_at(when, self._expire_due)
        self._timer_at = when

    def _expire_due(self) -> None:
        self._old |= self._new
        self._push(self._new)
        self._new.clear()
        now = max(self._timer_at, self._loop.time())  # a timer may fire a clock tick early
        while self._heap and (self._heap[0][0] <= now or self._is_outdated(self._heap[0])):
            entry = heapq.heappop(self._heap)
            if not self._is_outdated(entry):
                entry[2].expire()
        self._set_timer(self._heap[0][0] if self._heap else math.inf)

    def _push(self, deadlines: dict[Deadline, None]) -> None:
        for deadline in deadlines:
            if deadline.when != math.inf:
                heapq.heappush(self._heap, (deadline.when, next(self._numbers), deadline))

    def _is_outdated(self, entry: tuple[float, int, Deadline]) -> bool:
        when, _, deadline = entry
        return deadline not in self._old or deadline.when != when


def is_for_others(
    problem: BaseException, task: asyncio.Task[object] | None, loop: asyncio.AbstractEventLoop
) -> bool:
    """Tell whether an exception in a task is to end the task or the program: no library raised it by itself.

    A library may raise `CancelledError` though nobody cancelled the task: it awaited another one that was.
    """
    match problem:
        case asyncio.CancelledError():
            return task is None or task.cancelling() > 0
        case GeneratorExit():  # a coroutine that is dropped is closed outside its task
            return asyncio.current_task(loop) is not task
        case _:
            return not isinstance(problem, Exception)


def unsent(left: float, *, was_queued: bool) -> APITimeoutError:
    """Make the error of a call whose deadline came before anything was sent."""
    seconds = f"{max(0.0, left):.3g} s"
    if was_queued:
        text = f"Timed out: no connection was free in time ({seconds})"
        return APITimeoutError(text, sent=False, remedy=_NO_SLOT)
    return APITimeoutError(f"Timed out: {seconds} are too little to send a request", sent=False)
