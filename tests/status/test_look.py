"""A look reads wallet and key at once, doubts a 0/0, and tells what can be spent."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from openrouter_credits import (
    APIConnectionError,
    ApiKey,
    APITimeoutError,
    Attempt,
    AuthenticationError,
    Bound,
    ClientClosedError,
    Credits,
    CreditsClient,
    InvalidKeyError,
    InvalidResponseError,
    KeyInfo,
    KeyStatus,
    Level,
    ManagementKeyRequiredError,
    OpenRouterError,
    RetryPolicy,
    ServerError,
    Spendable,
    UnconfirmedCreditsError,
)
from openrouter_credits._status.look import assess, confirm, look, unconfirmed
from openrouter_credits._status.spendable import spendable
from openrouter_credits.testing import FakeBudget, FakeOpenRouter, Hang, Reply
from tests.kit.clock import lap, until
from tests.kit.values import (
    DOWN,
    FORBIDDEN,
    KEY,
    NOW,
    OTHER_KEY,
    UNAUTHORIZED,
    ZERO,
    key,
    outcome,
    sample,
    wallet,
)
from tests.kit.wire import in_this_loop

if TYPE_CHECKING:
    from aioresponses import aioresponses

    from tests.kit.wire import Connect

CREDITS_URL = "https://openrouter.ai/api/v1/credits"
KEY_URL = "https://openrouter.ai/api/v1/key"
COUNTERS = [
    f"{kind}usage{window}" for kind in ("", "byok_") for window in ("", "_daily", "_weekly", "_monthly")
]


class Stopped(datetime):
    """A clock that always shows the same time."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # returns a plain datetime, not a Stopped
        """Return NOW, in this zone."""
        return NOW.astimezone(tz)


