"""The amount that a key can spend is the smallest known bound; a bound that is not known adds no number."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from typing import Any

import attrs
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from openrouter_credits import (
    APIConnectionError,
    Attempt,
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
from openrouter_credits._status.spendable import assess, spendable, unconfirmed
from tests.kit.values import (
    DOWN,
    FORBIDDEN,
    HARSH,
    LENIENT,
    MONDAY,
    NOVEMBER,
    NOW,
    UNAUTHORIZED,
    ZERO,
    budget,
    key,
    wallet,
)

COUNTERS = [
    f"{kind}usage{window}" for kind in ("", "byok_") for window in ("", "_daily", "_weekly", "_monthly")
]


def complete(amount: str, bound_by: str, resets_at: datetime | None = None) -> Spendable:
    """Make the outcome of a wallet and a key that were both read."""
    return Spendable(Decimal(amount), bound_by, resets_at, "complete")


def at_most(amount: str, bound_by: str, resets_at: datetime | None = None) -> Spendable:
    """Make the outcome of a wallet without its key, or of a key without its wallet."""
    return Spendable(Decimal(amount), bound_by, resets_at, "at_most")


UNKNOWN = Spendable(None, None, None, "unknown")


def status(
    amount: str | None, certainty: Any = "complete", *problems: OpenRouterError, info: KeyInfo | None = None
) -> KeyStatus:
    """Make a status with this amount and certainty."""
    number = None if amount is None else Decimal(amount)
    return KeyStatus(
        info, None, Spendable(number, None if number is None else "wallet", None, certainty), problems, NOW
    )


# Two amounts that differ by less than 1E-26; the cap has more digits than the default context keeps
LONG_WALLET = Credits(Decimal(1), Decimal("-1E-27"))
LONG_CAP = key("1.0000000000000000000000000001")

BOUNDS = {
    "nothing known": (None, None, UNKNOWN),
    "no cap, wallet unread": (None, key(), UNKNOWN),
    "wallet alone": (wallet("74.75"), None, at_most("74.75", "wallet")),
    "no cap": (wallet("74.75"), key(), complete("74.75", "wallet")),
    "no cap, though something remains": (
        wallet("74.75"),
        key(limit_remaining=Decimal(3)),
        complete("74.75", "wallet"),
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
        complete("-3", "workspace"),
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
    "tie of budgets": (
        wallet("74.75"),
        key(None, budget("member", "5", NOVEMBER), budget("workspace", "5", MONDAY)),
        complete("5", "member", NOVEMBER),
    ),
    "management key": (
        wallet("74.75"),
        key("5", budget("workspace", "3"), is_management_key=True),
        complete("74.75", "wallet"),
    ),
    "management key, wallet unread": (
        None,
        key("5", budget("workspace", "3"), is_management_key=True),
        UNKNOWN,
    ),
    "the last digit decides": (
        LONG_WALLET,
        LONG_CAP,
        complete("1.0000000000000000000000000001", "key_limit"),
    ),
}


@pytest.mark.parametrize(("credits_", "info", "expected"), BOUNDS.values(), ids=BOUNDS)
def test_the_smallest_known_bound_is_what_can_be_spent(
    credits_: Credits | None, info: KeyInfo | None, expected: Spendable
) -> None:
    """The smallest known bound is the amount; bounds may be negative, and the first of equals counts."""
    assert spendable(credits_, info, NOW) == expected


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
        (
            "Pacific/Kiritimati",
            "daily",
            "2027-12-31T23:59:59",
            "2028-01-01",
        ),  # 14 hours before UTC: it is the new year there
        (
            "Etc/GMT+12",
            "weekly",
            "2026-12-28T00:00",
            "2027-01-04",
        ),  # 12 hours behind UTC: it is still Sunday there
        (
            "America/New_York",
            "monthly",
            "2026-11-01T06:30",
            "2026-12-01",
        ),  # in the hour that the clocks repeat
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


# Properties of all amounts


AMOUNTS = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(-exponent),
    st.integers(-(10**9), 10**9),
    st.integers(0, 9),
)
WALLETS = st.builds(Credits, AMOUNTS, AMOUNTS)
TIMES = st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - `timezones` adds the zone
BUDGETS = st.builds(
    Budget,
    st.sampled_from(["workspace", "member", "api_key", "key_limit", "galaxy"]),
    remaining_usd=st.none() | AMOUNTS,
    resets_at=TIMES,
)


@st.composite
def keys(draw: st.DrawFn, *, manages: bool | None = None) -> KeyInfo:
    """Draw a key with any limit, window, kind and budgets."""
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
    """List the bounds in their order of precedence, computed apart from the code under test."""
    bounds = [] if credits_ is None else [("wallet", credits_.remaining)]
    if info is None or info.is_management_key is True:
        return bounds
    if info.limit is not None and info.limit_remaining is not None:
        bounds.append(("key_limit", info.limit_remaining))
    budgets = (
        info.budgets
        if info.budgets is not None
        else [info.effective_budget]
        if info.effective_budget is not None
        else []
    )
    return bounds + [(each.scope, each.remaining_usd) for each in budgets if each.remaining_usd is not None]


def height(found: Spendable) -> Decimal:
    """Return the amount, or infinity if there is none."""
    return Decimal("Infinity") if found.amount is None else found.amount


@given(st.none() | WALLETS, st.none() | keys())
def test_the_amount_is_a_known_bound_and_never_above_another(
    credits_: Credits | None, info: KeyInfo | None
) -> None:
    """The amount is the smallest known bound, and `bound_by` is the name of that bound."""
    found = spendable(credits_, info, NOW)

    bounds = bounds_of(credits_, info)
    assert all(height(found) <= bound for _, bound in bounds)
    assert found.amount is None or (found.bound_by, found.amount) == next(
        each for each in bounds if each[1] == found.amount
    )


@given(st.none() | WALLETS, st.none() | keys())
def test_unknown_never_becomes_a_number(credits_: Credits | None, info: KeyInfo | None) -> None:
    """The amount is None if no bound is known, and not `complete` unless wallet and key were both read."""
    found = spendable(credits_, info, NOW)

    if bounds_of(credits_, info):
        assert found.certainty == ("at_most" if credits_ is None or info is None else "complete")
    else:
        assert found == UNKNOWN
        assert found.covers(0) is None


@given(WALLETS, keys())
def test_to_know_more_never_raises_the_amount(credits_: Credits, info: KeyInfo) -> None:
    """The amount of a wallet and a key together is the smaller of the amounts that each allows alone."""
    nothing, by_wallet, by_key = (
        spendable(None, None, NOW),
        spendable(credits_, None, NOW),
        spendable(None, info, NOW),
    )

    both = spendable(credits_, info, NOW)

    assert height(both) == min(height(by_wallet), height(by_key))
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
    with_cap = spendable(
        credits_, attrs.evolve(info, limit=cap, limit_remaining=min(cap, info.limit_remaining or cap)), NOW
    )

    assert height(with_budget) <= height(before)
    assert info.limit is not None or height(with_cap) <= height(before)


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
    found = status(amount, certainty).spendable

    assert found.covers(wanted) is expected


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_whatever_covers_more_covers_less(amount: Decimal, one: Decimal, other: Decimal) -> None:
    """An amount that covers a sum covers smaller ones; an upper bound rejects what an exact one does."""
    exact, bound = complete(str(amount), "wallet"), at_most(str(amount), "wallet")
    less, more = sorted((one, other))

    assert exact.covers(less) or not exact.covers(more)
    assert exact.covers(one) is (amount >= one)
    assert bound.covers(one) is (None if exact.covers(one) else False)


class PeculiarFloat(float):
    """A float whose repr names its type, as numpy's floats have it."""

    def __repr__(self) -> str:
        return f"np.float64({float.__repr__(self)})"


