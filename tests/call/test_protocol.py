"""Replies are decoded to values, or raise the errors that they are, without a network."""

from __future__ import annotations

import copy
import json
import math
import pickle
import re
import sys
import traceback
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import attrs
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from openrouter_credits import (
    ApiKey,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    Credits,
    EdgeRefusedError,
    InvalidResponseError,
    KeyInfo,
    KeyLimitExceededError,
    ManagementKeyRequiredError,
    NotFoundError,
    OpenRouterError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    RedirectError,
    ServerError,
    error_from_response,
)
from openrouter_credits._call.bodies import MOST_DEPTH, hide, parse_json
from openrouter_credits._call.protocol import Reply, decode, require_structurable
from tests.kit.values import KEY, MASK, sample

if TYPE_CHECKING:
    from collections.abc import Callable

WALL_CLOCK = datetime(2026, 8, 31, 9, 0, tzinfo=UTC)


def refused(reply: Reply, key: ApiKey | None = None) -> APIStatusError:
    """Decode a reply that must be a refusal, and return the error."""
    with pytest.raises(APIStatusError) as caught:
        decode(reply, Credits, key=key, wall_clock=WALL_CLOCK)
    return caught.value


def refusal(status: int, **error: Any) -> APIStatusError:
    """Decode an error object as OpenRouter documents it, and return the error."""
    return refused(Reply(status, {}, json.dumps({"error": error}).encode()))


def invalid(body: bytes, status: int = 200, into: Any = Credits) -> InvalidResponseError:
    """Decode a body that must be invalid, and return the error."""
    with pytest.raises(InvalidResponseError) as caught:
        decode(Reply(status, {}, body), into)
    return caught.value


def test_a_type_that_no_json_becomes_is_refused_beforehand() -> None:
    """require_structurable() raises TypeError for a type that cattrs cannot structure, and only for these."""
    known: list[Any] = [Credits, dict[str, Any], list[int], int, Any]
    unknown: list[Any] = [re.Pattern, object()]

    for into in known:
        require_structurable(into)
    for into in unknown:
        with pytest.raises(TypeError, match="cattrs cannot structure"):
            require_structurable(into)


def test_a_reply_shows_no_secrets() -> None:
    """The `repr` of a reply has no body and no headers."""
    assert repr(Reply(200, {"Set-Cookie": "secret"}, b"secret")) == "Reply(status=200)"


# Values and refusals


@pytest.mark.parametrize("status", [200, 201, 299])
def test_any_2xx_is_a_value(status: int) -> None:
    """A reply of any status from 200 to 299 is decoded to its value; creating a key answers 201."""
    assert decode(Reply(status, {}, sample("credits-spec")), Credits) == Credits(
        Decimal("100.5"), Decimal("25.75")
    )


def test_the_whole_body_is_structured_on_demand() -> None:
    """decode(whole=True) structures the whole body, which may have fields beside `data` or be no object."""
    body = b'{"data": {"hash": "x"}, "key": "sk"}'

    assert decode(Reply(201, {}, body), dict[str, Any], whole=True) == {"data": {"hash": "x"}, "key": "sk"}
    assert decode(Reply(200, {}, b"[1, 2]"), list[int], whole=True) == [1, 2]
    assert decode(Reply(200, {}, b"null"), Any, whole=True) is None


@pytest.mark.parametrize(
    ("name", "status", "kind", "message"),
    [
        ("error-user-not-found", 401, AuthenticationError, "User not found."),
        (
            "error-management-key",
            403,
            ManagementKeyRequiredError,
            "Only management keys can perform this operation",
        ),
        ("error-key-limit", 403, KeyLimitExceededError, "Key limit exceeded (daily limit)"),
        ("error-rate-limit-reset-in-body", 429, RateLimitError, "Rate limit exceeded"),
    ],
)
def test_recorded_refusals_decode(name: str, status: int, kind: type[APIStatusError], message: str) -> None:
    """Each recorded error decodes alike under its own status and, as OpenRouter may send it, inside a 200."""
    plain = refused(Reply(status, {}, sample(name)))
    inside = refused(Reply(200, {}, sample(name)))

    for error in (plain, inside):
        assert type(error) is kind
        assert (error.message, error.code) == (message, status)
    assert (plain.status, inside.status) == (status, 200)
    assert str(plain) == str(inside) == f"{status} {message.rstrip('.')}. {plain.remedy}"


def test_a_reset_that_is_only_in_the_body_is_read() -> None:
    """A reset that stands only in the body of a 429 is read: the recorded one names midnight UTC."""
    error = refused(Reply(429, {}, sample("error-rate-limit-reset-in-body")))

    assert error.resets_at == datetime(2026, 9, 1, tzinfo=UTC)
    assert error.retry_after == 15 * 3600
    assert error.metadata["headers"]["X-RateLimit-Limit"] == "50"
    assert error.is_retryable


def test_hints_are_read_inside_a_200_too() -> None:
    """X-RateLimit-Reset is a hint for an error of code 429 inside a 200, as it is for a status 429."""
    error = refused(Reply(200, {}, sample("error-rate-limit-reset-in-body")))

    assert error.retry_after == 15 * 3600


def test_headers_are_found_in_any_case_and_number() -> None:
    """Headers are found in any case, in a multidict with repeated names and in a plain dictionary."""
    many = CIMultiDict([("retry-after", "1"), ("Retry-After", "3"), ("X-Request-ID", "req-7")])

    error = refused(Reply(503, many, b""))

    assert (error.retry_after, error.resets_at, error.request_id) == (
        3.0,
        WALL_CLOCK + timedelta(seconds=3),
        "req-7",
    )
    assert refused(Reply(503, {"CF-RAY": "8f-FRA"}, b"")).request_id == "8f-FRA"
    assert refused(Reply(503, {}, b"")).request_id is None


