"""The replies of OpenRouter's account API, without I/O."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qs

from attrs import evolve, frozen

from openrouter_credits import ApiKey
from openrouter_credits.testing._accounts import Directory, Key
from openrouter_credits.testing._bodies import key_info, managed_key
from openrouter_credits.testing._faults import Reply, error_body
from openrouter_credits.testing._settings import KeySettings
from openrouter_credits.testing._spending import Spending

_PAGE = 100
"""Number of entries on a page of `/keys`."""

_SETTINGS = ("name", "limit", "limit_reset", "expires_at", "disabled", "include_byok_in_limit")


@frozen
class Call:
    """One request: `path` is relative to the base URL, `token` is the bearer token or `None`."""

    method: str
    path: str
    query: str
    token: str | None
    body: bytes


def answer(call: Call, directory: Directory) -> Reply:
    """Carry out a request and return the reply."""
    if (call.method, call.path) == ("POST", "/credits/coinbase"):
        return Reply(410)
    is_one_key = call.path.startswith("/keys/")
    route = _ROUTES.get((call.method, "/keys/" if is_one_key else call.path))
    if route is None:
        return Reply(404)
    now = directory.now()
    key = _authenticate(call.token, directory, now)
    if isinstance(key, Reply):
        return key
    if call.path.startswith("/keys") and not key.management:
        return Reply(403)
    try:
        return route(call, key, directory, now)
    except (TypeError, ValueError) as error:
        return _refuse(400, str(error))


def _refuse(status: int, message: str) -> Reply:
    return Reply(status, error_body(status, message))


def _authenticate(token: str | None, directory: Directory, now: datetime) -> Key | Reply:
    if token is None:
        return _refuse(401, "Missing Authentication header")
    key = directory.find(token)
    if key is None or key.settings.disabled:
        return _refuse(401, "User not found.")
    if key.is_expired(now):
        return _refuse(401, "API key expired")
    return key


def _credits(_: Call, key: Key, __: Directory, ___: datetime) -> Reply:
    if key.management or key.credits_reply == "real":
        return Reply(200, {"data": {"total_credits": key.account.credits, "total_usage": key.account.usage}})
    if key.credits_reply == "zeros":
        return Reply(200, {"data": {"total_credits": 0, "total_usage": 0}})
    return Reply(403)


def _own_key(_: Call, key: Key, __: Directory, now: datetime) -> Reply:
    return Reply(200, {"data": key_info(key, now)})


def _list(call: Call, manager: Key, directory: Directory, now: datetime) -> Reply:
    query = parse_qs(call.query)
    offset = int(query.get("offset", ["0"])[0])
    if offset < 0:
        raise ValueError("offset is at least 0")
    with_disabled = query.get("include_disabled") == ["true"]
    newest_first = reversed(directory.keys_of(manager.account).values())
    keys = [
        key for key in newest_first if not key.management and (with_disabled or not key.settings.disabled)
    ]
    return Reply(200, {"data": [managed_key(key, now) for key in keys[offset : offset + _PAGE]]})


def _create(call: Call, manager: Key, directory: Directory, now: datetime) -> Reply:
    settings = KeySettings(**{"name": None, **_read_settings(call.body)})
    key = Key(
        ApiKey(directory.new_text()),
        manager.account,
        settings,
        created_at=now,
        spending=Spending(Decimal(0), now),
    )
    directory.add(key)
    return Reply(201, {"data": managed_key(key, now), "key": key.api_key.reveal()})


def _one_key(call: Call, manager: Key, directory: Directory, now: datetime) -> Reply:
    key = directory.keys_of(manager.account).get(call.path.removeprefix("/keys/"))
    if key is None or key.management:
        return Reply(404)
    if call.method == "DELETE":
        directory.remove(key)
        return Reply(200, {"deleted": True})
    if call.method == "PATCH":
        key.settings = evolve(key.settings, **_read_settings(call.body))
        key.updated_at = now
    return Reply(200, {"data": managed_key(key, now)})


def _read_settings(body: bytes) -> dict[str, Any]:
    """Read the settings in a body; ignore names that the server does not know."""
    content = json.loads(body, parse_float=Decimal)
    if not isinstance(content, dict):
        raise TypeError("the body is an object")
    settings = {name: value for name, value in cast("dict[str, Any]", content).items() if name in _SETTINGS}
    if isinstance(settings.get("limit"), str):
        raise TypeError("limit is a number")
    if isinstance(settings.get("expires_at"), str):
        settings["expires_at"] = datetime.fromisoformat(settings["expires_at"])
    return settings


_Route: TypeAlias = "Callable[[Call, Key, Directory, datetime], Reply]"

_ROUTES: dict[tuple[str, str], _Route] = {
    ("GET", "/credits"): _credits,
    ("GET", "/key"): _own_key,
    ("GET", "/auth/key"): _own_key,
    ("GET", "/keys"): _list,
    ("POST", "/keys"): _create,
    ("GET", "/keys/"): _one_key,
    ("PATCH", "/keys/"): _one_key,
    ("DELETE", "/keys/"): _one_key,
}

SERVED = ("/credits", "/credits/coinbase", "/key", "/auth/key", "/keys", "/keys/{hash}")
"""The paths that are served; `{…}` stands for any one segment."""
