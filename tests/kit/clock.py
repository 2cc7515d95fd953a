"""Virtual time: a loop whose timers fire at once and in order, with real sockets or without. All times are in seconds.

Tests run on this loop unless they are marked `real_time`. A machine that is slow, or stands still for a moment, then changes nothing: time
passes only when nothing else can happen. So `elapsed` is exact, a wait of an hour takes no time, and `settle()` says that all is quiet.
"""

from __future__ import annotations

import asyncio
import functools
import random
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from attrs import define

T = TypeVar("T")
P = ParamSpec("P")

QUIET = 0.02
"""Real seconds without news from any socket, after which nothing is on its way between two sockets of this process."""
STANDSTILL = 0.5
"""Real seconds that a busy machine may stand still; whoever bounds real time from above adds them."""
_TICK = 1e-9
_DEADLOCK = 40.0


class _NoWaiting(selectors.DefaultSelector):
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
        has_sockets = len(self.get_map()) > 1  # the first is the loop's own, which wakes it up
        if self.loop.threads:
            ready = super().select(timeout)
        elif has_sockets:
            ready = super().select(min(timeout, QUIET))
        if not ready:
            self.loop.now += max(timeout, _TICK)  # a timer due now must not find that no time has passed
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time; only what runs in a thread is waited for in real time."""

    def __init__(self) -> None:
        selector = _NoWaiting()
        selector.loop = self
        self.now = 1024.0
        self.threads = 0
        super().__init__(selector)

    @property
    def has_work(self) -> bool:
        """Whether something can run without time passing."""
        return bool(self._ready)  # type: ignore[attr-defined]  # private; nothing public says so

    def time(self) -> float:
        """Return the virtual time."""
        return self.now

    def run_in_executor(self, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # hands on what it is given
        """Note that a thread works, which virtual time must not overtake."""
        future = super().run_in_executor(*args)
        self.threads += 1
        future.add_done_callback(self._count_thread_out)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        """Wait for the threads; from Python 3.12 on there is a time-out around that."""
        self.threads += 1
        await super().shutdown_default_executor(*args)
        self.threads -= 1

    def _count_thread_out(self, _: object) -> None:
        self.threads -= 1


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time, always with the same dice; it must leave no task, and nothing for the loop to report."""

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


def allowance() -> float:
    """Return the seconds to add to an upper bound of the running loop's time: none in virtual time, which no machine can hold up."""
    return 0.0 if isinstance(asyncio.get_running_loop(), VirtualLoop) else STANDSTILL


def timers() -> list[asyncio.TimerHandle]:
    """List what the running loop still has to do at some time."""
    loop: Any = asyncio.get_running_loop()
    return [timer for timer in loop._scheduled if not timer.cancelled()]


async def until(is_true: Callable[[], object]) -> None:
    """Wait for something that another task, a server or a thread brings about; no virtual time passes meanwhile."""
    while not is_true():
        await asyncio.sleep(0)


async def settle() -> None:
    """Wait until nothing happens any more by itself: all that was sent has arrived, and whoever waits, waits."""
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
    yield measured
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
