"""The command `openrouter-credits check`."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from rich.progress import Progress

from openrouter_credits import (
    ApiKey,
    Budget,
    CheckReport,
    Credits,
    CreditsClient,
    InvalidKeyError,
    KeyCheck,
    KeyInfo,
    KeySpec,
    KeyStatus,
    Level,
    OpenRouterError,
    Spendable,
)
from openrouter_credits._status.look import assess
from openrouter_credits._status.spendable import spendable
from openrouter_credits.cli import _check, _waiting, main
from openrouter_credits.cli._check import show_check
from openrouter_credits.cli._exits import CommandError, worst
from openrouter_credits.cli._options import Form, Reading
from openrouter_credits.cli._report import draw_report
from openrouter_credits.cli._screen import make_console
from openrouter_credits.testing import FakeAccount, FakeOpenRouter, Hang, Reply
from tests.kit.values import DOWN, FORBIDDEN, NOVEMBER, NOW, WALLET, key, wallet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tests.cli.conftest import Outcome, Run

FORM = Form(Decimal(10), Decimal(5))


def write(
    path: Path, keys: Mapping[str, ApiKey] = {}, **accounts: tuple[FakeAccount, Mapping[str, ApiKey]]
) -> None:
    """Write a key file; each account gets a management key."""
    lines = ["[keys]", *(f"{json.dumps(name)} = '{key.reveal()}'" for name, key in keys.items())]
    for account, (owner, named) in accounts.items():
        lines += [
            f"[accounts.{account}]",
            f"management_key = '{owner.add_key(management=True).reveal()}'",
            f"[accounts.{account}.keys]",
        ]
        lines += [f"{json.dumps(name)} = '{key.reveal()}'" for name, key in named.items()]
    path.write_text("\n".join(lines))


def test_what_needs_attention_comes_first(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """Keys are sorted by level, then by amount; each remedy and each wallet is shown once, debts apart."""
    acme, globex = (
        fake.add_account(credits="100.50", usage="25.75"),
        fake.add_account(credits=10, usage="12.75"),
    )
    lone = fake.add_account(credits=50).add_key(credits_reply="zeros", limit=20)
    dead = ApiKey("sk-or-v1-" + "0" * 64)
    named = {
        name: acme.add_key(limit=limit)
        for name, limit in {"a": None, "b": 30, "c": 9, "d": 7, "e": 3}.items()
    }
    write(
        keys,
        {"lone": lone, "[red]": dead},
        acme=(acme, named),
        globex=(globex, {"f": globex.add_key(), "dead": dead}),
    )

    outcome = run("check", "keys.toml")

    expected = """\
9 keys: 2 INVALID, 1 DEPLETED, 1 CRITICAL, 1 UNKNOWN, 2 LOW, 2 OK

Level     Key    Account       Left  Why
INVALID   [red]  -                -  401 User not found
INVALID   dead   globex       $0.00  401 User not found
DEPLETED  f      globex      -$2.75  wallet
CRITICAL  e      acme         $3.00  key limit
UNKNOWN   lone   -        <= $20.00  key limit; wallet: the answer 0 of 0 may be false
LOW       d      acme         $7.00  key limit
LOW       c      acme         $9.00  key limit
OK        b      acme        $30.00  key limit
OK        a      acme        $74.75  wallet

What to do
[red], dead  Check the key: quotes or blanks pasted with it, deleted, disabled or expired.
f            Top up the wallet of globex at https://openrouter.ai/settings/credits.
e, d, c      Raise the key limit at https://openrouter.ai/settings/keys.
lone         Add a management key, which can read the wallet: make one at \
https://openrouter.ai/settings/management-keys, and put it into OPENROUTER_MANAGEMENT_KEY or the key file.
lone         To judge the key by its own limits alone, add --key-only.

Wallets
Account    Left  Keys
acme     $74.75     5
globex   -$2.75     2

