"""Output for people: rich without markup in a terminal, plain text in a pipe."""

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
"""Width of a pipe if `COLUMNS` is not set: lines stay whole, for `grep`."""

NARROW = 60
SPARED = ("Account", "Limit", "Used")
"""Columns that tables leave out on terminals narrower than `NARROW`."""


def make_console(*, stderr: bool = False) -> Console:
    """Make a console that prints markup and emoji codes as plain text."""
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PLAIN_WIDTH
    return console


def show(console: Console, *parts: RenderableType) -> None:
    """Print the parts; in a pipe, without the blanks at the ends of a table's lines."""
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
                # An amount is never cut off: on a narrow terminal the line gets too long instead.
                if column.no_wrap:
                    column.min_width = max(len(str(cell)) for cell in (column.header, *column.cells))
        console.print(part, crop=False)


def coloured(text: str, level: Level) -> Text:
    """Give a text the colour of a level."""
    return Text(text, style=STYLES[level])


def make_table(*columns: str) -> Table:
    """Make a table without lines between its columns.

    A column whose name begins with `>` is aligned to the right, for amounts. Amounts and levels never fold.
    """
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim", show_header=any(columns))
    for column in columns:
        if column.startswith(">"):
            table.add_column(column[1:], justify="right", no_wrap=True)
        else:
            table.add_column(column, overflow="fold", no_wrap=column == "Level")
    return table
