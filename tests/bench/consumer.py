"""How many events a second the inventory applies: `python -m tests.bench.consumer [options]`.

One PostgreSQL that writes to the disk what it calls written, in one run: the rows of an event in a transaction of their
own, by plain INSERTs; our batches; and COPY of the same rows into the same tables, which is as fast as these take them.
Then our batches on tables that hold more and more. Then whole consumers, a process each, that share a backlog at a
mosquitto: 1, 2 and 4 of them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from sqlalchemy import select

from dockvoice_protocol.events import Topics
from dockvoice_protocol.plain_file import shipped_directory
from inventory.forms import Forms, load_forms
from inventory.ingest.admission import find_distrust
from inventory.ingest.validation import ValidMessage, validate
from inventory.records import Event
from inventory.repository import Store
from inventory.store.keys import KeyDirectory
from inventory.store.tables import devices, entries, events, pallets, said, stock_moves
from tests.bench.consumer_parts import processors, profiled
from tests.counting.consumers import BROKER, shares
from tests.counting.ledger import SITE, Fleet, Said, Wire
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.partitions import split_by_month
from tests.servers.ports import held_port
from tests.servers.postgresql import PostgreSQL

DURABLE = {"fsync": "on", "shared_buffers": "512MB", "max_wal_size": "4GB"}
"""What it calls written is on the disk. The memory is a quarter of a small server's, as PostgreSQL's manual says."""

DEVICES = 200

NOW_MS = time.time_ns() // 1_000_000  # Of the ids of the events that are applied.

BATCH = 500  # As a consumer takes them where its settings say nothing else.

EACH = 4 * BATCH  # Applied to tables of each size.

WRITTEN = (events, entries, said, pallets, stock_moves)
"""What an event makes rows in, in the order in which they may be written."""

CONSUMERS = (1, 2, 4)

CHECKED = "batches, with form and signature checked"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many events in so many seconds."""

    way: str
    events: int
    seconds: float
    processors: Mapping[str, float] = field(default_factory=dict)  # Processor seconds by process.

    @property
    def a_second(self) -> float:
        """Events."""
        return self.events / self.seconds

    def __str__(self) -> str:
        each = 1e6 / self.events
        spent = ", ".join(f"{name} {seconds * each:,.0f}" for name, seconds in self.processors.items())
        return f"{self.way:<40} {self.a_second:>7,.0f} events/s {self.seconds * each:>7,.0f} µs an event: {spent}"


