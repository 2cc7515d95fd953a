"""Reports as checks of accounts and keys would give them. Amounts are texts, in US dollars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import evolve

from openrouter_credits import CheckReport, Credits, KeyCheck, KeyInfo, ManagedKey, OpenRouterError
from openrouter_credits._secrets import mask
from openrouter_credits._status.look import assess
from openrouter_credits._status.managed import Shared, managed_status

from .values import FORBIDDEN, NOW, made_up

Wallet = str | Credits | OpenRouterError | None
"""The amount left in a wallet, the wallet, why it was not read, or `None`: nobody asked."""
Keys = Mapping[str, KeyInfo | OpenRouterError] | Iterable[str]
"""Keys by their names, or names of keys without a limit of their own."""


def purse(left: str, bought: str = "100") -> Credits:
    """Make a wallet in which so much is left of all that was ever bought."""
    return Credits(Decimal(bought), Decimal(bought) - Decimal(left))


def mask_of(name: str) -> str:
    """Return the mask of the key that has this name."""
    return mask(made_up(name))


def allowance(
    left: str | None = None, limit: str = "50", reset: str | None = "monthly", **fields: Any
) -> KeyInfo:
    """Make a key that has so much left of its limit; `None` for a key without a limit."""
    own: dict[str, Any] = {"limit": None}
    if left is not None:
        own = {"limit": Decimal(limit), "limit_remaining": Decimal(left), "limit_reset": reset}
    spent = Decimal(limit) - Decimal(left or 0)
    return KeyInfo(**{"label": "k", "usage": spent, "is_management_key": False, **own, **fields})


def managed(name: str, left: str | None = None, limit: str = "50", **fields: Any) -> ManagedKey:
    """Make a key as its account lists it; its name is its hash, unless it is given one."""
    own: dict[str, Any] = {"limit": None}
    if left is not None:
        own = {"limit": Decimal(limit), "limit_remaining": Decimal(left), "limit_reset": "monthly"}
    spent = Decimal(limit) - Decimal(left or 0)
    return ManagedKey(
        **{
            "label": mask_of(name),
            "usage": spent,
            "hash": name,
            "name": name,
            "disabled": False,
            **own,
            **fields,
        }
    )


def report(
    wallet: Wallet = "100",
    keys: Keys = ("bot",),
    *,
    account: str | None = "acme",
    at: datetime = NOW,
    masks: Mapping[str, str] | None = None,
) -> CheckReport:
    """Make the report of keys that spend from one wallet.

    Args:
        wallet: the wallet, as the management key of the account reads it.
        keys: the keys.
        account: the account; `None` for keys that read the wallet themselves.
        at: the time of the look.
        masks: the masks of keys that are not the first of their names.
    """
    if isinstance(wallet, str):
        wallet = purse(wallet)
    found = dict(keys) if isinstance(keys, Mapping) else {name: allowance() for name in keys}
    checks = []
    for index, (name, key) in enumerate(found.items()):
        status, error = None, None
        label = (masks or {}).get(name, mask_of(name))
        own = evolve(key, label=label) if isinstance(key, KeyInfo) else key
        try:
            status = assess(wallet, own, wallet_reader=None, now=at, has_manager=account is not None)
        except OpenRouterError as nothing:
            error = nothing
        wallet_id = None if account is None else 0
        checks.append(KeyCheck(index, name, label, account, status, error, 0.1, wallet_id=wallet_id))
    return CheckReport(tuple(checks))


def own_key(key: KeyInfo | OpenRouterError, wallet: Wallet = FORBIDDEN, *, at: datetime = NOW) -> CheckReport:
    """Make the report of one key that has no name and no management key."""
    (check,) = report(wallet, {"own": key}, account=None, at=at).checks
    return CheckReport((evolve(check, name=None),))


def listed(
    wallet: str | Credits | OpenRouterError, *keys: ManagedKey, account: str = "acme", at: datetime = NOW
) -> CheckReport:
    """Make the report of a whole account, from the list of its keys."""
    purse_or_fault = purse(wallet) if isinstance(wallet, str) else wallet
    checks = [
        KeyCheck(
            index,
            key.name,
            key.label,
            account,
            managed_status(key, purse_or_fault, Shared(), at),
            None,
            0.1,
            wallet_id=0,
            managed_key=key,
        )
        for index, key in enumerate(keys)
    ]
    return CheckReport(tuple(checks))


def failed(error: OpenRouterError, *names: str, account: str | None = "acme") -> CheckReport:
    """Make the report of a look that read nothing, for one reason."""
    return report(error, dict.fromkeys(names, error), account=account)
