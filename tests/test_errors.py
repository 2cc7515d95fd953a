"""Errors are plain data: they say what happened and what to do, copy, pickle, and know if a retry helps."""

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
    AddressNotAllowedError,
    AmbiguousWriteError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    Attempt,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    ClientClosedError,
    ConfigurationError,
    EdgeRefusedError,
    InsufficientCreditsError,
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
    ProxyError,
    RateLimitError,
    RedirectError,
    ResponseTooLargeError,
    ServerError,
    Spendable,
    TLSError,
    UnconfirmedCreditsError,
    UnknownCreditsError,
)
from openrouter_credits._errors import detached, status_error_class
from tests.kit.values import ZERO

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
    ProxyError: APIConnectionError,
    LocalResourceError: APIConnectionError,
    InvalidResponseError: OpenRouterError,
    ResponseTooLargeError: InvalidResponseError,
    UnconfirmedCreditsError: OpenRouterError,
    AmbiguousWriteError: OpenRouterError,
    InsufficientCreditsError: OpenRouterError,
    UnknownCreditsError: OpenRouterError,
    APIStatusError: OpenRouterError,
    BadRequestError: APIStatusError,
    AuthenticationError: APIStatusError,
    PaymentRequiredError: APIStatusError,
    PermissionDeniedError: APIStatusError,
    ManagementKeyRequiredError: PermissionDeniedError,
    KeyLimitExceededError: PermissionDeniedError,
    BudgetExceededError: PermissionDeniedError,
    AddressNotAllowedError: PermissionDeniedError,
    EdgeRefusedError: PermissionDeniedError,
    NotFoundError: APIStatusError,
    RedirectError: APIStatusError,
    RateLimitError: APIStatusError,
    ServerError: APIStatusError,
}

KINDS: list[type[OpenRouterError]] = [OpenRouterError, *TREE]

RETRYABLE = {408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}


def make(kind: type[OpenRouterError]) -> OpenRouterError:
    """Make an error of this class with a value in each of its fields."""
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
    elif issubclass(kind, InsufficientCreditsError | UnknownCreditsError):
        spendable = Spendable(Decimal(2), "wallet", None, "complete")
        error = kind("Something happened", spendable=spendable, needed=Decimal(5))
    elif issubclass(kind, APIConnectionError):
        error = kind("Something happened", sent=False)
    elif issubclass(kind, InvalidResponseError):
        error = kind("Something happened", is_retryable=True)
    else:
        error = kind("Something happened")
    error.attempts = (
        Attempt(ServerError("Oh", status=503), 503, 0.25, 0.0),
        Attempt(APIConnectionError("Lost"), None, 0.5, 1.0),
    )
    error.problems = (AuthenticationError("User not found.", status=401),)
    return error


def facts(error: OpenRouterError) -> tuple[Any, ...]:
    """Flatten an error to values that compare: errors themselves are equal by identity alone."""
    attempts = [
        (facts(attempt.error), attempt.status, attempt.elapsed, attempt.waited) for attempt in error.attempts
    ]
    fields = {name: value for name, value in vars(error).items() if name not in {"attempts", "problems"}}
    return (
        type(error),
        error.args,
        str(error),
        fields,
        attempts,
        [facts(problem) for problem in error.problems],
    )


def subclasses(kind: type[OpenRouterError]) -> Iterator[type[OpenRouterError]]:
    """Yield the subclasses that this package defines, at every depth."""
    for child in kind.__subclasses__():
        if child.__module__ == "openrouter_credits":
            yield child
            yield from subclasses(child)


def test_the_tree_is_the_documented_one() -> None:
    """The package's error classes are the documented ones, each below its documented parent."""
    parents = {
        kind: next(base for base in kind.__bases__ if issubclass(base, OpenRouterError))
        for kind in subclasses(OpenRouterError)
    }

    assert parents == TREE


def test_the_module_draws_its_own_tree() -> None:
    """The tree drawn at the top of `_errors.py` names every error class exactly once."""
    drawing = openrouter_credits._errors.__doc__ or ""
    drawn = [word for line in drawing.splitlines() for word in line.replace("└── ", "├── ").split("├── ")[1:]]

    assert sorted(word.split()[0] for word in drawn) == sorted(kind.__name__ for kind in TREE)


