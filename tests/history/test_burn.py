"""The pace of spending follows from readings of a counter, whatever the counter and the clock do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits.history import Burn
from tests.kit.values import HARSH, LENIENT

MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=7)
NONE = timedelta(0)
T = datetime(2026, 10, 21, 12, tzinfo=UTC)
TEN = Decimal(10)


def burnt(*readings: tuple[float, str], start: datetime = T) -> Burn:
    """Take readings: hours since the start, and the counter."""
    burn = Burn()
    for hours, used in readings:
        burn.add(start + hours * HOUR, Decimal(used))
    return burn


def steady(
    hours: float, per_hour: str = "1", every: timedelta = 5 * MINUTE, burn: Burn | None = None
) -> Burn:
    """Take readings of a steady pace for some hours from T."""
    burn = Burn() if burn is None else burn
    for step in range(int(hours * HOUR / every) + 1):
        burn.add(T + step * every, Decimal(per_hour) * (step * every // MINUTE) / 60)
    return burn


def rate(burn: Burn, hours: float, window: timedelta) -> tuple[str | None, float]:
    """Return the pace in a window that ends some hours after T, and the hours of it that are covered."""
    pace, covered = burn.rate(T + hours * HOUR, window)
    return None if pace is None else str(pace), covered / HOUR


# The pace in a window


@pytest.mark.parametrize(
    ("readings", "hours", "window", "wanted"),
    [
        ([], 1, HOUR, (None, 0)),
        ([(0, "5")], 1, HOUR, (None, 0)),
        ([(0, "5"), (1, "6")], 1, HOUR, ("24", 1)),
        ([(0, "5"), (1, "6")], 1, DAY, ("24", 1)),
        ([(0, "5"), (1, "6")], 1.5, HOUR, ("24", 0.5)),
        ([(0, "5"), (1, "6")], 2, HOUR, (None, 0)),
        ([(0, "5"), (1, "6")], 5, HOUR, (None, 0)),
        ([(0, "5"), (1, "5")], 1, HOUR, ("0", 1)),
        ([(0, "0"), (1, "1"), (2, "4")], 2, HOUR, ("72", 1)),
        ([(0, "0"), (1, "1"), (2, "4")], 2, 2 * HOUR, ("48", 2)),
        ([(0, "0"), (1, "1"), (2, "4")], 2, 1.5 * HOUR, ("56", 1.5)),
        ([(0, "0"), (1, "1"), (2, "4")], 2, 0.5 * HOUR, ("72", 0.5)),
        ([(0, "0"), (10, "10")], 10, 5 * HOUR, ("24", 5)),
        ([(0, "0"), (24, "48"), (25, "49")], 25, 2 * HOUR, ("36", 2)),
    ],
)
def test_the_pace_is_the_rise_over_the_time_that_is_covered(
    readings: list[tuple[float, str]], hours: float, window: timedelta, wanted: tuple[str | None, float]
) -> None:
    """A window has the rises in it; one that lies across its edge counts for its share of the time."""
    assert rate(burnt(*readings), hours, window) == wanted


@pytest.mark.parametrize(
    ("readings", "wanted"),
    [
        ([(0, "50"), (1, "51"), (2, "3"), (3, "5")], ("36", 2)),
        ([(0, "50"), (1, "51"), (2, "0"), (3, "0")], ("12", 2)),
        ([(0, "50"), (1, "3"), (2, "1"), (3, "0")], (None, 0)),
        ([(0, "50"), (1, "0")], (None, 0)),
    ],
)
def test_a_counter_that_falls_begins_anew(
    readings: list[tuple[float, str]], wanted: tuple[str | None, float]
) -> None:
    """The time in which a counter fell is not covered; the rises before and after it count."""
    assert rate(burnt(*readings), 3, DAY) == wanted


def test_another_counter_begins_anew() -> None:
    """After restart() the next reading is no rise, however high it is; what was spent before still counts."""
    burn = burnt((0, "0"), (1, "1"))
    burn.restart()
    burn.restart()
    for hours, used in ((2, "500"), (3, "502")):
        burn.add(T + hours * HOUR, Decimal(used))

    assert rate(burn, 3, DAY) == ("36", 2)


def test_a_restart_before_the_first_reading_changes_nothing() -> None:
    """restart() of a Burn without readings is as good as none."""
    burn = Burn()
    burn.restart()
    burn.add(T, Decimal(5))
    burn.add(T + HOUR, Decimal(6))

    assert rate(burn, 1, HOUR) == ("24", 1)


def test_readings_of_one_moment_are_one() -> None:
    """Readings of the same moment take no time, but a rise among them counts."""
    burn = burnt((0, "0"), (0, "0"), (1, "1"), (1, "1"), (1, "2"), (2, "3"))

    assert rate(burn, 2, 2 * HOUR) == ("36", 2)
    assert rate(burnt((0, "0"), (0, "7")), 0, HOUR) == (None, 0)
    assert rate(burnt((0, "0"), (0, "7"), (1, "8")), 1, DAY) == ("192", 1)
    assert rate(burnt((0, "0"), (1, "1"), (1, "0"), (2, "1")), 2, DAY) == ("24", 2)


def test_a_clock_that_is_set_back_loses_one_interval() -> None:
    """When the clock is set back an hour, the time of that one interval is not known, nor is its pace."""
    burn = steady(12)
    for step in range(1, 25):  # the clock says 23:05 where it said 24:05 before
        burn.add(T + 11 * HOUR + step * 5 * MINUTE, Decimal(12) + Decimal(step * 5) / 60)

    pace, covered = burn.rate(T + 13 * HOUR, DAY)

    assert pace is not None
    assert float(pace) == pytest.approx(24)
    assert covered == 14 * HOUR - 5 * MINUTE
    assert rate(burn, 13, HOUR) == ("24", 1)


def test_a_time_before_the_last_reading_is_the_time_of_it() -> None:
    """The pace at a moment before the last reading is that of the last reading's moment."""
    burn = burnt((0, "0"), (1, "1"), (2, "4"))

    assert rate(burn, 0.25, HOUR) == rate(burn, 2, HOUR) == ("72", 1)


