"""Every fault is one of these.

OpenRouterError
├── ConfigurationError             before anything is sent
│   ├── MissingKeyError
│   └── InvalidKeyError
├── ClientClosedError
├── APIConnectionError             no whole answer
│   ├── APITimeoutError            also a TimeoutError
│   ├── TLSError
│   ├── ProxyError                 the proxy answered, not the server
│   └── LocalResourceError
├── InvalidResponseError           an answer, but not the documented one
│   └── ResponseTooLargeError
├── UnconfirmedCreditsError        a 0/0 that nothing confirms
├── AmbiguousWriteError            a write may or may not have happened
├── InsufficientCreditsError       the guard's, in `_status.shortage`: there is less than is needed
├── UnknownCreditsError            the guard's: it cannot be told
└── APIStatusError                 the server refused
    ├── BadRequestError            400
    ├── AuthenticationError        401
    ├── PaymentRequiredError       402
    ├── PermissionDeniedError      403
    │   ├── ManagementKeyRequiredError
    │   ├── KeyLimitExceededError
    │   ├── BudgetExceededError
    │   ├── AddressNotAllowedError
    │   └── EdgeRefusedError       not OpenRouter's own answer: the key was not judged
    ├── NotFoundError              404
    ├── RedirectError              3xx
    ├── RateLimitError             429
    └── ServerError                5xx

Errors are plain data: they pickle, they copy, and they hold neither a key nor an object of the HTTP library.
"""

from __future__ import annotations

import copy
import copyreg
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, ClassVar

from attrs import field, frozen

from openrouter_credits._documents import Value, as_written
from openrouter_credits._models import Credits
from openrouter_credits._public import public

RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Statuses that pass by themselves (OpenRouter's documents, and Cloudflare's 52x)."""

_LONGEST_SHARED_WAIT = 60.0
"""In seconds: a longer wait is about one key's day, not about how fast the host is asked."""
_RAISE_KEY_LIMIT = "Raise the key's limit at https://openrouter.ai/settings/keys"
_TIMED_OUT = 408
_SIGN_IN_FIRST = 511
_OF_A_MODEL = re.compile(r"\b(endpoints? found|model|providers?)\b", re.IGNORECASE)
_KEY_LIMIT = re.compile(r"\b(key|daily|per-day|free)\b|openrouter_key_limit", re.IGNORECASE)
_CUT = "Try again; if it stays so, check base_url, and what stands between this machine and it (a proxy)."
_NO_REASON = (
    "Check base_url (OpenRouter's own is https://openrouter.ai/api/v1) and the path: the answer gives no "
    "reason, and may come from another server."
)
# A number that goes on, such as 1.5 or 1,23, is none that can be trusted.
_AFFORDABLE = re.compile(r"can only afford ([0-9]{1,3}(?:,[0-9]{3}){1,4}|[0-9]{1,15})(?!\w|[.,][0-9])")


@frozen
class Attempt(Value):
    """One failed try of a call. All times are in seconds."""

    error: OpenRouterError = field(eq=as_written)
    """The error of the try, without traceback and without attempts of its own."""
    status: int | None
    """The HTTP status, if the server refused."""
    elapsed: float
    """How long the try took, waiting for a connection included."""
    waited: float
    """How long the call had slept before this try; 0 for the first."""


class OpenRouterError(Value, Exception):
    """The base of all errors; `str()` is what happened, then what to do."""

    remedy: str = "Report this to the maintainers of openrouter-credits."
    """The advice to a person, in one sentence."""
    is_retryable: bool = False
    """Whether the same GET may succeed if it is sent again."""
    retry_after: float | None = None
    """Seconds the server asked us to wait, if it did."""
    is_of_management_key: bool = False
    """Whether it is about the management key that was to read the wallet, and not about the key itself."""
    attempts: tuple[Attempt, ...] = ()
    """Each failed try of the call, oldest first; but for those in a batch that no key is charged with."""
    problems: tuple[OpenRouterError, ...] = ()
    """Other errors that belong to this one."""

    def __init__(
        self, summary: str = "", *, problems: Iterable[OpenRouterError] = (), remedy: str | None = None
    ) -> None:
        super().__init__(summary)
        if problems:
            self.problems = tuple(problems)
        if remedy is not None:
            self.remedy = remedy

    @property
    def summary(self) -> str:
        """The text of the error, without the remedy."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        summary = self.summary
        if not summary:
            return self.remedy
        stop = "" if summary.endswith((".", "!", "?")) else "."
        return f"{summary}{stop} {self.remedy}"

    def _layout(self) -> dict[str, Any]:
        return {
            "type": type(self).__name__,
            "status": getattr(self, "status", None),
            "message": self.summary or str(self),
            "remedy": self.remedy,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle the facts without the constructor, which may need other arguments than `args`."""
        # The stubs do not have this function.
        make = copyreg.__newobj__  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        return make, (type(self), *self.args), {**self.__dict__, "args": self.args}


