"""Exact dollars: sums and texts that depend neither on floats nor on the process's decimal context."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any

from attrs import Attribute

from openrouter_credits._public import public

# The process's own context may round or trap. 100 digits hold any sum of amounts of 40 digits.
EXACT = Context(prec=100, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
MOST_DIGITS = 40
"""The digits of an amount of OpenRouter, written out without exponent."""
_LAST_DIGITS = frozenset("123456789")
_ROUNDED = Context(prec=28, traps=[InvalidOperation, DivisionByZero, Overflow])

# OpenRouter's numbers are doubles of JavaScript, which keep 15 decimal digits. The rest is the residue of
# sums: 0.3 - 0.1 - 0.2 is -2.8E-17 there. No price has more than 12 decimals.
_DOUBLE = Context(prec=15, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Overflow])
_LAST_DECIMAL = Decimal("1E-12")
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_WITHOUT_RESIDUE = len("0.123456789012")


class _SmallAmount(Decimal):
    """An amount so small that `Decimal` alone would print it with an exponent."""

    __slots__ = ()

    def __str__(self) -> str:
        return super().__format__("f")

    def __format__(self, spec: str, /) -> str:  # type: ignore[override]  # the stub has one argument more
        has_type = spec[-1:].isalpha() or spec[-1:] == "%"
        return super().__format__(spec if has_type else f"{spec}f")


def is_plain(text: str) -> bool:
    """Test quickly whether an amount's text is plain and short; if false, it has to be looked at."""
    return text[-1] in _LAST_DIGITS and "E" not in text and len(text) <= MOST_DIGITS


def plain(amount: Decimal) -> Decimal:
    """Give an amount the one form whose text is plain: no exponent, no trailing zeros, no negative zero.

    Raises:
        ArithmeticError: it has more than 100 digits, written out.
    """
    if is_plain(str(amount)):
        return amount
    amount = amount.normalize(EXACT)
    if not amount:
        return Decimal(0)
    if "E" not in str(amount):
        return amount
    return amount.quantize(Decimal(1), context=EXACT) if amount.adjusted() > 0 else _SmallAmount(amount)


def is_without_residue(text: str) -> bool:
    """Test quickly whether `without_residue` changes nothing; if false, it may."""
    return len(text) <= _LONGEST_WITHOUT_RESIDUE and text[-1] in _LAST_DIGITS and "E" not in text


def without_residue(amount: Decimal) -> Decimal:
    """Round an amount that was a double: half-even, to 15 significant digits, then to 12 decimals."""
    amount = _DOUBLE.plus(amount)
    if amount.adjusted() < 2:  # from 100 on, 15 digits have at most 12 decimals
        amount = amount.quantize(_LAST_DECIMAL, context=_DOUBLE)
    return plain(amount)


def add(augend: Decimal, addend: Decimal) -> Decimal:
    """Add exactly."""
    return plain(EXACT.add(augend, addend))


def subtract(minuend: Decimal, subtrahend: Decimal) -> Decimal:
    """Subtract exactly."""
    return plain(EXACT.subtract(minuend, subtrahend))


def divide(part: Decimal, whole: Decimal) -> Decimal:
    """Divide, rounded to 28 digits; `whole` is not 0."""
    return plain(_ROUNDED.divide(part, whole))


def scale(amount: Decimal, part: timedelta, whole: timedelta) -> Decimal:
    """Return the share of an amount that a part of its time has, rounded to 28 digits; `whole` is not 0.

    The part may be longer: $2 in 6 hours are $8 a day.
    """
    return divide(EXACT.multiply(amount, Decimal(part // _MICROSECOND)), Decimal(whole // _MICROSECOND))


def finite(_: object, attribute: Attribute[Any], value: object) -> None:
    """Validate a field that is an amount.

    Raises:
        TypeError: not a `Decimal`.
        ValueError: infinite or NaN.
    """
    if not isinstance(value, Decimal):
        raise TypeError(f"{attribute.name} is a Decimal, not {type(value).__name__}")
    if not value.is_finite():
        raise ValueError(f"{attribute.name} is a finite number")


def finite_or_none(instance: object, attribute: Attribute[Any], value: object) -> None:
    """Validate a field that is an amount or `None`, as `finite` does."""
    if value is not None:
        finite(instance, attribute, value)


public(_SmallAmount)  # pickles name it
