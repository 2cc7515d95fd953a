"""together() awaits two calls at once, and ends the other one before an exception goes on."""

from __future__ import annotations

import asyncio

import pytest

from openrouter_credits._status.look import together

from .kit.clock import lap


async def sleep(seconds: float, value: str) -> str:
    """Return a value after some time."""
    await asyncio.sleep(seconds)
    return value


@pytest.mark.parametrize(("first", "second"), [(1.0, 2.0), (2.0, 1.0)])
async def test_both_are_awaited_at_the_same_time(first: float, second: float) -> None:
    """Two calls of 1 s and 2 s take 2 s together, whichever is the longer one."""
    with lap() as taken:
        values = await together(sleep(first, "a"), sleep(second, "b"))

    assert values == ("a", "b")
    assert taken.elapsed == pytest.approx(2)


@pytest.mark.parametrize("fails", ["first", "second"])
async def test_an_exception_goes_on_when_the_other_call_has_ended(fails: str) -> None:
    """If one call raises, the other is cancelled, and its clean-up is over before the exception arrives."""
    ended = []

    async def fail() -> None:
        await asyncio.sleep(1)
        raise ZeroDivisionError

    async def clean_up() -> None:
        try:
            await asyncio.sleep(2 if fails == "second" else 1)
        finally:
            await asyncio.sleep(3)
            ended.append("clean-up")

    calls = (fail(), clean_up()) if fails == "first" else (clean_up(), fail())
    with pytest.raises(ZeroDivisionError):
        await together(*calls)

    assert ended == ["clean-up"]


async def test_a_cancellation_ends_both() -> None:
    """If the caller is cancelled, both calls are cancelled, and nothing is left."""
    before = asyncio.all_tasks()
    task = asyncio.ensure_future(together(sleep(60, "a"), sleep(60, "b")))
    await asyncio.sleep(1)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before
