"""The meaning of an answer's bytes, without I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from attrs import field, frozen
from cattrs.errors import StructureHandlerNotFoundError

from openrouter_credits._call.bodies import (
    MOST_ELEMENTS,
    has_too_many_elements,
    hide,
    is_too_deep,
    parse_json,
    parse_refusal,
    plain_document,
)
from openrouter_credits._call.refusals import error_inside, has_code, refusal
from openrouter_credits._call.structure import converter, describe, without_keys
from openrouter_credits._errors import InvalidResponseError, OpenRouterError
from openrouter_credits._public import public
from openrouter_credits._secrets import ApiKey, parse_key
from openrouter_credits._words import SHORTEST_SECRET, quote

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
    secrets: Collection[str] = (),
    whole: bool = False,
    most: int | None = None,
    wall_clock: datetime | None = None,
) -> T:
    """Turn an answer into a value, or raise the error that it is.

    Args:
        reply: the answer.
        into: what the body's `data` is structured into.
        key: the key to scrub from whatever is quoted.
        secrets: other texts to scrub from it; their `repr` is masked.
        whole: structure the whole body instead of its `data`.
        most: the most elements that the body may have, by default `MOST_ELEMENTS` with `data`. Keys in such a
            body are masked; its depth is limited, too. By default neither is done to a whole body, which may
            be for a class of a caller's own.
        wall_clock: the time (UTC) that hints are measured from if the answer has no `Date`.

    Raises:
        APIStatusError: the server refused, with a status or inside a 200.
        InvalidResponseError: the answer is not as documented.
    """
    if most is None and not whole:
        most = MOST_ELEMENTS
    outcome = _decode(reply, into, key, secrets, wall_clock, whole=whole, most=most)
    if isinstance(outcome, OpenRouterError):
        try:
            raise outcome  # from here, where no local shows what the server sent
        finally:
            del outcome  # its traceback holds this frame
    return outcome


def _decode(
    reply: Reply,
    into: type[T],
    key: ApiKey | None,
    secrets: Collection[str],
    wall_clock: datetime | None,
    *,
    whole: bool,
    most: int | None,
) -> T | OpenRouterError:
    if not 200 <= reply.status < 300:
        document = parse_refusal(reply.body)
        secrets = _with_new_key(secrets, document)
        document = hide(document, secrets)
        return refusal(reply.status, _headers(reply, secrets), document, key, wall_clock)
    if most is not None and has_too_many_elements(reply.body, most):
        problem = f"has over {most} elements, or is nested too deeply"
        return InvalidResponseError(f"{reply.status}, but the body {problem}")
    try:
        document = parse_json(reply.body)
    except InvalidResponseError as error:
        return error
    if isinstance(document, dict) and document.get("error") is not None:
        secrets = _with_new_key(secrets, document)
        document = hide(document, secrets)
        return error_inside(reply.status, _headers(reply, secrets), document, key, wall_clock)
    if not whole and (not isinstance(document, dict) or "data" not in document):
        return InvalidResponseError(f"{reply.status}, but the body has no data")
    if most is not None and is_too_deep(document, reply.body):
        return InvalidResponseError(f"{reply.status}, but the body is nested too deeply")
    if not whole:
        document = document["data"]
    try:
        if most is not None:  # a caller's own class may be there to receive a new key
            document = without_keys(document, reply.body, key, is_whole=whole)
        return converter.structure(document, into)
    except Exception as error:  # noqa: BLE001 - a caller's own classes may raise anything from inside
        path = "$" if whole else "$.data"
        return InvalidResponseError(f"{reply.status}, but {quote(describe(error, path), key)}")


def _with_new_key(secrets: Collection[str], document: Any) -> Collection[str]:
    """Add the `key` of an error's body: it is a key that was made in spite of the error."""
    new = parse_key(document.get("key")) if isinstance(document, dict) else None
    if isinstance(new, ApiKey) and len(new.reveal()) >= SHORTEST_SECRET:
        return (*secrets, new.reveal())
    return secrets


def _headers(reply: Reply, secrets: Collection[str]) -> Collection[tuple[str, str]]:
    headers = reply.headers.items()
    return [(name, hide(value, secrets)) for name, value in headers] if secrets else headers


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
        body: the body as it came, or parsed; or only the object inside its `error`, as the `body` of the
            OpenAI SDK's errors has it. A body that is no error of OpenRouter counts as empty.

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
        document = _with_error(plain_document(body, parse_refusal))
        return refusal(status, pairs, document, None, None)
    document = plain_document(body, parse_json)
    if isinstance(document, dict) and has_code(document):
        document = _with_error(document)
    if status >= 200 and isinstance(document, dict) and document.get("error") is not None:
        return error_inside(status, pairs, document, None, None)
    del headers, pairs, body, document  # an error reporter would show them
    raise ValueError(f"an answer with the status {status} and without an error in its body is no error")


def _with_error(document: Any) -> Any:
    """Return a whole body if it is only the object inside its `error`: that has a `message`."""
    is_inside = (
        isinstance(document, dict) and "error" not in document and isinstance(document.get("message"), str)
    )
    return {"error": document} if is_inside else document


def _pairs(headers: Any) -> list[tuple[str, str]] | None:
    """Return headers as pairs, whatever a caller has; `None` if they are none."""
    try:
        items = headers.items() if hasattr(headers, "items") else headers or ()
        return [(_header_text(name), _header_text(value)) for name, value in items]
    except Exception:  # noqa: BLE001 - a caller's objects may raise anything when they are read
        return None


def _header_text(part: object) -> str:
    return part.decode("latin-1") if isinstance(part, bytes) else str(part)


public(error_from_response)
