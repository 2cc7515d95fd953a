"""The base URL and the proxy: which are accepted, and where they come from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openrouter_credits import ApiKey, ConfigurationError, CreditsClient
from openrouter_credits._call.addresses import (
    DEFAULT_BASE_URL,
    Proxy,
    choose_base_url,
    parse_base_url,
    parse_proxy,
    proxy_from_environment,
)
from openrouter_credits._call.transport import _join
from tests.kit.values import KEY

# The base URL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DEFAULT_BASE_URL, DEFAULT_BASE_URL),
        ("https://eu.openrouter.ai/api/v1//", "https://eu.openrouter.ai/api/v1"),
        ("HTTPS://Proxy.Example:8443", "HTTPS://Proxy.Example:8443"),
        ("https://[2001:db8::1]/api", "https://[2001:db8::1]/api"),
        ("http://localhost:8080/api/v1", "http://localhost:8080/api/v1"),
        ("http://LOCALHOST", "http://LOCALHOST"),
        ("http://127.8.9.10/", "http://127.8.9.10"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("https://b\u00fccher.example", "https://b\u00fccher.example"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://my_host.example.", "https://my_host.example."),
        (f"https://{'a' * 63}.example", f"https://{'a' * 63}.example"),
    ],
)
def test_a_base_url_is_https_or_loopback(text: str, expected: str) -> None:
    """A base URL is https, or http on loopback; it stays as written, apart from slashes at its end."""
    assert parse_base_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://openrouter.ai/api/v1",
        "http://0.0.0.0",
        "http://128.0.0.1",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://2130706433",
        "ftp://openrouter.ai",
        "openrouter.ai/api/v1",
        "//openrouter.ai",
        "https:///api",
        "https://user:secret@openrouter.ai",
        "http://localhost@evil.example",
        "https://openrouter.ai?x=secret",
        "https://openrouter.ai/api?",
        "https://openrouter.ai#secret",
        "https://openrouter.ai:port",
        "https://openrouter.ai:99999999",
        "https://[::1",
        "https://open router.ai",
        "https://openrouter.ai/\r\nX: y",
        "https://openrouter.ai\\@evil.example",
        " https://openrouter.ai",
        "https://openrouter.ai:0",
        "https://a..b",
        "https://.a",
        "https://.",
        f"https://{'a' * 64}.example",
        f"https://{'a.' * 130}example",
        f"https://{'a' * 10_000}",
        "https://xn--a.com",
        "https://127.1",
        "http://127.1",
        "https://256.256.256.256",
        "https://1.2.3",
        "https://1.2.3.4.",
        "https://0x7f.1",
        "https://host.0x7F",
        "https://2130706433",
        "https://\uff11\uff12\uff17.1",
        "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11",
        "https://1\u30022\u30023",
        "https://xn--",
        "https://evil%2eexample",
        "https://a,b",
        "https://\u2100.example",
        "https://b\u00fccher..example",
        "https://" + "\u00fc" * 60,
        "https://[::1]evil.example",
        "https://[evil]",
        "https://\x7f",
    ],
)
def test_any_other_base_url_is_an_error_that_quotes_nothing(text: str) -> None:
    """Any other base URL gives a ConfigurationError that does not quote it: it may hold a password."""
    error = parse_base_url(text, "SOME_VARIABLE")

    assert isinstance(error, ConfigurationError)
    assert error.summary.startswith("SOME_VARIABLE ")
    assert error.remedy.startswith("Correct SOME_VARIABLE")
    assert "secret" not in str(error)
    assert "evil" not in str(error)


@pytest.mark.parametrize("url", [None, b"https://openrouter.ai", 7])
def test_a_base_url_is_a_text(url: Any) -> None:
    """A base URL that is not a text is a TypeError, which is returned: a URL may hold a password."""
    error = parse_base_url(url)

    assert isinstance(error, TypeError)
    assert str(error) == f"base_url is a str, not {type(url).__name__}"


@pytest.mark.parametrize(
    ("argument", "variable", "expected"),
    [
        ("https://a.example", "https://b.example", "https://a.example"),
        (None, " https://b.example/ ", "https://b.example"),
        ("", "https://b.example", "https://b.example"),
        (None, " ", DEFAULT_BASE_URL),
        (None, None, DEFAULT_BASE_URL),
    ],
)
def test_the_argument_goes_before_the_environment(
    argument: str | None, variable: str | None, expected: str
) -> None:
    """The base URL is the argument, else OPENROUTER_BASE_URL, else OpenRouter's own."""
    environ = {} if variable is None else {"OPENROUTER_BASE_URL": variable}

    assert choose_base_url(argument, environ) == expected


@pytest.mark.parametrize(
    ("argument", "environ", "name"),
    [
        ("ftp://x", {}, "base_url"),
        (None, {"OPENROUTER_BASE_URL": "ftp://x"}, "OPENROUTER_BASE_URL"),
        ([], {"OPENROUTER_BASE_URL": "https://x.example"}, "base_url"),
    ],
)
def test_an_error_names_where_the_address_comes_from(
    argument: Any, environ: dict[str, str], name: str
) -> None:
    """The error of a wrong base URL names the argument or the variable that it comes from."""
    error = choose_base_url(argument, environ)

    assert str(error).startswith(f"{name} is")


HOSTS = st.text(st.characters() | st.sampled_from("abcxn019-_.:[]%@"), max_size=12)


