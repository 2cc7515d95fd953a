"""When a failed call is tried again: the policy decides, and one loop obeys."""

from __future__ import annotations

import asyncio
import math
import random
from typing import TYPE_CHECKING, TypeVar

from attrs import frozen

from openrouter_credits._errors import (
    AmbiguousWriteError,
    APIConnectionError,
    APIStatusError,
    Attempt,
    InvalidResponseError,
    OpenRouterError,
    RateLimitError,
    ServerError,
    detached,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

MIN_ATTEMPT_TIME = 0.01
"""An attempt needs at least this many seconds. With less left before the deadline nothing is sent: no answer could arrive in time."""


def check_seconds(name: str, value: object, *, zero: bool = False, unit: str = "seconds") -> None:
    """Accept a finite number above zero, or zero too.

    Raises:
        TypeError: not a number.
        ValueError: negative, infinite, NaN or a zero that makes no sense.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a number of {unit}, not {type(value).__name__}")
    if not (0 <= value < math.inf and (value or zero)):
        raise ValueError(f"{name} is a finite number of {unit} {'from' if zero else 'above'} 0, not {value}")


def check_count(name: str, value: object) -> None:
    """Accept a whole number from 1.

    Raises:
        TypeError: not a whole number.
        ValueError: below 1.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number, not {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} is at least 1, not {value}")


@frozen
class RetryPolicy:
    """How often, and how long, a call is tried. All times are in seconds.

    The wait before try n + 1 is drawn from 0 to `min(wait_max, wait_initial * 2**(n - 1))` (full jitter; twice that after a 429), and is
    never below what the server asked for. A wait that would leave less than 10 ms before the deadline is not begun.
    """

    attempts: int = 3
    """Tries in all, the first one included; 1 turns retries off."""
    wait_initial: float = 0.5
    """The longest that the first wait can be, without a hint of the server's."""
    wait_max: float = 8.0
    """The longest that any wait can be, without a hint of the server's."""
    deadline: float = 30.0
    """Bounds the whole call from its first line: queueing, tries and waits. In its last 10 ms nothing is sent any more."""

    def __attrs_post_init__(self) -> None:
        check_count("attempts", self.attempts)
        check_seconds("wait_initial", self.wait_initial, zero=True)
        check_seconds("wait_max", self.wait_max, zero=True)
        check_seconds("deadline", self.deadline)

    def wait(self, error: OpenRouterError, attempt: int, draw: Callable[[], float]) -> float:
        """Tell how long to wait after try number `attempt` (from 1) failed; `draw` gives a number from 0 to 1."""
        most = min(self.wait_max, self.wait_initial * 2.0 ** min(attempt - 1, 1000))
        hint = error.retry_after
        if hint is not None:
            return max(draw() * most, hint + draw() * min(1.0, hint / 4))
        return draw() * most * (2 if isinstance(error, RateLimitError) else 1)


def after_write(error: OpenRouterError) -> OpenRouterError:
    """Tell what the failure of a write means: what is certain stays as it is, anything else may have happened.

    Certain are a server's refusal (3xx, 4xx), and a request of which nothing was sent.
    """
    match error:
        case APIConnectionError(sent=True) | InvalidResponseError() | ServerError():
            doubtful = True
        case RateLimitError():
            doubtful = False
        case APIStatusError(is_retryable=True):  # 408: perhaps it was read, perhaps not
            doubtful = True
        case _:
            doubtful = False
    if not doubtful:
        return error
    return AmbiguousWriteError(
        f"It is unknown whether the change took place: {error.summary}", problems=[detached(error)]
    )


async def retry(
    attempt: Callable[[float], Awaitable[T]],
    policy: RetryPolicy,
    *,
    is_write: bool = False,
    ends: float | None = None,
    clock: Callable[[], float] | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    draw: Callable[[], float] = random.random,
) -> T:
    """Call `attempt` with the seconds that are left until it answers, or until the policy gives up; then raise its last error.

    Args:
        attempt: one try; every fault it may be tried again for is an `OpenRouterError`.
        policy: decides.
        is_write: whether an attempt changes something, and must not be sent twice.
        ends: the deadline by `clock`; by default the policy's deadline, from now.
        clock: a monotonic clock, in seconds; by default the running event loop's.
        sleep: the one place that waits between tries.
        draw: numbers from 0 to 1 for the jitter.
    """
    clock = asyncio.get_running_loop().time if clock is None else clock
    ends = clock() + policy.deadline if ends is None else ends
    failed: list[Attempt] = []
    waited = 0.0
    while True:
        began = clock()
        try:
            return await attempt(ends - began)
        except OpenRouterError as caught:
            error = caught
        failed.append(Attempt(detached(error), getattr(error, "status", None), clock() - began, waited))
        if is_write:
            error = after_write(error)
        error.attempts = tuple(failed)
        waited = policy.wait(error, len(failed), draw)
        goes_on = (
            error.is_retryable
            and len(failed) < policy.attempts
            and ends - clock() - waited >= MIN_ATTEMPT_TIME
        )
        if goes_on:
            await sleep(waited)
            goes_on = ends - clock() >= MIN_ATTEMPT_TIME  # a busy event loop wakes late
        if not goes_on:
            try:
                raise error
            finally:
                del (
                    error
                )  # the error's traceback holds this frame: without this they would keep each other alive
