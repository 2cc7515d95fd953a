"""`python-open-router` accepts what `FakeOpenRouter` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from openrouter_credits.testing import FakeOpenRouter
from tests.kit.values import stopped_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from yarl import URL

    from openrouter_credits import ApiKey

python_open_router = pytest.importorskip("python_open_router", reason="the compat group is not installed")


class Rerouted:
    """A session that sends the client's requests to a fake server: the client knows only openrouter.ai."""

    def __init__(self, session: aiohttp.ClientSession, fake: FakeOpenRouter) -> None:
        self._session = session
        self._fake = fake

    async def request(self, method: str, url: URL, **options: Any) -> aiohttp.ClientResponse:
        """Send a request to the fake server."""
        return await self._session.request(
            method, self._fake.url + url.path.removeprefix("/api/v1"), **options
        )


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenRouter]:
    """Run a stand-in for OpenRouter."""
    async with FakeOpenRouter(now=stopped_clock()) as fake:
        yield fake


@pytest.fixture
async def client(fake: FakeOpenRouter) -> AsyncIterator[Callable[[ApiKey], Any]]:
    """Return a function that makes the client for a key."""
    async with aiohttp.ClientSession() as session:
        yield lambda key: python_open_router.OpenRouterClient(key.reveal(), session=Rerouted(session, fake))


async def test_python_open_router_reads_a_key(fake: FakeOpenRouter, client: Callable[[ApiKey], Any]) -> None:
    """The client reads `/key`, of which it keeps whole dollars."""
    key = fake.add_account().add_key(limit=30, usage=3)

    data = await client(key).get_key_data()

    assert (str(key), 3, 27, False, False) == (
        data.label,
        data.usage,
        data.limit_remaining,
        data.is_free_tier,
        data.is_provisioning_key,
    )


async def test_python_open_router_lists_keys(fake: FakeOpenRouter, client: Callable[[ApiKey], Any]) -> None:
    """The client lists keys through `/keys`; it requires that every key has a limit."""
    acme = fake.add_account()
    boss, key = acme.add_key(management=True), acme.add_key(name="bot", limit="30.5", usage="3.17")

    (listed,) = await client(boss).get_keys()

    assert (str(key), "bot", 30.5, 3.17, False) == (
        listed.label,
        listed.name,
        listed.limit,
        listed.usage,
        listed.disabled,
    )


async def test_python_open_router_is_refused_with_an_error(
    fake: FakeOpenRouter, client: Callable[[ApiKey], Any]
) -> None:
    """The client raises its own error for a 401."""
    key = fake.add_account().add_key(disabled=True)

    with pytest.raises(python_open_router.exceptions.OpenRouterConnectionError, match="Unexpected response"):
        await client(key).get_key_data()
