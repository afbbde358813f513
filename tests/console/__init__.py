"""A console for tests: on a database of its own, with people who have signed in, asked over HTTP or by a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from starlette.testclient import TestClient

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.plain_file import shipped_directory
from inventory.clips.clips import SignedSound
from inventory.console import accounts
from inventory.console.accounts import Role
from inventory.console.app import ConsoleServer, create_app
from inventory.console.context import COOKIE, ConsoleResources
from inventory.console.sounds import NoSounds, Sounds
from inventory.forms import load_forms
from inventory.repository import Store
from inventory.settings import InventorySettings
from inventory.store import console_tables as tables
from inventory.store import database
from inventory.store.keys import KeyDirectory
from inventory.store.request_database import RequestDatabase
from inventory.web.serving import Server
from tests.dictated import KEY, enrolled
from tests.rows import every
from tests.waiting import until

PASSWORD = "correct horse battery"  # noqa: S105 - of nobody but these tests

FLAC = Path("tests/data/speech/demo/01-pallet-5451-four-cases-dock-alpha.flac").read_bytes()


class Broker:
    """Takes what is due in the outbox, unless it is away."""

    def __init__(self) -> None:
        self.away = False
        self.taken: list[tuple[str, bytes]] = []

    def drain(self, store: Store) -> None:
        """Take what is due now."""
        for row in () if self.away else store.outbox.take_due():
            self.taken.append((row.topic, row.body))
            store.outbox.delete_or_await_confirmation([row.id])


class Folder:
    """Recordings that are here as soon as somebody has asked for them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def request(self, recording: SignedSound, user: str, reason: str) -> None:
        self.asked.append((user, reason))

    def state(self, recording: SignedSound) -> str:
        return "here" if self.asked else "asked"

    def load_or_none(self, recording: SignedSound) -> bytes | None:
        return FLAC if self.asked else None


CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class Console:
    """The console and what it stands on."""

    place: ConsoleResources
    store: Store
    engine: Engine
    later: timedelta = field(default_factory=timedelta)

    def signed_in(self, name: str, role: Role = Role.ADMIN) -> str:
        """A session of somebody, who is added where he is not there yet: what his cookie says."""
        with self.place.transaction() as transaction:
            if accounts.find_user(transaction, name) is None:
                accounts.add_user(transaction, name, role, None, self.place.now())
            return accounts.begin_session(transaction, name, self.place.now(), timedelta(hours=1))

    def client(self, name: str | None = None, role: Role = Role.ADMIN, **headers: str) -> TestClient:
        """A browser without scripts; of somebody who has signed in, where he is named."""
        made = TestClient(create_app(self.place), headers=headers, follow_redirects=False)
        if name is not None:
            made.cookies.set(COOKIE, self.signed_in(name, role))
        return made


def send(client: TestClient, path: str, *, seen: str = "/", **given: Any) -> Any:
    """Send a form as a page of ours does, with the token that the page `seen` carries."""
    found = CSRF.search(client.get(seen, follow_redirects=True).text)
    return client.post(path, data={"csrf": found[1] if found else "", **given})


@contextmanager
def console(
    directory: Path,
    url: str | None = None,
    sounds: Sounds | None = None,
    signer: Signer | None = KEY,
    mqtt: Mqtt | None = None,
    **settings: Any,
) -> Iterator[Console]:
    """A console on a database of its own, with the shipped forms; devices of the tests are enrolled."""
    keys = enrolled(directory / "keys", "north/dock-3", "north/dock-4")
    url = url or f"sqlite:///{directory / 'inventory.db'}"
    given = InventorySettings(database=url, mqtt=mqtt or Mqtt(), console=settings)
    engine = database.connect(database.parse_url(given.database_url))
    try:
        database.create_migrate_or_check(engine, create=True)
        tables.create_or_check_tables_of_console(engine)
        of: list[Console] = []
        now = lambda: datetime(2026, 11, 22, 8, 0, tzinfo=UTC) + of[0].later  # noqa: E731
        forms = load_forms(shipped_directory("schemas") / "forms")
        place = ConsoleResources(
            given, RequestDatabase(engine), forms, KeyDirectory(keys), signer, now, sounds or NoSounds()
        )
        of.append(Console(place, Store(engine, now), engine))
        yield of[0]
    finally:
        engine.dispose()


def demand_refused(asked: Mapping[str, tuple[Any, str]]) -> None:
    """Fail where one of these answers is no refusal in these words, or shows a script."""

    def is_refused(one: tuple[Any, str]) -> None:
        answer, words = one
        assert answer.status_code == 409
        assert "Nothing was changed" in answer.text
        assert words in answer.text
        assert "<script>" not in answer.text

    every(asked, is_refused)


@contextmanager
def served(site: Console) -> Iterator[str]:
    """The console for a real browser: its address, on a port of its own."""
    with run_in_thread(ConsoleServer(create_app(site.place, poll_s=0.05), "127.0.0.1", 0)) as address:
        yield address


@contextmanager
def run_in_thread(server: Server) -> Iterator[str]:
    """The address of a server at work."""
    with ThreadPoolExecutor(1) as running:
        ended = running.submit(server.run)
        try:
            until(lambda: server.started or ended.done(), "it did not start")
            (listening,) = server.servers[0].sockets
            yield "http://{}:{}".format(*listening.getsockname())
        finally:
            server.should_exit = True
    ended.result()
