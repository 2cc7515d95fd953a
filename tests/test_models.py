"""Money is exact, whatever the process's decimal context; what is not known is None."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import (
    ROUND_UP,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    Subnormal,
    Underflow,
    localcontext,
)
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import Budget, Credits, FreeModelQuota, KeyInfo, format_usd
from openrouter_credits._models import plain

ALL_TRAPS = [Clamped, DivisionByZero, FloatOperation, Inexact, InvalidOperation, Overflow, Rounded, Subnormal, Underflow]
HARSH = Context(prec=4, rounding=ROUND_UP, Emax=9, Emin=-9, traps=ALL_TRAPS)
LENIENT = Context(prec=1, traps=[])

REMAINING = [
    ("100.3", "56.671895005", "43.628104995"),
    ("5.000000001", "5.000000001", "0"),
    ("0.000000001", "0", "0.000000001"),
    ("1E+2", "0", "100"),
    ("1E+29", "1E-9", "99999999999999999999999999999.999999999"),
    ("5", "7.75", "-2.75"),
    ("0", "1E-9", "-0.000000001"),
    ("0", "0", "0"),
    ("0", "-0", "0"),
    ("-0.00", "0", "0"),
    ("100", "0.10", "99.9"),
    ("1E+30", "1E-30", "999999999999999999999999999999.999999999999999999999999999999"),
]

AMOUNTS = st.builds(lambda digits, exponent: Decimal(digits).scaleb(exponent), st.integers(-(10**27), 10**27), st.integers(-30, 3))


def credits_of(total: str, usage: str) -> Credits:
    """Make a wallet of two figures."""
    return Credits(Decimal(total), Decimal(usage))


@pytest.mark.parametrize("context", [Context(prec=28), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
@pytest.mark.parametrize(("total", "usage", "remaining"), REMAINING)
def test_remaining_is_exact_and_plain(total: str, usage: str, remaining: str, context: Context) -> None:
    """No float's noise, no exponent, no negative zero, in any decimal context; a debt stays negative."""
    wallet = credits_of(total, usage)

    with localcontext(context):
        figure = wallet.remaining
        texts = (str(figure), f"{figure}", f"{figure:f}")

    assert texts == (remaining, remaining, remaining)


@given(AMOUNTS, AMOUNTS)
def test_remaining_is_integer_arithmetic(total: Decimal, usage: Decimal) -> None:
    """The difference is what whole numbers of the smallest unit give."""
    remaining = Credits(total, usage).remaining

    assert Fraction(remaining) == Fraction(total) - Fraction(usage)
    assert Fraction(str(remaining)) == Fraction(remaining)
    assert "E" not in str(remaining)


