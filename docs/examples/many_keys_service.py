"""A service that watches its customers' keys, and answers from its last look.

The keys stand in a file of JSON lines; account and management_key are optional:
{"name": "alice", "api_key": "sk-or-v1-...", "account": "acme"}

KEYS_FILE=customers.jsonl PORT=8080 python many_keys_service.py
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from openrouter_credits import CheckReport, CreditsClient, KeyCheck, KeySpec

EVERY = 60.0


class Watch:
    """Reads all keys over one client, again and again."""

    def __init__(self, client: CreditsClient, keys: list[KeySpec]) -> None:
        self.report = CheckReport(())
        self._client = client
        self._keys = keys

    async def look(self) -> None:
        """Read them once. No fault is raised here: each is its key's outcome."""
        self.report = await self._client.check_all(self._keys, deadline=EVERY)

    async def go_on(self) -> None:
        """Read them for ever."""
        while True:
            await asyncio.sleep(EVERY)
            await self.look()


WATCH = web.AppKey("WATCH", Watch)


def describe(check: KeyCheck) -> dict[str, str | None]:
    """Tell of a key what a customer may see; null is what is not known."""
    if check.status is None:
        return {"level": check.level(), "left": None, "says": str(check.error)}
    left = check.status.spendable.amount
    return {
        "level": check.level(),
        "left": None if left is None else str(left),
        "says": check.status.explain(),
    }


async def tell_key(request: web.Request) -> web.Response:
    """GET /keys/alice: what a key can still spend."""
    for check in request.app[WATCH].report.checks:
        if check.name == request.match_info["name"]:
            return web.json_response(describe(check))
    raise web.HTTPNotFound


async def tell_wallets(request: web.Request) -> web.Response:
    """GET /wallets: each of them once, however many keys share it."""
    wallets = [
        {
            "account": wallet.account,
            "left": wallet.credits and str(wallet.credits.remaining),
            "keys": [check.name for check in wallet.checks],
        }
        for wallet in request.app[WATCH].report.wallets()
    ]
    return web.json_response(wallets)


def make_app(keys: list[KeySpec]) -> web.Application:
    """Put the service together. It begins to answer when it has looked once."""

    async def watching(app: web.Application) -> AsyncIterator[None]:
        async with CreditsClient() as client:
            app[WATCH] = Watch(client, keys)
            await app[WATCH].look()
            task = asyncio.create_task(app[WATCH].go_on())
            yield
            task.cancel()

    app = web.Application()
    app.cleanup_ctx.append(watching)
    app.router.add_get("/keys/{name}", tell_key)
    app.router.add_get("/wallets", tell_wallets)
    return app


def read_keys(path: Path) -> list[KeySpec]:
    """Read the file; a text that cannot be a key becomes that key's outcome."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [KeySpec(**json.loads(line)) for line in lines]


if __name__ == "__main__":
    app = make_app(read_keys(Path(os.environ["KEYS_FILE"])))
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]))
