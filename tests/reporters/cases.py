"""Failures that reporters are shown. No frame here has a key in a local variable: what is shown is ours.

Keys come from function calls inside an expression: a reporter shows the function.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from attrs import frozen

from openrouter_credits import ApiKey, CreditsClient, KeySpec, RetryPolicy
from tests.kit.values import made_up_keys
from tests.kit.wire import HANG, Server, refusal, reply, sends

SECRETS = [*made_up_keys(3), "".join(made_up_keys(9)[5:])]
"""Three keys, and a token that is longer than what reporters show of a text."""
SOON = 0.05
"""Seconds of real time after which a call is cut short."""


@frozen
class Clients:
    """Clients of servers that never answer, that refuse, and that make keys, of which they tell badly."""

    waiting: CreditsClient
    refused: CreditsClient
    making: CreditsClient
    halfway: CreditsClient


def a_key() -> str:
    """Return a key."""
    return SECRETS[0]


def a_token() -> str:
    """Return the long token."""
    return SECRETS[3]


def listed() -> list[str]:
    """Return all keys."""
    return SECRETS[:3]


def named() -> dict[str, str]:
    """Return all keys, with names; one name is a key."""
    return {"a": SECRETS[0], "b": SECRETS[1], SECRETS[2]: SECRETS[2]}


def specs() -> list[KeySpec]:
    """Return specs of all keys."""
    return [KeySpec(key, key, management_key=key) for key in listed()]


class Rows(dict[str, Any]):
    """A mapping whose items are no pairs."""

    def items(self) -> Any:
        """Give rows of three."""
        return [("a", *listed()[:2])]


class SourceError(Exception):
    """What a source raises."""


def failing() -> Iterator[str]:
    """Give the keys, and fail."""
    yield from listed()
    raise SourceError


class Lazily:
    """The keys, asynchronously; then it fails, or waits for ever."""

    def __init__(self, *, fails: bool) -> None:
        self._left = len(listed())
        self._fails = fails

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        if not self._left:
            await self._end()
        self._left -= 1
        return listed()[self._left]

    async def _end(self) -> None:
        if self._fails:
            raise SourceError
        await asyncio.Event().wait()


def created() -> bytes:
    """Answer as `POST /keys` does, but for the amount; the new key is in every field."""
    data = {name: listed()[1] for name in ("hash", "name", "label", "usage", listed()[1])}
    return reply(201, {"data": data | {"limit": None}, "key": listed()[1]}, f"X-Request-Id: {listed()[1]}")


async def plainly(call: Awaitable[object]) -> None:
    """Await a call."""
    await call


async def consume(checks: AsyncIterator[object]) -> None:
    """Take all outcomes."""
    async for _ in checks:
        pass


async def in_time(call: Awaitable[object]) -> None:
    """Cut a call short with a TimeoutError."""
    async with asyncio.timeout(SOON):
        await call


async def cancelled(call: Any, *, after: float = SOON) -> None:
    """Cut a call short with a cancellation; after 0 s it has not begun."""
    task = asyncio.ensure_future(call)
    if after:
        await asyncio.sleep(after)
    task.cancel()
    await task


async def at_once(make: Callable[[], object]) -> None:
    """Call a plain function."""
    make()


async def forgotten(call: Any, end: Callable[[], Awaitable[None]]) -> None:
    """Drop a task whose call fails when something else ends it: asyncio reports that nobody retrieved it."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(SOON)
    await end()
    await asyncio.wait([task])
    del task, call
    gc.collect()


def odd(thing: object) -> Any:
    """Return something as if it were an argument of the right type."""
    return thing


