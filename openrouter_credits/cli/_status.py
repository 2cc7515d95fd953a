"""`openrouter-credits status`: a sentence, and the table behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from openrouter_credits import CreditsClient, OpenRouterError
from openrouter_credits.cli._exits import EXIT_CODES, clean, reader_may_leave
from openrouter_credits.cli._json import status_document, to_text
from openrouter_credits.cli._judge import UNKNOWN, binder, day, left, level_of, moment, told, usd
from openrouter_credits.cli._screen import STYLES, coloured, make_console, make_table, show

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from decimal import Decimal

    from rich.console import Console, RenderableType

    from openrouter_credits import KeyInfo, KeyStatus, Level

_WIDEST_NAME = len("> Workspace budget")
"""The first columns of both tables are at least as wide as this."""


def show_status(warn: Decimal, critical: Decimal, *, json: bool, oneline: bool) -> int:
    """Read the key of the environment, show its status, and return the exit code.

    Raises:
        OpenRouterError: nothing could be read; what programs read says so too.
    """
    try:
        status = asyncio.run(_read())
    except OpenRouterError as error:
        level = level_of(error)
        with reader_may_leave():
            if json:
                print(to_text(status_document(None, error, level)))
            elif oneline:
                _show_line(f"{level} {UNKNOWN}", level)
        raise
    level = status.level(warn, critical)
    with reader_may_leave():
        if json:
            print(to_text(status_document(status, None, level)))
        elif oneline:
            amount = left(status.spendable, level)
            bound = "" if amount == UNKNOWN else f" ({binder(status.spendable.bound_by)})"
            _show_line(f"{level} {amount}{bound}", level)
        else:
            draw_status(make_console(), status, level, warn, critical)
    return EXIT_CODES[level]


def _show_line(text: str, level: Level) -> None:
    """Show one line, however narrow the terminal is."""
    console = make_console()
    console.width = max(console.width, len(text))
    show(console, coloured(text, level))


async def _read() -> KeyStatus:
    async with CreditsClient() as client:
        return await client.status()


def draw_status(console: Console, status: KeyStatus, level: Level, warn: Decimal, critical: Decimal) -> None:
    """Draw the sentence, the bounds with the one that binds, what else is known of the key, and what could not be read."""
    show(console, coloured(clean(status.explain()), level), "", *_tables(status, level, warn, critical))
    if status.problems:
        show(console, "", *(f"Not read: {told(problem)}" for problem in status.problems))


def _tables(status: KeyStatus, level: Level, warn: Decimal, critical: Decimal) -> Iterator[RenderableType]:
    bounds = make_table("", ">Left", ">Limit", ">Used", "Resets (UTC)")
    bounds.columns[0].min_width = _WIDEST_NAME
    wanted: str | None = status.spendable.bound_by
    for bound_by, amount, limit, used, resets in _bounds(status):
        binds = bound_by == wanted and amount == status.spendable.amount
        name = binder(bound_by)
        bounds.add_row(
            f"{'>' if binds else ' '} {name[:1].upper()}{name[1:]}",
            usd(amount),
            limit,
            usd(used),
            resets,
            style=STYLES[level] if binds else "",
        )
        wanted = None if binds else wanted
    yield bounds
    yield ""
    facts = make_table("", "")
    facts.columns[0].min_width = _WIDEST_NAME
    facts.add_row(
        "  Level", coloured(f"{level} (LOW below {usd(warn)}, CRITICAL below {usd(critical)})", level)
    )
    facts.add_row("  Key", _key(status.key))
    facts.add_row("  Expires", moment(None if status.key is None else status.key.expires_at))
    facts.add_row("  Free models", _quota(status.key))
    yield facts


def _bounds(status: KeyStatus) -> Iterator[tuple[str, Decimal | None, str, Decimal | None, str]]:
    """List each bound: its name, what is left, the limit, what is used, and when it is renewed."""
    wallet, key = status.credits, status.key
    if wallet is None:
        yield "wallet", None, UNKNOWN, None, UNKNOWN
    else:
        yield "wallet", wallet.remaining, usd(wallet.total_credits), wallet.total_usage, "never"
    if key is None:
        yield "key_limit", None, UNKNOWN, None, UNKNOWN
        return
    limit = "none" if key.limit is None else usd(key.limit)
    resets = _resets(key.limit, key.limit_reset, key.next_reset(status.checked_at))
    yield "key_limit", key.limit_remaining, limit, key.used_in_window, resets
    for budget in (key.effective_budget,) if key.budgets is None else key.budgets:
        # the key's limit is one of the budgets too
        if budget is not None and (budget.scope, budget.remaining_usd) != ("key_limit", key.limit_remaining):
            resets = _resets(budget.limit_usd, budget.reset_interval, budget.resets_at)
            yield budget.scope, budget.remaining_usd, usd(budget.limit_usd), budget.spend_usd, resets


def _resets(limit: Decimal | None, interval: str | None, when: datetime | None) -> str:
    """Say when a limit is renewed: the day, or the server's word if this version cannot tell the day; no limit is never renewed."""
    if when is not None or limit is None:
        return day(when)
    return "never" if interval is None else clean(interval)


def _key(key: KeyInfo | None) -> str:
    if key is None:
        return UNKNOWN
    return clean(key.label) + (" (management key)" if key.is_management_key else "")


def _quota(key: KeyInfo | None) -> str:
    quota = None if key is None else key.free_model_daily_requests
    if quota is None or quota.remaining is None:
        return UNKNOWN
    of = "" if quota.limit is None else f" of {quota.limit}"
    return f"{quota.remaining}{of} requests left today"
