"""The server: aiohttp in front of the API, with scripted faults between them."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict, deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from aiohttp import web

from openrouter_credits import ApiKey
from openrouter_credits.testing._accounts import Directory, FakeAccount
from openrouter_credits.testing._amounts import Amount, add, to_amount
from openrouter_credits.testing._api import Call, answer
from openrouter_credits.testing._faults import Answer, Reply
from openrouter_credits.testing._limit import TokenBucket
from openrouter_credits.testing._requests import ReceivedRequest, parse_bearer, record
from openrouter_credits.testing._sending import send

if TYPE_CHECKING:
    from types import TracebackType

    from openrouter_credits.testing._spending import Clock

_BASE = "/api/v1"
_BACKLOG = 4096
_GRACE = 1.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FakeOpenRouter:
    """Behaves like OpenRouter's account API, on a free port of this machine. All times are in seconds.

    It serves while it is entered, as `async with FakeOpenRouter() as fake`, and may be entered again: the accounts stay, the port
    changes. Accounts, keys and scripted answers can be added at any time, before it serves too.

    Args:
        latency: passes before each answer.
        rate_limit: requests per second over the whole server, half a second's worth of them at once; the rest are answered 429.
        now: the server's clock, for resets and expiry; returns an aware datetime.

    Raises:
        ValueError: a negative latency, a rate limit that is not positive, or a clock without a time zone.
    """

    def __init__(
        self, latency: float = 0.0, rate_limit: float | None = None, *, now: Clock = _utc_now
    ) -> None:
        if latency < 0 or (rate_limit is not None and rate_limit <= 0):
            raise ValueError("latency is at least 0, and rate_limit positive or None")
        if now().tzinfo is None:
            raise ValueError("now() needs a time zone, as datetime.now(UTC) has")
        self.requests: list[ReceivedRequest] = []
        """What arrived, in order; may be cleared."""
        self._latency = latency
        self._bucket = None if rate_limit is None else TokenBucket(rate_limit)
        self._directory = Directory(now)
        self._accounts = 0
        self._scripts: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self._running: tuple[web.Server, asyncio.Server] | None = None

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:49152/api/v1`.

        Raises:
            RuntimeError: the server is not running.
        """
        if self._running is None:
            raise RuntimeError("the server is not running: use `async with`")
        _, listener = self._running
        return f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}{_BASE}"

    def add_account(self, *, credits: Amount = 0, usage: Amount = 0, free_tier: bool = False) -> FakeAccount:  # noqa: A002 - the API's own name
        """Open an account. Amounts are US dollars.

        Args:
            credits: everything ever bought.
            usage: everything ever spent.
            free_tier: the account has never paid for credits.
        """
        self._accounts += 1
        return FakeAccount(
            to_amount(credits),
            to_amount(usage),
            free_tier,
            str(uuid.UUID(int=self._accounts, version=4)),
            self._directory,
        )

    def spend(self, key: ApiKey | str, amount: Amount) -> None:
        """Spend with a key: its account's wallet, its usage, limit and budgets move.

        Nothing stops it: as on OpenRouter, where requests in flight end below zero.

        Raises:
            LookupError: the server has no such key.
        """
        key = ApiKey(key)
        holder = self._directory.find(key.reveal())
        if holder is None:
            raise LookupError(f"the server has no key {key}")
        dollars = to_amount(amount)
        holder.spend(dollars, self._directory.now())
        holder.account.usage = add(holder.account.usage, dollars)

    def script(self, path: str, *answers: Answer) -> None:
        """Queue the next answers for a path: one for each request, whatever its method and key; afterwards the server is itself again.

        They come after those that are queued already. They are not limited by `rate_limit`, and may be for paths that the
        server does not know.

        Args:
            path: below the base URL, without a query: `/credits`.
            answers: `Reply`, `Disconnect`, `CutBody`, `Drip` or `Hang`.
        """
        if not path.startswith("/") or "?" in path:
            raise ValueError("a path is below the base URL and without a query, such as '/credits'")
        for scripted in answers:
            if not isinstance(scripted, Answer):
                raise TypeError(
                    f"an answer is a Reply, Disconnect(), CutBody(), Drip() or Hang(), not {scripted!r}"
                )
        self._scripts[path].extend(answers)

    async def __aenter__(self) -> Self:
        if self._running is not None:
            raise RuntimeError("the server is running already")
        # With cancellation, a request ends when its client goes away: nothing hangs on.
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, backlog=_BACKLOG)
        self._running = server, listener
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._running is None:
            return
        server, listener = self._running
        self._running = None
        await _stop_listening(listener)
        for transport in [connection.transport for connection in server.connections if connection.transport]:
            transport.abort()  # requests under way are cancelled by it
        await server.shutdown(_GRACE)
        await listener.wait_closed()

    def __repr__(self) -> str:
        return f"<FakeOpenRouter {self.url if self._running else 'not running'}>"

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        is_below = path.startswith(_BASE + "/")
        path = path.removeprefix(_BASE) if is_below else path
        token = parse_bearer(request.headers.get("Authorization"))
        self.requests.append(record(request.method, path, token))
        script = self._scripts.get(path) if is_below else None
        due = script.popleft() if script else self._bucket and self._bucket.check()
        if self._latency:
            await asyncio.sleep(self._latency)

        async def carry_out() -> Reply:
            if not is_below:
                return Reply(404)
            return answer(Call(request.method, path, query, token, await request.read()), self._directory)

        try:
            return await send(due or await carry_out(), request, carry_out)
        except ConnectionError:  # the client has gone, or the server stops: there is nobody to tell
            return web.Response()


async def _stop_listening(listener: asyncio.Server) -> None:
    """Close the listener between two connections: asyncio fails on one that it is about to accept (cpython issue 109564, still open)."""
    with suppress(NotImplementedError):  # Windows' loop, which accepts at one go
        asyncio.get_running_loop().remove_reader(listener.sockets[0])
    await asyncio.sleep(0)  # a connection that is accepted gets its transport
    listener.close()
    await asyncio.sleep(0)  # and the transport its protocol, with uvloop a tick later
    await asyncio.sleep(0)
