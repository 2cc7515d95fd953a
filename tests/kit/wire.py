"""A server that speaks raw bytes on loopback: whatever a real one would never send, on demand.

All times are in seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, Self

from openrouter_credits import ApiKey, CreditsClient
from openrouter_credits.testing import FakeOpenRouter
from openrouter_credits.testing._serving import listen, serve

from .clock import now
from .values import KEY, QUICK, sample

if TYPE_CHECKING:
    import ssl

End = Literal["keep", "close", "reset", "hang"]
"""How a behaviour ends.

It keeps the connection for the next request, closes it, sends an RST, or is silent until the client goes.
"""


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float
    """When it had arrived whole, by the event loop's clock."""
    connection: int
    """The number of its connection, from 1."""

    def header(self, name: str) -> str | None:
        """Find a header's value; a header sent twice shows both."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(found) if found else None

    @property
    def key(self) -> str:
        """The key that it carried."""
        return (self.header("Authorization") or "").removeprefix("Bearer ")

    @property
    def line(self) -> str:
        """Its first line, without the protocol."""
        return f"{self.method} {self.target}"


@dataclass(frozen=True)
class Wire:
    """One connection, while one request is answered on it."""

    received: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        """Send bytes, and wait until the kernel has taken most of them."""
        self.writer.write(data)
        await self.writer.drain()

    async def end(self, how: End) -> None:
        """Keep, close, reset or hang the connection."""
        match how:
            case "close":
                self.writer.close()
            case "reset":
                # what was sent before must have been read: an RST throws away the other side's buffer
                await asyncio.sleep(0.01)
                sock = self.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.writer.transport.abort()
            case "hang":
                while await self.reader.read(65536):
                    pass
                self.writer.close()


Behaviour = Callable[[Wire], Awaitable[None]]
Step = Behaviour | bytes
"""How one request is answered; plain bytes are sent, and the connection stays open."""


def reply(status: int = 200, body: object = b"", *headers: str, reason: str = "Whatever") -> bytes:
    """Make a whole answer; a body that is neither bytes nor text is sent as JSON."""
    if not isinstance(body, bytes | str):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} {reason}", *headers]
    names = {line.partition(":")[0].lower() for line in headers}
    if "content-type" not in names:
        lines.append("Content-Type: application/json")
    if not names & {"content-length", "transfer-encoding", "connection"}:
        lines.append(f"Content-Length: {len(data)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + data


def chunk(data: bytes) -> bytes:
    """Wrap one chunk of a chunked body; an empty one ends it."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def refusal(status: int, message: str = "Nope", *headers: str, **more: Any) -> bytes:
    """Make an error as OpenRouter words it."""
    return reply(status, {"error": {"code": status, "message": message, **more}}, *headers)


def sends(*pieces: bytes, end: End = "keep", every: float = 0.0) -> Behaviour:
    """Send some bytes, with a pause after each piece, and end as `end` says."""

    async def behave(wire: Wire) -> None:
        for piece in pieces:
            await wire.write(piece)
            if every:
                await asyncio.sleep(every)
        await wire.end(end)

    return behave


def drips(head: bytes, drop: bytes = b" ", every: float = 0.1) -> Behaviour:
    """Send a head at once, and then a drop at a time, for ever."""

    async def behave(wire: Wire) -> None:
        await wire.write(head)
        while True:
            await asyncio.sleep(every)
            await wire.write(drop)

    return behave


def answers(answer: Callable[[Received], bytes]) -> Behaviour:
    """Answer with what a function makes of the request."""

    async def behave(wire: Wire) -> None:
        await wire.write(answer(wire.received))

    return behave


HANG = sends(end="hang")
"""Say nothing until the client goes."""
CLOSE = sends(end="close")
"""Close the connection without an answer."""
FUNDED = reply(200, sample("credits-spec"))
NOTHING = reply(200, sample("credits-unconfirmed-zero"))
KEY_INFO = reply(200, sample("key-2026-10"))


