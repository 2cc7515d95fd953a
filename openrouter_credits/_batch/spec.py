"""The keys and the options of a batch."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping

from attrs import field, frozen

from openrouter_credits._arguments import require_count, require_read, require_seconds
from openrouter_credits._errors import ConfigurationError, InvalidKeyError
from openrouter_credits._masking import scrub
from openrouter_credits._public import public
from openrouter_credits._secrets import ApiKey, mask, parse_key
from openrouter_credits._words import SHORTEST_SECRET, mask_key

_LEAST_RATE = 1 / (24 * 60 * 60)
"""Requests a second. With a smaller rate, a batch would seem to hang."""


def _key_or_fault(text: object) -> ApiKey | ConfigurationError:
    """Read a key; the fault of a text that cannot be one becomes that key's outcome."""
    if isinstance(text, ConfigurationError):
        return text
    if text is None:
        return InvalidKeyError("There is no key (None)")
    key = parse_key(text)
    return InvalidKeyError(str(key)) if isinstance(key, TypeError) else key


def _optional_key_or_fault(text: object) -> ApiKey | ConfigurationError | None:
    return None if text is None else _key_or_fault(text)


def _without_keys(name: str, *own: object) -> str:
    """Mask the spec's own keys in a name, and then a name in which any other key stands."""
    for key in own:
        if isinstance(key, ApiKey):
            name = mask_key(name, key)
    # `scrub` alone would give two names the same mask
    return name if scrub(name) == name else mask(name)


@frozen
class KeySpec:
    """A key to check, and what is known of it.

    A text that cannot be a key becomes that key's outcome, not an exception here. A name or account in which
    a key stands is masked: the spec's own keys, whatever they look like, and any text that looks like a key.
    Results show both.
    """

    api_key: ApiKey | ConfigurationError = field(converter=_key_or_fault)
    """The key, or why there is none: a text cannot be one, or it could not be read where it is kept."""
    name: str | None = None
    """The name of the key in results."""
    account: str | None = None
    """The account whose wallet it spends from."""
    management_key: ApiKey | ConfigurationError | None = field(default=None, converter=_optional_key_or_fault)
    """A key that may read that wallet; it is read once in a batch."""
    _assumed: bool = field(default=False, alias="_assumed", eq=False, repr=False, kw_only=True)
    """Whether nobody has said that both keys are of one account: they only stood in the same place."""

    def __attrs_post_init__(self) -> None:
        if self.name is None and self.account is None:
            return
        for place, text in (("name", self.name), ("account", self.account)):
            if isinstance(text, str) and len(text) >= SHORTEST_SECRET:
                masked = _without_keys(text, self.api_key, self.management_key)
                object.__setattr__(self, place, masked)


KeySource = (
    Mapping[str, str | ApiKey | KeySpec | None]
    | Iterable[str | ApiKey | KeySpec | None]
    | AsyncIterable[str | ApiKey | KeySpec | None]
)
"""Keys to check: by name, in a row, or as they come."""


@frozen
class Options:
    """The options of a batch; `check_keys` documents them."""

    concurrency: int
    read: frozenset[str]
    rate: float | None
    deadline: float | None

    @staticmethod
    def of(concurrency: int, read: Iterable[str], rate: float | None, deadline: float | None) -> Options:
        """Check the options.

        Raises:
            TypeError: one is of a wrong type.
            ValueError: one is out of range.
        """
        require_count("concurrency", concurrency)
        wanted = require_read(read)
        if rate is not None:
            require_seconds("rate", rate, unit="requests a second")
            if rate < _LEAST_RATE:
                raise ValueError(f"rate is at least one request a day (0.0000116 a second), not {rate}")
        if deadline is not None:
            require_seconds("deadline", deadline)
        return Options(concurrency, wanted, rate, deadline)


public(KeySpec)
