"""The FastAPI service of the page `In a service`, run by uvicorn on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import aiohttp
import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Response
from fastapi.exceptions import FastAPIError

from openrouter_credits import CreditsClient, KeyStatus
from openrouter_credits.testing import FakeOpenRouter, Reply
from tests.kit.clock import until


class Server(uvicorn.Server):
    """Leaves signals alone: it would give the handler back that stood there while the fixture was set up."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Capture none."""
        return nullcontext()


@pytest.fixture(autouse=True)
def _same_handler() -> Iterator[None]:
    """Demand that Ctrl-C has the same handler after the test."""
    before = signal.getsignal(signal.SIGINT)
    yield
    after = signal.signal(signal.SIGINT, before)
    assert after is before


@pytest.fixture
async def service(fake: FakeOpenRouter) -> AsyncIterator[aiohttp.ClientSession]:
    """Run the service, and return a session for its address."""
    from service_fastapi import app

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(uvicorn.Config(app, log_config=None, lifespan="on", ws="none"))
        task = asyncio.create_task(server.serve([listener]))
        await until(lambda: server.started or task.done())
        async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.getsockname()[1]}") as session:
            yield session
        server.should_exit = True
        await task


async def ask(service: aiohttp.ClientSession, path: str, method: str = "GET") -> tuple[int, Any]:
    """Send a request; return the status and the body of the answer."""
    async with service.request(method, path) as response:
        return response.status, await response.json()


async def test_credits_are_exact_numbers(service: aiohttp.ClientSession) -> None:
    """GET /credits answers with JSON: exact amounts as numbers, and the limit that comes first."""
    async with service.get("/credits") as response:
        text = await response.text()

    assert (200, "application/json") == (response.status, response.content_type)
    assert text.startswith('{"schema_version": 2, "amount": 26.83, "bound_by": "key_limit", ')
    assert [("wallet", 74.75), ("key_limit", 26.83)] == [
        (bound["name"], bound["remaining"]) for bound in json.loads(text)["bounds"]
    ]


def test_a_route_says_response_and_not_status() -> None:
    """FastAPI refuses a route annotated with a status when the program starts, as the page on values says."""
    with pytest.raises(FastAPIError, match="Invalid args for response field"):

        @FastAPI().get("/credits")
        async def read_credits() -> KeyStatus:
            raise NotImplementedError


async def test_a_route_without_annotation_cannot_send_a_status(fake: FakeOpenRouter) -> None:
    """FastAPI answers 500 if a route returns a status as it is, and sends what to_json() returns."""
    app = FastAPI()
    async with CreditsClient() as client:
        status = await client.status()

    @app.get("/raw")
    async def raw():  # type: ignore[no-untyped-def]  # noqa: ANN202 - the annotation is missing on purpose
        return status

    @app.get("/json")
    async def good() -> Response:
        return Response(status.to_json(), media_type="application/json")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as service:
        assert 500 == (await service.get("/raw")).status_code
        assert 26.83 == (await service.get("/json")).json()["spendable"]["amount"]


async def test_all_who_ask_share_one_look(service: aiohttp.ClientSession, fake: FakeOpenRouter) -> None:
    """Twenty health checks at the same time cause one request to /credits and one to /key."""
    answers = await asyncio.gather(*(ask(service, "/healthz") for _ in range(20)))

    assert [(200, {"level": "OK"})] * 20 == answers
    assert ["/credits", "/key"] == sorted(request.path for request in fake.requests)


async def test_a_depleted_key_is_not_healthy(service: aiohttp.ClientSession, fake: FakeOpenRouter) -> None:
    """GET /healthz answers 503 for a key that can spend nothing."""
    fake.spend(os.environ["OPENROUTER_API_KEY"], "30")

    assert (503, {"level": "DEPLETED"}) == await ask(service, "/healthz")


async def test_a_job_needs_its_cost(service: aiohttp.ClientSession) -> None:
    """POST /jobs accepts a cost of all that is left, and refuses one cent more with 402 and the amount."""
    assert (200, {"job": "started"}) == await ask(service, "/jobs?cost=26.83", "POST")

    refused = await ask(service, "/jobs?cost=26.84", "POST")

    assert (402, {"detail": "$26.84 is more than is left"}) == refused


async def test_a_job_in_doubt_is_started(service: aiohttp.ClientSession, fake: FakeOpenRouter) -> None:
    """POST /jobs accepts what the key's own limit allows if the wallet cannot be read, and refuses more."""
    fake.script("/credits", Reply(404), Reply(404))

    assert (200, {"job": "started"}) == await ask(service, "/jobs?cost=26.83", "POST")
    assert (402, {"detail": "$26.84 is more than is left"}) == await ask(service, "/jobs?cost=26.84", "POST")


@pytest.mark.parametrize("cost", ["-1", "NaN", "Infinity", "1e999", "1e-2000"])
async def test_a_job_has_a_cost_in_dollars(service: aiohttp.ClientSession, cost: str) -> None:
    """POST /jobs answers 422 if its cost is below zero, endless, or no amount that anybody pays."""
    status, _ = await ask(service, f"/jobs?cost={cost}", "POST")

    assert 422 == status


async def test_a_fault_that_passes_is_503(
    service: aiohttp.ClientSession, fake: FakeOpenRouter, caplog: pytest.LogCaptureFixture
) -> None:
    """A 429 of OpenRouter becomes a 503 with its Retry-After; the log has the message, and no key."""
    caplog.set_level(logging.ERROR)
    for path in ("/credits", "/key"):
        fake.script(path, Reply(429, headers={"Retry-After": "3600"}))

    async with service.get("/credits") as response:
        assert {"error": "RateLimitError"} == await response.json()

    assert (503, "3600") == (response.status, response.headers["Retry-After"])
    assert caplog.messages[0].startswith("429 Rate limit exceeded")
    assert os.environ["OPENROUTER_API_KEY"] not in caplog.text


async def test_a_refused_key_is_500_and_never_401(
    service: aiohttp.ClientSession, fake: FakeOpenRouter
) -> None:
    """A 401 of OpenRouter becomes a 500, since the service's caller has no key to check."""
    for path in ("/credits", "/key"):
        fake.script(path, Reply(401))

    assert (500, {"error": "AuthenticationError"}) == await ask(service, "/healthz")


async def test_a_refused_key_is_asked_for_once(service: aiohttp.ClientSession, fake: FakeOpenRouter) -> None:
    """All requests of a minute get the same refusal of the key, which costs OpenRouter two requests."""
    for path in ("/credits", "/key"):
        fake.script(path, Reply(401))

    first = await asyncio.gather(*(ask(service, "/credits") for _ in range(20)))
    last = await ask(service, "/credits")

    assert [*first, last] == [(500, {"error": "AuthenticationError"})] * 21
    assert ["/credits", "/key"] == sorted(request.path for request in fake.requests)


async def test_the_service_recovers_at_once(service: aiohttp.ClientSession, fake: FakeOpenRouter) -> None:
    """The service keeps no fault that passes: the next request is answered from a new look."""
    for path in ("/credits", "/key"):
        fake.script(path, Reply(429, headers={"Retry-After": "3600"}))

    assert (503, {"error": "RateLimitError"}) == await ask(service, "/healthz")
    assert (200, {"level": "OK"}) == await ask(service, "/healthz")