@given(HOSTS | HOSTS.map(lambda text: f"xn--{text}"), st.text(max_size=8))
@example("xn--a.com", "")
@example("a\xadb", "")
@example("fe80::1%eth0", "")
def test_an_accepted_base_url_can_be_used(host: str, path: str) -> None:
    """A client is made for any base URL, or ConfigurationError is raised; then requests can be addressed."""
    try:
        client = CreditsClient(KEY, base_url=f"https://{host}/{path}")
    except ConfigurationError:
        return

    assert _join(client._caller.base_url, "/key").host


# The proxy


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({"HTTPS_PROXY": "http://proxy:3128"}, "https://openrouter.ai/api/v1", "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128"}, "https://openrouter.ai/api/v1", "http://proxy:3128"),
        ({"HTTPS_PROXY": ""}, "https://openrouter.ai/api/v1", None),
        (
            {"HTTP_PROXY": "http://proxy:3128", "ALL_PROXY": "http://proxy:3128"},
            "https://openrouter.ai/api/v1",
            None,
        ),
        ({"HTTPS_PROXY": "http://p:1", "http_proxy": "http://p:1"}, "http://127.0.0.1:8080/api/v1", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "openrouter.ai"}, "https://openrouter.ai/api/v1", None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "openrouter.ai"}, "https://eu.openrouter.ai/api/v1", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "https://openrouter.ai/api/v1", None),
        (
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example, openrouter.ai:8443"},
            "https://openrouter.ai:8443/v1",
            None,
        ),
        (
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "openrouter.ai:8443"},
            "https://openrouter.ai/v1",
            "http://p:1",
        ),
        (
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "notopenrouter.ai,localhost"},
            "https://openrouter.ai/v1",
            "http://p:1",
        ),
    ],
)
def test_the_proxy_is_for_https_alone(
    environ: dict[str, str], url: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY counts for https alone, where a proxy cannot see the key, and NO_PROXY excludes hosts."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    proxy = proxy_from_environment(url)

    assert (proxy.url if isinstance(proxy, Proxy) else proxy) == expected


@pytest.mark.parametrize(
    ("text", "url", "authorization"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128", None),
        ("https://proxy.example/path", "https://proxy.example", None),
        ("127.0.0.1:3128", "http://127.0.0.1:3128", None),
        (" //proxy.example ", "http://proxy.example", None),
        ("[::1]:3128", "http://[::1]:3128", None),
        ("proxy:3128", "http://proxy:3128", None),
        ("https.example:3128", "http://https.example:3128", None),
        ("me:secret@proxy.example:3128", "http://proxy.example:3128", "Basic bWU6c2VjcmV0"),
        ("http://me@proxy.example", "http://proxy.example", "Basic bWU6"),
        ("http://m%65:s%3A%FF@proxy.example", "http://proxy.example", "Basic bWU6czr/"),
    ],
)
def test_a_proxy_is_read(text: str, url: str, authorization: str | None) -> None:
    """A proxy without a scheme is http; user and password leave its URL and become a header."""
    proxy = parse_proxy(text)

    assert isinstance(proxy, Proxy)
    assert (proxy.url, proxy.headers.get("Proxy-Authorization")) == (url, authorization)
    assert "bWU6" not in repr(proxy)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("socks5://me:secret@x", "neither an http nor an https proxy"),
        ("SOCKS4://x", "neither an http nor an https proxy"),
        ("ftp://x", "neither an http nor an https proxy"),
        ("socks5:me:secret@x:1080", "neither an http nor an https proxy"),
        ("SOCKS5H:1080", "neither an http nor an https proxy"),
        ("socks:x", "neither an http nor an https proxy"),
        ("http:me:secret@x", "not the URL of a proxy"),
        ("https:x:3128", "not the URL of a proxy"),
        ("http:/x", "not the URL of a proxy"),
        ("127.1:3128", "not the URL of a proxy"),
        ("", "not the URL of a proxy"),
        ("http://", "not the URL of a proxy"),
        ("http://me:secret@", "not the URL of a proxy"),
        ("x:port", "not the URL of a proxy"),
        ("http://me:1/secret@x", "not the URL of a proxy"),
        ("http://me:1#secret@x", "not the URL of a proxy"),
        ("http://me:1?secret@x", "not the URL of a proxy"),
        ("http://me:1\\secret@x", "not the URL of a proxy"),
    ],
)
def test_any_other_proxy_is_an_error_that_quotes_nothing(text: str, words: str) -> None:
    """Any other proxy gives a ConfigurationError that names where it comes from, and does not quote it."""
    error = parse_proxy(text, "HTTPS_PROXY")

    assert isinstance(error, ConfigurationError)
    assert error.summary == f"HTTPS_PROXY is {words}"
    assert error.remedy.startswith("Correct HTTPS_PROXY")
    assert "secret" not in str(error)


def test_a_proxy_is_a_text() -> None:
    """A proxy that is not a text is a TypeError, which is returned: it may hold a password."""
    assert str(parse_proxy(b"http://me:secret@x")) == "proxy is a str, not bytes"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_an_error_names_the_variable_of_the_proxy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a wrong proxy names the variable as it is set."""
    monkeypatch.setenv(name, "socks5://me:secret@x")

    with pytest.raises(ConfigurationError, match=f"^{name} is neither"):
        CreditsClient(KEY, base_url=DEFAULT_BASE_URL)


@given(st.text() | HOSTS.map(lambda host: f"http://me:secret@{host}"))
@example("a\xadb")
def test_any_proxy_is_accepted_or_a_configuration_error(text: str) -> None:
    """Any text as a proxy gives a client, or a ConfigurationError."""
    try:
        CreditsClient(ApiKey(KEY), base_url=DEFAULT_BASE_URL, proxy=text)
    except ConfigurationError as error:
        assert "secret" not in str(error)  # noqa: PT017 - a client would be as good
