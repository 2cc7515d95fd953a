"""The command as a whole: options, help, faults, closed streams and exit codes."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import runpy
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from openrouter_credits import __version__
from openrouter_credits.cli import main
from openrouter_credits.cli._app import app
from openrouter_credits.cli._exits import fail
from openrouter_credits.cli._help import HELP

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from tests.cli.conftest import Run

SECRET = "sk-or-v1-" + "d" * 64
COMMANDS = {name: app[name] for name in app if not name.startswith("-")} | {
    f"keys {name}": app["keys"][name] for name in app["keys"] if not name.startswith("-")
}
"""All commands, and those below `keys`."""


@pytest.mark.parametrize("arguments", ["--version", "-V", "version", "check -V", "version --json"])
def test_the_version(run: Run, arguments: str) -> None:
    """--version prints the program's name and its version, and nothing else; so do -V and version."""
    assert (0, f"openrouter-credits {__version__}\n", "") == run(*arguments.split())


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["--help"], ""),
        (["-h", "--nonsense"], ""),
        (["status", "--help"], "status"),
        (["--json", "check", "-h"], "check"),
        (["demo", "--help", "--version"], "demo"),
        (["stauts", "--help"], ""),
        (["check", SECRET, "--warn", "--help"], "check"),
        (["--install-completion", "--help"], "completion"),
        (["help"], ""),
        (["help", "check"], "check"),
        (["help", "completion", "--json"], "completion"),
        (["help", "--json"], ""),
        (["help", "help"], ""),
        (["help", "version"], ""),
        (["help", "status", "--", "-h"], "status"),
        (["keys", "--help"], "keys"),
        (["keys", "list", "-h"], "keys"),
        (["keys", "create", "bot", "--help"], "keys create"),
        (["keys", "--yes", "--help"], "keys"),
        (["help", "keys"], "keys"),
        (["help", "keys", "limit"], "keys limit"),
        (["help", "keys", "nonsense"], "keys"),
    ],
)
def test_help_is_that_of_the_command(run: Run, arguments: list[str], command: str) -> None:
    """--help, -h and help show the help of the command that is named, wherever the option stands."""
    assert (0, HELP[command], "") == run(*arguments)


def test_after_two_dashes_nothing_is_an_option(run: Run) -> None:
    """An argument after two dashes is a file name, even if it looks like an option."""
    outcome = run("check", "--", "--help")

    expected = (
        "openrouter-credits: Cannot read --help: No such file or directory. "
        "Name a key file, or - for standard input.\n"
    )
    assert (3, "", expected) == outcome


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_what_the_parser_knows(command: str) -> None:
    """The help of a command names each option that the parser knows, with its default, and no other."""
    known = {
        name: argument.field_info.default
        for argument in COMMANDS[command].assemble_argument_collection()
        for name in argument.names
    }
    known = {
        name: default
        for name, default in known.items()
        if name.startswith("--") and not name.startswith("--no-")
    }
    documented = dict(
        re.findall(r"^  (--[\w-]+)(.*(?:\n {20,}.*)*)", HELP[command.removesuffix(" list")], re.MULTILINE)
    )

    assert set(known) == set(documented)
    for name, default in known.items():
        assert (f"[default: {default}]" in documented[name]) == (default not in (False, None))


def test_help_lists_the_commands() -> None:
    """The first help text names each command that the parser knows, and each has a text of its own."""
    commands = re.findall(r"^  ([a-z]+) ", HELP[""].partition("Options")[0], re.MULTILINE)

    answered = {"help", "-h", "--help", "version", "-V", "--version"}
    assert {*app, *answered} == {*commands, *answered, "--install-completion"}
    assert set(HELP) == {"", *COMMANDS} - {"keys list"}
    assert "--install-completion" in HELP[""]


def test_help_fits_a_narrow_terminal() -> None:
    """No line of any help text is longer than 72 columns."""
    assert [line for text in HELP.values() for line in text.splitlines() if len(line) > 72] == []


class Hidden:
    """A finder of modules that pretends that one package is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Raise for the hidden package, and leave all others to the next finder."""
        if name.partition(".")[0] == self.name:
            raise ModuleNotFoundError(name=name)
        return None


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("cyclopts", []), ("cyclopts", ["--help"]), ("rich", ["demo"]), ("dotenv", ["check"])],
)
def test_without_the_extra_one_line_says_how_to_install_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, arguments: list[str]
) -> None:
    """If a package of the extra is missing, every command ends with 3 and says how to install it."""
    monkeypatch.setitem(sys.modules, name, None)
    absent = run(*arguments)
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Hidden(name), *sys.meta_path])
    hidden = run(*arguments)

    expected = (
        "openrouter-credits: The command line is an extra of the package: "
        'pip install "openrouter-credits[cli]"\n'
    )
    assert (3, "", expected) == absent == hidden


