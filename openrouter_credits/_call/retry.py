"""When a failed call is tried again: the policy decides, and one loop obeys."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from attrs import frozen

from openrouter_credits._arguments import require_count, require_seconds
from openrouter_credits._call.deadlines import MIN_ATTEMPT_TIME
from openrouter_credits._call.gate import FREE_TURN, Gate, Turn
from openrouter_credits._errors import (
    AmbiguousWriteError,
    APIConnectionError,
    APIStatusError,
    Attempt,
    InvalidResponseError,
    NotFoundError,
    OpenRouterError,
    RateLimitError,
    ServerError,
    detached,
)
from openrouter_credits._public import public

logger = logging.getLogger("openrouter_credits")

_T = TypeVar("_T")
_SHORTEST_WAIT = 0.1
"""In seconds, between requests for what is not there yet, even if the policy waits less."""


@frozen
class RetryPolicy:
    """How often, and how long, a call is tried. All times are in seconds.

    The wait before try n + 1 is drawn from 0 to `min(wait_max, wait_initial * 2**(n - 1))` (full jitter;
    twice that after a 429), and is never below what the server asked for. A wait that would leave less than
    10 ms before the deadline is not begun.
    """

    attempts: int = 3
    """Tries in all, the first one included; 1 turns retries off."""
    wait_initial: float = 0.5
    """The longest first wait, without a hint of the server's."""
    wait_max: float = 8.0
    """The longest of all waits, without a hint of the server's."""
    deadline: float = 30.0
    """Bounds the whole call from its first line: queueing, tries and waits. Its last 10 ms send nothing."""

    def __attrs_post_init__(self) -> None:
        require_count("attempts", self.attempts)
        require_seconds("wait_initial", self.wait_initial, zero=True)
        require_seconds("wait_max", self.wait_max, zero=True)
        require_seconds("deadline", self.deadline)

    def wait(self, error: OpenRouterError, attempt: int, draw: Callable[[], float]) -> float:
        """Return how long to wait after try number `attempt` (from 1); `draw` gives a number from 0 to 1."""
        most = min(self.wait_max, self.wait_initial * 2.0 ** min(attempt - 1, 1000))
        hint = error.retry_after
        if hint is not None:
            return max(draw() * most, hint + draw() * min(1.0, hint / 4))
        return draw() * most * (2 if isinstance(error, RateLimitError) else 1)


async def retry(
    attempt: Callable[[float], Awaitable[_T]],
    policy: RetryPolicy,
    *,
    is_write: bool = False,
    deadline_at: float | None = None,
    gate: Gate | None = None,
    clock: Callable[[], float] | None = None,
    absent_until: float | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    draw: Callable[[], float] = random.random,
) -> _T:
    """Call `attempt` with the seconds that are left until it answers, or until the policy gives up.

    Then raise its last error.

    Args:
        attempt: one try; every fault it may be tried again for is an `OpenRouterError`.
        policy: decides.
        is_write: whether an attempt changes something, and must not be sent twice.
        deadline_at: the deadline by `clock`; by default the policy's deadline, from now.
        gate: asked before each try. Waiting there is not charged to the deadline. If the turn is shared after
            the try, the gate is asked again at once: it knows how long to wait, and neither the try nor its
            time counts.
        clock: a monotonic clock, in seconds; by default the running event loop's.
        absent_until: until then, by `clock`, a 404 is tried again, and does not count as one of the policy's
            attempts: what is asked for may not be there yet.
        sleep: the one place that waits between tries.
        draw: numbers from 0 to 1 for the jitter.
    """
    clock = clock or asyncio.get_running_loop().time
    now = clock()
    deadline_at = now + policy.deadline if deadline_at is None else deadline_at
    failed: list[Attempt] = []
    absences = 0
    waited = 0.0
    is_retry = False
    while True:
        turn: Turn = FREE_TURN
        asked_at = began_at = now
        if gate is not None:
            turn = await gate(is_retry)
            began_at = clock()
            deadline_at += began_at - asked_at
        is_retry = True
        try:
            with turn:
                return await attempt(deadline_at - began_at)
        except OpenRouterError as caught:
            error = caught
        if turn.is_shared and not is_write:
            now = clock()
            deadline_at += now - began_at
            del error  # its traceback holds this frame
            continue
        failed.append(Attempt(detached(error), getattr(error, "status", None), clock() - began_at, waited))
        if is_write:
            error = after_write(error)
        error.attempts = tuple(failed)
        waited = policy.wait(error, len(failed), draw)
        if absent_until is not None and isinstance(error, NotFoundError):
            absences += 1
            rest = absent_until - clock()
            goes_on = rest >= max(MIN_ATTEMPT_TIME, error.retry_after or 0)
            waited = min(rest, max(waited, _SHORTEST_WAIT))
        else:
            goes_on = (
                _may_succeed(error, is_gated=gate is not None) and len(failed) - absences < policy.attempts
            )
        goes_on = goes_on and deadline_at - clock() - waited >= MIN_ATTEMPT_TIME
        if goes_on:
            log_retry(len(failed), waited, error, most=None if absences else policy.attempts)
            await sleep(waited)
            now = clock()
            goes_on = deadline_at - now >= MIN_ATTEMPT_TIME  # a busy event loop wakes late
        if not goes_on:
            try:
                raise error
            finally:
                del error
        del error


def log_retry(number: int, wait: float, error: OpenRouterError, *, most: int | None = None) -> None:
    """Log that try `number` failed, of `most` if that is known; the next one follows in `wait` seconds."""
    which = f"{number}" if most is None else f"{number} of {most}"
    line = "try %s failed, the next one is in %.3g s: %s: %s"
    logger.info(line, which, wait, type(error).__name__, error.summary)


def _may_succeed(error: OpenRouterError, *, is_gated: bool) -> bool:
    """Tell whether one more try may succeed; a call of a batch does not wait for its key's own limit."""
    if is_gated and isinstance(error, RateLimitError) and error.is_key_limit:
        return False
    return error.is_retryable


def after_write(error: OpenRouterError) -> OpenRouterError:
    """Return an `AmbiguousWriteError` if a write may have happened, else the error itself.

    There is no doubt after a refusal of the server (3xx, 4xx), nor if nothing of the request was sent.
    """
    match error:
        case APIConnectionError(sent=True) | InvalidResponseError() | ServerError():
            is_doubtful = True
        case RateLimitError():
            is_doubtful = False
        case APIStatusError(is_retryable=True):  # 408: perhaps it was read, perhaps not
            is_doubtful = True
        case _:
            is_doubtful = False
    if not is_doubtful:
        return error
    summary = f"It is unknown whether the change took place: {error.summary}"
    return AmbiguousWriteError(summary, problems=[detached(error)])


public(RetryPolicy)
