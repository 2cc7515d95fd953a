"""The client: a key, a transport, and one short method for each endpoint."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NoReturn, Self, TypeVar

from openrouter_credits._batch.report import CheckReport, KeyCheck, KeySource, Options
from openrouter_credits._batch.run import Batch
from openrouter_credits._call.protocol import (
    DEFAULT_BASE_URL,
    Request,
    check_structurable,
    decode,
    make_request,
    parse_base_url,
)
from openrouter_credits._call.retry import RetryPolicy, check_count, check_seconds, retry
from openrouter_credits._call.transport import Transport, proxy_from_environment
from openrouter_credits._errors import ClientClosedError, ConfigurationError, MissingKeyError, OpenRouterError
from openrouter_credits._models.key import Credits, KeyInfo
from openrouter_credits._secrets import (
    API_KEY_VARIABLES,
    MANAGEMENT_KEY_VARIABLES,
    ApiKey,
    HiddenUrl,
    key_from_environment,
    parse_key,
)
from openrouter_credits._status.look import together
from openrouter_credits._status.spendable import KeyStatus, assess, unconfirmed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
    from types import TracebackType

    import aiohttp

    from openrouter_credits._batch.gates import Flow

T = TypeVar("T")

_DEFAULT_RETRY = RetryPolicy()
_DEFAULT_CONNECTIONS = 100


class CreditsClient:
    """Reads what OpenRouter keys can still spend. All times are in seconds.

    One client serves a whole program: it keeps connections open, and may be used by any number of tasks at once. It belongs to the
    event loop of its first call. Use it as `async with CreditsClient() as client`, or `await client.close()` at the end.

    Args:
        api_key: the key; else `OPENROUTER_API_KEY`, then `OPENROUTER_KEY`.
        management_key: reads the wallet; else `OPENROUTER_MANAGEMENT_KEY` and its aliases. Any key given here switches the environment
            off for both: somebody else's key is never paired with this process's management key.
        base_url: else `OPENROUTER_BASE_URL`, else OpenRouter itself. https, or http to this machine.
        session: an `aiohttp.ClientSession` to borrow; it is never changed nor closed.
        retry: how often, and how long, a call is tried.
        timeout: bounds each try, once it has a connection's slot.
        max_connections: requests under way at once; the rest queue.
        proxy: the URL of an HTTP proxy for https; else `HTTPS_PROXY`, unless `NO_PROXY` excludes the host.

    Raises:
        InvalidKeyError: a key is blank or has impossible characters.
        ConfigurationError: `base_url` is no address that a key should be sent to, or has no use for the proxy.
        TypeError: an argument of a wrong type, or `max_connections` or `proxy` together with a `session`, which has its own.
        ValueError: a number out of range.
    """

    def __init__(
        self,
        api_key: str | ApiKey | None = None,
        *,
        management_key: str | ApiKey | None = None,
        base_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        retry: RetryPolicy = _DEFAULT_RETRY,
        timeout: float = 10.0,
        max_connections: int = _DEFAULT_CONNECTIONS,
        proxy: str | None = None,
    ) -> None:
        # Each secret is replaced before anything is raised: locals are shown by many error reporters.
        if isinstance(proxy, str):
            proxy = HiddenUrl(proxy)
        elif proxy is not None:
            raise TypeError(f"proxy is a str, not {type(proxy).__name__}")
        own: ApiKey | Exception | None
        management: ApiKey | Exception | None
        if api_key is None and management_key is None:
            own = key_from_environment(API_KEY_VARIABLES, os.environ)
            management = key_from_environment(MANAGEMENT_KEY_VARIABLES, os.environ)
        else:
            own = None if api_key is None else parse_key(api_key)
            management = None if management_key is None else parse_key(management_key)
        del api_key, management_key
        url = parse_base_url(
            base_url or os.environ.get("OPENROUTER_BASE_URL", "").strip() or DEFAULT_BASE_URL
        )
        del base_url
        if isinstance(own, Exception):
            raise own
        if isinstance(management, Exception):
            raise management
        if isinstance(url, Exception):
            raise url
        if session is None:
            check_count("max_connections", max_connections)
            if proxy is None:
                proxy = proxy_from_environment(url)
            elif not url.startswith("https:"):
                raise ConfigurationError("a proxy is used for https alone: with http it would see the key")
        elif proxy is not None or max_connections != _DEFAULT_CONNECTIONS:
            raise TypeError("a borrowed session has its own proxy and max_connections: set them there")
        check_seconds("timeout", timeout)
        if not isinstance(retry, RetryPolicy):
            raise TypeError(f"retry is a RetryPolicy, not {type(retry).__name__}")
        self._set(
            own,
            management,
            retry,
            Transport(url, timeout=timeout, max_connections=max_connections, session=session, proxy=proxy),
        )
        self._owns_transport = True

    def _set(
        self, api_key: ApiKey | None, management_key: ApiKey | None, retry: RetryPolicy, transport: Transport
    ) -> None:
        self._api_key = api_key
        self._management_key = management_key
        self._retry = retry
        self._transport = transport

    async def credits(self) -> Credits:
        """Read the wallet (`GET /credits`), with the management key if there is one.

        A 0/0 is returned only if `/key` confirms it, which takes one more request.

        Raises:
            UnconfirmedCreditsError: the server said 0/0, and nothing confirms it.
            ManagementKeyRequiredError: this key may not read the wallet.
            OpenRouterError: any other fault.
        """
        ends = self._deadline_at()
        key = self._management_key or self._own_key()
        said = await self._get("/credits", Credits, key, ends)
        if not said.is_zero:
            return said
        if doubt := unconfirmed(said, await self._try("/key", KeyInfo, key, ends)):
            raise doubt
        return said

    async def key(self) -> KeyInfo:
        """Read the key's own allowance (`GET /key`).

        Raises:
            OpenRouterError: any fault.
        """
        return await self._get("/key", KeyInfo, self._own_key(), self._deadline_at())

    async def status(self) -> KeyStatus:
        """Read the wallet and the key at once, and tell what can be spent; either may fail without hiding the other.

        Raises:
            OpenRouterError: neither could be read; the key's error, with the wallet's in its `problems`.
        """
        ends = self._deadline_at()
        own = self._own_key()
        wallets = self._management_key or own
        said, info = await together(
            self._try("/credits", Credits, wallets, ends), self._try("/key", KeyInfo, own, ends)
        )
        reader = info
        if wallets != own and isinstance(said, Credits) and said.is_zero:
            reader = await self._try("/key", KeyInfo, wallets, ends)
        return assess(said, info, reader=reader, now=datetime.now(UTC))

    def check_keys(
        self,
        keys: KeySource,
        *,
        concurrency: int = 32,
        read: Iterable[Literal["credits", "key"]] = ("credits", "key"),
        rate: float | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[KeyCheck, None]:
        """Check many keys, and yield each outcome as soon as it is there: one for every key that is taken.

        This client's own keys are not used. Leave the loop early only under `contextlib.aclosing`, so that what is under way ends too.

        Args:
            keys: a mapping of names to keys, or an iterable or asynchronous iterable of keys or `KeySpec`; may be lazy and endless.
            concurrency: keys under way at once.
            read: what to read of each key; with `("credits",)` it is one request each.
            rate: requests a second at most.
            deadline: seconds for the whole batch; the batch ends too when the host has owed an answer for `retry.deadline` seconds.
                Keys that are not checked by then, and the rest of a source with a length, are `UNKNOWN`.

        Raises:
            TypeError: `keys` is one text, or an option of a wrong type.
            ValueError: an option is out of range; or, while keys are taken, an account has two management keys.
            ClientClosedError: the client was closed.
        """
        return self._batch(keys, Options.of(concurrency, read, rate, deadline), keeps_all=False).run()

    async def check_all(
        self,
        keys: KeySource,
        *,
        concurrency: int = 32,
        read: Iterable[Literal["credits", "key"]] = ("credits", "key"),
        rate: float | None = None,
        deadline: float | None = None,
    ) -> CheckReport:
        """Check many keys, and return all outcomes in the order of the keys; equal keys are read once.

        Arguments and errors are those of `check_keys`.
        """
        async with aclosing(
            self._batch(keys, Options.of(concurrency, read, rate, deadline), keeps_all=True).run()
        ) as checks:
            return CheckReport(
                tuple(sorted([check async for check in checks], key=lambda check: check.index))
            )

    async def request(
        self,
        method: str,
        path: str,
        *,
        into: type[T],
        params: Mapping[str, str | int] | None = None,
        json: object = None,
    ) -> T:
        """Call any other endpoint under the base URL, with the same retries and errors; the management key goes first.

        A request other than GET is sent at most once, unless the connection was refused or the answer was 429.

        Args:
            method: such as `GET`.
            path: starts with one `/`, and has no query.
            into: what the whole JSON body is structured into by cattrs: an attrs class, a `TypedDict`, `dict[str, Any]`, …
                Numbers with a point arrive as `Decimal` where the type does not say otherwise.
            params: the query.
            json: the body.

        Raises:
            ValueError: a path that could lead elsewhere, or a body with NaN.
            TypeError: `into` cannot be structured, or the body is not JSON.
            AmbiguousWriteError: a request other than GET failed, and may have been carried out.
            OpenRouterError: any other fault.
        """
        ends = self._deadline_at()
        check_structurable(into)
        request = make_request(method, path, self._management_key or self._own_key(), params, json)
        return await self._call(request, into, ends, whole=True)

    def with_key(self, api_key: str | ApiKey, *, management_key: str | ApiKey | None = None) -> CreditsClient:
        """Make a client for another key that shares this one's connections and settings; closing it closes nothing.

        It takes no key from the environment, nor from this client.

        Raises:
            InvalidKeyError: a key is blank or has impossible characters.
        """
        own = parse_key(api_key)
        management = None if management_key is None else parse_key(management_key)
        del api_key, management_key  # as in the constructor
        if isinstance(own, Exception):
            raise own
        if isinstance(management, Exception):
            raise management
        client = object.__new__(CreditsClient)
        client._set(own, management, self._retry, self._transport)
        client._owns_transport = False
        return client

    async def close(self) -> None:
        """Close the connections; calls under way, and later ones, raise `ClientClosedError`. Closing twice does no harm."""
        if self._owns_transport:
            await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        if not hasattr(self, "_transport"):  # shown in a traceback of its own constructor
            return "<CreditsClient, not made>"
        keys = "".join(
            f" {name}={key}"
            for name, key in (("key", self._api_key), ("management_key", self._management_key))
            if key
        )
        return f"<CreditsClient {self._transport.base_url}{keys}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a CreditsClient is neither copied nor pickled: it holds connections and keys")

    def _batch(self, keys: KeySource, options: Options, *, keeps_all: bool) -> Batch:
        patience, unless_closed = self._retry.deadline, self._transport.unless_closed
        return Batch(
            keys,
            options,
            fetch=self._fetch,
            unless_closed=unless_closed,
            patience=patience,
            keeps_all=keeps_all,
        )

    def _deadline_at(self) -> float:
        """Return when a call that begins now must have ended, by the running event loop's clock."""
        return asyncio.get_running_loop().time() + self._retry.deadline

    def _own_key(self) -> ApiKey:
        key = self._api_key or self._management_key
        if key is None:
            raise MissingKeyError("There is no API key")
        return key

    # Plain functions that return what is awaited: each coroutine more would be resumed at every step of the call below it.
    def _get(self, path: str, into: type[T], key: ApiKey, ends: float) -> Awaitable[T]:
        return self._call(Request("GET", path, key), into, ends)

    async def _try(self, path: str, into: type[T], key: ApiKey, ends: float) -> T | OpenRouterError:
        """Make a fault a value; but nothing goes on after the client was closed."""
        try:
            return await self._get(path, into, key, ends)
        except ClientClosedError:
            raise
        except OpenRouterError as error:
            return error.with_traceback(None)  # a value; its frames would only keep memory alive

    def _call(self, request: Request, into: type[T], ends: float, *, whole: bool = False) -> Awaitable[T]:
        is_write = request.method != "GET"
        return retry(
            self._attempt(request, into, whole=whole),
            self._retry,
            is_write=is_write,
            ends=ends,
            sleep=self._transport.sleep,
        )

    def _attempt(
        self, request: Request, into: type[T], *, whole: bool = False
    ) -> Callable[[float], Awaitable[T]]:
        transport = self._transport

        async def attempt(left: float) -> T:
            return decode(await transport.send(request, left), into, key=request.key, whole=whole)

        return attempt

    def _fetch(self, path: str, into: type[T], key: ApiKey, flow: Flow) -> Awaitable[T]:
        attempt = self._attempt(Request("GET", path, key), into)
        return flow.retry(attempt, self._retry, key, wait=self._transport.unless_closed)
