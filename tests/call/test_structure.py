"""JSON becomes a value by strict rules: each scalar has exactly the JSON type asked for, or is an error."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Context, Decimal, localcontext
from enum import StrEnum
from typing import Any, Literal, TypedDict

import pytest
from attrs import frozen

from openrouter_credits import Budget, Credits, FreeModelQuota, InvalidResponseError, KeyInfo
from openrouter_credits._call.protocol import Reply, decode
from openrouter_credits._call.structure import to_amount
from tests.kit.values import sample

UNTRAPPED = Context(prec=4, traps=[])
"""A decimal context that rounds early and raises nothing."""


def read(into: Any, text: str | bytes) -> Any:
    """Structure a whole JSON text."""
    return decode(Reply(200, {}, text.encode() if isinstance(text, str) else text), into, whole=True)


def read_key(**fields: Any) -> KeyInfo:
    """Decode the smallest valid `/key` body, with these fields added or replaced."""
    return decode(
        Reply(200, {}, json.dumps({"data": {"label": "k", "usage": 1, "limit": None, **fields}}).encode()),
        KeyInfo,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100", "100"),
        ("5.0", "5"),
        ("1.50", "1.5"),
        ("-0.0", "0"),
        ("0e999999", "0"),
        ("1e2", "100"),
        ("1e-9", "0.000000001"),
        ("-0.204117", "-0.204117"),
        ('"-5.50"', "-5.5"),
        ('"007.10"', "7.1"),
        ("9" * 30, "9" * 30),
        ("-" + "9" * 30, "-" + "9" * 30),
        ("0." + "9" * 30, "0." + "9" * 30),
        ("1e30", "1" + "0" * 30),
        ("1e-30", "0." + "0" * 29 + "1"),
        ("1" + "0" * 30, "1" + "0" * 30),
        ("1." + "0" * 60, "1"),
    ],
)
def test_an_amount_is_exact_and_plain(text: str, expected: str) -> None:
    """An amount of at most 30 digits is read exactly, and prints without an exponent or trailing zeros."""
    amount = read(Decimal, text)

    assert str(amount) == expected
    assert amount == Decimal(expected)


@pytest.mark.parametrize("text", ["56.671895005", '"0.000000001"', f"{'9' * 15}.{'9' * 15}", "-" + "9" * 30])
def test_an_amount_does_not_depend_on_the_decimal_context(text: str) -> None:
    """An amount keeps all its digits in a decimal context of four digits."""
    with localcontext(UNTRAPPED):
        amount = read(Decimal, text)

    assert str(amount) == text.strip('"')


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "true",
        "[]",
        "{}",
        '""',
        '" 5"',
        '"+5"',
        '"5."',
        '".5"',
        '"1e2"',
        '"1_000"',
        '"٣"',
        '"abc"',
        '"NaN"',
        '"-Infinity"',
        '"5\\n"',
        "1e31",
        "1e-31",
        "1e-999999999",
        "1e99999999999999999999999",
        "9" * 31,
        "0." + "9" * 31,
        "9" * 4000,
        f'"{"9" * 5000}"',
    ],
)
def test_what_is_no_amount_is_an_error(text: str) -> None:
    """A value that is not a plain amount of at most 30 digits is an error: nothing is guessed or rounded."""
    with pytest.raises(InvalidResponseError) as caught:
        read(Decimal, text)

    assert not caught.value.is_retryable
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text", ["9" * 31, "1e999999999", "1e99999999999999999999999", "-1e99999999999999999999999"]
)
def test_a_wrong_amount_is_an_error_in_any_decimal_context(text: str) -> None:
    """An amount with too many digits is an error even in a decimal context that raises nothing."""
    with localcontext(UNTRAPPED), pytest.raises(InvalidResponseError, match="no amount has s"):
        read(Decimal, text)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "9" * 5000, "1" * 5000 + ".5"])
def test_numbers_that_json_has_not_are_errors(text: str) -> None:
    """NaN, an infinity or a number of thousands of digits is an error, at the top of a body and inside it."""
    with pytest.raises(InvalidResponseError):
        read(Decimal, text)
    with pytest.raises(InvalidResponseError):
        read(dict[str, Decimal], f'{{"a": {text}}}')


@pytest.mark.parametrize("field", ["total_credits", "total_usage"])
def test_a_wrong_amount_is_named_by_its_path(field: str) -> None:
    """The error of a `/credits` body names the path of the wrong amount."""
    body = json.dumps({"data": {"total_credits": 1, "total_usage": 1, field: "abc"}}).encode()

    with pytest.raises(
        InvalidResponseError, match=rf"200, but \$\.data\.{field}: an amount is needed, not a text\."
    ):
        decode(Reply(200, {}, body), Credits)


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal("Infinity"), 1.5, b"5"])
def test_an_amount_that_only_python_has_is_refused(amount: object) -> None:
    """to_amount() refuses NaN, infinities, floats and bytes, although no JSON text parses to them."""
    with pytest.raises(ValueError, match="amount"):
        to_amount(amount)


@pytest.mark.parametrize(
    ("into", "text", "expected"),
    [
        (bool, "true", True),
        (bool, "false", False),
        (str, '"x"', "x"),
        (str, '""', ""),
        (int, "10", 10),
        (int, "10.0", 10),
        (int, "-1e1", -10),
        (int, "1e30", 10**30),
        (float, "1.5", 1.5),
        (float, "2", 2.0),
        (datetime, '"2026-11-01T00:00:00Z"', datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime, '"2026-11-01T02:00:00+02:00"', datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime, '"2026-11-01T00:00:00.123456"', datetime(2026, 11, 1, 0, 0, 0, 123456, tzinfo=UTC)),
        (datetime, '"2026-11-01"', datetime(2026, 11, 1, tzinfo=UTC)),
        (str | None, "null", None),
        (int | None, "3.0", 3),
        (list[int], "[1, 2.0]", [1, 2]),
        (tuple[str, ...], '["a", "b"]', ("a", "b")),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (dict[str, Any], '{"a": [1, 1.5, null]}', {"a": [1, Decimal("1.5"), None]}),
        (Any, "[true]", [True]),
        (Literal["a", "b"], '"a"', "a"),
    ],
)
def test_a_scalar_is_what_it_says(into: Any, text: str, expected: object) -> None:
    """JSON becomes the type asked for; a whole number may have a point, and a time without a zone is UTC."""
    value = read(into, text)

    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("into", "text"),
    [
        (bool, "null"),
        (bool, "1"),
        (bool, '"false"'),
        (str, "null"),
        (str, "1.5"),
        (str, "true"),
        (int, "null"),
        (int, "10.5"),
        (int, "true"),
        (int, '"10"'),
        (int, "1e31"),
        (float, "null"),
        (float, "true"),
        (float, '"1.5"'),
        (float, "1e400"),
        (float, "1" + "0" * 400),
        (datetime, "null"),
        (datetime, "1792567680"),
        (datetime, '"tomorrow"'),
        (datetime, '"0001-01-01T00:00:00+01:00"'),
        (datetime, '"9999-12-31T23:59:59-01:00"'),
        (list[str], "null"),
        (list[str], '"abc"'),
        (list[str], '{"a": 1}'),
        (list[str], "[1]"),
        (tuple[str, ...], '"abc"'),
        (tuple[str, ...], "[null]"),
        (tuple[int, int], "[1]"),
        (dict[str, int], "[]"),
        (dict[str, int], '{"a": "1"}'),
        (Literal["a", "b"], '"c"'),
    ],
)
def test_a_scalar_that_is_only_like_it_is_an_error(into: Any, text: str) -> None:
    """A value of another JSON type is an error; cattrs alone would read "false" as True and 10.5 as 10."""
    with pytest.raises(InvalidResponseError):
        read(into, text)


@frozen
class Row:
    """A class of the caller's own."""

    date: str
    requests: int
    usage: Decimal
    note: str | None = None


