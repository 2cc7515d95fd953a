"""Refusals of single calls: each waits alone, and one that is refused again and again is given up."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from openrouter_credits._batch.turn import Turn
from openrouter_credits._call.retry import RetryPolicy, log_retry
from openrouter_credits._errors import Attempt, OpenRouterError, detached

_MOST_AT_A_LIMIT = 5
"""Strikes that a call may have, if the host is known to have a limit that all keys share."""

_MOST_REFUSALS = 40
"""Refusals of a call in all, charged or not, so that each key has an outcome however long a batch goes on."""


@define(eq=False)
class Strikes:
    """Counts refusals that are charged to their call. All times are in seconds."""

    policy: RetryPolicy
    draw: Callable[[], float]
    _answers: int = field(init=False, default=0)
    _refusals: int = field(init=False, default=0)

    def answered(self) -> None:
        """Note that a request was answered."""
        self._answers += 1

    def refused(self) -> None:
        """Note that a request was refused."""
        self._refusals += 1

    def judge(self, turn: Turn, error: OpenRouterError, now: float, *, has_limit: bool) -> None:
        """Let a call that was refused wait as long as it was told, or give it up.

        `has_limit` tells whether the host is known to have a limit that all keys share.
        """
        answers, refusals = self._answers - turn.answers_before, self._refusals - turn.refusals_before
        turn.answers_before, turn.refusals_before = self._answers, self._refusals
        # Where more are refused than answered, but some are answered, all compete for a scarce limit.
        if not 0 < answers <= refusals:
            status: int | None = getattr(error, "status", None)
            strike = Attempt(detached(error), status, now - turn.sent_at, turn.waited)
            turn.strikes = (*turn.strikes, strike)
        most = self.policy.attempts
        if has_limit:
            most = max(most, _MOST_AT_A_LIMIT)
        if len(turn.strikes) >= most or turn.refusals >= _MOST_REFUSALS:
            error.attempts = turn.strikes
            turn.fault = error
            return
        attempt = max(1, min(len(turn.strikes), self.policy.attempts))
        turn.waited = self.policy.wait(error, attempt, self.draw)
        turn.not_before = now + turn.waited
        if self.policy.attempts > 1:
            log_retry(turn.refusals, turn.waited, error)
