"""The account that all example programs use; assertions in `_pages` report values as those of tests do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from openrouter_credits.testing import FakeOpenRouter
from tests.kit.values import stopped_clock

pytest.register_assert_rewrite("tests.docs._pages")


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeOpenRouter]:
    """Run a stand-in for OpenRouter: its address and keys in the environment, the examples on the path."""
    from ._pages import DOCS, world

    monkeypatch.syspath_prepend(DOCS / "examples")
    async with FakeOpenRouter(now=stopped_clock()) as server:
        for name, value in world(server).items():
            monkeypatch.setenv(name, value)
        yield server