def main() -> None:
    """Measure, print, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000, help="applied in each way")
    parser.add_argument("--singly", type=int, default=1000, help="of them in a transaction each")
    parser.add_argument("--stored", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--by-month", action="store_true", help="stored in tables that are split by month")
    parser.add_argument("--backlog", type=int, default=5000, help="shared by 1, 2 and 4 consumers")
    parser.add_argument("--plot", type=Path, help="write the picture to this file, as SVG")
    parser.add_argument("--consumers", type=int, nargs="*", default=CONSUMERS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", action="store_true", help="only where the time of one consumer goes")
    options = parser.parse_args()
    with PostgreSQL(DURABLE) as server, TemporaryDirectory(prefix="dockvoice-consumer-") as scratch:
        if options.profile:
            print(*profiled(server, Path(scratch), DEVICES, options.backlog, BATCH).lines(), sep="\n")
            return
        ways = [*told(at_once(server, Path(scratch), options.events, options.singly))]
        by = {one.way: one.a_second for one in ways}
        tell(f"batches are {by['batches'] / by['a transaction an event']:.1f} times a transaction an event")
        for way in ("batches", CHECKED):
            tell(f"{way} are {by[way] / by['COPY']:.2f} of COPY")
        stored = [*told(growing(server, options.stored, by_month=options.by_month))]
        shared = [
            *told(drained(server, Path(scratch, str(number)), number, options.backlog) for number in options.consumers)
        ]
    if options.plot:
        options.plot.write_text(plot(shared, options.consumers), encoding="utf-8")
    if options.json:
        print(json.dumps({one.way: one.a_second for one in (*ways, *stored, *shared)}))


def told(rates: Iterable[Rate]) -> Iterator[Rate]:
    """Each as soon as it is known: the whole takes long."""
    for one in rates:
        tell(str(one))
        yield one


def tell(line: str) -> None:
    """To a person; programs read the last line that `--json` prints."""
    print(line, file=sys.stderr, flush=True)


def judged(number: int, seed: int = 1, devices_: int = DEVICES) -> list[Event]:
    """Events as the consumer hands them to the store."""
    forms = load_forms(shipped_directory("schemas") / "forms")
    found = []
    for one in Fleet(seed, devices_, NOW_MS).say(number).events:
        verdict = validate(one.body, Topics("dockvoice", SITE, one.device).entries, "dockvoice", forms)
        if not isinstance(verdict, ValidMessage):
            raise TypeError(verdict)
        found.append(verdict.event)
    return found


def at_once(server: PostgreSQL, scratch: Path, number: int, singly: int) -> Iterator[Rate]:
    """The ways beside each other; each in a database of its own, empty at first."""
    made, timed = judged(number), partial(_timed, {"this process": [os.getpid()], "PostgreSQL": [server.pid]})
    with empty(server) as (store, _):
        in_batches(store, made)  # who writes first has PostgreSQL make the files of its log, which others use again
    with empty(server) as (store, url):
        yield timed("batches", len(made), lambda: in_batches(store, made))
        rows = written(store)
    fleet = Fleet(1, DEVICES)
    sent, keys = fleet.say(number).events, KeyDirectory(fleet.enrol(scratch / "keys"))
    forms = load_forms(shipped_directory("schemas") / "forms")
    with empty(server) as (store, _):
        in_checked_batches(store, sent[:BATCH], forms, keys)  # which compiles the schemas, and reads the keys
    with empty(server) as (store, _):
        yield timed(CHECKED, number, lambda: in_checked_batches(store, sent, forms, keys))
    with empty(server) as (_, url):
        first = {one.event_id for one in made[:singly]}
        yield timed("a transaction an event", singly, lambda: one_by_one(url, rows, first))
    with empty(server) as (store, _):
        yield timed("as before: Store.apply", singly, lambda: [store.apply(one) for one in made[:singly]])
    with empty(server) as (_, url):
        yield timed("COPY", len(made), lambda: copied(url, rows))


def growing(server: PostgreSQL, sizes: Sequence[int], *, by_month: bool = False) -> Iterator[Rate]:
    """Our batches, on tables that hold so many events already, and nothing of these is left to be written."""
    timed = partial(_timed, {"this process": [os.getpid()], "PostgreSQL": [server.pid]})
    with empty(server) as (store, url):
        if by_month:
            split_by_month(url, datetime.fromtimestamp((NOW_MS - TWO_YEARS_MS) / 1000, UTC))
        held, ours = 0, judged(EACH * len(sizes), seed=2)
        for number, size in enumerate(sizes):
            fill(url, held, size)
            held = size
            part = ours[EACH * number : EACH * (number + 1)]
            yield timed(
                f"batches, {size:,} events stored{', by month' if by_month else ''}",
                len(part),
                partial(in_batches, store, part),
            )


def drained(server: PostgreSQL, directory: Path, consumers: int, backlog: int) -> Rate:
    """Whole consumers with a backlog at the broker: from the first event that is sent until the last receipt."""
    fleet = Fleet(consumers, DEVICES)
    ledger = fleet.say(backlog)
    with ExitStack() as held:
        url = held.enter_context(server.database())
        broker = held.enter_context(Mosquitto(directory / "broker", held.enter_context(held_port()), options=BROKER))
        keys = fleet.enrol(directory / "keys")
        running = [
            held.enter_context(RunningInventory(broker.port, directory / name, url, environment=shares(name, keys)))
            for name in (f"inventory-{number}" for number in range(1, consumers + 1))
        ]
        wire = held.enter_context(Wire(broker.port))
        watched = {
            "consumers": [one.pid for one in running],
            "PostgreSQL": [server.pid],
            "broker": [broker.pid],
            "devices": [os.getpid()],
        }

        def send() -> None:
            wire.settle(ledger, ledger.events, 600, ahead=len(ledger.events))

        rate = _timed(watched, f"{consumers} whole consumers", backlog, send)
        tell(f"{sum(rate.processors.values()) / rate.seconds:.1f} processors busy; answers: {dict(wire.outcomes)}")
        return rate


def _timed(watched: Mapping[str, Sequence[int]], way: str, number: int, deed: Callable[[], object]) -> Rate:
    """How long it takes, and what it takes of the processors."""
    before, began = processors(watched), time.monotonic()
    deed()
    seconds, after = time.monotonic() - began, processors(watched)
    return Rate(way, number, seconds, {name: spent - before[name] for name, spent in after.items()})


@contextmanager
def empty(server: PostgreSQL) -> Iterator[tuple[Store, str]]:
    """Tables without rows, and their address as psycopg takes it."""
    with server.database() as url, closing(Store.open(url)) as store:
        yield store, url.replace("+psycopg", "")


def in_batches(store: Store, made: Sequence[Event]) -> None:
    """As a consumer does."""
    for first in range(0, len(made), BATCH):
        if store.batches.try_apply_all(made[first : first + BATCH]) is None:
            raise AssertionError("a batch was not applied at once")


def in_checked_batches(store: Store, sent: Sequence[Said], forms: Forms, keys: KeyDirectory) -> None:
    """As a consumer does, from the messages on: each is validated, its form and its signature are checked."""
    for first in range(0, len(sent), BATCH):
        events = []
        for one in sent[first : first + BATCH]:
            verdict = validate(one.body, Topics("dockvoice", SITE, one.device).entries, "dockvoice", forms)
            if not isinstance(verdict, ValidMessage):
                raise TypeError(verdict)
            if find_distrust(verdict.event, keys.keys_of(SITE, one.device), verdict.said) is not None:
                raise AssertionError(one)
            events.append(verdict.event)
        in_batches(store, events)


Rows = dict[str, list[dict[str, Any]]]


def written(store: Store) -> Rows:
    """The rows that were made, by table."""
    with store.engine.begin() as transaction:
        return {one.name: [{**row} for row in transaction.execute(select(one)).mappings()] for one in WRITTEN}


def one_by_one(url: str, rows: Rows, wanted: set[str]) -> None:
    """Each event in a transaction of its own: its rows, and how far its device has come."""
    by: dict[str, list[tuple[str, tuple[Any, ...]]]] = {}
    for name, its in rows.items():
        for row in its:
            if row["event_id"] in wanted:
                marks = ", ".join(["%s"] * len(row))
                insert = f"INSERT INTO {name} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608 - our tables
                by.setdefault(row["event_id"], []).append((insert, tuple(map(_plain, row.values()))))
    far = (
        f"INSERT INTO {devices.name} VALUES (%s, %s, %s, %s, now()) ON CONFLICT (site, device) "  # noqa: S608 - ours
        "DO UPDATE SET handled = excluded.handled, highest = excluded.highest"
    )
    places = {row["event_id"]: (row["site"], row["device"], row["sequence"], row["sequence"]) for row in rows["events"]}
    with psycopg.connect(url) as connection:
        for event_id, statements in by.items():
            with connection.transaction():
                for statement, values in statements:
                    connection.execute(statement.encode(), values)
                connection.execute(far.encode(), places[event_id])


def copied(url: str, rows: Rows) -> None:
    """All of them by COPY, a table after the other, in one transaction."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for name, its in rows.items():
            columns = ", ".join(its[0])
            with cursor.copy(f"COPY {name} ({columns}) FROM STDIN".encode()) as copy:
                for row in its:
                    copy.write_row([_plain(value) for value in row.values()])


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