def test_without_a_clock_hints_are_measured_from_now() -> None:
    """A reply that is decoded without a given time measures its hints from the current time."""
    with pytest.raises(RateLimitError) as caught:
        decode(Reply(429, {"Retry-After": "60"}, b""), Credits)

    assert caught.value.resets_at is not None
    assert abs(caught.value.resets_at - datetime.now(UTC) - timedelta(seconds=60)) < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("code", "kind", "is_retryable"),
    [
        (400, BadRequestError, False),
        ("401", AuthenticationError, False),
        (402, PaymentRequiredError, False),
        (429, RateLimitError, True),
        ("503", ServerError, True),
        (501, ServerError, False),
        (599, ServerError, False),
    ],
)
def test_an_error_inside_a_200_is_what_its_code_says(
    code: int | str, kind: type[APIStatusError], is_retryable: bool
) -> None:
    """The code of an error inside a 200 decides its class and whether to retry; its `status` stays 200."""
    error = refusal(200, code=code, message="Said")

    assert type(error) is kind
    assert (error.status, error.code, error.message, error.is_retryable) == (
        200,
        int(code),
        "Said",
        is_retryable,
    )


@pytest.mark.parametrize(
    "said",
    [
        '"x"',
        '""',
        "[]",
        "false",
        "{}",
        '{"code": null}',
        '{"code": true}',
        '{"code": 399}',
        '{"code": 600}',
        '{"code": 401.0}',
        '{"code": "401 "}',
        '{"code": " 401"}',
        '{"code": "٤٠١"}',
        '{"code": [401]}',
    ],
)
def test_an_error_inside_a_200_without_a_code_is_no_answer(said: str) -> None:
    """An error inside a 200 that has no code from 400 to 599 is an invalid response, and is not retried."""
    error = invalid(f'{{"error": {said}, "data": {{"total_credits": 1, "total_usage": 0}}}}'.encode())

    assert "error without a code" in str(error)
    assert not error.is_retryable


def test_a_null_error_is_no_error() -> None:
    """A body with `"error": null` is not an error: some servers always send the field."""
    assert (
        decode(
            Reply(200, {}, b'{"error": null, "data": {"total_credits": 1, "total_usage": 0}}'), Credits
        ).remaining
        == 1
    )


def test_an_error_code_is_ignored_where_the_status_refuses() -> None:
    """The HTTP status of a refusal decides its class and whether to retry, not the code in its body."""
    error = refusal(403, code=500, message="Key limit exceeded (total limit)")

    assert type(error) is KeyLimitExceededError
    assert (error.status, error.code, error.is_retryable) == (403, 500, False)


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (503, ServerError, b""),
        (503, ServerError, b"<html><body>Bad gateway</body></html>"),
        (503, ServerError, b"\xff\xfe"),
        (503, ServerError, b"[" * 100_000),
        (503, ServerError, b"9" * 5000),
        (503, ServerError, b"[]"),
        (503, ServerError, b"{}"),
        (503, ServerError, b'{"error": null}'),
        (503, ServerError, b'{"error": 7}'),
        (503, ServerError, b'{"error": {"message": 7, "metadata": "x", "code": "y"}}'),
        (503, ServerError, b'{"error": {"code": 1e400}}'),
        (401, AuthenticationError, b"<html><body>Unauthorized</body></html>"),
        (418, APIStatusError, b'{"error": {"code": 503'),
        (300, RedirectError, b"<html><body>Found</body></html>"),
    ],
)
def test_the_body_of_a_refusal_never_becomes_the_error(
    status: int, kind: type[APIStatusError], body: bytes
) -> None:
    """A refusal whose body has no documented error is the error of its status, with an empty message."""
    error = refused(Reply(status, {}, body))

    assert type(error) is kind
    assert (error.status, error.code, error.message, dict(error.metadata)) == (status, None, "", {})


def test_an_error_that_is_a_text_is_its_message() -> None:
    """An `error` that is a text becomes the message of a refusal: some proxies send it so."""
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
        (b'{"data": "\xe9"}', "UTF-8", True),
        (b'\xef\xbb\xbf{"data": {}}', "is not JSON", True),
        (b"[]", "no data", False),
        (b'"data"', "no data", False),
        (b'{"Data": {}}', "no data", False),
        (b'{"data": null}', "$.data", False),
        (b'{"data": NaN}', "number", False),
        (b'{"data": ' + b"9" * 5000 + b"}", "number", False),
        (b'{"data": 1e99999999999999999999}', "number", False),
        (b"[" * 100_000, "nested too deeply", False),
        (b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply", False),
    ],
)
def test_a_200_that_is_no_answer_is_an_error(body: bytes, words: str, is_retryable: bool) -> None:
    """A 200 with an invalid body is an error, retryable only if a bad transfer may be the reason."""
    error = invalid(body)

    assert words in str(error)
    assert error.is_retryable is is_retryable
    assert len(str(error)) < 500


@pytest.mark.parametrize(
    "context", [Context(prec=4), Context(prec=4, traps=[])], ids=["trapping", "untrapped"]
)
def test_numbers_are_parsed_in_any_decimal_context(context: Context) -> None:
    """Numbers are read exactly, and a number too large for Decimal is an error, in any decimal context."""
    with localcontext(context):
        assert parse_json(b'{"a": 56.671895005}') == {"a": Decimal("56.671895005")}
        for text in (b"1e99999999999999999999", b"[-1e99999999999999999999]"):
            with pytest.raises(InvalidResponseError):
                decode(Reply(200, {}, text), Decimal, whole=True)


