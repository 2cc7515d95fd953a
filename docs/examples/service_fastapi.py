"""A service that tells its balance, and refuses work that it could not pay for.

Set OPENROUTER_API_KEY and OPENROUTER_MANAGEMENT_KEY, then: uvicorn service_fastapi:app
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from decimal import Decimal
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from openrouter_credits import CreditsClient, KeyStatus, Level, OpenRouterError

logger = logging.getLogger(__name__)


class Balance:
    """The status of the service's key, at most a minute old, as OpenRouter's own is."""

    def __init__(self, client: CreditsClient) -> None:
        self._client = client
        self._reading = asyncio.Lock()  # who asks meanwhile waits for the same answer
        self._said: KeyStatus | OpenRouterError | None = None
        self._good_until = 0.0

    async def status(self) -> KeyStatus:
        """Return it, read anew if need be.

        Raises:
            OpenRouterError: it could not be read, now or up to five seconds ago.
        """
        async with self._reading:
            if self._said is None or time.monotonic() > self._good_until:
                try:
                    self._said, age = await self._client.status(), 60
                except OpenRouterError as error:
                    self._said, age = error, 5
                self._good_until = time.monotonic() + age
        if isinstance(self._said, OpenRouterError):
            raise copy(self._said)
        return self._said


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open one client for the life of the process."""
    async with CreditsClient() as client:
        app.state.balance = Balance(client)
        yield


async def current(request: Request) -> KeyStatus:
    """Give an endpoint the status."""
    balance: Balance = request.app.state.balance
    return await balance.status()


Current = Annotated[KeyStatus, Depends(current)]
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
async def start_job(cost: Decimal, status: Current) -> dict[str, str]:
    """Start a job, unless it is certain that it cannot be paid for."""
    if status.spendable.covers(cost) is False:  # None: what is not known decides
        raise HTTPException(402, status.explain())
    return {"job": "started"}
