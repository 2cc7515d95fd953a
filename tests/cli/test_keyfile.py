"""Where `check` reads keys: key files, standard input and the comma list."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openrouter_credits import ApiKey, InvalidKeyError, KeySpec
from openrouter_credits._secrets import API_KEY_VARIABLES, MANAGEMENT_KEY_VARIABLES
from openrouter_credits.cli import _keyfile, _keylines
from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._keyfile import read_keys

if TYPE_CHECKING:
    from openrouter_credits.testing import FakeOpenRouter
    from tests.cli.conftest import Run

A, B, C = (ApiKey(f"sk-or-v1-{letter * 64}") for letter in "abc")


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Set the content of standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


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
[accounts.empty]
""")

    specs = read_keys("keys.toml")

    assert [
        KeySpec(A, "alice"),
        KeySpec(B, "bob"),
        KeySpec(A, "prod-bot", "acme", C),
        KeySpec(B, "web", "plain"),
    ] == specs
    assert ("", "") == capsys.readouterr()


def test_an_account_without_keys_is_its_management_key(keys: Path) -> None:
    """An account with a management key alone gives one key, so that its wallet is read."""
    keys.write_text(f'accounts.acme.management_key = "{C.reveal()}"')

    assert [KeySpec(C, "management key", "acme", C)] == read_keys("keys.toml")


def test_an_unset_variable_is_that_keys_outcome(keys: Path) -> None:
    """A key whose variable is not set is an InvalidKeyError that names it; the other keys are read."""
    keys.write_text(
        '[accounts.acme]\nmanagement_key = { env = "ACME" }\nkeys.bob = { env = "BOB_KEY" }\n'
        f'keys.web = "{A.reveal()}"'
    )

    bob, web = read_keys("keys.toml")

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
        spec.api_key.summary for spec in read_keys("keys.toml") if isinstance(spec.api_key, InvalidKeyError)
    ]

    assert [
        "keys.toml, line 3: The API key's character 6 of 8 (U+0020) is white space",
        "keys.toml, line 4: BOB_KEY: The API key's character 3 of 5 (U+0020) is white space",
        "keys.toml, line 6: The API key is blank",
    ] == summaries


def test_the_lines_of_a_key_file_are_read_once(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of a thousand keys does not search a thousand lines: the work for a key stays the same."""
    names: list[str] = []
    bare = _keyfile._bare

    def counted(words: str) -> str:
        names.append(words)
        return bare(words)

    monkeypatch.setattr(_keyfile, "_bare", counted)
    accounts = "".join(
        f'[accounts.a{number}]\nmanagement_key = "{B.reveal()}"\nkeys.x = "no key"\n' for number in range(500)
    )
    keys.write_text("[keys]\n" + "".join(f'k{number} = "no key"\n' for number in range(500)) + accounts)

    specs = read_keys("keys.toml")

    assert len(specs) == 1000
    assert "keys.toml, line 501: " in str(specs[499].api_key)
    assert len(names) < 10 * len(specs)


SECRET = "sk-or-v1-" + "d" * 64


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"[keys]\nalice = {SECRET}", "line 2: not a value of TOML (a key stands in quotes)"),
        (f'[keys]\nalice = "{SECRET}"\nalice = "{SECRET}"', "line 3: a name for the second time"),
        (f"[keys]\n{SECRET}", "line 2: expected = after the name"),
        (f"[keys]\n= {SECRET}", "line 2: a line that does not begin with a name"),
        (f'[keys]\nalice = "{SECRET}\n', "line 2: a character that may not stand there"),
        (f'[keys]\nalice = """{SECRET}', "line 2: a text without closing quotes"),
        (f"[keys.{SECRET}]\n[keys.{SECRET}]", "line 2: a table for the second time"),
        (f'[keys]\nalice = "{SECRET}" {SECRET}', "line 2: not TOML"),
        (f'[keys]\n{SECRET} = "alice"', "line 2: a key in the place of its name"),
        ("[keys]\nalice = 5", "line 2: neither a text nor { env = ... }"),
        ('[keys]\nalice = { env = "A", file = "B" }', "line 2: neither a text nor { env = ... }"),
        ('[keys]\nalice = { env = "" }', "line 2: neither a text nor { env = ... }"),
        ("[keys]\n[acounts.acme.keys]", "line 2: neither [keys] nor [accounts.NAME.keys]"),
        (f'\nalice = "{SECRET}"', "line 2: neither [keys] nor [accounts.NAME.keys]"),
        ("[keys]\n[[accounts]]", "line 2: accounts is not a table"),
        ("[accounts]\nacme = 5", "line 2: an account is a table"),
        ("[accounts.acme]\nkeys = 5", ": keys is not a table"),
        (
            "[accounts.acme]\nmangement_key = 5",
            "line 2: an account has management_key and keys, and nothing else",
        ),
        ("", "There are no keys in keys.toml."),
    ],
)
def test_a_malformed_file_is_named_by_file_line_and_reason(keys: Path, content: str, message: str) -> None:
    """A malformed file raises CommandError with file, line and reason; the error shows no key."""
    keys.write_text(content)

    with pytest.raises(CommandError) as caught:
        read_keys("keys.toml")

    assert message in str(caught.value)
    assert "keys.toml" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert str(caught.value).endswith(
        'A key file has [keys] and [accounts.NAME.keys] with NAME = "KEY" or NAME = { env = "VARIABLE" }.'
    )
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_file_that_is_no_text_is_named_by_its_line(keys: Path) -> None:
    """A key file that is not UTF-8 is refused with its line; a byte order mark is allowed."""
    keys.write_bytes(b"[keys]\na = '\xff'")
    with pytest.raises(CommandError, match=r"^keys\.toml, line 2: not UTF-8\."):
        read_keys("keys.toml")

    keys.write_bytes(b'\xef\xbb\xbf[keys]\r\nalice = "' + A.reveal().encode() + b'"\r\n')
    assert [KeySpec(A, "alice")] == read_keys("keys.toml")


