"""How much is measured: everything, or next to nothing, to see that the benchmark itself works."""

from __future__ import annotations

from attrs import frozen


@frozen
class Sizes:
    """All times are in seconds."""

    rounds: int = 7
    """Rounds of the request cases; their medians are reported."""
    turns: int = 3
    """Turns of each client in a round."""
    seconds: float = 0.3
    """How long a turn is, about."""
    calibration: int = 100
    """Calls made beforehand, to warm up, and to know how many fill a turn."""
    latency: float = 0.15
    many: tuple[tuple[int, int], ...] = ((200, 10), (1000, 6))
    """Calls in flight against that latency, and how many each of them makes."""
    batches: tuple[int, ...] = (1_000, 10_000, 100_000)
    batch_rounds: int = 3
    pooled: int = 5_000
    late: int = 8_000
    accounts: tuple[int, ...] = (1_000, 10_000)
    """Keys of an account."""
    faulty: int = 1_000
    dead: int = 400
    patience: float = 4.0
    """How long a batch waits for a dead host; an attempt takes an eighth of it."""
    longest: float = 30.0
    """When a peer under faults is stopped."""
    services: int = 10
    """Services whose spending is simulated and forecast."""
    forecast_days: int = 31
    has_peers: bool = True
    """Whether other packages take part, as far as they are installed."""


FULL = Sizes()
TINY = Sizes(
    rounds=1,
    turns=1,
    seconds=0.02,
    calibration=20,
    latency=0.01,
    many=((20, 2),),
    batches=(10,),
    batch_rounds=1,
    pooled=30,
    late=40,
    accounts=(150,),
    faulty=20,
    dead=8,
    patience=0.2,
    longest=1.0,
    services=1,
    forecast_days=1,
    has_peers=False,
)
