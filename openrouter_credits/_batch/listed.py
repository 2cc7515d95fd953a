"""The check of a whole account, from the list of its keys."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote as quote_in_url

from attrs import define, field, frozen
from cattrs import ClassValidationError

from openrouter_credits._batch.check import KeyCheck
from openrouter_credits._batch.report import CheckReport
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.listing import Checked, Faults, Listing
from openrouter_credits._call.request import Request, make_request
from openrouter_credits._call.structure import converter, describe
from openrouter_credits._errors import (
    AuthenticationError,
    ClientClosedError,
    InvalidResponseError,
    ManagementKeyRequiredError,
    NotFoundError,
    OpenRouterError,
    PermissionDeniedError,
)
from openrouter_credits._models import Credits, KeyInfo, ManagedKey, Workspace, WorkspaceBudget
from openrouter_credits._secrets import ApiKey
from openrouter_credits._status.look import believed, of_management_key
from openrouter_credits._status.managed import Shared, managed_status, shared_by, wallet_status
from openrouter_credits._words import quote

T = TypeVar("T")

_MOST_ELEMENTS = 500
"""The most elements of a list of budgets: a workspace has four at most, of about seven fields."""
_JUDGED_AT_ONCE = 100
"""Outcomes after which other tasks have their turn: to judge 10,000 keys takes a third of a second."""
_WRONG = (TypeError, ValueError, ClassValidationError)


@frozen
class _Budgets:
    """The answer of `/workspaces/{id}/budgets`."""

    data: list[Any]
    include_byok_in_budgets: Any = None


@frozen
class _Found:
    """What was listed of a workspace."""

    workspace: Workspace
    entries: list[ManagedKey | OpenRouterError]
    """Its keys; an error stands for an entry that could not be read, or, at the end, for the rest."""
    budgets: asyncio.Task[_Budgets | OpenRouterError] | None
    """Reads its budgets; `None` if it has no keys, or if nobody knows its id."""

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
        entries = [_budget(entry, place) for place, entry in enumerate(found.data)]
        return shared_by(self.keys, entries, now, include_byok=include_byok, is_whole=not self.faults)


@define(eq=False)
class _Reading:
    """The requests of a check."""

    caller: Caller
    manager: ApiKey
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

    async def lists(self, which: Checked) -> tuple[list[_Found], OpenRouterError | None]:
        """List the keys of each workspace, and return the error that hid some of the workspaces.

        Raises:
            AuthenticationError: the key was refused.
            ClientClosedError: the client was closed.
        """
        listing = Listing(self.caller, self.manager)
        chosen: Sequence[Workspace] = ()
        fault: OpenRouterError | None
        try:
            chosen, fault = await listing.choose(which)
        except (AuthenticationError, ClientClosedError):
            raise
        except OpenRouterError as error:
            fault = error.with_traceback(None)
        return [await self._list(listing, workspace) for workspace in chosen], fault

    async def _list(self, listing: Listing, workspace: Workspace) -> _Found:
        # Also keys that are disabled or have expired: they may have spent of a budget.
        keys = listing.keys_of(workspace, include_disabled=True, include_expired=True)
        async with aclosing(keys) as found:
            entries = [each async for each in found]
        ids = {each.workspace_id for each in entries if isinstance(each, ManagedKey)}
        if workspace.id and ids:
            ids = {workspace.id}
        # The keys of the default workspace tell its id.
        request = self._budgets_request(ids.pop()) if len(ids) == 1 else None
        return _Found(workspace, entries, None if request is None else self.start(self._budgets(request)))

    def _budgets_request(self, workspace_id: str | None) -> Request | None:
        if not workspace_id:
            return None
        try:
            return make_request("GET", f"/workspaces/{quote_in_url(workspace_id, '')}/budgets", self.manager)
        except ValueError:  # a key told an id that cannot be one
            return None

    async def _budgets(self, request: Request) -> _Budgets | OpenRouterError:
        try:
            return await self.caller.call(request, _Budgets, whole=True, most=_MOST_ELEMENTS)
        except ClientClosedError:
            raise
        except OpenRouterError as error:
            return error.with_traceback(None)

    async def _read(self, path: str, into: type[T]) -> T | OpenRouterError:
        return await self.caller.read(path, into, self.manager, self.caller.deadline_at())


async def check_account(
    caller: Caller, manager: ApiKey, *, include_disabled: bool, include_expired: bool, workspaces: Checked
) -> CheckReport:
    """Read the wallet, the keys and the budgets that they share, and judge each key.

    Args:
        caller: makes the calls.
        manager: the management key.
        include_disabled: whether to tell of keys that are disabled.
        include_expired: whether to tell of keys that have expired.
        workspaces: the workspaces to read.

    Raises:
        OpenRouterError: the management key was refused, or is none; or neither a key nor the wallet could be
            read.
    """
    clock = asyncio.get_running_loop().time
    began_at = clock()
    reading = _Reading(caller, manager)
    try:
        wallet_task = reading.start(reading.wallet())
        lists, hidden = await reading.lists(workspaces)
        wallet = await wallet_task
        now = datetime.now(UTC)
        shared = [await found.shared(now) for found in lists]
    finally:
        await reading.stop()
    _require_something(wallet, lists, hidden)
    account = str(manager)
    outcome = partial(KeyCheck, account=account, elapsed=clock() - began_at, wallet_id=0)
    checks: list[KeyCheck] = []
    for found, budgets in zip(lists, shared, strict=True):
        for each in found.entries:
            if isinstance(each, OpenRouterError):
                checks.append(outcome(len(checks), found.name, None, status=None, error=each))
            elif (include_disabled or not each.disabled) and (include_expired or not each.is_expired(now)):
                status = managed_status(each, wallet, budgets, now)
                checks.append(
                    outcome(len(checks), each.name, each.label, status=status, error=None, managed_key=each)
                )
                if len(checks) % _JUDGED_AT_ONCE == 0:
                    await asyncio.sleep(0)
    if hidden is not None:
        checks.append(outcome(len(checks), "workspaces", None, status=None, error=hidden))
    if all(check.status is None for check in checks):  # no key tells of the wallet
        if isinstance(wallet, OpenRouterError):
            checks.append(outcome(len(checks), None, account, status=None, error=wallet))
        else:
            of_wallet = wallet_status(wallet, now)
            checks.append(outcome(len(checks), None, account, status=of_wallet, error=None))
    return CheckReport(tuple(checks))


def _require_something(
    wallet: Credits | OpenRouterError, lists: Sequence[_Found], hidden: OpenRouterError | None
) -> None:
    """Raise all errors in one, if neither a key nor the wallet was read, or if an ordinary key was given."""
    if any(found.keys for found in lists):
        return
    firsts = [found.faults[0] if found.faults else None for found in lists]
    is_ordinary = bool(firsts) and all(isinstance(each, ManagementKeyRequiredError) for each in firsts)
    if is_ordinary or isinstance(wallet, OpenRouterError):
        faults = Faults()
        for error in (*[each for found in lists for each in found.faults], hidden, wallet):
            if isinstance(error, OpenRouterError):
                faults.add(error)
        faults.raise_them()


def _budget(entry: object, place: int) -> WorkspaceBudget | InvalidResponseError:
    try:
        return converter.structure(entry, WorkspaceBudget)
    except _WRONG as error:
        return InvalidResponseError(f"200, but {quote(describe(error, f'$.data[{place}]'), None)}")
