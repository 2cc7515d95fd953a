"""`openrouter-credits status`: one sentence, and tables with the details."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from openrouter_credits import CreditsClient, OpenRouterError
from openrouter_credits._words import one_line, told_once
from openrouter_credits.cli._exits import EXIT_CODES, allow_closed_pipe
from openrouter_credits.cli._json import failure_to_json
from openrouter_credits.cli._judge import UNKNOWN, day, left, level_of, limit, moment, usd
from openrouter_credits.cli._screen import STYLES, coloured, make_console, make_table, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

    from openrouter_credits import Bound, KeyInfo, KeyStatus, Level
    from openrouter_credits.cli._options import Form, Reading

_Cells = tuple[str, str, str, str]
"""Left, limit, used, and the next reset."""
_UNREAD: _Cells = (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
_NO_LIMIT: _Cells = (UNKNOWN, "none", UNKNOWN, UNKNOWN)

_WIDEST_NAME = len("> Workspace budget")
"""Minimum width of the first column in both tables."""


def show_status(form: Form, reading: Reading) -> int:
    """Read the key of the environment, show its status, and return the exit code.

    Raises:
        OpenRouterError: the key could not be read; the styles `json` and `oneline` print the level first.
    """
    try:
        status = asyncio.run(_read(reading))
    except OpenRouterError as error:
        level = level_of(error)
        with allow_closed_pipe():
            if form.style == "json":
                print(failure_to_json(error))
            elif form.style == "oneline":
                _show_line(f"{level} {UNKNOWN}", level)
        raise
    level = form.level(status)
    with allow_closed_pipe():
        if form.style == "json":
            print(status.to_json(2, warn=form.warn, critical=form.critical))
        elif form.style == "oneline":
            amount = left(status.spendable, level)
            bound = "" if amount == UNKNOWN else f" ({limit(status.spendable.bound_by)})"
            _show_line(f"{level} {amount}{bound}", level)
        else:
            draw_status(make_console(), status, form)
    return EXIT_CODES[level]


def _show_line(text: str, level: Level) -> None:
    """Show one line, without folding it on a narrow terminal."""
    console = make_console()
    console.width = max(console.width, len(text))
    show(console, coloured(text, level))


async def _read(reading: Reading) -> KeyStatus:
    async with CreditsClient() as client:
        return await client.status(read=reading.read)


def draw_status(console: Console, status: KeyStatus, form: Form) -> None:
    """Draw the sentence, the limits (`>` marks the one that binds), facts about the key, and problems."""
    level = form.level(status)
    show(console, coloured(one_line(status.explain()), level), "", *_tables(status, level, form))
    if status.problems:
        show(console, "", *(f"Not read: {text}" for text in told_once(map(one_line, status.problems))))


def _tables(status: KeyStatus, level: Level, form: Form) -> Iterator[RenderableType]:
    limits = make_table("", ">Left", ">Limit", ">Used", "Resets (UTC)")
    limits.columns[0].min_width = _WIDEST_NAME
    for name, cells, binds in _limits(status):
        mark, style = (">", STYLES[level]) if binds else (" ", "")
        limits.add_row(f"{mark} {name[:1].upper()}{name[1:]}", *cells, style=style)
    yield limits
    yield ""
    facts = make_table("", "")
    facts.columns[0].min_width = _WIDEST_NAME
    thresholds = f"LOW below {usd(form.warn)}, CRITICAL below {usd(form.critical)}"
    facts.add_row("  Level", coloured(f"{level} ({thresholds})", level))
    facts.add_row("  Key", _key(status.key))
    facts.add_row("  Expires", moment(None if status.key is None else status.key.expires_at))
    facts.add_row("  Free models", _quota(status.key))
    yield facts


def _limits(status: KeyStatus) -> list[tuple[str, _Cells, bool]]:
    """List each limit: its name, its cells, and whether it binds. Wallet and key limit are always listed."""
    bounds = status.spendable.bounds
    rows = [(limit(bound.name), _cells(bound), bound.binds) for bound in bounds]
    names = {bound.name for bound in bounds}
    if "wallet" not in names:
        rows.insert(0, (limit("wallet"), _UNREAD, False))
    if "key_limit" not in names:
        has_none = status.key is not None and status.key.limit is None
        rows.insert(1, (limit("key_limit"), _NO_LIMIT if has_none else _UNREAD, False))
    return rows


def _cells(bound: Bound) -> _Cells:
    """Format the cells; the last is the date of the next reset, else the server's word for the interval."""
    amounts = usd(bound.remaining), usd(bound.limit), usd(bound.used)
    if bound.resets_at is not None or bound.limit is None:
        return *amounts, day(bound.resets_at)
    return *amounts, "never" if bound.reset is None else one_line(bound.reset)


def _key(key: KeyInfo | None) -> str:
    if key is None:
        return UNKNOWN
    kind = " (management key)" if key.is_management_key else ""
    return f"{one_line(key.label)}{kind}"


def _quota(key: KeyInfo | None) -> str:
    quota = None if key is None else key.free_model_daily_requests
    if quota is None or quota.remaining is None:
        return UNKNOWN
    limit = "" if quota.limit is None else f" of {quota.limit}"
    return f"{quota.remaining}{limit} requests left today"
