"""The transport: it sends a request once, and returns plain data or raises one of our errors."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import socket
import ssl
import traceback
import warnings
import weakref
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from openrouter_credits import (
    AmbiguousWriteError,
    APIConnectionError,
    ApiKey,
    APITimeoutError,
    ClientClosedError,
    ConfigurationError,
    Credits,
    CreditsClient,
    OpenRouterError,
    ResponseTooLargeError,
    RetryPolicy,
)
from openrouter_credits._call.addresses import Proxy
from openrouter_credits._call.protocol import Reply
from openrouter_credits._call.request import Request, make_request
from openrouter_credits._call.transport import Transport
from tests.kit.clock import allowance, lap, settle
from tests.kit.hosts import ONE_SLOT, TRANSLATIONS, WHERE, InFlight, RaisingSession, oserror
from tests.kit.values import KEY, MASK, ONCE, OTHER_KEY, outcome
from tests.kit.wire import CLOSE, FUNDED, HANG, Server, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.kit.wire import Connect, Serve
GET = make_request("GET", "/credits", ApiKey(KEY))


def transport_to(
    url: str, session: Any = None, *, timeout: float = 5.0, max_connections: int = 10
) -> Transport:
    """Make a transport that uses no proxy."""
    return Transport(url, timeout=timeout, max_connections=max_connections, session=session, proxy=None)


@pytest.mark.parametrize("session", ["session", SimpleNamespace(request=lambda: None), aiohttp.ClientSession])
def test_a_session_is_aiohttp_s(session: Any) -> None:
    """A session that is no aiohttp.ClientSession raises TypeError when the transport is made."""
    with pytest.raises(TypeError, match=r"session is an aiohttp\.ClientSession"):
        transport_to("https://x.example", session)


# The wire


async def test_a_request_is_sent_once_and_its_answer_comes_back_as_data(serve: Serve) -> None:
    """send() sends one request and returns the answer's status, headers and body as plain data."""
    server = await serve(reply(418, b"tea", "X-Many: 1"))
    transport = transport_to(server.url)

    answer = await transport.send(GET, 5.0)
    await transport.close()

    assert (answer.status, answer.body) == (418, b"tea")
    assert {name.lower(): value for name, value in answer.headers.items()}["x-many"] == "1"
    assert server.lines == ["GET /api/v1/credits"]
    assert server.keys == [KEY]


async def test_only_our_own_headers_are_sent(serve: Serve) -> None:
    """A request has five headers, and none of them tells of the program that sends it."""
    server = await serve(FUNDED)
    async with CreditsClient(KEY, base_url=server.url) as client:
        await client.credits()

    assert {name for name, _ in server.received[0].headers} == {
        "Host",
        "Authorization",
        "User-Agent",
        "Accept",
        "Accept-Encoding",
    }


async def test_a_body_is_sent_as_json(serve: Serve) -> None:
    """request() sends its `json` once as a JSON body, with that content type."""
    server = await serve(reply(201, {"key": "sk"}))
    async with CreditsClient(KEY, base_url=server.url) as client:
        assert await client.request(
            "POST", "/keys", into=dict[str, str], json={"name": "bot"}, params={"a": True}
        ) == {"key": "sk"}

    assert server.lines == ["POST /api/v1/keys?a=true"]
    assert [asked.body for asked in server.received] == [b'{"name": "bot"}']
    assert server.received[0].header("Content-Type") == "application/json"


async def test_quoted_paths_and_queries_arrive_as_written(serve: Serve, connect: Connect) -> None:
    """A quoted path and a query arrive as they were given: nothing is quoted twice."""
    server = await serve(reply(200, {}))

    await connect(server).request("GET", "/keys/a%20b%25", into=dict[str, Any], params={"q": "ü &+"})

    assert server.lines == ["GET /api/v1/keys/a%20b%25?q=%C3%BC+%26%2B"]


@pytest.mark.parametrize(
    ("base_url", "target"),
    [
        ("https://openrouter.ai", "@evil.example/x"),
        ("https://openrouter.ai", ":1/x"),
        ("https://openrouter.ai/api/v1", ".evil.example/x"),
        ("https://openrouter.ai/api/v1", "/../../x"),
    ],
)
async def test_the_final_url_is_compared_with_the_base_url(base_url: str, target: str) -> None:
    """A target that leads to another host, port or folder raises ValueError before anything is sent."""
    with pytest.raises(ValueError, match="base_url"):
        await transport_to(base_url).send(Request("GET", target, ApiKey(KEY)), 5.0)


