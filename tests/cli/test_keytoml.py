"""Keys in TOML: tables, and where a key may be kept instead of the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openrouter_credits import ApiKey, ConfigurationError, InvalidKeyError, KeySpec
from openrouter_credits.cli import _keytoml
from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._keyfile import read_keys
from openrouter_credits.cli._keyspecs import WholeAccount
from tests.cli.conftest import read_specs

A, B, C = (ApiKey(f"sk-or-v1-{letter * 64}") for letter in "abc")


def test_a_key_file_has_keys_and_accounts(
    keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key file gives its plain keys first, then each account's keys with the account's management key."""
    monkeypatch.setenv("BOB_KEY", B.reveal())
    keys.write_text(f"""
[keys]
alice = "{A.reveal()}"
bob = {{ env = "BOB_KEY" }}
[accounts.acme]
management_key = "{C.reveal()}"
[accounts.acme.keys]
prod-bot = "{A.reveal()}"
[accounts.plain.keys]
web = "{B.reveal()}"
""")

    specs = read_specs("keys.toml")

    assert [
        KeySpec(A, "alice"),
        KeySpec(B, "bob"),
        KeySpec(A, "prod-bot", "acme", C),
        KeySpec(B, "web", "plain"),
    ] == specs
    assert ("", "") == capsys.readouterr()


@pytest.mark.parametrize("content", ["[accounts.acme]", "[accounts.acme.keys]"])
def test_an_account_with_nothing_is_told(
    keys: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    """An account with neither a management key nor keys is left out; one line on standard error says so."""
    keys.write_text(f'[accounts.globex.keys]\nbob = "{B.reveal()}"\n{content}')

    assert [KeySpec(B, "bob", "globex")] == read_specs("keys.toml")

    reason = "the account acme has neither a management_key nor keys: nothing of it is checked."
    assert f"openrouter-credits: warning: keys.toml, line 3: {reason}\n" == capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    ["accounts.acme.management_key = '{}'", "[accounts.acme]\nmanagement_key = '{}'\n[accounts.acme.keys]"],
)
def test_an_account_without_keys_stands_for_all_of_its_keys(keys: Path, content: str) -> None:
    """An account with a management key and no keys, or an empty table of them, is a whole account."""
    keys.write_text(content.format(C.reveal()))

    assert [WholeAccount("acme", C)] == read_keys("keys.toml")


def test_a_key_in_the_name_of_a_whole_account_is_masked(keys: Path) -> None:
    """A key that stands where the name of a whole account belongs is masked, as in that of a spec."""
    keys.write_text(f'[accounts."{A.reveal()}"]\nmanagement_key = "{C.reveal()}"')

    (account,) = read_keys("keys.toml")

    assert A.reveal() not in repr(account)


def test_an_unset_variable_is_that_keys_outcome(keys: Path) -> None:
    """A key whose variable is not set is an InvalidKeyError that names it; the other keys are read."""
    keys.write_text(
        '[accounts.acme]\nmanagement_key = { env = "ACME" }\nkeys.bob = { env = "BOB_KEY" }\n'
        f'keys.web = "{A.reveal()}"'
    )

    bob, web = read_specs("keys.toml")

    assert isinstance(bob.api_key, InvalidKeyError)
    assert isinstance(web.management_key, InvalidKeyError)
    assert (
        "keys.toml: the environment variable BOB_KEY is not set. Set BOB_KEY, or write the key into the file."
        == str(bob.api_key)
    )
    assert "keys.toml, line 2: the environment variable ACME is not set" == web.management_key.summary
    assert A == web.api_key


