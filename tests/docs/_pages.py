"""The pages of the documentation, their blocks as Sybil finds them, and how each kind of block is run."""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import os
import re
import shlex
import sqlite3
import sys
from contextlib import chdir, redirect_stdout
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen
from sybil import Document
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

from openrouter_credits import CreditsClient
from openrouter_credits.cli._help import HELP
from openrouter_credits.cli._keyfile import read_keys
from openrouter_credits.testing import FakeOpenRouter

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")] + sorted(
    path for path in DOCS.rglob("*.md") if "_build" not in path.parts
)

_LEXER = RawFencedCodeBlockLexer(re.compile(r"(?P<language>[^\n]*)\n"))
_EXPORT = re.compile(r"^\$ export (\w+)=", re.MULTILINE)
_OPTION = re.compile(r"--[a-z]+")


@frozen
class Block:
    """A fenced block of a page."""

    language: str
    source: str
    line: int
    caption: str | None = None
    """The name of the file under which the page asks readers to save the block."""


def blocks_of(page: Path) -> list[Block]:
    """List the blocks of a page in their order."""
    return list(_blocks(page))


def _blocks(page: Path) -> Iterator[Block]:
    document = Document(page.read_text(encoding="utf-8"), str(page))
    for region in _LEXER(document):
        language, source, caption = region.lexemes["language"].strip(), str(region.lexemes["source"]), None
        line = document.text.count("\n", 0, region.start) + 1
        if directive := re.match(r"\{([\w-]+)\}\s*(\S*)", language):
            if directive[1] not in {"code-block", "literalinclude"}:
                continue
            options = re.match(r"(?::[\w-]+:[^\n]*\n)*", source)
            found = re.search(r":caption: (\S+)", options[0] if options else "")
            caption = found and found[1]
            if directive[1] == "code-block":
                language, source = directive[2], source[options.end() if options else 0 :].lstrip("\n")
            else:
                language = "python" if directive[2].endswith(".py") else ""
                source = (page.parent / directive[2]).read_text(encoding="utf-8")
        yield Block(language, source, line, caption)