@pytest.mark.parametrize(
    "through",
    [
        copy.copy,
        copy.deepcopy,
        *(lambda error, n=n: pickle.loads(pickle.dumps(error, n)) for n in (0, pickle.HIGHEST_PROTOCOL)),
    ],
    ids=["copy", "deepcopy", "pickle-0", "pickle-highest"],
)
def test_every_error_copies_and_pickles_whole(through: Callable[[OpenRouterError], OpenRouterError]) -> None:
    """A copied or unpickled error of any class has all fields of its original, including its attempts."""
    originals = [make(kind) for kind in KINDS]

    twins = [through(error) for error in originals]

    pairs = list(zip(originals, twins, strict=True))
    assert [type(error) for error, twin in pairs if twin is error] == []
    assert [(facts(error), facts(twin)) for error, twin in pairs if facts(twin) != facts(error)] == []


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_error_names_no_private_module(protocol: int) -> None:
    """A pickle of an error names the classes as users import them, and so outlasts a move of their files."""
    pickles = [pickle.dumps(make(kind), protocol) for kind in KINDS]

    assert [data for data in pickles if b"openrouter_credits._" in data] == []


@pytest.mark.parametrize(
    "error", [OpenRouterError(), APIStatusError("No", status=418), UnconfirmedCreditsError(ZERO)], ids=repr
)
def test_a_fresh_error_copies_and_pickles_too(error: OpenRouterError) -> None:
    """An error without attempts and problems survives copy, deepcopy and pickle."""
    twin = pickle.loads(pickle.dumps(copy.deepcopy(copy.copy(error))))

    assert facts(twin) == facts(error)


def test_an_error_says_what_happened_and_then_what_to_do() -> None:
    """The text of every error is one line: its summary, a full stop, and a remedy that is a sentence."""
    errors = [make(kind) for kind in KINDS]

    assert [str(error) for error in errors] == [f"{error.summary}. {error.remedy}" for error in errors]
    assert [str(error) for error in errors if "\n" in str(error) or not error.remedy.endswith(".")] == []


@pytest.mark.parametrize(
    ("summary", "text"), [("", ""), ("No.", "No. "), ("No!", "No! "), ("No?", "No? "), ("No", "No. ")]
)
def test_a_summary_ends_with_one_stop(summary: str, text: str) -> None:
    """A full stop follows the summary, unless the summary is empty or ends with punctuation of its own."""
    error = ClientClosedError(summary)

    assert str(error) == f"{text}{error.remedy}"


def test_an_error_without_arguments_is_its_remedy() -> None:
    """An error whose constructor never ran is printed as its remedy alone."""
    error = OpenRouterError.__new__(OpenRouterError)

    assert str(error) == error.remedy


def test_a_subclass_with_another_constructor_pickles() -> None:
    """A user's subclass whose constructor takes other arguments pickles without any code of its own."""
    error = DerivedError(3)

    twin = pickle.loads(pickle.dumps(error))

    assert (twin.number, str(twin)) == (3, str(error))


class DerivedError(AuthenticationError):
    """A user's error class, at module level so that pickle finds it."""

    def __init__(self, number: int) -> None:
        super().__init__("Mine", status=401)
        self.number = number


def test_a_timeout_is_a_timeout_to_everybody() -> None:
    """APITimeoutError is a TimeoutError, so `except TimeoutError` catches it."""
    assert issubclass(APITimeoutError, TimeoutError)


def test_only_passing_statuses_are_retryable() -> None:
    """A refusal is retryable only if its status is 408, 429 or a 5xx that passes by itself."""
    errors = [status_error_class(status, "")("", status=status) for status in range(300, 600)]

    assert {error.status for error in errors if error.is_retryable} == RETRYABLE


