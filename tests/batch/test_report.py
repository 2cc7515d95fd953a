"""What a batch gives: outcomes, wallets and their sum; no batch is run here."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import (
    APIConnectionError,
    AuthenticationError,
    CheckReport,
    Credits,
    InvalidKeyError,
    InvalidResponseError,
    KeyCheck,
    KeyStatus,
    Level,
    ManagedKey,
    ManagementKeyRequiredError,
    OpenRouterError,
    Spendable,
    Total,
)
from openrouter_credits._status.look import assess
from openrouter_credits._status.managed import Shared, managed_status
from tests.kit.values import HARSH, LENIENT, MASK, OTHER_MASK, WALLET, key, made_up, wallet


def status_of(credits: Credits | None = WALLET, *problems: OpenRouterError) -> KeyStatus:
    """Make a status with these credits and problems."""
    spendable = Spendable(None, None, None, "unknown")
    if credits is not None:
        spendable = Spendable(credits.remaining, "wallet", None, "complete")
    return KeyStatus(
        key=None,
        credits=credits,
        spendable=spendable,
        problems=problems,
        checked_at=datetime(2026, 11, 23, tzinfo=UTC),
    )


def holding(remaining: str) -> KeyStatus:
    """Make a status of a wallet in which this amount is left."""
    return status_of(wallet(remaining))


def check_of(
    index: int,
    wallet_id: int | None = None,
    *,
    account: str | None = None,
    status: KeyStatus | None = None,
    error: OpenRouterError | None = None,
) -> KeyCheck:
    """Make the outcome of a key with this wallet number."""
    return KeyCheck(index, None, None, account, status, error, 0.1, wallet_id=wallet_id)


def met_by_manager(error: OpenRouterError) -> OpenRouterError:
    """Mark an error as that of the management key that was to read the wallet."""
    error.is_of_management_key = True
    return error


def because_of(error: OpenRouterError, *problems: OpenRouterError) -> OpenRouterError:
    """Add problems to an error, as a look does."""
    error.problems = problems
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AuthenticationError(status=401), Level.INVALID),
        (InvalidKeyError("blank"), Level.INVALID),
        (APIConnectionError("refused"), Level.UNKNOWN),
        (None, Level.UNKNOWN),
        (met_by_manager(AuthenticationError(status=401)), Level.UNKNOWN),
        (met_by_manager(InvalidKeyError("blank")), Level.UNKNOWN),
        (because_of(APIConnectionError("lost"), AuthenticationError(status=401)), Level.INVALID),
        (because_of(APIConnectionError("lost"), ManagementKeyRequiredError(status=403)), Level.UNKNOWN),
        (
            because_of(APIConnectionError("lost"), met_by_manager(AuthenticationError(status=401))),
            Level.UNKNOWN,
        ),
        (because_of(APIConnectionError("lost"), met_by_manager(InvalidKeyError("blank"))), Level.UNKNOWN),
    ],
)
def test_a_key_without_a_status_is_invalid_or_unknown(error: OpenRouterError | None, expected: Level) -> None:
    """A key without a status is INVALID if the key itself is wrong or met a 401, and UNKNOWN otherwise."""
    assert check_of(0, error=error).level() == expected


def test_a_level_is_judged_by_the_callers_thresholds() -> None:
    """KeyCheck.level() applies the thresholds of its caller to the status."""
    check = check_of(0, status=status_of())

    assert [check.level(), check.level(warn=80), check.level(warn=90, critical=80)] == [
        Level.OK,
        Level.LOW,
        Level.CRITICAL,
    ]


def test_the_thresholds_of_a_key_that_was_not_read_are_validated() -> None:
    """KeyCheck.level() and CheckReport.level() refuse thresholds in the wrong order, whatever was read."""
    for judge in (check_of(0).level, CheckReport(()).level, CheckReport((check_of(0),)).level):
        with pytest.raises(ValueError, match="warn is at least critical"):
            judge(warn=3, critical=5)


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([], Level.UNKNOWN),
        (["40"], Level.OK),
        (["40", "7"], Level.LOW),
        (["40", None, "7"], Level.UNKNOWN),
        (["3", None], Level.CRITICAL),
        (["3", "0"], Level.DEPLETED),
    ],
)
def test_the_level_of_a_report_is_its_worst(amounts: list[str | None], expected: Level) -> None:
    """CheckReport.level() is the worst level of its checks, and UNKNOWN if it has none."""
    checks = [
        check_of(index, status=None if amount is None else holding(amount))
        for index, amount in enumerate(amounts)
    ]

    assert CheckReport(tuple(checks)).level() is expected


def test_the_level_of_a_report_is_judged_by_the_callers_thresholds() -> None:
    """CheckReport.level() applies the thresholds of its caller to each check."""
    report = CheckReport((check_of(0, status=holding("40")), check_of(1, status=holding("70"))))

    assert [report.level(warn=41), report.level(41, 40.5), report.level(warn=90)] == [
        Level.LOW,
        Level.CRITICAL,
        Level.CRITICAL,
    ]


SECRET = made_up("a name")
CHECKS = [
    (
        evolve(check_of(0, status=status_of()), name="bot"),
        "bot: $74.75 left, limited by the wallet (key: not asked for).",
    ),
    (
        evolve(check_of(3, error=APIConnectionError("Could not connect")), label=MASK),
        f"{MASK}: Could not connect.",
    ),
    (check_of(3, error=AuthenticationError("User not found.", status=401)), "key 4: 401 User not found."),
    (check_of(0), "key 1: not read."),
    (evolve(check_of(0), name=f"a\n{SECRET}"), "a sk-or-***: not read."),
]


@pytest.mark.parametrize(("check", "sentence"), CHECKS)
def test_a_check_is_printed_as_a_sentence(check: KeyCheck, sentence: str) -> None:
    """str() of a check is its name, mask or number, and its sentence or error, on one line without keys."""
    assert str(check) == f"{check}" == sentence


KEY_ALONE = assess(None, key("26.83"), wallet_reader=None, now=datetime(2026, 11, 23, tzinfo=UTC))
REPORTS: list[tuple[list[KeyCheck], str]] = [
    ([], "0 keys."),
    ([check_of(0, 0, status=status_of())], "1 key: 1 OK; wallets: $74.75 left."),
    (
        [
            check_of(0, 0, status=status_of(wallet("1074.75"))),
            check_of(1, 1, status=status_of(wallet("-2"))),
            check_of(2, 2, error=AuthenticationError(status=401)),
        ],
        "3 keys: 1 INVALID, 1 DEPLETED, 1 OK; wallets: $1,074.75 left, $2.00 owed, 1 not read.",
    ),
    ([check_of(0), check_of(1)], "2 keys: 2 UNKNOWN; wallets: 2 not read."),
    (
        [check_of(0, status=status_of()), check_of(1, status=status_of()), check_of(2)],
        "3 keys: 1 UNKNOWN, 2 OK; wallets: 1 not read, 2 not counted (account unknown).",
    ),
    (
        [check_of(0, 0, status=status_of()), check_of(1, status=status_of())],
        "2 keys: 2 OK; wallets: $74.75 left, 1 not counted (account unknown).",
    ),
    (
        [
            check_of(0, 0, status=status_of(wallet("5.259"))),
            check_of(1, 1, status=status_of(wallet("-0.109"))),
            check_of(2, 2, status=status_of(wallet("-2"))),
        ],
        "3 keys: 2 DEPLETED, 1 LOW; wallets: $5.25 left, $2.11 owed.",
    ),
    ([check_of(0, status=KEY_ALONE), check_of(1, 1, status=KEY_ALONE)], "2 keys: 2 OK."),
    (
        [check_of(0, status=KEY_ALONE), check_of(1, error=APIConnectionError("Could not connect"))],
        "2 keys: 1 UNKNOWN, 1 OK.",
    ),
]


@pytest.mark.parametrize(("checks", "sentence"), REPORTS)
def test_a_report_is_printed_as_a_sentence(checks: list[KeyCheck], sentence: str) -> None:
    """str() of a report counts the levels, the worst first, and sums up wallets that were asked for."""
    assert str(CheckReport(tuple(checks))) == sentence


def test_keys_with_one_wallet_number_share_a_wallet() -> None:
    """Keys with the same wallet number share a wallet, and its account is the first key's."""
    report = CheckReport(
        (
            check_of(0, 7, account="acme"),
            check_of(1),
            check_of(2, 3, account="sk-...1c96"),
            check_of(3, 7, account="acme"),
            check_of(4),
        )
    )

    wallets = report.wallets()
    assert [[check.index for check in wallet.checks] for wallet in wallets] == [[0, 3], [1], [2], [4]]
    assert [wallet.account for wallet in wallets] == ["acme", None, "sk-...1c96", None]


