"""The fault matrix is complete: each row has a test, and each test names its rows."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROWS = set(range(1, 52))
HERE = Path(__file__).parent
ABOUT_NO_ROW = {"test_matrix.py", "test_sinks.py"}
"""Files that test the matrix and its shared assertion."""


@cache
def rows_of_tests() -> dict[str, set[int]]:
    """Map each test to the rows in its marker; read from the source, so that a run of a few tests shows no gaps."""
    found: dict[str, set[int]] = {}
    for path in sorted(HERE.glob("test_*.py")):
        if path.name in ABOUT_NO_ROW:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                marks = [mark for mark in node.decorator_list if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.row"]
                found[f"{path.name}::{node.name}"] = {ast.literal_eval(row) for mark in marks for row in mark.args}
    return found


def test_each_row_has_a_test() -> None:
    """Each row of the fault matrix has at least one test that provokes its fault."""
    assert sorted(ROWS - set().union(*rows_of_tests().values())) == []


def test_each_test_names_its_rows() -> None:
    """Each test of the matrix names rows that exist; a named row makes the shared assertion obligatory."""
    tests = rows_of_tests()

    assert [test for test, rows in tests.items() if not rows or not rows <= ROWS] == []
