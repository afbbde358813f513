"""Runs all simulated devices on one event loop: connect, talk, cut links, wait for receipts, measure."""

from __future__ import annotations

import asyncio
import os
import platform
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.events import MEDIA_TYPE, MalformedMessage, Topics, parse_presence
from dockvoice_protocol.mqtt_client import (
    ANSWER_S,
    ReconnectBackoff,
    Will,
    explain_failure,
    make_tls_context,
    refuse_exposed_link,
    refuse_impossible_host,
)
from edge.records import OutboxRow
from lab.simulate.device import SimulatedDevice
from lab.simulate.figures import Durations, EntryGroup, LoadResult
from lab.simulate.ledger import ExpectedRow, SaidEntry
from lab.simulate.link import MqttLink
from lab.simulate.processes import MB, ProcessMonitor
from lab.simulate.wanted import MINUTE_S, RunParameters

_CONNECTING_TASKS = 16  # Connections opened concurrently: each waits in a thread for the TCP and TLS handshakes.

_TURN_S = 0.05  # Interval of dictation: finer than speech, and little work.

_LOOK_S = 1.0  # Interval for progress reports and for cutting links.

_WAITS_S = 4.0
"""Interval of retransmission, of checks for failed connections, and of memory measurements. A device's waits are 20 s
and more, and a scan of ten thousand devices, or of memory that many processes share, takes tens of milliseconds."""

_PATIENCE_S = 30.0
"""Timeout from TCP connect to SUBACK: longer than a device's, since the broker serves 10,000 at once."""

_BEATS = 3  # So often in a keepalive it is looked whether a link is to say that it is there.

_STATUS = "status"  # The tag of a device's status message: no event id looks like it.

_TRIES = 3  # Connection attempts before the broker counts as unreachable.

