"""Reads one value from a variable, or from a small file: a secret of Docker, Kubernetes or systemd."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from openrouter_credits import ConfigurationError
from openrouter_credits._secretfiles import first_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Value(NamedTuple):
    """The content of a variable, or of the file that it names."""

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
            return Value(f"{name}_FILE ({path})", name, key_in(path, f"{name}_FILE"))
    return None


def key_in(path: str | Path, place: str) -> str | ConfigurationError:
    """Return the first line of a file; an error names the place that names the file."""
    if "sk-or-" in str(path):  # the path is shown, and this one is a key
        return ConfigurationError(
            f"{place}: a key stands where the path of a file is expected", remedy="Name the file."
        )
    line, problem = first_line(path)
    if problem is None:
        return line
    return ConfigurationError(
        f"{place}: cannot read the key in {path}: {problem}",
        remedy="The key must stand in the first line of that file.",
    )
