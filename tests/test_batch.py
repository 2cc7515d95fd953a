"""Many keys at once: one outcome for every key that is taken, whatever becomes of the others. All in virtual time."""

from __future__ import annotations

import asyncio
import gc
import itertools
import pickle
import warnings
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from decimal import Decimal
from typing import Any, Literal

import pytest

from openrouter_credits import (
    APIConnectionError,
    ApiKey,
    APITimeoutError,
    AuthenticationError,
    ClientClosedError,
    CreditsClient,
    InvalidKeyError,
    KeyCheck,
    KeySpec,
    Level,
    LocalResourceError,
    ManagementKeyRequiredError,
    RateLimitError,
    RetryPolicy,
    ServerError,
    UnconfirmedCreditsError,
)
from openrouter_credits._protocol import Request
from tests.kit.clock import now, run, timers, virtual
from tests.kit.hosts import (
    DAILY_CAP,
    FUNDED,
    INFO,
    NO_ANSWER,
    UNAUTHORIZED,
    Answer,
    Host,
    StandIn,
    client_of,
    credits_of,
    dead,
    errors_of,
    fixed_window,
    gathered,
    healthy,
    key_of,
    lazily,
    refuses,
    says,
    sliding_window,
    token_bucket,
)
from tests.kit.values import made_up, made_up_keys

Endpoint = Literal["credits", "key"]
CREDITS: tuple[Endpoint, ...] = ("credits",)
KEY: tuple[Endpoint, ...] = ("key",)
BOSS, OTHER_BOSS = made_up(9_000_001), made_up(9_000_002)
FORBIDDEN = refuses(403, "Only management keys can perform this operation")
ZERO = credits_of(0)


def by_key(answers: dict[str, Any], otherwise: Host = healthy) -> Host:
    """Answer some keys in a way of their own: one answer for all, or one for each path."""

    def serve(request: Request, at: float) -> Answer:
        answer = answers.get(request.key.reveal())
        if isinstance(answer, dict):
            answer = answer.get(request.target)
        return otherwise(request, at) if answer is None else answer

    return serve


def levels_of(checks: list[KeyCheck]) -> Counter[Level]:
    """Count the outcomes by their levels."""
    return Counter(check.level() for check in checks)


# The fault matrix, at full size.


@pytest.mark.no_cover
@virtual
async def test_one_bad_key_among_thousands_disturbs_no_other() -> None:
    """Row 41: 5,000 keys, 5,000 outcomes, one of them an AuthenticationError."""
    keys = made_up_keys(5_000)
    async with client_of(by_key({keys[77]: UNAUTHORIZED})) as (client, wire):
        began = now()
        report = await client.check_all(keys, read=CREDITS)

    assert [check.index for check in report.checks] == list(range(5_000))
    assert errors_of(report.checks) == {"AuthenticationError": 1}
    assert report.checks[77].level() == Level.INVALID
    assert report.checks[77].label == str(ApiKey(keys[77]))
    assert len(wire.hits) == 5_000
    assert now() - began < 1.2 * 5_000 / 32 * 0.05 + 1


@pytest.mark.no_cover
@virtual
async def test_daily_capped_keys_delay_no_other() -> None:
    """Row 41: a twentieth of 5,000 keys has spent its free requests; each says so at once, and nobody is paced."""
    keys = made_up_keys(5_000)
    capped = set(keys[7::20])
    async with client_of(by_key(dict.fromkeys(capped, DAILY_CAP))) as (client, wire):
        began = now()
        report = await client.check_all(keys, read=CREDITS)

    assert errors_of(report.checks) == {"RateLimitError": 250}
    assert {check.index for check in report.checks if check.error} == {keys.index(key) for key in capped}
    assert len(wire.hits) == 5_000
    assert now() - began < 1.2 * 5_000 / 32 * 0.05 + 1
    assert max(check.elapsed for check in report.checks) < 1.2


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("make_server", "latency"),
    [
        pytest.param(lambda: fixed_window(100), 0.02, id="fixed window"),
        pytest.param(lambda: later(fixed_window(100), 0.7), 0.05, id="fixed window, begun"),
        pytest.param(lambda: sliding_window(100), 0.002, id="sliding window, near"),
        pytest.param(lambda: sliding_window(100), 0.05, id="sliding window, far"),
        pytest.param(lambda: token_bucket(100, 100), 0.002, id="bucket of 100"),
        pytest.param(lambda: token_bucket(100, 50), 0.05, id="bucket of 50"),
        pytest.param(lambda: token_bucket(100, 20), 0.02, id="bucket of 20"),
    ],
)
@virtual
async def test_a_limit_of_100_a_second_loses_no_key(make_server: Callable[[], Host], latency: float) -> None:
    """Row 42: 1,000 keys, none lost, refusals for 2 % of them at most, in 1.5 times the 10 s that it must take."""
    async with client_of(make_server(), latency) as (client, wire):
        began = now()
        report = await client.check_all(made_up_keys(1_000), read=CREDITS)

    assert levels_of(list(report.checks)) == {Level.OK: 1_000}
    assert now() - began <= 15
    assert wire.answers[429] <= 20


def later(server: Host, seconds: float) -> Host:
    """Let a server's clock have begun before the first request."""
    return lambda request, at: server(request, at + seconds)


@pytest.mark.parametrize("is_endless", [False, True])
@virtual
async def test_a_dead_host_ends_the_batch(is_endless: bool) -> None:
    """Row 43: within the retry deadline and 2 s, with at most 100 requests; each of 5,000 keys has an outcome."""
    keys: Any = map(made_up, itertools.count()) if is_endless else made_up_keys(5_000)
    async with client_of(dead(until=1e9)) as (client, wire):
        began = now()
        checks = await gathered(client.check_keys(keys, concurrency=64))

    assert 30 <= now() - began <= 32
    assert len(wire.hits) <= 100
    assert levels_of(checks) == {Level.UNKNOWN: len(checks)}
    assert sorted(check.index for check in checks) == list(range(len(checks)))
    assert len(checks) <= 200 if is_endless else len(checks) == 5_000
    last = checks[-1].error
    assert isinstance(last, APITimeoutError)
    assert last.summary == "The batch ended before this key was checked: the host gave no answer for 30 s"


