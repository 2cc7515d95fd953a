"""Hosts made of plain functions, for batches of thousands of keys in virtual time. All times are in seconds.

Everything between a `CreditsClient` and the wire is the real thing, `close()` and the deadlines of the
transport included; only `send` asks a function instead of a socket. Below them are smaller stand-ins: tries
that follow a script, for `retry()`, and sessions that only look like aiohttp's, for the transport.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import socket
import ssl
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import BadHttpMessage, TransferEncodingError
from attrs import frozen
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from openrouter_credits import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    CreditsClient,
    InvalidResponseError,
    KeyCheck,
    LocalResourceError,
    OpenRouterError,
    ProxyError,
    RetryPolicy,
    TLSError,
)
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.protocol import Reply
from openrouter_credits._call.request import Request
from openrouter_credits._call.retry import retry
from openrouter_credits._call.transport import Transport
from tests.kit.clock import FakeTime

from .clock import now
from .values import KEY

T = TypeVar("T")

# Answers.

NO_ANSWER = None
"""Never answer."""

Answer = Reply | OpenRouterError | None
Host = Callable[[Request, float], Answer]
"""Answers a request; the second argument is the time since the first request."""


def reply(status: int, body: object, **headers: str) -> Reply:
    """Make an answer with a JSON body; `_` in a header's name stands for `-`."""
    return Reply(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()
    )


def credits_of(total: float, usage: float = 0.0) -> Reply:
    """Answer as `/credits` does."""
    return reply(200, {"data": {"total_credits": total, "total_usage": usage}})


def key_of(**fields: object) -> Reply:
    """Answer as `/key` does, for a key without a limit."""
    return reply(
        200, {"data": {"label": "sk-or-v1-...", "usage": 1, "limit": None, "is_free_tier": False, **fields}}
    )


def refusal(status: int, message: str = "No", **headers: str) -> Reply:
    """Refuse as OpenRouter does."""
    return reply(status, {"error": {"code": status, "message": message}}, **headers)


def too_many(seconds: float = 1) -> Reply:
    """Refuse a request as OpenRouter does when its limit is met."""
    return refusal(429, "Rate limit exceeded", Retry_After=str(seconds))


FUNDED = credits_of(100.5, 25.75)
INFO = key_of()
UNAUTHORIZED = refusal(401, "User not found.")
DAILY_CAP = refusal(429, "Rate limit exceeded: free-models-per-day", Retry_After="3")


def sent_key(request: Request) -> str:
    """Return the key that a request carries."""
    key: Any = request.key  # each request of a batch has one
    text: str = key.reveal()
    return text


def healthy(request: Request, _: float) -> Answer:
    """Answer both endpoints well."""
    return FUNDED if request.target == "/credits" else INFO


def fixed_window(limit: int) -> Host:
    """Allow `limit` requests in each second of the clock."""
    passed: Counter[int] = Counter()

    def serve(request: Request, at: float) -> Answer:
        passed[int(at)] += 1
        return healthy(request, at) if passed[int(at)] <= limit else too_many()

    return serve


def sliding_window(limit: int) -> Host:
    """Allow `limit` requests in any second."""
    passed: deque[float] = deque()

    def serve(request: Request, at: float) -> Answer:
        while passed and passed[0] <= at - 1:
            passed.popleft()
        if len(passed) >= limit:
            return too_many()
        passed.append(at)
        return healthy(request, at)

    return serve


def token_bucket(rate: float, burst: float) -> Host:
    """Allow `rate` requests a second, and `burst` at once."""
    tokens, filled_at = burst, 0.0

    def serve(request: Request, at: float) -> Answer:
        nonlocal tokens, filled_at
        tokens, filled_at = min(burst, tokens + (at - filled_at) * rate), at
        if tokens < 1:
            return too_many()
        tokens -= 1
        return healthy(request, at)

    return serve


def dead(until: float, but_for: Host = healthy) -> Host:
    """Refuse every connection until `until` seconds have passed; then behave as another host."""
    return lambda request, at: (
        but_for(request, at) if at >= until else APIConnectionError("Could not connect", sent=False)
    )


def by_key(answers: dict[str, Any], otherwise: Host = healthy) -> Host:
    """Answer the requests of some keys differently: one answer for all paths, or one for each path."""

    def serve(request: Request, at: float) -> Answer:
        answer = answers.get(sent_key(request))
        if isinstance(answer, dict):
            answer = answer.get(request.target)
        return otherwise(request, at) if answer is None else answer

    return serve


# Between a host and the client.


@frozen
class Hit:
    """A request that arrived."""

    at: float
    """Seconds after the first one."""
    path: str
    key: str