@pytest.mark.parametrize("status", [200, 429])
def test_nesting_at_the_parser_s_limit_is_survived(status: int) -> None:
    """A body nested about as deeply as the parser takes gives a value or an OpenRouterError."""
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


@pytest.mark.parametrize("brackets", [b"[]", b"{}"], ids=["lists", "objects"])
@pytest.mark.parametrize(("depth", "is_accepted"), [(18, True), (19, False), (900, False)])
def test_one_object_is_nested_20_deep_at_most(brackets: bytes, depth: int, is_accepted: bool) -> None:
    """A body whose `data` is one object is refused if nested over 20 deep, though few elements wide."""
    opening = b"[" if brackets == b"[]" else b'{"a":'
    inside = opening * depth + b"1" + brackets[1:] * depth
    body = b'{"data": {"label": "k", "usage": 1, "limit": null, "x": %s, "y": [%s{}]}}' % (
        inside,
        b"{}," * 30,
    )

    if not is_accepted:
        error = invalid(body)
        assert "nested too deeply" in str(error)
        assert not error.is_retryable
        return
    key = decode(Reply(200, {}, body), KeyInfo)
    assert copy.deepcopy(key) == pickle.loads(pickle.dumps(key)) == key
    assert attrs.asdict(key)["extra"] == key.extra


def test_brackets_in_a_text_are_no_nesting() -> None:
    """Hundreds of brackets inside a text, and hundreds of lists side by side, are accepted."""
    body = b'{"data": {"total_credits": 1, "total_usage": 1, "x": "%s", "y": [%s[]]}}' % (
        b"[" * 900,
        b"[]," * 900,
    )

    assert decode(Reply(200, {}, body), Credits).remaining == 0


# Bodies of too many elements

ELEMENTS = b'{"data": {"total_credits": 100.5, "total_usage": 25.75, "more": [%s0]}}'


@pytest.mark.parametrize(("count", "is_accepted"), [(3991, True), (3992, False), (300_000, False)])
def test_one_object_has_at_most_4000_elements(count: int, is_accepted: bool) -> None:
    """A body whose `data` is one object may have 4,000 elements; one more is an InvalidResponseError."""
    body = ELEMENTS % (b"0," * count)

    if is_accepted:
        assert decode(Reply(200, {}, body), Credits).remaining == Decimal("74.75")
    else:
        error = invalid(body)
        assert "over 4000 elements" in str(error)
        assert not error.is_retryable


def test_a_whole_body_may_have_more_elements() -> None:
    """A body that is structured whole, such as a list of keys, may have more than 4,000 elements."""
    body = ELEMENTS % (b"0," * 5000)

    assert len(decode(Reply(200, {}, body), dict[str, Any], whole=True)["data"]["more"]) == 5001


def test_a_whole_body_may_be_bounded() -> None:
    """With `most`, a whole body has at most so many elements, is nested at most 20 deep, and has no key."""
    wide, deep = ELEMENTS % (b"0," * 5000), b'{"a": %s}' % (b"[" * 30 + b"]" * 30)
    echo = b'{"data": ["%s"]}' % KEY.encode()

    def bounded(body: bytes, most: int) -> Any:
        return decode(Reply(200, {}, body), dict[str, Any], whole=True, most=most)

    assert len(bounded(wide, 6000)["data"]["more"]) == 5001
    with pytest.raises(InvalidResponseError, match="over 5000 elements"):
        bounded(wide, 5000)
    with pytest.raises(InvalidResponseError, match="nested too deeply"):
        bounded(deep, 6000)
    assert bounded(echo, 6000) == {"data": ["sk-or-***"]}
    assert decode(Reply(200, {}, echo), dict[str, Any], whole=True) == {"data": [KEY]}


def test_data_may_have_more_elements() -> None:
    """With `most`, the `data` of a body may be a longer list, whose keys are masked as well."""
    body = b'{"data": [%s"%s"]}' % (b'"x",' * 5000, KEY.encode())

    assert decode(Reply(200, {}, body), list[str], most=6000)[-1] == "sk-or-***"
    with pytest.raises(InvalidResponseError, match="over 4000 elements"):
        decode(Reply(200, {}, body), list[str])


def test_a_new_key_is_taken_out_of_a_bounded_body() -> None:
    """With `most`, the `key` of a whole body becomes an ApiKey; all the rest is masked as anywhere."""
    body = json.dumps({"data": {KEY: f"{KEY}!", "own": "own-key-1234"}, "key": KEY, "more": [KEY]}).encode()

    found = decode(Reply(201, {}, body), Any, whole=True, most=100, key=ApiKey("own-key-1234"))

    assert found == {
        "data": {MASK: f"{MASK}!", "own": "***"},
        "key": ApiKey(KEY),
        "more": [MASK],
    }


@pytest.mark.parametrize("key", [None, 7, [KEY], f"{KEY} {KEY}", ""])
def test_what_is_no_key_is_masked_as_anywhere(key: Any) -> None:
    """A `key` of a bounded body that cannot be a key stays what it is, masked."""
    body = json.dumps({"key": key}).encode()

    found = decode(Reply(201, {}, body), dict[str, Any], whole=True, most=100)

    assert KEY not in repr(found)
    assert type(found["key"]) is type(key)


def test_a_field_named_key_in_data_is_no_new_key() -> None:
    """A field `key` inside `data`, and one in a body without limits, is a text."""
    inside = decode(Reply(200, {}, json.dumps({"data": {"key": KEY}}).encode()), dict[str, Any])
    unbounded = decode(Reply(200, {}, json.dumps({"key": KEY}).encode()), dict[str, Any], whole=True)

    assert inside == {"key": "sk-or-***"}
    assert unbounded == {"key": KEY}


