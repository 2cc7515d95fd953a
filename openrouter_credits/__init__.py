"""Know, from asyncio code, exactly what every OpenRouter key can still spend and what would stop it first."""

from importlib import import_module
from typing import TYPE_CHECKING

from openrouter_credits._version import __version__

if TYPE_CHECKING:
    from openrouter_credits._batch.report import CheckReport, KeyCheck, KeySpec, Wallet
    from openrouter_credits._call.retry import RetryPolicy
    from openrouter_credits._client import CreditsClient
    from openrouter_credits._errors import (
        AmbiguousWriteError,
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        Attempt,
        AuthenticationError,
        BadRequestError,
        ClientClosedError,
        ConfigurationError,
        InvalidKeyError,
        InvalidResponseError,
        KeyLimitExceededError,
        LocalResourceError,
        ManagementKeyRequiredError,
        MissingKeyError,
        NotFoundError,
        OpenRouterError,
        PaymentRequiredError,
        PermissionDeniedError,
        RateLimitError,
        RedirectError,
        ResponseTooLargeError,
        ServerError,
        TLSError,
        UnconfirmedCreditsError,
    )
    from openrouter_credits._models.key import Budget, Credits, FreeModelQuota, KeyInfo, format_usd
    from openrouter_credits._secrets import ApiKey
    from openrouter_credits._status.spendable import KeyStatus, Level, Spendable

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AmbiguousWriteError",
    "ApiKey",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
    "Budget",
    "CheckReport",
    "ClientClosedError",
    "ConfigurationError",
    "Credits",
    "CreditsClient",
    "FreeModelQuota",
    "InvalidKeyError",
    "InvalidResponseError",
    "KeyCheck",
    "KeyInfo",
    "KeyLimitExceededError",
    "KeySpec",
    "KeyStatus",
    "Level",
    "LocalResourceError",
    "ManagementKeyRequiredError",
    "MissingKeyError",
    "NotFoundError",
    "OpenRouterError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "RateLimitError",
    "RedirectError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "ServerError",
    "Spendable",
    "TLSError",
    "UnconfirmedCreditsError",
    "Wallet",
    "__version__",
    "format_usd",
]

# Where each name lives. They are imported when they are first used, so that a command that prints its version need not load aiohttp.
_HOMES = {
    "_batch.report": "CheckReport KeyCheck KeySpec Wallet",
    "_client": "CreditsClient",
    "_errors": """
        AmbiguousWriteError APIConnectionError APIStatusError APITimeoutError Attempt
        AuthenticationError BadRequestError ClientClosedError ConfigurationError InvalidKeyError
        InvalidResponseError KeyLimitExceededError LocalResourceError ManagementKeyRequiredError MissingKeyError
        NotFoundError OpenRouterError PaymentRequiredError PermissionDeniedError RateLimitError
        RedirectError ResponseTooLargeError ServerError TLSError UnconfirmedCreditsError
    """,
    "_models.key": "Budget Credits FreeModelQuota KeyInfo format_usd",
    "_call.retry": "RetryPolicy",
    "_secrets": "ApiKey",
    "_status.spendable": "KeyStatus Level Spendable",
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names.split():
            value: object = getattr(import_module(f"openrouter_credits.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
