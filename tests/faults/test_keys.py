"""A key is cleaned or refused before anything is sent, and scrubbed from everything that comes back."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import attrs
import pytest

from openrouter_credits import (
    ApiKey,
    Attempt,
    AuthenticationError,
    ConfigurationError,
    CreditsClient,
    InvalidKeyError,
    InvalidResponseError,
    KeySpec,
    MissingKeyError,
    PaymentRequiredError,
    ServerError,
)
from tests.kit.values import KEY, MASK, OTHER_KEY
from tests.kit.wire import FUNDED, Connect, Serve, refusal, reply

from ._sinks import Watch, fragments


@pytest.mark.row(34)
@pytest.mark.parametrize(
    "pasted", [f"{KEY}\n", f"{KEY}\r\n", f' "Bearer {KEY}" '], ids=["newline", "CRLF", "quotes and Bearer"]
)
async def test_what_is_pasted_along_with_a_key_is_dropped(
    pasted: str, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """White space, one pair of quotes and one `Bearer` around a key are not sent."""
    server = await serve(FUNDED)

    await fault.value(connect(server, pasted).credits())

    assert server.received[0].header("Authorization") == f"Bearer {KEY}"


BAD = {
    "CRLF and a header": (f"{KEY}\r\nX-Evil: yes", len(KEY) + 1, "U+000D"),
    "NUL": (f"{KEY}\0", len(KEY) + 1, "U+0000"),
    "TAB inside": (f"{KEY[:20]}\t{KEY[20:]}", 21, "U+0009"),
    "curly quote": (f"“{KEY}”", 1, "U+201C"),
    "NBSP inside": (f"{KEY[:30]}\xa0{KEY[30:]}", 31, "U+00A0"),
    "emoji": (f"{KEY}🔑", len(KEY) + 1, "U+1F511"),
    "surrogate": (f"{KEY}\udc8d", len(KEY) + 1, "U+DC8D"),
}


@pytest.mark.row(34)
@pytest.mark.parametrize(("text", "position", "character"), BAD.values(), ids=BAD)
async def test_a_key_that_cannot_be_one_is_refused_when_it_is_made(
    text: str,
    position: int,
    character: str,
    serve: Serve,
    connect: Connect,
    fault: Watch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An impossible key is refused when it is made; the error names the wrong character and its position."""
    server = await serve(FUNDED)
    parent = connect(server)
    makers = [
        lambda: ApiKey(text),
        lambda: CreditsClient(text, base_url=server.url),
        lambda: CreditsClient(KEY, management_key=text, base_url=server.url),
        lambda: parent.with_key(text),
        lambda: parent.with_key(KEY, management_key=text),
    ]
    if "\0" not in text:  # no environment can hold a NUL
        monkeypatch.setenv("OPENROUTER_API_KEY", text)
        makers.append(lambda: CreditsClient(base_url=server.url))

    for make in makers:
        error = await fault.refusal(InvalidKeyError, make)

        assert f" {position} " in str(error)
        assert character in str(error)
    assert server.hits == 0


MORE_THAN_A_KEY = [
    f"{KEY},{OTHER_KEY}",
    f'["{KEY}"]',
    f"OPENROUTER_API_KEY={KEY}",
    f"OPENROUTER_API_KEY={KEY}\nDATABASE_URL=postgres://app:hunter2@db/app",
    f"postgres://app:{KEY}@db/app",
    f'Bearer "{KEY}"',
    "Bearer",
]


