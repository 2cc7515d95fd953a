"""A scalar has exactly the JSON type asked for, or is an error; an amount has no residue of a double."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any, Literal

import pytest
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st

from openrouter_credits import ApiKey, Credits, InvalidResponseError
from openrouter_credits._call.protocol import Reply, decode
from openrouter_credits._call.scalars import to_amount
from tests.kit.values import HARSH, KEY, LENIENT

UNTRAPPED = Context(prec=4, traps=[])
"""A decimal context that rounds early and raises nothing."""


def read(into: Any, text: str | bytes) -> Any:
    """Structure a whole JSON text."""
    return decode(Reply(200, {}, text.encode() if isinstance(text, str) else text), into, whole=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100", "100"),
        ("5.0", "5"),
        ("1.50", "1.5"),
        ("-0.0", "0"),
        ("0e999999", "0"),
        ("1e2", "100"),
        ("1e-9", "0.000000001"),
        ("-0.204117", "-0.204117"),
        ('"-5.50"', "-5.5"),
        ('"007.10"', "7.1"),
        ("9" * 40, "9" * 40),
        ("-" + "9" * 40, "-" + "9" * 40),
        ("0." + "9" * 40, "0." + "9" * 40),
        ("1." + "9" * 39, "1." + "9" * 39),
        ("1e39", "1" + "0" * 39),
        ("1e-40", "0." + "0" * 39 + "1"),
        ("1" + "0" * 39, "1" + "0" * 39),
        ("1." + "0" * 60, "1"),
    ],
)
def test_an_amount_is_exact_and_plain(text: str, expected: str) -> None:
    """A number of at most 40 digits is read exactly, and prints without an exponent or trailing zeros."""
    amount = read(Decimal, text)

    assert str(amount) == expected
    assert amount == Decimal(expected)


@pytest.mark.parametrize("text", ["56.671895005", '"0.000000001"', f"{'9' * 15}.{'9' * 15}", "-" + "9" * 30])
def test_an_amount_does_not_depend_on_the_decimal_context(text: str) -> None:
    """An amount keeps all its digits in a decimal context of four digits."""
    with localcontext(UNTRAPPED):
        amount = read(Decimal, text)

    assert str(amount) == text.strip('"')


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "true",
        "[]",
        "{}",
        '""',
        '" 5"',
        '"+5"',
        '"5."',
        '".5"',
        '"1e2"',
        '"1_000"',
        '"٣"',
        '"abc"',
        '"NaN"',
        '"-Infinity"',
        '"5\\n"',
        "1e40",
        "1e999999999",
        "1e99999999999999999999999",
        "9" * 41,
        "0." + "9" * 41,
        "1." + "9" * 40,
        "9" * 4000,
        f'"{"9" * 5000}"',
    ],
)
def test_what_is_no_amount_is_an_error(text: str) -> None:
    """A value that is no plain amount of at most 40 digits is an error, in our classes and in callers'."""
    for into in (Decimal, Credits):
        body = text if into is Decimal else f'{{"total_credits": 1, "total_usage": {text}}}'
        with pytest.raises(InvalidResponseError) as caught:
            read(into, body)

        assert not caught.value.is_retryable
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "context", [Context(), HARSH, LENIENT, UNTRAPPED], ids=["usual", "harsh", "lenient", "untrapped"]
)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", "5"),
        ("25.75", "25.75"),
        ("-0.0", "0"),
        ("454.542594979", "454.542594979"),
        ("45.457405020999975", "45.457405021"),
        ("-2.7755575615628914e-17", "0"),
        ("5.551115123125783e-17", "0"),
        ("1.6543612251060553e-20", "0"),
        ("0.30000000000000004", "0.3"),
        ("99.99999999999999", "100"),
        ("99.999999999999", "99.999999999999"),
        ("99.999999999999986", "100"),
        ("999999999999.9999", "1000000000000"),
        ("0.000000000001", "0.000000000001"),
        ("0.0000000000005", "0"),
        ("0.0000000000015", "0.000000000002"),
        ("0.0000000000025", "0.000000000002"),
        ("-0.0000000000006", "-0.000000000001"),
        ("123456.7890123455", "123456.789012346"),
        ("123456.7890123445", "123456.789012344"),
        ("999999999999999", "999999999999999"),
        ("1000000000000000", "1000000000000000"),
        ("1234567890123456", "1234567890123460"),
        ("-12345678901234567", "-12345678901234600"),
        ("1e39", "1" + "0" * 39),
        ("1e-40", "0"),
        ("1e-41", "0"),
        ("5e-324", "0"),
        ("-8.2718061255302767e-25", "0"),
        ("-1e-999999999", "0"),
        ("0e-400", "0"),
        ("12.34567890123349999", "12.345678901234"),  # at once it would be ...233
        ("9.99999999999949999", "10"),
        ('"-2.5e0"', None),
        ('"0.30000000000000004"', "0.30000000000000004"),
        ('"-0.000000000000000027755575615628914"', "-0.000000000000000027755575615628914"),
        ('"1234567890123456"', "1234567890123456"),
    ],
)
def test_an_amount_of_openrouter_has_no_residue_of_a_double(
    text: str, expected: str | None, context: Context
) -> None:
    """A number is rounded half-even to 15 digits and to 12 decimals, in any context; a text is as it is."""
    body = f'{{"total_credits": {text}, "total_usage": 0}}'

    with localcontext(context):
        if expected is None:
            with pytest.raises(InvalidResponseError):
                read(Credits, body)
            return
        amount = read(Credits, body).total_credits
        shown = str(amount)

    assert shown == expected
    assert "E" not in f"{amount}"


