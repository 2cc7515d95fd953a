"""The amount that a listed key can spend: tables, without I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import (
    Budget,
    Credits,
    InvalidResponseError,
    Level,
    ManagedKey,
    OpenRouterError,
)
from openrouter_credits._models import WorkspaceBudget
from openrouter_credits._status.look import of_management_key
from openrouter_credits._status.managed import Shared, managed_status, shared_by, wallet_status
from tests.kit.values import AMOUNTS, DOWN, MASK, MONDAY, NOVEMBER, NOW, UNAUTHORIZED, WALLET, wallet


def managed(remaining: str | None = None, **fields: Any) -> ManagedKey:
    """Make a listed key with a limit of which this amount is left; `None` makes a key without a limit."""
    cap: dict[str, Any] = {"limit": None}
    if remaining is not None:
        cap = {"limit": Decimal(500), "limit_remaining": Decimal(remaining)}
    return ManagedKey(**{"label": MASK, "usage": Decimal(1), "hash": "h", "disabled": False, **cap, **fields})


def workspace(remaining: str | None, reset: str | None = "weekly") -> Budget:
    """Make a budget that the keys of a workspace share."""
    left = None if remaining is None else Decimal(remaining)
    return Budget("workspace", Decimal(50), remaining_usd=left, reset_interval=reset)


REFUSED = of_management_key(UNAUTHORIZED)
LOST = InvalidResponseError("The spending of a workspace budget is unknown: usage_weekly is missing")
NO_BUDGETS = Shared()
UNREAD_BUDGETS = Shared(None, {"budgets": DOWN})

FINDINGS: dict[str, tuple[ManagedKey, Credits | OpenRouterError, Shared, Level, str, str]] = {
    "no limit": (
        managed(),
        WALLET,
        NO_BUDGETS,
        Level.OK,
        "at_most",
        "$74.75 left, limited by the wallet.",
    ),
    "a limit": (
        managed("26.83", limit_reset="monthly"),
        WALLET,
        NO_BUDGETS,
        Level.OK,
        "at_most",
        "$26.83 left until 1 November 00:00 UTC, limited by the key's limit (wallet: $74.75).",
    ),
    "a low limit": (
        managed("7"),
        WALLET,
        NO_BUDGETS,
        Level.LOW,
        "at_most",
        "$7.00 left, limited by the key's limit (wallet: $74.75).",
    ),
    "a limit that is spent": (
        managed("-0.01", limit_reset="daily"),
        WALLET,
        NO_BUDGETS,
        Level.DEPLETED,
        "at_most",
        "Nothing left (-$0.01) until Thursday 00:00 UTC: the key's limit is spent (wallet: $74.75).",
    ),
    "an account that owes": (
        managed("26.83"),
        wallet("-2.75"),
        NO_BUDGETS,
        Level.DEPLETED,
        "at_most",
        "Nothing left: the account owes $2.75.",
    ),
    "disabled": (
        managed("26.83", disabled=True),
        WALLET,
        NO_BUDGETS,
        Level.INVALID,
        "complete",
        "The key is disabled (wallet: $74.75).",
    ),
    "disabled, and the wallet unreadable": (
        managed("26.83", disabled=True),
        REFUSED,
        UNREAD_BUDGETS,
        Level.INVALID,
        "complete",
        "The key is disabled.",
    ),
    "expired": (
        managed("26.83", expires_at=NOW),
        WALLET,
        NO_BUDGETS,
        Level.INVALID,
        "complete",
        "The key has expired: Wednesday 13:05 UTC (wallet: $74.75).",
    ),
    "about to expire": (
        managed(expires_at=NOW + timedelta(days=3)),
        WALLET,
        NO_BUDGETS,
        Level.OK,
        "at_most",
        "$74.75 left, limited by the wallet; the key expires Saturday 13:05 UTC.",
    ),
    "perhaps disabled": (
        managed(disabled=None, unread=("disabled",)),
        WALLET,
        NO_BUDGETS,
        Level.UNKNOWN,
        "at_most",
        "At most $74.75 left, limited by the wallet (disabled could not be read).",
    ),
    "perhaps disabled, and low": (
        managed("3", disabled=None, unread=("disabled",)),
        WALLET,
        NO_BUDGETS,
        Level.CRITICAL,
        "at_most",
        "At most $3.00 left, limited by the key's limit (wallet: $74.75, disabled could not be read).",
    ),
    "a limit that cannot be read": (
        managed(limit=Decimal(5), unread=("limit_remaining",)),
        WALLET,
        NO_BUDGETS,
        Level.UNKNOWN,
        "at_most",
        "At most $74.75 left, limited by the wallet (not all limits could be read).",
    ),
    "a workspace budget": (
        managed("26.83"),
        WALLET,
        Shared((workspace("11.75"),)),
        Level.OK,
        "at_most",
        "$11.75 left until Monday 00:00 UTC, limited by the workspace budget (wallet: $74.75).",
    ),
    "a workspace budget that is spent for ever": (
        managed("-1", limit_reset="monthly"),
        WALLET,
        Shared((workspace("-0.5", "lifetime"),)),
        Level.DEPLETED,
        "at_most",
        "Nothing left (-$0.50): the workspace budget is spent (wallet: $74.75).",
    ),
    "budgets that cannot be read": (
        managed("26.83"),
        WALLET,
        UNREAD_BUDGETS,
        Level.UNKNOWN,
        "at_most",
        "At most $26.83 left, limited by the key's limit (wallet: $74.75, not all limits could be read).",
    ),
    "budgets that cannot be read, and a low limit": (
        managed("3"),
        WALLET,
        UNREAD_BUDGETS,
        Level.CRITICAL,
        "at_most",
        "At most $3.00 left, limited by the key's limit (wallet: $74.75, not all limits could be read).",
    ),
    "a budget whose spending is unknown": (
        managed(),
        WALLET,
        Shared((workspace(None), workspace("60", "monthly")), {"budgets[0].remaining_usd": LOST}),
        Level.UNKNOWN,
        "at_most",
        (
            "At most $60.00 left until 1 November 00:00 UTC, limited by the workspace budget "
            "(wallet: $74.75, not all limits could be read)."
        ),
    ),
    "budgets that nobody can ask for": (
        managed(),
        WALLET,
        Shared(None),
        Level.OK,
        "at_most",
        "$74.75 left, limited by the wallet.",
    ),
    "a limit, and the wallet unreadable": (
        managed("26.83"),
        REFUSED,
        NO_BUDGETS,
        Level.UNKNOWN,
        "at_most",
        "At most $26.83 left, limited by the key's limit (wallet: unknown).",
    ),
    "no limit, and the wallet unreadable": (
        managed(),
        REFUSED,
        NO_BUDGETS,
        Level.UNKNOWN,
        "unknown",
        (
            "Unknown: the wallet was not read (The management key was refused: 401 User not found), "
            "and the key has no limit; this key has spent $1.00 in all."
        ),
    ),
    "nothing readable": (
        managed(limit=Decimal(5), unread=("limit_remaining",)),
        DOWN,
        UNREAD_BUDGETS,
        Level.UNKNOWN,
        "unknown",
        (
            "Unknown: the wallet was not read (503 Service temporarily unavailable), "
            "and the key's limits could not all be read; this key has spent $1.00 in all."
        ),
    ),
}


@pytest.mark.parametrize(
    ("listed", "credits_", "shared", "level", "certainty", "sentence"), FINDINGS.values(), ids=FINDINGS
)
def test_a_listed_key_is_judged(
    listed: ManagedKey,
    credits_: Credits | OpenRouterError,
    shared: Shared,
    level: Level,
    certainty: str,
    sentence: str,
) -> None:
    """A listed key has a level and a sentence: by its own limit, its workspace's budgets, and the wallet."""
    status = managed_status(listed, credits_, shared, NOW)

    assert (status.level(), status.spendable.certainty, str(status)) == (level, certainty, sentence)


