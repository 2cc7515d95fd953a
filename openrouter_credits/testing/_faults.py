"""Answers that a test can script: plain values without behaviour. All times are in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias, cast

from attrs import field, frozen
from attrs.validators import ge, gt, instance_of, le, optional

from openrouter_credits._public import public
from openrouter_credits.testing._amounts import to_json

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

# OpenRouter's documented message for a status, where there is one.
_MESSAGES = {
    400: "Invalid request parameters",
    401: "User not found.",
    402: "Insufficient credits",
    403: "Only management keys can perform this operation",
    404: "Resource not found",
    408: "Operation timed out",
    410: "This endpoint is gone",
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
    return (body if isinstance(body, str) else to_json(body)).encode()


def _to_pairs(headers: Headers) -> tuple[tuple[str, str], ...]:
    if isinstance(headers, Mapping):
        return tuple(cast("Mapping[str, str]", headers).items())
    return tuple(headers)


@frozen
class Reply:
    """Answer with this status, body and headers.

    A body of bytes or text is sent unchanged; any other value is sent as JSON, with a `Decimal` as an exact
    number. Without a body, a status of 400 or more sends OpenRouter's error object, a lower status nothing.
    Headers are a mapping, or pairs if a name occurs twice. `Content-Type` is `application/json` by default.
    """

    status: int = field(default=200, validator=[instance_of(int), ge(200), le(599)])
    """HTTP status, from 200 to 599."""
    body: bytes | None = field(default=None, converter=_to_bytes)
    """Body as bytes; `None` for the default body of the status."""
    headers: tuple[tuple[str, str], ...] = field(default=(), converter=_to_pairs)
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

    sent: int | None = field(default=None, validator=optional([instance_of(int), ge(0)]))
    """Number of body bytes to send, at least 0, at most the whole body; `None` for half of the body."""


@frozen
class Drip:
    """Send the headers of the real answer at once, then one byte of the body every `interval` seconds."""

    interval: float = field(default=0.1, validator=gt(0))
    """Seconds before each byte; more than 0."""


@frozen
class Hang:
    """Never answer, and do not carry out the request.

    The connection stays open until the client closes it or the server stops.
    """


Answer: TypeAlias = Reply | Disconnect | CutBody | Drip | Hang


public(CutBody, Disconnect, Drip, Hang, Reply, door="openrouter_credits.testing")
