"""What OpenRouter says of a wallet and of a key: frozen values with the API's own names.

All amounts are US dollars (1 credit = 1 USD) as exact `Decimal`. A value that the server did not give is `None`, never 0.
All times are aware datetimes in UTC. `extra` holds what this version does not know; it takes no part in `==` and `repr`.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - cattrs resolves the annotations
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any

from attrs import Attribute, Factory, field, frozen, validators

# The process's own context may round or trap; figures must not depend on it. 100 digits hold any sum of two amounts
# (30 digits, exponents within 30).
EXACT = Context(prec=100, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
_CENT = Decimal("0.01")
_FLOOR = Context(prec=100, rounding=ROUND_FLOOR, traps=[InvalidOperation])
_ROUNDED = Context(prec=28, traps=[InvalidOperation, DivisionByZero, Overflow])


class _SmallAmount(Decimal):
    """An amount so small that `Decimal` alone would print it with an exponent."""

    __slots__ = ()

    def __str__(self) -> str:
        return super().__format__("f")

    def __format__(self, spec: str, /) -> str:  # type: ignore[override]  # the stub has a context that Decimal itself does not take
        return super().__format__(spec if spec[-1:].isalpha() or spec[-1:] == "%" else f"{spec}f")


def plain(amount: Decimal) -> Decimal:
    """Give an amount the one form whose text is plain: no exponent, no trailing zeros, no negative zero.

    Raises:
        ArithmeticError: it has more than 100 digits, written out.
    """
    amount = amount.normalize(EXACT)
    if not amount:
        return Decimal(0)
    if "E" not in str(amount):
        return amount
    return amount.quantize(Decimal(1), context=EXACT) if amount.adjusted() > 0 else _SmallAmount(amount)


def difference(minuend: Decimal, subtrahend: Decimal) -> Decimal:
    """Subtract exactly, whatever the process's decimal context."""
    return plain(EXACT.subtract(minuend, subtrahend))


def format_usd(amount: Decimal | int) -> str:
    """Show an amount as `$11.75` or `-$2.75`: two decimals, rounded towards minus infinity, so that more is never shown than there is.

    Raises:
        TypeError: not an exact number.
    """
    if not isinstance(amount, Decimal | int) or isinstance(amount, bool):
        raise TypeError(f"an amount is a Decimal or an int, not {type(amount).__name__}")
    cents = Decimal(amount).quantize(_CENT, context=_FLOOR)
    return f"{'-' if cents < 0 else ''}${cents.copy_abs()}"


def _finite(_: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, Decimal):
        raise TypeError(f"{attribute.name} is a Decimal, not {type(value).__name__}")
    if not value.is_finite():
        raise ValueError(f"{attribute.name} is a finite number")


def utc(moment: datetime) -> datetime:
    """Convert an aware datetime to UTC.

    Raises:
        ValueError: the datetime is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("an aware datetime is needed, such as datetime.now(UTC)")
    return moment.astimezone(UTC)


_finite_or_none = validators.optional(_finite)


@frozen
class Credits:
    """The wallet of an account: `GET /credits`."""

    total_credits: Decimal = field(validator=_finite)
    """Everything ever bought or granted."""
    total_usage: Decimal = field(validator=_finite)
    """Everything ever spent."""
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """What the server said beyond these fields."""

    @property
    def remaining(self) -> Decimal:
        """What is left: exact, and negative when the account owes."""
        return difference(self.total_credits, self.total_usage)

    @property
    def is_zero(self) -> bool:
        """Whether it says 0 of 0: true of a new account, and what `/credits` answers to some keys that may not read it."""
        return not (self.total_credits or self.total_usage)

    @property
    def used_fraction(self) -> Decimal | None:
        """The share of the credits that is spent (1 = all; above 1 when the account owes), or `None` if there never were any."""
        return plain(_ROUNDED.divide(self.total_usage, self.total_credits)) if self.total_credits else None


@frozen
class Budget:
    """One layer of spending limits on a key; the layer rejects requests while nothing of it remains."""

    scope: str
    """Whose budget it is: `workspace`, `member`, `api_key`, `key_limit`, …; an open set."""
    limit_usd: Decimal | None = field(default=None, validator=_finite_or_none)
    """What the layer allows in each window."""
    spend_usd: Decimal | None = field(default=None, validator=_finite_or_none)
    """What the current window has spent of it."""
    remaining_usd: Decimal | None = field(default=None, validator=_finite_or_none)
    """May be negative."""
    reset_interval: str | None = None
    """`daily`, `weekly`, `monthly`, or `None` for never; an open set."""
    resets_at: datetime | None = None
    """When the window ends (UTC)."""
    include_byok: bool | None = None
    """Whether use of your own providers' keys (BYOK) counts too."""
    budget_id: str | None = None
    """OpenRouter's name for it."""
    guardrail_id: str | None = None
    """The guardrail it belongs to, if it does."""
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """What the server said beyond these fields."""


