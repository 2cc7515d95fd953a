"""Refusals of single calls: which are charged to their call, how long it waits, and when it is given up."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import OpenRouterError, RetryPolicy
from openrouter_credits._batch.strikes import Strikes
from openrouter_credits._batch.turn import Seat, Turn
from tests.kit.values import busy, limited

NOW = 1000.0
NEVER = -math.inf


class Docket:
    """One call that is refused again and again, while the test tells what the host says to others."""

    def __init__(self, policy: RetryPolicy | None = None, *, has_limit: bool = False) -> None:
        self.has_limit = has_limit
        self.strikes = Strikes(policy or RetryPolicy(), lambda: 0.5)
        self.turn = Turn(Seat(), "/key", lambda _, __: None)

    def note(self, answers: int = 0, refusals: int = 0) -> None:
        """Let requests of others be answered and refused."""
        for _ in range(answers):
            self.strikes.answered()
        for _ in range(refusals):
            self.strikes.refused()

    def refuse(
        self, answers: int = 0, refusals: int = 0, error: OpenRouterError | None = None, now: float = NOW
    ) -> OpenRouterError:
        """Refuse the call, after answers to others and refusals of others; return its error."""
        error = error or limited()
        self.note(answers, refusals + 1)
        self.strikes.judge(self.turn, error, now, has_limit=self.has_limit)
        return error

    def facts(self) -> tuple[int, bool]:
        """Return how many strikes the call has, and whether it is given up."""
        return len(self.turn.strikes), self.turn.fault is not None


@pytest.mark.parametrize(
    ("answers", "refusals", "strikes"),
    [
        (0, 0, 1),  # the call is alone: nothing says that others would be refused
        (0, 9, 1),  # nothing but refusals
        (1, 0, 0),
        (1, 9, 0),
        (2, 0, 1),
        (9, 0, 1),
        (10, 9, 0),
        (11, 9, 1),
    ],
)
def test_a_refusal_is_a_strike_unless_all_compete_for_a_scarce_limit(
    answers: int, refusals: int, strikes: int
) -> None:
    """A refusal is a strike if more requests were answered than refused since the last one, or none was."""
    docket = Docket()

    docket.refuse(answers, refusals)

    assert (strikes, False) == docket.facts()


def test_only_what_the_host_said_since_the_last_refusal_of_a_call_counts() -> None:
    """Each refusal of a call is judged by what was answered and refused since the one before it."""
    docket = Docket(RetryPolicy(attempts=10))
    strikes = []

    for answers, refusals in [(100, 0), (5, 5), (6, 5), (1, 3), (0, 0)]:
        docket.refuse(answers, refusals)
        strikes.append(len(docket.turn.strikes))

    assert [1, 1, 1, 1, 2] == strikes


def test_each_call_is_judged_for_itself() -> None:
    """What the host said is counted from a call's own last refusal, not from another's."""
    docket, others = Docket(), [Turn(Seat(), "/key", lambda _, __: None) for _ in range(2)]
    docket.note(answers=10, refusals=1)

    for turn in others:
        docket.strikes.judge(turn, limited(), NOW, has_limit=False)
    docket.note(answers=1, refusals=1)
    docket.strikes.judge(others[0], limited(), NOW, has_limit=False)
    docket.strikes.judge(docket.turn, limited(), NOW, has_limit=False)

    assert [1, 1, 1] == [len(turn.strikes) for turn in (*others, docket.turn)]


@pytest.mark.parametrize(
    ("attempts", "has_limit", "most"),
    [
        (1, False, 1),
        (3, False, 3),
        (5, False, 5),
        (9, False, 9),
        (1, True, 5),
        (3, True, 5),
        (5, True, 5),
        (9, True, 9),
    ],
)
def test_a_call_is_given_up_after_so_many_strikes(attempts: int, *, has_limit: bool, most: int) -> None:
    """A call is given up after as many strikes as the policy has attempts; five if all share a limit."""
    docket = Docket(RetryPolicy(attempts=attempts), has_limit=has_limit)

    for strikes in range(1, most):
        docket.refuse(answers=2)
        assert (strikes, False) == docket.facts()
    error = docket.refuse(answers=2)

    assert (most, True) == docket.facts()
    assert docket.turn.fault is error


def test_a_call_that_is_charged_with_nothing_is_given_up_after_forty_refusals() -> None:
    """While all compete for a scarce limit a call may be refused often, but not for ever."""
    docket = Docket(RetryPolicy(attempts=1))

    for number in range(1, 41):
        docket.turn.refusals = number
        assert not docket.turn.fault
        error = docket.refuse(answers=1)

    assert (0, True) == docket.facts()
    assert error.attempts == ()


def test_the_error_of_a_call_that_is_given_up_lists_its_strikes() -> None:
    """The last refusal has the strikes as its attempts: what each was, how long it took, the wait before."""
    docket = Docket()
    errors = []
    for number in range(3):
        now = NOW + 100 * number
        docket.turn.sent_at = now - (number + 1)
        errors.append(docket.refuse(2, error=busy(4.0) if number else limited(8.0), now=now))

    *earlier, last = errors
    assert docket.turn.fault is last
    assert last.attempts == docket.turn.strikes
    assert [(429, 1.0, 0.0), (503, 2.0, 8.5), (503, 3.0, 4.5)] == [
        (attempt.status, attempt.elapsed, attempt.waited) for attempt in last.attempts
    ]
    assert [str(error) for error in errors] == [str(attempt.error) for attempt in last.attempts]
    assert all(attempt.error.attempts == () for attempt in last.attempts), "an error must not hold itself"
    assert all(error.attempts == () for error in earlier)


def test_an_error_without_a_status_may_be_a_strike() -> None:
    """A strike whose error has no HTTP status has `None` in its place."""
    docket = Docket()

    docket.refuse(error=OpenRouterError("Refused"))

    assert [None] == [attempt.status for attempt in docket.turn.strikes]


@pytest.mark.parametrize(
    ("make", "waits"),
    [
        (lambda: limited(None), [0.5, 1.0, 2.0, 4.0]),
        (lambda: limited(0.0), [0.25, 0.5, 1.0, 2.0]),
        (lambda: limited(1.0), [1.125, 1.125, 1.125, 2.0]),
        (lambda: limited(20.0), [20.5, 20.5, 20.5, 20.5]),
    ],
    ids=["no hint", "0 s", "1 s", "20 s"],
)
def test_a_call_waits_its_own_hint_or_its_own_back_off(
    make: Callable[[], OpenRouterError], waits: list[float]
) -> None:
    """A call waits at least as long as the host asked, and the longer the more strikes it has."""
    docket = Docket(RetryPolicy(attempts=9))
    told = []

    for number in range(4):
        now = NOW + 10 * number
        docket.refuse(answers=2, error=make(), now=now)
        told.append(docket.turn.waited)
        assert pytest.approx(now + docket.turn.waited) == docket.turn.not_before

    assert pytest.approx(waits) == told


def test_the_back_off_stops_growing_with_the_attempts_of_the_policy() -> None:
    """Where a call may have more strikes than attempts, its waits do not grow beyond the policy's last."""
    docket = Docket(RetryPolicy(attempts=2), has_limit=True)
    told = []

    for _ in range(4):
        docket.refuse(answers=2, error=limited(None))
        told.append(docket.turn.waited)

    assert [0.5, 1.0, 1.0, 1.0] == told