def masked(error: OpenRouterError, mask: Callable[[Any], Any]) -> OpenRouterError:
    """Copy an error with every text in it masked; `mask` takes a text, a list or a dictionary."""
    bare = detached(error)
    bare.args = tuple(mask(list(error.args)))
    vars(bare).update(mask(vars(error)), attempts=())
    bare.problems = tuple([masked(problem, mask) for problem in error.problems])
    return bare


def detached(error: OpenRouterError) -> OpenRouterError:
    """Copy an error without traceback and attempts: both pin memory, and attempts would make a cycle."""
    bare = copy.copy(error)
    bare.attempts = ()
    return bare


class ConfigurationError(OpenRouterError):
    """The client cannot work as it was set up; nothing was sent."""

    remedy = "Correct the client's arguments or the environment variables they come from."


class MissingKeyError(ConfigurationError):
    """The call needs an API key and the client has none; nothing was sent."""

    remedy = (
        "Pass api_key=..., or set OPENROUTER_API_KEY (or OPENROUTER_KEY, or OPENROUTER_MANAGEMENT_KEY; or "
        "OPENROUTER_API_KEY_FILE to the path of a file that has the key) before the client is made: "
        "load_dotenv() called later is too late."
    )


class InvalidKeyError(ConfigurationError):
    """A text that cannot be an API key; the error names position and reason, never the text."""

    remedy = "Copy the key again, without quotes, blanks or line breaks inside it."


_SHAPES = (
    (
        re.compile(r"\A\Z"),
        "Fill it in, or leave it out; with no key at all, CreditsClient reads OPENROUTER_API_KEY.",
    ),
    (
        re.compile(r"\A\s*(\$|%\w+%|<[^>]*>|\{\{)"),
        "This is a variable or placeholder that nothing has replaced: put the key in its place.",
    ),
    (re.compile(r"\A(?:export\s+)?\w+\s*=(?!=*\Z)"), "Paste only the part after the =."),
    (re.compile(r"\AAuthorization\s*:", re.IGNORECASE), "Paste only the part after Bearer."),
    (
        re.compile(r"://"),
        "Paste a key, not an address; keys are made at https://openrouter.ai/settings/keys.",
    ),
    (
        re.compile(r"[,;\[{]|sk-or-.*\ssk-or-", re.DOTALL),
        (
            "Paste one key alone, without brackets. For several, set OPENROUTER_API_KEYS and run "
            "openrouter-credits check, or pass them to check_all(), each on its own."
        ),
    ),
    (
        re.compile(r"\u2026|\*{3}"),
        "Copy the whole key: this one is shortened, as pages show it. It is shown once, when it is made.",
    ),
)
"""Texts that people paste instead of a key, and what to do; the first that is found counts."""


def what_to_paste(text: str) -> str | None:
    """Advise on a text that is no key; `None` if it is not recognised as something else."""
    return next((remedy for shape, remedy in _SHAPES if shape.search(text)), None)


class ClientClosedError(OpenRouterError):
    """The client was closed before the call, or while it was under way."""

    remedy = "Keep the client open as long as calls need it, or make a new one."


class APIConnectionError(OpenRouterError):
    """There was no whole answer: name look-up, connection, disconnect, reset, or a cut body."""

    remedy = "Check the network and https://status.openrouter.ai, then try again."
    is_retryable = True
    sent: bool = True
    """False if it is certain that the server got nothing of the request."""

    def __init__(self, summary: str = "", *, sent: bool = True, remedy: str | None = None) -> None:
        super().__init__(summary, remedy=remedy)
        self.sent = sent


class APITimeoutError(APIConnectionError, TimeoutError):
    """No whole answer in time: the attempt's `timeout`, the call's `deadline`, or a timer of aiohttp."""

    remedy = "Try again, or allow more time (timeout, deadline)."


class TLSError(APIConnectionError):
    """The server's certificate or host name was not accepted; nothing was sent."""

    remedy = (
        "Check base_url and the clock of this machine. For a certificate authority of your own, or a proxy "
        "that opens TLS, set SSL_CERT_FILE to its PEM file before the program starts, or lend a session that "
        "trusts it (session=...). Never switch verification off."
    )
    is_retryable = False


