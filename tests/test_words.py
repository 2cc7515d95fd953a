"""Amounts, moments, limits and strangers' words are shown without noise, keys and control characters."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import ApiKey, format_usd
from openrouter_credits._masking import scrub
from openrouter_credits._words import (
    day,
    exact_usd,
    limit_in_sentence,
    limit_in_table,
    mask_all,
    moment,
    more_of_limit,
    one_line,
    quote,
    quote_all,
    told_once,
    usd_left,
)
from tests.kit.values import HARSH, KEY, LENIENT, MASK, OTHER_KEY

# Amounts


DOLLARS: list[tuple[Decimal | int, str]] = [
    (Decimal("11.75"), "$11.75"),
    (Decimal("-2.75"), "-$2.75"),
    (Decimal("9.999"), "$9.99"),
    (Decimal("-2.751"), "-$2.76"),
    (Decimal("-0.001"), "-$0.01"),
    (Decimal("-0"), "$0.00"),
    (Decimal("999.999"), "$999.99"),
    (Decimal("1E+3"), "$1,000.00"),
    (Decimal("1234567.899"), "$1,234,567.89"),
    (Decimal("-1234.561"), "-$1,234.57"),
    (Decimal("123456789012345678901234567890.129"), "$123,456,789,012,345,678,901,234,567,890.12"),
    (Decimal("1E-999"), "$0.00"),
    (Decimal("-1E-999"), "-$0.01"),
    (Decimal("9.9E+96"), f"$9,900{',000' * 31}.00"),
    (100, "$100.00"),
]


@pytest.mark.parametrize(("amount", "shown"), DOLLARS)
def test_dollars_are_never_rounded_up(amount: Decimal | int, shown: str) -> None:
    """format_usd() shows two decimals, rounded down, so that it never shows more than there is."""
    assert format_usd(amount) == shown


@pytest.mark.parametrize("amount", [1.5, "1.5", True])
def test_dollars_are_exact_numbers(amount: Any) -> None:
    """format_usd() raises TypeError unless the amount is a Decimal or an int."""
    with pytest.raises(TypeError):
        format_usd(amount)


@pytest.mark.parametrize(
    "amount",
    [
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("-NaN"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
        Decimal("1E+97"),
        Decimal("-1E+98"),
        Decimal("1E+999999"),
        10**5000,
    ],
    ids=lambda amount: f"{amount:.5}" if isinstance(amount, Decimal) else "int",
)
def test_dollars_are_finite_and_not_too_long(amount: Decimal | int) -> None:
    """format_usd() raises ValueError that says what it accepts for NaN, infinities and endless numbers."""
    with pytest.raises(ValueError, match="an amount is a finite number of at most 97 digits"):
        format_usd(amount)


@pytest.mark.parametrize("context", [HARSH, LENIENT], ids=["harsh", "lenient"])
def test_no_decimal_context_changes_how_dollars_are_shown(context: Context) -> None:
    """No precision, rounding, exponent range or trap of the decimal context changes a formatted amount."""
    with localcontext(context):
        shown = [format_usd(amount) for amount, _ in DOLLARS]

    assert shown == [expected for _, expected in DOLLARS]


EXACT_DOLLARS: list[tuple[str, str, str]] = [
    ("5", "$5.00", "$5.00"),
    ("5.1", "$5.10", "$5.10"),
    ("0.004", "$0.004", "$0.004"),
    ("0.015", "$0.015", "$0.01"),
    ("1E-12", "$0.000000000001", "$0.000000000001"),
    ("-0.001", "-$0.001", "-$0.01"),
    ("-2.751", "-$2.751", "-$2.76"),
    ("0", "$0.00", "$0.00"),
    ("-0", "$0.00", "$0.00"),
    ("1234567.8900", "$1,234,567.89", "$1,234,567.89"),
    ("1E+3", "$1,000.00", "$1,000.00"),
]


@pytest.mark.parametrize(("amount", "exact", "left"), EXACT_DOLLARS)
def test_dollars_can_be_shown_exactly(amount: str, exact: str, left: str) -> None:
    """The amount that is needed is shown with all digits; so is the rest, if it is less than a cent."""
    with localcontext(HARSH):
        assert exact == exact_usd(Decimal(amount))
        assert left == usd_left(Decimal(amount))


# Moments


@pytest.mark.parametrize(
    ("now", "when", "name"),
    [
        ("2026-10-21T13:05", "2026-10-21T13:05", "Wednesday 13:05 UTC"),
        ("2026-10-21T13:05", "2026-10-28T13:04", "Wednesday 13:04 UTC"),
        ("2026-10-21T13:05", "2026-10-28T13:05", "28 October 13:05 UTC"),
        ("2026-10-21T13:05", "2026-10-21T13:04", "21 October 13:04 UTC"),
        ("2026-12-30T12:00", "2027-01-01T00:00", "Friday 00:00 UTC"),
        ("2026-12-01T12:00", "2027-01-01T00:00", "1 January 2027 00:00 UTC"),
        ("2027-01-01T12:00", "2026-12-31T23:59", "31 December 2026 23:59 UTC"),
        ("2026-10-21T13:05", "9999-12-31T23:59", "31 December 9999 23:59 UTC"),
        ("9999-12-31T23:58", "9999-12-31T23:59", "Friday 23:59 UTC"),
        ("2026-10-21T13:05", "0001-01-01T00:00", "1 January 1 00:00 UTC"),
    ],
)
def test_a_moment_is_named_in_utc(now: str, when: str, name: str) -> None:
    """A moment within a week is named by its weekday, others by date, with the year if it differs."""
    assert moment(datetime.fromisoformat(f"{when}+00:00"), datetime.fromisoformat(f"{now}+00:00")) == name


@pytest.mark.parametrize(
    ("now", "name", "hours"),
    [
        ("2026-12-31T12:00", "1 February 2027 00:00 UTC", 14),  # it is 2027 there already
        ("2027-01-01T06:00", "1 February 00:00 UTC", -12),  # it is still 2026 there
    ],
)
def test_local_times_are_converted_first(now: str, name: str, hours: int) -> None:
    """The day, year and hour of a moment are those of UTC, whatever the zones of the two times."""
    zone = timezone(timedelta(hours=hours))
    when = datetime(2027, 2, 1, tzinfo=UTC).astimezone(zone)

    assert moment(when, datetime.fromisoformat(f"{now}+00:00").astimezone(zone)) == name


def test_no_month_and_no_day_is_missing() -> None:
    """Each of the seven weekdays and of the 365 dates of a year has its English name."""
    first = datetime(2027, 1, 1, tzinfo=UTC)
    days = [first + timedelta(days=number) for number in range(365)]

    assert [moment(day, day) for day in days[:7]] == [
        f"{name} 00:00 UTC"
        for name in ("Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday")
    ]
    long_ago = datetime(2027, 12, 31, 23, tzinfo=UTC)
    assert [moment(day, long_ago) for day in days] == [f"{day.day} {day:%B} 00:00 UTC" for day in days]


@pytest.mark.parametrize("is_now_naive", [True, False])
def test_a_moment_needs_aware_times(is_now_naive: bool) -> None:
    """moment() raises ValueError if either of its times is naive."""
    aware, naive = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1)  # noqa: DTZ001 - a naive time is what is refused
    times = (aware, naive) if is_now_naive else (naive, aware)

    with pytest.raises(ValueError, match="aware"):
        moment(*times)


def test_a_day_has_a_time_unless_it_is_midnight() -> None:
    """A date is shown with its time, but at midnight, when most limits reset."""
    shown = [day(datetime(2026, 11, 1, hour, 30 * (hour > 0), tzinfo=UTC)) for hour in (0, 9)]

    assert ["2026-11-01", "2026-11-01 09:30"] == shown


# Limits


@pytest.mark.parametrize(
    ("name", "sentence", "table"),
    [
        ("wallet", "the wallet", "wallet"),
        ("key_limit", "the key's limit", "key limit"),
        ("workspace", "the workspace budget", "workspace budget"),
        (
            "workspace_default_member",
            "the workspace default member budget",
            "workspace default member budget",
        ),
        ("workspace_budget", "the workspace budget", "workspace budget"),
        ("wallet_budget", "the wallet budget", "wallet budget"),
        ("The team", "the team budget", "team budget"),
        ("the_budget", "the budget", "budget"),
        ("budget", "the budget", "budget"),
        ("lowbudget", "the lowbudget budget", "lowbudget budget"),
        ("theatre", "the theatre budget", "theatre budget"),
    ],
)
def test_a_limit_has_a_name(name: str, sentence: str, table: str) -> None:
    """The wallet and the key's limit have names of their own; any other limit is a budget of its scope."""
    assert (limit_in_sentence(name), limit_in_table(name)) == (sentence, table)


