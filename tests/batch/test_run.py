"""Many keys at once: every key that is taken has one outcome, whatever happens to the others.

All tests run in virtual time. "Row 41" and the like are rows of the fault matrix in `tests/faults`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import pickle
import warnings
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from types import CodeType
from typing import Any, Literal

import pytest

import openrouter_credits
from openrouter_credits import (
    APIConnectionError,
    ApiKey,
    APITimeoutError,
    AuthenticationError,
    ClientClosedError,
    CreditsClient,
    InvalidKeyError,
    KeySpec,
    Level,
    LocalResourceError,
    ManagementKeyRequiredError,
    RateLimitError,
    RetryPolicy,
    ServerError,
    UnconfirmedCreditsError,
)
from openrouter_credits._batch.accounts import Accounts
from openrouter_credits._batch.run import _Batch
from openrouter_credits._batch.source import Source
from openrouter_credits._batch.spec import Options
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.request import Request
from tests.kit.clock import lap, now, timers, virtual
from tests.kit.hosts import (
    DAILY_CAP,
    FUNDED,
    INFO,
    NO_ANSWER,
    UNAUTHORIZED,
    Answer,
    Host,
    StandIn,
    by_key,
    client_of,
    credits_of,
    dead,
    errors_of,
    fixed_window,
    gathered,
    healthy,
    key_of,
    lazily,
    others,
    refusal,
    reply,
    sent_key,
    sliding_window,
    token_bucket,
)
from tests.kit.values import levels_of, made_up, made_up_keys
from tests.kit.wire import HANG, Connect, Serve

Endpoint = Literal["credits", "key"]
CREDITS: tuple[Endpoint, ...] = ("credits",)
KEY: tuple[Endpoint, ...] = ("key",)
MANAGEMENT_KEY, OTHER_MANAGEMENT_KEY = made_up(9_000_001), made_up(9_000_002)
FORBIDDEN = refusal(403, "Only management keys can perform this operation")
ZERO = credits_of(0)


def later(server: Host, seconds: float) -> Host:
    """Begin the host's clock some seconds before the first request."""
    return lambda request, at: server(request, at + seconds)


# The fault matrix, at full size.

AT_FULL_SPEED = 1.2 * 5_000 / 32 * 0.05 + 1
"""Seconds for 5,000 keys, 32 at once, 50 ms each; a fifth and a second more for the beginning."""


@pytest.mark.no_cover
@virtual
async def test_one_bad_key_among_thousands_disturbs_no_other() -> None:
    """One revoked key among 5,000 gets an AuthenticationError; all others are read (row 41)."""
    keys = made_up_keys(5_000)
    async with client_of(by_key({keys[77]: UNAUTHORIZED})) as (client, wire):
        with lap() as taken:
            report = await client.check_all(keys, read=CREDITS)

    assert [check.index for check in report.checks] == list(range(5_000))
    assert errors_of(report.checks) == {"AuthenticationError": 1}
    assert report.checks[77].level() == Level.INVALID
    assert report.checks[77].label == str(ApiKey(keys[77]))
    assert len(wire.hits) == 5_000
    assert taken.elapsed < AT_FULL_SPEED


@pytest.mark.no_cover
@virtual
async def test_daily_capped_keys_delay_no_other() -> None:
    """Keys that have spent their free requests fail at once, and no other key waits for them (row 41)."""
    keys = made_up_keys(5_000)
    capped = set(keys[7::20])
    async with client_of(by_key(dict.fromkeys(capped, DAILY_CAP))) as (client, wire):
        with lap() as taken:
            report = await client.check_all(keys, read=CREDITS)

    assert errors_of(report.checks) == {"RateLimitError": 250}
    assert {check.index for check in report.checks if check.error} == {keys.index(key) for key in capped}
    assert len(wire.hits) == 5_000
    assert taken.elapsed < AT_FULL_SPEED
    assert max(check.elapsed for check in report.checks) < 1.2


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("make_server", "latency"),
    [
        pytest.param(lambda: later(fixed_window(100), 0.7), 0.05, id="fixed window, begun"),
        pytest.param(lambda: sliding_window(100), 0.002, id="sliding window, near"),
        pytest.param(lambda: sliding_window(100), 0.05, id="sliding window, far"),
        pytest.param(lambda: token_bucket(100, 20), 0.02, id="bucket of 20"),
    ],
)
@virtual
async def test_a_limit_of_100_a_second_loses_no_key(make_server: Callable[[], Host], latency: float) -> None:
    """A limit of 100 requests a second loses none of 1,000 keys in 15 s, and refuses 2 % at most (row 42)."""
    async with client_of(make_server(), latency) as (client, wire):
        with lap() as taken:
            report = await client.check_all(made_up_keys(1_000), read=CREDITS)

    assert levels_of(report.checks) == {Level.OK: 1_000}
    assert taken.elapsed <= 15
    assert wire.answers[429] <= 20


@pytest.mark.parametrize("is_endless", [False, True])
@virtual
async def test_a_dead_host_ends_the_batch(is_endless: bool) -> None:
    """A dead host ends the batch after 30 to 32 s and 100 requests; every key has an outcome (row 43)."""
    keys: Any = map(made_up, itertools.count()) if is_endless else made_up_keys(5_000)
    async with client_of(dead(until=1e9)) as (client, wire):
        with lap() as taken:
            checks = await gathered(client.check_keys(keys, concurrency=64))

    assert 30 <= taken.elapsed <= 32
    assert len(wire.hits) <= 100
    assert levels_of(checks) == {Level.UNKNOWN: len(checks)}
    assert sorted(check.index for check in checks) == list(range(len(checks)))
    assert len(checks) <= 200 if is_endless else len(checks) == 5_000
    last = checks[-1].error
    assert isinstance(last, APITimeoutError)
    assert str(last.problems) == str((APIConnectionError("Could not connect", sent=False),))
    assert last.summary == (
        "The batch ended before this key was checked: the host gave no answer for 30 s "
        "(the last try: Could not connect)"
    )


