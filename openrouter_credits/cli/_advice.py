"""Advice on the level of a key: a line for each cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openrouter_credits import AuthenticationError, ManagementKeyRequiredError, UnconfirmedCreditsError
from openrouter_credits._words import SETTINGS, WAYS_OUT, more_of_limit, one_line, told_once
from openrouter_credits.cli._judge import level_of_bound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openrouter_credits import KeyStatus, OpenRouterError
    from openrouter_credits.cli._options import Form

_WAYS_OUT = {
    **WAYS_OUT,
    "management_key": (
        "Move it to OPENROUTER_MANAGEMENT_KEY, or, in a key file, to the management_key of its account."
    ),
}
"""The advice for keys that cannot spend, by the reason."""
_WAYS_OUT_OF_LIST = {
    "expired": f"Make a new key at {SETTINGS}/keys, or leave out --all.",
    "disabled": (
        f"Enable the key at {SETTINGS}/keys or with openrouter-credits keys enable NAME, or leave out --all."
    ),
}
"""The same for keys that a whole account lists, which leaves such keys out unless there is --all."""
_KEY_ONLY = "To judge the key by its own limits alone, add --key-only."
_ADD_MANAGEMENT_KEY = (
    f"Add a management key, which can read the wallet: make one at {SETTINGS}/management-keys, and"
)
TO_VARIABLE = "put it into OPENROUTER_MANAGEMENT_KEY."
TO_FILE = "put it into OPENROUTER_MANAGEMENT_KEY or the key file."


def advice(
    status: KeyStatus,
    form: Form,
    *,
    account: str | None = None,
    where: str = TO_VARIABLE,
    is_listed: bool = False,
) -> Iterator[str]:
    """List what can be done about the level of a key, the most important first; nothing for OK.

    Args:
        status: of the key.
        form: the thresholds.
        account: the name of the account, if there are several.
        where: the place for a management key.
        is_listed: whether the key is there because its account lists it.
    """
    level = form.level(status)
    if level == "INVALID":
        yield from _for_invalid(status, is_listed=is_listed)
        return
    for bound in status.spendable.bounds:
        if level != "OK" and level_of_bound(bound, status, form) == level:
            yield more_of_limit(bound.name, bound.reset, bound.resets_at, status.checked_at, account=account)
    if level == "DEPLETED":  # whatever else is unread, this is the reason
        return
    blind = [problem for problem in status.problems if _is_blind(problem)]
    for problem in status.problems:
        if problem not in blind:
            yield from (each.remedy for each in (problem.problems or (problem,)))
    if blind:  # as the sentence says, whatever the level is
        yield f"{_ADD_MANAGEMENT_KEY} {where}"
    if level == "UNKNOWN":
        yield from _by_what_was_asked(status, is_blind=bool(blind))


def plain_problems(status: KeyStatus) -> list[str]:
    """Say what could not be read, and why; problems that are alike are told once."""
    of_key = 1 if status.key is None else len(status.key.unread)  # these come first
    parts = ["key"] * of_key + ["wallet"] * (len(status.problems) - of_key)
    told = map(_plain, status.problems, parts)
    return told_once(one_line(text).rstrip(".") for text in told)


def _plain(problem: OpenRouterError, part: str) -> str:
    if _is_blind(problem):
        if isinstance(problem, UnconfirmedCreditsError):
            return f"{part}: the answer 0 of 0 may be false"
        return f"{part}: only a management key can read it"
    is_refused_key = part == "key" and isinstance(problem, AuthenticationError)
    if is_refused_key or problem.summary.startswith(("GET /", "The management key ")):
        return problem.summary  # which says itself whose fault it is
    return f"{part}: {problem.summary}"


def _is_blind(problem: OpenRouterError) -> bool:
    """Tell whether a wallet is unread because the key itself may not read it, as is usual."""
    is_refused = isinstance(problem, ManagementKeyRequiredError | UnconfirmedCreditsError)
    return is_refused and not problem.is_of_management_key and not problem.problems


def _for_invalid(status: KeyStatus, *, is_listed: bool) -> Iterator[str]:
    reason = status.spendable.bound_by
    ways_out = {**_WAYS_OUT, **_WAYS_OUT_OF_LIST} if is_listed else _WAYS_OUT
    if reason in ways_out:
        yield ways_out[reason]
        return
    # the wallet of a key that cannot spend does not matter
    for problem in status.problems:
        if isinstance(problem, AuthenticationError) and not problem.is_of_management_key:
            yield problem.remedy
            return


def _by_what_was_asked(status: KeyStatus, *, is_blind: bool) -> Iterator[str]:
    """Advise to ask for less, or for more, if that can tell the level."""
    if is_blind:
        if status.spendable.bounds and status.key is not None and not status.key.unread:
            yield _KEY_ONLY
    elif not status.problems:  # the wallet was not asked for
        if status.key is not None and not status.key.is_management_key:
            yield f"Give the key a limit at {SETTINGS}/keys, or leave out --key-only to read the wallet too."
        else:
            yield "Leave out --key-only, to read the wallet."
