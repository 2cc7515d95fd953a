"""Errors are plain data that say what to do."""

from __future__ import annotations

import copy
import pickle
import traceback
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import openrouter_credits
from openrouter_credits import (
    AmbiguousWriteError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    Attempt,
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    ConfigurationError,
    Credits,
    InvalidKeyError,
    InvalidResponseError,
    KeyLimitExceededError,
    LocalResourceError,
    ManagementKeyRequiredError,
    MissingKeyError,
    NotFoundError,
    OpenRouterError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    RedirectError,
    ResponseTooLargeError,
    ServerError,
    TLSError,
    UnconfirmedCreditsError,
)
from openrouter_credits._errors import detached, status_error_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TREE: dict[type[OpenRouterError], type[BaseException]] = {
    ConfigurationError: OpenRouterError,
    MissingKeyError: ConfigurationError,
    InvalidKeyError: ConfigurationError,
    ClientClosedError: OpenRouterError,
    APIConnectionError: OpenRouterError,
    APITimeoutError: APIConnectionError,
    TLSError: APIConnectionError,
    LocalResourceError: APIConnectionError,
    InvalidResponseError: OpenRouterError,
    ResponseTooLargeError: InvalidResponseError,
    UnconfirmedCreditsError: OpenRouterError,
    AmbiguousWriteError: OpenRouterError,
    APIStatusError: OpenRouterError,
    BadRequestError: APIStatusError,
    AuthenticationError: APIStatusError,
    PaymentRequiredError: APIStatusError,
    PermissionDeniedError: APIStatusError,
    ManagementKeyRequiredError: PermissionDeniedError,
    KeyLimitExceededError: PermissionDeniedError,
    NotFoundError: APIStatusError,
    RedirectError: APIStatusError,
    RateLimitError: APIStatusError,
    ServerError: APIStatusError,
}

RETRYABLE = {408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}

ZERO = Credits(Decimal(0), Decimal(0))


def make(kind: type[OpenRouterError]) -> OpenRouterError:
    """Make an error of a class with a fact in each of its fields."""
    error: OpenRouterError
    if issubclass(kind, APIStatusError):
        error = kind(
            "Slow down",
            status=429,
            code=429,
            metadata={"limit_source": "openrouter_credits", "more": ["x"]},
            request_id="req-1",
            retry_after=1.5,
            resets_at=datetime(2026, 11, 1, tzinfo=UTC),
        )
    elif issubclass(kind, UnconfirmedCreditsError):
        error = kind(ZERO)
    elif issubclass(kind, APIConnectionError):
        error = kind("Something happened", sent=False)
    elif issubclass(kind, InvalidResponseError):
        error = kind("Something happened", is_retryable=True)
    else:
        error = kind("Something happened")
    error.attempts = (Attempt(ServerError("Oh", status=503), 503, 0.25, 0.0), Attempt(APIConnectionError("Lost"), None, 0.5, 1.0))
    error.problems = (AuthenticationError("User not found.", status=401),)
    return error


def facts(error: OpenRouterError) -> tuple[Any, ...]:
    """Flatten an error to what it says; errors themselves are equal by identity alone."""
    attempts = [(facts(attempt.error), attempt.status, attempt.elapsed, attempt.waited) for attempt in error.attempts]
    told = {name: value for name, value in vars(error).items() if name not in {"attempts", "problems"}}
    return type(error), error.args, str(error), told, attempts, [facts(problem) for problem in error.problems]


