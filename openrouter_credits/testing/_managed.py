"""The keys of an account, as a management key lists, makes, changes and deletes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, cast

from attrs import evolve

from openrouter_credits.testing._bodies import managed_key
from openrouter_credits.testing._call import Call, Refused
from openrouter_credits.testing._directory import Directory
from openrouter_credits.testing._faults import Reply
from openrouter_credits.testing._keys import Account, Books, Key, Listing
from openrouter_credits.testing._settings import KeySettings
from openrouter_credits.testing._workspaces import FakeWorkspace

_PAGE = 100
"""Number of entries on a page of `/keys`."""

_CHANGEABLE = ("name", "limit", "limit_reset", "expires_at", "disabled", "include_byok_in_limit")


def list_keys(call: Call, manager: Key, directory: Directory) -> Reply:
    """Answer `GET /keys`: the ordinary keys of one workspace, newest first."""
    now = directory.now()
    offset = call.number("offset", 0, least=0)
    with_disabled, with_expired = call.flag("include_disabled"), call.flag("include_expired")
    workspace = workspace_by_id(manager.account, call.parameter("workspace_id"))
    keys = _listed(
        manager.account.books, workspace, now, with_disabled=with_disabled, with_expired=with_expired
    )
    return Reply(200, {"data": [managed_key(key, now) for key in keys[offset : offset + _PAGE]]})


def _listed(
    books: Books, workspace: FakeWorkspace, now: datetime, *, with_disabled: bool, with_expired: bool
) -> list[Key]:
    """List keys newest first; the list is kept for the next pages, so that each costs the same."""
    wanted = workspace.id, with_disabled, with_expired
    kept = books.listings.get(wanted)
    if kept is None or not kept.holds(now):
        keys = [
            key
            for key in reversed(books.keys.values())
            if not key.management
            and key.workspace is workspace
            and (with_disabled or not key.settings.disabled)
            and (with_expired or not key.is_expired(now))
        ]
        ends = [key.settings.expires_at for key in keys if key.settings.expires_at and not with_expired]
        books.listings[wanted] = kept = Listing(keys, now, min(ends, default=None))
    return kept.keys


def create_key(call: Call, manager: Key, directory: Directory) -> Reply:
    """Answer `POST /keys`: the one reply that has the key's text."""
    document = call.document()
    if document.get("name") is None:
        raise Refused(400, "name is missing")
    workspace = workspace_by_id(manager.account, _workspace_id(document))
    creator, external_user = document.get("creator_user_id"), _external_user(document)
    values = {**_settings(document), "creator_user_id": creator, "external_user": external_user}
    key = directory.make_key(manager.account, workspace, _checked(KeySettings, values))
    return Reply(201, {"data": managed_key(key, directory.now()), "key": key.api_key.reveal()})


def read_key(call: Call, manager: Key, directory: Directory) -> Reply:
    """Answer `GET /keys/{hash}`."""
    return Reply(200, {"data": managed_key(_by_hash(call, manager), directory.now())})


def change_key(call: Call, manager: Key, directory: Directory) -> Reply:
    """Answer `PATCH /keys/{hash}`; a key that moves to another workspace shares the budgets there."""
    key = _by_hash(call, manager)
    document = call.document()
    workspace = key.workspace
    if "workspace_id" in document:
        workspace = workspace_by_id(manager.account, _workspace_id(document))
    key.settings = _checked(partial(evolve, key.settings), _settings(document))
    key.workspace = workspace
    key.updated_at = now = directory.now()
    manager.account.books.listings.clear()
    return Reply(200, {"data": managed_key(key, now)})


def delete_key(call: Call, manager: Key, directory: Directory) -> Reply:
    """Answer `DELETE /keys/{hash}`."""
    directory.remove(_by_hash(call, manager))
    return Reply(200, {"deleted": True})


def workspace_by_id(account: Account, id_: str | None) -> FakeWorkspace:
    """Find a workspace of an account; without an id, the default one."""
    workspaces = account.books.workspaces
    if id_ is None:
        return workspaces[0]
    found = next((workspace for workspace in workspaces if workspace.id == id_), None)
    if found is None:
        raise Refused(404, "Workspace not found")
    return found


def _by_hash(call: Call, manager: Key) -> Key:
    key = manager.account.books.keys.get(call.parts["hash"])
    if key is None or key.management:
        raise Refused(404, "Resource not found")
    return key


def _workspace_id(document: dict[str, Any]) -> str | None:
    id_ = document.get("workspace_id")
    if id_ is not None and not isinstance(id_, str):
        raise Refused(400, "workspace_id is a text")
    return id_


def _external_user(document: dict[str, Any]) -> Any:
    external = document.get("external")
    if external is None:
        return None
    if not isinstance(external, dict) or "user" not in external:
        raise Refused(400, "external is an object that has a user")
    return cast("dict[str, Any]", external)["user"]


def _settings(document: dict[str, Any]) -> dict[str, Any]:
    """Pick the settings that a body has; names that the server does not know are ignored."""
    settings = {name: value for name, value in document.items() if name in _CHANGEABLE}
    limit = settings.get("limit")
    if isinstance(limit, bool) or not isinstance(limit, int | Decimal | None):
        raise Refused(400, "limit is a number")
    if isinstance(settings.get("expires_at"), str):
        settings["expires_at"] = _to_time(settings["expires_at"])
    return settings


def _to_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        problem = Refused(400, "expires_at is a time of ISO 8601, such as 2026-12-31T23:59:59Z")
    raise problem


def _checked(make: Callable[..., KeySettings], values: dict[str, Any]) -> KeySettings:
    try:
        return make(**values)
    except (TypeError, ValueError) as error:
        problem = Refused(400, str(error))
    raise problem
