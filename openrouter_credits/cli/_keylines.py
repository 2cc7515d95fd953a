"""Reads entries from lines: those of a `.env` file, NAME=KEY, NAME: KEY or a key alone."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from dotenv.parser import parse_stream

from openrouter_credits.cli._keyspecs import (
    OUR_VARIABLES,
    Entry,
    begins_like_a_key,
    is_name,
    unwrapped,
    without_comments,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(
    r"\s*(?:-\s+)?(?:export\s+|set\s+|\$env:)?(?:([\"']?)([^\"'=:\s]*)\1\s*[=:]\s*)?", re.IGNORECASE
)
"""The text that may stand before a value, the dash of a list included."""
_DEEPEST = 10
_BREAK = re.compile(r"\r\n|\n|\r")
_LONG_BLANK = re.compile(r"[^\S\r\n]{100,}")


def read_lines(text: str) -> Iterator[Entry]:
    """Read the lines of a text as those of a `.env` file; skip blank lines and comments.

    A quoted value may take several lines. `${NAME}` is not replaced. A line that is none of a `.env` file may
    be a key, a list of keys, or a line such as `NAME: KEY` of YAML.
    """
    text = _LONG_BLANK.sub(" ", text)  # python-dotenv looks for a comment behind each blank of the rest
    inside = unwrapped(text)
    yield from _read(inside, _breaks(text[: text.index(inside)]))


def _read(text: str, line: int, depth: int = 0) -> Iterator[Entry]:
    """Read lines; `line` is how many are before them."""
    for key, value, original, is_error in parse_stream(io.StringIO(text)):
        if key is None and not is_error:
            continue
        words = original.string.lstrip()
        number = line + original.line + _breaks(original.string[: len(original.string) - len(words)])
        first, rest, *_ = [*_BREAK.split(words, maxsplit=1), ""]
        if key is not None and value is not None and is_name(key):
            yield Entry(f"line {number}", key, value)
        elif rest and depth < _DEEPEST:
            # A quote without its partner, as `env` prints it, must not hide the lines after it.
            yield Entry(f"line {number}", *split_line(first))
            yield from _read(rest, number, depth + 1)
        else:
            yield Entry(f"line {number}", *split_line(words))


def split_line(line: str) -> tuple[str | None, str]:
    """Split a line into a name and a value that may be a key, or return it as a value without a name."""
    match = _NAME.match(line)
    name = match and match[2]
    value = without_comments(line[match.end() if match else 0 :]).strip()
    if name in OUR_VARIABLES or (begins_like_a_key(value) and (not name or is_name(name))):
        return name, value
    return None, line


def _breaks(text: str) -> int:
    return len(_BREAK.findall(text))
