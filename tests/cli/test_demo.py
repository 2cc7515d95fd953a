"""The command `openrouter-credits demo`, and the pictures of the documentation."""

from __future__ import annotations

import ast
import asyncio
import re
import runpy
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openrouter_credits import CreditsClient
from openrouter_credits.cli import _demo
from openrouter_credits.testing import FakeOpenRouter, Reply

if TYPE_CHECKING:
    from tests.cli.conftest import Run

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PATHS = re.compile(
    "|".join(re.escape(str(path)) for path in (IMAGES.parents[1], sys.prefix, tempfile.gettempdir()))
)
"""Paths of this machine, which no output shows."""


def test_the_demo_tells_a_story_in_one_screen(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo has five parts on at most 60 lines of 80 columns; no key or URL of the environment is used."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "not a key")
    monkeypatch.setenv("OPENROUTER_BASE_URL", "http://example.org")
    monkeypatch.setenv("COLUMNS", "80")

    outcome = run("demo")

    assert (0, "") == (outcome.code, outcome.err)
    lines = outcome.out.splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 80
    typed = [line for line in lines if line.startswith(("$ ", ">>> "))]
    assert [
        ">>> async with CreditsClient() as client:",
        "$ openrouter-credits",
        "$ openrouter-credits check keys.toml",
        '>>> fake.script("/credits", Reply(503), Reply(503))',
        ">>> async with CreditsClient() as client:",
    ] == typed
    assert len([line for line in lines if line.startswith("# ")]) == 5
    assert "OPENROUTER_API_KEY is set, so this asks the real service:\n" in outcome.out
    assert not PATHS.search(outcome.out)


def test_the_demo_shows_what_the_programs_and_the_commands_print(run: Run) -> None:
    """The demo shows an amount, an upper bound, one key in trouble, and the answer after two failures."""
    out = run("demo").out

    _, python, ordinary, many, failing = re.split(r"^# (?!after).*\n", out, flags=re.MULTILINE)

    assert re.search(r"^\$26\.83 left.*\(wallet: \$74\.75\)\. Enough for \$20: True$", python, re.MULTILINE)
    assert "\nAt most $26.83 left " in ordinary
    assert "UNKNOWN" in ordinary
    assert "\n3 keys: 1 DEPLETED, 2 OK\n" in many
    assert re.search(r"^DEPLETED +nightly ", many, re.MULTILINE)
    assert "\n74.75 dollars in the wallet\n# after 3 requests\n" in failing


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        (_demo.FIRST_PROGRAM, r"\$26\.83 left.*\(wallet: \$74\.75\)\. Enough for \$20: True\n"),
        (_demo.LAST_PROGRAM, r"74\.75 dollars in the wallet\n"),
    ],
    ids=["first", "last"],
)
def test_the_programs_of_the_demo_run_with_keys_of_the_environment(
    fake: FakeOpenRouter,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    source: str,
    printed: str,
) -> None:
    """The demo's programs print the same if the environment names the keys: readers may copy them."""
    acme = fake.add_account(credits="100.50", usage="25.75")
    bot, manager = acme.add_key(usage="3.17", limit=30), acme.add_key(management=True)
    monkeypatch.setenv("OPENROUTER_API_KEY", bot.reveal())
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", manager.reveal())
    names = {"CreditsClient": CreditsClient, "Reply": Reply, "fake": fake}

    code = compile(source, "the demo", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    asyncio.run(eval(code, names))  # running the text is the point

    assert re.fullmatch(printed, capsys.readouterr().out)


@pytest.mark.parametrize(
    ("program", "found", "command"),
    [
        (".venv/bin/openrouter-credits", None, ".venv/bin/openrouter-credits"),
        (".venv/bin/openrouter-credits", "/usr/bin/openrouter-credits", "openrouter-credits"),
        ("/home/user/.venv/bin/openrouter-credits", None, "openrouter-credits"),
        (
            "site-packages/openrouter_credits/__main__.py",
            "/usr/bin/openrouter-credits",
            "python -m openrouter_credits",
        ),
    ],
)
def test_the_demo_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, program: str, found: str | None, command: str
) -> None:
    """The demo ends with the command that runs the same program with a key of one's own."""
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setattr("shutil.which", lambda _: found)

    shown = list(_demo._farewell())

    assert [
        "With a key of your own, this asks the real service:",
        "  export OPENROUTER_API_KEY=sk-or-v1-...",
        f"  {command}",
    ] == shown


@pytest.mark.parametrize("columns", ["40", "60"])
def test_the_demo_fits_the_width(run: Run, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """The demo's lines fit the terminal, in colour too, but for whole addresses; no text is cut off."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")

    out = run("demo").out

    assert re.search(r"\x1b\[[\d;]+mDEPLETED\x1b\[0m", out)
    lines = [
        line.rpartition("\r")[2].strip() for line in re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", out).split("\n")
    ]
    too_long = [line for line in lines if len(line) > int(columns)]
    assert [line for line in too_long if not re.fullmatch(r"https://\S+", line)] == []
    assert "\N{HORIZONTAL ELLIPSIS}" not in out


def test_the_pictures_are_current() -> None:
    """The stored pictures are what docs/images/make.py draws; they fetch nothing and show no local path."""
    pictures: dict[str, str] = runpy.run_path(str(IMAGES / "make.py"))["draw_all"]()

    assert {path.name for path in IMAGES.glob("*.svg")} == set(pictures)
    for name, svg in pictures.items():
        assert svg == (IMAGES / name).read_text(encoding="utf-8"), (
            f"{name} is old: python docs/images/make.py"
        )
        named = {
            url for url in re.findall(r"\w+://[^\s\"<)]*", svg) if "://openrouter.ai/settings" not in url
        }
        assert named == {"http://www.w3.org/2000/svg"}
        assert not re.search(r"@font-face|@import|url\((?!#)|href|src=", svg)
        assert not PATHS.search(svg)
