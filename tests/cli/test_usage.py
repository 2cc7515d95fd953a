"""Wrong usage: one line with the remedy, which never repeats what may be a key."""

from __future__ import annotations

from pathlib import Path

import pytest
from cyclopts import CycloptsError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openrouter_credits.cli._usage import explain
from tests.cli.conftest import Run

SECRET = "sk-or-v1-" + "d" * 64
NO_KEYS = (
    "openrouter-credits: Keys are not taken from the command line: other users of the machine and the "
    "shell's history see them. Set the environment variable OPENROUTER_API_KEY, "
    "or name a file of keys: openrouter-credits check FILE.\n"
)
NO_KEYS_OF_ACCOUNT = (
    "openrouter-credits: Keys are not taken from the command line: other users of the machine and the "
    "shell's history see them. Set the environment variable OPENROUTER_MANAGEMENT_KEY to the management key, "
    "and give the name or the hash of any other key.\n"
)
QUOTES = "in quotes, if it has blanks"
KEY_COMMANDS = "list, create, disable, enable, limit, delete"
COMMANDS = "status, check, watch, history, keys, require, demo, fake, completion"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("stauts", "There is no command 'stauts'. Did you mean status?"),
        ("Check", "There is no command 'Check'. Did you mean check?"),
        ("help chekc", "There is no command 'chekc'. Did you mean check?"),
        ("halp", "There is no command 'halp'. Did you mean help?"),
        ("help halp", "There is no command 'halp'. Did you mean help?"),
        ("verison", "There is no command 'verison'. Did you mean version?"),
        ("balance", f"There is no command 'balance'. The commands are {COMMANDS}."),
        ("-- demo2", "There is no command 'demo2'. Did you mean demo?"),
        ("-5", f"There is no command '-5'. The commands are {COMMANDS}."),
        ("--jsno", "There is no option '--jsno'. Did you mean --json?"),
        ("--JSON", "There is no option '--JSON'. Did you mean --json?"),
        ("--no-json", "There is no option '--no-json'. Did you mean --json?"),
        ("--keyonly", "There is no option '--keyonly'. Did you mean --key-only?"),
        ("--keys-only", "There is no option '--keys-only'. Did you mean --key-only?"),
        ("--hlep", "There is no option '--hlep'. Did you mean --help?"),
        ("--versoin", "There is no option '--versoin'. Did you mean --version?"),
        (
            "--install-completoin",
            "There is no option '--install-completoin'. Did you mean --install-completion?",
        ),
        ("--check", "There is no option '--check'. Did you mean check?"),
        ("-check", "There is no option '-check'. Did you mean check?"),
        ("--help=check", "--help takes no value: it is there or not."),
        ("-h=1", "-h takes no value: it is there or not."),
        ("--version=1", "--version takes no value: it is there or not."),
        ("--colour", "There is no option '--colour'."),
        ("-x", "There is no option '-x'."),
        ("--jsonl", "--jsonl is an option of check, not of status."),
        ("status json", "There is no argument 'json'. Did you mean --json?"),
        ("status now", "status takes no argument: 'now' is too many."),
        ("--json check", "The command comes first: openrouter-credits check [OPTIONS]."),
        ("status -", "Only check and watch read standard input: openrouter-credits check -."),
        ("--critical", "--critical needs a value."),
        ("--json --json", "--json is given twice."),
        ("--warn 1 --warn 2", "--warn is given twice."),
        ("--json=maybe", "--json takes no value: it is there or not."),
    ],
)
def test_wrong_usage_names_what_was_meant(run: Run, arguments: str, line: str) -> None:
    """A mistyped command or option is answered with the nearest one, and with where to look."""
    topic = " status" if arguments.startswith("status") else ""
    expected = f"openrouter-credits: {line} See openrouter-credits{topic} --help.\n"

    assert (3, "", expected) == run(*arguments.split())


@pytest.mark.parametrize(
    ("arguments", "line", "topic"),
    [
        ("check --oneline", "--oneline is an option of status, not of check.", "check"),
        ("watch --key-only", "--key-only is an option of status, not of watch.", "watch"),
        ("check --rats 3", "check has no option '--rats'. Did you mean --rate?", "check"),
        ("check a.toml b.toml", "check takes one FILE: 'b.toml' is too many.", "check"),
        ("check - -", "check takes one FILE: '-' is too many.", "check"),
        ("check a.toml -", "check takes one FILE: '-' is too many.", "check"),
        ("check --help=1", "--help takes no value: it is there or not.", "check"),
        ("completion bash zsh", "completion takes one SHELL: 'zsh' is too many.", "completion"),
        ("check --rate", "--rate needs a value.", "check"),
        ("keys create", "keys create needs NAME.", "keys create"),
        ("keys limit bot", "keys limit needs AMOUNT.", "keys limit"),
        (
            "keys delete a b",
            f"keys delete takes one NAME ({QUOTES}): 'b' is too many.",
            "keys delete",
        ),
        (
            "keys limit a 5 6",
            f"keys limit takes NAME and AMOUNT (NAME {QUOTES}): '6' is too many.",
            "keys limit",
        ),
        ("keys crate bot", "There is no command 'crate'. Did you mean keys create?", "keys"),
        ("keys --jsno", "keys has no option '--jsno'. Did you mean --json?", "keys"),
        ("keys list now", "keys list takes no argument: 'now' is too many.", "keys list"),
        (
            "keys create a --limt 3",
            "keys create has no option '--limt'. Did you mean --limit?",
            "keys create",
        ),
        ("keys delete a --json", "--json is an option of status, not of keys delete.", "keys delete"),
        (
            "keys --all create a",
            "The command comes first: openrouter-credits keys create [OPTIONS].",
            "keys",
        ),
        (
            "keys balance",
            f"There is no command 'balance'. The commands of keys are {KEY_COMMANDS}.",
            "keys",
        ),
        ("keys json", "There is no argument 'json'. Did you mean --json?", "keys"),
        ("completion tcsh", "The shells are bash, zsh, fish and powershell.", "completion"),
        (
            "--install-completion --shell tcsh",
            "The shells are bash, zsh, fish and powershell.",
            "completion",
        ),
    ],
)
def test_wrong_usage_of_a_command_points_to_its_help(run: Run, arguments: str, line: str, topic: str) -> None:
    """The line about a command's options says where that command's help is."""
    expected = f"openrouter-credits: {line} See openrouter-credits {topic} --help.\n"

    assert (3, "", expected) == run(*arguments.split())


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--warn", "3", "--critical", "5"], "--warn 3 is below --critical 5: give both."),
        (["check", "--critical", "30"], "--warn 10 is below --critical 30: give both."),
        (["--json", "--oneline"], "--json and --oneline exclude each other."),
        (["check", "--json", "--jsonl"], "--json and --jsonl exclude each other."),
        (["keys", "--warn", "3", "--critical", "5"], "--warn 3 is below --critical 5: give both."),
        (
            ["keys", "limit", "bot", "much"],
            "AMOUNT takes US dollars from 0, such as 30 or $1,000.50, or none, not 'much'.",
        ),
    ],
)
def test_options_that_contradict_each_other(run: Run, arguments: list[str], line: str) -> None:
    """Options that contradict each other are one line that names both."""
    assert (3, "", f"openrouter-credits: {line}\n") == run(*arguments)


