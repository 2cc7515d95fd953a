"""JSON becomes a value by strict rules: a scalar is what it says, or an error."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Context, Decimal, localcontext
from enum import StrEnum
from typing import Any, Literal, TypedDict

import pytest
from attrs import frozen

from openrouter_credits import Budget, Credits, FreeModelQuota, InvalidResponseError, KeyInfo
from openrouter_credits._protocol import Reply, decode
from openrouter_credits._structure import to_amount
from tests.kit.values import sample

UNTRAPPED = Context(prec=4, traps=[])


def read(into: Any, text: str | bytes) -> Any:
    """Structure a whole JSON text."""
    return decode(Reply(200, {}, text.encode() if isinstance(text, str) else text), into, whole=True)


def read_key(**fields: Any) -> KeyInfo:
    """Decode a `/key` body that is as small as possible, and what a test adds."""
    return decode(Reply(200, {}, json.dumps({"data": {"label": "k", "usage": 1, "limit": None, **fields}}).encode()), KeyInfo)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", "5"),
        ("5.0", "5"),
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0e5", "0"),
        ("0e999999", "0"),
        ("1e2", "100"),
        ("1E+2", "100"),
        ("1.50", "1.5"),
        ("100", "100"),
        ("1e-9", "0.000000001"),
        ("-1e-9", "-0.000000001"),
        ("56.671895005", "56.671895005"),
        ("-0.204117", "-0.204117"),
        ('"5"', "5"),
        ('"-5.50"', "-5.5"),
        ('"007.10"', "7.1"),
        ('"0.000000001"', "0.000000001"),
        ('"-0"', "0"),
        ("9" * 30, "9" * 30),
        ("-" + "9" * 30, "-" + "9" * 30),
        ("0." + "9" * 30, "0." + "9" * 30),
        ("1e30", "1" + "0" * 30),
        ("1e-30", "0." + "0" * 29 + "1"),
        ("1" + "0" * 30, "1" + "0" * 30),
        (f'"1{"0" * 30}"', "1" + "0" * 30),
        ("1." + "0" * 60, "1"),
        (f"{'9' * 15}.{'9' * 15}", f"{'9' * 15}.{'9' * 15}"),
    ],
)
@pytest.mark.parametrize("context", [Context(prec=28), UNTRAPPED], ids=["default", "untrapped"])
def test_an_amount_is_exact_and_plain(text: str, expected: str, context: Context) -> None:
    """A JSON number or a plain decimal text, of at most 30 digits; it prints without exponent and trailing zeros."""
    with localcontext(context):
        amount = read(Decimal, text)

    assert str(amount) == expected
    assert amount == Decimal(expected)


NO_AMOUNTS = [
    "null",
    "true",
    "false",
    "[]",
    "[1]",
    "{}",
    '""',
    '" "',
    '" 5"',
    '"5 "',
    '"+5"',
    '"5."',
    '".5"',
    '"1e2"',
    '"1_000"',
    '"1,5"',
    '"0x10"',
    '"٣"',
    '"abc"',
    '"nan"',
    '"NaN"',
    '"Infinity"',
    '"-inf"',
    '"5\\n"',
    "1e400",
    "-1e400",
    "1e-400",
    "1e31",
    "1e-31",
    "1e999999999",
    "1e-999999999",
    "1e99999999999999999999999",
    "1e-99999999999999999999999",
    "9" * 31,
    "0." + "9" * 31,
    "1." + "0" * 30 + "1",
    "9" * 4000,
    "0." + "9" * 5000,
    f'"{"9" * 5000}"',
    f'"{"9" * 31}"',
]


@pytest.mark.parametrize("context", [Context(prec=28), UNTRAPPED], ids=["default", "untrapped"])
@pytest.mark.parametrize("text", NO_AMOUNTS)
def test_what_is_no_amount_is_an_error(text: str, context: Context) -> None:
    """Null is never 0, a boolean is never 1, and nothing is rounded to fit."""
    with localcontext(context), pytest.raises(InvalidResponseError) as caught:
        read(Decimal, text)

    assert not caught.value.is_retryable
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "9" * 5000, "1" * 5000 + ".5"])
def test_numbers_that_json_has_not_are_errors(text: str) -> None:
    """Python's parser takes some of them; ours does not, wherever they stand."""
    for document in (text, f"[{text}]", f'{{"data": {{"total_credits": {text}, "total_usage": 0}}}}'):
        with pytest.raises(InvalidResponseError):
            read(list[Decimal] if document[0] == "[" else Decimal, document)


