"""Commands that print a key: how they run, how they end, and from which files they do not run."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openrouter_credits import ConfigurationError
from openrouter_credits.cli import _keycommands
from openrouter_credits.cli._keycommands import NOT_NAMED, run_commands, why_not

pytestmark = pytest.mark.skipif(os.name != "posix", reason="commands run on POSIX alone")


def shell(program: str) -> tuple[str, ...]:
    """Make the words of a command that a shell runs."""
    return ("sh", "-c", program)


def outcome_of(*words: str) -> str:
    """Run one command; return what it printed, or the summary of its error."""
    outcome = run_commands([words])[words]
    return outcome if isinstance(outcome, str) else f"{outcome.summary}."


def ended(pid: int) -> bool:
    """Wait until a process has ended that was killed a moment ago."""
    for _ in range(1000):
        words = ["ps", "-o", "stat=", "-p", str(pid)]
        listed = subprocess.run(words, check=False, capture_output=True, text=True)
        if not listed.stdout.strip() or listed.stdout.startswith("Z"):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("echo a; echo b", "a"),
        ("printf a", "a"),
        ("printf 'a\\r\\nb'", "a\r"),
        ("printf '\\377'", "\ufffd"),
        ("printf '\\357\\273\\277a'", "a"),
        ('read x; echo "no input: $x"', "no input: "),
        ("echo a; exec >&-; sleep 0.05", "a"),
        ("echo a; exit 3", "the command sh failed (exit code 3)."),
        ("kill -9 $$", "the command sh failed (exit code -9)."),
        ("true", "the command sh printed no key in its first line."),
        ("echo; echo a", "the command sh printed no key in its first line."),
        ("head -c 65537 /dev/zero", "the command sh prints more than 64 KiB."),
        ("yes", "the command sh prints more than 64 KiB."),
    ],
)
def test_the_first_line_that_a_command_prints_is_its_outcome(program: str, expected: str) -> None:
    """A command gives its first line, or the reason why there is none; it gets no input."""
    assert expected == outcome_of(*shell(program))


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("no-such-program", "No such file or directory"),
        ("/", "Permission denied"),
        ("a\0b", "not a command"),
    ],
)
def test_what_is_no_program_is_told(program: str, reason: str) -> None:
    """A program that cannot be started is told with the system's reason."""
    assert f"the command {program} cannot be run: {reason}." == outcome_of(program, "x")


def test_what_a_command_prints_is_never_shown(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither output nor errors of a command are shown, in its error neither."""
    (outcome,) = run_commands([shell("echo hunter2; echo hunter2 >&2; exit 1")]).values()

    assert ("", "") == capfd.readouterr()
    assert "hunter2" not in repr(outcome)


def test_a_command_gets_no_input() -> None:
    """A command does not get what this program itself could read."""
    reader, writer = os.pipe()
    os.write(writer, b"hunter2\n")
    os.close(writer)
    before = os.dup(0)
    os.dup2(reader, 0)

    try:
        outcome = outcome_of(*shell('read x; echo "no input: $x"'))
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reader)

    assert "no input: " == outcome


def test_a_command_that_takes_too_long_is_ended_with_its_children(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After the time-out, the command and all that it has started are killed; the others go on."""
    files = [tmp_path / name for name in ("child", "shell", "orphan")]

    def clock() -> float:
        have_begun = all(file.exists() and file.read_text() for file in files)
        return 10.0 if have_begun else 0.0

    monkeypatch.setattr(_keycommands, "time", SimpleNamespace(monotonic=clock, sleep=time.sleep))
    monkeypatch.setattr(_keycommands, "_AT_ONCE", 2)  # the third one begins when the time of these is over
    slow = shell(f"sleep 60 & echo $! >{tmp_path}/child; echo $$ >{tmp_path}/shell; wait")
    orphan = shell(f"sleep 60 & echo $! >{tmp_path}/orphan")

    outcomes = run_commands([slow, orphan, ("echo", "a")])

    assert "a" == outcomes["echo", "a"]
    for command in (slow, orphan):
        outcome = outcomes[command]
        assert isinstance(outcome, ConfigurationError)
        assert "the command sh took longer than 10 s" == outcome.summary
    assert [True] * 3 == [ended(int(file.read_text())) for file in files]


def test_a_process_that_a_command_leaves_behind_holds_up_nothing(tmp_path: Path) -> None:
    """A line is taken when its program has ended, though an agent that it started holds its output open."""
    agent = f"sleep 60 & echo $! >{tmp_path}/agent"
    outcomes = [outcome_of(*shell(f"{agent}; echo a; exit {code}")) for code in (0, 4)]
    os.kill(int((tmp_path / "agent").read_text()), signal.SIGKILL)

    assert ["a", "the command sh failed (exit code 4)."] == outcomes


def test_an_interrupt_ends_all_commands(tmp_path: Path) -> None:
    """After Ctrl-C no command runs any more, nor a child of one."""
    command = shell(f"sleep 60 & echo $! >{tmp_path}/child; wait")
    before = signal.getsignal(signal.SIGINT)

    def interrupt() -> None:
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run_commands([command, ("no-such-program",)])
    thread.join()

    assert before == signal.getsignal(signal.SIGINT)
    assert ended(int((tmp_path / "child").read_text()))


def test_commands_run_in_any_thread() -> None:
    """In a thread, which Ctrl-C does not reach, commands run as they do elsewhere."""
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.append(outcome_of("echo", "a")))
    thread.start()
    thread.join()

    assert ["a"] == outcomes


