"""What goes wrong with the file of a history: each fault is named, mended, and loses nothing."""

from __future__ import annotations

import errno
import os
import pickle
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from openrouter_credits import OpenRouterError
from openrouter_credits.history import History, HistoryError
from openrouter_credits.history import _file as file_module
from openrouter_credits.history._errors import explain
from openrouter_credits.history._schema import VERSION
from tests.history.test_history import ACME, low, names, query, remembers, report
from tests.kit.values import NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that does not exist yet."""
    return tmp_path / "history.db"


@pytest.fixture
async def written(path: Path) -> Path:
    """Write a history of some pages, and close it."""
    async with History(path) as history:
        for place in range(600):
            await history.add(report(f"{900 - place}"), NOW + place * MINUTE)
        await history.decide(remembers({"a": 1}, low()))
    return path


@contextmanager
def fails(path: Path | str, reason: str, text: str, remedy: str) -> Iterator[None]:
    """Demand the error of a reason, with the path, what happened, and then what to do."""
    with pytest.raises(HistoryError) as caught:
        yield
    error = caught.value
    assert isinstance(error, OpenRouterError)
    assert (str(path), reason) == (error.path, error.reason)
    assert str(path) in str(error)
    assert text in error.summary
    assert remedy in error.remedy
    assert str(error).endswith(f"{error.summary}. {error.remedy}")
    assert (reason in {"full", "locked"}) == error.is_retryable
    assert error.__context__ is error.__cause__ is None
    copied = pickle.loads(pickle.dumps(error))
    assert vars(error) == vars(copied)


# Full


async def test_a_full_disk_loses_nothing(path: Path) -> None:
    """When the disk is full, the call fails and changes nothing; when there is room, all works again."""
    async with History(path) as history:
        await history.add(report("9.90"), NOW)
        pages = (await query(history, "PRAGMA page_count"))[0][0]
        await query(history, f"PRAGMA max_page_count = {pages}")

        with fails(path, "full", "its disk is full", "Free space on that disk"):
            await history.decide(remembers({str(number): "x" * 999 for number in range(20)}, low()))
        assert [] == await query(history, "SELECT * FROM alert")
        assert (ACME,) == await history.subjects()

        await query(history, "PRAGMA max_page_count = 1000")
        assert ("id 1",) == await history.decide(remembers({"a": 1}, low()))


# Read-only


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Make a folder that other users can enter, as pytest's own cannot be."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user whom modes of files stop, as they do not stop root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


WRITE = "this user may not write to it, or to its folder"


async def test_a_file_that_may_not_be_written(public_folder: Path) -> None:
    """A file that this user may not write is named; when it may, the same history works."""
    path = public_folder / "history.db"
    async with History(path) as history:
        await history.add(report("9.90"), NOW)
    public_folder.chmod(0o777)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)

    path.chmod(0o400)
    history = History(path)
    with as_nobody():
        with fails(path, "read_only", WRITE, "Allow this user to write to both"):
            await history.add(report("8.80"), NOW + MINUTE)
        path.chmod(0o600)
        await history.add(report("7.70"), NOW + MINUTE)
        assert [9.9, 7.7] == [float(row["remaining"]) async for row in history.export()]
        await history.close()


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_folder_that_may_not_be_written(public_folder: Path, is_there: bool) -> None:
    """A folder in which this user may make no file is named, whether the history is there or not."""
    path = public_folder / "history.db"
    if is_there:
        async with History(path):
            pass
        path.chmod(0o666)
    public_folder.chmod(0o555)

    history = History(path)
    with as_nobody(), fails(path, "read_only", WRITE, "name another file"):
        await history.open()
    await history.close()


async def test_a_history_that_is_read_is_not_changed(written: Path) -> None:
    """A history that is only read can be read beside one that writes; what would change it is an error."""
    async with History(written) as writer, History(written, read_only=True) as reader:
        assert (ACME,) == await reader.subjects()
        await writer.add(report("1.10"), NOW + 601 * MINUTE)
        last = await reader.last(ACME)
        assert last is not None
        assert "1.1" == str(last.remaining)

        with fails(written, "read_only", WRITE, "Allow this user"):
            await reader.add(report("2.20"), NOW + 602 * MINUTE)
        with fails(written, "read_only", WRITE, "Allow this user"):
            await reader.decide(remembers({"a": 2}))


async def test_a_history_that_is_read_has_no_companions(written: Path) -> None:
    """Reading a history that nobody else has open makes no file beside it, and leaves it as it is."""
    before = written.read_bytes()

    async with History(written, read_only=True) as reader:
        assert (ACME,) == await reader.subjects()

    assert [written] == list(written.parent.iterdir())
    assert before == written.read_bytes()


async def test_a_history_is_read_where_nothing_may_be_written(public_folder: Path) -> None:
    """A user who may only read the file and its folder reads the history."""
    path = public_folder / "history.db"
    async with History(path) as history:
        await history.add(report("9.90"), NOW)
    path.chmod(0o444)
    public_folder.chmod(0o555)

    with as_nobody():
        async with History(path, read_only=True) as reader:
            assert (ACME,) == await reader.subjects()


async def test_a_history_that_is_read_shows_what_is_written_meanwhile(written: Path) -> None:
    """What is written after the history was opened for reading is read, also while it is being written."""
    file = file_module.File(str(written), read_only=True)
    seen = []

    def count(db: sqlite3.Connection) -> int:
        (number,) = db.execute("SELECT count(*) FROM reading").fetchone()
        seen.append(number)
        if len(seen) == 2:
            with closing(sqlite3.connect(written)) as other, other:
                other.execute("DELETE FROM reading")
        if len(seen) == 4:
            raise sqlite3.DatabaseError
        return int(number)

    first = file.run("BEGIN", count)
    assert (first, 0) == (seen[0], file.run("BEGIN", count))
    assert [first, first, 0] == seen
    with pytest.raises(HistoryError):
        file.run("BEGIN", count)
    file.close()


async def test_a_history_is_read_beside_a_writer_that_comes_later(written: Path) -> None:
    """What a writer adds, who comes after the history was opened for reading, is read."""
    async with History(written, read_only=True) as reader:
        await reader.subjects()
        async with History(written) as writer:
            await writer.add(report("1.10"), NOW + 601 * MINUTE)
            last = await reader.last(ACME)

    assert last is not None
    assert "1.1" == str(last.remaining)


async def test_a_history_that_is_read_is_not_made(path: Path) -> None:
    """A history that is only read is not made: neither its file, nor its tables in an empty one."""
    for _ in range(2):
        history = History(path, read_only=True)
        with fails(path, "missing", "There is no history", "a watch with this history begins it"):
            await history.open()
        await history.close()
        if path.exists():
            assert 0 == path.stat().st_size
        path.touch()


# Locked


@contextmanager
def locked(path: Path, how: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Hold a lock on the file, as another process does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(how)
        yield
        other.execute("ROLLBACK")


LOCKED = "another process has locked it for more than 5 seconds"


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "PATIENCE", 0.05)


@pytest.mark.usefixtures("_impatient")
async def test_a_lock_is_waited_for_and_named(written: Path) -> None:
    """While another process writes, calls that write fail after a while, and calls that read do not."""
    async with History(written) as history:
        with locked(written):
            with fails(written, "locked", LOCKED, "fuser"):
                await history.add(report("1.10"), NOW + 700 * MINUTE)
            assert (ACME,) == await history.subjects()

        await history.add(report("1.10"), NOW + 700 * MINUTE)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("how", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
async def test_a_file_that_is_made_by_another_is_waited_for(path: Path, how: str) -> None:
    """While another process holds a file in which the tables are still to be made, opening it fails."""
    path.touch()
    history = History(path)

    with locked(path, how), fails(path, "locked", LOCKED, "try again later"):
        await history.open()
    await history.decide(remembers({"a": 1}))
    await history.close()


async def test_a_lock_that_ends_in_time_is_no_error(path: Path) -> None:
    """Opening waits for a process that holds the file, and goes on when it lets it go."""
    path.touch()
    history = History(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    tries: list[None] = []

    def patiently(seconds: float) -> None:
        tries.append(None)
        other.rollback()

    clock = SimpleNamespace(sleep=patiently, monotonic=lambda: 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_module, "time", clock)
        await history.open()
    other.close()
    await history.close()

    assert [None] == tries


# Damaged


DAMAGED = "the file is damaged, or is no SQLite file"


async def replaced_by_a_new_one(history: History, path: Path) -> None:
    """Do as the remedy says, and demand that the same history works."""
    aside = path.parent / "aside"
    aside.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        file.rename(aside / file.name)
    await history.add(report("9.90"), NOW)
    assert (ACME,) == await history.subjects()
    await history.close()


@pytest.mark.parametrize(
    "content",
    [b"name,amount\nacme,9.90\n", random.Random(1).randbytes(20_000), b"SQLite format 3\0" + b"\xff" * 5000],
)
async def test_a_file_of_something_else_is_not_touched(path: Path, content: bytes) -> None:
    """A file that is no SQLite file is named as damaged, and stays as it is."""
    path.write_bytes(content)
    history = History(path)

    with fails(path, "damaged", DAMAGED, "Move it away"):
        await history.add(report("9.90"), NOW)

    assert content == path.read_bytes()
    assert [path.name] == names(path.parent)
    await replaced_by_a_new_one(history, path)


async def test_a_file_that_is_cut(written: Path) -> None:
    """A file that was cut is named as damaged."""
    os.truncate(written, written.stat().st_size // 2)
    history = History(written)

    with fails(written, "damaged", DAMAGED, ".recover"):
        assert [row async for row in history.export()]

    await replaced_by_a_new_one(history, written)


async def test_a_page_in_the_middle_that_is_damaged(written: Path) -> None:
    """A damaged page in the middle is found when it is read; what does not need it still works."""
    with written.open("r+b") as file:
        for page in range(4, written.stat().st_size // 4096 - 1):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)
    history = History(written)

    with fails(written, "damaged", DAMAGED, ".recover"):
        for _ in range(2):
            assert [row async for row in history.export()]
            await history.add(report("9.90"), NOW + 999 * MINUTE)

    await replaced_by_a_new_one(history, written)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE reading SET remaining = '9.x'",
        "UPDATE reading SET remaining = x'ff'",
        "UPDATE reading SET remaining = CAST(x'ff' AS TEXT)",
    ],
)
async def test_an_amount_that_is_damaged(written: Path, sql: str) -> None:
    """An amount that is no number is named as damage, and never read as something else."""
    async with History(written) as history:
        await query(history, sql)

        with fails(written, "damaged", DAMAGED, ".recover"):
            await history.last(ACME)


@pytest.mark.parametrize("state", ["{", "x'00'"])
async def test_a_state_that_is_damaged(written: Path, state: str) -> None:
    """A state that is no JSON is named as damage; nothing is decided on half of what was remembered."""
    async with History(written) as history:
        await query(history, f"UPDATE alert SET state = {state if state[0] == 'x' else repr(state)}")

        with fails(written, "damaged", DAMAGED, ".recover"):
            await history.decide(lambda _: pytest.fail("not reached"))


@pytest.mark.parametrize("at", ["9999999999999999", "'noon'"])
async def test_a_moment_that_is_damaged(written: Path, at: str) -> None:
    """A moment that is no time is named as damage, and ends no watch."""
    async with History(written) as history:
        await query(history, f"UPDATE reading SET at = {at} WHERE at = (SELECT max(at) FROM reading)")

        with fails(written, "damaged", DAMAGED, ".recover"):
            await history.last(ACME)


@pytest.mark.parametrize(
    ("old", "new"), [(b"CREATE TABLE rollup", b"CREATE \xc3ABLE rollup"), (b"used", b"usex")]
)
async def test_a_table_whose_definition_is_damaged(written: Path, old: bytes, new: bytes) -> None:
    """A file in which the definition of a table is damaged is named, whatever SQLite makes of that."""
    written.write_bytes(written.read_bytes().replace(old, new))
    history = History(written)

    with fails(written, "damaged", DAMAGED, ".recover"):
        await history.add(report("1.10"), NOW + 700 * MINUTE)

    await replaced_by_a_new_one(history, written)


# Of others, of other versions, elsewhere


async def test_a_file_of_a_newer_version_is_not_touched(written: Path) -> None:
    """A file that a newer version has written is named, and is neither read nor changed."""
    with closing(sqlite3.connect(written)) as newer:
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = written.read_bytes()
    history = History(written)

    with fails(written, "newer", "a newer version of openrouter-credits", "pip install --upgrade"):
        await history.add(report("1.10"), NOW)
    await history.close()

    assert before == written.read_bytes()


@pytest.mark.parametrize(
    "sql", ["CREATE TABLE cookies (id)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"]
)
async def test_a_file_of_another_program_is_not_touched(path: Path, sql: str) -> None:
    """An SQLite file of another program is named, and nothing is written into it."""
    with closing(sqlite3.connect(path)) as other:
        other.execute(sql)
    before = path.read_bytes()
    history = History(path)

    with fails(path, "other", "it is an SQLite file of another program", "Name another file"):
        await history.add(report("1.10"), NOW)
    await history.close()

    assert before == path.read_bytes()
    assert [path.name] == names(path.parent)


async def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    """A folder that does not exist is named with the command that makes it; then the same history works."""
    path = tmp_path / "a b" / "history.db"
    history = History(path)

    with fails(path, "missing", "its folder does not exist", f"mkdir -p '{path.parent}'"):
        await history.open()

    path.parent.mkdir()
    await history.open()
    await history.close()


async def test_a_file_in_the_place_of_the_folder(path: Path) -> None:
    """A path below a file is one whose folder does not exist."""
    path.touch()
    history = History(path / "history.db")

    with fails(path / "history.db", "missing", "its folder does not exist", "name another file"):
        await history.open()
    await history.close()


@pytest.mark.parametrize("place", [".", "/dev/null"])
async def test_a_path_that_is_no_file(tmp_path: Path, place: str) -> None:
    """A folder or a device is no history."""
    path = tmp_path / place
    history = History(path)

    with fails(path, "other", "it is a folder or a device", "Name another file"):
        await history.open()
    await history.close()


async def test_a_link_in_a_circle(path: Path) -> None:
    """A link that points to itself is an error of the system, in its words."""
    path.symlink_to(path)
    history = History(path)

    with fails(path, "other", "cannot be used: ", "Name another file"):
        await history.open()
    await history.close()


async def test_a_link_to_a_folder_that_does_not_exist(tmp_path: Path, path: Path) -> None:
    """The folder that is to be made is the one to which a link points."""
    path.symlink_to(tmp_path / "elsewhere" / "history.db")
    history = History(path)

    with fails(path, "missing", "its folder does not exist", f"mkdir -p {tmp_path / 'elsewhere'}"):
        await history.open()

    (tmp_path / "elsewhere").mkdir()
    await history.open()
    await history.close()


@pytest.fixture
def beside(path: Path) -> list[Path]:
    """Name the files that SQLite has beside a history."""
    return [path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm")]


async def as_after_a_kill(path: Path, tmp_path: Path) -> list[str]:
    """Read the amounts that are in the file if its process is killed now."""
    copies = tmp_path / "copies"
    copies.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, copies / file.name)
    async with History(copies / path.name) as history:
        return [str(row["remaining"]) async for row in history.export()]


@pytest.mark.parametrize("removed", [("-wal",), ("-shm",), ("-wal", "-shm")], ids="".join)
async def test_files_beside_it_that_are_removed_take_nothing_with_them(
    tmp_path: Path, path: Path, beside: list[Path], removed: tuple[str, ...]
) -> None:
    """If the files beside an open history are removed, nothing that it wrote before or after is lost."""
    async with History(path) as history:
        await history.add(report("3.30"), NOW)
        for end in removed:
            path.with_name(f"{path.name}{end}").unlink()

        await history.add(report("2.20"), NOW + MINUTE)
        await history.add(report("1.10"), NOW + 2 * MINUTE)

        assert all(file.exists() for file in beside)
        assert ["3.3", "2.2", "1.1"] == await as_after_a_kill(path, tmp_path)


@pytest.mark.usefixtures("_impatient")
async def test_what_was_beside_the_file_is_kept_until_nobody_reads_it(path: Path, beside: list[Path]) -> None:
    """While another program reads, a call after the removal fails and loses nothing; the next one works."""
    async with History(path) as history:
        await history.add(report("2.20"), NOW)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN")
            other.execute("SELECT * FROM reading").fetchall()
            await history.add(report("1.10"), NOW + MINUTE)
            beside[0].unlink()

            with fails(path, "locked", LOCKED, "try again later"):
                await history.add(report("0.10"), NOW + 2 * MINUTE)

        await history.add(report("0.10"), NOW + 2 * MINUTE)
        assert ["2.2", "1.1", "0.1"] == [str(row["remaining"]) async for row in history.export()]


async def test_what_was_beside_the_file_is_given_up_if_it_cannot_be_read(
    path: Path, beside: list[Path]
) -> None:
    """If what was removed cannot be read, either, the history goes on with what is in the file."""
    async with History(path) as history:
        await history.add(report("2.20"), NOW)
        assert history._used is not None
        file = history._used[1]
        with closing(sqlite3.connect(":memory:")) as broken:
            broken.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
            beside[0].unlink()
            file._save(broken)

        await history.add(report("1.10"), NOW + MINUTE)
        assert ["2.2", "1.1"] == [str(row["remaining"]) async for row in history.export()]


async def test_a_file_that_is_deleted_is_begun_anew(written: Path) -> None:
    """A file that is deleted under an open history is made again: nothing is written to nowhere."""
    async with History(written) as history:
        await history.add(report("1.10"), NOW + 700 * MINUTE)
        for file in written.parent.iterdir():
            file.unlink()

        await history.add(report("2.20"), NOW + 701 * MINUTE)

    async with History(written) as history:
        assert ["2.2"] == [str(row["remaining"]) async for row in history.export()]


async def test_a_file_that_is_put_back_is_taken_up(written: Path, tmp_path: Path) -> None:
    """A file that is replaced by another history under an open one is used from then on."""
    copy = tmp_path / "copy.db"
    shutil.copy(written, copy)
    async with History(written) as history:
        await history.decide(remembers({"a": 2}))
        for file in tmp_path.glob("history.db*"):
            file.unlink()
        copy.rename(written)

        assert [("a", "1")] == await query(history, "SELECT * FROM alert")


# What SQLite and the system say


def of_sqlite(name: str) -> sqlite3.Error:
    """Make an error as SQLite raises it."""
    error = sqlite3.OperationalError(name)
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (of_sqlite("SQLITE_FULL"), "full"),
        (of_sqlite("SQLITE_IOERR_SHMSIZE"), "full"),
        (of_sqlite("SQLITE_IOERR_WRITE"), "other"),
        (of_sqlite("SQLITE_READONLY_DIRECTORY"), "read_only"),
        (of_sqlite("SQLITE_BUSY_SNAPSHOT"), "locked"),
        (of_sqlite("SQLITE_CORRUPT_INDEX"), "damaged"),
        (of_sqlite("SQLITE_IOERR_SHORT_READ"), "damaged"),
        (of_sqlite("SQLITE_NOTADB"), "damaged"),
        (of_sqlite("SQLITE_CANTOPEN"), "other"),
        (of_sqlite("SQLITE_NOMEM"), "other"),
        (sqlite3.ProgrammingError("a fault of ours"), "other"),
        (OSError(28, "No space left on device"), "full"),
        (OSError(30, "Read-only file system"), "read_only"),
        (OSError("no number"), "other"),
        (of_sqlite("SQLITE_ERROR"), "damaged"),
        (of_sqlite("SQLITE_CONSTRAINT_NOTNULL"), "damaged"),
    ],
    ids=str,
)
def test_each_error_has_a_reason(tmp_path: Path, error: sqlite3.Error | OSError, reason: str) -> None:
    """An error of SQLite or of the system has the reason of its code, and is quoted if that is not known."""
    found = explain(error, str(tmp_path / "history.db"))

    assert reason == found.reason
    if reason == "other":
        assert str(error) in found.summary


def test_a_folder_that_is_gone_meanwhile() -> None:
    """If SQLite cannot open the file because its folder is gone, that is said."""
    assert "missing" == explain(of_sqlite("SQLITE_CANTOPEN"), "/nowhere/history.db").reason


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (of_sqlite("SQLITE_IOERR_WRITE"), "Look at its disk"),
        (OSError(errno.EIO, "Input/output error"), "Look at its disk"),
        (of_sqlite("SQLITE_NOMEM"), "Raise the limits of this program"),
        (OSError(errno.EMFILE, "Too many open files"), "Raise the limits of this program"),
        (OSError(errno.EROFS, "Read-only file system"), "Mount it for writing"),
        (OSError(errno.EACCES, "Permission denied"), "Allow this user to write to both"),
        (OSError(errno.ENAMETOOLONG, "File name too long"), "Name another file."),
    ],
    ids=str,
)
def test_a_remedy_is_that_of_the_cause(path: Path, error: sqlite3.Error | OSError, remedy: str) -> None:
    """Another name is no remedy for what ails the disk or this program."""
    assert explain(error, str(path)).remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("files_left", "flag", "may_write", "text"),
    [
        (0, 0, True, "its disk is full"),
        (1, 0, True, "SQLITE_CANTOPEN"),
        (0, 0, False, WRITE),
        (0, os.ST_RDONLY, False, "its disk is mounted read-only"),
    ],
)
def test_why_no_file_can_be_made_beside_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, files_left: int, flag: int, may_write: bool, text: str
) -> None:
    """SQLite has one code for a disk without room for a file, for one that is mounted read-only, and more."""
    disk = SimpleNamespace(f_files=9, f_ffree=files_left, f_flag=flag)
    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    monkeypatch.setattr(os, "access", lambda *_, **__: may_write)

    assert explain(of_sqlite("SQLITE_CANTOPEN"), str(path)).summary.endswith(text)


def test_a_program_without_a_file_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If SQLite cannot open the file because this program has too many open, that is said."""

    def refused(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", refused)

    assert "Too many open files" in explain(of_sqlite("SQLITE_CANTOPEN"), str(path)).summary
