"""The set-up of a client, and where each value came from.

Errors are values until `take` raises them: the functions here have raw keys and passwords in their locals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from attrs import evolve, frozen

from openrouter_credits._call.addresses import (
    BASE_URL_VARIABLE,
    Proxy,
    choose_base_url,
    parse_proxy,
    proxy_from_environment,
    proxy_variables,
)
from openrouter_credits._call.retry import RetryPolicy
from openrouter_credits._documents import Value
from openrouter_credits._errors import ConfigurationError
from openrouter_credits._public import public
from openrouter_credits._secrets import (
    API_KEY_VARIABLES,
    MANAGEMENT_KEY_VARIABLES,
    ApiKey,
    as_management_key,
    find_key,
    parse_key,
)

T = TypeVar("T")

ARGUMENT, DEFAULT, SESSION = "argument", "default", "session"
DEFAULT_RETRY = RetryPolicy()
DEFAULT_TIMEOUT = 10.0
DEFAULT_CONNECTIONS = 100
HAS_ITS_OWN = "a borrowed session has its own proxy and max_connections: set them there"


@frozen
class Setting(Value):
    """One value that a client uses, and where it came from."""

    name: str
    """The argument of `CreditsClient` that sets it; for the policy, `retry.attempts` and so on."""
    value: str | float | None
    """The value, keys and passwords masked; `None` if there is none, or if the lent session decides."""
    source: str
    """`argument`, `default`, `session`, or such as `environment OPENROUTER_API_KEY`."""
    shadows: tuple[str, ...] = ()
    """Environment variables that are set and would count, were it not for the source."""


@frozen
class Chosen(Generic[T]):
    """A value that was chosen, or the error that it is."""

    value: T | Exception
    source: str = DEFAULT
    shadows: tuple[str, ...] = ()

    def take(self) -> T:
        """Return the value, or raise the error."""
        if isinstance(self.value, Exception):
            raise self.value
        return self.value

    def setting(self, name: str) -> Setting:
        """Describe it for `CreditsClient.settings`."""
        return Setting(name, None if self.value is None else str(self.value), self.source, self.shadows)


Key = Chosen[ApiKey | None]


@frozen
class Setup:
    """The set-up of a client: its keys, addresses and numbers."""

    own: Key
    management: Key
    base_url: Chosen[str]
    proxy: Chosen[Proxy | None]
    timeout: float
    max_connections: int | None
    """`None` if a lent session decides."""
    retry: RetryPolicy
    variables: tuple[tuple[str, ...], tuple[str, ...]]
    """The variables with a key, and those with a management key, that are set."""

    def with_keys(self, own: ApiKey | None, management: ApiKey | None) -> Setup:
        """Describe the set-up of a client that shares all but the keys, which are arguments."""
        keys, management_keys = self.variables
        return evolve(self, own=_given(own, keys), management=_given(management, management_keys))

    def settings(self) -> tuple[Setting, ...]:
        """List every value in use."""
        connections = Setting("max_connections", None, SESSION)
        if self.max_connections is not None:
            connections = _number("max_connections", self.max_connections, DEFAULT_CONNECTIONS)
        return (
            self.own.setting("api_key"),
            self.management.setting("management_key"),
            self.base_url.setting("base_url"),
            self.proxy.setting("proxy"),
            _number("timeout", self.timeout, DEFAULT_TIMEOUT),
            connections,
            *(
                _number(f"retry.{name}", getattr(self.retry, name), getattr(DEFAULT_RETRY, name))
                for name in ("attempts", "wait_initial", "wait_max", "deadline")
            ),
        )


def _number(name: str, value: float, default: float) -> Setting:
    return Setting(name, value, DEFAULT if value == default else ARGUMENT)


def key_variables(environ: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List the variables with a key, and those with a management key, that are set."""

    def are_set(names: tuple[str, ...]) -> tuple[str, ...]:
        both = [form for name in names for form in (name, f"{name}_FILE")]
        return tuple([name for name in both if environ.get(name, "").strip()])

    return are_set(API_KEY_VARIABLES), are_set(MANAGEMENT_KEY_VARIABLES)


def choose_keys(own: object, management: object, environ: Mapping[str, str]) -> tuple[Key, Key]:
    """Choose both keys: the arguments, if there is one; else those of the environment."""
    if own is None and management is None:
        return _found(API_KEY_VARIABLES, environ), _of_management(_found(MANAGEMENT_KEY_VARIABLES, environ))
    keys, management_keys = key_variables(environ)
    return _given(own, keys), _of_management(_given(management, management_keys))


def _given(key: object, variables: tuple[str, ...]) -> Key:
    return Chosen(None, shadows=variables) if key is None else Chosen(parse_key(key), ARGUMENT, variables)


def _found(variables: tuple[str, ...], environ: Mapping[str, str]) -> Key:
    found = find_key(variables, environ)
    return Chosen(None) if found is None else Chosen(found.key, _variable(found.name), found.shadowed)


def _of_management(key: Key) -> Key:
    as_management_key(key.value)
    return key


def choose_address(argument: object, environ: Mapping[str, str]) -> Chosen[str]:
    """Choose the base URL: the argument, else that of the environment, else OpenRouter's own."""
    url = choose_base_url(argument, environ)
    is_set = bool(environ.get(BASE_URL_VARIABLE, "").strip())
    if argument is not None and argument != "":
        return Chosen(url, ARGUMENT, (BASE_URL_VARIABLE,) if is_set else ())
    return Chosen(url, _variable(BASE_URL_VARIABLE)) if is_set else Chosen(url)


def choose_proxy(argument: object, base_url: str | Exception, *, is_lent: bool) -> Chosen[Proxy | None]:
    """Choose the proxy: the argument, else that of the environment; a session that is lent has its own."""
    if isinstance(base_url, Exception):
        return Chosen(None)
    names = proxy_variables()
    if is_lent:
        return Chosen(None if argument is None else TypeError(HAS_ITS_OWN), SESSION, names)
    is_https = base_url.lower().startswith("https:")
    if argument is not None:
        return Chosen(parse_proxy(argument) if is_https else _not_for_http(), ARGUMENT, names)
    if not names or not is_https:
        return Chosen(None, shadows=names)
    proxy = proxy_from_environment(base_url)
    if proxy is None:
        return Chosen(None, _variable("NO_PROXY"), names)
    return Chosen(proxy, _variable(names[0]), names[1:])


def _not_for_http() -> ConfigurationError:
    return ConfigurationError(
        "A proxy is used for https alone: with http it would see the key",
        remedy="Leave proxy out, or use a base_url with https.",
    )


def _variable(name: str) -> str:
    return f"environment {name}"


public(Setting)
