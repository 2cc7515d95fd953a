"""Reads entries from JSON: a list of keys, of objects with name and key, or an object NAME: KEY."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._keylines import split_line
from openrouter_credits.cli._keyspecs import OUR_VARIABLES, Entry, begins_like_a_key, is_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHAPE = 'Write ["KEY", ...] or {"NAME": "KEY", ...}.'


def read_json(text: str, where: str) -> list[Entry] | None:
    """Read the entries of a JSON document; `None` if the text is not JSON, and need not be.

    Raises:
        CommandError: the text begins as a JSON object, and cannot be read, or an object has a name twice.
    """
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return None
    try:
        # `int` refuses long numbers
        document = json.loads(text, parse_int=float, object_pairs_hook=_unique)
    except RecursionError:
        raise CommandError(f"{where}: the JSON is nested too deeply. {_SHAPE}") from None
    except CommandError as error:
        raise CommandError(f"{where}: {error}. {_SHAPE}") from None
    except json.JSONDecodeError as error:
        if not text.lstrip().startswith("{"):
            return None  # a table of TOML, or a list in brackets or quotes
        reason = f"{where}, line {error.lineno}: not JSON ({error.msg})"
        raise CommandError(f"{reason}. {_SHAPE}") from None
    return list(_entries(document))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; of two equal names, one would be lost."""
    document = dict(pairs)
    if len(document) < len(pairs):
        raise CommandError("a name stands twice in an object")
    return document


def _entries(document: Any) -> Iterator[Entry]:
    if isinstance(document, dict) and not _is_one_key(document):
        for number, (name, value) in enumerate(document.items(), 1):
            yield _entry(f"entry {number}", name, value)
        return
    elements = document if isinstance(document, list) else [document]
    for number, element in enumerate(elements, 1):
        place = f"entry {number}"
        if isinstance(element, str):
            yield Entry(place, *split_line(element))
        elif not isinstance(element, dict):
            yield Entry(place, None, "")
        elif _is_one_key(element):
            yield _entry(place, element.get("name"), element["key"])
        else:
            yield from (_entry(place, name, value) for name, value in element.items())


def _is_one_key(document: dict[str, Any]) -> bool:
    """Tell whether an object has a key and perhaps its name, not names of keys, of which one may be `key`."""
    others = (item for item in document.items() if item[0] != "key")
    return isinstance(document.get("key"), str) and not any(
        isinstance(value, str) and (name in OUR_VARIABLES or begins_like_a_key(value))
        for name, value in others
    )


def _entry(place: str, name: Any, value: Any) -> Entry:
    """Make an entry; without a text there is no key."""
    if not isinstance(value, str):
        return Entry(place, None, "")
    if isinstance(name, str) and (is_name(name) or begins_like_a_key(value)):
        return Entry(place, name, value)
    return Entry(place, None, value)
