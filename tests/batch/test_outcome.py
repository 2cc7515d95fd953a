"""The meaning of one try's error for the other keys: a table."""

from __future__ import annotations

import pytest

from openrouter_credits import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    EdgeRefusedError,
    InvalidResponseError,
    LocalResourceError,
    OpenRouterError,
    PaymentRequiredError,
    ProxyError,
    RateLimitError,
    RedirectError,
    ResponseTooLargeError,
    ServerError,
    TLSError,
)
from openrouter_credits._batch.outcome import Outcome, outcome_of
from tests.kit.values import busy, down, limited

OUTCOMES: list[tuple[OpenRouterError, Outcome]] = [
    # answers, whatever they say
    (AuthenticationError("No", status=401), Outcome.ANSWER),
    (PaymentRequiredError("No", status=402), Outcome.ANSWER),
    (EdgeRefusedError("No", status=403), Outcome.ANSWER),
    (APIStatusError("No", status=418), Outcome.ANSWER),
    (RedirectError("No", status=302), Outcome.ANSWER),
    (InvalidResponseError("Odd"), Outcome.ANSWER),
    (InvalidResponseError("Cut", is_retryable=True), Outcome.ANSWER),
    (ResponseTooLargeError("Long"), Outcome.ANSWER),
    # refusals, of OpenRouter and of what stands before it
    (limited(), Outcome.REFUSAL),
    (limited(None), Outcome.REFUSAL),
    (limited(0.0), Outcome.REFUSAL),
    (limited(60.0), Outcome.REFUSAL),
    (limited(code=None), Outcome.REFUSAL),
    (limited(None, "", code=None), Outcome.REFUSAL),
    (busy(0.0), Outcome.REFUSAL),
    (busy(1.0), Outcome.REFUSAL),
    (busy(60.0), Outcome.REFUSAL),
    (busy(1.0, status=529), Outcome.REFUSAL),
    # limits of a key
    (limited(message="free-models-per-day"), Outcome.OWN_LIMIT),
    (limited(None, limit_source="openrouter_key_limit"), Outcome.OWN_LIMIT),
    (limited(60.5), Outcome.OWN_LIMIT),
    (limited(90.0, code=None), Outcome.OWN_LIMIT),
    # failures
    (down(), Outcome.FAILURE),
    (APIConnectionError("Lost"), Outcome.FAILURE),
    (APITimeoutError("Late"), Outcome.FAILURE),
    (ProxyError("502 Bad Gateway", is_retryable=True), Outcome.FAILURE),
    (APIStatusError("Late", status=408), Outcome.FAILURE),
    (busy(), Outcome.FAILURE),
    (busy(60.5), Outcome.FAILURE),
    (ServerError("Unknown", status=501), Outcome.FAILURE),
    (ServerError("Oh", status=200, code=500), Outcome.FAILURE),
    # faults on this side
    (TLSError("Expired", sent=False), Outcome.NOTHING),
    (ProxyError("407 Proxy Authentication Required"), Outcome.NOTHING),
    (LocalResourceError("Too many open files", sent=False), Outcome.NOTHING),
    (ClientClosedError("Closed"), Outcome.NOTHING),
    (ConfigurationError("No"), Outcome.NOTHING),
    (OpenRouterError("Other"), Outcome.NOTHING),
]


def name_of(value: object) -> str:
    """Name an error by what decides its outcome."""
    if not isinstance(value, OpenRouterError):
        return ""
    return f"{type(value).__name__} {getattr(value, 'status', '')} {value.retry_after} {value.summary}"


@pytest.mark.parametrize(("error", "expected"), OUTCOMES, ids=name_of)
def test_an_error_says_this_of_the_host(error: OpenRouterError, expected: Outcome) -> None:
    """Each error says one thing of the host: it answered, refused, failed, or nothing at all."""
    assert expected is outcome_of(error)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 524, 529])
def test_any_5xx_with_a_hint_is_a_refusal(status: int) -> None:
    """A 5xx that asks for a wait of up to a minute is a refusal like a 429; without a hint, a failure."""
    assert Outcome.REFUSAL is outcome_of(busy(5.0, status))
    assert Outcome.FAILURE is outcome_of(busy(None, status))


def test_a_429_is_never_a_failure_of_the_host() -> None:
    """A host that answers 429 is there: it refuses, or the key has met a limit of its own."""
    outcomes = {
        outcome_of(RateLimitError(message, status=429, code=code, retry_after=hint))
        for message in ("", "Rate limit exceeded", "Key limit exceeded")
        for code in (None, 429)
        for hint in (None, 0.0, 59.0, 61.0, 1e9)
    }

    assert {Outcome.REFUSAL, Outcome.OWN_LIMIT} == outcomes
