"""Values are written as JSON: exact numbers, times in UTC, null for unknown, and no key."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Context, Decimal, localcontext
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import (
    APIConnectionError,
    ApiKey,
    Bound,
    Budget,
    Credits,
    InvalidKeyError,
    Level,
    OpenRouterError,
    Spendable,
)
from openrouter_credits._documents import layout, write
from tests.kit.values import FORBIDDEN, HARSH, KEY, LENIENT, MONDAY, NOW, WALLET, budget, key

VALUES: dict[str, tuple[Any, str]] = {
    "None": (None, "null"),
    "a text": ("words", '"words"'),
    "true": (True, "true"),
    "false": (False, "false"),
    "a count": (3, "3"),
    "seconds": (0.25, "0.25"),
    "seconds without a fraction": (2.0, "2"),
    "very few seconds": (1e-07, "0.0000001"),
    "a time": (MONDAY, '"2026-10-26T00:00:00Z"'),
    "a time with microseconds": (datetime(2026, 1, 2, 3, 4, 5, 678, UTC), '"2026-01-02T03:04:05.000678Z"'),
    "a time of another zone": (
        datetime(2026, 10, 26, 1, tzinfo=timezone(timedelta(hours=2))),
        '"2026-10-25T23:00:00Z"',
    ),
    "a level": (Level.LOW, '"LOW"'),
    "a tuple": ((Decimal(1), (MONDAY,), None), '[1, ["2026-10-26T00:00:00Z"], null]'),
    "a list": ([Decimal(1)], "[1]"),
    "an empty tuple": ((), "[]"),
    "an object": ({"a": Decimal(1), "b": {"c": (NOW,)}}, '{"a": 1, "b": {"c": ["2026-10-21T13:05:00Z"]}}'),
    "an empty object": ({}, "{}"),
    "a wallet": (WALLET, '{"total_credits": 100.5, "total_usage": 25.75, "remaining": 74.75}'),
    "an amount with its bounds": (
        Spendable(
            Decimal(3),
            "member",
            MONDAY,
            "at_most",
            (Bound("member", Decimal(3), None, None, "weekly", MONDAY),),
        ),
        (
            '{"amount": 3, "bound_by": "member", "resets_at": "2026-10-26T00:00:00Z", '
            '"certainty": "at_most", "bounds": [{"name": "member", "remaining": 3, "limit": null, '
            '"used": null, "reset": "weekly", "resets_at": "2026-10-26T00:00:00Z", "binds": false, '
            '"budget_id": null}]}'
        ),
    ),
    "an amount that is not known": (
        Spendable(None, None, None, "unknown"),
        '{"amount": null, "bound_by": null, "resets_at": null, "certainty": "unknown", "bounds": []}',
    ),
    "an empty wallet": (
        Credits(Decimal(0), Decimal(0)),
        '{"total_credits": 0, "total_usage": 0, "remaining": 0}',
    ),
}


def written(value: Any) -> str:
    """Write a value within an object, and return what stands for the value."""
    text = write({"value": value})
    assert text.startswith('{"schema_version": 2, "value": ')
    return text.removeprefix('{"schema_version": 2, "value": ')[:-1]


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES)
def test_a_value_is_written_as_json(value: Any, expected: str) -> None:
    """Amounts become numbers, times become ISO 8601 in UTC, values become objects, unknown is null."""
    assert expected == written(value)


AMOUNTS = {
    "26.83": "26.83",
    "12.10": "12.1",
    "-2.75": "-2.75",
    "100": "100",
    "1E+3": "1000",
    "1E-12": "0.000000000001",
    "0.00": "0",
    "-0.0": "0",
    "123456789012345678901234567890.1234567891": "123456789012345678901234567890.1234567891",
}


@pytest.mark.parametrize("context", [Context(), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
@pytest.mark.parametrize(("amount", "expected"), AMOUNTS.items())
def test_an_amount_is_an_exact_number(amount: str, expected: str, context: Context) -> None:
    """An amount is a number of all its digits, without exponent, whatever the decimal context is."""
    number = Decimal(amount)

    with localcontext(context):
        assert expected == written(number)


CONTROLS = "\x00 \x1b[31m \x7f \x9b \u2028 \u202e / ' "
TEXTS = {
    "ü \u6f22 \U0001f642": "ü \u6f22 \U0001f642",
    "\ud800": "\ufffd",
    "\udc00 and \ud800": "\ufffd and \ufffd",
    "a\ud83d b": "a\ufffd b",
    "\ud83d\ude42": "\U0001f642",
    "\ud83d\ud83d\ude42": "\ufffd\U0001f642",
    "\\ud800 written out": "\\ud800 written out",
    CONTROLS: CONTROLS,
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.items(), ids=ascii)
def test_a_text_can_be_read_by_any_reader_of_json(text: str, expected: str) -> None:
    """A text is printable ASCII, and is read back as it was, but for halves of surrogate pairs: U+FFFD."""
    line = write({text: text})

    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == {"schema_version": 2, expected: expected}


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_read_by_a_strict_reader(text: str) -> None:
    """Whatever stands in a text, no half of a surrogate pair is written, which strict readers refuse."""
    read = json.loads(write({"text": text}))["text"]

    assert read.encode("utf-16", "surrogatepass").decode("utf-16") == read


@pytest.mark.parametrize("indent", ["  ", 2.0, [2]])
def test_an_indent_is_a_number_of_blanks(indent: Any) -> None:
    """An indent of another type is a TypeError that names it."""
    with pytest.raises(TypeError, match="indent is a number of blanks, not "):
        WALLET.to_json(indent)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=12))
def test_any_amount_can_be_read_back(amount: Decimal) -> None:
    """Any amount that is written is read back as it was, by a reader that keeps numbers exact."""
    assert amount == json.loads(written(amount), parse_float=Decimal, parse_int=Decimal)


@pytest.mark.parametrize(
    "number", [Decimal("NaN"), Decimal("NaN123"), Decimal("-Infinity"), float("nan"), float("inf")], ids=repr
)
def test_what_is_no_finite_number_is_not_written(number: object) -> None:
    """NaN and infinity, which JSON does not have, raise ValueError."""
    with pytest.raises(ValueError, match="JSON has finite numbers only"):
        written(number)


def test_a_naive_time_is_not_written() -> None:
    """A time without a zone raises ValueError: nobody knows which moment it is in UTC."""
    with pytest.raises(ValueError, match="an aware datetime is needed"):
        written(datetime(2026, 1, 2))  # noqa: DTZ001 - it is naive on purpose


def test_a_value_has_all_its_fields_and_those_of_the_values_inside() -> None:
    """The object of a key has all its fields and its budgets' fields, but no `extra` at any depth."""
    unknown = {"new": object()}
    info = attrs.evolve(
        key("5", attrs.evolve(budget("workspace", "3", MONDAY), extra=unknown), expires_at=NOW), extra=unknown
    )

    document = json.loads(info.to_json())

    names = [field.name for field in attrs.fields(type(info)) if field.name != "extra"]
    assert list(document) == ["schema_version", *names, "used_in_window"]
    assert (document["limit_remaining"], document["expires_at"]) == (5, "2026-10-21T13:05:00Z")
    assert (document["usage_daily"], document["used_in_window"]) == (None, 495)
    assert [set(each) for each in document["budgets"]] == [
        {field.name for field in attrs.fields(Budget)} - {"extra"}
    ]


