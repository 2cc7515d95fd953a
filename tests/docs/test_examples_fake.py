"""The examples of `openrouter-credits fake`: any command with a server that stands in for OpenRouter."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ._pages import DOCS, blocks_of, tidy

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")

EXAMPLES = DOCS / "examples"


def surroundings(folder: Path) -> dict[str, str]:
    """Build an environment that has our command, and a folder for temporary files."""
    own = str(Path(sys.executable).parent)
    return {"PATH": f"{own}:{os.environ['PATH']}", "TMPDIR": str(folder), "PYTHONUTF8": "1"}


def with_fake(folder: Path, *command: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command by the example's script, in a folder."""
    return subprocess.run(
        ["sh", EXAMPLES / "with_fake.sh", *command],
        cwd=folder,
        env=surroundings(folder) if path is None else {"PATH": path, "TMPDIR": str(folder)},
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

    done = with_fake(tmp_path, "sh", "-c", 'cat "$TMPDIR"/*')

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
    assert "kill" not in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C ends the script with its command and its server, and no file stays."""
    # a shell cannot trap Ctrl-C if it is started with the signal ignored
    heeding = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp("sh", sys.argv[1:])
"""
    script = ["sh", str(EXAMPLES / "with_fake.sh"), "sh", "-c", "echo $$; exec sleep 50"]
    with subprocess.Popen(
        [sys.executable, "-c", heeding, *script],
        cwd=tmp_path,
        env=surroundings(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        process.stdout.readline()  # the command runs

        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=50)  # ends when nothing has its streams: not the server either

    assert (130, "") == (process.returncode, err)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_the_test_in_javascript_passes(tmp_path: Path) -> None:
    """The example for Node passes under the script."""
    done = with_fake(tmp_path, "node", "--test", str(EXAMPLES / "credits.test.mjs"))

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "pass 1" in done.stdout
