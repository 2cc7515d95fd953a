"""Looks up host names in threads that nobody waits for.

Nothing can interrupt `getaddrinfo`, which may take most of a minute if a name server is silent. asyncio and
aiohttp call it in the event loop's own threads, for which `asyncio.run()` and the interpreter's exit wait: a
deadline or Ctrl-C would end a program only when the look-up has ended.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from concurrent.futures import Executor, Future
from threading import Thread
from typing import Any, TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

_T = TypeVar("_T")

# Only families of which this machine has an address. macOS has a flag that its own getaddrinfo refuses.
_CONFIGURED = socket.AI_ADDRCONFIG & getattr(socket, "AI_MASK", -1)
_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class Resolver(AbstractResolver):
    """Looks up names as the system does; the connector that uses it remembers the answers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            OSError: there is none, or no thread can be started.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_DaemonThreads(loop), look_up, host, port, family)

    async def close(self) -> None:
        """Do nothing: a look-up that is under way ends by itself."""


class _DaemonThreads(Executor):
    """Runs each function in a thread of its own, which never keeps the interpreter from its exit."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def submit(self, function: Callable[..., _T], /, *arguments: Any, **options: Any) -> Future[_T]:
        """Start a thread.

        Raises:
            OSError: the system has no thread left.
        """
        future: Future[_T] = Future()
        future.set_running_or_notify_cancel()  # from here on it cannot be cancelled, and takes the outcome

        def work() -> None:
            try:
                outcome = function(*arguments, **options)
            except BaseException as error:  # noqa: BLE001 - a thread has nobody to raise it to
                if not self._loop.is_closed():
                    future.set_exception(error)
            else:
                if not self._loop.is_closed():
                    future.set_result(outcome)

        try:
            Thread(target=work, name="openrouter_credits look-up", daemon=True).start()
        except RuntimeError:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
        return future


def look_up(host: str, port: int, family: int) -> list[ResolveResult]:
    """Return the addresses of a host, in the system's order; this blocks.

    Raises:
        OSError: there is none.
    """
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=_CONFIGURED)
    except socket.gaierror:
        if host.rstrip(".").casefold() != "localhost":
            raise
        # Windows counts only addresses of other networks, of which a machine may have none.
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    return [
        ResolveResult(
            hostname=host,
            host=_text(address),
            port=port,
            family=kind,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, protocol, _, address in found
        if isinstance(address[0], str)  # else it is of IPv6, which this Python does not have
    ]


def _text(address: tuple[Any, ...]) -> str:
    """Write an address; a link-local one of IPv6 with its interface, without which nobody could connect."""
    if len(address) == 4 and address[3]:
        return socket.getnameinfo(address, _NUMERIC)[0]
    return str(address[0])
