"""A server that answers faster than any client asks: prebuilt bytes, and as little HTTP as they all need.

It runs in a process of its own, prints its port, and serves until its standard input is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Callable

CREDITS = b'{"data":{"total_credits":100.5,"total_usage":25.75}}'
KEY = (
    b'{"data":{"label":"sk-or-v1-0e6...1c96","limit":500,"limit_remaining":454.542594979,"limit_reset":"monthly","usage":433.286754736,'
    b'"usage_daily":3.404645509,"usage_weekly":3.404645509,"usage_monthly":45.457405021,"byok_usage":0,"byok_usage_daily":0,'
    b'"byok_usage_weekly":0,"byok_usage_monthly":0,"creator_user_id":null,"include_byok_in_limit":false,"is_free_tier":false,'
    b'"is_management_key":false,"is_provisioning_key":false,"expires_at":null,"rate_limit":{"interval":"10s","requests":-1}}}'
)
ENTRY = (
    '{"hash":"%064x","name":"key %d","disabled":false,"label":"sk-or-v1-0e6...1c96","limit":500,'
    '"limit_remaining":454.542594979,"limit_reset":"monthly","include_byok_in_limit":false,'
    '"usage":433.286754736,"usage_daily":3.404645509,"usage_weekly":3.404645509,"usage_monthly":45.457405021,'
    '"byok_usage":0,"byok_usage_daily":0,"byok_usage_weekly":0,"byok_usage_monthly":0,'
    '"created_at":"2026-08-24T10:30:00Z","updated_at":null,"last_used_at":"2026-11-23T09:59:00Z",'
    '"expires_at":null,"creator_user_id":"user_1","external_user":null,"workspace_id":"%s"}'
)
WORKSPACE = "00000000-0000-4000-8000-000000000001"
WORKSPACES = b'{"data":[{"id":"%s","name":"Default","slug":"default"}],"total_count":1}' % WORKSPACE.encode()
MISSING = b'{"error":{"code":404,"message":"Resource not found"}}'
PAGE = 100
UNAVAILABLE = b'{"error":{"code":503,"message":"No instances available"}}'
LIMITED = b'{"error":{"code":429,"message":"Rate limit exceeded"}}'


def reply(status: str, body: bytes, more: str = "") -> bytes:
    """Put an HTTP reply together, with the headers that a real one has."""
    head = (
        f"HTTP/1.1 {status}\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n"
        f"X-Request-Id: abc\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Account:
    """An account with so many keys in one workspace, which has no budgets."""

    def __init__(self, keys: int) -> None:
        self._entries = [(ENTRY % (number, number, WORKSPACE)).encode() for number in range(keys)]
        self._workspaces = reply("200 OK", WORKSPACES)
        self._missing = reply("404 Not Found", MISSING)

    def answer(self, request: bytes) -> bytes | None:
        """Answer what is asked of the list; `None` for another path."""
        target = request.split(b" ", 2)[1]
        path, _, query = target.decode().partition("?")
        match path.removeprefix("/api/v1/").split("/"):
            case ["keys"]:
                offset = int(dict(parse_qsl(query)).get("offset", 0))
                page = b",".join(self._entries[offset : offset + PAGE])
                return reply("200 OK", b'{"data":[%s]}' % page)
            case ["workspaces"]:
                return self._workspaces
            case ["workspaces", _, _]:
                return self._missing
            case _:
                return None


class Behaviour:
    """What all connections share: what was asked for, and how it is answered."""

    def __init__(
        self, *, latency: float, failing: float, limit: float | None, dead: bool, keys: int | None
    ) -> None:
        self.latency = latency
        self._failing = failing
        self._limit = limit
        self._dead = dead
        self._tokens = limit or 0.0
        self._filled_at = time.monotonic()
        self._requests = 0
        self._replies = {
            b"GET /api/v1/c": reply("200 OK", CREDITS),
            b"GET /api/v1/k": reply("200 OK", KEY),
        }
        self._unavailable = reply("503 Service Unavailable", UNAVAILABLE)
        self._account = None if keys is None else Account(keys)
        self._limited = reply("429 Too Many Requests", LIMITED, "Retry-After: 1\r\n")

    def answer(self, request: bytes) -> bytes | None:
        """Choose the reply; `None` for none at all."""
        if request.startswith(b"GET /told"):
            return reply(
                "200 OK", json.dumps({"requests": self._requests, "cpu": time.process_time()}).encode()
            )
        self._requests += 1
        if self._dead:
            return None
        if self._limit is not None and not self._admit(self._limit):
            return self._limited
        if int(self._requests * self._failing) != int((self._requests - 1) * self._failing):
            return self._unavailable
        if self._account is not None and (page := self._account.answer(request)):
            return page
        return self._replies[request[:13]]

    def _admit(self, limit: float) -> bool:
        """Take a token from a bucket that holds one second's worth."""
        now = time.monotonic()
        self._tokens = min(limit, self._tokens + (now - self._filled_at) * limit)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Connection(asyncio.Protocol):
    """One connection; a request without a body ends with its head."""

    def __init__(self, behaviour: Behaviour, loop: asyncio.AbstractEventLoop) -> None:
        self._behaviour = behaviour
        self._loop = loop
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        *requests, self._held = (self._held + data).split(b"\r\n\r\n")
        for request in requests:
            answer = self._behaviour.answer(request)
            if answer is None:
                continue
            if self._behaviour.latency:
                self._loop.call_later(self._behaviour.latency, self._transport.write, answer)
            else:
                self._transport.write(answer)


async def serve(behaviour: Behaviour) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(behaviour, loop), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 1) else over.set())
    await over.wait()
    server.close()
    await server.wait_closed()


def main() -> None:
    """Read the options and serve; on uvloop if it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    parser.add_argument("--failing", type=float, default=0.0, help="share of the requests answered with 503")
    parser.add_argument("--limit", type=float, help="requests a second; above it, 429 with Retry-After: 1")
    parser.add_argument("--dead", action="store_true", help="take requests and answer none")
    parser.add_argument("--keys", type=int, help="also serve the list of so many keys")
    behaviour = Behaviour(**vars(parser.parse_args()))
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(behaviour))


if __name__ == "__main__":
    main()
