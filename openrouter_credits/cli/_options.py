"""The options of the commands as values: how to read keys, and how to show the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import frozen

if TYPE_CHECKING:
    from decimal import Decimal

    from openrouter_credits import KeyCheck, KeyStatus, Level


@frozen
class Reading:
    """The endpoints to read, and how. All times are in seconds."""

    read: tuple[Literal["credits", "key"], ...] = ("credits", "key")
    """`("key",)` judges a key by its own limits."""
    timeout: float = 10.0
    """For each try."""
    deadline: float | None = None
    """For the whole command; `None` for 30 seconds for one key, and for no limit for many."""
    concurrency: int = 32
    """Keys under way at once."""
    rate: float | None = None
    """Requests a second at most."""


@frozen
class Form:
    """The thresholds of the levels, in US dollars, and the output format."""

    warn: Decimal
    critical: Decimal
    style: Literal["text", "json", "jsonl", "oneline"] = "text"

    def level(self, outcome: KeyCheck | KeyStatus) -> Level:
        """Return the level of a key."""
        return outcome.level(self.warn, self.critical)
