"""Requests are put together under the base URL, and never lead elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openrouter_credits import ApiKey, __version__
from openrouter_credits._call.request import make_request
from tests.kit.values import KEY, MASK


def test_a_request_says_who_asks_and_what_for() -> None:
    """A request sends key, user agent and accepted format as headers, and a content type if it has a body."""
    bare = make_request("get", "/credits", ApiKey(KEY))
    full = make_request("POST", "/keys", ApiKey(KEY), {"a": 1}, {"name": "ü"})

    assert bare.headers == {
        "Authorization": f"Bearer {KEY}",
        "User-Agent": f"openrouter-credits/{__version__}",
        "Accept": "application/json",
    }
    assert (bare.method, bare.target, bare.body) == ("GET", "/credits", None)
    assert full.headers == bare.headers | {"Content-Type": "application/json"}
    assert (full.method, full.target, json.loads(full.body or b"")) == ("POST", "/keys?a=1", {"name": "ü"})


def test_a_request_shows_no_secrets() -> None:
    """The `repr` of a request has its key masked and no body, and its headers show no key either."""
    request = make_request("POST", "/keys", ApiKey(KEY), None, {"secret": "x"})

    assert KEY not in f"{request!r} {request.headers!r}"
    assert "secret" not in repr(request)
    assert MASK in repr(request)


@pytest.mark.parametrize(
    ("params", "query"),
    [
        (None, ""),
        ({"offset": 100, "include_disabled": True, "x": False}, "?offset=100&include_disabled=true&x=false"),
        ({"date": "2026-10-20", "name": "a b&c=d/ü"}, "?date=2026-10-20&name=a+b%26c%3Dd%2F%C3%BC"),
        ({"empty": ""}, "?empty="),
    ],
)
def test_a_query_is_quoted(params: Any, query: str) -> None:
    """Query parameters are URL-encoded, and booleans are written `true` and `false`."""
    assert make_request("GET", "/keys", ApiKey(KEY), params).target == f"/keys{query}"


@pytest.mark.parametrize("value", [None, 1.5, b"x", ["a"]])
def test_a_query_is_made_of_texts_and_whole_numbers(value: Any) -> None:
    """A query parameter that is not a str, an int or a bool raises TypeError: its text would be a guess."""
    with pytest.raises(TypeError, match="query parameter"):
        make_request("GET", "/keys", ApiKey(KEY), {"a": value})


@pytest.mark.parametrize("params", [[("a", "1")], "a=1", 7])
def test_a_query_is_a_mapping(params: Any) -> None:
    """Query parameters that are not a mapping raise TypeError."""
    with pytest.raises(TypeError, match="params is a mapping"):
        make_request("GET", "/keys", ApiKey(KEY), params)


@pytest.mark.parametrize("path", ["/", "/keys/abc-123", "/a//b/", "/a%20b", "/~a!$&'()*+,;=:@", "/a.b"])
def test_a_path_under_the_base_url_is_taken(path: str) -> None:
    """A path of any printable ASCII that stays under the base URL is sent unchanged."""
    assert make_request("GET", path, ApiKey(KEY)).target == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "credits",
        "//evil.example/x",
        "@evil.example/x",
        ":443/x",
        "https://evil.example/x",
        "/\\evil.example",
        "/../x",
        "/a..b",
        "/%2e%2e/x",
        "/%2E%2E/x",
        "/.%2e/x",
        "/%2fevil",
        "/%5cevil",
        "/x?a=b",
        "/x#a",
        "/a b",
        "/a\r\nX: y",
        "/a\x00",
        "/a\n",
        "/ü",
        " /x",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    """A path that could lead outside of the base URL raises ValueError: the key goes to no other server."""
    with pytest.raises(ValueError, match="path"):
        make_request("GET", path, ApiKey(KEY))


@pytest.mark.parametrize("method", ["", "GET /x", "GE\r\nT", "G-T", "ÜBER"])
def test_a_method_is_a_word(method: str) -> None:
    """A method that is not a word of ASCII letters raises ValueError."""
    with pytest.raises(ValueError, match="method"):
        make_request(method, "/credits", ApiKey(KEY))


@pytest.mark.parametrize(
    ("method", "path"), [(None, "/credits"), (b"GET", "/credits"), ("GET", None), ("GET", b"/credits")]
)
def test_a_method_and_a_path_are_texts(method: Any, path: Any) -> None:
    """A method or a path that is not a text raises TypeError."""
    with pytest.raises(TypeError, match="are texts"):
        make_request(method, path, ApiKey(KEY))


@pytest.mark.parametrize(
    ("body", "kind"), [([float("inf")], ValueError), (float("nan"), ValueError), ({1, 2}, TypeError)]
)
def test_a_body_is_json(body: Any, kind: type[Exception]) -> None:
    """A body that JSON cannot hold raises ValueError (NaN, infinity) or TypeError (other types)."""
    with pytest.raises(kind):
        make_request("POST", "/keys", ApiKey(KEY), None, body)
