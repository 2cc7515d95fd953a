"""The watch of a client: it reads its keys once, when it is entered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Self

from openrouter_credits import CreditsClient, KeySpec, MissingKeyError
from openrouter_credits.watch._looks import Looks
from openrouter_credits.watch._watch import Watch


class WatchOfKeys(Watch):
    """A watch of a list of keys, which `take` reads; what the list raises, entering raises."""

    def __init__(
        self,
        client: CreditsClient,
        take: Callable[[], Awaitable[tuple[KeySpec, ...]]],
        *,
        every: float,
        **options: Any,
    ) -> None:
        self._looks = Looks(client, every)
        self._take = take
        super().__init__(self._looks.at_all, alone=self._looks.alone, every=every, **options)

    async def __aenter__(self) -> Self:
        """Read the keys, take the first look, and go on."""
        self._require_new()
        specs = await self._take()
        if not specs:
            raise MissingKeyError("There is no key to watch: the list is empty")
        self._looks.begin(specs)
        self._pace.is_spread = self._looks.is_spread
        return await super().__aenter__()
