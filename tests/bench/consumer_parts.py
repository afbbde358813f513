"""Where a whole consumer's time goes: microseconds an event by part, and by process.

The consumer runs in this process, on a real broker and a real PostgreSQL; the devices are a process of their own. The
functions of each part are wrapped: what they take includes no part that they call.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import pkgutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.events import Topics
from dockvoice_protocol.mqtt import Session
from dockvoice_protocol.plain_file import shipped_directory
from inventory.forms import load_forms
from inventory.ingest.consumer import Consumer, Inbox
from inventory.ingest.reorder_buffer import BatchSettings
from inventory.repository import Store
from inventory.store.keys import KeyDirectory
from tests.counting.consumers import BROKER
from tests.counting.ledger import Fleet, Wire
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import held_port
from tests.servers.postgresql import PostgreSQL

PARTS = {
    "inbox, turn of the loop": ("inventory.ingest.consumer.Consumer.run",),
    "topic, event, rest of validation": ("inventory.ingest.consumer.validate",),
    "JSON": ("dockvoice_protocol.events.parse_object", "inventory.ingest.admission.parse_object"),
    "event's schema": ("dockvoice_protocol.events.validate_message",),
    "form": ("inventory.ingest.validation.find_faults",),
    "keys of the device": ("inventory.ingest.consumer.find_distrust",),
    "link: canonical JSON, SHA-256": ("dockvoice_protocol.hash_chain._link_of_itself",),
    "Ed25519": ("dockvoice_protocol.hash_chain.PublicKey.verify",),
    "lock devices, load rows": ("inventory.ingest.batch._Batch.__init__",),
    "decide": ("inventory.ingest.batch._Batch._decide_outcomes",),
    "build rows": ("inventory.ingest.batch._RowsByTable.add",),
    "encode parameters": ("inventory.store.many._to_parameter",),
    "write": ("inventory.ingest.batch._Batch._write",),
    "begin, constraints, commit": ("inventory.ingest.batch.BatchApplier.try_apply_all",),
    "receipts": ("inventory.ingest.consumer.Consumer._queue_receipt_and_notify_dossiers",),
    "publish": ("dockvoice_protocol.mqtt.Session.publish",),
    "acknowledge": ("dockvoice_protocol.mqtt.Session.acknowledge",),
}
"""The functions of each part, by the names under which they are called."""

MQTT = "consumer: MQTT's thread"
THREADS = {"MainThread": "consumer: loop", "checker_0": "consumer: checking ahead", "": MQTT}
"""What a thread of this process is called; each other one is MQTT's."""


@dataclass(slots=True)
class Spent:
    """Seconds of one part."""

    processor: float = 0.0
    elapsed: float = 0.0


@dataclass(slots=True)
class Profile:
    """What a backlog took."""

    events: int
    seconds: float
    parts: Mapping[str, Spent]
    processes: Mapping[str, float]  # Processor seconds by process, and of this one by thread.

    def lines(self) -> Iterator[str]:
        """As a table, in microseconds an event."""
        each = 1e6 / self.events
        yield f"{'consumer, µs an event':<40} {'processor':>9} {'waiting':>9}"
        for part, one in self.parts.items():
            yield f"{part:<40} {one.processor * each:>9.1f} {(one.elapsed - one.processor) * each:>9.1f}"
        yield "processor by process, µs an event"
        for name, seconds in self.processes.items():
            yield f"{name:<40} {seconds * each:>9.1f}"
        yield f"{'from the first event to the last receipt':<40} {self.seconds * each:>9.1f}"


