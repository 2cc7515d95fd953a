"""Sending an answer over aiohttp, whole or broken."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web
from multidict import CIMultiDict

from openrouter_credits.testing._faults import Answer, CutBody, Disconnect, Drip, Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def send(
    answer: Answer, request: web.BaseRequest, carry_out: Callable[[], Awaitable[Reply]]
) -> web.StreamResponse:
    """Send the answer; the true one, from `carry_out`, is asked for only by what sends a part of it."""
    match answer:
        case Reply():
            return web.Response(status=answer.status, body=answer.content, headers=_headers(answer))
        case Disconnect():
            return _close(request)
        case CutBody(sent):
            content, response = await _begin(await carry_out(), request, promised_too_much=1)
            await response.write(content[: len(content) // 2 if sent is None else sent])
            return _close(request)
        case Drip(interval):
            content, response = await _begin(await carry_out(), request)
            for byte in content:
                await asyncio.sleep(interval)
                await response.write(bytes([byte]))
            return response
        case _:
            hanging: asyncio.Future[web.StreamResponse] = asyncio.get_running_loop().create_future()
            return await hanging  # until the connection closes, which cancels this task


async def _begin(
    reply: Reply, request: web.BaseRequest, *, promised_too_much: int = 0
) -> tuple[bytes, web.StreamResponse]:
    content = reply.content
    response = web.StreamResponse(status=reply.status, headers=_headers(reply))
    response.content_length = len(content) + promised_too_much
    await response.prepare(request)
    return content, response


def _headers(reply: Reply) -> CIMultiDict[str]:
    headers = CIMultiDict(reply.headers)
    headers.setdefault("Content-Type", "application/json")
    return headers


def _close(request: web.BaseRequest) -> web.Response:
    """Close the connection, after what is written; aiohttp notices, and drops the response."""
    request.protocol.force_close()
    return web.Response()
