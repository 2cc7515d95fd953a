"""What is sent, and what the bytes that come back mean, without a network."""

from __future__ import annotations

import json
import pickle
import re
import sys
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from typing import Any, NoReturn

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from openrouter_credits import (
    ApiKey,
    APIStatusError,
    AuthenticationError,
    ConfigurationError,
    Credits,
    InvalidResponseError,
    KeyInfo,
    KeyLimitExceededError,
    ManagementKeyRequiredError,
    OpenRouterError,
    PaymentRequiredError,
    RateLimitError,
    RedirectError,
    ServerError,
    __version__,
)
from openrouter_credits._protocol import (
    DEFAULT_BASE_URL,
    Reply,
    check_structurable,
    decode,
    make_request,
    parse_base_url,
    parse_json,
    quote,
)
from tests.kit.values import KEY, MASK, OTHER_KEY, sample

WALL_CLOCK = datetime(2026, 8, 31, 9, 0, tzinfo=UTC)


def refused(reply: Reply, key: ApiKey | None = None) -> APIStatusError:
    """Decode what a server refuses."""
    with pytest.raises(APIStatusError) as caught:
        decode(reply, Credits, key=key, wall_clock=WALL_CLOCK)
    return caught.value


def refusal(status: int, **error: Any) -> APIStatusError:
    """Decode an error as OpenRouter documents it."""
    return refused(Reply(status, {}, json.dumps({"error": error}).encode()))


def invalid(body: bytes, status: int = 200, into: Any = Credits) -> InvalidResponseError:
    """Decode what is not as documented."""
    with pytest.raises(InvalidResponseError) as caught:
        decode(Reply(status, {}, body), into)
    return caught.value


# What is sent


def test_a_request_says_who_asks_and_what_for() -> None:
    """Key, user agent and accepted format; a content type only with a body."""
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


def test_a_request_and_a_reply_show_no_secrets() -> None:
    """Neither key nor bodies nor headers are in a `repr`."""
    request = make_request("POST", "/keys", ApiKey(KEY), None, {"secret": "x"})
    reply = Reply(200, {"Set-Cookie": "secret"}, b"secret")

    assert KEY not in f"{request!r} {request.headers!r}"
    assert "secret" not in repr(request)
    assert "secret" not in repr(reply)
    assert MASK in repr(request)


@pytest.mark.parametrize(
    ("params", "query"),
    [
        (None, ""),
        ({}, ""),
        ({"offset": 100, "include_disabled": True, "x": False}, "?offset=100&include_disabled=true&x=false"),
        ({"date": "2026-10-20", "name": "a b&c=d/ü"}, "?date=2026-10-20&name=a+b%26c%3Dd%2F%C3%BC"),
        ({"empty": ""}, "?empty="),
    ],
)
def test_a_query_is_quoted(params: Any, query: str) -> None:
    """Booleans are written as OpenRouter writes them."""
    assert make_request("GET", "/keys", ApiKey(KEY), params).target == f"/keys{query}"


@pytest.mark.parametrize("value", [None, 1.5, Decimal(1), b"x", ["a"], {}])
def test_a_query_is_made_of_texts_and_whole_numbers(value: Any) -> None:
    """A float or a None in a query is a mistake, and none that could be guessed right."""
    with pytest.raises(TypeError, match="query parameter"):
        make_request("GET", "/keys", ApiKey(KEY), {"a": value})


GOOD_PATHS = ["/", "/credits", "/keys/abc-123", "/a/b/", "/a//b", "/a;b=c", "/a%20b", "/~a!$&'()*+,=:@", "/a.b"]
BAD_PATHS = [
    "",
    "credits",
    "//evil.example/x",
    "///x",
    "@evil.example/x",
    ":443/x",
    ".evil.example/x",
    "https://evil.example/x",
    "\\evil.example",
    "/\\evil.example",
    "/../x",
    "/..",
    "/a/../../x",
    "/a..b",
    "/%2e%2e/x",
    "/%2E%2E/x",
    "/.%2e/x",
    "/%2e./x",
    "/a%2f..",
    "/%2fevil",
    "/%5cevil",
    "/x?a=b",
    "/x#a",
    "/a b",
    "/a\tb",
    "/a\r\nX: y",
    "/a\x00",
    "/a\n",
    "/ü",
    " /x",
]


