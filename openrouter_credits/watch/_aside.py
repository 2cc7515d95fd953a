"""Deciding about very many keys, while the event loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")

_FEW = 100
"""Of so many keys, all is decided in a few milliseconds."""


async def aside(size: int, function: Callable[[], _T]) -> _T:
    """Call a function whose work grows with the number of keys, `size`: in a thread if these are many.

    The thread is this call's own, and has ended when the call has, also if it is cancelled.
    """
    if size <= _FEW:
        return function()
    with_thread = ThreadPoolExecutor(1, "openrouter_credits watch")
    work = asyncio.get_running_loop().run_in_executor(with_thread, function)
    try:
        return await asyncio.shield(work)
    finally:
        if not work.done():
            await asyncio.wait((work,))
        with_thread.shutdown()
