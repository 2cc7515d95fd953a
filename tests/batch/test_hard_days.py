"""Hard days of a host, at full size: it hangs, refuses, or stands still for a while; no key is lost for that.

All tests are simulations in virtual time.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any, Literal

import pytest
from attrs import define, field, frozen

from openrouter_credits import (
    APIConnectionError,
    APITimeoutError,
    CheckReport,
    KeyCheck,
    KeySpec,
    OpenRouterError,
    ProxyError,
    RateLimitError,
    RetryPolicy,
    ServerError,
)
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.protocol import Reply
from openrouter_credits._call.request import Request
from tests.kit.clock import lap, virtual
from tests.kit.hosts import (
    DAILY_CAP,
    NO_ANSWER,
    Answer,
    Host,
    StandIn,
    by_key,
    client_of,
    dead,
    errors_of,
    gathered,
    healthy,
    lazily,
    refusal,
    sent_key,
    token_bucket,
    too_many,
)
from tests.kit.values import made_up, made_up_keys

pytestmark = pytest.mark.no_cover

Endpoint = Literal["credits", "key"]
CREDITS: tuple[Endpoint, ...] = ("credits",)
BOTH: tuple[Endpoint, ...] = ("credits", "key")

PAGE = Reply(429, {"Content-Type": "text/html"}, b"<html>Too many requests</html>")
"""A refusal of what stands before OpenRouter: a page, without a hint."""
BUSY = refusal(503, "Busy")
REFUSALS = [pytest.param(PAGE, id="page"), pytest.param(too_many(), id="JSON")]
EITHER_READ = pytest.mark.parametrize(
    "read", [pytest.param(CREDITS, id="credits"), pytest.param(BOTH, id="both")]
)


# Hosts.


def after(count: int, answer: Answer) -> Host:
    """Give the first `count` requests an answer, and be healthy then."""
    seen = itertools.count()
    return lambda request, at: answer if next(seen) < count else healthy(request, at)


def between(begin: float, end: float, answer: Answer) -> Host:
    """Give an answer from one second to another, and be healthy before and after."""
    return lambda request, at: answer if begin <= at < end else healthy(request, at)


def at_random(*shares: tuple[float, Answer], otherwise: Host = healthy) -> Host:
    """Give each answer to its share of the requests, and behave as another host else."""
    draw = random.Random(5).random

    def serve(request: Request, at: float) -> Answer:
        drawn = draw()
        for share, answer in shares:
            if drawn < share:
                return answer
            drawn -= share
        return otherwise(request, at)

    return serve


def quota(count: int, seconds: float, status: int = 429) -> Host:
    """Allow `count` requests in each window of `seconds`, and say exactly when the next one begins."""
    passed: Counter[int] = Counter()

    def serve(request: Request, at: float) -> Answer:
        window = int(at // seconds)
        passed[window] += 1
        if passed[window] <= count:
            return healthy(request, at)
        left = (window + 1) * seconds - at
        return refusal(status, "Rate limit exceeded", Retry_After=f"{math.ceil(left * 1000) / 1000:.3f}")

    return serve


def hanging(keys: set[str]) -> Host:
    """Never answer some keys."""
    return lambda request, at: NO_ANSWER if sent_key(request) in keys else healthy(request, at)


@define(eq=False)
class Unlucky:
    """Answers as another host does, and notes which keys had no good answer three times in a row."""

    host: Host
    thrice: set[str] = field(init=False, factory=set)
    """Those keys."""
    _failed: Counter[tuple[str, str]] = field(init=False, factory=Counter)

    def __call__(self, request: Request, at: float) -> Answer:
        """Answer, and count."""
        answer = self.host(request, at)
        asked = sent_key(request), request.target
        is_good = isinstance(answer, Reply) and answer.status == 200
        self._failed[asked] = 0 if is_good else self._failed[asked] + 1
        if self._failed[asked] == 3:
            self.thrice.add(sent_key(request))
        return answer


# Batches.


@frozen
class Day:
    """How a batch went."""

    keys: list[str]
    report: CheckReport
    elapsed: float
    """In seconds."""
    wire: StandIn

    @property
    def unread(self) -> set[int]:
        """The numbers of the keys of which not all was read."""
        return {check.index for check in self.report.checks if check.status is None or check.status.problems}

    @property
    def unread_keys(self) -> set[str]:
        """The keys themselves."""
        return {self.keys[index] for index in self.unread}

    @property
    def errors(self) -> list[OpenRouterError]:
        """The errors of all keys that have one."""
        return [check.error for check in self.report.checks if check.error is not None]


async def day_of(
    server: Host,
    keys: int | list[str],
    *,
    latency: float = 0.05,
    timeout: float = 10.0,
    retry: RetryPolicy | None = None,
    **options: Any,
) -> Day:
    """Check so many keys against a host; by default only their wallets."""
    keys = made_up_keys(keys) if isinstance(keys, int) else keys
    async with client_of(server, latency, retry) as (client, wire):
        wire._timeout = timeout
        with lap() as taken:
            report = await client.check_all(keys, **{"read": CREDITS, **options})
    assert [check.index for check in report.checks] == list(range(len(keys)))
    return Day(keys, report, taken.elapsed, wire)


# Some keys hang.


@pytest.mark.parametrize("where", [0, 7, 19])
@virtual
async def test_a_key_that_hangs_loses_no_other(where: int) -> None:
    """One of 20 keys hangs, and all others are read, one at a time, before and after it."""
    keys = made_up_keys(20)

    day = await day_of(
        hanging({keys[where]}), keys, concurrency=1, timeout=1.0, retry=RetryPolicy(deadline=3.0)
    )

    assert day.unread == {where}
    assert day.elapsed <= 5


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(random.Random(5).sample(range(1_000), 50), id="anywhere"),
        pytest.param(range(50), id="first"),
        pytest.param(range(400, 450), id="in the middle"),
        pytest.param(range(950, 1_000), id="last"),
    ],
)
@EITHER_READ
@virtual
async def test_keys_that_hang_lose_no_other(where: Iterable[int], read: tuple[Endpoint, ...]) -> None:
    """50 of 1,000 keys hang, wherever they stand, and all others are read."""
    keys, numbers = made_up_keys(1_000), set(where)

    day = await day_of(hanging({keys[number] for number in numbers}), keys, read=read)

    assert day.unread == numbers
    assert errors_of(day.report.checks) == {"APITimeoutError": 50}
    assert day.elapsed <= 90


@EITHER_READ
@virtual
async def test_requests_that_hang_lose_only_who_hung_three_times(read: tuple[Endpoint, ...]) -> None:
    """30 % of all requests hang: of 2,000 keys only those are not read that hung three times in a row."""
    host = Unlucky(at_random((0.3, NO_ANSWER)))

    day = await day_of(host, 2_000, read=read)

    assert day.unread_keys <= host.thrice
    assert day.elapsed <= 600


@virtual
async def test_a_host_that_is_slow_is_not_silent() -> None:
    """A host that takes 9.9 s for each answer is waited for: no key of 100 is lost."""
    day = await day_of(healthy, 100, latency=9.9)

    assert day.unread == set()
    assert day.elapsed <= 50


# A burst of refusals, or a host that refuses for a while.


@pytest.mark.parametrize("answer", REFUSALS)
@pytest.mark.parametrize(
    ("count", "read", "most"),
    [
        (16, CREDITS, 10),
        (20, CREDITS, 10),
        (40, CREDITS, 10),
        (16, BOTH, 10),
        (20, BOTH, 10),
        (40, BOTH, 12),
    ],
)
@virtual
async def test_a_burst_of_refusals_is_soon_over(
    count: int, read: tuple[Endpoint, ...], most: float, answer: Answer
) -> None:
    """A host that refuses the first requests of a batch costs it a few seconds, and no key."""
    day = await day_of(after(count, answer), 200, latency=0.01, read=read)

    assert day.unread == set()
    assert day.elapsed <= most


@pytest.mark.parametrize("concurrency", [4, 8, 16])
@virtual
async def test_a_burst_is_soon_over_with_few_keys_under_way(concurrency: int) -> None:
    """A burst of 20 refusals is soon over with few keys under way: four tries ask after each pause."""
    day = await day_of(after(20, PAGE), 200, latency=0.01, concurrency=concurrency)

    assert day.unread == set()
    assert day.elapsed <= 14


@pytest.mark.parametrize(
    ("seconds", "answer", "count"),
    [
        pytest.param(5, too_many(), 500, id="5 s, JSON"),
        pytest.param(20, PAGE, 500, id="20 s, page"),
        pytest.param(40, PAGE, 300, id="40 s, page"),
    ],
)
@EITHER_READ
@virtual
async def test_a_host_that_refuses_for_a_while_loses_no_key(
    seconds: float, answer: Answer, count: int, read: tuple[Endpoint, ...]
) -> None:
    """A host that refuses everything for up to 40 s loses no key; all are read 15 s after it is well."""
    day = await day_of(between(0, seconds, answer), count, read=read)

    assert day.unread == set()
    assert day.elapsed <= seconds + 15


@virtual
async def test_refusals_in_the_middle_lose_no_key() -> None:
    """A host that refuses everything from second 1 to 21 loses no key of 2,000."""
    day = await day_of(between(1, 21, PAGE), 2_000)

    assert day.unread == set()
    assert day.elapsed <= 21 + 15


# Stray refusals.


GOOD_DAY = {1_000: 3.1, 2_000: 3.5, 5_000: 7.9}
"""Seconds that so many keys take at most, 32 at once and 50 ms each, if nothing goes wrong."""


@pytest.mark.parametrize("count", GOOD_DAY)
@EITHER_READ
@virtual
async def test_a_good_day_is_short(count: int, read: tuple[Endpoint, ...]) -> None:
    """Without trouble a batch takes as long as the tests below assume."""
    assert (await day_of(healthy, count, read=read)).elapsed <= GOOD_DAY[count]


@pytest.mark.parametrize("count", [1_000, 5_000])
@EITHER_READ
@virtual
async def test_stray_refusals_slow_nobody_down(count: int, read: tuple[Endpoint, ...]) -> None:
    """5 % stray refusals cost a batch 10 s at most, and no key but those refused three times in a row."""
    host = Unlucky(at_random((0.05, PAGE)))

    day = await day_of(host, count, read=read)

    assert day.unread_keys <= host.thrice
    assert day.elapsed <= GOOD_DAY[count] + 10


@pytest.mark.parametrize(
    "shares",
    [
        pytest.param([(0.05, BUSY)], id="503"),
        pytest.param([(0.05, BUSY), (0.05, PAGE)], id="503 and 429"),
        pytest.param([(0.05, refusal(503, "Busy", Retry_After="1"))], id="503 with a hint"),
        pytest.param([(0.2, BUSY)], id="503 often"),
        pytest.param([(0.05, APIConnectionError("Reset"))], id="reset"),
    ],
)
@virtual
async def test_stray_failures_slow_nobody_down(shares: list[tuple[float, Answer]]) -> None:
    """Stray failures cost a batch 15 s at most, and no key but those failed three times in a row."""
    host = Unlucky(at_random(*shares))

    day = await day_of(host, 2_000)

    assert day.unread_keys <= host.thrice
    assert day.elapsed <= GOOD_DAY[2_000] + 15


@virtual
async def test_daily_caps_among_stray_refusals_are_told_apart() -> None:
    """Keys at their daily cap fail at once, stray refusals are tried again, and no other key waits."""
    keys = made_up_keys(2_000)
    capped = set(keys[7::20])
    host = Unlucky(at_random((0.05, PAGE), otherwise=by_key(dict.fromkeys(capped, DAILY_CAP))))

    day = await day_of(host, keys)

    assert capped <= day.unread_keys <= capped | host.thrice
    assert day.elapsed <= GOOD_DAY[2_000] + 10


@virtual
async def test_without_retries_a_stray_refusal_is_final() -> None:
    """With `attempts=1` each refused key has its RateLimitError after one request, and nobody waits."""
    day = await day_of(at_random((0.05, PAGE)), 1_000, retry=RetryPolicy(attempts=1))

    assert set(errors_of(day.report.checks)) == {"RateLimitError"}
    assert len(day.errors) == day.wire.answers[429]
    assert len(day.wire.hits) == 1_000
    assert day.elapsed <= GOOD_DAY[1_000] + 1


@pytest.mark.parametrize(("count", "every"), [(1_000, 20), (5_000, 20), (1_000, 100)])
@virtual
async def test_keys_that_are_always_refused_slow_no_other_down(count: int, every: int) -> None:
    """Some keys are refused whenever they ask: the others are read as quickly as without them."""
    keys = made_up_keys(count)
    refused = set(keys[3::every])
    read_at: list[float] = []

    async with client_of(by_key(dict.fromkeys(refused, PAGE))) as (client, _):
        with lap() as taken:
            async for check in client.check_keys(keys, read=CREDITS):
                if check.error is None:
                    read_at.append(asyncio.get_running_loop().time() - taken.began)
                else:
                    assert isinstance(check.error, RateLimitError)

    assert len(read_at) == count - len(refused)
    assert max(read_at) <= GOOD_DAY[count] + 10
    assert taken.elapsed <= GOOD_DAY[count] + 2 * 30 + 10


# Refused for ever.


@pytest.mark.parametrize(
    ("answer", "hint", "kind"),
    [
        pytest.param(PAGE, 0, RateLimitError, id="page"),
        pytest.param(too_many(1), 1, RateLimitError, id="JSON"),
        pytest.param(too_many(30), 30, RateLimitError, id="JSON, a long hint"),
        pytest.param(refusal(503, "Busy", Retry_After="1"), 1, ServerError, id="503"),
    ],
)
@EITHER_READ
@virtual
async def test_a_host_that_refuses_everything_ends_the_batch(
    answer: Reply, hint: float, kind: type[OpenRouterError], read: tuple[Endpoint, ...]
) -> None:
    """Nothing but refusals ends a batch after twice `retry.deadline`, beyond the hint, and 200 requests."""
    day = await day_of(lambda *_: answer, 5_000, read=read)

    assert 60 <= day.elapsed <= 60 + hint + 2
    assert len(day.wire.hits) <= 200
    assert len(day.errors) == 5_000
    assert {type(error) for error in day.errors} == {kind}
    last = day.errors[-1]
    assert "the host refused all requests" in last.summary
    assert [type(problem) for problem in last.problems] == [kind]


@EITHER_READ
@virtual
async def test_two_keys_alone_are_tried_three_times_each(read: tuple[Endpoint, ...]) -> None:
    """Two keys that are always refused say little of the host: each is tried three times, as a single one."""
    day = await day_of(lambda *_: PAGE, 2, read=read)

    assert errors_of(day.report.checks) == {"RateLimitError": 2}
    assert len(day.wire.hits) == 2 * 3 * len(read)
    assert day.elapsed <= 10


@virtual
async def test_a_wallet_that_is_always_refused_costs_its_keys_nothing_else() -> None:
    """If a management key is refused whenever it asks, its keys' own limits are read at once."""
    manager = made_up("manager")
    specs = [KeySpec(made_up(number), management_key=manager) for number in range(50)]
    async with client_of(by_key({manager: PAGE})) as (client, wire):
        with lap() as taken:
            report = await client.check_all(specs)

    assert wire.hits_of(manager) == 3
    assert taken.elapsed <= 10
    for check in report.checks:
        assert check.status is not None
        assert check.status.key is not None
        assert [type(problem) for problem in check.status.problems] == [RateLimitError]


