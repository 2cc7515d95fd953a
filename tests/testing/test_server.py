"""The server's scripts, latency and life."""

from __future__ import annotations

import asyncio
import io
import logging
import math
from datetime import datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from openrouter_credits import InvalidKeyError
from openrouter_credits.testing import CutBody, Disconnect, Drip, FakeAccount, FakeOpenRouter, Hang, Reply
from tests.kit.clock import lap, now, settle
from tests.kit.wire import in_this_loop
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


async def test_every_answer_takes_the_latency() -> None:
    """Twenty concurrent requests, one of them scripted, each wait for the latency and overlap."""
    async with in_this_loop(FakeOpenRouter(latency=0.05)) as fake, calling(fake) as call:
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
        async with in_this_loop(FakeOpenRouter()) as fake:
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
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a client leaves before its answer is sent, the server logs nothing and serves the next request."""
    connections: list[web.RequestHandler] = []
    is_armed = False

    def cut_off() -> datetime:
        """Return the time, and cut the connection while the answer is made."""
        if is_armed:
            connections[-1].force_close()
        return TUESDAY

    fake = FakeOpenRouter(now=cut_off)
    handle = fake._handle

    async def noting(request: web.BaseRequest) -> web.StreamResponse:
        connections.append(request.protocol)
        return await handle(request)

    monkeypatch.setattr(fake, "_handle", noting)
    async with in_this_loop(fake), calling(fake) as call:
        key = fake.add_account().add_key()
        fake.script("/key", Drip())

        is_armed = True
        with pytest.raises(aiohttp.ClientError, match="disconnected"):
            await call("/key", key)
        is_armed = False
        status, _ = await call("/key", key)

    assert 200 == status
    assert [] == [record for record in caplog.records if record.levelno > logging.DEBUG]


async def test_a_body_that_is_too_large_is_refused_in_openrouters_shape(call: Caller) -> None:
    """A request body above aiohttp's limit of 1 MiB gets a 413 with OpenRouter's error object."""
    async with call.session.post(call.fake.url + "/keys", data=io.BytesIO(b"x" * 1_100_000)) as response:
        body = await response.json()

    assert (413, 413) == (response.status, body["error"]["code"])


def now_fails() -> datetime:
    """Fail, as a clock that a test has made may."""
    raise LookupError("no time left")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"latency": -1}, ValueError, "latency is a finite number of seconds from 0, not -1"),
        ({"latency": math.nan}, ValueError, "latency is a finite number of seconds from 0, not nan"),
        ({"latency": math.inf}, ValueError, "latency is a finite number of seconds from 0, not inf"),
        ({"latency": 10**309}, ValueError, f"latency is a finite number of seconds from 0, not {10**309}"),
        ({"latency": "1"}, TypeError, "latency is a number of seconds, not str"),
        ({"latency": True}, TypeError, "latency is a number of seconds, not bool"),
        (
            {"rate_limit": 0},
            ValueError,
            "rate_limit is a finite number of requests per second above 0, not 0",
        ),
        (
            {"rate_limit": math.nan},
            ValueError,
            "rate_limit is a finite number of requests per second above 0, not nan",
        ),
        ({"rate_limit": "1"}, TypeError, "rate_limit is a number of requests per second, not str"),
        ({"now": TUESDAY}, TypeError, "now is a function that returns the time, not datetime"),
        ({"now": lambda: 1.5}, TypeError, "now() returns a datetime, not float"),
        (
            {"now": lambda: datetime(2026, 1, 1)},  # noqa: DTZ001 - a naive clock is refused
            ValueError,
            "now() returns a time with a time zone, as datetime.now(UTC) does",
        ),
        ({"now": now_fails}, ValueError, "now() raised LookupError: no time left"),
        ({"port": -1}, ValueError, "port is a whole number from 0 to 65535, not -1"),
        ({"port": 65536}, ValueError, "port is a whole number from 0 to 65535, not 65536"),
        ({"port": "80"}, TypeError, "port is a whole number from 0 to 65535, not str"),
        ({"port": 80.0}, TypeError, "port is a whole number from 0 to 65535, not float"),
    ],
)
def test_a_wrong_argument_is_named(options: dict[str, Any], error: type[Exception], message: str) -> None:
    """FakeOpenRouter() refuses a wrong argument, names it, and says which values it takes."""
    with pytest.raises(error) as caught:
        FakeOpenRouter(**options)

    assert message == str(caught.value)


def test_an_account_has_paid_or_not() -> None:
    """add_account() refuses a `free_tier` that is neither True nor False."""
    with pytest.raises(TypeError, match=r"^free_tier is True or False, not str$"):
        FakeOpenRouter().add_account(free_tier="no")  # type: ignore[arg-type]  # the mistake that is tested


@pytest.mark.parametrize("key", ["sk-or-v1-fit-for-nothing, 123", "sk-or-v1-123456789001234567"])
def test_no_frame_shows_the_key_that_cannot_spend(key: str) -> None:
    """When spend() refuses a key, no frame of the package holds the key's text."""
    text = "".join(key)

    with pytest.raises((InvalidKeyError, LookupError)) as caught:
        FakeOpenRouter().spend(text, 1)

    ours = [entry for entry in caught.traceback if "openrouter_credits" in str(entry.path)]
    shown = [repr(entry.locals) for entry in ours]
    assert shown
    assert [] == [frame for frame in shown if key in frame]
