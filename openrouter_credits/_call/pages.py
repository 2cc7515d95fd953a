"""Lists that are read page by page, while entries come and go.

The newest entry is the first one. A page is asked for by its offset, so what is created or deleted meanwhile
moves all that is behind it. Each page is therefore asked for from the last entry that was read. If neither
this entry nor another known one is there, a page further back is read. Entries behind the last known one of a
page are new; those before it were read, or were created meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from itertools import islice
from typing import Any

from attrs import define, field, frozen

from openrouter_credits._errors import InvalidResponseError

PAGE_SIZE = 100
"""Entries of a page of `/keys`, and the most of one of `/workspaces` (OpenRouter's documentation)."""
MOST_ELEMENTS = 40_000
"""The most elements of the JSON of a page, texts with commas and colons included.

An entry of `/keys` has about seventy; a hundred of them have room for long names.
"""
_MOST = 1000
"""Entries of a page; more are refused."""
_SMALLEST = 2
"""Entries of a full page, at least: a page with one entry is the last one."""
_REMEMBERED = 8
"""Full pages whose names are remembered: half of them may be deleted while the place is looked for."""
_FRUITLESS = 4
"""Pages in a row that may have nothing new, beside those that lead back to the beginning."""


@frozen
class Page:
    """A page as it came."""

    data: list[Any]
    total_count: Any = None
    """The number of entries of the whole list, if the server says so."""


@define(eq=False)
class Place:
    """The place in a list: which page to ask for, and which of its entries are new."""

    offset: int = field(default=0, init=False)
    """Where the next page begins."""
    is_over: bool = field(default=False, init=False)
    """Whether the whole list was read."""
    _size: int = field(default=_SMALLEST, init=False)
    """Entries of a full page, as far as that is known."""
    _known: dict[str, None] = field(factory=dict, init=False)
    """Names of the entries read last, in their order."""
    _first: frozenset[str] = field(default=frozenset(), init=False)
    """Names of the first page."""
    _mark: frozenset[str] = field(default=frozenset(), init=False)
    """Names of a later page: the 2nd, 4th, 8th, … so that any circle comes back to one of them."""
    _latest: tuple[str, ...] = field(default=(), init=False)
    """All names of the last page that had new entries."""
    _is_same: bool = field(default=True, init=False)
    """Whether all pages since then were the same."""
    _pages: int = field(default=0, init=False)
    """How many pages had new entries."""
    _step: int = field(default=0, init=False)
    """By how much the offset went back."""
    _patience: int = field(default=0, init=False)
    """How many more pages may have nothing new."""

    def take(self, names: Sequence[str], total: object = None) -> Sequence[int]:
        """Take the page at `offset`, and return the places of its new entries.

        Args:
            names: the name of each entry, by which it is known again.
            total: the number of entries of the whole list, if the server says so.

        Raises:
            InvalidResponseError: the list does not end, or is no list of pages.
        """
        count = len(names)
        if count > _MOST:
            raise InvalidResponseError(f"A page of the list has {count:,} entries")
        self._size = max(self._size, count)
        last = max((place for place, name in enumerate(names) if name in self._known), default=None)
        if last is None and self.offset:
            self._go_back(names)
            return ()
        new: dict[str, int] = {}
        for place in range(0 if last is None else last + 1, count):
            new.setdefault(names[place], place)
        # A total that equals the size of a full page may count this page alone.
        is_all = count < PAGE_SIZE and self.offset + count == total
        self.is_over = is_all or count < self._size
        self.offset += max(0, count - 1)
        if new:
            self._accept(names, new)
        else:
            self._do_without(names)
        self._remember(names)
        self._step = 0
        return tuple(new.values())

    def _accept(self, names: Sequence[str], new: dict[str, int]) -> None:
        if not (self._first.isdisjoint(new) and self._mark.isdisjoint(new)):
            raise InvalidResponseError("The list does not end: entries that were read come again")
        self._pages += 1
        self._first = self._first or frozenset(new)
        if self._pages & (self._pages - 1) == 0:
            self._mark = frozenset(new)
        self._latest, self._is_same = tuple(names), True
        self._patience = _FRUITLESS + (self.offset // self._size).bit_length()

    def _remember(self, names: Sequence[str]) -> None:
        """Know the entries of a page again: what stands before a known one was read before, or is newer."""
        for name in names:
            self._known.pop(name, None)
            self._known[name] = None
        for name in tuple(islice(self._known, max(0, len(self._known) - _REMEMBERED * self._size))):
            del self._known[name]

    def _go_back(self, names: Sequence[str]) -> None:
        self._step = max(self._step * 2, self._size - 1)
        self.offset = max(0, self.offset - self._step)
        self._do_without(names)

    def _do_without(self, names: Sequence[str]) -> None:
        self._is_same = self._is_same and tuple(names) == self._latest
        self._patience -= 1
        if self._patience > 0 or self.is_over:
            return
        if not self._is_same or len(names) >= PAGE_SIZE:
            raise InvalidResponseError("The list does not end: page after page has nothing new")
        self.is_over = True  # the server does not know pages, and has sent all that there is


async def new_entries(
    read: Callable[[int], Awaitable[Page]], name_of: Callable[[Any], str]
) -> AsyncGenerator[Sequence[tuple[int, Any]], None]:
    """Yield the new entries of each page, with their places on it; each entry of the list comes once.

    At most two pages are held at a time.

    Args:
        read: reads the page at an offset.
        name_of: names an entry, so that it is known again.

    Raises:
        InvalidResponseError: the list does not end, or is no list of pages.
    """
    place = Place()
    while not place.is_over:
        page = await read(place.offset)
        names = [name_of(entry) for entry in page.data]
        yield [(new, page.data[new]) for new in place.take(names, page.total_count)]