# A limit that the host tells exactly, and hosts that are slow by themselves.


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("count", "seconds", "keys"), [(60, 40, 200), (60, 5, 500), (60, 60, 150)])
@virtual
async def test_an_exact_quota_loses_no_key(count: int, seconds: float, keys: int, status: int) -> None:
    """A quota with an exact Retry-After loses no key, be it told with 429 or 503, however long it lasts."""
    day = await day_of(quota(count, seconds, status), keys)

    windows = math.ceil(keys / count)
    assert day.unread == set()
    assert day.elapsed <= windows * seconds + 5
    assert len(day.wire.hits) <= keys + 32 * windows


@pytest.mark.parametrize("status", [429, 503])
@virtual
async def test_a_quota_is_shared_by_both_reads(status: int) -> None:
    """Wallets and keys that are read within one quota are all read, be it told with 429 or 503."""
    day = await day_of(quota(60, 40, status), 100, read=BOTH)

    assert day.unread == set()
    assert day.elapsed <= 4 * 40 + 5


@pytest.mark.parametrize(
    ("rate", "burst", "keys", "most"),
    [
        pytest.param(5, 1, 300, 3.0, id="5 a second, one at once"),
        pytest.param(5, 5, 300, 1.5, id="5 a second"),
        pytest.param(20, 5, 500, 1.5, id="20 a second"),
        pytest.param(1, 1, 60, 2.0, id="1 a second, one at once"),
    ],
)
@virtual
async def test_a_slow_host_loses_no_key(rate: float, burst: float, keys: int, most: float) -> None:
    """A host that allows a few requests a second loses no key, and takes `most` times the best at most."""
    day = await day_of(token_bucket(rate, burst), keys)

    assert day.unread == set()
    assert day.elapsed <= most * keys / rate


