"""The client: its keys, its calls, and the errors for wrong arguments."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import pickle
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from attrs import frozen

from openrouter_credits import (
    AmbiguousWriteError,
    ApiKey,
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    ConfigurationError,
    CreditsClient,
    EdgeRefusedError,
    Generation,
    InvalidKeyError,
    InvalidResponseError,
    KeyInfo,
    MissingKeyError,
    NotFoundError,
    OpenRouterError,
    PermissionDeniedError,
    RateLimitError,
    RetryPolicy,
    ServerError,
    UnconfirmedCreditsError,
)
from tests.kit.clock import FakeTime, lap
from tests.kit.values import KEY, MASK, OTHER_KEY, OTHER_MASK, THIRD_KEY, WALLET, ZERO, outcome, sample
from tests.kit.wire import CLOSE, FUNDED, HANG, KEY_INFO, NOTHING, Step, refusal, reply

if TYPE_CHECKING:
    from tests.kit.wire import Connect, Serve


def keys_of(client: CreditsClient) -> tuple[str | None, str | None]:
    """Reveal a client's key and management key."""
    own, management = (
        None if key is None else key.reveal() for key in (client._api_key, client._management_key)
    )
    return own, management


def key_info(**fields: Any) -> bytes:
    """Answer as `/key` does."""
    return reply(200, {"data": {"label": "k", "usage": 0, "limit": None, **fields}})


