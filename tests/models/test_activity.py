"""The usage of an account, as a value."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import date
from decimal import Decimal, localcontext

import cattrs
import pytest

from openrouter_credits import Activity, ActivityItem
from tests.kit.values import HARSH

FIRST = ActivityItem(date(2026, 11, 4), "openai/gpt-4.1", Decimal("1.5"), requests=3)
SECOND = ActivityItem(date(2026, 11, 3), "openai/gpt-4.1", Decimal("0.000000001"))
ACTIVITY = Activity((FIRST, SECOND), date(2026, 11, 3), date(2026, 11, 4))


def test_an_activity_is_a_sequence() -> None:
    """An activity has a length, places, slices and order, as a tuple has."""
    assert len(ACTIVITY) == 2
    assert list(ACTIVITY) == [FIRST, SECOND]
    assert (ACTIVITY[0], ACTIVITY[-1], ACTIVITY[1:]) == (FIRST, SECOND, (SECOND,))
    assert list(reversed(ACTIVITY)) == [SECOND, FIRST]
    assert SECOND in ACTIVITY
    with pytest.raises(IndexError):
        ACTIVITY[2]


def test_an_activity_without_entries_is_false() -> None:
    """An activity without entries is false, as an empty tuple is, and has a total of 0."""
    empty = Activity((), None, None, is_cut=True)

    assert not empty
    assert empty.total == 0


def test_the_total_is_exact() -> None:
    """The total is the exact sum of what was taken from the wallet, whatever the decimal context."""
    with localcontext(HARSH):
        assert str(ACTIVITY.total) == "1.500000001"


def test_an_activity_is_shown_short() -> None:
    """The repr of an activity has the number of its entries and its days; that of an entry what is known."""
    assert repr(ACTIVITY) == (
        "Activity(items=<2 of ActivityItem>, start=datetime.date(2026, 11, 3), "
        "end=datetime.date(2026, 11, 4), is_cut=False)"
    )
    assert repr(FIRST) == (
        "ActivityItem(date=datetime.date(2026, 11, 4), model='openai/gpt-4.1', usage=Decimal('1.5'), "
        "requests=3)"
    )


def test_an_activity_can_be_written_as_json() -> None:
    """The document of an activity has its entries, its days as ISO dates, and the total."""
    document = json.loads(ACTIVITY.to_json())

    assert list(document) == ["schema_version", "items", "start", "end", "is_cut", "total"]
    assert (document["start"], document["end"], document["is_cut"]) == ("2026-11-03", "2026-11-04", False)
    assert document["total"] == 1.500000001
    assert document["items"][0]["date"] == "2026-11-04"
    assert document["items"][1]["requests"] is None


def test_an_activity_can_be_copied_and_taken_apart() -> None:
    """Pickles and copies of an activity are equal to it, and cattrs gives plain containers."""
    copies = [pickle.loads(pickle.dumps(ACTIVITY)), copy.copy(ACTIVITY), copy.deepcopy(ACTIVITY)]

    assert copies == [ACTIVITY] * 3
    assert {hash(each) for each in copies} == {hash(ACTIVITY)}
    assert cattrs.unstructure(ACTIVITY)["items"][0]["model"] == "openai/gpt-4.1"
