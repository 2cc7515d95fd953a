"""Consent to a change: a question on the terminal, or `--yes`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from attrs import frozen

from openrouter_credits.cli._account import ask
from openrouter_credits.cli._exits import NO_VERDICT, CommandError, fail, say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from openrouter_credits import Account

T = TypeVar("T")

_NOBODY_TO_ASK = (
    "Nothing was sent: there is no terminal on which to ask. To do it without a question, add --yes."
)
_PERHAPS = "The change may have been made all the same. To look: openrouter-credits keys --all."


@frozen
class Way:
    """How to write: whether without a question, and the seconds for each try of a request."""

    yes: bool = False
    timeout: float = 10.0

    def require_consent(self) -> None:
        """Refuse, before anything is sent, if nobody can be asked.

        Raises:
            CommandError: standard input or standard error is no terminal, and there is no `--yes`.
        """
        if not (self.yes or (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty())):
            raise CommandError(_NOBODY_TO_ASK)

    def is_agreed(self, plan: str) -> bool:
        """Show what would be done, and ask; Enter is no."""
        if self.yes:
            return True
        print(plan, "Do it? [y/N] ", sep="\n", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def send(self, write: Callable[[Account], Awaitable[T]]) -> T:
        """Send a change; after Ctrl-C, say that it may have been made.

        Raises:
            CommandError: a setting is not accepted; nothing was sent.
            OpenRouterError: it was not made; `AmbiguousWriteError`: perhaps it was.
        """
        try:
            return ask(write, self.timeout)
        except KeyboardInterrupt:
            say(_PERHAPS)
            raise
        except ValueError as error:
            fault = CommandError(f"Nothing was sent: {error}.")
        raise fault


def decline() -> int:
    """Say that nothing was changed, and return the exit code."""
    return fail("Nothing was changed.", NO_VERDICT)
