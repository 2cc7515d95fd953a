"""A Discord bot whose slash command /credits tells its owner what its key has left.

Set DISCORD_TOKEN, OPENROUTER_API_KEY and OPENROUTER_MANAGEMENT_KEY,
then: python bot_discord.py
"""

import os

import discord
from discord import app_commands
from discord.ext import commands
from openrouter_credits import CreditsClient, OpenRouterError


class Credits(commands.Cog):
    """The command; a bot of yours adds it by `await bot.add_cog(Credits(client))`."""

    def __init__(self, client: CreditsClient) -> None:
        self.client = client

    @app_commands.command()
    async def credits(self, interaction: discord.Interaction[commands.Bot]) -> None:
        """Tell what the bot can still spend."""
        if not await interaction.client.is_owner(interaction.user):
            refusal = "Only my owner may ask."
            await interaction.response.send_message(refusal, ephemeral=True)
            return
        # Discord waits for three seconds; a call with its retries may take 30.
        await interaction.response.defer(ephemeral=True)
        try:
            answer = (await self.client.status()).explain()
        except OpenRouterError as error:
            answer = str(error)  # says what to do, and never holds a key
        await interaction.followup.send(answer, ephemeral=True)


class CreditsBot(commands.Bot):
    """A bot with one client for its whole life."""

    def __init__(self) -> None:
        super().__init__(commands.when_mentioned, intents=discord.Intents.default())
        self.credits = CreditsClient()

    async def setup_hook(self) -> None:
        """Make the command known."""
        await self.add_cog(Credits(self.credits))
        await self.tree.sync()

    async def close(self) -> None:
        """Close the connections of both."""
        await self.credits.close()
        await super().close()


if __name__ == "__main__":
    CreditsBot().run(os.environ["DISCORD_TOKEN"])
