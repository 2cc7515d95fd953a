"""Many keys at once: whether the cost grows with their number, and what it is beside a worker pool."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from .names import BARE, OURS
from .processes import Worker, server, worker
from .report import Table, Target, middle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sizes import Sizes


def tables(sizes: Sizes) -> Iterator[Table]:
    """Measure all cases of batches."""
    yield _growth(sizes)
    with worker() as one, worker() as other:
        yield _pool(sizes, {BARE: other, OURS: one})
        yield _far(sizes, one)


def _growth(sizes: Sizes) -> Table:
    """Run each batch in a process of its own, as memory that was freed still counts for a process's peak."""
    smallest, largest = sizes.batches[0], sizes.batches[-1]
    seconds: dict[int, list[float]] = {number: [] for number in sizes.batches}
    peaks: dict[int, list[float]] = {number: [] for number in sizes.batches}
    with server() as near:
        for index in range(sizes.rounds):
            for number in sizes.batches:
                if number == largest and index >= sizes.batch_rounds:
                    continue
                with worker() as fresh:
                    outcome = fresh.do("batch", client=OURS, url=near.url, number=number, in_flight=64)
                seconds[number].append(outcome["seconds"] / number)
                peaks[number].append(outcome["peak"] / 1024)
    base = median(peaks[smallest])
    growth = median(last / first for last, first in zip(seconds[largest], seconds[smallest], strict=False))
    return Table(
        "`check_keys`: does the cost grow with the work?",
        f"Keys from a generator, one `GET /credits` each, 64 in flight, results consumed as they come; "
        f"each run in a fresh process, {sizes.batch_rounds} of the largest and {sizes.rounds} of the others.",
        ("keys", "keys/s", "µs a key", "peak memory MB", "over the smallest MB"),
        [
            (
                f"{number:,}",
                f"{1 / median(seconds[number]):,.0f}",
                f"{median(seconds[number]) * 1e6:,.0f}",
                f"{median(peaks[number]):.1f}",
                f"{median(peaks[number]) - base:.1f}",
            )
            for number in sizes.batches
        ],
        [
            Target(f"time per key, {largest:,} to {smallest:,}", growth, 1.25, at_most=True),
            Target(
                f"memory, {largest:,} over {smallest:,}",
                median(peaks[largest]) - base,
                32,
                at_most=True,
                unit=" MB",
            ),
        ],
    )


def _pool(sizes: Sizes, workers: dict[str, Worker]) -> Table:
    number = sizes.pooled
    rates: dict[str, list[float]] = {BARE: [], OURS: []}
    cpu: dict[str, list[float]] = {BARE: [], OURS: []}
    with server() as near:
        for _ in range(sizes.rounds):
            for name, its_worker in workers.items():
                outcome = its_worker.do("batch", client=name, url=near.url, number=number, in_flight=64)
                rates[name].append(number / outcome["seconds"])
                cpu[name].append(outcome["cpu"] / number * 1e6)
    ratios = {
        name: [rate / bare for rate, bare in zip(rates[name], rates[BARE], strict=True)] for name in rates
    }
    return Table(
        f"`check_keys` beside a worker pool: {number:,} keys, 64 in flight",
        "The same work for both: a session is opened, one `GET /credits` for each key, "
        "the session is closed.",
        ("client", "keys/s", "x bare", "CPU µs a key"),
        [
            (name, f"{median(rates[name]):,.0f}", middle(ratios[name]), f"{median(cpu[name]):,.0f}")
            for name in rates
        ],
        [Target(f"{OURS} to {BARE}", median(ratios[OURS]), 0.90)],
    )


def _far(sizes: Sizes, only: Worker) -> Table:
    number, in_flight = sizes.late, 200
    ideal = in_flight / sizes.latency
    with server(latency=sizes.latency) as far:
        task = {"client": OURS, "url": far.url, "number": number, "in_flight": in_flight, "sized": True}
        rates = [number / only.do("batch", **task)["seconds"] for _ in range(sizes.batch_rounds)]
    return Table(
        f"`check_keys` over {number:,} keys, {in_flight} in flight, {sizes.latency * 1000:.0f} ms away",
        f"Keys from a list; the ideal is {ideal:,.0f} keys/s. Connections are opened inside the clock. "
        f"{sizes.batch_rounds} rounds.",
        ("client", "keys/s", "of the ideal"),
        [(OURS, f"{median(rates):,.0f}", middle([rate / ideal for rate in rates]))],
        [Target(f"{OURS} to the ideal", median(rates) / ideal, 0.92)],
    )
