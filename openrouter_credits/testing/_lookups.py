"""Replies that only tell: workspaces, their budgets, activity, and one generation."""

from __future__ import annotations

from openrouter_credits.testing._activity import Origin, is_listed
from openrouter_credits.testing._arguments import parse_day
from openrouter_credits.testing._bodies import workspace_data
from openrouter_credits.testing._call import Call, Refused
from openrouter_credits.testing._directory import Directory
from openrouter_credits.testing._faults import Reply
from openrouter_credits.testing._generations import generation_data
from openrouter_credits.testing._keys import Key
from openrouter_credits.testing._managed import workspace_by_id
from openrouter_credits.testing._spending import iso
from openrouter_credits.testing._workspaces import FakeWorkspace

_LARGEST_PAGE = 100
_PAGE = 50
"""Number of entries on a page of `/workspaces`, unless the query says another."""


def list_workspaces(call: Call, manager: Key, _: Directory) -> Reply:
    """Answer `GET /workspaces`."""
    offset = call.number("offset", 0, least=0)
    limit = call.number("limit", _PAGE, least=1, most=_LARGEST_PAGE)
    every = manager.account.books.workspaces
    page = [workspace_data(workspace) for workspace in every[offset : offset + limit]]
    return Reply(200, {"data": page, "total_count": len(every)})


def read_workspace(call: Call, manager: Key, _: Directory) -> Reply:
    """Answer `GET /workspaces/{ref}`."""
    return Reply(200, {"data": workspace_data(_by_ref(call, manager))})


def list_budgets(call: Call, manager: Key, _: Directory) -> Reply:
    """Answer `GET /workspaces/{ref}/budgets`: 404 for a workspace without budgets."""
    workspace = _by_ref(call, manager)
    if not workspace.budgets:
        raise Refused(404, "Resource not found")
    budgets = [
        {
            "id": budget.id,
            "workspace_id": workspace.id,
            "limit_usd": budget.limit_usd,
            "reset_interval": budget.reset_interval,
            "created_at": iso(budget.created_at),
            "updated_at": iso(budget.created_at),
        }
        for budget in workspace.budgets.values()
    ]
    return Reply(200, {"data": budgets, "include_byok_in_budgets": False})


def list_activity(call: Call, manager: Key, directory: Directory) -> Reply:
    """Answer `GET /activity`: the last 30 completed UTC days, or one of them."""
    now, books = directory.now(), manager.account.books
    date, user_id = call.parameter("date"), call.parameter("user_id")
    key_hash, workspace_id = call.parameter("api_key_hash"), call.parameter("workspace_id")
    group_by = call.parameter("group_by")
    day = None if date is None else parse_day(date)
    if date is not None and (day is None or not is_listed(day, now)):
        raise Refused(400, "Date must be within the last 30 (completed) UTC days")
    if group_by not in {None, "workspace"}:
        raise Refused(400, "group_by is workspace, or absent")
    if key_hash is not None and key_hash not in books.keys and not books.activity.knows_key(key_hash):
        raise Refused(404, "API key not found")
    if workspace_id is not None:
        workspace_by_id(manager.account, workspace_id)

    def is_wanted(origin: Origin) -> bool:
        return (
            (is_listed(origin.day, now) if day is None else origin.day == day)
            and key_hash in {None, origin.key_hash}
            and user_id in {None, origin.user_id}
            and workspace_id in {None, origin.workspace_id}
        )

    return Reply(200, {"data": books.activity.rows(is_wanted, by_workspace=group_by == "workspace")})


def read_generation(call: Call, key: Key, directory: Directory) -> Reply:
    """Answer `GET /generation` to any key of the account; 404 at first, if the account says so."""
    id_ = call.parameter("id")
    if id_ is None:
        raise Refused(400, "id is missing")
    generation = key.account.books.generations.get(id_)
    if generation is None:
        raise Refused(404, "Generation not found")
    if (directory.now() - generation.created_at).total_seconds() < key.account.generation_delay:
        raise Refused(404, "Generation not found")
    return Reply(200, {"data": generation_data(generation)})


def _by_ref(call: Call, manager: Key) -> FakeWorkspace:
    ref = call.parts["ref"]
    for workspace in manager.account.books.workspaces:
        if ref in {workspace.id, workspace.slug}:
            return workspace
    raise Refused(404, "Workspace not found")
