"""The keys of a batch: a mapping, a list, an iterator, or an asynchronous source.

Error reporters show the local variables of each frame. So no frame here has the keys, an item of them or
their iterator in a local variable when something can fail or is awaited: they stay in attributes of a
`Source`, which shows none of them, and each item becomes a `KeySpec` as soon as it is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
    Sized,
)
from typing import Any, Final

from attrs import evolve

from openrouter_credits._batch.spec import KeySource, KeySpec
from openrouter_credits._secrets import ApiKey


class End:
    """What a source gives after its last key."""


END: Final = End()

UnlessClosed = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


class Source:
    """Gives one `KeySpec` to each worker that asks; reads no further than it is asked.

    It never raises what the keys raise: that is its `fault`, which `raise_fault` raises.
    """

    def __init__(self, keys: KeySource) -> None:
        self.size: int | None = None
        """The number of keys; `None` if it is not known."""
        self.fault: BaseException | None = None
        """What the keys raised, what `fail` was given, or a `TypeError` for what is no list of keys."""
        self._items: Iterator[Any] | AsyncIterator[Any] = iter(())
        self._spec_of: Callable[[Any], KeySpec | End] = _spec
        self._is_over = False
        # for an asynchronous source alone
        self._wanted = asyncio.Semaphore(0)
        self._given: asyncio.Queue[KeySpec | End] = asyncio.Queue()
        self._feeder: asyncio.Task[None] | None = None
        try:
            if isinstance(keys, str | bytes | bytearray | ApiKey | KeySpec):
                kind = type(keys).__name__
                self.fault = TypeError(f"keys come in a list or a mapping; this is one {kind}")
                return
            if isinstance(keys, Sized):
                self.size = len(keys)
            # What collections.abc iterates with has all keys in a local variable: it is not used.
            match keys:
                case Mapping():
                    self._spec_of = _named_spec
                    is_plain = type(keys).items is Mapping.items
                    self._items = _Pairs(keys, iter(keys)) if is_plain else iter(keys.items())
                case AsyncIterable():
                    self._items = aiter(keys)
                case Sequence() if type(keys).__iter__ is Sequence.__iter__:
                    self._items = map(keys.__getitem__, range(len(keys)))
                case _:
                    self._items = iter(keys)
        except BaseException as error:  # noqa: BLE001 - whatever the keys raise reaches the caller
            self.fault = error
        finally:
            del keys  # the fault's traceback holds this frame

    def raise_fault(self) -> None:
        """Raise what ended the source, if anything did, and forget it: its traceback holds this source."""
        fault, self.fault = self.fault, None
        try:
            if fault is not None:
                raise fault
        finally:
            del fault

    def open(self, unless_closed: UnlessClosed) -> None:
        """Begin to read; `unless_closed` awaits something until the client is closed."""
        if not isinstance(self._items, Iterator):
            # One task alone reads: an asynchronous generator may have a timeout around its loop, which must
            # not end a worker.
            self._feeder = asyncio.get_running_loop().create_task(self._feed(unless_closed))

    async def take(self) -> KeySpec | End:
        """Return the next key; `END` if there is none."""
        if self._is_over:
            return END
        if self._feeder is not None:
            self._wanted.release()
            spec = await self._given.get()
            if spec is END:
                self._given.put_nowait(END)  # for the next worker
            return spec
        try:
            return self._spec_of(next(self._items, END))  # type: ignore[arg-type]  # without a feeder it is an Iterator
        except BaseException as error:  # noqa: BLE001 - whatever the source raises reaches the caller
            self.fail(error)
            return END

    def fail(self, fault: BaseException) -> None:
        """Give no more keys, and keep the first fault for the caller."""
        self._keep(fault)
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
        if hasattr(self._items, "aclose"):
            # No local variable has the method: it shows the object that it is of.
            await self._items.aclose()  # pyright: ignore[reportAttributeAccessIssue]  # hasattr() found it

    def _keep(self, fault: BaseException) -> None:
        if self.fault is None:
            self.fault = fault

    def _stop(self) -> None:
        self._is_over = True
        self._interrupt()

    @property
    def _is_interrupted(self) -> bool:
        return self._feeder is not None and self._feeder.cancelling() > 0

    def _interrupt(self) -> None:
        # only once: a second time would cut the source's own clean-up short
        if self._feeder is not None and not self._is_interrupted:
            self._feeder.cancel()

    async def _feed(self, unless_closed: UnlessClosed) -> None:
        try:
            await unless_closed(self._read)
        except BaseException as error:  # noqa: BLE001 - whatever the source raises reaches the caller
            # A cancellation that is not of this task is the source's: it awaited a task that was cancelled.
            if not (isinstance(error, asyncio.CancelledError) and self._is_interrupted):
                self._keep(error)
        finally:
            self._is_over = True
            self._given.put_nowait(END)

    async def _read(self) -> None:
        while True:
            await self._wanted.acquire()
            spec = _spec(await anext(self._items, END))  # type: ignore[arg-type]  # a feeder reads an AsyncIterator
            if spec is END:
                return
            self._given.put_nowait(spec)


async def take_all(source: Source, unless_closed: UnlessClosed) -> tuple[KeySpec, ...]:
    """Read a source to its end, and return its keys; what it raises is raised."""
    source.open(unless_closed)
    specs = []
    try:
        while isinstance(spec := await source.take(), KeySpec):
            specs.append(spec)
        source.raise_fault()
    finally:
        await source.close()
    return tuple(specs)


def _spec(item: Any) -> KeySpec | End:
    if isinstance(item, KeySpec) or item is END:
        return item
    return KeySpec(item)


def _named_spec(pair: Any) -> KeySpec | End:
    try:
        match pair:
            case End():
                return pair
            case [name, key]:
                pass
            case _:
                raise TypeError("a mapping's items() must give pairs of a name and a key")
    finally:
        del pair  # an error's traceback holds this frame
    if not isinstance(key, KeySpec):
        return KeySpec(key, name=name)
    return key if key.name is not None else evolve(key, name=name)


class _Pairs(Iterator[tuple[Any, Any]]):
    """The names and keys of a mapping, which stands in no frame while they are read."""

    def __init__(self, keys: Mapping[Any, Any], names: Iterator[Any]) -> None:
        self._keys = keys
        self._names = names
        self._name: Any = None

    def __next__(self) -> tuple[Any, Any]:
        self._name = next(self._names)
        return self._name, self._keys[self._name]
