"""Levels are ordered by how bad they are, and compare with their names."""

from __future__ import annotations

import itertools
import operator
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from openrouter_credits import Level

ORDER = ["OK", "LOW", "UNKNOWN", "CRITICAL", "DEPLETED", "INVALID"]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


def test_a_worse_level_is_greater() -> None:
    """Levels are ordered from OK to INVALID, and max() is the worst."""
    assert [str(level) for level in sorted(Level)] == ORDER
    assert max(Level) is Level.INVALID
    assert max([Level.OK, Level.LOW, Level.UNKNOWN, Level.CRITICAL]) is Level.CRITICAL
    assert max([Level.OK, Level.UNKNOWN]) is Level.UNKNOWN


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize(("one", "other"), list(itertools.product(ORDER, ORDER)))
def test_a_name_compares_as_its_level(one: str, other: str, compare: Callable[[Any, Any], bool]) -> None:
    """All six comparisons are the same for two levels, and for a level and a name on either side."""
    expected = compare(ORDER.index(one), ORDER.index(other))

    assert compare(Level(one), Level(other)) is expected
    assert compare(Level(one), other) is expected
    assert compare(one, Level(other)) is expected


@pytest.mark.parametrize("compare", COMPARISONS[:4])
@pytest.mark.parametrize("text", ["ok", "", "FINE", "OK "])
def test_another_text_has_no_place(text: str, compare: Callable[[Any, Any], bool]) -> None:
    """A comparison of order with a text that names no level raises ValueError that lists the names."""
    with pytest.raises(ValueError, match="OK, LOW, UNKNOWN, CRITICAL, DEPLETED, INVALID"):
        compare(Level.OK, text)
    with pytest.raises(ValueError, match="a level is one of"):
        compare(text, Level.OK)


def test_another_text_is_not_equal() -> None:
    """A level is not equal to a text that does not name it, without an error."""
    assert Level.OK != "ok"
    assert "FINE" not in list(Level)


@pytest.mark.parametrize("compare", COMPARISONS[:4])
@pytest.mark.parametrize("other", [1, None, 0.5])
def test_a_level_has_no_order_with_other_types(other: Any, compare: Callable[[Any, Any], bool]) -> None:
    """A comparison of order with anything but a text raises TypeError."""
    with pytest.raises(TypeError):
        compare(Level.OK, other)


def test_a_level_hashes_as_its_name() -> None:
    """A level is found in a dictionary by its name, and by its copy from a pickle."""
    codes = dict.fromkeys(Level, 0)

    assert all(name in codes for name in ORDER)
    assert all(pickle.loads(pickle.dumps(level)) is level for level in Level)
