"""Proxies, `.netrc`, cookies and hostile addresses neither replace the key nor lead it elsewhere."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock, MagicMock, Mock, NonCallableMagicMock, create_autospec

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from openrouter_credits import (
    APIConnectionError,
    ConfigurationError,
    CreditsClient,
    InvalidKeyError,
    ProxyError,
    RateLimitError,
)
from tests.kit.values import KEY, OTHER_KEY, sample
from tests.kit.wire import FUNDED, Connect, Serve, bound_socket, reply

if TYPE_CHECKING:
    from pathlib import Path

    from ._sinks import Watch

PASSWORD = "the-proxys-own-password"
ELSEWHERE = "https://openrouter.invalid/api/v1"


@pytest.fixture
def with_password(fault: Watch) -> str:
    """Make the proxy's password one of the secrets that no sink may show; return the proxy's userinfo."""
    fault.secrets |= {PASSWORD, base64.b64encode(f"someone:{PASSWORD}".encode()).decode()}
    return f"someone:{PASSWORD}@"


@pytest.mark.row(36)
async def test_a_netrc_entry_does_not_replace_the_key(
    serve: Serve, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The default entry of a `.netrc` does not replace the client's bearer."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    server = await serve(FUNDED)

    await fault.value(connect(server).credits())
    async with aiohttp.ClientSession() as session:
        await fault.value(connect(server, session=session).credits())

    assert [asked.header("Authorization") for asked in server.received] == [f"Bearer {KEY}"] * 2


@pytest.mark.row(36)
async def test_a_proxy_of_the_environment_never_sees_a_plain_request(
    serve: Serve, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain http request goes to loopback directly: no proxy of the environment sees its bearer."""
    proxy, server = await serve(FUNDED), await serve(FUNDED)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)

    await fault.value(connect(server).credits())

    assert (server.hits, proxy.hits) == (1, 0)


