"""Amounts are exact in any decimal context; a value that the server did not give is None."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import (
    Context,
    Decimal,
    localcontext,
)
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import Budget, Credits, FreeModelQuota, KeyInfo, format_usd
from openrouter_credits._models.key import plain
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


DOLLARS: list[tuple[Decimal | int, str]] = [
    (Decimal("11.75"), "$11.75"),
    (Decimal("-2.75"), "-$2.75"),
    (Decimal("9.999"), "$9.99"),
    (Decimal("-2.751"), "-$2.76"),
    (Decimal("-0.001"), "-$0.01"),
    (Decimal("-0"), "$0.00"),
    (Decimal("1E+3"), "$1000.00"),
    (Decimal("123456789012345678901234567890.129"), "$123456789012345678901234567890.12"),
    (100, "$100.00"),
]


@pytest.mark.parametrize(("amount", "shown"), DOLLARS)
def test_dollars_are_never_rounded_up(amount: Decimal | int, shown: str) -> None:
    """format_usd() shows two decimals, rounded down, so that it never shows more than there is."""
    assert format_usd(amount) == shown


@pytest.mark.parametrize("amount", [1.5, "1.5", True])
def test_dollars_are_exact_numbers(amount: Any) -> None:
    """format_usd() raises TypeError unless the amount is a Decimal or an int."""
    with pytest.raises(TypeError):
        format_usd(amount)


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


def test_a_limit_needs_what_remains_of_it() -> None:
    """A key that has a limit but no `limit_remaining` raises ValueError."""
    with pytest.raises(ValueError, match="limit_remaining is missing"):
        KeyInfo(label="k", usage=Decimal(1), limit=Decimal(5))


USED = [
    ("500", "454.542594979", "45.457405021"),
    ("5", "-0.204117", "5.204117"),
    ("5", "5.00", "0"),
    (None, "7", None),
]


def used_in_window(limit: str | None, remaining: str) -> str | None:
    """Print the `used_in_window` of a key whose lifetime usage is another number."""
    cap = None if limit is None else Decimal(limit)
    return text_or_none(
        KeyInfo(label="k", usage=Decimal(999), limit=cap, limit_remaining=Decimal(remaining)).used_in_window
    )


@pytest.mark.parametrize(("limit", "remaining", "used"), USED)
def test_used_in_window_is_what_the_cap_lacks(limit: str | None, remaining: str, used: str | None) -> None:
    """`used_in_window` is the limit minus `limit_remaining`, not the usage; None if there is no limit."""
    assert used_in_window(limit, remaining) == used


def all_figures() -> list[str | None]:
    """Compute and print every amount of the tables above in the current decimal context."""
    return [
        *(str(credits_of(total, usage).remaining) for total, usage, _ in REMAINING),
        *(text_or_none(credits_of(total, usage).used_fraction) for total, usage, _ in FRACTIONS),
        *(used_in_window(limit, remaining) for limit, remaining, _ in USED),
        *(format_usd(amount) for amount, _ in DOLLARS),
    ]


@pytest.mark.parametrize("context", [HARSH, LENIENT], ids=["harsh", "lenient"])
def test_no_decimal_context_changes_a_figure(context: Context) -> None:
    """No precision, rounding, exponent range or trap of the decimal context changes an amount."""
    expected = [expected for *_, expected in (*REMAINING, *FRACTIONS, *USED, *DOLLARS)]

    with localcontext(context):
        figures = all_figures()

    assert figures == expected


def key_with(**fields: Any) -> KeyInfo:
    """Make a key without a limit, with these fields."""
    return KeyInfo(label="k", usage=Decimal(0), limit=None, **fields)


@pytest.mark.parametrize(
    ("reset", "now", "expected"),
    [
        ("daily", datetime(2026, 10, 21, 13, 5, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)),
        ("daily", datetime(2026, 10, 21, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)),
        ("daily", datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("daily", datetime(2028, 2, 28, 12, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC)),
        (
            "weekly",
            datetime(2026, 10, 21, 13, 5, tzinfo=UTC),
            datetime(2026, 10, 26, tzinfo=UTC),
        ),  # a Wednesday
        (
            "weekly",
            datetime(2026, 10, 25, 23, 59, tzinfo=UTC),
            datetime(2026, 10, 26, tzinfo=UTC),
        ),  # a Sunday
        (
            "weekly",
            datetime(2026, 10, 26, tzinfo=UTC),
            datetime(2026, 11, 2, tzinfo=UTC),
        ),  # a Monday, at the reset
        ("weekly", datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2027, 1, 4, tzinfo=UTC)),
        ("monthly", datetime(2026, 10, 21, 13, 5, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        ("monthly", datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("monthly", datetime(2027, 1, 31, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)),
        ("monthly", datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        ("monthly", datetime(2100, 2, 28, 23, tzinfo=UTC), datetime(2100, 3, 1, tzinfo=UTC)),  # no leap year
        (None, datetime(2026, 10, 21, tzinfo=UTC), None),
        ("fortnightly", datetime(2026, 10, 21, tzinfo=UTC), None),
    ],
)
def test_windows_end_at_midnight_utc(reset: str | None, now: datetime, expected: datetime | None) -> None:
    """Windows end at 00:00 UTC: weekly on Monday, monthly on the 1st; None if the window is unknown."""
    assert key_with(limit_reset=reset).next_reset(now) == expected


def test_a_local_time_is_converted_first() -> None:
    """next_reset() converts a local time to UTC first: Thursday in Auckland can be Wednesday in UTC."""
    now = datetime(2026, 10, 22, 1, tzinfo=timezone(timedelta(hours=13)))

    reset = key_with(limit_reset="daily").next_reset(now)

    assert reset == datetime(2026, 10, 22, tzinfo=UTC)
    assert reset is not None
    assert reset.tzinfo is UTC


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        (None, False),
        (datetime(2026, 10, 21, 12, tzinfo=UTC), True),
        (datetime(2026, 10, 21, 12, 0, 0, 1, tzinfo=UTC), False),
    ],
)
def test_a_key_expires_at_its_moment(expires_at: datetime | None, expected: bool) -> None:
    """A key is expired from the very moment `expires_at` on, in whatever time zone the caller's time is."""
    now = datetime(2026, 10, 21, 14, tzinfo=timezone(timedelta(hours=2)))

    assert key_with(expires_at=expires_at).is_expired(now) is expected


