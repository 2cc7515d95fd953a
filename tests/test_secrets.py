"""Keys are read leniently, refused precisely, and never shown."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback

import pytest

from openrouter_credits import ApiKey, InvalidKeyError
from openrouter_credits._secrets import (
    API_KEY_VARIABLES,
    MANAGEMENT_KEY_VARIABLES,
    BearerHeader,
    HiddenUrl,
    key_from_environment,
    parse_key,
)
from tests.kit.values import KEY, MASK, OTHER_KEY


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"{KEY}\n",
        f"{KEY}\r\n",
        f"  {KEY}\t",
        f"\u00a0{KEY}\u00a0",
        f'"{KEY}"',
        f"'{KEY}'",
        f'" {KEY} "',
        f'  "{KEY}"\n',
        f"Bearer {KEY}",
        f"bearer {KEY}",
        f"BEARER   {KEY}",
        f'"Bearer {KEY}"',
    ],
)
def test_what_is_pasted_along_is_dropped(text: str) -> None:
    """White space around, one pair of quotes, and one leading `Bearer ` are no part of a key."""
    assert ApiKey(text).reveal() == KEY


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('""sk-x""', '"sk-x"'),
        ("'sk-x\"", "'sk-x\""),
        ('"', '"'),
        ("bearer-like", "bearer-like"),
        ("!~", "!~"),
    ],
)
def test_nothing_else_is_dropped(text: str, kept: str) -> None:
    """Quotes are dropped once and in pairs, and any printable ASCII is left to the server to judge."""
    assert ApiKey(text).reveal() == kept


@pytest.mark.parametrize("text", ["", " ", "\t\r\n", '""', "''", '" "', '"Bearer  "x'[:0], "\u00a0"])
def test_a_blank_key_is_refused(text: str) -> None:
    """An explicit blank is an error, not an absent key."""
    with pytest.raises(InvalidKeyError, match="blank"):
        ApiKey(text)


@pytest.mark.parametrize(
    ("inside", "position", "code", "reason"),
    [
        (" ", 9, "U+0020", "white space"),
        ("\t", 9, "U+0009", "white space"),
        ("\r\n", 9, "U+000D", "white space"),
        ("\n", 9, "U+000A", "white space"),
        ("\x00", 9, "U+0000", "a control character"),
        ("\x1b", 9, "U+001B", "a control character"),
        ("\x7f", 9, "U+007F", "a control character"),
        ("\u201c", 9, "U+201C", "not ASCII"),
        ("\u00a0", 9, "U+00A0", "white space"),
        ("\u2028", 9, "U+2028", "white space"),
        ("\u200b", 9, "U+200B", "not ASCII"),
        ("\U0001f511", 9, "U+1F511", "not ASCII"),
        ("\ud800", 9, "U+D800", "not ASCII"),
        ("é", 9, "U+00E9", "not ASCII"),
    ],
)
def test_an_impossible_character_is_named_by_position_and_reason(inside: str, position: int, code: str, reason: str) -> None:
    """The error says where and why, and quotes nothing of the key."""
    text = f"sk-or-v1{inside}secretsecret"

    with pytest.raises(InvalidKeyError) as caught:
        ApiKey(text)

    assert str(caught.value).startswith(f"The API key's character {position} of {len(text)} ({code}) is {reason}.")
    assert "secret" not in str(caught.value)


def test_a_curly_quote_around_the_key_is_refused() -> None:
    """Typographic quotes come from text processors; the key may have suffered otherwise too."""
    with pytest.raises(InvalidKeyError, match=r"character 1 of 75 \(U\+201C\) is not ASCII"):
        ApiKey(f"\u201c{KEY}\u201d")


@pytest.mark.parametrize("text", [None, 7, KEY.encode(), [KEY], object()])
def test_a_key_is_a_text(text: object) -> None:
    """Anything else is a TypeError that names the type and not the value."""
    with pytest.raises(TypeError) as caught:
        ApiKey(text)  # type: ignore[arg-type]

    assert type(text).__name__ in str(caught.value)
    assert "sk-or" not in str(caught.value)


@pytest.mark.parametrize("text", [f"{KEY}\x00", [KEY], KEY.encode()])
def test_a_refused_key_is_in_no_frame(text: object) -> None:
    """Crash reports with locals show no frame of ours that still holds the text."""
    with pytest.raises((InvalidKeyError, TypeError)) as caught:
        ApiKey(text)  # type: ignore[arg-type]
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack[1:]

    assert frames
    assert all(KEY[12:-4] not in str(frame.locals) for frame in frames)


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        (KEY, MASK),
        ("x" * 23, "***"),
        ("sk-or-v1-abcdefgh-wxyz12", "sk-or-v1-abc...yz12"),
        ("a", "***"),
    ],
)
def test_a_key_shows_itself_masked(text: str, mask: str) -> None:
    """Masks are OpenRouter's own, and a short text is hidden whole."""
    key = ApiKey(text)

    assert (str(key), repr(key), f"{key}", "%s" % key, f"{key!r}") == (mask, f"ApiKey({mask!r})", mask, mask, f"ApiKey({mask!r})")  # noqa: UP031 - one of the ways