@frozen
class FreeModelQuota:
    """Requests to free models in the current UTC day."""

    limit: int | None = None
    """Requests allowed in the day."""
    used: int | None = None
    """Requests made."""
    remaining: int | None = None
    """Requests left."""
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """What the server said beyond these fields."""


def _known_with_a_limit(key: KeyInfo, attribute: Attribute[Any], value: Decimal | None) -> None:
    if value is None and key.limit is not None:
        raise ValueError(f"{attribute.name} is missing, though there is a limit")


@frozen
class KeyInfo:
    """One key's allowance and use: `GET /key`. It says nothing about the wallet."""

    label: str
    """The key, masked by OpenRouter."""
    usage: Decimal = field(validator=_finite)
    """Spent with this key since it was made: not since the last reset."""
    limit: Decimal | None = field(validator=_finite_or_none)
    """The key's cap for each window, or `None` for no cap."""
    limit_remaining: Decimal | None = field(default=None, validator=[_finite_or_none, _known_with_a_limit])
    """What the cap leaves in this window; may be negative. Always there with a limit."""
    limit_reset: str | None = None
    """The window: `daily`, `weekly` (from Monday), `monthly` (from the 1st), each from 00:00 UTC; `None` for ever. An open set."""
    usage_daily: Decimal | None = field(default=None, validator=_finite_or_none)
    """Spent in the current UTC day."""
    usage_weekly: Decimal | None = field(default=None, validator=_finite_or_none)
    """Spent in the current week, from Monday."""
    usage_monthly: Decimal | None = field(default=None, validator=_finite_or_none)
    """Spent in the current month."""
    byok_usage: Decimal | None = field(default=None, validator=_finite_or_none)
    """Spent with your own providers' keys (BYOK) since the key was made."""
    byok_usage_daily: Decimal | None = field(default=None, validator=_finite_or_none)
    """The same in the current UTC day."""
    byok_usage_weekly: Decimal | None = field(default=None, validator=_finite_or_none)
    """The same in the current week."""
    byok_usage_monthly: Decimal | None = field(default=None, validator=_finite_or_none)
    """The same in the current month."""
    include_byok_in_limit: bool | None = None
    """Whether that use counts towards the cap."""
    is_free_tier: bool | None = None
    """Whether the account has never paid for credits."""
    is_provisioning_key: bool | None = None
    """The older name of `is_management_key`."""
    is_management_key: bool | None = field(
        default=Factory(lambda self: self.is_provisioning_key, takes_self=True)
    )
    """Whether the key manages the account (and cannot run inference); reads the older name too."""
    creator_user_id: str | None = None
    """Who made the key."""
    expires_at: datetime | None = None
    """From when on the key is refused (UTC)."""
    organization_id: str | None = None
    """The organization that the key belongs to."""
    workspace_id: str | None = None
    """The workspace that the key belongs to."""
    allowed_data_regions: tuple[str, ...] | None = None
    """Such as `global`, `europe`, `us`; an open set."""
    free_model_daily_requests: FreeModelQuota | None = None
    """What is left of the free models' daily requests."""
    budgets: tuple[Budget, ...] | None = None
    """Every layer of limits on the key; its own cap may be among them."""
    effective_budget: Budget | None = None
    """The budget that binds, as OpenRouter sees it."""
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """What the server said beyond these fields."""

    @property
    def used_in_window(self) -> Decimal | None:
        """What the current window has used of the cap (`limit - limit_remaining`), or `None` without a cap."""
        if self.limit is None or self.limit_remaining is None:
            return None
        return difference(self.limit, self.limit_remaining)

    def next_reset(self, now: datetime) -> datetime | None:
        """Tell when the window that `now` (aware) lies in ends, in UTC; `None` if it never does or the window is unknown."""
        now = utc(now)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        match self.limit_reset:
            case "daily":
                return today + timedelta(days=1)
            case "weekly":
                return today + timedelta(days=7 - today.weekday())
            case "monthly":
                return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
            case _:
                return None

    def is_expired(self, now: datetime) -> bool:
        """Tell whether the key has expired at `now` (aware)."""
        return self.expires_at is not None and self.expires_at <= utc(now)
