"""Public classes: they name the package's door, and their annotations resolve at run time."""

from __future__ import annotations

import inspect
from typing import Any, get_type_hints

import attrs

HOMES: dict[Any, str] = {}
"""The module in which each public class or function is written; documentation is made from its source."""


def public(*items: Any, door: str = "openrouter_credits") -> None:
    """Make classes and functions look as if they were written in the package's door.

    Pickles, tracebacks and `repr` then name `openrouter_credits` alone. Before that, the annotations of a
    class are resolved: FastAPI, pydantic and `cattrs.unstructure` read them, and look for names in the module
    that a class says it is from.

    Args:
        items: classes and functions; call this at the end of their module, where all names are known.
        door: where users import them from.
    """
    for item in items:
        HOMES[item] = item.__module__
        if inspect.isclass(item):
            _resolve_annotations(item)
        item.__module__ = door


def _resolve_annotations(item: type) -> None:
    own = inspect.get_annotations(item)
    if own:
        hints = get_type_hints(item, include_extras=True)
        item.__annotations__ = {name: hints[name] for name in own}
    if not attrs.has(item):
        return
    attrs.resolve_types(item)
    arguments = item.__init__.__annotations__  # attrs has made it for this class
    for field in attrs.fields(item):
        arguments[field.alias] = field.type if field.converter is None else _accepted(field.converter)


def _accepted(converter: Any) -> Any:
    """Return the type that a field's converter accepts."""
    name, *_ = inspect.signature(converter).parameters
    return get_type_hints(converter)[name]