@pytest.mark.parametrize("field", ["total_credits", "total_usage"])
@pytest.mark.parametrize("text", NO_AMOUNTS)
def test_a_wrong_amount_is_named_by_its_path(field: str, text: str) -> None:
    """The error of `/credits` says which figure is none."""
    other = "total_usage" if field == "total_credits" else "total_credits"
    body = f'{{"data": {{"{other}": 1, "{field}": {text}}}}}'.encode()

    with pytest.raises(InvalidResponseError) as caught:
        decode(Reply(200, {}, body), Credits)

    # an exponent so large that it is no Decimal is found before the fields are
    assert f"$.data.{field}: " in str(caught.value) or "999999999999" in text


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), 1.5, None, b"5", True])
def test_an_amount_that_only_python_has_is_refused(amount: Any) -> None:
    """The hook does not rely on who parsed the JSON."""
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
        (Decimal | None, "null", None),
        (list[int], "[1, 2.0]", [1, 2]),
        (list[str], "[]", []),
        (tuple[str, ...], '["a", "b"]', ("a", "b")),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (dict[str, Any], '{"a": [1, 1.5, null]}', {"a": [1, Decimal("1.5"), None]}),
        (Any, "[true]", [True]),
        (Literal["a", "b"], '"a"', "a"),
    ],
)
def test_a_scalar_is_what_it_says(into: Any, text: str, expected: object) -> None:
    """Whole numbers may be sent with a point; a time without a zone is UTC."""
    value = read(into, text)

    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("into", "text"),
    [
        *((bool, text) for text in ("null", "0", "1", '"true"', '"false"', "[]", "{}", "1.0")),
        *((str, text) for text in ("null", "0", "1.5", "true", "[]", "{}")),
        *((int, text) for text in ("null", "10.5", "true", "false", '"10"', "[]", "{}", "1e400", "1e999999", "1e-9")),
        *((float, text) for text in ("null", "true", '"1.5"', "[]", "{}", "1e400", "-1e400", "1" + "0" * 400)),
        *((datetime, text) for text in ("null", "0", "true", '""', '"tomorrow"', '"2026-13-01"', "1792567680", "[]")),
        (datetime, '"0001-01-01T00:00:00+01:00"'),
        (datetime, '"9999-12-31T23:59:59-01:00"'),
        *((list[str], text) for text in ("null", '"abc"', "{}", '{"a": 1}', "[1]", "true")),
        *((tuple[str, ...], text) for text in ("null", '"abc"', "{}", "[null]")),
        (dict[str, int], "[]"),
        (dict[str, int], '{"a": "1"}'),
        (Literal["a", "b"], '"c"'),
        (tuple[int, int], "[1]"),
    ],
)
def test_a_scalar_that_is_only_like_it_is_an_error(into: Any, text: str) -> None:
    """Cattrs alone would make "None" of null, True of "false" and 10 of 10.5."""
    with pytest.raises(InvalidResponseError):
        read(into, text)


@frozen
class Row:
    """A user's class."""

    date: str
    requests: int
    usage: Decimal
    note: str | None = None


class Colour(StrEnum):
    """A user's closed set."""

    RED = "red"


class Typed(TypedDict):
    """A user's dictionary."""

    data: list[Row]


def test_a_user_s_classes_are_structured() -> None:
    """Attrs classes and typed dictionaries, with amounts as exact as ours."""
    text = '{"data": [{"date": "2026-10-20", "requests": 3.0, "usage": 1.10, "new": 1}]}'

    assert read(Typed, text) == {"data": [Row("2026-10-20", 3, Decimal("1.1"))]}