class Colour(StrEnum):
    """An enumeration of the caller's own."""

    RED = "red"


class Typed(TypedDict):
    """A typed dictionary of the caller's own."""

    data: list[Row]


def test_a_user_s_classes_are_structured() -> None:
    """JSON becomes a caller's own attrs class and typed dictionary, with exact amounts."""
    text = '{"data": [{"date": "2026-10-20", "requests": 3.0, "usage": 1.10, "new": 1}]}'

    assert read(Typed, text) == {"data": [Row("2026-10-20", 3, Decimal("1.1"))]}


def test_a_user_s_enum_stays_an_enum() -> None:
    """A text becomes a member of a caller's StrEnum, and a text that names no member is an error."""
    assert read(Colour, '"red"') is Colour.RED
    with pytest.raises(InvalidResponseError, match="blue"):
        read(Colour, '"blue"')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{"data": [{"date": "x", "requests": 1.5, "usage": 1}]}',
            "$.data[0].requests: a whole number is needed, not such a number",
        ),
        (
            '{"data": [{"date": "x", "requests": 1, "usage": null}]}',
            "$.data[0].usage: an amount is needed, not null",
        ),
        ('{"data": [{"date": "x", "requests": 1}]}', "$.data[0].usage: required, but missing"),
        (
            '{"data": [{"date": false, "requests": 1, "usage": 1}]}',
            "$.data[0].date: a text is needed, not false",
        ),
        ('{"data": "abc"}', "$.data: a list is needed, not a text"),
        ('{"data": [[]]}', "$.data[0].date: "),
        ("{}", "$.data: required, but missing"),
        ("[]", "$: expected a mapping, not list"),
    ],
)
def test_an_error_names_the_path(text: str, words: str) -> None:
    """The error names the path of the wrong value, what is needed there, and what the body has instead."""
    with pytest.raises(InvalidResponseError) as caught:
        read(Typed, text)

    assert words in caught.value.summary