@pytest.mark.parametrize("path", GOOD_PATHS)
def test_a_path_under_the_base_url_is_taken(path: str) -> None:
    """Whatever OpenRouter may yet invent."""
    assert make_request("GET", path, ApiKey(KEY)).target == path


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    """The key goes to nobody but the base URL."""
    with pytest.raises(ValueError, match="path"):
        make_request("GET", path, ApiKey(KEY))


@pytest.mark.parametrize("path", [None, 7, b"/credits"])
def test_a_path_is_a_text(path: Any) -> None:
    """Anything else is a TypeError."""
    with pytest.raises(TypeError):
        make_request("GET", path, ApiKey(KEY))


@pytest.mark.parametrize("method", ["", "GET /x", "GE\r\nT", "get1", "G-T", "ÜBER"])
def test_a_method_is_a_word(method: str) -> None:
    """Nothing else can stand before a path."""
    with pytest.raises(ValueError, match="method"):
        make_request(method, "/credits", ApiKey(KEY))


@pytest.mark.parametrize("method", [None, 7, b"GET"])
def test_a_method_is_a_text(method: Any) -> None:
    """Anything else is a TypeError, as for every argument."""
    with pytest.raises(TypeError):
        make_request(method, "/credits", ApiKey(KEY))


@pytest.mark.parametrize(
    ("body", "kind"), [(float("nan"), ValueError), ([float("inf")], ValueError), (object(), TypeError), ({1, 2}, TypeError)]
)
def test_a_body_is_json(body: Any, kind: type[Exception]) -> None:
    """What no JSON parser would read is not sent."""
    with pytest.raises(kind):
        make_request("POST", "/keys", ApiKey(KEY), None, body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DEFAULT_BASE_URL, DEFAULT_BASE_URL),
        ("https://openrouter.ai/api/v1/", "https://openrouter.ai/api/v1"),
        ("https://eu.openrouter.ai/api/v1//", "https://eu.openrouter.ai/api/v1"),
        ("HTTPS://Proxy.Example:8443", "HTTPS://Proxy.Example:8443"),
        ("https://[2001:db8::1]/api", "https://[2001:db8::1]/api"),
        ("https://192.0.2.1", "https://192.0.2.1"),
        ("http://localhost:8080/api/v1", "http://localhost:8080/api/v1"),
        ("http://LOCALHOST", "http://LOCALHOST"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://127.8.9.10/", "http://127.8.9.10"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    ],
)
def test_a_base_url_is_https_or_loopback(text: str, expected: str) -> None:
    """A trailing slash is fine; the rest stays as it was written."""
    assert parse_base_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://openrouter.ai/api/v1",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[::]",
        "http://128.0.0.1",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://2130706433",
        "http://0x7f.1",
        "ftp://openrouter.ai",
        "file:///etc/passwd",
        "openrouter.ai/api/v1",
        "//openrouter.ai",
        "https://",
        "https:///api",
        "https:openrouter.ai",
        "https://user@openrouter.ai",
        "https://user:secret@openrouter.ai",
        "http://localhost@evil.example",
        "https://openrouter.ai?x=secret",
        "https://openrouter.ai/api?",
        "https://openrouter.ai/#",
        "https://openrouter.ai#secret",
        "https://openrouter.ai:port",
        "https://openrouter.ai:99999999",
        "https://[::1",
        "https://open router.ai",
        "https://openrouter.ai/\x00",
        "https://openrouter.ai/\r\nX: y",
        "https://openrouter.ai\\@evil.example",
        " https://openrouter.ai",
    ],
)
def test_any_other_base_url_is_an_error_that_quotes_nothing(text: str) -> None:
    """There may be a password inside."""
    error = parse_base_url(text)

    assert isinstance(error, ConfigurationError)
    assert "secret" not in str(error)
    assert "evil" not in str(error)


def test_a_type_that_no_json_becomes_is_refused_beforehand() -> None:
    """A TypeError before anything is sent; what cattrs knows passes."""
    for into in (Credits, dict[str, Any], list[int], int, Any):
        check_structurable(into)
    for into in (re.Pattern, object()):
        with pytest.raises(TypeError, match="cattrs cannot structure"):
            check_structurable(into)


# What comes back


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_any_2xx_is_a_value(status: int) -> None:
    """Creating a key answers 201."""
    assert decode(Reply(status, {}, sample("credits-spec")), Credits) == Credits(Decimal("100.5"), Decimal("25.75"))