@pytest.mark.parametrize("context", [Context(prec=28), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
@pytest.mark.parametrize(
    ("total", "usage", "fraction"),
    [
        ("100", "25", "0.25"),
        ("100", "125", "1.25"),
        ("100", "0", "0"),
        ("100", "100", "1"),
        ("3", "1", "0.3333333333333333333333333333"),
        ("0", "5", None),
        ("0", "0", None),
        ("1E+30", "1E-30", "0." + "0" * 59 + "1"),
        ("1E-30", "1E+30", "1" + "0" * 60),
    ],
)
def test_the_used_fraction_is_none_without_credits(total: str, usage: str, fraction: str | None, context: Context) -> None:
    """There is no share of nothing."""
    wallet = credits_of(total, usage)

    with localcontext(context):
        share = wallet.used_fraction

    assert (None if share is None else str(share)) == fraction


@pytest.mark.parametrize(
    ("total", "usage", "expected"), [("0", "0", True), ("-0", "0.00", True), ("0", "1E-9", False), ("5", "5", False), ("5", "0", False)]
)
def test_only_0_of_0_is_zero(total: str, usage: str, expected: bool) -> None:
    """A spent wallet is not what `/credits` says to keys that may not read it."""
    assert credits_of(total, usage).is_zero is expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1E+2", "100"),
        ("1.0E+1", "10"),
        ("10", "10"),
        ("100.50", "100.5"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("0E+9", "0"),
        ("0E-9", "0"),
        ("1E-9", "0.000000001"),
        ("-1E-9", "-0.000000001"),
        ("0.000001", "0.000001"),
        ("0.0000010", "0.000001"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ],
)
def test_a_plain_amount_prints_without_exponent(text: str, shown: str) -> None:
    """`str`, `format` and a copy all say the same, and so does `repr` to who reads it back."""
    amount = plain(Decimal(text))

    assert str(amount) == f"{amount}" == f"{amount:f}" == str(copy.deepcopy(amount)) == str(pickle.loads(pickle.dumps(amount))) == shown
    assert amount == Decimal(text)
    assert hash(amount) == hash(Decimal(text))
    assert eval(repr(amount), {"Decimal": Decimal, type(amount).__name__: type(amount)}) == amount


def test_a_small_amount_still_formats_as_asked() -> None:
    """A format that somebody asks for is theirs."""
    amount = plain(Decimal("1E-9"))

    assert f"{amount:.2e}" == "1.00e-9"
    assert f"{amount:.3f}" == "0.000"
    assert f"{amount:>13f}" == "  0.000000001"


def test_more_digits_than_any_amount_has_is_an_error() -> None:
    """Nothing is ever rounded silently."""
    with pytest.raises(ArithmeticError):
        plain(Decimal("1" * 101))


@pytest.mark.parametrize("context", [Context(prec=28), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Decimal("11.75"), "$11.75"),
        (Decimal("-2.75"), "-$2.75"),
        (Decimal("9.999"), "$9.99"),
        (Decimal("-2.751"), "-$2.76"),
        (Decimal("0.009"), "$0.00"),
        (Decimal("-0.001"), "-$0.01"),
        (Decimal(0), "$0.00"),
        (Decimal("-0"), "$0.00"),
        (Decimal("1E+3"), "$1000.00"),
        (Decimal("1E-30"), "$0.00"),
        (Decimal("123456789012345678901234567890.129"), "$123456789012345678901234567890.12"),
        (100, "$100.00"),
        (-3, "-$3.00"),
    ],
)
def test_dollars_are_never_rounded_up(amount: Decimal | int, shown: str, context: Context) -> None:
    """Two decimals, towards minus infinity: more is never shown than there is."""
    with localcontext(context):
        assert format_usd(amount) == shown


@pytest.mark.parametrize("amount", [1.5, "1.5", None, True])
def test_dollars_are_exact_numbers(amount: Any) -> None:
    """A float is not shown as money."""
    with pytest.raises(TypeError):
        format_usd(amount)


@pytest.mark.parametrize("amount", [1, 1.5, "1", None, True])
def test_a_figure_is_a_decimal(amount: Any) -> None:
    """Floats do not get into a value, not even by a user's own hand."""
    with pytest.raises(TypeError, match="total_usage is a Decimal"):
        Credits(Decimal(1), amount)


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("sNaN")])
def test_a_figure_is_finite(amount: Decimal) -> None:
    """NaN compares false with every threshold: it never gets in."""
    with pytest.raises(ValueError, match="total_credits is a finite number"):
        Credits(amount, Decimal(1))


def test_a_limit_needs_what_remains_of_it() -> None:
    """Without `limit_remaining` a cap says nothing about what can be spent."""
    with pytest.raises(ValueError, match="limit_remaining is missing"):
        KeyInfo(label="k", usage=Decimal(1), limit=Decimal(5))