class Server:
    """Answers each request with the next step of its script; the last step is repeated for ever."""

    def __init__(
        self,
        *steps: Step,
        tls: ssl.SSLContext | None = None,
        greeting: bytes = b"",
        sock: socket.socket | None = None,
    ) -> None:
        self._steps = list(steps)
        self._tls = tls
        self._greeting = greeting
        self._sock = sock
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.received: list[Received] = []
        """Every request, in order of arrival."""
        self._arrival = asyncio.Event()
        self.connections = 0
        self.open = 0
        """Connections that the client has not given up."""

    @property
    def hits(self) -> int:
        """H: how many requests arrived."""
        return len(self.received)

    @property
    def lines(self) -> list[str]:
        """The first line of each request, without the protocol."""
        return [request.line for request in self.received]

    @property
    def keys(self) -> list[str]:
        """The key of each request."""
        return [request.key for request in self.received]

    @property
    def gaps(self) -> list[float]:
        """Seconds between one request and the next."""
        return [
            later.at - earlier.at for earlier, later in zip(self.received, self.received[1:], strict=False)
        ]

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The base URL, with a path as the real one has it."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/api/v1"

    def script(self, *steps: Step) -> None:
        """Set the steps for the requests to come."""
        self._steps = list(steps)

    async def arrived(self, count: int = 1) -> None:
        """Wait until `count` requests have arrived."""
        while self.hits < count:
            self._arrival.clear()
            await self._arrival.wait()

    async def start(self) -> Self:
        """Listen on a free port, or on the socket that it was given, which is bound already."""
        where: dict[str, Any] = {"sock": self._sock} if self._sock else {"host": "127.0.0.1", "port": 0}
        self._server = await asyncio.start_server(self._serve, ssl=self._tls, backlog=1024, **where)
        return self

    async def stop(self) -> None:
        """Stop listening, and drop every connection."""
        if self._server is None:
            return
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        for _ in range(3):  # the event loop calls connection_lost() a moment after the transports are closed
            await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        number = self.connections
        try:
            # CancelledError is stop(): a cancelled task would make asyncio.streams (3.11) report an exception
            # of its own
            with contextlib.suppress(
                ConnectionError,
                asyncio.IncompleteReadError,
                asyncio.LimitOverrunError,
                asyncio.CancelledError,
            ):
                if self._greeting:
                    writer.write(self._greeting)
                while not writer.is_closing():
                    await self._answer(Wire(await _read(reader, number), reader, writer))
        finally:
            self._tasks.discard(task)
            self.open -= 1
            writer.close()
            if self._server is None or not self._server.is_serving():
                writer.transport.abort()
            # the client has gone; asyncio.streams (3.11) wants that to be asked for
            if reader.exception() is not None:
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _answer(self, wire: Wire) -> None:
        self.received.append(wire.received)
        self._arrival.set()
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, bytes):
            await wire.write(step)
        else:
            await step(wire)


async def _read(reader: asyncio.StreamReader, connection: int) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    method, target, _ = first.split(" ")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    body = await reader.readexactly(length)
    return Received(method, target, headers, body, now(), connection)


def bound_socket() -> socket.socket:
    """Reserve a port of loopback on which nothing listens: a connection is refused until somebody does."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


Serve = Callable[..., Coroutine[Any, Any, Server]]
"""Start a server with these steps."""
Connect = Callable[..., CreditsClient]
"""Make a client for a server, or for an address."""


@asynccontextmanager
async def serving() -> AsyncGenerator[Serve, None]:
    """Start servers that are stopped in the end."""
    async with AsyncExitStack() as stack:

        async def start(*steps: Step, **options: Any) -> Server:
            return await stack.enter_async_context(Server(*steps, **options))

        yield start


@asynccontextmanager
async def connecting() -> AsyncGenerator[Connect, None]:
    """Make clients, without waits between tries unless they are given a policy, and close them in the end."""
    async with AsyncExitStack() as stack:

        def make(server: Any, key: str | ApiKey | None = KEY, **options: Any) -> CreditsClient:
            url = server if isinstance(server, str) else server.url
            client = CreditsClient(key, base_url=url, **{"retry": QUICK, **options})
            stack.push_async_callback(client.close)
            return client

        yield make


@asynccontextmanager
async def in_this_loop(fake: FakeOpenRouter) -> AsyncGenerator[FakeOpenRouter, None]:
    """Run a fake on the test's own event loop instead of a thread, so that its waits take virtual time."""
    with listen(0) as listening:
        stopping = asyncio.Event()
        serving_it = asyncio.create_task(serve(fake._handle, listening, stopping))
        server: Any = SimpleNamespace(port=listening.getsockname()[1])
        fake._thread = server
        try:
            yield fake
        finally:
            fake._thread = None
            stopping.set()
            await serving_it
