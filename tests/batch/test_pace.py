"""How a batch begins, and how fast it asks, without an event loop; the tests set the clock."""

from __future__ import annotations

import math
from typing import Any

import pytest
from attrs import Factory, define, field

from openrouter_credits._batch.pace import NO_SLOW_START, Pace, SlowStart
from tests.kit.values import limited


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

    def delay(self) -> float:
        """Return how long the next request has to wait."""
        return self.pace.delay(self.now, self.in_flight)

    def is_free(self) -> bool:
        """Return whether a request could go now, without sending it."""
        return self.delay() <= 0

    def send(self) -> float:
        """Send a request, which must be allowed to go now; return the time."""
        assert self.is_free()
        self.pace.sent(self.now)
        self.in_flight += 1
        return self.now

    def answer_one(self) -> None:
        """Answer a request that is under way."""
        self.pace.answered()
        self.in_flight -= 1

    def answer(self, times: int = 1) -> None:
        """Send requests that are answered."""
        for _ in range(times):
            self.send()
            self.answer_one()

    def refuse_one(self, key: str, sent_at: float, **options: Any) -> bool:
        """Refuse a request that is under way; return whether that is news."""
        is_news = self.pace.refused(self.now, sent_at, limited(**options), key)
        self.in_flight -= 1
        return is_news

    def refuse(self, key: str = "a", **options: Any) -> bool:
        """Send a request that is refused; return whether that is news."""
        return self.refuse_one(key, self.send(), **options)

    def meet_limit(self, **options: Any) -> bool:
        """Let two keys meet a 429 at the same time; return whether that is news."""
        first, second = self.send(), self.send()
        return any([self.refuse_one("a", first, **options), self.refuse_one("b", second, **options)])

    def per_second(self) -> float:
        """Return the pace, which there must be."""
        assert self.pace.per_second is not None
        return self.pace.per_second


# How a batch begins.


@pytest.mark.parametrize(
    ("keys", "expected"), [(0, math.inf), (100, math.inf), (101, 8), (1_049, 8), (5_000, 88), (None, 8)]
)
def test_a_slow_start_costs_two_keys_in_a_hundred_at_most(keys: int | None, expected: float) -> None:
    """A batch of over 100 keys, or of unknown size, begins with a window: 2 % of the keys less 12, or 8."""
    assert expected == SlowStart.of(keys).window


@pytest.mark.parametrize(("keys", "expected"), [(0, 0), (100, 0), (101, 0.0101), (5_000, 0.5), (None, 0.1)])
def test_a_window_grows_by_one_for_each_answer_in_ten_thousand_keys(
    keys: int | None, expected: float
) -> None:
    """The window of a batch of 10,000 keys grows by 1 for an answer; for fewer keys it grows by less."""
    assert pytest.approx(expected) == SlowStart.of(keys).growth


def test_only_64_requests_are_under_way_before_the_host_has_spoken() -> None:
    """Until the host has answered once, 64 requests may be in flight; then there is no such bound."""
    road = Road()
    for _ in range(64):
        road.send()

    assert math.inf == road.delay()
    road.answer_one()
    for _ in range(200):
        road.send()


def test_a_refusal_is_a_word_from_the_host() -> None:
    """After a first 429, more than 64 requests may be in flight."""
    road = Road()
    sent_at = [road.send() for _ in range(64)]
    assert math.inf == road.delay()

    assert not road.refuse_one("a", sent_at[0])

    for _ in range(200):
        road.send()


def test_a_window_grows_with_the_answers() -> None:
    """The number of requests that may be under way at first (the window) grows after 150 answers."""
    road = Road(slow_start=SlowStart(2, 0.5))

    road.answer(150)
    road.send()
    road.send()
    assert math.inf == road.delay()
    road.answer_one()
    road.send()
    road.send()
    assert math.inf == road.delay()


def test_a_window_is_over_when_a_limit_is_met() -> None:
    """After a limit is met, the pace alone holds requests back: the window no longer counts."""
    road = Road(slow_start=SlowStart(2, 0.5))

    assert road.meet_limit()
    road.now += 1.5
    for _ in range(20):
        road.send()
        road.now += 0.1


# A rate that the caller set.


def test_without_a_rate_nothing_waits() -> None:
    """Without a rate and without a refusal there is no pace: requests go at once."""
    road = Road()

    road.answer(1000)

    assert road.pace.per_second is None
    assert road.is_free()


@pytest.mark.parametrize(("late", "next_at"), [(0.004, 0.2), (0.006, 0.206)])
def test_an_event_loop_that_is_a_little_late_loses_no_pace(late: float, next_at: float) -> None:
    """Up to 5 ms by which a timer is late are made up for; a longer delay shifts the requests that follow."""
    road = Road(rate=10.0, now=0.0)
    road.send()
    road.now = 0.1 + late
    road.send()

    assert pytest.approx(next_at) == road.now + road.delay()


# Pauses.


def test_one_keys_short_429_holds_back_that_key_alone() -> None:
    """Short 429s of one key, however many, pause nothing for the other keys."""
    road = Road()

    assert [False] * 5 == [road.refuse("a") for _ in range(5)]

    assert road.is_free()
    assert road.pace.per_second is None