@pytest.mark.no_cover
@virtual
async def test_a_host_that_swallows_requests_ends_the_batch_too() -> None:
    """As row 43, but nothing is refused: each try runs into its time-out."""
    async with client_of(lambda *_: NO_ANSWER) as (client, wire):
        began = now()
        report = await client.check_all(made_up_keys(5_000), concurrency=64)

    assert now() - began <= 32
    assert len(wire.hits) <= 100
    assert levels_of(list(report.checks)) == {Level.UNKNOWN: 5_000}


@pytest.mark.no_cover
@pytest.mark.parametrize(("concurrency", "latency"), [(64, 0.05), (32, 0.002)])
@virtual
async def test_a_host_that_is_dead_for_two_seconds_loses_no_key(concurrency: int, latency: float) -> None:
    """Row 44: 5,000 keys, none lost, at most 1.05 requests each."""
    async with client_of(dead(until=2), latency) as (client, wire):
        report = await client.check_all(made_up_keys(5_000), concurrency=concurrency, read=CREDITS)

    assert levels_of(list(report.checks)) == {Level.OK: 5_000}
    assert len(wire.hits) <= 1.05 * 5_000


@virtual
async def test_a_key_waits_for_its_429_and_is_read() -> None:
    """Row 3: after the hint, and the others do not wait."""
    keys = made_up_keys(50)
    refusals = deque([refuses(429, "Rate limit exceeded", Retry_After="1")])

    def serve(request: Request, at: float) -> Answer:
        return refusals.popleft() if refusals and request.key.reveal() == keys[9] else healthy(request, at)

    async with client_of(serve) as (client, wire):
        report = await client.check_all(keys, read=CREDITS)

    assert errors_of(report.checks) == {}
    first, second = (hit.at for hit in wire.hits if hit.key == keys[9])
    assert second - first >= 1
    assert sum(check.elapsed > 0.5 for check in report.checks) == 1


@pytest.mark.parametrize("is_in_the_body", [False, True])
def test_a_reset_two_seconds_ahead_is_waited_for(is_in_the_body: bool) -> None:
    """Rows 4 and 5: OpenRouter's own hint, as a header or only in the body."""
    key = made_up(1)
    date = "Tue, 20 Oct 2026 15:30:00 GMT"
    reset = {"X-RateLimit-Reset": str((1792510200 + 2) * 1000)}
    error: dict[str, Any] = {"code": 429, "message": "Rate limit exceeded"}
    if is_in_the_body:
        error["metadata"] = {"headers": reset}
    refusals = [says(429, {"error": error}, Date=date, **({} if is_in_the_body else reset))]

    async def main() -> None:
        async with client_of(lambda request, at: refusals.pop() if refusals else healthy(request, at)) as (client, wire):
            report = await client.check_all([key], read=CREDITS)

        assert report.checks[0].error is None
        assert wire.hits[1].at - wire.hits[0].at >= 2

    run(main())


@virtual
async def test_a_reset_fifteen_hours_ahead_is_final_for_its_key_alone() -> None:
    """Row 6: the error says when, at once, and nobody else is slowed down."""
    keys = made_up_keys(200)
    hint = refuses(429, "Rate limit exceeded", Retry_After=str(15 * 3600))
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
    """Row 45: it is this process's fault, and each key's own outcome."""
    keys = made_up_keys(500)
    error = LocalResourceError("This process has too many open files", sent=False)
    async with client_of(by_key(dict.fromkeys(keys[:100], error))) as (client, wire):
        report = await client.check_all(keys, read=CREDITS)

    assert errors_of(report.checks) == {"LocalResourceError": 100}
    assert len(wire.hits) == 500
    assert max(check.elapsed for check in report.checks) < 1.2


# Sources.


