"""Batches that end before their keys do: no exception shows a key, and each reaches the caller."""

from __future__ import annotations

import asyncio
import os
from collections import UserDict, UserList
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from openrouter_credits import ApiKey, ClientClosedError, CreditsClient, KeySpec
from tests.kit.values import KEY, OTHER_KEY, PATIENT, made_up
from tests.kit.wire import FUNDED, HANG, Connect, Serve

from ._sinks import Watch

THIRD_KEY = made_up("three")


@pytest.fixture(autouse=True)
def _more_secrets(fault: Watch) -> None:
    fault.secrets.add(THIRD_KEY)


class SourceError(Exception):
    """What a source raises."""


@dataclass
class Shown:
    """An iterator that shows its keys, as a dataclass does."""

    keys: list[str]

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.keys) == 1:
            raise SourceError
        return self.keys.pop()


@dataclass
class ShownLate:
    """An asynchronous iterator that shows its keys, and hangs after the first of them."""

    keys: list[str]

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        if len(self.keys) == 1:
            await asyncio.Event().wait()
        return self.keys.pop()

    async def aclose(self) -> None:
        """Fail."""
        raise SourceError


def listed() -> list[str]:
    """Return three keys, in no local variable of a test."""
    return [KEY, OTHER_KEY, THIRD_KEY]


def lazily() -> Iterator[str]:
    """Give three keys."""
    yield from listed()


async def hanging() -> AsyncGenerator[str, None]:
    """Give two keys, and no third one."""
    yield KEY
    yield OTHER_KEY
    await asyncio.Event().wait()


KEYS: dict[str, Callable[[], Any]] = {
    "a list": listed,
    "a list of keys": lambda: [*map(ApiKey, listed())],
    "a list of specs": lambda: [KeySpec(key, "bot", management_key=key) for key in listed()],
    "a mapping": lambda: dict(zip("abc", listed(), strict=True)),
    "a mapping whose names are keys": lambda: dict(zip(listed(), listed(), strict=True)),
    "a mapping of specs": lambda: {key: KeySpec(key, account=key) for key in listed()},
    "a mapping that shows itself": lambda: UserDict(zip(listed(), listed(), strict=True)),
    "a list that shows itself": lambda: UserList(listed()),
    "things that are no keys": lambda: [[KEY], {KEY: OTHER_KEY}, KEY.encode(), 7, THIRD_KEY],
    "a generator": lazily,
    "an asynchronous generator": hanging,
}
CUTS: dict[str, tuple[float | None, type[BaseException]]] = {
    "asyncio.timeout": (0.1, TimeoutError),
    "cancel": (None, asyncio.CancelledError),
    "close": (None, ClientClosedError),
}


async def consume(checks: AsyncGenerator[object, None]) -> None:
    """Take all outcomes."""
    async for _ in checks:
        pass


async def watched(client: CreditsClient, keys: Any) -> None:
    """Enter a watch."""
    async with client.watch(keys):
        pass


BATCHES: dict[str, Callable[[CreditsClient, Any], Awaitable[object]]] = {
    "watch": watched,
    "check_all": lambda client, keys: client.check_all(keys, concurrency=2),
    "check_keys": lambda client, keys: consume(client.check_keys(keys, concurrency=2)),
}


