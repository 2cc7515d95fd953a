"""Many deadlines on one timer: each ends its own block at its own moment."""

from __future__ import annotations

import asyncio
import gc
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openrouter_credits._call.deadlines import Deadline, Deadlines, is_for_others
from tests.kit.clock import VirtualLoop, now, timers

TICKS = st.integers(0, 1600).map(lambda number: number / 16)
"""Multiples of 1/16 s, whose sums are exact in binary."""


@pytest.fixture
async def deadlines() -> Deadlines:
    """Make deadlines on the test's loop, and set its clock to 0."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.now = 0.0
    return Deadlines(loop)


async def hold(deadlines: Deadlines, when: float, seconds: float = math.inf) -> float | None:
    """Sleep under a deadline; return the time at which it ended the sleep, or None if it did not."""
    try:
        with deadlines.at(when):
            await (asyncio.Future() if seconds == math.inf else asyncio.sleep(seconds))
    except TimeoutError:
        return now()
    return None


async def test_a_block_is_left_at_its_moment(deadlines: Deadlines) -> None:
    """A deadline over 5 s ends its block exactly on time, although aiohttp would round such a timer."""
    assert await hold(deadlines, 5.3) == 5.3


async def test_a_block_that_ends_in_time_is_left_alone(deadlines: Deadlines) -> None:
    """A block that ends before its deadline is not interrupted, and its task is not cancelled later."""
    assert await hold(deadlines, 1.0, seconds=0.5) is None

    await asyncio.sleep(5)

    assert now() == 5.5


async def test_a_moment_that_is_past_ends_the_block_at_its_first_wait(deadlines: Deadlines) -> None:
    """A deadline in the past ends its block at the first await."""
    await asyncio.sleep(10)

    assert await hold(deadlines, 9.0) == pytest.approx(10.0)


@settings(max_examples=50)
@given(st.lists(st.tuples(TICKS, TICKS), max_size=20))
async def test_each_of_many_deadlines_is_met(plan: list[tuple[float, float]]) -> None:
    """Each of many deadlines ends its own block on time, in whatever order they are set and reached."""
    deadlines = Deadlines(asyncio.get_running_loop())

    async def one(after: float, length: float) -> bool:
        await asyncio.sleep(after)
        when = now() + length
        return await hold(deadlines, when) == pytest.approx(when)

    assert all(await asyncio.gather(*(one(after, length) for after, length in plan)))


async def test_blocks_nest(deadlines: Deadlines) -> None:
    """Of two nested blocks, the one with the earlier deadline ends first."""
    with deadlines.at(3.0):
        assert await hold(deadlines, 1.0) == 1.0
    with pytest.raises(TimeoutError), deadlines.at(4.0):
        await hold(deadlines, 9.0)

    assert now() == 4.0


async def test_a_deadline_can_be_moved(deadlines: Deadlines) -> None:
    """A deadline can be moved later and earlier while its block runs."""
    with pytest.raises(TimeoutError), deadlines.at(1.0) as deadline:
        await asyncio.sleep(0.5)
        deadline.move(8.0)
        await asyncio.sleep(2.0)
        deadline.move(6.0)
        assert deadline.when == 6.0
        await asyncio.sleep(100)

    assert now() == 6.0


async def test_somebody_else_s_cancellation_goes_on(deadlines: Deadlines) -> None:
    """Cancelling a task that is under a deadline raises CancelledError at once, not TimeoutError."""
    task = asyncio.ensure_future(hold(deadlines, 5.0))
    await asyncio.sleep(1)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert now() == 1.0


@pytest.mark.parametrize("order", [("cancel", "call"), ("call", "cancel")])
async def test_a_cancellation_at_the_deadline_wins(order: tuple[str, str], deadlines: Deadlines) -> None:
    """If a cancellation and the deadline meet, the task raises CancelledError, not TimeoutError."""
    task = asyncio.ensure_future(hold(deadlines, 5.0))
    await asyncio.sleep(1)
    for step in order:
        if step == "cancel":
            task.cancel()
        else:
            deadlines.expire_all()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_that_was_cancelled_before_still_has_deadlines(deadlines: Deadlines) -> None:
    """A deadline works in a task that has caught a cancellation, so that clean-up can be bounded."""

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
    """A block's own exception is raised unchanged, even if the block raises it when its deadline ends it."""
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