def test_a_change_to_winter_time_is_an_hour() -> None:
    """Moments of a local time zone are compared in UTC: at the end of summer time an hour is longer."""
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(2026, 10, 25, 2, 30, tzinfo=berlin)
    burn = Burn()
    burn.add(before, Decimal(0))
    burn.add(before.replace(fold=1), Decimal(1))

    assert burn.rate(before.replace(fold=1), DAY) == (Decimal(24), HOUR)


def test_a_naive_moment_is_refused() -> None:
    """A moment without a time zone raises ValueError, and changes nothing."""
    burn = burnt((0, "0"))

    with pytest.raises(ValueError, match="aware"):
        burn.add(T.replace(tzinfo=None), TEN)
    burn.add(T + HOUR, Decimal(1))

    assert rate(burn, 1, HOUR) == ("24", 1)


@pytest.mark.parametrize("context", [Context(), HARSH, LENIENT], ids=["default", "harsh", "lenient"])
def test_a_pace_does_not_depend_on_the_context(context: Context) -> None:
    """The process's own decimal context changes no sum and no pace."""
    with localcontext(context):
        burn = burnt((0, "0.000000001"), (1, "12345.678901234"), (3, "12348.678901234"))
        found = burn.rate(T + 3 * HOUR, 2.5 * HOUR)

    assert found == (Decimal("59288.0587259184"), 2.5 * HOUR)


# Bounded memory


def test_a_month_of_readings_takes_little_memory() -> None:
    """Of a month with a reading each minute, 800 readings are kept at most, and fewer with slower ones."""
    burn = Burn()
    most = 0
    for step in range(31 * 24 * 60):
        burn.add(T + step * MINUTE, Decimal(step) / 60)
        most = max(most, len(burn._knots))

    assert most < 800
    assert len(steady(31 * 24)._knots) < 150


