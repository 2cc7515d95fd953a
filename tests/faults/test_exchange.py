"""A code, its verifier and the key that they are exchanged for are in no sink, whatever goes wrong."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from openrouter_credits import (
    AmbiguousWriteError,
    ApiKey,
    BadRequestError,
    OpenRouterError,
    PermissionDeniedError,
)
from tests.kit.values import made_up
from tests.kit.wire import CLOSE, HANG, Connect, Serve, Step, reply, sends

from ._sinks import Watch

CODE = "auth_code_" + made_up("code")[9:]
VERIFIER = made_up("verifier")[9:]
NEW_KEY = made_up("a key for a code")


@pytest.fixture(autouse=True)
def secrets(fault: Watch) -> None:
    """Count code, verifier and new key as secrets of the test."""
    fault.secrets |= {CODE, VERIFIER, NEW_KEY}


def echo(status: int, **more: Any) -> bytes:
    """Refuse with words that have all secrets in them."""
    message = f"{CODE} and {VERIFIER} give {NEW_KEY}"
    return reply(
        status,
        {"error": {"code": status, "message": message, "metadata": {"sent": [CODE, VERIFIER]}, **more}},
        f"X-Request-Id: {CODE}",
    )


@pytest.mark.row(20, 35)
@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (echo(400), BadRequestError),
        (echo(403), PermissionDeniedError),
        (echo(500), AmbiguousWriteError),
        (reply(200, {"error": {"code": 400, "message": CODE}}), BadRequestError),
        (reply(200, {"key": f"{NEW_KEY} {CODE}"}), AmbiguousWriteError),
        (reply(200, {NEW_KEY: NEW_KEY, CODE: CODE}), AmbiguousWriteError),
        (reply(200, [NEW_KEY]), AmbiguousWriteError),
        (reply(200, json.dumps({"key": NEW_KEY})[:-1]), AmbiguousWriteError),
        (CLOSE, AmbiguousWriteError),
        (sends(reply(200, {"key": NEW_KEY})[:-9], end="close"), AmbiguousWriteError),
    ],
    ids=[
        *("400", "403", "500", "400 in a 200", "no key", "other names", "a list", "cut JSON", "disconnect"),
        "cut",
    ],
)
async def test_a_failed_exchange_shows_nothing(
    step: Step, kind: type[OpenRouterError], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """The error of an exchange has neither code nor verifier nor key in any sink; the code was sent once."""
    server = await serve(step)

    await fault.error(kind, connect(server, None).exchange_code(CODE, VERIFIER))

    assert server.hits == 1


@pytest.mark.row(20)
async def test_a_key_that_was_exchanged_shows_itself_masked(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """The new key comes as an ApiKey, and neither logs nor the value itself show it."""
    server = await serve(reply(200, {"key": NEW_KEY, "user_id": None}))
    seen: list[str] = []

    async def call() -> str:
        key = await connect(server, None).exchange_code(CODE, VERIFIER, code_challenge_method="S256")
        seen.append(key.reveal())
        return str(key)

    assert await fault.value(call()) == str(ApiKey(NEW_KEY))
    assert seen == [NEW_KEY]


@pytest.mark.row(39)
@pytest.mark.parametrize("step", [HANG, sends(reply(200, {"key": NEW_KEY})[:-2], end="hang")])
@pytest.mark.parametrize("after", [None, 0.5], ids=["cancelled", "timed out"])
async def test_an_exchange_that_is_cut_short_shows_nothing(
    step: Step, after: float | None, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """An exchange that is cancelled, or ended by a time-out around it, has the secrets in no frame."""
    server = await serve(step)

    await fault.cut_short(connect(server, None).exchange_code(CODE, VERIFIER), after=after)

    assert server.hits == 1


@pytest.mark.row(39)
async def test_an_exchange_that_never_began_shows_nothing(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """An exchange whose task is cancelled before its first step has the secrets in no frame either."""
    server = await serve(HANG)
    call = connect(server, None).exchange_code(CODE, VERIFIER)
    cancelled = ValueError("never mind")

    async def cut() -> None:
        call.throw(cancelled)

    await fault.error(ValueError, cut())

    assert server.hits == 0


@pytest.mark.row(34)
@pytest.mark.parametrize(
    "arguments",
    [
        (f"https://app.example/?code={CODE}", VERIFIER),
        (f"{CODE} ", VERIFIER),
        (CODE, f"{VERIFIER}\n"),
        (CODE.encode(), VERIFIER),
        (CODE, VERIFIER.encode()),
    ],
    ids=["address", "blank in the code", "newline in the verifier", "bytes", "bytes as verifier"],
)
async def test_a_wrong_argument_shows_nothing(
    arguments: tuple[Any, Any], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A code or verifier that is refused before anything is sent is in no frame."""
    server = await serve(HANG)
    call = connect(server, None).exchange_code(*arguments)

    outcome = await fault(call, also=(ValueError, TypeError))

    assert isinstance(outcome.error, ValueError | TypeError)
    assert server.hits == 0


@pytest.mark.row(51)
async def test_a_lent_session_that_quotes_the_body_shows_nothing(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """The words of a lent session about the request are scrubbed, too."""
    server = await serve(HANG)

    async def quoting(request: aiohttp.ClientRequest, _: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        raise ConnectionAbortedError(f"cannot send {CODE} and {VERIFIER}")

    async def odd(request: aiohttp.ClientRequest, _: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        raise LookupError(f"cannot send {CODE} and {VERIFIER}")

    for middleware in (quoting, odd):
        async with aiohttp.ClientSession(middlewares=(middleware,)) as session:
            client = connect(server, None, session=session)
            error = await fault.error(AmbiguousWriteError, client.exchange_code(CODE, VERIFIER))
        assert error.problems


@pytest.mark.row(38)
async def test_an_id_that_is_a_key_shows_nothing(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A key that is passed as the id of a generation is refused, not sent, and in no frame."""
    server = await serve(HANG)

    await fault.error(ValueError, connect(server).generation(NEW_KEY))

    assert server.hits == 0
