"""Ctrl-C within the process: one exception for several signals, and what is left in place."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from openrouter_credits.cli import main
from openrouter_credits.cli._interrupts import one_interrupt
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def _handler_of_the_tests() -> Iterator[None]:
    """Give the handler back that stood there before."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Set the time, the only item of the list, by hand."""
    now = [100.0]
    time = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("openrouter_credits.cli._interrupts.time", time)
    return now


def ctrl_c() -> None:
    """Send the signal of Ctrl-C to this process; its handler runs at once."""
    signal.raise_signal(signal.SIGINT)


def test_several_within_a_second_raise_once(clock: list[float]) -> None:
    """The first Ctrl-C raises, those within a second do nothing, and a later one raises again."""
    with one_interrupt(is_last=False):
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()
        ctrl_c()
        clock[0] += 0.9
        ctrl_c()
        clock[0] += 0.2
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()


def test_a_loop_ends_in_good_order(clock: list[float]) -> None:
    """In a loop the signal cancels what runs, and the clean-up is not cut by a second one."""
    steps = []

    async def work() -> None:
        try:
            ctrl_c()
            steps.append("the step ends")
            await asyncio.Event().wait()
        finally:
            ctrl_c()
            await asyncio.sleep(0)
            steps.append("the clean-up ends")

    with one_interrupt(is_last=False), pytest.raises(KeyboardInterrupt):
        asyncio.run(work())

    assert ["the step ends", "the clean-up ends"] == steps


def test_a_loop_that_is_stuck_is_interrupted_where_it_stands(clock: list[float]) -> None:
    """A Ctrl-C a second after the first interrupts code that does not give the loop its turn."""

    async def work() -> None:
        ctrl_c()
        clock[0] += 1
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()

    with one_interrupt(is_last=False), pytest.raises(KeyboardInterrupt):
        asyncio.run(work())


class Ignoring:
    """An object at whose end Ctrl-C is pressed, where an exception is ignored."""

    def __del__(self) -> None:
        ctrl_c()


def test_an_exception_that_is_lost_is_raised_again(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C in code that ignores exceptions is raised soon after it, and nothing is printed of it."""
    with one_interrupt(is_last=False), pytest.raises(KeyboardInterrupt):
        Ignoring()
        threading.Event().wait(30)

    assert ("", "") == capsys.readouterr()


def test_it_is_raised_again_on_windows_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no signal can be sent to a thread, as on Windows, the lost exception is raised again, too."""
    monkeypatch.delattr(signal, "pthread_kill")

    with one_interrupt(is_last=False), pytest.raises(KeyboardInterrupt):
        Ignoring()
        for _ in range(3000):  # elsewhere this signal wakes up nothing
            threading.Event().wait(0.01)

    assert ("", "") == capsys.readouterr()


def test_other_exceptions_that_are_lost_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Any other exception that is ignored is shown as the interpreter shows it."""

    class Failing:
        def __del__(self) -> None:
            raise LookupError("seen")

    with one_interrupt(is_last=False):
        Failing()

    assert "LookupError: seen" in capsys.readouterr().err


@pytest.mark.parametrize("is_last", [False, True])
def test_the_handler_of_the_interpreter_comes_back(is_last: bool) -> None:
    """After a block without Ctrl-C, the interpreter's own handler is in place again."""
    with one_interrupt(is_last=is_last):
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_end_of_a_process_is_not_disturbed(clock: list[float]) -> None:
    """After Ctrl-C in the last block of a process, another one within a second does nothing."""
    with pytest.raises(KeyboardInterrupt), one_interrupt(is_last=True):
        ctrl_c()

    ctrl_c()


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None], ids=["ignored", "own"])
def test_a_handler_of_others_stays(handler: signal.Handlers) -> None:
    """A program's own handler stays in place, and so does a shell's choice to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, handler)

    with one_interrupt(is_last=True):
        assert handler == signal.getsignal(signal.SIGINT)

    assert handler == signal.getsignal(signal.SIGINT)


def test_another_thread_sets_no_handler() -> None:
    """The command runs in a thread as well, where no handler can be set."""
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main(["--version"])))

    thread.start()
    thread.join()

    assert [0] == codes


def test_ctrl_c_twice_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two Ctrl-C in a row are one line and exit code 130."""

    def show() -> int:
        try:
            ctrl_c()
        finally:
            ctrl_c()
        return 0

    monkeypatch.setattr("openrouter_credits.cli._demo.show_demo", show)

    assert (130, "", "openrouter-credits: Interrupted.\n") == run("demo")
