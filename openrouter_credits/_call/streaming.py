"""Streams of workspaces and keys, whose faults are raised when all that can be read was yielded."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from openrouter_credits._call.caller import Caller
from openrouter_credits._call.listing import Faults, Listing
from openrouter_credits._call.selection import Selection
from openrouter_credits._models import ManagedKey, Workspace
from openrouter_credits._secrets import ApiKey


async def stream_workspaces(caller: Caller, manager: Callable[[], ApiKey]) -> AsyncGenerator[Workspace, None]:
    """Yield the workspaces of the account of a management key.

    Raises:
        OpenRouterError: the first fault, with the others in its `problems`.
    """
    faults = Faults()
    async with aclosing(Listing(caller, manager()).workspaces()) as found:
        async for each in found:
            if isinstance(each, Workspace):
                yield each
            else:
                faults.add(each)
    faults.raise_them()


async def stream_keys(
    caller: Caller, manager: Callable[[], ApiKey], selection: Selection | TypeError | ValueError
) -> AsyncGenerator[ManagedKey, None]:
    """Yield the keys of the account of a management key, workspace by workspace.

    Args:
        caller: makes the calls.
        manager: returns the management key, or raises.
        selection: the keys to yield; an error is raised.

    Raises:
        OpenRouterError: the first fault, with the others in its `problems`.
    """
    if isinstance(selection, Exception):
        raise selection
    listing, faults = Listing(caller, manager()), Faults()
    chosen, fault = await listing.choose(selection.workspaces)
    if fault is not None:
        faults.add(fault)
    for workspace in chosen:
        async with aclosing(listing.keys_of(workspace, selection)) as found:
            async for each in found:
                if isinstance(each, ManagedKey):
                    yield each
                else:
                    faults.add(each)
    faults.raise_them()
