"""API keys that never print, and where they come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

from openrouter_credits._errors import InvalidKeyError
from openrouter_credits._public import public

API_KEY_VARIABLES = ("OPENROUTER_API_KEY", "OPENROUTER_KEY")
MANAGEMENT_KEY_VARIABLES = (
    "OPENROUTER_MANAGEMENT_KEY",
    "OPENROUTER_MANAGEMENT_API_KEY",
    "OPENROUTER_PROVISIONING_KEY",
    "OPENROUTER_PROVISIONING_API_KEY",
)

_NOT_A_KEY_CHARACTER = re.compile(r"[^\x21-\x7e]")


class BearerHeader(str):
    """The value of an `Authorization` header: sent as it is, shown masked.

    `__str__` stays as it is: aiohttp's writer calls it, and would send the mask.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'Bearer ***'"


class HiddenUrl(str):
    """A URL that may hold a password: used as it is, shown masked."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class ApiKey:
    """An OpenRouter API key that shows itself masked, everywhere but in `reveal()`.

    White space around the text, one pair of quotes and one leading word `Bearer` are dropped: they are often
    pasted along with a key. Equal by value and hashable. A copy is the key itself. Pickling is a `TypeError`:
    a key must not travel by accident, nor its mask as a key.

    Raises:
        InvalidKeyError: the text is blank or has a character outside of printable ASCII.
        TypeError: not a text.
    """

    __slots__ = ("_header", "_text")

    _header: BearerHeader
    _text: str

    def __new__(cls, text: str | ApiKey) -> ApiKey:  # noqa: PYI034 - a subclass would have to mask anew
        key = parse_key(text)
        del text  # no frame of ours holds a key's text while it raises
        if isinstance(key, Exception):
            raise key
        return key

    @property
    def header(self) -> BearerHeader:
        """The value of the `Authorization` header; its `repr` is masked."""
        return self._header

    def reveal(self) -> str:
        """Return the key's text: the one way to see it."""
        return self._text

    def __str__(self) -> str:
        """Mask the key as OpenRouter's dashboard does; a text below 24 characters is hidden whole."""
        return f"{self._text[:12]}...{self._text[-4:]}" if len(self._text) >= 24 else "***"

    def __repr__(self) -> str:
        return f"ApiKey({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, ApiKey) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> ApiKey:
        return self

    def __deepcopy__(self, memo: object) -> ApiKey:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("an ApiKey is not pickled: hand over reveal() yourself if the key must travel")


def is_mask(text: object) -> bool:
    """Tell whether something is a text that looks like a masked key."""
    return text == "***" or (isinstance(text, str) and len(text) == 19 and text[12:15] == "...")


def parse_key(text: object) -> ApiKey | InvalidKeyError | TypeError:
    """Read a key's text; an error is returned, so that no frame raises it while it holds the text."""
    if isinstance(text, ApiKey):
        return text
    if not isinstance(text, str):
        return TypeError(f"an API key is a str or an ApiKey, not {type(text).__name__}")
    stripped = text.strip()
    if len(stripped) >= 2 and stripped[0] == stripped[-1] and stripped[0] in "\"'":
        stripped = stripped[1:-1].strip()
    if stripped[:7].lower() == "bearer ":
        stripped = stripped[7:].strip()
    if not stripped:
        return InvalidKeyError("The API key is blank")
    if wrong := _NOT_A_KEY_CHARACTER.search(stripped):
        place = f"character {wrong.start() + 1} of {len(stripped)} (U+{ord(wrong.group()):04X})"
        return InvalidKeyError(f"The API key's {place} is {_kind(wrong.group())}")
    key = object.__new__(ApiKey)
    key._text = stripped
    key._header = BearerHeader(f"Bearer {stripped}")
    return key


def _kind(character: str) -> str:
    if character.isspace():
        return "white space"
    return "a control character" if ord(character) < 32 or character == "\x7f" else "not ASCII"


def key_from_environment(variables: tuple[str, ...], environ: Mapping[str, str]) -> ApiKey | Exception | None:
    """Read a key from the first variable that is not blank; an error names the variable, and is returned."""
    for name in variables:
        if not environ.get(name, "").strip():
            continue
        key = parse_key(environ[name])
        return InvalidKeyError(f"{name}: {key.summary}") if isinstance(key, InvalidKeyError) else key
    return None


public(ApiKey)
