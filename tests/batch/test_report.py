"""The values that a batch takes and gives: specs, outcomes, wallets; no batch is run here."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from openrouter_credits import (
    APIConnectionError,
    ApiKey,
    AuthenticationError,
    CheckReport,
    Credits,
    InvalidKeyError,
    KeyCheck,
    KeySpec,
    KeyStatus,
    Level,
    ManagementKeyRequiredError,
    OpenRouterError,
    Spendable,
)
from tests.kit.values import KEY, WALLET


def status_of(credits: Credits | None = WALLET, *problems: OpenRouterError) -> KeyStatus:  # noqa: A002 - the API's own name
    """Make a status with these credits and problems."""
    amount = None if credits is None else credits.remaining
    return KeyStatus(
        key=None,
        credits=credits,
        spendable=Spendable(
            amount, None if amount is None else "wallet", None, "unknown" if amount is None else "complete"
        ),
        problems=problems,
        checked_at=datetime(2026, 11, 23, tzinfo=UTC),
    )


def check_of(
    index: int,
    *wallet_ids: int,
    account: str | None = None,
    status: KeyStatus | None = None,
    error: OpenRouterError | None = None,
) -> KeyCheck:
    """Make the outcome of a key with these wallet numbers."""
    return KeyCheck(index, None, None, account, status, error, 0.1, wallet_ids=wallet_ids)


@pytest.mark.parametrize("text", [KEY, f" {KEY}\n", ApiKey(KEY)])
def test_a_spec_holds_a_key_however_it_is_written(text: str | ApiKey) -> None:
    """A KeySpec accepts a key as plain text, as text with blanks around it, and as an ApiKey."""
    assert KeySpec(text).api_key == ApiKey(KEY)


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (None, "There is no key (None)"),
        ("", "The API key is blank"),
        (7, "an API key is a str or an ApiKey, not int"),
    ],
)
def test_what_cannot_be_a_key_is_kept_as_its_error(text: Any, summary: str) -> None:
    """A KeySpec of a value that cannot be a key holds an InvalidKeyError instead of raising it."""
    error = KeySpec(text).api_key

    assert isinstance(error, InvalidKeyError)
    assert error.summary == summary


def test_an_error_instead_of_a_key_stays_as_it_is() -> None:
    """A KeySpec keeps an InvalidKeyError given instead of a key, which explains why there is no key."""
    error = InvalidKeyError("BOB_KEY is not set")

    assert KeySpec(error).api_key is error


def test_a_spec_never_shows_its_keys() -> None:
    """A KeySpec hides its keys in its repr and refuses to pickle, because a mask must not pass for a key."""
    spec = KeySpec(KEY, name="bot", account="acme", management_key=KEY)

    assert KEY not in repr(spec)
    with pytest.raises(TypeError):
        pickle.dumps(spec)


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


def test_a_wallet_joins_what_an_account_and_a_management_key_have_in_common() -> None:
    """Keys that an account or management key links, even through a third key, share one named wallet."""
    report = CheckReport(
        (
            check_of(0, 1, account="sk-...1c96"),
            check_of(1, 0, account="acme"),
            check_of(2, 0, 1, account="acme"),
            check_of(3),
        )
    )

    assert [[check.index for check in wallet.checks] for wallet in report.wallets()] == [[0, 1, 2], [3]]
    assert [wallet.account for wallet in report.wallets()] == ["acme", None]


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


def test_many_names_for_one_management_key_are_one_wallet() -> None:
    """Ten thousand accounts that share one management key are one wallet."""
    report = CheckReport(tuple(check_of(number, number + 1, 0) for number in range(10_000)))

    assert len(report.wallets()) == 1