class _Clock(threading.local):
    """Adds up the time of wrapped functions: for each thread what it is in, for all what was spent."""

    def __init__(self, spent: Mapping[str, Spent], lock: threading.Lock) -> None:
        self._spent = spent
        self._lock = lock
        self._running: list[str] = []
        self._since = (0.0, 0.0)

    def wrap(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time added to `part`."""

        @functools.wraps(function)
        def timed(*given: Any, **named: Any) -> Any:
            self._charge()
            self._running.append(part)
            try:
                return function(*given, **named)
            finally:
                self._charge()
                self._running.pop()

        return timed

    def _charge(self) -> None:
        now = time.thread_time(), time.perf_counter()
        if self._running:
            one = self._spent[self._running[-1]]
            with self._lock:
                one.processor += now[0] - self._since[0]
                one.elapsed += now[1] - self._since[1]
        self._since = now


@contextmanager
def wrapped() -> Iterator[Mapping[str, Spent]]:
    """The time of each part, while its functions are wrapped."""
    spent = {part: Spent() for part in PARTS}
    clock = _Clock(spent, threading.Lock())
    with pytest.MonkeyPatch.context() as patched:
        for part, names in PARTS.items():
            for name in names:
                patched.setattr(name, clock.wrap(part, pkgutil.resolve_name(name)))
        yield spent


def profiled(server: PostgreSQL, directory: Path, devices: int, backlog: int, batch: int) -> Profile:
    """Drain a backlog by one consumer in this process."""
    fleet = Fleet(1, devices)
    with ExitStack() as held:
        store = held.enter_context(closing(Store.open(held.enter_context(server.database()))))
        broker = held.enter_context(Mosquitto(directory / "broker", held.enter_context(held_port()), options=BROKER))
        parts = held.enter_context(wrapped())  # before the consumer takes bound methods
        inbox: Inbox = Inbox()
        session = Session(
            Mqtt(host="127.0.0.1", port=broker.port),
            client_id="inventory",
            receive=inbox.put,
            subscriptions=(Topics.all_devices_filters("dockvoice").entries,),
            manual_ack=True,
            at_once=2 * batch,
        )
        consumer = Consumer(
            session,
            store,
            load_forms(shipped_directory("schemas") / "forms"),
            inbox,
            prefix="dockvoice",
            keys=KeyDirectory(fleet.enrol(directory / "keys")),
            batching=BatchSettings(store.batches, batch),
            outbox=store.outbox,
        )
        ours, theirs = multiprocessing.Pipe()
        sender = multiprocessing.get_context("spawn").Process(
            target=_send, args=(broker.port, devices, backlog, theirs)
        )
        sender.start()
        ours.recv()  # it is connected, and has made all events
        watched = {"PostgreSQL": [server.pid], "broker": [broker.pid], "devices": [sender.pid or 0]}

        def drain() -> tuple[float, dict[str, float]]:
            try:
                while not session.is_connected:
                    time.sleep(0.01)
                before, began = _processors(watched), time.monotonic()
                ours.send("go")
                ours.recv()
                seconds, after = time.monotonic() - began, _processors(watched)
                ours.send("end")
                return seconds, {name: spent - before[name] for name, spent in after.items()}
            finally:
                consumer.stop()

        with ThreadPoolExecutor(1) as other:
            drained = other.submit(drain)
            consumer.run()
            seconds, processes = drained.result()
        sender.join()
        return Profile(backlog, seconds, parts, processes)


def _processors(watched: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Processor seconds until now, of this process by thread."""
    names = {one.native_id: one.name for one in threading.enumerate()}
    found = dict.fromkeys(THREADS.values(), 0.0)
    for one in psutil.Process().threads():
        found[THREADS.get(names.get(one.id, ""), MQTT)] += one.user_time + one.system_time
    return found | processors(watched)


def processors(watched: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Processor seconds until now by name, of these processes and their children, also ended ones; of this, alone."""
    found = {}
    for name, pids in watched.items():
        found[name] = 0.0
        for top in map(psutil.Process, pids):
            alone = top.pid == os.getpid()  # its children are the others
            for one in (top, *(() if alone else top.children(recursive=True))):
                spent = one.cpu_times()
                found[name] += spent.user + spent.system
                found[name] += 0 if alone else spent.children_user + spent.children_system
    return found


def _send(port: int, devices: int, backlog: int, pipe: Connection) -> None:
    """In the devices' process: connect, send all when told, tell when each is answered, stay until told."""
    ledger = Fleet(1, devices).say(backlog)
    with Wire(port) as wire:
        pipe.send("ready")
        pipe.recv()
        wire.settle(ledger, ledger.events, 600, ahead=backlog)
        pipe.send("answered")
        pipe.recv()