@pytest.mark.no_cover
@virtual
async def test_a_host_that_swallows_requests_ends_the_batch_too() -> None:
    """A host that never answers ends the batch 30 s after the first time-outs, and after 100 requests."""
    async with client_of(lambda *_: NO_ANSWER) as (client, wire):
        with lap() as taken:
            report = await client.check_all(made_up_keys(5_000), concurrency=64)

    timeout = 10
    assert 30 <= taken.elapsed <= 30 + timeout + 2
    assert len(wire.hits) <= 100
    assert levels_of(report.checks) == {Level.UNKNOWN: 5_000}


@pytest.mark.no_cover
@pytest.mark.parametrize(("concurrency", "latency"), [(64, 0.05), (32, 0.002)])
@virtual
async def test_a_host_that_is_dead_for_two_seconds_loses_no_key(concurrency: int, latency: float) -> None:
    """An outage of 2 s loses no key of 5,000, and costs at most 5 % more requests (row 44)."""
    async with client_of(dead(until=2), latency) as (client, wire):
        report = await client.check_all(made_up_keys(5_000), concurrency=concurrency, read=CREDITS)

    assert levels_of(report.checks) == {Level.OK: 5_000}
    assert len(wire.hits) <= 1.05 * 5_000


@virtual
async def test_a_key_waits_for_its_429_and_is_read() -> None:
    """A key that meets a 429 is read after the hinted second, and no other key waits for it (row 3)."""
    keys = made_up_keys(50)
    refusals = deque([refusal(429, "Rate limit exceeded", Retry_After="1")])

    def serve(request: Request, at: float) -> Answer:
        return refusals.popleft() if refusals and sent_key(request) == keys[9] else healthy(request, at)

    async with client_of(serve) as (client, wire):
        report = await client.check_all(keys, read=CREDITS)

    assert errors_of(report.checks) == {}
    first, second = (hit.at for hit in wire.hits if hit.key == keys[9])
    assert second - first >= 1
    assert sum(check.elapsed > 0.5 for check in report.checks) == 1


@pytest.mark.parametrize("is_in_the_body", [False, True])
@virtual
async def test_a_reset_two_seconds_ahead_is_waited_for(is_in_the_body: bool) -> None:
    """A key waits for X-RateLimit-Reset, given as a header (row 4) or only in the body (row 5)."""
    date = "Tue, 20 Oct 2026 15:30:00 GMT"
    reset = {"X-RateLimit-Reset": str((1792510200 + 2) * 1000)}
    error: dict[str, Any] = {"code": 429, "message": "Rate limit exceeded"}
    if is_in_the_body:
        error["metadata"] = {"headers": reset}
    refusals = [reply(429, {"error": error}, Date=date, **({} if is_in_the_body else reset))]

    async with client_of(lambda request, at: refusals.pop() if refusals else healthy(request, at)) as (
        client,
        wire,
    ):
        report = await client.check_all([made_up(1)], read=CREDITS)

    assert report.checks[0].error is None
    assert wire.hits[1].at - wire.hits[0].at >= 2


@virtual
async def test_a_reset_fifteen_hours_ahead_is_final_for_its_key_alone() -> None:
    """A 429 with a reset in 15 h fails its key at once, says when, and slows no other key down (row 6)."""
    keys = made_up_keys(200)
    hint = refusal(429, "Rate limit exceeded", Retry_After=str(15 * 3600))
    async with client_of(by_key({keys[3]: hint, keys[4]: hint})) as (client, wire):
        report = await client.check_all(keys, read=CREDITS)

    assert [check.index for check in report.checks if check.error] == [3, 4]
    error = report.checks[3].error
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 15 * 3600
    assert error.resets_at is not None
    assert len(wire.hits) == 200
    assert max(check.elapsed for check in report.checks) < 1.2


@virtual
async def test_running_out_of_files_closes_no_gate() -> None:
    """A lack of open files fails its own keys alone: the host is not to blame (row 45)."""
    keys = made_up_keys(500)
    error = LocalResourceError("This process has too many open files", sent=False)
    async with client_of(by_key(dict.fromkeys(keys[:100], error))) as (client, wire):
        report = await client.check_all(keys, read=CREDITS)

    assert errors_of(report.checks) == {"LocalResourceError": 100}
    assert len(wire.hits) == 500
    assert max(check.elapsed for check in report.checks) < 1.2


# Keys and outcomes.


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (None, "There is no key (None)"),
        ("  ", "The API key is blank"),
        ("sk-or-v1-\x00abc", "character 10 of 13 (U+0000) is a control character"),
        (["sk-or-v1-nested"], "an API key is a str or an ApiKey, not list"),
    ],
)
@virtual
async def test_a_bad_element_is_an_outcome(element: Any, message: str) -> None:
    """An element that cannot be a key gets an InvalidKeyError, sends nothing, and the other keys are read."""
    async with client_of() as (client, wire):
        report = await client.check_all([made_up(1), element, made_up(2)])
        named = await client.check_all({"good": made_up(1), "bad": element})

    before, bad, after = report.checks
    assert before.error is after.error is None
    assert isinstance(bad.error, InvalidKeyError)
    assert message in str(bad.error)
    assert (bad.index, bad.label, bad.status, bad.level()) == (1, None, None, Level.INVALID)
    assert named.checks[1].name == "bad"
    assert {hit.key for hit in wire.hits} == {made_up(1), made_up(2)}
    assert "sk-or" not in repr(bad)


