"""The command `openrouter-credits`: it shows results of the public API and has no rules of its own."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from openrouter_credits.cli._exits import INTERRUPTED, NO_VERDICT, allow_closed_pipe, fail, open_streams

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; `argv` defaults to the arguments of the process."""
    open_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if not _has_extra():
            return fail(
                'The command line is an extra of the package: pip install "openrouter-credits[cli]"',
                NO_VERDICT,
            )
        if text := _quick_answer(arguments):
            with allow_closed_pipe():
                sys.stdout.write(text)
            return 0
        from openrouter_credits.cli._app import run  # noqa: PLC0415 - imports cyclopts, which is slow

        return run(arguments)
    except KeyboardInterrupt:
        return fail("Interrupted.", INTERRUPTED)


def _has_extra() -> bool:
    try:
        return all(find_spec(name) is not None for name in ("cyclopts", "dotenv", "rich"))
    except ImportError:
        return False


def _quick_answer(arguments: list[str]) -> str | None:
    """Return the text for `--help` or `--version`, else `None`.

    Do this without the parser: importing cyclopts, and the libraries it formats help with, takes 0.4 s.
    """
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if "--help" in options or "-h" in options:
        from openrouter_credits.cli._help import HELP  # noqa: PLC0415 - only `--help` needs it

        return next((HELP[word] for word in options if word in HELP), HELP[""])
    if "--version" in options:
        from openrouter_credits import __version__  # noqa: PLC0415 - only `--version` needs it

        return f"openrouter-credits {__version__}\n"
    return None
