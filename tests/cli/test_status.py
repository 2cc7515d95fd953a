"""The command `openrouter-credits status`."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import (
    ApiKey,
    Budget,
    Credits,
    CreditsClient,
    FreeModelQuota,
    KeyInfo,
    KeyStatus,
    Level,
    RetryPolicy,
)
from openrouter_credits._status.spendable import spendable
from openrouter_credits.cli import _waiting
from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._options import Form, Reading
from openrouter_credits.cli._screen import make_console
from openrouter_credits.cli._status import draw_status, show_status
from openrouter_credits.testing import FakeBudget, FakeOpenRouter, Hang, Reply
from tests.kit.values import WALLET

if TYPE_CHECKING:
    from tests.cli.conftest import Run

Use = Callable[[ApiKey], None]
NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)


def draw(key: KeyInfo | None, wallet: Credits | None = None) -> None:
    """Draw the status of a key and a wallet that come from no server."""
    status = KeyStatus(key, wallet, spendable(wallet, key, NOW), (), NOW)
    draw_status(make_console(), status, Form(Decimal(10), Decimal(5)))


def key_info(**fields: Any) -> KeyInfo:
    """Make a key with a limit of $20.00, of which $11.75 is left."""
    return KeyInfo(
        **{
            "label": "sk-or-v1-0e6...1c96",
            "limit": Decimal(20),
            "limit_remaining": Decimal("11.75"),
            "usage": Decimal(9),
            **fields,
        }
    )


def test_the_sentence_comes_first_and_then_the_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    """Status shows a sentence, then the limits: `>` marks the one that stops the key first; then facts."""
    budget = Budget(
        "workspace",
        Decimal(50),
        Decimal("40.05"),
        Decimal("9.95"),
        "weekly",
        datetime(2026, 11, 30, tzinfo=UTC),
    )
    key = key_info(
        limit_reset="monthly", budgets=(budget, Budget("key_limit", remaining_usd=Decimal("11.75")))
    )

    draw(key)

    expected = """\

                      Left   Limit    Used  Used %  Resets (UTC)
  Wallet                 -       -       -       -  -
  Key limit         $11.75  $20.00   $8.25     41%  2026-12-01
> Workspace budget   $9.95  $50.00  $40.05     80%  2026-11-30

  Level        LOW
  Thresholds   LOW below $10.00, CRITICAL below $5.00
  Key          sk-or-v1-0e6...1c96
  Expires      never
  Spent        $9.00 in all
  Free models  -

  What to do   Raise the workspace budget at https://openrouter.ai/settings \
(an admin of the workspace can), or wait until 2026-11-30 (UTC).
"""
    sentence, _, rest = capsys.readouterr().out.partition("\n")
    assert sentence.startswith("$9.95 left until Monday 00:00 UTC, limited by the workspace budget")
    assert expected == rest


def test_a_healthy_key(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """The status of a healthy key shows its wallet, and is the same with and without the word `status`."""
    use(fake.add_account(credits="100.50", usage="25.75").add_key(credits_reply="real", usage="3.17"))

    bare, named = run(), run("status")

    assert (0, "", bare.out) == (named.code, named.err, named.out)
    assert bare.out.startswith("$74.75 left, limited by the wallet.\n")
    assert re.search(r"^> Wallet +\$74\.75 +\$100\.50 +\$25\.75 +25%  never$", bare.out, re.MULTILINE)
    assert re.search(r"^  Key limit +none$", bare.out, re.MULTILINE)
    assert bare.out.endswith("  Free models  1000 of 1000 requests left today\n")


@pytest.mark.parametrize(
    ("usage", "level", "code"),
    [("30", "OK", 0), ("30.01", "LOW", 1), ("35.01", "CRITICAL", 2), ("40", "DEPLETED", 2)],
)
def test_the_exit_code_is_the_level(
    fake: FakeOpenRouter, run: Run, use: Use, usage: str, level: str, code: int
) -> None:
    """The exit code is 0 for OK, 1 for LOW, and 2 for CRITICAL and DEPLETED."""
    use(fake.add_account(credits=40, usage=usage).add_key(credits_reply="real"))

    outcome = run("--json")

    assert (code, "", level) == (outcome.code, outcome.err, json.loads(outcome.out)["level"])


def test_the_thresholds_can_be_moved(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """--warn and --critical move the thresholds of the levels, and the status shows them."""
    use(fake.add_account(credits=40, usage=20).add_key(credits_reply="real"))

    assert 1 == run("--warn", "20.01").code
    assert 2 == run("status", "--warn=100", "--critical=50.5").code
    rows = "  Level        OK\n  Thresholds   LOW below $3.00, CRITICAL below $1.00\n"
    assert rows in run("--warn", "3", "--critical", "1").out


def test_an_ordinary_key_learns_what_it_has_and_what_to_do(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """The commonest key, which may not read its wallet, is shown what it has spent, and both ways out."""
    use(fake.add_account(credits=40).add_key(limit=100, usage="3.17"))

    outcome = run()

    expected = """\

                 Left    Limit   Used  Used %  Resets (UTC)
  Wallet            -        -      -       -  -
