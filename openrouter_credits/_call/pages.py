"""Lists that are read page by page, while entries come and go.

The newest entry is the first one. A page is asked for by its offset, so what is created or deleted meanwhile
moves all that is behind it. Each page is therefore asked for from the last entry that was read. The entries
behind the last known one of a page are new; those before it were read, or were created meanwhile.

If nothing on a page is known, entries were deleted, and the last one read is before that page. If there is
nothing new, entries were created, and it is further on. As the list may move on either way, the next page is
asked for with this entry in its middle.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
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
"""Full pages whose names are remembered: many of them may be deleted while the place is looked for."""
_FRUITLESS = 4
"""Pages in a row that may have nothing new, from the first one on that has known entries alone.

There are no more if less than two pages of entries come and go between two pages with new ones: the place in
the list then has to move by half a page for each of them.
"""


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
    _read: int = field(default=0, init=False)
    """How many entries were read."""
    _known: dict[str, int] = field(factory=dict, init=False)
    """Names of the entries read last, with their numbers: the last one has the number `_read`.

    Others that stood before a known one have the number 0.
    """
    _first: Sequence[str] = field(default=(), init=False)
    """Names of the first page."""
    _mark: Sequence[str] = field(default=(), init=False)
    """Names of a later page: the 2nd, 4th, 8th, … so that any circle comes back to one of them."""
    _pages: int = field(default=0, init=False)
    """How many pages had new entries."""
    _fruitless: int = field(default=0, init=False)
    """How many pages have come since then, from the first one on that had known entries alone."""
    _is_lost: bool = field(default=False, init=False)
    """Whether nothing on the page before was known."""
    _was_empty: bool = field(default=False, init=False)
    """Whether the page before had no entries."""

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
        last = max((place for place, name in enumerate(names) if name in self._known), default=-1)
        if last < 0 and self.offset:
            self._go_back()
            self._was_empty = not names
            return ()
        for name in names[: last + 1]:
            self._known.setdefault(name, 0)
        new: dict[str, int] = {}
        for place in range(last + 1, count):
            new.setdefault(names[place], place)
        # A total that equals the size of a full page may count this page alone.
        is_all = count < PAGE_SIZE and self.offset + count == total
        self.is_over = is_all or count < self._size
        if new:
            self._accept(names, new)
            if last >= 0:
                self._fruitless = 0
        elif not self.is_over:
            self._go_on(names)
        for name in tuple(islice(self._known, max(0, len(self._known) - _REMEMBERED * self._size))):
            del self._known[name]
        self._is_lost = self._was_empty = False
        return tuple(new.values())

    def _go_back(self) -> None:
        """Look for the last entry read half a page before, and then page by page."""
        if self._fruitless:
            self._do_without()
        self.offset = max(0, self.offset - (self._size - 1 if self._is_lost else self._size // 2))
        self._is_lost = True

    def _accept(self, names: Sequence[str], new: Mapping[str, int]) -> None:
        """Ask for the next page from the last entry of this one."""
        if not (new.keys().isdisjoint(self._first) and new.keys().isdisjoint(self._mark)):
            raise InvalidResponseError("The list does not end: entries that were read come again")
        self._pages += 1
        self._first = self._first or names
        if self._pages & (self._pages - 1) == 0:
            self._mark = tuple(new)
        self._known.update(zip(new, range(self._read + 1, self._read + len(new) + 1), strict=True))
        self._read += len(new)
        self.offset += len(names) - 1

    def _go_on(self, names: Sequence[str]) -> None:
        """Look for the last entry read further on, by a page at most."""
        if names == self._first:
            # A server that sends nothing else, or nothing further on, does not know pages.
            is_all = self._fruitless == _FRUITLESS and len(names) < PAGE_SIZE
            self.is_over = is_all or (self._was_empty and not self.offset)
        if not self.is_over:
            self._do_without()
        last = len(names) - 1
        further = self._read - self._known[names[last]]
        self.offset += min(last, last + further - (self._size - 1) // 2)

    def _do_without(self) -> None:
        if self._fruitless == _FRUITLESS:
            raise InvalidResponseError("The list does not end: page after page has nothing new")
        self._fruitless += 1


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
