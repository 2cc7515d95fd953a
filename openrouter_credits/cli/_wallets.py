"""The wallets of a report, each once, and their sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from openrouter_credits._words import one_line
from openrouter_credits.cli._judge import UNKNOWN, usd
from openrouter_credits.cli._screen import make_table

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from rich.console import RenderableType

    from openrouter_credits import CheckReport, Wallet


def wallet_parts(report: CheckReport, not_keys: Container[int]) -> Iterator[RenderableType]:
    """List the wallets of the accounts, their sum, and the keys whose account is not known.

    Args:
        report: the outcomes.
        not_keys: the indexes of those that are no keys.
    """
    wallets = report.wallets()
    if all(wallet.credits is None and wallet.error is None for wallet in wallets):
        return  # nobody asked for them
    shared = [wallet for wallet in wallets if wallet.account is not None]
    if shared:
        table = make_table("Account", ">Left", ">Keys")
        for wallet in shared:
            amount = None if wallet.credits is None else wallet.credits.remaining
            table.add_row(one_line(wallet.account), usd(amount), _keys(wallet, not_keys))
        yield Text("Wallets", style="bold")
        yield table
    below = []
    if len(shared) > 1:
        below.append(_total(report, sum(wallet.credits is not None for wallet in shared), len(shared)))
    others = len(wallets) - len(shared)
    if others and len(wallets) > 1:
        keys = "1 key" if others == 1 else f"{others} keys"
        hint = "not included in the total" if below else "keys may share a wallet"
        below.append(f"{keys}: account unknown; {hint}.")
    yield from ["", *below] if shared and below else below


def _keys(wallet: Wallet, not_keys: Container[int]) -> str:
    """Count the keys of a wallet; without any, it has none, or nobody knows them."""
    keys = sum(check.index not in not_keys for check in wallet.checks)
    is_unread = not keys and any(check.status is None for check in wallet.checks)
    return UNKNOWN if is_unread else str(keys)


def _total(report: CheckReport, read: int, wallets: int) -> str:
    if not read:
        return f"Total: unknown; none of the {wallets} wallets was read."
    total = report.total()
    title = "Total" if read == wallets else f"Total of {read} of {wallets} wallets"
    owed = ""
    if total.owed:
        # as a negative amount it is rounded away from 0: a debt is never shown smaller than it is
        debt = usd(total.owed.copy_negate()).removeprefix("-")
        owed = f"; {debt} is owed, and not subtracted"
    return f"{title}: {usd(total.known)} left{owed}."
