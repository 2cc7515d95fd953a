"""The outcome of a batch: its wallets, and their sum. All amounts are US dollars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from operator import attrgetter
from typing import Any

from attrs import field, frozen

from openrouter_credits._arguments import Dollars, require_thresholds
from openrouter_credits._batch.accounts import united
from openrouter_credits._batch.check import KeyCheck, wallet_number
from openrouter_credits._documents import Value, as_written, layout, write
from openrouter_credits._errors import OpenRouterError
from openrouter_credits._models import Credits
from openrouter_credits._models.amounts import add, subtract
from openrouter_credits._public import public
from openrouter_credits._secrets import is_mask
from openrouter_credits._status.level import Level
from openrouter_credits._status.runway import Runway, paces
from openrouter_credits._status.status import wallet_problems
from openrouter_credits._words import format_usd


def _number_of(checks: tuple[KeyCheck, ...]) -> str:
    return f"<{len(checks)} of KeyCheck>"


@frozen
class Wallet(Value):
    """A wallet, and the keys that spend from it."""

    account: str | None
    """Its account, or the masked management key that read it; `None` if not known."""
    credits: Credits | None
    """The amounts in it, or `None` if no key could read it."""
    error: OpenRouterError | None = field(eq=as_written)
    """Why it could not be read."""
    checks: tuple[KeyCheck, ...] = field(repr=_number_of)
    """The outcomes of the keys that spend from it."""

    def _layout(self) -> dict[str, Any]:
        return {
            "account": self.account,
            "wallet": self.credits,
            "error": self.error,
            "checks": [check.index for check in self.checks],
        }


@frozen
class Total(Value):
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
class CheckReport(Value):
    """The outcome of a whole batch, or of an account."""

    checks: tuple[KeyCheck, ...] = field(repr=_number_of)
    """In the order of the source, or of the account's list."""

    @staticmethod
    def merged(reports: Iterable[CheckReport]) -> CheckReport:
        """Put reports together: all checks in their order, with an `index` and a `wallet_id` of their own.

        Wallets of different reports are one if their accounts have the same name; a masked management key is
        such a name, too, unless it is `***`. They are also one if both reports list the same key
        (`ManagedKey.hash`): an account may have several management keys. Keys whose account is not known
        stay apart.
        """
        return CheckReport(united(report.checks for report in reports))

    def level(self, warn: Dollars = 10, critical: Dollars | None = None) -> Level:
        """Return the worst level of all checks, as `KeyStatus.level` judges; `UNKNOWN` if there are none."""
        require_thresholds(warn, critical)
        return max((check.level(warn, critical) for check in self.checks), default=Level.UNKNOWN)

    def to_json(
        self, indent: int | None = None, *, warn: Dollars = 10, critical: Dollars | None = None
    ) -> str:
        """Write the report as a JSON object: its level, counts of levels, total, checks and wallets.

        Each check is written as `KeyCheck.to_json` does; a wallet has the `index` of each of its checks.

        Raises:
            ValueError: `warn` is below `critical`, or one is not finite.
        """
        return write(self._layout(warn, critical), indent)

    def _layout(self, warn: Dollars = 10, critical: Dollars | None = None) -> dict[str, Any]:
        checks = [layout(check, warn=warn, critical=critical) for check in self.checks]
        counts = Counter(check["level"] for check in checks)
        return {
            "level": self.level(warn, critical),
            "counts": {level: counts[level] for level in Level},
            "total": self.total(),
            "checks": checks,
            "wallets": self.wallets(),
        }

    def __str__(self) -> str:
        """Count the levels, and sum up the wallets, in one sentence."""
        counts = Counter(check.level() for check in self.checks)
        levels = ", ".join(f"{counts[level]} {level}" for level in sorted(counts, reverse=True))
        number = len(self.checks)
        text = f"{number} {'key' if number == 1 else 'keys'}"
        if levels:
            text += f": {levels}"
            if not self._is_of_keys_alone():
                text += f"; wallets: {self._wallets_in_words()}"
        return f"{text}."

    def _is_of_keys_alone(self) -> bool:
        """Tell whether nobody asked for wallets."""
        statuses = [check.status for check in self.checks if check.status is not None]
        if any(status.credits is not None for status in statuses):
            return False
        return any(not wallet_problems(status) for status in statuses)

    def _wallets_in_words(self) -> str:
        total, wallets = self.total(), self.wallets()
        parts = []
        if len(wallets) > total.unread:
            parts.append(f"{format_usd(total.known)} left")
        if total.owed:
            # As a negative amount it is rounded away from 0: a debt is never shown smaller than it is.
            parts.append(f"{format_usd(total.owed.copy_negate()).removeprefix('-')} owed")
        without = [wallet for wallet in wallets if wallet.credits is None]
        if without:
            parts.append(f"{len(without)} not read")
        if total.unread > len(without):
            parts.append(f"{total.unread - len(without)} not counted (account unknown)")
        return ", ".join(parts)

    def wallets(self) -> tuple[Wallet, ...]:
        """List each wallet once; a key without a known account has an entry of its own."""
        groups: dict[object, list[KeyCheck]] = {}
        for check in self.checks:
            wallet_id = wallet_number(check)
            group = ("alone", check.index) if wallet_id is None else wallet_id
            groups.setdefault(group, []).append(check)
        return tuple(_wallet(tuple(checks)) for checks in groups.values())

    def runway(self, wallet: Wallet) -> Runway | None:
        """Tell how long a wallet lasts, from what all its keys spent this day, week and month.

        It needs no history, but all keys of the account: a report of `Account.check()`. If that was asked for
        some workspaces only, the others spend as well. Keys that were deleted or left out are not counted.

        Args:
            wallet: one of `wallets()`.

        Returns:
            `None` if the wallet was not read, or a key or a workspace of it was not.
        """
        if wallet.credits is None:
            return None
        keys = {}  # a key stands twice in merged reports
        moments = []
        for check in wallet.checks:
            if check.status is None or check.managed_key is None:
                return None
            keys[check.managed_key.hash] = check.managed_key
            moments.append(check.status.checked_at)
        now = max(moments)
        return Runway.of(wallet.credits.remaining, paces(tuple(keys.values()), now), now, basis="counters")

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


def _wallet(checks: tuple[KeyCheck, ...]) -> Wallet:
    # An account's name may have been learnt after the first of its keys was read.
    names = [check.account for check in checks if check.account and not is_mask(check.account)]
    account = names[0] if names else checks[0].account
    read = [check.status for check in checks if check.status is not None and check.status.credits is not None]
    if read:
        return Wallet(account, max(read, key=attrgetter("checked_at")).credits, None, checks)
    return Wallet(account, None, _why_unread(checks), checks)


def _why_unread(checks: tuple[KeyCheck, ...]) -> OpenRouterError | None:
    for check in checks:
        if check.status is not None and (problems := wallet_problems(check.status)):
            return problems[-1]
    return checks[0].error


public(Wallet, Total, CheckReport)
