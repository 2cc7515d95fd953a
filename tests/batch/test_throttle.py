"""A host that refuses requests, without an event loop; the tests set the clock."""

from __future__ import annotations

import math

import pytest
from attrs import define, field

from openrouter_credits._batch.throttle import Throttle
from openrouter_credits._batch.turn import Seat, Turn

BEFORE = pytest.mark.parametrize("before", [0.1, 0.0], ids=["earlier", "by the clock at once"])
"""Seconds from a request to the pause that began after it: the clocks of some machines are coarse."""


@define(eq=False)
class Edge:
    """A throttle whose clock is set by the test; each request is of a key of its own unless it names one."""

    now: float = 1000.0
    is_faster: bool = True
    throttle: Throttle = field(init=False, factory=Throttle)

    def send(self, seat: Seat | None = None) -> Turn:
        """Send the first request of a call."""
        return self.send_again(Turn(seat or Seat(), "/key", lambda _, __: None))

    def send_again(self, turn: Turn) -> Turn:
        """Send another request of a call."""
        self.throttle.sent()
        turn.sent_at = self.now
        return turn

    def answer(self, times: int = 1) -> None:
        """Send requests that are answered at once."""
        for _ in range(times):
            self.throttle.answered(self.send().sent_at)

    def refuse(self, turn: Turn | None = None, hint: float | None = None) -> bool:
        """Refuse a request, by default one that is sent now; return whether all pause because of it."""
        turn = turn or self.send()
        is_news = self.throttle.refused(turn, self.now, is_faster=self.is_faster)
        self.throttle.pause(hint, sent_at=turn.sent_at, now=self.now)
        turn.refusals += 1
        return is_news

    def mix(self, pattern: str) -> list[bool]:
        """Answer (".") and refuse ("x") requests; return for each refusal whether all pause because of it."""
        news = []
        for each in pattern:
            if each == ".":
                self.answer()
            else:
                news.append(self.refuse())
        return news

    def meet_limit(self, hint: float | None = None) -> None:
        """Let four keys be refused, so that all pause."""
        assert [False] * 3 + [True] == [self.refuse(hint=hint) for _ in range(4)]

    def wait(self) -> float:
        """Return how long the next request has to wait."""
        return self.throttle.delay(self.now)

    def sent_until_full(self) -> int:
        """Send requests as long as they may go, a hundred at most; return how many went."""
        count = 0
        while count < 100 and self.wait() <= 0:
            self.send()
            count += 1
        return count


# When all pause.


def test_at_first_nothing_waits() -> None:
    """A new throttle holds nothing back, and knows of no limit."""
    edge = Edge()

    assert 100 == edge.sent_until_full()
    assert not edge.throttle.is_refusing
    assert edge.throttle.refusing_since is None
    assert not edge.throttle.has_paused


@pytest.mark.parametrize(
    ("pattern", "news"),
    [
        ("xxx", [0, 0, 0]),
        ("xxxx", [0, 0, 0, 1]),
        ("xxx.x", [0, 0, 0, 0]),
        ("xxx.xxx", [0, 0, 0, 0, 0, 1]),
        ("x.x.x.x.x", [0] * 5),
        ("x.x.x.x.x.x", [0] * 5 + [1]),
        ("x" + 4 * "...x", [0] * 5),
        ("x" + 5 * "..x", [0] * 5 + [1]),
        ("x" + 4 * "...x" + "..x", [0] * 5 + [1]),  # the first of them is the last but nineteen
        ("x" + 4 * "...x" + "...x", [0] * 6),
    ],
)
def test_refusals_must_be_many_to_pause_all(pattern: str, news: list[bool]) -> None:
    """All pause after four refusals in a row, or six among the last twenty answers; not before."""
    edge = Edge()

    assert news == edge.mix(pattern)

    assert edge.throttle.is_refusing is bool(news[-1])
    assert (edge.wait() > 0) is bool(news[-1])


def test_a_slower_pace_forgives_refusals_among_answers() -> None:
    """At a pace that has not become faster since the last pause, only four refusals in a row pause all."""
    edge = Edge(is_faster=False)

    assert not any(edge.mix("x." * 10))
    assert [False] * 3 + [True] == edge.mix("xxxx")


@pytest.mark.parametrize(
    ("keys", "expected"), [("aaaa", False), ("aabb", False), ("aabc", True), ("abcd", True)]
)
def test_refusals_of_two_keys_say_nothing_of_the_host(keys: str, expected: bool) -> None:
    """Refusals of three different keys are the host's; those of two keys may be about these."""
    edge = Edge()
    seats = {key: Seat() for key in keys}

    assert [False] * 3 + [expected] == [edge.refuse(edge.send(seats[key])) for key in keys]


