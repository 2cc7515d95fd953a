"""The text of each error fits its cause: what happened, and what this person can do about it."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from openrouter_credits import CreditsClient, OpenRouterError, RetryPolicy, error_from_response
from openrouter_credits._call.session import translate
from openrouter_credits._secrets import parse_key
from tests.kit.hosts import REQUEST_INFO, WHERE
from tests.kit.values import KEY, OTHER_KEY
from tests.kit.wire import FUNDED, HANG, Connect, Serve, reply

OPEN: Any = SimpleNamespace(closed=False)
"""A session that is open."""
KEYS_PAGE = "https://openrouter.ai/settings/keys"


def check(text: str, words: tuple[str, ...], wrong: tuple[str, ...] = ()) -> None:
    """Assert that a text has all the right words and none of the wrong ones."""
    assert [word for word in words if word not in text] == []
    assert [word for word in wrong if word in text] == []


# What the server says

REFUSALS: dict[str, tuple[int, str, dict[str, Any], tuple[str, ...], tuple[str, ...]]] = {
    "an unknown key": (401, "User not found.", {}, ("Check the key", "deleted"), ()),
    "an expired key": (401, "API key expired", {}, ("expired", "new key", KEYS_PAGE), ("quotes",)),
    "a disabled key": (401, "API key is disabled", {}, ("Enable the key", KEYS_PAGE), ("quotes",)),
    "a header that got lost": (401, "Missing Authentication header", {}, ("removes the Auth",), ("quotes",)),
    "no credentials": (401, "No auth credentials found", {}, ("removes the Auth", "proxy"), ("quotes",)),
    "an empty wallet": (402, "Insufficient credits", {}, ("Add credits", "settings/credits"), ("limit",)),
    "an empty wallet by its source": (
        402,
        "No",
        {"limit_source": "openrouter_credits"},
        ("Add credits", "settings/credits"),
        ("limit",),
    ),
    "a key limit with 402": (
        402,
        "No",
        {"limit_source": "openrouter_key_limit"},
        ("Raise the key's limit", "reset"),
        ("Add credits",),
    ),
    "a key limit with 402 and a time": (
        402,
        "No",
        {"limit_source": "openrouter_key_limit", "resets_at": "2026-12-01T00:00:00Z"},
        ("Raise the key's limit", "until 2026-12-01 00:00 UTC"),
        ("Add credits",),
    ),
    "requests under way": (402, "No", {"reason": "in_flight_budget_exhausted"}, ("Wait",), ("Add",)),
    "a request too large": (402, "No", {"reason": "weight_exceeds_budget"}, ("Lower max_tokens",), ("Wait",)),
    "too many tokens": (402, "can only afford 2400", {}, ("at most 2400", "add credits"), ()),
    "no credits, for no known reason": (402, "Payment required", {}, ("Add credits", "limit"), ()),
    "no management key": (
        403,
        "Only management keys can perform this operation",
        {},
        ("Create a management key", "settings/management-keys"),
        (),
    ),
    "a daily limit": (
        403,
        "Key limit exceeded (daily limit)",
        {},
        ("Raise", "wait for its reset"),
        ("credits",),
    ),
    "a limit with a time": (
        403,
        "Key limit exceeded (daily limit)",
        {"resets_at": "2026-12-01T00:00:00Z"},
        ("Raise", "until 2026-12-01 00:00 UTC"),
        ("credits",),
    ),
    "a limit for ever": (403, "Key limit exceeded (total limit)", {}, ("Raise", "never reset"), ("wait",)),
    "a budget": (403, "Budget limit exceeded", {}, ("Raise that budget", "wait for its reset"), ("credits",)),
    "a budget with a time": (
        403,
        "Workspace monthly budget of $500.00 exceeded",
        {"limit_source": "openrouter_workspace_budget", "resets_at": "2026-12-01T00:00:00Z"},
        ("Raise that budget", "until 2026-12-01 00:00 UTC"),
        ("credits",),
    ),
    "an address": (403, "your IP address is not in the allowlist", {}, ("allowlist", "IP address"), ("key",)),
    "a flagged input": (
        403,
        "Your chosen model requires moderation and your input was flagged",
        {"reasons": ["violence"], "flagged_input": "..."},
        ("Change the input",),
        ("Use a key",),
    ),
    "anything else that is forbidden": (403, "No", {}, ("Use a key that may do this",), ()),
    "a path": (404, "Not found", {}, ("base_url", "path"), ()),
    "a model": (404, "No endpoints found for x/y", {}, ("the model's name", "providers"), ("base_url",)),
    "a time-out of the server": (408, "Request timeout", {}, ("Try again",), ("cannot succeed",)),
    "an endpoint that is gone": (410, "Gone", {}, ("cannot succeed",), ()),
    "too many requests": (429, "Rate limit exceeded", {}, ("Wait", "less often"), ("the server named",)),
    "too many requests, with a time": (
        429,
        "Rate limit exceeded",
        {"retry_after_seconds": 7},
        ("Wait a minute", "less often"),
        (),
    ),
    "too many requests, with a time that is far": (
        429,
        "Rate limit exceeded",
        {"headers": {"X-RateLimit-Reset": "4102444800000"}},
        ("Wait until 2100-01-01 00:00 UTC", "less often"),
        (),
    ),
    "free models of a day": (
        429,
        "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 requests",
        {},
        ("next day", "00:00 UTC"),
        ("cached",),
    ),
    "a provider": (
        429,
        "Provider returned error",
        {"limit_source": "upstream_provider_shared_pool"},
        ("another provider",),
        ("cached", "the server named"),
    ),
    "a provider, with a time": (
        429,
        "Provider returned error",
        {"limit_source": "upstream_provider_shared_pool", "retry_after_seconds": 11},
        ("Wait a minute", "another provider"),
        ("cached",),
    ),
    "a network that wants a sign-in": (511, "Log in", {}, ("sign-in",), ("status.openrouter.ai",)),
    "a malformed request": (400, "Required", {}, ("server's message",), ()),
    "a server that is down": (503, "Down", {}, ("Try again later", "status.openrouter.ai"), ()),
}


@pytest.mark.parametrize(("status", "message", "metadata", "words", "wrong"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_says_what_helps(
    status: int, message: str, metadata: dict[str, Any], words: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    """The text of a refusal has the server's words, and the remedy of that very cause."""
    error = error_from_response(
        status, {}, {"error": {"code": status, "message": message, "metadata": metadata}}
    )

    check(error.remedy, words, wrong)
    assert message in str(error)


