"""The HTTP session, made by us or borrowed; what belongs to the same event loop; what its exceptions mean."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from collections.abc import AsyncGenerator, Collection, Mapping
from functools import partial
from typing import Any

import aiohttp
from aiohttp import ClientSession as ClientSession  # noqa: PLC0414 - the client annotates with it
from aiohttp.http_exceptions import HttpProcessingError, PayloadEncodingError
from attrs import frozen
from yarl import URL

from openrouter_credits._call.bodies import hide
from openrouter_credits._call.deadlines import Deadlines
from openrouter_credits._call.request import Request
from openrouter_credits._call.resolver import Resolver
from openrouter_credits._errors import (
    RETRYABLE_STATUSES,
    AmbiguousWriteError,
    APIConnectionError,
    APITimeoutError,
    ClientClosedError,
    ConfigurationError,
    InvalidResponseError,
    LocalResourceError,
    OpenRouterError,
    ProxyError,
    TLSError,
    masked,
)
from openrouter_credits._secrets import ApiKey
from openrouter_credits._words import mask_all, quote

_CLOSED = "Keep the session that you lend open as long as calls need it."
_NO_NAME = "Check the network and its name server, and the host in base_url and proxy, then try again."
_NO_PROXY = "Check the address of the proxy (proxy=..., HTTPS_PROXY), and that it runs."
NO_URL = "Correct base_url (or OPENROUTER_BASE_URL) and proxy (or HTTPS_PROXY)."
_LARGER_THAN_A_READ = 1 << 19
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
    # asyncio reads into blocks of 256 KiB. glibc maps and unmaps each of them, a sixth of the time of a call,
    # until a larger one has been freed.
    bytes(_LARGER_THAN_A_READ)
    keeper = _keep(max_connections)
    http = await anext(keeper)
    loop = asyncio.get_running_loop()
    return Session(loop, http, keeper, asyncio.Semaphore(max_connections), Deadlines(loop))


def borrow_session(http: ClientSession) -> Session:
    """Use a session of the caller's, which has its own limits, on the running event loop."""
    slots = asyncio.Semaphore(min(_limits(http), default=1_000_000))
    loop = asyncio.get_running_loop()
    return Session(loop, http, None, slots, Deadlines(loop))


def _limits(http: ClientSession) -> list[int]:
    """Return the limits of a session's connector; none that cannot be read: a request tells what is wrong."""
    try:
        connector = http.connector
        limits = (connector.limit, connector.limit_per_host) if connector is not None else ()
    except (Exception, asyncio.CancelledError):  # noqa: BLE001 - a stranger's property may raise anything
        return []
    return [limit for limit in limits if isinstance(limit, int) and limit > 0]


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


def is_accepted(url: str) -> bool:
    """Tell whether the HTTP library accepts a URL, and can show its host."""
    try:
        return bool(URL(url).host)
    except ValueError:
        return False


def body_of(request: Request) -> bytes | aiohttp.BytesPayload | None:
    """Wrap a body with secrets: rich cuts bytes before it asks for their `repr`, so that no mask helps."""
    return aiohttp.BytesPayload(request.body) if request.secrets and request.body else request.body


def plain_head(response: Any) -> tuple[int, Mapping[str, str]]:
    """Return status and headers of what only looks like a response of aiohttp, as plain data.

    Raises:
        TypeError: the status is not a number.
    """
    status = response.status
    if not isinstance(status, int):
        raise TypeError(f"a status is a number, not {type(status).__name__}")
    return status, {str(name): str(value) for name, value in response.headers.items()}


def translate(
    problem: BaseException, seconds: float, http: ClientSession, key: ApiKey | None = None
) -> OpenRouterError:
    """Make our error of an exception that a session raised.

    Args:
        problem: the exception: of aiohttp, of what it uses, or of what the owner of a session has put in.
        seconds: the time that the attempt had, should that be the reason.
        http: the session.
        key: the key to scrub from whatever is quoted.
    """
    try:
        return _translate(problem, seconds, http, key)
    except Exception:  # noqa: BLE001 - a stranger's exception may raise anything when it is looked at
        return _of_session(problem, key)


