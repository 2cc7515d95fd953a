"""A server's hint of when to come back is followed if it is valid, and ignored if it is not."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import APITimeoutError, RateLimitError, RetryPolicy, ServerError
from tests.kit import clock
from tests.kit.values import sample
from tests.kit.wire import FUNDED, HANG, Connect, Serve, refusal, reply

if TYPE_CHECKING:
    from ._sinks import Watch

RESET_IN_BODY = sample("error-rate-limit-reset-in-body")
RESET = datetime.fromtimestamp(
    int(json.loads(RESET_IN_BODY)["error"]["metadata"]["headers"]["X-RateLimit-Reset"]) / 1000, UTC
)


def http_date(moment: datetime) -> str:
    """Write a moment as HTTP does."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def as_latin(text: str) -> str:
    """Turn a text into the one whose Latin-1 bytes are the UTF-8 bytes of the first."""
    return text.encode().decode("latin-1")


def epoch_milliseconds(moment: datetime) -> str:
    """Write a moment as OpenRouter does."""
    return str(round(moment.timestamp() * 1000))


class WallClock:
    """A wall clock that starts 15 hours before `RESET`, runs with the event loop's time, and can be set."""

    def __init__(self) -> None:
        self._began = clock.now()
        self._start = RESET - timedelta(hours=15)

    def now(self) -> datetime:
        """Return the time of day."""
        return self._start + timedelta(seconds=clock.now() - self._began)

    def jump(self, by: timedelta) -> None:
        """Set the clock forward or back."""
        self._start += by