class ProxyError(APIConnectionError):
    """The proxy refused to open a way to the server, such as with 407 or 403; the server got nothing."""

    remedy = (
        "Check the proxy (proxy=..., HTTPS_PROXY, or that of the session you lend): its address, user and "
        "password, and whether it lets this host through; hosts in NO_PROXY are asked without it."
    )

    def __init__(self, summary: str = "", *, sent: bool = False, is_retryable: bool = False) -> None:
        super().__init__(summary, sent=sent)
        self.is_retryable = is_retryable


class LocalResourceError(APIConnectionError):
    """This process ran out of file descriptors; nothing was sent."""

    remedy = "Raise the limit of open files (ulimit -n) or lower max_connections."
    is_retryable = False


class InvalidResponseError(OpenRouterError):
    """The server answered, but not what OpenRouter documents."""

    remedy = "Check base_url; if it is right, the API has changed: update openrouter-credits."

    def __init__(self, summary: str = "", *, is_retryable: bool = False, remedy: str | None = None) -> None:
        super().__init__(summary, remedy=_CUT if is_retryable else remedy)
        self.is_retryable = is_retryable


class ResponseTooLargeError(InvalidResponseError):
    """The body is over 1 MiB after decompression; it was not read any further."""


class UnconfirmedCreditsError(OpenRouterError):
    """`/credits` said 0 of 0, as it does to some keys that may not read it, and nothing confirms it."""

    remedy = "Use a management key (https://openrouter.ai/settings/management-keys) to read the wallet."
    credits: Credits
    """The server's answer."""

    def __init__(self, credits: Credits, *, problems: Iterable[OpenRouterError] = ()) -> None:
        super().__init__("GET /credits answered 0 of 0, which may be false", problems=problems)
        self.credits = credits


class AmbiguousWriteError(OpenRouterError):
    """A request that changes something failed after it was sent: it may or may not have happened."""

    remedy = "Look whether the change took place before you send it again."


class APIStatusError(OpenRouterError):
    """The server refused: any status that has no class of its own, and the base of those that have."""

    remedy = "Read the server's message; the request cannot succeed as it is."
    message: str
    """The server's words: at most 200 characters, without control characters and keys; may be empty."""
    status: int
    """The HTTP status; 200 when the error came inside a 200."""
    code: int | None
    """The body's `error.code`, if it is a status."""
    metadata: Mapping[str, Any]
    """The body's `error.metadata`, cut and scrubbed like the message."""
    request_id: str | None
    """The number to quote to OpenRouter's support, if the reply carried it."""
    resets_at: datetime | None
    """When the server will answer again (UTC), if it said so."""

    def __init__(
        self,
        message: str = "",
        *,
        status: int,
        code: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        resets_at: datetime | None = None,
    ) -> None:
        effective = status if code is None or not 200 <= status < 300 else code
        super().__init__(f"{effective} {message or _phrase(effective)}".rstrip())
        self.message = message
        self.status = status
        self.code = code
        self.metadata = metadata or {}
        self.request_id = request_id
        self.retry_after = retry_after
        self.resets_at = resets_at
        self.is_retryable = effective in RETRYABLE_STATUSES
        remedy = self._remedy_of_its_cause()
        if remedy is not None:
            self.remedy = remedy

    def _remedy_of_its_cause(self) -> str | None:
        """Return advice that is better than that of the class; `None` if the cause is not known."""
        if _TIMED_OUT in (self.status, self.code):
            return "Try again: the server gave up before it had an answer."
        if not self.message and self.remedy == APIStatusError.remedy:  # there is no message to read
            return _NO_REASON
        return None


class _LimitFacts:
    """The facts that `metadata` gives about a limit that is spent."""

    metadata: Mapping[str, Any]
    resets_at: datetime | None

    @property
    def limit_source(self) -> str | None:
        """`metadata.limit_source`: what ran out, in OpenRouter's words; an open set."""
        return self._text("limit_source")

    @property
    def scope(self) -> str | None:
        """`metadata.scope`: what the limit is for, such as `workspace`; an open set."""
        return self._text("scope")

    @property
    def limit_usd(self) -> Decimal | None:
        """`metadata.limit_usd`: how much the limit allows, in US dollars."""
        return self._dollars("limit_usd")

    @property
    def spend_usd(self) -> Decimal | None:
        """`metadata.spend_usd`: how much of it is spent, in US dollars."""
        return self._dollars("spend_usd")

    def _or_wait(self, other: str) -> str | None:
        """Advise to do something else, or to wait; `None` if it is not known until when."""
        if self.resets_at is None:
            return None
        return f"{other}, or wait until {self.resets_at:%Y-%m-%d %H:%M} UTC."

    def _text(self, name: str) -> str | None:
        value = self.metadata.get(name)
        return value if isinstance(value, str) else None

    def _dollars(self, name: str) -> Decimal | None:
        value = self.metadata.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return Decimal(value)
        return value if isinstance(value, Decimal) and value.is_finite() else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a status that no standard names, such as Cloudflare's 520
        return ""