AT_NOON = datetime(2026, 10, 21, 12, tzinfo=UTC)
RAISE = "Raise the key limit at https://openrouter.ai/settings/keys"
MORE: list[tuple[str, str | None, int | None, str | None, str]] = [
    ("wallet", None, None, None, "Top up the wallet at https://openrouter.ai/settings/credits."),
    ("wallet", None, None, "acme", "Top up the wallet of acme at https://openrouter.ai/settings/credits."),
    ("key_limit", None, None, None, f"{RAISE}."),
    ("key_limit", "monthly", 12, None, f"{RAISE}, or wait until 2026-10-22 (UTC)."),
    ("key_limit", "monthly", -12, None, f"{RAISE}."),
    ("key_limit", "hourly", None, None, f"{RAISE}, or wait for its reset (hourly)."),
    ("key_limit", "unknown", None, None, f"{RAISE}."),
    (
        "workspace",
        "weekly",
        None,
        None,
        (
            "Raise the workspace budget at https://openrouter.ai/settings (an admin of the workspace can), "
            "or wait for its reset (weekly)."
        ),
    ),
]


@pytest.mark.parametrize(("name", "reset", "hours", "account", "advice"), MORE)
def test_each_limit_has_its_advice(
    name: str, reset: str | None, hours: int | None, account: str | None, advice: str
) -> None:
    """The advice says who can give more, and until when to wait, if that is ahead."""
    resets_at = None if hours is None else AT_NOON + timedelta(hours=hours)

    assert advice == more_of_limit(name, reset, resets_at, AT_NOON, account=account)