class Sized:
    """A source with a length that is neither a list nor a mapping."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys)


class Asynchronous(Sized):
    """The same to be read asynchronously; without `aclose`."""

    __iter__ = None  # type: ignore[assignment]  # it has none

    def __aiter__(self) -> AsyncIterator[str]:
        self.left = iter(self.keys)
        return self

    async def __anext__(self) -> str:
        await asyncio.sleep(0.01)
        try:
            return next(self.left)
        except StopIteration:
            raise StopAsyncIteration from None


@pytest.mark.parametrize(
    "of",
    [
        list,
        tuple,
        lambda keys: dict.fromkeys(keys).keys(),
        lambda keys: (key for key in keys),
        iter,
        lambda keys: [KeySpec(key) for key in keys],
        lambda keys: [ApiKey(key) for key in keys],
        lambda keys: {f"name of {key[-4:]}": key for key in keys},
        lambda keys: {"x": KeySpec(keys[0], name="y")} | {key[-4:]: KeySpec(key) for key in keys[1:]},
        Sized,
        Asynchronous,
        lazily,
        lambda keys: lazily(keys, every=0.3),
    ],
)
@virtual
async def test_keys_come_from_whatever_gives_them(of: Callable[[list[str]], Any]) -> None:
    """A list, a mapping, a generator, an asynchronous one, keys as texts or otherwise: each has one outcome, in its place."""
    keys = made_up_keys(40)
    async with client_of() as (client, wire):
        report = await client.check_all(of(keys))

    assert [check.index for check in report.checks] == list(range(40))
    assert [check.label for check in report.checks] == [str(ApiKey(key)) for key in keys]
    assert levels_of(list(report.checks)) == {Level.OK: 40}
    assert wire.paths == {"/credits": 40, "/key": 40}


@virtual
async def test_a_mapping_names_its_keys() -> None:
    """But a spec keeps the name that it has."""
    keys = {"alice": made_up(1), "bob": KeySpec(made_up(2)), "carol": KeySpec(made_up(3), name="Caroline"), "dave": None}
    async with client_of() as (client, _):
        report = await client.check_all(keys)

    assert [check.name for check in report.checks] == ["alice", "bob", "Caroline", "dave"]


@pytest.mark.parametrize("empty", [[], {}, iter(()), lazily([])])
@virtual
async def test_no_keys_are_no_outcomes(empty: Any) -> None:
    """And no request."""
    async with client_of() as (client, wire):
        report = await client.check_all(empty)

    assert report.checks == report.wallets() == ()
    assert wire.hits == []


@pytest.mark.parametrize("one", ["sk-or-v1-x", b"sk-or-v1-x", bytearray(b"x"), ApiKey("sk-or-v1-x"), KeySpec("sk-or-v1-x"), 7, None])
@virtual
async def test_a_single_key_is_no_list_of_keys(one: Any) -> None:
    """A text would be read letter by letter: TypeError, where it is called, and without the key."""
    async with client_of() as (client, _):
        with pytest.raises(TypeError) as caught:
            client.check_keys(one)
        with pytest.raises(TypeError):
            await client.check_all(one)

    assert "sk-or" not in str(caught.value)


@pytest.mark.parametrize(
    ("element", "told"),
    [
        (None, "There is no key (None)"),
        ("", "The API key is blank"),
        ("  ", "The API key is blank"),
        ("sk-or-v1-\x00abc", "character 10 of 13 (U+0000) is a control character"),
        ("sk-or-v1-a\nb", "character 11 of 12 (U+000A) is white space"),
        ("sk-or-v1-“x”", "is not ASCII"),
        (17, "an API key is a str or an ApiKey, not int"),
        (b"sk-or-v1-bytes", "an API key is a str or an ApiKey, not bytes"),
        (["sk-or-v1-nested"], "an API key is a str or an ApiKey, not list"),
    ],
)
@virtual
async def test_a_bad_element_is_an_outcome(element: Any, told: str) -> None:
    """Its neighbours are checked; nothing is sent for it, and the error does not show it."""
    async with client_of() as (client, wire):
        report = await client.check_all([made_up(1), element, made_up(2)])
        named = await client.check_all({"good": made_up(1), "bad": element})

    before, bad, after = report.checks
    assert before.error is after.error is None
    assert isinstance(bad.error, InvalidKeyError)
    assert told in str(bad.error)
    assert (bad.index, bad.label, bad.status, bad.level()) == (1, None, None, Level.INVALID)
    assert named.checks[1].name == "bad"
    assert {hit.key for hit in wire.hits} == {made_up(1), made_up(2)}
    assert "sk-or" not in repr(bad)


@pytest.mark.parametrize("is_async", [False, True])
@virtual
async def test_an_endless_source_is_read_as_far_as_results_are_taken(is_async: bool) -> None:
    """Never more than twice the concurrency ahead of the consumer, however slow he is."""
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield made_up(number)

    async with client_of(latency=0.01) as (client, wire):
        source: Any = lazily(endless()) if is_async else endless()
        async with aclosing(client.check_keys(source, concurrency=8)) as checks:
            seen = 0
            async for _ in checks:
                seen += 1
                await asyncio.sleep(0.5)
                assert taken - seen <= 2 * 8 + 1
                if seen == 50:
                    break
    assert taken <= 50 + 2 * 8 + 1
    assert wire.most_under_way <= 2 * 8


@virtual
async def test_a_lazy_source_is_asked_when_a_worker_is_free() -> None:
    """And not by more than one at a time: asynchronous generators refuse that."""
    asking = most = 0
    began = now()

    class Source:
        def __aiter__(self) -> AsyncIterator[str]:
            return self

        async def __anext__(self) -> str:
            nonlocal asking, most
            asking += 1
            most = max(most, asking)
            await asyncio.sleep(0.01)
            asking -= 1
            if now() > began + 3:
                raise StopAsyncIteration
            return made_up(int(now() * 1000))

    async with client_of() as (client, _):
        checks = await gathered(client.check_keys(Source()))

    assert most == 1
    assert len(checks) == pytest.approx(300, abs=3)


@virtual
async def test_results_come_as_they_finish() -> None:
    """The quick one first; `check_all` puts them back into the order of the source."""
    keys = made_up_keys(3)
    latency = dict(zip(keys, (3.0, 1.0, 2.0), strict=True))
    async with client_of(latency=lambda request: latency[request.key.reveal()]) as (client, _):
        began = now()
        arrived = [(check.index, now() - began) async for check in client.check_keys(keys)]
        report = await client.check_all(keys)

    assert [index for index, _ in arrived] == [1, 2, 0]
    assert [at for _, at in arrived] == pytest.approx([1, 2, 3])
    assert [check.index for check in report.checks] == [0, 1, 2]
    assert [check.elapsed for check in report.checks] == pytest.approx([3, 1, 2])


@pytest.mark.parametrize("concurrency", [1, 2, 32])
@virtual
async def test_so_many_keys_are_under_way_at_once(concurrency: int) -> None:
    """As many as the caller said."""
    async with client_of() as (client, wire):
        await client.check_all(made_up_keys(90), concurrency=concurrency, read=CREDITS)

    assert wire.most_under_way == concurrency


# What is read.


@virtual
async def test_reading_only_credits_is_one_request_each() -> None:
    """Exactly, whatever is answered."""
    keys = made_up_keys(300)
    answers = {keys[1]: ZERO, keys[2]: FORBIDDEN, keys[3]: UNAUTHORIZED}
    async with client_of(by_key(answers)) as (client, wire):
        report = await client.check_all(keys, read=CREDITS)

    assert wire.paths == {"/credits": 300}
    assert errors_of(report.checks) == {"UnconfirmedCreditsError": 1, "ManagementKeyRequiredError": 1, "AuthenticationError": 1}
    status = report.checks[0].status
    assert status is not None
    assert (status.key, status.spendable.certainty) == (None, "at_most")
    assert report.checks[0].level() == Level.OK


@virtual
async def test_reading_only_keys_is_one_request_each() -> None:
    """The wallet is not asked for, and so nothing is missing."""
    async with client_of() as (client, wire):
        report = await client.check_all([*made_up_keys(20), KeySpec(made_up(77), management_key=BOSS)], read=KEY)

    assert wire.paths == {"/key": 21}
    assert all(check.status is not None and check.status.credits is None and not check.status.problems for check in report.checks)


@virtual
async def test_both_are_read_at_once_by_default() -> None:
    """Either may fail without hiding the other."""
    keys = made_up_keys(4)
    answers = {keys[1]: {"/credits": FORBIDDEN}, keys[2]: {"/key": UNAUTHORIZED}, keys[3]: UNAUTHORIZED}
    async with client_of(by_key(answers), latency=1) as (client, _):
        began = now()
        report = await client.check_all(keys)

    assert now() - began == pytest.approx(1)
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
    ("keep", "options", "error"),
    [
        ("concurrency", 0, ValueError),
        ("concurrency", -1, ValueError),
        ("concurrency", 1.5, TypeError),
        ("concurrency", True, TypeError),
        ("read", "credits", TypeError),
        ("read", (), ValueError),
        ("read", ("wallet",), ValueError),
        ("read", ("credits", "models"), ValueError),
        ("read", 7, TypeError),
        ("rate", 0, ValueError),
        ("rate", -1.0, ValueError),
        ("rate", float("inf"), ValueError),
        ("rate", float("nan"), ValueError),
        ("rate", "10", TypeError),
        ("deadline", 0, ValueError),
        ("deadline", float("nan"), ValueError),
        ("deadline", "60", TypeError),
    ],
)
@virtual
async def test_an_impossible_option_is_refused_where_it_is_given(keep: str, options: Any, error: type[Exception]) -> None:
    """Before anything is read from the source."""
    source = iter(made_up_keys(3))
    async with client_of() as (client, wire):
        with pytest.raises(error, match=keep):
            client.check_keys(source, **{keep: options})
        with pytest.raises(error):
            await client.check_all(source, **{keep: options})

    assert len(list(source)) == 3
    assert wire.hits == []


@pytest.mark.parametrize("rate", [1, 7.5, 100])
@virtual
async def test_a_rate_is_never_exceeded(rate: float) -> None:
    """In no second are there more requests than the caller said, from the first one on."""
    async with client_of(latency=0.2) as (client, wire):
        await client.check_all(made_up_keys(int(rate * 5)), rate=rate, read=CREDITS)

    times = [hit.at for hit in wire.hits]
    in_a_second = [sum(at <= other < at + 1 - 1e-6 for other in times) for at in times]
    assert max(in_a_second) <= -(-rate // 1)
    assert times[-1] <= len(times) / rate + 0.1, "nor is it much slower"


@virtual
async def test_a_rate_counts_requests_not_keys() -> None:
    """A key of which both are read takes two."""
    async with client_of() as (client, wire):
        await client.check_all(made_up_keys(25), rate=10)

    assert len(wire.hits) == 50
    assert wire.hits[-1].at >= 4.5


@virtual
async def test_a_rate_that_the_host_does_not_bear_is_lowered() -> None:
    """Asking on at that rate would lose keys."""
    async with client_of(token_bucket(10, 5)) as (client, wire):
        report = await client.check_all(made_up_keys(300), rate=20, read=CREDITS)

    assert errors_of(report.checks) == {}
    assert wire.answers[429] <= 30


# Equal keys, management keys, accounts.


@virtual
async def test_equal_keys_under_way_share_their_requests() -> None:
    """In `check_keys` only while these are under way; however the key is written."""
    key = made_up(1)
    async with client_of() as (client, wire):
        together = await gathered(client.check_keys([key, f" {key}\n", ApiKey(key), f'"Bearer {key}"']))
        assert wire.paths == {"/credits": 1, "/key": 1}
        apart = await gathered(client.check_keys([key] * 5, concurrency=1))

    assert wire.paths == {"/credits": 6, "/key": 6}
    assert levels_of(together + apart) == {Level.OK: 9}


@virtual
async def test_equal_keys_share_over_the_whole_of_check_all() -> None:
    """Each has its outcome, of one request."""
    keys = made_up_keys(3) * 40
    async with client_of() as (client, wire):
        report = await client.check_all(keys, concurrency=2)

    assert [check.index for check in report.checks] == list(range(120))
    assert wire.paths == {"/credits": 3, "/key": 3}


@virtual
async def test_equal_keys_that_fail_have_an_error_each() -> None:
    """With the same facts, and nothing in them that grows with their number."""
    async with client_of(lambda *_: UNAUTHORIZED) as (client, wire):
        report = await client.check_all([made_up(1)] * 50)

    assert len(wire.hits) == 2
    errors = [check.error for check in report.checks]
    assert len({id(error) for error in errors}) == 50
    assert {len(error.problems) for error in errors if error is not None} == {1}


@virtual
async def test_a_shared_failure_pins_no_frames() -> None:
    """The wallet of a revoked management key fails for each of its keys: what is kept of it must not grow with them."""
    specs = (KeySpec(made_up(number), management_key=BOSS) for number in range(500))
    async with client_of(by_key({BOSS: UNAUTHORIZED})) as (client, wire):
        batch = client._batch(specs, _options(read=CREDITS), keeps_all=False)
        checks = await gathered(batch.run())

    assert len(wire.hits) == 1
    assert errors_of(checks) == {"AuthenticationError": 500}
    (shared,) = batch._shared.values()
    depth, entry = 0, shared.result().__traceback__
    while entry is not None:
        depth, entry = depth + 1, entry.tb_next
    assert depth < 20


def _options(read: tuple[Endpoint, ...] = ("credits", "key"), concurrency: int = 32) -> Any:
    from openrouter_credits._check import Options

    return Options.of(concurrency, read, None, None)


@virtual
async def test_each_management_key_reads_its_wallet_once() -> None:
    """It serves all keys of its account, also those that come after it has answered."""
    wallets = {BOSS: {"/credits": credits_of(50)}, OTHER_BOSS: {"/credits": credits_of(7)}}
    specs = [KeySpec(made_up(number), management_key=OTHER_BOSS if number % 3 else BOSS) for number in range(90)]
    async with client_of(by_key(wallets)) as (client, wire):
        report = await client.check_all(specs, concurrency=4)
        streamed = await gathered(client.check_keys((spec for spec in specs), concurrency=4))

    assert wire.hits_of(BOSS) == wire.hits_of(OTHER_BOSS) == 2
    assert wire.paths == {"/credits": 4, "/key": 180}
    amounts = [check.status and check.status.credits and check.status.credits.remaining for check in report.checks]
    assert amounts == [7 if number % 3 else 50 for number in range(90)]
    assert len(streamed) == 90


@virtual
async def test_a_zero_is_confirmed_by_the_management_key_that_read_it() -> None:
    """One more request for the whole account."""
    answers = {BOSS: {"/credits": ZERO, "/key": key_of(is_management_key=True)}}
    async with client_of(by_key(answers)) as (client, wire):
        report = await client.check_all([KeySpec(made_up(number), management_key=BOSS) for number in range(9)], concurrency=2)

    assert levels_of(list(report.checks)) == {Level.DEPLETED: 9}
    assert wire.hits_of(BOSS) == 2


@virtual
async def test_a_zero_that_nothing_confirms_is_no_wallet() -> None:
    """Neither an ordinary key nor one that is no management key after all is believed; nor if `/key` is down."""
    liar, down = OTHER_BOSS, made_up(9_000_003)
    answers = {
        made_up(1): {"/credits": ZERO},
        liar: {"/credits": ZERO, "/key": INFO},
        down: {"/credits": ZERO, "/key": refuses(501)},
    }
    specs = [KeySpec(made_up(1)), KeySpec(made_up(2), management_key=liar), KeySpec(made_up(3), management_key=down)]
    async with client_of(by_key(answers)) as (client, _):
        report = await client.check_all(specs)

    assert levels_of(list(report.checks)) == {Level.UNKNOWN: 3}
    for check in report.checks:
        assert check.status is not None
        assert check.status.credits is None
        (problem,) = check.status.problems
        assert isinstance(problem, UnconfirmedCreditsError)
    assert [type(error) for error in report.checks[2].status.problems[0].problems] == [ServerError]  # type: ignore[union-attr]  # as above


@virtual
async def test_a_zero_of_a_new_account_is_confirmed_by_the_key_itself() -> None:
    """Free tier, and every counter at 0."""
    counters = dict.fromkeys([f"{kind}usage{period}" for kind in ("", "byok_") for period in ("", "_daily", "_weekly", "_monthly")], 0)
    async with client_of(by_key({made_up(1): {"/credits": ZERO, "/key": key_of(is_free_tier=True, **counters)}})) as (client, wire):
        report = await client.check_all([made_up(1)])

    assert report.checks[0].level() == Level.DEPLETED
    assert len(wire.hits) == 2


@virtual
async def test_a_bad_management_key_does_not_hide_the_key() -> None:
    """It is the wallet's problem; without a wish for the key, nothing is readable."""
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


