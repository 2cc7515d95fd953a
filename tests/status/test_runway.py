"""A forecast follows from an amount and from paces; a key's counters tell them on the first look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import CreditsClient, KeyInfo, KeyStatus, Runway
from openrouter_credits._status.look import assess
from openrouter_credits._status.runway import paces
from openrouter_credits.testing import FakeOpenRouter
from tests.kit.values import AMOUNTS, DOWN, FORBIDDEN, HARSH, LENIENT, MONDAY, NOVEMBER, NOW, WALLET, key

DAY, MICROSECOND = timedelta(days=1), timedelta.resolution
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def dollars(*amounts: str) -> list[Decimal]:
    """Make amounts."""
    return [Decimal(amount) for amount in amounts]


def forecast(remaining: str, *rates: str, fast: tuple[str, ...] = (), **options: Any) -> Runway:
    """Make a forecast at NOW."""
    return Runway.of(
        Decimal(remaining), dollars(*rates), NOW, basis="history", fast=dollars(*fast), **options
    )


# From paces


@pytest.mark.parametrize(
    ("remaining", "rates", "fast", "resets_at", "verdict", "per_day", "lasts", "at_least"),
    [
        ("10", (), (), None, "accumulating", None, None, None),
        ("10", (), ("5",), MONDAY, "accumulating", None, None, None),
        ("10", ("0", "0"), (), None, "idle", "0", None, None),
        ("10", ("0", "5"), (), None, "idle", "0", None, 2 * DAY),
        ("10", ("5",), (), None, "runs_out", "5", 2 * DAY, 2 * DAY),
        ("10", ("20", "5"), (), None, "runs_out", "5", 2 * DAY, DAY / 2),
        ("10", ("5", "10"), ("40", "1"), None, "runs_out", "5", 2 * DAY, DAY / 4),
        ("10", ("5", "10"), ("2",), None, "runs_out", "5", 2 * DAY, DAY),
        ("10", ("5",), (), MONDAY, "runs_out", "5", 2 * DAY, 2 * DAY),
        ("50", ("5",), (), MONDAY, "lasts_until_reset", "5", 10 * DAY, 10 * DAY),
        ("10", ("0",), (), MONDAY, "idle", "0", None, None),
        ("50", ("5",), (), NOW, "runs_out", "5", 10 * DAY, 10 * DAY),
        ("0", ("5",), (), MONDAY, "runs_out", "5", DAY * 0, DAY * 0),
        ("-0.01", ("0",), (), None, "runs_out", "0", DAY * 0, DAY * 0),
        ("-3", (), (), MONDAY, "runs_out", None, DAY * 0, DAY * 0),
        ("10", ("-5",), ("-5",), None, "idle", "0", None, None),
        ("0.000001", ("86400000000",), (), None, "runs_out", "86400000000", DAY * 0, DAY * 0),
    ],
)
def test_the_slowest_pace_decides_and_the_fastest_tells_the_earliest_date(
    remaining: str,
    rates: tuple[str, ...],
    fast: tuple[str, ...],
    resets_at: datetime | None,
    verdict: str,
    per_day: str | None,
    lasts: timedelta | None,
    at_least: timedelta | None,
) -> None:
    """The forecast follows from the amount, the paces and the reset; nothing left has run out already."""
    runway = forecast(remaining, *rates, fast=fast, resets_at=resets_at)

    assert runway == Runway(
        verdict=verdict,  # type: ignore[arg-type]  # a text of the table
        per_day=None if per_day is None else Decimal(per_day),
        runs_out_at=None if lasts is None else NOW + lasts,
        earliest=None if at_least is None else NOW + at_least,
        resets_at=resets_at if resets_at != NOW else None,
        basis="history",
    )


def test_a_reset_at_the_moment_of_running_out_comes_first() -> None:
    """An amount that is spent at the very moment of the reset lasts until it; one spent sooner does not."""
    at = NOW + 2 * DAY

    verdicts = [forecast("10", "5", resets_at=each).verdict for each in (at, at + timedelta(microseconds=1))]

    assert verdicts == ["lasts_until_reset", "runs_out"]


@pytest.mark.parametrize(
    ("remaining", "per_day"),
    [
        ("1", "1E-12"),
        ("1E+39", "1E-28"),
        ("1E+39", "1"),
        ("2912185", "1"),
        ("2912184.4549", "0.9999999999"),
    ],
)
def test_the_year_9999_is_the_end_of_time(remaining: str, per_day: str) -> None:
    """An amount that lasts beyond the year 9999 runs out at its last moment, without an error."""
    runway = forecast(remaining, per_day, resets_at=MONDAY)

    assert runway.runs_out_at == runway.earliest == END_OF_TIME
    assert runway.verdict == "lasts_until_reset"


def test_the_last_microsecond_before_the_end_of_time_is_told() -> None:
    """A date just before the end of the year 9999 is exact, and so is a forecast made at that end."""
    room = END_OF_TIME - NOW
    almost = Decimal(room // timedelta(microseconds=1) - 1)

    assert forecast(str(almost), str(86400 * 10**6)).runs_out_at == END_OF_TIME - timedelta(microseconds=1)
    assert Runway.of(Decimal(1), [Decimal(1)], END_OF_TIME, basis="history").runs_out_at == END_OF_TIME


@pytest.mark.parametrize("context", [Context(), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
def test_a_forecast_does_not_depend_on_the_context(context: Context) -> None:
    """The process's own decimal context changes neither pace nor date; what does not divide has 28 digits."""
    info = key("12345.678901", usage_daily=Decimal("1000.000001"), usage_monthly=Decimal("20502.000001"))
    fast = Fraction("1000.000001") / Fraction(13 * 60 + 5, 24 * 60)  # at 13:05

    with localcontext(context):
        found = looked(info).runway()

    assert found is not None
    assert found.per_day == Decimal("997.9002873564306236268379246")
    assert found.earliest == NOW + int(Fraction("12345.678901") / fast * (DAY // MICROSECOND)) * MICROSECOND


@given(
    AMOUNTS,
    st.lists(AMOUNTS, max_size=3),
    st.lists(AMOUNTS, max_size=2),
    st.datetimes(timezones=st.just(UTC)),
)
def test_any_amounts_have_a_forecast(
    remaining: Decimal, rates: list[Decimal], fast: list[Decimal], now: datetime
) -> None:
    """Whatever amounts and time it is, there is a forecast, and the earliest date is the earlier one."""
    runway = Runway.of(remaining, rates, now, basis="history", fast=fast)

    assert runway.per_day is None or runway.per_day >= 0
    assert runway.earliest is None or runway.earliest >= now
    if runway.runs_out_at is not None:
        assert runway.verdict == "runs_out"
        assert runway.earliest is not None
        assert runway.earliest <= runway.runs_out_at
    assert str(runway).endswith(".")


def test_a_pace_prints_without_exponent() -> None:
    """The pace of a forecast has no exponent and no zeros at its end."""
    paces_shown = [str(forecast("1", rate).per_day) for rate in ("1E+2", "5.50", "1E-9")]

    assert paces_shown == ["100", "5.5", "0.000000001"]


def test_moments_are_in_utc() -> None:
    """Moments of other time zones are converted to UTC, and naive ones are refused."""
    tokyo = timezone(timedelta(hours=9))

    runway = Runway.of(
        Decimal(10), [Decimal(5)], NOW.astimezone(tokyo), basis="history", resets_at=MONDAY.astimezone(tokyo)
    )

    assert runway == forecast("10", "5", resets_at=MONDAY)
    assert {each.tzinfo for each in (runway.runs_out_at, runway.earliest, runway.resets_at) if each} == {UTC}
    with pytest.raises(ValueError, match="aware"):
        Runway.of(Decimal(10), [], NOW.replace(tzinfo=None), basis="history")


@pytest.mark.parametrize(
    ("runway", "text"),
    [
        (forecast("10"), "Too little was seen yet."),
        (forecast("10", "0"), "Nothing was spent."),
        (
            forecast("10", "0", "5"),
            "Nothing was spent lately; it runs out on 2026-10-23 13:05 (UTC) at the earliest.",
        ),
        (forecast("50", "5", resets_at=NOVEMBER), "Runs out on 2026-10-31 13:05 (UTC) at $5.00 a day."),
        (
            forecast("10", "5", "26.40"),
            "Runs out on 2026-10-23 13:05 (UTC) at $5.00 a day, on 2026-10-21 22:10 (UTC) at the earliest.",
        ),
        (forecast("1", "0.001"), "Runs out on 2029-07-17 13:05 (UTC) at less than $0.01 a day."),
        (forecast("0"), "Runs out on 2026-10-21 13:05 (UTC)."),
        (
            forecast("50", "5", resets_at=MONDAY),
            "Lasts until the reset on 2026-10-26 (UTC) at $5.00 a day.",
        ),
    ],
    ids=str,
)
def test_a_forecast_is_told_in_one_sentence(runway: Runway, text: str) -> None:
    """str() of a forecast is one plain sentence with dates and the pace."""
    assert str(runway) == text


# From a key's counters


def looked(info: KeyInfo, now: datetime = NOW) -> KeyStatus:
    """Make the status of a key whose wallet cannot be seen."""
    return assess(FORBIDDEN, info, wallet_reader=None, now=now)


def counted(daily: str | None, weekly: str | None, monthly: str | None, **fields: Any) -> KeyInfo:
    """Make a key of which $10 are left, with these counters."""
    counters = {"usage_daily": daily, "usage_weekly": weekly, "usage_monthly": monthly}
    return key("10", **{name: text and Decimal(text) for name, text in counters.items()}, **fields)


NOON = NOW.replace(hour=12, minute=0)  # half a day, two days and a half, and 20 days and a half have passed
MIDNIGHT = MONDAY.replace(month=6, day=1)  # 2026-06-01 is a Monday, so that a day, a week and a month begin


@pytest.mark.parametrize(
    ("counters", "now", "verdict", "per_day", "days", "days_at_least"),
    [
        (("5", "25", "205"), NOON, "runs_out", "10", 1, 1),
        (("5", "50", "410"), NOON, "runs_out", "10", 1, 0.5),
        (("10", "25", "82"), NOON, "runs_out", "4", 2.5, 0.5),
        ((None, "25", None), NOON, "runs_out", "10", 1, 1),
        ((None, None, None), NOON, "accumulating", None, None, None),
        (("0", "0", "0"), NOON, "idle", "0", None, None),
        (("0", None, "0"), NOON, "idle", "0", None, None),
        (("0", "25", "205"), NOON, "runs_out", "10", 1, 1),
        (("-1", "0", "0"), NOON, "idle", "0", None, None),
        (("9", "9", "9"), MIDNIGHT, "accumulating", None, None, None),
        (("9", "9", "9"), MIDNIGHT + timedelta(hours=5.99), "accumulating", None, None, None),
        (("5", "5", "5"), MIDNIGHT + timedelta(hours=6), "runs_out", "20", 0.5, 0.5),
        (("9", "20", "20"), MIDNIGHT + timedelta(hours=24), "runs_out", "20", 0.5, 0.5),
    ],
)
def test_a_keys_counters_tell_the_pace_on_the_first_look(
    counters: tuple[str | None, str | None, str | None],
    now: datetime,
    verdict: str,
    per_day: str | None,
    days: float | None,
    days_at_least: float | None,
) -> None:
    """Each counter whose window is 6 hours old tells a pace; a pause counts only if it is everywhere."""
    runway = looked(counted(*counters), now).runway()

    assert runway is not None
    assert (runway.verdict, runway.basis) == (verdict, "counters")
    assert runway.per_day == (None if per_day is None else Decimal(per_day))
    assert runway.runs_out_at == (None if days is None else now + days * DAY)
    assert runway.earliest == (None if days_at_least is None else now + days_at_least * DAY)


@pytest.mark.parametrize(
    ("reset", "resets_at", "verdict"),
    [
        (None, None, "runs_out"),
        ("daily", NOON.replace(hour=0) + DAY, "lasts_until_reset"),
        ("weekly", MONDAY, "runs_out"),
        ("monthly", NOVEMBER, "runs_out"),
        ("yearly", None, "runs_out"),
    ],
)
def test_a_limit_is_renewed_at_the_keys_next_reset(
    reset: str | None, resets_at: datetime | None, verdict: str
) -> None:
    """$10 at $10 a day last one day from noon: until the reset of the day, and not until the others."""
    runway = looked(counted("5", "25", "205", limit_reset=reset), NOON).runway()

    assert runway is not None
    assert (runway.resets_at, runway.verdict) == (resets_at, verdict)


@pytest.mark.parametrize(
    ("included", "byok", "per_day"),
    [(True, "5", "20"), (True, "0", "10"), (True, None, None), (False, "5", "10"), (None, "5", "10")],
)
def test_byok_counts_where_the_limit_includes_it(
    included: bool | None, byok: str | None, per_day: str | None
) -> None:
    """What was spent with other providers' keys counts if the key says so; if it is not known, nothing is."""
    info = counted("5", None, None, include_byok_in_limit=included, byok_usage_daily=byok and Decimal(byok))

    runway = looked(info, NOON).runway()

    assert runway is not None
    assert runway.per_day == (None if per_day is None else Decimal(per_day))


def test_a_spent_limit_has_run_out_already() -> None:
    """A limit that is overdrawn has run out now, also in the first minutes of a month."""
    info = attrs.evolve(counted("5", "5", "5", limit_reset="monthly"), limit_remaining=Decimal("-0.01"))
    now = NOVEMBER + timedelta(minutes=1)

    runway = looked(info, now).runway()

    assert runway is not None
    assert (runway.verdict, runway.runs_out_at, runway.earliest) == ("runs_out", now, now)


def test_a_key_without_a_limit_of_its_own_has_no_runway() -> None:
    """A key without a limit, a management key, and one that was not read have no runway."""
    unlimited = key(usage_daily=Decimal(5))
    unknown = attrs.evolve(counted("5", "25", "205"), limit_remaining=None)
    manager = counted("5", "25", "205", is_management_key=True)

    statuses = [looked(unlimited), looked(unknown), looked(manager)]
    statuses.append(assess(WALLET, DOWN, wallet_reader=manager, now=NOW))

    assert [status.runway() for status in statuses] == [None] * 4


def test_the_pace_of_keys_together_needs_each_keys_counter() -> None:
    """Paces of several keys are of their sums; a window counts if every key has its counter."""
    keys = [counted("5", "25", "205"), counted("1", None, "0"), counted("0", "25", "205")]

    assert paces(keys, NOON) == dollars("12", "20")
    assert paces([], NOON) == dollars("0", "0", "0")


async def test_a_look_at_a_key_with_a_limit_has_a_runway(fake_openrouter: FakeOpenRouter) -> None:
    """A look at a key with a limit tells how long it lasts, and when the limit is renewed."""
    bot = fake_openrouter.add_account(credits=100).add_key(limit=30, limit_reset="monthly")
    fake_openrouter.spend(bot, "3.17")

    async with CreditsClient(bot, base_url=fake_openrouter.url) as client:
        status = await client.status(read=("key",))

    runway = status.runway()
    assert runway is not None
    assert status.key is not None
    assert runway.resets_at == status.key.next_reset(status.checked_at)
    assert runway.basis == "counters"
