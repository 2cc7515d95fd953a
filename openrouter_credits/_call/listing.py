"""The keys of an account, workspace by workspace, as its management key may list them."""

from __future__ import annotations

import copy
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Any

from attrs import frozen

from openrouter_credits._call.caller import Caller
from openrouter_credits._call.pages import MOST_ELEMENTS, PAGE_SIZE, Page, new_entries
from openrouter_credits._call.request import make_request
from openrouter_credits._call.selection import WORKSPACE_ID, Selection, Workspaces
from openrouter_credits._call.structure import structure_entry
from openrouter_credits._errors import (
    AddressNotAllowedError,
    APIConnectionError,
    AuthenticationError,
    ClientClosedError,
    EdgeRefusedError,
    InvalidResponseError,
    NotFoundError,
    OpenRouterError,
    PermissionDeniedError,
)
from openrouter_credits._models import ManagedKey, Workspace
from openrouter_credits._secrets import ApiKey

DEFAULT = Workspace("", "default")
"""Stands for the default workspace where its id is not known."""

_NOT_BLANK = re.compile(r"\S")
_MOST_KEPT = 100
_MOST_SILENT = 2
"""Workspaces in a row that may have no answer: one of them may be the fault of that workspace."""


@frozen
class _Kind:
    """A kind of list."""

    path: str
    name: str
    """The field that names an entry."""
    model: type[ManagedKey | Workspace]
    is_name: Callable[[str], object]
    """Tells whether a text can be the name of an entry."""


_KEYS = _Kind("/keys", "hash", ManagedKey, _NOT_BLANK.search)
_WORKSPACES = _Kind("/workspaces", "id", Workspace, WORKSPACE_ID.fullmatch)


class Faults:
    """The faults of a list that is read on in spite of them; of very many, the first hundred are kept."""

    def __init__(self) -> None:
        self._kept: list[OpenRouterError] = []

    def add(self, fault: OpenRouterError) -> None:
        """Keep a fault."""
        if len(self._kept) < _MOST_KEPT:
            self._kept.append(fault)

    def joined(self) -> OpenRouterError | None:
        """Return the first fault, with the others in its `problems`; `None` if there was none."""
        if len(self._kept) < 2:
            return next(iter(self._kept), None)
        first = copy.copy(self._kept[0])  # other code may share it
        first.problems = (*first.problems, *self._kept[1:])
        return first

    def raise_them(self) -> None:
        """Raise what `joined` returns, if there is a fault."""
        error = self.joined()
        if error is not None:
            try:
                raise error
            finally:
                del error  # its traceback holds this frame


class Listing:
    """Lists the workspaces and keys of an account once, with its management key.

    What cannot be read is yielded as an error, so that it does not hide what follows.
    """

    def __init__(self, caller: Caller, key: ApiKey) -> None:
        self._caller = caller
        self._key = key
        self._ids: frozenset[str] = frozenset()
        """The workspaces that are read."""
        self._silence: list[OpenRouterError] = []
        """Why the lists read last had no answer at all; empty as soon as there is one."""

    async def choose(self, which: Workspaces) -> tuple[Sequence[Workspace], OpenRouterError | None]:
        """Find the workspaces to read; also return the error that hid some of them, if one did.

        If the key may not list workspaces, or the server has none, there is the default one.

        Raises:
            AuthenticationError: the key was refused.
            APIConnectionError: there was no answer.
            ClientClosedError: the client was closed.
        """
        self._ids = frozenset()
        if which == "default":
            return [DEFAULT], None
        if which != "all":
            self._ids = frozenset(which)
            return [Workspace(each) for each in which], None
        found: list[Workspace] = []
        faults = Faults()
        async with aclosing(self.workspaces()) as workspaces:
            async for each in workspaces:
                if isinstance(each, Workspace):
                    found.append(each)
                elif isinstance(each, APIConnectionError):
                    try:
                        raise each
                    finally:
                        del each  # its traceback holds this frame
                elif not _is_without_workspaces(each):
                    faults.add(each)
        self._ids = frozenset(workspace.id for workspace in found)
        return found or [DEFAULT], faults.joined()

    async def workspaces(self) -> AsyncGenerator[Workspace | OpenRouterError, None]:
        """Yield the workspaces of the account. An error at the end hides the rest of them.

        Raises:
            AuthenticationError: the key was refused.
            ClientClosedError: the client was closed.
        """
        async with aclosing(self._entries(_WORKSPACES, {"limit": PAGE_SIZE})) as found:
            async for each in found:
                yield each

    async def keys_of(
        self, workspace: Workspace, selection: Selection
    ) -> AsyncGenerator[ManagedKey | OpenRouterError, None]:
        """Yield the keys of a workspace that `choose` has found, newest first.

        An entry that cannot be read is an `InvalidResponseError`. An error at the end hides the rest. If two
        workspaces in a row had no answer, the host is dead: the others are not asked for, and have its error.

        Raises:
            AuthenticationError: the key was refused.
            ClientClosedError: the client was closed.
        """
        if len(self._silence) >= _MOST_SILENT:
            yield copy.copy(self._silence[-1])
            return
        params: dict[str, Any] = {
            "include_disabled": selection.include_disabled,
            "include_expired": selection.include_expired,
        }
        if workspace.id:
            params["workspace_id"] = workspace.id
        elsewhere = self._ids - {workspace.id}
        async with aclosing(self._entries(_KEYS, params)) as found:
            async for each in found:
                # A server may not know these parameters.
                if isinstance(each, ManagedKey) and (
                    each.workspace_id in elsewhere or not selection.has(each, datetime.now(UTC))
                ):
                    continue
                yield each

    async def _entries(self, kind: _Kind, params: dict[str, Any]) -> AsyncGenerator[Any, None]:
        """Yield each entry of a list once, or the error that it is; and an error that hides the rest."""
        read, name_of = partial(self._page, kind.path, params), partial(_name, kind.name)
        try:
            async with aclosing(new_entries(read, name_of)) as pages:
                async for page in pages:
                    for place, entry in page:
                        yield self._structure(entry, kind, f"$.data[{place}]")
        except (AuthenticationError, ClientClosedError):
            raise
        except OpenRouterError as error:
            fault = error.with_traceback(None)
        else:
            return
        if isinstance(fault, APIConnectionError):
            self._silence.append(fault)
        else:
            self._silence.clear()
        yield fault

    async def _page(self, path: str, params: dict[str, Any], offset: int) -> Page:
        request = make_request("GET", path, self._key, {"offset": offset, **params})
        page = await self._caller.call(request, Page, whole=True, most=MOST_ELEMENTS)
        self._silence.clear()
        return page

    def _structure(self, entry: Any, kind: _Kind, path: str) -> Any:
        made = structure_entry(entry, kind.model, path, self._key)
        name = kind.name
        if not isinstance(made, InvalidResponseError) and not kind.is_name(getattr(made, name)):
            problem = f"it is blank, or has characters that no {name} has"
            return InvalidResponseError(f"200, but {path}.{name}: {problem}")
        return made


def _is_without_workspaces(error: OpenRouterError) -> bool:
    """Tell whether OpenRouter's answer to `/workspaces` means that there are none for this key."""
    if isinstance(error, EdgeRefusedError | AddressNotAllowedError):
        return False
    return isinstance(error, PermissionDeniedError | NotFoundError)


def _name(field: str, entry: Any) -> str:
    """Name an entry, so that it is known again; one without a name of its own is known by what it has."""
    name = entry.get(field) if isinstance(entry, dict) else None
    return name if isinstance(name, str) else f"?{hash(repr(entry))}"
