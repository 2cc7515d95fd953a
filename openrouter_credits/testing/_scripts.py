"""Scripted answers, which wait for the requests to their paths."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from difflib import get_close_matches

from openrouter_credits.testing._api import SERVED
from openrouter_credits.testing._faults import Answer
from openrouter_credits.testing._paths import mask_keys, match


class Scripts:
    """Queues of answers: one for each path, or for each template of paths such as `/keys/{hash}`."""

    def __init__(self) -> None:
        self._queues: defaultdict[str, deque[Answer]] = defaultdict(deque)

    def add(self, path: str, answers: Iterable[Answer]) -> None:
        """Queue answers for a path, after those that it already has.

        Raises:
            ValueError: the server never serves the path.
            TypeError: the path or an answer has another type.
        """
        if not isinstance(path, str):
            raise TypeError(f"path is a str such as '/credits', not {type(path).__name__}")
        shown = mask_keys(path)
        if not path.startswith("/") or "?" in path:
            raise ValueError(
                f"path is below the base URL and without a query, such as '/credits', not {shown!r}"
            )
        if all(match(served, path) is None for served in SERVED):
            raise ValueError(f"path {shown!r} is never served: {_suggest(path)}")
        scripted = list(answers)
        for answer in scripted:
            if not isinstance(answer, Answer):
                raise TypeError(
                    f"answers are Reply(), Disconnect(), CutBody(), Drip() or Hang(), not {_name(answer)}"
                )
        self._queues[path].extend(scripted)

    def take(self, path: str) -> Answer | None:
        """Take the next answer for a path, first from its own queue; `None` if none is queued."""
        own = self._queues.get(path)
        fitting = (queue for at, queue in self._queues.items() if queue and match(at, path) is not None)
        queue = own or next(fitting, None)
        return queue.popleft() if queue else None


def _suggest(path: str) -> str:
    nearest = get_close_matches(path, SERVED, n=1, cutoff=0)[0]
    return f"did you mean {nearest!r}? FakeOpenRouter.paths lists all"


def _name(answer: object) -> str:
    return f"the class {answer.__name__}" if isinstance(answer, type) else type(answer).__name__