def test_a_wallet_has_its_credits_from_whichever_key_could_read_them() -> None:
    """A wallet has its credits as soon as one of its keys could read them."""
    report = CheckReport(
        (
            check_of(0, 0, error=APIConnectionError("refused")),
            check_of(1, 0, status=status_of(None)),
            check_of(2, 0, status=status_of()),
        )
    )

    (wallet,) = report.wallets()
    assert (wallet.credits, wallet.error) == (WALLET, None)


def test_a_wallet_holds_what_was_read_last() -> None:
    """If keys of a wallet were read at different times, the newest amount counts."""
    statuses = [
        evolve(holding(str(hour)), checked_at=datetime(2026, 11, 23, hour, tzinfo=UTC)) for hour in (7, 9, 8)
    ]
    checks = [check_of(place, 0, status=status) for place, status in enumerate(statuses)]

    (found,) = CheckReport(tuple(checks)).wallets()

    assert (found.credits, len(found.checks)) == (statuses[1].credits, 3)


def test_a_wallet_that_nobody_could_read_tells_why() -> None:
    """An unread wallet has the last problem of a status as its error, or else the error of its first key."""
    refused, forbidden = APIConnectionError("refused"), ManagementKeyRequiredError(status=403)
    known = CheckReport(
        (
            check_of(0, 0, error=InvalidKeyError("blank")),
            check_of(1, 0, status=status_of(None, refused, forbidden)),
        )
    )
    unknown = CheckReport((check_of(0, 0, error=refused), check_of(1, 0, status=status_of(None))))

    assert [wallet.error for wallet in (*known.wallets(), *unknown.wallets())] == [forbidden, refused]