def test_an_idle_amount_takes_less_memory() -> None:
    """While nothing is spent, all readings have the same sum, which is kept once."""
    burn = steady(31 * 24, "0")

    assert len({id(spent) for spent in burn._knots.spent}) == 1


def test_a_reading_each_second_is_kept_twice_a_minute() -> None:
    """Readings that come faster than twice a minute are put together, without a loss."""
    burn = Burn()
    for second in range(3601):
        burn.add(T + timedelta(seconds=second), Decimal(second))

    assert len(burn._knots) < 130
    assert rate(burn, 1, HOUR) == ("86400", 1)
    assert rate(burn, 1, 10 * MINUTE)[0] == "86400"


def test_old_readings_are_thinned_to_hours_but_not_across_gaps() -> None:
    """Before the last 6 hours an hour's readings become one, and a burst before a gap stays in its hour."""
    burn = burnt((0, "0"), *[(minute / 60, "30") for minute in range(10, 60, 5)], (20, "30"), (28, "30"))

    assert len(burn._knots) == 4
    assert rate(burn, 28, 27 * HOUR) == ("0", 27)
    assert rate(burn, 28, 28 * HOUR)[0] == "25.71428571428571428571428571"


def test_what_is_older_than_a_week_is_forgotten() -> None:
    """A window longer than 7 days has little more than 7 days in it."""
    burn = steady(24 * 30)

    pace, covered = burn.rate(T + 30 * DAY, 30 * DAY)

    assert pace == 24
    assert WEEK <= covered <= WEEK + 6 * HOUR


# The forecast


@pytest.mark.parametrize(
    ("burn", "hours", "verdict", "per_day", "days", "days_at_least"),
    [
        (Burn(), 0, "accumulating", None, None, None),
        (steady(5.9), 6, "accumulating", None, None, None),
        (steady(6), 6, "runs_out", "24", 1, 1),
        (steady(30), 30, "runs_out", "24", 1, 1),
        (steady(30), 47, "runs_out", "24", 1, 1),
        (steady(30, "0"), 30, "idle", "0", None, None),
        (burnt((0, "0"), (48, "24"), (72, "72")), 72, "runs_out", "24", 1, 0.5),
        (burnt((0, "0"), (48, "96"), (72, "108")), 72, "runs_out", "12", 2, 24 / 36),
        (burnt((0, "0"), (24, "24"), (48, "24")), 48, "idle", "0", None, 2),
        (burnt((0, "0"), (24, "13"), (24.5, "14"), (25, "15")), 25, "runs_out", "14.4", 5 / 3, 0.5),
        (burnt((0, "0"), (43, "32"), (48, "32")), 67, "runs_out", "16", 1.5, 1.5),
    ],
    ids=[
        "nothing",
        "less than 6 hours",
        "6 hours",
        "more than a day",
        "the last day is covered for 7 hours",
        "idle",
        "the week is slower",
        "the day is slower",
        "idle for a day",
        "the last hour tells the earliest date",
        "a day that is covered for 5 hours",
    ],
)
def test_a_forecast_is_by_the_slower_of_a_day_and_a_week(
    burn: Burn,
    hours: float,
    verdict: str,
    per_day: str | None,
    days: float | None,
    days_at_least: float | None,
) -> None:
    """$24 last by the slower pace of a day and a week; the last hour may tell an earlier date."""
    now = T + hours * HOUR

    runway = burn.runway(Decimal(24), now)

    assert (runway.verdict, runway.basis) == (verdict, "history")
    assert runway.per_day == (None if per_day is None else Decimal(per_day))
    assert runway.runs_out_at == (None if days is None else now + days * DAY)
    assert runway.earliest == (None if days_at_least is None else now + days_at_least * DAY)


