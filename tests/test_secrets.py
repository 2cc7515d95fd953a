"""API keys are read leniently, refused with an exact reason, and never shown."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import ApiKey, ConfigurationError, InvalidKeyError
from openrouter_credits._secrets import (
    API_KEY_VARIABLES,
    MANAGEMENT_KEY_VARIABLES,
    BearerHeader,
    HiddenUrl,
    find_key,
    is_mask,
    mask,
    parse_key,
)
from tests.kit.values import KEY, MASK, OTHER_KEY


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"  {KEY}\t\r\n",
        f"\u00a0{KEY}\u00a0",
        f'"{KEY}"',
        f"'{KEY}'",
        f'  " {KEY} "\n',
        f"Bearer {KEY}",
        f"BEARER   {KEY}",
        f'"Bearer {KEY}"',
    ],
)
def test_what_is_pasted_along_is_dropped(text: str) -> None:
    """ApiKey drops white space around a key, one pair of quotes, and one leading `Bearer ` in any case."""
    assert ApiKey(text).reveal() == KEY


@pytest.mark.parametrize(
    "text",
    ["bearer-like", "bearer.x", "Bearers", "Az09-._~+/", "x=", "x==", "/", "sk"],
)
def test_a_bearer_token_is_kept_as_it_is(text: str) -> None:
    """ApiKey accepts letters, digits, `-._~+/` and `=` at the end, and drops nothing of them."""
    assert ApiKey(text).reveal() == text


@pytest.mark.parametrize(
    "text", ["", " \t\r\n", '""', '" "', "\u00a0", "Bearer", "bearer ", "Bearer\t", '"Bearer "', "' BEARER'"]
)
def test_a_blank_key_is_refused(text: str) -> None:
    """A key given as a blank text, or as the word `Bearer` alone, is an error, not a missing key."""
    with pytest.raises(InvalidKeyError, match="The API key is blank"):
        ApiKey(text)


QUOTE, BRACKET, SIGN = "a quote", "a bracket", "one that no key has"
EQUALS = "an equals sign before the end"


@pytest.mark.parametrize(
    ("inside", "code", "reason"),
    [
        (" ", "U+0020", "white space"),
        ("\r\n", "U+000D", "white space"),
        ("\u00a0", "U+00A0", "white space"),
        ("\x00", "U+0000", "a control character"),
        ("\x1b", "U+001B", "a control character"),
        ("\x7f", "U+007F", "a control character"),
        ("\u200b", "U+200B", "not ASCII"),
        ("\U0001f511", "U+1F511", "not ASCII"),
        ("\ud800", "U+D800", "not ASCII"),
        ("é", "U+00E9", "not ASCII"),
        ("\u0663", "U+0663", "not ASCII"),  # a digit of another script
        ('"', "U+0022", QUOTE),
        ("'", "U+0027", QUOTE),
        ("`", "U+0060", QUOTE),
        (",", "U+002C", "a comma"),
        (";", "U+003B", "a semicolon"),
        ("://", "U+003A", "a colon"),
        ("=", "U+003D", EQUALS),
        ("==", "U+003D", EQUALS),
        ("=,", "U+003D", EQUALS),
        ("[", "U+005B", BRACKET),
        ("}", "U+007D", BRACKET),
        (">", "U+003E", BRACKET),
        ("$", "U+0024", SIGN),
        ("*", "U+002A", SIGN),
        ("\\", "U+005C", SIGN),
    ],
)
def test_an_impossible_character_is_named_by_position_and_reason(inside: str, code: str, reason: str) -> None:
    """A key with an impossible character is an error that names position and reason and quotes nothing."""
    text = f"sk-or-v1{inside}secretsecret"

    with pytest.raises(InvalidKeyError) as caught:
        ApiKey(text)

    assert str(caught.value).startswith(f"The API key's character 9 of {len(text)} ({code}) is {reason}.")
    assert "secret" not in str(caught.value)


PASTED = {
    "two keys": (f"{KEY},{OTHER_KEY}", 74, "a comma"),
    "two lines": (f"{KEY}\n{OTHER_KEY}", 74, "white space"),
    "a JSON list": (f'["{KEY}"]', 1, BRACKET),
    "a JSON object": (f'{{"key":"{KEY}"}}', 1, BRACKET),
    "a line of an .env file": (f"OPENROUTER_API_KEY={KEY}", 19, EQUALS),
    "an exported line": (f"export OPENROUTER_API_KEY={KEY}", 7, "white space"),
    "an .env file": (f"OPENROUTER_API_KEY={KEY}\nDATABASE_URL=postgres://me:it@db/x\n", 19, EQUALS),
    "the URL of a database": ("postgres://app:hunter2@db/app", 9, "a colon"),
    "a whole header": (f"Authorization: Bearer {KEY}", 14, "a colon"),
    "quotes inside Bearer": (f'Bearer "{KEY}"', 1, QUOTE),
    "quotes in quotes": (f'""{KEY}""', 1, QUOTE),
    "two kinds of quotes": (f"'{KEY}\"", 1, QUOTE),
    "one quote": (f'{KEY}"', 74, QUOTE),
    "a quote alone": ("'", 1, QUOTE),
    "Bearer twice": (f"Bearer Bearer {KEY}", 7, "white space"),
    "a variable": ("${OPENROUTER_API_KEY}", 1, SIGN),
    "a place holder": ("<your key>", 1, BRACKET),
    "an equals sign first": (f"={KEY}", 1, EQUALS),
    "equals signs alone": ("==", 1, EQUALS),
}


@pytest.mark.parametrize(("text", "position", "reason"), PASTED.values(), ids=PASTED)
def test_what_is_more_than_a_key_is_refused(text: str, position: int, reason: str) -> None:
    """A list of keys, a line of a file, a URL and the like are refused as a key, with the place."""
    error = parse_key(text)

    assert isinstance(error, InvalidKeyError)
    assert f"character {position} of " in error.summary
    assert error.summary.endswith(f" is {reason}")


@given(st.text())
def test_a_key_that_is_accepted_is_a_bearer_token(text: str) -> None:
    """Of any text, a key is made that is a bearer token, or an error that does not quote it."""
    key = parse_key(f"sk{text}")

    if isinstance(key, ApiKey):
        assert re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", key.reveal())
        assert key == ApiKey(key.reveal())
    else:
        assert isinstance(key, InvalidKeyError)
        assert re.fullmatch(
            r"The API key's character \d+ of \d+ \(U\+[0-9A-F]{4,6}\) is [a-zA-Z ]+", key.summary
        )


def test_a_curly_quote_around_the_key_is_refused() -> None:
    """Typographic quotes around a key are refused: a text processor may have changed the key as well."""
    with pytest.raises(InvalidKeyError, match=r"character 1 of 75 \(U\+201C\) is not ASCII"):
        ApiKey(f"\u201c{KEY}\u201d")


@pytest.mark.parametrize("text", [None, KEY.encode(), [KEY]])
def test_a_key_is_a_text(text: Any) -> None:
    """A key that is not a text raises a TypeError that names its type, and does not quote its value."""
    with pytest.raises(TypeError) as caught:
        ApiKey(text)

    assert type(text).__name__ in str(caught.value)
    assert "sk-or" not in str(caught.value)


@pytest.mark.parametrize("text", [f"{KEY}\x00", [KEY]])
def test_a_refused_key_is_in_no_frame(text: Any) -> None:
    """The traceback of a refused key has no local variable of the package that holds the text of the key."""
    with pytest.raises((InvalidKeyError, TypeError)) as caught:
        ApiKey(text)
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack[1:]

    assert frames
    assert all(KEY[12:-4] not in str(frame.locals) for frame in frames)


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        (KEY, MASK),
        ("x" * 23, "***"),
        ("sk-or-v1-abcdefgh-wxyz12", "sk-or-v1-abc...yz12"),
    ],
)
def test_a_key_shows_itself_masked(text: str, mask: str) -> None:
    """A key prints as its mask, in OpenRouter's own form; a key below 24 characters prints as `***`."""
    key = ApiKey(text)

    shown = (str(key), repr(key), f"{key}", "%s" % key, f"{key!r}")  # noqa: UP031 - one of the ways
    assert shown == (mask, f"ApiKey({mask!r})", mask, mask, f"ApiKey({mask!r})")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MASK, True),
        ("***", True),
        (mask("my-own-proxy-token-12345"), True),
        (KEY, False),
        ("", False),
        ("****", False),
        (f"{MASK}.", False),
        (f"x{MASK}", False),
        (MASK[1:], False),
        ("x" * 19, False),
        (f"{'x' * 11}...{'x' * 5}", False),
    ],
)
def test_a_mask_is_told_from_a_key(text: str, expected: bool) -> None:
    """is_mask() says whether a text has the form in which a key shows itself."""
    assert is_mask(text) is expected


