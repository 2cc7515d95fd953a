"""`FakeOpenRouter` behaves like OpenRouter's account API, and fails on demand."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from openrouter_credits import ApiKey, InvalidKeyError
from openrouter_credits.testing import (
    CutBody,
    Disconnect,
    Drip,
    FakeAccount,
    FakeBudget,
    FakeOpenRouter,
    Hang,
    ReceivedRequest,
    Reply,
)
from openrouter_credits.testing._amounts import to_json
from openrouter_credits.testing._limit import TokenBucket
from openrouter_credits.testing._spending import window
from tests.kit.clock import lap, now, settle, until
from tests.kit.values import sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytest_plugins = ["openrouter_credits.testing.pytest"]

TUESDAY = datetime(2026, 10, 20, 15, 30, tzinfo=UTC)


class Caller:
    """Sends requests to a fake, as any HTTP client does."""

    def __init__(self, fake: FakeOpenRouter, session: aiohttp.ClientSession) -> None:
        self.fake = fake
        self.session = session

    async def __call__(
        self,
        path: str,
        key: ApiKey | str | None = None,
        *,
        method: str = "GET",
        body: str | None = None,
        **headers: str,
    ) -> tuple[int, str]:
        """Send a request, and return the status and the body of the answer."""
        if key is not None:
            headers["Authorization"] = f"Bearer {ApiKey(key).reveal()}"
        async with self.session.request(method, self.fake.url + path, headers=headers, data=body) as response:
            return response.status, await response.text()

    async def data(self, path: str, key: ApiKey, **options: Any) -> Any:
        """Send a request, and return the `data` of the answer, with fractions as `Decimal`."""
        status, body = await self(path, key, **options)
        assert status in {200, 201}, body
        return json.loads(body, parse_float=Decimal)["data"]

    async def message(self, path: str, key: ApiKey | str | None = None, **options: Any) -> tuple[int, str]:
        """Send a request that fails, and return the status, which is the error's code, and the message."""
        status, body = await self(path, key, **options)
        error = json.loads(body)["error"]
        assert error["code"] == status
        return status, error["message"]


async def once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a request again by itself."""
    try:
        return await handler(request)
    except aiohttp.ServerDisconnectedError:
        raise aiohttp.ClientError("disconnected") from None


@asynccontextmanager
async def calling(fake: FakeOpenRouter) -> AsyncIterator[Caller]:
    """Open a session for a fake."""
    async with aiohttp.ClientSession(middlewares=[once]) as session:
        yield Caller(fake, session)


@pytest.fixture
async def call(fake_openrouter: FakeOpenRouter) -> AsyncIterator[Caller]:
    """A caller for the test's fake."""
    async with calling(fake_openrouter) as caller:
        yield caller


@pytest.fixture
def acme(fake_openrouter: FakeOpenRouter) -> FakeAccount:
    """Open an account that has $74.75 left."""
    return fake_openrouter.add_account(credits="100.50", usage="25.75")


