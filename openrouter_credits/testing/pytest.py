"""The pytest fixture `fake_openrouter`.

Enable it with `pytest_plugins = ["openrouter_credits.testing.pytest"]` in the top `conftest.py`.
It needs no other plug-in, and serves synchronous tests and tests on any event loop.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openrouter_credits.testing import FakeOpenRouter


@pytest.fixture
def fake_openrouter() -> Iterator[FakeOpenRouter]:
    """A running `FakeOpenRouter` without accounts, a new one for each test."""
    with FakeOpenRouter() as fake:
        yield fake
