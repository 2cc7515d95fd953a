"""The budgets on the keys of a report, each once: pure decisions, no I/O."""

from __future__ import annotations

from attrs import define, field

from openrouter_credits import Bound, KeyCheck, OpenRouterError
from openrouter_credits._masking import scrub
from openrouter_credits.history._sharing import Key
from openrouter_credits.history._subjects import Reading, Subject

_OF_ONE_KEY = frozenset({"api_key", "workspace_default_key"})
"""Scopes of budgets that each key has for itself."""


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
