"""Made-up keys, recorded bodies and retry policies."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from openrouter_credits import Credits, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable

SAMPLES = Path(__file__).parents[1] / "samples"


def made_up(name: object, first: str = "", last: str = "") -> str:
    """Make up the key of that name; its first and last characters, which a mask shows, may be chosen."""
    middle = hashlib.sha256(f"nobody's key {name}".encode()).hexdigest()
    return f"sk-or-v1-{first}{middle[len(first) : 64 - len(last)]}{last}"


def made_up_keys(count: int) -> list[str]:
    """Make up different keys."""
    return [made_up(number) for number in range(count)]


KEY, MASK = made_up("one", "0e6", "1c96"), "sk-or-v1-0e6...1c96"
OTHER_KEY, OTHER_MASK = made_up("two", "5c1", "9d02"), "sk-or-v1-5c1...9d02"
THIRD_KEY = made_up("three")

ZERO = Credits(Decimal(0), Decimal(0))
WALLET = Credits(Decimal("100.5"), Decimal("25.75"))

QUICK = RetryPolicy(wait_initial=0, deadline=5.0)
"""Three attempts, as by default, without the waits."""
ONCE = RetryPolicy(attempts=1, deadline=5.0)
PATIENT = RetryPolicy(wait_initial=20.0, wait_max=20.0, deadline=30.0)


def sample(name: str) -> bytes:
    """Read a recorded body, such as `key-2026-10`."""
    return (SAMPLES / f"{name}.json").read_bytes()


async def outcome(awaitable: Awaitable[object]) -> object:
    """Return the value of an awaitable, or the exception that it raises."""
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001 - a test looks at the exception, of whatever kind
        return error
