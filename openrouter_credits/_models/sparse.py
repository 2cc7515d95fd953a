"""The base of values with many optional fields."""

from __future__ import annotations

from typing import Any

from attrs import NOTHING, fields

from openrouter_credits._documents import Value


class Sparse(Value):
    """A value whose `repr` leaves out the optional fields that are not known: there are dozens."""

    __slots__ = ()

    def __repr__(self) -> str:
        kind: Any = type(self)  # each of them is a class of attrs
        shown = [
            f"{each.name}={item!r}"
            for each in fields(kind)
            if each.repr
            and ((item := getattr(self, each.name)) not in (None, each.default) or each.default is NOTHING)
        ]
        return f"{kind.__name__}({', '.join(shown)})"
