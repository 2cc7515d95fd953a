"""Tables, and the lines that they become on narrow terminals."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from openrouter_credits.cli._screen import make_table
from openrouter_credits.cli._table import Sheet, fold


def drawn(sheet: Sheet, width: int) -> list[str]:
    """Draw a table on a terminal of this width; return its lines without the blanks at their ends."""
    out = io.StringIO()
    Console(file=out, width=width, _environ={}).print(sheet, crop=False, overflow="ignore")
    return [line.rstrip() for line in out.getvalue().splitlines()]


def keys(*names: str, why: str = "wallet") -> Sheet:
    """Make a table of keys."""
    sheet = make_table("Level", "Key", ">Left", "Why", heads=2)
    for name in names:
        sheet.add_row("OK", name, "$7.00", why)
    return sheet


def test_a_wide_terminal_has_columns() -> None:
    """Columns are aligned, amounts to the right, markup is text, and there are no rules."""
    sheet = keys("a", "[bold red]")
    sheet.add_row("LOW", "", "$1,000.00", "")

    assert [
        "Level  Key              Left  Why",
        "OK     a               $7.00  wallet",
        "OK     [bold red]      $7.00  wallet",
        "LOW                $1,000.00",
    ] == drawn(sheet, 60)


def test_a_narrow_terminal_has_a_paragraph_for_each_row() -> None:
    """Below 60 columns each row is a title and `name: value` lines, without its empty cells."""
    sheet = keys("a-name", "b", why="the budget of the workspace until 2026-11-30")
    sheet.add_row("LOW", "c", "", "")

    assert [
        "OK  a-name",
        "  Left: $7.00",
        "  Why: the budget of the workspace until",
        "    2026-11-30",
        "",
        "OK  b",
        "  Left: $7.00",
        "  Why: the budget of the workspace until",
        "    2026-11-30",
        "",
        "LOW  c",
    ] == drawn(sheet, 40)


def test_short_rows_are_a_line_each() -> None:
    """Rows that all fit into a line each have no blank lines between them."""
    assert ["OK  a   Left: $7.00   Why: wallet", "OK  b   Left: $7.00   Why: wallet"] == drawn(
        keys("a", "b"), 59
    )


def test_words_are_whole_rather_than_in_columns() -> None:
    """A table whose words do not fit becomes lines on a wide terminal too; an address is never cut."""
    address = f"https://example.org/{'x' * 50}"

    lines = drawn(keys("a", why=f"see {address}"), 80)

    assert ["OK  a", "  Left: $7.00", "  Why: see", f"    {address}"] == lines


def test_dates_are_never_folded() -> None:
    """A column of dates keeps its width; it does not fit where a date would have to be folded."""
    sheet = make_table("Key", "Expires", ">Left")
    sheet.add_row("k" * 50, "5 Jan 2027", "$7.00")

    assert ["k" * 20 + "  5 Jan 2027  $7.00"] == drawn(sheet, 60)[1:2]
    assert sheet.fits(60)
    assert not sheet.fits(59)
    sheet.add_row("k", "x" * 80, "$7.00")
    assert not sheet.fits(100)


def test_columns_share_what_room_there_is() -> None:
    """Columns that must be folded get the same width, and none is narrower than its longest word."""
    sheet = make_table("Key", "Account", "Why")
    sheet.add_row("some words " * 3, "an account", "several words " * 4)
    sheet.add_row("k", "", f"https://example.org/{'x' * 16}")

    assert [
        "Key         Account     Why",
        "some words  an account  several words several words several",
        "some words              words several words",
        "some words",
        "k                       https://example.org/xxxxxxxxxxxxxxxx",
    ] == drawn(sheet, 60)


def test_facts_become_lines() -> None:
    """A table without headings becomes `name: value`; a value without a name is indented below."""
    sheet = make_table("", "")
    sheet.add_row("  What to do", "top up the wallet, or wait")
    sheet.add_row("", "ask your boss")

    assert ["  What to do  top up the wallet, or wait", "              ask your boss"] == drawn(sheet, 60)
    assert ["What to do: top up the", "  wallet, or wait", "  ask your boss"] == drawn(sheet, 24)


@pytest.mark.parametrize("name", ["x" * 200, "写真" * 60, "👩 " * 90, "שלום" * 50])
def test_a_long_name_is_folded_and_takes_a_third(name: str) -> None:
    """On a terminal a long name of any script takes a third of the width, and no line is too long."""
    lines = drawn(keys(name), 80)

    assert max(map(cell_len, lines)) <= 80
    assert lines[0].startswith("Level  Key")
    assert "".join(name.split()) == "".join(
        re.sub("^Level.*|OK  |\\$7.00  wallet|\\s", "", line) for line in lines
    )


def test_tables_can_be_aligned() -> None:
    """Tables have equally wide first columns if they are told to, and are lines if that leaves no room."""
    first, second = make_table("", ""), make_table("", "")
    first.add_row("> Workspace budget", "$7.00")
    second.add_row("  Key", "none")
    second.first_width = first.widest_first()

    assert 25 == first.whole_width()
    assert ["> Workspace budget  $7.00"] == drawn(first, 60)
    assert ["  Key               none"] == drawn(second, 60)
    second.first_width = 30
    assert [f"  Key{' ' * 27}none"] == drawn(second, 60)
    second.first_width = 1000
    assert ["Key: none"] == drawn(second, 60)


def test_a_row_has_its_colour_in_lines_too() -> None:
    """The style of a row is that of its lines, unless a cell has one of its own."""
    sheet = make_table("", ">Left")
    sheet.add_row("a", Text("$7.00", style="green"), style="red")
    out = io.StringIO()

    Console(file=out, width=40, force_terminal=True, color_system="standard", _environ={}).print(sheet)

    assert "\x1b[31ma" in out.getvalue()
    assert "\x1b[32m$7.00" in out.getvalue()


@given(st.text(alphabet="ab 写🙂\u0301-", max_size=60), st.integers(1, 30), st.integers(1, 30))
def test_folding_loses_nothing(text: str, width: int, first: int) -> None:
    """Folding keeps all words in their order, whole; a line that is too long is one word."""
    lines = [line.plain for line in fold(Text(text), width, first)]

    assert text.split() == [word for line in lines for word in line.split()]
    for number, line in enumerate(lines):
        assert cell_len(line) <= (width if number else first) or len(line.split()) == 1
