"""A redirect is an error, never a second request that carries the key along."""

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
@pytest.mark.parametrize("is_borrowed", [False, True], ids=["own session", "borrowed session"])
async def test_a_redirect_is_an_error(
    is_borrowed: bool, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 302 is an error after one request, wherever it leads, and its target sees no request."""
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
            server.script(reply(302, b"", f"Location: {location}"))
            error = await fault.error(RedirectError, client.credits())

            assert (error.status, error.is_retryable) == (302, False), location

    assert server.hits == len(locations)
    assert target.hits == 0


@pytest.mark.row(33)
@pytest.mark.parametrize("status", [301, 307, 304])
async def test_a_redirect_of_any_status_is_an_error(
    status: int, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 3xx is an error after one request, whether it changes the method, keeps it or redirects nothing."""
    server = await serve(FUNDED)
    server.script(reply(status, b"", f"Location: {server.url}/elsewhere"))

    error = await fault.error(RedirectError, connect(server).credits())

    assert (error.status, server.hits) == (status, 1)


@pytest.mark.row(33)
async def test_a_redirect_without_a_location_is_an_error(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 302 without a Location is an error like any other 3xx."""
    server = await serve(reply(302, b""))

    await fault.error(RedirectError, connect(server).credits())

    assert server.hits == 1


@pytest.mark.row(33)
async def test_a_redirect_from_https_to_http_is_an_error(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A redirect from https to http is an error, and the plain server sees no request."""
    authority = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    authority.configure_trust(ours)
    target = await serve(FUNDED)
    server = await serve(reply(302, b"", f"Location: {target.url}/credits"), tls=theirs)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=ours)) as session:
        await fault.error(RedirectError, connect(server, session=session).credits())

    assert (server.hits, target.hits) == (1, 0)
