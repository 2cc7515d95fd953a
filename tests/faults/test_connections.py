"""Connections that fail: not made, refused, lost, silent or slow."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from openrouter_credits import (
    APIConnectionError,
    APITimeoutError,
    CreditsClient,
    InvalidResponseError,
    RetryPolicy,
    ServerError,
)
from openrouter_credits._call.caller import Caller
from tests.kit.clock import lap
from tests.kit.values import KEY, OTHER_KEY
from tests.kit.wire import (
    CLOSE,
    FUNDED,
    HANG,
    Behaviour,
    Connect,
    Serve,
    Wire,
    bound_socket,
    chunk,
    drips,
    refusal,
    sends,
)

if TYPE_CHECKING:
    from ._sinks import Watch

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = HEAD + b"Content-Length: 4000\r\n\r\n"


@pytest.mark.row(16)
async def test_a_refused_connection_is_an_error_within_three_seconds(fault: Watch) -> None:
    """A refused connection raises APIConnectionError within 3 s of the default policy, waits included."""
    with bound_socket() as sock:
        async with CreditsClient(KEY, base_url=f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1") as client:
            error = await fault.error(APIConnectionError, client.credits(), deadline=3.0)

    assert len(error.attempts) == 3
    assert "refused" in str(error)
    assert "127.0.0.1" in str(error)


class _NoNames(AbstractResolver):
    """A resolver that fails to look up any name, as when the network is down."""

    def __init__(self) -> None:
        self.received = 0

    async def resolve(self, *_: object, **__: object) -> list[ResolveResult]:
        self.received += 1
        raise OSError(socket.EAI_NONAME, "Name or service not known")

    async def close(self) -> None:
        pass


@pytest.mark.row(16)
async def test_a_name_that_cannot_be_looked_up_is_a_connection_error(
    monkeypatch: pytest.MonkeyPatch, connect: Connect, fault: Watch
) -> None:
    """A host name that cannot be looked up is tried three times; the APIConnectionError names the host."""
    url, resolver = "https://credits.invalid/api/v1", _NoNames()
    asked: list[str] = []

    def getaddrinfo(host: str, *_: object, **__: object) -> Any:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    own = await fault.error(APIConnectionError, connect(url).credits())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as session:
        borrowed = await fault.error(APIConnectionError, connect(url, session=session).credits())

    assert "credits.invalid" in str(own)
    assert str(borrowed) == str(own)
    assert len(asked) == resolver.received == 3


@pytest.mark.row(17)
async def test_a_second_address_is_tried_at_once(
    monkeypatch: pytest.MonkeyPatch, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """If the first address of a host refuses, the same attempt connects to the second one."""
    server = await serve(FUNDED)
    addresses = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, server.port))
        for host in ("127.0.0.2", "127.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)

    client = connect(f"http://localhost:{server.port}/api/v1", retry=RetryPolicy(attempts=1))

    wallet = await fault.value(client.credits(), deadline=0.4)

    assert str(wallet.remaining) == "74.75"
    assert server.hits == 1


@pytest.mark.row(18)
@pytest.mark.parametrize(
    "behaviour",
    [
        CLOSE,
        sends(end="reset"),
        sends(b"HTTP/1.1 200 OK\r\nContent-Le", end="close"),
        sends(WHOLE + b'{"data":', end="reset"),
    ],
    ids=["disconnect", "reset", "disconnect in the head", "reset in the body"],
)
async def test_a_lost_connection_is_tried_three_times(
    behaviour: Behaviour, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """Three attempts on lost connections send exactly three requests; aiohttp alone sends each GET twice."""
    server = await serve(behaviour)

    error = await fault.error(APIConnectionError, connect(server).credits())

    assert error.is_retryable
    assert len(error.attempts) == server.hits == 3


@pytest.mark.row(18)
@pytest.mark.parametrize("behaviour", [CLOSE, sends(end="reset")], ids=["disconnect", "reset"])
async def test_a_lost_kept_connection_is_tried_three_times(
    behaviour: Behaviour, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """Three attempts send exactly three requests, although the first of them uses a kept connection."""
    server = await serve(FUNDED, behaviour)
    client = connect(server)
    await fault.value(client.credits())

    error = await fault.error(APIConnectionError, client.credits())

    assert len(error.attempts) == 3
    assert server.hits == 1 + 3


@pytest.mark.row(18)
async def test_a_lost_connection_is_made_again(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A call whose connection is lost twice returns the value that the third attempt receives."""
    server = await serve(CLOSE, sends(WHOLE, end="reset"), FUNDED)

    wallet = await fault.value(connect(server).credits())

    assert str(wallet.total_usage) == "25.75"
    assert server.hits == 3