def test_the_whole_body_is_structured_on_demand() -> None:
    """`request()` gives what stands beside `data` too."""
    body = b'{"data": {"hash": "x"}, "key": "sk"}'

    assert decode(Reply(201, {}, body), dict[str, Any], whole=True) == {"data": {"hash": "x"}, "key": "sk"}
    assert decode(Reply(200, {}, b"[1, 2]"), list[int], whole=True) == [1, 2]
    assert decode(Reply(200, {}, b"null"), Any, whole=True) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "status", "kind", "message"),
    [
        ("error-user-not-found", 401, AuthenticationError, "User not found."),
        ("error-management-key", 403, ManagementKeyRequiredError, "Only management keys can perform this operation"),
        ("error-key-limit", 403, KeyLimitExceededError, "Key limit exceeded (daily limit)"),
        ("error-rate-limit-reset-in-body", 429, RateLimitError, "Rate limit exceeded"),
    ],
)
def test_recorded_refusals_decode(name: str, status: int, kind: type[APIStatusError], message: str) -> None:
    """Each recorded error, with its status and, as OpenRouter sometimes does, inside a 200."""
    plain = refused(Reply(status, {}, sample(name)))
    inside = refused(Reply(200, {}, sample(name)))

    for error in (plain, inside):
        assert type(error) is kind
        assert (error.message, error.code) == (message, status)
    assert (plain.status, inside.status) == (status, 200)
    assert str(plain) == str(inside) == f"{status} {message.rstrip('.')}. {plain.remedy}"


def test_a_reset_that_is_only_in_the_body_is_read() -> None:
    """The recorded 429 names midnight UTC."""
    error = refused(Reply(429, {}, sample("error-rate-limit-reset-in-body")))

    assert error.resets_at == datetime(2026, 9, 1, tzinfo=UTC)
    assert error.retry_after == 15 * 3600
    assert error.metadata["headers"]["X-RateLimit-Limit"] == "50"
    assert error.is_retryable


def test_hints_are_read_inside_a_200_too() -> None:
    """The code decides whether a reset counts, as it decides the class."""
    error = refused(Reply(200, {}, sample("error-rate-limit-reset-in-body")))

    assert error.retry_after == 15 * 3600


def test_headers_are_found_in_any_case_and_number() -> None:
    """A multidict's repeated headers count, and so does a plain dictionary's."""
    many = CIMultiDict([("retry-after", "1"), ("Retry-After", "3"), ("X-Request-ID", "req-7")])

    error = refused(Reply(503, many, b""))

    assert (error.retry_after, error.resets_at, error.request_id) == (3.0, WALL_CLOCK + timedelta(seconds=3), "req-7")
    assert refused(Reply(503, {"CF-RAY": "8f-FRA"}, b"")).request_id == "8f-FRA"
    assert refused(Reply(503, {}, b"")).request_id is None


def test_without_a_clock_hints_are_measured_from_now() -> None:
    """The wall clock is the default."""
    with pytest.raises(RateLimitError) as caught:
        decode(Reply(429, {"Retry-After": "60"}, b""), Credits)

    assert caught.value.resets_at is not None
    assert abs(caught.value.resets_at - datetime.now(UTC) - timedelta(seconds=60)) < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("code", "kind", "is_retryable"),
    [
        (400, APIStatusError, False),
        (401, AuthenticationError, False),
        ("401", AuthenticationError, False),
        (402, PaymentRequiredError, False),
        (429, RateLimitError, True),
        (500, ServerError, True),
        ("503", ServerError, True),
        (501, ServerError, False),
        (599, ServerError, False),
    ],
)
def test_an_error_inside_a_200_is_what_its_code_says(code: object, kind: type[APIStatusError], is_retryable: bool) -> None:
    """Class and retries by the code; the status stays what it was."""
    error = refusal(200, code=code, message="Said")

    assert isinstance(error, kind)
    assert (error.status, error.code, error.message, error.is_retryable) == (200, int(code), "Said", is_retryable)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "said",
    [
        '"x"',
        '""',
        "{}",
        "[]",
        "true",
        "false",
        "0",
        '{"message": "x"}',
        *(
            f'{{"code": {code}}}'
            for code in ("null", "200", "399", "600", "0", "-401", "true", "401.0", '"4011"', '" 401"', '"٤٠١"', '"abc"', "[401]")
        ),
    ],
)
def test_an_error_inside_a_200_without_a_code_is_no_answer(said: str) -> None:
    """It is certain only that something is wrong; it is not tried again."""
    error = invalid(f'{{"error": {said}, "data": {{"total_credits": 1, "total_usage": 0}}}}'.encode())

    assert "error without a code" in str(error)
    assert not error.is_retryable


