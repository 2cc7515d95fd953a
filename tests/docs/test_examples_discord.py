"""The Discord bot of the page `In a bot`, with discord.py's own objects and a stand-in for the server."""

from __future__ import annotations

import asyncio
import json
import os
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from openrouter_credits import ClientClosedError
from openrouter_credits.testing import FakeOpenRouter, Reply

with warnings.catch_warnings():
    # The voice part of discord.py imports audioop, which Python 3.13 removed; the tests use no voice.
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    import discord.http

APPLICATION, OWNER, STRANGER = 1, 2, 3
EPHEMERAL = 64


def user(number: int) -> dict[str, Any]:
    """Make a user in the form of Discord's API."""
    return {
        "id": str(number),
        "username": f"user{number}",
        "discriminator": "0",
        "global_name": None,
        "avatar": None,
    }


def reply(content: object) -> web.Response:
    """Make an answer without a charset, since discord.py reads JSON only if the type has none."""
    return web.Response(body=json.dumps(content).encode(), content_type="application/json")


class Discord:
    """Stands in for Discord's server, and keeps the commands and answers that the bot sends."""

    def __init__(self) -> None:
        self.commands: list[Any] = []
        self.sent: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    async def me(self, _: web.Request) -> web.Response:
        """Answer GET /users/@me."""
        return reply(user(APPLICATION))

    async def application(self, _: web.Request) -> web.Response:
        """Answer GET /oauth2/applications/@me."""
        about: dict[str, Any] = {
            "name": "bot",
            "description": "",
            "icon": None,
            "rpc_origins": None,
            "bot_public": False,
        }
        about |= {
            "bot_require_code_grant": False,
            "id": str(APPLICATION),
            "verify_key": "",
            "flags": 0,
            "owner": user(OWNER),
            "summary": "",
        }
        return reply(about)

    async def sync(self, request: web.Request) -> web.Response:
        """Answer PUT /applications/1/commands."""
        self.commands = await request.json()
        names = {"id": "9", "application_id": str(APPLICATION), "version": "1"}
        return reply([{**command, **names} for command in self.commands])

    async def callback(self, request: web.Request) -> web.Response:
        """Answer POST /interactions/5/token/callback, with which the bot sends its first response."""
        response = await request.json()
        self.sent.put_nowait((str(response["type"]), response["data"]))
        return reply({"interaction": {"id": "5", "type": 2}})

    async def followup(self, request: web.Request) -> web.Response:
        """Answer POST /webhooks/1/token, with which the bot sends its further responses."""
        response = await request.json()
        self.sent.put_nowait(("followup", response))
        message = {
            "id": "7",
            "channel_id": "6",
            "author": user(APPLICATION),
            "content": response["content"],
            "type": 0,
        }
        message |= {
            "timestamp": "2026-11-02T00:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
        }
        lists: dict[str, list[Any]] = {
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "components": [],
        }
        return reply({**message, **lists, "pinned": False})

    def app(self) -> web.Application:
        """Make the server's application."""
        app = web.Application()
        app.router.add_get("/users/@me", self.me)
        app.router.add_get("/oauth2/applications/@me", self.application)
        app.router.add_put(f"/applications/{APPLICATION}/commands", self.sync)
        app.router.add_post("/interactions/5/token/callback", self.callback)
        app.router.add_post(f"/webhooks/{APPLICATION}/token", self.followup)
        return app


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Discord]:
    """Run the stand-in for Discord, and direct discord.py to it."""
    stand_in = Discord()
    async with TestServer(stand_in.app()) as running:
        monkeypatch.setattr(discord.http.Route, "BASE", str(running.make_url("")).rstrip("/"))
        yield stand_in


@pytest.fixture
async def bot(server: Discord, fake: FakeOpenRouter) -> AsyncIterator[discord.Client]:
    """Run the bot, logged in; assert in the end that the bot has closed its client."""
    from bot_discord import CreditsBot

    async with CreditsBot() as running:
        await running.login("made-up")
        yield running
    with pytest.raises(ClientClosedError):
        await running.credits.key()


async def ask(bot: discord.Client, server: Discord, asker: int) -> list[tuple[str, Any]]:
    """Let a user send /credits, as Discord's gateway would report it; return the bot's responses."""
    data = {"id": "9", "name": "credits", "type": 1}
    channel = {"id": "6", "type": 1, "recipients": []}
    event: Any = {
        "id": "5",
        "application_id": str(APPLICATION),
        "type": 2,
        "token": "token",
        "version": 1,
        "data": data,
    }
    event |= {"user": user(asker), "channel": channel, "channel_id": "6", "attachment_size_limit": 0}
    bot._connection.parse_interaction_create(event)
    sent = [await server.sent.get()]
    if sent[0][0] == "5":  # "thinking"
        sent.append(await server.sent.get())
    return sent


def text(response: Any) -> tuple[str, int]:
    """Return the text and the flags of a response."""
    return response["content"], response["flags"]


async def test_the_command_is_made_known(bot: discord.Client, server: Discord) -> None:
    """The Discord bot registers the command /credits with its description."""
    assert [("credits", "Tell what the bot can still spend.")] == [
        (each["name"], each["description"]) for each in server.commands
    ]


async def test_the_owner_is_told_the_balance(bot: discord.Client, server: Discord) -> None:
    """The Discord bot defers at once, then answers its owner with the balance; only the owner sees both."""
    (_, thinking), (_, answer) = await ask(bot, server, OWNER)

    assert EPHEMERAL == thinking["flags"]
    assert ("$26.83 left, limited by the key's limit (wallet: $74.75).", EPHEMERAL) == text(answer)


async def test_a_stranger_is_told_nothing(bot: discord.Client, server: Discord, fake: FakeOpenRouter) -> None:
    """The Discord bot refuses everybody but its owner, and sends no request to OpenRouter for that."""
    ((_, answer),) = await ask(bot, server, STRANGER)

    assert ("Only my owner may ask.", EPHEMERAL) == text(answer)
    assert fake.requests == []


async def test_a_fault_is_told_without_the_key(
    bot: discord.Client, server: Discord, fake: FakeOpenRouter
) -> None:
    """The Discord bot answers with the error's text, and hides a key that OpenRouter's message repeats."""
    key = os.environ["OPENROUTER_API_KEY"]
    for path in ("/credits", "/key"):
        fake.script(path, Reply(401, {"error": {"code": 401, "message": f"{key} is disabled"}}))

    _, (_, answer) = await ask(bot, server, OWNER)

    assert answer["content"].startswith("401 sk-or-v1-")
    assert answer["content"].endswith(
        "Enable the key at https://openrouter.ai/settings/keys, or use another one."
    )
    assert key not in answer["content"]