@pytest.mark.parametrize(
    ("listed", "amount", "expected"),
    [
        (managed(), 74, None),
        (managed(), "74.75", None),
        (managed(), "74.76", False),
        (managed("26.83"), 27, False),
        (managed(disabled=True), 0, False),
        (managed(expires_at=NOW), 0, False),
    ],
)
def test_a_list_never_promises_that_an_amount_is_there(
    listed: ManagedKey, amount: Any, expected: bool | None
) -> None:
    """covers() is False or None of a listed key: budgets of members and guardrails are in no list."""
    assert managed_status(listed, WALLET, NO_BUDGETS, NOW).spendable.covers(amount) is expected


def test_a_listed_key_has_an_allowance() -> None:
    """The key of the status has all that the list told of it, and the budgets of its workspace."""
    listed = managed(
        "26.83",
        limit_reset="monthly",
        usage_daily=Decimal("0.5"),
        byok_usage=Decimal(2),
        include_byok_in_limit=True,
        creator_user_id="user",
        workspace_id="w",
        expires_at=MONDAY,
    )

    info = managed_status(listed, WALLET, Shared((workspace("1"),)), NOW).key

    assert info is not None
    assert (info.label, info.limit, info.limit_remaining, info.limit_reset) == (
        MASK,
        Decimal(500),
        Decimal("26.83"),
        "monthly",
    )
    assert (info.usage_daily, info.byok_usage, info.include_byok_in_limit) == (
        Decimal("0.5"),
        Decimal(2),
        True,
    )
    assert (info.creator_user_id, info.workspace_id, info.expires_at) == ("user", "w", MONDAY)
    assert (info.is_management_key, info.budgets, info.unread) == (False, (workspace("1"),), ())


