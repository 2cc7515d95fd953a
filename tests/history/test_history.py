"""`History`: one file, one thread, and one transaction for each call."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from openrouter_credits import CheckReport, KeyCheck, KeySpec, KeyStatus, Spendable
from openrouter_credits.history import Decision, History, HistoryError, Point, Recorded, Subject
from openrouter_credits.history import _history as module
from openrouter_credits.history._schema import milliseconds
from tests.kit.clock import until
from tests.kit.values import KEY, MASK, NOW, made_up, wallet
from tests.kit.wire import Connect, Serve, Wire, reply

ACME = Subject("wallet", "acme")
MINUTE = timedelta(minutes=1)
NOTHING = Decision({}, ())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that does not exist yet."""
    return tmp_path / "history.db"


@pytest.fixture
async def history(path: Path) -> AsyncIterator[History]:
    """Open a new history."""
    async with History(path) as opened:
        yield opened


def report(remaining: str) -> CheckReport:
    """Make a report on one wallet."""
    spendable = Spendable(Decimal(remaining), "wallet", None, "at_most")
    status = KeyStatus(None, wallet(remaining), spendable, (), NOW)
    return CheckReport((KeyCheck(0, "bot", MASK, "acme", status, None, 0.1, wallet_id=1),))


def low(number: int = 1) -> Recorded:
    """Make an event."""
    return Recorded(f"id {number}", NOW, ACME, "low", '{"text": "acme has $9.90"}')


def remembers(states: Mapping[str, Any], *events: Recorded) -> Callable[[Mapping[str, Any]], Decision]:
    """Make a function that decides on these states and events, whatever was before."""
    return lambda _: Decision(states, events)


async def query(history: History, sql: str) -> list[tuple[Any, ...]]:
    """Look into the file as the history's thread sees it."""
    return await history._read(lambda connection: connection.execute(sql).fetchall())


def names(folder: Path) -> list[str]:
    """List the files of a folder."""
    return sorted(file.name for file in folder.iterdir())


def threads() -> set[threading.Thread]:
    """List the threads of histories."""
    return {each for each in threading.enumerate() if each.name == "openrouter_credits history"}


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threads()
    yield
    assert threads() <= before


# What is written


async def test_reports_are_added_and_read(history: History) -> None:
    """What reports tell can be read as subjects, series, the last reading, a runway, counters and rows."""
    await history.add(report("9.90"), NOW)
    await history.add(report("8.80"), NOW + 10 * MINUTE)

    later = NOW + 10 * MINUTE
    assert (ACME,) == await history.subjects()
    assert [Decimal("9.9"), Decimal("8.8")] == [
        point.remaining for point in await history.series("wallet:acme", NOW - 10 * MINUTE, later, 2)
    ]
    assert Point(later, Decimal("8.8")) == await history.last(ACME)
    assert {ACME: ((NOW, Decimal("90.6")), (later, Decimal("91.7")))} == await history.counters(NOW)
    assert [Decimal("9.9"), Decimal("8.8")] == [row["remaining"] async for row in history.export()]
    assert [Decimal("8.8")] == [row["remaining"] async for row in history.export(ACME, later)]
    runway = await history.runway(ACME)
    assert runway is not None
    assert "accumulating" == runway.verdict


async def test_a_report_is_of_now_unless_it_is_said(history: History) -> None:
    """A report without a time is written at the time of the wall clock."""
    before = time.time()
    await history.add(report("9.90"))

    ((at,),) = await query(history, "SELECT at FROM reading")
    assert before - 1 <= at / 1000 <= time.time() + 1


async def test_a_naive_time_is_refused(history: History) -> None:
    """add() refuses a time without a zone, and writes nothing."""
    with pytest.raises(ValueError, match="an aware datetime is needed"):
        await history.add(report("9.90"), datetime(2026, 10, 21))  # noqa: DTZ001 - naive on purpose

    assert () == await history.subjects()


