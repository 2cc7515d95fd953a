"""Amounts are exact in any decimal context, and their text is plain."""

from __future__ import annotations

import copy
import pickle
from datetime import timedelta
from decimal import Context, Decimal, localcontext
from typing import Any

import attrs
import pytest

from openrouter_credits._models.amounts import add, divide, finite, finite_or_none, plain, scale, subtract
from tests.kit.values import HARSH, LENIENT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1E+2", "100"),
        ("10", "10"),
        ("100.50", "100.5"),
        ("-0", "0"),
        ("0E+9", "0"),
        ("1E-9", "0.000000001"),
        ("-1E-9", "-0.000000001"),
        ("0.0000010", "0.000001"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ],
)
def test_a_plain_amount_prints_without_exponent(text: str, shown: str) -> None:
    """`str`, `format` and copies print a plain amount without exponent; its `repr` evaluates to it."""
    amount = plain(Decimal(text))

    assert (
        str(amount)
        == f"{amount}"
        == f"{amount:f}"
        == str(copy.deepcopy(amount))
        == str(pickle.loads(pickle.dumps(amount)))
        == shown
    )
    assert amount == Decimal(text)
    assert hash(amount) == hash(Decimal(text))
    assert eval(repr(amount), {"Decimal": Decimal, type(amount).__name__: type(amount)}) == amount


def test_a_small_amount_still_formats_as_asked() -> None:
    """A plain amount below 1E-6 obeys the type, precision and width of a format specification."""
    amount = plain(Decimal("1E-9"))

    assert f"{amount:.2e}" == "1.00e-9"
    assert f"{amount:.3f}" == "0.000"
    assert f"{amount:>13f}" == "  0.000000001"


def test_more_digits_than_any_amount_has_is_an_error() -> None:
    """An amount of more than 100 digits raises ArithmeticError, so that nothing is rounded silently."""
    with pytest.raises(ArithmeticError):
        plain(Decimal("1" * 101))


ARITHMETIC = [
    (add, "0.1", "0.2", "0.3"),
    (add, "1E+30", "1E-30", "1000000000000000000000000000000.000000000000000000000000000001"),
    (add, "2.75", "-2.75", "0"),
    (subtract, "100.3", "56.671895005", "43.628104995"),
    (subtract, "1E+30", "1E-30", "999999999999999999999999999999.999999999999999999999999999999"),
    (subtract, "0", "1E-9", "-0.000000001"),
    (subtract, "5.00", "5", "0"),
    (divide, "25", "100", "0.25"),
    (divide, "1", "3", "0.3333333333333333333333333333"),
    (divide, "2", "-3", "-0.6666666666666666666666666667"),
    (divide, "0", "7", "0"),
]


@pytest.mark.parametrize("context", [Context(), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
@pytest.mark.parametrize(("operation", "one", "other", "expected"), ARITHMETIC)
def test_arithmetic_is_exact_in_any_decimal_context(
    operation: Any, one: str, other: str, expected: str, context: Context
) -> None:
    """Sums and differences are exact and quotients have 28 digits, whatever the decimal context is."""
    operands = Decimal(one), Decimal(other)

    with localcontext(context):
        result = str(operation(*operands))

    assert result == expected


@pytest.mark.parametrize("context", [HARSH, LENIENT], ids=["harsh", "lenient"])
@pytest.mark.parametrize("text", ["1E+2", "-0", "1E-9", "123456789012345678901234567890"])
def test_no_decimal_context_changes_a_plain_amount(text: str, context: Context) -> None:
    """A plain amount has the same text whatever the decimal context is."""
    amount = Decimal(text)
    expected = str(plain(amount))

    with localcontext(context):
        shown = str(plain(amount))

    assert shown == expected


@attrs.frozen
class Amounts:
    """Two fields that are amounts."""

    some: Any = attrs.field(validator=finite)
    other: Any = attrs.field(default=None, validator=finite_or_none)


@pytest.mark.parametrize("amount", [1, 1.5, None, "1"])
def test_a_field_that_is_an_amount_takes_a_decimal(amount: Any) -> None:
    """A field that is an amount raises TypeError, with its own name, for anything but a Decimal."""
    with pytest.raises(TypeError, match=f"some is a Decimal, not {type(amount).__name__}"):
        Amounts(amount)


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")])
def test_a_field_that_is_an_amount_takes_a_finite_number(amount: Decimal) -> None:
    """A field that is an amount raises ValueError for an infinite number and NaN."""
    with pytest.raises(ValueError, match="some is a finite number"):
        Amounts(amount)


def test_an_amount_that_may_be_missing_is_none_or_validated() -> None:
    """A field whose amount may be missing takes None, and otherwise a finite Decimal alone."""
    assert Amounts(Decimal(1), None).other is None
    assert Amounts(Decimal(1), Decimal(2)).other == 2
    with pytest.raises(TypeError, match="other is a Decimal, not int"):
        Amounts(Decimal(1), 2)
    with pytest.raises(ValueError, match="other is a finite number"):
        Amounts(Decimal(1), Decimal("NaN"))


@pytest.mark.parametrize("context", [Context(), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
def test_an_amount_is_scaled_to_another_time(context: Context) -> None:
    """An amount is multiplied before it is divided, by times to the microsecond; 28 digits are kept."""
    day, hour = timedelta(days=1), timedelta(hours=1)

    with localcontext(context):
        scaled = [
            scale(Decimal("12345.678901"), day, 6 * hour),
            scale(Decimal(10), hour, 3 * hour),
            scale(Decimal(1), timedelta.resolution, 100 * day),
            scale(Decimal(5), timedelta(0), day),
        ]

    assert list(map(str, scaled)) == [
        "49382.715604",
        "3.333333333333333333333333333",
        "0.0000000000001157407407407407407407407407",
        "0",
    ]
