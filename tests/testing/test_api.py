"""The replies to OpenRouter's account API: wallets, refusals, and the management of keys."""

from __future__ import annotations

import hashlib
import io
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from openrouter_credits import ApiKey
from openrouter_credits.testing import FakeAccount
from openrouter_credits.testing._api import SERVED
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
        "creator_user_id": "user_1",
        "external": {"user": "customer 7"},
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
    assert ("user_1", "customer 7") == (changed["creator_user_id"], changed["external_user"])
    assert changed["updated_at"] is not None
    assert (401, "User not found.") == refused
    assert changed == read
    assert (200, '{"deleted":true}') == deleted
    assert (404, "Resource not found") == gone


NO_OBJECT = "the body is a JSON object"


def limited(limit: str) -> str:
    """Write the body of a request for a key with a limit."""
    return f'{{"name": "bot", "limit": {limit}}}'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", NO_OBJECT),
        ("[]", NO_OBJECT),
        ("\x80", NO_OBJECT),
        ("[" * 100_000, NO_OBJECT),
        (limited("NaN"), NO_OBJECT),
        (limited("1e9999999999999999999"), NO_OBJECT),
        (limited("9" * 5000), NO_OBJECT),
        ("{}", "name is missing"),
        ('{"name": null}', "name is missing"),
        ('{"name": 7}', "name is a text, not int"),
        ('{"name": "\\ud800"}', "name has half a surrogate pair, which JSON cannot carry"),
        (limited('"12"'), "limit is a number"),
        (limited("true"), "limit is a number"),
        (limited("[1]"), "limit is a number"),
        (limited("-1"), "limit is at least 0"),
        (limited("1e99"), "limit has more than 40 digits"),
        (
            '{"name": "bot", "limit_reset": "hourly"}',
            "limit_reset is one of 'daily', 'weekly', 'monthly'",
        ),
        ('{"name": "bot", "disabled": 1}', "disabled is True or False, not int"),
        ('{"name": "bot", "expires_at": 5}', "expires_at is a datetime, not int"),
        (
            '{"name": "bot", "expires_at": "soon"}',
            "expires_at is a time of ISO 8601, such as 2026-12-31T23:59:59Z",
        ),
        (
            '{"name": "bot", "expires_at": "2100-01-01T00:00:00"}',
            "expires_at needs a time zone, such as datetime(2026, 12, 31, tzinfo=UTC)",
        ),
        ('{"name": "bot", "workspace_id": 5}', "workspace_id is a text"),
        ('{"name": "bot", "creator_user_id": 5}', "creator_user_id is a text, not int"),
        ('{"name": "bot", "external": 5}', "external is an object that has a user"),
        ('{"name": "bot", "external": {}}', "external is an object that has a user"),
        ('{"name": "bot", "external": {"user": 5}}', "external_user is a text, not int"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_wrong_body_is_400_and_changes_nothing(
    call: Caller, acme: FakeAccount, body: str, message: str
) -> None:
    """POST /keys answers 400, and says which setting is missing or wrong; it makes no key."""
    boss = acme.add_key(management=True)

    assert (400, message) == await call.message("/keys", boss, method="POST", body=body)
    assert [] == await call.data("/keys", boss)


@pytest.mark.parametrize("body", ['{"limit": -1, "disabled": true}', '{"name": "new", "limit_reset": 5}'])
async def test_a_wrong_change_is_400_and_changes_nothing(call: Caller, acme: FakeAccount, body: str) -> None:
    """PATCH answers 400 to a body in which one setting is wrong, and changes none of them."""
    boss = acme.add_key(management=True)
    acme.add_key(name="bot")
    (before,) = await call.data("/keys", boss)

    status, _ = await call.message(f"/keys/{before['hash']}", boss, method="PATCH", body=body)

    assert 400 == status
    assert [before] == await call.data("/keys", boss)


async def test_a_limit_is_removed_with_null(call: Caller, acme: FakeAccount) -> None:
    """PATCH with `limit: null` removes a key's limit, and leaves what the body does not have."""
    boss = acme.add_key(management=True)
    acme.add_key(limit=5, limit_reset="daily")
    (listed,) = await call.data("/keys", boss)

    changed = await call.data(f"/keys/{listed['hash']}", boss, method="PATCH", body='{"limit": null}')

    assert (None, None, "daily") == (changed["limit"], changed["limit_remaining"], changed["limit_reset"])


async def test_a_body_that_is_too_large_is_413(call: Caller, acme: FakeAccount) -> None:
    """A body of more than 1 MiB gets 413 with OpenRouter's error object."""
    boss = acme.add_key(management=True)

    headers = {"Authorization": f"Bearer {boss.reveal()}"}
    body = io.BytesIO(b" " * (2**20 + 1))

    async with call.session.post(call.fake.url + "/keys", headers=headers, data=body) as reply:
        assert 413 == reply.status
        assert {
            "error": {"code": 413, "message": "Request payload exceeds maximum size"}
        } == await reply.json()


async def test_expired_keys_are_listed_on_request(call: Caller, acme: FakeAccount) -> None:
    """/keys leaves out expired and disabled keys, each unless the query asks for them."""
    boss, past = acme.add_key(management=True), datetime(2026, 1, 1, tzinfo=UTC)
    acme.add_key(name="good", expires_at=datetime(2100, 1, 1, tzinfo=UTC))
    acme.add_key(name="expired", expires_at=past)
    acme.add_key(name="disabled", disabled=True)
    acme.add_key(name="both", disabled=True, expires_at=past)
    expired, disabled = "include_expired=true", "include_disabled=true"

    listed = [
        [key["name"] for key in await call.data(f"/keys?{query}", boss)]
        for query in ("include_expired=false", expired, disabled, f"{expired}&{disabled}")
    ]

    assert [
        ["good"],
        ["expired", "good"],
        ["disabled", "good"],
        ["both", "disabled", "expired", "good"],
    ] == listed
    assert (400, "include_expired is true or false") == await call.message("/keys?include_expired=1", boss)


@pytest.mark.parametrize("offset", ["x", "-1"])
async def test_a_wrong_offset_is_400(call: Caller, acme: FakeAccount, offset: str) -> None:
    """GET /keys answers 400 to an offset that is negative or no number, and says why."""
    status, _ = await call.message(f"/keys?offset={offset}", acme.add_key(management=True))

    assert 400 == status


async def test_only_management_keys_manage_keys(call: Caller, acme: FakeAccount) -> None:
    """/keys answers 403 to an ordinary key, and 404 for keys of other accounts and management keys."""
    boss, key = acme.add_key(management=True), acme.add_key()
    stranger = call.fake.add_account().add_key()
    hashes = [hashlib.sha256(other.reveal().encode()).hexdigest() for other in (boss, stranger)]

    assert (403, "Only management keys can perform this operation") == await call.message("/keys", key)
    assert [404, 404] == [(await call.message(f"/keys/{name}", boss))[0] for name in hashes]


@pytest.mark.parametrize(
    "path",
    ["/keys/", "/keys/abc/def", "/workspaces//budgets", "/workspaces/abc/members", "/keys/{hash}", "/"],
)
async def test_a_path_fits_a_route_part_by_part(call: Caller, acme: FakeAccount, path: str) -> None:
    """A path with a part too many or too few, or an empty one, is not served."""
    assert (404, "Resource not found") == await call.message(path, acme.add_key(management=True))


def test_a_path_with_braces_names_its_parts() -> None:
    """Each served path begins with a slash; its parts in braces have a name."""
    assert len(SERVED) == len(set(SERVED)) == 13
    assert all(re.fullmatch(r"(/([a-z]+|\{[a-z]+\}))+", path) for path in SERVED)
