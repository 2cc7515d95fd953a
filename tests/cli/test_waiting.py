"""Signs of life while a command waits."""

from __future__ import annotations

import asyncio

import pytest
from rich.progress import Progress

from openrouter_credits.cli._waiting import make_bar, make_spinner, shown_if_slow


class Display(Progress):
    """Notes when it was shown and hidden."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, float]] = []
        super().__init__(disable=True)

    def start(self) -> None:
        """Note the time."""
        self.shown.append(("start", asyncio.get_running_loop().time()))

    def stop(self) -> None:
        """Note the time."""
        self.shown.append(("stop", asyncio.get_running_loop().time()))


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, [("stop", 0.4)]), (3.0, [("start", 0.5), ("stop", 3.0)])]
)
async def test_it_is_shown_after_half_a_second(seconds: float, shown: list[tuple[str, float]]) -> None:
    """A display is shown after half a second, and hidden at the end; a quick command shows nothing."""
    display, began = Display(), asyncio.get_running_loop().time()

    with shown_if_slow(display):
        await asyncio.sleep(seconds)
    await asyncio.sleep(5)

    assert [(name, pytest.approx(at)) for name, at in shown] == [
        (name, at - began) for name, at in display.shown
    ]


async def test_it_is_hidden_if_the_command_is_ended() -> None:
    """The display is hidden if Ctrl-C ends the command."""
    display = Display()

    with pytest.raises(KeyboardInterrupt), shown_if_slow(display):
        await asyncio.sleep(1)
        raise KeyboardInterrupt

    assert ["start", "stop"] == [name for name, _ in display.shown]


@pytest.mark.parametrize(
    ("variables", "is_shown"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "TERM": "dumb"}, False)],
    ids=["pipe", "terminal", "dumb terminal"],
)
def test_only_a_terminal_shows_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    *,
    is_shown: bool,
) -> None:
    """A spinner and a bar go to standard error, if that is a terminal that can move its cursor."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    for display in (make_spinner("Waiting", 30), make_bar("Waiting", 3)):
        display.start()
        display.stop()

    out, err = capsys.readouterr()
    assert ("", 2 * is_shown) == (out, min(err.count("Waiting"), 2))
    assert bool(err) == is_shown