# Keys


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"OPENROUTER_API_KEY": "a", "OPENROUTER_KEY": "b"}, ("a", None)),
        ({"OPENROUTER_API_KEY": " ", "OPENROUTER_KEY": "b"}, ("b", None)),
        ({"OPENROUTER_API_KEY": "\n", "OPENROUTER_KEY": ""}, (None, None)),
        ({"OPENROUTER_API_KEY": "a", "OPENROUTER_MANAGEMENT_KEY": "m"}, ("a", "m")),
        ({"OPENROUTER_PROVISIONING_API_KEY": "m"}, (None, "m")),
        (
            {
                "OPENROUTER_MANAGEMENT_KEY": "1",
                "OPENROUTER_MANAGEMENT_API_KEY": "2",
                "OPENROUTER_PROVISIONING_KEY": "3",
            },
            (None, "1"),
        ),
        (
            {
                "OPENROUTER_MANAGEMENT_KEY": "",
                "OPENROUTER_MANAGEMENT_API_KEY": "2",
                "OPENROUTER_PROVISIONING_KEY": "3",
            },
            (None, "2"),
        ),
        ({"OPENROUTER_PROVISIONING_API_KEY": "4", "OPENROUTER_PROVISIONING_KEY": "3"}, (None, "3")),
        ({"OPENROUTER_API_KEYS": "a,b"}, (None, None)),
    ],
)
def test_keys_come_from_the_environment(
    environ: dict[str, str], expected: tuple[str | None, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are read from the first variable of the documented order that is not blank."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert keys_of(CreditsClient()) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"api_key": KEY}, (KEY, None)),
        ({"management_key": KEY}, (None, KEY)),
        ({"api_key": ApiKey(KEY), "management_key": f" '{OTHER_KEY}' "}, (KEY, OTHER_KEY)),
    ],
)
def test_an_explicit_key_switches_the_environment_off_for_both(
    arguments: dict[str, Any], expected: tuple[str | None, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An explicit key is never paired with a key from the environment, which may be of another account."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "env-key")
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", "env-management-key")

    assert keys_of(CreditsClient(**arguments)) == expected


@pytest.mark.parametrize("arguments", [{"api_key": ""}, {"management_key": ""}, {"api_key": " \n"}])
def test_an_explicit_blank_key_is_an_error(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An explicit blank key raises InvalidKeyError, even if the environment has a key."""
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)

    with pytest.raises(InvalidKeyError, match="blank"):
        CreditsClient(**arguments)


def test_an_impossible_key_in_the_environment_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """An impossible key in the environment raises InvalidKeyError with the variable's name."""
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("OPENROUTER_PROVISIONING_KEY", "sk or")

    with pytest.raises(InvalidKeyError, match="OPENROUTER_PROVISIONING_KEY: "):
        CreditsClient()


async def test_an_impossible_management_key_judges_no_other_key() -> None:
    """The error of a management key that cannot be one says that it is about that key, not the other."""
    with pytest.raises(InvalidKeyError) as at_once:
        CreditsClient(KEY, management_key="sk or")
    with pytest.raises(InvalidKeyError) as own:
        CreditsClient("sk or", management_key=KEY)
    async with CreditsClient(KEY) as client:
        with pytest.raises(InvalidKeyError) as later:
            client.with_key(KEY, management_key="sk or")

    found = [caught.value.is_of_management_key for caught in (at_once, later, own)]
    assert found == [True, True, False]


async def test_the_environment_is_read_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is read when the client is made: later changes do not change the client."""
    server = await serve(FUNDED)
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("OPENROUTER_BASE_URL", f" {server.url}/ ")
    async with CreditsClient() as client:
        monkeypatch.setenv("OPENROUTER_API_KEY", OTHER_KEY)
        monkeypatch.setenv("OPENROUTER_BASE_URL", "http://evil.example")
        await client.credits()

    assert server.keys == [KEY]
    assert server.lines == ["GET /api/v1/credits"]


async def test_a_client_without_keys_says_so_when_it_needs_one(serve: Serve, connect: Connect) -> None:
    """A client without a key serves other keys; its own calls name the variable to set, and send nothing."""
    server = await serve(FUNDED)
    client = connect(server, None)

    for call in (
        client.credits(),
        client.key(),
        client.status(),
        client.request("GET", "/keys", into=dict[str, Any]),
    ):
        with pytest.raises(MissingKeyError, match=r"OPENROUTER_API_KEY.*load_dotenv"):
            await call
    assert await client.with_key(KEY).credits() == WALLET
    assert server.keys == [KEY]


async def test_each_call_goes_with_its_key(serve: Serve, connect: Connect) -> None:
    """credits() and request() send the management key, and key() sends the ordinary key."""
    server = await serve(FUNDED, KEY_INFO, reply(200, {}))
    client = connect(server, KEY, management_key=OTHER_KEY)

    await client.credits()
    await client.key()
    await client.request("GET", "/keys", into=dict[str, Any])

    assert list(zip(server.lines, server.keys, strict=True)) == [
        ("GET /api/v1/credits", OTHER_KEY),
        ("GET /api/v1/key", KEY),
        ("GET /api/v1/keys", OTHER_KEY),
    ]


@pytest.mark.parametrize("keys", [{"key": KEY}, {"key": None, "management_key": KEY}])
async def test_one_key_serves_all_calls(keys: dict[str, Any], serve: Serve, connect: Connect) -> None:
    """A single key, ordinary or management, serves all calls."""
    server = await serve(FUNDED, KEY_INFO, reply(200, {}))
    client = connect(server, **keys)

    await client.credits()
    await client.key()
    await client.request("GET", "/keys", into=dict[str, Any])

    assert server.keys == [KEY] * 3


# Calls


async def test_credits_are_one_request(serve: Serve, connect: Connect) -> None:
    """credits() sends `GET /credits` exactly once and returns the exact amounts."""
    server = await serve(reply(200, sample("credits-noise")))

    credits_ = await connect(server).credits()

    assert f"{credits_.remaining}" == "43.628104995"
    assert server.lines == ["GET /api/v1/credits"]


async def test_key_is_one_request(serve: Serve, connect: Connect) -> None:
    """key() sends `GET /key` exactly once and returns the exact amounts."""
    server = await serve(reply(200, sample("key-over-limit")))

    key = await connect(server).key()

    assert str(key.limit_remaining) == "-0.204117"
    assert server.lines == ["GET /api/v1/key"]


@pytest.mark.parametrize(
    ("info", "confirmed"),
    [
        (key_info(is_management_key=True), True),
        (key_info(is_free_tier=True), True),
        (key_info(is_free_tier=True, usage_daily=0, byok_usage="0.000000001"), False),
        (key_info(is_free_tier=False), False),
    ],
)
async def test_a_zero_is_not_believed(info: bytes, confirmed: bool, serve: Serve, connect: Connect) -> None:
    """credits() returns a 0/0 only if one request to `/key` confirms it; else it raises an error with it."""
    server = await serve(NOTHING, info)

    result = await outcome(connect(server, KEY).credits())

    assert server.lines == ["GET /api/v1/credits", "GET /api/v1/key"]
    if confirmed:
        assert result == ZERO
    else:
        assert isinstance(result, UnconfirmedCreditsError)
        assert result.credits == ZERO
        assert result.problems == ()


async def test_a_zero_is_confirmed_by_the_key_that_read_it(serve: Serve, connect: Connect) -> None:
    """A 0/0 read with the management key is confirmed by that key's own `/key`, not by the ordinary key's."""
    server = await serve(NOTHING, key_info(is_management_key=True))

    await connect(server, KEY, management_key=OTHER_KEY).credits()

    assert server.keys == [OTHER_KEY, OTHER_KEY]


async def test_why_a_zero_could_not_be_confirmed_is_told(serve: Serve, connect: Connect) -> None:
    """If `/key` fails too, UnconfirmedCreditsError has that failure in its `problems`."""
    server = await serve(NOTHING, reply(503))

    error = await outcome(connect(server).credits())

    assert isinstance(error, UnconfirmedCreditsError)
    assert [type(problem) for problem in error.problems] == [ServerError]
    assert server.hits == 1 + 3


async def test_a_client_closed_while_confirming_is_closed(serve: Serve, connect: Connect) -> None:
    """A client closed while a 0/0 is being confirmed raises ClientClosedError."""
    server = await serve(NOTHING, HANG)
    client = connect(server)
    call = asyncio.ensure_future(outcome(client.credits()))
    await server.arrived(2)
    await client.close()

    assert isinstance(await call, ClientClosedError)


async def test_one_deadline_bounds_both_requests_of_a_zero(serve: Serve, connect: Connect) -> None:
    """One deadline bounds both requests of credits(): to `/credits`, and to `/key` for a 0/0."""
    server = await serve(NOTHING, HANG)

    with lap() as taken:
        error = await outcome(connect(server, retry=RetryPolicy(deadline=0.3)).credits())

    assert isinstance(error, UnconfirmedCreditsError)
    assert taken.elapsed == pytest.approx(0.3)


@frozen
class Row:
    """The fields of `/activity` that a user's own code reads."""

    model: str
    usage: Decimal


@frozen
class Activity:
    """The whole body of `/activity`."""

    data: list[Row]


async def test_request_reaches_any_other_endpoint(serve: Serve, connect: Connect) -> None:
    """request() retries like every call, and structures the whole body into the caller's class, exactly."""
    server = await serve(
        reply(502), reply(200, b'{"data": [{"model": "m", "usage": 1.10, "new": 1}], "page": 2}')
    )

    activity = await connect(server).request("get", "/activity", into=Activity, params={"date": "2026-10-20"})

    assert activity == Activity([Row("m", Decimal("1.1"))])
    assert server.lines == ["GET /api/v1/activity?date=2026-10-20"] * 2


async def test_request_names_the_path_of_what_is_wrong(serve: Serve, connect: Connect) -> None:
    """request() names the JSON path of a missing field, counted from the top of the body."""
    server = await serve(reply(200, {"data": [{"model": "m"}]}))

    with pytest.raises(InvalidResponseError, match=r"\$\.data\[0\]\.usage: required, but missing"):
        await connect(server).request("GET", "/activity", into=Activity)


@pytest.mark.parametrize("method", ["POST", "patch"])
async def test_a_write_is_sent_once(method: str, serve: Serve, connect: Connect) -> None:
    """A request other than GET is sent once, because its failure may hide its success."""
    server = await serve(reply(500))

    with pytest.raises(AmbiguousWriteError, match="500"):
        await connect(server).request(method, "/keys/x", into=dict[str, Any], json={})

    assert server.lines == [f"{method.upper()} /api/v1/keys/x"]


@pytest.mark.parametrize("path", ["", "@evil.example/x", "//evil.example/x", "/../x", "/%2e%2e/x", "/x?y"])
async def test_a_path_that_leads_elsewhere_is_a_value_error(
    path: str, serve: Serve, connect: Connect
) -> None:
    """A path that would leave the base URL raises ValueError, and no request is sent."""
    server = await serve(FUNDED)

    with pytest.raises(ValueError, match="path"):
        await connect(server).request("GET", path, into=dict[str, Any])

    assert server.hits == 0


@pytest.mark.parametrize(
    ("method", "path", "options", "kind"),
    [
        ("GET", "/x", {"into": object()}, TypeError),
        ("GET", "/x", {"into": dict, "params": {"a": 1.5}}, TypeError),
        ("GET", "/x", {"into": dict, "params": [("a", "1")]}, TypeError),
        ("POST", "/x", {"into": dict, "json": float("nan")}, ValueError),
        ("POST", "/x", {"into": dict, "json": {1, 2}}, TypeError),
        ("GET x", "/x", {"into": dict}, ValueError),
        (None, "/x", {"into": dict}, TypeError),
        ("GET", b"/x", {"into": dict}, TypeError),
    ],
)
async def test_wrong_arguments_of_request_are_told(
    method: Any, path: Any, options: dict[str, Any], kind: type[Exception], serve: Serve, connect: Connect
) -> None:
    """Wrong arguments of request() raise Python's own TypeError or ValueError, and no request is sent."""
    server = await serve(FUNDED)

    with pytest.raises(kind):
        await connect(server).request(method, path, **options)

    assert server.hits == 0


@frozen
class Unstructurable:
    """A class with a field that no JSON can become."""

    field: asyncio.Event


async def test_a_type_that_cannot_be_structured_inside_is_told_too(serve: Serve, connect: Connect) -> None:
    """A class with a field that cattrs cannot structure raises TypeError, and no request is sent."""
    server = await serve(reply(200, {"field": 1}))

    with pytest.raises(TypeError):
        await connect(server).request("POST", "/keys", into=Unstructurable)

    assert server.hits == 0


# Clients of clients


# What a request cost

COST = reply(200, sample("generation-2026-10"))
ABSENT = refusal(404, "Generation gen-1 not found")
SLOWLY = RetryPolicy(wait_initial=1.0, wait_max=1.0)


async def test_generation_is_one_request_with_the_own_key(serve: Serve, connect: Connect) -> None:
    """generation() reads what a request cost, with the key that made it, and not the management key."""
    server = await serve(COST)

    generation = await connect(server, KEY, management_key=OTHER_KEY).generation("gen-1")

    assert isinstance(generation, Generation)
    assert generation.total_cost == Decimal("0.0015")
    assert server.lines == ["GET /api/v1/generation?id=gen-1"]
    assert server.keys == [KEY]


async def test_a_generation_that_is_not_there_yet_is_waited_for(serve: Serve, connect: Connect) -> None:
    """A 404 right after the request is normal: it is asked for again, more often than a fault would be."""
    server = await serve(*[ABSENT] * 6, COST)

    generation = await connect(server, retry=SLOWLY).generation("gen-1")

    assert generation.model == "openai/gpt-5-mini"
    assert server.hits == 7


@pytest.mark.parametrize(
    ("wait", "policy", "least", "most"),
    [
        (0, SLOWLY, 0.0, 0.0),
        (5, SLOWLY, 4.98, 5.001),  # with less than 10 ms left there is no other try
        (60, RetryPolicy(deadline=4.0, wait_initial=1.0, wait_max=1.0), 2.9, 4.0),
    ],
)
async def test_a_generation_that_does_not_come_is_not_found(
    wait: float, policy: RetryPolicy, least: float, most: float, serve: Serve, connect: Connect
) -> None:
    """After `wait` seconds, or near the deadline, NotFoundError says that it may take some seconds."""
    server = await serve(ABSENT)

    with lap() as taken, pytest.raises(NotFoundError, match=r"gen-1 not found\. .*in some seconds") as caught:
        await connect(server, retry=policy).generation("gen-1", wait=wait)

    assert least <= taken.elapsed <= most
    assert len(caught.value.attempts) == server.hits
    assert (server.hits == 1) is (wait == 0)


async def test_a_fault_of_a_generation_is_tried_as_any_other(serve: Serve, connect: Connect) -> None:
    """524 and 529 are tried again, and 402 is typed."""
    server = await serve(reply(524), reply(529), refusal(402, "Insufficient credits"))

    with pytest.raises(OpenRouterError, match="402 Insufficient credits"):
        await connect(server).generation("gen-1")

    assert server.hits == 3


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"id": ""}, ValueError, "the id of a generation"),
        ({"id": "gen-1/?x"}, ValueError, "the id of a generation"),
        ({"id": KEY}, ValueError, "the id of a generation"),
        ({"id": None}, TypeError, "the id of a generation is a str"),
        ({"id": "gen-1", "wait": -1}, ValueError, "wait is a finite number of seconds from 0"),
        ({"id": "gen-1", "wait": "long"}, TypeError, "wait is a number"),
    ],
)
async def test_wrong_arguments_of_generation_are_told(
    arguments: dict[str, Any], kind: type[Exception], words: str, serve: Serve, connect: Connect
) -> None:
    """A wrong id or wait is an error before anything is sent."""
    server = await serve(COST)

    with pytest.raises(kind, match=words):
        await connect(server).generation(**arguments)

    assert server.hits == 0


