"""Accounts and keys as the server knows them."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal

from attrs import Factory, define, field, frozen

from openrouter_credits import ApiKey
from openrouter_credits._models.amounts import add, subtract
from openrouter_credits.testing._activity import MODEL, Activity, Counts, Origin
from openrouter_credits.testing._amounts import Amount, not_negative, to_amount
from openrouter_credits.testing._arguments import (
    kind,
    one_of,
    optional,
    require_bool,
    require_number,
    require_text,
    validator,
)
from openrouter_credits.testing._budgets import Count, Layer, in_order
from openrouter_credits.testing._generations import Generation
from openrouter_credits.testing._settings import CreditsReply, FakeBudget, KeySettings, Shape
from openrouter_credits.testing._spending import Spending
from openrouter_credits.testing._workspaces import FakeWorkspace, layers

_HIGH_QUOTA_FROM = 10
"""Credits ever bought, in US dollars, from which an account has the larger quota of free requests."""


def hash_of(text: str) -> str:
    """Return the hash by which `/keys` names the key with this text."""
    # bytes of a header that are not UTF-8 are halves of surrogate pairs here
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


@frozen
class Listing:
    """The keys of a workspace that `/keys` lists, newest first, as long as none of them expires."""

    keys: list[Key]
    since: datetime
    until: datetime | None

    def holds(self, now: datetime) -> bool:
        """Tell whether the list is right at `now`."""
        return self.since <= now and (self.until is None or now < self.until)


@define(eq=False)
class Books:
    """The server's notes on an account."""

    keys: dict[str, Key] = field(factory=dict)
    """The keys by hash, oldest first."""
    listings: dict[tuple[str, bool, bool], Listing] = field(factory=dict)
    """Lists that pages were cut from, kept for the next pages; whoever changes a key empties it."""
    workspaces: list[FakeWorkspace] = field(factory=list)
    """The workspaces; the default one is first."""
    activity: Activity = field(factory=Activity)
    generations: dict[str, Generation] = field(factory=dict)
    free_requests: Counter[date] = field(factory=Counter)
    """The number of requests to free models by UTC day."""


def _to_credits(value: Amount) -> Decimal:
    return not_negative(value, "credits")


def _to_usage(value: Amount) -> Decimal:
    return to_amount(value, "usage")  # refunds can take it below zero


def _to_price(value: Amount) -> Decimal:
    return not_negative(value, "price")


def _require_delay(name: str, value: float) -> None:
    require_number(name, value, zero=True)


@define(eq=False)
class Account:
    """An account with a wallet. Amounts are in US dollars."""

    credits: Decimal = field(converter=_to_credits)
    """Total bought so far; assign a larger amount, or use `+=`, to buy more."""
    usage: Decimal = field(converter=_to_usage)
    """Total spent so far, by all keys together."""
    free_tier: bool = field(validator=validator(require_bool))
    """Whether the account has never paid for credits."""
    organization_id: str | None = field(default=None, validator=validator(optional(require_text)))
    """The `organization_id` in the reply of `/key`."""
    user_id: str | None = field(default=None, validator=validator(optional(require_text)))
    """The user who makes the keys, unless `add_key` names another one."""
    price: Decimal = field(default=Decimal("0.01"), converter=_to_price)
    """Price of a request to `/chat/completions` with a model that is not free."""
    generation_delay: float = field(default=0.0, validator=validator(_require_delay))
    """Seconds, by the server's clock, for which `/generation` does not know a new answer yet: 404."""
    books: Books = field(factory=Books, init=False, repr=False)
    """The server's notes on the account; not meant for tests."""


def free_quota(account: Account, now: datetime) -> tuple[int, int]:
    """Return an account's daily quota of requests to free models, and how many of them are used."""
    quota = 50 if account.credits < _HIGH_QUOTA_FROM else 1000
    return quota, account.books.free_requests[now.astimezone(UTC).date()]


@define(eq=False)
class Key:
    """One key, with its settings and its spending."""

    api_key: ApiKey
    account: Account = field(repr=False)
    workspace: FakeWorkspace
    settings: KeySettings
    created_at: datetime
    spending: Spending
    management: bool = field(default=False, validator=validator(require_bool))
    credits_reply: CreditsReply = field(
        default="forbidden", validator=validator(one_of(("forbidden", "zeros", "real")))
    )
    shape: Shape = field(default="2026-10", validator=validator(one_of(("2026-10", "2026-08", "2025"))))
    regions: tuple[str, ...] = ("global",)
    counts: tuple[Count, ...] = ()
    updated_at: datetime | None = None
    last_used_at: datetime | None = None
    hash: str = Factory(lambda self: hash_of(self.api_key.reveal()), takes_self=True)

    def set_budgets(self, budgets: Iterable[FakeBudget]) -> None:
        """Give the key budgets of its own.

        Raises:
            TypeError: one of them is no `FakeBudget`.
        """
        if not isinstance(budgets, Iterable):
            raise TypeError(f"budgets are several FakeBudgets, not {kind(budgets)}")
        counts: list[Count] = []
        for place, budget in enumerate(budgets):
            if not isinstance(budget, FakeBudget):
                raise TypeError(f"each of budgets is a FakeBudget, not {kind(budget)}")
            id_ = str(uuid.uuid5(uuid.UUID(self.workspace.id), f"budget {place} of {self.hash}"))
            counts.append(Count(budget, Spending(budget.spend_usd, self.created_at), id_))
        self.counts = tuple(counts)

    def spend(
        self,
        amount: Decimal,
        now: datetime,
        *,
        model: str = MODEL,
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
    ) -> None:
        """Count an amount for one request: in the account, and in the key's usage, limits and activity."""
        self.account.usage = add(self.account.usage, amount)
        self.spending.add(amount, now)
        for count in self.counts:
            count.spending.add(amount, now)
        for budget in self.workspace.budgets.values():
            budget.spend(amount)
        self.last_used_at = now
        origin = Origin(now.astimezone(UTC).date(), self.hash, self.creator_user_id, self.workspace.id, model)
        used = Counts(amount, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
        self.account.books.activity.note(origin, used)

    @property
    def creator_user_id(self) -> str | None:
        """The user who made the key."""
        return self.settings.creator_user_id or self.account.user_id

    def limit_remaining(self, now: datetime) -> Decimal | None:
        """Return the amount left of the key's own limit in the current window; `None` without a limit."""
        limit = self.settings.limit
        if limit is None:
            return None
        return subtract(limit, self.spending.within(self.settings.limit_reset, now))

    def layers(self, now: datetime) -> list[Layer]:
        """List what limits the key at `now`, in the order of enforcement; the key's own limit is last."""
        settings = self.settings
        found = [*layers(self.workspace), *(count.layer(now) for count in self.counts)]
        if settings.limit is not None:
            spent = self.spending.within(settings.limit_reset, now)
            byok = settings.include_byok_in_limit
            found.append(Layer("key_limit", settings.limit, spent, settings.limit_reset, byok))
        return in_order(found)

    def is_expired(self, now: datetime) -> bool:
        """Tell whether the key has expired at `now`."""
        return self.settings.expires_at is not None and self.settings.expires_at <= now