async def read_until_cut(response: aiohttp.ClientResponse) -> bytes:
    """Read the bytes that arrive of a body that is cut off."""
    received = b""
    try:
        async for chunk in response.content.iter_any():
            received += chunk
    except aiohttp.ClientPayloadError:
        return received
    raise AssertionError("the body was whole")


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time that was set."""
        return self.now


# --- /credits


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


# --- /key


async def test_a_key_says_what_openrouter_says_of_one() -> None:
    """GET /key has every field of October 2026, with exact amounts; the label is the key's mask."""
    async with FakeOpenRouter(now=lambda: TUESDAY) as fake, calling(fake) as call:
        budgets = (FakeBudget("workspace", "60", "48.25", "weekly"), FakeBudget("member", 100))
        key = fake.add_account(credits=100).add_key(
            limit="30", limit_reset="monthly", usage="3.17", budgets=budgets
        )

        data = await call.data("/key", key)

    workspace = {
        "scope": "workspace",
        "budget_id": data["budgets"][1]["budget_id"],
        "guardrail_id": None,
        "include_byok": False,
        "limit_usd": 60,
        "spend_usd": Decimal("48.25"),
        "remaining_usd": Decimal("11.75"),
        "reset_interval": "weekly",
        "resets_at": "2026-10-26T00:00:00Z",
    }
    own = {
        **workspace,
        "scope": "key_limit",
        "budget_id": None,
        "limit_usd": 30,
        "spend_usd": Decimal("3.17"),
        "remaining_usd": Decimal("26.83"),
        "reset_interval": "monthly",
        "resets_at": "2026-11-01T00:00:00Z",
    }
    member = {
        **own,
        "scope": "member",
        "guardrail_id": data["budgets"][2]["guardrail_id"],
        "limit_usd": 100,
        "spend_usd": 0,
        "remaining_usd": 100,
        "reset_interval": None,
        "resets_at": None,
    }
    usage = Decimal("3.17")
    expected = {
        "label": str(key),
        "limit": 30,
        "limit_remaining": Decimal("26.83"),
        "limit_reset": "monthly",
        **dict.fromkeys(("usage", "usage_daily", "usage_weekly", "usage_monthly"), usage),
        **dict.fromkeys(("byok_usage", "byok_usage_daily", "byok_usage_weekly", "byok_usage_monthly"), 0),
        "creator_user_id": None,
        "organization_id": None,
        "workspace_id": data["workspace_id"],
        "allowed_data_regions": ["global"],
        "expires_at": None,
        "include_byok_in_limit": False,
        "is_free_tier": False,
        "is_management_key": False,
        "is_provisioning_key": False,
        "rate_limit": {"interval": "10s", "note": "deprecated", "requests": -1},
        "free_model_daily_requests": {"limit": 1000, "used": 0, "remaining": 1000},
        "budgets": [own, workspace, member],
        "effective_budget": workspace,
    }
    assert expected == data
    assert isinstance(data["budgets"][1]["budget_id"], str)
    assert isinstance(data["budgets"][2]["guardrail_id"], str)


async def test_a_key_without_limits_has_no_budgets(call: Caller) -> None:
    """/key has null limits and no budgets for a key without a limit; a free account has 50 free requests."""
    key = call.fake.add_account(free_tier=True).add_key(expires_at=datetime(2100, 1, 1, tzinfo=UTC))

    data = await call.data("/key", key)

    assert (None, None, [], None) == (
        data["limit"],
        data["limit_remaining"],
        data["budgets"],
        data["effective_budget"],
    )
    assert "2100-01-01T00:00:00Z" == data["expires_at"]
    assert data["is_free_tier"] is True
    assert 50 == data["free_model_daily_requests"]["remaining"]


@pytest.mark.parametrize("shape", ["2026-10", "2026-08", "2025"])
async def test_a_shape_has_the_fields_of_the_recorded_body(
    call: Caller, acme: FakeAccount, shape: Any
) -> None:
    """Each `shape` has exactly the fields of the recorded body of its time, in the budgets too."""
    key = acme.add_key(limit=5, budgets=[FakeBudget("workspace", 5)], shape=shape)
    recorded = json.loads(sample(f"key-{shape}"))["data"]

    data = await call.data("/key", key)

    assert recorded.keys() == data.keys()
    assert [budget.keys() for budget in recorded.get("budgets", ())] == [
        budget.keys() for budget in data.get("budgets", ())
    ]


async def test_the_shape_of_2025_has_six_fields(call: Caller, acme: FakeAccount) -> None:
    """The shape "2025" has six fields, and none for windows or management keys."""
    key = acme.add_key(limit=5, usage="0.65017511", shape="2025")

    data = await call.data("/key", key)

    assert {
        "label": str(key),
        "limit": 5,
        "usage": Decimal("0.65017511"),
        "limit_remaining": Decimal("4.34982489"),
        "is_free_tier": False,
        "rate_limit": {"requests": 40, "interval": "10s"},
    } == data


