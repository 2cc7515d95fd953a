"""Made-up keys, recorded bodies, retry policies; wallets, allowances and errors, made by hand or drawn."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime
from decimal import (
    ROUND_UP,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    Subnormal,
    Underflow,
)
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from openrouter_credits import (
    APIConnectionError,
    AuthenticationError,
    Budget,
    Credits,
    KeyCheck,
    KeyInfo,
    Level,
    ManagementKeyRequiredError,
    RateLimitError,
    RetryPolicy,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

SAMPLES = Path(__file__).parents[1] / "samples"


def made_up(name: object, first: str = "", last: str = "") -> str:
    """Make a key from any name; its first and last characters, which a mask shows, may be chosen."""
    middle = hashlib.sha256(f"nobody's key {name}".encode()).hexdigest()
    return f"sk-or-v1-{first}{middle[len(first) : 64 - len(last)]}{last}"


def made_up_keys(count: int) -> list[str]:
    """Make up different keys."""
    return [made_up(number) for number in range(count)]


KEY, MASK = made_up("one", "0e6", "1c96"), "sk-or-v1-0e6...1c96"
OTHER_KEY, OTHER_MASK = made_up("two", "5c1", "9d02"), "sk-or-v1-5c1...9d02"
THIRD_KEY = made_up("three")

NOW = datetime(2026, 10, 21, 13, 5, tzinfo=UTC)
"""A Wednesday, when the samples were recorded."""
MONDAY = datetime(2026, 10, 26, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)

ALL_TRAPS = [
    Clamped,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    Subnormal,
    Underflow,
]
HARSH = Context(prec=4, rounding=ROUND_UP, Emax=9, Emin=-9, traps=ALL_TRAPS)
"""The decimal context of a program that rounds early and forbids the rest."""
LENIENT = Context(prec=1, traps=[])

FORBIDDEN = ManagementKeyRequiredError("Only management keys can perform this operation", status=403)
UNAUTHORIZED = AuthenticationError("User not found.", status=401)
DOWN = ServerError("Service temporarily unavailable", status=503)

ZERO = Credits(Decimal(0), Decimal(0))
WALLET = Credits(Decimal("100.5"), Decimal("25.75"))

QUICK = RetryPolicy(wait_initial=0, deadline=5.0)
"""Three attempts, as by default, without the waits."""
ONCE = RetryPolicy(attempts=1, deadline=5.0)
PATIENT = RetryPolicy(wait_initial=20.0, wait_max=20.0, deadline=30.0)


def wallet(remaining: str) -> Credits:
    """Make a wallet in which this amount is left."""
    return Credits(Decimal("100.5"), Decimal("100.5") - Decimal(remaining))


def budget(scope: str, remaining: str | None, resets_at: datetime | None = None) -> Budget:
    """Make a budget of which this amount is left; `None` leaves the field out."""
    return Budget(scope, remaining_usd=None if remaining is None else Decimal(remaining), resets_at=resets_at)


def key(remaining: str | None = None, *budgets: Budget, **fields: Any) -> KeyInfo:
    """Make a key with a limit of which this amount is left; `None` makes a key without a limit."""
    cap: dict[str, Any] = {"limit": None}
    if remaining is not None:
        cap = {"limit": Decimal(500), "limit_remaining": Decimal(remaining)}
    return KeyInfo(**{"label": "k", "usage": Decimal(1), "budgets": budgets or None, **cap, **fields})


def levels_of(checks: Iterable[KeyCheck]) -> Counter[Level]:
    """Count the outcomes by their levels."""
    return Counter(check.level() for check in checks)


def stopped_clock() -> Callable[[], datetime]:
    """Return a wall clock that stands still, for a fake server whose day must not end during a test."""
    moment = datetime.now(UTC)
    return lambda: moment


def sample(name: str) -> bytes:
    """Read a recorded body, such as `key-2026-10`."""
    return (SAMPLES / f"{name}.json").read_bytes()


async def outcome(awaitable: Awaitable[object]) -> object:
    """Return the value of an awaitable, or the exception that it raises."""
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001 - a test looks at the exception, of whatever kind
        return error


def down() -> APIConnectionError:
    """Make the error of a host that is down."""
    return APIConnectionError("Could not connect", sent=False)


def limited(
    retry_after: float | None = 1.0,
    message: str = "Rate limit exceeded",
    code: int | None = 429,
    **metadata: Any,
) -> RateLimitError:
    """Make the error of a 429; one whose code is None was not made by OpenRouter itself."""
    return RateLimitError(message, status=429, code=code, retry_after=retry_after, metadata=metadata)


def busy(hint: float | None = None, status: int = 503) -> ServerError:
    """Make a refusal that is worth another try."""
    return ServerError("Busy", status=status, retry_after=hint)


AMOUNTS = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(-exponent),
    st.integers(-(10**9), 10**9),
    st.integers(0, 9),
)
WALLETS = st.builds(Credits, AMOUNTS, AMOUNTS)
TIMES = st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - `timezones` adds the zone
BUDGETS = st.builds(
    Budget,
    st.sampled_from(["workspace", "member", "api_key", "key_limit", "galaxy"]),
    remaining_usd=st.none() | AMOUNTS,
    resets_at=TIMES,
)


@st.composite
def keys(draw: st.DrawFn, *, manages: bool | None = None) -> KeyInfo:
    """Draw a key with any limit, window, kind and budgets."""
    limit = draw(st.none() | AMOUNTS)
    return KeyInfo(
        label="k",
        usage=draw(AMOUNTS),
        limit=limit,
        limit_remaining=draw(AMOUNTS if limit is not None else st.none() | AMOUNTS),
        limit_reset=draw(st.sampled_from([None, "daily", "weekly", "monthly", "fortnightly"])),
        is_management_key=draw(st.sampled_from([None, False, True])) if manages is None else manages,
        budgets=draw(st.none() | st.lists(BUDGETS, max_size=3).map(tuple)),
        effective_budget=draw(st.none() | BUDGETS),
    )
