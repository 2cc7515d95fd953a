"""Signs of life on standard error while a command waits."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from openrouter_credits.cli._screen import make_console

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 0.5
"""Seconds until a sign of life is shown: most answers come sooner."""
_ROOM = 40
"""Columns for what stands beside a bar, and for the `^C` of a terminal, which would break a longer line."""
_WIDEST_BAR, _NARROWEST_BAR = 40, 4


def make_spinner(text: str, seconds: float | None = None) -> Progress:
    """Make a spinner with a text and the seconds passed, of those that it may take, if there is a limit."""
    console = make_console(stderr=True)
    most = "" if seconds is None else f"of {seconds:g} s"
    columns = (SpinnerColumn("line"), TextColumn(text), TimeElapsedColumn(), TextColumn(most))
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_interactive)
    progress.add_task("", total=None)
    return progress


def make_bar(text: str, total: int, *, is_wanted: bool = True) -> Progress:
    """Make a progress bar."""
    console = make_console(stderr=True)
    width = min(max(console.width - _ROOM, _NARROWEST_BAR), _WIDEST_BAR)
    columns = (
        SpinnerColumn("line"),
        TextColumn(text),
        BarColumn(width),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    is_shown = is_wanted and console.is_interactive
    progress = Progress(*columns, console=console, transient=True, disable=not is_shown)
    progress.add_task("", total=total)
    return progress


@contextmanager
def shown_if_slow(progress: Progress) -> Iterator[None]:
    """Show a display as long as the block runs, if that takes longer than half a second."""
    timer = asyncio.get_running_loop().call_later(PATIENCE, progress.start)
    try:
        yield
    finally:
        timer.cancel()
        progress.stop()