def test_a_float_is_what_it_prints_however_its_kind_shows_itself() -> None:
    """A subclass of float with its own repr, as numpy has, is read as the decimal of that float."""
    found = complete("0.1", "wallet")

    assert (found.covers(PeculiarFloat(0.1)), found.covers(PeculiarFloat(0.2))) == (True, False)


WRONG_AMOUNTS = {
    "None": (None, TypeError),
    "a bool": (True, TypeError),
    "bytes": (b"5", TypeError),
    "a complex number": (5j, TypeError),
    "an empty text": ("", ValueError),
    "a price": ("$5", ValueError),
    "NaN as text": ("nan", ValueError),
    "NaN as a float": (float("nan"), ValueError),
    "NaN that signals": (Decimal("sNaN"), ValueError),
    "an infinite float": (float("inf"), ValueError),
    "a negative infinity": (Decimal("-Infinity"), ValueError),
}


@pytest.mark.parametrize(("amount", "kind"), WRONG_AMOUNTS.values(), ids=WRONG_AMOUNTS)
def test_what_is_no_number_of_dollars_is_refused(amount: Any, kind: type[Exception]) -> None:
    """An amount that is no finite number raises an error, as NaN compares false with everything."""
    with pytest.raises(kind, match="an amount is a"):
        status("5").spendable.covers(amount)