@pytest.fixture
def _in_october(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock that `status()` reads, at NOW."""
    monkeypatch.setattr("openrouter_credits._status.look.datetime", Stopped)


def paths(fake: FakeOpenRouter) -> Counter[str]:
    """Count the requests by their path."""
    return Counter(request.path for request in fake.requests)


def problems(status: KeyStatus) -> list[type[Exception]]:
    """List the types of a status's problems."""
    return [type(problem) for problem in status.problems]


def figures(status: KeyStatus) -> tuple[str | None, str | None, str]:
    """Return the amount as text, the bound and the certainty."""
    found = status.spendable
    return None if found.amount is None else str(found.amount), found.bound_by, found.certainty


async def read_bodies(
    mocked: aioresponses, credits_body: bytes | object, key_body: bytes | object
) -> KeyStatus:
    """Read the status of two bodies; anything but bytes becomes the `data` of a body."""
    for url, body in ((CREDITS_URL, credits_body), (KEY_URL, key_body)):
        mocked.get(url, body=body if isinstance(body, bytes) else json.dumps({"data": body}).encode())
    async with CreditsClient(KEY) as client:
        return await client.status()


def key_data(**fields: Any) -> dict[str, Any]:
    """Make the `data` of `/key` for a key without a limit."""
    return {"label": "sk-or-v1-0e6...1c96", "usage": 1, "limit": None, "limit_remaining": None, **fields}


# `look()`


OWN, MANAGER = ApiKey(KEY), ApiKey(OTHER_KEY)
BAD_MANAGER = InvalidKeyError("The API key is blank")
ALL = {"credits", "key"}
Answers = dict[tuple[str, ApiKey], object]


class ScriptedRead:
    """Answers each path and key as a table says, after some time, and notes what it was asked for."""

    def __init__(self, answers: Answers, *, seconds: dict[str, float] | None = None) -> None:
        self.asked: list[tuple[str, ApiKey]] = []
        self._answers = answers
        self._seconds = seconds or {}

    async def __call__(self, path: str, into: Any, key: ApiKey) -> Any:
        """Give an answer; an exception that is no error of this package is raised."""
        assert into is {"/credits": Credits, "/key": KeyInfo}[path]
        self.asked.append((path, key))
        await asyncio.sleep(self._seconds.get(path, 0))
        answer = self._answers[path, key]
        if isinstance(answer, BaseException) and not isinstance(answer, OpenRouterError):
            raise answer
        return answer


BOTH: Answers = {("/credits", OWN): wallet("74.75"), ("/key", OWN): key("26.83")}
MANAGED: Answers = {("/credits", MANAGER): wallet("74.75"), ("/key", OWN): key("26.83")}
NO_WALLET: Answers = {("/credits", MANAGER): FORBIDDEN, ("/key", OWN): key("26.83")}
ONLY_KEY: Answers = {("/key", OWN): key("26.83")}
OWN_WALLET: Answers = {("/credits", OWN): wallet("74.75")}
MANAGED_WALLET: Answers = {("/credits", MANAGER): wallet("74.75")}
EMPTY: Answers = {
    ("/credits", MANAGER): ZERO,
    ("/key", OWN): key("26.83"),
    ("/key", MANAGER): key(is_management_key=True),
}
DOUBTED: Answers = {("/credits", OWN): ZERO, ("/key", OWN): key("26.83")}
OWN_IS_MANAGER: Answers = {("/credits", OWN): ZERO, ("/key", OWN): key(is_management_key=True)}

EMPTY_WALLET: Answers = {("/credits", MANAGER): ZERO, ("/key", MANAGER): key(is_management_key=True)}

PLANS: dict[str, tuple[Answers, ApiKey | InvalidKeyError | None, set[str], str]] = {
    "both": (BOTH, None, ALL, "key_limit"),
    "the wallet alone": (OWN_WALLET, None, {"credits"}, "wallet"),
    "the key alone": (ONLY_KEY, None, {"key"}, "key_limit"),
    "both, with a management key": (MANAGED, MANAGER, ALL, "key_limit"),
    "the wallet alone, with a management key": (MANAGED_WALLET, MANAGER, {"credits"}, "wallet"),
    "the key alone, with a management key": (ONLY_KEY, MANAGER, {"key"}, "key_limit"),
    "both, with an impossible management key": (ONLY_KEY, BAD_MANAGER, ALL, "key_limit"),
    "no wallet, with a management key": (NO_WALLET, MANAGER, ALL, "key_limit"),
    "0/0, with a management key": (EMPTY, MANAGER, ALL, "wallet"),
    "0/0 alone, with a management key": (EMPTY_WALLET, MANAGER, {"credits"}, "wallet"),
    "0/0 alone, read by the key itself as a management key": (
        OWN_IS_MANAGER,
        ApiKey(KEY),
        {"credits"},
        "wallet",
    ),
    "0/0, without a management key": (DOUBTED, None, ALL, "key_limit"),
    "0/0, read by the key itself as a management key": (OWN_IS_MANAGER, ApiKey(KEY), ALL, "wallet"),
}


@pytest.mark.parametrize(("answers", "manager", "wanted", "bound_by"), PLANS.values(), ids=PLANS)
async def test_each_request_of_a_look_is_needed(
    answers: Answers,
    manager: ApiKey | InvalidKeyError | None,
    wanted: set[str],
    bound_by: str,
) -> None:
    """A look reads what is wanted, each once; the reader of a 0/0 is asked for too if it is another key."""
    read = ScriptedRead(answers)

    status = await look(read, OWN, manager, wanted)

    assert Counter(read.asked) == Counter(answers.keys())
    assert status.spendable.bound_by == bound_by
    assert status.credits in (None, *answers.values())
    assert status.key in (None, answers.get(("/key", OWN)))


@pytest.mark.parametrize(("wanted", "count"), [(ALL, 1), ({"key"}, 0)], ids=["both", "the key alone"])
async def test_an_impossible_management_key_is_a_problem_of_the_wallet(wanted: set[str], count: int) -> None:
    """If the management key has impossible characters, that is a problem if the wallet was asked for."""
    status = await look(ScriptedRead(ONLY_KEY), OWN, BAD_MANAGER, wanted)

    assert (status.credits, status.key) == (None, key("26.83"))
    assert [str(problem) for problem in status.problems] == [str(BAD_MANAGER)] * count
    assert [problem.is_of_management_key for problem in status.problems] == [True] * count


async def test_an_impossible_management_key_alone_is_raised() -> None:
    """If only the wallet is wanted, a management key with impossible characters is the error."""
    read = ScriptedRead({})

    error = await outcome(look(read, OWN, BAD_MANAGER, {"credits"}))

    assert (str(error), read.asked) == (str(BAD_MANAGER), [])
    assert isinstance(error, InvalidKeyError)
    assert error.is_of_management_key
    assert not BAD_MANAGER.is_of_management_key


REFUSED: dict[str, tuple[Answers, ApiKey | None, set[str], str | None, bool | None]] = {
    "the key": ({**MANAGED, ("/key", OWN): UNAUTHORIZED}, MANAGER, ALL, "refused", False),
    "the management key": ({**MANAGED, ("/credits", MANAGER): UNAUTHORIZED}, MANAGER, ALL, "key_limit", True),
    "the key, for the wallet alone": (
        {**BOTH, ("/credits", OWN): UNAUTHORIZED},
        None,
        ALL,
        "key_limit",
        False,
    ),
    "both keys": (
        {("/credits", MANAGER): UNAUTHORIZED, ("/key", OWN): UNAUTHORIZED},
        MANAGER,
        ALL,
        None,
        False,
    ),
    "the management key alone": ({("/credits", MANAGER): UNAUTHORIZED}, MANAGER, {"credits"}, None, True),
    "the key alone": ({("/key", OWN): UNAUTHORIZED}, MANAGER, {"key"}, None, False),
}


@pytest.mark.parametrize(
    ("answers", "manager", "wanted", "bound_by", "is_managers"), REFUSED.values(), ids=REFUSED
)
async def test_a_401_judges_the_key_that_met_it(
    answers: Answers, manager: ApiKey | None, wanted: set[str], bound_by: str | None, is_managers: bool
) -> None:
    """A 401 for `/key` stops a key; one to the management key is marked, and is a problem of the wallet."""
    found = await outcome(look(ScriptedRead(answers), OWN, manager, wanted))

    error = found.problems[0] if isinstance(found, KeyStatus) else found
    assert (found.spendable.bound_by if isinstance(found, KeyStatus) else None) == bound_by
    assert isinstance(error, AuthenticationError)
    assert error.is_of_management_key is is_managers
    assert not UNAUTHORIZED.is_of_management_key


async def test_an_ordinary_keys_wallet_alone_is_one_request() -> None:
    """A 0/0 that an ordinary key reads for the wallet alone is not confirmed by another request."""
    read = ScriptedRead(DOUBTED)

    assert isinstance(await outcome(look(read, OWN, None, {"credits"})), UnconfirmedCreditsError)
    assert read.asked == [("/credits", OWN)]


TOLD = {
    "refused": (
        UNAUTHORIZED,
        MANAGER,
        f"The management key was refused: {UNAUTHORIZED.summary}",
        "Check the management key: quotes or blanks pasted with it, deleted, disabled or expired.",
    ),
    "an ordinary key": (
        FORBIDDEN,
        MANAGER,
        f"The management key is an ordinary key: {FORBIDDEN.summary}",
        "Create a management key at https://openrouter.ai/settings/management-keys, and use that.",
    ),
    "an ordinary key alone": (
        FORBIDDEN,
        OWN,
        f"The management key is an ordinary key: {FORBIDDEN.summary}",
        "Create a management key at https://openrouter.ai/settings/management-keys, and use that.",
    ),
    "an ordinary key that reads zeros": (
        ZERO,
        OWN,
        "The management key is an ordinary key: GET /credits answered 0 of 0, which may be false",
        "Create a management key at https://openrouter.ai/settings/management-keys, and use that.",
    ),
    "a server that fails": (DOWN, MANAGER, DOWN.summary, None),
    "a server that fails, alone": (DOWN, OWN, DOWN.summary, None),
    "no management key": (FORBIDDEN, None, FORBIDDEN.summary, None),
}


@pytest.mark.parametrize(("answer", "manager", "summary", "remedy"), TOLD.values(), ids=TOLD)
async def test_the_fault_of_a_management_key_says_so(
    answer: Any, manager: ApiKey | None, summary: str, remedy: str | None
) -> None:
    """A problem says that the management key was refused, or is none; other faults are as they are."""
    read = ScriptedRead({("/credits", manager or OWN): answer, ("/key", OWN): key("26.83")})

    status = await look(read, OWN, manager, ALL)

    (problem,) = status.problems
    assert (problem.summary, remedy) == (summary, remedy and problem.remedy)
    assert problem.is_of_management_key is (manager == MANAGER or summary.startswith("The management key"))
    assert "The management key" not in FORBIDDEN.summary


async def test_a_zero_of_a_management_key_that_is_not_known_is_not_its_fault() -> None:
    """If `/key` of a management key fails, nothing says that it is an ordinary key."""
    answers: Answers = {("/credits", MANAGER): ZERO, ("/key", MANAGER): DOWN, ("/key", OWN): key("26.83")}

    status = await look(ScriptedRead(answers), OWN, MANAGER, ALL)

    assert [problem.summary for problem in status.problems] == [
        "GET /credits answered 0 of 0, which may be false"
    ]


MISPLACED: dict[str, tuple[ApiKey | None, set[str], str | None]] = {
    "without a management key": (None, ALL, "management_key"),
    "beside another management key": (MANAGER, ALL, "management_key"),
    "the key alone": (None, {"key"}, "management_key"),
    "as its own management key": (OWN, ALL, "wallet"),
    "as its own management key, the key alone": (OWN, {"key"}, None),
    "the wallet alone": (None, {"credits"}, "wallet"),
}


@pytest.mark.parametrize(("manager", "wanted", "bound_by"), MISPLACED.values(), ids=MISPLACED)
async def test_a_management_key_where_an_ordinary_key_was_meant_cannot_spend(
    manager: ApiKey | None, wanted: set[str], bound_by: str | None
) -> None:
    """A management key is INVALID in the place of an ordinary key; as management key it has its wallet."""
    boss = key("5", is_management_key=True)
    answers: Answers = {
        ("/credits", OWN): wallet("74.75"),
        ("/credits", MANAGER): wallet("74.75"),
        ("/key", OWN): boss,
    }

    status = await look(ScriptedRead(answers), OWN, manager, wanted)

    assert status.spendable.bound_by == bound_by
    assert (status.level() is Level.INVALID) is (bound_by == "management_key")
    assert status.problems == ()
    assert status.credits == (wallet("74.75") if "credits" in wanted else None)


async def test_a_zero_without_the_key_is_not_believed() -> None:
    """A 0/0 is an error if only the wallet is wanted: no answer about the key can confirm it."""
    error = await outcome(look(ScriptedRead({("/credits", OWN): ZERO}), OWN, None, {"credits"}))

    assert isinstance(error, UnconfirmedCreditsError)
    assert error.credits == ZERO


@pytest.mark.usefixtures("_in_october")
@pytest.mark.parametrize("answers", [BOTH, EMPTY], ids=["two requests", "three requests"])
async def test_a_look_is_of_the_moment_when_all_is_read(answers: Answers) -> None:
    """`checked_at` is the time, in UTC, when the last answer was there."""
    manager = None if ("/credits", OWN) in answers else MANAGER

    status = await look(ScriptedRead(answers), OWN, manager, ALL)

    assert (status.checked_at, status.checked_at.tzinfo) == (NOW, UTC)


@pytest.mark.parametrize("seconds", [{"/credits": 1.0, "/key": 2.0}, {"/credits": 2.0, "/key": 1.0}])
async def test_wallet_and_key_are_read_at_the_same_time(seconds: dict[str, float]) -> None:
    """Two reads of 1 s and 2 s take 2 s together, whichever is the longer one."""
    with lap() as taken:
        status = await look(ScriptedRead(BOTH, seconds=seconds), OWN, None, ALL)

    assert (status.credits, status.key) == (wallet("74.75"), key("26.83"))
    assert taken.elapsed == pytest.approx(2)


async def test_the_reader_of_a_zero_is_asked_last() -> None:
    """The request that confirms a 0/0 is sent when both others are answered."""
    read = ScriptedRead(EMPTY, seconds={"/credits": 1.0, "/key": 2.0})

    with lap() as taken:
        await look(read, OWN, MANAGER, ALL)

    assert read.asked[-1] == ("/key", MANAGER)
    assert taken.elapsed == pytest.approx(4)


@pytest.mark.parametrize(("fails", "seconds"), [("/credits", 1.0), ("/key", 2.0)])
async def test_an_exception_goes_on_when_the_other_read_has_ended(fails: str, seconds: float) -> None:
    """If one read raises, the other has ended, its clean-up included, before the exception arrives."""
    ended = []

    async def read(path: str, into: Any, key: ApiKey) -> Any:
        if path == fails:
            await asyncio.sleep(1)
            raise ZeroDivisionError
        try:
            await asyncio.sleep(seconds)
        finally:
            await asyncio.sleep(3)
            ended.append("clean-up")

    before = asyncio.all_tasks()
    with lap() as taken, pytest.raises(ZeroDivisionError):
        await look(read, OWN, None, ALL)

    assert ended == ["clean-up"]
    assert taken.elapsed == pytest.approx(4)
    assert asyncio.all_tasks() == before


async def test_an_exception_while_a_zero_is_confirmed_goes_on() -> None:
    """An exception in the request that confirms a 0/0 goes on unchanged, and nothing is left."""
    before = asyncio.all_tasks()

    with pytest.raises(ZeroDivisionError):
        await look(ScriptedRead({**EMPTY, ("/key", MANAGER): ZeroDivisionError()}), OWN, MANAGER, ALL)

    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(
    ("seconds", "under_way"),
    [
        ({"/credits": 60.0, "/key": 60.0}, 2),
        ({"/credits": 60.0, "/key": 0.0}, 1),
        ({"/credits": 0.0, "/key": 60.0}, 1),
    ],
    ids=["both under way", "the wallet under way", "the key under way"],
)
async def test_a_cancellation_ends_both_reads(seconds: dict[str, float], under_way: int) -> None:
    """If the caller is cancelled, each read that is under way is cancelled, and nothing is left."""
    cancelled = []

    async def read(path: str, into: Any, key: ApiKey) -> Any:
        try:
            return await ScriptedRead(BOTH, seconds=seconds)(path, into, key)
        except asyncio.CancelledError:
            cancelled.append(path)
            raise

    before = asyncio.all_tasks()
    task = asyncio.ensure_future(look(read, OWN, None, ALL))
    await asyncio.sleep(1)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(cancelled) == under_way
    assert asyncio.all_tasks() == before


# `confirm()`


async def test_a_wallet_with_figures_needs_no_confirmation() -> None:
    """A wallet that is not 0/0 is returned as it is, without a request."""
    read = ScriptedRead({})

    assert await confirm(read, wallet("0"), OWN) == wallet("0")
    assert read.asked == []


async def test_a_zero_that_its_reader_confirms_is_returned() -> None:
    """A 0/0 is returned if `/key` says that the key that read it is a management key; one request is sent."""
    read = ScriptedRead({("/key", MANAGER): key(is_management_key=True)})

    assert await confirm(read, ZERO, MANAGER) == ZERO
    assert read.asked == [("/key", MANAGER)]


@pytest.mark.parametrize(
    ("reader", "reasons"), [(key(), []), (DOWN, [ServerError])], ids=["in use", "unreadable"]
)
async def test_a_zero_that_nothing_confirms_is_raised(
    reader: KeyInfo | OpenRouterError, reasons: list[type[Exception]]
) -> None:
    """A 0/0 raises an error if `/key` does not confirm it, or cannot be read: its error is a problem."""
    error = await outcome(confirm(ScriptedRead({("/key", OWN): reader}), ZERO, OWN))

    assert isinstance(error, UnconfirmedCreditsError)
    assert (error.credits, [type(problem) for problem in error.problems]) == (ZERO, reasons)


# `assess()`


UNKNOWN = Spendable(None, None, None, "unknown")
NOTHING = Spendable(Decimal(0), "wallet", None, "complete")


@pytest.mark.parametrize(
    ("credits_", "info", "seen", "certainty", "problems"),
    [
        (wallet("74.75"), key("26.83"), (True, True), "complete", []),
        (wallet("74.75"), None, (True, False), "at_most", []),
        (None, key("26.83"), (False, True), "at_most", []),
        (None, key(), (False, True), "unknown", []),
        (FORBIDDEN, key("26.83"), (False, True), "at_most", [FORBIDDEN]),
        (wallet("74.75"), DOWN, (True, False), "at_most", [DOWN]),
    ],
)
def test_either_may_be_missing_without_hiding_the_other(
    credits_: Credits | OpenRouterError | None,
    info: KeyInfo | OpenRouterError | None,
    seen: tuple[bool, bool],
    certainty: str,
    problems: list[OpenRouterError],
) -> None:
    """A status holds the wallet or the key that was read, and in `problems` the error of the other one."""
    result = assess(credits_, info, wallet_reader=None, now=NOW)

    assert result.credits == (credits_ if seen[0] else None)
    assert result.key == (info if seen[1] else None)
    assert result.spendable == spendable(result.credits, result.key, NOW)
    assert (result.spendable.certainty, list(result.problems), result.checked_at) == (
        certainty,
        problems,
        NOW,
    )


@pytest.mark.parametrize(
    ("credits_", "info", "raised", "problems"),
    [
        (DOWN, UNAUTHORIZED, AuthenticationError, [ServerError]),
        (UNAUTHORIZED, DOWN, ServerError, [AuthenticationError]),
        (ZERO, UNAUTHORIZED, AuthenticationError, [UnconfirmedCreditsError]),
        (None, UNAUTHORIZED, AuthenticationError, []),
        (FORBIDDEN, None, ManagementKeyRequiredError, []),
        (ZERO, None, UnconfirmedCreditsError, []),
    ],
)
def test_nothing_readable_is_an_error(
    credits_: Credits | OpenRouterError | None,
    info: OpenRouterError | None,
    raised: type[OpenRouterError],
    problems: list[type[OpenRouterError]],
) -> None:
    """If nothing was read, the key's error is raised, with the wallet's, if any, in its problems."""
    with pytest.raises(raised) as caught:
        assess(credits_, info, wallet_reader=info, now=NOW)

    assert type(caught.value) is raised
    assert [type(problem) for problem in caught.value.problems] == problems


def test_an_error_that_many_keys_share_is_not_changed() -> None:
    """An error that many keys share is copied before it is raised, so that each has its own problems."""
    shared = APIConnectionError("Could not connect")

    for _ in range(2):
        with pytest.raises(APIConnectionError) as caught:
            assess(FORBIDDEN, shared, wallet_reader=None, now=NOW)
        assert [str(problem) for problem in caught.value.problems] == [str(FORBIDDEN)]
        assert str(caught.value) == str(shared)

    assert (shared.problems, shared.__traceback__, FORBIDDEN.problems) == ((), None, ())


def test_each_part_that_is_unread_is_a_problem() -> None:
    """Each part of the key that could not be read is a problem, before the wallet's, and there is no OK."""
    info = key("26.83", unread=("budgets[1]", "expires_at"))

    alone, both = (
        assess(credits_, info, wallet_reader=None, now=NOW) for credits_ in (wallet("74.75"), FORBIDDEN)
    )

    assert [problem.summary for problem in both.problems] == [
        "GET /key: budgets[1] could not be read",
        "GET /key: expires_at could not be read",
        FORBIDDEN.summary,
    ]
    assert problems(alone) == [InvalidResponseError] * 2
    assert (figures(alone), alone.level()) == (("26.83", "key_limit", "at_most"), Level.UNKNOWN)
    assert (alone.level(warn=27), alone.spendable.covers(5)) == (Level.LOW, None)


def test_an_unconfirmed_zero_is_no_amount() -> None:
    """A 0/0 that nothing confirms is a problem that holds the figures, and it bounds nothing."""
    used = key(usage=Decimal("3.17"))

    result = assess(ZERO, used, wallet_reader=used, now=NOW)

    assert (result.credits, result.spendable) == (None, UNKNOWN)
    (problem,) = result.problems
    assert isinstance(problem, UnconfirmedCreditsError)
    assert problem.credits == ZERO
    assert result.level() is Level.UNKNOWN


def test_a_confirmed_zero_is_an_amount() -> None:
    """A 0/0 that was read with a management key is exactly $0."""
    result = assess(ZERO, key("5"), wallet_reader=key(is_management_key=True), now=NOW)

    assert (result.credits, result.spendable, result.problems) == (ZERO, NOTHING, ())
    assert result.level() is Level.DEPLETED


def test_the_reader_is_looked_at_only_for_a_zero() -> None:
    """A spent wallet, which is not 0/0, is believed whatever `/key` says of the key that read it."""
    results = [assess(wallet("0"), key(), wallet_reader=reader, now=NOW) for reader in (None, DOWN, key())]

    assert [result.spendable for result in results] == [NOTHING] * 3


NO_USE: dict[str, Any] = dict.fromkeys(COUNTERS, Decimal(0))
UNUSED = key(is_free_tier=True, **NO_USE)


@pytest.mark.parametrize(
    ("reader", "confirmed"),
    [
        (None, False),
        (DOWN, False),
        (key(is_management_key=True), True),
        (UNUSED, True),
        (key(usage=Decimal(0), is_free_tier=True), True),
        (attrs.evolve(UNUSED, is_free_tier=False), False),
        (attrs.evolve(UNUSED, is_free_tier=None), False),
    ],
    ids=[
        "no reader",
        "unreadable",
        "management key",
        "unused",
        "unused, without periods",
        "has paid",
        "may have paid",
    ],
)
def test_a_zero_needs_a_key_that_bears_it_out(
    reader: KeyInfo | OpenRouterError | None, confirmed: bool
) -> None:
    """A management key confirms a 0/0, as does a key of an account that never paid nor used anything."""
    doubt = unconfirmed(ZERO, reader)

    assert (doubt is None) is confirmed
    assert confirmed or (isinstance(doubt, UnconfirmedCreditsError) and doubt.credits == ZERO)


def test_any_use_belies_a_zero() -> None:
    """A single counter of use above 0, for whatever period, leaves a 0/0 unconfirmed."""
    used: dict[str, dict[str, Any]] = {counter: {counter: Decimal("1E-9")} for counter in COUNTERS}

    ignored = [
        counter for counter in COUNTERS if unconfirmed(ZERO, attrs.evolve(UNUSED, **used[counter])) is None
    ]

    assert ignored == []


def test_a_doubt_tells_why_the_key_could_not_be_asked() -> None:
    """A doubted 0/0 holds the error of `/key` without its attempts, which would pin memory."""
    down = ServerError("Service temporarily unavailable", status=503)
    down.attempts = (Attempt(DOWN, status=503, elapsed=0.25, waited=0.0),)

    doubt = unconfirmed(ZERO, down)

    assert doubt is not None
    assert [(type(problem), problem.attempts) for problem in doubt.problems] == [(ServerError, ())]


# A wallet that may not be read


async def test_a_key_that_may_not_read_the_wallet_has_its_limit(
    fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """A 403 for the wallet leaves the key's limit as an upper bound, and a problem with a remedy."""
    key = fake_openrouter.add_account(credits="100.50").add_key(limit=30, usage="3.17")

    status = await connect(fake_openrouter, key).status()

    assert figures(status) == ("26.83", "key_limit", "at_most")
    assert (status.credits, problems(status)) == (None, [ManagementKeyRequiredError])
    assert "https://openrouter.ai/settings/management-keys" in status.problems[0].remedy
    assert [status.spendable.covers(dollars) for dollars in (26, 27)] == [None, False]
    assert paths(fake_openrouter) == {"/credits": 1, "/key": 1}


async def test_no_limit_and_no_wallet_is_unknown(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """A key without a limit has no amount if its wallet cannot be read: the level is UNKNOWN."""
    key = fake_openrouter.add_account(credits=100).add_key()

    status = await connect(fake_openrouter, key).status()

    assert status.spendable == Spendable(None, None, None, "unknown")
    assert (status.level(), status.spendable.covers(0)) == (Level.UNKNOWN, None)
    assert "$" not in status.explain()


@pytest.mark.parametrize(("limit", "level"), [(100, Level.UNKNOWN), (9, Level.LOW)])
async def test_an_upper_bound_decides_downwards_only(
    limit: int, level: Level, fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """A limit without its wallet can make a level LOW, but not OK: the wallet may hold less."""
    key = fake_openrouter.add_account(credits=100).add_key(limit=limit)

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), status.level()) == ((str(limit), "key_limit", "at_most"), level)


async def test_a_management_key_reads_the_wallet_for_the_key(
    fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """A management key reads the wallet, and the ordinary key its own limit: the status is complete."""
    account = fake_openrouter.add_account(credits="100.50", usage="25.75")
    key, boss = account.add_key(limit=30, usage="3.17"), account.add_key(management=True)

    status = await connect(fake_openrouter, key, management_key=boss).status()

    assert (figures(status), problems(status)) == (("26.83", "key_limit", "complete"), [])
    assert status.explain() == "$26.83 left, limited by the key's limit (wallet: $74.75)."
    assert sorted((request.path, request.key) for request in fake_openrouter.requests) == [
        ("/credits", str(boss)),
        ("/key", str(key)),
    ]


async def test_a_management_key_has_its_wallet_and_nothing_else(
    fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """Given as the management key alone, a key has its wallet; in the place of another, it is INVALID."""
    account = fake_openrouter.add_account(credits="100.50", usage="25.75")
    boss = account.add_key(management=True, limit=5, budgets=[FakeBudget("workspace", 3)])

    alone = await connect(fake_openrouter, None, management_key=boss).status()
    as_key = await connect(fake_openrouter, boss).status()

    assert (figures(alone), alone.level()) == (("74.75", "wallet", "complete"), Level.OK)
    assert (figures(as_key), as_key.level()) == (("0", "management_key", "complete"), Level.INVALID)
    assert alone.key == as_key.key
    assert alone.credits == as_key.credits == wallet("74.75")
    assert alone.key is not None
    assert alone.key.is_management_key is True


# 0/0 for the wallet


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(None, (None, None, "unknown")), (30, ("26.83", "key_limit", "at_most"))],
    ids=["no cap", "cap"],
)
async def test_a_zero_that_the_keys_use_belies_is_no_amount(
    limit: int | None,
    expected: tuple[str | None, str | None, str],
    fake_openrouter: FakeOpenRouter,
    connect: Connect,
) -> None:
    """A 0/0 for a key that has been used is a problem, not an amount, and no third request is sent."""
    key = fake_openrouter.add_account(credits=100, usage="3.17").add_key(
        limit=limit, usage="3.17", credits_reply="zeros"
    )

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), status.credits) == (expected, None)
    (problem,) = status.problems
    assert isinstance(problem, UnconfirmedCreditsError)
    assert (problem.credits, problem.problems) == (ZERO, ())
    assert status.level() is Level.UNKNOWN
    assert paths(fake_openrouter) == {"/credits": 1, "/key": 1}


