"""Proxies: the key goes through them sealed, and their password shows nowhere."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import traceback
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import trustme
from yarl import URL

from openrouter_credits import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    CreditsClient,
    ProxyError,
)
from tests.kit.values import KEY
from tests.kit.wire import FUNDED, HANG, Behaviour, Connect, Serve, Wire, bound_socket, reply

if TYPE_CHECKING:
    from ._sinks import Watch

USER, PASSWORD = "someone", "the-proxys/own:password"
QUOTED = "the-proxys%2Fown%3Apassword"
CREDENTIALS = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
ELSEWHERE = "https://openrouter.invalid/api/v1"


@pytest.fixture(autouse=True)
def _the_password_is_a_secret(fault: Watch) -> None:
    fault.secrets |= {PASSWORD, QUOTED, CREDENTIALS}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Make a certificate authority."""
    return trustme.CA()


@pytest.fixture
def sealed(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Make a context for servers at 127.0.0.1, which clients trust during this test."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    # private: what aiohttp makes of SSL_CERT_FILE when it is imported
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    return context


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def tunnel(wire: Wire) -> None:
    """Do what a proxy does after CONNECT: hand bytes to and fro."""
    host, _, port = wire.received.target.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await wire.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    try:
        await asyncio.gather(_pump(reader, wire.writer), _pump(wire.reader, writer))
    finally:
        writer.close()


def address_of(proxy: Any, userinfo: str = f"{USER}:{QUOTED}@", scheme: str = "http") -> str:
    """Return the URL of a proxy that listens on loopback."""
    return f"{scheme}://{userinfo}127.0.0.1:{proxy.port}"


async def locals_of(error: BaseException) -> str:
    """Show an exception and its whole chain with the locals of all frames but those of the tests."""
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown: list[str] = []
    rest = [whole]
    while rest:
        part = rest.pop()
        rest += [chained for chained in (part.__cause__, part.__context__) if chained is not None]
        shown += [str(part), *(f"{frame.locals}" for frame in part.stack if "/tests/" not in frame.filename)]
    return "\n".join(shown)


@pytest.mark.row(69)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_gets_its_password_and_the_server_the_key(
    scheme: str, sealed: ssl.SSLContext, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """Two calls share one tunnel; the proxy sees its password and no key, and the server the reverse."""
    server = await serve(FUNDED, tls=sealed)
    proxy = await serve(tunnel, tls=sealed if scheme == "https" else None)
    client = connect(server, proxy=address_of(proxy, scheme=scheme))

    values = [await fault.value(client.credits()) for _ in range(2)]
    await client.close()

    assert [str(wallet.remaining) for wallet in values] == ["74.75"] * 2
    assert proxy.lines == [f"CONNECT 127.0.0.1:{server.port}"]
    assert proxy.received[0].header("Proxy-Authorization") == f"Basic {CREDENTIALS}"
    assert proxy.received[0].header("Authorization") is None
    assert server.keys == [KEY] * 2
    assert [asked.header("Proxy-Authorization") for asked in server.received] == [None] * 2


@pytest.mark.row(69)
@pytest.mark.parametrize(
    ("userinfo", "credentials"),
    [
        ("", None),
        ("token@", b"token:"),
        ("token:@", b"token:"),
        ("a%40b:c%25@", b"a@b:c%"),
        ("m%C3%BC:%FC@", "mü:".encode() + b"\xfc"),
        ("mü:ü@", "mü:ü".encode()),
    ],
)
@pytest.mark.parametrize("start", ["http://", "HTTP://", "//", "", "  "])
async def test_a_proxy_s_user_and_password_arrive_as_they_are_meant(
    start: str, userinfo: str, credentials: bytes | None, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A proxy's URL may lack scheme, password or both; user and password are percent-decoded."""
    proxy = await serve(reply(407, b""))

    error = await fault.error(
        ProxyError, connect(ELSEWHERE, proxy=f"{start}{userinfo}127.0.0.1:{proxy.port}").credits()
    )

    expected = None if credentials is None else f"Basic {base64.b64encode(credentials).decode()}"
    assert proxy.received[0].header("Proxy-Authorization") == expected
    assert (len(error.attempts), proxy.hits, error.sent) == (1, 1, False)


@pytest.mark.row(69)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
async def test_a_proxy_of_the_environment_needs_no_scheme(
    name: str, serve: Serve, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`HTTPS_PROXY=127.0.0.1:3128` means an http proxy."""
    proxy = await serve(reply(403, b"not through here"))
    monkeypatch.setenv(name, f"127.0.0.1:{proxy.port}")

    error = await fault.error(ProxyError, connect(ELSEWHERE).credits())

    assert "The proxy answered 403" in str(error)
    assert "HTTPS_PROXY" in error.remedy
    assert proxy.hits == 1


@pytest.mark.row(69)
@pytest.mark.parametrize(("status", "hits"), [(407, 1), (403, 1), (404, 1), (502, 3), (503, 3), (429, 3)])
async def test_a_proxy_that_passes_by_itself_is_asked_again(
    status: int, hits: int, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A proxy's 407 or 403 is final; a proxy that cannot reach the server now is asked three times."""
    proxy = await serve(reply(status, b""))

    error = await fault.error(ProxyError, connect(ELSEWHERE, proxy=address_of(proxy)).credits())

    assert f"The proxy answered {status}" in str(error)
    assert proxy.hits == len(error.attempts) == hits


@pytest.mark.row(69)
async def test_a_refusing_proxy_is_named_as_the_proxy(connect: Connect, fault: Watch) -> None:
    """A proxy that refuses connections is told from a server that does."""
    with bound_socket() as sock:
        port = sock.getsockname()[1]
        client = connect(ELSEWHERE, proxy=f"http://{USER}:{QUOTED}@127.0.0.1:{port}")
        error = await fault.error(APIConnectionError, client.credits())

    assert f"Could not connect to the proxy 127.0.0.1:{port}: Connection refused" in str(error)


@pytest.mark.row(69)
@pytest.mark.parametrize("answer", [b"hello\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", b"\x05\x01\x00\r\n\r\n"])
async def test_a_proxy_that_speaks_no_http_is_named_as_the_proxy(
    answer: bytes, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """An answer to CONNECT that is not HTTP is a ProxyError, and final."""
    proxy = await serve(answer)

    error = await fault.error(ProxyError, connect(ELSEWHERE, proxy=address_of(proxy)).credits())

    assert "The proxy's answer is not HTTP" in str(error)
    assert proxy.hits == 1


@pytest.mark.row(69)
@pytest.mark.parametrize(
    "proxy",
    [
        "socks5:{userinfo}proxy.example:1080",
        "http:{userinfo}proxy.example:3128",
        "https:{userinfo}proxy.example",
        "socks5:1080",
        "{userinfo}127.1:3128",
        "socks5://{userinfo}proxy.example:1080",
        "SOCKS5H://{userinfo}proxy.example:1080",
        "socks4://{userinfo}proxy.example",
        "ftp://{userinfo}proxy.example",
        "file:///{userinfo}",
        "http://",
        "http://{userinfo}",
        "http://{userinfo}proxy.example:99999",
        "http://{userinfo}proxy.example:0",
        "http://{userinfo}a..b",
        "http://{userinfo}[::1",
        "http://{userinfo}xn--a.com:3128",
        "http://{userinfo}proxy.example#x",
        "http://{userinfo}proxy.example?x",
        "http://user:12/{userinfo}proxy.example",
        "http://{userinfo}a\x1bb",
        "http://{userinfo}a\xadb",
    ],
)
@pytest.mark.parametrize("name", ["proxy", "HTTPS_PROXY", "https_proxy"])
async def test_a_proxy_of_another_kind_is_refused_when_the_client_is_made(
    name: str, proxy: str, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that cannot be used is a ConfigurationError that names where it comes from, unquoted."""
    text = proxy.format(userinfo=f"{USER}:{QUOTED}@")
    if name == "proxy":
        error = await fault.refusal(
            ConfigurationError, lambda: CreditsClient(KEY, base_url=ELSEWHERE, proxy=text)
        )
    else:
        monkeypatch.setenv(name, text)
        error = await fault.refusal(ConfigurationError, lambda: CreditsClient(KEY, base_url=ELSEWHERE))

    assert name in error.summary
    assert "proxy.example:" not in error.summary


@pytest.mark.row(69)
async def test_a_proxy_that_is_not_used_is_not_looked_at(
    serve: Serve, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An impossible HTTPS_PROXY does no harm where it is not used: http, NO_PROXY, a borrowed session."""
    server = await serve(FUNDED)
    monkeypatch.setenv("HTTPS_PROXY", f"socks5://{USER}:{QUOTED}@proxy.example")

    await fault.value(connect(server).credits())
    async with aiohttp.ClientSession() as session:
        connect(ELSEWHERE, session=session)
    monkeypatch.setenv("NO_PROXY", "openrouter.invalid")
    connect(ELSEWHERE)

    assert server.hits == 1


@pytest.mark.row(53)
@pytest.mark.parametrize(
    "arguments",
    [
        {"proxy": URL(f"http://{USER}:{QUOTED}@proxy.example")},
        {"proxy": f"http://{USER}:{QUOTED}@proxy.example".encode()},
        {"base_url": URL(f"https://{USER}:{QUOTED}@proxy.example")},
        {"base_url": [f"https://{USER}:{QUOTED}@proxy.example"]},
        {"proxy": f"http://{USER}:{QUOTED}@proxy.example", "session": object()},
        {"proxy": f"http://{USER}:{QUOTED}@proxy.example", "retry": None},
    ],
    ids=["URL as proxy", "bytes as proxy", "URL as base_url", "list as base_url", "no session", "no retry"],
)
async def test_a_secret_of_a_wrong_type_is_in_no_frame(arguments: dict[str, Any], fault: Watch) -> None:
    """A TypeError about an argument shows neither the key nor a password of any argument."""
    await fault.refusal(TypeError, lambda: CreditsClient(KEY, **{"base_url": ELSEWHERE, **arguments}))


async def silent_tunnel(wire: Wire) -> None:
    """Open the tunnel, and say nothing in it."""
    await wire.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await wire.end("hang")


@pytest.mark.row(53)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("behaviour", [HANG, silent_tunnel, tunnel], ids=["CONNECT", "handshake", "answer"])
@pytest.mark.parametrize("cut", ["timeout", "cancelled"])
async def test_a_call_cut_short_from_outside_shows_no_password(
    cut: str,
    behaviour: Behaviour,
    scheme: str,
    sealed: ssl.SSLContext,
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """No frame of a call that is cut short from outside shows the proxy's password, aiohttp's included."""
    server = await serve(HANG, tls=sealed)
    proxy = await serve(behaviour, tls=sealed if scheme == "https" else None)
    client = connect(server, proxy=address_of(proxy, scheme=scheme))

    async def call() -> None:
        if cut == "timeout":
            async with asyncio.timeout(0.5):
                await client.credits()
        task = asyncio.ensure_future(client.credits())
        await asyncio.sleep(0.5)
        task.cancel()
        await task

    with pytest.raises((TimeoutError, asyncio.CancelledError)) as caught:
        await call()
    shown = await fault.value(locals_of(caught.value))

    assert proxy.hits == 1
    assert "aiohttp.client_reqrep.ClientRequest" in shown, "no frame of aiohttp was looked at"


@pytest.mark.row(53)
async def test_a_call_that_times_out_in_the_proxy_shows_no_password(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A time-out of our own in mid-CONNECT is an APITimeoutError that shows no password."""
    proxy = await serve(HANG)

    await fault.error(APITimeoutError, connect(ELSEWHERE, proxy=address_of(proxy), timeout=0.3).credits())

    assert proxy.hits == 3