@virtual
async def test_an_account_lends_its_management_key_to_keys_without_one() -> None:
    """From the moment at which it is known."""
    specs = [
        KeySpec(made_up(1), account="acme"),
        KeySpec(made_up(2), account="acme", management_key=BOSS),
        KeySpec(made_up(3), account="acme"),
        KeySpec(made_up(4), account="acme", management_key=BOSS),
    ]
    async with client_of(by_key({made_up(1): {"/credits": FORBIDDEN}})) as (client, wire):
        report = await client.check_all(specs)

    assert wire.hits_of(BOSS) == 1
    assert [wire.hits_of(made_up(number), "/credits") for number in range(1, 5)] == [1, 0, 0, 0]
    (wallet,) = report.wallets()
    assert (wallet.account, len(wallet.checks)) == ("acme", 4)
    assert wallet.credits is not None
    assert wallet.credits.remaining == Decimal("74.75")


@pytest.mark.parametrize("is_async", [False, True])
@virtual
async def test_an_account_with_two_management_keys_is_refused(is_async: bool) -> None:
    """Which of the two wallets is it? What was read before is handed over first."""
    specs = [KeySpec(made_up(1), account="acme", management_key=BOSS), KeySpec(made_up(2), account="acme", management_key=OTHER_BOSS)]
    seen = []
    async with client_of() as (client, _):
        with pytest.raises(ValueError, match="account 'acme' has two management keys"):
            async for check in client.check_keys(lazily(specs) if is_async else specs):
                seen.append(check)  # noqa: PERF401 - the loop is left by the exception

    assert [check.index for check in seen] == [0]


