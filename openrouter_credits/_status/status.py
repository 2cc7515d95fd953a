"""The status of a key: its level, and the whole of it in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen

from openrouter_credits._arguments import Dollars, require_thresholds
from openrouter_credits._documents import Value, as_written, layout, write
from openrouter_credits._errors import AuthenticationError, OpenRouterError
from openrouter_credits._models import Credits, KeyInfo
from openrouter_credits._public import public
from openrouter_credits._status import phrases
from openrouter_credits._status.level import Level
from openrouter_credits._status.runway import Runway, runway_of_limit
from openrouter_credits._status.spendable import Spendable, is_stopped
from openrouter_credits._words import format_usd, limit_in_sentence, moment, until

_MANAGEMENT_KEY = ": add a management key"
_MOVE_IT = ': move it to OPENROUTER_MANAGEMENT_KEY, or look at the wallet alone: read=("credits",)'


def _by_label(key: KeyInfo | None) -> str:
    return "None" if key is None else f"<KeyInfo {key.label!r}>"


@frozen
class KeyStatus(Value):
    """Everything that one look at a key found."""

    key: KeyInfo | None = field(repr=_by_label)
    """The answer of `/key`, or what the list of its account tells of it; `None` if it was not read."""
    credits: Credits | None
    """The answer of `/credits`, or `None` if it was not read or is not believed."""
    spendable: Spendable
    """How much the key can spend, as both together say."""
    problems: tuple[OpenRouterError, ...] = field(eq=as_written)
    """Why something is missing; empty if everything was read that was asked for."""
    checked_at: datetime
    """When the look was taken (UTC)."""

    def level(self, warn: Dollars = 10, critical: Dollars | None = None) -> Level:
        """Judge the amount by two thresholds in US dollars; `critical` is half of `warn` unless it is given.

        If a part is missing, the amount is an upper limit: it can show that too little is left, but not that
        enough is. So it is OK only if that part was not asked for, or if nobody can ask for it: see
        `Account.check()`.

        Raises:
            ValueError: `warn` is below `critical`, or one is not finite.
        """
        low, lower = require_thresholds(warn, critical)
        if self.is_invalid:
            return Level.INVALID
        amount = self.spendable.amount
        if amount is None:
            return Level.UNKNOWN
        if amount <= 0:
            return Level.DEPLETED
        if amount < lower:
            return Level.CRITICAL
        if amount < low:
            return Level.LOW
        return Level.UNKNOWN if self.problems else Level.OK

    @property
    def is_invalid(self) -> bool:
        """Whether the key cannot spend at all, whatever is left; `spendable.bound_by` is the reason."""
        return is_stopped(self.spendable)

    def runway(self) -> Runway | None:
        """Tell how long the key's own limit lasts, from what the key spent this day, week and month.

        It needs no history: these are the key's own counters, at `checked_at`. A wallet has others that spend
        from it: see `CheckReport.runway()`.

        Returns:
            `None` if the key has no limit, was not read, or is a management key.
        """
        if self.key is None or self.key.is_management_key:
            return None
        return runway_of_limit(self.key, self.checked_at)

    def explain(self) -> str:
        """Describe the status in one plain sentence.

        Such as: `$11.75 left until Monday 00:00 UTC, limited by the workspace budget (wallet: $74.75).`
        """
        return sentence(self)

    def __str__(self) -> str:
        return self.explain()

    def to_json(
        self, indent: int | None = None, *, warn: Dollars = 10, critical: Dollars | None = None
    ) -> str:
        """Write the status as a JSON object, with the `level` that `level(warn, critical)` returns.

        The key has `next_reset` too; else as all values are written.

        Raises:
            ValueError: `warn` is below `critical`, or one is not finite.
        """
        return write(self._layout(warn, critical), indent)

    def _layout(self, warn: Dollars = 10, critical: Dollars | None = None) -> dict[str, Any]:
        key: dict[str, Any] | None = None
        if self.key is not None:
            key = {**layout(self.key), "next_reset": self.key.next_reset(self.checked_at)}
        return {
            "level": self.level(warn, critical),
            "sentence": self.explain(),
            "spendable": self.spendable,
            "wallet": self.credits,
            "key": key,
            "problems": self.problems,
            "error": None,
            "checked_at": self.checked_at,
        }


def sentence(status: KeyStatus, *, advise: bool = True) -> str:
    """Describe a status in one sentence; `advise` says whether it ends with what can be done."""
    if status.is_invalid:
        return _why_invalid(status, advise=advise)
    amount = status.spendable.amount
    if amount is None:
        said = f"Unknown: {_what_is_missing(status, advise=advise)}"
    elif amount > 0:
        said = _what_is_left(status, format_usd(amount), advise=advise)
    else:
        said = f"Nothing left{_why_nothing(status, format_usd(amount))}{_other_parts(status)}"
    return f"{said}{phrases.expiry(status.key, status.checked_at)}."


def _what_is_left(status: KeyStatus, left: str, *, advise: bool) -> str:
    """Tell an amount above 0, and what limits it; `At most` if a part is missing that was asked for."""
    spendable = status.spendable
    is_upper = spendable.certainty == "at_most" and status.problems
    left = f"{'At most ' if is_upper else ''}{left} left{until(spendable.resets_at, status.checked_at)}"
    limit = limit_in_sentence(spendable.bound_by or "")
    if spendable.bound_by != "wallet" and phrases.is_blind(status.problems):
        # A key whose answer could not be read whole is UNKNOWN by itself, too.
        unread = "".join(f"; {words}" for words in phrases.unread(status.key))
        advice = _MANAGEMENT_KEY if advise else ""
        if advice and not unread:
            advice += ", or judge by the key alone"
        return f"{left}: {limit} ({phrases.BLIND}{advice}{unread})"
    return f"{left}, limited by {limit}{_other_parts(status)}"


def _why_nothing(status: KeyStatus, amount: str) -> str:
    """Tell which limit is spent, and by how much it is overdrawn."""
    spendable = status.spendable
    debt = amount[1:] if amount.startswith("-") else ""
    if spendable.bound_by == "wallet":
        return f": the account owes {debt}" if debt else ": the wallet is empty"
    overdrawn = f" ({amount})" if debt else ""
    limit = limit_in_sentence(spendable.bound_by or "")
    return f"{overdrawn}{until(spendable.resets_at, status.checked_at)}: {limit} is spent"


def _other_parts(status: KeyStatus) -> str:
    """Add the wallet if another limit is told, the key if it is missing, and what could not be read."""
    if status.spendable.bound_by != "wallet":
        parts = [_wallet(status)]
    elif status.key is None:
        parts = ["key: not read" if status.problems else "key: not asked for"]
    else:
        parts = []
    parts += phrases.unread(status.key)
    return f" ({', '.join(parts)})" if parts else ""


def _wallet(status: KeyStatus) -> str:
    if status.credits is not None:
        return f"wallet: {format_usd(status.credits.remaining)}"
    return "wallet: unknown" if wallet_problems(status) else "wallet: not asked for"


def wallet_problems(status: KeyStatus) -> Sequence[OpenRouterError]:
    """List why the wallet was not read; these come after what could not be read of the key."""
    return status.problems[0 if status.key is None else len(status.key.unread) :]


def _what_is_missing(status: KeyStatus, *, advise: bool) -> str:
    """Tell why no limit is known, the way out, and what the key has spent."""
    key, problems = status.key, wallet_problems(status)
    if key is None:
        return f"the key was not read{_in_brackets(problems)}"
    if key.is_management_key:
        return f"the wallet was not read{_in_brackets(problems)}"
    if phrases.is_blind(problems):
        missing = f"{phrases.no_limit(key)}, and {phrases.BLIND}{_MANAGEMENT_KEY if advise else ''}"
    elif problems:
        missing = f"the wallet was not read{_in_brackets(problems)}, and {phrases.no_limit(key)}"
    else:
        missing = (
            f"{phrases.no_limit(key)}, and the wallet was not asked for{': read it too' if advise else ''}"
        )
    return f"{missing}; {phrases.spent(key)}"


def _in_brackets(problems: Sequence[OpenRouterError]) -> str:
    return f" ({phrases.reasons(problems)})" if problems else ""


def _why_invalid(status: KeyStatus, *, advise: bool) -> str:
    known = f" ({_wallet(status)})" if status.credits is not None else ""
    match status.spendable.bound_by:
        case "expired":
            expires_at = None if status.key is None else status.key.expires_at
            when = "" if expires_at is None else f": {moment(expires_at, status.checked_at)}"
            return f"The key has expired{when}{known}."
        case "disabled":
            return f"The key is disabled{known}."
        case "no_region":
            return f"The key cannot be used: no data region is allowed{known}."
        case "management_key":
            return f"This is a management key, which cannot run inference{known}{_MOVE_IT if advise else ''}."
        case _:
            refusals = [each for each in status.problems if isinstance(each, AuthenticationError)]
            reasons = f": {phrases.reasons(refusals[:1])}" if refusals else ""
            return f"The key is not valid{reasons}{known}."


public(KeyStatus)
