"""The guard: one look for all who ask, and no job that cannot be paid."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import random
import weakref
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from openrouter_credits import (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    CreditsClient,
    InsufficientCreditsError,
    KeyStatus,
    ManagementKeyRequiredError,
    MissingKeyError,
    OpenRouterError,
    RetryPolicy,
    ServerError,
    Spendable,
    UnknownCreditsError,
)
from openrouter_credits.testing import FakeOpenRouter
from tests.kit.clock import lap, now, settle, virtual
from tests.kit.values import KEY, MASK, NOW, OTHER_KEY, THIRD_KEY, down, outcome
from tests.kit.wire import HANG, Connect, Serve, Server, Step, Wire, refusal, reply

FORBIDDEN = refusal(403, "Only management keys can perform this operation")
REFUSED = refusal(401, "User not found.")
DOWN = refusal(503, "Down")


def credits_left(amount: str) -> bytes:
    """Answer as `/credits` does, of a wallet in which this amount is left."""
    return reply(200, f'{{"data": {{"total_credits": {amount}, "total_usage": 0}}}}')


def key_info(limit: float | None = None) -> bytes:
    """Answer as `/key` does, of a key with this limit, of which nothing is used."""
    data = {"label": "k", "usage": 0, "limit": limit, "limit_remaining": limit}
    return reply(200, {"data": data})


WALLET = credits_left("4.75")
UNLIMITED = key_info()


class Host:
    """How a server answers now, by path; a test may change it."""

    def __init__(self, credits: Step = WALLET, key: Step = UNLIMITED) -> None:
        self.credits = credits
        self.key = key
        self.delay = 0.0

    async def __call__(self, wire: Wire) -> None:
        """Answer one request, perhaps late."""
        step = self.credits if wire.received.target.endswith("/credits") else self.key
        if self.delay:
            await asyncio.sleep(self.delay)
        if isinstance(step, bytes):
            await wire.write(step)
        else:
            await step(wire)


def looks(server: Server) -> int:
    """Count the looks that a server saw, by their requests for the wallet."""
    return sum(line.endswith("/credits") for line in server.lines)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """List the warnings that were logged."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


# Shared looks


@pytest.mark.parametrize("max_age", [60, 0])
async def test_two_hundred_callers_share_one_look(serve: Serve, connect: Connect, max_age: float) -> None:
    """200 tasks that ask at once have one status, of two requests."""
    server = await serve(Host())
    client = connect(server)

    found = await asyncio.gather(*(client.status(max_age=max_age) for _ in range(200)))

    assert 2 == server.hits
    assert {id(found[0])} == set(map(id, found))


@pytest.mark.parametrize(("pause", "expected"), [(59.0, 1), (61.0, 2)])
async def test_a_status_is_used_while_its_look_is_fresh(
    serve: Serve, connect: Connect, pause: float, expected: int
) -> None:
    """The age of a status is counted from the beginning of its look."""
    host = Host()
    host.delay = 2.0
    server = await serve(host)
    client = connect(server)

    await client.status(max_age=60)
    await asyncio.sleep(pause - 2.0)
    await client.status(max_age=60)

    assert expected == looks(server)


async def test_callers_share_a_look_that_has_not_begun(serve: Serve, connect: Connect) -> None:
    """Tasks that start together share one look, though each of them is a little later than the one before."""
    server = await serve(Host())
    client = connect(server)
    loop: Any = asyncio.get_running_loop()

    async def ask() -> None:
        loop.now += 0.001
        await client.status(max_age=0)

    await asyncio.gather(*(ask() for _ in range(50)))

    assert 1 == looks(server)


async def test_an_age_of_nothing_is_a_new_look(serve: Serve, connect: Connect) -> None:
    """With `max_age=0` a look that is over is not used, however little time has passed."""
    server = await serve(Host())
    client = connect(server)

    for _ in range(3):
        await client.status(max_age=0)

    assert 3 == looks(server)


