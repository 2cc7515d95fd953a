"""The HTTP session, made by us or borrowed; what belongs to the same event loop; what its exceptions mean."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from collections.abc import AsyncGenerator

# the stubs do not have the second one
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

import aiohttp
from aiohttp import ClientSession as ClientSession  # noqa: PLC0414 - the client annotates with it
from aiohttp.http_exceptions import HttpProcessingError, PayloadEncodingError
from attrs import frozen
from yarl import URL

from openrouter_credits._call.deadlines import Deadlines
from openrouter_credits._call.resolver import Resolver
from openrouter_credits._errors import (
    APIConnectionError,
    APITimeoutError,
    ClientClosedError,
    ConfigurationError,
    InvalidResponseError,
    LocalResourceError,
    OpenRouterError,
    TLSError,
)
from openrouter_credits._secrets import HiddenUrl
from openrouter_credits._words import quote

_TOO_MANY_FILES = frozenset({errno.EMFILE, errno.ENFILE})


class ConnectionLostError(aiohttp.ClientError):
    """A disconnect under a name of our own: aiohttp does not send the request again after it."""

    def __init__(self, number: int | None) -> None:
        super().__init__()
        self.errno = number


@frozen(eq=False)
class Session:
    """A session, and what belongs to the same event loop."""

    loop: asyncio.AbstractEventLoop
    http: ClientSession
    keeper: AsyncGenerator[ClientSession, None] | None
    """Holds `http` open; `None` if it is borrowed."""
    slots: asyncio.Semaphore
    """As many as connections are allowed."""
    deadlines: Deadlines


async def open_session(max_connections: int) -> Session:
    """Make a session of our own on the running event loop."""
    keeper = _keep(max_connections)
    http = await anext(keeper)
    loop = asyncio.get_running_loop()
    return Session(loop, http, keeper, asyncio.Semaphore(max_connections), Deadlines(loop))


def borrow_session(http: ClientSession) -> Session:
    """Use a session of the caller's, which has its own limits, on the running event loop."""
    connector = http.connector
    limits = (connector.limit, connector.limit_per_host) if connector is not None else ()
    slots = asyncio.Semaphore(min(filter(None, limits), default=1_000_000))
    loop = asyncio.get_running_loop()
    return Session(loop, http, None, slots, Deadlines(loop))


async def _keep(limit: int) -> AsyncGenerator[ClientSession, None]:
    """Hold a session open. `asyncio.run` closes asynchronous generators at its end, and so the session."""
    http = ClientSession(
        connector=aiohttp.TCPConnector(limit=limit, resolver=Resolver()),
        cookie_jar=aiohttp.DummyCookieJar(),  # or a cookie set for one key would be sent with another
        middlewares=(_send_once,),
        trust_env=False,  # or a .netrc entry, or http_proxy, would get between us and the server
    )
    try:
        yield http
    finally:
        await http.close()


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp (3.14) from resending GET, PUT and DELETE after a disconnect: `retry` counts all tries."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as lost:
        raise ConnectionLostError(getattr(lost, "errno", None)) from None


def proxy_from_environment(base_url: str) -> str | None:
    """Read HTTPS_PROXY and NO_PROXY; for https only, where the proxy sees CONNECT and never the key."""
    url = URL(base_url)
    if url.scheme != "https" or proxy_bypass_environment(f"{url.host}:{url.port}"):
        return None
    proxy = getproxies_environment().get("https")
    return proxy and HiddenUrl(proxy)


def translate(problem: Exception, seconds: float, http: ClientSession) -> OpenRouterError:
    """Make our error of an exception that a session raised.

    Args:
        problem: the exception, of aiohttp or of what it uses.
        seconds: the time that the attempt had, should that be the reason.
        http: the session.
    """
    # First of all: running out of files shows as a failed name look-up, too.
    if {_errno(problem), _errno(getattr(problem, "os_error", None))} & _TOO_MANY_FILES:
        return LocalResourceError("This process has too many open files", sent=False)
    match problem:
        case TimeoutError():
            return APITimeoutError(f"Timed out: there was no whole answer within {seconds:.3g} s")
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch() | ssl.SSLError():
            return TLSError(f"The server's identity could not be verified: {_reason(problem)}", sent=False)
        case aiohttp.ClientConnectorDNSError():
            return APIConnectionError(f"The name {problem.host} could not be looked up", sent=False)
        case aiohttp.ClientConnectorError():
            address, number = f"{problem.host}:{problem.port}", problem.os_error.errno
            reason = os.strerror(number) if number else _reason(problem)
            return APIConnectionError(f"Could not connect to {address}: {reason}", sent=False)
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
        case _ if http.closed:
            return ClientClosedError("The session is closed")
        case _:
            return ConfigurationError(f"The session cannot send this: {quote(str(problem), None)}")


def _errno(problem: object) -> int | None:
    return getattr(problem, "errno", None)


def _reason(problem: Exception) -> str:
    reason = getattr(problem, "certificate_error", None) or getattr(problem, "os_error", None) or problem
    return quote(str(reason), None)
