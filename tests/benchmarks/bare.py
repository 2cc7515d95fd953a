"""What one would write by hand with aiohttp: the loop that everything else is compared with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import TypeVar

    Item = TypeVar("Item")


async def fetch(session: aiohttp.ClientSession, url: str, key: str) -> Any:
    """Ask once; nothing is checked."""
    async with session.get(url, headers={"Authorization": f"Bearer {key}"}) as response:
        return (await response.json())["data"]


async def fetch_in_three_tries(session: aiohttp.ClientSession, url: str, key: str) -> Any:
    """Ask again after a refusal or a lost connection, 0.5 s and 1 s later."""
    for wait in (0.5, 1.0, None):
        try:
            async with session.get(
                url, headers={"Authorization": f"Bearer {key}"}, raise_for_status=True
            ) as response:
                return (await response.json())["data"]
        except (aiohttp.ClientError, TimeoutError):
            if wait is None:
                raise
            await asyncio.sleep(wait)
    return None


async def pool(items: Iterable[Item], workers: int, call: Callable[[Item], Awaitable[object]]) -> None:
    """Call once for each item, so many at a time."""
    left = iter(items)

    async def work() -> None:
        for item in left:
            await call(item)

    await asyncio.gather(*(work() for _ in range(workers)))
