"""The command `openrouter-credits check` for whole accounts: --account, and accounts in key files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from rich.progress import Progress

from openrouter_credits import ApiKey, InvalidKeyError, KeySpec
from openrouter_credits.cli import _waiting
from openrouter_credits.cli._accounts import divide
from openrouter_credits.cli._check import show_check
from openrouter_credits.cli._keyspecs import WholeAccount
from openrouter_credits.cli._options import Form, Reading
from openrouter_credits.testing import FakeAccount, FakeOpenRouter, Hang, Reply
from tests.kit.values import stopped_clock

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.cli.conftest import Run

A, B, C, D = (ApiKey(f"sk-or-v1-{letter * 64}") for letter in "abcd")
TOO_LATE = stopped_clock()() - timedelta(days=1)


@pytest.fixture
def acme(fake: FakeOpenRouter) -> FakeAccount:
    """Make an account with a key of each kind."""
    account = fake.add_account(credits="100.50", usage="25.75")
    account.add_key(name="search", usage="5.20")
    account.add_key(name="bot", limit=30, limit_reset="monthly", usage="3.17")
    account.add_key(name="off", disabled=True)
    account.add_key(name="old", expires_at=TOO_LATE)
    return account


@pytest.fixture
def manager(acme: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> ApiKey:
    """Put a management key of the account into the environment."""
    key = acme.add_key(management=True)
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", key.reveal())
    return key


def names(out: str) -> list[tuple[str, str, str | None]]:
    """List level, name and account of the outcomes of a JSON document, by name."""
    document = json.loads(out)
    rows = [(check["name"], check["level"], check["account"]) for check in document["checks"]]
    return sorted(rows, key=str)


@pytest.mark.usefixtures("manager")
def test_an_account_is_checked_with_its_management_key_alone(run: Run) -> None:
    """--account checks all keys that work, and the wallet once, with no other key in the environment."""
    outcome = run("check", "--account")

    assert (0, "") == (outcome.code, outcome.err)
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert lines[:4] == ["2 keys: 2 OK", "", "Level Key Account Left Why", lines[3]]
    assert lines[3].startswith("OK bot environment $26.83 key limit until ")
    assert ["OK search environment $74.75 wallet", "", "Wallets"] == lines[4:7]
    assert ["Account Left Keys", "environment $74.75 2"] == lines[7:]


@pytest.mark.usefixtures("manager")
def test_all_adds_keys_that_do_not_work(run: Run) -> None:
    """With --all, disabled and expired keys are INVALID, and the advice names both ways out."""
    outcome = run("check", "--account", "--all")

    assert 2 == outcome.code
    assert outcome.out.startswith("4 keys: 2 INVALID, 2 OK\n")
    assert "key disabled\n" in outcome.out
    assert "key expired\n" in outcome.out
    assert "with openrouter-credits keys enable NAME, or leave out --all.\n" in outcome.out
    assert "Make a new key at https://openrouter.ai/settings/keys, or leave out --all.\n" in outcome.out


@pytest.mark.usefixtures("manager")
def test_the_levels_and_the_exit_code_follow_the_thresholds(run: Run) -> None:
    """--warn judges the keys of an account as any others, and no key is told to find a management key."""
    outcome = run("check", "--account", "--warn", "30")

    assert 1 == outcome.code
    assert outcome.out.startswith("2 keys: 1 LOW, 1 OK\n")
    assert "Add a management key" not in outcome.out


@pytest.mark.usefixtures("manager")
def test_json_has_the_hash_of_each_key(run: Run) -> None:
    """--json is one complete document, in which each key has what the list told of it."""
    outcome = run("check", "--account", "--json")

    document = json.loads(outcome.out)
    assert (0, "", True) == (outcome.code, outcome.err, document["complete"])
    assert [("bot", "OK", "environment"), ("search", "OK", "environment")] == names(outcome.out)
    assert [64, 64] == [len(check["managed_key"]["hash"]) for check in document["checks"]]
    assert [[0, 1]] == [wallet["checks"] for wallet in document["wallets"]]


def test_the_key_of_the_environment_may_be_the_management_key(
    acme: FakeAccount, run: Run, use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a management variable, --account takes OPENROUTER_API_KEY; an ordinary key there is told."""
    use(acme.add_key(management=True))
    managed = run("check", "--account")
    use(acme.add_key())
    refused = run("check", "--account")

    assert 0 == managed.code
    assert 3 == refused.code
    assert "Create a management key at https://openrouter.ai/settings/management-keys" in (
        refused.out + refused.err
    )


