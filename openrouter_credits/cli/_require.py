"""`openrouter-credits require`: whether a job may start, as the guard of the client decides."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from openrouter_credits import InsufficientCreditsError, OpenRouterError, UnknownCreditsError
from openrouter_credits._documents import write
from openrouter_credits._words import exact_usd, limit_in_sentence, until, usd_left
from openrouter_credits.cli._asking import ask_client
from openrouter_credits.cli._exits import EXIT_CODES, NO_VERDICT, allow_closed_pipe, fail
from openrouter_credits.cli._judge import UNKNOWN

if TYPE_CHECKING:
    from decimal import Decimal

    from openrouter_credits import Spendable
    from openrouter_credits.cli._options import Reading

_IN_A_SHELL = {
    ', or judge the wallet alone: read=("credits",)': "",
    'read=("credits",)': "leave out --key-only",
    'read=("key",)': "--key-only",
    "or read the wallet as well": "or leave out --key-only to read the wallet, too",
    "management_key=..., ": "",
}
"""Words of the guard for Python programs, and those for a shell; replaced in this order."""


def show_require(needed: Decimal, reading: Reading, *, as_json: bool) -> int:
    """Tell whether the key of the environment can spend an amount in US dollars, and return the exit code.

    Raises:
        CommandError: an option is out of range.
        OpenRouterError: there is no key, or no client can be made; JSON is printed first.
    """
    try:
        found = asyncio.run(
            ask_client("require", reading, lambda client: client.require(needed, read=reading.read))
        )
    except OpenRouterError as error:
        is_short = isinstance(error, InsufficientCreditsError)
        if as_json:
            _show_json(
                needed, getattr(error, "spendable", None), error, is_enough=False if is_short else None
            )
        if is_short:
            return fail(_in_a_shell(str(error)), EXIT_CODES["DEPLETED"])
        if isinstance(error, UnknownCreditsError):
            return fail(_in_a_shell(str(error)), NO_VERDICT)
        raise
    if as_json:
        _show_json(needed, found, None, is_enough=True)
    else:
        with allow_closed_pipe():
            print(_sentence(needed, found))
    return EXIT_CODES["OK"]


def _sentence(needed: Decimal, found: Spendable) -> str:
    ahead = until(found.resets_at, datetime.now(UTC))
    left = UNKNOWN if found.amount is None else usd_left(found.amount)
    limit = limit_in_sentence(found.bound_by or "")
    return f"{exact_usd(needed)} can be spent: {left} left{ahead}, limited by {limit}."


def _in_a_shell(text: str) -> str:
    for words, others in _IN_A_SHELL.items():
        text = text.replace(words, others)
    return text


def _show_json(
    needed: Decimal, found: Spendable | None, error: OpenRouterError | None, *, is_enough: bool | None
) -> None:
    with allow_closed_pipe():
        print(write({"needed": needed, "enough": is_enough, "spendable": found, "error": error}, 2))
