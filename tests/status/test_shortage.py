"""The guard's decision: enough, too little, or not known; and its words."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import (
    Credits,
    InsufficientCreditsError,
    KeyInfo,
    KeyStatus,
    Level,
    OpenRouterError,
    Spendable,
    UnconfirmedCreditsError,
    UnknownCreditsError,
)
from openrouter_credits._status.look import assess
from openrouter_credits._status.shortage import judge
from openrouter_credits._status.spendable import spendable
from tests.kit.values import (
    AMOUNTS,
    DOWN,
    FORBIDDEN,
    HARSH,
    MASK,
    MONDAY,
    NOW,
    UNAUTHORIZED,
    ZERO,
    budget,
    busy,
    key,
    keys,
    wallet,
)

WEEKLY: dict[str, Any] = {"limit_reset": "weekly"}
KEYS_PAGE = "https://openrouter.ai/settings/keys"


def status(
    credits: Credits | OpenRouterError | None, info: KeyInfo | OpenRouterError | None, **more: Any
) -> KeyStatus:
    """Make the status of what was read; the wallet was not asked for if it is `None`."""
    return assess(credits, info, wallet_reader=info, now=NOW, **more)


def verdict(found: KeyStatus | OpenRouterError, needed: str = "5", reserved: str = "0") -> Any:
    """Judge an amount."""
    return judge(found, Decimal(needed), Decimal(reserved), MASK)


ENOUGH: dict[str, tuple[KeyStatus, str]] = {
    "the wallet of an unlimited key": (status(wallet("74.75"), key()), "5"),
    "all of it": (status(wallet("5"), key()), "5"),
    "nothing needed, nothing left": (status(wallet("0"), key()), "0"),
    "a key limit alone, which was asked for alone": (status(None, key("30")), "5"),
    "a wallet alone, which was asked for alone": (status(wallet("74.75"), None), "5"),
    "less than a cent": (status(wallet("0.004"), key()), "0.004"),
}


@pytest.mark.parametrize("case", ENOUGH)
def test_enough_is_what_can_be_spent(case: str) -> None:
    """An amount that is there gives the status's own `Spendable`."""
    found, needed = ENOUGH[case]

    assert verdict(found, needed) is found.spendable