def _translate(
    problem: BaseException, seconds: float, http: ClientSession, key: ApiKey | None
) -> OpenRouterError:
    # First of all: running out of files shows as a failed name look-up, too.
    if {_errno(problem), _errno(getattr(problem, "os_error", None))} & _TOO_MANY_FILES:
        return LocalResourceError("This process has too many open files", sent=False)
    match problem:
        case OpenRouterError() if type(problem).__module__ == OpenRouterError.__module__:
            return masked(problem, partial(mask_all, key=key))  # from a middleware that knows us
        case TimeoutError():
            return APITimeoutError(f"Timed out: there was no whole answer within {seconds:.3g} s")
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch() | ssl.SSLError():
            return TLSError(
                f"The server's identity could not be verified: {_reason(problem, key)}".rstrip(": "),
                sent=False,
            )
        case aiohttp.ClientConnectorDNSError():
            return APIConnectionError(
                f"The name {_words(problem.host, key)} could not be looked up", sent=False, remedy=_NO_NAME
            )
        case aiohttp.ClientConnectorError():
            is_of_proxy = isinstance(problem, aiohttp.ClientProxyConnectionError)
            who = "the proxy " if is_of_proxy else ""
            address = f"{who}{_words(problem.host, key)}:{_words(problem.port, key)}"
            text = f"Could not connect to {address}: {_reason(problem, key)}".rstrip(": ")
            return APIConnectionError(text, sent=False, remedy=_NO_PROXY if is_of_proxy else None)
        case aiohttp.ClientHttpProxyError():
            is_retryable = problem.status in RETRYABLE_STATUSES
            return ProxyError(f"The proxy answered {_words(problem.status, key)}", is_retryable=is_retryable)
        case aiohttp.ClientResponseError(
            request_info=aiohttp.RequestInfo(method="CONNECT"), __cause__=HttpProcessingError()
        ):
            return ProxyError("The proxy's answer is not HTTP, or breaks a limit of it")
        case aiohttp.ClientResponseError(__cause__=HttpProcessingError(__cause__=PayloadEncodingError())):
            return APIConnectionError("The answer's body was cut or garbled on its way")
        case aiohttp.ClientResponseError(__cause__=HttpProcessingError()):
            return InvalidResponseError("The answer is not HTTP, or breaks a limit of it")
        case aiohttp.ClientPayloadError():
            return APIConnectionError("The connection was lost in the middle of the answer")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return ConfigurationError("aiohttp does not accept the URL of base_url or proxy", remedy=NO_URL)
        case aiohttp.ClientError() | OSError():
            return APIConnectionError("The connection was lost before the answer")
        case _ if http.closed is True:
            return ClientClosedError("The session is closed", remedy=_CLOSED)
        case _:
            return _of_session(problem, key)


def _of_session(problem: BaseException, key: ApiKey | None) -> ConfigurationError:
    return ConfigurationError(
        f"The session raised {type(problem).__name__}: {_words(problem, key)}".rstrip(": "),
        remedy="Look at the session that you lend: its connector, resolver, middlewares and traces.",
    )


def of_a_write(error: OpenRouterError, secrets: Collection[str] = ()) -> OpenRouterError:
    """Return an `AmbiguousWriteError`, without the body's secrets, if a session raised: it may be sent."""
    if secrets:
        error = masked(error, partial(hide, secrets=secrets))
    if not isinstance(error, ConfigurationError):
        return error
    return AmbiguousWriteError(
        f"It is unknown whether the change took place: {error.summary}", problems=[error]
    )


def _errno(problem: object) -> int | None:
    number = getattr(problem, "errno", None)
    return number if isinstance(number, int) else None


def _reason(problem: BaseException, key: ApiKey | None) -> str:
    reason = getattr(problem, "certificate_error", None) or getattr(problem, "os_error", None) or problem
    number = _errno(reason)
    return os.strerror(number) if number and not isinstance(reason, ssl.SSLError) else _words(reason, key)


def _words(problem: object, key: ApiKey | None) -> str:
    """Quote an exception; one that raises when it is printed says nothing."""
    try:
        return quote(str(problem), key)
    except Exception:  # noqa: BLE001 - it is a stranger's `__str__`
        return ""
