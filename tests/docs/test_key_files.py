"""The page on key files: the command reads each form that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import read_specs
from tests.docs._pages import DOCS, blocks_of

if TYPE_CHECKING:
    from pathlib import Path

FORMS = [block.source for block in blocks_of(DOCS / "reference" / "key-files.md") if block.language == ""]
NAMES = [
    [None, None, None],
    ["prod", "staging"],
    [None, "staging"],
    ["prod", "staging"],
    ["OPENROUTER_API_KEY", "SPARE_KEY"],
]


@pytest.mark.parametrize(("text", "names"), list(zip(FORMS, NAMES, strict=True)))
def test_each_form_of_the_page_is_read(
    text: str, names: list[str | None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each list of the page gives its keys and their names; only of the `.env` file is something left out."""
    path = tmp_path / "keys"
    path.write_text(text)
    path.chmod(0o600)

    specs = read_specs(str(path))

    assert names == [spec.name for spec in specs]
    is_dotenv = "DATABASE_URL" in text
    assert is_dotenv == ("Left out 1 of 4 values (first: line 4)." in capsys.readouterr().err)
    assert {"keys" if is_dotenv else None} == {spec.account for spec in specs}
