"""The engine under `check_keys` and `check_all`: one outcome for every key, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import math
from copy import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from attrs import define

from openrouter_credits._batch.gates import Flow
from openrouter_credits._batch.pace import NO_WAVE, Wave
from openrouter_credits._batch.report import KeyCheck, KeySource, KeySpec, Options
from openrouter_credits._batch.source import END, Source
from openrouter_credits._call.deadlines import Deadlines
from openrouter_credits._errors import APITimeoutError, ClientClosedError, InvalidKeyError, OpenRouterError
from openrouter_credits._models.key import Credits, KeyInfo
from openrouter_credits._secrets import ApiKey
from openrouter_credits._status.look import together
from openrouter_credits._status.spendable import KeyStatus, assess

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

T = TypeVar("T")


class Fetch(Protocol):
    """How a batch reads: the client does it, and asks the flow each time."""

    def __call__(self, path: str, into: type[T], key: ApiKey, flow: Flow) -> Awaitable[T]: ...


@define(eq=False)  # which is made faster than a frozen one
class _Taken:
    """A key that was taken from the source."""

    index: int
    spec: KeySpec
    account: str | None
    management_key: ApiKey | InvalidKeyError | None
    wallet_ids: tuple[int, ...]


class Batch:
    """One run over a source of keys.

    Args:
        keys: the source.
        options: what the caller said.
        fetch: reads.
        unless_closed: awaits what it is given a function for, unless the client is closed.
        patience: how long the host may owe an answer before the batch ends.
        keeps_all: whether equal keys share their requests over the whole batch, and not only while these are under way.

    Raises:
        TypeError: the source is a single key, or no source at all.
    """

    def __init__(
        self,
        keys: KeySource,
        options: Options,
        *,
        fetch: Fetch,
        unless_closed: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]],
        patience: float,
        keeps_all: bool,
    ) -> None:
        self._source = Source(keys)
        self._options = options
        self._fetch = fetch
        self._unless_closed = unless_closed
        self._patience = patience
        self._keeps_all = keeps_all
        self._count = 0
        self._over: str | None = None  # why the batch has ended, if it has
        self._shared: dict[tuple[str, ApiKey], asyncio.Future[Any]] = {}
        self._management_keys: dict[str, ApiKey] = {}
        self._wallet_ids: dict[str | ApiKey, int] = {}

    async def run(self) -> AsyncGenerator[KeyCheck, None]:
        """Check all keys; hand over each outcome as soon as it is there."""
        concurrency, size = self._options.concurrency, self._source.size
        number = concurrency if size is None else min(concurrency, size)
        self._loop = asyncio.get_running_loop()
        self._deadlines = Deadlines(self._loop)
        wave = Wave.of(size) if self._options.rate is None else NO_WAVE
        self._flow = Flow(rate=self._options.rate, wave=wave, clock=self._loop.time)
        self._finished: asyncio.Queue[KeyCheck | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(concurrency)  # a slow consumer stops the workers
        self._timers = {"watch": self._loop.call_later(self._patience, self._watch)}
        if self._options.deadline is not None:
            why = f"its {self._options.deadline:g} s are over"
            self._timers["deadline"] = self._loop.call_later(self._options.deadline, self._end, why)
        self._source.open(number, self._unless_closed)
        self._working = number
        # Plain tasks, and no scope that a `yield` would stand in: TaskGroup and timeout() would cancel the caller's own code.
        workers = [self._loop.create_task(self._work()) for _ in range(number)]
        for worker in workers:
            worker.add_done_callback(self._count_out)
        try:
            while number and (check := await self._finished.get()) is not None:
                self._room.release()
                yield check
            for worker in workers:
                worker.result()
            if self._source.fault is not None:
                raise self._source.fault
        finally:
            for timer in self._timers.values():
                timer.cancel()
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            await self._source.close()

    async def _work(self) -> None:
        try:
            while (taken := await self._take()) is not None:
                check = await self._check(taken)
                await self._room.acquire()
                self._finished.put_nowait(check)
        except ClientClosedError as error:
            self._source.stop(error)

    def _count_out(self, _: object) -> None:
        self._working -= 1
        if self._working == 0:
            self._finished.put_nowait(None)

    async def _take(self) -> _Taken | None:
        item = await self._source.take()
        if item is END:
            return None
        try:
            return self._accept(item if isinstance(item, KeySpec) else KeySpec(item))
        except ValueError as error:
            self._source.stop(error)
            return None

    def _accept(self, spec: KeySpec) -> _Taken:
        account, management = spec.account, spec.management_key
        if account is not None:
            known = self._management_keys.get(account)
            if known is None and isinstance(management, ApiKey):
                self._management_keys[account] = management
            elif known is not None and isinstance(management, ApiKey) and known != management:
                raise ValueError(f"account {account!r} has two management keys")
            management = management or known
        wallet_ids = () if account is None else (self._wallet_id(account),)
        if isinstance(management, ApiKey):
            account = account or str(management)
            wallet_ids = (*wallet_ids, self._wallet_id(management))
        taken = _Taken(self._count, spec, account, management, wallet_ids)
        self._count += 1
        return taken

    def _wallet_id(self, name: str | ApiKey) -> int:
        return self._wallet_ids.setdefault(name, len(self._wallet_ids))

    async def _check(self, taken: _Taken) -> KeyCheck:
        began = self._loop.time()
        status: KeyStatus | None = None
        error: OpenRouterError | None = None
        own, account, wallet_ids = taken.spec.api_key, taken.account, taken.wallet_ids
        if isinstance(own, InvalidKeyError):
            error = own
        else:
            try:
                status = await self._read(own, taken.management_key)
                if status.key is not None and status.key.is_management_key:
                    account, wallet_ids = account or str(own), (*wallet_ids, self._wallet_id(own))
            except ClientClosedError:
                raise
            except OpenRouterError as problem:
                error = problem.with_traceback(None)  # which would keep every frame alive
        return KeyCheck(
            taken.index,
            taken.spec.name,
            None if isinstance(own, InvalidKeyError) else str(own),
            account,
            status,
            error,
            self._loop.time() - began,
            wallet_ids=wallet_ids,
        )

    async def _read(self, own: ApiKey, management: ApiKey | InvalidKeyError | None) -> KeyStatus:
        is_begun = self._over is None
        try:
            if is_begun:
                with self._deadlines.at(math.inf):
                    return await self._read_both(own, management)
        except OpenRouterError:
            raise
        except TimeoutError:
            pass
        raise APITimeoutError(f"The batch ended before this key was checked: {self._over}", sent=is_begun)

    async def _read_both(self, own: ApiKey, management: ApiKey | InvalidKeyError | None) -> KeyStatus:
        read = self._options.read
        wallets = own if management is None else management
        said: Credits | OpenRouterError | None = None
        info: KeyInfo | OpenRouterError | None = None
        if isinstance(wallets, InvalidKeyError):
            said = wallets
            info = await self._once("/key", KeyInfo, own) if "key" in read else None
        elif "key" not in read:
            said = await self._once("/credits", Credits, wallets)
        elif "credits" not in read:
            info = await self._once("/key", KeyInfo, own)
        else:
            said, info = await together(
                self._once("/credits", Credits, wallets), self._once("/key", KeyInfo, own)
            )
            if wallets != own and isinstance(said, Credits) and said.is_zero:
                return assess(
                    said, info, reader=await self._once("/key", KeyInfo, wallets), now=datetime.now(UTC)
                )
        return assess(said, info, reader=info, now=datetime.now(UTC))

    async def _once(self, path: str, into: type[T], key: ApiKey) -> T | OpenRouterError:
        """Read something, or wait for whoever is reading it already; a fault is a value."""
        running: asyncio.Future[T | OpenRouterError] | None = self._shared.get((path, key))
        if running is not None:
            outcome = await asyncio.shield(running)
        else:
            running = self._shared[path, key] = self._loop.create_future()
            try:
                outcome = await self._fetch(path, into, key, self._flow)
            except OpenRouterError as error:
                outcome = error.with_traceback(None)
            except BaseException:
                running.cancel()
                raise
            running.set_result(outcome)
            if not self._keeps_all and key not in self._wallet_ids:
                del self._shared[path, key]
        if isinstance(outcome, ClientClosedError):
            raise copy(outcome)
        return outcome

    def _watch(self) -> None:
        """End the batch if the host has owed an answer for too long; else look again when it could."""
        since, now = self._flow.silent_since, self._loop.time()
        if since is not None and now >= since + self._patience:
            self._end(f"the host gave no answer for {self._patience:g} s")
        else:
            self._timers["watch"] = self._loop.call_at(
                (now if since is None else since) + self._patience, self._watch
            )

    def _end(self, why: str) -> None:
        self._over = why
        self._source.end()
        self._deadlines.call_all()
