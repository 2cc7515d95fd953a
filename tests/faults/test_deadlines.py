"""Thousands of calls at once, with one deadline each, against a host that never answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from openrouter_credits import APITimeoutError, RetryPolicy
from openrouter_credits._call.deadlines import MIN_ATTEMPT_TIME
from tests.kit.clock import now
from tests.kit.wire import HANG, Connect, Serve

from ._sinks import GRACE

if TYPE_CHECKING:
    from openrouter_credits import CreditsClient

    from ._sinks import Watch

CALLS, GROUP, SLOTS = 3000, 300, 100


async def call_later(client: CreditsClient, after: float) -> tuple[float, APITimeoutError]:
    """Make a call after a moment; return the time that it took, and its error."""
    await asyncio.sleep(after)
    began_at = now()
    with pytest.raises(APITimeoutError) as caught:
        await client.key()
    return now() - began_at, caught.value


@pytest.mark.row(66)
@pytest.mark.parametrize("every", [0.0, 1e-3], ids=["together", "in turn"])
async def test_thousands_of_calls_end_at_their_deadlines(
    every: float, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """3,000 calls to a silent host, end at their own deadlines; those that wait send nothing."""
    server = await serve(HANG)
    client = connect(server, max_connections=SLOTS, retry=RetryPolicy(deadline=2))

    calls = (call_later(client, number // GROUP * every) for number in range(CALLS))
    ended = await fault.value(asyncio.gather(*calls), deadline=2 + CALLS // GROUP * every)

    assert [elapsed for elapsed, _ in ended if not 2 - MIN_ATTEMPT_TIME <= elapsed <= 2 + GRACE] == []
    queued = [
        error for _, error in ended if error.summary == "Timed out: no connection was free in time (2 s)"
    ]
    assert len(queued) == CALLS - SLOTS == CALLS - server.hits
