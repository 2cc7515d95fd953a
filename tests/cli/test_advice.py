"""The advice of the commands for each cause."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from openrouter_credits import Bound, InvalidKeyError, KeyStatus, Spendable
from openrouter_credits._status.look import assess
from openrouter_credits.cli._advice import TO_FILE, advice, plain_problems
from openrouter_credits.cli._options import Form
from tests.kit.values import DOWN, FORBIDDEN, NOVEMBER, NOW, UNAUTHORIZED, ZERO, budget, key, wallet

if TYPE_CHECKING:
    from openrouter_credits import Credits, KeyInfo, OpenRouterError

FORM = Form(Decimal(10), Decimal(5))

SETTINGS = "https://openrouter.ai/settings"
TOP_UP = f"Top up the wallet at {SETTINGS}/credits."
RAISE_KEY = f"Raise the key limit at {SETTINGS}/keys"
RAISE_BUDGET = f"Raise the member budget at {SETTINGS} (an admin of the workspace can)"
ADD_MANAGEMENT_KEY = (
    f"Add a management key, which can read the wallet: make one at {SETTINGS}/management-keys, "
    "and put it into OPENROUTER_MANAGEMENT_KEY."
)
ENABLE = "openrouter-credits keys enable NAME"
MOVE_IT = "Move it to OPENROUTER_MANAGEMENT_KEY, or, in a key file, to the management_key of its account."
KEY_ONLY = "To judge the key by its own limits alone, add --key-only."


def found(
    info: KeyInfo | OpenRouterError, credits_: Credits | OpenRouterError | None, **options: Any
) -> KeyStatus:
    """Make the status of a key and a wallet that come from no server."""
    return assess(credits_, info, wallet_reader=None, now=NOW, **options)


UNREAD_BUDGET = key("30", unread=("budgets[0]",))


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        (found(key(), wallet("50")), []),
        (found(key(), wallet("7")), [TOP_UP]),
        (found(key(), wallet("3")), [TOP_UP]),
        (found(key(), wallet("0")), [TOP_UP]),
        (found(key(), wallet("-2.75")), [TOP_UP]),
        (found(key("7"), wallet("50")), [f"{RAISE_KEY}."]),
        (found(key("0"), wallet("50")), [f"{RAISE_KEY}."]),
        (
            found(key("0", limit_reset="monthly"), wallet("50")),
            [f"{RAISE_KEY}, or wait until 2026-11-01 (UTC)."],
        ),
        (
            found(key("0", limit_reset="yearly"), wallet("50")),
            [f"{RAISE_KEY}, or wait for its reset (yearly)."],
        ),
        (found(key("0", unread=("limit_reset",)), wallet("50")), [f"{RAISE_KEY}."]),
        (
            found(key(None, budget("member", "-1", NOVEMBER)), wallet("50")),
            [f"{RAISE_BUDGET}, or wait until 2026-11-01 (UTC)."],
        ),
        (found(key(None, budget("member", "-1", NOW)), wallet("50")), [f"{RAISE_BUDGET}."]),
        (
            found(key("-1", budget("member", "0")), wallet("-2")),
            [TOP_UP, f"{RAISE_KEY}.", f"{RAISE_BUDGET}."],
        ),
        (found(key("-1", budget("member", "7")), wallet("3")), [f"{RAISE_KEY}."]),
        (found(key("0"), FORBIDDEN), [f"{RAISE_KEY}."]),
        (found(key("7"), FORBIDDEN), [f"{RAISE_KEY}.", ADD_MANAGEMENT_KEY]),
        (found(key("3"), FORBIDDEN), [f"{RAISE_KEY}.", ADD_MANAGEMENT_KEY]),
        (found(key("3"), ZERO), [f"{RAISE_KEY}.", ADD_MANAGEMENT_KEY]),
        (found(key("3"), DOWN, has_manager=True), [f"{RAISE_KEY}.", DOWN.remedy]),
        (found(key("30"), FORBIDDEN), [ADD_MANAGEMENT_KEY, KEY_ONLY]),
        (found(key("30"), ZERO), [ADD_MANAGEMENT_KEY, KEY_ONLY]),
        (found(key(), FORBIDDEN), [ADD_MANAGEMENT_KEY]),
        (found(key("30"), DOWN), [DOWN.remedy]),
        (found(DOWN, wallet("50")), [DOWN.remedy]),
        (found(UNREAD_BUDGET, wallet("50")), [found(UNREAD_BUDGET, None).problems[0].remedy]),
        (
            found(UNREAD_BUDGET, FORBIDDEN),
            [found(UNREAD_BUDGET, None).problems[0].remedy, ADD_MANAGEMENT_KEY],
        ),
        (
            found(key("30"), FORBIDDEN, has_manager=True),
            [f"Create a management key at {SETTINGS}/management-keys, and use that."],
        ),
        (
            found(key("30"), UNAUTHORIZED, has_manager=True),
            [UNAUTHORIZED.remedy.replace("the key", "the management key")],
        ),
        (found(key("30"), None), []),
        (
            found(key(), None),
            [f"Give the key a limit at {SETTINGS}/keys, or leave out --key-only to read the wallet too."],
        ),
        (
            found(key(is_management_key=True), None, is_manager=True),
            ["Leave out --key-only, to read the wallet."],
        ),
        (found(key(expires_at=NOW), FORBIDDEN), [f"Make a new key at {SETTINGS}/keys."]),
        (found(key(expires_at=NOW), wallet("-2")), [f"Make a new key at {SETTINGS}/keys."]),
        (
            found(key(allowed_data_regions=()), FORBIDDEN),
            [f"Permit a data region in the settings of the key's workspace: {SETTINGS}."],
        ),
        (
            found(key(is_management_key=True), wallet("5")),
            [MOVE_IT],
        ),
        (found(UNAUTHORIZED, wallet("5"), has_manager=True), [UNAUTHORIZED.remedy]),
    ],
)
def test_each_cause_has_a_line(status: KeyStatus, lines: list[str]) -> None:
    """Each cause of a key's level has one line with the link; nothing is advised beside the cause."""
    assert lines == list(advice(status, FORM))


