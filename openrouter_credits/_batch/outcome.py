"""The meaning of one try's end for the other keys of a batch."""

from __future__ import annotations

from enum import Enum, auto

from openrouter_credits._errors import (
    APIConnectionError,
    APIStatusError,
    InvalidResponseError,
    OpenRouterError,
    RateLimitError,
    ServerError,
)

_LONGEST_SHARED_WAIT = 60.0
"""In seconds: a host that asks for more will not be there again while a batch runs."""


class Outcome(Enum):
    """What a try says of the host."""

    ANSWER = auto()
    """It answered, whatever the answer was."""
    REFUSAL = auto()
    """It asked to wait: 429, or 503 with a hint."""
    OWN_LIMIT = auto()
    """It answered that this key has met a limit of its own."""
    FAILURE = auto()
    """It gave no answer, or 408 or 5xx."""
    NOTHING = auto()
    """The fault is on this side."""


def outcome_of(error: OpenRouterError) -> Outcome:
    """Tell what a try that raised an error says of the host."""
    match error:
        case RateLimitError():
            return Outcome.OWN_LIMIT if error.is_key_limit else Outcome.REFUSAL
        case ServerError(retry_after=float(hint)) if hint <= _LONGEST_SHARED_WAIT:
            return Outcome.REFUSAL
        case APIConnectionError() | APIStatusError() if error.is_retryable:
            return Outcome.FAILURE
        case ServerError():
            return Outcome.FAILURE
        case APIStatusError() | InvalidResponseError():
            return Outcome.ANSWER
        case _:
            return Outcome.NOTHING