def test_a_log_shows_the_mask(caplog: pytest.LogCaptureFixture) -> None:
    """A log record shows the mask of a key, not the key."""
    with caplog.at_level(logging.INFO):
        logging.getLogger("user").info("using %s and %r", ApiKey(KEY), ApiKey(KEY))

    assert caplog.messages == [f"using {MASK} and ApiKey('{MASK}')"]


def test_a_key_of_a_key_is_the_key() -> None:
    """ApiKey(key) of an ApiKey returns the same object."""
    key = ApiKey(KEY)

    assert ApiKey(key) is key


def test_keys_are_equal_by_value() -> None:
    """Two keys of the same text are equal and have the same hash; a key never equals its text."""
    key = ApiKey(KEY)

    assert {key, ApiKey(f" {KEY} ")} == {key}
    assert key != ApiKey(OTHER_KEY)
    assert key != KEY


def test_a_copy_of_a_key_is_the_key() -> None:
    """A copy or deep copy of a key is the key itself: a key never changes."""
    key = ApiKey(KEY)

    assert copy.copy(key) is key
    assert copy.deepcopy([key])[0] is key


@pytest.mark.parametrize("protocol", [0, pickle.HIGHEST_PROTOCOL])
def test_a_key_does_not_pickle(protocol: int) -> None:
    """Pickling a key, in the oldest or newest protocol, raises TypeError: it must not travel by accident."""
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(ApiKey(KEY), protocol)


