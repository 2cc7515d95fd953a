"""The keys of an account, workspace by workspace, as its management key may list them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from functools import partial
from typing import Any, Literal

from openrouter_credits._call.caller import Caller
from openrouter_credits._call.pages import MOST_ELEMENTS, Page, entries
from openrouter_credits._call.request import make_request
from openrouter_credits._call.structure import converter
from openrouter_credits._errors import NotFoundError, PermissionDeniedError
from openrouter_credits._models import ManagedKey, Workspace
from openrouter_credits._secrets import ApiKey

Which = Literal["all", "default"] | Iterable[str]
"""The workspaces to read: all, the default one, or those of these ids."""
DEFAULT = Workspace("", "default")
"""Stands for the default workspace, whose id is not known."""


class Listing:
    """Lists workspaces and keys with one management key."""

    def __init__(self, caller: Caller, key: ApiKey) -> None:
        self._caller = caller
        self._key = key

    async def workspaces(self) -> AsyncGenerator[Workspace, None]:
        """Yield the workspaces of the account."""
        async for entry in entries(partial(self._page, "/workspaces", limit=100), lambda entry: entry["id"]):
            yield converter.structure(entry, Workspace)

    async def choose(self, which: Which) -> Sequence[Workspace]:
        """Find the workspaces to read; if nobody may list them, the default one."""
        if which == "default":
            return [DEFAULT]
        if which != "all":
            return [Workspace(each) for each in which]
        try:
            return [workspace async for workspace in self.workspaces()] or [DEFAULT]
        except (PermissionDeniedError, NotFoundError):
            return [DEFAULT]

    async def keys_of(
        self, workspace: Workspace, *, include_disabled: bool, include_expired: bool
    ) -> AsyncGenerator[ManagedKey, None]:
        """Yield the keys of a workspace."""
        params: dict[str, Any] = {"include_disabled": include_disabled, "include_expired": include_expired}
        if workspace.id:
            params["workspace_id"] = workspace.id
        async for entry in entries(partial(self._page, "/keys", **params), lambda entry: entry["hash"]):
            yield converter.structure(entry, ManagedKey)

    async def _page(self, path: str, offset: int, **params: Any) -> Page:
        request = make_request("GET", path, self._key, {"offset": offset, **params})
        return await self._caller.call(request, Page, whole=True, most=MOST_ELEMENTS)