async def test_each_choice_of_what_to_read_is_kept_by_itself(serve: Serve, connect: Connect) -> None:
    """A status of the key alone does not stand for one of both."""
    server = await serve(Host())
    client = connect(server)

    for _ in range(2):
        only_key = await client.status(read=("key",), max_age=60)
        only_wallet = await client.status(read=["credits"], max_age=60)
        both = await client.status(read=("key", "credits"), max_age=60)

    assert 4 == server.hits
    assert [(None, True), (True, None), (True, True)] == [
        (each.credits and True, each.key and True) for each in (only_key, only_wallet, both)
    ]


async def test_clients_of_other_keys_look_for_themselves(serve: Serve, connect: Connect) -> None:
    """`with_key` makes a client with a cache of its own."""
    server = await serve(Host())
    client = connect(server)

    await client.status(max_age=60)
    await client.with_key(OTHER_KEY).status(max_age=60)

    assert {KEY, OTHER_KEY} == set(server.keys)
    assert 4 == server.hits


async def test_a_plain_status_looks_anew_and_is_kept(serve: Serve, connect: Connect) -> None:
    """Without `max_age` each call looks; what it finds serves those that come later."""
    host = Host()
    server = await serve(host)
    client = connect(server)
    await client.status(max_age=60)
    host.credits = credits_left("3")

    fresh = await client.status()
    kept = await client.status(max_age=60)

    assert 2 == looks(server)
    assert fresh is kept


async def test_an_older_look_does_not_replace_a_newer_one(serve: Serve, connect: Connect) -> None:
    """A look that began earlier and ends later is not kept."""
    host = Host(credits_left("9"))
    host.delay = 2.0
    server = await serve(host)
    client = connect(server)
    slow = asyncio.create_task(client.status())
    await asyncio.sleep(1)
    host.delay, host.credits = 0.0, credits_left("3")
    newer = await client.status()
    await slow

    assert newer is await client.status(max_age=60)


async def test_a_look_that_began_too_early_is_not_joined(serve: Serve, connect: Connect) -> None:
    """A caller who wants a fresher status than the look under way gives starts another; both end well."""
    host = Host()
    host.delay = 2.0
    server = await serve(host)
    client = connect(server)
    first = asyncio.create_task(client.status(max_age=60))
    await asyncio.sleep(1.5)

    second = await client.status(max_age=1)

    assert 2 == looks(server)
    assert (await first).checked_at <= second.checked_at
    assert second is await client.status(max_age=60)


async def test_a_cancelled_caller_disturbs_no_other(serve: Serve, connect: Connect) -> None:
    """The look goes on for the rest when the one who began it, or any other, is cancelled."""
    host = Host()
    host.delay = 2.0
    server = await serve(host)
    client = connect(server)
    callers = [asyncio.create_task(client.status(max_age=60)) for _ in range(4)]
    await server.arrived(2)

    callers[0].cancel()
    callers[2].cancel()
    found = await asyncio.gather(*callers, return_exceptions=True)

    assert [True, False, True, False] == [isinstance(each, asyncio.CancelledError) for each in found]
    assert 1 == looks(server)


async def test_the_last_one_who_leaves_ends_the_look(serve: Serve, connect: Connect) -> None:
    """When all callers are gone, the look is over before the last one goes; the next caller looks anew."""
    host = Host(HANG, HANG)
    server = await serve(host)
    client = connect(server)
    callers = [asyncio.create_task(client.status(max_age=60)) for _ in range(3)]
    await server.arrived(2)
    mine = asyncio.all_tasks()

    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)

    assert {task for task in asyncio.all_tasks() - mine if not task.done()} == set()
    await settle()
    assert 0 == server.open
    host.credits, host.key = credits_left("3"), key_info()
    assert Decimal(3) == (await client.status(max_age=60)).spendable.amount


async def test_the_look_is_over_before_its_last_caller_goes() -> None:
    """A look that needs a while to end is waited for by the caller whose leaving ends it."""
    steps: list[str] = []

    async def look(_: frozenset[str]) -> KeyStatus:
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(1)
            steps.append("the look is over")

    async with CreditsClient(KEY) as client:
        caller = asyncio.create_task(client._guard.status(frozenset({"key"}), 60, look))
        await settle()
        caller.cancel()
        await asyncio.wait((caller,))
        steps.append("the caller is gone")

    assert ["the look is over", "the caller is gone"] == steps