ERRORS: dict[str, tuple[OpenRouterError, dict[str, Any]]] = {
    "an HTTP status": (
        FORBIDDEN,
        {
            "type": "ManagementKeyRequiredError",
            "status": 403,
            "message": "403 Only management keys can perform this operation",
            "remedy": FORBIDDEN.remedy,
        },
    ),
    "no HTTP status": (
        APIConnectionError("Could not connect"),
        {
            "type": "APIConnectionError",
            "status": None,
            "message": "Could not connect",
            "remedy": APIConnectionError("").remedy,
        },
    ),
    "nothing sent": (
        InvalidKeyError("The API key is blank"),
        {
            "type": "InvalidKeyError",
            "status": None,
            "message": "The API key is blank",
            "remedy": InvalidKeyError.remedy,
        },
    ),
    "no words of its own": (
        OpenRouterError(),
        {
            "type": "OpenRouterError",
            "status": None,
            "message": OpenRouterError.remedy,
            "remedy": OpenRouterError.remedy,
        },
    ),
}


@pytest.mark.parametrize(("error", "expected"), ERRORS.values(), ids=ERRORS)
def test_an_error_becomes_its_type_status_message_and_remedy(
    error: OpenRouterError, expected: dict[str, Any]
) -> None:
    """An error becomes an object with its type, HTTP status, message and remedy, by itself and in others."""
    assert json.loads(error.to_json()) == {"schema_version": 2, **expected}
    assert json.loads(written((error,))) == [expected]


def test_the_remedy_of_an_error_is_not_in_its_message() -> None:
    """The message of an error is the fault alone: its remedy stands apart."""
    document = layout(InvalidKeyError("The API key is blank"))

    assert document["remedy"]
    assert document["remedy"] not in document["message"]


def test_an_indent_makes_lines() -> None:
    """With an indent, each field stands in a line of its own, as the standard library writes it."""
    content = {"wallet": WALLET, "times": [NOW, None], "none": [], "nothing": {}}

    line, lines, flat = write(content), write(content, 2), write(content, 0)

    assert "\n" not in line
    assert json.loads(line) == json.loads(lines) == json.loads(flat)
    assert json.dumps(json.loads(line)) == line
    assert json.dumps(json.loads(line), indent=2) == lines
    assert json.dumps(json.loads(line), indent=0) == flat


def test_no_control_character_is_written() -> None:
    """Every character that is not printable ASCII is escaped, and all of them can be read back."""
    text = "".join(map(chr, range(256))) + "\u2028\u202e漢"

    document = write({"label": text, text: None})

    assert document.isascii()
    assert document.isprintable()
    assert json.loads(document) == {"schema_version": 2, "label": text, text: None}


@pytest.mark.parametrize("before", ["", "\n", "\t", "\x1b[31m", "\u202e", "Bearer "], ids=repr)
def test_what_looks_like_a_key_is_masked(before: str) -> None:
    """A key in a text is masked before the text is escaped: an escaped line break would end in a letter."""
    content = {"label": f"{before}{KEY}", "more": [f"{before}{KEY}"], "error": APIConnectionError(KEY)}

    document = json.loads(write(content))

    assert (document["label"], document["more"]) == (f"{before}sk-or-***", [f"{before}sk-or-***"])
    assert document["error"]["message"] == "sk-or-***"


def test_a_key_is_not_written() -> None:
    """An API key raises TypeError, and so does a value that JSON does not have."""
    for value in (ApiKey(KEY), {1, 2}, object()):
        with pytest.raises(TypeError, match="not JSON serializable"):
            written(value)