def test_a_text_that_cannot_be_a_key_is_named_by_its_line(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that cannot be a key is an InvalidKeyError with file, line and reason; others are read."""
    monkeypatch.setenv("BOB_KEY", "sk or")
    keys.write_text(
        f'[keys]\nalice = "{A.reveal()}"\n"b o" = "sk-or v1"\nbob = {{ env = "BOB_KEY" }}\n'
        '[ accounts . "a b" . keys ]\nweb = ""\n'
    )

    summaries = [
        spec.api_key.summary for spec in read_specs("keys.toml") if isinstance(spec.api_key, InvalidKeyError)
    ]

    assert [
        "keys.toml, line 3: The API key's character 6 of 8 (U+0020) is white space",
        "keys.toml, line 4: BOB_KEY: The API key's character 3 of 5 (U+0020) is white space",
        "keys.toml, line 6: The API key is blank",
    ] == summaries


def test_the_lines_of_a_key_file_are_read_once(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of a thousand keys does not search a thousand lines: the work for a key stays the same."""
    names: list[str] = []
    bare = _keytoml._bare

    def counted(words: str) -> str:
        names.append(words)
        return bare(words)

    monkeypatch.setattr(_keytoml, "_bare", counted)
    accounts = "".join(
        f'[accounts.a{number}]\nmanagement_key = "{B.reveal()}"\nkeys.x = "no key"\n' for number in range(500)
    )
    keys.write_text("[keys]\n" + "".join(f'k{number} = "no key"\n' for number in range(500)) + accounts)

    specs = read_specs("keys.toml")

    assert len(specs) == 1000
    assert "keys.toml, line 501: " in str(specs[499].api_key)
    assert len(names) < 10 * len(specs)


SECRET = "sk-or-v1-" + "d" * 64
ONE_OF = 'line 2: expected "KEY", { env = ... }, { file = ... } or { command = [...] }'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"[keys]\nalice = {SECRET}", "line 2: expected a value after the = (put keys in quotes)"),
        (f'[keys]\nalice = "{SECRET}"\nalice = "{SECRET}"', "line 3: this name stands there twice"),
        (f"[keys]\n{SECRET}", "line 2: expected = after the name"),
        (f"[keys]\n= {SECRET}", "line 2: expected a name at the beginning"),
        (f'[keys]\nalice = "{SECRET}\n', "line 2: a character is not allowed here"),
        (f'[keys]\nalice = """{SECRET}', "line 2: the closing quotes are missing"),
        (f"[keys.{SECRET}]\n[keys.{SECRET}]", "line 2: this table stands there twice"),
        (f'[keys]\nalice = "{SECRET}" {SECRET}', "line 2: not TOML"),
        (f'[keys]\n{SECRET} = "alice"', "line 2: expected a name before the =, but a key stands there"),
        ("[keys]\nalice = 5", ONE_OF),
        ('[keys]\nalice = { env = "A", file = "B" }', ONE_OF),
        ('[keys]\nalice = { env = "" }', ONE_OF),
        ("[keys]\n[acounts.acme.keys]", "line 2: expected the tables [keys] and [accounts.NAME.keys] alone"),
        (f'\nalice = "{SECRET}"\nbob = {{ env = "BOB" }}', "line 2: expected the tables [keys] and"),
        ("[keys]\nalice = 1979-05-27", ONE_OF),
        ("[keys]\nalice = 1979-13-27", "line 2: not TOML"),
        ("[keys]\nalice = ['x']", ONE_OF),
        ("[keys]\nalice = { command = 'op read x' }", ONE_OF),
        ("[keys]\nalice = { command = [] }", ONE_OF),
        ("[keys]\nalice = { command = ['op', 5] }", ONE_OF),
        ("[keys]\nalice = { file = '' }", ONE_OF),
        ("\n[keys]\nalice = " + "7" * 10_000, "line 3: a number has too many digits"),
        ("\n[keys]\na2025 = 2025\nalice = " + "7" * 10_000, "line 4: a number has too many digits"),
        ("[keys]\n\nalice = " + "[" * 5_000, "line 3: tables or lists are nested too deeply"),
        ("[keys]\n[[accounts]]", "line 2: accounts is not a table"),
        ("[accounts]\nacme = 5", "line 2: this account is not a table"),
        ("[accounts.acme]\nkeys = 5", ": keys is not a table"),
        (
            "[accounts.acme]\nmangement_key = 5",
            "line 2: an account has management_key and keys, and nothing else",
        ),
    ],
)
def test_a_malformed_file_is_named_by_file_line_and_reason(keys: Path, content: str, message: str) -> None:
    """A malformed file raises CommandError with file, line and reason; the error shows no key."""
    keys.write_text(content)

    with pytest.raises(CommandError) as caught:
        read_specs("keys.toml")

    assert message in str(caught.value)
    assert "keys.toml" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert str(caught.value).endswith(
        'A key file has [keys] and [accounts.NAME.keys] with NAME = "KEY" or NAME = { env = "VARIABLE" }.'
    )
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_key_may_stand_in_a_file_of_its_own(keys: Path) -> None:
    """{ file = ... } is the first line of a file; its path begins in the folder of the key file."""
    folder = keys.absolute().parent / "secrets"
    folder.mkdir()
    (folder / "bob").write_text(f"{A.reveal()}\nanother line\n")
    (folder / "manager").write_text(C.reveal())
    (folder / "keys.toml").write_text(
        f'[keys]\nbob = {{ file = "bob" }}\n[accounts.acme]\nmanagement_key.file = "{folder}/manager"\n'
    )

    assert [KeySpec(A, "bob"), WholeAccount("acme", C)] == read_keys("secrets/keys.toml")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "it is empty"),
        (b"\n", "its first line is blank"),
        (b"\xff", "it is not UTF-8"),
        (b"a" * 5000, "its first line is longer than 4096 bytes"),
    ],
)
def test_a_file_that_has_no_key_is_that_keys_outcome(keys: Path, content: bytes | None, reason: str) -> None:
    """A key whose file cannot be read is an error with place and reason; nothing judges it as invalid."""
    keys.write_text(f'[keys]\nbob = {{ file = "bob" }}\nweb = "{A.reveal()}"')
    if content is not None:
        Path("bob").write_bytes(content)

    bob, web = read_specs("keys.toml")

    assert isinstance(bob.api_key, ConfigurationError)
    assert not isinstance(bob.api_key, InvalidKeyError)
    assert f"keys.toml, line 2: cannot read the key in bob: {reason}" == bob.api_key.summary
    assert A == web.api_key


