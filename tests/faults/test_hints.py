"""When the server says how long to wait: it is believed when it can be, and never to the letter of nonsense."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import APIStatusError, APITimeoutError, RateLimitError, RetryPolicy, ServerError
from tests.kit import clock
from tests.kit.values import QUICK, sample
from tests.kit.wire import FUNDED, HANG, Connect, Serve, refusal, reply

if TYPE_CHECKING:
    from ._sinks import Watch

RESET_IN_BODY = sample("error-rate-limit-reset-in-body")
RESET = datetime.fromtimestamp(int(json.loads(RESET_IN_BODY)["error"]["metadata"]["headers"]["X-RateLimit-Reset"]) / 1000, UTC)


def http_date(moment: datetime) -> str:
    """Write a moment as HTTP does."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def as_latin(text: str) -> str:
    """Write a text so that its UTF-8 goes out."""
    return text.encode().decode("latin-1")


def epoch_milliseconds(moment: datetime) -> str:
    """Write a moment as OpenRouter does."""
    return str(round(moment.timestamp() * 1000))


@pytest.mark.row(3, 4, 5, 7, 10)
async def test_a_hint_is_waited_for(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Each kind of hint is a minimum, up to a quarter (at most a second) is added, and the next answer is the value.

    All at once, since each of them takes its time.
    """
    now, began = datetime.now(UTC), clock.now()
    date = now.replace(microsecond=0) + timedelta(seconds=3)
    hints = {
        "Retry-After in seconds": (1.0, refusal(429, "Slow", "Retry-After: 1")),
        "Retry-After with a fraction": (0.5, refusal(503, "Slow", "Retry-After: 0.5")),
        "Retry-After as a date": ((date - now).total_seconds(), refusal(429, "Slow", f"Retry-After: {http_date(date)}")),
        "Reset in epoch milliseconds": (
            2.0,
            refusal(429, "Slow", f"X-RateLimit-Reset: {epoch_milliseconds(now + timedelta(seconds=2))}"),
        ),
        "Reset only in the body": (2.0, reply(429, RESET_IN_BODY, f"Date: {http_date(RESET - timedelta(seconds=2))}")),
        "two of Retry-After": (3.0, refusal(429, "Slow", "Retry-After: 1", "Retry-After: 3")),
        "Retry-After and Reset": (1.0, refusal(429, "Slow", f"X-RateLimit-Reset: {epoch_milliseconds(RESET)}", "Retry-After: 1")),
    }
    servers = {kind: await serve(slow, FUNDED) for kind, (_, slow) in hints.items()}

    await asyncio.gather(*(fault.value(connect(server).credits()) for server in servers.values()))

    for kind, (least, _) in hints.items():
        _, second = servers[kind].asked
        # a millisecond less: epoch milliseconds are rounded
        assert least - 0.001 <= second.at - began <= least + min(1, least / 4) + 0.001, kind
    # those that are measured from the reply itself
    assert servers["Retry-After in seconds"].gaps[0] >= 1.0
    assert servers["Reset only in the body"].gaps[0] >= 2.0
    assert servers["two of Retry-After"].gaps[0] >= 3.0


@pytest.mark.row(10)
async def test_a_retry_after_of_zero_leaves_the_clients_own_wait(serve: Serve, connect: Connect, fault: Watch) -> None:
    """`Retry-After: 0` is no reason to hurry, and none to wait."""
    server = await serve(refusal(503, "Now", "Retry-After: 0"))

    error = await fault.error(ServerError, connect(server, retry=RetryPolicy(wait_initial=0.02, wait_max=0.02, deadline=5)).credits())

    assert server.hits == 3
    assert all(0 < attempt.waited <= 0.02 for attempt in error.attempts[1:])


@pytest.mark.row(6)
@pytest.mark.parametrize("is_in_body", [False, True], ids=["header", "body"])
async def test_a_reset_beyond_the_deadline_is_raised_at_once(is_in_body: bool, serve: Serve, connect: Connect, fault: Watch) -> None:
    """A limit that lasts 15 hours is an error now, which tells when it ends; it is asked once."""
    then = RESET - timedelta(hours=15)
    header = f"X-RateLimit-Reset: {epoch_milliseconds(RESET)}"
    slow = reply(429, RESET_IN_BODY, f"Date: {http_date(then)}") if is_in_body else refusal(429, "Slow", header, f"Date: {http_date(then)}")
    server = await serve(slow)

    error = await fault.error(RateLimitError, connect(server).credits(), deadline=1.0)

    assert (error.retry_after, error.resets_at) == (15 * 3600, RESET)
    assert len(error.attempts) == server.hits == 1


@pytest.mark.row(6)
async def test_a_reset_in_the_daily_limit_of_the_local_clock_is_raised_at_once(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Without a `Date` the hint is measured from the wall clock; the moment itself stays exact."""
    resets_at = (datetime.now(UTC) + timedelta(hours=15)).replace(microsecond=0)
    server = await serve(refusal(429, "Daily limit", f"X-RateLimit-Reset: {epoch_milliseconds(resets_at)}"))

    error = await fault.error(RateLimitError, connect(server).credits(), deadline=1.0)

    assert error.resets_at == resets_at
    assert error.retry_after == pytest.approx(15 * 3600, abs=2)
    assert server.hits == 1


@pytest.mark.row(7)
@pytest.mark.parametrize("zone", ["XXX-14", "EST5EDT", "UTC0"])
@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"])
async def test_a_date_is_read_as_gmt_in_any_time_zone(
    form: str, zone: str, monkeypatch: pytest.MonkeyPatch, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """HTTP's three date formats mean GMT wherever the program runs."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        date = datetime.now(UTC) + timedelta(seconds=90)
        server = await serve(refusal(503, "Later", f"Retry-After: {date.strftime(form)}"))

        error = await fault.error(ServerError, connect(server).credits())
    finally:
        monkeypatch.undo()
        time.tzset()

    assert error.retry_after == pytest.approx(90, abs=1.1)
    assert error.resets_at == date.replace(microsecond=0)
    assert server.hits == 1


NO_SECONDS = [
    *("inf", "nan", "-5", "+3", "1e400", "abc", "1_000", "٣", "0x10", "9" * 5000, "99999999999", "1.2345", ".5", "5.", "1,5"),
    *("", "1 2", "3s", "true", "null", "-0", "²", "1;2", "Infinity", "--1"),
]
NO_DATES = [
    "Fri, 01 Jan 100000 00:00:00 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Mon, 32 Nov 2099 00:00:00 GMT",
    "Mon, 30 Nov 2099 25:61:00 GMT",
    "Mon, 30 Nov 0000 00:00:00 GMT",
    "2099-11-30T00:00:00Z",
    "Mon, 30 Nov " + "9" * 30 + " 00:00:00 GMT",
    "Mon, 30 Nov 2099 00:00:00 +9999999999",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Mon,,,, :: GMT",
]
NO_RESETS = ["0", "-1", "1", "999999999999", "99999999999999", "17882208000", "1e12", "1788220800000.5", "0x1a05c0e5400"]


NO_TEXTS = [None, 10**30, -1, [], {}, [1, 2], {"a": 1}, "\ud800"]
NO_METADATA: list[Any] = [None, [], "x", {"headers": None}, {"headers": ["Retry-After"]}, {"headers": 3}]
HOSTILE = {
    "Retry-After": [refusal(429, "Slow", f"Retry-After: {as_latin(value)}") for value in NO_SECONDS + NO_DATES],
    "Reset": [refusal(429, "Slow", f"X-RateLimit-Reset: {as_latin(value)}") for value in NO_SECONDS + NO_DATES + NO_RESETS],
    "Retry-After in the body": [
        refusal(429, "Slow", metadata={"headers": {"Retry-After": value}}) for value in [*NO_SECONDS, *NO_DATES, *NO_TEXTS, True]
    ],
    "Reset in the body": [
        refusal(429, "Slow", metadata={"headers": {"X-RateLimit-Reset": value}})
        for value in [*NO_SECONDS, *NO_DATES, *NO_RESETS, *NO_TEXTS, True, 1.5]
    ],
    "the body": [refusal(429, "Slow", metadata=metadata) for metadata in NO_METADATA],
}


@pytest.mark.row(8)
@pytest.mark.parametrize("hints", HOSTILE.values(), ids=HOSTILE)
async def test_a_hint_that_is_none_is_ignored(hints: list[bytes], serve: Serve, connect: Connect, fault: Watch) -> None:
    """Whatever stands in a hint, the error is the refusal's own, after the client's own waits; nothing else is raised."""
    server = await serve(b"")
    client = connect(server, retry=RetryPolicy(attempts=2, wait_initial=0.001, deadline=2.0))

    for slow in hints:
        server.script(slow)
        before = server.hits
        error = await fault.error(RateLimitError, client.credits())

        assert (error.retry_after, error.resets_at, server.hits - before) == (None, None, 2), slow[:300]


@pytest.mark.row(8)
@pytest.mark.parametrize("status", [500, 503])
async def test_a_reset_counts_on_429_alone(status: int, serve: Serve, connect: Connect, fault: Watch) -> None:
    """A limit's reset says nothing about when a broken server is mended."""
    server = await serve(refusal(status, "Down", f"X-RateLimit-Reset: {epoch_milliseconds(datetime.now(UTC) + timedelta(hours=1))}"))

    error = await fault.error(ServerError, connect(server).credits(), deadline=1.5)

    assert (error.retry_after, server.hits) == (None, 3)


@pytest.mark.row(8)
@pytest.mark.parametrize("hint", ["Retry-After: 10", "Retry-After: 9999999999", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"])
@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "nonsense", "Thu, 01 Jan 1970 00:00:00 GMT"]
)
async def test_a_date_that_is_none_raises_nothing_else(hint: str, date: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """The reply's own `Date` is a stranger's word as well: at the end of all calendars it is no reason for an OverflowError."""
    server = await serve(refusal(503, "Later", hint, f"Date: {date}"))

    error = await fault.error(ServerError, connect(server).credits(), deadline=1.5)

    assert error.status == 503


@pytest.mark.row(9)
@pytest.mark.parametrize(("status", "kind"), [(503, ServerError), (429, RateLimitError), (408, APIStatusError)])
async def test_a_wait_of_thirty_years_is_raised_at_once(
    status: int, kind: type[APIStatusError], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A hint past the deadline is neither slept nor shortened: the error has it, exact."""
    now = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
    server = await serve(refusal(status, "Later", "Retry-After: 1000000000", f"Date: {http_date(now)}"))

    error = await fault.error(kind, connect(server).credits(), deadline=1.0)

    assert error.retry_after == 1_000_000_000
    assert error.resets_at == now + timedelta(seconds=1_000_000_000)
    assert server.hits == 1


@pytest.mark.row(11)
@pytest.mark.parametrize("wrong", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=-3650)])
async def test_moments_are_measured_from_the_replys_own_date(wrong: timedelta, serve: Serve, connect: Connect, fault: Watch) -> None:
    """A local clock that is wrong does no harm if the server tells its own time."""
    there = (datetime.now(UTC) + wrong).replace(microsecond=0)
    until = there + timedelta(seconds=50)
    clock = f"Date: {http_date(there)}"
    hints = [
        refusal(429, "Slow", clock, f"Retry-After: {http_date(until)}"),
        refusal(429, "Slow", clock, f"X-RateLimit-Reset: {epoch_milliseconds(until)}"),
        refusal(429, "Slow", clock, f"X-RateLimit-Reset: {int(until.timestamp())}"),
        refusal(429, "Slow", clock, metadata={"headers": {"x-ratelimit-reset": epoch_milliseconds(until)}}),
    ]

    for hint in hints:
        server = await serve(hint)
        error = await fault.error(RateLimitError, connect(server).credits())

        assert (error.retry_after, error.resets_at, server.hits) == (50, until, 1)


@pytest.mark.row(48)
@pytest.mark.parametrize("hours", [1, -1])
async def test_a_jump_of_the_wall_clock_changes_no_wait(
    hours: int, monkeypatch: pytest.MonkeyPatch, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """Waits, time-outs and deadlines run by the monotonic clock, whatever the wall clock does meanwhile."""
    resets_at = datetime.now(UTC) + timedelta(seconds=0.5)
    seconds = await serve(refusal(429, "Slow", "Retry-After: 0.5"), FUNDED)
    moment = await serve(refusal(429, "Slow", f"X-RateLimit-Reset: {epoch_milliseconds(resets_at)}"), FUNDED)
    silent = await serve(HANG)
    asyncio.get_running_loop().call_later(0.2, _shift_wall_clock, monkeypatch, timedelta(hours=hours))

    _, _, error = await asyncio.gather(
        fault.value(connect(seconds).credits()),
        fault.value(connect(moment).credits()),
        fault.error(APITimeoutError, connect(silent, retry=RetryPolicy(attempts=1, deadline=0.6)).credits(), deadline=0.6),
    )

    assert 0.5 <= seconds.gaps[0] <= 0.75
    assert 0.2 <= moment.gaps[0] <= 0.75
    assert error.attempts[0].elapsed == pytest.approx(0.6)
    assert abs(datetime.now(UTC) - resets_at) < timedelta(minutes=1), "this module's own clock was to stay right"
    assert abs(time.time() - resets_at.timestamp()) > 3000, "the clock has not jumped at all"


def _shift_wall_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Let `time.time()` and the package's `datetime.now()` jump."""
    right = time.time

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + by  # type: ignore[arg-type]

    monkeypatch.setattr(time, "time", lambda: right() + by.total_seconds())
    for name, module in list(sys.modules.items()):
        if name.startswith("openrouter_credits") and getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", Shifted)


@pytest.mark.row(12)
async def test_the_waits_grow_with_full_jitter(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Without a hint the wait before try n + 1 lies between 0 and twice that of the one before; a 429 waits up to twice as long."""
    policy = RetryPolicy(attempts=4, wait_initial=0.02, wait_max=0.05, deadline=5)
    broken, busy = await serve(refusal(503)), await serve(refusal(429))

    first = await fault.error(ServerError, connect(broken, retry=policy).credits())
    second = await fault.error(RateLimitError, connect(busy, retry=policy).credits())

    assert all(attempt.waited <= most for attempt, most in zip(first.attempts, [0, 0.02, 0.04, 0.05], strict=True))
    assert all(attempt.waited <= most for attempt, most in zip(second.attempts, [0, 0.04, 0.08, 0.1], strict=True))
    assert QUICK.attempts == 3
