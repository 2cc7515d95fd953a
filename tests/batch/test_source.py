"""Keys come from anything that can be iterated over, one at a time, until it ends, fails or is closed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import traceback
import weakref
from collections import UserDict, UserList
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from openrouter_credits import ApiKey, ClientClosedError, KeySpec, Level
from openrouter_credits._batch.source import END, Source
from tests.kit.clock import lap, virtual
from tests.kit.hosts import client_of, errors_of, gathered, lazily, others
from tests.kit.values import KEY, OTHER_KEY, levels_of, made_up, made_up_keys


class Sized:
    """A source with a length that is neither a list nor a mapping."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys)


class Asynchronous:
    """An asynchronous source with a length, and without `aclose`."""

    def __init__(self, keys: list[str]) -> None:
        self.size = len(keys)
        self.left = iter(keys)

    def __len__(self) -> int:
        return self.size

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        await asyncio.sleep(0.01)
        try:
            return next(self.left)
        except StopIteration:
            raise StopAsyncIteration from None


@pytest.mark.parametrize(
    "source_of",
    [
        pytest.param(
            lambda keys: [*keys[:10], *map(ApiKey, keys[10:20]), *map(KeySpec, keys[20:])],
            id="list of texts, keys and specs",
        ),
        pytest.param(lambda keys: {f"name of {key[-4:]}": key for key in keys}, id="mapping"),
        pytest.param(lambda keys: (key for key in keys), id="generator"),
        pytest.param(UserList, id="sequence"),
        pytest.param(Sized, id="iterable with a length"),
        pytest.param(Asynchronous, id="asynchronous iterator"),
        pytest.param(lazily, id="asynchronous generator"),
    ],
)
@virtual
async def test_keys_come_from_whatever_gives_them(source_of: Callable[[list[str]], Any]) -> None:
    """Every kind of source gives one outcome for each key, at the key's place."""
    keys = made_up_keys(40)
    async with client_of() as (client, wire):
        report = await client.check_all(source_of(keys))

    assert [check.index for check in report.checks] == list(range(40))
    assert [check.label for check in report.checks] == [str(ApiKey(key)) for key in keys]
    assert levels_of(report.checks) == {Level.OK: 40}
    assert wire.paths == {"/credits": 40, "/key": 40}


@virtual
async def test_a_mapping_names_its_keys() -> None:
    """A mapping names its keys, except a KeySpec that has a name already."""
    keys = {
        "alice": made_up(1),
        "bob": KeySpec(made_up(2)),
        "carol": KeySpec(made_up(3), name="Caroline"),
        "dave": None,
    }
    async with client_of() as (client, _):
        report = await client.check_all(keys)

    assert [check.name for check in report.checks] == ["alice", "bob", "Caroline", "dave"]


@pytest.mark.parametrize("empty", [[], iter(()), lazily([])])
@virtual
async def test_no_keys_are_no_outcomes(empty: Any) -> None:
    """An empty source gives an empty report and sends no request."""
    async with client_of() as (client, wire):
        report = await client.check_all(empty)

    assert report.checks == report.wallets() == ()
    assert wire.hits == []


@pytest.mark.parametrize(
    "one", ["sk-or-v1-x", b"sk-or-v1-x", bytearray(b"x"), ApiKey("sk-or-v1-x"), KeySpec("sk-or-v1-x"), 7]
)
@virtual
async def test_a_single_key_is_no_list_of_keys(one: Any) -> None:
    """A single key in place of a list raises TypeError in the call itself, without showing the key."""
    async with client_of() as (client, _):
        with pytest.raises(TypeError) as caught:
            client.check_keys(one)
        with pytest.raises(TypeError):
            await client.check_all(one)

    assert "sk-or" not in str(caught.value)


@pytest.mark.parametrize("is_async", [False, True])
@virtual
async def test_an_endless_source_is_read_as_far_as_results_are_taken(is_async: bool) -> None:
    """A source is read at most twice the concurrency ahead of a slow consumer."""
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield made_up(number)

    async with client_of(latency=0.01) as (client, wire):
        source: Any = lazily(endless()) if is_async else endless()
        async with aclosing(client.check_keys(source, concurrency=8)) as checks:
            seen = 0
            async for _ in checks:
                seen += 1
                await asyncio.sleep(0.5)
                assert taken - seen <= 2 * 8 + 1
                if seen == 50:
                    break
    assert taken <= 50 + 2 * 8 + 1
    assert wire.most_under_way <= 2 * 8