def test_each_unread_part_of_a_listed_key_is_a_problem() -> None:
    """There is one problem for each unread part, those of the budgets among them, then that of the wallet."""
    shared = Shared(None, {"budgets[0]": LOST})

    status = managed_status(managed(unread=("disabled",)), REFUSED, shared, NOW)

    assert status.key is not None
    assert status.key.unread == ("disabled", "budgets[0]")
    assert [problem.summary for problem in status.problems] == [
        "GET /keys: disabled could not be read",
        LOST.summary,
        "The management key was refused: 401 User not found.",
    ]


def test_the_wallet_is_told_without_a_key() -> None:
    """The status of an account without keys is that of its wallet."""
    status = wallet_status(wallet("4"), NOW)

    assert (status.level(), str(status)) == (
        Level.CRITICAL,
        "$4.00 left, limited by the wallet (key: not asked for).",
    )


# Budgets of a workspace.

COUNTERS: dict[str, Any] = {
    "usage": Decimal(100),
    "usage_daily": Decimal("0.3"),
    "usage_weekly": Decimal(2),
    "usage_monthly": Decimal(7),
    "byok_usage": Decimal(1000),
    "byok_usage_daily": Decimal("0.01"),
    "byok_usage_weekly": Decimal("0.02"),
    "byok_usage_monthly": Decimal("0.03"),
}
KEYS = [managed(**COUNTERS), managed(**COUNTERS, disabled=True), managed(**COUNTERS, expires_at=NOW)]


@pytest.mark.parametrize(
    ("interval", "include_byok", "spent", "resets_at"),
    [
        ("daily", False, "0.9", datetime(2026, 10, 22, tzinfo=UTC)),
        ("weekly", False, "6", MONDAY),
        ("monthly", False, "21", NOVEMBER),
        ("lifetime", False, "300", None),
        (None, False, "300", None),
        ("daily", True, "0.93", datetime(2026, 10, 22, tzinfo=UTC)),
        ("weekly", True, "6.06", MONDAY),
        ("monthly", True, "21.09", NOVEMBER),
        ("lifetime", True, "3300", None),
    ],
)
def test_a_budget_is_what_all_keys_have_left_of_it(
    interval: str | None, include_byok: bool, spent: str, resets_at: datetime | None
) -> None:
    """The spending of all keys of a workspace in the window is subtracted from its limit, exactly."""
    entry = WorkspaceBudget("b", Decimal("50.5"), interval)

    shared = shared_by(KEYS, [entry], NOW, include_byok=include_byok, is_whole=True)

    assert shared == Shared(
        (
            Budget(
                "workspace",
                Decimal("50.5"),
                Decimal(spent),
                Decimal("50.5") - Decimal(spent),
                interval,
                resets_at,
                include_byok,
                "b",
            ),
        )
    )


