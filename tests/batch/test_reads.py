"""The requests of a batch: equal ones are shared, and each try asks the gate."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from openrouter_credits import (
    ApiKey,
    APITimeoutError,
    AuthenticationError,
    ClientClosedError,
    Credits,
    KeyInfo,
    OpenRouterError,
    RateLimitError,
    RetryPolicy,
)
from openrouter_credits._batch.clock import RunningClock
from openrouter_credits._batch.gates import Gates
from openrouter_credits._batch.reads import Reads
from openrouter_credits._batch.turn import Seat
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.request import Request
from tests.kit.clock import lap, virtual
from tests.kit.hosts import (
    FUNDED,
    NO_ANSWER,
    UNAUTHORIZED,
    Answer,
    Host,
    StandIn,
    by_key,
    healthy,
    too_many,
)
from tests.kit.values import KEY, OTHER_KEY, WALLET, down, outcome

OWN, OTHER = ApiKey(KEY), ApiKey(OTHER_KEY)
POLICY = RetryPolicy(attempts=3, wait_initial=0, deadline=30.0)
LATENCY = 0.05


class Library:
    """Reads of one batch, with what they use; the host may be changed on the way."""

    def __init__(self, host: Host, policy: RetryPolicy, *, is_kept: bool, **options: Any) -> None:
        self.wire = StandIn(host, LATENCY)
        self.caller = Caller(self.wire, policy)
        self.clock = RunningClock(asyncio.get_running_loop(), lambda: None)
        self.told = 0
        """How often there was room for another key."""
        self.gates = Gates(policy, self.clock.now, draw=lambda: 0.5, on_room=self.tell, **options)
        self.asked: list[ApiKey] = []
        """The keys of which the reads wanted to know whether they are kept."""
        self.is_kept = is_kept
        self.reads = Reads(self.caller, self.gates, self.clock, self.keep)

    def tell(self) -> None:
        """Note that there is room."""
        self.told += 1

    def keep(self, key: ApiKey) -> bool:
        """Note the question, and tell whether later keys may need the same."""
        self.asked.append(key)
        return self.is_kept

    def wallet(self, seat: Seat | None = None, key: ApiKey = OWN) -> asyncio.Task[Credits | OpenRouterError]:
        """Begin to read a wallet, by default for another key than all others."""
        return asyncio.create_task(self.reads.read(seat or Seat(), "/credits", Credits, key))

    def facts(self) -> tuple[int, int, int]:
        """Return how many requests were sent, how many are under way, and how many keys are away."""
        return len(self.wire.hits), self.gates.in_flight, self.gates.seats.away


@asynccontextmanager
async def library(
    host: Host = healthy, policy: RetryPolicy = POLICY, *, is_kept: bool = False, **options: Any
) -> AsyncIterator[Library]:
    """Open a library; when the block ends, nothing may be under way."""
    opened = Library(host, policy, is_kept=is_kept, **options)
    try:
        yield opened
    finally:
        opened.clock.close()
        await opened.caller.close()
    assert (0, 0) == (opened.gates.in_flight, opened.gates.seats.away)
    assert 0 == opened.wire.under_way


def in_turn(*answers: Answer) -> Host:
    """Make a host that gives these answers, one after another, and the last one for ever."""
    left = list(answers)
    return lambda _request, _at: left.pop(0) if len(left) > 1 else left[0]


# One read.


@virtual
async def test_a_read_returns_what_a_path_answers_to_a_key() -> None:
    """A read sends one request with the key, returns its answer, and lets the seat of the key know it."""
    seat = Seat()
    async with library() as at:
        wallet = await at.reads.read(seat, "/credits", Credits, OWN)
        info = await at.reads.read(seat, "/key", KeyInfo, OTHER)

    assert WALLET == wallet
    assert isinstance(info, KeyInfo)
    assert [("/credits", KEY), ("/key", OTHER_KEY)] == [(hit.path, hit.key) for hit in at.wire.hits]
    assert {("/credits", OWN): wallet, ("/key", OTHER): info} == seat.known
    assert 0 == seat.calls


@virtual
async def test_a_fault_is_a_value() -> None:
    """A read that fails returns its error, without the traceback that would keep frames alive."""
    seat = Seat()
    async with library(in_turn(UNAUTHORIZED)) as at:
        error = await at.reads.read(seat, "/credits", Credits, OWN)

    assert isinstance(error, AuthenticationError)
    assert error.__traceback__ is None
    assert {("/credits", OWN): error} == seat.known
    assert 0 == at.told


@virtual
async def test_a_read_is_tried_again_as_the_gate_lets_it() -> None:
    """A try that had no answer is followed by another, and the key needs no worker between the two."""
    async with library(in_turn(down(), FUNDED)) as at:
        assert WALLET == await at.wallet()

    assert 2 == len(at.wire.hits)
    assert 1 == at.told


@virtual
async def test_a_try_waits_for_its_turn_in_the_gate() -> None:
    """A try that may not go at once waits in the gate, and is not charged for the time there."""
    policy = RetryPolicy(attempts=1, deadline=0.3)
    async with library(policy=policy, most=1) as at:
        with lap() as taken:
            wallets = await asyncio.gather(*[at.wallet(key=ApiKey(f"{KEY}{number}")) for number in range(20)])

    assert [WALLET] * 20 == wallets
    assert pytest.approx(20 * LATENCY) == taken.elapsed


@virtual
async def test_a_stray_refusal_is_waited_for_by_its_own_call() -> None:
    """A call that is refused waits as long as the host asked, and then is tried again."""
    async with library(in_turn(too_many(8), FUNDED)) as at:
        with lap() as taken:
            assert WALLET == await at.wallet()

    assert pytest.approx(LATENCY + 8.5 + LATENCY) == taken.elapsed
    assert 1 == at.told


@virtual
async def test_a_call_that_is_given_up_has_its_last_refusal() -> None:
    """A call with as many stray refusals as the policy has attempts ends with the last, which lists them."""
    async with library(in_turn(too_many(8))) as at:
        error = await at.wallet()

    assert isinstance(error, RateLimitError)
    assert [0.0, 8.5, 8.5] == [attempt.waited for attempt in error.attempts]
    assert pytest.approx([LATENCY] * 3) == [attempt.elapsed for attempt in error.attempts]
    assert error.__traceback__ is None
    assert 3 == len(at.wire.hits)


@virtual
async def test_a_deadline_is_measured_by_the_clock_of_the_batch() -> None:
    """A call whose process was stopped for longer than its deadline goes on after that."""
    policy = RetryPolicy(attempts=2, wait_initial=0, deadline=10.0)
    async with library(in_turn(NO_ANSWER, FUNDED), policy) as at:
        reading = at.wallet()
        await asyncio.sleep(1)
        at.clock._stopped += 100  # as if it had been
        assert WALLET == await reading


# Equal reads.


@virtual
async def test_equal_reads_at_once_are_one_request() -> None:
    """Reads of one path with one key at the same time are one request, and all have its answer."""
    seats = [Seat() for _ in range(5)]
    async with library() as at:
        wallets = await asyncio.gather(*map(at.wallet, seats))

    assert 1 == len(at.wire.hits)
    assert all(wallet is wallets[0] for wallet in wallets)
    assert [{("/credits", OWN): WALLET}] * 5 == [seat.known for seat in seats]


@virtual
async def test_equal_reads_share_a_fault() -> None:
    """The error of a shared request is that of all its readers."""
    async with library(in_turn(UNAUTHORIZED)) as at:
        first, second = await asyncio.gather(at.wallet(), at.wallet())

    assert isinstance(first, AuthenticationError)
    assert first is second
    assert 1 == len(at.wire.hits)


@virtual
async def test_reads_with_another_key_or_path_are_other_requests() -> None:
    """Only reads of the same path with the same key are equal."""
    async with library() as at:
        info = at.reads.read(Seat(), "/key", KeyInfo, OWN)
        await asyncio.gather(at.wallet(), at.wallet(key=OTHER), info)

    assert 3 == len(at.wire.hits)


@pytest.mark.parametrize(("is_kept", "requests"), [(True, 1), (False, 3)])
@pytest.mark.parametrize("host", [healthy, in_turn(UNAUTHORIZED)], ids=["answer", "fault"])
@virtual
async def test_what_was_read_is_kept_for_keys_that_may_need_it(
    host: Host, *, is_kept: bool, requests: int
) -> None:
    """Later reads of the same have the first outcome without a request, if it is one that is kept."""
    async with library(host, is_kept=is_kept) as at:
        seats = [Seat() for _ in range(3)]
        read = [await at.wallet(seat) for seat in seats]

    assert requests == len(at.wire.hits)
    assert [OWN] * requests == at.asked
    assert read == [seat.known["/credits", OWN] for seat in seats]
    assert is_kept is (read[0] is read[2])


@virtual
async def test_a_key_that_waits_for_anothers_read_needs_no_worker() -> None:
    """A key whose only call waits for another key's read is away until that is over; the reader is not."""
    async with library() as at:
        first, second = Seat(), Seat()
        reading = [at.wallet(first), at.wallet(second)]
        await asyncio.sleep(LATENCY / 2 + 0.001)
        assert (1, 1, 1) == at.facts()
        assert (False, True, 1) == (first.is_away, second.is_away, at.told)

        await asyncio.gather(*reading)

    assert (1, 0, 0) == at.facts()
    assert (0, 0) == (first.calls, second.calls)


