"""A watch whose history fails, is shared, or is killed: it goes on, says so, and tells each thing once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
import threading
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest
from attrs import define

from openrouter_credits import CheckReport
from openrouter_credits.history import History, Subject
from openrouter_credits.testing import FakeOpenRouter
from openrouter_credits.watch import Watch
from tests.kit.clock import now
from tests.kit.reports import purse, report
from tests.kit.values import NOW

EVERY = 300
HOUR = timedelta(hours=1)
WALLET = Subject("wallet", "acme")


@define
class Host:
    """A wallet that a test changes, and a clock that goes as the event loop's time does."""

    left: str = "30"
    bought: str = "100"
    began: float = 0.0
    behind: timedelta = timedelta(0)

    async def look(self) -> CheckReport:
        """Find the wallet as it is."""
        return report(purse(self.left, self.bought), at=self.clock())

    def clock(self) -> datetime:
        """Return the time of the machine."""
        return NOW + timedelta(seconds=now() - 1024) - self.behind

    def watch(self, store: History | None) -> Watch:
        """Watch it."""
        return Watch(self.look, every=EVERY, store=store, clock=self.clock)


async def told_within(watch: Watch, seconds: float) -> list[str]:
    """List the kinds of the events that come within a time."""
    end, kinds = now() + seconds, list[str]()
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout_at(end):
                kinds.append((await anext(watch)).kind)
    return kinds


def reason_of(watch: Watch) -> str | None:
    """Tell why the history of a watch is not written."""
    return None if watch.store_error is None else watch.store_error.reason


def is_open(store: History) -> bool:
    """Tell whether a history is open."""
    return store.is_open


def threads() -> set[str]:
    """Name the threads that a history has started."""
    return {thread.name for thread in threading.enumerate() if "history" in thread.name}


# Files that cannot be used.


async def newer(file: Path) -> None:
    """Write a history of a later version."""
    async with History(file) as store:
        await store.add(report())
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 999")
    connection.close()


async def damaged(file: Path) -> None:
    """Write something else."""
    file.write_bytes(b"this is no history\n" * 500)


async def other(file: Path) -> None:
    """Make a folder."""
    file.mkdir()


@pytest.mark.parametrize("spoil", [newer, damaged, other])
async def test_a_watch_goes_on_without_a_history_that_cannot_be_used(
    spoil: Callable[[Path], Awaitable[None]], tmp_path: Path
) -> None:
    """The watch tells its events all the same; the error names the file and why; the file is untouched."""
    file = tmp_path / "history.db"
    await spoil(file)
    before = file.read_bytes() if file.is_file() else None
    host = Host(left="9")

    async with host.watch(History(file)) as watch:
        first = await told_within(watch, 10)
        host.left = "4"
        later = await told_within(watch, 2 * EVERY)

        assert watch.store_error is not None
        assert (spoil.__name__, str(file)) == (watch.store_error.reason, watch.store_error.path)
        assert str(file) in str(watch.store_error)

    assert (["low"], ["critical"]) == (first, later)
    assert before == (file.read_bytes() if file.is_file() else None)
    assert not threads()


async def test_what_was_told_without_a_history_is_in_it_later(tmp_path: Path) -> None:
    """When the file can be used at last, it gets what was told before; another watch does not repeat it."""
    folder = tmp_path / "not there"
    file, host = folder / "history.db", Host(left="9")

    async with host.watch(History(file)) as watch:
        first = await told_within(watch, 10)
        assert reason_of(watch) == "missing"
        folder.mkdir()
        second = await told_within(watch, 2 * EVERY)
        assert reason_of(watch) is None
    async with host.watch(History(file)) as watch:
        third = await told_within(watch, 2 * EVERY)

    assert (["low"], [], []) == (first, second, third)
    assert ["low"] == [kind for kind, _ in recorded(file)]