async def test_a_generation_needs_a_key(serve: Serve) -> None:
    """Without a key, generation() raises MissingKeyError."""
    server = await serve(COST)
    async with CreditsClient(base_url=server.url) as client:
        with pytest.raises(MissingKeyError):
            await client.generation("gen-1")


# A code for a key


@pytest.mark.parametrize("keys", [{}, {"api_key": KEY, "management_key": OTHER_KEY}], ids=["no key", "keys"])
async def test_a_code_is_exchanged_without_a_key(keys: dict[str, Any], serve: Serve) -> None:
    """exchange_code() sends code and verifier and no key, even if there is one, and returns the new key."""
    server = await serve(reply(200, {"key": THIRD_KEY, "user_id": "user_1"}))
    async with CreditsClient(**keys, base_url=server.url) as client:
        key = await client.exchange_code("code-1", "verifier-1", code_challenge_method="S256")

    assert key == ApiKey(THIRD_KEY)
    (asked,) = server.received
    assert asked.line == "POST /api/v1/auth/keys"
    assert asked.header("Authorization") is None
    assert asked.header("Content-Type") == "application/json"
    assert json.loads(asked.body) == {
        "code": "code-1",
        "code_verifier": "verifier-1",
        "code_challenge_method": "S256",
    }


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        (refusal(400, "Invalid code"), BadRequestError, "400 Invalid code. Begin the sign-in again"),
        (refusal(403, "Invalid code or verifier"), PermissionDeniedError, "Begin the sign-in again"),
        (reply(403, b"error code: 1010"), EdgeRefusedError, "from another address"),
        (reply(500), AmbiguousWriteError, "Begin the sign-in again"),
        (CLOSE, AmbiguousWriteError, "Begin the sign-in again"),
        (reply(200, {"user_id": "user_1"}), AmbiguousWriteError, r"\$\.key: required, but missing"),
        (reply(200, {"key": "no key"}), AmbiguousWriteError, r"\$\.key: an API key is needed, not a text"),
        (reply(200, {"key": 7}), AmbiguousWriteError, r"an API key is needed, not such a number"),
        (reply(200, [THIRD_KEY]), AmbiguousWriteError, "Begin the sign-in again"),
        (reply(429), RateLimitError, "Wait"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
async def test_a_code_that_is_refused_says_what_to_do(
    step: Step, kind: type[OpenRouterError], words: str, serve: Serve, connect: Connect
) -> None:
    """A refused code is a typed error with the way on; a code whose end is unknown is never sent again."""
    server = await serve(step)

    with pytest.raises(kind, match=words) as caught:
        await connect(server, retry=RetryPolicy(attempts=1)).exchange_code("code-1")

    assert type(caught.value) is kind
    assert server.hits == 1
    assert THIRD_KEY not in str(caught.value)


async def test_a_code_is_sent_again_only_after_a_429(serve: Serve, connect: Connect) -> None:
    """A 429 says that the code was not looked at; it is sent again."""
    server = await serve(reply(429), reply(200, {"key": THIRD_KEY}))

    assert await connect(server).exchange_code("code-1") == ApiKey(THIRD_KEY)
    assert server.hits == 2


async def test_a_wrong_code_is_an_error_when_it_is_awaited(serve: Serve, connect: Connect) -> None:
    """A wrong argument of exchange_code() is an error before anything is sent."""
    server = await serve(FUNDED)
    call = connect(server).exchange_code("https://app.example/?code=1")

    with pytest.raises(ValueError, match="after code="):
        await call

    assert server.hits == 0


# Requests that say whether they are safe


async def test_a_post_that_only_reads_is_tried_again(serve: Serve, connect: Connect) -> None:
    """With safe=True a POST is tried again after a fault, and its last fault is no ambiguous write."""
    server = await serve(reply(502), CLOSE, reply(200, {"data": []}))
    client = connect(server)

    rows = await client.request("POST", "/analytics/query", into=dict[str, Any], json={}, safe=True)
    server.script(reply(503))
    with pytest.raises(ServerError) as caught:
        await client.request("POST", "/analytics/query", into=dict[str, Any], json={}, safe=True)

    assert rows == {"data": []}
    assert (len(caught.value.attempts), server.hits) == (3, 6)


async def test_a_get_that_changes_something_is_sent_once(serve: Serve, connect: Connect) -> None:
    """With safe=False a GET is sent once, and its fault is an AmbiguousWriteError."""
    server = await serve(CLOSE)

    with pytest.raises(AmbiguousWriteError):
        await connect(server).request("GET", "/x", into=dict[str, Any], safe=False)

    assert server.hits == 1


async def test_with_key_shares_the_connections(serve: Serve, connect: Connect) -> None:
    """A client made by with_key() sends its own key over the connections of its parent."""
    server = await serve(FUNDED)
    parent = connect(server)
    child = parent.with_key(OTHER_KEY)

    await parent.credits()
    await child.credits()
    await child.with_key(ApiKey(THIRD_KEY)).credits()

    assert server.keys == [KEY, OTHER_KEY, THIRD_KEY]
    assert server.connections == 1
    assert child._caller.policy is parent._caller.policy


async def test_closing_a_child_closes_nothing(serve: Serve, connect: Connect) -> None:
    """Closing a client made by with_key() closes nothing; closing its parent closes both."""
    server = await serve(FUNDED)
    parent = connect(server)
    async with parent.with_key(OTHER_KEY) as child:
        await child.credits()
    await child.close()

    await child.credits()
    await parent.credits()
    await parent.close()

    with pytest.raises(ClientClosedError):
        await child.credits()


def test_with_key_takes_nothing_from_the_environment_or_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """with_key() takes no management key from the environment or from its parent."""
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", "env")
    parent = CreditsClient(KEY, management_key=OTHER_KEY)

    assert keys_of(parent.with_key("x")) == ("x", None)
    assert keys_of(parent.with_key("x", management_key="m")) == ("x", "m")


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"api_key": ""}, InvalidKeyError),
        ({"api_key": None}, TypeError),
        ({"api_key": "x", "management_key": ""}, InvalidKeyError),
        ({"api_key": "x", "management_key": 7}, TypeError),
    ],
)
def test_with_key_refuses_what_is_no_key(arguments: dict[str, Any], kind: type[Exception]) -> None:
    """with_key() refuses what the constructor refuses, and None for a key."""
    parent = CreditsClient(KEY)

    with pytest.raises(kind):
        parent.with_key(**arguments)