> Key limit    $96.83  $100.00  $3.17      3%  never

  Level        UNKNOWN
  Thresholds   LOW below $10.00, CRITICAL below $5.00
  Key          sk-or-v1-MASK
  Expires      never
  Spent        $3.17 today, $3.17 this week, $3.17 this month, $3.17 in all
  Free models  1000 of 1000 requests left today
  Not read     wallet: only a management key can read it

  What to do   Add a management key, which can read the wallet: make one at \
https://openrouter.ai/settings/management-keys, and put it into OPENROUTER_MANAGEMENT_KEY.
               To judge the key by its own limits alone, add --key-only.
"""
    sentence, _, rest = outcome.out.partition("\n")
    assert (3, "") == (outcome.code, outcome.err)
    assert sentence.startswith("At most $96.83 left")
    assert expected == re.sub(r"sk-or-v1-\S+", "sk-or-v1-MASK", rest)


def test_an_ordinary_key_without_a_limit_is_offered_one_way(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """A key without a limit cannot be judged alone: only the management key is offered."""
    use(fake.add_account(credits=40).add_key(credits_reply="zeros", usage="3.17"))

    outcome = run()

    assert 3 == outcome.code
    assert re.search(r"^  Wallet +-  +-  +-  +-  -\n  Key limit +none\n", outcome.out, re.MULTILINE)
    assert "  Not read     wallet: the answer 0 of 0 may be false\n" in outcome.out
    assert "make one at https://openrouter.ai/settings/management-keys" in outcome.out
    assert "--key-only" not in outcome.out


def test_an_upper_bound_can_be_too_low(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """A key limit of $3 is CRITICAL, although the wallet was not read."""
    use(fake.add_account(credits=40).add_key(limit=3))

    outcome = run("--oneline")

    assert (2, "CRITICAL <= $3.00 (key limit)\n") == (outcome.code, outcome.out)


def test_nothing_known_is_null_and_no_zero(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """An amount that no limit and no wallet bounds is null in JSON, a dash in text, and never $0."""
    use(fake.add_account(credits=40).add_key())

    text, document, line = run(), json.loads(run("--json").out), run("--oneline")

    assert (3, 3) == (text.code, line.code)
    assert "$0" not in re.sub("  Spent .*", "", text.out)
    assert text.out.startswith("Unknown: the key has no limit, and this key cannot see the wallet: add a")
    assert (None, None, "unknown", None) == (
        document["spendable"]["amount"],
        document["spendable"]["bound_by"],
        document["spendable"]["certainty"],
        document["wallet"],
    )
    assert "UNKNOWN -\n" == line.out


def test_json_holds_exact_numbers(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """In JSON, amounts and counts are exact numbers, unknown values are null, and times are UTC."""
    budget = FakeBudget("workspace", 50, "38.25", reset_interval="weekly")
    account = fake.add_account(credits="100.3", usage="56.671895005")
    use(
        account.add_key(
            credits_reply="real", limit="60", limit_reset="monthly", usage="3.17", budgets=[budget]
        )
    )

    document = json.loads(run("status", "--json").out, parse_float=Decimal)

    assert (2, "OK", [], None) == (
        document["schema_version"],
        document["level"],
        document["problems"],
        document["error"],
    )
    figures = {"total_credits": "100.3", "total_usage": "56.671895005", "remaining": "43.628104995"}
    assert figures == {name: str(amount) for name, amount in document["wallet"].items()}
    assert (Decimal("11.75"), "workspace", "complete") == tuple(
        document["spendable"][name] for name in ("amount", "bound_by", "certainty")
    )
    assert document["spendable"]["resets_at"].endswith("T00:00:00Z")
    key = document["key"]
    assert (60, Decimal("56.83"), Decimal("3.17"), None) == (
        key["limit"],
        key["limit_remaining"],
        key["used_in_window"],
        key["expires_at"],
    )
    assert ["workspace", "key_limit"] == [budget["scope"] for budget in key["budgets"]]
    assert {"limit": 1000, "used": 0, "remaining": 1000} == key["free_model_daily_requests"]
    assert "extra" not in json.dumps(document, default=str)


def test_json_lists_all_bounds(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """In JSON, `bounds` lists the wallet, the key's own limit once, and the budgets; one of them binds."""
    budget = FakeBudget("workspace", 50, "38.25")
    account = fake.add_account(credits="100.3", usage="56.671895005")
    use(account.add_key(credits_reply="real", limit="60", usage="3.17", budgets=[budget]))

    spendable = json.loads(run("--json").out)["spendable"]

    *others, of_workspace = [bound.pop("budget_id") for bound in spendable["bounds"]]
    never = {"reset": None, "resets_at": None}
    figures = [
        ("wallet", 43.628104995, 100.3, 56.671895005, False),
        ("key_limit", 56.83, 60, 3.17, False),
        ("workspace", 11.75, 50, 38.25, True),
    ]
    names = ("name", "remaining", "limit", "used", "binds")
    assert [{**dict(zip(names, row, strict=True)), **never} for row in figures] == spendable["bounds"]
    assert others == [None, None]
    assert isinstance(of_workspace, str)


