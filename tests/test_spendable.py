"""The one number people want: never above what is known, never made of what is not."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_UP, Context, Decimal, DivisionByZero, FloatOperation, Inexact, InvalidOperation, Rounded, localcontext
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import (
    APIConnectionError,
    AuthenticationError,
    Budget,
    Credits,
    KeyInfo,
    KeyStatus,
    Level,
    ManagementKeyRequiredError,
    OpenRouterError,
    ServerError,
    Spendable,
    UnconfirmedCreditsError,
)
from openrouter_credits._spendable import assess, spendable, unconfirmed

NOW = datetime(2026, 10, 21, 13, 5, tzinfo=UTC)  # a Wednesday
MONDAY = datetime(2026, 10, 26, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)

HARSH = Context(prec=2, rounding=ROUND_UP, Emax=9, Emin=-9, traps=[DivisionByZero, FloatOperation, Inexact, InvalidOperation, Rounded])
LENIENT = Context(prec=1, traps=[])

ZERO = Credits(Decimal(0), Decimal(0))
FORBIDDEN = ManagementKeyRequiredError("Only management keys can perform this operation", status=403)
UNAUTHORIZED = AuthenticationError("User not found.", status=401)
DOWN = ServerError("Service temporarily unavailable", status=503)

COUNTERS = [f"{kind}usage{window}" for kind in ("", "byok_") for window in ("", "_daily", "_weekly", "_monthly")]


def wallet(remaining: str) -> Credits:
    """Make a wallet with so much in it."""
    return Credits(Decimal("100.5"), Decimal("100.5") - Decimal(remaining))


def budget(scope: str, remaining: str | None, resets_at: datetime | None = None) -> Budget:
    """Make a budget of which so much is left."""
    return Budget(scope, remaining_usd=None if remaining is None else Decimal(remaining), resets_at=resets_at)


def key(remaining: str | None = None, *budgets: Budget, **fields: Any) -> KeyInfo:
    """Make a key with a cap of which so much is left, or without a cap."""
    cap = {"limit": None} if remaining is None else {"limit": Decimal(500), "limit_remaining": Decimal(remaining)}
    return KeyInfo(**{"label": "k", "usage": Decimal(1), "budgets": budgets or None, **cap, **fields})


def status(amount: str | None, certainty: Any = "complete", *problems: OpenRouterError, info: KeyInfo | None = None) -> KeyStatus:
    """Make a status that says so much."""
    number = None if amount is None else Decimal(amount)
    return KeyStatus(info, None, Spendable(number, None if number is None else "wallet", None, certainty), problems, NOW)


BOUNDS = {
    "nothing known": (None, None, None, None, None, "unknown"),
    "no cap, wallet unread": (None, key(), None, None, None, "unknown"),
    "wallet alone": (wallet("74.75"), None, "74.75", "wallet", None, "at_most"),
    "no cap": (wallet("74.75"), key(), "74.75", "wallet", None, "complete"),
    "no cap, though something remains": (wallet("74.75"), key(limit_remaining=Decimal(3)), "74.75", "wallet", None, "complete"),
    "cap alone": (None, key("100", limit_reset="monthly"), "100", "key_limit", NOVEMBER, "at_most"),
    "cap below wallet": (wallet("74.75"), key("26.83", limit_reset="weekly"), "26.83", "key_limit", MONDAY, "complete"),
    "cap above wallet": (wallet("74.75"), key("454.54", limit_reset="weekly"), "74.75", "wallet", None, "complete"),
    "cap for ever": (wallet("74.75"), key("26.83"), "26.83", "key_limit", None, "complete"),
    "cap with an unknown window": (wallet("74.75"), key("26.83", limit_reset="fortnightly"), "26.83", "key_limit", None, "complete"),
    "budget below cap below wallet": (
        wallet("74.75"),
        key("26.83", budget("key_limit", "26.83", NOVEMBER), budget("workspace", "11.75", MONDAY), limit_reset="monthly"),
        "11.75",
        "workspace",
        MONDAY,
        "complete",
    ),
    "budget without a cap": (wallet("74.75"), key(None, budget("member", "11.75")), "11.75", "member", None, "complete"),
    "budget alone": (None, key(None, budget("member", "11.75", MONDAY)), "11.75", "member", MONDAY, "at_most"),
    "budget of an unknown scope": (wallet("74.75"), key("26.83", budget("galaxy", "1.5")), "1.5", "galaxy", None, "complete"),
    "budget that does not say what remains": (wallet("74.75"), key(None, budget("member", None)), "74.75", "wallet", None, "complete"),
    "nothing but a budget that does not say": (None, key(None, budget("member", None)), None, None, None, "unknown"),
    "effective budget, if there are no budgets": (
        wallet("74.75"),
        key("26.83", effective_budget=budget("workspace", "11.75", MONDAY)),
        "11.75",
        "workspace",
        MONDAY,
        "complete",
    ),
    "effective budget beside budgets": (
        wallet("74.75"),
        key("26.83", budget("member", "20"), effective_budget=budget("workspace", "11.75")),
        "20",
        "member",
        None,
        "complete",
    ),
    "an empty list of budgets": (
        wallet("74.75"),
        key("26.83", budgets=(), effective_budget=budget("workspace", "11.75")),
        "26.83",
        "key_limit",
        None,
        "complete",
    ),
    "wallet overdrawn": (wallet("-2.75"), key("26.83"), "-2.75", "wallet", None, "complete"),
    "cap overdrawn": (wallet("74.75"), key("-0.204117", limit_reset="weekly"), "-0.204117", "key_limit", MONDAY, "complete"),
    "budget overdrawn most": (wallet("-1"), key("-2", budget("workspace", "-3")), "-3", "workspace", None, "complete"),
    "tie of all": (wallet("5"), key("5.00", budget("workspace", "5.0", MONDAY), limit_reset="weekly"), "5", "wallet", None, "complete"),
    "tie of the cap and its own budget": (
        wallet("74.75"),
        key("5", budget("key_limit", "5.00", MONDAY), limit_reset="monthly"),
        "5",
        "key_limit",
        NOVEMBER,
        "complete",
    ),
    "tie of budgets": (
        wallet("74.75"),
        key(None, budget("member", "5", NOVEMBER), budget("workspace", "5", MONDAY)),
        "5",
        "member",
        NOVEMBER,
        "complete",
    ),
    "management key": (wallet("74.75"), key("5", budget("workspace", "3"), is_management_key=True), "74.75", "wallet", None, "complete"),
    "management key by its older name": (wallet("74.75"), key("5", is_provisioning_key=True), "74.75", "wallet", None, "complete"),
    "management key, wallet unread": (None, key("5", budget("workspace", "3"), is_management_key=True), None, None, None, "unknown"),
    "the last digit decides": (
        Credits(Decimal(1), Decimal("-1E-27")),
        key("1.0000000000000000000000000001"),
        "1.0000000000000000000000000001",
        "key_limit",
        None,
        "complete",
    ),
}


@pytest.mark.parametrize("context", [Context(prec=28), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
@pytest.mark.parametrize(("credits_", "info", "amount", "bound_by", "resets_at", "certainty"), BOUNDS.values(), ids=BOUNDS)
def test_the_smallest_known_bound_is_what_can_be_spent(
    credits_: Credits | None,
    info: KeyInfo | None,
    amount: str | None,
    bound_by: str | None,
    resets_at: datetime | None,
    certainty: Any,
    context: Context,
) -> None:
    """Negative ones are kept, of equals the first counts, and no decimal context has a say."""
    with localcontext(context):
        found = spendable(credits_, info, NOW)

    assert found == Spendable(None if amount is None else Decimal(amount), bound_by, resets_at, certainty)


@pytest.fixture(params=["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/New_York"])
def _local_time_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put this machine somewhere else: 14 hours before UTC, 12 hours behind it, or where clocks change."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_local_time_zone")
@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12)), None], ids=str)
@pytest.mark.parametrize(
    ("reset", "now", "expected"),
    [
        ("daily", "2027-12-31T23:59:59", "2028-01-01"),
        ("daily", "2028-02-28T12:00", "2028-02-29"),
        ("daily", "2028-02-29T00:00", "2028-03-01"),
        ("daily", "2027-02-28T12:00", "2027-03-01"),
        ("weekly", "2026-12-28T00:00", "2027-01-04"),
        ("weekly", "2026-12-31T23:59", "2027-01-04"),
        ("weekly", "2027-01-03T23:59:59", "2027-01-04"),
        ("weekly", "2028-02-28T00:00", "2028-03-06"),
        ("weekly", "2028-02-29T23:00", "2028-03-06"),
        ("weekly", "2026-10-25T01:30", "2026-10-26"),
        ("monthly", "2027-12-01T00:00", "2028-01-01"),
        ("monthly", "2027-12-31T23:59:59", "2028-01-01"),
        ("monthly", "2028-02-01T00:00", "2028-03-01"),
        ("monthly", "2100-02-28T23:00", "2100-03-01"),
        ("monthly", "2026-11-01T06:30", "2026-12-01"),
    ],
)
def test_a_cap_is_renewed_at_midnight_utc(reset: str, now: str, expected: str, zone: timezone | None) -> None:
    """Over year ends and leap days, wherever this machine is, and in whatever zone it is asked; `None` stands for the local one."""
    asked = datetime.fromisoformat(f"{now}+00:00").astimezone(zone)

    found = spendable(None, key("5", limit_reset=reset), asked)

    assert (found.resets_at, found.resets_at and found.resets_at.tzinfo) == (datetime.fromisoformat(f"{expected}T00:00:00+00:00"), UTC)


# What holds whatever the figures


AMOUNTS = st.builds(lambda digits, exponent: Decimal(digits).scaleb(-exponent), st.integers(-(10**9), 10**9), st.integers(0, 9))
WALLETS = st.builds(Credits, AMOUNTS, AMOUNTS)
TIMES = st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zones come apart
BUDGETS = st.builds(
    Budget,
    st.sampled_from(["workspace", "member", "api_key", "key_limit", "galaxy"]),
    remaining_usd=st.none() | AMOUNTS,
    resets_at=TIMES,
)


@st.composite
def keys(draw: st.DrawFn, *, manages: bool | None = None) -> KeyInfo:
    """Draw any key."""
    limit = draw(st.none() | AMOUNTS)
    return KeyInfo(
        label="k",
        usage=draw(AMOUNTS),
        limit=limit,
        limit_remaining=draw(AMOUNTS if limit is not None else st.none() | AMOUNTS),
        limit_reset=draw(st.sampled_from([None, "daily", "weekly", "monthly", "fortnightly"])),
        is_management_key=draw(st.sampled_from([None, False, True])) if manages is None else manages,
        budgets=draw(st.none() | st.lists(BUDGETS, max_size=3).map(tuple)),
        effective_budget=draw(st.none() | BUDGETS),
    )


def bounds_of(credits_: Credits | None, info: KeyInfo | None) -> list[tuple[str, Decimal]]:
    """List all bounds, as the design words them."""
    bounds = [] if credits_ is None else [("wallet", credits_.remaining)]
    if info is None or info.is_management_key is True:
        return bounds
    if info.limit is not None and info.limit_remaining is not None:
        bounds.append(("key_limit", info.limit_remaining))
    budgets = info.budgets if info.budgets is not None else [info.effective_budget] if info.effective_budget is not None else []
    return bounds + [(each.scope, each.remaining_usd) for each in budgets if each.remaining_usd is not None]


def height(found: Spendable) -> Decimal:
    """Give the amount, or what is above all amounts where there is none."""
    return Decimal("Infinity") if found.amount is None else found.amount


@given(st.none() | WALLETS, st.none() | keys())
def test_the_amount_is_a_known_bound_and_never_above_another(credits_: Credits | None, info: KeyInfo | None) -> None:
    """And it is called what it is."""
    found = spendable(credits_, info, NOW)

    bounds = bounds_of(credits_, info)
    assert all(height(found) <= bound for _, bound in bounds)
    assert found.amount is None or (found.bound_by, found.amount) == next(each for each in bounds if each[1] == found.amount)


@given(st.none() | WALLETS, st.none() | keys())
def test_unknown_never_becomes_a_number(credits_: Credits | None, info: KeyInfo | None) -> None:
    """Without a bound there is no amount, and whatever was not read shows in the certainty."""
    found = spendable(credits_, info, NOW)

    if bounds_of(credits_, info):
        assert found.certainty == ("at_most" if credits_ is None or info is None else "complete")
    else:
        assert found == Spendable(None, None, None, "unknown")
        assert found.covers(0) is None


@given(WALLETS, keys())
def test_to_know_more_never_raises_the_amount(credits_: Credits, info: KeyInfo) -> None:
    """Neither the wallet nor the key adds to what the other leaves."""
    nothing, by_wallet, by_key = spendable(None, None, NOW), spendable(credits_, None, NOW), spendable(None, info, NOW)

    both = spendable(credits_, info, NOW)

    assert height(both) == min(height(by_wallet), height(by_key))
    assert max(height(by_wallet), height(by_key)) <= height(nothing)


@given(st.none() | WALLETS, keys(manages=False), BUDGETS, AMOUNTS)
def test_one_bound_more_never_raises_the_amount(credits_: Credits | None, info: KeyInfo, more: Budget, cap: Decimal) -> None:
    """Be it a budget or the key's cap; the effective budget is one of the budgets."""
    before = spendable(credits_, info, NOW)
    known = (info.effective_budget,) if info.effective_budget is not None else ()

    budgets = (*(known if info.budgets is None else info.budgets), more)
    with_budget = spendable(credits_, attrs.evolve(info, budgets=budgets), NOW)
    with_cap = spendable(credits_, attrs.evolve(info, limit=cap, limit_remaining=min(cap, info.limit_remaining or cap)), NOW)

    assert height(with_budget) <= height(before)
    assert info.limit is not None or height(with_cap) <= height(before)


