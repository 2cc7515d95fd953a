"""API keys that never print, and where they come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, NoReturn, TypeVar

from openrouter_credits._errors import ConfigurationError, InvalidKeyError, what_to_paste
from openrouter_credits._public import public
from openrouter_credits._secretfiles import first_line

API_KEY_VARIABLES = ("OPENROUTER_API_KEY", "OPENROUTER_KEY")
MANAGEMENT_KEY_VARIABLES = (
    "OPENROUTER_MANAGEMENT_KEY",
    "OPENROUTER_MANAGEMENT_API_KEY",
    "OPENROUTER_PROVISIONING_KEY",
    "OPENROUTER_PROVISIONING_API_KEY",
)

_FILE = "_FILE"
"""The end of the name of a variable that has a path: a secret of Docker, Kubernetes or systemd."""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""A bearer token (`b64token` of RFC 6750, section 2.1)."""
_KINDS = {
    **dict.fromkeys("\"'`", "a quote"),
    **dict.fromkeys("()<>[]{}", "a bracket"),
    ",": "a comma",
    ":": "a colon",
    ";": "a semicolon",
    "=": "an equals sign before the end",
}


class BearerHeader(str):
    """The value of an `Authorization` header: sent as it is, shown masked.

    rich takes a slice of a long text before it asks for its `repr`. `__str__` stays as it is: aiohttp's
    writer calls it, and would send the mask.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self[:])

    def __getitem__(self, _: object) -> str:
        return f"{self.partition(' ')[0]} ***"


class BasicHeader(BearerHeader):
    """The value of a `Proxy-Authorization` header, which is shown masked as well."""

    __slots__ = ()


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
        InvalidKeyError: the text is blank, or no bearer token: letters, digits and `-._~+/`, and then perhaps
            some `=` (RFC 6750).
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
        return mask(self._text)

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


def mask(text: str) -> str:
    """Return the first 12 and the last 4 characters of a text; one below 24 characters is hidden whole."""
    return f"{text[:12]}...{text[-4:]}" if len(text) >= 24 else "***"


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
    if len(stripped) >= 2 and stripped[0] in "\"'" and stripped[0] == stripped[-1]:
        stripped = stripped[1:-1].strip()
    if stripped[:6].lower() == "bearer" and not stripped[6:7].strip():  # the whole word
        stripped = stripped[6:].strip()
    if _TOKEN.fullmatch(stripped) is None:
        return InvalidKeyError(_why_not_a_key(stripped), remedy=what_to_paste(stripped))
    key = object.__new__(ApiKey)
    key._text = stripped
    key._header = BearerHeader(f"Bearer {stripped}")
    return key


_Key = TypeVar("_Key")


def as_management_key(key: _Key) -> _Key:
    """Return what was read as a management key; an error is marked, so that it judges no other key."""
    if isinstance(key, InvalidKeyError):
        key.is_of_management_key = True
    return key


def _why_not_a_key(text: str) -> str:
    if not text:
        return "The API key is blank"
    begun = _TOKEN.match(text)
    at = 0 if begun is None else begun.end()
    if begun is not None and begun.group()[-1] == "=":
        at = begun.group().index("=")  # it is not at the end: more follows
    return f"The API key's character {at + 1} of {len(text)} (U+{ord(text[at]):04X}) is {_kind(text[at])}"


def _kind(character: str) -> str:
    if character in _KINDS:
        return _KINDS[character]
    if character.isspace():
        return "white space"
    if not character.isascii():
        return "not ASCII"
    return "one that no key has" if character.isprintable() else "a control character"


class Found(NamedTuple):
    """A key that the environment has."""

    name: str
    """The variable: that of the key itself, or `..._FILE`, which has the path of a file."""
    key: ApiKey | ConfigurationError
    """The key, or the error that hides it, which names the variable and the path."""
    shadowed: tuple[str, ...]
    """Other variables for the same key that are set, but are not read."""


def find_key(variables: tuple[str, ...], environ: Mapping[str, str]) -> Found | None:
    """Find the first variable that is not blank: each name is tried as it is, then as `<NAME>_FILE`."""
    names = [name for variable in variables for name in (variable, f"{variable}{_FILE}")]
    in_use = [name for name in names if environ.get(name, "").strip()]
    if not in_use:
        return None
    used, *shadowed = in_use
    if used.endswith(_FILE):
        return Found(used, _read_key_file(used, environ[used].strip()), tuple(shadowed))
    return Found(used, _named(used, parse_key(environ[used])), tuple(shadowed))


def _read_key_file(name: str, path: str) -> ApiKey | ConfigurationError:
    """Read the key in the first line of a file; nothing is raised while a frame holds the line."""
    if "sk-or-" in path:  # the path is shown, and this one is a key
        text = f"{name} has a key in it, but it is the path of a file that has the key"
        return ConfigurationError(text, remedy=f"Set {name.removesuffix(_FILE)} to the key.")
    line, problem = first_line(path)
    if problem is not None:
        remedy = f"{name} must be the path of a text file with the key in its first line."
        return ConfigurationError(f"{name}: cannot read the key in {path}: {problem}", remedy=remedy)
    return _named(f"{name} ({path})", parse_key(line))


def _named(place: str, key: ApiKey | InvalidKeyError | TypeError) -> ApiKey | ConfigurationError:
    """Begin the text of an error with its place."""
    if isinstance(key, ApiKey):
        return key
    return InvalidKeyError(f"{place}: {key.args[0]}", remedy=getattr(key, "remedy", None))


public(ApiKey)
