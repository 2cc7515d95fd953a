"""The Telegram bots of the documentation, run unchanged against a stand-in for the Bot API."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module

import pytest
from aiohttp.test_utils import TestServer

from openrouter_credits import ManagementKeyRequiredError
from openrouter_credits.testing import FakeOpenRouter, Reply
from tests.kit.clock import until

from ._bot_api import OWNER, STRANGER, TOKEN, BotApi, build_models_when_used

Run = Callable[[str], AbstractAsyncContextManager[BotApi]]


@pytest.fixture
async def run(fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a context manager that runs a program's `main` beside the stand-in, and then cancels it."""
    build_models_when_used(monkeypatch)

    @asynccontextmanager
    async def run_one(program: str) -> AsyncIterator[BotApi]:
        telegram = BotApi()
        async with TestServer(telegram.app(), handler_cancellation=True) as server:
            monkeypatch.setenv("TELEGRAM_API", str(server.make_url("")).rstrip("/"))
            monkeypatch.setenv("BOT_TOKEN", TOKEN)
            monkeypatch.setenv("OWNER_ID", str(OWNER))
            telegram.program = asyncio.create_task(import_module(program).main())
            yield telegram
            telegram.program.cancel()
            await asyncio.gather(telegram.program, return_exceptions=True)

    return run_one


async def test_the_owner_is_told_the_balance_and_nobody_else(run: Run) -> None:
    """The Telegram bot answers its owner with the balance, and does not answer anybody else."""
    async with run("bot_aiogram") as telegram:
        telegram.say("/credits", user=STRANGER)

        assert await telegram.ask("/credits") == "$26.83 left, limited by the key's limit (wallet: $74.75)."


async def test_a_fault_is_told_without_the_key(run: Run, fake: FakeOpenRouter) -> None:
    """The Telegram bot answers with the error's text, and hides a key that OpenRouter's message repeats."""
    key = os.environ["OPENROUTER_API_KEY"]
    async with run("bot_aiogram") as telegram:
        await telegram.ask("/credits")
        await until(lambda: len(fake.requests) >= 4)  # two are the first look of the watcher
        for path in ("/credits", "/key"):
            fake.script(path, Reply(401, {"error": {"code": 401, "message": f"{key} is disabled"}}))

        answer = await telegram.ask("/credits")

    assert answer.startswith("401 sk-or-v1-")
    assert key not in answer


async def test_the_owner_is_warned_unasked(run: Run, fake: FakeOpenRouter) -> None:
    """The Telegram bot warns its owner of a low balance without being asked."""
    fake.spend(os.environ["OPENROUTER_API_KEY"], "20")
    async with run("bot_aiogram") as telegram:
        assert "$6.83" in await telegram.next_text()


async def test_a_bot_that_can_watch_nothing_ends(
    run: Run, fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Telegram bot ends with the reason if nothing of its key can be watched."""
    monkeypatch.delenv("OPENROUTER_MANAGEMENT_KEY")
    monkeypatch.setenv("OPENROUTER_API_KEY", os.environ["PROD_KEY"])

    async with run("bot_aiogram") as telegram:
        assert telegram.program is not None
        with pytest.raises(ExceptionGroup) as raised:
            await telegram.program

    assert [ManagementKeyRequiredError] == [type(error) for error in raised.value.exceptions]


async def test_users_keys_are_theirs_alone(run: Run, fake: FakeOpenRouter) -> None:
    """The bot for many users deletes messages with keys, and reads a user's balance with their key alone."""
    key = fake.add_account(credits=50).add_key(limit=7).reveal()
    async with run("many_keys_bot") as telegram:
        assert await telegram.ask("/credits") == "Send me /key and your key first."
        telegram.say(f"/key {key}", chat="group")
        telegram.say(f"/key {key}")
        assert await telegram.done.get() == ("deleteMessage", {"chat_id": str(OWNER), "message_id": "3"})
        blind = (
            "the key's limit "
            "(this key cannot see the wallet: add a management key, or judge by the key alone)"
        )
        assert await telegram.next_text() == f"At most $7.00 left: {blind}."
        fake.spend(key, "6.50")
        assert await telegram.ask("/credits") == f"At most $0.50 left: {blind}."
        telegram.say("/credits", user=STRANGER)
        assert await telegram.next_text() == "Send me /key and your key first."
        assert await telegram.ask("/forget") == "I have no key of yours."
        assert await telegram.ask("/credits") == "Send me /key and your key first."
    assert len({request.key for request in fake.requests}) == 1


async def test_a_mistyped_key_is_told_without_it(run: Run, fake: FakeOpenRouter) -> None:
    """The bot for many users explains that a key is blank or unknown, and does not repeat the key."""
    async with run("many_keys_bot") as telegram:
        assert (await telegram.ask("/key")).startswith("The API key is blank. ")
        answer = await telegram.ask("/key sk-or-v1-mistyped")

    assert answer.startswith("401 User not found. Check the key: ")
    assert "mistyped" not in answer
