"""The tasks of a batch: how many there are, and what ends them."""

from __future__ import annotations

import asyncio

import pytest

from openrouter_credits._batch.workers import Workers
from tests.kit.clock import virtual
from tests.kit.hosts import others


class Office:
    """Workers that take one key after another, until the test says that there are no more.

    Each key takes its worker until the test lets it go on; `others` is the number of keys that may be taken
    beyond those under way.
    """

    def __init__(self, concurrency: int = 3) -> None:
        self.others = 0
        self.ends = 0
        self.begun = 0
        self.faults: list[BaseException] = []
        """What the next workers raise."""
        self.go_on: set[asyncio.Future[None]] = set()
        """What the workers wait for, each with its key."""
        self.workers = Workers(
            asyncio.get_running_loop(),
            self.work,
            concurrency=concurrency,
            others=lambda: self.others,
            on_end=self.count_end,
        )

    def count_end(self) -> None:
        """Note that the last worker has ended."""
        self.ends += 1

    async def work(self) -> None:
        """Take keys, as a batch's worker does."""
        self.begun += 1
        try:
            if self.faults:
                raise self.faults.pop(0)
            while self.workers.have_room():
                future = asyncio.get_running_loop().create_future()
                self.go_on.add(future)
                await future
        finally:
            self.workers.leave()

    async def replace(self, others_: int) -> int:
        """Note that so many other keys may be taken; return how many workers there are then."""
        self.others = others_
        self.workers.replace()
        for _ in range(3):
            await asyncio.sleep(0)
        return len(others())

    async def next_key(self) -> int:
        """Let all workers go on to their next key, if they may; return how many are left."""
        await asyncio.sleep(0)
        for future in self.go_on:
            future.set_result(None)
        self.go_on.clear()
        for _ in range(3):
            await asyncio.sleep(0)
        return len(others())


@virtual
async def test_workers_start_and_end() -> None:
    """As many workers start as are asked for; the end of the last one is told once."""
    office = Office()

    office.workers.start(3)
    assert 3 == len(others())
    assert 3 == await office.next_key()
    assert 0 == office.ends

    await office.workers.cancel()
    assert set() == others()
    assert (3, 1) == (office.begun, office.ends)
    office.workers.raise_fault()


@virtual
async def test_without_keys_there_are_no_workers() -> None:
    """If no worker starts, the end is told at once."""
    office = Office()

    office.workers.start(0)

    assert 1 == office.ends
    await office.workers.cancel()


@virtual
async def test_a_worker_starts_for_each_other_key_that_may_be_taken() -> None:
    """For each key that may be taken beyond those under way a worker starts; it goes on as long as it may."""
    office = Office()
    office.workers.start(3)

    assert 5 == await office.replace(2)
    assert 5 == await office.replace(2)
    assert 5 == await office.next_key()
    assert 6 == await office.replace(3)
    await office.workers.cancel()


@virtual
async def test_workers_that_are_too_many_take_no_more_keys() -> None:
    """When no other keys may be taken, as many workers as started for them end with their present key."""
    office = Office()
    office.workers.start(3)
    assert 5 == await office.replace(2)

    assert 5 == await office.replace(0), "each still has its key"

    assert 3 == await office.next_key()
    assert 3 == await office.next_key()
    assert 0 == office.ends
    await office.workers.cancel()


@virtual
async def test_room_that_is_gone_at_once_starts_no_worker() -> None:
    """Room for another key that is gone in the same run of the event loop starts no worker."""
    office = Office()
    office.workers.start(3)

    office.others = 1
    office.workers.replace()
    office.others = 0
    await asyncio.sleep(0)

    assert 3 == len(others())
    await office.workers.cancel()


@virtual
async def test_a_thousand_other_keys_are_taken_at_most() -> None:
    """At most a thousand workers start beyond those of the keys under way, because each takes memory."""
    office = Office()
    office.workers.start(3)

    assert 1003 == await office.replace(1_500)
    await office.workers.cancel()


@virtual
async def test_after_the_last_key_no_worker_starts() -> None:
    """When all keys were taken, no worker starts, however many might be taken."""
    office = Office()
    office.workers.start(3)

    office.workers.no_more_keys()

    assert 3 == await office.replace(2)
    await office.workers.cancel()


@virtual
async def test_a_batch_that_has_ended_starts_no_worker() -> None:
    """No worker starts after the last one has ended: its end was told already."""
    office = Office()
    office.workers.start(2)
    await office.workers.cancel()

    assert 0 == await office.replace(2)
    assert 1 == office.ends


@virtual
async def test_after_the_fault_of_the_last_worker_no_other_starts() -> None:
    """When faults have ended all workers, none starts, though keys are left: their end was told already."""
    office = Office()
    office.faults = [KeyError("first"), ValueError("second")]
    office.workers.start(2)
    assert 0 == await office.next_key()

    assert 0 == await office.replace(2)

    assert (2, 1) == (office.begun, office.ends)
    with pytest.raises(KeyError, match="first"):
        office.workers.raise_fault()


@virtual
async def test_the_first_fault_is_raised_once() -> None:
    """The first exception that ends a worker is kept until it is raised, and is then forgotten."""
    office = Office()
    office.faults = [KeyError("first"), ValueError("second")]
    office.workers.start(3)
    assert 1 == await office.next_key()

    with pytest.raises(KeyError, match="first"):
        office.workers.raise_fault()
    office.workers.raise_fault()
    await office.workers.cancel()
    office.workers.raise_fault()
    assert 1 == office.ends


@virtual
async def test_room_that_is_told_before_the_end_starts_no_worker_after_it() -> None:
    """Room that was told just before all workers are ended starts none, though their tasks still run."""
    office = Office()
    office.workers.start(2)
    await asyncio.sleep(0)

    office.others = 5
    office.workers.replace()
    await office.workers.cancel()

    assert set() == others()
    assert (2, 1) == (office.begun, office.ends)


@virtual
async def test_a_batch_that_is_ended_before_its_workers_begin_starts_no_other() -> None:
    """Workers that are ended before they begin leave nothing to raise."""
    office = Office()
    office.workers.start(2)

    await office.workers.cancel()

    office.workers.raise_fault()
    assert (0, 1) == (office.begun, office.ends)


@virtual
async def test_workers_that_the_batch_ends_are_no_fault() -> None:
    """Workers that are ended by `cancel()` leave nothing to raise, and the end of the last one is told."""
    office = Office()
    office.workers.start(2)
    await asyncio.sleep(0)

    await office.workers.cancel()

    office.workers.raise_fault()
    assert 1 == office.ends


@virtual
async def test_a_worker_that_somebody_else_cancels_is_a_fault() -> None:
    """A worker that is cancelled from outside loses its key, so that is raised, once."""
    office = Office()
    office.workers.start(2)
    await asyncio.sleep(0)

    for task in others():
        task.cancel()
    await asyncio.wait(others())
    await asyncio.sleep(0)

    assert 1 == office.ends
    with pytest.raises(RuntimeError, match="somebody else cancelled a task of the batch"):
        office.workers.raise_fault()
    office.workers.raise_fault()


@virtual
async def test_a_fault_before_a_cancellation_from_outside_is_raised() -> None:
    """The first fault counts, if a worker is cancelled from outside after it."""
    office = Office()
    office.faults = [KeyError("first")]
    office.workers.start(2)
    await asyncio.sleep(0)

    for task in others():
        task.cancel()
    for _ in range(3):
        await asyncio.sleep(0)

    with pytest.raises(KeyError, match="first"):
        office.workers.raise_fault()
