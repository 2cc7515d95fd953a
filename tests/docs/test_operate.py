"""The units of systemd in docs/operate are what systemd itself accepts."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from openrouter_credits.cli._help import HELP

from ._pages import DOCS, check_options

UNITS = sorted((DOCS / "operate").iterdir())
PROGRAM = "/opt/credits/.venv/bin/openrouter-credits"


@pytest.mark.process
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds no fault in the units, if the program is where they say."""
    program = shutil.which("true") or ""  # a path without blanks, unlike that of some interpreters
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace(PROGRAM, program)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")

    command = ["systemd-analyze", "verify", "--man=no", *sorted(map(str, tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    assert (0, "") == (done.returncode, done.stdout + done.stderr)


def test_the_units_run_the_command_as_it_is() -> None:
    """Each service runs a command with options that exist; a timer counts 1 and 2 as a success of its run."""
    found = {
        unit.name: re.findall(r"^ExecStart=(.+)", unit.read_text(encoding="utf-8"), re.MULTILINE)
        for unit in UNITS
        if unit.suffix == ".service"
    }
    commands = {name: line.replace(PROGRAM, "openrouter-credits").split() for name, (line,) in found.items()}
    look = (DOCS / "operate" / "openrouter-credits-look.service").read_text(encoding="utf-8")

    assert {"openrouter-credits-look.service", "openrouter-credits-watch.service"} == set(commands)
    for words in commands.values():
        check_options(words)
        assert words[1] in HELP
    assert "\nSuccessExitStatus=1 2\n" in look
