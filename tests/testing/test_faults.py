"""Scripted answers are values, which refuse what cannot be."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    "make", [lambda: Reply(199), lambda: Reply(600), lambda: CutBody(-1), lambda: Drip(0)]
)
def test_a_fault_that_cannot_be_is_a_value_error(make: Any) -> None:
    """Faults refuse a status outside of 200 to 599, a negative size and an interval of zero."""
    with pytest.raises(ValueError, match=r".+"):
        make()