def test_a_part_of_the_key_that_is_unread_does_not_hide_the_wallet() -> None:
    """A wallet that was not asked for has no error, although parts of its key could not be read."""
    part, forbidden = (
        InvalidResponseError("GET /key: budgets could not be read"),
        ManagementKeyRequiredError(status=403),
    )
    unread = key("5", unread=("budgets",))
    checks = [
        check_of(index, index, status=evolve(status_of(None, *problems), key=unread))
        for index, problems in enumerate([(part,), (part, forbidden)])
    ]

    assert [wallet.error for wallet in CheckReport(tuple(checks)).wallets()] == [None, forbidden]


# The sum of all wallets.


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        pytest.param([], ("0", "0", 0), id="no keys"),
        pytest.param(
            [check_of(0, 0, status=holding("74.75")), check_of(1, 1, status=holding("0.1"))],
            ("74.85", "0", 0),
            id="two wallets",
        ),
        pytest.param(
            [check_of(0, 0, status=holding("74.75")), check_of(1, 0, status=holding("74.75"))],
            ("74.75", "0", 0),
            id="two keys of one wallet",
        ),
        pytest.param(
            [
                check_of(0, 0, status=holding("20")),
                check_of(1, 1, status=holding("-0.25")),
                check_of(2, 2, status=holding("-3")),
            ],
            ("20", "3.25", 0),
            id="debts are not netted",
        ),
        pytest.param([check_of(0, 0, status=holding("0"))], ("0", "0", 0), id="an empty wallet"),
        pytest.param([check_of(0, status=holding("5"))], ("5", "0", 0), id="the only key, account unknown"),
        pytest.param([check_of(0, status=holding("-5"))], ("0", "5", 0), id="the only key, and it owes"),
        pytest.param(
            [check_of(0, status=holding("5")), check_of(1, status=holding("5"))],
            ("0", "0", 2),
            id="two keys, accounts unknown",
        ),
        pytest.param(
            [check_of(0, status=holding("5")), check_of(1, 0, status=holding("7")), check_of(2, 0)],
            ("7", "0", 1),
            id="an unknown account beside a known one",
        ),
        pytest.param(
            [check_of(0, -1, status=holding("5")), check_of(1, -1, status=holding("5")), check_of(2, 0)],
            ("0", "0", 2),
            id="equal keys of an unknown account beside a known one",
        ),
        pytest.param(
            [
                check_of(0, 0, error=APIConnectionError("refused")),
                check_of(1, 1, status=status_of(None)),
                check_of(2, 2, status=holding("1")),
                check_of(3, 2, error=APIConnectionError("refused")),
            ],
            ("1", "0", 2),
            id="two wallets that nobody could read",
        ),
        pytest.param([check_of(0, error=InvalidKeyError("blank"))], ("0", "0", 1), id="no key at all"),
    ],
)
def test_the_total_counts_each_wallet_once(checks: list[KeyCheck], expected: tuple[str, str, int]) -> None:
    """`total()` sums up what wallets hold and what they owe, and counts the wallets in neither sum."""
    known, owed, unread = expected

    assert CheckReport(tuple(checks)).total() == Total(Decimal(known), Decimal(owed), unread)


