"""What an alarm is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from openrouter_credits.watch import Alarm

REFUSED: list[Any] = [
    ({"warn": "a lot"}, ValueError, "amount"),
    ({"warn": True}, TypeError, "amount"),
    ({"warn": 5, "critical": 6}, ValueError, "warn is at least critical"),
    ({"rearm": "0.99"}, ValueError, "rearm is at least 1, not 0.99"),
    ({"rearm": None}, TypeError, "amount"),
    ({"clear_after": 0}, ValueError, "clear_after is at least 1"),
    ({"clear_after": 2.0}, TypeError, "clear_after is a whole number"),
    ({"stale_after": 0}, ValueError, "stale_after is at least 1"),
    ({"refused_after": 0}, ValueError, "refused_after is at least 1"),
    ({"remind": 0}, ValueError, "remind is a finite number of seconds above 0"),
    ({"remind": "daily"}, TypeError, "remind is a number"),
    ({"spacing": -1}, ValueError, "spacing is a finite number of seconds from 0"),
    ({"expiring": 30}, TypeError, "expiring is a tuple of days"),
    ({"expiring": "30"}, TypeError, "expiring is a tuple of days"),
    ({"expiring": (30, 0)}, ValueError, "expiring is at least 1"),
    ({"expiring": (0.5,)}, TypeError, "expiring is a whole number"),
    ({"expiring": (4000,)}, ValueError, "expiring is at most 3650 days"),
]


@pytest.mark.parametrize(("options", "error", "message"), REFUSED)
def test_arguments_are_checked(options: dict[str, Any], error: type[Exception], message: str) -> None:
    """An argument out of its domain is refused at once, by its name."""
    with pytest.raises(error, match=message):
        Alarm(**options)


def test_arguments_by_position() -> None:
    """Thresholds, counts and times may be given by position, in the order of the signature."""
    Alarm("10", 5, 1, 1, 1, 0.5, [1, 1, 90], spacing=0)