# Each spec as (account, management key), and the wallets that there are: which specs are in each.
GROUPS: list[tuple[str, list[tuple[str | None, str | None]], list[set[int]]]] = [
    ("declared", [("a", None), ("b", None), ("a", None)], [{0, 2}, {1}]),
    ("management key", [(None, BOSS), (None, OTHER_BOSS), (None, BOSS)], [{0, 2}, {1}]),
    ("both", [("a", BOSS), ("b", OTHER_BOSS), ("a", BOSS)], [{0, 2}, {1}]),
    ("account, then both", [("a", None), ("a", BOSS)], [{0, 1}]),
    ("both, then either", [("a", BOSS), ("a", None), (None, BOSS)], [{0, 1, 2}]),
    ("either, then both", [("a", None), (None, BOSS), ("a", BOSS)], [{0, 1, 2}]),
    ("management key, then both", [(None, BOSS), ("a", BOSS)], [{0, 1}]),
    ("two names", [("a", BOSS), ("b", BOSS)], [{0, 1}]),
    ("joined, then another", [("a", None), (None, BOSS), ("a", BOSS), ("b", OTHER_BOSS)], [{0, 1, 2}, {3}]),
    ("unknown apart", [(None, None), ("a", None), (None, None)], [{0}, {1}, {2}]),
]


@pytest.mark.parametrize(("specs", "expected"), [pytest.param(specs, expected, id=name) for name, specs, expected in GROUPS])
@virtual
async def test_a_wallet_is_counted_once(specs: list[tuple[str | None, str | None]], expected: list[set[int]]) -> None:
    """However its keys name it, and in whatever order they come."""
    keys = [KeySpec(made_up(number), account=account, management_key=boss) for number, (account, boss) in enumerate(specs)]
    async with client_of() as (client, _):
        report = await client.check_all(keys)

    wallets = report.wallets()
    assert [{check.index for check in wallet.checks} for wallet in wallets] == expected
    assert all(wallet.credits is not None for wallet in wallets)


@virtual
async def test_a_wallet_has_the_name_that_was_declared() -> None:
    """Else the mask of its management key, or none."""
    keys = [KeySpec(made_up(1), account="acme", management_key=BOSS), KeySpec(made_up(2), management_key=OTHER_BOSS), made_up(3)]
    async with client_of() as (client, _):
        report = await client.check_all(keys)

    assert [wallet.account for wallet in report.wallets()] == ["acme", str(ApiKey(OTHER_BOSS)), None]


# How a batch ends.


