"""How the command ends: exit codes, one line on standard error, and readers who leave early. Imports nothing heavy."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openrouter_credits import Level

NO_VERDICT = 3
INTERRUPTED = 130

# Those of monitoring plug-ins, the worst first; each has its place in a table sorted by what needs attention.
EXIT_CODES = {"INVALID": 2, "DEPLETED": 2, "CRITICAL": 2, "UNKNOWN": 3, "LOW": 1, "OK": 0}
ATTENTION = {level: place for place, level in enumerate(EXIT_CODES)}

_A_KEY = re.compile(r"sk-[A-Za-z0-9_-]{20,}")


class CommandError(Exception):
    """What the command was asked cannot be done; `str()` is one line that says why, and what to do."""


def scrub(text: str) -> str:
    """Take out whatever looks like a key."""
    return _A_KEY.sub("***", text)


def clean(text: object) -> str:
    """Make a name or the server's words fit for a terminal: one line, no control character, no escape sequence, no key."""
    words = "".join(
        " " if character.isspace() else character if character.isprintable() else "?"
        for character in str(text)
    )
    return scrub(words)


def worst(levels: Iterable[Level]) -> int:
    """Choose the exit code of many: 2 goes before 3, and that before 1."""
    return EXIT_CODES[min(levels, key=ATTENTION.__getitem__)]


def fail(text: str, code: int) -> int:
    """Say in one line on standard error what went wrong."""
    with suppress(OSError):  # nobody reads that either
        print(f"openrouter-credits: {' '.join(clean(text).split())}", file=sys.stderr, flush=True)
    return code


def warn(text: str) -> None:
    """Say something on standard error that changes nothing."""
    fail(f"warning: {text}", 0)


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Let `| head` close the pipe: what nobody reads need not be written, and that is no error."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_the_rest()
    except OSError:  # such as a full disk
        _drop_the_rest()
        raise


def _drop_the_rest() -> None:
    """Send what is still unwritten nowhere: the interpreter would try once more when it ends, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def open_streams() -> None:
    """Make it harmless that a stream is closed (`>&-`), or cannot show every character."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - open for the process's life
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
