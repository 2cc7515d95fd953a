"""A rate limit on the requests of all clients together."""

from __future__ import annotations

import time
from collections.abc import Callable

from openrouter_credits.testing._faults import Reply, error_body

_RETRY_AFTER = 1
"""Seconds after which a refused client should try again."""


class TokenBucket:
    """Accepts `rate` requests per second, in bursts of at most `rate / 2` requests (at least one)."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._capacity = max(1.0, rate / 2)
        self._clock = clock
        self._tokens = self._capacity
        self._filled_at = clock()

    def check(self) -> Reply | None:
        """Return `None` to accept a request, or OpenRouter's 429 reply to refuse it.

        The reply states the limit in its headers and again in its body.
        """
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        headers = {
            "X-RateLimit-Limit": f"{self._rate:g}",
            "X-RateLimit-Remaining": "0",
            # Unix time in milliseconds, by the same clock as the Date header
            "X-RateLimit-Reset": str(round((time.time() + _RETRY_AFTER) * 1000)),
        }
        body = error_body(429, metadata={"error_type": "rate_limit_exceeded", "headers": headers})
        return Reply(429, body, {**headers, "Retry-After": str(_RETRY_AFTER)})
