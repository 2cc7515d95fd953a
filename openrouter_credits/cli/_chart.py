"""A chart of an amount over time, made of braille characters, or of ASCII where a terminal has no others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from attrs import frozen
from rich.text import Text

from openrouter_credits._words import exact_usd
from openrouter_credits.cli._judge import short_day
from openrouter_credits.cli._table import GREY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openrouter_credits.history import Point

_LINE = "color(30)"
_ACROSS, _DOWN = 2, 4
"""Dots of a character."""
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot, by row and column, behind the empty character (Unicode, Braille Patterns)."""
_EMPTY = 0x2800
_INTERVALS = 4
"""Between the labelled amounts, at most."""
_ROWS = 3
"""Lines of an interval."""
_FLAT, _HIGH = Decimal("0.02"), Decimal("0.75")
"""Amounts that are all above this part of the highest one, and differ by so much, need no axis from 0."""
_STEPS = [timedelta(hours=hours) for hours in (1, 3, 6, 12, 24, 48, 168, 336, 730, 2190, 8760)]
_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday


@frozen
class _Signs:
    """The characters of the axes."""

    side: str
    mark: str
    zero: str
    corner: str
    rule: str
    tick: str
    gap: str


_LINES = _Signs("│", "┤", "╌", "└", "─", "┴", "·")
_ASCII = _Signs("|", "+", "-", "+", "-", "+", ".")


def draw_chart(points: Sequence[Point], width: int, *, is_ascii: bool) -> list[Text]:
    """Draw points from left to right, with dollars and days at the axes, in lines of at most this width.

    A gap stays empty, and the axis below it is dotted. Of points that share a column, all are drawn.
    """
    signs = _ASCII if is_ascii else _LINES
    marks = _marks([point.remaining for point in points if point.remaining is not None])
    labels = [_label(mark, marks[0] - marks[1]) for mark in marks]
    room = max(map(len, labels))
    columns = max(width - room - 2, 4)
    lines = []
    for row, cells in enumerate(_draw(points, marks, columns)):
        place, rest = divmod(row, _ROWS)
        label, side = ("", signs.side) if rest else (labels[place], signs.mark)
        is_zero = not rest and marks[place] == 0 and place < len(marks) - 1
        line = Text(f"{label:>{room}} {side}", GREY)
        for cell in cells:
            if cell:
                line.append(_in_ascii(cell) if is_ascii else chr(_EMPTY + cell), _LINE)
            else:
                line.append(signs.zero if is_zero else " ")
        lines.append(line)
    return [*lines, *_days(points, columns, room + 2, signs)]


def _marks(amounts: Sequence[Decimal]) -> list[Decimal]:
    """Choose the amounts at the axis, the highest first; all others are between the first and the last."""
    low, high = min(amounts, default=Decimal(0)), max(amounts, default=Decimal(0))
    if not (low > high * _HIGH and high - low > high * _FLAT):
        low, high = min(low, Decimal(0)), max(high, Decimal(0))
    if low == high:
        high = low + 1
    rough = (high - low) / _INTERVALS
    unit = Decimal(1).scaleb(rough.adjusted())
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
    first = (high / step).to_integral_value(ROUND_CEILING)
    last = (low / step).to_integral_value(ROUND_FLOOR)
    return [place * step for place in range(int(first), int(last) - 1, -1)]


def _label(amount: Decimal, step: Decimal) -> str:
    text = exact_usd(amount.normalize() + 0)
    return text.removesuffix(".00") if step >= 1 else text


def _draw(points: Sequence[Point], marks: Sequence[Decimal], columns: int) -> list[list[int]]:
    """Set the dots of a line through the points; two that follow each other make a step."""
    rows = (len(marks) - 1) * _ROWS + 1
    cells = [[0] * columns for _ in range(rows)]
    per_dollar = (rows - 1) * _DOWN / (marks[0] - marks[-1])
    before = None
    for number, point in enumerate(points):
        if point.remaining is None:
            before = None
            continue
        across = number * columns * _ACROSS // len(points)
        down = int((marks[0] - point.remaining) * per_dollar) + _DOWN // 2
        start = down if before is None else before
        for dot in range(min(start, down), max(start, down) + 1):
            cells[dot // _DOWN][across // _ACROSS] |= _DOTS[dot % _DOWN][across % _ACROSS]
        before = down
    return cells


def _in_ascii(cell: int) -> str:
    rows = [row for row, bits in enumerate(_DOTS) if cell & sum(bits)]
    if len(rows) > _DOWN // 2:
        return "|"
    return "'--."[rows[0]]


def _days(points: Sequence[Point], columns: int, indent: int, signs: _Signs) -> list[Text]:
    """Draw the axis of time, with as many days or hours as there is room for; it is dotted below gaps."""
    begin, end = points[0].at, points[-1].at
    whole = end - begin
    room = len("00 Jan 0000") if begin.year != end.year else len("00 Jan")
    step = next((step for step in _STEPS if columns * step >= (room + 2) * whole), whole)
    rule = [signs.gap] * columns
    for number, point in enumerate(points):
        if point.remaining is not None:
            rule[number * columns // len(points)] = signs.rule
    legend = [f"{' ' * indent}{signs.gap * 3} nothing was read"] if signs.gap in rule else []
    names = [" "] * (columns + indent)
    mark = _EPOCH + -(-(begin - _EPOCH) // step) * step
    while mark <= end:
        place = min(int((mark - begin) / whole * columns), columns - 1)
        rule[place] = signs.tick
        name = short_day(mark, end) if (mark.hour, mark.minute) == (0, 0) else f"{mark:%H:%M}"
        left = max(min(indent + place - len(name) // 2, columns + indent - len(name)), 0)
        names[left : left + len(name)] = name
        mark += step
    lines = [" " * (indent - 1) + signs.corner + "".join(rule), "".join(names).rstrip(), *legend]
    return [Text(line, GREY) for line in lines]