@pytest.mark.parametrize("context", [Context(prec=28), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
@pytest.mark.parametrize(
    ("limit", "remaining", "used"),
    [("500", "454.542594979", "45.457405021"), ("5", "-0.204117", "5.204117"), ("5", "5.00", "0"), (None, None, None), (None, "7", None)],
)
def test_used_in_window_is_what_the_cap_lacks(limit: str | None, remaining: str | None, used: str | None, context: Context) -> None:
    """It never comes from the lifetime usage, and is None without a cap."""
    key = KeyInfo(
        label="k",
        usage=Decimal(999),
        limit=limit and Decimal(limit),
        limit_remaining=remaining and Decimal(remaining),  # type: ignore[arg-type]
    )

    with localcontext(context):
        figure = key.used_in_window

    assert (None if figure is None else str(figure)) == used


def key_with(**fields: Any) -> KeyInfo:
    """Make a key with what a test is about."""
    return KeyInfo(label="k", usage=Decimal(0), limit=None, **fields)


@pytest.mark.parametrize(
    ("reset", "now", "expected"),
    [
        ("daily", datetime(2026, 10, 21, 13, 5, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)),
        ("daily", datetime(2026, 10, 21, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)),
        ("daily", datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("weekly", datetime(2026, 10, 21, 13, 5, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)),  # a Wednesday
        ("weekly", datetime(2026, 10, 25, 23, 59, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)),  # a Sunday
        ("weekly", datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)),  # a Monday, at the reset
        ("monthly", datetime(2026, 10, 21, 13, 5, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        ("monthly", datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("monthly", datetime(2027, 1, 31, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)),
        ("monthly", datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        (None, datetime(2026, 10, 21, tzinfo=UTC), None),
        ("fortnightly", datetime(2026, 10, 21, tzinfo=UTC), None),
    ],
)
def test_windows_end_at_midnight_utc(reset: str | None, now: datetime, expected: datetime | None) -> None:
    """Weeks start on Monday, months on the 1st, and a window that is not known has no end that is."""
    assert key_with(limit_reset=reset).next_reset(now) == expected


def test_a_local_time_is_converted_first() -> None:
    """It is Thursday in Auckland while it is Wednesday in UTC."""
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
        (datetime(2026, 10, 21, 11, 59, tzinfo=UTC), True),
        (datetime(2026, 10, 21, 12, 0, 1, tzinfo=UTC), False),
    ],
)
def test_a_key_expires_at_its_moment(expires_at: datetime | None, expected: bool) -> None:
    """From the very moment on, in whatever zone one asks."""
    now = datetime(2026, 10, 21, 14, tzinfo=timezone(timedelta(hours=2)))

    assert key_with(expires_at=expires_at).is_expired(now) is expected


@pytest.mark.parametrize("ask", ["next_reset", "is_expired"])
def test_a_naive_time_is_refused(ask: str) -> None:
    """Nobody can tell what zone a naive time means."""
    key = key_with(expires_at=datetime(2026, 1, 1, tzinfo=UTC))

    with pytest.raises(ValueError, match="aware"):
        getattr(key, ask)(datetime(2026, 1, 1))  # noqa: DTZ001 - the point


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"is_provisioning_key": True}, True),
        ({"is_provisioning_key": False}, False),
        ({"is_management_key": True}, True),
        ({"is_management_key": False, "is_provisioning_key": True}, False),
    ],
)
def test_the_older_name_of_management_keys_is_read(fields: dict[str, bool], expected: bool | None) -> None:
    """The newer name wins if both are there."""
    assert key_with(**fields).is_management_key is expected


VALUES = [
    credits_of("1", "2"),
    Budget("workspace", remaining_usd=Decimal(1)),
    FreeModelQuota(1, 2, 3),
    key_with(usage_daily=Decimal(2)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_frozen(value: Any) -> None:
    """A figure cannot be changed behind anybody's back."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, attrs.fields(type(value))[0].name, None)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_extra_is_carried_along_and_nothing_else(value: Any) -> None:
    """What this version does not know is not compared and not shown, but pickled and copied."""
    fuller = attrs.evolve(value, extra={"new": [1]})

    assert fuller == value
    assert hash_or_none(fuller) == hash_or_none(value)
    assert "new" not in repr(fuller)
    assert pickle.loads(pickle.dumps(fuller)).extra == copy.deepcopy(fuller).extra == {"new": [1]}
    assert pickle.loads(pickle.dumps(fuller)) == fuller


def hash_or_none(value: object) -> int | None:
    """Hash what can be hashed."""
    try:
        return hash(value)
    except TypeError:
        return None