@pytest.mark.row(52)
@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
async def test_a_batch_that_is_cut_short_shows_no_key(
    batch: Callable[[CreditsClient, Any], Awaitable[object]],
    cut: str,
    keys: Callable[[], Any],
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """A batch that is timed out, cancelled or closed shows no key in any frame of its traceback."""
    client = connect(await serve(HANG), retry=PATIENT)
    after, kind = CUTS[cut]

    error = await fault.cut_short(
        batch(client, keys()), after=after, by=client.close if cut == "close" else None
    )

    assert type(error) is kind


@pytest.mark.row(52)
@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
async def test_a_batch_that_is_cancelled_before_it_begins_shows_no_key(
    keys: Callable[[], Any], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A task of `check_all` that is cancelled before its first step shows no key, and sends nothing."""
    server = await serve(HANG)
    client = connect(server)

    async def at_once() -> None:
        task = asyncio.create_task(client.check_all(keys()))
        task.cancel()
        await task

    await fault.error(asyncio.CancelledError, at_once())

    assert server.hits == 0


@pytest.mark.row(52)
async def test_a_source_that_fails_while_it_is_closed_shows_no_key(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """The exception of a source's own `aclose` reaches the caller, and no frame of ours shows the source."""
    client = connect(await serve(FUNDED), retry=PATIENT)

    error = await fault.cut_short(client.check_all(ShownLate(listed())), after=0.1)

    assert type(error) is SourceError


INTERRUPTED = """
import asyncio, os, signal, traceback
from openrouter_credits import CreditsClient, RetryPolicy

async def main():
    async with CreditsClient(retry=RetryPolicy(deadline=30)) as client:
        asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGINT)
        await client.check_all({name: os.environ["OPENROUTER_API_KEY"] for name in "abc"})

try:
    asyncio.run(main())
except KeyboardInterrupt as error:
    lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    print(*lines, sep="")
"""


@pytest.mark.row(52)
async def test_a_batch_that_is_interrupted_by_a_signal_shows_no_key(serve: Serve, fault: Watch) -> None:
    """Ctrl-C in a batch is a KeyboardInterrupt, and no frame of its traceback shows a key."""
    server = await serve(HANG)

    output = await fault.child(INTERRUPTED, key=KEY, url=server.url)

    assert "KeyboardInterrupt" in output
    assert f"batch{os.sep}run.py" in output.replace("_batch", "batch")


class Growing(dict[str, str]):
    """A mapping that has one name more after each look-up."""

    def items(self) -> Any:
        """Add a name with each pair."""
        for name in self:
            yield name, self[name]
            self[f"{name}'"] = KEY


class Grown(UserDict[str, str]):
    """A mapping that shows itself, and has one name more after each look-up."""

    def __getitem__(self, name: str) -> str:
        self.data[f"{name}'"] = KEY
        return self.data[name]


class Broken(Mapping[str, str]):
    """A mapping that shows its keys, and raises in one of its methods."""

    def __init__(self, method: str) -> None:
        self._method = method

    def __repr__(self) -> str:
        return repr(listed())

    def _may(self, method: str) -> None:
        if self._method == method:
            raise SourceError

    def __len__(self) -> int:
        self._may("__len__")
        return 3

    def __iter__(self) -> Iterator[str]:
        self._may("__iter__")
        return iter(listed())

    def __getitem__(self, name: str) -> str:
        self._may("__getitem__")
        return name


class BrokenItems(Broken):
    """A mapping whose `items` raises."""

    def items(self) -> Any:
        """Fail."""
        raise SourceError


def failing() -> Iterator[str]:
    """Give two keys, and fail."""
    yield KEY
    yield OTHER_KEY
    raise SourceError


async def failing_late() -> AsyncGenerator[str, None]:
    """Give two keys, and fail."""
    for key in failing():
        yield key


class Sequential(Sequence[str]):
    """A list that shows itself, and whose `__getitem__` fails in the end."""

    def __repr__(self) -> str:
        return repr(listed())

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: Any) -> Any:
        if index == 2:
            raise SourceError
        return listed()[index]


FAILURES: dict[str, tuple[Callable[[], Any], type[BaseException]]] = {
    "a text": (lambda: KEY, TypeError),
    "bytes": (KEY.encode, TypeError),
    "a bytearray": (lambda: bytearray(KEY.encode()), TypeError),
    "an ApiKey": (lambda: ApiKey(KEY), TypeError),
    "a KeySpec": (lambda: KeySpec(KEY, "bot"), TypeError),
    "a generator": (failing, SourceError),
    "an asynchronous generator": (failing_late, SourceError),
    "an iterator that shows itself": (lambda: Shown(listed()), SourceError),
    "a sequence": (Sequential, SourceError),
    "a mapping that grows": (lambda: Growing(a=KEY, b=OTHER_KEY), RuntimeError),
    "a mapping that shows itself and grows": (lambda: Grown(a=KEY, b=OTHER_KEY), RuntimeError),
    "a mapping without a length": (lambda: Broken("__len__"), SourceError),
    "a mapping without names": (lambda: Broken("__iter__"), SourceError),
    "a mapping without keys": (lambda: Broken("__getitem__"), SourceError),
    "a mapping without items": (lambda: BrokenItems(""), SourceError),
}


@pytest.mark.row(52)
@pytest.mark.parametrize(("keys", "kind"), FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
async def test_a_source_that_fails_shows_no_key(
    batch: Callable[[CreditsClient, Any], Awaitable[object]],
    keys: Callable[[], Any],
    kind: type[BaseException],
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """What a source raises reaches the caller, and no frame of ours shows the source or a key of it."""
    client = connect(await serve(FUNDED))

    async def call() -> None:
        await batch(client, keys())

    await fault.error(kind, call())


@pytest.mark.row(52)
@pytest.mark.parametrize(
    ("option", "value", "kind"),
    [
        ("concurrency", 0, ValueError),
        ("read", "x", TypeError),
        ("read", ("x",), ValueError),
        ("rate", -1, ValueError),
        ("deadline", "soon", TypeError),
    ],
)
async def test_an_option_that_is_refused_shows_no_key(
    option: str, value: Any, kind: type[BaseException], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """An impossible option of a batch is refused without showing the keys, which were given with it."""
    client = connect(await serve(FUNDED))

    await fault.error(kind, client.check_all({KEY: KEY}, **{option: value}))
    await fault.refusal(kind, lambda: client.check_keys({KEY: KEY}, **{option: value}))


async def cancelled() -> None:
    """Await a task that was cancelled, which nobody asked of the task that awaits it."""
    task = asyncio.create_task(asyncio.sleep(1))
    await asyncio.sleep(0)
    task.cancel()
    await task


def raising(kind: type[BaseException]) -> Callable[[], Awaitable[None]]:
    """Return a function whose coroutine raises."""

    async def fail() -> None:
        raise kind

    return fail


STRAY: dict[str, tuple[Callable[[], Awaitable[None]], type[BaseException]]] = {
    "a cancelled task": (cancelled, asyncio.CancelledError),
    "KeyboardInterrupt": (raising(KeyboardInterrupt), KeyboardInterrupt),
    "SystemExit": (raising(SystemExit), SystemExit),
    "GeneratorExit": (raising(GeneratorExit), GeneratorExit),
}


@pytest.mark.row(65)
@pytest.mark.parametrize(("fail", "kind"), STRAY.values(), ids=STRAY)
@pytest.mark.parametrize("is_async", [False, True])
async def test_what_is_no_exception_of_a_batch_reaches_its_caller(
    is_async: bool,
    fail: Callable[[], Awaitable[None]],
    kind: type[BaseException],
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """A cancellation of another task or an exit inside a source is raised after the outcomes before it."""
    client = connect(await serve(FUNDED))
    seen = []

    def plainly() -> Iterator[str]:
        yield from listed()
        raise kind

    async def asynchronously() -> AsyncGenerator[str, None]:
        for key in listed():
            yield key
        await fail()

    async def call() -> str:
        keys: Any = asynchronously() if is_async else plainly()
        try:
            async for check in client.check_keys(keys, concurrency=2, read=("credits",)):
                seen.append(check.index)  # noqa: PERF401 - the loop is left by the exception
        except BaseException as error:  # noqa: BLE001 - an exit would end the test run
            return type(error).__name__
        return "nothing"

    assert await fault.value(call()) == kind.__name__
    assert sorted(seen) == [0, 1, 2]
