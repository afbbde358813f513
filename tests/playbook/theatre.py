"""Where plays are acted with sound: a sound server with several headsets, a broker, the inventory and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

import numpy as np

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.events import Topics, make_receipt, to_json_bytes
from dockvoice_protocol.mqtt import MessageReceived, Session, SessionEvent
from dockvoice_protocol.records import ReceiptOutcome
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import held_port
from tests.servers.postgresql import PostgreSQL
from tests.sound.earpiece import Earpiece, earpiece
from tests.sound.pulseaudio import Air, Samples, Shelf, room
from tests.waiting import until

PREFIX = "dockvoice"


@dataclass(frozen=True)
class Seat:
    """One headset: what the operator says into it, and what he hears."""

    microphone: str
    speaker: str
    air: Air
    earpiece: Earpiece
    environment: dict[str, str]  # What an agent that wears it is started with.

    def leakage(self, db: float) -> Callable[[int], Samples]:
        """What a microphone hears that picks the earpiece up: the room, and what is played, softer and later."""
        at = len(self.earpiece)

        def heard(samples: int) -> Samples:
            nonlocal at
            played = self.earpiece.between(at, at + samples)
            at += len(played)
            leaked = np.zeros(samples)
            leaked[: len(played)] = played * 10 ** (db / 20)
            return room(samples) + np.rint(leaked).astype(np.int32)

        return heard


class Books:
    """A broker, and what the inventory that listens to it has in its PostgreSQL."""

    def __init__(self, held: ExitStack, postgresql: PostgreSQL, directory: Path) -> None:
        self.port = port = held.enter_context(held_port())
        url = held.enter_context(postgresql.database())
        held.enter_context(Mosquitto(directory / "broker", port))
        self.inventory = held.enter_context(RunningInventory(port, directory / "inventory", url))
        self._postgresql, self._database = postgresql, url.rpartition("/")[2]

    def events(self, device: str) -> list[dict[str, Any]]:
        """The device's events in their order: each as it was published, with the values and the state of its entry."""
        found = self._postgresql.execute(
            "SELECT json_build_object('device', v.device, 'event', v.body::json, 'fields', e.fields, 'state', e.state)"
            " FROM events v LEFT JOIN entries e USING (event_id) ORDER BY v.device, v.sequence",
            self._database,
        )
        return [row for row in map(json.loads, found.splitlines()) if row["device"] == device]


class Warehouse:
    """Another system than ours in the inventory's place, which refuses what it is sent, when it is told to."""

    def __init__(self, port: int) -> None:
        self._sent: SimpleQueue[MessageReceived] = SimpleQueue()
        self._session = Session(
            Mqtt(port=port), client_id="warehouse", receive=self._receive, subscriptions=[f"{PREFIX}/+/+/entries"]
        )
        self._session.start()
        until(lambda: self._session.is_connected, "the warehouse is not connected")

    def refuse(self, reason: str, outcome: ReceiptOutcome = ReceiptOutcome.REFUSED) -> None:
        """Refuse the next event, or say that it has it from somebody else."""
        event = self._sent.get(timeout=30)
        message = json.loads(event.payload)
        answer = make_receipt(message["id"], outcome, [reason], int(message["sequence"]), datetime.now(UTC))
        topic = Topics.parse(PREFIX, event.topic).receipts
        until(lambda: self._session.publish(topic, to_json_bytes(answer), tag="receipt"), "the refusal cannot be sent")

    def close(self) -> None:
        """Go away."""
        self._session.stop()

    def _receive(self, event: SessionEvent) -> None:
        if isinstance(event, MessageReceived):
            self._sent.put(event)
            self._session.acknowledge(event)


class Theatre:
    """Seats for several plays at once, and the books that they share."""

    def __init__(self, directory: Path, postgresql: PostgreSQL, seats: int) -> None:
        self._directory = directory
        self._postgresql = postgresql
        self._names = [(f"mouth-{number}", f"ear-{number}") for number in range(seats)]
        self._free: SimpleQueue[Seat] = SimpleQueue()
        self._held = ExitStack()

    def __enter__(self) -> Self:
        shelf = self._held.enter_context(Shelf(self._directory / "sound", [mouth for mouth, _ in self._names]))
        environment = {name: value for name, value in shelf.environment.items() if not name.startswith("DOCKVOICE_")}
        for mouth, ear in self._names:
            heard = self._held.enter_context(earpiece(shelf, ear))
            self._free.put(Seat(mouth, ear, shelf.air, heard, environment))
        self.books = Books(self._held, self._postgresql, self._directory / "books")
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._held.close()

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """A headset that nobody else wears meanwhile."""
        seat = self._free.get()
        try:
            yield seat
        finally:
            self._free.put(seat)

    @contextmanager
    def books_apart(self, directory: Path) -> Iterator[Books]:
        """A broker and an inventory for one play alone; the inventory is away, and takes what came when it is back."""
        with ExitStack() as held:
            books = Books(held, self._postgresql, directory)
            books.inventory.stop()
            yield books
