"""Consent to a change: a question on the terminal, or `--yes`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from attrs import frozen

from openrouter_credits import AmbiguousWriteError, NotFoundError
from openrouter_credits.cli._account import ask
from openrouter_credits.cli._exits import NO_VERDICT, CommandError, allow_closed_pipe, fail, say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from openrouter_credits import Account

T = TypeVar("T")

_NOBODY_TO_ASK = (
    "Nothing was sent: there is no terminal on which to ask. To do it without a question, add --yes."
)
_PERHAPS = "The change may have been made all the same."
_GONE = (
    "The key, or its workspace, may be gone: look with openrouter-credits keys --all. "
    "If it is there, check OPENROUTER_BASE_URL."
)
_LOOK = "Before you do it again, look with openrouter-credits keys --all."


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
        answer = ""
        try:
            print(plan, "Do it? [y/N] ", sep="\n", end="", file=sys.stderr, flush=True)
            answer = sys.stdin.readline()
        except UnicodeDecodeError:  # whatever it is, it is not yes
            return False
        finally:
            if not answer.endswith("\n"):  # Ctrl-D or Ctrl-C: the line of the question has not ended
                print(file=sys.stderr)
        return answer.strip().lower() in ("y", "yes")

    def send(self, write: Callable[[Account], Awaitable[T]], look: str = _LOOK) -> T:
        """Send a change. If it may or may not have been made, say how to look, also after Ctrl-C.

        Raises:
            CommandError: a setting is not accepted; nothing was sent.
            OpenRouterError: it was not made; `AmbiguousWriteError`: perhaps it was.
        """
        try:
            return ask(write, self.timeout)
        except KeyboardInterrupt:
            say(f"{_PERHAPS} {look}")
            raise
        except AmbiguousWriteError as error:
            error.remedy = look  # its own names methods of the client
            raise
        except NotFoundError as error:
            error.remedy = _GONE  # its own names a method, too
            raise
        except ValueError as error:
            fault = CommandError(f"Nothing was sent: {error}.")
        raise fault


def tell(text: str) -> None:
    """Print what was done; on standard error, if standard output fails: nobody should do it twice.

    Raises:
        OSError: standard output failed, other than by a closed pipe.
    """
    try:
        with allow_closed_pipe():
            print(text)
    except OSError:
        say(text)
        raise


def decline() -> int:
    """Say that nothing was changed, and return the exit code."""
    return fail("Nothing was changed.", NO_VERDICT)
