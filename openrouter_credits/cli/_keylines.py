"""Reads keys from lines, such as those of a whole `.env` file, and from comma lists.

A `.env` file holds other secrets than keys: none of them may be sent to OpenRouter, or shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from openrouter_credits import InvalidKeyError, KeySpec
from openrouter_credits.cli._exits import CommandError, warn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openrouter_credits import ApiKey

LIST_VARIABLE = "OPENROUTER_API_KEYS"
KEY_VARIABLES = ("OPENROUTER_API_KEY", "OPENROUTER_KEY")
MANAGEMENT_KEY_VARIABLES = (
    "OPENROUTER_MANAGEMENT_KEY",
    "OPENROUTER_MANAGEMENT_API_KEY",
    "OPENROUTER_PROVISIONING_KEY",
    "OPENROUTER_PROVISIONING_API_KEY",
)

_OURS = frozenset({LIST_VARIABLE, *KEY_VARIABLES, *MANAGEMENT_KEY_VARIABLES})
_BEGINNING_OF_A_KEY = re.compile(r"[\"']?\s*(?:(?i:bearer)\s+)?sk-or-")


class _Line(NamedTuple):
    number: int
    """From 1."""
    name: str | None
    """`None` if there is only a value."""
    value: str


def is_dotenv(text: str) -> bool:
    """Tell whether a text sets a variable of OpenRouter's, and has no table of TOML."""
    return not has_tables(text) and any(_split(line)[0] in _OURS for line in text.splitlines())


def has_tables(text: str) -> bool:
    """Tell whether a line of a text opens a table of TOML."""
    return any(line.lstrip().startswith("[") for line in text.splitlines())


def read_lines(texts: Sequence[str], where: str) -> list[KeySpec]:
    """Read a KEY or NAME=KEY from each line; skip blank lines and comments (`#`).

    A value is a key if it begins with `sk-or-`, or if its name is one of OpenRouter's variables. Other lines
    may be other secrets, or parts of one that takes many lines: a warning counts those that are left out.
    Only where no line has a name, and `sk-or-` stands nowhere, each line is a key.

    Raises:
        CommandError: a line has an empty name, or no line is a key.
    """
    lines = list(_lines(texts, where, "line"))
    named = {line.name: line for line in lines if line.name is not None and line.value}
    is_list = all(line.name is None for line in lines) and _are_tokens(lines)
    managing = next((named[name] for name in MANAGEMENT_KEY_VARIABLES if name in named), None)
    manager = managing and make_spec(managing.value, None, f"{where}, line {managing.number}").api_key
    specs: list[KeySpec] = []
    left_out: list[int] = []
    for number, name, value in lines:
        place = f"{where}, line {number}"
        if name in MANAGEMENT_KEY_VARIABLES or (name in _OURS and not value):
            continue
        if name == LIST_VARIABLE:
            specs += read_items(value, place, manager)
        elif name in KEY_VARIABLES or _BEGINNING_OF_A_KEY.match(value) or is_list:
            specs.append(make_spec(value, name, place, None, manager))
        else:
            left_out.append(number)
    if manager is not None and not specs:
        specs.append(KeySpec(manager, "management key", None, manager))
    if left_out:
        text = f"{_left_out(left_out, lines, 'line')}, or has a name such as OPENROUTER_API_KEY."
        if not specs:
            raise CommandError(f"There are no keys in {where}. {text}")
        warn(f"{where}: {text}")
    return specs


def read_items(text: str, where: str, manager: ApiKey | InvalidKeyError | None = None) -> Iterator[KeySpec]:
    """Read a KEY or NAME=KEY from each item of a comma list; skip blanks and comments.

    If `sk-or-` stands in any item, those that do not begin with it are left out; a warning counts them.

    Raises:
        CommandError: an item has an empty name.
    """
    items = list(_lines(text.split(","), where, "key"))
    is_list = _are_tokens(items)
    left_out: list[int] = []
    for number, name, value in items:
        if is_list or _BEGINNING_OF_A_KEY.match(value):
            yield make_spec(value, name, f"{where}, key {number}", None, manager)
        else:
            left_out.append(number)
    if left_out:
        warn(f"{where}: {_left_out(left_out, items, 'item')}.")


def make_spec(
    key: str,
    name: str | None,
    place: str,
    account: str | None = None,
    manager: ApiKey | InvalidKeyError | None = None,
) -> KeySpec:
    """Make a spec; if the text cannot be a key, its error names the place."""
    spec = KeySpec(key, name, account, manager)
    if isinstance(spec.api_key, InvalidKeyError):
        error = InvalidKeyError(f"{place}: {spec.api_key.summary}")
        return KeySpec(error, name, account, manager)
    return spec


def _lines(texts: Sequence[str], where: str, kind: str) -> Iterator[_Line]:
    for number, text in enumerate(texts, 1):
        if _is_used(text):
            name, value = _split(text)  # a quoted value that runs over many lines is many lines here
            if name == "":
                raise CommandError(
                    f"{where}, {kind} {number}: no name before the =. Each is KEY or NAME=KEY."
                )
            yield _Line(number, name, value)


def _are_tokens(lines: Sequence[_Line]) -> bool:
    """Tell whether none is a key of OpenRouter's usual form: then all may be tokens of another form."""
    return not any("sk-or-" in line.value for line in lines)


def _is_used(text: str) -> bool:
    """Tell whether a text is neither blank nor a comment."""
    return text.strip()[:1] not in ("", "#")


def _split(text: str) -> tuple[str | None, str]:
    """Split NAME=VALUE; the name is `None` if there is only a value."""
    name, is_named, value = text.partition("=")
    name = name.strip().removeprefix("export ").lstrip()
    # A key may end in `=`, and a URL may have passwords before its first one: names are shown.
    if not is_named or name.startswith("sk-") or "://" in name:
        return None, text.strip()
    return name, _without_comment(value.strip())


def _without_comment(value: str) -> str:
    """Drop quotes, and a comment after the value."""
    quote = value[:1]
    if quote in ("'", '"'):
        inside, is_closed, after = value[1:].partition(quote)
        if is_closed and (not after or after.lstrip().startswith("#")):
            return inside.strip()
    return value.partition(" #")[0].rstrip()


def _left_out(numbers: Sequence[int], lines: Sequence[_Line], kind: str) -> str:
    """Tell how many are no keys, and where the first one is; never what it says."""
    return (
        f"Left out {len(numbers)} of {len(lines)} {kind}s (first: {kind} {numbers[0]}). "
        "A key begins with sk-or-"
    )
