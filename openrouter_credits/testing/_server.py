"""The server that tests hold: it sends scripted answers first, then the replies of the API."""

from __future__ import annotations

import asyncio
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import ClassVar, Self

from aiohttp import web

from openrouter_credits import ApiKey
from openrouter_credits._public import public
from openrouter_credits.testing._accounts import FakeAccount
from openrouter_credits.testing._amounts import Amount, not_negative, to_amount
from openrouter_credits.testing._api import SERVED, answer
from openrouter_credits.testing._arguments import (
    parse_key,
    require_clock,
    require_number,
    require_whole,
)
from openrouter_credits.testing._call import Call
from openrouter_credits.testing._directory import Directory
from openrouter_credits.testing._faults import Answer, Reply
from openrouter_credits.testing._limit import TokenBucket
from openrouter_credits.testing._requests import ReceivedRequest, parse_bearer, record
from openrouter_credits.testing._scripts import Scripts
from openrouter_credits.testing._sending import send, send_and_close
from openrouter_credits.testing._serving import ServerThread
from openrouter_credits.testing._spending import Clock

_BASE = "/api/v1"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FakeOpenRouter:
    """Behaves like OpenRouter's account API, on a port of this machine. All times are in seconds.

    The server runs inside `with FakeOpenRouter() as fake`, or `async with`: both do the same. It runs in a
    thread of its own, so tests can be synchronous or use any event loop, and any thread may call its methods.
    It can be entered again: the accounts stay, a free port changes. Accounts, keys and scripted answers can
    be added at any time, also before it runs.

    Args:
        latency: the delay before each answer; at least 0.
        rate_limit: requests per second for the whole server; more than 0, or `None` for no limit. Bursts of
            half that number (at least one) pass; further requests get 429.
        now: the server's clock for resets and expiry, which the server's thread calls; returns an aware
            datetime.
        port: the port to listen on, up to 65535; 0 for a free one. Entering raises `OSError` if it is in use.

    Raises:
        ValueError: an argument is out of range, or the time from `now` has no time zone.
        TypeError: an argument has a wrong type.
    """

    paths: ClassVar[tuple[str, ...]] = SERVED
    """All paths that are served, relative to the base URL; `{…}` stands for any one segment."""

    def __init__(
        self,
        latency: float = 0.0,
        rate_limit: float | None = None,
        *,
        now: Clock = _utc_now,
        port: int = 0,
    ) -> None:
        require_number("latency", latency, zero=True)
        if rate_limit is not None:
            require_number("rate_limit", rate_limit, unit="requests per second")
        require_clock("now", now)
        require_whole("port", port, 0, 65535)
        self.requests: list[ReceivedRequest] = []
        """Received requests, oldest first; a test may clear the list."""
        self._latency = latency
        self._bucket = None if rate_limit is None else TokenBucket(rate_limit)
        self._directory = Directory(now)
        self._lock = self._directory.lock
        self._scripts = Scripts()
        self._failures: list[Exception] = []
        self._port = port
        self._thread: ServerThread | None = None

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:49152/api/v1`.

        Raises:
            RuntimeError: the server is not running.
        """
        if self._thread is None:
            raise RuntimeError("the server is not running: use `with` or `async with`")
        return f"http://127.0.0.1:{self._thread.port}{_BASE}"

    def add_account(
        self,
        *,
        credits: Amount = 0,
        usage: Amount = 0,
        free_tier: bool = False,
        organization_id: str | None = None,
        user_id: str | None = None,
    ) -> FakeAccount:
        """Add an account and return it. Amounts are in US dollars.

        Args:
            credits: the total bought so far; from 10 on, 1000 requests a day to free models instead of 50.
            usage: the total spent so far.
            free_tier: whether the account has never paid for credits.
            organization_id: the organization that the account belongs to.
            user_id: the user who makes the account's keys.

        Raises:
            ValueError: an amount is negative or no number, or a text is empty.
            TypeError: an argument has a wrong type, such as a float for an amount.
        """
        bought, spent = not_negative(credits, "credits"), not_negative(usage, "usage")
        directory = self._directory
        return FakeAccount(bought, spent, free_tier, organization_id, user_id, directory=directory)

    def spend(self, key: ApiKey | str, amount: Amount) -> None:
        """Spend an amount in US dollars: the account's wallet and the key's usage, limit and budgets change.

        No limit stops the spending: on OpenRouter, too, running requests can take a balance below zero.
        A negative amount is a refund.

        Raises:
            LookupError: the server does not have the key.
            ValueError: the amount is no number.
        """
        spender = parse_key(key)
        del key  # no frame of ours holds a key's text while it raises
        if isinstance(spender, Exception):
            raise spender
        dollars = to_amount(amount, "amount")
        with self._lock:
            holder = self._directory.find(spender.reveal())
            if holder is None:
                raise LookupError(f"the server has no key {spender}")
            holder.spend(dollars, self._directory.now())

    def script(self, path: str, *answers: Answer) -> None:
        """Queue one answer for each of the next requests to a path, with any method and any key.

        New answers come after those already queued; when the queue is empty, the server answers normally.
        Scripted answers ignore `rate_limit`.

        Args:
            path: the path relative to the base URL, such as `/credits`. One of `paths` with `{…}`, such as
                `/keys/{hash}`, is for each path that fits it and has no answers of its own. With a query,
                such as `/keys?offset=99`, it is for the requests that have these parameters, among others.
            answers: `Reply`, `Disconnect`, `CutBody`, `Drip` or `Hang`.

        Raises:
            ValueError: the path is never served.
            TypeError: the path or an answer has another type.
        """
        with self._lock:
            self._scripts.add(path, answers)

    def __enter__(self) -> Self:
        with self._lock:
            if self._thread is not None:
                raise RuntimeError("the server is running already")
            self._thread = ServerThread(self._handle, self._port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the server; tell what failed in its own code, which its clients saw as a 500.

        Raises:
            RuntimeError: the server's own code, or `now`, has failed.
        """
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()
        failures, self._failures = self._failures, []
        if not failures:
            return
        if error is None:
            error = RuntimeError(f"FakeOpenRouter has answered 500: {failures[0]!r} in its own thread")
            error.add_note(_describe(failures[0]))
            raise error
        error.add_note(_describe(failures[0]))

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        return f"<FakeOpenRouter {self.url if self._thread else 'not running'}>"

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        # not `raw_path`: a request line may have the whole URL
        path, query = request.rel_url.raw_path, request.rel_url.raw_query_string
        is_below = path.startswith(_BASE + "/")
        if is_below:
            path = path.removeprefix(_BASE)
        token = parse_bearer(request.headers.get("Authorization"))
        self.requests.append(record(request.method, path, token))
        with self._lock:
            due = self._scripts.take(path, query) if is_below else None
            if due is None and self._bucket is not None:
                due = self._bucket.check()
        if self._latency:
            await asyncio.sleep(self._latency)

        async def carry_out() -> Reply:
            if not is_below:
                return Reply(404)
            return self._answer(Call(request.method, path, query, token, await request.read()))

        try:
            return await send(due or await carry_out(), request, carry_out)
        except ConnectionError:  # the client has disconnected, or the server is stopping
            return web.Response()
        except web.HTTPRequestEntityTooLarge:
            return await send(Reply(413), request, carry_out)
        except web.RequestPayloadError:  # the body is not what its `Content-Encoding` says
            return await send_and_close(Reply(400), request)

    def _answer(self, call: Call) -> Reply:
        """Carry out a request, alone; what fails in the code of the server becomes a 500."""
        with self._lock:
            try:
                return answer(call, self._directory)
            except Exception as error:  # noqa: BLE001 - leaving the server raises it
                self._failures.append(error)
                return Reply(500)


def _describe(failure: Exception) -> str:
    """Write a traceback out: the frames themselves hold keys, which error reporters would show."""
    return "In the thread of FakeOpenRouter:\n" + "".join(traceback.format_exception(failure))


public(FakeOpenRouter, door="openrouter_credits.testing")