@virtual
async def test_an_asynchronous_source_is_asked_for_one_key_at_a_time() -> None:
    """An asynchronous source is never asked for two keys at once: generators do not allow that."""
    asking = most = 0
    keys = iter(made_up_keys(100))

    class OneAtATime:
        def __aiter__(self) -> AsyncIterator[str]:
            return self

        async def __anext__(self) -> str:
            nonlocal asking, most
            asking += 1
            most = max(most, asking)
            await asyncio.sleep(0.01)
            asking -= 1
            if (key := next(keys, None)) is None:
                raise StopAsyncIteration
            return key

    async with client_of() as (client, _):
        checks = await gathered(client.check_keys(OneAtATime()))

    assert most == 1
    assert len(checks) == 100


@pytest.mark.parametrize("source_of", [iter, lazily])
@virtual
async def test_after_the_end_an_iterator_is_read_no_further(source_of: Callable[[list[str]], Any]) -> None:
    """After the deadline no key is taken from an iterator, and each key taken before has an outcome."""
    keys = made_up_keys(500)
    async with client_of(latency=2) as (client, _):
        with lap() as taken:
            checks = await gathered(
                client.check_keys(source_of(keys), concurrency=10, deadline=7, read=("credits",))
            )

    assert taken.elapsed == pytest.approx(7)
    assert sorted(check.index for check in checks) == list(range(len(checks)))
    assert len(checks) <= 40
    assert levels_of(checks)[Level.UNKNOWN] <= 10


@virtual
async def test_an_asynchronous_source_with_a_length_ends_with_the_batch() -> None:
    """After the deadline an asynchronous source with a length gives no more outcomes than it has keys."""
    source = Asynchronous(made_up_keys(100))
    async with client_of(latency=50) as (client, _):
        checks = []
        async with aclosing(
            client.check_keys(source, concurrency=10, deadline=7, read=("credits",))
        ) as batch:
            async for check in batch:
                checks.append(check)
                assert len(checks) <= 100

    assert errors_of(checks) == {"APITimeoutError": len(checks)}


@virtual
async def test_a_source_that_never_gives_a_key_ends_at_the_deadline() -> None:
    """A batch whose source never gives a key ends at the deadline with no outcome."""

    async def silent() -> AsyncGenerator[str, None]:
        await asyncio.Event().wait()
        yield ""

    async with client_of() as (client, _):
        with lap() as taken:
            checks = await gathered(client.check_keys(silent(), deadline=3))

    assert checks == []
    assert taken.elapsed == pytest.approx(3)


class SourceError(Exception):
    """The exception that a source raises."""


@pytest.mark.parametrize(
    ("is_async", "error"),
    [
        (False, SourceError),
        (False, ClientClosedError),  # which ends a worker
        (True, SourceError),
        (True, ClientClosedError),
        (True, TimeoutError),  # which ends a wait when the client is closed
        (True, asyncio.QueueEmpty),  # which a queue between source and workers raises
    ],
)
@virtual
async def test_a_source_that_fails_ends_the_batch_after_what_is_finished(
    is_async: bool, error: type[Exception]
) -> None:
    """A source's exception reaches the caller after the outcomes of the keys before it."""

    def failing() -> Iterator[str]:
        yield from made_up_keys(40)
        raise error("the source failed")

    async with client_of() as (client, wire):
        seen = []
        with pytest.raises(error, match="the source failed"):
            async for check in client.check_keys(lazily(failing()) if is_async else failing(), concurrency=8):
                seen.append(check)  # noqa: PERF401 - the loop is left by the exception

        assert others() == set()
        assert wire.under_way == 0
    assert sorted(check.index for check in seen) == list(range(40))
    assert levels_of(seen) == {Level.OK: 40}


@virtual
async def test_a_source_under_a_timeout_of_its_own_fails_with_it() -> None:
    """A source's own `asyncio.timeout` raises in the caller, and cancels none of our tasks."""

    async def slow() -> AsyncGenerator[str, None]:
        async with asyncio.timeout(1):
            for number in itertools.count():
                await asyncio.sleep(0.3)
                yield made_up(number)

    async with client_of() as (client, _):
        seen = []
        with pytest.raises(TimeoutError):
            async for check in client.check_keys(slow(), concurrency=8):
                seen.append(check)  # noqa: PERF401 - the loop is left by the exception

    assert [check.index for check in seen] == [0, 1, 2]
    assert levels_of(seen) == {Level.OK: 3}


@virtual
async def test_closing_the_source_may_fail() -> None:
    """An exception raised while the source is closed reaches the caller."""

    async def source() -> AsyncGenerator[str, None]:
        try:
            for number in itertools.count():
                yield made_up(number)
        finally:
            raise SourceError("while it was closed")

    async with client_of() as (client, _):
        with pytest.raises(SourceError, match="while it was closed"):
            async with aclosing(client.check_keys(source())) as checks:
                await anext(checks)

        assert others() == set()


# A source alone.


async def never_closed(wait: Callable[[], Awaitable[None]]) -> None:
    """Await as a client does that is not closed meanwhile."""
    await wait()


