"""Draw status.svg and check.svg, as the program itself draws them.

Run `python docs/images/make.py` from the top of the repository. The answers come from the server that the
demo uses, at a fixed time, so that every run draws the same.
"""

from __future__ import annotations

import asyncio
import io
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve
from rich.console import Console

from openrouter_credits import CheckReport, CreditsClient, KeyStatus
from openrouter_credits._status.spendable import spendable
from openrouter_credits.cli._check import draw_report
from openrouter_credits.cli._demo import check_dozen
from openrouter_credits.cli._demo_keys import make_cases
from openrouter_credits.cli._options import Form
from openrouter_credits.cli._status import draw_status
from openrouter_credits.testing import FakeOpenRouter

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
FORM = Form(Decimal(10), Decimal(5))


async def read() -> tuple[KeyStatus, CheckReport]:
    """Read the key with a budget, and the dozen."""
    async with FakeOpenRouter(now=lambda: NOW) as fake:
        key = next(case.api_key for case in make_cases(fake) if case.name == "capped")
        async with CreditsClient(key, base_url=fake.url) as client:
            status = await client.status()
        report = await check_dozen(fake)
    checks = [evolve(check, status=check.status and at_that_time(check.status)) for check in report.checks]
    return at_that_time(status), CheckReport(tuple(checks))


def at_that_time(status: KeyStatus) -> KeyStatus:
    """Move what the client dated by its own clock to the server's."""
    return evolve(status, spendable=spendable(status.credits, status.key, NOW), checked_at=NOW)


def draw(title: str, width: int, paint: Callable[[Console], None]) -> str:
    """Draw a terminal of so many columns as SVG, without the web font that rich would make browsers fetch."""
    console = Console(
        record=True,
        width=width,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )
    paint(console)
    svg = console.export_svg(title=title, unique_id=re.sub("[^a-z]", "", title))
    svg = re.sub(
        r"\s*@font-face \{.*?\}|\s*<!-- Generated with Rich .*?-->", "", svg, flags=re.DOTALL
    ).replace("Fira Code, monospace", "monospace")
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE).replace("\xa0", "&#160;")


def draw_all() -> dict[str, str]:
    """Draw both; the file names are the keys."""
    status, report = asyncio.run(read())
    return {
        "status.svg": draw("openrouter-credits", 82, lambda console: draw_status(console, status, FORM)),
        "check.svg": draw(
            "openrouter-credits check keys.toml",
            108,
            lambda console: draw_report(console, report, FORM),
        ),
    }


if __name__ == "__main__":
    for name, svg in draw_all().items():
        (Path(__file__).parent / name).write_text(svg, encoding="utf-8")
