"""How amounts, moments, limits and strangers' words are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal, InvalidOperation
from typing import Any

from openrouter_credits._masking import scrub as scrub  # noqa: PLC0414 - the command masks with it, too
from openrouter_credits._models.moments import utc
from openrouter_credits._public import public
from openrouter_credits._secrets import ApiKey

_CENT = Decimal("0.01")
_FLOOR = Context(prec=100, rounding=ROUND_FLOOR, traps=[InvalidOperation])
_MOST_DIGITS = 97

# not strftime's names: those follow the locale
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_A_WEEK = timedelta(days=7)

SETTINGS = "https://openrouter.ai/settings"
WAYS_OUT = {
    "expired": f"Make a new key at {SETTINGS}/keys.",
    "disabled": f"Enable the key, or make a new one, at {SETTINGS}/keys.",
    "no_region": f"Permit a data region in the settings of the key's workspace: {SETTINGS}.",
}
"""The advice for keys that cannot spend, by the reason."""
SHORTEST_SECRET = 8
"""A shorter text is no secret, and may be a part of any word."""
_LONGEST_SCOPE = 40
_LONGEST_QUOTE = 200
# C0 and C1 controls (terminal escapes), marks that turn the direction of text, and halves of surrogate pairs
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# A colour code before a key may begin with one character instead of ESC and `[`: without it, it seems a word.
_SHORT_CODE = re.compile(r"\x9b(?=[\d;:]*msk-)")
_LINE_BREAKS = re.compile(r"[\t\r\n]+")
# around a scope they stand anyway
_WORDS_OF_OURS = re.compile(r"^the\s+|\s*\bbudget$", re.IGNORECASE)
_PLACE_IN_LIST = re.compile(r"\[[0-9]+\]")


def format_usd(amount: Decimal | int) -> str:
    """Show an amount as `$11.75` or `-$2.75`: two decimals, rounded towards minus infinity.

    So the text never shows more than there is. Thousands are separated: `$1,234,567.89`.

    Raises:
        TypeError: not an exact number.
        ValueError: infinite, NaN, or more than 97 digits before the point.
    """
    if not isinstance(amount, Decimal | int) or isinstance(amount, bool):
        raise TypeError(f"an amount is a Decimal or an int, not {type(amount).__name__}")
    number = Decimal(amount)
    if not number.is_finite() or number.adjusted() >= _MOST_DIGITS:
        raise ValueError(f"an amount is a finite number of at most {_MOST_DIGITS} digits before the point")
    cents = number.quantize(_CENT, context=_FLOOR)
    return f"{'-' if cents < 0 else ''}${cents.copy_abs():,f}"


def exact_usd(amount: Decimal) -> str:
    """Show an amount with all its digits, two decimals at least: `$5.00`, `$0.0005`."""
    size = amount.copy_abs()
    whole, _, decimals = f"{size:,f}".partition(".")
    return f"{'-' if amount < 0 else ''}${whole}.{decimals.rstrip('0'):0<2}"


def usd_left(amount: Decimal) -> str:
    """Show an amount as `format_usd` does, but less than a cent exactly: it is not nothing."""
    return exact_usd(amount) if 0 < amount < _CENT else format_usd(amount)


def moment(when: datetime, now: datetime) -> str:
    """Name a moment in UTC: by its weekday within a week of `now`, else by its date."""
    when, now = utc(when), utc(now)
    if timedelta(0) <= when - now < _A_WEEK:
        return f"{_WEEKDAYS[when.weekday()]} {when:%H:%M} UTC"
    year = "" if when.year == now.year else f" {when.year}"
    return f"{when.day} {_MONTHS[when.month - 1]}{year} {when:%H:%M} UTC"


def until(resets_at: datetime | None, now: datetime) -> str:
    """Tell when a limit is renewed, behind the amount that is left; empty if that is not ahead."""
    return f" until {moment(resets_at, now)}" if resets_at is not None and resets_at > now else ""


def limit_in_sentence(name: str) -> str:
    """Name a limit in a sentence: `the wallet`, `the key's limit`, `the workspace budget`.

    A budget's scope is the server's word: only what can be printed of it is shown, and at most 40 characters.
    """
    match name:
        case "wallet":
            return "the wallet"
        case "key_limit":
            return "the key's limit"
        case _:
            # Replace line breaks first: the filter below would join the words.
            words = " ".join(name.replace("_", " ").split())
            printable = scrub("".join(filter(str.isprintable, words)))
            scope = _WORDS_OF_OURS.sub("", " ".join(printable[:_LONGEST_SCOPE].split()))
            return f"the {scope} budget" if scope else "the budget"


def limit_in_table(name: str) -> str:
    """Name a limit in a table: `wallet`, `key limit`, `workspace budget`."""
    if name in ("wallet", "key_limit"):
        return name.replace("_", " ")
    return f"{_WORDS_OF_OURS.sub('', one_line(name).replace('_', ' '))} budget".lstrip()


def day(when: datetime) -> str:
    """Format a date in UTC; add the time unless it is midnight, when most limits reset."""
    return f"{when:%Y-%m-%d}" if (when.hour, when.minute) == (0, 0) else f"{when:%Y-%m-%d %H:%M}"


def more_of_limit(
    name: str, reset: str | None, resets_at: datetime | None, now: datetime, *, account: str | None = None
) -> str:
    """Advise how to get more of a limit: top up the wallet; raise the limit, or wait for its reset.

    Args:
        name: of the limit, as `Bound.name`.
        reset: how often it is renewed, if it is.
        resets_at: when, if that is known.
        now: the time (aware).
        account: the name of the wallet's account, if there are several.
    """
    if name == "wallet":
        return f"Top up the wallet{'' if account is None else f' of {account}'} at {SETTINGS}/credits."
    wait = ""
    if resets_at is not None:
        if resets_at > now:
            wait = f", or wait until {day(resets_at)} (UTC)"
    elif reset not in (None, "unknown"):
        wait = f", or wait for its reset ({one_line(reset)})"
    if name == "key_limit":
        return f"Raise the key limit at {SETTINGS}/keys{wait}."
    return f"Raise the {limit_in_table(name)} at {SETTINGS} (an admin of the workspace can){wait}."


def told_once(texts: Iterable[str]) -> list[str]:
    """Keep one of the texts that differ only in a place in a list, and count the others: `(and 2 more)`."""
    alike: dict[str, list[str]] = {}
    for text in texts:
        alike.setdefault(_PLACE_IN_LIST.sub("[]", text), []).append(text)
    return [text if not more else f"{text} (and {len(more)} more)" for text, *more in alike.values()]


def mask_key(text: str, key: ApiKey) -> str:
    """Mask this key, if it has at least 8 characters, whatever it looks like."""
    return text.replace(key.reveal(), str(key)) if len(key.reveal()) >= SHORTEST_SECRET else text


def mask_all(value: Any, key: ApiKey | None) -> Any:
    """Mask this key, and each part that looks like a key, in every text and name of a JSON value."""
    if isinstance(value, str):
        return scrub(value if key is None else mask_key(value, key))
    if isinstance(value, list):
        return [mask_all(item, key) for item in value]
    if isinstance(value, dict):
        return {mask_all(name, key): mask_all(item, key) for name, item in value.items()}
    return value


def one_line(text: object) -> str:
    """Make a stranger's text safe for a terminal: one line without control characters, escapes and keys."""
    return scrub("".join(map(_printable, _SHORT_CODE.sub("\x1b[", str(text)))))


def _printable(character: str) -> str:
    if character.isspace():
        return " "
    return character if character.isprintable() else "?"


def quote(text: str, key: ApiKey | None) -> str:
    """Quote the server's words: without the key and control characters, at most 200 characters."""
    text = _UNPRINTABLE.sub("", _LINE_BREAKS.sub(" ", _SHORT_CODE.sub("[", text)))
    if key is not None:
        text = text.replace(key.reveal(), str(key))
    text = scrub(text)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 3]}..."


def quote_all(value: Any, key: ApiKey | None, depth: int = 5) -> Any:
    """Quote every text in a JSON value, and cut what is nested deeper than `depth`."""
    if isinstance(value, str):
        return quote(value, key)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return "..."
    if isinstance(value, list):
        return [quote_all(item, key, depth - 1) for item in value]
    return {quote(name, key): quote_all(item, key, depth - 1) for name, item in value.items()}


public(format_usd)
