"""Answers that a test can script: plain values without behaviour. All times are in seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias, cast

from attrs import field, frozen
from attrs.validators import optional

from openrouter_credits._public import public
from openrouter_credits.testing._amounts import to_json
from openrouter_credits.testing._arguments import is_seconds, is_whole

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\0-\x08\n-\x1f\x7f\ud800-\udfff]*")
"""No control characters but the tabulator, and nothing that UTF-8 cannot carry."""
_LENGTH = re.compile("[0-9]{1,18}")
"""A `Content-Length`: it need not be the body's."""

# OpenRouter's documented message for a status, where there is one.
_MESSAGES = {
    400: "Invalid request parameters",
    401: "User not found.",
    402: "Insufficient credits",
    403: "Only management keys can perform this operation",
    404: "Resource not found",
    408: "Operation timed out",
    410: "This endpoint is gone",
    413: "Request payload exceeds maximum size",
    429: "Rate limit exceeded",
    500: "Internal Server Error",
    502: "Provider returned error",
    503: "Service temporarily unavailable",
    524: "Request timed out",
    529: "Provider overloaded",
}


def error_body(
    status: int, message: str | None = None, metadata: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Build OpenRouter's error object; by default with the documented message for the status."""
    error: dict[str, object] = {"code": status, "message": message or _MESSAGES.get(status, "Error")}
    if metadata:
        error["metadata"] = metadata
    return {"error": error}


def _to_bytes(body: object) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    problem: TypeError | ValueError
    try:
        return (body if isinstance(body, str) else to_json(body)).encode()
    except UnicodeError:
        problem = ValueError("body has text that UTF-8 cannot carry, such as half of a surrogate pair")
    except RecursionError:
        problem = ValueError("body is nested too deeply for JSON")
    except (TypeError, ValueError) as error:
        problem = type(error)(f"body is bytes, text, or a value for JSON: {error}")
    raise problem


def _to_pairs(headers: Headers) -> tuple[tuple[str, str], ...]:
    pairs = cast("Mapping[str, str]", headers).items() if isinstance(headers, Mapping) else headers
    return tuple(pairs) if isinstance(pairs, Iterable) else (pairs,)


def _are_headers(_: object, __: object, pairs: tuple[object, ...]) -> None:
    for pair in pairs:
        match pair:
            case (str(name), str(value)):
                is_length = name.lower() == "content-length"
                if not _NAME.fullmatch(name) or not (_LENGTH if is_length else _VALUE).fullmatch(value):
                    raise ValueError(f"headers have {name + ': ' + value!r}, which HTTP does not allow")
            case _:
                raise TypeError("headers are a mapping of text to text, or pairs of texts")


@frozen
class Reply:
    """Answer with this status, body and headers.

    A body of bytes or text is sent unchanged; any other value is sent as JSON, with a `Decimal` as an exact
    number. Without a body, a status of 400 or more sends OpenRouter's error object, a lower status nothing.
    Headers are a mapping, or pairs if a name occurs twice. `Content-Type` is `application/json` by default.
    """

    status: int = field(default=200, validator=is_whole(200, 599))
    """HTTP status, from 200 to 599."""
    body: bytes | None = field(default=None, converter=_to_bytes)
    """Body as bytes; `None` for the default body of the status."""
    headers: tuple[tuple[str, str], ...] = field(default=(), converter=_to_pairs, validator=_are_headers)
    """Names and values of the headers, in the order in which they are sent."""

    @property
    def content(self) -> bytes:
        """The body that is sent."""
        if self.body is not None:
            return self.body
        return to_json(error_body(self.status)).encode() if self.status >= 400 else b""


@frozen
class Disconnect:
    """Close the connection without an answer, and do not carry out the request."""


@frozen
class CutBody:
    """Send the beginning of the real answer, and close the connection before the body is complete."""

    sent: int | None = field(default=None, validator=optional(is_whole(0)))
    """Number of body bytes to send, at least 0, at most the whole body; `None` for half of the body."""


@frozen
class Drip:
    """Send the headers of the real answer at once, then one byte of the body every `interval` seconds."""

    interval: float = field(default=0.1, validator=is_seconds)
    """Seconds before each byte; more than 0."""


@frozen
class Hang:
    """Never answer, and do not carry out the request.

    The connection stays open until the client closes it or the server stops.
    """


Answer: TypeAlias = Reply | Disconnect | CutBody | Drip | Hang


public(CutBody, Disconnect, Drip, Hang, Reply, door="openrouter_credits.testing")
