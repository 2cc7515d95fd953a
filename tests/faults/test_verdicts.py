"""A key never seems able to spend more than the answers allow: unread limits, residues, invalid keys."""

from __future__ import annotations

import json
from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import (
    ApiKey,
    CheckReport,
    CreditsClient,
    InvalidResponseError,
    KeySpec,
    KeyStatus,
    Level,
    Spendable,
)
from tests.kit.hosts import StandIn, by_key, client_of, credits_of, key_of, refusal
from tests.kit.values import KEY, MASK, OTHER_KEY
from tests.kit.wire import Connect, Serve, reply

if TYPE_CHECKING:
    from openrouter_credits._call.protocol import Reply

    from ._sinks import Watch

FULL = credits_of(100.5, 25.75)
WS = {"scope": "workspace", "remaining_usd": 3}


@pytest.fixture(autouse=True)
def _patient(fault: Watch) -> None:
    """Tell the shared assertion the deadline of clients that talk to a function."""
    fault.deadline = 5.0


async def status_of(fault: Watch, key: Reply) -> KeyStatus:
    """Read the status of a key that is answered so, and whose wallet is full."""
    async with client_of(by_key({KEY: {"/key": key, "/credits": FULL}})) as (client, _):
        status: KeyStatus = await fault.value(client.status())
    return status


# 54: a key repeated inside a value

TOKEN = "a.token/of~no+usual-kind"


@pytest.mark.row(54)
@pytest.mark.parametrize("key", [KEY, TOKEN], ids=["usual", "unusual"])
@pytest.mark.parametrize(
    "field",
    ["label", "limit_reset", "workspace_id", "scope", "reset_interval", "budget_id", "new", "is_free_tier"],
)
async def test_a_key_that_the_server_repeats_in_a_value_is_masked(
    key: str, field: str, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A key in any field of the answer is masked in the value, its sentence, its JSON and its `extra`."""
    echo: Any = {"at": [f"Bearer {key}"], key: 1} if field == "new" else key
    budget = {"scope": "member", "remaining_usd": 3}
    data = {"label": "k", "usage": 1, "limit": 5, "limit_remaining": 2, "budgets": [budget]}
    target = budget if field in {"scope", "reset_interval", "budget_id"} else data
    target[field] = echo
    server = await serve(reply(200, json.dumps({"data": data}).replace("/", "\\/")))

    status = await fault.value(connect(server, key).status(read=("key",)))

    info: Any = status.key
    shown = f"{status!r} {info!r} {status} {info.extra} {info.budgets[0].extra} {status.spendable.bounds}"
    assert key not in shown
    assert str(ApiKey(key)) in shown
    assert status.spendable.amount == 2


@pytest.mark.row(54)
async def test_a_mask_that_the_server_sends_stays(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A label that is a proper mask stays as it is."""
    server = await serve(reply(200, {"data": {"label": MASK, "usage": 1, "limit": None}}))

    assert (await fault.value(connect(server).key())).label == MASK


# 55: budgets and bounds that cannot be read

UNREADABLE: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "a scope of null": ({"budgets": [WS, {"scope": None, "remaining_usd": 50}]}, ("budgets[1]",)),
    "a scope that is missing": ({"budgets": [WS, {"remaining_usd": 50}]}, ("budgets[1]",)),
    "a scope that is a number": ({"budgets": [{"scope": 7, "remaining_usd": 50}, WS]}, ("budgets[0]",)),
    "null": ({"budgets": [WS, None]}, ("budgets[1]",)),
    "a number": ({"budgets": [3, WS]}, ("budgets[0]",)),
    "null and a list": ({"budgets": [None, WS, []]}, ("budgets[0]", "budgets[2]")),
    "nothing remains that is known": (
        {"budgets": [WS, {"scope": "member", "remaining_usd": None}]},
        ("budgets[1].remaining_usd",),
    ),
    "what remains is missing": ({"budgets": [WS, {"scope": "member"}]}, ("budgets[1].remaining_usd",)),
    "what remains is a word": ({"budgets": [WS, {"scope": "x", "remaining_usd": "much"}]}, ("budgets[1]",)),
    "what remains is true": ({"budgets": [WS, {"scope": "x", "remaining_usd": True}]}, ("budgets[1]",)),
    "what remains is endless": ({"budgets": [WS, {"scope": "x", "remaining_usd": 10**50}]}, ("budgets[1]",)),
    "no list": ({"budgets": "x", "effective_budget": WS}, ("budgets",)),
    "an object": ({"budgets": {}, "effective_budget": WS}, ("budgets",)),
    "a limit without its remainder": ({"budgets": [WS], "limit": 5}, ("limit_remaining",)),
    "a limit with a remainder of null": (
        {"budgets": [WS], "limit": 5, "limit_remaining": None},
        ("limit_remaining",),
    ),
    "an expiry that is no time": ({"budgets": [WS], "expires_at": "tomorrow"}, ("expires_at",)),
    "an expiry that is a number": ({"budgets": [WS], "expires_at": 1}, ("expires_at",)),
    "regions that are a text": (
        {"budgets": [WS], "allowed_data_regions": ""},
        ("allowed_data_regions",),
    ),
    "a reset that is no time": (
        {"budgets": [WS | {"reset_interval": "daily", "resets_at": "soon"}]},
        ("budgets[0].resets_at",),
    ),
    "a window that is a number": (
        {"budgets": [WS], "limit": 5, "limit_remaining": 4, "limit_reset": 7},
        ("limit_reset",),
    ),
    "a list with a hole, of which the effective budget is known": (
        {"budgets": [None, {"scope": "member", "remaining_usd": 9}], "effective_budget": WS},
        ("budgets[0]",),
    ),
    "a kind that is a text": ({"budgets": [WS], "is_management_key": "true"}, ("is_management_key",)),
}


