"""Arguments of callers, checked before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Context, Decimal
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

Dollars = Decimal | int | float | str
"""An amount of US dollars as callers write it."""
_HALF = Decimal("0.5")
_ROUNDED = Context(prec=50)
_LARGEST = 10**300
_MOST_DIGITS = 97
"""Before the point; `format_usd` shows no more, and half of it has no exponent that overflows."""


def checked(
    check: Callable[_P, _T], *arguments: _P.args, **options: _P.kwargs
) -> _T | TypeError | ValueError:
    """Return what a check returns, or its error without a traceback.

    The frames of a check hold what it checks, which may be a key that was passed by mistake.
    """
    try:
        return check(*arguments, **options)
    except (TypeError, ValueError) as error:
        return error.with_traceback(None)


def require_flag(name: str, value: object) -> bool:
    """Return a value that is true or false.

    Raises:
        TypeError: anything else, such as 0 or the text "false".
    """
    if isinstance(value, bool):
        return value
    raise TypeError(f"{name} is True or False, not {type(value).__name__}")


def require_seconds(name: str, value: object, *, zero: bool = False, unit: str = "seconds") -> float:
    """Return a value that is a finite number above 0; 0 itself only if `zero` says so.

    Raises:
        TypeError: not a number.
        ValueError: negative, infinite or NaN, or a zero that makes no sense.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a number of {unit}, not {type(value).__name__}")
    if isinstance(value, int) and abs(value) > _LARGEST:  # no float holds it
        raise ValueError(f"{name} is a finite number of {unit}, not one of hundreds of digits")
    if not (0 <= value < math.inf and (value or zero)):
        raise ValueError(f"{name} is a finite number of {unit} {'from' if zero else 'above'} 0, not {value}")
    return value


def require_count(name: str, value: object) -> None:
    """Accept a whole number from 1.

    Raises:
        TypeError: not a whole number.
        ValueError: below 1.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number, not {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} is at least 1, not {value}")


def require_dollars(amount: Dollars) -> Decimal:
    """Return an amount as it was written: the float 0.1 is a tenth.

    Raises:
        TypeError: not a number.
        ValueError: infinite, NaN, a text that is no number, or more than 97 digits before the point.
    """
    if isinstance(amount, bool) or not isinstance(amount, Dollars):
        raise TypeError(f"an amount is a number, not {type(amount).__name__}")
    try:
        # numpy's floats are floats, but their own repr is not a number
        exact = Decimal(float.__repr__(amount) if isinstance(amount, float) else amount)
    except ArithmeticError:
        exact = Decimal("NaN")
    if not exact.is_finite() or exact.adjusted() >= _MOST_DIGITS:
        raise ValueError("an amount is a finite number of dollars, of at most 97 digits before the point")
    return exact


def require_thresholds(warn: Dollars, critical: Dollars | None) -> tuple[Decimal, Decimal]:
    """Return both thresholds of the levels; `critical` is half of `warn` unless it is given.

    Raises:
        TypeError: one is not a number.
        ValueError: one is not finite, or `warn` is below `critical`.
    """
    low = require_dollars(warn)
    if critical is None:
        return low, min(low, _ROUNDED.multiply(low, _HALF))
    lower = require_dollars(critical)
    if low < lower:
        raise ValueError(f"warn is at least critical, but {low} is below {lower}")
    return low, lower


def require_read(read: Iterable[str]) -> frozenset[str]:
    """Return which endpoints to read: "credits", "key" or both.

    Raises:
        TypeError: one text, or nothing that can be iterated over.
        ValueError: empty, or any other name.
    """
    if isinstance(read, str) or not isinstance(read, Iterable):
        raise TypeError(f'read is a tuple such as ("credits",), not {type(read).__name__}')
    wanted = tuple(read)
    if not wanted or any(name not in ("credits", "key") for name in wanted):
        raise ValueError('read is made of "credits" and "key"')
    return frozenset(wanted)
