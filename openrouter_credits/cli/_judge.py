"""Words for what the public API says: levels, amounts, what binds, when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openrouter_credits import KeyCheck, format_usd
from openrouter_credits.cli._exits import EXIT_CODES, clean

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from openrouter_credits import Level, OpenRouterError, Spendable

UNKNOWN = "-"


def level_of(error: OpenRouterError) -> Level:
    """Judge a key of which nothing could be read, as a batch does."""
    return KeyCheck(0, None, None, None, None, error, 0.0).level()


def exit_code(error: OpenRouterError) -> int:
    """Choose the exit code for a key of which nothing could be read."""
    return EXIT_CODES[level_of(error)]


def usd(amount: Decimal | None) -> str:
    """Show an amount; what is not known is never a number."""
    return UNKNOWN if amount is None else format_usd(amount)


def left(spendable: Spendable, level: Level) -> str:
    """Show what is left, and whether it may be less; an invalid key has nothing to spend, whatever its wallet holds."""
    if spendable.amount is None or level == "INVALID":
        return UNKNOWN
    at_most = spendable.certainty == "at_most" and spendable.amount > 0
    return f"{'<= ' if at_most else ''}{usd(spendable.amount)}"


def binder(bound_by: str | None) -> str:
    """Name what binds."""
    match bound_by:
        case None:
            return UNKNOWN
        case "wallet" | "key_limit":
            return bound_by.replace("_", " ")
        case _:
            return f"{clean(bound_by).replace('_', ' ')} budget"


def moment(when: datetime | None) -> str:
    """Show a time in UTC."""
    return UNKNOWN if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def day(when: datetime | None) -> str:
    """Show a time in UTC where there is little room: midnight, when almost everything resets, is left out."""
    if when is None:
        return UNKNOWN
    return f"{when:%Y-%m-%d}" if (when.hour, when.minute) == (0, 0) else f"{when:%Y-%m-%d %H:%M}"


def told(error: OpenRouterError) -> str:
    """Show an error in one line, with its remedy."""
    return clean(error)
