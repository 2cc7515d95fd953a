"""Made-up keys, recorded bodies, retry policies; wallets, allowances and errors to make a status of."""

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

from openrouter_credits import (
    AuthenticationError,
    Budget,
    Credits,
    KeyCheck,
    KeyInfo,
    Level,
    ManagementKeyRequiredError,
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