def test_a_file_without_a_command_is_told_the_command(run: Run, keys: Path) -> None:
    """The name of a file that exists is answered with the command that reads key files."""
    expected = (
        "openrouter-credits: There is no command 'keys.toml'. For a key file: openrouter-credits check FILE. "
        "See openrouter-credits --help.\n"
    )

    assert (3, "", expected) == run(str(keys))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--api-key", "hunter2"],
        ["--api-key=hunter2"],
        ["--api_key", "hunter2"],
        ["--key", "hunter2"],
        ["check", "--key", "hunter2"],
        ["-k", "hunter2"],
        ["-k=hunter2"],
        ["--token", "hunter2"],
        ["--openrouter-api-key", "hunter2"],
        ["--bearer", "hunter2"],
        ["--password", "hunter2"],
        ["OPENROUTER_API_KEY=hunter2"],
        ["OPENROUTER_API_KEYS=hunter2"],
        ["export OPENROUTER_API_KEY=hunter2"],
        ["check", "OPENROUTER_KEY=hunter2"],
        [SECRET],
        ["sk-or-v1-hunter2"],
        [f"'{SECRET}'"],
        [f"Bearer {SECRET}"],
        [f"alice={SECRET}"],
        [f"{SECRET},{SECRET}"],
        [f'["{SECRET}"]'],
        [f"--{SECRET}"],
        [f"--key={SECRET}"],
        ["check", SECRET],
        ["check", "--", SECRET],
        ["status", SECRET],
        ["--warn", SECRET],
        ["stauts", SECRET],
    ],
)
def test_a_key_on_the_command_line_is_refused(run: Run, arguments: list[str]) -> None:
    """A key is refused with the environment variable to set, and nothing of it is repeated."""
    assert (3, "", NO_KEYS) == run(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["keys", SECRET],
        ["keys", "--token", "hunter2"],
        ["keys", "list", "--api-key", "hunter2"],
        ["keys", "disable", SECRET],
        ["keys", "create", SECRET],
        ["keys", "limit", SECRET, "5"],
        ["keys", "create", "bot", "--write-to", SECRET],
    ],
)
def test_a_key_among_the_keys_is_meant_by_its_name(run: Run, arguments: list[str]) -> None:
    """Commands below `keys` name the variable that they read, and how to mean a key of the account."""
    assert (3, "", NO_KEYS_OF_ACCOUNT) == run(*arguments)


@pytest.mark.parametrize("option", ["--management-key", "--manager-token", "OPENROUTER_MANAGEMENT_KEY=x"])
def test_a_management_key_is_told_its_own_variable(run: Run, option: str) -> None:
    """A management key is answered with the variable of management keys."""
    expected = NO_KEYS.replace("OPENROUTER_API_KEY", "OPENROUTER_MANAGEMENT_KEY")

    assert (3, "", expected) == run(option, "hunter2")


@pytest.mark.parametrize("start", ["", "--", "status ", "check a ", "--json "])
@pytest.mark.parametrize("secret", ["a1" * 16, "A" * 25, "ghp_0123456789"])
def test_what_may_be_a_key_is_not_repeated(run: Run, start: str, secret: str) -> None:
    """An argument that is long, or has digits, is not repeated, not even in parts."""
    outcome = run(*f"{start}{secret}".split())

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert "not shown: it may be a key" in outcome.err
    assert secret[:4] not in outcome.err


def test_an_error_that_nobody_foresaw_repeats_nothing() -> None:
    """The parser's own text, which may quote arguments, is never shown."""
    expected = "The arguments cannot be understood. See openrouter-credits --help."

    assert expected == explain(CycloptsError(msg=SECRET), {})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(["--warn", "--json", "--", "-", "--rate", "--key-only", "--x=", "-1", SECRET]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_arguments_are_answered_in_one_line(run: Run, arguments: list[str]) -> None:
    """Arguments of any kind end with help or with one line; none is called a fault of this program."""
    outcome = run("--nonsense", *arguments)

    assert outcome.code in (0, 3)
    assert (outcome.code == 3) == (outcome.err.count("\n") == 1)
    assert "maintainers" not in outcome.err
    assert SECRET not in outcome.err
