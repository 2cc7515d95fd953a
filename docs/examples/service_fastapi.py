"""A service that tells its balance, and refuses work that it could not pay for.

Set OPENROUTER_API_KEY and OPENROUTER_MANAGEMENT_KEY, then: uvicorn service_fastapi:app
"""

import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from openrouter_credits import (
    CreditsClient,
    InsufficientCreditsError,
    KeyStatus,
    Level,
    OpenRouterError,
    format_usd,
)

logger = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open one client for the life of the process."""
    async with CreditsClient() as client:
        app.state.client = client
        yield


def client_of(request: Request) -> CreditsClient:
    """Give an endpoint the client."""
    client: CreditsClient = request.app.state.client
    return client


Client = Annotated[CreditsClient, Depends(client_of)]


async def current(client: Client) -> KeyStatus:
    """Give an endpoint the status, at most a minute old, as OpenRouter's own is."""
    return await client.status(max_age=60)


Current = Annotated[KeyStatus, Depends(current)]
Cost = Annotated[Decimal, Query(ge=0, max_digits=12, decimal_places=6)]
app = FastAPI(lifespan=lifespan)


@app.exception_handler(OpenRouterError)
async def tell(_: Request, error: Exception) -> Response:
    """Answer 503 if it passes by itself, else 500: it is no fault of the caller's."""
    assert isinstance(error, OpenRouterError)  # it is registered for these alone
    logger.error("%s", error)
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    status = 503 if error.is_retryable else 500
    return JSONResponse({"error": type(error).__name__}, status, headers)


@app.get("/credits")
async def read_credits(status: Current) -> Response:
    """Tell what is left, and each limit: exact numbers; null is not known."""
    return Response(status.spendable.to_json(), media_type="application/json")


@app.get("/healthz")
async def read_health(status: Current, response: Response) -> dict[str, str]:
    """Answer 503 when nothing can be spent; a low balance is for people to see to."""
    level = status.level()
    response.status_code = 503 if level in (Level.DEPLETED, Level.INVALID) else 200
    return {"level": level}


@app.post("/jobs")
async def start_job(cost: Cost, client: Client) -> dict[str, str]:
    """Start a job, unless it is certain that it cannot be paid for."""
    try:
        await client.require(cost, unknown="allow")
    except InsufficientCreditsError as error:
        detail = f"{format_usd(error.needed)} is more than is left"
        raise HTTPException(402, detail) from None
    return {"job": "started"}
