"""A service that starts no work which its key cannot pay for.

It answers 402 if too little is left, and 503 if that cannot be told.
Set OPENROUTER_API_KEY and OPENROUTER_MANAGEMENT_KEY, then: uvicorn guard_fastapi:app
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from openrouter_credits import (
    CreditsClient,
    InsufficientCreditsError,
    UnknownCreditsError,
)

COST = Decimal("0.25")  # what one summary costs at most


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open one client for the life of the process: it counts the reservations."""
    async with CreditsClient() as client:
        app.state.client = client
        yield


def client_of(request: Request) -> CreditsClient:
    """Give an endpoint the client."""
    client: CreditsClient = request.app.state.client
    return client


Client = Annotated[CreditsClient, Depends(client_of)]
app = FastAPI(lifespan=lifespan)


@app.exception_handler(InsufficientCreditsError)
async def refuse(_: Request, error: Exception) -> Response:
    """Answer 402; the client has logged the amounts, which are not for strangers."""
    assert isinstance(error, InsufficientCreditsError)
    answer: dict[str, str | None] = {"error": "out of credits", "until": None}
    if error.spendable.resets_at is not None:
        answer["until"] = error.spendable.resets_at.isoformat()
    return JSONResponse(answer, 402)


@app.exception_handler(UnknownCreditsError)
async def postpone(_: Request, error: Exception) -> Response:
    """Answer 503: nothing is started while nobody knows whether it can be paid for."""
    assert isinstance(error, UnknownCreditsError)
    headers = {"Retry-After": str(math.ceil(error.retry_after or 60))}
    return JSONResponse({"error": "credits unknown"}, 503, headers)


async def summarise(text: str) -> str:
    """Stand in for your own call of a model."""
    return text[:20]


@app.post("/summaries")
async def make_summary(text: str, client: Client) -> dict[str, str]:
    """Make a summary, if the key can pay for it beside all that is under way."""
    async with client.reserve(COST):
        return {"summary": await summarise(text)}
