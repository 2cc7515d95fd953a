"""The clients, all opened alike: for so many calls in flight, against a base URL, for `credits` or `key`."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

from openrouter_credits import CreditsClient

from .bare import fetch
from .names import BARE, OFFICIAL, OPENAI, OURS, PYTHON_OPEN_ROUTER, STREAMS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    Call = Callable[..., Awaitable[object]]
    Open = Callable[[str, str, int], AbstractAsyncContextManager[Call]]

API_KEY = "sk-or-v1-" + "a" * 64


@asynccontextmanager
async def bare_session(in_flight: int, **options: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """Make a default session; its connector must be told when more than its 100 connections are wanted."""
    connector = aiohttp.TCPConnector(limit=in_flight) if in_flight > 100 else None
    async with aiohttp.ClientSession(connector=connector, **options) as session:
        yield session


@asynccontextmanager
async def bare(url: str, path: str, in_flight: int) -> AsyncIterator[Call]:
    """Read with aiohttp, written by hand."""
    async with bare_session(in_flight) as session:
        yield lambda: fetch(session, f"{url}/{path}", API_KEY)


@asynccontextmanager
async def ours(url: str, path: str, in_flight: int) -> AsyncIterator[Call]:
    """Read with everything on: deadline, retries, limits, caps, exact decimals, typed values."""
    async with CreditsClient(API_KEY, base_url=url, max_connections=max(100, in_flight)) as client:
        yield client.credits if path == "credits" else client.key


@asynccontextmanager
async def streams(url: str, path: str, in_flight: int) -> AsyncIterator[Call]:
    """Write prebuilt bytes to asyncio's streams and parse the JSON of the reply: the limit, not a client."""
    parts = urlsplit(url)
    request = (
        f"GET {parts.path}/{path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {API_KEY}\r\n\r\n"
    ).encode()
    idle = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(in_flight)]

    async def call() -> Any:
        connection = reader, writer = idle.pop()
        writer.write(request)
        reply = await reader.read(65536)
        idle.append(connection)
        return json.loads(reply.partition(b"\r\n\r\n")[2])["data"]

    try:
        yield call
    finally:
        for _, writer in idle:
            writer.close()
        for _, writer in idle:
            with suppress(ConnectionError):
                await writer.wait_closed()


class Rerouted:
    """A session that sends here what `python-open-router` sends to openrouter.ai, its only address."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def request(self, method: str, url: Any, **options: Any) -> aiohttp.ClientResponse:
        """Send a request."""
        return await self._session.request(method, self._url + url.path.removeprefix("/api/v1"), **options)


@asynccontextmanager
async def python_open_router(url: str, path: str, in_flight: int) -> AsyncIterator[Call]:
    """Read `/key`, the one of the two that it knows."""
    from python_open_router import OpenRouterClient

    assert path == "key"
    async with bare_session(in_flight) as session:
        rerouted: Any = Rerouted(session, url)  # of a session, it has the one method that the client calls
        yield OpenRouterClient(API_KEY, session=rerouted).get_key_data


@asynccontextmanager
async def openai(url: str, path: str, in_flight: int) -> AsyncIterator[Call]:
    """Read through the OpenAI SDK's method for endpoints it does not know; at most 1,000 connections."""
    from openai import AsyncOpenAI

    assert in_flight <= 1000
    async with AsyncOpenAI(api_key=API_KEY, base_url=url, timeout=60) as client:
        yield lambda: client.get(f"/{path}", cast_to=object)


@asynccontextmanager
async def openrouter(url: str, path: str, in_flight: int) -> AsyncIterator[Call]:
    """Read with the official SDK, with as many connections as are needed."""
    import httpx
    from openrouter import OpenRouter

    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with httpx.AsyncClient(limits=limits, follow_redirects=True, timeout=60) as http:
        sdk = OpenRouter(api_key=API_KEY, server_url=url, async_client=http)
        if path == "credits":
            yield sdk.credits.get_credits_async
        else:
            yield sdk.api_keys.get_current_key_metadata_async


CLIENTS: dict[str, Open] = {
    BARE: bare,
    OURS: ours,
    STREAMS: streams,
    PYTHON_OPEN_ROUTER: python_open_router,
    OPENAI: openai,
    OFFICIAL: openrouter,
}
