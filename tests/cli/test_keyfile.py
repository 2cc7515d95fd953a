"""Where `check` reads keys: key files, standard input and the comma list."""

from __future__ import annotations

import io
import json
import os
from contextlib import redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import ApiKey, InvalidKeyError, KeySpec
from openrouter_credits._secrets import API_KEY_VARIABLES, MANAGEMENT_KEY_VARIABLES
from openrouter_credits.cli import _keyspecs
from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._keyfile import read_keys
from openrouter_credits.cli._keyspecs import WholeAccount
from tests.cli.conftest import read_specs

if TYPE_CHECKING:
    from openrouter_credits.testing import FakeOpenRouter
    from tests.cli.conftest import Run

SECRET = "sk-or-v1-" + "d" * 64
A, B, C = (ApiKey(f"sk-or-v1-{letter * 64}") for letter in "abc")


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Set the content of standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_file_that_is_no_text_is_named_by_its_line(keys: Path) -> None:
    """A key file that is not UTF-8 is refused with its line; a byte order mark is allowed."""
    keys.write_bytes(b"[keys]\na = '\xff'")
    with pytest.raises(CommandError, match=r"^keys\.toml, line 2: not UTF-8\."):
        read_specs("keys.toml")

    keys.write_bytes(b'\xef\xbb\xbf[keys]\r\nalice = "' + A.reveal().encode() + b'"\r\n')
    assert [KeySpec(A, "alice")] == read_specs("keys.toml")


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

    assert [KeySpec(A, "a")] == read_specs("keys.toml")

    expected = (
        f"openrouter-credits: warning: keys.toml can be read by others (mode {mode:o}): chmod 600 keys.toml\n"
    )
    assert (expected if is_warned else "") == capsys.readouterr().err


def test_standard_input_has_a_key_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input has a KEY or NAME=KEY a line; blank lines and comments are skipped."""
    feed(monkeypatch, f"# mine\r\n{A.reveal()}\r\n\r\n bob = '{B.reveal()}' \nbad=sk-or-a b\n".encode())

    *good, bad = read_specs("-")

    assert [KeySpec(A), KeySpec(B, "bob")] == good
    assert isinstance(bad.api_key, InvalidKeyError)
    assert (
        "standard input, line 5: The API key's character 8 of 9 (U+0020) is white space"
        == bad.api_key.summary
    )


def test_tokens_of_another_form_are_keys_where_a_name_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys that do not begin with sk-or- are taken from OpenRouter's own variables, and from TOML."""
    monkeypatch.setenv("OPENROUTER_API_KEYS", "bob=sk-odd;made-up")
    assert [KeySpec("sk-odd", "bob"), KeySpec("made-up")] == read_specs(None)

    feed(monkeypatch, b"OPENROUTER_API_KEYS=sk-odd,made-up\nOPENROUTER_KEY=odd")
    assert [KeySpec("sk-odd"), KeySpec("made-up"), KeySpec("odd", "OPENROUTER_KEY")] == read_specs("-")
    assert ("", "") == capsys.readouterr()


PEM = """-----BEGIN PRIVATE KEY-----
hunter2IBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7
-----END PRIVATE KEY-----
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{A.reveal()}\nhunter2\n", "1 of 2 values (first: line 2)"),
        (f"{PEM}\nBearer {A.reveal()}\n", "3 of 4 values (first: line 1)"),
        (f"'{A.reveal()}'\n{PEM}", "3 of 4 values (first: line 2)"),
    ],
    ids=["password", "behind a certificate", "before a certificate"],
)
def test_beside_a_key_other_bare_lines_are_left_out(
    text: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If a line begins with sk-or-, bare lines that do not are left out, and counted on standard error."""
    feed(monkeypatch, text.encode())

    assert [KeySpec(A)] == read_specs("-")

    out, err = capsys.readouterr()
    assert f"openrouter-credits: warning: standard input: Left out {told}. A key begins with sk-or-" in err
    assert "hunter2" not in out + err
    assert 1 == err.count("\n")