def test_a_user_s_enum_stays_an_enum() -> None:
    """The hook for texts does not take subclasses of text."""
    assert read(Colour, '"red"') is Colour.RED
    with pytest.raises(InvalidResponseError, match="blue"):
        read(Colour, '"blue"')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"data": [{"date": "x", "requests": 1.5, "usage": 1}]}', "$.data[0].requests: a whole number is needed, not such a number"),
        ('{"data": [{"date": "x", "requests": 1, "usage": null}]}', "$.data[0].usage: an amount is needed, not null"),
        ('{"data": [{"date": "x", "requests": 1}]}', "$.data[0].usage: required, but missing"),
        ('{"data": [{"date": false, "requests": 1, "usage": 1}]}', "$.data[0].date: a text is needed, not false"),
        ('{"data": "abc"}', "$.data: a list is needed, not a text"),
        ('{"data": {}}', "$.data: a list is needed, not an object"),
        ('{"data": [[]]}', "$.data[0]"),
        ("{}", "$.data: required, but missing"),
        ("[]", "$"),
        ("7", "$"),
    ],
)
def test_an_error_names_the_path(text: str, words: str) -> None:
    """A person sees at once what is not as documented, and where."""
    with pytest.raises(InvalidResponseError) as caught:
        read(Typed, text)

    assert words in caught.value.summary


@pytest.mark.parametrize("data", ["null", "[]", '"x"', "7", "true"])
@pytest.mark.parametrize("into", [Credits, KeyInfo])
def test_data_is_an_object(into: type[object], data: str) -> None:
    """Anything else is not the documented answer."""
    with pytest.raises(InvalidResponseError, match=r"\$\.data: an object is needed"):
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
    """Each recorded body of `/credits`, to the last digit."""
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
CAP = {
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
    """Each recorded body of `/key`, of all three shapes, field by field."""
    read_ = decode(Reply(200, {}, sample(name)), KeyInfo)

    assert read_ == key
    assert (None if read_.used_in_window is None else str(read_.used_in_window)) == used
    assert read_.extra == extra


def test_integers_that_are_sent_with_a_point_are_integers() -> None:
    """`used: 10.0` was seen in the wild."""
    quota = decode(Reply(200, {}, sample("key-2026-10")), KeyInfo).free_model_daily_requests

    assert quota is not None
    assert [type(number) for number in (quota.limit, quota.used, quota.remaining)] == [int, int, int]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("limit_reset", 7),
        ("limit_reset", True),
        ("include_byok_in_limit", "false"),
        ("is_free_tier", 1),
        ("is_free_tier", "true"),
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
        ("free_model_daily_requests", []),
        ("budgets", {}),
        ("budgets", ["x"]),
        ("budgets", [{"remaining_usd": 1}]),
        ("effective_budget", "workspace"),
        ("effective_budget", {"scope": None}),
    ],
)
def test_a_wrong_optional_field_is_none_and_kept(field: str, wrong: Any) -> None:
    """One odd field does not hide the money; it stays in `.extra` for who wants it."""
    key = read_key(**{field: wrong})

    assert getattr(key, field) is None
    assert key.extra == {field: wrong}


@pytest.mark.parametrize(
    "field",
    [
        "limit_remaining",
        "usage_daily",
        "usage_weekly",
        "usage_monthly",
        "byok_usage",
        "byok_usage_daily",
        "byok_usage_weekly",
        "byok_usage_monthly",
    ],
)
@pytest.mark.parametrize("wrong", ["abc", True, [], {}, "", "1e5"])
def test_a_wrong_amount_is_an_error_even_where_it_is_optional(field: str, wrong: Any) -> None:
    """Money is never guessed at."""
    with pytest.raises(InvalidResponseError, match=rf"\$\.data\.{field}: an amount is needed"):
        read_key(**{field: wrong})


@pytest.mark.parametrize("field", ["limit_usd", "spend_usd", "remaining_usd"])
def test_a_wrong_amount_in_a_budget_is_an_error(field: str) -> None:
    """A budget's figures are money too, however deep they lie."""
    with pytest.raises(InvalidResponseError, match=rf"\$\.data\.budgets\[1\]\.{field}: an amount is needed, not true"):
        read_key(budgets=[{"scope": "a"}, {"scope": "b", field: True}])
    with pytest.raises(InvalidResponseError, match=rf"\$\.data\.effective_budget\.{field}: an amount is needed"):
        read_key(effective_budget={"scope": "b", field: "much"})


