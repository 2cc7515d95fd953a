"""What is asked of a batch: the keys, what is known of them, and the options; no batch is run here."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from attrs import evolve

from openrouter_credits import ApiKey, InvalidKeyError, KeySpec
from openrouter_credits._batch.spec import Options
from tests.kit.values import KEY, MASK, OTHER_KEY


@pytest.mark.parametrize("text", [KEY, f" {KEY}\n", ApiKey(KEY)])
def test_a_spec_holds_a_key_however_it_is_written(text: str | ApiKey) -> None:
    """A KeySpec accepts a key as plain text, as text with blanks around it, and as an ApiKey."""
    assert KeySpec(text).api_key == ApiKey(KEY)


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (None, "There is no key (None)"),
        ("", "The API key is blank"),
        (7, "an API key is a str or an ApiKey, not int"),
    ],
)
def test_what_cannot_be_a_key_is_kept_as_its_error(text: Any, summary: str) -> None:
    """A KeySpec of a value that cannot be a key holds an InvalidKeyError instead of raising it."""
    error = KeySpec(text).api_key

    assert isinstance(error, InvalidKeyError)
    assert error.summary == summary


def test_an_error_instead_of_a_key_stays_as_it_is() -> None:
    """A KeySpec keeps an InvalidKeyError given instead of a key, which explains why there is no key."""
    error = InvalidKeyError("BOB_KEY is not set")

    assert KeySpec(error).api_key is error


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (KEY, MASK),
        (f"Bearer {KEY}", "Bearer sk-or...1c96"),
        ("bob", "bob"),
        (None, None),
        ("sk-or-short", "sk-or-short"),
        (MASK, MASK),
        ("task-runner-production-eu-west-1", "task-runner-production-eu-west-1"),
        ("task-runner-production-us-east-2", "task-runner-production-us-east-2"),
        ("sk-bratislava-production-1", "sk-bratislava-production-1"),
        ("task-or-queue-runner-production-eu-west-1", "task-or-queue-runner-production-eu-west-1"),
        ("prod-sk-runner-production-eu-west-1", "prod-sk-runner-production-eu-west-1"),
        ("sk-proj-" + "a1" * 10, "sk-proj-a1a1...a1a1"),
        (7, 7),
    ],
)
def test_a_name_in_which_a_key_stands_is_masked(given: Any, expected: Any) -> None:
    """A KeySpec masks a name or an account in which a key stands, and keeps any other."""
    spec = KeySpec(OTHER_KEY, given, given)

    assert (spec.name, spec.account) == (expected, expected)


TOKEN = "eyJhbGciOi.a-token-of-no-usual-form"


@pytest.mark.parametrize(
    ("api_key", "management_key", "given", "expected"),
    [
        (TOKEN, None, TOKEN, "eyJhbGciOi.a...form"),
        (TOKEN, None, f"of {TOKEN}!", "of eyJhbGciOi.a...form!"),
        (OTHER_KEY, TOKEN, TOKEN, "eyJhbGciOi.a...form"),
        (KEY, None, f"Bearer {KEY}", f"Bearer {MASK}"),
        ("tiny-secret", TOKEN, f"tiny-secret {TOKEN}", "*** eyJhbGciOi.a...form"),
        ("tiny-secret", None, f"tiny-secret {KEY}", "*** sk-or-v1...1c96"),
        (None, TOKEN, TOKEN, "eyJhbGciOi.a...form"),
        ("a b", None, "a b", "a b"),
        ("prod", None, "prod", "prod"),
        ("bot", "sk-1234", "robots of sk-1234", "robots of sk-1234"),
    ],
)
def test_a_spec_s_own_key_is_masked_in_its_name_whatever_it_looks_like(
    api_key: Any, management_key: Any, given: str, expected: str
) -> None:
    """A name or account has neither the spec's key nor its management key in it, if it has 8 characters."""
    spec = KeySpec(api_key, given, given, management_key)
    renamed = evolve(KeySpec(api_key, management_key=management_key), name=given, account=given)

    assert (spec.name, spec.account) == (renamed.name, renamed.account) == (expected, expected)


def test_a_spec_never_shows_its_keys() -> None:
    """A KeySpec hides its keys in its repr and refuses to pickle, because a mask must not pass for a key."""
    spec = KeySpec(KEY, name="bot", account="acme", management_key=KEY)

    assert KEY not in repr(spec)
    with pytest.raises(TypeError):
        pickle.dumps(spec)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(OTHER_KEY, ApiKey(OTHER_KEY)), (ApiKey(OTHER_KEY), ApiKey(OTHER_KEY)), (None, None)],
)
def test_a_management_key_is_read_as_a_key_is(given: Any, expected: ApiKey | None) -> None:
    """A KeySpec accepts a management key as text and as an ApiKey, and None for no management key."""
    assert KeySpec(KEY, management_key=given).management_key == expected


def test_a_management_key_that_cannot_be_one_is_kept_as_its_error() -> None:
    """A KeySpec of a management key that cannot be a key holds an InvalidKeyError in its place."""
    error = KeySpec(KEY, management_key="sk or").management_key

    assert isinstance(error, InvalidKeyError)


# Options.


def test_options_hold_what_they_are_given() -> None:
    """Options keep their values, and hold what to read as a set."""
    options = Options.of(7, ["key", "credits", "key"], 2.5, 60)

    assert options == Options(7, frozenset({"credits", "key"}), 2.5, 60)


def test_a_rate_and_a_deadline_may_be_missing() -> None:
    """Options without a rate and without a deadline are valid."""
    options = Options.of(1, ("credits",), None, None)

    assert (options.rate, options.deadline) == (None, None)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("concurrency", 0, ValueError),
        ("concurrency", 1.5, TypeError),
        ("read", "credits", TypeError),
        ("read", (), ValueError),
        ("read", ("credits", "models"), ValueError),
        ("read", 7, TypeError),
        ("rate", 0, ValueError),
        ("rate", 1.1e-5, ValueError),
        ("rate", 1e-320, ValueError),
        ("rate", "10", TypeError),
        ("deadline", float("nan"), ValueError),
        ("deadline", "60", TypeError),
    ],
)
def test_an_impossible_option_is_refused(name: str, value: Any, error: type[Exception]) -> None:
    """An option of a wrong type raises TypeError, and one out of range ValueError; both name the option."""
    good: dict[str, Any] = {"concurrency": 32, "read": ("credits", "key"), "rate": None, "deadline": None}

    with pytest.raises(error, match=name):
        Options.of(**{**good, name: value})
