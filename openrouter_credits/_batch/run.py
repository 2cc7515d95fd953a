"""The engine under `check_keys` and `check_all`: every key has an outcome, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import TypeVar

from openrouter_credits._batch.accounts import Accounts, Job
from openrouter_credits._batch.check import KeyCheck
from openrouter_credits._batch.clock import RunningClock
from openrouter_credits._batch.ending import Ending
from openrouter_credits._batch.gates import Gates
from openrouter_credits._batch.pace import NO_SLOW_START, SlowStart
from openrouter_credits._batch.reads import Reads, doubting
from openrouter_credits._batch.report import CheckReport
from openrouter_credits._batch.source import End, Source
from openrouter_credits._batch.spec import KeySpec, Options
from openrouter_credits._batch.turn import Seat
from openrouter_credits._batch.workers import Workers
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.deadlines import Deadline, Deadlines
from openrouter_credits._errors import ClientClosedError, ConfigurationError, OpenRouterError
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
        loop = asyncio.get_running_loop()
        size = source.size
        most = options.concurrency * len(options.read)
        slow_start = NO_SLOW_START if options.rate is not None else SlowStart.of(size, most)
        self._loop = loop
        self._source = source
        self._options = options
        self._caller = caller
        self._accounts = accounts
        self._for_report = for_report
        self._deadlines = Deadlines(loop)
        self._clock = RunningClock(loop, self._watch)
        self._gates = Gates(
            caller.policy,
            self._clock.now,
            concurrency=options.concurrency,
            most=most,
            rate=options.rate,
            slow_start=slow_start,
        )
        self._is_over = False
        self._ending = Ending("")
        """Why the batch has ended, once it has."""
        self._count = 0
        self._reads = Reads(caller, self._gates, self._clock, self._is_kept)
        self.finished: asyncio.Queue[KeyCheck | None] = asyncio.Queue()
        """Outcomes, and `None` after the last one."""
        self.room = asyncio.Semaphore(options.concurrency)
        """Room for outcomes: a slow consumer stops the workers."""
        self._timer: asyncio.TimerHandle | None = None
        if options.deadline is not None:
            self._timer = loop.call_later(
                options.deadline, self._finish, f"its {options.deadline:g} s are over"
            )
        source.open(caller.unless_closed)
        # Plain tasks, and no scope that a `yield` would stand in: TaskGroup and timeout() would cancel the
        # caller's own code.
        self._workers = Workers(
            loop,
            self._work,
            concurrency=options.concurrency,
            others=self._others,
            on_end=lambda: self.finished.put_nowait(None),
        )
        self._gates.on_room = self._workers.replace
        self._workers.start(options.concurrency if size is None else min(options.concurrency, size))

    def raise_fault(self) -> None:
        """Raise what the source raised, or what ended the batch, if anything did."""
        self._source.raise_fault()  # the first: it may be the reason that workers ended
        self._workers.raise_fault()

    async def close(self) -> None:
        """End everything that is still under way."""
        self._clock.close()
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self._workers.cancel()
        finally:  # also if this is cancelled once more
            del self._workers, self._clock, self._gates, self._reads  # they hold this batch
            await self._source.close()

    async def _work(self) -> None:
        until_over = self._deadlines.at(math.inf)  # made once: it is entered for each key
        try:
            while self._workers.have_room():
                job = self._accept(await self._source.take())
                if job is None:
                    self._workers.no_more_keys()
                    break
                check = await self._check(job, until_over)
                await self.room.acquire()
                self.finished.put_nowait(check)
        except ClientClosedError as error:
            self._source.fail(error)
        finally:
            self._workers.leave()

    def _is_kept(self, key: ApiKey) -> bool:
        """Tell whether later keys may need what was read with a key."""
        return self._for_report or self._accounts.is_known(key)

    def _others(self) -> int:
        """Return how many more keys may be taken: in place of those that wait, and for probes to choose."""
        reach = 0 if self._source.size is None else self._gates.breaker.reach
        return self._gates.seats.away + reach

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
        manager, wanted = job.management_key, self._options.read
        status: KeyStatus | None = None
        error: OpenRouterError | None = None
        if isinstance(own, ConfigurationError):
            error = own
        elif self._is_over:
            error = self._ending.error(sent=False)
        else:
            seat = Seat()
            try:
                with until_over:
                    read = doubting(partial(self._reads.read, seat), job)
                    status = await look(read, own, manager, wanted)
            except ClientClosedError:
                raise
            except OpenRouterError as problem:
                error = problem.with_traceback(None)  # which would keep every frame alive
            except TimeoutError:
                error = self._ending.error(sent=True)
                if any(not isinstance(outcome, OpenRouterError) for outcome in seat.known.values()):
                    # What was read before the batch ended is still worth knowing.
                    read = doubting(partial(self._reads.known, seat, error), job)
                    status, error = await look(read, own, manager, wanted), None
        account, wallet_id = self._accounts.place(job, status, for_report=self._for_report)
        return KeyCheck(
            job.index,
            job.spec.name,
            None if isinstance(own, ConfigurationError) else str(own),
            account,
            status,
            error,
            self._loop.time() - began_at,
            joined=self._accounts.joined,
            wallet_id=wallet_id,
        )

    def _watch(self) -> None:
        """End the batch if the host is silent, or refuses everything, for too long."""
        self._gates.resumed_at = self._clock.resumed_at
        why = self._gates.verdict()
        if why is not None and not self._is_over:
            self._finish(why)

    def _finish(self, why: str) -> None:
        """End what is under way, and give each key that is known the reason for its outcome."""
        self._is_over, self._ending = True, self._gates.ending(why)
        self._source.finish()
        self._deadlines.expire_all()