def test_an_extra_of_another_age_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If cyclopts does not have a name that is imported, the line says how to install the extra."""
    monkeypatch.delattr("cyclopts.RepeatArgumentError")
    monkeypatch.delitem(sys.modules, "openrouter_credits.cli._usage")
    monkeypatch.delitem(sys.modules, "openrouter_credits.cli._app")

    outcome = run("demo")

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert 'pip install "openrouter-credits[cli]"' in outcome.err


def test_many_keys_in_the_environment_are_told_their_command(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`status` without a key, beside a list of keys, names the command that reads the list."""
    monkeypatch.setenv("OPENROUTER_API_KEYS", SECRET)

    expected = (
        "openrouter-credits: There is no single API key. "
        "For the keys of OPENROUTER_API_KEYS: openrouter-credits check.\n"
    )
    assert (3, "", expected) == run()


@pytest.mark.parametrize("arguments", ["check --json", "check --json missing.toml"])
def test_json_says_why_there_are_no_keys(run: Run, arguments: str) -> None:
    """With --json, the reason why no key can be checked is in the document and on standard error."""
    outcome = run(*arguments.split())

    document = json.loads(outcome.out)
    assert (3, False, []) == (outcome.code, document["complete"], document["checks"])
    assert f"openrouter-credits: {document['error']['message']}\n" == outcome.err


def test_a_fault_of_ours_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody expected is one line without a key or a traceback, and exit code 3."""

    def fail_badly(*_: object, **__: object) -> int:
        raise LookupError(f"a fault\nof {SECRET}")

    monkeypatch.setattr("openrouter_credits.cli._demo.show_demo", fail_badly)

    outcome = run("demo")

    expected = (
        "openrouter-credits: LookupError: a fault of sk-or-***. "
        "Report this to the maintainers of openrouter-credits.\n"
    )
    assert (3, "", expected) == outcome


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        (BrokenPipeError(), 3, ""),
        (
            OSError(errno.EMFILE, "Too many open files"),
            3,
            "Input or output failed: Too many open files. Raise the limit: ulimit -n 256.",
        ),
        (
            OSError(errno.EIO, "Input/output error"),
            3,
            "Input or output failed: Input/output error. Check what the command reads and writes.",
        ),
        (OSError(), 3, "Input or output failed: OSError. Check what the command reads and writes."),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_a_fault_of_the_system_is_one_line(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    fault: BaseException,
    code: int,
    message: str,
) -> None:
    """OSError and Ctrl-C are one line and an exit code; a broken pipe writes no line."""

    def fail_badly(*_: object, **__: object) -> int:
        raise fault

    monkeypatch.setattr("openrouter_credits.cli._demo.show_demo", fail_badly)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as out, os.fdopen(reader):
        monkeypatch.setattr(sys, "stdout", out)
        assert code == main(["demo"])

    assert ("", f"openrouter-credits: {message}\n" if message else "") == capfd.readouterr()


def test_a_reader_who_leaves_is_no_error(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the reader of standard output has left, the command ends with 0 and writes no error."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert 0 == main(["--help"])
        out.write("more")

    assert ("", "") == capfd.readouterr()


def test_closed_streams_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command ends with its exit code, although both streams are closed (`>&- 2>&-`)."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)

    assert 3 == main([])
    assert 0 == main(["--version"])
    sys.stdout.close()
    sys.stderr.close()


def test_a_stream_without_encoding_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A standard output that cannot be reconfigured, such as a notebook's, is written to as it is."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)

    assert 0 == main(["--version"])
    assert f"openrouter-credits {__version__}\n" == out.getvalue()


def test_standard_error_may_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """If standard error cannot be written to, the exit code stays the same."""

    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())

    assert 7 == fail("a line", 7)


def test_standard_error_on_a_full_disk_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that standard error refuses is not written again at the exit of the interpreter."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as err:
        monkeypatch.setattr(sys, "stderr", err)
        assert 7 == fail("a line", 7)


def test_arguments_are_the_processs_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m openrouter_credits` runs the command with the process's own arguments."""
    monkeypatch.setattr(sys, "argv", ["openrouter-credits", "--version"])
    monkeypatch.delitem(sys.modules, "openrouter_credits.__main__", raising=False)

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("openrouter_credits", run_name="__main__")

    assert 0 == ended.value.code
    assert f"openrouter-credits {__version__}\n" == capsys.readouterr().out


def test_importing_the_program_runs_nothing() -> None:
    """Importing `openrouter_credits.__main__` does not run the command."""
    assert import_module("openrouter_credits.__main__").main is main
