"""Many deadlines on one timer, each to the moment; in virtual time."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openrouter_credits._deadlines import Deadlines
from tests.kit.clock import VirtualLoop, now

TICKS = st.integers(0, 1600).map(lambda number: number / 16)
"""Seconds that add up exactly."""


@pytest.fixture
async def deadlines() -> Deadlines:
    """Deadlines on the test's loop, whose clock is set to 0."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.now = 0.0
    return Deadlines(loop)


async def hold(deadlines: Deadlines, when: float, seconds: float = math.inf) -> float | None:
    """Sleep under a deadline; return when it ended the sleep, or None if it did not."""
    try:
        with deadlines.at(when):
            await (asyncio.Future() if seconds == math.inf else asyncio.sleep(seconds))
    except TimeoutError:
        return now()
    return None


async def test_a_block_is_left_at_its_moment(deadlines: Deadlines) -> None:
    """With TimeoutError, neither before nor after: also over 5 s, where aiohttp's timers are rounded."""
    assert await hold(deadlines, 5.3) == 5.3


async def test_a_block_that_ends_in_time_is_left_alone(deadlines: Deadlines) -> None:
    """And its task is not cancelled later."""
    assert await hold(deadlines, 1.0, seconds=0.5) is None

    await asyncio.sleep(5)

    assert now() == 5.5


async def test_a_moment_that_is_past_ends_the_block_at_its_first_wait(deadlines: Deadlines) -> None:
    """Nothing is left, so nothing is waited for."""
    await asyncio.sleep(10)

    assert await hold(deadlines, 9.0) == pytest.approx(10.0)


@settings(max_examples=50)
@given(st.lists(st.tuples(TICKS, TICKS), max_size=20))
async def test_each_of_many_deadlines_is_met(plan: list[tuple[float, float]]) -> None:
    """In whatever order they are set and come; each ends its own block alone."""
    deadlines = Deadlines(asyncio.get_running_loop())

    async def one(after: float, length: float) -> bool:
        await asyncio.sleep(after)
        when = now() + length
        return await hold(deadlines, when) == pytest.approx(when)

    assert all(await asyncio.gather(*(one(after, length) for after, length in plan)))


async def test_blocks_nest(deadlines: Deadlines) -> None:
    """The earlier deadline ends its own block, inside or outside."""
    with deadlines.at(3.0):
        assert await hold(deadlines, 1.0) == 1.0
    with pytest.raises(TimeoutError), deadlines.at(4.0):
        await hold(deadlines, 9.0)

    assert now() == 4.0


async def test_a_deadline_can_be_moved(deadlines: Deadlines) -> None:
    """Later or earlier, any number of times."""
    with pytest.raises(TimeoutError), deadlines.at(1.0) as deadline:
        await asyncio.sleep(0.5)
        deadline.move(8.0)
        await asyncio.sleep(2.0)
        deadline.move(6.0)
        assert deadline.when == 6.0
        await asyncio.sleep(100)

    assert now() == 6.0


async def test_somebody_else_s_cancellation_goes_on(deadlines: Deadlines) -> None:
    """A task that is cancelled from outside is cancelled, whatever deadlines it is under."""
    task = asyncio.ensure_future(hold(deadlines, 5.0))
    await asyncio.sleep(1)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert now() == 1.0


@pytest.mark.parametrize("order", [("cancel", "call"), ("call", "cancel")])
async def test_a_cancellation_at_the_deadline_wins(order: tuple[str, str], deadlines: Deadlines) -> None:
    """Both at the same moment: the task is cancelled, and not told of a time-out instead."""
    task = asyncio.ensure_future(hold(deadlines, 5.0))
    await asyncio.sleep(1)
    for step in order:
        if step == "cancel":
            task.cancel()
        else:
            deadlines.call_all()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_that_was_cancelled_before_still_has_deadlines(deadlines: Deadlines) -> None:
    """Clean-up after a cancellation may be bounded too."""

    async def cleaning(deadlines: Deadlines) -> float | None:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            return await hold(deadlines, 7.0)
        return None

    task = asyncio.ensure_future(cleaning(deadlines))
    await asyncio.sleep(1)
    task.cancel()

    assert await task == 7.0


async def test_the_block_s_own_exception_goes_on(deadlines: Deadlines) -> None:
    """Also if it comes of the deadline's cancellation."""
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


async def test_call_all_ends_every_block_now(deadlines: Deadlines) -> None:
    """That is how `close()` ends what is under way; later blocks are not concerned."""
    tasks = [asyncio.ensure_future(hold(deadlines, when)) for when in (5.0, 50.0, math.inf)]
    await asyncio.sleep(1)
    deadlines.call_all()

    assert await asyncio.gather(*tasks) == [1.0, 1.0, 1.0]
    assert await hold(deadlines, 3.0) == 3.0


async def test_call_all_without_blocks_does_nothing(deadlines: Deadlines) -> None:
    """Closing an idle client is quiet."""
    deadlines.call_all()
    deadlines.call_all()


async def test_infinity_sets_no_timer(deadlines: Deadlines) -> None:
    """Such a block waits for `call_all` alone."""
    assert await hold(deadlines, math.inf, seconds=1000) is None


async def test_one_timer_serves_all(monkeypatch: pytest.MonkeyPatch, deadlines: Deadlines) -> None:
    """Calls with like time-outs make no timer each: that is what the class is for."""
    made = []
    loop = asyncio.get_running_loop()
    call_at = loop.call_at
    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_at", lambda when, callback, *args: made.append(when) or call_at(when, callback, *args))
        for _ in range(100):
            with deadlines.at(now() + 10):
                await asyncio.sleep(0)

    assert made == [10.0]


async def test_the_timer_looks_again_after_blocks_that_ended(deadlines: Deadlines) -> None:
    """A timer that comes for nobody sets itself for the next."""
    assert await hold(deadlines, 1.0, seconds=0.5) is None

    assert await hold(deadlines, 20.0) == 20.0
    assert await hold(deadlines, 30.0, seconds=25) == 30.0 or now() == 45.0


async def test_outside_of_a_task_is_an_error_that_says_so(deadlines: Deadlines) -> None:
    """A plain callback cannot be cancelled."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()

    def callback() -> None:
        try:
            deadlines.at(1.0).__enter__()
        except RuntimeError as error:
            told.set_result(str(error))

    loop.call_soon(callback)

    assert "from a task" in await told
