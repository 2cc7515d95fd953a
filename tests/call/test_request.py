"""Requests are put together under the base URL, and never lead elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openrouter_credits import ApiKey, __version__
from openrouter_credits._call.request import (
    HiddenBody,
    HiddenBuffer,
    HiddenText,
    Request,
    exchange_request,
    generation_request,
    make_request,
)
from tests.kit.values import KEY, MASK, made_up

CODE, VERIFIER = "auth_code_" + made_up("code")[9:], made_up("verifier")[9:]


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


@pytest.mark.parametrize(
    ("method", "safe", "is_write"),
    [
        ("GET", None, False),
        ("POST", None, True),
        ("HEAD", None, True),
        ("POST", True, False),
        ("GET", False, True),
    ],
)
def test_a_get_is_safe_and_nothing_else_unless_the_caller_says_so(
    method: str, safe: bool | None, is_write: bool
) -> None:
    """A request is a write unless it is a GET; `safe` decides where it is given."""
    assert make_request(method, "/x", ApiKey(KEY), safe=safe).is_write is is_write


@pytest.mark.parametrize("safe", [1, "yes", 0])
def test_safe_is_true_false_or_none(safe: Any) -> None:
    """Any other `safe` raises TypeError: a mistake must not send a change twice."""
    with pytest.raises(TypeError, match="safe is True, False or None, not"):
        make_request("POST", "/x", ApiKey(KEY), safe=safe)


def test_a_body_is_sent_as_it_is_and_shown_masked() -> None:
    """The body of every request shows nothing of itself; libraries keep it in their own variables."""
    body = make_request("POST", "/keys", ApiKey(KEY), None, {"secret": "x"}).body

    assert isinstance(body, HiddenBody)
    assert bytes(body) == b'{"secret": "x"}'
    assert repr(body) == repr({"body": body})[9:-1] == "b'***'"


@pytest.mark.parametrize("name", ["gen-1761051845-AbCd", "gen_1", "a.b~c:d", "0", "x" * 200])
def test_the_request_for_a_generation_has_its_id_in_the_query(name: str) -> None:
    """The id of a generation goes out as it is."""
    request = generation_request(name)

    assert isinstance(request, Request)
    assert (request.method, request.target, request.is_write) == ("GET", f"/generation?id={name}", False)


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "gen 1", "gen-1\n", "gen/1", "gen-1?x=1", "gen-1&x=1", "gen-1#", "gen%2f", "../credits"),
        *(KEY, "x" * 201, "g\u00fcn-1", "\ud800"),
    ],
)
def test_a_wrong_id_is_an_error_that_does_not_quote_it(name: str) -> None:
    """An id that is blank, has characters that lead elsewhere, or is a key is a ValueError, returned."""
    error = generation_request(name)

    assert isinstance(error, ValueError)
    assert "the id of an answer" in str(error)
    assert not name.strip() or name not in str(error)


@pytest.mark.parametrize("name", [None, 7, b"gen-1"])
def test_an_id_is_a_text(name: object) -> None:
    """An id that is no text is a TypeError, returned."""
    error = generation_request(name)

    assert isinstance(error, TypeError)
    assert str(error) == f"the id of a generation is a str, not {type(name).__name__}"


@pytest.mark.parametrize(
    ("verifier", "method", "more"),
    [
        (None, None, {}),
        (VERIFIER, None, {"code_verifier": VERIFIER}),
        (VERIFIER, "S256", {"code_verifier": VERIFIER, "code_challenge_method": "S256"}),
        (VERIFIER, "plain", {"code_verifier": VERIFIER, "code_challenge_method": "plain"}),
    ],
)
def test_the_exchange_of_a_code_needs_no_key(
    verifier: str | None, method: str | None, more: dict[str, str]
) -> None:
    """The request has no Authorization header, only the fields that are given, and shows none of them."""
    request = exchange_request(CODE, verifier, method)

    assert isinstance(request, Request)
    assert (request.method, request.target, request.is_write) == ("POST", "/auth/keys", True)
    assert "Authorization" not in request.headers
    assert json.loads(request.body or b"") == {"code": CODE, **more}
    assert set(request.secrets) == {CODE, *filter(None, [verifier])}
    for secret in (CODE, VERIFIER):
        assert secret[10:] not in f"{request!r} {request.secrets!r} {vars(request)!r}"


@pytest.mark.parametrize(
    ("code", "verifier", "method", "kind", "words"),
    [
        (None, None, None, TypeError, "code is a str, not NoneType"),
        (CODE.encode(), None, None, TypeError, "code is a str, not bytes"),
        (CODE, 7, None, TypeError, "code_verifier is a str, not int"),
        ("", None, None, ValueError, "code is blank"),
        (f"{CODE}\n", None, None, ValueError, "code is blank, or has characters that no code has"),
        (CODE, " ", None, ValueError, "code_verifier is blank"),
        (f"https://app.example/?code={CODE}", None, None, ValueError, "after code="),
        (f"?code={CODE}", None, None, ValueError, "after code="),
        (CODE, VERIFIER, "s256", ValueError, '"S256" or "plain"'),
        (CODE, VERIFIER, ["S256"], ValueError, '"S256" or "plain"'),
    ],
)
def test_a_wrong_code_is_an_error_that_quotes_nothing(
    code: object, verifier: object, method: object, kind: type[Exception], words: str
) -> None:
    """An impossible code, verifier or method is an error that does not quote it, returned and not raised."""
    error = exchange_request(code, verifier, method)

    assert type(error) is kind
    assert words in str(error)
    assert CODE[10:] not in str(error)


def test_a_hidden_text_is_used_as_it_is_and_shown_masked() -> None:
    """A secret text equals itself, and its `repr` is a mask; so it is with an answer that comes in parts."""
    body = HiddenBuffer()
    body += b"abc"

    assert (HiddenText("abc"), repr(HiddenText("abc"))) == ("abc", "'***'")
    assert HiddenText("abc")[:2] == "***"  # rich cuts a long text before it asks for its `repr`
    assert (body, repr(body)) == (b"abc", "bytearray(b'***')")
