"""The check of a whole account, from the list of its keys."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import frozen

from openrouter_credits._batch.check import KeyCheck
from openrouter_credits._batch.report import CheckReport
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.listing import Listing, Which, require_workspaces
from openrouter_credits._call.request import make_request
from openrouter_credits._errors import NotFoundError, OpenRouterError
from openrouter_credits._models import Budget, Credits, KeyInfo, ManagedKey, Workspace, WorkspaceBudget
from openrouter_credits._secrets import ApiKey
from openrouter_credits._status.managed import budgets_of, managed_status


@frozen
class _Budgets:
    data: list[WorkspaceBudget]
    include_byok_in_budgets: bool = False


async def check_account(
    caller: Caller, manager: ApiKey, *, include_disabled: bool, include_expired: bool, workspaces: Which
) -> CheckReport:
    """Read the wallet, the keys and the budgets that they share, and judge each key."""
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    listing = Listing(caller, manager)
    which = require_workspaces(workspaces)
    if isinstance(which, Exception):
        raise which
    wallet = loop.create_task(caller.read("/credits", Credits, manager, caller.deadline_at()))
    try:
        read = [
            await _look_through(
                caller,
                manager,
                listing,
                workspace,
                include_disabled=include_disabled,
                include_expired=include_expired,
            )
            for workspace in (await listing.choose(which))[0]
        ]
        credits = await wallet
    except BaseException:
        wallet.cancel()
        await asyncio.gather(wallet, return_exceptions=True)
        raise
    reader: KeyInfo | OpenRouterError | None = None
    if isinstance(credits, Credits) and credits.is_zero:
        reader = await caller.read("/key", KeyInfo, manager, caller.deadline_at())
    now = datetime.now(UTC)
    checks: list[KeyCheck] = []
    account, elapsed = str(manager), loop.time() - began_at
    for workspace, keys, budgets, fault in read:
        for key in keys:
            status = managed_status(key, credits, reader, budgets, now)
            check = KeyCheck(
                len(checks),
                key.name,
                key.label,
                account,
                status,
                None,
                elapsed,
                managed_key=key,
                wallet_id=0,
            )
            checks.append(check)
        if fault is not None:
            name = workspace.name or workspace.slug or workspace.id
            checks.append(KeyCheck(len(checks), name, None, account, None, fault, elapsed, wallet_id=0))
    return CheckReport(tuple(checks))


async def _look_through(
    caller: Caller,
    manager: ApiKey,
    listing: Listing,
    workspace: Workspace,
    *,
    include_disabled: bool,
    include_expired: bool,
) -> tuple[Workspace, Sequence[ManagedKey], tuple[Budget, ...] | OpenRouterError, OpenRouterError | None]:
    keys: list[ManagedKey] = []
    fault: OpenRouterError | None = None
    budgets: tuple[Budget, ...] | OpenRouterError = ()
    async for key in listing.keys_of(workspace, include_disabled=True, include_expired=True):
        if isinstance(key, ManagedKey):
            keys.append(key)
        else:
            fault = key
    now = datetime.now(UTC)
    if keys and workspace.id:
        try:
            request = make_request("GET", f"/workspaces/{workspace.id}/budgets", manager)
            found = await caller.call(request, _Budgets, whole=True)
            budgets = budgets_of(found.data, keys, now, include_byok=found.include_byok_in_budgets)
        except NotFoundError:
            pass
        except OpenRouterError as error:
            budgets = error.with_traceback(None)
    wanted = [
        key
        for key in keys
        if (include_disabled or not key.disabled) and (include_expired or not key.is_expired(now))
    ]
    return workspace, wanted, budgets, fault
