"""Exit codes, error lines on standard error, and closed pipes. Imports only light modules."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from openrouter_credits import Level

NO_VERDICT = 3
INTERRUPTED = 130

# The exit codes of monitoring plug-ins. The most urgent level comes first; tables are sorted in this order.
EXIT_CODES = {"INVALID": 2, "DEPLETED": 2, "CRITICAL": 2, "UNKNOWN": 3, "LOW": 1, "OK": 0}
ATTENTION = {level: place for place, level in enumerate(EXIT_CODES)}


WITHOUT_A_KEY = "openrouter-credits demo, which needs none"
"""What to run if there is no key."""


class CommandError(Exception):
    """The command cannot do its task; `str()` is one line with the reason and the remedy."""


class NoKeysError(CommandError):
    """There is no key in the environment."""


def worst(levels: Iterable[Level]) -> int:
    """Return the exit code of the most urgent level: 2 before 3, 3 before 1, and 1 before 0."""
    return EXIT_CODES[min(levels, key=ATTENTION.__getitem__)]


def fail(text: str, code: int) -> int:
    """Print one line on standard error, and return the exit code."""
    from openrouter_credits._words import one_line  # noqa: PLC0415 - most commands end without it

    say(" ".join(one_line(text).split()))
    return code


def say(text: str) -> None:
    """Print a line of our own words on standard error."""
    try:
        print(f"openrouter-credits: {text}", file=sys.stderr, flush=True)
    except OSError:  # standard error is closed, or its disk is full
        with suppress(OSError):
            _drop_the_rest(sys.stderr)


def warn(text: str) -> None:
    """Print a warning on standard error; the exit code stays the same."""
    fail(f"warning: {text}", 0)


@contextmanager
def allow_closed_pipe() -> Iterator[None]:
    """Accept a closed pipe, as after `| head`: drop the rest of the output without an error."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_the_rest(sys.stdout)
    except OSError as error:
        if error.errno is not None:  # such as a full disk, but no `APITimeoutError`
            _drop_the_rest(sys.stdout)
        raise


def _drop_the_rest(stream: TextIO) -> None:
    """Drop unwritten output: the interpreter would try to write it again at its exit, and print an error."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def open_streams() -> None:
    """Replace closed streams (`>&-`), and escape characters that a stream cannot encode."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            null = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, open(null, "w", encoding="utf-8", closefd=False))  # noqa: SIM115 - stays open until the exit
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
