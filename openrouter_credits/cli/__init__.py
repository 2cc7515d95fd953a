"""The command `openrouter-credits`: it shows results of the public API and has no rules of its own."""

from __future__ import annotations

import errno
import sys
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING

from openrouter_credits.cli._exits import (
    INTERRUPTED,
    NO_VERDICT,
    allow_closed_pipe,
    fail,
    open_streams,
    say,
)
from openrouter_credits.cli._interrupts import one_interrupt

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_EXTRA = ("cyclopts", "dotenv", "rich")
_NO_EXTRA = 'The command line is an extra of the package: pip install "openrouter-credits[cli]"'


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; `argv` defaults to the arguments of the process."""
    try:
        with one_interrupt(is_last=argv is None):
            open_streams()
            return _run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        say("Interrupted.")
        return INTERRUPTED
    except OSError as error:
        reason = error.strerror or type(error).__name__
        remedy = "Check what the command reads and writes."
        if error.errno in (errno.EMFILE, errno.ENFILE):
            remedy = "Raise the limit: ulimit -n 256."
        return fail(f"Input or output failed: {reason}. {remedy}", NO_VERDICT)


def _run(arguments: list[str]) -> int:
    if not _has_extra():
        return fail(_NO_EXTRA, NO_VERDICT)
    if text := _quick_answer(arguments):
        with allow_closed_pipe():
            sys.stdout.write(text)
        return 0
    try:
        from openrouter_credits.cli._app import run  # noqa: PLC0415 - imports cyclopts, which is slow
    except ImportError:  # of a name that an older version does not have
        return fail(_NO_EXTRA, NO_VERDICT)
    return run(arguments)


def _has_extra() -> bool:
    try:
        return all(find_spec(name) is not None for name in _EXTRA)
    except ImportError:
        return False


def _quick_answer(arguments: list[str]) -> str | None:
    """Return the text for `--help`, `help`, `--version` or `version`, else `None`.

    Do this without the parser: importing cyclopts, and the libraries it formats help with, takes 0.1 s.
    """
    from openrouter_credits.cli._help import HELP  # noqa: PLC0415 - commands end without it

    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    first, second, third, *_ = [*options, "", "", ""]
    if "--help" in options or "-h" in options:
        words = [word.removeprefix("--install-") for word in options]
        pairs = [f"{word} {below}" for word, below in pairwise(words)]
        return next((HELP[word] for word in (*pairs, *words) if word in HELP), HELP[""])
    if first == "version" or "--version" in options or "-V" in options:
        from openrouter_credits import __version__  # noqa: PLC0415 - only `--version` needs it

        return f"openrouter-credits {__version__}\n"
    if first != "help":
        return None
    if second.startswith("-") or second in ("help", "version"):
        return HELP[""]
    return HELP.get(f"{second} {third}") or HELP.get(second)