def test_a_long_text_is_no_element() -> None:
    """A long body of few elements is accepted: a text may be long."""
    body = ELEMENTS % (b'"' + b"x" * 500_000 + b'",')

    assert decode(Reply(200, {}, body), Credits).remaining == Decimal("74.75")


@pytest.mark.parametrize("status", [402, 200])
@pytest.mark.parametrize("wide", [[0] * 4001, {str(number): [] for number in range(4001)}, [[0] * 50] * 80])
def test_metadata_of_too_many_elements_is_dropped(status: int, wide: Any) -> None:
    """Metadata of more than 4,000 elements is dropped; message and code are kept."""
    body = json.dumps({"error": {"code": 402, "message": "Pay", "metadata": {"a": wide}}}).encode()

    with pytest.raises(PaymentRequiredError) as caught:
        decode(Reply(status, {}, body), dict[str, Any], whole=True)

    assert (caught.value.message, dict(caught.value.metadata)) == ("Pay", {})


def test_a_refusal_is_parsed_up_to_64_kib() -> None:
    """The body of a refusal that is longer than 64 KiB counts as cut: its status alone says what it is."""
    error = refusal(402, code=402, message="Pay", metadata={"a": "x" * (1 << 16)})

    assert type(error) is PaymentRequiredError
    assert (error.message, error.code) == ("", None)


# The kinds of 403 and 402


def test_a_403_in_anthropic_s_shape_is_openrouter_s_own() -> None:
    """A 403 of `/messages`, whose errors have a type instead of a code, was not written by a firewall."""
    body = {"type": "error", "error": {"type": "permission_error", "message": "Not this model"}}

    error = error_from_response(403, {}, body)

    assert type(error) is PermissionDeniedError
    assert error.message == "Not this model"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"error code: 1010", "error code: 1010"),
        (b" error code: 1020\r\n", "error code: 1020"),
        (b"error code: 1010 and more", ""),
        (b"<!DOCTYPE html><html><title>Attention Required!</title></html>", ""),
        (b"", ""),
        (b"Forbidden", ""),
        (b"[]", ""),
        (b'{"message": "Forbidden"}', ""),
        (b'{"error": null}', ""),
        (b'{"error": "Forbidden"}', "Forbidden"),
        (b'{"error": "management key"}', "management key"),
        (b'{"error": {}}', ""),
        (b'{"error": 1010}', ""),
        (b'{"error": ["x"]}', ""),
        (b'{"error": {"code": 1010}}', ""),
        (b'{"error": {"code": 403}}', ""),
        (b'{"error": {"code": 403, "message": 7}}', ""),
        (b'{"error": {"message": "Forbidden"}}', "Forbidden"),
        (b'{"error": {"code": 1010, "message": "Access denied"}}', "Access denied"),
        (b"\xff\xfe", ""),
    ],
)
def test_a_403_that_openrouter_did_not_write_is_the_edge_s(body: bytes, message: str) -> None:
    """A 403 whose error has no code and message is an EdgeRefusedError; Cloudflare's code is its message."""
    error = refused(Reply(403, {"CF-Ray": "8f-FRA"}, body))

    assert type(error) is EdgeRefusedError
    assert (error.message, error.request_id, error.is_retryable) == (message, "8f-FRA", False)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error": {"code": 403', PermissionDeniedError),
        (b'{"error": {}, "more', PermissionDeniedError),
        (b'{"error": {"code": 403, "message": "Forbidden"}}', PermissionDeniedError),
        (b'{"error": {"code": "403", "message": ""}}', PermissionDeniedError),
        (b'{"error": {"message": "Key limit exceeded"}}', KeyLimitExceededError),
        (b'{"error": {"metadata": {"limit_source": "openrouter_key_limit"}}}', KeyLimitExceededError),
    ],
)
def test_a_403_that_openrouter_may_have_written_is_not_the_edge_s(
    body: bytes, kind: type[APIStatusError]
) -> None:
    """A 403 with a code and a message, or of a kind we know, or cut JSON, is OpenRouter's own."""
    assert type(refused(Reply(403, {}, body))) is kind


def test_a_code_of_the_edge_is_no_error_of_another_status() -> None:
    """A 503 with Cloudflare's code is a ServerError, which quotes the code."""
    error = refused(Reply(503, {}, b"error code: 1015"))

    assert (type(error), error.message) == (ServerError, "error code: 1015")


BUDGET = {
    "limit_source": "openrouter_workspace_budget",
    "scope": "workspace",
    "limit_usd": 500,
    "spend_usd": Decimal("500.25"),
    "resets_at": "2026-09-01T00:00:00Z",
}


@pytest.mark.parametrize("status", [403, 200])
def test_a_spent_budget_says_which_and_until_when(status: int) -> None:
    """A spent budget is no lack of credits: its error has source, scope, figures and reset of the body."""
    error = refusal(status, code=403, message="Nope", metadata={**BUDGET, "spend_usd": 500.25})

    assert isinstance(error, BudgetExceededError)
    assert (error.limit_source, error.scope) == ("openrouter_workspace_budget", "workspace")
    assert (error.limit_usd, error.spend_usd) == (Decimal(500), Decimal("500.25"))
    assert error.resets_at == datetime(2026, 9, 1, tzinfo=UTC)
    assert (error.retry_after, error.is_retryable) == (None, False)


