"""The numbers of options, as people write them; a fault is one line that says what is accepted."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from openrouter_credits._words import one_line
from openrouter_credits.cli._exits import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*|(?=\.[0-9]))(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?"
)
_MOST_DIGITS = 97
"""Before the point of an amount; no more can be shown."""
_MOST_AT_ONCE = 10_000
_LAST_PORT = 65535
_MOST_DAYS = 3650
_LEAST_RATE = 1 / (24 * 60 * 60)
"""Requests a second: one a day. With a smaller rate, the command would seem to hang."""
_LONGEST_SHOWN = 20
_ABOVE_0 = "US dollars above 0, such as 5 or 1,000.50"


def shown(text: str) -> str:
    """Quote what was typed, if it is short; a long text may be a key in the wrong place."""
    if len(text) > _LONGEST_SHOWN:
        return f"a text of {len(text):,} characters"
    return repr(one_line(text))


def _number(text: str) -> Decimal | None:
    """Read a number, with or without separators of thousands; return `None` for any other text."""
    text = text.strip()
    return Decimal(text.replace(",", "")) if _NUMBER.fullmatch(text) else None


def _dollars(text: str) -> Decimal | None:
    bare = text.strip().removeprefix("$")
    number = _number(bare if bare != text.strip() else bare.removesuffix("$"))
    return number if number is not None and number >= 0 and number.adjusted() < _MOST_DIGITS else None


def _seconds(text: str) -> float | None:
    seconds = float(_number(text) or 0)
    return seconds if 0 < seconds < math.inf else None


def _rate(text: str) -> float | None:
    rate = float(_number(text) or 0)
    return rate if _LEAST_RATE <= rate < math.inf else None


def _delay(text: str) -> float | None:
    number = _number(text)
    return float(number) if number is not None and 0 <= float(number) < math.inf else None


def _whole(least: int, most: int) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        number = _number(text)
        is_whole = number is not None and "." not in text and "e" not in text.lower()
        return int(number) if number is not None and is_whole and least <= number <= most else None

    return read


def reader(read: Callable[[str], Any], accepted: str) -> Parameter:
    """Make the parser read the value of an option, or AMOUNT, with `read`; `None` from it refuses it."""

    def convert(_: object, tokens: Sequence[Any]) -> object:
        option, text = tokens[0].keyword or "AMOUNT", tokens[0].value
        value = read(text)
        if value is None:
            comma = " A comma separates thousands; decimals follow a point." if "," in text else ""
            raise CommandError(f"{option} takes {accepted}, not {shown(text)}.{comma}")
        return value

    return Parameter(converter=convert)


def _dollars_above_0(text: str) -> Decimal | None:
    """Read an amount to be spent; 0, which everything would pass, may be what a shell left of it."""
    dollars = _dollars(text)
    if dollars == 0:
        raise CommandError(
            f"AMOUNT takes {_ABOVE_0}, not {shown(text)}. "
            "A shell makes 0 of $50: write 50, or '$50' in single quotes."
        )
    return dollars


Dollars = Annotated[Decimal, reader(_dollars, "US dollars from 0, such as 30, $30 or 1,000.50")]
DollarsAbove0 = Annotated[Decimal, reader(_dollars_above_0, _ABOVE_0)]
Seconds = Annotated[float, reader(_seconds, "a number of seconds above 0, such as 30 or 2.5")]
Rate = Annotated[float, reader(_rate, "requests a second, from 0.0000116 (one a day), such as 20 or 0.5")]
Count = Annotated[int, reader(_whole(1, _MOST_AT_ONCE), f"a whole number from 1 to {_MOST_AT_ONCE:,}")]
Delay = Annotated[float, reader(_delay, "a number of seconds from 0, such as 0.2")]
Port = Annotated[int, reader(_whole(0, _LAST_PORT), f"a whole number from 0 to {_LAST_PORT}")]
Days = Annotated[int, reader(_whole(1, _MOST_DAYS), f"a whole number of days from 1 to {_MOST_DAYS:,}")]
DollarsOrNone = Annotated[
    Decimal | Literal["none"],
    reader(
        lambda text: "none" if text.lower() == "none" else _dollars(text),
        "US dollars from 0, such as 30 or $1,000.50, or none",
    ),
]