async def rest_of(source: Source) -> list[Any]:
    """Take all keys that a source still gives."""
    specs = []
    while (spec := await source.take()) is not END:
        specs.append(spec)
    return specs


A, B, C = map(KeySpec, "abc")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["a", "b"], 2),
        ({"name": "a"}, 1),
        (Sized(["a", "b", "c"]), 3),
        (Asynchronous(["a"]), 1),
        (iter(["a"]), None),
        (lazily(["a"]), None),
    ],
)
def test_a_source_has_a_size_if_its_keys_have_a_length(keys: Any, expected: int | None) -> None:
    """A source knows the number of its keys if `len()` of them works, and else has the size None."""
    assert expected == Source(keys).size


async def test_a_source_reads_no_further_than_it_is_asked() -> None:
    """Each `take` reads one key from an iterator, and none before it."""
    keys = iter("abcde")
    source = Source(keys)

    assert [await source.take(), await source.take()] == [A, B]
    assert list(keys) == ["c", "d", "e"]


async def test_a_source_that_is_over_stays_over() -> None:
    """`take` returns END after the last key, however often it is asked."""
    source = Source(["a"])

    assert [await source.take() for _ in range(3)] == [A, END, END]
    assert source.fault is None


async def test_an_asynchronous_source_gives_its_end_to_every_worker() -> None:
    """Each of several workers that wait for an asynchronous source takes a key or the end."""
    source = Source(lazily(["a", "b"], every=1))
    source.open(never_closed)

    taken = await asyncio.gather(*(source.take() for _ in range(4)))

    assert taken == [A, B, END, END]
    assert await source.take() is END
    await source.close()


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_source_keeps_the_exception_of_its_keys(is_async: bool) -> None:
    """An exception raised by the keys ends the source, which keeps it as its fault."""

    def failing() -> Iterator[str]:
        yield "a"
        raise SourceError("the source failed")

    source = Source(lazily(failing()) if is_async else failing())
    source.open(never_closed)

    assert await rest_of(source) == [A]
    assert isinstance(source.fault, SourceError)
    await source.close()


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_source_that_fails_keeps_the_first_fault(is_async: bool) -> None:
    """`fail` ends a source, even one with a length, and of several faults the first is kept."""
    first = SourceError("first")
    source = Source(lazily(["a", "b"]) if is_async else ["a", "b"])
    source.open(never_closed)

    source.fail(first)
    source.fail(SourceError("second"))

    assert await source.take() is END
    assert source.fault is first
    await source.close()


async def test_an_exception_after_a_fault_does_not_replace_it() -> None:
    """An exception that an asynchronous source raises while it is interrupted does not replace the fault."""

    async def clumsy() -> AsyncGenerator[str, None]:
        try:
            yield "a"
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise SourceError("second") from None

    first = SourceError("first")
    source = Source(clumsy())
    source.open(never_closed)
    await source.take()
    waiting = asyncio.create_task(source.take())
    await asyncio.sleep(1)

    source.fail(first)

    assert await waiting is END
    assert source.fault is first
    await source.close()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param(["a", "b", "c"], [B, C], id="list"),
        pytest.param(iter(["a", "b", "c"]), [], id="iterator"),
        pytest.param(lazily(["a", "b", "c"]), [], id="asynchronous"),
        pytest.param(Asynchronous(["a", "b", "c"]), [], id="asynchronous with a length"),
    ],
)
async def test_a_finished_source_gives_only_the_rest_of_a_list(keys: Any, expected: list[KeySpec]) -> None:
    """After `finish` a list still gives the rest of its keys, and any other source gives none."""
    source = Source(keys)
    source.open(never_closed)
    first = await source.take()

    source.finish()

    assert first == A
    assert await rest_of(source) == expected
    assert source.fault is None
    await source.close()


async def test_the_clean_up_of_a_source_is_interrupted_once() -> None:
    """A source that is finished and then closed is cancelled once, so that its own clean-up ends in peace."""
    steps = []

    async def slow_to_close() -> AsyncGenerator[str, None]:
        try:
            await asyncio.Event().wait()
            yield ""
        finally:
            await asyncio.sleep(1)
            steps.append("closed")

    source = Source(slow_to_close())
    source.open(never_closed)
    waiting = asyncio.create_task(source.take())
    await asyncio.sleep(1)

    source.finish()
    source.finish()
    await source.close()

    assert steps == ["closed"]
    assert await waiting is END


async def test_closing_a_source_closes_its_generator() -> None:
    """`close` runs the clean-up of an asynchronous generator that has more keys to give."""
    steps = []

    async def noting() -> AsyncGenerator[str, None]:
        try:
            yield "a"
            yield "b"
        finally:
            steps.append("closed")

    source = Source(noting())
    source.open(never_closed)
    await source.take()
    await source.close()

    assert steps == ["closed"]


