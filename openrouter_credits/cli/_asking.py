"""One question to OpenRouter about the key of the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from openrouter_credits import CreditsClient, RetryPolicy
from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._waiting import make_spinner, shown_if_slow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from openrouter_credits.cli._options import Reading

_T = TypeVar("_T")


async def ask_client(
    command: str, reading: Reading, question: Callable[[CreditsClient], Awaitable[_T]]
) -> _T:
    """Put a question to a client, and show a sign of life if the answer takes its time.

    Args:
        command: the name of the command whose help tells the options.
        reading: the time-out and the deadline.
        question: awaits the answer.

    Raises:
        CommandError: an option is out of range.
        OpenRouterError: there is no answer.
    """
    try:
        retry = RetryPolicy() if reading.deadline is None else RetryPolicy(deadline=reading.deadline)
        client = CreditsClient(timeout=reading.timeout, retry=retry)
    except ValueError as error:
        raise CommandError(f"{error}. See openrouter-credits {command} --help.") from None
    async with client:
        with shown_if_slow(make_spinner("Asking OpenRouter", retry.deadline)):
            return await question(client)