async def test_a_caller_who_comes_while_a_look_is_being_ended_looks_anew(
    serve: Serve, connect: Connect
) -> None:
    """A look that its last caller is leaving is joined by nobody."""
    host = Host(HANG, HANG)
    server = await serve(host)
    client = connect(server)
    first = asyncio.create_task(client.status(max_age=60))
    await server.arrived(2)
    host.credits, host.key = credits_left("3"), key_info()

    first.cancel()
    second = asyncio.create_task(client.status(max_age=60))

    assert Decimal(3) == (await second).spendable.amount
    assert first.cancelled()


@pytest.mark.parametrize("steps", [0, 1, 2])
async def test_a_caller_may_be_cancelled_as_the_look_ends(steps: int) -> None:
    """A cancellation that meets the end of the look is its caller's alone; the other one has the status."""
    loop = asyncio.get_running_loop()
    status = KeyStatus(None, None, Spendable(None, None, None, "unknown"), (), NOW)

    def cancel_in(steps: int) -> None:
        if steps:
            loop.call_soon(cancel_in, steps - 1)
        else:
            callers[0].cancel()

    async def look(_: frozenset[str]) -> KeyStatus:
        cancel_in(steps)
        return status

    async with CreditsClient(KEY) as client:
        callers = [asyncio.create_task(client._guard.status(frozenset({"key"}), 60, look)) for _ in range(2)]
        await asyncio.wait(callers)

    assert status is callers[1].result()
    assert callers[0].cancelled()


async def test_a_time_out_of_the_caller_ends_its_wait(serve: Serve, connect: Connect) -> None:
    """`asyncio.timeout` around a shared look cuts exactly its own caller short."""
    host = Host()
    host.delay = 2.0
    server = await serve(host)
    client = connect(server)
    patient = asyncio.create_task(client.status(max_age=60))

    with lap() as taken, pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await client.status(max_age=60)

    assert 1.0 == pytest.approx(taken.elapsed)
    assert isinstance(await patient, KeyStatus)


@virtual
async def test_any_mix_of_callers_and_cancellations_ends_well() -> None:
    """A caller who is not cancelled gets a look that is fresh enough; no look goes on without a caller."""
    client = CreditsClient(KEY)
    wanted, under_way = frozenset({"key"}), 0
    waiting: list[float] = []

    async def look(_: frozenset[str]) -> KeyStatus:
        nonlocal under_way
        under_way += 1
        try:
            began_at = Decimal(now())
            await asyncio.sleep(random.choice((0.0, 0.5, 3.0)))
            if random.random() < 0.3:
                raise down()
            return KeyStatus(None, None, Spendable(began_at, None, None, "complete"), (), NOW)
        finally:
            under_way -= 1

    async def call() -> str:
        await asyncio.sleep(random.random() * 60)
        called_at, max_age = now(), random.choice((0.0, 1.0, 10.0))
        waiting.append(called_at)
        try:
            found = await outcome(client._guard.status(wanted, max_age, look))
        finally:
            waiting.remove(called_at)
        if isinstance(found, KeyStatus):
            assert found.spendable.amount is not None
            assert called_at - max_age <= found.spendable.amount + Decimal("1E-6")
        return type(found).__name__

    async def supervise() -> None:
        for _ in range(1300):
            await asyncio.sleep(0.05)
            assert under_way <= len(waiting)
            idle = [task for task in callers if not task.done()]
            if idle and random.random() < 0.1:
                random.choice(idle).cancel()

    callers = [asyncio.create_task(call()) for _ in range(200)]
    await supervise()
    await asyncio.wait(callers)
    ends = Counter("cancelled" if caller.cancelled() else caller.result() for caller in callers)

    assert 0 == under_way
    assert {"KeyStatus", "APIConnectionError", "cancelled"} == set(ends)
    assert min(ends.values()) > 10
    await client.close()


