"""Arguments of callers are checked before anything is sent, and the error names the argument."""

from __future__ import annotations

import re
import traceback
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest

from openrouter_credits._arguments import (
    checked,
    require_count,
    require_dollars,
    require_flag,
    require_read,
    require_seconds,
    require_thresholds,
)
from tests.kit.values import HARSH, KEY, LENIENT

NAN, INFINITY = float("nan"), float("inf")


def test_an_error_of_a_check_has_no_frame() -> None:
    """checked() returns what a check returns, or its TypeError or ValueError without any frame."""
    errors = [checked(require_dollars, KEY), checked(require_seconds, "wait", KEY, zero=True)]

    assert checked(require_seconds, "wait", 0, zero=True) == 0
    assert [type(error) for error in errors] == [ValueError, TypeError]
    for error in errors:
        assert isinstance(error, Exception)
        assert KEY not in "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        )


@pytest.mark.parametrize("value", [1, 0, None, "true", b"false"])
def test_a_flag_is_true_or_false(value: Any) -> None:
    """A flag that is no bool raises TypeError with its name and its type."""
    assert (require_flag("all", True), require_flag("all", False)) == (True, False)
    with pytest.raises(TypeError, match=f"^all is True or False, not {type(value).__name__}$"):
        require_flag("all", value)


@pytest.mark.parametrize("value", [1, 0.001, 1e300, 5e-324])
def test_a_finite_number_of_seconds_is_accepted(value: float) -> None:
    """A finite int or float above 0 is a number of seconds, whether 0 would be one or not."""
    assert require_seconds("timeout", value) == value
    assert require_seconds("timeout", value, zero=True) == value


@pytest.mark.parametrize("value", [0, 0.0, -0.0])
def test_zero_seconds_are_accepted_only_if_they_make_sense(value: float) -> None:
    """0 is a number of seconds only if the caller of require_seconds() allows it."""
    require_seconds("wait_initial", value, zero=True)

    with pytest.raises(ValueError, match=r"^timeout is a finite number of seconds above 0, not -?0"):
        require_seconds("timeout", value)


@pytest.mark.parametrize("value", [-1, -1e-9, INFINITY, -INFINITY, NAN])
def test_a_number_of_seconds_is_finite_and_not_negative(value: float) -> None:
    """A negative or infinite number of seconds, and NaN, raise ValueError with the argument's name."""
    with pytest.raises(ValueError, match=f"^timeout is a finite number of seconds above 0, not {value}$"):
        require_seconds("timeout", value)
    with pytest.raises(ValueError, match=f"^timeout is a finite number of seconds from 0, not {value}$"):
        require_seconds("timeout", value, zero=True)


@pytest.mark.parametrize("value", [10**400, -(10**5000)], ids=["positive", "negative"])
def test_a_number_of_seconds_is_none_that_no_float_holds(value: int) -> None:
    """A whole number that no float holds raises ValueError, as infinity does, and is not quoted."""
    with pytest.raises(ValueError, match=r"^timeout is a finite number of seconds, not one of hundreds of d"):
        require_seconds("timeout", value)


@pytest.mark.parametrize("value", [True, "1", None, Decimal(1), 1j])
def test_seconds_are_an_int_or_a_float(value: Any) -> None:
    """A number of seconds that is no int or float, or is a bool, raises TypeError with its type."""
    with pytest.raises(TypeError, match=f"^timeout is a number of seconds, not {type(value).__name__}$"):
        require_seconds("timeout", value)


def test_another_unit_is_named_in_the_error() -> None:
    """require_seconds() names another unit in its errors, for a rate."""
    with pytest.raises(TypeError, match=r"^rate is a number of requests a second, not str$"):
        require_seconds("rate", "fast", unit="requests a second")
    with pytest.raises(ValueError, match=r"^rate is a finite number of requests a second above 0, not 0$"):
        require_seconds("rate", 0, unit="requests a second")


@pytest.mark.parametrize("value", [1, 2, 10**30])
def test_a_count_is_accepted_from_one(value: int) -> None:
    """Any whole number from 1 is a count."""
    require_count("attempts", value)


@pytest.mark.parametrize("value", [0, -1])
def test_a_count_below_one_is_refused(value: int) -> None:
    """A count below 1 raises ValueError with the argument's name and value."""
    with pytest.raises(ValueError, match=f"^attempts is at least 1, not {value}$"):
        require_count("attempts", value)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, NAN])
def test_a_count_is_an_int(value: Any) -> None:
    """A count that is no int, or is a bool, raises TypeError with the argument's name and its type."""
    with pytest.raises(TypeError, match=f"^attempts is a whole number, not {type(value).__name__}$"):
        require_count("attempts", value)


class PeculiarFloat(float):
    """A float whose repr names its type, as numpy's floats have it."""

    def __repr__(self) -> str:
        return f"np.float64({float.__repr__(self)})"