async def test_a_new_account_has_exactly_nothing(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """A 0/0 of an account that has never paid nor used anything is believed: exactly $0 is left."""
    key = fake_openrouter.add_account(free_tier=True).add_key(credits_reply="real")

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), status.credits, problems(status)) == (("0", "wallet", "complete"), ZERO, [])
    assert (status.level(), status.explain()) == (Level.DEPLETED, "Nothing left: the wallet is empty.")


async def test_a_fresh_key_does_not_bear_a_zero_out(
    fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """A 0/0 for an unused key of an account that has paid is not believed."""
    key = fake_openrouter.add_account(free_tier=False).add_key(credits_reply="zeros")

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), problems(status)) == ((None, None, "unknown"), [UnconfirmedCreditsError])


@pytest.mark.parametrize("absent", [{}, {"is_free_tier": "true"}], ids=repr)
async def test_a_free_tier_that_is_not_said_bears_nothing_out(
    absent: dict[str, Any], mocked: aioresponses
) -> None:
    """A 0/0 is not believed if `is_free_tier` is missing or anything but JSON true."""
    status = await read_bodies(mocked, sample("credits-unconfirmed-zero"), key_data(usage=0, **absent))

    assert (figures(status), problems(status)) == ((None, None, "unknown"), [UnconfirmedCreditsError])


