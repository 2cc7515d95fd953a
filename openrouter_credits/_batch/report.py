"""The outcome of a batch: checks, wallets, and their sum. All amounts are US dollars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from attrs import field, frozen

from openrouter_credits._arguments import Dollars, require_thresholds
from openrouter_credits._errors import AuthenticationError, InvalidKeyError, OpenRouterError
from openrouter_credits._models import Credits
from openrouter_credits._models.amounts import add, subtract
from openrouter_credits._public import public
from openrouter_credits._secrets import is_mask
from openrouter_credits._status.level import Level
from openrouter_credits._status.status import KeyStatus
from openrouter_credits._words import format_usd, one_line


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
    """Equal for all keys of a report that spend from one wallet; `None` if the account is not known.

    Equal keys of a report have one wallet, even so: a negative number then.
    """

    def level(self, warn: Dollars = 10, critical: Dollars | None = None) -> Level:
        """Judge as `KeyStatus.level` does; a key that could not be read is `INVALID` or `UNKNOWN`."""
        if self.status is not None:
            return self.status.level(warn, critical)
        require_thresholds(warn, critical)
        return Level.INVALID if self.error is not None and _judges_key(self.error) else Level.UNKNOWN

    def __str__(self) -> str:
        """Say the name of the key, and how it stands, in one sentence."""
        name = self.name or self.label or f"key {self.index + 1}"
        if self.status is not None:
            return f"{one_line(name)}: {one_line(self.status)}"
        why = "not read" if self.error is None else self.error.summary.rstrip(".")
        return f"{one_line(name)}: {one_line(why)}."


def _judges_key(error: OpenRouterError) -> bool:
    """Tell whether a key is refused, or cannot be one; the fault of a management key judges no other key."""
    if isinstance(error, InvalidKeyError) and not error.is_of_management_key:
        return True
    return any(
        isinstance(each, AuthenticationError) and not each.is_of_management_key
        for each in (error, *error.problems)
    )


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

    def level(self, warn: Dollars = 10, critical: Dollars | None = None) -> Level:
        """Return the worst level of all checks, as `KeyStatus.level` judges; `UNKNOWN` if there are none."""
        require_thresholds(warn, critical)
        return max((check.level(warn, critical) for check in self.checks), default=Level.UNKNOWN)

    def __str__(self) -> str:
        """Count the levels, and sum up the wallets, in one sentence."""
        counts = Counter(check.level() for check in self.checks)
        levels = ", ".join(f"{counts[level]} {level}" for level in sorted(counts, reverse=True))
        number = len(self.checks)
        keys = f"{number} {'key' if number == 1 else 'keys'}"
        return f"{keys}: {levels}; wallets: {self._wallets_in_words()}." if levels else f"{keys}."

    def _wallets_in_words(self) -> str:
        total, wallets = self.total(), self.wallets()
        parts = []
        if len(wallets) > total.unread:
            parts.append(format_usd(total.known))
        if total.owed:
            parts.append(f"{format_usd(total.owed)} owed")
        unread = sum(wallet.credits is None for wallet in wallets)
        if unread:
            parts.append(f"{unread} unread")
        if total.unread > unread:
            parts.append(f"{total.unread - unread} not told apart (account unknown)")
        return ", ".join(parts)

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
            wallet_id = wallet.checks[0].wallet_id
            is_told_apart = (wallet_id is not None and wallet_id >= 0) or len(wallets) == 1
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
        if check.status is None:
            continue
        unread = 0 if check.status.key is None else len(check.status.key.unread)
        if len(check.status.problems) > unread:
            return check.status.problems[-1]  # the wallet's comes after the key's
    return checks[0].error


public(KeyCheck, Wallet, Total, CheckReport)
