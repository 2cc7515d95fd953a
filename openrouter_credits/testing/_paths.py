"""Paths of requests, and templates of paths such as `/keys/{hash}`."""

from __future__ import annotations

import re
from urllib.parse import unquote

from openrouter_credits import ApiKey, InvalidKeyError

_KEY_TEXT = re.compile(r"sk-or-[\w-]+")


def match(template: str, path: str) -> dict[str, str] | None:
    """Return the parts of a path that have a name in the template; `None` if the path does not fit it.

    A name in braces stands for any one segment that is not empty.
    """
    wanted, given = template.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    parts: dict[str, str] = {}
    for name, part in zip(wanted, given, strict=True):
        if name.startswith("{") and part:
            parts[name[1:-1]] = unquote(part)
        elif name != part:
            return None
    return parts


def mask_keys(path: str) -> str:
    """Mask each key that stands in a path."""
    return _KEY_TEXT.sub(lambda found: mask(found.group()), path)


def mask(token: str) -> str:
    """Show a token as an `ApiKey` shows itself; three asterisks if it cannot be a key."""
    try:
        return str(ApiKey(token))
    except InvalidKeyError:
        return "***"