def test_only_passing_faults_are_retryable() -> None:
    """Of the errors without a status, only a lost connection, a time-out and a cut body are retryable."""
    passing: list[OpenRouterError] = [
        APIConnectionError(),
        APITimeoutError(),
        ProxyError(is_retryable=True),
        InvalidResponseError(is_retryable=True),
    ]
    lasting: list[OpenRouterError] = [
        OpenRouterError(),
        ConfigurationError(),
        MissingKeyError(),
        InvalidKeyError(),
        ClientClosedError(),
        TLSError(),
        ProxyError(),
        LocalResourceError(),
        InvalidResponseError(),
        ResponseTooLargeError(),
        UnconfirmedCreditsError(ZERO),
        AmbiguousWriteError(),
    ]

    assert [error for error in [*lasting, *passing] if error.is_retryable] == passing


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (299, "", APIStatusError),
        (300, "", RedirectError),
        (399, "", RedirectError),
        (400, "", BadRequestError),
        (401, "", AuthenticationError),
        (402, "", PaymentRequiredError),
        (403, "", PermissionDeniedError),
        (403, "Only management keys can perform this operation", ManagementKeyRequiredError),
        (403, "A PROVISIONING KEY is required", ManagementKeyRequiredError),
        (403, "Key limit exceeded (daily limit)", KeyLimitExceededError),
        (403, "Budget limit exceeded (monthly limit)", BudgetExceededError),
        (403, "Workspace monthly budget of $500.00 exceeded. Contact your org admin.", BudgetExceededError),
        (403, "You have exceeded the budget of this guardrail", BudgetExceededError),
        (403, "The budgetary rules are not exceeded", PermissionDeniedError),
        (403, "Your IP address is not in the allowlist for this account", AddressNotAllowedError),
        (403, "IP 192.0.2.1 is not on the allow list", AddressNotAllowedError),
        (403, "The whitelist does not have this IP", AddressNotAllowedError),
        (403, "Requests from this IP address are not allowed", AddressNotAllowedError),
        (403, "This model is not in the allowlist", PermissionDeniedError),
        (403, "This ship is not in the allowlist", PermissionDeniedError),
        (401, "Your IP address is not in the allowlist", AuthenticationError),
        (402, "Budget limit exceeded", PaymentRequiredError),
        (401, "Only management keys can perform this operation", AuthenticationError),
        (404, "", NotFoundError),
        (429, "", RateLimitError),
        (499, "", APIStatusError),
        (500, "", ServerError),
        (999, "", ServerError),
    ],
)
def test_a_status_has_its_class(status: int, message: str, expected: type[APIStatusError]) -> None:
    """Each status has its error class; a 403 has a class for each known message, in any letter case."""
    assert status_error_class(status, message) is expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("openrouter_key_limit", KeyLimitExceededError),
        ("openrouter_guardrail_budget", BudgetExceededError),
        ("openrouter_workspace_budget", BudgetExceededError),
        ("tomorrow's", ManagementKeyRequiredError),
        (["openrouter_key_limit"], ManagementKeyRequiredError),
    ],
)
def test_the_source_of_a_limit_goes_before_the_words(source: object, expected: type[APIStatusError]) -> None:
    """A known `limit_source` of a 403 decides its class, whatever the message says; of a 402, nothing."""
    assert status_error_class(403, "Only a management key", source) is expected
    assert status_error_class(402, "Only a management key", source) is PaymentRequiredError


