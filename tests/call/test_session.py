"""The HTTP session: made by us or borrowed, with or without a proxy; its exceptions become ours."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp.http_exceptions import BadHttpMessage

from openrouter_credits import (
    APIConnectionError,
    ApiKey,
    ClientClosedError,
    ConfigurationError,
    CreditsClient,
    OpenRouterError,
    ProxyError,
    RateLimitError,
    RedirectError,
    ServerError,
)
from openrouter_credits._call.session import (
    ConnectionLostError,
    Session,
    borrow_session,
    open_session,
    plain_head,
    translate,
)
from tests.kit.hosts import REQUEST_INFO, TRANSLATIONS, WHERE, caused
from tests.kit.values import KEY, MASK, ONCE, outcome
from tests.kit.wire import CLOSE, FUNDED, bound_socket, reply

if TYPE_CHECKING:
    from tests.kit.wire import Connect, Serve, Step

# Exceptions of aiohttp


OPEN: Any = SimpleNamespace(closed=False)
"""A session that is open."""


@pytest.mark.parametrize(("problem", "kind", "sent", "words"), TRANSLATIONS, ids=lambda item: repr(item)[:50])
def test_an_exception_of_aiohttp_becomes_ours(
    problem: Exception, kind: type[OpenRouterError], sent: bool, words: str
) -> None:
    """An exception of aiohttp becomes one line of the right class of ours, and says if anything was sent."""
    error = translate(problem, 5.0, OPEN)

    assert type(error) is kind
    assert words in str(error)
    assert "secret" not in str(error)
    assert "\n" not in str(error)
    assert not isinstance(error, APIConnectionError) or error.sent is sent


def test_a_time_out_names_the_seconds_of_the_attempt() -> None:
    """The error of a time-out names the seconds that the attempt had, to three digits."""
    assert translate(TimeoutError(), 0.12345, OPEN).summary == (
        "Timed out: there was no whole answer within 0.123 s"
    )


def test_what_a_closed_session_raises_is_a_closed_client() -> None:
    """A RuntimeError of a session that is closed becomes ClientClosedError."""
    closed: Any = SimpleNamespace(closed=True)

    assert isinstance(translate(RuntimeError("Session is closed"), 5.0, closed), ClientClosedError)


@pytest.mark.parametrize(
    ("problem", "summary"),
    [
        (TypeError("odd"), "The session raised TypeError: odd"),
        (KeyError("odd"), "The session raised KeyError: 'odd'"),
        (AssertionError(), "The session raised AssertionError"),
        (StopIteration(7), "The session raised StopIteration: 7"),
        (ExceptionGroup("many", [ValueError()]), "The session raised ExceptionGroup: many (1 sub-exception)"),
        (RuntimeError(f"with {KEY}\x1b"), f"The session raised RuntimeError: with {MASK}"),
    ],
    ids=lambda item: type(item).__name__,
)
def test_any_other_exception_is_the_session_s(problem: Exception, summary: str) -> None:
    """Any other exception becomes a ConfigurationError that names it, without the key, and is final."""
    error = translate(problem, 5.0, OPEN, ApiKey(KEY))

    assert type(error) is ConfigurationError
    assert error.summary == summary
    assert "session that you lend" in error.remedy
    assert not error.is_retryable


def test_an_error_of_ours_stays_what_it_is() -> None:
    """An error of ours that a middleware raises keeps its class and facts, without its frames."""
    with pytest.raises(RateLimitError) as caught:
        raise RateLimitError("Slow down", status=429, retry_after=3.0)

    error = translate(caught.value, 5.0, OPEN)

    assert isinstance(error, RateLimitError)
    assert (error.retry_after, error.__traceback__) == (3.0, None)


class RudeError(Exception):
    """An exception that raises when it is printed, and whose number is none."""

    errno = ("not", ["a number"])

    def __str__(self) -> str:
        raise ValueError


def test_an_exception_that_cannot_be_printed_is_named() -> None:
    """An exception that raises when it is printed is named by its class."""
    assert translate(RudeError(), 5.0, OPEN).summary == "The session raised RudeError"


class SecretiveError(Exception):
    """An exception that raises when its number is read."""

    @property
    def errno(self) -> int:
        """Raise."""
        raise LookupError(KEY)


class BareError(aiohttp.ClientConnectorError):
    """An exception of aiohttp that never learnt where it was to connect to."""

    def __init__(self) -> None:
        Exception.__init__(self, KEY)


@pytest.mark.parametrize(
    "problem", [SecretiveError("odd"), BareError()], ids=lambda item: type(item).__name__
)
def test_an_exception_that_cannot_be_looked_at_is_named(problem: Exception) -> None:
    """An exception that raises when its facts are read is named by its class, without the key."""
    error = translate(problem, 5.0, OPEN, ApiKey(KEY))

    assert type(error) is ConfigurationError
    assert error.summary.startswith(f"The session raised {type(problem).__name__}")
    assert KEY not in str(error)
    assert error.__context__ is None


def test_a_session_that_cannot_tell_whether_it_is_closed_is_open() -> None:
    """A session whose `closed` raises, or is no bool, is taken for open."""

    class Odd:
        @property
        def closed(self) -> bool:
            raise TypeError

    for session in (Odd(), SimpleNamespace(closed=object())):
        assert type(translate(ValueError("odd"), 5.0, session)) is ConfigurationError  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("problem", "summary"),
    [
        (aiohttp.ClientConnectorError(WHERE, OSError()), "Could not connect to x.example:443"),
        (aiohttp.ClientConnectorSSLError(WHERE, OSError()), "The server's identity could not be verified"),
        (
            aiohttp.ClientConnectorDNSError(WHERE._replace(host=KEY), OSError()),
            f"The name {MASK} could not be looked up",
        ),
        (
            aiohttp.ClientConnectorError(WHERE._replace(host=KEY), OSError(KEY)),
            f"Could not connect to {MASK}:443: {MASK}",
        ),
        (
            aiohttp.ClientHttpProxyError(REQUEST_INFO, (), status=KEY),  # type: ignore[arg-type]
            f"The proxy answered {MASK}",
        ),
    ],
    ids=lambda item: str(item)[:30],
)
def test_a_reason_is_told_if_there_is_one(problem: Exception, summary: str) -> None:
    """An error ends without a colon if the exception has no words, and shows a key nowhere."""
    assert translate(problem, 5.0, OPEN, ApiKey(KEY)).summary == summary


def test_a_proxy_that_speaks_no_http_is_the_proxy_s_fault() -> None:
    """An answer to CONNECT that is not HTTP is a ProxyError, and final."""
    info = REQUEST_INFO._replace(method="CONNECT")
    problem = caused(aiohttp.ClientResponseError(info, (), status=400), BadHttpMessage("odd"))

    error = translate(problem, 5.0, OPEN)

    assert type(error) is ProxyError
    assert "not HTTP" in error.summary
    assert not error.is_retryable


def test_an_error_of_ours_loses_the_key() -> None:
    """An error of ours that a middleware makes of a key is scrubbed, with all that belongs to it."""
    inner = ConfigurationError(f"inner {KEY}", remedy=f"Remove {KEY}.")
    problem = RateLimitError(f"Slow {KEY}", status=429, metadata={"a": [KEY]}, request_id=KEY)
    problem.problems = (inner,)

    error = translate(problem, 5.0, OPEN, ApiKey(KEY))

    assert isinstance(error, RateLimitError)
    assert (error.status, error.summary, error.message) == (429, f"429 Slow {MASK}", f"Slow {MASK}")
    assert (error.metadata, error.request_id) == ({"a": [MASK]}, MASK)
    assert KEY not in f"{error} {vars(error)} {error.problems[0]} {vars(error.problems[0])}"
    assert KEY in f"{problem} {vars(problem)}", "the middleware's own error is left alone"


def test_an_error_of_somebody_else_s_class_is_the_session_s() -> None:
    """A subclass of an error of ours is a ConfigurationError: it may hold anything."""

    class OwnError(OpenRouterError):
        def __init__(self) -> None:
            super().__init__("odd")
            self.key = KEY

    error = translate(OwnError(), 5.0, OPEN, ApiKey(KEY))

    assert type(error) is ConfigurationError
    assert error.summary.startswith("The session raised OwnError: odd")
    assert KEY not in f"{vars(error)}"


# What stands in for a response


def test_the_head_of_what_only_looks_like_a_response_is_checked() -> None:
    """The status and headers of what only looks like a response are plain data, or a TypeError."""
    fake = SimpleNamespace(status=503, headers={"Retry-After": 3})

    assert plain_head(fake) == (503, {"Retry-After": "3"})
    for status in ("200", None, Mock()):
        with pytest.raises(TypeError, match="a status is a number"):
            plain_head(SimpleNamespace(status=status, headers={}))


# Our own session


async def test_a_session_of_our_own_shares_nothing_between_keys() -> None:
    """Our own session keeps no cookies and reads no environment, and allows as many connections as asked."""
    session = await open_session(7)

    assert session.keeper is not None
    assert session.loop is asyncio.get_running_loop()
    assert isinstance(session.http.cookie_jar, aiohttp.DummyCookieJar)
    assert not session.http.trust_env
    assert session.http.connector is not None
    assert session.http.connector.limit == await free_slots(session) == 7
    await session.keeper.aclose()


async def test_a_session_of_our_own_is_open_until_its_keeper_closes_it() -> None:
    """Our own session is open until its keeper is closed."""
    session = await open_session(1)
    assert session.keeper is not None
    assert not session.http.closed

    await session.keeper.aclose()

    assert session.http.closed


def test_a_session_of_our_own_ends_with_its_event_loop() -> None:
    """asyncio.run() closes a session of ours that is still open when it ends."""
    session = asyncio.run(open_session(1))

    assert session.http.closed


async def test_a_request_on_a_kept_connection_is_not_sent_again_by_aiohttp(serve: Serve) -> None:
    """A disconnect on a connection that was kept is an error at once: aiohttp would send a GET again."""
    server = await serve(FUNDED, CLOSE)
    session = await open_session(1)
    assert session.keeper is not None
    async with session.http.get(server.url) as response:
        await response.read()

    error = await outcome(session.http.get(server.url).__aenter__())
    await session.keeper.aclose()

    assert type(error) is ConnectionLostError
    assert error.__cause__ is None
    assert (server.hits, server.connections) == (2, 1)


async def test_a_refused_connection_of_our_own_session_keeps_its_class() -> None:
    """A connection that is refused stays aiohttp's ClientConnectorError, which says that nothing was sent."""
    session = await open_session(1)
    assert session.keeper is not None
    with bound_socket() as sock:
        error = await outcome(session.http.get(f"http://127.0.0.1:{sock.getsockname()[1]}").__aenter__())
    await session.keeper.aclose()

    assert isinstance(error, aiohttp.ClientConnectorError)


