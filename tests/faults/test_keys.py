"""Keys: cleaned or refused before anything is sent, and scrubbed from whatever comes back."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import attrs
import pytest

from openrouter_credits import (
    ApiKey,
    Attempt,
    AuthenticationError,
    CreditsClient,
    InvalidKeyError,
    KeySpec,
    MissingKeyError,
    PaymentRequiredError,
    ServerError,
)
from tests.kit.values import KEY, MASK, OTHER_KEY, sample
from tests.kit.wire import FUNDED, Connect, Serve, refusal, reply

from ._sinks import Watch, fragments


@pytest.mark.row(34)
@pytest.mark.parametrize(
    "pasted",
    [
        f"{KEY}\n",
        f"{KEY}\r\n",
        f"\t{KEY} ",
        f'"{KEY}"',
        f"'{KEY}'\n",
        f"Bearer {KEY}",
        f"bearer {KEY}\n",
        f' "Bearer {KEY}" ',
        f"\xa0{KEY}\u2003",
    ],
    ids=["newline", "CRLF", "blanks", "quotes", "single quotes", "Bearer", "small bearer", "everything", "NBSP around it"],
)
async def test_what_is_pasted_along_with_a_key_is_dropped(pasted: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """White space, one pair of quotes and one `Bearer` around a key do not reach the server."""
    server = await serve(FUNDED)

    await fault.value(connect(server, pasted).credits())

    assert server.asked[0].header("Authorization") == f"Bearer {KEY}"


BAD = {
    "CRLF inside": (f"{KEY[:40]}\r\n{KEY[40:]}", 41, "U+000D"),
    "header injected": (f"{KEY}\r\nX-Evil: yes", len(KEY) + 1, "U+000D"),
    "NUL": (f"{KEY}\0", len(KEY) + 1, "U+0000"),
    "TAB inside": (f"{KEY[:20]}\t{KEY[20:]}", 21, "U+0009"),
    "curly quote": (f"“{KEY}”", 1, "U+201C"),
    "NBSP inside": (f"{KEY[:30]}\xa0{KEY[30:]}", 31, "U+00A0"),
    "emoji": (f"{KEY}🔑", len(KEY) + 1, "U+1F511"),
    "surrogate": (f"{KEY}\udc8d", len(KEY) + 1, "U+DC8D"),
    "DEL": (f"{KEY}\x7f", len(KEY) + 1, "U+007F"),
    "full-width": (KEY.replace("sk", "\uff53k"), 1, "U+FF53"),
}


@pytest.mark.row(34)
@pytest.mark.parametrize(("text", "position", "character"), BAD.values(), ids=BAD)
async def test_a_key_that_cannot_be_one_is_refused_when_it_is_made(
    text: str, position: int, character: str, serve: Serve, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names position and reason, and never the text; nothing is sent."""
    server = await serve(FUNDED)
    parent = connect(server)
    makers = [
        lambda: ApiKey(text),
        lambda: CreditsClient(text, base_url=server.url),
        lambda: CreditsClient(KEY, management_key=text, base_url=server.url),
        lambda: parent.with_key(text),
        lambda: parent.with_key(KEY, management_key=text),
    ]
    if "\0" not in text:  # which no environment can hold
        monkeypatch.setenv("OPENROUTER_API_KEY", text)
        makers.append(lambda: CreditsClient(base_url=server.url))

    for make in makers:
        error = await fault.refusal(InvalidKeyError, make)

        assert f" {position} " in str(error)
        assert character in str(error)
    assert server.hits == 0