def test_a_key_is_no_json() -> None:
    """Writing a key as JSON raises TypeError."""
    with pytest.raises(TypeError):
        json.dumps({"key": ApiKey(KEY)})


def test_a_key_has_no_attributes_to_set() -> None:
    """A key takes no new attributes, and has no `__dict__` that a crash reporter could print."""
    key: Any = ApiKey(KEY)

    assert not hasattr(key, "__dict__")
    with pytest.raises(AttributeError):
        key.name = "x"


def test_the_header_is_sent_whole_and_shown_masked() -> None:
    """The `str` of the header, which aiohttp sends, holds the key; its `repr` is masked."""
    header = ApiKey(KEY).header

    assert isinstance(header, BearerHeader)
    assert str(header) == f"Bearer {KEY}"
    assert repr(header) == repr({"Authorization": header})[18:-1] == "'Bearer ***'"
    assert KEY[:8] not in repr(header[:20])  # rich cuts a long text before it asks for its `repr`


def test_a_url_with_a_password_is_used_whole_and_shown_masked() -> None:
    """The `str` of a hidden URL is the URL with its password; its `repr` is `***`."""
    url = HiddenUrl("http://me:secret@proxy:3128")

    assert str(url) == "http://me:secret@proxy:3128"
    assert repr(url) == "'***'"


def key_of(variables: tuple[str, ...], environ: dict[str, str]) -> ApiKey | ConfigurationError | None:
    """Read the key that the environment has, or the error that it is."""
    found = find_key(variables, environ)
    return None if found is None else found.key


ALIASES = (
    "OPENROUTER_MANAGEMENT_KEY",
    "OPENROUTER_MANAGEMENT_API_KEY",
    "OPENROUTER_PROVISIONING_KEY",
    "OPENROUTER_PROVISIONING_API_KEY",
)


@pytest.mark.parametrize(
    ("variables", "names"),
    [(API_KEY_VARIABLES, ("OPENROUTER_API_KEY", "OPENROUTER_KEY")), (MANAGEMENT_KEY_VARIABLES, ALIASES)],
)
def test_the_first_variable_that_is_not_blank_counts(
    variables: tuple[str, ...], names: tuple[str, ...]
) -> None:
    """The first variable that is not blank gives the key, in the documented order of names."""
    for first, name in enumerate(names):
        environ = dict.fromkeys(names[:first], " ") | {later: f"sk-{later}" for later in names[first:]}

        key = key_of(variables, environ)

        assert isinstance(key, ApiKey)
        assert key.reveal() == f"sk-{name}"


@pytest.mark.parametrize(
    "environ", [{}, {"OPENROUTER_API_KEY": "", "OPENROUTER_KEY": " \t"}, {"openrouter_api_key": KEY}]
)
def test_blank_variables_are_unset(environ: dict[str, str]) -> None:
    """Variables that are missing, blank or in lower case give no key and no error."""
    assert key_of(API_KEY_VARIABLES, environ) is None


def test_an_impossible_key_in_the_environment_is_told_by_its_variable() -> None:
    """The error for an impossible key in the environment starts with the name of its variable."""
    environ = {"OPENROUTER_KEY": "sk-\u201cx", "OPENROUTER_API_KEY": " "}

    error = key_of(API_KEY_VARIABLES, environ)

    assert isinstance(error, InvalidKeyError)
    assert error.summary.startswith("OPENROUTER_KEY: The API key's character 4 of 5")
    assert str(error).count(InvalidKeyError.remedy) == 1


