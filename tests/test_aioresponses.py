"""Users can test with aioresponses; the `mocked` fixture of `conftest.py` has the one repair it needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientConnectionError, ClientSession
from yarl import URL

from openrouter_credits import APIConnectionError, APITimeoutError, AuthenticationError, CreditsClient
from tests.kit.values import KEY, QUICK, sample

if TYPE_CHECKING:
    from aioresponses import aioresponses

CREDITS = "https://openrouter.ai/api/v1/credits"
KEY_URL = "https://openrouter.ai/api/v1/key"


async def test_credits_are_read(mocked: aioresponses) -> None:
    """A mocked body gives exact money; the mock sees the key where a server would, masked in its `repr`."""
    mocked.get(CREDITS, body=sample("credits-noise"))

    async with CreditsClient(KEY) as client:
        credits_ = await client.credits()

    assert str(credits_.remaining) == "43.628104995"
    (call,) = mocked.requests["GET", URL(CREDITS)]
    assert str(call.kwargs["headers"]["Authorization"]) == f"Bearer {KEY}"
    assert KEY not in repr(call)


async def test_a_payload_works_as_well_as_a_body(mocked: aioresponses) -> None:
    """A mocked `payload` works as well as a `body`."""
    mocked.get(KEY_URL, payload=json.loads(sample("key-2025")))

    async with CreditsClient(KEY) as client:
        assert (await client.key()).limit is None


async def test_a_401_is_an_authentication_error(mocked: aioresponses) -> None:
    """A mocked 401 raises AuthenticationError with the server's message after one request."""
    mocked.get(CREDITS, status=401, body=sample("error-user-not-found"), repeat=True)

    async with CreditsClient(KEY) as client:
        with pytest.raises(AuthenticationError, match=r"401 User not found\."):
            await client.credits()

    assert len(mocked.requests["GET", URL(CREDITS)]) == 1


async def test_a_503_is_tried_again(mocked: aioresponses) -> None:
    """A retry gets the next answer that the mock has queued."""
    mocked.get(CREDITS, status=503)
    mocked.get(CREDITS, status=429, headers={"Retry-After": "0"})
    mocked.get(CREDITS, body=sample("credits-spec"))

    async with CreditsClient(KEY, retry=QUICK) as client:
        assert str((await client.credits()).remaining) == "74.75"

    assert len(mocked.requests["GET", URL(CREDITS)]) == 3


async def test_a_zero_is_confirmed(mocked: aioresponses) -> None:
    """A mocked 0/0 is confirmed by a mocked `/key`."""
    mocked.get(CREDITS, body=sample("credits-unconfirmed-zero"))
    mocked.get(
        KEY_URL, payload={"data": {"label": "k", "usage": 0, "limit": None, "is_management_key": True}}
    )

    async with CreditsClient(KEY) as client:
        assert (await client.credits()).is_zero


@pytest.mark.parametrize(
    ("problem", "kind"), [(ClientConnectionError("x"), APIConnectionError), (TimeoutError(), APITimeoutError)]
)
async def test_exceptions_are_translated(
    problem: Exception, kind: type[Exception], mocked: aioresponses
) -> None:
    """An exception that the mock raises for aiohttp becomes ours after three attempts."""
    mocked.get(CREDITS, exception=problem, repeat=True)

    async with CreditsClient(KEY, retry=QUICK) as client:
        with pytest.raises(kind):
            await client.credits()

    assert len(mocked.requests["GET", URL(CREDITS)]) == 3


async def test_a_borrowed_session_is_mocked_too(mocked: aioresponses) -> None:
    """A client that borrows a program's own session is mocked too."""
    mocked.get(CREDITS, body=sample("credits-integer"))

    async with ClientSession() as session, CreditsClient(KEY, session=session) as client:
        assert str((await client.credits()).remaining) == "3.31088086"


async def test_a_query_is_part_of_the_address(mocked: aioresponses) -> None:
    """A call with `params` is answered by the mock of the URL with that query."""
    mocked.get("https://openrouter.ai/api/v1/keys?offset=100", payload={"data": []})

    async with CreditsClient(KEY) as client:
        assert await client.request("GET", "/keys", into=dict[str, list[int]], params={"offset": 100}) == {
            "data": []
        }
