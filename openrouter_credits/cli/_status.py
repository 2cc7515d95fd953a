"""`openrouter-credits status`: one sentence, the limits, facts about the key, and what to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from openrouter_credits import OpenRouterError
from openrouter_credits._words import one_line
from openrouter_credits.cli._advice import advice, plain_problems
from openrouter_credits.cli._asking import ask_client
from openrouter_credits.cli._exits import EXIT_CODES, allow_closed_pipe
from openrouter_credits.cli._json import failure_to_json
from openrouter_credits.cli._judge import NEVER, UNKNOWN, left, level_of, moment, stopped_by, usd
from openrouter_credits.cli._limits import limits_table
from openrouter_credits.cli._screen import PLAIN_WIDTH, coloured, make_console, make_table, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from openrouter_credits import KeyInfo, KeyStatus, Level
    from openrouter_credits.cli._options import Form, Reading
    from openrouter_credits.cli._table import Sheet


_TO_PYTHON = ', or look at the wallet alone: read=("credits",)'
"""Words of the sentence that advise a caller of the client; "What to do" advises those who read a screen."""


def show_status(form: Form, reading: Reading) -> int:
    """Read the key of the environment, show its status, and return the exit code.

    Raises:
        CommandError: an option is out of range.
        OpenRouterError: the key could not be read; the styles `json` and `oneline` print the level first.
    """
    try:
        status = asyncio.run(ask_client("status", reading, lambda client: client.status(read=reading.read)))
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
            amount = left(status)
            reason = "" if amount == UNKNOWN else f" ({stopped_by(status)})"
            _show_line(f"{level} {amount}{reason}", level)
        else:
            draw_status(make_console(), status, form)
    return EXIT_CODES[level]


def _show_line(text: str, level: Level) -> None:
    """Show one line, without folding it on a narrow terminal."""
    console = make_console()
    console.width = PLAIN_WIDTH
    show(console, coloured(text, level))


def draw_status(console: Console, status: KeyStatus, form: Form) -> None:
    """Draw the sentence, the limits (`>` marks what stops the key first), facts, and what to do."""
    level = form.level(status)
    facts = _facts(status, level, form)
    for place, remedy in enumerate(dict.fromkeys(map(one_line, advice(status, form)))):
        if not place:
            facts.add_row("", "")
        facts.add_row("" if place else "  What to do", remedy)
    facts.first_width = facts.widest_first()
    width = max(facts.first_width, limits_table(console, status, form, 0).widest_first())
    limits = limits_table(console, status, form, width)
    sentence = one_line(status.explain()).replace(_TO_PYTHON, "")
    show(console, coloured(sentence, level), "", limits, "", facts)


def _facts(status: KeyStatus, level: Level, form: Form) -> Sheet:
    facts = make_table("", "")
    facts.add_row("  Level", coloured(level, level))
    if not status.is_invalid:
        facts.add_row("  Thresholds", f"LOW below {usd(form.warn)}, CRITICAL below {usd(form.critical)}")
    key = status.key
    facts.add_row("  Key", _label(key))
    facts.add_row("  Expires", _expiry(key))
    if key is None or not key.is_management_key:  # which cannot run inference
        facts.add_row("  Spent", UNKNOWN if key is None else ", ".join(_spent(key)))
        if not status.is_invalid:
            facts.add_row("  Free models", _quota(status))
    for place, text in enumerate(plain_problems(status)):
        facts.add_row("" if place else "  Not read", text)
    return facts


def _label(key: KeyInfo | None) -> str:
    if key is None:
        return UNKNOWN
    kind = " (management key)" if key.is_management_key else ""
    return f"{one_line(key.label)}{kind}"


def _expiry(key: KeyInfo | None) -> str:
    if key is None or "expires_at" in key.unread:
        return UNKNOWN
    return NEVER if key.expires_at is None else moment(key.expires_at)


def _spent(key: KeyInfo) -> Iterator[str]:
    """Name the amounts that are known; older servers know only the last one."""
    if key.usage_daily is not None:
        yield f"{usd(key.usage_daily)} today"
    if key.usage_weekly is not None:
        yield f"{usd(key.usage_weekly)} this week"
    if key.usage_monthly is not None:
        yield f"{usd(key.usage_monthly)} this month"
    yield f"{usd(key.usage)} in all"


def _quota(status: KeyStatus) -> str:
    quota = None if status.key is None else status.key.free_model_daily_requests
    if quota is None or quota.remaining is None:
        return UNKNOWN
    limit = "" if quota.limit is None else f" of {quota.limit}"
    requests = f"{quota.remaining}{limit} requests left today"
    owes = status.credits is not None and status.credits.remaining < 0
    return f"refused until the debt is paid ({requests})" if owes else requests