async def test_a_zero_is_borne_out_by_the_key_that_read_it(
    fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """A 0/0 is confirmed by the key that read it; the other key of the client confirms nothing."""
    impostor = fake_openrouter.add_account(credits=100).add_key(credits_reply="zeros")
    key = fake_openrouter.add_account(free_tier=True).add_key(limit=30)

    status = await connect(fake_openrouter, key, management_key=impostor).status()

    assert (figures(status), problems(status)) == (("30", "key_limit", "at_most"), [UnconfirmedCreditsError])
    asked = Counter((request.path, request.key) for request in fake_openrouter.requests)
    assert asked == {("/credits", str(impostor)): 1, ("/key", str(impostor)): 1, ("/key", str(key)): 1}


async def test_a_management_key_bears_a_zero_out(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """A 0/0 that a management key reads is believed: it may read the wallet, and the wallet is empty."""
    account = fake_openrouter.add_account()
    key, boss = account.add_key(limit=30), account.add_key(management=True)

    status = await connect(fake_openrouter, key, management_key=boss).status()

    assert (figures(status), problems(status)) == (("0", "wallet", "complete"), [])


async def test_a_reader_that_cannot_be_asked_bears_nothing_out(
    fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """A 0/0 is not believed if `/key` of the key that read it fails; the problem holds that error."""
    account = fake_openrouter.add_account()
    client = connect(
        fake_openrouter, account.add_key(limit=30), management_key=account.add_key(management=True)
    )
    fake_openrouter.script("/key", Reply(200, {"data": key_data()}), Reply(404))

    status = await client.status()

    assert problems(status) == [UnconfirmedCreditsError]
    assert [str(problem) for problem in status.problems[0].problems] == [
        "404 Resource not found. Check the address (base_url) and the path."
    ]
    assert status.level() is Level.UNKNOWN


# Several bounds


@pytest.mark.usefixtures("_in_october")
async def test_the_smallest_bound_binds(mocked: aioresponses) -> None:
    """The smallest bound, here a workspace budget, is the amount, and the sentence names its reset."""
    key = json.loads(sample("key-2026-10"))["data"] | {"limit_remaining": 60}

    status = await read_bodies(mocked, sample("credits-spec"), key)

    assert status.spendable == Spendable(
        Decimal("11.75"), "workspace", datetime(2026, 10, 26, tzinfo=UTC), "complete"
    )
    assert (
        status.explain()
        == "$11.75 left until Monday 00:00 UTC, limited by the workspace budget (wallet: $74.75)."
    )
    assert (status.checked_at, status.level(), status.level(warn=12)) == (NOW, Level.OK, Level.LOW)


@pytest.mark.usefixtures("_in_october")
async def test_all_bounds_of_a_recorded_body_are_listed(mocked: aioresponses) -> None:
    """A status lists the wallet, the key's limit and the budgets, each as its body has it."""
    status = await read_bodies(mocked, sample("credits-spec"), sample("key-2026-10"))

    assert list(status.spendable.bounds) == [
        Bound("wallet", Decimal("74.75"), Decimal("100.5"), Decimal("25.75")),
        Bound(
            "key_limit",
            Decimal("454.542594979"),
            Decimal(500),
            Decimal("45.457405021"),
            "monthly",
            datetime(2026, 11, 1, tzinfo=UTC),
        ),
        Bound(
            "workspace",
            Decimal("11.75"),
            Decimal(60),
            Decimal("48.25"),
            "weekly",
            datetime(2026, 10, 26, tzinfo=UTC),
            binds=True,
        ),
    ]


@pytest.mark.usefixtures("_in_october")
async def test_each_bound_binds_in_its_turn(connect: Connect) -> None:
    """The bound changes as money is spent and bought: from a budget to the wallet, and back."""
    weekly = FakeBudget("workspace", 60, "48.25", reset_interval="weekly")
    async with in_this_loop(FakeOpenRouter(now=lambda: NOW)) as fake:
        account = fake.add_account(credits=40)
        key = account.add_key(credits_reply="real", limit=20, limit_reset="monthly", budgets=[weekly])
        client = connect(fake, key)

        before = await client.status()
        fake.spend(key, "12.75")
        overdrawn = await client.status()
        account.usage += 30
        empty = await client.status()
        account.credits += 1000
        bought = await client.status()
        await client.close()

    monday = datetime(2026, 10, 26, tzinfo=UTC)
    assert [status.spendable for status in (before, overdrawn, empty, bought)] == [
        Spendable(Decimal("11.75"), "workspace", monday, "complete"),
        Spendable(Decimal(-1), "workspace", monday, "complete"),
        Spendable(Decimal("-2.75"), "wallet", None, "complete"),
        Spendable(Decimal(-1), "workspace", monday, "complete"),
    ]
    assert [status.level() for status in (before, overdrawn, empty, bought)] == [Level.OK] + [
        Level.DEPLETED
    ] * 3


@pytest.mark.usefixtures("_in_october")
async def test_a_tie_is_the_keys_limit(mocked: aioresponses) -> None:
    """If the key's limit and budgets are equal, the limit is the bound, with its own reset."""
    budgets = [
        {"scope": scope, "remaining_usd": 5.0, "resets_at": "2026-10-26T00:00:00Z"}
        for scope in ("workspace", "key_limit")
    ]

    status = await read_bodies(
        mocked,
        sample("credits-spec"),
        key_data(limit=10, limit_remaining=5, limit_reset="monthly", budgets=budgets),
    )

    assert status.spendable == Spendable(
        Decimal(5), "key_limit", datetime(2026, 11, 1, tzinfo=UTC), "complete"
    )
    assert (
        status.explain()
        == "$5.00 left until 1 November 00:00 UTC, limited by the key's limit (wallet: $74.75)."
    )


async def test_a_debt_stays_a_debt(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """A wallet below zero is a negative amount, not 0."""
    key = fake_openrouter.add_account(credits=5, usage="7.75").add_key(credits_reply="real", limit=100)

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), status.level()) == (("-2.75", "wallet", "complete"), Level.DEPLETED)
    assert status.explain() == "Nothing left: the account owes $2.75."


@pytest.mark.usefixtures("_in_october")
async def test_a_cap_below_zero_binds(mocked: aioresponses) -> None:
    """A limit overdrawn by requests under way is a negative amount, and DEPLETED."""
    status = await read_bodies(mocked, sample("credits-spec"), sample("key-over-limit"))

    assert status.spendable == Spendable(
        Decimal("-0.204117"), "key_limit", datetime(2026, 10, 22, tzinfo=UTC), "complete"
    )
    assert status.level() is Level.DEPLETED
    assert (
        status.explain()
        == "Nothing left (-$0.21) until Thursday 00:00 UTC: the key's limit is spent (wallet: $74.75)."
    )


# Bodies as OpenRouter sends them


@pytest.mark.usefixtures("_in_october")
async def test_the_window_is_not_the_lifetime(mocked: aioresponses) -> None:
    """A monthly limit of $500 with $454.54 left has used $45.46, whatever the lifetime usage of $433.29."""
    status = await read_bodies(mocked, {"total_credits": 1000, "total_usage": 0}, sample("key-monthly-cap"))

    assert figures(status) == ("454.542594979", "key_limit", "complete")
    assert status.key is not None
    assert (str(status.key.used_in_window), str(status.key.usage_monthly)) == ("45.457405021", "45.457405021")
    assert (
        status.explain()
        == "$454.54 left until 1 November 00:00 UTC, limited by the key's limit (wallet: $1,000.00)."
    )


async def test_the_shape_of_2025_is_read(mocked: aioresponses) -> None:
    """A `/key` body of 2025, without periods, expiry and budgets, is read: these fields are None, not 0."""
    status = await read_bodies(mocked, sample("credits-integer"), sample("key-2025"))

    assert (figures(status), problems(status)) == (("3.31088086", "wallet", "complete"), [])
    assert status.key is not None
    assert {
        status.key.usage_daily,
        status.key.usage_monthly,
        status.key.expires_at,
        status.key.limit_reset,
        status.key.budgets,
    } == {None}
    assert status.explain() == "$3.31 left, limited by the wallet."


@pytest.mark.parametrize("shape", ["2025", "2026-08", "2026-10"])
async def test_every_shape_comes_to_the_same(
    shape: Any, fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """Each shape that `/key` has had over the years gives the same amount and level."""
    key = fake_openrouter.add_account(credits=100).add_key(
        credits_reply="real", limit=30, usage="3.17", shape=shape
    )

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), status.level()) == (("26.83", "key_limit", "complete"), Level.OK)


async def test_whole_numbers_are_read_however_they_are_written(mocked: aioresponses) -> None:
    """An amount may be written as an integer, and a count as `10.0`."""
    quota = {"limit": 50, "used": 10.0, "remaining": 40.0}

    status = await read_bodies(
        mocked, b'{"data":{"total_credits":5,"total_usage":2.0}}', key_data(free_model_daily_requests=quota)
    )

    assert figures(status) == ("3", "wallet", "complete")
    assert status.key is not None
    free = status.key.free_model_daily_requests
    assert free is not None
    assert [(count, type(count)) for count in (free.limit, free.used, free.remaining)] == [
        (50, int),
        (10, int),
        (40, int),
    ]


async def test_unknown_words_are_kept_and_counted(mocked: aioresponses) -> None:
    """A limit of an unknown window is kept and has no reset; a budget of an unknown scope is a bound."""
    budgets = [
        {"scope": "galaxy_\x1b[2J", "remaining_usd": 7, "reset_interval": "yearly", "resets_at": "soon"}
    ]
    key = key_data(limit=10, limit_remaining=8, limit_reset="fortnightly", budgets=budgets)

    status = await read_bodies(mocked, sample("credits-spec"), key)

    assert status.spendable == Spendable(Decimal(7), "galaxy_\x1b[2J", None, "at_most")
    assert [problem.summary for problem in status.problems] == [
        "GET /key: budgets[0].resets_at could not be read"
    ]
    assert status.key is not None
    assert (status.key.limit_reset, status.key.next_reset(NOW)) == ("fortnightly", None)
    assert status.explain() == (
        "At most $7.00 left, limited by the galaxy [2J budget "
        "(wallet: $74.75, budgets[0].resets_at could not be read)."
    )


async def test_a_label_is_what_the_server_says(mocked: aioresponses) -> None:
    """A label that looks like markup is kept unchanged."""
    status = await read_bodies(mocked, sample("credits-spec"), key_data(label="[bold red]"))

    assert status.key is not None
    assert status.key.label == "[bold red]"


async def test_a_float_adds_no_noise(mocked: aioresponses) -> None:
    """Amounts are subtracted as the body writes them: 100.3 - 56.671895005 is exactly 43.628104995."""
    status = await read_bodies(mocked, sample("credits-noise"), key_data())

    assert figures(status) == ("43.628104995", "wallet", "complete")


async def test_a_null_is_not_a_zero(mocked: aioresponses) -> None:
    """A wallet with a null amount counts as unread, and so does a limit with a null remainder."""
    no_wallet = await read_bodies(
        mocked, {"total_credits": None, "total_usage": 0}, key_data(limit=10, limit_remaining=7)
    )
    no_cap = await read_bodies(mocked, sample("credits-spec"), key_data(limit=10, limit_remaining=None))

    assert [problems(status) for status in (no_wallet, no_cap)] == [[InvalidResponseError]] * 2
    assert [figures(status) for status in (no_wallet, no_cap)] == [
        ("7", "key_limit", "at_most"),
        ("74.75", "wallet", "at_most"),
    ]
    assert no_cap.explain() == "At most $74.75 left, limited by the wallet (not all limits could be read)."
    assert no_cap.key is not None
    assert (no_cap.key.limit, no_cap.key.limit_remaining) == (10, None)


# Keys that end


async def test_an_expired_key_is_invalid(mocked: aioresponses) -> None:
    """A key past its `expires_at` is INVALID and covers nothing, although its wallet was read."""
    status = await read_bodies(mocked, sample("credits-spec"), key_data(expires_at="2025-12-31T23:59:59Z"))

    assert (figures(status), status.level()) == (("0", "expired", "complete"), Level.INVALID)
    assert status.spendable.covers(5) is False
    assert status.explain() == "The key has expired: 31 December 2025 23:59 UTC (wallet: $74.75)."


@pytest.mark.usefixtures("_in_october")
async def test_a_key_that_expires_in_three_days_says_so(
    fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """A key that expires in three days is OK, and the sentence says when it expires."""
    expires_at = NOW + timedelta(days=3)
    fake_openrouter.script("/key", Reply(200, {"data": key_data(expires_at=expires_at.isoformat())}))
    key = fake_openrouter.add_account(credits="74.75").add_key(credits_reply="real")

    status = await connect(fake_openrouter, key).status()

    assert status.key is not None
    assert (status.key.expires_at, status.level()) == (expires_at, Level.OK)
    assert status.explain() == "$74.75 left, limited by the wallet; the key expires Saturday 13:05 UTC."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expires_at": datetime(2026, 1, 1, tzinfo=UTC)}, "401 API key expired."),
        ({"disabled": True}, "401 User not found."),
    ],
    ids=["expired", "disabled"],
)
async def test_a_key_that_is_refused_with_a_wallet_that_is_read_is_invalid(
    options: dict[str, Any], message: str, fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """A key that is refused is INVALID, although a management key reads the wallet of its account."""
    account = fake_openrouter.add_account(credits="74.75")
    key, boss = account.add_key(**options), account.add_key(management=True)

    status = await connect(fake_openrouter, key, management_key=boss).status()

    assert (problems(status), status.level()) == ([AuthenticationError], Level.INVALID)
    assert (figures(status), status.spendable.covers(5)) == (("0", "refused", "complete"), False)
    assert status.explain() == f"The key is not valid: {message.rstrip('.')} (wallet: $74.75)."


# Faults


async def test_two_refusals_are_the_keys(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """If `/credits` and `/key` both answer 401, the key's error is raised, after one request each."""
    error = await outcome(connect(fake_openrouter).status())

    assert type(error) is AuthenticationError
    assert error.message == "User not found."
    assert [type(problem) for problem in error.problems] == [AuthenticationError]
    assert paths(fake_openrouter) == {"/credits": 1, "/key": 1}
    assert KEY not in str(error) + repr(error)


async def test_the_keys_error_goes_before_the_wallets(
    fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """If `/key` answers 401 and `/credits` 503, the 401 is raised with the 503 in its problems."""
    fake_openrouter.script("/credits", Reply(503), Reply(503), Reply(503))

    error = await outcome(connect(fake_openrouter).status())

    assert type(error) is AuthenticationError
    assert [(type(problem), len(problem.attempts)) for problem in error.problems] == [(ServerError, 3)]
    assert paths(fake_openrouter) == {"/credits": 3, "/key": 1}


async def test_the_keys_error_goes_first_even_if_it_may_pass(
    fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """If `/key` answers 503 and `/credits` 0/0, the 503 is raised, with the doubted 0/0 a problem."""
    key = fake_openrouter.add_account().add_key(credits_reply="zeros")
    fake_openrouter.script("/key", Reply(503), Reply(503), Reply(503))

    error = await outcome(connect(fake_openrouter, key).status())

    assert type(error) is ServerError
    (doubt,) = error.problems
    assert isinstance(doubt, UnconfirmedCreditsError)
    assert [type(problem) for problem in doubt.problems] == [ServerError]
    assert paths(fake_openrouter) == {"/credits": 1, "/key": 3}


async def test_a_key_that_cannot_be_read_leaves_the_wallet(
    fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """A key that cannot be read leaves the wallet as an upper bound."""
    key = fake_openrouter.add_account(credits="74.75").add_key(credits_reply="real", limit=3)
    fake_openrouter.script("/key", Reply(503), Reply(503), Reply(503))

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), status.key, problems(status)) == (
        ("74.75", "wallet", "at_most"),
        None,
        [ServerError],
    )
    assert (status.level(), status.level(warn=100)) == (Level.UNKNOWN, Level.LOW)
    assert status.explain() == "At most $74.75 left, limited by the wallet (key: not read)."


async def test_faults_that_pass_leave_no_trace(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """If both endpoints answer after two failures each, the status is complete and has no problems."""
    key = fake_openrouter.add_account(credits="74.75").add_key(credits_reply="real", limit=100)
    for path in ("/credits", "/key"):
        fake_openrouter.script(path, Reply(503), Reply(502, b"<html>"))

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), problems(status)) == (("74.75", "wallet", "complete"), [])
    assert paths(fake_openrouter) == {"/credits": 3, "/key": 3}


@pytest.mark.parametrize(("hangs", "expected"), [("/credits", "key_limit"), ("/key", "wallet")])
async def test_an_endpoint_that_hangs_does_not_hide_the_other(
    hangs: str, expected: str, fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """An endpoint that never answers times out, and the status holds what the other one answered."""
    key = fake_openrouter.add_account(credits=50).add_key(credits_reply="real", limit=40)
    fake_openrouter.script(hangs, Hang())

    status = await connect(fake_openrouter, key, retry=RetryPolicy(attempts=1), timeout=0.5).status()

    assert (problems(status), status.spendable.bound_by, status.spendable.certainty) == (
        [APITimeoutError],
        expected,
        "at_most",
    )


async def test_a_client_closed_meanwhile_is_no_status(
    fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """If the client is closed while `status()` waits for `/credits`, it raises ClientClosedError."""
    key = fake_openrouter.add_account(credits=50).add_key(credits_reply="real")
    fake_openrouter.script("/credits", Hang())
    client = connect(fake_openrouter, key)

    call = asyncio.ensure_future(outcome(client.status()))
    await until(lambda: paths(fake_openrouter) == {"/credits": 1, "/key": 1})
    await client.close()

    assert type(await call) is ClientClosedError


async def test_a_status_is_of_now(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """`checked_at` is the present time, in UTC."""
    key = fake_openrouter.add_account(credits=50).add_key(credits_reply="real")
    before = datetime.now(UTC)

    status = await connect(fake_openrouter, key).status()

    assert before <= status.checked_at <= datetime.now(UTC)
    assert status.checked_at.tzinfo is UTC


async def test_another_keys_status_takes_nothing_from_this_one(
    fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """A client made by `with_key()` reads no wallet with the management key of the first client."""
    account, other = fake_openrouter.add_account(credits=50), fake_openrouter.add_account(credits=7)
    client = connect(fake_openrouter, account.add_key(), management_key=account.add_key(management=True))

    statuses = await asyncio.gather(
        client.status(),
        client.with_key(other.add_key(limit=30)).status(),
        client.with_key(other.add_key(limit=30), management_key=other.add_key(management=True)).status(),
        outcome(client.with_key(OTHER_KEY).status()),
    )

    assert [figures(status) for status in statuses[:3]] == [
        ("50", "wallet", "complete"),
        ("30", "key_limit", "at_most"),
        ("7", "wallet", "complete"),
    ]
    assert isinstance(statuses[3], AuthenticationError)
