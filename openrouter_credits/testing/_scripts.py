"""Scripted answers, which wait for the requests to their paths and queries."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from difflib import get_close_matches
from urllib.parse import parse_qsl

from attrs import field, frozen

from openrouter_credits.testing._api import SERVED
from openrouter_credits.testing._faults import Answer
from openrouter_credits.testing._paths import mask_keys, match


def _to_parameters(query: str) -> frozenset[tuple[str, str]]:
    return frozenset(parse_qsl(query))


@frozen
class _Target:
    """The requests that some answers are for."""

    path: str
    """A path, or a template of paths such as `/keys/{hash}`."""
    parameters: frozenset[tuple[str, str]] = field(converter=_to_parameters)
    """Parameters that the query has, among others."""

    def fits(self, path: str, parameters: frozenset[tuple[str, str]]) -> bool:
        """Tell whether a request is one of them."""
        return self.parameters <= parameters and match(self.path, path) is not None

    @property
    def breadth(self) -> tuple[bool, int]:
        """The less it is, the fewer requests: a path is before a template, more parameters before less."""
        return "{" in self.path, -len(self.parameters)


class Scripts:
    """Queues of answers: one for each path or template of paths, with or without a query."""

    def __init__(self) -> None:
        self._queues: defaultdict[_Target, deque[Answer]] = defaultdict(deque)

    def add(self, path: str, answers: Iterable[Answer]) -> None:
        """Queue answers for a path, perhaps with a query, after those that it already has.

        Raises:
            ValueError: the server never serves the path.
            TypeError: the path or an answer has another type.
        """
        if not isinstance(path, str):
            raise TypeError(f"path is a str such as '/credits', not {type(path).__name__}")
        shown = mask_keys(path)
        if not path.startswith("/"):
            raise ValueError(f"path is below the base URL, such as '/credits', not {shown!r}")
        where, mark, query = path.partition("?")
        target = _Target(where, query)
        if mark and not target.parameters:
            raise ValueError(f"the query of path is such as '/keys?offset=99', not as in {shown!r}")
        if all(match(served, where) is None for served in SERVED):
            raise ValueError(f"path {shown!r} is never served: {_suggest(where)}")
        scripted = list(answers)
        for answer in scripted:
            if not isinstance(answer, Answer):
                raise TypeError(
                    f"answers are Reply(), Disconnect(), CutBody(), Drip() or Hang(), not {_name(answer)}"
                )
        self._queues[target].extend(scripted)

    def take(self, path: str, query: str = "") -> Answer | None:
        """Take the next answer for a request; `None` if none is queued.

        Of several queues it is that of the narrowest target: the path itself, and the most parameters.
        """
        parameters = _to_parameters(query)
        fitting = [at for at, queue in self._queues.items() if queue and at.fits(path, parameters)]
        return self._queues[min(fitting, key=lambda at: at.breadth)].popleft() if fitting else None


def _suggest(path: str) -> str:
    nearest = get_close_matches(path, SERVED, n=1, cutoff=0)[0]
    return f"did you mean {nearest!r}? FakeOpenRouter.paths lists all"


def _name(answer: object) -> str:
    return f"the class {answer.__name__}" if isinstance(answer, type) else type(answer).__name__
