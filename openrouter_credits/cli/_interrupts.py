"""Ctrl-C: the first one ends the command, and more within a second change nothing."""

from __future__ import annotations

import atexit
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_PATIENCE = 1.0
"""Seconds in which the command may clean up after Ctrl-C; later ones interrupt whatever it is stuck in."""

_LATER = 0.01
"""Seconds after which the code has ended in which an exception would be lost."""


@contextmanager
def one_interrupt(*, is_last: bool) -> Iterator[None]:
    """Raise one `KeyboardInterrupt` for several Ctrl-C in a row.

    A second one would end the clean-up or the message about the first with a traceback. A handler of the
    caller's own stays in place, and so does the choice of a shell to ignore Ctrl-C.

    Args:
        is_last: the process ends after this block; Ctrl-C does not disturb its end.
    """
    handler = _Handler()
    try:
        is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if is_ours:
            signal.signal(signal.SIGINT, handler)
    except ValueError:  # only the main thread may set one
        is_ours = False
    if not is_ours:
        yield
        return
    show_unraisable, sys.unraisablehook = sys.unraisablehook, handler.take_lost
    try:
        yield
    finally:
        sys.unraisablehook = show_unraisable
        if is_last:
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        if not is_last or handler.last is None:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class _Handler:
    """The handler of the signal; asyncio leaves it in place, because it is not the interpreter's own."""

    def __init__(self) -> None:
        self.last: float | None = None

    def __call__(self, _: int, __: FrameType | None) -> None:
        now = time.monotonic()
        is_first = self.last is None
        if self.last is not None and now < self.last + _PATIENCE:
            return
        self.last = now
        # a class that is imported right now may lack the function
        get_running_loop = getattr(sys.modules.get("asyncio.events"), "get_running_loop", None)
        if is_first and get_running_loop is not None:
            try:
                # raised by the loop itself, the exception cannot hit a task in the middle of a step
                get_running_loop().call_soon_threadsafe(_interrupt)
            except RuntimeError:  # there is no running loop
                pass
            else:
                return
        _interrupt()

    def take_lost(self, lost: sys.UnraisableHookArgs) -> None:
        """Send the signal again, if its exception was lost: in a `__del__`, or a callback of an import."""
        if lost.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(lost)
            return
        from threading import Timer  # noqa: PLC0415 - hardly ever needed

        self.last = None
        Timer(_LATER, _send_again).start()


def _send_again() -> None:
    from threading import main_thread  # noqa: PLC0415 - hardly ever needed

    send_to_thread = getattr(signal, "pthread_kill", None)
    if send_to_thread is None:  # on Windows, where SIGINT wakes up the main thread from any other
        signal.raise_signal(signal.SIGINT)
    else:
        send_to_thread(main_thread().ident, signal.SIGINT)


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt
