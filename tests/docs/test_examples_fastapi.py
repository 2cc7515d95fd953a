"""The service of the page `In a service`, served by uvicorn over loopback."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
import uvicorn

from openrouter_credits.testing import FakeOpenRouter, Reply


@pytest.fixture
async def service(fake: FakeOpenRouter) -> AsyncIterator[aiohttp.ClientSession]:
    """Run it, and give a session for its address."""
    from service_fastapi import app

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", ws="none"))
        task = asyncio.create_task(server.serve([listener]))
        while not server.started and not task.done():
            await asyncio.sleep(0.001)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.getsockname()[1]}") as session:
            yield session
        server.should_exit = True
        await task


async def ask(service: aiohttp.ClientSession, path: str, method: str = "GET") -> tuple[int, Any]:
    """Give status and body."""
    async with service.request(method, path) as response:
        return response.status, await response.json()


async def test_credits_are_exact_texts(service: aiohttp.ClientSession) -> None:
    """And say what binds."""
    said = {
        "left": "26.83",
        "bound_by": "key_limit",
        "certainty": "complete",
        "level": "OK",
        "says": "$26.83 left: the key's limit binds (wallet: $74.75).",
    }

    assert (200, said) == await ask(service, "/credits")


async def test_all_who_ask_share_one_look(service: aiohttp.ClientSession, fake: FakeOpenRouter) -> None:
    """A health check each second costs no request each second."""
    answers = await asyncio.gather(*(ask(service, "/healthz") for _ in range(20)))

    assert [(200, {"level": "OK"})] * 20 == answers
    assert ["/credits", "/key"] == sorted(request.path for request in fake.requests)


async def test_a_depleted_key_is_not_healthy(service: aiohttp.ClientSession, fake: FakeOpenRouter) -> None:
    """A low one still is."""
    fake.spend(os.environ["OPENROUTER_API_KEY"], "30")

    assert (503, {"level": "DEPLETED"}) == await ask(service, "/healthz")


async def test_a_job_needs_its_cost(service: aiohttp.ClientSession) -> None:
    """It is refused with 402 and the reason."""
    assert (200, {"job": "started"}) == await ask(service, "/jobs?cost=26.83", "POST")

    refused = await ask(service, "/jobs?cost=26.84", "POST")

    assert (402, {"detail": "$26.83 left: the key's limit binds (wallet: $74.75)."}) == refused


async def test_a_fault_that_passes_is_503(service: aiohttp.ClientSession, fake: FakeOpenRouter, caplog: pytest.LogCaptureFixture) -> None:
    """With the wait that OpenRouter asked for; the log has the rest, and no key."""
    caplog.set_level(logging.ERROR)
    for path in ("/credits", "/key"):
        fake.script(path, Reply(429, headers={"Retry-After": "3600"}))

    async with service.get("/credits") as response:
        assert {"error": "RateLimitError"} == await response.json()

    assert (503, "3600") == (response.status, response.headers["Retry-After"])
    assert caplog.messages[0].startswith("429 Rate limit exceeded")
    assert os.environ["OPENROUTER_API_KEY"] not in caplog.text


async def test_a_refused_key_is_500_and_never_401(service: aiohttp.ClientSession, fake: FakeOpenRouter) -> None:
    """It is the service's own fault, and the caller has no key to check."""
    for path in ("/credits", "/key"):
        fake.script(path, Reply(401))

    assert (500, {"error": "AuthenticationError"}) == await ask(service, "/healthz")


async def test_all_who_ask_share_one_fault(service: aiohttp.ClientSession, fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or each would wait for its own 30 seconds while OpenRouter is down; it is asked again five seconds later."""
    for path in ("/credits", "/key"):
        fake.script(path, Reply(401))

    answers = await asyncio.gather(*(ask(service, "/credits") for _ in range(20)))
    now = time.monotonic()
    monkeypatch.setattr("service_fastapi.time", SimpleNamespace(monotonic=lambda: now + 5))

    assert [(500, {"error": "AuthenticationError"})] * 20 == answers
    assert ["/credits", "/key"] == sorted(request.path for request in fake.requests)
    assert (200, {"level": "OK"}) == await ask(service, "/healthz")