# What people pipe in that has no key of OpenRouter's, or has more than keys.
SERVICE_ACCOUNT = '{"type": "service_account", "private_key": "hunter2", "uris": ["hunter2"], "n": {"a": 1}}'
SCRIPT = f"#!/bin/sh\ncurl -u app:hunter2 -H 'Authorization: Bearer {SECRET}' https://hunter2@api.example\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PEM, "standard input (a PEM block). Left out 3 of 3 values (first: line 1)."),
        (SERVICE_ACCOUNT, "standard input (JSON). Left out 4 of 4 values (first: entry 1)."),
        (SCRIPT, "standard input (a script). Left out 1 of 1 values (first: line 2)."),
        (f"name,password\nhunter2,{SECRET}\n", "standard input. Left out 2 of 2 values (first: line 1)."),
        ("hunter2", "standard input. Left out 1 of 1 values (first: line 1)."),
        ("hunter2,hunter3", "standard input. Left out 1 of 1 values (first: line 1)."),
        (
            "OPENROUTER_API_KEYS=hunter2,a b=c",
            "standard input. Left out 2 of 2 values (first: line 1, key 1).",
        ),
        ("postgres://app:hunter2@db/app?key=sk-or-v1-1", "standard input. Left out 1 of 1 values"),
        (f"curl -u app:hunter2 -d key={SECRET}", "standard input. Left out 1 of 1 values"),
        ("kind: Secret\ndata:\n  key: aHVudGVyMg==\n", "standard input. Left out 3 of 3 values"),
        (
            f'[{{"Config": {{"Env": ["OPENROUTER_API_KEY={SECRET}", "X=hunter2"]}}}}]',
            "standard input (JSON).",
        ),
        ('[5, null, ["hunter2"], {"key": 5}]', "standard input (JSON). Left out 4 of 4 values"),
    ],
    ids=str,
)
def test_what_has_no_keys_is_one_line_and_nothing_of_it_is_sent(
    run: Run, fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    """Other secrets are never sent and never shown: one line says where none was a key, and what a key is."""
    feed(monkeypatch, text.encode())

    outcome = run("check", "-")

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert f"openrouter-credits: There are no keys in {message}" in outcome.err
    assert outcome.err.endswith("A key begins with sk-or-, or has a name such as OPENROUTER_API_KEY.\n")
    assert "hunter2" not in outcome.err
    assert [] == fake.requests


FORMS = {
    "commas": f"{A.reveal()},{B.reveal()}",
    "commas and line breaks": f"{A.reveal()},\n{B.reveal()},\n",
    "semicolons": f"{A.reveal()} ; {B.reveal()};",
    "blanks": f"{A.reveal()} \t{B.reveal()}",
    "lines": f"\n{A.reveal()}\n\n{B.reveal()}",
    "Windows": f"\ufeff{A.reveal()}\r\n{B.reveal()}\r\n",
    "old Macs": f"{A.reveal()}\r{B.reveal()}\r",
    "quotes around each": f"'{A.reveal()}', \"{B.reveal()}\"",
    "quotes around all": f'"{A.reveal()}, {B.reveal()}"\n',
    "quotes around lines": f"'{A.reveal()}\n{B.reveal()}'",
    "brackets": f"[{A.reveal()}, '{B.reveal()}']",
    "JSON": f'["{A.reveal()}",\n "{B.reveal()}"]',
    "JSON text": f'"{A.reveal()};{B.reveal()}"',
    "JSON objects": f'[{{"key": "{A.reveal()}", "name": null}}, {{"key": "{B.reveal()}"}}]',
    "Bearer": f'Bearer {A.reveal()}\n"bearer {B.reveal()}"',
    "a list of YAML or Markdown": f'- {A.reveal()}\n- "{B.reveal()}"  # of the bot',
    "comments": f"# mine\n{A.reveal()} # a\n  # b\n{B.reveal()}",
}
NAMED_FORMS = {
    "lines": "a={A}\nb={B}",
    "export": "export a={A}\nexport b='{B}'",
    "Windows": 'set a={A}\r\n$env:b = "{B}"',
    "YAML": "a: {A}\nb: '{B}'",
    "commas": "a={A}, b={B}",
    "blanks": 'a={A} b="{B}"',
    "quotes": "'a'={A}; 'b'='{B}'",
    "JSON": '{{"a": "{A}", "b": "{B}"}}',
    "JSON objects": '[{{"name": "a", "key": "{A}"}}, {{"name": "b", "key": "{B}"}}]',
    "JSON texts": '["a={A}", "b = {B}"]',
    "TOML": "keys.a = '{A}'\nkeys.b = '{B}'",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    ("text", "names"),
    [pytest.param(text, (None, None), id=form) for form, text in FORMS.items()]
    + [
        pytest.param(text.format(A=A.reveal(), B=B.reveal()), ("a", "b"), id=f"named, {form}")
        for form, text in NAMED_FORMS.items()
    ],
)
def test_keys_are_read_as_people_write_them(
    keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    names: tuple[str | None, str | None],
    encoding: str,
) -> None:
    """Lists of all usual forms give the same keys, from a file and from standard input."""
    keys.write_bytes(text.encode(encoding))
    feed(monkeypatch, text.encode(encoding))
    expected = [KeySpec(A, names[0]), KeySpec(B, names[1])]

    assert (expected, expected) == (read_specs("keys.toml"), read_specs("-"))
    assert ("", "") == capsys.readouterr()


@pytest.mark.parametrize(
    "form", [form for form in FORMS if form not in ("JSON objects", "a list of YAML or Markdown", "comments")]
)
def test_the_variable_takes_the_same_lists(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """OPENROUTER_API_KEYS has a list of any usual form."""
    monkeypatch.setenv("OPENROUTER_API_KEYS", FORMS[form].lstrip("\ufeff"))

    assert [KeySpec(A), KeySpec(B)] == read_specs(None)


def test_lines_within_quotes_are_counted_from_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blank lines, and quotes around the whole text, change no line's number."""
    feed(monkeypatch, f"\n'\n{A.reveal()}\nb = sk-or-!'".encode())

    assert str(read_specs("-")[1].api_key).startswith("standard input, line 4: The API key's character 7")


def test_one_bare_key_is_a_file(keys: Path) -> None:
    """A file with one key and nothing else gives that key."""
    keys.write_text(A.reveal())

    assert [KeySpec(A)] == read_specs("keys.toml")


def test_a_value_may_be_a_list_and_take_several_lines(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a `.env` file a quoted list may take several lines; variables in values are not replaced."""
    keys.write_text(f'KEYS="{A.reveal()},\n{B.reveal()}"\nX=${{OPENROUTER_API_KEY}}\nY="${{KEYS}}"\n')

    assert [KeySpec(A), KeySpec(B)] == read_specs("keys.toml")
    assert "Left out 2 of 4 values (first: line 3)." in capsys.readouterr().err


def test_a_quote_without_its_partner_hides_no_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A value that begins with a quote, as `env` may print it, does not hide keys on the lines after it."""
    feed(monkeypatch, f'\nPS1="> \nA={A.reveal()}\n\nX="hunter2"\nb=sk-or-!'.encode())

    key, bad = read_specs("-")

    assert KeySpec(A, "A") == key
    assert str(bad.api_key).startswith("standard input, line 6: The API key's character 7")
    assert "Left out 2 of 4 values (first: line 2)." in capsys.readouterr().err


def test_a_quote_at_the_beginning_of_a_line_hides_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quote alone begins no name of several lines, though one follows with an equals sign."""
    feed(monkeypatch, f"'\nA={A.reveal()}\n{B.reveal()}\nx'=\n".encode())

    assert [KeySpec(A, "A"), KeySpec(B)] == read_specs("-")


@pytest.mark.parametrize("count", [3, 40])
def test_many_quotes_without_partners_end(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Lines of quotes that hide each other are read to a depth, and the keys before and after them anyway."""
    marks = ("'", '"')
    quotes = "".join(f"a{number}={marks[number % 2]}x\n" for number in range(count))
    feed(monkeypatch, f"{A.reveal()}\n{quotes}y\" z' .\n{B.reveal()}\n".encode())

    assert [KeySpec(A), KeySpec(B)] == read_specs("-")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"prod": A, "key": B}, {"prod": A, "key": B}),
        ({"key": A, "OPENROUTER_API_KEY": B}, {"key": A, "OPENROUTER_API_KEY": B}),
        ({"key": A, "name": "bob", "n": 1, "x": "hunter2"}, {"bob": A}),
        ([{"key": A, "name": "bob"}, {"c": B, "key": "hunter2", "d": None}], {"bob": A, "c": B}),
    ],
)
def test_an_object_with_the_name_key_hides_no_other_key(
    document: Any, expected: dict[str, ApiKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object is one key with its name, unless another of its values is a key: then it names keys."""
    feed(monkeypatch, json.dumps(document, default=ApiKey.reveal).encode())

    assert expected == {spec.name: spec.api_key for spec in read_specs("-")}


def test_two_equal_names_of_an_object_are_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In JSON as in TOML, a name that stands twice is an error: one of the keys would be lost."""
    feed(monkeypatch, f'{{"bob": "{SECRET}", "bob": "{A.reveal()}"}}'.encode())

    outcome = run("check", "-")

    assert (3, "") == (outcome.code, outcome.out)
    assert outcome.err.startswith(
        "openrouter-credits: standard input: a name stands twice in an object. Write "
    )


@pytest.mark.parametrize("sign", ["#", "//"])
@pytest.mark.parametrize(
    "form",
    [
        "{A} % {C}, {C}\n{B} % bob, {C}",
        "KEYS='{A} % alice\n% old; {C}\n{B}  % {C} {C}'",
        "OPENROUTER_API_KEYS='\n% {C}, x={C}\n{A}, % alice\n{B}'",
        "[\n  '{A}', % alice, {C}\n  % '{C}',\n  '{B}' % {C}\n]",
    ],
)
def test_a_key_in_a_comment_is_not_read(form: str, sign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands behind # or // is no key, in lists of several lines and behind a comma too."""
    text = form.replace("%", sign).format(A=A.reveal(), B=B.reveal(), C=C.reveal())
    feed(monkeypatch, text.encode())

    assert [A, B] == [spec.api_key for spec in read_specs("-")]


@pytest.mark.parametrize("form", ["{A}%x", "K={A}%x", "OPENROUTER_API_KEYS='Bearer%x,{A}%x'"])
def test_a_million_blanks_are_read_at_once(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks that lead to no comment are not looked through again and again, which would take hours."""
    feed(monkeypatch, form.format(A=A.reveal()).replace("%", " " * 1_000_000).encode())

    *_, spec = read_specs("-")

    assert "white space" in str(spec.api_key)


def test_a_part_of_a_list_is_named_by_line_and_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of a list that cannot be one is named by its line and its number in the line."""
    feed(monkeypatch, f"\n\r\n  KEYS='{A.reveal()},sk-or-!'".encode())

    assert str(read_specs("-")[1].api_key).startswith(
        "standard input, line 3, key 2: The API key's character 7"
    )


def test_beside_a_key_other_items_of_a_list_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If an item of a comma list begins with sk-or-, others are left out, with a name or without."""
    value = f"{A.reveal()},DATABASE=hunter2,gpt-4o,bob={B.reveal()}"
    monkeypatch.setenv("OPENROUTER_API_KEYS", value)
    feed(monkeypatch, f"OPENROUTER_API_KEYS='{value}'\n".encode())

    for file, where, first in (
        (None, "OPENROUTER_API_KEYS", "key 2"),
        ("-", "standard input", "line 1, key 2"),
    ):
        assert [KeySpec(A), KeySpec(B, "bob")] == read_specs(file)
        out, err = capsys.readouterr()
        assert "" == out
        assert (
            f"openrouter-credits: warning: {where}: Left out 2 of 4 values (first: {first}). "
            "A key begins with sk-or-, or has a name such as OPENROUTER_API_KEY.\n"
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
    "openrouter-credits: warning: {}: Left out 5 of 8 values (first: line 4). "
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

    assert [KeySpec(A, "OPENROUTER_API_KEY"), KeySpec(B, "SPARE"), KeySpec("made-up")] == read_specs(file)

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
    assert "Left out 2 of 3 values (first: line 2)." in outcome.err
    assert "hunter2" not in outcome.out + outcome.err


def test_a_management_key_of_a_dotenv_file_is_that_of_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A management variable is for all keys of the file; the first name in use wins, and blank is unset."""
    feed(
        monkeypatch,
        f"OPENROUTER_PROVISIONING_KEY={B.reveal()}\nOPENROUTER_MANAGEMENT_API_KEY={C.reveal()}\n"
        f"OPENROUTER_MANAGEMENT_KEY=\nbot={A.reveal()}\nOPENROUTER_API_KEYS=x={A.reveal()},{B.reveal()}\n".encode(),
    )

    assert [
        KeySpec(A, "bot", "standard input", C),
        KeySpec(A, "x", "standard input", C),
        KeySpec(B, None, "standard input", C),
    ] == read_specs("-")


def test_a_management_key_alone_stands_for_all_keys_of_its_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` with a management key and no other is a whole account, with the name of its place."""
    feed(monkeypatch, f"OPENROUTER_MANAGEMENT_KEY={C.reveal()}\nMODEL=openai/gpt-4o\n".encode())

    assert [WholeAccount("standard input", C)] == read_keys("-")


def test_a_management_key_that_cannot_be_one_is_named_by_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A management variable that cannot be a key is an InvalidKeyError with its line, beside the keys."""
    feed(monkeypatch, f"OPENROUTER_API_KEY={A.reveal()}\nOPENROUTER_MANAGEMENT_KEY=a b\n".encode())

    (spec,) = read_specs("-")

    assert A == spec.api_key
    assert isinstance(spec.management_key, InvalidKeyError)
    assert spec.management_key.summary.startswith("standard input, line 2: The API key's character 2 of 3")


def test_the_command_knows_the_variables_of_the_client() -> None:
    """The variables that are read from lines are those that the client reads from the environment."""
    assert (API_KEY_VARIABLES, MANAGEMENT_KEY_VARIABLES) == (
        _keyspecs.KEY_VARIABLES,
        _keyspecs.MANAGEMENT_KEY_VARIABLES,
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

    (spec,) = read_specs("-")

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

    assert [KeySpec(A, "alice")] == read_specs("-")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            f"alice={SECRET}\n={SECRET}".encode(),
            "standard input, line 2: no name before the =. Each is KEY or NAME=KEY.",
        ),
        (b"\n\xff", "standard input, line 2: not UTF-8."),
        (b"", "There are no keys in standard input."),
        (b"a=b\n\nc d\n", "There are no keys in standard input. Left out 2 of 2 values (first: line 1)."),
        (b"sk-\n\0", "standard input, line 2: a NUL character, so this is no text."),
        (b"\xff\xfea", "standard input, line 1: not UTF-16."),
        (b"x" * (16 * 2**20 + 1), "standard input has more than 16 MiB."),
        (b'{"a":\nsk', "standard input, line 2: not JSON (Expecting value)."),
        (b'{"a":' * 100_000, "standard input: the JSON is nested too deeply."),
    ],
    ids=range(9),
)
def test_malformed_standard_input_is_named_by_its_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    """Malformed standard input is one line with the line's number and no key, and exit code 3."""
    feed(monkeypatch, content)

    outcome = run("check", "-")

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert outcome.err.startswith(f"openrouter-credits: {message}")
    assert SECRET not in outcome.err


def test_the_environment_has_a_comma_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """OPENROUTER_API_KEYS holds KEY or NAME=KEY between commas; a comma at the end adds no key."""
    monkeypatch.setenv("OPENROUTER_API_KEYS", f"{A.reveal()}, bob={B.reveal()},sk-or-a b,, #c")

    *good, bad = read_specs(None)

    assert [KeySpec(A), KeySpec(B, "bob")] == good
    assert "OPENROUTER_API_KEYS, key 3: The API key's character 8 of 9 (U+0020) is white space" == getattr(
        bad.api_key, "summary", ""
    )


def test_no_keys_says_where_they_come_from(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` ends with 3 and one line that says why, if there are no keys or one has an empty name."""
    unset = run("check")
    monkeypatch.setenv("OPENROUTER_API_KEYS", f"={SECRET}")
    nameless = run("check")
    monkeypatch.setenv("OPENROUTER_API_KEYS", " ,\n")
    blank = run("check")
    monkeypatch.setenv("OPENROUTER_API_KEYS", PEM)
    other = run("check")

    assert {3} == {unset.code, nameless.code, blank.code, other.code}
    assert (
        "openrouter-credits: There are no keys in OPENROUTER_API_KEYS or OPENROUTER_API_KEY. "
        "Name a key file, or - for standard input, or set one of these variables.\n"
    ) == unset.err
    assert (
        "openrouter-credits: OPENROUTER_API_KEYS, key 1: no name before the =. Each is KEY or NAME=KEY.\n"
        == nameless.err
    )
    assert blank.err.startswith("openrouter-credits: There are no keys in OPENROUTER_API_KEYS. ")
    assert other.err.startswith(
        "openrouter-credits: There are no keys in OPENROUTER_API_KEYS. Left out 3 of 3"
    )
    assert "hunter2" not in other.err


# The environment.


def test_keys_of_the_environment_share_its_management_key(
    fake: FakeOpenRouter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` reads the wallet of the keys in OPENROUTER_API_KEYS with OPENROUTER_MANAGEMENT_KEY."""
    account = fake.add_account(credits="100.50", usage="25.75")
    one, other = account.add_key(name="one"), account.add_key(name="other")
    monkeypatch.setenv("OPENROUTER_API_KEYS", f"one={one.reveal()},other={other.reveal()}")
    monkeypatch.setenv("OPENROUTER_PROVISIONING_KEY", account.add_key(management=True).reveal())

    outcome = run("check", "--json")

    document = json.loads(outcome.out)
    assert (0, "") == (outcome.code, outcome.err)
    assert [("environment", [0, 1])] == [(each["account"], each["checks"]) for each in document["wallets"]]
    assert ["74.75", "74.75"] == [str(each["spendable"]["amount"]) for each in document["checks"]]


def test_a_key_of_the_environment_may_be_of_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A management key that only stands beside a key is doubted; one that is declared in TOML is not."""
    monkeypatch.setenv("OPENROUTER_API_KEYS", A.reveal())
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", C.reveal())
    (of_variable,) = read_specs(None)
    feed(monkeypatch, f"OPENROUTER_API_KEY={A.reveal()}\nOPENROUTER_MANAGEMENT_KEY={C.reveal()}".encode())
    (of_lines,) = read_specs("-")
    feed(monkeypatch, f"[accounts.a]\nmanagement_key='{C.reveal()}'\nkeys.b='{A.reveal()}'".encode())
    (of_toml,) = read_specs("-")

    assert KeySpec(A, None, "environment", C) == of_variable
    assert (True, True, False) == (of_variable._assumed, of_lines._assumed, of_toml._assumed)


def test_the_management_key_of_a_file_has_the_files_name_as_account(keys: Path) -> None:
    """The account of a file's keys has the name of the file, without its folder."""
    keys.write_text(f"OPENROUTER_API_KEY={A.reveal()}\nOPENROUTER_MANAGEMENT_KEY={C.reveal()}")

    assert [KeySpec(A, "OPENROUTER_API_KEY", "keys.toml", C)] == read_specs(str(keys.absolute()))


@pytest.mark.parametrize("is_file", [False, True])
@pytest.mark.parametrize("name", ["OPENROUTER_API_KEY", "OPENROUTER_KEY"])
def test_without_a_list_the_one_key_is_checked(
    keys: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_file: bool
) -> None:
    """`check` without a file and without OPENROUTER_API_KEYS takes the key that `status` takes."""
    keys.write_text(f"{A.reveal()}\nanother line")
    value = {f"{name}_FILE": "keys.toml"} if is_file else {name: A.reveal()}
    for variable, text in value.items():
        monkeypatch.setenv(variable, text)

    assert [KeySpec(A, name)] == read_specs(None)


def test_a_management_key_alone_in_the_environment_is_checked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` with OPENROUTER_MANAGEMENT_KEY alone reads its wallet."""
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", C.reveal())

    assert [KeySpec(C, "management key", "environment", C)] == read_specs(None)


def test_an_impossible_key_of_the_environment_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A variable that cannot be a key is that key's outcome, and names the variable."""
    monkeypatch.setenv("OPENROUTER_KEY", "a b")
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", "c d")

    (spec,) = read_specs(None)

    assert str(spec.api_key).startswith("OPENROUTER_KEY: The API key's character 2 of 3")
    assert str(spec.management_key).startswith("OPENROUTER_MANAGEMENT_KEY: The API key's character 2 of 3")


def test_a_list_may_stand_in_a_file(
    keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """OPENROUTER_API_KEYS_FILE is the path of a file with the list; OPENROUTER_API_KEYS goes before it."""
    monkeypatch.setenv("OPENROUTER_API_KEYS_FILE", "keys.toml")
    keys.write_text(f"# ours\n{A.reveal()}\nbob={B.reveal()}\n")
    assert [KeySpec(A), KeySpec(B, "bob")] == read_specs(None)

    monkeypatch.setenv("OPENROUTER_API_KEYS", C.reveal())
    assert [KeySpec(C)] == read_specs(None)
    assert ("", "") == capsys.readouterr()


@pytest.mark.parametrize(
    ("variable", "path", "message"),
    [
        (
            "OPENROUTER_API_KEYS_FILE",
            "nowhere",
            "OPENROUTER_API_KEYS_FILE: cannot read nowhere: No such file or directory.",
        ),
        (
            "OPENROUTER_API_KEYS_FILE",
            "/dev/zero",
            "OPENROUTER_API_KEYS_FILE (/dev/zero) has more than 16 MiB.",
        ),
        ("OPENROUTER_API_KEYS_FILE", SECRET, "OPENROUTER_API_KEYS_FILE: a key stands where the path"),
        (
            "OPENROUTER_KEY_FILE",
            "nowhere",
            "OPENROUTER_KEY_FILE: cannot read the key in nowhere: No such file or directory.",
        ),
        (
            "OPENROUTER_KEY_FILE",
            SECRET,
            "OPENROUTER_KEY_FILE: a key stands where the path of a file is expected.",
        ),
        ("OPENROUTER_MANAGEMENT_KEY_FILE", "/", "OPENROUTER_MANAGEMENT_KEY_FILE: cannot read the key in /"),
    ],
)
def test_a_variable_with_a_wrong_path_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, path: str, message: str
) -> None:
    """A path that leads to no key is one line that names the variable and the path, and exit code 3."""
    monkeypatch.setenv(variable, path)

    outcome = run("check")

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert outcome.err.startswith(f"openrouter-credits: {message}")
    assert SECRET not in outcome.err


# The argument.


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (f"bob={SECRET}", "Keys are not taken from the command line"),
        (f"{SECRET},{SECRET}", "Keys are not taken from the command line"),
        (f"'{SECRET}'", "Keys are not taken from the command line"),
        ("a;sk-or-short", "Keys are not taken from the command line"),
        (f"Bearer {SECRET}", "Keys are not taken from the command line"),
        ("https://user:hunter2@x.example/keys", "The argument is a URL, not a file of this machine."),
        (" ", "The name of the key file is empty."),
        ("/", "Cannot read /: Is a directory."),
        ("a\0b", "Cannot read a?b: not a path."),
        ("/dev/zero", "/dev/zero has more than 16 MiB."),
        ("x" * 5000, f"Cannot read {'x' * 200}...: File name too long."),
    ],
)
def test_an_argument_that_is_no_key_file_is_one_line(run: Run, argument: str, message: str) -> None:
    """An argument that is a key, a URL, a folder or an endless device is one line with a remedy."""
    outcome = run("check", argument)

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert outcome.err.startswith(f"openrouter-credits: {message}")
    assert SECRET not in outcome.err
    assert "hunter2" not in outcome.err


def test_a_pipe_is_a_file_without_commands(keys: Path) -> None:
    """A pipe that is named as a file, as `<(...)` does, is read; its commands do not run."""
    content = b"[keys]\nbob = { command = ['touch', 'ran'] }"
    source, sink = os.pipe()
    os.write(sink, content)
    os.close(sink)
    try:
        with pytest.raises(CommandError, match="commands run only from a key file that is named"):
            read_specs(f"/dev/fd/{source}")
    finally:
        os.close(source)

    assert not Path("ran").exists()


@given(
    st.lists(
        st.one_of(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
            st.sampled_from(
                [
                    "OPENROUTER_API_KEYS=",
                    "\n",
                    "'",
                    '"',
                    "=",
                    ",",
                    "[",
                    "{",
                    "sk-or-v1-x",
                    "a=",
                    "#",
                    "export ",
                ]
            ),
        ),
        max_size=12,
    ),
)
def test_any_text_gives_keys_or_one_line(pieces: list[str]) -> None:
    """Any text gives keys that begin with sk-or- or have our name, or an error of one line."""
    with pytest.MonkeyPatch.context() as monkeypatch, redirect_stderr(io.StringIO()):
        feed(monkeypatch, "".join(pieces).encode())
        try:
            specs = read_specs("-")
        except CommandError:
            return
    for spec in specs:
        is_ours = "OPENROUTER_API_KEYS" in "".join(pieces)
        assert is_ours or not isinstance(spec.api_key, ApiKey) or spec.api_key.reveal().startswith("sk-or-")
