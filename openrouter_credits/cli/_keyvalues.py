"""Reads one value from a variable, or from a small file: a secret of Docker, Kubernetes or systemd."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from openrouter_credits import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LONGEST_LINE = 4096
"""In bytes: a longer line is no key."""


class Value(NamedTuple):
    """What stands in a variable, or in the file that it names."""

    place: str
    """The variable, and the path of the file."""
    name: str
    """The variable of the key itself."""
    text: str | ConfigurationError


def from_environment(names: Sequence[str]) -> Value | None:
    """Read the first variable that is not blank: each name is tried as it is, then as `<NAME>_FILE`."""
    for name in names:
        if os.environ.get(name, "").strip():
            return Value(name, name, os.environ[name])
        path = os.environ.get(f"{name}_FILE", "").strip()
        if path:
            return Value(f"{name}_FILE ({path})", name, first_line(path, f"{name}_FILE"))
    return None


def first_line(path: str | Path, place: str) -> str | ConfigurationError:
    """Return the first line of a file; an error names the place that names the file."""
    if "sk-or-" in str(path):  # the path is shown, and this one is a key
        return ConfigurationError(
            f"{place}: a key stands where the path of a file is expected", remedy="Name the file."
        )
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the text of a variable may be no path at all
            line = file.readline(_LONGEST_LINE + 1)  # a file such as /dev/zero has no end
    except (OSError, ValueError) as error:
        return _unread(path, place, getattr(error, "strerror", None) or "not a path")
    if len(line) > _LONGEST_LINE:
        return _unread(path, place, f"its first line is longer than {_LONGEST_LINE} bytes")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _unread(path, place, "it is not UTF-8")
    if not text.strip():
        return _unread(path, place, "its first line is blank" if text else "it is empty")
    return text


def _unread(path: str | Path, place: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{place}: cannot read the key in {path}: {reason}",
        remedy="The key must stand in the first line of that file.",
    )