@pytest.mark.parametrize("kind", [dict, UserDict])
async def test_a_mapping_is_read_as_named_specs(kind: Callable[[Any], Any]) -> None:
    """A source gives each key of a mapping as a KeySpec with its name; a spec's own name stays."""
    source = Source(kind({"x": "a", "y": A, "z": KeySpec("c", "own")}))

    assert source.size == 3
    assert await rest_of(source) == [
        KeySpec("a", "x"),
        KeySpec("a", "y"),
        KeySpec("c", "own"),
    ]


class Odd(dict[str, str]):
    """A mapping whose `items()` gives anything."""

    def __init__(self, item: Any) -> None:
        super().__init__(a="a")
        self.item = item

    def items(self) -> Any:
        """Give a pair, and then the item."""
        return [("b", "b"), self.item]


class Unreadable(tuple[str, ...]):
    """A pair that cannot be unpacked."""

    __slots__ = ()

    def __len__(self) -> int:
        del self
        raise SourceError


@pytest.mark.parametrize(
    ("item", "error"),
    [
        (("a", KEY, OTHER_KEY), TypeError),
        ((KEY,), TypeError),
        (KEY, TypeError),
        ({KEY, OTHER_KEY}, TypeError),
        (None, TypeError),
        (Unreadable([KEY, OTHER_KEY]), SourceError),
    ],
    ids=["three", "one", "text", "set", "nothing", "unreadable"],
)
async def test_an_item_of_a_mapping_that_is_no_pair_is_a_fault(item: Any, error: type[Exception]) -> None:
    """A mapping whose `items()` gives no pairs ends its source with an error, whose frames show no item."""
    source = Source(Odd(item))

    assert await rest_of(source) == [KeySpec("b", "b")]
    assert type(source.fault) is error
    shown = "".join(traceback.TracebackException.from_exception(source.fault, capture_locals=True).format())
    assert KEY[12:-4] not in shown
    assert "_named_spec" in shown


@pytest.mark.parametrize("kind", [dict, UserDict])
async def test_a_mapping_that_changes_size_is_a_fault(kind: Callable[[Any], Any]) -> None:
    """A mapping that changes its size while it is read ends its source with a RuntimeError."""
    keys = kind({"x": "a", "y": "b"})
    source = Source(keys)
    await source.take()

    keys["z"] = "c"

    assert await rest_of(source) == []
    with pytest.raises(RuntimeError, match="changed size"):
        source.raise_fault()


@pytest.mark.parametrize("keys", ["a", b"a", ApiKey("a"), KeySpec("a"), 7])
def test_what_is_no_list_of_keys_is_a_fault(keys: Any) -> None:
    """A source of a single key, or of what cannot be iterated over, has a TypeError as its fault."""
    source = Source(keys)

    with pytest.raises(TypeError):
        source.raise_fault()
    assert source.fault is None


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit])
async def test_an_exit_inside_a_source_is_its_fault(kind: type[BaseException], is_async: bool) -> None:
    """A cancellation or an exit that the keys themselves raise is kept as the fault."""

    def failing() -> Iterator[str]:
        yield "a"
        raise kind

    source = Source(lazily(failing()) if is_async else failing())
    source.open(never_closed)

    assert await rest_of(source) == [A]
    assert type(source.fault) is kind
    await source.close()


@virtual
async def test_a_source_that_raises_stop_async_iteration_does_not_end_in_silence() -> None:
    """An iterator that raises StopAsyncIteration fails with the RuntimeError that Python makes of it."""

    def odd() -> Iterator[str]:
        yield made_up(1)
        raise StopAsyncIteration

    async with client_of() as (client, _):
        with pytest.raises(RuntimeError, match="raised StopAsyncIteration"):
            await gathered(client.check_keys(odd()))


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_fault_that_was_raised_leaves_no_cycle(is_async: bool) -> None:
    """A source and its fault are freed as soon as the fault was raised and both are dropped."""

    def failing() -> Iterator[str]:
        yield "a"
        raise SourceError

    source = Source(lazily(failing()) if is_async else failing())
    source.open(never_closed)
    await rest_of(source)
    await source.close()
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(SourceError):
            source.raise_fault()
        gone = weakref.ref(source)
        del source
        await asyncio.sleep(0)

        assert gone() is None
    finally:
        gc.enable()


async def test_an_interrupted_source_has_no_fault() -> None:
    """A source that is interrupted by `finish` while it waits for a key ends without a fault."""
    source = Source(lazily(["a"], every=9))
    source.open(never_closed)
    waiting = asyncio.create_task(source.take())
    await asyncio.sleep(1)

    source.finish()

    assert await waiting is END
    assert source.fault is None
    await source.close()
