"""OpenRouter over HTTP, without I/O: what is sent, and what the bytes that come back mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlencode, urlsplit

from attrs import field, frozen
from cattrs.errors import StructureHandlerNotFoundError

from openrouter_credits._call.hints import server_hint
from openrouter_credits._call.structure import converter, describe
from openrouter_credits._errors import (
    APIStatusError,
    ConfigurationError,
    InvalidResponseError,
    OpenRouterError,
    status_error_class,
)
from openrouter_credits._secrets import quote, quote_all
from openrouter_credits._version import __version__

if TYPE_CHECKING:
    from openrouter_credits._secrets import ApiKey

T = TypeVar("T")

DEFAULT_BASE_URL = "https://openrouter.ai/api/v1"
USER_AGENT = f"openrouter-credits/{__version__}"

_METHOD = re.compile(r"[A-Z]+")
_PATH = re.compile(r"/(?!/)[!-~]*")
_LEADS_ELSEWHERE = re.compile(r"[?#\\]|\.\.|%(2e|2f|5c)", re.IGNORECASE)


@frozen
class Request:
    """One request under the base URL; nothing of the key and the body shows in its `repr`."""

    method: str
    target: str
    """The path, and the query if there is one."""
    key: ApiKey
    body: bytes | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """Everything we say of ourselves."""
        headers = {"Authorization": self.key.header, "User-Agent": USER_AGENT, "Accept": "application/json"}
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        return headers


@frozen(slots=False)  # which is made faster
class Reply:
    """A whole answer as plain data."""

    status: int
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    """Their names in any case; a name may come more than once in `items()`."""
    body: bytes = field(default=b"", repr=False)


def make_request(
    method: str,
    path: str,
    key: ApiKey,
    params: Mapping[str, str | int] | None = None,
    json_body: object = None,
) -> Request:
    """Check and put together what a caller asks for.

    Raises:
        ValueError: the path could lead elsewhere than under the base URL, or the body is not JSON.
        TypeError: the body is not JSON.
    """
    if not isinstance(method, str) or not isinstance(path, str):
        raise TypeError("the method and the path are texts")
    method = method.upper()
    if not _METHOD.fullmatch(method):
        raise ValueError("the method is a word such as GET")
    if not _PATH.fullmatch(path) or _LEADS_ELSEWHERE.search(path):
        raise ValueError(
            "the path starts with exactly one / and has no ?, #, .., \\ or blanks; pass a query as params"
        )
    if params is not None and not isinstance(params, Mapping):
        raise TypeError(f"params is a mapping of names to values, not {type(params).__name__}")
    query = urlencode({name: _query_text(value) for name, value in (params or {}).items()})
    body = None if json_body is None else json.dumps(json_body, allow_nan=False).encode()
    return Request(method, f"{path}?{query}" if query else path, key, body)


def _query_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    raise TypeError(f"a query parameter is a str, an int or a bool, not {type(value).__name__}")


def parse_base_url(text: str) -> str | ConfigurationError:
    """Check a base URL; the error is returned, and quotes nothing of it: there may be a password inside."""
    if not isinstance(text, str):
        raise TypeError(f"base_url is a str, not {type(text).__name__}")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # the port is parsed when it is read
    except ValueError:
        return ConfigurationError("base_url is not a URL")
    if not host or not text.isprintable() or " " in text:
        return ConfigurationError("base_url is not a URL with a host")
    if "@" in parts.netloc or "?" in text or "#" in text or "\\" in text:
        return ConfigurationError("base_url has a user name, a password, a query or a fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        return ConfigurationError(
            "base_url is neither https nor http on this machine: the key would travel in clear"
        )
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_structurable(into: object) -> None:
    """Refuse a type that no JSON can become, before anything is sent.

    Raises:
        TypeError: cattrs does not know how to structure the type.
    """
    try:
        converter.get_structure_hook(into)
    except StructureHandlerNotFoundError:
        raise TypeError(f"cattrs cannot structure JSON into {into!r}") from None


def decode(
    reply: Reply,
    into: type[T],
    *,
    key: ApiKey | None = None,
    whole: bool = False,
    wall_clock: datetime | None = None,
) -> T:
    """Turn an answer into a value, or raise what it says instead.

    Args:
        reply: the answer.
        into: what the body's `data` is structured into.
        key: the key to scrub from whatever is quoted.
        whole: structure the whole body instead of its `data`.
        wall_clock: the time (UTC) that hints are measured from if the answer has no `Date`.

    Raises:
        APIStatusError: the server refused, with a status or inside a 200.
        InvalidResponseError: the answer is not as documented.
    """
    outcome = _decode(reply, into, key, wall_clock, path="$" if whole else "$.data")
    if isinstance(outcome, OpenRouterError):
        raise outcome  # from here, where no local shows what the server sent
    return outcome


def _decode(
    reply: Reply, into: type[T], key: ApiKey | None, wall_clock: datetime | None, *, path: str
) -> T | OpenRouterError:
    if not 200 <= reply.status < 300:
        return _refusal(reply, _error_object(reply.body), key, wall_clock)
    try:
        document = parse_json(reply.body)
    except InvalidResponseError as error:
        return error
    if isinstance(document, dict) and (said := document.get("error")) is not None:
        if isinstance(said, dict) and _code(said) is not None:
            return _refusal(reply, said, key, wall_clock)
        return InvalidResponseError(f"{reply.status}, but the body has an error without a code")
    if path == "$.data":
        if not isinstance(document, dict) or "data" not in document:
            return InvalidResponseError(f"{reply.status}, but the body has no data")
        document = document["data"]
    try:
        return converter.structure(document, into)
    except Exception as error:  # noqa: BLE001 - a caller's own classes may raise anything from inside
        return InvalidResponseError(f"{reply.status}, but {quote(describe(error, path), key)}")


def _reject_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


# Decimal reads a number exactly, whatever the context; what it cannot hold is an error or, where a context traps none, NaN.
_parse = json.JSONDecoder(parse_float=Decimal, parse_constant=_reject_constant).decode


def parse_json(body: bytes) -> Any:
    """Parse a body strictly: UTF-8, no NaN, exact numbers.

    Raises:
        InvalidResponseError: not JSON; retryable if a cut or garbled transfer may be the reason.
    """
    problem, is_retryable = "", False
    try:
        return _parse(body.decode())
    except UnicodeDecodeError:
        problem, is_retryable = "is not UTF-8", True
    except json.JSONDecodeError:
        page = body.strip()[:1] == b"<" and body.rstrip()[-7:].lower() == b"</html>"
        problem, is_retryable = (
            ("is an HTML page", False)
            if page
            else ("is empty" if not body.strip() else "is not JSON, or was cut", True)
        )
    except RecursionError:
        problem = "is nested too deeply"
    except (ValueError, ArithmeticError):
        problem = "has a number that is none, or has too many digits"
    raise InvalidResponseError(f"The answer's body {problem}", is_retryable=is_retryable)


def _error_object(body: bytes) -> dict[str, Any]:
    """Find the documented `error` object in the body of a refusal; anything else counts as empty."""
    try:
        document = parse_json(body)
    except InvalidResponseError:
        return {}
    said = document.get("error") if isinstance(document, dict) else None
    return said if isinstance(said, dict) else {"message": said} if isinstance(said, str) else {}


def _code(said: dict[str, Any]) -> int | None:
    code = said.get("code")
    if isinstance(code, str) and re.fullmatch("[0-9]{3}", code):
        code = int(code)
    return code if isinstance(code, int) and 400 <= code <= 599 else None


def _refusal(
    reply: Reply, said: dict[str, Any], key: ApiKey | None, wall_clock: datetime | None
) -> APIStatusError:
    code, message, metadata = _code(said), said.get("message"), said.get("metadata")
    status = code if code is not None and 200 <= reply.status < 300 else reply.status
    message = quote(message, key) if isinstance(message, str) else ""
    metadata = metadata if isinstance(metadata, dict) else {}
    hint = server_hint(status, reply.headers.items(), metadata, wall_clock or datetime.now(UTC))
    request_id = next(
        (value for name, value in reply.headers.items() if name.lower() in {"x-request-id", "cf-ray"}), None
    )
    return status_error_class(status, message)(
        message,
        status=reply.status,
        code=code,
        metadata=quote_all(metadata, key),
        request_id=request_id and quote(request_id, key),
        retry_after=hint.seconds if hint else None,
        resets_at=hint.until if hint else None,
    )
