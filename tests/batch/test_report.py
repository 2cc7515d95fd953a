"""What a batch gives: outcomes, wallets and their sum; no batch is run here."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Context, Decimal, localcontext

import pytest

from openrouter_credits import (
    APIConnectionError,
    AuthenticationError,
    CheckReport,
    Credits,
    InvalidKeyError,
    KeyCheck,
    KeyStatus,
    Level,
    ManagementKeyRequiredError,
    OpenRouterError,
    Spendable,
    Total,
)
from tests.kit.values import HARSH, LENIENT, WALLET, wallet


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


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AuthenticationError(status=401), Level.INVALID),
        (InvalidKeyError("blank"), Level.INVALID),
        (APIConnectionError("refused"), Level.UNKNOWN),
        (None, Level.UNKNOWN),
    ],
)
def test_a_key_without_a_status_is_invalid_or_unknown(error: OpenRouterError | None, expected: Level) -> None:
    """A key without a status has the level INVALID if the key itself is wrong, and UNKNOWN otherwise."""
    assert check_of(0, error=error).level() == expected


def test_a_level_is_judged_by_the_callers_thresholds() -> None:
    """KeyCheck.level() applies the thresholds of its caller to the status."""
    check = check_of(0, status=status_of())

    assert [check.level(), check.level(warn=80), check.level(warn=90, critical=80)] == [
        Level.OK,
        Level.LOW,
        Level.CRITICAL,
    ]


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


# The sum of all wallets.


def holding(remaining: str) -> KeyStatus:
    """Make a status of a wallet in which this amount is left."""
    return status_of(wallet(remaining))


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
