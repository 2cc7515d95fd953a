"""Levels: how urgent a key's state is, from OK to INVALID."""

from __future__ import annotations

from enum import StrEnum

from openrouter_credits._public import public


class Level(StrEnum):
    """How urgent a key's state is, for alerts and exit codes; ordered, so that `max()` is the worst.

    A level is a text, and its name as text compares as the level does; `<` with any other text is a
    `ValueError`.
    """

    OK = "OK"
    """At or above the warning threshold."""
    LOW = "LOW"
    """Below the warning threshold."""
    UNKNOWN = "UNKNOWN"
    """The level is not known; do not take it for OK."""
    CRITICAL = "CRITICAL"
    """Below the critical threshold."""
    DEPLETED = "DEPLETED"
    """Nothing is left."""
    INVALID = "INVALID"
    """The key cannot spend at all: it was refused, is disabled, has expired, or is a management key."""

    def __lt__(self, other: object) -> bool:
        return _place(self) < _place(other) if isinstance(other, str) else NotImplemented

    def __le__(self, other: object) -> bool:
        return _place(self) <= _place(other) if isinstance(other, str) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return _place(self) > _place(other) if isinstance(other, str) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return _place(self) >= _place(other) if isinstance(other, str) else NotImplemented


_PLACES = {str(level): place for place, level in enumerate(Level)}


def _place(name: str) -> int:
    place = _PLACES.get(name)
    if place is None:
        raise ValueError(f"a level is one of {', '.join(_PLACES)}")
    return place


public(Level)