@virtual
async def test_a_batch_ends_at_its_deadline() -> None:
    """Keys under way, and the rest of a source with a length, are UNKNOWN; what was read before is kept."""
    async with client_of(latency=2) as (client, wire):
        began = now()
        report = await client.check_all(made_up_keys(500), concurrency=8, deadline=7.5, read=CREDITS)

    assert now() - began == pytest.approx(7.5)
    assert [check.index for check in report.checks] == list(range(500))
    assert levels_of(list(report.checks)) == {Level.OK: 24, Level.UNKNOWN: 476}
    assert len(wire.hits) == 32
    error = report.checks[-1].error
    assert isinstance(error, APITimeoutError)
    assert error.summary == "The batch ended before this key was checked: its 7.5 s are over"
    assert not error.sent
    under_way = [check.error for check in report.checks[24:32]]
    assert all(isinstance(error, APITimeoutError) and error.sent for error in under_way)


@pytest.mark.parametrize("of", [iter, lazily, lambda keys: lazily(keys, every=0.1)])
@virtual
async def test_after_the_end_an_iterator_is_read_no_further(of: Callable[[list[str]], Any]) -> None:
    """Each key that was taken has its outcome; nobody knows how many would follow."""
    keys = made_up_keys(500)
    async with client_of(latency=2) as (client, _):
        began = now()
        checks = await gathered(client.check_keys(of(keys), concurrency=10, deadline=7, read=CREDITS))

    assert now() - began == pytest.approx(7)
    assert sorted(check.index for check in checks) == list(range(len(checks)))
    assert len(checks) <= 40
    assert levels_of(checks)[Level.UNKNOWN] <= 10


@virtual
async def test_an_asynchronous_source_with_a_length_ends_with_the_batch() -> None:
    """Whether its rest is read or not: there is no outcome for a key that it does not have."""
    source = Asynchronous(made_up_keys(100))
    async with client_of(latency=50) as (client, _):
        checks = []
        async with aclosing(client.check_keys(source, concurrency=10, deadline=7, read=CREDITS)) as batch:
            async for check in batch:
                checks.append(check)
                assert len(checks) <= 100

    assert errors_of(checks) == {"APITimeoutError": len(checks)}


@virtual
async def test_a_source_that_never_gives_a_key_ends_at_the_deadline() -> None:
    """There is nothing to tell."""

    async def silent() -> AsyncGenerator[str, None]:
        await asyncio.Event().wait()
        yield ""

    async with client_of() as (client, _):
        began = now()
        checks = await gathered(client.check_keys(silent(), deadline=3))

    assert checks == []
    assert now() - began == pytest.approx(3)


@virtual
async def test_waiting_in_a_gate_is_not_charged_to_a_key() -> None:
    """The edge asks for 45 s; no key's own 30 s are over when it goes on, but for the one that met the refusal."""
    edge = says(429, "slow down", Retry_After="45")
    async with client_of(lambda request, at: edge if 0.5 < at < 45 else healthy(request, at)) as (client, _):
        began = now()
        report = await client.check_all(made_up_keys(400), read=CREDITS, concurrency=10)

    assert now() - began > 45
    assert set(errors_of(report.checks)) <= {"RateLimitError"}
    assert sum(errors_of(report.checks).values()) <= 10


@virtual
async def test_a_pause_longer_than_the_patience_does_not_end_the_batch() -> None:
    """Answers that come after the refusal must not start the clock: the silence is ours."""
    edge = says(429, "slow down", Retry_After="45")
    slow = {made_up(number) for number in range(0, 10, 2)}
    latency: Callable[[Request], float] = lambda request: 0.4 if request.key.reveal() in slow else 0.1  # noqa: E731 - as long as it is
    async with client_of(lambda request, at: edge if 0 < at < 0.1 else healthy(request, at), latency) as (client, _):
        report = await client.check_all(made_up_keys(400), read=CREDITS, concurrency=10)

    assert errors_of(report.checks)["APITimeoutError"] == 0


@virtual
async def test_a_slow_rate_does_not_end_the_batch() -> None:
    """Between two requests the host owes nothing."""
    async with client_of(retry=RetryPolicy(deadline=5)) as (client, _):
        report = await client.check_all(made_up_keys(10), rate=0.1, read=CREDITS)

    assert levels_of(list(report.checks)) == {Level.OK: 10}


@virtual
async def test_a_slow_consumer_does_not_end_the_batch() -> None:
    """While he thinks, the host owes nothing; and the workers stop."""
    async with client_of() as (client, wire):
        seen = []
        async for check in client.check_keys(map(made_up, range(40)), concurrency=4):
            await asyncio.sleep(50)
            seen.append(check)
            assert len(wire.hits) / 2 - len(seen) <= 2 * 4 + 1

    assert levels_of(seen) == {Level.OK: 40}


@virtual
async def test_a_slow_source_does_not_end_the_batch() -> None:
    """Nobody is asked while there is nothing to ask."""
    async with client_of() as (client, _):
        checks = await gathered(client.check_keys(lazily(made_up_keys(10), every=100)))

    assert levels_of(checks) == {Level.OK: 10}


@virtual
async def test_single_slow_keys_do_not_end_the_batch() -> None:
    """A host that answers others is not silent."""
    keys = made_up_keys(2_000)
    async with client_of(by_key({keys[0]: APIConnectionError("Reset")}), latency=1) as (client, _):
        report = await client.check_all(keys, concurrency=20, read=CREDITS)

    assert errors_of(report.checks) == {"APIConnectionError": 1}


@virtual
async def test_a_host_that_refuses_everybody_for_ever_ends_the_batch() -> None:
    """A refusal is no answer: with 429s alone, a batch of 300 keys must not take hours."""
    async with client_of(lambda *_: says(429, "blocked", Retry_After="60")) as (client, _):
        report = await asyncio.wait_for(client.check_all(made_up_keys(300), read=CREDITS), 3_600)

    assert len(report.checks) == 300


# What is left behind.


async def settle() -> None:
    """Let callbacks of the same moment run, but no time pass."""
    for _ in range(3):
        await asyncio.sleep(0)


def others() -> set[asyncio.Task[Any]]:
    """List all tasks but this one."""
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]  # there is one


class Source:
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


HELD_BACK: list[tuple[str, Host, dict[str, Any]]] = [
    ("under way", healthy, {}),
    ("without an answer", lambda *_: NO_ANSWER, {}),
    ("sleeping", dead(until=3), {}),
    ("behind an outage", dead(until=1e9), {"concurrency": 64}),
    ("behind a pause", lambda *_: says(429, "slow down", Retry_After="60"), {}),
    ("waiting for the pace", healthy, {"rate": 0.7}),
    ("sharing", lambda request, _: NO_ANSWER if request.key.reveal() == BOSS else INFO, {}),
]


