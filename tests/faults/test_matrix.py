"""The matrix itself: no row without a test, no test without a row."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROWS = set(range(1, 52))
HERE = Path(__file__).parent
ABOUT_NO_ROW = {"test_matrix.py", "test_sinks.py"}


@cache
def rows_of_tests() -> dict[str, set[int]]:
    """Read which rows each test names, from the source: a run of a few tests must not look like gaps."""
    found: dict[str, set[int]] = {}
    for path in sorted(HERE.glob("test_*.py")):
        if path.name in ABOUT_NO_ROW:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                marks = [mark for mark in node.decorator_list if ast.unparse(mark).startswith("pytest.mark.row(")]
                found[f"{path.name}::{node.name}"] = {ast.literal_eval(row) for mark in marks for row in mark.args}  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("row", sorted(ROWS))
def test_each_row_has_a_test(row: int) -> None:
    """Each fault that the matrix lists is provoked by at least one test."""
    assert [test for test, rows in rows_of_tests().items() if row in rows]


def test_each_test_names_its_rows() -> None:
    """Every test here hands its calls to the shared assertion, which its row's marker enforces."""
    tests = rows_of_tests()

    assert [test for test, rows in tests.items() if not rows or not rows <= ROWS] == []
