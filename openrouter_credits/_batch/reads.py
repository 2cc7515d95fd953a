"""The requests of a batch: equal ones are shared, and each try asks the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, TypeVar

from openrouter_credits._batch.clock import RunningClock
from openrouter_credits._batch.gates import Gates
from openrouter_credits._batch.turn import Seat, Turn
from openrouter_credits._call.caller import Caller
from openrouter_credits._errors import ClientClosedError, OpenRouterError
from openrouter_credits._secrets import ApiKey

T = TypeVar("T")


class Reads:
    """Reads what paths answer to the keys of one batch; a fault is a value.

    Args:
        caller: makes the requests.
        gates: decide when a try may go.
        clock: measures the deadline of each call.
        is_kept: tells of a key whether later keys of the batch may need the same.
    """

    def __init__(
        self, caller: Caller, gates: Gates, clock: RunningClock, is_kept: Callable[[ApiKey], bool]
    ) -> None:
        self._caller = caller
        self._gates = gates
        self._clock = clock
        self._is_kept = is_kept
        self._loop = asyncio.get_running_loop()
        self._shared: dict[tuple[str, ApiKey], asyncio.Future[Any]] = {}

    async def read(self, seat: Seat, path: str, into: type[T], key: ApiKey) -> T | OpenRouterError:
        """Read something, or wait for another key's read of the same.

        Raises:
            ClientClosedError: the client was closed, so that nothing that follows makes sense.
        """
        outcome: T | OpenRouterError
        running: asyncio.Future[T | OpenRouterError] | None = self._shared.get((path, key))
        if running is None:
            running = self._shared[path, key] = self._loop.create_future()
            turn = self._gates.turn(seat, path)
            try:
                gate = partial(self._turn, turn)
                outcome = await self._caller.get(path, into, key, gate=gate, clock=self._clock.now)
            except OpenRouterError as error:
                outcome = error.with_traceback(None)
            except BaseException:
                running.cancel()
                raise
            finally:
                self._gates.leave(turn)
            running.set_result(outcome)
            if not self._is_kept(key):
                del self._shared[path, key]
        elif running.done():
            outcome = running.result()
        else:
            outcome = await self._join(seat, path, running)
        if isinstance(outcome, ClientClosedError):
            raise copy(outcome)
        seat.known[path, key] = outcome
        return outcome

    async def _join(
        self, seat: Seat, path: str, running: asyncio.Future[T | OpenRouterError]
    ) -> T | OpenRouterError:
        """Wait for another key's read, which may hang or be told to wait: so this key needs no worker."""
        turn = self._gates.turn(seat, path)
        self._gates.give_back(turn)
        try:
            return await asyncio.shield(running)
        finally:
            self._gates.leave(turn)

    async def _turn(self, turn: Turn, is_retry: bool) -> Turn:  # noqa: FBT001 - the signature of a gate
        if is_retry:
            if turn.fault is not None:
                raise turn.fault
            left_alone = turn.not_before - self._clock.now()
            if left_alone > 0:
                await self._caller.sleep(left_alone)
        if not self._gates.take(turn, is_retry=is_retry):
            await self._caller.unless_closed(partial(self._gates.wait, turn, is_retry=is_retry))
        return turn

    async def known(
        self,
        seat: Seat,
        missing: OpenRouterError,
        path: str,
        into: type[T],  # noqa: ARG002 - the signature of a reader
        key: ApiKey,
    ) -> T | OpenRouterError:
        """Return what was read of a key before the batch ended, or `missing`."""
        outcome: T | OpenRouterError = seat.known.get((path, key), missing)
        return outcome
