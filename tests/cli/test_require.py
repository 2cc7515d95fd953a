"""The command `openrouter-credits require`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import ApiKey
from openrouter_credits.testing import FakeOpenRouter, Hang

if TYPE_CHECKING:
    from tests.cli.conftest import Run

Use = Callable[[ApiKey], None]


def manage(fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch, use: Use, **settings: Any) -> None:
    """Put a key of a wallet with $74.75 into the environment, and the management key of its account."""
    account = fake.add_account(credits="100.50", usage="25.75")
    use(account.add_key(**settings))
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", account.add_key(management=True).reveal())


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("5", "$5.00"), ("$5", "$5.00"), ("0.001", "$0.001"), ("74.75", "$74.75")],
)
def test_enough_is_0_and_a_sentence(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch, amount: str, shown: str
) -> None:
    """If an amount can be spent, as people write amounts, the code is 0, and a sentence says what is left."""
    manage(fake, monkeypatch, use)

    outcome = run("require", amount)

    assert (0, f"{shown} can be spent: $74.75 left, limited by the wallet.\n", "") == outcome


def test_thousands_have_commas(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An amount with a comma is one of thousands: it is more than there is."""
    manage(fake, monkeypatch, use)

    outcome = run("require", "1,000")

    assert (2, "") == (outcome.code, outcome.out)
    assert "$1,000.00" in outcome.err


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "https://openrouter.ai/settings/credits"),
        ({"limit": 30, "usage": 29}, "https://openrouter.ai/settings/keys"),
        ({"disabled": True}, "Check the key: quotes or blanks pasted with it, deleted, disabled or expired."),
    ],
)
def test_not_enough_is_2_and_a_line_with_the_remedy(
    fake: FakeOpenRouter,
    run: Run,
    use: Use,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, object],
    words: str,
) -> None:
    """If an amount cannot be spent, the code is 2, and one line on standard error says what to do."""
    manage(fake, monkeypatch, use, **settings)

    outcome = run("require", "80")

    assert (2, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert outcome.err.startswith("openrouter-credits: ")
    assert words in outcome.err


@pytest.mark.parametrize("amount", ["0.01", "5"])
def test_an_unreadable_wallet_is_no_pass(fake: FakeOpenRouter, run: Run, use: Use, amount: str) -> None:
    """A key that may not read its wallet is 3, and one line names the ways out, whatever the amount."""
    use(fake.add_account(credits=1000).add_key(limit=500))

    outcome = run("require", amount)

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert outcome.err.endswith(
        ": at most $500.00 left: the key's limit (this key cannot see the wallet). Add a management key, "
        "which can read the wallet (https://openrouter.ai/settings/management-keys), or judge the key by its "
        "own limits: --key-only.\n"
    )


def test_a_key_passes_by_its_own_limit(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """With --key-only an ordinary key passes by its own limit, which is all that is read."""
    use(fake.add_account(credits=1000).add_key(limit=30, limit_reset="monthly", usage="3.17"))

    enough, short = run("require", "5", "--key-only"), run("require", "27", "--key-only")

    assert (0, "") == (enough.code, enough.err)
    assert enough.out.startswith("$5.00 can be spent: $26.83 left until ")
    assert enough.out.endswith(" 00:00 UTC, limited by the key's limit.\n")
    assert (2, "") == (short.code, short.out)
    assert {"/key"} == {request.path for request in fake.requests}


@pytest.mark.parametrize("options", [[], ["--key-only"]])
def test_a_management_key_in_the_place_of_a_key_does_not_pass(
    fake: FakeOpenRouter, run: Run, use: Use, options: list[str]
) -> None:
    """A management key cannot spend; the advice stands once, and names no option that was not given."""
    use(fake.add_account(credits=50).add_key(management=True))

    outcome = run("require", "5", *options)

    wallet = "" if options else " (wallet: $50.00)"
    message = (
        f" cannot spend anything: this is a management key, which cannot run inference{wallet}. Set this key "
        "as the management key (OPENROUTER_MANAGEMENT_KEY) of a key that can spend.\n"
    )
    assert (2, "") == (outcome.code, outcome.out)
    assert outcome.err.endswith(message)


def test_a_lone_management_key_is_judged_by_its_wallet(
    fake: FakeOpenRouter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With OPENROUTER_MANAGEMENT_KEY alone, the wallet decides; with --key-only, nothing is known."""
    manager = fake.add_account(credits=50).add_key(management=True)
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", manager.reveal())

    wallet, nothing = run("require", "5"), run("require", "5", "--key-only")

    assert (0, "$5.00 can be spent: $50.00 left, limited by the wallet.\n", "") == wallet
    assert (3, "") == (nothing.code, nothing.out)
    assert nothing.err.endswith("by its wallet: leave out --key-only.\n")


def test_a_key_without_a_limit_does_not_pass_alone(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """With --key-only a key without a limit is 3: what it can spend is not known, and the advice says it."""
    use(fake.add_account(credits=1000).add_key())

    outcome = run("require", "5", "--key-only")

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert outcome.err.endswith(
        ": the key has no limit, and the wallet was not asked for; this key has spent nothing yet. "
        "Give the key a limit at https://openrouter.ai/settings/keys, or leave out --key-only to read the "
        "wallet, too.\n"
    )


def test_without_a_key_nothing_passes(fake: FakeOpenRouter, run: Run) -> None:
    """Without a key, the code is 3, and nothing is sent."""
    outcome = run("require", "5")

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert outcome.err.startswith("openrouter-credits: There is no API key. Set OPENROUTER_API_KEY")
    assert [] == fake.requests


def test_a_server_that_is_down_is_no_pass(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the deadline without an answer, the code is 3, and one line says so."""
    manage(fake, monkeypatch, use)
    fake.script("/key", *[Hang()] * 9)
    fake.script("/credits", *[Hang()] * 9)

    outcome = run("require", "5", "--deadline", "0.2")

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "There is no AMOUNT. Write it as 5, or in quotes as '$5': a shell makes nothing of $5."),
        (["5", "6"], "require takes one AMOUNT: '6' is too many."),
        (["5", "--warn", "3"], "--warn is an option of status, not of require."),
    ],
)
def test_wrong_usage_is_one_line(run: Run, arguments: list[str], message: str) -> None:
    """Without an AMOUNT, or with more, one line says what is wrong; the code is 3."""
    expected = f"openrouter-credits: {message} See openrouter-credits require --help.\n"

    assert (3, "", expected) == run("require", *arguments)