async def test_states_are_remembered(path: Path) -> None:
    """A decision is handed the states of the last one, also after the file was closed."""
    seen: list[Mapping[str, Any]] = []

    def decide(states: Mapping[str, Any]) -> Decision:
        seen.append(dict(states))
        return Decision({"wallet:acme": {"level": "LOW", "looks": len(seen)}, "": [1, None]}, ())

    for _ in range(2):
        async with History(path) as history:
            await history.decide(decide)

    assert [{}, {"wallet:acme": {"level": "LOW", "looks": 1}, "": [1, None]}] == seen


async def test_a_state_that_is_left_out_is_forgotten(history: History) -> None:
    """States that a decision leaves out are removed; those that it does not change are not written again."""
    await history.decide(remembers({"a": 1, "b": 2}))
    before = await query(history, "PRAGMA data_version")

    await history.decide(remembers({"b": 2}))

    assert [("b", "2")] == await query(history, "SELECT * FROM alert")
    assert before == await query(history, "PRAGMA data_version")


async def test_an_event_is_recorded_once(history: History) -> None:
    """decide() returns the ids of the events that nobody had recorded, in their order."""
    assert ("id 2", "id 1") == await history.decide(remembers({}, low(2), low(1), low(2)))
    assert ("id 3",) == await history.decide(remembers({}, low(1), low(3)))

    recorded = await query(history, "SELECT id, at, kind, body FROM event ORDER BY number")
    assert ["id 2", "id 1", "id 3"] == [row[0] for row in recorded]
    assert (milliseconds(NOW), "low", '{"text": "acme has $9.90"}') == recorded[0][1:]
    assert [("wallet", "acme", None)] == await query(history, "SELECT kind, account, name FROM subject")
    assert () == await history.subjects()


@pytest.mark.parametrize("error", [ValueError("no"), OSError("no"), KeyboardInterrupt()])
async def test_a_decision_that_fails_changes_nothing(history: History, error: BaseException) -> None:
    """If the function raises, nothing is written, and the caller gets the same exception."""

    def fail(states: Mapping[str, Any]) -> Decision:
        raise error

    await history.decide(remembers({"a": 1}))

    with pytest.raises(type(error)) as caught:
        await history.decide(fail)

    assert error is caught.value
    assert ("id 1",) == await history.decide(lambda states: Decision(states, (low(),)))
    assert [("a", "1")] == await query(history, "SELECT * FROM alert")


@pytest.mark.parametrize("state", [{1, 2}, float("nan")])
async def test_a_state_that_is_no_json_is_refused(history: History, state: object) -> None:
    """A state that JSON has no form for raises, and nothing is written."""
    with pytest.raises((TypeError, ValueError)):
        await history.decide(remembers({"a": 1, "b": state}, low()))

    assert [] == await query(history, "SELECT id FROM event")
    assert [] == await query(history, "SELECT * FROM alert")


async def test_two_histories_of_one_file_say_each_thing_once(path: Path) -> None:
    """Of two histories of one file that decide at once, one records the event; the other sees its state."""

    def decide(states: Mapping[str, Any]) -> Decision:
        events = () if states else (low(),)
        return Decision({"a": 1}, events)

    async with History(path) as one, History(path) as other:
        ids = await asyncio.gather(*[each.decide(decide) for each in (one, other) * 10])

    assert [(), ("id 1",)] == sorted(set(ids))
    assert 1 == sum(map(len, ids))


# The file


@pytest.fixture
def _no_mask() -> Iterator[None]:
    """Let files be made with whatever mode they are asked for."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(path: Path) -> dict[str, int]:
    """Return the modes of a history's files."""
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}


@pytest.mark.usefixtures("_no_mask")
async def test_only_this_user_can_read_a_new_file(path: Path) -> None:
    """A new file and those beside it can be read and written by this user alone."""
    async with History(path) as history:
        await history.add(report("9.90"), NOW)

        assert {"history.db": 0o600, "history.db-wal": 0o600, "history.db-shm": 0o600} == modes(path)


@pytest.mark.usefixtures("_no_mask")
async def test_a_file_keeps_its_mode(path: Path) -> None:
    """A file that somebody else may read keeps its mode, which those beside it have, too."""
    path.touch()
    path.chmod(0o640)

    async with History(path) as history:
        await history.add(report("9.90"), NOW)

        assert {"history.db": 0o640, "history.db-wal": 0o640, "history.db-shm": 0o640} == modes(path)


