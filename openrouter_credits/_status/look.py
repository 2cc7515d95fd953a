"""Two requests at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

T = TypeVar("T")
U = TypeVar("U")


async def together(first: Coroutine[Any, Any, T], second: Awaitable[U]) -> tuple[T, U]:
    """Await two things at the same time; when one raises, the other is ended before that goes on."""
    task = asyncio.get_running_loop().create_task(first)
    try:
        value = await second
        return await task, value
    except BaseException:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
