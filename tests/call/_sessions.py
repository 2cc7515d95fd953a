"""Sessions that only look like aiohttp's, and the exceptions that aiohttp's raise."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator
from types import SimpleNamespace

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import BadHttpMessage, TransferEncodingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from openrouter_credits import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    InvalidResponseError,
    LocalResourceError,
    OpenRouterError,
    TLSError,
)

ONE_SLOT = SimpleNamespace(limit=1, limit_per_host=0)
"""The limits of a connector that keeps one connection."""
INFO = aiohttp.RequestInfo(
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
        aiohttp.ClientHttpProxyError(INFO, (), status=407, message="secret"),
        APIConnectionError,
        False,
        "The proxy answered 407",
    ),
    (
        caused(aiohttp.ClientResponseError(INFO, (), status=400), BadHttpMessage("odd")),
        InvalidResponseError,
        True,
        "not HTTP",
    ),
    (
        caused(
            aiohttp.ClientResponseError(INFO, (), status=400),
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
    """A borrowed session whose every request raises; it looks like aiohttp's."""

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
