"""Draw status.svg and check.svg, as the program itself draws them.

Run `python docs/images/make.py` from the top of the repository. The answers come from a fake server, at a
fixed time, so that every run draws the same.
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

from openrouter_credits import ApiKey, CheckReport, CreditsClient, InvalidKeyError, KeySpec, KeyStatus
from openrouter_credits._status.spendable import spendable
from openrouter_credits.cli._check import draw_report
from openrouter_credits.cli._options import Form
from openrouter_credits.cli._status import draw_status
from openrouter_credits.testing import FakeBudget, FakeOpenRouter

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
FORM = Form(Decimal(10), Decimal(5))


async def read() -> tuple[KeyStatus, CheckReport]:
    """Read a key with a budget, and a dozen keys of three accounts."""
    async with FakeOpenRouter(now=lambda: NOW) as fake:
        specs, capped = make_keys(fake)
        async with CreditsClient(capped, base_url=fake.url) as client:
            status = await client.status()
            report = await client.check_all(specs)
    checks = [evolve(check, status=check.status and at_that_time(check.status)) for check in report.checks]
    return at_that_time(status), CheckReport(tuple(checks))


def make_keys(fake: FakeOpenRouter) -> tuple[list[KeySpec], ApiKey]:
    """Make keys of three accounts, one of no known account, one that is not set; and a key with a budget."""
    acme = fake.add_account(credits="100.50", usage="25.75")
    globex = fake.add_account(credits=50, usage="41.60")
    initech = fake.add_account(credits=20, usage="22.75")
    weekly = FakeBudget("workspace", 50, "38.25", reset_interval="weekly")
    accounts = {
        "acme": (
            acme,
            {
                "prod-bot": acme.add_key(usage="3.17", limit=30, limit_reset="monthly"),
                "staging": acme.add_key(usage="8.90", limit=10, limit_reset="daily"),
                "support": acme.add_key(usage="1.25", budgets=[weekly]),
                "search": acme.add_key(usage="12.43"),
                "intern": acme.add_key(disabled=True),
            },
        ),
        "globex": (
            globex,
            {
                "web": globex.add_key(usage="21.60", limit=100),
                "batch": globex.add_key(usage="20.00", limit="20.50"),
                "nightly": globex.add_key(),
            },
        ),
        "initech": (
            initech,
            {"reports": initech.add_key(usage="22.75"), "printer": initech.add_key()},
        ),
    }
    specs = []
    for name, (account, keys) in accounts.items():
        manager = account.add_key(management=True)
        specs += [KeySpec(key, key_name, name, manager) for key_name, key in keys.items()]
    unset = InvalidKeyError("the environment variable BOB_KEY is not set")
    unset.remedy = "Set BOB_KEY, or write the key into the file."
    alone = fake.add_account(credits=80).add_key(credits_reply="zeros", usage="3.17", limit=20)
    capped = acme.add_key(
        credits_reply="real", usage="3.17", limit=30, limit_reset="monthly", budgets=[weekly]
    )
    return [*specs, KeySpec(alone, "alice"), KeySpec(unset, "bob")], capped


def at_that_time(status: KeyStatus) -> KeyStatus:
    """Move what the client dated by its own clock to the server's."""
    if status.is_invalid:
        return evolve(status, checked_at=NOW)
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
    svg = svg.replace("#292929", "#101010")  # rich's grey: the colours are made for black and for white
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE).replace("\xa0", "&#160;")


def draw_all() -> dict[str, str]:
    """Draw both; the file names are the keys."""
    status, report = asyncio.run(read())
    return {
        "status.svg": draw("openrouter-credits", 82, lambda console: draw_status(console, status, FORM)),
        "check.svg": draw(
            "openrouter-credits check keys.toml",
            112,
            lambda console: draw_report(console, report, FORM),
        ),
    }


if __name__ == "__main__":
    for name, svg in draw_all().items():
        (Path(__file__).parent / name).write_text(svg, encoding="utf-8")
