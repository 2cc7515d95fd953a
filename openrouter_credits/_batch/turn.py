"""Permission to send for one call of a batch, and the place of its key among those under way."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import Any

from attrs import define, field

from openrouter_credits._errors import Attempt, OpenRouterError
from openrouter_credits._secrets import ApiKey


class Seat:
    """The place of a key among those under way, which another key may take while all its calls wait.

    A plain class, as `Turn` is, that takes its first values from the class: a batch makes thousands.
    """

    calls: int = 0
    """Its calls that are not over."""
    away: int = 0
    """Those that wait to be tried again."""
    is_away: bool = False
    """Whether that is all of them."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, ApiKey], Any] = {}
        """What was read of it so far, by path and key."""


@define(eq=False)
class Seats:
    """Counts keys all of whose calls wait to be tried again: they need no worker meanwhile."""

    away: int = field(init=False, default=0)
    """How many there are."""

    def give_back(self, turn: Turn) -> None:
        """Note that a call waits to be tried again."""
        turn.is_away = True
        turn.seat.away += 1
        self._count(turn.seat)

    def come_back(self, turn: Turn) -> None:
        """Note that a call is tried again, or over."""
        if turn.is_away:
            turn.is_away = False
            turn.seat.away -= 1
        self._count(turn.seat)

    def _count(self, seat: Seat) -> None:
        is_away = 0 < seat.away == seat.calls
        if is_away == seat.is_away:
            return
        seat.is_away = is_away
        self.away += 1 if is_away else -1


class Turn:
    """Permission to send the tries of one call, one at a time. All times are in seconds.

    Args:
        seat: the place of its key.
        path: what it asks for.
        note: called when a try has ended, with what it raised.
    """

    sent_at: float = -math.inf
    """When the last try was sent."""
    is_retry: bool = False
    is_shared: bool = False
    is_away: bool = False
    """Whether the call waits to be tried again."""
    refusals: int = 0
    """All refusals: after a pause, calls that were refused least ask first."""
    strikes: tuple[Attempt, ...] = ()
    """Refusals in a row while the host answered others."""
    answers_before: int = 0
    """Answers of the host until the last of them."""
    refusals_before: int = 0
    """Refusals of the host until the last of them."""
    waited: float = 0.0
    """How long the call was told to wait before its next try."""
    not_before: float = -math.inf
    """The host asked to leave this call alone until then."""
    fault: OpenRouterError | None = None
    """The last refusal, if there is to be no other try."""

    def __init__(self, seat: Seat, path: str, note: Callable[[Turn, BaseException | None], None]) -> None:
        self.seat = seat
        self.path = path
        self._note = note

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.is_shared = False
        self._note(self, error)
