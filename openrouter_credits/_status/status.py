"""A key's status in one plain sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from openrouter_credits._models.key import format_usd, utc

if TYPE_CHECKING:
    from datetime import datetime

    from openrouter_credits._status.spendable import KeyStatus

# not strftime's: those follow the locale
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905 - twelve words

_A_WEEK = timedelta(days=7)


def explain(status: KeyStatus) -> str:
    """Say what is left, until when, and what binds."""
    if status.is_invalid:
        return _why_invalid(status)
    amount, now = status.spendable.amount, status.checked_at
    if amount is None:
        return f"Unknown: {_what_is_missing(status)}{_expiry(status)}."
    left = f"{format_usd(amount)} left" if amount > 0 else f"Nothing left ({format_usd(amount)})"
    if status.spendable.certainty == "at_most" and amount > 0:
        left = f"At most {left}"
    resets_at = status.spendable.resets_at
    until = f" until {moment(resets_at, now)}" if resets_at is not None and resets_at > now else ""
    return f"{left}{until}: {binder(status.spendable.bound_by)} binds{_the_other(status)}{_expiry(status)}."


def moment(when: datetime, now: datetime) -> str:
    """Name a moment in UTC: by its weekday within a week of `now`, else by its date."""
    when, now = utc(when), utc(now)
    if timedelta(0) <= when - now < _A_WEEK:
        day = _WEEKDAYS[when.weekday()]
    else:
        day = f"{when.day} {_MONTHS[when.month - 1]}{'' if when.year == now.year else f' {when.year}'}"
    return f"{day} {when:%H:%M} UTC"


def binder(bound_by: str | None) -> str:
    """Name what binds; a budget's scope is the server's word, of which only what can be printed is shown."""
    match bound_by:
        case "wallet":
            return "the wallet"
        case "key_limit":
            return "the key's limit"
        case _:
            words = " ".join(
                (bound_by or "").replace("_", " ").split()
            )  # before the rest: line breaks are not printable
            scope = " ".join("".join(filter(str.isprintable, words))[:40].split())
            return f"the {scope} budget" if scope else "the budget"


def _the_other(status: KeyStatus) -> str:
    """Tell of the wallet, where it is the key that binds, and the other way round only what is missing."""
    if status.spendable.bound_by == "wallet":
        return " (key: unknown)" if status.key is None and status.problems else ""
    if status.credits is not None:
        return f" (wallet: {format_usd(status.credits.remaining)})"
    return " (wallet: unknown)" if status.problems else ""


def _expiry(status: KeyStatus) -> str:
    expires_at = None if status.key is None else status.key.expires_at
    if expires_at is None or expires_at - status.checked_at >= _A_WEEK:
        return ""
    return f"; the key expires {moment(expires_at, status.checked_at)}"


def _what_is_missing(status: KeyStatus) -> str:
    reasons = "; ".join(problem.summary.rstrip(".") for problem in status.problems)
    unread = "the wallet" if status.key is not None else "the key"
    known = "" if status.key is None or status.key.is_management_key else ", and the key has no limit"
    return f"{unread} was not read{f' ({reasons})' if reasons else ''}{known}"


def _why_invalid(status: KeyStatus) -> str:
    if status.key is not None and status.key.expires_at is not None:
        return f"The key has expired: {moment(status.key.expires_at, status.checked_at)}."
    return f"The key is not valid: {'; '.join(problem.summary.rstrip('.') for problem in status.problems)}."
