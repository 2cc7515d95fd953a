"""The amount a key can spend is its smallest bound, or, if some are spent, that which shuts it longest."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openrouter_credits import Bound, Budget, Credits, KeyInfo, Spendable
from openrouter_credits._status.spendable import is_stopped, spendable
from tests.kit.values import (
    AMOUNTS,
    BUDGETS,
    HARSH,
    LENIENT,
    MONDAY,
    NOVEMBER,
    NOW,
    WALLETS,
    budget,
    key,
    keys,
    wallet,
)


def complete(amount: str, bound_by: str, resets_at: datetime | None = None) -> Spendable:
    """Make the outcome of a wallet and a key that were both read."""
    return Spendable(Decimal(amount), bound_by, resets_at, "complete")


def stopped(reason: str) -> Spendable:
    """Make the outcome of a key that cannot spend at all."""
    return Spendable(Decimal(0), reason, None, "complete")


def at_most(amount: str, bound_by: str, resets_at: datetime | None = None) -> Spendable:
    """Make the outcome of a wallet without its key, or of a key without its wallet."""
    return Spendable(Decimal(amount), bound_by, resets_at, "at_most")


UNKNOWN = Spendable(None, None, None, "unknown")


# Two amounts that differ by less than 1E-26; the cap has more digits than the default context keeps
LONG_WALLET = Credits(Decimal(1), Decimal("-1E-27"))
LONG_CAP = key("1.0000000000000000000000000001")

AMOUNTS_LEFT = {
    "nothing known": (None, None, UNKNOWN),
    "no cap, wallet unread": (None, key(), UNKNOWN),
    "wallet alone": (wallet("74.75"), None, at_most("74.75", "wallet")),
    "no cap": (wallet("74.75"), key(), complete("74.75", "wallet")),
    "no cap, though something remains": (
        wallet("74.75"),
        key(limit_remaining=Decimal(3)),
        complete("3", "key_limit"),
    ),
    "cap alone": (None, key("100", limit_reset="monthly"), at_most("100", "key_limit", NOVEMBER)),
    "cap below wallet": (
        wallet("74.75"),
        key("26.83", limit_reset="weekly"),
        complete("26.83", "key_limit", MONDAY),
    ),
    "cap above wallet": (wallet("74.75"), key("454.54", limit_reset="weekly"), complete("74.75", "wallet")),
    "cap for ever": (wallet("74.75"), key("26.83"), complete("26.83", "key_limit")),
    "budget below cap below wallet": (
        wallet("74.75"),
        key(
            "26.83",
            budget("key_limit", "26.83", NOVEMBER),
            budget("workspace", "11.75", MONDAY),
            limit_reset="monthly",
        ),
        complete("11.75", "workspace", MONDAY),
    ),
    "budget without a cap": (
        wallet("74.75"),
        key(None, budget("member", "11.75")),
        complete("11.75", "member"),
    ),
    "budget of an unknown scope": (
        wallet("74.75"),
        key("26.83", budget("galaxy", "1.5")),
        complete("1.5", "galaxy"),
    ),
    "budget without remaining_usd": (
        wallet("74.75"),
        key(None, budget("member", None)),
        complete("74.75", "wallet"),
    ),
    "effective budget, if there are no budgets": (
        wallet("74.75"),
        key("26.83", effective_budget=budget("workspace", "11.75", MONDAY)),
        complete("11.75", "workspace", MONDAY),
    ),
    "effective budget beside budgets": (
        wallet("74.75"),
        key("26.83", budget("member", "20"), effective_budget=budget("workspace", "11.75")),
        complete("20", "member"),
    ),
    "an empty list of budgets": (
        wallet("74.75"),
        key("26.83", budgets=(), effective_budget=budget("workspace", "11.75")),
        complete("26.83", "key_limit"),
    ),
    "wallet overdrawn": (wallet("-2.75"), key("26.83"), complete("-2.75", "wallet")),
    "cap overdrawn": (
        wallet("74.75"),
        key("-0.204117", limit_reset="weekly"),
        complete("-0.204117", "key_limit", MONDAY),
    ),
    "budget overdrawn most": (
        wallet("-1"),
        key("-2", budget("workspace", "-3")),
        complete("-1", "wallet"),
    ),
    "tie of all": (
        wallet("5"),
        key("5.00", budget("workspace", "5.0", MONDAY), limit_reset="weekly"),
        complete("5", "wallet"),
    ),
    "tie of the cap and its own budget": (
        wallet("74.75"),
        key("5", budget("key_limit", "5.00", MONDAY), limit_reset="monthly"),
        complete("5", "key_limit", NOVEMBER),
    ),
    "tie of a budget and a later one that is the key's limit": (
        wallet("74.75"),
        key(None, budget("member", "5", MONDAY), budget("key_limit", "5", NOVEMBER)),
        complete("5", "key_limit", NOVEMBER),
    ),
    "tie of the cap, whose window is not known, and its own budget": (
        wallet("74.75"),
        key("5", budget("key_limit", "5.00", MONDAY), limit_reset="fortnightly"),
        complete("5", "key_limit", MONDAY),
    ),
    "effective budget beside budgets of which one is unread": (
        wallet("74.75"),
        key(
            "26.83",
            budget("member", "20"),
            effective_budget=budget("workspace", "11.75", MONDAY),
            unread=("budgets[1]",),
        ),
        at_most("11.75", "workspace", MONDAY),
    ),
    "a budget of a known window without a date": (
        wallet("74.75"),
        key(None, Budget("member", remaining_usd=Decimal(5), reset_interval="weekly")),
        complete("5", "member", MONDAY),
    ),
    "a budget named wallet": (
        wallet("74.75"),
        key(None, budget("wallet", "5", MONDAY)),
        complete("5", "wallet_budget", MONDAY),
    ),
    "tie of budgets": (
        wallet("74.75"),
        key(None, budget("member", "5", NOVEMBER), budget("workspace", "5", MONDAY)),
        complete("5", "member", NOVEMBER),
    ),
    "management key": (
        wallet("74.75"),
        key("5", budget("workspace", "3"), is_management_key=True),
        stopped("management_key"),
    ),
    "management key, wallet unread": (
        None,
        key("5", budget("workspace", "3"), is_management_key=True),
        stopped("management_key"),
    ),
    "a part of the key unread": (
        wallet("74.75"),
        key("26.83", unread=("budgets[0]",)),
        at_most("26.83", "key_limit"),
    ),
    "a part of the key unread, and no limit read": (
        None,
        key(unread=("budgets",)),
        UNKNOWN,
    ),
    "the last digit decides": (
        LONG_WALLET,
        LONG_CAP,
        complete("1.0000000000000000000000000001", "key_limit"),
    ),
}


@pytest.mark.parametrize(("credits_", "info", "expected"), AMOUNTS_LEFT.values(), ids=AMOUNTS_LEFT)
def test_the_smallest_known_bound_is_what_can_be_spent(
    credits_: Credits | None, info: KeyInfo | None, expected: Spendable
) -> None:
    """The smallest known bound is the amount; bounds may be negative, and the first of equals counts."""
    assert spendable(credits_, info, NOW) == expected


def unreadable(remaining: str, *fields: str, **known: Any) -> Budget:
    """Make a budget of which some fields could not be read."""
    return Budget("member", remaining_usd=Decimal(remaining), extra=dict.fromkeys(fields, "soon"), **known)


YESTERDAY, TODAY = datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)
SPENT: dict[str, tuple[Credits | None, KeyInfo, Spendable]] = {
    "a limit of a day and a budget of a month": (
        wallet("74.75"),
        key("-0.02", budget("api_key", "-0.01", NOVEMBER), limit_reset="daily"),
        complete("-0.01", "api_key", NOVEMBER),
    ),
    "the same, the other way round": (
        wallet("74.75"),
        key("-0.01", budget("api_key", "-0.02", TODAY), limit_reset="monthly"),
        complete("-0.01", "key_limit", NOVEMBER),
    ),
    "the wallet is never renewed": (
        wallet("-0.01"),
        key("-5", budget("workspace", "-9", NOVEMBER), limit_reset="monthly"),
        complete("-0.01", "wallet"),
    ),
    "the wallet goes before a limit that is never renewed": (
        wallet("0"),
        key("-5"),
        complete("0", "wallet"),
    ),
    "a limit for ever goes before a window of an unknown length": (
        wallet("74.75"),
        key("-1", Budget("member", remaining_usd=Decimal(-2), reset_interval="eon")),
        complete("-1", "key_limit"),
    ),
    "a reset that cannot be told goes before one that can": (
        wallet("74.75"),
        key("-1", budget("member", "-2", NOVEMBER), limit_reset="fortnightly"),
        complete("-1", "key_limit"),
    ),
    "a window that was not read goes before a reset that can be told": (
        wallet("74.75"),
        key("-0.02", budget("member", "-9", NOVEMBER), unread=("limit_reset",)),
        at_most("-0.02", "key_limit"),
    ),
    "a limit for ever goes before a window that was not read": (
        wallet("74.75"),
        key(
            None,
            unreadable("-5", "reset_interval", "resets_at"),
            budget("workspace", "-1"),
            unread=("budgets[0].resets_at", "budgets[0].reset_interval"),
        ),
        at_most("-1", "workspace"),
    ),
    "a date that was not read is not that of the window": (
        wallet("74.75"),
        key(
            None,
            unreadable("-5", "resets_at", reset_interval="daily"),
            budget("workspace", "-9", NOVEMBER),
            unread=("budgets[0].resets_at",),
        ),
        at_most("-5", "member"),
    ),
    "a date stands in for a window that was not read": (
        wallet("74.75"),
        key(
            None,
            unreadable("-5", "reset_interval", resets_at=NOVEMBER),
            unread=("budgets[0].reset_interval",),
        ),
        at_most("-5", "member", NOVEMBER),
    ),
    "lifetime is for ever": (
        wallet("74.75"),
        key(
            None,
            Budget("member", remaining_usd=Decimal(-5), reset_interval="eon"),
            Budget("workspace", remaining_usd=Decimal(0), reset_interval="lifetime"),
        ),
        complete("0", "workspace"),
    ),
    "a budget of a known window without a date": (
        wallet("74.75"),
        key("-1", Budget("member", remaining_usd=Decimal(-2), reset_interval="monthly"), limit_reset="daily"),
        complete("-2", "member", NOVEMBER),
    ),
    "of two budgets that are the key's limit, that which shuts longest": (
        wallet("74.75"),
        key(None, budget("key_limit", "-5", TODAY), budget("key_limit", "-1", NOVEMBER)),
        complete("-1", "key_limit", NOVEMBER),
    ),
    "the key's own limit, told by a budget": (
        wallet("74.75"),
        key("0", budget("key_limit", "0", NOVEMBER), budget("member", "0", MONDAY), limit_reset="eon"),
        complete("0", "key_limit", NOVEMBER),
    ),
    "a limit that is spent goes before one that is not": (
        wallet("74.75"),
        key("0", budget("member", "0.01"), limit_reset="daily"),
        complete("0", "key_limit", TODAY),
    ),
    "of equals the first": (
        wallet("74.75"),
        key(None, budget("member", "-1", MONDAY), budget("workspace", "-2", MONDAY)),
        complete("-1", "member", MONDAY),
    ),
    "a reset that is over keeps it shut the shortest": (
        wallet("74.75"),
        key(None, budget("member", "-2", YESTERDAY), budget("workspace", "-1", MONDAY)),
        complete("-1", "workspace", MONDAY),
    ),
    "a part unread": (
        wallet("74.75"),
        key("-1", limit_reset="daily", unread=("budgets[0]",)),
        at_most("-1", "key_limit", TODAY),
    ),
    "the wallet unread": (
        None,
        key("-1", budget("member", "-2", TODAY), limit_reset="weekly"),
        at_most("-1", "key_limit", MONDAY),
    ),
}


@pytest.mark.parametrize(("credits_", "info", "expected"), SPENT.values(), ids=SPENT)
def test_of_spent_bounds_the_one_that_shuts_longest_binds(
    credits_: Credits | None, info: KeyInfo, expected: Spendable
) -> None:
    """Of bounds that are spent, one that is never renewed binds first, then the latest reset."""
    found = spendable(credits_, info, NOW)

    assert found == expected
    assert [(bound.remaining, bound.resets_at) for bound in found.bounds if bound.binds] == [
        (expected.amount, expected.resets_at)
    ]


PAST = NOW - timedelta(seconds=1)
STOPS: dict[str, tuple[KeyInfo | None, dict[str, Any], str]] = {
    "refused": (None, {"stop": "refused"}, "refused"),
    "disabled": (key("5"), {"stop": "disabled"}, "disabled"),
    "expired": (key("5", expires_at=NOW), {}, "expired"),
    "no region": (key("5", allowed_data_regions=()), {}, "no_region"),
    "management key": (key("5", is_management_key=True), {}, "management_key"),
    "refused goes first": (key(expires_at=PAST), {"stop": "refused"}, "refused"),
    "expired before management key": (key(expires_at=PAST, is_management_key=True), {}, "expired"),
    "management key before no region": (
        key(is_management_key=True, allowed_data_regions=()),
        {},
        "management_key",
    ),
    "the management key, expired": (
        key(expires_at=PAST, is_management_key=True),
        {"is_manager": True},
        "expired",
    ),
    "a part unread": (key(expires_at=PAST, unread=("budgets",)), {}, "expired"),
}


@pytest.mark.parametrize(("info", "options", "reason"), STOPS.values(), ids=STOPS)
@pytest.mark.parametrize("credits_", [None, wallet("74.75"), wallet("-1")], ids=["unread", "full", "owing"])
def test_a_key_that_cannot_spend_at_all_has_nothing(
    credits_: Credits | None, info: KeyInfo | None, options: dict[str, Any], reason: str
) -> None:
    """A key that cannot spend has the amount 0 for a reason, covers nothing, and none of its bounds binds."""
    found = spendable(credits_, info, NOW, **options)

    assert found == stopped(reason)
    assert is_stopped(found)
    assert [found.covers(amount) for amount in (0, -1, "0.01")] == [False] * 3
    assert [bound.binds for bound in found.bounds] == [False] * len(found.bounds)
    assert ("wallet" in {bound.name for bound in found.bounds}) is (credits_ is not None)


def test_an_ordinary_key_is_not_there_to_read_the_wallet() -> None:
    """A key without a region is stopped, although it was given as its own management key: it is none."""
    info = key("5", is_management_key=False, allowed_data_regions=())

    assert spendable(wallet("74.75"), info, NOW, is_manager=True) == stopped("no_region")


@pytest.mark.parametrize("regions", [(), ("global",), None])
def test_the_management_key_of_a_wallet_is_a_look_at_the_wallet(regions: tuple[str, ...] | None) -> None:
    """A key that is there to read its wallet has the wallet's amount, whatever its regions and limits are."""
    info = key("5", is_management_key=True, allowed_data_regions=regions)

    assert spendable(wallet("74.75"), info, NOW, is_manager=True) == complete("74.75", "wallet")
    assert spendable(None, info, NOW, is_manager=True) == UNKNOWN