@pytest.mark.parametrize("kind", [PaymentRequiredError, KeyLimitExceededError, BudgetExceededError])
def test_an_error_about_a_limit_has_its_facts(kind: type[Any]) -> None:
    """An error about a spent limit gives source, scope and figures of its metadata; wrong ones are None."""
    told = {"limit_source": "a", "scope": "workspace", "limit_usd": 500, "spend_usd": Decimal("500.25")}

    error = kind("Spent", status=403, metadata=told)
    wrong = kind("Spent", status=403, metadata=dict.fromkeys(told, True))
    infinite = kind("Spent", status=403, metadata={"limit_usd": Decimal("Infinity"), "spend_usd": "5"})

    assert (error.limit_source, error.scope) == ("a", "workspace")
    assert (error.limit_usd, error.spend_usd) == (Decimal(500), Decimal("500.25"))
    for each in (wrong, infinite):
        assert (each.limit_source, each.scope, each.limit_usd, each.spend_usd) == (None,) * 4


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("User not found.", "quotes or blanks"),
        ("API key expired", "Make a new key"),
        ("No auth credentials found", "Authorization header"),
        ("Missing Authentication header", "Authorization header"),
    ],
)
def test_a_401_has_the_remedy_of_its_cause(message: str, words: str) -> None:
    """A 401 for an expired key, and for a header that did not arrive, has a remedy of its own."""
    error = AuthenticationError(message, status=401)

    assert words in error.remedy
    assert pickle.loads(pickle.dumps(error)).remedy == error.remedy


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        ("You requested up to 64000 tokens, but can only afford 2400. To increase, visit x", 2400),
        ("but can only afford 1,234,567 tokens", 1234567),
        ("but can only afford 0", 0),
        ("but can only afford 2,400.", 2400),
        ("but can only afford 12,34", None),
        ("but can only afford 1,2345", None),
        ("but can only afford 1.5 tokens", None),
        ("but can only afford 12x", None),
        ("but can only afford -1", None),
        ("but can only afford " + "9" * 5000, None),
        ("but can only afford ٣", None),
        ("", None),
    ],
)
def test_a_402_tells_how_many_tokens_could_be_paid_for(message: str, tokens: int | None) -> None:
    """The number in "can only afford N" is `affordable_tokens`, and part of the remedy unless it is 0."""
    error = PaymentRequiredError(message, status=402)

    assert error.affordable_tokens == tokens
    assert (f"at most {tokens}" in error.remedy) is bool(tokens)
    assert ("max_tokens" in error.remedy) is bool(tokens)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("weight_exceeds_budget", "Lower max_tokens"),
        ("in_flight_budget_exhausted", "Wait"),
        ("tomorrow's", "Raise the key's limit"),
        (7, "Raise the key's limit"),
    ],
)
def test_the_reason_of_a_402_goes_before_its_source(reason: Any, words: str) -> None:
    """A known `reason` of a 402 decides its remedy, an unknown one leaves that to the `limit_source`."""
    metadata = {"reason": reason, "limit_source": "openrouter_key_limit"}

    error = PaymentRequiredError("No", status=402, metadata=metadata)

    assert error.reason == (reason if isinstance(reason, str) else None)
    assert words in error.remedy


def test_an_error_may_have_a_remedy_of_its_own() -> None:
    """An error that is given a remedy prints and pickles that, and leaves the others' as it is."""
    error = ConfigurationError("Odd", remedy="Do this.")

    assert str(error) == str(pickle.loads(pickle.dumps(error))) == "Odd. Do this."
    assert ConfigurationError("Odd").remedy == ConfigurationError.remedy


@pytest.mark.parametrize(
    ("status", "code", "message", "summary", "is_retryable"),
    [
        (401, None, "User not found.", "401 User not found.", False),
        (401, None, "", "401 Unauthorized", False),
        (520, None, "", "520", True),
        (200, 503, "", "503 Service Unavailable", True),
        (200, None, "No", "200 No", False),
        (503, 401, "No", "503 No", True),
        (300, 500, "No", "300 No", False),
    ],
)
def test_the_status_decides_except_inside_a_200(
    status: int, code: int | None, message: str, summary: str, is_retryable: bool
) -> None:
    """The code in the body decides about text and retries only if the HTTP status is 2xx."""
    error = APIStatusError(message, status=status, code=code)

    assert (error.summary, error.status, error.code, error.is_retryable) == (
        summary,
        status,
        code,
        is_retryable,
    )


@pytest.mark.parametrize(
    ("metadata", "source", "words"),
    [
        ({"limit_source": "openrouter_credits"}, "openrouter_credits", "Add credits at"),
        ({"limit_source": "openrouter_key_limit"}, "openrouter_key_limit", "Raise the key's limit"),
        ({"limit_source": "openrouter_in_flight_budget"}, "openrouter_in_flight_budget", "Wait"),
        ({"limit_source": "tomorrow's"}, "tomorrow's", "Add credits, or raise the key's limit"),
        ({"limit_source": 7}, None, "Add credits, or raise the key's limit"),
        (None, None, "Add credits, or raise the key's limit"),
    ],
)
def test_402_says_which_purse_is_empty(
    metadata: dict[str, Any] | None, source: str | None, words: str
) -> None:
    """The remedy of a 402 depends on `limit_source`; an unknown source is kept and gets a general remedy."""
    error = PaymentRequiredError("No", status=402, metadata=metadata)

    assert error.limit_source == source
    assert error.remedy.startswith(words)
    assert error.remedy in str(error)