@pytest.mark.parametrize("value", [None, True, [], {}, "soon", -(10**40), "1e5", "NaN"])
def test_wrong_facts_of_a_limit_are_none(value: object) -> None:
    """A fact of a spent limit that is not as documented is None, and never an exception."""
    metadata = dict.fromkeys(BUDGET, value) | {"limit_source": "openrouter_key_limit"}

    error = refusal(403, code=403, message="Nope", metadata=metadata)

    assert isinstance(error, KeyLimitExceededError)
    assert (error.limit_usd, error.spend_usd, error.resets_at) == (None, None, None)


@pytest.mark.parametrize(
    ("status", "headers", "resets_at", "expected"),
    [
        (403, {}, "2026-09-01T00:00:00", datetime(2026, 9, 1, tzinfo=UTC)),
        (402, {"Retry-After": "5"}, "2026-09-01T02:00:00+02:00", datetime(2026, 9, 1, tzinfo=UTC)),
        (403, {"Retry-After": "5"}, None, WALL_CLOCK + timedelta(seconds=5)),
        (429, {"Retry-After": "5"}, "2026-09-01T00:00:00Z", WALL_CLOCK + timedelta(seconds=5)),
        (429, {}, "2026-09-01T00:00:00Z", datetime(2026, 9, 1, tzinfo=UTC)),
        (403, {}, "9999-12-31T23:59:59-23:59", None),
        (403, {}, None, None),
    ],
)
def test_the_reset_of_a_limit_is_no_wait(
    status: int, headers: dict[str, str], resets_at: str | None, expected: datetime | None
) -> None:
    """`resets_at` of the body is when a limit resets; how long to wait is said by the hints alone."""
    body = json.dumps({"error": {"metadata": {"resets_at": resets_at}}}).encode()

    error = refused(Reply(status, headers, body))

    assert error.resets_at == expected
    assert error.retry_after == (5.0 if headers else None)


def test_seconds_in_the_body_are_a_hint() -> None:
    """A 429 of a provider's shared pool is a RateLimitError whose hint may stand in the body alone."""
    metadata = {"limit_source": "upstream_provider_shared_pool", "retry_after_seconds": 11}

    error = refusal(429, code=429, message="Provider returned error", metadata=metadata)

    assert type(error) is RateLimitError
    assert (error.retry_after, error.is_key_limit) == (11.0, False)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"name": "ZodError", "message": "Expected string"}, "Expected string"),
        ({"name": "ZodError", "issues": [{"message": "Required"}, {"message": "Odd"}]}, "Required; Odd"),
        ({"name": "ZodError", "issues": [7, {"message": 7}, {"message": "Odd"}]}, "Odd"),
        ({"name": "ZodError", "issues": "odd"}, ""),
    ],
)
def test_a_zod_error_keeps_its_message(fault: object, message: str) -> None:
    """A 400 in the shape of a ZodError, without a code, is a BadRequestError with its words."""
    error = refused(Reply(400, {}, json.dumps({"success": False, "error": fault}).encode()))

    assert type(error) is BadRequestError
    assert (error.message, error.code) == (message, None)


# Errors of other answers


@pytest.mark.parametrize(
    "form",
    [
        lambda body: body,
        bytearray,
        memoryview,
        bytes.decode,
        json.loads,
        lambda body: json.loads(body, parse_float=Decimal),
        lambda body: MappingProxyType(json.loads(body)),
    ],
    ids=["bytes", "bytearray", "memoryview", "text", "parsed", "parsed exactly", "read-only"],
)
def test_an_error_is_made_of_any_answer(form: Callable[[bytes], Any]) -> None:
    """error_from_response() makes the error of an inference answer, whose body is raw or parsed."""
    metadata = {**BUDGET, "spend_usd": 500.25, "raw": {"key": KEY}}
    body = json.dumps({"error": {"code": 403, "message": f"Over {KEY}", "metadata": metadata}}).encode()

    error = error_from_response(403, {"x-request-id": "gen-1", "Retry-After": "7"}, form(body))

    assert isinstance(error, BudgetExceededError)
    assert (error.message, error.request_id, error.retry_after) == ("Over sk-or-***", "gen-1", 7.0)
    assert (error.limit_usd, error.spend_usd) == (Decimal(500), Decimal("500.25"))
    assert KEY[12:-4] not in f"{error} {vars(error)}"
    assert pickle.loads(pickle.dumps(error)).metadata == error.metadata


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"error": {"code": 402, "message": "Pay"}}, PaymentRequiredError),
        (200, b'{"error": {"code": "429"}, "choices": []}', RateLimitError),
        (200, {"error": {"message": "no code"}}, InvalidResponseError),
        (200, {"error": "x"}, InvalidResponseError),
        (302, b"", RedirectError),
        (403, b"error code: 1010", EdgeRefusedError),
        (403, None, EdgeRefusedError),
        (402, None, PaymentRequiredError),
        (503, "\ud800", ServerError),
        (503, [1], ServerError),
        (503, 7, ServerError),
        (503, {"error": {1: {2}, (3,): 4, "metadata": {"x": object(), "y": math.nan}}}, ServerError),
        (999, b"", ServerError),
        (HTTPStatus.NOT_FOUND, b"", NotFoundError),
    ],
)
def test_any_refusal_is_an_error_whatever_its_body(
    status: int, body: Any, kind: type[OpenRouterError]
) -> None:
    """error_from_response() returns an error for any refusal, and for an error inside a 200."""
    error = error_from_response(status, None, body)

    assert type(error) is kind
    assert type(pickle.loads(pickle.dumps(error))) is kind


