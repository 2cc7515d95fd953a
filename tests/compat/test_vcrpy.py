"""vcrpy records our calls and plays them back, without the key."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from openrouter_credits import CreditsClient
from openrouter_credits.testing import FakeOpenRouter

if TYPE_CHECKING:
    from pathlib import Path

vcr = pytest.importorskip("vcr", reason="the tests group is not installed")


async def test_a_cassette_without_the_key_is_played_back(tmp_path: Path) -> None:
    """With `filter_headers`, a cassette holds no key, and answers a client with any other key."""
    cassette = tmp_path / "credits.yaml"
    recorder = vcr.VCR(filter_headers=["authorization"])
    async with FakeOpenRouter() as fake:
        boss = fake.add_account(credits="100.50").add_key(management=True)
        for key in (boss, "sk-or-v1-made-up"):
            with recorder.use_cassette(str(cassette)):
                async with CreditsClient(key, base_url=fake.url) as client:
                    assert (await client.credits()).remaining == Decimal("100.5")

        assert len(fake.requests) == 1
    assert "Bearer" not in cassette.read_text()
    assert boss.reveal() not in cassette.read_text()


@pytest.mark.process
def test_a_cassette_with_the_key_is_not_saved(tmp_path: Path) -> None:
    """With vcrpy's defaults nothing is saved: it ends with RepresenterError, which does not show the key."""
    cassette = tmp_path / "credits.yaml"
    # A process of its own: the error leaves vcrpy's patches of the HTTP libraries in place.
    program = [sys.executable, "-c", _WITH_DEFAULTS, str(cassette)]

    ended = subprocess.run(program, capture_output=True, text=True, check=True, timeout=120)

    assert "Cassette not saved" in ended.stdout
    assert "False\n" == ended.stdout[-6:]
    assert not cassette.exists()


_WITH_DEFAULTS = """\
import asyncio, sys
import vcr, yaml
from openrouter_credits import CreditsClient
from openrouter_credits.testing import FakeOpenRouter

async def main():
    async with FakeOpenRouter() as fake:
        boss = fake.add_account(credits=5).add_key(management=True)
        try:
            with vcr.use_cassette(sys.argv[1]):
                async with CreditsClient(boss, base_url=fake.url) as client:
                    await client.credits()
        except yaml.representer.RepresenterError as error:
            print(error)
            print(boss.reveal() in str(error))

asyncio.run(main())
"""
