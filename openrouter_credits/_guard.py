"""The guard: looks that callers share, and amounts that are required or reserved before they are spent.

All times are in seconds, by the event loop's clock; all amounts are US dollars.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from copy import copy
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from attrs import frozen

from openrouter_credits._arguments import Dollars, checked, require_dollars, require_read, require_seconds
from openrouter_credits._call.caller import Caller
from openrouter_credits._errors import (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    OpenRouterError,
    PermissionDeniedError,
)
from openrouter_credits._status.reservations import MOST_DECIMALS, ROUNDING, Reservations
from openrouter_credits._status.shortage import UnknownCreditsError, is_passing, judge
from openrouter_credits._status.spendable import Spendable
from openrouter_credits._status.status import KeyStatus

logger = logging.getLogger("openrouter_credits")

Look = Callable[[frozenset[str]], Coroutine[Any, Any, KeyStatus]]
"""Reads the wallet, the key or both."""

_REFUSAL_IS_KEPT = 60.0
"""A key that was refused with 401 or 403 is not asked about again for so long, unless `max_age` is 0."""


@frozen
class Reading:
    """The outcome of a look: a status, or the error that hid it."""

    outcome: KeyStatus | OpenRouterError
    began_at: float


@frozen
class Ask:
    """The arguments of `require` and `reserve`, checked."""

    amount: Decimal
    wanted: frozenset[str]
    unknown: Literal["raise", "allow"]
    max_age: float

    @classmethod
    def of(
        cls,
        amount: Dollars,
        read: Iterable[str],
        unknown: Literal["raise", "allow"],
        max_age: float,
    ) -> Ask | TypeError | ValueError:
        """Check the arguments of a caller; an error is returned, since one of them may be a key."""
        return checked(cls._of, amount, read, unknown, max_age)

    @classmethod
    def _of(
        cls, amount: Dollars, read: Iterable[str], unknown: Literal["raise", "allow"], max_age: float
    ) -> Ask:
        needed = require_dollars(amount)
        exponent = needed.as_tuple().exponent
        if needed < 0 or (isinstance(exponent, int) and -exponent > MOST_DECIMALS):
            raise ValueError(f"an amount is at least 0, with at most {MOST_DECIMALS} decimals")
        if unknown not in ("raise", "allow"):
            raise ValueError('unknown is "raise" or "allow"')
        require_seconds("max_age", max_age, zero=True)
        return cls(needed, require_read(read), unknown, max_age)


class _Flight:
    """One look under way, for all who wait for it; it belongs to none of them."""

    def __init__(self, look: Callable[[float], Coroutine[Any, Any, Reading]]) -> None:
        self.began_at = math.inf  # as long as it has not begun, it is fresh enough for everybody
        self._waiters: dict[asyncio.Future[None], None] = {}
        """Those who wait, in the order in which they came: so they go on in that order."""
        self._task = asyncio.get_running_loop().create_task(self._fly(look))
        self._task.add_done_callback(self._wake)

    @property
    def is_open(self) -> bool:
        """Whether it still goes on for somebody."""
        return bool(self._waiters) and not self._task.done()

    async def join(self) -> Reading:
        """Wait for the end; the last one who is cancelled ends it."""
        # Not `asyncio.wait`: thousands who are cancelled at once would each search the task's callbacks.
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = None
        try:
            await waiter
        finally:
            del self._waiters[waiter]
            if not self._waiters and not self._task.done():
                self._task.cancel()
                await asyncio.wait((self._task,))  # it ends before the exception goes on
        return self._task.result()

    async def _fly(self, look: Callable[[float], Coroutine[Any, Any, Reading]]) -> Reading:
        await asyncio.sleep(0)  # an eager task would begin before those who come at the same time
        self.began_at = asyncio.get_running_loop().time()
        return await look(self.began_at)

    def _wake(self, _: object) -> None:
        for waiter in self._waiters:
            if not waiter.done():  # else it was cancelled at the same time
                waiter.set_result(None)


class _Looks:
    """The last look of each kind, and the one under way."""

    def __init__(self) -> None:
        self._kept: dict[frozenset[str], Reading] = {}
        self._flights: dict[frozenset[str], _Flight] = {}

    async def find(self, wanted: frozenset[str], not_before: float, look: Look) -> Reading:
        """Return a look that began at `not_before` or later: one that is kept or under way, or a new one."""
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(wanted)
        if kept is not None and not_before < now:
            is_refusal = isinstance(kept.outcome, OpenRouterError)
            if kept.began_at >= (now - _REFUSAL_IS_KEPT if is_refusal else not_before) - ROUNDING:
                return kept
        flight = self._flights.get(wanted)
        if flight is None or not flight.is_open or flight.began_at < not_before - ROUNDING:
            flight = self._flights[wanted] = _Flight(partial(self._fly, wanted, look))
        return await flight.join()

    async def _fly(self, wanted: frozenset[str], look: Look, began_at: float) -> Reading:
        try:
            reading = Reading(await look(wanted), began_at)
        except OpenRouterError as error:
            reading = Reading(error.with_traceback(None), began_at)  # a value, of which copies are raised
        self.keep(wanted, reading)
        return reading

    def keep(self, wanted: frozenset[str], reading: Reading) -> None:
        """Keep a look, unless a later one is kept, or the next one may find more."""
        kept, outcome = self._kept.get(wanted), reading.outcome
        if kept is not None and kept.began_at > reading.began_at:
            return
        if isinstance(outcome, KeyStatus):
            is_kept = not any(map(is_passing, outcome.problems))
        else:
            is_kept = isinstance(outcome, AuthenticationError | PermissionDeniedError)
        if is_kept:
            self._kept[wanted] = reading


class Guard:
    """The looks and the reservations of one client; on a new event loop it looks anew."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looks = _Looks()
        self._reservations = Reservations(caller.policy.deadline)

    def keep(self, wanted: frozenset[str], status: KeyStatus, began_at: float) -> None:
        """Keep a look that was taken for one caller alone."""
        self._begin()
        self._looks.keep(wanted, Reading(status, began_at))

    async def status(self, wanted: frozenset[str], max_age: float, look: Look) -> KeyStatus:
        """Return a status that is not older; callers at the same time share one look."""
        outcome = (await self._find(wanted, max_age, look)).outcome
        if isinstance(outcome, OpenRouterError):
            raise copy(outcome)
        return outcome

    async def require(self, ask: Ask, look: Look, name: str) -> Spendable:
        """Return what can be spent if that is enough; `name` is the key, masked."""
        return _judge(ask, await self._find(ask.wanted, ask.max_age, look), Decimal(0), name)

    @asynccontextmanager
    async def reserve(self, ask: Ask, look: Look, name: str) -> AsyncGenerator[Spendable, None]:
        """Hold an amount while the block runs, if it is there beside all others that are reserved."""
        self._caller.require_usable()
        loop, reservations = self._begin(), self._reservations
        not_before = reservations.not_before(ask.max_age, loop.time())
        reading = await self._looks.find(ask.wanted, not_before, look)
        # From here to `hold` nothing is awaited: no other task comes between.
        spendable = _judge(ask, reading, reservations.unseen_by(reading.began_at), name)
        reservations.hold(ask.amount)
        try:
            yield spendable
        finally:
            reservations.release(ask.amount, loop.time())

    async def _find(self, wanted: frozenset[str], max_age: float, look: Look) -> Reading:
        self._caller.require_usable()
        now = self._begin().time()
        return await self._looks.find(wanted, now - max_age, look)

    def _begin(self) -> asyncio.AbstractEventLoop:
        """Return the running event loop; on a new one, keep nothing of the last but what may be spent."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            earlier, self._reservations = self._reservations, Reservations(self._caller.policy.deadline)
            self._reservations.inherit(earlier, loop.time())
            self._loop, self._looks = loop, _Looks()
        return loop


def _judge(ask: Ask, reading: Reading, reserved: Decimal, name: str) -> Spendable:
    """Return what can be spent, or raise and log why the amount cannot be spent.

    Raises:
        OpenRouterError: one of the guard's two errors; or that of a client that cannot look at all.
    """
    found = reading.outcome
    if isinstance(found, ConfigurationError | ClientClosedError):
        raise copy(found)
    verdict = judge(found, ask.amount, reserved, name)
    if isinstance(verdict, Spendable):
        return verdict
    if isinstance(verdict, UnknownCreditsError) and ask.unknown == "allow":
        logger.warning('allowed by unknown="allow": %s', verdict.summary)
        return verdict.spendable
    logger.warning("refused: %s", verdict.summary)
    try:
        raise verdict
    finally:
        del verdict  # its traceback holds this frame
