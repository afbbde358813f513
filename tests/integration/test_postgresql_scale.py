"""A PostgreSQL that grows: tables by month, a pool of connections, and a standby that takes over."""

from __future__ import annotations

import os
import random
import shlex
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url, text

from inventory.records import Applied, Duplicate, Refused
from inventory.repository import Store
from tests.counting.consumers import BROKER, counted, shares
from tests.counting.ledger import Fleet, Ledger, Wire, compare, doubled
from tests.dictated import amended, recorded
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.partitions import split_by_month
from tests.servers.patroni import PATRONI, SETTINGS, PatroniCluster
from tests.servers.pgbouncer import pgbouncer
from tests.servers.ports import held_port
from tests.servers.postgresql import PostgreSQL
from tests.store import Read, reader
from tests.tiers import SEED, TIER, Tier, sized
from tests.waiting import until

NOW = datetime.now(UTC)
THIS_MONTH = NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
LAST_MONTH = THIS_MONTH - timedelta(days=1)
LONG_AGO = LAST_MONTH - timedelta(days=100)

OTHER = ("north", "dock-4")

BY_MONTH = ("events", "entries", "dockvoice_said", "dockvoice_pallets")

FLOWS_AGAIN_S = 60.0
"""From the primary's death to the next receipt, at most: Patroni waits for 20 s before it believes it."""


@pytest.fixture(scope="session")
def event(repository: Path) -> Read:
    """What the consumer makes of a message."""
    return reader(repository)


def made(at: datetime, message: dict[str, Any]) -> dict[str, Any]:
    """The message with an id of that moment, and of its device and number."""
    milliseconds, rest = f"{int(at.timestamp() * 1000):012x}", f"{message['source']}{message['sequence']}"
    return message | {"id": f"{milliseconds[:8]}-{milliseconds[8:]}-7000-8000-{rest.encode().hex()[-12:]}"}


