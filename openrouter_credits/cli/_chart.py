"""A chart of an amount over time, made of blocks, or of ASCII where a terminal has nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from attrs import frozen
from rich.text import Text

from openrouter_credits._words import exact_usd
from openrouter_credits.cli._judge import short_day
from openrouter_credits.cli._table import GREY
from openrouter_credits.history import Point

if TYPE_CHECKING:
    from collections.abc import Sequence


@frozen
class _Signs:
    """The characters of a chart."""

    levels: str
    """From an empty character to a full one."""
    side: str
    mark: str
    corner: str
    rule: str
    tick: str
    gap: str


_BLOCKS = _Signs(" ▁▂▃▄▅▆▇█", "│", "┤", "└", "─", "┴", "·")
_ASCII = _Signs(" .:#", "|", "+", "+", "-", "+", ".")
_AREA = "color(30)"
_INTERVALS = 4
"""Between the amounts at the axis, at most."""
_ROWS = 3
"""Lines of an interval."""
_NEAR, _FLAT = Decimal("0.75"), Decimal("0.02")
"""The axis begins at 0, unless all amounts are above this part of the highest one, and differ by so much."""
_STEPS = [
    timedelta(hours=hours) for hours in (1, 3, 6, 12, 24, 48, 168, 336, 720, 2160, 4368, 8760, 43800, 87600)
]
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


def draw_chart(points: Sequence[Point], width: int, *, is_ascii: bool) -> list[Text]:
    """Draw points from left to right, with dollars and days at the axes, in lines of at most this width.

    Of points that share a column, the last one that was read is drawn. A gap is empty, above a dotted axis.
    """
    signs = _ASCII if is_ascii else _BLOCKS
    known = [point.remaining for point in points if point.remaining is not None]
    marks = _marks(min(known, default=Decimal(0)), max(known, default=Decimal(0)))
    labels = [_label(mark, marks[0] - marks[1]) for mark in marks]
    room = max(map(len, labels))
    columns = max(width - room - 2, 1)
    amounts = [point.remaining for point in condense(points, columns)]
    rows, full = (len(marks) - 1) * _ROWS, len(signs.levels) - 1
    heights = [
        None if amount is None else int((amount - marks[-1]) * rows * full / (marks[0] - marks[-1]))
        for amount in amounts
    ]
    lines = []
    for row in range(rows):
        place, rest = divmod(row, _ROWS)
        start = f"{'' if rest else labels[place]:>{room}} {signs.side if rest else signs.mark}"
        below = (rows - 1 - row) * full
        least = 0 if below else 1  # an amount of 0 is no gap
        area = "".join(
            " " if height is None else signs.levels[min(max(height - below, least), full)]
            for height in heights
        )
        lines.append(Text.assemble((start, GREY), (area.rstrip(), _AREA)))
    return [*lines, *_days(points, amounts, f"{labels[-1]:>{room}} ", signs)]


def condense(points: Sequence[Point], columns: int) -> list[Point]:
    """Return so many points: each is the last of its column that is known, and a gap if none of them is."""
    condensed = [Point(points[0].at, None)] * columns
    for number, point in enumerate(points):
        column = number * columns // len(points)
        left = condensed[column].remaining if point.remaining is None else point.remaining
        condensed[column] = Point(point.at, left)
    return condensed


def _marks(low: Decimal, high: Decimal) -> list[Decimal]:
    """Choose the amounts at the axis, the highest first; all others are between the first and the last."""
    if not (low > high * _NEAR and high - low > high * _FLAT):
        low, high = min(low, Decimal(0)), max(high, Decimal(0))
    if low == high:
        high = low + 1
    rough = (high - low) / _INTERVALS
    unit = Decimal(1).scaleb(rough.adjusted())
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
    first = int((high / step).to_integral_value(ROUND_CEILING))
    last = int((low / step).to_integral_value(ROUND_FLOOR))
    return [step * place for place in range(first, last - 1, -1)]


def _label(amount: Decimal, step: Decimal) -> str:
    text = exact_usd(amount)
    return text.removesuffix(".00") if step >= 1 else text


def _days(
    points: Sequence[Point], amounts: Sequence[Decimal | None], start: str, signs: _Signs
) -> list[Text]:
    """Draw the axis of time, with as many days or hours as there is room for."""
    begin, end = points[0].at, points[-1].at
    columns, indent = len(amounts), len(start) + 1
    room = len("00 Jan 0000") if begin.year != end.year else len("00 Jan")
    step = next((step for step in _STEPS if columns * step >= (room + 2) * (end - begin)), _STEPS[-1])
    rule = [signs.gap if amount is None else signs.rule for amount in amounts]
    legend = [f"{' ' * indent}{signs.gap * 3} not read"] if signs.gap in rule else []
    names = [" "] * (indent + columns)
    mark = _MONDAY - (_MONDAY - begin) // step * step
    while mark <= end:
        place = min(int((mark - begin) / (end - begin) * columns), columns - 1)
        rule[place] = signs.tick
        name = short_day(mark, end) if (mark.hour, mark.minute) == (0, 0) else f"{mark:%H:%M}"
        left = max(min(indent + place - len(name) // 2, indent + columns - len(name)), 0)
        names[left : left + len(name)] = name
        mark += step
    lines = [f"{start}{signs.corner}{''.join(rule)}", "".join(names).rstrip(), *legend]
    return [Text(line, GREY) for line in lines]