def test_a_null_error_is_no_error() -> None:
    """Some servers always send the field."""
    assert decode(Reply(200, {}, b'{"error": null, "data": {"total_credits": 1, "total_usage": 0}}'), Credits).remaining == 1


def test_an_error_code_is_ignored_where_the_status_refuses() -> None:
    """The HTTP status decides."""
    error = refusal(403, code=500, message="Key limit exceeded (total limit)")

    assert type(error) is KeyLimitExceededError
    assert (error.status, error.code, error.is_retryable) == (403, 500, False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Bad gateway</body></html>",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'"error"',
        b'{"error": null}',
        b'{"error": []}',
        b'{"error": 7}',
        b'{"error": {"message": 7, "metadata": "x", "code": "y"}}',
        b'{"error": {"message": null, "metadata": []}}',
        b'{"error": {"code": 503',
        b"NaN",
        b'{"error": {"code": 1e400}}',
        b"[" * 100_000,
        b"9" * 5000,
    ],
)
@pytest.mark.parametrize(("status", "kind"), [(503, ServerError), (401, AuthenticationError), (418, APIStatusError), (302, RedirectError)])
def test_the_body_of_a_refusal_never_becomes_the_error(body: bytes, status: int, kind: type[APIStatusError]) -> None:
    """An HTML page of whatever stands before the server tells nothing; the status does."""
    error = refused(Reply(status, {}, body))

    assert type(error) is kind
    assert (error.status, error.code, error.message, dict(error.metadata)) == (status, None, "", {})


def test_an_error_that_is_a_text_is_its_message() -> None:
    """Proxies word their refusals so."""
    error = refused(Reply(502, {}, b'{"error": "upstream is away"}'))

    assert (error.message, error.code) == ("upstream is away", None)


@pytest.mark.parametrize(
    ("body", "words", "is_retryable"),
    [
        (b"", "is empty", True),
        (b" \r\n", "is empty", True),
        (b'{"data": {"total_credits": 1', "was cut", True),
        (b"{'data': 1}", "is not JSON", True),
        (b"<html><body>Hel", "was cut", True),
        (b"<html><body>Hello</body></html>", "HTML page", False),
        (b"\n <!DOCTYPE html>\n<HTML></HTML> \n", "HTML page", False),
        ('{"data": {"total_credits": 1, "total_usage": 2}}'.encode("utf-16"), "UTF-8", True),
        (b'{"data": "\xe9"}', "UTF-8", True),
        (b'\xef\xbb\xbf{"data": {}}', "is not JSON", True),
        (b"null", "no data", False),
        (b"[]", "no data", False),
        (b"{}", "no data", False),
        (b'"data"', "no data", False),
        (b'{"Data": {}}', "no data", False),
        (b'{"data": null}', "$.data", False),
        (b'{"data": NaN}', "number", False),
        (b'{"data": -Infinity}', "number", False),
        (b'{"data": ' + b"9" * 5000 + b"}", "number", False),
        (b'{"data": 1e99999999999999999999}', "", False),
        (b"[" * 100_000, "nested too deeply", False),
        (b'{"a":' * 100_000, "nested too deeply", False),
        (b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply", False),
    ],
)
def test_a_200_that_is_no_answer_is_an_error(body: bytes, words: str, is_retryable: bool) -> None:
    """It is tried again where a cut or garbled transfer may be the reason, and nowhere else."""
    error = invalid(body)

    assert words in str(error)
    assert error.is_retryable is is_retryable
    assert len(str(error)) < 500


@pytest.mark.parametrize("context", [Context(prec=28), Context(prec=4, traps=[]), Context(prec=4)], ids=["default", "untrapped", "short"])
def test_numbers_are_parsed_in_any_decimal_context(context: Context) -> None:
    """A number that is too large for any context is an error, and NaN in none."""
    with localcontext(context):
        assert parse_json(b'{"a": 56.671895005}') == {"a": Decimal("56.671895005")}
        for text in (b"1e99999999999999999999", b"[-1e99999999999999999999]"):
            with pytest.raises(InvalidResponseError):
                decode(Reply(200, {}, text), Decimal, whole=True)


@pytest.mark.parametrize("status", [200, 429])
def test_nesting_at_the_parser_s_limit_is_survived(status: int) -> None:
    """A depth that the parser just takes is not too deep for what comes after it."""
    limit = sys.getrecursionlimit()

    for depth in range(limit - 150, limit + 10):
        deep = b"[" * depth + b"]" * depth
        bodies = [
            b'{"error": {"code": 429, "metadata": {"headers": {"Retry-After": %s}, "x": %s}}}' % (deep, deep),
            b'{"data": {"total_credits": %s, "total_usage": 1, "x": %s}}' % (deep, deep),
            b'{"data": {"total_credits": 1, "total_usage": 1, "x": %s}}' % deep,
        ]
        for body in bodies:
            try:
                decode(Reply(status, {}, body), Credits)
            except OpenRouterError as error:
                assert len(str(error)) < 500  # noqa: PT017 - a value would be as good


# What is quoted of strangers

ESCAPES = "\x1b[31mred\x1b[0m\x07\x00 \u202egnp\u2066\u200b\ufeff\u009b1m\x7f"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Plain words, ü, 漢字, 🙂", "Plain words, ü, 漢字, 🙂"),
        ("two\r\nlines\tand a tab", "two lines and a tab"),
        (ESCAPES, "[31mred[0m gnp1m"),
        ("half \ud83d of a pair", "half  of a pair"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 197 + "..."),
        (f"key {KEY} there", f"key {MASK} there"),
        (f"Bearer {KEY}{KEY}", f"Bearer {MASK}{MASK}"),
        (f"\x1b{KEY[:20]}\x00{KEY[20:]}", MASK),
        (f"{'x' * 180}{KEY}", "x" * 180 + MASK),
        (f"{'x' * 190}{KEY}", "x" * 190 + "sk-or-v..."),
        (f"another's {OTHER_KEY}!", "another's sk-or-***!"),
        ("label sk-or-v1-0e6...1c96", "label sk-or-v1-0e6...1c96"),
        ("", ""),
    ],
)
def test_a_stranger_s_words_are_made_fit_to_be_shown(text: str, shown: str) -> None:
    """No key, no control characters, at most 200 characters."""
    assert quote(text, ApiKey(KEY)) == shown


