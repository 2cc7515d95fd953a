"""Received requests are recorded with masked keys."""

from __future__ import annotations

from openrouter_credits.testing import FakeAccount, ReceivedRequest
from tests.testing.conftest import Caller


async def test_requests_are_recorded_without_their_keys(call: Caller, acme: FakeAccount) -> None:
    """Recorded requests show masks only, wherever the key stands: in the header or in the path."""
    key = acme.add_key()
    text = key.reveal()

    await call("/key?x=1", key)
    await call("/nothing")
    await call("/key", Authorization="Bearer <not\u00a0a-key>")
    await call(f"/keys/{text}", "sk-or-v1-unknown-but-long-enough")

    assert [
        ReceivedRequest("GET", "/key", str(key)),
        ReceivedRequest("GET", "/nothing", None),
        ReceivedRequest("GET", "/key", "***"),
        ReceivedRequest("GET", f"/keys/{key}", "sk-or-v1-unk...ough"),
    ] == call.fake.requests
    assert text[9:] not in repr(call.fake.requests)
    assert text[9:] not in repr(acme)


async def test_the_word_bearer_may_be_written_in_any_case(call: Caller, acme: FakeAccount) -> None:
    """The scheme `bearer` is accepted in any case, as HTTP says."""
    key = acme.add_key()

    status, _ = await call("/key", Authorization=f"bearer {key.reveal()}")

    assert 200 == status


async def test_a_header_that_is_no_text_is_a_wrong_key(call: Caller) -> None:
    """An `Authorization` header with bytes that are not UTF-8 gets 401, as any other wrong key."""
    reply = await call.raw(b"GET /api/v1/key HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\r\n\r\n")

    assert b"HTTP/1.1 401 Unauthorized" == reply.splitlines()[0]
    assert [ReceivedRequest("GET", "/key", "***")] == call.fake.requests


async def test_a_request_may_name_the_whole_address(call: Caller, acme: FakeAccount) -> None:
    """A request line with a whole URL, as clients send it to a proxy, is served like one with its path."""
    bearer = f"Authorization: Bearer {acme.add_key().reveal()}".encode()

    reply = await call.raw(
        b"GET http://openrouter.test/api/v1/key?x=1 HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n" % bearer
    )

    assert b"HTTP/1.1 200 OK" == reply.splitlines()[0]
    assert ["/key"] == [request.path for request in call.fake.requests]


async def test_a_body_that_is_not_gzip_is_400(call: Caller) -> None:
    """A body that cannot be decompressed gets 400 with OpenRouter's error object, not a 500."""
    head = b"POST /api/v1/keys HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\n"

    reply = await call.raw(head + b"not gzip")

    assert b"HTTP/1.1 400 Bad Request" == reply.splitlines()[0]
    assert b'{"error":{"code":400,"message":"Invalid request parameters"}}' == reply.splitlines()[-1]
