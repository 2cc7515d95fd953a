"""Reads files with a secret in them, as Docker, Kubernetes and systemd hand them over."""

from __future__ import annotations

import errno
import os
import select
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_LINE = 4096
"""In bytes: a longer line is no key."""
_PATIENCE = 10.0
"""In seconds: a pipe may have no writer, and would be waited for without end."""


class Line(NamedTuple):
    """The first line of a file."""

    text: str
    problem: str | None
    """Why there is no text."""


def first_line(path: str | Path) -> Line:
    """Read the first line of a file, which is not blank; nothing is raised while a frame holds the line."""
    try:
        line, end, _ = read_start(path, _LONGEST_LINE, b"\n").partition(b"\n")
    except (OSError, ValueError) as error:
        return Line("", getattr(error, "strerror", None) or "not a path")
    if len(line) > _LONGEST_LINE:
        return Line("", f"its first line is longer than {_LONGEST_LINE} bytes")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Line("", "it is not UTF-8")
    if not text.strip():
        return Line("", "its first line is blank" if text or end else "it is empty")
    return Line(text, None)


def read_start(path: str | Path, most: int, end: bytes = b"") -> bytes:
    """Read a file up to `end`, or to the end of the file; of a longer one `most` bytes and one more.

    Raises:
        OSError: the file cannot be read, or is a pipe through which nothing comes for 10 seconds.
        ValueError: the path cannot be one.
    """
    content = bytearray()
    with open(path, "rb", buffering=0, opener=_open_at_once) as file:
        is_pipe = stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
        while len(content) <= most and not (end and end in content):
            if is_pipe and not _has_come(file.fileno()):
                raise TimeoutError(errno.ETIMEDOUT, f"nothing came through this pipe for {_PATIENCE:g} s")
            chunk = file.read(most + 1 - len(content))
            if not chunk:
                break
            content += chunk
    return bytes(content)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file, and do not wait for somebody to open the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _has_come(pipe: int) -> bool:
    """Wait until bytes have come through a pipe, or its writer has left it."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return bool(poll.poll(_PATIENCE * 1000))
