"""Stories of an alarm are told twice: by one alarm, and with a restart after each look."""

from __future__ import annotations

from typing import Any

import pytest

from openrouter_credits.history import Reading
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


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Collect what each event's text is made of, in the order of the events."""
    found: list[dict[str, Any]] = []

    def describe(kind: str, reading: Reading, *levels: object, **facts: object) -> str:
        found.append({"kind": kind, "reading": reading, **facts})
        return ""

    monkeypatch.setattr("openrouter_credits.watch._speaker.describe", describe)
    return found
