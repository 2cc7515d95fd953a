"""What a person looks at: rich, held so that it shows texts as they are, and plain in a pipe."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from openrouter_credits import Level

STYLES = {
    "OK": "green",
    "LOW": "yellow",
    "CRITICAL": "red",
    "DEPLETED": "bold red",
    "INVALID": "bold magenta",
    "UNKNOWN": "cyan",
}
PLAIN_WIDTH = 1000
"""Columns of a pipe that says nothing of its own: lines are left whole, for grep."""

NARROW = 60
SPARED = ("Account", "Limit", "Used")
"""Columns that a terminal of less than 60 has no room for."""


def make_console(*, stderr: bool = False) -> Console:
    """Make a console that reads neither markup nor emoji in what it is given."""
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PLAIN_WIDTH
    return console


def show(console: Console, *parts: RenderableType) -> None:
    """Print, without the blanks that fill up a table's lines if they go into a pipe."""
    if console.is_terminal or console.record:
        _print(console, parts)
        return
    with console.capture() as captured:
        _print(console, parts)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _print(console: Console, parts: Iterable[RenderableType]) -> None:
    for part in parts:
        if isinstance(part, Table):
            if console.width < NARROW:
                kept = [column for column in part.columns if column.header not in SPARED]
                part.columns = [replace(column, _index=index) for index, column in enumerate(kept)]
            for column in part.columns:
                if (
                    column.no_wrap
                ):  # no part of an amount is cut off: the line rather leaves a narrow terminal
                    column.min_width = max(len(str(cell)) for cell in (column.header, *column.cells))
        console.print(part, crop=False)


def coloured(text: str, level: Level) -> Text:
    """Colour a text by a level."""
    return Text(text, style=STYLES[level])


def make_table(*columns: str) -> Table:
    """Make a table of nothing but columns; those that hold amounts (`>` before the name) are aligned to the right.

    These and levels are never folded.
    """
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim", show_header=any(columns))
    for column in columns:
        if column.startswith(">"):
            table.add_column(column[1:], justify="right", no_wrap=True)
        else:
            table.add_column(column, overflow="fold", no_wrap=column == "Level")
    return table