@pytest.mark.parametrize(
    ("status", "size"), [(200, 1 << 20), (200, (1 << 20) + 1), (503, 1 << 16), (503, 3 << 20)]
)
async def test_a_body_is_read_to_its_cap(status: int, size: int, serve: Serve) -> None:
    """A value's body is read up to 1 MiB, and a refusal's up to little more than 64 KiB."""
    server = await serve(reply(status, b"x" * size))
    transport = transport_to(server.url)

    result = await outcome(transport.send(GET, 5.0))
    await transport.close()

    if status == 200 and size > 1 << 20:
        assert isinstance(result, ResponseTooLargeError)
        assert not result.is_retryable
    elif status == 200:
        assert isinstance(result, Reply)
        assert result.body == b"x" * size
    else:
        assert isinstance(result, Reply)
        assert min(size, 1 << 16) <= len(result.body) < 1 << 20


async def test_a_cut_refusal_is_still_a_refusal(serve: Serve) -> None:
    """A refusal whose body is cut is returned with its status, which has arrived."""
    server = await serve(reply(503, b'{"error": {"code"').replace(b"Content-Length: ", b"Content-Length: 9"))
    transport = transport_to(server.url, timeout=0.2)

    answer = await transport.send(GET, 5.0)
    await transport.close()

    assert answer.status == 503


# Exceptions of a session


async def test_an_exception_of_a_session_becomes_ours_unchained() -> None:
    """An exception that a session raises leaves send() as one of ours with neither cause nor context."""
    errors = [
        await outcome(transport_to("https://x.example", RaisingSession(problem)).send(GET, 5.0))
        for problem, *_ in TRANSLATIONS
    ]

    assert [type(error) for error in errors] == [kind for _, kind, *_ in TRANSLATIONS]
    assert [
        error for error in errors if isinstance(error, Exception) and (error.__cause__ or error.__context__)
    ] == []


@pytest.mark.parametrize(
    ("method", "problem", "kind"),
    [
        ("GET", TypeError("in a trace"), ConfigurationError),
        ("POST", TypeError("in a trace"), AmbiguousWriteError),
        ("POST", aiohttp.ServerDisconnectedError("in a trace"), APIConnectionError),  # retry() decides
    ],
)
async def test_a_write_on_a_session_that_raises_may_have_happened(
    method: str, problem: Exception, kind: type[OpenRouterError]
) -> None:
    """If a session raises TypeError in a write, it is unknown whether that was sent before."""
    transport = transport_to("https://x.example", RaisingSession(problem))

    error = await outcome(transport.send(make_request(method, "/keys", ApiKey(KEY)), 5.0))

    assert type(error) is kind


def every_subclass(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    """List an exception class and all classes below it."""
    yield kind
    for child in kind.__subclasses__():
        yield from every_subclass(child)


def example_of(kind: type[BaseException]) -> BaseException:
    """Make an exception of aiohttp without its constructor, with every fact that we read."""
    problem: Any = kind.__new__(kind)
    problem._os_error = oserror(errno.EIO)
    problem._conn_key = WHERE
    problem._certificate_error = ssl.SSLError()
    problem.status = 407
    with contextlib.suppress(AttributeError):
        problem.errno = None
    return problem


async def test_no_exception_of_aiohttp_escapes() -> None:
    """Every exception class that aiohttp has becomes one of ours with nothing chained."""
    kinds = set(every_subclass(aiohttp.ClientError))

    errors = {
        kind: await outcome(
            transport_to("https://x.example", RaisingSession(example_of(kind))).send(GET, 5.0)
        )
        for kind in kinds
    }

    assert len(kinds) > 20
    assert [
        kind for kind, error in errors.items() if not isinstance(error, OpenRouterError) or error.__context__
    ] == []


@pytest.mark.parametrize("url", ["https://a\xadb.example", "https://[::1"])
def test_a_url_that_aiohttp_does_not_accept_is_refused_when_the_transport_is_made(url: str) -> None:
    """A base URL or a proxy that aiohttp does not accept is a ConfigurationError, before any call."""
    options: Any = {"timeout": 5.0, "max_connections": 1, "session": None}

    for base_url, proxy in ((url, None), ("https://x.example", Proxy(url, {}))):
        with pytest.raises(ConfigurationError, match="does not accept"):
            Transport(base_url, proxy=proxy, **options)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, BaseExceptionGroup])
