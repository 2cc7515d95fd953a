"""The meaning of an answer's bytes, without I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

from attrs import field, frozen
from cattrs.errors import StructureHandlerNotFoundError

from openrouter_credits._call.hints import server_hint
from openrouter_credits._call.structure import converter, describe
from openrouter_credits._errors import (
    APIStatusError,
    InvalidResponseError,
    OpenRouterError,
    status_error_class,
)
from openrouter_credits._secrets import ApiKey
from openrouter_credits._words import quote, quote_all

T = TypeVar("T")


@frozen(slots=False)  # faster to make
class Reply:
    """A whole answer as plain data."""

    status: int
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    """Their names in any case; a name may come more than once in `items()`."""
    body: bytes = field(default=b"", repr=False)


def require_structurable(into: object) -> None:
    """Accept a type that cattrs can structure; to be called before anything is sent.

    Raises:
        TypeError: cattrs does not know how to structure the type.
    """
    try:
        converter.get_structure_hook(into)
    except StructureHandlerNotFoundError:
        raise TypeError(f"cattrs cannot structure JSON into {into!r}") from None


def decode(
    reply: Reply,
    into: type[T],
    *,
    key: ApiKey | None = None,
    whole: bool = False,
    wall_clock: datetime | None = None,
) -> T:
    """Turn an answer into a value, or raise the error that it is.

    Args:
        reply: the answer.
        into: what the body's `data` is structured into.
        key: the key to scrub from whatever is quoted.
        whole: structure the whole body instead of its `data`.
        wall_clock: the time (UTC) that hints are measured from if the answer has no `Date`.

    Raises:
        APIStatusError: the server refused, with a status or inside a 200.
        InvalidResponseError: the answer is not as documented.
    """
    outcome = _decode(reply, into, key, wall_clock, whole=whole)
    if isinstance(outcome, OpenRouterError):
        raise outcome  # from here, where no local shows what the server sent
    return outcome


def _decode(
    reply: Reply, into: type[T], key: ApiKey | None, wall_clock: datetime | None, *, whole: bool
) -> T | OpenRouterError:
    if not 200 <= reply.status < 300:
        return _refusal(reply, _error_object(reply.body), key, wall_clock)
    try:
        document = parse_json(reply.body)
    except InvalidResponseError as error:
        return error
    if isinstance(document, dict) and (fault := document.get("error")) is not None:
        if isinstance(fault, dict) and _code(fault) is not None:
            return _refusal(reply, fault, key, wall_clock)
        return InvalidResponseError(f"{reply.status}, but the body has an error without a code")
    if not whole:
        if not isinstance(document, dict) or "data" not in document:
            return InvalidResponseError(f"{reply.status}, but the body has no data")
        document = document["data"]
    try:
        return converter.structure(document, into)
    except Exception as error:  # noqa: BLE001 - a caller's own classes may raise anything from inside
        return InvalidResponseError(
            f"{reply.status}, but {quote(describe(error, '$' if whole else '$.data'), key)}"
        )


def _reject_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


# Decimal reads a number exactly, whatever the context. A number that it cannot hold is an error, or NaN.
_parse = json.JSONDecoder(parse_float=Decimal, parse_constant=_reject_constant).decode


def parse_json(body: bytes) -> Any:
    """Parse a body strictly: UTF-8, no NaN, exact numbers.

    Raises:
        InvalidResponseError: not JSON; retryable if a cut or garbled transfer may be the reason.
    """
    try:
        return _parse(body.decode())
    except UnicodeDecodeError:
        problem, is_retryable = "is not UTF-8", True
    except json.JSONDecodeError:
        problem, is_retryable = _not_json(body.strip())
    except RecursionError:
        problem, is_retryable = "is nested too deeply", False
    except (ValueError, ArithmeticError):
        problem, is_retryable = "has a number that JSON does not allow, or too many digits", False
    raise InvalidResponseError(f"The answer's body {problem}", is_retryable=is_retryable)


def _not_json(body: bytes) -> tuple[str, bool]:
    """Tell what a body is that is not JSON, and whether it may be the rest of a cut one."""
    if not body:
        return "is empty", True
    if body[:1] == b"<" and body[-7:].lower() == b"</html>":
        return "is an HTML page", False
    return "is not JSON, or was cut", True


def _error_object(body: bytes) -> dict[str, Any]:
    """Find the documented `error` object in the body of a refusal; anything else counts as empty."""
    try:
        document = parse_json(body)
    except InvalidResponseError:
        return {}
    fault = document.get("error") if isinstance(document, dict) else None
    if isinstance(fault, str):
        return {"message": fault}
    return fault if isinstance(fault, dict) else {}


def _code(fault: dict[str, Any]) -> int | None:
    code = fault.get("code")
    if isinstance(code, str) and re.fullmatch("[0-9]{3}", code):
        code = int(code)
    return code if isinstance(code, int) and 400 <= code <= 599 else None


def _refusal(
    reply: Reply, fault: dict[str, Any], key: ApiKey | None, wall_clock: datetime | None
) -> APIStatusError:
    code, message, metadata = _code(fault), fault.get("message"), fault.get("metadata")
    status = code if code is not None and 200 <= reply.status < 300 else reply.status
    message = quote(message, key) if isinstance(message, str) else ""
    metadata = metadata if isinstance(metadata, dict) else {}
    headers = reply.headers.items()
    hint = server_hint(status, headers, metadata, wall_clock or datetime.now(UTC))
    request_id = next((value for name, value in headers if name.lower() in {"x-request-id", "cf-ray"}), None)
    return status_error_class(status, message)(
        message,
        status=reply.status,
        code=code,
        metadata=quote_all(metadata, key),
        request_id=request_id and quote(request_id, key),
        retry_after=hint.seconds if hint else None,
        resets_at=hint.until if hint else None,
    )
