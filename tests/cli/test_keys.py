"""The command `openrouter-credits keys`: the list of an account's keys."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from openrouter_credits import CheckReport, KeyCheck, ManagedKey, ServerError
from openrouter_credits._status.look import assess
from openrouter_credits.cli._judge import short_day
from openrouter_credits.cli._keys import draw_keys
from openrouter_credits.cli._options import Form
from openrouter_credits.cli._screen import make_console
from openrouter_credits.testing import FakeAccount, FakeOpenRouter, Reply
from tests.kit.values import MASK, NOW, key, wallet

if TYPE_CHECKING:
    from collections.abc import Callable

    from openrouter_credits import ApiKey
    from tests.cli.conftest import Run

FORM = Form(Decimal(10), Decimal(5))
FORBIDDEN = Reply(403, {"error": {"code": 403, "message": "This workspace is not yours"}})
REFUSED = Reply(401, {"error": {"code": 401, "message": "User not found."}})


def test_the_worst_key_comes_first(acme: FakeAccount, run: Run) -> None:
    """The sum comes first, then the keys by level and by what is left; a pipe has whole lines."""
    acme.add_key(name="search")
    acme.add_key(name="prod", limit=30, usage="3.17")
    acme.add_key(name="staging", limit=10, usage="10.15")
    acme.add_key(name="old", disabled=True, limit=5)
    acme.add_key(name="b", limit=7)
    acme.add_key(name="a", limit=6)
    acme.add_key(name="gone", expires_at=datetime.now(UTC) - timedelta(days=1))

    outcome = run("keys")

    expected = """\
6 keys, $75.60 in the wallet; 1 has no limit.
1 INVALID, 1 DEPLETED, 2 LOW, 2 OK

