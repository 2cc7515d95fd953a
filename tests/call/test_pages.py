"""Lists read page by page: which page is asked for, and which of its entries are new."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import InvalidResponseError
from openrouter_credits._call.pages import PAGE_SIZE, Page, Place, new_entries

Entries = list[str]
Change = Callable[[Entries], None]
Server = Callable[[int, int], Sequence[str]]
"""Returns the page at an offset; the second argument is the number of the request, from 0."""

MOST_REQUESTS = 200


@define
class Reading:
    """The outcome of reading a list."""

    names: Entries = field(factory=list)
    offsets: list[int] = field(factory=list)
    error: InvalidResponseError | None = None

    @property
    def has_doubles(self) -> bool:
        """Whether an entry came twice."""
        return len(set(self.names)) < len(self.names)


def read(server: Server, total: object = None) -> Reading:
    """Read a list to its end."""
    place, reading = Place(), Reading()
    try:
        while not place.is_over:
            assert len(reading.offsets) < MOST_REQUESTS, "the list never ends"
            page = server(place.offset, len(reading.offsets))
            reading.offsets.append(place.offset)
            reading.names += [page[new] for new in place.take(page, total)]
    except InvalidResponseError as error:
        reading.error = error
    return reading


def a_list(count: int) -> Entries:
    """Make a list of different entries."""
    return [f"entry {number}" for number in range(count)]


def pages_of(entries: Entries, size: int = PAGE_SIZE, changes: dict[int, Change] | None = None) -> Server:
    """Serve a list that changes before some of the requests."""

    def serve(offset: int, request: int) -> Sequence[str]:
        if changes and request in changes:
            changes[request](entries)
        return entries[offset : offset + size]

    return serve


def created(count: int) -> Change:
    """Create entries at the head."""

    def change(entries: Entries) -> None:
        entries[:0] = [f"created {number} before {entries[:1]}" for number in range(count)]

    return change


def deleted(start: int, stop: int | None = None) -> Change:
    """Delete the entries from one place to another, this one left out."""

    def change(entries: Entries) -> None:
        del entries[start:stop]

    return change


def both(*changes: Change) -> Change:
    """Do several things at once."""

    def change(entries: Entries) -> None:
        for each in changes:
            each(entries)

    return change


# How many requests.


@pytest.mark.parametrize(
    ("count", "offsets"),
    [
        (0, [0]),
        (1, [0]),
        (2, [0, 1]),
        (99, [0, 98]),
        (100, [0, 99]),
        (101, [0, 99]),
        (199, [0, 99, 198]),
        (1000, [0, 99, 198, 297, 396, 495, 594, 693, 792, 891, 990]),
    ],
)
def test_each_page_begins_with_the_last_entry_read(count: int, offsets: list[int]) -> None:
    """A page is asked for from the last entry read, until one is short; a short first page asks once more."""
    reading = read(pages_of(a_list(count)))

    assert reading == Reading(a_list(count), offsets)


@pytest.mark.parametrize("size", [2, 3, 7, 50, 250])
def test_the_size_of_a_page_is_learnt(size: int) -> None:
    """Pages may be smaller or larger than documented; those of two entries are the smallest."""
    reading = read(pages_of(a_list(103), size))

    assert reading.names == a_list(103)
    assert reading.error is None


@pytest.mark.parametrize(
    ("total", "requests"),
    [(40, 1), (41, 2), (39, 2), (0, 2), (None, 2), ("40", 2), (True, 2), (float("nan"), 2)],
)
def test_a_total_settles_whether_a_short_first_page_is_the_last_one(total: object, requests: int) -> None:
    """If the server tells the number of all entries, no second request asks whether there are more."""
    reading = read(pages_of(a_list(40)), total)

    assert reading.names == a_list(40)
    assert len(reading.offsets) == requests


def test_a_total_does_not_end_a_list_of_full_pages() -> None:
    """A total that counts only the page does not hide the other pages."""
    assert read(pages_of(a_list(300)), total=100).names == a_list(300)


def test_a_total_counts_the_whole_list() -> None:
    """On pages that are smaller than asked for, the total tells which one is the last."""
    reading = read(pages_of(a_list(99), size=50), total=99)

    assert reading == Reading(a_list(99), [0, 49])


# While the list moves.

MOVES = {
    "1 created": created(1),
    "50 created": created(50),
    "99 created": created(99),
    "100 created": created(100),
    "150 created": created(150),
    "the newest deleted": deleted(0, 1),
    "99 deleted": deleted(0, 99),
    "100 deleted": deleted(50, 150),
    "150 deleted": deleted(20, 170),
    "the last one read deleted": deleted(198, 199),
    "the last 100 read deleted": deleted(99, 199),
    "the last 150 read deleted": deleted(49, 199),
    "all read deleted": deleted(0, 199),
    "all read but the first deleted": deleted(1, 199),
    "all but the last deleted": deleted(0, 549),
    "all deleted": deleted(0),
    "the rest deleted": deleted(199),
    "the next one deleted": deleted(199, 200),
    "around the last one read deleted": deleted(150, 250),
    "50 created, 50 deleted": both(created(50), deleted(80, 130)),
    "150 created, the last one read deleted": both(created(150), deleted(348, 349)),
    "150 created, 150 deleted": both(created(150), deleted(150, 300)),
    "20 created, all read deleted": both(created(20), deleted(20, 219)),
}


@pytest.mark.parametrize("change", MOVES.values(), ids=MOVES.keys())
@pytest.mark.parametrize("request_number", [1, 2, 5])
def test_a_list_that_moves_loses_and_doubles_nothing(change: Change, request_number: int) -> None:
    """An entry that stays is read once, whatever is created or deleted before one of the requests."""
    entries = a_list(550)

    reading = read(pages_of(entries, changes={request_number: change}))

    assert reading.error is None
    assert not reading.has_doubles
    assert set(reading.names) >= set(entries) & set(a_list(550))
    assert len(reading.offsets) <= 14


def test_a_page_that_became_empty_is_not_the_end() -> None:
    """If deletions leave nothing of the page asked for, half a page and a page further back are read."""
    entries = a_list(298)

    reading = read(pages_of(entries, changes={2: deleted(0, 150)}))

    assert reading.offsets[2:5] == [198, 148, 49]
    assert reading.error is None
    assert not reading.has_doubles
    assert set(reading.names) >= set(entries)


def test_a_list_may_move_again_while_the_place_in_it_is_looked_for() -> None:
    """Three pages in a row without a new entry, each time for another reason, are no end and no error."""
    entries = a_list(550)
    changes = {2: deleted(0, 150), 3: created(150), 4: created(150)}

    reading = read(pages_of(entries, changes=changes))

    assert reading.offsets[:6] == [0, 99, 198, 148, 247, 346]
    assert reading.error is None
    assert not reading.has_doubles
    assert set(reading.names) >= set(entries) & set(a_list(550))


TO_AND_FRO = {
    "by one": {number: deleted(0, 1) if number % 2 else created(1) for number in range(1, 9)},
    "forth": {1: created(99), 2: created(50), 3: created(48)},
    "back": {1: deleted(0, 99), 2: deleted(0, 50), 3: deleted(0, 48)},
    "back and forth": {1: deleted(0, 1), 2: created(51), 3: created(50), 4: created(50)},
    "back and forth and back": {1: deleted(98, 99), 2: created(51), 3: deleted(0, 50), 4: created(50)},
    "forth and back": {1: created(99), 2: deleted(0, 50), 3: deleted(0, 48)},
    "forth and back and forth": {1: created(99), 2: deleted(0, 97), 3: created(1)},
    "at once": {1: both(deleted(0, 98), created(98)), 2: deleted(0, 1)},
}


@pytest.mark.parametrize("changes", TO_AND_FRO.values(), ids=TO_AND_FRO.keys())
@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_list_may_move_to_and_fro_while_the_place_in_it_is_looked_for(
    changes: dict[int, Change], after: int
) -> None:
    """With less than two pages of changes, each made when it hinders most, what stays is read once."""
    entries = a_list(700)

    reading = read(pages_of(entries, changes={after + number: each for number, each in changes.items()}))

    assert reading.error is None
    assert not reading.has_doubles
    assert set(reading.names) >= set(entries) & set(a_list(700))
    assert len(reading.offsets) <= 8 + 6


def test_a_list_that_moves_by_half_a_page_before_each_request_is_read() -> None:
    """Half a page of entries that is created before each page, and one that is deleted, delay the reading."""
    for change in (created(49), deleted(0, 49), both(created(25), deleted(0, 24))):
        entries = a_list(550)

        reading = read(pages_of(entries, changes=dict.fromkeys(range(1, MOST_REQUESTS), change)))

        assert reading.error is None
        assert not reading.has_doubles
        assert set(reading.names) >= set(entries) & set(a_list(550))


def test_a_place_that_runs_away_is_an_error() -> None:
    """If a page of entries is created before each request, the reading never gets on: it gives up."""
    reading = read(pages_of(a_list(550), changes=dict.fromkeys(range(1, MOST_REQUESTS), created(99))))

    assert reading.error is not None
    assert reading.names == a_list(100)
    assert len(reading.offsets) == 6


def test_an_entry_that_comes_twice_on_a_page_is_read_once() -> None:
    """A server that lists an entry twice does not double it."""
    reading = read(lambda offset, _: ["a", "b", "a", "c", "b"][offset:])

    assert reading.names == ["a", "b", "c"]


def test_entries_that_were_created_meanwhile_may_be_left_out() -> None:
    """Entries before a known one are not read: they were read before, or are newer than the reading."""
    entries = a_list(150)

    reading = read(pages_of(entries, changes={1: created(20)}))

    assert reading.names == a_list(150)


@define
class _Moving:
    """A list that changes between requests, as drawn: at its head, and anywhere."""

    data: st.DataObject
    size: int
    entries: Entries
    stayed: set[str]
    number: int = 0

    def move(self, most: int, offset: int) -> int:
        """Create or delete at most so many entries, and return how many."""
        count = self.data.draw(st.integers(0, most), label="changes")
        for _ in range(count):
            if not self.entries or self.data.draw(st.booleans(), label="create"):
                self.entries.insert(0, f"created {self.number}")
                self.number += 1
                continue
            place = self.data.draw(
                st.integers(0, len(self.entries) - 1)
                | st.integers(offset - self.size, offset + 2).map(
                    lambda place: max(0, min(place, len(self.entries) - 1))
                ),
                label="delete",
            )
            self.stayed.discard(self.entries.pop(place))
        return count


@given(data=st.data(), size=st.integers(2, 7), count=st.integers(0, 40))
def test_what_stays_is_read_once_however_the_list_moves(data: st.DataObject, size: int, count: int) -> None:
    """With less than two pages of changes between two pages of new entries, what stays comes once.

    Pages are counted without the entry in which each overlaps the one before it. Of a list that is shorter
    than a page, this page counts as one: its size is all that is known.
    """
    place = Place()
    names: Entries = []
    moving = _Moving(data, size, a_list(count), set(a_list(count)))
    most = left = max(0, 2 * (min(size, count) - 1) - 1)
    while not place.is_over:
        page = moving.entries[place.offset : place.offset + size]
        new = place.take(page)
        names += [page[each] for each in new]
        left = most if new else left
        left -= moving.move(left, place.offset)

    assert len(names) == len(set(names))
    assert moving.stayed <= set(names)


# Lists without end.


def circle(length: int, way_in: int) -> dict[str, Server]:
    """Make servers whose pages go round in a circle: by request, by page, and by entry."""
    names = a_list((length + way_in + 1) * PAGE_SIZE)

    def page_of(number: int) -> int:
        return number if number < way_in else way_in + (number - way_in) % length

    def by_request(_: int, request: int) -> Sequence[str]:
        start = page_of(request) * PAGE_SIZE
        return names[start : start + PAGE_SIZE]

    def by_page(offset: int, _: int) -> Sequence[str]:
        start = page_of(offset // (PAGE_SIZE - 1)) * (PAGE_SIZE - 1)
        return names[start : start + PAGE_SIZE]

    def by_entry(offset: int, _: int) -> Sequence[str]:
        start, around = way_in * (PAGE_SIZE - 1), length * PAGE_SIZE
        places = range(offset, offset + PAGE_SIZE)
        return [names[place if place < start else start + (place - start) % around] for place in places]

    return {"request": by_request, "page": by_page, "entry": by_entry}


@pytest.mark.parametrize("by", ["request", "page", "entry"])
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_a_short_circle_of_pages_is_an_error_within_ten_requests(length: int, by: str) -> None:
    """A list that goes round and round is an error soon: that for the workspaces is the tenth request."""
    reading = read(circle(length, 0)[by])

    assert reading.error is not None
    assert "The list does not end" in str(reading.error)
    assert len(reading.offsets) <= 9
    assert not reading.has_doubles


@pytest.mark.parametrize("by", ["request", "page", "entry"])
@pytest.mark.parametrize("way_in", [0, 1, 3, 10])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 20])
def test_any_circle_of_pages_is_an_error(length: int, way_in: int, by: str) -> None:
    """A longer circle, and one behind pages that do not come again, is found within four rounds."""
    reading = read(circle(length, way_in)[by])

    assert reading.error is not None
    assert not reading.error.is_retryable
    assert len(reading.offsets) <= way_in + 4 * length + 10


def test_pages_of_ever_new_entries_do_not_fill_the_memory() -> None:
    """Of a list without end, as many names are remembered as ten pages have."""
    place = Place()

    for number in range(100):
        names = [f"entry {99 * number + each}" for each in range(100)]
        assert len(place.take(names)) >= 99
        held = sum(len(part) for part in (place._known, place._first, place._mark))
        assert held <= 10 * PAGE_SIZE


@pytest.mark.parametrize("count", [2, 40, 99])
def test_a_server_without_pages_is_read_once(count: int) -> None:
    """A server that ignores the offset, and has fewer entries than a page, is read whole, without doubles."""
    reading = read(lambda _, __: a_list(count))

    assert reading.error is None
    assert reading.names == a_list(count)
    assert len(reading.offsets) <= 10


@pytest.mark.parametrize("count", [2, 40, 99, 100, 250])
def test_a_server_that_has_one_page_alone_is_read_once(count: int) -> None:
    """A server that has all entries at offset 0, and none further on, is read whole in a few requests."""
    reading = read(lambda offset, _: [] if offset else a_list(count))

    assert reading.error is None
    assert reading.names == a_list(count)
    assert len(reading.offsets) <= 4


def test_an_empty_page_does_not_make_an_unchanged_page_the_last_one() -> None:
    """A page of the middle that comes again as it was, after an empty one, may have others behind it."""
    entries = a_list(18)
    changes = {3: deleted(0, 4), 4: created(4)}

    reading = read(pages_of(entries, 6, changes))

    assert reading.names == a_list(18)


def test_a_page_of_very_many_entries_is_refused() -> None:
    """A page of a thousand entries is read, and one more is an error."""
    assert len(Place().take(a_list(1000))) == 1000

    with pytest.raises(InvalidResponseError, match="1,001 entries"):
        Place().take(a_list(1001))


# The loop.


async def test_the_new_entries_of_each_page_come_with_their_places() -> None:
    """The loop reads page after page, and yields the places of new entries, for paths in errors."""
    entries = [{"id": number} for number in range(5)]
    offsets = []

    async def read_page(offset: int) -> Page:
        offsets.append(offset)
        return Page(entries[offset : offset + 3])

    pages: AsyncIterator[Any] = new_entries(read_page, lambda entry: str(entry["id"]))

    assert [page async for page in pages] == [
        [(0, {"id": 0}), (1, {"id": 1}), (2, {"id": 2})],
        [(1, {"id": 3}), (2, {"id": 4})],
        [],
    ]
    assert offsets == [0, 2, 4]
