"""The pytest fixture `fake_openrouter`.

Enable it with `pytest_plugins = ["openrouter_credits.testing.pytest"]` in the top `conftest.py`. It needs pytest-asyncio, in any mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from openrouter_credits.testing import FakeOpenRouter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture
async def fake_openrouter() -> AsyncIterator[FakeOpenRouter]:
    """A `FakeOpenRouter` of the test's own, running, without accounts."""
    async with FakeOpenRouter() as fake:
        yield fake
