"""Permission to send: a gate that calls share may hold each of their tries back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol


class Turn(Protocol):
    """Permission to send one try, which is made inside `with turn`: so the gate learns how it ends."""

    is_shared: bool
    """Whether the gate, and not the call, decides the wait before the next try. Read after the try."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


Gate = Callable[[bool], Awaitable[Turn]]
"""Waits until the next try of a call may be made; the argument is whether the call was tried before."""


class _FreeTurn:
    """A try that nobody holds back."""

    is_shared = False

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, traceback: object) -> None: ...


FREE_TURN: Turn = _FreeTurn()
