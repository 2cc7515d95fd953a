"""Turns, and the seats that keys give back while all their calls wait."""

from __future__ import annotations

import asyncio
import math

import pytest
from attrs import define, field
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from openrouter_credits._batch.turn import Seat, Seats, Turn
from tests.kit.values import down

PATH = "/key"


def ignore(turn: Turn, error: BaseException | None) -> None:
    """Take no note of how a try ended."""


# Turns.


def test_a_new_turn_has_sent_nothing() -> None:
    """A new turn is for a first try that was not sent, and has neither refusals nor a fault."""
    seat = Seat()

    turn = Turn(seat, PATH, ignore)

    assert (seat, PATH) == (turn.seat, turn.path)
    assert (-math.inf, -math.inf, 0) == (turn.sent_at, turn.not_before, turn.waited)
    assert (0, (), None) == (turn.refusals, turn.strikes, turn.fault)
    assert (0, 0) == (turn.answers_before, turn.refusals_before)
    assert not any([turn.is_retry, turn.is_shared, turn.is_away])


@pytest.mark.parametrize(
    "error", [down(), KeyError("a bug"), asyncio.CancelledError(), KeyboardInterrupt()], ids=repr
)
def test_a_turn_tells_how_its_try_ended(error: BaseException) -> None:
    """A turn hands on what its try raised, and lets it pass unchanged."""
    noted: list[tuple[Turn, BaseException | None]] = []
    turn = Turn(Seat(), PATH, lambda turn, error: noted.append((turn, error)))

    with pytest.raises(type(error)) as raised, turn:
        assert [] == noted
        raise error

    assert raised.value is error
    assert [(turn, error)] == noted


def test_a_turn_tells_that_its_try_was_answered() -> None:
    """A turn whose try raises nothing hands on None."""
    noted: list[BaseException | None] = []
    turn = Turn(Seat(), PATH, lambda _, error: noted.append(error))

    with turn:
        pass

    assert [None] == noted


def test_each_try_decides_anew_whether_its_wait_is_shared() -> None:
    """A turn that was shared after one try is not shared after the next, unless the gate says so again."""
    decisions = [True, False, True]
    turn = Turn(Seat(), PATH, lambda turn, _: setattr(turn, "is_shared", turn.is_shared or decisions.pop(0)))
    shared = []

    for _ in range(3):
        with turn:
            pass
        shared.append(turn.is_shared)

    assert [True, False, True] == shared


# Seats.


@define(eq=False)
class Room:
    """Seats, and the calls that a test begins and ends, as gates do."""

    seats: Seats = field(init=False, factory=Seats)

    def begin(self, seat: Seat) -> Turn:
        """Begin a call of a key."""
        seat.calls += 1
        return Turn(seat, PATH, ignore)

    def end(self, turn: Turn) -> None:
        """End a call, whether or not it waits."""
        turn.seat.calls -= 1
        self.seats.come_back(turn)


def test_a_new_seat_is_of_a_key_without_calls_of_which_nothing_is_known() -> None:
    """A new seat has no calls, is not away, and knows no answer; no two seats share what they know."""
    seat = Seat()

    assert (0, 0, False, {}) == (seat.calls, seat.away, seat.is_away, seat.known)
    assert seat.known is not Seat().known


def test_a_key_whose_only_call_waits_gives_its_seat_back() -> None:
    """A key with one call is away while it waits to be tried again, and not before or after."""
    room, seat = Room(), Seat()
    turn = room.begin(seat)
    assert (0, False) == (room.seats.away, seat.is_away)

    room.seats.give_back(turn)
    assert (1, True) == (room.seats.away, seat.is_away)

    room.seats.come_back(turn)
    assert (0, False) == (room.seats.away, seat.is_away)

    room.seats.give_back(turn)
    assert (1, True) == (room.seats.away, seat.is_away)


