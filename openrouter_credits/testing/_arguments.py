"""Arguments of tests, checked; an error names the argument and says which values it takes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

from attrs import Attribute

from openrouter_credits import ApiKey, InvalidKeyError

Validator = Callable[[Any, "Attribute[Any]", Any], None]
Check: TypeAlias = Callable[[str, Any], object]


def require_number(name: str, value: object, *, unit: str = "seconds", zero: bool = False) -> None:
    """Accept a finite number above 0; 0 itself only if `zero` says so.

    Raises:
        TypeError: not a number.
        ValueError: negative, infinite or NaN, or a zero that makes no sense.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a number of {unit}, not {type(value).__name__}")
    if not (0 <= value <= sys.float_info.max and (value or zero)):
        raise ValueError(f"{name} is a finite number of {unit} {'from' if zero else 'above'} 0, not {value}")


def require_whole(name: str, value: object, lowest: int, highest: int | None = None) -> None:
    """Accept a whole number from `lowest` to `highest`.

    Raises:
        TypeError: not a whole number.
        ValueError: below or above.
    """
    numbers = f"from {lowest}" if highest is None else f"from {lowest} to {highest}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number {numbers}, not {type(value).__name__}")
    if value < lowest or (highest is not None and value > highest):
        raise ValueError(f"{name} is a whole number {numbers}, not {value}")


def require_bool(name: str, value: object) -> None:
    """Accept True and False.

    Raises:
        TypeError: anything else.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} is True or False, not {type(value).__name__}")


def parse_key(text: str | ApiKey) -> ApiKey | InvalidKeyError | TypeError:
    """Read a key's text; an error is returned, so that no frame raises it while it holds the text."""
    try:
        return ApiKey(text)
    except (InvalidKeyError, TypeError) as error:
        return error.with_traceback(None)


def require_clock(name: str, clock: object) -> None:
    """Accept a function that returns a datetime with a time zone; call it once.

    Raises:
        TypeError: not a function, or it returns something else.
        ValueError: it fails, or its time has no time zone.
    """
    if not callable(clock):
        raise TypeError(f"{name} is a function that returns the time, not {type(clock).__name__}")
    try:
        moment = clock()
    except Exception as error:
        raise ValueError(f"{name}() raised {type(error).__name__}: {error}") from error
    if not isinstance(moment, datetime):
        raise TypeError(f"{name}() returns a datetime, not {type(moment).__name__}")
    if moment.utcoffset() is None:
        raise ValueError(f"{name}() returns a time with a time zone, as datetime.now(UTC) does")


def kind(value: object) -> str:
    """Name the type of a value."""
    return "None" if value is None else type(value).__name__


def require_text(name: str, value: Any) -> None:
    """Require a text that is not empty and that JSON can carry.

    Raises:
        TypeError: the value is no text.
        ValueError: the text is empty, or has half a surrogate pair, which UTF-8 does not allow.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is a text, not {kind(value)}")
    if not value:
        raise ValueError(f"{name} is not empty")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{name} has half a surrogate pair, which JSON cannot carry")


def require_moment(name: str, value: Any) -> None:
    """Require a time that has a time zone.

    Raises:
        TypeError: the value is no `datetime`.
        ValueError: the time has no time zone, or is before the year 1 or after 9999 in UTC.
    """
    if not isinstance(value, datetime):
        raise TypeError(f"{name} is a datetime, not {kind(value)}")
    if value.tzinfo is None:
        raise ValueError(f"{name} needs a time zone, such as datetime(2026, 12, 31, tzinfo=UTC)")
    try:
        value.astimezone(UTC)
        is_in_range = True
    except OverflowError:
        is_in_range = False
    if not is_in_range:
        raise ValueError(f"{name} is not a time of the years 1 to 9999 in UTC")


def to_texts(name: str, values: Any) -> tuple[str, ...]:
    """Read several texts; one text alone is a mistake.

    Raises:
        TypeError: the values are no iterable of texts.
        ValueError: one of the texts is empty.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} are several texts, such as ['global'], not {kind(values)}")
    texts = tuple(values)
    for text in texts:
        require_text(f"each of {name}", text)
    return texts


def to_day(name: str, value: Any) -> date:
    """Read a day: a `date`, or a text such as `2026-10-19`.

    Raises:
        TypeError: the value is neither; a `datetime` is not accepted, as its day depends on the time zone.
        ValueError: the text is no such day.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise TypeError(f"{name} is a date or a text such as '2026-10-19', not {kind(value)}")
    day = parse_day(value)
    if day is None:
        raise ValueError(f"{name} is a day such as '2026-10-19'")
    return day


def parse_day(text: str) -> date | None:
    """Read a day such as `2026-10-19`; `None` for any other text."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None  # Python also reads 20261019 and 2026-W43-1


def optional(check: Check) -> Check:
    """Make a check that also accepts `None`."""

    def check_unless_none(name: str, value: Any) -> None:
        if value is not None:
            check(name, value)

    return check_unless_none


def one_of(choices: Collection[str]) -> Check:
    """Make a check for one of a few texts.

    Raises:
        ValueError: the value is another one.
    """
    listed = ", ".join(repr(choice) for choice in choices)

    def check(name: str, value: Any) -> None:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"{name} is one of {listed}")

    return check


def validator(check: Check) -> Callable[[object, Attribute[Any], Any], None]:
    """Make an attrs validator of a check."""

    def validate(_: object, attribute: Attribute[Any], value: Any) -> None:
        check(attribute.name, value)

    return validate


def is_seconds(_: object, attribute: Attribute[Any], value: object) -> None:
    """Validate a field of attrs with `require_number`."""
    require_number(attribute.name, value)


def is_whole(lowest: int, highest: int | None = None) -> Validator:
    """Make a validator for `attrs.field`: `require_whole` with the field's name."""
    return lambda _, attribute, value: require_whole(attribute.name, value, lowest, highest)