def recorded(file: Path) -> list[tuple[str, str]]:
    """List the kinds and ids of the events in a file."""
    connection = sqlite3.connect(file)
    try:
        return connection.execute("SELECT kind, id FROM event ORDER BY rowid").fetchall()
    finally:
        connection.close()


async def test_a_history_that_is_locked_holds_up_no_look(tmp_path: Path) -> None:
    """While another program holds the file the watch tells its events; when it lets go, they are recorded."""
    file, host = tmp_path / "history.db", Host()

    async with host.watch(History(file)) as watch:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        host.left = "9"
        held = await told_within(watch, 1.2 * EVERY)
        assert reason_of(watch) == "locked"
        other.execute("ROLLBACK")
        other.close()
        freed = await told_within(watch, 1.2 * EVERY)
        assert reason_of(watch) is None

    assert (["low"], []) == (held, freed)
    assert ["low"] == [kind for kind, _ in recorded(file)]


# Who closes a history.


async def test_a_history_that_was_open_before_stays_open(tmp_path: Path) -> None:
    """A watch closes a history only if it opened it."""
    host = Host()

    async with History(tmp_path / "history.db") as store:
        async with host.watch(store):
            pass
        assert is_open(store)
        assert WALLET in await store.subjects()
    async with host.watch(store):
        assert is_open(store)

    assert not is_open(store)
    assert not threads()


async def test_two_watches_may_share_a_history(tmp_path: Path) -> None:
    """Of two watches with one history, each may leave first; in the end no thread is left."""
    host, store = Host(), History(tmp_path / "history.db")

    first, second = host.watch(store), host.watch(store)
    await first.__aenter__()
    await second.__aenter__()
    host.left = "9"
    await first.__aexit__(None, None, None)
    kinds = await told_within(second, 2 * EVERY)
    await second.__aexit__(None, None, None)

    assert ["low"] == kinds
    assert not is_open(store)
    assert not threads()


async def test_a_watch_that_is_cut_while_it_writes_leaves_no_thread(tmp_path: Path) -> None:
    """However a watch is cut, its history is whole, and its thread ends."""
    file, host = tmp_path / "history.db", Host()

    for number in range(20):
        host.left = str(30 - number)
        task = asyncio.ensure_future(enter(host.watch(History(file))))
        for _ in range(number * 3):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    assert not threads()
    async with History(file) as store:
        await store.subjects()


async def enter(watch: Watch) -> None:
    """Enter a watch, and stay."""
    async with watch:
        await asyncio.Event().wait()


# The pace of spending.


async def test_hard_days_bend_no_pace(tmp_path: Path) -> None:
    """A purchase, a restart, a day's gap and a clock set back an hour leave the pace of spending as it is."""
    file, host, spent = tmp_path / "history.db", Host(left="500", bought="500"), Decimal(0)

    async def live(watch: Watch, hours: int) -> None:
        nonlocal spent
        for _ in range(hours * 12):
            spent += Decimal("0.10")  # $1.20 an hour, $28.80 a day
            host.left = str(Decimal(host.bought) - spent)
            await asyncio.sleep(EVERY)

    async with host.watch(History(file)) as watch:
        await live(watch, 10)
        host.bought = "600"
        await live(watch, 4)
        host.behind = HOUR
        await live(watch, 10)
        first = watch.runways[WALLET]
    spent += Decimal("28.80")
    host.left = str(Decimal(host.bought) - spent)
    await asyncio.sleep(86400)
    async with host.watch(History(file)) as watch:
        second = watch.runways[WALLET]
        await live(watch, 2)
        third = watch.runways[WALLET]

    for runway in (first, second, third):
        assert ("runs_out", "history") == (runway.verdict, runway.basis)
        assert runway.per_day is not None
        assert 25 < runway.per_day < 31


# Real processes.

PROGRAM = """
import asyncio, sys
from openrouter_credits import CreditsClient
from openrouter_credits.history import History

async def main():
    async with CreditsClient() as client:
        async with client.watch(every=0.05, store=History(sys.argv[1])) as watch:
            print("begun", flush=True)
            async for event in watch:
                print(event.kind, event.id, flush=True)

asyncio.run(main())
"""


