"""`openrouter-credits history`: what was left over time, as a table, a chart, JSON or CSV."""

from __future__ import annotations

import asyncio
import csv
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import frozen
from rich.text import Text

from openrouter_credits import format_usd
from openrouter_credits._documents import write
from openrouter_credits._words import one_line
from openrouter_credits.cli._chart import draw_chart
from openrouter_credits.cli._exits import CommandError, allow_closed_pipe
from openrouter_credits.cli._judge import NONE, UNKNOWN, usd
from openrouter_credits.cli._screen import make_console, make_table, show
from openrouter_credits.cli._seen import sparkline
from openrouter_credits.cli._spans import lasts, span
from openrouter_credits.cli._table import GREY
from openrouter_credits.history import History

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from rich.console import Console

    from openrouter_credits import Runway
    from openrouter_credits.cli._table import Sheet
    from openrouter_credits.history import Point, Subject

T = TypeVar("T")

_POINTS = 400
_OLD = timedelta(hours=1)
_KINDS = ("wallet", "budget", "key")
_CURVE, _GAP = 16, 2
"""Columns of a curve in the table, and before it."""
_WIDEST = 100
"""Columns of the chart."""
_COLUMNS = ("subject", "at", "remaining", "used", "granted", "resets_at", "error")


@frozen
class _Past:
    """What a history knows of one subject."""

    subject: Subject
    last: Point | None
    points: tuple[Point, ...]
    runway: Runway | None

    @property
    def left(self) -> Decimal | None:
        """The amount that was read last."""
        return None if self.last is None else self.last.remaining

    def change(self) -> Decimal | None:
        """Return what was added or spent in the time that is shown."""
        known = [point.remaining for point in self.points if point.remaining is not None]
        return known[-1] - known[0] if known else None


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
            _draw_one(console, pasts[0], days, now)
        else:
            _draw_all(console, sorted(pasts, key=_order), days, now)
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
        async with History(file, read_only=True) as history:
            return await act(history)

    try:
        return asyncio.run(run())
    except ValueError as error:  # of a subject that is not there
        text = str(error)
    end = "" if text.endswith("?") else "."
    raise CommandError(f"{text[:1].upper()}{text[1:]}{end} Without SUBJECT, all are listed.")


async def _read(history: History, only: str | None, start: datetime, end: datetime) -> list[_Past]:
    subjects = await history.subjects()
    if only is not None:
        await history.last(only)  # which tells the names that are like it, if there is none
        subjects = tuple(subject for subject in subjects if str(subject) == only)[:1]
    return [
        _Past(
            subject,
            await history.last(subject),
            await history.series(subject, start, end, _POINTS),
            await history.runway(subject),
        )
        for subject in subjects
    ]


def _order(past: _Past) -> tuple[int, Decimal, str]:
    left = Decimal("inf") if past.left is None else past.left
    return _KINDS.index(past.subject.kind), left, str(past.subject)


def _draw_all(console: Console, pasts: Sequence[_Past], days: int, now: datetime) -> None:
    """Draw what is there in one sentence, and a row for each subject."""
    if not pasts:
        show(console, "Nothing was read yet.")
        return
    table = _table(pasts, days, now)
    if console.width >= table.whole_width() + _GAP + _CURVE and not console.options.ascii_only:
        table = _table(pasts, days, now, _CURVE)
    show(console, _sum(pasts), "", table)


def _table(pasts: Sequence[_Past], days: int, now: datetime, curve: int = 0) -> Sheet:
    """Make the table; `curve` is the width of the curves."""
    table = make_table("Subject", ">Left", f">In {_count(days, 'day')}", ">A day", "Lasts", ">Read")
    for past in pasts:
        amounts = [(point.at, point.remaining) for point in past.points]
        table.add_row(*_cells(past, now), bar=Text(sparkline(amounts, curve), GREY) if curve else None)
    return table


def _cells(past: _Past, now: datetime) -> tuple[str, ...]:
    name = one_line(past.subject)
    if past.last is None:
        return name, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, "never"
    read = span((now - past.last.at).total_seconds())
    if past.left is None:
        return name, NONE, "", "", "", read
    burn = UNKNOWN if past.runway is None else usd(past.runway.per_day)
    return name, usd(past.left), _signed(past.change()), burn, _lasts(past, now), read


def _lasts(past: _Past, now: datetime) -> str:
    if past.left is not None and past.left <= 0:
        return "empty"
    if past.runway is not None and past.runway.runs_out_at is not None and past.runway.runs_out_at <= now:
        return UNKNOWN  # it was to be empty by now, but nobody has looked since
    return lasts(past.runway, now)


def _signed(change: Decimal | None) -> str:
    if change is None:
        return UNKNOWN
    return f"+{format_usd(change)}" if change > 0 else format_usd(change)


def _sum(pasts: Sequence[_Past]) -> str:
    wallets = [past.left for past in pasts if past.subject.kind == "wallet" and past.left is not None]
    others = Counter(past.subject.kind for past in pasts if past.subject.kind != "wallet")
    known = sum((left for left in wallets if left > 0), Decimal(0))
    owed = sum((left for left in wallets if left < 0), Decimal(0))
    debt = f", {usd(owed).removeprefix('-')} owed" if owed else ""
    parts = [f"{usd(known)} in {_count(len(wallets), 'wallet')}{debt}"] if wallets else []
    if others:
        parts.append(", ".join(_count(number, kind) for kind, number in sorted(others.items())))
    return f"{'; '.join(parts)}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"


def _draw_one(console: Console, past: _Past, days: int, now: datetime) -> None:
    """Draw what is left in one sentence, the chart, and how long it lasts."""
    name = one_line(past.subject)
    if past.last is None:
        show(console, f"{name} was never read.")
        return
    read = f"last read {span((now - past.last.at).total_seconds())} ago"
    if past.left is None:
        show(console, f"{name} has no limit; {read}.")
        return
    change = past.change()
    if change is None:
        show(
            console, f"{name}: {usd(past.left)} left, and nothing was read in {_count(days, 'day')}; {read}."
        )
        return
    chart = draw_chart(past.points, min(console.width, _WIDEST), is_ascii=console.options.ascii_only)
    show(console, f"{name}: {usd(past.left)} left, {_signed(change)} in {_count(days, 'day')}; {read}.")
    show(console, "", *chart, "", _forecast(past, now))


def _forecast(past: _Past, now: datetime) -> str:
    if past.left is not None and past.left <= 0:
        return "Nothing is left."
    is_old = past.last is not None and now - past.last.at > _OLD
    return f"{'As of the last reading: ' if is_old else ''}{past.runway}"
