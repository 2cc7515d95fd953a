"""`openrouter-credits demo`: both commands against a server on this machine, over real HTTP."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from openrouter_credits import CheckReport, CreditsClient, KeyStatus, OpenRouterError
from openrouter_credits._words import one_line
from openrouter_credits.cli._check import collect, counting, draw_report, make_progress
from openrouter_credits.cli._demo_keys import make_cases, make_dozen
from openrouter_credits.cli._exits import allow_closed_pipe
from openrouter_credits.cli._judge import level_of
from openrouter_credits.cli._options import Form, Reading
from openrouter_credits.cli._screen import coloured, make_console, make_table, show
from openrouter_credits.cli._status import draw_status
from openrouter_credits.testing import FakeOpenRouter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from openrouter_credits import KeyCheck
    from openrouter_credits.cli._demo_keys import Case

FORM = Form(Decimal(10), Decimal(5))


def show_demo() -> int:
    """Show the output of both commands for keys in every state, and return the exit code."""
    with allow_closed_pipe():
        asyncio.run(_run(make_console()))
    return 0


async def _run(console: Console) -> None:
    began = time.monotonic()
    show(
        console,
        "A server on this machine stands in for OpenRouter: "
        "the keys are made up; the HTTP, the waits and the retries are real.",
        "",
        _prompt("", "seven keys in turn"),
        "",
    )
    now = datetime.now(UTC)
    async with FakeOpenRouter(now=lambda: now) as fake:  # a fixed time: no day ends during the demo
        statuses = await _ask_all(console, fake)
        capped = next(status for status in statuses if status.spendable.bound_by == "workspace")
        show(console, "", _prompt("", "all it says of the key 'capped'"), "")
        draw_status(console, capped, FORM)
        before = len(fake.requests)
        report = await check_dozen(fake)
        show(console, "", _prompt(" check keys.toml", f"{len(fake.requests) - before} requests"), "")
        draw_report(console, report, FORM)
    show(console, "", *_farewell(len(fake.requests), time.monotonic() - began))


async def _ask_all(console: Console, fake: FakeOpenRouter) -> list[KeyStatus]:
    statuses: list[KeyStatus] = []
    table = make_table("Key", "Level", ">Requests", "What it says")
    for case in make_cases(fake):
        before = len(fake.requests)
        with console.status(f"Asking for the key {case.name!r}", spinner="line"):
            outcome = await _ask(fake, case)
        if isinstance(outcome, KeyStatus):
            statuses.append(outcome)
            level = FORM.level(outcome)
            sentence = " ".join([outcome.explain(), *(f"{problem.summary}." for problem in outcome.problems)])
        else:
            level, sentence = level_of(outcome), str(outcome)
        table.add_row(case.name, coloured(level, level), str(len(fake.requests) - before), one_line(sentence))
    show(console, table)
    return statuses


async def _ask(fake: FakeOpenRouter, case: Case) -> KeyStatus | OpenRouterError:
    fake.script("/credits", *case.faults)
    async with CreditsClient(case.api_key, base_url=fake.url) as client:
        try:
            return await client.status()
        except OpenRouterError as error:
            return error


async def check_dozen(fake: FakeOpenRouter) -> CheckReport:
    """Check a dozen keys, as the command `check` does."""
    specs = make_dozen(fake)
    checks: list[KeyCheck] = []
    async with CreditsClient("unused", base_url=fake.url) as client:
        with make_progress(len(specs)) as progress:
            await collect(client, specs, counting(checks.append, progress), Reading())
    return CheckReport(tuple(sorted(checks, key=lambda check: check.index)))


def _prompt(arguments: str, note: str) -> Text:
    return Text.assemble((f"$ openrouter-credits{arguments}", "bold"), (f"   # {note}", "dim"))


def _farewell(requests: int, seconds: float) -> Iterator[str]:
    yield (
        f"The server saw {requests} requests in {seconds:.1f} s. "
        "No key was needed, and nothing left this machine."
    )
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
