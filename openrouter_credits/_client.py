"""The client: its keys, a caller, and one short method for each endpoint."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, TypeVar

from attrs import evolve, frozen

import openrouter_credits  # for annotations that name a room above, which the door imports when it is asked
from openrouter_credits._account import Account
from openrouter_credits._arguments import (
    Dollars,
    checked,
    require_count,
    require_flag,
    require_read,
    require_seconds,
)
from openrouter_credits._batch.check import KeyCheck
from openrouter_credits._batch.report import CheckReport
from openrouter_credits._batch.run import run, run_all
from openrouter_credits._batch.source import Source, take_all
from openrouter_credits._batch.spec import KeySource, KeySpec, Options
from openrouter_credits._call.addresses import is_of_this_machine
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.protocol import require_structurable
from openrouter_credits._call.request import (
    Request,
    exchange_request,
    generation_request,
    make_request,
)
from openrouter_credits._call.retry import RetryPolicy
from openrouter_credits._call.session import ClientSession
from openrouter_credits._call.settings import (
    DEFAULT_CONNECTIONS,
    DEFAULT_RETRY,
    DEFAULT_TIMEOUT,
    HAS_ITS_OWN,
    Setting,
    Setup,
    choose_address,
    choose_keys,
    choose_proxy,
    key_variables,
)
from openrouter_credits._call.transport import Transport
from openrouter_credits._errors import (
    AmbiguousWriteError,
    BadRequestError,
    MissingKeyError,
    NotFoundError,
    OpenRouterError,
    PermissionDeniedError,
)
from openrouter_credits._guard import Ask, Guard
from openrouter_credits._models import Credits, Generation, KeyInfo
from openrouter_credits._public import public
from openrouter_credits._secrets import ApiKey, HiddenUrl, as_management_key, parse_key
from openrouter_credits._status.look import Read, confirm, look
from openrouter_credits._status.spendable import Spendable
from openrouter_credits._status.status import KeyStatus

if TYPE_CHECKING:
    import openrouter_credits.history
    import openrouter_credits.watch

_T = TypeVar("_T")

_CACHED = 60
"""Seconds: OpenRouter caches its figures for so long (observed by users)."""

_NO_GENERATION = (
    "Right after its request, ask again in some seconds, or wait longer (wait=...); later, check the id, "
    "base_url, and that the request was made with a key of this account."
)
_NO_MANAGEMENT_KEY = (
    "Make one at https://openrouter.ai/settings/management-keys, and pass management_key=..., or set "
    "OPENROUTER_MANAGEMENT_KEY before the client is made: load_dotenv() called later is too late."
)
_CODE_IS_USED_UP = {BadRequestError, PermissionDeniedError, AmbiguousWriteError}
_NEW_SIGN_IN = (
    "Begin the sign-in again: a code can be exchanged once, within minutes, and only with the code_verifier "
    "and the code_challenge_method that belong to it."
)


@frozen
class _NewKey:
    key: ApiKey


class CreditsClient:
    """Reads what OpenRouter keys can still spend. All times are in seconds.

    One client serves a whole program: it keeps connections open, and may be used by any number of tasks at
    once. It belongs to the event loop of its first call. Use it as `async with CreditsClient() as client`, or
    `await client.close()` at the end.

    Args:
        api_key: the key; else `OPENROUTER_API_KEY`, then `OPENROUTER_KEY`. Each variable of a key may have
            `_FILE` behind its name: then it holds the path of a file whose first line is the key.
        management_key: reads the wallet, and serves `account`; else `OPENROUTER_MANAGEMENT_KEY` and its
            aliases. It may be the only key. Any key given here switches the environment off for both:
            somebody else's key is never paired with this process's management key.
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
            proxy; the proxy is neither http nor https; or the file of a key cannot be read. The error names
            the argument or the variable.
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
        retry: RetryPolicy = DEFAULT_RETRY,
        timeout: float = DEFAULT_TIMEOUT,
        max_connections: int = DEFAULT_CONNECTIONS,
        proxy: str | None = None,
    ) -> None:
        # Each secret is replaced before anything is raised: locals are shown by many error reporters.
        if isinstance(proxy, str):
            proxy = HiddenUrl(proxy)
        own, management = choose_keys(api_key, management_key, os.environ)
        address = choose_address(base_url, os.environ)
        via = choose_proxy(proxy, address.value, is_lent=session is not None)
        del api_key, management_key, base_url, proxy
        self._api_key = own.take()
        self._management_key = management.take()
        url = address.take()
        if session is None:
            require_count("max_connections", max_connections)
        elif max_connections != DEFAULT_CONNECTIONS:
            raise TypeError(HAS_ITS_OWN)
        proxied = via.take()
        require_seconds("timeout", timeout)
        if not isinstance(retry, RetryPolicy):
            raise TypeError(f"retry is a RetryPolicy, not {type(retry).__name__}")
        transport = Transport(
            url, timeout=timeout, max_connections=max_connections, session=session, proxy=proxied
        )
        connections = max_connections if session is None else None
        variables = key_variables(os.environ)
        self._setup = Setup(own, management, address, via, timeout, connections, retry, variables)
        self._caller = Caller(transport, retry)
        self._guard = Guard(self._caller)
        self._owns_caller = True

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Every value in use, where it came from, and which environment variables do not count because of it.

        Keys and passwords are masked. It tells what was so when the client was made.
        """
        setup = self._setup
        if not self._owns_caller:
            setup = setup.with_keys(self._api_key, self._management_key)
        return setup.settings()

    @property
    def account(self) -> Account:
        """Everything that a management key may do: see `Account`."""
        return Account(self._caller, self._managing_key)

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

    async def status(
        self,
        *,
        read: Iterable[Literal["credits", "key"]] = ("credits", "key"),
        max_age: float | None = None,
    ) -> KeyStatus:
        """Read the wallet and the key at once; either may fail without hiding the other.

        Args:
            read: what to read. `("key",)` judges the key by its own limits, `("credits",)` by the wallet.
            max_age: accept a look that began at most so many seconds ago. Tasks share a look that is under
                way, and none of them ends it for the others. A look that failed is not kept, nor is one with
                a fault that may pass; but a 401 or 403 is, for a minute, unless `max_age` is 0. By default
                each call looks anew.

        Raises:
            ValueError: `read` is empty, or has another name; or `max_age` is out of range.
            OpenRouterError: nothing could be read; the key's error, with the wallet's in its `problems`.
        """
        wanted = checked(require_read, read)
        age = None if max_age is None else checked(require_seconds, "max_age", max_age, zero=True)
        del read, max_age  # perhaps there is a key in them
        if isinstance(wanted, Exception):
            raise wanted
        if isinstance(age, Exception):
            raise age
        if age is not None:
            return await self._guard.status(wanted, age, self._look)
        began_at = asyncio.get_running_loop().time()
        status = await self._look(wanted)
        self._guard.keep(wanted, status, began_at)
        return status

    # A plain function, as `check_all` is: a key may be passed by mistake.
    def require(
        self,
        amount: Dollars,
        *,
        read: Iterable[Literal["credits", "key"]] = ("credits", "key"),
        unknown: Literal["raise", "allow"] = "raise",
        max_age: float = 60,
    ) -> Coroutine[Any, Any, Spendable]:
        """Make sure that an amount can be spent before a job begins, and return what can be spent.

        Unknown is refused like too little. Reservations are not counted: a job may ask inside its own. Each
        refusal, and each pass of an unknown amount, is logged as a warning.

        Args:
            amount: US dollars.
            read: as for `status`. With `("key",)` a key that cannot see the wallet passes by its own limits.
            unknown: what to do if it cannot be told: `"raise"`, or `"allow"` it and return what is known.
            max_age: accept a look that began at most so many seconds ago; see `status`.

        Raises:
            InsufficientCreditsError: there is less, or the key cannot spend at all.
            UnknownCreditsError: a part that was asked for could not be read, or no limit is known.
            ConfigurationError: the client cannot look, such as `MissingKeyError`.
            ValueError: a negative or infinite amount; `unknown`, `read` or `max_age` out of range.
            TypeError: an argument of a wrong type.
        """
        return self._require(Ask.of(amount, read, unknown, max_age))

    async def _require(self, ask: Ask | Exception) -> Spendable:
        if isinstance(ask, Exception):
            raise ask
        return await self._guard.require(ask, self._look, self._name())

    def reserve(
        self,
        amount: Dollars,
        *,
        read: Iterable[Literal["credits", "key"]] = ("credits", "key"),
        unknown: Literal["raise", "allow"] = "raise",
        max_age: float = 60,
    ) -> AbstractAsyncContextManager[Spendable]:
        """Reserve an amount for as long as a block runs: `async with client.reserve(5): ...`.

        It is `require` for jobs that run at once or in a row: the amounts that this client has reserved are
        subtracted first. When a block ends, its amount counts on until a look that began 60 s later, by which
        time OpenRouter's figures show what was spent. It never waits for another reservation to end. It does
        not know of other clients and other programs.

        Arguments and errors are those of `require`; a look older than an hour is not accepted.
        """
        ask = Ask.of(amount, read, unknown, max_age)
        del amount, read, unknown, max_age  # perhaps there is a key in them
        if isinstance(ask, Exception):
            raise ask
        return self._guard.reserve(ask, self._look, self._name())

    # A plain function, as `check_all` is: a key may be passed by mistake.
    def generation(
        self,
        id: str,  # noqa: A002 - the API's own name
        *,
        wait: float = 10.0,
    ) -> Coroutine[Any, Any, Generation]:
        """Read what one request to a model cost (`GET /generation`), with the key that made it.

        OpenRouter knows a generation some seconds after its answer; until then it says 404.

        Args:
            id: the `id` of the answer, such as `gen-1758...`.
            wait: seconds for which a 404 is tried again, within the policy's deadline; 0 for not at all.

        Raises:
            NotFoundError: it was not there in time.
            ValueError: `id` is blank, or has characters that no id has; or `wait` is out of range.
            TypeError: `id` is no text, or `wait` no number.
            OpenRouterError: any other fault.
        """
        return self._generation(generation_request(id), checked(require_seconds, "wait", wait, zero=True))

    async def _generation(self, request: Request | Exception, wait: float | Exception) -> Generation:
        deadline_at = self._caller.deadline_at()
        if isinstance(request, Exception):
            raise request
        if isinstance(wait, Exception):
            raise wait
        request = evolve(request, key=self._own_key())
        absent_until = asyncio.get_running_loop().time() + wait
        try:
            return await self._caller.call(
                request, Generation, deadline_at=deadline_at, absent_until=absent_until
            )
        except NotFoundError as error:
            error.remedy = _NO_GENERATION
            raise

    # A plain function, as `check_all` is: so no frame holds the code.
    def exchange_code(
        self,
        code: str,
        code_verifier: str | None = None,
        *,
        code_challenge_method: Literal["S256", "plain"] | None = None,
    ) -> Coroutine[Any, Any, ApiKey]:
        """Exchange the code of a sign-in with OpenRouter (OAuth, PKCE) for a key (`POST /auth/keys`).

        It needs no key, and sends none. The code is sent once, unless the connection was refused or the
        answer was 429. Errors are raised when it is awaited; they quote neither code nor verifier nor key.

        Args:
            code: the text after `code=` in the address that the sign-in led to.
            code_verifier: the text whose challenge the sign-in was begun with, if there was one.
            code_challenge_method: how the challenge was made, as the sign-in said.

        Raises:
            BadRequestError: 400: the code is used up or expired, or does not belong to this verifier.
            PermissionDeniedError: 403: the same.
            AmbiguousWriteError: there was no answer that can be used; the code may be used up.
            ValueError: a text that is blank, or that cannot be a code, a verifier or a method.
            TypeError: no text.
            OpenRouterError: any other fault.
        """
        return self._exchange(exchange_request(code, code_verifier, code_challenge_method))

    async def _exchange(self, request: Request | Exception) -> ApiKey:
        if isinstance(request, Exception):
            raise request
        try:
            return (await self._caller.call(request, _NewKey, whole=True)).key
        except OpenRouterError as error:
            if type(error) in _CODE_IS_USED_UP:
                error.remedy = _NEW_SIGN_IN
            raise

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
        safe: bool | None = None,
    ) -> _T:
        """Call any other endpoint under the base URL, with the same retries and errors.

        The management key is used, if there is one. A request that may change something is sent at most once,
        unless the connection was refused or the answer was 429.

        Args:
            method: such as `GET`.
            path: starts with one `/`, and has no query.
            into: what the whole JSON body is structured into by cattrs: an attrs class, a `TypedDict`,
                `dict[str, Any]`, … Numbers with a point arrive as `Decimal` where the type does not say
                otherwise.
            params: the query.
            json: the body.
            safe: whether the request changes nothing, such as `POST /analytics/query`, so that it may be
                sent again after any fault that passes. By default a GET is safe, and nothing else.

        Raises:
            ValueError: a path that could lead elsewhere, or a body with NaN.
            TypeError: `into` cannot be structured, or the body is not JSON.
            AmbiguousWriteError: a request that is not safe failed, and may have been carried out.
            OpenRouterError: any other fault.
        """
        deadline_at = self._caller.deadline_at()
        require_structurable(into)
        key = self._management_key or self._own_key()
        request = make_request(method, path, key, params, json, safe=safe)
        return await self._caller.call(request, into, deadline_at=deadline_at, whole=True)

    # A plain function, as `check_all` is.
    def watch(
        self,
        keys: KeySource | None = None,
        *,
        account: bool = False,
        every: float = 300,
        warn: Dollars = 10,
        critical: Dollars | None = None,
        rearm: Dollars = "1.2",
        clear_after: int = 2,
        stale_after: int = 3,
        remind: float = 86400,
        expiring: Collection[int] = (30, 7, 1),
        store: openrouter_credits.history.History | None = None,
    ) -> openrouter_credits.watch.Watch:
        """Look at keys again and again, and give an event for each thing to be told.

        `async with client.watch() as watch: async for event in watch: print(event)`. Wallets, keys with a
        limit of their own, and budgets are watched, each by its own amount. Entering takes the first look.
        A look of more than `every` requests is spread over that time.

        Args:
            keys: as for `check_all`, but not endless: they are read once, when the watch is entered. `None`
                for this client's own key.
            account: whether to watch all keys of the management key's account instead, but for disabled
                ones; keys that are made later, too.
            every: the time between looks, which is up to 5 % longer; at least 60, because OpenRouter caches
                its figures for so long, but for a server on this machine. Amounts below `critical` are looked
                at every 60 s.
            warn: US dollars below which an amount is LOW.
            critical: US dollars below which it is CRITICAL; half of `warn` unless it is given.
            rearm: how many times its threshold an amount must reach before a level is left; at least 1.
            clear_after: looks in a row that must see so much, unless it is seen that more was bought.
            stale_after: failed looks in a row after which blindness is told, 15 minutes after the last good
                one at the earliest.
            remind: after this time DEPLETED and INVALID are told again.
            expiring: the days before a key expires on which that is told.
            store: remembers what was said, over restarts and for other watchers of the same file.

        Raises:
            TypeError: an argument of a wrong type, or `keys` together with `account`.
            ValueError: a number out of range.
        """
        source = None if keys is None else Source(keys)
        del keys  # as in `check_keys`
        options: dict[str, Any] = {
            "warn": warn,
            "critical": critical,
            "rearm": rearm,
            "clear_after": clear_after,
            "stale_after": stale_after,
            "remind": remind,
            "expiring": expiring,
            "store": store,
        }
        watch = checked(self._watch, source, account, every, options)
        del options, account, every, warn, critical, rearm, clear_after, stale_after, remind, expiring, store
        if source is not None:
            source.raise_fault()
        if isinstance(watch, Exception):
            raise watch
        return watch

    def _watch(
        self, source: Source | None, account: object, every: float, options: dict[str, Any]
    ) -> openrouter_credits.watch.Watch:
        # a room above the waist, loaded when it is entered
        from openrouter_credits.watch import Watch  # noqa: PLC0415 - see above
        from openrouter_credits.watch._keys import WatchOfKeys  # noqa: PLC0415 - see above

        require_flag("account", account)
        require_seconds("every", every)
        if every < _CACHED and not is_of_this_machine(self._caller.base_url):
            raise ValueError(
                f"every is at least {_CACHED} seconds: OpenRouter caches its figures for so long"
            )
        if not account:
            return WatchOfKeys(self, partial(self._specs, source), every=every, **options)
        if source is not None:
            raise TypeError("with account=True there are no keys: it watches all keys of the account")
        look = partial(self.account.check, include_disabled=False)
        # One request tells of a hundred keys: some of them alone are looked at with all others.
        return Watch(look, alone=lambda _: look(), every=every, **options)

    async def _specs(self, source: Source | None) -> tuple[KeySpec, ...]:
        if source is None:
            return (KeySpec(self._own_key(), management_key=self._management_key),)
        return await take_all(source, self._caller.unless_closed)

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
        client._caller, client._owns_caller, client._setup = self._caller, False, self._setup
        client._guard = Guard(self._caller)
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

    def _managing_key(self) -> ApiKey:
        key = self._management_key or self._api_key
        if key is None:
            raise MissingKeyError("There is no management key", remedy=_NO_MANAGEMENT_KEY)
        return key

    def _name(self) -> str:
        return str(self._api_key or self._management_key)

    # A plain function that returns a coroutine: one coroutine more would be resumed at every step.
    def _look(self, wanted: frozenset[str]) -> Coroutine[Any, Any, KeyStatus]:
        reader = self._reader(self._caller.deadline_at())
        return look(reader, self._own_key(), self._management_key, wanted)

    def _reader(self, deadline_at: float) -> Read:
        return partial(self._caller.read, deadline_at=deadline_at)


public(CreditsClient)
