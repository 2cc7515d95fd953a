"""A server, and a plain HTTP client that sends requests to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from openrouter_credits import ApiKey
from openrouter_credits.testing import FakeAccount, FakeOpenRouter
from openrouter_credits.testing._serving import ServerThread
from tests.kit.clock import working_outside
from tests.kit.wire import in_this_loop

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

    async def raw(self, data: bytes) -> bytes:
        """Send bytes on a connection of their own, and return the answer to them."""
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(self.fake.url).port)
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length: "))
        body = await reader.readexactly(int(length.split()[1]))
        writer.close()
        return head + body

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
    """Open a session for a fake; time is real if the fake runs in a thread."""
    has_thread = isinstance(fake._thread, ServerThread)
    with working_outside() if has_thread else nullcontext():
        async with aiohttp.ClientSession(middlewares=[once]) as session:
            yield Caller(fake, session)


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenRouter]:
    """A server without accounts, which runs in the test's event loop."""
    async with in_this_loop(FakeOpenRouter()) as server:
        yield server


@pytest.fixture
async def call(fake: FakeOpenRouter) -> AsyncIterator[Caller]:
    """A caller for the test's fake."""
    async with calling(fake) as caller:
        yield caller


@pytest.fixture
def acme(fake: FakeOpenRouter) -> FakeAccount:
    """Open an account that has $74.75 left."""
    return fake.add_account(credits="100.50", usage="25.75")


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
