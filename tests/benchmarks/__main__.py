"""Measure everything, show it, and write it down."""

from __future__ import annotations

import argparse
import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from . import case_account, case_batches, case_calls, case_faults, case_runway, case_startup
from .report import Table, as_markdown, as_text
from .sizes import FULL, TINY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .sizes import Sizes

CASES: dict[str, Callable[[Sizes], Iterator[Table]]] = {
    "calls": case_calls.tables,
    "batches": case_batches.tables,
    "account": case_account.tables,
    "faults": case_faults.tables,
    "runway": case_runway.tables,
    "startup": case_startup.tables,
}
_PACKAGES = ("openrouter-credits", "aiohttp", "uvloop", "python-open-router", "openai", "openrouter")
_HEAD = """\
# Benchmarks

Written by `make bench`; do not edit. {when:%Y-%m-%d}, {system}, {cores} cores, {versions}.

What a call, a batch, an account and a start cost, beside other clients and beside bare aiohttp: the library \
below this package, used without retries or checks. And how far the forecast of a `Runway` is from the truth.

- "x bare" compares with bare aiohttp in the same round: 1.00 is as much. \
More calls/s are better, and less CPU.
- Every client has a process of its own, and so has the local server. \
Clients take turns in each of {rounds} rounds; figures are medians.
- Absolute figures are this machine's. The ratios are much the same on others.
"""


def main() -> None:
    """Run the cases that are asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="case", help=f"some of {', '.join(CASES)}; else all")
    parser.add_argument(
        "--tiny", action="store_true", help="measure next to nothing, to see that everything works"
    )
    parser.add_argument("--output", type=Path, help="the Markdown file to write")
    options = parser.parse_args()
    if wrong := set(options.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(wrong))}")
    sizes = TINY if options.tiny else FULL
    began = time.monotonic()
    found: list[Table] = []
    for case in options.cases or CASES:
        for table in CASES[case](sizes):
            print(as_text(table), flush=True)
            found.append(table)
    print(f"{time.monotonic() - began:.0f} s in all")
    if options.output is not None:
        options.output.write_text("\n".join([_head(sizes), *map(as_markdown, found)]), encoding="utf-8")


def _head(sizes: Sizes) -> str:
    machine = f"{platform.system()} {platform.machine()}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return _HEAD.format(
        when=datetime.now(UTC),
        system=f"{machine}, {python}",
        cores=os.cpu_count(),
        versions=", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name))),
        rounds=sizes.rounds,
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
