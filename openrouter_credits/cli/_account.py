"""Calls of the account, with the management key of the environment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from openrouter_credits import CreditsClient, MissingKeyError, OpenRouterError
from openrouter_credits._words import SETTINGS
from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._waiting import make_spinner, shown_if_slow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from openrouter_credits import Account

T = TypeVar("T")

_NO_KEY = (
    f"There is no management key. Make one at {SETTINGS}/management-keys, and set OPENROUTER_MANAGEMENT_KEY."
)
_OF_MANAGEMENT_KEY = {
    "Check the key:": "Check the management key:",
    "; the key's own limit (/key) can be read without one.": ", and put it into OPENROUTER_MANAGEMENT_KEY.",
    ", and use that.": ", and put it into OPENROUTER_MANAGEMENT_KEY.",
}
"""Words of remedies for a key, and what stands for them where it is a management key."""


def for_management_key(remedy: str) -> str:
    """Say what to do about a management key; `the key` would be another one of its account."""
    for words, others in _OF_MANAGEMENT_KEY.items():
        remedy = remedy.replace(words, others)
    return remedy


def ask(act: Callable[[Account], Awaitable[T]], timeout: float) -> T:
    """Run a function with the account, show a spinner if that is slow, and return its result.

    Each call has an event loop of its own: Ctrl-C would not end a question on the terminal inside of one.

    Raises:
        CommandError: there is no key.
        OpenRouterError: any other fault.
    """

    async def run() -> T:
        async with CreditsClient(timeout=timeout) as client:
            with shown_if_slow(make_spinner("Asking OpenRouter")):
                return await act(client.account)

    try:
        return asyncio.run(run())
    except MissingKeyError:
        refusal = CommandError(_NO_KEY)
    except OpenRouterError as error:
        error.remedy = for_management_key(error.remedy)
        error.is_of_management_key = True
        raise
    raise refusal