HOSTILE = [
    ("[bold red]", "the [bold red] budget"),
    ("\x1b[2J\x07work\x9bspace\r\n", "the [2Jworkspace budget"),
    ("\u202eecapskrow\u2066\u200b\ufeff", "the ecapskrow budget"),
    ("one\ttwo\u2028three", "the one two three budget"),
    ("__team__of___two__", "the team of two budget"),
    ("x" * 100_000, f"the {'x' * 40} budget"),
    ("_" * 100_000 + "late", "the late budget"),
    (f"{'x' * 39} yz", f"the {'x' * 39} budget"),
    ("workspace", "the workspace budget"),
    ("key limit", "the key limit budget"),
    ("équipe-団体", "the équipe-団体 budget"),
    ("\ud800", "the budget"),
    ("", "the budget"),
]


@pytest.mark.parametrize(("scope", "name"), HOSTILE, ids=[f"{scope[:20]!a}" for scope, _ in HOSTILE])
def test_a_scope_in_a_sentence_is_shown_as_far_as_it_can_be_printed(scope: str, name: str) -> None:
    """A scope is shown on one line, without control or direction characters, up to 40 characters."""
    assert limit_in_sentence(scope) == name


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ("[red]odd\x1b[2J_scope", "[red]odd?[2J scope budget"),
        ("two\nlines", "two lines budget"),
        (f"of {OTHER_KEY}", "of sk-or-*** budget"),
    ],
)
def test_a_scope_in_a_table_cannot_steer_a_terminal(scope: str, name: str) -> None:
    """A scope is shown on one line of a table, without control characters and keys."""
    assert limit_in_table(scope) == name


