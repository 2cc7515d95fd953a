"""A process for measured tasks: each is a line of JSON on standard input, its outcome a line of output."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .accounts import ACCOUNTS
from .bare import pool
from .batches import BATCHES
from .clients import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def peak_memory() -> int:
    """Tell the most memory that this process ever had, in kB; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


async def measure(work: Awaitable[object]) -> dict[str, Any]:
    """Time some work, and tell the processor time that it took of this process."""
    cpu, began = time.process_time(), time.perf_counter()
    told = await work
    return {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "told": told,
        "peak": peak_memory(),
    }


async def requests(client: str, url: str, path: str, in_flight: int, number: int) -> dict[str, Any]:
    """Make one kind of call many times, after each connection has been used once."""
    async with CLIENTS[client](url, path, in_flight) as call:
        await asyncio.gather(*(call() for _ in range(in_flight)))
        return await measure(pool(range(number), in_flight, lambda _: call()))


async def batch(client: str, **options: Any) -> dict[str, Any]:
    """Check many keys; what is told is how many got no answer."""
    return await measure(BATCHES[client](**options))


async def account(client: str, url: str, number: int) -> dict[str, Any]:
    """Read all keys of an account; what is told is how many were read."""
    return await measure(ACCOUNTS[client](url, number))


TASKS: dict[str, Callable[..., Any]] = {"requests": requests, "batch": batch, "account": account}


def main() -> None:
    """Carry out one task after another, each on an event loop of its own."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if "--uvloop" in sys.argv:
        import uvloop

        factory = uvloop.new_event_loop
    for line in sys.stdin:
        task = json.loads(line)
        with asyncio.Runner(loop_factory=factory) as runner:
            outcome = runner.run(TASKS[task.pop("kind")](**task))
        print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