def test_interruptions_pass_untouched(kind: type[BaseException]) -> None:
    """KeyboardInterrupt, SystemExit and groups of them leave send() unchanged."""
    arguments = ("many", [KeyboardInterrupt()]) if kind is BaseExceptionGroup else ()
    problem = kind(*arguments)

    async def call() -> None:
        await transport_to("https://x.example", RaisingSession(problem)).send(GET, 5.0)

    with pytest.raises(kind):
        asyncio.run(call())


@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit])
async def test_an_end_that_nobody_asked_for_is_the_session_s(kind: type[BaseException]) -> None:
    """A CancelledError of a session in a task that nobody cancelled is an error of ours, as any other is."""
    transport = transport_to("https://x.example", RaisingSession(kind()))

    error = await outcome(transport.send(GET, 5.0))

    assert isinstance(error, ConfigurationError)
    assert error.summary == f"The session raised {kind.__name__}"
    assert error.__context__ is None


async def test_a_cancellation_passes_untouched_and_leaves_no_cycle() -> None:
    """A task that is cancelled inside send() raises CancelledError, and is freed at once."""
    session = InFlight(None)
    task = asyncio.create_task(transport_to("https://x.example", session).send(GET, 5.0))
    await settle()
    gc.collect()
    gc.disable()
    try:
        task.cancel()
        assert (await asyncio.gather(task, return_exceptions=True))[0].__class__ is asyncio.CancelledError
        gone = weakref.ref(task)
        del task
        await settle()
        assert gone() is None
    finally:
        gc.enable()


def test_a_call_that_is_dropped_is_closed_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    """A coroutine that is dropped with its event loop ends at once, and says nothing."""
    session = InFlight(None)
    loop = asyncio.new_event_loop()
    coroutine = transport_to("https://x.example", session).send(GET, 5.0)
    task = loop.create_task(coroutine)
    loop.run_until_complete(asyncio.sleep(0))
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is meant to be dropped

    coroutine.close()
    loop.close()

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("status", "kind"), [(503, Reply), ("503", ConfigurationError)])
async def test_what_only_looks_like_a_response_is_checked(status: object, kind: type) -> None:
    """A session may give anything as a response: it is read if its status is a number, and else refused."""
    response = SimpleNamespace(status=status, headers={"Retry-After": 3}, content=asyncio.StreamReader())
    response.content.feed_eof()

    class Odd(RaisingSession):
        @contextlib.asynccontextmanager
        async def request(self, *_: object, **__: object) -> AsyncIterator[object]:
            yield response

    answer = await outcome(transport_to("https://x.example", Odd(ValueError())).send(GET, 5.0))

    assert type(answer) is kind
    assert not isinstance(answer, Reply) or answer.headers == {"Retry-After": "3"}


async def test_a_closed_borrowed_session_is_a_closed_client() -> None:
    """A borrowed session that is closed raises ClientClosedError, where aiohttp raises RuntimeError."""
    session = aiohttp.ClientSession()
    await session.close()
    transport = transport_to("https://x.example", session)

    error = await outcome(transport.send(GET, 5.0))

    assert isinstance(error, ClientClosedError)


async def test_the_key_is_in_no_frame_of_ours() -> None:
    """No local variable in the traceback of a translated exception shows the key."""
    for problem, *_ in TRANSLATIONS:
        transport = transport_to("https://x.example", RaisingSession(problem))
        error = await outcome(transport.send(GET, 5.0))
        assert isinstance(error, OpenRouterError)

        frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack

        assert all(KEY[12:-4] not in str(frame.locals) for frame in frames)


# Time


async def test_no_more_requests_are_under_way_than_there_are_slots() -> None:
    """Requests in flight never exceed the limit of a borrowed session's connector."""
    flight = InFlight(SimpleNamespace(limit=3, limit_per_host=0))
    transport = transport_to("https://x.example", flight)

    tasks = [asyncio.ensure_future(outcome(transport.send(GET, 5.0))) for _ in range(20)]
    await settle()
    most = flight.now
    flight.go.set()
    await asyncio.gather(*tasks)

    assert (most, flight.seen) == (3, 20)


async def test_waiting_for_a_slot_is_not_charged_to_the_attempt() -> None:
    """An attempt's time-out starts when it gets a slot; the call's deadline counts the wait for it too."""
    transport = transport_to("https://x.example", InFlight(ONE_SLOT), timeout=2.0)

    async def call(left: float) -> tuple[float, bool]:
        with lap() as taken:
            error = await outcome(transport.send(GET, left))
        assert isinstance(error, APITimeoutError)
        return taken.elapsed, error.sent

    calls = await asyncio.gather(*(call(left) for left in (100.0, 100.0, 5.0, 5.5)))

    assert calls == [(2.0, True), (4.0, True), (5.0, True), (5.5, True)]


