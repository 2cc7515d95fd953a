"""Spending in OpenRouter's windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from openrouter_credits.testing import FakeBudget, FakeOpenRouter
from openrouter_credits.testing._spending import window
from tests.testing.conftest import TUESDAY, Clock, calling


async def test_spending_moves_everything_that_counts() -> None:
    """spend() moves the wallet, the key's usage, its limit and its budgets, below zero too."""
    async with FakeOpenRouter(now=lambda: TUESDAY) as fake, calling(fake) as call:
        acme = fake.add_account(credits="5")
        boss = acme.add_key(management=True)
        key = acme.add_key(
            limit="4", limit_reset="daily", budgets=[FakeBudget("workspace", 10, "1", "monthly")]
        )

        fake.spend(key, "3.20")
        fake.spend(key.reveal(), 2)

        wallet, info = await call.data("/credits", boss), await call.data("/key", key)
    assert Decimal("5.2") == wallet["total_usage"]
    assert (
        Decimal("5.2")
        == info["usage"]
        == info["usage_daily"]
        == info["usage_weekly"]
        == info["usage_monthly"]
    )
    assert Decimal("-1.2") == info["limit_remaining"]
    assert [Decimal("3.8"), Decimal("-1.2")] == [budget["remaining_usd"] for budget in info["budgets"]]
    assert "key_limit" == info["effective_budget"]["scope"]


async def test_windows_start_anew_when_the_clock_passes_their_end() -> None:
    """When the clock passes the end of a window, its usage starts at zero and its limit is whole again."""
    clock = Clock(TUESDAY)
    async with FakeOpenRouter(now=clock) as fake, calling(fake) as call:
        key = fake.add_account().add_key(
            limit=10, limit_reset="weekly", usage="3", budgets=[FakeBudget("workspace", 5, 1, "daily")]
        )
        clock.now += timedelta(days=1)
        fake.spend(key, "1.5")
        tomorrow = await call.data("/key", key)
        clock.now += timedelta(days=13)
        later = await call.data("/key", key)

    names = ("usage", "usage_daily", "usage_weekly", "usage_monthly", "limit_remaining")
    assert [Decimal("4.5"), Decimal("1.5"), Decimal("4.5"), Decimal("4.5"), Decimal("5.5")] == [
        tomorrow[name] for name in names
    ]
    assert Decimal("3.5") == tomorrow["budgets"][0]["remaining_usd"]
    assert [Decimal("4.5"), 0, 0, 0, 10] == [later[name] for name in names]


async def test_a_window_ends_and_a_key_expires_at_the_very_moment() -> None:
    """At midnight the old day's usage is gone, and a key that expires then is refused."""
    midnight = datetime(2026, 10, 21, tzinfo=UTC)
    clock = Clock(midnight - timedelta(microseconds=1))
    async with FakeOpenRouter(now=clock) as fake, calling(fake) as call:
        daily = fake.add_account().add_key(limit=10, limit_reset="daily", usage="3")
        expiring = fake.add_account().add_key(expires_at=midnight)
        before = [(await call.data("/key", daily))["limit_remaining"], (await call("/key", expiring))[0]]
        clock.now = midnight
        after = [(await call.data("/key", daily))["limit_remaining"], (await call("/key", expiring))[0]]

    assert [7, 200] == before
    assert [10, 401] == after


@pytest.mark.parametrize(
    ("interval", "now", "expected"),
    [
        ("daily", TUESDAY, ("2026-10-20", "2026-10-21")),
        ("weekly", TUESDAY, ("2026-10-19", "2026-10-26")),
        ("weekly", datetime(2026, 10, 19, tzinfo=UTC), ("2026-10-19", "2026-10-26")),
        ("monthly", datetime(2026, 12, 31, 23, 59, tzinfo=UTC), ("2026-12-01", "2027-01-01")),
        (
            "daily",
            datetime(2026, 10, 20, 1, tzinfo=timezone(timedelta(hours=5))),
            ("2026-10-19", "2026-10-20"),
        ),
    ],
)
def test_windows_are_those_of_utc(interval: Any, now: datetime, expected: tuple[str, str]) -> None:
    """Days, weeks from Monday and months start at midnight UTC, whatever the clock's time zone."""
    start, end = window(interval, now)

    assert [f"{day}T00:00:00+00:00" for day in expected] == [start.isoformat(), end.isoformat()]