PLACES: dict[str, Callable[[Any], object]] = {
    "covers": status("5").spendable.covers,
    "covers, no amount known": status(None, "unknown").spendable.covers,
    "warn": lambda amount: status("5").level(warn=amount),
    "critical": lambda amount: status("5").level(critical=amount),
    "level of an invalid key": lambda amount: status(None, "unknown", UNAUTHORIZED).level(amount, amount),
}


@pytest.mark.parametrize("ask", PLACES.values(), ids=PLACES)
def test_each_amount_is_validated(ask: Callable[[Any], object]) -> None:
    """covers() and both thresholds of level() refuse NaN, even if the outcome does not depend on them."""
    with pytest.raises(ValueError, match="an amount is a"):
        ask(float("nan"))


@pytest.mark.parametrize("context", [HARSH, LENIENT], ids=["harsh", "lenient"])
def test_a_threshold_is_read_alike_in_any_decimal_context(context: Context) -> None:
    """In any decimal context the float 0.1 is read as a tenth, and text that is no number is refused."""
    with localcontext(context):
        assert complete("0.1", "wallet").covers(0.1) is True

        with pytest.raises(ValueError, match="an amount is a"):
            status("5").spendable.covers("five")


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
        ("100", "at_most", [], Level.OK),
        ("9.99", "at_most", [FORBIDDEN], Level.LOW),
        ("3", "at_most", [FORBIDDEN], Level.CRITICAL),
        ("0", "at_most", [FORBIDDEN], Level.DEPLETED),
        (None, "unknown", [FORBIDDEN], Level.UNKNOWN),
        (None, "unknown", [], Level.UNKNOWN),
        ("100", "at_most", [UNAUTHORIZED], Level.INVALID),
        ("-1", "at_most", [UNAUTHORIZED], Level.INVALID),
    ],
)
def test_levels(amount: str | None, certainty: Any, problems: list[OpenRouterError], expected: Level) -> None:
    """LOW starts below $10, CRITICAL below $5; an upper bound is not OK if the other half failed."""
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
    """The caller sets both thresholds, as any kind of number; if the amount is below both, it is CRITICAL."""
    assert status("5").level(warn, critical) is status("5").level(warn=warn, critical=critical) is expected


@pytest.mark.parametrize(
    ("expires_at", "levels"),
    [
        (NOW, [Level.INVALID] * 4),
        (NOW + timedelta(microseconds=1), [Level.OK, Level.CRITICAL, Level.DEPLETED, Level.UNKNOWN]),
        (None, [Level.OK, Level.CRITICAL, Level.DEPLETED, Level.UNKNOWN]),
    ],
)
def test_an_expired_key_is_invalid(expires_at: datetime | None, levels: list[Level]) -> None:
    """A key is INVALID from the moment of its expiry on, whatever amount is left."""
    results = [status(amount, info=key(expires_at=expires_at)) for amount in ("100", "3", "-1", None)]

    assert [result.level() for result in results] == levels
    assert [result.is_invalid for result in results] == [level is Level.INVALID for level in levels]


