"""Scripted answers are values, which refuse what cannot be."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from openrouter_credits.testing import CutBody, Drip, Reply


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(), b""),
        (Reply(200, "null"), b"null"),
        (Reply(200, [1, None]), b"[1,null]"),
        (Reply(500), b'{"error":{"code":500,"message":"Internal Server Error"}}'),
        (Reply(418), b'{"error":{"code":418,"message":"Error"}}'),
        (Reply(500, ""), b""),
    ],
)
def test_a_reply_without_a_body_has_the_documented_one(reply: Reply, expected: bytes) -> None:
    """A Reply without a body sends OpenRouter's error object from status 400 on, and nothing below."""
    assert expected == reply.content


_STATUS = "status is a whole number from 200 to 599, not "
_BODY = "body is bytes, text, or a value for JSON: "
_UTF_8 = "body has text that UTF-8 cannot carry"
_HEADERS = "headers are a mapping of text to text, or pairs of texts"
CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("kind", "field", "value", "error", "message"),
    [
        (Reply, "status", 199, ValueError, _STATUS + "199"),
        (Reply, "status", 600, ValueError, _STATUS + "600"),
        (Reply, "status", "200", TypeError, _STATUS + "str"),
        (Reply, "status", True, TypeError, _STATUS + "bool"),
        (Reply, "body", nan, ValueError, _BODY + "Out of range float values are not JSON compliant"),
        (Reply, "body", object(), TypeError, _BODY + "Object of type object is not JSON serializable"),
        (Reply, "body", CIRCLE, ValueError, "body is nested too deeply for JSON"),
        (Reply, "body", "\ud800", ValueError, _UTF_8),
        (Reply, "body", {"name": "\ud800"}, ValueError, _UTF_8),
        (Reply, "headers", "X: 1", TypeError, _HEADERS),
        (Reply, "headers", {"X": 1}, TypeError, _HEADERS),
        (Reply, "headers", [("X", "1", "2")], TypeError, _HEADERS),
        (Reply, "headers", 5, TypeError, _HEADERS),
        (
            Reply,
            "headers",
            {"X": "1\r\nY: 2"},
            ValueError,
            r"headers have 'X: 1\r\nY: 2', which HTTP does not",
        ),
        (Reply, "headers", {"": "1"}, ValueError, "headers have ': 1', which HTTP does not allow"),
        (Reply, "headers", {"X": "\ud800"}, ValueError, r"headers have 'X: \ud800', which HTTP does not"),
        (Reply, "headers", {"content-length": "-1"}, ValueError, "headers have 'content-length: -1', which"),
        (CutBody, "sent", -1, ValueError, "sent is a whole number from 0, not -1"),
        (CutBody, "sent", 0.5, TypeError, "sent is a whole number from 0, not float"),
        (Drip, "interval", 0, ValueError, "interval is a finite number of seconds above 0, not 0"),
        (Drip, "interval", nan, ValueError, "interval is a finite number of seconds above 0, not nan"),
        (Drip, "interval", inf, ValueError, "interval is a finite number of seconds above 0, not inf"),
        (Drip, "interval", "1", TypeError, "interval is a number of seconds, not str"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_name(
    kind: Any, field: str, value: object, error: type[Exception], message: str
) -> None:
    """Answers refuse what cannot be sent, and the text of the error begins with the argument's name."""
    with pytest.raises(error) as caught:
        kind(**{field: value})

    assert str(caught.value).startswith(message)
    assert 1 == len(caught.value.args)


def test_a_repeated_header_is_kept() -> None:
    """Reply() keeps pairs of headers in their order, and the pairs of a mapping."""
    pairs = [("Retry-After", "1"), ("Retry-After", "a\tb")]

    assert tuple(pairs) == Reply(headers=iter(pairs)).headers
    assert (("X", "\xe9"),) == Reply(headers={"X": "\xe9"}).headers
