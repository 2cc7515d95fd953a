"""Short texts for values of the public API: amounts, limits and times; and the levels of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openrouter_credits import KeyCheck, format_usd
from openrouter_credits._words import limit_in_table
from openrouter_credits.cli._exits import EXIT_CODES

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from openrouter_credits import Level, OpenRouterError, Spendable

UNKNOWN = "-"


def level_of(error: OpenRouterError) -> Level:
    """Return the level of a key that could not be read, as a batch does."""
    return KeyCheck(0, None, None, None, None, error, 0.0).level()


def exit_code(error: OpenRouterError) -> int:
    """Return the exit code for a key that could not be read."""
    return EXIT_CODES[level_of(error)]


def usd(amount: Decimal | None) -> str:
    """Format an amount in US dollars; an unknown amount is `-`, never a number."""
    return UNKNOWN if amount is None else format_usd(amount)


def left(spendable: Spendable, level: Level) -> str:
    """Format the amount left, with `<=` if the real amount may be smaller.

    An invalid key has no amount, because it cannot spend from its wallet.
    """
    if spendable.amount is None or level == "INVALID":
        return UNKNOWN
    at_most = spendable.certainty == "at_most" and spendable.amount > 0
    return f"{'<= ' if at_most else ''}{usd(spendable.amount)}"


def limit(name: str | None) -> str:
    """Name a limit: the wallet, the key's limit or a budget."""
    return UNKNOWN if name is None else limit_in_table(name)


def moment(when: datetime | None) -> str:
    """Format a date and time in UTC."""
    return UNKNOWN if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def day(when: datetime | None) -> str:
    """Format a date in UTC; add the time unless it is midnight, when most limits reset."""
    if when is None:
        return UNKNOWN
    return f"{when:%Y-%m-%d}" if (when.hour, when.minute) == (0, 0) else f"{when:%Y-%m-%d %H:%M}"