def test_a_refusal_that_is_no_strike_is_waited_for_too() -> None:
    """A call waits as long as it was told although its refusal is not charged to it."""
    docket = Docket()

    docket.refuse(answers=1, error=limited(20.0))
    assert (0, False, NOW + 20.5) == (*docket.facts(), docket.turn.not_before)

    docket.refuse(answers=1, error=limited(None))
    assert (0, False, NOW + 0.5) == (*docket.facts(), docket.turn.not_before)


def test_a_call_that_is_given_up_has_no_other_wait() -> None:
    """The last strike changes neither when a call may go nor what its last wait was."""
    docket = Docket(RetryPolicy(attempts=1))

    docket.refuse()

    assert (1, True) == docket.facts()
    assert (NEVER, 0.0) == (docket.turn.not_before, docket.turn.waited)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=60),
    st.integers(1, 8),
    st.booleans(),
)
def test_a_call_is_given_up_exactly_when_its_strikes_are_used_up(
    said: list[tuple[int, int]], attempts: int, has_limit: bool
) -> None:
    """For any answers and refusals of others: strikes never shrink, and the last one gives the call up."""
    docket = Docket(RetryPolicy(attempts=attempts), has_limit=has_limit)
    most = max(attempts, 5) if has_limit else attempts

    for answers, refusals in said:
        before = len(docket.turn.strikes)
        docket.refuse(answers, refusals)
        strikes, is_over = docket.facts()
        assert strikes - before in {0, 1}
        assert (strikes == most) is is_over
        if is_over:
            break
        assert docket.turn.not_before >= NOW + 1.0


@pytest.mark.parametrize(
    ("policy", "has_limit", "told"),
    [
        (
            RetryPolicy(),
            False,
            ["try 1 failed, the next one is in 1.12 s: RateLimitError: 429 Rate limit exceeded"],
        ),
        (RetryPolicy(attempts=1), True, []),  # there is no next try, whatever the host's limit is
        (RetryPolicy(attempts=1), False, []),
    ],
)
def test_a_retry_after_a_refusal_is_logged(
    policy: RetryPolicy, has_limit: bool, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A call that waits alone after a refusal is one INFO line, if it is tried again."""
    with caplog.at_level(logging.INFO):
        docket = Docket(policy, has_limit=has_limit)
        docket.turn.refusals = 1
        docket.refuse()

    assert told == caplog.messages
    assert {logging.INFO} >= {record.levelno for record in caplog.records}