@pytest.mark.parametrize("status", [400, 404, 405, 407, 426])
def test_a_refusal_without_words_points_to_the_address(status: int) -> None:
    """An answer such as a page of HTML has no message to read: the remedy is to check the address."""
    error = error_from_response(status, {}, b"<!DOCTYPE html><html><body>Nothing here</body></html>")

    check(error.remedy, ("base_url", "https://openrouter.ai/api/v1"), ("message",))


def test_an_error_without_a_code_keeps_its_words() -> None:
    """An error in a 200 without a status, as providers send it in the middle of a stream, is quoted."""
    chunk = {"id": "gen-1", "error": {"code": "server_error", "message": f"Provider of {KEY} is gone"}}

    error = error_from_response(200, {}, chunk)

    check(
        str(error), ("error without a code", "Provider of sk-or-*** is gone"), ("base_url", "API has changed")
    )


# What people paste as a key

PASTED: dict[str, tuple[str, tuple[str, ...]]] = {
    "nothing": ("", ("blank", "Fill it in", "OPENROUTER_API_KEY")),
    "a line of a .env file": (f"OPENROUTER_API_KEY={KEY}", ("only the part after the =",)),
    "a line of a shell": (f"export OPENROUTER_KEY = {KEY}", ("only the part after the =",)),
    "a header": (f"Authorization: Bearer {KEY}", ("only the part after Bearer",)),
    "two keys": (f"{KEY},{OTHER_KEY}", ("one key alone", "check_all()")),
    "two keys with a semicolon": (f"{KEY};{OTHER_KEY}", ("one key alone",)),
    "two keys with a blank": (f"{KEY} {OTHER_KEY}", ("one key alone",)),
    "two lines": (f"{KEY}\n{OTHER_KEY}", ("one key alone",)),
    "quotes around each": (f'"{KEY}", "{OTHER_KEY}"', ("one key alone",)),
    "a list of JSON": (f'["{KEY}"]', ("one key alone", "without brackets")),
    "an object of JSON": (f'{{"key": "{KEY}"}}', ("one key alone", "without brackets")),
    "an address": ("https://openrouter.ai/settings/keys", ("not an address", KEYS_PAGE)),
    "the address of a database": ("postgres://app:hunter2@db/app", ("not an address",)),
    "a variable of a shell": ("$OPENROUTER_API_KEY", ("variable or placeholder",)),
    "a variable in braces": ("${OPENROUTER_API_KEY}", ("variable or placeholder",)),
    "a variable of Windows": ("%OPENROUTER_API_KEY%", ("variable or placeholder",)),
    "a placeholder": ("<OPENROUTER_API_KEY>", ("variable or placeholder",)),
    "a template": ("{{ openrouter_key }}", ("variable or placeholder",)),
    "a key that is shortened": ("sk-or-v1-0e6\u20261c96", ("shortened", "the whole key")),
    "a key that is masked": ("sk-or-v1-***", ("shortened", "the whole key")),
    "a blank inside": (f"{KEY[:20]} {KEY[20:]}", ("Copy the key again", "blanks")),
    "quotes inside": (f'"{KEY}', ("Copy the key again", "quotes")),
    "curly quotes": (f"\u201c{KEY}\u201d", ("Copy the key again", "quotes")),
}


