"""Deadlines of many calls at once, on one timer.

`asyncio.timeout()` makes and cancels a timer for each use: a tenth of the time that a call to a near server
takes. The deadlines of one client are nearly all equally far away, so that the earliest one seldom changes,
and one timer can serve them all.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Self

MIN_ATTEMPT_TIME = 0.01
"""Seconds that an attempt needs at least. With less left nothing is sent: no answer could arrive in time."""


class Deadline:
    """A block that ends with `TimeoutError` at a moment of the loop's clock, or when all of them expire.

    It may be entered again until it expires.
    """

    __slots__ = ("_cancelling", "_deadlines", "_is_due", "_task", "_when")

    def __init__(self, deadlines: Deadlines, when: float) -> None:
        self._deadlines = deadlines
        self._when = when
        self._is_due = False
        self._cancelling = 0
        self._task: asyncio.Task[object] | None = None
        """The task inside the block. It is forgotten at the end, or its exception's frames would live on."""

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("call this from a task: with asyncio.run(), or in an async test")
        self._task = task
        self._cancelling = task.cancelling()
        self._deadlines.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._deadlines.discard(self)
        task, self._task = self._task, None
        # As in asyncio.Timeout: our own cancellation ends here, anybody else's goes on.
        was_ours = self._is_due and task is not None and task.uncancel() <= self._cancelling
        if was_ours and kind is asyncio.CancelledError:
            raise TimeoutError

    @property
    def when(self) -> float:
        """The moment, by the event loop's clock."""
        return self._when

    def move(self, when: float) -> None:
        """Set another moment."""
        self._when = when
        self._deadlines.add(self)

    def expire(self) -> None:
        """Leave the block now, if a task is inside."""
        self._is_due = True
        self._deadlines.discard(self)
        if self._task is not None:
            self._task.cancel()


class Deadlines:
    """A group of deadlines on one event loop: of a client, or of a batch."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    def at(self, when: float) -> Deadline:
        """Make a deadline; `math.inf` for one that only `expire_all` reaches."""
        return Deadline(self, when)

    def add(self, deadline: Deadline) -> None:
        """Watch over a deadline."""
        self._open.add(deadline)
        if deadline.when < self._timer_at:
            self._set_timer(deadline.when)

    def discard(self, deadline: Deadline) -> None:
        """Forget a deadline; the timer stays, and finds nothing to do."""
        self._open.discard(deadline)

    def expire_all(self) -> None:
        """End every block now."""
        for deadline in list(self._open):
            deadline.expire()
        self._set_timer(math.inf)

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if when == math.inf else self._loop.call_at(when, self._expire_due)
        self._timer_at = when

    def _expire_due(self) -> None:
        for deadline in [deadline for deadline in self._open if deadline.when <= self._timer_at]:
            deadline.expire()
        self._set_timer(min((deadline.when for deadline in self._open), default=math.inf))
