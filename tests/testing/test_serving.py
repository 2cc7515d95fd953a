"""The fake serves from a thread of its own: for tests without an event loop, with any, and with several."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import aiohttp
import pytest
import trio

from openrouter_credits import ApiKey, CreditsClient
from openrouter_credits.testing import Drip, FakeOpenRouter, Hang, Reply, _serving
from tests.kit.clock import allowance, lap, until
from tests.testing.conftest import TUESDAY


def get(fake: FakeOpenRouter, path: str, key: ApiKey) -> tuple[int, Any]:
    """Send a request with the standard library, from whatever thread this is."""
    request = Request(fake.url + path, headers={"Authorization": f"Bearer {key.reveal()}"})
    try:
        with urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def servers() -> list[threading.Thread]:
    """List the threads of servers that are running."""
    return [thread for thread in threading.enumerate() if thread.name == "FakeOpenRouter"]


def run(program: str, *, code: int = 0) -> str:
    """Run a program in the interpreter's development mode, and return what it prints on both streams."""
    # asyncio warns of a callback that takes long, as on a busy machine
    calm = "import logging; logging.disable(logging.WARNING)\n"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", calm + program],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert code == done.returncode, done.stderr
    return done.stdout + done.stderr


def test_a_synchronous_test_needs_no_event_loop() -> None:
    """`with FakeOpenRouter()` serves a synchronous test; scripts, spending and top-ups count at once."""
    with FakeOpenRouter() as fake:
        account = fake.add_account(credits=10)
        boss = account.add_key(management=True)
        fake.script("/credits", Reply(503))
        statuses = [get(fake, "/credits", boss)[0]]
        fake.spend(boss, "2.5")
        account.credits += 5
        statuses.append(get(fake, "/credits", boss)[0])
        _, body = get(fake, "/credits", boss)

    assert [503, 200] == statuses
    assert {"total_credits": 15, "total_usage": 2.5} == body["data"]
    assert ["/credits"] * 3 == [request.path for request in fake.requests]
    assert [] == servers()


@pytest.mark.real_time
async def test_an_asyncio_test_may_enter_it_either_way() -> None:
    """Inside of an event loop, `with` and `async with` serve the same."""
    async with FakeOpenRouter() as one:
        with FakeOpenRouter() as two:
            for fake in (one, two):
                key = fake.add_account(credits=3).add_key(management=True)
                async with CreditsClient(key, base_url=fake.url) as client:
                    assert 3 == (await client.credits()).remaining
    assert [] == servers()


def test_it_serves_under_trio() -> None:
    """`async with FakeOpenRouter()` works on trio's event loop, which is not asyncio's."""

    async def main() -> tuple[int, Any]:
        async with FakeOpenRouter() as fake:
            key = fake.add_account(credits=3).add_key(management=True)
            return await trio.to_thread.run_sync(get, fake, "/credits", key)

    status, body = trio.run(main)

    assert (200, 3) == (status, body["data"]["total_credits"])
    assert [] == servers()


def test_it_serves_two_event_loops_at_once() -> None:
    """Two event loops in two threads use one fake, which a third thread has entered."""
    both = threading.Barrier(2)

    async def main(fake: FakeOpenRouter, key: ApiKey) -> int:
        async with CreditsClient(key, base_url=fake.url) as client:
            await client.credits()
            await asyncio.to_thread(both.wait, 30)  # both hold a connection now
            return int((await client.credits()).remaining)

    with FakeOpenRouter() as fake, ThreadPoolExecutor() as pool:
        key = fake.add_account(credits=3).add_key(management=True)
        remaining = list(pool.map(lambda _: asyncio.run(main(fake, key)), range(2)))

    assert [3, 3] == remaining
    assert 4 == len(fake.requests)


def test_an_event_loop_may_leave_what_another_has_entered() -> None:
    """A fake that one event loop enters serves a second one, and a third one leaves it."""
    fake = FakeOpenRouter()
    key = fake.add_account(credits=3).add_key(management=True)

    async def ask() -> int:
        async with CreditsClient(key, base_url=fake.url) as client:
            return int((await client.credits()).remaining)

    asyncio.run(fake.__aenter__())
    remaining = asyncio.run(ask())
    asyncio.run(fake.__aexit__(None, None, None))

    assert 3 == remaining
    assert [] == servers()


