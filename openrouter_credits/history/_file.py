"""The SQLite file of a history, as its one thread uses it: opened or made, and whole after every error."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Literal, TypeVar

from openrouter_credits.history import _schema
from openrouter_credits.history._errors import HistoryError, explain, fault, is_busy, no_history, no_writing

_T = TypeVar("_T")
Begin = Literal["BEGIN", "BEGIN IMMEDIATE"]
_Identity = tuple[int, ...] | None

MEMORY = ":memory:"
PATIENCE = 5.0
"""In seconds: how long a call waits for other processes; making the file, twice as long."""
_TURN = 100
"""In milliseconds: how long a try to make the file waits for others."""
_PAUSE = 0.05
"""In seconds: the longest pause between two tries."""
_making = Lock()


class File:
    """The file of a history; it is opened when it is first used, and again after whatever went wrong.

    Args:
        path: the file, from the root; or `:memory:`.
        read_only: whether it is neither made nor changed.
    """

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        self._path = path
        self._is_in_memory = path == MEMORY
        self._read_only = read_only
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[_Identity, ...] = ()
        self._is_immutable = False

    def run(self, begin: Begin, function: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run a function in one transaction, which is rolled back if it raises; `BEGIN` alone only reads.

        Raises:
            HistoryError: the file cannot be used; or whatever the function raises.
        """
        connection, failure = self.open(), None
        try:
            with _transaction(connection, begin):
                result = function(connection)
            if not self._is_outdated():
                return result
        except sqlite3.Error as error:
            failure = explain(error, self._path)
        if failure is None or self._is_outdated():
            return self.run(begin, function)
        if not failure.is_retryable and not self._is_in_memory:
            self.close()  # the next call opens what the file is then
        raise failure

    def open(self) -> sqlite3.Connection:
        """Open the file, or make it, and bring its tables to the newest version.

        Raises:
            HistoryError: the file cannot be used.
        """
        if self._connection is not None:
            if self._is_in_memory or self._opened == self._places():
                return self._connection
            self._save(self._connection)
        self.close()
        try:
            self._connection = self._connected()
            place = self._places()[0]
            self._prepare(self._connection)
            self._opened = (place, *self._places()[1:])
        except (OSError, sqlite3.Error) as error:
            failure = explain(error, self._path)
        except UnicodeDecodeError:  # SQLite quotes what is damaged of a table's definition
            failure = fault("damaged", self._path)
        except HistoryError as error:
            failure = error
        else:
            return self._connection
        self.close()
        raise failure.with_traceback(None)

    def close(self) -> None:
        """Close the file; twice is fine."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # what was written stays, even so
                connection.close()

    def _connected(self) -> sqlite3.Connection:
        if self._is_in_memory:
            return sqlite3.connect(MEMORY, isolation_level=None, check_same_thread=False)
        place = Path(os.path.realpath(self._path))  # also of a link whose file is still to be made
        if not self._read_only:
            _make(place)
        elif not place.exists():
            raise no_history(self._path)
        if not stat.S_ISREG(place.stat().st_mode):
            raise fault("other", self._path, "it is a folder or a device")
        if not self._read_only and (failure := no_writing(self._path)):
            # SQLite would open it even so, and leave files beside it that nobody may write.
            raise failure
        # While nobody has it open, SQLite would make files beside it to read it, or fail where it may not.
        self._is_immutable = self._read_only and not Path(f"{place}-wal").exists()
        mode = "ro" if self._read_only else "rw"
        # A path that is quoted has no special characters of a URI; and SQLite itself makes no file.
        uri = f"{place.as_uri()}?mode={mode}&immutable={self._is_immutable:d}"
        # Another thread closes it in a process that was forked: else SQLite would take its locks for granted.
        return sqlite3.connect(uri, timeout=PATIENCE, isolation_level=None, check_same_thread=False, uri=True)

    def _places(self) -> tuple[_Identity, ...]:
        """Tell which files stand at the path and beside it: what is written to a deleted one is lost."""
        place = os.path.realpath(self._path)
        ends = ("", "-wal", "-shm")
        return tuple([_identity(f"{place}{end}", with_changes=self._is_immutable) for end in ends])

    def _is_outdated(self) -> bool:
        """Tell whether somebody wrote to an immutable file while it was read: SQLite did not look."""
        return self._is_immutable and self._opened != self._places()

    def _save(self, connection: sqlite3.Connection) -> None:
        """Move into the file what was beside it, if somebody removed that: this connection still has it.

        Raises:
            HistoryError: this cannot be done now; the next call tries again.
        """
        place, wal, _ = self._places()
        if self._read_only or wal is not None or place != self._opened[0]:
            return
        failure: HistoryError | None = None
        try:
            if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                failure = fault("locked", self._path)
        except sqlite3.Error as error:
            failure = explain(error, self._path)
        if failure is not None and failure.is_retryable:
            raise failure

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables, or bring them to the newest version; write nothing into a file of others.

        Of many processes that open a new file, one makes it; the others wait for that, not for a turn of
        their own. SQLite alone does not wait where two connections could wait for each other.
        """
        give_up_at = time.monotonic() + 2 * PATIENCE
        connection.execute(f"PRAGMA busy_timeout = {_TURN}")
        while not self._is_prepared(connection, is_last=time.monotonic() > give_up_at):
            time.sleep(_PAUSE * random.random())  # noqa: S311 - no secret
        connection.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000:.0f}")
        connection.execute("PRAGMA synchronous = NORMAL")

    def _is_prepared(self, connection: sqlite3.Connection, *, is_last: bool) -> bool:
        """Try to prepare the file, and tell whether it is; if others are in the way, the last try raises."""
        try:
            with _transaction(connection, "BEGIN"):  # else the tables may be made between two questions
                version = self._version_of(connection)
            if self._read_only and not version:
                raise no_history(self._path)
            if version < _schema.VERSION:
                connection.execute("PRAGMA journal_mode = WAL")
                with _transaction(connection, "BEGIN IMMEDIATE"):
                    _schema.migrate(connection, self._version_of(connection))  # others may have done it
        except sqlite3.OperationalError as error:
            if is_last or not is_busy(error):
                raise
            return False
        return True

    def _version_of(self, connection: sqlite3.Connection) -> int:
        version = _schema.version_of(connection)
        if version is None:
            raise fault("other", self._path, "it is an SQLite file of another program")
        if version > _schema.VERSION:
            raise fault("newer", self._path)
        return version


def _identity(place: str, *, with_changes: bool) -> _Identity:
    """Tell a file from others that stand, or stood, at its path; in a process that was forked, open anew."""
    with suppress(OSError):
        found = Path(place).stat()
        changed = (found.st_mtime_ns, found.st_size) if with_changes else ()
        return (os.getpid(), found.st_dev, found.st_ino, *changed)
    return None


def _make(place: Path) -> None:
    """Make an empty file that only this user can read; SQLite gives its companions the same mode.

    A file that is there already keeps its mode, and is not opened here: closing it would end all locks that
    SQLite has on it in this process.
    """
    with _making, suppress(FileExistsError):  # nobody opens the new file before it is closed here
        os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # after some errors, SQLite has done it
            connection.execute("ROLLBACK")
        raise