async def test_time_outs_of_the_queue_say_so() -> None:
    """A call whose deadline comes while it waits for a connection says so, and that nothing was sent."""
    transport = transport_to("https://x.example", InFlight(ONE_SLOT), timeout=50.0)
    holder = asyncio.ensure_future(outcome(transport.send(GET, 40.0)))
    await asyncio.sleep(0)

    with lap() as taken:
        error = await outcome(transport.send(GET, 3.5))
    await holder

    assert taken.elapsed == 3.5
    assert isinstance(error, APITimeoutError)
    assert (error.summary, error.sent) == ("Timed out: no connection was free in time (3.5 s)", False)


@pytest.mark.parametrize(("left", "shown"), [(0.009, "0.009 s"), (-0.5, "0 s")])
async def test_a_call_with_next_to_no_time_left_sends_nothing(left: float, shown: str) -> None:
    """A call with less than 10 ms left sends nothing, because an answer would come too late."""
    session = InFlight(None)

    with lap() as taken:
        error = await outcome(transport_to("https://x.example", session).send(GET, left))

    assert taken.elapsed == 0
    assert session.seen == 0
    assert isinstance(error, APITimeoutError)
    assert (error.summary, error.sent) == (f"Timed out: {shown} are too little to send a request", False)


@pytest.mark.parametrize("left", [0.0, -0.5])
async def test_a_call_whose_deadline_passed_before_it_was_queued_says_so(left: float) -> None:
    """A call that is queued after its deadline ends at once, and shows no negative seconds."""
    transport = transport_to("https://x.example", InFlight(ONE_SLOT))
    holder = asyncio.ensure_future(outcome(transport.send(GET, 5.0)))
    await asyncio.sleep(0)

    with lap() as taken:
        error = await outcome(transport.send(GET, left))
    await holder

    assert taken.elapsed == pytest.approx(0)
    assert isinstance(error, APITimeoutError)
    assert (error.summary, error.sent) == ("Timed out: no connection was free in time (0 s)", False)


async def two_calls(later: float) -> tuple[int, list[object]]:
    """Make two calls through one slot, the second so much later; both have 3 s.

    Return the number of requests, and the outcomes.
    """
    session = InFlight(ONE_SLOT)
    transport = transport_to("https://x.example", session, timeout=50.0)
    first = asyncio.ensure_future(outcome(transport.send(GET, 3.0)))
    await asyncio.sleep(later)
    second = await outcome(transport.send(GET, 3.0))
    return session.seen, [await first, second]


@pytest.mark.parametrize("later", [0.0, 0.009])
async def test_a_call_that_gets_its_slot_too_late_sends_nothing(later: float) -> None:
    """A slot that becomes free under 10 ms before the deadline is not used: no answer could come in time."""
    requests, errors = await two_calls(later)

    assert requests == 1
    assert [error.sent for error in errors if isinstance(error, APITimeoutError)] == [True, False]
    assert "no connection was free in time" in str(errors[1])


async def test_a_call_that_gets_its_slot_in_time_sends_its_request() -> None:
    """A slot that becomes free 20 ms before the deadline is used, though no answer comes."""
    requests, errors = await two_calls(0.02)

    assert requests == 2
    assert [error.sent for error in errors if isinstance(error, APITimeoutError)] == [True, True]


async def test_a_slot_is_not_held_while_sleeping() -> None:
    """Twenty calls that sleep between attempts leave the only slot to another call, which does not wait."""
    session: Any = RaisingSession(aiohttp.ServerDisconnectedError(), connector=ONE_SLOT)
    client = CreditsClient(
        KEY, base_url="https://x.example", session=session, retry=RetryPolicy(wait_initial=8.0)
    )
    sleepers = [asyncio.ensure_future(outcome(client.credits())) for _ in range(20)]
    await asyncio.sleep(0)

    with lap() as taken:
        await outcome(client.with_key(OTHER_KEY)._caller._transport.send(GET, 5.0))
    await asyncio.gather(*sleepers)

    assert taken.elapsed == 0


