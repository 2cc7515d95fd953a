"""A request under the base URL, as plain data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from attrs import field, frozen

from openrouter_credits._masking import scrub
from openrouter_credits._secrets import ApiKey
from openrouter_credits._version import __version__

USER_AGENT = f"openrouter-credits/{__version__}"

_VISIBLE = re.compile(r"[!-~]+")
_IN_URL = re.compile(r"://|[?&#]")
_ID = re.compile(r"[A-Za-z0-9._~:-]{1,200}")
_METHOD = re.compile(r"[A-Z]+")
_PATH = re.compile(r"/(?!/)[!-~]*")
_LEADS_ELSEWHERE = re.compile(r"[?#\\]|\.\.|%(2e|2f|5c)", re.IGNORECASE)


class HiddenText(str):
    """A secret that is no API key: used as it is, shown masked.

    rich takes a slice of a long text before it asks for its `repr`.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __getitem__(self, _: object) -> str:
        return "***"


class HiddenBody(bytes):
    """The body of a request: sent as it is, shown masked, since it may hold a secret."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'***'"


class HiddenBuffer(bytearray):
    """The part of an answer's body that has come: shown masked, since a new key may be in it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "bytearray(b'***')"


@frozen(slots=False)  # faster to make
class Request:
    """One request under the base URL; its `repr` shows neither key nor body."""

    method: str
    target: str
    """The path, and the query if there is one."""
    key: ApiKey | None
    """The key that it carries; `None` for a request that needs none."""
    body: bytes | None = field(default=None, repr=False)
    safe: bool | None = field(default=None, repr=False)
    """Whether it only reads; `None`: a GET does, and no other method."""
    secrets: tuple[HiddenText, ...] = field(default=(), repr=False)
    """Texts in the body that no error may quote."""

    @property
    def is_write(self) -> bool:
        """Whether it may change something, so that it must not be sent twice."""
        return self.method != "GET" if self.safe is None else not self.safe

    @property
    def headers(self) -> dict[str, str]:
        """All headers that we add to those of the HTTP library."""
        headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
        if self.key is not None:
            headers["Authorization"] = self.key.header
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        return headers


def make_request(
    method: str,
    path: str,
    key: ApiKey | None,
    params: Mapping[str, str | int] | None = None,
    json_body: object = None,
    *,
    safe: bool | None = None,
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
    if not isinstance(safe, bool | None):
        raise TypeError(f"safe is True, False or None, not {type(safe).__name__}")
    query = urlencode({name: _query_text(value) for name, value in (params or {}).items()})
    body = None if json_body is None else _body(json_body)
    return Request(method, f"{path}?{query}" if query else path, key, body, safe)


def generation_request(generation_id: object) -> Request | TypeError | ValueError:
    """Make the request for what a generation cost, so far without a key.

    An error is returned, since a key may have been given.
    """
    if not isinstance(generation_id, str):
        return TypeError(f"the id of a generation is a str, not {type(generation_id).__name__}")
    if not _ID.fullmatch(generation_id) or scrub(generation_id) != generation_id:
        return ValueError(
            "the id of a generation is the id of an answer, such as gen-1758..., without blanks, / and ?"
        )
    return Request("GET", f"/generation?id={generation_id}", None)


def exchange_request(
    code: object, code_verifier: object, code_challenge_method: object
) -> Request | TypeError | ValueError:
    """Make the request that exchanges a code for a key; an error is returned, and quotes neither secret."""
    for name, text in (("code", code), ("code_verifier", code_verifier)):
        if not isinstance(text, str) and not (text is None and name == "code_verifier"):
            return TypeError(f"{name} is a str, not {type(text).__name__}")
        if text is not None and not _VISIBLE.fullmatch(text):
            return ValueError(f"{name} is blank, or has characters that no {name} has")
    if isinstance(code, str) and _IN_URL.search(code):
        return ValueError(
            "code is the text after code= in the address of the callback, not the whole address"
        )
    if code_challenge_method not in (None, "S256", "plain"):
        return ValueError('code_challenge_method is "S256" or "plain"')
    fields = {
        "code": code,
        "code_verifier": code_verifier,
        "code_challenge_method": code_challenge_method,
    }
    body = _body({name: value for name, value in fields.items() if value is not None})
    secrets = tuple([HiddenText(text) for text in (code, code_verifier) if text is not None])
    return Request("POST", "/auth/keys", None, body, secrets=secrets)


def _body(document: object) -> HiddenBody:
    return HiddenBody(json.dumps(document, allow_nan=False).encode())


def _query_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    raise TypeError(f"a query parameter is a str, an int or a bool, not {type(value).__name__}")