@pytest.mark.parametrize("when", [0.01, 0.5, 2.0])
@pytest.mark.parametrize("is_lazy", [False, True])
@pytest.mark.parametrize(("server", "options"), [pytest.param(server, options, id=name) for name, server, options in HELD_BACK])
@virtual
async def test_a_cancelled_batch_leaves_nothing(server: Host, options: dict[str, Any], is_lazy: bool, when: float) -> None:
    """No task, no request, no timer, wherever its keys are just then; its source is closed."""
    source = Source()
    specs = [KeySpec(made_up(number), management_key=BOSS) for number in range(200)]
    async with client_of(server, latency=0.2) as (client, wire):
        task = asyncio.create_task(client.check_all(source if is_lazy else specs, **options))
        await asyncio.sleep(when)

        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert others() == set()
        assert wire.under_way == 0
        assert source.is_closed is is_lazy
        report = await asyncio.wait_for(client.check_all([], rate=1), 1)
        assert report.checks == ()
    await settle()
    assert timers() == []


@pytest.mark.parametrize("is_lazy", [False, True])
@pytest.mark.parametrize("how", ["break", "raise", "aclose"])
@virtual
async def test_a_loop_that_is_left_leaves_nothing(how: str, is_lazy: bool) -> None:
    """Under `aclosing`, whether by break, by an exception in its body, or by hand."""
    source = Source()
    async with client_of(latency=0.2) as (client, wire):
        checks = client.check_keys(source if is_lazy else made_up_keys(200), concurrency=8)
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
        assert source.is_closed is is_lazy
        with pytest.raises(StopAsyncIteration):
            await anext(checks)
    await settle()
    assert timers() == []


@virtual
async def test_a_loop_that_is_left_early_ends_the_keys_under_way() -> None:
    """Nothing more is asked."""
    async with client_of(latency=0.2) as (client, wire):
        async with aclosing(client.check_keys(made_up_keys(500), concurrency=8)) as checks:
            await anext(checks)
        hits = len(wire.hits)
        await asyncio.sleep(10)

    assert len(wire.hits) == hits


@virtual
async def test_a_batch_that_is_never_begun_does_nothing() -> None:
    """Neither request nor warning."""
    async with client_of() as (client, wire):
        checks = client.check_keys(made_up_keys(3))
        del checks
        gc.collect()

    assert wire.hits == []


@virtual
async def test_cancellation_in_the_loops_body_is_the_callers_own() -> None:
    """No scope of ours stands around a yield: `asyncio.timeout` works in the body and around it."""
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


class SourceError(Exception):
    """What a source raises."""


@pytest.mark.parametrize("error", [SourceError, TimeoutError, asyncio.QueueEmpty, RuntimeError, ClientClosedError, APIConnectionError])
@pytest.mark.parametrize("is_async", [False, True])
@virtual
async def test_a_source_that_fails_ends_the_batch_after_what_is_finished(is_async: bool, error: type[Exception]) -> None:
    """Its exception, whichever it is, comes out: a list that is not whole must not pass for one that is."""

    def failing() -> Iterator[str]:
        yield from made_up_keys(40)
        raise error("the source failed")

    async with client_of() as (client, wire):
        seen = []
        with pytest.raises(error, match="the source failed"):
            async for check in client.check_keys(lazily(failing()) if is_async else failing(), concurrency=8):
                seen.append(check)  # noqa: PERF401 - the loop is left by the exception

        assert others() == set()
        assert wire.under_way == 0
    assert sorted(check.index for check in seen) == list(range(40))
    assert levels_of(seen) == {Level.OK: 40}


@virtual
async def test_a_source_under_a_timeout_of_its_own_fails_with_it() -> None:
    """It is read by one task after the other, or by one alone: its scope must end nobody else."""

    async def slow() -> AsyncGenerator[str, None]:
        async with asyncio.timeout(1):
            for number in itertools.count():
                await asyncio.sleep(0.3)
                yield made_up(number)

    async with client_of() as (client, _):
        seen = []
        with pytest.raises(TimeoutError):
            async for check in client.check_keys(slow(), concurrency=8):
                seen.append(check)  # noqa: PERF401 - the loop is left by the exception

    assert [check.index for check in seen] == [0, 1, 2]
    assert levels_of(seen) == {Level.OK: 3}


@virtual
async def test_a_conflict_of_accounts_does_not_wait_for_a_slow_source() -> None:
    """What is finished is handed over, and then the error: not when the next key comes."""

    async def source() -> AsyncGenerator[KeySpec, None]:
        yield KeySpec(made_up(1), account="acme", management_key=BOSS)
        yield KeySpec(made_up(2), account="acme", management_key=OTHER_BOSS)
        await asyncio.sleep(10_000)

    async with client_of() as (client, _):
        with pytest.raises(ValueError, match="two management keys"):
            await asyncio.wait_for(client.check_all(source()), 60)


@virtual
async def test_closing_the_source_may_fail() -> None:
    """That is told too."""

    async def source() -> AsyncGenerator[str, None]:
        try:
            for number in itertools.count():
                yield made_up(number)
        finally:
            raise SourceError("while it was closed")

    async with client_of() as (client, _):
        with pytest.raises(SourceError, match="while it was closed"):
            async with aclosing(client.check_keys(source())) as checks:
                await anext(checks)

        assert others() == set()


# A client that is closed.


@pytest.mark.parametrize("when", [0.01, 0.5, 2.0])
@pytest.mark.parametrize("read", [CREDITS, ("credits", "key")])
@pytest.mark.parametrize(("server", "options"), [pytest.param(server, options, id=name) for name, server, options in HELD_BACK])
@virtual
async def test_a_client_that_is_closed_ends_its_batches(
    server: Host, options: dict[str, Any], read: tuple[Endpoint, ...], when: float
) -> None:
    """With ClientClosedError, at once, wherever the keys are just then, and with nothing left."""
    boss = BOSS if len(read) == 2 else None  # with the wallet alone there would be one request in all
    specs = [KeySpec(made_up(number), management_key=boss) for number in range(200)]
    async with client_of(server, latency=0.2) as (client, wire):
        task = asyncio.create_task(client.check_all(specs, read=read, **options))
        await asyncio.sleep(when)
        began = now()

        await client.close()
        with pytest.raises(ClientClosedError):
            await task

        assert now() == pytest.approx(began)
        assert others() == set()
        assert wire.under_way == 0
    gc.collect()