@pytest.mark.parametrize(
    ("answer", "kind"), [(REFUSED, AuthenticationError), (FORBIDDEN, ManagementKeyRequiredError)]
)
async def test_refusals_are_kept_for_a_minute(
    serve: Serve, connect: Connect, answer: bytes, kind: type[OpenRouterError]
) -> None:
    """401 and 403 are kept for 60 s whatever `max_age` says, and each caller has a copy of its own."""
    server = await serve(answer)
    client = connect(server)

    first, second = [await outcome(client.status(read=["credits"], max_age=3600)) for _ in range(2)]
    await asyncio.sleep(61)
    third = await outcome(client.status(read=["credits"], max_age=3600))

    assert [kind] * 3 == [type(error) for error in (first, second, third)]
    assert isinstance(first, OpenRouterError)
    assert isinstance(second, OpenRouterError)
    assert first is not second
    assert first.__traceback__ is not second.__traceback__
    assert first.__context__ is None
    assert 2 == server.hits


@pytest.mark.parametrize("max_age", [0.001, 5, 60])
async def test_a_refusal_is_kept_for_those_who_want_a_fresh_status(
    serve: Serve, connect: Connect, max_age: float
) -> None:
    """Within 60 s a refused key is not asked about again, however fresh the status should be."""
    server = await serve(REFUSED)
    client = connect(server)

    for pause in (30, 29, 2):
        assert isinstance(await outcome(client.status(max_age=max_age)), AuthenticationError)
        await asyncio.sleep(pause)
    assert 1 == looks(server)
    await outcome(client.status(max_age=max_age))

    assert 2 == looks(server)


async def test_an_age_of_nothing_overcomes_a_refusal(serve: Serve, connect: Connect) -> None:
    """With `max_age=0` a refused key is asked about at once, and what is found replaces the refusal."""
    host = Host(REFUSED, REFUSED)
    server = await serve(host)
    client = connect(server)
    await outcome(client.status(max_age=60))
    await asyncio.sleep(1)
    host.credits, host.key = credits_left("3"), key_info()

    assert Decimal(3) == (await client.status(max_age=0)).spendable.amount
    assert Decimal(3) == (await client.status(max_age=60)).spendable.amount


async def test_other_faults_are_shared_but_not_kept(serve: Serve, connect: Connect) -> None:
    """All who wait have the fault of their look, each a copy; the next caller looks anew."""
    server = await serve(Host(DOWN, DOWN))
    client = connect(server, retry=RetryPolicy(attempts=1))

    faults = await asyncio.gather(*(outcome(client.status(max_age=60)) for _ in range(3)))
    await outcome(client.status(max_age=60))

    assert [ServerError] * 3 == [type(fault) for fault in faults]
    assert 3 == len(set(map(id, faults)))
    assert 2 == looks(server)


async def test_a_status_that_may_be_better_at_once_is_not_kept(serve: Serve, connect: Connect) -> None:
    """A status with a problem that passes is for those who waited; one with a 403 is kept."""
    host = Host(DOWN, key_info(30))
    server = await serve(host)
    client = connect(server, retry=RetryPolicy(attempts=1))

    found = await asyncio.gather(*(client.status(max_age=60) for _ in range(3)))
    assert [Decimal(30)] * 3 == [each.spendable.amount for each in found]
    host.credits = FORBIDDEN
    for _ in range(3):
        await client.status(max_age=60)

    assert 2 == looks(server)


async def test_a_closed_client_answers_nothing_from_its_cache(serve: Serve, connect: Connect) -> None:
    """After `close()` every member of the guard raises, though a fresh status is kept."""
    server = await serve(Host())
    client = connect(server)
    await client.status(max_age=60)
    await client.close()

    for call in (
        lambda: client.status(max_age=60),
        lambda: client.require(1),
        lambda: client.reserve(1).__aenter__(),
        lambda: client.with_key(KEY).status(max_age=60),
    ):
        with pytest.raises(ClientClosedError):
            await call()


async def test_closing_ends_the_shared_look(serve: Serve, connect: Connect) -> None:
    """`close()` ends the look under way for all who wait, each with an error of its own."""
    server = await serve(HANG)
    client = connect(server)
    callers = [asyncio.create_task(outcome(client.status(max_age=60))) for _ in range(3)]
    await server.arrived(2)

    await client.close()

    faults = await asyncio.gather(*callers)
    assert [ClientClosedError] * 3 == [type(fault) for fault in faults]
    assert 3 == len(set(map(id, faults)))


