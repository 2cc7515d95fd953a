"""The requests of a batch: equal ones are shared, and each try asks the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, TypeVar

from openrouter_credits._batch.accounts import Job
from openrouter_credits._batch.clock import RunningClock
from openrouter_credits._batch.gates import Gates
from openrouter_credits._batch.turn import Seat, Turn
from openrouter_credits._call.caller import Caller
from openrouter_credits._errors import ClientClosedError, ConfigurationError, OpenRouterError
from openrouter_credits._models import KeyInfo
from openrouter_credits._secrets import ApiKey
from openrouter_credits._status.look import Read

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
        if (path, key) in seat.known:
            outcome = seat.known[path, key]
            return outcome
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


def doubting(read: Read, job: Job) -> Read:
    """Return a reader that does not take it on trust that an assumed management key is of the key's account.

    Before the wallet is believed, `/key` of both is compared: that of the management key is read once in a
    batch. If they differ, the wallet is an error, and the key leaves it.
    """
    own, manager = job.spec.api_key, job.management_key
    if not (job.spec._assumed and isinstance(own, ApiKey) and isinstance(manager, ApiKey)) or own == manager:  # noqa: SLF001 - private to the batch and the command
        return read

    async def read_and_compare(path: str, into: type[T], key: ApiKey) -> T | OpenRouterError:
        outcome = await read(path, into, key)
        if path != "/credits" or isinstance(outcome, OpenRouterError):
            return outcome
        of_manager, of_key = await read("/key", KeyInfo, manager), await read("/key", KeyInfo, own)
        if not isinstance(of_manager, KeyInfo) or not isinstance(of_key, KeyInfo):
            return outcome
        difference = _difference(of_key, of_manager)
        if difference is None:
            return outcome
        job.leave_wallet()
        return ConfigurationError(
            f"The management key {manager} is of another account: {difference}",
            remedy="Use a key file that gives each account its own management_key.",
        )

    return read_and_compare


def _difference(key: KeyInfo, other: KeyInfo) -> str | None:
    """Tell why two keys are not of one account; `None` if they may be."""
    organizations = {key.organization_id, other.organization_id}
    creators = {key.creator_user_id, other.creator_user_id}
    if None not in organizations:
        return "the two belong to different organizations" if len(organizations) == 2 else None
    if None not in creators and len(creators) == 2:
        return "the two were made by different people"
    return None
