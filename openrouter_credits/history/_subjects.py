"""What can be watched and remembered of a report: each limit once, whichever keys share it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from attrs import field, frozen

from openrouter_credits import CheckReport, KeyCheck, OpenRouterError
from openrouter_credits._documents import Value


@frozen
class Subject(Value):
    """Something that has an amount of its own: a wallet, a key with its own limit, or a budget."""

    kind: str
    """`wallet`, `key` or `budget`; `openrouter` for all of them together."""
    account: str | None = None
    """The account, or its masked management key; `None` if not known."""
    name: str | None = None
    """The key's name or mask; the budget's id, or its scope and interval; of a wallet `None`."""
    hash: str | None = field(default=None, kw_only=True, repr=False)
    """`ManagedKey.hash` of a key that is listed in its account, by which keys of one name are told apart."""

    def __str__(self) -> str:
        place = "/".join(filter(None, (self.account, self.name)))
        return f"{self.kind}:{place}" if place else self.kind


OPENROUTER = Subject("openrouter")
"""The subject of what concerns all: no answer from the host, all keys refused."""


@frozen
class Reading(Value):
    """What one report tells of one subject. Amounts are US dollars."""

    subject: Subject
    remaining: Decimal | None = None
    """The amount left, negative if overdrawn; `None` if not read, or if there is no limit."""
    used: Decimal | None = None
    """A counter that only grows, whatever is bought or reset: `total_usage`, `usage` (with BYOK if it counts
    towards the limit), `spend_usd` of a budget."""
    granted: Decimal | None = None
    """`total_credits` of a wallet, the limit of a key or budget."""
    bound_by: str = "wallet"
    """The `Bound.name`: `wallet`, `key_limit`, or a budget's scope."""
    resets_at: datetime | None = None
    stop: str | None = None
    """Of a key: why it cannot spend at all (`Spendable.bound_by`): `refused`, `expired`, `disabled`, …"""
    error: OpenRouterError | None = None
    """Why it was not read."""
    is_read: bool = True
    """Whether this report says how the subject is."""
    is_hidden: bool = False
    """Whether the key may not read it (403, unconfirmed 0/0), as opposed to a fault that may pass."""
    keys: tuple[str, ...] = ()
    """The names of the keys that spend from it, or of the key itself."""
    under: tuple[Subject, ...] = ()
    """Of a key: the wallet and the budgets that it shares."""
    label: str | None = None
    """Of a key: its mask; another one is another key."""
    expires_at: datetime | None = None
    checks: tuple[KeyCheck, ...] = field(default=(), eq=False, repr=False)
    """The outcomes that it was made of; the first is the one to look at again."""


@frozen
class Readings:
    """A report as readings, each subject once."""

    readings: tuple[Reading, ...]
    is_complete: bool
    """Whether a subject that is not among them does not exist."""
    read_nothing: bool
    """Whether no key and no wallet was read: a failed look of the host."""
    are_all_refused: bool
    """Whether there are several keys, and each was refused (401)."""


def read_subjects(report: CheckReport) -> Readings:
    """List what a report tells of each subject."""
    readings = []
    for wallet in report.wallets():
        if wallet.credits is not None:
            readings.append(
                Reading(
                    Subject("wallet", wallet.account),
                    wallet.credits.remaining,
                    wallet.credits.total_usage,
                    wallet.credits.total_credits,
                    keys=tuple(check.name or check.label or "?" for check in wallet.checks),
                    checks=wallet.checks,
                )
            )
    for check in report.checks:
        name = check.name or check.label
        if check.status is None or check.status.key is None:
            readings.append(
                Reading(
                    Subject("key", check.account, name), error=check.error, is_read=False, checks=(check,)
                )
            )
            continue
        key = check.status.key
        stop = check.status.spendable.bound_by if check.status.is_invalid else None
        readings.append(
            Reading(
                Subject("key", check.account, name),
                key.limit_remaining,
                key.usage,
                key.limit,
                "key_limit",
                key.next_reset(check.status.checked_at),
                stop=stop,
                keys=(name or "?",),
                label=check.label,
                expires_at=key.expires_at,
                checks=(check,),
            )
        )
    return Readings(tuple(readings), True, not any(each.is_read for each in readings), False)
