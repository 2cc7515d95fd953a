"""What a history knows of its subjects, on the screen: a table of all, or a chart of one."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen
from rich.text import Text

from openrouter_credits import format_usd
from openrouter_credits._words import one_line
from openrouter_credits.cli._chart import condense, draw_chart
from openrouter_credits.cli._judge import NONE, UNKNOWN, usd
from openrouter_credits.cli._screen import make_table, show
from openrouter_credits.cli._seen import sparkline
from openrouter_credits.cli._spans import lasts, span
from openrouter_credits.cli._table import GREY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import Console

    from openrouter_credits import Runway
    from openrouter_credits.cli._table import Sheet
    from openrouter_credits.history import Point, Subject

_OLD = timedelta(hours=1)
_KINDS = ("wallet", "budget", "key")
_CURVE, _GAP = 16, 2
"""Columns of a curve in the table, and before it."""
_WIDEST = 100
"""Columns of the chart."""


@frozen
class Past:
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


def _order(past: Past) -> tuple[int, Decimal, str]:
    left = Decimal("inf") if past.left is None else past.left
    return _KINDS.index(past.subject.kind), left, str(past.subject)


def draw_all(console: Console, pasts: Sequence[Past], days: int, now: datetime) -> None:
    """Draw what is there in one sentence, and a row for each subject."""
    if not pasts:
        show(console, "Nothing was read yet.")
        return
    pasts = sorted(pasts, key=_order)
    table = _table(pasts, days, now)
    if console.width >= table.whole_width() + _GAP + _CURVE and not console.options.ascii_only:
        table = _table(pasts, days, now, _CURVE)
    show(console, _sum(pasts), "", table)


def _table(pasts: Sequence[Past], days: int, now: datetime, curve: int = 0) -> Sheet:
    """Make the table; `curve` is the width of the curves."""
    table = make_table("Subject", ">Left", f">In {_count(days, 'day')}", ">A day", "Lasts", ">Read")
    for past in pasts:
        table.add_row(*_cells(past, now), bar=_curve(past, curve) if curve else None)
    return table


def _curve(past: Past, width: int) -> Text:
    amounts = [(point.at, point.remaining) for point in condense(past.points, width)]
    return Text(sparkline(amounts, width), GREY)


def _cells(past: Past, now: datetime) -> tuple[str, ...]:
    name = one_line(past.subject)
    if past.last is None:
        return name, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, "never"
    read = span((now - past.last.at).total_seconds())
    if past.left is None:
        return name, NONE, "", "", "", read
    burn = UNKNOWN if past.runway is None else usd(past.runway.per_day)
    return name, usd(past.left), _signed(past.change()), burn, _lasts(past, now), read


def _lasts(past: Past, now: datetime) -> str:
    if past.left is not None and past.left <= 0:
        return "empty"
    if past.runway is not None and past.runway.runs_out_at is not None and past.runway.runs_out_at <= now:
        return UNKNOWN  # it was to be empty by now, but nobody has looked since
    return lasts(past.runway, now)


def _signed(change: Decimal | None) -> str:
    if change is None:
        return UNKNOWN
    return f"+{format_usd(change)}" if change > 0 else format_usd(change)


def _sum(pasts: Sequence[Past]) -> str:
    wallets = [past.left for past in pasts if past.subject.kind == "wallet"]
    known = [left for left in wallets if left is not None]
    owed = sum((left for left in known if left < 0), Decimal(0))
    parts = []
    if known:
        amount = usd(sum((left for left in known if left > 0), Decimal(0)))
        debt = f", {usd(owed).removeprefix('-')} owed" if owed else ""
        parts.append(f"{amount} in {_count(len(known), 'wallet')}{debt}")
    if len(known) < len(wallets):
        parts.append(f"{_count(len(wallets) - len(known), 'wallet')} not read")
    others = Counter(past.subject.kind for past in pasts if past.subject.kind != "wallet")
    if others:
        parts.append(", ".join(_count(number, kind) for kind, number in sorted(others.items())))
    return f"{'; '.join(parts)}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"


def draw_one(console: Console, past: Past, days: int, now: datetime) -> None:
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


def _forecast(past: Past, now: datetime) -> str:
    if past.left is not None and past.left <= 0:
        return "Nothing is left."
    is_old = past.last is not None and now - past.last.at > _OLD
    return f"{'As of the last reading: ' if is_old else ''}{past.runway}"