def test_texts_that_differ_in_a_place_alone_are_told_once() -> None:
    """Of texts that differ in the place in a list alone, the first is kept, and the others are counted."""
    texts = [
        "budgets[0] is odd",
        "the wallet",
        *[f"budgets[{place}] is odd" for place in range(1, 300)],
        "b[0]",
    ]

    assert told_once(texts) == ["budgets[0] is odd (and 299 more)", "the wallet", "b[0]"]


@given(st.text(max_size=60))
def test_any_scope_has_a_printable_name(scope: str) -> None:
    """Any scope makes a name of a limit that is printable and can be encoded."""
    for name in (limit_in_sentence(scope), limit_in_table(scope)):
        assert name.isprintable()
        assert name.encode().decode() == name


# Keys in texts


KEYS = [
    (KEY, "sk-or-***"),
    (f"a key {KEY} in words", "a key sk-or-*** in words"),
    (f"two: {KEY},{OTHER_KEY}.", "two: sk-or-***,sk-or-***."),
    (f"{KEY}{OTHER_KEY}", "sk-or-***"),
    (f"1{KEY}", "1sk-or-***"),
    (f"_{KEY}", "_sk-or-***"),
    (f"-{KEY}", "-sk-or-***"),
    (f"é{KEY}", "ésk-or-***"),
    (f'{{"key":"{KEY}"}}', '{"key":"sk-or-***"}'),
    ("sk-proj-" + "a1_-" * 5, "sk-***"),
    ("sk-" + "x" * 20, "sk-***"),
    ("sk-or-" + "x" * 20, "sk-or-***"),
    ("keysk-or-" + "x" * 20, "keysk-or-***"),
    (f"{KEY[:15]}é{KEY[16:]}", "sk-or-***"),
    (f"{KEY[:40]}\uff41{KEY[41:]}", "sk-or-***"),
    ("words\\nsk-proj-" + "a1" * 10, "words\\nsk-***"),
    ("words\\u000ask-proj-" + "a1" * 10, "words\\u000ask-***"),
    ("words\\x1bsk-proj-" + "a1" * 10, "words\\x1bsk-***"),
    ("a%2Csk-proj-" + "a1" * 10, "a%2Csk-***"),
    ("[1;31msk-proj-" + "a1" * 10, "[1;31msk-***"),
    (f"task-or-{KEY}", "task-or-sk-or-***"),
    (f"Bearer {KEY}", "Bearer sk-or-***"),
    ("sk-ant-api03-AbCdEf-GhIjKlMnOpQrStUv", "sk-***"),
    ("sk-lf-1f2e3d4c-aaaa-bbbb-cccc-0123456789ab", "sk-***"),
    ("sk-runner-production-8f3a9c21b7", "sk-***"),
    ("sk-or-bratislava-production-worker", "sk-or-***"),
    ("sk-bratislava-production-" + "x" * 16, "sk-***"),
]
NO_KEYS = [
    "",
    "sk-or-v1-0e6...1c96",
    MASK,
    "sk-or-***",
    "sk-" + "x" * 19,
    "task-runner-production-eu-west-1",
    "TASK-RUNNER-PRODUCTION-EU-WEST-1",
    "desk-for-the-people-of-marketing",
    "risk-assessment-of-the-whole-team",
    "SK-OR-V1-" + "A" * 64,
    "task-or-queue-runner-production-eu-west-1",
    "ask-or-tell-service-production-us-east-2",
    "disk-or-memory-runner-production-eu",
    "úsk-runner-8f3a9c21b7-production",
    "ДИЖsk-runner-8f3a9c21b7-production",
    "dc1msk-worker-8f3a9c21b7-production",
    "risk-8f3a9c21b7-of-the-whole-team",
    "prod-sk-runner-production-eu-west-1a",
    "sk-bratislava-production-worker-01",
    "sk-Košice-europe-west1-worker-b",
]


@pytest.mark.parametrize(("text", "masked"), KEYS)
def test_each_part_that_looks_like_a_key_is_masked(text: str, masked: str) -> None:
    """A random text of at least 20 characters behind `sk-` or `sk-or-` is masked; its prefix stays."""
    assert scrub(text) == quote(text, None) == one_line(text) == masked


