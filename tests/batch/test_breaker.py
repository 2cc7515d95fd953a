"""The budget for retries and the breaker, without an event loop; the tests set the clock."""

from __future__ import annotations

import math

import pytest
from attrs import Factory, define, field
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits._batch.breaker import (
    CAPACITY,
    FEWEST_KEYS_TO_OPEN,
    MOST_KEYS_TO_OPEN,
    PER_ANSWER,
    PER_SECOND,
    PROBE_FIRST,
    PROBE_MAX,
    START,
    Breaker,
    RetryBudget,
)
from openrouter_credits._batch.turn import Seat, Turn

# The retry budget.


def test_the_numbers_are_the_documented_ones() -> None:
    """There are 50 tokens at first, 100 at most; 3 to 20 keys open the breaker; probes wait 0.5 s to 8 s."""
    assert (50, 100, 0.2, 2) == (START, CAPACITY, PER_ANSWER, PER_SECOND)
    assert (20, 3, 0.5, 8) == (MOST_KEYS_TO_OPEN, FEWEST_KEYS_TO_OPEN, PROBE_FIRST, PROBE_MAX)


@pytest.mark.parametrize(
    ("spent", "earned", "expected"),
    [
        (0, 0, 50),
        (1, 0, 49),
        (50, 0, 0),
        (50, 5, 1),
        (51, 0, 0),  # probes of a dead host are not held back by an empty budget
        (51, 5, 1),
        (0, 1, 50.2),
        (0, 249, 99.8),
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


@pytest.mark.parametrize(
    ("tokens", "expected"), [(0.0, 0.5), (0.5, 0.25), (0.8, 0.1), (1.0, 0.0), (50.0, 0.0)]
)
def test_a_retry_waits_for_a_whole_token(tokens: float, expected: float) -> None:
    """A retry can be paid with one whole token; what is missing comes at two tokens a second."""
    budget = RetryBudget()
    budget.tokens = tokens

    assert pytest.approx(expected) == budget.delay(1000.0)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0, 0.0), (0.25, 0.5), (3.0, 6.0), (49.5, 99.0), (50.5, 100.0), (1e6, 100.0)]
)
def test_two_tokens_a_second_come_by_themselves(seconds: float, expected: float) -> None:
    """Time earns two tokens a second, up to 100, however often the budget is asked meanwhile."""
    once, often = RetryBudget(), RetryBudget()
    for budget in (once, often):
        budget.tokens = 0.0
        budget.delay(1000.0)

    once.delay(1000.0 + seconds)
    for part in range(1, 11):
        often.delay(1000.0 + seconds * part / 10)

    assert pytest.approx(expected) == once.tokens
    assert pytest.approx(expected) == often.tokens


@pytest.mark.parametrize(("missing", "is_there"), [(1e-15, True), (0.9e-9, True), (1.1e-9, False)])
def test_a_token_that_is_there_but_for_rounding_is_there(missing: float, is_there: bool) -> None:
    """A token that lacks less than a billionth can be spent, which leaves nothing and no debt."""
    budget = RetryBudget()
    budget.tokens = 1 - missing

    assert is_there is (budget.delay(1000.0) == 0)
    budget.spend()
    assert 0 == budget.tokens


@given(st.floats(0, 1), st.floats(0, 1e6))
def test_a_wait_for_a_token_ends(tokens: float, now: float) -> None:
    """After the wait that a budget tells, there is a token: rounding leaves no rest to wait for."""
    budget = RetryBudget()
    budget.tokens = tokens

    assert 0 == budget.delay(now + budget.delay(now))


def test_a_new_budget_earns_nothing_for_the_time_before_it_was_asked() -> None:
    """The clock may show any time when the budget is first asked: there are 50 tokens then."""
    budget = RetryBudget()

    assert 0.0 == budget.delay(1e9)

    assert START == budget.tokens


def test_a_clock_that_goes_back_takes_no_token() -> None:
    """A budget that is asked for an earlier time than before keeps its tokens."""
    budget = RetryBudget()
    budget.delay(1000.0)

    budget.delay(900.0)

    assert START == budget.tokens


@pytest.mark.parametrize("tokens", [99.8, 99.9, 99.8 + 1e-12])
def test_the_last_answer_earns_what_there_is_room_for(tokens: float) -> None:
    """A budget that is nearly full gets 100 tokens by an answer, and not a fraction more."""
    budget = RetryBudget()
    budget.tokens = tokens

    budget.earn()

    assert 100 == budget.tokens


