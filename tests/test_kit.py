"""Virtual time itself: what the other tests rely on."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import pytest

from .kit.clock import VirtualLoop, allowance, lap, now, run, settle, until, working_outside
from .kit.values import ONCE
from .kit.wire import FUNDED, Connect, Serve, Wire


async def test_an_hour_takes_no_time() -> None:
    """Timers fire at once and in their order; the clock says when each was due."""
    fired: list[tuple[str, float]] = []
    began = now()

    async def sleep(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        fired.append((name, now() - began))

    await asyncio.gather(sleep("hour", 3600), sleep("minute", 60))

    assert fired == [("minute", pytest.approx(60)), ("hour", pytest.approx(3600))]
    assert allowance() == 0


async def test_timers_of_one_moment_fire_in_their_order() -> None:
    """Timers for the same moment fire in the order in which they were set."""
    fired: list[int] = []
    for number in range(20):
        asyncio.get_running_loop().call_later(1, fired.append, number)

    await asyncio.sleep(1)

    assert fired == list(range(20))


async def test_a_process_that_stands_still_is_not_late(serve: Serve, connect: Connect) -> None:
    """An answer that takes 0.2 real seconds is in time for a time-out of 0.05 virtual ones."""

    async def stand_still(wire: Wire) -> None:
        time.sleep(0.2)
        await wire.write(FUNDED)

    server = await serve(stand_still)

    with lap() as taken:
        wallet = await connect(server, timeout=0.05, retry=ONCE).credits()

    assert str(wallet.remaining) == "74.75"
    assert taken.elapsed == 0


async def test_settling_lets_everything_arrive(serve: Serve, connect: Connect) -> None:
    """After settle() nothing is on its way any more: the call has been made, answered and returned."""
    server = await serve(FUNDED)
    call = asyncio.ensure_future(connect(server).credits())

    await settle()

    assert call.done()


async def test_a_thread_is_waited_for() -> None:
    """Virtual time does not overtake a thread's real time: its 0.05 s do not reach a time-out of 30 s."""
    async with asyncio.timeout(30):
        await asyncio.to_thread(time.sleep, 0.05)


async def test_a_thread_that_nobody_awaits_any_more_is_waited_for() -> None:
    """A cancelled call leaves its thread at work, and virtual time still does not overtake that."""
    release, ended = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        release.wait()
        time.sleep(0.05)
        loop.call_soon_threadsafe(ended.set)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.to_thread(work), 0.05)
    release.set()

    await asyncio.wait_for(ended.wait(), 30)


@pytest.mark.process
async def test_another_process_is_waited_for() -> None:
    """A child process works in real time: a time-out of 30 s is not reached while it sleeps for 0.2."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(0.2)")

    with working_outside():
        code = await asyncio.wait_for(child.wait(), 30)

    assert code == 0


async def test_a_block_that_raises_is_timed_too() -> None:
    """lap() measures a block that ends in an exception."""
    with pytest.raises(TimeoutError), lap() as taken:
        async with asyncio.timeout(3):
            await asyncio.sleep(60)

    assert taken.elapsed == pytest.approx(3)


async def test_a_condition_that_never_comes_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """until() gives up in real time, since it lets no virtual time pass."""
    monkeypatch.setattr("tests.kit.clock._DEADLOCK", 0.05)

    with pytest.raises(AssertionError, match="never became true"):
        await until(lambda: False)


@pytest.mark.real_time
async def test_real_time_is_there_for_those_who_ask() -> None:
    """A test marked `real_time` runs on an ordinary loop, with upper bounds that allow for a standstill."""
    assert not isinstance(asyncio.get_running_loop(), VirtualLoop)
    assert allowance() == 0.5


def test_a_task_that_is_left_fails_the_run() -> None:
    """run() demands that its coroutine leaves no task behind."""

    async def leave() -> None:
        asyncio.get_running_loop().create_task(asyncio.sleep(60), name="left")

    with pytest.raises(AssertionError, match="tasks are left"):
        run(leave())


def test_an_exception_that_nobody_sees_fails_the_run() -> None:
    """run() demands that the event loop has no exception to report."""

    async def lose() -> None:
        asyncio.get_running_loop().create_future().set_exception(OSError())

    with pytest.raises(AssertionError, match="the event loop was told"):
        run(lose())


def test_the_dice_are_always_the_same() -> None:
    """run() seeds the random numbers, so that a simulation ends the same way each time."""

    async def roll() -> float:
        import random

        return random.random()

    assert run(roll()) == run(roll())
