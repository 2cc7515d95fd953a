"""A Telegram bot that tells its owner the balance: on /credits, and when it falls.

Set BOT_TOKEN, OWNER_ID (a number), OPENROUTER_API_KEY and
OPENROUTER_MANAGEMENT_KEY, then: python bot_aiogram.py
"""

import asyncio
import os

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import Command
from aiogram.types import Message
from openrouter_credits import CreditsClient, OpenRouterError

from low_balance import watch


async def tell_credits(message: Message, client: CreditsClient) -> None:
    """Answer /credits."""
    try:
        answer = (await client.status()).explain()
    except OpenRouterError as error:
        answer = str(error)  # says what to do, and never holds a key
    await message.answer(answer)


def make_bot() -> Bot:
    """Connect to Telegram, or to the Bot API server that TELEGRAM_API names."""
    server = TelegramAPIServer.from_base(
        os.environ.get("TELEGRAM_API", "https://api.telegram.org")
    )
    return Bot(os.environ["BOT_TOKEN"], AiohttpSession(api=server))


async def main() -> None:
    """Run until the process is stopped."""
    owner = int(os.environ["OWNER_ID"])
    async with make_bot() as bot, CreditsClient() as client:

        async def warn(text: str) -> None:
            await bot.send_message(owner, text)

        dispatcher = Dispatcher(client=client)
        dispatcher.message.register(
            tell_credits, Command("credits"), F.from_user.id == owner
        )
        # If nothing can be watched, the bot ends and says why.
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(watch(client, warn))
            await dispatcher.start_polling(bot)
            watching.cancel()


if __name__ == "__main__":
    asyncio.run(main())