@pytest.mark.row(55)
@pytest.mark.parametrize(("fields", "unread"), UNREADABLE.values(), ids=UNREADABLE)
async def test_what_was_read_limits_a_key_and_what_was_not_is_a_problem(
    fields: dict[str, Any], unread: tuple[str, ...], fault: Watch
) -> None:
    """A part that cannot be read makes the amount an upper limit, and a problem names it; the rest counts."""
    status = await status_of(fault, key_of(**fields))

    assert status.spendable == Spendable(Decimal(3), "workspace", None, "at_most")
    assert status.key is not None
    assert status.key.unread == unread
    assert [type(problem) for problem in status.problems] == [InvalidResponseError] * len(unread)
    assert all(path in str(problem) for path, problem in zip(unread, status.problems, strict=True))
    assert [status.spendable.covers(dollars) for dollars in (2, 3, 4, 50)] == [None, None, False, False]
    assert (status.level(), status.level(warn=3)) == (Level.CRITICAL, Level.UNKNOWN)


@pytest.mark.row(55)
async def test_a_part_that_says_nothing_of_the_amount_is_no_problem(fault: Watch) -> None:
    """A wrong field that has no say in the amount is None, without a problem."""
    wrong = {
        "creator_user_id": 7,
        "workspace_id": [],
        "is_free_tier": "x",
        "limit_reset": 7,
        "new": None,
    }  # no limit

    status = await status_of(fault, key_of(budgets=[WS | {"include_byok": "soon"}], **wrong))

    assert status.spendable == Spendable(Decimal(3), "workspace", None, "complete")
    assert status.problems == ()


@pytest.mark.row(55)
@pytest.mark.parametrize("fields", [{}, {"budgets": []}, {"budgets": None}, {"effective_budget": None}])
async def test_a_field_of_a_newer_shape_that_is_missing_is_no_problem(
    fields: dict[str, Any], fault: Watch
) -> None:
    """A key without budgets, as in answers of 2025, has its wallet, and the amount is complete."""
    status = await status_of(fault, key_of(**fields))

    assert status.spendable == Spendable(Decimal("74.75"), "wallet", None, "complete")


# 56: residues of floating-point arithmetic

RESIDUES = [
    ("-2.7755575615628914e-17", "0", Level.DEPLETED),
    ("5.551115123125783e-17", "0", Level.DEPLETED),
    ("-0.0", "0", Level.DEPLETED),
    ("0.30000000000000004", "0.3", Level.CRITICAL),
    ("45.457405020999975", "45.457405021", Level.OK),
    ("9.999999999999998", "10", Level.OK),
    ("4.999999999999999", "5", Level.LOW),
    ("5.204117000000001", "5.204117", Level.LOW),
]