def test_a_log_shows_the_mask(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever logs a key logs its mask."""
    with caplog.at_level(logging.INFO):
        logging.getLogger("user").info("using %s and %r", ApiKey(KEY), ApiKey(KEY))

    assert caplog.messages == [f"using {MASK} and ApiKey('{MASK}')"]


def test_a_key_of_a_key_is_the_key() -> None:
    """Where a text is taken, an ApiKey is taken too."""
    key = ApiKey(KEY)

    assert ApiKey(key) is key


def test_keys_are_equal_by_value() -> None:
    """Equal keys find one another in sets and dictionaries; a key never equals its text."""
    key = ApiKey(KEY)

    assert {key, ApiKey(f" {KEY} ")} == {key}
    assert key != ApiKey(OTHER_KEY)
    assert key != KEY


def test_a_copy_of_a_key_is_the_key() -> None:
    """Copies work as keys; there is nothing to change in one."""
    key = ApiKey(KEY)

    assert copy.copy(key) is key
    assert copy.deepcopy([key])[0] is key
    assert copy.copy(key).reveal() == KEY


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_key_does_not_pickle(protocol: int) -> None:
    """A key must not travel by accident, nor its mask as a key."""
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(ApiKey(KEY), protocol)


def test_a_key_is_no_json() -> None:
    """A key that gets into JSON by accident is an error there."""
    with pytest.raises(TypeError):
        json.dumps({"key": ApiKey(KEY)})


def test_a_key_has_no_attributes_to_set() -> None:
    """Nothing can be hung on a key, and it has no `__dict__` that a reporter could print."""
    key = ApiKey(KEY)

    assert not hasattr(key, "__dict__")
    with pytest.raises(AttributeError):
        key.name = "x"  # type: ignore[attr-defined]


def test_the_header_is_sent_whole_and_shown_masked() -> None:
    """Aiohttp writes `str(header)`; exceptions and crash reports show `repr(header)`."""
    header = ApiKey(KEY).header

    assert isinstance(header, BearerHeader)
    assert str(header) == f"Bearer {KEY}"
    assert repr(header) == repr({"Authorization": header})[18:-1] == "'Bearer ***'"


def test_a_url_with_a_password_is_used_whole_and_shown_masked() -> None:
    """A proxy's URL is in options and frames that crash reports print."""
    url = HiddenUrl("http://me:secret@proxy:3128")

    assert str(url) == "http://me:secret@proxy:3128"
    assert repr(url) == "'***'"


ALIASES = (
    "OPENROUTER_MANAGEMENT_KEY",
    "OPENROUTER_MANAGEMENT_API_KEY",
    "OPENROUTER_PROVISIONING_KEY",
    "OPENROUTER_PROVISIONING_API_KEY",
)


@pytest.mark.parametrize(
    ("variables", "names"), [(API_KEY_VARIABLES, ("OPENROUTER_API_KEY", "OPENROUTER_KEY")), (MANAGEMENT_KEY_VARIABLES, ALIASES)]
)
def test_the_first_variable_that_is_not_blank_counts(variables: tuple[str, ...], names: tuple[str, ...]) -> None:
    """The names go in the documented order, and a blank variable is as good as none."""
    for first in range(len(names)):
        environ = dict.fromkeys(names[:first], " ") | {name: f"sk-{name}" for name in names[first:]}

        key = key_from_environment(variables, environ)

        assert isinstance(key, ApiKey)
        assert key.reveal() == f"sk-{names[first]}"


@pytest.mark.parametrize("environ", [{}, {"OPENROUTER_API_KEY": ""}, {"OPENROUTER_KEY": " \t"}, {"openrouter_api_key": KEY}])
def test_blank_variables_are_unset(environ: dict[str, str]) -> None:
    """No key in the environment is no error by itself."""
    assert key_from_environment(API_KEY_VARIABLES, environ) is None


def test_an_impossible_key_in_the_environment_is_told_by_its_variable() -> None:
    """A person learns which variable to correct."""
    environ = {"OPENROUTER_KEY": "sk-\u201cx", "OPENROUTER_API_KEY": " "}

    error = key_from_environment(API_KEY_VARIABLES, environ)

    assert isinstance(error, InvalidKeyError)
    assert error.summary.startswith("OPENROUTER_KEY: The API key's character 4 of 5")
    assert str(error).count(InvalidKeyError.remedy) == 1


def test_parsing_returns_its_errors() -> None:
    """Errors are raised where no frame holds the text."""
    assert isinstance(parse_key("sk x"), InvalidKeyError)
    assert isinstance(parse_key(None), TypeError)