@pytest.mark.parametrize(
    ("into", "data", "kind"),
    [
        (Credits, "null", "null"),
        (Credits, "[]", "a list"),
        (Credits, '"x"', "a text"),
        (KeyInfo, "7", "such a number"),
        (KeyInfo, "true", "true"),
    ],
)
def test_data_is_an_object(into: type[object], data: str, kind: str) -> None:
    """A body whose `data` is not an object is an error that says what `data` is."""
    with pytest.raises(InvalidResponseError, match=rf"\$\.data: an object is needed, not {kind}\."):
        decode(Reply(200, {}, f'{{"data": {data}}}'.encode()), into)


@pytest.mark.parametrize(
    ("name", "credits_", "remaining"),
    [
        ("credits-spec", Credits(Decimal("100.5"), Decimal("25.75")), "74.75"),
        ("credits-noise", Credits(Decimal("100.3"), Decimal("56.671895005")), "43.628104995"),
        ("credits-integer", Credits(Decimal(5), Decimal("1.68911914")), "3.31088086"),
        ("credits-unconfirmed-zero", Credits(Decimal(0), Decimal(0)), "0"),
    ],
)
def test_recorded_wallets_decode(name: str, credits_: Credits, remaining: str) -> None:
    """Each recorded body of `/credits` decodes to its amounts, exact to the last digit."""
    wallet = decode(Reply(200, {}, sample(name)), Credits)

    assert wallet == credits_
    assert str(wallet.remaining) == remaining
    assert wallet.extra == {}


