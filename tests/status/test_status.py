"""A status has a level, and one plain sentence that shows no text of the server unfiltered."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from openrouter_credits import (
    Credits,
    InvalidResponseError,
    KeyInfo,
    KeyStatus,
    Level,
    ManagementKeyRequiredError,
    OpenRouterError,
    ServerError,
    Spendable,
)
from openrouter_credits._status.look import assess
from openrouter_credits._words import limit_in_sentence
from tests.kit.values import (
    AMOUNTS,
    DOWN,
    FORBIDDEN,
    MONDAY,
    NOVEMBER,
    NOW,
    UNAUTHORIZED,
    WALLETS,
    ZERO,
    budget,
    key,
    keys,
    wallet,
)


def status(
    amount: str | None, certainty: Any = "complete", *problems: OpenRouterError, info: KeyInfo | None = None
) -> KeyStatus:
    """Make a status with this amount and certainty."""
    number = None if amount is None else Decimal(amount)
    return KeyStatus(
        info, None, Spendable(number, None if number is None else "wallet", None, certainty), problems, NOW
    )


def stopped(reason: str) -> KeyStatus:
    """Make the status of a key that cannot spend at all."""
    return KeyStatus(None, None, Spendable(Decimal(0), reason, None, "complete"), (), NOW)


# Levels


UNREAD = InvalidResponseError("GET /key: budgets[0] could not be read")


@pytest.mark.parametrize(
    ("amount", "certainty", "problems", "expected"),
    [
        ("10", "complete", [], Level.OK),
        ("9.999", "complete", [], Level.LOW),
        ("5", "complete", [], Level.LOW),
        ("4.999999999", "complete", [], Level.CRITICAL),
        ("0.000000001", "complete", [], Level.CRITICAL),
        ("0", "complete", [], Level.DEPLETED),
        ("-2.75", "complete", [], Level.DEPLETED),
        ("100", "at_most", [FORBIDDEN], Level.UNKNOWN),
        ("100", "at_most", [], Level.OK),
        ("9.99", "at_most", [FORBIDDEN], Level.LOW),
        ("3", "at_most", [FORBIDDEN], Level.CRITICAL),
        ("0", "at_most", [FORBIDDEN], Level.DEPLETED),
        (None, "unknown", [FORBIDDEN], Level.UNKNOWN),
        (None, "unknown", [], Level.UNKNOWN),
        ("100", "at_most", [UNREAD], Level.UNKNOWN),
    ],
)
def test_levels(amount: str | None, certainty: Any, problems: list[OpenRouterError], expected: Level) -> None:
    """LOW starts below $10, CRITICAL below $5; an upper bound is not OK if the other half failed."""
    assert status(amount, certainty, *problems).level() is expected


@pytest.mark.parametrize(
    ("warn", "critical", "expected"),
    [
        (5, 1, Level.OK),
        (5.01, 1, Level.LOW),
        ("5.000000001", "5", Level.LOW),
        (Decimal(100), Decimal("5.1"), Level.CRITICAL),
        (0, 0, Level.OK),
        (10, 10, Level.CRITICAL),
        (10, None, Level.LOW),
        (11, None, Level.CRITICAL),
        ("10.000000002", None, Level.CRITICAL),
        (4, None, Level.OK),
        (-1, None, Level.OK),
    ],
)
def test_thresholds_are_the_callers(warn: Any, critical: Any, expected: Level) -> None:
    """The caller sets both thresholds, as any kind of number; `critical` is half of `warn` by default."""
    assert status("5").level(warn, critical) is status("5").level(warn=warn, critical=critical) is expected


@pytest.mark.parametrize("reason", ["refused", "expired", "disabled", "no_region", "management_key"])
def test_a_key_that_cannot_spend_at_all_is_invalid(reason: str) -> None:
    """A key that cannot spend at all is INVALID, whatever the thresholds are."""
    result = stopped(reason)

    assert (result.is_invalid, result.level(), result.level(0)) == (True, Level.INVALID, Level.INVALID)


@pytest.mark.parametrize(
    ("expires_at", "levels"),
    [
        (NOW, [Level.INVALID] * 4),
        (NOW + timedelta(microseconds=1), [Level.OK, Level.CRITICAL, Level.DEPLETED, Level.UNKNOWN]),
        (None, [Level.OK, Level.CRITICAL, Level.DEPLETED, Level.UNKNOWN]),
    ],
)
def test_an_expired_key_is_invalid(expires_at: datetime | None, levels: list[Level]) -> None:
    """A key is INVALID from the moment of its expiry on, whatever amount is left."""
    credits_: list[Credits | OpenRouterError] = [wallet("100"), wallet("3"), wallet("-1"), FORBIDDEN]

    results = [assess(each, key(expires_at=expires_at), wallet_reader=None, now=NOW) for each in credits_]

    assert [result.level() for result in results] == levels
    assert [result.is_invalid for result in results] == [level is Level.INVALID for level in levels]
    assert [result.credits for result in results] == [*credits_[:3], None]


def test_a_wallets_401_does_not_make_the_key_invalid() -> None:
    """A 401 for the wallet leaves a key valid that was read: the server refused the management key."""
    result = status("100", "at_most", UNAUTHORIZED, info=key("100"))

    assert (result.is_invalid, result.level()) == (False, Level.UNKNOWN)


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, st.booleans())
def test_levels_are_monotone(
    amount: Decimal, more: Decimal, warn: Decimal, critical: Decimal, asked: bool
) -> None:
    """Higher amounts make no level worse; higher thresholds and upper bounds make none better."""
    low, high = sorted((amount, more))
    critical, warn = sorted((warn, critical))

    def judged(dollars: Decimal, warn: Decimal = warn, critical: Decimal | None = critical) -> Level:
        return status(str(dollars)).level(warn, critical)

    assert judged(high) <= judged(low)
    assert judged(low) <= min(judged(low, warn + 1), judged(low, warn + 1, critical + 1))
    assert judged(high, warn, None) <= judged(low, warn, None)
    exact = status(str(low)).level(warn, critical)
    bound = status(str(low), "at_most", *[FORBIDDEN][:asked]).level(warn, critical)
    assert bound is (Level.UNKNOWN if asked and exact is Level.OK else exact)


@given(st.none() | WALLETS, st.none() | keys(), AMOUNTS, AMOUNTS)
def test_unreadable_is_never_ok(
    credits_: Credits | None, info: KeyInfo | None, warn: Decimal, critical: Decimal
) -> None:
    """A status is never OK if the wallet or the key could not be read, whatever the thresholds."""
    assume(credits_ is not None or info is not None)
    critical, warn = sorted((warn, critical))

    result = assess(credits_ or FORBIDDEN, info or DOWN, wallet_reader=key(is_management_key=True), now=NOW)

    assert result.spendable.certainty == "complete" or result.level(warn, critical) is not Level.OK
    assert result.spendable.certainty == "complete" or result.spendable.covers("0.01") is not True
    assert result.spendable.amount is not None or result.level(warn, critical) is Level.UNKNOWN


def test_levels_are_texts() -> None:
    """A level is a text: it is printed and compared as its name, and made from it."""
    assert [str(level) for level in Level] == ["OK", "LOW", "UNKNOWN", "CRITICAL", "DEPLETED", "INVALID"]
    assert f"{Level.LOW}" == "LOW" == Level.LOW
    assert Level("LOW") is Level.LOW


THRESHOLDS: dict[str, Callable[[Any], object]] = {
    "warn": lambda amount: status("5").level(warn=amount),
    "critical": lambda amount: status("5").level(critical=amount),
    "level of an invalid key": lambda amount: stopped("refused").level(amount, amount),
}


@pytest.mark.parametrize("ask", THRESHOLDS.values(), ids=THRESHOLDS)
def test_each_threshold_is_validated(ask: Callable[[Any], object]) -> None:
    """level() refuses NaN for each threshold, even if the outcome does not depend on it."""
    with pytest.raises(ValueError, match="an amount is a"):
        ask(float("nan"))


@pytest.mark.parametrize("found", [status("5"), status(None, "unknown"), stopped("expired")])
def test_warn_is_not_below_critical(found: KeyStatus) -> None:
    """level() raises ValueError if `warn` is below `critical`, even if the outcome does not depend on it."""
    with pytest.raises(ValueError, match="warn is at least critical, but 3 is below 5"):
        found.level(warn=3, critical=5)


# The sentence


def say(credits_: Credits | OpenRouterError | None, info: KeyInfo | OpenRouterError | None) -> str:
    """Explain the status of a wallet and a key, of which either may be an error or not asked for."""
    return assess(credits_, info, wallet_reader=info, now=NOW).explain()


SENTENCES = {
    "budget below limit below wallet": (
        wallet("74.75"),
        key("454.54", budget("key_limit", "454.54"), budget("workspace", "11.75", MONDAY)),
        "$11.75 left until Monday 00:00 UTC, limited by the workspace budget (wallet: $74.75).",
    ),
    "wallet": (wallet("74.75"), key(), "$74.75 left, limited by the wallet."),
    "limit, monthly": (
        wallet("74.75"),
        key("26.83", limit_reset="monthly"),
        "$26.83 left until 1 November 00:00 UTC, limited by the key's limit (wallet: $74.75).",
    ),
    "limit for ever": (
        wallet("74.75"),
        key("26.83"),
        "$26.83 left, limited by the key's limit (wallet: $74.75).",
    ),
    "budget whose reset is over": (
        wallet("74.75"),
        key(None, budget("member", "11.75", NOW)),
        "$11.75 left, limited by the member budget (wallet: $74.75).",
    ),
    "budget of more than one word": (
        wallet("74.75"),
        key(None, budget("workspace_default_member", "1")),
        "$1.00 left, limited by the workspace default member budget (wallet: $74.75).",
    ),
    "budget whose scope is hostile": (
        wallet("74.75"),
        key(None, budget("\x1b[2J\x07work\x9bspace\r\n\u202e", "1.5")),
        "$1.50 left, limited by the [2Jworkspace budget (wallet: $74.75).",
    ),
    "budget whose scope cannot be printed": (
        wallet("74.75"),
        key(None, budget("\ud800", "1.5")),
        "$1.50 left, limited by the budget (wallet: $74.75).",
    ),
    "wallet not asked for": (
        None,
        key("26.83"),
        "$26.83 left, limited by the key's limit (wallet: not asked for).",
    ),
    "wallet not asked for, and the key's limit spent": (
        None,
        key("0", limit_reset="daily"),
        "Nothing left until Thursday 00:00 UTC: the key's limit is spent (wallet: not asked for).",
    ),
    "wallet unreadable": (
        DOWN,
        key("26.83"),
        "At most $26.83 left, limited by the key's limit (wallet: unknown).",
    ),
    "wallet that the key may not see": (
        FORBIDDEN,
        key("26.83", limit_reset="monthly"),
        (
            "At most $26.83 left until 1 November 00:00 UTC: the key's limit "
            "(this key cannot see the wallet: add a management key, or judge by the key alone)."
        ),
    ),
    "wallet of 0/0 that the key may not see": (
        ZERO,
        key("26.83"),
        (
            "At most $26.83 left: the key's limit "
            "(this key cannot see the wallet: add a management key, or judge by the key alone)."
        ),
    ),
    "a part of the key unread": (
        wallet("74.75"),
        key("26.83", unread=("budgets[0]",)),
        "At most $26.83 left, limited by the key's limit (wallet: $74.75, not all limits could be read).",
    ),
    "a part of the key unread, and the wallet limits it": (
        wallet("4.75"),
        key("26.83", unread=("expires_at",)),
        "At most $4.75 left, limited by the wallet (expires_at could not be read).",
    ),
    "dates of many budgets unread": (
        wallet("4.75"),
        key("26.83", unread=tuple(f"budgets[{index}].resets_at" for index in range(300))),
        "At most $4.75 left, limited by the wallet (budgets[0].resets_at (and 299 more) could not be read).",
    ),
    "an expiry unread, and no limit": (
        None,
        key(unread=("expires_at",)),
        (
            "Unknown: the key has no limit, and the wallet was not asked for: read it too; "
            "this key has spent $1.00 in all."
        ),
    ),
    "a part of the key unread, and the wallet not asked for": (
        None,
        key("26.83", unread=("limit_reset",)),
        (
            "At most $26.83 left, limited by the key's limit "
            "(wallet: not asked for, limit_reset could not be read)."
        ),
    ),
    "key not asked for": (
        wallet("74.75"),
        None,
        "$74.75 left, limited by the wallet (key: not asked for).",
    ),
    "key unreadable": (wallet("74.75"), DOWN, "At most $74.75 left, limited by the wallet (key: not read)."),
    "wallet empty": (wallet("0"), key(), "Nothing left: the wallet is empty."),
    "wallet overdrawn": (wallet("-2.75"), key("5"), "Nothing left: the account owes $2.75."),
    "limit overdrawn": (
        wallet("74.75"),
        key("-0.204117", limit_reset="daily"),
        "Nothing left (-$0.21) until Thursday 00:00 UTC: the key's limit is spent (wallet: $74.75).",
    ),
    "wallet that the key may not see, and a part of the key unread": (
        FORBIDDEN,
        key("26.83", unread=("budgets[0]",)),
        (
            "At most $26.83 left: the key's limit (this key cannot see the wallet: add a management key; "
            "not all limits could be read)."
        ),
    ),
    "limit spent, wallet unreadable": (
        FORBIDDEN,
        key("0"),
        "Nothing left: the key's limit is spent (wallet: unknown).",
    ),
    "budget spent, wallet overdrawn less": (
        wallet("-1"),
        key(None, budget("workspace", "-3", MONDAY)),
        "Nothing left: the account owes $1.00.",
    ),
    "limit of a day spent, and a budget of a month": (
        wallet("74.75"),
        key("-0.02", budget("api_key", "-0.01", NOVEMBER), limit_reset="daily"),
        "Nothing left (-$0.01) until 1 November 00:00 UTC: the api key budget is spent (wallet: $74.75).",
    ),
    "less than a cent": (wallet("0.009"), key(), "$0.00 left, limited by the wallet."),
    "a debt of less than a cent": (wallet("-0.001"), key(), "Nothing left: the account owes $0.01."),
    "rounded down twice": (
        wallet("74.756"),
        key("26.837"),
        "$26.83 left, limited by the key's limit (wallet: $74.75).",
    ),
    "nothing known": (
        DOWN,
        key(),
        (
            "Unknown: the wallet was not read (503 Service temporarily unavailable), "
            "and the key has no limit; this key has spent $1.00 in all."
        ),
    ),
    "nothing known, as the key may not see the wallet": (
        FORBIDDEN,
        key(
            usage=Decimal("1203.10"),
            usage_daily=Decimal("0.42"),
            usage_weekly=Decimal(2),
            usage_monthly=Decimal("3.179"),
        ),
        (
            "Unknown: the key has no limit, and this key cannot see the wallet: add a management key; "
            "this key has spent $0.42 today, $3.17 this month and $1,203.10 in all."
        ),
    ),
    "nothing known of a key that has spent nothing": (
        FORBIDDEN,
        key(usage=Decimal(0), usage_daily=Decimal(0), usage_monthly=Decimal(0)),
        (
            "Unknown: the key has no limit, and this key cannot see the wallet: add a management key; "
            "this key has spent nothing yet."
        ),
    ),
    "nothing known of a key that has spent nothing today": (
        FORBIDDEN,
        key(usage_daily=Decimal(0)),
        (
            "Unknown: the key has no limit, and this key cannot see the wallet: add a management key; "
            "this key has spent $0.00 today and $1.00 in all."
        ),
    ),
    "nothing known of a key that has spent less than a cent": (
        FORBIDDEN,
        key(usage=Decimal("0.0021"), usage_daily=Decimal("0.0021"), usage_monthly=Decimal("0.01")),
        (
            "Unknown: the key has no limit, and this key cannot see the wallet: add a management key; "
            "this key has spent less than $0.01 today, $0.01 this month and less than $0.01 in all."
        ),
    ),
    "nothing known, for a reason with blanks and dots": (
        ServerError(" busy  as\u3000ever... ", status=503),
        key(),
        (
            "Unknown: the wallet was not read (503 busy as ever), "
            "and the key has no limit; this key has spent $1.00 in all."
        ),
    ),
    "nothing known of a zero": (
        ZERO,
        key(usage=Decimal("3.17")),
        (
            "Unknown: the key has no limit, and this key cannot see the wallet: add a management key; "
            "this key has spent $3.17 in all."
        ),
    ),
    "nothing known, as a limit could not be read": (
        FORBIDDEN,
        key(limit=Decimal(5), unread=("limit_remaining",)),
        (
            "Unknown: the key's limits could not all be read, and this key cannot see the wallet: "
            "add a management key; this key has spent $1.00 in all."
        ),
    ),
    "a limit unread, and the wallet not asked for": (
        None,
        key(limit=Decimal(5), unread=("limit_remaining",)),
        (
            "Unknown: the key's limits could not all be read, and the wallet was not asked for: "
            "read it too; this key has spent $1.00 in all."
        ),
    ),
    "no wallet wanted, no limit": (
        None,
        key(),
        (
            "Unknown: the key has no limit, and the wallet was not asked for: read it too; "
            "this key has spent $1.00 in all."
        ),
    ),
    "management key in the place of another": (
        wallet("74.75"),
        key("5", is_management_key=True),
        (
            "This is a management key, which cannot run inference (wallet: $74.75): move it to "
            'OPENROUTER_MANAGEMENT_KEY, or look at the wallet alone: read=("credits",).'
        ),
    ),
    "management key in the place of another, without its wallet": (
        DOWN,
        key("5", is_management_key=True),
        (
            "This is a management key, which cannot run inference: move it to "
            'OPENROUTER_MANAGEMENT_KEY, or look at the wallet alone: read=("credits",).'
        ),
    ),
    "key refused, wallet read by another": (
        wallet("74.75"),
        UNAUTHORIZED,
        "The key is not valid: 401 User not found (wallet: $74.75).",
    ),
    "no region": (
        wallet("74.75"),
        key("5", allowed_data_regions=()),
        "The key cannot be used: no data region is allowed (wallet: $74.75).",
    ),
    "expired today": (
        wallet("74.75"),
        key(expires_at=NOW),
        "The key has expired: Wednesday 13:05 UTC (wallet: $74.75).",
    ),
    "expired last year": (
        FORBIDDEN,
        key(expires_at=datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
        "The key has expired: 31 December 2025 23:59 UTC.",
    ),
    "expires in three days": (
        wallet("74.75"),
        key(expires_at=NOW + timedelta(days=3)),
        "$74.75 left, limited by the wallet; the key expires Saturday 13:05 UTC.",
    ),
    "expires in three days, with all that can be said": (
        DOWN,
        key("26.83", limit_reset="monthly", expires_at=NOW + timedelta(days=3)),
        (
            "At most $26.83 left until 1 November 00:00 UTC, limited by the key's limit (wallet: unknown); "
            "the key expires Saturday 13:05 UTC."
        ),
    ),
    "expires in three days, nothing else known": (
        None,
        key(expires_at=NOW + timedelta(days=3)),
        (
            "Unknown: the key has no limit, and the wallet was not asked for: read it too; "
            "this key has spent $1.00 in all; the key expires Saturday 13:05 UTC."
        ),
    ),
    "expires in a week": (
        wallet("74.75"),
        key(expires_at=NOW + timedelta(days=7)),
        "$74.75 left, limited by the wallet.",
    ),
}


@pytest.mark.parametrize(("credits_", "info", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_a_sentence_says_it(
    credits_: Credits | OpenRouterError | None, info: KeyInfo | OpenRouterError | None, sentence: str
) -> None:
    """The sentence names the amount, its reset, the bound, an unread half and an expiry within a week."""
    assert say(credits_, info) == sentence


MANAGED = {
    "a management key that is none": (
        FORBIDDEN,
        key("26.83"),
        "At most $26.83 left, limited by the key's limit (wallet: unknown).",
    ),
    "a management key that is refused": (
        UNAUTHORIZED,
        key("26.83"),
        "At most $26.83 left, limited by the key's limit (wallet: unknown).",
    ),
    "no limit, and a management key that is refused": (
        UNAUTHORIZED,
        key(),
        (
            "Unknown: the wallet was not read (The management key was refused: 401 User not found), "
            "and the key has no limit; this key has spent $1.00 in all."
        ),
    ),
}


@pytest.mark.parametrize(("credits_", "info", "sentence"), MANAGED.values(), ids=MANAGED)
def test_the_fault_of_a_management_key_is_not_the_keys(
    credits_: OpenRouterError, info: KeyInfo, sentence: str
) -> None:
    """If another key was to read the wallet, the sentence does not say that this key cannot see it."""
    found = assess(credits_, info, wallet_reader=None, now=NOW, has_manager=True)

    assert (found.explain(), found.level()) == (sentence, Level.UNKNOWN)
    assert not credits_.is_of_management_key


def test_the_management_key_itself_is_told_of_its_wallet() -> None:
    """The sentence of a management key that is there for its wallet tells the wallet, or why it is unread."""
    info = key("5", is_management_key=True)

    read, unread = (
        assess(credits_, info, wallet_reader=info, now=NOW, is_manager=True)
        for credits_ in (wallet("74.75"), DOWN)
    )

    assert read.explain() == "$74.75 left, limited by the wallet."
    assert unread.explain() == "Unknown: the wallet was not read (503 Service temporarily unavailable)."


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("refused", "The key is not valid."),
        ("expired", "The key has expired."),
        ("disabled", "The key is disabled."),
    ],
)
def test_a_reason_is_told_without_its_details(reason: str, sentence: str) -> None:
    """A status that a program makes by hand, of a reason alone, is explained too."""
    assert stopped(reason).explain() == sentence


def test_a_status_is_printed_as_its_sentence() -> None:
    """str() of a status is its sentence."""
    found = assess(wallet("74.75"), key(), wallet_reader=None, now=NOW)

    assert str(found) == f"{found}" == found.explain() == "$74.75 left, limited by the wallet."


@given(st.text(max_size=60))
def test_any_scope_makes_one_sentence(scope: str) -> None:
    """Any scope makes a sentence that is printable, encodable, short and without double spaces."""
    sentence = say(wallet("74.75"), key(None, budget(scope, "1.5")))

    assert sentence.isprintable()
    assert sentence.encode().decode() == sentence
    assert len(sentence) < 100
    assert "  " not in sentence


def test_a_label_is_not_a_part_of_it() -> None:
    """The label of the key does not appear in the sentence."""
    assert say(wallet("74.75"), key(label="[bold red]\x1b[31m")) == say(wallet("74.75"), key())


def test_a_status_put_together_by_hand_is_explained_too() -> None:
    """A status that a program makes for its own tests, of an amount alone or of nothing, is explained too."""
    empty = KeyStatus(None, None, Spendable(None, None, None, "unknown"), (), NOW)
    bound = attrs.evolve(empty, spendable=Spendable(Decimal(3), "workspace", MONDAY, "at_most"))

    assert empty.explain() == "Unknown: the key was not read."
    assert bound.explain() == (
        "$3.00 left until Monday 00:00 UTC, limited by the workspace budget (wallet: not asked for)."
    )


FIGURES = st.decimals(-1000, 1000, places=4)


@given(FIGURES, FIGURES, FIGURES)
def test_the_sentence_never_promises_more_than_there_is(
    in_wallet: Decimal, in_cap: Decimal, in_budget: Decimal
) -> None:
    """The first figure of the sentence is the amount, or less than a cent below it."""
    status = assess(
        Credits(Decimal(10_000), Decimal(10_000) - in_wallet),
        key(str(in_cap), budget("workspace", str(in_budget))),
        wallet_reader=None,
        now=NOW,
    )

    sentence = status.explain()
    amount = r"\$([\d,]+\.\d\d)"
    told = re.match(rf"{amount} left|Nothing left \(-{amount}\)|.* owes {amount}", sentence)
    figure = Decimal(0)
    if told is not None:
        left, overdrawn, debt = (text and text.replace(",", "") for text in told.groups())
        figure = Decimal(left) if left else -Decimal(overdrawn or debt)

    assert status.spendable.amount is not None
    assert 0 <= status.spendable.amount - figure < Decimal("0.01")
    assert (figure > 0) == sentence.startswith("$") or status.spendable.amount < Decimal("0.01")


@given(
    WALLETS | st.sampled_from([None, FORBIDDEN, DOWN, ZERO]),
    st.builds(attrs.evolve, keys(), unread=st.sampled_from([(), ("limit_reset",), ("budgets[0]",)]))
    | st.sampled_from([UNAUTHORIZED, DOWN]),
)
def test_any_sentence_says_what_the_verdict_is(
    credits_: Credits | OpenRouterError | None, info: KeyInfo | OpenRouterError
) -> None:
    """Any sentence is one line that agrees with amount, certainty and limit, and offers what really helps."""
    try:
        found = assess(credits_, info, wallet_reader=info, now=NOW)
    except OpenRouterError:
        assume(False)

    sentence, spendable = found.explain(), found.spendable
    amount = spendable.amount
    assert re.fullmatch(r"[^\n]*[^.]\.", sentence)
    assert not re.search(r"  |None|\(\)| \)|\( |,,|;;|: \.", sentence)
    assert sentence.count("(") == sentence.count(")")
    assert found.is_invalid or sentence.startswith("Unknown: ") == (amount is None)
    if amount is not None and not found.is_invalid:
        is_upper = spendable.certainty == "at_most" and bool(found.problems)
        assert sentence.startswith("Nothing left") == (amount <= 0)
        assert sentence.startswith("At most ") == (is_upper and amount > 0)
        assert limit_in_sentence(spendable.bound_by or "") in sentence or spendable.bound_by == "wallet"
    if "judge by the key alone" in sentence:
        assert assess(None, info, wallet_reader=None, now=NOW).level(0, 0) == "OK"


# Values


def test_a_status_is_a_value() -> None:
    """A status is frozen, and a copied or unpickled one has the same contents, its problems included."""
    original = assess(
        FORBIDDEN, key("26.83", budget("workspace", "11.75", MONDAY)), wallet_reader=None, now=NOW
    )

    copies = [copy.copy(original), copy.deepcopy(original), pickle.loads(pickle.dumps(original))]

    assert [each.spendable for each in copies] == [original.spendable] * 3
    assert [each.key for each in copies] == [original.key] * 3
    assert [each.explain() for each in copies] == [original.explain()] * 3
    assert [type(each.problems[0]) for each in copies] == [ManagementKeyRequiredError] * 3
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        original.key = None  # type: ignore[misc]  # mypy knows that a status is frozen
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        original.spendable.amount = Decimal(10)  # type: ignore[misc]  # mypy knows that an amount is frozen
