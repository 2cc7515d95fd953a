"""Our own classes are strict with money and required fields, and tolerant with all the rest."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from openrouter_credits import (
    ActivityItem,
    Budget,
    Credits,
    FreeModelQuota,
    InvalidResponseError,
    KeyInfo,
    ManagedKey,
    Workspace,
)
from openrouter_credits._call.protocol import Reply, decode
from tests.kit.values import sample


def read_key(**fields: Any) -> KeyInfo:
    """Decode the smallest valid `/key` body, with these fields added or replaced."""
    return decode(
        Reply(200, {}, json.dumps({"data": {"label": "k", "usage": 1, "limit": None, **fields}}).encode()),
        KeyInfo,
    )


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


WS = {"scope": "workspace", "remaining_usd": 3}
WRONG_BUDGETS: list[Any] = [
    None,
    7,
    "x",
    [],
    {},
    {"remaining_usd": 50},
    {"scope": None, "remaining_usd": 50},
    {"scope": 7, "remaining_usd": 50},
    {"scope": "b", "remaining_usd": "much"},
    {"scope": "b", "remaining_usd": True},
    {"scope": "b", "remaining_usd": 10**41},
    {"scope": "b", "remaining_usd": 50, "limit_usd": "much"},
    {"scope": "b", "remaining_usd": 50, "spend_usd": []},
]


@pytest.mark.parametrize("wrong", WRONG_BUDGETS, ids=repr)
def test_a_budget_that_cannot_be_read_is_left_out_alone(wrong: Any) -> None:
    """A budget of a wrong shape, scope or amount is left out, unread, and kept; the others are read."""
    last = read_key(budgets=[WS, wrong])
    first = read_key(budgets=[wrong, WS, wrong])

    assert last.budgets == first.budgets == (Budget("workspace", remaining_usd=Decimal(3)),)
    assert (last.unread, last.extra) == (("budgets[1]",), {"budgets[1]": wrong})
    assert (first.unread, first.extra) == (
        ("budgets[0]", "budgets[2]"),
        {"budgets[0]": wrong, "budgets[2]": wrong},
    )


@pytest.mark.parametrize("wrong", WRONG_BUDGETS[1:], ids=repr)
def test_an_effective_budget_that_cannot_be_read_is_unread_if_it_stands_alone(wrong: Any) -> None:
    """A wrong `effective_budget` is None and kept; it is not unread if all `budgets` were read."""
    alone, beside = read_key(effective_budget=wrong), read_key(effective_budget=wrong, budgets=[WS])

    assert alone.effective_budget is beside.effective_budget is None
    assert alone.extra == beside.extra == {"effective_budget": wrong}
    assert (alone.unread, beside.unread) == (("effective_budget",), ())


UNREAD: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"budgets": None, "effective_budget": None}, ()),
    ({"budgets": []}, ()),
    ({"budgets": {}}, ("budgets",)),
    ({"budgets": "x"}, ("budgets",)),
    ({"budgets": 7}, ("budgets",)),
    ({"budgets": [WS, {"scope": "b"}]}, ("budgets[1].remaining_usd",)),
    ({"budgets": [{"scope": "b", "remaining_usd": None}, WS]}, ("budgets[0].remaining_usd",)),
    ({"budgets": [None, {"scope": "b"}]}, ("budgets[0]", "budgets[1].remaining_usd")),
    (
        {"budgets": [{"scope": "b", "remaining_usd": 1, "resets_at": "soon", "reset_interval": 7}]},
        ("budgets[0].resets_at", "budgets[0].reset_interval"),
    ),
    ({"budgets": [WS | {"resets_at": None, "reset_interval": "eon"}]}, ()),
    ({"effective_budget": WS | {"resets_at": 7}}, ("effective_budget.resets_at",)),
    ({"effective_budget": WS | {"resets_at": 7}, "budgets": [WS]}, ()),
    ({"effective_budget": 7, "budgets": [WS, None]}, ("effective_budget", "budgets[1]")),
    ({"limit": 5, "limit_remaining": 1, "limit_reset": 7}, ("limit_reset",)),
    ({"limit_remaining": 1, "limit_reset": 7}, ("limit_reset",)),
    ({"limit": 5, "limit_remaining": 1, "limit_reset": "eon"}, ()),
    ({"effective_budget": {"scope": "b"}}, ("effective_budget.remaining_usd",)),
    ({"effective_budget": {"scope": "b"}, "budgets": [WS]}, ()),
    ({"effective_budget": {"scope": "b"}, "budgets": "x"}, ("effective_budget.remaining_usd", "budgets")),
    ({"limit": 5}, ("limit_remaining",)),
    ({"limit": 5, "limit_remaining": None}, ("limit_remaining",)),
    ({"limit": 0}, ("limit_remaining",)),
    ({"limit": 5, "limit_remaining": 0}, ()),
    ({"limit": None, "limit_remaining": None}, ()),
    ({"expires_at": "tomorrow"}, ("expires_at",)),
    ({"expires_at": 1792567680}, ("expires_at",)),
    ({"expires_at": "9999-12-31T23:59:59-01:00"}, ("expires_at",)),
    ({"expires_at": "0001-01-01T00:00:00+01:00"}, ("expires_at",)),
    ({"expires_at": None}, ()),
    ({"allowed_data_regions": "global"}, ("allowed_data_regions",)),
    ({"allowed_data_regions": ["global", None]}, ("allowed_data_regions",)),
    ({"allowed_data_regions": []}, ()),
    ({"is_management_key": "yes"}, ("is_management_key",)),
    ({"is_management_key": 1, "is_provisioning_key": True}, ("is_management_key",)),
    (
        {"is_management_key": True, "limit": 5, "limit_reset": 7, "allowed_data_regions": 7, "expires_at": 7}
        | {"budgets": [None, {"scope": "b"}], "effective_budget": {"scope": "b"}},
        ("expires_at",),
    ),
    ({"is_provisioning_key": 0}, ("is_provisioning_key",)),
    ({"is_provisioning_key": 0, "is_management_key": False}, ()),
    ({"limit_reset": 7, "is_free_tier": 1, "creator_user_id": 12, "unread": ["limit"]}, ()),
]


@pytest.mark.parametrize(("fields", "unread"), UNREAD, ids=repr)
def test_what_bears_on_the_amount_and_cannot_be_read_is_unread(
    fields: dict[str, Any], unread: tuple[str, ...]
) -> None:
    """`unread` names wrong fields, and amounts that are missing, if the amount left may depend on them."""
    assert read_key(**fields).unread == unread


def test_the_older_name_stands_in_for_a_wrong_newer_one() -> None:
    """`is_management_key` falls back to `is_provisioning_key` if it is itself of a wrong type."""
    assert read_key(is_management_key="yes", is_provisioning_key=True).is_management_key is True


def test_a_field_named_like_one_of_ours_is_extra() -> None:
    """A field `unread` of the server is an unknown field."""
    assert read_key(unread=["limit"]).extra == {"unread": ["limit"]}


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


# Entries of an account's lists


def read_managed(**fields: Any) -> ManagedKey:
    """Decode the smallest valid entry of `/keys`, with these fields added or replaced."""
    data = {"hash": "h", "label": "k", "usage": 1, "limit": None, "disabled": False, **fields}
    return decode(Reply(200, {}, json.dumps({"data": data}).encode()), ManagedKey)


def test_keys_of_2026_decode() -> None:
    """Entries of `/keys` in the shape of October 2026 are read whole; an unknown field is kept."""
    production, old = decode(Reply(200, {}, sample("keys-2026-10")), list[ManagedKey])

    assert production == ManagedKey(
        label="sk-or-v1-0e6...1c96",
        limit=Decimal(100),
        limit_remaining=Decimal("74.5"),
        limit_reset="monthly",
        usage=USED,
        usage_daily=USED,
        usage_weekly=USED,
        usage_monthly=USED,
        byok_usage=BYOK,
        byok_usage_daily=BYOK,
        byok_usage_weekly=BYOK,
        byok_usage_monthly=BYOK,
        include_byok_in_limit=False,
        creator_user_id="user_2dHFtVWx2n56w6HkM0000000000",
        expires_at=datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC),
        workspace_id="0df9e665-d932-5740-b2c7-b52af166bc11",
        hash="f01d52606dc8f0a8303a7b5cc3fa07109c2e346cec7c0a16b40de462992ce943",
        name="Production API Key",
        disabled=False,
        created_at=datetime(2026, 10, 1, 10, 30, tzinfo=UTC),
        updated_at=datetime(2026, 10, 20, 15, 45, tzinfo=UTC),
        last_used_at=datetime(2026, 10, 21, 13, 4, 0, 500_000, tzinfo=UTC),
    )
    assert production.used_in_window == USED
    assert production.extra == {}
    assert (old.disabled, old.limit, old.last_used_at, old.external_user) == (True, None, None, "customer-7")
    assert (old.unread, old.extra) == ((), {"external": {"user": "customer-7"}})


def test_keys_of_2025_decode() -> None:
    """Entries of `/keys` in the shape of 2025 are read; what they do not tell is unknown, and never 0."""
    (key,) = decode(Reply(200, {}, sample("keys-2025")), list[ManagedKey])

    assert (key.name, key.limit, key.usage) == ("Customer Key", Decimal(10), Decimal("0.65017511"))
    assert (key.limit_remaining, key.usage_monthly, key.byok_usage, key.used_in_window) == (None,) * 4
    assert key.unread == ("limit_remaining",)


UNREAD_OF_MANAGED: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"disabled": None}, ("disabled",)),
    ({"disabled": "no"}, ("disabled",)),
    ({"limit": 5}, ("limit_remaining",)),
    ({"limit": 5, "disabled": 0}, ("limit_remaining", "disabled")),
    ({"limit": 5, "limit_remaining": 0}, ()),
    ({"limit_reset": 7}, ()),
    ({"limit": 5, "limit_remaining": 1, "limit_reset": 7}, ("limit_reset",)),
    ({"expires_at": "tomorrow"}, ("expires_at",)),
    ({"name": 7, "created_at": "then", "unread": ["limit"]}, ()),
]


@pytest.mark.parametrize(("fields", "unread"), UNREAD_OF_MANAGED, ids=repr)
def test_what_bears_on_a_listed_key_and_cannot_be_read_is_unread(
    fields: dict[str, Any], unread: tuple[str, ...]
) -> None:
    """`unread` of an entry of `/keys` names what is missing or wrong and bears on what can be spent."""
    key = read_managed(**fields)

    assert key.unread == unread
    assert key.extra.keys() <= fields.keys()


def test_a_listed_key_without_disabled_is_not_taken_for_enabled() -> None:
    """An entry of `/keys` without `disabled` has None there, and says that it is unread."""
    data = {"hash": "h", "label": "k", "usage": 1, "limit": None}

    key = decode(Reply(200, {}, json.dumps({"data": data}).encode()), ManagedKey)

    assert (key.disabled, key.unread) == (None, ("disabled",))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("hash", None), ("hash", 7), ("label", None), ("usage", "x"), ("limit_remaining", "x")],
)
def test_required_fields_and_amounts_of_a_listed_key_are_strict(field: str, wrong: Any) -> None:
    """An entry of `/keys` without a hash, or with a wrong amount, is an error that names the field."""
    with pytest.raises(InvalidResponseError, match=rf"\$\.data\.{field}: "):
        read_managed(**{field: wrong})


def test_a_workspace_is_read() -> None:
    """An entry of `/workspaces` needs its id alone; what is not documented is kept."""
    data = [
        {"id": "w1", "name": "Default", "slug": "default", "created_at": "2026-11-01T00:00:00Z", "new": 1},
        {"id": "w2", "created_at": "then"},
    ]

    first, second = decode(Reply(200, {}, json.dumps({"data": data}).encode()), list[Workspace])

    assert first == Workspace("w1", "Default", "default", created_at=datetime(2026, 11, 1, tzinfo=UTC))
    assert first.extra == {"new": 1}
    assert (second, second.extra) == (Workspace("w2"), {"created_at": "then"})


def test_an_entry_of_activity_is_read() -> None:
    """An entry of `/activity` is read by the names of the API; counts may be sent as `10.0`."""
    data = {
        "byok_usage_inference": 0.012,
        "cached_tokens": 10.0,
        "completion_tokens": 125,
        "date": "2026-10-20",
        "endpoint_id": "550e8400-e29b-41d4-a716-446655440000",
        "model": "openai/gpt-4.1",
        "model_permaslug": "openai/gpt-4.1-2025-04-14",
        "prompt_tokens": 50,
        "provider_name": "OpenAI",
        "reasoning_tokens": 25,
        "requests": 5,
        "usage": 0.015000000000000001,
        "new": "x",
    }

    item = decode(Reply(200, {}, json.dumps({"data": data}).encode()), ActivityItem)

    assert item == ActivityItem(
        date(2026, 10, 20),
        "openai/gpt-4.1",
        Decimal("0.015"),
        "openai/gpt-4.1-2025-04-14",
        "550e8400-e29b-41d4-a716-446655440000",
        "OpenAI",
        Decimal("0.012"),
        5,
        50,
        125,
        25,
        10,
    )
    assert item.extra == {"new": "x"}
