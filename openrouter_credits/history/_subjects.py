"""What can be watched and remembered: each limit once, whichever keys share it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from openrouter_credits import AuthenticationError, InvalidKeyError, KeyCheck, OpenRouterError
from openrouter_credits._documents import Value, as_written
from openrouter_credits._public import public


@frozen
class Subject(Value):
    """Something that has an amount of its own: a wallet, a key with its own limit, or a budget.

    A key that has a hash is known by it: one that was given another name is equal to what it was.
    """

    kind: str
    """`wallet`, `key` or `budget`; `openrouter` for all of them together."""
    account: str | None = None
    """The account, or its masked management key; `None` if not known."""
    name: str | None = None
    """The name of a key, or its mask; of a budget its id, or its scope and interval.

    Of a wallet `None`; if its account is not known, the name of its first key.
    """
    hash: str | None = field(default=None, kw_only=True, repr=False)
    """`ManagedKey.hash` of a key that is listed in its account, by which keys of one name are told apart."""

    def _identity(self) -> tuple[str | None, ...]:
        is_named = self.kind != "key" or self.hash is None
        return self.kind, self.account, self.name if is_named else None, self.hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Subject):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __str__(self) -> str:
        """Name it in one word, such as `wallet:acme`, `key:acme/bot` or `openrouter`.

        A `?` stands for each character that could steer a terminal.
        """
        place = "/".join([part for part in (self.account, self.name) if part])
        text = f"{self.kind}:{place}" if place else self.kind
        if text.isprintable():
            return text
        return "".join([each if each.isprintable() else "?" for each in text])


OPENROUTER = Subject("openrouter")
"""The subject of what concerns all: no answer from the host, all keys refused."""


@frozen
class Reading(Value):
    """What one report tells of one subject. Amounts are US dollars."""

    subject: Subject = field(repr=str)
    """The wallet, key or budget that it is of."""
    remaining: Decimal | None = None
    """The amount left, negative if it is overdrawn; `None` if not read, or if there is no limit."""
    used: Decimal | None = field(default=None, repr=False)
    """A counter, whatever is bought or reset: `total_usage` of a wallet, `usage` of a key.

    With BYOK if that counts towards the key's limit. Of a budget what its window has spent: it falls at each
    reset. `None` if not known.
    """
    granted: Decimal | None = field(default=None, repr=False)
    """`total_credits` of a wallet, the limit of a key or budget; `None` for no limit, or if not known."""
    bound_by: str = field(default="wallet", repr=False)
    """The `Bound.name`: `wallet`, `key_limit`, or a budget's scope."""
    resets_at: datetime | None = field(default=None, repr=False)
    """When its window ends (UTC); `None` if never, or if that is not known."""
    stop: str | None = None
    """Of a key: why it cannot spend at all: `refused`, `expired`, `disabled` or `no_region`."""
    error: OpenRouterError | None = field(default=None, eq=as_written)
    """Why it was not read, or why the key is refused."""
    is_read: bool = True
    """Whether this report says how the subject is; so it does of a key that was refused."""
    is_hidden: bool = False
    """Whether it may not be read (403, unconfirmed 0/0, no key), as opposed to a fault that may pass."""
    keys: tuple[str, ...] = field(default=(), repr=False)
    """The names of the keys that spend from it, in the report's order; of a key its own."""
    title: str | None = field(default=None, repr=False)
    """Of a key: its name with its mask, if another key of its account has the same name."""
    under: tuple[Subject, ...] = field(default=(), repr=False)
    """Of a key: the wallet and the budgets that it shares."""
    label: str | None = field(default=None, repr=False)
    """Of a key: its mask; another one is another key."""
    expires_at: datetime | None = field(default=None, repr=False)
    """Of a key: when it expires (UTC); `None` for never, or if that is not known."""
    checks: tuple[KeyCheck, ...] = field(default=(), eq=False, repr=False)
    """The outcomes that it was made of; the first is the one to look at again."""

    @property
    def is_refused(self) -> bool:
        """Whether it is a key that was refused, or a wallet that nothing but refused keys could have read.

        The event of the key is enough then: the wallet's blindness has the same cause.
        """
        is_refusal = isinstance(self.error, AuthenticationError | InvalidKeyError)
        return is_refusal and self.error is not None and not self.error.is_of_management_key

    def _layout(self) -> dict[str, Any]:
        return {name: value for name, value in super()._layout().items() if name != "checks"}


@frozen
class Readings:
    """A report as readings, each subject once."""

    readings: tuple[Reading, ...]
    """Wallets, then keys, then budgets."""
    is_complete: bool
    """Whether a wallet or key that is not among them does not exist; see `is_gone`."""
    read_nothing: bool
    """Whether no key and no wallet was read: a failed look of the host."""
    are_all_refused: bool
    """Whether there are several keys, and each was refused (401)."""
    unread_budgets: frozenset[str | None] = frozenset()
    """The accounts in which the budgets of a key could not all be read; `None` for keys without account."""

    def is_gone(self, subject: Subject) -> bool:
        """Tell whether a subject that is not among the readings does not exist any more."""
        return self.is_complete and not (
            subject.kind == "budget" and not self.unread_budgets.isdisjoint((subject.account, None))
        )


public(Subject, Reading, Readings, door="openrouter_credits.history")