# Arguments


def test_the_defaults_are_those_of_the_documentation() -> None:
    """By default there are three attempts of 10 s each within 30 s, and 100 connections."""
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(CreditsClient).parameters.items()
    }

    assert (defaults["timeout"], defaults["max_connections"]) == (10.0, 100)
    assert defaults["retry"] == RetryPolicy(attempts=3, wait_initial=0.5, wait_max=8.0, deadline=30.0)


@pytest.mark.parametrize(
    ("argument", "variable", "expected"),
    [
        (None, None, "https://openrouter.ai/api/v1"),
        (None, "  ", "https://openrouter.ai/api/v1"),
        (None, "https://eu.example/v1/", "https://eu.example/v1"),
        ("https://own.example/v1/", "https://eu.example/v1", "https://own.example/v1"),
    ],
)
def test_the_base_url_is_the_argument_or_the_variable_or_openrouter(
    argument: str | None, variable: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base URL is the argument, else the variable unless it is blank, else OpenRouter's."""
    if variable is not None:
        monkeypatch.setenv("OPENROUTER_BASE_URL", variable)

    client = CreditsClient(KEY, base_url=argument)

    assert repr(client) == f"<CreditsClient {expected} key={MASK}>"


@pytest.mark.parametrize(
    ("argument", "variable"),
    [
        ("http://openrouter.ai", None),
        ("https://me:secret@x", None),
        ("https://x?secret", None),
        ("x", None),
        (None, "https://me:secret@x"),
    ],
)
def test_a_base_url_that_no_key_should_go_to_is_refused(
    argument: str | None, variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unsafe base URL raises ConfigurationError, which does not quote it: it may hold a password."""
    if variable is not None:
        monkeypatch.setenv("OPENROUTER_BASE_URL", variable)

    with pytest.raises(ConfigurationError) as caught:
        CreditsClient(KEY, base_url=argument)

    assert caught.value.summary.startswith("OPENROUTER_BASE_URL" if argument is None else "base_url")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"api_key": 7}, TypeError),
        ({"management_key": b"x"}, TypeError),
        *(({"timeout": value}, TypeError) for value in (None, "10", True)),
        *(({"timeout": value}, ValueError) for value in (0, -1, float("nan"), float("inf"))),
        *(({"max_connections": value}, TypeError) for value in (None, True, 10.0)),
        ({"max_connections": 0}, ValueError),
        ({"base_url": b"https://openrouter.ai"}, TypeError),
        ({"retry": None}, TypeError),
        ({"session": "session"}, TypeError),
        ({"proxy": b"http://proxy"}, TypeError),
        ({"session": "any", "timeout": 0}, ValueError),
        ({"session": "any", "max_connections": 10}, TypeError),
        ({"session": "any", "proxy": "http://proxy:1"}, TypeError),
        ({"proxy": "http://me:secret@proxy:1", "base_url": "http://127.0.0.1"}, ConfigurationError),
    ],
    ids=repr,
)
async def test_wrong_arguments_are_told_at_construction(
    arguments: dict[str, Any], kind: type[Exception]
) -> None:
    """The constructor raises TypeError for wrong types, ValueError for impossible numbers, with no secret."""
    async with aiohttp.ClientSession() as session:
        if arguments.get("session") == "any":
            arguments = arguments | {"session": session}

        with pytest.raises(kind) as caught:
            CreditsClient(**{"api_key": KEY, **arguments})

    assert type(caught.value) is kind
    assert "secret" not in str(caught.value)


def test_a_client_shows_masked_keys() -> None:
    """A client's `repr` shows its base URL and its keys, masked."""
    both = CreditsClient(KEY, management_key=OTHER_KEY)

    assert (
        repr(both)
        == str(both)
        == f"<CreditsClient https://openrouter.ai/api/v1 key={MASK} management_key={OTHER_MASK}>"
    )
    assert repr(CreditsClient()) == "<CreditsClient https://openrouter.ai/api/v1>"


def test_a_client_that_was_not_made_has_a_repr_too() -> None:
    """A client whose constructor failed has a `repr`, for debuggers and traceback printers."""
    assert repr(CreditsClient.__new__(CreditsClient)) == "<CreditsClient, not made>"


@pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_client_is_neither_copied_nor_pickled(through: Any) -> None:
    """Copying or pickling a client raises TypeError: it holds connections and keys."""
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        through(CreditsClient(KEY))


async def test_many_tasks_share_one_client(serve: Serve, connect: Connect) -> None:
    """50 tasks that share 4 connections are all answered, each by exactly one request."""
    server = await serve(FUNDED)
    client = connect(server, max_connections=4)

    wallets = await asyncio.gather(*(client.with_key(f"key-{number}").credits() for number in range(50)))

    assert wallets == [WALLET] * 50
    assert sorted(server.keys) == sorted(f"key-{number}" for number in range(50))


# Status and retries


async def test_status_reads_both_at_once(serve: Serve, connect: Connect) -> None:
    """status() reads the wallet and the key with one request each, and reports the smallest bound."""
    wallet, info = json.loads(sample("credits-spec")), json.loads(sample("key-2026-10"))
    server = await serve(reply(200, {"data": wallet["data"] | info["data"]}))

    status = await connect(server, KEY, management_key=OTHER_KEY).status()

    assert sorted(zip(server.lines, server.keys, strict=True)) == [
        ("GET /api/v1/credits", OTHER_KEY),
        ("GET /api/v1/key", KEY),
    ]
    assert (status.spendable.amount, status.spendable.bound_by, status.problems) == (
        Decimal("11.75"),
        "workspace",
        (),
    )
    assert isinstance(status.key, KeyInfo)


async def test_status_without_anything_readable_is_the_key_s_error(serve: Serve, connect: Connect) -> None:
    """status() raises the key's error, with the wallet's in its `problems`, if neither can be read."""
    server = await serve(reply(401, sample("error-user-not-found")))

    error = await outcome(connect(server).status())

    assert isinstance(error, AuthenticationError)
    assert [type(problem) for problem in error.problems] == [AuthenticationError]


async def test_an_attempt_s_waits_are_the_policy_s(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client waits between attempts as its RetryPolicy says, and its error lists those waits."""
    server, slept = await serve(reply(503)), FakeTime()
    async with CreditsClient(KEY, base_url=server.url, retry=RetryPolicy(attempts=4)) as client:
        monkeypatch.setattr(client._caller._transport, "sleep", slept.sleep)
        error = await outcome(client.credits())

    assert isinstance(error, OpenRouterError)
    assert len(error.attempts) == server.hits == 4
    assert [attempt.waited for attempt in error.attempts[1:]] == slept.slept
    assert all(0 <= wait <= most for wait, most in zip(slept.slept, (0.5, 1.0, 2.0), strict=True))