Total: $74.75 left; $2.75 is owed, and not subtracted.
2 keys: account unknown; not included in the total.
"""
    assert (2, "") == (outcome.code, outcome.err)
    assert expected == outcome.out


def test_a_key_without_a_limit_says_so_if_it_is_judged_alone(
    fake: FakeOpenRouter, run: Run, keys: Path
) -> None:
    """With --key-only, the reason of a key without a limit is not empty: it names what was not asked for."""
    write(keys, {"a": fake.add_account(credits=40).add_key()})

    outcome = run("check", "keys.toml", "--key-only")

    assert 3 == outcome.code
    assert "\nUNKNOWN  a    -           -  no key limit; wallet: not asked for\n" in outcome.out


def test_json_is_one_exact_document(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """--json prints one document with exact amounts: the keys in their order, and each wallet once."""
    acme = fake.add_account(credits="100.3", usage="56.671895005")
    write(keys, acme=(acme, {"a\x7f": acme.add_key(), "b": acme.add_key(limit="12.5")}))

    outcome = run("check", "--json", "keys.toml")

    document = json.loads(outcome.out)
    assert (0, "") == (outcome.code, outcome.err)
    assert "\x7f" not in outcome.out
    assert (2, True, "OK") == (document["schema_version"], document["complete"], document["level"])
    assert {"known": 43.628104995, "owed": 0, "unread": 0} == document["total"]
    assert {level.value: 2 * (level is Level.OK) for level in Level} == document["counts"]
    shown = [
        (check["index"], check["name"], check["account"], check["spendable"]["amount"])
        for check in document["checks"]
    ]
    assert [(0, "a\x7f", "acme", 43.628104995), (1, "b", "acme", 12.5)] == shown
    figures = {"total_credits": 100.3, "total_usage": 56.671895005, "remaining": 43.628104995}
    assert [{"account": "acme", "wallet": figures, "error": None, "checks": [0, 1]}] == document["wallets"]


def test_jsonl_has_a_line_for_each_key(
    fake: FakeOpenRouter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--jsonl prints a line for each key; a key without a name is identified by its mask."""
    key = fake.add_account(credits=9).add_key(credits_reply="real")
    monkeypatch.setenv("OPENROUTER_API_KEYS", f"{key.reveal()},bad=sk-or-a b")

    outcome = run("check", "--jsonl")

    lines = {line["index"]: line for line in map(json.loads, outcome.out.splitlines())}
    assert (2, "") == (outcome.code, outcome.err)
    assert (2, None, str(key), "LOW", 9) == (
        *(lines[0][name] for name in ("schema_version", "name", "label", "level")),
        lines[0]["spendable"]["amount"],
    )
    assert ("bad", None, "INVALID", "InvalidKeyError") == (
        *(lines[1][name] for name in ("name", "label", "level")),
        lines[1]["error"]["type"],
    )


