"""The engine under `check_keys` and `check_all`: every key has an outcome, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from copy import copy
from functools import partial
from typing import Any, TypeVar

from openrouter_credits._batch.accounts import Accounts, Job
from openrouter_credits._batch.gates import Gates, Turn
from openrouter_credits._batch.pace import NO_SLOW_START, SlowStart
from openrouter_credits._batch.report import CheckReport, KeyCheck
from openrouter_credits._batch.source import End, Source
from openrouter_credits._batch.spec import KeySpec, Options
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.deadlines import Deadline, Deadlines
from openrouter_credits._errors import APITimeoutError, ClientClosedError, InvalidKeyError, OpenRouterError
from openrouter_credits._secrets import ApiKey
from openrouter_credits._status.look import look
from openrouter_credits._status.status import KeyStatus

T = TypeVar("T")


async def run(
    source: Source,
    options: Options,
    caller: Caller,
    accounts: Accounts | None = None,
    *,
    for_report: bool = False,
) -> AsyncGenerator[KeyCheck, None]:
    """Check all keys of a source, and yield each outcome as soon as it is there.

    Args:
        source: the keys.
        options: what the caller of the batch asked for.
        caller: makes the requests.
        accounts: learns which keys share a wallet.
        for_report: whether all outcomes become one report. Then equal keys share their requests over the
            whole batch, and not only while these are under way.
    """
    batch = _Batch(source, options, caller, accounts or Accounts(), for_report=for_report)
    try:
        while (check := await batch.finished.get()) is not None:
            batch.room.release()
            yield check
        batch.raise_fault()
    finally:
        await batch.close()


async def run_all(source: Source, options: Options, caller: Caller) -> CheckReport:
    """Check all keys of a source, and return their outcomes in order; equal keys are read once."""
    accounts = Accounts()
    async with aclosing(run(source, options, caller, accounts, for_report=True)) as outcomes:
        checks = sorted([check async for check in outcomes], key=lambda check: check.index)
    return CheckReport(accounts.settle(checks))


class _Batch:
    """One run over a source of keys; made in the event loop that it runs on."""

    def __init__(
        self, source: Source, options: Options, caller: Caller, accounts: Accounts, *, for_report: bool
    ) -> None:
        size = source.size
        workers = options.concurrency if size is None else min(options.concurrency, size)
        slow_start = NO_SLOW_START if options.rate is not None else SlowStart.of(size)
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._source = source
        self._options = options
        self._caller = caller
        self._accounts = accounts
        self._for_report = for_report
        self._deadlines = Deadlines(loop)
        self._gates = Gates(options.rate, slow_start, clock=loop.time)
        self._over: str | None = None
        """Why the batch has ended, if it has."""
        self._count = 0
        self._under_way = 0
        self._shared: dict[tuple[str, ApiKey], asyncio.Future[Any]] = {}
        """Reads that equal keys share."""
        self.finished: asyncio.Queue[KeyCheck | None] = asyncio.Queue()
        """Outcomes, and `None` after the last one."""
        self.room = asyncio.Semaphore(options.concurrency)
        """Room for outcomes: a slow consumer stops the workers."""
        self._timers = {"watch": loop.call_later(caller.policy.deadline, self._watch)}
        if options.deadline is not None:
            why = f"its {options.deadline:g} s are over"
            self._timers["deadline"] = loop.call_later(options.deadline, self._finish, why)
        source.open(caller.unless_closed)
        # Plain tasks, and no scope that a `yield` would stand in: TaskGroup and timeout() would cancel the
        # caller's own code.
        self._working = workers
        self._workers = [loop.create_task(self._work()) for _ in range(workers)]
        for worker in self._workers:
            worker.add_done_callback(self._count_out)
        if not self._workers:
            self.finished.put_nowait(None)

    def raise_fault(self) -> None:
        """Raise what the source raised, or what ended the batch, if anything did."""
        for worker in self._workers:
            worker.result()
        self._source.raise_fault()

    async def close(self) -> None:
        """End everything that is still under way."""
        for timer in self._timers.values():
            timer.cancel()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers.clear()  # their exceptions' frames hold this batch
        await self._source.close()

    async def _work(self) -> None:
        until_over = self._deadlines.at(math.inf)  # made once: it is entered for each key
        try:
            while (job := self._accept(await self._source.take())) is not None:
                check = await self._check(job, until_over)
                await self.room.acquire()
                self.finished.put_nowait(check)
        except ClientClosedError as error:
            self._source.fail(error)

    def _count_out(self, _: object) -> None:
        self._working -= 1
        if self._working == 0:
            self.finished.put_nowait(None)

    def _accept(self, spec: KeySpec | End) -> Job | None:
        if isinstance(spec, End):
            return None
        try:
            job = self._accounts.job(self._count, spec)
        except ValueError as error:
            self._source.fail(error)
            return None
        self._count += 1
        return job

    async def _check(self, job: Job, until_over: Deadline) -> KeyCheck:
        began_at = self._loop.time()
        own = job.spec.api_key
        status: KeyStatus | None = None
        error: OpenRouterError | None = None
        if isinstance(own, InvalidKeyError):
            error = own
        elif self._over is not None:
            error = self._too_late(sent=False)
        else:
            self._under_way += 1
            try:
                with until_over:
                    status = await look(self._read, own, job.management_key, self._options.read)
            except ClientClosedError:
                raise
            except OpenRouterError as problem:
                error = problem.with_traceback(None)  # which would keep every frame alive
            except TimeoutError:
                error = self._too_late(sent=True)
            finally:
                self._under_way -= 1
                if self._under_way == 0:
                    self._gates.rest()
        account, wallet_id = self._accounts.place(job, status, for_report=self._for_report)
        return KeyCheck(
            job.index,
            job.spec.name,
            None if isinstance(own, InvalidKeyError) else str(own),
            account,
            status,
            error,
            self._loop.time() - began_at,
            joined=self._accounts.joined,
            wallet_id=wallet_id,
        )

    def _too_late(self, *, sent: bool) -> APITimeoutError:
        return APITimeoutError(f"The batch ended before this key was checked: {self._over}", sent=sent)

    async def _read(self, path: str, into: type[T], key: ApiKey) -> T | OpenRouterError:
        """Read something, or wait for another key's read of the same; a fault is a value."""
        running: asyncio.Future[T | OpenRouterError] | None = self._shared.get((path, key))
        if running is not None:
            outcome = await asyncio.shield(running)
        else:
            running = self._shared[path, key] = self._loop.create_future()
            try:
                outcome = await self._caller.get(path, into, key, gate=partial(self._turn, key))
            except OpenRouterError as error:
                outcome = error.with_traceback(None)
            except BaseException:
                running.cancel()
                raise
            running.set_result(outcome)
            if not self._for_report and not self._accounts.is_known(key):
                del self._shared[path, key]
        if isinstance(outcome, ClientClosedError):
            raise copy(outcome)
        return outcome

    async def _turn(self, key: ApiKey, is_retry: bool) -> Turn:  # noqa: FBT001 - the signature of a gate
        turn = self._gates.take(key, is_retry=is_retry)
        if turn is None:
            turn = await self._caller.unless_closed(partial(self._gates.wait, key, is_retry=is_retry))
        return turn

    def _watch(self) -> None:
        """End the batch if no request was answered for too long; else look again at the next possible end."""
        patience = self._caller.policy.deadline
        silent_since, now = self._gates.silent_since, self._loop.time()
        if silent_since is not None and now >= silent_since + patience:
            self._finish(f"the host gave no answer for {patience:g} s")
        else:
            next_at = (now if silent_since is None else silent_since) + patience
            self._timers["watch"] = self._loop.call_at(next_at, self._watch)

    def _finish(self, why: str) -> None:
        """End what is under way, and give each key that is known the reason for its outcome."""
        self._over = why
        self._source.finish()
        self._deadlines.expire_all()