@pytest.mark.real_time
async def test_a_silent_server_is_left_at_the_time_out(serve: Serve, connect: Connect) -> None:
    """Each attempt ends at its `timeout` in real time too."""
    server = await serve(HANG)

    with lap() as taken:
        error = await outcome(
            connect(server, timeout=0.1, retry=RetryPolicy(attempts=2, wait_initial=0)).credits()
        )

    assert isinstance(error, APITimeoutError)
    assert [type(attempt.error) for attempt in error.attempts] == [APITimeoutError] * 2
    assert 0.2 <= taken.elapsed < 0.3 + allowance()


# Closing


async def test_close_is_idempotent_and_final(serve: Serve) -> None:
    """close() may be called twice, and before the first call; every later call raises ClientClosedError."""
    server = await serve(FUNDED)
    used, unused = CreditsClient(KEY, base_url=server.url), CreditsClient(KEY, base_url=server.url)
    await used.credits()

    for client in (used, unused):
        await client.close()
        await client.close()
        with pytest.raises(ClientClosedError):
            await client.credits()
        with pytest.raises(ClientClosedError):
            await client.key()

    assert server.hits == 1


async def test_close_ends_what_is_under_way(serve: Serve) -> None:
    """close() ends calls in flight, queued or asleep: each raises ClientClosedError with nothing chained."""
    busy, silent = await serve(reply(503)), await serve(HANG)
    sleeper = CreditsClient(
        KEY, base_url=busy.url, retry=RetryPolicy(wait_initial=1e6, wait_max=1e6, deadline=1e9)
    )
    waiter = CreditsClient(KEY, base_url=silent.url, max_connections=1)
    calls = [asyncio.ensure_future(outcome(client.credits())) for client in (sleeper, waiter, waiter)]
    await asyncio.gather(busy.arrived(), silent.arrived())
    await settle()

    with lap() as taken:
        await sleeper.close()
        await waiter.close()
        errors = await asyncio.gather(*calls)

    assert [type(error) for error in errors] == [ClientClosedError] * 3
    assert taken.elapsed == 0
    assert silent.hits == 1
    assert all(
        isinstance(error, ClientClosedError) and error.__cause__ is error.__context__ is None
        for error in errors
    )


async def test_close_while_a_refusal_arrives_is_a_closed_client() -> None:
    """A client closed while a refusal's body arrives raises ClientClosedError, though the status is known."""
    head = reply(503).replace(b"Content-Length: 0", b"Content-Length: 9")
    async with Server(head + b"x") as server:
        client = CreditsClient(KEY, base_url=server.url, retry=ONCE)
        call = asyncio.ensure_future(outcome(client.credits()))
        await server.arrived()
        await settle()
        await client.close()

        assert isinstance(await call, ClientClosedError)


async def test_a_cancelled_call_stays_cancelled_though_the_client_closes() -> None:
    """A call that is cancelled while the client closes raises CancelledError."""
    async with Server(HANG) as server:
        client = CreditsClient(KEY, base_url=server.url)
        call = asyncio.ensure_future(client.credits())
        await server.arrived()
        call.cancel()
        await client.close()

        with pytest.raises(asyncio.CancelledError):
            await call


async def test_sleeping_on_a_closed_client_is_an_error_and_no_warning() -> None:
    """sleep() on a closed client raises ClientClosedError, and leaves no coroutine that was never awaited."""
    transport = transport_to("https://x.example", RaisingSession(ValueError("")))
    await transport.close()

    error = await outcome(transport.sleep(1.0))
    gc.collect()

    assert isinstance(error, ClientClosedError)


async def test_sleeping_lasts_as_long_as_it_should() -> None:
    """sleep() lasts exactly as long as asked if nothing closes the client."""
    transport = transport_to("https://x.example", RaisingSession(ValueError("")))

    with lap() as taken:
        await transport.sleep(0.25)
    await transport.close()

    assert taken.elapsed == 0.25


async def test_a_session_that_was_made_is_closed(serve: Serve) -> None:
    """`async with` closes the client's own session at its end, not before."""
    server = await serve(FUNDED)
    async with CreditsClient(KEY, base_url=server.url) as client:
        await client.credits()
        session = client._caller._transport._session
        assert session is not None
        assert not session.http.closed

    assert session.http.closed


async def test_a_dropped_client_warns(serve: Serve) -> None:
    """A client that is never closed gives a ResourceWarning without the key, and its session is closed."""
    server = await serve(FUNDED)
    client = CreditsClient(KEY, base_url=server.url)
    await client.credits()
    session = client._caller._transport._session
    assert session is not None
    http = session.http
    del session

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del client
        gc.collect()
    shown = [(warning.category, str(warning.message), repr(warning.source)) for warning in warned]
    warned.clear()  # the warnings hold what they are about
    gc.collect()
    await settle()

    assert http.closed
    assert ResourceWarning in [category for category, *_ in shown]
    assert "never closed" in str(shown)
    assert KEY[12:-4] not in str(shown)


