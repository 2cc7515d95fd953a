"""Every public value can be written as JSON, pickled, copied, taken apart and shown in a REPL."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import cattrs
import pytest

import openrouter_credits
import openrouter_credits.history
import openrouter_credits.watch
from openrouter_credits import (
    Activity,
    ActivityItem,
    ApiKey,
    Attempt,
    Budget,
    CheckReport,
    Credits,
    FreeModelQuota,
    Generation,
    KeyCheck,
    KeyStatus,
    Level,
    ManagedKey,
    NewKey,
    OpenRouterError,
    RateLimitError,
    Runway,
    Setting,
    Spendable,
    Wallet,
    Workspace,
)
from openrouter_credits._documents import Value
from openrouter_credits._status.look import assess
from openrouter_credits._status.managed import Shared, managed_status
from openrouter_credits.history import Point, Reading, Recorded, Subject, read_subjects
from openrouter_credits.watch import Event
from tests.kit.values import DOWN, FORBIDDEN, KEY, MASK, MONDAY, NOW, budget, key, wallet

INFO = key(
    "26.83",
    budget("workspace", "11.75", MONDAY),
    label=MASK,
    limit_reset="monthly",
    free_model_daily_requests=FreeModelQuota(50, 1, 49),
    extra={"new": [Decimal("1.5")]},
)
STATUS = assess(wallet("74.75"), INFO, wallet_reader=None, now=NOW)
FULL = attrs.evolve(INFO, allowed_data_regions=("global",), unread=("limit_reset",))
BLIND = assess(FORBIDDEN, key(), wallet_reader=None, now=NOW)
CHECK = KeyCheck(0, "bot", MASK, "acme", STATUS, None, 0.0016742959, wallet_id=0)
FAILED = KeyCheck(1, None, MASK, None, None, DOWN, 12.5)
REPORT = CheckReport((CHECK, FAILED, KeyCheck(2, "blind", MASK, None, BLIND, None, 0.1)))
MANAGED = ManagedKey(
    label=MASK,
    usage=Decimal("3.17"),
    limit=Decimal(30),
    limit_remaining=Decimal("26.83"),
    hash="8f14e45f",
    name="bot",
    disabled=False,
    last_used_at=NOW,
    extra={"new": 1},
)
LISTED = attrs.evolve(
    CHECK, status=managed_status(MANAGED, wallet("74.75"), Shared(), NOW), managed_key=MANAGED
)
ITEM = ActivityItem(date(2026, 10, 20), "openai/gpt-4.1", Decimal("0.25"), requests=3, extra={"new": 1})
NEW_KEY = NewKey(MANAGED, ApiKey(KEY))
RUNWAY = Runway.of(Decimal(5), (Decimal("2.5"), Decimal(10)), NOW, basis="history", resets_at=MONDAY)
BOT = Subject("key", "acme", "bot", hash="8f14e45f")
EVENT = Event(
    "2f3c",
    "low",
    BOT,
    Level.LOW,
    Level.OK,
    Decimal(5),
    Decimal(10),
    "key_limit",
    MONDAY,
    None,
    ("bot",),
    NOW,
    NOW,
    "Key bot of acme has $5.00 left.",
)
LIMITED = RateLimitError("slow down", status=429, metadata={"retry_after_seconds": 2})

VALUES: dict[str, Any] = {
    "Credits": Credits(Decimal("100.5"), Decimal("25.75"), extra={"new": 1}),
    "KeyInfo": INFO,
    "Budget": Budget("workspace", Decimal(50), Decimal("38.25"), Decimal("11.75"), "weekly", MONDAY),
    "FreeModelQuota": FreeModelQuota(50, 1, 49),
    "Bound": STATUS.spendable.bounds[0],
    "Spendable": STATUS.spendable,
    "KeyStatus": STATUS,
    "a blind KeyStatus": BLIND,
    "KeyCheck": CHECK,
    "a failed KeyCheck": FAILED,
    "a listed KeyCheck": LISTED,
    "Runway": RUNWAY,
    "an unknown Runway": Runway.of(Decimal(5), (), NOW, basis="counters"),
    "ManagedKey": MANAGED,
    "Workspace": Workspace("w0", "Team", "team", created_at=NOW, extra={"new": 1}),
    "ActivityItem": ITEM,
    "Activity": Activity((ITEM, ITEM), date(2026, 10, 20), date(2026, 10, 20), is_cut=True),
    "an empty Activity": Activity((), None, None),
    "Wallet": REPORT.wallets()[0],
    "Total": REPORT.total(),
    "CheckReport": REPORT,
    "an empty CheckReport": CheckReport(()),
    "Attempt": Attempt(LIMITED, 429, 0.5, 2.0),
    "Generation": Generation("gen-1", Decimal("0.0125"), "openai/gpt-4.1", NOW, tokens_prompt=10),
    "Setting": Setting("api_key", MASK, "environment OPENROUTER_API_KEY", ("OPENROUTER_KEY",)),
    "an error": LIMITED,
    "Subject": BOT,
    "Reading": read_subjects(REPORT).readings[0],
    "an unread Reading": Reading(BOT, error=DOWN, is_read=False, keys=("bot",), checks=(FAILED,)),
    "Point": Point(NOW, Decimal("9.9")),
    "Recorded": Recorded(EVENT.id, NOW, BOT, EVENT.kind, "{}"),
    "Event": EVENT,
}

each_value = pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
each_of_attrs = pytest.mark.parametrize(
    "value",
    [value for value in VALUES.values() if attrs.has(type(value))],
    ids=lambda value: type(value).__name__,
)


DOORS = (openrouter_credits, openrouter_credits.history, openrouter_credits.watch)


def test_the_table_has_all_values() -> None:
    """Each public value is in the table, but for one that holds a key, and one that holds a dict."""
    public = [getattr(door, name) for door in DOORS for name in door.__all__]
    classes = {item.__name__ for item in public if isinstance(item, type) and attrs.has(item)}
    parts = {item.__name__ for item in public if isinstance(item, type) and not issubclass(item, Value)}
    values = {type(value).__name__ for value in VALUES.values() if attrs.has(type(value))}

    assert classes - parts - {"Decision", "NewKey"} == values


@each_value
def test_a_value_can_be_written_as_json(value: Any) -> None:
    """to_json() writes a JSON object of the schema 2, in one line or in several, which say the same."""
    line, lines = value.to_json(), value.to_json(2)

    document = json.loads(line)
    assert list(document)[:1] == ["schema_version"]
    assert document["schema_version"] == 2
    assert document == json.loads(lines)
    assert (line.count("\n"), lines.count("\n") > 0) == (0, True)
    assert "extra" not in line


@each_value
def test_a_value_can_be_pickled_and_copied(value: Any) -> None:
    """A pickle and both kinds of copy say the same as the value."""
    copies = [pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)]

    assert [each.to_json() for each in copies] == [value.to_json()] * 3
    assert [repr(each) for each in copies] == [repr(value)] * 3
    assert {type(each) for each in copies} == {type(value)}


@each_of_attrs
def test_a_copy_of_a_value_is_equal_to_it(value: Any) -> None:
    """Copies are equal to the value and have its hash, errors included: those are compared by their words."""
    copies = [pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)]

    assert copies == [value] * 3
    assert {hash(each) for each in copies} == {hash(value)}


def test_values_with_other_errors_differ() -> None:
    """Statuses, checks, wallets and attempts are equal only if their errors say the same."""
    down = copy.copy(DOWN)
    down.args = ("503 Another text",)

    assert attrs.evolve(BLIND, problems=(DOWN,)) != attrs.evolve(BLIND, problems=(down,))
    assert attrs.evolve(BLIND, problems=()) != BLIND
    assert attrs.evolve(FAILED, error=down) != FAILED
    assert attrs.evolve(FAILED, error=None) != FAILED
    assert Wallet(None, None, DOWN, ()) != Wallet(None, None, down, ())
    assert Attempt(DOWN, 503, 0.5, 0) != Attempt(down, 503, 0.5, 0)


@each_of_attrs
def test_a_value_can_be_taken_apart_by_attrs(value: Any) -> None:
    """attrs.asdict() gives a dict that json.dumps() accepts with `default=str`, amounts as texts."""
    parts = attrs.asdict(value)

    assert list(parts) == [field.name for field in attrs.fields(type(value))]
    assert isinstance(json.loads(json.dumps(parts, default=str)), dict)


@each_of_attrs
def test_a_value_can_be_taken_apart_by_cattrs(value: Any) -> None:
    """cattrs.unstructure() gives plain containers, with the fields under their names."""
    parts = cattrs.unstructure(value)

    assert set(parts) == {field.name for field in attrs.fields(type(value))}
    assert not any(attrs.has(type(part)) for part in parts.values())


def test_a_new_key_is_written_with_its_mask() -> None:
    """The JSON of a new key has the key as it is listed, and its secret masked; so has its repr."""
    document = json.loads(NEW_KEY.to_json())

    assert list(document) == ["schema_version", "info", "secret"]
    assert (document["info"]["hash"], document["secret"]) == ("8f14e45f", MASK)
    assert KEY not in f"{NEW_KEY!r} {NEW_KEY} {NEW_KEY.to_json(2)}"


def test_a_new_key_is_not_pickled() -> None:
    """Pickling a new key is a TypeError, as it is for its secret; a copy has the secret."""
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(NEW_KEY)

    assert [copy.copy(NEW_KEY), copy.deepcopy(NEW_KEY)] == [NEW_KEY] * 2
    assert copy.deepcopy(NEW_KEY).secret.reveal() == KEY


def test_a_status_is_laid_out_for_readers() -> None:
    """The document of a status has its level and sentence, the figures, the problems and the time."""
    document = json.loads(STATUS.to_json())

    assert list(document) == [
        "schema_version",
        "level",
        "sentence",
        "spendable",
        "wallet",
        "key",
        "problems",
        "error",
        "checked_at",
    ]
    assert (document["level"], document["sentence"]) == ("OK", STATUS.explain())
    assert [bound["name"] for bound in document["spendable"]["bounds"]] == [
        "wallet",
        "key_limit",
        "workspace",
    ]
    assert document["wallet"] == {"total_credits": 100.5, "total_usage": 25.75, "remaining": 74.75}
    assert document["key"]["used_in_window"] == 473.17
    assert document["key"]["next_reset"] == "2026-11-01T00:00:00Z"
    assert (document["problems"], document["error"]) == ([], None)
    assert document["checked_at"] == "2026-10-21T13:05:00Z"


def test_what_is_missing_is_null() -> None:
    """The document of a status without wallet and amount has null for both, and the reason as a problem."""
    document = json.loads(BLIND.to_json())

    assert (document["level"], document["wallet"], document["spendable"]["amount"]) == ("UNKNOWN", None, None)
    assert [problem["type"] for problem in document["problems"]] == ["ManagementKeyRequiredError"]
    assert json.loads(KeyStatus(None, None, BLIND.spendable, (), NOW).to_json())["key"] is None


def test_a_check_is_laid_out_as_its_status() -> None:
    """The document of a check is that of its status, with its names before, and its seconds at the end."""
    check, status = json.loads(CHECK.to_json()), json.loads(STATUS.to_json())

    assert list(check)[:6] == ["schema_version", "index", "name", "label", "account", "level"]
    assert {name: check[name] for name in status} == status
    assert (check["index"], check["name"], check["label"], check["account"]) == (0, "bot", MASK, "acme")
    assert check["elapsed"] == 0.002


def test_a_check_without_a_status_has_the_same_fields() -> None:
    """The document of a key that could not be read has the same fields, the error among them."""
    failed = json.loads(FAILED.to_json())

    assert list(failed) == list(json.loads(CHECK.to_json()))
    assert failed["error"]["type"] == "ServerError"
    assert (failed["level"], failed["problems"]) == ("UNKNOWN", [])
    assert {failed[name] for name in ("sentence", "spendable", "wallet", "key", "checked_at")} == {None}


def test_a_listed_check_has_the_key_as_it_was_listed() -> None:
    """The document of a check from a list has the key in it as ManagedKey.to_json() writes it."""
    listed = json.loads(LISTED.to_json())["managed_key"]

    assert {"schema_version": 2, **listed} == json.loads(MANAGED.to_json())
    assert (listed["hash"], listed["disabled"], listed["last_used_at"]) == (
        "8f14e45f",
        False,
        "2026-10-21T13:05:00Z",
    )
    assert json.loads(CHECK.to_json())["managed_key"] is None


def test_a_report_is_laid_out_for_readers() -> None:
    """The document of a report has its level, the counts of levels, the total, each check, each wallet."""
    report = json.loads(REPORT.to_json())

    assert list(report) == ["schema_version", "level", "counts", "total", "checks", "wallets"]
    assert report["level"] == "UNKNOWN"
    assert report["counts"] == {
        "OK": 1,
        "LOW": 0,
        "UNKNOWN": 2,
        "CRITICAL": 0,
        "DEPLETED": 0,
        "INVALID": 0,
    }
    assert report["total"] == {"known": 74.75, "owed": 0, "unread": 2}
    assert [check["index"] for check in report["checks"]] == [0, 1, 2]
    assert {"schema_version": 2, **report["checks"][0]} == json.loads(CHECK.to_json())
    assert report["wallets"][0] == {
        "account": "acme",
        "wallet": {"total_credits": 100.5, "total_usage": 25.75, "remaining": 74.75},
        "error": None,
        "checks": [0],
    }
    assert json.loads(CheckReport(()).to_json())["level"] == "UNKNOWN"


PAGE = Path(__file__).parents[1] / "docs" / "howto" / "values.md"


def paths_of(document: Any, path: str = "") -> set[str]:
    """List the path of each field of a document; `[]` stands for each element of a list."""
    if isinstance(document, list):
        return set().union(*[paths_of(item, f"{path}[]") for item in document])
    if isinstance(document, dict):
        return set().union(*[paths_of(item, f"{path}.{name}") for name, item in document.items()])
    return {path.removeprefix(".")}


def test_the_page_of_values_tells_every_field() -> None:
    """The tables in docs/howto/values.md name each field of statuses, checks, listed keys and the others."""
    told: dict[str, set[str]] = {}
    for table in PAGE.read_text(encoding="utf-8").partition("## Every field")[2].split("| Field of a ")[1:]:
        rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
        names = told[table.split()[0]] = set[str]()
        for row in rows:
            first, *others = [name.strip(" `") for name in row.split(",")]
            names |= {first, *(first.rpartition(".")[0] + other for other in others)}
    status_of_full = attrs.evolve(STATUS, key=FULL, problems=(DOWN,))
    full = KeyCheck(0, "bot", MASK, "acme", status_of_full, DOWN, 0.1, managed_key=MANAGED)
    listed = json.loads(attrs.evolve(MANAGED, unread=("disabled",)).to_json())
    report = CheckReport((full,))
    check = json.loads(full.to_json())
    status = {name: value for name, value in check.items() if name not in told["check"]}
    del status["key"]["effective_budget"]  # as one of the budgets
    of_report = json.loads(report.to_json())
    of_report.update(checks=[None])
    of_report["wallets"][0].update(wallet=None, error=None)

    assert told["status"] == paths_of(status)
    assert told["check"] == check.keys() - json.loads(STATUS.to_json()).keys()
    assert told["listed"] == paths_of(listed) - {"schema_version"} - {path[4:] for path in told["status"]} | {
        "unread[]"
    }
    assert told["runway"] == json.loads(RUNWAY.to_json()).keys() - {"schema_version"}
    assert told["report"] == paths_of(of_report) - {"schema_version"} | {"complete"}


def test_the_level_in_a_document_is_judged_by_the_callers_thresholds() -> None:
    """to_json() of a status, a check and a report takes the thresholds of level()."""
    report = CheckReport((CHECK,))

    documents = [json.loads(each.to_json(warn=15, critical=12)) for each in (STATUS, CHECK, report)]

    assert [document["level"] for document in documents] == ["CRITICAL"] * 3
    assert documents[2]["checks"][0]["level"] == "CRITICAL"
    assert documents[2]["counts"]["CRITICAL"] == 1
    assert json.loads(STATUS.to_json(warn=15))["level"] == "LOW"


@pytest.mark.parametrize(
    "value", [STATUS, CHECK, FAILED, REPORT, CheckReport(())], ids=lambda value: type(value).__name__
)
def test_the_thresholds_of_a_document_are_validated(value: Any) -> None:
    """to_json() refuses thresholds in the wrong order, as level() does."""
    with pytest.raises(ValueError, match="warn is at least critical"):
        value.to_json(warn=3, critical=5)


def test_a_key_in_a_strangers_words_is_masked() -> None:
    """A key in a name, a label or a message of the server is masked in the JSON of a report."""
    info = key(label=f"x {KEY}", creator_user_id=KEY, allowed_data_regions=(KEY,))
    status = assess(FORBIDDEN, info, wallet_reader=None, now=NOW)
    error = RateLimitError(f"slow down {KEY}", status=429)

    text = CheckReport(
        (KeyCheck(0, KEY, KEY, KEY, status, None, 0), KeyCheck(1, KEY, KEY, KEY, None, error, 0))
    ).to_json()

    assert KEY not in text
    assert text.count("sk-or-***") >= 8


# How values are shown


def test_the_repr_of_a_status_is_short() -> None:
    """The repr of a status has the amount and what limits it; of the key it has the label alone."""
    assert repr(STATUS) == (
        f"KeyStatus(key=<KeyInfo {MASK!r}>, "
        "credits=Credits(total_credits=Decimal('100.5'), total_usage=Decimal('25.75')), "
        "spendable=Spendable(amount=Decimal('11.75'), bound_by='workspace', "
        "resets_at=datetime.datetime(2026, 10, 26, 0, 0, tzinfo=datetime.timezone.utc), "
        "certainty='complete'), problems=(), "
        "checked_at=datetime.datetime(2026, 10, 21, 13, 5, tzinfo=datetime.timezone.utc))"
    )
    assert repr(KeyStatus(None, None, BLIND.spendable, (), NOW)).startswith(
        "KeyStatus(key=None, credits=None, "
    )


def test_the_repr_of_a_check_has_few_digits() -> None:
    """The repr of a check shows milliseconds, and the status as it shows itself."""
    assert repr(CHECK) == (
        f"KeyCheck(index=0, name='bot', label={MASK!r}, account='acme', status={STATUS!r}, "
        "error=None, elapsed=0.002)"
    )


def test_the_repr_of_many_checks_is_their_number() -> None:
    """The repr of a report of 10,000 keys, and of their wallet, has the number of checks, not the checks."""
    report = CheckReport((CHECK,) * 10_000)

    assert repr(report) == "CheckReport(checks=<10000 of KeyCheck>)"
    assert repr(report.wallets()[0]) == (
        f"Wallet(account='acme', credits={STATUS.credits!r}, error=None, checks=<10000 of KeyCheck>)"
    )


SENTENCES = {
    "KeyStatus",
    "a blind KeyStatus",
    "KeyCheck",
    "a failed KeyCheck",
    "a listed KeyCheck",
    "CheckReport",
    "Runway",
    "an unknown Runway",
    "Event",
}


@pytest.mark.parametrize(
    "value",
    [value for name, value in VALUES.items() if name in SENTENCES],
    ids=lambda value: type(value).__name__,
)
def test_a_finding_is_printed_as_a_sentence(value: Any) -> None:
    """str() of a status, a check, a report, a runway or an event is one plain sentence."""
    text = str(value)

    assert text == f"{value}"
    assert text.endswith(".")
    assert "Decimal" not in text
    assert "(key=" not in text


@pytest.mark.parametrize(
    "value",
    [
        value
        for name, value in VALUES.items()
        if name not in SENTENCES | {"an empty CheckReport", "an error", "Subject"}
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_part_is_printed_as_its_repr(value: Any) -> None:
    """str() of the parts of a finding, such as a wallet or a bound, is the short repr with the fields."""
    assert str(value) == repr(value)
    assert len(str(value)) < 500
    assert "bounds" not in str(value)


def test_a_level_is_a_text_everywhere() -> None:
    """A level works in match, f-strings, JSON, sorted() and as the key of a dict, as its name does."""
    match BLIND.level():
        case Level.UNKNOWN:
            seen = "matched"
    match Level.LOW:
        case "LOW":
            seen += " as a text"

    assert seen == "matched as a text"
    assert f"{Level.OK:>4}" == "  OK"
    assert json.dumps({Level.OK: Level.LOW}) == '{"OK": "LOW"}'
    counts: dict[str, int] = {Level.OK: 1}
    assert counts["OK"] == counts[Level.OK] == 1
    assert sorted(["INVALID", Level.OK, Level.DEPLETED, Level.LOW], key=Level) == [
        Level.OK,
        Level.LOW,
        Level.DEPLETED,
        "INVALID",
    ]
    assert max(Level) is Level("INVALID") is Level.INVALID


def test_a_level_takes_one_threshold() -> None:
    """level(warn=3) halves the threshold for CRITICAL: $4 is OK, $2 is LOW, $1 is CRITICAL."""
    amounts = [Decimal(4), Decimal(2), Decimal(1)]

    statuses = [
        KeyStatus(None, None, Spendable(amount, "wallet", None, "complete"), (), NOW) for amount in amounts
    ]

    assert [status.level(warn=3) for status in statuses] == [Level.OK, Level.LOW, Level.CRITICAL]


def test_an_error_keeps_what_it_is() -> None:
    """An error that can be written as JSON is still an exception with its text and its facts."""
    assert isinstance(LIMITED, Exception)
    assert isinstance(LIMITED, OpenRouterError)
    assert str(LIMITED).startswith("429 slow down. ")
    assert LIMITED.metadata == {"retry_after_seconds": 2}
