"""Inference: a canned answer that spends, refusals as OpenRouter's, and generations."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from openrouter_credits import (
    ApiKey,
    AuthenticationError,
    BudgetExceededError,
    KeyLimitExceededError,
    OpenRouterError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    error_from_response,
)
from openrouter_credits.testing import FakeAccount, FakeBudget, FakeOpenRouter
from tests.testing.conftest import TUESDAY, Caller, Clock, calling

PATH = "/chat/completions"


def question(model: str = "openai/gpt-4.1", **fields: Any) -> str:
    """Write a request's body."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields})


async def ask(call: Caller, key: ApiKey | str | None, body: str | None = None) -> tuple[int, Any]:
    """Ask a model, and return the status and the body."""
    status, text = await call(PATH, key, method="POST", body=body or question())
    return status, json.loads(text, parse_float=Decimal)


async def test_an_answer_spends_the_price(call: Caller, acme: FakeAccount) -> None:
    """A completion costs the account's price: of the wallet, the key's limit and the workspace's budget."""
    boss, key = acme.add_key(management=True), acme.add_key(limit=1)
    budget = acme.workspace.add_budget(5)

    status, first = await ask(call, key)
    acme.price = Decimal("0.25")
    _, second = await ask(call, key)

    wallet, info = await call.data("/credits", boss), await call.data("/key", key)
    assert 200 == status
    assert ("chat.completion", "openai/gpt-4.1") == (first["object"], first["model"])
    assert ("assistant", "stop") == (
        first["choices"][0]["message"]["role"],
        first["choices"][0]["finish_reason"],
    )
    assert [Decimal("0.01"), Decimal("0.25")] == [answer["usage"]["cost"] for answer in (first, second)]
    prompt, completion, total = (
        first["usage"][f"{kind}_tokens"] for kind in ("prompt", "completion", "total")
    )
    assert 0 < prompt < prompt + completion == total
    assert Decimal("26.01") == wallet["total_usage"]
    assert Decimal("0.74") == info["limit_remaining"]
    assert Decimal("0.26") == budget.spend_usd
    assert first["id"].startswith("gen-")
    assert first["id"] != second["id"]


async def test_a_streamed_answer_is_a_series_of_events(call: Caller, acme: FakeAccount) -> None:
    """With `stream`, the answer comes as server-sent events: the same words, the usage, and [DONE]."""
    key = acme.add_key()
    headers = {"Authorization": f"Bearer {key.reveal()}"}

    async with call.session.post(call.fake.url + PATH, data=question(stream=True), headers=headers) as reply:
        kind, text = reply.content_type, await reply.text()
    _, whole = await ask(call, key)

    *chunks, done = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    events = [json.loads(chunk) for chunk in chunks]
    words = [event["choices"][0]["delta"]["content"] for event in events]
    assert "text/event-stream" == kind
    assert "[DONE]" == done
    assert whole["choices"][0]["message"]["content"] == " ".join(words).rstrip()
    assert {"chat.completion.chunk"} == {event["object"] for event in events}
    assert 0.01 == events[-1]["usage"]["cost"]
    assert Decimal("0.02") == acme.usage - Decimal("25.75")


Setup = Callable[[FakeOpenRouter], ApiKey | str | None]


def with_budget(limit: int, interval: Any) -> Setup:
    """Set up a key whose workspace has spent its budget."""

    def set_up(fake: FakeOpenRouter) -> ApiKey:
        account = fake.add_account(credits=1000)
        account.workspace.add_budget(limit, interval, spend=limit)
        return account.add_key()

    return set_up


