"""Virtual time: a loop whose timers fire at once and in order, with real sockets or without.

Tests run on this loop unless they are marked `real_time`. A machine that is slow, or stands still for a
moment, then changes nothing: time passes only when nothing else can happen. So `elapsed` is exact, a wait of
an hour takes no time, and `settle()` says that all is quiet. All times are in seconds.
"""

from __future__ import annotations

import asyncio
import functools
import heapq
import itertools
import random
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, ParamSpec, TypeVar

from attrs import define

T = TypeVar("T")
P = ParamSpec("P")

QUIET = 0.02
"""Real seconds without news from a socket, after which nothing is on its way between two of this process."""
STANDSTILL = 0.5
"""Real seconds that a busy machine may stand still: part of every upper bound of real time."""
_TICK = 1e-9
_DEADLOCK = 40.0


class _VirtualSelector(selectors.DefaultSelector):
    """Lets the time of its loop pass instead of waiting for it."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or self.loop.has_work:
            return ready
        if timeout is None:  # only a thread, another process or another event loop can go on
            ready = super().select(_DEADLOCK)
            assert ready, f"deadlock: nothing has happened for {_DEADLOCK} s"
            return ready
        if self.loop.at_work_outside:
            return self._select_in_real_time(timeout)
        if len(self.get_map()) > 1:  # there are sockets beside the loop's own, which wakes it up
            ready = super().select(min(timeout, QUIET))
        if timeout and not ready:
            # less could be lost in rounding, and the clock would stand still
            self.loop.now += max(timeout, _TICK)
        return ready

    def _select_in_real_time(self, timeout: float) -> Any:
        began = time.monotonic()  # noqa: TID251 - a thread or a process works in real time
        ready = super().select(timeout)
        passed = time.monotonic() - began  # noqa: TID251 - a thread or a process works in real time
        self.loop.now += min(passed, timeout) if ready else max(timeout, _TICK)
        return ready


class _Timer(asyncio.TimerHandle):
    """A timer that fires after those set before it for the same moment, which are many in virtual time."""

    __slots__ = ("_number",)
    _numbers = itertools.count()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._number = next(self._numbers)

    def __lt__(self, other: Any) -> bool:
        return (self._when, self._number) < (other._when, other._number)  # type: ignore[attr-defined]  # private


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, or in real time while a thread or another process works for the test."""

    def __init__(self) -> None:
        selector = _VirtualSelector()
        selector.loop = self
        self.now = 1024.0
        self.at_work_outside = 0
        """How many threads and processes work for the test."""
        self._pool: ThreadPoolExecutor | None = None
        super().__init__(selector)

    @property
    def has_work(self) -> bool:
        """Whether something can run without time passing."""
        return bool(self._ready)  # type: ignore[attr-defined]  # private; nothing public says so

    def time(self) -> float:
        """Return the virtual time."""
        return self.now

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]  # hands on what it is given
        """Set a timer; those for the same moment fire in the order in which they were set."""
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]  # private: there is no other way
        timer._scheduled = True  # type: ignore[attr-defined]  # private: a set timer is marked so
        return timer

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]  # hands on what it is given
        """Note that a thread works, which virtual time must not overtake, even if the call is cancelled."""
        if executor is None:
            executor = self._pool = self._pool or ThreadPoolExecutor()
            self.set_default_executor(executor)
        work = executor.submit(func, *args)
        self.at_work_outside += 1
        future = asyncio.wrap_future(work, loop=self)
        # after the callback of wrap_future: first the result arrives
        work.add_done_callback(self._thread_has_ended)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        """Wait for the threads; from Python 3.12 on there is a time-out around that."""
        self.at_work_outside += 1
        await super().shutdown_default_executor(*args)
        self.at_work_outside -= 1

    def _thread_has_ended(self, _: object) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            self.call_soon_threadsafe(self._count_thread_out)

    def _count_thread_out(self) -> None:
        self.at_work_outside -= 1


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time and with a fixed seed; it must leave no task or exception unseen."""

    async def run_alone() -> T:
        try:
            return await main
        finally:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks are left: {left}"

    random.seed(1)
    reported: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: reported.append(context))
        value = runner.run(run_alone())
    assert not reported, f"the event loop was told: {reported}"
    return value


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Make a test whose coroutine is handed to `run()`."""

    @functools.wraps(test)
    def run_test(*args: P.args, **kwargs: P.kwargs) -> None:
        run(test(*args, **kwargs))

    return run_test


def now() -> float:
    """Return the running loop's time."""
    return asyncio.get_running_loop().time()


@contextmanager
def working_outside() -> Iterator[None]:
    """Let time pass in real time, while a thread or a process works that the loop does not know of."""
    loop: Any = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        yield
        return
    loop.at_work_outside += 1
    try:
        yield
    finally:
        loop.at_work_outside -= 1


def allowance() -> float:
    """Return the seconds to add to an upper bound of the running loop's time.

    In virtual time there are none, since no machine can hold it up.
    """
    return 0.0 if isinstance(asyncio.get_running_loop(), VirtualLoop) else STANDSTILL


def timers() -> list[asyncio.TimerHandle]:
    """List the timers of the running loop that are still set."""
    loop: Any = asyncio.get_running_loop()
    return [timer for timer in loop._scheduled if not timer.cancelled()]


async def until(is_true: Callable[[], object]) -> None:
    """Wait for a condition that another task, a server or a thread makes true.

    No virtual time passes: no timer can make it true.
    """
    give_up_at = time.monotonic() + _DEADLOCK  # noqa: TID251 - a condition that never comes must not spin for ever
    while not is_true():
        assert time.monotonic() < give_up_at, "the condition never became true"  # noqa: TID251 - bounds the wait in real time
        await asyncio.sleep(0)


async def settle() -> None:
    """Wait until no task can go on without a timer: all sent has arrived. 20 ms of virtual time pass."""
    await asyncio.sleep(QUIET)


@define
class Lap:
    """How long a block took, by the running loop's clock."""

    began: float
    elapsed: float = 0.0


@contextmanager
def lap() -> Iterator[Lap]:
    """Time a block by the running loop's clock: exactly, unless the test is marked `real_time`."""
    measured = Lap(now())
    try:
        yield measured
    finally:
        measured.elapsed = now() - measured.began


class FakeTime:
    """A clock that only sleeping moves, for `retry()`; it notes each sleep."""

    def __init__(self, draw: float = 0.5) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._draw = draw

    def clock(self) -> float:
        """Return the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.slept.append(seconds)
        self.now += seconds

    def draw(self) -> float:
        """Return the same number from 0 to 1 each time."""
        return self._draw

    def injected(self) -> dict[str, Any]:
        """Return the private parameters of `retry()`."""
        return {"clock": self.clock, "sleep": self.sleep, "draw": self.draw}
