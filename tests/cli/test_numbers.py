"""Numbers of options: what is accepted as people write it, and the one line about what is not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from openrouter_credits.cli._options import Form, Reading
from tests.cli.conftest import Run


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Form, Reading]]:
    """Record what the options say, in the place of reading keys."""
    forms: list[tuple[Form, Reading]] = []

    def show(*arguments: Any) -> int:
        forms.append(arguments[-2:])
        return 0

    monkeypatch.setattr("openrouter_credits.cli._status.show_status", show)
    monkeypatch.setattr("openrouter_credits.cli._check.show_check", show)
    monkeypatch.setenv("OPENROUTER_API_KEYS", "sk-or-v1-" + "a" * 64)
    return forms


@pytest.mark.parametrize(
    ("text", "dollars"),
    [
        ("30", "30"),
        ("$30", "30"),
        ("30$", "30"),
        (" 5 ", "5"),
        (" $ 5 ", "5"),
        ("1,000", "1000"),
        ("$1,000,000.50", "1000000.50"),
        ("1_000", "1000"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+5", "5"),
        ("0", "0"),
        ("1e3", "1000"),
        ("1.000", "1"),
        ("9" * 97, "9" * 97),
    ],
)
def test_dollars_are_read_as_people_write_them(
    run: Run, seen: list[tuple[Form, Reading]], text: str, dollars: str
) -> None:
    """An amount may have a dollar sign, blanks around it, and separators of thousands."""
    assert (0, "", "") == run("--warn", text, f"--critical={text}")

    [(form, _)] = seen
    assert (Decimal(dollars), Decimal(dollars)) == (form.warn, form.critical)


@pytest.mark.parametrize(
    ("text", "is_shown"),
    [
        ("abc", True),
        ("", True),
        ("$", True),
        ("$$5", True),
        ("$5$", True),
        ("nan", True),
        ("inf", True),
        ("-5", True),
        ("-0.01", True),
        ("1,00", True),
        ("1,5", True),
        ("1.000,50", True),
        ("1,000,00", True),
        (",5", True),
        ("1__0", True),
        (".", True),
        ("e5", True),
        ("5 USD", True),
        ("0x10", True),
        ("\u0663", True),
        ("1e97", True),
        ("1e999999999", True),
        ("9" * 98, False),
        ("9" * 5000, False),
        ("a1" * 16, False),
    ],
)
@pytest.mark.parametrize("option", ["--warn", "--critical"])
def test_what_is_no_amount_is_refused(run: Run, option: str, text: str, is_shown: bool) -> None:
    """The line names the option, what is accepted and what was given, unless that is long."""
    outcome = run(f"{option}={text}")

    given = repr(text) if is_shown else f"a text of {len(text):,} characters"
    comma = " A comma separates thousands; decimals follow a point." if "," in text else ""
    expected = (
        f"openrouter-credits: {option} takes US dollars from 0, such as 30, $30 or 1,000.50, "
        f"not {given}.{comma}\n"
    )
    assert (3, "", expected) == outcome


SECONDS = "a number of seconds above 0, such as 30 or 2.5"
RATE = "requests a second, from 0.0000116 (one a day), such as 20 or 0.5"
COUNT = "a whole number from 1 to 10,000"


@pytest.mark.parametrize(
    ("option", "accepted", "text"),
    [
        *[
            (option, SECONDS, text)
            for option in ("--timeout", "--deadline")
            for text in ("0", "-1", "1e400", "1e999", "nan", "inf", "5m", "", "1,5")
        ],
        *[("--rate", RATE, text) for text in ("0", "1e-320", "1e-323", "1.1e-5", "-3", "nan", "inf", "fast")],
        *[
            ("--concurrency", COUNT, text)
            for text in ("1.5", "1.0", "0", "-1", "1e3", "1E3", "10001", "many", "")
        ],
    ],
)
def test_what_is_no_such_number_is_refused(run: Run, option: str, accepted: str, text: str) -> None:
    """A number out of range is one line with the option, what is accepted, and what was given."""
    outcome = run("check", option, text)

    expected = f"openrouter-credits: {option} takes {accepted}, not {text!r}."
    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert outcome.err.startswith(expected)


def test_a_long_number_is_not_repeated(run: Run) -> None:
    """A number of 31 digits is named by its length."""
    outcome = run("check", "--concurrency", str(10**30))

    assert "takes a whole number from 1 to 10,000, not a text of 31 characters." in outcome.err


def test_the_options_of_status_say_how_to_read(run: Run, seen: list[tuple[Form, Reading]]) -> None:
    """Without options, `status` reads wallet and key; each option changes what it says."""
    run()
    run("status", "--key-only", "--timeout", "2.5", "--deadline", "1,000", "--warn", "3", "--oneline")

    expected = [
        (Form(Decimal(10), Decimal(5)), Reading()),
        (Form(Decimal(3), Decimal("1.5"), "oneline"), Reading(("key",), 2.5, 1000)),
    ]
    assert expected == seen


def test_the_options_of_check_say_how_to_read(run: Run, seen: list[tuple[Form, Reading]]) -> None:
    """Without options, `check` reads all there is, 32 keys at once; each option changes what it says."""
    run("check")
    options = "--key-only --timeout 3 --deadline 20 --concurrency 1_000 --rate 0.5 --jsonl"
    run("check", *options.split())

    expected = [
        (Form(Decimal(10), Decimal(5)), Reading()),
        (Form(Decimal(10), Decimal(5), "jsonl"), Reading(("key",), 3, 20, 1000, 0.5)),
    ]
    assert expected == seen