def test_a_body_that_cannot_be_written_is_empty() -> None:
    """error_from_response() takes a parsed body that contains itself, or raises when printed, for empty."""

    class Rude:
        def __str__(self) -> str:
            raise KeyError

    endless: dict[str, Any] = {}
    endless["error"] = endless

    for body in (endless, {"error": Rude()}):
        assert type(error_from_response(500, {}, body)) is ServerError


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"id": "gen-1"}'),
        (200, b'{"error": null}'),
        (201, b""),
        (204, None),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"text": "' + b"x" * (1 << 17) + b'"}'),
        (199, {"error": {"code": 500}}),
        (0, b""),
        (-1, b""),
    ],
)
def test_an_answer_that_is_no_error_is_a_value_error(status: int, body: Any) -> None:
    """error_from_response() raises ValueError for an answer that has no error."""
    with pytest.raises(ValueError, match=f"status {status} "):
        error_from_response(status, {}, body)


@pytest.mark.parametrize("status", ["403", None, True, 403.0])
def test_a_status_is_a_whole_number(status: Any) -> None:
    """error_from_response() raises TypeError for a status that is not a whole number."""
    with pytest.raises(TypeError, match="status is a whole number"):
        error_from_response(status, {}, b"")


class Message:
    """Headers of the standard library: they have `items`, and are no mapping."""

    def items(self) -> list[tuple[str, str]]:
        """Return a repeated header twice."""
        return [("Retry-After", "1"), ("retry-after", "3")]


@pytest.mark.parametrize(
    "headers",
    [
        CIMultiDict([("Retry-After", "1"), ("retry-after", "3")]),
        [("Retry-After", "1"), ("retry-after", "3")],
        ((b"Retry-After", b"1"), [b"retry-after", b"3"]),
        iter([("Retry-After", 3)]),
        {"Retry-After": 3},
        {b"Retry-After": b"3"},
        Message(),
    ],
    ids=["multidict", "pairs", "bytes", "iterator", "number", "mapping of bytes", "items"],
)
def test_headers_of_any_answer_count(headers: Any) -> None:
    """error_from_response() takes a mapping or pairs, and the longest of repeated Retry-After headers."""
    assert error_from_response(503, headers, b"").retry_after == 3.0


class Unreadable(dict[str, str]):
    """Headers that raise when they are read."""

    def items(self) -> NoReturn:
        """Raise."""
        raise KeyError(KEY)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("403", {"X-Key": KEY}),
        (None, [("X-Key", KEY)]),
        (403, f"X-Key: {KEY}"),
        (403, [KEY]),
        (403, 7),
        (403, [("X-Key", KEY, 1)]),
        (403, Unreadable({"X-Key": KEY})),
        (200, {"X-Key": KEY}),
    ],
    ids=["status", "no status", "text", "texts", "number", "triples", "unreadable", "no error"],
)
def test_a_wrong_argument_shows_nothing_of_the_answer(status: Any, headers: Any) -> None:
    """error_from_response() raises an error whose frames hold neither headers nor body."""
    with pytest.raises((TypeError, ValueError)) as caught:
        error_from_response(status, headers, {"key": KEY})

    whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert whole.__context__ is None
    assert KEY not in f"{caught.value} {[frame.locals for frame in list(whole.stack)[1:]]}"
    assert len(whole.stack) > 1


# Quoted texts of a server

ESCAPES = "\x1b[31mred\x1b[0m\x07\x00 \u202egnp\u2066\u200b\ufeff\u009b1m\x7f"


def test_nothing_a_server_says_carries_a_key_or_an_escape() -> None:
    """An error has no key and no escapes in its message, metadata, request id and pickle."""
    nest: Any = f"{KEY}{ESCAPES}"
    for _ in range(4):
        nest = {f"{KEY}\x1b": [nest, None, True, 1.5, nest]}
    body = json.dumps(
        {
            "error": {
                "code": 401,
                "message": f"Bad {KEY}{ESCAPES}",
                "metadata": {"a": nest, KEY: KEY, "long": "x" * 999},
            }
        }
    ).encode()

    error = refused(Reply(401, {"X-Request-Id": f"{KEY}\x1b"}, body), ApiKey(KEY))

    shown = f"{error} {vars(error)} {error.args}"
    assert KEY[12:-4] not in shown
    assert KEY.encode()[12:-4] not in pickle.dumps(error)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b\u202e\u2066\ufeff]|\\\\x1b|\\\\u202e", shown)
    assert len(error.metadata["long"]) == 200
    assert error.metadata[MASK] == MASK