@virtual
async def test_a_key_that_also_reads_something_itself_keeps_its_worker() -> None:
    """A key that waits for another's read while a request of its own is under way is not away."""
    async with library() as at:
        seat = Seat()
        ahead = at.wallet()
        own = asyncio.create_task(at.reads.read(seat, "/key", KeyInfo, OWN))
        waiting = at.wallet(seat)
        await asyncio.sleep(0.01)
        assert (2, 1, False) == (seat.calls, seat.away, seat.is_away)

        await asyncio.gather(ahead, own, waiting)


@virtual
async def test_all_who_wait_for_a_read_that_is_told_to_wait_are_away() -> None:
    """While the one request of many keys waits for its next try, none of these keys needs a worker."""
    async with library(in_turn(too_many(8), FUNDED)) as at:
        reading = [at.wallet() for _ in range(4)]
        await asyncio.sleep(1)
        assert (1, 0, 4) == at.facts()

        assert [WALLET] * 4 == await asyncio.gather(*reading)


# Ends.


@virtual
async def test_a_reader_that_only_waits_may_be_cancelled() -> None:
    """Cancelling a key that waits for another's read leaves the read and all others alone."""
    async with library() as at:
        reading, waiting, other = at.wallet(), at.wallet(), at.wallet()
        await asyncio.sleep(0.01)

        waiting.cancel()
        await asyncio.wait([waiting])

        assert waiting.cancelled()
        assert 1 == at.gates.seats.away
        assert [WALLET] * 2 == await asyncio.gather(reading, other)