async def test_a_commit_is_safe_and_cheap(history: History) -> None:
    """The file is in WAL mode, commits do not wait for the disk, and a lock is waited for 5 s."""
    names = ("journal_mode", "synchronous", "busy_timeout")

    assert ["wal", 1, 5000] == [(await query(history, f"PRAGMA {name}"))[0][0] for name in names]


@pytest.mark.parametrize(
    "name", ["a b.db", "what?.db", "a#b.db", "100%41.db", "file:x?mode=memory", "ä", "-", "'", "&;$(ls)"]
)
async def test_a_path_is_no_uri(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path with blanks and special characters, relative or not, is the file of this very name."""
    monkeypatch.chdir(tmp_path)

    async with History(name) as history:
        await history.decide(remembers({"a": 1}))
    async with History(tmp_path / name) as history:
        assert [("a", "1")] == await query(history, "SELECT * FROM alert")

    assert [name] == names(tmp_path)


async def test_a_path_is_of_the_folder_in_which_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path is of the working folder when the history was made, wherever the program goes."""
    monkeypatch.chdir(tmp_path)
    history = History("here.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    async with history:
        pass

    assert (tmp_path / "here.db").exists()
    assert [] == names(tmp_path / "elsewhere")


@pytest.mark.usefixtures("_no_mask")
@pytest.mark.parametrize("is_there", [True, False])
async def test_a_link_is_followed(tmp_path: Path, path: Path, is_there: bool) -> None:
    """A link stands for the file that it points to, also if that is still to be made."""
    target = tmp_path / "target.db"
    path.symlink_to(target)
    if is_there:
        async with History(target):
            pass

    async with History(path) as history:
        await history.add(report("9.90"), NOW)
        assert 0o600 == modes(path)["target.db-wal"]

    assert path.is_symlink()
    assert 0o600 == modes(path)["target.db"]


async def test_a_history_in_memory_ends_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`:memory:` makes no file, and is empty when it is opened again."""
    monkeypatch.chdir(tmp_path)
    history = History(":memory:")
    async with history:
        await history.add(report("9.90"), NOW)
        assert (ACME,) == await history.subjects()

    async with history:
        assert () == await history.subjects()
    assert [] == names(tmp_path)


async def test_an_error_leaves_a_history_in_memory_as_it_was() -> None:
    """After an error, a history in memory has what it had before."""
    async with History(":memory:") as history:
        await history.add(report("9.90"), NOW)

        with pytest.raises(HistoryError, match="the file is damaged"):
            await query(history, "SELECT * FROM nowhere")

        assert (ACME,) == await history.subjects()


@pytest.mark.parametrize("path", [b"history.db", 3, None])
def test_a_path_is_a_text_or_a_path(path: Any) -> None:
    """A path of another type is refused at once."""
    with pytest.raises(TypeError):
        History(path)


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_a_path_names_a_file(path: str) -> None:
    """An empty path, and one with a NUL, is refused at once."""
    with pytest.raises(ValueError, match="path is the name of a file"):
        History(path)


def test_the_repr_has_the_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of a history is from the root, and its repr has it."""
    monkeypatch.chdir(path.parent)

    assert str(path) == History("history.db").path
    assert f"History({str(path)!r})" == repr(History(Path("history.db")))
    assert "History(':memory:')" == repr(History(":memory:"))


# The thread


async def test_a_history_that_is_not_used_has_no_thread(path: Path) -> None:
    """A history starts its thread when it is first used; without that, it can be closed or dropped."""
    history = History(path)
    assert not history.is_open
    assert set() == threads()

    await history.close()
    del history

    assert not path.exists()


async def test_a_thread_ends_with_its_history(path: Path) -> None:
    """A history has one thread, which has ended when close() returns; the next call starts another."""
    history = History(path)
    for _ in range(2):
        await asyncio.gather(*[history.decide(remembers({"a": 1})) for _ in range(20)])
        (thread,) = threads()
        was_open = history.is_open

        await history.close()
        await history.close()
        assert (True, False) == (was_open, history.is_open)
        assert not thread.is_alive()


@pytest.mark.real_time
def test_threads_may_share_a_history(path: Path) -> None:
    """Loops in many threads may use and close one history at once: each call ends, and no thread is left."""
    history, before, failures = History(path), threads(), list[BaseException]()
    together = threading.Barrier(8)

    def also(name: str) -> Callable[[Mapping[str, Any]], Decision]:
        return lambda states: Decision({**states, name: 1}, ())

    async def use(place: int) -> None:
        together.wait()
        for number in range(20):
            if number % 8 == place:
                await history.close()
            await history.decide(also(f"{place} {number}"))

    def run(place: int) -> None:
        try:
            asyncio.run(asyncio.wait_for(use(place), 30))
        except BaseException as error:  # noqa: BLE001 - a thread has nobody to raise it to
            failures.append(error)

    callers = [threading.Thread(target=run, args=(place,)) for place in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    finally:
        sys.setswitchinterval(interval)

    assert [] == failures
    assert 1 == len(threads() - before)
    asyncio.run(history.close())
    with closing(sqlite3.connect(path)) as file:
        assert (160,) == file.execute("SELECT count(*) FROM alert").fetchone()


async def test_a_history_whose_thread_is_in_another_process_begins_anew(path: Path) -> None:
    """Without its thread, as in a process that was forked, a history is closed; the next call opens it."""
    history = History(path)
    await history.decide(remembers({"a": 1}))
    assert history._used is not None
    thread, _ = history._used
    thread.shutdown()

    await history.close()
    assert [("a", "1")] == await query(history, "SELECT * FROM alert")
    await history.close()


async def test_calls_under_way_end_before_the_file_is_closed(path: Path) -> None:
    """close() lets the calls before it finish."""
    history = History(path)
    calls = [asyncio.create_task(history.decide(remembers({"a": number}))) for number in range(10)]
    await asyncio.sleep(0)

    await history.close()

    assert [()] * 10 == await asyncio.gather(*calls)
    async with history:
        assert [("a", "9")] == await query(history, "SELECT * FROM alert")


async def test_the_threads_of_the_loop_are_not_used(history: History) -> None:
    """Work of a history does not use the event loop's own threads, in which names are looked up."""
    await history.add(report("9.90"), NOW)

    loop: Any = asyncio.get_running_loop()
    assert loop._pool is None


async def test_a_history_that_cannot_be_opened_leaves_no_thread(tmp_path: Path) -> None:
    """`async with` of a history that cannot be opened leaves no thread."""
    with pytest.raises(HistoryError):
        await History(tmp_path).__aenter__()

    assert set() == threads()


async def test_a_history_that_is_dropped_warns_and_ends_its_thread(path: Path) -> None:
    """A history that is dropped without close() warns of it, closes the file and ends its thread."""
    history = History(path)
    await history.decide(remembers({"a": 1}))
    (thread,) = threads()

    with pytest.warns(ResourceWarning, match=r"unclosed history .*history\.db"):  # noqa: PT031 - whichever warns
        del history
        gc.collect()

    await until(lambda: not thread.is_alive())
    assert [path.name] == names(path.parent)  # without the files of an open one


async def test_a_system_without_threads_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system has no thread left, the error says so, and the next call tries again."""

    def refuse() -> None:
        raise RuntimeError("can't start new thread")

    history = History(path)
    with monkeypatch.context() as patch:
        patch.setattr(module, "OneThread", refuse)
        with pytest.raises(HistoryError, match="the system has no thread left") as caught:
            await history.open()
    async with history:
        assert () == await history.subjects()

    assert "other" == caught.value.reason
    assert "Raise the limits" in caught.value.remedy
    assert caught.value.__context__ is None


# Callers that are cancelled


@pytest.fixture
def gate() -> Iterator[tuple[threading.Event, threading.Event]]:
    """Make two signals: that a decision has begun, and that it may go on."""
    begun, go_on = threading.Event(), threading.Event()
    yield begun, go_on
    go_on.set()


async def test_a_call_that_has_begun_goes_on_if_its_caller_is_cancelled(
    history: History, gate: tuple[threading.Event, threading.Event]
) -> None:
    """A caller that is cancelled in the midst of a decision leaves it whole, and the history in order."""
    begun, go_on = gate

    def decide(states: Mapping[str, Any]) -> Decision:
        begun.set()
        go_on.wait()
        return Decision({"a": 1}, (low(),))

    call = asyncio.create_task(history.decide(decide))
    await until(begun.is_set)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    go_on.set()

    assert () == await history.decide(lambda states: Decision(states, (low(),)))
    assert [("a", "1")] == await query(history, "SELECT * FROM alert")


async def test_a_call_that_waits_for_its_turn_can_be_cancelled(
    history: History, gate: tuple[threading.Event, threading.Event]
) -> None:
    """A caller that is cancelled before its turn in the thread has changed nothing."""
    begun, go_on = gate

    def decide(states: Mapping[str, Any]) -> Decision:
        begun.set()
        go_on.wait()
        return Decision({"a": 1}, ())

    first = asyncio.create_task(history.decide(decide))
    await until(begun.is_set)
    second = asyncio.create_task(history.decide(remembers({"b": 2})))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    go_on.set()

    assert () == await first
    assert [("a", "1")] == await query(history, "SELECT * FROM alert")


async def test_closing_can_be_cancelled(path: Path, gate: tuple[threading.Event, threading.Event]) -> None:
    """A close() that is cancelled still closes the file and ends the thread; meanwhile, another may begin."""
    begun, go_on = gate

    def decide(states: Mapping[str, Any]) -> Decision:
        begun.set()
        go_on.wait()
        return NOTHING

    history = History(path)
    call = asyncio.create_task(history.decide(decide))
    await until(begun.is_set)
    (thread,) = threads()
    closing = asyncio.create_task(history.close())
    await asyncio.sleep(0)
    closing.cancel()
    with suppress(asyncio.CancelledError):
        await closing
    assert () == await history.subjects()
    await history.close()
    go_on.set()

    assert () == await call
    await until(lambda: not thread.is_alive())
    assert [path.name] == names(path.parent)


# Secrets


async def test_no_key_is_in_the_file(path: Path, serve: Serve, connect: Connect) -> None:
    """No key, and no part of one beyond its mask, is in the files, wherever the server echoes it."""
    used = [KEY, made_up("a"), made_up("b")]

    async def echo(wire: Wire) -> None:
        key = wire.received.key
        if wire.received.target.endswith("/credits"):
            await wire.write(reply(500, {"error": {"code": 500, "message": key, "metadata": {key: key}}}))
            return
        budgets = [{"scope": key, "id": key, "remaining_usd": 5, "interval": key}]
        data = {"label": key, "usage": 1, "limit": 9, "limit_remaining": 8, "creator_user_id": key}
        await wire.write(reply(200, {"data": {**data, "budgets": budgets, "limit_reset": key}}))

    client = connect((await serve(echo)).url)
    specs = [KeySpec(key, name=f"bot {key}", account=key) for key in used]
    found = await client.check_all([*specs, used[1]], read=("credits", "key"))
    event = Recorded("id", NOW, Subject("key", KEY, KEY), "low", json.dumps({"text": f"a {KEY} b"}))

    async with History(path) as history:
        await history.add(found, NOW)
        await history.decide(remembers({KEY: {"keys": [KEY, f"Bearer {used[1]}"]}}, event))
        assert await history.subjects()
        written = b"".join(file.read_bytes() for file in path.parent.iterdir())
    written += path.read_bytes()

    parts = {key[at : at + 8].encode() for key in used for at in range(len("sk-or-v1-"), len(key) - 7)}
    assert b"wallet" in written
    assert [part for part in parts if part in written] == []


async def test_halves_of_a_character_are_written(history: History) -> None:
    """A name with half of a surrogate pair, as JSON can have, is written with a question mark for it."""
    event = Recorded("id", NOW, Subject("key", "acme", "bot \ud83d"), "low", "{}")

    await history.decide(remembers({"key:bot \ud83d": "\ud83d"}, event))

    assert [("bot ?",)] == await query(history, "SELECT name FROM subject")
    assert [("key:bot ?", '"\\ud83d"')] == await query(history, "SELECT * FROM alert")
