"""What a benchmark found, as tables: plain on the terminal, Markdown in the docs."""

from __future__ import annotations

from statistics import median

from attrs import define, field, frozen


def middle(ratios: list[float]) -> str:
    """Show the median of some ratios."""
    return f"{median(ratios):.2f}"


@frozen
class Target:
    """A goal of ours: told on the terminal, not in the docs, whose readers want figures."""

    what: str
    figure: float
    wanted: float
    at_most: bool = False
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether it is reached."""
        return self.figure <= self.wanted if self.at_most else self.figure >= self.wanted


@define
class Table:
    """One case: a row for each client."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(factory=list)
    targets: list[Target] = field(factory=list)


def as_text(table: Table) -> str:
    """Lay a table out for the terminal, its figures to the right."""
    lines = [table.columns, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    body = [
        f"  {line[0]:<{widths[0]}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in lines
    ]
    return "\n".join([table.title, *body, *(f"  {sentence}" for sentence in _sentences(table.targets)), ""])


def as_markdown(table: Table) -> str:
    """Write a table as Markdown, without the goals."""
    lines = [table.columns, (":--", *("--:" for _ in table.columns[1:])), *table.rows]
    body = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([f"## {table.title}", "", table.note, "", *body, ""])


def _sentences(targets: list[Target]) -> list[str]:
    return [
        f"{target.what}: {target.figure:.3f}{target.unit}, "
        f"wanted {'<=' if target.at_most else '>='} {target.wanted:g}{target.unit}: "
        f"{'met' if target.is_met else 'not met'}"
        for target in targets
    ]
