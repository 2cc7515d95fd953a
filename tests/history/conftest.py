"""A history in memory, whose readings a test writes by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.history._database import make_database


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """Make the tables of a history in memory, and close it."""
    with closing(make_database()) as connection:
        yield connection