@pytest.mark.row(36)
@pytest.mark.parametrize("is_in_environment", [False, True], ids=["argument", "environment"])
async def test_a_proxy_that_wants_a_password_is_a_connection_error(
    is_in_environment: bool,
    with_password: str,
    serve: Serve,
    connect: Connect,
    fault: Watch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy's 407 is a ProxyError; the proxy sees no bearer, and its password shows nowhere."""
    proxy = await serve(reply(407, b"", 'Proxy-Authenticate: Basic realm="x"'))
    url = f"http://{with_password}127.0.0.1:{proxy.port}"
    if is_in_environment:
        monkeypatch.setenv("HTTPS_PROXY", url)
        client = connect(ELSEWHERE)
    else:
        client = connect(ELSEWHERE, proxy=url)

    error = await fault.error(ProxyError, client.credits())

    assert "proxy answered 407" in str(error)
    assert proxy.hits == 1
    assert all(
        asked.method == "CONNECT" and asked.header("Authorization") is None for asked in proxy.received
    )
    assert (
        proxy.received[0].header("Proxy-Authorization")
        == "Basic " + base64.b64encode(f"someone:{PASSWORD}".encode()).decode()
    )
    await fault.value(_shown(client))


async def _shown(client: CreditsClient) -> str:
    return repr(client) + repr(vars(client))


@pytest.mark.row(36)
async def test_a_proxy_that_refuses_connections_is_a_connection_error(
    with_password: str, connect: Connect, fault: Watch
) -> None:
    """A proxy that refuses connections is a connection error that does not show the proxy's password."""
    with bound_socket() as sock:
        client = connect(ELSEWHERE, proxy=f"http://{with_password}127.0.0.1:{sock.getsockname()[1]}")

        await fault.error(APIConnectionError, client.credits())


@pytest.mark.row(36)
async def test_no_proxy_excludes_a_host(
    serve: Serve, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that `NO_PROXY` names is reached directly, not through the proxy."""
    proxy = await serve(reply(502, b""))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")

    with bound_socket() as sock:
        await fault.error(APIConnectionError, connect(f"https://127.0.0.1:{sock.getsockname()[1]}").credits())

    assert proxy.hits == 0


@pytest.mark.row(36)
async def test_a_mistake_beside_a_proxy_does_not_show_its_password(
    with_password: str, serve: Serve, fault: Watch
) -> None:
    """A wrong argument beside a proxy raises an error that shows neither the proxy's password nor the key."""
    server = await serve(FUNDED)
    proxy = f"http://{with_password}127.0.0.1:1"

    await fault.refusal(ConfigurationError, lambda: CreditsClient(KEY, base_url=server.url, proxy=proxy))
    await fault.refusal(InvalidKeyError, lambda: CreditsClient("", base_url=ELSEWHERE, proxy=proxy))
    await fault.refusal(
        ConfigurationError,
        lambda: CreditsClient(KEY, base_url=f"https://{with_password}openrouter.invalid", proxy=proxy),
    )
    await fault.refusal(ValueError, lambda: CreditsClient(KEY, base_url=ELSEWHERE, proxy=proxy, timeout=-1))
    await fault.refusal(
        ValueError, lambda: CreditsClient(KEY, base_url=ELSEWHERE, proxy=proxy, max_connections=0)
    )
    async with aiohttp.ClientSession() as session:
        await fault.refusal(
            TypeError, lambda: CreditsClient(KEY, base_url=ELSEWHERE, proxy=proxy, session=session)
        )

    assert server.hits == 0


@pytest.mark.row(37)
async def test_a_cookie_of_one_key_is_not_sent_with_another(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A cookie that a reply sets is not sent again, neither with another key nor with the same one."""
    server = await serve(reply(200, sample("credits-spec"), "Set-Cookie: account=first; Path=/"))
    # a host name, since aiohttp's cookie jar ignores cookies of IP addresses
    client = connect(server.url.replace("127.0.0.1", "localhost"), max_connections=1)
    other = client.with_key(OTHER_KEY)

    for each in (client, other, client):
        await fault.value(each.credits())
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            await (await session.get(server.url.replace("127.0.0.1", "localhost"))).read()

    assert [asked.header("Cookie") for asked in server.received[:3]] == [None] * 3
    assert [asked.header("Authorization") for asked in server.received[:3]] == [
        f"Bearer {key}" for key in (KEY, OTHER_KEY, KEY)
    ]
    assert server.received[4].header("Cookie") == "account=first", (
        "aiohttp alone does not send this cookie back, so that the test shows nothing"
    )


@pytest.mark.row(38)
@pytest.mark.parametrize(
    "url",
    [
        "http://openrouter.ai/api/v1",
        "http://evil.example#localhost",
        "http://[::ffff:8.8.8.8]/",
        "https://someone:PASSWORD@openrouter.ai/",
        "http://127.0.0.1:PASSWORD@evil.example/",
        "https://evil\u2028.example/",
    ],
)
async def test_a_base_url_that_no_key_should_be_sent_to_is_refused(
    url: str, fault: Watch, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base URL with userinfo, or http to another machine, is refused by an error that does not quote it."""
    url = url.replace("PASSWORD", PASSWORD)
    fault.secrets.add(PASSWORD)

    await fault.refusal(ConfigurationError, lambda: connect(url))
    monkeypatch.setenv("OPENROUTER_BASE_URL", url)
    await fault.refusal(ConfigurationError, lambda: CreditsClient(KEY))


@pytest.mark.row(72)
@pytest.mark.parametrize(
    "host",
    [
        *("xn--a.com", "xn--", "a..b", ".", "[::1", "[::1]x", "[evil]", "a,b", "evil%2eexample"),
        *("a" * 64, "a." * 130 + "b", "evil\u2100.example", "\u00fc" * 60, "a\xadb", "a\x1bb"),
        *("x:99999", "x:0", "x:-1", "x:\u0663", "x:port"),
        *("127.1", "256.256.256.256", "1.2.3", "0x7f.1", "2130706433", "\uff11\uff12\uff17.1", "1\u30022"),
    ],
    ids=ascii,
)
async def test_a_base_url_that_cannot_be_looked_up_is_refused_when_the_client_is_made(
    host: str, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that no name look-up takes is a ConfigurationError, never a UnicodeError, wherever it is set."""
    url = f"https://{host}"

    await fault.refusal(ConfigurationError, lambda: CreditsClient(KEY, base_url=url))
    monkeypatch.setenv("OPENROUTER_BASE_URL", url)
    error = await fault.refusal(ConfigurationError, lambda: CreditsClient(KEY))

    assert "OPENROUTER_BASE_URL" in str(error) or host == "a\xadb"


@pytest.mark.row(72)
@pytest.mark.parametrize("host", ["b\u00fccher.invalid", "xn--bcher-kva.invalid", "my_host.invalid."])
async def test_a_name_of_any_language_is_looked_up(
    host: str, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host name in any script is accepted, and looked up in its ASCII form."""
    asked: list[str] = []

    def getaddrinfo(name: str, *_: object, **__: object) -> Any:
        asked.append(name)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    await fault.error(APIConnectionError, connect(f"https://{host}/api/v1").credits())

    assert len(asked) == 3
    assert all(name.isascii() for name in asked)


class _Raising(AbstractResolver):
    """A resolver with a mistake in it."""

    def __init__(self, problem: BaseException) -> None:
        self._problem = problem

    async def resolve(self, *_: object, **__: object) -> list[ResolveResult]:
        raise self._problem

    async def close(self) -> None:
        pass


PROBLEMS = [
    *(TypeError("odd"), KeyError("odd"), AttributeError("odd"), AssertionError("odd"), StopIteration("odd")),
    *(RuntimeError("odd"), ValueError("odd"), LookupError("odd"), NotImplementedError("odd")),
    *(ExceptionGroup("odd", [TypeError()]), UnicodeError("odd"), ArithmeticError(f"odd {KEY}")),
]


@asynccontextmanager
async def lent(where: str, problem: Exception) -> AsyncIterator[aiohttp.ClientSession]:
    """Lend a session that raises in its resolver, in a middleware or in a trace."""

    async def middleware(request: aiohttp.ClientRequest, handler: Any) -> Any:
        raise problem

    async def trace(*_: object) -> None:
        raise problem

    config = aiohttp.TraceConfig()
    config.on_request_start.append(trace)
    options: dict[str, dict[str, Any]] = {
        "resolver": {"connector": aiohttp.TCPConnector(resolver=_Raising(problem))},
        "middleware": {"middlewares": (middleware,)},
        "trace": {"trace_configs": [config]},
    }
    async with aiohttp.ClientSession(**options[where]) as session:
        yield session


@pytest.mark.row(70)
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: type(problem).__name__)
@pytest.mark.parametrize("where", ["resolver", "middleware", "trace"])
async def test_whatever_a_session_raises_is_an_error_of_ours(
    where: str, problem: Exception, connect: Connect, fault: Watch
) -> None:
    """An exception of a borrowed session is one of ours with its name, once, and one outcome for each key."""
    async with lent(where, problem) as session:
        client = connect(ELSEWHERE, session=session)
        error = (await fault(client.credits())).error
        checks = [check async for check in client.check_keys({"one": KEY, "two": OTHER_KEY})]

    assert isinstance(error, ConfigurationError)
    assert type(problem).__name__ in str(error)
    assert len(error.attempts) == 1
    assert [type(check.error) for check in checks] == [ConfigurationError] * 2


class _Ending:
    """A session whose `request` raises before it returns anything."""

    __class__ = aiohttp.ClientSession  # type: ignore[assignment]  # aiohttp warns of subclasses
    closed = False
    connector = None

    def request(self, *_: object, **__: object) -> Any:
        raise asyncio.CancelledError


async def _cancelled() -> None:
    """Await a task that somebody has cancelled."""
    task = asyncio.ensure_future(asyncio.sleep(9))
    task.cancel()
    await task


@asynccontextmanager
async def ending(where: str, kind: type[BaseException]) -> AsyncIterator[aiohttp.ClientSession]:
    """Lend a session in which every third request meets an end that nobody asked for."""
    count = 0

    async def end(*_: object) -> None:
        nonlocal count
        count += 1
        if count % 3 == 0:
            if where == "another task":
                await _cancelled()
            raise kind

    async def middleware(request: aiohttp.ClientRequest, handler: Any) -> Any:
        await end()
        return await handler(request)

    class Resolving(AbstractResolver):
        async def resolve(self, *arguments: Any, **options: Any) -> Any:
            await end()
            return await aiohttp.ThreadedResolver().resolve(*arguments, **options)

        async def close(self) -> None:
            pass

    config = aiohttp.TraceConfig()
    config.on_request_end.append(end)
    options: dict[str, dict[str, Any]] = {
        "middleware": {"middlewares": (middleware,)},
        "another task": {"middlewares": (middleware,)},
        "trace": {"trace_configs": [config]},
        "resolver": {
            "connector": aiohttp.TCPConnector(
                resolver=Resolving(), use_dns_cache=False, force_close=True, limit=1
            )
        },
    }
    async with aiohttp.ClientSession(**options[where]) as session:
        yield session


@pytest.mark.row(70)
@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit])
@pytest.mark.parametrize("where", ["middleware", "another task", "trace", "resolver"])
@pytest.mark.parametrize("concurrency", [1, 32])
async def test_an_end_that_nobody_asked_for_costs_one_key(
    concurrency: int, where: str, kind: type[BaseException], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A CancelledError out of a session in a batch that nobody cancelled is the outcome of its key alone."""
    server = await serve(FUNDED)
    url = server.url.replace("127.0.0.1", "localhost")
    keys = [f"{KEY[:-2]}{number}" for number in range(10, 22)]
    async with ending(where, kind) as session:
        client = connect(url, session=session)
        report = await fault.value(client.check_all(keys, concurrency=concurrency, read=("credits",)))

    errors = [check.error for check in report.checks if check.error is not None]
    assert len(report.checks) == 12
    assert len(errors) == 4
    assert {type(error) for error in errors} == {ConfigurationError}
    assert all("The session raised" in str(error) for error in errors)


@pytest.mark.row(70)
async def test_a_request_that_raises_at_once_is_an_error_of_ours(connect: Connect, fault: Watch) -> None:
    """A CancelledError out of the plain function `request()` is an error of ours."""
    await fault.error(ConfigurationError, connect(ELSEWHERE, session=_Ending()).credits())


MOCKS: dict[str, Callable[[], Any]] = {
    "Mock": lambda: Mock(spec=aiohttp.ClientSession),
    "MagicMock": lambda: MagicMock(spec=aiohttp.ClientSession),
    "create_autospec": lambda: create_autospec(aiohttp.ClientSession, instance=True),
    "AsyncMock": lambda: AsyncMock(spec=aiohttp.ClientSession),
    "NonCallableMagicMock": lambda: NonCallableMagicMock(spec=aiohttp.ClientSession),
}


@pytest.mark.row(70)
@pytest.mark.parametrize("make", MOCKS.values(), ids=MOCKS)
async def test_a_mock_that_was_told_nothing_is_an_error_of_ours(
    make: Callable[[], Any], connect: Connect, fault: Watch
) -> None:
    """A mock of a session that gives other mocks as answers is a ConfigurationError, for each key."""
    client = connect(ELSEWHERE, session=make())

    await fault.error(ConfigurationError, client.credits())
    report = await fault.value(client.check_all([KEY, OTHER_KEY]))

    assert [type(check.error) for check in report.checks] == [ConfigurationError] * 2


@pytest.mark.row(70)
@pytest.mark.parametrize("status", [200, 429])
async def test_a_mock_that_was_told_what_to_answer_works(status: int, connect: Connect, fault: Watch) -> None:
    """A mock of a session may give an answer, whose headers may be a plain dictionary."""
    session = MagicMock(spec=aiohttp.ClientSession)
    response = session.request.return_value.__aenter__.return_value
    response.status, response.headers = status, {"Retry-After": 1000}
    response.content = Mock()
    response.content.at_eof.side_effect = [False, True]
    response.content.readany = AsyncMock(return_value=sample("credits-spec"))

    outcome = await fault(connect(ELSEWHERE, session=session).credits())

    if status == 200:
        assert outcome.value is not None
        assert outcome.value.total_credits > 0
    else:
        assert isinstance(outcome.error, RateLimitError)
        assert outcome.error.retry_after == 1000


@pytest.mark.row(70)
@pytest.mark.parametrize(
    "session", [object(), "session", aiohttp.ClientSession, SimpleNamespace(request=print)]
)
async def test_what_is_no_session_is_refused_when_the_client_is_made(session: Any, fault: Watch) -> None:
    """Anything but an aiohttp.ClientSession as `session` is a TypeError at once."""
    await fault.refusal(TypeError, lambda: CreditsClient(KEY, base_url=ELSEWHERE, session=session))


@pytest.mark.row(38)
@pytest.mark.parametrize(
    ("url", "target"),
    [("http://127.0.0.1:{port}", "/credits"), ("http://localhost:{port}/api/v1/", "/api/v1/credits")],
)
async def test_a_base_url_on_this_machine_is_accepted(
    url: str, target: str, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """An http base URL on loopback is accepted, with or without a path."""
    server = await serve(FUNDED)

    await fault.value(connect(url.format(port=server.port)).credits())

    assert server.received[0].target == target


@pytest.mark.row(38)
@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("", "//evil/x"),
        ("", "@evil/x"),
        ("/api/v1", "/../x"),
        ("/api/v1", "/%2e%2e/x"),
        ("/api/v1", "/x\r\nHost: evil"),
    ],
)
async def test_a_path_that_could_lead_elsewhere_is_refused(
    path: str, base: str, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A path that leads to another host, or out of the base URL, raises ValueError, and nothing is sent."""
    server = await serve(FUNDED)
    client = connect(f"http://127.0.0.1:{server.port}{base}")

    for method in ("GET", "POST"):
        await fault.error(ValueError, client.request(method, path, into=dict))

    assert server.connections == 0
