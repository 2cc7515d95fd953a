"""A client as many are written: plain aiohttp, and the key in one sink or another. The assertion must find each leak."""

from __future__ import annotations

import asyncio
import logging
import warnings
from typing import Any, NoReturn

import aiohttp

from openrouter_credits import OpenRouterError

logger = logging.getLogger("leaky")


class LeakyError(OpenRouterError):
    """Shows nothing by itself; its kinds show what they find here."""

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
    """Is masked where it is printed, but not where it is shown to programmers."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return self._text


def _fail(error: LeakyError) -> NoReturn:
    raise error


async def in_str(_: str, key: str) -> NoReturn:
    """Print the key."""
    LeakyError.key = key
    del key
    _fail(_StrError("x"))


async def in_repr(_: str, key: str) -> NoReturn:
    """Show the key to programmers."""
    LeakyError.key = key
    del key
    _fail(_ReprError("x"))


async def in_vars(_: str, key: str) -> NoReturn:
    """Keep the request with the error."""
    error = LeakyError("x")
    error.request = _Shown(key)  # type: ignore[attr-defined]  # the point
    del key
    _fail(error)


async def in_args(_: str, key: str) -> NoReturn:
    """Keep the key among the arguments, where the summary does not show it."""
    error = _ArgsError("x")
    error.args = ("x", key)
    del key
    _fail(error)


async def in_context(url: str, key: str) -> NoReturn:
    """Hide aiohttp's error with `from None`, which leaves it on __context__."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url, headers={"Authorization": f"Bearer {key}"}) as response:
            response.raise_for_status()
    except aiohttp.ClientError:
        del key, session, response
        raise LeakyError("x") from None
    raise AssertionError


async def in_locals(_: str, key: str) -> NoReturn:
    """Raise where a local holds the key."""
    headers = {"Authorization": f"Bearer {key}"}
    del key
    raise LeakyError(f"with {len(headers)} headers")


async def in_log_message(_: str, key: str) -> NoReturn:
    """Log the key."""
    logger.debug("asking with " + key)  # noqa: G003 - the point: message, not args
    del key
    _fail(LeakyError("x"))


async def in_log_args(_: str, key: str) -> NoReturn:
    """Log a mask, with an argument that has more to show to those who collect records."""
    logger.debug("asking with %s", _Shown(key))
    del key
    _fail(LeakyError("x"))


async def in_log_exc_info(_: str, key: str) -> NoReturn:
    """Log another exception, which shows the key."""
    logger.debug("it failed", exc_info=ValueError(key))
    del key
    _fail(LeakyError("x"))


async def in_warning(_: str, key: str) -> NoReturn:
    """Warn of the key."""
    warnings.warn(key, stacklevel=1)
    del key
    _fail(LeakyError("x"))


async def in_report(_: str, key: str) -> NoReturn:
    """Name the task after the key."""
    task = asyncio.current_task()
    assert task is not None
    task.set_name(key)
    del key, task
    _fail(LeakyError("x"))


async def in_pickle(_: str, key: str) -> NoReturn:
    """Carry the key along when it travels."""
    LeakyError.key = key
    del key
    _fail(_PickleError("x"))


async def from_aiohttp(url: str, key: str) -> NoReturn:
    """Let aiohttp's own error out."""
    async with (
        aiohttp.ClientSession(raise_for_status=True) as session,
        session.get(url, headers={"Authorization": f"Bearer {key}"}),
    ):
        raise AssertionError


async def late(*_: str) -> NoReturn:
    """Fail later than promised."""
    await asyncio.sleep(0.15)
    raise LeakyError("x")


async def unreleased(url: str, held: list[Any]) -> None:
    """Keep a connection: the body is never read."""
    session = aiohttp.ClientSession()
    held += [session, await session.get(url)]