@pytest.mark.parametrize("reason", ["expired", "refused", "management_key"])
def test_a_budget_named_like_a_reason_is_a_budget(reason: str) -> None:
    """A budget whose scope is the name of a reason limits a key, and does not stop it."""
    found = spendable(wallet("74.75"), key(None, budget(reason, "5")), NOW)

    assert (found.bound_by, found.amount, is_stopped(found)) == (reason, 5, False)
    assert found.covers(5) is True


@pytest.fixture
def live_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that sets the local time zone of this process until the test ends."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "reset", "now", "expected"),
    [
        # 14 hours before UTC: it is the new year there
        ("Pacific/Kiritimati", "daily", "2027-12-31T23:59:59", "2028-01-01"),
        # 12 hours behind UTC: it is still Sunday there
        ("Etc/GMT+12", "weekly", "2026-12-28T00:00", "2027-01-04"),
        # in the hour that the clocks repeat
        ("America/New_York", "monthly", "2026-11-01T06:30", "2026-12-01"),
    ],
)
def test_a_cap_is_renewed_at_midnight_utc(
    live_in: Callable[[str], None], zone: str, reset: str, now: str, expected: str
) -> None:
    """A cap is renewed at midnight UTC, whatever the local time zone of the machine and the caller is."""
    live_in(zone)
    local = datetime.fromisoformat(f"{now}+00:00").astimezone()

    resets_at = spendable(None, key("5", limit_reset=reset), local).resets_at

    assert (resets_at, resets_at and resets_at.tzinfo) == (
        datetime.fromisoformat(f"{expected}T00:00:00+00:00"),
        UTC,
    )


