"""Settings of a key that cannot be are refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from openrouter_credits.testing import FakeOpenRouter


@pytest.mark.parametrize(
    "options",
    [
        {"limit_reset": "hourly"},
        {"credits_reply": "maybe"},
        {"shape": "2024"},
        {"expires_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - a naive time is refused
    ],
)
def test_a_key_that_cannot_be_is_a_value_error(options: dict[str, Any]) -> None:
    """add_key() raises ValueError for an unknown interval, reply or shape, and for a naive expiry."""
    with pytest.raises(ValueError, match=r".+"):
        FakeOpenRouter().add_account().add_key(**options)