@virtual
async def test_a_callers_rate_is_kept_after_a_pause() -> None:
    """A batch with `rate=20` never sends more than 21 requests in a second, refused or not."""
    day = await day_of(between(2, 5, PAGE), 200, rate=20)

    assert day.unread == set()
    at = [hit.at for hit in day.wire.hits]
    assert all(later - earlier > 0.99 for earlier, later in zip(at, at[21:], strict=False))


# Time in which nothing was asked.


@virtual
async def test_a_slow_rate_is_not_the_silence_of_the_host() -> None:
    """At 0.02 requests a second, a 503 for the first one loses no key: nothing was asked for a while."""
    day = await day_of(after(1, BUSY), 5, rate=0.02)

    assert day.unread == set()


class Stopping(StandIn):
    """A host of a process that stands still for 4 s in mid-batch.

    As in a process that goes on, timers that are due fire before what was received has been read.
    """

    has_stopped = False

    async def _ask(self, request: Request) -> Any:
        if len(self.hits) >= 200 and not self.has_stopped:
            self.has_stopped = True
            loop: Any = asyncio.get_running_loop()
            loop.now += 4
        answer = await super()._ask(request)
        for _ in range(5):
            await asyncio.sleep(0)
        return answer


@pytest.mark.parametrize("timeout", [1.0, 10.0])
@virtual
async def test_a_process_that_was_stopped_loses_no_key(timeout: float) -> None:
    """A process that stands still for 4 s loses none of 500 keys, although each has 3 s in all."""
    async with client_of() as (client, _):
        wire = Stopping(healthy)
        wire._timeout = timeout
        client._caller = Caller(wire, RetryPolicy(deadline=3.0))
        report = await client.check_all(made_up_keys(500), read=CREDITS)

    assert wire.has_stopped
    assert errors_of(report.checks) == {}
    assert len(wire.hits) <= 500 + 64


