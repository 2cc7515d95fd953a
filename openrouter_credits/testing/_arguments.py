"""Arguments of tests, checked; an error names the argument and says which values it takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from attrs import Attribute

from openrouter_credits import ApiKey, InvalidKeyError

Validator = Callable[[Any, "Attribute[Any]", Any], None]


def require_number(name: str, value: object, *, unit: str = "seconds", zero: bool = False) -> None:
    """Accept a finite number above 0; 0 itself only if `zero` says so.

    Raises:
        TypeError: not a number.
        ValueError: negative, infinite or NaN, or a zero that makes no sense.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a number of {unit}, not {type(value).__name__}")
    if not (0 <= value < math.inf and (value or zero)):
        raise ValueError(f"{name} is a finite number of {unit} {'from' if zero else 'above'} 0, not {value}")


def require_whole(name: str, value: object, lowest: int, highest: int | None = None) -> None:
    """Accept a whole number from `lowest` to `highest`.

    Raises:
        TypeError: not a whole number.
        ValueError: below or above.
    """
    numbers = f"from {lowest}" if highest is None else f"from {lowest} to {highest}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number {numbers}, not {type(value).__name__}")
    if value < lowest or (highest is not None and value > highest):
        raise ValueError(f"{name} is a whole number {numbers}, not {value}")


def require_bool(name: str, value: object) -> None:
    """Accept True and False.

    Raises:
        TypeError: anything else.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} is True or False, not {type(value).__name__}")


def parse_key(text: str | ApiKey) -> ApiKey | InvalidKeyError | TypeError:
    """Read a key's text; an error is returned, so that no frame raises it while it holds the text."""
    try:
        return ApiKey(text)
    except (InvalidKeyError, TypeError) as error:
        return error.with_traceback(None)


def require_clock(name: str, clock: object) -> None:
    """Accept a function that returns a datetime with a time zone; call it once.

    Raises:
        TypeError: not a function, or it returns something else.
        ValueError: it fails, or its time has no time zone.
    """
    if not callable(clock):
        raise TypeError(f"{name} is a function that returns the time, not {type(clock).__name__}")
    try:
        moment = clock()
    except Exception as error:
        raise ValueError(f"{name}() raised {type(error).__name__}: {error}") from error
    if not isinstance(moment, datetime):
        raise TypeError(f"{name}() returns a datetime, not {type(moment).__name__}")
    if moment.utcoffset() is None:
        raise ValueError(f"{name}() returns a time with a time zone, as datetime.now(UTC) does")


def is_seconds(_: object, attribute: Attribute[Any], value: object) -> None:
    """Validate a field of attrs with `require_number`."""
    require_number(attribute.name, value)


def is_whole(lowest: int, highest: int | None = None) -> Validator:
    """Make a validator for `attrs.field`: `require_whole` with the field's name."""
    return lambda _, attribute, value: require_whole(attribute.name, value, lowest, highest)
