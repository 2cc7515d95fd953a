"""Servers whose TLS cannot be trusted: the key is not sent, and the call is not tried again."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import aiohttp
import pytest
import trustme

from openrouter_credits import APIConnectionError, TLSError
from tests.kit.values import KEY
from tests.kit.wire import FUNDED, HANG, Connect, Serve, reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ._sinks import Watch


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Make a certificate authority that only some clients trust."""
    return trustme.CA()


@pytest.fixture(scope="module")
def certified(authority: trustme.CA) -> Callable[..., ssl.SSLContext]:
    """Make contexts for servers, with a certificate that the authority signed."""

    def make(host: str, *, until: datetime | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        since = until - timedelta(days=2) if until else None
        authority.issue_cert(host, not_before=since, not_after=until).configure_cert(context)
        return context

    return make


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Make a context for clients that trust the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.row(32)
async def test_a_certificate_of_nobody_is_refused(
    certified: Callable[..., ssl.SSLContext], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A certificate that no known authority signed raises TLSError after one attempt; no request is sent."""
    server = await serve(FUNDED, tls=certified("127.0.0.1"))

    error = await fault.error(TLSError, connect(server).credits())

    assert "certificate" in str(error)
    assert len(error.attempts) == 1
    assert server.hits == 0


@pytest.mark.row(32)
@pytest.mark.parametrize("fault_of", ["host", "date"])
async def test_a_certificate_for_another_host_or_time_is_refused(
    fault_of: str,
    certified: Callable[..., ssl.SSLContext],
    trusting: ssl.SSLContext,
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """A trusted certificate that has expired or names another host raises TLSError; no request is sent."""
    if fault_of == "host":
        wrong = certified("elsewhere.example")
    else:
        wrong = certified("127.0.0.1", until=datetime.now(UTC) - timedelta(days=1))
    server = await serve(FUNDED, tls=wrong)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session:
        error = await fault.error(TLSError, connect(server, session=session).credits())

    assert ("127.0.0.1" if fault_of == "host" else "expired") in str(error)
    assert len(error.attempts) == 1
    assert server.hits == 0


@pytest.mark.row(32)
async def test_a_certificate_that_is_right_is_accepted(
    certified: Callable[..., ssl.SSLContext],
    trusting: ssl.SSLContext,
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """A trusted certificate for the right host is accepted, so the other refusals have their own reasons."""
    server = await serve(FUNDED, tls=certified("127.0.0.1"))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session:
        wallet = await fault.value(connect(server, session=session).credits())

    assert str(wallet.remaining) == "74.75"


@pytest.mark.row(32)
async def test_a_server_without_tls_never_sees_the_key(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A call over https to a port that speaks plain HTTP fails in the handshake, before the key is sent."""
    server = await serve(HANG, greeting=reply(400, "The plain HTTP request was sent to HTTPS port"))

    outcome = await fault(connect(server.url.replace("http://", "https://")).credits())

    assert type(outcome.error) in {TLSError, APIConnectionError}
    assert server.hits == 0


@pytest.mark.row(32)
async def test_a_server_that_hangs_up_in_the_handshake_is_no_identity(
    connect: Connect, serve: Serve, fault: Watch
) -> None:
    """An alert that ends the handshake raises TLSError or APIConnectionError, and no key is sent."""
    server = await serve(HANG, greeting=b"\x15\x03\x03\x00\x02\x02\x28")  # the TLS alert "handshake failure"

    outcome = await fault(connect(server.url.replace("http://", "https://")).credits())

    assert type(outcome.error) in {TLSError, APIConnectionError}
    assert server.hits == 0


@pytest.mark.row(32)
async def test_a_write_over_untrusted_tls_did_not_happen(
    certified: Callable[..., ssl.SSLContext], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A write over untrusted TLS raises TLSError, not AmbiguousWriteError, since nothing was sent."""
    server = await serve(FUNDED, tls=certified("127.0.0.1"))

    await fault.error(TLSError, connect(server).request("DELETE", "/keys/abc", into=dict))

    assert server.hits == 0


READ = """
import asyncio
from openrouter_credits import CreditsClient, OpenRouterError

async def main():
    async with CreditsClient() as client:
        try:
            print((await client.credits()).remaining)
        except OpenRouterError as error:
            print(type(error).__name__, "SSL_CERT_FILE" in error.remedy, "session=" in error.remedy)

asyncio.run(main())
"""


@pytest.mark.row(73)
@pytest.mark.process
@pytest.mark.parametrize("is_named", [False, True], ids=["unknown", "named by SSL_CERT_FILE"])
async def test_an_authority_of_one_s_own_is_named_by_a_variable(
    is_named: bool,
    authority: trustme.CA,
    certified: Callable[..., ssl.SSLContext],
    serve: Serve,
    fault: Watch,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A certificate of one's own authority is refused with the way out, SSL_CERT_FILE, which works."""
    server = await serve(FUNDED, tls=certified("127.0.0.1"))
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    if is_named:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))

    printed = await fault.child(READ, key=KEY, url=server.url)

    assert printed.strip() == ("74.75" if is_named else "TLSError True True")
    assert server.hits == is_named