async def start(file: Path, fake: FakeOpenRouter, key: str) -> Process:
    """Start a program that watches, and prints what it tells."""
    environment = {**os.environ, "OPENROUTER_BASE_URL": fake.url, "OPENROUTER_MANAGEMENT_KEY": key}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", dedent(PROGRAM), str(file), env=environment, stdout=PIPE, stderr=DEVNULL
    )


async def lines(process: Process) -> AsyncIterator[str]:
    """Yield what a program prints, until it ends."""
    assert process.stdout is not None
    while line := await process.stdout.readline():
        yield line.decode().strip()


@pytest.mark.process
@pytest.mark.real_time
async def test_four_programs_of_one_file_tell_each_thing_once(tmp_path: Path) -> None:
    """Four programs that watch one wallet with one file print each event once between them."""
    file, printed = tmp_path / "history.db", Counter[str]()
    news = asyncio.Condition()

    async def follow(process: Process) -> None:
        async for line in lines(process):
            async with news:
                printed[line] += 1
                news.notify_all()

    async def until(is_so: Callable[[], bool]) -> None:
        async with news:
            await news.wait_for(is_so)

    def kinds() -> set[str]:
        return {line.partition(" ")[0] for line in printed}

    async with FakeOpenRouter() as fake:
        acme = fake.add_account(credits=30)
        key = acme.add_key(management=True)
        processes = [await start(file, fake, key.reveal()) for _ in range(4)]
        followers = [asyncio.create_task(follow(process)) for process in processes]
        await until(lambda: printed["begun"] == 4)
        for amount, kind in ((21, "low"), (5, "critical"), (5, "depleted")):
            fake.spend(key, amount)
            await until(lambda kind=kind: kind in kinds())  # type: ignore[misc]  # mypy cannot infer a default
        acme.credits += 50
        await until(lambda: "recovered" in kinds())
        for process in processes:
            process.terminate()
        await asyncio.gather(*followers, *[process.wait() for process in processes])

    events = {line: count for line, count in printed.items() if line != "begun"}
    assert ["critical", "depleted", "low", "recovered"] == sorted(line.split()[0] for line in events)
    assert set(events.values()) == {1}
    assert [f"{kind} {name}" for kind, name in recorded(file)] == list(events)


@pytest.mark.process
@pytest.mark.real_time
async def test_a_program_that_is_killed_again_and_again_records_each_thing_once(tmp_path: Path) -> None:
    """After each kill -9 the file is whole; what was told before is not told again, and nothing is lost."""
    file, printed, rng = tmp_path / "history.db", list[str](), random.Random(15)

    async with History(file):
        pass  # its tables are made
    async with FakeOpenRouter() as fake:
        acme = fake.add_account(credits=30)
        key = acme.add_key(management=True)
        for amount, kinds in ((21, ["low"]), (5, ["low", "critical"]), (5, ["low", "critical", "depleted"])):
            fake.spend(key, amount)
            life = 0.1
            while [kind for kind, _ in recorded(file)] != kinds:  # it was killed before it had looked
                process = await start(file, fake, key.reveal())
                assert process.stdout is not None
                await process.stdout.readline()  # it has begun
                await asyncio.sleep(rng.uniform(0, life))
                process.send_signal(signal.SIGKILL)
                printed += [line async for line in lines(process)]
                await process.wait()
                assert [("ok",)] == checked(file)
                life *= 2

    assert len(printed) == len(set(printed))
    assert set(printed) <= {f"{kind} {name}" for kind, name in recorded(file)}


def checked(file: Path) -> list[tuple[str]]:
    """Let SQLite check a file."""
    connection = sqlite3.connect(file)
    try:
        return connection.execute("PRAGMA integrity_check").fetchall()
    finally:
        connection.close()