@pytest.mark.row(56)
@pytest.mark.parametrize("context", [Context(), Context(prec=2, traps=[])], ids=["usual", "narrow"])
@pytest.mark.parametrize(("number", "amount", "level"), RESIDUES)
async def test_a_residue_changes_no_verdict(
    number: str, amount: str, level: Level, context: Context, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A number that doubles left inexact is the amount that was meant, in limits, budgets and the wallet."""
    key = f'{{"data":{{"label":"k","usage":1,"limit":60,"limit_remaining":{number}}}}}'
    budget = '{"scope":"member","remaining_usd":' + number + "}"
    budgets = f'{{"data":{{"label":"k","usage":1,"limit":null,"budgets":[{budget}]}}}}'
    wallet = f'{{"data":{{"total_credits":{number},"total_usage":0.0}}}}'
    server = await serve(reply(200, key), reply(200, budgets), reply(200, wallet))
    client = connect(server)

    with localcontext(context):
        looks = [await fault.value(client.status(read=("key",))) for _ in range(2)]
        assert [look.level() for look in looks] == [level] * 2
        if amount != "0":
            assert str((await fault.value(client.credits())).remaining) == amount

    assert [str(look.spendable.amount) for look in looks] == [amount] * 2


@pytest.mark.row(56)
async def test_a_text_is_taken_as_it_is(serve: Serve, connect: Connect, fault: Watch) -> None:
    """An amount that the server sends as a text keeps all its digits."""
    text = "0.30000000000000004"
    server = await serve(reply(200, {"data": {"total_credits": text, "total_usage": "0"}}))

    assert str((await fault.value(connect(server).credits())).remaining) == text


# 57: keys that cannot spend at all

STOPPED = {
    "management key": (key_of(is_management_key=True), "management_key"),
    "management key, by its older name": (key_of(is_provisioning_key=True), "management_key"),
    "expired": (key_of(expires_at="2020-01-01T00:00:00Z", budgets=[WS]), "expired"),
    "no region": (key_of(allowed_data_regions=[]), "no_region"),
    "refused": (refusal(401, "User not found."), "refused"),
}


@pytest.mark.row(57)
@pytest.mark.parametrize(("key", "reason"), STOPPED.values(), ids=STOPPED)
async def test_a_key_that_cannot_spend_at_all_covers_nothing(key: Any, reason: str, fault: Watch) -> None:
    """A key that cannot spend is INVALID for a reason, though its wallet is full; the sentence says both."""
    host = by_key({KEY: {"/key": key}, OTHER_KEY: {"/credits": FULL}})
    async with client_of(host) as (parent, _):
        status: KeyStatus = await fault.value(parent.with_key(KEY, management_key=OTHER_KEY).status())

    assert status.spendable == Spendable(Decimal(0), reason, None, "complete")
    assert [status.spendable.covers(dollars) for dollars in (0, "0.01", 5)] == [False] * 3
    assert (status.level(), status.level(0)) == (Level.INVALID, Level.INVALID)
    assert "$74.75" in str(status)


@pytest.mark.row(57)
async def test_a_refused_management_key_judges_no_key(fault: Watch) -> None:
    """A management key that is refused is a problem of the wallet, also if the wallet alone was asked for."""
    host = by_key({OTHER_KEY: refusal(401, "User not found.")}, by_key({KEY: {"/key": key_of()}}))
    spec = KeySpec(KEY, management_key=OTHER_KEY)
    async with client_of(host) as (client, _):
        reports = [
            await fault.value(client.check_all([spec], read=read))
            for read in (("credits", "key"), ("credits",), ("key",))
        ]

    assert [report.level() for report in reports] == [Level.UNKNOWN] * 3
    assert [report.level(0) for report in reports] == [Level.UNKNOWN] * 3


@pytest.mark.row(57)
async def test_a_management_key_alone_is_a_look_at_its_wallet(fault: Watch) -> None:
    """Given as the management key alone, or read for its wallet alone, a management key has its wallet."""
    host = by_key({OTHER_KEY: {"/key": key_of(is_management_key=True), "/credits": FULL}})
    async with client_of(host) as (client, wire):
        alone = client_alone(wire, client)
        status: KeyStatus = await fault.value(alone.status())
        report: CheckReport = await fault.value(client.check_all([OTHER_KEY], read=("credits",)))

    assert (status.level(), status.spendable.certainty) == (Level.OK, "complete")
    assert report.level() is Level.OK


def client_alone(wire: StandIn, parent: CreditsClient) -> CreditsClient:
    """Make a client of a management key alone that uses another's connections."""
    client = CreditsClient(management_key=OTHER_KEY, base_url=wire.base_url)
    client._caller, client._owns_caller = parent._caller, False
    return client
