"""The examples of `openrouter-credits fake`: any command with a server that stands in for OpenRouter."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ._pages import DOCS, blocks_of, tidy

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")

EXAMPLES = DOCS / "examples"


def with_fake(folder: Path, *command: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command by the example's script, in a folder."""
    own = str(Path(sys.executable).parent)
    return subprocess.run(
        ["sh", EXAMPLES / "with_fake.sh", *command],
        cwd=folder,
        env={"PATH": f"{own}:{os.environ['PATH']}" if path is None else path, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_the_page_shows_what_it_prints(tmp_path: Path) -> None:
    """The page shows the lines that the command prints, whatever the port is."""
    block = next(
        block for block in blocks_of(DOCS / "howto" / "testing.md") if "credits fake" in block.source
    )
    shown = block.source.partition("\n")[2]

    done = with_fake(tmp_path, "cat", "fake.env")

    port = re.compile(r":[0-9]+/")
    assert port.sub(":0/", tidy(shown)) == port.sub(":0/", tidy(done.stdout))


def test_a_command_gets_the_keys(tmp_path: Path) -> None:
    """The script hands address and keys to a command, ends with its exit code, and leaves nothing behind."""
    done = with_fake(tmp_path, "sh", "-c", 'echo "$OPENROUTER_BASE_URL $DISABLED_KEY"; exit 5')

    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/api/v1 sk-or-v1-made-up-key-disabled\n", done.stdout)
    assert (5, "") == (done.returncode, done.stderr)
    assert [] == list(tmp_path.iterdir())


def test_a_server_that_cannot_run_ends_the_script(tmp_path: Path) -> None:
    """Without the command, the script ends with an error, and does not wait for ever."""
    done = with_fake(tmp_path, "true", path="/usr/bin:/bin")

    assert done.returncode not in (0, 5)
    assert "openrouter-credits" in done.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_the_test_in_javascript_passes(tmp_path: Path) -> None:
    """The example for Node passes under the script."""
    done = with_fake(tmp_path, "node", "--test", str(EXAMPLES / "credits.test.mjs"))

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "pass 1" in done.stdout
