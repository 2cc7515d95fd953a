"""What goes wrong with the file of a history, and what the errors of SQLite and of the system mean."""

from __future__ import annotations

import errno
import os
import shlex
import sqlite3
from pathlib import Path
from typing import Literal, get_args

from openrouter_credits import OpenRouterError
from openrouter_credits._public import public

Reason = Literal["full", "read_only", "locked", "damaged", "newer", "missing", "other"]
Cause = Literal[Reason, "mounted", "limits", "disk"]
"""A reason, or a kind of one that has a remedy of its own."""


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


_REASONS: dict[Cause, Reason] = {
    **{reason: reason for reason in get_args(Reason)},
    "mounted": "read_only",
    "limits": "other",
    "disk": "other",
}
_SQLITE: dict[int, Cause] = {
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
    # Our statements are right for the tables that we made, so these are others, or their rows are broken.
    sqlite3.SQLITE_ERROR: "damaged",
    sqlite3.SQLITE_CONSTRAINT: "damaged",
    sqlite3.SQLITE_MISMATCH: "damaged",
    sqlite3.SQLITE_IOERR: "disk",
    sqlite3.SQLITE_NOMEM: "limits",
}
"""By extended code, or by the primary one in its lowest byte."""
_SYSTEM: dict[int | None, Cause] = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EACCES: "read_only",
    errno.EPERM: "read_only",
    errno.EROFS: "mounted",
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.EMFILE: "limits",
    errno.ENFILE: "limits",
    errno.ENOMEM: "limits",
    errno.EIO: "disk",
}
_SUMMARIES: dict[Cause, str] = {
    "full": "The history {path} cannot be written: its disk is full",
    "read_only": "The history {path} cannot be opened: this user may not write to it, or to its folder",
    "mounted": "The history {path} cannot be opened: its disk is mounted read-only",
    "locked": "The history {path} cannot be used: another process has locked it for more than 5 seconds",
    "damaged": "The history {path} cannot be read: the file is damaged, or is no SQLite file",
    "newer": "The history {path} cannot be read: a newer version of openrouter-credits has written it",
    "missing": "The history {path} cannot be made: its folder does not exist",
    "limits": "The history {path} cannot be used: {why}",
    "disk": "The history {path} cannot be used: {why}",
    "other": "The history {path} cannot be used: {why}",
}
_REMEDIES: dict[Cause, str] = {
    "full": "Free space on that disk; what was written before is still there.",
    "read_only": "Allow this user to write to both, or name another file.",
    "mounted": (
        "Mount it for writing, or name another file; to read this one, copy it first, together with the "
        "files beside it that end in -wal and -shm."
    ),
    "locked": "Close the program that holds it (`fuser {file}` tells which), or try again later.",
    "damaged": (
        "Move it away, together with the files beside it that end in -wal and -shm: a new one is begun then. "
        "`sqlite3 {file} .recover` shows what can be saved of the old one."
    ),
    "newer": "Update this one (`pip install --upgrade openrouter-credits`), or name another file.",
    "missing": "Make the folder (`mkdir -p {folder}`), or name another file.",
    "limits": "Raise the limits of this program (`ulimit -a` lists them), or run less beside it.",
    "disk": "Look at its disk (`dmesg` tells what is wrong with it), or name another file.",
    "other": "Name another file.",
}


def fault(cause: Cause, path: str, why: str = "") -> HistoryError:
    """Make the error for a cause; `why` tells more of `other`, `limits` and `disk`."""
    places = {
        "path": path,
        "file": shlex.quote(path),
        "folder": shlex.quote(str(_place(path).parent)),
        "why": why,
    }
    summary, remedy = _SUMMARIES[cause].format_map(places), _REMEDIES[cause].format_map(places)
    return HistoryError(summary, path=path, reason=_REASONS[cause], remedy=remedy)


def no_history(path: str) -> HistoryError:
    """Make the error for a file that is to be read, and is not there or has nothing in it."""
    remedy = "Check the path; a watch with this history begins it."
    return HistoryError(f"There is no history {path}", path=path, reason="missing", remedy=remedy)


def explain(error: sqlite3.Error | OSError, path: str) -> HistoryError:
    """Make the error for what SQLite or the system raised."""
    if isinstance(error, OSError):
        return fault(_SYSTEM.get(error.errno, "other"), path, error.strerror or str(error))
    code = _code(error)
    if code is None:
        # The module's own: a text that is no UTF-8 (OperationalError), or our own of an amount (DataError).
        is_damaged = isinstance(error, sqlite3.OperationalError | sqlite3.DataError)
        return fault("damaged" if is_damaged else "other", path, str(error))
    if code & 0xFF == sqlite3.SQLITE_CANTOPEN:
        return _why_not_opened(path, str(error))
    return fault(_of_sqlite(code), path, str(error))


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether others hold a lock on the file."""
    return _of_sqlite(_code(error) or 0) == "locked"


def _code(error: sqlite3.Error) -> int | None:
    return getattr(error, "sqlite_errorcode", None)


def _of_sqlite(code: int) -> Cause:
    return _SQLITE.get(code) or _SQLITE.get(code & 0xFF, "other")


def _why_not_opened(path: str, why: str) -> HistoryError:
    """Look why SQLite could not open the file, or make one beside it: it has one code for all causes."""
    folder = _place(path).parent
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))  # is there a descriptor left?
        space = os.statvfs(folder)
    except OSError as error:
        return explain(error, path)
    failure = no_writing(path)
    if failure is None:
        is_full = space.f_files > 0 and space.f_ffree == 0  # no file can be made; some systems do not count
        failure = fault("full" if is_full else "other", path, why)
    return failure


def no_writing(path: str) -> HistoryError | None:
    """Make the error for a file that this user may not write, or in whose folder no file; else `None`."""
    file = _place(path)
    is_effective = os.access in os.supports_effective_ids
    for place in (file, file.parent):
        if place.exists() and not os.access(place, os.W_OK, effective_ids=is_effective):
            is_mounted_so = os.statvfs(place).f_flag & os.ST_RDONLY
            return fault("mounted" if is_mounted_so else "read_only", path)
    return None


def _place(path: str) -> Path:
    """Follow links, also those whose file is still to be made."""
    return Path(os.path.realpath(path))


public(HistoryError, door="openrouter_credits.history")
