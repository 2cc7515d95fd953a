"""The budget for retries and the breaker, without an event loop; the tests set the clock."""

from __future__ import annotations

import math

import pytest
from attrs import Factory, define, field

from openrouter_credits._batch.breaker import (
    CAPACITY,
    FAILURES_TO_OPEN,
    PER_ANSWER,
    PROBE_FIRST,
    PROBE_MAX,
    START,
    Breaker,
    RetryBudget,
)

# The retry budget.


def test_the_numbers_are_the_documented_ones() -> None:
    """There are 50 tokens at first, 100 at most; 20 failures open the breaker; probes wait 0.5 s to 8 s."""
    assert (50, 100, 0.2) == (START, CAPACITY, PER_ANSWER)
    assert (20, 0.5, 8) == (FAILURES_TO_OPEN, PROBE_FIRST, PROBE_MAX)


@pytest.mark.parametrize(
    ("spent", "earned", "expected"),
    [
        (0, 0, 50),
        (1, 0, 49),
        (50, 0, 0),
        (51, 0, 0),
        (51, 5, 1),
        (0, 1, 50.2),
        (0, 250, 100),
        (0, 1000, 100),
    ],
)
def test_a_retry_costs_a_token_and_an_answer_earns_a_fifth(spent: int, earned: int, expected: float) -> None:
    """A retry costs one token and an answer earns a fifth; there are 50 at first, 100 at most, 0 at least."""
    budget = RetryBudget()

    for _ in range(spent):
        budget.spend()
    for _ in range(earned):
        budget.earn()

    assert pytest.approx(expected) == budget.tokens


@pytest.mark.parametrize(("tokens", "expected"), [(0.0, False), (0.8, False), (1.0, True), (50.0, True)])
def test_a_retry_needs_a_whole_token(tokens: float, expected: bool) -> None:
    """A retry can be paid with one whole token, and not with a part of one."""
    budget = RetryBudget()
    budget.tokens = tokens

    assert expected is budget.has_token()


# The breaker.


@define(eq=False)
class Host:
    """A breaker whose clock is set by the test, and the requests to its host."""

    draw: float = 0.5
    now: float = 1000.0
    breaker: Breaker = field(
        init=False, default=Factory(lambda self: Breaker(lambda: self.draw), takes_self=True)
    )

    def send(self) -> object:
        """Send a request."""
        turn = object()
        self.breaker.sent(turn)
        return turn

    def send_probe(self) -> object:
        """Wait until a probe may go, and send it."""
        self.now += self.wait()
        probe = self.send()
        assert self.is_probe(probe)
        return probe

    def wait(self) -> float:
        """Return the seconds until the next probe may go."""
        probe_at = self.breaker.probe_at()
        assert probe_at is not None, "the breaker is closed"
        return probe_at - self.now

    def answer(self, turn: object) -> None:
        """Answer a request."""
        self.breaker.answered()
        self.breaker.ended(turn)

    def fail(self, turn: object) -> bool:
        """Let a request fail; return whether that opened the breaker."""
        is_news = self.breaker.failed(turn, self.now)
        self.breaker.ended(turn)
        return is_news

    def lose(self, times: int = FAILURES_TO_OPEN) -> list[bool]:
        """Send requests that fail; return for each whether it opened the breaker."""
        return [self.fail(self.send()) for _ in range(times)]

    def is_open(self) -> bool:
        """Return whether only probes may go."""
        return self.breaker.probe_at() is not None

    def is_probe(self, turn: object) -> bool:
        """Return whether a request under way is the probe."""
        return self.breaker._probe is turn


def test_a_new_breaker_is_closed() -> None:
    """At first the breaker is closed: requests go, and none of them is a probe."""
    host = Host()

    turns = [host.send() for _ in range(FAILURES_TO_OPEN)]

    assert not host.is_open()
    assert not any(host.is_probe(turn) for turn in turns)


def test_twenty_failures_in_a_row_open_the_breaker() -> None:
    """Twenty failures in a row open the breaker; nineteen do not, and an answer ends the row."""
    host = Host()

    assert not any(host.lose(19))
    host.answer(host.send())
    assert not any(host.lose(19))
    assert not host.is_open()
    assert [True] == host.lose(1)
    assert host.is_open()


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (0.0, [0.25, 0.5, 1, 2, 4, 4, 4]),
        (0.5, [0.375, 0.75, 1.5, 3, 6, 6, 6]),
        (1.0, [0.5, 1, 2, 4, 8, 8, 8]),
    ],
)
def test_one_probe_at_a_time_goes_to_a_dead_host(draw: float, expected: list[float]) -> None:
    """A dead host gets one probe at a time; waits double from 0.5 s to 8 s, and up to half is taken off."""
    host = Host(draw)
    host.lose()
    waited = []

    for _ in expected:
        waited.append(host.wait())
        probe = host.send_probe()
        host.now += 60
        assert math.inf == host.wait()
        assert not host.fail(probe), "an open breaker does not open"

    assert pytest.approx(expected) == waited


def test_older_requests_that_fail_do_not_put_the_probe_off() -> None:
    """While the breaker is open, failures of requests from before it opened do not change the next probe."""
    host = Host()
    from_before = [host.send() for _ in range(3)]
    host.lose()
    host.now += 0.25

    assert not any(host.fail(turn) for turn in from_before)

    assert pytest.approx(0.125) == host.wait()


@pytest.mark.parametrize("is_probe", [True, False])
def test_the_first_answer_closes_the_breaker(is_probe: bool) -> None:
    """The answer to a probe or to an older request ends an outage; the next outage waits 0.5 s again."""
    host = Host()
    from_before = host.send()
    host.lose()
    host.fail(host.send_probe())
    assert pytest.approx(0.75) == host.wait()
    probe = host.send_probe()

    host.answer(probe if is_probe else from_before)

    assert not host.is_open()
    assert [False] * 5 == [host.is_probe(host.send()) for _ in range(5)]
    assert [False] * 19 + [True] == host.lose()
    assert pytest.approx(0.375) == host.wait()


def test_a_probe_that_ends_without_a_word_makes_room_for_the_next() -> None:
    """After a probe that is cancelled, the breaker stays open and the next request is the next probe."""
    host = Host()
    host.lose()
    probe = host.send_probe()

    host.breaker.ended(probe)

    assert host.is_open()
    assert host.wait() <= 0
    assert host.is_probe(host.send())


def test_a_probe_from_an_earlier_outage_does_not_make_room_for_a_second_one() -> None:
    """A probe that outlives its outage does not let a second probe go in the next outage when it ends."""
    host = Host()
    from_before = host.send()
    host.lose()
    old_probe = host.send_probe()
    host.answer(from_before)
    host.lose()
    probe = host.send_probe()

    host.breaker.ended(old_probe)

    assert math.inf == host.wait()
    assert host.is_probe(probe)


def test_a_probe_that_fails_after_the_host_is_back_opens_nothing() -> None:
    """A probe that fails after the host has answered again counts as one failure and opens no breaker."""
    host = Host()
    from_before = host.send()
    host.lose()
    probe = host.send_probe()
    host.answer(from_before)

    assert not host.fail(probe)

    assert not host.is_open()
    assert [False] * 18 + [True] == host.lose(19)