def test_any_thread_may_change_anything() -> None:
    """Threads add accounts, keys and scripts, spend and read at once: nothing fails, nothing is lost."""
    with FakeOpenRouter() as fake, ThreadPoolExecutor(8) as pool:
        acme = fake.add_account(credits=1000)
        boss = acme.add_key(management=True)

        def work(number: int) -> tuple[int, int]:
            for _ in range(10):
                fake.spend(acme.add_key(), 1)
                fake.add_account().add_key()
            fake.script("/key", Reply(503))
            return get(fake, "/keys", boss)[0], get(fake, "/key", boss)[0]

        statuses = set(pool.map(work, range(24)))
        _, wallet = get(fake, "/credits", boss)

    assert {(200, 503)} == statuses
    assert 240 == wallet["data"]["total_usage"]
    assert 49 == len(fake.requests)
    assert 241 == len(acme.books.keys)


@pytest.mark.real_time
async def test_leaving_ends_what_hangs_at_once() -> None:
    """Hanging and dripping answers, and idle connections, end with the server, well within a second."""
    fake = FakeOpenRouter(latency=0.01)
    key = fake.add_account().add_key()
    fake.script("/key", Hang(), Hang(), Drip(10), Drip(10))
    headers = {"Authorization": f"Bearer {key.reveal()}"}

    async with aiohttp.ClientSession(headers=headers) as session:
        async with fake:
            async with session.get(fake.url + "/credits"):
                pass  # its connection stays
            calls = [asyncio.create_task(session.get(fake.url + "/key")) for _ in range(4)]
            await until(lambda: sum(call.done() for call in calls) == 2)  # those that drip have begun
            await until(lambda: len(fake.requests) == 5)
            with lap() as taken:
                fake.__exit__(None, None, None)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert taken.elapsed < 1 + allowance()
    assert [] == servers()
    assert 2 == sum(isinstance(outcome, aiohttp.ClientError) for outcome in outcomes)


def test_an_exception_in_the_block_stops_the_server() -> None:
    """Ctrl-C, and anything else that ends the block, stops the server and passes on."""
    with pytest.raises(KeyboardInterrupt), FakeOpenRouter():
        raise KeyboardInterrupt

    assert [] == servers()


def test_the_port_can_be_chosen() -> None:
    """A server with a `port` has it each time; if another server has it, entering is an OSError."""
    with FakeOpenRouter() as free:
        port = int(free.url.split(":")[2].split("/")[0])
        taken = FakeOpenRouter(port=port)
        with pytest.raises(OSError, match=f"Address already in use.*{port}"):
            taken.__enter__()
    for _ in range(2):
        with taken:
            assert f"http://127.0.0.1:{port}/api/v1" == taken.url