@pytest.mark.parametrize("amount", ["-5", "five", "1,00", "", "nan"])
def test_an_amount_that_is_none_is_refused(run: Run, amount: str) -> None:
    """An AMOUNT that is no number above 0 is one line; the code is 3."""
    outcome = run("require", amount)

    assert (3, "") == (outcome.code, outcome.out)
    assert outcome.err.startswith(
        "openrouter-credits: AMOUNT takes US dollars above 0, such as 5 or 1,000.50, "
    )
    assert "A shell" not in outcome.err


@pytest.mark.parametrize("amount", ["0", ".00", "$0"])
def test_what_a_shell_leaves_of_an_amount_is_no_pass(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch, amount: str
) -> None:
    """A shell makes 0 of $50, and .00 of $5.00: anything would pass, so it is refused before a request."""
    manage(fake, monkeypatch, use)

    outcome = run("require", amount)

    expected = (
        "openrouter-credits: AMOUNT takes US dollars above 0, such as 5 or 1,000.50, "
        f"not '{amount}'. A shell makes 0 of $50: write 50, or '$50' in single quotes.\n"
    )
    assert (3, "", expected) == outcome
    assert fake.requests == []


@pytest.mark.parametrize(
    ("amount", "code", "is_enough", "error"),
    [("5", 0, True, None), ("80", 2, False, "InsufficientCreditsError")],
)
def test_json_has_the_verdict(
    fake: FakeOpenRouter,
    run: Run,
    use: Use,
    monkeypatch: pytest.MonkeyPatch,
    amount: str,
    code: int,
    is_enough: bool,
    error: str | None,
) -> None:
    """--json prints one object: the amount, whether it is enough, what can be spent, and the error."""
    manage(fake, monkeypatch, use)

    outcome = run("require", amount, "--json")

    document = json.loads(outcome.out)
    assert code == outcome.code
    assert ["schema_version", "needed", "enough", "spendable", "error"] == list(document)
    assert (2, int(amount), is_enough) == (
        document["schema_version"],
        document["needed"],
        document["enough"],
    )
    assert (74.75, "wallet") == (document["spendable"]["amount"], document["spendable"]["bound_by"])
    assert error == (document["error"] and document["error"]["type"])
    assert bool(error) == bool(outcome.err)


def test_json_does_not_guess(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """In JSON, `enough` is null if it cannot be told: an unreadable wallet, or no key at all."""
    no_key = run("require", "5", "--json")
    use(fake.add_account(credits=1000).add_key())
    unreadable = run("require", "5", "--json")

    documents = [json.loads(outcome.out) for outcome in (no_key, unreadable)]
    assert [3, 3] == [no_key.code, unreadable.code]
    assert [None, None] == [document["enough"] for document in documents]
    assert ["MissingKeyError", "UnknownCreditsError"] == [document["error"]["type"] for document in documents]


def test_a_refused_management_key_is_not_known(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A management key that is refused judges no key: the code is 3."""
    manage(fake, monkeypatch, use)
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", "sk-or-v1-" + "0" * 64)

    assert 3 == run("require", "5").code


@pytest.mark.process
def test_a_process_says_it_once(fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process prints one line for a refusal: what the guard logs does not reach the terminal."""
    monkeypatch.setenv("OPENROUTER_API_KEY", fake.add_account(credits=1).add_key().reveal())
    command = [sys.executable, "-m", "openrouter_credits", "require", "5"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (3, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
