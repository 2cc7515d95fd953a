"""No damage to an answer of `/key` makes a key look better than the whole answer does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import Credits, InvalidResponseError, KeyInfo, KeyStatus, Level
from openrouter_credits._call.protocol import Reply, decode
from openrouter_credits._status.look import assess
from tests.kit.values import KEY, NOW, sample, wallet

BODIES = ["key-2025", "key-2026-08", "key-2026-10", "key-monthly-cap", "key-over-limit"]
STATES: dict[str, dict[str, Any]] = {
    "as recorded": {},
    "expired": {"expires_at": "2026-10-01T00:00:00Z"},
    "without regions": {"allowed_data_regions": []},
    "management key": {"is_management_key": True, "is_provisioning_key": True},
    "management key, by its newer name": {"is_management_key": True},
    "limit spent": {"limit": 5, "limit_remaining": 0},
    "budget spent": {"budgets": [{"scope": "a", "remaining_usd": 50}, {"scope": "b", "remaining_usd": 0}]},
    "effective budget spent": {"effective_budget": {"scope": "b", "remaining_usd": -1}},
}
WALLETS = [wallet("74.75"), wallet("7"), wallet("-1")]

WRONG = [True, {}, "x", [None], {"a": 1}, 10**50, "9" * 50, KEY]
"""Values that no field with a say in the amount can have, but for `is_management_key`, which may be true."""
GONE = object()
"""The field is left out."""
MAY_BE_MISSING = {
    "allowed_data_regions",
    "budgets",
    "effective_budget",
    "expires_at",
    "is_management_key",
    "is_provisioning_key",
}
"""Fields that older answers do not have, and that may be null: without them an answer is a whole one."""


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """List the paths of all fields and elements of a body."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, item in items:
        yield (*path, name)
        yield from places(item, (*path, name))


def damaged(data: dict[str, Any], path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """Copy a body, in which one field or element is replaced, or left out."""
    copied: dict[str, Any] = json.loads(json.dumps(data))
    target: Any = copied
    for name in path[:-1]:
        target = target[name]
    if value is GONE:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return copied


def look_at(data: dict[str, Any], credits_: Credits) -> KeyStatus:
    """Judge a key whose `/key` has this body."""
    key: KeyInfo | InvalidResponseError
    try:
        key = decode(Reply(200, {}, json.dumps({"data": data}).encode()), KeyInfo)
    except InvalidResponseError as error:
        key = error
    return assess(credits_, key, wallet_reader=None, now=NOW)


def assert_no_better(found: KeyStatus, whole: KeyStatus) -> None:
    """Assert that a status promises no more than another."""
    amounts = [Decimal(0), Decimal("0.01"), Decimal(5), Decimal(20), Decimal(60)]
    promised = [amount for amount in amounts if found.spendable.covers(amount)]
    assert all(whole.spendable.covers(amount) for amount in promised)
    for warn in (0, 5, 20):
        assert found.level(warn) is not Level.OK or whole.level(warn) is Level.OK
    if found.spendable.certainty == "complete" and found.spendable.amount is not None:
        assert whole.spendable.amount is not None
        assert found.spendable.amount <= max(whole.spendable.amount, Decimal(0))


def data_of(body: str, state: str) -> dict[str, Any]:
    """Read the `data` of a recorded body, in which some fields are replaced."""
    data: dict[str, Any] = json.loads(sample(body))["data"]
    return data | STATES[state]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("body", BODIES)
def test_no_wrong_field_makes_a_key_look_better(body: str, state: str) -> None:
    """Each field of a recorded body, replaced by each wrong value, promises no more than the whole body."""
    data = data_of(body, state)
    wholes = [look_at(data, credits_) for credits_ in WALLETS]

    for path in places(data):
        for value in WRONG:
            for credits_, whole in zip(WALLETS, wholes, strict=True):
                assert_no_better(look_at(damaged(data, path, value), credits_), whole)


@pytest.mark.parametrize("value", [None, GONE], ids=["null", "missing"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("body", BODIES)
def test_no_missing_field_makes_a_key_look_better(body: str, state: str, value: object) -> None:
    """A field that is null or missing promises no more, unless older answers do not have it either."""
    data = data_of(body, state)
    wholes = [look_at(data, credits_) for credits_ in WALLETS]

    for path in places(data):
        is_element = isinstance(path[-1], int)
        if path[-1] in MAY_BE_MISSING or (is_element and value is GONE):
            continue
        for credits_, whole in zip(WALLETS, wholes, strict=True):
            assert_no_better(look_at(damaged(data, path, value), credits_), whole)


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_budgets_of_any_kind_promise_no_more_than_those_that_are_read(data: st.DataObject) -> None:
    """Any JSON among the budgets leaves what is read as an upper limit, and never hides a readable budget."""
    odd = data.draw(st.lists(JSON, max_size=3))
    place = data.draw(st.integers(0, len(odd)))
    budgets: list[Any] = [*odd[:place], {"scope": "workspace", "remaining_usd": 3}, *odd[place:]]

    status = look_at({"label": "k", "usage": 1, "limit": None, "budgets": budgets}, wallet("74.75"))

    assert status.key is not None
    assert status.key.budgets is not None
    assert status.spendable.amount is not None
    assert status.spendable.amount <= 3
    assert (status.spendable.certainty == "at_most") is bool(status.key.unread)
    assert len(status.key.budgets) + len(status.key.unread) >= len(budgets)
    assert not odd or status.level(1, 0.5) is not Level.OK or not status.key.unread
