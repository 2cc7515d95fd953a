"""A status that refuses decides the class of the error, the number of tries and the remedy."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from openrouter_credits import (
    AddressNotAllowedError,
    APIStatusError,
    AuthenticationError,
    BudgetExceededError,
    ClientClosedError,
    EdgeRefusedError,
    KeyLimitExceededError,
    ManagementKeyRequiredError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    ServerError,
)
from tests.kit.values import sample
from tests.kit.wire import FUNDED, Connect, Serve, refusal, reply, sends

if TYPE_CHECKING:
    from ._sinks import Watch

HTML = (
    b"<!DOCTYPE html><html><head><title>502 Bad gateway</title></head><body>"
    + b"<p>cloudflare</p>" * 120_000
    + b"</body></html>"
)


@pytest.mark.row(1)
async def test_an_unknown_key_is_an_authentication_error(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 401 is an AuthenticationError after one request, with the server's message and request id."""
    server = await serve(reply(401, sample("error-user-not-found"), "X-Request-Id: req-1"))

    error = await fault.error(AuthenticationError, connect(server).credits())

    assert (error.status, error.code, error.message, error.request_id) == (
        401,
        401,
        "User not found.",
        "req-1",
    )
    assert (
        str(error)
        == "401 User not found. Check the key: quotes or blanks pasted with it, deleted, disabled or expired."
    )
    assert server.hits == 1


