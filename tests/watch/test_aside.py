"""Tests of `watch/_aside.py`: what is decided about very many keys holds up no event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from openrouter_credits.watch._aside import aside
from tests.kit.clock import virtual


def threads() -> set[threading.Thread]:
    """List all threads that run."""
    return set(threading.enumerate())


@virtual
async def test_little_is_decided_at_once() -> None:
    """About 100 keys, all is decided in the thread of the event loop."""
    assert await aside(100, threading.current_thread) is threading.current_thread()


@virtual
async def test_much_is_decided_in_a_thread() -> None:
    """About more keys, it is decided in a thread, which has ended when the decision is there."""
    before = threads()

    assert await aside(101, threading.current_thread) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        await aside(101, lambda: 1 / 0)

    assert threads() == before


@virtual
async def test_the_loop_goes_on_meanwhile() -> None:
    """While a thread decides, other tasks run."""
    may_end = threading.Event()
    deciding = asyncio.create_task(aside(101, may_end.wait))
    await asyncio.sleep(0.01)
    assert not deciding.done()
    may_end.set()

    assert await deciding


@virtual
async def test_a_cancelled_decision_leaves_no_thread() -> None:
    """Whoever is cancelled waits until the thread has ended."""
    before, may_end = threads(), threading.Event()
    deciding = asyncio.create_task(aside(101, may_end.wait))
    await asyncio.sleep(0.01)
    deciding.cancel()
    await asyncio.sleep(0.01)
    assert not deciding.done()
    may_end.set()

    with pytest.raises(asyncio.CancelledError):
        await deciding
    assert threads() == before
