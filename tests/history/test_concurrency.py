"""Many processes on one file, and processes that end at any moment. Real time, as SQLite's locks are real."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

pytestmark = [pytest.mark.process, pytest.mark.real_time]

PRELUDE = """
import asyncio, os, random, signal, sys, threading, time, traceback, warnings
from datetime import timedelta
from openrouter_credits.history import OPENROUTER, Decision, History, HistoryError, Recorded
from tests.history.test_history import report
from tests.kit.values import NOW

path = sys.argv[1]
warnings.filterwarnings("ignore", ".*use of fork", DeprecationWarning)  # Python 3.12: if there are threads

def event(name):
    return Recorded(name, NOW, OPENROUTER, "low", "{}")

def fork(work):
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        asyncio.run(work())
        code = 0
    except BaseException:
        traceback.print_exc()
    os._exit(code)
"""
"""Processes are forked, so that none of them spends its time on imports."""


def run(program: str, path: Path) -> str:
    """Run a program in a process of its own, which must say nothing on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + program, str(path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ("", 0) == (done.stderr, done.returncode)
    return done.stdout


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that does not exist yet."""
    return tmp_path / "history.db"


MANY = """
async def until_it_is_free(call):
    while True:
        try:
            return await call()
        except HistoryError as error:
            if error.reason != "locked":
                raise

gate, opener = os.pipe()

async def work():
    os.close(opener)
    os.read(gate, 1)  # until all processes are there
    name = str(os.getpid())
    async with History(path) as history:
        decide = lambda states: Decision({**states, name: 1}, (event("the same"), event(name)))
        await until_it_is_free(lambda: history.decide(decide))
        await until_it_is_free(lambda: history.add(report(name), NOW))

pids = [fork(work) for _ in range(100)]
os.close(opener)
print([os.waitpid(pid, 0)[1] for pid in pids].count(0))
"""


def test_100_processes_open_a_new_file_at_once(path: Path) -> None:
    """100 processes can open a new file at once: one makes it, and each event is recorded once."""
    assert "100\n" == run(MANY, path)

    with closing(connect(path)) as file:
        assert [("ok",)] == file.execute("PRAGMA integrity_check").fetchall()
        assert (100,) == file.execute("SELECT count(*) FROM alert").fetchone()
        assert (101,) == file.execute("SELECT count(*) FROM event").fetchone()
        assert (100,) == file.execute("SELECT count(*) FROM reading").fetchone()


KILLED = """
from sqlite3 import connect

count = 0
for life in range(20):
    source, sink = os.pipe()

    async def work():
        history = History(path)
        number = count
        while True:
            number += 1
            await history.add(report(str(number)), NOW + number * timedelta(minutes=1))
            await history.decide(lambda _: Decision({"number": number}, (event(str(number)),)))
            os.write(sink, b"%d " % number)

    pid = fork(work)
    os.close(sink)
    said = os.read(source, 100)
    time.sleep(random.random() / 20)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while more := os.read(source, 100_000):
        said += more
    os.close(source)
    said = int(said.split()[-1])

    file = connect(path)
    assert [("ok",)] == file.execute("PRAGMA integrity_check").fetchall()
    ((state,),) = file.execute("SELECT state FROM alert").fetchall()
    ((events, readings),) = file.execute(
        "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM reading)"
    ).fetchall()
    file.close()
    assert int(state) == events, (state, events)  # they are written together
    assert said <= events <= said + 1, (said, events)
    assert events <= readings <= events + 1, (events, readings)
    count = readings
    if events < readings:  # the next process begins with the event that is missing
        file = connect(path)
        count = events
        file.execute("DELETE FROM reading WHERE at = (SELECT max(at) FROM reading)")
        file.commit()
        file.close()
print(count > 20)
"""


def test_a_process_that_is_killed_loses_nothing_that_it_was_told_is_written(path: Path) -> None:
    """After each of 20 kills at any moment, the file is whole, with all that was written before."""
    assert "True\n" == run(KILLED, path)


LOCKED = """
from sqlite3 import connect
from openrouter_credits.history import _file

_file.PATIENCE = 0.1

async def make():
    async with History(path) as history:
        await history.add(report("9.90"), NOW)

os.waitpid(fork(make), 0)  # in another process: one in which a thread has been is not forked
source, sink = os.pipe()

async def hold():
    file = connect(path, isolation_level=None)
    file.execute("BEGIN IMMEDIATE")
    os.write(sink, b"held")
    signal.pause()

pid = fork(hold)
os.read(source, 4)

async def main():
    async with History(path) as history:
        for number in range(3):
            try:
                await history.add(report(str(number)), NOW + timedelta(hours=1))
            except HistoryError as error:
                print(error.reason, error.is_retryable)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        await history.add(report("1.10"), NOW + timedelta(hours=1))
        print(*[row["remaining"] async for row in history.export()])

asyncio.run(main())
"""


def test_a_lock_of_another_process_is_named_until_it_is_gone(path: Path) -> None:
    """While another process holds the file, each call says so; when that is killed, the next one works."""
    assert "locked True\n" * 3 + "9.9 1.1\n" == run(LOCKED, path)


FORKED = """
async def fill(history, name):
    for number in range(100):
        await history.decide(lambda states: Decision({**states, f"{name} {number}": 1}, ()))

history = History(path)

async def children():
    await fill(history, "first")
    return [fork(work), fork(work)]

async def work():
    await asyncio.wait_for(fill(history, str(os.getpid())), 20)
    await history.close()

async def parent():
    await fill(history, "second")
    await history.close()

def fork(work):
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        asyncio._set_running_loop(None)
        asyncio.run(work())
        code = 0
    except BaseException:
        traceback.print_exc()
    os._exit(code)

pids = asyncio.run(children())
asyncio.run(parent())
print([os.waitpid(pid, 0)[1] for pid in pids])
"""


def test_a_process_that_is_forked_opens_the_file_itself(path: Path) -> None:
    """A history that was used before a fork works in each process, and nobody's writing is lost."""
    assert "[0, 0]\n" == run(FORKED, path)

    with closing(connect(path)) as file:
        assert [("ok",)] == file.execute("PRAGMA integrity_check").fetchall()
        assert (400,) == file.execute("SELECT count(*) FROM alert").fetchone()


BUSY_AT_EXIT = """
async def main():
    history = History(path)
    await history.decide(lambda _: Decision({"a": 1}, ()))
    begun = threading.Event()

    def decide(states):
        begun.set()
        time.sleep(10_000)

    call = asyncio.ensure_future(history.decide(decide))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    call.cancel()
    globals()["kept"] = history

asyncio.run(main())
print("ends")
os.close(2)  # the interpreter says there that the history is unclosed
"""


def test_no_exit_waits_for_the_thread(path: Path) -> None:
    """A program ends while the thread of its history is at work, and what was written before is there."""
    assert "ends\n" == run(BUSY_AT_EXIT, path)

    with closing(connect(path)) as file:
        assert [("a", "1")] == file.execute("SELECT * FROM alert").fetchall()
