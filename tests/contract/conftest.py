"""A store to test, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from inventory.repository import Store
from tests.store import KINDS, Read, database, reader


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from database(request, tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(Store.open(url)) as opened:
        yield opened


@pytest.fixture(scope="session")
def event(repository: Path) -> Read:
    """What the consumer makes of a message."""
    return reader(repository)