Key      Level         Left   Limit    Used  Resets  Expires  Last used
old      INVALID   disabled   $5.00   $0.00  never   never    -
staging  DEPLETED    -$0.15  $10.00  $10.15  never   never    -
a        LOW          $6.00   $6.00   $0.00  never   never    -
b        LOW          $7.00   $7.00   $0.00  never   never    -
prod     OK          $26.83  $30.00   $3.17  never   never    -
search   OK          $75.60    none                  never    -
"""
    assert (0, expected, "") == outcome
    assert outcome == run("keys", "list")


def test_expired_keys_are_listed_on_request(acme: FakeAccount, run: Run) -> None:
    """--all lists expired keys too, and says that they are; in a terminal the day of today is "today"."""
    acme.add_key(name="gone", expires_at=datetime.now(UTC) - timedelta(microseconds=1))

    nothing = "There are no keys, $75.60 in the wallet. To make one: openrouter-credits keys create NAME.\n"
    assert (0, nothing, "") == run("keys")
    outcome = run("keys", "--all")

    assert "1 key, $75.60 in the wallet; it has no limit." == outcome.out.splitlines()[0]
    assert "gone  INVALID  expired   none" in outcome.out


def test_json_is_the_report(acme: FakeAccount, run: Run) -> None:
    """--json prints the report, judged by the thresholds, with the hash of each key and without a secret."""
    secret = acme.add_key(name="bot", limit=30)

    outcome = run("keys", "--json", "--warn", "$40")

    document = json.loads(outcome.out)
    assert (0, "") == (outcome.code, outcome.err)
    assert (2, "LOW") == (document["schema_version"], document["level"])
    assert ["bot"] == [check["name"] for check in document["checks"]]
    assert 64 == len(document["checks"][0]["managed_key"]["hash"])
    assert secret.reveal() not in outcome.out


def test_a_workspace_that_fails_is_said(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """A workspace that cannot be read is a line on standard error and exit code 3; the rest is listed."""
    acme.add_key(name="bot", workspace=acme.add_workspace("Research"))
    fake.script("/keys", FORBIDDEN)

    outcome = run("keys")

    assert 3 == outcome.code
    assert outcome.out.startswith("At least 1 key, $75.60 in the wallet; it has no limit.\n\nKey")
    assert "openrouter-credits: Not read: Default: 403 This workspace is not yours. " in outcome.err
    assert 1 == outcome.err.count("\n")


@pytest.mark.parametrize("style", ["--json", "--all"])
def test_without_a_key_the_wallet_is_told(
    fake: FakeOpenRouter, acme: FakeAccount, run: Run, style: str
) -> None:
    """If one workspace cannot be read and the others have no keys, the wallet is still told: exit code 3."""
    acme.add_workspace("Research")
    fake.script("/keys", FORBIDDEN)

    outcome = run("keys", style)

    assert 3 == outcome.code
    assert outcome.err.startswith("openrouter-credits: Not read: Default: 403 This workspace is not yours. ")
    assert 1 == outcome.err.count("\n")
    if style == "--json":
        [wallet] = json.loads(outcome.out)["wallets"]
        assert 75.6 == wallet["wallet"]["remaining"]
    else:
        assert "No key could be read, $75.60 in the wallet.\n" == outcome.out


def test_many_disabled_keys_do_not_hide_another(acme: FakeAccount, run: Run) -> None:
    """The keys of each level are counted before the table, so that a long one hides nothing."""
    for number in range(120):
        acme.add_key(name=f"old-{number}", disabled=True)
    acme.add_key(name="spent", limit=5, usage=5)

    assert "120 INVALID, 1 DEPLETED" == run("keys").out.splitlines()[1]


def test_a_wallet_that_fails_is_said(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """A wallet that cannot be read is unknown in the sum, and one line for all keys; the list was read."""
    for name in "abcdef":
        acme.add_key(name=name, limit=20)
    fake.script("/credits", FORBIDDEN)

    outcome = run("keys")

    assert 0 == outcome.code
    assert outcome.out.startswith("6 keys; the wallet could not be read; each has a limit.\n")
    assert "<= $20.00" in outcome.out
    assert outcome.err.startswith("openrouter-credits: Not read: the wallet: 403 This workspace is not yours")
    assert 1 == outcome.err.count("\n")


def entry(number: int, **fields: object) -> dict[str, object]:
    """Make an entry of `/keys`."""
    known = {"hash": f"{number:064x}", "name": f"bot-{number}", "label": "l", "disabled": False}
    return known | {"usage": 1, "limit": 9, "limit_remaining": 9, "limit_reset": None, **fields}


def test_parts_that_cannot_be_read_are_said(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """A part of an entry that is not as documented is a line with the keys that it is missing of."""
    entries = [entry(number, limit_reset=5, name=f"bot-{number}" * 5) for number in range(6)]
    fake.script("/keys", Reply(200, {"data": entries}))

    outcome = run("keys")

    assert (0, 1) == (outcome.code, outcome.err.count("\n"))
    named = ", ".join(
        f"bot-{number}bot-{number}bot-{number}bot-{number}b..."[:21] + "..." for number in range(3)
    )
    assert outcome.err.startswith(f"openrouter-credits: Not read: {named} and 3 more: ")
    assert "limit_reset" in outcome.err
    assert outcome.out.startswith("6 keys")


def test_many_faults_are_counted(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After five lines about what was not read, one says how many more there are."""
    faults = [
        KeyCheck(n, f"w{n}", None, "a", None, ServerError("Down", status=503), 0.1) for n in range(1, 8)
    ]
    report = CheckReport((listed("a"), *faults))
    monkeypatch.setattr("openrouter_credits.cli._keys.ask", lambda *_: report)

    outcome = run("keys")

    assert 3 == outcome.code
    assert [f"Not read: w{n}: 503 Down." for n in range(1, 6)] == re.findall(r"Not read: w.*?\.", outcome.err)
    assert outcome.err.endswith("openrouter-credits: Not read: 2 more (see --json)\n")


@pytest.mark.parametrize("style", ["--json", "--all"])
def test_an_ordinary_key_is_told_what_it_takes(
    fake: FakeOpenRouter, run: Run, use: Callable[[ApiKey], None], style: str
) -> None:
    """An ordinary key ends with the remedy of the 403 and exit code 3; with --json, a document says why."""
    use(fake.add_account().add_key())

    outcome = run("keys", style)

    assert (3, 1) == (outcome.code, outcome.err.count("\n"))
    remedy = (
        "Create a management key at https://openrouter.ai/settings/management-keys, "
        "and put it into OPENROUTER_MANAGEMENT_KEY.\n"
    )
    assert outcome.err.endswith(f" {remedy}")
    assert (style == "--json") == (outcome.out != "")
    if outcome.out:
        assert "ManagementKeyRequiredError" == json.loads(outcome.out)["error"]["type"]


@pytest.mark.parametrize("style", ["--json", "--all"])
def test_without_a_key_one_line_says_how_to_make_one(fake: FakeOpenRouter, run: Run, style: str) -> None:
    """Without any key nothing is sent, and one line names the page that makes one, and the variable."""
    outcome = run("keys", style)

    expected = (
        "openrouter-credits: There is no management key. Make one at "
        "https://openrouter.ai/settings/management-keys, and set OPENROUTER_MANAGEMENT_KEY.\n"
    )
    assert (3, expected, []) == (outcome.code, outcome.err, fake.requests)
    if outcome.out:
        assert expected == f"openrouter-credits: {json.loads(outcome.out)['error']['message']}\n"


