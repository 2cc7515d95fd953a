"""The one module that talks to aiohttp: a request goes out once, plain data or one of our errors comes back.

No exception of aiohttp leaves this module, and none is chained to ours: theirs hold the request, and with it the key.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import os
import ssl
import warnings
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeVar
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # not in the stubs

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError, PayloadEncodingError
from attrs import frozen
from yarl import URL

from openrouter_credits._call.deadlines import Deadlines
from openrouter_credits._call.protocol import Reply, Request
from openrouter_credits._call.retry import MIN_ATTEMPT_TIME
from openrouter_credits._errors import (
    APIConnectionError,
    APITimeoutError,
    ClientClosedError,
    ConfigurationError,
    InvalidResponseError,
    LocalResourceError,
    OpenRouterError,
    ResponseTooLargeError,
    TLSError,
)
from openrouter_credits._secrets import HiddenUrl, quote

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

T = TypeVar("T")

logger = logging.getLogger("openrouter_credits")
logger.addHandler(logging.NullHandler())

_LARGEST_BODY = 1 << 20
_LARGEST_REFUSAL = 1 << 16
# aiohttp rounds timers over 5 s up to whole seconds and takes 0 for "none": ours are exact, so all of its own are off.
_NO_TIMERS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


class _ConnectionLost(aiohttp.ClientError):
    """A disconnect, under a name that aiohttp does not answer by sending the request again."""

    def __init__(self, number: int | None) -> None:
        super().__init__()
        self.errno = number


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp (3.14) from resending GET, PUT and DELETE by itself after a disconnect: retries are ours to count."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as lost:
        raise _ConnectionLost(getattr(lost, "errno", None)) from None


async def _keep_session(limit: int) -> AsyncGenerator[aiohttp.ClientSession, None]:
    """Hold a session open; as an asynchronous generator it is closed by its event loop too, when `asyncio.run` shuts that down."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limit),
        cookie_jar=aiohttp.DummyCookieJar(),  # or a cookie set for one key would be sent with another
        middlewares=(_send_once,),
        trust_env=False,  # or a .netrc entry, or http_proxy, would get between us and the server
    )
    try:
        yield session
    finally:
        await session.close()


@frozen(eq=False)
class _Bound:
    """What belongs to one event loop."""

    loop: asyncio.AbstractEventLoop
    session: aiohttp.ClientSession
    keeper: AsyncGenerator[aiohttp.ClientSession, None] | None
    slots: asyncio.Semaphore
    deadlines: Deadlines


def proxy_from_environment(base_url: str) -> str | None:
    """Read HTTPS_PROXY and NO_PROXY; for https only, where the proxy sees CONNECT and never the key."""
    url = URL(base_url)
    if url.scheme != "https" or proxy_bypass_environment(f"{url.host}:{url.port}"):
        return None
    proxy = getproxies_environment().get("https")
    return proxy and HiddenUrl(proxy)


