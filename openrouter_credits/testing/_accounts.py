"""Accounts, and the directory of all their keys."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

from attrs import define, field

from openrouter_credits import ApiKey
from openrouter_credits.testing._amounts import Amount, to_amount
from openrouter_credits.testing._keys import CreditsReply, FakeBudget, Key, KeySettings, Shape
from openrouter_credits.testing._spending import Clock, Interval, Spending

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from decimal import Decimal


class Directory:
    """Finds the key that a text is."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock
        self._keys: dict[str, Key] = {}
        self._by_account: defaultdict[FakeAccount, dict[str, Key]] = defaultdict(dict)
        self._made = 0

    def find(self, text: str) -> Key | None:
        """Find the key with this text."""
        return self._keys.get(text)

    def keys_of(self, account: FakeAccount) -> dict[str, Key]:
        """Give an account's keys by their hashes, the oldest first."""
        return self._by_account[account]

    def add(self, key: Key) -> None:
        """Make a key known."""
        text = key.api_key.reveal()
        if text in self._keys:
            raise ValueError(f"the server has the key {key.api_key} already")
        self._keys[text] = self._by_account[key.account][key.hash] = key

    def remove(self, key: Key) -> None:
        """Forget a key."""
        del self._keys[key.api_key.reveal()], self._by_account[key.account][key.hash]

    def new_text(self) -> str:
        """Make the text of the next key; every server makes the same ones, so that what it says can be printed in documentation."""
        self._made += 1
        return "sk-or-v1-" + hashlib.sha256(f"FakeOpenRouter {self._made}".encode()).hexdigest()


@define(eq=False)
class FakeAccount:
    """An account with a wallet and keys; made by `FakeOpenRouter.add_account`. Amounts are US dollars."""

    credits: Decimal = field(converter=to_amount)
    """Everything ever bought; assign to it, or `+=` to it, to buy more."""
    usage: Decimal = field(converter=to_amount)
    """Everything ever spent, by whatever key."""
    free_tier: bool
    """Whether the account has never paid for credits."""
    workspace_id: str
    """What `/key` says for each of its keys."""
    _directory: Directory = field(repr=False)

    def add_key(
        self,
        *,
        management: bool = False,
        name: str = "key",
        limit: Amount | None = None,
        limit_reset: Interval | None = None,
        usage: Amount = 0,
        budgets: Iterable[FakeBudget] = (),
        expires_at: datetime | None = None,
        disabled: bool = False,
        credits_reply: CreditsReply = "forbidden",
        shape: Shape = "2026-10",
        api_key: str | ApiKey | None = None,
    ) -> ApiKey:
        """Make a key.

        Args:
            management: a management key reads the wallet and the list of keys.
            name: its name in the list of keys.
            limit: the key's own cap; it becomes a budget too.
            limit_reset: how often the cap starts anew; `None` for never.
            usage: what the key has spent so far; it counts as spent now, and not once more in the account's usage.
            budgets: the other limits on the key.
            expires_at: from then on, the key is answered 401; needs a time zone.
            disabled: the key is answered 401.
            credits_reply: what an ordinary key gets from `/credits`. All three are seen in the wild: a 403, a 200 that says 0 and 0, or
                the real figures.
            shape: which fields `/key` has: those of October 2026, August 2026 or 2025.
            api_key: its text; else one is made up, the same one in every run.

        Raises:
            ValueError: an impossible value, or an `api_key` that the server has already.
            TypeError: an argument of a wrong type, such as a float for an amount.
            InvalidKeyError: the `api_key` cannot be one.
        """
        now = self._directory.now()
        key = Key(
            api_key=ApiKey(self._directory.new_text() if api_key is None else api_key),
            account=self,
            settings=KeySettings(name, limit, limit_reset, expires_at, disabled),
            created_at=now,
            spending=Spending(to_amount(usage), now),
            management=management,
            credits_reply=credits_reply,
            shape=shape,
            budgets=tuple((budget, Spending(budget.spend_usd, now)) for budget in budgets),
        )
        self._directory.add(key)
        return key.api_key
