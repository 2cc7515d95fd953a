"""Stories of an alarm are told twice: by one alarm, and with a restart after each look."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.looks import Story


@pytest.fixture(params=[False, True], ids=["at_once", "with_restarts"])
def has_restarts(request: pytest.FixtureRequest) -> bool:
    """Whether an alarm is restarted after each look."""
    return bool(request.param)


@pytest.fixture
def story(has_restarts: bool) -> Story:
    """Begin a story with the defaults of an alarm."""
    return Story(has_restarts=has_restarts)


@pytest.fixture
def told(has_restarts: bool) -> Any:
    """Return a function that begins a story, with options of the alarm."""
    return lambda **options: Story(has_restarts=has_restarts, **options)
