"""The account that all pages speak of, for the example programs; and helpers whose assertions tell as much as those of tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from openrouter_credits.testing import FakeOpenRouter

pytest.register_assert_rewrite("tests.docs._pages")


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeOpenRouter]:
    """Stand in for OpenRouter: address and keys are in the environment, and the example programs can be imported."""
    from ._pages import DOCS, world

    monkeypatch.syspath_prepend(DOCS / "examples")
    async with FakeOpenRouter() as server:
        for name, value in world(server).items():
            monkeypatch.setenv(name, value)
        yield server