@define
class Runner:
    """Runs the blocks of one page in their order, against a server that stands in for OpenRouter."""

    fake: FakeOpenRouter
    client: CreditsClient
    environ: dict[str, str]
    folder: Path
    namespace: dict[str, Any] = field(init=False)
    tests: str = field(init=False, default="")
    hidden: dict[str, str] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.namespace = {"__name__": "page", "client": self.client}

    async def run(self, blocks: list[Block]) -> None:
        """Run all blocks; assert that each prints the `text` block that follows it.

        A variable that the page exports is not in the environment before.
        """
        for block in blocks:
            if block.language == "console":
                exported = set(_EXPORT.findall(block.source)) & set(self.environ)
                self.hidden |= {name: self.environ.pop(name) for name in exported}
        for block, following in zip_longest(blocks, blocks[1:]):
            expected = following.source if following is not None and following.language == "text" else None
            if block.caption is not None:
                (self.folder / block.caption).write_text(block.source, encoding="utf-8")
            elif block.language == "python":
                assert (block.line, expected or "") == (block.line, await self.run_python(block))
            elif block.language == "console":
                await self.run_console(block)
            elif block.language == "toml":
                self.read_key_file(block)
            elif block.language == "sql":
                assert (block.line, expected or "") == (block.line, self.run_sql(block))
            else:
                assert block.language in {"", "text", "json"}, (
                    f"line {block.line}: nothing runs {block.language}"
                )
        if self.tests:
            await self.run_tests()

    async def run_python(self, block: Block) -> str:
        """Run a program in a child process, keep tests for later, run the rest here; return the output."""
        if "asyncio.run(" in block.source:
            return await self.run_command([sys.executable, "-W", "error", "-c", block.source])
        if re.search(r"^\s*(async )?def test_", block.source, re.MULTILINE):
            self.tests += block.source + "\n\n"
            return ""
        source = "\n" * block.line + block.source  # so that a traceback names the line of the page
        code = compile(source, "the page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        with chdir(self.folder), redirect_stdout(io.StringIO()) as printed:
            outcome = eval(code, self.namespace)  # running the page is the point
            if inspect.iscoroutine(outcome):
                await outcome
        return printed.getvalue()

    async def run_tests(self) -> None:
        """Run the page's tests under pytest, all in one file, since they share imports and fixtures."""
        (self.folder / "test_page.py").write_text(self.tests, encoding="utf-8")
        (self.folder / "conftest.py").write_text(
            'pytest_plugins = ["openrouter_credits.testing.pytest"]\n', encoding="utf-8"
        )
        settings = ["asyncio_mode=auto", "asyncio_default_fixture_loop_scope=function"]
        options = [
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--rootdir=.",
            *(word for setting in settings for word in ("-o", setting)),
        ]
        # as in a reader's own tests
        own = {name: value for name, value in self.environ.items() if not name.startswith("OPENROUTER_")}
        await evolve(self, environ=own).run_command(
            [sys.executable, "-m", "pytest", *options, "test_page.py"]
        )

    async def run_console(self, block: Block) -> None:
        """Run the commands that can run in tests; assert that each prints the text below it, if any."""
        for part in re.split(r"^\$ ", block.source, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            codes = {0, 1, 2, 3} if expected.strip() else {0}
            words = shlex.split(command, comments=True)
            check_options(words)
            if "|" in words:
                printed = await self.run_command(["sh", "-c", self.on_path(command)], codes={0, 1, 2, 3})
            elif (
                words[0] == "openrouter-credits"
                and not {"demo", "fake"} & set(words)
                and not any(word.endswith(".toml") for word in words)
            ):
                printed = await self.run_command(
                    [sys.executable, "-m", "openrouter_credits", *words[1:]], codes=codes
                )
            elif words[0] == "export":
                name = words[1].partition("=")[0]
                self.environ |= {name: self.hidden[name]} if name in self.hidden else {}
            elif words[0] == "python" and (self.folder / words[1]).is_file():
                printed = await self.run_command([sys.executable, "-W", "error", *words[1:]], codes=codes)
            else:
                assert words[0] in {"make", "pip", "python", ".", "openrouter-credits", "chmod"}, command
                continue
            if expected.strip():
                assert tidy(expected) == tidy(printed)

    def run_sql(self, block: Block) -> str:
        """Read the page's history as `sqlite3 -readonly history.db` does; return its output."""
        path = self.folder / "history.db"
        db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        rows = db.execute(block.source).fetchall()
        db.close()
        texts = (["" if value is None else str(value) for value in row] for row in rows)
        return "".join(f"{'|'.join(row)}\n" for row in texts)

    def on_path(self, command: str) -> str:
        """Replace this project's command by `python -m`, since the command may be missing on the path."""
        return re.sub(
            r"\bopenrouter-credits\b", f"{shlex.quote(sys.executable)} -m openrouter_credits", command
        )

    async def run_command(self, words: list[str], codes: frozenset[int] | set[int] = frozenset({0})) -> str:
        """Run a command with the page's environment only; return its standard output."""
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=self.folder,
            env=self.environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode in codes, f"{words}: {process.returncode}\n{out.decode()}\n{err.decode()}"
        return out.decode()

    def read_key_file(self, block: Block) -> None:
        """Read a key file as the command does."""
        path = self.folder / "keys.toml"
        path.write_text(block.source, encoding="utf-8")
        path.chmod(0o600)
        assert read_keys(str(path))


def check_options(words: list[str]) -> None:
    """Assert that the help of this project's command has each option of a command line."""
    if "openrouter-credits" not in words or words[0] == "pip":
        return
    arguments = words[words.index("openrouter-credits") + 1 :]
    command = next((word for word in arguments if word in HELP), "")
    pair = " ".join(arguments[:2])
    command = pair if pair in HELP else command
    for word in arguments:
        if option := _OPTION.match(word):
            assert option[0] == "--help" or option[0] in HELP[command], (
                f"{option[0]} is no option of {command or 'the command'}"
            )


def tidy(text: str) -> str:
    """Remove white space at the ends of lines, and blank lines around the text."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def world(fake: FakeOpenRouter) -> dict[str, str]:
    """Open the account that all pages use; return the environment with its keys and the server's address."""
    acme = fake.add_account(credits="100.50", usage="25.75")
    manager = acme.add_key(management=True)
    keys = {
        "OPENROUTER_MANAGEMENT_KEY": manager,
        "ACME_MANAGEMENT_KEY": manager,
        "OPENROUTER_API_KEY": acme.add_key(name="bot", limit="30", usage="3.17"),
        "PROD_KEY": acme.add_key(name="prod"),
        "STAGING_KEY": acme.add_key(name="staging", limit="5", usage="3.90"),
    }
    named = {name: key.reveal() for name, key in keys.items()}
    inherited = {
        name: os.environ[name]
        for name in ("PATH", "SYSTEMROOT", "COVERAGE_PROCESS_START")
        if name in os.environ
    }
    return {**inherited, **named, "OPENROUTER_BASE_URL": fake.url, "PYTHONUTF8": "1"}
