"""Which keys of a report share a wallet or a budget, and how they are told apart: pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field

from openrouter_credits import (
    AuthenticationError,
    Bound,
    CheckReport,
    ConfigurationError,
    Credits,
    KeyCheck,
    KeyInfo,
    Level,
    OpenRouterError,
)
from openrouter_credits._masking import scrub
from openrouter_credits.history._subjects import Reading, Subject

_HIDDEN = "***"
"""The mask of a short key, which tells no two of them apart."""
_OF_ONE_KEY = frozenset({"api_key", "workspace_default_key"})
"""Scopes of budgets that each key has for itself."""

_Labels = dict[tuple[str | None, str], set[str | None]]


@define(eq=False)
class Key:
    """An outcome that stands for a key, and its subject."""

    check: KeyCheck
    subject: Subject
    name: str


@define(eq=False)
class Place:
    """A wallet, and the outcomes of what spends from it."""

    account: str | None
    checks: list[KeyCheck] = field(factory=list)
    credits: Credits | None = None
    keys: list[Key] = field(factory=list)
    names: tuple[str, ...] = ()
    """The names of the keys, each once."""


@define(eq=False)
class SharedBudget:
    """A budget, as its keys tell of it."""

    scope: str
    """The `Bound.name`."""
    bound: Bound | None = None
    """What the key with the lowest amount tells; `None` if no key could tell an amount."""
    error: OpenRouterError | None = None
    names: dict[str, None] = field(factory=dict)
    first: KeyCheck | None = None
    checks: list[KeyCheck] = field(factory=list)

    def note(self, key: Key, bound: Bound | None, error: OpenRouterError | None) -> None:
        """Take in what one key tells: an amount, or why there is none."""
        self.names[key.name] = None
        self.checks.append(key.check)
        if bound is None:
            self.error = self.error or error
        elif self.bound is None or bound.remaining < self.bound.remaining:
            self.bound, self.first = bound, key.check

    def reading(self, subject: Subject) -> Reading:
        """Return what the keys tell together: the lowest amount counts."""
        names, bound = tuple(self.names), self.bound
        if bound is None:
            return Reading(
                subject,
                bound_by=self.scope,
                error=self.error,
                is_read=False,
                keys=names,
                checks=tuple(self.checks),
            )
        checks = sorted(self.checks, key=lambda check: check is not self.first)
        amounts = bound.remaining, bound.used, bound.limit
        return Reading(subject, *amounts, self.scope, bound.resets_at, keys=names, checks=tuple(checks))


def asked(checks: Iterable[KeyCheck]) -> tuple[bool, bool]:
    """Tell whether keys were asked for, and whether wallets were; both, if nothing was read that shows it."""
    statuses = [check.status for check in checks if check.status is not None]
    if not statuses:
        return True, True
    of_keys = any(status.key is not None or status.problems for status in statuses)
    of_wallets = any(
        status.credits is not None or len(status.problems) > len(unread(status.key)) for status in statuses
    )
    return of_keys, of_wallets


def unread(key: KeyInfo | None) -> Sequence[str]:
    """List what could not be read of a key's answer; problems of its wallet come behind these."""
    return () if key is None else key.unread


def is_of_workspace(check: KeyCheck) -> bool:
    """Tell whether an outcome stands for a workspace, or for an entry of its list: see `Account.check()`.

    A refusal never does: all of the check fails by it.
    """
    is_nameless = check.label is None and check.status is None
    return is_nameless and not isinstance(check.error, AuthenticationError | ConfigurationError)


def _is_of_key(check: KeyCheck, *, asks_key: bool) -> bool:
    """Tell whether an outcome says something of a key that can spend, or why it was not read."""
    status, error = check.status, check.error
    if status is None:
        if is_of_workspace(check) or (error is not None and error.is_of_management_key):
            return False
        return asks_key or check.level() == Level.INVALID
    if status.key is None:
        return bool(status.problems)  # the wallet was read: they are about the key
    return not status.key.is_management_key or status.spendable.bound_by == "expired"


