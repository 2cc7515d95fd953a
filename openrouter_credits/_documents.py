"""Any public value as JSON: a walker that knows no class of this package."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs


def document(value: Any, clean: Callable[[str], str] = str) -> Any:
    """Convert a value to types that JSON has.

    Amounts become exact texts, times become ISO 8601 in UTC. A value of attrs becomes an object with its
    fields, but for `extra`; an error becomes an object with its type, HTTP status, message and remedy. `None`
    is null: unknown, not 0. `clean` is called with every text.
    """
    match value:
        case str():
            return clean(value)
        case Decimal():
            return str(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case tuple() | list():
            return [document(item, clean) for item in value]
        case Mapping():
            return {clean(name): document(item, clean) for name, item in value.items()}
        case BaseException():
            return {
                "type": type(value).__name__,
                "status": getattr(value, "status", None),
                "message": clean(getattr(value, "summary", None) or str(value)),
                "remedy": clean(getattr(value, "remedy", "")),
            }
        case _ if attrs.has(type(value)):
            names = [field.name for field in attrs.fields(type(value)) if field.name != "extra"]
            return {name: document(getattr(value, name), clean) for name in names}
        case _:
            return value


def to_json(
    content: Mapping[str, Any], *, clean: Callable[[str], str] = str, indent: int | None = None
) -> str:
    """Write an object as JSON, in which no control character can steer a terminal.

    `clean` is called with every text before it is escaped: an escaped line break ends in the letter n, and
    behind a letter a key may not be recognised.
    """
    text = json.dumps(document(content, clean), indent=indent)
    return text.replace("\x7f", "\\u007f")  # JSON lets this one character pass
