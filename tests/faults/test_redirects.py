"""Redirects: an error that a person must see, never a second request that carries the key along."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import aiohttp
import pytest
import trustme

from openrouter_credits import RedirectError
from tests.kit.values import KEY
from tests.kit.wire import FUNDED, Connect, Serve, reply

if TYPE_CHECKING:
    from ._sinks import Watch


@pytest.mark.row(33)
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("is_borrowed", [False, True], ids=["own session", "borrowed session"])
async def test_a_redirect_is_an_error(status: int, is_borrowed: bool, serve: Serve, connect: Connect, fault: Watch) -> None:
    """To the same origin, to another one, or to itself: one request, and none to the target."""
    target = await serve(FUNDED)
    server = await serve(FUNDED)
    locations = [
        f"{server.url}/elsewhere",
        f"{target.url}/credits",
        f"{server.url}/credits",
        "//evil.example/x",
        "not a url:",
        f"/x?key={KEY}",
    ]

    async with aiohttp.ClientSession() as session:
        client = connect(server, session=session) if is_borrowed else connect(server)
        for location in locations:
            server.script(reply(status, b"", f"Location: {location}"))
            error = await fault.error(RedirectError, client.credits())

            assert (error.status, error.is_retryable) == (status, False)

    assert server.hits == len(locations)
    assert target.hits == 0


@pytest.mark.row(33)
async def test_a_redirect_without_a_location_is_an_error(serve: Serve, connect: Connect, fault: Watch) -> None:
    """The status alone decides."""
    server = await serve(reply(302, b""))

    await fault.error(RedirectError, connect(server).credits())

    assert server.hits == 1


@pytest.mark.row(33)
async def test_a_redirect_from_https_to_http_is_an_error(serve: Serve, connect: Connect, fault: Watch) -> None:
    """The key never leaves TLS."""
    authority = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    authority.configure_trust(ours)
    target = await serve(FUNDED)
    server = await serve(reply(302, b"", f"Location: {target.url}/credits"), tls=theirs)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=ours)) as session:
        await fault.error(RedirectError, connect(server, session=session).credits())

    assert (server.hits, target.hits) == (1, 0)
