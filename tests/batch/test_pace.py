"""How a batch begins, and how fast it asks, without an event loop; the tests set the clock."""

from __future__ import annotations

import math

import pytest
from attrs import Factory, define, field
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits._batch.pace import NO_SLOW_START, Pace, SlowStart


@define(eq=False)
class Road:
    """A pace whose clock is set by the test, and the requests under way."""

    rate: float | None = None
    slow_start: SlowStart = NO_SLOW_START
    now: float = 1000.0
    pace: Pace = field(
        init=False, default=Factory(lambda self: Pace(self.rate, self.slow_start), takes_self=True)
    )
    in_flight: int = field(init=False, default=0)

    def is_full(self) -> bool:
        """Return whether another request must end before the next one may go."""
        return self.pace.is_full(self.in_flight)

    def is_free(self) -> bool:
        """Return whether a request could go now, without sending it."""
        return not self.is_full() and self.pace.delay(self.now) <= 0

    def send(self) -> None:
        """Send a request, which must be allowed to go now."""
        assert self.is_free()
        self.pace.sent(self.now)
        self.in_flight += 1

    def answer_one(self) -> None:
        """Answer a request that is under way."""
        self.pace.answered(self.now)
        self.in_flight -= 1

    def answer(self, times: int = 1) -> None:
        """Send requests that are answered."""
        for _ in range(times):
            self.send()
            self.answer_one()

    def answer_over(self, seconds: float, times: int) -> None:
        """Send requests that are answered, evenly spread over some seconds."""
        for _ in range(times):
            self.answer()
            self.now += seconds / times

    def pause(self, seconds: float = 1.0) -> None:
        """Let a pause begin and pass."""
        self.pace.pause(self.now)
        self.now += seconds

    def per_second(self) -> float:
        """Return the pace, which there must be."""
        assert self.pace.per_second is not None
        return self.pace.per_second

    def speed_up(self, answers: int = 1) -> None:
        """Let requests be answered, each half a second after the last one, when there is room for it."""
        for _ in range(answers):
            self.now += 0.5
            self.answer()


# How a batch begins.


@pytest.mark.parametrize(
    ("keys", "most", "expected"),
    [
        (0, 32, 8),
        (1, 32, 3200),
        (100, 32, 32),
        (100, 64, 64),
        (101, 64, 6400 / 101),
        (200, 32, 16),
        (400, 32, 8),
        (1_000, 32, 8),
        (1_000, 200, 20),
        (1_049, 32, 8),
        (1_050, 32, 9),
        (1_050, 64, 9),
        (5_000, 64, 88),
        (None, 32, 8),
        (None, 200, 20),
    ],
)
def test_a_large_batch_begins_carefully(keys: int | None, most: int, expected: float) -> None:
    """A hundred keys begin at full speed, more keys with a smaller window: 8, or 2 % of the keys less 12."""
    assert pytest.approx(expected) == SlowStart.of(keys, most).window


@given(st.integers(1, 100_000), st.integers(1, 200))
def test_one_key_more_changes_little(keys: int, most: int) -> None:
    """There is no number of keys from which on a batch begins notably slower than with one key less."""
    less, more = SlowStart.of(keys, most), SlowStart.of(keys + 1, most)

    assert more.window >= less.window * keys / (keys + 1) - 1e-9
    assert more.window >= 8


@pytest.mark.parametrize(
    ("keys", "expected"), [(0, 0.1), (1, 0.0001), (101, 0.0101), (5_000, 0.5), (None, 0.1)]
)
def test_a_window_grows_by_one_for_each_answer_in_ten_thousand_keys(
    keys: int | None, expected: float
) -> None:
    """The window of a batch of 10,000 keys grows by 1 for an answer; for fewer keys it grows by less."""
    assert pytest.approx(expected) == SlowStart.of(keys, 32).growth


def test_without_a_slow_start_there_is_no_window() -> None:
    """Once the host has answered, a batch without a slow start may have any number of requests under way."""
    road = Road()
    road.answer()

    assert not road.pace.is_full(10**9)


def test_only_64_requests_are_under_way_before_the_host_has_answered() -> None:
    """Until the host has answered once, 64 requests may be under way; then there is no such bound."""
    road = Road()
    for _ in range(64):
        road.send()

    assert road.is_full()
    road.answer_one()
    for _ in range(200):
        road.send()


def test_a_refusal_is_an_answer_of_the_host() -> None:
    """After a first refusal, more than 64 requests may be under way."""
    road = Road()
    for _ in range(64):
        road.send()
    assert road.is_full()

    road.pace.heard()

    for _ in range(200):
        road.send()


def test_a_window_grows_with_the_answers() -> None:
    """The number of requests that may be under way at first (the window) grows after 150 answers."""
    road = Road(slow_start=SlowStart(2, 0.5))

    road.answer(150)
    road.send()
    road.send()
    assert road.is_full()
    road.answer_one()
    assert not road.is_full()
    road.send()
    road.send()
    assert road.is_full()