UNREAD = key("30", unread=("budgets[0].remaining_usd",))
SHORT: dict[str, tuple[KeyStatus | OpenRouterError, str, type[Any], tuple[str, ...]]] = {
    "the wallet": (
        status(wallet("4.75"), key("30")),
        "5",
        InsufficientCreditsError,
        (
            f"$5.00 is needed, but {MASK} has $4.75 left, limited by the wallet.",
            "Top up the wallet at https://openrouter.ai/settings/credits.",
        ),
    ),
    "a debt": (
        status(wallet("-2.75"), key()),
        "0",
        InsufficientCreditsError,
        (f"$0.00 is needed, but {MASK} has -$2.75 left", "Top up"),
    ),
    "the key's limit, which is renewed": (
        status(wallet("74.75"), key("4.75", **WEEKLY)),
        "5",
        InsufficientCreditsError,
        (
            "has $4.75 left until Monday 00:00 UTC, limited by the key's limit.",
            f"Raise the key limit at {KEYS_PAGE}, or wait until 2026-10-26 (UTC).",
        ),
    ),
    "more than the whole limit": (
        status(wallet("745"), key("4.75", **WEEKLY)),
        "501",
        InsufficientCreditsError,
        (f"Raise the key limit at {KEYS_PAGE}.",),
    ),
    "a budget": (
        status(wallet("74.75"), key("30", budget("workspace", "3", MONDAY))),
        "5",
        InsufficientCreditsError,
        ("limited by the workspace budget", "Raise the workspace budget", "wait until 2026-10-26 (UTC)"),
    ),
    "the wallet and the key's limit": (
        status(wallet("4.75"), key("1")),
        "5",
        InsufficientCreditsError,
        ("$1.00 left, limited by the key's limit. Top up", f"Raise the key limit at {KEYS_PAGE}."),
    ),
    "an upper limit that is too low": (
        status(FORBIDDEN, key("4.75")),
        "5",
        InsufficientCreditsError,
        ("has at most $4.75 left", "Raise the key limit"),
    ),
    "less than a cent": (
        status(wallet("0.004"), key()),
        "0.0045",
        InsufficientCreditsError,
        ("$0.0045 is needed", "has $0.004 left"),
    ),
    "an expired key": (
        status(wallet("74.75"), key(expires_at=NOW - timedelta(hours=1))),
        "5",
        InsufficientCreditsError,
        (f"{MASK} cannot spend anything: the key has expired", "(wallet: $74.75).", "Make a new key"),
    ),
    "an expired key with a refused management key": (
        status(UNAUTHORIZED, key(expires_at=NOW), has_manager=True),
        "5",
        InsufficientCreditsError,
        ("the key has expired", "Make a new key"),
    ),
    "a disabled key": (
        KeyStatus(key(), wallet("74.75"), spendable(wallet("74.75"), key(), NOW, stop="disabled"), (), NOW),
        "0",
        InsufficientCreditsError,
        ("the key is disabled", "Enable the key"),
    ),
    "no region": (
        status(wallet("74.75"), key(allowed_data_regions=())),
        "5",
        InsufficientCreditsError,
        ("no data region is allowed", "Permit a data region"),
    ),
    "a management key in the wrong place": (
        status(wallet("74.75"), key(is_management_key=True)),
        "5",
        InsufficientCreditsError,
        ("this is a management key", "OPENROUTER_MANAGEMENT_KEY", 'read=("credits",)'),
    ),
    "a key that was refused beside its wallet": (
        status(wallet("74.75"), UNAUTHORIZED, has_manager=True),
        "5",
        InsufficientCreditsError,
        ("the key is not valid: 401 User not found (wallet: $74.75)", "Check the key:"),
    ),
    "a refused key": (
        UNAUTHORIZED,
        "5",
        InsufficientCreditsError,
        (f"$5.00 is needed, but {MASK} is not valid: 401 User not found. Check the key:",),
    ),
    "an unreadable wallet and a key with a limit": (
        status(FORBIDDEN, key("26.83", **WEEKLY)),
        "5",
        UnknownCreditsError,
        (
            f"It is not known whether $5.00 can be spent with {MASK}: at most $26.83 left",
            "Add a management key",
            'or judge the key by its own limits: read=("key",).',
        ),
    ),
    "an unreadable wallet and a key without a limit": (
        status(FORBIDDEN, key()),
        "5",
        UnknownCreditsError,
        (": the key has no limit, and this key cannot see the wallet", "settings/management-keys)."),
    ),
    "a 0 of 0": (status(ZERO, key()), "5", UnknownCreditsError, ("Add a management key",)),
    "a key without a limit, alone": (
        status(None, key()),
        "5",
        UnknownCreditsError,
        ("the key has no limit", "Give the key a limit", "read the wallet as well"),
    ),
    "a management key alone, without its wallet": (
        status(None, key(is_management_key=True), is_manager=True),
        "5",
        UnknownCreditsError,
        ('only be judged by its wallet: read=("credits",).',),
    ),
    "a wallet that is down": (
        status(DOWN, key("30")),
        "5",
        UnknownCreditsError,
        ("at most $30.00 left", "(wallet: unknown): 503 Service temporarily unavailable. Try again later"),
    ),
    "a key that is down": (
        status(wallet("74.75"), DOWN),
        "5",
        UnknownCreditsError,
        ("at most $74.75 left, limited by the wallet (key: not read): 503 Service temporarily unavailable.",),
    ),
    "a key that could not be read whole": (
        status(wallet("74.75"), UNREAD),
        "5",
        UnknownCreditsError,
        (
            "not all limits could be read): GET /key: budgets[0].remaining_usd could not be read. Check",
            "update openrouter-credits",
        ),
    ),
    "a refused management key": (
        status(UNAUTHORIZED, key("30"), has_manager=True),
        "5",
        UnknownCreditsError,
        ("(wallet: unknown): The management key was refused: 401 User not found. Check the management key:",),
    ),
    "a host that is down": (
        DOWN,
        "5",
        UnknownCreditsError,
        (f"can be spent with {MASK}: 503 Service temporarily unavailable. Try again later",),
    ),
    "an ordinary key that was to read the wallet alone": (
        FORBIDDEN,
        "5",
        UnknownCreditsError,
        ("Only management keys can perform this operation. Create a management key",),
    ),
}


@pytest.mark.parametrize("case", SHORT)
def test_too_little_and_unknown_are_errors_that_advise(case: str) -> None:
    """An amount that is too little or unknown is an error that names the key, the limit and the way out."""
    found, needed, kind, words = SHORT[case]

    error = verdict(found, needed)

    assert kind is type(error)
    assert [word for word in words if word not in str(error)] == []
    assert MASK in str(error)
    assert Decimal(needed) == error.needed
    assert "wait until" not in str(error) or "wait until 2026-10-26" in "".join(words)


@pytest.mark.parametrize("case", SHORT)
def test_what_to_do_is_said_once(case: str) -> None:
    """What happened is in the text of the error, and what to do in its remedy alone."""
    found, needed, _, _ = SHORT[case]

    summary = verdict(found, needed).summary

    assert [
        word for word in ("add a management key", "judge by", "move it", "read it too") if word in summary
    ] == []