def test_without_any_key_nothing_is_sent(fake: FakeOpenRouter, run: Run) -> None:
    """Without a management key, --account is one line that says how to get one; --json is a document, too."""
    text, document = run("check", "--account"), run("check", "--account", "--json")

    message = (
        "There is no management key in OPENROUTER_MANAGEMENT_KEY. "
        "Make one at https://openrouter.ai/settings/management-keys, and set this variable."
    )
    assert (3, "", f"openrouter-credits: {message}\n") == text
    assert message == json.loads(document.out)["error"]["message"]
    assert [] == fake.requests


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--account", "keys.toml"], "--account is for the management key of the environment, and takes no"),
        (["--account", "-"], "--account is for the management key of the environment, and takes no FILE. In"),
        (["--all"], "--all is for all keys of an account. Add --account, or name a key file."),
        (
            ["--account", "--key-only"],
            "--key-only leaves wallets unread, but a whole account is checked with",
        ),
    ],
)
@pytest.mark.usefixtures("manager")
def test_what_makes_no_sense_is_one_line(
    fake: FakeOpenRouter, run: Run, arguments: list[str], message: str
) -> None:
    """Options that exclude each other end in one line and 3, before anything is sent."""
    outcome = run("check", *arguments)

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert outcome.err.startswith(f"openrouter-credits: {message}")
    assert [] == fake.requests


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "User not found. Check the management key: "),
        (
            403,
            "Create a management key at https://openrouter.ai/settings/management-keys, and use that.\n",
        ),
    ],
)
@pytest.mark.usefixtures("manager")
def test_a_refused_management_key_judges_no_key(
    fake: FakeOpenRouter, run: Run, status: int, words: str
) -> None:
    """A refused management key is one line with its remedy, UNKNOWN in JSON, and 3: no key was judged."""
    message = "User not found" if status == 401 else "Only management keys can perform this operation"
    refusal = Reply(status, {"error": {"code": status, "message": message}})
    for path in ("/credits", "/workspaces", "/keys", "/key"):
        fake.script(path, *[refusal] * 9)

    text, document = run("check", "--account"), run("check", "--account", "--json")

    assert (3, "", 1) == (text.code, text.out, text.err.count("\n"))
    assert words in text.err
    assert 3 == document.code
    assert [("environment", "UNKNOWN", "environment")] == names(document.out)


