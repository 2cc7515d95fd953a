"""Why a batch ended before all its keys were checked, and what it tells of a gate that has shut."""

from __future__ import annotations

import logging
from copy import copy

from attrs import frozen

from openrouter_credits._batch.breaker import Breaker
from openrouter_credits._batch.throttle import Throttle
from openrouter_credits._errors import APITimeoutError, OpenRouterError

logger = logging.getLogger("openrouter_credits")


@frozen
class Ending:
    """The reason, and the last fault of the host if it may have to do with it."""

    why: str
    last_fault: OpenRouterError | None = None
    is_refusing: bool = False
    """Whether the host refused all requests at last, so that each key has that refusal as its error."""

    def error(self, *, sent: bool) -> OpenRouterError:
        """Make the error of a key that was not checked; `sent` tells whether anything was sent for it."""
        last = self.last_fault
        summary = f"The batch ended before this key was checked: {self.why}"
        error: OpenRouterError = APITimeoutError(summary, sent=sent)
        if last is None:
            return error
        if self.is_refusing:
            error = copy(last)
        error.args = (f"{summary} (the last try: {last.summary.rstrip('.')})",)
        error.remedy = last.remedy
        error.problems = (last,)
        return error


def warn(error: OpenRouterError, breaker: Breaker, throttle: Throttle, now: float) -> None:
    """Log that all requests are held back because of an error, and for how long."""
    if breaker.is_open:
        logger.warning("requests of this batch are held back until the host answers: %s", error.summary)
    else:
        pause = throttle.delay(now)
        logger.warning("requests of this batch are held back for %.3g s: %s", pause, error.summary)


def verdict(breaker: Breaker, throttle: Throttle, patience: float, now: float) -> str | None:
    """Say why a batch has no use in going on, if so; `patience` is the deadline of a call, in seconds."""
    if breaker.opened_at is not None and breaker.probes and now - breaker.opened_at >= patience:
        return f"the host gave no answer for {patience:g} s"
    if throttle.refusing_since is not None:
        patience = 2 * patience + throttle.longest
        if now - throttle.refusing_since >= patience:
            return f"the host refused all requests for {patience:g} s"
    return None
