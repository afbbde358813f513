"""The oracle's short forms, by day one of each theme, and proof that the oracle itself can see a loss.

The long forms: `make oracle`."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from inventory.repository import Store
from tests.faults.oracle.ledger import Noted, Tally, count, fields
from tests.faults.oracle.powercut import Disk
from tests.faults.oracle.run import Scenario
from tests.faults.oracle.scenarios import BY_DAY, SCENARIOS, THEMES
from tests.faults.oracle.stage import Stage
from tests.faults.oracle.syscalls import noted, read, recorded
from tests.faults.oracle.transactions import writing_in_postgresql, writing_in_sqlite
from tests.servers.postgresql import PostgreSQL
from tests.servers.tcp_proxy import TcpProxy
from tests.tiers import SEED


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if one.name in BY_DAY], ids=lambda one: one.name)
def test_what_was_kept_is_in_the_inventory_exactly_once_and_in_order(scenario: Scenario, tmp_path: Path) -> None:
    played = scenario.played(tmp_path, SEED)
    print(played)
    assert played.exact, f"{played}\n{played.found}\nseed {SEED}, files in {tmp_path}"


def test_every_theme_has_a_scenario_by_day() -> None:
    for theme in THEMES.values():
        assert {one.name for one in theme} & set(BY_DAY)


def row(sequence: int, number: int, **changed: Any) -> dict[str, Any]:
    return {"sequence": sequence, "fields": {**fields(number), **changed}}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([row(1, 1), row(2, 2)], Tally()),
        ([row(1, 1), row(2, 2), row(3, 3)], Tally()),
        ([row(1, 2)], Tally(lost=1)),
        ([], Tally(lost=2)),
        ([row(1, 1), row(2, 2), row(3, 2)], Tally(twice=1)),
        ([row(1, 1), row(2, 2, quantity=7)], Tally(lost=1, altered=1)),
        ([row(1, 1), row(2, 2), row(3, 4)], Tally(altered=1)),
        ([row(2, 2), row(1, 1)], Tally(out_of_order=2)),
        ([row(1, 2), row(2, 1)], Tally(out_of_order=1)),
        ([row(1, 1), row(3, 2)], Tally(out_of_order=1)),
    ],
)
def test_the_count_of_three_handed_in_of_which_two_were_kept(rows: list[dict[str, Any]], found: Tally) -> None:
    tally = count(Noted(handed_in=(1, 2, 3), kept=(1, 2)), rows)
    assert (tally.lost, tally.twice, tally.altered, tally.out_of_order) == (
        *(found.lost, found.twice, found.altered, found.out_of_order),
    )
    assert tally.exact == (found == Tally())


def test_a_row_taken_from_the_inventory_is_seen_as_lost_and_one_that_was_changed_as_altered(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        device = stage.device()
        device.speak(5)
        device.wait()
        assert stage.conclude().exact
        with closing(sqlite3.connect(tmp_path / "inventory" / "inventory.db")) as database, database:
            database.execute("DELETE FROM entries WHERE json_extract(fields, '$.pallet_id') = '000002'")
            database.execute(
                "UPDATE entries SET fields = json_set(fields, '$.quantity', 1) "
                "WHERE json_extract(fields, '$.pallet_id') = '000004'"
            )
        tally = stage.conclude()
    assert (tally.lost, tally.twice, tally.altered) == (2, 0, 1)


def test_a_transaction_open_in_sqlite_is_seen_and_an_ended_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "inventory.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("BEGIN IMMEDIATE")
        assert writing_in_sqlite(path)
        database.execute("COMMIT")
        assert not writing_in_sqlite(path)


def test_a_transaction_open_in_postgresql_is_seen_once_it_locks_something(postgresql: PostgreSQL) -> None:
    with postgresql.database() as url, closing(Store.open(url)) as store, store.engine.connect() as connection:
        connection.execute(text("SELECT count(*) FROM devices"))
        assert not writing_in_postgresql(postgresql)
        connection.execute(text("SELECT version FROM dockvoice_inventory FOR UPDATE"))
        assert writing_in_postgresql(postgresql)
        connection.rollback()
        assert not writing_in_postgresql(postgresql)


WRITER = """
import os, sys
os.chdir(sys.argv[1])
def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
def write(name, text, how=os.O_CREAT | os.O_WRONLY):
    descriptor = os.open(f"{sys.argv[1]}/{name}", how)
    os.write(descriptor, text)
    return descriptor
