"""The calls of a batch that wait for their turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from contextlib import suppress

from attrs import define, field

from openrouter_credits._batch.turn import Turn


@define(eq=False)
class Waiter:
    """A call that waits."""

    turn: Turn
    future: asyncio.Future[None]
    needs_token: bool
    """Whether it costs a token of the retry budget."""


@define(eq=False)
class Queues:
    """Two queues: retries that need a token, and all others."""

    others: deque[Waiter] = field(init=False, factory=deque)
    retries: deque[Waiter] = field(init=False, factory=deque)
    size: int = field(init=False, default=0)
    """How many calls wait in both."""

    def add(self, waiter: Waiter) -> None:
        """Let a call wait behind those that came before it."""
        self._queue_of(waiter).append(waiter)
        self.size += 1

    def remove(self, waiter: Waiter) -> None:
        """Forget a call, if it still waits."""
        with suppress(ValueError):
            self._queue_of(waiter).remove(waiter)
            self.size -= 1

    def first(self, *, of_retries: bool) -> Waiter:
        """Take out the call that has waited longest."""
        self.size -= 1
        return (self.retries if of_retries else self.others).popleft()

    def probe(self, silent: Collection[str]) -> Waiter:
        """Take out a call that is to find out whether the host is there; a retry only if nothing else waits.

        It is the newest (see `Breaker.reach`) that asks for a path which is not `silent`, if there is one.
        """
        self.size -= 1
        if not self.others:
            return self.retries.popleft()
        newest = reversed(self.others)
        waiter = next((each for each in newest if each.turn.path not in silent), self.others[-1])
        self.others.remove(waiter)
        return waiter

    def least_refused(self, paths: Collection[str]) -> Waiter:
        """Take out the call that was refused least, if possible one that asks for none of these paths."""

        def rank(waiter: Waiter) -> tuple[bool, int]:
            return waiter.turn.path in paths, waiter.turn.refusals

        waiter = min([*self.others, *self.retries], key=rank)
        self.remove(waiter)
        return waiter

    def _queue_of(self, waiter: Waiter) -> deque[Waiter]:
        return self.retries if waiter.needs_token else self.others