def test_a_wallets_401_does_not_make_the_key_invalid() -> None:
    """A 401 for the wallet leaves a key valid that was read: the server refused the management key."""
    result = status("100", "at_most", UNAUTHORIZED, info=key("100"))

    assert (result.is_invalid, result.level()) == (False, Level.UNKNOWN)


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, st.booleans())
def test_levels_are_monotone(
    amount: Decimal, more: Decimal, warn: Decimal, critical: Decimal, asked: bool
) -> None:
    """Higher amounts make no level worse; higher thresholds and upper bounds make none better."""
    low, high = sorted((amount, more))

    def badness(dollars: Decimal, warn: Decimal = warn, critical: Decimal = critical) -> int:
        return BADNESS.index(status(str(dollars)).level(warn, critical))

    assert badness(high) <= badness(low)
    assert badness(low) <= min(badness(low, warn=warn + 1), badness(low, critical=critical + 1))
    exact = status(str(low)).level(warn, critical)
    bound = status(str(low), "at_most", *[FORBIDDEN][:asked]).level(warn, critical)
    assert bound is (Level.UNKNOWN if asked and exact is Level.OK else exact)


@given(st.none() | WALLETS, st.none() | keys(), AMOUNTS, AMOUNTS)
def test_unreadable_is_never_ok(
    credits_: Credits | None, info: KeyInfo | None, warn: Decimal, critical: Decimal
) -> None:
    """A status is never OK if the wallet or the key could not be read, whatever the thresholds."""
    assume(credits_ is not None or info is not None)

    result = assess(credits_ or FORBIDDEN, info or DOWN, reader=key(is_management_key=True), now=NOW)

    assert result.spendable.certainty == "complete" or result.level(warn, critical) is not Level.OK
    assert result.spendable.amount is not None or result.level(warn, critical) is Level.UNKNOWN


def test_levels_are_texts() -> None:
    """A level is a text: it is printed and compared as its name, and made from it."""
    assert [str(level) for level in Level] == ["OK", "LOW", "CRITICAL", "DEPLETED", "INVALID", "UNKNOWN"]
    assert f"{Level.LOW}" == "LOW" == Level.LOW
    assert Level("LOW") is Level.LOW


# `assess()`


@pytest.mark.parametrize(
    ("credits_", "info", "seen", "certainty", "problems"),
    [
        (wallet("74.75"), key("26.83"), (True, True), "complete", []),
        (wallet("74.75"), None, (True, False), "at_most", []),
        (None, key("26.83"), (False, True), "at_most", []),
        (None, key(), (False, True), "unknown", []),
        (FORBIDDEN, key("26.83"), (False, True), "at_most", [FORBIDDEN]),
        (wallet("74.75"), DOWN, (True, False), "at_most", [DOWN]),
    ],
)
def test_either_may_be_missing_without_hiding_the_other(
    credits_: Credits | OpenRouterError | None,
    info: KeyInfo | OpenRouterError | None,
    seen: tuple[bool, bool],
    certainty: str,
    problems: list[OpenRouterError],
) -> None:
    """A status holds the wallet or the key that was read, and in `problems` the error of the other one."""
    result = assess(credits_, info, reader=None, now=NOW)

    assert (result.credits, result.key) == (credits_ if seen[0] else None, info if seen[1] else None)
    assert result.spendable == spendable(result.credits, result.key, NOW)
    assert (result.spendable.certainty, list(result.problems), result.checked_at) == (
        certainty,
        problems,
        NOW,
    )


