"""`openrouter-credits check`."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from rich.console import Console
from rich.progress import Progress

from openrouter_credits import ApiKey, CheckReport, InvalidKeyError, KeyCheck, Level
from openrouter_credits.cli import _check, main
from openrouter_credits.cli._check import Format, draw_report
from openrouter_credits.cli._exits import worst
from openrouter_credits.cli._screen import make_console, make_table, show
from openrouter_credits.testing import FakeAccount, FakeOpenRouter, Hang, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .conftest import Outcome, Run

FORM = Format(Decimal(10), Decimal(5))


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a key file will be, which only its owner can read."""
    monkeypatch.chdir(tmp_path)
    path = Path("keys.toml")
    path.touch(mode=0o600)
    return path


def write(path: Path, keys: Mapping[str, ApiKey] = {}, **accounts: tuple[FakeAccount, Mapping[str, ApiKey]]) -> None:
    """Write a key file; each account gets a management key."""
    lines = ["[keys]", *(f"{json.dumps(name)} = '{key.reveal()}'" for name, key in keys.items())]
    for account, (owner, named) in accounts.items():
        lines += [f"[accounts.{account}]", f"management_key = '{owner.add_key(management=True).reveal()}'", f"[accounts.{account}.keys]"]
        lines += [f"{json.dumps(name)} = '{key.reveal()}'" for name, key in named.items()]
    path.write_text("\n".join(lines))


