"""Tests of `watch/_clock.py`: the time of a watch, with made-up clocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from openrouter_credits.watch import _clock
from openrouter_credits.watch._clock import Clock

START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOUR = 3600.0


class Machine:
    """A machine with an event loop, whose time stands still while it sleeps, and a clock that can be set."""

    def __init__(self) -> None:
        self.loop = 1000.0
        self.wall = START

    def run(self, seconds: float) -> None:
        """Let the time pass."""
        self.loop += seconds
        self.wall += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Let the time pass without running."""
        self.wall += timedelta(seconds=seconds)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Make a machine whose clock is the default one."""
    made = Machine()
    monkeypatch.setattr(_clock, "wall", lambda: made.wall)
    return made


def own(machine: Machine) -> Clock:
    """Make a clock without a caller's time."""
    return Clock(lambda: machine.loop)


def callers(machine: Machine) -> Clock:
    """Make a clock with a caller's time."""
    return Clock(lambda: machine.loop, lambda: machine.wall)


@pytest.mark.parametrize("make", [own, callers])
def test_time_passes_as_in_the_loop(machine: Machine, make: Callable[[Machine], Clock]) -> None:
    """While the machine runs, the seconds that pass are those of the event loop."""
    clock = make(machine)

    machine.run(12.5)

    assert (clock.passed(), clock.now()) == (12.5, START + timedelta(seconds=12.5))


@pytest.mark.parametrize("make", [own, callers])
def test_the_time_in_which_the_machine_slept_counts(
    machine: Machine, make: Callable[[Machine], Clock]
) -> None:
    """A machine that slept for 8 hours has a clock that jumped, and these hours have passed."""
    clock = make(machine)

    machine.run(10)
    machine.sleep(8 * HOUR)
    machine.run(1)

    assert clock.passed() == 8 * HOUR + 11
    assert clock.now() == START + timedelta(hours=8, seconds=11)


def test_the_clock_of_the_machine_may_be_set_back(machine: Machine) -> None:
    """When the clock of the machine is set back an hour, the time goes on from where it was."""
    clock = own(machine)
    machine.run(60)
    assert clock.passed() == 60

    machine.sleep(-HOUR)
    machine.run(5)

    assert (clock.passed(), clock.now()) == (65, START + timedelta(seconds=65))


def test_a_callers_clock_may_run_back(machine: Machine) -> None:
    """The time of the caller is told as it is, and the seconds go on when it runs back."""
    clock = callers(machine)
    machine.run(60)
    assert clock.passed() == 60

    machine.sleep(-HOUR)
    machine.run(5)

    assert (clock.passed(), clock.now()) == (65, START + timedelta(seconds=65 - HOUR))


def test_the_loop_alone_moves_the_time(machine: Machine) -> None:
    """A virtual event loop, for which no real time passes, moves the default clock."""
    clock = own(machine)

    machine.loop += HOUR

    assert (clock.passed(), clock.now()) == (HOUR, START + timedelta(hours=1))


def test_a_small_correction_is_no_sleep(machine: Machine) -> None:
    """A clock that is set right by less than a second does not move the seconds that have passed."""
    clock = own(machine)

    machine.run(10)
    machine.sleep(0.9)

    assert clock.passed() == 10
    assert clock.now() == START + timedelta(seconds=10.9)


def test_the_default_clock_is_in_utc() -> None:
    """The default clock tells the time in UTC."""
    assert _clock.wall().tzinfo is UTC
