"""The wallet's figures are exact in any decimal context, and negative when the account owes."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import Credits
from tests.kit.values import HARSH, LENIENT

REMAINING = [
    ("100.3", "56.671895005", "43.628104995"),
    ("5.000000001", "5.000000001", "0"),
    ("0.000000001", "0", "0.000000001"),
    ("1E+2", "0", "100"),
    ("5", "7.75", "-2.75"),
    ("0", "1E-9", "-0.000000001"),
    ("-0.00", "0", "0"),
    ("100", "0.10", "99.9"),
    ("1E+30", "1E-30", "999999999999999999999999999999.999999999999999999999999999999"),
]

AMOUNTS = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**27), 10**27),
    st.integers(-30, 3),
)


def text_or_none(amount: Decimal | None) -> str | None:
    """Print an amount, if there is one."""
    return None if amount is None else str(amount)


def credits_of(total: str, usage: str) -> Credits:
    """Make a wallet of two amounts, written as text."""
    return Credits(Decimal(total), Decimal(usage))


@pytest.mark.parametrize(("total", "usage", "remaining"), REMAINING)
def test_remaining_is_exact_and_plain(total: str, usage: str, remaining: str) -> None:
    """`remaining` is the exact difference, printed without noise, exponent or negative zero."""
    figure = credits_of(total, usage).remaining

    assert (str(figure), f"{figure}", f"{figure:f}") == (remaining, remaining, remaining)


@given(AMOUNTS, AMOUNTS)
def test_remaining_is_integer_arithmetic(total: Decimal, usage: Decimal) -> None:
    """`remaining` equals the difference of the two amounts as fractions, and its text has no exponent."""
    remaining = Credits(total, usage).remaining

    assert Fraction(remaining) == Fraction(total) - Fraction(usage)
    assert Fraction(str(remaining)) == Fraction(remaining)
    assert "E" not in str(remaining)


FRACTIONS = [
    ("100", "25", "0.25"),
    ("100", "125", "1.25"),
    ("100", "0", "0"),
    ("3", "1", "0.3333333333333333333333333333"),
    ("0", "5", None),
    ("0", "0", None),
    ("1E+30", "1E-30", "0." + "0" * 59 + "1"),
    ("1E-30", "1E+30", "1" + "0" * 60),
]


@pytest.mark.parametrize(("total", "usage", "fraction"), FRACTIONS)
def test_the_used_fraction_is_none_without_credits(total: str, usage: str, fraction: str | None) -> None:
    """`used_fraction` is usage divided by credits, to 28 digits, and None if there never were any credits."""
    assert text_or_none(credits_of(total, usage).used_fraction) == fraction


@pytest.mark.parametrize(
    ("total", "usage", "expected"),
    [("0", "0", True), ("-0", "0.00", True), ("0", "1E-9", False), ("5", "5", False), ("5", "0", False)],
)
def test_only_0_of_0_is_zero(total: str, usage: str, expected: bool) -> None:
    """A wallet is zero only if both its credits and its usage are 0; a spent wallet is not."""
    assert credits_of(total, usage).is_zero is expected


@pytest.mark.parametrize("amount", [1, 1.5, None])
def test_a_figure_is_a_decimal(amount: Any) -> None:
    """A wallet made by hand of anything but Decimal amounts raises TypeError."""
    with pytest.raises(TypeError, match="total_usage is a Decimal"):
        Credits(Decimal(1), amount)


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")])
def test_a_figure_is_finite(amount: Decimal) -> None:
    """A wallet of an infinite amount or NaN raises ValueError, as NaN compares false with every threshold."""
    with pytest.raises(ValueError, match="total_credits is a finite number"):
        Credits(amount, Decimal(1))


@pytest.mark.parametrize("context", [HARSH, LENIENT], ids=["harsh", "lenient"])
def test_no_decimal_context_changes_a_figure_of_a_wallet(context: Context) -> None:
    """No precision, rounding, exponent range or trap of the decimal context changes a wallet's figures."""
    expected = [expected for *_, expected in (*REMAINING, *FRACTIONS)]

    with localcontext(context):
        figures = [
            *(str(credits_of(total, usage).remaining) for total, usage, _ in REMAINING),
            *(text_or_none(credits_of(total, usage).used_fraction) for total, usage, _ in FRACTIONS),
        ]

    assert figures == expected