@virtual
async def test_results_come_as_they_finish() -> None:
    """`check_keys` yields the quickest outcome first; `check_all` restores the order of the source."""
    keys = made_up_keys(3)
    latency = dict(zip(keys, (3.0, 1.0, 2.0), strict=True))
    async with client_of(latency=lambda request: latency[sent_key(request)]) as (client, _):
        began = now()
        arrived = [(check.index, now() - began) async for check in client.check_keys(keys)]
        report = await client.check_all(keys)

    assert [index for index, _ in arrived] == [1, 2, 0]
    assert [at for _, at in arrived] == pytest.approx([1, 2, 3])
    assert [check.index for check in report.checks] == [0, 1, 2]
    assert [check.elapsed for check in report.checks] == pytest.approx([3, 1, 2])


@pytest.mark.parametrize("concurrency", [1, 32])
@virtual
async def test_so_many_keys_are_under_way_at_once(concurrency: int) -> None:
    """`concurrency` is the number of keys under way at once."""
    async with client_of() as (client, wire):
        await client.check_all(made_up_keys(90), concurrency=concurrency, read=CREDITS)

    assert wire.most_under_way == concurrency


# What is read.


@virtual
async def test_reading_only_credits_is_one_request_each() -> None:
    """`read=("credits",)` sends exactly one request for each key, whatever the answer is."""
    keys = made_up_keys(300)
    answers = {keys[1]: ZERO, keys[2]: FORBIDDEN, keys[3]: UNAUTHORIZED}
    async with client_of(by_key(answers)) as (client, wire):
        report = await client.check_all(keys, read=CREDITS)

    assert wire.paths == {"/credits": 300}
    assert errors_of(report.checks) == {
        "UnconfirmedCreditsError": 1,
        "ManagementKeyRequiredError": 1,
        "AuthenticationError": 1,
    }
    status = report.checks[0].status
    assert status is not None
    assert (status.key, status.spendable.certainty) == (None, "at_most")
    assert report.checks[0].level() == Level.OK


@virtual
async def test_reading_only_keys_is_one_request_each() -> None:
    """`read=("key",)` sends exactly one request for each key, and the missing wallet is no problem."""
    async with client_of() as (client, wire):
        report = await client.check_all(
            [*made_up_keys(20), KeySpec(made_up(77), management_key=MANAGEMENT_KEY)], read=KEY
        )

    assert wire.paths == {"/key": 21}
    assert all(
        check.status is not None and check.status.credits is None and not check.status.problems
        for check in report.checks
    )


@virtual
async def test_both_are_read_at_once_by_default() -> None:
    """Wallet and key are read in parallel by default, and either may fail without hiding the other."""
    keys = made_up_keys(4)
    answers = {keys[1]: {"/credits": FORBIDDEN}, keys[2]: {"/key": UNAUTHORIZED}, keys[3]: UNAUTHORIZED}
    async with client_of(by_key(answers), latency=1) as (client, _):
        with lap() as taken:
            report = await client.check_all(keys)

    assert taken.elapsed == pytest.approx(1)
    whole, key_only, wallet_only, nothing = report.checks
    assert whole.status is not None
    assert whole.status.problems == ()
    assert key_only.status is not None
    assert [type(problem) for problem in key_only.status.problems] == [ManagementKeyRequiredError]
    assert wallet_only.status is not None
    assert [type(problem) for problem in wallet_only.status.problems] == [AuthenticationError]
    assert nothing.status is None
    assert isinstance(nothing.error, AuthenticationError)
    assert [type(problem) for problem in nothing.error.problems] == [AuthenticationError]


@pytest.mark.parametrize(
    ("name", "value"), [("concurrency", 0), ("read", ()), ("rate", 0), ("deadline", float("nan"))]
)
@virtual
async def test_an_impossible_option_is_refused_where_it_is_given(name: str, value: Any) -> None:
    """An impossible option raises in the call itself, before a key is taken from the source."""
    source = iter(made_up_keys(3))
    async with client_of() as (client, wire):
        with pytest.raises(ValueError, match=name):
            client.check_keys(source, **{name: value})
        with pytest.raises(ValueError, match=name):
            await client.check_all(source, **{name: value})

    assert len(list(source)) == 3
    assert wire.hits == []