os.mkdir(f"{sys.argv[1]}/disk/deep")
os.fsync(write("disk/safe", b"safe"))
os.fsync(write("disk/deep/nameless", b"its name was not synced"))
write("disk/empty", b"its content was not synced")
sync("disk")
os.pwrite(write("disk/safe", b"lost", os.O_WRONLY), b"lost", 4)
os.rename(f"{sys.argv[1]}/disk/safe", f"{sys.argv[1]}/disk/renamed")
os.writev(1, [b"said"])
"""


def test_a_power_cut_leaves_what_was_synced_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    log, left = tmp_path / "calls", tmp_path / "left"
    left.mkdir()
    under = recorded(log)
    written = [*under.prefix, sys.executable, "-c", WRITER, str(tmp_path)]
    subprocess.run(written, check=True, capture_output=True)
    disk, calls = Disk(tmp_path / "disk"), list(read(log))
    for call in calls:
        disk.take(call)
    disk.leave(left)
    assert {path.name: path.read_bytes() for path in left.rglob("*") if path.is_file()} == {
        "safe": b"safe",
        "empty": b"",
    }
    assert [path.name for path in left.iterdir() if path.is_dir()] == ["deep"]
    assert list(noted(calls)) == [b"said"]


class Wire:
    """A listening end, and connections to it through a proxy."""

    def __init__(self, listener: socket.socket, proxy: TcpProxy) -> None:
        self.proxy = proxy
        self._listener = listener

    def ends(self) -> tuple[socket.socket, socket.socket]:
        near = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=60)
        far, _ = self._listener.accept()
        far.settimeout(60)
        return near, far


@pytest.fixture
def wire() -> Iterator[Wire]:
    with socket.create_server(("127.0.0.1", 0)) as listener, TcpProxy(listener.getsockname()[1]) as proxy:
        listener.settimeout(60)
        yield Wire(listener, proxy)


def everything(end: socket.socket) -> bytes:
    return b"".join(iter(lambda: end.recv(100), b""))


def test_a_link_that_is_silent_passes_neither_bytes_nor_endings_until_it_speaks(wire: Wire) -> None:
    near, far = wire.ends()
    with near, far:
        near.sendall(b"before")
        assert far.recv(6) == b"before"
        wire.proxy.silence()
        near.sendall(b"meanwhile")
        near.shutdown(socket.SHUT_WR)
        far.settimeout(0.3)
        with pytest.raises(TimeoutError):
            far.recv(1)
        far.settimeout(60)
        wire.proxy.speak()
        assert everything(far) == b"meanwhile"


def test_a_link_with_a_budget_ends_after_exactly_so_many_bytes_and_the_next_one_lives(wire: Wire) -> None:
    wire.proxy.budgets([5])
    near, far = wire.ends()
    with near, far:
        near.sendall(b"1234567")
        assert everything(far) == b"12345"
        assert everything(near) == b""
    near, far = wire.ends()
    with near, far:
        far.sendall(b"1234567")
        assert near.recv(7) == b"1234567"


def test_a_link_that_is_down_ends_what_it_has_and_whatever_is_made_until_it_is_up(wire: Wire) -> None:
    near, far = wire.ends()
    wire.proxy.down()
    with near, far, socket.create_connection(("127.0.0.1", wire.proxy.port), timeout=60) as late:
        assert [everything(end) for end in (near, far, late)] == [b"", b"", b""]
    wire.proxy.up()
    near, far = wire.ends()
    with near, far:
        near.sendall(b"up")
        assert far.recv(2) == b"up"
