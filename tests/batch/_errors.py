"""The errors that the tests of the gates, the breaker and the pace make."""

from __future__ import annotations

from typing import Any

from openrouter_credits import APIConnectionError, RateLimitError


def down() -> APIConnectionError:
    """Make the error of a host that is down."""
    return APIConnectionError("Could not connect", sent=False)


def limited(
    retry_after: float | None = 1.0,
    message: str = "Rate limit exceeded",
    code: int | None = 429,
    **metadata: Any,
) -> RateLimitError:
    """Make the error of a 429; one whose code is None was not made by OpenRouter itself."""
    return RateLimitError(message, status=429, code=code, retry_after=retry_after, metadata=metadata)