class BadRequestError(APIStatusError):
    """400: the request is malformed."""


class AuthenticationError(APIStatusError):
    """401: the key is unknown, deleted, disabled or expired."""

    remedy = "Check the key: quotes or blanks pasted with it, deleted, disabled or expired."

    def _remedy_of_its_cause(self) -> str | None:
        words = self.message.lower()
        if "expired" in words:
            return "Make a new key at https://openrouter.ai/settings/keys; this one has expired."
        if "disabled" in words:
            return "Enable the key at https://openrouter.ai/settings/keys, or use another one."
        if "no auth" in words or "missing auth" in words:
            return (
                "Look for what removes the Authorization header: a proxy, a gateway, or the session you lend."
            )
        return None


class PaymentRequiredError(_LimitFacts, APIStatusError):
    """402: a wallet, a key's limit or the budget in flight is spent; `limit_source` says which."""

    remedy = "Add credits, or raise the key's limit, at https://openrouter.ai/settings."
    _REMEDIES: ClassVar[Mapping[str | None, str]] = {
        "openrouter_credits": "Add credits at https://openrouter.ai/settings/credits.",
        "openrouter_key_limit": f"{_RAISE_KEY_LIMIT}, or wait for its reset.",
        "openrouter_in_flight_budget": "Wait until requests that are under way have been paid for.",
        "in_flight_budget_exhausted": "Wait until requests that are under way have been paid for.",
        "weight_exceeds_budget": "Lower max_tokens, or add credits; waiting does not help.",
    }

    @property
    def reason(self) -> str | None:
        """`metadata.reason`: why there was not enough, in OpenRouter's words; an open set."""
        return self._text("reason")

    @property
    def affordable_tokens(self) -> int | None:
        """The number of tokens that could be paid for, if the message says "can only afford N"."""
        found = _AFFORDABLE.search(self.message)
        return int(found[1].replace(",", "")) if found else None

    def _remedy_of_its_cause(self) -> str | None:
        if self.reason in self._REMEDIES:
            return self._REMEDIES[self.reason]
        if self.affordable_tokens:  # no max_tokens is as low as 0
            return f"Lower max_tokens to at most {self.affordable_tokens}, or add credits."
        if self.limit_source is None and "insufficient credits" in self.message.lower():
            return self._REMEDIES["openrouter_credits"]
        by_time = self._or_wait(_RAISE_KEY_LIMIT) if self.limit_source == "openrouter_key_limit" else None
        return by_time or self._REMEDIES.get(self.limit_source)


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""

    remedy = "Use a key that may do this, or ask the account's owner."

    def _remedy_of_its_cause(self) -> str | None:
        if "flagged_input" in self.metadata or "input was flagged" in self.message.lower():
            return "Change the input, which moderation has flagged, or use another model; the key is fine."
        return None


class ManagementKeyRequiredError(PermissionDeniedError):
    """403: only management keys (formerly provisioning keys) may do this."""

    remedy = (
        "Create a management key at https://openrouter.ai/settings/management-keys; "
        "the key's own limit (/key) can be read without one."
    )


class KeyLimitExceededError(_LimitFacts, PermissionDeniedError):
    """403: the key's own cap is spent; the wallet may be full."""

    remedy = f"{_RAISE_KEY_LIMIT}, or wait for its reset."

    def _remedy_of_its_cause(self) -> str | None:
        if "total limit" in self.message.lower():
            return f"{_RAISE_KEY_LIMIT}; it is never reset."
        return self._or_wait(_RAISE_KEY_LIMIT)


class BudgetExceededError(_LimitFacts, PermissionDeniedError):
    """403: a budget of a workspace, member or guardrail is spent; the wallet may be full."""

    remedy = "Raise that budget (ask who manages the workspace), or wait for its reset."

    def _remedy_of_its_cause(self) -> str | None:
        return self._or_wait("Raise that budget (ask who manages the workspace)")


class AddressNotAllowedError(PermissionDeniedError):
    """403: the account's allowlist does not have this machine's IP address; the key was not judged."""

    remedy = (
        "Add this machine's public IP address to the account's allowlist, or call from one that is on it."
    )