def test_metadata_is_cut_where_it_is_too_deep() -> None:
    """Metadata is kept to a depth of five levels; deeper objects are replaced by `...`."""
    error = refusal(
        402,
        code=402,
        message="m",
        metadata={"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}, "limit_source": "openrouter_credits"},
    )

    assert error.metadata == {"a": {"b": {"c": {"d": {"e": "..."}}}}, "limit_source": "openrouter_credits"}
    assert isinstance(error, PaymentRequiredError)
    assert error.limit_source == "openrouter_credits"


def test_an_invalid_answer_quotes_no_key() -> None:
    """An error about a wrong value does not quote the key that the value contains, and chains nothing."""
    with pytest.raises(InvalidResponseError) as caught:
        decode(
            Reply(200, {}, json.dumps({"data": {f"x{KEY}": KEY}}).encode()), dict[str, int], key=ApiKey(KEY)
        )

    assert KEY[12:-4] not in f"{caught.value} {vars(caught.value)}"
    assert caught.value.__cause__ is caught.value.__context__ is None


@frozen
class Picky:
    """A class of the caller's own whose constructor raises the exception that `a` names."""

    a: Any

    def __attrs_post_init__(self) -> None:
        _raise(self.a)


def _raise(name: str) -> NoReturn:
    kinds = {
        "lookup": LookupError,
        "attribute": AttributeError,
        "arithmetic": ArithmeticError,
        "value": ValueError,
        "type": TypeError,
    }
    raise kinds[name](name)


@pytest.mark.parametrize(
    ("into", "data"),
    [
        *((Picky, {"a": name}) for name in ("lookup", "attribute", "arithmetic", "value", "type")),
        (list[Picky], [{"a": "lookup"}]),
        (dict[str, Picky], {"x": {"a": "lookup"}}),
    ],
)
def test_what_a_user_s_class_raises_is_an_invalid_response(into: Any, data: Any) -> None:
    """An exception that a caller's own class raises in its constructor becomes an InvalidResponseError."""
    error = invalid(json.dumps({"data": data}).encode(), into=into)

    assert "$.data" in str(error)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(401, {}, sample("error-user-not-found")),
        Reply(200, {}, b"{}"),
        Reply(200, {}, b"{"),
        Reply(200, {}, b"\xff"),
    ],
)
def test_nothing_is_chained(reply: Reply) -> None:
    """An error of decode() chains no other exception, which would carry the text that the server sent."""
    with pytest.raises(OpenRouterError) as caught:
        decode(reply, Credits)

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


# Random bodies

NUMBERS = (
    st.integers()
    | st.floats()
    | st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,12})?", fullmatch=True).map(
        lambda text: Raw(text)  # noqa: PLW0108 - the class is defined below
    )
)
TEXTS = st.text(max_size=20) | st.sampled_from(["0", "-1.5", "1e5", "2026-10-21T00:00:00Z", "401", KEY])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
FIELDS = [name for model in (Credits, KeyInfo) for name in model.__annotations__] + [
    "scope",
    "remaining_usd",
    "resets_at",
    "used",
]
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8)
KEYS = st.builds(
    lambda most, more: most | more,
    st.fixed_dictionaries({"label": TEXTS, "usage": NUMBERS, "limit": NUMBERS, "limit_remaining": NUMBERS}),
    OBJECTS,
)
WALLETS = st.fixed_dictionaries(
    {"total_credits": NUMBERS | JSON, "total_usage": NUMBERS | JSON}, optional={"x": JSON}
)
ERRORS = st.fixed_dictionaries(
    {}, optional={"code": st.integers(300, 700) | JSON, "message": JSON, "metadata": OBJECTS | JSON}
)
DOCUMENTS = JSON | st.fixed_dictionaries(
    {}, optional={"data": KEYS | WALLETS | OBJECTS | JSON, "error": ERRORS | JSON}
)


class Raw(str):
    """The text of a JSON number."""

    __slots__ = ()


def dumps(document: Any) -> bytes:
    """Write JSON, with each Raw number as it stands: a float could not hold it."""
    if isinstance(document, Raw):
        return document.encode()
    if isinstance(document, dict):
        return (
            b"{"
            + b",".join(json.dumps(name).encode() + b":" + dumps(item) for name, item in document.items())
            + b"}"
        )
    if isinstance(document, list):
        return b"[" + b",".join(map(dumps, document)) + b"]"
    return json.dumps(document).encode()


def check(status: int, body: bytes) -> None:
    """Require that a body gives finite amounts that print plainly, or an OpenRouterError, in both models."""
    for into in (Credits, KeyInfo):
        try:
            value: Any = decode(Reply(status, {}, body), into, key=ApiKey(KEY))
        except OpenRouterError as error:
            assert KEY not in f"{error} {vars(error)}"  # noqa: PT017 - a value would be as good
        else:
            figures = [getattr(value, name) for name in into.__annotations__]
            assert all(
                figure.is_finite() and "E" not in str(figure)
                for figure in figures
                if isinstance(figure, Decimal)
            )
            if isinstance(value, Credits):
                assert "E" not in str(value.remaining)
            else:
                assert value.used_in_window is None or value.used_in_window.is_finite()
            assert pickle.loads(pickle.dumps(value)) == value


@given(st.sampled_from([200, 201, 403, 429, 503]), DOCUMENTS)
def test_any_json_is_a_value_or_an_error_of_ours(status: int, document: Any) -> None:
    """Any JSON body decodes to a value or raises an OpenRouterError."""
    check(status, dumps(document))


@given(st.sampled_from([200, 503]), st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_value_or_an_error_of_ours(status: int, body: bytes) -> None:
    """Any bytes as a body, JSON or not, decode to a value or raise an OpenRouterError."""
    check(status, body)
    check(status, b'{"data": ' + body + b"}")


@given(st.integers(199, 999), DOCUMENTS)
def test_any_answer_is_an_error_or_a_value_error(status: int, document: Any) -> None:
    """Any JSON body, raw or parsed, gives an OpenRouterError, or ValueError if the answer is no error."""
    raw = dumps(document)
    for body in (raw, document):
        try:
            error = error_from_response(status, {}, body)
        except ValueError:
            assert status < 300
        else:
            assert KEY not in f"{error} {vars(error)}"
            pickle.dumps(error)


# Secrets that are no keys

CODE = "auth_code_7f3a/9"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps({"error": {"code": 400, "message": f"Invalid code {CODE}"}}), BadRequestError),
        (
            json.dumps({"error": {"code": 403, "message": CODE, "metadata": {CODE: [CODE]}}}),
            PermissionDeniedError,
        ),
        ('{"error": {"code": 400, "message": "auth\\u005fcode_7f3a\\/9"}}', BadRequestError),
        (json.dumps({"error": {"code": 400, "message": "x" * 190 + CODE}}), BadRequestError),
    ],
)
def test_other_secrets_are_scrubbed_too(body: str, kind: type[APIStatusError]) -> None:
    """A secret of the request is in no part of the error, however the server writes it."""
    reply = Reply(kind("", status=400).status, {"X-Request-Id": CODE}, body.encode())
    if kind is PermissionDeniedError:
        reply = attrs.evolve(reply, status=403)

    with pytest.raises(kind) as caught:
        decode(reply, Credits, secrets=(CODE,))

    error = caught.value
    assert "***" in error.message
    assert error.request_id == "***"
    assert CODE[:6] not in f"{error} {vars(error)!r}"


