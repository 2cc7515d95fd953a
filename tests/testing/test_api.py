"""The replies to OpenRouter's account API: wallets, refusals, and the management of keys."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from openrouter_credits import ApiKey
from openrouter_credits.testing import FakeAccount
from tests.testing.conftest import Caller


async def test_a_management_key_reads_the_wallet_exactly(call: Caller) -> None:
    """GET /credits sends amounts as JSON numbers with the exact digits, which no float could hold."""
    account = call.fake.add_account(credits=Decimal("100.3"), usage="0")
    boss = account.add_key(management=True)
    call.fake.spend(boss, "56.671895005")

    status, body = await call("/credits", boss)

    assert (200, '{"data":{"total_credits":100.3,"total_usage":56.671895005}}') == (status, body)


FORBIDDEN = (403, {"error": {"code": 403, "message": "Only management keys can perform this operation"}})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, FORBIDDEN),
        ({"credits_reply": "forbidden"}, FORBIDDEN),
        ({"credits_reply": "zeros"}, (200, {"data": {"total_credits": 0, "total_usage": 0}})),
        ({"credits_reply": "real"}, (200, {"data": {"total_credits": 100.5, "total_usage": 25.75}})),
    ],
)
async def test_an_ordinary_key_gets_one_of_three_replies(
    call: Caller, acme: FakeAccount, options: dict[str, Any], expected: object
) -> None:
    """GET /credits answers an ordinary key with 403 by default, or with zeros or the wallet on request."""
    key = acme.add_key(**options)

    status, body = await call("/credits", key)

    assert expected == (status, json.loads(body))


async def test_bought_credits_are_in_the_wallet(call: Caller, acme: FakeAccount) -> None:
    """GET /credits includes credits that a test adds to an account later."""
    boss = acme.add_key(management=True)

    acme.credits += 50

    assert Decimal("150.5") == (await call.data("/credits", boss))["total_credits"]


async def test_the_coinbase_endpoint_is_gone(call: Caller) -> None:
    """POST /credits/coinbase answers 410, whoever asks."""
    status, _ = await call.message("/credits/coinbase", method="POST")

    assert 410 == status


async def test_the_old_path_answers_as_the_new_one(call: Caller, acme: FakeAccount) -> None:
    """GET /auth/key answers the same as GET /key."""
    key = acme.add_key(management=True)

    old, new = await call.data("/auth/key", key), await call.data("/key", key)

    assert new == old
    assert new["is_management_key"] is new["is_provisioning_key"] is True


async def test_a_key_that_is_not_good_is_401_and_told_why(call: Caller, acme: FakeAccount) -> None:
    """Missing, unknown, disabled and expired keys get 401, each with OpenRouter's own message."""
    expired = acme.add_key(expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    disabled = acme.add_key(disabled=True)

    assert (401, "Missing Authentication header") == await call.message("/key")
    assert (401, "Missing Authentication header") == await call.message("/key", Authorization="Basic abc")
    assert (401, "Missing Authentication header") == await call.message("/key", Authorization="Bearer ")
    assert (401, "User not found.") == await call.message("/key", "sk-or-v1-unknown")
    assert (401, "User not found.") == await call.message("/key", disabled)
    assert (401, "API key expired") == await call.message("/key", expired)


@pytest.mark.parametrize("path", ["/models", "/keys/none"])
async def test_another_path_is_404(call: Caller, acme: FakeAccount, path: str) -> None:
    """Paths that the fake does not know, and hashes of no key, get 404 with OpenRouter's error object."""
    boss = acme.add_key(management=True)

    assert (404, "Resource not found") == await call.message(path, boss)


async def test_keys_are_listed_newest_first_in_pages_of_100(call: Caller, acme: FakeAccount) -> None:
    """GET /keys lists the account's ordinary keys, newest first, 100 a page; disabled ones on request."""
    boss = acme.add_key(management=True)
    for number in range(102):
        acme.add_key(name=f"bot-{number}")
    acme.add_key(name="old", disabled=True)
    call.fake.add_account().add_key(name="stranger")

    first, second = await call.data("/keys", boss), await call.data("/keys?offset=100", boss)
    every = await call.data("/keys?include_disabled=true", boss)

    assert [f"bot-{number}" for number in range(101, 1, -1)] == [key["name"] for key in first]
    assert ["bot-1", "bot-0"] == [key["name"] for key in second]
    assert ["old", "bot-101"] == [key["name"] for key in every[:2]]


async def test_keys_are_made_changed_and_deleted(call: Caller, acme: FakeAccount) -> None:
    """Keys can be made, changed and deleted through /keys; only the first answer shows a key's text."""
    boss = acme.add_key(management=True)
    made = {
        "name": "bot",
        "limit": 12.5,
        "limit_reset": "daily",
        "expires_at": "2100-01-01T00:00:00Z",
        "workspace_id": "any",
    }

    status, body = await call("/keys", boss, method="POST", body=json.dumps(made))
    answer = json.loads(body)
    key, path = ApiKey(answer["key"]), f"/keys/{answer['data']['hash']}"
    before = await call.data("/key", key)
    changed = await call.data(path, boss, method="PATCH", body='{"limit": 0.1, "disabled": true}')
    refused = await call.message("/key", key)
    read = await call.data(path, boss)
    deleted = await call(path, boss, method="DELETE")
    gone = await call.message(path, boss)

    assert 201 == status
    assert (Decimal("12.5"), "daily", "2100-01-01T00:00:00Z") == (
        before["limit"],
        before["limit_reset"],
        before["expires_at"],
    )
    assert ("bot", Decimal("0.1"), True) == (changed["name"], changed["limit"], changed["disabled"])
    assert changed["updated_at"] is not None
    assert (401, "User not found.") == refused
    assert changed == read
    assert (200, '{"deleted":true}') == deleted
    assert (404, "Resource not found") == gone


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"name": "bot", "limit": "12"}',
        '{"name": "bot", "limit": NaN}',
        '{"name": "bot", "limit_reset": "hourly"}',
        '{"name": "bot", "disabled": 1}',
        '{"name": "bot", "expires_at": "soon"}',
        '{"name": "bot", "expires_at": 5}',
        '{"name": "bot", "expires_at": "2100-01-01T00:00:00"}',
    ],
)
async def test_a_wrong_body_is_400_and_changes_nothing(call: Caller, acme: FakeAccount, body: str) -> None:
    """POST /keys answers 400 to a body with a missing or wrong setting, and makes no key."""
    boss = acme.add_key(management=True)

    status, _ = await call.message("/keys", boss, method="POST", body=body)

    assert 400 == status
    assert [] == await call.data("/keys", boss)


@pytest.mark.parametrize("offset", ["x", "-1"])
async def test_a_wrong_offset_is_400(call: Caller, acme: FakeAccount, offset: str) -> None:
    """GET /keys answers 400 to an offset that is negative or no number."""
    status, _ = await call.message(f"/keys?offset={offset}", acme.add_key(management=True))

    assert 400 == status


async def test_only_management_keys_manage_keys(call: Caller, acme: FakeAccount) -> None:
    """/keys answers 403 to an ordinary key, and 404 for keys of other accounts and management keys."""
    boss, key = acme.add_key(management=True), acme.add_key()
    stranger = call.fake.add_account().add_key()
    hashes = [hashlib.sha256(other.reveal().encode()).hexdigest() for other in (boss, stranger)]

    assert (403, "Only management keys can perform this operation") == await call.message("/keys", key)
    assert [404, 404] == [(await call.message(f"/keys/{name}", boss))[0] for name in hashes]
