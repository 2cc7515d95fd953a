"""The outcome of a batch: checks, wallets, and their sum. All amounts are US dollars."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import field, frozen

from openrouter_credits._arguments import Dollars
from openrouter_credits._errors import AuthenticationError, InvalidKeyError, OpenRouterError
from openrouter_credits._models import Credits
from openrouter_credits._models.amounts import add, subtract
from openrouter_credits._public import public
from openrouter_credits._secrets import is_mask
from openrouter_credits._status.status import KeyStatus, Level


@frozen
class KeyCheck:
    """The outcome of one key."""

    index: int
    """Its place in the source, from 0."""
    name: str | None
    """Its name in its `KeySpec`, or in the mapping."""
    label: str | None
    """The key, masked; `None` if the text could not be a key."""
    account: str | None
    """The account whose wallet it spends from, or its masked management key; `None` if not known."""
    status: KeyStatus | None
    """The key's status, or `None` if nothing could be read."""
    error: OpenRouterError | None
    """Why nothing could be read."""
    elapsed: float
    """Seconds from taking the key to its outcome."""
    # Numbers that turned out to be of the same wallet as others; a batch has one map, which may still grow.
    _joined: Mapping[int, int] = field(factory=dict, alias="joined", eq=False, repr=False, kw_only=True)
    wallet_id: int | None = field(default=None, repr=False, kw_only=True)
    """Equal for all keys of a report that spend from one wallet; `None` if the account is not known."""

    def level(self, warn: Dollars = 10, critical: Dollars = 5) -> Level:
        """Judge as `KeyStatus.level` does; a key that could not be read is `INVALID` or `UNKNOWN`."""
        if self.status is not None:
            return self.status.level(warn, critical)
        is_refused = isinstance(self.error, AuthenticationError | InvalidKeyError)
        return Level.INVALID if is_refused else Level.UNKNOWN


@frozen
class Wallet:
    """A wallet, and the keys that spend from it."""

    account: str | None
    """Its account, or the masked management key that read it; `None` if not known."""
    credits: Credits | None
    """The amounts in it, or `None` if no key could read it."""
    error: OpenRouterError | None
    """Why it could not be read."""
    checks: tuple[KeyCheck, ...]
    """The outcomes of the keys that spend from it."""


@frozen
class Total:
    """The sum of all wallets of a report, each counted once. Amounts are exact.

    A key whose account is not known may spend from the same wallet as another. Its wallet is in the sums only
    if it is the only one of the report; else it counts as unread.
    """

    known: Decimal
    """The sum of the wallets that hold something."""
    owed: Decimal
    """The sum that overdrawn wallets owe, as a positive number; not netted: no account pays for another."""
    unread: int
    """The number of wallets that are in neither sum."""


@frozen
class CheckReport:
    """The outcome of a whole batch."""

    checks: tuple[KeyCheck, ...]
    """In the order of the source."""

    def wallets(self) -> tuple[Wallet, ...]:
        """List each wallet once; a key without a known account has an entry of its own."""
        groups: dict[object, list[KeyCheck]] = {}
        for check in self.checks:
            wallet_id = _current_number(check.wallet_id, check._joined)  # noqa: SLF001 - of the same file
            group = ("alone", check.index) if wallet_id is None else wallet_id
            groups.setdefault(group, []).append(check)
        return tuple(_wallet(tuple(checks)) for checks in groups.values())

    def total(self) -> Total:
        """Sum up what all wallets hold, and what they owe."""
        wallets = self.wallets()
        known, owed, unread = Decimal(0), Decimal(0), 0
        for wallet in wallets:
            is_told_apart = wallet.checks[0].wallet_id is not None or len(wallets) == 1
            if wallet.credits is None or not is_told_apart:
                unread += 1
            elif wallet.credits.remaining < 0:
                owed = subtract(owed, wallet.credits.remaining)
            else:
                known = add(known, wallet.credits.remaining)
        return Total(known, owed, unread)


def _current_number(number: int | None, joined: Mapping[int, int]) -> int | None:
    """Return the number that stands for a wallet now; `joined` has the numbers that are no longer used."""
    while number is not None and number in joined:
        number = joined[number]
    return number


def _wallet(checks: tuple[KeyCheck, ...]) -> Wallet:
    # An account's name may have been learnt after the first of its keys was read.
    names = [check.account for check in checks if check.account and not is_mask(check.account)]
    account = names[0] if names else checks[0].account
    for check in checks:
        if check.status is not None and check.status.credits is not None:
            return Wallet(account, check.status.credits, None, checks)
    return Wallet(account, None, _why_unread(checks), checks)


def _why_unread(checks: tuple[KeyCheck, ...]) -> OpenRouterError | None:
    for check in checks:
        if check.status is not None and check.status.problems:
            return check.status.problems[-1]  # the wallet's comes after the key's
    return checks[0].error


public(KeyCheck, Wallet, Total, CheckReport)