@pytest.mark.row(19)
async def test_a_kept_connection_that_the_server_closed_does_no_harm(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """If the server closes an idle connection, the next call's first request is answered on another."""

    async def close_when_idle(wire: Wire) -> None:
        await wire.write(FUNDED)
        asyncio.get_running_loop().call_later(1, wire.writer.close)

    server = await serve(close_when_idle)
    client = connect(server)
    await fault.value(client.credits())

    await asyncio.sleep(2)  # by then the server has closed it
    wallet = await fault.value(client.credits())

    assert str(wallet.remaining) == "74.75"
    assert (server.hits, server.connections) == (2, 2)


@pytest.mark.row(19)
async def test_a_kept_connection_that_is_closed_as_the_call_begins_does_no_harm(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """If the server closes a kept connection on its second request, that request is sent again on another."""
    server = await serve(FUNDED, CLOSE, FUNDED)
    client = connect(server)
    await fault.value(client.credits())

    wallet = await fault.value(client.credits())

    assert str(wallet.remaining) == "74.75"
    assert (server.hits, server.connections) == (3, 2)


@pytest.mark.row(28)
@pytest.mark.parametrize(
    "drip",
    [
        drips(WHOLE),
        drips(HEAD + b"Connection: close\r\n\r\n"),
        drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk(b" ")),
        drips(HEAD + b"X-Long: ", b"x"),
    ],
    ids=["body", "body without a length", "chunks", "head"],
)
async def test_a_drip_ends_at_the_deadline(
    drip: Behaviour, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A reply of one byte every 100 ms, in head or body, ends with APITimeoutError at the deadline."""
    server = await serve(drip)

    outcome = await fault(connect(server, retry=RetryPolicy(deadline=2.0)).credits())

    assert type(outcome.error) is APITimeoutError
    assert isinstance(outcome.error, TimeoutError)
    assert outcome.elapsed == pytest.approx(2.0)
    assert server.hits == 1


@pytest.mark.row(28)
async def test_a_dripping_refusal_is_a_refusal_at_the_deadline(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A call waits for a dripping 503's body until its deadline, and raises ServerError for its status."""
    server = await serve(drips(WHOLE.replace(b"200 OK", b"503 Down")))

    outcome = await fault(connect(server, retry=RetryPolicy(deadline=2.0)).credits())

    assert type(outcome.error) is ServerError
    assert outcome.elapsed == pytest.approx(2.0)
    assert server.hits == 1


@pytest.mark.row(28)
async def test_the_deadline_in_a_later_attempt_keeps_the_earlier_errors(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """An APITimeoutError at the deadline lists the errors of earlier attempts in `.attempts`."""
    server = await serve(refusal(503), drips(WHOLE))

    error = await fault.error(
        APITimeoutError, connect(server, retry=RetryPolicy(wait_initial=0.01, deadline=0.5)).credits()
    )

    assert [type(attempt.error) for attempt in error.attempts] == [ServerError, APITimeoutError]
    assert server.hits == 2


@pytest.mark.row(29)
async def test_silence_ends_each_attempt_at_its_timeout(serve: Serve, connect: Connect, fault: Watch) -> None:
    """If a server accepts and never replies, each attempt ends after `timeout` seconds."""
    server = await serve(HANG)

    error = await fault.error(APITimeoutError, connect(server, timeout=0.2).credits())

    assert [attempt.elapsed for attempt in error.attempts] == [pytest.approx(0.2)] * 3
    assert server.hits == 3


@pytest.mark.row(29)
async def test_a_port_that_accepts_without_reading_ends_at_the_timeout(
    connect: Connect, fault: Watch
) -> None:
    """If nobody accepts connections on a port that listens, the call ends with APITimeoutError."""
    with bound_socket() as sock:
        sock.listen(1)
        client = connect(f"http://127.0.0.1:{sock.getsockname()[1]}", timeout=0.15)

        await fault.error(APITimeoutError, client.credits())


@pytest.mark.row(29)
async def test_waiting_for_a_slot_is_not_charged_to_the_attempt(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """`timeout` starts when an attempt has a connection: 60 calls on 4 connections outlast it and succeed."""

    async def slow(wire: Wire) -> None:
        await asyncio.sleep(0.05)
        await wire.write(FUNDED)

    server = await serve(slow)
    client = connect(server, timeout=0.5, max_connections=4, retry=RetryPolicy(attempts=1, deadline=5))

    with lap() as taken:
        values = await fault.value(asyncio.gather(*(client.credits() for _ in range(60))))

    assert taken.elapsed > 0.7, "the queue must last longer than the time-out"
    assert len(values) == server.hits == 60
    assert server.connections <= 4


@pytest.mark.row(29)
async def test_a_queue_that_does_not_move_ends_at_the_deadline(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A call that never gets a connection raises APITimeoutError at its deadline, with `.sent` false."""
    server = await serve(HANG)
    client = connect(server, timeout=5.0, max_connections=1, retry=RetryPolicy(attempts=1))
    hasty = client.with_key(OTHER_KEY)
    hasty._caller = Caller(client._caller._transport, RetryPolicy(deadline=0.4))

    first = asyncio.ensure_future(fault(client.credits()))
    await server.arrived()
    second = await fault(hasty.credits(), deadline=0.4)

    for outcome, sent in ((await first, True), (second, False)):
        assert isinstance(outcome.error, APITimeoutError)
        assert outcome.error.sent is sent
    assert "no connection was free" in str(second.error)
    assert server.hits == 1


@pytest.mark.row(29)
async def test_a_call_that_gets_its_connection_at_the_last_moment_sends_nothing(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A call that gets a connection 2 ms before its deadline sends nothing: no answer could come in time."""
    server = await serve(HANG)
    client = connect(server, max_connections=1, retry=RetryPolicy(deadline=0.4))

    first = asyncio.ensure_future(fault(client.credits()))
    # so the first call ends, and frees the connection, 2 ms before the second one must
    await asyncio.sleep(0.002)
    second = await fault(client.credits())

    assert [type(outcome.error) for outcome in (await first, second)] == [APITimeoutError, APITimeoutError]
    assert server.hits == 1


@pytest.mark.row(29)
async def test_a_sleeping_call_holds_no_slot(serve: Serve, connect: Connect, fault: Watch) -> None:
    """While one call waits for its Retry-After, another call uses the only connection."""
    server = await serve(refusal(503, "Later", "Retry-After: 0.3"), FUNDED)
    client = connect(server, max_connections=1)
    sleeper = asyncio.ensure_future(client.credits())
    await server.arrived()

    outcome = await fault(client.credits())
    await fault.value(sleeper)

    assert outcome.elapsed == 0
    assert server.hits == 3


@pytest.mark.row(31)
@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"X-Long: " + b"x" * 20_000 + b"\r\n\r\n{}",
        HEAD + b"".join(b"X-%d: y\r\n" % number for number in range(500)) + b"\r\n{}",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\x02\x00" + b"\x00" * 200,
        HEAD + b"Content-Length: many\r\n\r\n{}",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        HEAD + b"No colon\r\n\r\n{}",
        b"HTTP/1.1 2000 OK\r\n\r\n",
    ],
    ids=[
        *("20 KB header", "500 headers", "SSH banner", "binary", "length in words", "two lengths"),
        *("chunk size in words", "header without colon", "status of four digits"),
    ],
)
async def test_an_answer_that_is_not_http_is_an_invalid_response(
    answer: bytes, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """An answer that is not HTTP raises InvalidResponseError, not the 400 that aiohttp's parser makes up."""
    server = await serve(sends(answer, end="close", every=0.01))

    error = await fault.error(InvalidResponseError, connect(server).credits())

    assert "400" not in str(error)
    assert 1 <= server.hits <= 3


@pytest.mark.row(31)
async def test_a_banner_before_the_request_is_an_invalid_response(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A server that sends a banner before the request raises InvalidResponseError."""
    server = await serve(HANG, greeting=b"220 mail.example ESMTP ready\r\n")

    await fault.error(InvalidResponseError, connect(server, timeout=0.5).credits())