def test_nothing_a_server_says_carries_a_key_or_an_escape() -> None:
    """Message, metadata at any depth and under any name, request id: all are scrubbed, and the error pickles so."""
    nest: Any = f"{KEY}{ESCAPES}"
    for _ in range(4):
        nest = {f"{KEY}\x1b": [nest, None, True, 1.5, nest]}
    body = json.dumps(
        {"error": {"code": 401, "message": f"Bad {KEY}{ESCAPES}", "metadata": {"a": nest, KEY: KEY, "long": "x" * 999}}}
    ).encode()

    error = refused(Reply(401, {"X-Request-Id": f"{KEY}\x1b"}, body), ApiKey(KEY))

    shown = f"{error} {vars(error)} {error.args}"
    assert KEY[12:-4] not in shown
    assert KEY.encode()[12:-4] not in pickle.dumps(error)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b\u202e\u2066\ufeff]|\\\\x1b|\\\\u202e", shown)
    assert len(error.metadata["long"]) == 200
    assert error.metadata[MASK] == MASK


def test_metadata_is_cut_where_it_is_too_deep() -> None:
    """Five levels are more than anybody documents."""
    error = refusal(402, code=402, message="m", metadata={"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}, "limit_source": "openrouter_credits"})

    assert error.metadata == {"a": {"b": {"c": {"d": {"e": "..."}}}}, "limit_source": "openrouter_credits"}
    assert isinstance(error, PaymentRequiredError)
    assert error.limit_source == "openrouter_credits"


def test_an_invalid_answer_quotes_no_key() -> None:
    """Also what a user's own class says of a value is scrubbed."""
    with pytest.raises(InvalidResponseError) as caught:
        decode(Reply(200, {}, json.dumps({"data": {f"x{KEY}": KEY}}).encode()), dict[str, int], key=ApiKey(KEY))

    assert KEY[12:-4] not in f"{caught.value} {vars(caught.value)}"
    assert caught.value.__cause__ is caught.value.__context__ is None


@frozen
class Picky:
    """A user's class that refuses in its own way."""

    a: Any

    def __attrs_post_init__(self) -> None:
        _raise(self.a)


def _raise(name: str) -> NoReturn:
    raise {"lookup": LookupError, "attribute": AttributeError, "arithmetic": ArithmeticError, "value": ValueError, "type": TypeError}[name](
        name
    )


@pytest.mark.parametrize("name", ["lookup", "attribute", "arithmetic", "value", "type"])
@pytest.mark.parametrize("into", [Picky, list[Picky], dict[str, Picky]])
def test_what_a_user_s_class_raises_is_an_invalid_response(name: str, into: Any) -> None:
    """With the answer, not the program, at fault."""
    item = {"a": name}
    body = {Picky: item, list[Picky]: [item], dict[str, Picky]: {"x": item}}[into]

    error = invalid(json.dumps({"data": body}).encode(), into=into)

    assert "$.data" in str(error)


@pytest.mark.parametrize(
    "reply", [Reply(401, {}, sample("error-user-not-found")), Reply(200, {}, b"{}"), Reply(200, {}, b"{"), Reply(200, {}, b"\xff")]
)
def test_nothing_is_chained(reply: Reply) -> None:
    """A chained exception would carry what the server sent."""
    with pytest.raises(OpenRouterError) as caught:
        decode(reply, Credits)

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


# Anything at all

NUMBERS = (
    st.integers()
    | st.floats()
    | st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,12})?", fullmatch=True).map(lambda text: Raw(text))  # noqa: PLW0108 - the class stands below
)
TEXTS = st.text(max_size=20) | st.sampled_from(["0", "-1.5", "1e5", "2026-10-21T00:00:00Z", "401", KEY])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12)
FIELDS = [name for model in (Credits, KeyInfo) for name in model.__annotations__] + ["scope", "remaining_usd", "resets_at", "used"]
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8)
KEYS = st.builds(
    lambda most, more: most | more,
    st.fixed_dictionaries({"label": TEXTS, "usage": NUMBERS, "limit": NUMBERS, "limit_remaining": NUMBERS}),
    OBJECTS,
)
WALLETS = st.fixed_dictionaries({"total_credits": NUMBERS | JSON, "total_usage": NUMBERS | JSON}, optional={"x": JSON})
ERRORS = st.fixed_dictionaries({}, optional={"code": st.integers(300, 700) | JSON, "message": JSON, "metadata": OBJECTS | JSON})
DOCUMENTS = JSON | st.fixed_dictionaries({}, optional={"data": KEYS | WALLETS | OBJECTS | JSON, "error": ERRORS | JSON})