def test_a_new_event_loop_looks_anew() -> None:
    """After its event loop was closed, a client has no status of the old one."""
    with FakeOpenRouter() as fake:
        key = fake.add_account(credits=5).add_key(credits_reply="real")
        client = CreditsClient(key, base_url=fake.url)

        async def ask_twice() -> None:
            for _ in range(2):
                await client.status(max_age=60)

        for _ in range(2):
            asyncio.run(ask_twice())
        asyncio.run(client.close())

        assert 4 == len(fake.requests)


def test_reservations_outlive_their_event_loop() -> None:
    """Jobs of $1 on $4.75, each with an event loop of its own: four pass, one that left its open included."""
    with FakeOpenRouter() as fake:
        key = fake.add_account(credits="4.75").add_key(credits_reply="real")
        client = CreditsClient(key, base_url=fake.url)
        left_open = []

        async def leave_open() -> None:
            left_open.append(client.reserve(1))
            await left_open[-1].__aenter__()

        with asyncio.Runner() as runner:
            runner.run(leave_open())
        passed = [asyncio.run(job(client, work=0.0)) for _ in range(10)]
        asyncio.run(client.close())

    assert [True] * 3 + [False] * 7 == passed


async def test_a_client_of_a_running_loop_is_refused_by_another_one(serve: Serve, connect: Connect) -> None:
    """Another event loop gets an error, and the cache of the first one is untouched."""
    server = await serve(Host())
    client = connect(server)
    await client.status(max_age=60)

    async def stranger() -> None:
        with pytest.raises(ConfigurationError, match="another event loop"):
            await client.require(1)

    await asyncio.to_thread(asyncio.run, stranger())

    await client.status(max_age=60)
    assert 1 == looks(server)


@pytest.mark.parametrize("max_age", [-1, math.nan, math.inf])
async def test_an_impossible_age_is_refused(max_age: float) -> None:
    """`max_age` is a finite number from 0."""
    async with CreditsClient(KEY) as client:
        for call in (client.status(max_age=max_age), client.require(1, max_age=max_age)):
            with pytest.raises(ValueError, match="max_age is a finite number of seconds from 0"):
                await call


async def test_a_client_without_a_key_says_so() -> None:
    """Without a key the guard raises as every call does."""
    async with CreditsClient() as client:
        for call in (client.status(max_age=60), client.require(1), client.reserve(1).__aenter__()):
            with pytest.raises(MissingKeyError):
                await call


# Required amounts