async def free_slots(session: Session, most: int = 20) -> int:
    """Take slots of a session until none is free; return how many there were, or `most`."""
    for taken in range(most):
        if session.slots.locked():
            return taken
        await session.slots.acquire()
    return most


@pytest.mark.parametrize(("answer", "kind"), [(reply(503), ServerError), (CLOSE, APIConnectionError)])
async def test_a_503_for_ever_is_three_requests(
    answer: Step, kind: type[Exception], serve: Serve, connect: Connect
) -> None:
    """Three attempts are three requests, for refusals and disconnects: aiohttp's own second try is off."""
    server = await serve(answer)

    error = await outcome(connect(server).credits())

    assert type(error) is kind
    assert server.hits == 3


async def test_a_port_without_a_server_refuses(connect: Connect) -> None:
    """A refused connection raises APIConnectionError with the system's own words."""
    with bound_socket() as sock:
        error = await outcome(connect(f"http://127.0.0.1:{sock.getsockname()[1]}", retry=ONCE).credits())

    assert isinstance(error, APIConnectionError)
    assert "Connection refused" in str(error)


# Borrowed sessions


@pytest.mark.parametrize(
    ("connector", "limit"),
    [
        (None, None),
        (SimpleNamespace(limit=3, limit_per_host=0), 3),
        (SimpleNamespace(limit=0, limit_per_host=0), None),
        (SimpleNamespace(limit=100, limit_per_host=2), 2),
        (SimpleNamespace(limit=2, limit_per_host=5), 2),
    ],
)
async def test_a_borrowed_session_s_own_limits_count(connector: object, limit: int | None) -> None:
    """A borrowed session has as many slots as its connector allows connections: none waits in aiohttp."""
    http: Any = SimpleNamespace(connector=connector)

    session = borrow_session(http)

    assert session.http is http
    assert session.keeper is None
    assert await free_slots(session) == (limit or 20)


