"""The official Python SDK accepts what `FakeOpenRouter` answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits.testing import FakeBudget, FakeOpenRouter
from tests.kit.values import stopped_clock

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
