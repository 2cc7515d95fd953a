"""Tables that become lines where there is no room for columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType

GREY = "color(243)"  # in the middle between black and white, so that it can be read on both
NARROW = 60
"""Below this width, every table becomes lines."""
_BETWEEN = 2
"""Columns of the terminal between two columns of a table."""
_WHOLE = ("Level", "Resets", "Expires", "Last used")
"""Columns whose cells are never folded, nor their names; those of amounts are not, either."""
_WORD = re.compile(r"\s*\S+\s*")
_GAP = "   "
"""Between the values that share a line."""


@frozen
class _Row:
    cells: list[Text]
    style: str
    bar: RenderableType | None


class Sheet:
    """Rows of cells: a table without rules, or a paragraph of `name: value` for each row.

    It is a table if the terminal is wide enough to show each word whole. Only names may be cut anywhere: text
    columns other than the last one, each at most a third of the width. Amounts, levels and dates are never
    folded.
    """

    def __init__(self, columns: Sequence[str], heads: int = 1) -> None:
        self._columns = columns
        self._heads = heads
        self._rows: list[_Row] = []
        self.first_width = 0
        """Least width of the first column, so that it is not folded, and tables can be aligned."""

    def add_row(self, *cells: str | Text, style: str = "", bar: RenderableType | None = None) -> None:
        """Add a row; lines leave out empty cells, and the bar, which a table shows behind the cells."""
        self._rows.append(_Row([_text(cell) for cell in cells], style, bar))

    def widest_first(self) -> int:
        """Return the width of the widest cell in the first column."""
        return max((row.cells[0].cell_len for row in self._rows), default=0)

    def whole_width(self) -> int:
        """Return the width at which nothing is folded."""
        return sum(self._widest(place) for place in range(len(self._columns))) + self._gaps()

    def fits(self, width: int) -> bool:
        """Tell whether it is a table, not lines, on a terminal of this width."""
        return width >= NARROW and self._widths(width) is not None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        width = options.max_width
        widths = self._widths(width) if width >= NARROW else None
        if widths is not None:
            yield self._table(widths)
        elif any(self._columns):
            yield from self._paragraphs(width)
        else:
            for row in self._rows:
                yield from _pair(width, *row.cells)

    def _gaps(self) -> int:
        return _BETWEEN * (len(self._columns) - 1)

    def _cells(self, place: int) -> list[str]:
        return [self._columns[place].removeprefix(">"), *(row.cells[place].plain for row in self._rows)]

    def _widest(self, place: int) -> int:
        return max(*map(cell_len, self._cells(place)), 0 if place else self.first_width)

    def _widths(self, width: int) -> list[int] | None:
        """Divide the width among the columns; `None` if there is no room for each word."""
        most = [self._widest(place) for place in range(len(self._columns))]
        widths = most.copy()  # from here on the least ones
        for place, column in enumerate(self._columns):
            if column.startswith(">") or column in _WHOLE:
                continue
            words = (cell_len(word) for cell in self._cells(place) for word in cell.split())
            widths[place] = max(words, default=0)
            if place < len(self._columns) - 1:
                least = 0 if place else self.first_width
                most[place] = max(min(most[place], width // 3), least)
                widths[place] = min(max(widths[place], least), most[place])
        room = width - self._gaps() - sum(widths)
        if room < 0:
            return None
        while room and widths != most:
            narrowest = min(
                (place for place in range(len(widths)) if widths[place] < most[place]), key=widths.__getitem__
            )
            widths[narrowest] += 1
            room -= 1
        return widths

    def _table(self, widths: Sequence[int]) -> Table:
        has_header, has_bar = any(self._columns), any(row.bar is not None for row in self._rows)
        table = Table(box=None, padding=(0, 1), pad_edge=False, header_style=GREY, show_header=has_header)
        for column, width in zip(self._columns, widths, strict=True):
            table.add_column(
                column.removeprefix(">"),
                justify="right" if column.startswith(">") else "left",
                overflow="fold",
                width=width,
            )
        for row in self._rows:
            table.add_row(*row.cells, *([row.bar or ""] if has_bar else []), style=row.style)
        return table

    def _paragraphs(self, width: int) -> Iterator[Text]:
        """List the rows, with a blank line between them unless each of them fits into one line."""
        paragraphs = [list(self._paragraph(row.cells, width)) for row in self._rows]
        is_short = all(len(lines) == 1 for lines in paragraphs)
        for number, (lines, row) in enumerate(zip(paragraphs, self._rows, strict=True)):
            if number and not is_short:
                yield Text()
            for line in lines:
                line.stylize_before(row.style)
                yield line

    def _paragraph(self, cells: list[Text], width: int) -> Iterator[Text]:
        title = Text("  ").join(cell for cell in cells[: self._heads] if cell)
        named = list(zip(self._columns, cells, strict=True))[self._heads :]
        values = [
            Text.assemble((f"{column.removeprefix('>')}: ", GREY), cell) for column, cell in named if cell
        ]
        line = Text(_GAP).join([title, *values])
        if line.cell_len <= width:
            yield line
        else:
            yield from _folded(title, width, 0, 4)
            yield from _side_by_side(values, width, 2)


def _text(cell: str | Text) -> Text:
    return Text(cell) if isinstance(cell, str) else cell


def _pair(width: int, name: Text, value: Text) -> Iterator[Text]:
    """Show `name: value`; a value without a name belongs to the name above it."""
    plain = name.plain.strip()
    line = Text.assemble(f"{plain}: ", value) if plain else value
    return _folded(line, width, 0 if plain else 2, 2)


def _side_by_side(values: Iterable[Text], width: int, indent: int) -> Iterator[Text]:
    """Put as many values on each line as there is room for."""
    line = Text()
    for value in values:
        if line and indent + line.cell_len + len(_GAP) + value.cell_len > width:
            yield from _folded(line, width, indent, indent + 2)
            line = Text()
        line = Text.assemble(line, _GAP, value) if line else value
    yield from _folded(line, width, indent, indent + 2)


def _folded(text: Text, width: int, first: int, rest: int) -> Iterator[Text]:
    """Fold a text, and indent its first line and the others."""
    for number, line in enumerate(fold(text, width - rest, width - first)):
        yield Text.assemble(" " * (rest if number else first), line, no_wrap=True, overflow="ignore")


def fold(text: Text, width: int, first: int | None = None) -> Iterator[Text]:
    """Fold a text between its words; a word that is wider than the line stays whole, such as an address.

    The first line may have another width than the others.
    """
    offsets: list[int] = []
    room = width if first is None else first
    for word in _WORD.finditer(text.plain):
        if cell_len(word[0].rstrip()) > room and word.start():
            offsets.append(word.start())
            room = width
        room -= cell_len(word[0])
    for line in text.divide(offsets):
        line.rstrip()
        yield line