@pytest.mark.parametrize(("apart", "is_shared"), [(0.0, True), (0.99, True), (1.01, False)])
def test_two_keys_with_a_short_429_within_a_second_hold_back_all(apart: float, is_shared: bool) -> None:
    """Short 429s of two keys pause the whole batch for the hint only if they are at most a second apart."""
    road = Road()

    assert not road.refuse("a")
    road.now += apart
    assert is_shared is road.refuse("b")

    assert is_shared is not road.is_free()
    road.now += 0.99
    assert is_shared is not road.is_free()
    road.now += 0.02
    assert road.is_free()


def test_a_429_that_is_not_openrouters_holds_back_all_at_once() -> None:
    """One 429 without OpenRouter's code pauses the whole batch: a proxy limits this machine, not a key."""
    road = Road()

    assert road.refuse(code=None, retry_after=5)

    assert pytest.approx(5) == road.delay()
    road.now += 5.01
    assert road.is_free()


@pytest.mark.parametrize(("hint", "pause"), [(None, 1.0), (0.25, 0.25), (60.0, 60.0)])
def test_a_pause_lasts_as_long_as_the_hint(hint: float | None, pause: float) -> None:
    """A pause lasts as long as the hint, and one second if there is no hint."""
    road = Road()

    assert road.meet_limit(retry_after=hint)

    assert pytest.approx(pause) == road.delay()
    road.now += pause - 0.01
    assert not road.is_free()
    road.now += 0.02
    assert road.is_free()


def test_refusals_of_requests_from_before_the_pause_are_no_news() -> None:
    """Later 429s to requests sent before the pause can lengthen it, but do not lower the pace again."""
    road = Road()
    late = [road.send() for _ in range(3)]
    assert road.meet_limit(retry_after=1)
    pace = road.per_second()

    assert not any(
        road.refuse_one(f"late {number}", sent_at, retry_after=2) for number, sent_at in enumerate(late)
    )

    assert pace == road.per_second()
    assert pytest.approx(2) == road.delay()


def test_a_later_hint_does_not_shorten_a_pause() -> None:
    """A 429 with a short hint does not shorten the pause that an earlier one began."""
    road = Road()
    late = road.send()
    assert road.meet_limit(retry_after=30)

    assert not road.refuse_one("late", late, retry_after=1)

    assert pytest.approx(30) == road.delay()


# The pace after a pause.


def test_after_a_pause_requests_go_slower_and_speed_up_again() -> None:
    """The pace drops after a pause and rises with answers; after a second pause it hardly rises any more."""
    road = Road()
    road.answer(100)
    assert road.meet_limit()
    resumed = road.per_second()
    assert pytest.approx(85) == resumed, "of the 100 in the last second"

    for _ in range(100):
        road.now += 1.1
        road.answer()
    faster = road.per_second()
    assert faster > 1.2 * resumed

    road.now += 1.1
    first = road.send()
    road.now += 0.5
    second = road.send()
    assert [False, True] == [road.refuse_one("a", first), road.refuse_one("b", second)]
    slower = road.per_second()
    assert slower < faster

    road.now += 2
    road.answer()
    assert slower < road.per_second() < slower + 0.1


@pytest.mark.parametrize(("seconds", "gain"), [(0.4, 0.35), (0.6, 0.01)])
def test_a_burst_does_not_tell_where_the_limit_is(seconds: float, gain: float) -> None:
    """A limit met after 0.5 s is remembered, and the pace hardly rises above it; one of a burst is not."""
    road = Road()
    road.answer(40)
    road.now += seconds
    assert road.meet_limit()
    for _ in range(30):
        road.now += 1.1
        road.answer()
    before = road.per_second()
    assert before > 40

    road.now += 1.1
    road.answer()

    assert pytest.approx(gain) == road.per_second() - before


def test_a_pace_after_the_first_pause_is_no_slower_than_32_a_second() -> None:
    """Without a rate of the caller's, the pace after the first pause is 32 requests a second at least."""
    road = Road()

    assert road.meet_limit()

    assert pytest.approx(32) == road.per_second()


@pytest.mark.parametrize("rate", [5.0, 200.0])
def test_after_a_pause_a_given_rate_goes_down_too(rate: float) -> None:
    """After a pause the pace is below the caller's rate, and never rises above it again."""
    road = Road(rate=rate)
    for _ in range(20):
        road.now += 2 / rate
        road.answer()
    road.now += 2 / rate
    first = road.send()
    road.now += 1 / rate
    second = road.send()

    assert [False, True] == [road.refuse_one("a", first), road.refuse_one("b", second)]

    assert road.per_second() < rate
    for _ in range(2000):
        road.now += 5
        road.answer()
    assert road.per_second() <= rate


def test_a_pause_takes_at_most_two_fifths_of_the_pace() -> None:
    """After a pause the pace is still three fifths of what it was, even if no request was answered before."""
    road = Road(rate=5.0)

    assert road.refuse(code=None)

    assert pytest.approx(3) == road.per_second()


def test_a_pause_takes_at_least_a_twentieth_of_the_pace() -> None:
    """After a pause the pace is at least 5 % lower, even if late answers make the rate look higher."""
    road = Road()
    for _ in range(2):
        road.answer()
    for _ in range(100):
        road.send()
    assert road.meet_limit()
    for _ in range(100):
        road.answer_one()
    before = road.per_second()
    assert pytest.approx(67) == before
    road.now += 1.1

    assert road.refuse(code=None)

    assert pytest.approx(0.95 * before) == road.per_second()