def test_a_text_of_a_file_that_is_no_key_is_told(keys: Path) -> None:
    """The error for a file whose first line cannot be a key has line, path and reason."""
    keys.write_text('[keys]\nweb = { file = "web" }')
    Path("web").write_text("sk or")

    (web,) = read_specs("keys.toml")

    assert str(web.api_key).startswith("keys.toml, line 2: web: The API key's character 3 of 5")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (f"env = '{SECRET}'", "line 2: the environment variable sk-or-*** is not set."),
        (f"file = '{SECRET}'", "line 2: a key stands where the path of a file is expected."),
        (
            f"command = ['{SECRET}']",
            "line 2: the command sk-or-*** cannot be run: No such file or directory.",
        ),
    ],
)
def test_a_key_in_the_place_of_its_source_is_not_shown(keys: Path, source: str, message: str) -> None:
    """A key where a variable, a file or a program is named is that key's outcome, and is not shown."""
    keys.write_text(f"[keys]\nbob = {{ {source} }}\nweb = '{A.reveal()}'")

    bob, web = read_specs("keys.toml")

    assert f"keys.toml, {message}" in str(bob.api_key)
    assert SECRET not in str(bob.api_key)
    assert A == web.api_key


def test_a_key_may_be_what_a_command_prints(keys: Path) -> None:
    """{ command = [...] } is the first line that a program prints, without a shell; equal ones run once."""
    Path("a").write_text(A.reveal())
    Path("c").write_text(f"{C.reveal()}\nhunter2")
    command = "{ command = ['sh', '-c', 'echo x >>ran; cat c'] }"
    keys.write_text(
        "[keys]\nbob = { command = ['cat', 'a'] }\n"
        f"[accounts.acme]\nmanagement_key = {command}\n"
        f"[accounts.acme.keys]\nweb = '{B.reveal()}'\nboss = {command}\n"
    )

    specs = read_specs("keys.toml")

    expected = [KeySpec(A, "bob"), KeySpec(B, "web", "acme", C), KeySpec(C, "boss", "acme", C)]
    assert (expected, "x\n") == (specs, Path("ran").read_text())


def test_a_command_that_fails_is_that_keys_outcome(keys: Path) -> None:
    """A key whose command fails is an error with place, program and reason; the others are read."""
    keys.write_text(
        f"[keys]\nbob = {{ command = ['sh', '-c', 'echo hunter2; exit 4'] }}\nweb = '{A.reveal()}'\n"
        "odd = { command = ['echo', 'a b'] }\n"
    )

    bob, web, odd = read_specs("keys.toml")

    assert isinstance(bob.api_key, ConfigurationError)
    assert "keys.toml, line 2: the command sh failed (exit code 4)" == bob.api_key.summary
    assert "Run the command yourself to see why: what it prints is not shown here." == bob.api_key.remedy
    assert A == web.api_key
    assert str(odd.api_key).startswith("keys.toml, line 4: echo: The API key's character 2 of 3")


@pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")
def test_commands_do_not_run_from_a_file_that_others_may_write(keys: Path) -> None:
    """A command does not run if others may write the file; nothing of the file is read then."""
    keys.write_text("[keys]\nbob = { command = ['touch', 'ran'] }\n")
    keys.chmod(0o620)

    with pytest.raises(CommandError) as caught:
        read_specs("keys.toml")

    assert (
        "keys.toml, line 2: commands do not run: others may write keys.toml (mode 620). chmod go-w keys.toml"
        == str(caught.value)
    )
    assert not Path("ran").exists()


def test_nothing_runs_before_the_whole_file_is_understood(keys: Path) -> None:
    """A fault at the end of a file is told before any command of it has run."""
    keys.write_text("[keys]\nbob = { command = ['touch', 'ran'] }\nweb = 5\n")

    with pytest.raises(CommandError, match="line 3"):
        read_specs("keys.toml")

    assert not Path("ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        "[keys]",
        " [ accounts . 'a b' ] # c",
        "accounts.acme.management_key = 'x'",
        "keys = { a = 'x' }",
        "a = { env = 'A' }",
        "[[keys]]\r\n",
        "[default]\nx = 1",
    ],
)
def test_toml_is_known_by_its_tables(text: str) -> None:
    """A text with a table is TOML, and one of the names that a key file has."""
    assert _keytoml.is_toml(f"# a comment\n\n{text}")


@pytest.mark.parametrize(
    "text", ["a = 'sk-or-v1-x'", "OPENROUTER_API_KEY=x\nX='\n[section]\n'", "[sk-or-v1-x]", "[a, b]", "["]
)
def test_lines_and_lists_are_no_toml(text: str) -> None:
    """NAME=KEY lines, a list in brackets, and a `.env` file with a table in one of its values are no TOML."""
    assert not _keytoml.is_toml(text)
