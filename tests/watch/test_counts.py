"""The clock of an alarm."""

from __future__ import annotations

from datetime import timedelta

import pytest

from openrouter_credits.watch._counts import Clock
from tests.kit.looks import START


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((0, 300, 600), 600),
        ((300, 300), 300),
        ((3600, 0, 300), 3900),
        ((3600, 7200), 7200),
        ((300, 290, 600, 590, 900, 890), 900),
        ((300, 240, 300), 360),
        ((300, 241, 300), 300),
    ],
)
def test_the_clock_never_runs_back(times: tuple[int, ...], expected: int) -> None:
    """Time that runs back counts as none; clocks of several watchers that differ by seconds are one."""
    clock = Clock(START, START)

    moments = [clock.advance(START + timedelta(seconds=time)) for time in times]

    assert sorted(moments) == moments
    assert START + timedelta(seconds=expected) == moments[-1]