RATE_LIMIT_2025 = {"requests": 40, "interval": "10s"}
RATE_LIMIT_08 = {"interval": "1h", "note": "This field is deprecated and safe to ignore.", "requests": 1000}
RATE_LIMIT_10 = {"interval": "10s", "note": "deprecated", "requests": -1}
BYOK = Decimal("17.38")
USED = Decimal("25.5")
KEY_LIMIT_BUDGET = Budget(
    scope="key_limit",
    limit_usd=Decimal(500),
    spend_usd=Decimal("45.457405021"),
    remaining_usd=Decimal("454.542594979"),
    reset_interval="monthly",
    resets_at=datetime(2026, 11, 1, tzinfo=UTC),
    include_byok=False,
    budget_id=None,
    guardrail_id=None,
)
WORKSPACE_BUDGET = Budget(
    scope="workspace",
    limit_usd=Decimal(60),
    spend_usd=Decimal("48.25"),
    remaining_usd=Decimal("11.75"),
    reset_interval="weekly",
    resets_at=datetime(2026, 10, 26, tzinfo=UTC),
    include_byok=False,
    budget_id="770e8400-e29b-41d4-a716-446655440000",
    guardrail_id=None,
)
CAP: dict[str, Any] = {
    "limit": Decimal(500),
    "limit_remaining": Decimal("454.542594979"),
    "limit_reset": "monthly",
    "usage": Decimal("433.286754736"),
    "usage_daily": Decimal("3.404645509"),
    "usage_weekly": Decimal("3.404645509"),
    "usage_monthly": Decimal("45.457405021"),
}
FREE = FreeModelQuota(1000, 10, 990)


@pytest.mark.parametrize(
    ("name", "key", "used", "extra"),
    [
        (
            "key-2025",
            KeyInfo(label="sk-or-v1-0fa...240", usage=Decimal("0.65017511"), limit=None, is_free_tier=False),
            None,
            {"rate_limit": RATE_LIMIT_2025},
        ),
        (
            "key-2026-08",
            KeyInfo(
                label="sk-or-v1-0e6...1c96",
                usage=USED,
                limit=Decimal(100),
                limit_remaining=Decimal("74.5"),
                limit_reset="monthly",
                usage_daily=USED,
                usage_weekly=USED,
                usage_monthly=USED,
                byok_usage=BYOK,
                byok_usage_daily=BYOK,
                byok_usage_weekly=BYOK,
                byok_usage_monthly=BYOK,
                creator_user_id="user_2dHFtVWx2n56w6HkM0000000000",
                expires_at=datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC),
                include_byok_in_limit=False,
                is_free_tier=False,
                is_management_key=False,
                is_provisioning_key=False,
            ),
            "25.5",
            {"rate_limit": RATE_LIMIT_08},
        ),
        (
            "key-2026-10",
            KeyInfo(
                label="sk-or-v1-0e6...1c96",
                **CAP,
                byok_usage=Decimal(0),
                byok_usage_daily=Decimal(0),
                byok_usage_weekly=Decimal(0),
                byok_usage_monthly=Decimal(0),
                allowed_data_regions=("global",),
                include_byok_in_limit=False,
                is_free_tier=False,
                is_management_key=False,
                is_provisioning_key=False,
                free_model_daily_requests=FREE,
                budgets=(KEY_LIMIT_BUDGET, WORKSPACE_BUDGET),
                effective_budget=WORKSPACE_BUDGET,
            ),
            "45.457405021",
            {"rate_limit": RATE_LIMIT_10},
        ),
        ("key-monthly-cap", KeyInfo(label="sk-or-v1-5c1...9d02", **CAP), "45.457405021", {}),
        (
            "key-over-limit",
            KeyInfo(
                label="sk-or-v1-7aa...0b11",
                usage=Decimal("31.781892121"),
                limit=Decimal(5),
                limit_reset="daily",
                limit_remaining=Decimal("-0.204117"),
                usage_daily=Decimal("5.204117"),
                is_free_tier=False,
            ),
            "5.204117",
            {},
        ),
    ],
)
def test_recorded_keys_decode(name: str, key: KeyInfo, used: str | None, extra: dict[str, Any]) -> None:
    """Each recorded body of `/key`, in each of its three shapes, decodes to the expected value."""
    read_ = decode(Reply(200, {}, sample(name)), KeyInfo)

    assert read_ == key
    assert (None if read_.used_in_window is None else str(read_.used_in_window)) == used
    assert read_.extra == extra