@pytest.mark.parametrize("rate", [7.5, 100])
@virtual
async def test_a_rate_is_never_exceeded(rate: float) -> None:
    """`rate` bounds the requests in every second, and the batch is hardly slower than that."""
    async with client_of(latency=0.2) as (client, wire):
        await client.check_all(made_up_keys(int(rate * 5)), rate=rate, read=CREDITS)

    times = [hit.at for hit in wire.hits]
    in_a_second = [sum(at <= other < at + 1 - 1e-6 for other in times) for at in times]
    assert max(in_a_second) <= -(-rate // 1)
    assert times[-1] <= len(times) / rate + 0.1


@virtual
async def test_a_rate_counts_requests_not_keys() -> None:
    """`rate` counts requests, not keys: a key whose wallet is read too takes two."""
    async with client_of() as (client, wire):
        await client.check_all(made_up_keys(25), rate=10)

    assert len(wire.hits) == 50
    assert wire.hits[-1].at >= 4.5


@virtual
async def test_a_rate_that_the_host_does_not_bear_is_lowered() -> None:
    """A `rate` above the host's limit is lowered, so that no key is lost."""
    async with client_of(token_bucket(10, 5)) as (client, wire):
        report = await client.check_all(made_up_keys(300), rate=20, read=CREDITS)

    assert errors_of(report.checks) == {}
    assert wire.answers[429] <= 30


# Equal keys and management keys.


@virtual
async def test_equal_keys_under_way_share_their_requests() -> None:
    """Equal keys share requests in `check_keys` while these are under way, however the keys are written."""
    key = made_up(1)
    async with client_of() as (client, wire):
        together = await gathered(client.check_keys([key, f" {key}\n", ApiKey(key), f'"Bearer {key}"']))
        assert wire.paths == {"/credits": 1, "/key": 1}
        apart = await gathered(client.check_keys([key] * 5, concurrency=1))

    assert wire.paths == {"/credits": 6, "/key": 6}
    assert levels_of(together + apart) == {Level.OK: 9}


@virtual
async def test_equal_keys_share_over_the_whole_of_check_all() -> None:
    """Equal keys are read once in a whole `check_all`, and each has its outcome."""
    keys = made_up_keys(3) * 40
    async with client_of() as (client, wire):
        report = await client.check_all(keys, concurrency=2)

    assert [check.index for check in report.checks] == list(range(120))
    assert wire.paths == {"/credits": 3, "/key": 3}


@virtual
async def test_equal_keys_that_fail_have_an_error_each() -> None:
    """Equal keys that fail have an error object each, and none of them grows with the number of keys."""
    async with client_of(lambda *_: UNAUTHORIZED) as (client, wire):
        report = await client.check_all([made_up(1)] * 50)

    assert len(wire.hits) == 2
    errors = [check.error for check in report.checks]
    assert len({id(error) for error in errors}) == 50
    assert {len(error.problems) for error in errors if error is not None} == {1}


@virtual
async def test_a_shared_failure_pins_no_frames() -> None:
    """A wallet's failure that 500 keys share keeps fewer than 20 frames in its traceback."""
    specs = (KeySpec(made_up(number), management_key=MANAGEMENT_KEY) for number in range(500))
    async with client_of(by_key({MANAGEMENT_KEY: UNAUTHORIZED})) as (client, wire):
        batch = _Batch(
            Source(specs),
            Options.of(32, CREDITS, None, None),
            client._caller,
            Accounts(),
            for_report=False,
        )
        checks = []
        while (check := await batch.finished.get()) is not None:
            batch.room.release()
            checks.append(check)
        (shared,) = batch._reads._shared.values()
        await batch.close()

    assert len(wire.hits) == 1
    assert errors_of(checks) == {"AuthenticationError": 500}
    depth, entry = 0, shared.result().__traceback__
    while entry is not None:
        depth, entry = depth + 1, entry.tb_next
    assert depth < 20


@virtual
async def test_each_management_key_reads_its_wallet_once() -> None:
    """A management key reads its wallet once for all its keys, also for those that come after the answer."""
    wallets = {
        MANAGEMENT_KEY: {"/credits": credits_of(50)},
        OTHER_MANAGEMENT_KEY: {"/credits": credits_of(7)},
    }
    specs = [
        KeySpec(made_up(number), management_key=OTHER_MANAGEMENT_KEY if number % 3 else MANAGEMENT_KEY)
        for number in range(90)
    ]
    async with client_of(by_key(wallets)) as (client, wire):
        report = await client.check_all(specs, concurrency=4)
        streamed = await gathered(client.check_keys((spec for spec in specs), concurrency=4))

    assert wire.hits_of(MANAGEMENT_KEY) == wire.hits_of(OTHER_MANAGEMENT_KEY) == 2
    assert wire.paths == {"/credits": 4, "/key": 180}
    amounts = [
        check.status and check.status.credits and check.status.credits.remaining for check in report.checks
    ]
    assert amounts == [7 if number % 3 else 50 for number in range(90)]
    assert len(streamed) == 90


@virtual
async def test_a_zero_is_confirmed_by_the_management_key_that_read_it() -> None:
    """A 0/0 read with a management key is confirmed by one more request of that key for all its keys."""
    answers = {MANAGEMENT_KEY: {"/credits": ZERO, "/key": key_of(is_management_key=True)}}
    async with client_of(by_key(answers)) as (client, wire):
        report = await client.check_all(
            [KeySpec(made_up(number), management_key=MANAGEMENT_KEY) for number in range(9)], concurrency=2
        )

    assert levels_of(report.checks) == {Level.DEPLETED: 9}
    assert wire.hits_of(MANAGEMENT_KEY) == 2


@virtual
async def test_a_zero_that_nothing_confirms_is_no_wallet() -> None:
    """A 0/0 is not believed if its key is no management key or `/key` is down: the level is UNKNOWN."""
    ordinary, down = OTHER_MANAGEMENT_KEY, made_up(9_000_003)
    answers = {
        made_up(1): {"/credits": ZERO},
        ordinary: {"/credits": ZERO, "/key": INFO},
        down: {"/credits": ZERO, "/key": refusal(501)},
    }
    specs = [
        KeySpec(made_up(1)),
        KeySpec(made_up(2), management_key=ordinary),
        KeySpec(made_up(3), management_key=down),
    ]
    async with client_of(by_key(answers)) as (client, _):
        report = await client.check_all(specs)

    assert levels_of(report.checks) == {Level.UNKNOWN: 3}
    reasons = []
    for check in report.checks:
        assert check.status is not None
        assert check.status.credits is None
        (problem,) = check.status.problems
        assert isinstance(problem, UnconfirmedCreditsError)
        reasons.append([type(reason) for reason in problem.problems])
    assert reasons == [[], [], [ServerError]]


@virtual
async def test_a_zero_of_a_new_account_is_confirmed_by_the_key_itself() -> None:
    """A 0/0 is believed if the key is of the free tier and all its counters are 0."""
    counters = dict.fromkeys(
        [
            f"{kind}usage{period}"
            for kind in ("", "byok_")
            for period in ("", "_daily", "_weekly", "_monthly")
        ],
        0,
    )
    async with client_of(
        by_key({made_up(1): {"/credits": ZERO, "/key": key_of(is_free_tier=True, **counters)}})
    ) as (client, wire):
        report = await client.check_all([made_up(1)])

    assert report.checks[0].level() == Level.DEPLETED
    assert len(wire.hits) == 2


@virtual
async def test_a_bad_management_key_does_not_hide_the_key() -> None:
    """A blank management key is a problem of the wallet; the key is read all the same."""
    spec = KeySpec(made_up(1), management_key="")
    async with client_of() as (client, wire):
        both = await client.check_all([spec])
        wallet = await client.check_all([spec], read=CREDITS)
        key = await client.check_all([spec], read=KEY)

    assert wire.paths == {"/key": 2}
    assert both.checks[0].status is not None
    assert [type(problem) for problem in both.checks[0].status.problems] == [InvalidKeyError]
    assert both.checks[0].level() == Level.UNKNOWN
    assert isinstance(wallet.checks[0].error, InvalidKeyError)
    assert key.checks[0].status is not None
    assert spec.management_key is not wallet.checks[0].error
    assert isinstance(spec.management_key, InvalidKeyError)
    assert spec.management_key.__traceback__ is None


# How a batch ends.


@virtual
async def test_a_batch_ends_at_its_deadline() -> None:
    """At `deadline` all keys not yet read become UNKNOWN, and the outcomes read before are kept."""
    async with client_of(latency=2) as (client, wire):
        with lap() as taken:
            report = await client.check_all(made_up_keys(500), concurrency=8, deadline=7.5, read=CREDITS)

    assert taken.elapsed == pytest.approx(7.5)
    assert [check.index for check in report.checks] == list(range(500))
    assert levels_of(report.checks) == {Level.OK: 24, Level.UNKNOWN: 476}
    assert len(wire.hits) == 32
    error = report.checks[-1].error
    assert isinstance(error, APITimeoutError)
    assert error.summary == "The batch ended before this key was checked: its 7.5 s are over"
    assert not error.sent
    under_way = [check.error for check in report.checks[24:32]]
    assert all(isinstance(error, APITimeoutError) and error.sent for error in under_way)


@virtual
async def test_waiting_in_a_gate_is_not_charged_to_a_key() -> None:
    """A pause of 45 s is not charged to a key's own 30 s: only keys that met the refusal itself may fail."""
    edge = reply(429, "slow down", Retry_After="45")
    async with client_of(lambda request, at: edge if 0.5 < at < 45 else healthy(request, at)) as (client, _):
        with lap() as taken:
            report = await client.check_all(made_up_keys(400), read=CREDITS, concurrency=10)

    assert taken.elapsed > 45
    assert set(errors_of(report.checks)) <= {"RateLimitError"}
    assert sum(errors_of(report.checks).values()) <= 10


@virtual
async def test_a_pause_longer_than_the_patience_does_not_end_the_batch() -> None:
    """Answers that arrive during a pause do not start the 30 s of patience: the host owes nothing then."""
    edge = reply(429, "slow down", Retry_After="45")
    slow = {made_up(number) for number in range(0, 10, 2)}

    def latency(request: Request) -> float:
        return 0.4 if sent_key(request) in slow else 0.1

    async with client_of(lambda request, at: edge if 0 < at < 0.1 else healthy(request, at), latency) as (
        client,
        _,
    ):
        report = await client.check_all(made_up_keys(400), read=CREDITS, concurrency=10)

    assert errors_of(report.checks)["APITimeoutError"] == 0


@virtual
async def test_a_slow_rate_does_not_end_the_batch() -> None:
    """A `rate` slower than the patience does not end the batch: the host owes nothing meanwhile."""
    async with client_of(retry=RetryPolicy(deadline=5)) as (client, _):
        report = await client.check_all(made_up_keys(10), rate=0.1, read=CREDITS)

    assert levels_of(report.checks) == {Level.OK: 10}


@virtual
async def test_a_slow_consumer_does_not_end_the_batch() -> None:
    """A consumer slower than the patience does not end the batch, and the workers wait for it."""
    async with client_of() as (client, wire):
        seen = []
        async for check in client.check_keys(map(made_up, range(40)), concurrency=4):
            await asyncio.sleep(50)
            seen.append(check)
            assert len(wire.hits) / 2 - len(seen) <= 2 * 4 + 1

    assert levels_of(seen) == {Level.OK: 40}


@virtual
async def test_a_slow_source_does_not_end_the_batch() -> None:
    """A source slower than the patience does not end the batch."""
    async with client_of() as (client, _):
        checks = await gathered(client.check_keys(lazily(made_up_keys(10), every=100)))

    assert levels_of(checks) == {Level.OK: 10}


@virtual
async def test_single_slow_keys_do_not_end_the_batch() -> None:
    """A key that always loses its connection does not end a batch in which the host answers other keys."""
    keys = made_up_keys(2_000)
    async with client_of(by_key({keys[0]: APIConnectionError("Reset")}), latency=1) as (client, _):
        report = await client.check_all(keys, concurrency=20, read=CREDITS)

    assert errors_of(report.checks) == {"APIConnectionError": 1}


@virtual
async def test_a_host_that_refuses_everybody_for_ever_ends_the_batch() -> None:
    """A host that answers every request with 429 ends a batch of 300 keys within an hour."""
    async with client_of(lambda *_: reply(429, "blocked", Retry_After="60")) as (client, _):
        report = await asyncio.wait_for(client.check_all(made_up_keys(300), read=CREDITS), 3_600)

    assert len(report.checks) == 300


# What is left behind.


async def let_callbacks_run() -> None:
    """Let the callbacks of the same moment run; no time passes, so that a timer left behind does not end."""
    for _ in range(3):
        await asyncio.sleep(0)


class Endless:
    """An endless asynchronous source that notes when it is closed."""

    def __init__(self, every: float = 0.01) -> None:
        self.is_closed = False
        self.every = every

    async def __aiter__(self) -> AsyncGenerator[str, None]:
        try:
            for number in itertools.count():
                await asyncio.sleep(self.every)
                yield made_up(number)
        finally:
            await asyncio.sleep(0.01)
            self.is_closed = True


HELD_BACK = [
    pytest.param(healthy, {}, 0.01, id="first requests under way"),
    pytest.param(healthy, {}, 0.5, id="later requests under way"),
    pytest.param(lambda *_: NO_ANSWER, {}, 2.0, id="no answer"),
    pytest.param(dead(until=3), {}, 0.5, id="sleeping before a retry"),
    pytest.param(dead(until=1e9), {"concurrency": 64}, 2.0, id="outage"),
    pytest.param(lambda *_: reply(429, "slow down", Retry_After="60"), {}, 2.0, id="pause"),
    pytest.param(healthy, {"rate": 0.7}, 2.0, id="waiting for the pace"),
    pytest.param(
        lambda request, _: NO_ANSWER if sent_key(request) == MANAGEMENT_KEY else INFO,
        {},
        2.0,
        id="sharing a wallet's request",
    ),
]
"""Hosts, options and the second at which most keys of a batch wait for what the name says."""


@pytest.mark.parametrize(("server", "options", "when"), HELD_BACK)
@virtual
async def test_a_cancelled_batch_leaves_nothing(server: Host, options: dict[str, Any], when: float) -> None:
    """A cancelled batch leaves no task, request or timer, whatever its keys wait for."""
    specs = [KeySpec(made_up(number), management_key=MANAGEMENT_KEY) for number in range(200)]
    async with client_of(server, latency=0.2) as (client, wire):
        task = asyncio.create_task(client.check_all(specs, **options))
        await asyncio.sleep(when)

        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert others() == set()
        assert wire.under_way == 0
        report = await asyncio.wait_for(client.check_all([], rate=1), 1)
        assert report.checks == ()
    await let_callbacks_run()
    assert timers() == []


@pytest.mark.parametrize(
    "when", [pytest.param(0.005, id="before the first key"), pytest.param(0.5, id="with keys under way")]
)
@virtual
async def test_a_cancelled_batch_closes_its_source(when: float) -> None:
    """A cancelled batch closes its asynchronous source, and leaves no task, request or timer."""
    source = Endless()
    async with client_of(latency=0.2) as (client, wire):
        task = asyncio.create_task(client.check_all(source))
        await asyncio.sleep(when)

        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert source.is_closed
        assert others() == set()
        assert wire.under_way == 0
    await let_callbacks_run()
    assert timers() == []


@pytest.mark.parametrize("how", ["break", "raise", "aclose"])
@virtual
async def test_a_loop_that_is_left_leaves_nothing(how: str) -> None:
    """A loop left under `aclosing` closes the source, and leaves no task, request or timer."""
    source = Endless()
    async with client_of(latency=0.2) as (client, wire):
        checks = client.check_keys(source, concurrency=8)
        if how == "aclose":
            await anext(checks)
            await checks.aclose()
        elif how == "break":
            async with aclosing(checks):
                async for _ in checks:
                    break
        else:
            with pytest.raises(ZeroDivisionError):
                async with aclosing(checks):
                    async for check in checks:
                        check.index / 0

        assert others() == set()
        assert wire.under_way == 0
        assert source.is_closed
        with pytest.raises(StopAsyncIteration):
            await anext(checks)
    await let_callbacks_run()
    assert timers() == []


@virtual
async def test_a_loop_that_is_left_early_ends_the_keys_under_way() -> None:
    """A loop left under `aclosing` sends no request afterwards."""
    async with client_of(latency=0.2) as (client, wire):
        async with aclosing(client.check_keys(made_up_keys(500), concurrency=8)) as checks:
            await anext(checks)
        hits = len(wire.hits)
        await asyncio.sleep(10)

    assert len(wire.hits) == hits


@virtual
async def test_a_batch_that_is_never_begun_does_nothing() -> None:
    """A batch that is never iterated over sends no request and warns of nothing."""
    async with client_of() as (client, wire):
        checks = client.check_keys(made_up_keys(3))
        del checks
        gc.collect()

    assert wire.hits == []


@virtual
async def test_cancellation_in_the_loops_body_is_the_callers_own() -> None:
    """`asyncio.timeout` works in the loop's body and around the loop: the batch has none around a `yield`."""
    async with client_of() as (client, _):
        async with aclosing(client.check_keys(made_up_keys(50), concurrency=2)) as checks:
            await anext(checks)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await asyncio.sleep(2)
            rest = await gathered(checks)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.07):
                await gathered(client.check_keys(made_up_keys(50), concurrency=2))

    assert len(rest) == 49