def test_a_window_is_over_when_all_pause() -> None:
    """After a pause the pace alone holds requests back: the window no longer counts."""
    road = Road(slow_start=SlowStart(2, 0.5))
    road.answer()

    road.pause()

    for _ in range(20):
        road.send()
        road.now += 0.1


def test_requests_that_hang_do_not_fill_the_window() -> None:
    """After a failure the window no longer counts, though 64 requests stay the bound for a silent host."""
    road = Road(slow_start=SlowStart(2, 0.5))
    road.send()
    road.send()
    assert road.is_full()

    road.pace.failed()

    for _ in range(62):
        road.send()
    assert road.is_full()


# A rate that the caller set.


def test_without_a_rate_nothing_waits() -> None:
    """Without a rate and without a pause there is no pace: requests go at once, as fast as they like."""
    road = Road()

    road.answer(1000)

    assert road.pace.per_second is None
    assert road.pace.is_faster
    assert road.is_free()


@pytest.mark.parametrize(
    ("late", "next_at"), [(0.0, 0.2), (0.0049, 0.2), (0.0051, 0.2051), (0.006, 0.206), (1.0, 1.2)]
)
def test_an_event_loop_that_is_a_little_late_loses_no_pace(late: float, next_at: float) -> None:
    """Up to 5 ms by which a timer is late are made up for; a longer delay shifts the requests that follow."""
    road = Road(rate=10.0, now=0.0)
    road.send()
    road.now = 0.1 + late
    road.send()

    assert pytest.approx(next_at) == road.now + road.pace.delay(road.now)


def test_a_rate_is_not_exceeded_by_answers() -> None:
    """Answers change nothing in a rate of the caller's."""
    road = Road(rate=10.0)

    road.speed_up(100)

    assert 10 == road.per_second()


# What a pause teaches.


def test_after_a_pause_requests_go_slower_than_they_were_answered() -> None:
    """After a pause requests go at three quarters of the pace at which they were answered before it."""
    road = Road()
    road.answer_over(3.0, 300)

    road.pause()

    assert pytest.approx(75, rel=0.01) == road.per_second()


@pytest.mark.parametrize(
    ("seconds", "answers", "expected"),
    [
        (0.0, 40, 32.0),
        (0.49, 40, 32.0),  # a burst
        (0.5, 40, 30.0),
        (1.0, 40, 30.0),
        (1.6, 40, 18.75),  # 25 a second
        (1.6, 0, 32.0),
    ],
)
def test_a_burst_does_not_tell_where_the_limit_is(seconds: float, answers: int, expected: float) -> None:
    """Answers tell a pace after half a second, if it is counted as a whole one; before, 32 is assumed."""
    road = Road()
    road.send()
    road.answer(answers)
    road.now += seconds

    road.pause()

    assert pytest.approx(expected) == road.per_second()


@pytest.mark.parametrize(
    ("seconds", "answers", "expected"),
    [(0.4, 10, 75.0), (0.6, 10, 75.0), (0.6, 160, 120.0), (0.4, 160, 75.0)],
)
def test_the_last_second_counts_as_well_as_the_present_one(
    seconds: float, answers: int, expected: float
) -> None:
    """The pace before a pause is that of the last whole second, or of the present one if that is faster."""
    road = Road()
    road.answer(99)
    road.now += 1
    road.answer()
    road.answer(answers)
    road.now += seconds

    road.pause()

    assert pytest.approx(expected) == road.per_second()


def test_what_was_measured_before_an_earlier_pause_does_not_count() -> None:
    """A second pause forgets what was measured before the first one, and the time between them."""
    road = Road()
    road.answer_over(3.0, 300)
    road.pause(seconds=60.0)
    road.answer()
    road.now += 0.1
    before = road.per_second()

    road.pause()

    assert pytest.approx(0.95 * before) == road.per_second()


def test_a_pause_before_any_request_is_harmless() -> None:
    """A pause before anything was sent leads to 32 requests a second, as one where nothing was measured."""
    road = Road()

    road.pause()

    assert 32 == road.per_second()


@pytest.mark.parametrize(
    ("pace", "answers", "expected"),
    [
        (100.0, 0, 95.0),  # nothing measured: 5 % less
        (100.0, 200, 95.0),
        (100.0, 120, 90.0),  # three quarters of 120
        (100.0, 40, 50.0),  # half at least
        (3.0, 1, 2.0),  # 2 a second at least
        (2.0, 0, 2.0),
    ],
)
def test_a_pause_takes_a_twentieth_to_a_half_of_the_pace(pace: float, answers: int, expected: float) -> None:
    """A pause takes 5 % to 50 % of the pace, whatever was measured, and never leaves less than 2 a second."""
    road = Road()
    road.pause()
    road.send()
    for _ in range(answers):
        road.pace.answered(road.now)
    road.pace.per_second = pace
    road.now += 0.9

    road.pause()

    assert pytest.approx(expected) == road.per_second()


