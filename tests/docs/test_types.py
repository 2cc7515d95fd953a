"""Type checkers accept each block of Python in README and docs, as they accept a reader's copy of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from textwrap import indent
from typing import TYPE_CHECKING

import pytest

from ._pages import DOCS, PAGES, ROOT, Block, blocks_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]  # mypy starts without a cache


def modules_of(page: Path) -> dict[str, str]:
    """Make modules of a page's blocks: one of each program, one of the tests, one of all other blocks."""
    name = re.sub(r"\W", "_", page.relative_to(ROOT).with_suffix("").as_posix())
    blocks = [block for block in blocks_of(page) if block.language == "python" and not is_example(block)]
    programs = [block for block in blocks if "asyncio.run(" in block.source]
    tests = [block for block in blocks if re.search(r"^\s*(async )?def test_", block.source, re.MULTILINE)]
    others = [block for block in blocks if block not in programs and block not in tests]
    modules = {f"{name}_{block.line}": at_their_lines([block]) for block in programs}
    modules |= {f"{name}_tests": at_their_lines(tests)} if tests else {}
    modules |= {name: in_functions(others)} if others else {}
    return modules


def is_example(block: Block) -> bool:
    """Tell whether a block is a file of docs/examples, which `make lint` checks."""
    return block.caption is not None and (DOCS / "examples" / block.caption).exists()


def at_their_lines(blocks: list[Block]) -> str:
    """Join blocks so that each line has the number that it has on the page."""
    text = ""
    for block in blocks:
        text += "\n" * (block.line - text.count("\n")) + block.source
    return text


def in_functions(blocks: list[Block]) -> str:
    """Put each block into a function, with a `client`; it sees the names of the blocks before it."""
    head = "from openrouter_credits import CreditsClient as _Client\n"
    nested = [Block("python", head, 0)]
    for depth, block in enumerate(blocks):
        source = f"async def block(client: _Client) -> None:\n{indent(block.source, ' ' * 4)}"
        nested.append(Block("python", indent(source, " " * 4 * depth), block.line - 1))
    return at_their_lines(nested)


def run_mypy(folder: Path, modules: dict[str, str]) -> str:
    """Return the complaints of mypy, in its strict mode, about the modules."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    options = ["--strict", "--config-file=", "--cache-dir=cache", "--no-error-summary"]
    words = [sys.executable, "-m", "mypy", *options, *(f"{name}.py" for name in modules)]
    environ = {**os.environ, "MYPYPATH": str(DOCS / "examples")}
    done = subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_mypy_accepts_every_block(tmp_path: Path) -> None:
    """Each block of Python in README and docs passes mypy in its strict mode."""
    modules = {name: source for page in PAGES for name, source in modules_of(page).items()}

    assert "README" in modules
    assert run_mypy(tmp_path, modules) == ""


def test_a_block_with_a_wrong_type_is_named_by_its_line(tmp_path: Path) -> None:
    """A block that takes a value for sure that may be `None` fails, with its line on the page."""
    first = Block("python", "status = await client.status()\n", 5)
    wrong = Block("python", "from datetime import datetime\nprint(status.key.label)\n", 10)

    complaint = run_mypy(tmp_path, {"page": in_functions([first, wrong])})

    assert complaint == (
        'page.py:12: error: Item "None" of "KeyInfo | None" has no attribute "label"  [union-attr]\n'
    )