def test_a_third_key_makes_many_refusals_the_hosts() -> None:
    """Any number of refusals of two keys pause nothing, until a third key is refused among them."""
    edge = Edge()
    seats = [Seat(), Seat()]

    assert not any(edge.refuse(edge.send(seat)) for seat in seats * 50)

    assert edge.refuse(edge.send(Seat()))


def test_a_call_that_is_refused_again_says_nothing_of_the_host() -> None:
    """Only the first refusal of a call counts: calls that come back may have met limits of their own."""
    edge = Edge()
    calls = [edge.send() for _ in range(3)]
    assert not any(edge.refuse(call) for call in calls)

    for _ in range(20):
        edge.now += 1
        assert not any(edge.refuse(edge.send_again(call)) for call in calls)
        edge.answer()

    assert [False, False, False, True] == edge.mix("xxxx")


def test_a_dozen_refusals_without_an_answer_mean_the_host() -> None:
    """Twelve refusals in a row count although their calls were refused before: nothing else is answered."""
    edge = Edge()
    calls = [edge.send() for _ in range(3)]
    news = [edge.refuse(call) for call in calls]

    for _ in range(3):
        edge.now += 1
        news += [edge.refuse(edge.send_again(call)) for call in calls]

    assert [False] * 11 + [True] == news


def test_paths_that_were_refused_are_known_until_an_answer() -> None:
    """Paths that are refused in a stretch of refusals are noted until an answer; those before it are not."""
    edge = Edge()
    edge.refuse(edge.send_again(Turn(Seat(), "/credits", lambda _, __: None)))
    edge.answer()
    assert set() == edge.throttle.paths

    edge.meet_limit()
    assert {"/key"} == edge.throttle.paths

    edge.now += 1
    edge.answer()
    assert set() == edge.throttle.paths


# How long they pause.


@pytest.mark.parametrize(("hint", "pause"), [(None, 1.0), (0.0, 1.0), (0.25, 1.0), (1.5, 1.5), (60.0, 60.0)])
def test_a_pause_lasts_as_long_as_the_hint(hint: float | None, pause: float) -> None:
    """A pause lasts as long as the hint, and a second at least."""
    edge = Edge()

    edge.meet_limit(hint)

    assert pytest.approx(pause) == edge.wait()
    assert edge.now == edge.throttle.refusing_since
    edge.now += pause
    assert 0 == edge.wait()


def test_a_pause_without_a_hint_is_longer_after_ten_seconds() -> None:
    """After ten seconds of nothing but refusals, a pause lasts four seconds at least."""
    edge = Edge()
    edge.meet_limit()
    pauses = []

    for seconds in [9.9, 0.2]:
        edge.now += seconds
        edge.refuse()
        pauses.append(edge.wait())
    edge.now += 20
    edge.refuse(hint=3.0)
    pauses.append(edge.wait())
    edge.now += 20
    edge.refuse(hint=5.0)
    pauses.append(edge.wait())

    assert pytest.approx([1, 4, 4, 5]) == pauses
    assert 1000.0 == edge.throttle.refusing_since


def test_a_stretch_of_ten_seconds_is_long() -> None:
    """The pause that begins ten seconds after the first refusal lasts four seconds."""
    edge = Edge()
    edge.meet_limit()

    edge.now += 10
    edge.refuse()

    assert pytest.approx(4) == edge.wait()


@BEFORE
@pytest.mark.parametrize(("hint", "expected"), [(0.2, 0.5), (2.0, 2.0), (None, 0.5)])
def test_refusals_of_requests_from_before_the_pause_can_lengthen_it(
    hint: float | None, expected: float, before: float
) -> None:
    """A refusal of a request from before the pause lengthens it to its own hint, and begins no new one."""
    edge = Edge()
    late = edge.send()
    edge.now += before
    edge.meet_limit()
    edge.now += 0.5

    assert not edge.refuse(late, hint)

    assert pytest.approx(expected) == edge.wait()
    edge.now += expected
    assert 4 == edge.sent_until_full()


def test_a_later_hint_does_not_shorten_a_pause() -> None:
    """A try that is refused with a short hint does not shorten the pause that another refusal asked for."""
    edge = Edge()
    late = edge.send()
    edge.now += 0.1
    edge.meet_limit()
    edge.now += 1
    asks = edge.send()
    edge.refuse(late, 30.0)

    edge.refuse(asks, 1.0)

    assert pytest.approx(30) == edge.wait()


def test_the_longest_hint_of_a_stretch_is_known() -> None:
    """The longest wait that the host asked for is known, also from requests that were sent before."""
    edge = Edge()
    late = edge.send()
    edge.now += 0.1
    edge.meet_limit(2.0)
    assert 2 == edge.throttle.longest

    edge.refuse(late, 7.0)
    edge.now += 10
    edge.refuse(hint=3.0)
    assert 7 == edge.throttle.longest

    edge.now += 10
    edge.answer()
    edge.now += 0.1
    edge.meet_limit(1.0)
    assert 1 == edge.throttle.longest


