"""A wallet with total_credits 0 and total_usage 0 is reported only if `/key` confirms it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from openrouter_credits import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    Credits,
    RetryPolicy,
    ServerError,
    UnconfirmedCreditsError,
)
from tests.kit.values import KEY, OTHER_KEY, sample
from tests.kit.wire import CLOSE, HANG, NOTHING, Connect, Serve, refusal, reply

if TYPE_CHECKING:
    from ._sinks import Watch

COUNTERS = [
    f"{kind}usage{window}" for kind in ("", "byok_") for window in ("", "_daily", "_weekly", "_monthly")
]
UNUSED = {
    "label": "k",
    "limit": None,
    "limit_remaining": None,
    "is_free_tier": True,
    "is_management_key": False,
} | dict.fromkeys(COUNTERS, 0)


@pytest.mark.row(40)
@pytest.mark.parametrize("name", ["key-2025", "key-2026-10"])
async def test_a_zero_that_the_keys_use_belies_is_an_error(
    name: str, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 0/0 wallet of a key with usage raises UnconfirmedCreditsError with the figures after two requests."""
    server = await serve(NOTHING, reply(200, sample(name)))

    error = await fault.error(UnconfirmedCreditsError, connect(server).credits())

    assert isinstance(error.credits, Credits)
    assert (str(error.credits.total_credits), str(error.credits.total_usage)) == ("0", "0")
    assert error.problems == ()
    assert [asked.target for asked in server.received] == ["/api/v1/credits", "/api/v1/key"]


@pytest.mark.row(40)
@pytest.mark.parametrize("zero", ["0.0", "0e9", "-0", '"0"'])
async def test_any_zero_is_doubted(zero: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """A 0/0 wallet, however it is written, is doubted if the key is neither free nor a management key."""
    key = UNUSED | {"is_free_tier": False}
    server = await serve(
        reply(200, f'{{"data":{{"total_credits":{zero},"total_usage":{zero}}}}}'), reply(200, {"data": key})
    )

    error = await fault.error(UnconfirmedCreditsError, connect(server).credits())

    assert str(error.credits.remaining) == "0"
    assert server.hits == 2


@pytest.mark.row(40)
@pytest.mark.parametrize("counter", ["usage", "byok_usage_monthly"])
async def test_one_counter_above_zero_belies_a_zero(
    counter: str, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 0/0 wallet of a free-tier key raises UnconfirmedCreditsError if one usage counter is above zero."""
    server = await serve(NOTHING, reply(200, {"data": UNUSED | {counter: "0.000001"}}))

    await fault.error(UnconfirmedCreditsError, connect(server).credits())

    assert server.hits == 2


@pytest.mark.row(40)
@pytest.mark.parametrize(
    "flags",
    [
        {"is_management_key": "true"},
        {"is_management_key": 1},
        {"is_management_key": None},
        {"is_free_tier": "true", "is_management_key": []},
    ],
    ids=["text", "number", "null", "text for the other flag"],
)
async def test_a_flag_that_is_none_confirms_nothing(
    flags: dict[str, object], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 0/0 wallet is not confirmed by flags of `/key` other than JSON true, such as "true" or 1."""
    server = await serve(NOTHING, reply(200, {"data": UNUSED | {"is_free_tier": False} | flags}))

    await fault.error(UnconfirmedCreditsError, connect(server).credits())

    assert server.hits == 2


@pytest.mark.row(40)
@pytest.mark.parametrize(
    "flags",
    [
        {"is_management_key": True, "usage": 7},
        {"is_management_key": None, "is_provisioning_key": True, "usage": 7},
        {"is_free_tier": True},
    ],
    ids=["management key", "older name", "free tier"],
)
async def test_a_zero_that_the_key_bears_out_is_a_value(
    flags: dict[str, object], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 0/0 wallet is a value if `/key` shows a management key, or a free-tier key without any usage."""
    server = await serve(NOTHING, reply(200, {"data": UNUSED | {"is_free_tier": False} | flags}))

    wallet = await fault.value(connect(server).credits())

    assert (str(wallet.remaining), wallet.used_fraction) == ("0", None)
    assert server.hits == 2


@pytest.mark.row(40)
async def test_a_zero_is_borne_out_by_the_key_that_read_it(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 0/0 wallet read by the management key is confirmed by that key's `/key`, not the ordinary key's."""
    server = await serve(NOTHING, reply(200, {"data": UNUSED | {"is_management_key": True}}))

    await fault.value(connect(server, KEY, management_key=OTHER_KEY).credits())

    assert [asked.header("Authorization") for asked in server.received] == [f"Bearer {OTHER_KEY}"] * 2


@pytest.mark.row(40)
async def test_a_key_that_cannot_be_read_confirms_nothing(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 0/0 wallet raises UnconfirmedCreditsError if `/key` fails; the error of `/key` is in `.problems`."""
    down = await serve(NOTHING, refusal(503, "Down"))
    refusing = await serve(NOTHING, refusal(401, "Gone"))
    cut = await serve(NOTHING, CLOSE)

    errors = [
        await fault.error(UnconfirmedCreditsError, connect(server).credits())
        for server in (down, refusing, cut)
    ]

    assert [[type(problem) for problem in error.problems] for error in errors] == [
        [ServerError],
        [AuthenticationError],
        [APIConnectionError],
    ]
    assert str(errors[0].problems[0]).startswith("503 Down")
    assert [server.hits for server in (down, refusing, cut)] == [4, 2, 4]


@pytest.mark.row(40)
async def test_the_deadline_bounds_the_confirmation_too(serve: Serve, connect: Connect, fault: Watch) -> None:
    """The request to `/key` that confirms a 0/0 wallet must end within the deadline of the original call."""
    server = await serve(NOTHING, HANG)
    client = connect(server, timeout=0.2, retry=RetryPolicy(wait_initial=0.01, deadline=0.3))

    error = await fault.error(UnconfirmedCreditsError, client.credits(), deadline=0.3)

    assert [type(problem) for problem in error.problems] == [APITimeoutError]


@pytest.mark.row(40)
async def test_figures_that_are_not_both_zero_are_believed(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A wallet with total_credits or total_usage above zero is a value after one request, without `/key`."""
    for body in (
        {"total_credits": 5, "total_usage": 5},
        {"total_credits": 0, "total_usage": 0.01},
        {"total_credits": 0.01, "total_usage": 0},
    ):
        server = await serve(reply(200, json.dumps({"data": body})))

        await fault.value(connect(server).credits())

        assert server.hits == 1
