"""Each block of code in README and docs runs, and prints what the page says."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import CreditsClient
from openrouter_credits.testing import FakeOpenRouter
from tests.kit.values import stopped_clock

from ._pages import DOCS, PAGES, ROOT, Block, Runner, blocks_of, check_options, tidy, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from pathlib import Path


TUTORIAL = DOCS / "tutorial.md"
"""The page whose programs run in a test of their own."""
FIRST_CHECK = DOCS / "examples" / "first_check.py"


@pytest.fixture
async def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runner]:
    """Make a runner with the account, the environment and the client that all pages use, in a new folder."""
    monkeypatch.chdir(tmp_path)
    async with FakeOpenRouter(now=stopped_clock()) as fake:
        environ = world(fake)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        async with CreditsClient() as client:
            yield Runner(fake, client, environ, tmp_path)


def name_of(page: Path) -> str:
    """Name a page by its path."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != TUTORIAL and blocks_of(page)], ids=name_of
)
async def test_every_block_runs(page: Path, runner: Runner) -> None:
    """Each block of code on the page runs, and prints exactly the text block that follows it."""
    await runner.run(blocks_of(page))


async def test_the_program_of_the_readme_runs_as_it_stands(runner: Runner) -> None:
    """The program in the README is the file in docs/examples, and prints the text that the README shows."""
    blocks = blocks_of(ROOT / "README.md")
    program = next(block for block in blocks if "covers(" in block.source)
    shown = blocks[blocks.index(program) + 1]

    printed = await runner.run_command([sys.executable, "-W", "error", str(FIRST_CHECK)])

    assert FIRST_CHECK.read_text(encoding="utf-8") == program.source
    assert shown.source == printed


async def test_the_program_of_the_readme_tells_a_fault_in_one_line(runner: Runner) -> None:
    """The program in the README exits with 1 without a key; standard error says which variable to set."""
    del runner.environ["OPENROUTER_API_KEY"], runner.environ["OPENROUTER_MANAGEMENT_KEY"]

    with pytest.raises(AssertionError, match=r": 1\s+There is no API key\. Pass"):
        await runner.run_command([sys.executable, str(FIRST_CHECK)])


async def test_the_tutorial_prints_what_it_shows(tmp_path: Path) -> None:
    """The tutorial's programs print the text it shows; only first_check.py needs keys in the environment."""
    blocks = blocks_of(TUTORIAL)
    programs = [block.caption for block in blocks if block.caption is not None]
    runs = [
        re.search(r"^\$ python (\w+\.py)\n(.*)", block.source, re.DOTALL | re.MULTILINE)
        for block in blocks
        if block.language == "console"
    ]
    shown = {match[1]: tidy(match[2]) for match in runs if match}
    for block in blocks:
        if block.caption is not None:
            (tmp_path / block.caption).write_text(block.source, encoding="utf-8")
    async with FakeOpenRouter(now=stopped_clock()) as fake, CreditsClient("unused") as client:
        full = Runner(fake, client, world(fake), tmp_path)
        bare = Runner(fake, client, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, tmp_path)

        def run(program: str) -> Coroutine[Any, Any, str]:
            return (full if program == "first_check.py" else bare).run_command(
                [sys.executable, "-W", "error", program]
            )

        printed = dict(zip(programs, map(tidy, await asyncio.gather(*map(run, programs))), strict=True))

    assert shown == printed
    assert len(printed) == 5


def test_every_make_target_exists() -> None:
    """Each make target that the pages name is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = re.findall(r"^\$ make ([a-z]+)|`make ([a-z]+)`", text, re.MULTILINE)

    assert {first or second for first, second in named} <= targets


def test_every_link_between_files_leads_somewhere() -> None:
    """Each relative link of a page leads to a file of the checkout."""
    links = [
        (page, link)
        for page in PAGES
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    ]

    assert [(name_of(page), link) for page, link in links if not (page.parent / link).exists()] == []


def test_no_line_of_a_page_has_a_key() -> None:
    """No page has text in the form of a key, even made-up: readers copy it, and secret scanners report it."""
    assert [
        name_of(page)
        for page in PAGES
        if re.search(r"sk-or-v1-[0-9a-f]{64}", page.read_text(encoding="utf-8"))
    ] == []


# The runner itself can fail: a block never passes because the runner ignored it.


async def test_a_block_that_prints_something_else_fails(runner: Runner) -> None:
    """A block of Python fails if it prints something else than the text block after it."""
    with pytest.raises(AssertionError):
        await runner.run([Block("python", "print(1)\n", 1), Block("text", "2\n", 4)])


async def test_a_block_that_prints_without_a_text_after_it_fails(runner: Runner) -> None:
    """A block of Python fails if it prints something and no text block follows."""
    with pytest.raises(AssertionError):
        await runner.run([Block("python", "print(1)\n", 1)])


async def test_a_command_that_prints_something_else_fails(runner: Runner) -> None:
    """A console block fails if its command prints something else than the text below it."""
    with pytest.raises(AssertionError):
        await runner.run([Block("console", "$ openrouter-credits --version\nopenrouter-credits 0\n", 1)])


async def test_a_variable_that_the_page_exports_is_not_there_before(runner: Runner) -> None:
    """A command above an `export` runs without that variable, and a command below it runs with it."""
    export = "$ export OPENROUTER_MANAGEMENT_KEY=sk-or-v1-...\n"
    command = "$ openrouter-credits --oneline\n"

    await runner.run(
        [
            Block("console", f"{command}UNKNOWN <= $26.83 (key limit)\n", 1),
            Block("console", f"{export}{command}OK $26.83 (key limit)\n", 5),
        ]
    )


async def test_a_block_of_an_unknown_language_fails(runner: Runner) -> None:
    """A block whose language the runner does not know fails, since it would not be run."""
    with pytest.raises(AssertionError, match="line 7: nothing runs cobol"):
        await runner.run([Block("cobol", "", 7)])


def test_an_option_that_does_not_exist_fails() -> None:
    """A command line with an option that the command does not have fails, even if it is not run."""
    check_options(["openrouter-credits", "check", "keys.toml", "--rate=5"])
    with pytest.raises(AssertionError, match="--speed is no option of check"):
        check_options(["openrouter-credits", "check", "keys.toml", "--speed", "5"])
