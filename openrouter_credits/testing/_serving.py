"""The life of the HTTP server: a thread with an event loop of its own. All times are in seconds."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TypeAlias

from aiohttp import web

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_BACKLOG = 4096
_GRACE = 1.0
"""Seconds that running handlers get to end when the server stops."""
_PATIENCE = 10.0
"""Seconds to wait for the thread; only a `now` that does not return can hold it up."""


class ServerThread:
    """Serves requests from a daemon thread, from the moment it is made.

    It has its own event loop, so it serves tests on any event loop, on several, and on none.

    Args:
        handler: makes the response to a request; it runs in the thread.
        port: the port to listen on; 0 for a free one.

    Raises:
        OSError: the port is not available, or the process may not open more files.
    """

    def __init__(self, handler: Handler, port: int) -> None:
        with ExitStack() as undo:
            listening = undo.enter_context(listen(port))
            # not that of the event loop policy, which a test may have replaced
            self._loop = asyncio.SelectorEventLoop()
            undo.callback(self._loop.close)
            self._stopping = asyncio.Event()
            self._process = os.getpid()
            self.port: int = listening.getsockname()[1]
            self._thread = threading.Thread(
                target=self._run, args=(handler, listening), name="FakeOpenRouter", daemon=True
            )
            self._thread.start()
            undo.pop_all()

    def stop(self) -> None:
        """End all connections and the thread, and wait for that.

        Raises:
            RuntimeError: the thread does not end.
        """
        if os.getpid() != self._process:
            return  # a fork shares the server's file descriptors, but has no such thread
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            raise RuntimeError(f"FakeOpenRouter has not stopped within {_PATIENCE:g} s: does now() return?")

    def _run(self, handler: Handler, listening: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(serve(handler, listening, self._stopping))


def listen(port: int) -> socket.socket:
    """Listen on a port of this machine; clients can connect at once, and wait until they are served."""
    return socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)


async def serve(handler: Handler, listening: socket.socket, stopping: asyncio.Event) -> None:
    """Serve requests until `stopping` is set, then end all connections and their handlers."""
    # Cancel a handler when its client disconnects, so that `Hang` leaves no task behind.
    server = web.Server(handler, handler_cancellation=True, access_log=None)
    listener = await asyncio.get_running_loop().create_server(server, sock=listening, backlog=_BACKLOG)
    await stopping.wait()
    await _stop_listening(listener)
    for transport in [connection.transport for connection in server.connections if connection.transport]:
        transport.abort()  # this cancels the requests under way
    await server.shutdown(_GRACE)
    await listener.wait_closed()


async def _stop_listening(listener: asyncio.Server) -> None:
    """Close the listener while no connection is being accepted.

    Otherwise asyncio fails for that connection (https://github.com/python/cpython/issues/109564, still open).
    """
    asyncio.get_running_loop().remove_reader(listener.sockets[0])
    await asyncio.sleep(0)  # an accepted connection gets its transport,
    listener.close()
    await asyncio.sleep(0)  # and its protocol
