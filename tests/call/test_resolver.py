"""Name look-ups: the answers of aiohttp's own resolver, from threads that nobody waits for."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest

from openrouter_credits._call.resolver import Resolver, look_up
from tests.kit.clock import now, settle, until

STREAM, TCP = socket.SOCK_STREAM, socket.IPPROTO_TCP
V4 = (socket.AF_INET, STREAM, TCP, "", ("192.0.2.1", 443))
V6 = (socket.AF_INET6, STREAM, TCP, "", ("2001:db8::1", 443, 0, 0))
LINK_LOCAL = (socket.AF_INET6, STREAM, TCP, "", ("fe80::1", 443, 0, 1))
NOT_BUILT = (socket.AF_INET6, STREAM, TCP, "", (10, b"\x01"))
"""An address of IPv6 as a Python gives it that was built without IPv6."""


class Names:
    """Stands in for the system's look-up: notes what it is asked, and gives what it is told to give."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[tuple[Any, ...]] = []

    def getaddrinfo(
        self,
        host: str,
        port: int,
        family: int = 0,
        kind: int = 0,
        proto: int = 0,
        flags: int = 0,
        **more: Any,
    ) -> Any:
        """Answer with the next outcome, or raise it; the last one is repeated for ever."""
        self.asked.append((host, port, family, more.get("type", kind), proto, flags))
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


Use = Callable[..., Names]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Return a function that replaces the system's look-up."""

    def replace(*outcomes: Any) -> Names:
        names = Names(*outcomes)
        monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
        monkeypatch.setattr(socket, "getnameinfo", lambda address, _: (f"{address[0]}%eth0", "443"))
        return names

    return replace


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Make an event on which look-ups hang; it is set in the end."""
    event = threading.Event()
    yield event
    event.set()
    for thread in threading.enumerate():
        if thread.name == "openrouter_credits look-up":
            thread.join(10)


@pytest.mark.parametrize(
    "found", [[V4], [V6, V4], [LINK_LOCAL, V4], [NOT_BUILT, V4], []], ids=["4", "6+4", "local", "no 6", "-"]
)
@pytest.mark.parametrize("family", [socket.AF_UNSPEC, socket.AF_INET])
async def test_it_asks_and_answers_as_aiohttp_does(found: Any, family: Any, use: Use) -> None:
    """The question to the system and the addresses found are the same as with aiohttp's own resolver."""
    names = use(found)

    theirs = await aiohttp.ThreadedResolver().resolve("host.example", 443, family)
    ours = await Resolver().resolve("host.example", 443, family)

    assert theirs == ours
    assert names.asked[0] == names.asked[1]


async def test_a_failed_look_up_is_the_system_s_error(use: Use) -> None:
    """A name that the system does not find raises the system's own error, after one look-up."""
    error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    names = use(error)
    resolver = Resolver()

    with pytest.raises(socket.gaierror) as caught:
        await resolver.resolve("host.example", 443)

    assert caught.value is error
    assert len(names.asked) == 1
    await resolver.close()


def test_localhost_is_found_without_a_network(use: Use) -> None:
    """The name `localhost` is looked up again, loopback included, if no other address is configured."""
    names = use(socket.gaierror(socket.EAI_NONAME, "?"), [V4])

    assert [address["host"] for address in look_up("LocalHost.", 443, 0)] == ["192.0.2.1"]

    assert [asked[-1] != 0 for asked in names.asked] == [True, False]


async def test_a_look_up_that_is_cancelled_is_left_alone(
    use: Use, gate: threading.Event, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A cancelled look-up ends at once, while its thread still works; what the thread finds is dropped."""
    names = use([V4])
    began = threading.Event()

    def hang(*arguments: Any, **options: Any) -> Any:
        began.set()
        gate.wait()
        return names.getaddrinfo(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    task = asyncio.ensure_future(Resolver().resolve("host.example", 443))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await task

    assert began.wait(10)
    assert names.asked == []
    gate.set()
    await until(lambda: names.asked)
    await settle()
    assert caplog.records == []


async def test_virtual_time_does_not_overtake_a_look_up(use: Use) -> None:
    """A look-up that takes a moment is not timed out by a deadline that is far away."""
    use([V4])
    began_at = now()

    async with asyncio.timeout(30):
        assert await Resolver().resolve("host.example", 443)

    assert now() - began_at < 10


@pytest.mark.parametrize("outcome", [[V4], OSError("no network")], ids=["found", "failed"])
def test_a_look_up_may_end_after_its_loop(
    outcome: Any,
    monkeypatch: pytest.MonkeyPatch,
    gate: threading.Event,
    use: Use,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`asyncio.run` ends while a look-up hangs; when the look-up ends too, nothing is raised or logged."""
    names = use(outcome)

    def hang(*arguments: Any, **options: Any) -> Any:
        gate.wait()
        return names.getaddrinfo(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    async def give_up() -> None:
        async with asyncio.timeout(0.01):
            await Resolver().resolve("host.example", 443)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())

    (thread,) = (thread for thread in threading.enumerate() if thread.name == "openrouter_credits look-up")
    assert thread.daemon
    gate.set()
    thread.join(10)
    assert len(names.asked) == 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_system_without_threads_is_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no thread can be started, the look-up raises OSError with the number EAGAIN, not RuntimeError."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)

    with pytest.raises(OSError, match="temporarily unavailable") as caught:
        await Resolver().resolve("host.example", 443)

    assert caught.value.errno == errno.EAGAIN