@pytest.mark.row(34)
@pytest.mark.parametrize("text", ["", " ", "\n", '""', '" "', "\ufeff"])
async def test_a_blank_key_is_refused_when_it_is_made(text: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """A blank key that somebody passes is a mistake, not a wish to use the environment's."""
    server = await serve(FUNDED)

    await fault.refusal(InvalidKeyError, lambda: CreditsClient(text, base_url=server.url))
    await fault.refusal(InvalidKeyError, lambda: ApiKey(text))

    assert server.hits == 0


async def _made(make: object) -> None:
    make()  # type: ignore[operator]


@pytest.mark.row(34)
async def test_a_blank_variable_counts_as_unset(serve: Serve, fault: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable falls through to the next one; with none left the call says which to set."""
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
    assert [asked.header("Authorization") for asked in server.asked] == [f"Bearer {OTHER_KEY}"]


@pytest.mark.row(35)
async def test_a_key_that_the_server_echoes_is_scrubbed(serve: Serve, connect: Connect, fault: Watch) -> None:
    """The bearer in message, metadata, header or request id does not reach the error; the rest of the words does."""
    metadata = {"header": f"Bearer {KEY}", KEY: 1, "deep": [{"seen": [f"<{KEY}>"]}], "limit_source": KEY, "other": OTHER_KEY}
    echo = refusal(402, f"Key {KEY} is out", f"X-Request-Id: {KEY}", f"X-Echo: Bearer {KEY}", metadata=metadata)
    server = await serve(echo)

    error = await fault.error(PaymentRequiredError, connect(server).credits())

    assert error.message.startswith("Key ")
    assert error.message.endswith(" is out")
    assert not any(fragment in repr(error.metadata) for fragment in fragments(KEY))


@pytest.mark.row(35)
@pytest.mark.parametrize("key", ["tiny-secret-key", "0123456789abcdefghijklmno", f"sk-or-v1-{'é'.encode().hex() * 20}"])
async def test_a_key_of_any_form_is_scrubbed(key: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """Not only what looks like OpenRouter's keys is scrubbed, but the key that was sent."""
    fault.secrets.add(key)
    server = await serve(refusal(401, f"Bad key {key}, really {key}", metadata={"key": key, key: key}))

    error = await fault.error(AuthenticationError, connect(server, key).credits())

    assert error.message.startswith("Bad key ")


@pytest.mark.row(35)
async def test_a_key_that_is_echoed_in_parts_or_disguise_is_scrubbed(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Cutting at 200 characters, and removing control characters, must not bring a key's parts back."""
    split = f"{KEY[:30]}\x1b{KEY[30:]}"
    late = "x" * 170 + KEY
    escaped = "".join(f"\\u{ord(character):04x}" for character in KEY)
    raw = b'{"error":{"code":503,"message":"%s","metadata":{"x":"%s"}}}' % (escaped.encode(), escaped.encode())

    for message in (split, late, f"{KEY}{KEY}", f"{KEY[:50]}\u200b{KEY[50:]}"):
        await fault.error(ServerError, connect(await serve(refusal(503, message, metadata={"x": message}))).credits())
    await fault.error(ServerError, connect(await serve(reply(503, raw))).credits())


@pytest.mark.row(35)
@pytest.mark.parametrize("text", [f"value {KEY}", f"\x1b[31m{KEY}", KEY])
async def test_a_key_in_a_body_of_the_wrong_shape_is_not_quoted(text: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """An invalid response tells where, and quotes no key that stands there."""
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
        outcome = await fault(connect(server).credits())

        assert type(outcome.error).__name__ == "InvalidResponseError"


@pytest.mark.row(35)
async def test_terminal_escapes_are_removed(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A message cannot colour, move or retitle the terminal it is printed on, nor turn the direction of text."""
    message = "\x1b]0;owned\x07\x1b[2J\x1b[31mNo\x9b31m\r\nwhere\u202e\u2066 to\x00 go\x7f\u2028"
    server = await serve(refusal(401, message, metadata={"why\x1b[0m": [message]}))

    error = await fault.error(AuthenticationError, connect(server).credits())

    assert error.message.isprintable()
    assert "where" in error.message
    assert all(text.isprintable() for text in [*error.metadata, *next(iter(error.metadata.values()))])


@pytest.mark.row(35)
async def test_at_most_two_hundred_characters_are_quoted(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A server that talks at length is cut short, in its message and in its metadata."""
    server = await serve(refusal(401, "blah " * 2000, "X-Request-Id: " + "i" * 3000, metadata={"more": "blah " * 2000, "k" * 3000: 1}))

    error = await fault.error(AuthenticationError, connect(server).credits())

    assert len(error.message) == 200
    assert len(error.metadata["more"]) == 200
    assert all(len(name) <= 200 for name in error.metadata)
    assert error.request_id is not None
    assert len(error.request_id) <= 200


@pytest.mark.row(35)
async def test_a_key_in_a_values_unknown_fields_is_a_value_all_the_same(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A label that OpenRouter masked is shown as it came."""
    server = await serve(reply(200, sample("key-2026-08")))

    info = await fault.value(connect(server).key())

    assert info.label == "sk-or-v1-0e6...1c96"


@pytest.mark.row(49)
async def test_a_client_does_not_travel(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Copying or pickling a client, or turning it into a dict, shows no key: it is refused, or masked."""
    server = await serve(FUNDED)
    client = connect(server, management_key=OTHER_KEY)
    await fault.value(client.credits())

    for travel in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, dataclasses.asdict):
        await fault.refusal(TypeError, lambda travel=travel: travel(client))  # type: ignore[misc]
    shown = await fault.value(_shown(client))

    assert KEY[:12] in shown[0]
    assert server.url in shown[0]


async def _shown(thing: object) -> list[str]:
    """Show a thing, and what it is made of, as programmers and crash reporters do."""
    seen = [repr(thing), str(thing), f"{thing}", f"{thing!r:>200}"]
    for part in vars(thing).values() if hasattr(thing, "__dict__") else ():
        seen += [repr(part), str(part), repr(getattr(part, "__dict__", ""))]
    return [*seen, repr(vars(thing)) if hasattr(thing, "__dict__") else ""]


@pytest.mark.row(49)
async def test_a_copied_key_still_works(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A copy of a key is the key; a pickle, in which a mask could be taken for it, is refused."""
    server = await serve(FUNDED)
    key = ApiKey(KEY)
    copies = [copy.copy(key), copy.deepcopy(key), copy.deepcopy([key])[0], ApiKey(key)]

    for copied in copies:
        await fault.value(connect(server, copied).credits())
    for travel in (pickle.dumps, json.dumps, attrs.asdict, dataclasses.asdict, vars):
        outcome = await fault(_made(lambda travel=travel: travel(key)), also=(TypeError, ValueError))
        assert outcome.error is not None
    shown = await fault.value(_shown(key))

    assert {asked.header("Authorization") for asked in server.asked} == {f"Bearer {KEY}"}
    assert all(copied == key and hash(copied) == hash(key) for copied in copies)
    assert shown[:2] == [f"ApiKey({MASK!r})", MASK]


@pytest.mark.row(49)
async def test_an_error_travels_without_the_key(serve: Serve, connect: Connect, fault: Watch) -> None:
    """An error and its attempts become dicts and JSON in which there is no key."""
    server = await serve(refusal(503, f"Down for {KEY}", metadata={"key": KEY}))

    error = await fault.error(ServerError, connect(server).credits())
    attempt = error.attempts[0]
    told = await fault.value(_texts(vars(error), attrs.asdict(attempt), attrs.astuple(attempt), json.dumps(vars(error), default=str)))

    assert isinstance(attempt, Attempt)
    assert len(told) == 4
    assert str(pickle.loads(pickle.dumps(attempt)).error) == str(attempt.error)


async def _texts(*things: object) -> list[str]:
    return [repr(thing) for thing in things]


@pytest.mark.row(49)
async def test_a_spec_and_its_outcome_travel_without_the_key(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A spec can be copied and not pickled, as it holds a key; what became of it carries the mask, and pickles, error and all."""
    server = await serve(refusal(401, f"No such key: {KEY}"))
    spec = KeySpec(KEY, name="bot", management_key=OTHER_KEY)
    copies = [copy.copy(spec), copy.deepcopy(spec), attrs.evolve(spec, name="bot")]

    for travel in (pickle.dumps, json.dumps, dataclasses.asdict):
        await fault.refusal(TypeError, lambda travel=travel: travel(spec))  # type: ignore[misc]
    await fault.value(_texts(spec, attrs.asdict(spec), attrs.astuple(spec), copies))
    report = await fault.value(connect(server).check_all([spec, f"{KEY}\0"]))
    told = await fault.value(
        _texts(*map(attrs.asdict, report.checks), json.dumps([attrs.asdict(check) for check in report.checks], default=str))
    )

    assert copies == [spec] * 3
    assert f"Bearer {KEY}" in {asked.header("Authorization") for asked in server.asked}
    for check in report.checks:
        again = pickle.loads(pickle.dumps(check))
        assert (again.label, str(again.error)) == (check.label, str(check.error))
        assert check.error is not None
        assert check.error.__traceback__ is None
    assert f"{KEY[:12]}...{KEY[-4:]}" in told[0]
