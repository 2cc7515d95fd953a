"""Lengths of time, and how long an amount lasts, in few characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openrouter_credits.cli._judge import UNKNOWN, short_day

if TYPE_CHECKING:
    from datetime import datetime

    from openrouter_credits import Runway

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400


def span(seconds: float) -> str:
    """Format a time in whole units, rounded down."""
    seconds = max(seconds, 0)
    for limit, unit, name in ((2 * _MINUTE, 1, "s"), (2 * _HOUR, _MINUTE, "min"), (2 * _DAY, _HOUR, "h")):
        if seconds < limit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds // _DAY):,} days" if seconds < 2 * _YEAR else "years"


def lasts(runway: Runway | None, now: datetime) -> str:
    """Tell how long an amount lasts; `-` if that is not known."""
    match runway:
        case None:
            return UNKNOWN
        case _ if runway.verdict == "lasts_until_reset" and runway.resets_at is not None:
            return f"till reset {short_day(runway.resets_at, now)}"
        case _ if runway.verdict == "runs_out" and runway.runs_out_at is not None:
            return span((runway.runs_out_at - now).total_seconds())
        case _ if runway.verdict == "idle":
            return "idle"
        case _:
            return UNKNOWN