# `bounds`


WALLET_BOUND = Bound("wallet", Decimal("74.75"), Decimal("100.5"), Decimal("25.75"))
"""The bound of `wallet("74.75")`."""
CAP_BOUND = Bound("key_limit", Decimal("26.83"), Decimal(500), Decimal("473.17"), "monthly", NOVEMBER)
"""The bound of `CAPPED`."""
CAPPED = key("26.83", limit_reset="monthly")


def binding(bound: Bound) -> Bound:
    """Return this bound as the one that binds."""
    return attrs.evolve(bound, binds=True)


def own_budget(remaining: str | None) -> Budget:
    """Make a weekly budget that is the key's own limit."""
    return Budget(
        "key_limit",
        limit_usd=Decimal(50),
        spend_usd=Decimal(20),
        remaining_usd=None if remaining is None else Decimal(remaining),
        reset_interval="weekly",
        resets_at=MONDAY,
    )


def own_bound(remaining: str) -> Bound:
    """Make the bound of such a budget, which binds."""
    return Bound("key_limit", Decimal(remaining), Decimal(50), Decimal(20), "weekly", MONDAY, binds=True)


BOUNDS: dict[str, tuple[Credits | None, KeyInfo | None, tuple[Bound, ...]]] = {
    "nothing known": (None, None, ()),
    "no cap, wallet unread": (None, key(), ()),
    "wallet alone": (wallet("74.75"), None, (binding(WALLET_BOUND),)),
    "no cap": (wallet("74.75"), key(), (binding(WALLET_BOUND),)),
    "no cap, though something remains": (
        None,
        key(limit_remaining=Decimal(3)),
        (Bound("key_limit", Decimal(3), binds=True),),
    ),
    "wallet overdrawn": (
        wallet("-2.75"),
        None,
        (Bound("wallet", Decimal("-2.75"), Decimal("100.5"), Decimal("103.25"), binds=True),),
    ),
    "cap alone": (None, CAPPED, (binding(CAP_BOUND),)),
    "cap of an unknown window": (
        None,
        key("5", limit_reset="fortnightly"),
        (Bound("key_limit", Decimal(5), Decimal(500), Decimal(495), "fortnightly", None, binds=True),),
    ),
    "window not read": (
        None,
        key("5", unread=("limit_reset",)),
        (Bound("key_limit", Decimal(5), Decimal(500), Decimal(495), "unknown", None, binds=True),),
    ),
    "budget for ever": (
        None,
        key(None, Budget("member", remaining_usd=Decimal(5), reset_interval="lifetime")),
        (Bound("member", Decimal(5), binds=True),),
    ),
    "effective budget that is one of the budgets, of which one is unread": (
        None,
        key(
            None,
            budget("member", "5", MONDAY),
            effective_budget=budget("member", "5", MONDAY),
            unread=("budgets[1]",),
        ),
        (Bound("member", Decimal(5), resets_at=MONDAY, binds=True),),
    ),
    "cap below wallet": (wallet("74.75"), CAPPED, (WALLET_BOUND, binding(CAP_BOUND))),
    "cap above wallet": (
        wallet("5"),
        CAPPED,
        (Bound("wallet", Decimal(5), Decimal("100.5"), Decimal("95.5"), binds=True), CAP_BOUND),
    ),
    "wallet, cap and budgets": (
        wallet("74.75"),
        key(
            "26.83",
            Budget("workspace", Decimal(60), Decimal("48.25"), Decimal("11.75"), "weekly", MONDAY),
            budget("member", "20", NOVEMBER),
            limit_reset="monthly",
        ),
        (
            WALLET_BOUND,
            CAP_BOUND,
            Bound("workspace", Decimal("11.75"), Decimal(60), Decimal("48.25"), "weekly", MONDAY, binds=True),
            Bound("member", Decimal(20), resets_at=NOVEMBER),
        ),
    ),
    "budgets keep the order of the answer": (
        None,
        key(None, budget("member", "3"), budget("galaxy", "1"), budget("workspace", "2")),
        (
            Bound("member", Decimal(3)),
            Bound("galaxy", Decimal(1), binds=True),
            Bound("workspace", Decimal(2)),
        ),
    ),
    "budgets of one scope": (
        None,
        key(None, budget("member", "3"), budget("member", "2")),
        (Bound("member", Decimal(3)), Bound("member", Decimal(2), binds=True)),
    ),
    "tie": (
        wallet("74.75"),
        key("74.75", budget("member", "74.75")),
        (
            binding(WALLET_BOUND),
            Bound("key_limit", Decimal("74.75"), Decimal(500), Decimal("425.25")),
            Bound("member", Decimal("74.75")),
        ),
    ),
    "budget without remaining_usd": (
        wallet("74.75"),
        key(None, Budget("member", Decimal(9), Decimal(5)), budget("workspace", None)),
        (binding(WALLET_BOUND),),
    ),
    "effective budget, if there are no budgets": (
        None,
        key("26.83", effective_budget=budget("workspace", "11.75", MONDAY), limit_reset="monthly"),
        (CAP_BOUND, Bound("workspace", Decimal("11.75"), resets_at=MONDAY, binds=True)),
    ),
    "effective budget that is the key's limit": (
        None,
        key("26.83", effective_budget=budget("key_limit", "26.83"), limit_reset="monthly"),
        (binding(CAP_BOUND),),
    ),
    "effective budget without remaining_usd": (
        None,
        key("26.83", effective_budget=budget("workspace", None), limit_reset="monthly"),
        (binding(CAP_BOUND),),
    ),
    "effective budget beside budgets": (
        None,
        key(None, budget("member", "20"), effective_budget=budget("workspace", "11.75")),
        (Bound("member", Decimal(20), binds=True),),
    ),
    "effective budget beside an empty list of budgets": (
        None,
        key(budgets=(), effective_budget=budget("workspace", "11.75")),
        (),
    ),
    "own budget above the cap": (
        None,
        attrs.evolve(CAPPED, budgets=(own_budget("30"),)),
        (binding(CAP_BOUND),),
    ),
    "own budget like the cap": (
        None,
        attrs.evolve(CAPPED, budgets=(own_budget("26.830"),)),
        (binding(CAP_BOUND),),
    ),
    "own budget below the cap": (
        None,
        attrs.evolve(CAPPED, budgets=(own_budget("20"),)),
        (own_bound("20"),),
    ),
    "own budget without a cap": (None, key(None, own_budget("30")), (own_bound("30"),)),
    "own budget without remaining_usd": (
        None,
        attrs.evolve(CAPPED, budgets=(own_budget(None),)),
        (binding(CAP_BOUND),),
    ),
    "two own budgets": (None, key(None, own_budget("30"), own_budget("20")), (own_bound("20"),)),
    "own budget behind others": (
        wallet("74.75"),
        key(None, budget("member", "40"), own_budget("30")),
        (WALLET_BOUND, own_bound("30"), Bound("member", Decimal(40))),
    ),
    "management key": (
        wallet("74.75"),
        key("5", budget("workspace", "3"), is_management_key=True, effective_budget=budget("member", "1")),
        (WALLET_BOUND,),
    ),
    "management key, wallet unread": (None, key("5", budget("workspace", "3"), is_management_key=True), ()),
}