def test_a_file_that_cannot_be_read_is_one_line(run: Run) -> None:
    """A key file that cannot be read is one line with the system's reason and a remedy, and exit code 3."""
    outcome = run("check", "nowhere.toml")

    assert (3, "") == (outcome.code, outcome.out)
    assert (
        "openrouter-credits: Cannot read nowhere.toml: No such file or directory. "
        "Name a key file, or - for standard input.\n"
    ) == outcome.err


def test_a_key_on_the_command_line_is_refused(run: Run) -> None:
    """A key on the command line is refused with 3, and the message does not repeat it."""
    outcome = run("check", SECRET)

    assert (3, "") == (outcome.code, outcome.out)
    assert SECRET not in outcome.err
    assert outcome.err.startswith("openrouter-credits: Keys are not taken from the command line")


def test_an_empty_file_name_is_one_line(run: Run) -> None:
    """An empty file name, as from an unset shell variable, is one line and exit code 3."""
    outcome = run("check", "")

    assert (3, "") == (outcome.code, outcome.out)
    assert (
        "openrouter-credits: The name of the key file is empty. Name a key file, or - for standard input.\n"
        == outcome.err
    )


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize(
    ("mode", "is_warned"), [(0o600, False), (0o640, True), (0o604, True), (0o611, False)]
)
def test_a_file_that_others_can_read_gets_a_warning(
    keys: Path, capsys: pytest.CaptureFixture[str], mode: int, is_warned: bool
) -> None:
    """A key file that others can read is used, with a warning that says how to protect it."""
    keys.write_text(f'[keys]\na = "{A.reveal()}"')
    keys.chmod(mode)

    assert [KeySpec(A, "a")] == read_keys("keys.toml")

    expected = (
        f"openrouter-credits: warning: keys.toml can be read by others (mode {mode:o}): chmod 600 keys.toml\n"
    )
    assert (expected if is_warned else "") == capsys.readouterr().err


def test_standard_input_has_a_key_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input has a KEY or NAME=KEY a line; blank lines and comments are skipped."""
    feed(monkeypatch, f"# mine\r\n{A.reveal()}\r\n\r\n bob = '{B.reveal()}' \nbad=sk-or-a b\n".encode())

    *good, bad = read_keys("-")

    assert [KeySpec(A), KeySpec(B, "bob")] == good
    assert isinstance(bad.api_key, InvalidKeyError)
    assert (
        "standard input, line 5: The API key's character 8 of 9 (U+0020) is white space"
        == bad.api_key.summary
    )


def test_bare_tokens_alone_are_all_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no line has a name, and none is a key of the usual form, each line is a key."""
    feed(monkeypatch, b"sk-odd\nmade-up\n")
    monkeypatch.setenv("OPENROUTER_API_KEYS", "bob=sk-odd,made-up")

    assert [KeySpec("sk-odd"), KeySpec("made-up")] == read_keys("-")
    assert [KeySpec("sk-odd", "bob"), KeySpec("made-up")] == read_keys(None)
    assert ("", "") == capsys.readouterr()


PEM = """-----BEGIN PRIVATE KEY-----
hunter2IBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7
-----END PRIVATE KEY-----
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{A.reveal()}\nhunter2\n", "1 of 2 lines (first: line 2)"),
        (f"{PEM}\nBearer {A.reveal()}\n", "3 of 4 lines (first: line 1)"),
        (f"'{A.reveal()}'\n{PEM}", "3 of 4 lines (first: line 2)"),
    ],
    ids=["password", "behind a certificate", "before a certificate"],
)
def test_beside_a_key_other_bare_lines_are_left_out(
    text: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If a line begins with sk-or-, bare lines that do not are left out, and counted on standard error."""
    feed(monkeypatch, text.encode())

    assert [KeySpec(A)] == read_keys("-")

    out, err = capsys.readouterr()
    assert f"openrouter-credits: warning: standard input: Left out {told}. A key begins with sk-or-" in err
    assert "hunter2" not in out + err
    assert 1 == err.count("\n")


