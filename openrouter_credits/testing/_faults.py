"""Answers that a test can ask for: plain values, which say what to do and do nothing. All times are in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias, cast

from attrs import field, frozen
from attrs.validators import ge, gt, instance_of, le, optional

from openrouter_credits.testing._amounts import to_json

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

# The wording of OpenRouter's documentation where it has one.
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
    """Write OpenRouter's error object; without a message, the documented one for the status."""
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

    The body is bytes or text, sent as they are, or else anything that JSON can say, in which a `Decimal` is written exactly.
    Without a body, a status from 400 on has OpenRouter's error object, and any other an empty one. The headers are a mapping, or pairs
    if a name occurs twice; `Content-Type` is `application/json` unless they say otherwise.
    """

    status: int = field(default=200, validator=[instance_of(int), ge(200), le(599)])
    """From 200 to 599."""
    body: bytes | None = field(default=None, converter=_to_bytes)
    """The body as bytes; `None` for the one that belongs to the status."""
    headers: tuple[tuple[str, str], ...] = field(default=(), converter=_to_pairs)
    """Names and values, in the order they are sent."""

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        if self.body is not None:
            return self.body
        return to_json(error_body(self.status)).encode() if self.status >= 400 else b""


@frozen
class Disconnect:
    """Close the connection without an answer; the request is not carried out."""


@frozen
class CutBody:
    """Send the beginning of the true answer, promise all of it, and close the connection."""

    sent: int | None = field(default=None, validator=optional([instance_of(int), ge(0)]))
    """How many bytes of the body are sent, if it is longer; by default half of them."""


@frozen
class Drip:
    """Send the true answer one byte at a time: the headers at once, and then a byte of the body every `interval` seconds."""

    interval: float = field(default=0.1, validator=gt(0))
    """Seconds between two bytes."""


@frozen
class Hang:
    """Never answer: the connection stays open until the client goes away or the server stops; the request is not carried out."""


Answer: TypeAlias = Reply | Disconnect | CutBody | Drip | Hang
