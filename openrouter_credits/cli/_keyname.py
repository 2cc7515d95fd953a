"""The key, or the workspace, that a name on the command line means; a doubt is an error."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from openrouter_credits import NotFoundError, OpenRouterError
from openrouter_credits._words import one_line
from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._usage import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openrouter_credits import Account, ManagedKey, Workspace

_HASH = re.compile(r"[0-9a-f]{64}")
_SHORTEST_BEGINNING = 6
"""Characters of a hash that may stand for all of it."""
_MOST_SHOWN = 5
_BY_HASH = "A key is also found by its whole hash, without the list: openrouter-credits keys --json shows it."
_LIST = "For the names of all keys: openrouter-credits keys --all."


def name_of(key: ManagedKey) -> str:
    """Return the name of a key, or its masked text if it has none."""
    return one_line(key.name or key.label)


async def find_key(account: Account, word: str) -> ManagedKey:
    """Find the key of this name, or hash, or beginning of a hash: one request for a whole hash.

    Raises:
        CommandError: there is no such key, or more than one.
        OpenRouterError: not all keys could be listed, so that more than one may have the name.
    """
    if _HASH.fullmatch(word):
        try:
            return await account.key(word)
        except NotFoundError:
            pass  # it may be a name
    keys: list[ManagedKey] = []
    try:
        async for key in account.keys(include_expired=True):
            keys.append(key)  # noqa: PERF401 - what was read tells whether a hash would help
    except OpenRouterError as error:
        if keys:
            error.remedy = f"{error.remedy} {_BY_HASH}"
        raise
    return pick_key(keys, word)


def pick_key(keys: Sequence[ManagedKey], word: str) -> ManagedKey:
    """Pick the key of this name, or hash, or beginning of a hash; a name goes before a beginning.

    Raises:
        CommandError: there is no such key, or more than one.
    """
    found = [key for key in keys if word in (key.name, key.hash)]
    reason = "have this name"
    if not found and len(word) >= _SHORTEST_BEGINNING:
        found = [key for key in keys if key.hash.startswith(word)]
        reason = "have a hash that begins so"
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandError(f"{len(found)} keys {reason}. Give the hash instead: {_hashes(found)}.")
    raise CommandError(f"There is no key {named(word)}. {_nearest(keys, word)}")


def _nearest(keys: Sequence[ManagedKey], word: str) -> str:
    """Name the keys that are probably meant; by their hashes, if a name cannot be typed as it is shown."""
    plain = _as_shown(word)
    alike = [key for key in keys if key.name and _as_shown(key.name) == plain]
    if alike:
        return f"The name of {_hashes(alike)} only looks like it: give the hash."
    return _meant(word, (key.name for key in keys)) or _LIST


def _as_shown(name: str) -> str:
    return " ".join(one_line(name).split())


def _hashes(keys: Sequence[ManagedKey]) -> str:
    shown = [f"{key.hash} ({one_line(key.label)})" for key in keys[:_MOST_SHOWN]]
    more = f" and {len(keys) - _MOST_SHOWN} more" if len(keys) > _MOST_SHOWN else ""
    return f"{', '.join(shown)}{more}"


async def find_workspace(account: Account, word: str) -> Workspace:
    """Find the workspace of this id, name or slug.

    Raises:
        CommandError: there is no such workspace, or more than one.
        OpenRouterError: the workspaces could not be listed.
    """
    workspaces = [workspace async for workspace in account.workspaces()]
    found = [each for each in workspaces if word in (each.id, each.name, each.slug)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(each.id for each in found[:_MOST_SHOWN])
        raise CommandError(f"{len(found)} workspaces have this name. Give the id instead: {ids}.")
    names = [each.name or each.slug for each in workspaces]
    hint = _meant(word, names)
    if not hint:
        hint = f"The workspaces are {', '.join(one_line(name) for name in names[:_MOST_SHOWN])}."
    raise CommandError(f"There is no workspace {named(word)}. {hint}")


def _meant(word: str, names: Iterable[str | None]) -> str:
    """Name what is nearest to a word that was not found; empty if nothing is near."""
    folded = {name.casefold(): name for name in names if name}
    near = [one_line(folded[each]) for each in get_close_matches(word.casefold(), folded, n=_MOST_SHOWN)]
    return f"Did you mean {' or '.join(near)}?" if near else ""