class EdgeRefusedError(PermissionDeniedError):
    """403 that OpenRouter did not write: a firewall or CDN refused this machine, and judged no key."""

    remedy = (
        "Try again later or from another address: a firewall or CDN refused this machine, "
        "and nothing is known of the key."
    )


class NotFoundError(APIStatusError):
    """404: there is nothing at this path."""

    remedy = "Check the address (base_url) and the path."

    def _remedy_of_its_cause(self) -> str | None:
        if _OF_A_MODEL.search(self.message):
            return "Check the model's name, and which providers the account's settings and the request allow."
        return None if self.message else _NO_REASON


class RedirectError(APIStatusError):
    """3xx: the server points elsewhere; a key is never carried along."""

    remedy = (
        "Set base_url to the address that answers without redirecting; if it is right, this network may want "
        "a sign-in first: open any page in a browser."
    )


class RateLimitError(APIStatusError):
    """429: too many requests; `retry_after` and `resets_at` say how long to wait, if the server did."""

    remedy = "Wait some seconds, then ask less often: figures are cached for about a minute."

    def _remedy_of_its_cause(self) -> str | None:
        words = self.message.lower()
        if "per-day" in words:
            return "Wait for the next day (00:00 UTC), or do as the server says to raise this limit."
        if "upstream" in f"{self.metadata.get('limit_source')}":
            return f"{self._wait_in_words()}, or use another provider: this one is busy."
        return f"{self._wait_in_words()}, then ask less often: figures are cached for about a minute."

    def _wait_in_words(self) -> str:
        if self.retry_after is None:
            return "Wait some seconds"
        if self.resets_at is not None and self.retry_after > _LONGEST_SHARED_WAIT:
            return f"Wait until {self.resets_at:%Y-%m-%d %H:%M} UTC"
        return "Wait a minute"  # not the exact seconds: the command shows equal remedies once

    @property
    def is_key_limit(self) -> bool:
        """Whether the limit is the key's own (daily, free models): a slower pace of others does not help.

        The server names such a limit in its message or in `metadata.limit_source`, or asks for more than a
        minute.
        """
        if (self.retry_after or 0) > _LONGEST_SHARED_WAIT:
            return True
        return _KEY_LIMIT.search(f"{self.message} {self.metadata.get('limit_source')}") is not None


class ServerError(APIStatusError):
    """5xx: OpenRouter, or what stands before it, failed."""

    remedy = "Try again later; https://status.openrouter.ai tells whether others see it too."

    def _remedy_of_its_cause(self) -> str | None:
        if self.status == _SIGN_IN_FIRST:
            return "This network wants a sign-in first: open any page in a browser."
        return None


_CLASSES: Mapping[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
}


_SOURCES: Mapping[object, type[PermissionDeniedError]] = {
    "openrouter_key_limit": KeyLimitExceededError,
    "openrouter_guardrail_budget": BudgetExceededError,
    "openrouter_workspace_budget": BudgetExceededError,
}
_MESSAGES: tuple[tuple[re.Pattern[str], type[PermissionDeniedError]], ...] = (
    (re.compile("(management|provisioning) key", re.IGNORECASE), ManagementKeyRequiredError),
    (re.compile("key limit exceeded", re.IGNORECASE), KeyLimitExceededError),
    (re.compile(r"\bbudget\b.*\bexceeded\b|\bexceeded\b.*\bbudget\b", re.IGNORECASE), BudgetExceededError),
    (re.compile(r"\bip\b.*\b(allow|white)[ -]?list", re.IGNORECASE), AddressNotAllowedError),
    (re.compile(r"\b(allow|white)[ -]?list.*\bip\b", re.IGNORECASE), AddressNotAllowedError),
    (re.compile(r"\bip address\b.*\bnot allowed\b", re.IGNORECASE), AddressNotAllowedError),
)


def status_error_class(status: int, message: str, limit_source: object = None) -> type[APIStatusError]:
    """Choose the class for a status; for 403 `metadata.limit_source`, then the message decides."""
    if status == 403:
        if isinstance(limit_source, str) and limit_source in _SOURCES:
            return _SOURCES[limit_source]
        return next((kind for words, kind in _MESSAGES if words.search(message)), PermissionDeniedError)
    if 300 <= status < 400:
        return RedirectError
    if status >= 500:
        return ServerError
    return _CLASSES.get(status, APIStatusError)


public(
    Attempt,
    *(item for item in list(vars().values()) if inspect.isclass(item) and issubclass(item, OpenRouterError)),
)
