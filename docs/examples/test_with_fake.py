"""Tests of code that reads credits: real HTTP, made-up accounts, pytest-asyncio."""

from decimal import Decimal

import pytest
from openrouter_credits import CreditsClient, RetryPolicy
from openrouter_credits.testing import Disconnect, FakeOpenRouter, Reply

pytest_plugins = ["openrouter_credits.testing.pytest"]
pytestmark = pytest.mark.asyncio


async def may_start(cost: Decimal, client: CreditsClient) -> bool:
    """Stand in for your own code: a job starts unless it cannot be paid for."""
    return (await client.status()).spendable.covers(cost) is not False


async def test_starts_until_the_money_is_spent(fake_openrouter: FakeOpenRouter) -> None:
    """The wallet has $74.75, and the key may spend $30 of it."""
    acme = fake_openrouter.add_account(credits="100.50", usage="25.75")
    boss, key = acme.add_key(management=True), acme.add_key(limit="30")

    async with CreditsClient(
        key, management_key=boss, base_url=fake_openrouter.url
    ) as client:
        assert await may_start(Decimal(30), client)
        fake_openrouter.spend(key, "0.01")
        assert not await may_start(Decimal(30), client)


async def test_starts_when_the_wallet_cannot_be_read(
    fake_openrouter: FakeOpenRouter,
) -> None:
    """The key's own limit is all that is known."""
    key = fake_openrouter.add_account(credits="100.50").add_key(limit="30")

    async with CreditsClient(key, base_url=fake_openrouter.url) as client:
        assert await may_start(Decimal(30), client)
        assert not await may_start(Decimal("30.01"), client)


async def test_survives_two_bad_answers(fake_openrouter: FakeOpenRouter) -> None:
    """They pass by themselves, and cost two more requests."""
    boss = fake_openrouter.add_account(credits="5").add_key(management=True)
    fake_openrouter.script("/credits", Reply(503), Disconnect())

    policy = RetryPolicy(wait_initial=0.01)
    async with CreditsClient(
        management_key=boss, base_url=fake_openrouter.url, retry=policy
    ) as client:
        assert await may_start(Decimal(5), client)

    assert [request.path for request in fake_openrouter.requests].count("/credits") == 3
