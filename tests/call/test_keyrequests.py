"""Requests about keys of an account: what is sent, and what is refused before anything is sent."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import ApiKey
from openrouter_credits._call.keyrequests import create_request, key_request
from openrouter_credits._call.request import Request
from tests.kit.values import AMOUNTS, KEY, MASK

HASH = "0e6f" * 16


def sent(request: Request | Exception) -> Any:
    """Return the JSON that a request sends."""
    assert isinstance(request, Request), request
    return json.loads(request.body or b"null")


def limit_sent(limit: Any) -> str:
    """Return a limit as it stands in the JSON of a change."""
    request = key_request("PATCH", HASH, {"limit": limit})
    assert isinstance(request, Request), request
    assert request.body is not None
    return request.body.decode().removeprefix('{"limit": ').removesuffix("}")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_key_is_named_by_its_hash_in_the_path(method: str) -> None:
    """A request about one key has its hash in the path, no body, and no management key so far."""
    assert key_request(method, HASH) == Request(method, f"/keys/{HASH}", None)


@pytest.mark.parametrize(
    "wrong",
    ["", "a/b", "..", "a?b", "a b", "a%2fb", "ä", f"{HASH}\n", "a" * 201, KEY, f"x{KEY}", KEY[:15], MASK],
)
@pytest.mark.parametrize("changes", [None, {"disabled": True}])
def test_a_hash_is_neither_a_path_nor_a_key(wrong: str, changes: dict[str, Any] | None) -> None:
    """A hash that has other characters, or that is the key itself, is a ValueError that does not quote it."""
    error = key_request("GET", wrong, changes)

    assert isinstance(error, ValueError)
    assert str(error) == (
        "hash is ManagedKey.hash (letters and digits), and neither a path nor the key itself"
    )


@pytest.mark.parametrize("wrong", [None, 7, b"abc", ApiKey(KEY)])
def test_a_hash_is_a_text(wrong: Any) -> None:
    """A hash of another type is a TypeError that names the type alone."""
    error = key_request("GET", wrong)

    assert isinstance(error, TypeError)
    assert str(error) == f"hash is a str, not {type(wrong).__name__}"


def test_only_what_is_changed_is_sent() -> None:
    """A setting that is `...` is not sent; None is sent as null, and other values as they are."""
    changes = {"name": ..., "disabled": False, "limit": None, "limit_reset": None, "workspace_id": "w1"}

    request = key_request("PATCH", HASH, changes)

    assert sent(request) == {"disabled": False, "limit": None, "limit_reset": None, "workspace_id": "w1"}
    assert isinstance(request, Request)
    assert (request.method, request.target) == ("PATCH", f"/keys/{HASH}")


def test_a_change_without_a_setting_is_an_error() -> None:
    """A change of nothing is a ValueError that names what can be changed."""
    error = key_request("PATCH", HASH, {"name": ..., "limit": ...})

    assert isinstance(error, ValueError)
    assert str(error) == "there is nothing to change: give one of name, limit"


def test_a_new_key_is_sent_with_what_is_given() -> None:
    """A request for a new key has its name, and the settings that are not None."""
    moment = datetime(2026, 12, 31, 23, 30, 15, 250_000, tzinfo=timezone(timedelta(hours=-1)))
    settings = {
        "limit": 20,
        "limit_reset": "monthly",
        "expires_at": moment,
        "include_byok_in_limit": False,
        "workspace_id": "w1",
    }

    full, bare = create_request("bot", settings), create_request("bot", dict.fromkeys(settings))

    assert sent(full) == {
        "name": "bot",
        "limit": 20,
        "limit_reset": "monthly",
        "expires_at": "2027-01-01T00:30:15.250000Z",
        "include_byok_in_limit": False,
        "workspace_id": "w1",
    }
    assert sent(bare) == {"name": "bot"}
    assert isinstance(bare, Request)
    assert (bare.method, bare.target, bare.key) == ("POST", "/keys", None)


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (0, "0"),
        (20, "20"),
        (2.5, "2.5"),
        (0.1, "0.1"),
        (Decimal("0.1"), "0.1"),
        (Decimal("0.10"), "0.1"),
        ("19.99", "19.99"),
        (Decimal("20.00"), "20"),
        (Decimal("-0"), "0"),
        (Decimal("1E+3"), "1000"),
        (Decimal("123456789.123456"), "123456789.123456"),
        (10**20, "100000000000000000000"),
        (None, "null"),
    ],
)
def test_a_limit_is_sent_exactly(limit: Any, text: str) -> None:
    """A limit is sent as the number that it is: no residue of a float, and whole dollars without a point."""
    assert limit_sent(limit) == text


@given(AMOUNTS.filter(lambda amount: amount >= 0))
def test_any_limit_of_money_is_sent_exactly(amount: Decimal) -> None:
    """The request for a limit of at most 15 digits has exactly that amount."""
    assert Decimal(limit_sent(amount)) == amount


@given(st.decimals(0, allow_nan=False, allow_infinity=False, places=20))
def test_a_limit_is_exact_or_refused(amount: Decimal) -> None:
    """A limit is sent exactly, or refused: it is never rounded."""
    request = key_request("PATCH", HASH, {"limit": amount})

    if isinstance(request, Exception):
        assert isinstance(request, ValueError)
    else:
        assert Decimal(limit_sent(amount)) == amount


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"name": " \n"}, ValueError, "name is blank"),
    ({"name": ""}, ValueError, "name is blank"),
    ({"name": f"key {KEY}"}, ValueError, "name has a key in it"),
    ({"name": 7}, TypeError, "name is a str, not int"),
    ({"name": None}, TypeError, "name is a str, not NoneType"),
    ({"disabled": 1}, TypeError, "disabled is True or False, not int"),
    ({"disabled": None}, TypeError, "disabled is True or False, not NoneType"),
    ({"limit": -1}, ValueError, "limit is at least 0"),
    ({"limit": Decimal("-0.01")}, ValueError, "limit is at least 0"),
    (
        {"limit": Decimal("0.12345678901234567")},
        ValueError,
        "limit has more digits than OpenRouter keeps, which is 15",
    ),
    ({"limit": 2**53 + 1}, ValueError, "limit has more digits than OpenRouter keeps, which is 15"),
    ({"limit": True}, TypeError, "an amount is a number, not bool"),
    (
        {"limit": KEY},
        ValueError,
        "an amount is a finite number of dollars, of at most 97 digits before the point",
    ),
    (
        {"limit": "NaN"},
        ValueError,
        "an amount is a finite number of dollars, of at most 97 digits before the point",
    ),
    ({"limit_reset": ""}, ValueError, "limit_reset is blank"),
    ({"limit_reset": KEY}, ValueError, "limit_reset has a key in it"),
    ({"limit_reset": 1}, TypeError, "limit_reset is a str, not int"),
    ({"include_byok_in_limit": "yes"}, TypeError, "include_byok_in_limit is True or False, not str"),
    ({"workspace_id": KEY}, ValueError, "workspace_id has a key in it"),
    ({"workspace_id": 7}, TypeError, "workspace_id is a str, not int"),
    ({"expires_at": date(2026, 12, 31)}, TypeError, "expires_at is an aware datetime, not date"),
    ({"expires_at": "2026-12-31"}, TypeError, "expires_at is an aware datetime, not str"),
    (
        {"expires_at": datetime(2026, 12, 31, tzinfo=UTC).replace(tzinfo=None)},
        ValueError,
        "an aware datetime is needed, such as datetime.now(UTC)",
    ),
]


@pytest.mark.parametrize(("settings", "kind", "text"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_setting_is_refused(settings: dict[str, Any], kind: type[Exception], text: str) -> None:
    """A wrong setting is returned as a TypeError or ValueError that quotes nothing and has no traceback."""
    error = key_request("PATCH", HASH, settings)

    assert type(error) is kind
    assert str(error) == text
    assert error.__traceback__ is None


@pytest.mark.parametrize(
    ("name", "settings"), [(" ", {}), (None, {}), (KEY, {}), ("bot", {"limit": -1}), ("bot", {"limit": KEY})]
)
def test_a_new_key_has_the_same_checks(name: Any, settings: dict[str, Any]) -> None:
    """A wrong name or setting of a new key is returned as an error, too."""
    error = create_request(name, settings)

    assert isinstance(error, TypeError | ValueError)
    assert KEY not in str(error)