@pytest.mark.row(34)
@pytest.mark.parametrize("text", MORE_THAN_A_KEY)
async def test_what_is_more_than_a_key_is_never_sent(
    text: str, serve: Serve, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of keys, a line of a file or a URL in the place of a key is refused, and nothing is sent."""
    server = await serve(FUNDED)
    client = connect(server)
    monkeypatch.setenv("OPENROUTER_KEY", text)

    await fault.refusal(InvalidKeyError, lambda: ApiKey(text))
    await fault.refusal(InvalidKeyError, lambda: CreditsClient(base_url=server.url))
    await fault.refusal(InvalidKeyError, lambda: client.with_key(text))
    report = await fault.value(client.check_all([text, KeySpec(text, management_key=text)]))

    assert [type(check.error) for check in report.checks] == [InvalidKeyError] * 2
    assert server.hits == 0


def a_key() -> str:
    """Return a key, in no local variable of a test."""
    return KEY


CONSTRUCTORS: dict[str, tuple[Callable[[CreditsClient], object], type[BaseException]]] = {
    "a list as ApiKey": (lambda _: ApiKey([a_key()]), TypeError),  # type: ignore[arg-type]  # the point
    "bytes as ApiKey": (lambda _: ApiKey(a_key().encode()), TypeError),  # type: ignore[arg-type]  # the point
    "a dict as a key": (lambda _: CreditsClient({"key": a_key()}), TypeError),  # type: ignore[arg-type]  # the point
    "a list as a management key": (
        lambda _: CreditsClient(a_key(), management_key=[a_key()]),  # type: ignore[arg-type]  # the point
        TypeError,
    ),
    "a proxy that is no text": (lambda _: CreditsClient(a_key(), proxy=7), TypeError),  # type: ignore[arg-type]  # the point
    "a base_url that is none": (lambda _: CreditsClient(a_key(), base_url="x"), ConfigurationError),
    "a timeout that is none": (lambda _: CreditsClient(a_key(), timeout=-1), ValueError),
    "no connections": (lambda _: CreditsClient(a_key(), max_connections=0), ValueError),
    "a policy that is none": (lambda _: CreditsClient(a_key(), retry=3), TypeError),  # type: ignore[arg-type]  # the point
    "with_key of a list": (lambda client: client.with_key([a_key()]), TypeError),  # type: ignore[arg-type]  # the point
    "with_key and a number": (
        lambda client: client.with_key(a_key(), management_key=7),  # type: ignore[arg-type]  # the point
        TypeError,
    ),
}


@pytest.mark.row(34)
@pytest.mark.parametrize(("make", "kind"), CONSTRUCTORS.values(), ids=CONSTRUCTORS)
async def test_a_constructor_that_refuses_shows_no_key(
    make: Callable[[CreditsClient], object],
    kind: type[BaseException],
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """A constructor that refuses any of its arguments shows no key that was given with it."""
    client = connect(await serve(FUNDED))

    await fault.refusal(kind, lambda: make(client))


@pytest.mark.row(34)
async def test_a_spec_of_anything_shows_no_key(fault: Watch) -> None:
    """A KeySpec is made of anything, and shows no key that it was made of."""

    async def made() -> list[KeySpec]:
        odd: list[Any] = [[KEY], {KEY: KEY}, KEY.encode(), 7, f"{KEY},{OTHER_KEY}", None]
        return [KeySpec(thing, KEY, OTHER_KEY, thing) for thing in odd]

    specs = await fault.value(_texts_of(made()))

    assert len(specs) == 6


@pytest.mark.row(34)
@pytest.mark.parametrize("text", ["", " "])
async def test_a_blank_key_is_refused_when_it_is_made(
    text: str, serve: Serve, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blank key as an argument is an InvalidKeyError, and the environment's key does not replace it."""
    monkeypatch.setenv("OPENROUTER_API_KEY", OTHER_KEY)
    server = await serve(FUNDED)

    await fault.refusal(InvalidKeyError, lambda: CreditsClient(text, base_url=server.url))
    await fault.refusal(InvalidKeyError, lambda: ApiKey(text))

    assert server.hits == 0


@pytest.mark.row(34)
async def test_a_blank_variable_counts_as_unset(
    serve: Serve, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blank variable gives way to the next one; if no variable is left, the error names those to set."""
    server = await serve(FUNDED)
    fault.deadline = 30.0
    monkeypatch.setenv("OPENROUTER_API_KEY", " \n")
    monkeypatch.setenv("OPENROUTER_BASE_URL", server.url)

    async with CreditsClient() as client:
        error = await fault.error(MissingKeyError, client.credits())
    monkeypatch.setenv("OPENROUTER_KEY", OTHER_KEY)
    async with CreditsClient() as client:
        await fault.value(client.credits())

    assert "OPENROUTER_API_KEY" in str(error)
    assert "load_dotenv" in error.remedy
    assert [asked.header("Authorization") for asked in server.received] == [f"Bearer {OTHER_KEY}"]


@pytest.mark.row(35)
async def test_a_key_that_the_server_echoes_is_scrubbed(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A key that the server echoes in message, metadata or request id is scrubbed from the error."""
    metadata = {
        "header": f"Bearer {KEY}",
        KEY: 1,
        "deep": [{"seen": [f"<{KEY}>"]}],
        "limit_source": KEY,
        "other": OTHER_KEY,
    }
    echo = refusal(
        402, f"Key {KEY} is out", f"X-Request-Id: {KEY}", f"X-Echo: Bearer {KEY}", metadata=metadata
    )
    server = await serve(echo)

    error = await fault.error(PaymentRequiredError, connect(server).credits())

    assert error.message.startswith("Key ")
    assert error.message.endswith(" is out")
    assert not any(fragment in repr(error.metadata) for fragment in fragments(KEY))


@pytest.mark.row(35)
@pytest.mark.parametrize("key", ["tiny-secret-key", "0123456789abcdefghijklmno"])
async def test_a_key_of_any_form_is_scrubbed(key: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """The key that was sent is scrubbed, even if it does not look like one of OpenRouter's."""
    fault.secrets.add(key)
    server = await serve(refusal(401, f"Bad key {key}, really {key}", metadata={"key": key, key: key}))

    error = await fault.error(AuthenticationError, connect(server, key).credits())

    assert error.message.startswith("Bad key ")


@pytest.mark.row(35)
async def test_a_key_that_is_echoed_in_parts_or_disguise_is_scrubbed(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """No part of an echoed key is left by the cut at 200 characters, or where control characters split it."""
    split = f"{KEY[:30]}\x1b{KEY[30:]}"
    late = "x" * 170 + KEY
    escaped = "".join(f"\\u{ord(character):04x}" for character in KEY)
    raw = b'{"error":{"code":503,"message":"%s","metadata":{"x":"%s"}}}' % (
        escaped.encode(),
        escaped.encode(),
    )

    for message in (split, late, f"{KEY}{KEY}", f"{KEY[:50]}\u200b{KEY[50:]}"):
        await fault.error(
            ServerError, connect(await serve(refusal(503, message, metadata={"x": message}))).credits()
        )
    await fault.error(ServerError, connect(await serve(reply(503, raw))).credits())


@pytest.mark.row(35)
@pytest.mark.parametrize("text", [KEY, f"\x1b[31m{KEY}"])
async def test_a_key_in_a_body_of_the_wrong_shape_is_not_quoted(
    text: str, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """An InvalidResponseError does not quote a key that stands in the body."""
    bodies = [
        {"data": {"total_credits": text, "total_usage": 1}},
        {"data": {text: 1}},
        {"data": text},
        {"error": text},
        {text: text},
        [text],
    ]

    for body in bodies:
        server = await serve(reply(200, body))
        await fault.error(InvalidResponseError, connect(server).credits())


@pytest.mark.row(35)
async def test_terminal_escapes_are_removed(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Terminal escapes and other control characters are removed from message and metadata."""
    message = "\x1b]0;owned\x07\x1b[2J\x1b[31mNo\x9b31m\r\nwhere\u202e\u2066 to\x00 go\x7f\u2028"
    server = await serve(refusal(401, message, metadata={"why\x1b[0m": [message]}))

    error = await fault.error(AuthenticationError, connect(server).credits())

    assert error.message.isprintable()
    assert "where" in error.message
    assert all(text.isprintable() for text in [*error.metadata, *next(iter(error.metadata.values()))])


@pytest.mark.row(35)
async def test_at_most_two_hundred_characters_are_quoted(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """Message, request id and metadata of a refusal are cut at 200 characters each."""
    server = await serve(
        refusal(
            401,
            "blah " * 2000,
            "X-Request-Id: " + "i" * 3000,
            metadata={"more": "blah " * 2000, "k" * 3000: 1},
        )
    )

    error = await fault.error(AuthenticationError, connect(server).credits())

    assert len(error.message) == 200
    assert len(error.metadata["more"]) == 200
    assert all(len(name) <= 200 for name in error.metadata)
    assert error.request_id is not None
    assert len(error.request_id) <= 200


TRAVELS: list[Callable[[Any], object]] = [pickle.dumps, json.dumps, dataclasses.asdict]


@pytest.mark.row(49)
async def test_a_client_does_not_travel(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A client refuses to be copied, pickled or made a dict; its `repr` masks the key."""
    server = await serve(FUNDED)
    client = connect(server, management_key=OTHER_KEY)
    await fault.value(client.credits())

    for travel in (*TRAVELS, copy.copy, copy.deepcopy):
        await fault.refusal(TypeError, partial(travel, client))
    shown = await fault.value(_shown(client))

    assert KEY[:12] in shown[0]
    assert server.url in shown[0]


async def _shown(thing: object) -> list[str]:
    """Show an object and its parts as programmers and crash reporters do."""
    seen = [repr(thing), str(thing), f"{thing}", f"{thing!r:>200}"]
    for part in vars(thing).values() if hasattr(thing, "__dict__") else ():
        seen += [repr(part), str(part), repr(getattr(part, "__dict__", ""))]
    return [*seen, repr(vars(thing)) if hasattr(thing, "__dict__") else ""]


@pytest.mark.row(49)
async def test_a_copied_key_still_works(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A copied key still works; a key refuses to be pickled or made JSON or a dict."""
    server = await serve(FUNDED)
    key = ApiKey(KEY)
    copies = [copy.copy(key), copy.deepcopy(key), copy.deepcopy([key])[0], ApiKey(key)]

    for copied in copies:
        await fault.value(connect(server, copied).credits())
    for travel in (*TRAVELS, vars):
        await fault.refusal(TypeError, partial(travel, key))
    shown = await fault.value(_shown(key))

    assert {asked.header("Authorization") for asked in server.received} == {f"Bearer {KEY}"}
    assert all(copied == key and hash(copied) == hash(key) for copied in copies)
    assert shown[:2] == [f"ApiKey({MASK!r})", MASK]


@pytest.mark.row(49)
async def test_an_error_travels_without_the_key(serve: Serve, connect: Connect, fault: Watch) -> None:
    """An error and its attempts can be made dicts and JSON, and neither shows the key."""
    server = await serve(refusal(503, f"Down for {KEY}", metadata={"key": KEY}))

    error = await fault.error(ServerError, connect(server).credits())
    attempt = error.attempts[0]
    texts = await fault.value(
        _texts(
            vars(error), attrs.asdict(attempt), attrs.astuple(attempt), json.dumps(vars(error), default=str)
        )
    )

    assert isinstance(attempt, Attempt)
    assert len(texts) == 4
    assert str(pickle.loads(pickle.dumps(attempt)).error) == str(attempt.error)


async def _texts_of(things: Awaitable[list[Any]]) -> list[str]:
    return [repr(thing) for thing in await things]


async def _texts(*things: object) -> list[str]:
    return [repr(thing) for thing in things]


@pytest.mark.row(49)
async def test_a_spec_and_its_outcome_travel_without_the_key(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A spec can be copied but not pickled; its check shows the mask, and pickles with its error."""
    server = await serve(refusal(401, f"No such key: {KEY}"))
    spec = KeySpec(KEY, name="bot", management_key=OTHER_KEY)
    copies = [copy.copy(spec), copy.deepcopy(spec), attrs.evolve(spec, name="bot")]

    for travel in TRAVELS:
        await fault.refusal(TypeError, partial(travel, spec))
    await fault.value(_texts(spec, attrs.asdict(spec), attrs.astuple(spec), copies))
    report = await fault.value(connect(server).check_all([spec, f"{KEY}\0"]))
    texts = await fault.value(
        _texts(
            *map(attrs.asdict, report.checks),
            json.dumps([attrs.asdict(check) for check in report.checks], default=str),
        )
    )

    assert copies == [spec] * 3
    assert f"Bearer {KEY}" in {asked.header("Authorization") for asked in server.received}
    for check in report.checks:
        again = pickle.loads(pickle.dumps(check))
        assert (again.label, str(again.error)) == (check.label, str(check.error))
        assert check.error is not None
        assert check.error.__traceback__ is None
    assert MASK in texts[0]