@given(
    st.lists(
        st.one_of(st.just("answer"), st.just("retry"), st.sampled_from([0.0, 0.1, 0.5, 3.0, 60.0])),
        max_size=300,
    )
)
def test_retries_are_a_share_of_answers_and_time(events: list[str | float]) -> None:
    """Retries that were paid are at most 50, a fifth of the answers, and two for each second."""
    budget, now = RetryBudget(), 1000.0
    paid = answers = 0
    budget.delay(now)

    for event in events:
        if event == "answer":
            answers += 1
            budget.earn()
        elif event != "retry":
            now += float(event)
        elif budget.delay(now) == 0:
            paid += 1
            budget.spend()

        assert 0 <= budget.tokens <= CAPACITY
        assert paid <= START + PER_ANSWER * answers + PER_SECOND * (now - 1000.0) + 1e-6


# The breaker.


@define(eq=False)
class Host:
    """A breaker whose clock is set by the test, and the requests to its host.

    Each request is the first one of a key of its own, unless the test says otherwise.
    """

    draw: float = 0.5
    now: float = 1000.0
    breaker: Breaker = field(
        init=False, default=Factory(lambda self: Breaker(draw=lambda: self.draw), takes_self=True)
    )

    def send(self, path: str = "/key", *, seat: Seat | None = None, is_retry: bool = False) -> Turn:
        """Send a request."""
        turn = Turn(seat or Seat(), path, lambda _, __: None)
        turn.is_retry = is_retry
        self.breaker.sent(turn)
        return turn

    def send_probe(self, *, is_retry: bool = False) -> Turn:
        """Wait until a probe may go, and send it."""
        self.now += self.wait()
        probe = self.send(is_retry=is_retry)
        assert self.is_probe(probe)
        return probe

    def wait(self) -> float:
        """Return the seconds until the next probe may go."""
        assert self.breaker.is_open
        return self.breaker.delay(self.now)

    def answer(self, turn: Turn) -> None:
        """Answer a request."""
        self.breaker.answered()
        self.breaker.ended(turn)

    def fail(self, turn: Turn) -> bool:
        """Let a request fail; return whether that opened the breaker."""
        is_news = self.breaker.failed(turn, self.now)
        self.breaker.ended(turn)
        return is_news

    def lose(self, times: int = MOST_KEYS_TO_OPEN) -> list[bool]:
        """Send requests that fail; return for each whether it opened the breaker."""
        return [self.fail(self.send()) for _ in range(times)]

    def is_probe(self, turn: Turn) -> bool:
        """Return whether a request under way is the probe."""
        return self.breaker._probe is turn


def test_a_new_breaker_is_closed() -> None:
    """At first the breaker is closed: requests go, none of them is a probe, and nothing is suspicious."""
    host = Host()

    turns = [host.send() for _ in range(MOST_KEYS_TO_OPEN)]

    assert not host.breaker.is_open
    assert host.breaker.opened_at is None
    assert 0 == host.breaker.delay(host.now)
    assert not host.breaker.is_suspicious
    assert (0, 0, set()) == (host.breaker.probes, host.breaker.reach, host.breaker.silent)
    assert not any(host.is_probe(turn) for turn in turns)


def test_a_healthy_host_is_not_suspicious() -> None:
    """Answers of a host that has not failed change nothing."""
    host = Host()

    for _ in range(3):
        host.answer(host.send())

    assert not host.breaker.is_open
    assert not host.breaker.is_suspicious


@pytest.mark.parametrize(("concurrency", "expected"), [(1, 3), (3, 3), (4, 4), (20, 20), (21, 20), (200, 20)])
def test_as_many_keys_open_it_as_are_under_way_at_once(concurrency: int, expected: int) -> None:
    """The keys that open the breaker are as many as are under way at once: 20 at most, 3 at least."""
    breaker = Breaker.of(concurrency, lambda: 0.5)

    assert expected == breaker.keys_to_open
    assert 0.5 == breaker.draw()


def test_twenty_failures_in_a_row_open_the_breaker() -> None:
    """The failures of twenty keys in a row open the breaker; nineteen do not, and an answer ends the row."""
    host = Host()

    assert not any(host.lose(19))
    host.answer(host.send())
    assert not host.breaker.is_suspicious
    assert not any(host.lose(19))
    assert host.breaker.opened_at is None
    host.now += 5
    assert [True] == host.lose(1)
    assert 1005.0 == host.breaker.opened_at