def test_a_forecast_knows_the_reset_and_what_is_spent() -> None:
    """A reset that comes first is told, and an amount that is spent has run out, whatever the readings."""
    burn, now = steady(30), T + 30 * HOUR

    forecasts = [
        burn.runway(Decimal(30), now, now + DAY),
        burn.runway(Decimal(-1), now, now + DAY),
        Burn().recent(Decimal(0), now),
        burn.recent(Decimal(30), now, now + DAY),
    ]

    assert [each.verdict for each in forecasts] == [
        "lasts_until_reset",
        "runs_out",
        "runs_out",
        "lasts_until_reset",
    ]
    assert [each.resets_at for each in forecasts] == [now + DAY, now + DAY, None, now + DAY]


def rushing(hours: float) -> Burn:
    """Take readings of $1 an hour for 10 hours, and then of $5 an hour."""
    burn = steady(10)
    for step in range(1, int(hours * 12) + 1):
        burn.add(T + 10 * HOUR + step * 5 * MINUTE, TEN + Decimal(step * 25) / 60)
    return burn


@pytest.mark.parametrize(
    ("burn", "hours", "verdict", "per_day"),
    [
        (Burn(), 0, "accumulating", None),
        (steady(5.9), 5.9, "accumulating", None),
        (steady(6), 6, "runs_out", "24"),
        (burnt(*[(step / 12, str(step % 48)) for step in range(96)]), 95 / 12, "runs_out", "288"),
        (steady(10), 10, "runs_out", "24"),
        (steady(10), 10.1, "runs_out", "24"),
        (steady(10), 10.2, "accumulating", None),
        (rushing(1), 11, "runs_out", "40"),
        (rushing(6), 16, "runs_out", "120"),
        (steady(10, every=HOUR), 10, "runs_out", "24"),
        (steady(10, every=2 * HOUR), 10, "runs_out", "24"),
        (steady(12, every=3 * HOUR), 12, "accumulating", None),
        (burnt((0, "0"), (6, "6"), (7, "6")), 7, "idle", "0"),
        (burnt((0, "9"), (6.5, "15"), (6.75, "0"), (7, "1")), 7, "accumulating", None),
    ],
    ids=[
        "nothing",
        "less than 6 hours",
        "6 hours",
        "a fall within 6 hours",
        "steady",
        "90 % of the last hour",
        "less than that",
        "a rush of an hour",
        "a rush of 6 hours",
        "a reading an hour",
        "a reading in 2 hours",
        "a reading in 3 hours",
        "nothing in the last hour",
        "another counter",
    ],
)
def test_what_is_urgent_is_by_the_slower_of_an_hour_and_six(
    burn: Burn, hours: float, verdict: str, per_day: str | None
) -> None:
    """The recent pace is the slower of 1 h and 6 h, both seen closely; a rush counts when it has lasted."""
    runway = burn.recent(Decimal(24), T + hours * HOUR)

    assert (runway.verdict, runway.basis) == (verdict, "history")
    assert runway.per_day == (None if per_day is None else Decimal(per_day))


def test_a_laptop_that_slept_knows_the_mean_but_nothing_urgent() -> None:
    """After 8 hours of sleep the day has their mean; what is urgent is known again when an hour was seen."""
    burn, woken = steady(24), T + 32 * HOUR
    verdicts = []
    for step in range(12):
        at = woken + step * 5 * MINUTE
        burn.add(at, Decimal(104) + Decimal(step * 50) / 60)
        verdicts.append(burn.recent(TEN, at).verdict)
        if at == woken:
            assert burn.rate(at, DAY) == (Decimal(96), DAY)

    assert verdicts == ["accumulating"] * 11 + ["runs_out"]


# Whatever the readings


