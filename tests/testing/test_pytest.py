"""The pytest fixture `fake_openrouter` under each plug-in that runs asynchronous tests, and without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from openrouter_credits.testing import FakeOpenRouter

pytest_plugins = ["openrouter_credits.testing.pytest"]

CONFTEST = """
import pytest

pytest_plugins = ["openrouter_credits.testing.pytest"]
"""

ASYNCHRONOUS = """
import pytest
from openrouter_credits import CreditsClient
from openrouter_credits.testing import FakeOpenRouter

{marker}

@pytest.mark.parametrize("usage", [1, 2])
async def test_is_new_for_each_test(fake_openrouter: FakeOpenRouter, usage: int) -> None:
    assert [] == fake_openrouter.requests
    boss = fake_openrouter.add_account(usage=usage).add_key(api_key="sk-or-v1-mine", management=True)

    async with CreditsClient(boss, base_url=fake_openrouter.url) as client:
        assert usage == (await client.credits()).total_usage
"""

SYNCHRONOUS = """
from urllib.request import Request, urlopen

import pytest

@pytest.mark.parametrize("usage", [1, 2])
def test_is_new_for_each_test(fake_openrouter, usage):
    assert [] == fake_openrouter.requests
    boss = fake_openrouter.add_account(usage=usage).add_key(api_key="sk-or-v1-mine", management=True)

    request = Request(fake_openrouter.url + "/credits", headers={"Authorization": "Bearer sk-or-v1-mine"})
    with urlopen(request, timeout=5) as reply:
        assert b'"total_usage":%d' % usage in reply.read()
"""

TRIO = """
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import trio

pytestmark = pytest.mark.anyio

def ask(url):
    with pytest.raises(HTTPError, match="401") as caught, urlopen(url, timeout=5):
        pass
    caught.value.close()

@pytest.mark.parametrize("number", [1, 2])
async def test_is_new_for_each_test(fake_openrouter, number):
    await trio.to_thread.run_sync(ask, fake_openrouter.url + "/key")
    assert 1 == len(fake_openrouter.requests)
"""

AUTO = "-o asyncio_mode=auto -o asyncio_default_fixture_loop_scope=function"
STRICT = AUTO.replace("auto", "strict")
ANYIO = "pytestmark = pytest.mark.anyio"
ON_ASYNCIO = """
@pytest.fixture
def anyio_backend():
    return "asyncio"
"""
ON_TRIO = ON_ASYNCIO.replace("asyncio", "trio")


@pytest.mark.process
@pytest.mark.parametrize(
    ("options", "conftest", "tests"),
    [
        pytest.param(
            STRICT,
            "",
            ASYNCHRONOUS.format(marker="pytestmark = pytest.mark.asyncio"),
            id="pytest-asyncio, strict",
        ),
        pytest.param(AUTO, "", ASYNCHRONOUS.format(marker=""), id="pytest-asyncio, auto"),
        pytest.param("-p no:asyncio", ON_ASYNCIO, ASYNCHRONOUS.format(marker=ANYIO), id="anyio alone"),
        pytest.param(
            STRICT,
            ON_ASYNCIO,
            ASYNCHRONOUS.format(marker=ANYIO),
            id="anyio beside pytest-asyncio, strict",
        ),
        pytest.param(
            AUTO,
            ON_ASYNCIO,
            ASYNCHRONOUS.format(marker=ANYIO),
            id="anyio beside pytest-asyncio, auto",
        ),
        pytest.param("-p no:asyncio", ON_TRIO, TRIO, id="anyio on trio"),
        pytest.param("-p no:asyncio -p no:anyio", "", SYNCHRONOUS, id="neither"),
        pytest.param(AUTO, "", SYNCHRONOUS, id="synchronous beside pytest-asyncio"),
    ],
)
def test_the_fixture_is_a_new_running_server_for_each_test(
    tmp_path: Path, options: str, conftest: str, tests: str
) -> None:
    """`fake_openrouter` is a running server without accounts, a new one for each test, whatever runs them."""
    (tmp_path / "conftest.py").write_text(CONFTEST + conftest)
    (tmp_path / "test_it.py").write_text(tests)
    alone = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly", "--rootdir", str(tmp_path)]

    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "pytest", *alone, *options.split(), str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )

    assert "2 passed in" in done.stdout, done.stdout + done.stderr
    assert (0, "") == (done.returncode, done.stderr)


def test_the_fixture_is_not_asynchronous(fake_openrouter: FakeOpenRouter) -> None:
    """`fake_openrouter` runs in a synchronous test, in which nothing else runs an event loop."""
    assert fake_openrouter.url.startswith("http://127.0.0.1:")
