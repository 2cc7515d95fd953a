"""The command as a separate process: signals, pipes, closed streams and imports."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from openrouter_credits.testing import FakeOpenRouter, Hang, Reply

pytestmark = pytest.mark.process

COMMAND = (sys.executable, "-m", "openrouter_credits")


def spawn(*arguments: str, stdin: IO[str] | None = None) -> subprocess.Popen[str]:
    """Start the command, with pipes for its output."""
    pipe = subprocess.PIPE
    return subprocess.Popen([*COMMAND, *arguments], stdin=stdin, stdout=pipe, stderr=pipe, text=True)


def test_ctrl_c_ends_it_with_130(fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C during a request ends the command with 130 and one line."""
    monkeypatch.setenv("OPENROUTER_API_KEY", fake.add_account().add_key().reveal())
    fake.script("/key", Hang())
    process = spawn()
    while not any(request.path == "/key" for request in fake.requests):
        time.sleep(0.01)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)

    assert (130, "", "openrouter-credits: Interrupted.\n") == (process.returncode, out, err)


def test_jsonl_streams(fake: FakeOpenRouter, tmp_path: Path) -> None:
    """--jsonl prints a key's line before the next key is answered; Ctrl-C then says how many were checked."""
    acme = fake.add_account(credits=40)
    path = tmp_path / "keys.txt"
    path.write_text("".join(f"{name}={acme.add_key(credits_reply='real').reveal()}\n" for name in "ab"))
    fake.script("/credits", Reply(200, {"data": {"total_credits": 40, "total_usage": 0}}), Hang())
    with path.open() as keys:
        process = spawn("check", "--jsonl", "--concurrency", "1", "-", stdin=keys)

    assert process.stdout is not None
    line = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)

    assert "a" == json.loads(line)["name"]
    assert (130, "", "openrouter-credits: Interrupted: 1 of 2 keys were checked.\n") == (
        process.returncode,
        out,
        err,
    )


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
def test_a_closed_standard_input_has_no_keys() -> None:
    """`check - <&-` says in one line that there are no keys, and ends with 3."""
    script = f"{shlex.quote(sys.executable)} -m openrouter_credits check - <&-"

    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False)

    assert (3, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert done.stderr.startswith("openrouter-credits: There are no keys in standard input.")


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
def test_head_is_no_error(fake: FakeOpenRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check --jsonl | head -n 1` ends with the exit code of the checked keys, and writes no error."""
    acme = fake.add_account(credits=400)
    path = tmp_path / "keys.txt"
    path.write_text("".join(f"{acme.add_key(credits_reply='real').reveal()}\n" for _ in range(200)))
    script = (
        f'{shlex.quote(sys.executable)} -m openrouter_credits check --jsonl - < "$1" | head -n 1; '
        'echo "${PIPESTATUS[0]}"'
    )

    done = subprocess.run(
        ["bash", "-c", script, "bash", str(path)], capture_output=True, text=True, timeout=30, check=True
    )

    line, code = done.stdout.splitlines()
    assert ("0", "") == (code, done.stderr)
    assert line.startswith('{"schema_version": 2')


@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")
def test_a_terminal_without_a_size_shows_everything(
    fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal that says it has 0 columns, as some containers' do, the whole status is shown."""
    monkeypatch.setenv(
        "OPENROUTER_API_KEY", fake.add_account(credits=400).add_key(credits_reply="real").reveal()
    )
    terminal, end = os.openpty()  # of 0 columns and 0 rows until somebody sets its size

    done = subprocess.run(COMMAND, stdin=end, stdout=end, stderr=end, timeout=30, check=False)
    shown = os.read(terminal, 100_000).decode()
    os.close(end)
    os.close(terminal)

    assert 0 == done.returncode
    assert all(words in shown for words in ("Wallet", "$400.00", "Key limit", "1000 of 1000"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")
def test_a_full_disk_is_one_line(fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is one line and exit code 3, not the interpreter's own 120."""
    monkeypatch.setenv(
        "OPENROUTER_API_KEY", fake.add_account(credits=400).add_key(credits_reply="real").reveal()
    )

    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            COMMAND, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )

    expected = (
        "openrouter-credits: Input or output failed: No space left on device. "
        "Check what the command reads and writes.\n"
    )
    assert (3, expected) == (done.returncode, done.stderr)


def test_help_and_version_load_neither_parser_nor_client() -> None:
    """--help and --version load neither the parser nor the client, so that they are quick."""
    code = (
        "import sys; from openrouter_credits.cli import main; main(sys.argv[1:]);"
        "names = {'aiohttp', 'attrs', 'cattrs', 'cyclopts', 'rich'} & set(sys.modules);"
        "print(sorted(names), file=sys.stderr)"
    )

    loaded = {
        option: subprocess.run(
            [sys.executable, "-c", code, option], capture_output=True, text=True, timeout=30, check=True
        ).stderr
        for option in ("--help", "--version")
    }

    assert {"--help": "[]\n", "--version": "[]\n"} == loaded


def test_a_terminal_that_knows_only_ascii_gets_escapes(fake: FakeOpenRouter) -> None:
    """On a terminal that knows only ASCII, other characters of a name are shown as escapes."""
    key = fake.add_account(credits=400).add_key(credits_reply="real").reveal()
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}

    done = subprocess.run(
        [*COMMAND, "check", "-"],
        input=f"\N{SNOWMAN}={key}".encode(),
        capture_output=True,
        timeout=30,
        env=environment,
        check=False,
    )

    assert (0, b"") == (done.returncode, done.stderr)
    assert rb"OK     \u2603" in done.stdout


NO_NAMES = """
import socket, sys, time
def getaddrinfo(*_, **__):
    print("looking up", file=sys.stderr, flush=True)
    time.sleep(45)
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
socket.getaddrinfo = getaddrinfo
from openrouter_credits.cli import main
sys.exit(main())
"""
"""The command on a machine whose name server is silent: each look-up takes 45 s, and fails."""


def spawn_without_names(*arguments: str) -> subprocess.Popen[str]:
    """Start the command on such a machine, and wait until it looks up a name."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", NO_NAMES, *arguments], stdout=pipe, stderr=pipe, text=True
    )
    assert process.stderr is not None
    assert "looking up\n" == process.stderr.readline()
    return process


def test_a_slow_look_up_does_not_outlast_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """`check --deadline` ends on time, exit included, while a look-up of the host's name still hangs."""
    monkeypatch.setenv("OPENROUTER_API_KEYS", f"a=sk-or-v1-{'a' * 64},b=sk-or-v1-{'b' * 64}")
    process = spawn_without_names("check", "--deadline", "0.5")

    out, err = process.communicate(timeout=20)  # the look-up takes 45 s

    assert (3, "") == (process.returncode, err)
    assert "2 keys: 2 UNKNOWN" in out


def test_ctrl_c_ends_it_during_a_slow_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the command with 130 at once, while a look-up of the host's name still hangs."""
    monkeypatch.setenv("OPENROUTER_API_KEY", f"sk-or-v1-{'a' * 64}")
    process = spawn_without_names()

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)  # the look-up takes 45 s

    assert (130, "", "openrouter-credits: Interrupted.\n") == (process.returncode, out, err)