async def test_the_old_path_answers_as_the_new_one(call: Caller, acme: FakeAccount) -> None:
    """GET /auth/key answers the same as GET /key."""
    key = acme.add_key(management=True)

    old, new = await call.data("/auth/key", key), await call.data("/key", key)

    assert new == old
    assert new["is_management_key"] is new["is_provisioning_key"] is True


# --- spending


async def test_spending_moves_everything_that_counts() -> None:
    """spend() moves the wallet, the key's usage, its limit and its budgets, below zero too."""
    async with FakeOpenRouter(now=lambda: TUESDAY) as fake, calling(fake) as call:
        acme = fake.add_account(credits="5")
        boss = acme.add_key(management=True)
        key = acme.add_key(
            limit="4", limit_reset="daily", budgets=[FakeBudget("workspace", 10, "1", "monthly")]
        )

        fake.spend(key, "3.20")
        fake.spend(key.reveal(), 2)

        wallet, info = await call.data("/credits", boss), await call.data("/key", key)
    assert Decimal("5.2") == wallet["total_usage"]
    assert (
        Decimal("5.2")
        == info["usage"]
        == info["usage_daily"]
        == info["usage_weekly"]
        == info["usage_monthly"]
    )
    assert Decimal("-1.2") == info["limit_remaining"]
    assert [Decimal("-1.2"), Decimal("3.8")] == [budget["remaining_usd"] for budget in info["budgets"]]
    assert "key_limit" == info["effective_budget"]["scope"]


async def test_windows_start_anew_when_the_clock_passes_their_end() -> None:
    """When the clock passes the end of a window, its usage starts at zero and its limit is whole again."""
    clock = Clock(TUESDAY)
    async with FakeOpenRouter(now=clock) as fake, calling(fake) as call:
        key = fake.add_account().add_key(
            limit=10, limit_reset="weekly", usage="3", budgets=[FakeBudget("workspace", 5, 1, "daily")]
        )
        clock.now += timedelta(days=1)
        fake.spend(key, "1.5")
        tomorrow = await call.data("/key", key)
        clock.now += timedelta(days=13)
        later = await call.data("/key", key)

    names = ("usage", "usage_daily", "usage_weekly", "usage_monthly", "limit_remaining")
    assert [Decimal("4.5"), Decimal("1.5"), Decimal("4.5"), Decimal("4.5"), Decimal("5.5")] == [
        tomorrow[name] for name in names
    ]
    assert Decimal("3.5") == tomorrow["budgets"][1]["remaining_usd"]
    assert [Decimal("4.5"), 0, 0, 0, 10] == [later[name] for name in names]


async def test_a_window_ends_and_a_key_expires_at_the_very_moment() -> None:
    """At midnight the old day's usage is gone, and a key that expires then is refused."""
    midnight = datetime(2026, 10, 21, tzinfo=UTC)
    clock = Clock(midnight - timedelta(microseconds=1))
    async with FakeOpenRouter(now=clock) as fake, calling(fake) as call:
        daily = fake.add_account().add_key(limit=10, limit_reset="daily", usage="3")
        expiring = fake.add_account().add_key(expires_at=midnight)
        before = [(await call.data("/key", daily))["limit_remaining"], (await call("/key", expiring))[0]]
        clock.now = midnight
        after = [(await call.data("/key", daily))["limit_remaining"], (await call("/key", expiring))[0]]

    assert [7, 200] == before
    assert [10, 401] == after


async def test_spending_does_not_depend_on_the_process_decimal_context(call: Caller) -> None:
    """spend() adds exactly, although the process's decimal context rounds to three digits."""
    account = call.fake.add_account(credits="100.3")
    boss, key = account.add_key(management=True), account.add_key(limit="100.3")

    with localcontext(prec=3):
        call.fake.spend(key, "56.671895004")
        call.fake.spend(key, "0.000000001")

    assert Decimal("56.671895005") == (await call.data("/credits", boss))["total_usage"]
    assert Decimal("43.628104995") == (await call.data("/key", key))["limit_remaining"]