@given(keys(), WALLETS, st.sampled_from([HARSH, LENIENT]))
def test_no_decimal_context_has_a_say(info: KeyInfo, credits_: Credits, context: Context) -> None:
    """A program's own rounding and traps change no figure."""
    expected = spendable(credits_, info, NOW)

    with localcontext(context):
        found = spendable(credits_, info, NOW)

    assert found == expected


# What it covers


@pytest.mark.parametrize(
    ("amount", "certainty", "wanted", "expected"),
    [
        ("5", "complete", 5, True),
        ("5", "complete", "5.000000001", False),
        ("5", "complete", Decimal("4.999"), True),
        ("0.1", "complete", 0.1, True),
        ("0.1", "complete", Decimal("0.1000000000000000055"), False),
        ("0.3", "complete", 0.1 + 0.2, False),
        ("0", "complete", 0, True),
        ("-2.75", "complete", 0, False),
        ("5", "at_most", 5, None),
        ("5", "at_most", 0, None),
        ("5", "at_most", "5.01", False),
        ("-2.75", "at_most", 0, False),
        (None, "unknown", 0, None),
        (None, "unknown", 1000, None),
    ],
)
def test_an_amount_is_covered_or_not_or_nobody_knows(amount: str | None, certainty: Any, wanted: Any, expected: bool | None) -> None:
    """An upper bound can say no, and never yes; a float means what it prints."""
    found = status(amount, certainty).spendable

    assert found.covers(wanted) is expected


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_whatever_covers_more_covers_less(amount: Decimal, one: Decimal, other: Decimal) -> None:
    """And an upper bound says no to exactly what the exact amount says no to."""
    complete, at_most = (Spendable(amount, "wallet", None, certainty) for certainty in ("complete", "at_most"))  # type: ignore[arg-type]  # mypy widens the literals
    less, more = sorted((one, other))

    assert complete.covers(less) or not complete.covers(more)
    assert complete.covers(one) is (amount >= one)
    assert at_most.covers(one) is (None if complete.covers(one) else False)


