"""The command as a process of a shell: odd streams, odd environments, and Ctrl-C at any moment."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from openrouter_credits.testing import FakeOpenRouter, Hang
from tests.cli.test_processes import COMMAND, spawn

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(os.name != "posix", reason="a POSIX shell and its signals"),
]

KEY = "sk-or-v1-" + "a" * 64
NO_SPACE = (
    "openrouter-credits: Input or output failed: No space left on device. "
    "Check what the command reads and writes.\n"
)


def shell(script: str, **environment: str) -> tuple[int, str, str]:
    """Run a line of bash, in which `oc` is the command; return its exit code and its output."""
    line = f'oc() {{ {shlex.join(COMMAND)} "$@"; }}; {script}'
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")
@pytest.mark.parametrize("arguments", ["--help", "--version", "help check", "completion bash", "demo"])
def test_a_full_disk_is_one_line_for_any_output(arguments: str) -> None:
    """Any output to a full disk ends with one line that says so, and exit code 3."""
    assert (3, "", NO_SPACE) == shell(f"oc {arguments} >/dev/full")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("oc --help >&-", (0, "", "")),
        ("oc --help >&- 2>&-", (0, "", "")),
        ("oc 2>&-", (3, "", "")),
        ("oc <&- >&- 2>&-", (3, "", "")),
        ("oc 2>/dev/full", (3, "", "")),
        ("oc --nonsense 2>/dev/full", (3, "", "")),
        ("oc --version | true; exit ${PIPESTATUS[0]}", (0, "", "")),
        ("oc completion bash | true; exit ${PIPESTATUS[0]}", (0, "", "")),
        ("oc 2> >(exec true)", (3, "", "")),
    ],
)
def test_streams_that_take_nothing_change_no_exit_code(script: str, expected: tuple[int, str, str]) -> None:
    """Closed streams, and readers that have left, change neither the exit code nor what else is printed."""
    assert expected == shell(script, PYTHONWARNINGS="error")


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict"},
        {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
        {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"},
        {"COLUMNS": "0"},
        {"COLUMNS": "abc", "LINES": "x"},
        {"COLUMNS": "-5"},
        {"TERM": "dumb"},
        {"NO_COLOR": "1"},
        {"FORCE_COLOR": "1", "TERM": "xterm"},
    ],
    ids="-".join,
)
@pytest.mark.parametrize("arguments", ["", "check", "--oneline", "--json"])
def test_an_odd_environment_changes_no_exit_code(
    fake: FakeOpenRouter, environment: dict[str, str], arguments: str
) -> None:
    """In any environment the command prints its result, and ends with the exit code of the verdict."""
    key = fake.add_account(credits=400).add_key(credits_reply="real").reveal()

    code, out, err = shell(f"oc {arguments}", OPENROUTER_API_KEY=key, OPENROUTER_API_KEYS=key, **environment)

    # on a slow machine, asyncio's debug mode says that a step took longer than 0.1 s
    lines = [line for line in err.splitlines() if not line.startswith("Executing <")]
    assert 0 == code
    assert "OK" in out
    assert "FORCE_COLOR" in environment or not lines  # which forces a progress bar, too


@pytest.mark.parametrize(
    "start",
    [
        "cd /",
        'gone=$(mktemp -d); cd "$gone"; rmdir "$gone"',
        'closed=$(mktemp -d); cd "$closed"; chmod 500 .',
        f"oc() {{ {shlex.quote(sys.executable)} -P -I -m openrouter_credits; }}",
        f"oc() {{ env -i {shlex.join(COMMAND)}; }}",
    ],
)
def test_where_and_how_it_starts_does_not_matter(start: str) -> None:
    """The command runs in any directory, isolated from the environment or without any."""
    code, out, err = shell(f"{start}; oc")

    assert (3, "", 1) == (code, out, err.count("\n"))
    assert err.startswith("openrouter-credits: There is no API key. Set OPENROUTER_API_KEY")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("ftp://127.0.0.1/", "OPENROUTER_BASE_URL is neither https nor http on this machine"),
        ("not a url", "OPENROUTER_BASE_URL is not a URL with a host"),
        ("http://127.0.0.1:9", "Could not connect to 127.0.0.1:9"),
    ],
)
def test_a_server_that_is_not_there_has_no_verdict(url: str, text: str) -> None:
    """A wrong base URL, or nobody at it, is one line and exit code 3."""
    code, out, err = shell("oc", OPENROUTER_API_KEY=KEY, OPENROUTER_BASE_URL=url)

    assert (3, "", 1) == (code, out, err.count("\n"))
    assert err.startswith(f"openrouter-credits: {text}")


INTERRUPTED = """
import os, signal, sys
modules = sys.argv.pop(1).split(",")
class Interrupt:
    def find_spec(self, name, *_):
        if name in modules:
            os.kill(os.getpid(), signal.SIGINT)
from openrouter_credits.cli import main
sys.meta_path.insert(0, Interrupt())
sys.exit(main())
"""
"""A program that gets Ctrl-C at the moment when it imports one of the modules named first."""


@pytest.mark.parametrize(
    "modules",
    [
        "cyclopts",
        "openrouter_credits.cli._app",
        "openrouter_credits.cli._usage,openrouter_credits._words",
        "rich",
        "asyncio,asyncio.events",
        "aiohttp",
        "cattrs",
    ],
)
def test_ctrl_c_during_imports_is_one_line(modules: str) -> None:
    """Ctrl-C while modules are imported is one line and exit code 130, without a traceback."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, modules],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OPENROUTER_API_KEY": KEY, "OPENROUTER_BASE_URL": "http://127.0.0.1:9"},
        check=False,
    )

    assert (130, "", "openrouter-credits: Interrupted.\n") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [[], ["check"], ["check", "--jsonl"]], ids=" ".join)
def test_ctrl_c_twice_within_milliseconds_is_one_line(
    fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """Several Ctrl-C in a row are one line and exit code 130: no traceback, and no end by the signal."""
    key = fake.add_account().add_key().reveal()
    monkeypatch.setenv("OPENROUTER_API_KEY", key)
    monkeypatch.setenv("OPENROUTER_API_KEYS", key)
    fake.script("/key", Hang())
    process = spawn(*arguments)
    while not any(request.path == "/key" for request in fake.requests):
        time.sleep(0.01)

    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.002)
    out, err = process.communicate(timeout=30)

    assert (130, "", 1) == (process.returncode, out, err.count("\n"))
    assert err.startswith("openrouter-credits: Interrupted")


def test_sigterm_ends_it_at_once(fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM does what it does to any program: it ends the process, silently."""
    monkeypatch.setenv("OPENROUTER_API_KEY", fake.add_account().add_key().reveal())
    fake.script("/key", Hang())
    process = spawn()
    while not any(request.path == "/key" for request in fake.requests):
        time.sleep(0.01)

    process.terminate()
    out, err = process.communicate(timeout=30)

    assert (-signal.SIGTERM, "", "") == (process.returncode, out, err)
