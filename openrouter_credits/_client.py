"""The client: its keys, a caller, and one short method for each endpoint."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Literal, NoReturn, Self, TypeVar

from openrouter_credits._arguments import require_count, require_read, require_seconds
from openrouter_credits._batch.check import KeyCheck
from openrouter_credits._batch.report import CheckReport
from openrouter_credits._batch.run import run, run_all
from openrouter_credits._batch.source import Source
from openrouter_credits._batch.spec import KeySource, Options
from openrouter_credits._call.addresses import (
    choose_base_url,
    parse_proxy,
    proxy_from_environment,
)
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.protocol import require_structurable
from openrouter_credits._call.request import make_request
from openrouter_credits._call.retry import RetryPolicy
from openrouter_credits._call.session import ClientSession
from openrouter_credits._call.transport import Transport
from openrouter_credits._errors import ConfigurationError, MissingKeyError
from openrouter_credits._models import Credits, KeyInfo
from openrouter_credits._public import public
from openrouter_credits._secrets import (
    API_KEY_VARIABLES,
    MANAGEMENT_KEY_VARIABLES,
    ApiKey,
    HiddenUrl,
    as_management_key,
    key_from_environment,
    parse_key,
)
from openrouter_credits._status.look import Read, confirm, look
from openrouter_credits._status.status import KeyStatus

_T = TypeVar("_T")

_DEFAULT_RETRY = RetryPolicy()
_DEFAULT_CONNECTIONS = 100


class CreditsClient:
    """Reads what OpenRouter keys can still spend. All times are in seconds.

    One client serves a whole program: it keeps connections open, and may be used by any number of tasks at
    once. It belongs to the event loop of its first call. Use it as `async with CreditsClient() as client`, or
    `await client.close()` at the end.

    Args:
        api_key: the key; else `OPENROUTER_API_KEY`, then `OPENROUTER_KEY`.
        management_key: reads the wallet; else `OPENROUTER_MANAGEMENT_KEY` and its aliases. Any key given here
            switches the environment off for both: somebody else's key is never paired with this process's
            management key.
        base_url: else `OPENROUTER_BASE_URL`, else OpenRouter itself. https, or http to this machine.
        session: an `aiohttp.ClientSession` to borrow; it is never changed nor closed.
        retry: how often, and how long, a call is tried.
        timeout: bounds each try, once it has a connection's slot.
        max_connections: requests under way at once; the rest queue.
        proxy: the URL of an HTTP proxy for https (`http://` is meant if it has no scheme); else
            `HTTPS_PROXY`, unless `NO_PROXY` excludes the host.

    Raises:
        InvalidKeyError: a key is blank, or no bearer token.
        ConfigurationError: `base_url` is no address that a key should be sent to, or has no use for the
            proxy; or the proxy is neither http nor https. The error names the argument or the variable.
        TypeError: an argument of a wrong type, or `max_connections` or `proxy` together with a `session`,
            which has its own.
        ValueError: a number out of range.
    """

    def __init__(
        self,
        api_key: str | ApiKey | None = None,
        *,
        management_key: str | ApiKey | None = None,
        base_url: str | None = None,
        session: ClientSession | None = None,
        retry: RetryPolicy = _DEFAULT_RETRY,
        timeout: float = 10.0,
        max_connections: int = _DEFAULT_CONNECTIONS,
        proxy: str | None = None,
    ) -> None:
        # Each secret is replaced before anything is raised: locals are shown by many error reporters.
        if isinstance(proxy, str):
            proxy = HiddenUrl(proxy)
        own: ApiKey | Exception | None
        management: ApiKey | Exception | None
        if api_key is None and management_key is None:
            own = key_from_environment(API_KEY_VARIABLES, os.environ)
            management = as_management_key(key_from_environment(MANAGEMENT_KEY_VARIABLES, os.environ))
        else:
            own = None if api_key is None else parse_key(api_key)
            management = None if management_key is None else as_management_key(parse_key(management_key))
        url = choose_base_url(base_url, os.environ)
        via = None if proxy is None else parse_proxy(proxy)
        del api_key, management_key, base_url, proxy
        if isinstance(own, Exception):
            raise own
        if isinstance(management, Exception):
            raise management
        if isinstance(url, Exception):
            raise url
        if session is None:
            require_count("max_connections", max_connections)
            if via is None:
                via = proxy_from_environment(url)
            elif not url.lower().startswith("https:"):
                raise ConfigurationError("a proxy is used for https alone: with http it would see the key")
        elif via is not None or max_connections != _DEFAULT_CONNECTIONS:
            raise TypeError("a borrowed session has its own proxy and max_connections: set them there")
        if isinstance(via, Exception):
            raise via
        require_seconds("timeout", timeout)
        if not isinstance(retry, RetryPolicy):
            raise TypeError(f"retry is a RetryPolicy, not {type(retry).__name__}")
        transport = Transport(
            url, timeout=timeout, max_connections=max_connections, session=session, proxy=via
        )
        self._api_key = own
        self._management_key = management
        self._caller = Caller(transport, retry)
        self._owns_caller = True

    async def credits(self) -> Credits:
        """Read the wallet (`GET /credits`), with the management key if there is one.

        A 0/0 is returned only if `/key` confirms it, which takes one more request.

        Raises:
            UnconfirmedCreditsError: the server answered 0/0, and nothing confirms it.
            ManagementKeyRequiredError: this key may not read the wallet.
            OpenRouterError: any other fault.
        """
        deadline_at = self._caller.deadline_at()
        wallet_key = self._management_key or self._own_key()
        credits = await self._caller.get("/credits", Credits, wallet_key, deadline_at=deadline_at)
        if not credits.is_zero:
            return credits
        return await confirm(self._reader(deadline_at), credits, wallet_key)

    async def key(self) -> KeyInfo:
        """Read the key's own allowance (`GET /key`).

        Raises:
            OpenRouterError: any fault.
        """
        return await self._caller.get("/key", KeyInfo, self._own_key())

    async def status(self, *, read: Iterable[Literal["credits", "key"]] = ("credits", "key")) -> KeyStatus:
        """Read the wallet and the key at once; either may fail without hiding the other.

        Args:
            read: what to read. `("key",)` judges the key by its own limits, `("credits",)` by the wallet.

        Raises:
            ValueError: `read` is empty, or has another name.
            OpenRouterError: nothing could be read; the key's error, with the wallet's in its `problems`.
        """
        wanted = require_read(read)
        reader = self._reader(self._caller.deadline_at())
        return await look(reader, self._own_key(), self._management_key, wanted)

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

        This client's own keys are not used. Leave the loop early only under `contextlib.aclosing`: that also
        ends the requests under way.

        Args:
            keys: a mapping of names to keys, or an iterable or asynchronous iterable of keys or `KeySpec`;
                may be lazy and endless.
            concurrency: keys under way at once.
            read: what to read of each key; with `("credits",)` it is one request each.
            rate: requests a second at most.
            deadline: seconds for the whole batch. It also ends if no request is answered for `retry.deadline`
                seconds, or if all are refused for twice that. What was read by then is kept. Keys that were
                not checked, and the rest of a source with a length, are `UNKNOWN`.

        Raises:
            TypeError: `keys` is one text, or an option of a wrong type.
            ValueError: an option is out of range; or, while keys are taken, an account has two management
                keys.
            ClientClosedError: the client was closed.
        """
        source = Source(keys)
        del keys  # no frame of ours holds them while something is raised or awaited
        source.raise_fault()
        return run(source, Options.of(concurrency, read, rate, deadline), self._caller)

    # A plain function: a coroutine holds its arguments until it ends, or is cancelled before it began.
    def check_all(
        self,
        keys: KeySource,
        *,
        concurrency: int = 32,
        read: Iterable[Literal["credits", "key"]] = ("credits", "key"),
        rate: float | None = None,
        deadline: float | None = None,
    ) -> Coroutine[Any, Any, CheckReport]:
        """Check many keys, and return all outcomes in the order of the keys; equal keys are read once.

        Arguments and errors are those of `check_keys`; errors are raised when it is awaited.
        """
        return self._check_all(Source(keys), partial(Options.of, concurrency, read, rate, deadline))

    async def _check_all(self, source: Source, options: Callable[[], Options]) -> CheckReport:
        source.raise_fault()
        return await run_all(source, options(), self._caller)

    async def request(
        self,
        method: str,
        path: str,
        *,
        into: type[_T],
        params: Mapping[str, str | int] | None = None,
        json: object = None,
    ) -> _T:
        """Call any other endpoint under the base URL, with the same retries and errors.

        The management key is used, if there is one. A request other than GET is sent at most once, unless the
        connection was refused or the answer was 429.

        Args:
            method: such as `GET`.
            path: starts with one `/`, and has no query.
            into: what the whole JSON body is structured into by cattrs: an attrs class, a `TypedDict`,
                `dict[str, Any]`, … Numbers with a point arrive as `Decimal` where the type does not say
                otherwise.
            params: the query.
            json: the body.

        Raises:
            ValueError: a path that could lead elsewhere, or a body with NaN.
            TypeError: `into` cannot be structured, or the body is not JSON.
            AmbiguousWriteError: a request other than GET failed, and may have been carried out.
            OpenRouterError: any other fault.
        """
        deadline_at = self._caller.deadline_at()
        require_structurable(into)
        request = make_request(method, path, self._management_key or self._own_key(), params, json)
        return await self._caller.call(request, into, deadline_at=deadline_at, whole=True)

    def with_key(self, api_key: str | ApiKey, *, management_key: str | ApiKey | None = None) -> CreditsClient:
        """Make a client for another key, with this one's connections and settings; it need not be closed.

        It takes no key from the environment, nor from this client.

        Raises:
            InvalidKeyError: a key is blank, or no bearer token.
        """
        own = parse_key(api_key)
        management = None if management_key is None else as_management_key(parse_key(management_key))
        del api_key, management_key  # as in the constructor
        if isinstance(own, Exception):
            raise own
        if isinstance(management, Exception):
            raise management
        client = object.__new__(CreditsClient)
        client._api_key, client._management_key = own, management
        client._caller, client._owns_caller = self._caller, False
        return client

    async def close(self) -> None:
        """Close the connections; calls under way and later ones raise `ClientClosedError`. Twice is fine."""
        if self._owns_caller:
            await self._caller.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        if not hasattr(self, "_caller"):  # shown in a traceback of its own constructor
            return "<CreditsClient, not made>"
        named = (("key", self._api_key), ("management_key", self._management_key))
        keys = "".join(f" {name}={key}" for name, key in named if key)
        return f"<CreditsClient {self._caller.base_url}{keys}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a CreditsClient is neither copied nor pickled: it holds connections and keys")

    def _own_key(self) -> ApiKey:
        key = self._api_key or self._management_key
        if key is None:
            raise MissingKeyError("There is no API key")
        return key

    def _reader(self, deadline_at: float) -> Read:
        return partial(self._caller.read, deadline_at=deadline_at)


public(CreditsClient)
