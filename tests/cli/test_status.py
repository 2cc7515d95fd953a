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

from openrouter_credits import ApiKey, Budget, Credits, KeyInfo, KeyStatus, Level
from openrouter_credits._status.spendable import spendable
from openrouter_credits.cli._options import Form
from openrouter_credits.cli._screen import make_console
from openrouter_credits.cli._status import draw_status
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
    """Status shows a sentence, then the bounds: the binding one is marked, and unknown values are dashes."""
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
$9.95 left until Monday 00:00 UTC, limited by the workspace budget (wallet: not asked for).

                      Left   Limit    Used  Resets (UTC)
  Wallet                 -       -       -  -
  Key limit         $11.75  $20.00   $8.25  2026-12-01
> Workspace budget   $9.95  $50.00  $40.05  2026-11-30

  Level             LOW (LOW below $10.00, CRITICAL below $5.00)
  Key               sk-or-v1-0e6...1c96
  Expires           -
  Free models       -
"""
    assert expected == capsys.readouterr().out


def test_a_healthy_key(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """The status of a healthy key shows its wallet, and is the same with and without the word `status`."""
    use(fake.add_account(credits="100.50", usage="25.75").add_key(credits_reply="real", usage="3.17"))

    bare, named = run(), run("status")

    assert (0, "", bare.out) == (named.code, named.err, named.out)
    assert "$74.75 left, limited by the wallet." == bare.out.splitlines()[0]
    assert re.search(r"^> Wallet +\$74\.75 +\$100\.50 +\$25\.75  never$", bare.out, re.MULTILINE)
    assert re.search(r"^  Key limit +- +none +-  -$", bare.out, re.MULTILINE)
    assert "  Free models       1000 of 1000 requests left today\n" in bare.out


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
    assert "OK (LOW below $3.00, CRITICAL below $1.00)" in run("--warn", "3", "--critical", "1").out


def test_a_wallet_that_may_not_be_read_is_a_dash(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """A wallet that may not be read is a dash with a remedy; a high key limit alone is no verdict (3)."""
    use(fake.add_account(credits=40).add_key(limit=100))

    outcome = run()

    assert (3, "") == (outcome.code, outcome.err)
    assert re.search(r"^  Wallet +-        -      -  -$", outcome.out, re.MULTILINE)
    assert outcome.out.endswith(
        "\nNot read: 403 Only management keys can perform this operation. "
        "Create a management key at https://openrouter.ai/settings/management-keys; "
        "the key's own limit (/key) can be read without one.\n"
    )


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
    assert "$0" not in text.out
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

    never = {"reset": None, "resets_at": None}
    figures = [
        ("wallet", 43.628104995, 100.3, 56.671895005, False),
        ("key_limit", 56.83, 60, 3.17, False),
        ("workspace", 11.75, 50, 38.25, True),
    ]
    names = ("name", "remaining", "limit", "used", "binds")
    assert [{**dict(zip(names, row, strict=True)), **never} for row in figures] == spendable["bounds"]


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
    assert re.search(r"^  Key limit +-      -      -  -$", outcome.out, re.MULTILINE)
    assert "  Key               -\n  Expires           -\n  Free models       -\n" in outcome.out


def test_an_invalid_key_has_nothing_to_spend(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--oneline shows no amount for a refused key, although a management key could read the wallet."""
    monkeypatch.setenv(
        "OPENROUTER_MANAGEMENT_KEY", fake.add_account(credits=50).add_key(management=True).reveal()
    )
    use(ApiKey("sk-or-v1-" + "0" * 64))

    outcome = run("--oneline")

    assert (2, "INVALID -\n") == (outcome.code, outcome.out)


def test_a_management_key_says_so(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """The label of a management key is followed by `(management key)`."""
    key = fake.add_account(credits=50).add_key(management=True)
    use(key)

    assert f"  Key               {key} (management key)\n" in run().out


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

    assert "  Key               [bold red]:smile:?[31m?1m??sk-or-***\n" in text.out
    assert re.search(r"^> \[red\]odd\?\[2J scope budget +\$7\.00 +- +-  -$", text.out, re.MULTILINE)
    assert "  Free models       3 requests left today\n" in text.out
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
    assert re.search(r"^> Member budget +\$5\.00       -      -  2026-11-25 06:30$", out, re.MULTILINE)
    assert "  Expires           2026-12-24 18:00 UTC\n" in out


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"limit": None, "limit_remaining": None}, "-"),
        ({}, "never"),
        ({"limit_reset": "daily"}, "2026-11-25"),
        ({"limit_reset": "fortnightly\x1b[2J"}, "fortnightly?[2J"),
    ],
)
def test_a_limit_that_is_never_renewed_says_so(
    capsys: pytest.CaptureFixture[str], fields: dict[str, Any], shown: str
) -> None:
    """The resets column shows a day, `never`, or an unknown interval's name; a dash without a limit."""
    draw(key_info(**fields))

    assert re.search(rf"^[> ] Key limit .* {re.escape(shown)}$", capsys.readouterr().out, re.MULTILINE)