@pytest.mark.parametrize(
    ("credits_", "info", "raised", "problems"),
    [
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
    """If nothing was read, the key's error is raised, with the wallet's, if any, in its problems."""
    with pytest.raises(raised) as caught:
        assess(credits_, info, reader=info, now=NOW)

    assert type(caught.value) is raised
    assert [type(problem) for problem in caught.value.problems] == problems


def test_an_error_that_many_keys_share_is_not_changed() -> None:
    """An error that many keys share is copied before it is raised, so that each has its own problems."""
    shared = APIConnectionError("Could not connect")

    for _ in range(2):
        with pytest.raises(APIConnectionError) as caught:
            assess(FORBIDDEN, shared, reader=None, now=NOW)
        assert [str(problem) for problem in caught.value.problems] == [str(FORBIDDEN)]
        assert str(caught.value) == str(shared)

    assert (shared.problems, shared.__traceback__, FORBIDDEN.problems) == ((), None, ())


def test_an_unconfirmed_zero_is_no_amount() -> None:
    """A 0/0 that nothing confirms is a problem that holds the figures, and it bounds nothing."""
    used = key(usage=Decimal("3.17"))

    result = assess(ZERO, used, reader=used, now=NOW)

    assert (result.credits, result.spendable) == (None, UNKNOWN)
    (problem,) = result.problems
    assert isinstance(problem, UnconfirmedCreditsError)
    assert problem.credits == ZERO
    assert result.level() is Level.UNKNOWN


def test_a_confirmed_zero_is_an_amount() -> None:
    """A 0/0 that was read with a management key is exactly $0."""
    result = assess(ZERO, key("5"), reader=key(is_management_key=True), now=NOW)

    assert (result.credits, result.spendable, result.problems) == (ZERO, complete("0", "wallet"), ())
    assert result.level() is Level.DEPLETED


def test_the_reader_is_looked_at_only_for_a_zero() -> None:
    """A spent wallet, which is not 0/0, is believed whatever `/key` says of the key that read it."""
    results = [assess(wallet("0"), key(), reader=reader, now=NOW) for reader in (None, DOWN, key())]

    assert [result.spendable for result in results] == [complete("0", "wallet")] * 3


NO_USE: dict[str, Any] = dict.fromkeys(COUNTERS, Decimal(0))
UNUSED = key(is_free_tier=True, **NO_USE)


@pytest.mark.parametrize(
    ("reader", "confirmed"),
    [
        (None, False),
        (DOWN, False),
        (key(is_management_key=True), True),
        (UNUSED, True),
        (key(usage=Decimal(0), is_free_tier=True), True),
        (attrs.evolve(UNUSED, is_free_tier=False), False),
        (attrs.evolve(UNUSED, is_free_tier=None), False),
    ],
    ids=[
        "no reader",
        "unreadable",
        "management key",
        "unused",
        "unused, without periods",
        "has paid",
        "may have paid",
    ],
)
def test_a_zero_needs_a_key_that_bears_it_out(
    reader: KeyInfo | OpenRouterError | None, confirmed: bool
) -> None:
    """A management key confirms a 0/0, as does a key of an account that never paid nor used anything."""
    doubt = unconfirmed(ZERO, reader)

    assert (doubt is None) is confirmed
    assert confirmed or (isinstance(doubt, UnconfirmedCreditsError) and doubt.credits == ZERO)


def test_any_use_belies_a_zero() -> None:
    """A single counter of use above 0, for whatever period, leaves a 0/0 unconfirmed."""
    used: dict[str, dict[str, Any]] = {counter: {counter: Decimal("1E-9")} for counter in COUNTERS}

    ignored = [
        counter for counter in COUNTERS if unconfirmed(ZERO, attrs.evolve(UNUSED, **used[counter])) is None
    ]

    assert ignored == []


def test_a_doubt_tells_why_the_key_could_not_be_asked() -> None:
    """A doubted 0/0 holds the error of `/key` without its attempts, which would pin memory."""
    down = ServerError("Service temporarily unavailable", status=503)
    down.attempts = (Attempt(DOWN, status=503, elapsed=0.25, waited=0.0),)

    doubt = unconfirmed(ZERO, down)

    assert doubt is not None
    assert [(type(problem), problem.attempts) for problem in doubt.problems] == [(ServerError, ())]


# Values


def test_a_status_is_a_value() -> None:
    """A status is frozen, and a copied or unpickled one has the same contents, its problems included."""
    original = assess(FORBIDDEN, key("26.83", budget("workspace", "11.75", MONDAY)), reader=None, now=NOW)

    copies = [copy.copy(original), copy.deepcopy(original), pickle.loads(pickle.dumps(original))]

    assert [each.spendable for each in copies] == [original.spendable] * 3
    assert [each.key for each in copies] == [original.key] * 3
    assert [each.explain() for each in copies] == [original.explain()] * 3
    assert [type(each.problems[0]) for each in copies] == [ManagementKeyRequiredError] * 3
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        original.key = None  # type: ignore[misc]  # mypy knows that a status is frozen
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        original.spendable.amount = Decimal(10)  # type: ignore[misc]  # mypy knows that an amount is frozen
