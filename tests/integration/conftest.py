"""What most integration tests stand on: a broker that keeps what it has on its disk, a console, the consumer's eye."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.console import Console, console
from tests.servers.mosquitto import Mosquitto
from tests.store import KINDS, Read, database, reader


@pytest.fixture
def broker(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker", free_port(), persistent=True) as running:
        yield running


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from database(request, tmp_path)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def event(repository: Path) -> Read:
    """What the consumer makes of a message."""
    return reader(repository)