@pytest.mark.parametrize("owner", [threading.Thread, asyncio])
def test_a_server_that_cannot_start_leaves_nothing_open(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a further thread, or file descriptors for an event loop, entering fails and closes its port."""
    sockets: list[socket.socket] = []

    def listen(_: int) -> socket.socket:
        sockets.append(socket.create_server(("127.0.0.1", 0)))
        return sockets[0]

    def fail(*_: Any) -> None:
        raise OSError("no more")

    monkeypatch.setattr(_serving, "listen", listen)
    monkeypatch.setattr(owner, "start" if owner is threading.Thread else "SelectorEventLoop", fail)
    fake = FakeOpenRouter()

    with pytest.raises(OSError, match="no more"):
        fake.__enter__()

    assert [-1] == [listening.fileno() for listening in sockets]
    assert "<FakeOpenRouter not running>" == repr(fake)
    gc.collect()  # an event loop that was not closed would warn


class Clock:
    """A clock that fails from some call on."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.wait: Callable[[], object] = int

    def __call__(self) -> datetime:
        """Return the time."""
        self.wait()
        if self.error is not None:
            raise self.error
        return TUESDAY


def test_what_fails_in_the_server_is_told_in_the_end() -> None:
    """When `now` fails, the client gets a 500, and leaving the server raises with the traceback of `now`."""
    clock = Clock()
    fake = FakeOpenRouter(now=clock)
    key = fake.add_account().add_key()
    clock.error = LookupError("no time left")

    with pytest.raises(RuntimeError) as caught, fake:
        status, body = get(fake, "/key", key)

    assert (500, "Internal Server Error") == (status, body["error"]["message"])
    assert "FakeOpenRouter has answered 500: LookupError('no time left') in its own thread" == str(
        caught.value
    )
    assert "raise self.error" in caught.value.__notes__[0]
    assert caught.value.__context__ is None
    with fake:
        pass  # it was told once


def test_what_fails_in_the_server_does_not_hide_what_fails_in_the_test() -> None:
    """If the block itself raises, that goes on, with a note on what failed in the server."""
    clock = Clock()
    fake = FakeOpenRouter(now=clock)
    key = fake.add_account().add_key()
    clock.error = LookupError("no time left")

    with pytest.raises(AssertionError, match="500") as caught, fake:
        raise AssertionError(get(fake, "/key", key)[0])

    assert caught.value.__notes__[0].startswith("In the thread of FakeOpenRouter:\nTraceback")
    assert "LookupError: no time left" in caught.value.__notes__[0]


def test_a_clock_that_does_not_return_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving raises RuntimeError if `now` holds the server's thread up, and does not wait for ever."""
    monkeypatch.setattr(_serving, "_PATIENCE", 0.01)
    called, over = threading.Event(), threading.Event()
    clock = Clock()
    fake = FakeOpenRouter(now=clock)
    key = fake.add_account().add_key()
    clock.wait = lambda: called.set() or over.wait()  # type: ignore[func-returns-value]  # both, in one line

    with ThreadPoolExecutor() as pool:
        with pytest.raises(RuntimeError, match=r"has not stopped within 0.01 s: does now\(\) return\?"), fake:
            [thread] = servers()
            pool.submit(get, fake, "/key", key)
            called.wait()
        over.set()
        thread.join()

    assert not thread.is_alive()


@pytest.mark.process
def test_it_leaves_nothing_behind() -> None:
    """In development mode, with warnings as errors, a program with hanging answers prints what it prints."""
    program = """
import asyncio, gc
from openrouter_credits import CreditsClient
from openrouter_credits.testing import *

async def main():
    async with FakeOpenRouter() as fake:
        key = fake.add_account(credits=3).add_key(management=True)
        fake.script("/credits", Hang(), Drip(5), Disconnect(), CutBody())
        async with CreditsClient(key, base_url=fake.url) as client:
            calls = [asyncio.ensure_future(client.credits()) for _ in range(5)]
            while len(fake.requests) < 5:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            await fake.__aexit__(None, None, None)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

for _ in range(3):
    asyncio.run(main())
with FakeOpenRouter() as fake:
    pass
gc.collect()
print("done")
"""
    assert "done\n" == run(program)


@pytest.mark.process
def test_a_program_may_end_while_it_runs() -> None:
    """A program that never leaves the server ends at once, and prints nothing of it."""
    program = """
import threading, time
from urllib.request import urlopen
from openrouter_credits.testing import *

fake = FakeOpenRouter()
fake.__enter__()
fake.script("/key", Hang())
threading.Thread(target=urlopen, args=(fake.url + "/key",), daemon=True).start()
while not fake.requests:
    time.sleep(0.01)
print("done")
"""
    assert "done\n" == run(program)


def test_a_fork_does_not_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has another number than the one that entered leaves the server alone."""
    with FakeOpenRouter() as fake:
        key = fake.add_account().add_key()
        server = fake._thread
        assert server is not None
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            server.stop()

        assert 200 == get(fake, "/key", key)[0]


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
def test_a_fork_uses_the_server_of_its_parent() -> None:
    """A forked process reaches its parent's server, and leaving the block there does not stop it."""
    program = """
import os, warnings
from urllib.error import HTTPError
from urllib.request import urlopen
from openrouter_credits.testing import FakeOpenRouter, Reply

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
with FakeOpenRouter() as fake:
    fake.script("/key", Reply(), Reply(), Reply())
    urlopen(fake.url + "/key").close()
    child = os.fork()
    urlopen(fake.url + "/key").close()
    if child:
        os.waitpid(child, 0)
        try:
            urlopen(fake.url + "/key")
        except HTTPError as error:
            with error:
                print(error.code, [request.path for request in fake.requests])
"""
    assert "401 ['/key', '/key', '/key', '/key']\n" == run(program)
