"""Calls: each is tried as the policy says, sent by the transport, and decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from openrouter_credits._call.gate import Gate
from openrouter_credits._call.protocol import decode
from openrouter_credits._call.request import Request
from openrouter_credits._call.retry import RetryPolicy, retry
from openrouter_credits._call.transport import Transport
from openrouter_credits._errors import ClientClosedError, OpenRouterError
from openrouter_credits._secrets import ApiKey

T = TypeVar("T")


class Caller:
    """Makes the calls of one client, and of those that share its connections. All times are in seconds."""

    def __init__(self, transport: Transport, policy: RetryPolicy) -> None:
        self._transport = transport
        self.policy = policy

    @property
    def base_url(self) -> str:
        """The address below which all requests go."""
        return self._transport.base_url

    def deadline_at(self) -> float:
        """Return when a call that begins now must have ended, by the running event loop's clock."""
        return asyncio.get_running_loop().time() + self.policy.deadline

    # `get` and `call` are plain functions that return a coroutine: one coroutine more would be resumed at
    # every step.
    def get(
        self,
        path: str,
        into: type[T],
        key: ApiKey,
        *,
        deadline_at: float | None = None,
        gate: Gate | None = None,
        clock: Callable[[], float] | None = None,
    ) -> Coroutine[Any, Any, T]:
        """Read the `data` of what a path answers to a key."""
        request = Request("GET", path, key)
        return self.call(request, into, deadline_at=deadline_at, gate=gate, clock=clock)

    def call(
        self,
        request: Request,
        into: type[T],
        *,
        deadline_at: float | None = None,
        gate: Gate | None = None,
        clock: Callable[[], float] | None = None,
        whole: bool = False,
        most: int | None = None,
        absent_until: float | None = None,
    ) -> Coroutine[Any, Any, T]:
        """Send a request until it is answered, or until the policy gives up.

        Args:
            request: what to send.
            into: what the body's `data` is structured into.
            deadline_at: when the call must have ended, by the event loop's clock; by default as the policy
                says.
            gate: asked before each try; see `retry`.
            clock: what the deadline is measured by; by default the event loop's.
            whole: structure the whole body instead of its `data`.
            most: the most elements that the body may have; see `decode`.
            absent_until: until then a 404 is tried again, by the event loop's clock.

        Raises:
            OpenRouterError: the last error.
        """
        transport = self._transport

        async def attempt(left: float) -> T:
            return decode(
                await transport.send(request, left),
                into,
                key=request.key,
                secrets=request.secrets,
                whole=whole,
                most=most,
            )

        return retry(
            attempt,
            self.policy,
            is_write=request.is_write,
            deadline_at=deadline_at,
            gate=gate,
            clock=clock,
            absent_until=absent_until,
            sleep=transport.sleep,
        )

    async def read(self, path: str, into: type[T], key: ApiKey, deadline_at: float) -> T | OpenRouterError:
        """Read as `get` does, and return a fault as a value.

        Raises:
            ClientClosedError: the client was closed, so that nothing that follows makes sense.
        """
        try:
            return await self.get(path, into, key, deadline_at=deadline_at)
        except ClientClosedError:
            raise
        except OpenRouterError as error:
            return error.with_traceback(None)  # a value; its frames would only keep memory alive

    def require_usable(self) -> None:
        """Accept no closed client, and no call from another event loop while the client's own runs.

        Raises:
            ClientClosedError: the client was closed.
            ConfigurationError: it belongs to another event loop, which is still running.
        """
        self._transport.require_usable()

    async def sleep(self, seconds: float) -> None:
        """Sleep, unless the client is closed meanwhile.

        Raises:
            ClientClosedError: it was.
        """
        await self._transport.sleep(seconds)

    async def unless_closed(self, wait: Callable[[], Awaitable[T]]) -> T:
        """Await what `wait` gives, unless the client is closed meanwhile.

        Raises:
            ClientClosedError: it was.
        """
        return await self._transport.unless_closed(wait)

    async def close(self) -> None:
        """End every call under way with `ClientClosedError`, and close the session if it is ours."""
        await self._transport.close()
