"""Requests about the keys of an account, so far without its management key.

An error is returned, and quotes nothing: a caller may have passed a key by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from openrouter_credits._arguments import checked, require_dollars, require_flag
from openrouter_credits._call.request import Request, make_request
from openrouter_credits._masking import scrub
from openrouter_credits._models.moments import utc

_HASH = re.compile(r"(?!sk-)[A-Za-z0-9_-]{1,200}")
"""OpenRouter's own are SHA-256 in hexadecimal."""


def key_request(
    method: str, key_hash: object, changes: Mapping[str, object] | None = None
) -> Request | TypeError | ValueError:
    """Make the request that reads, changes or deletes one key; `...` leaves a setting as it is."""
    if not isinstance(key_hash, str):
        return TypeError(f"hash is a str, not {type(key_hash).__name__}")
    if not _HASH.fullmatch(key_hash) or scrub(key_hash) != key_hash:
        return ValueError(
            "hash is ManagedKey.hash (letters and digits), and neither a path nor the key itself"
        )
    if changes is None:
        return make_request(method, f"/keys/{key_hash}", None)
    settings = _as_json({name: value for name, value in changes.items() if value is not ...})
    if isinstance(settings, Exception):
        return settings
    if not settings:
        return ValueError(f"there is nothing to change: give one of {', '.join(changes)}")
    return make_request(method, f"/keys/{key_hash}", None, json_body=settings)


def create_request(name: object, settings: Mapping[str, object]) -> Request | TypeError | ValueError:
    """Make the request that makes a key; a setting that is `None` is left out."""
    given = {name: value for name, value in settings.items() if value is not None}
    document = _as_json({"name": name, **given})
    if isinstance(document, Exception):
        return document
    return make_request("POST", "/keys", None, json_body=document)


def _as_json(settings: Mapping[str, object]) -> Mapping[str, Any] | TypeError | ValueError:
    """Return checked settings, as OpenRouter takes them."""
    document: dict[str, Any] = {}
    for name, value in settings.items():
        written = checked(_WRITERS[name], name, value)
        if isinstance(written, TypeError | ValueError):
            return written
        document[name] = written
    return document


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is a str, not {type(value).__name__}")
    if not value.strip():
        raise ValueError(f"{name} is blank")
    if scrub(value) != value:
        raise ValueError(f"{name} has a key in it")
    return value


def _text_or_none(name: str, value: object) -> str | None:
    return None if value is None else _text(name, value)


def _amount_or_none(name: str, value: Any) -> int | float | None:
    """Return the JSON number that is exactly this amount; OpenRouter reads it as a double."""
    if value is None:
        return None
    amount = require_dollars(value)
    if amount < 0:
        raise ValueError(f"{name} is at least 0")
    number = float(amount)
    if Decimal(repr(number)) != amount:
        raise ValueError(f"{name} has more digits than OpenRouter keeps, which is 15")
    return int(amount) if number.is_integer() else number


def _moment(name: str, value: object) -> str:
    if isinstance(value, datetime):
        return utc(value).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{name} is an aware datetime, not {type(value).__name__}")


_WRITERS: Mapping[str, Callable[[str, Any], Any]] = {
    "name": _text,
    "disabled": require_flag,
    "limit": _amount_or_none,
    "limit_reset": _text_or_none,
    "expires_at": _moment,
    "include_byok_in_limit": require_flag,
    "workspace_id": _text,
}
