"""Name look-ups that hang: nothing waits for them but the calls that need them."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import APITimeoutError, ClientClosedError, RetryPolicy
from tests.kit.clock import lap, until
from tests.kit.values import KEY, OTHER_KEY
from tests.kit.wire import FUNDED, KEY_INFO, Connect, Serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._sinks import Watch

URL = "https://credits.invalid/api/v1"


class SlowNames:
    """A look-up that hangs until it is let go, and then finds nothing."""

    def __init__(self) -> None:
        self.asked = 0
        self.let_go = threading.Event()

    def getaddrinfo(self, *_: object, **__: object) -> Any:
        """Hang, and then fail."""
        self.asked += 1
        self.let_go.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowNames]:
    """Make every look-up hang until the test ends."""
    slow = SlowNames()
    monkeypatch.setattr(socket, "getaddrinfo", slow.getaddrinfo)
    yield slow
    slow.let_go.set()


@pytest.mark.row(71)
async def test_a_slow_look_up_ends_at_the_time_out_and_the_deadline(
    names: SlowNames, connect: Connect, fault: Watch
) -> None:
    """A look-up that hangs times out each try, and the call at its deadline; the tries share one look-up."""
    client = connect(URL, timeout=0.1, retry=RetryPolicy(attempts=9, wait_initial=0, deadline=0.25))

    with lap() as taken:
        error = await fault.error(APITimeoutError, client.key())

    assert taken.elapsed == pytest.approx(0.25)
    assert len(error.attempts) == 3
    assert names.asked == 1


@pytest.mark.row(71)
async def test_a_batch_ends_during_a_look_up(names: SlowNames, connect: Connect, fault: Watch) -> None:
    """A batch whose host cannot be looked up yet ends at its deadline, with an outcome for each key."""
    client = connect(URL)

    with lap() as taken:
        report = await fault.value(client.check_all([KEY, OTHER_KEY], deadline=0.2), deadline=0.2)

    assert taken.elapsed == pytest.approx(0.2)
    assert [type(check.error) for check in report.checks] == [APITimeoutError] * 2
    assert names.asked == 1


@pytest.mark.row(71)
async def test_a_client_is_closed_during_a_look_up(names: SlowNames, connect: Connect, fault: Watch) -> None:
    """Closing a client does not wait for a look-up, and ends the call that does."""
    client = connect(URL)
    call = asyncio.ensure_future(fault.error(ClientClosedError, client.key()))
    await until(lambda: names.asked)

    with lap() as taken:
        await client.close()
        await call

    assert taken.elapsed < 5


@pytest.mark.row(71)
async def test_a_look_up_that_is_slow_and_finds_the_host_is_an_answer(
    serve: Serve, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look-up that takes a moment delays the first call; later calls need none."""
    server = await serve(FUNDED, KEY_INFO)
    address = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", server.port))
    asked: list[object] = []

    def getaddrinfo(*question: object, **_: object) -> Any:
        asked.append(question[0])
        threading.Event().wait(0.05)
        return [address]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    client = connect(f"http://localhost:{server.port}/api/v1", retry=RetryPolicy(attempts=1))

    assert (await fault.value(client.credits())).total_usage
    assert (await fault.value(client.key())).label

    assert asked == ["localhost"]