@pytest.mark.parametrize(
    ("retry_after", "message", "metadata", "expected"),
    [
        (1.0, "Rate limit exceeded", {}, False),
        (None, "Rate limit exceeded", {}, False),
        (None, "", {}, False),
        (60.0, "Rate limit exceeded", {}, False),
        (60.5, "Rate limit exceeded", {}, True),
        (1.0, "Rate limit exceeded: free-models-per-min", {}, True),
        (1.0, "Rate limit exceeded: free-models-per-day", {}, True),
        (1.0, "Daily limit reached", {}, True),
        (1.0, "Requests per-day exceeded", {}, True),
        (1.0, "The free tier is used up", {}, True),
        (1.0, "This key has a limit of 10 requests a minute", {}, True),
        (1.0, "Too many requests from the monkey house", {}, False),
        (1.0, "Rate limit exceeded", {"limit_source": "openrouter_key_limit"}, True),
        (1.0, "Rate limit exceeded", {"limit_source": "openrouter_credits"}, False),
        (1.0, "Rate limit exceeded", {"limit_source": 7}, False),
    ],
)
def test_a_limit_of_the_key_itself_is_told_by_its_length_or_its_words(
    retry_after: float | None, message: str, metadata: dict[str, Any], expected: bool
) -> None:
    """A 429 is about the key alone if its hint is over 60 s or it names a key, daily or free-tier limit."""
    error = RateLimitError(message, status=429, retry_after=retry_after, metadata=metadata)

    assert error.is_key_limit is expected
    assert error.is_retryable


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            MissingKeyError,
            ["OPENROUTER_API_KEY", "OPENROUTER_KEY", "OPENROUTER_MANAGEMENT_KEY", "load_dotenv()"],
        ),
        (AuthenticationError, ["quotes", "deleted", "expired"]),
        (TLSError, ["SSL_CERT_FILE", "session=..."]),
        (ProxyError, ["proxy=...", "HTTPS_PROXY", "NO_PROXY"]),
        (BudgetExceededError, ["Raise", "reset"]),
        (AddressNotAllowedError, ["allowlist"]),
        (EdgeRefusedError, ["another address"]),
        (ManagementKeyRequiredError, ["https://openrouter.ai/settings/management-keys", "/key"]),
        (KeyLimitExceededError, ["Raise", "reset"]),
        (RateLimitError, ["Wait"]),
        (UnconfirmedCreditsError, ["management key"]),
        (LocalResourceError, ["max_connections", "ulimit"]),
    ],
)
def test_a_remedy_names_what_to_touch(kind: type[OpenRouterError], words: list[str]) -> None:
    """The remedy names the variable, page or setting that a person has to change."""
    assert [word for word in words if word not in kind.remedy] == []


def test_key_limit_is_not_taken_for_an_empty_wallet() -> None:
    """The remedy for a spent key limit does not speak of credits, because the wallet may be full."""
    assert "credits" not in KeyLimitExceededError.remedy.lower()


def test_unconfirmed_credits_hold_what_was_said() -> None:
    """UnconfirmedCreditsError holds the 0/0 of the server and the errors that prevented its confirmation."""
    reason = AuthenticationError("No", status=401)

    error = UnconfirmedCreditsError(ZERO, problems=[reason])

    assert error.credits is ZERO
    assert error.problems == (reason,)


def test_detached_drops_what_pins_memory() -> None:
    """A detached copy has no traceback and no attempts, while the original keeps both."""
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
    """Each error without metadata has an empty dictionary of its own."""
    first, second = APIStatusError(status=500), APIStatusError(status=500)

    assert first.metadata == {}
    assert first.metadata is not second.metadata


def test_a_traceback_prints() -> None:
    """The last line of a traceback names the class as users import it, and the whole text."""
    error = make(RateLimitError)

    assert traceback.format_exception_only(error)[-1] == f"openrouter_credits.RateLimitError: {error}\n"


class UpdatingError(OpenRouterError):
    """An error of a user that takes its state over by hand."""

    def __setstate__(self, state: dict[str, Any] | None) -> None:
        self.__dict__.update(state or {})


def test_an_error_that_takes_its_state_over_by_hand_keeps_its_text() -> None:
    """A copy and a pickle of a user's error with its own `__setstate__` have the text of the original."""
    error = UpdatingError("odd")

    assert str(error) == str(copy.copy(error)) == str(pickle.loads(pickle.dumps(error)))