async def test_expire_all_ends_every_block_now(deadlines: Deadlines) -> None:
    """expire_all() ends every open block at once, as close() needs it, and does not touch later blocks."""
    tasks = [asyncio.ensure_future(hold(deadlines, when)) for when in (5.0, 50.0, math.inf)]
    await asyncio.sleep(1)
    deadlines.expire_all()

    assert await asyncio.gather(*tasks) == [1.0, 1.0, 1.0]
    assert await hold(deadlines, 3.0) == 3.0


async def test_expire_all_without_blocks_does_nothing(deadlines: Deadlines) -> None:
    """expire_all() may be called again and without open blocks; nothing happens."""
    deadlines.expire_all()
    deadlines.expire_all()


async def test_infinity_sets_no_timer(deadlines: Deadlines) -> None:
    """A deadline at infinity sets no timer and never ends its block by itself."""
    with deadlines.at(math.inf):
        assert timers() == []

        await asyncio.sleep(1000)

    assert now() == 1000.0


async def test_one_timer_serves_all(monkeypatch: pytest.MonkeyPatch, deadlines: Deadlines) -> None:
    """A hundred deadlines, none earlier than the one before it, set one timer."""
    set_for: list[float] = []
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    call_at = loop.call_at

    def noted(when: float, *args: Any, **options: Any) -> asyncio.TimerHandle:
        set_for.append(when)
        return call_at(when, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_at", noted)
        for number in range(100):
            with deadlines.at(now() + 10):
                loop.now += 0.05 * (number % 2)

    assert set_for == [10.0]


async def test_the_timer_looks_again_after_blocks_that_ended(deadlines: Deadlines) -> None:
    """A timer that fires after its block has ended is set again for the next deadline."""
    assert await hold(deadlines, 1.0, seconds=0.5) is None

    assert await hold(deadlines, 20.0) == 20.0
    assert await hold(deadlines, 30.0, seconds=25) == 30.0


async def test_outside_of_a_task_is_an_error_that_says_so(deadlines: Deadlines) -> None:
    """A deadline entered in a plain callback, which cannot be cancelled, raises RuntimeError with advice."""
    loop = asyncio.get_running_loop()
    message: asyncio.Future[str] = loop.create_future()

    def callback() -> None:
        try:
            deadlines.at(1.0).__enter__()
        except RuntimeError as error:
            message.set_result(str(error))

    loop.call_soon(callback)

    assert "from a task" in await message


async def test_a_deadline_outside_of_its_block_expires_without_harm(deadlines: Deadlines) -> None:
    """A deadline that expires while no task is inside cancels nobody."""
    deadline = deadlines.at(math.inf)

    deadline.expire()

    await asyncio.sleep(0)


class Counted(float):
    """A moment that counts how often it is compared."""

    compared = 0

    def __lt__(self, other: float) -> bool:
        Counted.compared += 1
        return float(self) < float(other)

    def __le__(self, other: float) -> bool:
        Counted.compared += 1
        return float(self) <= float(other)

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return float(self) == other

    def __hash__(self) -> int:
        return super().__hash__()


async def test_the_work_for_a_deadline_hardly_grows_with_their_number(
    monkeypatch: pytest.MonkeyPatch, deadlines: Deadlines
) -> None:
    """A thousand open deadlines, each at its own moment, take some 30 comparisons each, not a thousand."""
    monkeypatch.setattr(Counted, "compared", 0)
    moments = [Counted(2 + number * 7 % 1000 / 1000) for number in range(1000)]

    ended_at = await asyncio.gather(*(hold(deadlines, moment) for moment in moments))

    assert ended_at == [pytest.approx(float(moment)) for moment in moments]
    assert Counted.compared < 50_000


def alive() -> int:
    """Count the deadlines in memory."""
    gc.collect()
    return sum(isinstance(item, Deadline) for item in gc.get_objects())


async def test_ended_deadlines_take_no_memory(deadlines: Deadlines) -> None:
    """Deadlines that have ended are forgotten, whether the timer has fired meanwhile or not."""
    before = alive()
    first = asyncio.ensure_future(hold(deadlines, 1.0))
    slow = [asyncio.ensure_future(hold(deadlines, 3600.0, seconds=2)) for _ in range(1000)]
    await asyncio.gather(first, *slow)
    for _ in range(1000):
        assert await hold(deadlines, 3600.0, seconds=0) is None

    assert now() == 2.0
    assert alive() - before < 100


async def test_a_deadline_can_be_moved_after_the_timer_has_fired(deadlines: Deadlines) -> None:
    """A deadline that was open when the timer fired can still be moved later, earlier, and to infinity."""
    other = asyncio.ensure_future(hold(deadlines, 1.0))
    with pytest.raises(TimeoutError), deadlines.at(4.0) as deadline:
        await asyncio.sleep(2)
        deadline.move(9.0)
        await asyncio.sleep(4)
        deadline.move(math.inf)
        await asyncio.sleep(100)
        deadline.move(120.0)
        await asyncio.sleep(100)

    assert await other == 1.0
    assert now() == 120.0


async def test_expire_all_ends_old_and_new_blocks(deadlines: Deadlines) -> None:
    """expire_all() ends blocks that began before the timer fired, and after it; none is ended again later."""
    old = [asyncio.ensure_future(hold(deadlines, when)) for when in (1.0, 50.0, math.inf)]
    await asyncio.sleep(2)
    new = asyncio.ensure_future(hold(deadlines, 60.0))
    await asyncio.sleep(1)
    deadlines.expire_all()

    assert await asyncio.gather(*old, new) == [1.0, 3.0, 3.0, 3.0]
    assert await hold(deadlines, 100.0, seconds=90) is None


async def test_equal_moments_expire_in_the_order_of_their_beginning(deadlines: Deadlines) -> None:
    """Deadlines at one moment expire in the order in which their blocks began."""
    ended: list[int] = []

    async def one(number: int) -> None:
        await hold(deadlines, 5.0)
        ended.append(number)

    await asyncio.gather(*(one(number) for number in range(200)))

    assert ended == list(range(200))


# Exceptions that end a task


async def test_only_a_cancelled_task_is_ended_by_a_cancellation() -> None:
    """A CancelledError is for others in a task that was cancelled, and else whoever raised it told it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    before = is_for_others(asyncio.CancelledError(), task, loop)
    task.cancel()
    after = is_for_others(asyncio.CancelledError(), task, loop)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0)
    task.uncancel()

    assert (before, after) == (False, True)


async def test_only_a_coroutine_that_is_dropped_is_closed() -> None:
    """A GeneratorExit is for others outside its task, where a coroutine that is dropped is closed."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    other = loop.create_task(asyncio.sleep(0))

    assert not is_for_others(GeneratorExit(), task, loop)
    assert is_for_others(GeneratorExit(), other, loop)
    await other


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (KeyboardInterrupt(), True),
        (SystemExit(), True),
        (BaseExceptionGroup("many", [KeyboardInterrupt()]), True),
        (ExceptionGroup("many", [ValueError()]), False),
        (TimeoutError(), False),
    ],
    ids=lambda item: type(item).__name__,
)
async def test_what_is_no_exception_of_a_library_is_for_others(
    problem: BaseException, expected: bool
) -> None:
    """KeyboardInterrupt, SystemExit and groups of them are for others; an Exception is not."""
    loop = asyncio.get_running_loop()

    assert is_for_others(problem, asyncio.current_task(), loop) is expected
