"""The guard: nothing starts that cannot be paid, a failed look is no pass, and many callers are one look."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import pytest

from openrouter_credits import (
    APIConnectionError,
    AuthenticationError,
    ClientClosedError,
    CreditsClient,
    InsufficientCreditsError,
    InvalidResponseError,
    ManagementKeyRequiredError,
    MissingKeyError,
    OpenRouterError,
    ServerError,
    Spendable,
    UnconfirmedCreditsError,
    UnknownCreditsError,
)
from tests.kit.clock import now, settle
from tests.kit.hosts import client_of, credits_of, key_of
from tests.kit.values import KEY, MASK, OTHER_KEY
from tests.kit.wire import Connect, Serve, Server, Step, Wire, bound_socket, refusal, reply, sends

from ._ledger import path_of

if TYPE_CHECKING:
    from openrouter_credits._call.protocol import Reply
    from openrouter_credits._call.request import Request

    from ._sinks import Watch

pytestmark = pytest.mark.row(77)

Read = tuple[Literal["credits", "key"], ...]
BOTH: Read = ("credits", "key")
KEY_ONLY: Read = ("key",)
WALLET_ONLY: Read = ("credits",)

DOWN = refusal(503, "Down")
REFUSED = refusal(401, "User not found.")
HIDDEN = refusal(403, "Only management keys can perform this operation")
GARBAGE = reply(200, {"data": {"total_credits": "many"}})
FREE: dict[str, Any] = {
    "label": MASK,
    "usage": 3,
    "limit": None,
    "is_free_tier": False,
    "is_management_key": False,
}


def wallet(remaining: float) -> bytes:
    """Answer as `/credits` does for a wallet in which this amount is left."""
    return reply(200, {"data": {"total_credits": 100, "total_usage": 100 - remaining}})


def capped(remaining: float | None, **fields: Any) -> bytes:
    """Answer as `/key` does for a key with a limit of which this amount is left; `None` is no limit."""
    limit = {} if remaining is None else {"limit": 30, "limit_remaining": remaining, "limit_reset": "monthly"}
    return reply(200, {"data": {**FREE, **limit, **fields}})


def both(credits: Step, key: Step) -> Step:
    """Answer `/credits` with one step, and `/key` with another."""

    async def behave(wire: Wire) -> None:
        step = credits if path_of(wire.received) == "/credits" else key
        await (wire.write(step) if isinstance(step, bytes) else step(wire))

    return behave


def looks(server: Server) -> Counter[str]:
    """Count the requests by their paths."""
    return Counter(path_of(asked) for asked in server.received)


@pytest.fixture
def owner(connect: Connect) -> Callable[..., CreditsClient]:
    """Make clients with a key and its account's management key."""
    return lambda server, **options: connect(server, KEY, management_key=OTHER_KEY, **options)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """List what the package has logged as a warning."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and record.name.startswith("openrouter_credits")
    ]


# Require.

ENOUGH: dict[str, tuple[Step, Step, Read, Decimal]] = {
    "both are enough": (wallet(50), capped(20), BOTH, Decimal(20)),
    "no key limit": (wallet(50), capped(None), BOTH, Decimal(50)),
    "just enough": (wallet(5), capped(None), BOTH, Decimal(5)),
    "the key alone": (HIDDEN, capped(20), KEY_ONLY, Decimal(20)),
    "the wallet alone": (wallet(50), DOWN, WALLET_ONLY, Decimal(50)),
}


@pytest.mark.parametrize(("credits", "key", "read", "left"), ENOUGH.values(), ids=ENOUGH)
async def test_what_can_be_paid_passes(
    credits: Step,
    key: Step,
    read: Read,
    left: Decimal,
    serve: Serve,
    connect: Connect,
    fault: Watch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If all that was asked for is read and covers the amount, it is returned, and no warning is logged."""
    server = await serve(both(credits, key))

    spendable = await fault.value(connect(server).require(5, read=read))

    assert isinstance(spendable, Spendable)
    assert spendable.amount == left
    assert warnings_of(caplog) == []