def test_eight_commands_run_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many commands eight run at once, and the ninth begins when one has ended; equal ones run once."""
    monkeypatch.setattr(_keycommands, "_TIMEOUT", 50.0)
    begun, running = tmp_path / "begun", tmp_path / "running"
    begun.mkdir()
    running.mkdir()
    program = (
        f"touch {begun}/$$ {running}/$$; until [ $(ls {begun} | wc -l) -ge 8 ]; do sleep 0.02; done; "
        f"sleep 0.05; ls {running} | wc -l; rm {running}/$$"
    )

    commands = [shell(f"{program} # {number}") for number in range(20)]
    outcomes = run_commands(commands + commands)

    counts = [int(outcome) for outcome in outcomes.values() if isinstance(outcome, str)]
    assert (20, 8) == (len(counts), max(counts))
    assert 20 == len(list(begun.iterdir()))


# From which files commands run.


def test_commands_run_from_a_file_of_this_user(tmp_path: Path) -> None:
    """The file and its folder belong to this user or root, and nobody else may write them."""
    path = tmp_path / "keys.toml"
    path.touch(mode=0o644)
    tmp_path.chmod(0o755)

    assert why_not(str(path), path.stat()) is None


@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "reason"),
    [
        (0o620, 0o700, "others may write {file} (mode 620)"),
        (0o602, 0o700, "others may write {file} (mode 602)"),
        (0o600, 0o720, "others may write {folder} (mode 720)"),
        (0o600, 0o702, "others may write {folder} (mode 702)"),
        (0o600, 0o1777, None),
        (0o1622, 0o1777, "others may write {file} (mode 1622)"),
    ],
)
def test_commands_do_not_run_if_others_may_write_the_file_or_its_folder(
    tmp_path: Path, file_mode: int, folder_mode: int, reason: str | None
) -> None:
    """Commands do not run if others may write the file, or put another in its place."""
    path = tmp_path / "keys.toml"
    path.touch()
    path.chmod(file_mode)
    tmp_path.chmod(folder_mode)
    link = tmp_path.parent / f"{tmp_path.name}.toml"
    link.symlink_to(path)

    refusals = [why_not(str(name), path.stat()) for name in (path, link)]

    if reason is None:
        assert [None, None] == refusals
        return
    for name, refusal in zip((path, link), refusals, strict=True):
        assert refusal is not None
        assert f"commands do not run: {reason.format(file=name, folder=tmp_path)}" == refusal.reason
        assert refusal.remedy.startswith("chmod go-w ")


def test_commands_do_not_run_from_a_file_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that belongs to another user than this one or root runs no commands."""
    path = tmp_path / "keys.toml"
    path.touch(mode=0o600)
    status: Any = SimpleNamespace(st_mode=path.stat().st_mode, st_uid=12345)

    refusal = why_not(str(path), status)

    assert refusal is not None
    assert f"commands do not run: {path} belongs to another user" == refusal.reason


def test_commands_do_not_run_from_a_device_or_a_pipe(tmp_path: Path) -> None:
    """A pipe, a device and an open file by its number are not named on the command line."""
    path = tmp_path / "keys.toml"
    path.touch(mode=0o600)

    assert NOT_NAMED == why_not(os.devnull, Path(os.devnull).stat())
    assert NOT_NAMED == why_not("/dev/fd/7", path.stat())
    assert NOT_NAMED == why_not("/proc/self/fd/7", path.stat())
    assert NOT_NAMED == why_not(f"{tmp_path}", tmp_path.stat())


def test_commands_do_not_run_where_files_have_no_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows nobody can tell who may write a file: commands do not run there."""
    path = tmp_path / "keys.toml"
    path.touch(mode=0o600)
    monkeypatch.delattr(os, "getuid")

    refusal = why_not(str(path), path.stat())

    assert refusal is not None
    assert "commands run only where files have owners and modes" == refusal.reason
