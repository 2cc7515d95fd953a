"""Exact amounts in US dollars, and JSON that keeps them exact."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

Amount: TypeAlias = str | int | Decimal
"""An amount in US dollars: a text such as `"3.17"`, an `int` or a `Decimal`; never a float."""


_MOST_DIGITS = 40


def to_amount(value: Amount, name: str = "an amount") -> Decimal:
    """Convert a value to an exact amount; errors call it by its name, and do not quote it.

    Raises:
        TypeError: the value is a float, a bool or of another type that is not exact.
        ValueError: the text is not a number, or the number is not finite or has more than 40 digits.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise TypeError(
            f"{name} is a str, an int or a Decimal, not {type(value).__name__}: write '3.17', not 3.17"
        )
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ValueError(f"{name} is not an amount in US dollars, such as '3.17'")
    _, digits, exponent = amount.as_tuple()
    if len(digits) + abs(int(exponent)) > _MOST_DIGITS:
        raise ValueError(f"{name} has more than {_MOST_DIGITS} digits")
    return amount


def not_negative(value: Amount, name: str) -> Decimal:
    """Convert a value to an amount of at least 0, as `to_amount` does.

    Raises:
        ValueError: the amount is negative, too.
    """
    amount = to_amount(value, name)
    if amount < 0:
        raise ValueError(f"{name} is at least 0")
    return amount


def to_json(value: object) -> str:
    """Write a value as JSON; a `Decimal` becomes an exact number without an exponent or trailing zeros.

    Raises:
        TypeError: JSON does not have values of this type.
        ValueError: a number is NaN or infinite, which JSON does not allow.
    """
    write = _WRITERS.get(type(value))
    if write is None:  # the slow way is for classes of these, such as OrderedDict
        write = next((write for kind, write in _WRITERS.items() if isinstance(value, kind)), _other)
    return write(value)


def _other(value: object) -> str:
    return json.dumps(value, allow_nan=False)


def _number(amount: Decimal) -> str:
    if not amount.is_finite():
        raise ValueError(f"JSON has no {amount}")
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _object(items: Mapping[str, object]) -> str:
    return "{" + ",".join([f"{_text(name)}:{to_json(item)}" for name, item in items.items()]) + "}"


def _array(items: Iterable[object]) -> str:
    return "[" + ",".join([to_json(item) for item in items]) + "]"


_text = json.encoder.encode_basestring

_WRITERS: dict[type, Callable[[Any], str]] = {
    str: _text,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
    int: int.__repr__,
    Decimal: _number,
    dict: _object,
    list: _array,
    tuple: _array,
}
