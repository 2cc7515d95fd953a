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
