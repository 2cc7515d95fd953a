"""Finds the keys among the values of a list, a file or a variable, and leaves out all others.

A place where keys stand also has other secrets: none of them may be sent to OpenRouter, or shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from attrs import frozen

from openrouter_credits import ApiKey, InvalidKeyError, KeySpec
from openrouter_credits.cli._exits import CommandError, warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from openrouter_credits import ConfigurationError

LIST_VARIABLE = "OPENROUTER_API_KEYS"
KEY_VARIABLES = ("OPENROUTER_API_KEY", "OPENROUTER_KEY")
MANAGEMENT_KEY_VARIABLES = (
    "OPENROUTER_MANAGEMENT_KEY",
    "OPENROUTER_MANAGEMENT_API_KEY",
    "OPENROUTER_PROVISIONING_KEY",
    "OPENROUTER_PROVISIONING_API_KEY",
)
OUR_VARIABLES = frozenset({LIST_VARIABLE, *KEY_VARIABLES, *MANAGEMENT_KEY_VARIABLES})

_BEGINNING = re.compile(r"[\"'\[(\s]*(?:(?i:bearer)\s+)?[\"']?sk-or-")
_BEARER = re.compile(r"(?i:\bbearer)\s+(?=[\"']?sk-or-)")
_NAME = re.compile(r"(?!sk-)(?!.*://)[^\s=,;\"'#$][^\s=,;\"']{0,99}")
_COMMENT = re.compile(r"(?<!\S)(?:#|//)[^\r\n]*")
_WORD_OF_A_LIST = re.compile(rf"(?:{_NAME.pattern}=)?[\"']?sk-or-")
_SEPARATOR = re.compile(r"[,;\r\n]")
_WRAPPERS = ("''", '""', "[]", "()")


class Entry(NamedTuple):
    """A value that may be a key, or a list of keys."""

    place: str
    """Where it stands, such as `line 4`; empty if it is all there is."""
    name: str | None
    """`None` if there is only a value."""
    value: str


@frozen
class WholeAccount:
    """An account of which all keys are to be checked: its management key lists them."""

    name: str
    """The name of the account in results."""
    management_key: ApiKey | ConfigurationError
    """The key, or why there is none."""


class _Item(NamedTuple):
    place: str
    name: str | None
    value: str
    is_key: bool


class Keys:
    """Keys of one place, with the management key that stands there too.

    Args:
        where: the place, as messages name it.
        account: the name of the account in results, if there is a management key.
        manager: the management key, if it stands elsewhere.
    """

    def __init__(self, where: str, account: str, manager: ApiKey | ConfigurationError | None = None) -> None:
        self._where = where
        self._account = account
        self._manager = manager
        self._count = 0
        self._left_out = 0
        self._first_left_out = ""

    def find(self, entries: Iterable[Entry], kind: str = "") -> list[KeySpec | WholeAccount]:
        """Return the keys among the entries; a warning counts the values that are none.

        A value is a key if it begins with `sk-or-`, or if its name is one of OpenRouter's variables. A
        management variable has the management key of all keys; without any key, its account is checked.

        Args:
            entries: the values.
            kind: what the place looks like, for the error, such as ` (a PEM block)`.

        Raises:
            CommandError: there are no keys, or one has an empty name.
        """
        managers: dict[str, Entry] = {}
        items: list[_Item] = []
        for entry in entries:  # millions of lines may have few keys
            if entry.name in MANAGEMENT_KEY_VARIABLES:
                if entry.value.strip():
                    self._count += 1
                    managers[entry.name] = entry
            else:
                items.extend(item for item in self._items(entry) if item.is_key)
        managing = next((managers[name] for name in MANAGEMENT_KEY_VARIABLES if name in managers), None)
        if managing is not None:
            self._manager = make_spec(managing.value, None, self._at(managing.place)).api_key
        specs: list[KeySpec | WholeAccount] = [self._spec(item) for item in items]
        if not specs and self._manager is not None:
            lone = self._make(self._manager, "management key")
            specs.append(lone if managing is None else whole_account(self._account, self._manager))
        if self._left_out:
            text = (
                f"Left out {self._left_out} of {self._count} values (first: {self._first_left_out}). "
                "A key begins with sk-or-, or has a name such as OPENROUTER_API_KEY."
            )
            if not specs:
                raise CommandError(f"There are no keys in {self._where}{kind}. {text}")
            warn(f"{self._where}: {text}")
        return specs

    def _items(self, entry: Entry) -> Iterator[_Item]:
        """List the values of an entry: one, or those of a list."""
        if entry.name in OUR_VARIABLES and not entry.value.strip():
            return
        items: list[tuple[str | None, str]] = [(None, entry.value)]
        if begins_like_a_key(text := without_comments(entry.value)) or entry.name == LIST_VARIABLE:
            items = list(_split(text))
        # `a=KEY` and `a=KEY, b=KEY`, but not `LIST=KEY, KEY`
        has_name = entry.name != LIST_VARIABLE and all(name is not None for name, _ in items[1:])
        are_keys = entry.name in KEY_VARIABLES and len(items) == 1
        are_keys = are_keys or (entry.name == LIST_VARIABLE and _are_tokens(items))
        for number, (name, value) in enumerate(items, 1):
            place = entry.place
            if len(items) > 1 or (entry.name == LIST_VARIABLE and not place):
                place = ", ".join(filter(None, (place, f"key {number}")))
            if number == 1 and name is None and has_name:
                name = entry.name  # noqa: PLW2901 - the name of the line
            is_key = are_keys or begins_like_a_key(value)
            if is_key and name == "":
                raise CommandError(f"{self._at(place)}: no name before the =. Each is KEY or NAME=KEY.")
            self._count += 1
            if not is_key:
                self._left_out += 1
                self._first_left_out = self._first_left_out or place
            yield _Item(place, name, value, is_key)

    def _spec(self, item: _Item) -> KeySpec:
        return self._make(make_spec(item.value, None, self._at(item.place)).api_key, item.name)

    def _make(self, key: ApiKey | ConfigurationError, name: str | None) -> KeySpec:
        if self._manager is None:
            return KeySpec(key, name)
        return KeySpec(key, name, self._account, self._manager, _assumed=True)

    def _at(self, place: str) -> str:
        return ", ".join(filter(None, (self._where, place)))


def make_spec(
    key: str | ConfigurationError,
    name: str | None,
    place: str,
    account: str | None = None,
    manager: ApiKey | ConfigurationError | None = None,
) -> KeySpec:
    """Make a spec; if the text cannot be a key, its error names the place."""
    spec = KeySpec(key, name, account, manager)
    if isinstance(key, str) and isinstance(spec.api_key, InvalidKeyError):
        error = InvalidKeyError(f"{place}: {spec.api_key.summary}", remedy=spec.api_key.remedy)
        return KeySpec(error, name, account, manager)
    return spec


def whole_account(name: str, key: ApiKey | ConfigurationError) -> WholeAccount:
    """Make an entry for all keys of an account; a key in its name is masked as a spec masks it."""
    return WholeAccount(KeySpec(key, None, name, key).account or name, key)


def begins_like_a_key(value: str) -> bool:
    """Tell whether a value begins with `sk-or-`, after quotes, brackets and the word Bearer."""
    return _BEGINNING.match(value) is not None


def is_name(name: str) -> bool:
    """Tell whether a text can be the name of a key, and shown: one word, no key and no URL."""
    return _NAME.fullmatch(name) is not None


def without_comments(text: str) -> str:
    """Remove what stands behind `#` or `//` in each line, if it begins a word."""
    return _COMMENT.sub("", text)


def unwrapped(text: str) -> str:
    """Remove blanks, quotes and brackets around a whole text."""
    text = text.strip()
    while text[:1] + text[1:][-1:] in _WRAPPERS and not {text[0], text[-1]} & set(text[1:-1]):
        text = text[1:-1].strip()
    return text


def split_name(text: str) -> tuple[str | None, str]:
    """Split NAME=VALUE; the name is `None` if there is only a value, or if it cannot be a name."""
    before, _, value = text.partition("=")
    name = unwrapped(before)
    if value.strip("=") and (not name or is_name(name)):  # a key may end in =
        return name, value.strip()
    return None, text


def _split(text: str) -> Iterator[tuple[str | None, str]]:
    """Split a list at commas, semicolons and line breaks, and at blanks if a key follows each."""
    for chunk in _SEPARATOR.split(_BEARER.sub("", unwrapped(text))):
        words = chunk.split()
        if not all(map(_WORD_OF_A_LIST.match, words)):
            words = [chunk.strip()]
        for word in words:
            yield split_name(unwrapped(word))


def _are_tokens(items: Sequence[tuple[str | None, str]]) -> bool:
    """Tell whether all may be keys of another form: none has `sk-or-`, and each can be sent as a key."""
    return all(
        "sk-or-" not in value and "-----" not in value and isinstance(KeySpec(value).api_key, ApiKey)
        for _, value in items
    )
