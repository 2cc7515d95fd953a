"""Tries that follow a script, for `retry()`, and the errors they end with."""

from __future__ import annotations

from typing import Any

import pytest

from openrouter_credits import OpenRouterError, RateLimitError, RetryPolicy, ServerError
from openrouter_credits._call.retry import retry
from tests.kit.clock import FakeTime


def busy(hint: float | None = None, status: int = 503) -> ServerError:
    """Make a refusal that is worth another try."""
    return ServerError("Busy", status=status, retry_after=hint)


def limited(hint: float | None = None) -> RateLimitError:
    """Make a 429."""
    return RateLimitError("Slow down", status=429, retry_after=hint)


class Script:
    """An attempt that returns or raises the next of its outcomes, and takes `takes` seconds each time."""

    def __init__(self, time: FakeTime, *outcomes: object, takes: float = 0.0) -> None:
        self._time = time
        self._outcomes = list(outcomes)
        self._takes = takes
        self.left: list[float] = []
        """The seconds that each attempt was given."""

    async def __call__(self, left: float) -> object:
        """Return or raise the next outcome."""
        self.left.append(left)
        self._time.now += self._takes
        if isinstance(self._outcomes[0], BaseException):
            raise self._outcomes.pop(0)  # type: ignore[misc]  # from no local: a traceback would keep it
        return self._outcomes.pop(0)


async def failure(script: Script, time: FakeTime, policy: RetryPolicy, **options: Any) -> OpenRouterError:
    """Return the error that `retry()` raises in the end."""
    with pytest.raises(OpenRouterError) as caught:
        await retry(script, policy, **time.injected(), **options)
    return caught.value