# Who asks after a pause.


def test_four_tries_ask_after_a_pause() -> None:
    """After a pause four requests go; the others wait until one of these is over."""
    edge = Edge()
    edge.answer(50)
    edge.meet_limit()

    edge.now += 1
    assert 4 == edge.sent_until_full()
    assert math.inf == edge.wait()
    edge.now += 60
    assert math.inf == edge.wait()


@BEFORE
def test_a_try_that_says_nothing_makes_room_for_another(before: float) -> None:
    """A try that ends without an answer makes room for another; a request from before the pause does not."""
    edge = Edge()
    from_before = edge.send()
    edge.now += before
    edge.meet_limit()
    edge.now += 1
    sent_at = edge.now
    assert 4 == edge.sent_until_full()

    edge.throttle.ended(from_before.sent_at)
    assert 0 == edge.sent_until_full()
    edge.throttle.ended(sent_at)
    assert 1 == edge.sent_until_full()


def test_a_try_that_is_refused_begins_the_next_pause() -> None:
    """After a refused try all pause again, which is no news, and four others ask after that."""
    edge = Edge()
    edge.meet_limit()
    edge.now += 1
    tries = [edge.send() for _ in range(4)]
    assert math.inf == edge.wait()
    edge.now += 0.2

    assert not any(edge.refuse(turn, hint=0.5) for turn in tries)

    assert pytest.approx(1) == edge.wait()
    edge.now += 1
    assert 4 == edge.sent_until_full()


def test_the_first_answer_ends_it() -> None:
    """The answer to a try ends the refusing: any number of requests go, and old refusals are forgotten."""
    edge = Edge()
    edge.meet_limit()
    edge.now += 1

    edge.answer()

    assert not edge.throttle.is_refusing
    assert 0 == edge.wait()
    assert 100 == edge.sent_until_full()
    edge.now += 0.1
    assert [False] * 3 + [True] == edge.mix("xxxx")


@BEFORE
def test_answers_from_before_the_limit_end_nothing(before: float) -> None:
    """The answer to a request that was sent before the pause began says nothing of the limit."""
    edge = Edge()
    from_before = edge.send()
    edge.now += before
    edge.meet_limit()

    edge.throttle.answered(from_before.sent_at)

    assert edge.throttle.is_refusing
    assert pytest.approx(1) == edge.wait()


def test_the_answer_to_an_earlier_try_ends_it() -> None:
    """A try whose neighbour was refused may be answered: the host answers some, and the pause is over."""
    edge = Edge()
    edge.meet_limit()
    edge.now += 1
    asks = edge.send()
    edge.now += 0.1
    edge.refuse()
    assert pytest.approx(1) == edge.wait()

    edge.throttle.answered(asks.sent_at)

    assert not edge.throttle.is_refusing
    assert 0 == edge.wait()


@pytest.mark.parametrize(("later", "counts"), [(-0.1, False), (0.0, False), (0.1, True)])
def test_refusals_from_before_the_last_pause_are_of_the_limit_that_is_over(
    later: float, counts: bool
) -> None:
    """Refusals of requests that were sent before the last pause do not count towards the next one."""
    edge = Edge()
    edge.meet_limit()
    paused_at = edge.now
    edge.now += 1
    edge.answer()
    late = [Turn(Seat(), "/key", lambda _, __: None) for _ in range(4)]
    for turn in late:
        turn.sent_at = paused_at + later

    assert [False] * 3 + [counts] == [edge.refuse(turn) for turn in late]


def test_a_limit_is_known_from_the_end_of_the_first_pause_on() -> None:
    """The host is known to have a limit for all once it has answered after a pause, and ever after."""
    edge = Edge()
    known = []

    edge.meet_limit()
    known.append(edge.throttle.has_paused)  # not yet: it may refuse for another reason, and for ever
    for seconds in (1, 1e6):
        edge.now += seconds
        edge.answer(100)
        known.append(edge.throttle.has_paused)

    assert [False, True, True] == known


def test_a_hint_without_a_pause_changes_nothing() -> None:
    """The hint of a single refusal holds back nothing but its own call."""
    edge = Edge()

    edge.throttle.pause(30.0, sent_at=edge.send().sent_at, now=edge.now)

    assert (0, 0) == (edge.wait(), edge.throttle.longest)


def test_a_pause_of_a_limit_that_is_over_does_not_count() -> None:
    """The pause of the next limit lasts as long as its own hint, even if the last one was cut short."""
    edge = Edge()
    edge.meet_limit()
    edge.now += 1
    asks = edge.send()
    edge.now += 0.1
    edge.refuse(hint=50.0)
    edge.throttle.answered(asks.sent_at)
    edge.now += 0.1

    edge.meet_limit(2.0)

    assert pytest.approx(2) == edge.wait()
