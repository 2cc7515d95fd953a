"""All keys of an account: from its list, beside a check with the secret of each key."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from .names import CHECK, CHECK_ALL, KEYS, LIST, is_there
from .processes import server, worker
from .report import Table, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sizes import Sizes

_NEED = {CHECK: 14, KEYS: 13}
"""The most requests for 1,000 keys in one workspace."""


def tables(sizes: Sizes) -> Iterator[Table]:
    """Measure an account near by, of each size, and the smallest one far away, too."""
    for number in sizes.accounts:
        yield _table(sizes, number, "from a server that answers at once")
    yield _table(sizes, sizes.accounts[0], f"{sizes.latency * 1000:.0f} ms away", sizes.latency)


def _table(sizes: Sizes, number: int, where: str, latency: float = 0.0) -> Table:
    names = [name for name in (KEYS, CHECK, CHECK_ALL, LIST) if is_there(name, sizes)]
    asked: dict[str, int] = {}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    cpu: dict[str, list[float]] = {name: [] for name in names}
    with worker() as only:
        for _ in range(sizes.batch_rounds):
            for name in names:
                with server(keys=number, latency=latency) as one:
                    outcome = only.do("account", client=name, url=one.url, number=number)
                    asked[name], _ = one.told()
                if outcome["told"] != number:
                    raise RuntimeError(f"{name} has read {outcome['told']:,} keys of {number:,}")
                seconds[name].append(outcome["seconds"])
                cpu[name].append(outcome["cpu"])
    return Table(
        f"All {number:,} keys of an account, {where}",
        "One workspace, 100 keys a page. `account.check()` also reads the wallet, once, and makes a status "
        "of each key, as `check_all` does with the secret of each. The official SDK only lists: a page for "
        f"each offset that its caller names. {sizes.batch_rounds} rounds.",
        ("by", "requests", "seconds", "CPU ms", "CPU µs a key"),
        [
            (
                name,
                f"{asked[name]:,}",
                f"{median(seconds[name]):.2f}",
                f"{median(cpu[name]) * 1e3:,.0f}",
                f"{median(cpu[name]) / number * 1e6:,.0f}",
            )
            for name in names
        ],
        [
            Target(f"requests of {name} for 1,000 keys", asked[name], most, at_most=True)
            for name, most in _NEED.items()
            if number == 1_000
        ],
    )