@pytest.mark.parametrize("context", [HARSH, LENIENT])
def test_the_total_is_exact(context: Context) -> None:
    """`total()` adds and subtracts without rounding, whatever the decimal context of the program is."""
    amounts = ["100000000000000000000", "0.000000000000001", "-100000000000000000000", "-0.000000000000001"]
    checks = [check_of(index, index, status=holding(amount)) for index, amount in enumerate(amounts)]

    with localcontext(context):
        total = CheckReport(tuple(checks)).total()

    assert (str(total.known), str(total.owed)) == ("100000000000000000000.000000000000001",) * 2
    assert total.unread == 0


# Reports put together.


def of(*checks: tuple[str | None, int | None], status: KeyStatus | None = None) -> CheckReport:
    """Make a report of checks with these accounts and wallet numbers."""
    return CheckReport(
        tuple(
            [
                check_of(index, number, account=account, status=status)
                for index, (account, number) in enumerate(checks)
            ]
        )
    )


ACME = ("acme", 0)
MERGED: dict[str, tuple[list[CheckReport], list[int | None]]] = {
    "nothing": ([], []),
    "empty reports": ([of(), of()], []),
    "one report, numbered anew": ([of(("acme", 7), ("other", 3), ("acme", 7))], [0, 1, 0]),
    "the same account in two reports": ([of(ACME), of(ACME)], [0, 0]),
    "other accounts with the same number": ([of(ACME), of(("other", 0))], [0, 1]),
    "one account with other numbers": ([of(("x", 0), ("acme", 1)), of(ACME, ("x", 5))], [0, 1, 1, 0]),
    "accounts that are not known": ([of((None, None)), of((None, None), ACME)], [None, None, 0]),
    "equal keys without an account": ([of((None, -1), (None, -1)), of((None, -1), ACME)], [-1, -1, -2, 2]),
    "the same mask": ([of((MASK, 0)), of((MASK, 3))], [0, 0]),
    "another mask": ([of((MASK, 0)), of((OTHER_MASK, 0))], [0, 1]),
    "masks that hide a key whole": ([of(("***", 0), ("***", 0)), of(("***", 0))], [0, 0, 1]),
    "a name that was learnt late": ([of((MASK, 0), ("acme", 0)), of(ACME), of((MASK, 2))], [0, 0, 0, 0]),
    "two names of one wallet": ([of(("a", 0)), of(("b", 0)), of(("a", 4), ("b", 4))], [0, 0, 0, 0]),
    "a number without a name": ([of((None, 0), (None, 0)), of((None, 0))], [0, 0, 1]),
}


@pytest.mark.parametrize(("reports", "expected"), MERGED.values(), ids=MERGED)
def test_merged_reports_join_wallets_by_the_accounts_name(
    reports: list[CheckReport], expected: list[int | None]
) -> None:
    """merged() numbers checks and wallets anew, and joins wallets whose accounts have the same name."""
    merged = CheckReport.merged(reports)

    assert [check.wallet_id for check in merged.checks] == expected
    assert [check.index for check in merged.checks] == [*range(len(expected))]
    assert CheckReport.merged([merged]) == merged
    assert CheckReport.merged(iter(reports)) == merged
    assert pickle.loads(pickle.dumps(merged)) == merged


@pytest.mark.parametrize("reports", [reports for reports, _ in MERGED.values()], ids=MERGED)
def test_reports_may_be_merged_step_by_step(reports: list[CheckReport]) -> None:
    """Reports that are merged one after another give the same as all of them at once."""
    so_far = CheckReport(())
    for report in reports:
        so_far = CheckReport.merged([so_far, report])

    assert so_far == CheckReport.merged(reports)


def listing(account: str | None, *hashes: str, number: int = 0, holds: str = "100") -> CheckReport:
    """Make a report of an account whose list has keys with these hashes."""
    keys = [ManagedKey(MASK, Decimal(1), None, hash=hash_) for hash_ in hashes]
    checks = of(*[(account, number)] * len(hashes), status=holding(holds)).checks
    return CheckReport(
        tuple([evolve(check, managed_key=key) for check, key in zip(checks, keys, strict=True)])
    )


