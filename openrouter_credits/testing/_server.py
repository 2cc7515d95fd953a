"""The HTTP server: it sends scripted answers first, then the replies of the API."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict, deque
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from aiohttp import web

from openrouter_credits import ApiKey
from openrouter_credits._models.amounts import add
from openrouter_credits._public import public
from openrouter_credits.testing._accounts import Directory, FakeAccount
from openrouter_credits.testing._amounts import Amount, to_amount
from openrouter_credits.testing._api import Call, answer
from openrouter_credits.testing._faults import Answer, Reply
from openrouter_credits.testing._limit import TokenBucket
from openrouter_credits.testing._requests import ReceivedRequest, parse_bearer, record
from openrouter_credits.testing._sending import send
from openrouter_credits.testing._spending import Clock

_BASE = "/api/v1"
_BACKLOG = 4096
_GRACE = 1.0
"""Seconds that running handlers get to end when the server stops."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FakeOpenRouter:
    """Behaves like OpenRouter's account API, on a free port of this machine. All times are in seconds.

    The server runs inside `async with FakeOpenRouter() as fake`. It can be entered again: the accounts stay,
    the port changes. Accounts, keys and scripted answers can be added at any time, also before it runs.

    Args:
        latency: the delay before each answer; at least 0.
        rate_limit: requests per second for the whole server; more than 0, or `None` for no limit. Bursts of
            half that number (at least one) pass; further requests get 429.
        now: the server's clock for resets and expiry; returns an aware datetime.

    Raises:
        ValueError: `latency` or `rate_limit` is out of range, or the time from `now` has no time zone.
    """

    def __init__(
        self, latency: float = 0.0, rate_limit: float | None = None, *, now: Clock = _utc_now
    ) -> None:
        if latency < 0 or (rate_limit is not None and rate_limit <= 0):
            raise ValueError("latency is at least 0, and rate_limit positive or None")
        if now().tzinfo is None:
            raise ValueError("now() needs a time zone, as datetime.now(UTC) has")
        self.requests: list[ReceivedRequest] = []
        """Received requests, oldest first; a test may clear the list."""
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

    def add_account(
        self,
        *,
        credits: Amount = 0,
        usage: Amount = 0,
        free_tier: bool = False,
    ) -> FakeAccount:
        """Add an account and return it. Amounts are in US dollars.

        Args:
            credits: the total bought so far.
            usage: the total spent so far.
            free_tier: whether the account has never paid for credits.
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
        """Spend an amount in US dollars: the account's wallet and the key's usage, limit and budgets change.

        No limit stops the spending: on OpenRouter, too, running requests can take a balance below zero.

        Raises:
            LookupError: the server does not have the key.
        """
        key = ApiKey(key)
        holder = self._directory.find(key.reveal())
        if holder is None:
            raise LookupError(f"the server has no key {key}")
        dollars = to_amount(amount)
        holder.spend(dollars, self._directory.now())
        holder.account.usage = add(holder.account.usage, dollars)

    def script(self, path: str, *answers: Answer) -> None:
        """Queue one answer for each of the next requests to a path, with any method and any key.

        New answers come after those already queued; when the queue is empty, the server answers normally.
        Scripted answers ignore `rate_limit`. The path may be one that the server does not know.

        Args:
            path: the path relative to the base URL, without a query, such as `/credits`.
            answers: `Reply`, `Disconnect`, `CutBody`, `Drip` or `Hang`.

        Raises:
            ValueError: the path does not begin with `/`, or has a query.
            TypeError: an answer has another type.
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
        # Cancel a handler when its client disconnects, so that `Hang` leaves no task behind.
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
            transport.abort()  # this cancels the requests under way
        await server.shutdown(_GRACE)
        await listener.wait_closed()

    def __repr__(self) -> str:
        return f"<FakeOpenRouter {self.url if self._running else 'not running'}>"

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        is_below = path.startswith(_BASE + "/")
        if is_below:
            path = path.removeprefix(_BASE)
        token = parse_bearer(request.headers.get("Authorization"))
        self.requests.append(record(request.method, path, token))
        script = self._scripts.get(path) if is_below else None
        if script:
            due: Answer | None = script.popleft()
        else:
            due = None if self._bucket is None else self._bucket.check()
        if self._latency:
            await asyncio.sleep(self._latency)

        async def carry_out() -> Reply:
            if not is_below:
                return Reply(404)
            return answer(Call(request.method, path, query, token, await request.read()), self._directory)

        try:
            return await send(due or await carry_out(), request, carry_out)
        except ConnectionError:  # the client has disconnected, or the server is stopping
            return web.Response()


async def _stop_listening(listener: asyncio.Server) -> None:
    """Close the listener while no connection is being accepted.

    Otherwise asyncio fails for that connection (https://github.com/python/cpython/issues/109564, still open).
    """
    with suppress(NotImplementedError):  # the Windows loop, which accepts a connection in one step
        asyncio.get_running_loop().remove_reader(listener.sockets[0])
    await asyncio.sleep(0)  # an accepted connection gets its transport
    listener.close()
    await asyncio.sleep(0)  # the transport gets its protocol,
    await asyncio.sleep(0)  # with uvloop one iteration later


public(FakeOpenRouter, door="openrouter_credits.testing")
