"""explain() makes one plain sentence of a status, and shows no text of the server unfiltered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import (
    Credits,
    KeyInfo,
    KeyStatus,
    OpenRouterError,
    Spendable,
)
from openrouter_credits._status.spendable import assess
from openrouter_credits._status.status import moment
from tests.kit.values import DOWN, FORBIDDEN, MONDAY, NOW, UNAUTHORIZED, ZERO, budget, key, wallet


def say(credits_: Credits | OpenRouterError | None, info: KeyInfo | OpenRouterError | None) -> str:
    """Explain the status of a wallet and a key, of which either may be an error or not asked for."""
    return assess(credits_, info, reader=info, now=NOW).explain()


SENTENCES = {
    "budget below cap below wallet": (
        wallet("74.75"),
        key("454.54", budget("key_limit", "454.54"), budget("workspace", "11.75", MONDAY)),
        "$11.75 left until Monday 00:00 UTC: the workspace budget binds (wallet: $74.75).",
    ),
    "wallet": (wallet("74.75"), key(), "$74.75 left: the wallet binds."),
    "cap, monthly": (
        wallet("74.75"),
        key("26.83", limit_reset="monthly"),
        "$26.83 left until 1 November 00:00 UTC: the key's limit binds (wallet: $74.75).",
    ),
    "cap for ever": (wallet("74.75"), key("26.83"), "$26.83 left: the key's limit binds (wallet: $74.75)."),
    "budget whose reset is over": (
        wallet("74.75"),
        key(None, budget("member", "11.75", NOW)),
        "$11.75 left: the member budget binds (wallet: $74.75).",
    ),
    "budget of more than one word": (
        wallet("74.75"),
        key(None, budget("workspace_default_member", "1")),
        "$1.00 left: the workspace default member budget binds (wallet: $74.75).",
    ),
    "wallet not asked for": (None, key("26.83"), "At most $26.83 left: the key's limit binds."),
    "wallet unreadable": (
        FORBIDDEN,
        key("26.83"),
        "At most $26.83 left: the key's limit binds (wallet: unknown).",
    ),
    "key not asked for": (wallet("74.75"), None, "At most $74.75 left: the wallet binds."),
    "key unreadable": (wallet("74.75"), DOWN, "At most $74.75 left: the wallet binds (key: unknown)."),
    "wallet empty": (wallet("0"), key(), "Nothing left ($0.00): the wallet binds."),
    "wallet overdrawn": (wallet("-2.75"), key("5"), "Nothing left (-$2.75): the wallet binds."),
    "cap overdrawn": (
        wallet("74.75"),
        key("-0.204117", limit_reset="daily"),
        "Nothing left (-$0.21) until Thursday 00:00 UTC: the key's limit binds (wallet: $74.75).",
    ),
    "cap spent, wallet unreadable": (
        FORBIDDEN,
        key("0"),
        "Nothing left ($0.00): the key's limit binds (wallet: unknown).",
    ),
    "budget spent, wallet overdrawn less": (
        wallet("-1"),
        key(None, budget("workspace", "-3", MONDAY)),
        "Nothing left (-$3.00) until Monday 00:00 UTC: the workspace budget binds (wallet: -$1.00).",
    ),
    "less than a cent": (wallet("0.009"), key(), "$0.00 left: the wallet binds."),
    "a debt of less than a cent": (wallet("-0.001"), key(), "Nothing left (-$0.01): the wallet binds."),
    "rounded down twice": (
        wallet("74.756"),
        key("26.837"),
        "$26.83 left: the key's limit binds (wallet: $74.75).",
    ),
    "nothing known": (
        FORBIDDEN,
        key(),
        "Unknown: the wallet was not read (403 Only management keys can perform this operation), and the key has no limit.",
    ),
    "nothing known of a zero": (
        ZERO,
        key(usage=Decimal("3.17")),
        "Unknown: the wallet was not read (GET /credits answered 0 of 0, which nothing confirms), and the key has no limit.",
    ),
    "no wallet wanted, no cap": (None, key(), "Unknown: the wallet was not read, and the key has no limit."),
    "management key without its wallet": (
        DOWN,
        key("5", is_management_key=True),
        "Unknown: the wallet was not read (503 Service temporarily unavailable).",
    ),
    "key refused, wallet read by another": (
        wallet("74.75"),
        UNAUTHORIZED,
        "The key is not valid: 401 User not found.",
    ),
    "expired today": (wallet("74.75"), key(expires_at=NOW), "The key has expired: Wednesday 13:05 UTC."),
    "expired last year": (
        FORBIDDEN,
        key(expires_at=datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
        "The key has expired: 31 December 2025 23:59 UTC.",
    ),
    "expires in three days": (
        wallet("74.75"),
        key(expires_at=NOW + timedelta(days=3)),
        "$74.75 left: the wallet binds; the key expires Saturday 13:05 UTC.",
    ),
    "expires in three days, with all that can be said": (
        FORBIDDEN,
        key("26.83", limit_reset="monthly", expires_at=NOW + timedelta(days=3)),
        "At most $26.83 left until 1 November 00:00 UTC: the key's limit binds (wallet: unknown); the key expires Saturday 13:05 UTC.",
    ),
    "expires in three days, nothing else known": (
        None,
        key(expires_at=NOW + timedelta(days=3)),
        "Unknown: the wallet was not read, and the key has no limit; the key expires Saturday 13:05 UTC.",
    ),
    "expires in a week": (
        wallet("74.75"),
        key(expires_at=NOW + timedelta(days=7)),
        "$74.75 left: the wallet binds.",
    ),
}


@pytest.mark.parametrize(("credits_", "info", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_a_sentence_says_it(
    credits_: Credits | OpenRouterError | None, info: KeyInfo | OpenRouterError | None, sentence: str
) -> None:
    """The sentence names the amount, its reset, the bound, an unread half and an expiry within a week."""
    assert say(credits_, info) == sentence


@pytest.mark.parametrize(
    ("now", "when", "name"),
    [
        ("2026-10-21T13:05", "2026-10-21T13:05", "Wednesday 13:05 UTC"),
        ("2026-10-21T13:05", "2026-10-28T13:04", "Wednesday 13:04 UTC"),
        ("2026-10-21T13:05", "2026-10-28T13:05", "28 October 13:05 UTC"),
        ("2026-10-21T13:05", "2026-10-21T13:04", "21 October 13:04 UTC"),
        ("2026-12-30T12:00", "2027-01-01T00:00", "Friday 00:00 UTC"),
        ("2026-12-01T12:00", "2027-01-01T00:00", "1 January 2027 00:00 UTC"),
        ("2027-01-01T12:00", "2026-12-31T23:59", "31 December 2026 23:59 UTC"),
        ("2026-10-21T13:05", "9999-12-31T23:59", "31 December 9999 23:59 UTC"),
    ],
)
def test_a_moment_is_named_in_utc(now: str, when: str, name: str) -> None:
    """A moment within a week is named by its weekday, others by date, with the year if it differs."""
    assert moment(datetime.fromisoformat(f"{when}+00:00"), datetime.fromisoformat(f"{now}+00:00")) == name


@pytest.mark.parametrize(
    ("now", "name", "hours"),
    [
        ("2026-12-31T12:00", "1 February 2027 00:00 UTC", 14),  # it is 2027 there already
        ("2027-01-01T06:00", "1 February 00:00 UTC", -12),  # it is still 2026 there
    ],
)
def test_local_times_are_converted_first(now: str, name: str, hours: int) -> None:
    """The day, year and hour of a moment are those of UTC, whatever the zones of the two times."""
    zone = timezone(timedelta(hours=hours))
    when = datetime(2027, 2, 1, tzinfo=UTC).astimezone(zone)

    assert moment(when, datetime.fromisoformat(f"{now}+00:00").astimezone(zone)) == name


def test_no_month_and_no_day_is_missing() -> None:
    """Each of the seven weekdays and of the 365 dates of a year has its English name."""
    first = datetime(2027, 1, 1, tzinfo=UTC)
    days = [first + timedelta(days=number) for number in range(365)]

    assert [moment(day, day) for day in days[:7]] == [
        f"{name} 00:00 UTC"
        for name in ("Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday")
    ]
    long_ago = datetime(2027, 12, 31, 23, tzinfo=UTC)
    assert [moment(day, long_ago) for day in days] == [f"{day.day} {day:%B} 00:00 UTC" for day in days]


HOSTILE = [
    ("[bold red]", "the [bold red] budget"),
    ("\x1b[2J\x07work\x9bspace\r\n", "the [2Jworkspace budget"),
    ("\u202eecapskrow\u2066\u200b\ufeff", "the ecapskrow budget"),
    ("one\ttwo\u2028three", "the one two three budget"),
    ("__team__of___two__", "the team of two budget"),
    ("x" * 100_000, f"the {'x' * 40} budget"),
    ("_" * 100_000 + "late", "the late budget"),
    (f"{'x' * 39} yz", f"the {'x' * 39} budget"),
    ("équipe-団体", "the équipe-団体 budget"),
    ("\ud800", "the budget"),
    ("", "the budget"),
]


@pytest.mark.parametrize(("scope", "name"), HOSTILE, ids=[f"{scope[:20]!a}" for scope, _ in HOSTILE])
def test_a_scope_is_shown_as_far_as_it_can_be_printed(scope: str, name: str) -> None:
    """A scope is shown on one line, without control or direction characters, up to 40 characters."""
    sentence = say(wallet("74.75"), key(None, budget(scope, "1.5")))

    assert sentence == f"$1.50 left: {name} binds (wallet: $74.75)."


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
    assert bound.explain() == "At most $3.00 left until Monday 00:00 UTC: the workspace budget binds."


AMOUNTS = st.decimals(-1000, 1000, places=4)


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_the_sentence_never_promises_more_than_there_is(
    in_wallet: Decimal, in_cap: Decimal, in_budget: Decimal
) -> None:
    """The first figure of the sentence is the amount, or less than a cent below it."""
    status = assess(
        Credits(Decimal(10_000), Decimal(10_000) - in_wallet),
        key(str(in_cap), budget("workspace", str(in_budget))),
        reader=None,
        now=NOW,
    )

    first = status.explain().partition("$")[2].partition(" ")[0].rstrip("):")
    sign = -1 if status.explain().startswith("Nothing left (-") else 1

    assert status.spendable.amount is not None
    assert 0 <= status.spendable.amount - sign * Decimal(first) < Decimal("0.01")
