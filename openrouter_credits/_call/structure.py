"""The one cattrs converter: what parsed JSON becomes.

cattrs alone turns null into "None", "false" into True and 10.5 into 10. Here a scalar is accepted as it is,
or refused; numbers with a point arrive as `Decimal` and stay exact. Lists and objects are read up to the
first element that is wrong: a body of 1 MiB may have hundreds of thousands of them.
"""

from __future__ import annotations

import re
from collections import Counter, abc, defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, get_args, get_origin, is_typeddict

from cattrs import ClassValidationError, Converter, IterableValidationError, transform_error
from cattrs.errors import IterableValidationNote

from openrouter_credits._call.models import model_hook
from openrouter_credits._call.scalars import SCALARS, Structure, kind_of
from openrouter_credits._errors import InvalidResponseError
from openrouter_credits._models import is_model
from openrouter_credits._secrets import ApiKey, parse_key
from openrouter_credits._words import mask_all, quote

_T = TypeVar("_T")

_COLLECTIONS: set[Any] = {
    list,
    tuple,
    set,
    frozenset,
    deque,
    abc.Sequence,
    abc.MutableSequence,
    abc.Set,
    abc.MutableSet,
}
# wider than the pattern of a key, which is for text; an escape (\u0073, \/) may hide a part of one
_MAY_BE_A_KEY = re.compile(rb"sk-[\w\x80-\xff-]{20,}")
_cattrs = Converter()


def _is_collection(wanted: Any) -> bool:
    origin = get_origin(wanted)
    return origin in _COLLECTIONS and (origin is not tuple or get_args(wanted)[-1] is ...)


def _is_mapping(wanted: Any) -> bool:
    origin = get_origin(wanted)
    if not isinstance(origin, type) or not issubclass(origin, abc.Mapping) or is_typeddict(origin):
        return False
    return len(get_args(wanted)) == 2 or origin is Counter


def _hook_of(wanted: Any, converter: Converter) -> Structure:
    try:
        return SCALARS.get(wanted) or converter.get_structure_hook(wanted)
    except RecursionError:  # a class that holds itself: look its hook up when it is there
        return converter.structure


def _collection_factory(wanted: Any, converter: Converter) -> Structure:
    """Accept lists only: cattrs alone takes a text apart into its characters."""
    origin: Any = get_origin(wanted)
    element = get_args(wanted)[0]
    structure = _hook_of(element, converter)
    container = type(_cattrs.structure([], tuple[Any, ...] if origin is tuple else origin[Any]))

    def hook(value: object, _: Any) -> Any:
        if not isinstance(value, list):
            raise TypeError(f"a list is needed, not {kind_of(value)}")
        made = []
        for index, item in enumerate(value):
            try:
                made.append(structure(item, element))
            except Exception as error:  # noqa: BLE001 - a caller's own class may raise anything
                raise _at(index, element, error, wanted) from None
        return made if container is list else container(made)

    return hook


def _mapping_factory(wanted: Any, converter: Converter) -> Structure:
    """Accept objects only, for any class of mappings with a type for names and one for values."""
    of_name, of_value = (*get_args(wanted), int)[:2]  # a `Counter` has the first one alone
    container = _container_of(get_origin(wanted), of_value)
    structure_name, structure_value = _hook_of(of_name, converter), _hook_of(of_value, converter)

    def hook(value: object, _: Any) -> Any:
        if not isinstance(value, dict):
            raise TypeError(f"an object is needed, not {kind_of(value)}")
        made = {}
        for name, item in value.items():
            try:
                made[structure_name(name, of_name)] = structure_value(item, of_value)
            except Exception as error:  # noqa: BLE001 - a caller's own class may raise anything
                raise _at(name, of_value, error, wanted) from None
        return made if container is dict else container(made)

    return hook


def _container_of(origin: Any, of_value: Any) -> Callable[[dict[Any, Any]], Any]:
    """Choose what a dictionary is put into, as cattrs does."""
    if origin in {dict, abc.Mapping, abc.MutableMapping}:
        return dict
    container: Callable[[dict[Any, Any]], Any] = origin
    return partial(defaultdict, of_value) if origin is defaultdict else container


def _at(place: int | str, wanted: Any, error: Exception, whole: Any) -> IterableValidationError:
    """Say where an error is, as cattrs does, so that `describe` can tell its path."""
    error.add_note(IterableValidationNote(f"at {place!r}", place, wanted))
    # its `__new__` takes three arguments, unlike that of Python's own groups
    return IterableValidationError("An element is wrong", [error], whole)  # pyright: ignore[reportCallIssue]


def _for_subclasses_too(scalar: type, structure: Structure) -> Structure:
    """Support a caller's own subclass of a scalar, such as a StrEnum."""

    def hook(value: object, into: Any) -> Any:
        made = structure(value, into)
        return made if into is scalar else into(made)

    return hook


def _make_converter() -> Converter:
    made = Converter()
    for scalar, hook in SCALARS.items():
        made.register_structure_hook(scalar, _for_subclasses_too(scalar, hook))
    made.register_structure_hook_factory(_is_mapping, _mapping_factory)
    made.register_structure_hook_factory(_is_collection, _collection_factory)
    made.register_structure_hook_factory(is_model, model_hook)
    return made


converter = _make_converter()


def without_keys(document: Any, body: bytes, key: ApiKey | None, *, is_whole: bool) -> Any:
    """Mask what may be a key in a document: a server may echo keys in any field. `body` is its text.

    The `key` of a whole body is a key that was just made: it becomes an `ApiKey`.
    """
    if is_whole and isinstance(document, dict) and isinstance(new := parse_key(document.get("key")), ApiKey):
        return {**mask_all(mask_all(document, new), key), "key": new}
    looks_like_one = b"\\" in body or (b"sk-" in body and _MAY_BE_A_KEY.search(body))
    if looks_like_one or (key is not None and _is_in(key.reveal(), body)):
        return mask_all(document, key)
    return document


def _is_in(text: str, body: bytes) -> bool:
    return len(text) < len(body) and text.encode() in body


def describe(error: Exception, path: str) -> str:
    """Name where and why a reply is not as documented: `$.data.usage: an amount is needed, not null`."""

    def words(problem: BaseException, _: object) -> str:
        return "required, but missing" if isinstance(problem, KeyError) else str(problem)

    problems = [problem.rpartition(" @ ") for problem in transform_error(error, path, words)]
    return "; ".join(f"{where}: {what}" for what, _, where in problems)


def structure_entry(entry: Any, into: type[_T], path: str, key: ApiKey | None) -> _T | InvalidResponseError:
    """Structure an entry of a list; one that is not as documented is an error, and hides no other."""
    try:
        return converter.structure(entry, into)
    except (TypeError, ValueError, ClassValidationError) as error:
        return InvalidResponseError(f"200, but {quote(describe(error, path), key)}")