def places_of(report: CheckReport) -> Iterable[Place]:
    """Gather the keys of each wallet; an account of one name is one wallet."""
    asks_key, _ = asked(report.checks)
    places: dict[object, Place] = {}
    labels: _Labels = {}
    for number, wallet in enumerate(report.wallets()):
        account = None if wallet.account in (None, "", _HIDDEN) else scrub(wallet.account or "")
        place = places.setdefault(number if account is None else account, Place(account))
        place.checks += wallet.checks
        place.credits = place.credits or wallet.credits
        for check in wallet.checks:
            if check.managed_key is None and not is_of_workspace(check):
                labels.setdefault((account, name_of(check)), set()).add(check.label)
    for place in places.values():
        for check in place.checks:
            if _is_of_key(check, asks_key=asks_key):
                place.keys.append(_key(check, place, labels))
        place.names = tuple(dict.fromkeys([key.name for key in place.keys]))
    return places.values()


def _key(check: KeyCheck, place: Place, labels: _Labels) -> Key:
    name = name_of(check)
    if check.wallet_id is not None and check.wallet_id < 0 and place.keys:  # it is the same key again
        return Key(check, place.keys[0].subject, name)
    if check.managed_key is not None:
        return Key(check, Subject("key", place.account, name, hash=check.managed_key.hash), name)
    if check.label not in (None, name) and len(labels[place.account, name]) > 1:
        name = f"{name} ({check.label})"  # another key has this name, too
    return Key(check, Subject("key", place.account, name), name)


def name_of(check: KeyCheck) -> str:
    """Return the name of a key, or else its mask, or else its place; no part of it looks like a key."""
    if check.name:
        return scrub(check.name)
    label = check.label or _HIDDEN
    return f"#{check.index + 1}" if label == _HIDDEN else label


def note_budgets(key: Key, account: str | None, budgets: dict[Subject, SharedBudget]) -> list[Subject]:
    """Take in what a key tells of the budgets on it, and return them."""
    status = key.check.status
    if status is None or status.key is None:
        return []
    found: list[tuple[Subject, Bound | None, str]] = []
    for bound in status.spendable.bounds:
        if bound.name not in ("wallet", "key_limit"):
            subject = _budget(key, account, bound.name, bound.reset, bound.budget_id)
            found.append((subject, bound, bound.name))
    for budget in status.key.budgets or ():
        if budget.remaining_usd is None and budget.scope != "key_limit":
            scope = "wallet_budget" if budget.scope == "wallet" else budget.scope
            reset = None if budget.reset_interval == "lifetime" else budget.reset_interval
            found.append((_budget(key, account, scope, reset, budget.budget_id), None, scope))
    faults = zip(status.key.unread, status.problems, strict=False)
    why = next((error for path, error in faults if path.startswith("budgets")), None)
    for subject, told, scope in found:
        budgets.setdefault(subject, SharedBudget(scope)).note(key, told, why)
    return list(dict.fromkeys([subject for subject, _, _ in found]))


def _budget(key: Key, account: str | None, scope: str, reset: str | None, budget_id: str | None) -> Subject:
    if budget_id is not None:
        return Subject("budget", account, scrub(budget_id))
    name = scrub(f"{scope} {reset or 'lifetime'}")
    if account is not None and scope not in _OF_ONE_KEY:
        return Subject("budget", account, name)
    return Subject("budget", account, f"{key.subject.name}/{name}", hash=key.subject.hash)


def are_budgets_read(check: KeyCheck) -> bool:
    """Tell whether it is known which budgets are on a key; their amounts may be missing."""
    if check.status is None or check.status.key is None:
        return False
    return not any(path == "budgets" or _is_element(path) for path in check.status.key.unread)


def _is_element(path: str) -> bool:
    return path.startswith("budgets[") and path.endswith("]")
