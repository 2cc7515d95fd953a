"""Know, from asyncio code, exactly what every OpenRouter key can still spend and what would stop it first."""

from importlib import import_module
from typing import TYPE_CHECKING

from openrouter_credits._version import __version__

if TYPE_CHECKING:  # `__all__` says which of these names are public
    from openrouter_credits._account import *
    from openrouter_credits._batch.check import *
    from openrouter_credits._batch.report import *
    from openrouter_credits._batch.spec import *
    from openrouter_credits._call.keycalls import *
    from openrouter_credits._call.protocol import error_from_response
    from openrouter_credits._call.retry import *
    from openrouter_credits._call.settings import *
    from openrouter_credits._client import *
    from openrouter_credits._errors import *
    from openrouter_credits._models import *
    from openrouter_credits._models.activity import *
    from openrouter_credits._secrets import *
    from openrouter_credits._status.level import *
    from openrouter_credits._status.runway import *
    from openrouter_credits._status.shortage import *
    from openrouter_credits._status.spendable import *
    from openrouter_credits._status.status import *
    from openrouter_credits._words import *

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "Account",
    "Activity",
    "ActivityItem",
    "AddressNotAllowedError",
    "AmbiguousWriteError",
    "ApiKey",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
    "Bound",
    "Budget",
    "BudgetExceededError",
    "CheckReport",
    "ClientClosedError",
    "ConfigurationError",
    "Credits",
    "CreditsClient",
    "EdgeRefusedError",
    "FreeModelQuota",
    "Generation",
    "InsufficientCreditsError",
    "InvalidKeyError",
    "InvalidResponseError",
    "KeyCheck",
    "KeyInfo",
    "KeyLimitExceededError",
    "KeySpec",
    "KeyStatus",
    "Level",
    "LocalResourceError",
    "ManagedKey",
    "ManagementKeyRequiredError",
    "MissingKeyError",
    "NewKey",
    "NotFoundError",
    "OpenRouterError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "ProxyError",
    "RateLimitError",
    "RedirectError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "Runway",
    "ServerError",
    "Setting",
    "Spendable",
    "TLSError",
    "Total",
    "UnconfirmedCreditsError",
    "UnknownCreditsError",
    "Wallet",
    "Workspace",
    "__version__",
    "error_from_response",
    "format_usd",
]

_PICKLED = ("_SmallAmount",)
"""Private classes that pickles name."""

_HOMES = (
    "_errors",
    "_models",
    "_models.activity",
    "_models.amounts",
    "_secrets",
    "_words",
    "_status.level",
    "_status.runway",
    "_status.spendable",
    "_status.status",
    "_status.shortage",
    "_call.retry",
    "_call.settings",
    "_call.protocol",
    "_call.keycalls",
    "_batch.spec",
    "_batch.check",
    "_batch.report",
    "_account",
    "_client",
)
"""Where the public names live, the cheapest first. A name is imported when it is first used.

So a command that prints its version need not load aiohttp.
"""


_ROOMS = ("history", "watch")
"""Rooms that annotations of the core name."""


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return import_module(f"openrouter_credits.{name}")
    if name not in __all__ and name not in _PICKLED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    homes = (import_module(f"openrouter_credits.{home}") for home in _HOMES)
    value: object = next(getattr(home, name) for home in homes if hasattr(home, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
