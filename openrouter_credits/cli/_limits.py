"""The table of limits of one key: what is left, with a bar for the used part."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rich.progress_bar import ProgressBar

from openrouter_credits._words import day, limit_in_table, one_line
from openrouter_credits.cli._judge import (
    NEVER,
    NONE,
    UNKNOWN,
    level_of_bound,
    percent,
    stopped_by,
    usd,
)
from openrouter_credits.cli._screen import STYLES, make_table
from openrouter_credits.cli._table import GREY, NARROW

if TYPE_CHECKING:
    from rich.console import Console

    from openrouter_credits import Bound, KeyInfo, KeyStatus
    from openrouter_credits.cli._options import Form
    from openrouter_credits.cli._table import Sheet

Cells = tuple[str, str, str, str, str]
"""Left, limit, used, used percent, and the next reset."""
_UNREAD: Cells = (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
_NO_LIMIT: Cells = ("", NONE, "", "", "")

_WIDEST_BAR, _NARROWEST_BAR = 20, 8
_GAP = 2


def limits_table(console: Console, status: KeyStatus, form: Form, first_width: int) -> Sheet:
    """Make the table; `>` marks what stops the key first.

    There are bars on terminals that have room for them, and percentages wherever they fit.
    """
    plain = _table(status, form, first_width, 0)
    whole = plain.whole_width()
    room = console.width - whole - _GAP
    if console.is_terminal and room >= _NARROWEST_BAR:
        return _table(status, form, first_width, min(room, _WIDEST_BAR))
    is_cramped = NARROW <= console.width < whole
    return _table(status, form, first_width, 0, has_percent=False) if is_cramped else plain


def _table(
    status: KeyStatus, form: Form, first_width: int, bar_width: int, *, has_percent: bool = True
) -> Sheet:
    columns = ["", ">Left", ">Limit", ">Used", ">Used %", "Resets (UTC)"]
    if not has_percent:
        columns.remove(">Used %")
    table = make_table(*columns)
    table.first_width = first_width
    if status.is_invalid:
        cells = [f"> {_title(stopped_by(status))}", usd(status.spendable.amount)]
        cells += [""] * (len(columns) - len(cells))
        table.add_row(*cells, style=STYLES["INVALID"])
    for name, (*amounts, used_percent, resets), bound in limit_rows(status):
        style = "" if bound is None else STYLES[level_of_bound(bound, status, form)]
        is_first = bound is not None and bound.binds
        table.add_row(
            f"{'>' if is_first else ' '} {_title(name)}",
            *amounts,
            *([used_percent] if has_percent else []),
            resets,
            style=STYLES[form.level(status)] if is_first else "",
            bar=_bar(bound, bar_width, style),
        )
    return table


def limit_rows(status: KeyStatus) -> list[tuple[str, Cells, Bound | None]]:
    """List each limit: its name, its cells, and its values if they are known.

    The wallet always has a row, and so has the key limit of a key that can spend.
    """
    bounds = status.spendable.bounds
    rows: list[tuple[str, Cells, Bound | None]] = [
        (limit_in_table(bound.name), _cells(bound), bound) for bound in bounds
    ]
    names = {bound.name for bound in bounds}
    if "wallet" not in names:
        rows.insert(0, (limit_in_table("wallet"), _UNREAD, None))
    if "key_limit" not in names and not (status.key is not None and status.key.is_management_key):
        rows.insert(1, (limit_in_table("key_limit"), _without_amount(status.key, status), None))
    return rows


def _without_amount(key: KeyInfo | None, status: KeyStatus) -> Cells:
    """Format the cells of a key limit of which it is not known how much is left."""
    if key is None:
        return _UNREAD
    if key.limit is None:
        return _NO_LIMIT
    resets_at = key.next_reset(status.checked_at)
    if resets_at is not None:
        resets = day(resets_at)
    elif "limit_reset" in key.unread:
        resets = UNKNOWN
    else:
        resets = NEVER if key.limit_reset is None else one_line(key.limit_reset)
    return UNKNOWN, usd(key.limit), UNKNOWN, UNKNOWN, resets


def _cells(bound: Bound) -> Cells:
    """Format the cells; the last is the date of the next reset, else the server's word for the interval."""
    amounts = usd(bound.remaining), usd(bound.limit), usd(bound.used), percent(bound)
    if bound.resets_at is not None:
        return *amounts, day(bound.resets_at)
    if bound.reset is None:
        return *amounts, UNKNOWN if bound.limit is None else NEVER
    return *amounts, UNKNOWN if bound.reset == "unknown" else one_line(bound.reset)


def _bar(bound: Bound | None, width: int, style: str) -> ProgressBar | None:
    if not width or bound is None or bound.used is None or bound.limit is None or bound.limit <= 0:
        return None
    used = float(min(max(bound.used, Decimal(0)), bound.limit) / bound.limit)
    return ProgressBar(1.0, used, width=width, style=GREY, complete_style=style, finished_style=style)


def _title(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"