@virtual
async def test_cancelling_a_read_ends_those_who_wait_for_it() -> None:
    """If the key that reads is cancelled, those that wait for it are so, too: nobody waits for ever."""
    async with library(in_turn(NO_ANSWER)) as at:
        reading, *waiting = [at.wallet() for _ in range(3)]
        await asyncio.sleep(1)

        reading.cancel()
        await asyncio.wait([reading, *waiting])

        assert [True] * 3 == [task.cancelled() for task in (reading, *waiting)]
        assert (1, 0, 0) == at.facts()


@virtual
async def test_a_bug_ends_the_reader_and_those_who_wait_for_it() -> None:
    """An exception that is no error of this package passes, and nobody waits for ever."""

    def broken(_request: Request, _at: float) -> Answer:
        raise KeyError("a bug")

    async with library(broken) as at:
        reading, waiting = at.wallet(), at.wallet()
        await asyncio.wait([reading, waiting])

        assert isinstance(reading.exception(), KeyError)
        assert waiting.cancelled()


@virtual
async def test_a_closed_client_ends_each_reader_with_an_error_of_its_own() -> None:
    """Closing the client ends a read, all that wait for it and all that follow; nobody knows that error."""
    seats = [Seat() for _ in range(3)]
    async with library(in_turn(NO_ANSWER), is_kept=True) as at:
        reading = [at.wallet(seat) for seat in seats[:2]]
        await asyncio.sleep(1)
        await at.caller.close()
        errors = [await outcome(task) for task in reading]
        errors.append(await outcome(at.wallet(seats[2])))

    assert [ClientClosedError] * 3 == [type(error) for error in errors]
    assert 3 == len(set(map(id, errors))), "a shared error would collect the frames of all its readers"
    assert [{}, {}, {}] == [seat.known for seat in seats]
    assert 1 == len(at.wire.hits)


@pytest.mark.parametrize(("rate", "sent"), [(0.01, 1), (None, 2)], ids=["in the gate", "as told"])
@virtual
async def test_a_closed_client_ends_a_call_that_waits(rate: float | None, sent: int) -> None:
    """Closing the client ends a call that waits for its turn, or for as long as the host asked, at once."""
    async with library(in_turn(too_many(25)), rate=rate) as at:
        reading = [at.wallet(key=OTHER), at.wallet()]
        await asyncio.sleep(1)
        assert (sent, 0, sent) == at.facts()
        with lap() as taken:
            await at.caller.close()
            errors = [await outcome(task) for task in reading]

    assert [ClientClosedError] * 2 == [type(error) for error in errors]
    assert 0 == taken.elapsed


@pytest.mark.parametrize("answer", [FUNDED, UNAUTHORIZED, NO_ANSWER], ids=["answer", "fault", "cancelled"])
@virtual
async def test_reads_leave_no_cycle_behind(answer: Answer) -> None:
    """Nothing of a read that is answered, refused, shared or cancelled waits for the garbage collector."""
    async with library(in_turn(FUNDED, answer)) as at:
        await at.wallet()
        gc.collect()
        gc.disable()
        try:
            tasks = {at.wallet() for _ in range(3)}
            _, pending = await asyncio.wait(tasks, timeout=1)
            while pending:
                pending.pop().cancel()
            await asyncio.wait(tasks)
            del tasks
            assert 0 == gc.collect()
        finally:
            gc.enable()


# What is known when a batch ends.


@virtual
async def test_what_was_read_before_a_batch_ended_is_known() -> None:
    """`known` gives what a key's seat has read, be it a fault, and for all else what it is told to give."""
    seat, missing = Seat(), APITimeoutError("The batch is over")
    async with library(by_key({KEY: {"/key": UNAUTHORIZED}})) as at:
        wallet = await at.reads.read(seat, "/credits", Credits, OWN)
        refused = await at.reads.read(seat, "/key", KeyInfo, OWN)

        assert wallet is await at.reads.known(seat, missing, "/credits", Credits, OWN)
        assert refused is await at.reads.known(seat, missing, "/key", KeyInfo, OWN)
        assert missing is await at.reads.known(seat, missing, "/credits", Credits, OTHER)
        assert missing is await at.reads.known(Seat(), missing, "/credits", Credits, OWN)

    assert 2 == len(at.wire.hits)