DOLLARS: list[tuple[Any, str]] = [
    (5, "5"),
    (-5, "-5"),
    (0.1, "0.1"),
    (PeculiarFloat(0.1), "0.1"),
    (1e-9, "1E-9"),
    ("5.000000001", "5.000000001"),
    (" 5 ", "5"),
    ("1e2", "1E+2"),
    (Decimal("4.999"), "4.999"),
    ("123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
]


@pytest.mark.parametrize("context", [Context(), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
@pytest.mark.parametrize(("amount", "exact"), DOLLARS, ids=[f"{amount!r}" for amount, _ in DOLLARS])
def test_an_amount_is_read_as_it_is_written(amount: Any, exact: str, context: Context) -> None:
    """An amount is the decimal that is written, in any decimal context: the float 0.1 is a tenth."""
    with localcontext(context):
        dollars = require_dollars(amount)

    assert str(dollars) == exact


WRONG_AMOUNTS = {
    "None": (None, TypeError),
    "a bool": (True, TypeError),
    "bytes": (b"5", TypeError),
    "a complex number": (5j, TypeError),
    "an empty text": ("", ValueError),
    "a price": ("$5", ValueError),
    "a word": ("five", ValueError),
    "NaN as text": ("nan", ValueError),
    "NaN as a float": (NAN, ValueError),
    "NaN that signals": (Decimal("sNaN"), ValueError),
    "an infinite float": (INFINITY, ValueError),
    "a negative infinity": (Decimal("-Infinity"), ValueError),
}


@pytest.mark.parametrize("context", [Context(), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
@pytest.mark.parametrize(("amount", "kind"), WRONG_AMOUNTS.values(), ids=WRONG_AMOUNTS)
def test_what_is_no_number_of_dollars_is_refused(
    amount: Any, kind: type[Exception], context: Context
) -> None:
    """An amount that is no finite number raises an error, as NaN compares false with everything."""
    with localcontext(context), pytest.raises(kind, match="an amount is a"):
        require_dollars(amount)


@pytest.mark.parametrize("context", [Context(), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
@pytest.mark.parametrize(
    ("warn", "critical", "expected"),
    [
        (10, None, ("10", "5.0")),
        (10, 5, ("10", "5")),
        ("0.1", None, ("0.1", "0.05")),
        (0.1, 0.1, ("0.1", "0.1")),
        (0, None, ("0", "0.0")),
        (-4, None, ("-4", "-4")),
        (Decimal("123456789.123"), None, ("123456789.123", "61728394.5615")),
        ("1e96", None, ("1e96", "5e95")),
        ("1e-999999999", None, ("1e-999999999", "0")),
    ],
)
def test_the_second_threshold_is_half_of_the_first(
    warn: Any, critical: Any, expected: tuple[str, str], context: Context
) -> None:
    """`critical` is half of `warn` unless it is given, in any decimal context, and never above it."""
    with localcontext(context):
        found = require_thresholds(warn, critical)

    assert found == tuple(map(Decimal, expected))


@pytest.mark.parametrize(
    ("warn", "critical", "kind", "message"),
    [
        (3, 5, ValueError, "warn is at least critical, but 3 is below 5"),
        ("nan", None, ValueError, "an amount is a finite number"),
        (Decimal("1e999999999999"), None, ValueError, "at most 97 digits before the point"),
        ("1e97", 5, ValueError, "at most 97 digits before the point"),
        (5, "inf", ValueError, "an amount is a finite number"),
        (None, None, TypeError, "an amount is a number, not NoneType"),
        (5, True, TypeError, "an amount is a number, not bool"),
    ],
)
def test_what_are_no_thresholds_is_refused(
    warn: Any, critical: Any, kind: type[Exception], message: str
) -> None:
    """Thresholds in the wrong order, or that are no finite numbers, raise an error that says so."""
    with pytest.raises(kind, match=message):
        require_thresholds(warn, critical)


@pytest.mark.parametrize(
    ("read", "wanted"),
    [
        (("credits",), {"credits"}),
        (["key"], {"key"}),
        ({"credits", "key"}, {"credits", "key"}),
        (iter(["key", "credits", "key"]), {"credits", "key"}),
    ],
    ids=["a tuple", "a list", "a set", "an iterator"],
)
def test_endpoints_are_read_from_any_iterable(read: Any, wanted: set[str]) -> None:
    """The endpoints to read are the names of any iterable, each once."""
    assert require_read(read) == wanted


@pytest.mark.parametrize("read", ["credits", "", 5, None], ids=repr)
def test_the_endpoints_are_no_single_text(read: Any) -> None:
    """One text, or a value that is not iterable, raises TypeError, which shows how a tuple is written."""
    message = re.escape(f'read is a tuple such as ("credits",), not {type(read).__name__}')

    with pytest.raises(TypeError, match=message):
        require_read(read)


@pytest.mark.parametrize("read", [(), ("wallet",), ("credits", "keys"), (1,), ([],), b"key"], ids=repr)
def test_an_endpoint_is_credits_or_key(read: Any) -> None:
    """An empty iterable, or any name but "credits" and "key", raises ValueError."""
    with pytest.raises(ValueError, match='read is made of "credits" and "key"'):
        require_read(read)
