"""The activity of an account: rows that cannot be read are an error, and no zero."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import InvalidResponseError
from tests.kit.wire import Connect, Serve, reply

if TYPE_CHECKING:
    from ._sinks import Watch

pytestmark = pytest.mark.row(76)

TODAY = datetime.now(UTC).date()


def row(day: date, **fields: Any) -> dict[str, Any]:
    """Make a row of `/activity`."""
    return {
        "date": day.isoformat(),
        "model": "openai/gpt-4.1",
        "model_permaslug": "openai/gpt-4.1-2025-04-14",
        "endpoint_id": "e",
        "provider_name": "OpenAI",
        "usage": 0.015,
        "byok_usage_inference": 0.012,
        "requests": 5,
        "prompt_tokens": 50,
        "completion_tokens": 125,
        "reasoning_tokens": 25,
        **fields,
    }


@pytest.mark.row(23, 25)
@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"data": None},
        {"data": [None]},
        {"data": [{}]},
        {"data": [row(TODAY, date="yesterday")]},
        {"data": [row(TODAY - timedelta(days=1), usage="x")]},
        {"data": [row(TODAY - timedelta(days=1), usage=None)]},
    ],
    ids=["no data", "a list", "null", "null inside", "no fields", "no date", "no amount", "null amount"],
)
async def test_activity_that_is_none_is_an_error(
    body: object, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """Rows without day, model or amount raise InvalidResponseError after one request."""
    server = await serve(reply(200, body))

    await fault.error(InvalidResponseError, connect(server).account.activity())

    assert server.hits == 1