STEPS = st.lists(
    st.tuples(
        st.integers(4 * 60, 8 * 3600).map(lambda seconds: timedelta(seconds=seconds)),
        st.decimals(0, 100, places=6),
    ),
    min_size=1,
    max_size=60,
)
"""Times between readings, with 4 minutes at least, and the rise in each."""
WINDOWS = (HOUR, 6 * HOUR, DAY, WEEK)


def grown(steps: list[tuple[timedelta, Decimal]], parts: int = 1) -> tuple[Burn, datetime, Decimal]:
    """Take readings of a counter that rises; each step in so many equal parts."""
    burn, at, used = Burn(), T, Decimal(1000)
    burn.add(at, used)
    for time, rise in steps:
        for part in range(1, parts + 1):
            burn.add(at + time * part / parts, used + rise * part / parts)
        at, used = at + time, used + rise
    return burn, at, used - 1000


@given(STEPS)
def test_no_rise_is_lost_by_thinning(steps: list[tuple[timedelta, Decimal]]) -> None:
    """Within 7 days, pace times covered time is the sum of all rises, however the readings were thinned."""
    while sum((time for time, _ in steps), NONE) > WEEK:
        steps = steps[1:]
    burn, now, rises = grown(steps)

    pace, covered = burn.rate(now, WEEK)

    assert pace is not None
    assert covered == now - T
    assert abs(pace * (covered // timedelta.resolution) / (DAY // timedelta.resolution) - rises) < 1e-15


@given(STEPS)
def test_readings_in_between_change_nothing(steps: list[tuple[timedelta, Decimal]]) -> None:
    """If each interval is split in two at its pace, the paces of 1 h, 6 h and the whole are the same."""
    whole, now, _ = grown(steps)
    split, _, _ = grown(steps, parts=2)

    for window in (HOUR, 6 * HOUR, min(now - T, WEEK)):
        (pace, covered), (other, also_covered) = whole.rate(now, window), split.rate(now, window)
        assert pace is not None
        assert other is not None
        assert abs(pace - other) < Decimal("0.0001")
        assert abs(covered - also_covered) < timedelta(milliseconds=1)


@given(
    st.integers(1, 10**9).map(lambda number: Decimal(number) / 10**4),
    st.lists(st.integers(1, 4 * 3600), min_size=2, max_size=80),
)
def test_a_constant_pace_is_found(per_day: Decimal, gaps: list[int]) -> None:
    """A constant pace is found within 1 % in every window, however irregular the readings."""
    burn, second = Burn(), 0
    burn.add(T, Decimal(0))
    for gap in gaps:
        second += gap
        burn.add(T + timedelta(seconds=second), per_day * second / 86400)
    now = T + timedelta(seconds=second)

    for window in WINDOWS:
        pace, covered = burn.rate(now, window)
        assert pace is not None
        assert abs(pace / per_day - 1) < Decimal("0.01")
        assert covered == min(window, now - T)


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.tuples(st.integers(-5000, 40_000), st.decimals(0, 1000, places=9)),
        ),
        max_size=60,
    ),
    st.integers(-50_000, 50_000),
    st.integers(0, 30 * 86400),
)
def test_the_pace_is_never_negative(
    readings: list[tuple[int, Decimal] | None], later: int, window: int
) -> None:
    """Counters that fall, other counters, clocks that run back: no pace and no covered time is negative."""
    burn, at = Burn(), T
    for reading in readings:
        if reading is None:
            burn.restart()
        else:
            at += timedelta(seconds=reading[0])
            burn.add(at, reading[1])
    now = at + timedelta(seconds=later)

    pace, covered = burn.rate(now, timedelta(seconds=window))
    forecasts = [burn.runway(TEN, now), burn.recent(TEN, now)]

    assert pace is None or pace >= 0
    assert (pace is None) == (covered == NONE)
    assert NONE <= covered <= timedelta(seconds=window)
    assert all(each.per_day is None or each.per_day >= 0 for each in forecasts)
    assert all(each.earliest is None or each.earliest >= now for each in forecasts)
