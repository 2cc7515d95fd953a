"""Where the keys of a batch come from: a mapping, a list, an iterator, an asynchronous source."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping, Sized
from typing import TYPE_CHECKING, Any

from attrs import evolve

from openrouter_credits._batch.report import KeySource, KeySpec
from openrouter_credits._secrets import ApiKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

END = object()


class Source:
    """Gives one item to each worker that asks; reads no further than it is asked.

    Raises:
        TypeError: a single key, or nothing that can be iterated over.
    """

    def __init__(self, keys: KeySource) -> None:
        if isinstance(keys, str | bytes | bytearray | ApiKey | KeySpec):
            raise TypeError(f"keys come in a list or a mapping; this is one {type(keys).__name__}")
        self.size = len(keys) if isinstance(keys, Sized) else None
        self.fault: Exception | None = None
        """What the source raised; the caller gets it after what is finished."""
        self._items: Iterator[Any] | AsyncIterator[Any]
        if isinstance(keys, Mapping):
            self._items = iter(_named(name, key) for name, key in keys.items())
        else:
            self._items = aiter(keys) if isinstance(keys, AsyncIterable) else iter(keys)
        self._is_over = False
        self._feeder: asyncio.Task[None] | None = None

    def open(
        self, workers: int, unless_closed: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
    ) -> None:
        """Get ready for so many workers; `unless_closed` awaits something until the client is closed."""
        if not isinstance(self._items, Iterator):
            self._wanted = asyncio.Semaphore(0)
            self._given: asyncio.Queue[Any] = asyncio.Queue()
            # One task alone reads: an asynchronous generator may have a timeout around its loop, which must not end a worker.
            self._feeder = asyncio.get_running_loop().create_task(
                self._feed(self._items, workers, unless_closed)
            )

    async def take(self) -> Any:
        """Give the next item; `END` if there is none."""
        if self._is_over:
            return END
        if self._feeder is not None:
            self._wanted.release()
            return await self._given.get()
        try:
            return next(self._items, END)  # type: ignore[arg-type]  # without a feeder it is an Iterator
        except Exception as error:  # noqa: BLE001 - whatever the source raises reaches the caller
            self.stop(error)
            return END

    def stop(self, fault: Exception | None = None) -> None:
        """Give no more items; whoever waits for one gets `END`."""
        self._is_over = True
        self.fault = self.fault or fault
        self._interrupt()

    def end(self) -> None:
        """Read no further, but for the rest of a list: those keys are known."""
        if self.size is None or self._feeder is not None:
            self.stop()

    async def close(self) -> None:
        """End what is under way, and close the source if it can be closed."""
        self._interrupt()
        if self._feeder is not None:
            await asyncio.gather(self._feeder, return_exceptions=True)
        aclose = getattr(self._items, "aclose", None)
        if aclose is not None:
            await aclose()

    def _interrupt(self) -> None:
        if (
            self._feeder is not None and not self._feeder.cancelling()
        ):  # once: a second time would cut the source's own clean-up short
            self._feeder.cancel()

    async def _feed(
        self,
        items: AsyncIterator[Any],
        workers: int,
        unless_closed: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
    ) -> None:
        async def read() -> None:
            while True:
                await self._wanted.acquire()
                item = await anext(items, END)
                if item is END:
                    return
                self._given.put_nowait(item)

        try:
            await unless_closed(read)
        except Exception as error:  # noqa: BLE001 - as above
            self.fault = self.fault or error
        finally:
            self._is_over = True
            for _ in range(workers):
                self._given.put_nowait(END)


def _named(name: Any, key: Any) -> KeySpec:
    if isinstance(key, KeySpec):
        return key if key.name is not None else evolve(key, name=name)
    return KeySpec(key, name=name)