# A client that is closed.


@pytest.mark.parametrize(
    ("server", "options", "when"),
    [*HELD_BACK, pytest.param(healthy, {"read": CREDITS}, 0.5, id="reading only wallets")],
)
@virtual
async def test_a_client_that_is_closed_ends_its_batches(
    server: Host, options: dict[str, Any], when: float
) -> None:
    """close() ends a batch at once with ClientClosedError, whatever its keys wait for."""
    # a management key would read its wallet in one request
    management_key = None if "read" in options else MANAGEMENT_KEY
    specs = [KeySpec(made_up(number), management_key=management_key) for number in range(200)]
    async with client_of(server, latency=0.2) as (client, wire):
        task = asyncio.create_task(client.check_all(specs, **options))
        await asyncio.sleep(when)

        with lap() as taken:
            await client.close()
            with pytest.raises(ClientClosedError):
                await task

        assert taken.elapsed == pytest.approx(0)
        assert others() == set()
        assert wire.under_way == 0
    gc.collect()


@pytest.mark.parametrize("options", [{}, {"rate": 1}])
@virtual
async def test_a_closed_client_checks_nothing(options: dict[str, Any]) -> None:
    """A closed client raises ClientClosedError, and leaves no coroutine that was never awaited."""
    async with client_of() as (client, _):
        pass
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(ClientClosedError):
            await client.check_all(made_up_keys(200), **options)
        gc.collect()

    assert [str(warning.message) for warning in warned] == []
    assert others() == set()


