"""A nightly batch that starts a job only if it can be paid for, and stops loudly.

Exit codes: 0 all jobs are done, 2 the money is out, 3 nobody knows what is left.
Set OPENROUTER_API_KEY and OPENROUTER_MANAGEMENT_KEY, then, from cron:
python guard_batch.py jobs.txt
"""

import asyncio
import logging
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from openrouter_credits import (
    CreditsClient,
    InsufficientCreditsError,
    UnknownCreditsError,
)

COST = Decimal("0.50")  # what one job costs at most
WORKERS = 4


async def do(job: str) -> None:
    """Stand in for your own job."""
    print("done:", job)


async def work(
    client: CreditsClient, jobs: Iterator[str], done: list[str]
) -> InsufficientCreditsError | UnknownCreditsError | None:
    """Do one job after another; return why no more are started."""
    for job in jobs:
        try:
            async with client.reserve(COST):
                await do(job)
        except (InsufficientCreditsError, UnknownCreditsError) as error:
            return error
        done.append(job)
    return None


async def main(jobs: list[str]) -> int:
    """Do the jobs, and return the exit code."""
    left, done = iter(jobs), list[str]()
    async with CreditsClient() as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(client, left, done)) for _ in range(WORKERS)]
    reasons = [reason for task in tasks if (reason := task.result())]
    if not reasons:
        return 0
    print(f"Stopped: {len(done)} of {len(jobs)} jobs are done.", file=sys.stderr)
    print(reasons[0], file=sys.stderr)
    return 2 if isinstance(reasons[0], InsufficientCreditsError) else 3


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)  # the guard logs each refusal
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    sys.exit(asyncio.run(main(lines)))
