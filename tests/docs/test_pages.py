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

from ._pages import DOCS, PAGES, ROOT, Block, Runner, blocks_of, check_options, tidy, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from pathlib import Path


TUTORIAL = DOCS / "tutorial.md"
"""Its programs run in a test of their own."""
FIRST_CHECK = DOCS / "examples" / "first_check.py"


@pytest.fixture
async def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runner]:
    """The account, the environment and the client that every page has."""
    async with FakeOpenRouter() as fake:
        environ = world(fake)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        async with CreditsClient() as client:
            yield Runner(fake, client, environ, tmp_path)


def name_of(page: Path) -> str:
    """Name a page by its path."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if page != TUTORIAL], ids=name_of)
async def test_every_block_runs(page: Path, runner: Runner) -> None:
    """And prints the text that follows it."""
    await runner.run(blocks_of(page))


async def test_the_program_of_the_readme_runs_as_it_stands(runner: Runner) -> None:
    """It is the file in docs/examples, and with its keys and address in the environment it prints what the README says."""
    blocks = blocks_of(ROOT / "README.md")
    program = next(block for block in blocks if block.language == "python")
    said = blocks[blocks.index(program) + 1]

    printed = await runner.run_command([sys.executable, "-W", "error", str(FIRST_CHECK)])

    assert FIRST_CHECK.read_text(encoding="utf-8") == program.source
    assert said.source == printed


async def test_the_program_of_the_readme_tells_a_fault_in_one_line(runner: Runner) -> None:
    """Without a key it says what to set, on standard error."""
    del runner.environ["OPENROUTER_API_KEY"], runner.environ["OPENROUTER_MANAGEMENT_KEY"]

    with pytest.raises(AssertionError, match=r": 1\s+There is no API key\. Pass"):
        await runner.run_command([sys.executable, str(FIRST_CHECK)])


async def test_the_tutorial_prints_what_it_shows(tmp_path: Path) -> None:
    """Its programs, saved under the names that it gives, run without key and network; only the last one wants an environment."""
    blocks = blocks_of(TUTORIAL)
    programs = [block.caption for block in blocks if block.caption is not None]
    told = [
        re.search(r"^\$ python (\w+\.py)\n(.*)", block.source, re.DOTALL | re.MULTILINE) for block in blocks if block.language == "console"
    ]
    shown = {match[1]: tidy(match[2]) for match in told if match}
    for block in blocks:
        if block.caption is not None:
            (tmp_path / block.caption).write_text(block.source, encoding="utf-8")
    async with FakeOpenRouter() as fake, CreditsClient("unused") as client:
        full = Runner(fake, client, world(fake), tmp_path)
        bare = Runner(fake, client, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, tmp_path)

        def run(program: str) -> Coroutine[Any, Any, str]:
            return (full if program == "first_check.py" else bare).run_command([sys.executable, "-W", "error", program])

        printed = dict(zip(programs, map(tidy, await asyncio.gather(*map(run, programs))), strict=True))

    assert shown == printed
    assert len(printed) == 5


def test_every_make_target_exists() -> None:
    """The pages name what the Makefile has."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = re.findall(r"^\$ make ([a-z]+)|`make ([a-z]+)`", text, re.MULTILINE)

    assert {first or second for first, second in named} <= targets


def test_every_link_between_files_leads_somewhere() -> None:
    """Read where they stand: in a checkout, without the built pages."""
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{name_of(page)}: {target}"


def test_no_line_of_a_page_has_a_key() -> None:
    """Made-up ones neither: readers copy them, and scanners shout."""
    for page in PAGES:
        assert not re.search(r"sk-or-v1-[0-9a-f]{64}", page.read_text(encoding="utf-8")), name_of(page)


# What the runner itself does, so that a block cannot pass because nothing looked at it.


async def test_a_block_that_prints_something_else_fails(runner: Runner) -> None:
    """The text after it is exact."""
    with pytest.raises(AssertionError):
        await runner.run([Block("python", "print(1)\n", 1), Block("text", "2\n", 4)])


async def test_a_block_that_prints_without_a_text_after_it_fails(runner: Runner) -> None:
    """What is printed is shown."""
    with pytest.raises(AssertionError):
        await runner.run([Block("python", "print(1)\n", 1)])


async def test_a_command_that_prints_something_else_fails(runner: Runner) -> None:
    """As with programs."""
    with pytest.raises(AssertionError):
        await runner.run([Block("console", "$ openrouter-credits --version\nopenrouter-credits 0\n", 1)])


async def test_a_block_of_an_unknown_language_fails(runner: Runner) -> None:
    """Or it would not be run, unnoticed."""
    with pytest.raises(AssertionError, match="line 7: nothing runs cobol"):
        await runner.run([Block("cobol", "", 7)])


def test_an_option_that_does_not_exist_fails() -> None:
    """In a command that is not run, too."""
    check_options(["openrouter-credits", "check", "keys.toml", "--rate=5"])
    with pytest.raises(AssertionError, match="--speed is no option of check"):
        check_options(["openrouter-credits", "check", "keys.toml", "--speed", "5"])
