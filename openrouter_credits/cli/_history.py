"""`openrouter-credits history`: what was left over time, from the file of a watch."""

from __future__ import annotations

import asyncio
import csv
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from openrouter_credits._documents import write
from openrouter_credits._words import one_line
from openrouter_credits.cli._exits import CommandError, allow_closed_pipe
from openrouter_credits.cli._pasts import Past, draw_all, draw_one
from openrouter_credits.cli._screen import make_console
from openrouter_credits.cli._waiting import make_spinner, shown_if_slow
from openrouter_credits.history import History

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


T = TypeVar("T")

_POINTS = 400
_COLUMNS = ("subject", "at", "remaining", "used", "granted", "resets_at", "error")


def show_history(file: str, subject: str | None, days: int) -> int:
    """Draw one subject, or a table of all, and return the exit code.

    Raises:
        CommandError: the file has no such subject.
        HistoryError: the file cannot be read.
    """
    now = datetime.now(UTC)
    pasts = _ask(file, lambda history: _read(history, subject, now - timedelta(days=days), now))
    console = make_console()
    with allow_closed_pipe():
        if subject is not None:
            draw_one(console, pasts[0], days, now)
        else:
            draw_all(console, pasts, days, now)
    return 0


def show_readings(file: str, subject: str | None, days: int, *, as_json: bool) -> int:
    """Write the readings of one subject or of all as JSON or CSV, and return the exit code.

    Raises:
        CommandError: the file has no such subject.
        HistoryError: the file cannot be read.
    """
    since = datetime.now(UTC) - timedelta(days=days)

    async def write_all(history: History) -> None:
        readings = history.export(subject, since)
        if as_json:
            print(write({"readings": [dict(reading) async for reading in readings]}, 2))
            return
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(_COLUMNS)
        async for reading in readings:
            table.writerow(_plain(reading[column]) for column in _COLUMNS)

    with allow_closed_pipe():
        _ask(file, write_all)
    return 0


def _plain(value: Any) -> str:
    """Write a value as JSON has it, without quotes; an unknown one is empty."""
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=None).isoformat()}Z"
    return "" if value is None else one_line(value)


def _ask(file: str, act: Callable[[History], Awaitable[T]]) -> T:
    async def run() -> T:
        with shown_if_slow(make_spinner("Reading the history")):
            async with History(file, read_only=True) as history:
                return await act(history)

    try:
        return asyncio.run(run())
    except ValueError as error:  # of a subject that is not there
        text = str(error)
    end = "" if text.endswith("?") else "."
    raise CommandError(f"{text[:1].upper()}{text[1:]}{end} Without SUBJECT, all are listed.")


async def _read(history: History, only: str | None, start: datetime, end: datetime) -> list[Past]:
    subjects = await history.subjects()
    if only is not None:
        await history.last(only)  # which tells the names that are like it, if there is none
        subjects = tuple(subject for subject in subjects if str(subject) == only)[:1]
    return [
        Past(
            subject,
            await history.last(subject),
            await history.series(subject, start, end, _POINTS),
            await history.runway(subject),
        )
        for subject in subjects
    ]
