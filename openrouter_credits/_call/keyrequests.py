"""Requests about the keys of an account. An error is returned, since a caller may have passed a key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import EllipsisType
from typing import Any

from openrouter_credits._arguments import require_dollars
from openrouter_credits._call.request import Request, make_request
from openrouter_credits._masking import scrub
from openrouter_credits._models.moments import utc
from openrouter_credits._secrets import ApiKey

_HASH = re.compile(r"[A-Za-z0-9_-]{1,200}")
_LONGEST_NAME = 1000


def managed_key_request(
    method: str, key_hash: object, key: ApiKey, changes: Mapping[str, Any] | Exception | None = None
) -> Request | TypeError | ValueError:
    """Make a request about one key of the account."""
    if isinstance(changes, TypeError | ValueError):
        return changes
    if not isinstance(key_hash, str):
        return TypeError(f"the hash of a key is a str, not {type(key_hash).__name__}")
    if not _HASH.fullmatch(key_hash) or scrub(key_hash) != key_hash:
        return ValueError("the hash of a key is ManagedKey.hash: letters and digits, and not the key itself")
    return make_request(method, f"/keys/{key_hash}", key, json_body=changes)


def create_request(settings: Mapping[str, Any] | Exception, key: ApiKey) -> Request | TypeError | ValueError:
    """Make the request that creates a key."""
    if isinstance(settings, TypeError | ValueError):
        return settings
    return make_request("POST", "/keys", key, json_body=settings)


def settings_of(**values: object) -> Mapping[str, Any] | TypeError | ValueError:
    """Check the settings of a key, and return those that are given as JSON values; `...` is not given."""
    given: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, EllipsisType):
            continue
        try:
            given[name] = _CHECKS[name](name, value)
        except (TypeError, ValueError) as error:
            return error.with_traceback(None)
    return given


def _limit(name: str, value: Any) -> int | float | None:
    if value is None:
        return None
    amount = require_dollars(value)
    if amount < 0:
        raise ValueError(f"{name} is at least 0")
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _name(name: str, value: object) -> str:
    text = _text(name, value)
    if not text.strip() or len(text) > _LONGEST_NAME:
        raise ValueError(f"{name} is not blank, and has at most {_LONGEST_NAME} characters")
    if scrub(text) != text:
        raise ValueError(f"{name} has a key in it")
    return text


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"{name} is a str, not {type(value).__name__}")


def _optional_text(name: str, value: object) -> str | None:
    return None if value is None else _text(name, value)


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise TypeError(f"{name} is True or False, not {type(value).__name__}")


def _moment(name: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return utc(value).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{name} is an aware datetime, not {type(value).__name__}")


_CHECKS = {
    "name": _name,
    "disabled": _flag,
    "limit": _limit,
    "limit_reset": _optional_text,
    "expires_at": _moment,
    "include_byok_in_limit": _flag,
    "workspace_id": _text,
}
