"""Single calls: one after another, and many in flight, near and far from the server."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING

from attrs import Factory, define, field, frozen

from .names import BARE, OFFICIAL, OPENAI, OURS, PYTHON_OPEN_ROUTER, STREAMS, UVLOOP, is_there
from .processes import Server, Worker, server, worker
from .report import Table, Target, middle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sizes import Sizes

_NAMES = (BARE, OURS, STREAMS, PYTHON_OPEN_ROUTER, OPENAI, OFFICIAL)
_SLOW = (OPENAI, OFFICIAL)
_SLOW_ROUNDS = 3
_SLOW_ROUNDS_FAR = 1
"""Rounds that these take part in: at a tenth of the others' speed, they would need most of the time."""
_COLUMNS = ("client", "calls/s", "x bare", "CPU µs a call", "CPU x bare")


@frozen
class _Turn:
    """What one client did in one round."""

    rate: float
    """Calls a second."""
    cpu: float
    """Processor time of the client's process, in seconds a call."""


@define(eq=False)
class _Case:
    """Calls of one kind, and what came of them."""

    at: Server
    path: str
    in_flight: int
    each: int | None = None
    """How many calls are made for each that is in flight; `None` for as many as fill the time."""
    turns: dict[str, list[_Turn]] = field(init=False, factory=dict)
    asked: int = field(init=False, default=0)
    used: float = field(init=False, default=0.0)
    """The requests that reached the server, and the seconds of processor time that it took for them."""
    numbers: dict[str, int] = field(init=False, factory=dict)
    is_far: bool = field(init=False, default=Factory(lambda self: self.each is not None, takes_self=True))

    def has(self, name: str, index: int) -> bool:
        """Tell whether a client takes part in a round."""
        if self.path == "key":
            return name in (BARE, OURS, PYTHON_OPEN_ROUTER)
        if name == PYTHON_OPEN_ROUTER or (self.is_far and name.endswith(UVLOOP)):
            return False
        return name not in _SLOW or index < (_SLOW_ROUNDS_FAR if self.is_far else _SLOW_ROUNDS)

    def play(self, workers: dict[str, Worker], index: int, sizes: Sizes) -> None:
        """Play one round: several short turns for each client, so that a neighbour's noise meets them all."""
        names = [name for name in workers if self.has(name, index)]
        for name in names:
            if self.each is not None:
                self.numbers[name] = self.in_flight * (1 if name in _SLOW else self.each)
            else:
                seconds, _ = self._call(workers[name], name, sizes.calibration)
                self.numbers.setdefault(
                    name, max(self.in_flight, int(sizes.calibration / seconds * sizes.seconds))
                )
        before = self.at.told()
        took = {name: [0.0, 0.0] for name in names}
        repeats = 1 if self.is_far else sizes.turns
        for repeat in range(repeats):
            for name in names[:: -1 if (index + repeat) % 2 else 1]:
                seconds, cpu = self._call(workers[name], name, self.numbers[name])
                took[name][0] += seconds
                took[name][1] += cpu
        for name, (seconds, cpu) in took.items():
            number = self.numbers[name] * repeats
            self.turns.setdefault(name, []).append(_Turn(number / seconds, cpu / number))
        after = self.at.told()
        self.asked += after[0] - before[0]
        self.used += after[1] - before[1]

    def _call(self, its_worker: Worker, name: str, number: int) -> tuple[float, float]:
        client = name.removesuffix(UVLOOP)
        told = its_worker.do(
            "requests",
            client=client,
            url=self.at.url,
            path=self.path,
            in_flight=self.in_flight,
            number=number,
        )
        return told["seconds"], told["cpu"]

    def ratio(self, name: str, other: str = BARE, what: str = "rate") -> float:
        """Compare two clients round by round; one that sat some out is compared in the others."""
        pairs = zip(self.turns[name], self.turns[other], strict=False)
        return median(getattr(turn, what) / getattr(turn_of_other, what) for turn, turn_of_other in pairs)

    def median(self, name: str, what: str = "rate") -> float:
        """Give a client's median."""
        return median(getattr(turn, what) for turn in self.turns[name])

    def rows(self) -> list[tuple[str, ...]]:
        """Lay out the five columns."""
        return [
            (
                name,
                f"{self.median(name):,.0f}",
                middle([self.ratio(name)]),
                f"{self.median(name, 'cpu') * 1e6:,.0f}",
                middle([self.ratio(name, what="cpu")]),
            )
            for name in self.turns
        ]


