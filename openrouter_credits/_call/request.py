"""A request under the base URL, as plain data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from attrs import field, frozen

from openrouter_credits._secrets import ApiKey
from openrouter_credits._version import __version__

USER_AGENT = f"openrouter-credits/{__version__}"

_METHOD = re.compile(r"[A-Z]+")
_PATH = re.compile(r"/(?!/)[!-~]*")
_LEADS_ELSEWHERE = re.compile(r"[?#\\]|\.\.|%(2e|2f|5c)", re.IGNORECASE)


@frozen(slots=False)  # faster to make
class Request:
    """One request under the base URL; its `repr` shows neither key nor body."""

    method: str
    target: str
    """The path, and the query if there is one."""
    key: ApiKey
    body: bytes | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """All headers that we add to those of the HTTP library."""
        headers = {"Authorization": self.key.header, "User-Agent": USER_AGENT, "Accept": "application/json"}
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        return headers


def make_request(
    method: str,
    path: str,
    key: ApiKey,
    params: Mapping[str, str | int] | None = None,
    json_body: object = None,
) -> Request:
    """Check the arguments of a call, and make its request.

    Raises:
        ValueError: the path could lead elsewhere than under the base URL, or the body is not JSON.
        TypeError: the body is not JSON.
    """
    if not isinstance(method, str) or not isinstance(path, str):
        raise TypeError("the method and the path are texts")
    method = method.upper()
    if not _METHOD.fullmatch(method):
        raise ValueError("the method is a word such as GET")
    if not _PATH.fullmatch(path) or _LEADS_ELSEWHERE.search(path):
        raise ValueError(
            "the path starts with exactly one / and has no ?, #, .., \\ or blanks; pass a query as params"
        )
    if params is not None and not isinstance(params, Mapping):
        raise TypeError(f"params is a mapping of names to values, not {type(params).__name__}")
    query = urlencode({name: _query_text(value) for name, value in (params or {}).items()})
    body = None if json_body is None else json.dumps(json_body, allow_nan=False).encode()
    return Request(method, f"{path}?{query}" if query else path, key, body)


def _query_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    raise TypeError(f"a query parameter is a str, an int or a bool, not {type(value).__name__}")