SHARED, FIRST, SECOND = "a1" * 32, "b2" * 32, "c3" * 32


@pytest.mark.parametrize("hash_", [SHARED, SHARED.upper()])
def test_the_wallet_of_two_management_keys_is_counted_once(hash_: str) -> None:
    """A key that two reports list shows that their accounts, whatever they are called, have one wallet."""
    merged = CheckReport.merged([listing("a", FIRST, SHARED), listing("b", hash_, SECOND), of(("b", 3))])

    assert merged.total() == Total(Decimal(100), Decimal(0), 0)
    assert [(wallet.account, len(wallet.checks)) for wallet in merged.wallets()] == [("a", 5)]
    assert [check.account for check in merged.checks] == ["a", "a", "b", "b", "b"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([FIRST], [SECOND]),
        (["key-1", "key-2"], ["key-1", "key-2"]),  # another server numbers its keys
        ([SHARED[:-1]], [SHARED[:-1]]),
    ],
)
def test_accounts_without_a_common_key_keep_their_wallets(one: list[str], other: list[str]) -> None:
    """Accounts whose lists have no key in common, by its hash, are two; equal labels tell nothing."""
    merged = CheckReport.merged([listing(MASK, *one), listing(OTHER_MASK, *other)])

    assert merged.total() == Total(Decimal(200), Decimal(0), 0)
    assert len(merged.wallets()) == 2


def test_a_common_key_tells_accounts_that_hide_their_names() -> None:
    """Reports of management keys that are masked whole are one if they list the same key."""
    merged = CheckReport.merged([listing("***", SHARED), listing("***", FIRST), listing("***", SHARED)])

    assert [check.wallet_id for check in merged.checks] == [0, 1, 0]


KNOWN = st.tuples(st.sampled_from([None, "***", MASK, "acme", "other"]), st.integers(0, 3))
UNKNOWN = st.tuples(st.none(), st.none() | st.integers(-3, -1))
LISTED = st.builds(
    listing,
    st.sampled_from([None, "***", MASK, "acme", "other"]),
    st.sampled_from([SHARED, FIRST, SECOND, "1"]),
    st.sampled_from([SHARED, FIRST, SECOND, "1"]),
    number=st.integers(0, 3),
)
DRAWN = st.lists(KNOWN | UNKNOWN, max_size=5).map(lambda checks: of(*checks)) | LISTED


@given(DRAWN, DRAWN, DRAWN)
def test_the_order_of_merging_does_not_matter(one: CheckReport, two: CheckReport, three: CheckReport) -> None:
    """Reports may be merged step by step, in any grouping; keys of one account stay together."""
    merged = CheckReport.merged([one, two, three])

    assert merged == CheckReport.merged([CheckReport.merged([one, two]), three])
    assert merged == CheckReport.merged([one, CheckReport.merged([two, three])])
    named = {(check.account, check.wallet_id) for check in merged.checks if check.account in {MASK, "acme"}}
    assert len(named) == len({account for account, _ in named})


def test_a_merged_report_keeps_what_was_found() -> None:
    """merged() changes only index and wallet number of a check."""
    checks = (
        evolve(check_of(0, 4, account="acme", status=status_of()), name="bot", label=MASK),
        check_of(1, error=APIConnectionError("refused")),
    )

    merged = CheckReport.merged([of(ACME), CheckReport(checks)])

    assert [evolve(each, index=0, wallet_id=None) for each in merged.checks[1:]] == [
        evolve(each, index=0, wallet_id=None) for each in checks
    ]


def test_an_account_that_one_report_could_not_read_is_shown_once() -> None:
    """The wallet of an account that failed in one report and was read in two others is in the sum once."""
    merged = CheckReport.merged(
        [
            of(ACME, status=status_of(None, APIConnectionError("refused"))),
            of(ACME, ("other", 1), status=holding("20")),
            of(ACME, status=holding("20")),
        ]
    )

    assert [(wallet.account, len(wallet.checks)) for wallet in merged.wallets()] == [
        ("acme", 3),
        ("other", 1),
    ]
    assert merged.total() == Total(Decimal(40), Decimal(0), 0)
    assert str(merged) == "4 keys: 1 UNKNOWN, 3 OK; wallets: $40.00 left."


def test_numbers_that_a_batch_has_joined_are_followed() -> None:
    """Keys whose numbers a batch joined after they were yielded have one wallet in a merged report."""
    joined = {1: 0}
    checks = [
        KeyCheck(index, None, None, None, None, None, 0.1, wallet_id=index, joined=joined)
        for index in range(3)
    ]

    merged = CheckReport.merged([CheckReport(tuple(checks))])

    assert [check.wallet_id for check in merged.checks] == [0, 0, 1]