Case = Callable[[Clients], Awaitable[None]]
CASES: dict[str, Case] = {
    "a failed call": lambda clients: plainly(clients.refused.credits()),
    "a failed status": lambda clients: plainly(clients.refused.status()),
    "a failed request": lambda clients: plainly(clients.refused.request("GET", "/key", into=dict)),
    "a call in time": lambda clients: in_time(clients.waiting.credits()),
    "a status in time": lambda clients: in_time(clients.waiting.status()),
    "a cancelled call": lambda clients: cancelled(clients.waiting.key()),
    "a long token in time": lambda clients: in_time(clients.waiting.with_key(a_token()).credits()),
    "a list in time": lambda clients: in_time(clients.waiting.check_all(listed())),
    "a mapping in time": lambda clients: in_time(clients.waiting.check_all(named())),
    "specs in time": lambda clients: in_time(clients.waiting.check_all(specs())),
    "a generator in time": lambda clients: in_time(clients.waiting.check_all(iter(listed()))),
    "a source in time": lambda clients: in_time(clients.waiting.check_all(Lazily(fails=False))),
    "a stream in time": lambda clients: in_time(consume(clients.waiting.check_keys(named()))),
    "a cancelled batch": lambda clients: cancelled(clients.waiting.check_all(named())),
    "a batch that has not begun": lambda clients: cancelled(clients.waiting.check_all(named()), after=0),
    "a mapping without pairs": lambda clients: plainly(clients.refused.check_all(Rows(a=1))),
    "a source that fails": lambda clients: plainly(clients.refused.check_all(failing())),
    "a source that fails late": lambda clients: consume(clients.refused.check_keys(Lazily(fails=True))),
    "a key for a list": lambda clients: plainly(clients.refused.check_all(a_key())),
    "an impossible option": lambda clients: plainly(clients.refused.check_all(named(), concurrency=0)),
    "an impossible rate": lambda clients: at_once(lambda: clients.refused.check_keys(named(), rate=-1)),
    "two management keys": lambda clients: plainly(
        clients.refused.check_all([KeySpec(key, account="a", management_key=key) for key in listed()])
    ),
    "no key": lambda _: at_once(lambda: ApiKey(odd(listed()))),
    "a key and more": lambda _: at_once(lambda: ApiKey(",".join(listed()))),
    "a client of a list": lambda _: at_once(lambda: CreditsClient(odd(listed()))),
    "a client with a proxy that is none": lambda _: at_once(
        lambda: CreditsClient(a_key(), management_key=a_key(), proxy=odd(7))
    ),
    "a client with an impossible time-out": lambda _: at_once(lambda: CreditsClient(a_key(), timeout=-1)),
    "with_key of a list": lambda clients: at_once(lambda: clients.refused.with_key(odd(listed()))),
    "with_key and more": lambda clients: at_once(
        lambda: clients.refused.with_key(a_key(), management_key=",".join(listed()))
    ),
    "a key for a generation": lambda clients: plainly(clients.refused.generation(a_key())),
    "a refused exchange": lambda clients: plainly(clients.refused.exchange_code(*listed()[:2])),
    "a refused exchange of a long code": lambda clients: plainly(
        clients.refused.exchange_code(a_token(), a_token())
    ),
    "an exchange of a long code in time": lambda clients: in_time(
        clients.waiting.exchange_code(a_token(), a_token())
    ),
    "an exchange in time": lambda clients: in_time(clients.waiting.exchange_code(*listed()[:2])),
    "a cancelled exchange": lambda clients: cancelled(clients.waiting.exchange_code(*listed()[:2])),
    "an exchange that has not begun": lambda clients: cancelled(
        clients.waiting.exchange_code(*listed()[:2]), after=0
    ),
    "a code and more": lambda clients: plainly(clients.refused.exchange_code(",".join(listed()) + " ")),
    "a refused new key": lambda clients: plainly(clients.refused.account.create_key("a")),
    "a new key that cannot be read": lambda clients: plainly(clients.making.account.create_key("a")),
    "half a new key in time": lambda clients: in_time(clients.halfway.account.create_key("a")),
    "half a cancelled new key": lambda clients: cancelled(clients.halfway.account.create_key("a")),
    "a key for a name": lambda clients: plainly(clients.refused.account.create_key(a_key())),
    "a token for a hash": lambda clients: plainly(clients.refused.account.delete_key(f"{a_token()} ")),
    "a key for a switch": lambda clients: plainly(
        clients.refused.account.check(include_disabled=odd(a_key()))
    ),
    "a key for an amount": lambda clients: plainly(clients.refused.require(a_key())),
    "a key for a reserved amount": lambda clients: at_once(lambda: clients.refused.reserve(a_key())),
    "a list to read": lambda clients: plainly(clients.refused.status(read=odd(listed()))),
    "an amount that has not begun": lambda clients: cancelled(clients.refused.require(a_key()), after=0),
    "a forgotten new key": lambda clients: forgotten(
        clients.halfway.account.create_key("a"), clients.halfway.close
    ),
    "a forgotten call": lambda clients: forgotten(clients.waiting.credits(), clients.waiting.close),
    "a forgotten batch": lambda clients: forgotten(clients.waiting.check_all(named()), clients.waiting.close),
}
"""Failures by their names. The last three are reported by asyncio alone."""
FORGOTTEN = ("a forgotten new key", "a forgotten call", "a forgotten batch")


@asynccontextmanager
async def clients() -> AsyncIterator[Clients]:
    """Start the servers and make the clients of them."""
    patient = RetryPolicy(deadline=60)
    async with (
        Server(HANG) as silent,
        Server(refusal(401)) as refusing,
        Server(created()) as creating,
        Server(sends(created()[:-1], end="hang")) as stalling,
        CreditsClient(a_key(), management_key=a_key(), base_url=silent.url, retry=patient) as waiting,
        CreditsClient(a_key(), management_key=a_key(), base_url=refusing.url) as refused,
        CreditsClient(a_key(), base_url=creating.url) as making,
        CreditsClient(a_key(), base_url=stalling.url, retry=patient) as halfway,
    ):
        yield Clients(waiting, refused, making, halfway)
