"""Any public value becomes JSON with exact amounts, times in UTC, and null for unknown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest

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
from openrouter_credits._documents import document, to_json
from openrouter_credits._words import scrub
from tests.kit.values import FORBIDDEN, KEY, MONDAY, NOW, WALLET, budget, key, wallet

VALUES: dict[str, tuple[Any, Any]] = {
    "None": (None, None),
    "a text": ("words", "words"),
    "a bool": (True, True),
    "a count": (3, 3),
    "a float": (0.25, 0.25),
    "an amount": (Decimal("123456789012345678901234567890.10"), "123456789012345678901234567890.10"),
    "a debt": (Decimal("-2.75"), "-2.75"),
    "a time": (MONDAY, "2026-10-26T00:00:00Z"),
    "a time with microseconds": (datetime(2026, 1, 2, 3, 4, 5, 678, UTC), "2026-01-02T03:04:05.000678Z"),
    "a level": (Level.LOW, "LOW"),
    "a tuple": ((Decimal(1), (MONDAY,), None), ["1", ["2026-10-26T00:00:00Z"], None]),
    "a list": ([Decimal(1)], ["1"]),
    "an empty tuple": ((), []),
    "a mapping": ({"a": Decimal(1), "b": {"c": (NOW,)}}, {"a": "1", "b": {"c": ["2026-10-21T13:05:00Z"]}}),
    "a wallet": (WALLET, {"total_credits": "100.5", "total_usage": "25.75"}),
    "an amount with its bounds": (
        Spendable(
            Decimal(3),
            "member",
            MONDAY,
            "at_most",
            (Bound("member", Decimal(3), None, None, "weekly", MONDAY),),
        ),
        {
            "amount": "3",
            "bound_by": "member",
            "resets_at": "2026-10-26T00:00:00Z",
            "certainty": "at_most",
            "bounds": [
                {
                    "name": "member",
                    "remaining": "3",
                    "limit": None,
                    "used": None,
                    "reset": "weekly",
                    "resets_at": "2026-10-26T00:00:00Z",
                    "binds": False,
                }
            ],
        },
    ),
}


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES)
def test_a_value_becomes_types_that_json_has(value: Any, expected: Any) -> None:
    """Amounts become exact texts, times become ISO 8601 in UTC, values become objects, unknown is null."""
    converted = document(value)

    assert converted == expected
    assert json.loads(json.dumps(converted)) == expected


def test_a_value_has_all_its_fields_and_those_of_the_values_inside() -> None:
    """The object of a key has all its fields and its budgets' fields, but no `extra` at any depth."""
    unknown = {"new": object()}
    info = attrs.evolve(
        key("5", attrs.evolve(budget("workspace", "3", MONDAY), extra=unknown), expires_at=NOW), extra=unknown
    )

    converted = document(info)

    assert list(converted) == [field.name for field in attrs.fields(type(info)) if field.name != "extra"]
    assert (converted["limit_remaining"], converted["expires_at"]) == ("5", "2026-10-21T13:05:00Z")
    assert converted["usage_daily"] is None
    assert [set(each) for each in converted["budgets"]] == [
        {field.name for field in attrs.fields(Budget)} - {"extra"}
    ]


ERRORS: dict[str, tuple[BaseException, dict[str, Any]]] = {
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
    "not of this package": (
        ValueError("account 'acme' has two management keys"),
        {
            "type": "ValueError",
            "status": None,
            "message": "account 'acme' has two management keys",
            "remedy": "",
        },
    ),
}


@pytest.mark.parametrize(("error", "expected"), ERRORS.values(), ids=ERRORS)
def test_an_error_becomes_its_type_status_message_and_remedy(
    error: BaseException, expected: dict[str, Any]
) -> None:
    """An error becomes an object with its type, HTTP status, message and remedy, if it has them."""
    assert document(error) == expected
    assert document((error,)) == [expected]


def test_the_remedy_of_an_error_is_not_in_its_message() -> None:
    """The message of an error is the fault alone: its remedy stands apart."""
    error: OpenRouterError = InvalidKeyError("The API key is blank")

    converted = document(error)

    assert converted["remedy"]
    assert converted["remedy"] not in converted["message"]


def test_an_object_is_written_as_json() -> None:
    """to_json() converts the values of an object and writes it in one line, or with an indent."""
    content = {"wallet": wallet("1.5"), "checked_at": NOW, "error": None}

    line, lines = to_json(content), to_json(content, indent=2)

    expected = {
        "wallet": {"total_credits": "100.5", "total_usage": "99.0"},
        "checked_at": "2026-10-21T13:05:00Z",
        "error": None,
    }
    assert json.loads(line) == json.loads(lines) == expected
    assert "\n" not in line
    assert '\n  "checked_at": "2026-10-21T13:05:00Z",\n' in lines


def test_no_control_character_is_written() -> None:
    """to_json() escapes every character that is not printable ASCII, and all of them can be read back."""
    text = "".join(map(chr, range(256))) + "\u2028\u202e\ud800漢"

    written = to_json({"label": text, text: None})

    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written) == {"label": text, text: None}


def test_each_text_is_cleaned() -> None:
    """document() cleans every text: names of mappings, texts at any depth, messages and remedies."""
    content = {"name": ["text", {"inner": ("deep",)}], "value": Budget("scope"), "amount": Decimal(1)}

    assert document(content, str.upper) == {
        "NAME": ["TEXT", {"INNER": ["DEEP"]}],
        "VALUE": {**document(Budget("scope")), "scope": "SCOPE"},
        "AMOUNT": "1",
    }
    assert document(FORBIDDEN, str.upper) == {
        "type": "ManagementKeyRequiredError",
        "status": 403,
        "message": "403 ONLY MANAGEMENT KEYS CAN PERFORM THIS OPERATION",
        "remedy": FORBIDDEN.remedy.upper(),
    }


@pytest.mark.parametrize("before", ["", "\n", "\t", "\x1b[31m", "\u202e", "Bearer "], ids=repr)
def test_a_text_is_cleaned_before_it_is_escaped(before: str) -> None:
    """to_json() cleans texts as they are: an escaped line break before a key would end in a letter."""
    written = to_json({"label": f"{before}{KEY}", "more": [f"{before}{KEY}"]}, clean=scrub)

    assert json.loads(written) == {"label": f"{before}sk-or-***", "more": [f"{before}sk-or-***"]}


def test_a_key_is_not_written() -> None:
    """to_json() raises TypeError for an API key, and for a value that JSON does not have."""
    for value in (ApiKey(KEY), {1, 2}, object()):
        with pytest.raises(TypeError, match="not JSON serializable"):
            to_json({"value": value})


def test_an_unknown_amount_is_not_a_zero() -> None:
    """An unknown amount is null; a wallet with nothing left has its figures."""
    unknown = document(Spendable(None, None, None, "unknown"))

    assert unknown == {
        "amount": None,
        "bound_by": None,
        "resets_at": None,
        "certainty": "unknown",
        "bounds": [],
    }
    assert document(Credits(Decimal(0), Decimal(0))) == {"total_credits": "0", "total_usage": "0"}
