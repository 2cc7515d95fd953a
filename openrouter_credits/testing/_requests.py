"""Received requests, with masked keys."""

from __future__ import annotations

from attrs import frozen

from openrouter_credits._public import public
from openrouter_credits.testing._paths import mask, mask_keys


@frozen
class ReceivedRequest:
    """A request that the server received."""

    method: str
    """HTTP method, such as `GET`."""
    path: str
    """Path without the query, relative to the base URL (`/credits`), or the full path if it is outside."""
    key: str | None
    """API key, masked; `None` if the request had none."""


def parse_bearer(header: str | None) -> str | None:
    """Read the bearer token of an `Authorization` header; `None` for another scheme or an empty token."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return token.strip() or None


def record(method: str, path: str, token: str | None) -> ReceivedRequest:
    """Build the record of a request, with all keys masked."""
    return ReceivedRequest(method, mask_keys(path), None if token is None else mask(token))


public(ReceivedRequest, door="openrouter_credits.testing")
