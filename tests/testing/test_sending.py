"""Scripted answers on the wire: complete, cut, slow or none."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from openrouter_credits.testing import CutBody, Disconnect, Drip, FakeAccount, Hang, Reply
from tests.kit.clock import lap, until
from tests.testing.conftest import Caller, read_until_cut


async def test_a_reply_is_sent_as_it_is(call: Caller) -> None:
    """A Reply sends its bytes, its content type and its repeated headers unchanged."""
    headers = [("Content-Type", "text/html"), ("Retry-After", "1"), ("Retry-After", "3")]
    call.fake.script("/key", Reply(502, b"\xff<html>", headers))

    async with call.session.get(call.fake.url + "/key") as response:
        assert b"\xff<html>" == await response.read()
    assert ("text/html", ["1", "3"]) == (
        response.headers["Content-Type"],
        response.headers.getall("Retry-After"),
    )


async def test_a_disconnect_is_no_answer(call: Caller, acme: FakeAccount) -> None:
    """Disconnect() gives no answer and carries nothing out; the next request is served."""
    boss = acme.add_key(management=True)
    call.fake.script("/keys", Disconnect())

    with pytest.raises(aiohttp.ClientError, match="disconnected"):
        await call("/keys", boss, method="POST", body='{"name": "bot"}')

    assert [] == await call.data("/keys", boss)
    assert 2 == len(call.fake.requests)


@pytest.mark.parametrize(
    ("fault", "share"), [(CutBody(), 0.5), (CutBody(7), None), (CutBody(0), None), (CutBody(10_000), 1)]
)
async def test_a_cut_body_is_less_than_was_promised(
    call: Caller, acme: FakeAccount, fault: CutBody, share: float | None
) -> None:
    """CutBody sends the given number of bytes, by default half, and promises one more than there are."""
    key = acme.add_key()
    _, whole = await call("/key", key)
    call.fake.script("/key", fault)

    async with call.session.get(
        call.fake.url + "/key", headers={"Authorization": f"Bearer {key.reveal()}"}
    ) as response:
        assert (200, len(whole) + 1) == (response.status, response.content_length)
        received = await read_until_cut(response)

    assert whole[: fault.sent if share is None else int(len(whole) * share)].encode() == received


async def test_a_drip_is_the_true_answer_byte_by_byte(call: Caller, acme: FakeAccount) -> None:
    """Drip sends the true answer one byte at a time, with the given interval after each."""
    boss = acme.add_key(management=True)
    _, whole = await call("/credits", boss)
    call.fake.script("/credits", Drip(interval=0.002))

    with lap() as taken:
        assert (200, whole) == await call("/credits", boss)

    assert taken.elapsed == pytest.approx(0.002 * len(whole))


async def test_a_hanging_answer_ends_with_its_client(call: Caller, acme: FakeAccount) -> None:
    """When a client leaves a hanging answer, the server's task ends, and the next request is served."""
    key = acme.add_key()
    call.fake.script("/key", Hang())
    before = asyncio.all_tasks()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call("/key", key), 0.1)

    await until(lambda: asyncio.all_tasks() == before)
    status, _ = await call("/key", key)
    assert 200 == status