# The reason of a dead host.


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (APIConnectionError("Could not connect: refused", sent=False), "Could not connect: refused"),
        (APITimeoutError("The connection timed out", sent=False), "The connection timed out"),
        (ProxyError("The proxy answered 407", sent=False), "The proxy answered 407"),
        (ServerError("Down for maintenance", status=503), "Down for maintenance"),
    ],
    ids=["refused", "connect time-out", "proxy", "503"],
)
@EITHER_READ
@virtual
async def test_each_outcome_tells_why_the_host_is_dead(
    error: OpenRouterError, text: str, read: tuple[Endpoint, ...]
) -> None:
    """Each of 200 outcomes tells the reason, as text and as an error, within `retry.deadline` + 2 s."""

    def serve(*_: object) -> Answer:
        return refusal(503, "Down for maintenance") if isinstance(error, ServerError) else error

    day = await day_of(serve, 200, read=read)

    assert day.elapsed <= 32
    assert len(day.errors) == 200
    for each in day.errors:
        assert text in str(each)
        assert type(error) in {type(each), *map(type, each.problems)}


@pytest.mark.parametrize(("answer", "text"), [(PAGE, "429"), (too_many(20), "Rate limit exceeded")])
@virtual
async def test_a_deadline_in_a_pause_tells_what_the_host_did_last(answer: Answer, text: str) -> None:
    """A batch whose deadline comes in a pause says in each outcome that it was refused, and how."""
    day = await day_of(lambda *_: answer, 100, deadline=5.0)

    assert day.elapsed == pytest.approx(5)
    assert {type(error) for error in day.errors} == {RateLimitError}
    for error in day.errors:
        assert "its 5 s are over" in error.summary
        assert text in error.summary


