"""Requests that change something: each is sent at most once; an unknown result is an AmbiguousWriteError."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import (
    AmbiguousWriteError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    BadRequestError,
    InvalidResponseError,
    OpenRouterError,
    RateLimitError,
    RedirectError,
    ResponseTooLargeError,
    RetryPolicy,
    ServerError,
)
from tests.kit.wire import CLOSE, HANG, Connect, Serve, Server, Step, bound_socket, refusal, reply, sends

if TYPE_CHECKING:
    from ._sinks import Watch

CREATED = reply(201, {"data": {"name": "bot"}, "key": "sk-or-v1-new"})
WANTED = {"name": "bot", "limit": 5}


@pytest.mark.row(20)
@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (CLOSE, APIConnectionError),
        (sends(end="reset"), APIConnectionError),
        (HANG, APITimeoutError),
        (sends(b"HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n{", end="close"), APIConnectionError),
        (refusal(500, "Oops"), ServerError),
        (refusal(503, "Down", "Retry-After: 0"), ServerError),
        (refusal(408, "Slow"), APIStatusError),
        (reply(201, b""), InvalidResponseError),
        (reply(200, b"[]"), InvalidResponseError),
        (reply(200, {"error": {"code": 502, "message": "Bad gateway"}}), ServerError),
        (reply(200, b" " * ((1 << 20) + 1)), ResponseTooLargeError),
        (sends(b"SSH-2.0-OpenSSH_9.6\r\n", end="close", every=0.01), InvalidResponseError),
    ],
    ids=[
        *("disconnect", "reset", "silence", "cut 201", "500", "503", "408", "empty 201", "no object"),
        *("502 in a 200", "too large", "no HTTP"),
    ],
)
async def test_a_write_whose_end_is_unknown_is_ambiguous(
    step: Step, kind: type[OpenRouterError], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A write that fails after it was sent raises AmbiguousWriteError with the cause, and is never resent."""
    methods = ("POST", "PUT", "PATCH", "DELETE")
    servers = [await serve(step) for _ in methods]

    async def error_of(method: str, server: Server) -> AmbiguousWriteError:
        call = connect(server, timeout=0.2).request(method, "/keys", into=dict[str, Any], json=WANTED)
        return await fault.error(AmbiguousWriteError, call)

    errors = await asyncio.gather(*map(error_of, methods, servers))

    for error, server in zip(errors, servers, strict=True):
        assert [type(problem) for problem in error.problems] == [kind]
        assert not error.is_retryable
        assert len(error.attempts) == server.hits == 1


@pytest.mark.row(20)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (409, APIStatusError),
        (307, RedirectError),
    ],
)
async def test_a_write_that_was_refused_has_its_own_error(
    status: int, kind: type[APIStatusError], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A write that is refused with a 3xx or 4xx raises the error of its status, not AmbiguousWriteError."""
    server = await serve(refusal(status, "No", "Location: /elsewhere"))

    error = await fault.error(
        kind, connect(server).request("POST", "/keys", into=dict[str, Any], json=WANTED)
    )

    assert error.status == status
    assert server.hits == 1


@pytest.mark.row(20)
async def test_a_refused_connection_is_tried_again_for_a_write(connect: Connect, fault: Watch) -> None:
    """A write whose connection is refused is tried again until the server listens, then sent exactly once."""
    sock = bound_socket()
    server = Server(CREATED, sock=sock)
    client = connect(
        f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1",
        retry=RetryPolicy(attempts=100, wait_initial=0.05, wait_max=0.05, deadline=5),
    )
    call = asyncio.ensure_future(client.request("POST", "/keys", into=dict[str, Any], json=WANTED))
    await asyncio.sleep(0.1)

    async with server:
        made = await fault.value(call)

    assert made == {"data": {"name": "bot"}, "key": "sk-or-v1-new"}
    assert [(asked.method, asked.target, asked.body) for asked in server.received] == [
        ("POST", "/api/v1/keys", b'{"name": "bot", "limit": 5}')
    ]


@pytest.mark.row(20)
async def test_a_write_that_nobody_received_is_a_connection_error(connect: Connect, fault: Watch) -> None:
    """A write whose connections are all refused raises APIConnectionError, since it was never sent."""
    with bound_socket() as sock:
        client = connect(f"http://127.0.0.1:{sock.getsockname()[1]}")

        error = await fault.error(
            APIConnectionError, client.request("POST", "/keys", into=dict[str, Any], json=WANTED)
        )

    assert len(error.attempts) == 3


@pytest.mark.row(20)
async def test_a_write_is_sent_again_after_a_429(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A write that gets a 429 is sent again with the same body, after the wait that Retry-After asks for."""
    server = await serve(refusal(429, "Slow", "Retry-After: 0.05"), CREATED)

    made = await fault.value(connect(server).request("POST", "/keys", into=dict[str, Any], json=WANTED))

    assert made["key"] == "sk-or-v1-new"
    assert server.received[0].body == server.received[1].body
    assert server.hits == 2
    assert server.gaps[0] >= 0.05


@pytest.mark.row(20)
async def test_a_429_for_ever_is_a_rate_limit(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A write that gets a 429 three times raises RateLimitError, not AmbiguousWriteError."""
    server = await serve(refusal(429))

    error = await fault.error(
        RateLimitError, connect(server).request("DELETE", "/keys/abc", into=dict[str, Any])
    )

    assert len(error.attempts) == server.hits == 3


@pytest.mark.row(20)
async def test_a_write_on_a_kept_connection_that_breaks_is_ambiguous(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A write that loses a kept connection raises AmbiguousWriteError: the server may have received it."""
    server = await serve(CREATED, CLOSE, CREATED)
    client = connect(server)
    await fault.value(client.request("POST", "/keys", into=dict[str, Any], json=WANTED))

    error = await fault.error(
        AmbiguousWriteError, client.request("POST", "/keys", into=dict[str, Any], json=WANTED)
    )

    assert "unknown" in str(error)
    assert server.hits == 2
