"""A thread that does one thing after another, and keeps no interpreter from its exit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

_T = TypeVar("_T")
_Call = tuple[Future[Any], Callable[[], Any]]


class OneThread(Executor):
    """Runs functions in one thread, in the order of the calls.

    A call that is cancelled before its turn is left out; one whose turn has come goes on to its end.

    Raises:
        RuntimeError: the system has no thread left.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread = Thread(
            target=_work, args=(self._calls,), name="openrouter_credits history", daemon=True
        )
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs in this process: not where this one was forked from another."""
        return self._thread.is_alive()

    def submit(self, function: Callable[..., _T], /, *arguments: Any, **options: Any) -> Future[_T]:
        """Have a function run after those submitted before."""
        future: Future[_T] = Future()
        self._calls.put((future, partial(function, *arguments, **options)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the signature is the base's
        """End the thread after what was submitted so far."""
        self._calls.put(None)
        if wait:
            self._thread.join()


def _work(calls: SimpleQueue[_Call | None]) -> None:
    while (call := calls.get()) is not None:
        future, function = call
        if future.set_running_or_notify_cancel():
            try:
                outcome = function()
            except BaseException as error:  # noqa: BLE001 - a thread has nobody to raise it to
                future.set_exception(error)
            else:
                future.set_result(outcome)
                del outcome
        del call, future, function  # the wait for the next call must not keep them alive