def test_a_secret_in_the_error_of_a_200_is_scrubbed() -> None:
    """An error inside a 200 is scrubbed like any other."""
    body = json.dumps({"error": {"code": 400, "message": f"Bad {CODE}"}}).encode()

    with pytest.raises(BadRequestError, match=r"^400 Bad \*\*\*\."):
        decode(Reply(200, {}, body), Credits, secrets=(CODE,))


@pytest.mark.parametrize("status", [200, 201, 400, 403, 500])
def test_a_key_that_an_error_brings_is_scrubbed(status: int) -> None:
    """The `key` of an error's body, whatever it looks like, is in no part of the error."""
    new = "token.0123/456789=="
    fault = {"code": 400, "message": f"Made {new}, but", "metadata": {new: [new]}}
    body = json.dumps({"error": fault, "key": f" Bearer {new}", "data": {"label": new}}).encode()

    with pytest.raises(APIStatusError) as caught:
        decode(Reply(status, {"X-Request-Id": new}, body), Credits)

    error = caught.value
    assert (error.message, error.request_id, error.metadata) == ("Made ***, but", "***", {"***": ["***"]})


def test_a_short_key_of_an_error_is_no_secret() -> None:
    """A `key` of less than 8 characters, or that is no key, changes nothing in the words of an error."""
    for key in ("limit", "no key at all", None, ["limit"]):
        body = json.dumps({"error": {"code": 400, "message": "limit is no key at all"}, "key": key}).encode()

        with pytest.raises(BadRequestError, match=r"^400 limit is no key at all\."):
            decode(Reply(400, {}, body), Credits)


def test_a_cut_refusal_stays_one_with_secrets() -> None:
    """A 403 whose JSON was cut is still OpenRouter's own, and not that of a firewall."""
    with pytest.raises(PermissionDeniedError) as caught:
        decode(Reply(403, {}, b'{"error": {"co'), Credits, secrets=(CODE,))

    assert type(caught.value) is PermissionDeniedError


def test_hiding_ends_at_a_depth() -> None:
    """A value that is nested too deeply is cut, so that a hostile body cannot exhaust the stack."""
    deep: Any = CODE
    for _ in range(MOST_DEPTH + 5):
        deep = [deep]

    assert CODE not in str(hide(deep, (CODE,)))
    assert hide([deep, 7, None], (CODE,))[1:] == [7, None]
    assert hide(deep, ()) is deep


# The body that other SDKs keep: only what is inside of `error`


@pytest.mark.parametrize("form", [dict, MappingProxyType, lambda body: json.dumps(body).encode()])
def test_the_inside_of_an_error_is_enough(form: Callable[[dict[str, Any]], Any]) -> None:
    """error_from_response() takes the object inside `error` alone, as the OpenAI SDK keeps it."""
    metadata = {"limit_source": "openrouter_guardrail_budget", "limit_usd": 5}
    inside = {"code": 403, "message": "Budget limit exceeded (daily limit)", "metadata": metadata}

    error = error_from_response(403, {}, form(inside))
    whole = error_from_response(403, {}, form({"error": inside}))

    assert type(error) is type(whole) is BudgetExceededError
    assert vars(error) == vars(whole)
    assert isinstance(error, BudgetExceededError)
    assert (error.message, error.limit_usd) == ("Budget limit exceeded (daily limit)", Decimal(5))


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (402, {"code": 402, "message": "Insufficient credits"}, PaymentRequiredError, "Insufficient credits"),
        (429, {"code": None, "message": "Slow down"}, RateLimitError, "Slow down"),
        (400, {"name": "ZodError", "message": "Required"}, BadRequestError, "Required"),
        (200, {"code": 402, "message": "Insufficient credits"}, PaymentRequiredError, "Insufficient credits"),
        (403, {"message": "Forbidden"}, EdgeRefusedError, "Forbidden"),  # of a gateway: there is no code
        (403, {"code": 403, "message": "No"}, PermissionDeniedError, "No"),
        (500, {"message": "top", "error": {"code": 500, "message": "inside"}}, ServerError, "inside"),
        (500, {"message": ["no", "text"]}, ServerError, ""),
        (500, ["no", "object"], ServerError, ""),
    ],
)
def test_the_inside_of_an_error_is_told_by_its_message(
    status: int, body: Any, kind: type[APIStatusError], message: str
) -> None:
    """An object without `error` is the inside of one if its `message` is a text; in a 2xx it needs a code."""
    error = error_from_response(status, {}, body)

    assert type(error) is kind
    assert isinstance(error, APIStatusError)
    assert error.message == message


@pytest.mark.parametrize("body", [{"message": "Hello"}, {"code": 7, "message": "Hello"}, {"code": 402}])
def test_a_message_alone_makes_no_error_of_a_success(body: dict[str, Any]) -> None:
    """A 2xx whose body merely has a message, or a code, is no error."""
    with pytest.raises(ValueError, match="is no error"):
        error_from_response(200, {}, body)