REFUSALS: list[tuple[str, Setup, type[OpenRouterError], int, str, dict[str, Any]]] = [
    ("no key", lambda _: None, AuthenticationError, 401, "Missing Authentication header", {}),
    ("unknown", lambda _: "sk-or-v1-unknown", AuthenticationError, 401, "User not found.", {}),
    (
        "disabled",
        lambda fake: fake.add_account(credits=9).add_key(disabled=True),
        AuthenticationError,
        401,
        "User not found.",
        {},
    ),
    (
        "expired",
        lambda fake: fake.add_account(credits=9).add_key(expires_at=TUESDAY),
        AuthenticationError,
        401,
        "API key expired",
        {},
    ),
    (
        "a management key",
        lambda fake: fake.add_account(credits=9).add_key(management=True),
        AuthenticationError,
        401,
        "User not found.",
        {},
    ),
    (
        "an empty wallet",
        lambda fake: fake.add_account(credits=9, usage=9).add_key(limit=0),
        PaymentRequiredError,
        402,
        "Insufficient credits",
        {"limit_source": "openrouter_credits"},
    ),
    (
        "a daily limit",
        lambda fake: fake.add_account(credits=9).add_key(limit=5, limit_reset="daily", usage="5.25"),
        KeyLimitExceededError,
        403,
        "Key limit exceeded (daily limit)",
        {
            "limit_source": "openrouter_key_limit",
            "scope": "key_limit",
            "limit_usd": 5,
            "spend_usd": 5.25,
            "resets_at": "2026-10-21T00:00:00Z",
        },
    ),
    (
        "a limit",
        lambda fake: fake.add_account(credits=9).add_key(limit=5, usage=5),
        KeyLimitExceededError,
        403,
        "Key limit exceeded (total limit)",
        {
            "limit_source": "openrouter_key_limit",
            "scope": "key_limit",
            "limit_usd": 5,
            "spend_usd": 5,
            "resets_at": None,
        },
    ),
    (
        "a workspace's budget",
        with_budget(500, "monthly"),
        BudgetExceededError,
        403,
        "Workspace monthly budget of $500.00 exceeded. Contact your org admin.",
        {
            "limit_source": "openrouter_workspace_budget",
            "scope": "workspace",
            "limit_usd": 500,
            "spend_usd": 500,
            "resets_at": "2026-11-01T00:00:00Z",
        },
    ),
    (
        "a workspace's lifetime budget",
        with_budget(1234, "lifetime"),
        BudgetExceededError,
        403,
        "Workspace lifetime budget of $1,234.00 exceeded. Contact your org admin.",
        {
            "limit_source": "openrouter_workspace_budget",
            "scope": "workspace",
            "limit_usd": 1234,
            "spend_usd": 1234,
            "resets_at": None,
        },
    ),
    (
        "a guardrail, before the key's limit",
        lambda fake: fake.add_account(credits=9).add_key(
            limit=0, budgets=[FakeBudget("workspace", 0), FakeBudget("member", 3, 4, "monthly")]
        ),
        BudgetExceededError,
        403,
        "Budget limit exceeded (monthly limit)",
        {
            "limit_source": "openrouter_guardrail_budget",
            "scope": "member",
            "limit_usd": 3,
            "spend_usd": 4,
            "resets_at": "2026-11-01T00:00:00Z",
        },
    ),
    (
        "no region",
        lambda fake: fake.add_account(credits=9).add_key(regions=[]),
        PermissionDeniedError,
        403,
        "No data region is permitted for this key",
        {},
    ),
]


@pytest.mark.parametrize(
    ("set_up", "kind", "status", "message", "metadata"),
    [case[1:] for case in REFUSALS],
    ids=[case[0] for case in REFUSALS],
)
async def test_a_key_that_may_not_spend_is_refused(
    set_up: Setup, kind: type[OpenRouterError], status: int, message: str, metadata: dict[str, Any]
) -> None:
    """A refusal is OpenRouter's, spends nothing, and is the right error to `error_from_response`."""
    async with FakeOpenRouter(now=lambda: TUESDAY) as fake, calling(fake) as call:
        got, body = await call(PATH, set_up(fake), method="POST", body=question())

    error = error_from_response(got, {}, body)
    assert (status, kind, message) == (got, type(error), getattr(error, "message", None))
    assert metadata == json.loads(body)["error"].get("metadata", {})


async def test_refusals_follow_what_is_spent(call: Caller, acme: FakeAccount) -> None:
    """A key is refused from the moment at which its limit is spent, and answered again when it is raised."""
    boss, key = acme.add_key(management=True), acme.add_key(limit="0.02")
    (listed,) = await call.data("/keys", boss)

    statuses = [(await ask(call, key))[0] for _ in range(3)]
    await call.data(f"/keys/{listed['hash']}", boss, method="PATCH", body='{"limit": 1}')

    assert [200, 200, 403] == statuses
    assert 200 == (await ask(call, key))[0]
    assert Decimal("25.78") == acme.usage


FREE = question("meta/llama:free")