def test_a_name_that_only_resembles_a_key_is_shown(
    fake: FakeOpenRouter, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name of plain words is shown as it is, in the table and in JSON, even with `sk-` in it."""
    monkeypatch.setenv("COLUMNS", "200")
    names = [
        "task-runner-production-eu-west-1",
        "task-runner-production-us-east-2",
        "ask-or-tell-service-production-us-east-2",
        "prod-sk-runner-production-eu-west-1",
    ]
    account = fake.add_account(credits=20)
    write(keys, {name: account.add_key() for name in names})

    text, document = run("check", "keys.toml"), run("check", "keys.toml", "--json")

    assert all(name in text.out for name in names)
    assert [check["name"] for check in json.loads(document.out)["checks"]] == names


@pytest.mark.parametrize(
    ("levels", "code"),
    [
        ("OK", 0),
        ("OK LOW", 1),
        ("LOW UNKNOWN OK", 3),
        ("UNKNOWN CRITICAL", 2),
        ("DEPLETED UNKNOWN", 2),
        ("UNKNOWN INVALID", 2),
    ],
)
def test_the_worst_level_is_the_exit_code(levels: str, code: int) -> None:
    """The exit code of many keys is that of the worst: 2 outranks 3, 3 outranks 1, and 1 outranks 0."""
    assert code == worst(Level(level) for level in levels.split())


def test_no_key_is_shown(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """No output shows a key, in text or JSON, even if the key stands where a name belongs."""
    key, secret = fake.add_account(credits=9).add_key(), "sk-or-v1-" + "d" * 64
    keys.write_text(
        f'[accounts.{secret}]\nmanagement_key = "{key.reveal()}"\n'
        f'keys.a = "{key.reveal()}"\n"keys".b = {{ env = "{secret}" }}'
    )

    shown = "".join(
        outcome.out + outcome.err
        for outcome in (run("check", "keys.toml", *form) for form in ([], ["--json"], ["--jsonl"]))
    )

    assert "***" in shown
    assert secret not in shown
    assert key.reveal() not in shown


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (Reading(concurrency=0), "concurrency is at least 1, not 0"),
        (Reading(rate=-1), "rate is a finite number of requests a second above 0, not -1"),
        (Reading(deadline=0), "deadline is a finite number of seconds above 0, not 0"),
    ],
)
def test_an_option_out_of_range_is_one_line(reading: Reading, message: str) -> None:
    """A number that the options accept and the client refuses is a `CommandError`."""
    with pytest.raises(CommandError, match=message):
        show_check([KeySpec("sk-or-v1-none")], Form(Decimal(10), Decimal(5)), reading)


def test_options_reach_the_batch(
    fake: FakeOpenRouter, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--concurrency, --rate and --deadline, or their defaults, are passed to check_keys()."""
    write(keys, {"a": fake.add_account(credits=40).add_key(credits_reply="real")})
    passed = []
    check_keys = CreditsClient.check_keys

    def note_and_check(client: CreditsClient, specs: Any, **options: Any) -> Any:
        passed.append(options)
        return check_keys(client, specs, **options)

    monkeypatch.setattr(CreditsClient, "check_keys", note_and_check)

    codes = [
        run("check", "keys.toml", *options).code
        for options in ([], ["--concurrency=3", "--rate", "400", "--deadline", "20"])
    ]

    assert [0, 0] == codes
    assert [
        {"concurrency": 32, "read": ("credits", "key"), "rate": None, "deadline": None},
        {"concurrency": 3, "read": ("credits", "key"), "rate": 400.0, "deadline": 20.0},
    ] == passed


def test_the_time_out_and_what_to_read_reach_the_batch(fake: FakeOpenRouter) -> None:
    """The time-out of a try reaches the client, and what to read the batch; a time-out of 0 is told."""
    spec = KeySpec(fake.add_account(credits=40).add_key(limit=20), "a")

    assert 0 == show_check([spec], FORM, Reading(("key",)))
    assert ["/key"] == [request.path for request in fake.requests]
    with pytest.raises(CommandError, match=r"^timeout .* not 0\.0\. See openrouter-credits check --help\.$"):
        show_check([spec], FORM, Reading(timeout=0.0))


def test_a_key_that_hangs_is_unknown_at_the_deadline(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """Keys without an answer at the deadline of the batch are UNKNOWN, and the exit code is 3."""
    acme = fake.add_account(credits=40)
    write(keys, {"a": acme.add_key(credits_reply="real"), "b": acme.add_key(credits_reply="real")})
    fake.script("/key", Hang(), Hang())

    outcome = run("check", "--deadline", "0.2", "keys.toml")

    assert (3, "") == (outcome.code, outcome.err)
    assert "2 keys: 2 UNKNOWN\n" in outcome.out


def test_keys_of_the_environment_do_not_matter(
    fake: FakeOpenRouter, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` checks the keys of a file, although OPENROUTER_API_KEY holds a text that cannot be a key."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "a blank in it")
    write(keys, {"a": fake.add_account(credits=40).add_key(credits_reply="real")})

    assert 0 == run("check", "keys.toml").code


def test_ctrl_c_shows_what_is_known(
    fake: FakeOpenRouter, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C shows the table, or the JSON document, of the keys checked so far, and ends with 130."""
    acme = fake.add_account(credits=40)
    write(keys, {"a": acme.add_key(credits_reply="real"), "b": acme.add_key(credits_reply="real")})
    # the bar moves after an outcome is stored
    monkeypatch.setattr(Progress, "advance", lambda *_: signal.raise_signal(signal.SIGINT))

    def run_interrupted(*form: str) -> Outcome:
        fake.script("/credits", Reply(200, {"data": {"total_credits": 40, "total_usage": 0}}), Hang())
        return run("check", "--concurrency", "1", "keys.toml", *form)

    text, document = run_interrupted(), run_interrupted("--json")

    message = "openrouter-credits: Interrupted: 1 of 2 keys were checked.\n"
    assert [(130, message)] * 2 == [(text.code, text.err), (document.code, document.err)]
    assert text.out.startswith(
        "1 key: 1 OK\n\nLevel  Key  Account    Left  Why\nOK     a    -        $40.00  wallet\n"
    )
    shown = json.loads(document.out)
    assert (False, ["a"]) == (shown["complete"], [check["name"] for check in shown["checks"]])


@pytest.mark.parametrize(("form", "out"), [("--jsonl", ""), ("--json", '"checks": [],'), ("--warn=10", "")])
def test_ctrl_c_before_the_first_outcome(
    fake: FakeOpenRouter, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch, form: str, out: str
) -> None:
    """Ctrl-C before the first outcome shows no table, or an empty JSON document, and ends with 130."""
    write(keys, {"a": fake.add_account(credits=40).add_key(credits_reply="real")})

    async def interrupt(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)

    monkeypatch.setattr(_check, "collect", interrupt)

    outcome = run("check", "keys.toml", form)

    assert (130, "openrouter-credits: Interrupted: 0 of 1 keys were checked.\n") == (
        outcome.code,
        outcome.err,
    )
    assert out in outcome.out
    assert bool(out) == bool(outcome.out)


def test_a_reader_who_leaves_ends_the_batch(
    fake: FakeOpenRouter, keys: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """If the reader of --jsonl leaves, the batch stops; the exit code is that of the keys checked so far."""
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


def test_a_terminal_gets_a_bar(
    fake: FakeOpenRouter, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard error shows a bar if keys take their time, unless --jsonl prints to the same terminal."""
    monkeypatch.setattr(_waiting, "PATIENCE", 0)
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
    """Make the outcome of a key without a status."""
    return evolve(KeyCheck(index, name, None, None, None, None, 0.0), **fields)


def test_many_names_are_not_all_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside each remedy, three keys are named, and the others are counted."""
    draw_report(
        make_console(),
        CheckReport(tuple(check(index, error=InvalidKeyError("blank")) for index in range(5))),
        FORM,
    )

    assert "\nkey 1, key 2, key 3 and 2 more  Copy the key again, without quotes" in capsys.readouterr().out


def test_a_long_name_is_cut_beside_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    """A long name is whole in the table of keys, and cut beside the remedy."""
    report = CheckReport((check(0, "n" * 25, error=DOWN), check(1, "m" * 24, error=DOWN)))

    draw_report(make_console(), report, FORM)

    keys, _, remedies = capsys.readouterr().out.partition("What to do")
    assert "n" * 25 in keys
    assert f"\n{'n' * 21}..., {'m' * 24}  {DOWN.remedy}\n" in remedies


def test_a_check_without_reason_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    """A key without status and error has a dash for the amount and for the reason."""
    draw_report(make_console(), CheckReport((check(0, "a"),)), FORM)

    assert capsys.readouterr().out.endswith("\nUNKNOWN  a    -           -  -\n")


@pytest.mark.parametrize(
    ("accounts", "line"),
    [
        ([None], ""),
        ([None, None], "2 keys: account unknown; keys may share a wallet."),
        (["acme", None], "1 key: account unknown; keys may share a wallet."),
        (["acme", "globex", None], "1 key: account unknown; not included in the total."),
        (["acme", "globex", None, None], "2 keys: account unknown; not included in the total."),
    ],
)
def test_keys_of_unknown_accounts_are_counted(
    capsys: pytest.CaptureFixture[str], accounts: list[str | None], line: str
) -> None:
    """The last line counts the keys whose account is not known; of a total it speaks only if there is one."""
    checks = [
        check(index, account=account, wallet_id=None if account is None else index, error=DOWN)
        for index, account in enumerate(accounts)
    ]

    draw_report(make_console(), CheckReport(tuple(checks)), FORM)

    assert (line or f"key 1  {DOWN.remedy}") == capsys.readouterr().out.splitlines()[-1]


def test_a_wallet_that_was_not_read_is_in_no_sum(capsys: pytest.CaptureFixture[str]) -> None:
    """A wallet that was not read has a dash, and if none was read, there is no total."""
    report = CheckReport(
        tuple(
            check(index, account=account, wallet_id=index, error=DOWN)
            for index, account in enumerate(("acme", "globex"))
        )
    )

    draw_report(make_console(), report, FORM)

    expected = (
        "\nacme        -     1\nglobex      -     1\n\nTotal: unknown; none of the 2 wallets was read.\n"
    )
    assert capsys.readouterr().out.endswith(expected)


def test_wallets_that_nobody_asked_for_are_left_out(
    fake: FakeOpenRouter, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the keys alone there is no table of wallets, and no amount is called an upper bound."""
    acme = fake.add_account(credits=40)
    manager = acme.add_key(management=True)
    specs = [KeySpec(acme.add_key(limit=limit), str(limit), "acme", manager) for limit in (20, 30)]

    assert 0 == show_check(specs, FORM, Reading(("key",)))

    assert ["2 keys: 2 OK", "", "Level Key Account Left Why"] + [
        f"OK {limit} acme ${limit}.00 key limit" for limit in (20, 30)
    ] == [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def found(info: KeyInfo | OpenRouterError, credits_: Credits | OpenRouterError, **options: Any) -> KeyCheck:
    """Make the outcome of a key and a wallet that come from no server."""
    return check(0, "a", status=assess(credits_, info, wallet_reader=None, now=NOW, **options))


@pytest.mark.parametrize(
    ("resets_at", "why"),
    [(NOVEMBER, "member budget until 2026-11-01"), (NOW, "member budget")],
)
def test_a_reset_that_is_over_is_not_promised(
    resets_at: datetime, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reset is told if it is still to come."""
    spent = Budget("member", remaining_usd=Decimal(-1), resets_at=resets_at)
    outcome = found(key(None, spent), wallet("5"))

    draw_report(make_console(), CheckReport((outcome,)), FORM)

    assert f"DEPLETED  a    -        -$1.00  {why}\n" in capsys.readouterr().out


def test_why_is_the_problem_if_no_limit_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    """A key without a known limit has no dash before its problems, of which equal ones are told once."""
    unread = key(unread=("budgets[0]", "budgets[1]"))

    draw_report(make_console(), CheckReport((found(unread, FORBIDDEN),)), FORM)

    out = capsys.readouterr().out
    assert (
        "  GET /key: budgets[0] could not be read (and 1 more); wallet: only a management key can read it\n"
        in out
    )


@pytest.mark.parametrize(
    ("reason", "why"),
    [("refused", "key refused"), ("disabled", "key disabled"), ("no_region", "no data region")],
)
def test_why_is_the_reason_if_a_key_cannot_spend(
    reason: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that cannot spend has nothing left, and the reason in plain words."""
    status = KeyStatus(None, WALLET, Spendable(Decimal(0), reason, None, "complete"), (), NOW)

    draw_report(make_console(), CheckReport((check(0, "a", status=status),)), FORM)

    assert f"\nINVALID  a    -        $0.00  {why}\n" in capsys.readouterr().out


def read_check(index: int, remaining: str) -> KeyCheck:
    """Make the outcome of a key that read the wallet of its account, in which this amount is left."""
    credits = wallet(remaining)
    status = KeyStatus(None, credits, spendable(credits, None, NOW), (), NOW)
    return check(index, account=f"account {index}", wallet_id=index, status=status)


def wallets_in(out: str) -> list[str]:
    """List the rows of the table of wallets, with one space between their cells."""
    return [" ".join(line.split()) for line in out.partition("\nWallets\n")[2].splitlines()[1:]]


@pytest.mark.parametrize(
    ("amounts", "total"),
    [
        (["5.259"], []),
        (["5.259", "0.10"], ["", "Total: $5.35 left."]),
        (["5.259", "0"], ["", "Total: $5.25 left."]),
        (["5.25", "-0.109", "-2"], ["", "Total: $5.25 left; $2.11 is owed, and not subtracted."]),
        (["-1", "-2"], ["", "Total: $0.00 left; $3.00 is owed, and not subtracted."]),
    ],
)
def test_debts_are_told_apart(
    capsys: pytest.CaptureFixture[str], amounts: list[str], total: list[str]
) -> None:
    """Below two or more wallets stands the sum of those that hold something, and what the others owe."""
    report = CheckReport(tuple(read_check(index, amount) for index, amount in enumerate(amounts)))

    draw_report(make_console(), report, FORM)

    assert total == wallets_in(capsys.readouterr().out)[len(amounts) :]


def test_a_wallet_has_its_accounts_name(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """A wallet is shown with its account's name, although its management key is the first key of the file."""
    acme = fake.add_account(credits=50)
    boss, key = acme.add_key(management=True).reveal(), acme.add_key().reveal()
    keys.write_text(
        f'[keys]\nboss = "{boss}"\n[accounts.acme]\nmanagement_key = "{boss}"\nkeys.a = "{key}"\n'
    )

    text, document = run("check", "keys.toml"), run("check", "keys.toml", "--json")

    assert ["acme $50.00 2"] == wallets_in(text.out)
    assert [("acme", [0, 1])] == [
        (wallet["account"], wallet["checks"]) for wallet in json.loads(document.out)["wallets"]
    ]


def test_accounts_found_to_be_one_are_one_wallet(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """Two accounts of the file that are found to be one, after outcomes are there, count as one wallet."""
    acme = fake.add_account(credits=100)
    first, second = acme.add_key(management=True).reveal(), acme.add_key(management=True).reveal()
    a, b = acme.add_key().reveal(), acme.add_key().reveal()
    keys.write_text(
        f'[accounts.beta]\nmanagement_key = "{second}"\nkeys.b = "{b}"\n'
        f'[accounts.acme]\nmanagement_key = "{first}"\nkeys.a = "{a}"\nkeys.second = "{second}"\n'
    )

    done = run("check", "--concurrency", "1", "keys.toml")

    assert ["beta $100.00 3"] == wallets_in(done.out)


def test_the_sum_is_of_the_wallets_that_were_read(capsys: pytest.CaptureFixture[str]) -> None:
    """If a wallet was not read, the line of the sum says how many were, and still tells the debts."""
    unread = check(2, account="account 2", wallet_id=2)
    report = CheckReport((read_check(0, "5"), read_check(1, "-2.75"), unread))

    draw_report(make_console(), report, FORM)

    assert [
        "account 0 $5.00 1",
        "account 1 -$2.75 1",
        "account 2 - 1",
        "",
        "Total of 2 of 3 wallets: $5.00 left; $2.75 is owed, and not subtracted.",
    ] == (wallets_in(capsys.readouterr().out))


@pytest.mark.parametrize("columns", [40, 60])
def test_it_fits_the_width(
    fake: FakeOpenRouter, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """The table fits the terminal, and folds no level or amount; below 60 columns it becomes paragraphs."""
    acme = fake.add_account(credits="1234567.89")
    write(
        keys,
        acme=(
            acme,
            {"a-name-of-which-there-is-quite-a-lot": acme.add_key(), "dead": ApiKey("sk-or-v1-" + "0" * 64)},
        ),
    )
    monkeypatch.setenv("COLUMNS", str(columns))

    out = run("check", "keys.toml").out

    assert max(map(len, out.splitlines())) <= columns
    assert re.search(r"^INVALID  ", out, re.MULTILINE)
    assert "$1,234,567.89" in out
    paragraph = "\nINVALID  dead\n  Account: acme   Left: $0.00\n  Why: 401 User not found\n\nOK  a-name"
    assert (columns < 60) == (paragraph in out)