def test_json_says_when_a_bound_is_renewed(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """In JSON, a bound has its interval in `reset`, and its next renewal in `resets_at`, in UTC."""
    budget = FakeBudget("workspace", 50, reset_interval="weekly")
    use(fake.add_account(credits=9).add_key(credits_reply="real", limit=60, budgets=[budget]))

    bounds = json.loads(run("--json").out)["spendable"]["bounds"]

    assert [("wallet", None), ("key_limit", None), ("workspace", "weekly")] == [
        (bound["name"], bound["reset"]) for bound in bounds
    ]
    assert bounds[2]["resets_at"].endswith("T00:00:00Z")


def test_a_refused_key_is_one_line_and_a_verdict(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """A key refused with 401 is INVALID and 2 in every format; standard error has reason and remedy."""
    use(ApiKey("sk-or-v1-" + "0" * 64))

    text, document, line = run(), run("--json"), run("--oneline")

    assert (2, "") == (text.code, text.out)
    expected = (
        "openrouter-credits: 401 User not found. "
        "Check the key: quotes or blanks pasted with it, deleted, disabled or expired.\n"
    )
    assert [expected] * 3 == [text.err, document.err, line.err]
    error = json.loads(document.out)["error"]
    assert ("AuthenticationError", 401) == (error["type"], error["status"])
    assert ("INVALID", None) == tuple(json.loads(document.out)[name] for name in ("level", "spendable"))
    assert (2, "INVALID -\n") == (line.code, line.out)


def test_a_server_that_fails_is_no_verdict(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """If neither endpoint can be read, and the key is not the reason, the command ends with a line and 3."""
    use(fake.add_account().add_key())
    fake.script("/key", Reply(404))

    outcome = run()

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert (
        outcome.err
        == "openrouter-credits: 404 Resource not found. Check the address (base_url) and the path.\n"
    )


def test_a_key_that_the_wallet_knows_but_not_key(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """If /key cannot be read, the key's rows are dashes, and the wallet decides the level."""
    use(fake.add_account(credits=3).add_key(credits_reply="real"))
    fake.script("/key", Reply(404))

    outcome = run()

    assert 2 == outcome.code
    assert re.search(r"^> Wallet +\$3\.00", outcome.out, re.MULTILINE)
    assert re.search(r"^  Key limit( +-){5}$", outcome.out, re.MULTILINE)
    rows = re.findall(r"^  (Key|Expires|Spent|Free models)  +(.*)$", outcome.out, re.MULTILINE)
    assert [("Key", "-"), ("Expires", "-"), ("Spent", "-"), ("Free models", "-")] == rows


def test_an_invalid_key_has_nothing_to_spend(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--oneline shows nothing to spend for a refused key, although a management key could read the wallet."""
    monkeypatch.setenv(
        "OPENROUTER_MANAGEMENT_KEY", fake.add_account(credits=50).add_key(management=True).reveal()
    )
    use(ApiKey("sk-or-v1-" + "0" * 64))

    outcome = run("--oneline")

    assert (2, "INVALID $0.00 (key refused)\n") == (outcome.code, outcome.out)


def test_a_management_key_says_so(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """A management key says so behind its label, and has no rows of what it cannot do: spend."""
    key = fake.add_account(credits=50).add_key(management=True)
    use(key)

    out = run().out

    assert re.search(rf"^  Key +{re.escape(str(key))} \(management key\)$", out, re.MULTILINE)
    assert not re.search("^  (Key limit|Spent|Free models)", out, re.MULTILINE)
    sentence = (
        "This is a management key, which cannot run inference (wallet: $50.00): "
        "move it to OPENROUTER_MANAGEMENT_KEY."
    )
    assert " ".join(out.split()).startswith(f"{sentence} Left Limit")


def test_a_key_that_cannot_spend_has_no_thresholds(capsys: pytest.CaptureFixture[str]) -> None:
    """A key that is INVALID whatever is left has no rows of thresholds, and of models that it cannot use."""
    draw(key_info(allowed_data_regions=(), free_model_daily_requests=FreeModelQuota(50, 0, 50)))

    out = capsys.readouterr().out
    assert re.search("^  Level +INVALID$", out, re.MULTILINE)
    assert re.search("^  Spent +[$]9[.]00 in all$", out, re.MULTILINE)
    assert not re.search("^  (Thresholds|Free models)", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("used", "words"),
    [
        ("7.75", "refused until the debt is paid (49 of 50 requests left today)"),
        ("5", "49 of 50 requests left today"),
        (None, "49 of 50 requests left today"),
    ],
)
def test_a_debt_shuts_free_models_too(
    capsys: pytest.CaptureFixture[str], used: str | None, words: str
) -> None:
    """OpenRouter refuses free models to an account in debt, whatever is left of the daily requests."""
    wallet = None if used is None else Credits(Decimal(5), Decimal(used))

    draw(key_info(free_model_daily_requests=FreeModelQuota(50, 1, 49)), wallet)

    assert f"  Free models  {words}\n" in capsys.readouterr().out


def test_a_long_name_of_a_budget_stays_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A budget's long name is not folded below the mark, and does not push facts and advice aside."""
    monkeypatch.setenv("COLUMNS", "80")

    draw(key_info(budgets=(Budget("workspace_default_member", Decimal(90), Decimal(83), Decimal(7)),)))

    out = capsys.readouterr().out
    assert "\n> Workspace default member budget   $7.00  $90.00  $83.00" in out
    assert 2 == len(re.findall("^  (Level        LOW|What to do   Raise)", out, re.MULTILINE))


def test_facts_and_advice_are_rows_or_lines_alike(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an address leaves no room for columns, the facts above it become lines as well."""
    use(fake.add_account(credits=40).add_key(limit=30))
    monkeypatch.setenv("COLUMNS", "60")

    assert 2 == len(re.findall("^(Level: UNKNOWN|What to do: Add)", run().out, re.MULTILINE))


def test_names_and_the_servers_words_are_shown_as_they_are(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """Names show markup as text; control characters, escape sequences and whole keys are replaced."""
    secret = "sk-or-v1-" + "ab" * 32
    budget = {"scope": "[red]odd\x1b[2J_scope", "remaining_usd": 7}
    label = f"[bold red]:smile:\x1b[31m\x9b1m\x07\u202e{secret}"
    body = {
        "data": {
            "label": label,
            "usage": 1,
            "limit": None,
            "budgets": [budget],
            "free_model_daily_requests": {"remaining": 3},
        }
    }
    use(fake.add_account(credits=50).add_key(credits_reply="real"))

    fake.script("/key", Reply(200, body), Reply(200, body))
    text, document = run(), run("--json")

    assert re.search(r"^  Key +\[bold red\]:smile:\?\[31m\?1m\?\?sk-or-\*\*\*$", text.out, re.MULTILINE)
    assert re.search(r"^> \[red\]odd\?\[2J scope budget +\$7\.00 +- +- +-  -$", text.out, re.MULTILINE)
    assert re.search(r"^  Free models +3 requests left today$", text.out, re.MULTILINE)
    assert secret not in document.out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", document.out)
    assert json.loads(document.out)["key"]["label"] == label.replace(secret, "sk-or-***")


@pytest.mark.parametrize("before", ["\x1b[31m", "\n", "\u202e", "a blank "])
def test_a_key_is_masked_wherever_it_stands(fake: FakeOpenRouter, run: Run, use: Use, before: str) -> None:
    """A key in a label is masked in text and JSON, also right after an escape sequence or a line break."""
    secret = "sk-or-v1-" + "ab" * 32
    body = {"data": {"label": f"{before}{secret}", "usage": 1, "limit": 5, "limit_remaining": 5}}
    use(fake.add_account(credits=50).add_key(credits_reply="real"))

    fake.script("/key", Reply(200, body), Reply(200, body))
    text, document = run(), run("--json")

    assert [False, False] == [secret in text.out, secret in document.out]
    assert json.loads(document.out)["key"]["label"] == f"{before}sk-or-***"


def test_amounts_are_rounded_down(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """Amounts are rounded down: $9.999 is shown as $9.99."""
    use(fake.add_account(credits="9.999").add_key(credits_reply="real"))

    outcome = run("--oneline")

    assert (1, "LOW $9.99 (wallet)\n") == (outcome.code, outcome.out)


def test_expiry_and_odd_hours_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Expiry shows date and time; a budget shows its hour if it resets at another one than midnight."""
    resets_at = datetime(2026, 11, 25, 6, 30, tzinfo=UTC)
    budget = Budget("member", remaining_usd=Decimal(5), resets_at=resets_at)
    key = key_info(effective_budget=budget, expires_at=datetime(2026, 12, 24, 18, 0, tzinfo=UTC))

    draw(key)

    out = capsys.readouterr().out
    assert re.search(
        r"^> Member budget +\$5\.00       -      -       -  2026-11-25 06:30$", out, re.MULTILINE
    )
    assert re.search(r"^  Expires +2026-12-24 18:00 UTC$", out, re.MULTILINE)


def test_a_budget_that_could_not_be_read_is_told(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """A budget that could not be read is named below the limits, and a high amount is then no verdict (3)."""
    use(fake.add_account(credits=40).add_key(credits_reply="real"))
    budgets = [{"scope": "workspace", "remaining_usd": 30}, None, {"scope": "member"}]
    body = {"label": "k", "usage": 1, "limit": None, "budgets": budgets}
    fake.script("/key", Reply(200, {"data": body}))

    outcome = run()

    assert 3 == outcome.code
    assert re.search(r"^> Workspace budget +\$30\.00 ", outcome.out, re.MULTILINE)
    told = outcome.out.partition("  Not read ")[2].partition("\n\n")[0]
    assert [line.strip() for line in told.splitlines()] == [
        "GET /key: budgets[1] could not be read",
        "GET /key: budgets[2].remaining_usd could not be read",
    ]


def test_equal_problems_are_told_once(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """Problems that differ in the number of a budget alone are one line, which counts the others."""
    use(fake.add_account(credits=40).add_key(credits_reply="real"))
    fake.script(
        "/key", Reply(200, {"data": {"label": "k", "usage": 1, "limit": None, "budgets": [None] * 300}})
    )

    outcome = run()

    assert re.search(r"^  Not read +GET .*\(and 299 more\)\n\n", outcome.out, re.MULTILINE)
    assert 1 == outcome.out.count(" could not be read (")


RESET = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "cells"),
    [
        ({"limit": None, "limit_remaining": None}, "none"),
        ({"limit": None, "limit_remaining": Decimal(7)}, "$7.00 - - - -"),
        ({}, "$11.75 $20.00 $8.25 41% never"),
        ({"limit_remaining": Decimal(20)}, "$20.00 $20.00 $0.00 0% never"),
        ({"limit_remaining": Decimal(25)}, "$25.00 $20.00 -$5.00 0% never"),
        ({"limit_remaining": Decimal(-1)}, "-$1.00 $20.00 $21.00 105% never"),
        ({"limit": Decimal("0.001"), "limit_remaining": Decimal(-5)}, "-$5.00 $0.00 $5.00 >999% never"),
        ({"limit": Decimal(0), "limit_remaining": Decimal(0)}, "$0.00 $0.00 $0.00 never"),
        ({"limit_reset": "monthly"}, "$11.75 $20.00 $8.25 41% 2026-12-01"),
        ({"limit_reset": "fortnightly\x1b[2J"}, "$11.75 $20.00 $8.25 41% fortnightly?[2J"),
        ({"unread": ("limit_reset",)}, "$11.75 $20.00 $8.25 41% -"),
        ({"limit_remaining": None}, "- $20.00 - - never"),
        ({"limit_remaining": None, "limit_reset": "monthly"}, "- $20.00 - - 2026-12-01"),
        ({"limit_remaining": None, "limit_reset": "yearly\x07"}, "- $20.00 - - yearly?"),
        ({"limit_remaining": None, "unread": ("limit_reset",)}, "- $20.00 - - -"),
    ],
)
def test_a_key_limit_is_unknown_or_none_or_never(
    capsys: pytest.CaptureFixture[str], fields: dict[str, Any], cells: str
) -> None:
    """`-` is unknown, `none` is no limit, `never` is no reset; a cell that does not apply is empty."""
    draw(key_info(**fields))

    row = next(line for line in capsys.readouterr().out.splitlines() if line[2:].startswith("Key limit"))
    assert f"Key limit {cells}" == " ".join(row[2:].split())


@pytest.mark.parametrize(
    ("key", "wallet", "shown"),
    [
        (key_info(), None, {"Wallet": "- - - - -", "Expires": "never", "Free models": "-"}),
        (key_info(), WALLET, {"Wallet": "$74.75 $100.50 $25.75 25% never"}),
        (None, WALLET, {"Key limit": "- - - - -", "Key": "-", "Expires": "-", "Spent": "-"}),
        (key_info(expires_at=RESET), None, {"Expires": "2026-12-01 00:00 UTC"}),
        (key_info(unread=("expires_at",)), None, {"Expires": "-"}),
        (key_info(free_model_daily_requests=FreeModelQuota(50, 3)), None, {"Free models": "-"}),
        (
            key_info(usage_daily=Decimal(1), usage_weekly=Decimal(2), usage_monthly=Decimal(3)),
            None,
            {"Spent": "$1.00 today, $2.00 this week, $3.00 this month, $9.00 in all"},
        ),
        (
            key_info(budgets=(Budget("member", Decimal(9), Decimal(2), Decimal(7), "lifetime"),)),
            None,
            {"Member budget": "$7.00 $9.00 $2.00 22% never"},
        ),
    ],
)
def test_each_fact_is_a_value_or_unknown_or_never(
    capsys: pytest.CaptureFixture[str], key: KeyInfo | None, wallet: Credits | None, shown: dict[str, str]
) -> None:
    """A value that was not read is `-`; an event that never happens is `never`."""
    draw(key, wallet)

    lines = [" ".join(line.strip("> ").split()) for line in capsys.readouterr().out.splitlines()]
    assert [f"{name} {value}" for name, value in shown.items()] == [
        line for line in lines if any(line == f"{name} {value}" for name, value in shown.items())
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"expires_at": NOW}, "Key expired"),
        ({"allowed_data_regions": ()}, "No data region"),
        ({"is_management_key": True}, "Management key"),
    ],
)
def test_the_reason_stops_an_invalid_key_and_not_its_wallet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], reason: str
) -> None:
    """A key that cannot spend has the reason in the marked row; its healthy wallet has no alarm colour."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")

    draw(key_info(**fields), WALLET)

    out = capsys.readouterr().out
    plain = re.sub(r"\x1b\[[\d;]*m", "", out)
    wallet = next(line for line in out.splitlines() if "  Wallet" in line)
    assert [f"> {reason} $0.00"] == [
        " ".join(line.split()) for line in plain.splitlines() if line.startswith(">")
    ]
    assert wallet.startswith("  Wallet ")
    assert set(re.findall(r"38;5;(\d+)", wallet)) <= {"28", "243"}  # of the bar: green, and grey


@pytest.mark.parametrize(
    ("columns", "bar"), [("80", 13), ("120", 20), ("70", 0), ("40", 0), (None, 0)], ids=str
)
def test_limits_have_bars_where_there_is_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str | None, bar: int
) -> None:
    """On a wide terminal a bar beside each limit shows the used part; elsewhere the percentage says it."""
    if columns:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", columns)

    draw(key_info(budgets=(Budget("workspace", Decimal(50), Decimal(25), Decimal(25)),)), WALLET)

    plain = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    bars = [line.count("━") + line.count("╸") + line.count("╺") for line in plain.splitlines()]
    assert [bar] * 3 * bool(bar) == [length for length in bars if length]
    assert "50%" in plain


def test_each_bar_has_the_colour_of_its_own_limit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bar of a limit that is spent is red, also if another limit stops the key first."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    spent = [Budget(scope, Decimal(50), Decimal(50), Decimal(0)) for scope in ("member", "workspace")]

    draw(key_info(budgets=tuple(spent)), WALLET)

    lines = [line for line in capsys.readouterr().out.splitlines() if "━" in line]
    colours = [re.findall(r"38;5;(\d+)m━", line)[0] for line in lines]
    assert ["28", "28", "196", "196"] == colours


def test_percentages_give_way_before_the_table_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 60 columns, a table too wide for the percentages is drawn without them."""
    monkeypatch.setenv("COLUMNS", "60")

    draw(key_info(budgets=(Budget("workspace", Decimal(50), Decimal(25), Decimal(25)),)), WALLET)

    out = capsys.readouterr().out
    assert re.search(r"^ +Left +Limit +Used  Resets", out, re.MULTILINE)
    assert "%" not in out


def test_one_line_is_one_line_on_a_narrow_terminal(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--oneline prints one line, however narrow the terminal is."""
    use(fake.add_account(credits=40).add_key(limit=3))
    monkeypatch.setenv("COLUMNS", "10")

    assert "CRITICAL <= $3.00 (key limit)\n" == run("--oneline").out


def test_the_bound_that_binds_is_marked_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Exactly one bound is marked: the smallest of its scope, and of two equal ones the first."""
    budgets = tuple(
        Budget("member", limit_usd=Decimal(limit), remaining_usd=Decimal(left))
        for limit, left in ((9, 8), (8, 7), (7, 7))
    )

    draw(key_info(budgets=budgets))

    marked = [line for line in capsys.readouterr().out.splitlines() if line.startswith(">")]
    assert 1 == len(marked)
    assert re.search(r"\$7\.00 +\$8\.00", marked[0])


@pytest.mark.parametrize("columns", [40, 60])
def test_it_fits_the_width(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """The status fits the terminal: lines are folded between words; below 60 columns there are no tables."""
    budget = FakeBudget("workspace", 50, "38.25", reset_interval="weekly")
    use(
        fake.add_account(credits="100.50", usage="25.75").add_key(
            credits_reply="real", limit=30, limit_reset="monthly", budgets=[budget]
        )
    )
    monkeypatch.setenv("COLUMNS", str(columns))

    out = run().out

    assert max(map(len, out.splitlines())) <= columns
    wanted = ("$74.75", "never", "Key limit", "$30.00", "Workspace budget", "$11.75", "1000 of 1000")
    assert not [words for words in wanted if words not in out]
    assert (columns < 60) == ("> Workspace budget\n  Left: $11.75   Limit: $50.00\n" in out)


def test_a_terminal_is_coloured_by_level(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal, LOW is orange; with NO_COLOR, nothing is coloured."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    use(fake.add_account(credits=7).add_key(credits_reply="real"))

    coloured = run().out
    monkeypatch.setenv("NO_COLOR", "1")
    plain = run().out

    assert coloured.startswith("\x1b[38;5;130m$7.00 left, limited by the wallet.")
    assert "\x1b[3" not in plain


def test_no_key_says_where_one_comes_from(run: Run) -> None:
    """The command ends with 3 if there is no key, and names the variables and the demo in one line."""
    outcome = run()

    assert (3, "") == (outcome.code, outcome.out)
    assert (
        "openrouter-credits: There is no API key. "
        "Set OPENROUTER_API_KEY (or OPENROUTER_KEY, or OPENROUTER_MANAGEMENT_KEY), "
        "or run openrouter-credits demo, which needs none.\n"
    ) == outcome.err


@pytest.mark.parametrize(
    ("variables", "code", "message"),
    [
        (
            {"OPENROUTER_API_KEY": "sk-or-v1-with a blank"},
            2,
            "OPENROUTER_API_KEY: The API key's character 14 of 21 (U+0020) is white space",
        ),
        (
            {"OPENROUTER_API_KEY": "sk-or-v1-none", "OPENROUTER_MANAGEMENT_KEY": "a b"},
            3,
            "OPENROUTER_MANAGEMENT_KEY: The API key's character 2 of 3 (U+0020) is white space",
        ),
        (
            {"OPENROUTER_API_KEY": "sk-or-v1-none", "OPENROUTER_BASE_URL": "http://example.org"},
            3,
            "OPENROUTER_BASE_URL is neither https nor http on this machine",
        ),
    ],
)
def test_a_wrong_setting_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], code: int, message: str
) -> None:
    """A text that cannot be a key ends with 2, as an invalid key; any other wrong setting ends with 3."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    outcome = run()

    assert (code, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert message in outcome.err


def test_ctrl_c_is_one_line_and_130(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """Ctrl-C during a request ends with 130 and one line, and shows no part of the status."""
    use(fake.add_account().add_key())
    fake.script("/key", Hang())

    def interrupt() -> None:
        while not any(request.path == "/key" for request in fake.requests):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    outcome = run()
    thread.join()

    assert (130, "", "openrouter-credits: Interrupted.\n") == (outcome.code, outcome.out, outcome.err)


def test_options_reach_the_client(fake: FakeOpenRouter, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time-out of a try, the deadline and what to read reach the client, or their defaults do."""
    use(fake.add_account(credits=40).add_key(limit=20))
    passed: list[tuple[float, float]] = []
    make = CreditsClient.__init__

    def note_and_make(client: CreditsClient, *, timeout: float, retry: RetryPolicy) -> None:
        passed.append((timeout, retry.deadline))
        make(client, timeout=timeout, retry=retry)

    monkeypatch.setattr(CreditsClient, "__init__", note_and_make)
    form = Form(Decimal(10), Decimal(5))

    codes = [show_status(form, Reading()), show_status(form, Reading(("key",), 3.0, 7.0))]

    assert ([3, 0], [(10.0, 30.0), (3.0, 7.0)]) == (codes, passed)
    assert ["/credits", "/key", "/key"] == sorted(request.path for request in fake.requests)


@pytest.mark.parametrize("reading", [Reading(timeout=0.0), Reading(deadline=0.0)])
def test_a_time_out_of_range_is_told(use: Use, fake: FakeOpenRouter, reading: Reading) -> None:
    """A time that is no positive number of seconds is named, with where to look."""
    use(fake.add_account().add_key())

    with pytest.raises(CommandError, match=r"not 0\.0\. See openrouter-credits status --help\.$"):
        show_status(Form(Decimal(10), Decimal(5)), reading)


def test_a_terminal_gets_a_spinner(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the answer is awaited, standard error shows what is awaited; at the end it is gone."""
    monkeypatch.setattr(_waiting, "PATIENCE", 0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    use(fake.add_account(credits=40).add_key(credits_reply="real"))

    outcome = run()

    assert re.search(r"Asking OpenRouter 0:00:0\d of 30 s", re.sub(r"\x1b\[[\d;?]*[a-z]", "", outcome.err))
    assert outcome.err.endswith("\x1b[2K")
    assert "Asking" not in outcome.out


def test_level_order_is_complete() -> None:
    """Every level has an exit code and a colour."""
    from openrouter_credits.cli._exits import EXIT_CODES
    from openrouter_credits.cli._screen import STYLES

    assert set(Level) == set(EXIT_CODES) == set(STYLES)
