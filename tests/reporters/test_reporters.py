"""No error reporter shows a key: not of a call that fails, nor of one that is cut short from outside."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.faults._sinks import fragments

from .cases import CASES, FORGOTTEN, SECRETS

for package in ("loguru", "rich", "sentry_sdk", "structlog"):
    pytest.importorskip(package, reason="the reporters group is not installed")

# rich alone takes seven seconds of a processor, of which a busy machine may have few
pytestmark = pytest.mark.timeout(180)

REPORTERS = ("sentry", "rich", "structlog", "loguru", "logging", "traceback")


def shown_keys(text: str) -> list[str]:
    """List the parts of keys that a text shows."""
    return [fragment for secret in SECRETS for fragment in fragments(secret) if fragment in text]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of Python in another process."""
    return subprocess.run(
        [sys.executable, *arguments], check=False, capture_output=True, text=True, timeout=175
    )


@pytest.mark.process
@pytest.mark.parametrize("reporter", REPORTERS)
def test_a_reporter_shows_no_key(reporter: str) -> None:
    """A reporter with locals shows frames of ours for each failure, and a key in none of them."""
    done = run("-m", "tests.reporters.program", reporter)

    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert list(shown) == list(CASES)
    assert [name for name, text in shown.items() if "openrouter_credits" not in text] == []
    assert {name: keys for name, text in shown.items() if (keys := shown_keys(text))} == {}
    assert shown_keys(done.stderr) == []


@pytest.mark.process
def test_pytest_shows_no_key() -> None:
    """What pytest prints with `--showlocals` has the locals of each failed call, and a key in none."""
    options = ("-p", "no:cacheprovider", "-p", "no:randomly", "-vv", "--showlocals", "--tb=long")
    done = run("-m", "pytest", *options, "tests/reporters/failing.py")

    assert f"{len(CASES) - len(FORGOTTEN)} failed" in done.stdout
    assert done.stdout.count("_client.py:") >= 20
    assert shown_keys(done.stdout + done.stderr) == []


@pytest.mark.parametrize("text", [SECRETS[0], f"Bearer {SECRETS[1]}", f"x{SECRETS[2][13:30]}x"])
def test_a_shown_key_would_be_found(text: str) -> None:
    """A whole key, and a part of 16 characters that its mask hides, are found in what a reporter shows."""
    assert shown_keys(text) != []
