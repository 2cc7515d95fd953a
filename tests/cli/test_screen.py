"""The console: its width, its colours, and pipes."""

from __future__ import annotations

import pytest
from rich.color import Color
from rich.style import Style
from rich.text import Text

from openrouter_credits import Level
from openrouter_credits.cli._screen import PLAIN_WIDTH, STYLES, make_console, make_table, show
from openrouter_credits.cli._table import GREY


@pytest.mark.parametrize(
    ("columns", "pipe", "terminal"),
    [
        (None, PLAIN_WIDTH, 80),
        ("0", PLAIN_WIDTH, 80),
        ("abc", PLAIN_WIDTH, 80),
        ("", PLAIN_WIDTH, 80),
        ("-5", PLAIN_WIDTH, 80),
        ("²", PLAIN_WIDTH, 80),
        ("1" * 5000, PLAIN_WIDTH, 80),
        ("1", 20, 20),
        ("40", 40, 40),
        ("999999999", PLAIN_WIDTH, PLAIN_WIDTH),
    ],
    ids=lambda value: str(value)[:9],
)
def test_any_columns_give_a_usable_width(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: str | None,
    pipe: int,
    terminal: int,
) -> None:
    """COLUMNS is the width if it is a sensible number; else a terminal is asked, and a pipe is endless."""
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setenv("LINES", columns)
    monkeypatch.setattr("os.get_terminal_size", lambda _: (0, 0))  # a terminal that does not know its size
    table = make_table("Key", ">Left")
    table.add_row("a name", "$7.00")

    widths = [make_console().width]
    show(make_console(), "A sentence", table)
    monkeypatch.setenv("FORCE_COLOR", "1")
    widths.append(make_console().width)

    assert [pipe, terminal] == widths
    assert "$7.00" in capsys.readouterr().out


def test_a_pipe_has_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe lines are neither folded nor coloured, and no blanks are at their ends."""
    table = make_table("Key", ">Left", "Why")
    table.add_row("n" * 3000, "$7.00", "word " * 1000)
    table.add_row("n", "$7.00", "")

    show(make_console(), Text("word " * 1000, style="red"), table)

    out = capsys.readouterr().out
    assert [4999, 3012, 3009 + 4999, 3007] == [len(line) for line in out.splitlines()]
    assert not [line for line in out.splitlines() if line != line.rstrip()]
    assert "\x1b" not in out


def contrast(color: Color, background: float) -> float:
    """Return the contrast of a colour to a background of this luminance, as WCAG 2 defines it."""
    parts = [part / 255 for part in color.get_truecolor()]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))
    brighter, darker = max(luminance, background), min(luminance, background)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("style", [*(STYLES[level] for level in Level), GREY])
def test_colours_can_be_read_on_black_and_on_white(style: str) -> None:
    """The colours of the levels and of headings have a contrast of at least 4 to 1 to black and to white."""
    color = Style.parse(style).color

    assert color is not None
    assert min(contrast(color, 0), contrast(color, 1)) >= 3.99
