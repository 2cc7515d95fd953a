"""The one cattrs converter: what parsed JSON becomes.

cattrs alone turns null into "None", "false" into True and 10.5 into 10. Here a scalar is accepted as it is,
or refused; numbers with a point arrive as `Decimal` and stay exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, cast, get_args, get_origin

import attrs
from cattrs import BaseValidationError, Converter, transform_error
from cattrs.cols import homogenous_tuple_structure_factory, list_structure_factory
from cattrs.gen import make_dict_structure_fn, override

from openrouter_credits._models import is_model
from openrouter_credits._models.amounts import EXACT, MOST_DIGITS, is_plain, plain

Structure = Callable[[Any, Any], Any]

_AMOUNT_TEXT = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_MOST_EXPONENT = 30
_LARGE = 10**15


class WrongAmountError(ValueError):
    """An amount that cannot be read: an error even in a field where other wrong values become `None`."""


def to_amount(value: object, _: object = None) -> Decimal:
    """Read an amount of dollars: a JSON number or a plain decimal text.

    It is normalised, and bounded so that it always prints as a number: 30 digits, and exponents within 30.
    """
    # The fast way: nearly always it is a small whole number, or plain already.
    if type(value) is int and -_LARGE < value < _LARGE:
        return Decimal(value)
    if type(value) is Decimal and is_plain(str(value)):
        return value
    if type(value) is str and not _AMOUNT_TEXT.fullmatch(value):
        raise WrongAmountError("an amount is needed, not a text")
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        raise WrongAmountError(f"an amount is needed, not {_kind(value)}")
    try:
        amount = plain(Decimal(value))
    except ArithmeticError:
        raise WrongAmountError("no amount has so many digits") from None
    if not amount.is_finite():
        raise WrongAmountError("no amount has such an exponent")
    if len(str(amount)) > MOST_DIGITS:
        _, digits, exponent = amount.normalize(EXACT).as_tuple()
        if len(digits) > MOST_DIGITS or abs(cast("int", exponent)) > _MOST_EXPONENT:
            raise WrongAmountError("no amount has so many digits")
    return amount


def to_bool(value: object, _: object) -> bool:
    """Accept JSON true and false only, not 0, 1 or "true"."""
    if isinstance(value, bool):
        return value
    raise TypeError(f"true or false is needed, not {_kind(value)}")


def to_str(value: object, _: object) -> str:
    """Accept a text only, not a number that could be shown as one."""
    if isinstance(value, str):
        return value
    raise TypeError(f"a text is needed, not {_kind(value)}")


def to_int(value: object, _: object) -> int:
    """Accept a whole number, also one that was sent as `10.0`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Decimal) and value.adjusted() <= _MOST_EXPONENT and value == (whole := int(value)):
        return whole
    raise TypeError(f"a whole number is needed, not {_kind(value)}")


def to_float(value: object, _: object) -> float:
    """Accept a number, and return the nearest float."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and isfinite(number := float(value)):
        return number
    raise TypeError(f"a number is needed, not {_kind(value)}")


def to_datetime(value: object, _: object) -> datetime:
    """Read ISO 8601; a time without a zone is UTC, as all times of OpenRouter are."""
    moment = datetime.fromisoformat(to_str(value, str))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


_SCALARS: dict[Any, Structure] = {
    Decimal: to_amount,
    bool: to_bool,
    str: to_str,
    int: to_int,
    float: to_float,
    datetime: to_datetime,
}


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    for kind, name in ((str, "a text"), (list, "a list"), (dict, "an object")):
        if isinstance(value, kind):
            return name
    return "such a number"


def _list_factory(wanted: Any, converter: Converter) -> Structure:
    """Accept lists only: cattrs alone takes a text apart into its characters."""
    factory = list_structure_factory if get_origin(wanted) is list else homogenous_tuple_structure_factory
    structure = factory(wanted, converter)

    def hook(value: object, into: Any) -> Any:
        if not isinstance(value, list):
            raise TypeError(f"a list is needed, not {_kind(value)}")
        return structure(value, into)

    return hook


def _for_subclasses_too(scalar: type, structure: Structure) -> Structure:
    """Support a caller's own subclass of a scalar, such as a StrEnum."""

    def hook(value: object, into: Any) -> Any:
        made = structure(value, into)
        return made if into is scalar else into(made)

    return hook


def _is_list_or_tuple(wanted: Any) -> bool:
    return get_origin(wanted) is list or (get_origin(wanted) is tuple and wanted.__args__[-1] is ...)


def _tolerant(structure: Structure) -> Structure:
    """Return `None` for a value that is not as documented; but a wrong amount is an error."""

    def hook(value: object, into: Any) -> Any:
        try:
            return structure(value, into)
        except BaseValidationError as error:
            if error.subgroup(WrongAmountError):
                raise
        except (TypeError, ValueError, OverflowError):
            pass
        return None

    return hook


def _model_factory(model: Any, converter: Converter) -> Structure:
    """Structure one of our own models.

    A required field or an amount that is wrong is an error. Any other wrong field becomes `None`, and its
    value is kept in `extra`, as unknown fields are.
    """
    fields = [a for a in attrs.fields(model) if a.name != "extra"]
    optional = frozenset(a.name for a in fields if a.default is not attrs.NOTHING)
    required = frozenset(a.name for a in fields) - optional
    overrides: dict[str, Any] = {}
    for a in fields:
        if a.name in optional:
            kind, _ = get_args(a.type)  # its second half is None, which is left out below
            hook_of_kind = _SCALARS.get(kind) or converter.get_structure_hook(kind)
            overrides[a.name] = override(
                struct_hook=to_amount if kind is Decimal else _tolerant(hook_of_kind)
            )
    structure = make_dict_structure_fn(model, converter, extra=override(omit=True), **overrides)

    def hook(value: object, _: Any) -> Any:
        if not isinstance(value, dict):
            raise TypeError(f"an object is needed, not {_kind(value)}")
        if len(value) == len(required):
            return structure(value, model)
        known = {
            name: item
            for name, item in value.items()
            if name in required or (item is not None and name in optional)
        }
        made = structure(known, model)
        for name, item in value.items():
            if name in required:
                continue
            if name not in optional or (item is not None and getattr(made, name) is None):
                made.extra[name] = item
        return made

    return hook


def _make_converter() -> Converter:
    made = Converter()
    for scalar, hook in _SCALARS.items():
        made.register_structure_hook(scalar, _for_subclasses_too(scalar, hook))
    made.register_structure_hook_factory(_is_list_or_tuple, _list_factory)
    made.register_structure_hook_factory(is_model, _model_factory)
    return made


converter = _make_converter()


def describe(error: Exception, path: str) -> str:
    """Name where and why a reply is not as documented: `$.data.usage: an amount is needed, not null`."""

    def words(problem: BaseException, _: object) -> str:
        return "required, but missing" if isinstance(problem, KeyError) else str(problem)

    problems = [problem.rpartition(" @ ") for problem in transform_error(error, path, words)]
    return "; ".join(f"{where}: {what}" for what, _, where in problems)
