"""Many keys at once, by each of the means that there are; every function tells how many keys it lost."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import aiohttp

from openrouter_credits import CreditsClient, RetryPolicy

from .bare import fetch, fetch_in_three_tries, pool
from .clients import API_KEY, CLIENTS, bare_session
from .names import BARE, OFFICIAL, OURS, THREE_TRIES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator


def some_keys(number: int) -> Iterator[str]:
    """Make different keys, one by one."""
    return (f"sk-or-v1-{index:064x}" for index in range(number))


async def ours(
    url: str,
    number: int,
    in_flight: int,
    *,
    sized: bool = False,
    timeout: float = 10.0,
    deadline: float = 30.0,
) -> int:
    """Check with `check_keys`, one request for each key, and drop each result as it comes."""
    keys = list(some_keys(number)) if sized else some_keys(number)
    policy = RetryPolicy(deadline=deadline)
    checked = failed = 0
    async with (
        CreditsClient(
            API_KEY, base_url=url, max_connections=max(100, in_flight), timeout=timeout, retry=policy
        ) as client,
        aclosing(client.check_keys(keys, concurrency=in_flight, read=("credits",))) as checks,
    ):
        async for check in checks:
            checked += 1
            failed += check.error is not None or check.status is None or check.status.credits is None
    return number - checked + failed


async def bare(url: str, number: int, in_flight: int) -> int:
    """Check with a worker pool written by hand, that knows no faults."""
    async with bare_session(in_flight) as session:
        await pool(some_keys(number), in_flight, lambda key: fetch(session, f"{url}/credits", key))
    return 0


async def three_tries(
    url: str, number: int, in_flight: int, *, timeout: float = 10.0, at_most: float = 60.0
) -> int:
    """Check with a worker pool written by hand, that tries three times."""
    async with bare_session(in_flight, timeout=aiohttp.ClientTimeout(total=timeout)) as session:
        return await _lost(
            number, in_flight, at_most, lambda key: fetch_in_three_tries(session, f"{url}/credits", key)
        )


async def official(
    url: str, number: int, in_flight: int, *, timeout: float = 10.0, at_most: float = 60.0
) -> int:
    """Check with the official SDK in the same pool; one client uses one key for all, which flatters it."""
    async with CLIENTS[OFFICIAL](url, "credits", in_flight) as call:
        return await _lost(number, in_flight, at_most, lambda _: call(timeout_ms=int(timeout * 1000)))


async def _lost(number: int, in_flight: int, at_most: float, ask: Callable[[str], Awaitable[object]]) -> int:
    """Ask for every key, for so many seconds at most, and count those without an answer."""
    answered = 0

    async def try_to_ask(key: str) -> None:
        nonlocal answered
        with suppress(Exception):  # whatever the client raises for a key that it gives up
            await ask(key)
            answered += 1

    with suppress(TimeoutError):
        async with asyncio.timeout(at_most):
            await pool(some_keys(number), in_flight, try_to_ask)
    return number - answered


BATCHES: dict[str, Callable[..., Awaitable[int]]] = {
    OURS: ours,
    BARE: bare,
    THREE_TRIES: three_tries,
    OFFICIAL: official,
}