def subclasses(kind: type[OpenRouterError]) -> Iterator[type[OpenRouterError]]:
    """Walk the package's part of the tree below a class."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("openrouter_credits."):
            yield child
            yield from subclasses(child)


def test_the_tree_is_the_documented_one() -> None:
    """Each class stands where users were told that it stands, and there are no others."""
    parents = {kind: next(base for base in kind.__bases__ if issubclass(base, OpenRouterError)) for kind in subclasses(OpenRouterError)}

    assert parents == TREE


def test_the_module_draws_its_own_tree() -> None:
    """The drawing at the top of the module names every class once."""
    drawing = openrouter_credits._errors.__doc__ or ""
    drawn = [word for line in drawing.splitlines() for word in line.replace("└── ", "├── ").split("├── ")[1:]]

    assert sorted(word.split()[0] for word in drawn) == sorted(kind.__name__ for kind in TREE)


@pytest.mark.parametrize(
    "through",
    [copy.copy, copy.deepcopy, *(lambda error, n=n: pickle.loads(pickle.dumps(error, n)) for n in (0, pickle.HIGHEST_PROTOCOL))],
)
@pytest.mark.parametrize("kind", [OpenRouterError, *TREE])
def test_every_error_copies_and_pickles_whole(kind: type[OpenRouterError], through: Callable[[OpenRouterError], OpenRouterError]) -> None:
    """A copy says all that its original says, attempts and problems included."""
    error = make(kind)

    twin = through(error)

    assert twin is not error
    assert facts(twin) == facts(error)


@pytest.mark.parametrize("kind", [OpenRouterError, *TREE])
def test_a_fresh_error_copies_and_pickles_too(kind: type[OpenRouterError]) -> None:
    """An error that was never through a retry has no attempts and no problems."""
    error = kind("No", status=418) if issubclass(kind, APIStatusError) else make(kind)
    error.attempts = error.problems = ()

    twin = pickle.loads(pickle.dumps(copy.deepcopy(copy.copy(error))))

    assert facts(twin) == facts(error)


@pytest.mark.parametrize("kind", [OpenRouterError, *TREE])
def test_an_error_says_what_happened_and_then_what_to_do(kind: type[OpenRouterError]) -> None:
    """`str()` is one plain text: a summary, a full stop, and the remedy, which is a sentence."""
    error = make(kind)

    assert str(error) == f"{error.summary}. {error.remedy}"
    assert error.remedy.endswith(".")
    assert "\n" not in str(error)


@pytest.mark.parametrize(("summary", "said"), [("", ""), ("No.", "No. "), ("No!", "No! "), ("No?", "No? "), ("No", "No. ")])
def test_a_summary_ends_with_one_stop(summary: str, said: str) -> None:
    """A server's own punctuation is kept, and none is doubled."""
    error = ClientClosedError(summary)

    assert str(error) == f"{said}{error.remedy}"


def test_an_error_without_arguments_is_its_remedy() -> None:
    """Nothing to say is no reason to fail while saying it."""
    error = OpenRouterError.__new__(OpenRouterError)

    assert str(error) == error.remedy


def test_a_subclass_with_another_constructor_pickles() -> None:
    """Users may derive from the tree without thinking of pickle."""
    error = DerivedError(3)

    twin = pickle.loads(pickle.dumps(error))

    assert (twin.number, str(twin)) == (3, str(error))


class DerivedError(AuthenticationError):
    """A user's error; module-level, so that pickle finds it."""

    def __init__(self, number: int) -> None:
        super().__init__("Mine", status=401)
        self.number = number


def test_a_timeout_is_a_timeout_to_everybody() -> None:
    """`except TimeoutError` of other people's code works."""
    assert issubclass(APITimeoutError, TimeoutError)


def test_only_passing_statuses_are_retryable() -> None:
    """408, 429, and the 5xx that pass by themselves; no other status."""
    errors = [status_error_class(status, "")("", status=status) for status in range(300, 600)]

    assert {error.status for error in errors if error.is_retryable} == RETRYABLE


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OpenRouterError(), False),
        (ConfigurationError(), False),
        (MissingKeyError(), False),
        (InvalidKeyError(), False),
        (ClientClosedError(), False),
        (APIConnectionError(), True),
        (APITimeoutError(), True),
        (TLSError(), False),
        (LocalResourceError(), False),
        (InvalidResponseError(), False),
        (InvalidResponseError(is_retryable=True), True),
        (ResponseTooLargeError(), False),
        (UnconfirmedCreditsError(ZERO), False),
        (AmbiguousWriteError(), False),
    ],
    ids=repr,
)
def test_only_passing_faults_are_retryable(error: OpenRouterError, expected: bool) -> None:
    """No whole answer is worth another try; TLS, closed clients and configuration are not."""
    assert error.is_retryable is expected


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (302, "", RedirectError),
        (304, "", RedirectError),
        (399, "", RedirectError),
        (400, "", BadRequestError),
        (401, "", AuthenticationError),
        (402, "", PaymentRequiredError),
        (403, "", PermissionDeniedError),
        (403, "Only management keys can perform this operation", ManagementKeyRequiredError),
        (403, "Only provisioning keys can perform this operation", ManagementKeyRequiredError),
        (403, "A PROVISIONING KEY is required", ManagementKeyRequiredError),
        (403, "Key limit exceeded (daily limit)", KeyLimitExceededError),
        (403, "Key limit exceeded (total limit)", KeyLimitExceededError),
        (401, "Only management keys can perform this operation", AuthenticationError),
        (404, "", NotFoundError),
        (408, "", APIStatusError),
        (409, "", APIStatusError),
        (410, "", APIStatusError),
        (422, "", APIStatusError),
        (429, "", RateLimitError),
        (500, "", ServerError),
        (520, "", ServerError),
        (599, "", ServerError),
        (999, "", ServerError),
        (199, "", APIStatusError),
    ],
)
def test_a_status_has_its_class(status: int, message: str, expected: type[APIStatusError]) -> None:
    """The names are those of other API clients; for 403 the message decides."""
    assert status_error_class(status, message) is expected