def test_a_zero_that_could_not_be_checked_needs_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a 0/0 is in doubt because `/key` was not read, the advice is that for `/key`."""
    status = found(key("30"), ZERO)
    doubt = status.problems[0]
    doubt.problems = (DOWN,)

    assert [DOWN.remedy] == list(advice(status, FORM))
    assert [doubt.summary] == plain_problems(status)


def test_a_disabled_key_can_be_enabled() -> None:
    """A key that is known to be disabled is told where it can be enabled."""
    status = KeyStatus(None, None, Spendable(Decimal(0), "disabled", None, "complete"), (), NOW)

    assert [f"Enable the key, or make a new one, at {SETTINGS}/keys."] == list(advice(status, FORM))


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("expired", f"Make a new key at {SETTINGS}/keys, or leave out --all."),
        (
            "disabled",
            f"Enable the key at {SETTINGS}/keys or with {ENABLE}, or leave out --all.",
        ),
        ("management_key", MOVE_IT),
    ],
)
def test_a_listed_key_can_be_left_out(reason: str, line: str) -> None:
    """A key that a whole account lists may also be left out, if it is there because of --all."""
    status = KeyStatus(None, None, Spendable(Decimal(0), reason, None, "complete"), (), NOW)

    assert [line] == list(advice(status, FORM, is_listed=True))


def test_a_reason_without_a_problem_has_no_advice() -> None:
    """A refused key whose refusal is not among the problems is given no advice that may be wrong."""
    status = evolve(found(UNAUTHORIZED, wallet("5")), problems=(DOWN,))

    assert [] == list(advice(status, FORM))


def test_the_wallet_is_named_by_its_account() -> None:
    """Among several accounts, the advice names the one whose wallet is low; a file takes management keys."""
    assert [f"Top up the wallet of acme at {SETTINGS}/credits."] == list(
        advice(found(key(), wallet("0")), FORM, account="acme")
    )
    assert next(advice(found(key(), FORBIDDEN), FORM, where=TO_FILE)).endswith(
        ", and put it into OPENROUTER_MANAGEMENT_KEY or the key file."
    )


def test_a_budget_that_is_named_like_a_reason_is_a_limit() -> None:
    """A budget whose scope is `expired` is raised like any other."""
    bound = Bound("expired", Decimal(0), binds=True)
    spendable = Spendable(Decimal(0), "expired", None, "complete", (bound,))
    status = KeyStatus(None, None, spendable, (), datetime(2026, 10, 21, tzinfo=UTC))

    assert [f"Raise the expired budget at {SETTINGS} (an admin of the workspace can)."] == list(
        advice(status, FORM)
    )


@pytest.mark.parametrize(
    ("status", "texts"),
    [
        (found(key(), wallet("5")), []),
        (found(key(), FORBIDDEN), ["wallet: only a management key can read it"]),
        (found(key(), ZERO), ["wallet: the answer 0 of 0 may be false"]),
        (
            found(key(), FORBIDDEN, has_manager=True),
            [f"The management key is an ordinary key: {FORBIDDEN.summary}"],
        ),
        (found(key(), DOWN), ["wallet: 503 Service temporarily unavailable"]),
        (found(DOWN, wallet("5")), ["key: 503 Service temporarily unavailable"]),
        (found(UNAUTHORIZED, wallet("5")), ["401 User not found"]),
        (
            found(key(unread=("budgets[0]", "budgets[1]")), None),
            ["GET /key: budgets[0] could not be read (and 1 more)"],
        ),
        (found(key(), InvalidKeyError("a\x1b[2Jb"), has_manager=True), ["wallet: a?[2Jb"]),
        (found(key(), DOWN, has_manager=True), ["wallet: 503 Service temporarily unavailable"]),
    ],
)
def test_problems_are_told_in_plain_words(status: KeyStatus, texts: list[str]) -> None:
    """Each fault of reading is one plain line without control characters; the usual one is explained."""
    assert texts == plain_problems(status)