@virtual
async def test_a_client_closed_between_two_results_ends_the_batch() -> None:
    """close() between two outcomes ends the batch, and leaves no coroutine that was never awaited."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with client_of(latency=0.01) as (client, _):
            checks = client.check_keys(map(made_up, itertools.count()), concurrency=4, rate=50, read=CREDITS)
            await anext(checks)
            await asyncio.sleep(5)  # all workers wait for the consumer
            await client.close()
            with pytest.raises(ClientClosedError):
                await gathered(checks)
        gc.collect()

    assert [str(warning.message) for warning in warned] == []


@virtual
@pytest.mark.parametrize("is_cut", [False, True])
async def test_a_batch_that_is_ended_from_outside_leaves_no_cycle(is_cut: bool) -> None:
    """A batch that a timeout cuts, or whose loop is left early, is freed without the garbage collector."""
    async with client_of(latency=0.01) as (client, _):
        gc.collect()
        gc.disable()
        try:
            if is_cut:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.015):
                        await client.check_all(made_up_keys(50))
            else:
                async with aclosing(client.check_keys(made_up_keys(500))) as checks:
                    await anext(checks)
                del checks
            await asyncio.sleep(1)
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            kinds = Counter(type(item).__name__ for item in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

    assert not kinds & Counter({"ApiKey": 1, "KeyCheck": 1, "KeyStatus": 1, "Task": 1})


@virtual
async def test_a_quiet_source_is_not_the_silence_of_the_host() -> None:
    """A batch whose keys have all failed waits longer than `retry.deadline` for its source's next key."""
    first, second = made_up_keys(2)

    async def source() -> AsyncGenerator[str, None]:
        yield first
        await asyncio.sleep(100)
        yield second

    async with client_of(dead(60)) as (client, _):
        checks = await gathered(client.check_keys(source()))

    assert [Level.UNKNOWN, Level.OK] == [check.level() for check in checks]
    assert isinstance(checks[0].error, APIConnectionError)