@pytest.fixture
async def wall_clock(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    """Replace the package's wall clock by one that runs with the event loop's time.

    The real one goes on while virtual time stands still, so that a slow machine would shorten such waits.
    """
    wall_clock = WallClock()

    class Replaced(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return wall_clock.now().astimezone(tz)

    monkeypatch.setattr(time, "time", lambda: wall_clock.now().timestamp())
    for name, module in list(sys.modules.items()):
        if name.startswith("openrouter_credits") and getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", Replaced)
    return wall_clock


@pytest.fixture
def set_time_zone() -> Iterator[Callable[[str], None]]:
    """Set this process's local time zone until the test ends."""
    with pytest.MonkeyPatch.context() as patch:

        def set_zone(zone: str) -> None:
            patch.setenv("TZ", zone)
            time.tzset()

        yield set_zone
    time.tzset()


@pytest.mark.row(3, 4, 5, 7, 10)
async def test_a_hint_is_waited_for(
    wall_clock: WallClock, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A hint of any kind is a minimum; at most a quarter of it, and at most a second, is added to it."""
    now = wall_clock.now()
    in_two_seconds = f"X-RateLimit-Reset: {epoch_milliseconds(now + timedelta(seconds=2))}"
    hints = {
        "Retry-After in seconds": (1.0, refusal(429, "Slow", "Retry-After: 1")),
        "Retry-After with a fraction": (0.5, refusal(503, "Slow", "Retry-After: 0.5")),
        "Retry-After as a date": (
            3.0,
            refusal(429, "Slow", f"Retry-After: {http_date(now + timedelta(seconds=3))}"),
        ),
        "Reset in epoch milliseconds": (2.0, refusal(429, "Slow", in_two_seconds)),
        "Reset only in the body": (
            2.0,
            reply(429, RESET_IN_BODY, f"Date: {http_date(RESET - timedelta(seconds=2))}"),
        ),
        "two of Retry-After": (3.0, refusal(429, "Slow", "Retry-After: 1", "Retry-After: 3")),
        "Retry-After and Reset": (1.0, refusal(429, "Slow", in_two_seconds, "Retry-After: 1")),
    }
    servers = {kind: await serve(slow, FUNDED) for kind, (_, slow) in hints.items()}

    await asyncio.gather(*(fault.value(connect(server).credits()) for server in servers.values()))

    waits = {kind: round(server.gaps[0], 6) for kind, server in servers.items()}
    wrong = {
        kind: waits[kind]
        for kind, (least, _) in hints.items()
        if not least <= waits[kind] <= least + min(1, least / 4)
    }
    assert wrong == {}
    assert {server.hits for server in servers.values()} == {2}


@pytest.mark.row(10)
async def test_a_retry_after_of_zero_leaves_the_clients_own_wait(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """`Retry-After: 0` neither shortens nor prolongs the client's own back-off."""
    server = await serve(refusal(503, "Now", "Retry-After: 0"))

    error = await fault.error(
        ServerError,
        connect(server, retry=RetryPolicy(wait_initial=0.02, wait_max=0.02, deadline=5)).credits(),
    )

    assert server.hits == 3
    assert all(0 < attempt.waited <= 0.02 for attempt in error.attempts[1:])


@pytest.mark.row(6)
@pytest.mark.parametrize(
    "slow",
    [
        refusal(429, "Daily limit", f"X-RateLimit-Reset: {epoch_milliseconds(RESET)}"),
        reply(429, RESET_IN_BODY),
    ],
    ids=["header", "body"],
)
async def test_a_reset_beyond_the_deadline_is_raised_at_once(
    slow: bytes, wall_clock: WallClock, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A limit that ends in 15 hours is an error after one request, and the error holds the exact end."""
    server = await serve(slow)

    error = await fault.error(RateLimitError, connect(server).credits(), deadline=0)

    assert (error.retry_after, error.resets_at) == (15 * 3600, RESET)
    assert len(error.attempts) == server.hits == 1


@pytest.mark.row(7)
@pytest.mark.parametrize(
    ("zone", "form"),
    [
        ("XXX-14", "%a, %d %b %Y %H:%M:%S GMT"),
        ("EST5EDT", "%A, %d-%b-%y %H:%M:%S GMT"),
        ("EST5EDT", "%a %b %d %H:%M:%S %Y"),
    ],
)
async def test_a_date_is_read_as_gmt_in_any_time_zone(
    form: str,
    zone: str,
    set_time_zone: Callable[[str], None],
    wall_clock: WallClock,
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """Each of HTTP's three date formats means GMT, whatever the local time zone is."""
    set_time_zone(zone)
    date = wall_clock.now() + timedelta(seconds=90)
    server = await serve(refusal(503, "Later", f"Retry-After: {date.strftime(form)}"))

    error = await fault.error(ServerError, connect(server).credits())

    assert (error.retry_after, error.resets_at, server.hits) == (90, date, 1)


# the values that the fault matrix names, and then one of each further kind
NO_SECONDS = [
    *(
        "inf",
        "nan",
        "-5",
        "+3",
        "1e400",
        "abc",
        "1_000",
        "٣",
        "0x10",
        "9" * 5000,
        "Fri, 01 Jan 100000 00:00:00 GMT",
    ),
    *("", "1.2345", "1 2"),
    *(
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Mon, 32 Nov 2099 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "2099-11-30T00:00:00Z",
    ),
]
NO_RESETS = ["0", "1", "999999999999", "1788220800000.5"]
NO_TEXTS: list[Any] = [None, True, 10**30, -1, [], {"a": 1}, "\ud800"]
NO_METADATA: list[Any] = [None, [], "x", {"headers": None}, {"headers": ["Retry-After"]}]
HOSTILE = {
    "Retry-After": [refusal(429, "Slow", f"Retry-After: {as_latin(value)}") for value in NO_SECONDS],
    "Reset": [
        refusal(429, "Slow", f"X-RateLimit-Reset: {as_latin(value)}") for value in NO_SECONDS + NO_RESETS
    ],
    "quoted in the body": [
        refusal(429, "Slow", metadata={"headers": {"Retry-After": value, "X-RateLimit-Reset": value}})
        for value in [*NO_SECONDS, *NO_TEXTS]
    ],
    "metadata": [refusal(429, "Slow", metadata=metadata) for metadata in NO_METADATA],
}


@pytest.mark.row(8)
@pytest.mark.parametrize("hints", HOSTILE.values(), ids=HOSTILE)
async def test_a_hint_that_is_none_is_ignored(
    hints: list[bytes], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """An invalid hint is ignored: after its own back-off the call raises the refusal, and nothing else."""
    server = await serve(b"")
    client = connect(server, retry=RetryPolicy(attempts=2, wait_initial=0.001, deadline=2.0))

    for slow in hints:
        server.script(slow)
        before = server.hits
        error = await fault.error(RateLimitError, client.credits())

        assert (error.retry_after, error.resets_at, server.hits - before) == (None, None, 2), slow[:300]


@pytest.mark.row(8)
async def test_a_reset_counts_on_429_alone(
    wall_clock: WallClock, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """The X-RateLimit-Reset of a 503 is ignored, since it does not say when a broken server works again."""
    server = await serve(refusal(503, "Down", f"X-RateLimit-Reset: {epoch_milliseconds(RESET)}"))

    error = await fault.error(ServerError, connect(server).credits())

    assert (error.retry_after, server.hits) == (None, 3)


@pytest.mark.row(8)
@pytest.mark.parametrize(
    ("hint", "date"),
    [
        ("Retry-After: 10", "nonsense"),
        ("Retry-After: 9999999999", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"),
    ],
)
async def test_a_date_that_is_none_raises_nothing_else(
    hint: str, date: str, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A `Date` that is invalid, or at either end of the calendar, changes nothing about the reply's error."""
    server = await serve(refusal(503, "Later", hint, f"Date: {date}"))

    error = await fault.error(ServerError, connect(server).credits())

    assert error.status == 503


@pytest.mark.row(9)
async def test_a_wait_of_thirty_years_is_raised_at_once(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A wait past the deadline is not begun: after one request the error holds the exact wait."""
    now = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
    server = await serve(refusal(503, "Later", "Retry-After: 1000000000", f"Date: {http_date(now)}"))

    error = await fault.error(ServerError, connect(server).credits(), deadline=0)

    assert error.retry_after == 1_000_000_000
    assert error.resets_at == now + timedelta(seconds=1_000_000_000)
    assert server.hits == 1


@pytest.mark.row(11)
@pytest.mark.parametrize("hours", [1, -1])
async def test_moments_are_measured_from_the_replys_own_date(
    hours: int, wall_clock: WallClock, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A hint that names a moment is measured from the reply's own `Date`, not from a wrong local clock."""
    there = wall_clock.now()
    until = there + timedelta(seconds=50)
    wall_clock.jump(timedelta(hours=hours))
    date = f"Date: {http_date(there)}"
    hints = [
        refusal(429, "Slow", date, f"Retry-After: {http_date(until)}"),
        refusal(429, "Slow", date, f"X-RateLimit-Reset: {epoch_milliseconds(until)}"),
        refusal(429, "Slow", date, f"X-RateLimit-Reset: {int(until.timestamp())}"),
        refusal(429, "Slow", date, metadata={"headers": {"x-ratelimit-reset": epoch_milliseconds(until)}}),
    ]

    for hint in hints:
        server = await serve(hint)
        error = await fault.error(RateLimitError, connect(server).credits())

        assert (error.retry_after, error.resets_at, server.hits) == (50, until, 1), hint


@pytest.mark.row(48)
@pytest.mark.parametrize("hours", [1, -1])
async def test_a_jump_of_the_wall_clock_changes_no_wait(
    hours: int, wall_clock: WallClock, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A jump of the wall clock changes no wait, time-out or deadline that is under way."""
    reset = epoch_milliseconds(wall_clock.now() + timedelta(seconds=0.5))
    seconds = await serve(refusal(429, "Slow", "Retry-After: 0.5"), FUNDED)
    moment = await serve(refusal(429, "Slow", f"X-RateLimit-Reset: {reset}"), FUNDED)
    silent = await serve(HANG)
    asyncio.get_running_loop().call_later(0.2, wall_clock.jump, timedelta(hours=hours))

    _, _, error = await asyncio.gather(
        fault.value(connect(seconds).credits()),
        fault.value(connect(moment).credits()),
        fault.error(
            APITimeoutError,
            connect(silent, retry=RetryPolicy(attempts=1, deadline=0.6)).credits(),
            deadline=0.6,
        ),
    )

    assert 0.5 <= round(seconds.gaps[0], 6) <= 0.625
    assert 0.5 <= round(moment.gaps[0], 6) <= 0.625
    assert error.attempts[0].elapsed == pytest.approx(0.6)
