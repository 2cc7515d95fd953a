"""Lists that are read page by page, while entries come and go.

A page is asked for by its offset, so what is created or deleted meanwhile moves all that is behind it. Each
page is therefore asked for from the last entry that was read: if that is not there, a page back is read
again; what was read before is left out.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

from attrs import define, field, frozen

from openrouter_credits._errors import InvalidResponseError

_DOCUMENTED = 100
"""Entries of a page of `/keys` (OpenRouter's documentation); a first page that has fewer may be the last."""
_MOST = 1000
"""Entries of a page; more are refused."""
_MOST_FRUITLESS = 6
"""Pages without a new entry, one after another; a list that moves faster cannot be read."""
MOST_ELEMENTS = 40_000
"""The most elements of the JSON of a page; an entry of `/keys` has about fifty."""


@frozen
class Page:
    """A page as it came."""

    data: list[Any]
    total_count: int | None = None
    """Entries of the whole list, if the server says so."""


@define(eq=False)
class Place:
    """The place in a list: the page to ask for, and which entries of it are new."""

    offset: int = field(default=0, init=False)
    """Where the next page begins."""
    is_over: bool = field(default=False, init=False)
    """Whether all of the list was read."""
    _size: int = field(default=0, init=False)
    """Entries of a full page, as far as it is known."""
    _recent: tuple[tuple[str, ...], ...] = field(default=(), init=False)
    """Names of the entries on the last two pages that had new ones."""
    _first: str | None = field(default=None, init=False)
    _mark: str | None = field(default=None, init=False)
    """The first new entry of a page read before; if it comes again as a new one, the list is a circle."""
    _pages: int = field(default=0, init=False)
    _step: int = field(default=0, init=False)
    _fruitless: int = field(default=0, init=False)

    def take(self, names: Sequence[str], total: int | None = None) -> Sequence[int]:
        """Take the page at `offset`, and return the places of its new entries.

        Args:
            names: a name of each entry, by which it is found again.
            total: the entries of the whole list, if that is known.

        Raises:
            InvalidResponseError: the list does not end, or is no list of pages.
        """
        count = len(names)
        if count > _MOST:
            raise InvalidResponseError(f"a page of the list has {count:,} entries")
        self._size = max(self._size, count)
        known = {name for page in self._recent for name in page}
        last = max((place for place, name in enumerate(names) if name in known), default=None)
        if last is None and self._recent and self.offset and self._size > 1:
            self._go_back()
            return ()
        new = range(0 if last is None else last + 1, count)
        is_last = count < self._size or not count
        is_last = is_last or (total is not None and self.offset + count >= total)
        if new:
            self._accept(names, new)
            self.is_over = is_last
        else:
            is_same = bool(self._recent) and tuple(names) == self._recent[-1] and count < _DOCUMENTED
            self.is_over = is_last or is_same
            self._note_fruitless()
        self.offset += count - 1 if self._size > 1 else count
        return new

    def _accept(self, names: Sequence[str], new: Sequence[int]) -> None:
        first = names[new[0]]
        if first in (self._first, self._mark):
            raise InvalidResponseError("the list does not end: the same entries come again")
        self._first = self._first or first
        self._pages += 1
        if self._pages & (self._pages - 1) == 0:  # at the 1st, 2nd, 4th, 8th, … page: finds any circle
            self._mark = first
        self._recent = (*self._recent[-1:], tuple(names))
        self._fruitless, self._step = 0, 0

    def _go_back(self) -> None:
        self._step = max(self._step * 2, self._size - 1)
        self.offset = max(0, self.offset - self._step)
        self._note_fruitless()

    def _note_fruitless(self) -> None:
        self._fruitless += 1
        if self._fruitless >= _MOST_FRUITLESS and not self.is_over:
            raise InvalidResponseError("the list does not end: page after page has nothing new")


async def entries(
    read: Callable[[int], Awaitable[Page]], name_of: Callable[[Any], str]
) -> AsyncGenerator[Any, None]:
    """Yield each entry of a list once; at most three pages are held at a time.

    Args:
        read: reads the page at an offset.
        name_of: names an entry, so that it is known again.

    Raises:
        InvalidResponseError: the list does not end.
    """
    place = Place()
    while not place.is_over:
        page = await read(place.offset)
        for new in place.take([name_of(entry) for entry in page.data], page.total_count):
            yield page.data[new]
