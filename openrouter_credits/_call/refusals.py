"""Makes the error of a refusal: its class, its words, and the facts that its body gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any, TypeVar

from openrouter_credits._call.bodies import CUT, is_large
from openrouter_credits._call.hints import server_hint
from openrouter_credits._call.scalars import to_amount, to_datetime
from openrouter_credits._errors import (
    APIStatusError,
    EdgeRefusedError,
    InvalidResponseError,
    OpenRouterError,
    PermissionDeniedError,
    status_error_class,
)
from openrouter_credits._secrets import ApiKey
from openrouter_credits._words import quote, quote_all

T = TypeVar("T")
Headers = Collection[tuple[str, str]]


def error_inside(
    status: int, headers: Headers, document: dict[str, Any], key: ApiKey | None, wall_clock: datetime | None
) -> OpenRouterError:
    """Make the error that a 2xx has in its body."""
    fault = document["error"]
    if not isinstance(fault, dict):
        fault = {"message": fault}
    if has_code(fault):
        return refusal(status, headers, document, key, wall_clock)
    summary = f"{status}, but the body has an error without a code"
    words = quote(_message(fault), key)
    if not words:
        return InvalidResponseError(summary)
    return InvalidResponseError(
        f"{summary}: {words}", remedy="Read the server's message, then try again later."
    )


def has_code(fault: dict[str, Any]) -> bool:
    """Tell whether an object is the inside of an `error`: it has the status of a refusal as its `code`."""
    return _code(fault) is not None


def _code(fault: dict[str, Any]) -> int | None:
    code = fault.get("code")
    if isinstance(code, str) and re.fullmatch("[0-9]{3}", code):
        code = int(code)
    return code if isinstance(code, int) and 400 <= code <= 599 else None


def refusal(
    status: int, headers: Headers, document: Any, key: ApiKey | None, wall_clock: datetime | None
) -> APIStatusError:
    """Make the error of a refusal; its body is parsed, and of any shape."""
    fault = document.get("error") if isinstance(document, dict) else document
    if not isinstance(fault, dict):
        fault = {"message": fault}
    code, message, metadata = _code(fault), quote(_message(fault), key), fault.get("metadata")
    effective = code if code is not None and 200 <= status < 300 else status
    if not isinstance(metadata, dict) or is_large(metadata):
        metadata = {}
    hint = server_hint(effective, headers, metadata, wall_clock or datetime.now(UTC))
    resets_at = hint.until if hint else None
    if metadata:
        metadata = quote_all(metadata, key)
        for name in metadata.keys() & {"limit_usd", "spend_usd"}:
            metadata[name] = _read(to_amount, metadata[name])
        if effective in {402, 403} or hint is None:
            resets_at = _read(to_datetime, metadata.get("resets_at")) or resets_at
    kind = status_error_class(effective, message, metadata.get("limit_source"))
    if status == 403 and document is not CUT and not _is_openrouters(document, kind):
        kind = EdgeRefusedError
    request_id = next((value for name, value in headers if name.lower() in {"x-request-id", "cf-ray"}), None)
    return kind(
        message,
        status=status,
        code=code,
        metadata=metadata,
        request_id=request_id and quote(request_id, key),
        retry_after=hint.seconds if hint else None,
        resets_at=resets_at,
    )


def _is_openrouters(document: Any, kind: type[APIStatusError]) -> bool:
    """Tell whether OpenRouter wrote a 403: its `error` has a code and a message, or is of a kind we know.

    Errors of `/messages` are in Anthropic's shape: there, a type stands for the code.
    """
    fault = document.get("error") if isinstance(document, dict) else None
    if not isinstance(fault, dict):
        return False
    is_coded = has_code(fault) or (document.get("type") == "error" and isinstance(fault.get("type"), str))
    return (is_coded and isinstance(fault.get("message"), str)) or kind is not PermissionDeniedError


def _message(fault: dict[str, Any]) -> str:
    """Return the words of an error; a ZodError may have them in its `issues` only."""
    message, issues = fault.get("message"), fault.get("issues")
    if message is None and isinstance(issues, list):
        found = [issue.get("message") for issue in issues[:5] if isinstance(issue, dict)]
        message = "; ".join(text for text in found if isinstance(text, str))
    return message if isinstance(message, str) else ""


def _read(read: Callable[[Any, Any], T], value: object) -> T | None:
    """Read an optional fact of an error; `None` if it is not as documented."""
    try:
        return read(value, None)
    except (TypeError, ValueError, OverflowError):
        return None
