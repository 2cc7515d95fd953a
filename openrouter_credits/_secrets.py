"""API keys that never print, where they come from, and strangers' words without them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from openrouter_credits._errors import InvalidKeyError

if TYPE_CHECKING:
    from collections.abc import Mapping

API_KEY_VARIABLES = ("OPENROUTER_API_KEY", "OPENROUTER_KEY")
MANAGEMENT_KEY_VARIABLES = (
    "OPENROUTER_MANAGEMENT_KEY",
    "OPENROUTER_MANAGEMENT_API_KEY",
    "OPENROUTER_PROVISIONING_KEY",
    "OPENROUTER_PROVISIONING_API_KEY",
)

_CONTROLS = frozenset(map(chr, (*range(32), 127)))
_QUOTED_CHARACTERS = 200
# C0 and C1 controls (terminal escapes), marks that turn the direction of text, and halves of surrogate pairs
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_LOOKS_LIKE_A_KEY = re.compile(r"sk-or-[\w-]{20,}")
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

    White space around the text, one pair of quotes and one leading word `Bearer` are dropped: they are pasted along so often.
    Equal by value and hashable. A copy is the key itself. Pickling is a `TypeError`: a key must not travel by accident,
    nor its mask as a key.

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


def parse_key(text: object) -> ApiKey | InvalidKeyError | TypeError:
    """Read a key's text; an error is returned, so that no frame that holds the text raises it."""
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
        character = wrong.group()
        name = (
            "white space"
            if character.isspace()
            else "a control character"
            if ord(character) < 32 or character == "\x7f"
            else "not ASCII"
        )
        return InvalidKeyError(
            f"The API key's character {wrong.start() + 1} of {len(stripped)} (U+{ord(character):04X}) is {name}"
        )
    key = object.__new__(ApiKey)
    key._text = stripped
    key._header = BearerHeader(f"Bearer {stripped}")
    return key


def key_from_environment(variables: tuple[str, ...], environ: Mapping[str, str]) -> ApiKey | Exception | None:
    """Read a key from the first of these variables that is not blank; an error names the variable, and is returned."""
    for name in variables:
        if not environ.get(name, "").strip():
            continue
        key = parse_key(environ[name])
        return InvalidKeyError(f"{name}: {key.summary}") if isinstance(key, InvalidKeyError) else key
    return None


def quote(text: str, key: ApiKey | None) -> str:
    """Make a stranger's words fit to be shown: no key, no control characters, at most 200 characters."""
    text = _UNPRINTABLE.sub("", re.sub(r"[\t\r\n]+", " ", text))
    if key is not None:
        text = text.replace(key.reveal(), str(key))
    text = _LOOKS_LIKE_A_KEY.sub("sk-or-***", text)
    return text if len(text) <= _QUOTED_CHARACTERS else f"{text[: _QUOTED_CHARACTERS - 3]}..."


def quote_all(value: Any, key: ApiKey | None, depth: int = 5) -> Any:
    """Do so with all texts in some JSON, and cut what is nested deeply."""
    if isinstance(value, str):
        return quote(value, key)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return "..."
    if isinstance(value, list):
        return [quote_all(item, key, depth - 1) for item in value]
    return {quote(name, key): quote_all(item, key, depth - 1) for name, item in value.items()}
