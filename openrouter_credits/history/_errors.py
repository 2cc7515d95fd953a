"""What goes wrong with the file of a history, and what the errors of SQLite and of the system mean."""

from __future__ import annotations

import errno
import os
import shlex
import sqlite3
from pathlib import Path
from typing import Literal

from openrouter_credits import OpenRouterError
from openrouter_credits._public import public

Reason = Literal["full", "read_only", "locked", "damaged", "newer", "missing", "other"]


class HistoryError(OpenRouterError):
    """The history cannot be read or written; what was written before is still there."""

    remedy = "Name another file, or mend this one."
    path: str = ""
    """The file, from the root; or `:memory:`."""
    reason: Reason = "other"
    """`full`, `read_only`, `locked`, `damaged`, `newer`, `missing` (its folder) or `other`."""

    def __init__(
        self, summary: str = "", *, path: str = "", reason: Reason = "other", remedy: str | None = None
    ) -> None:
        super().__init__(summary, remedy=remedy)
        self.path = path
        self.reason = reason
        self.is_retryable = reason in {"full", "locked"}


_SQLITE: dict[int, Reason] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR_SHMSIZE: "full",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_PERM: "read_only",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_PROTOCOL: "locked",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_IOERR_SHORT_READ: "damaged",
}
"""By extended code, or by the primary one in its lowest byte."""
_SYSTEM: dict[int | None, Reason] = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EACCES: "read_only",
    errno.EPERM: "read_only",
    errno.EROFS: "read_only",
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
}
_SUMMARIES: dict[Reason, str] = {
    "full": "The history {path} cannot be written: its disk is full",
    "read_only": "The history {path} cannot be opened: this user may not write to it, or to its folder",
    "locked": "The history {path} cannot be used: another process has locked it for more than 5 seconds",
    "damaged": "The history {path} cannot be read: the file is damaged, or is no SQLite file",
    "newer": "The history {path} cannot be read: a newer version of openrouter-credits has written it",
    "missing": "The history {path} cannot be made: its folder does not exist",
    "other": "The history {path} cannot be used: {why}",
}
_REMEDIES: dict[Reason, str] = {
    "full": "Free space on that disk; what was written before is still there.",
    "read_only": "Allow this user to write to both, or name another file.",
    "locked": "Close the program that holds it (`fuser {file}` tells which), or try again later.",
    "damaged": (
        "Move it away, together with the files beside it that end in -wal and -shm: a new one is begun then. "
        "`sqlite3 {file} .recover` shows what can be saved of the old one."
    ),
    "newer": "Update this one (`pip install --upgrade openrouter-credits`), or name another file.",
    "missing": "Make the folder (`mkdir -p {folder}`), or name another file.",
    "other": "Name another file.",
}


def fault(reason: Reason, path: str, why: str = "") -> HistoryError:
    """Make the error for a reason; `why` tells more of `other`."""
    places = {
        "path": path,
        "file": shlex.quote(path),
        "folder": shlex.quote(str(Path(path).parent)),
        "why": why,
    }
    summary, remedy = _SUMMARIES[reason].format_map(places), _REMEDIES[reason].format_map(places)
    return HistoryError(summary, path=path, reason=reason, remedy=remedy)


def no_history(path: str) -> HistoryError:
    """Make the error for a file that is to be read, and is not there or has nothing in it."""
    remedy = "Check the path; a watch with this history begins it."
    return HistoryError(f"There is no history {path}", path=path, reason="missing", remedy=remedy)


def explain(error: sqlite3.Error | OSError, path: str) -> HistoryError:
    """Make the error for what SQLite or the system raised."""
    if isinstance(error, OSError):
        return fault(_SYSTEM.get(error.errno, "other"), path, error.strerror or str(error))
    return fault(_reason(error, path), path, str(error))


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether others hold a lock on the file."""
    return _of_sqlite(_code(error) or 0) == "locked"


def _reason(error: sqlite3.Error, path: str) -> Reason:
    code = _code(error)
    if code is None:
        # The module's own: a text that is no UTF-8 (OperationalError), or our own of an amount (DataError).
        is_damaged = isinstance(error, sqlite3.OperationalError | sqlite3.DataError)
        return "damaged" if is_damaged else "other"
    if code & 0xFF == sqlite3.SQLITE_CANTOPEN:
        return _why_not_opened(path)
    return _of_sqlite(code)


def _code(error: sqlite3.Error) -> int | None:
    return getattr(error, "sqlite_errorcode", None)


def _of_sqlite(code: int) -> Reason:
    return _SQLITE.get(code) or _SQLITE.get(code & 0xFF, "other")


def _why_not_opened(path: str) -> Reason:
    """Look why SQLite could not open the file, or make one beside it: it has one code for all causes."""
    file = Path(os.path.realpath(path))
    if not file.parent.is_dir():
        return "missing"
    return "other" if may_write(file.parent) and may_write(file) else "read_only"


def may_write(place: Path) -> bool:
    """Tell whether this user may write to a file or folder, or it does not exist."""
    is_effective = os.access in os.supports_effective_ids
    return not place.exists() or os.access(place, os.W_OK, effective_ids=is_effective)


public(HistoryError, door="openrouter_credits.history")
