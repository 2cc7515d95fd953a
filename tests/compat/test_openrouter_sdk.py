"""The official Python SDK accepts what `FakeOpenRouter` answers, and reads in it what we read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from openrouter_credits import CreditsClient
from openrouter_credits.testing import FakeBudget, FakeOpenRouter
from tests.kit.values import NOW, stopped_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from openrouter_credits import ApiKey

openrouter = pytest.importorskip("openrouter", reason="the compat group is not installed")
errors = pytest.importorskip("openrouter.errors")

# the SDK reads fields of its own models that it marks as deprecated
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenRouter]:
    """Run a stand-in for OpenRouter."""
    async with FakeOpenRouter(now=stopped_clock()) as fake:
        yield fake


def sdk(fake: FakeOpenRouter, key: ApiKey | str) -> Any:
    """Make the SDK's client for a fake server, without its retries, which last an hour."""
    text = key if isinstance(key, str) else key.reveal()
    return openrouter.OpenRouter(api_key=text, server_url=fake.url, retry_config=None)


async def test_the_sdk_reads_the_wallet(fake: FakeOpenRouter) -> None:
    """The SDK reads `/credits` with a management key."""
    boss = fake.add_account(credits="100.50", usage="25.75").add_key(management=True)

    async with sdk(fake, boss) as client:
        data = (await client.credits.get_credits_async()).data

    assert (100.5, 25.75) == (data.total_credits, data.total_usage)


async def test_the_sdk_reads_a_key(fake: FakeOpenRouter) -> None:
    """The SDK reads `/key` with the fields of October 2026: limit, budgets and expiry."""
    budgets = (FakeBudget("workspace", 60, "48.25", "weekly"), FakeBudget("member", 50))
    expires_at = datetime(2100, 1, 1, tzinfo=UTC)
    key = fake.add_account().add_key(
        limit=30, limit_reset="monthly", usage="3.17", budgets=budgets, expires_at=expires_at
    )

    async with sdk(fake, key) as client:
        data = (await client.api_keys.get_current_key_metadata_async()).data

    assert (str(key), 26.83, "monthly", expires_at) == (
        data.label,
        data.limit_remaining,
        data.limit_reset,
        data.expires_at,
    )
    assert ["member", "workspace", "key_limit"] == [budget.scope for budget in data.budgets]
    assert ("workspace", 11.75) == (data.effective_budget.scope, data.effective_budget.remaining_usd)


async def test_the_sdk_reads_a_key_without_limits(fake: FakeOpenRouter) -> None:
    """The SDK reads `/key` of a key without limits, where the fields of limits are null."""
    key = fake.add_account(free_tier=True).add_key()

    async with sdk(fake, key) as client:
        data = (await client.api_keys.get_current_key_metadata_async()).data

    assert (None, None, None, []) == (data.limit, data.limit_remaining, data.effective_budget, data.budgets)


async def test_the_sdk_manages_keys(fake: FakeOpenRouter) -> None:
    """The SDK makes, reads, lists, changes and deletes a key through `/keys`."""
    boss = fake.add_account().add_key(management=True)

    async with sdk(fake, boss) as client:
        keys = client.api_keys
        made = await keys.create_async(
            name="bot", limit=12.5, limit_reset="daily", expires_at=datetime(2100, 1, 1, tzinfo=UTC)
        )
        name = made.data.hash
        changed = await keys.update_async(hash=name, name="robot", disabled=True)
        read = await keys.get_async(hash=name)
        listed = await keys.list_async(include_disabled=True, offset=0)
        deleted = await keys.delete_async(hash=name)
        empty = await keys.list_async()

    assert made.key.startswith("sk-or-v1-")
    assert ("robot", True, 12.5) == (changed.data.name, changed.data.disabled, changed.data.limit)
    assert [read.data.model_dump()] == [key.model_dump() for key in listed.data]
    assert deleted.model_dump(by_alias=True) == {"deleted": True}
    assert [] == empty.data


