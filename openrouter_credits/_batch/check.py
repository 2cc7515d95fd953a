"""The outcome of one key of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from openrouter_credits._arguments import Dollars, require_thresholds
from openrouter_credits._documents import Value, as_written, layout, write
from openrouter_credits._errors import AuthenticationError, InvalidKeyError, OpenRouterError
from openrouter_credits._models import ManagedKey
from openrouter_credits._public import public
from openrouter_credits._status.level import Level
from openrouter_credits._status.phrases import reasons
from openrouter_credits._status.status import KeyStatus
from openrouter_credits._words import one_line

_NOT_READ = {
    **dict.fromkeys(("sentence", "spendable", "wallet", "key")),
    "problems": (),
    **dict.fromkeys(("error", "checked_at")),
}
"""The findings of a check without a status."""


def _seconds(elapsed: float) -> str:
    return f"{elapsed:.3f}"


@frozen
class KeyCheck(Value):
    """The outcome of one key.

    Of an account, some may be of other things, which have no status: see `Account.check()`.
    """

    index: int
    """Its place in the source, or in the list of the account, from 0."""
    name: str | None
    """Its name in its `KeySpec`, in the mapping, or in its account."""
    label: str | None
    """The key, masked; `None` if the text could not be a key."""
    account: str | None
    """The account whose wallet it spends from, or its masked management key; `None` if not known."""
    status: KeyStatus | None
    """The key's status, or `None` if nothing could be read."""
    error: OpenRouterError | None = field(eq=as_written)
    """Why nothing could be read."""
    elapsed: float = field(repr=_seconds)
    """Seconds from taking the key to its outcome; of an account, those of the whole check."""
    # Numbers that turned out to be of the same wallet as others; a batch has one map, which may still grow.
    _joined: Mapping[int, int] = field(factory=dict, alias="joined", eq=False, repr=False, kw_only=True)
    wallet_id: int | None = field(default=None, repr=False, kw_only=True)
    """Equal for all keys of a report that spend from one wallet; `None` if the account is not known.

    Equal keys of a report have one wallet, even so: a negative number then.
    """
    managed_key: ManagedKey | None = field(default=None, repr=False, kw_only=True)
    """The key as it is listed, with its hash, if it was found in the list of its account; else `None`."""

    def level(self, warn: Dollars = 10, critical: Dollars | None = None) -> Level:
        """Judge as `KeyStatus.level` does; a key that could not be read is `INVALID` or `UNKNOWN`."""
        if self.status is not None:
            return self.status.level(warn, critical)
        require_thresholds(warn, critical)
        return Level.INVALID if self.error is not None and _judges_key(self.error) else Level.UNKNOWN

    def to_json(
        self, indent: int | None = None, *, warn: Dollars = 10, critical: Dollars | None = None
    ) -> str:
        """Write the outcome as a JSON object: as `KeyStatus.to_json` does, with index, names and error.

        Raises:
            ValueError: `warn` is below `critical`, or one is not finite.
        """
        return write(self._layout(warn, critical), indent)

    def _layout(self, warn: Dollars = 10, critical: Dollars | None = None) -> dict[str, Any]:
        known = _NOT_READ if self.status is None else layout(self.status, warn=warn, critical=critical)
        return {
            "index": self.index,
            "name": self.name,
            "label": self.label,
            "account": self.account,
            "level": self.level(warn, critical),
            **known,
            "error": self.error,
            "elapsed": round(self.elapsed, 3),
            "managed_key": self.managed_key,
        }

    def __str__(self) -> str:
        """Say the name of the key, and how it stands, in one sentence."""
        name = self.name or self.label or f"key {self.index + 1}"
        if self.status is not None:
            return f"{one_line(name)}: {one_line(self.status)}"
        why = "not read" if self.error is None else reasons((self.error,))
        return f"{one_line(name)}: {one_line(why)}."


def _judges_key(error: OpenRouterError) -> bool:
    """Tell whether a key is refused, or cannot be one; the fault of a management key judges no other key."""
    if error.is_of_management_key:
        return False
    return isinstance(error, InvalidKeyError) or any(
        isinstance(each, AuthenticationError) and not each.is_of_management_key
        for each in (error, *error.problems)
    )


def wallet_number(check: KeyCheck) -> int | None:
    """Return the number that stands for a key's wallet now; `_joined` has those that are no longer used."""
    number = check.wallet_id
    joined = check._joined  # noqa: SLF001 - of the same file
    while number is not None and number in joined:
        number = joined[number]
    return number


public(KeyCheck)
