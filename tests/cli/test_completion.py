"""Shell completion: the scripts are valid, and know the commands and options."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from openrouter_credits.cli._app import app
from tests.cli.conftest import Run

CHECKERS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}
COMPLETE = """
source "$1"; shift
COMP_WORDS=(openrouter-credits "$@"); COMP_CWORD=$#
_openrouter_credits; printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    "shell",
    [
        "bash",
        "zsh",
        "fish",
        pytest.param(
            "powershell",
            marks=pytest.mark.skipif(
                find_spec("cyclopts.completion.powershell") is None, reason="an older cyclopts"
            ),
        ),
    ],
)
def test_the_script_names_the_commands_and_options(run: Run, shell: str) -> None:
    """The script for a shell has the commands, and the options of `check` and `keys create`."""
    outcome = run("completion", shell)

    assert (0, "") == (outcome.code, outcome.err)
    names = [
        "status",
        "check",
        "keys",
        "require",
        "history",
        "account",
        "disable",
        "write-to",
        "demo",
        "completion",
        "key-only",
        "jsonl",
        "concurrency",
    ]
    assert [name for name in names if name not in outcome.out] == []


@pytest.mark.parametrize("shell", CHECKERS)
def test_the_script_is_valid(run: Run, tmp_path: Path, shell: str) -> None:
    """The shell itself finds no fault in the syntax of its script."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(run("completion", shell).out)

    done = subprocess.run(
        [*CHECKERS[shell], str(script)], capture_output=True, text=True, timeout=30, check=False
    )

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["che"], ["check"]),
        (["--key"], ["--key-only"]),
        (["check", "--js"], ["--json", "--jsonl"]),
        (["check", "--json", "keys.t"], ["keys.toml"]),
        (["status", "--one"], ["--oneline"]),
        (["completion", "zs"], ["zsh"]),
        (["--he"], ["--help"]),
        (["check", "--he"], ["--help"]),
        (["key"], ["keys"]),
        (["keys", "cr"], ["create"]),
        (["keys", "create", "bot", "--lim"], ["--limit"]),
        (["--vers"], ["--version"]),
    ],
)
def test_bash_completes(run: Run, tmp_path: Path, keys: Path, words: list[str], expected: list[str]) -> None:
    """Bash completes commands, their options, and the names of key files."""
    script = tmp_path / "script"
    script.write_text(run("completion", "bash").out)

    done = subprocess.run(
        ["bash", "-c", COMPLETE, "bash", str(script), *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert (expected, "") == (done.stdout.split(), done.stderr)


def test_zsh_completes_files_after_options(run: Run) -> None:
    """In zsh, options of `status` that stand before a command's argument do not hide the command."""
    script = run("completion", "zsh").out

    starts = [line.partition("-C")[2] for line in script.splitlines() if "_arguments -C" in line]
    assert [' -A "-*" \\'] * 2 == starts  # of the command itself, and of `keys`


def test_the_shell_in_use_is_found(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the name of a shell, the script is for the one in use."""
    monkeypatch.setenv("ZSH_VERSION", "5.9")

    assert run("completion").out.startswith("#compdef openrouter-credits\n")


def test_a_shell_that_is_not_known_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a script for the shell, one line says to name another."""

    def refuse(**_: object) -> str:
        raise ValueError("Unsupported shell: powershell")

    monkeypatch.setattr(type(app), "generate_completion", lambda _, **options: refuse(**options))

    expected = (
        "openrouter-credits: No script is known for this shell. "
        "Name another: openrouter-credits completion bash.\n"
    )
    assert (3, "", expected) == run("completion", "powershell")


def test_installing_writes_the_script(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--install-completion writes the script, and a line into the shell's start file."""
    monkeypatch.setenv("HOME", str(tmp_path))

    outcome = run("--install-completion", "--shell", "bash")

    script = tmp_path / ".local/share/bash-completion/completions/openrouter-credits"
    assert (0, "") == (outcome.code, outcome.err)
    assert "complete -F _openrouter_credits openrouter-credits" in script.read_text()
    assert str(script) in (tmp_path / ".bashrc").read_text()


def test_installing_for_zsh_says_what_else_it_needs(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In zsh, a script is not read before `compinit` has run: the command names the line for ~/.zshrc."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ZSH", "ZSH_CUSTOM"):  # of oh-my-zsh, which has a folder of its own
        monkeypatch.delenv(name, raising=False)

    outcome = run("--install-completion", "--shell", "zsh")

    script = tmp_path / ".zsh/completions/_cyclopts_openrouter-credits"
    expected = (
        f"Wrote {script}. Start a new shell to use it.\n"
        "If nothing is completed then, add this line to ~/.zshrc: autoload -Uz compinit && compinit\n"
    )
    assert (0, expected, "") == outcome
    assert script.read_text().startswith("#compdef openrouter-credits\n")


def test_installing_for_no_known_shell_names_the_option(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the shell cannot be told, --install-completion says how to name it, and ends with 3."""
    from cyclopts.completion import ShellDetectionError, detect

    def fail() -> str:
        raise ShellDetectionError

    monkeypatch.setattr(detect, "detect_shell", fail)

    expected = (
        "openrouter-credits: The shell in use cannot be told. "
        "Name it: openrouter-credits --install-completion --shell bash.\n"
    )
    assert (3, "", expected) == run("--install-completion")


def test_installing_without_a_home_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a home directory, as some containers' users are, one line says what to do instead."""

    def refuse() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", refuse)

    expected = (
        "openrouter-credits: The home directory is not known. "
        "Set HOME, or print the script: openrouter-credits completion bash.\n"
    )
    assert (3, "", expected) == run("--install-completion", "--shell", "bash")


def test_installing_where_nothing_can_be_written_names_the_place(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place that cannot be written is named in one line, which says what to do instead."""
    monkeypatch.setenv("HOME", str(tmp_path))

    expected = (
        f"openrouter-credits: Cannot write {tmp_path}: Is a directory. "
        "Correct this, or print the script: openrouter-credits completion bash.\n"
    )
    assert (3, "", expected) == run("--install-completion", "--shell", "bash", f"--output={tmp_path}")
