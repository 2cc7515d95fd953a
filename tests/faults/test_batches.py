"""Batches of keys over real connections, at sizes that keep the suite short; `tests/test_batch.py` has them at full size."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest

from openrouter_credits import CheckReport, KeyCheck, Level, RateLimitError, RetryPolicy
from tests.kit.clock import now
from tests.kit.values import made_up_keys
from tests.kit.wire import FUNDED, Asked, Connect, Serve, answers, refusal

if TYPE_CHECKING:
    from ._sinks import Watch

CREDITS: tuple[Literal["credits"], ...] = ("credits",)


def hidden_keys(fault: Watch, count: int) -> list[str]:
    """Make up keys, none of which may be seen anywhere."""
    keys = made_up_keys(count)
    fault.secrets.update(keys)
    return keys


def levels_of(report: CheckReport) -> Counter[Level]:
    """Count the outcomes by their levels."""
    return Counter(check.level() for check in report.checks)


@pytest.mark.row(41)
async def test_a_bad_key_and_capped_keys_disturb_no_other(serve: Serve, connect: Connect, fault: Watch) -> None:
    """One is unknown, a twentieth has spent its free requests for the day: each says so at once, and the others are read."""
    keys = hidden_keys(fault, 100)
    capped = set(keys[3::20])
    server = await serve(
        answers(
            lambda asked: (
                refusal(401, "User not found.")
                if asked.key == keys[50]
                else refusal(429, "Rate limit exceeded: free-models-per-day", "Retry-After: 3")
                if asked.key in capped
                else FUNDED
            )
        )
    )

    report = await fault.value(connect(server, None).check_all(keys, read=CREDITS), deadline=2.0)

    assert [check.index for check in report.checks] == list(range(100))
    assert levels_of(report) == {Level.OK: 94, Level.INVALID: 1, Level.UNKNOWN: 5}
    assert server.hits == 100


@pytest.mark.row(42)
async def test_a_shared_limit_loses_no_key(serve: Serve, connect: Connect, fault: Watch) -> None:
    """130 keys against 100 a second: the host is held back once, and each key is read."""
    keys = hidden_keys(fault, 130)
    passed: Counter[int] = Counter()
    began = now()

    def limited(_: Asked) -> bytes:
        second = int(now() - began)
        passed[second] += 1
        return FUNDED if passed[second] <= 100 else refusal(429, "Rate limit exceeded", "Retry-After: 1")

    server = await serve(answers(limited))

    report = await fault.value(connect(server, None, retry=RetryPolicy()).check_all(keys, read=CREDITS))

    assert levels_of(report) == {Level.OK: 130}
    assert server.hits <= 130 + 10
    assert any("held back" in line for line in fault.logged("openrouter_credits"))


@pytest.mark.row(43)
@pytest.mark.parametrize("is_endless", [False, True])
async def test_a_dead_host_ends_the_batch(is_endless: bool, serve: Serve, connect: Connect, fault: Watch) -> None:
    """Within the policy's deadline and 2 s, with a few requests; each key that is known has an outcome."""
    known = hidden_keys(fault, 120)
    keys: Any = itertools.cycle(known) if is_endless else known
    server = await serve(answers(lambda _: refusal(503)))
    client = connect(server, None, retry=RetryPolicy(deadline=1.0))

    async def check() -> list[KeyCheck]:
        return [check async for check in client.check_keys(keys)]

    checks = await fault.value(check(), deadline=3.0)

    assert {check.level() for check in checks} == {Level.UNKNOWN}
    assert server.hits <= 80
    assert is_endless or sorted(check.index for check in checks) == list(range(120))


@pytest.mark.row(44)
async def test_a_host_that_is_down_for_a_moment_loses_no_key(connect: Connect, serve: Serve, fault: Watch) -> None:
    """Nobody listens at first; when somebody does, all 120 keys are read."""
    keys = hidden_keys(fault, 120)
    server = await serve(FUNDED)
    client = connect(server, None)
    port = server.port
    await server.stop()
    task = asyncio.ensure_future(client.check_all(keys, read=CREDITS))
    await asyncio.sleep(0.5)
    server._server = await asyncio.start_server(server._serve, "127.0.0.1", port)

    report = await fault.value(task, deadline=5.0)

    assert levels_of(report) == {Level.OK: 120}
    assert server.hits == 120


