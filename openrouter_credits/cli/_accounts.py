"""Whole accounts: all keys of each are checked, from the list that its management key can read."""

from __future__ import annotations

import asyncio
from copy import copy
from typing import TYPE_CHECKING

from attrs import evolve

from openrouter_credits import (
    ApiKey,
    APITimeoutError,
    CheckReport,
    ConfigurationError,
    KeyCheck,
    KeySpec,
    OpenRouterError,
)
from openrouter_credits.cli._exits import warn
from openrouter_credits.cli._keyspecs import WholeAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from openrouter_credits import CreditsClient
    from openrouter_credits.cli._options import Reading

_AT_ONCE = 8
"""Accounts under way at once: each sends a few requests, most of them one after the other."""


def divide(entries: Iterable[KeySpec | WholeAccount]) -> tuple[list[KeySpec], list[WholeAccount]]:
    """Divide the entries of a source into keys and whole accounts.

    Accounts with the same management key are one: it is listed once, and its wallet has one name, also where
    that key stands among the keys.
    """
    specs: list[KeySpec] = []
    accounts: list[WholeAccount] = []
    for entry in entries:
        if isinstance(entry, KeySpec):
            specs.append(entry)
        else:
            accounts.append(entry)
    names: dict[object, str] = {}
    for spec in reversed(specs):
        if spec.account is not None:
            # without a management key, the key itself may be one
            names[spec.management_key or spec.api_key] = spec.account
    different: dict[object, WholeAccount] = {}
    for account in accounts:
        key = account.management_key
        if key in different:
            warn(f"{account.name} has the management key of {different[key].name}: its keys are listed once.")
        elif isinstance(key, ApiKey):
            different[key] = evolve(account, name=names.get(key, account.name))
        else:
            different[object()] = account
    for place, spec in enumerate(specs):
        if spec.account is None and spec.api_key in different:
            specs[place] = evolve(spec, account=different[spec.api_key].name)
    return specs, list(different.values())


async def collect_accounts(
    client: CreditsClient,
    accounts: Sequence[WholeAccount],
    take: Callable[[int, CheckReport], None],
    reading: Reading,
) -> None:
    """Check whole accounts, and pass the place and the report of each to `take` as soon as it is known."""
    turns = asyncio.Semaphore(_AT_ONCE)
    ends_at = None if reading.deadline is None else asyncio.get_running_loop().time() + reading.deadline

    async def collect_one(place: int, account: WholeAccount) -> None:
        async with turns:
            report = await _check(client, account, reading, ends_at)
        take(place, report)

    await asyncio.gather(*(collect_one(*each) for each in enumerate(accounts)))


async def _check(
    client: CreditsClient, account: WholeAccount, reading: Reading, ends_at: float | None
) -> CheckReport:
    """Check an account; if that fails, its one outcome is the error, which judges no key."""
    loop = asyncio.get_running_loop()
    key, began_at = account.management_key, loop.time()
    fault: OpenRouterError
    if isinstance(key, ConfigurationError):
        fault = key
    else:
        try:
            async with asyncio.timeout_at(ends_at):
                report = await client.with_key(key).account.check(
                    include_disabled=reading.all_keys, include_expired=reading.all_keys
                )
            return CheckReport(tuple([evolve(check, account=account.name) for check in report.checks]))
        except OpenRouterError as error:
            fault = error
        except TimeoutError:
            fault = APITimeoutError(
                f"The keys could not all be listed within {reading.deadline:g} s",
                remedy="Allow more time (--deadline), or try again.",
            )
    fault = copy(fault)  # without its traceback
    fault.is_of_management_key = True
    label = str(key) if isinstance(key, ApiKey) else None
    elapsed = loop.time() - began_at
    return CheckReport((KeyCheck(0, account.name, label, account.name, None, fault, elapsed, wallet_id=0),))


def fault_of(accounts: Sequence[WholeAccount], report: CheckReport) -> OpenRouterError | None:
    """Return why the only account could not be listed: then the report has one outcome, of its name."""
    if len(accounts) != 1 or [check.name for check in report.checks] != [accounts[0].name]:
        return None
    return report.checks[0].error