@pytest.mark.parametrize(("credits_", "info", "expected"), BOUNDS.values(), ids=BOUNDS)
def test_the_bounds_are_the_wallet_the_keys_limit_and_the_budgets(
    credits_: Credits | None, info: KeyInfo | None, expected: tuple[Bound, ...]
) -> None:
    """The bounds are the wallet, the key's limit, once, and the budgets; the smallest binds."""
    assert spendable(credits_, info, NOW).bounds == expected


@pytest.mark.parametrize(("credits_", "info", "_"), BOUNDS.values(), ids=BOUNDS)
def test_the_amount_is_that_of_the_bound_that_binds(
    credits_: Credits | None, info: KeyInfo | None, _: object
) -> None:
    """Exactly one of the bounds binds; its remainder, name and reset are those of the amount."""
    found = spendable(credits_, info, NOW, is_manager=True)

    binding = [(bound.remaining, bound.name, bound.resets_at) for bound in found.bounds if bound.binds]
    expected = [] if found.amount is None else [(found.amount, found.bound_by, found.resets_at)]
    assert binding == expected
    assert (found.amount is None) is (found.bounds == ())


def test_a_bound_is_a_value() -> None:
    """A bound is frozen and equal by value; only its name and what remains of it are required."""
    bound = Bound("wallet", Decimal(1))

    assert bound == Bound("wallet", Decimal("1.0"), None, None, None, None, binds=False)
    assert pickle.loads(pickle.dumps(bound)) == bound
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        bound.binds = True  # type: ignore[misc]  # mypy knows that a bound is frozen