@pytest.mark.parametrize("problem", [KeyError("odd"), asyncio.CancelledError()], ids=repr)
async def test_a_connector_that_cannot_be_read_has_no_limits(problem: BaseException) -> None:
    """A borrowed session whose connector raises is used without limits of its own."""

    class Odd:
        @property
        def connector(self) -> object:
            raise problem

    assert await free_slots(borrow_session(Odd())) == 20  # type: ignore[arg-type]


async def test_a_borrowed_session_is_used_with_our_settings_and_left_alone(serve: Serve) -> None:
    """A borrowed session is used without its redirects, raising and timers, and stays open and unchanged."""
    server = await serve(reply(302, b"", "Location: /api/v1/elsewhere"))
    async with aiohttp.ClientSession(
        raise_for_status=True, timeout=aiohttp.ClientTimeout(total=1e-9)
    ) as session:
        async with CreditsClient(KEY, base_url=server.url, session=session, retry=ONCE) as client:
            error = await outcome(client.credits())

        assert not session.closed
        assert session.raise_for_status is True
    assert isinstance(error, RedirectError)
    assert server.lines == ["GET /api/v1/credits"]


# Proxies


@pytest.mark.parametrize("how", ["environment", "argument"])
async def test_a_proxy_sees_connect_and_never_the_key(
    how: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy sees CONNECT without the key; its refusal is a ProxyError that hides its password."""
    proxy = await serve(b"HTTP/1.1 407 Who are you?\r\nContent-Length: 0\r\n\r\n")
    url = proxy.url.removesuffix("/api/v1").replace("//", "//me:secret@")
    if how == "environment":
        monkeypatch.setenv("HTTPS_PROXY", url)
    async with CreditsClient(
        KEY, base_url="https://nowhere.invalid", proxy=url if how == "argument" else None, retry=ONCE
    ) as client:
        error = await outcome(client.credits())

    assert type(error) is ProxyError
    assert "The proxy answered 407" in str(error)
    assert "Basic bWU6c2VjcmV0" == proxy.received[0].header("Proxy-Authorization")
    assert "secret" not in f"{error} {vars(error)} {client!r}"
    assert [asked.method for asked in proxy.received] == ["CONNECT"]
    assert KEY not in str(proxy.received)
