"""Why a batch ended early, as the error of each key that was not checked."""

from __future__ import annotations

import math
import pickle

import pytest

from openrouter_credits import APIConnectionError, APITimeoutError, OpenRouterError, RateLimitError
from openrouter_credits._batch.breaker import Breaker
from openrouter_credits._batch.ending import Ending, verdict
from openrouter_credits._batch.throttle import Throttle
from tests.kit.values import busy, down, limited

WHY = "the host gave no answer for 30 s"
SUMMARY = "The batch ended before this key was checked: the host gave no answer for 30 s"


@pytest.mark.parametrize("sent", [False, True])
def test_without_a_fault_of_the_host_the_reason_is_all(sent: bool) -> None:
    """The error of a batch that ended without a fault is a time-out with the reason, and has no problems."""
    error = Ending(WHY).error(sent=sent)

    assert type(error) is APITimeoutError
    assert SUMMARY == error.summary
    assert APITimeoutError.remedy == error.remedy
    assert sent is error.sent
    assert () == error.problems


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize(
    ("summary", "quoted"), [("Connection refused", "Connection refused"), ("It is gone.", "It is gone")]
)
def test_the_last_fault_is_told(summary: str, quoted: str, sent: bool) -> None:
    """The error quotes the host's last fault, has its remedy, and holds it in `problems`."""
    last = APIConnectionError(summary, sent=False)

    error = Ending(WHY, last).error(sent=sent)

    assert type(error) is APITimeoutError
    assert f"{SUMMARY} (the last try: {quoted})" == error.summary
    assert f"{SUMMARY} (the last try: {quoted}). {last.remedy}" == str(error)
    assert last.remedy == error.remedy
    assert error.problems == (last,)
    assert sent is error.sent


@pytest.mark.parametrize("last", [limited(7.0), busy(7.0)], ids=lambda last: type(last).__name__)
def test_a_host_that_refuses_gives_each_key_its_refusal(last: OpenRouterError) -> None:
    """The error of a batch whose host refused everything is of the refusal's class, with its facts."""
    error = Ending(WHY, last, is_refusing=True).error(sent=True)

    assert type(error) is type(last)
    assert error is not last
    assert f"{SUMMARY} (the last try: {last.summary})" == error.summary
    assert (7.0, last.remedy) == (error.retry_after, error.remedy)
    assert error.problems == (last,)
    assert vars(last)["status"] == vars(error)["status"]


def test_the_last_fault_stays_as_it_was() -> None:
    """Making errors of an ending changes nothing in the host's last fault, whose copy each key has."""
    last = limited(7.0)
    summary, remedy = last.summary, last.remedy

    errors = [Ending(WHY, last, is_refusing=True).error(sent=False) for _ in range(2)]

    assert (summary, remedy, ()) == (last.summary, last.remedy, last.problems)
    assert errors[0] is not errors[1]


def test_a_host_that_refused_without_a_word_is_a_time_out() -> None:
    """Without a last fault, even a refusing host leaves a plain time-out."""
    assert type(Ending(WHY, None, is_refusing=True).error(sent=True)) is APITimeoutError


@pytest.mark.parametrize("is_refusing", [False, True])
def test_the_error_can_be_pickled(is_refusing: bool) -> None:
    """The error of an ended batch keeps class, text, remedy and problems when it is pickled."""
    error = Ending(WHY, limited(7.0), is_refusing=is_refusing).error(sent=True)

    copy = pickle.loads(pickle.dumps(error))

    assert (type(error), str(error)) == (type(copy), str(copy))
    assert [str(problem) for problem in error.problems] == [str(problem) for problem in copy.problems]
    assert isinstance(copy.problems[0], RateLimitError)


def test_the_error_may_be_tried_again() -> None:
    """The error of a key that was not checked is retryable, whatever the last fault was."""
    assert Ending(WHY, down()).error(sent=False).is_retryable
    assert Ending(WHY, limited(), is_refusing=True).error(sent=False).is_retryable


# When a batch has no use in going on.

PATIENCE = 30.0
BEGAN_AT = 1000.0


def silent_host(probes: int) -> Breaker:
    """Make the breaker of a host that is silent from the beginning on."""
    breaker = Breaker()
    breaker.opened_at, breaker.probes = BEGAN_AT, probes
    return breaker


def refusing_host(longest: float) -> Throttle:
    """Make the throttle of a host that has refused everything from the beginning on."""
    throttle = Throttle()
    throttle.refusing_since, throttle.longest = BEGAN_AT, longest
    return throttle


def test_a_host_that_answers_is_worth_going_on() -> None:
    """While there is neither an outage nor a stretch of refusals, no time ends a batch."""
    assert verdict(Breaker(), Throttle(), PATIENCE, math.inf) is None


@pytest.mark.parametrize(
    ("probes", "seconds", "expected"),
    [
        (1, 29.9, None),
        (1, 30.0, WHY),
        (7, 500.0, WHY),
        (0, 30.0, None),  # nobody has asked whether it is there again
        (0, 500.0, None),
    ],
)
def test_a_silent_host_ends_a_batch(probes: int, seconds: float, expected: str | None) -> None:
    """A batch ends if its host was silent for the deadline of a call, and was probed meanwhile."""
    assert expected == verdict(silent_host(probes), Throttle(), PATIENCE, BEGAN_AT + seconds)


@pytest.mark.parametrize(
    ("longest", "seconds", "expected"),
    [
        (0.0, 59.9, None),
        (0.0, 60.0, "the host refused all requests for 60 s"),
        (0.0, 500.0, "the host refused all requests for 60 s"),
        (45.5, 105.4, None),
        (45.5, 105.5, "the host refused all requests for 105.5 s"),
    ],
)
def test_a_host_that_refuses_everything_ends_a_batch(
    longest: float, seconds: float, expected: str | None
) -> None:
    """A batch ends if its host refused all for twice the deadline, and for the longest wait it asked for."""
    assert expected == verdict(Breaker(), refusing_host(longest), PATIENCE, BEGAN_AT + seconds)


@pytest.mark.parametrize(
    ("probes", "seconds", "expected"),
    [(1, 30.0, WHY), (0, 59.0, None), (0, 60.0, "the host refused all requests for 60 s"), (1, 60.0, WHY)],
)
def test_a_host_that_is_silent_after_refusals_ends_a_batch_for_one_reason(
    probes: int, seconds: float, expected: str | None
) -> None:
    """If the host is both silent and refusing, its silence is the reason once it has lasted long enough."""
    assert expected == verdict(silent_host(probes), refusing_host(0.0), PATIENCE, BEGAN_AT + seconds)
