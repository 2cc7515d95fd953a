"""Short texts for values of the public API: amounts, limits and times; and levels.

`-` is a value that is not known, `none` is no limit, `never` is never, and an empty cell does not apply.
"""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from openrouter_credits import KeyCheck, KeyStatus, Spendable, format_usd
from openrouter_credits._words import limit_in_table
from openrouter_credits.cli._exits import ATTENTION, EXIT_CODES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from openrouter_credits import Bound, Level, OpenRouterError
    from openrouter_credits.cli._options import Form

UNKNOWN = "-"
NONE = "none"
NEVER = "never"
_MOST_PERCENT = 999
_NAMED = 3
"""Number of keys named in one text."""
_LONGEST_NAME = 24
"""Characters of a name there; the tables of keys show all of it."""
# strftime would name the months in the language of the locale
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_REASONS = {
    "refused": "key refused",
    "expired": "key expired",
    "disabled": "key disabled",
    "no_region": "no data region",
    "management_key": "management key",
}


def level_of(error: OpenRouterError) -> Level:
    """Return the level of a key that could not be read, as a batch does."""
    return KeyCheck(0, None, None, None, None, error, 0.0).level()


def exit_code(error: OpenRouterError) -> int:
    """Return the exit code for a key that could not be read."""
    return EXIT_CODES[level_of(error)]


def level_of_bound(bound: Bound, status: KeyStatus, form: Form) -> Level:
    """Judge one limit as if the key had no other."""
    alone = Spendable(bound.remaining, None, None, "complete")
    return form.level(KeyStatus(None, None, alone, (), status.checked_at))


def attention(check: KeyCheck, form: Form) -> tuple[int, Decimal, int]:
    """Return the sort key of an outcome: its level, then the amount left, then its place in the source."""
    level = form.level(check)
    amount = None if check.status is None or level == "INVALID" else check.status.spendable.amount
    return ATTENTION[level], Decimal("inf") if amount is None else amount, check.index


def some_of(names: Sequence[str]) -> str:
    """Name the first keys, and count the others: `a, b, c and 2 more`."""
    shown = [
        name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..." for name in names[:_NAMED]
    ]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(shown)}{more}"


def usd(amount: Decimal | None) -> str:
    """Format an amount in US dollars; an unknown amount is `-`, never a number."""
    return UNKNOWN if amount is None else format_usd(amount)


def left(status: KeyStatus) -> str:
    """Format the amount left, with `<=` if a part that was not read may make it smaller.

    A part that was not asked for, as with `--key-only`, is not called so; the sentence does the same.
    """
    spendable = status.spendable
    if spendable.amount is None:
        return UNKNOWN
    at_most = spendable.certainty == "at_most" and status.problems and spendable.amount > 0
    return f"{'<= ' if at_most else ''}{usd(spendable.amount)}"


def stopped_by(status: KeyStatus) -> str:
    """Name what stops a key first: a limit, or the reason why it cannot spend; empty if none is known."""
    name = status.spendable.bound_by or ""
    # A budget may be named like a reason.
    return _REASONS.get(name, name) if status.is_invalid else limit_in_table(name)


def percent(bound: Bound) -> str:
    """Return the used part of a limit, rounded down; empty for a limit of 0."""
    if bound.limit is None or bound.used is None:
        return UNKNOWN
    if bound.limit <= 0:
        return ""
    used = max(0, int(Fraction(bound.used) * 100 // Fraction(bound.limit)))
    return f"{used}%" if used <= _MOST_PERCENT else f">{_MOST_PERCENT}%"


def moment(when: datetime) -> str:
    """Format a date and time in UTC."""
    return f"{when:%Y-%m-%d %H:%M} UTC"


def short_day(when: datetime, now: datetime) -> str:
    """Format a date in UTC in few characters: `24 Nov`, with the year if it is not that of `now`."""
    when, now = when.astimezone(UTC), now.astimezone(UTC)
    if when.date() == now.date():
        return "today"
    year = "" if when.year == now.year else f" {when.year}"
    return f"{when.day} {_MONTHS[when.month - 1]}{year}"
