"""A limit on the requests of all clients together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from openrouter_credits.testing._faults import Reply, error_body

if TYPE_CHECKING:
    from collections.abc import Callable

_RETRY_AFTER = 1


class TokenBucket:
    """Lets `rate` requests per second pass, half a second's worth of them (but at least one) at once."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._capacity = max(1.0, rate / 2)
        self._clock = clock
        self._tokens = self._capacity
        self._filled_at = clock()

    def check(self) -> Reply | None:
        """Let a request pass, or refuse it as OpenRouter does: the limit is in the headers, and in the body once more."""
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        headers = {
            "X-RateLimit-Limit": f"{self._rate:g}",
            "X-RateLimit-Remaining": "0",
            # measured by the clock of the Date header
            "X-RateLimit-Reset": str(round((time.time() + _RETRY_AFTER) * 1000)),
        }
        body = error_body(429, metadata={"error_type": "rate_limit_exceeded", "headers": headers})
        return Reply(429, body, {**headers, "Retry-After": str(_RETRY_AFTER)})