async def test_enough_passes_in_silence(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """An amount that is there gives what can be spent, and nothing is logged."""
    client = connect(await serve(Host()))

    assert Decimal("4.75") == (await client.require("4.75")).amount
    assert [] == warnings_of(caplog)


async def test_too_little_is_loud(serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """An amount that is not there raises, and is logged once, without the key."""
    client = connect(await serve(Host()))

    with pytest.raises(InsufficientCreditsError, match=r"\$5\.00 is needed") as caught:
        await client.require(5, unknown="allow")

    assert Decimal(5) == caught.value.needed
    assert Decimal("4.75") == caught.value.spendable.amount
    assert [f"refused: $5.00 is needed, but {MASK} has $4.75 left, limited by the wallet"] == warnings_of(
        caplog
    )
    assert KEY not in caplog.text


async def test_an_unreadable_wallet_is_no_pass(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """An unknown amount is an error; the key's own limits decide if they alone are asked for."""
    client = connect(await serve(Host(FORBIDDEN, key_info(30))))

    with pytest.raises(UnknownCreditsError, match="not known whether"):
        await client.require(5)

    assert 1 == len(warnings_of(caplog))
    assert Decimal(30) == (await client.require(5, read=("key",))).amount
    with pytest.raises(InsufficientCreditsError):
        await client.require(31)


async def test_the_unknown_can_be_allowed_but_not_in_silence(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """`unknown="allow"` lets it pass with what is known, and logs it, also if nothing could be read."""
    host = Host(FORBIDDEN, key_info(30))
    client = connect(await serve(host))

    known = await client.require(5, unknown="allow")
    host.credits = host.key = DOWN
    nothing = await client.require(5, unknown="allow", max_age=0)

    assert (Decimal(30), "at_most") == (known.amount, known.certainty)
    assert Spendable(None, None, None, "unknown") == nothing
    assert 2 == len(warnings_of(caplog))
    assert all(line.startswith('allowed by unknown="allow": It is not') for line in warnings_of(caplog))


async def test_a_refused_key_is_insufficient(serve: Serve, connect: Connect) -> None:
    """A key that gets 401 cannot spend; the error of the look is among the problems."""
    client = connect(await serve(REFUSED))

    with pytest.raises(InsufficientCreditsError, match="is not valid") as caught:
        await client.require(0)

    assert "refused" == caught.value.spendable.bound_by
    assert [AuthenticationError] == [type(problem) for problem in caught.value.problems]
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_a_refused_management_key_is_unknown(serve: Serve, connect: Connect) -> None:
    """A management key that gets 401 hides the wallet, and judges no key."""
    client = connect(await serve(Host(REFUSED, key_info())), management_key=THIRD_KEY)

    with pytest.raises(UnknownCreditsError, match="Check the management key"):
        await client.require(1, read=("credits",))


async def test_a_wrong_set_up_passes_through(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that is no verdict is neither changed nor logged, not even with `unknown="allow"`."""
    client = connect(await serve(HANG))
    waiting = asyncio.create_task(outcome(client.require(1, unknown="allow")))
    await settle()
    await client.close()

    assert ClientClosedError is type(await waiting)
    assert [] == warnings_of(caplog)


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"amount": -1}, ValueError, "at least 0"),
    ({"amount": "1E-1075"}, ValueError, "1074 decimals"),
    ({"amount": math.nan}, ValueError, "finite"),
    ({"amount": math.inf}, ValueError, "finite"),
    ({"amount": "five"}, ValueError, "finite"),
    ({"amount": None}, TypeError, "amount"),
    ({"amount": True}, TypeError, "amount"),
    ({"amount": 1, "unknown": "ignore"}, ValueError, "unknown"),
    ({"amount": 1, "read": ()}, ValueError, "read"),
    ({"amount": 1, "read": "key"}, TypeError, "read"),
    ({"amount": 1, "max_age": None}, TypeError, "max_age"),
    ({"amount": 1, "max_age": -1}, ValueError, "max_age"),
]


@pytest.mark.parametrize(("arguments", "kind", "words"), WRONG)
async def test_wrong_arguments_are_refused_before_anything_is_sent(
    arguments: dict[str, Any], kind: type[Exception], words: str
) -> None:
    """`require` and `reserve` check their arguments at once."""
    async with CreditsClient(KEY) as client:
        with pytest.raises(kind, match=words):
            await client.require(**arguments)
        with pytest.raises(kind, match=words):
            client.reserve(**arguments)


async def test_a_refusal_leaves_no_garbage(serve: Serve, connect: Connect) -> None:
    """An error of the guard is in no reference cycle: it is gone as soon as its caller has let go of it."""
    client = connect(await serve(Host()))
    await client.status(max_age=60)
    error: weakref.ref[InsufficientCreditsError] | None = None

    gc.disable()
    try:
        try:
            await client.require(5)
        except InsufficientCreditsError as refusal:
            error = weakref.ref(refusal)
        assert error is not None
        assert error() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [({"read": "key"}, TypeError), ({"read": ()}, ValueError), ({"max_age": "60"}, TypeError)],
)
async def test_wrong_arguments_of_a_status_are_refused(
    arguments: dict[str, Any], kind: type[Exception]
) -> None:
    """`status` checks its arguments before anything is sent."""
    async with CreditsClient(KEY) as client:
        with pytest.raises(kind, match=next(iter(arguments))):
            await client.status(**arguments)


# Reserved amounts


async def job(client: CreditsClient, amount: str = "1", work: float = 5.0, **options: Any) -> bool:
    """Work under a reservation; tell whether there was one."""
    try:
        async with client.reserve(amount, **options):
            await asyncio.sleep(work)
    except InsufficientCreditsError:
        return False
    return True


async def test_of_fifty_jobs_at_once_four_have_a_dollar(serve: Serve, connect: Connect) -> None:
    """50 tasks that reserve $1 of $4.75: four work, the rest are refused at once, by one look."""
    server = await serve(Host())
    client = connect(server)

    with lap() as taken:
        passed = await asyncio.gather(*(job(client) for _ in range(50)))

    assert 4 == sum(passed)
    assert 5.0 == pytest.approx(taken.elapsed)
    assert 2 == server.hits


@pytest.mark.parametrize("work", [0.0, 1.0, 10.0])
async def test_of_fifty_jobs_in_a_row_five_at_most_pass(serve: Serve, connect: Connect, work: float) -> None:
    """50 jobs of $1 on $4.75, one after another, whose spending shows a minute late: five at most pass."""
    host = Host()
    client = connect(await serve(host))
    loop = asyncio.get_running_loop()
    spent: list[float] = []

    def show() -> None:
        host.credits = credits_left(str(Decimal("4.75") - sum(at <= loop.time() - 59 for at in spent)))

    passed = 0
    for _ in range(50):
        show()
        if await job(client, work=work):
            passed += 1
            spent.append(loop.time())
        else:
            await asyncio.sleep(3.0)

    assert 4 <= passed <= 5


async def test_what_was_released_is_forgotten(serve: Serve, connect: Connect) -> None:
    """A job that ended counts against a look that began less than 60 s later, and against no other."""
    client = connect(await serve(Host()))

    assert await job(client, "4")
    await asyncio.sleep(50)
    assert not await job(client, "4", max_age=0)
    await asyncio.sleep(10)
    assert await job(client, "4", max_age=0)


async def test_a_job_may_ask_inside_its_own_reservation(serve: Serve, connect: Connect) -> None:
    """`require` does not count reservations."""
    client = connect(await serve(Host()))

    async with client.reserve(4) as spendable:
        assert Decimal("4.75") == spendable.amount
        await client.require(4)
        with pytest.raises(InsufficientCreditsError, match=r"has reserved \$4\.00 \(jobs"):
            await client.reserve(1).__aenter__()


async def test_a_refusal_leaves_no_trace(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """A reservation that was refused takes nothing from the next one; each refusal is logged once."""
    client = connect(await serve(Host()))

    assert [False, False, True] == [await job(client, amount) for amount in ("5", "5", "4.75")]
    assert 2 == len(warnings_of(caplog))


async def test_an_exception_in_the_block_releases(serve: Serve, connect: Connect) -> None:
    """An exception, and a cancellation, ends the reservation and passes through."""
    client = connect(await serve(Host()))

    with pytest.raises(ZeroDivisionError):
        async with client.reserve(4):
            raise ZeroDivisionError
    await asyncio.sleep(61)
    cancelled = asyncio.create_task(job(client, "4", work=1000))
    await asyncio.sleep(1)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await asyncio.sleep(61)

    assert await job(client, "4")


async def test_a_cancelled_wait_reserves_nothing(serve: Serve, connect: Connect) -> None:
    """A caller who is cancelled while the look is under way holds nothing afterwards."""
    host = Host()
    host.delay = 2.0
    client = connect(await serve(host))
    waiting = [asyncio.create_task(job(client, "4")) for _ in range(2)]
    await asyncio.sleep(1)
    waiting[0].cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    assert await waiting[1]


async def test_an_allowed_unknown_is_reserved_as_well(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """With `unknown="allow"` a reservation counts against what is known; too much is refused all the same."""
    client = connect(await serve(Host(FORBIDDEN, key_info(4.75))))

    passed = await asyncio.gather(*(job(client, unknown="allow") for _ in range(6)))

    assert 4 == sum(passed)
    assert 6 == len(warnings_of(caplog))


async def test_reservations_of_another_key_do_not_count(serve: Serve, connect: Connect) -> None:
    """Each client counts its own reservations."""
    client = connect(await serve(Host()))

    async with client.reserve(4), client.with_key(OTHER_KEY).reserve(4):
        pass