async def test_only_keys_of_the_server_can_spend(acme: FakeAccount, fake_openrouter: FakeOpenRouter) -> None:
    """spend() with an unknown key raises LookupError, which shows the key's mask only."""
    acme.add_key()

    with pytest.raises(LookupError, match=r"no key sk-or-v1-123\.\.\.4567$"):
        fake_openrouter.spend("sk-or-v1-123456789001234567", 1)


@pytest.mark.parametrize(
    ("interval", "now", "expected"),
    [
        ("daily", TUESDAY, ("2026-10-20", "2026-10-21")),
        ("weekly", TUESDAY, ("2026-10-19", "2026-10-26")),
        ("weekly", datetime(2026, 10, 19, tzinfo=UTC), ("2026-10-19", "2026-10-26")),
        ("monthly", datetime(2026, 12, 31, 23, 59, tzinfo=UTC), ("2026-12-01", "2027-01-01")),
        (
            "daily",
            datetime(2026, 10, 20, 1, tzinfo=timezone(timedelta(hours=5))),
            ("2026-10-19", "2026-10-20"),
        ),
    ],
)
def test_windows_are_those_of_utc(interval: Any, now: datetime, expected: tuple[str, str]) -> None:
    """Days, weeks from Monday and months start at midnight UTC, whatever the clock's time zone."""
    start, end = window(interval, now)

    assert [f"{day}T00:00:00+00:00" for day in expected] == [start.isoformat(), end.isoformat()]


# --- authentication


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


async def test_the_word_bearer_may_be_written_in_any_case(call: Caller, acme: FakeAccount) -> None:
    """The scheme `bearer` is accepted in any case, as HTTP says."""
    key = acme.add_key()

    status, _ = await call("/key", Authorization=f"bearer {key.reveal()}")

    assert 200 == status


@pytest.mark.parametrize("path", ["/models", "/keys/none"])
async def test_another_path_is_404(call: Caller, acme: FakeAccount, path: str) -> None:
    """Paths that the fake does not know, and hashes of no key, get 404 with OpenRouter's error object."""
    boss = acme.add_key(management=True)

    assert (404, "Resource not found") == await call.message(path, boss)


async def test_nothing_is_served_outside_of_the_base_url(call: Caller, acme: FakeAccount) -> None:
    """A request outside of the base path `/api/v1` gets 404, and is recorded with its whole path."""
    boss = acme.add_key(management=True)
    origin = call.fake.url.removesuffix("/api/v1")

    async with call.session.get(
        origin + "/credits", headers={"Authorization": f"Bearer {boss.reveal()}"}
    ) as response:
        assert 404 == response.status
    assert "/credits" == call.fake.requests[-1].path


# --- /keys


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


async def test_a_listed_key_has_every_field(call: Caller, acme: FakeAccount) -> None:
    """GET /keys gives every field of a key; `hash` is its text's SHA-256, `last_used_at` its latest use."""
    boss, key = acme.add_key(management=True), acme.add_key(name="bot", limit="30", usage="3.17")

    (unused,) = await call.data("/keys", boss)
    call.fake.spend(key, 1)
    (used,) = await call.data("/keys", boss)

    assert hashlib.sha256(key.reveal().encode()).hexdigest() == used["hash"]
    assert (str(key), "bot", False, Decimal("25.83")) == (
        used["label"],
        used["name"],
        used["disabled"],
        used["limit_remaining"],
    )
    assert unused["last_used_at"] is None
    assert used["last_used_at"].endswith("Z")
    assert used["created_at"].endswith("Z")
    assert {"updated_at", "expires_at", "creator_user_id", "external_user", "workspace_id"} <= used.keys()


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


# --- the texts of keys


async def test_every_server_makes_the_same_keys() -> None:
    """Each server makes the same keys in the same order, so documentation can show them."""
    accounts = [FakeOpenRouter().add_account() for _ in range(2)]

    first, second = ([account.add_key().reveal() for _ in range(3)] for account in accounts)

    assert first == second
    assert 3 == len(set(first))
    assert all(len(text) == 73 and text.startswith("sk-or-v1-") for text in first)


