"""The server's scripts, latency and life."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from openrouter_credits.testing import CutBody, Disconnect, Drip, FakeAccount, FakeOpenRouter, Hang, Reply
from tests.kit.clock import lap, now, settle
from tests.testing.conftest import TUESDAY, Caller, calling


async def test_nothing_is_served_outside_of_the_base_url(call: Caller, acme: FakeAccount) -> None:
    """A request outside of the base path `/api/v1` gets 404, and is recorded with its whole path."""
    boss = acme.add_key(management=True)
    origin = call.fake.url.removesuffix("/api/v1")

    async with call.session.get(
        origin + "/credits", headers={"Authorization": f"Bearer {boss.reveal()}"}
    ) as response:
        assert 404 == response.status
    assert "/credits" == call.fake.requests[-1].path


async def test_only_keys_of_the_server_can_spend(acme: FakeAccount, fake: FakeOpenRouter) -> None:
    """spend() with an unknown key raises LookupError, which shows the key's mask only."""
    acme.add_key()

    with pytest.raises(LookupError, match=r"no key sk-or-v1-123\.\.\.4567$"):
        fake.spend("sk-or-v1-123456789001234567", 1)


async def test_scripted_answers_come_first_one_each(call: Caller, acme: FakeAccount) -> None:
    """Scripted answers are used up in order on their path alone; the server then answers normally again."""
    key = acme.add_key()
    call.fake.script("/key", Reply(503))
    call.fake.script("/key", Reply(429, headers={"Retry-After": "1"}), Reply(200, "{}"))

    other, _ = await call("/credits", key)
    first = await call.message("/key")
    async with call.session.get(call.fake.url + "/key") as second:
        assert (429, "1") == (second.status, second.headers["Retry-After"])
    third = await call("/key", method="POST")
    fourth, _ = await call("/key", key)

    assert 403 == other
    assert (503, "Service temporarily unavailable") == first
    assert (200, "{}") == third
    assert 200 == fourth


async def test_a_scripted_path_need_not_be_one_of_openrouters_account(call: Caller) -> None:
    """script() takes any path below the base URL, including those that the fake does not know."""
    call.fake.script("/generation", Reply(200, {"data": {"total_cost": Decimal("0.000000001")}}))

    assert (200, '{"data":{"total_cost":0.000000001}}') == await call("/generation?id=1")


def test_a_script_is_checked_when_it_is_written() -> None:
    """script() refuses a class instead of its instance, and a path that no request can have."""
    fake = FakeOpenRouter()

    with pytest.raises(TypeError, match="Disconnect"):
        fake.script("/key", Disconnect)  # type: ignore[arg-type]  # the mistake that is tested
    for path in ("key", "/key?x=1"):
        with pytest.raises(ValueError, match="below the base URL"):
            fake.script(path, Reply())


async def test_every_answer_takes_the_latency() -> None:
    """Twenty concurrent requests, one of them scripted, each wait for the latency and overlap."""
    async with FakeOpenRouter(latency=0.05) as fake, calling(fake) as call:
        fake.script("/key", Reply(503))
        with lap() as taken:
            statuses = await asyncio.gather(*(call("/key") for _ in range(20)))

    assert [401] * 19 + [503] == sorted(status for status, _ in statuses)
    assert taken.elapsed == pytest.approx(0.05)


async def test_a_server_may_be_stopped_and_started_again() -> None:
    """A fake that is entered again keeps accounts and scripted answers; it has a URL only while it runs."""
    fake = FakeOpenRouter()
    key = fake.add_account().add_key()
    fake.script("/key", Reply(503))

    statuses = []
    for _ in range(2):
        async with fake, calling(fake) as call:
            statuses.append((await call("/key", key))[0])
            assert fake.url in repr(fake)
            with pytest.raises(RuntimeError, match="running already"):
                await fake.__aenter__()
    await fake.__aexit__(None, None, None)

    assert [503, 200] == statuses
    assert "<FakeOpenRouter not running>" == repr(fake)
    with pytest.raises(RuntimeError, match="async with"):
        _ = fake.url


async def test_servers_know_nothing_of_each_other() -> None:
    """Two fakes at the same time have ports, accounts and requests of their own."""
    async with (
        FakeOpenRouter() as one,
        FakeOpenRouter() as two,
        calling(one) as call_one,
        calling(two) as call_two,
    ):
        one.add_account(usage=1).add_key(management=True)
        boss = two.add_account(usage=2).add_key(management=True)

        first, second = await call_one.data("/credits", boss), await call_two.data("/credits", boss)

    assert (1, 2) == (first["total_usage"], second["total_usage"])
    assert 1 == len(one.requests) == len(two.requests)


@pytest.mark.parametrize(
    "ticks",
    [
        0,  # nothing has begun
        3,  # clients are connecting
        6,  # connected, and sending
        9,  # requests have arrived
        12,  # some answers are complete
        16,  # a client sends again after the disconnect
        39,  # only hanging and dripping answers are left
    ],
)
async def test_a_server_stops_at_any_moment_and_leaves_nothing(
    ticks: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A server stops in no time, with no task and no log record left, whatever its clients are doing."""
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        async with FakeOpenRouter() as fake:
            key = fake.add_account().add_key()
            fake.script(
                "/key",
                Hang(),
                Hang(),
                Drip(0.01),
                Drip(0.01),
                CutBody(),
                Disconnect(),
                Reply(503),
                Drip(0.01),
            )
            call = Caller(fake, session)
            calls = [asyncio.create_task(call("/key", key)) for _ in range(12)]
            for _ in range(ticks):
                await asyncio.sleep(0)
            stopping = now()
        stopped = now()
        await asyncio.gather(*calls, return_exceptions=True)

    assert stopped == stopping
    assert [] == [record for record in caplog.records if record.levelno > logging.DEBUG]
    await settle()
    assert set() == asyncio.all_tasks() - before


async def test_a_client_that_goes_away_before_its_answer_is_nobodys_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """When a client leaves before its answer is sent, the server logs nothing and serves the next request."""
    is_armed = False

    def cut_off() -> datetime:
        """Return the time, and cut the connection while the answer is made."""
        if is_armed:
            assert fake._running is not None
            for connection in fake._running[0].connections:
                connection.force_close()
        return TUESDAY

    async with FakeOpenRouter(now=cut_off) as fake, calling(fake) as call:
        key = fake.add_account().add_key()
        fake.script("/key", Drip())

        is_armed = True
        with pytest.raises(aiohttp.ClientError, match="disconnected"):
            await call("/key", key)
        is_armed = False
        status, _ = await call("/key", key)

    assert 200 == status
    assert [] == [record for record in caplog.records if record.levelno > logging.DEBUG]


def test_a_server_runs_in_a_plain_program() -> None:
    """FakeOpenRouter works in a plain program with asyncio.run(), on one event loop after another."""

    async def main() -> int:
        async with FakeOpenRouter() as fake, calling(fake) as call:
            return (await call("/key"))[0]

    assert [401, 401] == [asyncio.run(main()) for _ in range(2)]


@pytest.mark.parametrize(
    "options",
    [{"latency": -1}, {"rate_limit": 0}, {"now": lambda: datetime(2026, 1, 1)}],  # noqa: DTZ001 - a naive clock is refused
)
def test_a_server_that_cannot_be_is_a_value_error(options: dict[str, Any]) -> None:
    """FakeOpenRouter() raises ValueError for a negative latency, a rate limit of zero and a naive clock."""
    with pytest.raises(ValueError, match=r".+"):
        FakeOpenRouter(**options)