def test_integers_that_are_sent_with_a_point_are_integers() -> None:
    """A whole number that the server sends as `10.0` becomes an int: OpenRouter has sent such numbers."""
    quota = decode(Reply(200, {}, sample("key-2026-10")), KeyInfo).free_model_daily_requests

    assert quota is not None
    assert [type(number) for number in (quota.limit, quota.used, quota.remaining)] == [int, int, int]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("limit_reset", 7),
        ("include_byok_in_limit", "false"),
        ("is_free_tier", 1),
        ("is_management_key", "yes"),
        ("is_provisioning_key", 0),
        ("creator_user_id", 12),
        ("expires_at", "tomorrow"),
        ("expires_at", 1792567680),
        ("expires_at", "9999-12-31T23:59:59-01:00"),
        ("organization_id", []),
        ("workspace_id", {}),
        ("allowed_data_regions", "global"),
        ("allowed_data_regions", ["global", None]),
        ("free_model_daily_requests", "many"),
        ("budgets", {}),
        ("budgets", [{"remaining_usd": 1}]),
        ("effective_budget", {"scope": None}),
    ],
)
def test_a_wrong_optional_field_is_none_and_kept(field: str, wrong: Any) -> None:
    """An optional field of a wrong type is None and stays in `.extra`, so that the rest can be read."""
    key = read_key(**{field: wrong})

    assert getattr(key, field) is None
    assert key.extra == {field: wrong}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("limit_remaining", "abc"),
        ("usage_daily", True),
        ("usage_weekly", []),
        ("usage_monthly", {}),
        ("byok_usage", ""),
        ("byok_usage_daily", "1e5"),
        ("byok_usage_weekly", "abc"),
        ("byok_usage_monthly", "abc"),
    ],
)
def test_a_wrong_amount_is_an_error_even_where_it_is_optional(field: str, wrong: Any) -> None:
    """A wrong amount is an error even in an optional field: money is never guessed."""
    with pytest.raises(InvalidResponseError, match=rf"\$\.data\.{field}: an amount is needed"):
        read_key(**{field: wrong})


@pytest.mark.parametrize("field", ["limit_usd", "spend_usd", "remaining_usd"])
def test_a_wrong_amount_in_a_budget_is_an_error(field: str) -> None:
    """A wrong amount in `budgets` or `effective_budget` is an error that names its path."""
    with pytest.raises(
        InvalidResponseError, match=rf"\$\.data\.budgets\[1\]\.{field}: an amount is needed, not true"
    ):
        read_key(budgets=[{"scope": "a"}, {"scope": "b", field: True}])
    with pytest.raises(
        InvalidResponseError, match=rf"\$\.data\.effective_budget\.{field}: an amount is needed"
    ):
        read_key(effective_budget={"scope": "b", field: "much"})


@pytest.mark.parametrize("field", ["label", "usage", "limit"])
def test_required_fields_are_required(field: str) -> None:
    """A `/key` body that lacks `label`, `usage` or `limit` is an error that names the missing field."""
    data = {"label": "k", "usage": 1, "limit": None, "is_free_tier": True}
    del data[field]

    with pytest.raises(InvalidResponseError, match=rf"\$\.data\.{field}: required, but missing"):
        decode(Reply(200, {}, json.dumps({"data": data}).encode()), KeyInfo)


@pytest.mark.parametrize(("field", "wrong"), [("label", None), ("label", 3), ("usage", None), ("limit", "x")])
def test_wrong_required_fields_are_errors(field: str, wrong: Any) -> None:
    """A required field of `/key` with a wrong value is an error; null is wrong in `label` and `usage`."""
    with pytest.raises(InvalidResponseError, match=rf"\$\.data\.{field}: "):
        read_key(**{field: wrong})


