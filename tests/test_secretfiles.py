"""Files with a secret in them, above all pipes, which may have no writer."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from openrouter_credits import _secretfiles
from openrouter_credits._secretfiles import first_line, read_start

if TYPE_CHECKING:
    from pathlib import Path

posix = pytest.mark.skipif(os.name != "posix", reason="pipes with names are POSIX's")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbfa\r\nb", ("a\r", None)),
        (b"x" * 4096 + b"\n", ("x" * 4096, None)),
        (b"x" * 4097, ("", "its first line is longer than 4096 bytes")),
        (b"\xff", ("", "it is not UTF-8")),
        (b"", ("", "it is empty")),
        (b"\na", ("", "its first line is blank")),
    ],
    ids=range(6),
)
def test_the_first_line_has_a_text_or_a_problem(
    tmp_path: Path, content: bytes, expected: tuple[str, str | None]
) -> None:
    """The first line of a file is returned without its end, or the reason why it cannot be a key."""
    (tmp_path / "key").write_bytes(content)

    assert expected == first_line(tmp_path / "key")


def test_what_is_no_file_is_told() -> None:
    """The system's reason is told, and that a text is no path."""
    assert "Is a directory" == first_line("/").problem
    assert "not a path" == first_line("a\0b").problem


@posix
def test_a_pipe_without_a_writer_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that nobody writes to is given up, though open() alone would wait without end."""
    monkeypatch.setattr(_secretfiles, "_PATIENCE", 0.01)
    os.mkfifo(tmp_path / "pipe")

    assert ("", "nothing came through this pipe for 0.01 s") == first_line(tmp_path / "pipe")


@posix
def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """A pipe gives what its writer writes, whose parts may come late; its first line needs no end."""
    os.mkfifo(path := tmp_path / "pipe")
    may_go_on = threading.Event()

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            pipe.write(b"sk-or-")
            pipe.write(b"v1\nmore")
            may_go_on.wait(10)

    writers = [threading.Thread(target=write) for _ in range(2)]
    writers[0].start()
    line = first_line(path)
    may_go_on.set()
    writers[0].join()
    writers[1].start()
    content = read_start(path, 100)
    writers[1].join()

    assert (("sk-or-v1", None), b"sk-or-v1\nmore") == (line, content)
