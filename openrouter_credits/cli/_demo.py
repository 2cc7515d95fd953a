"""`openrouter-credits demo`: a story in one screen, told by a server on this machine over real HTTP."""

from __future__ import annotations

import ast
import asyncio
import os
import shutil
import sys
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from openrouter_credits import CreditsClient, KeySpec, RetryPolicy
from openrouter_credits._words import one_line
from openrouter_credits.cli._exits import allow_closed_pipe
from openrouter_credits.cli._options import Form
from openrouter_credits.cli._report import draw_report
from openrouter_credits.cli._screen import make_console, show
from openrouter_credits.cli._status import draw_status
from openrouter_credits.cli._waiting import make_spinner, shown_if_slow
from openrouter_credits.testing import FakeOpenRouter, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

FORM = Form(Decimal(10), Decimal(5))

FIRST_PROGRAM = """\
async with CreditsClient() as client:
    status = await client.status()
    print(f"{status} Enough for $20: {status.spendable.covers(20)}")
"""
LAST_PROGRAM = """\
fake.script("/credits", Reply(503), Reply(503))
async with CreditsClient() as client:
    print((await client.credits()).remaining, "dollars in the wallet")
"""
"""Both run exactly as shown; their `CreditsClient` has the keys of the demo, not those of the environment."""


def show_demo() -> int:
    """Tell the story of a few made-up keys, and return the exit code."""
    with allow_closed_pipe():
        asyncio.run(_run(make_console()))
    return 0


async def _run(console: Console) -> None:
    show(console, "A server on this machine stands in for OpenRouter; the keys are made up.")
    now = datetime.now(UTC)
    async with FakeOpenRouter(now=lambda: now) as fake:  # a fixed time: no day ends during the demo
        acme = fake.add_account(credits="100.50", usage="25.75")
        manager = acme.add_key(management=True)
        bot = acme.add_key(name="bot", usage="3.17", limit=30, limit_reset="monthly")
        names = {
            "CreditsClient": partial(CreditsClient, bot, management_key=manager, base_url=fake.url),
            "Reply": Reply,
            "fake": fake,
        }

        _title(console, "Python asks what a key can spend, and what would stop it first")
        await _show_program(console, FIRST_PROGRAM, names)

        _title(console, "The commonest case: one ordinary key, which cannot see the wallet")
        _show_command(console, "openrouter-credits")
        async with CreditsClient(bot, base_url=fake.url) as client:
            draw_status(console, await client.status(), FORM)

        _title(console, "One account: its keys share a wallet, and one of them is in trouble")
        _show_command(console, "openrouter-credits check keys.toml")
        keys = {
            "bot": bot,
            "search": acme.add_key(usage="12.43"),
            "nightly": acme.add_key(usage="10.15", limit=10, limit_reset="daily"),
        }
        specs = [KeySpec(key, name, "acme", manager) for name, key in keys.items()]
        async with CreditsClient("unused", base_url=fake.url) as client:
            draw_report(console, await client.check_all(specs), FORM)

        _title(console, "The server fails twice, and the answer comes all the same")
        before = len(fake.requests)
        await _show_program(console, LAST_PROGRAM, names)
        show(console, Text(f"# after {len(fake.requests) - before} requests", "dim"))
    show(console, "", *_farewell())


def _title(console: Console, text: str) -> None:
    show(console, "", Text(f"# {text}", "dim"))


def _show_command(console: Console, command: str) -> None:
    show(console, Text(f"$ {command}", "bold"))


async def _show_program(console: Console, source: str, names: dict[str, Any]) -> None:
    """Show a program as one types it into `python -m asyncio`, run it, and show what it prints."""
    starts = {statement.lineno for statement in ast.parse(source).body}
    for number, line in enumerate(source.splitlines(), start=1):
        show(console, Text(f"{'>>>' if number in starts else '...'} {line}", "bold"))
    printed: list[str] = []
    names = {**names, "print": lambda *words: printed.append(" ".join(map(str, words)))}
    code = compile(source, "the demo", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    with shown_if_slow(make_spinner("Asking the server", RetryPolicy().deadline)):
        await eval(code, names)  # noqa: S307 - the text is a constant of this module
    show(console, *printed)


def _farewell() -> Iterator[str]:
    if os.environ.get("OPENROUTER_API_KEY", "").strip():
        yield "OPENROUTER_API_KEY is set, so this asks the real service:"
    else:
        yield "With a key of your own, this asks the real service:"
        yield "  export OPENROUTER_API_KEY=sk-or-v1-..."
    yield f"  {_command()}"


def _command() -> str:
    """Return a command line that runs this program again; the program may be missing from `PATH`."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return "python -m openrouter_credits"
    if program.is_absolute() or shutil.which("openrouter-credits"):
        return "openrouter-credits"  # a full path would be long, and show folders of the machine
    return one_line(program)