@pytest.mark.parametrize("fields", [{"limit": 5}, {"limit": 5, "limit_remaining": None}, {"limit": 0}])
def test_a_limit_without_its_remainder_is_an_error(fields: dict[str, Any]) -> None:
    """A key with a limit and no `limit_remaining` is an error: lifetime usage does not tell the rest."""
    with pytest.raises(InvalidResponseError, match="limit_remaining is missing"):
        read_key(**fields)


def test_null_and_missing_are_unknown() -> None:
    """An optional field that is null or missing is None, never 0, False or an empty tuple."""
    names = [
        "limit_remaining",
        "limit_reset",
        "usage_daily",
        "byok_usage",
        "include_byok_in_limit",
        "is_free_tier",
        "is_management_key",
        "is_provisioning_key",
        "creator_user_id",
        "expires_at",
        "allowed_data_regions",
        "free_model_daily_requests",
        "budgets",
        "effective_budget",
    ]

    absent, null = read_key(), read_key(**dict.fromkeys(names))

    assert absent == null
    assert all(getattr(null, name) is None for name in names)
    assert null.extra == {}


def test_an_empty_list_is_not_unknown() -> None:
    """An empty list of budgets or regions becomes an empty tuple, not None."""
    key = read_key(budgets=[], allowed_data_regions=[])

    assert (key.budgets, key.allowed_data_regions) == ((), ())


@pytest.mark.parametrize(
    "fields", [{"is_provisioning_key": True}, {"is_provisioning_key": True, "is_management_key": None}]
)
def test_the_older_name_of_management_keys_is_read_from_the_wire(fields: dict[str, Any]) -> None:
    """`is_provisioning_key` sets `is_management_key`, also where the newer name is sent as null."""
    assert read_key(**fields).is_management_key is True


def test_unknown_fields_are_kept_at_every_level() -> None:
    """Unknown fields of a key, a budget and a quota stay in `.extra`, even a field that is named `extra`."""
    key = read_key(
        extra="x",
        new={"a": 1.5},
        none=None,
        budgets=[{"scope": "moon", "new": 2}],
        free_model_daily_requests={"limit": 1, "new": 3},
    )

    assert key.extra == {"extra": "x", "new": {"a": Decimal("1.5")}, "none": None}
    assert key.budgets is not None
    assert key.budgets[0].extra == {"new": 2}
    assert key.free_model_daily_requests is not None
    assert key.free_model_daily_requests.extra == {"new": 3}


def test_unknown_fields_of_a_wallet_are_kept() -> None:
    """Unknown fields of a `/credits` body stay in `.extra`, beside the two documented amounts."""
    wallet = decode(
        Reply(200, {}, b'{"data": {"total_credits": 1, "total_usage": 2, "extra": 3, "new": 4}}'), Credits
    )

    assert wallet == Credits(Decimal(1), Decimal(2))
    assert wallet.extra == {"extra": 3, "new": 4}


def test_as_many_fields_as_documented_but_others_is_an_error() -> None:
    """A body of two fields is an error if one of them is not the documented one."""
    with pytest.raises(InvalidResponseError, match=r"\$\.data\.total_usage: required, but missing"):
        decode(Reply(200, {}, b'{"data": {"total_credits": 1, "usage": 2}}'), Credits)


def test_open_sets_stay_texts() -> None:
    """An unknown window, region or budget scope stays a text and is no error: OpenRouter may add values."""
    key = read_key(
        limit_reset="fortnightly",
        allowed_data_regions=["mars"],
        budgets=[{"scope": "galaxy", "reset_interval": "eon"}],
    )

    assert (key.limit_reset, key.allowed_data_regions) == ("fortnightly", ("mars",))
    assert key.budgets is not None
    assert (key.budgets[0].scope, key.budgets[0].reset_interval) == ("galaxy", "eon")
    assert key.extra == {}


def test_two_values_share_no_extra() -> None:
    """Each value has an `.extra` of its own: unknown fields of one reply do not show in another value."""
    first, second = read_key(new=1), read_key()

    assert first.extra == {"new": 1}
    assert second.extra == {}