@pytest.mark.parametrize("field", ["label", "usage", "limit"])
def test_required_fields_are_required(field: str) -> None:
    """`label`, `usage` and `limit` are in every shape of `/key`."""
    data = {"label": "k", "usage": 1, "limit": None, "is_free_tier": True}
    del data[field]

    with pytest.raises(InvalidResponseError, match=rf"\$\.data\.{field}: required, but missing"):
        decode(Reply(200, {}, json.dumps({"data": data}).encode()), KeyInfo)


@pytest.mark.parametrize(
    ("field", "wrong"), [("label", None), ("label", 3), ("usage", None), ("usage", "x"), ("limit", "x"), ("limit", False)]
)
def test_wrong_required_fields_are_errors(field: str, wrong: Any) -> None:
    """Null is unknown, and what is required must be known."""
    with pytest.raises(InvalidResponseError, match=rf"\$\.data\.{field}: "):
        read_key(**{field: wrong})


@pytest.mark.parametrize("fields", [{"limit": 5}, {"limit": 5, "limit_remaining": None}, {"limit": 0}])
def test_a_limit_without_its_remainder_is_an_error(fields: dict[str, Any]) -> None:
    """What is left of a cap is never guessed from the lifetime usage."""
    with pytest.raises(InvalidResponseError, match="limit_remaining is missing"):
        read_key(**fields)


def test_null_and_missing_are_unknown() -> None:
    """None of the optional fields becomes 0, False or an empty list."""
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
    """No budgets is a fact."""
    assert read_key(budgets=[], allowed_data_regions=[]).budgets == ()


@pytest.mark.parametrize("fields", [{"is_provisioning_key": True}, {"is_provisioning_key": True, "is_management_key": None}])
def test_the_older_name_of_management_keys_is_read_from_the_wire(fields: dict[str, Any]) -> None:
    """A null under the newer name does not hide it."""
    assert read_key(**fields).is_management_key is True


def test_unknown_fields_are_kept_at_every_level() -> None:
    """What this version does not know is nobody's loss, not even under the name `extra`."""
    key = read_key(
        extra="x", new={"a": 1.5}, none=None, budgets=[{"scope": "moon", "new": 2}], free_model_daily_requests={"limit": 1, "new": 3}
    )

    assert key.extra == {"extra": "x", "new": {"a": Decimal("1.5")}, "none": None}
    assert key.budgets is not None
    assert key.budgets[0].extra == {"new": 2}
    assert key.free_model_daily_requests is not None
    assert key.free_model_daily_requests.extra == {"new": 3}


def test_unknown_fields_of_a_wallet_are_kept() -> None:
    """Also where they stand in for none of the documented ones."""
    wallet = decode(Reply(200, {}, b'{"data": {"total_credits": 1, "total_usage": 2, "extra": 3, "new": 4}}'), Credits)

    assert wallet == Credits(Decimal(1), Decimal(2))
    assert wallet.extra == {"extra": 3, "new": 4}


def test_as_many_fields_as_documented_but_others_is_an_error() -> None:
    """Two fields are not a wallet."""
    with pytest.raises(InvalidResponseError, match=r"\$\.data\.total_usage: required, but missing"):
        decode(Reply(200, {}, b'{"data": {"total_credits": 1, "usage": 2}}'), Credits)


def test_open_sets_stay_texts() -> None:
    """A value that is new next year is no error."""
    key = read_key(limit_reset="fortnightly", allowed_data_regions=["mars"], budgets=[{"scope": "galaxy", "reset_interval": "eon"}])

    assert (key.limit_reset, key.allowed_data_regions) == ("fortnightly", ("mars",))
    assert key.budgets is not None
    assert (key.budgets[0].scope, key.budgets[0].reset_interval) == ("galaxy", "eon")
    assert key.extra == {}


def test_two_values_share_no_extra() -> None:
    """What one reply holds besides does not show in another's value."""
    first, second = read_key(new=1), read_key()

    assert first.extra == {"new": 1}
    assert second.extra == {}
