"""A stand-in for Telegram's Bot API, and a shortcut that makes the import of aiogram fast."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel

OWNER, STRANGER = 2, 3
TOKEN = "1:made-up"
_ME = {"id": 1, "is_bot": True, "first_name": "bot", "username": "credits_bot"}
_NAMES: dict[str, Any] = {}


def build_models_when_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep aiogram from building the models of the whole Bot API when it is imported.

    Building them takes seven seconds (aiogram 3.31, at the end of `aiogram/types/__init__.py`), and the tests
    use five of them. Each model is built with the same names when it is first used.
    """
    build: Any = BaseModel.__dict__["model_rebuild"].__func__

    def rebuild(cls: type[BaseModel], /, **options: Any) -> bool | None:
        if "_types_namespace" in options:  # the import calls it like this for each model
            _NAMES.update(options["_types_namespace"])
            return None
        return build(cls, _types_namespace=_NAMES, **options)

    monkeypatch.setattr(BaseModel, "model_rebuild", classmethod(rebuild))


class BotApi:
    """Hands the bot one message after another, and keeps the methods that the bot calls."""

    def __init__(self) -> None:
        self.done: asyncio.Queue[tuple[str, dict[str, str]]] = asyncio.Queue()
        self._updates: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._messages = 0
        self.program: asyncio.Task[None] | None = None
        """The bot."""

    def say(self, text: str, user: int = OWNER, chat: str = "private") -> None:
        """Send the bot a message."""
        self._messages += 1
        sender = {"id": user, "is_bot": False, "first_name": "somebody"}
        message = {
            "message_id": self._messages,
            "date": 0,
            "chat": {"id": user, "type": chat},
            "from": sender,
            "text": text,
        }
        command = {"type": "bot_command", "offset": 0, "length": len(text.partition(" ")[0])}
        self._updates.put_nowait({"update_id": self._messages, "message": {**message, "entities": [command]}})

    async def ask(self, text: str) -> str:
        """Send a message of the owner, and return the answer."""
        self.say(text)
        return await self.next_text()

    async def next_text(self) -> str:
        """Wait for the next message of the bot, and return its text."""
        while True:
            method, fields = await self.done.get()
            if method == "sendMessage":
                return fields["text"]

    async def handle(self, request: web.Request) -> web.Response:
        """Answer POST /bot1:made-up/METHOD."""
        method, fields = request.match_info["method"], dict(await request.post())
        result: Any = True
        if method == "getMe":
            result = _ME
        elif method == "getUpdates":
            result = [await self._updates.get()]
        else:
            self.done.put_nowait((method, {name: str(value) for name, value in fields.items()}))
        if method == "sendMessage":
            chat = {"id": int(str(fields["chat_id"])), "type": "private"}
            result = {"message_id": 100, "date": 0, "chat": chat, "from": _ME, "text": fields["text"]}
        return web.json_response({"ok": True, "result": result})

    def app(self) -> web.Application:
        """Make the server's application."""
        app = web.Application()
        app.router.add_post(f"/bot{TOKEN}/{{method}}", self.handle)
        return app
