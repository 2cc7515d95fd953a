"""Ask what your key can still spend, and what would stop it first."""

import asyncio

from openrouter_credits import CreditsClient, OpenRouterError


async def main() -> None:
    """Read the key that the environment names, and its wallet."""
    async with CreditsClient() as client:
        status = await client.status()
    print(status.explain())
    print("Enough for a job of $20:", status.spendable.covers(20))


try:
    asyncio.run(main())
except OpenRouterError as error:
    raise SystemExit(str(error)) from None