def ask(url: str, question: str) -> list[Any]:
    """The first column of the answer, as a person at psql gets it."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
        found = server.execute(question.encode())
        return [row[0] for row in found.fetchall()] if found.description else []


def months(url: str) -> set[str]:
    """The partitions of the events."""
    return {
        *ask(
            url, "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'events'::regclass"
        )
    }


def test_what_a_dropped_month_held_is_not_applied_again_and_its_device_goes_on(
    postgresql: PostgreSQL, event: Read
) -> None:
    clock = LONG_AGO
    with postgresql.database() as url, closing(Store.open(url, now=lambda: clock)) as store:
        split_by_month(url, since=LONG_AGO)
        gone, kept, late = (
            event(made(LONG_AGO, recorded(1))),
            event(made(LAST_MONTH, recorded(2, quantity=5))),
            event(made(LONG_AGO + timedelta(days=31), recorded(1, at=OTHER, quantity=7))),
        )
        assert store.apply(gone) == Applied()
        clock = LAST_MONTH
        assert store.apply(kept) == Applied()
        clock = NOW
        assert store.apply(late) == Applied()  # its device's clock is behind
        before = months(url)
        ask(url, "CALL dockvoice_keep_months(3, interval '2 months')")
        assert f"events_{LONG_AGO:%Y_%m}" in before - months(url)
        assert f"events_{LONG_AGO + timedelta(days=31):%Y_%m}" in months(url)
        assert [row.event_id for row in store.rows()] == [kept.event_id, late.event_id]

        again = store.apply(gone)
        assert again == Refused(("sequence_reused",))
        assert isinstance(again, Refused)
        assert again.handled == 2
        assert again.latest is not None
        assert again.latest["id"] == kept.event_id  # by which the device knows that no other journal has gone on
        assert store.batches.try_apply_all([gone, kept]) == [(gone, again), (kept, Duplicate())]
        correction = made(NOW, amended(3, 1))
        correction["data"]["amends"] = gone.event_id
        assert store.apply(event(correction)) == Refused(("unknown_event",))
        last = event(made(NOW, recorded(4)))
        assert store.batches.try_apply_all([last]) == [(last, Applied())]
        stolen = event(recorded(2, at=OTHER) | {"id": last.event_id})
        assert store.apply(stolen) == Refused(("conflicting_event",))
        assert ask(url, "SELECT sum(quantity)::int FROM stock_moves") == [12 + 5 + 7 + 12]


def test_full_tables_are_split_where_nothing_else_rests_on_them(postgresql: PostgreSQL, event: Read) -> None:
    every = [event(made(NOW, recorded(1))), event(made(NOW + timedelta(days=200), recorded(1, at=OTHER)))]
    with postgresql.database() as url, closing(Store.open(url)) as store:
        assert store.batches.try_apply_all(every) == [(one, Applied()) for one in every]
        ask(url, "CREATE VIEW mine AS SELECT fields FROM entries")
        with pytest.raises(psycopg.errors.RaiseException, match="entries has view or rule mine of yours: drop it"):
            split_by_month(url)
        assert months(url) == set()
        ask(url, "DROP VIEW mine; GRANT SELECT ON events TO pg_monitor")
        split_by_month(url)
        split_by_month(url)
        assert ask(url, "SELECT has_table_privilege('pg_monitor', 'events', 'SELECT')") == [True]
        assert store.batches.try_apply_all(every) == [(one, Duplicate()) for one in every]
        # A device whose clock is ahead has made an id of a month that nobody has made yet.
        assert ask(url, "SELECT count(*) FROM events_default") == [1]
        ask(url, "CALL dockvoice_keep_months(8)")
        assert ask(url, "SELECT count(*) FROM events_default") == [0]
        assert [store.apply(one) for one in every] == [Duplicate()] * 2
        assert store.count().rows == 2


def test_the_unit_makes_the_coming_months_on_a_primary(repository: Path, postgresql: PostgreSQL) -> None:
    unit = (repository / "config" / "postgresql" / "dockvoice-months.service").read_text(encoding="utf-8")
    commands = dict(line.split("=", 1) for line in unit.splitlines() if line.startswith("Exec"))
    with postgresql.database() as url, closing(Store.open(url)):
        split_by_month(url)
        made = months(url)
        last = max(one for one in made if not one.endswith("default")).removeprefix("events")
        ask(url, "DROP TABLE " + ", ".join(f"{table}{last}" for table in BY_MONTH))
        where = make_url(url)
        at = {"PGHOST": where.host, "PGPORT": where.port, "PGUSER": where.username, "PGDATABASE": where.database}
        for name in ("ExecCondition", "ExecStart"):
            subprocess.run(
                shlex.split(commands[name]),
                check=True,
                env={**os.environ, **{key: str(value) for key, value in at.items()}},
            )
        assert months(url) == made
        assert ask(url, "SELECT count(*) FROM pg_stat_user_tables WHERE last_analyze IS NOT NULL") != [0]


def test_patroni_misses_nothing_in_the_settings_to_begin_with() -> None:
    """What it says besides is about hosts and directories that are not here."""
    found = subprocess.run([PATRONI, "--validate-config", SETTINGS], capture_output=True, text=True, check=False)
    told = (found.stdout + found.stderr).splitlines()
    assert any(line.startswith("etcd3.hosts.0 ") for line in told), told  # the settings were read
    assert not [line for line in told if "is not defined" in line or "pg_hba" in line or "authentication" in line]


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_each_session_of_a_pool_commits_durably(mode: str) -> None:
    with (
        PostgreSQL({"synchronous_commit": "local", "timezone": "Asia/Tokyo"}) as server,
        pgbouncer(server.port, {"pool_mode": mode}) as port,
        closing(Store.open(server.url.replace(str(server.port), str(port)))) as store,
        store.engine.connect() as one,
        store.engine.connect() as other,
    ):
        shown = text("SELECT current_setting('synchronous_commit'), current_setting('timezone'), pg_backend_pid()")
        found = [connection.execute(shown).one() for connection in (one, other)]
        assert {row[:2] for row in found} == {("on", "UTC")}
        assert len({row[2] for row in found}) == 2
        for connection in (one, other):  # more often than psycopg runs a statement before it prepares it in a session
            connection.commit()
            assert {connection.execute(shown).one()[:2] for _ in range(12)} == {("on", "UTC")}


class _SplitAndPooled(PostgreSQL):
    """Its databases are split by month, and reached through PgBouncer."""

    @contextmanager
    def database(self) -> Iterator[str]:
        with super().database() as url, pgbouncer(self.port) as port:
            Store.open(url).close()
            split_by_month(url, since=LONG_AGO)
            yield url.replace(str(self.port), str(port))


@pytest.mark.timeout(3600)
def test_what_is_counted_on_tables_by_month_through_a_pool_is_the_ledgers(tmp_path: Path) -> None:
    events = sized(test=400, nightly=5000)
    staged: dict[str, Any] = sized(
        test={"devices": 8, "within": 400, "seed": 3, "most_kills": 2},
        nightly={"devices": 100, "within": 1000, "seed": SEED, "most_kills": 50},
    )
    first_ms = int(THIS_MONTH.timestamp() * 1000) - events // 2  # a month ends in the middle of them
    with _SplitAndPooled() as server:
        found = counted(
            tmp_path, server, consumers=2, events=events, patience_s=1200, kill_s=0.5, first_ms=first_ms, **staged
        )
    assert found.compared["events"] == events
    assert found.kills >= 1
    print(found)


UNANSWERED_S = 3  # Longer than a receipt takes, and shorter than PostgreSQL waits for a silent standby.

KILLS = sized(test=1, nightly=10)
SERVERS = sized(test=2, nightly=3)
EACH = sized(test=300, nightly=1000)  # Events said around each kill, one to three times.


@pytest.mark.timeout(3600)
def test_a_standby_takes_over_from_a_killed_primary_and_nothing_is_lost_or_twice(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    fleet = Fleet(SEED, devices=10)
    ledger = fleet.say(2 * EACH * KILLS)
    with ExitStack() as held:
        began = time.monotonic()
        cluster = held.enter_context(PatroniCluster(SERVERS))
        print(f"{SERVERS} servers after {time.monotonic() - began:.1f} s")
        broker = held.enter_context(Mosquitto(tmp_path / "broker", held.enter_context(held_port()), options=BROKER))
        keys = fleet.enrol(tmp_path / "keys")
        for name in ("inventory-1", "inventory-2"):
            its = shares(name, keys)
            held.enter_context(RunningInventory(broker.port, tmp_path / name, cluster.url, environment=its))
        wire = held.enter_context(Wire(broker.port))
        killing = held.enter_context(ThreadPoolExecutor(1))
        with cluster.standbys_deaf():  # a receipt promises what the next primary will have
            wire.send(ledger.events[0])
            time.sleep(UNANSWERED_S)
            assert not wire.outcomes
        silences = []
        for number in range(KILLS):
            cluster.wait_until_synchronous()
            killed = killing.submit(_kill_primary, cluster, wire, len(wire.settled) + EACH // 4)
            for part in (2 * number, 2 * number + 1):  # of the second at the least some come after the kill
                said = ledger.events[part * EACH : (part + 1) * EACH]
                copies = doubled(Ledger(said), chance, within=100)
                wire.settle(Ledger(ledger.events[: (part + 1) * EACH]), copies, 600, ahead=len(copies))
            gone, silence_s = killed.result()
            silences.append(silence_s)
            print(f"{gone} killed: the next receipt after {silence_s:.1f} s")
            cluster.start(gone)
        found = compare(ledger, cluster.address)
    assert found["events"] == len(ledger.events)
    if TIER is Tier.NIGHTLY:
        assert max(silences) < FLOWS_AGAIN_S


def _kill_primary(cluster: PatroniCluster, wire: Wire, settled: int) -> tuple[str, float]:
    """Kill it when so many events are settled; its name, and the seconds until a receipt came again."""
    until(lambda: len(wire.settled) >= settled, "too few receipts", 600)
    gone = cluster.kill_primary()
    began = time.monotonic()
    cluster.wait_until_writable()
    before = wire.outcomes.total()  # of what was committed before it died
    until(lambda: wire.outcomes.total() > before, "no receipt came again", 600)
    return gone, time.monotonic() - began