@pytest.mark.parametrize("text", NO_KEYS)
def test_a_name_that_only_contains_a_prefix_of_keys_stays(text: str) -> None:
    """A word that ends in `sk` is no key, nor are plain words behind `sk-`, nor a mask."""
    assert scrub(text) == quote(text, None) == one_line(text) == text


@pytest.mark.parametrize(
    "text",
    [f"\x1b[31m{OTHER_KEY}\x1b[0m", f"Bearer\x00{OTHER_KEY}", f"label:\x1bM{OTHER_KEY}", f"x{OTHER_KEY}"],
    ids=["colour", "NUL", "escape", "letter"],
)
@pytest.mark.parametrize("show", [lambda text: quote(text, None), one_line], ids=["quote", "one_line"])
def test_a_key_behind_an_escape_sequence_is_masked(show: Any, text: str) -> None:
    """A key of OpenRouter is masked even behind a letter, such as the one that ends an escape sequence."""
    assert OTHER_KEY[12:-4] not in show(text)


# Strangers' words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Plain words, ü, 漢字, 🙂", "Plain words, ü, 漢字, 🙂"),
        ("two\r\nlines\tand a tab", "two  lines and a tab"),
        ("\x1b[31mred\x1b[0m\x07\x00", "?[31mred?[0m??"),
        ("\u202egnp\u2066\u200b\ufeff\x9b1m\x7f", "?gnp????1m?"),
        ("half \ud83d of a pair", "half ? of a pair"),
        ("no-break\u00a0and\u2028separators", "no-break and separators"),
        ("x" * 1000, "x" * 1000),
        ("", ""),
        (404, "404"),
        (ValueError(f"of {KEY}\n"), "of sk-or-*** "),
        (None, "None"),
    ],
)
def test_a_strangers_text_is_one_line_for_a_terminal(value: object, shown: str) -> None:
    """one_line() shows any value on one line; each character that cannot be printed is a question mark."""
    assert one_line(value) == shown


@given(st.text())
def test_any_text_is_printable_on_one_line(text: str) -> None:
    """one_line() makes of any text one printable line that can be encoded."""
    line = one_line(text)

    assert line.isprintable()
    assert line.encode().decode() == line


ESCAPES = "\x1b[31mred\x1b[0m\x07\x00 \u202egnp\u2066\u200b\ufeff\u009b1m\x7f"

QUOTED = [
    ("Plain words, ü, 漢字, 🙂", "Plain words, ü, 漢字, 🙂"),
    ("two\r\nlines\tand a tab", "two lines and a tab"),
    (ESCAPES, "[31mred[0m gnp1m"),
    ("half \ud83d of a pair", "half  of a pair"),
    ("x" * 200, "x" * 200),
    ("x" * 201, "x" * 197 + "..."),
    (f"key {KEY} there", f"key {MASK} there"),
    (f"Bearer {KEY}{KEY}", f"Bearer {MASK}{MASK}"),
    (f"x{KEY}", f"x{MASK}"),
    (f"\x1b{KEY[:20]}\x00{KEY[20:]}", MASK),
    (f"{'x' * 180}{KEY}", "x" * 180 + MASK),
    (f"another's {OTHER_KEY}!", "another's sk-or-***!"),
    ("another's sk-proj-" + "a1" * 10, "another's sk-***"),
    ("label sk-or-v1-0e6...1c96", "label sk-or-v1-0e6...1c96"),
]


@pytest.mark.parametrize(("text", "quoted"), QUOTED)
def test_words_of_the_server_are_quoted_without_keys_and_controls(text: str, quoted: str) -> None:
    """A quoted text has no key, no control characters and no more than 200 characters."""
    assert quote(text, ApiKey(KEY)) == quoted


def test_a_key_of_any_shape_is_not_quoted() -> None:
    """The key that was sent is masked in a quoted text, even if it does not look like one of OpenRouter's."""
    assert quote("my-own-proxy-token-1234 is bad", ApiKey("my-own-proxy-token-1234")) == "*** is bad"


