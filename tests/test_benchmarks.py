"""The benchmark program runs from end to end; no test asserts a speed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parent.parent


def test_a_tiny_benchmark_runs_to_its_end(tmp_path: Path) -> None:
    """The benchmark prints its tables and our goals, and writes the tables alone; --tiny leaves peers out."""
    page = tmp_path / "benchmarks.md"

    ran = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--tiny", "--output", page],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    titles = [
        line.removeprefix("## ")
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("## ")
    ]
    assert titles
    assert "wanted" in ran.stdout
    assert "wanted" not in page.read_text(encoding="utf-8")
    assert [title for title in titles if title not in ran.stdout] == []