@pytest.mark.row(45)
async def test_running_out_of_files_closes_no_gate(serve: Serve, fault: Watch) -> None:
    """128 files for 500 keys: what cannot be sent is LocalResourceError, and the host is not taken for dead."""
    server = await serve(FUNDED)

    told = await fault.child(_FEW_FILES, key=hidden_keys(fault, 1)[0], url=server.url, options=())

    lost, errors, warnings = told.splitlines()[-1].split()
    assert errors in {"LocalResourceError", "none"}
    assert warnings == "0"
    assert int(lost) + server.hits >= 500


_FEW_FILES = """\
import asyncio, logging, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
from openrouter_credits import CreditsClient, KeySpec

class Warnings(logging.Handler):
    count = 0
    def emit(self, record):
        Warnings.count += record.levelno >= logging.WARNING

async def main():
    logging.getLogger("openrouter_credits").addHandler(Warnings())
    keys = [f"sk-or-v1-{number:064x}" for number in range(500)]
    async with CreditsClient(max_connections=300) as client:
        report = await client.check_all(keys, concurrency=300, read=("credits",))
    errors = {type(check.error).__name__ for check in report.checks if check.error is not None}
    assert len(report.checks) == 500
    print(sum(check.error is not None for check in report.checks), ",".join(sorted(errors)) or "none", Warnings.count)

asyncio.run(main())
"""


def epoch_milliseconds(seconds: float) -> str:
    """Write a moment from now as OpenRouter does."""
    return str(round((datetime.now(UTC) + timedelta(seconds=seconds)).timestamp() * 1000))


HINTS: list[tuple[str, Callable[[], bytes], float]] = [
    ("Retry-After", lambda: refusal(429, "Slow", "Retry-After: 1"), 1.0),
    ("Reset", lambda: refusal(429, "Slow", f"X-RateLimit-Reset: {epoch_milliseconds(1.5)}"), 1.4),
    ("Reset in the body", lambda: refusal(429, "Slow", metadata={"headers": {"X-RateLimit-Reset": epoch_milliseconds(1.5)}}), 1.4),
]


@pytest.mark.row(3, 4, 5)
@pytest.mark.parametrize(("refuse", "least"), [pytest.param(refuse, least, id=name) for name, refuse, least in HINTS])
async def test_a_key_waits_for_its_hint_and_the_others_do_not(
    refuse: Callable[[], bytes], least: float, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """One key is refused once; it is read after its hint, and nobody else waits."""
    keys = hidden_keys(fault, 20)
    asked: Counter[str] = Counter()

    def answer(request: Asked) -> bytes:
        asked[request.key] += 1
        return refuse() if request.key == keys[7] and asked[keys[7]] == 1 else FUNDED

    server = await serve(answers(answer))

    report = await fault.value(connect(server, None).check_all(keys, read=CREDITS))

    assert levels_of(report) == {Level.OK: 20}
    assert server.hits == 21
    assert report.checks[7].elapsed >= least
    assert max(check.elapsed for check in report.checks if check.index != 7) < 1.0


@pytest.mark.row(6)
async def test_a_reset_far_ahead_is_final_for_its_key_alone(serve: Serve, connect: Connect, fault: Watch) -> None:
    """RateLimitError at once, with the time; one request."""
    keys = hidden_keys(fault, 20)
    refuse = refusal(429, "Slow", f"X-RateLimit-Reset: {epoch_milliseconds(15 * 3600)}")
    server = await serve(answers(lambda asked: refuse if asked.key == keys[7] else FUNDED))

    report = await fault.value(connect(server, None).check_all(keys, read=CREDITS), deadline=1.0)

    error = report.checks[7].error
    assert isinstance(error, RateLimitError)
    assert error.resets_at is not None
    assert levels_of(report) == {Level.OK: 19, Level.UNKNOWN: 1}
    assert server.hits == 20