class Raw(str):
    """A number as it is written in JSON."""

    __slots__ = ()


def dumps(document: Any) -> bytes:
    """Write JSON with the numbers that no Python value has."""
    if isinstance(document, Raw):
        return document.encode()
    if isinstance(document, dict):
        return b"{" + b",".join(json.dumps(name).encode() + b":" + dumps(item) for name, item in document.items()) + b"}"
    if isinstance(document, list):
        return b"[" + b",".join(map(dumps, document)) + b"]"
    return json.dumps(document).encode()


def check(status: int, body: bytes) -> None:
    """Decode a body as both values: each is a value whose figures are finite and print plainly, or an error of ours."""
    for into in (Credits, KeyInfo):
        try:
            value = decode(Reply(status, {}, body), into, key=ApiKey(KEY))
        except OpenRouterError as error:
            assert KEY not in f"{error} {vars(error)}"  # noqa: PT017 - a value would be as good
        else:
            figures = [getattr(value, name) for name in into.__annotations__]
            assert all(figure.is_finite() and "E" not in str(figure) for figure in figures if isinstance(figure, Decimal))
            if isinstance(value, Credits):
                assert "E" not in str(value.remaining)
            else:
                assert value.used_in_window is None or value.used_in_window.is_finite()
            assert pickle.loads(pickle.dumps(value)) == value


@given(st.sampled_from([200, 201, 403, 429, 503]), DOCUMENTS)
def test_any_json_is_a_value_or_an_error_of_ours(status: int, document: Any) -> None:
    """Nothing a server can say makes anything else of it."""
    check(status, dumps(document))


@given(st.sampled_from([200, 503]), st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_value_or_an_error_of_ours(status: int, body: bytes) -> None:
    """Nor do bytes that are no JSON."""
    check(status, body)
    check(status, b'{"data": ' + body + b"}")
