"""The meaning of an answer's bytes, without I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from attrs import field, frozen
from cattrs.errors import StructureHandlerNotFoundError

from openrouter_credits._call.bodies import (
    CUT,
    MOST_ELEMENTS,
    has_too_many_elements,
    is_large,
    is_too_deep,
    parse_json,
    parse_refusal,
    plain_document,
)
from openrouter_credits._call.hints import server_hint
from openrouter_credits._call.scalars import to_amount, to_datetime
from openrouter_credits._call.structure import converter, describe, without_keys
from openrouter_credits._errors import (
    APIStatusError,
    EdgeRefusedError,
    InvalidResponseError,
    OpenRouterError,
    PermissionDeniedError,
    status_error_class,
)
from openrouter_credits._public import public
from openrouter_credits._secrets import ApiKey
from openrouter_credits._words import quote, quote_all

T = TypeVar("T")
Headers = Collection[tuple[str, str]]


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
        try:
            raise outcome  # from here, where no local shows what the server sent
        finally:
            del outcome  # its traceback holds this frame
    return outcome


def _decode(
    reply: Reply, into: type[T], key: ApiKey | None, wall_clock: datetime | None, *, whole: bool
) -> T | OpenRouterError:
    if not 200 <= reply.status < 300:
        document = parse_refusal(reply.body)
        return _refusal(reply.status, reply.headers.items(), document, key, wall_clock)
    if not whole and has_too_many_elements(reply.body):
        problem = f"has over {MOST_ELEMENTS} elements, or is nested too deeply"
        return InvalidResponseError(f"{reply.status}, but the body {problem}")
    try:
        document = parse_json(reply.body)
    except InvalidResponseError as error:
        return error
    if isinstance(document, dict) and document.get("error") is not None:
        return _error_inside(reply.status, reply.headers.items(), document, key, wall_clock)
    if not whole:
        if not isinstance(document, dict) or "data" not in document:
            return InvalidResponseError(f"{reply.status}, but the body has no data")
        if is_too_deep(document, reply.body):
            return InvalidResponseError(f"{reply.status}, but the body is nested too deeply")
        document = document["data"]
    try:
        if not whole:  # a caller's own class may be there to receive a new key
            document = without_keys(document, reply.body, key)
        return converter.structure(document, into)
    except Exception as error:  # noqa: BLE001 - a caller's own classes may raise anything from inside
        path = "$" if whole else "$.data"
        return InvalidResponseError(f"{reply.status}, but {quote(describe(error, path), key)}")


def error_from_response(
    status: int,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None,
    body: bytes | str | Mapping[str, Any] | None,
) -> OpenRouterError:
    """Make the error that an answer of OpenRouter is, such as a refusal of `/chat/completions`.

    It is returned, not raised, and quotes neither keys nor control characters.

    Args:
        status: the HTTP status.
        headers: the answer's headers, a mapping or pairs: they may say when to come back.
        body: the body as it came, or parsed. A body that is no error of OpenRouter counts as empty.

    Raises:
        TypeError: the status is not a whole number, or the headers are neither a mapping nor pairs.
        ValueError: the answer is no error: a status below 200, or 2xx without an `error` in the body.
    """
    pairs = _pairs(headers)
    problem = None
    if not isinstance(status, int) or isinstance(status, bool):
        problem = f"status is a whole number, not {type(status).__name__}"
    elif pairs is None:
        problem = f"headers are a mapping or pairs of texts, not {type(headers).__name__}"
    if problem is not None or pairs is None:
        del headers, pairs, body  # locals are shown by many error reporters
        raise TypeError(problem)
    if status >= 300:
        return _refusal(status, pairs, plain_document(body, parse_refusal), None, None)
    document = plain_document(body, parse_json)
    if status >= 200 and isinstance(document, dict) and document.get("error") is not None:
        return _error_inside(status, pairs, document, None, None)
    del headers, pairs, body, document  # an error reporter would show them
    raise ValueError(f"an answer with the status {status} and without an error in its body is no error")


def _pairs(headers: Any) -> list[tuple[str, str]] | None:
    """Return headers as pairs, whatever a caller has; `None` if they are none."""
    try:
        items = headers.items() if hasattr(headers, "items") else headers or ()
        return [(_header_text(name), _header_text(value)) for name, value in items]
    except Exception:  # noqa: BLE001 - a caller's objects may raise anything when they are read
        return None


def _header_text(part: object) -> str:
    return part.decode("latin-1") if isinstance(part, bytes) else str(part)


def _error_inside(
    status: int, headers: Headers, document: dict[str, Any], key: ApiKey | None, wall_clock: datetime | None
) -> OpenRouterError:
    """Make the error that a 2xx has in its body."""
    fault = document["error"]
    if isinstance(fault, dict) and _code(fault) is not None:
        return _refusal(status, headers, document, key, wall_clock)
    return InvalidResponseError(f"{status}, but the body has an error without a code")


def _code(fault: dict[str, Any]) -> int | None:
    code = fault.get("code")
    if isinstance(code, str) and re.fullmatch("[0-9]{3}", code):
        code = int(code)
    return code if isinstance(code, int) and 400 <= code <= 599 else None


def _refusal(
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
    """Tell whether OpenRouter wrote a 403: its `error` has a code and a message, or is of a kind we know."""
    fault = document.get("error") if isinstance(document, dict) else None
    if not isinstance(fault, dict):
        return False
    has_both = _code(fault) is not None and isinstance(fault.get("message"), str)
    return has_both or kind is not PermissionDeniedError


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


public(error_from_response)
