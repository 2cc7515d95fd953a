"""Why an amount cannot be spent: the errors of the guard, and the decision between them; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from openrouter_credits._documents import Value
from openrouter_credits._errors import AuthenticationError, OpenRouterError
from openrouter_credits._public import public
from openrouter_credits._status import phrases
from openrouter_credits._status.reservations import EXACT
from openrouter_credits._status.spendable import Spendable, is_stopped
from openrouter_credits._status.status import KeyStatus, sentence
from openrouter_credits._words import (
    SETTINGS,
    WAYS_OUT,
    exact_usd,
    limit_in_sentence,
    more_of_limit,
    until,
    usd_left,
)

_REFUSED = Spendable(Decimal(0), "refused", None, "complete")
_UNKNOWN = Spendable(None, None, None, "unknown")
_A_LIMIT = f"Give the key a limit at {SETTINGS}/keys, or read the wallet as well."
_THE_WALLET = 'A management key can only be judged by its wallet: read=("credits",).'
_MANAGEMENT_KEY = f"Add a management key, which can read the wallet ({SETTINGS}/management-keys)"
_OR_THE_KEY = ', or judge the key by its own limits: read=("key",)'
_SPENDING_KEY = (
    "Set this key as the management key (management_key=..., OPENROUTER_MANAGEMENT_KEY) of a key that can "
    'spend, or judge the wallet alone: read=("credits",).'
)
_RESERVED = (
    "Start fewer jobs at once, or wait: a reservation counts until a look that began 60 s after its end."
)


class _Shortage(Value):
    """The facts that both errors of the guard have."""

    spendable: Spendable
    """The amount that the key can spend, as far as that is known."""
    needed: Decimal
    """The amount that was asked for, in US dollars."""

    def __init__(
        self,
        summary: str = "",
        *,
        spendable: Spendable,
        needed: Decimal,
        problems: Iterable[OpenRouterError] = (),
        remedy: str | None = None,
    ) -> None:
        # The next class is always `OpenRouterError`, which a type checker cannot know here.
        super().__init__(summary, problems=problems, remedy=remedy)  # type: ignore[call-arg]  # see above  # pyright: ignore[reportCallIssue]
        self.spendable = spendable
        self.needed = needed

    def _layout(self) -> dict[str, Any]:
        return {**super()._layout(), "needed": self.needed, "spendable": self.spendable}


class InsufficientCreditsError(_Shortage, OpenRouterError):
    """The guard: the key has less than is needed, or cannot spend at all; nothing was spent."""

    remedy = f"Top up the wallet at {SETTINGS}/credits, or raise the key's limit."


class UnknownCreditsError(_Shortage, OpenRouterError):
    """The guard: it cannot be told whether the key has enough; `problems` has what could not be read."""

    remedy = 'Add a management key, or judge the key by its own limits: read=("key",).'


def judge(
    found: KeyStatus | OpenRouterError, needed: Decimal, reserved: Decimal, name: str
) -> Spendable | InsufficientCreditsError | UnknownCreditsError:
    """Decide whether an amount can be spent, as `KeyStatus.level` judges; return what can be, or an error.

    Args:
        found: what a look at the key found, or why it found nothing.
        needed: US dollars.
        reserved: US dollars that are promised to others.
        name: the key, masked.
    """
    if isinstance(found, OpenRouterError):
        return _of_error(found, needed, name)
    spendable = found.spendable
    if is_stopped(spendable):
        return InsufficientCreditsError(
            f"{exact_usd(needed)} is needed, but {name} cannot spend anything: {_reason(found)}",
            spendable=spendable,
            needed=needed,
            problems=found.problems,
            remedy=_way_out(found),
        )
    promised = EXACT.add(needed, reserved)
    if spendable.amount is not None and spendable.amount < promised:
        return InsufficientCreditsError(
            _too_little(found, needed, reserved, name),
            spendable=spendable,
            needed=needed,
            problems=found.problems,
            remedy=" ".join(_ways_to_more(found, needed, promised)),
        )
    if spendable.amount is not None and not found.problems:
        return spendable
    known = f"{_reason(found)}{_cause(found)}"
    return _unknown(
        f"It is not known whether {exact_usd(needed)} can be spent with {name}: {known}",
        spendable,
        needed,
        found.problems,
        _way_to_know(found),
    )


def _of_error(
    error: OpenRouterError, needed: Decimal, name: str
) -> InsufficientCreditsError | UnknownCreditsError:
    for each in (error, *error.problems):
        if isinstance(each, AuthenticationError) and not each.is_of_management_key:
            return InsufficientCreditsError(
                f"{exact_usd(needed)} is needed, but {name} is not valid: {phrases.reasons((each,))}",
                spendable=_REFUSED,
                needed=needed,
                problems=(error,),
                remedy=each.remedy,
            )
    return _unknown(
        f"It is not known whether {exact_usd(needed)} can be spent with {name}: {phrases.reasons((error,))}",
        _UNKNOWN,
        needed,
        (error,),
        error.remedy,
    )


def _unknown(
    summary: str,
    spendable: Spendable,
    needed: Decimal,
    problems: tuple[OpenRouterError, ...],
    remedy: str,
) -> UnknownCreditsError:
    unknown = UnknownCreditsError(
        summary, spendable=spendable, needed=needed, problems=problems, remedy=remedy
    )
    unknown.is_retryable = any(map(is_passing, problems))
    unknown.retry_after = max((each.retry_after for each in problems if each.retry_after), default=None)
    return unknown


def is_passing(error: OpenRouterError) -> bool:
    """Tell whether a fault, or one of those that belong to it, may be over at the next look."""
    return error.is_retryable or any(map(is_passing, error.problems))


def _reason(status: KeyStatus) -> str:
    """Return the sentence of a status as the end of another one; what to do is the remedy's."""
    text = sentence(status, advise=False).removeprefix("Unknown: ").rstrip(".")
    return text[:1].lower() + text[1:]


