"""All keys of one account, by each of the means that there are; every function tells how many it has read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openrouter_credits import CreditsClient

from .batches import some_keys
from .clients import API_KEY
from .names import CHECK, CHECK_ALL, KEYS, LIST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PAGE = 100


async def keys(url: str, number: int) -> int:
    """List the keys with the account's management key, and drop each as it comes."""
    read = 0
    async with CreditsClient(management_key=API_KEY, base_url=url) as client:
        async for _ in client.account.keys():
            read += 1
    return read


async def check(url: str, number: int) -> int:
    """Check the keys with the account's management key; the report is complete in memory."""
    async with CreditsClient(management_key=API_KEY, base_url=url) as client:
        report = await client.account.check()
    return sum(check.status is not None and not check.status.problems for check in report.checks)


async def check_all(url: str, number: int) -> int:
    """Check the keys with the secret of each: `/credits` and `/key`."""
    async with CreditsClient(API_KEY, base_url=url) as client:
        report = await client.check_all(some_keys(number))
    return sum(check.status is not None and not check.status.problems for check in report.checks)


async def official(url: str, number: int) -> int:
    """List the keys of one workspace with the official SDK, which leaves the offsets to its caller."""
    from openrouter import OpenRouter

    read, page = 0, _PAGE
    async with OpenRouter(api_key=API_KEY, server_url=url) as sdk:
        while page == _PAGE:
            page = len((await sdk.api_keys.list_async(offset=read, include_disabled=True)).data)
            read += page
    return read


ACCOUNTS: dict[str, Callable[[str, int], Awaitable[int]]] = {
    KEYS: keys,
    CHECK: check,
    CHECK_ALL: check_all,
    LIST: official,
}
