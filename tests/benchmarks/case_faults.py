"""Many keys while something is wrong: how long it takes, what it costs the host, how many get no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .names import OFFICIAL, OURS, THREE_TRIES, is_there
from .processes import Worker, server, worker
from .report import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sizes import Sizes

_COLUMNS = ("client", "seconds", "requests sent", "keys lost")


def tables(sizes: Sizes) -> Iterator[Table]:
    """Measure all faults, each once: what is told are counts, and times of seconds."""
    stopped = (
        f"The peers are stopped after {sizes.longest:g} s; the official SDK's own retries go on for an hour."
    )
    number, timeout = sizes.faulty, sizes.patience / 8
    with worker() as only:
        yield Table(
            "A tenth of the replies is 503",
            f"{number:,} keys, 64 in flight. {stopped}",
            _COLUMNS,
            list(_rows(only, sizes, {"failing": 0.1}, {"number": number})),
        )
        yield Table(
            "A limit of 100 requests a second",
            f"{number:,} keys, 64 in flight; 429 with `Retry-After: 1` above the limit, from which the first "
            f"100 requests are free: the ideal is {max(0, number - 100) / 100:g} s. {stopped}",
            _COLUMNS,
            list(_rows(only, sizes, {"limit": 100}, {"number": number})),
        )
        yield Table(
            "A host that answers nothing",
            f"{sizes.dead:,} keys, 64 in flight, {timeout:g} s for each try; ours gives up when the host has "
            f"been silent for {sizes.patience:g} s. {stopped}",
            _COLUMNS,
            list(
                _rows(
                    only,
                    sizes,
                    {"dead": True},
                    {"number": sizes.dead, "timeout": timeout},
                    {"deadline": sizes.patience},
                )
            ),
        )


def _rows(
    only: Worker,
    sizes: Sizes,
    fault: dict[str, Any],
    task: dict[str, Any],
    for_ours: dict[str, Any] | None = None,
) -> Iterator[tuple[str, ...]]:
    for name in (OURS, THREE_TRIES, OFFICIAL):
        if not is_there(name, sizes):
            continue
        limits = for_ours or {} if name == OURS else {"at_most": sizes.longest}
        with server(**fault) as faulty:
            outcome = only.do("batch", client=name, url=faulty.url, in_flight=64, **task, **limits)
            asked, _ = faulty.told()
        yield name, f"{outcome['seconds']:.1f}", f"{asked:,}", f"{outcome['told']:,}"