async def test_a_key_may_have_a_text_of_the_tests_choice(call: Caller, acme: FakeAccount) -> None:
    """add_key() takes a key's text; a text that the server has already, or a blank one, raises ValueError."""
    key = acme.add_key(api_key="sk-or-v1-mine")

    status, _ = await call("/key", "sk-or-v1-mine")

    assert 200 == status
    with pytest.raises(ValueError, match=r"the key \*\*\* already"):
        acme.add_key(api_key=key)
    with pytest.raises(InvalidKeyError):
        acme.add_key(api_key=" ")


# --- recorded requests


async def test_requests_are_recorded_without_their_keys(call: Caller, acme: FakeAccount) -> None:
    """Recorded requests show masks only, wherever the key stands: in the header or in the path."""
    key = acme.add_key()
    text = key.reveal()

    await call("/key?x=1", key)
    await call("/nothing")
    await call("/key", Authorization="Bearer <not\u00a0a-key>")
    await call(f"/keys/{text}", "sk-or-v1-unknown-but-long-enough")

    assert [
        ReceivedRequest("GET", "/key", str(key)),
        ReceivedRequest("GET", "/nothing", None),
        ReceivedRequest("GET", "/key", "***"),
        ReceivedRequest("GET", f"/keys/{key}", "sk-or-v1-unk...ough"),
    ] == call.fake.requests
    assert text[9:] not in repr(call.fake.requests)
    assert text[9:] not in repr(acme)


# --- scripted answers


async def test_scripted_answers_come_first_one_each(call: Caller, acme: FakeAccount) -> None:
    """Scripted answers are used up in order on their path alone; the server then answers normally again."""
    key = acme.add_key()
    call.fake.script("/key", Reply(503))
    call.fake.script("/key", Reply(429, headers={"Retry-After": "1"}), Reply(200, "{}"))

    other, _ = await call("/credits", key)
    first = await call.message("/key")
    async with call.session.get(call.fake.url + "/key") as second:
        assert (429, "1") == (second.status, second.headers["Retry-After"])
    third = await call("/key", method="POST")
    fourth, _ = await call("/key", key)

    assert 403 == other
    assert (503, "Service temporarily unavailable") == first
    assert (200, "{}") == third
    assert 200 == fourth


async def test_a_scripted_path_need_not_be_one_of_openrouters_account(call: Caller) -> None:
    """script() takes any path below the base URL, including those that the fake does not know."""
    call.fake.script("/generation", Reply(200, {"data": {"total_cost": Decimal("0.000000001")}}))

    assert (200, '{"data":{"total_cost":0.000000001}}') == await call("/generation?id=1")


async def test_a_reply_is_sent_as_it_is(call: Caller) -> None:
    """A Reply sends its bytes, its content type and its repeated headers unchanged."""
    headers = [("Content-Type", "text/html"), ("Retry-After", "1"), ("Retry-After", "3")]
    call.fake.script("/key", Reply(502, b"\xff<html>", headers))

    async with call.session.get(call.fake.url + "/key") as response:
        assert b"\xff<html>" == await response.read()
    assert ("text/html", ["1", "3"]) == (
        response.headers["Content-Type"],
        response.headers.getall("Retry-After"),
    )


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(), b""),
        (Reply(200, "null"), b"null"),
        (Reply(200, [1, None]), b"[1,null]"),
        (Reply(500), b'{"error":{"code":500,"message":"Internal Server Error"}}'),
        (Reply(418), b'{"error":{"code":418,"message":"Error"}}'),
        (Reply(500, ""), b""),
    ],
)
def test_a_reply_without_a_body_has_the_documented_one(reply: Reply, expected: bytes) -> None:
    """A Reply without a body sends OpenRouter's error object from status 400 on, and nothing below."""
    assert expected == reply.content


