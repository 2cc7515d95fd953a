"""A Telegram bot to which users entrust keys of their own: /key, /credits, /forget.

Set BOT_TOKEN, then: python many_keys_bot.py
"""

import asyncio
import os

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import Command, CommandObject
from aiogram.types import Message
from openrouter_credits import ApiKey, CreditsClient, OpenRouterError

Keys = dict[int, ApiKey]
"""Each user's key, in memory alone: before you store one, encrypt `reveal()`."""


async def look(client: CreditsClient, key: ApiKey) -> str:
    """Say what a user's key can spend; all users share the connections alone."""
    try:
        return (await client.with_key(key).status()).explain()
    except OpenRouterError as error:
        return str(error)  # says what to do, and never holds a key


async def take_key(
    message: Message, command: CommandObject, client: CreditsClient, keys: Keys
) -> None:
    """Answer `/key sk-or-v1-...`; the message that shows the key goes first."""
    await message.delete()
    try:
        key = ApiKey(command.args or "")
    except OpenRouterError as error:
        await message.answer(str(error))
        return
    keys[message.chat.id] = key
    await message.answer(await look(client, key))


async def tell_credits(message: Message, client: CreditsClient, keys: Keys) -> None:
    """Answer /credits."""
    key = keys.get(message.chat.id)
    await message.answer(
        "Send me /key and your key first." if key is None else await look(client, key)
    )


async def forget_key(message: Message, keys: Keys) -> None:
    """Answer /forget."""
    keys.pop(message.chat.id, None)
    await message.answer("I have no key of yours.")


def make_bot() -> Bot:
    """Connect to Telegram, or to the Bot API server that TELEGRAM_API names."""
    server = TelegramAPIServer.from_base(
        os.environ.get("TELEGRAM_API", "https://api.telegram.org")
    )
    return Bot(os.environ["BOT_TOKEN"], AiohttpSession(api=server))


async def main() -> None:
    """Run until the process is stopped."""
    async with make_bot() as bot, CreditsClient() as client:
        keys: Keys = {}
        dispatcher = Dispatcher(client=client, keys=keys)
        private = F.chat.type == "private"  # a key is never asked for where others read
        dispatcher.message.register(take_key, Command("key"), private)
        dispatcher.message.register(tell_credits, Command("credits"), private)
        dispatcher.message.register(forget_key, Command("forget"), private)
        await dispatcher.start_polling(bot)


if __name__ == "__main__":
    asyncio.run(main())