def test_the_bound_of_a_budget_tells_its_id() -> None:
    """The id of a budget is in its bound, and takes no part in == and repr; the others have none."""
    member = attrs.evolve(budget("member", "3"), budget_id="b1")
    info = attrs.evolve(CAPPED, budgets=(member, budget("workspace", "4"), own_budget("20")))

    bounds = spendable(wallet("74.75"), info, NOW).bounds

    ids = [(bound.name, bound.budget_id) for bound in bounds]
    assert ids == [("wallet", None), ("key_limit", None), ("member", "b1"), ("workspace", None)]
    assert bounds[2] == Bound("member", Decimal(3), binds=True)
    assert "b1" not in repr(bounds)


def test_an_amount_that_is_made_by_hand_has_no_bounds() -> None:
    """An amount that a program makes for its own tests has no bounds unless it lists them."""
    assert complete("5", "wallet").bounds == ()


# Properties of all amounts


def bounds_of(credits_: Credits | None, info: KeyInfo | None) -> list[tuple[str, Decimal]]:
    """List the bounds in their order of precedence, computed apart from the code under test."""
    bounds = [] if credits_ is None else [("wallet", credits_.remaining)]
    if info is None or info.is_management_key is True:
        return bounds
    budgets = info.budgets
    if budgets is None:
        budgets = () if info.effective_budget is None else (info.effective_budget,)
    others = [(each.scope, each.remaining_usd) for each in budgets if each.remaining_usd is not None]
    own = [remaining for scope, remaining in others if scope == "key_limit"]
    if info.limit_remaining is not None:
        own.append(info.limit_remaining)
    if own:
        bounds.append(("key_limit", min(own)))  # of spent ones, it may also be another
    return bounds + [each for each in others if each[0] != "key_limit"]