async def test_a_disconnect_is_no_answer(call: Caller, acme: FakeAccount) -> None:
    """Disconnect() gives no answer and carries nothing out; the next request is served."""
    boss = acme.add_key(management=True)
    call.fake.script("/keys", Disconnect())

    with pytest.raises(aiohttp.ClientError, match="disconnected"):
        await call("/keys", boss, method="POST", body='{"name": "bot"}')

    assert [] == await call.data("/keys", boss)
    assert 2 == len(call.fake.requests)


@pytest.mark.parametrize(
    ("fault", "share"), [(CutBody(), 0.5), (CutBody(7), None), (CutBody(0), None), (CutBody(10_000), 1)]
)
async def test_a_cut_body_is_less_than_was_promised(
    call: Caller, acme: FakeAccount, fault: CutBody, share: float | None
) -> None:
    """CutBody sends the given number of bytes, by default half, and promises one more than there are."""
    key = acme.add_key()
    _, whole = await call("/key", key)
    call.fake.script("/key", fault)

    async with call.session.get(
        call.fake.url + "/key", headers={"Authorization": f"Bearer {key.reveal()}"}
    ) as response:
        assert (200, len(whole) + 1) == (response.status, response.content_length)
        received = await read_until_cut(response)

    assert whole[: fault.sent if share is None else int(len(whole) * share)].encode() == received


async def test_a_drip_is_the_true_answer_byte_by_byte(call: Caller, acme: FakeAccount) -> None:
    """Drip sends the true answer one byte at a time, with the given interval after each."""
    boss = acme.add_key(management=True)
    _, whole = await call("/credits", boss)
    call.fake.script("/credits", Drip(interval=0.002))

    with lap() as taken:
        assert (200, whole) == await call("/credits", boss)

    assert taken.elapsed == pytest.approx(0.002 * len(whole))


async def test_a_hanging_answer_ends_with_its_client(call: Caller, acme: FakeAccount) -> None:
    """When a client leaves a hanging answer, the server's task ends, and the next request is served."""
    key = acme.add_key()
    call.fake.script("/key", Hang())
    before = asyncio.all_tasks()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call("/key", key), 0.1)

    await until(lambda: asyncio.all_tasks() == before)
    status, _ = await call("/key", key)
    assert 200 == status


# --- latency and the rate limit


async def test_every_answer_takes_the_latency() -> None:
    """Twenty concurrent requests, one of them scripted, each wait for the latency and overlap."""
    async with FakeOpenRouter(latency=0.05) as fake, calling(fake) as call:
        fake.script("/key", Reply(503))
        with lap() as taken:
            statuses = await asyncio.gather(*(call("/key") for _ in range(20)))

    assert [401] * 19 + [503] == sorted(status for status, _ in statuses)
    assert taken.elapsed == pytest.approx(0.05)


async def test_requests_beyond_the_rate_limit_are_429() -> None:
    """Requests above the rate limit get 429 with hints in headers and body; scripted ones do not count."""
    async with FakeOpenRouter(rate_limit=0.01) as fake, calling(fake) as call:
        key = fake.add_account().add_key()
        fake.script("/key", Reply(200, "scripted"))

        statuses = [(await call(path, key))[0] for path in ("/key", "/key", "/credits", "/nothing")]
        earliest = time.time() - 0.001  # the header is rounded to a millisecond
        async with call.session.get(fake.url + "/key") as response:
            headers, body = response.headers, await response.json()
        latest = time.time() + 0.001

    assert [200, 200, 429, 429] == statuses
    assert ("0.01", "0", "1") == (
        headers["X-RateLimit-Limit"],
        headers["X-RateLimit-Remaining"],
        headers["Retry-After"],
    )
    assert earliest <= int(headers["X-RateLimit-Reset"]) / 1000 - 1 <= latest
    assert (429, "Rate limit exceeded") == (body["error"]["code"], body["error"]["message"])
    assert headers["X-RateLimit-Reset"] == body["error"]["metadata"]["headers"]["X-RateLimit-Reset"]