# Small batches, and other ways to hand the keys over.


@pytest.mark.parametrize(("count", "most"), [(101, 1.1), (120, 1.5), (150, 2.0), (200, 4.0)])
@EITHER_READ
@virtual
async def test_a_batch_of_a_few_more_keys_takes_a_little_longer(
    count: int, most: float, read: tuple[Endpoint, ...]
) -> None:
    """There is no number of keys from which on a batch is much slower: 101 take as long as 100."""
    hundred = await day_of(healthy, 100, latency=0.2, read=read)
    more = await day_of(healthy, count, latency=0.2, read=read)

    assert hundred.elapsed == pytest.approx(0.8)
    assert more.elapsed <= most * hundred.elapsed


async def from_a_list(client: Any, keys: list[str]) -> list[KeyCheck]:
    """Check keys of a list, and take the outcomes as they come."""
    return await gathered(client.check_keys(keys, read=CREDITS))


async def from_a_generator(client: Any, keys: list[str]) -> list[KeyCheck]:
    """Check keys that an asynchronous source gives."""
    return await gathered(client.check_keys(lazily(keys), read=CREDITS))


async def by_a_slow_reader(client: Any, keys: list[str]) -> list[KeyCheck]:
    """Check keys, and take 10 ms for each outcome."""
    checks: AsyncGenerator[KeyCheck, None] = client.check_keys(keys, read=CREDITS)
    found = []
    async for check in checks:
        await asyncio.sleep(0.01)
        found.append(check)
    return found


