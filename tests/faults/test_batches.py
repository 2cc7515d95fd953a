"""Small batches of keys over real connections; `tests/batch` has batches of full size."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import pytest

from openrouter_credits import KeyCheck, Level, RateLimitError, RetryPolicy
from tests.kit.clock import now
from tests.kit.values import levels_of, made_up_keys
from tests.kit.wire import FUNDED, Connect, Received, Serve, Server, answers, bound_socket, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._sinks import Watch

CREDITS: tuple[Literal["credits"], ...] = ("credits",)


def hidden_keys(fault: Watch, count: int) -> list[str]:
    """Make up keys, and let the shared assertion look for each of them."""
    keys = made_up_keys(count)
    fault.secrets.update(keys)
    return keys


@pytest.mark.row(41)
async def test_a_bad_key_and_capped_keys_disturb_no_other(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """One unknown key and 5 % of keys at their daily cap get errors at once; all other keys are read."""
    keys = hidden_keys(fault, 100)
    capped = set(keys[3::20])

    def answer(asked: Received) -> bytes:
        if asked.key == keys[50]:
            return refusal(401, "User not found.")
        if asked.key in capped:
            return refusal(429, "Rate limit exceeded: free-models-per-day", "Retry-After: 3")
        return FUNDED

    server = await serve(answers(answer))

    report = await fault.value(connect(server, None).check_all(keys, read=CREDITS), deadline=2.0)

    assert [check.index for check in report.checks] == list(range(100))
    assert levels_of(report.checks) == {Level.OK: 94, Level.INVALID: 1, Level.UNKNOWN: 5}
    assert server.hits == 100


@pytest.mark.row(42)
async def test_a_shared_limit_loses_no_key(serve: Serve, connect: Connect, fault: Watch) -> None:
    """130 keys against a host that allows 100 requests a second are all read; 32 are refused at most."""
    keys = hidden_keys(fault, 130)
    passed: Counter[int] = Counter()
    began = now()

    def limited(_: Received) -> bytes:
        second = int(now() - began)
        passed[second] += 1
        return FUNDED if passed[second] <= 100 else refusal(429, "Rate limit exceeded", "Retry-After: 1")

    server = await serve(answers(limited))

    report = await fault.value(connect(server, None, retry=RetryPolicy()).check_all(keys, read=CREDITS))

    assert levels_of(report.checks) == {Level.OK: 130}
    assert server.hits <= 130 + 32  # a small batch begins at full speed: so many were under way
    assert any("held back" in line for line in fault.logged("openrouter_credits"))


@pytest.mark.row(43)
@pytest.mark.parametrize("is_endless", [False, True], ids=["a list", "an endless iterator"])
async def test_a_dead_host_ends_the_batch(
    is_endless: bool, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A batch against a dead host ends within `retry.deadline` + 2 s; each key has an outcome."""
    known = hidden_keys(fault, 120)
    keys: Iterable[str] = itertools.cycle(known) if is_endless else known
    server = await serve(answers(lambda _: refusal(503)))
    client = connect(server, None, retry=RetryPolicy(deadline=1.0))

    async def check() -> list[KeyCheck]:
        return [check async for check in client.check_keys(keys)]

    checks = await fault.value(check(), deadline=3.0)

    assert {check.level() for check in checks} == {Level.UNKNOWN}
    assert server.hits <= 80
    assert is_endless or sorted(check.index for check in checks) == list(range(120))


@pytest.mark.row(44)
async def test_a_host_that_is_down_for_a_moment_loses_no_key(connect: Connect, fault: Watch) -> None:
    """A host that refuses connections for half a second, then listens, answers once for each of 120 keys."""
    keys = hidden_keys(fault, 120)
    sock = bound_socket()
    server = Server(FUNDED, sock=sock)
    client = connect(f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1", None)
    task = asyncio.ensure_future(client.check_all(keys, read=CREDITS))
    await asyncio.sleep(0.5)

    async with server:
        report = await fault.value(task, deadline=5.0)

    assert levels_of(report.checks) == {Level.OK: 120}
    assert server.hits == 120


@pytest.mark.row(45)
async def test_running_out_of_files_closes_no_gate(serve: Serve, fault: Watch) -> None:
    """Too few file descriptors for a batch cause LocalResourceError at worst, and no gate closes."""
    server = await serve(FUNDED)

    output = await fault.child(_FEW_FILES, key=hidden_keys(fault, 1)[0], url=server.url, options=())

    lost, errors, warnings = output.splitlines()[-1].split()
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
    failed = sum(check.error is not None for check in report.checks)
    print(failed, ",".join(sorted(errors)) or "none", Warnings.count)

asyncio.run(main())
"""


DATE = "Date: Mon, 02 Nov 2026 00:00:00 GMT"
IN_TWO_SECONDS = 1_793_577_602_000
"""Two seconds after `DATE`, in epoch milliseconds: hints count from the reply's date, not a wall clock."""


@pytest.mark.row(3, 4, 5)
@pytest.mark.parametrize(
    ("refused", "least"),
    [
        (refusal(429, "Slow", "Retry-After: 1"), 1.0),
        (refusal(429, "Slow", DATE, f"X-RateLimit-Reset: {IN_TWO_SECONDS}"), 2.0),
        (refusal(429, "Slow", DATE, metadata={"headers": {"X-RateLimit-Reset": f"{IN_TWO_SECONDS}"}}), 2.0),
    ],
    ids=["Retry-After", "Reset", "Reset in the body"],
)
async def test_a_key_waits_for_its_hint_and_the_others_do_not(
    refused: bytes, least: float, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A key that is refused once is read after its hint, and no other key of the batch waits."""
    keys = hidden_keys(fault, 20)
    asked: Counter[str] = Counter()

    def answer(request: Received) -> bytes:
        asked[request.key] += 1
        return refused if request.key == keys[7] and asked[keys[7]] == 1 else FUNDED

    server = await serve(answers(answer))

    report = await fault.value(connect(server, None).check_all(keys, read=CREDITS))

    assert levels_of(report.checks) == {Level.OK: 20}
    assert server.hits == 21
    assert least <= report.checks[7].elapsed <= least * 1.25
    assert max(check.elapsed for check in report.checks if check.index != 7) < 1.0


@pytest.mark.row(6)
async def test_a_reset_far_ahead_is_final_for_its_key_alone(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A limit that resets in 15 hours raises RateLimitError with `.resets_at` at once, after one request."""
    keys = hidden_keys(fault, 20)
    resets_at = datetime(2026, 11, 2, 15, tzinfo=UTC)  # 15 hours after DATE
    refused = refusal(429, "Slow", DATE, f"X-RateLimit-Reset: {int(resets_at.timestamp())}000")
    server = await serve(answers(lambda asked: refused if asked.key == keys[7] else FUNDED))

    report = await fault.value(connect(server, None).check_all(keys, read=CREDITS), deadline=1.0)

    error = report.checks[7].error
    assert isinstance(error, RateLimitError)
    assert error.resets_at == resets_at
    assert levels_of(report.checks) == {Level.OK: 19, Level.UNKNOWN: 1}
    assert server.hits == 20