_FAREWELL_S = 20.0  # How long the broker may take to let all of them go.


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of the run, for a display."""

    phase: str
    connected: int
    said: int
    answered: int
    cuts: int
    trouble: str | None


class _ConnectedDevice:
    """A simulated device and its MQTT link."""

    def __init__(self, device: SimulatedDevice, fleet: Fleet) -> None:
        self.device = device
        self.asked_at: float | None = None  # The start of a connection attempt that is still open.
        self.link = fleet.create_link(device, self)
        self.waits = ReconnectBackoff(fleet.wanted.deliver.mqtt.reconnect_maximum_s)
        self._fleet = fleet
        self._met = False

    def on_connected(self, receive_maximum: int, *, session_present: bool) -> None:
        """Handle the connection: publish the status, and send pending rows."""
        now = time.monotonic()
        kept = session_present or not self.link.keeps_session
        self._fleet.note_connected(self, now, forgotten=self._met and not kept)
        self._met, self.asked_at = True, None
        self.waits.note_connected()
        self._publish_status()
        self.publish(self.device.handle_connect(receive_maximum, now))

    def on_disconnected(self, why: str) -> None:
        """Handle the end of the connection, and ask for a new one."""
        self.asked_at = None
        self.waits.note_disconnected()
        self.device.handle_disconnect(time.monotonic())
        self._fleet.note_disconnected(self, why)

    def on_puback(self, tag: str, reason_code: int) -> None:
        """Handle the broker's PUBACK for a publication."""
        if tag != _STATUS:
            self.publish(self.device.handle_puback(tag, reason_code, time.monotonic()))

    def on_receipt_or_presence(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Handle a message: a receipt, its own status, or an inventory's announcement that it is online."""
        now = time.monotonic()
        if topic == self.device.topics.receipts:
            said, rows = self.device.handle_receipt(payload, now)
            if said is not None:
                self._fleet.note_first_receipt(self, said)
            self.publish(rows)
        elif topic == self.device.topics.status:
            # As on a device: the will of an earlier connection may follow on "online".
            if not retained and payload == self.device.status(online=False):
                self._publish_status()
        elif not retained:
            try:
                online = parse_presence(payload)
            except MalformedMessage:
                self.device.faults["unreadable presence"] += 1
                return
            self.publish(self.device.handle_inventory_online(now) if online else [])

    def _publish_status(self) -> None:
        self.link.publish(self.device.topics.status, self.device.status(online=True), tag=_STATUS, retain=True)

    def add_entry(self, *, owed_at_start: bool = False) -> None:
        """Let the device make an entry, and publish it."""
        fleet = self._fleet
        fleet.owing.add(self)
        rows = self.device.add_entry(fleet.chance, fleet.wanted.habits, time.monotonic(), owed_at_start=owed_at_start)
        self.publish(rows)

    def publish(self, rows: list[OutboxRow]) -> None:
        """Publish rows; those beyond the session's receive window are sent later."""
        for row in rows:
            now = time.monotonic()
            body = row.body.encode()
            if self.link.publish(self.device.topics.entries, body, tag=row.event_id, content_type=MEDIA_TYPE):
                self.device.count_publication(row, now)
            else:
                self.device.mark_unsent(row, now)

    def end_session(self) -> None:
        """Remove the retained status and the session from the broker, and disconnect."""
        self.link.publish(self.device.topics.status, b"", tag=_STATUS, retain=True)
        self.link.end_session()


class Fleet:
    """All simulated devices of a run."""

    def __init__(self, parameters: RunParameters, watched: Mapping[str, int], tell: Callable[[Progress], None]) -> None:
        """`watched` maps names to process ids to measure. Raises Misconfigured for invalid broker settings."""
        mqtt = parameters.deliver.mqtt
        refuse_impossible_host(mqtt)
        refuse_exposed_link(mqtt)
        self.wanted = parameters
        self.chance = random.Random(parameters.seed)  # noqa: S311 - chance, not secrecy
        self.owing: set[_ConnectedDevice] = set()
        self._tls = make_tls_context(mqtt)
        self._tell = tell
        self._machine = _describe_machine()
        self._processes = ProcessMonitor(watched)
        self._processes.sample_baseline(time.monotonic())
        devices = (
            SimulatedDevice(number, name, parameters.deliver, parameters.site)
            for number, name in enumerate(parameters.device_names())
        )
        self.stations = [_ConnectedDevice(device, self) for device in devices]
        self._up: dict[_ConnectedDevice, None] = {}  # Those that are connected, in an order that chance can draw from.
        self._to_open: asyncio.Queue[_ConnectedDevice] = asyncio.Queue()
        self._counts: Counter[str] = Counter({"cuts": 0, "reconnections": 0, "sessions forgotten": 0})
        self._handshakes = Durations()
        self._backlog, self._live = EntryGroup(), EntryGroup()
        self._trouble: str | None = None
        self._phase = "connecting"
        self._leaving = self._stopped = False
        self._all_gone = asyncio.Event()

    def create_link(self, device: SimulatedDevice, station: _ConnectedDevice) -> MqttLink:
        """Create a device's MQTT link."""
        topics, keep_session = device.topics, self.wanted.deliver.keep_session
        listened = (topics.receipts, Topics.consumer(topics.prefix))
        return MqttLink(
            self.wanted.deliver.mqtt,
            station,
            client_id=f"dockvoice-{topics.site}-{topics.device}",
            topics=listened if keep_session else (*listened, topics.status),
            keep_session=keep_session,
            will=Will(topics.status, device.status(online=False)),
            tls=self._tls,
        )

    def expected_rows(self) -> Iterator[ExpectedRow]:
        """The rows that the inventory's table must have, of all devices."""
        return (row for station in self.stations for row in station.device.ledger.expected_rows())

    # Callbacks of stations.

    def note_connected(self, station: _ConnectedDevice, now: float, *, forgotten: bool) -> None:
        """Record a connection; `forgotten`: the broker lost the session."""
        if station.asked_at is not None:
            self._handshakes.add(now - station.asked_at)
        self._counts["sessions forgotten"] += forgotten
        self._up[station] = None

    def note_disconnected(self, station: _ConnectedDevice, why: str) -> None:
        """Record that a connection ended or failed, and queue a reconnection."""
        self._up.pop(station, None)
        if self._leaving:
            if not self._up:
                self._all_gone.set()
            return
        self._trouble = why
        self._counts["reconnections"] += 1
        asyncio.get_running_loop().call_later(station.waits.next_wait_s(), self._to_open.put_nowait, station)

    def note_first_receipt(self, station: _ConnectedDevice, said: SaidEntry) -> None:
        """Record an entry's first final receipt."""
        (self._backlog if said.owed_at_start else self._live).add(said)
        if not station.device.has_pending_rows:
            self.owing.discard(station)

    # The run.

    async def run(self) -> LoadResult:
        """Run all phases until each entry has its receipt or patience ends. Raises Unavailable if no broker answers."""
        with self._interruptible():
            await self._require_broker()
            async with asyncio.TaskGroup() as group:
                beside = [
                    group.create_task(work())
                    for work in (
                        *[self._open_queued_connections] * _CONNECTING_TASKS,
                        self._retransmit_and_report_progress,
                        self._keep_alive,
                    )
                ]
                connect = await self._connect()
                cutting = group.create_task(self._cut_links())
                await self._await_backlog()
                await self._make_entries()
                cutting.cancel()
                await self._await_receipts()
                processes = self._processes.as_json(len(self.stations), time.monotonic())
                await self._disconnect_all()
                for one in beside:
                    one.cancel()
        return self._build_result(connect, processes)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Within, Ctrl-C ends the current phase; measurements so far are reported."""

        def stop() -> None:
            self._stopped = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def _require_broker(self) -> None:
        """Raise Unavailable if no broker answers, before thousands of devices try."""
        mqtt = self.wanted.deliver.mqtt
        for left in reversed(range(_TRIES)):
            try:
                async with asyncio.timeout(ANSWER_S):
                    _, writer = await asyncio.open_connection(mqtt.host, mqtt.port)
            except OSError as fault:  # of which TimeoutError is one
                if not left:
                    failure = f"broker {mqtt.host}:{mqtt.port}: {explain_failure(fault)}"
                    raise Unavailable(f"{failure}; start it, or name another one (--broker HOST:PORT)") from None
                await asyncio.sleep(_LOOK_S)
            else:
                writer.close()
                return

    async def _connect(self) -> dict[str, Any]:
        """Connect all devices at the configured rate; return the connection figures."""
        for station in self.stations:
            for _ in range(self.wanted.backlog):
                station.add_entry(owed_at_start=True)
        self._backlog.entries = len(self.stations) * self.wanted.backlog
        began = time.monotonic()
        for number, station in enumerate(self.stations):
            if self.wanted.storm and (ahead := began + number / self.wanted.storm - time.monotonic()) > 0:
                await asyncio.sleep(ahead)
            if self._stopped:
                break
            self._to_open.put_nowait(station)
        await self._wait_until(lambda: len(self._up) == len(self.stations), lambda: len(self._up))
        seconds = time.monotonic() - began
        self._processes.sample_connected()
        return {
            "connected": len(self._up),
            "seconds": round(seconds, 2),
            "per_second": round(len(self._up) / seconds, 1),
            "handshake_ms": self._handshakes.as_json(),
            "trouble": None if len(self._up) == len(self.stations) else self._trouble,
        }

    async def _open_queued_connections(self) -> None:
        """Open queued connections, one after another; several such tasks run concurrently."""
        while True:
            station = await self._to_open.get()
            station.asked_at = time.monotonic()
            try:
                await asyncio.to_thread(station.link.open)
            except OSError as fault:
                station.on_disconnected(explain_failure(fault))
            else:
                station.link.attach_to_loop()

    async def _await_backlog(self) -> None:
        """Wait until the events pending at the start are answered."""
        self._phase = "draining the backlog"
        await self._wait_until(lambda: self._backlog.answered >= self._backlog.entries, lambda: self._backlog.answered)

    async def _make_entries(self) -> None:
        """Make entries on random devices at the configured rate and for the configured time."""
        self._phase = "talking"
        began = time.monotonic()
        said = 0
        while not self._stopped and (passed := time.monotonic() - began) < self.wanted.seconds:
            for _ in range(int(passed * self.wanted.rate) - said):
                self.chance.choice(self.stations).add_entry()
                said += 1
            self._live.entries = said
            await asyncio.sleep(_TURN_S)

    async def _cut_links(self) -> None:
        """Cut randomly chosen links at the configured rate."""
        due = 0.0
        while True:
            await asyncio.sleep(_LOOK_S)
            due += self.wanted.cuts / MINUTE_S * len(self.stations) * _LOOK_S
            for station in self.chance.sample(list(self._up), min(int(due), len(self._up))):
                station.link.cut()
                self._counts["cuts"] += 1
            due -= int(due)

    async def _await_receipts(self) -> None:
        """Wait for the receipts of the last entries, and for reconnecting links."""
        self._phase = "waiting for the last receipts"
        await self._wait_until(
            lambda: not self.owing and len(self._up) == len(self.stations),
            lambda: self._backlog.answered + self._live.answered + len(self._up),
        )

    async def _wait_until(self, done: Callable[[], bool], progress: Callable[[], int]) -> None:
        """Wait until `done`, or `progress` stays unchanged for the configured patience, or the run is stopped."""
        seen, since = progress(), time.monotonic()
        while not (self._stopped or done()):
            await asyncio.sleep(_TURN_S)
            now, came = time.monotonic(), progress()
            if came != seen:
                seen, since = came, now
            elif now - since > self.wanted.patience_s:
                return

    async def _disconnect_all(self) -> None:
        """Disconnect all devices, and remove their sessions and retained statuses from the broker."""
        self._leaving, self._phase = True, "leaving"
        if not self._up:
            return
        for number, station in enumerate(list(self._up)):
            station.end_session()
            if number % _CONNECTING_TASKS == 0:
                await asyncio.sleep(0)
        with suppress(TimeoutError):  # those that are still here go as the process ends
            async with asyncio.timeout(_FAREWELL_S):
                await self._all_gone.wait()
                await self._discard_sessions()

    async def _discard_sessions(self) -> None:
        """Let the broker forget the closed sessions, where MQTT 3.1.1 takes a connection for that."""
        waiting = iter(self.stations)

        async def discard() -> None:
            for station in waiting:
                with suppress(OSError):
                    await asyncio.to_thread(station.link.discard_session)

        async with asyncio.TaskGroup() as group:
            for _ in range(_CONNECTING_TASKS):
                group.create_task(discard())

    async def _retransmit_and_report_progress(self) -> None:
        """Retransmit what is due, close failed connections, and report progress."""
        looked_at = 0.0
        while True:
            now = time.monotonic()
            if now - looked_at >= _WAITS_S:
                looked_at = now
                self._processes.sample()
                self._retransmit_due_and_cut_unconnected(now)
            self._tell(self._progress())
            await asyncio.sleep(_LOOK_S)

    def _retransmit_due_and_cut_unconnected(self, now: float) -> None:
        for station in [one for one in self.owing if one in self._up]:
            if station.device.is_answer_overdue(now):
                station.link.subscribe_again()
            station.publish(station.device.take_due_for_retransmission(now))
            if not station.device.has_pending_rows:
                self.owing.discard(station)
        for station in self.stations:
            if station.asked_at is not None and now - station.asked_at > _PATIENCE_S:
                station.link.cut()

    async def _keep_alive(self) -> None:
        """Run each link's keepalive in time, as many per turn as the clock demands."""
        round_s = self.wanted.deliver.mqtt.keepalive_s / _BEATS
        began, done = time.monotonic(), 0
        while True:
            demanded = int((time.monotonic() - began) / round_s * len(self.stations))
            for number in range(max(done, demanded - len(self.stations)), demanded):
                station = self.stations[number % len(self.stations)]
                if station in self._up:
                    station.link.keep_alive()
            done = demanded
            await asyncio.sleep(_TURN_S)

    def _progress(self) -> Progress:
        said = self._backlog.entries + self._live.entries
        answered = self._backlog.answered + self._live.answered
        return Progress(self._phase, len(self._up), said, answered, self._counts["cuts"], self._trouble)

    def _build_result(self, connect: Mapping[str, Any], processes: Mapping[str, Mapping[str, float]]) -> LoadResult:
        outcomes: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        faults: Counter[str] = Counter()
        for station in self.stations:
            outcomes.update(station.device.ledger.outcomes())
            reasons.update(station.device.reasons)
            faults.update(station.device.faults)
        wanted = self.wanted
        return LoadResult(
            asked={
                "devices": wanted.devices,
                "broker": f"{wanted.deliver.mqtt.host}:{wanted.deliver.mqtt.port}",
                "site": wanted.site,
                "run": wanted.run,
                "rate": wanted.rate,
                "seconds": wanted.seconds,
                "backlog": wanted.backlog,
                "storm": wanted.storm,
                "cuts_per_minute": wanted.cuts,
                **asdict(wanted.habits),
                "window": wanted.deliver.window,
                "seed": wanted.seed,
            },
            machine=self._machine,
            connect=connect,
            backlog=self._backlog.as_json() if wanted.backlog else None,
            live=self._live.as_json() if wanted.rate else None,
            links=dict(self._counts),
            outcomes=outcomes,
            reasons=reasons,
            faults=faults,
            lost=sum(station.device.ledger.count_unanswered() for station in self.stations),
            twice=faults["twice"],
            processes=processes,
        )


def _describe_machine() -> dict[str, Any]:
    """Number of processors, memory, load before the run, and operating system."""
    return {
        "processors": os.cpu_count(),
        "memory_mb": round(psutil.virtual_memory().total / MB),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