@pytest.mark.parametrize(("text", "words"), PASTED.values(), ids=PASTED)
def test_what_is_no_key_says_what_to_pass(text: str, words: tuple[str, ...]) -> None:
    """The error of a text that is no key recognises what it is, and quotes nothing of it."""
    error = parse_key(text)

    assert isinstance(error, OpenRouterError)
    check(str(error), words)
    check(str(error), (), (KEY[12:20], OTHER_KEY[12:20], "hunter2"))


def test_a_variable_with_no_key_in_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedy for a wrong variable is that of its cause, too, and the text names the variable."""
    monkeypatch.setenv("OPENROUTER_API_KEY", f"{KEY},{OTHER_KEY}")

    with pytest.raises(OpenRouterError) as caught:
        CreditsClient()

    check(str(caught.value), ("OPENROUTER_API_KEY: ", "a comma", "one key alone"))


# The set-up of a client

SETUPS: dict[str, tuple[dict[str, str], dict[str, Any], tuple[str, ...]]] = {
    "a wrong address": ({}, {"base_url": "openrouter.ai"}, ("base_url is not a URL", "Correct base_url")),
    "an address without a scheme": (
        {},
        {"base_url": "localhost:8080"},
        ("base_url is not a URL", "https://", "http://... to this machine"),
    ),
    "a wrong address of the environment": (
        {"OPENROUTER_BASE_URL": "openrouter.ai"},
        {},
        ("OPENROUTER_BASE_URL is not a URL", "Correct OPENROUTER_BASE_URL"),
    ),
    "plain http": (
        {"OPENROUTER_BASE_URL": "http://openrouter.ai"},
        {},
        ("in clear", "Correct OPENROUTER_BASE_URL: https"),
    ),
    "a wrong proxy": ({}, {"proxy": "://"}, ("proxy is not", "Correct proxy", "proxy.example:3128")),
    "a wrong proxy of the environment": (
        {"HTTPS_PROXY": "socks5://x"},
        {},
        ("HTTPS_PROXY is neither", "Correct HTTPS_PROXY"),
    ),
    "a proxy for http": (
        {},
        {"proxy": "http://p:1", "base_url": "http://127.0.0.1:1"},
        ("with http it would see the key", "Leave proxy out"),
    ),
    "a file that is not there": (
        {"OPENROUTER_API_KEY_FILE": "/nowhere/key"},
        {},
        ("OPENROUTER_API_KEY_FILE", "/nowhere/key", "first line"),
    ),
}


@pytest.mark.parametrize(("environ", "arguments", "words"), SETUPS.values(), ids=SETUPS)
def test_a_wrong_setting_names_what_to_correct(
    environ: dict[str, str],
    arguments: dict[str, Any],
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error of a wrong set-up names the argument or the variable, in the text and in the remedy."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(OpenRouterError) as caught:
        CreditsClient(**arguments)

    check(str(caught.value), words, ("maintainers", "environment variables they come from"))


# What a session meets

MET: dict[str, tuple[Exception, tuple[str, ...], tuple[str, ...]]] = {
    "no such name": (
        aiohttp.ClientConnectorDNSError(WHERE, OSError(-2, "Name or service not known")),
        ("x.example", "could not be looked up", "name server", "base_url"),
        (),
    ),
    "nobody there": (
        aiohttp.ClientConnectorError(WHERE, OSError(111, "refused")),
        ("x.example:443", "Check the network"),
        (),
    ),
    "no proxy there": (
        aiohttp.ClientProxyConnectionError(WHERE, OSError(111, "refused")),
        ("the proxy x.example:443", "HTTPS_PROXY", "that it runs"),
        ("status.openrouter.ai",),
    ),
    "a proxy that wants a password": (
        aiohttp.ClientHttpProxyError(REQUEST_INFO, (), status=407),
        ("The proxy answered 407", "password"),
        (),
    ),
    "a certificate": (
        aiohttp.ClientConnectorSSLError(WHERE, ssl.SSLError("self-signed")),
        ("SSL_CERT_FILE", "clock", "Never switch verification off"),
        (),
    ),
    "too many files": (OSError(24, os.strerror(24)), ("too many open files", "ulimit -n"), ("network",)),
    "a time-out": (TimeoutError(), ("5 s", "allow more time", "timeout"), ()),
    "no URL": (
        aiohttp.InvalidURL("x"),
        ("Correct base_url", "OPENROUTER_BASE_URL", "HTTPS_PROXY"),
        ("they come from",),
    ),
    "a session with something odd inside": (
        LookupError("odd"),
        ("raised LookupError: odd", "the session that you lend"),
        ("variables",),
    ),
}


@pytest.mark.parametrize(("problem", "words", "wrong"), MET.values(), ids=MET)
def test_a_lost_call_says_where_to_look(
    problem: Exception, words: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    """The error of a call without an answer says what to look at: network, proxy, clock, limits, session."""
    check(str(translate(problem, 5.0, OPEN)), words, wrong)


# What happens to a call


async def no_key(serve: Serve, _: Connect) -> None:
    """Call without a key."""
    server = await serve(FUNDED)
    async with CreditsClient(base_url=server.url) as client:
        await client.credits()


async def closed(serve: Serve, connect: Connect) -> None:
    """Call a closed client."""
    client = connect(await serve(FUNDED))
    await client.close()
    await client.credits()


async def closed_session(serve: Serve, connect: Connect) -> None:
    """Call with a session that is closed."""
    server = await serve(FUNDED)
    async with aiohttp.ClientSession() as session:
        client = connect(server, session=session)
    await client.credits()


async def other_loop(serve: Serve, connect: Connect) -> None:
    """Call from a second event loop while the first one runs."""
    client = connect(await serve(FUNDED))
    await client.credits()
    await asyncio.to_thread(lambda: asyncio.run(client.credits()))


async def full(serve: Serve, connect: Connect) -> None:
    """Call while another call holds the only connection."""
    client = connect(await serve(HANG), max_connections=1, retry=RetryPolicy(deadline=0.2), timeout=9)
    other = asyncio.ensure_future(client.credits())
    await asyncio.sleep(0)
    try:
        await client.credits()
    finally:
        await asyncio.gather(other, return_exceptions=True)


async def cut(serve: Serve, connect: Connect) -> None:
    """Call a server whose bodies are cut."""
    await connect(await serve(reply(200, b'{"data": {'))).credits()


async def a_page(serve: Serve, connect: Connect) -> None:
    """Call a server that has a web page at this address."""
    await connect(await serve(reply(200, b"<html><body>Hello</body></html>"))).credits()


async def moved(serve: Serve, connect: Connect) -> None:
    """Call a server that points elsewhere."""
    await connect(await serve(reply(301, b"", "Location: https://elsewhere.example"))).credits()


async def written(serve: Serve, connect: Connect) -> None:
    """Change something on a server that fails."""
    await connect(await serve(reply(500))).request("POST", "/keys", into=dict[str, Any])


HAPPENED: dict[str, tuple[Callable[[Serve, Connect], Awaitable[None]], tuple[str, ...], tuple[str, ...]]] = {
    "no key": (
        no_key,
        ("no API key", "api_key=...", "OPENROUTER_API_KEY", "OPENROUTER_API_KEY_FILE", "load_dotenv()"),
        (),
    ),
    "a closed client": (closed, ("client is closed", "Keep the client open"), ()),
    "a closed session": (closed_session, ("session is closed", "the session that you lend"), ("client",)),
    "another event loop": (
        other_loop,
        ("another event loop", "one client for each event loop"),
        ("variables",),
    ),
    "no free connection": (full, ("no connection was free", "max_connections", "deadline"), ()),
    "a body that is cut": (cut, ("was cut", "Try again"), ("API has changed",)),
    "a web page": (
        a_page,
        ("HTML page", "Check base_url", "https://openrouter.ai/api/v1", "sign-in"),
        ("API has changed",),
    ),
    "a redirect": (moved, ("301", "Set base_url", "sign-in"), ()),
    "a change in doubt": (written, ("It is unknown", "Look whether", "500"), ()),
}


@pytest.mark.parametrize(("call", "words", "wrong"), HAPPENED.values(), ids=HAPPENED)
async def test_a_failed_call_says_what_to_do(
    call: Callable[[Serve, Connect], Awaitable[None]],
    words: tuple[str, ...],
    wrong: tuple[str, ...],
    serve: Serve,
    connect: Connect,
) -> None:
    """The error of a call has the remedy of its cause."""
    with pytest.raises(OpenRouterError) as caught:
        await call(serve, connect)

    check(str(caught.value), words, wrong)


def test_a_moment_in_a_remedy_is_utc() -> None:
    """A reset that the server names in another zone is told in UTC."""
    body = {
        "error": {
            "code": 403,
            "message": "Key limit exceeded",
            "metadata": {"resets_at": "2026-12-01T02:00:00+02:00"},
        }
    }
    error = error_from_response(403, {}, body)

    assert "until 2026-12-01 00:00 UTC" in error.remedy
    assert datetime(2026, 12, 1, tzinfo=UTC) == getattr(error, "resets_at", None)
