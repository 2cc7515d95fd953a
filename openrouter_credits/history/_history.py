"""`History`: the readings, states and events of a watch in one SQLite file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from attrs import frozen

from openrouter_credits import CheckReport, Runway
from openrouter_credits.history._subjects import Subject


@frozen
class Point:
    """One point of a series."""

    at: datetime
    remaining: Decimal | None
    """The amount left; `None` for a gap."""


@frozen
class Recorded:
    """An event as it is kept."""

    id: str
    at: datetime
    subject: Subject
    kind: str
    body: str
    """The event as JSON."""


@frozen
class Decision:
    """What a look changes: the states of the subjects, by `str(subject)` or any name, and the new events."""

    states: Mapping[str, Any]
    events: tuple[Recorded, ...]


class History:
    """The history of a watch in one SQLite file, in one thread of its own. All times are in seconds.

    Args:
        path: the file; made if it does not exist. `:memory:` for none.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._states: dict[str, Any] = {}

    async def open(self) -> None:
        """Open or make the file. Every other method does it, too."""

    async def add(self, report: CheckReport, at: datetime | None = None) -> None:
        """Write what a report tells of each subject: on change, else every 15 minutes."""

    async def decide(self, decide: Callable[[Mapping[str, Any]], Decision]) -> tuple[str, ...]:
        """Load the states, decide, and write states and events, in one transaction.

        Returns:
            The ids of the events that nobody had recorded before.
        """
        decision = decide(self._states)
        self._states = dict(decision.states)
        return tuple(event.id for event in decision.events)

    async def subjects(self) -> tuple[Subject, ...]:
        """List the subjects, those read last first."""
        return ()

    async def series(
        self, subject: Subject | str, start: datetime, end: datetime, points: int = 400
    ) -> tuple[Point, ...]:
        """Read a series of that many points, evenly spaced; a gap is `None`, never 0."""
        return ()

    async def runway(self, subject: Subject | str) -> Runway:
        """Tell how long a subject's amount lasts."""
        raise NotImplementedError

    async def counters(
        self, since: datetime
    ) -> Mapping[Subject, tuple[tuple[datetime, Decimal | None], ...]]:
        """Read each subject's counter since then, oldest first; `None` where another counter begins."""
        return {}

    async def export(self) -> AsyncGenerator[Mapping[str, Any], None]:
        """Yield all readings, oldest first, as plain data."""
        return
        yield {}

    async def close(self) -> None:
        """End the thread; twice is fine."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
