"""The calls that wait: who goes next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits._batch.queues import Queues, Waiter
from openrouter_credits._batch.turn import Seat, Turn


def waiter(path: str = "/key", *, needs_token: bool = False, refusals: int = 0) -> Waiter:
    """Make a call that waits, without a future: a queue does not look at it."""
    turn = Turn(Seat(), path, lambda _, __: None)
    turn.refusals = refusals
    return Waiter(turn, None, needs_token)  # type: ignore[arg-type]  # nothing in a queue looks at the future


def queues_of(*waiters: Waiter) -> Queues:
    """Make queues in which calls wait that came in this order."""
    queues = Queues()
    for each in waiters:
        queues.add(each)
    return queues


def test_new_queues_are_empty() -> None:
    """Nobody waits at first; calls of both kinds are counted."""
    assert 0 == Queues().size
    assert 1 == queues_of(waiter()).size
    assert 1 == queues_of(waiter(needs_token=True)).size
    assert 3 == queues_of(waiter(), waiter(needs_token=True), waiter()).size


def test_retries_that_cost_a_token_wait_apart() -> None:
    """Each of the two queues is served in the order in which its calls came."""
    calls = [waiter(needs_token=needs_token) for needs_token in (False, True, False, True)]
    queues = queues_of(*calls)

    order = [queues.first(of_retries=of_retries) for of_retries in (True, False, False, True)]

    assert [calls[1], calls[0], calls[2], calls[3]] == order
    assert 0 == queues.size


@pytest.mark.parametrize("needs_token", [False, True])
def test_a_call_can_be_taken_out(needs_token: bool) -> None:
    """A call that waits no longer is forgotten; to forget one that does not wait changes nothing."""
    first, second, stranger = (waiter(needs_token=needs_token) for _ in range(3))
    queues = queues_of(first, second)

    queues.remove(stranger)
    queues.remove(first)
    queues.remove(first)

    assert 1 == queues.size
    assert second is queues.first(of_retries=needs_token)
    assert 0 == queues.size


def test_the_newest_call_probes() -> None:
    """The last call that came probes; retries that cost a token only if no other call waits, oldest first."""
    calls = [waiter(), waiter(), waiter(needs_token=True), waiter(needs_token=True)]
    queues = queues_of(*calls)

    order = [queues.probe(set()) for _ in calls]

    assert [calls[1], calls[0], calls[2], calls[3]] == order
    assert 0 == queues.size


@pytest.mark.parametrize(
    ("silent", "expected"),
    [
        ({"/key"}, [2, 1, 3, 0]),
        ({"/credits"}, [3, 0, 2, 1]),
        ({"/key", "/credits"}, [3, 2, 1, 0]),
    ],
    ids=["key", "credits", "both"],
)
def test_a_path_that_is_not_silent_probes_first(silent: set[str], expected: list[int]) -> None:
    """The newest call for a path that was answered lately probes, or the newest of all if there is none."""
    calls = [waiter("/key"), waiter("/credits"), waiter("/credits"), waiter("/key")]
    queues = queues_of(*calls)

    order = [calls.index(queues.probe(silent)) for _ in calls]

    assert expected == order
    assert 0 == queues.size


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        ([(False, 0), (False, 1), (True, 0)], [0, 2, 1]),
        ([(False, 3), (False, 2), (True, 1)], [2, 1, 0]),
        ([(True, 1), (True, 1), (False, 1)], [2, 0, 1]),
        ([(True, 2)], [0]),
    ],
    ids=str,
)
def test_the_least_refused_call_goes_first(waiting: list[tuple[bool, int]], expected: list[int]) -> None:
    """Calls of both queues go in the order of their refusals; equal ones as they came, retries last."""
    calls = [waiter(needs_token=needs_token, refusals=refusals) for needs_token, refusals in waiting]
    queues = queues_of(*calls)

    order = [calls.index(queues.least_refused(set())) for _ in calls]

    assert expected == order
    assert 0 == queues.size


def test_a_path_that_was_not_refused_asks_first() -> None:
    """After a pause, calls for a path that was not refused go first, however often they were refused."""
    calls = [waiter("/credits"), waiter("/credits", refusals=1), waiter("/key", refusals=3)]
    queues = queues_of(*calls)

    order = [calls.index(queues.least_refused({"/credits"})) for _ in calls]

    assert [2, 0, 1] == order


@given(
    st.lists(st.tuples(st.sampled_from(["/key", "/credits"]), st.booleans(), st.integers(0, 3)), max_size=12),
    st.lists(st.sampled_from(["first", "retry", "probe", "least", "remove"]), max_size=20),
)
def test_no_call_is_lost_or_served_twice(waiting: list[tuple[str, bool, int]], ways: list[str]) -> None:
    """In whatever way calls are taken out, each comes once, and the queues are empty after the last one."""
    left = [
        waiter(path, needs_token=needs_token, refusals=refusals) for path, needs_token, refusals in waiting
    ]
    queues = queues_of(*left)

    for way in ways:
        if not left:
            break
        if way == "remove":
            queues.remove(left.pop(0))
            continue
        match way:
            case "first" if queues.others:
                taken = queues.first(of_retries=False)
            case "retry" if queues.retries:
                taken = queues.first(of_retries=True)
            case "probe":
                taken = queues.probe({"/key"})
            case _:
                taken = queues.least_refused(set())
        left.remove(taken)

    assert len(left) == queues.size == len(queues.others) + len(queues.retries)