@pytest.mark.parametrize(
    ("status", "code", "message", "summary", "is_retryable"),
    [
        (401, None, "User not found.", "401 User not found.", False),
        (401, None, "", "401 Unauthorized", False),
        (520, None, "", "520", True),
        (200, 503, "", "503 Service Unavailable", True),
        (200, 401, "No", "401 No", False),
        (200, None, "No", "200 No", False),
        (503, 401, "No", "503 No", True),
        (403, 500, "No", "403 No", False),
    ],
)
def test_the_status_decides_except_inside_a_200(status: int, code: int | None, message: str, summary: str, is_retryable: bool) -> None:
    """A code in the body counts only if the HTTP status says that all is well."""
    error = APIStatusError(message, status=status, code=code)

    assert (error.summary, error.status, error.code, error.is_retryable) == (summary, status, code, is_retryable)


@pytest.mark.parametrize(
    ("metadata", "source", "words"),
    [
        ({"limit_source": "openrouter_credits"}, "openrouter_credits", "Add credits at"),
        ({"limit_source": "openrouter_key_limit"}, "openrouter_key_limit", "Raise the key's limit"),
        ({"limit_source": "openrouter_in_flight_budget"}, "openrouter_in_flight_budget", "Wait"),
        ({"limit_source": "tomorrow's"}, "tomorrow's", "Add credits, or raise the key's limit"),
        ({"limit_source": 7}, None, "Add credits, or raise the key's limit"),
        ({}, None, "Add credits, or raise the key's limit"),
        (None, None, "Add credits, or raise the key's limit"),
    ],
)
def test_402_says_which_purse_is_empty(metadata: dict[str, Any] | None, source: str | None, words: str) -> None:
    """The remedy follows `limit_source`, and an unknown source is kept as it is."""
    error = PaymentRequiredError("No", status=402, metadata=metadata)

    assert error.limit_source == source
    assert error.remedy.startswith(words)
    assert error.remedy in str(error)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (MissingKeyError, ["OPENROUTER_API_KEY", "OPENROUTER_KEY", "OPENROUTER_MANAGEMENT_KEY", "load_dotenv()"]),
        (AuthenticationError, ["quotes", "deleted", "expired"]),
        (ManagementKeyRequiredError, ["https://openrouter.ai/settings/management-keys", "/key"]),
        (KeyLimitExceededError, ["Raise", "reset"]),
        (RateLimitError, ["Wait"]),
        (UnconfirmedCreditsError, ["management key"]),
        (LocalResourceError, ["max_connections", "ulimit"]),
    ],
)
def test_a_remedy_names_what_to_touch(kind: type[OpenRouterError], words: list[str]) -> None:
    """A person who reads only the remedy knows where to go."""
    assert all(word in kind.remedy for word in words)


def test_key_limit_is_not_taken_for_an_empty_wallet() -> None:
    """A spent cap is not "out of credits"."""
    assert "credits" not in KeyLimitExceededError.remedy.lower()


def test_unconfirmed_credits_hold_what_was_said() -> None:
    """The 0/0 is there for who wants it, and so is the reason why it was not confirmed."""
    reason = AuthenticationError("No", status=401)

    error = UnconfirmedCreditsError(ZERO, problems=[reason])

    assert error.credits is ZERO
    assert error.problems == (reason,)


def test_detached_drops_what_pins_memory() -> None:
    """A copy for the records has neither traceback nor attempts, and its original keeps both."""
    try:
        raise make(ServerError)
    except ServerError as caught:
        error = caught

    bare = detached(error)

    assert (bare.__traceback__, bare.attempts) == (None, ())
    assert bare.problems == error.problems
    assert error.__traceback__ is not None
    assert len(error.attempts) == 2


def test_no_facts_are_shared_between_errors() -> None:
    """Two errors without metadata do not share one dictionary."""
    first, second = APIStatusError(status=500), APIStatusError(status=500)

    assert first.metadata == {}
    assert first.metadata is not second.metadata


def test_a_traceback_prints() -> None:
    """An uncaught error ends a program with its whole sentence."""
    error = make(RateLimitError)

    assert traceback.format_exception_only(error)[-1] == f"openrouter_credits._errors.RateLimitError: {error}\n"
