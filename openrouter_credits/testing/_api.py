"""The replies of OpenRouter's API, without I/O: which paths are served, and who may ask for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import evolve

from openrouter_credits.testing._bodies import key_info
from openrouter_credits.testing._call import Call, Refused
from openrouter_credits.testing._chat import complete
from openrouter_credits.testing._directory import Directory
from openrouter_credits.testing._faults import Reply
from openrouter_credits.testing._keys import Key
from openrouter_credits.testing._lookups import (
    list_activity,
    list_budgets,
    list_workspaces,
    read_generation,
    read_workspace,
)
from openrouter_credits.testing._managed import change_key, create_key, delete_key, list_keys, read_key
from openrouter_credits.testing._paths import match
from openrouter_credits.testing._pkce import exchange_code

_Route: TypeAlias = "Callable[[Call, Directory], Reply]"
_KeyRoute: TypeAlias = "Callable[[Call, Key, Directory], Reply]"


def answer(call: Call, directory: Directory) -> Reply:
    """Carry out a request and return the reply."""
    route = _ROUTES.get((call.method, call.path))
    if route is None:
        route, call = _find_by_parts(call)
    if route is None:
        return Reply(404)
    try:
        return route(call, directory)
    except Refused as refusal:
        return refusal.reply


def _find_by_parts(call: Call) -> tuple[_Route | None, Call]:
    """Find the route whose path has parts with names, such as the `hash` of a key, and read them."""
    for (method, template), route in _ROUTES.items():
        parts = match(template, call.path) if method == call.method else None
        if parts:
            return route, evolve(call, parts=parts)
    return None, call


def _by_key(route: _KeyRoute) -> _Route:
    """Make a route for any good key."""

    def answer_to_key(call: Call, directory: Directory) -> Reply:
        return route(call, _authenticate(call, directory), directory)

    return answer_to_key


def _by_manager(route: _KeyRoute) -> _Route:
    """Make a route for management keys only."""

    def answer_to_manager(call: Call, directory: Directory) -> Reply:
        key = _authenticate(call, directory)
        if not key.management:
            return Reply(403)
        return route(call, key, directory)

    return answer_to_manager


def _authenticate(call: Call, directory: Directory) -> Key:
    if call.token is None:
        raise Refused(401, "Missing Authentication header")
    key = directory.find(call.token)
    if key is None or key.settings.disabled:
        raise Refused(401, "User not found.")
    if key.is_expired(directory.now()):
        raise Refused(401, "API key expired")
    return key


def _credits(_: Call, key: Key, __: Directory) -> Reply:
    if key.management or key.credits_reply == "real":
        return Reply(200, {"data": {"total_credits": key.account.credits, "total_usage": key.account.usage}})
    if key.credits_reply == "zeros":
        return Reply(200, {"data": {"total_credits": 0, "total_usage": 0}})
    return Reply(403)


def _own_key(_: Call, key: Key, directory: Directory) -> Reply:
    return Reply(200, {"data": key_info(key, directory.now())})


def _gone(_: Call, __: Directory) -> Reply:
    return Reply(410)


_ROUTES: dict[tuple[str, str], _Route] = {
    ("GET", "/key"): _by_key(_own_key),
    ("GET", "/credits"): _by_key(_credits),
    ("GET", "/auth/key"): _by_key(_own_key),
    ("POST", "/chat/completions"): _by_key(complete),
    ("GET", "/generation"): _by_key(read_generation),
    ("GET", "/keys"): _by_manager(list_keys),
    ("POST", "/keys"): _by_manager(create_key),
    ("GET", "/keys/{hash}"): _by_manager(read_key),
    ("PATCH", "/keys/{hash}"): _by_manager(change_key),
    ("DELETE", "/keys/{hash}"): _by_manager(delete_key),
    ("GET", "/workspaces"): _by_manager(list_workspaces),
    ("GET", "/workspaces/{ref}"): _by_manager(read_workspace),
    ("GET", "/workspaces/{ref}/budgets"): _by_manager(list_budgets),
    ("GET", "/activity"): _by_manager(list_activity),
    ("POST", "/auth/keys"): exchange_code,
    ("POST", "/credits/coinbase"): _gone,
}

SERVED: tuple[str, ...] = tuple(dict.fromkeys(template for _, template in _ROUTES))
"""The paths that are served; `{…}` stands for any one segment."""
