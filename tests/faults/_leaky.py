"""Clients that leak the key on purpose, each into one sink: the shared assertion must find each leak."""

from __future__ import annotations

import asyncio
import logging
import warnings
from typing import Any, NoReturn

import aiohttp

from openrouter_credits import OpenRouterError

logger = logging.getLogger("leaky")


class LeakyError(OpenRouterError):
    """An error that shows nothing by itself; subclasses show the `key` that is set here."""

    key = ""


class _StrError(LeakyError):
    def __str__(self) -> str:
        return f"{self.key}."


class _ReprError(LeakyError):
    def __repr__(self) -> str:
        return self.key


class _ArgsError(LeakyError):
    def __repr__(self) -> str:
        return "_ArgsError()"


class _PickleError(LeakyError):
    def __reduce__(self) -> tuple[Any, ...]:
        return _PickleError, (self.key,)


class _Shown:
    """A text that is masked by str() and shown by repr()."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return self._text


def _fail(error: LeakyError) -> NoReturn:
    raise error


async def in_str(_: str, key: str) -> NoReturn:
    """Show the key in the str() of the error."""
    LeakyError.key = key
    del key
    _fail(_StrError("x"))


async def in_repr(_: str, key: str) -> NoReturn:
    """Show the key in the repr() of the error."""
    LeakyError.key = key
    del key
    _fail(_ReprError("x"))


async def in_vars(_: str, key: str) -> NoReturn:
    """Keep the key in an attribute of the error."""
    error = LeakyError("x")
    vars(error)["request"] = _Shown(key)
    del key
    _fail(error)


async def in_args(_: str, key: str) -> NoReturn:
    """Keep the key in the `args` of the error, which its str() does not show."""
    error = _ArgsError("x")
    error.args = ("x", key)
    del key
    _fail(error)


async def in_context(url: str, key: str) -> NoReturn:
    """Suppress aiohttp's error with `from None`, which leaves it on __context__."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers={"Authorization": f"Bearer {key}"}) as response,
        ):
            response.raise_for_status()
    except aiohttp.ClientError:
        del key, session, response
        raise LeakyError("x") from None
    raise AssertionError


async def in_locals(_: str, key: str) -> NoReturn:
    """Raise an error in a frame whose local variable holds the key."""
    headers = {"Authorization": f"Bearer {key}"}
    del key
    raise LeakyError(f"with {len(headers)} headers")


async def while_it_waits(_: str, key: str) -> None:
    """Hold the key in a local variable while it waits."""
    await asyncio.sleep(20)
    del key


async def while_others_wait(_: str, key: str) -> None:
    """Give the key to the standard library, whose frame holds it while it waits."""
    queue: asyncio.Queue[str] = asyncio.Queue(maxsize=1)
    queue.put_nowait(key)
    waiting = queue.put(key)
    del key, queue  # `self` and `item` of that frame have it
    await waiting


async def in_log_message(_: str, key: str) -> NoReturn:
    """Log the key in the message."""
    logger.debug("asking with " + key)  # noqa: G003 - the point: message, not args
    del key
    _fail(LeakyError("x"))


async def in_log_args(_: str, key: str) -> NoReturn:
    """Log an argument whose str() is masked, and whose repr() shows the key."""
    logger.debug("asking with %s", _Shown(key))
    del key
    _fail(LeakyError("x"))


async def in_log_exc_info(_: str, key: str) -> NoReturn:
    """Log an exception that shows the key."""
    logger.debug("it failed", exc_info=ValueError(key))
    del key
    _fail(LeakyError("x"))


async def in_warning(_: str, key: str) -> NoReturn:
    """Show the key in a warning."""
    warnings.warn(key, stacklevel=1)
    del key
    _fail(LeakyError("x"))


async def in_report(_: str, key: str) -> NoReturn:
    """Show the key in the name of the task, which asyncio reports."""
    task = asyncio.current_task()
    assert task is not None
    task.set_name(key)
    del key, task
    _fail(LeakyError("x"))


async def in_pickle(_: str, key: str) -> NoReturn:
    """Keep the key in the pickle of the error."""
    LeakyError.key = key
    del key
    _fail(_PickleError("x"))


async def from_aiohttp(url: str, key: str) -> NoReturn:
    """Let aiohttp's own error escape."""
    async with (
        aiohttp.ClientSession(raise_for_status=True) as session,
        session.get(url, headers={"Authorization": f"Bearer {key}"}),
    ):
        raise AssertionError


async def late(*_: str) -> NoReturn:
    """Fail after 0.15 s."""
    await asyncio.sleep(0.15)
    raise LeakyError("x")


async def unreleased(url: str, held: list[Any]) -> None:
    """Keep a connection acquired: the body is never read. What must be closed later is added to `held`."""
    session = aiohttp.ClientSession()
    held += [session, await session.get(url)]