async def test_free_models_cost_nothing_and_use_the_quota() -> None:
    """A free model asks neither wallet nor limit; 50 requests a day are free, 1000 from $10 bought on."""
    clock = Clock(TUESDAY)
    async with FakeOpenRouter(now=clock) as fake, calling(fake) as call:
        account = fake.add_account(credits="9.99", usage="9.99")
        key, other = account.add_key(limit=0), account.add_key()

        async def quota() -> list[int]:
            found = (await call.data("/key", other))["free_model_daily_requests"]
            return [found[name] for name in ("limit", "used", "remaining")]

        statuses = {(await ask(call, key, FREE))[0] for _ in range(50)}
        used_up = await quota()
        refused, body = await call(PATH, other, method="POST", body=FREE)
        error = error_from_response(refused, {}, body)
        account.credits += Decimal("0.01")
        raised, (again, _) = await quota(), await ask(call, key, FREE)
        account.books.free_requests[TUESDAY.date()] = 1000
        high = await ask(call, key, FREE)
        clock.now += timedelta(days=1)
        tomorrow = await quota()

    assert {200} == statuses
    assert [50, 50, 0] == used_up
    assert isinstance(error, RateLimitError)
    assert error.is_key_limit
    assert {
        "X-RateLimit-Limit": "50",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(round(datetime(2026, 10, 21, tzinfo=UTC).timestamp() * 1000)),
    } == error.metadata["headers"]
    assert error.message.startswith("Rate limit exceeded: free-models-per-day. Add 10 credits")
    assert [1000, 50, 950] == raised
    assert 200 == again
    assert (429, "Rate limit exceeded: free-models-per-day-high-balance.") == (
        high[0],
        high[1]["error"]["message"],
    )
    assert [1000, 0, 1000] == tomorrow
    assert Decimal("9.99") == account.usage


async def test_a_negative_balance_refuses_free_models_too(call: Caller) -> None:
    """Below zero, even a free model answers 402; the quota does not depend on `free_tier`."""
    key = call.fake.add_account(credits=20, usage="20.01", free_tier=True).add_key()

    status, body = await ask(call, key, FREE)

    assert (402, "Insufficient credits") == (status, body["error"]["message"])
    assert 1000 == (await call.data("/key", key))["free_model_daily_requests"]["remaining"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[]", "the body is a JSON object"),
        ("{", "the body is a JSON object"),
        ("{}", "messages is a list with at least one message"),
        ('{"messages": []}', "messages is a list with at least one message"),
        (question(model=7), "model is a text"),  # type: ignore[arg-type]  # the mistake
        (question(model="\ud800"), "model is a text"),
        (question(stream="yes"), "stream is true or false"),
    ],
)
async def test_a_malformed_question_is_400(call: Caller, acme: FakeAccount, body: str, message: str) -> None:
    """A body that is no question gets 400 in OpenRouter's shape, and costs nothing."""
    assert (400, message) == await call.message(PATH, acme.add_key(), method="POST", body=body)
    assert Decimal("25.75") == acme.usage


async def test_a_generation_can_be_looked_up(call: Caller, acme: FakeAccount) -> None:
    """/generation has the cost and the tokens of an answer, for every key of its account and no other."""
    key, other, stranger = acme.add_key(), acme.add_key(), call.fake.add_account().add_key()
    _, answer = await ask(call, key)
    path = f"/generation?id={answer['id']}"

    mine, theirs = await call.data(path, key), await call.data(path, other)

    assert mine == theirs
    assert (answer["id"], answer["model"], Decimal("0.01"), Decimal("0.01")) == tuple(
        mine[name] for name in ("id", "model", "total_cost", "usage")
    )
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"], False) == tuple(
        mine[name] for name in ("tokens_prompt", "tokens_completion", "streamed")
    )
    assert (404, "Generation not found") == await call.message(path, stranger)
    assert (404, "Generation not found") == await call.message("/generation?id=gen-none", key)
    assert (400, "id is missing") == await call.message("/generation", key)


async def test_a_generation_can_be_late() -> None:
    """/generation answers 404 for as long as the account's `generation_delay` says."""
    clock = Clock(TUESDAY)
    async with FakeOpenRouter(now=clock) as fake, calling(fake) as call:
        account = fake.add_account(credits=5)
        account.generation_delay = 2
        key = account.add_key()
        _, answer = await ask(call, key)

        statuses = []
        for _ in range(3):
            statuses.append((await call(f"/generation?id={answer['id']}", key))[0])
            clock.now += timedelta(seconds=1)

    assert [404, 404, 200] == statuses