def height(found: Spendable) -> Decimal:
    """Return the amount, or infinity if there is none."""
    return Decimal("Infinity") if found.amount is None else found.amount


@given(st.none() | WALLETS, st.none() | keys())
def test_the_amount_is_the_smallest_of_its_bounds(credits_: Credits | None, info: KeyInfo | None) -> None:
    """The first bound that leaves least is the amount, unless some are spent: then it is one of these."""
    found = spendable(credits_, info, NOW, is_manager=True)

    for bound, (name, remaining) in zip(found.bounds, bounds_of(credits_, info), strict=True):
        assert bound.name == name
        assert bound.remaining == remaining or (name == "key_limit" and remaining <= bound.remaining <= 0)
    least = min((bound.remaining for bound in found.bounds), default=Decimal(1))
    binding = [bound for bound in found.bounds if bound.binds]
    assert len(binding) == bool(found.bounds)
    for bound in binding:
        assert (found.amount, found.bound_by, found.resets_at) == (
            bound.remaining,
            bound.name,
            bound.resets_at,
        )
        assert bound.remaining == least if least > 0 else bound.remaining <= 0
    smallest = next((bound for bound in found.bounds if bound.remaining == least), None)
    assert least <= 0 or binding == ([] if smallest is None else [smallest])


@given(st.none() | WALLETS, st.none() | keys())
def test_unknown_never_becomes_a_number(credits_: Credits | None, info: KeyInfo | None) -> None:
    """The amount is None if no bound is known, and not `complete` unless wallet and key were both read."""
    found = spendable(credits_, info, NOW, is_manager=True)

    if bounds_of(credits_, info):
        assert found.certainty == ("at_most" if credits_ is None or info is None else "complete")
    else:
        assert found == UNKNOWN
        assert found.covers(0) is None


