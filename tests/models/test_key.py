"""A key's allowance: a limit has a remainder and a window, and a missing value is None, not 0."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest

from openrouter_credits import Budget, FreeModelQuota, KeyInfo
from tests.kit.values import HARSH, LENIENT, MONDAY, NOVEMBER, NOW, key


def test_what_remains_of_a_limit_may_be_unknown() -> None:
    """A key that has a limit but no `limit_remaining` has used nobody knows how much of it."""
    assert KeyInfo(label="k", usage=Decimal(1), limit=Decimal(5)).used_in_window is None


USED = [
    ("500", "454.542594979", "45.457405021"),
    ("5", "-0.204117", "5.204117"),
    ("5", "5.00", "0"),
    (None, "7", None),
]


def used_in_window(limit: str | None, remaining: str) -> str | None:
    """Print the `used_in_window` of a key whose lifetime usage is another number."""
    cap = None if limit is None else Decimal(limit)
    used = KeyInfo(
        label="k", usage=Decimal(999), limit=cap, limit_remaining=Decimal(remaining)
    ).used_in_window
    return None if used is None else str(used)


@pytest.mark.parametrize(("limit", "remaining", "used"), USED)
def test_used_in_window_is_what_the_cap_lacks(limit: str | None, remaining: str, used: str | None) -> None:
    """`used_in_window` is the limit minus `limit_remaining`, not the usage; None if there is no limit."""
    assert used_in_window(limit, remaining) == used


@pytest.mark.parametrize("context", [HARSH, LENIENT], ids=["harsh", "lenient"])
def test_no_decimal_context_changes_what_a_window_has_used(context: Context) -> None:
    """No precision, rounding, exponent range or trap of the decimal context changes `used_in_window`."""
    with localcontext(context):
        figures = [used_in_window(limit, remaining) for limit, remaining, _ in USED]

    assert figures == [expected for *_, expected in USED]


def test_a_key_shows_what_is_known_of_it() -> None:
    """The repr of a key and its budgets has the required fields, and no optional field that is not known."""
    member = Budget("member", remaining_usd=Decimal("1.5"))

    assert repr(key("5", member, usage_daily=Decimal(0), unread=("expires_at",))) == (
        "KeyInfo(label='k', usage=Decimal('1'), limit=Decimal('500'), limit_remaining=Decimal('5'), "
        "usage_daily=Decimal('0'), "
        "budgets=(Budget(scope='member', remaining_usd=Decimal('1.5')),), unread=('expires_at',))"
    )
    assert repr(key()) == "KeyInfo(label='k', usage=Decimal('1'), limit=None)"
    assert repr(key(allowed_data_regions=())).endswith("limit=None, allowed_data_regions=())")
    assert repr(FreeModelQuota(1)) == "FreeModelQuota(limit=1)"


MONEY_OF_A_BUDGET = ["limit_usd", "spend_usd", "remaining_usd"]
MONEY_OF_A_KEY = [
    "usage",
    "limit",
    "limit_remaining",
    *(f"usage_{window}" for window in ("daily", "weekly", "monthly")),
    *("byok_usage", "byok_usage_daily", "byok_usage_weekly", "byok_usage_monthly"),
]


@pytest.mark.parametrize(("amount", "kind"), [(1, TypeError), (Decimal("NaN"), ValueError)], ids=repr)
@pytest.mark.parametrize("field", MONEY_OF_A_BUDGET)
def test_the_amounts_of_a_budget_are_finite_decimals(field: str, amount: Any, kind: type[Exception]) -> None:
    """A budget made by hand of an amount that is no finite Decimal raises an error with the field's name."""
    with pytest.raises(kind, match=f"{field} is a"):
        Budget("workspace", **{field: amount})


@pytest.mark.parametrize(("amount", "kind"), [(1, TypeError), (Decimal("NaN"), ValueError)], ids=repr)
@pytest.mark.parametrize("field", MONEY_OF_A_KEY)
def test_the_amounts_of_a_key_are_finite_decimals(field: str, amount: Any, kind: type[Exception]) -> None:
    """A key made by hand of an amount that is no finite Decimal raises an error with the field's name."""
    with pytest.raises(kind, match=f"{field} is a"):
        key("5", **{field: amount})


@pytest.mark.parametrize(
    ("reset", "expected"),
    [
        ("daily", datetime(2026, 10, 22, tzinfo=UTC)),
        ("weekly", MONDAY),
        ("monthly", NOVEMBER),
        (None, None),
        ("fortnightly", None),
    ],
)
def test_the_next_reset_is_the_end_of_the_keys_window(reset: str | None, expected: datetime | None) -> None:
    """next_reset() returns when the window of `limit_reset` ends; None if it is unknown or there is none."""
    assert key(limit_reset=reset).next_reset(NOW) == expected


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        (None, False),
        (datetime(2026, 10, 21, 12, tzinfo=UTC), True),
        (datetime(2026, 10, 21, 12, 0, 0, 1, tzinfo=UTC), False),
    ],
)
def test_a_key_expires_at_its_moment(expires_at: datetime | None, expected: bool) -> None:
    """A key is expired from the very moment `expires_at` on, in whatever time zone the caller's time is."""
    now = datetime(2026, 10, 21, 14, tzinfo=timezone(timedelta(hours=2)))

    assert key(expires_at=expires_at).is_expired(now) is expected


LAST_DAY = datetime(9999, 12, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("reset", ["daily", "weekly", "monthly"])
def test_no_reset_is_beyond_the_last_year(reset: str) -> None:
    """next_reset() returns None on the last day of the year 9999, after which there are no dates."""
    assert key(limit_reset=reset).next_reset(LAST_DAY) is None


@pytest.mark.parametrize("hours", [-14, 14])
def test_a_time_at_either_end_of_the_calendar_is_compared(hours: int) -> None:
    """is_expired() and next_reset() accept a time whose moment in UTC is beyond the years 1 to 9999."""
    zone = timezone(timedelta(hours=hours))
    first, last = datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)
    info = key(expires_at=NOW, limit_reset="daily")

    assert (info.is_expired(first), info.is_expired(last)) == (False, True)
    assert info.next_reset(last) in (None, datetime(9999, 12, 31, tzinfo=UTC))
    assert info.next_reset(first) is not None


@pytest.mark.parametrize("ask", ["next_reset", "is_expired"])
def test_a_naive_time_is_refused(ask: str) -> None:
    """next_reset() and is_expired() raise ValueError for a naive time, whose zone is unknown."""
    info = key(expires_at=datetime(2026, 1, 1, tzinfo=UTC))

    with pytest.raises(ValueError, match="aware"):
        getattr(info, ask)(datetime(2026, 1, 1))  # noqa: DTZ001 - a naive time is what is refused


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"is_provisioning_key": True}, True),
        ({"is_provisioning_key": False}, False),
        ({"is_management_key": False, "is_provisioning_key": True}, False),
    ],
)
def test_the_older_name_of_management_keys_is_read(fields: dict[str, Any], expected: bool | None) -> None:
    """`is_management_key` takes the value of the older `is_provisioning_key` if it is missing itself."""
    assert key(**fields).is_management_key is expected
