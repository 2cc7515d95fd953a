"""Accounts, their keys, and the directory of all keys."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from attrs import Factory, define, evolve, field
from attrs.validators import in_

from openrouter_credits import ApiKey
from openrouter_credits._models.amounts import subtract
from openrouter_credits._public import public
from openrouter_credits.testing._amounts import Amount, to_amount
from openrouter_credits.testing._settings import CreditsReply, FakeBudget, KeySettings, Shape
from openrouter_credits.testing._spending import Clock, Interval, Spending


@define(eq=False)
class Key:
    """One key, with its settings and its spending."""

    api_key: ApiKey
    account: FakeAccount = field(repr=False)
    settings: KeySettings
    created_at: datetime
    spending: Spending
    management: bool = False
    credits_reply: CreditsReply = field(default="forbidden", validator=in_(("forbidden", "zeros", "real")))
    shape: Shape = field(default="2026-10", validator=in_(("2026-10", "2026-08", "2025")))
    budgets: tuple[tuple[FakeBudget, Spending], ...] = ()
    updated_at: datetime | None = None
    last_used_at: datetime | None = None
    hash: str = Factory(
        lambda self: hashlib.sha256(self.api_key.reveal().encode()).hexdigest(), takes_self=True
    )

    def spend(self, amount: Decimal, now: datetime) -> None:
        """Count an amount in the key's usage and budgets."""
        self.spending.add(amount, now)
        for _, spending in self.budgets:
            spending.add(amount, now)
        self.last_used_at = now

    def limit_remaining(self, now: datetime) -> Decimal | None:
        """Return the amount left of the key's own limit in the current window; `None` without a limit."""
        limit = self.settings.limit
        if limit is None:
            return None
        return subtract(limit, self.spending.within(self.settings.limit_reset, now))

    def budgets_at(self, now: datetime) -> list[FakeBudget]:
        """List the budgets with the amounts spent in their current windows; the key's own limit is first."""
        settings = self.settings
        budgets = [
            evolve(budget, spend_usd=spending.within(budget.reset_interval, now))
            for budget, spending in self.budgets
        ]
        if settings.limit is None:
            return budgets
        key_limit = FakeBudget(
            "key_limit",
            limit_usd=settings.limit,
            spend_usd=self.spending.within(settings.limit_reset, now),
            reset_interval=settings.limit_reset,
            include_byok=settings.include_byok_in_limit,
        )
        return [key_limit, *budgets]

    def is_expired(self, now: datetime) -> bool:
        """Tell whether the key has expired at `now`."""
        return self.settings.expires_at is not None and self.settings.expires_at <= now


class Directory:
    """Keeps the keys of a server, and finds a key by its text."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock
        self.lock = threading.RLock()
        """Held while a request is carried out, which happens in the server's thread, and by each change."""
        self._keys: dict[str, Key] = {}
        self._by_account: defaultdict[FakeAccount, dict[str, Key]] = defaultdict(dict)
        self._made = 0

    def find(self, text: str) -> Key | None:
        """Find the key with this text; `None` if there is none."""
        return self._keys.get(text)

    def keys_of(self, account: FakeAccount) -> dict[str, Key]:
        """Return the account's keys by hash, oldest first."""
        return self._by_account[account]

    def add(self, key: Key) -> None:
        """Register a key.

        Raises:
            ValueError: the server already has a key with this text.
        """
        with self.lock:
            if key.api_key.reveal() in self._keys:
                raise ValueError(f"the server has the key {key.api_key} already")
            self._keys[key.api_key.reveal()] = self._by_account[key.account][key.hash] = key

    def remove(self, key: Key) -> None:
        """Remove a key."""
        del self._keys[key.api_key.reveal()], self._by_account[key.account][key.hash]

    def new_text(self) -> str:
        """Make the text of the next key.

        Every server makes the same texts in the same order, so that documentation can show its output.
        """
        with self.lock:
            self._made += 1
            return "sk-or-v1-" + hashlib.sha256(f"FakeOpenRouter {self._made}".encode()).hexdigest()


@define(eq=False)
class FakeAccount:
    """An account with a wallet and keys, made by `FakeOpenRouter.add_account`. Amounts are in US dollars."""

    credits: Decimal = field(converter=to_amount)
    """Total bought so far; assign a larger amount, or use `+=`, to buy more."""
    usage: Decimal = field(converter=to_amount)
    """Total spent so far, by all keys together."""
    free_tier: bool
    """Whether the account has never paid for credits."""
    workspace_id: str
    """The `workspace_id` of each key of the account."""
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
        """Add a key to the account and return it.

        Args:
            management: whether it is a management key, which can read the wallet and manage the keys.
            name: the key's name in the list of keys.
            limit: the key's own limit, which `/key` also lists as a budget; `None` for no limit.
            limit_reset: the interval after which the limit's window starts again; `None` for never.
            usage: the amount spent so far. It counts in the current windows, but not in the account's usage.
            budgets: further limits on the key.
            expires_at: the time from which requests with the key get 401; needs a time zone.
            disabled: whether requests with the key get 401.
            credits_reply: the reply of `/credits` to a key that is not a management key. OpenRouter has sent
                each of the three: a 403 (`forbidden`), a 200 in which both figures are 0 (`zeros`), or the
                `real` figures.
            shape: the version of the reply of `/key`: that of October 2026, August 2026 or 2025.
            api_key: the key's text; by default a new one, the same in every run.

        Raises:
            ValueError: a value is impossible, or the server already has the `api_key`.
            TypeError: an argument has a wrong type, such as a float for an amount.
            InvalidKeyError: the `api_key` cannot be a key.
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


public(FakeAccount, door="openrouter_credits.testing")
