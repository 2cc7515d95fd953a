"""Lend the client a session of your own: its connections, its proxy, its tracing.

Set OPENROUTER_MANAGEMENT_KEY, then: python own_session.py
"""

import asyncio
from types import SimpleNamespace

import aiohttp
from openrouter_credits import CreditsClient, format_usd


async def note(
    _: aiohttp.ClientSession, __: SimpleNamespace, end: aiohttp.TraceRequestEndParams
) -> None:
    """Print each request; its headers hold the key, and are not printed."""
    print(end.method, end.url.path, end.response.status)


async def main() -> None:
    """Read the wallet over a borrowed session."""
    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(note)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=20),
        cookie_jar=aiohttp.DummyCookieJar(),  # cookies of one key are not for the next
        trace_configs=[trace],
        proxy=None,  # such as "http://proxy.example:3128", and proxy_auth=...
    ) as session:
        async with CreditsClient(session=session) as client:
            print(format_usd((await client.credits()).remaining))
        print("closed:", session.closed)  # it was lent, and is yours to close


if __name__ == "__main__":
    asyncio.run(main())