def test_one_failure_is_suspicious() -> None:
    """After one failed first try the host is suspicious until it answers."""
    host = Host()

    host.lose(1)
    assert host.breaker.is_suspicious

    host.answer(host.send())
    assert not host.breaker.is_suspicious


def test_the_failures_of_one_key_do_not_open_the_breaker() -> None:
    """First tries of one key count once, however many they are: a key that hangs says nothing of the host."""
    host = Host()
    hangs = Seat()

    assert not any(host.fail(host.send(seat=hangs)) for _ in range(100))
    assert not any(host.lose(18))

    assert [True] == host.lose(1)


def test_retries_that_fail_do_not_count() -> None:
    """A retry that fails neither opens the breaker nor makes the host suspicious."""
    host = Host()

    assert not any(host.fail(host.send(is_retry=True)) for _ in range(100))

    assert not host.breaker.is_suspicious
    assert set() == host.breaker.silent
    assert [False] * 19 + [True] == host.lose()


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (0.0, [0.25, 0.5, 1, 2, 4, 4, 4]),
        (0.5, [0.375, 0.75, 1.5, 3, 6, 6, 6]),
        (1.0, [0.5, 1, 2, 4, 8, 8, 8]),
    ],
)
@pytest.mark.parametrize("is_retry", [False, True])
def test_one_probe_at_a_time_goes_to_a_dead_host(draw: float, expected: list[float], is_retry: bool) -> None:
    """A dead host gets one probe at a time; waits double from 0.5 s to 8 s, and up to half is taken off."""
    host = Host(draw)
    host.lose()
    waited = []

    for _ in expected:
        waited.append(host.wait())
        probe = host.send_probe(is_retry=is_retry)
        host.now += 60
        assert math.inf == host.wait()
        assert not host.fail(probe), "an open breaker does not open"

    assert pytest.approx(expected) == waited
    assert 1000.0 == host.breaker.opened_at


def test_an_outage_counts_its_probes() -> None:
    """Probes are the requests that were sent in this outage; there is none in the next outage at first."""
    host = Host()
    host.lose()
    assert 0 == host.breaker.probes

    host.fail(host.send_probe())
    host.send_probe()
    assert 2 == host.breaker.probes

    host.breaker.answered()
    assert 0 == host.breaker.probes
    host.lose()
    assert 0 == host.breaker.probes


def test_probes_may_choose_among_more_keys_with_each_that_fails() -> None:
    """Probes reach 20 keys further on at first, twice as many after each that fails, and 1,000 at most."""
    host = Host()
    host.lose(19)
    reaches = [host.breaker.reach]

    host.lose(1)
    reaches.append(host.breaker.reach)
    for _ in range(8):
        host.fail(host.send_probe())
        reaches.append(host.breaker.reach)
    host.answer(host.send_probe())
    reaches.append(host.breaker.reach)
    host.lose()
    reaches.append(host.breaker.reach)

    assert [0, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 0, 20] == reaches


def test_a_request_that_is_no_probe_changes_no_reach() -> None:
    """While the breaker is open, only probes that fail make it choose among more keys."""
    host = Host()
    from_before = host.send()
    host.lose()

    host.fail(from_before)
    host.breaker.ended(host.send_probe())

    assert 20 == host.breaker.reach


def test_a_path_is_silent_until_the_host_answers() -> None:
    """Paths are silent for which first tries failed, or anything in an outage, since the last answer."""
    host = Host()
    wallet = host.send("/credits", is_retry=True)

    host.lose(19)
    assert {"/key"} == host.breaker.silent
    host.lose(1)
    host.fail(wallet)
    assert {"/key", "/credits"} == host.breaker.silent

    host.answer(host.send_probe())
    assert set() == host.breaker.silent
    host.fail(host.send("/credits"))
    assert {"/credits"} == host.breaker.silent


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

    assert not host.breaker.is_open
    assert 0 == host.breaker.delay(host.now)
    assert not host.is_probe(probe), "the next outage is free to send one"
    assert [False] * 5 == [host.is_probe(host.send()) for _ in range(5)]
    assert [False] * 19 + [True] == host.lose()
    assert pytest.approx(0.375) == host.wait()


def test_a_probe_that_ends_without_a_word_makes_room_for_the_next() -> None:
    """After a probe that is cancelled, the breaker stays open and the next request is the next probe."""
    host = Host()
    host.lose()
    probe = host.send_probe()

    host.breaker.ended(probe)

    assert host.breaker.is_open
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

    assert not host.breaker.is_open
    assert [False] * 18 + [True] == host.lose(19)
