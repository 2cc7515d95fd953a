"""The wheel holds the package, declares its requirements, and works without this repository."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import openrouter_credits

from .docs._pages import PAGES

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]


def build(target: str, folder: Path) -> Path:
    """Build a wheel or an sdist, as a release does."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel."""
    return zipfile.ZipFile(build("wheel", tmp_path_factory.mktemp("dist")))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """The wheel holds the package's modules, `py.typed` and the licence, and nothing else."""
    names = set(wheel.namelist())
    version = openrouter_credits.__version__

    assert {name.split("/")[0] for name in names} == {
        "openrouter_credits",
        f"openrouter_credits-{version}.dist-info",
    }
    assert {
        "openrouter_credits/py.typed",
        f"openrouter_credits-{version}.dist-info/licenses/LICENSE",
    } <= names
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "openrouter_credits").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == modules


def test_the_sdist_holds_what_its_gates_read(tmp_path: Path) -> None:
    """The sdist holds every page whose blocks are tests, all tests, and the files that `make` reads."""
    needed = {*PAGES, *(ROOT / "tests").rglob("*.py"), *ROOT.glob("constraints*.txt"), ROOT / "Makefile"}

    with tarfile.open(build("sdist", tmp_path)) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}

    assert {str(path.relative_to(ROOT)) for path in needed} - names == set()


def test_the_core_needs_three_packages(wheel: zipfile.ZipFile) -> None:
    """The wheel requires aiohttp, attrs and cattrs, and three for the extra `cli`, without upper bounds."""
    (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    metadata = Parser().parsestr(wheel.read(name).decode())
    needed = metadata.get_all("Requires-Dist") or []

    assert {text.split(">")[0] for text in needed if "extra" not in text} == {"aiohttp", "attrs", "cattrs"}
    assert {text.split(">")[0] for text in needed if "extra == 'cli'" in text} == {
        "cyclopts",
        "python-dotenv",
        "rich",
    }
    assert not any("<" in text or "~=" in text for text in needed)
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_gates_run_the_lowest_versions() -> None:
    """`make lowest` installs exactly the lowest versions that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    floors = [*project["dependencies"], *project["optional-dependencies"]["cli"]]
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    installed = [line for line in lines if not line.startswith("#")]

    assert sorted(floors) == sorted(line.replace("==", ">=").removesuffix(".0") for line in installed)


def test_the_wheel_works_by_itself(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """A program that uses the package from the unpacked wheel reads a wallet from a fake server."""
    wheel.extractall(tmp_path)
    program = f"""
import asyncio, sys
sys.path.insert(0, {str(tmp_path)!r})
import openrouter_credits
from openrouter_credits import CreditsClient
from openrouter_credits.testing import FakeOpenRouter

async def main():
    async with FakeOpenRouter() as fake:
        key = fake.add_account(credits="100.3", usage="56.671895005").add_key(management=True)
        async with CreditsClient(key, base_url=fake.url) as client:
            print((await client.credits()).remaining)

asyncio.run(main())
print(openrouter_credits.__file__)
"""

    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (ran.stdout.split(), ran.stderr) == (
        ["43.628104995", str(tmp_path / "openrouter_credits" / "__init__.py")],
        "",
    )