WEEKLY = WorkspaceBudget("b", Decimal(50), "weekly")


@pytest.mark.parametrize(
    ("keys", "interval", "include_byok", "is_whole", "why"),
    [
        ([managed(usage_weekly=None)], "weekly", False, True, f"usage_weekly of {MASK} is missing"),
        (
            [managed(usage_weekly=Decimal(1))],
            "weekly",
            True,
            True,
            f"byok_usage_weekly of {MASK} is missing",
        ),
        (KEYS, "weekly", False, False, "not all keys of the workspace could be read"),
        (KEYS, "fortnightly", False, True, "how it is renewed (fortnightly) is not known"),
    ],
)
def test_a_budget_whose_spending_is_unknown_is_a_problem(
    keys: list[ManagedKey], interval: str, include_byok: bool, is_whole: bool, why: str
) -> None:
    """If the spending of a key is unknown, so is what is left of the budget, and a problem says why."""
    entries = [WorkspaceBudget("a", Decimal(9), None), WorkspaceBudget("b", Decimal(50), interval)]

    shared = shared_by(keys, entries, NOW, include_byok=include_byok, is_whole=is_whole)

    assert shared.budgets is not None
    budget = shared.budgets[1]
    assert (budget.limit_usd, budget.spend_usd, budget.remaining_usd) == (Decimal(50), None, None)
    assert shared.faults["budgets[1].remaining_usd"].summary == (
        f"The spending of a workspace budget is unknown: {why}"
    )


@pytest.mark.parametrize("interval", [5, ["weekly"], {}])
def test_a_budget_whose_renewal_cannot_be_read_is_not_taken_for_one_that_never_ends(interval: object) -> None:
    """If the interval of a budget is no text, all that was ever spent is not subtracted from its limit."""
    entry = WorkspaceBudget("b", Decimal(50), extra={"reset_interval": interval})

    shared = shared_by(KEYS, [entry], NOW, include_byok=False, is_whole=True)

    assert shared.budgets is not None
    assert (shared.budgets[0].spend_usd, shared.budgets[0].remaining_usd) == (None, None)
    assert str(interval) in shared.faults["budgets[0].remaining_usd"].summary


def test_the_way_out_of_a_list_that_is_not_whole_is_the_fault_of_the_list() -> None:
    """If keys could not be read, the remedy of the budget's problem is not to look for another API."""
    shared = shared_by(KEYS, [WEEKLY], NOW, include_byok=False, is_whole=False)

    (fault,) = shared.faults.values()
    assert fault.remedy == "Mend the problem that is told of this workspace, or try again."


def test_a_wrong_entry_among_budgets_is_left_out() -> None:
    """An entry that is no budget is a problem, and the other budgets are there."""
    larger = evolve(WEEKLY, limit_usd=Decimal(60))

    shared = shared_by(KEYS, [LOST, WEEKLY, larger], NOW, include_byok=False, is_whole=True)

    assert shared.budgets is not None
    assert [budget.remaining_usd for budget in shared.budgets] == [Decimal(44), Decimal(54)]
    assert shared.faults == {"budgets[0]": LOST}


@given(st.lists(AMOUNTS, max_size=5), AMOUNTS)
def test_a_deleted_key_can_only_raise_what_is_left(amounts: list[Decimal], limit: Decimal) -> None:
    """Without one of its keys, a workspace's budget has at least as much left: it is an upper limit."""
    spent = [abs(amount) for amount in amounts]
    keys = [managed(usage_weekly=amount) for amount in spent]
    entry = evolve(WEEKLY, limit_usd=limit)

    left = [
        shared_by(keys[first:], [entry], NOW, include_byok=False, is_whole=True).budgets for first in (0, 1)
    ]

    amounts_left = [budgets[0].remaining_usd for budgets in left if budgets]
    assert amounts_left[0] == limit - sum(spent, Decimal(0))
    assert amounts_left[1] is not None
    assert amounts_left[0] <= amounts_left[1]
