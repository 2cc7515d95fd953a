"""One request goes out once; plain data or one of our errors comes back.

No exception of aiohttp leaves this module, and none is chained to ours: theirs hold the key.
"""

from __future__ import annotations

import asyncio
import logging
import math
import warnings
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from typing import TypeVar

import aiohttp
from yarl import URL

from openrouter_credits._call.addresses import Proxy
from openrouter_credits._call.deadlines import MIN_ATTEMPT_TIME, is_for_others, unsent
from openrouter_credits._call.protocol import Reply
from openrouter_credits._call.request import HiddenBuffer, Request
from openrouter_credits._call.session import (
    NO_URL,
    ClientSession,
    Session,
    body_of,
    borrow_session,
    is_accepted,
    of_a_write,
    open_session,
    plain_head,
    translate,
)
from openrouter_credits._errors import (
    ClientClosedError,
    ConfigurationError,
    OpenRouterError,
    ResponseTooLargeError,
)

T = TypeVar("T")

logger = logging.getLogger("openrouter_credits")
logger.addHandler(logging.NullHandler())

_LARGEST_BODY = 1 << 20
_LARGEST_REFUSAL = 1 << 16
_NO_HEAD = Reply(0)
# aiohttp rounds timers over 5 s up to whole seconds, and takes 0 for "none". Ours are exact, so its own are
# off.
_NO_TIMERS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


