"""Hard days of a host, as small batches over real connections; `tests/batch` has them at full size."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Literal

import pytest

from openrouter_credits import APIConnectionError, Level, RateLimitError, RetryPolicy
from tests.kit.clock import now
from tests.kit.values import levels_of, made_up_keys
from tests.kit.wire import (
    FUNDED,
    HANG,
    Connect,
    Received,
    Serve,
    Wire,
    answers,
    bound_socket,
    refusal,
    reply,
)

if TYPE_CHECKING:
    from ._sinks import Watch

CREDITS: tuple[Literal["credits"], ...] = ("credits",)
PAGE = reply(429, "<html>Too many requests</html>", "Content-Type: text/html")
"""A refusal of what stands before OpenRouter."""


def hidden_keys(fault: Watch, count: int) -> list[str]:
    """Make up keys, and let the shared assertion look for each of them."""
    keys = made_up_keys(count)
    fault.secrets.update(keys)
    return keys


@pytest.mark.row(58)
async def test_keys_that_hang_lose_no_other(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Three keys that stand side by side hang, and all others are read, although two are asked at once."""
    keys = hidden_keys(fault, 30)
    hanging = set(keys[10:13])

    async def behave(wire: Wire) -> None:
        if wire.received.key in hanging:
            await HANG(wire)
        else:
            await wire.write(FUNDED)

    server = await serve(behave)
    client = connect(server, None, retry=RetryPolicy(deadline=3.0), timeout=1.0)

    report = await fault.value(client.check_all(keys, concurrency=2, read=CREDITS), deadline=10.0)

    assert {check.index for check in report.checks if check.error is not None} == {10, 11, 12}
    assert levels_of(report.checks) == {Level.OK: 27, Level.UNKNOWN: 3}


@pytest.mark.row(59)
@pytest.mark.parametrize("refused", [PAGE, refusal(429, "Slow", "Retry-After: 1")], ids=["page", "JSON"])
async def test_a_burst_of_refusals_loses_no_key(
    refused: bytes, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A host that refuses the first 20 requests, and is healthy then, answers 60 keys within 10 s."""
    keys = hidden_keys(fault, 60)
    server = await serve(*[refused] * 20, FUNDED)

    report = await fault.value(
        connect(server, None, retry=RetryPolicy()).check_all(keys, read=CREDITS), deadline=10.0
    )

    assert levels_of(report.checks) == {Level.OK: 60}
    assert server.hits == 60 + 20


@pytest.mark.row(60)
async def test_stray_refusals_slow_nobody_down(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A host that refuses each twentieth request answers 100 keys within 5 s, and pauses nothing."""
    keys = hidden_keys(fault, 100)
    seen = itertools.count(1)
    server = await serve(answers(lambda _: FUNDED if next(seen) % 20 else PAGE))

    report = await fault.value(
        connect(server, None, retry=RetryPolicy()).check_all(keys, read=CREDITS), deadline=5.0
    )

    assert levels_of(report.checks) == {Level.OK: 100}
    assert server.hits == 105
    assert not any("held back" in line for line in fault.logged("openrouter_credits"))


@pytest.mark.row(61)
@pytest.mark.parametrize("refused", [PAGE, refusal(429, "Slow", "Retry-After: 1")], ids=["page", "JSON"])
async def test_a_host_that_refuses_everything_ends_the_batch(
    refused: bytes, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """Nothing but refusals ends a batch after twice `retry.deadline` and the hint: RateLimitErrors."""
    keys = hidden_keys(fault, 100)
    server = await serve(refused)
    client = connect(server, None, retry=RetryPolicy(deadline=2.0))

    report = await fault.value(client.check_all(keys), deadline=2 * 2.0 + 1.0 + 1.0)

    assert {type(check.error) for check in report.checks} == {RateLimitError}
    assert server.hits <= 64 + 4 * 6
    text = str(report.checks[-1].error)
    assert "refused all requests" in text
    assert "429" in text


@pytest.mark.row(62)
@pytest.mark.parametrize("status", [429, 503])
async def test_an_exact_quota_loses_no_key(status: int, serve: Serve, connect: Connect, fault: Watch) -> None:
    """70 keys against 30 requests in 5 s, with an exact Retry-After on 429 or 503, are all read in 15 s."""
    keys = hidden_keys(fault, 70)
    passed: Counter[int] = Counter()
    began = now()

    def answer(_: Received) -> bytes:
        window, at = divmod(now() - began, 5)
        passed[int(window)] += 1
        if passed[int(window)] <= 30:
            return FUNDED
        return refusal(status, "Slow", f"Retry-After: {5 - at + 0.001:.3f}")

    server = await serve(answers(answer))
    client = connect(server, None, retry=RetryPolicy(deadline=3.0))

    report = await fault.value(client.check_all(keys, read=CREDITS), deadline=15.0)

    assert levels_of(report.checks) == {Level.OK: 70}
    assert server.hits <= 70 + 3 * 32


@pytest.mark.process
@pytest.mark.row(63)
@pytest.mark.parametrize(("how", "seconds", "deadline"), [("is_stopped", 4.0, 3.0), ("is_busy", 1.5, 1.0)])
async def test_a_process_that_stands_still_loses_no_key(
    how: str, seconds: float, deadline: float, serve: Serve, fault: Watch
) -> None:
    """A process stopped by a signal, or whose event loop is blocked, longer than `deadline` loses no key."""

    async def behave(wire: Wire) -> None:
        await asyncio.sleep(0.02)
        await wire.write(FUNDED)

    server = await serve(behave)
    code = _STANDS_STILL.format(how=how, seconds=seconds, deadline=deadline)

    output = await fault.child(code, key=hidden_keys(fault, 1)[0], url=server.url, options=())

    assert output.splitlines() == ["300 read, errors: []"]


_STANDS_STILL = """\
import asyncio, os, signal, subprocess, sys, time
from openrouter_credits import CreditsClient, RetryPolicy

def is_busy(seconds):
    time.sleep(seconds)

def is_stopped(seconds):
    wake = f"import os, time; time.sleep({{seconds}}); os.kill({{os.getpid()}}, {{int(signal.SIGCONT)}})"
    child = subprocess.Popen([sys.executable, "-c", wake])
    os.kill(os.getpid(), signal.SIGSTOP)
    child.wait()

async def main():
    keys = [f"sk-or-v1-{{number:064x}}" for number in range(300)]
    count, errors = 0, []
    async with CreditsClient(retry=RetryPolicy(deadline={deadline})) as client:
        async for check in client.check_keys(keys, read=("credits",)):
            count += check.error is None
            errors += [] if check.error is None else [str(check.error)]
            if count == 100:
                {how}({seconds})
    print(f"{{count}} read, errors: {{errors}}")

asyncio.run(main())
"""


@pytest.mark.row(64)
async def test_each_outcome_tells_why_the_host_is_dead(connect: Connect, fault: Watch) -> None:
    """A port that refuses connections gives each of 60 outcomes the reason, within `retry.deadline` + 2 s."""
    keys = hidden_keys(fault, 60)
    sock = bound_socket()
    client = connect(
        f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1", None, retry=RetryPolicy(deadline=1.0)
    )

    report = await fault.value(client.check_all(keys), deadline=3.0)
    sock.close()

    assert levels_of(report.checks) == {Level.UNKNOWN: 60}
    for check in report.checks:
        assert check.error is not None
        assert "refused" in str(check.error)
        assert {APIConnectionError} <= {type(check.error), *map(type, check.error.problems)}