async def test_a_client_that_holds_nothing_is_dropped_quietly(serve: Serve) -> None:
    """A client that was never used, or that borrows its session, may be dropped without a warning."""
    server = await serve(FUNDED)
    async with aiohttp.ClientSession() as session:
        unused = CreditsClient(KEY, base_url=server.url)
        borrowing = CreditsClient(KEY, base_url=server.url, session=session)
        await borrowing.credits()

        del unused, borrowing
        gc.collect()

        assert not session.closed


# Event loops


def listening() -> socket.socket:
    """Listen on a port, so that one server after another can serve the same address."""
    return socket.create_server(("127.0.0.1", 0))


def test_a_client_made_at_import_time_serves_run_after_run() -> None:
    """A client serves one `asyncio.run` after another, and a run after close() raises ClientClosedError."""
    with listening() as sock:
        client = CreditsClient(KEY, base_url=f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1")

        async def once() -> Credits:
            async with Server(FUNDED, sock=sock.dup()):
                return await client.credits()

        assert asyncio.run(once()) == asyncio.run(once())
        asyncio.run(client.close())

        with pytest.raises(ClientClosedError):
            asyncio.run(once())


def test_a_client_closes_in_the_loop_after_its_own() -> None:
    """close() in a new event loop does nothing when the loop of the client's calls has ended."""
    with listening() as sock:
        client = CreditsClient(KEY, base_url=f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1")

        async def once() -> None:
            async with Server(FUNDED, sock=sock.dup()):
                await client.credits()

        asyncio.run(once())
        asyncio.run(client.close())


def test_a_second_loop_beside_a_running_one_is_an_error() -> None:
    """A client used in a second event loop while its own lives raises ConfigurationError."""
    with listening() as sock:
        first = asyncio.new_event_loop()
        client = CreditsClient(KEY, base_url=f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1")

        async def once() -> object:
            async with Server(FUNDED, sock=sock.dup()):
                return await outcome(client.credits())

        assert isinstance(first.run_until_complete(once()), Credits)
        error = asyncio.run(once())
        assert isinstance(first.run_until_complete(once()), Credits)
        first.run_until_complete(client.close())
        first.close()

    assert isinstance(error, ConfigurationError)
    assert "another event loop" in str(error)
    assert "one client for each event loop" in error.remedy


# The log


async def test_each_attempt_is_one_line_in_the_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Each attempt is one DEBUG line: method, path, mask, status or error, time; no key, query or body."""
    server = await serve(
        reply(503, {"error": {"code": 503, "message": "body"}}), CLOSE, reply(200, {"secret": "body"})
    )
    with caplog.at_level(logging.DEBUG, "openrouter_credits"):
        async with CreditsClient(KEY, base_url=server.url, retry=RetryPolicy(wait_initial=0)) as client:
            await client.request("GET", "/keys", into=dict[str, Any], params={"query": "q"})

    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name == "openrouter_credits" and record.levelno == logging.DEBUG
    ]
    facts = [line.rsplit(" in ", 1)[0] for line in lines]
    assert facts == [f"GET /api/v1/keys key={MASK}: {result}" for result in (503, "APIConnectionError", 200)]
    assert all(line.endswith(" ms") and float(line.split()[-2]) >= 0 for line in lines)
    shown = "".join(f"{record.__dict__}" for record in caplog.records)
    assert KEY[12:-4] not in shown
    assert "secret" not in shown


async def test_a_call_that_succeeds_at_once_logs_nothing_above_debug(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """A call that is answered at the first try logs nothing above DEBUG."""
    server = await serve(FUNDED)
    with caplog.at_level(logging.INFO):
        async with CreditsClient(KEY, base_url=server.url, retry=RetryPolicy(wait_initial=0)) as client:
            await client.credits()

    assert [record for record in caplog.records if record.name.startswith("openrouter_credits")] == []


def test_the_logger_is_quiet_by_itself() -> None:
    """The logger has a NullHandler and no level, so nothing is printed unless a program sets logging up."""
    handlers = logging.getLogger("openrouter_credits").handlers

    assert [type(handler) for handler in handlers] == [logging.NullHandler]
    assert logging.getLogger("openrouter_credits").level == logging.NOTSET
