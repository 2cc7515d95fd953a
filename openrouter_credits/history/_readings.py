"""What a report tells of each subject: pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from attrs import evolve

from openrouter_credits import (
    AuthenticationError,
    CheckReport,
    ConfigurationError,
    InvalidKeyError,
    KeyCheck,
    KeyInfo,
    Level,
    ManagementKeyRequiredError,
    OpenRouterError,
    PermissionDeniedError,
    UnconfirmedCreditsError,
)
from openrouter_credits._models.amounts import add
from openrouter_credits._public import public
from openrouter_credits.history._budgets import SharedBudget, are_budgets_read, note_budgets
from openrouter_credits.history._sharing import Key, Place, asked, is_of_workspace, places_of, unread
from openrouter_credits.history._subjects import Reading, Readings, Subject


def read_subjects(report: CheckReport) -> Readings:
    """List what a report tells of each subject, each once, whichever keys share it.

    A look at wallets alone, `read=("credits",)`, tells nothing of keys, unless they were refused; one at keys
    alone nothing of wallets. A management key is no subject, unless it was refused or has expired.
    """
    _, asks_wallet = asked(report.checks)
    wallets: list[Reading] = []
    keys: dict[Subject, Reading] = {}
    budgets: dict[Subject, SharedBudget] = {}
    unread_budgets: set[str | None] = set()
    for place in places_of(report):
        wallet = _of_wallet(place, asks_wallet=asks_wallet)
        if wallet is not None:
            wallets.append(wallet)
        shared = [] if wallet is None else [wallet.subject]
        for key in place.keys:
            reading = _of_key(key, (*shared, *note_budgets(key, place.account, budgets)))
            keys[key.subject] = _one_of(keys.get(key.subject), reading)
            if not (are_budgets_read(key.check) or reading.is_refused):
                unread_budgets.add(place.account)
    readings = (*wallets, *keys.values(), *[each.reading(subject) for subject, each in budgets.items()])
    return Readings(
        readings,
        bool(report.checks) and not any(map(_hides_keys, report.checks)),
        not any(reading.is_read for reading in readings),
        len(keys) > 1 and all(_is_refused(reading) for reading in keys.values()),
        frozenset(unread_budgets),
    )


def _hides_keys(check: KeyCheck) -> bool:
    """Tell whether an outcome stands for keys that could not be listed: of a workspace, or of an account."""
    is_of_account = check.status is None and check.error is not None and check.error.is_of_management_key
    return is_of_workspace(check) or is_of_account


def _is_refused(key: Reading) -> bool:
    return key.stop == "refused" and not isinstance(key.error, InvalidKeyError)


def _of_wallet(place: Place, *, asks_wallet: bool) -> Reading | None:
    """Tell what is in a wallet; `None` if nobody asked for it."""
    subject = Subject("wallet", place.account, place.name)
    if place.credits is None:
        errors = _why_unread(place.checks, asks_wallet=asks_wallet)
        if not errors:
            return None
        hiding = [error for error in errors if _hides(error)]
        faults = [error for error in errors if not isinstance(error, AuthenticationError)]
        return Reading(
            subject,
            error=[*hiding, *faults, *errors][0],
            is_read=False,
            is_hidden=bool(hiding),
            keys=place.names,
            checks=tuple(place.checks),
        )
    amounts = place.credits.remaining, place.credits.total_usage, place.credits.total_credits
    checks = sorted(place.checks, key=lambda check: not _has_wallet(check))
    return Reading(subject, *amounts, keys=place.names, checks=tuple(checks))


def _has_wallet(check: KeyCheck) -> bool:
    return check.status is not None and check.status.credits is not None


def _why_unread(checks: Iterable[KeyCheck], *, asks_wallet: bool) -> Sequence[OpenRouterError]:
    """List why a wallet was not read; empty if nobody asked for it."""
    errors: list[OpenRouterError] = []
    for check in checks:
        if check.status is not None:
            errors += check.status.problems[len(unread(check.status.key)) :][-1:]
        elif check.error is not None and asks_wallet and not is_of_workspace(check):
            managers = [each for each in check.error.problems if each.is_of_management_key]
            errors.append([*managers, check.error][0])
    return errors


def _hides(error: OpenRouterError) -> bool:
    """Tell whether a wallet may not be read, or never can be: no fault that passes by itself."""
    if isinstance(error, UnconfirmedCreditsError):
        return not error.problems  # else `/key` could not be read, which may have confirmed it
    if isinstance(error, PermissionDeniedError):  # its other classes are about this machine, or about a limit
        return type(error) in (PermissionDeniedError, ManagementKeyRequiredError)
    return isinstance(error, ConfigurationError)


def _of_key(key: Key, under: tuple[Subject, ...]) -> Reading:
    check, status = key.check, key.check.status
    if status is None or status.key is None:
        return _of_unread_key(key, under)
    info, found = status.key, status.spendable
    bound = next((bound for bound in found.bounds if bound.name == "key_limit"), None)
    stop = found.bound_by if status.is_invalid else None
    remaining, granted, resets_at = None, info.limit, None
    if bound is not None:
        remaining, granted, resets_at = bound.remaining, bound.limit, bound.resets_at
    is_unread = bound is None and granted is not None and stop is None
    return Reading(
        key.subject,
        remaining,
        _counter(info),
        granted,
        "key_limit",
        resets_at,
        stop,
        status.problems[0] if is_unread and status.problems else None,
        is_read=not is_unread,
        keys=(key.own_name,),
        title=key.title,
        under=under,
        label=check.label,
        expires_at=info.expires_at,
        checks=(check,),
    )


def _of_unread_key(key: Key, under: tuple[Subject, ...]) -> Reading:
    check = key.check
    error = check.error if check.status is None else check.status.problems[0]
    is_refused = check.level() == Level.INVALID
    if is_refused and error is not None:
        refusals = [each for each in (error, *error.problems) if isinstance(each, AuthenticationError)]
        error = [*refusals, error][0]
    return Reading(
        key.subject,
        bound_by="key_limit",
        stop="refused" if is_refused else None,
        error=error,
        is_read=is_refused,
        is_hidden=isinstance(error, ConfigurationError) and not is_refused,
        keys=(key.own_name,),
        title=key.title,
        under=under,
        label=check.label,
        checks=(check,),
    )


def _counter(key: KeyInfo) -> Decimal | None:
    """Return everything that ever counted towards a key's limit; `None` if a part of it is not known."""
    if not key.include_byok_in_limit:
        return key.usage
    return None if key.byok_usage is None else add(key.usage, key.byok_usage)


def _one_of(first: Reading | None, second: Reading) -> Reading:
    """Choose between two readings of one key: one that was read, then the lower amount."""
    if first is None:
        return second
    if _rank(second) < _rank(first):
        first, second = second, first
    keys = tuple(dict.fromkeys([*first.keys, *second.keys]))
    return evolve(first, keys=keys, checks=first.checks + second.checks)


def _rank(reading: Reading) -> tuple[bool, bool, Decimal]:
    return not reading.is_read, reading.remaining is None, reading.remaining or Decimal(0)


public(read_subjects, door="openrouter_credits.history")
