"""Sends answers with aiohttp: complete, cut, slow or none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from multidict import CIMultiDict

from openrouter_credits.testing._faults import Answer, CutBody, Disconnect, Drip, Reply


async def send(
    answer: Answer, request: web.BaseRequest, carry_out: Callable[[], Awaitable[Reply]]
) -> web.StreamResponse:
    """Send an answer; only `CutBody` and `Drip` call `carry_out`, for the real reply."""
    match answer:
        case Reply():
            return web.Response(status=answer.status, body=answer.content, headers=_headers(answer))
        case Disconnect():
            return _close(request)
        case CutBody(sent):
            content, response = await _begin(await carry_out(), request, missing_bytes=1)
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


async def send_and_close(reply: Reply, request: web.BaseRequest) -> web.StreamResponse:
    """Send a reply and close the connection, of which the rest cannot be read."""
    content, response = await _begin(reply, request)
    await response.write_eof(content)
    request.protocol.force_close()
    return response


async def _begin(
    reply: Reply, request: web.BaseRequest, *, missing_bytes: int = 0
) -> tuple[bytes, web.StreamResponse]:
    content = reply.content
    response = web.StreamResponse(status=reply.status, headers=_headers(reply))
    response.content_length = len(content) + missing_bytes
    await response.prepare(request)
    return content, response


def _headers(reply: Reply) -> CIMultiDict[str]:
    headers = CIMultiDict(reply.headers)
    headers.setdefault("Content-Type", "application/json")
    return headers


def _close(request: web.BaseRequest) -> web.Response:
    """Close the connection after the data already written; aiohttp then drops the returned response."""
    request.protocol.force_close()
    return web.Response()
