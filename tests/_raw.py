"""What the unit tests share: recorded bodies, made-up keys, a clock without waiting, and a server that sends what it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import selectors
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

T = TypeVar("T")

SAMPLES = Path(__file__).parent / "samples"

KEY = "sk-or-v1-0e6" + "7" * 57 + "1c96"
OTHER_KEY = "sk-or-v1-5c1" + "8" * 57 + "9d02"
MASK = "sk-or-v1-0e6...1c96"
OTHER_MASK = "sk-or-v1-5c1...9d02"


def sample(name: str) -> bytes:
    """Read a recorded body, such as `key-2026-10`."""
    return (SAMPLES / f"{name}.json").read_bytes()


def answer(status: int = 200, body: object = b"", **headers: str) -> bytes:
    """Put an HTTP answer together; anything but bytes is sent as JSON, and `_` in a header's name as `-`."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Told", "Content-Type: application/json", f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


class RawServer:
    """Answers each request with the next of its answers, and the last one for ever.

    An empty answer closes the connection; `None` leaves the request without an answer.
    """

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.heads: list[str] = []
        """Each request as it came: its first line and its headers."""
        self.bodies: list[bytes] = []
        self.asked = asyncio.Event()
        """Set whenever a request has arrived."""
        self.url = ""

    @property
    def lines(self) -> list[str]:
        """The first line of each request, without the protocol."""
        return [head.split("\r\n")[0].removesuffix(" HTTP/1.1") for head in self.heads]

    @property
    def keys(self) -> list[str]:
        """The key of each request."""
        return [head.split("Authorization: Bearer ")[1].split("\r\n")[0] for head in self.heads]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                _, _, rest = head.lower().partition("content-length: ")
                self.bodies.append(await reader.readexactly(int(rest.split("\r\n")[0])) if rest else b"")
                self.heads.append(head)
                self.asked.set()
                told = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if told is None:
                    await reader.read()
                if not told:
                    break
                writer.write(told)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def raw_server(*answers: bytes | None, sock: Any = None) -> AsyncIterator[RawServer]:
    """Run a `RawServer` on a free port of loopback, or on a socket that listens already."""
    raw = RawServer(*answers)
    connections: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(raw.serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    where = {"sock": sock} if sock else {"host": "127.0.0.1", "port": 0}
    server = await asyncio.start_server(connected, **where)
    raw.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v1"
    try:
        yield raw
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections)
        await asyncio.sleep(0)  # the transports say good-bye in a callback


class FakeTime:
    """A clock that only sleeping moves, for `retry()`; it notes each sleep."""

    def __init__(self, draw: float = 0.5) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._draw = draw

    def clock(self) -> float:
        """Tell the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Pass the time."""
        self.slept.append(seconds)
        self.now += seconds

    def draw(self) -> float:
        """Give the same number from 0 to 1 each time."""
        return self._draw

    def injected(self) -> dict[str, Callable[..., Any]]:
        """List the private parameters of `retry()`."""
        return {"clock": self.clock, "sleep": self.sleep, "draw": self.draw}


class _NoWaiting(selectors.SelectSelector):
    """Lets time pass instead of waiting."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "nothing is left that could happen"
            self.passed += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers fire at once, in their order; its clock starts at 0."""

    def __init__(self) -> None:
        self._no_waiting = _NoWaiting()
        super().__init__(self._no_waiting)

    def time(self) -> float:
        """Tell the virtual time."""
        return self._no_waiting.passed


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


async def outcome(awaitable: Awaitable[object]) -> object:
    """Wait for a value or an error, and give back either."""
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001 - whatever it is, a test looks at it
        return error