@pytest.mark.parametrize("options", [{}, {"rate": 1}, {"read": CREDITS}, {"concurrency": 1}])
@virtual
async def test_a_closed_client_checks_nothing(options: dict[str, Any]) -> None:
    """ClientClosedError, and no coroutine that is never awaited."""
    async with client_of() as (client, _):
        pass
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(ClientClosedError):
            await client.check_all(made_up_keys(200), **options)
        gc.collect()

    assert [str(warning.message) for warning in told] == []
    assert others() == set()


@virtual
async def test_a_client_closed_between_two_results_ends_the_batch() -> None:
    """What is finished is handed over; nothing that waits for the pace is left unawaited."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        async with client_of(latency=0.01) as (client, _):
            checks = client.check_keys(map(made_up, itertools.count()), concurrency=4, rate=50, read=CREDITS)
            await anext(checks)
            await asyncio.sleep(5)  # all workers wait for the consumer
            await client.close()
            with pytest.raises(ClientClosedError):
                await gathered(checks)
        gc.collect()

    assert [str(warning.message) for warning in told] == []


@pytest.mark.parametrize("is_idle", [False, True])
@virtual
async def test_a_batch_that_waits_for_its_source_ends_with_the_client(is_idle: bool) -> None:
    """Also if no key is under way just then: the source may never give another one."""
    async with client_of(latency=0.1 if is_idle else 20) as (client, _):
        source = Source(every=0.01)
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
    """Of the two requests of a key, one may take longer to end than the other."""

    class Lingering(StandIn):
        async def _ask(self, request: Request) -> Any:
            try:
                return await super()._ask(request)
            finally:
                if request.target == "/key":
                    await asyncio.sleep(0.5)  # as a connection that says good-bye

    async with client_of(latency=5) as (client, _):
        client._transport = wire = Lingering(healthy, 5)
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
    """It pickles, with its error or its status; neither that nor its repr shows the key, and no traceback pins memory."""
    keys = made_up_keys(6)
    answers = {keys[0]: UNAUTHORIZED, keys[1]: {"/credits": FORBIDDEN}, keys[2]: DAILY_CAP, keys[3]: APIConnectionError("Reset")}
    specs = [
        KeySpec(key, name=f"key {number}", account="acme", management_key=BOSS if number > 4 else None) for number, key in enumerate(keys)
    ]
    async with client_of(by_key(answers)) as (client, _):
        report = await client.check_all([*specs, "sk-or-v1-\x01", None])

    for known in (report, *report.checks, *report.wallets()):
        again = pickle.loads(pickle.dumps(known))
        assert repr(again) == repr(known)
        for secret in (*keys, BOSS):
            assert secret[12:-4].encode() not in pickle.dumps(known)
            assert secret[12:-4] not in repr(known)
    for check in report.checks:
        problems = [check.error] if check.error is not None else list(check.status.problems if check.status is not None else ())
        for error in problems:
            for each in (error, *error.problems, *(attempt.error for attempt in error.attempts)):
                assert each.__traceback__ is None
                assert each.__context__ is None
                assert each.__cause__ is None
        assert pickle.loads(pickle.dumps(check)).level() == check.level()


@virtual
async def test_retries_are_told_in_the_outcome() -> None:
    """As those of a single call."""
    async with client_of(lambda *_: refuses(503)) as (client, wire):
        report = await client.check_all([made_up(1)], read=CREDITS)

    error = report.checks[0].error
    assert isinstance(error, ServerError)
    assert [attempt.status for attempt in error.attempts] == [503] * 3
    assert len(wire.hits) == 3
    assert report.checks[0].level() == Level.UNKNOWN


@pytest.mark.no_cover
@virtual
async def test_memory_does_not_grow_with_the_keys() -> None:
    """6,000 keys from a generator: no more objects are alive at the end than after the first thousand."""
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
    """Each has a budget, gates and a pace of its own; one ends, the other goes on."""
    async with client_of() as (client, wire):
        slow = asyncio.create_task(client.check_all(made_up_keys(30), rate=10, read=CREDITS))
        began = now()
        quick = await client.check_all(made_up_keys(300), read=CREDITS)
        took = now() - began
        async with aclosing(client.check_keys(made_up_keys(300))) as left_early:
            await anext(left_early)
        report = await slow

    assert levels_of(list(quick.checks)) == {Level.OK: 300}
    assert took < 3
    assert levels_of(list(report.checks)) == {Level.OK: 30}
    assert wire.hits_of(made_up(0)) >= 2


@virtual
async def test_a_client_without_a_key_checks_many() -> None:
    """Its own keys are not used, and another one's client shares its connections."""
    client = CreditsClient(base_url="http://127.0.0.1/api/v1")
    client._transport = wire = StandIn(healthy)
    async with client:
        report = await client.check_all([made_up(1)])
        other = await client.with_key(made_up(5)).check_all([made_up(2)])

    assert {hit.key for hit in wire.hits} == {made_up(1), made_up(2)}
    assert report.checks[0].error is other.checks[0].error is None


@virtual
async def test_a_worker_that_fails_is_not_passed_over() -> None:
    """A bug in what reads is raised at the end, after the other outcomes."""
    keys = made_up_keys(20)

    def serve(request: Request, at: float) -> Answer:
        if request.key.reveal() == keys[5]:
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
async def test_a_management_key_belongs_to_its_own_account() -> None:
    """Checked as a key, it has the wallet that it reads for others."""
    boss = {"/key": key_of(is_management_key=True)}
    async with client_of(by_key({BOSS: boss})) as (client, wire):
        report = await client.check_all([KeySpec(made_up(1), management_key=BOSS), BOSS, OTHER_BOSS])

    assert wire.hits_of(BOSS, "/credits") == 1
    assert [[check.index for check in wallet.checks] for wallet in report.wallets()] == [[0, 1], [2]]
    assert report.checks[1].account == str(ApiKey(BOSS))
