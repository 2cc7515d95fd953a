"""The keys of a batch: a mapping, a list, an iterator, or an asynchronous source."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sized
from typing import Any

from attrs import evolve

from openrouter_credits._batch.spec import KeySource, KeySpec
from openrouter_credits._secrets import ApiKey

END = object()

UnlessClosed = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


class Source:
    """Gives one item to each worker that asks; reads no further than it is asked.

    Raises:
        TypeError: a single key, or nothing that can be iterated over.
    """

    def __init__(self, keys: KeySource) -> None:
        if isinstance(keys, str | bytes | bytearray | ApiKey | KeySpec):
            raise TypeError(f"keys come in a list or a mapping; this is one {type(keys).__name__}")
        self.size = len(keys) if isinstance(keys, Sized) else None
        """The number of keys; `None` if it is not known."""
        self.fault: Exception | None = None
        """The exception that ended the source; the caller gets it after the finished outcomes."""
        self._items: Iterator[Any] | AsyncIterator[Any]
        if isinstance(keys, Mapping):
            self._items = iter(_named(name, key) for name, key in keys.items())
        else:
            self._items = aiter(keys) if isinstance(keys, AsyncIterable) else iter(keys)
        self._is_over = False
        # for an asynchronous source alone
        self._wanted = asyncio.Semaphore(0)
        self._given: asyncio.Queue[Any] = asyncio.Queue()
        self._feeder: asyncio.Task[None] | None = None

    def open(self, unless_closed: UnlessClosed) -> None:
        """Begin to read; `unless_closed` awaits something until the client is closed."""
        if not isinstance(self._items, Iterator):
            # One task alone reads: an asynchronous generator may have a timeout around its loop, which must
            # not end a worker.
            feeding = self._feed(self._items, unless_closed)
            self._feeder = asyncio.get_running_loop().create_task(feeding)

    async def take(self) -> Any:
        """Return the next item; `END` if there is none."""
        if self._is_over:
            return END
        if self._feeder is not None:
            self._wanted.release()
            item = await self._given.get()
            if item is END:
                self._given.put_nowait(END)  # for the next worker
            return item
        try:
            return next(self._items, END)  # type: ignore[arg-type]  # without a feeder it is an Iterator
        except Exception as error:  # noqa: BLE001 - whatever the source raises reaches the caller
            self.fail(error)
            return END

    def fail(self, fault: Exception) -> None:
        """Give no more items, and keep the first fault for the caller."""
        self.fault = self.fault or fault
        self._stop()

    def finish(self) -> None:
        """Read no further, but give the rest of a list: its keys are known, and each has an outcome."""
        if self.size is None or self._feeder is not None:
            self._stop()

    async def close(self) -> None:
        """End the reading that is under way, and close the source if it can be closed."""
        self._interrupt()
        if self._feeder is not None:
            await asyncio.gather(self._feeder, return_exceptions=True)
        aclose = getattr(self._items, "aclose", None)
        if aclose is not None:
            await aclose()

    def _stop(self) -> None:
        self._is_over = True
        self._interrupt()

    def _interrupt(self) -> None:
        # only once: a second time would cut the source's own clean-up short
        if self._feeder is not None and not self._feeder.cancelling():
            self._feeder.cancel()

    async def _feed(self, items: AsyncIterator[Any], unless_closed: UnlessClosed) -> None:
        async def read() -> None:
            while True:
                await self._wanted.acquire()
                item = await anext(items, END)
                if item is END:
                    return
                self._given.put_nowait(item)

        try:
            await unless_closed(read)
        except Exception as error:  # noqa: BLE001 - whatever the source raises reaches the caller
            self.fault = self.fault or error
        finally:
            self._is_over = True
            self._given.put_nowait(END)


def _named(name: Any, key: Any) -> KeySpec:
    if isinstance(key, KeySpec):
        return key if key.name is not None else evolve(key, name=name)
    return KeySpec(key, name=name)
