"""The check of a whole account, from the list of its keys."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from openrouter_credits._batch.check import KeyCheck
from openrouter_credits._batch.listreads import AccountReads, Found
from openrouter_credits._batch.report import CheckReport
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.listing import Faults
from openrouter_credits._call.selection import Selection
from openrouter_credits._errors import (
    ClientClosedError,
    ConfigurationError,
    ManagementKeyRequiredError,
    OpenRouterError,
)
from openrouter_credits._models import Credits
from openrouter_credits._secrets import ApiKey
from openrouter_credits._status.look import of_management_key
from openrouter_credits._status.managed import managed_status, wallet_status

_JUDGED_AT_ONCE = 100
"""Outcomes after which other tasks have their turn: to judge 10,000 keys takes a third of a second."""


async def check_account(caller: Caller, manager: ApiKey, selection: Selection) -> CheckReport:
    """Read the wallet, the keys and the budgets that they share, and judge each key.

    Args:
        caller: makes the calls.
        manager: the management key.
        selection: the keys to tell of.

    Raises:
        OpenRouterError: the management key was refused, or is none; or neither a key nor the wallet could be
            read.
    """
    try:
        return await _check(caller, manager, selection)
    except (ClientClosedError, ConfigurationError):
        raise
    except OpenRouterError as error:
        fault = error if error.is_of_management_key else of_management_key(error)
    try:
        raise fault
    finally:
        del fault  # its traceback holds this frame


async def _check(caller: Caller, manager: ApiKey, selection: Selection) -> CheckReport:
    clock = asyncio.get_running_loop().time
    began_at = clock()
    reading = AccountReads(caller, manager, selection)
    try:
        wallet_task = reading.start(reading.wallet())
        lists, hidden = await reading.lists()
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
            elif selection.has(each, now):
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
    wallet: Credits | OpenRouterError, lists: Sequence[Found], hidden: OpenRouterError | None
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
