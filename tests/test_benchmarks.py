"""The benchmark works from end to end; how fast anything is, is not tested."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_a_tiny_benchmark_runs_to_its_end(tmp_path: Path) -> None:
    """It prints what it found and writes the same as Markdown; the peers are left out, which need an environment of their own."""
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
    titles = [line.removeprefix("## ") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
    assert titles
    assert all(title in ran.stdout for title in titles)