FILL = """
CREATE TEMPORARY TABLE made AS SELECT number, 'old-' || number % 1000 AS device,
    left(at, 8) || '-' || right(at, 4) || '-7' || left(rest, 3) || '-8' || substr(rest, 4, 3) || '-' || right(rest, 12)
    AS id, (number % 50000)::text AS pallet, number % 90 + 1 AS quantity, 'op-' || number % 30 AS operator
    FROM (SELECT number, lpad(to_hex(BEGUN + 6300::bigint * number), 12, '0') AS at, md5(number::text) AS rest
    FROM generate_series(FIRST, LAST) AS number) AS numbered;
INSERT INTO events (event_id, site, device, sequence, type, body, received_at, arrival)
    SELECT id, 'north', device, number / 1000 + 1, 'dockvoice.entry.recorded.v1', repeat('x', 1400), now(),
    nextval('event_arrivals') FROM made;
INSERT INTO entries (event_id, site, device, form, fields, operator, utterance_id, recorded_at, state, arrival, answers)
    SELECT id, 'north', device, 'pallet-move',
    jsonb_build_object('pallet_id', pallet, 'quantity', quantity, 'dock', 'B'),
    operator, id, now(), 'current', number, 0 FROM made;
INSERT INTO dockvoice_said (event_id, field, value, site, arrival)
    SELECT id, field, CASE field WHEN 'dock' THEN 'B' ELSE pallet END, 'north', number
    FROM made, unnest(ARRAY['dock', 'pallet_id']) AS field;
INSERT INTO dockvoice_pallets (event_id, site, pallet, device, form, came_at)
    SELECT id, 'north', pallet, device, 'pallet-move', now() FROM made;
INSERT INTO stock_moves (event_id, line, entry, site, device, form, pallet, location, quantity, moved_at, arrival)
    SELECT id, 1, id, 'north', device, 'pallet-move', pallet, 'B', quantity, now(), number FROM made;
DROP TABLE made;
VACUUM ANALYZE;
CHECKPOINT
"""
"""Rows as events make them, of devices that nobody else speaks for; ids by the time, ten millions in two years."""