def test_a_key_with_a_call_under_way_keeps_its_seat() -> None:
    """A key with two calls is away only while both of them wait."""
    room, seat = Room(), Seat()
    first, second = room.begin(seat), room.begin(seat)

    room.seats.give_back(first)
    assert 0 == room.seats.away
    room.seats.give_back(second)
    assert 1 == room.seats.away
    room.seats.come_back(first)
    assert 0 == room.seats.away
    room.seats.give_back(first)
    assert 1 == room.seats.away


def test_a_key_is_away_when_the_last_call_that_does_not_wait_ends() -> None:
    """A key one of whose calls waits is away as soon as its other call is over."""
    room, seat = Room(), Seat()
    waits, ends = room.begin(seat), room.begin(seat)
    room.seats.give_back(waits)

    room.end(ends)

    assert 1 == room.seats.away
    room.end(waits)
    assert 0 == room.seats.away


@pytest.mark.parametrize("is_away", [False, True])
def test_a_key_without_calls_is_not_away(is_away: bool) -> None:
    """A key whose last call ends, in a try or while it waits, is not away."""
    room = Room()
    turn = room.begin(Seat())
    if is_away:
        room.seats.give_back(turn)

    room.end(turn)

    assert 0 == room.seats.away
    assert (0, 0, False) == (turn.seat.calls, turn.seat.away, turn.is_away)


def test_to_come_back_twice_counts_once() -> None:
    """A call that does not wait may come back: the first try of each call does."""
    room, seat = Room(), Seat()
    first, second = room.begin(seat), room.begin(seat)
    room.seats.give_back(second)

    room.seats.come_back(first)
    room.seats.come_back(first)

    assert 1 == seat.away
    room.seats.give_back(first)
    assert 1 == room.seats.away


class SeatsRules(RuleBasedStateMachine):
    """Seats agree with a plain count of keys all of whose calls wait, for any sequence of events."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Room()
        self.places = [Seat() for _ in range(3)]
        self.turns: list[Turn] = []
        self.waiting: set[int] = set()

    def away(self) -> set[int]:
        """Return the places of keys that have calls, all of which wait."""
        calls = {
            number: [turn for turn in self.turns if turn.seat is seat]
            for number, seat in enumerate(self.places)
        }
        return {
            number
            for number, turns in calls.items()
            if turns and all(id(turn) in self.waiting for turn in turns)
        }

    @rule(place=st.integers(0, 2))
    def begin(self, place: int) -> None:
        """Begin a call of a key; none of a key that is away, for then it begins no other call."""
        if place not in self.away():
            self.turns.append(self.room.begin(self.places[place]))

    @precondition(lambda self: self.turns)
    @rule(place=st.integers(0, 20))
    def wait(self, place: int) -> None:
        """Let a call wait to be tried again."""
        turn = self.turns[place % len(self.turns)]
        if id(turn) not in self.waiting:
            self.waiting.add(id(turn))
            self.room.seats.give_back(turn)

    @precondition(lambda self: self.turns)
    @rule(place=st.integers(0, 20))
    def try_again(self, place: int) -> None:
        """Send a call, whether or not it waited."""
        turn = self.turns[place % len(self.turns)]
        self.waiting.discard(id(turn))
        self.room.seats.come_back(turn)

    @precondition(lambda self: self.turns)
    @rule(place=st.integers(0, 20))
    def end(self, place: int) -> None:
        """End a call, whether or not it waited."""
        turn = self.turns.pop(place % len(self.turns))
        self.waiting.discard(id(turn))
        self.room.end(turn)

    @invariant()
    def counts_agree(self) -> None:
        """Seats count the keys that are away, and each seat knows whether it is one of them."""
        away = self.away()
        assert len(away) == self.room.seats.away
        assert away == {number for number, seat in enumerate(self.places) if seat.is_away}

    def teardown(self) -> None:
        """End all calls; nobody is away then."""
        while self.turns:
            self.end(0)
        assert 0 == self.room.seats.away
        assert all((0, 0) == (seat.calls, seat.away) for seat in self.places)


TestSeats = SeatsRules.TestCase
