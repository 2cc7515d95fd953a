"""Fixtures of the fault matrix: the assertion that no row can forget, and clients and servers that close themselves."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from openrouter_credits import ApiKey, CreditsClient, RetryPolicy

from ._server import Server, Step
from ._sinks import Watch

KEY = "sk-or-v1-" + hashlib.sha256(b"nobody's key").hexdigest()
OTHER_KEY = "sk-or-v1-" + hashlib.sha256(b"nobody's other key").hexdigest()
QUICK = RetryPolicy(wait_initial=0.002, wait_max=0.004, deadline=5.0)
"""Three attempts, as by default, without the waits."""

Connect = Callable[..., CreditsClient]
Serve = Callable[..., Any]


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker that ties a test to its rows."""
    config.addinivalue_line("markers", "row(*numbers): the rows of the fault matrix that the test covers")


@pytest.fixture(autouse=True)
async def fault(request: pytest.FixtureRequest) -> AsyncIterator[Watch]:
    """Hold every call of a row against the assertion that all rows share; a row that hands it no call fails."""
    async with Watch({KEY, OTHER_KEY}, is_needed=request.node.get_closest_marker("row") is not None) as watch:
        yield watch


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start servers that are stopped when the test ends."""
    async with AsyncExitStack() as stack:

        async def start(*steps: Step, **options: Any) -> Server:
            return await stack.enter_async_context(Server(*steps, **options))

        yield start


@pytest.fixture
async def connect(fault: Watch) -> AsyncIterator[Connect]:
    """Make clients that are closed when the test ends, and whose deadline the assertion knows."""
    async with AsyncExitStack() as stack:

        def make(server: Server | str, key: str | ApiKey | None = KEY, *, retry: RetryPolicy = QUICK, **options: Any) -> CreditsClient:
            client = CreditsClient(key, base_url=server if isinstance(server, str) else server.url, retry=retry, **options)
            stack.push_async_callback(client.close)
            fault.deadline = max(fault.deadline, retry.deadline)
            return client

        yield make
