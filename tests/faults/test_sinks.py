"""The assertion that all rows share finds each leak of clients that leak on purpose."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import CreditsClient, OpenRouterError
from tests.kit.values import KEY, QUICK
from tests.kit.wire import Serve, refusal, reply, sends

from . import _leaky
from ._sinks import KeyShownError, Watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LEAKS = {
    _leaky.in_str: "str",
    _leaky.in_repr: "repr",
    _leaky.in_vars: "vars",
    _leaky.in_args: "args",
    _leaky.in_context: "__cause__/__context__",
    _leaky.in_locals: "traceback with locals",
    _leaky.in_log_message: "log message",
    _leaky.in_log_args: "log args",
    _leaky.in_log_exc_info: "log exc_info",
    _leaky.in_warning: "warning",
    _leaky.in_report: "asyncio's report",
    _leaky.in_pickle: "pickle",
}


def watch(*, is_needed: bool = False) -> Watch:
    """Make the shared assertion for a leaky client, so that the test itself can see it fail."""
    return Watch({KEY}, ours=(_leaky.__file__,), deadline=1.0, is_needed=is_needed)


@pytest.fixture
def fault() -> None:
    """Switch off the assertion of all rows, which these leaks would fail."""


@pytest.mark.parametrize(("leaky", "sink"), LEAKS.items(), ids=LEAKS.values())
async def test_each_of_the_twelve_sinks_is_looked_into(
    leaky: Callable[[str, str], Awaitable[None]], sink: str, serve: Serve
) -> None:
    """A key in any single one of the twelve sinks fails the shared assertion, which names that sink."""
    server = await serve(refusal(401))

    with pytest.raises(KeyShownError) as caught:
        async with watch() as shared:
            await shared(leaky(server.url, KEY))

    assert str(caught.value).startswith(f"{sink} shows the key")


@pytest.mark.parametrize("leaky", [_leaky.while_it_waits, _leaky.while_others_wait])
@pytest.mark.parametrize("after", [None, 0.1])
async def test_a_call_that_is_cut_short_is_looked_into(
    after: float | None, leaky: Callable[[str, str], Awaitable[None]]
) -> None:
    """A key in a frame that waits, whoever wrote it, fails the assertion for calls cut short from outside."""
    with pytest.raises(KeyShownError, match="traceback with locals shows the key"):
        async with watch() as shared:
            await shared.cut_short(leaky("", KEY), after=after)


async def test_a_call_that_was_not_cut_short_fails_the_assertion() -> None:
    """A call that returns a value before it is cut short fails the shared assertion."""
    with pytest.raises(AssertionError, match="was not cut short: None"):
        async with watch() as shared:
            await shared.cut_short(asyncio.sleep(0), after=1)


async def test_frames_of_the_tests_are_the_callers_own() -> None:
    """A key in a frame of a test is its own, even where the code under test called it."""

    async def call(key: str) -> None:
        await asyncio.sleep(20)
        del key

    async with Watch({KEY}, deadline=1.0) as shared:
        await shared.cut_short(call(KEY), after=0.1)


async def test_an_error_of_the_http_library_fails_the_assertion(serve: Serve) -> None:
    """A call that raises aiohttp's own error fails the shared assertion."""
    server = await serve(refusal(401))

    with pytest.raises(AssertionError, match="ClientResponseError is none of our errors"):
        async with watch() as shared:
            await shared(_leaky.from_aiohttp(server.url, KEY))


async def test_a_call_that_ends_late_fails_the_assertion() -> None:
    """A call that ends after its deadline fails the shared assertion."""
    with pytest.raises(AssertionError, match="its deadline is"):
        async with watch() as shared:
            await shared(_leaky.late(), deadline=0.01)


async def test_a_connection_that_is_kept_fails_the_assertion(serve: Serve) -> None:
    """A call that leaves a connection acquired fails the shared assertion."""
    server = await serve(sends(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", end="hang"))
    held: list[Any] = []

    with pytest.raises(AssertionError, match="still acquired"):
        async with watch() as shared:
            await shared(_leaky.unreleased(server.url, held))

    await held[0].close()


async def test_a_value_that_shows_the_key_fails_the_assertion() -> None:
    """A call whose value shows the key fails the shared assertion."""

    async def echo() -> list[str]:
        return [KEY]

    with pytest.raises(KeyShownError, match="repr shows the key"):
        async with watch() as shared:
            await shared(echo())


async def test_a_program_that_prints_the_key_fails_the_assertion() -> None:
    """A child process that prints the key fails the shared assertion."""
    with pytest.raises(KeyShownError, match="output of a process shows the key"):
        async with watch() as shared:
            await shared.child("import os; print(os.environ['OPENROUTER_API_KEY'])", key=KEY)


async def test_another_exception_that_nobody_retrieved_fails_the_assertion() -> None:
    """An exception that nobody retrieves, other than the outcome of a call, fails the shared assertion."""
    with pytest.raises(AssertionError, match="the event loop was told of something else"):
        async with watch():
            asyncio.get_running_loop().create_future().set_exception(OSError())


async def test_a_warning_fails_the_assertion() -> None:
    """A warning fails the shared assertion, even if it does not show the key."""
    with pytest.raises(AssertionError, match="there were warnings"):
        async with watch():
            warnings.warn("unclosed", ResourceWarning, stacklevel=1)


async def test_a_row_that_forgets_the_assertion_fails() -> None:
    """A test with a row's marker that hands no call to the shared assertion fails."""
    with pytest.raises(AssertionError, match="must hand its calls"):
        async with watch(is_needed=True):
            pass


async def test_a_harmless_client_passes_the_assertion() -> None:
    """A call that fails without a leak passes the shared assertion: the other tests here fail for leaks."""

    async def call() -> None:
        raise OpenRouterError("nothing to see")

    async with Watch({KEY}, ours=(__file__,), deadline=1.0, is_needed=True) as shared:
        error = await shared.error(OpenRouterError, call())

    assert error.summary == "nothing to see"


async def test_the_log_speaks_while_it_is_watched(serve: Serve) -> None:
    """Each attempt is logged with its key masked, so the checks of the log have something to look at."""
    server = await serve(refusal(503), reply(200, {"data": {"total_credits": 2, "total_usage": 1}}))

    async with (
        Watch({KEY}, deadline=5.0) as shared,
        CreditsClient(KEY, base_url=server.url, retry=QUICK) as client,
    ):
        await shared.value(client.credits())
        logged = shared.logged("openrouter_credits")

    assert len(logged) == 3
    assert f"key={KEY[:12]}...{KEY[-4:]}: 503 in " in logged[0]
    assert "try 1 of 3 failed" in logged[1]