def test_a_callers_own_number_has_at_most_40_digits() -> None:
    """A number that would be 0 as an amount of OpenRouter is refused where all digits are wanted."""
    with pytest.raises(InvalidResponseError, match="so many digits"):
        read(Decimal, "1e-41")


@given(st.floats(-1e9, 1e9))
@example(1.234567890123455)
def test_an_amount_is_rounded_twice(number: float) -> None:
    """An amount is rounded half-even to 15 significant digits, and what that gives to 12 decimals."""
    digits = Context(prec=15, rounding=ROUND_HALF_EVEN).create_decimal(Decimal(repr(number)))
    expected = digits.quantize(Decimal("1E-12"), ROUND_HALF_EVEN, Context(prec=60))

    body = json.dumps({"total_credits": number, "total_usage": 0})
    assert read(Credits, body).total_credits == expected


@given(st.integers(0, 3), st.lists(st.integers(1, 10**6), min_size=1, max_size=6), st.integers(0, 6))
def test_a_limit_that_is_spent_to_the_last_cent_is_spent(places: int, prices: list[int], more: int) -> None:
    """The residue of doubles, where a limit equals the sum of what was spent, is read as exactly 0."""
    unit = 10 ** (places + more)
    left = sum(prices) / unit
    for price in prices:
        left -= price / unit

    amount = read(Credits, json.dumps({"total_credits": left, "total_usage": 0})).total_credits

    assert abs(left) > 5e-13 or amount == 0
    assert str(amount) != "-0"


@frozen
class Mine:
    """A class of a caller's own."""

    amount: Decimal


def test_a_callers_own_amount_is_not_rounded() -> None:
    """A Decimal in a caller's own class, or in a plain dictionary, has all digits that were sent."""
    text = "45.457405020999975"

    assert str(read(Mine, f'{{"amount": {text}}}').amount) == text
    assert str(read(dict[str, Decimal], f'{{"amount": {text}}}')["amount"]) == text
    assert str(read(dict[str, Any], f'{{"amount": {text}}}')["amount"]) == text


@pytest.mark.parametrize(
    "text", ["9" * 41, "1e999999999", "1e99999999999999999999999", "-1e99999999999999999999999"]
)
def test_a_wrong_amount_is_an_error_in_any_decimal_context(text: str) -> None:
    """An amount with too many digits is an error even in a decimal context that raises nothing."""
    with localcontext(UNTRAPPED), pytest.raises(InvalidResponseError, match="no amount has s"):
        read(Decimal, text)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "9" * 5000, "1" * 5000 + ".5"])
def test_numbers_that_json_has_not_are_errors(text: str) -> None:
    """NaN, an infinity or a number of thousands of digits is an error, at the top of a body and inside it."""
    with pytest.raises(InvalidResponseError):
        read(Decimal, text)
    with pytest.raises(InvalidResponseError):
        read(dict[str, Decimal], f'{{"a": {text}}}')


@pytest.mark.parametrize("field", ["total_credits", "total_usage"])
def test_a_wrong_amount_is_named_by_its_path(field: str) -> None:
    """The error of a `/credits` body names the path of the wrong amount."""
    body = json.dumps({"data": {"total_credits": 1, "total_usage": 1, field: "abc"}}).encode()

    with pytest.raises(
        InvalidResponseError, match=rf"200, but \$\.data\.{field}: an amount is needed, not a text\."
    ):
        decode(Reply(200, {}, body), Credits)


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal("Infinity"), 1.5, b"5"])
def test_an_amount_that_only_python_has_is_refused(amount: object) -> None:
    """to_amount() refuses NaN, infinities, floats and bytes, although no JSON text parses to them."""
    with pytest.raises(ValueError, match="amount"):
        to_amount(amount)