def test_a_budget_that_could_not_be_read_is_told(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """A budget that could not be read is named below the tables, and a high amount is then no verdict (3)."""
    use(fake.add_account(credits=40).add_key(credits_reply="real"))
    budgets = [{"scope": "workspace", "remaining_usd": 30}, None, {"scope": "member"}]
    body = {"label": "k", "usage": 1, "limit": None, "budgets": budgets}
    fake.script("/key", Reply(200, {"data": body}))

    outcome = run()

    assert 3 == outcome.code
    assert outcome.out.startswith(
        "At most $30.00 left, limited by the workspace budget "
        "(wallet: $40.00, not all limits could be read).\n"
    )
    assert re.search(r"^> Workspace budget +\$30\.00 ", outcome.out, re.MULTILINE)
    assert [line[:52] for line in outcome.out.splitlines() if line.startswith("Not read")] == [
        "Not read: GET /key: budgets[1] could not be read. Ch",
        "Not read: GET /key: budgets[2].remaining_usd could n",
    ]


def test_equal_problems_are_told_once(fake: FakeOpenRouter, run: Run, use: Use) -> None:
    """Problems that differ in the number of a budget alone are one line, which counts the others."""
    use(fake.add_account(credits=40).add_key(credits_reply="real"))
    fake.script(
        "/key", Reply(200, {"data": {"label": "k", "usage": 1, "limit": None, "budgets": [None] * 300}})
    )

    outcome = run()

    assert 1 == outcome.out.count("Not read: ")
    assert "(and 299 more)" in " ".join(outcome.out.split())


def test_the_wallet_of_a_misplaced_management_key_binds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A management key in the place of an ordinary key has a wallet that binds nothing, and no own limits."""
    draw(key_info(is_management_key=True), wallet=WALLET)

    out = capsys.readouterr().out
    assert out.startswith(
        "This is a management key, which cannot run inference (wallet: $74.75): move it to "
    )
    assert re.search(r"^  Wallet +\$74\.75 ", out, re.MULTILINE)
    assert re.search(r"^  Key limit +- +- +-  -$", out, re.MULTILINE)
    assert "  Level             INVALID" in out


@pytest.mark.parametrize(
    ("limit", "wallet", "rows"),
    [
        (Decimal(20), None, ["Wallet - - - -", "> Key limit $11.75 $20.00 $8.25 never"]),
        (None, None, ["Wallet - - - -", "Key limit - none - -"]),
        (None, WALLET, ["> Wallet $74.75 $100.50 $25.75 never", "Key limit - none - -"]),
    ],
)
def test_wallet_and_key_limit_always_have_a_row(
    capsys: pytest.CaptureFixture[str], limit: Decimal | None, wallet: Credits | None, rows: list[str]
) -> None:
    """The first rows are the wallet and the key's limit: `-` is an unknown value, `none` is no limit."""
    draw(key_info(limit=limit, limit_remaining=limit and Decimal("11.75")), wallet)

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert [*rows, ""] == lines[3:6]


def test_a_key_that_was_not_read_has_a_row_of_dashes(capsys: pytest.CaptureFixture[str]) -> None:
    """If only the wallet was read, it binds, and the row of the key's limit has dashes only."""
    draw(None, WALLET)

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert ["> Wallet $74.75 $100.50 $25.75 never", "Key limit - - - -", ""] == lines[3:6]


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
    """The status fits the terminal: lines are folded; below 60 columns, the limits and usage are left out."""
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
    spared = ("$100.50", "$25.75", "$38.25")
    assert not [words for words in wanted if words not in out]
    assert [columns >= 60] * 3 == [words in out for words in spared]


def test_a_terminal_is_coloured_by_level(
    fake: FakeOpenRouter, run: Run, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal, LOW is yellow; with NO_COLOR, nothing is coloured."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    use(fake.add_account(credits=7).add_key(credits_reply="real"))

    coloured = run().out
    monkeypatch.setenv("NO_COLOR", "1")
    plain = run().out

    assert coloured.startswith("\x1b[33m$7.00 left, limited by the wallet.\x1b[0m\n")
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


def test_level_order_is_complete() -> None:
    """Every level has an exit code and a colour."""
    from openrouter_credits.cli._exits import EXIT_CODES
    from openrouter_credits.cli._screen import STYLES

    assert set(Level) == set(EXIT_CODES) == set(STYLES)