FIRST_OF_A_FILE = ("OPENROUTER_API_KEY", "OPENROUTER_API_KEY_FILE", "OPENROUTER_KEY", "OPENROUTER_KEY_FILE")


@pytest.mark.parametrize("content", ["{}", "{}\n", "  {}  \r\nanother line", "\ufeff'{}'\n"])
def test_a_variable_may_have_the_path_of_a_file(content: str, tmp_path: Path) -> None:
    """The key stands in the first line of the file; a mark, blanks, quotes and further lines are dropped."""
    path = tmp_path / "key"
    path.write_text(content.format(KEY), encoding="utf-8")

    found = find_key(API_KEY_VARIABLES, {"OPENROUTER_API_KEY_FILE": f" {path}\n"})

    assert found == ("OPENROUTER_API_KEY_FILE", ApiKey(KEY), ())


@pytest.mark.parametrize("first", range(4))
def test_each_name_goes_before_its_file_and_both_before_the_next_name(first: int, tmp_path: Path) -> None:
    """NAME is tried first, then NAME_FILE, then the next name; those that are set and unused are shadowed."""
    path = tmp_path / "key"
    path.write_text("sk-of-a-file")
    values = {name: str(path) if name.endswith("_FILE") else "sk-of-a-variable" for name in FIRST_OF_A_FILE}
    environ = values | dict.fromkeys(FIRST_OF_A_FILE[:first], " ")

    found = find_key(API_KEY_VARIABLES, environ)

    assert found is not None
    name = FIRST_OF_A_FILE[first]
    assert (name, FIRST_OF_A_FILE[first + 1 :]) == (found.name, found.shadowed)
    assert isinstance(found.key, ApiKey)
    assert found.key.reveal() == ("sk-of-a-file" if name.endswith("_FILE") else "sk-of-a-variable")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "it is empty"),
        (b" \nsk-or-v1-x", "its first line is blank"),
        (b"sk-\xff", "it is not UTF-8"),
        (b"a" * 5000, "its first line is longer than 4096 bytes"),
    ],
)
def test_a_key_file_that_cannot_be_read_is_told_by_variable_and_path(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    """A file that is missing, empty or no text is a ConfigurationError that names variable and path."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)

    error = key_of(API_KEY_VARIABLES, {"OPENROUTER_API_KEY_FILE": str(path)})

    assert isinstance(error, ConfigurationError)
    assert error.summary == f"OPENROUTER_API_KEY_FILE: cannot read the key in {path}: {reason}"
    assert error.remedy.startswith("OPENROUTER_API_KEY_FILE must be the path of a text file")


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/", "Is a directory"), ("/dev/zero", "longer than 4096 bytes"), ("a\0b", "not a path")],
)
def test_a_path_that_leads_to_no_file_is_told(path: str, reason: str) -> None:
    """A directory, a device without end, and a text that is no path are told in one line."""
    error = key_of(API_KEY_VARIABLES, {"OPENROUTER_KEY_FILE": path})

    assert isinstance(error, ConfigurationError)
    assert reason in error.summary
    assert "OPENROUTER_KEY_FILE" in error.summary


def test_an_impossible_key_in_a_file_is_told_by_variable_and_path(tmp_path: Path) -> None:
    """The error for an impossible key in a file names variable and path, and shows nothing of the file."""
    path = tmp_path / "key"
    path.write_text("hunter2 hunter2")

    error = key_of(API_KEY_VARIABLES, {"OPENROUTER_KEY_FILE": str(path)})

    assert isinstance(error, InvalidKeyError)
    assert error.summary.startswith(f"OPENROUTER_KEY_FILE ({path}): The API key's character 8 of 15")
    assert "hunter2" not in str(error)


def test_a_key_in_the_place_of_a_path_is_not_shown() -> None:
    """The error for a key in a variable that should have a path says so, and does not show the key."""
    error = key_of(MANAGEMENT_KEY_VARIABLES, {"OPENROUTER_MANAGEMENT_KEY_FILE": KEY})

    assert isinstance(error, ConfigurationError)
    assert KEY not in str(error)
    assert str(error).endswith("Set OPENROUTER_MANAGEMENT_KEY to the key.")


def test_parsing_returns_its_errors() -> None:
    """parse_key() returns its errors, so that the frame that raises them does not hold the key."""
    assert isinstance(parse_key("sk x"), InvalidKeyError)
    assert isinstance(parse_key(None), TypeError)