@pytest.mark.parametrize("is_idle", [False, True])
@virtual
async def test_a_batch_that_waits_for_its_source_ends_with_the_client(is_idle: bool) -> None:
    """close() ends a batch that waits for its source, whether keys are under way or not."""
    async with client_of(latency=0.1 if is_idle else 20) as (client, _):
        source = Endless(every=0.01)
        task = asyncio.create_task(client.check_all(source, concurrency=8))
        await asyncio.sleep(0.02)
        source.every = 10_000
        await asyncio.sleep(5)

        await client.close()
        with pytest.raises(ClientClosedError):
            await asyncio.wait_for(task, 60)

        assert source.is_closed


@virtual
async def test_a_closed_client_leaves_no_half_of_a_check() -> None:
    """close() waits for both requests of a key, although one takes longer to end."""

    class Lingering(StandIn):
        async def _ask(self, request: Request) -> Any:
            try:
                return await super()._ask(request)
            finally:
                if request.target == "/key":
                    await asyncio.sleep(0.5)  # as a connection that says good-bye

    async with client_of(latency=5) as (client, _):
        wire = Lingering(healthy, 5)
        client._caller = Caller(wire, RetryPolicy())
        task = asyncio.create_task(client.check_all(made_up_keys(20)))
        await asyncio.sleep(1)

        await client.close()
        with pytest.raises(ClientClosedError):
            await task

        assert others() == set()
        assert wire.under_way == 0


# Outcomes.


@virtual
async def test_an_outcome_travels_and_holds_no_key() -> None:
    """An outcome can be pickled, shows no key, and its errors keep no traceback, cause or context."""
    keys = made_up_keys(6)
    answers = {
        keys[0]: UNAUTHORIZED,
        keys[1]: {"/credits": FORBIDDEN},
        keys[2]: DAILY_CAP,
        keys[3]: APIConnectionError("Reset"),
    }
    specs = [
        KeySpec(
            key, name=f"key {number}", account="acme", management_key=MANAGEMENT_KEY if number > 4 else None
        )
        for number, key in enumerate(keys)
    ]
    async with client_of(by_key(answers)) as (client, _):
        report = await client.check_all([*specs, "sk-or-v1-\x01", None])

    for known in (report, *report.checks, *report.wallets()):
        again = pickle.loads(pickle.dumps(known))
        assert repr(again) == repr(known)
        for secret in (*keys, MANAGEMENT_KEY):
            assert secret[12:-4].encode() not in pickle.dumps(known)
            assert secret[12:-4] not in repr(known)
    for check in report.checks:
        if check.error is not None:
            problems = [check.error]
        elif check.status is not None:
            problems = list(check.status.problems)
        else:
            problems = []
        for error in problems:
            for each in (error, *error.problems, *(attempt.error for attempt in error.attempts)):
                assert each.__traceback__ is None
                assert each.__context__ is None
                assert each.__cause__ is None
        assert pickle.loads(pickle.dumps(check)).level() == check.level()


