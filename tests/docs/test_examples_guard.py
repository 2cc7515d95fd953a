"""The programs of the page `Do not start what cannot be paid`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from openrouter_credits.testing import FakeOpenRouter, Reply

from ._pages import DOCS

PROGRAM = DOCS / "examples" / "guard_batch.py"

# guard_fastapi.py


@pytest.fixture
async def service(fake: FakeOpenRouter) -> AsyncIterator[httpx.AsyncClient]:
    """Start the service, and return a client that calls it without sockets."""
    from guard_fastapi import app

    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as session,
    ):
        yield session


async def summarise(service: httpx.AsyncClient) -> tuple[int, object]:
    """Ask for a summary; return the status and the body of the answer."""
    answer = await service.post("/summaries", params={"text": "a long story"})
    return answer.status_code, answer.json()


async def test_a_summary_that_can_be_paid_for_is_made(service: httpx.AsyncClient) -> None:
    """POST /summaries answers with a summary if the key can pay for it."""
    assert (200, {"summary": "a long story"}) == await summarise(service)


async def test_a_summary_that_cannot_be_paid_for_is_402(
    service: httpx.AsyncClient, fake: FakeOpenRouter, caplog: pytest.LogCaptureFixture
) -> None:
    """POST /summaries answers 402 if too little is left; the amounts are in the log alone, and no key is."""
    caplog.set_level(logging.WARNING)
    fake.spend(os.environ["OPENROUTER_API_KEY"], "26.60")

    assert (402, {"error": "out of credits", "until": None}) == await summarise(service)
    assert "$0.23" in caplog.text
    assert os.environ["OPENROUTER_API_KEY"] not in caplog.text


async def test_what_is_under_way_counts(
    service: httpx.AsyncClient, fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of five requests at the same time, three are served if there is money for three, and two get 402."""
    fake.spend(os.environ["OPENROUTER_API_KEY"], "26.00")  # leaves $0.83
    refused = asyncio.Event()

    async def slow(text: str) -> str:
        await refused.wait()
        return text

    monkeypatch.setattr("guard_fastapi.summarise", slow)
    tasks = [asyncio.create_task(summarise(service)) for _ in range(5)]
    async with asyncio.timeout(60):
        while sum(task.done() for task in tasks) < 2:
            await asyncio.sleep(0)
    refused.set()

    assert [200, 200, 200, 402, 402] == sorted([status for status, _ in await asyncio.gather(*tasks)])


@pytest.mark.parametrize(
    ("reply", "wait"), [(Reply(404), "60"), (Reply(429, headers={"Retry-After": "3600"}), "3600")]
)
async def test_a_summary_in_doubt_is_503(
    service: httpx.AsyncClient, fake: FakeOpenRouter, reply: Reply, wait: str
) -> None:
    """POST /summaries answers 503 if the wallet cannot be read, with the wait that OpenRouter asked for."""
    fake.script("/credits", reply)

    answer = await service.post("/summaries", params={"text": "a long story"})

    assert (503, wait) == (answer.status_code, answer.headers["Retry-After"])
    assert {"error": "credits unknown"} == answer.json()


# guard_batch.py


async def batch(folder: Path, number: int) -> tuple[int | None, list[str], str]:
    """Run the batch with some jobs; return its exit code, its lines, and standard error, which has no key."""
    jobs = folder / "jobs.txt"
    jobs.write_text("\n".join(f"job {place}" for place in range(number)), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", str(PROGRAM), str(jobs)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert b"Traceback" not in err
    assert os.environ["OPENROUTER_API_KEY"] not in out.decode() + err.decode()
    return process.returncode, sorted(out.decode().splitlines()), err.decode()


async def test_a_batch_that_can_be_paid_for_is_done(fake: FakeOpenRouter, tmp_path: Path) -> None:
    """The batch does all jobs, prints nothing on standard error and exits with 0 if the money is enough."""
    done = [f"done: job {place}" for place in range(9)]

    assert (0, done, "") == await batch(tmp_path, 9)


async def test_a_batch_stops_when_the_money_is_out(fake: FakeOpenRouter, tmp_path: Path) -> None:
    """The batch does two jobs if there is money for two; it says how far it came, and exits with 2."""
    fake.spend(os.environ["OPENROUTER_API_KEY"], "25.63")  # leaves $1.20

    code, done, err = await batch(tmp_path, 9)

    assert (2, 2) == (code, len(done))
    assert "WARNING:openrouter_credits" in err
    assert "\nStopped: 2 of 9 jobs are done.\n" in err


async def test_a_batch_starts_nothing_in_doubt(
    fake: FakeOpenRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch starts no job, says why, and exits with 3 if it cannot know what is left."""
    monkeypatch.delenv("OPENROUTER_MANAGEMENT_KEY")

    code, done, err = await batch(tmp_path, 9)

    assert (3, []) == (code, done)
    assert "WARNING:openrouter_credits" in err
    assert "\nStopped: 0 of 9 jobs are done.\n" in err
