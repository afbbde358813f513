"""Databases for an inventory, on SQLite and on PostgreSQL, and events as its consumer hands them to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.events import Topics
from inventory.forms import load_forms
from inventory.ingest.judge import Sound, judge
from inventory.records import Event
from tests.dictated import payload
from tests.postgresql import PostgreSQL

KINDS = ("sqlite", "postgresql")
"""What a fixture over `database` has as its params."""

Read = Callable[[dict[str, Any]], Event]


def database(request: pytest.FixtureRequest, directory: Path) -> Iterator[str]:
    """The URL of an empty database of the kind that `request` asks for."""
    if request.param == "sqlite":
        yield f"sqlite:///{directory / 'inventory.db'}"
    else:
        cluster: PostgreSQL = request.getfixturevalue("postgresql")
        with cluster.database() as url:
            yield url


def reader(repository: Path) -> Read:
    """What the consumer makes of a message."""
    forms = load_forms(repository / "schemas" / "forms")

    def read(message: dict[str, Any]) -> Event:
        site, device = message["source"].split("/")[2::2]
        judged = judge(payload(message), Topics("dockvoice", site, device).entries, "dockvoice", forms)
        assert isinstance(judged, Sound), judged
        return judged.event

    return read