def test_a_token_bucket_lets_its_rate_pass_and_a_small_burst() -> None:
    """A token bucket lets half a second's worth pass in a burst, then the rate, however long it was idle."""
    moments = iter([0.0] + [0.0] * 6 + [0.05] + [0.1] * 2 + [60.0] * 6)
    bucket = TokenBucket(10, clock=lambda: next(moments))

    passed = [bucket.check() is None for _ in range(15)]

    assert [True] * 5 + [False, False, True, False] + [True] * 5 + [False] == passed


# --- the server's life


async def test_a_server_may_be_stopped_and_started_again() -> None:
    """A fake that is entered again keeps accounts and scripted answers; it has a URL only while it runs."""
    fake = FakeOpenRouter()
    key = fake.add_account().add_key()
    fake.script("/key", Reply(503))

    statuses = []
    for _ in range(2):
        async with fake, calling(fake) as call:
            statuses.append((await call("/key", key))[0])
            assert fake.url in repr(fake)
            with pytest.raises(RuntimeError, match="running already"):
                await fake.__aenter__()
    await fake.__aexit__(None, None, None)

    assert [503, 200] == statuses
    assert "<FakeOpenRouter not running>" == repr(fake)
    with pytest.raises(RuntimeError, match="async with"):
        _ = fake.url


async def test_servers_know_nothing_of_each_other() -> None:
    """Two fakes at the same time have ports, accounts and requests of their own."""
    async with (
        FakeOpenRouter() as one,
        FakeOpenRouter() as two,
        calling(one) as call_one,
        calling(two) as call_two,
    ):
        one.add_account(usage=1).add_key(management=True)
        boss = two.add_account(usage=2).add_key(management=True)

        first, second = await call_one.data("/credits", boss), await call_two.data("/credits", boss)

    assert (1, 2) == (first["total_usage"], second["total_usage"])
    assert 1 == len(one.requests) == len(two.requests)