def test_bare_lines_with_keys_inside_are_no_keys(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of YAML or JSON that have keys inside, and begin with none, are an error; none is a key."""
    feed(monkeypatch, f"openrouter:\n  - {A.reveal()}\nhunter2:\n  hunter2\n".encode())

    outcome = run("check", "-")

    assert (3, "") == (outcome.code, outcome.out)
    assert "There are no keys in standard input. Left out 4 of 4 lines (first: line 1)." in outcome.err
    assert "hunter2" not in outcome.err


def test_beside_a_key_other_items_of_a_list_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If an item of a comma list begins with sk-or-, others are left out, with a name or without."""
    value = f"{A.reveal()},DATABASE=hunter2,gpt-4o,bob={B.reveal()}"
    monkeypatch.setenv("OPENROUTER_API_KEYS", value)
    feed(monkeypatch, f"OPENROUTER_API_KEYS='{value}'\n".encode())

    for file, where in ((None, "OPENROUTER_API_KEYS"), ("-", "standard input, line 1")):
        assert [KeySpec(A), KeySpec(B, "bob")] == read_keys(file)
        out, err = capsys.readouterr()
        assert "" == out
        assert (
            f"openrouter-credits: warning: {where}: Left out 2 of 4 items (first: item 2). "
            "A key begins with sk-or-.\n"
        ) == err


DOTENV = f"""
# the shop
export OPENROUTER_API_KEY="{A.reveal()}"  # of the bot
DATABASE_URL=postgres://app:hunter2@db/app
MODEL=openai/gpt-4o
OPENAI_API_KEY=sk-proj-hunter2
SPARE='Bearer {B.reveal()}'
CERTIFICATE="-----BEGIN CERTIFICATE-----
hunter2aGVsbG8gd29ybGQ
hunter2aGVsbG8gd29ybG=
-----END CERTIFICATE-----"
OPENROUTER_KEY=
OPENROUTER_API_KEYS=made-up # a list
postgres://app:hunter2@db/app?key=sk-or-v1-1
"""
"""A `.env` file with keys of OpenRouter's and other secrets, each with `hunter2` in it."""
LEFT_OUT = (
    "openrouter-credits: warning: {}: Left out 8 of 12 lines (first: line 4). "
    "A key begins with sk-or-, or has a name such as OPENROUTER_API_KEY.\n"
)


@pytest.mark.parametrize("file", ["-", ".env"])
def test_of_a_dotenv_file_only_openrouter_s_keys_are_read(
    file: str, keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A `.env` gives OpenRouter's variables, and values that begin with sk-or-; the others are counted."""
    keys.write_text(DOTENV)
    keys.rename(".env")
    feed(monkeypatch, DOTENV.encode())

    assert [KeySpec(A, "OPENROUTER_API_KEY"), KeySpec(B, "SPARE"), KeySpec("made-up")] == read_keys(file)

    assert ("", LEFT_OUT.format("standard input" if file == "-" else file)) == capsys.readouterr()


def test_nothing_else_of_a_dotenv_file_is_sent(
    run: Run, fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check -` with a whole `.env` sends the key alone, and shows nothing of the rest."""
    key = fake.add_account(credits=400).add_key(credits_reply="real")
    feed(
        monkeypatch,
        f"OPENROUTER_API_KEY={key.reveal()}\nDATABASE_URL=postgres://app:hunter2@db/app\nA=b\n".encode(),
    )

    outcome = run("check", "-")

    assert 0 == outcome.code
    assert {str(key)} == {request.key for request in fake.requests}
    assert "Left out 2 of 3 lines (first: line 2)." in outcome.err
    assert "hunter2" not in outcome.out + outcome.err


def test_a_management_key_of_a_dotenv_file_is_that_of_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A management variable is for all keys of the file; the first name in use wins, and blank is unset."""
    feed(
        monkeypatch,
        f"OPENROUTER_PROVISIONING_KEY={B.reveal()}\nOPENROUTER_MANAGEMENT_API_KEY={C.reveal()}\n"
        f"OPENROUTER_MANAGEMENT_KEY=\nbot={A.reveal()}\nOPENROUTER_API_KEYS=x={A.reveal()},{B.reveal()}\n".encode(),
    )

    assert [
        KeySpec(A, "bot", None, C),
        KeySpec(A, "x", None, C),
        KeySpec(B, None, None, C),
    ] == read_keys("-")


def test_a_management_key_alone_is_checked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` with a management key and no other gives that key, so that its wallet is read."""
    feed(monkeypatch, f"OPENROUTER_MANAGEMENT_KEY={C.reveal()}\nMODEL=openai/gpt-4o\n".encode())

    assert [KeySpec(C, "management key", None, C)] == read_keys("-")


def test_a_management_key_that_cannot_be_one_is_named_by_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A management variable that cannot be a key is an InvalidKeyError with its line, beside the keys."""
    feed(monkeypatch, f"OPENROUTER_API_KEY={A.reveal()}\nOPENROUTER_MANAGEMENT_KEY=a b\n".encode())

    (spec,) = read_keys("-")

    assert A == spec.api_key
    assert isinstance(spec.management_key, InvalidKeyError)
    assert spec.management_key.summary.startswith("standard input, line 2: The API key's character 2 of 3")


def test_the_command_knows_the_variables_of_the_client() -> None:
    """The variables that are read from lines are those that the client reads from the environment."""
    assert (API_KEY_VARIABLES, MANAGEMENT_KEY_VARIABLES) == (
        _keylines.KEY_VARIABLES,
        _keylines.MANAGEMENT_KEY_VARIABLES,
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("{}", A.reveal()),
        ("'{}'", A.reveal()),
        ('"{}"# mine', A.reveal()),
        ("{} # mine", A.reveal()),
        ("' {} '", A.reveal()),
        ("Bearer {}", f"Bearer {A.reveal()}"),
        ("'{}' x", f"'{A.reveal()}' x"),
        ("'{}", f"'{A.reveal()}"),
        ("{}#", f"{A.reveal()}#"),
    ],
)
def test_a_value_may_have_quotes_and_a_comment(
    value: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quotes around a value, and a comment after it, are no part of the key; other characters are."""
    feed(monkeypatch, f"a={value.format(A.reveal())}\n".encode())

    (spec,) = read_keys("-")

    expected = KeySpec(text, "a")
    assert isinstance(expected.api_key, ApiKey) == isinstance(spec.api_key, ApiKey)
    assert isinstance(spec.api_key, InvalidKeyError) or expected == spec


def test_a_closed_standard_input_has_no_keys(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If standard input is closed, `check -` ends with 3 and says that there are no keys."""
    monkeypatch.setattr("sys.stdin", None)

    outcome = run("check", "-")

    assert (3, "") == (outcome.code, outcome.out)
    assert outcome.err.startswith("openrouter-credits: There are no keys in standard input.")


def test_standard_input_may_be_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input with a line that opens a table is read as a key file."""
    feed(monkeypatch, f'[keys]\nalice = "{A.reveal()}"'.encode())

    assert [KeySpec(A, "alice")] == read_keys("-")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            f"alice={SECRET}\n={SECRET}".encode(),
            "standard input, line 2: no name before the =. Each is KEY or NAME=KEY.",
        ),
        (b"\n\xff", "standard input, line 2: not UTF-8."),
        (b"", "There are no keys in standard input."),
        (b"a=b\n\nc d\n", "There are no keys in standard input. Left out 2 of 2 lines (first: line 1)."),
    ],
)
def test_malformed_standard_input_is_named_by_its_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    """Malformed standard input is one line with the line's number and no key, and exit code 3."""
    feed(monkeypatch, content)

    outcome = run("check", "--json", "-")

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert outcome.err.startswith(f"openrouter-credits: {message}")
    assert SECRET not in outcome.err


def test_the_environment_has_a_comma_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """OPENROUTER_API_KEYS holds KEY or NAME=KEY between commas; a comma at the end adds no key."""
    monkeypatch.setenv("OPENROUTER_API_KEYS", f"{A.reveal()}, bob={B.reveal()},sk-or-a b,, #c")

    *good, bad = read_keys(None)

    assert [KeySpec(A), KeySpec(B, "bob")] == good
    assert "OPENROUTER_API_KEYS, key 3: The API key's character 8 of 9 (U+0020) is white space" == getattr(
        bad.api_key, "summary", ""
    )


def test_no_keys_says_where_they_come_from(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` ends with 3 and one line that says why, if there are no keys or one has an empty name."""
    unset = run("check")
    monkeypatch.setenv("OPENROUTER_API_KEYS", f"={SECRET}")
    nameless = run("check")

    assert (3, 3) == (unset.code, nameless.code)
    assert (
        "openrouter-credits: There are no keys in OPENROUTER_API_KEYS. "
        "Name a key file, or - for standard input, or set the variable to a comma list of keys.\n"
    ) == unset.err
    assert (
        "openrouter-credits: OPENROUTER_API_KEYS, key 1: no name before the =. Each is KEY or NAME=KEY.\n"
        == nameless.err
    )
