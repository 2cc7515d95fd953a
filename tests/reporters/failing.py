"""Tests that fail, for pytest's own reporter: `test_reporters.py` runs this file with `--showlocals`."""

from __future__ import annotations

import asyncio

import pytest

from .cases import CASES, FORGOTTEN, Case, clients


@pytest.mark.parametrize("case", [case for name, case in CASES.items() if name not in FORGOTTEN])
def test_that_fails(case: Case) -> None:
    """Let something fail in the test itself."""

    async def run() -> None:
        async with clients() as both:
            await case(both)

    asyncio.run(run())