TOO_LITTLE: dict[str, tuple[Step, Step, Read, str]] = {
    "the wallet": (wallet(4.99), capped(20), BOTH, "wallet"),
    "an empty wallet": (wallet(0), capped(20), BOTH, "wallet"),
    "a debt": (wallet(-3), capped(None), BOTH, "wallet"),
    "the key limit": (wallet(50), capped(4.99), BOTH, "key_limit"),
    "the key limit, with a hidden wallet": (HIDDEN, capped(1), BOTH, "key_limit"),
    "the key limit, with the wallet down": (DOWN, capped(1), BOTH, "key_limit"),
    "the wallet, with the key down": (wallet(1), DOWN, BOTH, "wallet"),
    "the key alone": (HIDDEN, capped(1), KEY_ONLY, "key_limit"),
    "an expired key": (wallet(50), capped(None, expires_at="2026-01-01T00:00:00Z"), BOTH, "expired"),
    "a refused key": (wallet(50), REFUSED, BOTH, "refused"),
    "a refused key, alone": (REFUSED, REFUSED, KEY_ONLY, "refused"),
    "a key without a region": (wallet(50), capped(None, allowed_data_regions=[]), BOTH, "no_region"),
}


@pytest.mark.parametrize(("credits", "key", "read", "why"), TOO_LITTLE.values(), ids=TOO_LITTLE)
@pytest.mark.parametrize("unknown", ["raise", "allow"])
async def test_what_cannot_be_paid_is_refused_aloud(
    credits: Step,
    key: Step,
    read: Read,
    why: str,
    unknown: Literal["raise", "allow"],
    serve: Serve,
    owner: Callable[..., CreditsClient],
    fault: Watch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Too little by any part that was read is an InsufficientCreditsError and a warning that name the key."""
    server = await serve(both(credits, key))

    error = await fault.error(
        InsufficientCreditsError, owner(server).require("5.00", read=read, unknown=unknown)
    )

    assert (error.needed, error.spendable.bound_by) == (Decimal(5), why)
    assert MASK in str(error)
    assert "$5.00" in str(error)
    (warning,) = warnings_of(caplog)
    assert MASK in warning


UNKNOWN: dict[str, tuple[Step, Step, Read]] = {
    "the wallet is down": (DOWN, capped(20), BOTH),
    "the wallet is hidden": (HIDDEN, capped(20), BOTH),
    "the wallet is hidden, and there is no limit": (HIDDEN, capped(None), BOTH),
    "the wallet is garbage": (GARBAGE, capped(20), BOTH),
    "the wallet is not believed": (
        reply(200, {"data": {"total_credits": 0, "total_usage": 0}}),
        capped(20),
        BOTH,
    ),
    "the management key is refused": (REFUSED, capped(20), BOTH),
    "the wallet never answers": (sends(end="hang"), capped(20), BOTH),
    "the wallet alone is down": (DOWN, capped(20), WALLET_ONLY),
    "the wallet alone is hidden": (HIDDEN, capped(20), WALLET_ONLY),
    "the key is down": (wallet(50), DOWN, BOTH),
    "the key alone is down": (wallet(50), DOWN, KEY_ONLY),
    "the key alone has no limit": (wallet(50), capped(None), KEY_ONLY),
    "the key's limit is not told": (wallet(50), capped(None, limit=30), BOTH),
    "all is down": (DOWN, DOWN, BOTH),
}


@pytest.mark.parametrize(("credits", "key", "read"), UNKNOWN.values(), ids=UNKNOWN)
async def test_what_cannot_be_told_is_never_a_pass(
    credits: Step,
    key: Step,
    read: Read,
    serve: Serve,
    owner: Callable[..., CreditsClient],
    fault: Watch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If a part that was asked for cannot be read, it is an UnknownCreditsError and a warning, no pass."""
    server = await serve(both(credits, key))

    error = await fault.error(UnknownCreditsError, owner(server, timeout=0.2).require(5, read=read))

    assert error.needed == Decimal(5)
    assert not isinstance(error, InsufficientCreditsError)
    (warning,) = warnings_of(caplog)
    assert warning


@pytest.mark.parametrize(("credits", "key", "read"), UNKNOWN.values(), ids=UNKNOWN)
async def test_what_cannot_be_told_may_be_allowed_but_not_in_silence(
    credits: Step,
    key: Step,
    read: Read,
    serve: Serve,
    owner: Callable[..., CreditsClient],
    fault: Watch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With `unknown="allow"` it is returned as it is, never as surely enough, and a warning is logged."""
    server = await serve(both(credits, key))

    spendable = await fault.value(owner(server, timeout=0.2).require(5, read=read, unknown="allow"))

    assert isinstance(spendable, Spendable)
    assert spendable.certainty != "complete"
    assert len(warnings_of(caplog)) == 1


async def test_a_dead_host_is_unknown(owner: Callable[..., CreditsClient], fault: Watch) -> None:
    """If nothing listens, it is an UnknownCreditsError that holds the reason."""
    with bound_socket() as sock:
        client = owner(f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1")

        error = await fault.error(UnknownCreditsError, client.require(1))

    assert any(isinstance(problem, APIConnectionError) for problem in _all_problems(error))


def _all_problems(error: OpenRouterError) -> list[OpenRouterError]:
    return [each for problem in error.problems for each in (problem, *_all_problems(problem))]


@pytest.mark.parametrize(
    ("credits", "cause"),
    [
        (DOWN, ServerError),
        (GARBAGE, InvalidResponseError),
        (reply(200, {"data": {"total_credits": 0, "total_usage": 0}}), UnconfirmedCreditsError),
    ],
)
async def test_an_unknown_wallet_says_why(
    credits: bytes,
    cause: type[OpenRouterError],
    serve: Serve,
    owner: Callable[..., CreditsClient],
    fault: Watch,
) -> None:
    """The error holds what has hidden the wallet."""
    server = await serve(both(credits, capped(20)))

    error = await fault.error(UnknownCreditsError, owner(server).require(5))

    assert any(isinstance(problem, cause) for problem in _all_problems(error))


async def test_an_ordinary_key_alone_is_told_both_ways_out(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """For a hidden wallet, the remedy names the management key, and judging by the key alone."""
    server = await serve(both(HIDDEN, capped(20)))

    error = await fault.error(UnknownCreditsError, connect(server).require(5))

    assert "management key" in error.remedy
    assert "key" in error.remedy.replace("management key", "")


async def test_a_faulty_program_is_no_unknown(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A client without a key, and arguments that are wrong, raise their own errors and send nothing."""
    server = await serve(both(wallet(50), capped(20)))
    client = connect(server)

    await fault.error(MissingKeyError, connect(server, None).require(1, unknown="allow"))
    for amount in (-1, "-0.01", Decimal("NaN"), Decimal("Infinity"), "many"):
        with pytest.raises(ValueError, match=r"."):
            await client.require(amount)
    wrong: Any = {"unknown": "perhaps"}
    with pytest.raises(ValueError, match="unknown"):
        await client.require(1, **wrong)
    none: Any = None
    with pytest.raises(TypeError):
        await client.require(none)

    assert server.hits == 0


# Reserve.


class Jobs:
    """Counts the jobs of a test that were let in, and those that were not."""

    def __init__(self, client: CreditsClient, *, read: Read = BOTH, takes: float = 0.0) -> None:
        self._client = client
        self._read = read
        self._takes = takes
        self.passed = 0
        self.refused = 0

    async def run(self, amount: int | str = 1, then: Callable[[], object] = lambda: None) -> None:
        """Reserve an amount, work, and do what a job does in the end."""
        try:
            async with self._client.reserve(amount, read=self._read):
                self.passed += 1
                await asyncio.sleep(self._takes)
                then()
        except InsufficientCreditsError:
            self.refused += 1

    async def at_once(self, count: int) -> None:
        """Run jobs at once."""
        await asyncio.gather(*(self.run() for _ in range(count)))

    async def in_a_row(self, count: int, then: Callable[[], object] = lambda: None) -> None:
        """Run one job after another."""
        for _ in range(count):
            await self.run(then=then)


async def test_of_fifty_tasks_four_are_paid_by_four_dollars_seventy_five(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """50 tasks at once reserve $1 each of $4.75: four pass, 46 are refused, after one look."""
    server = await serve(both(wallet(4.75), capped(None)))
    jobs = Jobs(owner(server), takes=10)

    await fault.value(jobs.at_once(50), deadline=11)

    assert (jobs.passed, jobs.refused) == (4, 46)
    assert looks(server) == {"/credits": 1, "/key": 1}


class Till:
    """A wallet whose figures are as old as OpenRouter's: a minute."""

    def __init__(self, remaining: float) -> None:
        self._first = remaining
        self._spent: list[float] = []

    def spend(self) -> None:
        """Spend a dollar now."""
        self._spent.append(now())

    @property
    def remaining(self) -> float:
        """The amount that is left in truth."""
        return self._first - len(self._spent)

    @property
    def step(self) -> Step:
        """Answer with what was left a minute ago."""

        async def behave(wire: Wire) -> None:
            told = self._first - sum(at <= now() - 60 for at in self._spent)
            await wire.write(wallet(told) if path_of(wire.received) == "/credits" else capped(None))

        return behave


@pytest.mark.parametrize("takes", [0.1, 1, 7, 30, 61, 200])
async def test_jobs_that_spend_never_spend_what_is_not_there(
    takes: float, serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """50 jobs in a row spend $1 each, which shows a minute later: four pass, and none is refused too many."""
    till = Till(4.75)
    server = await serve(till.step)
    jobs = Jobs(owner(server), takes=takes)

    await fault.value(jobs.in_a_row(50, till.spend), deadline=50 * takes + 1)

    assert till.remaining >= 0
    assert jobs.passed == 4


async def test_what_was_reserved_is_free_again_when_a_reading_knows(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """A reservation counts on after its end, until a reading that began 60 s later; then it is forgotten."""
    server = await serve(both(wallet(4.75), capped(None)))
    jobs = Jobs(owner(server))

    async def over_time() -> None:
        await jobs.run(4)
        for wait in (0, 30, 29):
            await asyncio.sleep(wait)
            await jobs.run(1)
        assert (jobs.passed, jobs.refused) == (1, 3)
        await asyncio.sleep(62)
        await jobs.run(4)

    await fault.value(over_time(), deadline=200)

    assert (jobs.passed, jobs.refused) == (2, 3)


async def test_a_refused_reservation_leaves_nothing(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """After a refusal of $5 and one of $4.76, $4.75 can be reserved."""
    server = await serve(both(wallet(4.75), capped(None)))
    jobs = Jobs(owner(server))

    async def one_after_another() -> None:
        for amount in ("5", "4.76", "4.75"):
            await jobs.run(amount)

    await fault.value(one_after_another())

    assert (jobs.passed, jobs.refused) == (1, 2)


async def test_a_job_that_fails_or_is_cancelled_gives_its_reservation_back(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """A block that raises, and one that is cancelled, end their reservations; a minute later all is free."""
    server = await serve(both(wallet(4.75), capped(None)))
    client = owner(server)
    jobs = Jobs(client)

    async def fail() -> None:
        async with client.reserve(2):
            raise LookupError("the job's own")

    async def hang() -> None:
        async with client.reserve(2):
            await asyncio.Event().wait()

    async def all_of_it() -> None:
        with pytest.raises(LookupError, match="the job's own"):
            await fail()
        hanging = asyncio.ensure_future(hang())
        await settle()
        hanging.cancel()
        await asyncio.wait([hanging])
        assert hanging.cancelled()
        await jobs.run(1)
        await asyncio.sleep(122)
        await jobs.run("4.75")

    await fault.value(all_of_it(), deadline=200)

    assert (jobs.passed, jobs.refused) == (1, 1)


@pytest.mark.parametrize(
    ("credits", "kind"), [(DOWN, UnknownCreditsError), (wallet(0.5), InsufficientCreditsError)]
)
async def test_a_block_that_is_not_paid_is_not_entered(
    credits: bytes,
    kind: type[OpenRouterError],
    serve: Serve,
    owner: Callable[..., CreditsClient],
    fault: Watch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A reservation that cannot be covered, or of which nothing is known, raises before the block."""
    server = await serve(both(credits, capped(None)))
    entered = 0

    async def job() -> None:
        nonlocal entered
        async with owner(server).reserve(1):
            entered += 1

    await fault.error(kind, job())

    assert entered == 0
    assert len(warnings_of(caplog)) == 1


async def test_a_key_is_reserved_from_by_its_own_limit(serve: Serve, connect: Connect, fault: Watch) -> None:
    """With `read=("key",)`, an ordinary key's jobs share its own limit; the wallet is not asked for."""
    server = await serve(both(HIDDEN, capped(2.5)))
    jobs = Jobs(connect(server), read=KEY_ONLY, takes=1)

    await fault.value(jobs.at_once(50), deadline=2)

    assert (jobs.passed, jobs.refused) == (2, 48)
    assert looks(server) == {"/key": 1}


@pytest.mark.parametrize("seed", range(6))
async def test_a_busy_service_never_spends_what_is_not_there(seed: int, fault: Watch) -> None:
    """300 jobs in half an hour, as figures lag by up to a minute: no debt, and what is left stays usable."""
    chance = random.Random(seed)
    spent: list[tuple[float, Decimal]] = []
    lowest = Decimal(20)

    def left(at: float) -> Decimal:
        return 20 - sum((amount for when, amount in spent if when <= at), Decimal(0))

    def host(request: Request, _: float) -> Reply:
        told = left(now() - chance.uniform(0, 60))
        return credits_of(100, float(100 - told)) if request.target == "/credits" else key_of()

    async def job(client: CreditsClient) -> None:
        nonlocal lowest
        await asyncio.sleep(chance.uniform(0, 1800))
        amount = Decimal(chance.randrange(1, 300)) / 100
        with contextlib.suppress(InsufficientCreditsError):
            async with client.reserve(amount, max_age=chance.choice([0, 5, 60, 300])):
                await asyncio.sleep(chance.uniform(0, 90))
                spent.append((now(), chance.choice([amount, amount / 4, Decimal(0)])))
                lowest = min(lowest, left(now()))
                await asyncio.sleep(chance.uniform(0, 9))

    async def service() -> None:
        async with client_of(host) as (client, _):
            await asyncio.gather(*(job(client) for _ in range(300)))
            await asyncio.sleep(300)
            async with client.reserve(left(now())):
                pass

    await fault.value(service(), deadline=3000)

    assert 0 <= lowest < 3


async def test_a_job_may_look_within_its_own_reservation(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """`require` looks at what is left by the last reading; it does not count reservations."""
    server = await serve(both(wallet(4.75), capped(None)))
    client = owner(server)

    async def job() -> None:
        async with client.reserve(4):
            await client.require(4)

    await fault.value(job())


# One look for many.


async def test_the_order_of_what_is_read_is_no_difference(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """`read=("key", "credits")` is the look that `("credits", "key")` is; another key has its own looks."""
    server = await serve(both(wallet(50), capped(20)))
    client = owner(server)

    async def crowd() -> None:
        orders: list[Read] = [BOTH, ("key", "credits"), ("key", "credits", "key")]
        await asyncio.gather(*(client.status(read=read, max_age=60) for read in orders * 20))

    await fault.value(crowd())
    shared = server.hits
    await fault.value(client.with_key(OTHER_KEY).status(max_age=60))

    assert shared == 2
    assert server.hits > shared


async def test_callers_that_share_a_failed_look_have_errors_of_their_own(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """50 callers of a look that fails get 50 errors after one look; none has the traceback of another."""
    server = await serve(DOWN)
    client = owner(server)
    lengths: list[int] = []

    async def ask() -> OpenRouterError:
        with pytest.raises(ServerError) as caught:
            await client.status(max_age=60)
        lengths.append(len(caught.traceback))
        return caught.value

    errors = await asyncio.gather(*(ask() for _ in range(50)))

    assert server.hits == 6
    assert len({id(error) for error in errors}) == 50
    assert len(set(lengths)) == 1
    await fault.error(ServerError, client.status(max_age=60))


async def test_wrong_arguments_are_not_looked_up(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """Wrong amounts, ages and parts of a status are refused before any request and any block."""
    server = await serve(DOWN)
    client: Any = owner(server)

    async def reserve(amount: Any, **options: Any) -> None:
        async with client.reserve(amount, **options):
            raise AssertionError("the block was entered")

    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: client.require(1, read=("wallet",)),
        lambda: client.require(1, read=()),
        lambda: client.require(1, max_age="60"),
        lambda: client.require(True),
        lambda: reserve("many"),
        lambda: reserve(-1),
        lambda: reserve(1, max_age=-1),
        lambda: reserve(1, unknown=None),
        lambda: client.status(max_age=-1),
        lambda: client.status(max_age=float("nan")),
    ]
    for call in calls:
        with pytest.raises((TypeError, ValueError)):
            await call()

    assert server.hits == 0
    await fault.error(ServerError, client.status(max_age=0))


async def test_two_hundred_callers_are_one_look(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """200 callers of `status(max_age=60)` at once, and 200 more a minute later, are one look."""
    server = await serve(both(wallet(50), capped(20)))
    client = owner(server)

    async def crowd() -> set[Decimal | None]:
        every = await asyncio.gather(*(client.status(max_age=60) for _ in range(200)))
        return {status.spendable.amount for status in every}

    first = await fault.value(crowd())
    await asyncio.sleep(59)
    second = await fault.value(crowd())

    assert first == second == {Decimal(20)}
    assert looks(server) == {"/credits": 1, "/key": 1}


async def test_a_status_that_is_too_old_is_read_anew(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """A status is used for `max_age` seconds since its look began; a guard shares it; `read` has its own."""
    server = await serve(both(wallet(50), capped(20)))
    client = owner(server)

    async def after(wait: float, call: Callable[[], Awaitable[object]]) -> int:
        await asyncio.sleep(wait)
        await fault.value(call())
        return server.hits

    assert await after(0, lambda: client.status(max_age=60)) == 2
    assert await after(30, lambda: client.require(1)) == 2
    assert await after(5, lambda: client.status(max_age=10)) == 4
    assert await after(5, lambda: client.status(read=KEY_ONLY, max_age=60)) == 5
    assert await after(56, lambda: client.require(1)) == 7
    assert await after(0, client.status) == 9  # without `max_age`, each look is a new one


async def test_a_cancelled_caller_disturbs_no_other(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """Of ten callers that share a look, five are cancelled; the others get it, and nothing is asked twice."""
    server = await serve(both(_after(1.0, wallet(50)), _after(1.0, capped(20))))
    client = owner(server)

    async def ten() -> list[object]:
        callers = [asyncio.ensure_future(client.status(max_age=60)) for _ in range(10)]
        await asyncio.sleep(0.5)
        for caller in callers[:5]:  # the first of them is the one that has begun the look
            caller.cancel()
        done = await asyncio.gather(*callers, return_exceptions=True)
        return [type(each).__name__ for each in done]

    told = await fault.value(ten())

    assert told == ["CancelledError"] * 5 + ["KeyStatus"] * 5
    assert looks(server) == {"/credits": 1, "/key": 1}


def _after(wait: float, data: bytes) -> Step:
    async def behave(wire: Wire) -> None:
        await asyncio.sleep(wait)
        await wire.write(data)

    return behave


async def test_the_last_caller_who_leaves_ends_the_look(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """If all callers are cancelled, their connections are given up; the next caller looks anew."""
    server = await serve(both(sends(end="hang"), sends(end="hang")))
    client = owner(server)

    async def three() -> None:
        await asyncio.gather(*(client.status(max_age=60) for _ in range(3)))

    ended = await fault.cut_short(three())
    await settle()
    server_has = server.open
    server.script(both(wallet(50), capped(20)))
    status = await fault.value(client.status(max_age=60))

    assert isinstance(ended, asyncio.CancelledError)
    assert server_has == 0
    assert status.spendable.amount == Decimal(20)


async def test_a_time_out_of_one_caller_is_its_own(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """A caller whose own time-out passes gets TimeoutError; one that has more patience gets the status."""
    server = await serve(both(_after(2.0, wallet(50)), _after(2.0, capped(20))))
    client = owner(server)

    async def impatient() -> str:
        try:
            async with asyncio.timeout(1):
                await client.status(max_age=60)
        except TimeoutError:
            return "left"
        return "stayed"

    async def two() -> tuple[str, Decimal | None]:
        left, status = await asyncio.gather(impatient(), client.status(max_age=60))
        return left, status.spendable.amount

    assert await fault.value(two(), deadline=3) == ("left", Decimal(20))
    assert server.hits == 2


async def test_a_failed_look_is_not_kept(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """After a look at a host that is down, the next caller looks again, and gets the status."""
    server = await serve(DOWN)
    client = owner(server)

    await fault.error(ServerError, client.status(max_age=600))
    failed = server.hits
    server.script(both(wallet(50), capped(20)))
    status = await fault.value(client.status(max_age=600))

    assert failed == 6
    assert server.hits == failed + 2
    assert status.problems == ()


async def test_a_status_with_a_fault_that_passes_is_not_kept(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """A status whose wallet was down is used for those who waited for it alone; a hidden wallet is kept."""
    server = await serve(both(DOWN, capped(20)))
    client = owner(server)

    async def crowd() -> set[int]:
        every = await asyncio.gather(*(client.status(max_age=600) for _ in range(50)))
        return {len(status.problems) for status in every}

    first = await fault.value(crowd())
    asked = looks(server)
    await fault.value(client.status(max_age=600))
    again = looks(server)
    server.script(both(HIDDEN, capped(20)))
    for _ in range(3):
        await fault.value(client.status(max_age=600))
        await asyncio.sleep(20)

    assert first == {1}
    assert asked == {"/credits": 3, "/key": 1}
    assert again == {"/credits": 6, "/key": 2}
    assert looks(server) == {"/credits": 7, "/key": 3}


@pytest.mark.parametrize(
    ("answer", "read", "kind"),
    [
        (REFUSED, KEY_ONLY, AuthenticationError),
        (HIDDEN, WALLET_ONLY, ManagementKeyRequiredError),
    ],
    ids=["401", "403"],
)
async def test_a_refusal_is_kept_for_a_minute(
    answer: bytes,
    read: Read,
    kind: type[OpenRouterError],
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """A 401 and a 403 are not asked for again within 60 s, whatever `max_age` is; then they are."""
    server = await serve(answer)
    client = connect(server)
    errors = []

    for _ in range(3):
        errors.append(await fault.error(kind, client.status(read=read, max_age=600)))
        await asyncio.sleep(29)
    within = server.hits
    server.script(both(wallet(50), capped(20)))
    status = await fault.value(client.status(read=read, max_age=600))

    assert within == 1
    assert server.hits == 2
    assert status.spendable.amount is not None
    assert len({str(error) for error in errors}) == 1


async def test_two_hundred_guards_of_a_refused_key_are_one_request(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """200 jobs that ask the guard about a key that was deleted send one request, and none starts."""
    server = await serve(REFUSED)
    client = connect(server)

    async def ask() -> str:
        try:
            await client.require(1, read=KEY_ONLY)
        except InsufficientCreditsError as error:
            return str(error.spendable.bound_by)
        return "passed"

    async def crowd() -> Counter[str]:
        first = await asyncio.gather(*(ask() for _ in range(100)))
        return Counter([*first, *[await ask() for _ in range(100)]])

    assert await fault.value(crowd()) == {"refused": 200}
    assert server.hits == 1


async def test_a_closed_client_guards_nothing(
    serve: Serve, owner: Callable[..., CreditsClient], fault: Watch
) -> None:
    """After `close()`, what is known is not told either; callers that wait get ClientClosedError."""
    server = await serve(both(wallet(50), capped(20)))
    client = owner(server)
    await fault.value(client.require(1))
    await asyncio.sleep(1)
    server.script(sends(end="hang"))

    ended = await fault.cut_short(client.status(max_age=0.5), by=client.close)

    assert type(ended) is ClientClosedError
    for call in (client.status(max_age=60), client.require(1), client.require(1, unknown="allow")):
        await fault.error(ClientClosedError, call)