def tables(sizes: Sizes) -> Iterator[Table]:
    """Measure all cases of single calls.

    Each round has processes of its own: how one lies in memory is worth some percent.
    """
    with server() as near, server(latency=sizes.latency) as far:
        alone, crowd, key = _Case(near, "credits", 1), _Case(near, "credits", 32), _Case(near, "key", 32)
        distant = [_Case(far, "credits", in_flight, each) for in_flight, each in sizes.many]
        for index in range(sizes.rounds):
            with ExitStack() as stack:
                workers = {name: stack.enter_context(worker()) for name in _NAMES if is_there(name, sizes)}
                if is_there(UVLOOP, sizes):
                    workers |= {
                        name + UVLOOP: stack.enter_context(worker(uvloop=True)) for name in (BARE, OURS)
                    }
                for case in (alone, crowd, key, *distant):
                    case.play(workers, index, sizes)
    yield Table(
        "One call after another",
        f"`GET /credits` from a local server that answers at once. {_limit(alone)}",
        _COLUMNS,
        alone.rows(),
    )
    yield _crowd(crowd)
    yield _key(key)
    for case in distant:
        yield _distant(case, sizes)


def _limit(case: _Case) -> str:
    return (
        f"By the processor time it takes, the server could answer {case.asked / case.used:,.0f} requests/s; "
        f"the raw loop over asyncio's streams shows what the event loop allows."
    )


def _crowd(case: _Case) -> Table:
    table = Table("32 calls in flight", f"`GET /credits`, 32 workers. {_limit(case)}", _COLUMNS, case.rows())
    table.targets.append(Target(f"{OURS} to {BARE}", case.ratio(OURS), 0.95))
    fastest = max(map(case.median, case.turns))
    table.targets.append(Target("the server to the fastest client", case.asked / case.used / fastest, 1.0))
    if OURS + UVLOOP in case.turns:
        table.targets.append(Target(f"{OURS} with uvloop to without", case.ratio(OURS + UVLOOP, OURS), 1.0))
    return table


def _key(case: _Case) -> Table:
    note = (
        "`GET /key`, 32 workers: a reply of 20 fields. "
        f"Ours makes exact amounts and typed values of all; `{PYTHON_OPEN_ROUTER}` takes five."
    )
    table = Table("32 calls of `/key` in flight", note, _COLUMNS, case.rows())
    if PYTHON_OPEN_ROUTER in case.turns:
        table.targets.append(
            Target(f"{OURS} to {PYTHON_OPEN_ROUTER}", case.ratio(OURS, PYTHON_OPEN_ROUTER), 1.0)
        )
    return table


def _distant(case: _Case, sizes: Sizes) -> Table:
    ideal = case.in_flight / sizes.latency
    table = Table(
        f"{case.in_flight:,} calls in flight, {sizes.latency * 1000:.0f} ms away",
        f"The ideal is {ideal:,.0f} calls/s. Every client may open {case.in_flight:,} connections, "
        f"and has opened them before the clock starts. The SDKs on httpx make {case.in_flight:,} calls in "
        f"{_SLOW_ROUNDS_FAR} round, the others {case.in_flight * (case.each or 1):,} in each of "
        f"{sizes.rounds}.",
        (*_COLUMNS, "of the ideal"),
        [(*row, f"{case.median(row[0]) / ideal:.2f}") for row in case.rows()],
    )
    if case.in_flight < 1000:
        table.targets.append(Target(f"{OURS} to the ideal", case.median(OURS) / ideal, 0.93))
    else:
        table.targets.append(Target(f"{OURS} to {BARE}", case.ratio(OURS), 0.95))
    return table
