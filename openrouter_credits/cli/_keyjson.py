"""Reads entries from JSON: a list of keys, a list of objects with name and key, or an object NAME: KEY."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._keylines import split_line
from openrouter_credits.cli._keyspecs import Entry, begins_like_a_key, is_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHAPE = 'Write ["KEY", ...] or {"NAME": "KEY", ...}.'


def read_json(text: str, where: str) -> list[Entry] | None:
    """Read the entries of a JSON document; `None` if the text is not JSON, and need not be.

    Raises:
        CommandError: the text begins as a JSON object, and cannot be read.
    """
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return None
    try:
        document = json.loads(text, parse_int=float)  # `int` refuses long numbers
    except RecursionError:
        raise CommandError(f"{where}: the JSON is nested too deeply. {_SHAPE}") from None
    except json.JSONDecodeError as error:
        if not text.lstrip().startswith("{"):
            return None  # a table of TOML, or a list in brackets or quotes
        reason = f"{where}, line {error.lineno}: not JSON ({error.msg})"
        raise CommandError(f"{reason}. {_SHAPE}") from None
    return list(_entries(document))


def _entries(document: Any) -> Iterator[Entry]:
    if isinstance(document, dict) and not isinstance(document.get("key"), str):
        for number, (name, value) in enumerate(document.items(), 1):
            yield _entry(f"entry {number}", name, value)
        return
    elements = document if isinstance(document, list) else [document]
    for number, element in enumerate(elements, 1):
        place = f"entry {number}"
        if isinstance(element, dict):
            yield _entry(place, element.get("name"), element.get("key"))
        elif isinstance(element, str):
            yield Entry(place, *split_line(element))
        else:
            yield Entry(place, None, "")


def _entry(place: str, name: Any, value: Any) -> Entry:
    """Make an entry; without a text there is no key."""
    if not isinstance(value, str):
        return Entry(place, None, "")
    if isinstance(name, str) and (is_name(name) or begins_like_a_key(value)):
        return Entry(place, name, value)
    return Entry(place, None, value)
