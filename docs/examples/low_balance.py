"""Warn once when the balance falls, and again only after it has recovered.

Set OPENROUTER_API_KEY and OPENROUTER_MANAGEMENT_KEY, then: python low_balance.py
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from attrs import define
from openrouter_credits import (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    CreditsClient,
    Level,
    OpenRouterError,
)

logger = logging.getLogger(__name__)

SEVERITY = [Level.OK, Level.LOW, Level.CRITICAL, Level.DEPLETED, Level.INVALID]


@define
class Alarm:
    """Decides when to speak. It knows no clock and no network."""

    patience: int = 3
    """After so many looks in a row that told nothing, it says so."""
    severity: int = 0
    unread: int = 0

    def rings(self, level: Level) -> bool:
        """Take in a level; tell whether it is worse than the one before."""
        if level == Level.UNKNOWN:  # neither a fall nor a recovery
            self.unread += 1
            return self.unread == self.patience
        self.unread = 0
        before, self.severity = self.severity, SEVERITY.index(level)
        return self.severity > before


async def watch(
    client: CreditsClient,
    tell: Callable[[str], Awaitable[None]],
    *,
    every: float = 300.0,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Look at the client's key every so many seconds; a passing fault ends nothing."""
    alarm = Alarm()
    while True:
        try:
            status = await client.status()
            level, words = status.level(warn=10, critical=5), status.explain()
        except AuthenticationError as error:
            level, words = Level.INVALID, str(error)
        except (ConfigurationError, ClientClosedError):  # no later look can help
            raise
        except OpenRouterError as error:
            level, words = Level.UNKNOWN, str(error)
        if alarm.rings(level):
            try:
                await tell(f"{level}: {words}")
            except Exception:  # of whatever sends the message
                logger.exception("nobody was told")
                alarm = Alarm()  # rings again at the next look
        await sleep(every)


async def say(text: str) -> None:
    """Print it; yours could send a message."""
    print(text, flush=True)


async def main() -> None:
    """Watch the key that the environment names."""
    async with CreditsClient() as client:
        await watch(client, say)


if __name__ == "__main__":
    asyncio.run(main())
