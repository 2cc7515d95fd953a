"""The requests of the check of an account: the wallet, and of each workspace its budgets and its keys."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote as quote_in_url

from attrs import define, evolve, field, frozen

from openrouter_credits._call.caller import Caller
from openrouter_credits._call.listing import Listing
from openrouter_credits._call.request import Request, make_request
from openrouter_credits._call.selection import Selection
from openrouter_credits._call.structure import structure_entry
from openrouter_credits._errors import (
    AuthenticationError,
    ClientClosedError,
    NotFoundError,
    OpenRouterError,
    PermissionDeniedError,
)
from openrouter_credits._models import Credits, KeyInfo, ManagedKey, Workspace, WorkspaceBudget
from openrouter_credits._secrets import ApiKey
from openrouter_credits._status.look import believed, of_management_key
from openrouter_credits._status.managed import Shared, shared_by

T = TypeVar("T")

_MOST_ELEMENTS = 500
"""The most elements of a list of budgets: a workspace has four at most, of about seven fields."""


@frozen
class _Budgets:
    """The answer of `/workspaces/{id}/budgets`."""

    data: list[Any]
    include_byok_in_budgets: Any = None


@frozen
class Found:
    """A workspace, and its keys as they were listed."""

    workspace: Workspace
    entries: list[ManagedKey | OpenRouterError]
    """Its keys; an error stands for an entry that could not be read, or, at the end, for the rest."""
    budgets: asyncio.Task[_Budgets | OpenRouterError] | None
    """Reads its budgets; `None` if nobody knows its id."""

    @property
    def name(self) -> str:
        """The name of the workspace, or else its id."""
        return self.workspace.name or self.workspace.slug or self.workspace.id

    @property
    def keys(self) -> list[ManagedKey]:
        return [each for each in self.entries if isinstance(each, ManagedKey)]

    @property
    def faults(self) -> list[OpenRouterError]:
        return [each for each in self.entries if isinstance(each, OpenRouterError)]

    async def shared(self, now: datetime) -> Shared:
        """Tell what its keys share."""
        found = None if self.budgets is None else await self.budgets
        if found is None:
            return Shared(None)
        if isinstance(found, OpenRouterError):
            is_none = isinstance(found, NotFoundError)
            if not self.workspace.id:  # of the default workspace: this key may list no workspaces
                is_none = is_none or isinstance(found, PermissionDeniedError)
            return Shared() if is_none else Shared(None, {"budgets": of_management_key(found)})
        include_byok = found.include_byok_in_budgets
        if not isinstance(include_byok, bool):
            include_byok = self.workspace.include_byok_in_budgets is True
        entries = [
            structure_entry(entry, WorkspaceBudget, f"$.data[{place}]", None)
            for place, entry in enumerate(found.data)
        ]
        return shared_by(self.keys, entries, now, include_byok=include_byok, is_whole=not self.faults)


@define(eq=False)
class AccountReads:
    """The requests of a check."""

    caller: Caller
    manager: ApiKey
    selection: Selection
    tasks: list[asyncio.Task[Any]] = field(init=False, factory=list)

    def start(self, reading: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin to read beside all else."""
        task = asyncio.get_running_loop().create_task(reading)
        self.tasks.append(task)
        return task

    async def stop(self) -> None:
        """End what is still under way, and wait until it has ended."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def wallet(self) -> Credits | OpenRouterError:
        """Read the wallet; a 0/0 takes one more request."""
        credits = await self._read("/credits", Credits)
        if isinstance(credits, OpenRouterError):
            return of_management_key(credits)
        return believed(credits, await self._read("/key", KeyInfo) if credits.is_zero else None)

    async def lists(self) -> tuple[list[Found], OpenRouterError | None]:
        """List the keys of each workspace, and return the error that hid some of the workspaces.

        Raises:
            AuthenticationError: the key was refused.
            ClientClosedError: the client was closed.
        """
        listing = Listing(self.caller, self.manager)
        chosen: Sequence[Workspace] = ()
        fault: OpenRouterError | None
        try:
            chosen, fault = await listing.choose(self.selection.workspaces)
        except (AuthenticationError, ClientClosedError):
            raise
        except OpenRouterError as error:
            fault = error.with_traceback(None)
        budgets = [self._budgets_of(workspace.id) for workspace in chosen]  # of all at once
        lists = zip(chosen, budgets, strict=True)
        return [await self._list(listing, workspace, task) for workspace, task in lists], fault

    async def _list(
        self, listing: Listing, workspace: Workspace, budgets: asyncio.Task[_Budgets | OpenRouterError] | None
    ) -> Found:
        # Keys that nobody asked for may have spent of a budget. Where there is none, they are not listed:
        # an account that renews its keys has many more that have expired.
        is_shared = budgets is None or _has_budgets(await budgets)
        selection = self.selection
        if is_shared:
            selection = evolve(selection, include_disabled=True, include_expired=True)
        async with aclosing(listing.keys_of(workspace, selection)) as found:
            entries = [each async for each in found]
        if budgets is None:  # the keys of the default workspace tell its id
            ids = {each.workspace_id for each in entries if isinstance(each, ManagedKey)}
            budgets = self._budgets_of(ids.pop()) if len(ids) == 1 else None
        return Found(workspace, entries, budgets)

    def _budgets_of(self, workspace_id: str | None) -> asyncio.Task[_Budgets | OpenRouterError] | None:
        """Begin to read the budgets of a workspace, unless its id is not known."""
        if not workspace_id:
            return None
        try:
            path = f"/workspaces/{quote_in_url(workspace_id, '')}/budgets"
            request = make_request("GET", path, self.manager)
        except ValueError:  # a key told an id that cannot be one
            return None
        return self.start(self._budgets(request))

    async def _budgets(self, request: Request) -> _Budgets | OpenRouterError:
        try:
            return await self.caller.call(request, _Budgets, whole=True, most=_MOST_ELEMENTS)
        except ClientClosedError:
            raise
        except OpenRouterError as error:
            return error.with_traceback(None)

    async def _read(self, path: str, into: type[T]) -> T | OpenRouterError:
        return await self.caller.read(path, into, self.manager, self.caller.deadline_at())


def _has_budgets(found: _Budgets | OpenRouterError) -> bool:
    return isinstance(found, _Budgets) and bool(found.data)