@given(WALLETS, keys())
def test_to_know_more_never_raises_the_amount(credits_: Credits, info: KeyInfo) -> None:
    """A wallet and a key allow the smaller of what each allows alone, and nothing if one is spent."""
    nothing, by_wallet, by_key = (
        spendable(None, None, NOW),
        spendable(credits_, None, NOW),
        spendable(None, info, NOW, is_manager=True),
    )

    both = spendable(credits_, info, NOW, is_manager=True)

    least = min(height(by_wallet), height(by_key))
    assert height(both) == least if least > 0 else height(both) <= 0
    assert max(height(by_wallet), height(by_key)) <= height(nothing)


@given(st.none() | WALLETS, keys(manages=False), BUDGETS, AMOUNTS)
def test_one_bound_more_never_raises_the_amount(
    credits_: Credits | None, info: KeyInfo, more: Budget, cap: Decimal
) -> None:
    """An additional budget, or a limit on a key that had none, never raises the amount."""
    before = spendable(credits_, info, NOW)
    known = (info.effective_budget,) if info.effective_budget is not None else ()

    budgets = (*(known if info.budgets is None else info.budgets), more)
    with_budget = spendable(credits_, attrs.evolve(info, budgets=budgets), NOW)
    left = cap if info.limit_remaining is None else min(cap, info.limit_remaining)
    with_cap = spendable(credits_, attrs.evolve(info, limit=cap, limit_remaining=left), NOW)

    assert height(with_budget) <= max(height(before), Decimal(0))
    assert info.limit is not None or height(with_cap) <= max(height(before), Decimal(0))


