"""The fake server of looks in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from openrouter_credits.testing import FakeOpenRouter
from tests.kit.wire import in_this_loop


@pytest.fixture
async def fake_openrouter() -> AsyncIterator[FakeOpenRouter]:
    """Run a fake on the test's own event loop: what hangs or drips takes virtual time."""
    async with in_this_loop(FakeOpenRouter()) as fake:
        yield fake
