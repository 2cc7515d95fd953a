"""The JSON of a body: parsed strictly, with exact numbers, and never at any cost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Final, NoReturn

from openrouter_credits._errors import InvalidResponseError

MOST_ELEMENTS = 4000
"""The most elements (commas, colons, opening brackets) of one object of OpenRouter, such as `/key` gives.

The largest answer on record, a key with budgets, has 127; this is room for two hundred budgets.
"""
MOST_DEPTH = 20
"""The most lists and objects inside one another, in the body of one object of OpenRouter; `/key` has four.

So whatever is made of it can be copied, pickled and taken apart within Python's own limit of recursion.
"""
CUT: Final[dict[str, Any]] = {"error": {}}
"""Stands for the body of a refusal that is JSON without its end."""
_NO_API = (
    "Check base_url (OpenRouter's own is https://openrouter.ai/api/v1); if it is right, this network may "
    "want a sign-in first: open any page in a browser."
)
_ELEMENTS = b",:[{"
_LARGEST_REFUSAL = 1 << 16
_PAGE = re.compile(rb"\s*<.*</html>\s*", re.DOTALL | re.IGNORECASE)
_EDGE_CODE = re.compile(r"error code: [0-9]{3,5}", re.IGNORECASE)


def _reject_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


# Decimal reads a number exactly, whatever the context. A number that it cannot hold is an error, or NaN.
_parse = json.JSONDecoder(parse_float=Decimal, parse_constant=_reject_constant).decode


def parse_json(body: bytes) -> Any:
    """Parse a body strictly: UTF-8, no NaN, exact numbers.

    Raises:
        InvalidResponseError: not JSON; retryable if a cut or garbled transfer may be the reason.
    """
    remedy = None
    try:
        return _parse(body.decode())
    except UnicodeDecodeError:
        problem, is_retryable = "is not UTF-8", True
    except json.JSONDecodeError:
        problem, is_retryable = "is not JSON, or was cut", True
        if not body.strip():
            problem = "is empty"
        elif _PAGE.fullmatch(body):
            problem, is_retryable, remedy = "is an HTML page", False, _NO_API
    except RecursionError:
        problem, is_retryable = "is nested too deeply", False
    except (ValueError, ArithmeticError):
        problem, is_retryable = "has a number that JSON does not allow, or too many digits", False
    raise InvalidResponseError(f"The answer's body {problem}", is_retryable=is_retryable, remedy=remedy)


def parse_refusal(body: bytes) -> Any:
    """Parse the body of a refusal: `None` if it is not JSON, and `CUT` if JSON was cut."""
    try:
        return parse_json(body[:_LARGEST_REFUSAL])
    except InvalidResponseError:
        if body.lstrip()[:1] == b"{":
            return CUT
        text = body[:100].decode("ascii", "replace").strip()
        return text if _EDGE_CODE.fullmatch(text) else None


def plain_document(body: object, parse: Callable[[bytes], Any]) -> Any:
    """Return a body as parsed JSON, whatever a caller has; `None` if it is none."""
    try:
        if isinstance(body, Mapping):
            # Through a text: what comes out is plain data, with exact numbers and without NaN.
            text = json.dumps(dict(body), default=str, skipkeys=True)
            return json.loads(text, parse_float=Decimal, parse_constant=lambda _: None)
        if isinstance(body, str):
            body = body.encode(errors="replace")
        return parse(bytes(body)) if isinstance(body, bytes | bytearray | memoryview) else None
    except Exception:  # noqa: BLE001 - a caller's objects may raise anything when they are written as JSON
        return None


def has_too_many_elements(body: bytes, most: int) -> bool:
    """Tell, without parsing it, whether a body has more than `most` elements."""
    return len(body) > most and len(body) - len(body.translate(None, _ELEMENTS)) > most


def is_too_deep(document: Any, body: bytes) -> bool:
    """Tell whether lists and objects are nested deeper than `MOST_DEPTH`; `body` is the document's text."""
    if body.count(b"{") + body.count(b"[") <= MOST_DEPTH:
        return False
    level = [document]
    for _ in range(MOST_DEPTH + 1):
        level = [item for item in level if isinstance(item, dict | list)]
        if not level:
            return False
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return True


def is_large(value: Any) -> bool:
    """Tell whether a JSON value has more than `MOST_ELEMENTS` elements, at any depth."""
    rest, count = [value], 0
    while rest and count <= MOST_ELEMENTS:
        item = rest.pop()
        if isinstance(item, dict | list):
            count += len(item)
            rest.extend(item.values() if isinstance(item, dict) else item)
    return count > MOST_ELEMENTS


def hide(value: Any, secrets: Collection[str], depth: int = MOST_DEPTH) -> Any:
    """Replace secrets by `***` in every text and name of a JSON value, and cut what is nested too deeply."""
    if not secrets or value is CUT:
        return value
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
        return value
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return None
    if isinstance(value, list):
        return [hide(item, secrets, depth - 1) for item in value]
    return {hide(name, secrets): hide(item, secrets, depth - 1) for name, item in value.items()}