def test_a_refused_management_key_judges_no_key(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """A management key that OpenRouter refuses is one line, and exit code 3: nothing is known of the keys."""
    for path in ("/workspaces", "/keys", "/credits"):
        fake.script(path, REFUSED)

    outcome = run("keys")

    assert (3, "") == (outcome.code, outcome.out)
    refusal = (
        "openrouter-credits: The management key was refused: 401 User not found. Check the management key: "
    )
    assert outcome.err.startswith(refusal)


def listed(name: str | None, remaining: str | None = None, **fields: Any) -> KeyCheck:
    """Make the check of a listed key, of which this amount is left."""
    info = key(remaining)
    shared: dict[str, Any] = {"label": MASK, "usage": info.usage, "hash": "0f", "name": name}
    limits = {"limit": info.limit, "limit_remaining": info.limit_remaining}
    managed = ManagedKey(**{**shared, **limits, **fields})
    status = assess(wallet("75.60"), info, wallet_reader=None, now=NOW, has_manager=True)
    return KeyCheck(0, name, managed.label, "acme", status, None, 0.1, wallet_id=0, managed_key=managed)


def drawn(capsys: pytest.CaptureFixture[str], *checks: KeyCheck) -> list[str]:
    """Draw the list of these keys; return its lines."""
    numbered = tuple(evolve(check, index=index, joined={}) for index, check in enumerate(checks))
    draw_keys(make_console(), CheckReport(numbered), FORM)
    return capsys.readouterr().out.splitlines()


def test_what_is_not_known_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown values are `-`, an interval that is not known is shown as it is, and a date has its year."""
    lines = drawn(
        capsys,
        listed(None, "7", limit_remaining=None, limit_reset="hourly\x1b", unread=("expires_at",)),
        listed("b", "8", limit_reset="monthly", last_used_at=NOW - timedelta(days=300)),
        listed("c", "9", unread=("limit_reset",), expires_at=NOW + timedelta(days=2)),
    )

    assert [
        "3 keys, $75.60 in the wallet; each has a limit.",
        "",
        "Key                  Level   Left    Limit     Used  Resets   Expires  Last used",
        "sk-or-v1-0e6...1c96  LOW    $7.00  $500.00        -  hourly?  -        -",
        "b                    LOW    $8.00  $500.00  $492.00  1 Nov    never    25 Dec 2025",
        "c                    LOW    $9.00  $500.00  $491.00  -        23 Oct   -",
    ] == lines


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ([None], "1 key, $75.60 in the wallet; it has no limit."),
        (["7"], "1 key, $75.60 in the wallet; it has a limit."),
        (["7", "8"], "2 keys, $75.60 in the wallet; each has a limit."),
        (["7", None], "2 keys, $75.60 in the wallet; 1 has no limit."),
        ([None] * 1200, "1,200 keys, $75.60 in the wallet; 1,200 have no limit."),
    ],
)
def test_the_sum(capsys: pytest.CaptureFixture[str], limits: list[str | None], words: str) -> None:
    """The sum counts the keys, tells the wallet once, and counts the keys that only the wallet stops."""
    assert words == drawn(capsys, *(listed("bot", limit) for limit in limits))[0]


def test_a_narrow_terminal_has_fewer_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not all columns fit, Expires goes if no key expires, then Used; below 60 there are lines."""
    checks = listed("nightly-batch-worker", "400"), listed("another", "8")

    def headings(columns: int, *more: KeyCheck) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        return drawn(capsys, *checks, *more)[3]

    late = listed("late", "9", expires_at=NOW + timedelta(days=90))
    assert ["Key", "Level", "Left", "Limit", "Used", "Resets", "Expires", "Last", "used"] == headings(
        90
    ).split()
    assert "Expires" not in headings(78)
    assert "Used" in headings(78)
    assert "Used" not in headings(70)
    assert "Expires" in headings(80, late)
    assert "Used" not in headings(80, late)
    assert headings(59).startswith("another  LOW")
    assert headings(60, late).startswith("another  LOW")


@pytest.mark.parametrize(
    ("days", "expected"), [(0, "today"), (1, "22 Oct"), (90, "19 Jan 2027"), (-21, "30 Sep")]
)
def test_short_days(days: int, expected: str) -> None:
    """A date is short: the year is shown only if it is another one, and the day of `now` is today."""
    assert expected == short_day(NOW + timedelta(days=days), NOW)


@pytest.mark.process
def test_the_process_lists_keys(fake: FakeOpenRouter, acme: FakeAccount) -> None:
    """The command as a process lists the keys, and ends with 0."""
    acme.add_key(name="bot")

    done = subprocess.run(
        [sys.executable, "-m", "openrouter_credits", "keys"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=os.environ,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "1 key, $75.60 in the wallet; it has no limit." in done.stdout
