"""Fixtures of the command's tests: it runs in this process, against a server of its own."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from openrouter_credits import KeySpec
from openrouter_credits.cli import main
from openrouter_credits.cli._keyfile import read_keys
from openrouter_credits.testing import FakeOpenRouter
from tests.kit.values import stopped_clock

if TYPE_CHECKING:
    from openrouter_credits import ApiKey
    from openrouter_credits.testing import FakeAccount


class Outcome(NamedTuple):
    """The exit code of a run, and the text of its two streams."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


def read_specs(file: str | None) -> list[KeySpec]:
    """Read the keys of a source without whole accounts."""
    entries = read_keys(file)
    specs = [entry for entry in entries if isinstance(entry, KeySpec)]
    assert len(entries) == len(specs)
    return specs


@pytest.fixture(autouse=True)
def _nobodys_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the colours and the width of the terminal in which the tests run."""
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture(autouse=True)
def _nobodys_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let each test work in a new folder, so that none finds or leaves a file where the tests are run."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenRouter]:
    """Run a fake server, and let `OPENROUTER_BASE_URL` point to it."""
    with FakeOpenRouter(now=stopped_clock()) as server:
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.url)
        yield server


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[ApiKey], None]:
    """Return a function that puts a key into the environment."""
    return lambda key: monkeypatch.setenv("OPENROUTER_API_KEY", key.reveal())


@pytest.fixture
def keys() -> Path:
    """Make an empty key file, which only its owner can read, in the test's folder."""
    path = Path("keys.toml")
    path.touch(mode=0o600)
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command and asserts that no key or escape sequence is printed."""

    def run_one(*arguments: str) -> Outcome:
        code = main(arguments)
        out, err = capsys.readouterr()
        key = os.environ.get("OPENROUTER_API_KEY", "sk-or-v1-none")
        assert key not in out + err
        if "FORCE_COLOR" not in os.environ:
            assert "\x1b" not in out + err
        return Outcome(code, out, err)

    return run_one


@pytest.fixture
def acme(fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch) -> FakeAccount:
    """Make an account with $75.60, and put its management key into the environment."""
    account = fake.add_account(credits="100.50", usage="24.90")
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", account.add_key(management=True).reveal())
    return account


class Terminal(io.StringIO):
    """A terminal on which somebody has typed something."""

    def isatty(self) -> bool:
        """Tell that it is a terminal."""
        return True


@pytest.fixture
def typing(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Return a function that runs `keys` on a terminal, on which somebody types the first argument."""

    def run_on_terminal(answer: str, *arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        return run("keys", *arguments)

    return run_on_terminal