@pytest.mark.parametrize(
    ("into", "text", "expected"),
    [
        (bool, "true", True),
        (bool, "false", False),
        (str, '"x"', "x"),
        (str, '""', ""),
        (int, "10", 10),
        (int, "10.0", 10),
        (int, "-1e1", -10),
        (int, "1e30", 10**30),
        (float, "1.5", 1.5),
        (float, "2", 2.0),
        (date, '"2026-11-01"', date(2026, 11, 1)),
        (date, '"2026-11-01 23:59:59"', date(2026, 11, 1)),
        (date, '"2026-11-01T23:00:00-02:00"', date(2026, 11, 2)),
        (datetime, '"2026-11-01T00:00:00Z"', datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime, '"2026-11-01T02:00:00+02:00"', datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime, '"2026-11-01T00:00:00.123456"', datetime(2026, 11, 1, 0, 0, 0, 123456, tzinfo=UTC)),
        (datetime, '"2026-11-01"', datetime(2026, 11, 1, tzinfo=UTC)),
        (str | None, "null", None),
        (int | None, "3.0", 3),
        (list[int], "[1, 2.0]", [1, 2]),
        (tuple[str, ...], '["a", "b"]', ("a", "b")),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (dict[str, Any], '{"a": [1, 1.5, null]}', {"a": [1, Decimal("1.5"), None]}),
        (Any, "[true]", [True]),
        (Literal["a", "b"], '"a"', "a"),
    ],
)
def test_a_scalar_is_what_it_says(into: Any, text: str, expected: object) -> None:
    """JSON becomes the type asked for; a whole number may have a point, and a time without a zone is UTC."""
    value = read(into, text)

    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("into", "text"),
    [
        (bool, "null"),
        (bool, "1"),
        (bool, '"false"'),
        (str, "null"),
        (str, "1.5"),
        (str, "true"),
        (int, "null"),
        (int, "10.5"),
        (int, "true"),
        (int, '"10"'),
        (int, "1e31"),
        (float, "null"),
        (float, "true"),
        (float, '"1.5"'),
        (float, "1e400"),
        (float, "1" + "0" * 400),
        (date, "null"),
        (date, "20261101"),
        (date, '"2026-11"'),
        (date, '"2026-11-31"'),
        (datetime, "null"),
        (datetime, "1792567680"),
        (datetime, '"tomorrow"'),
        (datetime, '"0001-01-01T00:00:00+01:00"'),
        (datetime, '"9999-12-31T23:59:59-01:00"'),
        (list[str], "null"),
        (list[str], '"abc"'),
        (list[str], '{"a": 1}'),
        (list[str], "[1]"),
        (tuple[str, ...], '"abc"'),
        (tuple[str, ...], "[null]"),
        (tuple[int, int], "[1]"),
        (dict[str, int], "[]"),
        (dict[str, int], '{"a": "1"}'),
        (Literal["a", "b"], '"c"'),
    ],
)
def test_a_scalar_that_is_only_like_it_is_an_error(into: Any, text: str) -> None:
    """A value of another JSON type is an error; cattrs alone would read "false" as True and 10.5 as 10."""
    with pytest.raises(InvalidResponseError):
        read(into, text)


@frozen
class NewKey:
    """A caller's own class for the answer to `POST /keys`."""

    key: ApiKey


def test_a_new_key_may_be_read_as_one() -> None:
    """A caller's class that wants an `ApiKey` gets one, which never prints."""
    made = read(NewKey, json.dumps({"key": KEY, "data": {}}))

    assert made == NewKey(ApiKey(KEY))
    assert KEY not in repr(made)


@pytest.mark.parametrize(
    ("value", "kind"), [(f"{KEY} x", "a text"), ("", "a text"), (None, "null"), (7, "such")]
)
def test_what_is_no_key_is_an_error_that_does_not_quote_it(value: object, kind: str) -> None:
    """A text that cannot be a key is an error that names its path, and does not quote it."""
    with pytest.raises(InvalidResponseError, match=rf"\$\.key: an API key is needed, not {kind}") as caught:
        read(NewKey, json.dumps({"key": value}))

    assert KEY[12:] not in str(caught.value)
