"""Fixtures of all tests: no keys or proxies in the environment, repaired aioresponses, servers that stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import aiohttp
import pytest
from aioresponses import aioresponses
from hypothesis import HealthCheck, is_hypothesis_test, settings

from .kit.clock import VirtualLoop
from .kit.wire import Connect, Serve, connecting, serving

# A deadline, or a limit on how long it takes to make examples, would time the machine, not a property.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

HERE = Path(__file__).parent
NOT_COVERING = [HERE / name for name in ("benchmarks", "compat", "docs", "faults", "test_benchmarks.py")]
"""Places whose tests do not count for coverage."""
PROGRAMS = [HERE / name for name in ("compat", "docs")]
"""Where whole programs run, often with threads of their own."""
OF_THE_NETWORK = {"NETRC", "REQUESTS_CA_BUNDLE", "SSLKEYLOGFILE", "SSL_CERT_DIR", "SSL_CERT_FILE"}
"""Variables that the libraries below read."""
UNBUFFERED = "PYTHONUNBUFFERED"
"""The variable of containers that hides a missing flush: with it, no output waits in a pipe."""


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers, and let Ctrl-C reach the processes that tests start."""
    config.addinivalue_line(
        "markers", "real_time: the test runs in real time; all others run in virtual time"
    )
    config.addinivalue_line("markers", "process: the test starts processes")
    # `make test &` in a script ignores it, and children would inherit that
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def is_below(item: pytest.Item, places: list[Path]) -> bool:
    """Tell whether a test stands in one of these places."""
    return any(item.path.is_relative_to(place) for place in places)


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run each test in virtual time, so that no slow machine fails it, unless it says it needs real time."""
    if item.get_closest_marker("real_time") or is_below(item, PROGRAMS):
        return {"real": asyncio.new_event_loop}
    return {"virtual": VirtualLoop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure coverage in plain unit tests alone.

    A line that only a page or a fault runs has no test of its own, and one that only Hypothesis runs is
    tested by chance. It saves a minute, too: the tracer of Python 3.11 makes searches and simulations, which
    say so themselves, take thrice as long.
    """
    for item in items:
        if is_below(item, NOT_COVERING) or is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(scope="module", autouse=True)
def _small_heap() -> Iterator[None]:
    """Keep what was imported so far out of each test's garbage collections: they take a tenth of the time."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the keys, proxies and certificates of the person who runs the tests, and let pipes be buffered."""
    monkeypatch.delenv(UNBUFFERED, raising=False)
    for name in list(os.environ):
        if name in OF_THE_NETWORK or name.startswith("OPENROUTER_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    """Run aioresponses, repaired for aiohttp 3.14.

    aioresponses 0.7.9 makes a `ClientResponse` as aiohttp 3.13 wanted it, and fails on 3.14 and later with
    `ClientResponse.__init__() missing 1 required keyword-only argument: 'stream_writer'` (its issue 289).
    Until a release of aioresponses passes one, this does; then the patch here can go, and nothing else
    changes.
    """
    monkeypatch.setattr(
        "aioresponses.core.ClientResponse", partial(aiohttp.ClientResponse, stream_writer=Mock())
    )
    with aioresponses() as mock:
        yield mock


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start servers that are stopped when the test ends."""
    async with serving() as start:
        yield start


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Make clients, without waits between tries, that are closed when the test ends."""
    async with connecting() as make:
        yield make
