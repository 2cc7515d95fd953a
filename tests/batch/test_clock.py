"""The clock of a batch, which leaves out the time in which the event loop did not run."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from openrouter_credits._batch.clock import BEAT, RunningClock
from tests.kit.clock import now, timers, virtual

COUNTED = 0.5
"""Seconds of a standstill that count, because the loop may be so late while it runs."""


class Beats:
    """A clock on the running loop, which notes the times of its beats."""

    def __init__(self) -> None:
        self.loop: Any = asyncio.get_running_loop()
        self.began_at = self.loop.time()
        self.at: list[float] = []
        self.clock = RunningClock(self.loop, lambda: self.at.append(self.passed()))

    def passed(self) -> float:
        """Return the seconds since the clock was made, by itself."""
        return self.clock.now() - self.began_at

    async def stop_for(self, seconds: float) -> None:
        """Let the process stand still: no timer fires meanwhile."""
        self.loop.now += seconds
        for _ in range(2):  # this task was ready before the timer of the beat
            await asyncio.sleep(0)


@virtual
async def test_it_beats_four_times_a_second() -> None:
    """The clock shows the event loop's time, and calls a function every quarter of a second."""
    beats = Beats()

    assert now() == beats.clock.now()
    await asyncio.sleep(1.1)

    assert now() == beats.clock.now()
    assert pytest.approx([0.25, 0.5, 0.75, 1.0]) == beats.at
    assert -math.inf == beats.clock.resumed_at
    beats.clock.close()


@virtual
async def test_a_closed_clock_beats_no_more() -> None:
    """A closed clock leaves no timer on the event loop, before its first beat and after it."""
    first, second = Beats(), Beats()

    first.clock.close()
    await asyncio.sleep(0.3)
    second.clock.close()
    assert timers() == []
    await asyncio.sleep(5)

    assert first.at == []
    assert pytest.approx([BEAT]) == second.at


@pytest.mark.parametrize("seconds", [0.8, 4.0, 3600.0])
@virtual
async def test_time_in_which_the_process_was_stopped_does_not_count(seconds: float) -> None:
    """The clock stands still, half a second after its next beat is due, while the process is stopped."""
    beats = Beats()
    await asyncio.sleep(0.35)

    await beats.stop_for(seconds)

    assert pytest.approx(0.5 + COUNTED) == beats.passed()
    assert pytest.approx(0.5 + COUNTED) == beats.clock.resumed_at - beats.began_at
    await asyncio.sleep(2)
    assert pytest.approx(2.5 + COUNTED) == beats.passed()
    assert pytest.approx(0.5 + COUNTED) == beats.clock.resumed_at - beats.began_at
    beats.clock.close()


@pytest.mark.parametrize(("late", "lost"), [(0.0, 0.0), (0.49, 0.0), (0.51, 0.51 - COUNTED)])
@virtual
async def test_a_loop_that_is_a_little_late_did_run(late: float, lost: float) -> None:
    """A beat that is up to half a second late is no standstill; a later one is."""
    beats = Beats()

    await beats.stop_for(BEAT + late)

    assert pytest.approx(BEAT + late - lost) == beats.passed()
    assert (lost > 0) == (beats.clock.resumed_at > 0)
    beats.clock.close()


@virtual
async def test_the_clock_never_goes_back() -> None:
    """What runs after a standstill and before the next beat sees no time that is later than the beat's."""
    beats = Beats()
    await asyncio.sleep(0.1)
    seen = []

    for seconds in (0.5, 4.0, 0.74, 0.76, 60.0):
        beats.loop.now += seconds
        seen.append(beats.clock.now())
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append(beats.clock.now())

    assert sorted(seen) == seen
    beats.clock.close()


@virtual
async def test_standstills_add_up() -> None:
    """The clock leaves out each of several standstills, and beats on in the rhythm of the time after each."""
    beats = Beats()

    for _ in range(3):
        await beats.stop_for(10 + BEAT)
    await asyncio.sleep(0.3)

    assert pytest.approx(3 * (BEAT + COUNTED) + 0.3) == beats.passed()
    assert pytest.approx([0.75, 1.5, 2.25, 2.5]) == beats.at
    beats.clock.close()


@virtual
async def test_a_beat_sees_the_standstill_that_it_found() -> None:
    """The function of a beat is called after the standstill was counted."""
    seen: list[tuple[float, float]] = []
    loop: Any = asyncio.get_running_loop()
    began_at = now()

    def beat() -> None:
        seen.append((clock.now() - began_at, clock.resumed_at - began_at))

    clock = RunningClock(loop, beat)
    loop.now += 4
    await asyncio.sleep(0.001)

    assert [pytest.approx((BEAT + COUNTED, BEAT + COUNTED))] == seen
    clock.close()
