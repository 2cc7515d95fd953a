"""How our own classes are read: strict with money and required fields, tolerant with all the rest.

A required field or an amount that is wrong is an error. Any other wrong field becomes `None`, and a wrong
element of a list of objects is left out; both are kept in `extra`, as unknown fields are. `KeyInfo.unread`
names those that bear on what can be spent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, get_args, get_origin

import attrs
from cattrs import ClassValidationError
from cattrs.errors import AttributeValidationNote

from openrouter_credits._call.scalars import SCALARS, Structure, kind_of, to_amount
from openrouter_credits._models import Budget, KeyInfo, ManagedKey, is_model
from openrouter_credits._models.allowance import BEARS_ON_SPENDING

_NOT_SENT = {"extra", "unread"}
"""Fields that are ours, and not the server's."""
_NEEDED: dict[Any, dict[str, str | None]] = {
    Budget: {"remaining_usd": None},
    KeyInfo: {"limit_remaining": "limit"},
    ManagedKey: {"limit_remaining": "limit", "disabled": None},
}
"""Fields that are unread if they have no value; the field behind each, if any, is why it is needed."""
_PART = re.compile(r"[.\[]")
_OF_SPENDING = {"limit_remaining", "limit_reset", "allowed_data_regions", "budgets", "effective_budget"}
"""What bears on nothing if a key is a management key, which cannot spend."""
_WRONG = (TypeError, ValueError, OverflowError, ClassValidationError)

_Read = Callable[[Any, str, list[str]], Any]
"""Reads an object; the path of its fields begins so. Notes the paths that could not be read."""


def model_hook(model: Any) -> Structure:
    """Return the hook of cattrs for one of our own classes."""
    read = _reader(model)

    def hook(value: object, _: Any) -> Any:
        unread: list[str] = []
        made = read(value, "", unread)
        if not unread or model not in (KeyInfo, ManagedKey):
            return made
        return attrs.evolve(made, unread=_bearing(made, unread))

    return hook


def _bearing(key: KeyInfo | ManagedKey, unread: Sequence[str]) -> tuple[str, ...]:
    """Leave out the paths of parts that another field stands in for, or that limit nothing."""
    needless = set()
    if isinstance(key, KeyInfo):
        if key.is_management_key:
            needless |= _OF_SPENDING
        if key.budgets is not None and not any(path.startswith("budgets[") for path in unread):
            needless.add("effective_budget")
        if key.is_management_key is not None:
            needless.add("is_provisioning_key")
    if key.limit is None and key.limit_remaining is None:
        needless.add("limit_reset")
    return tuple(path for path in unread if _PART.split(path)[0] not in needless)


def _reader(model: Any) -> _Read:
    """Make a function that reads an object into a class of ours: one loop over the fields that were sent."""
    fields = {a.name: a for a in attrs.fields(model) if a.name not in _NOT_SENT}
    kinds = {name: _without_none(a.type) for name, a in fields.items()}
    required = frozenset(name for name, a in fields.items() if a.default is attrs.NOTHING)
    may_be_null = frozenset(name for name, a in fields.items() if kinds[name] is not a.type)
    strict = frozenset(name for name, kind in kinds.items() if name in required or kind is Decimal)
    bearing = frozenset(name for name, a in fields.items() if BEARS_ON_SPENDING in a.metadata)
    scalars = {name: hook for name, kind in kinds.items() if (hook := _scalar(kind)) is not None}
    objects = {name: _reader(kind) for name, kind in kinds.items() if is_model(kind)}
    lists = {
        name: _reader(get_args(kind)[0]) for name, kind in kinds.items() if name not in scalars | objects
    }
    needed = tuple(_NEEDED.get(model, {}).items())

    def read(value: object, path: str, unread: list[str]) -> Any:
        if not isinstance(value, dict):
            raise TypeError(f"an object is needed, not {kind_of(value)}")
        known: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for name, item in value.items():
            if item is None and name in may_be_null:
                continue
            try:
                if (scalar := scalars.get(name)) is not None:
                    known[name] = scalar(item, None)
                elif name in objects:
                    known[name] = _read_object(objects[name], item, f"{path}{name}", unread)
                elif name in lists:
                    known[name], wrong = _read_list(lists[name], item, f"{path}{name}", unread)
                    extra |= {f"{name}[{index}]": element for index, element in wrong.items()}
                else:
                    extra[name] = item
            except _WRONG as error:
                if name in strict:
                    raise _at(name, error, model) from None
                extra[name] = item
                if name in bearing:
                    unread.append(f"{path}{name}")
        if not required <= known.keys():
            for name in [name for name in fields if name in required and name not in known]:
                if name not in may_be_null or name not in value:
                    raise _at(name, KeyError(name), model)
                known[name] = None
        for name, reason in needed:
            if known.get(name) is None and (reason is None or known[reason] is not None):
                unread.append(f"{path}{name}")
        return model(**known, extra=extra)

    return read


def _read_object(read: _Read, value: object, path: str, unread: list[str]) -> Any:
    inside: list[str] = []
    made = read(value, f"{path}.", inside)
    unread += inside  # only now: an object that is left out is unread as a whole
    return made


def _read_list(
    read: _Read, value: object, path: str, unread: list[str]
) -> tuple[tuple[Any, ...], dict[int, Any]]:
    """Return the objects that could be read, and the others by their place."""
    if not isinstance(value, list):
        raise TypeError(f"a list is needed, not {kind_of(value)}")
    made, wrong = [], {}
    for index, item in enumerate(value):
        try:
            made.append(_read_object(read, item, f"{path}[{index}]", unread))
        except _WRONG:
            wrong[index] = item
            unread.append(f"{path}[{index}]")
    return tuple(made), wrong


def _without_none(kind: Any) -> Any:
    """Return the type itself of a field that may also be `None`."""
    rest = [part for part in get_args(kind) if part is not type(None)]
    return rest[0] if len(rest) < len(get_args(kind)) else kind


def _scalar(kind: Any) -> Structure | None:
    """Return what reads a scalar or a tuple of scalars; `None` for other types."""
    if kind is Decimal:
        return to_amount
    if get_origin(kind) is not tuple:
        return SCALARS.get(kind)
    of_element = SCALARS.get(get_args(kind)[0])
    if of_element is None:
        return None

    def of_tuple(value: object, _: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise TypeError(f"a list is needed, not {kind_of(value)}")
        return tuple([of_element(item, None) for item in value])

    return of_tuple


def _at(name: str, error: Exception, model: Any) -> ClassValidationError:
    """Say which field is wrong, as cattrs does, so that `describe` can tell its path."""
    error.add_note(AttributeValidationNote(f"in {name}", name, None))
    # its `__new__` takes three arguments, unlike that of Python's own groups
    return ClassValidationError("A field is wrong", [error], model)  # pyright: ignore[reportCallIssue]