class PeculiarFloat(float):
    """Prints itself as those of numpy do."""

    def __repr__(self) -> str:
        return f"np.float64({float.__repr__(self)})"


def test_a_float_is_what_it_prints_however_its_kind_shows_itself() -> None:
    """The floats of numpy are floats."""
    found = Spendable(Decimal("0.1"), "wallet", None, "complete")

    assert (found.covers(PeculiarFloat(0.1)), found.covers(PeculiarFloat(0.2))) == (True, False)


@pytest.mark.parametrize("context", [Context(prec=28), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
@pytest.mark.parametrize(
    ("amount", "kind"),
    [
        *((wrong, TypeError) for wrong in (None, True, False, b"5", [5], 5j)),
        *((wrong, ValueError) for wrong in ("", "$5", "five", "nan", "inf", float("nan"), float("inf"), float("-inf"))),
        *((wrong, ValueError) for wrong in (Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"))),
    ],
)
def test_what_is_no_number_of_dollars_is_refused(amount: Any, kind: type[Exception], context: Context) -> None:
    """NaN compares false with everything: as a threshold it would mean that all is well."""
    known = status("5")

    for ask in (
        lambda: known.spendable.covers(amount),
        lambda: known.level(warn=amount),
        lambda: known.level(critical=amount),
        lambda: status(None, "unknown").spendable.covers(amount),
        lambda: status(None, "unknown", UNAUTHORIZED).level(amount, amount),
    ):
        with localcontext(context), pytest.raises(kind, match=r"an amount is a"):
            ask()


# Levels

BADNESS = [Level.OK, Level.LOW, Level.CRITICAL, Level.DEPLETED]


@pytest.mark.parametrize(
    ("amount", "certainty", "problems", "expected"),
    [
        ("10", "complete", [], Level.OK),
        ("9.999", "complete", [], Level.LOW),
        ("5", "complete", [], Level.LOW),
        ("4.999999999", "complete", [], Level.CRITICAL),
        ("0.000000001", "complete", [], Level.CRITICAL),
        ("0", "complete", [], Level.DEPLETED),
        ("-2.75", "complete", [], Level.DEPLETED),
        ("100", "at_most", [FORBIDDEN], Level.UNKNOWN),
        ("100", "at_most", [DOWN], Level.UNKNOWN),
        ("100", "at_most", [], Level.OK),
        ("9.99", "at_most", [FORBIDDEN], Level.LOW),
        ("9.99", "at_most", [], Level.LOW),
        ("3", "at_most", [FORBIDDEN], Level.CRITICAL),
        ("0", "at_most", [FORBIDDEN], Level.DEPLETED),
        ("-1", "at_most", [FORBIDDEN], Level.DEPLETED),
        (None, "unknown", [FORBIDDEN], Level.UNKNOWN),
        (None, "unknown", [], Level.UNKNOWN),
        ("100", "at_most", [UNAUTHORIZED], Level.INVALID),
        ("-1", "at_most", [UNAUTHORIZED], Level.INVALID),
    ],
)
def test_levels(amount: str | None, certainty: Any, problems: list[OpenRouterError], expected: Level) -> None:
    """Ten and five dollars are the thresholds; an upper bound decides downwards only, unless what is missing was not asked for."""
    assert status(amount, certainty, *problems).level() is expected


@pytest.mark.parametrize(
    ("warn", "critical", "expected"),
    [
        (5, 1, Level.OK),
        (5.01, 1, Level.LOW),
        ("5.000000001", "5", Level.LOW),
        (Decimal(100), Decimal("5.1"), Level.CRITICAL),
        (0, 0, Level.OK),
        (1, 10, Level.CRITICAL),
    ],
)
def test_thresholds_are_the_callers(warn: Any, critical: Any, expected: Level) -> None:
    """In any kind of number; the worse one counts where both do."""
    assert status("5").level(warn, critical) is status("5").level(warn=warn, critical=critical) is expected


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [(None, Level.OK), (NOW, Level.INVALID), (NOW - timedelta(days=1), Level.INVALID), (NOW + timedelta(microseconds=1), Level.OK)],
)
def test_an_expired_key_is_invalid(expires_at: datetime | None, expected: Level) -> None:
    """Whatever it may have left."""
    for amount in ("100", "3", "-1", None):
        said = status(amount, info=key(expires_at=expires_at))

        assert said.is_invalid is (expected is Level.INVALID)
        assert (said.level() is Level.INVALID) is said.is_invalid
    assert status("100", info=key(expires_at=expires_at)).level() is expected


def test_a_wallets_401_does_not_make_the_key_invalid() -> None:
    """With the key read, it was the management key that was refused."""
    said = status("100", "at_most", UNAUTHORIZED, info=key("100"))

    assert (said.is_invalid, said.level()) == (False, Level.UNKNOWN)


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, st.booleans())
def test_levels_are_monotone(amount: Decimal, more: Decimal, warn: Decimal, critical: Decimal, asked: bool) -> None:
    """More dollars are never worse, higher thresholds never better, and an upper bound is never better than the same amount exactly."""
    low, high = sorted((amount, more))

    def badness(dollars: Decimal, warn: Decimal = warn, critical: Decimal = critical) -> int:
        return BADNESS.index(status(str(dollars)).level(warn, critical))

    assert badness(high) <= badness(low)
    assert badness(low) <= min(badness(low, warn=warn + 1), badness(low, critical=critical + 1))
    exact = status(str(low)).level(warn, critical)
    at_most = status(str(low), "at_most", *[FORBIDDEN][:asked]).level(warn, critical)
    assert at_most is (Level.UNKNOWN if asked and exact is Level.OK else exact)


@given(st.none() | WALLETS, st.none() | keys(), AMOUNTS, AMOUNTS)
def test_unreadable_is_never_ok(credits_: Credits | None, info: KeyInfo | None, warn: Decimal, critical: Decimal) -> None:
    """Whatever the thresholds, if what was asked for is missing."""
    if credits_ is None and info is None:
        return
    said = assess(credits_ or FORBIDDEN, info or DOWN, reader=key(is_management_key=True), now=NOW)

    assert said.spendable.certainty == "complete" or said.level(warn, critical) is not Level.OK
    assert said.spendable.amount is not None or said.level(warn, critical) is Level.UNKNOWN


def test_levels_are_texts() -> None:
    """For JSON, logs and comparisons."""
    assert [str(level) for level in Level] == ["OK", "LOW", "CRITICAL", "DEPLETED", "INVALID", "UNKNOWN"]
    assert f"{Level.LOW}" == "LOW" == Level.LOW
    assert Level("LOW") is Level.LOW


# What was read, put together


@pytest.mark.parametrize(
    ("credits_", "info", "seen", "certainty", "problems"),
    [
        (wallet("74.75"), key("26.83"), (True, True), "complete", []),
        (wallet("74.75"), None, (True, False), "at_most", []),
        (None, key("26.83"), (False, True), "at_most", []),
        (None, key(), (False, True), "unknown", []),
        (FORBIDDEN, key("26.83"), (False, True), "at_most", [FORBIDDEN]),
        (FORBIDDEN, key(), (False, True), "unknown", [FORBIDDEN]),
        (wallet("74.75"), DOWN, (True, False), "at_most", [DOWN]),
        (wallet("74.75"), UNAUTHORIZED, (True, False), "at_most", [UNAUTHORIZED]),
    ],
)
def test_either_may_be_missing_without_hiding_the_other(
    credits_: Credits | OpenRouterError | None,
    info: KeyInfo | OpenRouterError | None,
    seen: tuple[bool, bool],
    certainty: str,
    problems: list[OpenRouterError],
) -> None:
    """What was read is there, and why the rest is not."""
    said = assess(credits_, info, reader=None, now=NOW)

    assert (said.credits, said.key) == (credits_ if seen[0] else None, info if seen[1] else None)
    assert said.spendable == spendable(said.credits, said.key, NOW)
    assert (said.spendable.certainty, list(said.problems), said.checked_at) == (certainty, problems, NOW)


@pytest.mark.parametrize(
    ("credits_", "info", "raised", "problems"),
    [
        (UNAUTHORIZED, UNAUTHORIZED, AuthenticationError, [AuthenticationError]),
        (DOWN, UNAUTHORIZED, AuthenticationError, [ServerError]),
        (UNAUTHORIZED, DOWN, ServerError, [AuthenticationError]),
        (ZERO, UNAUTHORIZED, AuthenticationError, [UnconfirmedCreditsError]),
        (None, UNAUTHORIZED, AuthenticationError, []),
        (FORBIDDEN, None, ManagementKeyRequiredError, []),
        (ZERO, None, UnconfirmedCreditsError, []),
    ],
)
def test_nothing_readable_is_an_error(
    credits_: Credits | OpenRouterError | None,
    info: OpenRouterError | None,
    raised: type[OpenRouterError],
    problems: list[type[OpenRouterError]],
) -> None:
    """The key's, if there is one, with the wallet's in its problems."""
    with pytest.raises(raised) as caught:
        assess(credits_, info, reader=info, now=NOW)

    assert type(caught.value) is raised
    assert [type(problem) for problem in caught.value.problems] == problems


def test_an_error_that_many_keys_share_is_not_changed() -> None:
    """One refused management key is the outcome of all its keys, and each has its own problems."""
    shared = APIConnectionError("Could not connect")

    for _ in range(2):
        with pytest.raises(APIConnectionError) as caught:
            assess(FORBIDDEN, shared, reader=None, now=NOW)
        assert [str(problem) for problem in caught.value.problems] == [str(FORBIDDEN)]
        assert str(caught.value) == str(shared)

    assert (shared.problems, shared.__traceback__, FORBIDDEN.problems) == ((), None, ())


def test_an_unconfirmed_zero_is_no_amount() -> None:
    """It is a problem that holds what was said, and bounds nothing."""
    said = assess(ZERO, key(usage=Decimal("3.17")), reader=key(usage=Decimal("3.17")), now=NOW)

    assert (said.credits, said.spendable) == (None, Spendable(None, None, None, "unknown"))
    (problem,) = said.problems
    assert isinstance(problem, UnconfirmedCreditsError)
    assert problem.credits == ZERO
    assert said.level() is Level.UNKNOWN


def test_a_confirmed_zero_is_an_amount() -> None:
    """The exact one."""
    said = assess(ZERO, key("5"), reader=key(is_management_key=True), now=NOW)

    assert (said.credits, said.spendable, said.problems) == (ZERO, Spendable(Decimal(0), "wallet", None, "complete"), ())
    assert said.level() is Level.DEPLETED


def test_the_reader_is_looked_at_only_for_a_zero() -> None:
    """A wallet with figures needs nobody to bear it out."""
    for reader in (None, DOWN, key()):
        assert assess(wallet("0"), key(), reader=reader, now=NOW).spendable.amount == 0


UNUSED = key(usage=Decimal(0), is_free_tier=True, **dict.fromkeys(COUNTERS[1:], Decimal(0)))


@pytest.mark.parametrize(
    ("reader", "confirmed"),
    [
        (None, False),
        (DOWN, False),
        (key(is_management_key=True), True),
        (key(is_provisioning_key=True), True),
        (key(is_management_key=False, is_provisioning_key=True), False),
        (UNUSED, True),
        (key(usage=Decimal(0), is_free_tier=True), True),
        (attrs.evolve(UNUSED, is_free_tier=False), False),
        (attrs.evolve(UNUSED, is_free_tier=None), False),
        (key(usage=Decimal("3.17"), is_free_tier=True), False),
        *((attrs.evolve(UNUSED, **{counter: Decimal("1E-9")}), False) for counter in COUNTERS),
    ],
)
def test_a_zero_needs_a_key_that_bears_it_out(reader: KeyInfo | OpenRouterError | None, confirmed: bool) -> None:
    """A management key, or one of an account that never paid and never used anything."""
    doubt = unconfirmed(ZERO, reader)

    assert (doubt is None) is confirmed
    assert confirmed or (isinstance(doubt, UnconfirmedCreditsError) and doubt.credits == ZERO)


def test_a_doubt_tells_why_the_key_could_not_be_asked() -> None:
    """Without the tries behind it: they would hold whole calls in memory."""
    doubt = unconfirmed(ZERO, DOWN)

    assert doubt is not None
    assert [(type(problem), problem.attempts) for problem in doubt.problems] == [(ServerError, ())]


# Values


def test_a_status_is_a_value() -> None:
    """It is frozen, copied and pickled, its problems too."""
    said = assess(FORBIDDEN, key("26.83", budget("workspace", "11.75", MONDAY)), reader=None, now=NOW)

    copies = [copy.copy(said), copy.deepcopy(said), pickle.loads(pickle.dumps(said))]

    assert [each.spendable for each in copies] == [said.spendable] * 3
    assert [each.key for each in copies] == [said.key] * 3
    assert [each.explain() for each in copies] == [said.explain()] * 3
    assert [type(each.problems[0]) for each in copies] == [ManagementKeyRequiredError] * 3
    for value in (said, said.spendable):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            value.amount = Decimal(10)  # type: ignore[misc]  # the point