async def test_the_sdk_lists_keys_of_a_workspace(fake: FakeOpenRouter) -> None:
    """The SDK lists, makes and moves keys by `workspace_id`, and lists expired ones."""
    acme = fake.add_account(user_id="user_1")
    boss, team = acme.add_key(management=True), acme.add_workspace("Team")
    acme.add_key(name="old", expires_at=datetime(2026, 1, 1, tzinfo=UTC))

    async with sdk(fake, boss) as client:
        keys = client.api_keys
        made = await keys.create_async(
            name="bot", workspace_id=team.id, external={"user": "customer 7"}, limit_reset=None
        )
        there = await keys.list_async(workspace_id=team.id)
        moved = await keys.update_async(hash=made.data.hash, workspace_id=acme.workspace_id)
        every = await keys.list_async(include_expired=True)

    assert ["bot"] == [key.name for key in there.data]
    assert (team.id, "customer 7") == (there.data[0].workspace_id, there.data[0].external_user)
    assert acme.workspace_id == moved.data.workspace_id
    assert [("bot", "user_1"), ("old", "user_1")] == [(key.name, key.creator_user_id) for key in every.data]


async def test_the_sdk_reads_workspaces_and_their_budgets(fake: FakeOpenRouter) -> None:
    """The SDK lists and reads workspaces, and the budgets that a workspace's keys share."""
    acme = fake.add_account(user_id="user_1")
    boss, team = acme.add_key(management=True), acme.add_workspace("Team")
    budgets = [team.add_budget(60, "weekly"), team.add_budget(500)]
    keys = [acme.add_key(workspace=team) for _ in range(2)]

    async with sdk(fake, boss) as client:
        listed = (await client.workspaces.list_async(limit=100)).result
        read = (await client.workspaces.get_async(id="team")).data
        found = (await client.workspaces.list_budgets_async(workspace_ref=team.id)).data
        with pytest.raises(errors.NotFoundResponseError, match="Resource not found"):
            await client.workspaces.list_budgets_async(workspace_ref="default")
    shown = []
    for key in keys:
        async with sdk(fake, key) as client:
            shown.append((await client.api_keys.get_current_key_metadata_async()).data.budgets)

    assert (2, ["default", "team"]) == (listed.total_count, [workspace.slug for workspace in listed.data])
    assert (team.id, "Team", "user_1") == (read.id, read.name, read.created_by)
    assert [(60, "weekly"), (500, None)] == [(budget.limit_usd, budget.reset_interval) for budget in found]
    assert [budget.id for budget in budgets] == [budget.budget_id for budget in shown[0]]
    assert [budget.budget_id for budget in shown[0]] == [budget.budget_id for budget in shown[1]]


