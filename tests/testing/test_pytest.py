"""The pytest fixture `fake_openrouter`."""

from __future__ import annotations

import pytest

from openrouter_credits import CreditsClient
from openrouter_credits.testing import FakeOpenRouter

pytest_plugins = ["openrouter_credits.testing.pytest"]


@pytest.mark.parametrize("usage", [1, 2])
async def test_the_fixture_is_a_new_running_server_for_each_test(
    fake_openrouter: FakeOpenRouter, usage: int
) -> None:
    """The fixture `fake_openrouter` is a running server, which has no requests or keys of another test."""
    assert [] == fake_openrouter.requests
    boss = fake_openrouter.add_account(usage=usage).add_key(api_key="sk-or-v1-mine", management=True)

    async with CreditsClient(boss, base_url=fake_openrouter.url) as client:
        credits = await client.credits()

    assert usage == credits.total_usage
