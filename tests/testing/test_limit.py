"""Requests above the rate limit are refused."""

from __future__ import annotations

import time

from openrouter_credits.testing import FakeOpenRouter, Reply
from openrouter_credits.testing._limit import TokenBucket
from tests.testing.conftest import calling


async def test_requests_beyond_the_rate_limit_are_429() -> None:
    """Requests above the rate limit get 429 with hints in headers and body; scripted ones do not count."""
    async with FakeOpenRouter(rate_limit=0.01) as fake, calling(fake) as call:
        key = fake.add_account().add_key()
        fake.script("/key", Reply(200, "scripted"))

        statuses = [(await call(path, key))[0] for path in ("/key", "/key", "/credits", "/nothing")]
        earliest = time.time() - 0.001  # the header is rounded to a millisecond
        async with call.session.get(fake.url + "/key") as response:
            headers, body = response.headers, await response.json()
        latest = time.time() + 0.001

    assert [200, 200, 429, 429] == statuses
    assert ("0.01", "0", "1") == (
        headers["X-RateLimit-Limit"],
        headers["X-RateLimit-Remaining"],
        headers["Retry-After"],
    )
    assert earliest <= int(headers["X-RateLimit-Reset"]) / 1000 - 1 <= latest
    assert (429, "Rate limit exceeded") == (body["error"]["code"], body["error"]["message"])
    assert headers["X-RateLimit-Reset"] == body["error"]["metadata"]["headers"]["X-RateLimit-Reset"]


def test_a_token_bucket_lets_its_rate_pass_and_a_small_burst() -> None:
    """A token bucket lets half a second's worth pass in a burst, then the rate, however long it was idle."""
    moments = iter([0.0] + [0.0] * 6 + [0.05] + [0.1] * 2 + [60.0] * 6)
    bucket = TokenBucket(10, clock=lambda: next(moments))

    passed = [bucket.check() is None for _ in range(15)]

    assert [True] * 5 + [False, False, True, False] + [True] * 5 + [False] == passed