async def test_both_list_the_same_keys(fake: FakeOpenRouter) -> None:
    """`account.keys()` yields what the SDK lists, page after page in each workspace, with all fields."""
    acme = fake.add_account(user_id="user_1")
    boss, team = acme.add_key(management=True), acme.add_workspace("Team")
    keys = [
        acme.add_key(
            name=f"key {number}", limit=30, limit_reset="weekly", workspace=team if number < 120 else None
        )
        for number in range(250)
    ]
    acme.add_key(name="off", disabled=True)
    acme.add_key(name="old", expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    fake.spend(keys[7], "0.25")

    theirs: list[Any] = []
    async with sdk(fake, boss) as client:
        for workspace in (await client.workspaces.list_async(limit=100)).result.data:
            for offset in (0, 100, 200):
                page = await client.api_keys.list_async(
                    workspace_id=workspace.id, offset=offset, include_disabled=True, include_expired=True
                )
                theirs += page.data
    async with CreditsClient(management_key=boss, base_url=fake.url) as client:
        ours = [key async for key in client.account.keys(include_expired=True)]

    assert [key.hash for key in theirs] == [key.hash for key in ours]
    assert len(ours) == 252
    for their, our in zip(theirs, ours, strict=True):
        assert {name: _plain(getattr(their, name)) for name in type(their).model_fields} == {
            name: _plain(getattr(our, name)) for name in type(their).model_fields
        }


def _plain(value: Any) -> Any:
    """Convert amounts and times to what the SDK makes of them: floats, and texts of ISO 8601."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return float(value) if isinstance(value, Decimal) else value


async def test_both_read_the_same_workspaces_and_activity() -> None:
    """Workspaces and activity have the SDK's fields; what only the SDK names is in `extra`."""
    async with FakeOpenRouter(now=stopped_clock()) as fake:
        acme = fake.add_account(user_id="user_1")
        boss, team = acme.add_key(management=True), acme.add_workspace("Team")
        today = datetime.now(UTC).date()
        for days in (1, 5, 29):
            acme.add_activity(
                today - timedelta(days=days), workspace=team, usage="0.25", prompt_tokens=9, cached_tokens=3
            )

        async with sdk(fake, boss) as client:
            their_workspaces = (await client.workspaces.list_async(limit=100)).result.data
            their_rows = (
                await client.analytics.get_user_activity_async(request={"group_by": "workspace"})
            ).data
        async with CreditsClient(management_key=boss, base_url=fake.url) as client:
            workspaces = [workspace async for workspace in client.account.workspaces()]
            activity = await client.account.activity(by="workspace")

    for their, our in zip(their_workspaces, workspaces, strict=True):
        ours = {field.name for field in attrs.fields(type(our))} - {"extra"}
        assert ours <= set(type(their).model_fields)
        assert {name: _plain(getattr(their, name)) for name in ours} == {
            name: _plain(getattr(our, name)) for name in ours
        }
        assert set(type(their).model_fields) - ours == set(our.extra)
    names = {name.rstrip("_"): name for name in type(their_rows[0]).model_fields}
    assert set(names) == {field.name for field in attrs.fields(type(activity[0]))} - {"extra"}
    assert [
        {our: str(_plain(getattr(row, their))) for our, their in names.items()} for row in their_rows
    ] == [{name: str(_plain(getattr(row, name))) for name in names} for row in activity]


async def test_the_sdk_reads_activity() -> None:
    """The SDK reads `/activity`, by day and by workspace; today is refused."""
    async with FakeOpenRouter(now=lambda: NOW) as fake:
        acme = fake.add_account()
        boss, key = acme.add_key(management=True), acme.add_key()
        acme.add_activity("2026-10-19", key=key, model="a", usage="0.25", prompt_tokens=9)
        acme.add_activity("2026-10-20", model="b", usage=1, requests=2)

        async with sdk(fake, boss) as client:
            read = client.analytics.get_user_activity_async
            every = (await read()).data
            (split,) = (await read(request={"date_": "2026-10-19", "group_by": "workspace"})).data
            with pytest.raises(errors.BadRequestResponseError, match="last 30"):
                await read(request={"date_": str(NOW.date())})

    assert [("b", 1, 2), ("a", 0.25, 1)] == [(row.model, row.usage, row.requests) for row in every]
    assert (acme.workspace_id, 9) == (split.workspace_id, split.prompt_tokens)


async def test_the_sdk_chats_and_looks_up_the_cost(fake: FakeOpenRouter) -> None:
    """The SDK reads a completion, whole and streamed, and the generation that it was."""
    key = fake.add_account(credits=1).add_key()
    question: dict[str, Any] = {
        "model": "openai/gpt-4.1",
        "messages": [{"role": "user", "content": "Hi"}],
    }

    async with sdk(fake, key) as client:
        answer = await client.chat.send_async(**question)
        generation = (await client.generations.get_generation_async(id=answer.id)).data
        stream = await client.chat.send_async(**question, stream=True)
        async with stream as events:
            chunks = [chunk async for chunk in events]
        streamed = (await client.generations.get_generation_async(id=chunks[0].id)).data

    assert "This answer was made by FakeOpenRouter." == answer.choices[0].message.content
    assert (0.01, 20) == (answer.usage.cost, answer.usage.total_tokens)
    assert (answer.id, 0.01, "Fake", 12, 8) == (
        generation.id,
        generation.total_cost,
        generation.provider_name,
        generation.tokens_prompt,
        generation.native_tokens_completion,
    )
    assert answer.choices[0].message.content == " ".join(
        text for chunk in chunks if (text := chunk.choices[0].delta.content)
    )
    assert (0.01, True) == (chunks[-1].usage.cost, streamed.streamed)


async def test_the_sdk_understands_why_a_key_may_not_chat(fake: FakeOpenRouter) -> None:
    """The SDK raises its own error class for 402, 403 and 429 of `/chat/completions`."""
    rich, poor = fake.add_account(credits=9), fake.add_account()
    question: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}

    async with sdk(fake, poor.add_key()) as client:
        with pytest.raises(errors.PaymentRequiredResponseError, match="Insufficient credits"):
            await client.chat.send_async(**question)
        for _ in range(50):
            await client.chat.send_async(**{**question, "model": "m:free"})
        with pytest.raises(errors.TooManyRequestsResponseError, match="free-models-per-day"):
            await client.chat.send_async(**{**question, "model": "m:free"})
    async with sdk(fake, rich.add_key(limit=1, usage=1)) as client:
        with pytest.raises(errors.ForbiddenResponseError, match="Key limit exceeded"):
            await client.chat.send_async(**question)