@pytest.mark.parametrize(
    "make_host",
    [
        pytest.param(lambda: after(20, PAGE), id="burst"),
        pytest.param(lambda: between(1, 6, PAGE), id="refusing for 5 s"),
        pytest.param(lambda: quota(60, 5), id="quota"),
        pytest.param(lambda: quota(60, 5, 503), id="quota of 503"),
        pytest.param(lambda: dead(2), id="dead for 2 s"),
        pytest.param(lambda: between(0.2, 5, NO_ANSWER), id="hanging for 5 s"),
    ],
)
@pytest.mark.parametrize("check", [from_a_list, from_a_generator, by_a_slow_reader])
@virtual
async def test_a_hard_day_loses_no_key_however_the_keys_come(
    check: Callable[[Any, list[str]], Any], make_host: Callable[[], Host]
) -> None:
    """Keys of a list or of a generator, with outcomes taken quickly or slowly: 300 are read, once each."""
    async with client_of(make_host()) as (client, _):
        with lap() as taken:
            checks: list[KeyCheck] = await check(client, made_up_keys(300))

    assert errors_of(checks) == {}
    assert sorted(each.index for each in checks) == list(range(300))
    assert taken.elapsed <= 40


@pytest.mark.parametrize(("count", "seconds", "keys"), [(20, 20, 60), (5, 20, 30), (30, 30, 100)])
@virtual
async def test_a_quota_without_a_hint_loses_no_key(count: int, seconds: float, keys: int) -> None:
    """A quota that is told by pages without a hint loses no key, though calls are refused many times."""
    told = quota(count, seconds)

    def serve(request: Request, at: float) -> Answer:
        answer = told(request, at)
        return answer if isinstance(answer, Reply) and answer.status == 200 else PAGE

    day = await day_of(serve, keys)

    assert day.unread == set()


@pytest.mark.parametrize("concurrency", [8, 32])
@virtual
async def test_a_wallet_that_hangs_holds_up_no_other(concurrency: int) -> None:
    """Keys that wait for a wallet which hangs, with `/key` slower than that, hold up no other key."""
    manager, *keys = made_up_keys(141)
    specs = [KeySpec(key, account="acme", management_key=manager) for key in keys[:40]] + keys[40:]
    async with client_of(hanging({manager}), latency=0.1) as (client, _):
        report = await client.check_all(specs, concurrency=concurrency, deadline=8)

    assert all(check.status is not None for check in report.checks)
    assert {check.index for check in report.checks if check.status and check.status.problems} == set(
        range(40)
    )


@pytest.mark.parametrize("path", ["/credits", "/key"])
@virtual
async def test_a_path_that_is_refused_hides_no_other(path: str) -> None:
    """If one of two paths is always refused, the other one is read of each key all the same."""
    day = await day_of(
        lambda request, at: too_many(30) if request.target == path else healthy(request, at), 60, read=BOTH
    )

    assert day.errors == []
    assert day.unread == set(range(60))
