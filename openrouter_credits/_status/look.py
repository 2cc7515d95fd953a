"""One look at a key: read it and its wallet, doubt a 0/0, and put together what can be spent."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from copy import copy
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from openrouter_credits._errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidResponseError,
    ManagementKeyRequiredError,
    OpenRouterError,
    UnconfirmedCreditsError,
    detached,
)
from openrouter_credits._models import Credits, KeyInfo
from openrouter_credits._secrets import ApiKey
from openrouter_credits._status.spendable import Stop, spendable
from openrouter_credits._status.status import KeyStatus
from openrouter_credits._words import SETTINGS

T = TypeVar("T")

_HOW_TO_MANAGE = f"Create a management key at {SETTINGS}/management-keys, and use that."


class Read(Protocol):
    """Reads what a path answers to a key; a fault is a value."""

    def __call__(self, path: str, into: type[T], key: ApiKey) -> Coroutine[Any, Any, T | OpenRouterError]: ...


async def look(
    read: Read, own: ApiKey, manager: ApiKey | ConfigurationError | None, wanted: Collection[str]
) -> KeyStatus:
    """Read a key and its wallet at once, and tell what the key can spend.

    Args:
        read: makes one request.
        own: the key.
        manager: reads the wallet; without it the key does. An error in its place is the reason that the
            wallet cannot be read. If it is the key itself, the look is one at the wallet.
        wanted: `"credits"`, `"key"` or both.

    Raises:
        OpenRouterError: nothing could be read; the key's error, if there is one, with the wallet's in its
            `problems`.
    """
    wallet_key = own if manager is None else manager
    credits: Credits | OpenRouterError | None = None
    key: KeyInfo | OpenRouterError | None = None
    wallet_reader: KeyInfo | OpenRouterError | None = None
    if "credits" not in wanted:
        key = await read("/key", KeyInfo, own)
    elif isinstance(wallet_key, ConfigurationError):
        credits = wallet_key
        if "key" in wanted:
            key = await read("/key", KeyInfo, own)
    elif "key" not in wanted:
        credits = await read("/credits", Credits, wallet_key)
        if manager is not None and isinstance(credits, Credits) and credits.is_zero:
            wallet_reader = await read("/key", KeyInfo, wallet_key)
    else:
        wallet = asyncio.get_running_loop().create_task(read("/credits", Credits, wallet_key))
        try:
            key = await read("/key", KeyInfo, own)
            credits = await wallet
        except BaseException:
            wallet.cancel()
            await asyncio.gather(wallet, return_exceptions=True)  # it ends before the exception goes on
            raise
        if wallet_key != own and isinstance(credits, Credits) and credits.is_zero:
            wallet_reader = await read("/key", KeyInfo, wallet_key)
    return assess(
        credits,
        key,
        wallet_reader=wallet_reader or key,
        now=datetime.now(UTC),
        is_manager=manager == own,
        has_manager=wallet_key != own,
    )


async def confirm(read: Read, credits: Credits, wallet_key: ApiKey) -> Credits:
    """Return a wallet if it is plausible; a 0/0 takes one more request.

    Raises:
        UnconfirmedCreditsError: it is 0/0, and `/key` of the key that read it does not confirm that.
    """
    if credits.is_zero and (doubt := unconfirmed(credits, await read("/key", KeyInfo, wallet_key))):
        raise doubt
    return credits


def assess(
    credits: Credits | OpenRouterError | None,
    key: KeyInfo | OpenRouterError | None,
    *,
    wallet_reader: KeyInfo | OpenRouterError | None,
    now: datetime,
    is_manager: bool = False,
    has_manager: bool = False,
) -> KeyStatus:
    """Put together what was read of a wallet and a key.

    Args:
        credits: the wallet; the error that hid it; or `None` if it was not asked for.
        key: the same of the key.
        wallet_reader: the answer of `/key` to the key that read the wallet; it decides if the wallet is 0/0.
        now: the time (aware).
        is_manager: whether the key is the management key of its wallet.
        has_manager: whether another key, the management key, read the wallet.

    Raises:
        OpenRouterError: nothing was readable; the key's error, if there is one, with the wallet's in its
            `problems`.
    """
    problems: tuple[OpenRouterError, ...] = ()
    info, wallet = None, None
    if isinstance(key, OpenRouterError):
        problems = (key,)
    elif key is not None:
        info = key
        problems = tuple([InvalidResponseError(f"GET /key: {path} could not be read") for path in key.unread])
    if isinstance(credits, Credits):
        doubt = unconfirmed(credits, wallet_reader)
        wallet, credits = (credits, None) if doubt is None else (None, doubt)
    if credits is not None:
        is_managers = has_manager or (is_manager and _is_of_ordinary_key(credits))
        problems += (of_management_key(credits) if is_managers else credits,)
    if wallet is None and info is None:
        first, *others = map(copy, problems)  # copies: other keys may share these errors
        first.problems += tuple(others)
        raise first
    # A 401 to the management key says nothing of this key; nor does one for the wallet if `/key` answered.
    stop: Stop | None = "refused" if isinstance(key, AuthenticationError) else None
    return KeyStatus(
        info, wallet, spendable(wallet, info, now, stop=stop, is_manager=is_manager), problems, now
    )


def believed(credits: Credits, wallet_reader: KeyInfo | OpenRouterError | None) -> Credits | OpenRouterError:
    """Return the wallet that a management key has read, or the doubt about it."""
    doubt = unconfirmed(credits, wallet_reader)
    return credits if doubt is None else of_management_key(doubt)


def of_management_key(error: OpenRouterError) -> OpenRouterError:
    """Mark an error, and say in its text what is wrong with the management key."""
    marked = copy(error)  # a copy: other keys may share it, among them that key itself
    marked.is_of_management_key = True
    if isinstance(error, AuthenticationError):
        marked.args = (f"The management key was refused: {error.summary}",)
        marked.remedy = error.remedy.replace("Check the key:", "Check the management key:")
    elif _is_of_ordinary_key(error):
        marked.args = (f"The management key is an ordinary key: {error.summary}",)
        marked.remedy = _HOW_TO_MANAGE
    return marked


def _is_of_ordinary_key(error: OpenRouterError) -> bool:
    """Tell whether an error of the wallet shows that the key which read it is no management key."""
    is_doubt = isinstance(error, UnconfirmedCreditsError) and not error.problems  # else `/key` is unread
    return is_doubt or isinstance(error, ManagementKeyRequiredError)


def unconfirmed(
    credits: Credits,
    wallet_reader: KeyInfo | OpenRouterError | None,
) -> UnconfirmedCreditsError | None:
    """Doubt a 0/0, unless what `/key` says of the key that read it makes it plausible.

    `/credits` answers 0/0 to some keys that may not read it (seen in 2026-09). It is true of a management
    key, and of an account that has never paid and never used anything. A key's `usage` of 0 alone proves
    nothing: a fresh key in a funded account has it too.
    """
    if not credits.is_zero:
        return None
    if wallet_reader is None:
        return UnconfirmedCreditsError(credits)
    if isinstance(wallet_reader, OpenRouterError):
        return UnconfirmedCreditsError(credits, problems=[detached(wallet_reader)])
    counters = (
        wallet_reader.usage,
        wallet_reader.usage_daily,
        wallet_reader.usage_weekly,
        wallet_reader.usage_monthly,
        wallet_reader.byok_usage,
        wallet_reader.byok_usage_daily,
        wallet_reader.byok_usage_weekly,
        wallet_reader.byok_usage_monthly,
    )
    if wallet_reader.is_management_key or (wallet_reader.is_free_tier and not any(counters)):
        return None
    return UnconfirmedCreditsError(credits)
