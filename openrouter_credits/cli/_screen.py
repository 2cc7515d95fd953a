"""Output for people: rich without markup in a terminal, plain text in a pipe."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from openrouter_credits.cli._table import Sheet, fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from openrouter_credits import Level

# Numbers of the 256 colours, whose shades are the same in all terminals. Each can be read on black and on
# white (a contrast of at least 4 to 1); of the first 16 colours, yellow, cyan and green fade on white.
STYLES = {
    "OK": "color(28)",  # green
    "LOW": "color(130)",  # orange
    "CRITICAL": "color(196)",  # red
    "DEPLETED": "bold color(196)",
    "INVALID": "bold color(163)",  # magenta
    "UNKNOWN": "color(30)",  # teal
}
PLAIN_WIDTH = 1_000_000
"""Width of a pipe if `COLUMNS` is not set: lines stay whole, for `grep`."""
LEAST_WIDTH = 20
"""On a terminal that says it is narrower, lines of this width are shown."""


def make_console(*, stderr: bool = False) -> Console:
    """Make a console that prints markup and emoji codes as plain text."""
    # rich takes 0 and `²` in these variables for numbers; without them, it asks the terminal
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False, _environ=environment)
    columns = _columns()
    if columns is None:
        columns = console.width if console.is_terminal else PLAIN_WIDTH
    width = min(max(columns, LEAST_WIDTH), PLAIN_WIDTH)
    if width != console.width:  # else rich goes on asking the terminal, which may be resized
        console.width = width
    return console


def _columns() -> int | None:
    """Return the width in `COLUMNS`; `None` if it is not set, or is no number above 0."""
    text = os.environ.get("COLUMNS", "")
    return int(text) or None if text.isascii() and text.isdigit() and len(text) < 10 else None


def show(console: Console, *parts: RenderableType) -> None:
    """Print the parts; in a pipe, without the blanks at the ends of lines.

    Lines are folded between words: a word that is longer than the terminal is wide stays whole.
    """
    if console.is_terminal or console.record:
        _print(console, parts)
        return
    with console.capture() as captured:
        _print(console, parts)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().split("\n")[:-1]))


def _print(console: Console, parts: Iterable[RenderableType]) -> None:
    for part in parts:
        if isinstance(part, str | Text):
            lines = fold(part if isinstance(part, Text) else Text(part), console.width)
            console.print(Text("\n").join(lines), crop=False, no_wrap=True, overflow="ignore")
        else:
            console.print(part, crop=False, overflow="ignore")


def coloured(text: str, level: Level) -> Text:
    """Give a text the colour of a level."""
    return Text(text, style=STYLES[level])


def make_table(*columns: str, heads: int = 1) -> Sheet:
    """Make a table. A column whose name begins with `>` is aligned to the right, for amounts.

    On a narrow terminal it becomes lines, in which the first `heads` columns make the title of each row.
    """
    return Sheet(columns, heads)