class Transport:
    """Owns one `aiohttp.ClientSession`, or borrows one; sends one request once."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float,
        max_connections: int,
        session: aiohttp.ClientSession | None,
        proxy: str | None,
    ) -> None:
        if session is not None and not callable(getattr(session, "request", None)):
            raise TypeError(f"session is an aiohttp.ClientSession, not {type(session).__name__}")
        self.base_url = base_url
        self._timeout = timeout
        self._max_connections = max_connections
        self._borrowed = session
        self._proxy = proxy
        self._bound: _Bound | None = None
        self._closed = False

    async def send(self, request: Request, left: float) -> Reply:
        """Send a request once, and read the whole answer.

        Args:
            request: what to send.
            left: the seconds until the call's deadline; waiting for a connection is charged to it, but not to the attempt's own time-out.

        Raises:
            OpenRouterError: there is no answer; never because of what the answer says.
            ValueError: the request would leave the base URL.
        """
        url = _join(self.base_url, request.target)
        bound = self._bind() or await self._open()
        began = bound.loop.time()
        outcome = await self._exchange(bound, request, url, left)
        if logger.isEnabledFor(logging.DEBUG):
            told = outcome.status if isinstance(outcome, Reply) else type(outcome).__name__
            milliseconds = (bound.loop.time() - began) * 1000
            logger.debug(
                "%s %s key=%s: %s in %.0f ms", request.method, url.raw_path, request.key, told, milliseconds
            )
        if isinstance(outcome, Reply):
            return outcome
        raise outcome  # from here, where no local shows what came from aiohttp or the server

    async def sleep(self, seconds: float) -> None:
        """Sleep, unless the client is closed meanwhile.

        Raises:
            ClientClosedError: it was.
        """
        await self.unless_closed(partial(asyncio.sleep, seconds))

    async def unless_closed(self, wait: Callable[[], Awaitable[T]]) -> T:
        """Await what `wait` gives, unless the client is closed meanwhile.

        Raises:
            ClientClosedError: it was.
        """
        bound = self._bind() or await self._open()
        try:
            with bound.deadlines.at(math.inf):
                return await wait()
        except TimeoutError:
            if not self._closed:
                raise
        raise ClientClosedError("The client was closed during the call")

    async def close(self) -> None:
        """End every call under way with `ClientClosedError`, and close the session if it is ours."""
        self._closed = True
        bound, self._bound = self._bound, None
        if bound is None or bound.loop.is_closed():
            return
        bound.deadlines.call_all()
        if bound.keeper is not None:
            await bound.keeper.aclose()

    def __del__(self) -> None:
        bound = getattr(self, "_bound", None)
        if bound is not None and bound.keeper is not None:
            warnings.warn(
                "a CreditsClient was never closed: use `async with`, or await its close()",
                ResourceWarning,
                source=self,
                stacklevel=1,
            )

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosedError("The client is closed")

    def _bind(self) -> _Bound | None:
        """Find what belongs to the running loop; `None` if it has to be made."""
        self._check_open()
        if self._bound is None or self._bound.loop is asyncio.get_running_loop():
            return self._bound
        if not self._bound.loop.is_closed():
            raise ConfigurationError("The client belongs to another event loop, which is still running")
        self._bound = None
        return None

    async def _open(self) -> _Bound:
        keeper = None
        if self._borrowed is None:
            limit = self._max_connections
            keeper = _keep_session(limit)
            session = await anext(keeper)
        else:
            session = self._borrowed
            connector = session.connector
            limits = (connector.limit, connector.limit_per_host) if connector is not None else ()
            limit = min(filter(None, limits), default=1_000_000)
        loop = asyncio.get_running_loop()
        self._bound = _Bound(loop, session, keeper, asyncio.Semaphore(limit), Deadlines(loop))
        return self._bound

    async def _exchange(
        self, bound: _Bound, request: Request, url: URL, left: float
    ) -> Reply | OpenRouterError:
        now = bound.loop.time
        ends = now() + left
        was_queued = bound.slots.locked()
        may_be_sent = False
        status, body = 0, bytearray()
        headers: Mapping[str, str] = {}
        largest = _LARGEST_BODY
        try:
            with bound.deadlines.at(ends if was_queued else min(ends, now() + self._timeout)) as deadline:
                await bound.slots.acquire()
                try:
                    if was_queued:
                        deadline.move(min(ends, now() + self._timeout))
                    self._check_open()
                    if ends - now() < MIN_ATTEMPT_TIME:
                        raise TimeoutError
                    may_be_sent = True
                    async with bound.session.request(
                        request.method,
                        url,
                        data=request.body,
                        headers=request.headers,
                        allow_redirects=False,
                        raise_for_status=False,
                        auto_decompress=True,
                        timeout=_NO_TIMERS,
                        proxy=self._proxy,
                    ) as response:
                        status, headers = response.status, response.headers
                        if not 200 <= status < 300:
                            largest = _LARGEST_REFUSAL
                        content = response.content
                        while not content.at_eof() and len(body) <= largest:
                            body += await content.readany()
                finally:
                    bound.slots.release()
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError, ClientClosedError) as problem:
            if self._closed:
                return ClientClosedError("The client was closed during the call")
            if status == 0 or 200 <= status < 300:
                if isinstance(problem, TimeoutError) and not may_be_sent:
                    return _unsent(left, was_queued=was_queued)
                return _translate(problem, min(left, self._timeout), bound.session)
        if 200 <= status < 300 and len(body) > largest:
            return ResponseTooLargeError(f"{status}, but the body is over {largest} bytes")
        return Reply(status, headers, bytes(body))


@lru_cache(maxsize=256)
def _join(base_url: str, target: str) -> URL:
    """Put a request's target under the base URL, and look once more that it stays there.

    Raises:
        ValueError: it would not.
    """
    base, url = URL(base_url), URL(base_url + target)
    if url.origin() != base.origin() or not url.raw_path.startswith(base.raw_path.rstrip("/") + "/"):
        raise ValueError("the path leads away from base_url")
    return url


def _unsent(left: float, *, was_queued: bool) -> APITimeoutError:
    """Make the error of a call whose deadline came before anything was sent."""
    seconds = f"{max(0.0, left):.3g} s"
    if was_queued:
        return APITimeoutError(f"Timed out: no connection was free in time ({seconds})", sent=False)
    return APITimeoutError(f"Timed out: {seconds} are too little to send a request", sent=False)


def _translate(problem: Exception, seconds: float, session: aiohttp.ClientSession) -> OpenRouterError:
    """Say in our errors what aiohttp says in its own."""
    if {getattr(problem, "errno", None), getattr(getattr(problem, "os_error", None), "errno", None)} & {
        errno.EMFILE,
        errno.ENFILE,
    }:
        return LocalResourceError("This process has too many open files", sent=False)
    match problem:
        case TimeoutError():
            return APITimeoutError(f"Timed out: there was no whole answer within {seconds:.3g} s")
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch() | ssl.SSLError():
            reason = (
                getattr(problem, "certificate_error", None) or getattr(problem, "os_error", None) or problem
            )
            return TLSError(
                f"The server's identity could not be verified: {quote(str(reason), None)}", sent=False
            )
        case aiohttp.ClientConnectorDNSError():
            return APIConnectionError(f"The name {problem.host} could not be looked up", sent=False)
        case aiohttp.ClientConnectorError():
            told = (
                os.strerror(problem.os_error.errno)
                if problem.os_error.errno
                else quote(str(problem.os_error), None)
            )
            return APIConnectionError(
                f"Could not connect to {problem.host}:{problem.port}: {told}", sent=False
            )
        case aiohttp.ClientHttpProxyError():
            return APIConnectionError(f"The proxy answered {problem.status}", sent=False)
        case aiohttp.ClientResponseError(__cause__=HttpProcessingError(__cause__=PayloadEncodingError())):
            return APIConnectionError("The answer's body was cut or garbled on its way")
        case aiohttp.ClientResponseError(__cause__=HttpProcessingError()):
            return InvalidResponseError("The answer is not HTTP, or breaks a limit of it")
        case aiohttp.ClientPayloadError():
            return APIConnectionError("The connection was lost in the middle of the answer")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return ConfigurationError("aiohttp does not accept the URL of base_url or proxy")
        case aiohttp.ClientError() | OSError():
            return APIConnectionError("The connection was lost before the answer")
        case _ if session.closed:
            return ClientClosedError("The session is closed")
        case _:
            return ConfigurationError(f"The session cannot send this: {quote(str(problem), None)}")
