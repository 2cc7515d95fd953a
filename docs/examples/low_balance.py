"""Warn when a balance falls, and when it cannot be read: one message for one cause.

Set OPENROUTER_API_KEY and OPENROUTER_MANAGEMENT_KEY, then: python low_balance.py
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from openrouter_credits import CreditsClient

logger = logging.getLogger(__name__)


async def watch(
    client: CreditsClient,
    tell: Callable[[str], Awaitable[None]],
    *,
    every: float = 300.0,
    pause: float = 60.0,
) -> None:
    """Tell what happens to the client's key; what could not be told is tried again."""
    async with client.watch(every=every) as events:
        async for event in events:
            while True:
                try:
                    await tell(str(event))
                    break
                except Exception:  # of whatever sends the message
                    logger.exception("nobody was told")
                    await asyncio.sleep(pause)


async def say(text: str) -> None:
    """Print it; yours could send a message."""
    print(text, flush=True)


async def main() -> None:
    """Watch the key that the environment names."""
    async with CreditsClient() as client:
        await watch(client, say)


if __name__ == "__main__":
    asyncio.run(main())