@given(keys(), WALLETS, st.sampled_from([HARSH, LENIENT]))
@example(LONG_CAP, LONG_WALLET, HARSH)
@example(LONG_CAP, LONG_WALLET, LENIENT)
def test_no_decimal_context_has_a_say(info: KeyInfo, credits_: Credits, context: Context) -> None:
    """The precision, rounding and traps of the program's decimal context change no figure."""
    expected = spendable(credits_, info, NOW)

    with localcontext(context):
        found = spendable(credits_, info, NOW)

    assert found == expected


# `covers()`


@pytest.mark.parametrize(
    ("amount", "certainty", "wanted", "expected"),
    [
        ("5", "complete", 5, True),
        ("5", "complete", "5.000000001", False),
        ("5", "complete", Decimal("4.999"), True),
        ("0.1", "complete", 0.1, True),
        ("0.3", "complete", 0.1 + 0.2, False),
        ("0", "complete", 0, True),
        ("-2.75", "complete", 0, False),
        ("5", "at_most", 5, None),
        ("5", "at_most", 0, None),
        ("5", "at_most", "5.01", False),
        (None, "unknown", 0, None),
    ],
)
def test_an_amount_is_covered_or_not_or_nobody_knows(
    amount: str | None, certainty: Any, wanted: Any, expected: bool | None
) -> None:
    """covers() says yes or no of an exact amount, no or None of an upper bound, None of no amount."""
    bound_by = None if amount is None else "wallet"
    found = Spendable(None if amount is None else Decimal(amount), bound_by, None, certainty)

    assert found.covers(wanted) is expected


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_whatever_covers_more_covers_less(amount: Decimal, one: Decimal, other: Decimal) -> None:
    """An amount that covers a sum covers smaller ones; an upper bound rejects what an exact one does."""
    exact, bound = complete(str(amount), "wallet"), at_most(str(amount), "wallet")
    less, more = sorted((one, other))

    assert exact.covers(less) or not exact.covers(more)
    assert exact.covers(one) is (amount >= one)
    assert bound.covers(one) is (None if exact.covers(one) else False)


@pytest.mark.parametrize("found", [complete("5", "wallet"), at_most("5", "wallet"), UNKNOWN])
def test_each_wanted_amount_is_validated(found: Spendable) -> None:
    """covers() refuses NaN, even if no amount is known that it could be compared with."""
    with pytest.raises(ValueError, match="an amount is a"):
        found.covers(float("nan"))


@pytest.mark.parametrize("context", [HARSH, LENIENT], ids=["harsh", "lenient"])
def test_an_amount_is_covered_alike_in_any_decimal_context(context: Context) -> None:
    """covers() reads the float 0.1 as a tenth in any decimal context."""
    with localcontext(context):
        assert complete("0.1", "wallet").covers(0.1) is True


def test_an_amount_is_frozen() -> None:
    """No field of an amount can be changed."""
    found = complete("5", "wallet")

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found.amount = Decimal(10)  # type: ignore[misc]  # mypy knows that an amount is frozen