@virtual
async def test_retries_are_told_in_the_outcome() -> None:
    """An outcome's error lists all attempts, as that of a single call does."""
    async with client_of(lambda *_: refusal(503)) as (client, wire):
        report = await client.check_all([made_up(1)], read=CREDITS)

    error = report.checks[0].error
    assert isinstance(error, ServerError)
    assert [attempt.status for attempt in error.attempts] == [503] * 3
    assert len(wire.hits) == 3
    assert report.checks[0].level() == Level.UNKNOWN


@pytest.mark.no_cover
@virtual
async def test_memory_does_not_grow_with_the_keys() -> None:
    """A batch of 6,000 keys holds no more objects at its end than after 1,000 keys."""
    alive = {}
    gc.collect()
    async with client_of(latency=0.01) as (client, wire):
        count = 0
        async for _check in client.check_keys(map(made_up, range(6_000)), read=CREDITS):
            count += 1
            if count in {1_000, 5_900}:
                wire.hits.clear()
                gc.collect()
                alive[count] = len(gc.get_objects())

    assert count == 6_000
    assert alive[5_900] - alive[1_000] < 500


@virtual
async def test_two_batches_at_once_do_not_disturb_each_other() -> None:
    """Two batches of one client have their own pace, and the end of one does not disturb the other."""
    async with client_of() as (client, wire):
        slow = asyncio.create_task(client.check_all(made_up_keys(30), rate=10, read=CREDITS))
        with lap() as taken:
            quick = await client.check_all(made_up_keys(300), read=CREDITS)
        async with aclosing(client.check_keys(made_up_keys(300))) as left_early:
            await anext(left_early)
        report = await slow

    assert levels_of(quick.checks) == {Level.OK: 300}
    assert taken.elapsed < 3
    assert levels_of(report.checks) == {Level.OK: 30}
    assert wire.hits_of(made_up(0)) >= 2


@virtual
async def test_a_client_without_a_key_checks_many() -> None:
    """A client without a key checks other keys; a client made from it shares its connections."""
    client = CreditsClient(base_url="http://127.0.0.1/api/v1")
    wire = StandIn(healthy)
    client._caller = Caller(wire, RetryPolicy())
    async with client:
        report = await client.check_all([made_up(1)])
        other = await client.with_key(made_up(5)).check_all([made_up(2)])

    assert {hit.key for hit in wire.hits} == {made_up(1), made_up(2)}
    assert report.checks[0].error is other.checks[0].error is None


@virtual
async def test_a_worker_that_fails_is_not_passed_over() -> None:
    """A bug while a key is read is raised after the outcomes of all other keys."""
    keys = made_up_keys(20)

    def serve(request: Request, at: float) -> Answer:
        if sent_key(request) == keys[5]:
            raise ZeroDivisionError("a bug")
        return FUNDED

    async with client_of(serve) as (client, _):
        seen = []
        with pytest.raises(ZeroDivisionError, match="a bug"):
            async for check in client.check_keys(keys, read=CREDITS):
                seen.append(check.index)  # noqa: PERF401 - the loop is left by the exception

        assert others() == set()
    assert sorted(seen) == [*range(5), *range(6, 20)]


@virtual
async def test_a_worker_that_somebody_cancels_is_not_passed_over() -> None:
    """A batch does not end as if it were whole if somebody else cancels one of its tasks."""
    keys = made_up_keys(20)

    def serve(request: Request, at: float) -> Answer:
        task = asyncio.current_task()
        if sent_key(request) == keys[5] and task is not None:
            task.cancel()
        return FUNDED

    async with client_of(serve) as (client, _):
        seen = []
        with pytest.raises(RuntimeError, match="cancelled a task of the batch"):
            async for check in client.check_keys(keys, read=CREDITS):
                seen.append(check.index)  # noqa: PERF401 - the loop is left by the exception

        assert others() == set()
    assert sorted(seen) == [*range(5), *range(6, 20)]


# What stands between a worker and the wire.


def codes_below(task: asyncio.Task[Any]) -> Iterator[CodeType]:
    """List the code of a task's coroutines, each of which waits for the next."""
    waiting: Any = task.get_coro()
    while (code := getattr(waiting, "cr_code", None)) is not None:
        yield code
        waiting = waiting.cr_await


def is_ours(code: CodeType) -> bool:
    """Tell whether code is this package's."""
    return Path(code.co_filename).is_relative_to(Path(openrouter_credits.__file__).parent)


@pytest.mark.parametrize("read", [("credits", "key"), CREDITS])
async def test_few_coroutines_stand_between_a_worker_and_the_wire(
    read: tuple[Endpoint, ...], serve: Serve, connect: Connect
) -> None:
    """At most seven coroutines, which each step resumes, stand between a worker and aiohttp."""
    server = await serve(HANG)
    batch = asyncio.create_task(connect(server).check_all([made_up(1)], read=read))
    await server.arrived(len(read))

    (codes,) = (
        codes
        for codes in (list(codes_below(task)) for task in others())
        if codes and codes[0] is _Batch._work.__code__
    )
    ours = [code.co_name for code in itertools.takewhile(is_ours, codes)]

    assert len(ours[1:]) <= 7, ours
    assert "aiohttp" in Path(codes[len(ours)].co_filename).parts
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