class Transport:
    """Owns one `aiohttp.ClientSession`, or borrows one; sends one request once."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float,
        max_connections: int,
        session: ClientSession | None,
        proxy: Proxy | None,
    ) -> None:
        self._session: Session | None = None
        if session is not None and not isinstance(session, ClientSession):
            raise TypeError(f"session is an aiohttp.ClientSession, not {type(session).__name__}")
        if not (is_accepted(base_url) and (proxy is None or is_accepted(proxy.url))):
            raise ConfigurationError("aiohttp does not accept the host of base_url or proxy", remedy=NO_URL)
        self.base_url = base_url
        self._timeout = timeout
        self._max_connections = max_connections
        self._borrowed = session
        self._proxy_url = None if proxy is None else proxy.url
        self._proxy_headers = None if proxy is None else proxy.headers
        self._is_closed = False

    async def send(self, request: Request, left: float) -> Reply:
        """Send a request once, and read the whole answer.

        Args:
            request: what to send.
            left: the seconds until the call's deadline. Waiting for a connection is charged to it, but not to
                the time-out of the attempt.

        Raises:
            OpenRouterError: there is no answer; never because of what the answer says.
            ValueError: the request would leave the base URL.
        """
        url = _join(self.base_url, request.target)
        session = self._open_session() or await self._make_session()
        began_at = session.loop.time()
        outcome = await self._exchange(session, request, url, left)
        if logger.isEnabledFor(logging.DEBUG):
            result = outcome.status if isinstance(outcome, Reply) else type(outcome).__name__
            milliseconds = (session.loop.time() - began_at) * 1000
            line = "%s %s key=%s: %s in %.0f ms"
            logger.debug(line, request.method, url.raw_path, request.key, result, milliseconds)
        if isinstance(outcome, Reply):
            return outcome
        raise outcome  # from here, where no local shows what came from aiohttp or the server

    def require_usable(self) -> None:
        """Raise what a call would, if the client is closed, or of another event loop that is running."""
        self._open_session()

    async def sleep(self, seconds: float) -> None:
        """Sleep, unless the client is closed meanwhile.

        Raises:
            ClientClosedError: it was.
        """
        await self.unless_closed(partial(asyncio.sleep, seconds))

    async def unless_closed(self, wait: Callable[[], Awaitable[T]]) -> T:
        """Await what `wait` gives, unless the client is closed meanwhile.

        Raises:
            ClientClosedError: it was.
        """
        session = self._open_session() or await self._make_session()
        try:
            with session.deadlines.at(math.inf):
                return await wait()
        except TimeoutError:
            if not self._is_closed:
                raise
        raise ClientClosedError("The client was closed during the call")

    async def close(self) -> None:
        """End every call under way with `ClientClosedError`, and close the session if it is ours."""
        self._is_closed = True
        session, self._session = self._session, None
        if session is None or session.loop.is_closed():
            return
        session.deadlines.expire_all()
        if session.keeper is not None:
            await session.keeper.aclose()

    def __del__(self) -> None:
        if self._session is not None and self._session.keeper is not None:
            warnings.warn(
                "a CreditsClient was never closed: use `async with`, or await its close()",
                ResourceWarning,
                source=self,
                stacklevel=1,
            )

    def _require_open(self) -> None:
        if self._is_closed:
            raise ClientClosedError("The client is closed")

    def _open_session(self) -> Session | None:
        """Return the session of the running loop; `None` if it has to be made."""
        self._require_open()
        if self._session is None or self._session.loop is asyncio.get_running_loop():
            return self._session
        if not self._session.loop.is_closed():
            raise ConfigurationError(
                "The client belongs to another event loop, which is still running",
                remedy="Make one client for each event loop.",
            )
        self._session = None
        return None

    async def _make_session(self) -> Session:
        if self._borrowed is None:
            self._session = await open_session(self._max_connections)
        else:
            self._session = borrow_session(self._borrowed)
        return self._session

    async def _exchange(
        self, session: Session, request: Request, url: URL, left: float
    ) -> Reply | OpenRouterError:
        now = session.loop.time
        deadline_at = now() + left
        was_queued = session.slots.locked()
        may_be_sent = False
        task, head, body = None, _NO_HEAD, HiddenBuffer()
        largest = _LARGEST_BODY
        # The attempt's time-out begins when it has a slot.
        first_deadline_at = deadline_at if was_queued else min(deadline_at, now() + self._timeout)
        try:
            with session.deadlines.at(first_deadline_at) as deadline:
                task = deadline.task
                await session.slots.acquire()
                try:
                    if was_queued:
                        deadline.move(min(deadline_at, now() + self._timeout))
                    self._require_open()
                    if deadline_at - now() < MIN_ATTEMPT_TIME:
                        raise TimeoutError
                    may_be_sent = True
                    async with session.http.request(
                        request.method,
                        url,
                        data=body_of(request),
                        headers=request.headers,
                        allow_redirects=False,
                        raise_for_status=False,
                        auto_decompress=True,
                        timeout=_NO_TIMERS,
                        proxy=self._proxy_url,
                        proxy_headers=self._proxy_headers,
                    ) as response:
                        if issubclass(type(response), aiohttp.ClientResponse):
                            head = Reply(response.status, response.headers)
                        else:
                            head = Reply(*plain_head(response))
                        if not 200 <= head.status < 300:
                            largest = _LARGEST_REFUSAL
                        content = response.content
                        del response  # it shows its headers, in which a server may echo a key
                        while not content.at_eof() and len(body) <= largest:
                            body += await content.readany()
                finally:
                    session.slots.release()
        except BaseException as problem:  # what a borrowed session has inside may raise anything
            is_ours, task = not is_for_others(problem, task, session.loop), None  # or `problem` would hold it
            if not is_ours:
                raise
            if self._is_closed:
                is_doubtful = request.is_write and may_be_sent
                doubt = "; it is unknown whether the change took place" if is_doubtful else ""
                return ClientClosedError(f"The client was closed during the call{doubt}")
            if head.status == 0 or 200 <= head.status < 300:
                if isinstance(problem, TimeoutError) and not may_be_sent:
                    return unsent(left, was_queued=was_queued)
                error = translate(problem, min(left, self._timeout), session.http, request.key)
                return of_a_write(error, request.secrets) if request.is_write else error
        # A refusal counts even if its body is cut or lost: the status says enough.
        if 200 <= head.status < 300 and len(body) > largest:
            return ResponseTooLargeError(f"{head.status}, but the body is over {largest} bytes")
        return Reply(head.status, head.headers, bytes(body))


@lru_cache(maxsize=256)
def _join(base_url: str, target: str) -> URL:
    """Put a request's target under the base URL, and make sure once more that it stays there.

    Raises:
        ValueError: it would not.
    """
    base, url = URL(base_url), URL(base_url + target)
    if url.origin() != base.origin() or not url.raw_path.startswith(base.raw_path.rstrip("/") + "/"):
        raise ValueError("the path leads away from base_url")
    return url