@pytest.mark.parametrize(
    ("rate", "expected"), [(0.02, 0.02), (1.0, 1.0), (2.0, 2.0), (5.0, 4.75), (20.0, 19.0), (200.0, 190.0)]
)
def test_after_a_pause_a_given_rate_goes_down_too(rate: float, expected: float) -> None:
    """After a pause the pace is below the caller's rate, unless that is 2 or less; it never goes above it."""
    road = Road(rate=rate)
    road.answer()

    road.pause(seconds=60)

    assert pytest.approx(expected) == road.per_second()
    for _ in range(2000):
        road.now += 60
        road.answer()
    assert rate == road.per_second()


# How it speeds up.


def test_answers_bring_a_pace_back_quickly_until_the_limit_is_near() -> None:
    """Each answer adds 0.35 a second to a pace below 80 % of what was measured, and 0.01 above that."""
    road = Road()
    road.answer(40)
    road.now += 1.0
    road.pause()
    assert 30 == road.per_second()

    gains = []
    for _ in range(8):
        before = road.per_second()
        road.speed_up()
        gains.append(road.per_second() - before)

    assert pytest.approx([0.35] * 6 + [0.01] * 2) == gains, "32 a second is 80 % of 40"


def test_at_the_threshold_the_limit_is_near() -> None:
    """A pace of exactly 80 % of what was measured gains 0.01 from an answer."""
    road = Road()
    road.answer(40)
    road.now += 1.0
    road.pause()
    road.pace.per_second = 32.0

    road.speed_up()

    assert pytest.approx(32.01) == road.per_second()


@pytest.mark.parametrize(("seconds", "gain"), [(29.9, 0.01), (30.0, 0.35)])
def test_a_limit_is_forgotten_after_half_a_minute(seconds: float, gain: float) -> None:
    """Half a minute after the pause that taught a limit, answers bring the pace up as below it."""
    road = Road()
    road.answer(40)
    road.now += 1.0
    road.pause(seconds=0)
    road.pace.per_second = 35.0

    road.now += seconds
    road.answer()

    assert pytest.approx(35 + gain) == road.per_second()


def test_a_pause_that_measured_nothing_teaches_no_limit() -> None:
    """After a pause before which nothing was measured, each answer adds 0.35, up to any pace."""
    road = Road()
    road.pause()

    road.speed_up(1000)

    assert pytest.approx(32 + 350) == road.per_second()


@pytest.mark.parametrize(("pace", "expected"), [(30.0, 30.0), (32.0, 32.0), (32.5, 32.0), (40.0, 38.8)])
def test_a_refusal_takes_a_little_of_a_pace_near_the_limit(pace: float, expected: float) -> None:
    """A refusal among answers takes 3 % of a pace above the threshold, down to that at most."""
    road = Road()
    road.answer(40)
    road.now += 1.0
    road.pause()
    road.pace.per_second = pace

    road.pace.refused()

    assert pytest.approx(expected) == road.per_second()


def test_a_limit_below_the_slowest_pace_is_near_only_above_that() -> None:
    """However slowly a host answered, refusals among answers bring no pace below 2 a second."""
    road = Road()
    road.answer_over(3.0, 3)
    road.pause()
    assert 2 == road.per_second()

    for _ in range(10):
        road.speed_up()
        for _ in range(3):
            road.pace.refused()

    assert 2 == road.per_second()


def test_without_a_known_limit_a_refusal_changes_nothing() -> None:
    """A refusal among answers changes nothing where there is no pace, or no limit is known."""
    free, paced = Road(), Road(rate=10.0)

    free.pace.refused()
    paced.pace.refused()

    assert (None, 10) == (free.pace.per_second, paced.per_second())


@pytest.mark.parametrize(("pace", "expected"), [(32.0, False), (39.9, False), (40.0, True), (100.0, True)])
def test_a_pace_is_notably_faster_from_a_quarter_on(pace: float, expected: bool) -> None:
    """A pace is notably faster than after the last pause if it has gained a quarter since."""
    road = Road()
    road.pause()
    assert 32 == road.per_second()

    road.pace.per_second = pace

    assert expected is road.pace.is_faster


def test_a_rate_counts_as_faster_until_the_first_pause() -> None:
    """A rate of the caller's may be too fast: before the first pause it counts as faster."""
    road = Road(rate=10.0)
    assert road.pace.is_faster

    road.pause()

    assert not road.pace.is_faster


@given(
    st.none() | st.floats(0.01, 1000),
    st.lists(
        st.tuples(st.sampled_from(["send", "answer", "refuse", "pause"]), st.floats(0, 20)), max_size=60
    ),
)
def test_a_pace_stays_within_its_bounds(rate: float | None, events: list[tuple[str, float]]) -> None:
    """In any sequence of events a pace is at least 2 a second, or the caller's rate, and never above that."""
    road = Road(rate=rate)

    for event, seconds in events:
        road.now += seconds
        match event:
            case "send" if road.is_free():
                road.send()
            case "answer" if road.in_flight:
                road.answer_one()
            case "refuse":
                road.pace.refused()
            case "pause":
                road.pace.pause(road.now)

        least, most = min(2.0, rate or 2.0), rate or math.inf
        assert road.pace.per_second is None or least <= road.pace.per_second <= most