def test_what_needs_attention_comes_first(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """The worst level, then the smallest amount; wallets are counted once, and remedies are told once."""
    acme, globex = fake.add_account(credits="100.50", usage="25.75"), fake.add_account(credits=10, usage="12.75")
    lone = fake.add_account(credits=50).add_key(credits_reply="zeros", limit=20)
    dead = ApiKey("sk-or-v1-" + "0" * 64)
    named = {name: acme.add_key(limit=limit) for name, limit in {"a": None, "b": 30, "c": 9, "d": 7, "e": 3}.items()}
    write(keys, {"lone": lone, "[red]": dead}, acme=(acme, named), globex=(globex, {"f": globex.add_key(), "dead": dead}))

    outcome = run("check", "keys.toml")

    expected = """\
9 keys: 2 INVALID, 1 DEPLETED, 1 CRITICAL, 1 UNKNOWN, 2 LOW, 2 OK

Level     Key    Account       Left  Why
INVALID   [red]  -                -  401 User not found.
INVALID   dead   globex           -  The key is not valid: 401 User not found.
DEPLETED  f      globex      -$2.75  wallet
CRITICAL  e      acme         $3.00  key limit
UNKNOWN   lone   -        <= $20.00  key limit; GET /credits answered 0 of 0, which nothing confirms
LOW       d      acme         $7.00  key limit
LOW       c      acme         $9.00  key limit
OK        b      acme        $30.00  key limit
OK        a      acme        $74.75  wallet

What to do
lone         Use a management key (https://openrouter.ai/settings/management-keys) to read the wallet.
[red], dead  Check the key: quotes or blanks pasted with it, deleted, disabled or expired.

Wallet      Left  Keys
acme      $74.75     5
globex    -$2.75     2
together  $72.00     7
2 keys of no known account: their wallets are in no sum.
"""
    assert (2, "") == (outcome.code, outcome.err)
    assert expected == outcome.out


def test_json_is_one_exact_document(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """In the order of the keys, with each wallet once."""
    acme = fake.add_account(credits="100.3", usage="56.671895005")
    write(keys, acme=(acme, {"a\x7f": acme.add_key(), "b": acme.add_key(limit="12.5")}))

    outcome = run("check", "--json", "keys.toml")

    document = json.loads(outcome.out)
    assert (0, "") == (outcome.code, outcome.err)
    assert "\x7f" not in outcome.out
    assert (1, True) == (document["schema_version"], document["complete"])
    assert {level.value: 2 * (level is Level.OK) for level in Level} == document["counts"]
    told = [(check["index"], check["name"], check["account"], check["spendable"]["amount"]) for check in document["checks"]]
    assert [(0, "a\x7f", "acme", "43.628104995"), (1, "b", "acme", "12.5")] == told
    figures = {"total_credits": "100.3", "total_usage": "56.671895005", "remaining": "43.628104995"}
    assert [{"account": "acme", "wallet": figures, "error": None, "checks": [0, 1]}] == document["wallets"]


def test_jsonl_has_a_line_for_each_key(fake: FakeOpenRouter, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they finish; a key without a name has its mask."""
    key = fake.add_account(credits=9).add_key(credits_reply="real")
    monkeypatch.setenv("OPENROUTER_API_KEYS", f"{key.reveal()},bad=a b")

    outcome = run("check", "--jsonl")

    lines = {line["index"]: line for line in map(json.loads, outcome.out.splitlines())}
    assert (2, "") == (outcome.code, outcome.err)
    assert (1, None, str(key), "LOW", "9") == (
        *(lines[0][name] for name in ("schema_version", "name", "label", "level")),
        lines[0]["spendable"]["amount"],
    )
    assert ("bad", None, "INVALID", "InvalidKeyError") == (
        *(lines[1][name] for name in ("name", "label", "level")),
        lines[1]["error"]["type"],
    )


@pytest.mark.parametrize(
    ("levels", "code"),
    [("OK", 0), ("OK LOW", 1), ("LOW UNKNOWN OK", 3), ("UNKNOWN CRITICAL", 2), ("DEPLETED UNKNOWN", 2), ("LOW INVALID", 2), ("UNKNOWN", 3)],
)
def test_the_worst_level_is_the_exit_code(levels: str, code: int) -> None:
    """2 goes before 3, that before 1, and that before 0."""
    assert code == worst(Level(level) for level in levels.split())


def test_no_key_is_shown(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """Neither as text, nor in JSON, nor where it took the place of a name."""
    key, secret = fake.add_account(credits=9).add_key(), "sk-or-v1-" + "d" * 64
    keys.write_text(f'[accounts.{secret}]\nmanagement_key = "{key.reveal()}"\nkeys.a = "{key.reveal()}"\n"keys".b = {{ env = "{secret}" }}')

    shown = "".join(outcome.out + outcome.err for outcome in (run("check", "keys.toml", *form) for form in ([], ["--json"], ["--jsonl"])))

    assert "***" in shown
    assert secret not in shown
    assert key.reveal() not in shown


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--concurrency=0", "concurrency is at least 1, not 0"),
        ("--rate=-1", "rate is a finite number of requests a second above 0, not -1.0"),
        ("--rate=nan", "rate is a finite number"),
        ("--deadline=0", "deadline is a finite number of seconds above 0, not 0.0"),
    ],
)
def test_an_option_out_of_range_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, option: str, said: str) -> None:
    """And 3."""
    monkeypatch.setenv("OPENROUTER_API_KEYS", "sk-or-v1-none")

    outcome = run("check", option)

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert outcome.err.startswith(f"openrouter-credits: {said}")


def test_options_reach_the_batch(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """At 40 requests a second, four take at least 50 ms; with a deadline, what hangs is not waited for."""
    acme = fake.add_account(credits=40)
    write(keys, {"a": acme.add_key(credits_reply="real"), "b": acme.add_key(credits_reply="real")})
    began = time.monotonic()
    assert 0 == run("check", "--rate", "40", "keys.toml").code
    assert time.monotonic() - began > 0.05

    fake.script("/key", Hang(), Hang())
    outcome = run("check", "--deadline", "0.2", "keys.toml")

    assert (3, "") == (outcome.code, outcome.err)
    assert "2 keys: 2 UNKNOWN\n" in outcome.out


def test_keys_of_the_environment_do_not_matter(fake: FakeOpenRouter, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken OPENROUTER_API_KEY does not keep others from being checked."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "a blank in it")
    write(keys, {"a": fake.add_account(credits=40).add_key(credits_reply="real")})

    assert 0 == run("check", "keys.toml").code


def test_ctrl_c_shows_what_is_known(fake: FakeOpenRouter, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table, or the document, of what was finished; 130."""
    acme = fake.add_account(credits=40)
    write(keys, {"a": acme.add_key(credits_reply="real"), "b": acme.add_key(credits_reply="real")})
    # the bar moves once the outcome was noted
    monkeypatch.setattr(Progress, "advance", lambda *_: signal.raise_signal(signal.SIGINT))

    def run_interrupted(*form: str) -> Outcome:
        fake.script("/credits", Reply(200, {"data": {"total_credits": 40, "total_usage": 0}}), Hang())
        return run("check", "--concurrency", "1", "keys.toml", *form)

    text, document = run_interrupted(), run_interrupted("--json")

    said = "openrouter-credits: Interrupted: 1 of 2 keys were checked.\n"
    assert [(130, said)] * 2 == [(text.code, text.err), (document.code, document.err)]
    assert text.out.startswith("1 key: 1 OK\n\nLevel  Key  Account    Left  Why\nOK     a    -        $40.00  wallet\n")
    assert text.out.endswith("\n1 key of no known account: its wallet is in no sum.\n")
    told = json.loads(document.out)
    assert (False, ["a"]) == (told["complete"], [check["name"] for check in told["checks"]])


@pytest.mark.parametrize(("form", "out"), [("--jsonl", ""), ("--json", '"checks": [],'), ("--warn=10", "")])
def test_ctrl_c_before_the_first_outcome(
    fake: FakeOpenRouter, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch, form: str, out: str
) -> None:
    """Nothing is known, and that is no fault: no empty table; 130."""
    write(keys, {"a": fake.add_account(credits=40).add_key(credits_reply="real")})

    async def interrupt(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)

    monkeypatch.setattr(_check, "collect", interrupt)

    outcome = run("check", "keys.toml", form)

    assert (130, "openrouter-credits: Interrupted: 0 of 1 keys were checked.\n") == (outcome.code, outcome.err)
    assert out in outcome.out
    assert bool(out) == bool(outcome.out)


def test_a_reader_who_leaves_ends_the_batch(
    fake: FakeOpenRouter, keys: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`check --jsonl | head`: no more is asked than was read, and the verdict is that of what was."""
    acme = fake.add_account(credits=7)
    write(keys, {name: acme.add_key(credits_reply="real") for name in "abcdefgh"})
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        code = main(["check", "--jsonl", "--concurrency", "1", "keys.toml"])

    assert 1 == code
    assert len(fake.requests) < 16
    assert ("", "") == capfd.readouterr()


def test_a_terminal_gets_a_bar(fake: FakeOpenRouter, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, and gone at the end; not between the lines of --jsonl."""
    write(keys, {"a": fake.add_account(credits=40).add_key(credits_reply="real")})
    monkeypatch.setenv("FORCE_COLOR", "1")

    text, lines = run("check", "keys.toml"), run("check", "keys.toml", "--jsonl")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    quiet = run("check", "keys.toml", "--jsonl")

    assert "Checking" in text.err
    assert "1/1" in text.err
    assert text.err.endswith("\x1b[2K")
    assert "Checking" not in text.out
    assert "Checking" in lines.err
    assert "" == quiet.err


def check(index: int, name: str | None = None, **fields: Any) -> KeyCheck:
    """A key without status."""
    return evolve(KeyCheck(index, name, None, None, None, None, 0.0), **fields)


def test_many_names_are_not_all_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Three stand for all that need the same."""
    draw_report(make_console(), CheckReport(tuple(check(index, error=InvalidKeyError("blank")) for index in range(5))), FORM)

    assert "\nkey 1, key 2, key 3 and 2 more  Copy the key again, without quotes" in capsys.readouterr().out


def test_a_check_without_reason_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is made up."""
    draw_report(make_console(), CheckReport((check(0, "a"),)), FORM)

    assert "UNKNOWN  a    -           -  -\n\n1 key of no known account: its wallet is in no sum.\n" in capsys.readouterr().out


def test_a_wallet_that_was_not_read_is_in_no_sum(capsys: pytest.CaptureFixture[str]) -> None:
    """It is a dash, and the sum says so."""
    report = CheckReport(tuple(check(index, account=account, wallet_ids=(index,)) for index, account in enumerate(("acme", "globex"))))

    draw_report(make_console(), report, FORM)

    assert re.search(r"\nacme +-     1\nglobex +-     1\n0 of 2 read +-     2\n$", capsys.readouterr().out)


@pytest.mark.parametrize("columns", [40, 60, 120])
def test_it_fits_the_width(fake: FakeOpenRouter, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """Lines are folded, and no level and no amount; one of 40 columns has no room for accounts."""
    acme = fake.add_account(credits="1234567.89")
    write(keys, acme=(acme, {"a-name-of-which-there-is-quite-a-lot": acme.add_key(), "dead": ApiKey("sk-or-v1-" + "0" * 64)}))
    monkeypatch.setenv("COLUMNS", str(columns))

    out = run("check", "keys.toml").out

    assert max(map(len, out.splitlines())) <= columns
    assert re.search(r"^INVALID  ", out, re.MULTILINE)
    assert "$1234567.89" in out
    assert (columns >= 60) == ("Account" in out)


def test_amounts_go_beyond_a_very_narrow_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Rather than to be cut off."""
    monkeypatch.setenv("COLUMNS", "10")
    table = make_table("Key", ">Left")
    table.add_row("a name", "$1234567.89")

    show(make_console(), table)

    assert "$1234567.89" in capsys.readouterr().out
    assert isinstance(make_console(), Console)