# How long a wallet lasts

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday: of the week, two days and a half have passed


def listed(name: str, daily: str | None, weekly: str | None, *, at: datetime = NOON, **more: Any) -> KeyCheck:
    """Make the outcome of a listed key of an account with $10 left, with these counters."""
    counters: dict[str, Any] = {"usage_daily": daily, "usage_weekly": weekly}
    counters = {each: text and Decimal(text) for each, text in counters.items()} | more
    entry = ManagedKey(label=MASK, usage=Decimal(100), limit=None, hash=name, **counters)
    status = managed_status(entry, wallet("10"), Shared(), at)
    return KeyCheck(0, name, MASK, "acme", status, None, 0.1, wallet_id=0, managed_key=entry)


def unread(name: str = "Team 1") -> KeyCheck:
    """Make the outcome that stands for a workspace, or a key, that could not be read."""
    return KeyCheck(0, name, None, "acme", None, InvalidResponseError("odd"), 0.1, wallet_id=0)


@pytest.mark.parametrize(
    ("checks", "per_day", "days", "days_at_least"),
    [
        ([listed("a", "5", "25")], "10", 1, 1),
        ([listed("a", "5", "25"), listed("b", "5", "0")], "10", 1, 0.5),
        ([listed("a", "5", "0"), listed("b", "0", "50")], "10", 1, 0.5),
        ([listed("a", "5", "25"), listed("b", None, "25")], "20", 0.5, 0.5),
        ([listed("a", "5", "25"), listed("b", None, "0"), listed("c", "5", None)], None, None, None),
        ([listed("a", "0", "0"), listed("b", "0", "0")], "0", None, None),
        ([listed("a", "5", "25"), listed("b", "5", "25", disabled=True)], "20", 0.5, 0.5),
        ([listed("a", "5", "25"), listed("a", "5", "25")], "10", 1, 1),
        ([listed("a", "5", None, byok_usage_daily=Decimal(9), include_byok_in_limit=True)], "10", 1, 1),
    ],
    ids=[
        "one key",
        "two keys",
        "different windows",
        "a counter is missing",
        "one of each is missing",
        "idle",
        "a disabled key has spent, too",
        "one key in two reports",
        "BYOK does not spend from a wallet",
    ],
)
def test_a_wallet_lasts_as_long_as_all_its_keys_let_it(
    checks: list[KeyCheck], per_day: str | None, days: float | None, days_at_least: float | None
) -> None:
    """The runway of a wallet is made of the counters that every key of the account has, summed up."""
    report = CheckReport(tuple(checks))

    runway = report.runway(report.wallets()[0])

    assert runway is not None
    assert (runway.basis, runway.resets_at) == ("counters", None)
    assert runway.per_day == (None if per_day is None else Decimal(per_day))
    assert runway.runs_out_at == (None if days is None else NOON + timedelta(days=days))
    assert runway.earliest == (None if days_at_least is None else NOON + timedelta(days=days_at_least))


def test_a_wallets_runway_begins_at_the_look() -> None:
    """The runway of a wallet begins when its keys were looked at last, whatever time it is now."""
    report = CheckReport((listed("a", "5", None, at=NOON - timedelta(hours=6)), listed("b", "5", None)))

    runway = report.runway(report.wallets()[0])

    assert runway is not None
    assert (runway.per_day, runway.runs_out_at) == (Decimal(20), NOON + timedelta(days=0.5))


@pytest.mark.parametrize(
    "checks",
    [
        [listed("a", "5", "25"), unread()],
        [unread(), listed("a", "5", "25")],
        [listed("a", "5", "25"), evolve(listed("b", "5", "25"), managed_key=None)],
        [check_of(0, 0, account="acme", status=status_of())],
        [unread()],
        [evolve(listed("a", "5", "25"), status=status_of(None, APIConnectionError("refused")))],
    ],
    ids=["a failed workspace", "before its keys", "a key by itself", "no keys", "nothing", "no wallet"],
)
def test_the_runway_of_a_wallet_needs_its_whole_account(checks: list[KeyCheck]) -> None:
    """There is no runway of a wallet that was not read, or of which a key or a workspace is not known."""
    report = CheckReport(tuple(checks))

    assert report.runway(report.wallets()[0]) is None