@pytest.mark.parametrize("ask", ["next_reset", "is_expired"])
def test_a_naive_time_is_refused(ask: str) -> None:
    """next_reset() and is_expired() raise ValueError for a naive time, whose zone is unknown."""
    key = key_with(expires_at=datetime(2026, 1, 1, tzinfo=UTC))

    with pytest.raises(ValueError, match="aware"):
        getattr(key, ask)(datetime(2026, 1, 1))  # noqa: DTZ001 - a naive time is what is refused


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"is_provisioning_key": True}, True),
        ({"is_provisioning_key": False}, False),
        ({"is_management_key": False, "is_provisioning_key": True}, False),
    ],
)
def test_the_older_name_of_management_keys_is_read(fields: dict[str, bool], expected: bool | None) -> None:
    """`is_management_key` takes the value of the older `is_provisioning_key` if it is missing itself."""
    assert key_with(**fields).is_management_key is expected


VALUES = [
    credits_of("1", "2"),
    Budget("workspace", remaining_usd=Decimal(1)),
    FreeModelQuota(1, 2, 3),
    key_with(usage_daily=Decimal(2)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_frozen(value: Any) -> None:
    """No field of a value can be changed."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, attrs.fields(type(value))[0].name, None)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_extra_is_carried_along_and_nothing_else(value: Any) -> None:
    """`extra` takes no part in ==, hash and repr; pickling and copying keep it."""
    fuller = attrs.evolve(value, extra={"new": [1]})

    assert fuller == value
    assert hash(fuller) == hash(value)
    assert "new" not in repr(fuller)
    assert pickle.loads(pickle.dumps(fuller)).extra == copy.deepcopy(fuller).extra == {"new": [1]}
    assert pickle.loads(pickle.dumps(fuller)) == fuller
