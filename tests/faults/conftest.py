"""Fixtures of the fault matrix: the assertion that no row can forget, and clients whose deadline it knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from openrouter_credits import CreditsClient
from tests.kit.values import KEY, OTHER_KEY
from tests.kit.wire import Connect

from ._sinks import Watch

Manage = Callable[..., CreditsClient]


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker that ties a test to its rows."""
    config.addinivalue_line("markers", "row(*numbers): the rows of the fault matrix that the test covers")


@pytest.fixture(autouse=True)
async def fault(request: pytest.FixtureRequest) -> AsyncIterator[Watch]:
    """Hold each call of a row against the assertion that all rows share; a row that hands it none fails."""
    async with Watch({KEY, OTHER_KEY}, is_needed=request.node.get_closest_marker("row") is not None) as watch:
        yield watch


@pytest.fixture
def connect(connect: Connect, fault: Watch) -> Connect:
    """Make clients that are closed when the test ends, and whose deadline the assertion knows."""

    def make(*arguments: Any, **options: Any) -> CreditsClient:
        client = connect(*arguments, **options)
        fault.deadline = max(fault.deadline, client._caller.policy.deadline)
        return client

    return make


@pytest.fixture
def manage(connect: Connect) -> Manage:
    """Make clients that have a management key alone."""
    return lambda server, **options: connect(server, None, management_key=KEY, **options)
