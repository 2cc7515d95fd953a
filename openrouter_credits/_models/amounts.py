"""Exact dollars: sums and texts that depend neither on floats nor on the process's decimal context."""

from __future__ import annotations

from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any

from attrs import Attribute

from openrouter_credits._public import public

# The process's own context may round or trap. 100 digits hold any sum of two amounts (30 digits, exponents
# within 30).
EXACT = Context(prec=100, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
MOST_DIGITS = 30
_LAST_DIGITS = frozenset("123456789")
_ROUNDED = Context(prec=28, traps=[InvalidOperation, DivisionByZero, Overflow])


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


def add(augend: Decimal, addend: Decimal) -> Decimal:
    """Add exactly."""
    return plain(EXACT.add(augend, addend))


def subtract(minuend: Decimal, subtrahend: Decimal) -> Decimal:
    """Subtract exactly."""
    return plain(EXACT.subtract(minuend, subtrahend))


def divide(part: Decimal, whole: Decimal) -> Decimal:
    """Divide, rounded to 28 digits; `whole` is not 0."""
    return plain(_ROUNDED.divide(part, whole))


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
