"""The command as a whole: options, help, faults, and how it ends."""

from __future__ import annotations

import errno
import io
import os
import re
import runpy
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import __version__
from openrouter_credits.cli import main
from openrouter_credits.cli._app import app
from openrouter_credits.cli._exits import fail
from openrouter_credits.cli._help import HELP

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from .conftest import Run

SECRET = "sk-or-v1-" + "d" * 64


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--colour"], "Unknown option: --colour."),
        (["stauts"], "There is no command or option for the argument 'stauts'."),
        (["check", "a", "b"], "There is no command or option for the argument 'b'."),
        ([SECRET], "There is no command or option for the argument 'sk-or-v1-ddd'."),
        ([f"--key={SECRET}"], "Unknown option: --key"),
        (["--warn", "cheap"], "Invalid value for --warn"),
        (["--warn", "nan"], "Invalid value for --warn"),
        (["--warn", SECRET], "Invalid value for --warn"),
        (["--critical"], "--critical requires an argument"),
        (["check", "--rate", "fast"], "Invalid value for --rate"),
        (["check", "--concurrency", "many"], "Invalid value for --concurrency"),
        (["--warn", "3"], "--warn 3 is below --critical 5: give both."),
        (["check", "--critical", "30"], "--warn 10 is below --critical 30: give both."),
        (["--json", "--oneline"], "--json and --oneline exclude each other."),
        (["check", "--json", "--jsonl"], "--json and --jsonl exclude each other."),
        (["--no-json"], "Unknown option: --no-json"),
    ],
)
def test_wrong_usage_is_one_line_and_3(run: Run, arguments: list[str], said: str) -> None:
    """Never 2, which is a verdict; and a key that strayed there is not repeated."""
    outcome = run(*arguments)

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert outcome.err.startswith(f"openrouter-credits: {said}") or said in outcome.err
    assert SECRET not in outcome.err


def test_the_version(run: Run) -> None:
    """Its number alone follows the name."""
    assert (0, f"openrouter-credits {__version__}\n", "") == tuple(vars_of(run("--version")))


def vars_of(outcome: Any) -> tuple[int, str, str]:
    """Take an outcome apart."""
    return outcome.code, outcome.out, outcome.err


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["--help"], ""),
        (["-h", "--nonsense"], ""),
        (["status", "--help"], "status"),
        (["--json", "check", "-h"], "check"),
        (["demo", "--help", "--version"], "demo"),
    ],
)
def test_help_is_that_of_the_command(run: Run, arguments: list[str], command: str) -> None:
    """Wherever the option stands."""
    assert (0, HELP[command], "") == vars_of(run(*arguments))


def test_after_two_dashes_nothing_is_an_option(run: Run) -> None:
    """A file may be called --help."""
    assert (
        3,
        "",
        "openrouter-credits: Cannot read --help: No such file or directory. Name a key file, or - for standard input.\n",
    ) == vars_of(run("check", "--", "--help"))


@pytest.mark.parametrize("command", ["status", "check", "demo"])
def test_help_names_what_the_parser_knows(command: str) -> None:
    """Every option with its default, and no other."""
    known = {name: argument.field_info.default for argument in app[command].assemble_argument_collection() for name in argument.names}
    known = {name: default for name, default in known.items() if name.startswith("--") and not name.startswith("--no-")}
    told = dict(re.findall(r"^  (--\w+)(.*(?:\n {20,}.*)*)", HELP[command], re.MULTILINE))

    assert set(known) == set(told)
    for name, default in known.items():
        assert (f"[default: {default}]" in told[name]) == (default not in (False, None))


def test_help_fits_a_narrow_terminal() -> None:
    """No line is longer than 72 columns."""
    assert max(len(line) for text in HELP.values() for line in text.splitlines()) <= 72


class Hidden:
    """A finder under which a package is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Find nothing else."""
        if name.partition(".")[0] == self.name:
            raise ModuleNotFoundError(name=name)
        return None


@pytest.mark.parametrize("name", ["cyclopts", "rich"])
@pytest.mark.parametrize("arguments", [[], ["--help"], ["demo"]])
def test_without_the_extra_one_line_says_how_to_install_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, arguments: list[str]
) -> None:
    """Whichever package is missing, and whatever was asked."""
    monkeypatch.setitem(sys.modules, name, None)
    absent = run(*arguments)
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Hidden(name), *sys.meta_path])
    hidden = run(*arguments)

    expected = 'openrouter-credits: The command line is an extra of the package: pip install "openrouter-credits[cli]"\n'
    assert (3, "", expected) == vars_of(absent) == vars_of(hidden)


def test_a_fault_of_ours_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback, even then."""

    def fail_badly(*_: object, **__: object) -> int:
        raise LookupError(f"a fault\nof {SECRET}")

    monkeypatch.setattr("openrouter_credits.cli._demo.show_demo", fail_badly)

    assert (3, "", "openrouter-credits: LookupError: a fault of ***. Report this to the maintainers of openrouter-credits.\n") == vars_of(
        run("demo")
    )


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (BrokenPipeError(), 3, ""),
        (
            OSError(errno.EMFILE, "Too many open files"),
            3,
            "Input or output failed: Too many open files. Check what the command reads and writes.",
        ),
        (OSError(), 3, "Input or output failed: OSError. Check what the command reads and writes."),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_a_fault_of_the_system_is_one_line(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fault: BaseException, code: int, said: str
) -> None:
    """And a reader who left is none at all."""

    def fail_badly(*_: object, **__: object) -> int:
        raise fault

    monkeypatch.setattr("openrouter_credits.cli._demo.show_demo", fail_badly)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as out, os.fdopen(reader):
        monkeypatch.setattr(sys, "stdout", out)
        assert code == main(["demo"])

    assert ("", f"openrouter-credits: {said}\n" if said else "") == capfd.readouterr()


def test_a_reader_who_leaves_is_no_error(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not read any more goes nowhere, when the process ends too."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert 0 == main(["--help"])
        out.write("more")

    assert ("", "") == capfd.readouterr()


def test_closed_streams_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`>&- 2>&-`: the exit code tells."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)

    assert 3 == main([])
    assert 0 == main(["--version"])
    sys.stdout.close()
    sys.stderr.close()


def test_a_stream_without_encoding_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as that of a notebook."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)

    assert 0 == main(["--version"])
    assert f"openrouter-credits {__version__}\n" == out.getvalue()


def test_standard_error_may_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nobody is told, which is no reason to fail otherwise."""

    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())

    assert 7 == fail("what", 7)


def test_arguments_are_the_processs_own(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m openrouter_credits` is the command."""
    monkeypatch.setattr(sys, "argv", ["openrouter-credits", "--version"])
    monkeypatch.delitem(sys.modules, "openrouter_credits.__main__", raising=False)

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("openrouter_credits", run_name="__main__")

    assert 0 == ended.value.code
    assert f"openrouter-credits {__version__}\n" == capsys.readouterr().out


def test_importing_the_program_runs_nothing() -> None:
    """Only as a program it runs."""
    assert import_module("openrouter_credits.__main__").main is main
