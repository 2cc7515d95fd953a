"""The pytest fixture `fake_openrouter`.

Enable it with `pytest_plugins = ["openrouter_credits.testing.pytest"]` in the top `conftest.py`.
It needs pytest-asyncio, in any mode.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from openrouter_credits.testing import FakeOpenRouter


@pytest_asyncio.fixture
async def fake_openrouter() -> AsyncIterator[FakeOpenRouter]:
    """A running `FakeOpenRouter` without accounts, a new one for each test."""
    async with FakeOpenRouter() as fake:
        yield fake