def _cause(status: KeyStatus) -> str:
    """Tell why a part is missing, if the sentence of the status does not."""
    if status.spendable.amount is None or phrases.is_blind(status.problems):
        return ""
    return f": {phrases.reasons(status.problems)}"


def _too_little(status: KeyStatus, needed: Decimal, reserved: Decimal, name: str) -> str:
    spendable = status.spendable
    at_most = "at most " if spendable.certainty == "at_most" and status.problems else ""
    left = f"{at_most}{usd_left(spendable.amount or Decimal(0))} left"
    ahead = until(spendable.resets_at, status.checked_at)
    limit = limit_in_sentence(spendable.bound_by or "")
    others = ""
    if reserved:
        others = f"; this client has reserved {exact_usd(reserved)} (jobs that ended lately still count)"
    return f"{exact_usd(needed)} is needed, but {name} has {left}{ahead}, limited by {limit}{others}"


def _way_out(status: KeyStatus) -> str | None:
    """Advise on a key that cannot spend at all; `None` for the advice of the class."""
    reason = status.spendable.bound_by or ""
    if reason == "management_key":
        return _SPENDING_KEY
    refusals = (each for each in status.problems if isinstance(each, AuthenticationError))
    return next((each.remedy for each in refusals if reason == "refused"), WAYS_OUT.get(reason))


def _ways_to_more(status: KeyStatus, needed: Decimal, promised: Decimal) -> Iterator[str]:
    """Advise on each limit that is too low; a wait helps only if the whole limit is enough."""
    bounds = status.spendable.bounds
    if all(bound.remaining >= needed for bound in bounds):
        yield _RESERVED
    for bound in bounds:
        if bound.remaining < promised:
            is_worth_a_wait = bound.limit is None or bound.limit >= promised
            reset, resets_at = (bound.reset, bound.resets_at) if is_worth_a_wait else (None, None)
            yield more_of_limit(bound.name, reset, resets_at, status.checked_at)


def _way_to_know(status: KeyStatus) -> str:
    """Advise to ask for less, or to make more readable."""
    key, problems = status.key, status.problems
    if not problems:
        is_manager = key is not None and key.is_management_key
        return _THE_WALLET if is_manager else _A_LIMIT
    if not phrases.is_blind(problems):
        return problems[0].remedy
    has_limit = key is not None and not key.unread and status.spendable.amount is not None
    return f"{_MANAGEMENT_KEY}{_OR_THE_KEY if has_limit else ''}."


public(InsufficientCreditsError, UnknownCreditsError)