async def test_the_sdk_exchanges_a_code(fake: FakeOpenRouter) -> None:
    """The SDK exchanges a code for a key, once."""
    code = fake.add_account(user_id="user_1").add_code("a-verifier")
    exchange: dict[str, Any] = {"code": code, "code_verifier": "a-verifier", "code_challenge_method": "S256"}

    async with sdk(fake, "none") as client:
        made = await client.o_auth.exchange_auth_code_for_api_key_async(**exchange)
        with pytest.raises(errors.ForbiddenResponseError, match="Invalid code or code_verifier"):
            await client.o_auth.exchange_auth_code_for_api_key_async(**exchange)
    async with sdk(fake, made.key) as client:
        assert (await client.api_keys.get_current_key_metadata_async()).data.creator_user_id == made.user_id


async def test_the_sdk_understands_the_errors(fake: FakeOpenRouter) -> None:
    """The SDK raises its own error class, with the server's message, for 400, 401, 403 and 404."""
    acme = fake.add_account()
    key, boss = acme.add_key(), acme.add_key(management=True)

    async with sdk(fake, key) as client:
        with pytest.raises(
            errors.ForbiddenResponseError, match="Only management keys can perform this operation"
        ):
            await client.credits.get_credits_async()
    async with sdk(fake, "sk-or-v1-unknown") as client:
        with pytest.raises(errors.UnauthorizedResponseError, match="User not found"):
            await client.api_keys.get_current_key_metadata_async()
    async with sdk(fake, boss) as client:
        with pytest.raises(errors.NotFoundResponseError, match="Resource not found"):
            await client.api_keys.get_async(hash="none")
        with pytest.raises(errors.BadRequestResponseError, match="offset"):
            await client.api_keys.list_async(offset=-1)


async def test_the_sdk_understands_the_rate_limit() -> None:
    """The SDK raises its `TooManyRequestsResponseError` for a 429."""
    async with FakeOpenRouter(rate_limit=0.01) as fake:
        boss = fake.add_account().add_key(management=True)
        async with sdk(fake, boss) as client:
            await client.api_keys.list_async()

            with pytest.raises(errors.TooManyRequestsResponseError, match="Rate limit exceeded"):
                await client.api_keys.list_async()