@pytest.mark.usefixtures("manager")
def test_a_workspace_that_fails_is_a_row(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """A workspace that cannot be read is an UNKNOWN row of its name, and hides no key; the code is 3."""
    acme.add_key(name="lab", workspace=acme.add_workspace("Research"))
    fake.script("/keys", Reply(403, {"error": {"code": 403, "message": "Not a member"}}))

    outcome = run("check", "--account")

    rows = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert (3, "") == (outcome.code, outcome.err)
    assert [row for row in rows if row.startswith("UNKNOWN") and row.endswith("403 Not a member")]
    assert [row for row in rows if row.startswith("OK ")]
    assert "1 key, 1 other row: 1 UNKNOWN, 1 OK" == rows[0]
    assert "environment $74.75 1" == rows[-1]


def test_an_account_without_keys_is_its_wallet(
    fake: FakeOpenRouter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that has no keys is judged by its wallet, and is not counted as a key."""
    manager = fake.add_account(credits=20, usage="22.75").add_key(management=True)
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", manager.reveal())

    outcome = run("check", "--account")

    rows = [" ".join(row.split()) for row in outcome.out.splitlines()]
    assert (2, "") == (outcome.code, outcome.err)
    assert "0 keys, 1 other row: 1 DEPLETED" == rows[0]
    assert "environment -$2.75 0" == rows[-1]


def write(path: Path, *lines: str) -> None:
    """Write the lines of a key file."""
    path.write_text("\n".join(lines))


def test_a_key_file_has_keys_and_whole_accounts(
    fake: FakeOpenRouter, acme: FakeAccount, run: Run, keys: Path
) -> None:
    """Keys and whole accounts of a file end in one report, in which each wallet is once, by its name."""
    globex = fake.add_account(credits=20, usage="22.75")
    web = globex.add_key(name="web")
    write(
        keys,
        f"[keys]\nalice = '{acme.add_key(name='alice', credits_reply='real').reveal()}'",
        f"[accounts.acme]\nmanagement_key = '{acme.add_key(management=True).reveal()}'",
        f"[accounts.globex]\nmanagement_key = '{globex.add_key(management=True).reveal()}'",
        f"keys.website = '{web.reveal()}'",
    )

    outcome = run("check", "keys.toml", "--json")

    document = json.loads(outcome.out)
    assert (2, "", True) == (outcome.code, outcome.err, document["complete"])
    assert [
        ("alice", "OK", "acme"),
        ("alice", "OK", None),
        ("bot", "OK", "acme"),
        ("search", "OK", "acme"),
        ("website", "DEPLETED", "globex"),
    ] == names(outcome.out)
    assert [0, 1, 2, 3, 4] == [check["index"] for check in document["checks"]]
    assert [("acme", 3), ("globex", 1), (None, 1)] == sorted(
        ((wallet["account"], len(wallet["checks"])) for wallet in document["wallets"]), key=str
    )
    assert {"known": 74.75, "owed": 2.75} == {name: document["total"][name] for name in ("known", "owed")}


def test_an_account_that_fails_does_not_hide_the_rest(acme: FakeAccount, run: Run, keys: Path) -> None:
    """Accounts without a usable management key are UNKNOWN rows with the reason; the rest is checked."""
    write(
        keys,
        f"[accounts.acme]\nmanagement_key = '{acme.add_key(management=True).reveal()}'",
        "[accounts.unset]\nmanagement_key = { env = 'NO_SUCH_KEY' }",
        f"[accounts.dead]\nmanagement_key = '{D.reveal()}'",
    )

    outcome = run("check", "keys.toml")

    rows = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert (3, "") == (outcome.code, outcome.err)
    assert "2 keys, 2 other rows: 2 UNKNOWN, 2 OK" == rows[0]
    missing = "keys.toml, line 4: the environment variable NO_SUCH_KEY is not set"
    assert f"UNKNOWN unset unset - {missing}" in rows
    assert any(row.startswith("UNKNOWN dead dead - The management key was") for row in rows)
    assert "unset Set NO_SUCH_KEY, or write the key into the file." in rows
    assert any(row.startswith("dead Check the management key: ") for row in rows)
    assert ["acme $74.75 2", "unset - -", "dead - -"] == rows[rows.index("Account Left Keys") + 1 :][:3]


def test_a_dotenv_file_with_a_management_key_alone_is_a_whole_account(
    acme: FakeAccount, run: Run, keys: Path
) -> None:
    """The lone management key of a `.env` file lists its keys; the account has the name of the file."""
    keys.write_text(f"OPENROUTER_MANAGEMENT_KEY={acme.add_key(management=True).reveal()}\n")

    outcome = run("check", "keys.toml", "--json", "--all")

    assert 2 == outcome.code
    assert [
        ("bot", "OK", "keys.toml"),
        ("off", "INVALID", "keys.toml"),
        ("old", "INVALID", "keys.toml"),
        ("search", "OK", "keys.toml"),
    ] == names(outcome.out)


def test_jsonl_numbers_all_outcomes(acme: FakeAccount, run: Run, keys: Path) -> None:
    """--jsonl prints a line for each outcome of keys and accounts, each with a number of its own."""
    managers = [acme.add_key(management=True).reveal() for _ in range(2)]
    write(
        keys,
        f"[keys]\nalice = '{acme.add_key(disabled=True).reveal()}'",
        f"[accounts.acme]\nmanagement_key = '{managers[0]}'",
        f"[accounts.globex]\nmanagement_key = '{managers[1]}'",
    )

    outcome = run("check", "keys.toml", "--jsonl")

    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert (2, "") == (outcome.code, outcome.err)
    assert [0, 1, 2, 3, 4] == sorted(line["index"] for line in lines)
    assert {"acme", "globex", None} == {line["account"] for line in lines}


def test_one_management_key_is_one_account(capsys: pytest.CaptureFixture[str]) -> None:
    """A management key that stands twice is listed once, under the name that its wallet has already."""
    fault = InvalidKeyError("blank")
    specs = [KeySpec(A, "a", "prod", B), KeySpec(A, "b", "later", B), KeySpec(A, "c", "other", fault)]
    accounts = [
        WholeAccount("all", B),
        WholeAccount("acme", C),
        WholeAccount("again", C),
        WholeAccount("x", fault),
        WholeAccount("y", fault),
    ]

    divided = divide([*accounts[:2], *specs, *accounts[2:]])

    assert (specs, [WholeAccount("prod", B), accounts[1], *accounts[3:]]) == divided
    assert (
        "openrouter-credits: warning: again has the management key of acme: its keys are listed once.\n"
        == capsys.readouterr().err
    )


def test_a_management_key_among_the_keys_has_the_wallet_of_its_account(
    acme: FakeAccount, run: Run, keys: Path
) -> None:
    """A management key that stands among the keys, too, is INVALID there, and its wallet counts once.

    Both management keys are of one account, as the keys that both list show.
    """
    manager, other = (acme.add_key(management=True).reveal() for _ in range(2))
    write(
        keys,
        f"[keys]\nboss = '{manager}'",
        f"[accounts.acme]\nmanagement_key = '{manager}'",
        f"[accounts.prod.keys]\nchief = '{other}'",
        f"[accounts.globex]\nmanagement_key = '{other}'",
    )

    outcome = run("check", "keys.toml", "--json")

    document = json.loads(outcome.out)
    rows = [row for row in names(outcome.out) if row[1] == "INVALID"]
    assert [("boss", "INVALID", "acme"), ("chief", "INVALID", "prod")] == rows
    wallets = {wallet["account"]: len(wallet["checks"]) for wallet in document["wallets"]}
    assert {"acme": 6} == wallets


def test_an_ordinary_key_names_no_account() -> None:
    """A whole account whose management key is an ordinary key of another account keeps its own name."""
    spec, account = KeySpec(A, "a", "prod", B), WholeAccount("wrong", A)

    assert ([spec], [account]) == divide([spec, account])


def test_a_list_that_takes_too_long_is_unknown(fake: FakeOpenRouter, acme: FakeAccount) -> None:
    """Accounts that are not listed at the deadline of the command are UNKNOWN."""
    fake.script("/workspaces", Hang(), Hang())
    accounts = [WholeAccount(name, acme.add_key(management=True)) for name in ("acme", "globex")]

    code = show_check(accounts, Form(Decimal(10), Decimal(5)), Reading(deadline=0.2))

    assert 3 == code


@pytest.mark.usefixtures("manager")
def test_a_deadline_is_one_line(fake: FakeOpenRouter, run: Run) -> None:
    """With one account alone, the deadline is one line."""
    fake.script("/workspaces", Hang())

    outcome = run("check", "--account", "--deadline", "0.2")

    message = "The keys could not all be listed within 0.2 s. Allow more time (--deadline), or try again.\n"
    assert (3, "", f"openrouter-credits: {message}") == outcome


@pytest.mark.usefixtures("manager")
@pytest.mark.parametrize(
    ("option", "url", "kind"),
    [
        ("--key-only", "http://127.0.0.1:9/api/v1", "CommandError"),
        ("--all", "http://example.com", "ConfigurationError"),
    ],
)
def test_json_is_a_document_whatever_fails(
    run: Run, monkeypatch: pytest.MonkeyPatch, option: str, url: str, kind: str
) -> None:
    """With --json, a check that ends before anything is sent is a document with the reason, and one line."""
    monkeypatch.setenv("OPENROUTER_BASE_URL", url)

    outcome, text = run("check", "--account", "--json", option), run("check", "--account", option)

    document = json.loads(outcome.out)
    assert (3, 1) == (outcome.code, outcome.err.count("\n"))
    assert (3, "", outcome.err) == text
    assert (False, [], kind) == (document["complete"], document["checks"], document["error"]["type"])


@pytest.mark.usefixtures("manager")
def test_a_terminal_sees_that_it_works(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error shows a sign of life while an account is listed."""
    monkeypatch.setattr(_waiting, "PATIENCE", 0)
    monkeypatch.setenv("FORCE_COLOR", "1")

    outcome = run("check", "--account")

    assert "Checking" in outcome.err
    assert outcome.err.endswith("\x1b[2K")


def test_ctrl_c_keeps_what_was_read(
    fake: FakeOpenRouter, acme: FakeAccount, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C shows the keys and accounts that were read until then, and counts both."""
    key = acme.add_key(credits_reply="real").reveal()
    manager = acme.add_key(management=True).reveal()
    write(keys, f"[keys]\nalice = '{key}'", f"[accounts.acme]\nmanagement_key = '{manager}'")

    fake.script("/key", Hang())
    # the bar moves after a report is stored
    monkeypatch.setattr(Progress, "update", lambda *_, **__: signal.raise_signal(signal.SIGINT))

    outcome = run("check", "keys.toml")

    message = "Interrupted: 0 of 1 keys and 1 of 1 accounts were checked."
    assert (130, f"openrouter-credits: {message}\n") == (outcome.code, outcome.err)
    assert outcome.out.startswith("3 keys: 3 OK\n")


@pytest.mark.parametrize("keys_alone", [True, False])
def test_a_lone_management_key_of_the_environment_is_its_wallet(
    acme: FakeAccount, manager: ApiKey, run: Run, monkeypatch: pytest.MonkeyPatch, *, keys_alone: bool
) -> None:
    """`check` with a management key alone reads the wallet, and names --account; beside keys, it does not."""
    del manager
    if not keys_alone:
        monkeypatch.setenv("OPENROUTER_API_KEY", acme.add_key().reveal())

    outcome = run("check")

    hint = "\nFor all keys of this account: openrouter-credits check --account\n"
    assert (0, "") == (outcome.code, outcome.err)
    assert keys_alone == outcome.out.endswith(hint)


def test_a_wallet_of_a_key_file_is_not_one_of_the_environment(manager: ApiKey, run: Run, keys: Path) -> None:
    """Where a key file has nothing but a management key, --account, which takes no file, is not named."""
    keys.write_text(f"OPENROUTER_API_KEY={manager.reveal()}\nOPENROUTER_MANAGEMENT_KEY={manager.reveal()}\n")

    outcome = run("check", "keys.toml")

    assert (0, "") == (outcome.code, outcome.err)
    assert "--account" not in outcome.out


@pytest.mark.process
def test_a_process_ends_at_ctrl_c(fake: FakeOpenRouter, manager: ApiKey) -> None:
    """Ctrl-C while an account is listed ends the command with 130 and one line."""
    fake.script("/workspaces", Hang())
    command = [sys.executable, "-m", "openrouter_credits", "check", "--account"]
    environment = {**os.environ, "OPENROUTER_MANAGEMENT_KEY": manager.reveal()}
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)
    while not any(request.path == "/workspaces" for request in fake.requests):
        time.sleep(0.01)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)

    message = "openrouter-credits: Interrupted: 0 of 1 accounts were checked.\n"
    assert (130, "", message) == (process.returncode, out, err)