def test_an_error_of_a_look_says_what_is_known() -> None:
    """After a look that raised, the error has it as a problem, and a `Spendable` that says so."""
    refused, unknown = verdict(UNAUTHORIZED), verdict(DOWN)

    assert Spendable(Decimal(0), "refused", None, "complete") == refused.spendable
    assert Spendable(None, None, None, "unknown") == unknown.spendable
    assert [(UNAUTHORIZED,), (DOWN,)] == [refused.problems, unknown.problems]


def test_a_refused_key_is_found_among_the_problems() -> None:
    """A key that was refused when it asked for the wallet is refused, though `/key` was down."""
    error = copy.copy(DOWN)
    error.problems = (UNAUTHORIZED,)

    assert "refused" == verdict(error).spendable.bound_by


def test_a_refused_management_key_judges_no_key() -> None:
    """A refused management key leaves the key unknown."""
    error = copy.copy(UNAUTHORIZED)
    error.is_of_management_key = True

    assert UnknownCreditsError is type(verdict(error))


def test_what_passes_can_be_retried() -> None:
    """An unknown says whether it may be over soon, and when, also of a fault below another one."""
    doubt = UnconfirmedCreditsError(ZERO, problems=[busy(7.0)])

    facts = [
        (error.is_retryable, error.retry_after)
        for error in (verdict(busy(7.0)), verdict(doubt), verdict(FORBIDDEN))
    ]

    assert [(True, 7.0), (True, None), (False, None)] == facts


def test_reserved_amounts_are_told() -> None:
    """If the amount were there but for reservations, the error says so, and what to do."""
    found = status(wallet("4.75"), key("4.5"))

    assert verdict(found, "1", "3.5") is found.spendable
    error = verdict(found, "1", "3.750")

    assert (
        f"$1.00 is needed, but {MASK} has $4.50 left, limited by the key's limit; this client has reserved "
        "$3.75 (jobs that ended lately still count). Start fewer jobs at once, or wait: a reservation counts "
        f"until a look that began 60 s after its end. Raise the key limit at {KEYS_PAGE}."
    ) == str(error)


def test_a_shortage_without_reservations_does_not_advise_to_wait_for_jobs() -> None:
    """If the amount alone is too much, fewer jobs would not help."""
    assert "jobs at once" not in str(verdict(status(wallet("4.75"), key()), "5", "1"))


@pytest.mark.parametrize("found", [status(wallet("4.75"), key()), status(FORBIDDEN, key("30"))])
def test_the_errors_are_data(found: KeyStatus) -> None:
    """Both errors copy, pickle, and are written as JSON with what is needed and what is there."""
    error = verdict(found)

    for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        facts = [(each.spendable, each.needed, str(each), each.to_json()) for each in (error, twin)]
        assert facts[0] == facts[1]
    document = json.loads(error.to_json(), parse_float=Decimal)
    assert 5 == document["needed"]
    assert found.spendable.amount == document["spendable"]["amount"]
    assert type(error).__name__ == document["type"]


def test_verdicts_do_not_depend_on_the_context() -> None:
    """The process's own decimal context changes neither a verdict nor its text."""
    found = status(Credits(Decimal("1234567.123456789"), Decimal(0)), key())

    with localcontext(HARSH):
        assert verdict(found, "1234567.123456788", "0.000000001") is found.spendable
        error = verdict(found, "1234567.1234567891")

    assert "$1,234,567.1234567891 is needed" in str(error)


@given(
    st.one_of(st.none(), st.builds(Credits, AMOUNTS, AMOUNTS), st.just(FORBIDDEN), st.just(DOWN)),
    keys(),
    AMOUNTS.map(abs),
)
def test_a_pass_is_never_worse_than_its_level(
    credits: Credits | OpenRouterError | None, info: KeyInfo, needed: Decimal
) -> None:
    """An amount passes if and only if the level by that amount is OK, or nothing is needed of nothing."""
    found = status(credits, info)

    passes = isinstance(verdict(found, str(needed)), Spendable)

    level = found.level(needed, needed) if needed else found.level(Decimal("1E-99"))
    if found.spendable.amount == 0 and not needed and not found.is_invalid:
        level = Level.UNKNOWN if found.problems else Level.OK
    assert passes == (level == Level.OK)


def test_a_moment_of_day_is_told() -> None:
    """A reset that is not at midnight is told with its time; one that is over is not told."""
    late = status(
        wallet("74.75"), key("30", budget("workspace", "3", datetime(2026, 10, 26, 9, 30, tzinfo=UTC)))
    )
    over = status(wallet("74.75"), key("30", budget("workspace", "3", NOW - timedelta(hours=1))))

    assert "or wait until 2026-10-26 09:30 (UTC)." in str(verdict(late))
    assert "wait" not in str(verdict(over))
