"""Wallets and keys that Hypothesis draws."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st

from openrouter_credits import Budget, Credits, KeyInfo

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
