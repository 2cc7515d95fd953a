"""The fault matrix is complete: each row has a test, and each test names its rows."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROWS = {
    1: "401",
    2: "402, 403 and 404, each with its own class and remedy",
    3: "429 with Retry-After",
    4: "429 with X-RateLimit-Reset",
    5: "429 with X-RateLimit-Reset in the body only",
    6: "429 whose reset is hours ahead",
    7: "Retry-After as an HTTP date, in any local time zone",
    8: "hints that are no valid hints",
    9: "Retry-After far beyond the deadline",
    10: "two Retry-After headers; Retry-After: 0",
    11: "a wrong local clock beside hints that are moments",
    12: "503 to the end",
    13: "502 with a huge page, through one connection",
    14: "statuses that pass by themselves, and others that do not",
    15: "503 twice, then an answer",
    16: "connection refused; name not found",
    17: "first address refused, second good",
    18: "connections lost before, in and after the head",
    19: "a kept connection that the server has closed",
    20: "writes that fail at any point",
    21: "bodies that are cut or corrupt",
    22: "bodies that are cut unnoticed, empty, or in another encoding",
    23: "bodies that are whole, and something else",
    24: "errors inside a 200",
    25: "figures that are no amounts",
    26: "unknown fields and values; wrong optional fields",
    27: "JSON nested too deeply",
    28: "a byte now and then",
    29: "silence, and queues for a connection",
    30: "bombs and endless bodies",
    31: "answers that are not HTTP",
    32: "certificates, and plaintext on https",
    33: "redirects",
    34: "keys with impossible characters",
    35: "a server that repeats the key",
    36: "netrc, proxies of the environment, and a proxy that refuses",
    37: "cookies",
    38: "base URLs and paths that lead elsewhere",
    39: "cancellation",
    40: "a 0/0 that nothing confirms",
    41: "many keys: one bad key, and keys with a daily limit",
    42: "many keys: a limit of requests a second",
    43: "many keys: a dead host",
    44: "many keys: a host that is dead for a moment",
    45: "many keys: no file descriptors left",
    46: "closing, closing again, and other event loops",
    47: "clients that are never closed",
    48: "jumps of the wall clock",
    49: "pickle, copy, asdict and json of public values",
    50: "another decimal context",
    51: "a borrowed session with settings of its own",
    52: "batches cut short from outside",
    53: "calls through a proxy with a password, cut short from outside",
    54: "a key repeated inside a value",
    55: "budgets and bounds that cannot be read",
    56: "residues of floating-point arithmetic",
    57: "keys that cannot spend at all",
    58: "many keys: some hang",
    59: "many keys: a burst of refusals, then a healthy host",
    60: "many keys: stray refusals",
    61: "many keys: refused for ever",
    62: "many keys: an exact quota with Retry-After, as 429 or 503",
    63: "many keys: a process that was stopped",
    64: "many keys: the reason of a dead host",
    65: "cancellation inside an asynchronous source",
    66: "thousands of calls with one deadline",
    67: "bodies of too many elements",
    68: "the kinds of 403 and 402",
    69: "proxies: without a scheme, of another kind, refusing",
    70: "a session that raises anything",
    71: "a slow name look-up",
    72: "base URLs that no name look-up takes",
    73: "certificates of an unknown authority",
    74: "lists of keys that move, never end, or fail in part",
    75: "keys that are made, changed or deleted",
    76: "activity that is cut, doubled or too large",
    77: "looks that are shared, and amounts that are required or reserved",
    78: "a watch whose host dies, whose source fails, or that is cut short from outside",
}
"""What can go wrong, a row each; a test names its rows with `@pytest.mark.row(3, 4)`, or all of a file do."""
HERE = Path(__file__).parent
ABOUT_NO_ROW = {"test_matrix.py", "test_sinks.py"}
"""Files that test the matrix and its shared assertion."""


@cache
def rows_of_tests() -> dict[str, set[int]]:
    """Map each test to the rows in its marker, read from the source: a run of a few tests shows no gaps."""
    found: dict[str, set[int]] = {}
    for path in sorted(HERE.glob("test_*.py")):
        if path.name in ABOUT_NO_ROW:
            continue
        module = ast.parse(path.read_text(encoding="utf-8"))
        of_all = [
            node.value
            for node in module.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
        ]
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found[f"{path.name}::{node.name}"] = {
                    ast.literal_eval(row)
                    for mark in (*of_all, *node.decorator_list)
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.row"
                    for row in mark.args
                }
    return found


def test_each_row_has_a_test() -> None:
    """Each row of the fault matrix has at least one test that provokes its fault."""
    assert {row: ROWS[row] for row in ROWS.keys() - set().union(*rows_of_tests().values())} == {}


def test_each_test_names_its_rows() -> None:
    """Each test of the matrix names rows that exist; a named row makes the shared assertion obligatory."""
    tests = rows_of_tests()

    assert [test for test, rows in tests.items() if not rows or not rows <= ROWS.keys()] == []