@given(st.text(max_size=300))
def test_a_quoted_text_is_short_and_has_no_controls(text: str) -> None:
    """Any quoted text has at most 200 characters, none of them a control, and can be encoded."""
    quoted = quote(text, ApiKey(KEY))

    assert len(quoted) <= 200
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b\u202e\u2066\ufeff]", quoted)
    assert quoted.encode().decode() == quoted


def test_each_text_in_a_json_value_is_quoted() -> None:
    """quote_all() quotes the texts, the names included, of a JSON value; other values stay as they are."""
    value = {f"{KEY}\x1b": [f"of {OTHER_KEY}", None, True, 1.5, {"long": "x" * 999}], "empty": [{}, []]}

    quoted = quote_all(value, ApiKey(KEY))

    assert quoted == {
        MASK: ["of sk-or-***", None, True, 1.5, {"long": "x" * 197 + "..."}],
        "empty": [{}, []],
    }


def test_a_json_value_is_cut_where_it_is_too_deep() -> None:
    """quote_all() keeps five levels of objects and lists by default, and `...` in place of deeper ones."""
    value = {"a": [{"b": [{"c": [1], "d": 2, "e": {}}]}]}

    assert quote_all(value, None) == {"a": [{"b": [{"c": "...", "d": 2, "e": "..."}]}]}
    assert quote_all(value, None, depth=1) == {"a": "..."}
    assert quote_all(value, None, depth=0) == "..."


@pytest.mark.parametrize("value", [None, True, 5, 1.5])
def test_a_json_value_without_text_stays(value: object) -> None:
    """quote_all() returns a number, a bool and null unchanged, at any depth."""
    assert quote_all(value, ApiKey(KEY), depth=0) is value


@pytest.mark.parametrize("code", ["31", "0", "1;32", ""])
def test_a_key_of_others_behind_a_colour_is_masked(code: str) -> None:
    """A key of another provider is masked even behind the code of a colour, which ends in a letter."""
    key = f"sk-proj-{'a1' * 10}"

    for begin in ("\x1b[", "\x9b"):
        assert one_line(f"{begin}{code}m{key}") == f"?[{code}msk-***"
        assert quote(f"{begin}{code}m{key}", None) == f"[{code}msk-***"
        assert scrub(f"{begin}{code}m{key}") == f"{begin}{code}msk-***"


# Keys in JSON


def test_every_text_and_name_of_a_value_is_masked() -> None:
    """mask_all() masks keys in all texts and names, at any depth, and leaves everything else as it is."""
    value = {"a": [1, Decimal("1.5"), None, True, f"x {KEY}"], OTHER_KEY: {"b": f"{KEY}{KEY}"}}

    masked = mask_all(value, ApiKey(KEY))

    assert masked == {
        "a": [1, Decimal("1.5"), None, True, f"x {MASK}"],
        "sk-or-***": {"b": f"{MASK}{MASK}"},
    }
    assert value["a"][4] == f"x {KEY}"  # type: ignore[index]  # a new value is made


@pytest.mark.parametrize(
    ("key", "text", "masked"),
    [
        (None, f"x {KEY}", "x sk-or-***"),
        ("a.token-of-some-length", "x a.token-of-some-length", "x ***"),
        ("an.even-longer-token/of+30~", "an.even-longer-token/of+30~", "an.even-long...+30~"),
        ("12345678", "12345678", "***"),
        ("limit", "key_limit", "key_limit"),
    ],
)
def test_the_own_key_is_masked_whatever_it_looks_like(key: str | None, text: str, masked: str) -> None:
    """mask_all() masks the key given, of at least 8 characters, even if it does not look like one."""
    assert mask_all([text], None if key is None else ApiKey(key)) == [masked]


def test_a_key_in_pieces_is_masked_in_a_sentence() -> None:
    """A budget's scope that becomes a key when what cannot be printed is left out is masked."""
    scope = KEY[:12] + "\u200b" + KEY[12:]

    assert limit_in_sentence(scope) == "the sk-or-*** budget"
