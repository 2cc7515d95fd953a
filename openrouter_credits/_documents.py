"""Any public value as JSON: a walker that knows no class of this package but the base of values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from json.encoder import encode_basestring_ascii
from typing import Any

import attrs

from openrouter_credits._masking import scrub

SCHEMA_VERSION = 2
"""Increases if a field changes its meaning or is removed; new fields do not increase it."""


class Value:
    """A public value, which can be written as JSON."""

    __slots__ = ()

    def to_json(self, indent: int | None = None) -> str:
        """Write the value as a JSON object, in one line or indented by this number of blanks.

        Amounts are exact numbers without exponent, times are ISO 8601 in UTC, and `null` is unknown, not 0.
        An error is an object with its type, HTTP status, message and remedy. The text is ASCII, and what
        looks like a key is masked, and half of a surrogate pair is U+FFFD. `extra` is left out.
        """
        return write(layout(self), indent)

    def _layout(self) -> dict[str, Any]:
        """Return the content of the JSON object: the fields, unless a class says otherwise."""
        kind: Any = type(self)  # each of them is a class of attrs
        return {
            field.name: getattr(self, field.name) for field in attrs.fields(kind) if field.name != "extra"
        }


def layout(value: Value, **thresholds: Any) -> dict[str, Any]:
    """Return the content of a value's JSON object; `thresholds` are those of its `to_json`."""
    return value._layout(**thresholds)  # noqa: SLF001 - the class is of this file


def write(content: dict[str, Any], indent: int | None = None) -> str:
    """Write an object as JSON, with `schema_version` before all else; no character of it steers a terminal.

    Raises:
        TypeError: JSON has no values of this type; a key is one of them. Or `indent` is not a number.
        ValueError: a number is infinite or NaN, or a time is naive.
    """
    if not isinstance(indent, int | None):
        raise TypeError(f"indent is a number of blanks, not {type(indent).__name__}")
    line = "" if indent is None else "\n"
    text = _object({"schema_version": SCHEMA_VERSION, **content}, line, " " * (indent or 0))
    return text.replace("\x7f", "\\u007f")  # the one control character that is not escaped so far


def as_written(errors: Value | tuple[Value, ...] | None) -> str:
    """Return what fields with errors are compared by: an exception equals only itself, not even its copy."""
    return _json(errors, "", "")


# These take the line break before the value with the indentation there, or "" for no line breaks, and the
# blanks by which the content of the value is indented further.


def _json(value: Any, line: str, step: str) -> str:
    write_scalar = _SCALARS.get(type(value))
    if write_scalar is not None:
        return write_scalar(value)
    match value:
        case Value():
            return _object(layout(value), line, step)
        case dict():
            return _object(value, line, step)
        case tuple() | list():
            return _enclosed("[]", [_json(item, line + step, step) for item in value], line, step)
        case _:
            return _subclass(value)


def _object(content: dict[str, Any], line: str, step: str) -> str:
    inner = line + step
    parts = [f"{_text(name)}: {_json(item, inner, step)}" for name, item in content.items()]
    return _enclosed("{}", parts, line, step)


def _enclosed(brackets: str, parts: list[str], line: str, step: str) -> str:
    if not parts:
        return brackets
    inner = line + step
    between = f",{inner}" if line else ", "
    return f"{brackets[0]}{inner}{between.join(parts)}{line}{brackets[1]}"


def _text(text: str) -> str:
    written = encode_basestring_ascii(scrub(text))
    return encode_basestring_ascii(_paired(scrub(text))) if "\\ud" in written else written


def _paired(text: str) -> str:
    """Replace each half of a surrogate pair; jq and orjson refuse a document with one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _number(amount: Decimal) -> str:
    if not amount.is_finite():
        raise ValueError("JSON has finite numbers only")
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _seconds(number: float) -> str:
    return _number(Decimal(repr(number)))


def _moment(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("an aware datetime is needed, such as datetime.now(UTC)")
    return f'"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"'


_SCALARS: dict[type, Callable[[Any], str]] = {
    str: _text,
    type(None): lambda _: "null",
    Decimal: _number,
    bool: lambda value: "true" if value else "false",
    datetime: _moment,
    date: lambda day: f'"{day.isoformat()}"',
    int: str,
    float: _seconds,
}


def _subclass(value: Any) -> str:
    """Write a value of a subclass, such as a `Level`, as its base class is written."""
    for base, write_scalar in _SCALARS.items():
        if isinstance(value, base):
            return write_scalar(value)
    raise TypeError(f"{type(value).__name__} is not JSON serializable")
