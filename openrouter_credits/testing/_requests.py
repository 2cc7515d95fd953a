"""What arrived, without the keys that came along."""

from __future__ import annotations

import re

from attrs import frozen

from openrouter_credits import ApiKey, InvalidKeyError

_KEY_TEXT = re.compile(r"sk-or-[\w-]+")


@frozen
class ReceivedRequest:
    """A request that arrived."""

    method: str
    """Such as `GET`."""
    path: str
    """Below the base URL, without the query: `/credits`; a path outside of the base URL is given whole."""
    key: str | None
    """The key, masked; `None` if there was none."""


def parse_bearer(header: str | None) -> str | None:
    """Read the token of an `Authorization` header; `None` if it is of another scheme, or empty."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def record(method: str, path: str, token: str | None) -> ReceivedRequest:
    """Keep a request, with a mask for each key."""
    if "sk-or-" in path:
        path = _KEY_TEXT.sub(lambda found: _mask(found.group()), path)
    return ReceivedRequest(method, path, None if token is None else _mask(token))


def _mask(token: str) -> str:
    try:
        return str(ApiKey(token))
    except InvalidKeyError:
        return "***"
