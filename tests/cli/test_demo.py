"""The command `openrouter-credits demo`, and the pictures of the documentation."""

from __future__ import annotations

import re
import runpy
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openrouter_credits.cli import _demo

if TYPE_CHECKING:
    from tests.cli.conftest import Run

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PATHS = re.compile(
    "|".join(re.escape(str(path)) for path in (IMAGES.parents[1], sys.prefix, tempfile.gettempdir()))
)
"""Paths of this machine, which no output shows."""


def test_the_demo_shows_a_key_in_every_state(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo shows keys in every state, and uses no key and no base URL of the environment."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "not a key")
    monkeypatch.setenv("OPENROUTER_BASE_URL", "http://example.org")

    outcome = run("demo")

    assert (0, "") == (outcome.code, outcome.err)
    rows = dict(
        re.findall(r"^(\w+(?: \w+)?) +((?:OK|LOW|DEPLETED|INVALID|UNKNOWN) .*)$", outcome.out, re.MULTILINE)
    )
    shown = [re.split(r" {2,}", row, maxsplit=2)[:2] for row in rows.values()]
    assert ["healthy", "low", "capped", "depleted", "invalid", "false zero", "failing twice"] == list(rows)
    assert [
        ["OK", "2"],
        ["LOW", "2"],
        ["OK", "2"],
        ["DEPLETED", "2"],
        ["INVALID", "2"],
        ["UNKNOWN", "2"],
        ["OK", "4"],
    ] == shown
    assert "\n12 keys: 2 INVALID, 2 DEPLETED, 2 CRITICAL, 1 UNKNOWN, 2 LOW, 3 OK\n" in outcome.out
    assert "\n$ openrouter-credits check keys.toml   # 15 requests\n" in outcome.out
    assert re.search(r"^The server saw 31 requests in \d+\.\d s\.", outcome.out, re.MULTILINE)
    assert "OPENROUTER_API_KEY is set, so this asks the real service:\n" in outcome.out
    assert not PATHS.search(outcome.out)


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

    shown = list(_demo._farewell(31, 1.5))

    assert [
        "With a key of your own, this asks the real service:",
        "  export OPENROUTER_API_KEY=sk-or-v1-...",
        f"  {command}",
    ] == shown[1:]


@pytest.mark.parametrize("columns", ["40", "60"])
def test_the_demo_fits_the_width(run: Run, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """The demo's lines fit the terminal, but for whole addresses; no amount or text is cut off."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")

    out = run("demo").out

    assert "\x1b[1;38;5;196mDEPLETED\x1b[0m" in out
    lines = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", out).split("\n")
    too_long = [line for line in lines if len(line.rpartition("\r")[2]) > int(columns)]
    assert all(line.strip().startswith("https://") and " " not in line.strip() for line in too_long)
    assert "<= $16.83" in out
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
