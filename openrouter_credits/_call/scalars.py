"""Scalars of JSON: each is accepted as what it is, or refused; an amount is exact."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, cast

from openrouter_credits._models.amounts import (
    EXACT,
    MOST_DIGITS,
    is_plain,
    is_without_residue,
    plain,
    without_residue,
)
from openrouter_credits._secrets import ApiKey, parse_key

Structure = Callable[[Any, Any], Any]
"""Makes a value of JSON; the second argument is the type that is wanted."""

_AMOUNT_TEXT = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_LARGE = 10**15
_SMALLEST_POWER = -12
"""Of ten: a smaller number is the residue of a double."""
_LARGEST_POWER = 30
"""Of ten: the largest number that is read as an int although it was sent with a point or an exponent."""


def to_amount(value: object, _: object = None) -> Decimal:
    """Read an amount of OpenRouter: a text as it is, a JSON number without the residue of a double.

    Raises:
        ValueError: not an amount, or more than 40 digits, written out.
    """
    # The fast way: nearly always it is a small whole number, or plain already.
    if type(value) is int and -_LARGE < value < _LARGE:
        return Decimal(value)
    if type(value) is Decimal:
        if is_without_residue(str(value)):
            return value
        if value.adjusted() < _SMALLEST_POWER:  # before its digits are counted: 5E-324 has 324 of them
            return without_residue(value)
    amount = to_decimal(value)
    return amount if isinstance(value, str) else without_residue(amount)


def to_decimal(value: object, _: object = None) -> Decimal:
    """Read a JSON number, or a plain decimal text, exactly.

    It is normalised, and bounded so that it always prints as a number: 40 digits, written out.

    Raises:
        ValueError: not a number, or more digits.
    """
    if type(value) is int and -_LARGE < value < _LARGE:
        return Decimal(value)
    if type(value) is Decimal:
        text = str(value)
        if is_plain(text):
            return value
        if text[-1] == "0" and len(text) <= MOST_DIGITS and "E" not in text:
            return plain(value)
    if type(value) is str and not _AMOUNT_TEXT.fullmatch(value):
        raise ValueError("an amount is needed, not a text")
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        raise ValueError(f"an amount is needed, not {kind_of(value)}")  # noqa: TRY004 - wrong JSON is a value
    try:
        number = Decimal(value).normalize(EXACT)
    except ArithmeticError:
        raise ValueError("no amount has so many digits") from None
    if not number.is_finite():
        raise ValueError("no amount has such an exponent")
    _, digits, exponent = number.as_tuple()
    power = cast("int", exponent)
    if max(len(digits), len(digits) + power, -power) > MOST_DIGITS:
        raise ValueError("no amount has so many digits")
    return plain(number)


def to_bool(value: object, _: object) -> bool:
    """Accept JSON true and false only, not 0, 1 or "true"."""
    if isinstance(value, bool):
        return value
    raise TypeError(f"true or false is needed, not {kind_of(value)}")


def to_str(value: object, _: object) -> str:
    """Accept a text only, not a number that could be shown as one."""
    if isinstance(value, str):
        return value
    raise TypeError(f"a text is needed, not {kind_of(value)}")


def to_int(value: object, _: object) -> int:
    """Accept a whole number, also one that was sent as `10.0`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Decimal) and value.adjusted() <= _LARGEST_POWER and value == (whole := int(value)):
        return whole
    raise TypeError(f"a whole number is needed, not {kind_of(value)}")


def to_float(value: object, _: object) -> float:
    """Accept a number, and return the nearest float."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and isfinite(number := float(value)):
        return number
    raise TypeError(f"a number is needed, not {kind_of(value)}")


def to_datetime(value: object, _: object) -> datetime:
    """Read ISO 8601; a time without a zone is UTC, as all times of OpenRouter are."""
    moment = datetime.fromisoformat(to_str(value, str))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_date(value: object, _: object) -> date:
    """Read a day of ISO 8601; of a time, it is the UTC day."""
    return to_datetime(value, str).date()


def to_key(value: object, _: object) -> ApiKey:
    """Read an API key, such as the one that `POST /keys` answers with; an error does not quote it."""
    key = parse_key(value)
    if isinstance(key, ApiKey):
        return key
    raise TypeError(f"an API key is needed, not {kind_of(value)}")


SCALARS: dict[Any, Structure] = {
    Decimal: to_decimal,
    bool: to_bool,
    str: to_str,
    int: to_int,
    float: to_float,
    datetime: to_datetime,
    date: to_date,
    ApiKey: to_key,
}


def kind_of(value: object) -> str:
    """Name the kind of a JSON value for an error, such as `null` or `a list`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    for kind, name in ((str, "a text"), (list, "a list"), (dict, "an object")):
        if isinstance(value, kind):
            return name
    return "such a number"
