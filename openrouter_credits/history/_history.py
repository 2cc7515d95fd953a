"""`History`: what was read, said and remembered, in one SQLite file."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from threading import Lock
from types import TracebackType
from typing import Any, Self, TypeVar

from openrouter_credits import CheckReport, Runway
from openrouter_credits._public import public
from openrouter_credits.history import _counters, _decisions, _export, _find, _series
from openrouter_credits.history._errors import fault
from openrouter_credits.history._file import MEMORY, Begin, File
from openrouter_credits.history._readings import read_subjects
from openrouter_credits.history._schema import milliseconds
from openrouter_credits.history._series import Point
from openrouter_credits.history._subjects import Subject
from openrouter_credits.history._thread import OneThread
from openrouter_credits.history._writing import add_readings

_T = TypeVar("_T")
_handing = Lock()
"""Held while a call is handed to a thread, and while that begins or ends: callers may be in many threads."""


class History:
    """What was read, said and remembered, in one SQLite file. Use `async with`, or `close()` it.

    The file is opened, or made, by the first call. All work is done in one thread of its own; callers may be
    in any threads. After an error, the next call tries again. A process that is forked opens the file itself,
    if no call was under way.

    Args:
        path: the file; if it does not exist, it is made, and only this user may read it. `:memory:` for
            a history that ends with `close()`.
        read_only: whether the file is neither made nor changed, so that `add` and `decide` fail.

    Raises:
        TypeError: the path is no text and no `Path`.
        ValueError: the path is empty, or has a NUL in it.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        name = os.fspath(path)
        if not isinstance(name, str):
            raise TypeError(f"path is a str or a Path, not {type(name).__name__}")
        if not name or "\0" in name:
            raise ValueError("path is the name of a file, neither empty nor with a NUL in it")
        self.path = name if name == MEMORY else str(Path(name).absolute())
        """The file, from the root; or `:memory:`."""
        self._read_only = read_only
        self._used: tuple[OneThread, File] | None = None

    @property
    def is_open(self) -> bool:
        """Whether its thread runs: it was used, and not closed since."""
        return self._used is not None and self._used[0].is_alive

    async def open(self) -> None:
        """Open or make the file, and bring its tables to this version; every other method does so, too.

        Raises:
            HistoryError: the file cannot be used.
        """
        await self._in_thread(File.open)

    async def add(self, report: CheckReport, at: datetime | None = None) -> None:
        """Write what a report tells of each subject.

        A reading is written if it differs from the last one, else every 15 minutes; of more than 100 subjects
        each at most every 15 minutes. Readings are kept for 30 days, then the last one of each hour.

        Args:
            report: what was read.
            at: when it was read (aware); now, if not given.

        Raises:
            HistoryError: the file cannot be used; nothing of the report was written.
            ValueError: `at` is naive.
        """
        when = milliseconds(datetime.now(UTC) if at is None else at)
        await self._run(
            "BEGIN IMMEDIATE",
            lambda connection: add_readings(connection, read_subjects(report).readings, when),
        )

    async def decide(self, function: _decisions.Decide) -> tuple[str, ...]:
        """Load what is remembered, decide, and write what is to be remembered and said, in one transaction.

        Other watchers of the file wait meanwhile, so each thing is said once.

        Args:
            function: takes the states of the last decision, and decides. It is called in the history's
                thread. If it raises, nothing is written, and this raises the same.

        Returns:
            The ids of the events that nobody had recorded before.

        Raises:
            HistoryError: the file cannot be used; nothing was written.
        """
        return await self._run("BEGIN IMMEDIATE", lambda connection: _decisions.decide(connection, function))

    async def subjects(self) -> tuple[Subject, ...]:
        """List the subjects that have readings, those read last first.

        Raises:
            HistoryError: the file cannot be used.
        """
        return await self._read(_find.subjects)

    async def series(
        self, subject: Subject | str, start: datetime, end: datetime, points: int = 400
    ) -> tuple[Point, ...]:
        """Read what was left over time, in that many points, evenly spaced; the last one is at `end`.

        A point is `None`, never 0, if the last look before it failed, or if nothing was read in its time and
        for 35 minutes before it.

        Args:
            subject: the subject, or its text such as `wallet:acme`.
            start: the first moment (aware).
            end: the last moment (aware).
            points: how many, from 1 to 10,000.

        Raises:
            HistoryError: the file cannot be used.
            ValueError: the history has no reading of the subject, or an argument is out of its range.
        """
        return await self._read(_series.series, subject, start, end, points)

    async def last(self, subject: Subject | str) -> Point | None:
        """Return the last reading of a subject that did not fail; `None` if each of them did.

        Raises:
            HistoryError: the file cannot be used.
            ValueError: the history has no reading of the subject.
        """
        return await self._read(_series.last, subject)

    async def runway(self, subject: Subject | str) -> Runway | None:
        """Tell how long a subject's amount lasts, as of its last reading that did not fail.

        `None` if it has no limit, or was never read.

        Raises:
            HistoryError: the file cannot be used.
            ValueError: the history has no reading of the subject.
        """
        return await self._read(_counters.runway, subject)

    async def counters(self, since: datetime) -> Mapping[Subject, _counters.Counter]:
        """Read each subject's counter since a moment (aware), oldest first; `None` before another counter.

        Before the last 6 hours, one reading an hour.

        Raises:
            HistoryError: the file cannot be used.
            ValueError: the moment is naive.
        """
        return await self._read(_counters.counters, since)

    async def export(
        self, subject: Subject | str | None = None, since: datetime | None = None
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Yield readings as plain data, oldest first: of one subject or of all, from a moment on or all.

        Each has `subject` (its text), `at`, `remaining`, `used`, `granted`, `resets_at` and `error`. However
        slow the caller is, others may write meanwhile.

        Raises:
            HistoryError: the file cannot be used.
            ValueError: the history has no reading of the subject, or the moment is naive.
        """
        place = await self._read(_export.begin, subject, since)
        while True:
            chunk, place = await self._read(_export.read_chunk, place)
            if not chunk:
                return
            for reading in chunk:
                yield reading

    async def _read(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call a function with the connection and these arguments, and let it see one state of the file."""
        return await self._run("BEGIN", lambda connection: function(connection, *arguments))

    async def _run(self, begin: Begin, function: Callable[[Connection], _T]) -> _T:
        return await self._in_thread(lambda file: file.run(begin, function))

    async def _in_thread(self, function: Callable[[File], _T]) -> _T:
        with _handing:
            if self._used is None or not self._used[0].is_alive:
                self._used = self._started()
            thread, file = self._used
            result = asyncio.get_running_loop().run_in_executor(thread, function, file)
        return await result

    def _started(self) -> tuple[OneThread, File]:
        _, file = self._used or (None, File(self.path, read_only=self._read_only))
        try:
            return OneThread(), file
        except RuntimeError:
            failure = fault("limits", self.path, "the system has no thread left")
        raise failure

    async def close(self) -> None:
        """Close the file and end the thread, after the calls that are under way; twice is fine."""
        with _handing:
            if self._used is None or not self._used[0].is_alive:
                return
            thread, file = self._used
            self._used = None
            closed = asyncio.get_running_loop().run_in_executor(thread, file.close)
            thread.shutdown(wait=False)
        await asyncio.shield(closed)  # a caller that is cancelled leaves neither file nor thread open
        thread.shutdown()

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        used: tuple[OneThread, File] | None = getattr(self, "_used", None)  # __init__ may have raised
        if used is not None and used[0].is_alive:
            thread, file = used
            thread.submit(file.close)
            thread.shutdown(wait=False)
            warnings.warn(f"unclosed history {self.path}", ResourceWarning, source=self, stacklevel=2)

    def __repr__(self) -> str:
        return f"History({self.path!r})"


public(History, door="openrouter_credits.history")