TWO_YEARS_MS = 2 * 365 * 86_400_000


def fill(url: str, held: int, size: int) -> None:
    """Tables that hold `held` events get so many more that they hold `size`."""
    script = (
        FILL.replace("FIRST", str(held + 1)).replace("LAST", str(size)).replace("BEGUN", str(NOW_MS - TWO_YEARS_MS))
    )
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in script.split(";"):
            connection.execute(statement.encode())


def plot(shared: Sequence[Rate], by: Sequence[int]) -> str:
    """Events a second by the number of consumers, as SVG."""
    width, height, left, below = 480, 280, 70, 40
    most = max(one.a_second for one in shared) * 1.15
    step = 10 ** (len(str(int(most))) - 1)
    wide = (width - left - 20) / len(shared)

    def y(rate: float) -> float:
        return 30 + (1 - rate / most) * (height - below - 30)

    lines = [f'<text x="{left}" y="16">events a second, by the number of consumers that share them</text>']
    for rate in range(0, int(most) + 1, max(step // 2, 1)):
        lines.append(f'<path d="M{left} {y(rate):.1f}H{width - 20}" stroke="#ddd"/>')
        lines.append(f'<text x="10" y="{y(rate) + 4:.1f}">{rate:,}</text>')
    for number, (one, consumers) in enumerate(zip(shared, by, strict=True)):
        at, top = left + wide * (number + 0.25), y(one.a_second)
        tall = height - below - top
        lines.append(f'<rect x="{at:.1f}" y="{top:.1f}" width="{wide / 2:.1f}" height="{tall:.1f}" fill="#2a9d8f"/>')
        lines.append(f'<text x="{at:.1f}" y="{top - 6:.1f}">{one.a_second:,.0f}</text>')
        lines.append(f'<text x="{at + wide / 5:.1f}" y="{height - 16}">{consumers}</text>')
    body = "\n".join(lines)
    letters = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {letters}>'
    return f'{head}\n<rect width="{width}" height="{height}" fill="white"/>\n{body}\n</svg>\n'


if __name__ == "__main__":
    main()