@pytest.mark.row(2)
@pytest.mark.parametrize(
    ("status", "body", "kind", "remedy"),
    [
        (
            402,
            {"error": {"code": 402, "message": "Insufficient credits"}},
            PaymentRequiredError,
            "Add credits",
        ),
        (
            402,
            {"error": {"metadata": {"limit_source": "openrouter_key_limit"}}},
            PaymentRequiredError,
            "Raise the key's limit",
        ),
        (
            403,
            json.loads(sample("error-management-key")),
            ManagementKeyRequiredError,
            "Create a management key",
        ),
        (403, json.loads(sample("error-key-limit")), KeyLimitExceededError, "Raise the key's limit"),
        (403, {"error": {"code": 403, "message": "Flagged"}}, PermissionDeniedError, "Use a key that may"),
        (
            404,
            {"error": {"code": 404, "message": "Not found"}},
            NotFoundError,
            "Check the address (base_url)",
        ),
        (422, {"error": "Unprocessable"}, APIStatusError, "the request cannot succeed as it is"),
    ],
)
async def test_a_refusal_is_final_and_says_what_to_do(
    status: int,
    body: object,
    kind: type[APIStatusError],
    remedy: str,
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """A 4xx is final; its status, and the message of a 403, decide class and remedy of the error."""
    server = await serve(reply(status, body))

    error = await fault.error(kind, connect(server).credits())

    assert error.status == status
    assert remedy in error.remedy
    assert not error.is_retryable
    assert server.hits == 1


@pytest.mark.row(12)
async def test_503_for_ever_is_asked_three_times(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A 503 that stays is asked for exactly three times, and all three tries are in `.attempts`."""
    server = await serve(refusal(503, "Overloaded"))

    error = await fault.error(ServerError, connect(server).credits())

    assert server.hits == 3
    assert [(type(attempt.error), attempt.status) for attempt in error.attempts] == [(ServerError, 503)] * 3


@pytest.mark.row(13)
@pytest.mark.parametrize("is_borrowed", [False, True], ids=["own session", "borrowed session"])
async def test_a_large_page_of_html_does_not_block_the_only_connection(
    is_borrowed: bool, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A refusal's connection is given up after 64 KiB of its body, and the next try gets another one."""
    server = await serve(reply(502, HTML, "Content-Type: text/html"))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        client = connect(server, session=session) if is_borrowed else connect(server, max_connections=1)
        error = await fault.error(ServerError, client.credits())

    assert (error.status, error.code, error.message) == (502, None, "")
    assert server.hits == server.connections == 3


@pytest.mark.row(13)
async def test_the_body_of_a_refusal_never_becomes_the_error(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 503 whose body is cut, hangs or cannot be decoded is a ServerError after three tries."""
    bodies = {
        "cut": await serve(sends(reply(503, b"{", "Content-Length: 100"), end="close")),
        "hanging": await serve(sends(reply(503, b"{", "Content-Length: 100"), end="hang")),
        "not gzip": await serve(reply(503, b"not gzip", "Content-Encoding: gzip")),
        "not UTF-8": await serve(reply(503, b"\xff\xfe")),
        "too deep": await serve(reply(503, b"[" * 60_000)),
    }

    for body, server in bodies.items():
        client = connect(server, timeout=0.3)
        error = await fault.error(ServerError, client.credits())

        assert (body, error.status, server.hits) == (body, 503, 3)


@pytest.mark.row(14)
@pytest.mark.parametrize(("status", "hits"), [(408, 3), (520, 3), (524, 3), (529, 3), (501, 1), (505, 1)])
async def test_only_statuses_that_pass_by_themselves_are_retried(
    status: int, hits: int, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 408, Cloudflare's 52x and OpenRouter's 529 are tried three times, a 501 and a 505 once."""
    server = await serve(reply(status, HTML[:500], "Content-Type: text/html"))

    error = await fault.error(ServerError if status >= 500 else APIStatusError, connect(server).credits())

    assert (error.status, error.is_retryable) == (status, hits == 3)
    assert server.hits == hits


@pytest.mark.row(15)
async def test_the_third_attempt_may_succeed(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A call that is refused twice with a 503 and then answered returns the value."""
    server = await serve(refusal(503), refusal(503), FUNDED)

    wallet = await fault.value(connect(server).credits())

    assert str(wallet.remaining) == "74.75"
    assert server.hits == 3


@pytest.mark.row(51)
@pytest.mark.parametrize(("status", "kind", "hits"), [(401, AuthenticationError, 1), (503, ServerError, 3)])
async def test_a_borrowed_session_that_raises_for_status_gives_the_same_errors(
    status: int, kind: type[APIStatusError], hits: int, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A borrowed session with `raise_for_status=True` leads to the same errors as a session of our own."""
    server = await serve(refusal(status, "Said so", "X-Request-Id: req-1", metadata={"why": "so"}))

    def facts(error: APIStatusError) -> tuple[object, ...]:
        return (
            type(error),
            str(error),
            error.status,
            error.code,
            error.message,
            error.metadata,
            error.request_id,
            len(error.attempts),
        )

    own = await fault.error(kind, connect(server).credits())
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        borrowed = await fault.error(kind, connect(server, session=session).credits())
        is_closed = session.closed

    assert facts(borrowed) == facts(own)
    assert server.hits == 2 * hits
    assert not is_closed


@pytest.mark.row(51)
async def test_a_borrowed_session_may_have_settings_of_its_own(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A borrowed session's status hook, time-out and decompression setting are neither used nor changed."""
    funded = reply(200, gzip.compress(sample("credits-spec")), "Content-Encoding: gzip")
    # the answer comes after the session's time-out
    server = await serve(refusal(404), sends(b"", funded, every=0.1))

    async def hook(response: aiohttp.ClientResponse) -> None:
        raise AssertionError(response.status)

    async with aiohttp.ClientSession(
        raise_for_status=hook,
        timeout=aiohttp.ClientTimeout(total=0.001),
        auto_decompress=False,
        headers={"X-Mine": "yes"},
    ) as session:
        client = connect(server, session=session)
        await fault.error(NotFoundError, client.credits())
        wallet = await fault.value(client.credits())
        await client.close()

        assert not session.closed
        assert session.timeout == aiohttp.ClientTimeout(total=0.001)
        assert "Authorization" not in session.headers
    assert str(wallet.remaining) == "74.75"
    assert server.received[0].header("X-Mine") == "yes"


@pytest.mark.row(51)
async def test_a_borrowed_session_that_is_closed_says_so(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A call on a borrowed session that its owner has closed raises ClientClosedError and sends nothing."""
    server = await serve(FUNDED)
    session = aiohttp.ClientSession()
    await session.close()

    await fault.error(ClientClosedError, connect(server, session=session).credits())

    assert server.hits == 0


def limited(source: str, **more: object) -> dict[str, object]:
    """Refuse as OpenRouter does when a limit is spent."""
    facts = {"scope": "workspace", "limit_usd": 500, "spend_usd": 500.25, "resets_at": "2099-01-01T00:00:00Z"}
    return {"error": {"code": 403, "message": "No", "metadata": {"limit_source": source, **facts, **more}}}


@pytest.mark.row(68)
@pytest.mark.parametrize(
    ("body", "kind", "remedy"),
    [
        (limited("openrouter_guardrail_budget"), BudgetExceededError, "Raise that budget"),
        (limited("openrouter_workspace_budget"), BudgetExceededError, "Raise that budget"),
        (limited("openrouter_key_limit"), KeyLimitExceededError, "Raise the key's limit"),
    ],
)
async def test_a_403_about_a_limit_has_its_facts(
    body: object, kind: type[Any], remedy: str, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 403 about a spent limit is of the class of its source, with figures and reset, and is final."""
    server = await serve(reply(403, body))

    error = await fault.error(kind, connect(server).credits())

    assert remedy in error.remedy
    assert (error.scope, error.limit_usd, error.spend_usd) == ("workspace", 500, Decimal("500.25"))
    assert error.resets_at == datetime(2099, 1, 1, tzinfo=UTC)
    assert error.retry_after is None
    assert server.hits == 1


@pytest.mark.row(68)
@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Budget limit exceeded (monthly limit)", BudgetExceededError),
        ("Workspace monthly budget of $500.00 exceeded. Contact your org admin.", BudgetExceededError),
        ("Key limit exceeded (total limit)", KeyLimitExceededError),
        ("your IP address is not in the allowlist for this account", AddressNotAllowedError),
    ],
)
async def test_a_403_without_facts_is_told_by_its_words(
    message: str, kind: type[Any], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 403 without metadata is of the class of its message."""
    server = await serve(refusal(403, message))

    error = await fault.error(kind, connect(server).key())

    assert getattr(error, "limit_usd", None) is None
    assert server.hits == 1


@pytest.mark.row(68)
@pytest.mark.parametrize(
    "body",
    [
        *(b"error code: 1010", HTML[:90] + b"</body></html>", b"", b'{"message":"Forbidden"}'),
        *(b'{"error":"Forbidden"}', b'{"error":1010}', b'{"error":{}}', b'{"error":{"code":1010}}'),
        *(b'{"error":{"message":"Forbidden"}}', b'{"error":{"code":1020,"message":"Access denied"}}'),
    ],
)
async def test_a_403_of_the_edge_judges_no_key(
    body: bytes, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 403 that is not OpenRouter's JSON says that the edge refused this machine, and keeps its ray."""
    server = await serve(reply(403, body, "Content-Type: text/html", "CF-Ray: 8f0-FRA"))

    error = await fault.error(EdgeRefusedError, connect(server).credits())

    assert "from another address" in str(error)
    assert error.request_id == "8f0-FRA"
    assert server.hits == 1


@pytest.mark.row(68)
@pytest.mark.parametrize(
    ("message", "metadata", "remedy", "tokens"),
    [
        ("No", {"reason": "weight_exceeds_budget"}, "Lower max_tokens", None),
        ("No", {"reason": "in_flight_budget_exhausted"}, "Wait until requests", None),
        ("You requested up to 64000 tokens, but can only afford 2,400.", {}, "at most 2400", 2400),
        ("You requested up to 64000 tokens, but can only afford 0.", {}, "Add credits", 0),
        ("You requested up to 64000 tokens, but can only afford 1.5.", {}, "Add credits", None),
    ],
)
async def test_a_402_says_what_would_help(
    message: str,
    metadata: dict[str, object],
    remedy: str,
    tokens: int | None,
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """A 402 has the remedy of its reason, and the number of tokens that could be paid for."""
    server = await serve(refusal(402, message, "Retry-After: 4", metadata=metadata))

    error = await fault.error(PaymentRequiredError, connect(server).credits())

    assert remedy in error.remedy
    assert (error.affordable_tokens, error.retry_after) == (tokens, 4.0)
    assert server.hits == 1