@pytest.mark.parametrize(
    "ticks",
    [
        0,  # nothing has begun
        3,  # clients are connecting
        6,  # connected, and sending
        9,  # requests have arrived
        12,  # some answers are complete
        16,  # a client sends again after the disconnect
        39,  # only hanging and dripping answers are left
    ],
)
async def test_a_server_stops_at_any_moment_and_leaves_nothing(
    ticks: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A server stops in no time, with no task and no log record left, whatever its clients are doing."""
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        async with FakeOpenRouter() as fake:
            key = fake.add_account().add_key()
            fake.script(
                "/key",
                Hang(),
                Hang(),
                Drip(0.01),
                Drip(0.01),
                CutBody(),
                Disconnect(),
                Reply(503),
                Drip(0.01),
            )
            call = Caller(fake, session)
            calls = [asyncio.create_task(call("/key", key)) for _ in range(12)]
            for _ in range(ticks):
                await asyncio.sleep(0)
            stopping = now()
        stopped = now()
        await asyncio.gather(*calls, return_exceptions=True)

    assert stopped == stopping
    assert [] == [record for record in caplog.records if record.levelno > logging.DEBUG]
    await settle()
    assert set() == asyncio.all_tasks() - before


async def test_a_client_that_goes_away_before_its_answer_is_nobodys_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """When a client leaves before its answer is sent, the server logs nothing and serves the next request."""
    is_armed = False

    def cut_off() -> datetime:
        """Return the time, and cut the connection while the answer is made."""
        if is_armed:
            assert fake._running is not None
            for connection in fake._running[0].connections:
                connection.force_close()
        return TUESDAY

    async with FakeOpenRouter(now=cut_off) as fake, calling(fake) as call:
        key = fake.add_account().add_key()
        fake.script("/key", Drip())

        is_armed = True
        with pytest.raises(aiohttp.ClientError, match="disconnected"):
            await call("/key", key)
        is_armed = False
        status, _ = await call("/key", key)

    assert 200 == status
    assert [] == [record for record in caplog.records if record.levelno > logging.DEBUG]


def test_a_server_runs_in_a_plain_program() -> None:
    """FakeOpenRouter works in a plain program with asyncio.run(), on one event loop after another."""

    async def main() -> int:
        async with FakeOpenRouter() as fake, calling(fake) as call:
            return (await call("/key"))[0]

    assert [401, 401] == [asyncio.run(main()) for _ in range(2)]


# --- wrong arguments


@pytest.mark.parametrize("amount", [3.17, True, None])
def test_an_amount_is_never_a_float(amount: Any) -> None:
    """Amounts that are not a str, an int or a Decimal, such as floats, raise TypeError."""
    with pytest.raises(TypeError, match=r"write '3\.17'"):
        FakeOpenRouter().add_account(credits=amount)


@pytest.mark.parametrize("amount", ["", "1,5", "NaN", Decimal("Infinity")])
def test_an_amount_is_a_finite_number(amount: Any) -> None:
    """Amounts that are not a finite number raise ValueError."""
    with pytest.raises(ValueError, match="is not an amount"):
        FakeOpenRouter().add_account(usage=amount)


@pytest.mark.parametrize(
    "options",
    [
        {"limit_reset": "hourly"},
        {"credits_reply": "maybe"},
        {"shape": "2024"},
        {"expires_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - a naive time is refused
    ],
)
def test_a_key_that_cannot_be_is_a_value_error(options: dict[str, Any]) -> None:
    """add_key() raises ValueError for an unknown interval, reply or shape, and for a naive expiry."""
    with pytest.raises(ValueError, match=r".+"):
        FakeOpenRouter().add_account().add_key(**options)


@pytest.mark.parametrize(
    "options",
    [{"latency": -1}, {"rate_limit": 0}, {"now": lambda: datetime(2026, 1, 1)}],  # noqa: DTZ001 - a naive clock is refused
)
def test_a_server_that_cannot_be_is_a_value_error(options: dict[str, Any]) -> None:
    """FakeOpenRouter() raises ValueError for a negative latency, a rate limit of zero and a naive clock."""
    with pytest.raises(ValueError, match=r".+"):
        FakeOpenRouter(**options)


def test_a_script_is_checked_when_it_is_written() -> None:
    """script() refuses a class instead of its instance, and a path that no request can have."""
    fake = FakeOpenRouter()

    with pytest.raises(TypeError, match="Disconnect"):
        fake.script("/key", Disconnect)  # type: ignore[arg-type]  # the mistake that is tested
    for path in ("key", "/key?x=1"):
        with pytest.raises(ValueError, match="below the base URL"):
            fake.script(path, Reply())


@pytest.mark.parametrize(
    "make", [lambda: Reply(199), lambda: Reply(600), lambda: CutBody(-1), lambda: Drip(0)]
)
def test_a_fault_that_cannot_be_is_a_value_error(make: Any) -> None:
    """Faults refuse a status outside of 200 to 599, a negative size and an interval of zero."""
    with pytest.raises(ValueError, match=r".+"):
        make()


# --- JSON


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("1E+2"), "100"),
        (Decimal("-0.00"), "0"),
        (Decimal("0E-9"), "0"),
        (Decimal("1E-9"), "0.000000001"),
        (Decimal("-2.750"), "-2.75"),
        ({"a": [True, False, None], "ü": ("\n", 1, 0.5)}, '{"a":[true,false,null],"ü":["\\n",1,0.5]}'),
    ],
)
def test_json_says_numbers_exactly(value: object, expected: str) -> None:
    """to_json() writes decimals exactly, without exponents, trailing zeros or a negative zero."""
    assert expected == to_json(value)


@pytest.mark.parametrize("value", [Decimal("NaN"), float("inf")])
def test_json_has_no_nan(value: object) -> None:
    """to_json() raises ValueError for NaN and infinity, which JSON does not have."""
    with pytest.raises(ValueError, match=r".+"):
        to_json(value)