class StandIn(Transport):
    """A transport that asks a function.

    Args:
        server: what answers.
        latency: how long an answer takes, or what tells that of a request; half of it passes before the
            server sees the request.
    """

    def __init__(self, server: Host, latency: float | Callable[[Request], float] = 0.05) -> None:
        super().__init__(
            "http://127.0.0.1/api/v1", timeout=10.0, max_connections=100, session=None, proxy=None
        )
        self._server = server
        self._latency = latency if callable(latency) else lambda _: latency
        self._first_at: float | None = None
        self.hits: list[Hit] = []
        self.answers: Counter[int | str] = Counter()
        """How many answers had which status; a failure counts under its class."""
        self.under_way = 0
        self.most_under_way = 0

    def hits_of(self, key: str, path: str | None = None) -> int:
        """Count the requests with a key."""
        return sum(hit.key == key and path in {None, hit.path} for hit in self.hits)

    @property
    def paths(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(hit.path for hit in self.hits)

    async def send(self, request: Request, left: float) -> Reply:
        """Ask the function."""
        session = self._open_session() or await self._make_session()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            with session.deadlines.at(now() + min(left, self._timeout)):
                answer = await self._ask(request)
        except TimeoutError:
            self._require_open()
            raise APITimeoutError("Timed out") from None
        finally:
            self.under_way -= 1
        self.answers[answer.status if isinstance(answer, Reply) else type(answer).__name__] += 1
        if isinstance(answer, Reply):
            return answer
        raise answer

    async def _ask(self, request: Request) -> Reply | OpenRouterError:
        latency = self._latency(request)
        await asyncio.sleep(latency / 2)
        self._first_at = now() if self._first_at is None else self._first_at
        self.hits.append(Hit(now() - self._first_at, request.target, sent_key(request)))
        answer = self._server(request, now() - self._first_at)
        if answer is NO_ANSWER:
            await asyncio.Event().wait()
        assert answer is not None
        await asyncio.sleep(latency / 2)
        return answer


@asynccontextmanager
async def client_of(
    server: Host = healthy,
    latency: float | Callable[[Request], float] = 0.05,
    retry: RetryPolicy | None = None,
) -> AsyncIterator[tuple[CreditsClient, StandIn]]:
    """Open a client that talks to a function, and close it."""
    client = CreditsClient(KEY, base_url="http://127.0.0.1/api/v1")
    wire = StandIn(server, latency)
    client._caller = Caller(wire, retry or RetryPolicy())
    async with client:
        yield client, wire
    assert wire.under_way == 0, "requests are still under way"


async def gathered(checks: AsyncGenerator[KeyCheck, None]) -> list[KeyCheck]:
    """Wait for all outcomes, in their order of arrival."""
    return [check async for check in checks]


async def lazily(keys: Iterable[T], every: float = 0.0) -> AsyncGenerator[T, None]:
    """Give keys as an asynchronous source, with a pause before each."""
    for key in keys:
        await asyncio.sleep(every)
        yield key


def errors_of(checks: Iterable[KeyCheck]) -> Counter[str]:
    """Count the errors of outcomes by their classes."""
    return Counter(type(check.error).__name__ for check in checks if check.error is not None)


def others() -> set[asyncio.Task[Any]]:
    """List all tasks but the current one."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


class Script:
    """An attempt that returns or raises the next of its outcomes, and takes `takes` seconds each time."""

    def __init__(self, time: FakeTime, *outcomes: object, takes: float = 0.0) -> None:
        self._time = time
        self._outcomes = list(outcomes)
        self._takes = takes
        self.left: list[float] = []
        """The seconds that each attempt was given."""

    async def __call__(self, left: float) -> object:
        """Return or raise the next outcome."""
        self.left.append(left)
        self._time.now += self._takes
        if isinstance(self._outcomes[0], BaseException):
            raise self._outcomes.pop(0)  # type: ignore[misc]  # from no local: a traceback would keep it
        return self._outcomes.pop(0)


async def failure(script: Script, time: FakeTime, policy: RetryPolicy, **options: Any) -> OpenRouterError:
    """Return the error that `retry()` raises in the end."""
    with pytest.raises(OpenRouterError) as caught:
        await retry(script, policy, **time.injected(), **options)
    return caught.value


ONE_SLOT = SimpleNamespace(limit=1, limit_per_host=0)
"""The limits of a connector that keeps one connection."""
REQUEST_INFO = aiohttp.RequestInfo(
    URL("https://x.example"), "GET", CIMultiDictProxy(CIMultiDict()), URL("https://x.example")
)
WHERE = ConnectionKey("x.example", 443, True, True, None, None, None)


def caused(error: Exception, cause: Exception) -> Exception:
    """Chain a cause, as aiohttp does."""
    error.__cause__ = cause
    return error


def oserror(number: int) -> OSError:
    """Make an exception of the operating system."""
    return OSError(number, "the system's message")


TRANSLATIONS: list[tuple[Exception, type[OpenRouterError], bool, str]] = [
    (
        aiohttp.ClientConnectorCertificateError(WHERE, ssl.SSLCertVerificationError("self-signed")),
        TLSError,
        False,
        "self-signed",
    ),
    (
        aiohttp.ClientConnectorSSLError(WHERE, ssl.SSLError(1, "wrong version number")),
        TLSError,
        False,
        "wrong version",
    ),
    (aiohttp.ServerFingerprintMismatch(b"a", b"b", "x.example", 443), TLSError, False, "identity"),
    (ssl.SSLError(1, "bad record"), TLSError, False, "bad record"),
    (aiohttp.ClientConnectorError(WHERE, oserror(errno.EMFILE)), LocalResourceError, False, "open files"),
    (aiohttp.ClientConnectorError(WHERE, oserror(errno.ENFILE)), LocalResourceError, False, "open files"),
    (aiohttp.ClientOSError(errno.EMFILE, "Too many open files"), LocalResourceError, False, "open files"),
    (
        aiohttp.ClientConnectorDNSError(WHERE, socket.gaierror(-2, "Name not known")),
        APIConnectionError,
        False,
        "x.example",
    ),
    (
        aiohttp.ClientConnectorError(WHERE, oserror(errno.ECONNREFUSED)),
        APIConnectionError,
        False,
        "Connection refused",
    ),
    (
        aiohttp.ClientProxyConnectionError(WHERE, oserror(errno.ECONNREFUSED)),
        APIConnectionError,
        False,
        "the proxy x.example:443: Connection refused",
    ),
    (
        aiohttp.ClientConnectorError(WHERE, OSError("without a number")),
        APIConnectionError,
        False,
        "without a number",
    ),
    (aiohttp.ServerDisconnectedError(), APIConnectionError, True, "lost"),
    (ConnectionResetError(errno.ECONNRESET, "reset"), APIConnectionError, True, "lost"),
    (aiohttp.ClientPayloadError("cut"), APIConnectionError, True, "middle"),
    (aiohttp.ServerTimeoutError("slow"), APITimeoutError, True, "Timed out"),
    (TimeoutError(), APITimeoutError, True, "Timed out"),
    (
        aiohttp.ClientHttpProxyError(REQUEST_INFO, (), status=407, message="secret"),
        ProxyError,
        False,
        "The proxy answered 407",
    ),
    (
        caused(aiohttp.ClientResponseError(REQUEST_INFO, (), status=400), BadHttpMessage("odd")),
        InvalidResponseError,
        True,
        "not HTTP",
    ),
    (
        caused(
            aiohttp.ClientResponseError(REQUEST_INFO, (), status=400),
            caused(BadHttpMessage("odd"), TransferEncodingError("cut")),
        ),
        APIConnectionError,
        True,
        "cut or garbled",
    ),
    (aiohttp.InvalidURL("https://user:secret@x"), ConfigurationError, True, "URL"),
    (aiohttp.NonHttpUrlClientError("ftp://secret"), ConfigurationError, True, "URL"),
    (ValueError("odd header"), ConfigurationError, True, "odd header"),
    (RuntimeError("odd session"), ConfigurationError, True, "odd session"),
]


class RaisingSession:
    """A borrowed session whose every request raises; `isinstance` takes it for aiohttp's."""

    __class__ = aiohttp.ClientSession  # type: ignore[assignment]  # aiohttp warns of subclasses
    closed = False

    def __init__(self, problem: BaseException, *, connector: object = None) -> None:
        self.problem = problem
        self.connector = connector

    @contextlib.asynccontextmanager
    async def request(self, *_: object, **__: object) -> AsyncIterator[object]:
        """Raise when it is entered."""
        yield raises(self.problem)


def raises(problem: BaseException) -> object:
    """Raise an exception where an expression is wanted."""
    raise problem


class InFlight:
    """A session that counts the requests under way, and holds them until `go` is set."""

    __class__ = aiohttp.ClientSession  # type: ignore[assignment]  # as isinstance() sees it
    closed = False

    def __init__(self, connector: object) -> None:
        self.connector = connector
        self.now = 0
        self.seen = 0
        self.go = asyncio.Event()

    @contextlib.asynccontextmanager
    async def request(self, *_: object, **__: object) -> AsyncIterator[object]:
        """Wait, and lose the connection."""
        self.seen += 1
        self.now += 1
        await self.go.wait()
        self.now -= 1
        yield raises(aiohttp.ServerDisconnectedError())
