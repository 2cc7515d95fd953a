"""Many deadlines on one timer, each to the moment; in virtual time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest
from _raw import run_virtually
from hypothesis import given, settings
from hypothesis import strategies as st

from openrouter_credits._deadlines import Deadlines

TICKS = st.integers(0, 1600).map(lambda number: number / 16)
"""Seconds that add up exactly."""
Body = Callable[[asyncio.AbstractEventLoop, Deadlines], Awaitable[None]]


def in_virtual_time(body: Body) -> None:
    """Run a test's body with a loop and its deadlines."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await body(loop, Deadlines(loop))

    run_virtually(main())


async def hold(deadlines: Deadlines, when: float, seconds: float = math.inf) -> float | None:
    """Sleep under a deadline; return when it ended the sleep, or None if it did not."""
    loop = asyncio.get_running_loop()
    try:
        with deadlines.at(when):
            await (loop.create_future() if seconds == math.inf else asyncio.sleep(seconds))
    except TimeoutError:
        return loop.time()
    return None


def test_a_block_is_left_at_its_moment() -> None:
    """With TimeoutError, neither before nor after: also over 5 s, where aiohttp's timers are rounded."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        assert await hold(deadlines, 5.3) == 5.3

    in_virtual_time(body)


def test_a_block_that_ends_in_time_is_left_alone() -> None:
    """And its task is not cancelled later."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        assert await hold(deadlines, 1.0, seconds=0.5) is None

        await asyncio.sleep(5)

        assert loop.time() == 5.5

    in_virtual_time(body)


def test_a_moment_that_is_past_ends_the_block_at_its_first_wait() -> None:
    """Nothing is left, so nothing is waited for."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        await asyncio.sleep(10)

        assert await hold(deadlines, 9.0) == 10.0

    in_virtual_time(body)


@settings(max_examples=50)
@given(st.lists(st.tuples(TICKS, TICKS), max_size=20))
def test_each_of_many_deadlines_is_met(plan: list[tuple[float, float]]) -> None:
    """In whatever order they are set and come; each ends its own block alone."""

    async def one(deadlines: Deadlines, after: float, length: float) -> bool:
        await asyncio.sleep(after)
        when = asyncio.get_running_loop().time() + length
        return await hold(deadlines, when) == when

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        assert all(await asyncio.gather(*(one(deadlines, after, length) for after, length in plan)))

    in_virtual_time(body)


def test_blocks_nest() -> None:
    """The earlier deadline ends its own block, inside or outside."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        with deadlines.at(3.0):
            assert await hold(deadlines, 1.0) == 1.0
        with pytest.raises(TimeoutError), deadlines.at(4.0):
            await hold(deadlines, 9.0)

        assert loop.time() == 4.0

    in_virtual_time(body)


def test_a_deadline_can_be_moved() -> None:
    """Later or earlier, any number of times."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        with pytest.raises(TimeoutError), deadlines.at(1.0) as deadline:
            await asyncio.sleep(0.5)
            deadline.move(8.0)
            await asyncio.sleep(2.0)
            deadline.move(6.0)
            assert deadline.when == 6.0
            await asyncio.sleep(100)

        assert loop.time() == 6.0

    in_virtual_time(body)


def test_somebody_else_s_cancellation_goes_on() -> None:
    """A task that is cancelled from outside is cancelled, whatever deadlines it is under."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        task = asyncio.ensure_future(hold(deadlines, 5.0))
        await asyncio.sleep(1)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert loop.time() == 1.0

    in_virtual_time(body)


@pytest.mark.parametrize("order", [("cancel", "call"), ("call", "cancel")])
def test_a_cancellation_at_the_deadline_wins(order: tuple[str, str]) -> None:
    """Both at the same moment: the task is cancelled, and not told of a time-out instead."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        task = asyncio.ensure_future(hold(deadlines, 5.0))
        await asyncio.sleep(1)
        for step in order:
            if step == "cancel":
                task.cancel()
            else:
                deadlines.call_all()

        with pytest.raises(asyncio.CancelledError):
            await task

    in_virtual_time(body)


def test_a_task_that_was_cancelled_before_still_has_deadlines() -> None:
    """Clean-up after a cancellation may be bounded too."""

    async def cleaning(deadlines: Deadlines) -> float | None:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            return await hold(deadlines, 7.0)
        return None

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        task = asyncio.ensure_future(cleaning(deadlines))
        await asyncio.sleep(1)
        task.cancel()

        assert await task == 7.0

    in_virtual_time(body)


def test_the_block_s_own_exception_goes_on() -> None:
    """Also if it comes of the deadline's cancellation."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        task = asyncio.current_task()
        assert task is not None
        with pytest.raises(ZeroDivisionError), deadlines.at(1.0):
            try:
                await asyncio.sleep(5)
            finally:
                raise ZeroDivisionError
        with pytest.raises(KeyError), deadlines.at(9.0):
            raise KeyError

        assert task.cancelling() == 0
        await asyncio.sleep(100)

    in_virtual_time(body)


def test_call_all_ends_every_block_now() -> None:
    """That is how `close()` ends what is under way; later blocks are not concerned."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        tasks = [asyncio.ensure_future(hold(deadlines, when)) for when in (5.0, 50.0, math.inf)]
        await asyncio.sleep(1)
        deadlines.call_all()

        assert await asyncio.gather(*tasks) == [1.0, 1.0, 1.0]
        assert await hold(deadlines, 3.0) == 3.0

    in_virtual_time(body)


def test_call_all_without_blocks_does_nothing() -> None:
    """Closing an idle client is quiet."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        deadlines.call_all()
        deadlines.call_all()

    in_virtual_time(body)


def test_infinity_sets_no_timer() -> None:
    """Such a block waits for `call_all` alone."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        assert await hold(deadlines, math.inf, seconds=1000) is None

    in_virtual_time(body)


def test_one_timer_serves_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls with like time-outs make no timer each: that is what the class is for."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        made = []
        call_at = loop.call_at
        with monkeypatch.context() as patch:
            patch.setattr(loop, "call_at", lambda when, callback, *args: made.append(when) or call_at(when, callback, *args))
            for _ in range(100):
                with deadlines.at(loop.time() + 10):
                    await asyncio.sleep(0)

        assert made == [10.0]

    in_virtual_time(body)


def test_the_timer_looks_again_after_blocks_that_ended() -> None:
    """A timer that comes for nobody sets itself for the next."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        assert await hold(deadlines, 1.0, seconds=0.5) is None

        assert await hold(deadlines, 20.0) == 20.0
        assert await hold(deadlines, 30.0, seconds=25) == 30.0 or loop.time() == 45.0

    in_virtual_time(body)


def test_outside_of_a_task_is_an_error_that_says_so() -> None:
    """A plain callback cannot be cancelled."""

    async def body(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        told: asyncio.Future[str] = loop.create_future()

        def callback() -> None:
            try:
                deadlines.at(1.0).__enter__()
            except RuntimeError as error:
                told.set_result(str(error))

        loop.call_soon(callback)

        assert "from a task" in await told

    in_virtual_time(body)
